# SPDX-License-Identifier: Apache-2.0
"""Training and incentives: courses with their marks, entitlements with their stock and use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.errors import UsageError
from app.rules.outreach import usable
from app.usecases.incentives import CourseRow, EntitlementRow, TrainingRow, Used, UseRow
from app.values import CreditGrade, Group
from db import bulk
from db.engine import reading, writing
from db.writers import edits, trained
from db.writers.operations import Log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

    from app.usecases.incentives import NewEntitlement
    from app.values import Actor

_COURSES: Final = (
    "select k.id, k.name, k.pass_mark, count(t.id), count(t.passed_at) from course k left join training t on t.course_id = k.id"
    " group by k.id, k.name, k.pass_mark order by k.name"
)
_TRAININGS: Final = (
    "select t.id, t.creator_id, c.name, k.name, t.mark, k.pass_mark, t.taken_at, t.passed_at from training t"
    " join course k on k.id = t.course_id join creator c on c.id = t.creator_id"
)
_ENTITLEMENTS: Final = (
    'select e.id, e.name, e.kind, e.creator_id, c.name, e."group", e.grade, e.value, e.cost_fen, e.currency, e.stock,'
    " (select count(*) from entitlement_use u where u.entitlement_id = e.id and u.voided_at is null),"
    " (select cast(coalesce(sum(u.cost_fen), 0) as bigint) from entitlement_use u where u.entitlement_id = e.id and u.voided_at is null),"
    " e.starts_at, e.ends_at, e.ended_at, e.version from entitlement e left join creator c on c.id = e.creator_id"
)
_FITS: Final = '(e.creator_id = ? or (e.creator_id is null and (e."group" = 0 or e."group" = ?) and (e.grade is null or e.grade <= ?)))'
_USES: Final = (
    "select u.id, u.entitlement_id, e.name, e.kind, u.creator_id, c.name, u.value, u.cost_fen, u.currency, u.at, u.by, u.voided_at from entitlement_use u"
    " join entitlement e on e.id = u.entitlement_id join creator c on c.id = u.creator_id"
)
_NEW: Final = (
    "name", "kind", "creator_id", "group", "grade", "value", "cost_fen", "currency", "stock", "starts_at", "ends_at", "ended_at", "by", "at", "version"
)  # fmt: skip
_USE: Final = ("entitlement_id", "creator_id", "value", "cost_fen", "currency", "at", "by", "operation_id")


@dataclass(frozen=True, slots=True)
class IncentiveStore:
    """Fulfils ``Incentiving`` on a workspace's database."""

    engine: Engine

    # ------------------------------------------------------------ training

    def courses(self) -> list[CourseRow]:
        """Courses by name."""
        with reading(self.engine) as connection:
            return [CourseRow(*row) for row in bulk.fetch(connection, _COURSES)]

    def save_course(self, name: str, pass_mark: int | None, actor: Actor, now: int) -> int:
        """Add a course or give it another mark; who passed follows."""
        with writing(self.engine) as connection:
            log = Log(connection, "course.set", actor, now)
            found = bulk.fetch(connection, "select id from course where name = ?", name)
            if found:
                edits.set_fields(log, "course", [found[0][0]], {"pass_mark": pass_mark})
                trained.follow(log, trained.judge(log, found[0][0], pass_mark))
            else:
                log.insert("course", ("name", "pass_mark", "at", "by"), [(name, pass_mark, now, actor.name)])
            if not log.touched:
                connection.rollback()
                return 0
            return log.finish({"course": name})

    def trainings(self, creator_id: int | None, course: str | None, limit: int) -> list[TrainingRow]:
        """Trainings, the newest first."""
        where, given = _where({"t.creator_id": creator_id, "k.name": course})
        with reading(self.engine) as connection:
            return [TrainingRow(*row) for row in bulk.fetch(connection, f"{_TRAININGS}{where} order by t.taken_at desc, t.id desc limit ?", *given, limit)]

    # ------------------------------------------------------------ entitlements

    def entitlements(self, creator_id: int | None, now: int, *, ended: bool) -> list[EntitlementRow]:
        """Entitlements, or those that a creator may have."""
        with reading(self.engine) as connection:
            conditions, given = ([] if ended else ["e.ended_at is null"]), []
            if creator_id is not None:
                conditions.append(_FITS)
                given = [creator_id, *_standing(connection, creator_id)]
            where = f" where {' and '.join(conditions)}" if conditions else ""
            return [_row(row, now) for row in bulk.fetch(connection, f"{_ENTITLEMENTS}{where} order by e.name", *given)]

    def save_entitlement(self, new: NewEntitlement, actor: Actor, now: int) -> int:
        """Add or replace an entitlement; one that was changed since it was seen is not overwritten."""
        with writing(self.engine) as connection:
            if bulk.fetch(connection, "select 1 from entitlement where name = ? and id <> ?", new.name.strip(), new.id or 0):
                raise UsageError("name_taken", name=new.name.strip())
            if new.creator_id is not None:
                _standing(connection, new.creator_id)
            log = Log(connection, "entitlement.set", actor, now)
            grade = None if new.grade is None else int(new.grade)
            values: dict[str, object] = {
                "name": new.name.strip(), "kind": new.kind, "creator_id": new.creator_id, "group": int(new.group or 0), "grade": grade,
                "value": new.value.strip(), "cost_fen": new.cost_fen, "currency": new.currency, "stock": new.stock, "starts_at": new.starts_at,
                "ends_at": new.ends_at,
            }  # fmt: skip
            number = new.id
            if number is None:
                number = log.insert("entitlement", _NEW, [(*values.values(), None, actor.name, now, 1)])
            else:
                seen = _one(connection, number, now)
                if new.version not in {None, seen.version}:
                    raise UsageError("edited_meanwhile", name=seen.name)
                edits.set_fields(log, "entitlement", [number], {**values, "ended_at": None, "version": seen.version + 1})
            log.finish({"entitlement": new.name.strip()})
            return number

    def end_entitlement(self, entitlement_id: int, actor: Actor, now: int) -> int:
        """End an entitlement; returns the operation's id."""
        with writing(self.engine) as connection:
            seen = _one(connection, entitlement_id, now)
            log = Log(connection, "entitlement.end", actor, now)
            edits.set_fields(log, "entitlement", [entitlement_id], {"ended_at": now, "version": seen.version + 1})
            return log.finish({"entitlement": seen.name})

    def use(self, entitlement_id: int, creators: Sequence[int], actor: Actor, now: int) -> Used:
        """Write down that creators used an entitlement, as far as it lasts."""
        with writing(self.engine) as connection:
            one = _one(connection, entitlement_id, now)
            log = Log(connection, "entitlement.use", actor, now)
            bulk.keep_ids(connection, dict.fromkeys(creators))
            statement = 'select c.id, coalesce(c."group", -1), c.credit_grade from wanted w join creator c on c.id = w.id order by w.pos'
            using: list[int] = []
            left: list[tuple[int, str]] = []
            for creator, group, grade in bulk.fetch(connection, statement):
                why = usable(one.stock, one.used + len(using), one.starts_at, one.ends_at, now) if one.state != "ended" else "over"
                why = why or ("not_for_him" if not _fits(one, creator, group, grade) else None)
                if why is None:
                    using.append(creator)
                else:
                    left.append((creator, why))
            log.insert("entitlement_use", _USE, [(one.id, creator, one.value, one.cost_fen, one.currency, now, actor.name, log.id) for creator in using])
            if not using:
                connection.rollback()
                return Used(0, 0, tuple(left))
            return Used(log.finish({"creators": len(using), "entitlement": one.name}), len(using), tuple(left))

    def void_use(self, use_id: int, reason: str, actor: Actor, now: int) -> int:
        """Take a use back; returns the operation's id."""
        with writing(self.engine) as connection:
            rows = bulk.fetch(connection, f"{_USES} where u.id = ?", use_id)
            if not rows:
                raise UsageError("unknown_use", id=use_id)
            if rows[0][-1] is not None:
                raise UsageError("decided_already", id=use_id)
            log = Log(connection, "entitlement.void", actor, now)
            edits.set_fields(log, "entitlement_use", [use_id], {"voided_at": now})
            return log.finish({"creators": 1, "entitlement": rows[0][2]}, reason)

    def uses(self, creator_id: int | None, entitlement_id: int | None, limit: int) -> list[UseRow]:
        """Uses, the newest first."""
        where, given = _where({"u.creator_id": creator_id, "u.entitlement_id": entitlement_id})
        with reading(self.engine) as connection:
            return [UseRow(*row) for row in bulk.fetch(connection, f"{_USES}{where} order by u.at desc, u.id desc limit ?", *given, limit)]


def _where(asked: dict[str, object]) -> tuple[str, list[object]]:
    given = {column: value for column, value in asked.items() if value is not None}
    return (f" where {' and '.join(f'{column} = ?' for column in given)}" if given else ""), list(given.values())


def _standing(connection: Connection, creator_id: int) -> tuple[int, int]:
    """Group and grade of a creator, as stored; UsageError for a number that is none."""
    rows = bulk.fetch(connection, 'select coalesce("group", -1), coalesce(credit_grade, -1) from creator where id = ?', creator_id)
    if not rows:
        raise UsageError("unknown_creator", id=creator_id)
    return rows[0][0], rows[0][1]


def _fits(one: EntitlementRow, creator: int, group: int, grade: int | None) -> bool:
    if one.creator_id is not None:
        return one.creator_id == creator
    of_group = one.group is None or int(one.group) == group
    return of_group and (one.grade is None or (grade is not None and grade >= int(one.grade)))


def _one(connection: Connection, number: int, now: int) -> EntitlementRow:
    rows = bulk.fetch(connection, f"{_ENTITLEMENTS} where e.id = ?", number)
    if not rows:
        raise UsageError("unknown_entitlement", id=number)
    return _row(rows[0], now)


def _row(row: Sequence[Any], now: int) -> EntitlementRow:
    number, name, kind, creator_id, creator, group, grade, value, cost, currency, stock, used, spent, starts_at, ends_at, ended_at, version = row
    state = "ended" if ended_at is not None else usable(stock, used, starts_at, ends_at, now) or "runs"
    return EntitlementRow(
        number, name, kind, creator_id, creator, Group(group) if group else None, None if grade is None else CreditGrade(grade), value, cost, currency,
        stock, used, spent, starts_at, ends_at, state, version,
    )  # fmt: skip
