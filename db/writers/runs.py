# SPDX-License-Identifier: Apache-2.0
"""How the pulling of feeds is written down: cursors, counts of runs, records that were not taken, drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from db import bulk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from app.usecases.syncing import Counted, Drift, Page, Refused, Run
    from db.writers.told import Source


class Standing(NamedTuple):
    """A run as it is kept, with its connection; ``undone``: its operation was taken back meanwhile."""

    connection: int
    stream: str
    state: str
    operation: int | None
    platform: str
    name: str
    undone: bool


_STANDING: Final = (
    "select r.connection_id, r.stream, r.state, r.operation_id, c.platform, c.name, o.undone_at is not null"
    " from sync_run r join connection c on c.id = r.connection_id left join operation o on o.id = r.operation_id where r.id = ?"
)
_CURSOR: Final = (
    "insert into feed_cursor (connection_id, stream, cursor, failures) values (?, ?, ?, 0)"
    " on conflict (connection_id, stream) do update set cursor = excluded.cursor"
)
_COUNTS: Final = (
    "update sync_run set pages = pages + 1, received = received + ?, inserted = inserted + ?, updated = updated + ?, unchanged = unchanged + ?,"
    " rejected = rejected + ?, missing = missing + ?, to_cursor = ?, requests = ?, retries = ?, operation_id = ? where id = ?"
    " returning pages, received, inserted, updated, unchanged, rejected"
)
_COUNTED: Final = ("pages", "read", "inserted", "updated", "unchanged", "rejected")
_DRIFT: Final = (
    "insert into drift (connection_id, stream, field, kind, other, seen_at, run_id) values (?, ?, ?, ?, ?, ?, ?)"
    " on conflict (connection_id, stream, field, kind) do update set other = excluded.other, run_id = excluded.run_id, cleared_at = null,"
    " seen_at = case when drift.cleared_at is null then drift.seen_at else excluded.seen_at end"
)
_REJECTED: Final = ("run_id", "connection_id", "stream", "key", "field", "reason", "raw", "at")


def standing(connection: Connection, run_id: int) -> Standing | None:
    """A run, if there is one of this number."""
    found = bulk.fetch(connection, _STANDING, run_id)
    return Standing(*found[0]) if found else None


def put_cursor(connection: Connection, connection_id: int, stream: str, cursor: str | None) -> None:
    """Say where a stream goes on."""
    bulk.run(connection, _CURSOR, connection_id, stream, cursor)


def count(connection: Connection, run: Run, page: Page, counted: Counted, operation: int | None) -> dict[str, Any]:
    """Add a page to the run's counts; returns them as they then are."""
    values = (page.received, counted.inserted, counted.updated, counted.unchanged, counted.rejected, page.missing, page.cursor)
    row = bulk.fetch(connection, _COUNTS, *values, run.requests, run.retries, operation, run.id)[0]
    return dict(zip(_COUNTED, row, strict=True))


def keep_refused(connection: Connection, source: Source, refused: Sequence[Refused], taken: Sequence[str], now: int) -> None:
    """Keep the records that were not taken, once each; those that are taken now leave the list."""
    if taken and bulk.fetch(connection, "select 1 from rejected_record where connection_id = ? and stream = ? limit 1", source.connection, source.stream):
        some, keys = bulk.among(connection, "key", taken)
        bulk.run(connection, f"delete from rejected_record where connection_id = ? and stream = ? and {some}", source.connection, source.stream, keys)  # noqa: S608 (our names)
    for one in refused:
        same = (source.connection, source.stream, one.key, one.field, *(() if one.key else (one.raw,)))
        unnamed = "" if one.key else " and raw = ?"
        bulk.run(connection, f"delete from rejected_record where connection_id = ? and stream = ? and key = ? and field = ?{unnamed}", *same)  # noqa: S608 (our names)
    rows = [(source.run, source.connection, source.stream, one.key, one.field, one.reason, one.raw, now) for one in refused]
    bulk.insert(connection, "rejected_record", _REJECTED, rows)


def keep_drift(connection: Connection, source: Source, drift: Sequence[Drift], now: int) -> None:
    """Note what no longer looks as its contract says: a field once, until it is gone and comes again."""
    for one in drift:
        bulk.run(connection, _DRIFT, source.connection, source.stream, one.field, one.kind, one.other, now, source.run)


def rewind(connection: Connection, operation_id: int) -> None:
    """Put the cursor of an operation's stream back to where its run began, so that the next run reads again what is taken back."""
    runs = bulk.fetch(connection, 'select connection_id, stream, from_cursor, "full" from sync_run where operation_id = ?', operation_id)
    for connection_id, stream, cursor, full in runs:
        put_cursor(connection, connection_id, stream, None if full else cursor)


_GONE: Final = {
    "campaigns": "campaign t where t.source_id = r.key and t.source = c.platform",
    "collaborations": "collaboration t where t.source_id = r.key and t.source = c.platform",
    "cps": "cps_sale t where t.source_id = r.key and t.source = c.platform",
    "bills": "pending_bill t where t.source_id = r.key and t.source = c.platform and t.closed_at is null",
    "contents": "content t where t.content_id = r.key",
    "costs": "cost_entry t where t.cost_id = r.key",
}


def forget_gone(connection: Connection) -> None:
    """Forget what was told of rows that an undo took away: told again, they come again."""
    if not bulk.fetch(connection, "select 1 from remote_record limit 1"):
        return
    team = connection.dialect.name == "postgresql"
    told = "(r.base::json ->> '{}')" if team else "json_extract(r.base, '$.{}')"
    of_json = {
        "creators": f"account t where t.platform = {told.format('platform')} and t.platform_uid = {told.format('platform_uid')}",
        "metrics": f"content t where t.content_id = {told.format('content_id')}",
    }
    for kind, there in {**_GONE, **of_json}.items():
        gone = f"select r.id from remote_record r join connection c on c.id = r.connection_id where r.kind = ? and not exists (select 1 from {there})"  # noqa: S608 (our names)
        bulk.run(connection, f"delete from remote_record where id in ({gone})", kind)  # noqa: S608 (our names)
