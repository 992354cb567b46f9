# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.decay import MILLION
from app.rules.rating import ledger as rules
from app.rules.rating.credit import CreditPolicy, Dimension
from app.rules.rating.ledger import Clocks, Event, Ledger
from app.values import DAY, CreditGrade, day_end, moment
from tests.app.rules.rating import ledgers
from tests.app.rules.rating.ledgers import BAD, BODY, CLOCKS, GOOD, NOW, POLICY, TWELVE, event, ledger

if TYPE_CHECKING:
    from random import Random

    from app.rules.rating.ledger import Scores


def rate(events: list[Event], clocks: Clocks = CLOCKS, policy: CreditPolicy = POLICY) -> Scores:
    return rules.rate(policy, Ledger.of(policy, events), 1, clocks)


def read(events: list[Event], clocks: Clocks = CLOCKS) -> tuple[int, str]:
    scores = rate(events, clocks)
    return int(scores.score[0]), scores.grade_of(0).code


def bits(scores: Scores) -> list[bytes]:
    return [array.tobytes() for array in (scores.score, scores.grade, scores.raw, scores.points, scores.good, scores.bad, scores.cap)]


# ---------------------------------------------------------------- worked examples


@pytest.mark.parametrize(
    ("events", "score", "grade", "raw"),
    [
        ([], 579, "N", None),
        (ledger(*TWELVE), 744, "A", 743.7326),
        (ledger(*TWELVE, ("no_show", 30)), 634, "C", None),
        (ledger(*TWELVE, ("no_show", 30), ("fake_engagement", 15)), 539, "C", None),
        ([*ledger(*TWELVE), event(25, "no_show", 30, voided_at=NOW)], 744, "A", 743.7326),
        (ledger(("posted_on_time", 0), ("approved_first_pass", 0), ("metrics_verified", 0)), 631, "N", None),
        (
            ledger(("posted_on_time", 0), ("approved_first_pass", 0), ("metrics_verified", 0), ("draft_on_time", 0), ("replied_in_time", 0)),
            644, "B", None,
        ),
        (ledger(("posted_late", 0)), 533, "N", None),
        (ledger(("posted_very_late", 0), ("slow_reply", 0)), 496, "D", None),
        (ledger(*(("training_passed", age) for age in range(3, 9))), 630, "N", 630.4586),
        (ledger(*(("training_passed", age) for age in range(3, 9)), ("approved_first_pass", 29)), 630, "N", 630.4586),
    ],
)  # fmt: skip
def test_worked(events: list[Event], score: int, grade: str, raw: float | None):
    scores = rate(events)
    assert (int(scores.score[0]), scores.grade_of(0).code) == (score, grade)
    assert raw is None or round(float(scores.raw[0]), 4) == raw


def test_a_further_good_event_of_a_full_month_changes_nothing_to_the_last_bit():
    six = ledger(*(("training_passed", age) for age in range(3, 9)))
    assert rate(six).raw[0] == rate([*six, event(7, "approved_first_pass", 29)]).raw[0]


# ---------------------------------------------------------------- against the slow way


@settings(max_examples=300, deadline=None)
@given(ledgers.ledgers, ledgers.clocks)
def test_as_the_text_says(events: list[Event], clocks: Clocks):
    scores, slow = rate(events, clocks), ledgers.verdict(events, clocks)
    assert (int(scores.score[0]), scores.grade_of(0)) == (slow.score, slow.grade)
    assert int(scores.evidence[0]) == slow.evidence * rules.BILLION
    assert bool(scores.enough[0]) == (slow.grade is not CreditGrade.N)
    for dimension in Dimension:
        assert float(scores.points[0, dimension]) == pytest.approx(float(slow.points[dimension]), abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(GOOD), ledgers.standing_ages), min_size=1, max_size=60))
def test_full_months_as_the_text_says(rows: list[tuple[str, int]]):
    """Good events alone, crowded into few months, where the cap cuts in."""
    events = [Event(number, kind, NOW - age, NOW - age, NOW - age) for number, (kind, age) in enumerate(rows, start=1)]
    slow = ledgers.verdict(events, CLOCKS)
    scores = rate(events)
    assert (int(scores.score[0]), scores.grade_of(0)) == (slow.score, slow.grade)
    assert int(scores.evidence[0]) == slow.evidence * rules.BILLION


def test_full_months_of_two_dimensions_are_told_apart():
    """Reliability full in June, compliance full in May: neighbours in the order of sorting."""
    rows = [("posted_on_time", 1 + number) for number in range(7)] + [("training_passed", 31 + number) for number in range(7)]
    events = ledger(*((kind, float(age)) for kind, age in rows))
    assert int(rate(events).evidence[0]) == ledgers.verdict(events, CLOCKS).evidence * rules.BILLION


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu", "America/St_Johns"])
def test_months_are_those_of_the_policys_zone(zone: str):
    policy = CreditPolicy.parse({**BODY, "time_zone": zone})
    start = moment(datetime(2026, 3, 1, tzinfo=UTC))
    for hours in range(-26, 27):
        at = start + hours * ledgers.HOUR
        events = [Event(number, "training_passed", when, when, when) for number, when in enumerate([at] * 4 + [at + 5 * ledgers.HOUR] * 4)]
        slow = ledgers.verdict(events, CLOCKS, zone)
        assert int(rate(events, policy=policy).evidence[0]) == slow.evidence * rules.BILLION


# ---------------------------------------------------------------- fading


def test_a_weight_halves_and_rounds_half_up():
    code = POLICY.codes()["posted_on_time"]
    ages = np.array([0, 1, 2, 7, 8, 21, 40], dtype=np.int64) * 180 * DAY
    faded = rules.faded(POLICY, np.full(len(ages), code), ages)
    # 7 half-lives leave 0.0078125 exactly: the one case of a true half; 1e6/2^8 = 3906.25.
    assert faded.tolist() == [1_000_000, 500_000, 250_000, 7_813, 3_906, 0, 0]


def test_a_step_of_the_fading_falls_on_the_right_microsecond():
    """Around each half of a millionth the float is in doubt; the exact value decides."""
    code = POLICY.codes()["no_show"]
    for target in (999_999, 765_432, 500_001, 123_456, 7_812, 3):
        age = int(Decimal(365 * DAY) * (Decimal(MILLION) / (Decimal(target) + Decimal("0.5"))).ln() / Decimal(2).ln())
        ages = np.arange(age - 40, age + 40, dtype=np.int64)
        faded = rules.faded(POLICY, np.full(len(ages), code), ages)
        assert faded.tolist() == [ledgers.factor(int(one), 365) * MILLION for one in ages]


_DIGEST = """
import hashlib, sys, tomllib
import numpy as np
import resources
from app.rules.rating.credit import CreditPolicy
from app.rules.rating.ledger import Clocks, Ledger, rate
policy = CreditPolicy.parse(tomllib.loads(resources.text("policies", "credit.toml")))
chance = np.random.Generator(np.random.PCG64(11))
n, now = 200_000, 1_790_000_000_000_000
at = now - chance.integers(0, 900 * 86_400_000_000, n)
entries = Ledger(chance.integers(0, 20_000, n), chance.integers(0, len(policy.types), n), at, at, at, np.full(n, -1), np.arange(n))
scores = rate(policy, entries, 20_000, Clocks(now, now))
print(hashlib.sha256(scores.good.tobytes() + scores.bad.tobytes() + scores.raw.tobytes() + scores.grade.tobytes()).hexdigest())
"""


def test_the_same_digits_whatever_the_processor_can_do():
    """The last bits of numpy's powers differ with AVX-512 on and off; scores must not."""
    found = _features()
    if not found:
        pytest.skip("this processor has no more than numpy's baseline")
    run = [sys.executable, "-W", "ignore", "-c", _DIGEST]
    plain = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    outputs = {
        subprocess.run(run, env=env, capture_output=True, text=True, check=True).stdout
        for env in (plain, {**plain, "NPY_DISABLE_CPU_FEATURES": " ".join(found)})
    }
    assert len(outputs) == 1


def _features() -> list[str]:
    config: Any = np.show_config(mode="dicts")
    found: list[str] = config["SIMD Extensions"].get("found", [])
    return found


# ---------------------------------------------------------------- which entries count


@pytest.mark.parametrize(
    ("case", "counts"),
    [
        (Event(1, "no_show", NOW, NOW, NOW), True),
        (Event(1, "no_show", NOW + 1, NOW + 1, NOW + 1), False),  # happened later
        (Event(1, "no_show", NOW - DAY, NOW - DAY, None), False),  # only proposed
        (Event(1, "no_show", NOW - DAY, NOW - DAY, NOW + 1), False),  # not yet known to be confirmed
        (Event(1, "no_show", NOW - DAY, NOW + 1, NOW), False),  # not yet recorded
        (Event(1, "no_show", NOW - DAY, NOW - DAY, NOW, NOW), False),  # known to be voided
        (Event(1, "no_show", NOW - DAY, NOW - DAY, NOW, NOW + 1), True),  # voided later
        (Event(1, "no_show", NOW - DAY, NOW - DAY, NOW - DAY, NOW - DAY), False),
        (Event(1, "no_such_type", NOW, NOW, NOW), False),
    ],
)
def test_which_entries_count(case: Event, counts: bool):
    assert (int(rate([case]).bad.sum()) > 0) == counts


@pytest.mark.parametrize(
    ("as_of", "known_at", "counts"),
    [(0, 0, False), (0, 2, False), (0, 3, True), (-2, 3, False), (30, 2, False), (30, 3, True), (30, 4, True), (30, 5, False), (-1, 4, True), (-1, 5, False)],
)
def test_the_two_clocks(as_of: int, known_at: int, counts: bool):
    """Happened a day ago, confirmed on day 3, voided on day 5."""
    entry = Event(1, "no_show", NOW - DAY, NOW, NOW + 3 * DAY, NOW + 5 * DAY)
    scores = rate([entry], Clocks(NOW + as_of * DAY, NOW + known_at * DAY))
    assert (int(scores.bad.sum()) > 0) == counts


def test_ages_run_to_as_of_even_beyond_what_is_known():
    scores = rate(ledger(("no_show", 0)), Clocks(NOW + 365 * DAY, NOW))
    assert int(scores.bad.sum()) == 3 * rules.BILLION


def test_a_day_means_its_end_whose_own_events_are_outside():
    zone, day = "Asia/Shanghai", date(2026, 6, 30)
    end = day_end(day, zone)
    assert Clocks.read(day, day, zone) == Clocks(end, end - 1, day_over=True)
    assert Clocks.read(end, end, zone) == Clocks(end, end)
    at_end = Event(1, "no_show", end, end, end)
    assert int(rate([at_end], Clocks.read(day, end, zone)).bad.sum()) == 0
    assert int(rate([at_end], Clocks.read(end, end, zone)).bad.sum()) > 0
    before = Event(1, "no_show", end - DAY, end - DAY, end)
    assert int(rate([before], Clocks.read(day, day, zone)).bad.sum()) == 0
    # Ages run to the end all the same.
    old = Event(1, "no_show", end - 365 * DAY, end - 365 * DAY, end - 365 * DAY)
    assert int(rate([old], Clocks.read(day, day, zone)).bad.sum()) == 3 * rules.BILLION


# ---------------------------------------------------------------- caps, grades


@pytest.mark.parametrize(("age", "grade"), [(90 * DAY, "B"), (90 * DAY + 1, "AAA")])
def test_a_cap_runs_to_its_last_day_included(age: int, grade: str):
    good = [event(number, kind, 0.5 + 29 * back) for number, (kind, back) in enumerate(((kind, back) for kind in GOOD for back in range(12)), start=1)]
    many = [Event(one.id + 1000 * copy_, one.type, one.happened_at, one.recorded_at, one.confirmed_at) for one in good for copy_ in range(6)]
    breach = Event(9999, "code_resold", NOW - age, NOW - age, NOW - age)
    assert rate(many).grade_of(0) > CreditGrade.A
    assert read([*many, breach])[1] == grade


def test_not_enough_data_turns_at_one_and_a_half_against():
    almost = ledger(("posted_late", 0), ("slow_reply", 0))
    assert read(almost)[1] == "C"  # 1.5 is not under 1.5
    assert read(ledger(("posted_late", 0), ("slow_reply", 0.01)))[1] == "N"


def test_a_cap_lowers_a_grade_without_enough_data():
    """N is better than C, and a fake is held against its maker even once it has faded."""
    assert read(ledger(("fake_engagement", 365)))[1] in {"C", "D"}
    policy = copy.deepcopy(BODY)
    policy["types"].append({"name": "mild", "dimension": "authenticity", "weight": -0.1, "half_life": 1, "cap": "C", "cap_days": 30})
    mild = CreditPolicy.parse(policy)
    assert rate(ledger(("mild", 30)), policy=mild).grade_of(0) is CreditGrade.C
    assert rate(ledger(("mild", 31)), policy=mild).grade_of(0) is CreditGrade.N


def test_points_add_up_to_the_whole_at_most():
    scores = rate(ledger(*((kind, float(age)) for kind in GOOD for age in range(0, 800, 4))))
    assert 900 < int(scores.score[0]) <= 1000
    assert scores.points[0].tolist() == sorted(scores.points[0].tolist(), reverse=True)


# ---------------------------------------------------------------- what must hold


@settings(max_examples=300, deadline=None)
@given(ledgers.ledgers, st.sampled_from(BAD), ledgers.standing_ages)
def test_a_bad_event_never_raises_the_score_nor_betters_the_grade(events: list[Event], kind: str, age: int):
    at = NOW - age
    before, after = rate(events), rate([*events, Event(99, kind, at, at, at)])
    assert after.raw[0] <= before.raw[0]
    assert after.score[0] <= before.score[0]
    assert after.grade[0] <= before.grade[0]


@settings(max_examples=300, deadline=None)
@given(st.one_of(ledgers.ledgers, ledgers.busy), st.sampled_from(GOOD), ledgers.standing_ages)
def test_a_good_event_never_lowers_the_score_nor_worsens_the_grade(events: list[Event], kind: str, age: int):
    at = NOW - age
    before, after = rate(events), rate([*events, Event(99, kind, at, at, at)])
    assert after.raw[0] >= before.raw[0]
    assert after.score[0] >= before.score[0]
    assert after.grade[0] >= before.grade[0]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.one_of(ledgers.ledgers, ledgers.busy), ledgers.clocks)
def test_the_order_of_entry_does_not_matter_to_the_last_bit(data: st.DataObject, events: list[Event], clocks: Clocks):
    assert bits(rate(data.draw(st.permutations(events)), clocks)) == bits(rate(events, clocks))


@settings(max_examples=60, deadline=None)
@given(st.lists(ledgers.ledgers, min_size=1, max_size=6), st.randoms(use_true_random=False), ledgers.clocks)
def test_one_creator_is_rated_as_many_are(several: list[list[Event]], chance: Random, clocks: Clocks):
    parts = [Ledger.of(POLICY, events) for events in several]
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in Ledger.__slots__[1:]]
    creator = np.repeat(np.arange(len(parts)), [len(part.id) for part in parts])
    shuffle = np.array(chance.sample(range(len(creator)), len(creator)), dtype=np.int64)
    many = rules.rate(POLICY, Ledger(creator[shuffle], *(column[shuffle] for column in columns)), len(parts) + 1, clocks)
    for number, events in enumerate(several):
        one = rate(events, clocks)
        assert (one.score[0], one.grade[0], one.raw[0], one.cap[0]) == (many.score[number], many.grade[number], many.raw[number], many.cap[number])
        assert one.points[0].tobytes() == many.points[number].tobytes()
        assert one.evidence[0] == many.evidence[number]
    assert bits(rate([], clocks))[0] == many.score[-1:].tobytes()


def as_it_stood(events: list[Event], day: int) -> list[Event]:
    """A ledger as it was on a day: what came later was not in it."""
    return [
        Event(
            one.id, one.type, one.happened_at, one.recorded_at,
            one.confirmed_at if one.confirmed_at is not None and one.confirmed_at <= day else None,
            one.voided_at if one.voided_at is not None and one.voided_at <= day else None,
        )
        for one in events
        if one.recorded_at <= day
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(ledgers.ledgers)
def test_a_replay_gives_what_was_recorded_that_day(events: list[Event]):
    for back in range(0, 200, 11):
        day = NOW - back * DAY
        assert bits(rate(events, Clocks(day, day))) == bits(rate(as_it_stood(events, day), Clocks(day, day)))
