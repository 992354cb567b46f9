# SPDX-License-Identifier: Apache-2.0
"""Creators: roster rows by question, one in depth, edits, and files taken in."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select, text

from app.errors import UsageError
from app.files import Chunk, Framed, Upserted
from app.rules.cells import handle_key
from app.rules.fields import METRIC_PREFIX
from app.rules.versions import Edited, Seen
from app.usecases.creators import CreatorDetail, HistoryRow, MetricRow, StageRow, TierRow
from app.values import Stage, Tier
from db import bulk, exports, questions, roster
from db.engine import reading, writing
from db.models.creators import Account, AccountMetric, Creator, StageStep, TierStep
from db.models.records import AuditRow, Operation
from db.writers import edits, erased, letters, meanwhile, merging, rollups, search, settings
from db.writers.edits import ACCOUNT_COLUMNS
from db.writers.incoming import Tally, finish, is_figure
from db.writers.operations import Log
from db.writers.upsert import CREATOR_COLUMNS, Upsert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from app.files import ImportRequest, Parsed
    from app.jobs import Job
    from app.usecases.creators import Ids, Question, RosterRow
    from app.values import Actor

CHUNK: Final = 50_000
"""Rows of a file that are handled at a time: bounds memory, keeps the number of statements small."""

_LONG: Final = 5_000
"""Rows from which on a file is first compared as whole columns."""

_EXPORTED: Final = 2_000
_FACETS: Final = ("platform", "category", "city", "country", "owner")
_FACET_SIZE: Final = 200


def _now() -> int:
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class CreatorStore:
    """Fulfils ``Roster`` on a workspace's database."""

    engine: Engine
    clock: Callable[[], int] = _now

    @property
    def zone(self) -> str:
        """Time zone of the workspace."""
        with reading(self.engine) as connection:
            return settings.zone(connection)

    # ------------------------------------------------------------ questions

    def count(self, question: Question) -> int:
        """How many creators a question has."""
        with reading(self.engine) as connection:
            return questions.count(connection, question, self.clock())

    def ids(self, question: Question) -> Ids:
        """Their ids in order, shape (n,)."""
        with reading(self.engine) as connection:
            return questions.ids(connection, question, self.clock())

    def page(self, question: Question, limit: int, offset: int) -> list[RosterRow]:
        """Some rows of the answer."""
        with reading(self.engine) as connection:
            now = self.clock()
            return _roster(connection, questions.page(connection, question, limit, offset, now), now)

    def spelled(self, text: str, limit: int) -> list[RosterRow]:
        """Creators whose names begin with these pinyin initials, the shortest first; through the index."""
        first = letters.typed(text)
        if not first:
            return []
        after = first[:-1] + chr(ord(first[-1]) + 1)
        statement = select(Creator.id).where(Creator.initials >= first, Creator.initials < after).order_by(Creator.initials, Creator.id).limit(limit)
        with reading(self.engine) as connection:
            return _roster(connection, list(connection.execute(statement).scalars()), self.clock())

    def rows(self, ids: Sequence[int]) -> list[RosterRow]:
        """Rows for ids, in the ids' order; an id that is gone is left out."""
        with reading(self.engine) as connection:
            return _roster(connection, [int(one) for one in ids], self.clock())

    def find(self, reference: str) -> int | None:
        """Id for ``123`` or ``platform:platform_uid``; of a creator who went into another one, the other's."""
        platform, colon, uid = reference.partition(":")
        with reading(self.engine) as connection:
            if not colon:
                if not reference.isdecimal() or len(reference) > 18:  # noqa: PLR2004 (64 bits)
                    return None
                one = int(reference)
                found = connection.execute(select(Creator.id).where(Creator.id == one)).scalar()
                if found is None and (now := merging.went(connection, one)) is not None:
                    return now.creator_id
                return found
            statement = select(Account.creator_id).where(Account.platform == platform, Account.platform_uid == uid)
            return connection.execute(statement).scalar()

    def facets(self) -> Mapping[str, Sequence[str]]:
        """Values that a filter may offer, the most used first."""
        with reading(self.engine) as connection:
            found = {name: _most_used(connection, "creator", name) for name in _FACETS}
            return {**found, "tags": _most_used(connection, "creator_tag", "tag")}

    def detail(self, creator_id: int) -> CreatorDetail | None:
        """Everything about one creator."""
        with reading(self.engine) as connection:
            rows = _roster(connection, [creator_id], self.clock())
            if not rows:
                return None
            notes, version = connection.execute(select(Creator.notes, Creator.version).where(Creator.id == creator_id)).one()
            accounts = [account.id for account in rows[0].accounts]
            return CreatorDetail(
                rows[0],
                notes,
                version,
                _metrics(connection, accounts),
                _stages(connection, creator_id),
                _tiers(connection, accounts),
                _history(connection, creator_id, accounts),
            )

    # ------------------------------------------------------------ edits

    def add(self, values: Mapping[str, object], actor: Actor, now: int) -> int:
        """Add a creator with one account; returns its id."""
        with writing(self.engine) as connection:
            log = Log(connection, "creator.add", actor, now)
            upsert = Upsert(connection, log, now, actor.name, ())
            chunk = Chunk([1], {name: [value] for name, value in values.items()}, {})
            upsert.take(chunk)
            if upsert.tally.rejects:
                raise UsageError("person_erased")
            if not upsert.tally.inserted:
                raise UsageError("creator_exists", id=_existing(connection, values))
            log.finish({"creator_id": upsert.tally.creator_ids[0]})
            return upsert.tally.creator_ids[0]

    def edit(self, ids: Sequence[int], values: Mapping[str, object], actor: Actor, now: int, reason: str | None) -> int:
        """Set fields (None empties) of creators and their main accounts; returns the operation's id, 0 if nothing changed."""
        with writing(self.engine) as connection:
            log = Log(connection, "creator.set", actor, now)
            creators, accounts = _known(connection, ids)
            _edit(log, creators, accounts, values, reason)
            return _finished(log, creators, {"fields": sorted(values)}, reason)

    def edit_seen(self, creator_id: int, values: Mapping[str, object], seen: Seen, actor: Actor, now: int, reason: str | None) -> Edited:
        """Set fields of one creator as somebody saw it; where others changed the same fields meanwhile, nothing is written and they are told."""
        with writing(self.engine) as connection:
            stands = meanwhile.Standing(connection, creator_id, now)
            merged, collisions, seen = stands.merge(seen, values)
            if collisions or (stands.version and not merged.take):
                connection.rollback()
                return Edited(0, seen, collisions)
            log = Log(connection, "creator.set", actor, now)
            creators, accounts = _known(connection, [creator_id])
            _edit(log, creators, accounts, merged.take, reason)
            return Edited(_finished(log, creators, {"fields": sorted(merged.take)}, reason), seen)

    def edit_since(self, ids: Sequence[int], values: Mapping[str, object], since: int, actor: Actor, now: int, reason: str | None) -> Edited:
        """Set fields of many creators; those whose same fields somebody changed after an operation stay as they are, and are told."""
        with writing(self.engine) as connection:
            left = meanwhile.changed_since(connection, ids, since, list(values))
            gone, seen = set(left), Seen(0)
            others = [one for one in ids if one not in gone]
            if not others:
                connection.rollback()
                return Edited(0, seen, left=tuple(left))
            log = Log(connection, "creator.set", actor, now)
            creators, accounts = _known(connection, others)
            _edit(log, creators, accounts, values, reason)
            return Edited(_finished(log, creators, {"fields": sorted(values)}, reason), seen, left=tuple(left))

    def tag(self, ids: Sequence[int], add: Sequence[str], remove: Sequence[str], actor: Actor, now: int) -> int:
        """Add and take off tags; returns the operation's id, 0 if nothing changed."""
        with writing(self.engine) as connection:
            log = Log(connection, "creator.tag", actor, now)
            creators, _ = _known(connection, ids)
            edits.add_tags(log, creators, add)
            edits.remove_tags(log, creators, remove)
            return _finished(log, creators, {"added": list(add), "removed": list(remove)}, None)

    # ------------------------------------------------------------ files

    def upsert(self, parsed: Parsed, request: ImportRequest, actor: Actor, now: int, job: Job) -> Upserted:
        """Take a parsed file in, all or nothing; a dry run only tells."""
        if request.dry_run:
            with reading(self.engine) as connection:
                return _told(self._take(connection, None, parsed, actor, now, job), None)
        with writing(self.engine) as connection, bulk.roomy(connection):
            fingerprint = _fingerprint(parsed, request)
            log = Log(connection, "import.creators", actor, now)
            tally = _repeated(connection, fingerprint, log.id)
            if tally is None:
                tally = self._take(connection, log, parsed, actor, now, job)
            if not log.touched and not parsed.rejects and not tally.rejects and not parsed.records:
                connection.rollback()
                return _told(tally, None)
            finish(log, parsed, request, tally, fingerprint)
            job.progress("commit", 1, 1)
            return _told(tally, log.id)

    @staticmethod
    def _take(connection: Connection, log: Log | None, parsed: Parsed, actor: Actor, now: int, job: Job) -> Tally:
        upsert = Upsert(connection, log, now, actor.name, parsed.key)
        done = upsert.tally.unchanged = _settled(connection, parsed)
        for chunk in parsed.chunks(CHUNK):
            job.check()
            upsert.take(chunk)
            done += len(chunk)
            job.progress("upsert", done, parsed.records)
        job.check()
        return upsert.tally

    def export(self, question: Question, columns: Sequence[str], now: int) -> Iterator[tuple[object, ...]]:
        """The columns' names, then their values for every creator and account of the answer, one row an account."""
        with reading(self.engine) as connection:
            ids = [int(one) for one in questions.ids(connection, question, now)]
            names = tuple(columns) or exports.columns(connection, ids, now)
            yield names
            for first in range(0, len(ids), _EXPORTED):
                yield from exports.table(connection, _roster(connection, ids[first : first + _EXPORTED], now), names, now)


def _settled(connection: Connection, parsed: Parsed) -> int:
    """Leave out the rows of a long file that say only what stands already; returns how many."""
    if parsed.key or parsed.records < _LONG or not isinstance(parsed, Framed):
        return 0
    from db.writers import unchanged  # noqa: PLC0415 (whoever parsed so many rows has polars loaded; a window has not)

    numbers = unchanged.rows(connection, parsed.frame, parsed.number, CREATOR_COLUMNS)
    parsed.leave_out(numbers)
    return len(numbers)


def _told(tally: Tally, operation_id: int | None) -> Upserted:
    return Upserted(
        operation_id,
        tally.inserted,
        tally.updated,
        tally.unchanged,
        tuple(sorted(tally.changes, key=lambda change: change.row)),
        tuple(tally.rejects),
        tuple(tally.creator_ids),
        tally.duplicates,
    )


def _fingerprint(parsed: Parsed, request: ImportRequest) -> str:
    """What a file says, and how it was asked to be read."""
    asked = [parsed.digest, sorted(parsed.mapping.items()), parsed.key, request.platform, request.sheet, request.encoding, sorted(request.mapping.items())]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode("utf-8", "surrogateescape")).hexdigest()


def _repeated(connection: Connection, fingerprint: str, operation_id: int) -> Tally | None:
    """The answer for a file that was the last thing to change the workspace: what an import has taken in, it leaves alone.

    None where anything happened since, or where a figure dated ahead has come due, or not every row was taken.
    """
    before = connection.execute(select(Operation.id, Operation.summary, Operation.at).where(Operation.id < operation_id).order_by(Operation.id.desc())).first()
    last = connection.execute(select(AuditRow.action, AuditRow.object).order_by(AuditRow.seq.desc()).limit(1)).first()
    if before is None or last is None or tuple(last) != ("import.creators", f"operation:{before.id}"):
        return None
    told = json.loads(before.summary)
    if told.get("fingerprint") != fingerprint or told["refused"]:
        return None
    ahead = select(AccountMetric.id).where(AccountMetric.as_of > AccountMetric.recorded_at, AccountMetric.as_of > before.at)
    if connection.execute(ahead.limit(1)).first() is not None:
        return None
    return Tally(unchanged=told["inserted"] + told["updated"] + told["unchanged"], duplicates=told["merged"])


# ---------------------------------------------------------------- edits of known creators


def _known(connection: Connection, ids: Sequence[int]) -> tuple[list[int], list[int]]:
    """Those of the creators that are there, and their main accounts."""
    bulk.keep_ids(connection, dict.fromkeys(ids))
    rows = connection.exec_driver_sql("select c.id, c.main_account_id from wanted w join creator c on c.id = w.id order by w.pos").all()
    if not rows:
        raise UsageError("unknown_creator", id=", ".join(map(str, ids[:5])))
    return [row[0] for row in rows], [row[1] for row in rows if row[1] is not None]


def _edit(log: Log, creators: list[int], accounts: list[int], values: Mapping[str, object], reason: str | None) -> None:
    unused = erased.off(log.connection).intersection(name for name, value in values.items() if value is not None)
    if unused:
        raise UsageError("field_off", field=min(unused))
    fields = {name: value for name, value in values.items() if name in CREATOR_COLUMNS}
    moved = edits.set_fields(log, "creator", creators, fields)
    if "stage" in fields:
        stages = {row_id: before["stage"] for row_id, before in moved.items() if "stage" in before}
        edits.add_stage_steps(log, stages, Stage(int(str(fields["stage"]))), reason)
    of_account = {name: value for name, value in values.items() if name in ACCOUNT_COLUMNS}
    if "handle" in of_account:
        handle = of_account["handle"]
        of_account["handle_key"] = handle_key(str(handle)) if handle else None
    changed = edits.set_fields(log, "account", accounts, of_account)
    figures = {name.removeprefix(METRIC_PREFIX): value for name, value in values.items() if is_figure(name)}
    touched = edits.add_figures(log, accounts, figures)  # type: ignore[arg-type]
    if "tags" in values:
        edits.set_tags(log, creators, values["tags"] or ())  # type: ignore[arg-type]
    rollups.refresh_accounts(log.connection, touched, log.now)
    if changed:
        rollups.refresh_creators(log.connection, creators)


def _finished(log: Log, creators: list[int], summary: Mapping[str, object], reason: str | None) -> int:
    """Seal an edit; one that changed nothing leaves nothing."""
    if not log.touched:
        log.connection.rollback()
        return 0
    edits.touch(log, creators)
    search.refresh(log.connection, creators)
    return log.finish({"creators": len(creators), **summary}, reason)


def _existing(connection: Connection, values: Mapping[str, object]) -> int:
    """Id of the creator that already has an account."""
    key = handle_key(str(values["handle"])) if values.get("handle") else None
    statement = text("select creator_id from account where platform = :platform and (platform_uid = :uid or handle_key = :key) limit 1")
    found = connection.execute(statement, {"platform": values.get("platform"), "uid": values.get("platform_uid"), "key": key}).scalar()
    return int(found or 0)


# ---------------------------------------------------------------- rows


def _roster(connection: Connection, ids: Sequence[int], now: int) -> list[RosterRow]:
    with closing(bulk.driver_cursor(connection)) as cursor:
        return roster.of(cursor, ids, now)


def _tier(number: int | None) -> Tier | None:
    return roster.TIERS[number]


def _most_used(connection: Connection, table: str, column: str) -> list[str]:
    statement = (
        f'select "{column}" from {table} where "{column}" is not null'  # noqa: S608 (our names)
        f' group by "{column}" order by count(*) desc, "{column}" limit {_FACET_SIZE}'
    )
    return list(connection.exec_driver_sql(statement).scalars())


def _metrics(connection: Connection, accounts: Sequence[int]) -> tuple[MetricRow, ...]:
    statement = (
        select(
            AccountMetric.account_id, AccountMetric.name, AccountMetric.value, AccountMetric.as_of, AccountMetric.raw,
            Operation.summary, Operation.kind,
        )
        .outerjoin(Operation, Operation.id == AccountMetric.operation_id)
        .where(AccountMetric.account_id.in_(accounts))
        .order_by(AccountMetric.as_of.desc(), AccountMetric.id)
    )  # fmt: skip
    return tuple(MetricRow(row.account_id, row.name, row.value, row.as_of, row.raw, _source(row.summary, row.kind)) for row in connection.execute(statement))


def _source(summary: str | None, kind: str | None) -> str:
    """Where a figure comes from: the imported file, else the kind of operation."""
    return str(json.loads(summary or "{}").get("file") or kind or "")


def _stages(connection: Connection, creator_id: int) -> tuple[StageRow, ...]:
    steps = connection.execute(
        select(StageStep.stage, StageStep.previous, StageStep.at, StageStep.by, StageStep.reason)
        .where(StageStep.creator_id == creator_id)
        .order_by(StageStep.at, StageStep.id)
    )
    return tuple(StageRow(Stage(row.stage), None if row.previous is None else Stage(row.previous), row.at, row.by, row.reason) for row in steps)


def _tiers(connection: Connection, accounts: Sequence[int]) -> tuple[TierRow, ...]:
    statement = (
        select(TierStep.account_id, TierStep.tier, TierStep.previous, TierStep.at, TierStep.policy_version)
        .where(TierStep.account_id.in_(accounts))
        .order_by(TierStep.at, TierStep.id)
    )
    return tuple(TierRow(account, _tier(tier), _tier(previous), at, version) for account, tier, previous, at, version in connection.execute(statement))


_HISTORY_ROWS: Final = 200


def _history(connection: Connection, creator_id: int, accounts: Sequence[int]) -> tuple[HistoryRow, ...]:
    """What operations that stand changed in a creator and its accounts, newest first."""
    statement = text(
        "select o.id, o.at, o.by, o.kind, c.before, c.after from change c join operation o on o.id = c.operation_id"
        " where o.undone_at is null and ((c.table_name = 'creator' and c.row_id = :creator)"
        " or (c.table_name = 'account' and c.row_id in :accounts)) order by o.id desc, c.id limit :limit"
    ).bindparams(bindparam("accounts", expanding=True))
    out = []
    for row in connection.execute(statement, {"creator": creator_id, "accounts": list(accounts), "limit": _HISTORY_ROWS}):
        before, after = json.loads(row.before or "{}"), json.loads(row.after or "{}")
        out += [HistoryRow(row.id, row.at, row.by, row.kind, name, before.get(name), after.get(name)) for name in {**before, **after} if name != "handle_key"]
    return tuple(out)
