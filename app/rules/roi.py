# SPDX-License-Identifier: Apache-2.0
"""Return: landed cost, what of it may be judged yet, the ratios, and the numbers of the policy they run on.

A ratio that has no denominator is None, not zero: what cannot be known is shown as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from app.errors import UsageError
from app.values import DAY, Ranked

if TYPE_CHECKING:
    from collections.abc import Iterable

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]

NEVER: Final = np.iinfo(np.int64).max
"""A moment that has not come."""
_KINDS: Final = frozenset({"fee", "slot_fee", "platform_fee", "commission", "sample", "freight", "boost", "rebate", "tax"})
_MOST_DAYS: Final = 36_500


# ---------------------------------------------------------------- policy


@dataclass(frozen=True, slots=True)
class RoiPolicy:
    """The numbers of a policy of return; shares, probabilities and the margin are parts of one."""

    margin: float
    mature_days: int
    fixed_kinds: frozenset[str]
    variable_kinds: frozenset[str]
    least_peers: int
    lowest_shape: float
    highest_shape: float
    drift: float
    trailing_days: int
    s_below: float
    a_below: float
    stop_grades: frozenset[str]
    stop_sanctions: frozenset[str]
    repeat_probability: float
    time_zone: str

    @classmethod
    def parse(cls, body: Mapping[str, object]) -> Self:
        """Policy from the data of its TOML; UsageError ``policy_invalid`` names the place."""
        read = _Reader(body)
        fixed, variable = read.words("costs.fixed"), read.words("costs.variable")
        for kinds, place in ((fixed, "costs.fixed"), (variable, "costs.variable")):
            if kinds - _KINDS or fixed & variable:
                raise UsageError("policy_invalid", place=place, value=sorted(kinds - _KINDS or fixed & variable))
        if _KINDS - fixed - variable:
            raise UsageError("policy_invalid", place="costs", value=sorted(_KINDS - fixed - variable))
        lowest = read.number("shape.lowest", 1e-6, 1e6)
        s_below = read.number("value.s_below", 0.0, 1.0)
        return cls(
            margin=read.number("margin", 0.0, 1.0),
            mature_days=read.whole("mature_days", 0),
            fixed_kinds=fixed,
            variable_kinds=variable,
            least_peers=read.whole("peers.least", 1),
            lowest_shape=lowest,
            highest_shape=read.number("shape.highest", lowest, 1e9),
            drift=read.number("forecast.drift", 0.0, 10.0),
            trailing_days=read.whole("value.trailing_days", 1),
            s_below=s_below,
            a_below=read.number("value.a_below", s_below, 1.0),
            stop_grades=read.words("word.stop_grades"),
            stop_sanctions=read.words("word.stop_sanctions"),
            repeat_probability=read.number("word.repeat_probability", 0.0, 1.0),
            time_zone=read.zone("time_zone"),
        )


class _Reader:
    """Values by dotted place, each checked."""

    def __init__(self, body: Mapping[str, object]) -> None:
        self._body = body

    def _at(self, place: str) -> object:
        found: object = self._body
        for name in place.split("."):
            if not isinstance(found, Mapping):
                return None
            found = found.get(name)
        return found

    def number(self, place: str, low: float, high: float) -> float:
        found = self._at(place)
        if type(found) not in {int, float} or not low <= found <= high:  # type: ignore[operator]
            raise UsageError("policy_invalid", place=place, value=found)
        return float(found)  # type: ignore[arg-type]

    def whole(self, place: str, low: int) -> int:
        found = self._at(place)
        if type(found) is not int or not low <= found <= _MOST_DAYS:
            raise UsageError("policy_invalid", place=place, value=found)
        return found

    def words(self, place: str) -> frozenset[str]:
        found = self._at(place)
        if not isinstance(found, Sequence) or isinstance(found, str) or not all(isinstance(word, str) for word in found):
            raise UsageError("policy_invalid", place=place, value=found)
        return frozenset(found)

    def zone(self, place: str) -> str:
        found = self._at(place)
        try:
            ZoneInfo(str(found))
        except (ValueError, KeyError, OSError) as error:
            raise UsageError("policy_invalid", place=place, value=found) from error
        return str(found)


# ---------------------------------------------------------------- landed cost


@dataclass(frozen=True, slots=True)
class Landed:
    """Landed cost (综合成本) in fen: what is spent anyway, and what grows with sales."""

    fixed_fen: int
    variable_fen: int

    @property
    def total_fen(self) -> int:
        """Both together."""
        return self.fixed_fen + self.variable_fen


def landed(policy: RoiPolicy, lines: Iterable[tuple[str, int]]) -> Landed:
    """Landed cost of cost lines (kind, fen); rebates are negative. KeyError for a kind that is none."""
    fixed = variable = 0
    for kind, amount in lines:
        if kind in policy.fixed_kinds:
            fixed += amount
        elif kind in policy.variable_kinds:
            variable += amount
        else:
            raise KeyError(kind)
    return Landed(fixed, variable)


class Standing(Ranked):
    """Whether a collaboration's cost and sales enter the return yet."""

    ENTERS = 1
    IN_FLIGHT = 2
    NOT_MEASURABLE = 3


def standings(policy: RoiPolicy, measurable: Flags, posted_at: Ints, ended_at: Ints, as_of: int) -> Codes:
    """Standing of collaborations, all of shape (n,), as numbers of Standing.

    ``measurable``: had a code, link, cart or platform attribution. ``posted_at``: when its last post was published.
    ``ended_at``: when it was done or cancelled. ``NEVER`` stands for what has not happened.
    """
    posted = posted_at <= as_of
    mature = np.where(posted, posted_at <= as_of - policy.mature_days * DAY, ended_at <= as_of)
    out = np.where(mature, Standing.ENTERS, Standing.IN_FLIGHT)
    return np.where(measurable, out, Standing.NOT_MEASURABLE).astype(np.int8)


# ---------------------------------------------------------------- ratios


def ratio(part: float, whole: float) -> float | None:
    """Part / whole; None without a positive whole."""
    return part / whole if whole > 0 else None


def roas(revenue_fen: int, landed_fen: int) -> float | None:
    """Return on spend, shown as 1 : x; the caller says whether the revenue is net or gross."""
    return ratio(revenue_fen, landed_fen)


def contribution(net_by_margin: Iterable[tuple[int, float]]) -> float:
    """Net revenue × margin over parts (net fen, margin), products having their own."""
    return sum(net * margin for net, margin in net_by_margin)


def roi(contribution_fen: float, landed_fen: int) -> float | None:
    """(Net revenue × margin − landed cost) / landed cost."""
    return ratio(contribution_fen - landed_fen, landed_fen)


def break_even(margin: float) -> float | None:
    """ROAS that pays for itself; None where no sale earns anything."""
    return ratio(1.0, margin)
