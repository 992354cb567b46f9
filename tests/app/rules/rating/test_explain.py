# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.rating import explain as rules
from app.rules.rating.credit import CreditPolicy, Dimension
from app.rules.rating.explain import NextBest, Standing, explain
from app.rules.rating.ledger import Clocks, Event
from app.values import DAY, CreditGrade, moment
from tests.app.rules.rating import ledgers
from tests.app.rules.rating.ledgers import BODY, CLOCKS, GOOD, NOW, POLICY, TWELVE, event, ledger


def what_next(events: list[Event]) -> tuple[str, int, int, str] | None:
    found = explain(POLICY, events, CLOCKS).next_best
    return None if found is None else (found.type, found.count, found.score, found.grade.code)


# ---------------------------------------------------------------- worked examples


def test_worked_next_best():
    assert what_next([]) == ("posted_on_time", 4, 645, "B")
    assert what_next(ledger(*TWELVE, ("no_show", 30))) == ("metrics_verified", 1, 648, "B")


def test_worked_effect():
    shown = explain(POLICY, ledger(*TWELVE, ("no_show", 30)), CLOCKS)
    effect = next(effect.effect for effect in shown.effects if effect.type == "no_show")
    assert effect is not None
    assert round(effect, 4) == -109.9855
    assert shown.reasons[0].effect == effect
    assert len(shown.reasons) == 3


def test_a_good_event_of_a_full_month_has_no_effect():
    shown = explain(POLICY, ledger(*(("training_passed", age) for age in range(3, 9)), ("approved_first_pass", 29)), CLOCKS)
    effects = {effect.event_id: effect.effect for effect in shown.effects}
    assert effects[7] == 0.0
    # Without a training the approval takes its place, so that each counts for the difference only.
    assert 0 < (effects[1] or 0) < 0.5


# ---------------------------------------------------------------- dimensions


def test_dimensions_say_what_is_there_and_what_is_lost():
    shown = explain(POLICY, ledger(*TWELVE, ("no_show", 365)), CLOCKS)
    assert [part.dimension for part in shown.dimensions] == list(Dimension)
    assert [part.max for part in shown.dimensions] == [400, 250, 250, 100]
    assert sum(part.points for part in shown.dimensions) == pytest.approx(shown.raw)
    assert all(part.lost == part.max - part.points for part in shown.dimensions)
    assert shown.dimensions[0].bad == 3.0
    assert shown.evidence == pytest.approx(sum(part.good + part.bad for part in shown.dimensions))
    assert shown.enough
    assert not explain(POLICY, [], CLOCKS).enough


# ---------------------------------------------------------------- effects


@settings(max_examples=60, deadline=None)
@given(st.lists(ledgers.events(), max_size=20).map(ledgers.numbered), ledgers.clocks)
def test_an_effect_is_the_points_with_minus_without(events: list[Event], clocks: Clocks):
    shown = explain(POLICY, events, clocks)
    with_all = ledgers.verdict(events, clocks).raw
    assert {effect.event_id for effect in shown.effects} == {one.id for one in events}
    for effect in shown.effects:
        one = next(one for one in events if one.id == effect.event_id)
        assert (effect.standing is Standing.COUNTS) == ledgers.counts(one, clocks) == (effect.effect is not None)
        if effect.effect is not None:
            without = ledgers.verdict([other for other in events if other is not one], clocks).raw
            assert effect.effect == pytest.approx(float(with_all - without), abs=1e-6)
    sizes = sorted((abs(effect.effect) for effect in shown.effects if effect.effect is not None), reverse=True)
    assert [abs(reason.effect or 0) for reason in shown.reasons] == sizes[:3]


def test_equal_effects_are_ordered_by_the_later_then_the_smaller_id():
    twins = [event(9, "praised", 10), event(4, "praised", 10), event(7, "praised", 10), event(5, "praised", 10)]
    assert [reason.event_id for reason in explain(POLICY, twins, CLOCKS).reasons] == [4, 5, 7]
    # A micro-second apart fades alike to the sixth digit: the later comes first whatever its id.
    at = NOW - 10 * DAY
    near = [Event(1, "praised", at, at, at), Event(2, "praised", at + 1, at + 1, at + 1)]
    assert [reason.event_id for reason in explain(POLICY, near, CLOCKS).reasons] == [2, 1]


@pytest.mark.parametrize(
    ("case", "clocks", "standing"),
    [
        (Event(1, "no_show", NOW, NOW, NOW), CLOCKS, Standing.COUNTS),
        (Event(1, "no_show", NOW, NOW, NOW), Clocks(NOW, NOW, day_over=True), Standing.NOT_HAPPENED),
        (Event(1, "no_show", NOW, NOW, None), CLOCKS, Standing.PROPOSED),
        (Event(1, "no_show", NOW, NOW, NOW + 1), CLOCKS, Standing.NOT_KNOWN),
        (Event(1, "no_show", NOW, NOW + 1, NOW + 1), CLOCKS, Standing.NOT_KNOWN),
        (Event(1, "no_show", NOW, NOW, NOW, NOW), CLOCKS, Standing.VOIDED),
        (Event(1, "no_show", NOW, NOW, NOW, NOW + 1), CLOCKS, Standing.COUNTS),
        (Event(1, "no_show", NOW, NOW, None, NOW), CLOCKS, Standing.VOIDED),
        (Event(1, "of_another_policy", NOW, NOW, NOW), CLOCKS, Standing.UNKNOWN_TYPE),
    ],
)
def test_each_entry_says_whether_it_counts_and_why_not(case: Event, clocks: Clocks, standing: Standing):
    assert rules.standing(POLICY, case, clocks) is standing
    assert [effect.standing for effect in explain(POLICY, [case], clocks).effects] == [standing]


# ---------------------------------------------------------------- the next best action


@settings(max_examples=40, deadline=None)
@given(st.lists(ledgers.events(), max_size=25).map(ledgers.numbered))
def test_next_best_is_the_shortest_way_that_the_slow_way_finds(events: list[Event]):
    shown = explain(POLICY, events, CLOCKS)
    now = ledgers.verdict(events, CLOCKS)
    if any(cap.grade == now.grade for cap in shown.caps):
        assert shown.next_best is None
        return
    for count in range(1, 13):
        ways = []
        for kind in GOOD:
            weight = next(row["weight"] for row in BODY["types"] if row["name"] == kind)
            then = ledgers.verdict(events, CLOCKS, extra=(kind, count)) if count * weight < 6 + weight else now
            if then.grade > now.grade:
                ways.append((round(float(then.raw), 8), kind, then))
        if ways:
            most = max(ways, key=lambda way: way[0])[0]
            kind, then = next((kind, then) for raw, kind, then in ways if raw == most)
            assert shown.next_best == NextBest(kind, count, then.score, then.grade)
            return
    assert shown.next_best is None


def test_none_while_the_grade_equals_a_running_cap():
    held = ledger(*TWELVE, ("code_resold", 90))
    shown = explain(POLICY, held, CLOCKS)
    assert (shown.grade, [cap.grade for cap in shown.caps]) == (CreditGrade.B, [CreditGrade.B])
    assert shown.next_best is None
    # A cap above the grade does not stand in the way of it.
    assert explain(POLICY, ledger(*TWELVE, ("no_show", 30)), CLOCKS).next_best is not None


def test_nothing_is_better_than_the_best():
    best = ledger(*((kind, float(age)) for kind in GOOD for age in range(0, 800, 4)))
    shown = explain(POLICY, best, CLOCKS)
    assert (shown.grade, shown.next_best) == (CreditGrade.AAA, None)


def test_a_full_month_leaves_no_room_for_a_next_action():
    """As of the last day of a month that has all it can take, further events of that dimension gain nothing."""
    last = moment(datetime(2026, 6, 29, 16, tzinfo=UTC))
    full = [Event(number, "posted_on_time", last - number, last - number, last - number) for number in range(1, 7)]
    shown = explain(POLICY, full, Clocks(last, last))
    assert shown.grade is CreditGrade.B
    assert shown.next_best is None or shown.next_best.type != "posted_on_time"


def test_equal_ways_go_by_the_order_of_the_table():
    body = copy.deepcopy(BODY)
    body["dimensions"] = {"reliability": 0.4, "compliance": 0.4, "authenticity": 0.1, "cooperation": 0.1}
    assert explain(CreditPolicy.parse(body), [], CLOCKS).next_best == NextBest("posted_on_time", 4, 645, CreditGrade.B)
    body["types"] = [row for row in body["types"] if row["dimension"] == "compliance"] + [row for row in body["types"] if row["dimension"] != "compliance"]
    first = explain(CreditPolicy.parse(body), [], CLOCKS).next_best
    assert first is not None
    assert first.type == "approved_first_pass"


def test_of_equally_short_ways_the_one_with_more_points_is_told():
    """Checked posts have faded a little more than approvals, so one more of them gains a little more."""
    more = [("approved_first_pass", age) for age in (40, 80, 120, 160)] + [("metrics_verified", age) for age in (50, 80, 120, 160)]
    events = ledger(*[("posted_on_time", 0.0)] * 6, *more)
    ways = {kind: ledgers.verdict(events, CLOCKS, extra=(kind, 3)) for kind in ("approved_first_pass", "metrics_verified")}
    assert [way.grade for way in ways.values()] == [CreditGrade.A, CreditGrade.A]
    assert 0 < ways["metrics_verified"].raw - ways["approved_first_pass"].raw < 1
    assert what_next(events) == ("metrics_verified", 3, 744, "A")


def test_a_next_action_falls_into_the_month_of_as_of():
    """16:00 UTC on 30 June is July in Shanghai: a June that is full does not stand in the way."""
    body = copy.deepcopy(BODY)
    body["types"] = [row for row in body["types"] if row["name"] == "posted_on_time"]
    body["grades"]["A"] = 670
    june = [Event(number, "posted_on_time", NOW - number, NOW - number, NOW - number) for number in range(1, 7)]
    assert explain(CreditPolicy.parse(body), june, CLOCKS).next_best is not None
    july = [replace(one, happened_at=NOW) for one in june]
    assert explain(CreditPolicy.parse(body), july, Clocks(NOW, NOW)).next_best is None


def test_a_policy_without_good_types_has_no_next_action():
    body = copy.deepcopy(BODY)
    body["types"] = [row for row in body["types"] if row["weight"] < 0]
    assert explain(CreditPolicy.parse(body), [], CLOCKS).next_best is None


# ---------------------------------------------------------------- caps


def test_running_caps_are_told_with_their_end_the_lowest_first():
    shown = explain(POLICY, ledger(("no_show", 90), ("no_show", 91), ("code_resold", 3), ("fake_review", 364)), CLOCKS)
    assert [(cap.event_id, cap.grade.code, cap.until) for cap in shown.caps] == [
        (4, "C", NOW + DAY),
        (3, "B", NOW + 87 * DAY),
        (1, "B", NOW),
    ]
