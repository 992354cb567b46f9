# SPDX-License-Identifier: Apache-2.0
"""Which moves a relation allows, when a lead is silent and whose it is, how a plan goes."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import resources
from app.errors import UsageError
from app.rules.recruiting import (
    Clash,
    Holding,
    Reason,
    RecruitingPolicy,
    allowed,
    clash,
    forecast,
    is_silent,
    pace,
    reason_of,
    refusal,
    returns,
    silent_before,
)
from app.values import DAY, Group, Stage

BODY: dict[str, Any] = tomllib.loads(resources.text("policies", "recruiting.toml"))
POLICY = RecruitingPolicy.parse(BODY)
NOW = 1_790_000_000_000_000
STAGES = st.sampled_from(Stage)


# ---------------------------------------------------------------- moves


@given(STAGES, STAGES, st.sampled_from(["", "price", "price: too dear", "said no"]))
def test_a_move_is_allowed_by_the_table_and_a_reason_where_one_is_needed(before: Stage, after: Stage, text: str) -> None:
    code = refusal(POLICY, before, after, reason_of(POLICY, text))
    if before is after:
        assert code is None
    elif after.code not in BODY["moves"][before.code]:
        assert code == "stage_not_allowed"
    else:
        assert code == ("reason_needed" if after.code in BODY["reasons"]["needs"] and not text else None)
    assert (after in allowed(POLICY, before)) == (code != "stage_not_allowed" and before is not after)


@given(st.sampled_from(["price", "no_answer", "other"]), st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=40))
def test_a_reason_comes_back_as_it_was_stored(code: str, words: str) -> None:
    plain = " ".join(words.split())
    stored = Reason(code, plain).stored
    assert reason_of(POLICY, stored) == Reason(code, plain.strip())


def test_words_alone_are_a_reason_too() -> None:
    assert reason_of(POLICY, "已转投竞品") == Reason(None, "已转投竞品")
    assert reason_of(POLICY, "price：超出预算") == Reason("price", "超出预算")
    assert reason_of(POLICY, "nonsense: 超出预算") == Reason(None, "nonsense: 超出预算")
    assert reason_of(POLICY, None).stored is None


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("moves.nowhere", {"moves": {**BODY["moves"], "nowhere": []}}),
        ("moves.lead", {"moves": {**BODY["moves"], "lead": ["nowhere"]}}),
        ("ageing.lead", {"ageing": {"lead": 0}}),
        ("daily_limits.wechat", {"daily_limits": {**BODY["daily_limits"], "wechat": -1}}),
        ("plans.goals.0.group", {"plans": {**BODY["plans"], "goals": [{"group": "everyone", "target": 5}]}}),
        ("plans.interval", {"plans": {**BODY["plans"], "interval": 1.0}}),
        ("time_zone", {"time_zone": "Mars/Olympus"}),
        ("queue.moves_to", {"queue": {**BODY["queue"], "moves_to": "nowhere"}}),
    ],
)
def test_a_wrong_number_is_named_by_its_place(place: str, change: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as found:
        RecruitingPolicy.parse({**BODY, **change})
    assert found.value.code == "policy_invalid"
    assert found.value.details["place"] == place


# ---------------------------------------------------------------- silence and the pool


@given(STAGES, st.integers(0, 200))
def test_a_lead_is_silent_after_the_days_of_its_stage(stage: Stage, days: int) -> None:
    word = NOW - days * DAY
    expected = stage.code in BODY["ageing"] and days > BODY["ageing"][stage.code]
    assert is_silent(POLICY, stage, word, NOW) == expected
    assert (stage in silent_before(POLICY, NOW) and word < silent_before(POLICY, NOW)[stage]) == expected


@given(STAGES, st.none() | st.just("A"), st.none() | st.integers(-40, 40), st.integers(0, 90))
def test_only_what_is_silent_unprotected_and_somebodys_goes_back(stage: Stage, owner: str | None, protected: int | None, days: int) -> None:
    until = None if protected is None else NOW + protected * DAY
    expected = owner is not None and stage.code in BODY["ageing"] and (protected is None or protected <= 0) and days > 30
    assert returns(POLICY, stage, Holding(owner, until), NOW - days * DAY, NOW) == expected


def test_a_clash_names_the_owner_first_and_who_spoke_lately_after() -> None:
    lately = NOW - 3 * DAY
    assert clash(POLICY, Holding("B", NOW, "C", lately), "A", NOW) == Clash("owned", "B", NOW)
    assert clash(POLICY, Holding(None, None, "C", lately), "A", NOW) == Clash("contacted", "C", lately + 14 * DAY)
    assert clash(POLICY, Holding("A", NOW, "C", lately), "A", NOW) == Clash("contacted", "C", lately + 14 * DAY)
    assert clash(POLICY, Holding("A", NOW, "C", NOW - 15 * DAY), "A", NOW) is None
    assert clash(POLICY, Holding(None), "A", NOW) is None


# ---------------------------------------------------------------- plans


@settings(deadline=None)  # the first call loads scipy
@given(st.integers(1, 500_000), st.integers(0, 500_000), st.integers(0, 20_000))
def test_a_forecast_continues_the_pace_and_knows_its_limits(target: int, actual: int, recent: int) -> None:
    found = forecast(POLICY, target, actual, recent, NOW, NOW + 10 * DAY)
    assert found.per_day == recent / 28
    assert found.by_end == actual + recent * 10 // 28 or abs((found.by_end or 0) - actual - recent * 10 / 28) <= 1
    if actual >= target:
        assert (found.reached_at, found.earliest, found.latest) == (NOW, NOW, NOW)
        return
    moments = [one for one in (found.earliest, found.reached_at, found.latest) if one is not None]
    assert moments == sorted(moments)
    assert all(one >= NOW for one in moments)
    if recent == 0:
        assert found.reached_at is None
    if found.reached_at is not None:
        assert abs((found.reached_at - NOW) / DAY - (target - actual) / found.per_day) < 1e-3


def test_the_four_goals_of_the_plan_stand_in_the_policy() -> None:
    assert [(one.group, one.target) for one in POLICY.goals] == [(None, 5_000), (None, 10_000), (Group.MID_KOC, 100_000), (Group.NANO_KOC, 500_000)]


def test_an_even_pace_asks_for_its_share_of_the_month() -> None:
    assert pace(300, NOW, NOW + 30 * DAY, NOW - DAY) == 0
    assert pace(300, NOW, NOW + 30 * DAY, NOW + 10 * DAY) == 100
    assert pace(300, NOW, NOW + 30 * DAY, NOW + 99 * DAY) == 300
