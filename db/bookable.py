# SPDX-License-Identifier: Apache-2.0
"""Who can be booked, in sets: nothing is kept, for what stands in the way ends by the passing of time alone.

Conditions are SQL over ``creator`` with numbers of our own in it, so that the roster asks them through a driver's bare cursor too.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from app.rules import bookable
from app.rules.bookable import OF_GRADE, OF_SANCTION, Cause, Facts, Verdict
from app.values import Bookable, CreditGrade, Sanction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HELD: Final = (
    "select s.creator_id from sanction s where s.level = {level} and s.approved and s.decided_at <= {now}"
    " and (s.ends_at is null or s.ends_at >= {now}) and (s.voided_at is null or s.voided_at > {now})"
)
_BOUND: Final = (
    "select x.creator_id from exclusivity x where x.voided_at is null and (x.starts_at is null or x.starts_at <= {now})"
    " and (x.ends_at is null or x.ends_at > {now})"
)
"""Who is bound to another brand at a moment."""
_AT_WORK: Final = "select d.creator_id from deliverable d where d.step = 'post' and d.next_at >= {now} and d.next_at < {now} + 86400000000"
"""Who has a post due within a day."""
_SANCTIONS: Final[Mapping[Cause, Sanction]] = {one.cause: level for level, one in OF_SANCTION.items() if one.cause is not None}


def hindrances(now: int) -> tuple[tuple[Verdict, str], ...]:
    """What stands in the way at a moment beside the grade: each with the ids of the creators it holds for, as a select of ``creator_id``."""
    held = tuple((one, _HELD.format(level=int(level), now=int(now))) for level, one in OF_SANCTION.items())
    return (*held, (bookable.RIVAL, _BOUND.format(now=int(now))), (bookable.BOOKED, _AT_WORK.format(now=int(now))))


def condition(word: Bookable, now: int) -> str:
    """Which creators a word is said of."""
    hard = _hindered(Bookable.NO, now)
    if word is Bookable.NO:
        return hard
    soft = _hindered(Bookable.NEEDS_APPROVAL, now)
    return f"({soft} and not {hard})" if word is Bookable.NEEDS_APPROVAL else f"not ({hard} or {soft})"


def _hindered(word: Bookable, now: int) -> str:
    """Creators with anything in their way that leads to a word by itself."""
    grades = _numbers(grade for grade, one in OF_GRADE.items() if one.word is word)
    held = " union all ".join(ids for one, ids in hindrances(now) if one.word is word)
    return f"(creator.credit_grade in ({grades}) or creator.id in ({held}))"


def _numbers(grades: Any) -> str:  # noqa: ANN401 (any members of one set)
    return ", ".join(str(int(one)) for one in grades) or "-1"


def verdicts(cursor: Any, grades: Mapping[int, CreditGrade], now: int) -> dict[int, Verdict]:  # noqa: ANN401 (two drivers, neither typed alike)
    """The word on some creators, given with their grades, and what decided it."""
    if not grades:
        return {}
    among = ",".join(map(str, grades))
    parts = (f"select h.creator_id, '{one.cause}' from ({ids}) h where h.creator_id in ({among})" for one, ids in hindrances(now))  # noqa: S608 (numbers)
    rows = sorted(cursor.execute(" union all ".join(parts)).fetchall())
    held = {creator: {Cause(cause) for _, cause in some} for creator, some in groupby(rows, key=lambda row: row[0])}
    return {creator: _verdict(grade, held.get(creator, _NOTHING)) for creator, grade in grades.items()}


_NOTHING: Final[frozenset[Cause]] = frozenset()


def _verdict(grade: CreditGrade, causes: set[Cause] | frozenset[Cause]) -> Verdict:
    if not causes and grade not in OF_GRADE:
        return bookable.FREE
    sanction = max((_SANCTIONS[one] for one in causes if one in _SANCTIONS), default=None)
    return bookable.verdict(Facts(grade, sanction, Cause.RIVAL in causes, Cause.BOOKED in causes))


def words(now: int, wanted: Sequence[Bookable]) -> str:
    """Creators of whom any of some words is said."""
    return f"({' or '.join(condition(word, now) for word in wanted)})" if wanted else "false"
