# SPDX-License-Identifier: Apache-2.0
"""The rules of collaborations: allowed moves, prices beside each other, days that meet, what enters the return."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import resources
from app.errors import UsageError
from app.rules import campaigns
from app.rules.campaigns import MOVES, Bond, DealState, Ended, Peer, Span
from app.rules.roi import RoiPolicy, Standing
from app.values import DAY

ROI = RoiPolicy.parse(tomllib.loads(resources.text("policies", "roi.toml")))
days = st.none() | st.dates().map(lambda one: one.isoformat())


@given(st.sampled_from(DealState), st.sampled_from(DealState))
def test_only_allowed_moves_pass(before: DealState, after: DealState):
    reason = "price" if after is DealState.CANCELLED else None
    if after in MOVES[before]:
        campaigns.check_move(before, after, reason)
    else:
        with pytest.raises(UsageError):
            campaigns.check_move(before, after, reason)


def test_every_state_can_be_reached_and_a_cancellation_says_why():
    assert {state for states in MOVES.values() for state in states} == set(DealState)
    for reason in (None, "", "因为"):
        with pytest.raises(UsageError):
            campaigns.check_move(DealState.CANDIDATE, DealState.CANCELLED, reason)
    campaigns.check_move(DealState.CANDIDATE, DealState.CANCELLED, "other: 换了项目")


def test_what_a_quote_costs_is_rounded_once():
    assert campaigns.asked_in_all(100_05, 500, 1_000) == 100_05 + 500 - 1_001
    assert campaigns.asked_in_all(100, None, None) == 100


def test_peers_are_looked_for_in_the_finest_likeness_that_has_enough():
    peers = [Peer(number, "douyin", 3 if number < 6 else 2, "护肤" if number < 3 else "美食", float(number)) for number in range(10)]
    one = campaigns.peer_price((99, "douyin", 3, "护肤"), peers)
    assert one is not None
    assert (one.level, one.count, one.median) == ("category", 3, 1.0)
    assert campaigns.peer_price((0, "douyin", 3, "护肤"), peers).level == "tier"  # type: ignore[union-attr]
    assert campaigns.peer_price((99, "douyin", 5, None), peers).level == "platform"  # type: ignore[union-attr]
    assert campaigns.peer_price((99, "weibo", 3, "护肤"), peers) is None


@given(days, days, days, days)
def test_spans_meet_in_either_order_and_an_open_one_meets_all(first: str | None, last: str | None, other: str | None, end: str | None):
    one, two = Span(first, last), Span(other, end)
    assert one.meets(two) == two.meets(one)
    assert Span(None, None).meets(one)


def test_a_bond_holds_in_its_category_and_on_its_days():
    bond = Bond(Span("2026-11-01", "2026-11-30"), "别家", "护肤")
    assert campaigns.bound([bond], Span("2026-11-30", None), "护肤") is bond
    assert campaigns.bound([bond], Span("2026-12-01", None), "护肤") is None
    assert campaigns.bound([bond], Span("2026-11-10", None), "美食") is None
    assert campaigns.bound([bond], Span("2026-11-10", None), None) is bond


def test_a_collaboration_enters_when_it_can_be_measured_and_is_mature():
    now = 100 * DAY
    deals = [
        Ended(1, coupon=True, tracked=False, attributed=False, last_post_at=now - 7 * DAY, ended_at=None),
        Ended(2, coupon=True, tracked=False, attributed=False, last_post_at=now - 7 * DAY + 1, ended_at=None),
        Ended(3, coupon=False, tracked=True, attributed=False, last_post_at=None, ended_at=now - 1),
        Ended(4, coupon=False, tracked=False, attributed=False, last_post_at=now - 50 * DAY, ended_at=now - 1),
        Ended(5, coupon=False, tracked=False, attributed=True, last_post_at=None, ended_at=None),
    ]
    told = [Standing.ENTERS, Standing.IN_FLIGHT, Standing.ENTERS, Standing.NOT_MEASURABLE, Standing.IN_FLIGHT]
    assert campaigns.enters(ROI, deals, now) == told
    assert campaigns.enters(ROI, [], now) == []


def test_words_of_sheets_mean_formats():
    assert [campaigns.format_of(word) for word in ("图文笔记", " 视频 ", "直播", "火箭")] == ["image", "video", "live", None]
