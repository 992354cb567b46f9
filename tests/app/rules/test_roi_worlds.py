# SPDX-License-Identifier: Apache-2.0
"""Simulated worlds whose truth is known: how often the interval holds it, and whether caution picks better than the raw ratio."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from app.rules.roi import RoiPolicy
from app.rules.shrinkage import Evidence, returns, squares
from resources import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

CREATORS: Final = 24_000
SIZES: Final = (300, 100, 30)
TOP: Final = 10  # of a hundred are chosen


@dataclass(frozen=True, slots=True)
class World:
    """How creators sell. Without more said: r ~ Gamma(shape 2, mean 3), orders of 100 yuan, log-normal around it."""

    name: str
    order_value: float = 10_000.0
    shape: float = 2.0
    log_normal_truth: bool = False
    differing_values: bool = False
    pareto_values: bool = False
    refunds: bool = False
    drift: bool = False
    large: tuple[float, float] = (0.77, 0.84)  # what an 80 % interval may cover with 100 or more peers
    small: tuple[float, float] = (0.76, 0.84)  # and with 30


BASE: Final = World("base")
WORLDS: Final = (
    BASE,
    World("thin", order_value=40_000.0),
    World("rich", order_value=1_000.0),
    World("homogeneous", shape=50.0, large=(0.77, 0.92), small=(0.77, 0.92)),
    World("log-normal truth", log_normal_truth=True),
    World("differing order values", differing_values=True),
    World("Pareto order values", pareto_values=True),
    World("refunds", refunds=True),
    World("drift", drift=True, small=(0.77, 0.84)),
)


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Creators of a world: what a period shows of them, and the truth: the return to expect of the next one."""

    later: Floats
    fixed: Ints
    revenue: Ints
    high: Ints
    low: Ints
    orders: float


def policy() -> RoiPolicy:
    """First version of the policy."""
    return RoiPolicy.parse(tomllib.loads(text("policies", "roi.toml")))


def _orders(world: World, chance: np.random.Generator, rate: Floats, fixed: Ints, value: Floats) -> tuple[Ints, Ints]:
    """Creator and net amount of each order of a period."""
    counts = chance.poisson(rate * fixed / value / (0.7 if world.refunds else 1.0))
    owner = np.repeat(np.arange(len(rate)), counts)
    if world.pareto_values:
        amount = value[owner] * 1.2 / 2.2 * chance.random(len(owner)) ** (-1 / 2.2)
    else:
        amount = value[owner] * chance.lognormal(-0.245, 0.7, len(owner))
    if world.refunds:
        fate = chance.random(len(owner))
        amount = np.where(fate < 0.3, 0.0, np.where(fate < 0.305, -0.2 * value[owner], amount))
    return owner, np.rint(amount).astype(np.int64)


@cache
def people(world: World, seed: int = 7, creators: int = CREATORS) -> People:
    """Creators drawn from a world, the same for the same seed."""
    chance = np.random.default_rng(seed)
    now = 3 * chance.lognormal(-0.405, 0.9, creators) if world.log_normal_truth else chance.gamma(world.shape, 3 / world.shape, creators)
    later = now * chance.lognormal(-0.045, 0.3, creators) if world.drift else now
    fixed = np.maximum(1, np.rint(chance.lognormal(np.log(50_000), 1.0, creators))).astype(np.int64)
    value = world.order_value * (chance.lognormal(-0.18, 0.6, creators) if world.differing_values else np.ones(creators))
    owner, amount = _orders(world, chance, now, fixed, value)
    revenue = np.zeros(creators, dtype=np.int64)
    np.add.at(revenue, owner, amount)
    high, low = squares(amount, owner, creators)
    return People(later, fixed, revenue, high, low, len(owner) / creators)


def evidence(drawn: People, size: int) -> Evidence:
    """Facts of the creators, compared in groups of so many."""
    return Evidence(drawn.fixed, np.zeros_like(drawn.fixed), drawn.revenue, drawn.high, drawn.low, np.arange(len(drawn.fixed))[None, :] // size)


def coverage(world: World, size: int) -> float:
    """Share of creators whose truth lies within their 80 % interval; after a drift, that of the forecast."""
    drawn = people(world)
    found = returns(policy(), evidence(drawn, size))
    if world.drift:
        found = found.forecast(policy())
    low, high = found.gross(0.1), found.gross(0.9)
    return float(np.mean((low <= drawn.later) & (drawn.later <= high)))


def ranking(world: World, size: int = 100) -> tuple[float, float, float]:
    """Mean return to expect, creator by creator, of the best tenth by P25 and by the raw ratio, and the standard error of the difference."""
    drawn = people(world)
    rated = returns(policy(), evidence(drawn, size)).quantile(0.25)
    truth = drawn.later.reshape(-1, size)

    def reward(by: Floats) -> Floats:
        best = np.argsort(-by.reshape(-1, size), axis=1, kind="stable")[:, : size // TOP]
        means: Floats = np.take_along_axis(truth, best, 1).mean(1)
        return means

    cautious, simple = reward(rated), reward(drawn.revenue / drawn.fixed)
    gap = cautious - simple
    return float(cautious.mean()), float(simple.mean()), float(gap.std(ddof=1) / np.sqrt(len(gap)))


def table(worlds: Iterable[World] = WORLDS) -> str:
    """Coverage in per cent for all worlds and sizes of peer groups, and what ranking by P25 gains over the raw ratio."""
    lines = [f"{'world':24}{'orders':>8}" + "".join(f"{size:>8}" for size in SIZES) + f"{'by P25':>10}{'raw':>8}{'error':>8}"]
    for world in worlds:
        cells = "".join(f"{100 * coverage(world, size):8.1f}" for size in SIZES)
        cautious, simple, error = ranking(world)
        lines.append(f"{world.name:24}{people(world).orders:8.1f}{cells}{cautious:10.3f}{simple:8.3f}{error:8.3f}")
    return "\n".join(lines)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
@pytest.mark.parametrize("size", SIZES)
def test_the_interval_covers_the_truth_as_often_as_it_says(world: World, size: int):
    low, high = world.large if size >= 100 else world.small
    assert low <= coverage(world, size) <= high


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_the_cautious_estimate_ranks_no_worse_than_the_raw_ratio(world: World):
    cautious, simple, error = ranking(world)
    assert cautious - simple > -2 * error


def test_where_orders_are_few_the_cautious_estimate_ranks_better():
    for world in WORLDS:
        if world.name in {"thin", "homogeneous"}:
            cautious, simple, error = ranking(world)
            assert cautious - simple > 2 * error


def test_without_shrinkage_the_interval_would_miss_too_often():
    """A creator's own orders alone: the raw ratio with its Poisson error covers less than it says where orders are few."""
    drawn = people(WORLDS[1])
    unit = 40_000.0
    half = 1.2816 * np.sqrt(drawn.revenue * unit) / drawn.fixed
    raw = drawn.revenue / drawn.fixed
    assert np.mean(np.abs(raw - drawn.later) <= half) < 0.75


def test_the_table_names_every_world():
    few = (BASE, replace(BASE, name="again"))
    lines = table(few).splitlines()
    assert len(lines) == 3
    assert lines[1].split()[1:] == lines[2].split()[1:]
