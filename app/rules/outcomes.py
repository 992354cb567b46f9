# SPDX-License-Identifier: Apache-2.0
"""Creators ranked by what they brought back, as columns: sorted, cut down and worded without reading anything again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from app.rules import report
from app.rules.rating import value
from app.rules.rating.value import Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from app.rules.report import Figures, LeftOut, Sums
    from app.rules.roi import RoiPolicy
    from app.rules.shrinkage import Returns

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int8]
    Flags = npt.NDArray[np.bool_]

SORTS: Final = ("p25", "p50", "net", "landed", "sales", "roas", "above_break_even", "above_target", "peer_weight", "value_grade", "word")
"""What a ranking can be sorted by."""
_MILD, _MIDDLE, _HIGH = 0.25, 0.5, 0.75


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Creators of a period in the order of their ids, shape (creators,), with all of them together.

    ``order`` are their places, best first by the cautious estimate. ``barred`` are those whose conduct says stop,
    ``coded`` those who have a coupon code, so that a sale would be seen.
    """

    policy: RoiPolicy
    model: str
    sums: Sums
    returns: Returns
    grade: Codes
    order: Ints
    barred: Flags
    coded: Flags
    total: Figures
    unattributed_fen: int
    left_out: tuple[LeftOut, ...] = ()

    @property
    def measurable(self) -> Flags:
        """Whose sales can be seen: some were, or a code would tell."""
        return (self.sums.sales > 0) | self.coded


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """A ranking with the operator's words under a target, shape (creators,)."""

    ranking: Ranking
    target: float | None
    p25: Floats
    p75: Floats
    above_target: Floats | None
    word: Codes

    @classmethod
    def of(cls, ranking: Ranking, target: float | None) -> Outlook:
        """Word everybody."""
        returns, policy = ranking.returns, ranking.policy
        p25, p75 = returns.quantile(_MILD), returns.quantile(_HIGH)
        above = None if target is None else returns.above(target)
        word = value.words(policy, ranking.barred, ranking.measurable, p25, p75, policy.margin, above)
        return cls(ranking, target, p25, p75, above, word)

    def counts(self, rows: Ints | None = None) -> Mapping[Word, int]:
        """How many of them, or of some, have each word."""
        found = np.bincount(self.word if rows is None else self.word[rows], minlength=len(Word) + 1)
        return {word: int(found[word]) for word in Word}

    def rows(self, only: Ints | None = None, word: Word | None = None, sort: tuple[str, bool] = ("p25", True)) -> Ints:
        """Places of those among the ids ``only`` and with a word, sorted by (field, descending); who has no value comes last."""
        field, descending = sort
        order = self.ranking.order
        if field != "p25":
            column = self._column(field)[order]
            known = np.isfinite(column)
            at = np.flatnonzero(known)
            at = at[np.argsort(-column[at] if descending else column[at], kind="stable")]
            order = order[np.concatenate([at, np.flatnonzero(~known)])]
        elif not descending:
            known = np.isfinite(self.p25[order])
            order = np.concatenate([order[known][::-1], order[~known]])
        if only is not None:
            order = order[np.isin(self.ranking.sums.key[order], only)]
        return order if word is None else order[self.word[order] == word]

    def _column(self, field: str) -> Floats:
        sums, returns = self.ranking.sums, self.ranking.returns
        landed = sums.fixed + sums.variable
        if field == "roas":
            out = np.full(len(landed), np.nan)
            np.divide(sums.net, landed, out=out, where=landed > 0)
            return out
        if field == "above_target":
            return np.full(len(landed), np.nan) if self.above_target is None else self.above_target
        columns: Mapping[str, Ints | Codes] = {"net": sums.net, "landed": landed, "sales": sums.sales, "value_grade": self.ranking.grade, "word": self.word}
        if field in columns:
            return columns[field].astype(np.float64)
        if field == "above_break_even":
            return returns.above_break_even(self.ranking.policy.margin)
        return returns.weight if field == "peer_weight" else returns.quantile(_MIDDLE)

    def figures(self, rows: Ints) -> Iterator[Figures]:
        """Figures of some places, in their order."""
        ranking = self.ranking
        return report.figures(ranking.sums.at(rows), report.some(ranking.returns, rows), ranking.policy.margin, self.target)

    def places(self, ids: Ints) -> Ints:
        """Places of those of the ids who are ranked, in their order."""
        keys = self.ranking.sums.key
        if not len(keys):
            return np.empty(0, dtype=np.int64)
        place = np.minimum(np.searchsorted(keys, ids), len(keys) - 1)
        ranked: Ints = place[keys[place] == ids]
        return ranked


def total_of(policy: RoiPolicy, sums: Sums) -> Figures:
    """What one row of sums comes to, without an interval."""
    return next(report.figures(sums, report.bare(1), policy.margin, None))
