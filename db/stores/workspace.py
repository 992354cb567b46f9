# SPDX-License-Identifier: Apache-2.0
"""The workspace as a whole: contents and their hash, operations with undo and redo, health, audit."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, func, select, text

from app.usecases.workspace import Check, Expiring, Info, Moved, Operation, RejectedRow, Today
from app.values import Stage, Tier
from db import maintenance
from db.engine import SQLITE_VERSION, reading, sqlite_is_sound, writing
from db.models import Base
from db.models.creators import Account, Creator, TierOverride, TierStep
from db.models.records import AuditRow, Rejected
from db.models.records import Operation as OperationTable
from db.writers import audit, contents, rollups, search, settings, undo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Connection, Engine

    from app.jobs import Job
    from app.usecases.workspace import Horizon, Undone
    from app.values import Actor, WorkspaceRef

_CHECKED: Final = "overrides_checked_at"
_BATCH: Final = 50_000
_LITTLE_ROOM_MB: Final = 200
_LOOKED_AT: Final = 50
_SHOWN: Final = 12
_COUNTED: Final = {
    "creators": "creator",
    "accounts": "account",
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
        with reading(self.engine) as connection:
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

    def operations(self, kind: str | None = None, limit: int = 200) -> list[Operation]:
        """Newest first; ``kind`` is a prefix, as ``import.``."""
        table = OperationTable
        statement = select(table.id, table.kind, table.at, table.by, table.undone_at, table.summary)
        if kind is not None:
            statement = statement.where(table.kind.startswith(kind, autoescape=True))
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

    def today(self, horizon: Horizon) -> Today:
        """Size of the roster by tier and stage, and what waits for a person; every count walks an index."""
        count = select(func.count())
        with reading(self.engine) as connection:
            tiers = connection.execute(select(Creator.tier, func.count()).group_by(Creator.tier)).all()
            stages = connection.execute(select(Creator.stage, func.count()).group_by(Creator.stage)).all()
            creators = sum(number for _, number in tiers)
            owned = connection.execute(count.select_from(Creator).where(Creator.owner.is_not(None))).scalar_one()
            unknown = connection.execute(count.select_from(Creator).where(Creator.followers.is_(None))).scalar_one()
            old = connection.execute(count.select_from(Account).where(Account.followers_at < horizon.old)).scalar_one()
            moved = and_(TierStep.previous.is_not(None), TierStep.at >= horizon.recent, TierStep.at <= horizon.now)
            return Today(
                now=horizon.now,
                creators=creators,
                tiers={None if tier is None else Tier(tier): number for tier, number in tiers},
                stages={Stage(stage): number for stage, number in stages},
                without_owner=creators - owned,
                without_followers=unknown,
                old_before=horizon.old,
                old_figures=old,
                imports=_rejecting_imports(connection, horizon.now - 2 * (horizon.now - horizon.recent)),
                moved=connection.execute(count.select_from(TierStep).where(moved)).scalar_one(),
                moves=_moves(connection, moved),
                expiring=_expiring(connection, horizon),
            )

    def undo(self, operation_id: int, actor: Actor, now: int, job: Job) -> Undone:
        """Take one operation back, whole, even after later ones; what cannot be taken back is listed."""
        with writing(self.engine) as connection:
            return undo.undo(connection, operation_id, actor, now, job)

    def redo(self, operation_id: int, actor: Actor, now: int, job: Job) -> Undone:
        """Do an undone operation again."""
        with writing(self.engine) as connection:
            return undo.redo(connection, operation_id, actor, now, job)

    def expire(self, now: int) -> None:
        """Band accounts whose override expired since the last look."""
        with reading(self.engine) as connection:
            since = int(settings.get(connection, _CHECKED) or 0)
            over = connection.execute(select(TierOverride.account_id).where(TierOverride.expires_at > since, TierOverride.expires_at <= now)).scalars().all()
        if over:
            with writing(self.engine) as connection:
                rollups.refresh_accounts(connection, over, now, since=now)
                settings.put(connection, _CHECKED, str(now))

    # ------------------------------------------------------------ health

    def doctor(self, repair: bool, job: Job) -> list[Check]:  # noqa: FBT001
        """Integrity of file, keys, search index, figures and audit chain."""
        with reading(self.engine) as connection:
            checks = [*self._file_checks(connection, job), *_chain(connection)]
            sound = all(check.ok for check in checks)
            job.progress("doctor", 3, 5)
            derived = [_search_check(connection), *_figure_checks(connection, job)]
        if repair and sound and not self.read_only and not all(check.ok for check in derived):
            with writing(self.engine) as connection:
                _rebuild(connection, job)
            with reading(self.engine) as connection:
                derived = [_search_check(connection), *_figure_checks(connection, job)]
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
        with reading(self.engine) as connection:
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

    def close(self) -> None:
        """Let go of the file."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self.engine.dispose()


def _rejecting_imports(connection: Connection, since: int) -> tuple[Operation, ...]:
    """The last imports that stand and left rows behind, newest first."""
    table = OperationTable
    rows = connection.execute(
        select(table.id, table.kind, table.at, table.by, table.undone_at, table.summary)
        .where(table.kind.startswith("import."), table.undone_at.is_(None), table.at >= since)
        .order_by(table.id.desc())
        .limit(_LOOKED_AT)
    ).all()
    found = [Operation(*row[:5], summary=json.loads(row.summary)) for row in rows]
    return tuple(operation for operation in found if operation.summary.get("rejected"))[:_SHOWN]


def _moves(connection: Connection, moved: ColumnElement[bool]) -> tuple[Moved, ...]:
    rows = connection.execute(
        select(Creator.id, Creator.name, Account.platform, TierStep.previous, TierStep.tier, TierStep.at)
        .join(Account, Account.id == TierStep.account_id)
        .join(Creator, Creator.id == Account.creator_id)
        .where(moved)
        .order_by(TierStep.at.desc(), TierStep.id.desc())
        .limit(_SHOWN)
    ).all()
    return tuple(
        Moved(row.id, row.name, row.platform, None if row.previous is None else Tier(row.previous), None if row.tier is None else Tier(row.tier), row.at)
        for row in rows
    )


def _expiring(connection: Connection, horizon: Horizon) -> tuple[Expiring, ...]:
    rows = connection.execute(
        select(Creator.id, Creator.name, Account.platform, TierOverride.tier, TierOverride.reason, TierOverride.expires_at)
        .join(Account, Account.id == TierOverride.account_id)
        .join(Creator, Creator.id == Account.creator_id)
        .where(TierOverride.voided_at.is_(None), TierOverride.expires_at > horizon.now, TierOverride.expires_at <= horizon.soon)
        .order_by(TierOverride.expires_at)
        .limit(_SHOWN)
    ).all()
    return tuple(Expiring(row.id, row.name, row.platform, Tier(row.tier), row.reason, row.expires_at) for row in rows)


def _chain(connection: Connection) -> list[Check]:
    fault = audit.first_fault(connection)
    if fault is not None:
        return [Check("audit", ok=False, detail=f"{fault[0]}: {fault[1]}")]
    rows = connection.execute(select(func.count()).select_from(AuditRow)).scalar_one()
    return [Check("audit", ok=True, detail=str(rows))]


def _search_check(connection: Connection) -> Check:
    """Whether every creator is in the index, and a sample is found by its name."""
    creators = connection.execute(select(func.count()).select_from(Creator)).scalar_one()
    indexed = connection.exec_driver_sql(f"select count(*) from {search.TABLE}").scalar_one()  # noqa: S608
    return Check("search", creators == indexed, f"{indexed} / {creators}")


def _figure_checks(connection: Connection, job: Job) -> list[Check]:
    """Whether stored followers, tiers and main accounts are what the facts give."""
    now = connection.execute(select(func.max(OperationTable.at))).scalar() or 0
    force = rollups.tier_policy(connection, now)
    wrong, last = 0, 0
    while True:
        job.check()
        rows = connection.execute(select(Account.id, Account.platform, Account.followers).where(Account.id > last).order_by(Account.id).limit(_BATCH)).all()
        if not rows:
            break
        banded = rollups.band(connection, [row.id for row in rows], [row.platform for row in rows], force, now)
        wrong += sum((-1 if row.followers is None else row.followers) != count for row, count in zip(rows, banded.followers.tolist(), strict=True))
        last = rows[-1].id
    orphans = connection.exec_driver_sql(
        "select count(*) from creator c where not exists (select 1 from account a where a.id = c.main_account_id and a.creator_id = c.id)"
    ).scalar_one()
    return [Check("figures", wrong == 0, str(wrong)), Check("main_accounts", orphans == 0, str(orphans))]


def _rebuild(connection: Connection, job: Job) -> None:
    """Search index and figures anew from the facts."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"insert into {search.TABLE}({search.TABLE}) values ('delete-all')")  # noqa: S608
    else:
        connection.exec_driver_sql(f"delete from {search.TABLE}")  # noqa: S608
    now = connection.execute(select(func.max(OperationTable.at))).scalar() or 0
    last = 0
    while True:
        job.check()
        ids = connection.execute(select(Creator.id).where(Creator.id > last).order_by(Creator.id).limit(_BATCH)).scalars().all()
        if not ids:
            return
        search.refresh(connection, ids)
        accounts = (
            connection.execute(text("select id from account where creator_id between :first and :last"), {"first": ids[0], "last": ids[-1]}).scalars().all()
        )
        rollups.refresh_accounts(connection, accounts, now)
        rollups.refresh_creators(connection, ids)
        last = ids[-1]
