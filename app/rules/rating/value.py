# SPDX-License-Identifier: Apache-2.0
"""Value: the grade S, A, B or N among peers, and the word in front of the operator: repeat, watch or stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.rules.shrinkage import NOBODY, Evidence, Returns, thresholds
from app.values import Ranked, ValueGrade

if TYPE_CHECKING:
    import numpy.typing as npt

    from app.rules.roi import RoiPolicy

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int8]
    Flags = npt.NDArray[np.bool_]


class Word(Ranked):
    """What to do with a creator next: 停投, 观察, 复投."""

    STOP = 1
    WATCH = 2
    REPEAT = 3


class Reason(Ranked):
    """Why a creator has its word, what weighs most first."""

    GRADE = 1
    """Conduct: the credit grade says stop."""
    SANCTION = 2
    """Conduct: a sanction is in force."""
    LOSS = 3
    """Even the good case, P75, does not break even."""
    SAFE = 4
    """Even the cautious case, P25, breaks even."""
    ON_TARGET = 5
    """And the target is likely as well."""
    COMMISSION_ONLY = 6
    """Nothing was spent in advance: there is nothing to be uncertain about."""
    NO_DATA = 7
    """There is no interval: no sale among the peers either."""
    UNSEEN = 8
    """Sales could not be seen: no code, link, cart or platform tells of them."""
    UNSURE = 9
    """The cautious case does not break even, the good case does."""
    OFF_TARGET = 10
    """It breaks even in the cautious case, but the target is not likely."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the word of one creator rests on; None where it cannot be known."""

    grade: str | None
    sanction: str | None
    measurable: bool
    paid: bool
    p25: float | None
    p75: float | None
    p_target: float | None


def word(policy: RoiPolicy, seen: Seen) -> Word:
    """The operator's word for one creator."""
    p25, p75 = (np.array([np.nan if one is None else one]) for one in (seen.p25, seen.p75))
    target = None if seen.p_target is None else np.array([seen.p_target])
    flags = np.array([barred(policy, seen.grade, seen.sanction)]), np.array([seen.measurable])
    return Word(int(words(policy, *flags, p25, p75, policy.margin, target)[0]))


def reason(policy: RoiPolicy, word: Word, seen: Seen) -> Reason:
    """What decided a word."""
    if word is Word.STOP:
        if seen.sanction in policy.stop_sanctions:
            return Reason.SANCTION
        return Reason.GRADE if seen.grade in policy.stop_grades else Reason.LOSS
    if word is Word.REPEAT:
        return Reason.SAFE if seen.p_target is None else Reason.ON_TARGET
    if seen.p25 is None:
        return Reason.NO_DATA if seen.paid else Reason.COMMISSION_ONLY
    if seen.p25 < float(thresholds(policy.margin)[0]):
        return Reason.UNSURE
    return Reason.OFF_TARGET if seen.measurable else Reason.UNSEEN


def value_grades(policy: RoiPolicy, evidence: Evidence, returns: Returns, p25: Floats, sales: Ints) -> Codes:
    """Grades of creators over the trailing period, shape (creators,), as numbers of ValueGrade.

    ``p25`` is the cautious estimate of each, ``sales`` how many sales they have a share in. A creator stands among all
    paid members of the peer group used for it; those without fixed cost among their like in that group, by net revenue.
    For seeding give its evidence and P25 of ``Returns.gross``, and how many posts there are: a grade of its own.
    """
    out = np.full(len(p25), ValueGrade.N, dtype=np.int8)
    wide = len(evidence.levels) - 1
    level = np.where(returns.level == NOBODY, wide, returns.level)
    paid = evidence.paid & np.isfinite(p25)
    free = ~evidence.paid & (sales > 0)
    for here, codes in enumerate(evidence.levels):
        for members, value in ((paid, p25), (free, evidence.revenue)):
            own = members & (level == here)
            if not own.any():
                continue
            used = np.zeros(int(codes.max()) + 1, dtype=bool)
            used[codes[own]] = True
            rows = np.flatnonzero(members & used[codes])
            better = _better(codes[rows], value[rows])
            grade = np.where(better < policy.s_below, ValueGrade.S, np.where(better < policy.a_below, ValueGrade.A, ValueGrade.B))
            mine = own[rows]
            out[rows[mine]] = grade[mine]
    return out


def _better(group: Ints, value: Floats | Ints) -> Floats:
    """Share of each row's group with a strictly higher value; equals share it."""
    order = np.lexsort((value, group))
    group, value = group[order], value[order]
    new_group = np.r_[True, group[1:] != group[:-1]]
    new_value = new_group | np.r_[True, value[1:] != value[:-1]]
    heads, runs = np.flatnonzero(new_group), np.flatnonzero(new_value)
    sizes = np.diff(np.r_[heads, len(group)])
    lengths = np.diff(np.r_[runs, len(group)])
    ends = np.repeat(heads + sizes, sizes)
    out = np.empty(len(group))
    out[order] = (ends - np.repeat(runs + lengths, lengths)) / np.repeat(sizes, sizes)
    return out


def barred(policy: RoiPolicy, credit_grade: str | None, sanction: str | None) -> bool:
    """Whether conduct alone says stop."""
    return credit_grade in policy.stop_grades or sanction in policy.stop_sanctions


def words(policy: RoiPolicy, barred: Flags, measurable: Flags, p25: Floats, p75: Floats, margin: float | Floats, p_target: Floats | None) -> Codes:
    """The operator's word for creators, shape (creators,), as numbers of Word; NaN where there is no interval.

    ``p_target`` is P(ROAS ≥ target), None without a target.
    """
    needed = thresholds(margin)
    stop = barred | (p75 < needed)
    repeat = measurable & (p25 >= needed)
    if p_target is not None:
        repeat &= p_target >= policy.repeat_probability
    return np.where(stop, Word.STOP, np.where(repeat, Word.REPEAT, Word.WATCH)).astype(np.int8)
