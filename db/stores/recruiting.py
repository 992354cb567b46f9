# SPDX-License-Identifier: Apache-2.0
"""Recruiting: moves between stages with their history, whose a creator is, plans."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from app.rules.recruiting import Holding, allowed, clash, is_silent, reason_of, refusal
from app.usecases.creators import Question, SortKey
from app.usecases.recruiting import BoardColumn, Card, Done, HandedOver, Left, Step
from app.values import DAY, Group, Stage, Tier
from db import bulk, pipeline, questions
from db.engine import reading, writing
from db.models import Base
from db.writers import edits, suppressed
from db.writers.operations import Log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from app.jobs import Job
    from app.rules.recruiting import Clash, RecruitingPolicy
    from app.usecases.recruiting import Funnel, Overdue, Owned, PlanCell, Plans
    from app.values import Actor

_AT_A_TIME: Final = 20_000
"""Rows changed between two looks at whether to stop."""
_HELD: Final = (
    "select w.id, c.owner, c.protected_until, k.who, k.at from wanted w join creator c on c.id = w.id left join contact k on k.id = ("
    "select o.id from contact o where o.creator_id = w.id and o.voided_at is null and o.who <> ? order by o.at desc, o.id desc limit 1) order by w.pos"
)
_STEPS: Final = "select s.creator_id, c.name, s.stage, s.previous, s.at, s.by, s.reason, s.at - s.since from stage_step s join creator c on c.id = s.creator_id"


@dataclass(frozen=True, slots=True)
class PipelineStore:
    """Fulfils ``Pipeline`` on a workspace's database."""

    engine: Engine

    def policy(self) -> RecruitingPolicy:
        """The numbers in force."""
        with reading(self.engine) as connection:
            return pipeline.policy(connection)

    # ------------------------------------------------------------ stages

    def move(self, ids: Sequence[int], stage: Stage, reason: str | None, actor: Actor, now: int) -> Done:
        """Move creators to a stage where the policy allows it, with a dated step each."""
        with writing(self.engine) as connection:
            by = pipeline.policy(connection, now)
            why = reason_of(by, reason)
            moving, left = _movable(connection, by, ids, stage, why.stored)
            log = Log(connection, "stage.move", actor, now)
            moved = edits.set_fields(log, "creator", moving, {"stage": int(stage)})
            if not moved:
                connection.rollback()
                return Done(0, 0, tuple(left))
            edits.add_stage_steps(log, {one: before["stage"] for one, before in moved.items()}, stage, why.stored)
            edits.touch(log, list(moved))
            return Done(log.finish({"creators": len(moved), "stage": stage.code}, why.stored), len(moved), tuple(left))

    def board(self, where: str, per_stage: int, now: int) -> list[BoardColumn]:
        """Creators for whom a filter holds, by stage."""
        with reading(self.engine) as connection:
            by = pipeline.policy(connection, now)
            found: list[tuple[Stage, int, list[int]]] = []
            for stage in Stage:
                asked = Question(where=f"stage = {stage.code}" + (f" and ({where})" if where.strip() else ""), sort=(SortKey("followers", descending=True),))
                found.append((stage, questions.count(connection, asked, now), questions.page(connection, asked, per_stage, 0, now)))
            cards = _cards(connection, by, [one for _, _, ids in found for one in ids], now)
            return [
                BoardColumn(stage, count, tuple(cards[one] for one in ids), allowed(by, stage), frozenset(allowed(by, stage)) & by.needs_reason)
                for stage, count, ids in found
            ]

    def steps(self, creator_id: int | None, limit: int) -> list[Step]:
        """Steps of a creator or of everybody, the newest first."""
        where, given = ("", ()) if creator_id is None else (" where s.creator_id = ?", (creator_id,))
        with reading(self.engine) as connection:
            by = pipeline.policy(connection)
            rows = bulk.fetch(connection, f"{_STEPS}{where} order by s.at desc, s.id desc limit ?", *given, limit)
            return [
                Step(one, name, Stage(stage), None if before is None else Stage(before), at, who, reason_of(by, why), None if stayed is None else stayed / DAY)
                for one, name, stage, before, at, who, why, stayed in rows
            ]

    def funnel(self, since: int | None, until: int | None, *, by_source: bool) -> Funnel:
        """How creators went through the stages."""
        with reading(self.engine) as connection:
            return pipeline.funnel(connection, since, until, by_source=by_source)

    def overdue(self, owner: str | None, limit: int, offset: int, now: int) -> Overdue:
        """Silent leads of somebody (None: everybody's, "": of the pool)."""
        with reading(self.engine) as connection:
            return pipeline.overdue(connection, owner, limit, offset, now)

    # ------------------------------------------------------------ owners and the pool

    def clashes(self, ids: Sequence[int], who: str, now: int) -> Mapping[int, Clash]:
        """Whom others have, or spoke to lately."""
        with reading(self.engine) as connection:
            by = pipeline.policy(connection, now)
            found = {one: clash(by, held, who, now) for one, held in _held(connection, ids, who).items()}
            return {one: warning for one, warning in found.items() if warning is not None}

    def owners(self, now: int) -> list[Owned]:
        """Who has how many; the pool first."""
        with reading(self.engine) as connection:
            return pipeline.owners(connection, now)

    def claim(self, ids: Sequence[int], actor: Actor, now: int, *, anyway: bool) -> Done:
        """Take creators out of the pool. One that somebody has, or spoke to lately (unless ``anyway``), is left."""
        with writing(self.engine) as connection:
            by = pipeline.policy(connection, now)
            log = Log(connection, "recruiting.claim", actor, now)
            taking: list[int] = []
            left: list[Left] = []
            room = by.most_owned - int(bulk.fetch(connection, "select count(*) from creator where owner = ?", actor.name)[0][0])
            for one, held in _held(connection, ids, actor.name).items():
                warning = clash(by, held, actor.name, now)
                if warning is not None and (warning.code == "owned" or not anyway):
                    left.append(Left(one, warning.code, None, warning))
                elif held.owner is None and len(taking) >= room:
                    left.append(Left(one, "too_many_owned"))
                elif held.owner is None:
                    taking.append(one)
            changed = {"owner": actor.name, "claimed_at": now, "protected_until": now + by.protection_days * DAY}
            return _owned(log, taking, changed, left, {"owner": actor.name})

    def release(self, ids: Sequence[int], actor: Actor, now: int) -> Done:
        """Put creators into the pool."""
        with writing(self.engine) as connection:
            log = Log(connection, "recruiting.release", actor, now)
            return _owned(log, list(dict.fromkeys(ids)), _NOBODYS, [], {})

    def return_silent(self, actor: Actor, now: int, job: Job, *, dry_run: bool) -> Done:
        """Put everybody's silent creators into the pool."""
        if dry_run:
            with reading(self.engine) as connection:
                return Done(0, len(pipeline.going_back(connection, pipeline.policy(connection, now), now)))
        with writing(self.engine) as connection:
            by = pipeline.policy(connection, now)
            log = Log(connection, "recruiting.return", actor, now)
            going = pipeline.going_back(connection, by, now)
            job.check()
            return _owned(log, going, _NOBODYS, [], {"days": by.return_after_days}, job)

    def hand_over(self, leaver: str, heir: str, actor: Actor, now: int, job: Job) -> HandedOver:
        """Give everything that somebody owns to somebody else: whatever table has an owner."""
        with writing(self.engine) as connection:
            by = pipeline.policy(connection, now)
            log = Log(connection, "recruiting.handover", actor, now)
            moved: dict[str, int] = {}
            for table in _owning():
                ids = [row[0] for row in bulk.fetch(connection, f"select id from {bulk.quoted(table)} where owner = ? order by id", leaver)]  # noqa: S608 (our names)
                values: dict[str, object] = {"owner": heir}
                if table == "creator":
                    values |= {"claimed_at": now, "protected_until": now + by.protection_days * DAY}
                moved[table] = _set_all(log, table, ids, values, job)
            if not any(moved.values()):
                connection.rollback()
                return HandedOver(0, moved)
            return HandedOver(log.finish({"creators": moved["creator"], "from": leaver, "to": heir, **moved}), moved)

    # ------------------------------------------------------------ plans

    def plans(self, first: int, last: int, now: int) -> Plans:
        """Plans of months and the goals."""
        with reading(self.engine) as connection:
            return pipeline.plans(connection, first, last, now)

    def set_plans(self, targets: Mapping[PlanCell, int], actor: Actor, now: int) -> int:
        """Set targets; 0 takes a plan away."""
        with writing(self.engine) as connection:
            log = Log(connection, "recruiting.plan", actor, now)
            rows = bulk.fetch(connection, 'select id, month, "group", platform, category, target, version from recruitment_plan')
            standing = {tuple(row[1:5]): (row[0], row[5], row[6]) for row in rows}
            new: list[tuple[Any, ...]] = []
            changed: list[tuple[int, dict[str, object], dict[str, object]]] = []
            gone: list[tuple[int, dict[str, object]]] = []
            for cell, target in targets.items():
                key = (cell.month, int(cell.group or 0), cell.platform or "", cell.category or "")
                found = standing.get(key)
                if found is None and target:
                    new.append((*key, target, actor.name, now, 1))
                elif found is not None and not target:
                    gone.append((found[0], dict(zip(_PLAN, (*key, found[1], actor.name, now, found[2]), strict=True))))
                elif found is not None and found[1] != target:
                    changed.append((found[0], {"target": found[1], "version": found[2]}, {"target": target, "version": found[2] + 1}))
            log.changed("recruitment_plan", [*changed, *((one, row, None) for one, row in gone)])
            bulk.update(connection, "recruitment_plan", ("target", "version"), [(*after.values(), one) for one, _, after in changed])
            bulk.delete(connection, "recruitment_plan", [one for one, _ in gone])
            log.insert("recruitment_plan", _PLAN, new)
            if not log.touched:
                connection.rollback()
                return 0
            return log.finish({"plans": log.touched})


_PLAN: Final = ("month", "group", "platform", "category", "target", "by", "at", "version")
_NOBODYS: Final[Mapping[str, object]] = {"owner": None, "claimed_at": None, "protected_until": None}


def _owning() -> list[str]:
    """Tables whose rows have an owner, creators first."""
    tables = sorted(name for name, table in Base.metadata.tables.items() if "owner" in table.c and "id" in table.c)
    return sorted(tables, key=lambda name: name != "creator")


def _movable(connection: Connection, by: RecruitingPolicy, ids: Sequence[int], stage: Stage, reason: str | None) -> tuple[list[int], list[Left]]:
    """Who may move to a stage, and who is left; a stage is judged once for all who stand in it."""
    bulk.keep_ids(connection, dict.fromkeys(ids))
    rows = bulk.fetch(connection, "select c.stage, c.id from wanted w join creator c on c.id = w.id order by c.stage, w.pos")
    moving: list[int] = []
    left: list[Left] = []
    for number, some in groupby(rows, key=itemgetter(0)):
        code = refusal(by, Stage(number), stage, reason_of(by, reason))
        if code is None:
            moving += [row[1] for row in some]
        else:
            left += [Left(row[1], code, Stage(number)) for row in some]
    return moving, left


def _held(connection: Connection, ids: Sequence[int], who: str) -> dict[int, Holding]:
    bulk.keep_ids(connection, dict.fromkeys(ids))
    return {row[0]: Holding(*row[1:]) for row in bulk.fetch(connection, _HELD, who)}


def _owned(log: Log, ids: Sequence[int], values: Mapping[str, object], left: Sequence[Left], summary: Mapping[str, object], job: Job | None = None) -> Done:
    """Change whose creators are; where nothing changes nothing stays."""
    count = _set_all(log, "creator", ids, values, job)
    if not count:
        log.connection.rollback()
        return Done(0, 0, tuple(left))
    return Done(log.finish({"creators": count, **summary}), count, tuple(left))


def _set_all(log: Log, table: str, ids: Sequence[int], values: Mapping[str, object], job: Job | None) -> int:
    """Set columns of many rows, some at a time; returns how many changed."""
    count, versioned = 0, "version" in Base.metadata.tables[table].c
    for first in range(0, len(ids), _AT_A_TIME):
        if job is not None:
            job.check()
            job.progress("write", first, len(ids))
        changed = list(edits.set_fields(log, table, ids[first : first + _AT_A_TIME], values))
        if changed and table == "creator":
            edits.touch(log, changed)
        elif changed and versioned:
            bulk.keep_ids(log.connection, changed)
            log.connection.exec_driver_sql(f"update {bulk.quoted(table)} set version = version + 1 where id in (select id from wanted)")  # noqa: S608 (our names)
        count += len(changed)
    return count


# ---------------------------------------------------------------- cards

_CARDS: Final = (
    'select c.id, c.name, c.stage, c.platform, coalesce(a.handle, a.platform_uid), c.tier, c."group", c.followers, c.category, c.owner, c.source,'
    " c.protected_until, (select max(s.at) from stage_step s where s.creator_id = c.id and s.stage = c.stage), {word}"
    " from wanted w join creator c on c.id = w.id left join account a on a.id = c.main_account_id"
)  # fmt: skip


def _cards(connection: Connection, by: RecruitingPolicy, ids: Sequence[int], now: int) -> dict[int, Card]:
    alone = _left_alone(connection, ids)
    bulk.keep_ids(connection, ids)
    return {
        row[0]: Card(
            row[0], row[1], Stage(row[2]), row[3], row[4], None if row[5] is None else Tier(row[5]), None if row[6] is None else Group(row[6]), row[7],
            row[8], row[9], row[10], row[11], row[12], row[13], silent=is_silent(by, Stage(row[2]), row[13], now), suppressed=row[0] in alone,
        )
        for row in bulk.fetch(connection, _CARDS.format(word=pipeline.last_word(connection)))
    }  # fmt: skip


def _left_alone(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Those of some creators whom outreach leaves alone on every channel."""
    return set(suppressed.among(connection, suppressed.reaches(connection, ids), ""))
