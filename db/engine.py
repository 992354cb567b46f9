# SPDX-License-Identifier: Apache-2.0
"""Opens a workspace's database rightly: SQLite with WAL, keys and bounded waits, or PostgreSQL.

SQLite comes from ``sqlcipher3``: the interpreter's own may have the WAL-reset bug (3.7.0 to 3.51.2).
"""

from __future__ import annotations

import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import sqlcipher3.dbapi2 as sqlite
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from app.errors import NotPermittedError, WorkspaceError
from db import driver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from db.wire import Listener

Database: TypeAlias = Engine
"""An open database, for whoever hands it on without speaking its language."""

BUSY_SECONDS: Final = driver.BUSY_SECONDS
_GONE: Final = frozenset({"OperationalError", "AdminShutdown", "CrashShutdown", "CannotConnectNow", "IdleInTransactionSessionTimeout", "ConnectionTimeout"})
_ASKED_SECONDS: Final = 15.0
_ASK_AGAIN: Final = 0.2
SEALED: Final = "sealed"
"""In a connection's notes: number and hash of the last row of the audit chain that its transaction added."""
REFUSED: Final = "koc:"
"""How what a guard of the server says begins."""
TWO_PEOPLE: Final = "koc_another_"
"""How the names of checks begin that ask for two people."""


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


def postgres_engine(address: str, secret: str | None = None) -> Engine:
    """Engine over a team's PostgreSQL; without a password libpq finds its own."""
    from db import wire  # noqa: PLC0415 (a workspace in a file needs no driver of PostgreSQL)

    url = make_url(address) if secret is None else make_url(address).set(password=secret)
    engine = create_engine(
        url, pool_pre_ping=True, pool_size=8, pool_use_lifo=True, connect_args=dict(wire.PARAMETERS), execution_options={"own": uuid.uuid4().hex}
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, words: tuple[Any, ...], parameters: dict[str, Any]) -> Any:  # noqa: ANN401 (the driver's connection)
        return wire.reach(words, parameters)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("write") or connection.get_execution_options().get("patient"):
            connection.exec_driver_sql("set local statement_timeout = 0")

    return engine


def listener(engine: Engine) -> Listener | None:
    """Hears when somebody else writes, through whatever engine; None for a workspace in a file, which is looked at instead."""
    if engine.dialect.name != "postgresql":
        return None
    from db import wire  # noqa: PLC0415

    _, parameters = engine.dialect.create_connect_args(engine.url)
    return wire.Listener({**wire.PARAMETERS, **parameters}, _own_word(engine))


def _own_word(engine: Engine) -> str:
    """What an engine says when it writes: whoever listens through the same one knows already."""
    return str(engine.get_execution_options()["own"])


@contextmanager
def reading(engine: Engine, *, patient: bool = False) -> Iterator[Connection]:
    """A transaction that only reads; its failures come in the product's words.

    A team's server ends a statement that somebody waits too long for; ``patient``: nobody sits before it.
    """
    with in_words(engine), engine.connect().execution_options(patient=patient) as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine, *, keys: bool = True) -> Iterator[Connection]:
    """A transaction that writes: takes the write lock first, so that it never fails half-way for a reader.

    ``keys`` False: the rows that others point at are found in this very transaction, so that SQLite need not look for each once more.
    On a team's server whoever listens hears of it with the commit; and where the way breaks during the commit itself, the server is
    asked afterwards which way it went: what is reported as failed was not done, and can be repeated.
    """
    if engine.dialect.name == "postgresql":
        with _writing_team(engine) as connection:
            yield connection
        return
    with in_words(engine), engine.connect().execution_options(write=True) as connection, _keys(connection, on=keys), connection.begin():
        yield connection


@contextmanager
def _writing_team(engine: Engine) -> Iterator[Connection]:
    with in_words(engine), engine.connect().execution_options(write=True) as connection, connection.begin() as transaction:
        # One writer at a time, as on SQLite: id ranges and the audit chain need an order.
        connection.exec_driver_sql("select pg_advisory_xact_lock(7406117)")
        connection.info.pop(SEALED, None)
        yield connection
        if not transaction.is_active:
            return  # nothing changed, and it was taken back
        mark = _Mark.of(connection, engine)
        try:
            transaction.commit()
        except DBAPIError as error:
            if not _is_gone(error) or not mark.was_kept(engine):
                raise


@dataclass(frozen=True, slots=True)
class _Mark:
    """By what a transaction is known again whose commit nobody answered: its number while the server runs on, else its row of the audit chain."""

    number: str | None
    server: str
    row: tuple[int, str] | None

    @classmethod
    def of(cls, connection: Connection, engine: Engine) -> _Mark:
        """The mark of a transaction that is about to commit; with it goes the word to those who listen."""
        from db import wire  # noqa: PLC0415

        statement = "select pg_notify(%(channel)s, %(own)s), pg_current_xact_id_if_assigned()::text, pg_postmaster_start_time()::text"
        _, number, server = connection.exec_driver_sql(statement, {"channel": wire.CHANNEL, "own": _own_word(engine)}).one()
        return cls(number, server, connection.info.get(SEALED))

    def was_kept(self, engine: Engine) -> bool:
        """Whether it was committed; WorkspaceError where nobody can say."""
        until, reason = time.monotonic() + _ASKED_SECONDS, ""
        while time.monotonic() < until:
            try:
                with engine.connect() as connection, connection.begin():
                    kept = self._asked(connection)
                if kept is not None:
                    return kept
                if self.number is None:
                    break
            except DBAPIError as error:
                reason = _first_line(error.orig)
            time.sleep(_ASK_AGAIN)
        raise WorkspaceError("write_unsure", reason=reason)

    def _asked(self, connection: Connection) -> bool | None:
        if connection.exec_driver_sql("select pg_postmaster_start_time()::text").scalar() == self.server and self.number is not None:
            status = connection.exec_driver_sql(f"select pg_xact_status('{int(self.number)}'::xid8)").scalar()
            return None if status == "in progress" else bool(status == "committed")
        if self.row is None:
            raise WorkspaceError("write_unsure", reason="")
        # A server that fell gives the numbers of what it lost to others: then the chain tells.
        statement = "select exists (select from audit where seq = %(seq)s and hash = %(hash)s)"
        return bool(connection.exec_driver_sql(statement, {"seq": self.row[0], "hash": self.row[1]}).scalar())


def _is_gone(error: DBAPIError) -> bool:
    return error.connection_invalidated or type(error.orig).__name__ in _GONE


def _wants_password(error: object) -> bool:
    """Whether a server refused a login for its password, or for want of one."""
    said = str(error)
    return bool(getattr(getattr(error, "pgconn", None), "needs_password", False)) or "password authentication failed" in said or "28P01" in said


def _login(error: object) -> str:
    return bytes(getattr(getattr(error, "pgconn", None), "user", b"")).decode()


def _first_line(error: object) -> str:
    return (str(error).splitlines() or [""])[0] if error else ""


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
    except _of_server() as error:  # from the driver's own cursors
        raise _from_server(error, engine.url.database or "") or error from error


def _of_server() -> tuple[type[Exception], ...]:
    """Errors of PostgreSQL's driver, where it is loaded."""
    driver_module = sys.modules.get("psycopg")
    return () if driver_module is None else (driver_module.Error,)


def translated(error: DBAPIError, where: str) -> Exception:
    """The product's error for a driver's; a bug stays what it is."""
    if isinstance(error.orig, sqlite.DatabaseError):
        return _from_sqlite(error.orig, where, error)
    if _wants_password(error.orig):
        return WorkspaceError("password_needed", login=_login(error.orig))
    if _is_gone(error):
        return WorkspaceError("database_unreachable", reason=_first_line(error.orig))
    return _from_server(error.orig, where) or error


def _from_server(error: Any, where: str) -> Exception | None:  # noqa: ANN401 (a driver's)
    """The product's error for one of PostgreSQL's; None for a bug."""
    name = type(error).__name__
    if name == "QueryCanceled":
        return WorkspaceError("took_too_long")
    if name in _GONE:
        return WorkspaceError("database_unreachable", reason=_first_line(error))
    if name == "InsufficientPrivilege":
        return _refused(error)
    if name == "CheckViolation" and str(error.diag.constraint_name).startswith(TWO_PEOPLE):
        return NotPermittedError("two_people")
    return WorkspaceError("read_only", path=where) if name == "ReadOnlySqlTransaction" else None


def _refused(error: Any) -> Exception:  # noqa: ANN401 (a driver's)
    """What the server refuses to a role: by the code of the guard that spoke (``db/guards``), else by what the role may not touch."""
    said = _first_line(error)
    if said.startswith(REFUSED):
        return NotPermittedError(said.removeprefix(REFUSED), who=error.diag.message_detail or "")
    return NotPermittedError("not_permitted", reason=said)


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
