# SPDX-License-Identifier: Apache-2.0
"""The workspace as a whole: contents and their hash, operations with undo and redo, health, audit."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, or_, select

from app.rules.rating.ledger import Clocks
from app.usecases.workspace import Check, Info, News, Operation, RejectedRow
from db import bulk, maintenance, questions
from db.driver import SQLITE_VERSION, sqlite_is_sound
from db.engine import listener, reading, writing
from db.models import Base
from db.models.creators import AccountMetric, Creator, TierOverride
from db.models.records import AuditRow, Rejected
from db.models.records import Operation as OperationTable
from db.writers import audit, contents, desk, ledger, letters, meanwhile, returns, rollups, search, settings, undo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Engine

    from app.jobs import Job
    from app.usecases.workspace import Ear, Undone
    from app.values import Actor, WorkspaceRef

_CHECKED: Final = "overrides_checked_at"
_BATCH: Final = 50_000
_LITTLE_ROOM_MB: Final = 200
_LOOKED_AT: Final = 50
_SHOWN: Final = 12
_LOOKED_UP: Final = 200
_STORED: Final = """
select a.id, a.platform, a.followers, a.tier, (select t.tier from tier_step t where t.account_id = a.id order by t.id desc limit 1)
from account a where a.id > ? order by a.id limit ?
"""
_OTHER_MAIN: Final = """
select count(*) from creator c left join account a on a.id = c.main_account_id and a.creator_id = c.id
where a.id is null or c.platform is distinct from a.platform or c.followers is distinct from a.followers
 or c.tier is distinct from a.tier or c.fee_fen is distinct from a.fee_fen
 or exists (select 1 from account b where b.creator_id = c.id and b.id <> a.id
  and (coalesce(b.tier, -1), coalesce(b.followers, -1), -b.id) > (coalesce(a.tier, -1), coalesce(a.followers, -1), -a.id))
"""
"""Creators whose main account is not the one of the highest tier, then most followers, then smallest id, as it is."""

_ASTRAY: Final = "select " + " + ".join(  # noqa: S608 (our names)
    f"(select count(*) from {table} t left join {above} o on o.id = t.{above}_id where o.id is null or o.creator_id <> t.creator_id)"  # noqa: S608 (our names)
    for above, tables in (
        ("collaboration", ("deliverable", "shipment", "collaboration_step")),
        ("deliverable", ("draft", "extension", "reminder", "post_figure")),
    )
    for table in tables
)
_STRAY: Final = (
    "select (select count(*) from collaboration t left join account a on a.id = t.account_id and a.creator_id = t.creator_id where a.id is null)"
    " + (select count(*) from remote_record r left join connection c on c.id = r.connection_id where c.id is null)"
)

_COUNTED: Final = {
    "creators": "creator",
    "accounts": "account",
    "campaigns": "campaign",
    "collaborations": "collaboration",
    "contents": "content",
    "sales": "sale",
    "credit_events": "credit_event",
    "cost_entries": "cost_entry",
    "metrics": "account_metric",
    "tags": "creator_tag",
    "policies": "policy",
    "operations": "operation",
}


@dataclass(slots=True)
class WorkspaceStore:
    """Fulfils ``House`` on a workspace's database."""

    engine: Engine
    ref: WorkspaceRef
    read_only: bool
    _watch: Any = field(default=None)

    @property
    def _is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def info(self, with_hash: bool) -> Info:  # noqa: FBT001 (the port's own word)
        """Contents; the hash reads everything."""
        with reading(self.engine, patient=with_hash) as connection:
            counts = {
                name: int(connection.execute(select(func.count()).select_from(Base.metadata.tables[table])).scalar_one()) for name, table in _COUNTED.items()
            }
            return Info(
                workspace=self.ref.address if self._is_sqlite else self.engine.url.render_as_string(hide_password=True),
                schema_version=maintenance.SCHEMA_VERSION,
                engine=self.engine.dialect.name,
                sqlite_version=SQLITE_VERSION if self._is_sqlite else None,
                content_hash=contents.content_hash(connection) if with_hash else None,
                counts=counts,
                zone=settings.zone(connection),
                read_only=self.read_only,
            )

    # ------------------------------------------------------------ operations

    def operations(self, kind: str | tuple[str, ...] | None = None, limit: int = 200) -> list[Operation]:
        """Newest first; ``kind`` is a prefix, as ``import.``, or several."""
        table = OperationTable
        statement = select(table.id, table.kind, table.at, table.by, table.undone_at, table.summary)
        if kind is not None:
            kinds = (kind,) if isinstance(kind, str) else kind
            statement = statement.where(or_(*(table.kind.startswith(one, autoescape=True) for one in kinds)))
        with reading(self.engine) as connection:
            rows = connection.execute(statement.order_by(table.id.desc()).limit(limit)).all()
        return [Operation(*row[:5], summary=json.loads(row.summary)) for row in rows]

    def rejected(self, operation_id: int) -> list[RejectedRow]:
        """Rows that an import did not take, in the file's order."""
        statement = select(Rejected.row, Rejected.field, Rejected.value, Rejected.code).where(Rejected.operation_id == operation_id)
        with reading(self.engine) as connection:
            return [RejectedRow(*row) for row in connection.execute(statement.order_by(Rejected.row, Rejected.id))]

    def concerned(self, operation_id: int) -> list[tuple[int, int]]:
        """Creators that an operation added or changed and that are still there, as spans of ids."""
        with reading(self.engine) as connection:
            return undo.concerned(connection, operation_id)

    def undo(self, operation_id: int, actor: Actor, now: int, job: Job) -> Undone:
        """Take one operation back, whole, even after later ones; what cannot be taken back is listed."""
        with writing(self.engine) as connection:
            return undo.undo(connection, operation_id, actor, now, job)

    def redo(self, operation_id: int, actor: Actor, now: int, job: Job) -> Undone:
        """Do an undone operation again."""
        with writing(self.engine) as connection:
            return undo.redo(connection, operation_id, actor, now, job)

    def expire(self, now: int) -> bool:
        """Band accounts whose override expired, or whose figure of a day to come has come due, since the last look; whether there were any."""
        with reading(self.engine) as connection:
            due = _due(connection, now)
        if due:
            with writing(self.engine) as connection:
                rollups.refresh_accounts(connection, due, now, since=now)
                settings.put(connection, _CHECKED, str(now))
        return bool(due)

    # ------------------------------------------------------------ health

    def doctor(self, repair: bool, job: Job) -> list[Check]:  # noqa: FBT001
        """Integrity of file, keys, search index, figures and audit chain."""
        with reading(self.engine, patient=True) as connection:
            checks = [*self._file_checks(connection, job), *_chain(connection)]
            sound = all(check.ok for check in checks)
            job.progress("doctor", 3, 5)
            derived = [
                _search_check(connection, job),
                *_figure_checks(connection, job),
                _returns_check(connection, job),
                _credit_check(connection, job),
                _desk_check(connection),
            ]
            checks.append(_sync_check(connection))
        if repair and sound and not self.read_only and not all(check.ok for check in derived):
            with writing(self.engine) as connection:
                _rebuild(connection, job)
            with reading(self.engine, patient=True) as connection:
                derived = [
                    _search_check(connection, job),
                    *_figure_checks(connection, job),
                    _returns_check(connection, job),
                    _credit_check(connection, job),
                    _desk_check(connection),
                ]
        return [*checks, *derived]

    def _file_checks(self, connection: Connection, job: Job) -> list[Check]:
        if not self._is_sqlite:
            version = connection.exec_driver_sql("show server_version").scalar_one()
            return [Check("database", ok=True, detail=f"PostgreSQL {version}")]
        job.progress("doctor", 0, 5)
        integrity = str(connection.exec_driver_sql("pragma integrity_check").scalar())
        job.check()
        job.progress("doctor", 2, 5)
        broken = connection.exec_driver_sql("pragma foreign_key_check").first()
        free = shutil.disk_usage(Path(self.ref.address).absolute().parent).free >> 20
        return [
            Check("integrity", integrity == "ok", integrity),
            Check("keys", broken is None, "" if broken is None else str(tuple(broken))),
            Check("sqlite", sqlite_is_sound(), SQLITE_VERSION),
            Check("schema", ok=True, detail=str(maintenance.SCHEMA_VERSION)),
            Check("room", free > _LITTLE_ROOM_MB, f"{free} MB"),
            Check("writable", not self.read_only, ""),
        ]

    def verify_audit(self) -> list[Check]:
        """Whether the audit chain is whole; names the first broken number."""
        with reading(self.engine, patient=True) as connection:
            return _chain(connection)

    def backup(self, target: Path, now: int, job: Job) -> Mapping[str, object]:
        """Verified copy; returns what was checked."""
        return maintenance.backup(self.engine, self.ref, target, now, job)

    def data_version(self) -> int:
        """Grows when anybody has written through another connection than this watch's own."""
        if not self._is_sqlite:
            with reading(self.engine) as connection:
                return int(connection.execute(select(func.max(AuditRow.seq))).scalar() or 0)
        if self._watch is None:
            # A connection of its own, kept: the number only tells of changes by others than itself.
            self._watch = self.engine.raw_connection()
        return int(self._watch.cursor().execute("pragma data_version").fetchone()[0])

    def news(self, since: int | None) -> News:
        """What was done since; None begins: nothing is told, only from where to look."""
        with reading(self.engine) as connection:
            if since is None:
                return News(int(connection.execute(select(func.max(AuditRow.seq))).scalar() or 0), ())
            return meanwhile.news(connection, since)

    def ear(self) -> Ear | None:
        """Hears of others' writes as they happen; None for a file, which has to be looked at."""
        return listener(self.engine)

    def close(self) -> None:
        """Let go of the file."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self.engine.dispose()


def _due(connection: Connection, now: int) -> list[int]:
    """Accounts whose tier changes by the passing of time alone, between the last look and now."""
    since = int(settings.get(connection, _CHECKED) or 0)
    over = select(TierOverride.account_id).where(TierOverride.expires_at > since, TierOverride.expires_at <= now)
    ahead = select(AccountMetric.account_id).where(
        AccountMetric.as_of > AccountMetric.recorded_at, AccountMetric.as_of > since, AccountMetric.as_of <= now, AccountMetric.name == "followers"
    )
    return sorted({row[0] for statement in (over, ahead) for row in connection.execute(statement)})


def _chain(connection: Connection) -> list[Check]:
    fault = audit.first_fault(connection)
    if fault is not None:
        return [Check("audit", ok=False, detail=f"{fault[0]}: {fault[1]}")]
    rows = connection.execute(select(func.count()).select_from(AuditRow)).scalar_one()
    return [Check("audit", ok=True, detail=str(rows))]


def _search_check(connection: Connection, job: Job) -> Check:
    """Whether the index has every creator and nobody else, and finds them by their names and initials."""
    where = "creator_id" if connection.dialect.name == "postgresql" else "rowid"
    missing = connection.exec_driver_sql(f"select count(*) from creator c where c.id not in (select {where} from {search.TABLE})").scalar_one()  # noqa: S608
    extra = connection.exec_driver_sql(f"select count(*) from {search.TABLE} where {where} not in (select id from creator)").scalar_one()  # noqa: S608
    job.check()
    lost = 0
    for creator_id, name, spelled in connection.execute(select(Creator.id, Creator.name, Creator.initials).order_by(Creator.id.desc()).limit(_LOOKED_UP)):
        lost += spelled != letters.initials(name)
        if name and connection.execute(select(Creator.id).where(Creator.id == creator_id, questions.found(connection, name))).first() is None:
            lost += 1
    return Check("search", missing == extra == lost == 0, f"{missing} / {extra} / {lost}")


def _figure_checks(connection: Connection, job: Job) -> list[Check]:
    """Whether stored followers, tiers and main accounts are what the facts give."""
    now = _last_change(connection)
    force, last, wrong = rollups.tier_policy(connection, now), 0, 0
    due = set(_due(connection, now))
    while True:
        job.check()
        rows = bulk.fetch(connection, _STORED, last, _BATCH)
        if not rows:
            break
        banded = rollups.band(connection, [row[0] for row in rows], [row[1] for row in rows], force, now)
        for row, followers, tier in zip(rows, banded.followers.tolist(), banded.tier.tolist(), strict=True):
            # A run for another day leaves other tiers than today's; their last step says so.
            same = (-1 if row[2] is None else row[2]) == followers and (-1 if row[3] is None else row[3]) in {tier, -1 if row[4] is None else row[4]}
            wrong += not same and row[0] not in due
        last = rows[-1][0]
    main = bulk.fetch(connection, _OTHER_MAIN)[0][0]
    return [Check("figures", wrong == 0, str(wrong)), Check("main_accounts", main == 0, str(main))]


def _returns_check(connection: Connection, job: Job) -> Check:
    """Whether the kept sums of returns are what the facts give."""
    wrong = returns.faults(connection, job)
    return Check("returns", wrong == 0, str(wrong))


def _credit_check(connection: Connection, job: Job) -> Check:
    """Whether kept scores and grades are what the ledger of conduct gives."""
    wrong = ledger.faults(connection, job)
    return Check("credit", wrong == 0, str(wrong))


def _sync_check(connection: Connection) -> Check:
    """Whether every collaboration is of the creator whose account it names, and every record of a connection."""
    wrong = bulk.fetch(connection, _STRAY)[0][0]
    return Check("sync", wrong == 0, str(wrong))


def _last_change(connection: Connection) -> int:
    """When anything was last done: figures hold as of then."""
    done = [connection.execute(select(func.max(table.c.at))).scalar() for table in (OperationTable.__table__, AuditRow.__table__)]
    return max(int(one or 0) for one in (*done, settings.get(connection, _CHECKED)))


def _desk_check(connection: Connection) -> Check:
    """Whether due posts, parcels and prices are of whose collaborations they are of, and stand where their facts say."""
    stray = bulk.fetch(connection, _ASTRAY)[0][0]
    wrong = desk.faults(connection)
    return Check("desk", not stray and not wrong, f"{stray} · {wrong}" if stray or wrong else "")


def _rebuild(connection: Connection, job: Job) -> None:
    """Search index and figures anew from the facts."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"insert into {search.TABLE}({search.TABLE}) values ('delete-all')")  # noqa: S608
    else:
        connection.exec_driver_sql(f"delete from {search.TABLE}")  # noqa: S608
    returns.rebuild(connection, job)
    now, last = _last_change(connection), 0
    ledger.rate_all(connection, Clocks(now, now), ledger.in_force(connection, now), now, job)
    desk.rebuild(connection, now)
    while True:
        job.check()
        ids = [row[0] for row in connection.execute(select(Creator.id).where(Creator.id > last).order_by(Creator.id).limit(_BATCH))]
        if not ids:
            return
        search.refresh(connection, ids)
        accounts = [row[0] for row in bulk.fetch(connection, "select id from account where creator_id between ? and ?", ids[0], ids[-1])]
        rollups.refresh_accounts(connection, accounts, now)
        rollups.refresh_creators(connection, ids)
        last = ids[-1]
