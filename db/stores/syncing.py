# SPDX-License-Identifier: Apache-2.0
"""Connections, cursors and runs; a page and its cursor are taken in together, or not at all."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock, Timeout

from app.errors import CancelledError, PlatformError, UsageError, WorkspaceError
from app.rules.cells import handle_key
from app.rules.schedule import Past
from app.usecases.syncing import Conflict, Connection, Counted, Drift, Kept, Known, Line, Noticed, Refused, Run
from db import bulk
from db.driver import LOG_PAGES, PAGE_CACHE_KIB
from db.engine import in_words, reading, writing
from db.writers import audit, conflicts, edits, rollups, runs, search, settings
from db.writers.edits import ACCOUNT_COLUMNS
from db.writers.operations import Log
from db.writers.remote import Intake
from db.writers.told import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import sqlalchemy as sa

    from app.usecases.syncing import Page
    from app.values import Actor, WorkspaceRef
    from db.engine import Database

_AT_A_TIME: Final = 2_000
_LOCKS: Final = 7_406_118
"""First number of the advisory locks of connections; the second is the connection's own."""
_ROOM_KIB: Final = 32_000
"""Of the file in memory while a run goes on."""
_ROOM_PAGES: Final = 8_000
"""In the log beside the file meanwhile: a page that many transactions change goes into the file once for all of them."""
_INTERRUPTED: Final = "interrupted"
_CUT_SHORT: Final = "update sync_run set state = 'failed', error = ?, ended_at = ? where connection_id = ? and state = 'running'"


@dataclass(frozen=True, slots=True)
class SyncingStore:
    """Fulfils ``SyncStore`` on a workspace's database."""

    engine: Database
    ref: WorkspaceRef

    @property
    def workspace_id(self) -> str:
        """What tells this workspace's secrets from another one's."""
        with reading(self.engine) as db:
            return settings.get(db, "workspace_id") or ""

    # ------------------------------------------------------------ connections

    def connections(self) -> list[Connection]:
        """Those that stand, by name."""
        with reading(self.engine) as connection:
            return [_connection(row) for row in bulk.fetch(connection, _CONNECTIONS + " where removed_at is null order by name")]

    def add(self, connection: Connection, actor: Actor, now: int) -> Connection:
        """Add a connection; UsageError for a name that is taken."""
        with writing(self.engine) as db:
            if bulk.fetch(db, "select 1 from connection where name = ? and removed_at is null", connection.name):
                raise UsageError("connection_exists", name=connection.name)
            row = (connection.platform, connection.name, connection.base_url, connection.app_id, connection.state, "[]", now, now)
            made = bulk.fetch(db, _ADD, *row)[0][0]
            audit.append(db, actor, now, "connection.add", f"connection:{made}", f"{connection.platform}: {connection.name}")
        return replace(connection, id=made, changed_at=now)

    def change(self, connection: Connection, actor: Actor, now: int) -> None:
        """Keep the state of a connection."""
        with writing(self.engine) as db:
            before = bulk.fetch(db, "select state from connection where id = ?", connection.id)
            state = (connection.state, connection.expires_at, json.dumps(connection.scopes), connection.parked_until, connection.error)
            bulk.run(db, _CHANGE, *state, now, connection.id)
            if before and before[0][0] != connection.state and connection.state in {"ok", "disconnected"}:
                audit.append(db, actor, now, f"connection.{connection.state}", f"connection:{connection.id}", connection.name)

    def remove(self, connection: Connection, actor: Actor, now: int) -> None:
        """Take a connection away; what it brought stays, and what it last told, for whoever connects the platform again."""
        with writing(self.engine) as db:
            bulk.run(db, "delete from feed_cursor where connection_id = ?", connection.id)
            bulk.run(db, "delete from feed_schedule where connection_id = ?", connection.id)
            bulk.run(db, "delete from rejected_record where connection_id = ?", connection.id)
            bulk.run(db, "delete from drift where connection_id = ?", connection.id)
            bulk.run(db, "update connection set removed_at = ?, changed_at = ? where id = ? and removed_at is null", now, now, connection.id)
            audit.append(db, actor, now, "connection.remove", f"connection:{connection.id}", connection.name)

    @contextmanager
    def exclusive(self, connection: Connection) -> Iterator[None]:
        """Nobody else, in any process, pulls this connection meanwhile; the system frees the lock of a process that dies."""
        if self.ref.is_url:
            with self._session_lock(connection):
                yield
            return
        path = Path(self.ref.address).expanduser().absolute()
        lock = FileLock(path.with_name(f".{path.name}.sync-{connection.id}"), timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise PlatformError("sync_running", name=connection.name) from error
        except OSError as error:
            raise WorkspaceError("read_only", path=str(path)) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _session_lock(self, connection: Connection) -> Iterator[None]:
        """A lock of the database's, held by a session of its own."""
        with in_words(self.engine):
            session = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            with in_words(self.engine):
                free = bulk.fetch(session, "select pg_try_advisory_lock(?, ?)", _LOCKS, connection.id & 0x7FFFFFFF)[0][0]
            if not free:
                raise PlatformError("sync_running", name=connection.name)
            yield
        finally:
            session.invalidate()  # the session ends, and with it the lock
            session.close()

    # ------------------------------------------------------------ looks

    def look(self, connection: Connection) -> Looking:
        """What the connection brought before."""
        return Looking(self.engine, connection.id)

    def cursor(self, connection: Connection, stream: str) -> str | None:
        """Where the stream goes on."""
        with reading(self.engine) as db:
            found = bulk.fetch(db, "select cursor from feed_cursor where connection_id = ? and stream = ?", connection.id, stream)
        return found[0][0] if found else None

    # ------------------------------------------------------------ runs

    def begin(self, connection: Connection, stream: str, *, full: bool, now: int) -> Run:
        """Start a run; one of this connection that still seems to run was cut short, and is closed as that."""
        with writing(self.engine) as db:
            bulk.run(db, _CUT_SHORT, _INTERRUPTED, now, connection.id)
            found = bulk.fetch(db, "select cursor from feed_cursor where connection_id = ? and stream = ?", connection.id, stream)
            cursor = found[0][0] if found else None
            number = bulk.fetch(db, _BEGIN, connection.id, stream, full, now, cursor, cursor)[0][0]
        return Run(number, connection.name, stream, "running", now, from_cursor=cursor, to_cursor=cursor, full=full)

    def mend(self, now: int) -> None:
        """Close runs that seem to be under way and whose process is gone: nobody holds their connection."""
        with reading(self.engine) as db:
            seeming = {row[0] for row in bulk.fetch(db, "select distinct connection_id from sync_run where state = 'running'")}
        for connection in self.connections():
            if connection.id in seeming:
                with suppress(PlatformError), self.exclusive(connection), writing(self.engine) as db:
                    bulk.run(db, _CUT_SHORT, _INTERRUPTED, now, connection.id)

    def accept(self, run: Run, page: Page, actor: Actor, now: int) -> Counted:
        """Take a page in with its cursor, in one transaction. CancelledError: what the run brought was taken back meanwhile."""
        with writing(self.engine) as db:
            bulk.room(db, _ROOM_KIB, _ROOM_PAGES)
            found = runs.standing(db, run.id)
            if found is None or found.undone or found.state != "running":
                raise CancelledError
            source = Source(run.id, found.connection, found.platform, found.name, found.stream)
            intake = Intake(db, source, actor, now, found.operation)
            counted = intake.take(page)
            runs.put_cursor(db, source.connection, source.stream, page.cursor)
            refused = [*page.rejected, *intake.refused]
            keys = {one.key for one in refused}
            runs.keep_refused(db, source, refused, [one.key for one in page.records if one.kind == page.kind and one.key not in keys], now)
            runs.keep_drift(db, source, page.drift, now)
            operation = intake.log.id if intake.touched else found.operation
            totals = runs.count(db, run, page, counted, operation)
            if intake.touched:
                intake.log.finish({"connection": source.name, "stream": source.stream, "records": page.kind, **totals})
        return counted

    def attempt(self, connection: Connection, stream: str, page: Page, actor: Actor, now: int) -> Counted:
        """What taking a page in would do; nothing is kept."""
        with writing(self.engine) as db:
            intake = Intake(db, Source(0, connection.id, connection.platform, connection.name, stream), actor, now)
            counted = intake.take(page)
            db.rollback()
        return counted

    def end(self, run: Run, lines: Sequence[Line], now: int, along: Sequence[str] = ()) -> Run:
        """Keep how a run ended; ``along``: streams of its connection that were not tried for the same reason."""
        with writing(self.engine) as db:
            bulk.room(db, PAGE_CACHE_KIB, LOG_PAGES)
            details = json.dumps(dict(run.details), ensure_ascii=False, default=str) if run.details else None
            bulk.run(db, _END, run.state, now, run.requests, run.retries, run.error, details, run.id)
            bulk.insert(
                db,
                "run_line",
                ("run_id", "at", "code", "details"),
                ((run.id, line.at, line.code, json.dumps(dict(line.details), ensure_ascii=False, default=str)) for line in lines),
            )
            found = runs.standing(db, run.id)
            if found is not None:
                if run.state in {"ok", "partial"}:
                    bulk.run(db, _DONE, found.connection, found.stream, now)
                elif run.state in {"failed", "parked"}:
                    for stream in (found.stream, *along):
                        bulk.run(db, _FAILED, found.connection, stream, now)
                if run.state == "ok" and (run.full or run.from_cursor is None) and run.received:
                    # Everything was read, and looked as it should.
                    bulk.run(db, _CLEARED, now, found.connection, found.stream, run.id)
            return _runs(db, " where r.id = ?", run.id)[0]

    def runs(self, connection_id: int | None = None, limit: int = 100) -> list[Run]:
        """The last runs, newest first."""
        some = "" if connection_id is None else " where r.connection_id = ?"
        limit = min(limit, (1 << 63) - 1)
        with reading(self.engine) as db:
            return _runs(db, f"{some} order by r.id desc limit ?", *(() if connection_id is None else (connection_id,)), limit)

    def lines(self, run_id: int) -> list[Line]:
        """A run's log."""
        with reading(self.engine) as db:
            return [
                Line(at, code, json.loads(details))
                for at, code, details in bulk.fetch(db, "select at, code, details from run_line where run_id = ? order by id", run_id)
            ]

    def rejected(self, run_id: int | None = None, limit: int = 1000) -> list[Kept]:
        """Records that were not taken and not taken since, newest first."""
        some = "" if run_id is None else " where r.run_id = ?"
        with reading(self.engine) as db:
            rows = bulk.fetch(db, f"{_REJECTED}{some} order by r.id desc limit ?", *(() if run_id is None else (run_id,)), limit)
        return [Kept(number, run, name, stream, at, Refused(*told)) for number, run, name, stream, at, *told in rows]

    def drift(self) -> list[Noticed]:
        """What no longer looks as its contract says."""
        with reading(self.engine) as db:
            return [Noticed(number, name, stream, at, Drift(*told)) for number, name, stream, at, *told in bulk.fetch(db, _DRIFT)]

    # ------------------------------------------------------------ conflicts

    def conflicts(self) -> list[Conflict]:
        """Fields that wait for a decision."""
        with reading(self.engine) as db:
            names = dict(bulk.fetch(db, "select id, name from connection"))
            return [
                Conflict(one.id, names[one.connection_id], one.kind, one.key, one.subject, one.field, one.base, one.mine, one.theirs, one.at)
                for one in conflicts.waiting(db)
            ]

    def resolve(self, conflict_id: int, *, mine: bool, actor: Actor, now: int) -> int:
        """Decide a conflict; returns the operation's id, 0 where nothing changed."""
        with writing(self.engine) as db:
            found = conflicts.waiting(db, conflict_id)
            if not found:
                raise UsageError("unknown_conflict", id=conflict_id)
            one = found[0]
            ended = {"resolved_at": now, "resolution": "mine" if mine else "theirs"}
            if mine:
                bulk.update(db, "conflict", tuple(ended), [(*ended.values(), one.id)])
                audit.append(db, actor, now, "conflict.keep", f"conflict:{one.id}", one.field)
                return 0
            log = Log(db, "conflict.resolve", actor, now)
            _set(log, one)
            log.changed("conflict", [(one.id, dict.fromkeys(ended), ended)])
            bulk.update(db, "conflict", tuple(ended), [(*ended.values(), one.id)])
            return log.finish({"subject": one.subject, "fields": [one.field]})

    # ------------------------------------------------------------ when

    def pasts(self) -> Mapping[tuple[int, str], Past]:
        """What is known of every stream that ran or has an interval of its own; ``every`` -1: as the catalogue says."""
        with reading(self.engine) as db:
            ran = bulk.fetch(db, "select connection_id, stream, done_at, failed_at, failures from feed_cursor")
            own = {(row[0], row[1]): row[2] for row in bulk.fetch(db, "select connection_id, stream, every_seconds from feed_schedule")}
        out = {key: Past(every) for key, every in own.items()}
        out.update(((row[0], row[1]), Past(own.get((row[0], row[1]), -1), *row[2:])) for row in ran)
        return out

    def set_schedule(self, connection: Connection, stream: str | None, every_seconds: int | None, now: int) -> None:  # noqa: ARG002 (the port's own word)
        """Pull a stream, or all, at an interval; 0: never by itself, None: as the catalogue says."""
        with writing(self.engine) as db:
            if stream is None:
                bulk.run(db, "delete from feed_schedule where connection_id = ?", connection.id)
            elif every_seconds is None:
                bulk.run(db, "delete from feed_schedule where connection_id = ? and stream = ?", connection.id, stream)
            if every_seconds is not None:
                bulk.run(db, _SCHEDULE, connection.id, stream or "", every_seconds)


@dataclass(frozen=True, slots=True)
class Looking:
    """Fulfils ``Look`` for one connection."""

    engine: Database
    connection_id: int

    def known(self, kind: str) -> Iterator[Known]:
        """Records of a kind, by key in order; some at a time, so that a walk over many holds few."""
        last = ""
        while True:
            with reading(self.engine) as db:
                rows = bulk.fetch(db, _KNOWN, kind, last, self.connection_id, _AT_A_TIME)
            for key, base in rows:
                yield Known(key, json.loads(base))
            if len(rows) < _AT_A_TIME:
                return
            last = rows[-1][0]

    def accounts(self, platform: str) -> list[str]:
        """Ids that the workspace's accounts have on a platform, in order."""
        statement = "select platform_uid from account where platform = ? and platform_uid is not null order by platform_uid"
        with reading(self.engine) as db:
            return [row[0] for row in bulk.fetch(db, statement, platform)]

    def spent(self, since: int) -> int:
        """Requests that this connection has sent in runs that began since a moment."""
        with reading(self.engine) as db:
            found = bulk.fetch(db, "select coalesce(sum(requests), 0) from sync_run where connection_id = ? and started_at >= ?", self.connection_id, since)
        return int(found[0][0])


_CONNECTIONS: Final = "select id, name, platform, state, base_url, app_id, expires_at, scopes, parked_until, changed_at, error from connection"
_ADD: Final = "insert into connection (platform, name, base_url, app_id, state, scopes, created_at, changed_at) values (?, ?, ?, ?, ?, ?, ?, ?) returning id"
_CHANGE: Final = "update connection set state = ?, expires_at = ?, scopes = ?, parked_until = ?, error = ?, changed_at = ? where id = ?"
_BEGIN: Final = (
    'insert into sync_run (connection_id, stream, state, "full", started_at, pages, received, inserted, updated, unchanged, rejected, missing,'
    " requests, retries, from_cursor, to_cursor) values (?, ?, 'running', ?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, ?, ?) returning id"
)
_END: Final = "update sync_run set state = ?, ended_at = ?, requests = ?, retries = ?, error = ?, error_details = ? where id = ?"
_DONE: Final = (
    "insert into feed_cursor (connection_id, stream, done_at, failures) values (?, ?, ?, 0)"
    " on conflict (connection_id, stream) do update set done_at = excluded.done_at, failed_at = null, failures = 0"
)
_FAILED: Final = (
    "insert into feed_cursor (connection_id, stream, failed_at, failures) values (?, ?, ?, 1)"
    " on conflict (connection_id, stream) do update set failed_at = excluded.failed_at, failures = feed_cursor.failures + 1"
)
_CLEARED: Final = "update drift set cleared_at = ? where connection_id = ? and stream = ? and run_id <> ? and cleared_at is null"
_RUNS: Final = (
    "select r.id, c.name, r.stream, r.state, r.started_at, r.ended_at, r.pages, r.received, r.inserted, r.updated, r.unchanged, r.rejected, r.missing,"
    ' r.from_cursor, r.to_cursor, r.requests, r.retries, r.error, r.error_details, r.operation_id, r."full"'
    " from sync_run r join connection c on c.id = r.connection_id"
)
_REJECTED: Final = (
    "select r.id, r.run_id, c.name, r.stream, r.at, r.key, r.field, r.reason, r.raw from rejected_record r join connection c on c.id = r.connection_id"
)
_DRIFT: Final = (
    "select d.id, c.name, d.stream, d.seen_at, d.field, d.kind, d.other from drift d join connection c on c.id = d.connection_id"
    " where d.cleared_at is null order by d.seen_at desc, d.id desc"
)
_SCHEDULE: Final = (
    "insert into feed_schedule (connection_id, stream, every_seconds) values (?, ?, ?)"
    " on conflict (connection_id, stream) do update set every_seconds = excluded.every_seconds"
)
_KNOWN: Final = "select key, base from remote_record where kind = ? and key > ? and connection_id = ? order by key limit ?"


def _connection(row: Sequence[Any]) -> Connection:
    number, name, platform, state, base_url, app_id, expires_at, scopes, parked_until, changed_at, error = row
    return Connection(number, name, platform, state, base_url, app_id, expires_at, tuple(json.loads(scopes)), parked_until, changed_at, error)


_OF_RUN: Final = (
    "id", "connection", "stream", "state", "started_at", "ended_at", "pages", "received", "inserted", "updated", "unchanged", "rejected", "missing",
    "from_cursor", "to_cursor", "requests", "retries", "error", "details", "operation_id", "full",
)  # fmt: skip


def _runs(db: sa.Connection, some: str, *values: object) -> list[Run]:
    out = []
    for row in bulk.fetch(db, _RUNS + some, *values):
        told: dict[str, Any] = dict(zip(_OF_RUN, row, strict=True))
        told.update(details=json.loads(told["details"] or "{}"), full=bool(told["full"]))
        ended = told["ended_at"]
        out.append(Run(**told, seconds=0.0 if ended is None else (ended - told["started_at"]) / 1_000_000))
    return out


def _set(log: Log, one: conflicts.Waiting) -> None:
    """Take over what the source says."""
    column, value = conflicts.column_of(one.table, one.field), one.theirs
    if column == "campaign_id" and value is not None:
        value = bulk.fetch(log.connection, _CAMPAIGN, str(value), one.connection_id)[0][0]
    keyed = {"handle_key": handle_key(str(value)) if value else None} if one.field == "handle" else {}
    edits.set_fields(log, one.table, [one.row], {column: value, **keyed})
    if one.table not in {"creator", "account"}:
        return
    owner = one.row if one.table == "creator" else bulk.fetch(log.connection, "select creator_id from account where id = ?", one.row)[0][0]
    if one.field in ACCOUNT_COLUMNS:
        rollups.refresh_creators(log.connection, [owner])
    if one.field == "stage":
        edits.add_stage_steps(log, {owner: one.mine}, value, None)
    edits.touch(log, [owner])
    search.refresh(log.connection, [owner])


_CAMPAIGN: Final = "select k.id from campaign k join connection c on c.platform = k.source where k.source_id = ? and c.id = ?"
