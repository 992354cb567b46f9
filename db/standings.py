# SPDX-License-Identifier: Apache-2.0
"""Fields of a creator that no column holds: whether it can be booked, and the cautious return as it was last kept.

Returns are kept in the order of P25, so that a limit is a place in that order, found by a handful of looks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import Boolean, false, literal_column, not_, or_, select, text

from app.rules import report
from app.values import Bookable
from db import bookable, bulk
from db.models.creators import Creator
from db.models.performance import CreatorValue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

    from app import filters
    from app.usecases.creators import SortKey

BOOKABLE: Final = "bookable"
P25: Final = "p25"
FIELDS: Final = frozenset({BOOKABLE, P25})
_KNOWN: Final = select(CreatorValue.creator_id).where(CreatorValue.shape.is_not(None))
_NOT: Final = {"!=": "=", "not in": "in"}


def value(field: str, now: int) -> ColumnElement[Any]:
    """What grows with the field, to sort by."""
    if field == P25:
        place = select(-CreatorValue.place).where(CreatorValue.creator_id == Creator.id, CreatorValue.shape.is_not(None))
        return place.correlate(Creator).scalar_subquery()
    cases = " ".join(f"when {bookable.condition(word, now)} then {int(word)}" for word in (Bookable.NO, Bookable.NEEDS_APPROVAL))
    return literal_column(f"case {cases} else {int(Bookable.YES)} end")


def ordered(base: Select[int], key: SortKey, now: int, *, whole: bool) -> list[Select[int]]:
    """Statements whose answers, one after the other, are in the order of one key; nobody who has no value is left out.

    ``whole``: all of the answer is wanted, which a sort gives sooner than a walk along an index.
    """
    if key.field == P25:
        column = CreatorValue.place + 0 if whole else CreatorValue.place
        place = column if key.descending else column.desc()
        kept = base.join(CreatorValue, CreatorValue.creator_id == Creator.id).where(CreatorValue.shape.is_not(None))
        return [kept.order_by(place), base.where(Creator.id.not_in(_KNOWN)).order_by(Creator.id)]
    words = sorted(Bookable, reverse=key.descending)
    # ``+ 0``: the order by ids is a sort over the index of grades, which is small, rather than a walk through whole rows.
    return [base.where(text(bookable.condition(word, now))).order_by(Creator.id + 0) for word in words]


def holds(connection: Connection, node: filters.Compare, now: int) -> ColumnElement[bool]:
    """A comparison with such a field."""
    if node.op in _NOT:
        return not_(_held(connection, replace(node, op=_NOT[node.op]), now))
    return _held(connection, node, now)


def _held(connection: Connection, node: filters.Compare, now: int) -> ColumnElement[bool]:
    given = [one for one in node.values if one is not None]
    if node.field == BOOKABLE:
        wanted = [word for word in Bookable if any(_COMPARED[node.op](int(word), int(one)) for one in given)]
        return literal_column(bookable.words(now, wanted), Boolean) if wanted else false()
    parts = [Creator.id.in_(_places(connection, node.op, float(one))) for one in given]
    if len(given) < len(node.values) and node.op in {"=", "in"}:
        parts.append(Creator.id.not_in(_KNOWN))
    return or_(*parts) if parts else false()


_COMPARED: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": lambda one, other: one == other,
    "in": lambda one, other: one == other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


def _places(connection: Connection, op: str, limit: float) -> Select[int]:
    """Creators whose kept P25 holds: a span of the order by it."""
    count = int(bulk.fetch(connection, "select count(*) from creator_value where shape is not null")[0][0])
    above, from_here = _first(connection, count, lambda one: one <= limit), _first(connection, count, lambda one: one < limit)
    spans = {">": (0, above), ">=": (0, from_here), "<": (from_here, count), "<=": (above, count), "=": (above, from_here), "in": (above, from_here)}
    first, last = spans[op]
    return _KNOWN.where(CreatorValue.place >= first, CreatorValue.place < last)


def _first(connection: Connection, count: int, low: Callable[[float], bool]) -> int:
    """The first place whose P25 is low; P25 falls from place to place."""
    first, last = 0, count
    while first < last:
        middle = (first + last) // 2
        if low(_p25(connection, middle)):
            last = middle
        else:
            first = middle + 1
    return first


def _p25(connection: Connection, place: int) -> float:
    return _cautious(bulk.fetch(connection, "select shape, rate, burden, weight from creator_value where place = ?", place))[0]


def _cautious(rows: Sequence[tuple[float, float, float, float]]) -> list[float]:
    shape, rate, burden, weight = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    kept = replace(report.bare(len(rows)), shape=shape, rate=rate, burden=burden, weight=weight)
    found: list[float] = kept.quantile(report.CAUTIOUS).tolist()
    return found


def cautious(connection: Connection, ids: Sequence[int]) -> dict[int, float]:
    """Kept P25 of some creators; who has none is left out."""
    bulk.keep_ids(connection, ids)
    rows = bulk.fetch(connection, _OF_SOME)
    return dict(zip([row[0] for row in rows], _cautious([row[1:] for row in rows]), strict=True)) if rows else {}


_OF_SOME: Final = "select v.creator_id, v.shape, v.rate, v.burden, v.weight from wanted w join creator_value v on v.creator_id = w.id where v.shape is not null"
