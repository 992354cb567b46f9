# SPDX-License-Identifier: Apache-2.0
"""Value: the grade S, A, B or N among peers, and the word in front of the operator: repeat, watch or stop."""

from __future__ import annotations

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
