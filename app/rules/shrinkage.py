# SPDX-License-Identifier: Apache-2.0
"""What a creator's return truly is, with its uncertainty: small samples lean on their peers.

Orders arrive by chance around a creator's own rate of return r, and rates differ among peers as a Gamma does.
The group's scatter gives that Gamma; each creator's own facts turn it into a posterior, from which quantiles and
probabilities follow. Seeding uses the same machinery with engagements in place of revenue.

Arrays have shape (creators,) unless said otherwise. Sums that decide a figure are integers: Σ sale² outgrows 64 bits
(ten million sales of 10,000 yuan do), and in floats it would depend on the order of rows, so it is kept in two limbs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from app.rules.roi import RoiPolicy

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int8]
    Flags = npt.NDArray[np.bool_]

LIMB: Final = 32
"""Bits of the low limb of a sum of squares."""
NOBODY: Final = -1
"""Level of whoever has no peers with sales at all."""
_MASK: Final = (1 << LIMB) - 1
_HALVINGS: Final = 60
_STEPS: Final = 40
_NEAR: Final = 1e-11
"""How near ln k₀ is found at least."""
_PIECE: Final = 8_192


# ---------------------------------------------------------------- facts


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known of creators in a period, in fen.

    ``revenue`` is net and attributed, and may be negative. ``square_high`` and ``square_low`` are Σ sale² of their net
    shares (``squares``). ``levels`` has shape (levels, creators), the finest grouping first (``peer_levels``).
    """

    fixed: Ints
    variable: Ints
    revenue: Ints
    square_high: Ints
    square_low: Ints
    levels: Ints

    @property
    def paid(self) -> Flags:
        """Who had a fixed cost: only they have an interval, and only they make a prior."""
        return self.fixed > 0

    @property
    def income(self) -> Ints:
        """X: revenue, or nothing where refunds took more than all."""
        return np.maximum(self.revenue, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Returns:
    """Posteriors of revenue per fixed cost, r: Gamma(shape, rate), NaN where there is no interval.

    ``burden`` is the variable cost per revenue, ρ; ``weight`` the part that peers have in the mean.
    ``level`` and ``group`` name the peers used; level NOBODY: none.
    """

    shape: Floats
    rate: Floats
    burden: Floats
    weight: Floats
    level: Codes
    group: Ints

    def gross(self, quantile: float) -> Floats:
        """Quantile of r, revenue per fixed cost."""
        from scipy.special import gammaincinv  # noqa: PLC0415 (start-up: scipy loads when a return is asked for)

        return _where(np.isfinite(self.shape), lambda shape, rate: gammaincinv(shape, quantile) / rate, self.shape, self.rate)

    def quantile(self, quantile: float) -> Floats:
        """Quantile of ROAS, revenue per landed cost."""
        gross = self.gross(quantile)
        return gross / (1 + self.burden * gross)

    def cost_per_unit(self, quantile: float) -> Floats:
        """Quantile of fixed cost per unit of what came back (cost per engagement, for seeding); infinite where that may be nothing."""
        with np.errstate(divide="ignore"):
            return 1 / self.gross(1 - quantile)

    def above(self, threshold: float | Floats) -> Floats:
        """P(ROAS > threshold), threshold of one number or shape (creators,); an infinite one is never passed."""
        from scipy.special import gammaincc  # noqa: PLC0415 (likewise)

        wanted = np.broadcast_to(np.asarray(threshold, dtype=np.float64), self.shape.shape)
        known = np.isfinite(self.shape)
        reach = known & np.isfinite(wanted)
        reach[reach] = self.burden[reach] * wanted[reach] < 1
        out = _where(reach, lambda a, b, rho, t: gammaincc(a, b * t / (1 - rho * t)), self.shape, self.rate, self.burden, wanted)
        out[known & ~reach] = 0.0
        return out

    def above_break_even(self, margin: float | Floats) -> Floats:
        """P(ROAS > 1/margin); 0 where nothing is earned on a sale."""
        return self.above(thresholds(margin))

    def forecast(self, policy: RoiPolicy) -> Returns:
        """Of a later period: the same mean, wider by what drifts meanwhile."""
        shape = 1 / (1 / self.shape + policy.drift**2)
        return replace(self, shape=shape, rate=shape * self.rate / self.shape)


def _where(rows: Flags, formula: Callable[..., Floats], *columns: Floats) -> Floats:
    """A formula over some rows, NaN elsewhere; piece by piece, for these formulas keep the interpreter to themselves."""
    out = np.full(len(rows), np.nan)
    at = np.flatnonzero(rows)
    for first in range(0, len(at), _PIECE):
        some = at[first : first + _PIECE]
        out[some] = formula(*(column[some] for column in columns))
    return out


def thresholds(margin: float | Floats) -> Floats:
    """Break-even ROAS of margins, infinite where nothing is earned."""
    earned = np.atleast_1d(np.asarray(margin, dtype=np.float64))
    out = np.full(earned.shape, np.inf)
    np.divide(1.0, earned, out=out, where=earned > 0)
    return out


def squares(amount: Ints, owner: Ints, owners: int) -> tuple[Ints, Ints]:
    """Σ amount² by owner as (high, low) limbs of ``high·2³² + low``, exact for any amounts."""
    high, low = np.zeros(owners, dtype=np.int64), np.zeros(owners, dtype=np.int64)
    size = np.abs(amount)
    usual = size <= _MASK
    squared = np.where(usual, size, 0).astype(np.uint64) ** 2
    np.add.at(high, owner, (squared >> LIMB).astype(np.int64))
    np.add.at(low, owner, (squared & _MASK).astype(np.int64))
    for row in np.flatnonzero(~usual).tolist():  # single sales above 40 million yuan
        one = int(size[row]) ** 2
        high[owner[row]] += one >> LIMB
        low[owner[row]] += one & _MASK
    return carried(high, low)


def carried(high: Ints, low: Ints) -> tuple[Ints, Ints]:
    """The one form of a sum of squares, 0 ≤ low < 2³², after limbs were added or taken off."""
    return high + (low >> LIMB), low & _MASK


def peer_levels(platform: Ints, tier: Ints, category: Ints) -> Ints:
    """Peer groups by platform, tier and category → platform and tier → platform → everyone, shape (4, creators).

    The codes given are whole numbers; -1, unknown, is a value like any other.
    """
    wide = int(category.max(initial=-1)) + 2
    tall = int(tier.max(initial=-1)) + 2
    place = (platform + 1) * tall + tier + 1
    _, finest = np.unique(place * wide + category + 1, return_inverse=True)
    return np.stack([finest.astype(np.int64), place, platform + 1, np.zeros_like(place)])


def ratios(evidence: Evidence) -> Floats:
    """Raw ROAS, net revenue / landed cost; NaN without a positive cost."""
    cost = evidence.fixed + evidence.variable
    out = np.full(len(cost), np.nan)
    np.divide(evidence.revenue, cost, out=out, where=cost > 0)
    return out


# ---------------------------------------------------------------- peers


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """What groups say of their members, shape (groups,): a sale's unit in fen, mean return, shape k (and k₀ before its own uncertainty), ρ."""

    unit: Floats
    mean: Floats
    spread: Floats
    shape: Floats
    burden: Floats
    count: Ints


def peers(policy: RoiPolicy, evidence: Evidence) -> tuple[Codes, Ints]:
    """Level and group that each creator is compared in: the finest with enough paid creators and sales."""
    paid, income = evidence.paid, evidence.income
    level = np.full(len(paid), NOBODY, dtype=np.int8)
    group = np.full(len(paid), NOBODY, dtype=np.int64)
    last = len(evidence.levels) - 1
    for here, codes in enumerate(evidence.levels):
        groups = int(codes.max(initial=0)) + 1
        good = _sums(codes[paid], income[paid], groups) > 0
        if here < last:
            good &= np.bincount(codes[paid], minlength=groups) >= policy.least_peers
        take = (level == NOBODY) & good[codes]
        level[take], group[take] = here, codes[take]
    return level, group


def prior(policy: RoiPolicy, evidence: Evidence, group: Ints, groups: int, order: Ints | None = None) -> Prior:
    """Fit of groups over paid creators, each group having some with sales; ``group`` is -1 for whoever is in none.

    ``order``: the paid creators by their facts, where that is known already.
    """
    rows = by_facts(evidence) if order is None else order
    rows = rows[group[rows] >= 0]
    # Few groups have small numbers, which sort in one go.
    rows = rows[np.argsort(group[rows].astype(np.min_scalar_type(groups)), kind="stable")]
    group, fixed, income = group[rows], evidence.fixed[rows], evidence.income[rows]
    high, low = carried(_sums(group, evidence.square_high[rows], groups), _sums(group, evidence.square_low[rows], groups))
    all_fixed, all_income, all_variable = (_sums(group, column, groups).tolist() for column in (fixed, income, evidence.variable[rows]))
    square = [(h << LIMB) + one for h, one in zip(high.tolist(), low.tolist(), strict=True)]
    unit = np.array([s / x for s, x in zip(square, all_income, strict=True)])
    mean = np.array([x / f for x, f in zip(all_income, all_fixed, strict=True)])
    burden = np.array([max(0.0, v / x) for v, x in zip(all_variable, all_income, strict=True)])
    count = np.bincount(group, minlength=groups)
    expected = mean[group] * (fixed / unit[group])
    spread = _spread(policy, _Scatter((income / unit[group] - expected) ** 2 / expected, expected, group, count))
    variance = np.bincount(group, expected + expected**2 / spread[group], minlength=groups)
    doubt = variance / (mean * np.bincount(group, fixed / unit[group], minlength=groups)) ** 2
    return Prior(unit, mean, spread, 1 / (1 / spread + doubt), burden, count)


def by_facts(evidence: Evidence) -> Ints:
    """Paid creators in the order of the facts themselves, so that a creator's id cannot touch the last bit of a float sum."""
    rows = np.flatnonzero(evidence.paid)
    fixed, income = evidence.fixed[rows], evidence.income[rows]
    order = np.argsort(income)  # one column sorts at a fraction of what two do, and few are alike in it
    same = np.diff(income[order]) == 0
    tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same])
    some = order[tied]
    order[tied] = some[np.lexsort((fixed[some], income[some]))]
    return rows[order]


@dataclass(frozen=True, slots=True, eq=False)
class _Scatter:
    """What decides k₀ of groups: (n − r₀e)² / r₀e and r₀e of each creator, with the group's number; the groups follow each other."""

    scatter: Floats
    expected: Floats
    group: Ints
    count: Ints

    def excess(self, shape: Floats) -> Floats:
        """By how much what is explained passes what is to be explained, by group; it rises with the shape."""
        out: Floats = self._by_group(self.scatter / self._widths(shape)) + shape - (self.count + 1)
        return out

    def step(self, shape: Floats) -> tuple[Floats, Floats]:
        """Likewise, and how much that changes with ln shape."""
        widths = self._widths(shape)
        part = self.scatter / widths
        value = self._by_group(part) + shape - (self.count + 1)
        part -= part / widths
        return value, self._by_group(part) + shape

    def _widths(self, shape: Floats) -> Floats:
        out = np.repeat(1 / shape, self.count)
        out *= self.expected
        out += 1
        return out

    def _by_group(self, values: Floats) -> Floats:
        return np.bincount(self.group, values, minlength=len(self.count)).astype(np.float64, copy=False)


def _spread(policy: RoiPolicy, of: _Scatter) -> Floats:
    """k₀ by group: where scatter equals what spread and chance explain, with two imaginary creators of shape 2 added.

    Halving always finds it, with sixty looks at everybody. Newton's steps do with a few; what they find is taken where
    it is shown to be within ``_NEAR`` of the crossing for every group.
    """
    low = np.full(len(of.count), math.log(policy.lowest_shape))
    high = np.full(len(of.count), math.log(policy.highest_shape))
    quick = _stepped(of, low, high)
    return _halved(of, low, high) if quick is None else quick


def _stepped(of: _Scatter, low: Floats, high: Floats) -> Floats | None:
    """The crossing by Newton's steps in ln shape, held between the ends; None where a group's is not found."""
    under, over = of.excess(_exp(low)) > 0, of.excess(_exp(high)) <= 0
    ends = under | over
    first, last, at = low.copy(), high.copy(), (low + high) / 2
    for _ in range(_STEPS):
        value, slope = of.step(_exp(at))
        first, last = np.where(value > 0, first, at), np.where(value > 0, at, last)
        to, far = at - value / slope, np.abs(value / slope) >= _NEAR
        at = np.where(far & ((to <= first) | (to >= last)), (first + last) / 2, to)
        if not (far & ~ends).any():
            break
    found = (of.excess(_exp(at - _NEAR)) <= 0) & (of.excess(_exp(at + _NEAR)) > 0)
    if not (found | ends).all():
        return None
    return _exp(np.where(under, low, np.where(over, high, at)))


def _halved(of: _Scatter, low: Floats, high: Floats) -> Floats:
    """The crossing by halving ln shape."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = of.excess(_exp(middle)) > 0
        high = np.where(above, middle, high)
        low = np.where(above, low, middle)
    return _exp((low + high) / 2)


def _exp(values: Floats) -> Floats:
    """Exponentials by the C library: numpy's differ in the last bit between processors."""
    return np.array([math.exp(value) for value in values.tolist()])


# ---------------------------------------------------------------- posteriors


def returns(policy: RoiPolicy, evidence: Evidence) -> Returns:
    """Posterior of every creator among the peers that serve."""
    level, group = peers(policy, evidence)
    nan = np.full(len(level), np.nan)
    shape, rate, weight, burden = nan.copy(), nan.copy(), nan.copy(), nan.copy()
    income = evidence.income
    selling = income > 0
    order = by_facts(evidence)
    burden[selling] = np.maximum(0.0, evidence.variable[selling] / income[selling])
    for here, codes in enumerate(evidence.levels):
        own = np.flatnonzero((level == here) & evidence.paid)
        if not len(own):
            continue
        used = np.full(int(codes.max()) + 1, NOBODY, dtype=np.int64)
        names = np.flatnonzero(np.bincount(codes[own], minlength=len(used)))
        used[names] = np.arange(len(names))
        fit = prior(policy, evidence, used[codes], len(names), order)
        at = used[codes[own]]
        base = fit.shape[at] / fit.mean[at]
        rate[own] = base + evidence.fixed[own] / fit.unit[at]
        shape[own] = fit.shape[at] + income[own] / fit.unit[at]
        weight[own] = base / rate[own]
        bare = own[~selling[own]]
        burden[bare] = fit.burden[used[codes[bare]]]
    return Returns(shape, rate, burden, weight, level, group)


def _sums(group: Ints, amount: Ints, groups: int) -> Ints:
    out = np.zeros(groups, dtype=np.int64)
    np.add.at(out, group, amount)
    return out
