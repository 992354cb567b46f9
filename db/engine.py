# SPDX-License-Identifier: Apache-2.0
"""Opens a workspace's database rightly: SQLite with WAL, keys and bounded waits, or PostgreSQL.

SQLite comes from ``sqlcipher3``: the interpreter's own may have the WAL-reset bug (3.7.0 to 3.51.2).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import sqlcipher3.dbapi2 as sqlite
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from app.errors import WorkspaceError
from db import driver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Database: TypeAlias = Engine
"""An open database, for whoever hands it on without speaking its language."""

BUSY_SECONDS: Final = driver.BUSY_SECONDS


def sqlite_engine(path: Path, *, read_only: bool = False) -> Engine:
    """Engine over a workspace file. Read-only opens it immutable: for media and folders that cannot be written."""
    engine = create_engine(
        f"sqlite:///{driver.uri(path, read_only=read_only)}&uri=true",
        module=sqlite,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "cached_statements": 512},
        pool_size=8,
        max_overflow=8,
        pool_use_lifo=True,  # what follows each other finds its pages in memory
    )

    @event.listens_for(engine, "connect")
    def prepare(raw: Any, _record: object) -> None:  # noqa: ANN401 (the driver has no stubs)
        driver.prepare(raw, read_only=read_only)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        mode = "immediate" if connection.get_execution_options().get("write") else "deferred"
        connection.exec_driver_sql(f"begin {mode}")

    return engine


def postgres_engine(url: str) -> Engine:
    """Engine over a team's PostgreSQL; the URL may carry no password (libpq finds its own)."""
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=8,
        connect_args={"connect_timeout": 3, "application_name": "koc-desk"},
    )


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads; its failures come in the product's words."""
    with in_words(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine, *, keys: bool = True) -> Iterator[Connection]:
    """A transaction that writes: takes the write lock first, so that it never fails half-way for a reader.

    ``keys`` False: the rows that others point at are found in this very transaction, so that SQLite need not look for each once more.
    """
    with in_words(engine), engine.connect().execution_options(write=True) as connection, _keys(connection, on=keys), connection.begin():
        if connection.dialect.name == "postgresql":
            # One writer at a time, as on SQLite: id ranges and the audit chain need an order.
            connection.exec_driver_sql("select pg_advisory_xact_lock(7406117)")
        yield connection


@contextmanager
def _keys(connection: Connection, *, on: bool) -> Iterator[None]:
    """Foreign keys unchecked for one transaction; a connection that cannot be told to check them again is thrown away."""
    if on or connection.dialect.name != "sqlite":
        yield
        return
    raw: Any = connection.connection
    raw.cursor().execute("pragma foreign_keys=off")
    try:
        yield
    finally:
        raw.cursor().execute("pragma foreign_keys=on")
        if raw.cursor().execute("pragma foreign_keys").fetchone()[0] != 1:
            connection.invalidate()


@contextmanager
def in_words(engine: Engine) -> Iterator[None]:
    """Driver failures become ``WorkspaceError``: locked, full, read-only, damaged or unreachable."""
    try:
        yield
    except DBAPIError as error:
        raise translated(error, engine.url.database or "") from error
    except sqlite.DatabaseError as error:
        raise _from_sqlite(error, engine.url.database or "") from error


def translated(error: DBAPIError, where: str) -> Exception:
    """The product's error for a driver's; a bug stays what it is."""
    if isinstance(error.orig, sqlite.DatabaseError):
        return _from_sqlite(error.orig, where, error)
    if error.connection_invalidated or type(error.orig).__name__ in {"OperationalError", "AdminShutdown"}:
        return WorkspaceError("database_unreachable", reason=str(error.orig).splitlines()[0] if error.orig else "")
    if type(error.orig).__name__ in {"InsufficientPrivilege", "ReadOnlySqlTransaction"}:
        return WorkspaceError("read_only", path=where)
    return error


_BY_NAME: Final = (
    ("SQLITE_FULL", "disk_full"),
    ("SQLITE_IOERR", "disk_full"),  # a full disk has two faces; neither means damage
    ("SQLITE_BUSY", "locked"),
    ("SQLITE_LOCKED", "locked"),
    ("SQLITE_READONLY", "read_only"),
    ("SQLITE_CANTOPEN", "cannot_open"),
    ("SQLITE_PERM", "read_only"),
    ("SQLITE_NOTADB", "damaged"),
    ("SQLITE_CORRUPT", "damaged"),
)


def _from_sqlite(error: Any, where: str, otherwise: Exception | None = None) -> Exception:  # noqa: ANN401
    name = getattr(error, "sqlite_errorname", "") or _guess(str(error))
    path = where.removeprefix("file:").split("?")[0]
    for prefix, code in _BY_NAME:
        if name.startswith(prefix):
            return WorkspaceError(code, path=path)
    return otherwise or error


def _guess(message: str) -> str:
    """Result name for a message of a driver that does not give it."""
    for text, name in (
        ("disk is full", "SQLITE_FULL"),
        ("disk I/O", "SQLITE_IOERR"),
        ("is locked", "SQLITE_BUSY"),
        ("readonly", "SQLITE_READONLY"),
        ("unable to open", "SQLITE_CANTOPEN"),
        ("not a database", "SQLITE_NOTADB"),
        ("malformed", "SQLITE_CORRUPT"),
    ):
        if text in message:
            return name
    return ""
