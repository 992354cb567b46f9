# SPDX-License-Identifier: Apache-2.0
"""Ledgers for tests: the shipped policy, events by their age, random ones, and the rules once more, written straight from their text."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

import resources
from app.rules.rating.credit import CreditPolicy
from app.rules.rating.ledger import Clocks, Event
from app.values import DAY, CreditGrade, aware, moment

BODY = tomllib.loads(resources.text("policies", "credit.toml"))
POLICY = CreditPolicy.parse(BODY)
NOW = moment(datetime(2026, 6, 30, 16, tzinfo=UTC))
CLOCKS = Clocks(NOW, NOW)
HOUR = DAY // 24

TYPES = [kind.name for kind in POLICY.types]
GOOD = [kind.name for kind in POLICY.types if kind.weight > 0]
BAD = [kind.name for kind in POLICY.types if kind.weight < 0]


def event(number: int, kind: str, age: float, voided_at: int | None = None, who: str = "") -> Event:
    """A confirmed event at an age in days."""
    at = NOW - round(age * DAY)
    return Event(number, kind, at, at, at, voided_at, who)


def ledger(*pairs: tuple[str, float]) -> list[Event]:
    """Confirmed events of types at ages, numbered from 1."""
    return [event(number, kind, age) for number, (kind, age) in enumerate(pairs, start=1)]


TWELVE = [(kind, float(age)) for age in range(10, 121, 10) for kind in ("posted_on_time", "approved_first_pass")]
"""Twelve posted_on_time and twelve approved_first_pass at ages 10, 20 … 120."""

# ---------------------------------------------------------------- random ledgers

_edges = st.sampled_from([0, 1, 90, 91, 180, 360, 365, 366, 1260, 1825]).flatmap(lambda days: st.sampled_from([-1, 0, 1]).map(lambda by: days * DAY + by))
_ages = st.one_of(_edges, st.integers(0, 45 * DAY), st.integers(0, 45).map(lambda days: days * DAY), st.integers(-20 * DAY, 900 * DAY))
_delays = st.one_of(st.just(0), st.integers(0, 60 * DAY))


@st.composite
def events(draw: st.DrawFn, kinds: list[str] = TYPES) -> tuple[str, int, int, int | None, int | None]:
    """Type, happened, recorded, confirmed, voided; any of it may lie beyond the clocks."""
    happened_at = NOW - draw(_ages)
    recorded_at = happened_at + draw(_delays)
    confirmed_at = draw(st.one_of(st.none(), _delays, _delays, _delays).map(lambda delay: None if delay is None else recorded_at + delay))
    voided_at = draw(st.one_of(st.none(), st.none(), st.none(), _delays).map(lambda delay: None if delay is None else recorded_at + delay))
    return draw(st.sampled_from(kinds)), happened_at, recorded_at, confirmed_at, voided_at


def numbered(rows: list[tuple[str, int, int, int | None, int | None]]) -> list[Event]:
    """Events of drawn rows, numbered from 1."""
    return [Event(number, *row) for number, row in enumerate(rows, start=1)]


ledgers = st.lists(events(), max_size=40).map(numbered)
"""Any ledger."""

_BUSY = ["posted_on_time", "draft_on_time", "approved_first_pass", "training_passed"]
_june = st.tuples(st.sampled_from(_BUSY), st.integers(1, 29 * DAY))
busy = st.lists(_june, min_size=9, max_size=24).map(lambda rows: numbered([(kind, NOW - age, NOW - age, NOW - age, None) for kind, age in rows]))
"""Ledgers of one month with more good conduct than a month's cap lets count."""

standing_ages = st.one_of(_edges.map(abs), st.integers(0, 45 * DAY), st.integers(0, 900 * DAY))
"""Ages in microseconds of events that have happened."""

clocks = st.builds(Clocks, st.sampled_from([NOW, NOW - 3 * DAY]), st.sampled_from([NOW, NOW - 10 * DAY, NOW + 30 * DAY]), st.booleans())
"""As of when, as known when."""

# ---------------------------------------------------------------- the rules from their text, slowly

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the slow way finds."""

    score: int
    grade: CreditGrade
    points: tuple[Decimal, ...]
    evidence: Fraction

    @property
    def raw(self) -> Decimal:
        return sum(self.points, Decimal(0))


def counts(one: Event, at: Clocks) -> bool:
    """Whether an event enters, by the words of the rules."""
    if one.confirmed_at is None or one.confirmed_at > at.known_at or one.recorded_at > at.known_at:
        return False
    if one.voided_at is not None and one.voided_at <= at.known_at:
        return False
    return one.happened_at < at.as_of if at.day_over else one.happened_at <= at.as_of


def factor(age: int, half_life: int) -> Fraction:
    """2^(−t/half-life), rounded half up to a millionth."""
    power = _EXACT.power(Decimal(2), _EXACT.divide(Decimal(-age), Decimal(half_life * DAY)))
    return Fraction(power.quantize(Decimal("0.000001"), ROUND_HALF_UP, _EXACT))


def verdict(all_events: list[Event], at: Clocks, zone: str = "Asia/Shanghai", extra: tuple[str, int] | None = None) -> Verdict:
    """Score and grade, step by step. ``extra``: so many further events of a type at ``as_of``."""
    kinds = {row["name"]: row for row in BODY["types"]}
    entering = [(one.type, one.happened_at) for one in all_events if counts(one, at)]
    entering += [(extra[0], at.as_of)] * extra[1] if extra else []
    good: dict[str, Fraction] = dict.fromkeys(BODY["dimensions"], Fraction())
    bad = dict(good)
    months: dict[tuple[str, int, int], list[tuple[Fraction, Fraction]]] = {}
    cap = CreditGrade.AAA
    for name, happened_at in entering:
        kind = kinds[name]
        age = at.as_of - happened_at
        left = factor(age, kind["half_life"])
        if kind["weight"] < 0:
            bad[kind["dimension"]] += -Fraction(kind["weight"]) * left
        else:
            day = aware(happened_at).astimezone(ZoneInfo(zone))
            months.setdefault((kind["dimension"], day.year, day.month), []).append((left, Fraction(kind["weight"])))
        if "cap" in kind and age <= kind["cap_days"] * DAY:
            cap = min(cap, CreditGrade[kind["cap"]])
    for (dimension, _, _), rows in months.items():
        room = Fraction(BODY["monthly_cap"])
        for left, weight in sorted(rows, reverse=True):
            good[dimension] += min(weight, room) * left
            room -= min(weight, room)
    points = tuple(1000 * Decimal(str(share)) * _wilson(4 + good[name], 1 + bad[name]) for name, share in BODY["dimensions"].items())
    score = int(sum(points, Decimal(0)) + Decimal("0.500000001"))
    return Verdict(score, min(_grade(score, sum(bad.values(), Fraction())), cap), points, sum([*good.values(), *bad.values()], Fraction()))


def _wilson(a: Fraction, b: Fraction) -> Decimal:
    n, p = a + b, a / (a + b)
    root = _EXACT.sqrt(_decimal(p * (1 - p) / n + 1 / (4 * n * n)))
    return _EXACT.divide(_decimal(p + 1 / (2 * n)) - root, _decimal(1 + 1 / n))


def _decimal(value: Fraction) -> Decimal:
    return _EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))


def _grade(score: int, against: Fraction) -> CreditGrade:
    for edge, name in ((880, "AAA"), (820, "AA"), (740, "A"), (640, "B")):
        if score >= edge:
            return CreditGrade[name]
    if against < Fraction(3, 2):
        return CreditGrade.N
    return CreditGrade.C if score >= 520 else CreditGrade.D
