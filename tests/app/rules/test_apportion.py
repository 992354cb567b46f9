# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.apportion import apportion, apportioned, run_heads, run_sizes

WEIGHTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=8).filter(any)
AMOUNTS = st.one_of(st.integers(-100, 100), st.integers(-(10**9), 10**9), st.integers(-(10**18), 10**18))


def by_the_text(total: int, weights: list[int]) -> list[int]:
    """⌊total·w/W⌋, the rest to the largest remainders, ties to the first; a negative total as the opposite of its positive."""
    if total < 0:
        return [-part for part in by_the_text(-total, weights)]
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    parts = [int(one) for one in exact]
    for _ in range(total - sum(parts)):
        rests = [one - part for one, part in zip(exact, parts, strict=True)]
        parts[rests.index(max(rests))] += 1
    return parts


@settings(deadline=None)
@given(AMOUNTS, WEIGHTS)
def test_parts_are_those_of_the_text_and_sum_to_the_whole(total: int, weights: list[int]):
    parts = apportion(total, weights)
    assert parts == by_the_text(total, weights)
    assert sum(parts) == total


@settings(deadline=None)
@given(st.lists(st.tuples(AMOUNTS, WEIGHTS), max_size=12))
def test_many_amounts_are_split_like_each_alone(rows: list[tuple[int, list[int]]]):
    weight = np.array([one for _, weights in rows for one in weights], dtype=np.int64)
    heads = np.cumsum([0, *(len(weights) for _, weights in rows)])[:-1].astype(np.int64)
    total = np.array([total for total, _ in rows], dtype=np.int64)
    expected = [part for total, weights in rows for part in apportion(total, weights)]
    assert apportioned(total, heads, weight).tolist() == expected


@pytest.mark.parametrize(("total", "parts"), [(1, [1, 0, 0]), (2, [1, 1, 0]), (-1, [-1, 0, 0]), (0, [0, 0, 0])])
def test_equal_remainders_favour_the_first(total: int, parts: list[int]):
    assert apportion(total, [5, 5, 5]) == parts
    assert apportioned(np.array([total]), np.array([0]), np.array([5, 5, 5])).tolist() == parts


def test_a_product_beyond_64_bits_is_still_exact():
    total, weights = 10**17 + 1, [999_999, 1_000_000, 3]
    assert apportioned(np.array([7, total]), np.array([0, 1]), np.array([1, *weights])).tolist() == [7, *by_the_text(total, weights)]
    assert apportioned(np.array([-total]), np.array([0]), np.array(weights)).tolist() == by_the_text(-total, weights)


def test_runs_are_found_in_none_and_in_some():
    assert run_heads(np.array([], dtype=np.int64)).tolist() == []
    heads = run_heads(np.array([4, 4, 7, 9, 9]))
    assert heads.tolist() == [0, 2, 3]
    assert run_sizes(heads, 5).tolist() == [2, 1, 2]
