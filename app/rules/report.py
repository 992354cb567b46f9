# SPDX-License-Identifier: Apache-2.0
"""What a report of returns says of each creator: sums, posterior, value grade, and the order by cautious estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from app.rules import roi, shrinkage
from app.rules.rating.value import value_grades
from app.rules.shrinkage import Evidence, Returns
from app.values import ValueGrade

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from app.rules.roi import RoiPolicy

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int8]

CAUTIOUS: Final = 0.25
"""The quantile that rankings and grades go by."""
QUANTILES: Final = (0.10, 0.25, 0.50, 0.75, 0.90)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Money of another currency, in its own minor unit: it is in no sum. ``commission_minor`` is that of the sales."""

    currency: str
    sales: int
    net_minor: int
    commission_minor: int
    costs: int
    cost_minor: int


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums by key, shape (keys,): what was attributed, what it cost, how many sales have a share."""

    key: Ints
    net: Ints
    gross: Ints
    fixed: Ints
    variable: Ints
    sales: Ints
    square_high: Ints
    square_low: Ints

    def at(self, rows: Ints) -> Sums:
        """Some of the keys."""
        return Sums(*(getattr(self, name)[rows] for name in self.__slots__))

    def of(self, keys: Ints) -> Sums:
        """Sums of other keys in their order, of nothing where there are none; the own keys are in ascending order."""
        place = np.minimum(np.searchsorted(self.key, keys), max(0, len(self.key) - 1))
        here = self.key[place] == keys if len(self.key) else np.zeros(len(keys), dtype=bool)
        columns = (np.where(here, getattr(self, name)[place], 0) if len(self.key) else np.zeros(len(keys), dtype=np.int64) for name in self.__slots__[1:])
        return Sums(keys, *columns)

    def grouped(self, group: Ints, groups: int) -> Sums:
        """Sums of groups, whose number each key has."""
        columns = []
        for name in self.__slots__[1:]:
            out = np.zeros(groups, dtype=np.int64)
            np.add.at(out, group, getattr(self, name))
            columns.append(out)
        return Sums(*(np.arange(groups), *columns[:-2], *shrinkage.carried(columns[-2], columns[-1])))


@dataclass(frozen=True, slots=True, eq=False)
class Period:
    """Sums of a period by creator (or account, month …), those of nobody, and of all sales."""

    sums: Sums
    nobody: Sums
    everybody: Sums

    @property
    def total(self) -> Sums:
        """Of all keys together. A sale that several share is one sale; a commission that nobody earned is a cost all the same."""
        both = self.sums.grouped(np.zeros(len(self.sums.key), dtype=np.int64), 1)
        return Sums(
            both.key,
            self.everybody.net - self.nobody.net,
            self.everybody.gross - self.nobody.gross,
            both.fixed + self.nobody.fixed,
            both.variable + self.nobody.variable,
            self.everybody.sales - self.nobody.sales,
            both.square_high,
            both.square_low,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Peers:
    """Where creators belong, shape (creators,): numbers of platform, tier and category, -1 where unknown."""

    platform: Ints
    tier: Ints
    category: Ints

    @property
    def levels(self) -> Ints:
        """Peer groups, the finest first."""
        return shrinkage.peer_levels(self.platform, self.tier, self.category)


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What follows from sums, shape (creators,): posteriors, cautious estimates (NaN without), and their order, best first."""

    returns: Returns
    p25: Floats
    order: Ints


def standing(policy: RoiPolicy, sums: Sums, peers: Peers) -> Standing:
    """Posteriors of creators among their peers. Who has no interval follows those who have, by net revenue."""
    returns = shrinkage.returns(policy, evidence(sums, peers.levels))
    p25 = returns.quantile(CAUTIOUS)
    return Standing(returns, p25, np.lexsort((sums.key, -sums.net, -np.nan_to_num(p25, nan=-1.0))))


def evidence(sums: Sums, levels: Ints) -> Evidence:
    """Sums as evidence."""
    return Evidence(sums.fixed, sums.variable, sums.net, sums.square_high, sums.square_low, levels)


def grades(policy: RoiPolicy, trailing: Sums, peers: Peers) -> Codes:
    """Value grades of creators from the sums of their trailing period."""
    known = evidence(trailing, peers.levels)
    returns = shrinkage.returns(policy, known)
    return value_grades(policy, known, returns, returns.quantile(CAUTIOUS), trailing.sales)


def grades_of(keys: Ints, graded: Ints, grades: Codes) -> Codes:
    """Value grades of some keys; who has none is N. ``graded`` is in ascending order."""
    if not len(graded):
        return np.full(len(keys), ValueGrade.N, dtype=np.int8)
    place = np.minimum(np.searchsorted(graded, keys), len(graded) - 1)
    return np.where(graded[place] == keys, grades[place], ValueGrade.N).astype(np.int8)


def some(returns: Returns, rows: Ints) -> Returns:
    """Posteriors of some creators."""
    return Returns(*(getattr(returns, name)[rows] for name in Returns.__slots__))


def bare(count: int) -> Returns:
    """Posteriors of those for whom there is none."""
    nan = np.full(count, np.nan)
    nobody = np.full(count, shrinkage.NOBODY)
    return Returns(nan, nan, nan, nan, nobody.astype(np.int8), nobody.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Figures:
    """What is shown of one key; None where it cannot be known."""

    net_fen: int
    fixed_fen: int
    variable_fen: int
    landed_fen: int
    sales: int
    roas: float | None
    roi: float | None
    p10: float | None
    p25: float | None
    p50: float | None
    p75: float | None
    p90: float | None
    p_above_break_even: float | None
    p_above_target: float | None
    peer_weight: float | None


def figures(sums: Sums, returns: Returns, margin: float, target: float | None) -> Iterator[Figures]:
    """Figures of every key in order."""
    columns = [
        *(_known(returns.quantile(one)) for one in QUANTILES),
        _known(returns.above_break_even(margin)),
        [None] * len(sums.key) if target is None else _known(returns.above(target)),
        _known(returns.weight),
    ]
    amounts = (sums.net.tolist(), sums.fixed.tolist(), sums.variable.tolist(), sums.sales.tolist())
    for net, fixed, variable, sales, *known in zip(*amounts, *columns, strict=True):
        landed = fixed + variable
        yield Figures(net, fixed, variable, landed, sales, roi.roas(net, landed), roi.roi(roi.contribution([(net, margin)]), landed), *known)


def _known(values: Floats) -> Sequence[float | None]:
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 (NaN)
