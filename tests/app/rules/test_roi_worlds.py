# SPDX-License-Identifier: Apache-2.0
"""In simulated worlds the interval holds the truth as often as it says, and caution picks no worse than the raw ratio."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.worlds import BASE, SIZES, WORLDS, World, coverage, people, ranking, table


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
@pytest.mark.parametrize("size", SIZES)
def test_the_interval_covers_the_truth_as_often_as_it_says(world: World, size: int):
    low, high = world.bounds(size)
    share, error = coverage(world, size)
    assert low <= share <= high
    assert 0 < error < 0.01


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_the_cautious_estimate_ranks_better_where_orders_are_few_and_elsewhere_no_worse(world: World):
    assert ranking(world).holds(world)


def test_a_ranking_holds_by_what_it_gains_beside_its_error():
    thin, rich = WORLDS[1], WORLDS[2]
    none = replace(ranking(rich), cautious=1.0, simple=1.01, error=0.01)
    assert (none.holds(rich), none.holds(thin), replace(none, simple=1.03).holds(rich)) == (True, False, False)
    assert replace(none, simple=0.97).holds(thin)


def test_without_shrinkage_the_interval_would_miss_too_often():
    """A creator's own orders alone: the raw ratio with its Poisson error covers less than it says where orders are few."""
    drawn = people(WORLDS[1])
    unit = 40_000.0
    half = 1.2816 * np.sqrt(drawn.revenue * unit) / drawn.fixed
    raw = drawn.revenue / drawn.fixed
    assert np.mean(np.abs(raw - drawn.later) <= half) < 0.75


def test_the_table_names_every_world_and_tells_where_one_is_missed():
    again = replace(BASE, name="again")
    text, right = table((BASE, again))
    lines = text.splitlines()
    assert (len(lines), right, "MISSED" in text) == (3, True, False)
    assert lines[1].split()[1:] == lines[2].split()[1:]
    text, right = table((replace(BASE, large=(0.9, 1.0)),))
    assert (right, "MISSED" in text) == (False, True)
