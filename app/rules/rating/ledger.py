# SPDX-License-Identifier: Apache-2.0
"""Credit from a ledger of conduct: score and grade by policy and two clocks, for one creator or for 600,000.

All that is added up is an integer, so the order of entry cannot matter; only the last formula uses floats.
Weights are in thousandths, fading in millionths, evidence is their product: billionths.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import numpy.typing as npt

from app.rules.decay import MILLION, millionths
from app.rules.rating.credit import BY_SCORE, THOUSAND, CreditPolicy, Dimension
from app.values import DAY, CreditGrade, day_end, day_start, local

if TYPE_CHECKING:
    from collections.abc import Sequence

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]

NEVER: Final = -1
"""Stands for "not confirmed" and "not voided" in arrays."""
BILLION: Final = 1_000_000_000
_HALF_UP: Final = 1e-9
_DECEMBER: Final = 12


# ---------------------------------------------------------------- facts


@dataclass(frozen=True, slots=True)
class Clocks:
    """The two clocks of a question: events up to ``as_of``, as they were known at ``known_at``.

    Ages run to ``as_of``. Where that is the end of a day (``day_over``) what happens at that very moment is outside.
    """

    as_of: int
    known_at: int
    day_over: bool = False

    @classmethod
    def read(cls, as_of: int | date, known_at: int | date, zone: str) -> Clocks:
        """Clocks of moments or days; a day means its end, the next 00:00, whose own events are outside."""
        knows = known_at if isinstance(known_at, int) else day_end(known_at, zone) - 1
        return cls(as_of, knows) if isinstance(as_of, int) else cls(day_end(as_of, zone), knows, day_over=True)

    @property
    def last(self) -> int:
        """Latest moment at which an event may have happened."""
        return self.as_of - 1 if self.day_over else self.as_of


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of one creator's ledger. ``who`` filed it."""

    id: int
    type: str
    happened_at: int
    recorded_at: int
    confirmed_at: int | None
    voided_at: int | None = None
    who: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Entries of many creators as arrays of shape (n,), in any order.

    ``creator`` is an index, ``type`` a number of the policy's ``codes``; moments are ``NEVER`` where there is none.
    """

    creator: Ints
    type: Ints
    happened_at: Ints
    recorded_at: Ints
    confirmed_at: Ints
    voided_at: Ints
    id: Ints

    @classmethod
    def of(cls, policy: CreditPolicy, events: Sequence[Event]) -> Self:
        """The ledger of one creator, index 0."""
        codes = policy.codes()
        rows = [
            (0, codes.get(event.type, -1), event.happened_at, event.recorded_at, _or_never(event.confirmed_at), _or_never(event.voided_at), event.id)
            for event in events
        ]
        return cls(*np.array(rows, dtype=np.int64).reshape(-1, 7).T)

    def standing(self, clocks: Clocks) -> Mask:
        """Which entries count: happened by then, known by then to be recorded and confirmed, not known to be voided."""
        known = clocks.known_at
        counts: Mask = (
            (self.type >= 0)
            & (self.happened_at <= clocks.last)
            & (self.recorded_at <= known)
            & (self.confirmed_at != NEVER)
            & (self.confirmed_at <= known)
            & ((self.voided_at == NEVER) | (self.voided_at > known))
        )
        return counts


def _or_never(when: int | None) -> int:
    return NEVER if when is None else when


# ---------------------------------------------------------------- evidence


@dataclass(frozen=True, slots=True)
class Counted:
    """The entries that count, as arrays of shape (n,): ``weight`` unsigned, ``part`` of it left by the monthly cap.

    ``row`` is the entry's place in its ledger. What an entry counts is ``part × factor``, in billionths.
    """

    row: Ints
    creator: Ints
    type: Ints
    happened_at: Ints
    good: Mask
    cell: Ints
    weight: Ints
    factor: Ints
    part: Ints

    @property
    def amount(self) -> Ints:
        """What each entry counts."""
        return self.part * self.factor


def count(policy: CreditPolicy, ledger: Ledger, clocks: Clocks) -> Counted:
    """Fade and cap the entries that count. ``cell`` is creator and dimension in one number."""
    row = np.flatnonzero(ledger.standing(clocks))
    kind, creator, happened_at = ledger.type[row], ledger.creator[row], ledger.happened_at[row]
    signed = np.array([one.weight for one in policy.types], dtype=np.int64)[kind]
    dimension = np.array([one.dimension for one in policy.types], dtype=np.int64)[kind]
    cell, good, weight = creator * len(Dimension) + dimension, signed > 0, np.abs(signed)
    factor = faded(policy, kind, clocks.as_of - happened_at)
    part = weight.copy()
    at = np.flatnonzero(good)
    part[at] = capped(policy, cell[at], happened_at[at], weight[at], factor[at])
    return Counted(row, creator, kind, happened_at, good, cell, weight, factor, part)


def faded(policy: CreditPolicy, kind: Ints, age: Ints) -> Ints:
    """What is left of a weight at an age, in millionths."""
    half_lives = np.array([one.half_life for one in policy.types], dtype=np.int64)
    factor = np.empty(len(kind), dtype=np.int64)
    for half_life in np.unique(half_lives):
        at = np.flatnonzero((half_lives == half_life)[kind])
        factor[at] = millionths(age[at], int(half_life))
    return factor


def capped(policy: CreditPolicy, cell: Ints, happened_at: Ints, weight: Ints, factor: Ints) -> Ints:
    """The part of each good weight that counts: of a cell's calendar month at most the cap, the least faded first.

    The last one counts in part. Among equally faded ones it does not matter for the total which that is.
    """
    part = weight.copy()
    if not len(cell):
        return part
    whole = np.zeros(int(cell.max()) + 1, dtype=np.int64)
    np.add.at(whole, cell, weight)
    # Only where all months together exceed the cap can one month do so; the rest needs no sorting.
    rows = np.flatnonzero((whole[cell] > policy.monthly_cap) & (factor > 0))
    if not len(rows):
        return part
    months = month(policy.time_zone, happened_at[rows])
    group = cell[rows] * (int(months.max()) + 1) + months
    order = np.lexsort((-factor[rows], group))
    rows, group = rows[order], group[order]
    ahead = np.cumsum(weight[rows]) - weight[rows]
    starts = np.r_[True, group[1:] != group[:-1]]
    ahead -= np.maximum.accumulate(np.where(starts, ahead, 0))
    part[rows] = np.clip(policy.monthly_cap - ahead, 0, weight[rows])
    return part


def month(zone: str, moments: Ints) -> Ints:
    """Number of each moment's calendar month in a zone, from 0 for the earliest; moments of shape (n,), not empty."""
    first, last = local(int(moments.min()), zone), local(int(moments.max()), zone)
    starts, year, number = [], first.year, first.month
    while (year, number) < (last.year, last.month):
        year, number = (year + 1, 1) if number == _DECEMBER else (year, number + 1)
        starts.append(day_start(date(year, number, 1), zone))
    return np.searchsorted(np.array(starts, dtype=np.int64), moments, side="right").astype(np.int64)


# ---------------------------------------------------------------- scores


@dataclass(frozen=True, slots=True)
class Scores:
    """Credit of n creators. ``good``, ``bad`` (billionths) and ``points`` have shape (n, dimensions), the rest (n,).

    ``raw`` is the unrounded sum of points, ``cap`` the best grade that running caps allow.
    """

    score: Ints
    grade: Codes
    raw: Floats
    points: Floats
    good: Ints
    bad: Ints
    cap: Codes

    def grade_of(self, creator: int) -> CreditGrade:
        """One creator's grade."""
        return CreditGrade(int(self.grade[creator]))

    @property
    def enough(self) -> Mask:
        """Whether there is enough data for a grade."""
        enough: Mask = self.grade != CreditGrade.N
        return enough

    @property
    def evidence(self) -> Ints:
        """What was counted at all, both signs, in billionths."""
        total: Ints = self.good.sum(axis=1) + self.bad.sum(axis=1)
        return total


def rate(policy: CreditPolicy, ledger: Ledger, creators: int, clocks: Clocks) -> Scores:
    """Credit of the creators 0 … ``creators`` - 1, those without entries too."""
    counted = count(policy, ledger, clocks)
    sums = np.zeros((2, creators * len(Dimension)), dtype=np.int64)
    np.add.at(sums.reshape(-1), counted.cell + (creators * len(Dimension)) * ~counted.good, counted.amount)
    good, bad = sums.reshape(2, creators, len(Dimension))
    return judge(policy, good, bad, caps(policy, counted, creators, clocks))


def capping(policy: CreditPolicy, counted: Counted, clocks: Clocks) -> Ints:
    """Places in ``counted`` of the entries whose grade cap is running: age ≤ days, both ends."""
    days = np.array([one.cap_days if one.cap is not None else -1 for one in policy.types], dtype=np.int64)[counted.type]
    return np.flatnonzero((days >= 0) & (clocks.as_of - counted.happened_at <= days * DAY))


def caps(policy: CreditPolicy, counted: Counted, creators: int, clocks: Clocks) -> Codes:
    """Best grade that running caps allow each creator."""
    best = np.full(creators, CreditGrade.AAA, dtype=np.int8)
    at = capping(policy, counted, clocks)
    grades = np.array([CreditGrade.AAA if one.cap is None else one.cap for one in policy.types], dtype=np.int8)
    np.minimum.at(best, counted.creator[at], grades[counted.type[at]])
    return best


def judge(policy: CreditPolicy, good: Ints, bad: Ints, cap: Codes) -> Scores:
    """Credit from evidence for and against of shape (n, dimensions) and the caps of shape (n,)."""
    points = _points(policy, good, bad)
    raw = points[:, 0]
    for dimension in range(1, len(Dimension)):
        raw = raw + points[:, dimension]
    score = np.floor(raw + 0.5 + _HALF_UP).astype(np.int64)
    by_score = np.array(BY_SCORE, dtype=np.int8)[np.searchsorted(policy.edges, score, side="right")]
    little = (score < policy.edge(CreditGrade.B)) & (bad.sum(axis=1) < policy.little_against * MILLION)
    grade = np.minimum(np.where(little, np.int8(CreditGrade.N), by_score), cap).astype(np.int8)
    return Scores(score, grade, raw, points, good, bad, cap)


def _points(policy: CreditPolicy, good: Ints, bad: Ints) -> Floats:
    """Points of each dimension: Wilson's lower bound of the share of good conduct, times what the dimension weighs."""
    a = (policy.good_before * MILLION + good) / BILLION
    b = (policy.bad_before * MILLION + bad) / BILLION
    z = policy.z / THOUSAND
    n = a + b
    p = a / n
    # Square roots and the four operations are rounded alike on every machine, unlike powers.
    root = np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    lower: Floats = (p + z * z / (2 * n) - z * root) / (1 + z * z / n)
    return np.array(policy.shares, dtype=np.float64) * lower
