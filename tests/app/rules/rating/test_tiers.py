# SPDX-License-Identifier: Apache-2.0
"""Tiers by the rules' own examples, and what must hold for any counts: arrays say what one account says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UsageError
from app.rules.rating import tiers
from app.rules.rating.tiers import TierPolicy
from app.values import Group, Tier

BODY = tomllib.loads((Path(__file__).parents[4] / "resources" / "policies" / "tiers.toml").read_text(encoding="utf-8"))
POLICY = TierPolicy.parse(BODY)
PLATFORMS = ("xiaohongshu", "wechat_channels", "douyin", "kuaishou", "bilibili", "instagram", "tiktok", "youtube", "lemon8")

platforms = st.sampled_from(PLATFORMS)
counts = st.one_of(
    st.integers(0, 20_000_000),
    st.sampled_from([edge * percent // 100 + shift for edge in (1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000) for percent in (90, 100, 110) for shift in (-1, 0, 1)]),
)  # fmt: skip
previous = st.one_of(st.none(), st.sampled_from(Tier))


@pytest.mark.parametrize(
    ("followers", "before", "after"),
    [
        (52_000, None, Tier.MID),
        (46_000, Tier.MID, Tier.MID),
        (44_999, Tier.MID, Tier.TAIL),
        (54_999, Tier.TAIL, Tier.TAIL),
        (55_000, Tier.TAIL, Tier.MID),
        (45_000, Tier.MID, Tier.MID),
    ],
)
def test_worked_examples(followers: int, before: Tier | None, after: Tier):
    assert tiers.step(POLICY, "xiaohongshu", followers, before) is after


@pytest.mark.parametrize(
    ("names", "edges"),
    [
        (("xiaohongshu", "wechat_channels"), (1_000, 10_000, 50_000, 500_000, 1_000_000)),
        (("douyin", "kuaishou"), (1_000, 100_000, 1_000_000, 5_000_000, 10_000_000)),
        (("bilibili",), (1_000, 10_000, 100_000, 500_000, 1_000_000)),
        (("instagram", "tiktok", "youtube", "lemon8"), (1_000, 5_000, 20_000, 100_000, 1_000_000)),
    ],
)
def test_bands_are_those_of_the_rules_lower_bound_inclusive(names: tuple[str, ...], edges: tuple[int, ...]):
    for name in names:
        assert tiers.band(POLICY, name, 0) is Tier.UNRANKED
        for rank, edge in enumerate(edges):
            assert tiers.band(POLICY, name, edge - 1) is Tier(rank)
            assert tiers.band(POLICY, name, edge) is Tier(rank + 1)
        assert tiers.band(POLICY, name, 2**62) is Tier.TOP


def test_groups_are_those_of_the_rules():
    usual = [Group.NANO_KOC, Group.NANO_KOC, Group.MID_KOC, Group.MID_KOC, Group.KOL, Group.KOL]
    video = [Group.NANO_KOC, Group.NANO_KOC, Group.MID_KOC, Group.KOL, Group.KOL, Group.KOL]
    for name in PLATFORMS:
        assert [tiers.group_of(POLICY, name, tier) for tier in Tier] == (video if name in {"douyin", "kuaishou"} else usual)


def test_the_edges_of_what_keeps_a_tier_are_exact():
    assert tiers.limits(POLICY, "xiaohongshu", Tier.MID) == (50_000, 500_000, 45_000, 550_000)
    assert tiers.limits(POLICY, "xiaohongshu", Tier.UNRANKED) == (0, 1_000, 0, 1_100)
    assert tiers.limits(POLICY, "xiaohongshu", Tier.TOP) == (1_000_000, None, 900_000, None)
    odd = TierPolicy.parse({**BODY, "edges": {"other": [7, 11, 13, 17, 19]}})
    low, high, keeps_from, keeps_below = tiers.limits(odd, "x", Tier.NANO)
    assert (low, high) == (7, 11)
    assert all((count * 10 >= 9 * low) == (count >= keeps_from) and (count * 10 < 11 * 11) == (count < (keeps_below or 0)) for count in range(40))


@given(platforms, counts, previous)
def test_hysteresis_by_its_own_words(platform: str, followers: int, before: Tier | None):
    after = tiers.step(POLICY, platform, followers, before)
    if before is not None:
        edges = (0, *POLICY.edges_of(platform))
        low, high = edges[before], edges[before + 1] if before < Tier.TOP else None
        if followers * 10 >= 9 * low and (high is None or followers * 10 < 11 * high):
            assert after is before
            return
    assert after is tiers.band(POLICY, platform, followers)


@given(st.lists(st.tuples(platforms, st.one_of(st.just(-1), counts), previous), max_size=60))
def test_many_are_banded_as_one_is(rows: list[tuple[str, int, Tier | None]]):
    codes = tiers.bands(
        POLICY,
        np.array([row[0] for row in rows], dtype=object),
        np.array([row[1] for row in rows], dtype=np.int64),
        np.array([-1 if row[2] is None else int(row[2]) for row in rows], dtype=np.int8),
    )
    wanted = [-1 if followers < 0 else int(tiers.step(POLICY, platform, followers, before)) for platform, followers, before in rows]
    assert codes.tolist() == wanted


histories = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50), counts), max_size=40)


def replayed(rows: list[tuple[int, int, int]], afresh_from: int | None) -> list[int]:
    names = np.array(["xiaohongshu", "douyin", "bilibili", "lemon8"], dtype=object)
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return [int(code) for code in tiers.replay(POLICY, names, columns[:, 0], columns[:, 1], columns[:, 2], afresh_from)]


@given(histories, st.one_of(st.none(), st.integers(-1, 51)))
def test_the_replay_ends_where_the_history_ends(rows: list[tuple[int, int, int]], afresh_from: int | None):
    final = replayed(rows, afresh_from)
    for account, name in enumerate(("xiaohongshu", "douyin", "bilibili", "lemon8")):
        own = sorted(((at, count) for who, at, count in rows if who == account), key=lambda one: one[0])
        steps = tiers.history(POLICY, name, own, afresh_from)
        if afresh_from is not None and steps and steps[-1][0] <= afresh_from:
            assert final[account] == int(tiers.band(POLICY, name, steps[-1][1]))
        else:
            assert final[account] == (int(steps[-1][2]) if steps else -1)


@given(st.lists(st.tuples(st.integers(0, 3), counts), max_size=30, unique_by=lambda row: row), st.randoms(use_true_random=False))
def test_rows_may_come_in_any_order(rows: list[tuple[int, int]], shuffle: Any):
    dated = [(account, at, count) for at, (account, count) in enumerate(rows)]
    mixed = list(dated)
    shuffle.shuffle(mixed)
    assert replayed(mixed, None) == replayed(dated, None)


def test_a_new_policy_bands_afresh():
    rows = [(0, 1, 52_000), (0, 2, 46_000)]
    assert replayed(rows, None)[0] == Tier.MID
    assert replayed(rows, 2)[0] == Tier.TAIL
    assert replayed([*rows, (0, 3, 54_000)], 2)[0] == Tier.TAIL


def test_unknown_followers_have_no_tier():
    assert tiers.bands(POLICY, np.array(["douyin"], dtype=object), np.array([-1]), np.array([3], dtype=np.int8)).tolist() == [-1]
    assert replayed([], None) == [-1, -1, -1, -1]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"hysteresis_percent": 51}, "hysteresis_percent"),
        ({"hysteresis_percent": "10"}, "hysteresis_percent"),
        ({"edges": {"douyin": [1, 2, 3, 4, 5]}}, "edges"),
        ({"edges": {"other": [1, 2, 3, 4]}}, "edges.other"),
        ({"edges": {"other": [1, 2, 2, 4, 5]}}, "edges.other"),
        ({"edges": {"other": [0, 2, 3, 4, 5]}}, "edges.other"),
        ({"edges": {"other": [1.5, 2, 3, 4, 5]}}, "edges.other"),
        ({"groups": {"other": ["kol"]}}, "groups.other"),
        ({"groups": {"other": ["nosuch"] * 6}}, "groups.other"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_by_its_place(change: dict[str, object], place: str):
    with pytest.raises(UsageError) as caught:
        TierPolicy.parse({**BODY, **change})
    assert caught.value.code == "policy_invalid"
    assert caught.value.details["place"] == place
