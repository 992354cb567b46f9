# SPDX-License-Identifier: Apache-2.0
"""Credit of channels from whole paths to conversion: Markov chains by removal, and Shapley values. Association, not cause."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from app.errors import UsageError
from app.rules.models import PATH_MODELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Floats = npt.NDArray[np.float64]

_DENSE: Final = 1_500  # states up to which the whole inverse is taken
_ORDERS: Final = range(1, 4)

State = tuple[str, ...]
CONVERSION: Final[State] = ("", "conversion")  # no channel bears an empty name
NULL: Final[State] = ("", "null")


@dataclass(frozen=True, slots=True)
class Path:
    """Channels in the order touched, how many such journeys converted and how many did not."""

    channels: tuple[str, ...]
    conversions: int
    nulls: int = 0


@dataclass(frozen=True, slots=True)
class ChannelCredit:
    """Conversions credited to a channel; ``removal`` is the share of them lost without it, None where the model has no such figure."""

    channel: str
    removal: float | None
    credit: float


@dataclass(frozen=True, slots=True)
class PathCredits:
    """What a model of paths says; ``p`` is the probability of conversion. Channels stand by credit, then by name."""

    model: str
    conversions: int
    p: float
    channels: tuple[ChannelCredit, ...]


def credit_paths(paths: Sequence[Path], model: str, order: int = 1) -> PathCredits:
    """Credit of every channel under ``markov`` of an order 1–3, or ``shapley``; UsageError for anything else."""
    if model not in PATH_MODELS:
        raise UsageError("unknown_model", model=model)
    return markov(paths, order) if model == "markov" else shapley(paths)


def shapley(paths: Sequence[Path]) -> PathCredits:
    """Each path's conversions shared equally by its distinct channels, which is the Shapley value of v(S) = conversions of paths inside S."""
    exact: defaultdict[str, Fraction] = defaultdict(Fraction)
    for path in paths:
        distinct = set(path.channels)
        for channel in distinct:
            exact[channel] += Fraction(path.conversions, len(distinct))
    conversions = sum(path.conversions for path in paths)
    journeys = conversions + sum(path.nulls for path in paths)
    rows = tuple(ChannelCredit(channel, None, float(credit)) for channel, credit in exact.items())
    return PathCredits("shapley", conversions, conversions / journeys if journeys else 0.0, _sorted(rows))


def steps(paths: Sequence[Path], order: int = 1) -> Mapping[State, Mapping[State, int]]:
    """How often each state, the last ``order`` channels, was followed by which; a journey starts at ``()``.

    It ends in ``CONVERSION`` or ``NULL``.
    """
    if order not in _ORDERS:
        raise UsageError("value_invalid", field="order", value=order)
    seen: defaultdict[State, defaultdict[State, int]] = defaultdict(lambda: defaultdict(int))
    for path in paths:
        journeys = path.conversions + path.nulls
        if not journeys:
            continue
        state: State = ()
        for channel in path.channels:
            following = (*state, channel)[-order:]
            seen[state][following] += journeys
            state = following
        for end, count in ((CONVERSION, path.conversions), (NULL, path.nulls)):
            if count:
                seen[state][end] += count
    return seen


@dataclass(frozen=True, slots=True, eq=False)
class _Chain:
    """Chances of stepping from state to state (as three columns) and of converting from each; the start is state 0."""

    source: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    chance: Floats
    wins: Floats


def markov(paths: Sequence[Path], order: int = 1) -> PathCredits:
    """Credit = conversions × removal effect / Σ removal effects; without a channel every step into it ends in null."""
    seen = steps(paths, order)
    conversions = sum(path.conversions for path in paths)
    channels = sorted({channel for path in paths for channel in path.channels})
    if not conversions:
        return PathCredits("markov", 0, 0.0, tuple(ChannelCredit(channel, 0.0, 0.0) for channel in channels))
    states = sorted(seen)
    ending: dict[str, list[int]] = {channel: [] for channel in channels}
    for row, state in enumerate(states[1:], start=1):
        ending[state[-1]].append(row)
    removed = [np.array(ending[channel], dtype=np.int64) for channel in channels]
    p, without = (_inverted if len(states) <= _DENSE else _iterated)(_chain(seen, states), removed)
    effects = [1 - one / p for one in without]
    whole = sum(effects)
    rows = (ChannelCredit(channel, effect, conversions * effect / whole if whole else 0.0) for channel, effect in zip(channels, effects, strict=True))
    return PathCredits("markov", conversions, p, _sorted(tuple(rows)))


def _chain(seen: Mapping[State, Mapping[State, int]], states: list[State]) -> _Chain:
    at = {state: row for row, state in enumerate(states)}
    links: list[tuple[int, int, float]] = []
    wins = np.zeros(len(states))
    for state, followers in seen.items():
        leaving = sum(followers.values())
        for following, count in followers.items():
            if following == CONVERSION:
                wins[at[state]] = count / leaving
            elif following != NULL:
                links.append((at[state], at[following], count / leaving))
    source, target, chance = zip(*links, strict=True) if links else ((), (), ())
    return _Chain(np.array(source, dtype=np.int64), np.array(target, dtype=np.int64), np.array(chance, dtype=np.float64), wins)


def _inverted(chain: _Chain, removed: list[npt.NDArray[np.int64]]) -> tuple[float, list[float]]:
    """Chance to convert from the start, as it is and without each of some sets of states, from N = (1 − Q)⁻¹.

    Without a set, the chance to enter it and to convert afterwards is lost: visits · (N within the set)⁻¹ · chances to convert.
    """
    size = len(chain.wins)
    matrix = np.eye(size)
    matrix[chain.source, chain.target] -= chain.chance
    visits = np.linalg.inv(matrix)
    hits = visits @ chain.wins
    p = float(hits[0])
    lost = [float(visits[0, rows] @ np.linalg.solve(visits[np.ix_(rows, rows)], hits[rows])) if len(rows) else 0.0 for rows in removed]
    return p, [min(p, max(0.0, p - one)) for one in lost]


def _iterated(chain: _Chain, removed: list[npt.NDArray[np.int64]]) -> tuple[float, list[float]]:
    """The same for chains whose inverse would not fit: h = wins + Q·h, all sets side by side, until the last bit stands still.

    It ends: every term is positive and rounding keeps order, so h only grows, and it is at most one.
    """
    from scipy.sparse import csr_array  # noqa: PLC0415 (start-up: only large chains need it)

    size = len(chain.wins)
    step = csr_array((chain.chance, (chain.source, chain.target)), shape=(size, size))
    open_ = np.ones((size, len(removed) + 1))
    for column, rows in enumerate(removed, start=1):
        open_[rows, column] = 0.0
    hits = np.zeros_like(open_)
    wins = chain.wins[:, None]
    while True:
        better = (wins + step @ hits) * open_
        if np.array_equal(better, hits):
            return float(hits[0, 0]), hits[0, 1:].tolist()
        hits = better


def _sorted(rows: tuple[ChannelCredit, ...]) -> tuple[ChannelCredit, ...]:
    return tuple(sorted(rows, key=lambda row: (-row.credit, row.channel)))
