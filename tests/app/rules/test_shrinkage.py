# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaincc, gammaincinv

from app.rules.roi import RoiPolicy
from app.rules.shrinkage import LIMB, NOBODY, Evidence, carried, peer_levels, peers, prior, ratios, returns, squares, thresholds
from resources import text

POLICY: Final = RoiPolicy.parse(tomllib.loads(text("policies", "roi.toml")))
QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Creator:
    """A creator as the rules see one."""

    fixed: int
    variable: int
    sales: tuple[int, ...]
    platform: int = 0
    tier: int = 0
    category: int = 0


EXAMPLE: Final = [
    Creator(100_000, 20_000, (30_000, 50_000, 120_000, 40_000)),
    Creator(50_000, 0, ()),
    Creator(200_000, 150_000, (60_000,) * 25),
    Creator(80_000, 9_000, (90_000,)),
]


def evidence(creators: list[Creator]) -> Evidence:
    def column(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array(values, dtype=np.int64)

    owner = column([place for place, one in enumerate(creators) for _ in one.sales])
    high, low = squares(column([sale for one in creators for sale in one.sales]), owner, len(creators))
    levels = peer_levels(column([one.platform for one in creators]), column([one.tier for one in creators]), column([one.category for one in creators]))
    fixed, variable = column([one.fixed for one in creators]), column([one.variable for one in creators])
    return Evidence(fixed, variable, column([sum(one.sales) for one in creators]), high, low, levels)


# ---------------------------------------------------------------- straight from the text


def fit_by_the_text(group: list[Creator]) -> tuple[float, float, float, float, float]:
    """m, r0, k₀, k and ρ of a group."""
    group = [one for one in group if one.fixed > 0]
    income = [max(0, sum(one.sales)) for one in group]
    unit = sum(sale * sale for one in group for sale in one.sales) / sum(income)
    mean = sum(income) / sum(one.fixed for one in group)
    orders, exposure = [x / unit for x in income], [one.fixed / unit for one in group]
    low, high = math.log(0.05), math.log(1e4)
    for _ in range(60):
        middle = (low + high) / 2
        spread = math.exp(middle)
        left = sum((n - mean * e) ** 2 / (mean * e + (mean * e) ** 2 / spread) for n, e in zip(orders, exposure, strict=True)) + spread
        low, high = (low, middle) if left > len(group) + 1 else (middle, high)
    spread = math.exp((low + high) / 2)
    doubt = sum(mean * e + (mean * e) ** 2 / spread for e in exposure) / (mean * sum(exposure)) ** 2
    return unit, mean, spread, 1 / (1 / spread + doubt), max(0.0, sum(one.variable for one in group) / sum(income))


def peers_by_the_text(creators: list[Creator], one: Creator) -> list[Creator] | None:
    groups = [
        [other for other in creators if (other.platform, other.tier, other.category) == (one.platform, one.tier, one.category)],
        [other for other in creators if (other.platform, other.tier) == (one.platform, one.tier)],
        [other for other in creators if other.platform == one.platform],
    ]
    for group in groups:
        paid = [other for other in group if other.fixed > 0]
        if len(paid) >= 30 and any(sum(other.sales) > 0 for other in paid):
            return group
    return creators if any(other.fixed > 0 and sum(other.sales) > 0 for other in creators) else None


def row_by_the_text(creators: list[Creator], one: Creator, margin: float) -> list[float]:
    """Five quantiles of ROAS, P(above break-even), peer weight; NaN where there is no interval."""
    group = peers_by_the_text(creators, one)
    if group is None or one.fixed <= 0:
        return [math.nan] * 7
    unit, mean, _, shape, burden = fit_by_the_text(group)
    income = max(0, sum(one.sales))
    rho = max(0.0, one.variable / income) if income else burden
    a, b = shape + income / unit, shape / mean + one.fixed / unit
    found = [float(gammaincinv(a, q)) / b for q in QUANTILES]
    wanted = 1 / margin if margin > 0 else math.inf
    above = float(gammaincc(a, b * wanted / (1 - rho * wanted))) if margin > 0 and rho * wanted < 1 else 0.0
    return [*(r / (1 + rho * r) for r in found), above, shape / mean / b]


# ---------------------------------------------------------------- worked example


def test_the_worked_group_is_fitted_to_the_digit():
    facts = evidence(EXAMPLE)
    fit = prior(POLICY, facts, np.zeros(4, dtype=np.int64), 1)
    assert fit.spread == pytest.approx([1.8509], abs=5e-5)
    assert fit.shape == pytest.approx([1.3379], abs=5e-5)
    assert fit.mean == pytest.approx([4.2558], abs=5e-5)
    assert fit.unit == pytest.approx([64_207.6503], abs=5e-5)
    assert fit.count.tolist() == [4]
    assert fit.burden == pytest.approx([179_000 / 1_830_000])


def test_the_worked_creators_are_told_to_the_digit():
    found = returns(POLICY, evidence(EXAMPLE))
    table = np.column_stack([found.quantile(q) for q in QUANTILES])
    assert table.round(4).tolist() == [
        [1.1958, 1.5907, 2.0934, 2.6486, 3.1780],
        [0.2013, 0.4360, 0.8576, 1.4464, 2.0874],
        [3.5144, 3.8193, 4.1540, 4.4813, 4.7674],
        [0.5710, 0.8891, 1.3400, 1.8769, 2.4114],
    ]
    assert found.above_break_even(0.6).round(4).tolist() == [0.7146, 0.1861, 1.0, 0.3369]
    assert found.weight.round(4).tolist() == [0.1679, 0.2876, 0.0917, 0.2015]
    later = found.forecast(POLICY)
    assert [float(later.quantile(q)[0].round(4)) for q in (0.1, 0.5, 0.9)] == [1.0031, 2.0395, 3.3563]
    assert round(float(later.gross(0.25)[0]), 4) == 1.6458


def test_the_posterior_mean_lies_between_the_peers_and_the_creators_own():
    facts = evidence(EXAMPLE)
    found = returns(POLICY, facts)
    mean = found.shape / found.rate
    own, all_ = facts.income / facts.fixed, 1_830_000 / 430_000
    assert mean == pytest.approx(found.weight * all_ + (1 - found.weight) * own)
    later = found.forecast(POLICY)
    assert later.shape / later.rate == pytest.approx(mean)
    assert (later.shape < found.shape).all()


# ---------------------------------------------------------------- everything beside the text

SALE = st.one_of(st.integers(-2_000, 30_000), st.integers(1, 10**11))
CREATOR = st.builds(
    Creator,
    st.one_of(st.just(0), st.integers(-500, 300_000)),
    st.integers(-50, 20_000),
    st.lists(SALE, max_size=5).map(tuple),
    st.integers(-1, 1),
    st.integers(-1, 1),
    st.just(0),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(CREATOR, min_size=1, max_size=12), st.sampled_from([0.6, 0.25, 1.0, 0.0, -0.2]))
def test_a_handful_of_creators_is_told_as_the_text_says(creators: list[Creator], margin: float):
    found = returns(POLICY, evidence(creators))
    table = np.column_stack([*(found.quantile(q) for q in QUANTILES), found.above_break_even(margin), found.weight])
    expected = [row_by_the_text(creators, one, margin) for one in creators]
    np.testing.assert_allclose(table, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("seed", [1, 2])
def test_hundreds_of_creators_fall_back_as_the_text_says(seed: int):
    chance = np.random.default_rng(seed)
    creators = []
    for _ in range(420):
        fixed = 0 if chance.random() < 0.2 else int(chance.lognormal(10, 1))
        platform, tier, category = (
            int(chance.choice(4, p=[0.6, 0.2, 0.15, 0.05])),
            int(chance.choice(2, p=[0.8, 0.2])),
            int(chance.choice(3, p=[0.7, 0.2, 0.1])),
        )
        count = 0 if platform == 2 or (tier, category) == (0, 1) else chance.poisson(3)  # whole groups without a sale
        sales = tuple(int(one) for one in chance.lognormal(9, 0.8, count)) + ((-500,) if chance.random() < 0.05 else ())
        creators.append(Creator(fixed, int(chance.integers(0, 4_000)), sales, platform, tier, category))
    facts = evidence(creators)
    found = returns(POLICY, facts)
    assert set(found.level.tolist()) == {0, 1, 2, 3}
    table = np.column_stack([*(found.quantile(q) for q in QUANTILES), found.above_break_even(0.6), found.weight])
    np.testing.assert_allclose(table, [row_by_the_text(creators, one, 0.6) for one in creators], rtol=1e-8, atol=1e-12)


@given(st.lists(CREATOR, min_size=1, max_size=10), st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_order_of_creators_changes_no_bit(creators: list[Creator], chance: object):
    order = list(range(len(creators)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    found, again = returns(POLICY, evidence(creators)), returns(POLICY, evidence([creators[place] for place in order]))
    for name in ("shape", "rate", "burden", "weight"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name)[order])


# ---------------------------------------------------------------- edges


def test_without_any_sale_there_is_no_interval():
    found = returns(POLICY, evidence([Creator(100, 5, ()), Creator(0, 0, ()), Creator(50, 0, (-20,))]))
    assert found.level.tolist() == [NOBODY] * 3
    assert np.isnan(found.quantile(0.5)).all()
    assert np.isnan(found.above(1.0)).all()
    assert np.isnan(found.forecast(POLICY).gross(0.5)).all()


def test_commission_only_has_a_ratio_and_no_interval():
    facts = evidence([*EXAMPLE, Creator(0, 2_000, (10_000,)), Creator(-300, 100, (5_000,)), Creator(0, 0, (5_000,))])
    found = returns(POLICY, facts)
    assert np.isnan(found.quantile(0.25)[4:]).all()
    assert found.burden[4:].tolist() == [0.2, 0.02, 0.0]
    assert 1 / found.burden[4] == ratios(facts)[4] == 5.0
    assert np.isnan(ratios(facts)[5:]).all()
    assert found.quantile(0.25)[:4].round(4).tolist() == [1.5907, 0.4360, 3.8193, 0.8891]


def test_a_raw_ratio_is_net_and_may_be_negative():
    assert ratios(evidence([Creator(100, 20, (300, -60)), Creator(100, 0, (-50,))])).tolist() == [2.0, -0.5]


def test_a_burden_that_eats_the_margin_leaves_no_chance():
    found = returns(POLICY, evidence([Creator(100, 700, (1_000,) * 10), Creator(100, 9_000, (1_000,) * 10)]))
    chances = found.above_break_even(0.6)
    assert chances[0] > 0
    assert chances[1] == 0
    assert found.above(np.array([np.inf, 0.1])).tolist() == [0.0, pytest.approx(1.0)]


def test_margins_by_creator_give_each_its_own_threshold():
    found = returns(POLICY, evidence(EXAMPLE))
    each = found.above_break_even(np.array([0.6, 0.3, 0.6, 0.0]))
    assert each[[0, 2]].tolist() == found.above_break_even(0.6)[[0, 2]].tolist()
    assert each[1] == found.above_break_even(0.3)[1]
    assert each[3] == 0
    assert thresholds(0.5).tolist() == [2.0]


def test_chances_fall_with_the_threshold_and_quantiles_rise():
    found = returns(POLICY, evidence(EXAMPLE))
    for less, more in pairwise([0.1, 0.5, 1.0, 3.0, 9.0]):
        assert (found.above(less) >= found.above(more)).all()
    for q, more in pairwise(QUANTILES):
        assert (found.quantile(q) < found.quantile(more)).all()
        assert found.above(float(found.quantile(q)[0]))[0] == pytest.approx(1 - q)


def test_engagements_of_seeding_are_shrunk_the_same_way():
    """Ten posts of 60 … 150 engagements for 1,000 fen each: cost per engagement, the dear end from the low return."""
    found = returns(POLICY, evidence([Creator(1_000, 0, (60 + 10 * place,)) for place in range(10)]))
    cost = found.cost_per_unit(0.5)
    assert cost == pytest.approx(1 / found.gross(0.5))
    assert cost[0] > cost[9]
    assert (found.cost_per_unit(0.9) == 1 / found.gross(1 - 0.9)).all()


def test_a_post_that_may_bring_nothing_may_cost_without_end():
    found = returns(POLICY, evidence([Creator(1_000, 0, (100_000, -99_999))]))
    assert found.gross(0.1).tolist() == [0.0]
    assert found.cost_per_unit(0.9).tolist() == [math.inf]


def test_nobody_at_all_has_no_returns():
    found = returns(POLICY, evidence([]))
    assert len(found.quantile(0.25)) == len(found.above_break_even(0.6)) == 0


def test_a_homogeneous_group_reaches_the_top_of_the_range_of_shapes():
    group = [Creator(10_000, 0, (100,) * 300)] * 60
    fit = prior(replace(POLICY, highest_shape=50.0), evidence(group), np.zeros(len(group), dtype=np.int64), 1)
    assert fit.spread == pytest.approx([50.0])


def test_peers_of_unknown_tier_or_category_are_their_own():
    levels = peer_levels(np.array([0, 0, 1, -1]), np.array([2, -1, 2, 2]), np.array([5, 5, 5, -1]))
    assert [len(set(level)) for level in levels.tolist()] == [4, 4, 3, 1]


def test_thirty_paid_creators_are_enough_and_twenty_nine_are_not():
    crowd = [Creator(100, 0, (300,), 1, 1, 1)] * 29 + [Creator(0, 0, (300,), 1, 1, 1)] * 5 + [Creator(100, 0, (), 1, 1, 2)]
    level, group = peers(POLICY, evidence(crowd))
    assert set(level.tolist()) == {1}
    level, _ = peers(POLICY, evidence([*crowd, Creator(100, 0, (), 1, 1, 1)]))
    assert level[:34].tolist() == [0] * 34
    assert level[34] == 1
    assert group.min() >= 0


# ---------------------------------------------------------------- sums of squares


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.integers(0, 2)), max_size=20))
def test_sums_of_squares_are_exact(rows: list[tuple[int, int]]):
    amount, owner = (np.array([row[column] for row in rows], dtype=np.int64) for column in (0, 1))
    high, low = carried(*squares(amount, owner, 3))
    whole = [(int(h) << LIMB) + int(one) for h, one in zip(high, low, strict=True)]
    assert whole == [sum(value**2 for value, place in rows if place == own) for own in range(3)]
    assert ((low >= 0) & (low < 2**LIMB)).all()


def test_sums_of_squares_outgrow_64_bits_without_harm():
    amount = np.full(100_000, 4_000_000_000)
    high, low = carried(*squares(amount, np.zeros(100_000, dtype=np.int64), 1))
    assert (int(high[0]) << LIMB) + int(low[0]) == 100_000 * 4_000_000_000**2 > 2**63


@settings(deadline=None)
@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_limbs_may_be_added_and_taken_off(one: int, other: int):
    parts = [np.array([value >> LIMB]) for value in (one, other)], [np.array([value & (2**LIMB - 1)]) for value in (one, other)]
    high, low = carried(parts[0][0] - parts[0][1], parts[1][0] - parts[1][1])
    assert (int(high[0]) << LIMB) + int(low[0]) == one - other
