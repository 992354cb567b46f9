# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

import db.migrations
from app.values import WorkspaceRef
from db import maintenance
from db.engine import postgres_engine, sqlite_engine
from db.models import Base

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from tests.db.conftest import Postgres

ENGINES = ("sqlite", "postgresql")
NOW = 1_790_000_000_000_000


def at_revision(engine: Engine, revision: str) -> None:
    with engine.connect() as connection, connection.execution_options(write=True).begin():
        config = Config()
        config.set_main_option("script_location", db.migrations.__path__[0])
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def differences(engine: Engine) -> list[Any]:
    """What the models say and the tables do not, but for the search index, which no model describes."""
    options: dict[str, Any] = {"compare_type": False, "include_name": lambda name, kind, _: kind != "table" or not (name or "").startswith("creator_search")}
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


def rows(engine: Engine, table: str) -> list[tuple[Any, ...]]:
    names = [column["name"] for column in inspect(engine).get_columns(table)]
    with engine.connect() as connection:
        return sorted(tuple(row[: len(names)]) for row in connection.execute(text(f"select * from {table}")))


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        (tmp_path / "a.koc").touch()
        made = sqlite_engine(tmp_path / "a.koc")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        made = postgres_engine(server.fresh())
    yield made
    made.dispose()


@pytest.mark.parametrize("empty", ENGINES, indirect=True)
def test_the_tables_are_what_the_models_say(empty: Engine) -> None:
    at_revision(empty, "head")
    assert differences(empty) == []


@pytest.mark.parametrize("empty", ENGINES, indirect=True)
def test_a_roster_moves_up_without_loss(empty: Engine) -> None:
    at_revision(empty, "0001")
    columns = "id, name, stage, created_at, updated_at, version, main_account_id, platform, followers, tier, fee_fen, coupon"
    with empty.connect() as connection, connection.execution_options(write=True).begin():
        for one in range(1, 40):
            connection.execute(text(f"insert into creator ({columns}) values (:i, :n, 1, :t, :t, 1, :i, 'douyin', :f, 1, 100, :c)"),
                               {"i": one, "n": f"达人{one}", "t": NOW, "f": one * 1000, "c": f"KOC{one}"})  # fmt: skip
            connection.execute(text("insert into account (id, creator_id, platform, platform_uid) values (:i, :i, 'douyin', :u)"), {"i": one, "u": f"60{one}"})
    before = {table: rows(empty, table) for table in ("creator", "account")}
    width = len(before["creator"][0])
    at_revision(empty, "0002")
    assert [row[:width] for row in rows(empty, "creator")] == before["creator"]
    assert {row[width:] for row in rows(empty, "creator")} == {(None, None, None)}
    assert rows(empty, "account") == before["account"]
    assert rows(empty, "sale") == []


def test_an_old_workspace_opens_after_its_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "old.koc"
    maintenance.create(WorkspaceRef(str(path)), NOW).dispose()
    engine = sqlite_engine(path)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("pragma user_version").scalar() == maintenance.SCHEMA_VERSION
        assert maintenance.SCHEMA_VERSION >= 2
    engine.dispose()
