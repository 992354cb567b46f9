# SPDX-License-Identifier: Apache-2.0
"""Real stores on both engines: SQLite files, and a PostgreSQL of the session's own on a loopback port."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from app.files import Chunk, ImportRequest, Reject, Upserted, Warn
from app.jobs import Quiet
from app.usecases.creators import Question, SortKey
from app.values import Actor, WorkspaceRef
from db import maintenance
from db.stores.creators import CreatorStore
from db.stores.rating import RatingStore
from db.stores.recruiting import PipelineStore
from db.stores.workspace import WorkspaceStore

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from sqlalchemy import Engine

ACTOR = Actor("某人", "desk")
DAY = 86_400_000_000
NOON = 1_790_000_000_000_000
"""A moment in 2026, the clock of these tests."""


# ---------------------------------------------------------------- PostgreSQL


@dataclass(frozen=True)
class Postgres:
    """A running server; every workspace is a database of its own."""

    port: int
    numbers: Iterator[int]

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://koc@127.0.0.1:{self.port}/{database}"

    def fresh(self) -> str:
        """URL of a new, empty database."""
        name = f"koc_{next(self.numbers)}"
        with psycopg.connect(self.url().replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"create database {name}")  # type: ignore[arg-type, unused-ignore]
        return self.url(name)


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _as_nobody() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    import pwd  # a module of POSIX systems only

    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server with its data in a temporary folder."""
    binaries = _binaries()
    if binaries is None or (os.geteuid() == 0 and shutil.which("setpriv") is None):
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="koc-pg-"))
    aside = _as_nobody()
    if aside:
        owner = int(aside[1].split("=")[1])
        os.chown(folder, owner, -1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=60"

    def run(tool: str, *words: str) -> None:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
        subprocess.run([*aside, str(binaries / tool), "-D", str(data), *words], check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)

    run("initdb", "-U", "koc", "-A", "trust", "-E", "UTF8", "--no-sync")
    run("pg_ctl", "-l", str(folder / "log"), "-w", "-o", options, "start")
    yield Postgres(port, itertools.count(1))
    run("pg_ctl", "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder, ignore_errors=True)


# ---------------------------------------------------------------- workspaces


@dataclass
class File:
    """Fulfils ``Parsed``: rows as dictionaries of typed values, as a reader would hand them over."""

    rows: Sequence[Mapping[str, Any]]
    key: tuple[str, ...] = ()
    rejects: Sequence[Reject] = ()
    raw: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    named: str = ""
    duplicates: int = 0
    unmapped: Sequence[str] = ()
    warnings: Sequence[Warn] = ()

    @property
    def digest(self) -> str:
        return self.named or hashlib.sha256(repr((self.rows, self.raw)).encode()).hexdigest()

    def sums(self, rejected: Collection[int] = ()) -> Mapping[str, int | float]:
        return {"rows": len(self.rows) - len(rejected)}

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(["platform", *(name for row in self.rows for name in row)]))

    @property
    def read(self) -> int:
        return len(self.rows)

    @property
    def records(self) -> int:
        return len(self.rows)

    @property
    def mapping(self) -> Mapping[str, str]:
        return {name: name for name in self.names}

    def chunks(self, size: int) -> Iterator[Chunk]:
        for first in range(0, len(self.rows), size):
            part = self.rows[first : first + size]
            columns = {name: [row.get(name) for row in part] for name in self.names}
            raw = {name: {at - first: text for at, text in texts.items() if first <= at < first + size} for name, texts in self.raw.items()}
            yield Chunk(list(range(first + 2, first + 2 + len(part))), columns, raw)


@dataclass
class Shop:
    """A workspace with its stores and a clock that a test moves."""

    engine: Engine
    ref: WorkspaceRef
    now: int = NOON
    actor: Actor = ACTOR

    def __post_init__(self) -> None:
        self.creators = CreatorStore(self.engine, lambda: self.now)
        self.ratings = RatingStore(self.engine)
        self.pipeline = PipelineStore(self.engine)
        self.house = WorkspaceStore(self.engine, self.ref, read_only=False)

    def tick(self, by: int = 1_000_000) -> int:
        self.now += by
        return self.now

    def take(self, *rows: Mapping[str, Any], dry_run: bool = False, key: tuple[str, ...] = (), **more: Any) -> Upserted:
        """Import rows."""
        request = ImportRequest(Path("strangers.csv"), dry_run=dry_run)
        return self.creators.upsert(File(rows, key, **more), request, self.actor, self.tick(), Quiet())

    def hash(self) -> str:
        found = self.house.info(with_hash=True).content_hash
        assert found is not None
        return found

    def undo(self, operation: int | None) -> Any:
        assert operation
        return self.house.undo(operation, self.actor, self.tick(), Quiet())

    def redo(self, operation: int | None) -> Any:
        assert operation
        return self.house.redo(operation, self.actor, self.tick(), Quiet())

    def ids(self, where: str = "", search: str = "", *sort: str) -> list[int]:
        return [int(one) for one in self.creators.ids(question(where, search, *sort))]

    def row(self, creator: int) -> Any:
        return self.creators.rows([creator])[0]

    def faults(self, *, repair: bool = False) -> list[str]:
        return [check.name for check in self.house.doctor(repair, Quiet()) if not check.ok and check.name != "room"]


def question(where: str = "", search: str = "", *sort: str) -> Question:
    return Question(search, where, tuple(SortKey(name.removeprefix("-"), name.startswith("-")) for name in sort))


@pytest.fixture
def shops(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Shop]]:
    """Makes new workspaces on an engine."""
    made: list[Shop] = []

    def make(engine: str) -> Shop:
        address = request.getfixturevalue("postgres").fresh() if engine == "postgresql" else str(tmp_path / f"brand{len(made)}.koc")
        ref = WorkspaceRef(address)
        shop = Shop(maintenance.create(ref, NOON), ref)
        made.append(shop)
        return shop

    yield make
    for shop in made:
        shop.house.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, shops: Callable[[str], Shop]) -> Shop:
    """A new workspace on each engine."""
    return shops(request.param)


@pytest.fixture
def file(shops: Callable[[str], Shop]) -> Shop:
    """A new workspace file."""
    return shops("sqlite")


def koc(number: int, platform: str = "douyin", **fields: Any) -> dict[str, Any]:
    """A row with a uid of its own."""
    return {"platform": platform, "platform_uid": str(number), "name": f"达人{number}", **fields}
