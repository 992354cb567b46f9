# SPDX-License-Identifier: Apache-2.0
"""Why a creator has a credit score: what counted, the effect of each event, the next best action.

Every "what if" is the ledger's own computation over the changed evidence, one row for each question.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from app.rules.decay import MILLION
from app.rules.rating import ledger
from app.rules.rating.credit import Dimension
from app.rules.rating.ledger import BILLION, Ledger
from app.values import DAY, CreditGrade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.rules.rating.credit import CreditPolicy
    from app.rules.rating.ledger import Clocks, Counted, Event, Floats, Ints, Scores

REASONS: Final = 3
_DIGITS: Final = 6
_EQUAL: Final = 1e-9


class Standing(enum.StrEnum):
    """Whether an entry counts, and if not, why."""

    COUNTS = "counts"
    PROPOSED = "proposed"
    VOIDED = "voided"
    NOT_KNOWN = "not_known"  # recorded or confirmed later than the second clock
    NOT_HAPPENED = "not_happened"  # later than the first clock
    UNKNOWN_TYPE = "unknown_type"  # the policy has no such type


@dataclass(frozen=True, slots=True)
class DimensionPoints:
    """Points of a dimension with the most there are, and the evidence for and against (weights after fading)."""

    dimension: Dimension
    points: float
    max: float
    good: float
    bad: float

    @property
    def lost(self) -> float:
        """What is missing to the most."""
        return self.max - self.points


@dataclass(frozen=True, slots=True)
class Effect:
    """Points with an entry minus points without it; None where it does not count."""

    event_id: int
    type: str
    happened_at: int
    standing: Standing
    effect: float | None


@dataclass(frozen=True, slots=True)
class Cap:
    """A running grade cap and the last moment it holds."""

    event_id: int
    type: str
    grade: CreditGrade
    until: int


@dataclass(frozen=True, slots=True)
class NextBest:
    """The shortest way to a better grade: so many events of a type, and where they lead."""

    type: str
    count: int
    score: int
    grade: CreditGrade


@dataclass(frozen=True, slots=True)
class Explanation:
    """A creator's credit with its reasons. ``effects`` has every entry, the latest first; ``evidence`` is in weights."""

    score: int
    grade: CreditGrade
    raw: float
    evidence: float
    dimensions: tuple[DimensionPoints, ...]
    effects: tuple[Effect, ...]
    reasons: tuple[Effect, ...]
    caps: tuple[Cap, ...]
    next_best: NextBest | None

    @property
    def enough(self) -> bool:
        """Whether there is enough data for a grade."""
        return self.grade is not CreditGrade.N


def explain(policy: CreditPolicy, events: Sequence[Event], clocks: Clocks) -> Explanation:
    """One creator's credit and why."""
    entries = Ledger.of(policy, events)
    scores = ledger.rate(policy, entries, 1, clocks)
    counted = ledger.count(policy, entries, clocks)
    by_row = dict(zip(counted.row.tolist(), _effects(policy, counted, scores).tolist(), strict=True))
    effects = [_effect(policy, event, clocks, by_row.get(row)) for row, event in enumerate(events)]
    return Explanation(
        score=int(scores.score[0]),
        grade=scores.grade_of(0),
        raw=float(scores.raw[0]),
        evidence=int(scores.evidence[0]) / BILLION,
        dimensions=_dimensions(policy, scores),
        effects=tuple(sorted(effects, key=lambda effect: (-effect.happened_at, effect.event_id))),
        reasons=_reasons(effects),
        caps=_caps(policy, events, counted, clocks),
        next_best=_next_best(policy, counted, scores, clocks),
    )


def standing(policy: CreditPolicy, event: Event, clocks: Clocks) -> Standing:
    """Whether an entry counts, by the same questions as ``Ledger.standing``."""
    known = clocks.known_at
    if event.voided_at is not None and event.voided_at <= known:
        return Standing.VOIDED
    if event.recorded_at > known or (event.confirmed_at is not None and event.confirmed_at > known):
        return Standing.NOT_KNOWN
    if event.confirmed_at is None:
        return Standing.PROPOSED
    if event.happened_at > clocks.last:
        return Standing.NOT_HAPPENED
    return Standing.COUNTS if event.type in policy.codes() else Standing.UNKNOWN_TYPE


def _dimensions(policy: CreditPolicy, scores: Scores) -> tuple[DimensionPoints, ...]:
    return tuple(
        DimensionPoints(
            dimension,
            float(scores.points[0, dimension]),
            float(policy.shares[dimension]),
            int(scores.good[0, dimension]) / BILLION,
            int(scores.bad[0, dimension]) / BILLION,
        )
        for dimension in Dimension
    )


# ---------------------------------------------------------------- effects


def _effect(policy: CreditPolicy, event: Event, clocks: Clocks, effect: float | None) -> Effect:
    rounded = None if effect is None else round(effect, _DIGITS)
    return Effect(event.id, event.type, event.happened_at, standing(policy, event, clocks), rounded)


def _reasons(effects: Sequence[Effect]) -> tuple[Effect, ...]:
    """The largest effects either way, rounded; ties to the later, then the smaller id."""
    sized = [(abs(effect.effect), effect) for effect in effects if effect.effect is not None]
    sized.sort(key=lambda pair: (-pair[0], -pair[1].happened_at, pair[1].event_id))
    return tuple(effect for _, effect in sized[:REASONS])


def _effects(policy: CreditPolicy, counted: Counted, scores: Scores) -> Floats:
    """Raw points with each counted entry minus those without it, its month capped again."""
    less = _released(policy, counted)
    dimension = counted.cell
    good, bad = np.repeat(scores.good, len(less), axis=0), np.repeat(scores.bad, len(less), axis=0)
    each = np.arange(len(less))
    good[each, dimension] -= np.where(counted.good, less, 0)
    bad[each, dimension] -= np.where(counted.good, 0, less)
    without = ledger.judge(policy, good, bad, np.repeat(scores.cap, len(less)))
    effects: Floats = scores.raw[0] - without.raw
    return effects


def _released(policy: CreditPolicy, counted: Counted) -> Ints:
    """Evidence that goes when an entry goes; what the cap had held back of its month comes up in its place."""
    less = counted.amount
    good = np.flatnonzero(counted.good & (counted.part > 0))
    if not len(good):
        return less
    every = np.flatnonzero(counted.good)
    months = np.zeros(len(counted.row), dtype=np.int64)
    months[every] = ledger.month(policy.time_zone, counted.happened_at[every])
    group = counted.cell * (int(months.max()) + 1) + months
    for entry in good:
        others = every[(group[every] == group[entry]) & (every != entry)]
        weight, factor = counted.weight[others], counted.factor[others]
        part = ledger.capped(policy, np.zeros(len(others), dtype=np.int64), counted.happened_at[others], weight, factor)
        less[entry] += (counted.part[others] * factor).sum() - (part * factor).sum()
    return less


def _caps(policy: CreditPolicy, events: Sequence[Event], counted: Counted, clocks: Clocks) -> tuple[Cap, ...]:
    """Running caps, the lowest first, then the one that holds longest."""
    held = [(events[counted.row[at]], policy.types[counted.type[at]]) for at in ledger.capping(policy, counted, clocks)]
    running = [Cap(event.id, event.type, kind.cap, event.happened_at + kind.cap_days * DAY) for event, kind in held if kind.cap is not None]
    return tuple(sorted(running, key=lambda cap: (cap.grade, -cap.until, cap.event_id)))


# ---------------------------------------------------------------- the next best action


def _next_best(policy: CreditPolicy, counted: Counted, scores: Scores, clocks: Clocks) -> NextBest | None:
    """The fewest good events of one type that better the grade; none while the grade is held by a running cap."""
    grade = scores.grade[0]
    if len(ledger.capping(policy, counted, clocks)) and grade == scores.cap[0]:
        return None
    tries = [(code, number) for code, kind in enumerate(policy.types) if kind.weight > 0 for number in range(1, -(-policy.monthly_cap // kind.weight) + 1)]
    if not tries:
        return None
    good = np.repeat(scores.good, len(tries), axis=0)
    for row, (code, number) in enumerate(tries):
        good[row, policy.types[code].dimension] = _good_with(policy, counted, clocks, code, number)
    after = ledger.judge(policy, good, np.repeat(scores.bad, len(tries), axis=0), np.repeat(scores.cap, len(tries)))
    better = [row for row in range(len(tries)) if after.grade[row] > grade]
    if not better:
        return None
    fewest = min(tries[row][1] for row in better)
    short = [row for row in better if tries[row][1] == fewest]
    most = max(after.raw[row] for row in short)
    # Tries are in table order, so the first among equals is the one that stands higher there.
    row = next(row for row in short if after.raw[row] >= most - _EQUAL)
    return NextBest(policy.types[tries[row][0]].name, fewest, int(after.score[row]), after.grade_of(row))


def _good_with(policy: CreditPolicy, counted: Counted, clocks: Clocks, code: int, number: int) -> int:
    """Evidence for a type's dimension with so many more events of it at ``as_of``."""
    kind = policy.types[code]
    at = np.flatnonzero(counted.good & (counted.cell == kind.dimension))
    happened_at = np.r_[counted.happened_at[at], np.full(number, clocks.as_of)]
    weight = np.r_[counted.weight[at], np.full(number, kind.weight)]
    factor = np.r_[counted.factor[at], np.full(number, MILLION)]
    part = ledger.capped(policy, np.zeros(len(weight), dtype=np.int64), happened_at, weight, factor)
    return int((part * factor).sum())
