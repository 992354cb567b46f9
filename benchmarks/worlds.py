# SPDX-License-Identifier: Apache-2.0
"""Simulated worlds whose truth is known: how often the interval holds it, and whether caution picks better than the raw ratio."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

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
FEW_ORDERS: Final = frozenset({"thin", "homogeneous"})
"""Worlds where chance outweighs what there is to tell: there caution must pick better by more than two standard errors, elsewhere no worse by more."""


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

    def bounds(self, size: int) -> tuple[float, float]:
        """What an 80 % interval may cover with so many peers."""
        return self.large if size >= 100 else self.small


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


@dataclass(frozen=True, slots=True)
class Ranking:
    """Mean return to expect of the best tenth by P25 and by the raw ratio, and the standard error of their difference."""

    cautious: float
    simple: float
    error: float

    def holds(self, world: World) -> bool:
        """Better where orders are few, elsewhere no worse: each judged by two standard errors of the difference."""
        gap = self.cautious - self.simple
        return gap > 2 * self.error if world.name in FEW_ORDERS else gap > -2 * self.error


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


def coverage(world: World, size: int, seed: int = 7) -> tuple[float, float]:
    """Share of creators whose truth lies within their 80 % interval (after a drift, that of the forecast), and its standard error over groups."""
    drawn = people(world, seed)
    found = returns(policy(), evidence(drawn, size))
    if world.drift:
        found = found.forecast(policy())
    low, high = found.gross(0.1), found.gross(0.9)
    by_group = ((low <= drawn.later) & (drawn.later <= high)).reshape(-1, size).mean(1)
    return float(by_group.mean()), float(by_group.std(ddof=1) / np.sqrt(len(by_group)))


def ranking(world: World, size: int = 100, seed: int = 7) -> Ranking:
    """How the best tenth of each group does later, creator by creator, chosen by P25 and by the raw ratio."""
    drawn = people(world, seed)
    rated = returns(policy(), evidence(drawn, size)).quantile(0.25)
    truth = drawn.later.reshape(-1, size)

    def reward(by: Floats) -> Floats:
        best = np.argsort(-by.reshape(-1, size), axis=1, kind="stable")[:, : size // TOP]
        means: Floats = np.take_along_axis(truth, best, 1).mean(1)
        return means

    cautious, simple = reward(rated), reward(drawn.revenue / drawn.fixed)
    gap = cautious - simple
    return Ranking(float(cautious.mean()), float(simple.mean()), float(gap.std(ddof=1) / np.sqrt(len(gap))))


def table(worlds: Iterable[World] = WORLDS, seed: int = 7) -> tuple[str, bool]:
    """Coverage in per cent with its error for all worlds and sizes of peer groups, what ranking by P25 gains, and whether all of it is as the rules say."""
    heads = "".join(f"{f'{size} peers':>14}" for size in SIZES)
    lines, right = [f"{'world':24}{'orders':>8}{heads}  covered   {'by P25':>8}{'raw':>8}{'gain':>8}{'error':>8}  ranked"], True
    for world in worlds:
        covered = [coverage(world, size, seed) for size in SIZES]
        holds = all(low <= share <= high for (share, _), (low, high) in zip(covered, map(world.bounds, SIZES), strict=True))
        cells = "".join(f"{f'{100 * share:.1f} ± {100 * error:.1f}':>14}" for share, error in covered)
        ranked = ranking(world, seed=seed)
        figures = f"{ranked.cautious:8.3f}{ranked.simple:8.3f}{ranked.cautious - ranked.simple:+8.3f}{ranked.error:8.3f}"
        lines.append(f"{world.name:24}{people(world, seed).orders:8.1f}{cells}  {_verdict(right=holds):8}  {figures}  {_verdict(right=ranked.holds(world))}")
        right = right and holds and ranked.holds(world)
    return "\n".join(lines), right


def _verdict(*, right: bool) -> str:
    return "ok" if right else "MISSED"
