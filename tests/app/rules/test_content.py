# SPDX-License-Identifier: Apache-2.0
"""The rules of the fulfilment desk: what is next and until when, what is at risk, who signs off, who will probably not post."""

from __future__ import annotations

import tomllib
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import resources
from app.errors import UsageError
from app.rules import content
from app.rules.content import Calibration, DeskPolicy, Progress, Sent, State, Step
from app.values import DAY

BODY: dict[str, Any] = tomllib.loads(resources.text("policies", "desk.toml"))
POLICY = DeskPolicy.parse(BODY)
T0 = 1_790_000_000_000_000
ZONE = "Asia/Shanghai"
HOUR = DAY // 24


def progress(**known: Any) -> Progress:
    return Progress(**{"live": True, "agreed_at": T0, "needs_sample": False, "needs_draft": False, "agreed_due_at": T0 + 30 * DAY, **known})


SAMPLED: dict[str, Any] = {"needs_sample": True, "sample_days": 7, "needs_draft": True}
WAY: list[tuple[dict[str, Any], State, Step | None, int | None]] = [
    ({}, State.PLANNED, Step.ADDRESS, T0 + 2 * DAY),
    ({"address_ok_at": T0 + DAY}, State.ADDRESS_OK, Step.SHIP, T0 + 3 * DAY),
    ({"sent_at": T0 + 2 * DAY}, State.SENT, Step.RECEIVE, T0 + 9 * DAY),
    ({"received_at": T0 + 5 * DAY}, State.RECEIVED, Step.DRAFT, T0 + 27 * DAY),
    ({"draft_state": "draft_in", "draft_at": T0 + 8 * DAY, "review_due_at": T0 + 9 * DAY}, State.DRAFT_IN, Step.REVIEW, T0 + 9 * DAY),
    ({"draft_state": "revise", "draft_at": T0 + 9 * DAY}, State.REVISE, Step.REVISE, T0 + 11 * DAY),
    ({"draft_state": "approved", "draft_at": T0 + 12 * DAY}, State.APPROVED, Step.POST, T0 + 30 * DAY),
    ({"posted_at": T0 + 20 * DAY}, State.POSTED, Step.T7, T0 + 27 * DAY),
    ({"figures": frozenset({7})}, State.T7, Step.T21, T0 + 41 * DAY),
    ({"figures": frozenset({7, 21})}, State.T21, None, None),
]


def test_a_due_post_goes_its_way_step_by_step():
    known = dict(SAMPLED)
    for more, state, step, at in WAY:
        known |= more
        told = content.status(POLICY, progress(**known))
        assert (told.state, told.step, told.next_at) == (state, step, at)


def test_without_a_sample_or_a_draft_only_the_post_is_waited_for():
    told = content.status(POLICY, progress())
    assert (told.step, told.next_at, told.risk_at) == (Step.POST, T0 + 30 * DAY, None)


def test_the_day_moves_with_the_sample_and_with_an_extension():
    assert content.due_at(progress(sample_days=7)) is None
    assert content.due_at(progress(sample_days=7, received_at=T0 + 28 * DAY)) == T0 + 35 * DAY
    assert content.due_at(progress(extensions=((T0 + DAY, T0 + 33 * DAY),))) == T0 + 33 * DAY
    assert content.due_at(progress(extensions=((T0 + 31 * DAY, T0 + 40 * DAY),))) == T0 + 30 * DAY


def test_what_no_longer_fits_before_the_post_is_at_risk():
    told = content.status(POLICY, progress(needs_sample=True, needs_draft=True))
    assert told.risk_at == T0 + 30 * DAY - (2 + 7 + 5) * DAY - 24 * HOUR
    doubtful = content.status(POLICY, progress(), chance=0.4)
    assert doubtful.risk_at == T0 + 23 * DAY


@given(st.booleans(), st.booleans(), st.booleans(), st.lists(st.sampled_from(WAY), max_size=6), st.none() | st.floats(0.01, 0.99))
def test_whatever_is_known_a_step_has_a_state_and_nothing_waits_when_nothing_is_live(
    live: bool, sample: bool, draft: bool, some: list[Any], chance: float | None
):
    known: dict[str, Any] = {}
    for more, *_ in some:
        known |= more
    told = content.status(POLICY, progress(live=live, needs_sample=sample, needs_draft=draft, **known), chance)
    assert told.state in State
    if not live:
        assert (told.step, told.next_at, told.risk_at) == (None, None, None)
    if told.step is None:
        assert told.next_at is None
    if "posted_at" in known:
        assert told.state in {State.POSTED, State.T7, State.T21}
        assert told.risk_at is None


def test_reminders_stand_on_their_days():
    due = T0 + 30 * DAY
    day = date.fromtimestamp((due + 8 * 3_600_000_000) / 1e6)  # noqa: DTZ012 (a day of the zone)
    marks = [content.reminder(POLICY, due, date.fromordinal(day.toordinal() + by), ZONE) for by in range(-4, 4)]
    assert marks == [None, "D-3", None, "D-1", "D0", "D+1", None, None]
    assert content.reminder(POLICY, None, day, ZONE) is None


def test_a_chain_ends_with_the_last_approval_or_the_first_revision():
    chain = POLICY.chain("保健食品")
    assert chain == ("review", "legal")
    assert content.sign(chain, 0, "approve") == content.Verdict(None, 1)
    assert content.sign(chain, 1, "approve").decision == "approve"
    assert content.sign(chain, 0, "revise").decision == "revise"
    assert POLICY.chain(None) == POLICY.chain("其他") == ("review",)


@given(st.floats(0, 50), st.floats(0, 50), st.floats(0.1, 20))
def test_a_chance_rises_with_good_conduct_and_falls_with_bad(good: float, bad: float, more: float):
    told = content.chances(POLICY, np.array([good, good + more, good]), np.array([bad, bad, bad + more]))
    assert told[0] < told[1]
    assert told[2] < told[0]
    assert 0 < told.min() < told.max() < 1


def test_nobody_known_posts_four_times_of_five():
    assert content.chances(POLICY, np.zeros(1), np.zeros(1))[0] == pytest.approx(0.8)


def test_few_cases_change_nothing_and_many_bend_the_chances_towards_what_happened():
    dice = np.random.default_rng(5)
    chance = dice.uniform(0.4, 0.95, 4_000)
    late = (dice.random(4_000) < 0.3).astype(float)
    truth = 1 / (1 + np.exp(-(-0.4 + 1.1 * np.log(chance / (1 - chance)) - 1.2 * late)))
    came = (dice.random(4_000) < truth).astype(float)
    assert content.calibrate(POLICY, chance[:50], late[:50], came[:50]) == Calibration(cases=50)
    told = content.calibrate(POLICY, chance, late, came)
    bent = told.apply(chance, late)
    for some in (late == 0, late == 1, chance < 0.6, chance > 0.8):
        assert abs(bent[some].mean() - came[some].mean()) < 0.03
    assert np.mean((bent - came) ** 2) < np.mean((chance - came) ** 2)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 10_000), st.booleans(), st.booleans()), max_size=30))
def test_samples_add_up_whatever_became_of_them(rows: list[tuple[int, int, bool, bool]]):
    told = content.write_off([Sent(*row) for row in rows])
    assert sum(one.sent for one in told) == len(rows)
    assert sum(one.cost_fen for one in told) == sum(row[1] for row in rows)
    assert sum(one.lost_fen for one in told) == sum(row[1] for row in rows if row[3] and not row[2])


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("review.hours", {"review": {**BODY["review"], "hours": 0}}),
        ("review.chains", {"review": {**BODY["review"], "chains": {"护肤": ["review"]}}}),
        ("forecast.good", {"forecast": {**BODY["forecast"], "good": 0}}),
        ("steps.ship", {"steps": {**BODY["steps"], "ship": -1}}),
        ("time_zone", {"time_zone": "Mars/Olympus"}),
        ("more", {"more": 1}),
    ],
)
def test_a_policy_with_a_wrong_number_is_refused_with_its_place(place: str, change: dict[str, Any]):
    with pytest.raises(UsageError) as refused:
        DeskPolicy.parse({**BODY, **change})
    assert refused.value.details["place"] == place
