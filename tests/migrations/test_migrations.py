# SPDX-License-Identifier: Apache-2.0
"""Revisions: what they build is what the models say, and an upgrade ends in the old or the new state, never between."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3.dbapi2 as sqlite
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from app.errors import WorkspaceError
from app.values import WorkspaceRef
from db import maintenance
from db.engine import sqlite_engine
from db.models import Base
from tests.db.conftest import NOON, Shop
from tests.db.test_maintenance import AS_ROOT, _small_disk, digest, opened

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
SEARCH = "creator_search"


def test_the_revisions_build_what_the_models_say(shop: Shop) -> None:
    def counted(_thing: object, name: str | None, *_: Any) -> bool:
        return SEARCH not in (name or "")

    with shop.engine.connect() as connection:
        options = {"include_object": counted, "compare_type": _same_type}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def _same_type(_context: Any, _inspected: Any, _declared: Any, found: Any, wanted: Any) -> bool | None:
    """Whether types differ; SQLite tells INTEGER from BIGINT, which are one there."""
    dialect = _context.dialect

    def plain(kind: Any) -> str:
        return str(kind.compile(dialect=dialect)).split("(")[0].replace("BIGSERIAL", "BIGINT")

    return plain(found) != plain(wanted)


# ---------------------------------------------------------------- upgrades


def built(path: Path, revision: str, rows: Path) -> Path:
    """A workspace as a program of that revision left it."""
    path.touch()
    engine = sqlite_engine(path)
    with engine.connect() as connection, connection.begin():
        config = Config()
        config.set_main_option("script_location", str(files("db.migrations")))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in rows.read_text("utf-8").split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"pragma user_version={int(revision)}")
        connection.exec_driver_sql(f"pragma application_id={maintenance.APPLICATION_ID}")
    engine.dispose()
    return path


FIXTURES = sorted(HERE.glob("rows_*.sql"))


@pytest.mark.parametrize("rows", FIXTURES, ids=[one.stem for one in FIXTURES])
def test_a_workspace_of_every_revision_opens_with_all_that_was_in_it(tmp_path: Path, rows: Path) -> None:
    revision = rows.stem.removeprefix("rows_")
    path = built(tmp_path / "old.koc", revision, rows)
    old = int(revision) < maintenance.SCHEMA_VERSION
    shop = opened(path)
    assert shop.ids(search="探店") == [1]
    assert [row.name for row in shop.creators.rows(shop.ids())] == ["老王探店", "小李"]
    assert shop.row(1).followers == 52_000
    assert [check.ok for check in shop.house.verify_audit()] == [True]
    assert shop.faults() == []
    assert shop.undo(1).inserted_removed
    assert shop.ids() == []
    shop.house.close()
    kept = path.with_name(f"old.koc.pre-v{maintenance.SCHEMA_VERSION}")
    assert kept.exists() is old
    if old:
        with closing(sqlite.connect(str(kept))) as raw:
            assert raw.execute("pragma user_version").fetchone()[0] == int(revision)
            assert raw.execute("select count(*) from creator").fetchone()[0] == 2


def _next_revision(folder: Path, body: str) -> Path:
    """The revisions with one more, that a program to come might bring."""
    shutil.copytree(ROOT / "db" / "migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    head = max(one.name[:4] for one in (folder / "versions").glob("[0-9]*.py"))
    text = f'import os, signal\nimport sqlalchemy as sa\nfrom alembic import op\nrevision = "9000"\ndown_revision = "{head}"\n\n\ndef upgrade():\n'
    (folder / "versions" / "9000_next.py").write_text(text + textwrap.indent(textwrap.dedent(body), "    "), "utf-8")
    return folder


_UPGRADE = """
import sys
from pathlib import Path
from db import maintenance
from app.errors import ProductError
maintenance.files = lambda _: Path(sys.argv[2])
maintenance.SCHEMA_VERSION = 9000
from tests.db.test_maintenance import opened
try:
    shop = opened(Path(sys.argv[1]))
    print("new", len(shop.ids()))
    shop.house.close()
except ProductError as error:
    print(error.code)
"""


def upgraded(path: Path, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", _UPGRADE, str(path), str(folder)], cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.strip() or f"exit {done.returncode}"


STATEMENTS = (
    "op.add_column('creator', sa.Column('z', sa.Text()))",
    "op.execute('update creator set z = name')",
    "op.create_table('later', sa.Column('id', sa.Integer(), primary_key=True))",
    "op.execute('insert into later values (1)')",
)


@pytest.fixture
def current(tmp_path: Path) -> Path:
    ref = WorkspaceRef(str(tmp_path / "brand.koc"))
    shop = Shop(maintenance.create(ref, NOON), ref)
    shop.take({"platform": "douyin", "platform_uid": "1", "name": "甲"})
    shop.house.close()
    return tmp_path / "brand.koc"


def _is_old(path: Path) -> bool:
    with closing(sqlite.connect(str(path))) as raw:
        columns = {row[1] for row in raw.execute("pragma table_info(creator)")}
        later = raw.execute("select count(*) from sqlite_schema where name = 'later'").fetchone()[0]
        version = raw.execute("pragma user_version").fetchone()[0]
    assert ("z" in columns, bool(later), version == 9000) in {(False, False, False), (True, True, True)}
    return "z" not in columns


@pytest.mark.parametrize("at", range(len(STATEMENTS) + 1))
def test_a_kill_between_any_two_statements_leaves_the_old_workspace(current: Path, tmp_path: Path, at: int) -> None:
    before = digest(current)
    killed = "\n".join([*STATEMENTS[:at], "os.kill(os.getpid(), signal.SIGKILL)", *STATEMENTS[at:]])
    assert upgraded(current, _next_revision(tmp_path / "killed", killed)) == "exit -9"
    assert _is_old(current)
    assert digest(current) == before
    shop = opened(current)
    assert shop.faults() == []
    shop.house.close()
    assert upgraded(current, _next_revision(tmp_path / "whole", "\n".join(STATEMENTS))) == "new 1"
    assert not _is_old(current)
    assert _is_old(current.with_name(f"{current.name}.pre-v9000"))
    assert [one.name for one in current.parent.iterdir() if one.name.endswith(".upgrading")] == []


@pytest.mark.parametrize(
    "body",
    ["op.execute('select * from nowhere')", "op.execute('delete from creator')", 'op.execute("update account set creator_id = 99")'],
    ids=["broken", "rows lost", "keys broken"],
)
def test_an_upgrade_that_goes_wrong_leaves_the_old_workspace(current: Path, tmp_path: Path, body: str) -> None:
    before = digest(current)
    told = upgraded(current, _next_revision(tmp_path / "wrong", body))
    assert told in {"upgrade_failed", "exit 1"}
    assert digest(current) == before
    shop = opened(current)
    assert len(shop.ids()) == 1
    shop.house.close()


def test_a_table_that_is_rebuilt_keeps_its_children(current: Path, tmp_path: Path) -> None:
    body = "with op.batch_alter_table('creator', recreate='always') as batch:\n    batch.add_column(sa.Column('z', sa.Text()))\n" + "\n".join(STATEMENTS[1:])
    assert upgraded(current, _next_revision(tmp_path / "batch", body)) == "new 1"
    with closing(sqlite.connect(str(current))) as raw:
        assert raw.execute("select count(*) from account join creator on creator.id = creator_id").fetchone()[0] == 1
        assert raw.execute("pragma foreign_key_check").fetchone() is None


@AS_ROOT
def test_a_disk_too_small_for_an_upgrade_is_named_before_it_begins(current: Path, tmp_path: Path) -> None:
    size = current.stat().st_size
    with _small_disk(tmp_path / "disk", str(int(size * 1.5))) as disk:
        moved = disk / "brand.koc"
        shutil.copy(current, moved)
        before = digest(moved)
        assert upgraded(moved, _next_revision(tmp_path / "next", "\n".join(STATEMENTS))) == "no_room_to_upgrade"
        assert digest(moved) == before
        assert [one.name for one in disk.iterdir()] == ["brand.koc"]


def test_a_database_of_a_newer_program_is_refused(shop: Shop) -> None:
    if shop.engine.dialect.name == "sqlite":
        pytest.skip("files are told apart by their header: tests/db")
    with shop.engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    with pytest.raises(WorkspaceError) as error:
        maintenance.open_engine(shop.ref)
    assert error.value.code == "newer"
