# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import tomllib
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.rating.value import Word, barred, value_grades, words
from app.rules.roi import RoiPolicy
from app.rules.shrinkage import Evidence, peer_levels, returns, squares
from app.values import ValueGrade
from resources import text

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

POLICY: Final = RoiPolicy.parse(tomllib.loads(text("policies", "roi.toml")))
B, A, S, N = ValueGrade.B, ValueGrade.A, ValueGrade.S, ValueGrade.N


def group(fixed: list[int], revenue: list[int], category: list[int] | None = None) -> Evidence:
    """Creators with one sale each, or none, all on one platform and tier."""
    many = len(fixed)
    sale = np.array(revenue, dtype=np.int64)
    nothing = np.zeros(many, dtype=np.int64)
    levels = peer_levels(nothing, nothing, np.array(category or [0] * many, dtype=np.int64))
    return Evidence(np.array(fixed, dtype=np.int64), nothing, sale, *squares(sale, np.arange(many), many), levels)


def grades(facts: Evidence, p25: Floats | None = None, sales: list[int] | None = None) -> list[int]:
    found = returns(POLICY, facts)
    cautious = found.quantile(0.25) if p25 is None else p25
    counted = np.array(sales) if sales is not None else (facts.revenue != 0).astype(np.int64)
    return [int(grade) for grade in value_grades(POLICY, facts, found, cautious, counted)]


def by_the_text(values: list[float]) -> list[ValueGrade]:
    """Grade of each among all: S where fewer than a tenth are strictly higher, A where fewer than four, else B."""
    out = []
    for own in values:
        better = sum(other > own for other in values) / len(values)
        out.append(S if better < 0.10 else A if better < 0.40 else B)
    return out


# ---------------------------------------------------------------- grades


def test_ten_creators_are_one_s_three_a_and_six_b():
    facts = group([100_000] * 10, [10_000 * place for place in range(1, 11)])
    assert grades(facts) == [B] * 6 + [A] * 3 + [S]


def test_equals_share_a_grade_the_better_one():
    facts = group([100_000] * 10, [50_000] * 3 + [20_000] * 7)
    assert grades(facts) == [S] * 3 + [A] * 7


def test_a_tenth_exactly_is_not_below_a_tenth():
    facts = group([100_000] * 20, [90_000] * 2 + [50_000] * 6 + [20_000] * 12)
    assert grades(facts) == [S] * 2 + [A] * 6 + [B] * 12


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(1, 40).map(lambda value: value * 1_000), min_size=1, max_size=45))
def test_shares_are_counted_as_the_text_says(revenue: list[int]):
    facts = group([100_000] * len(revenue), revenue)
    assert grades(facts) == by_the_text([float(value) for value in revenue])


def test_a_creator_is_graded_among_the_peers_that_were_used():
    """Thirty of one category are their own peers; five of another stand among all thirty-five, and do not count for the thirty."""
    revenue = [1_000 * place for place in range(1, 31)] + [500, 15_500, 30_500, 31_500, 32_500]
    facts = group([10_000] * 35, revenue, [1] * 30 + [2] * 5)
    found = returns(POLICY, facts)
    p25 = found.quantile(0.25)
    assert found.level.tolist() == [0] * 30 + [1] * 5
    graded = grades(facts)
    assert graded[:30] == by_the_text(p25[:30].tolist())
    assert graded[30:] == by_the_text(p25.tolist())[30:]
    assert graded[27:30] == [S, S, S]
    assert by_the_text(p25.tolist())[27] == A


def test_commission_only_creators_are_graded_among_their_like_by_net_revenue():
    fixed = [100_000] * 3 + [0] * 10
    revenue = [900_000, 800_000, 1_000] + [1_000 * place for place in range(1, 11)]
    assert grades(group(fixed, revenue))[3:] == [B] * 6 + [A] * 3 + [S]


def test_a_refunded_history_is_still_a_history():
    facts = group([0, 0, 0, 100_000], [5_000, 0, 0, 60_000])
    assert grades(facts, sales=[1, 2, 0, 1]) == [S, B, N, S]


def test_neither_cost_nor_sales_is_not_enough_data():
    assert grades(group([0, 0, 50_000], [0, 0, 70_000])) == [N, N, S]
    assert grades(group([50_000, 60_000], [0, 0])) == [N, N]


def test_commission_only_creators_alone_are_graded_among_everyone():
    assert grades(group([0] * 10, [1_000 * place for place in range(1, 11)], list(range(10)))) == [B] * 6 + [A] * 3 + [S]


def test_the_order_of_rows_does_not_matter():
    chance = np.random.default_rng(4)
    fixed = np.where(chance.random(200) < 0.3, 0, chance.integers(1_000, 90_000, 200)).tolist()
    revenue = chance.integers(0, 300_000, 200).tolist()
    category = chance.integers(0, 5, 200).tolist()
    order = chance.permutation(200).tolist()
    forward = grades(group(fixed, revenue, category))
    shuffled = grades(group([fixed[at] for at in order], [revenue[at] for at in order], [category[at] for at in order]))
    assert shuffled == [forward[at] for at in order]
    assert set(forward) >= {B, A, S}


def test_seeding_is_graded_by_what_an_engagement_costs():
    """The same engagements for less money are worth more."""
    facts = group([1_000 * place for place in range(10, 0, -1)], [200] * 10)
    graded = grades(facts, returns(POLICY, facts).gross(0.25))
    assert graded == [B] * 6 + [A] * 3 + [S]


# ---------------------------------------------------------------- the operator's word


@pytest.mark.parametrize(
    ("stopped", "measurable", "p25", "p75", "p_target", "expected"),
    [
        (False, True, 1.7, 3.0, None, Word.REPEAT),
        (False, True, 1.7, 3.0, 0.5, Word.REPEAT),
        (False, True, 1.7, 3.0, 0.49, Word.WATCH),
        (False, False, 1.7, 3.0, None, Word.WATCH),
        (False, True, 1.6, 3.0, None, Word.WATCH),
        (False, True, 1.0, 1.6, None, Word.STOP),
        (True, True, 1.7, 3.0, 0.9, Word.STOP),
        (False, True, math.nan, math.nan, None, Word.WATCH),
        (True, True, math.nan, math.nan, None, Word.STOP),
    ],
)
def test_the_word_follows_conduct_then_money(stopped: bool, measurable: bool, p25: float, p75: float, p_target: float | None, expected: Word):
    target = None if p_target is None else np.array([p_target])
    assert words(POLICY, np.array([stopped]), np.array([measurable]), np.array([p25]), np.array([p75]), 0.6, target).tolist() == [expected]


def test_break_even_itself_is_enough_and_no_margin_never_is():
    even = np.array([1 / 0.6, 1 / 0.6])
    flags = np.array([False, False]), np.array([True, True])
    assert words(POLICY, *flags, even, even, np.array([0.6, 0.0]), None).tolist() == [Word.REPEAT, Word.STOP]


@pytest.mark.parametrize(
    ("grade", "sanction", "expected"),
    [("D", None, True), ("AAA", "suspended", True), (None, "banned", True), ("C", "restricted", False), ("N", "warning", False), (None, None, False)],
)
def test_conduct_alone_may_say_stop(grade: str | None, sanction: str | None, expected: bool):
    assert barred(POLICY, grade, sanction) is expected
