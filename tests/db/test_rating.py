# SPDX-License-Identifier: Apache-2.0
"""Tiers as the store keeps them: replayed in order of time, the main account, overrides, new policies."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from app.jobs import Quiet
from app.values import Group, Tier
from db.engine import writing
from tests.db.conftest import DAY, NOON, Shop, koc
from tests.db.test_undo import other_policy

if TYPE_CHECKING:
    from collections.abc import Callable

RED = "xiaohongshu"


def tier(shop: Shop) -> Tier | None:
    found = shop.row(shop.ids()[0]).tier
    return None if found is None else Tier(found)


@pytest.mark.parametrize(
    ("counts", "expected"), [((52_000, 46_000), Tier.MID), ((52_000, 44_999), Tier.TAIL), ((20_000, 54_999), Tier.TAIL), ((20_000, 55_000), Tier.MID)]
)
def test_the_worked_examples(shop: Shop, counts: tuple[int, ...], expected: Tier) -> None:
    for days, count in enumerate(counts):
        shop.take(koc(1, RED, followers=count, as_of=NOON - (9 - days) * DAY))
    assert tier(shop) is expected
    assert shop.faults() == []


def test_figures_count_in_order_of_time_whatever_the_order_of_imports(shops: Callable[[str], Shop]) -> None:
    dated = [(52_000, 9), (46_000, 6), (44_999, 3), (54_000, 1)]
    found = set()
    for order in list(permutations(dated))[::5]:
        one = shops("sqlite")
        for count, days in order:
            one.take(koc(1, RED, followers=count, as_of=NOON - days * DAY))
        found.add((tier(one), one.hash()))
        assert one.faults() == []
    assert len(found) == 1
    assert found.pop()[0] is Tier.TAIL


def test_a_creator_takes_over_the_highest_then_the_largest_then_the_first_account(shop: Shop) -> None:
    shop.take(
        koc(1, "douyin", followers=150_000, fee_fen=1),
        koc(2, RED, followers=60_000, fee_fen=2),
        koc(3, RED, followers=70_000, fee_fen=3),
        koc(4, RED, followers=70_000, fee_fen=4),
    )
    ids = shop.ids()
    with writing(shop.engine) as connection:  # one person with four accounts
        for statement in ("update account set creator_id = :one", "delete from stage_step where creator_id <> :one", "delete from creator where id <> :one"):
            connection.execute(text(statement), {"one": ids[0]})
    assert "main_accounts" in shop.faults()
    assert shop.faults(repair=True) == []
    row = shop.row(ids[0])
    assert (row.tier, row.followers, row.fee_fen, row.group) == (Tier.MID, 70_000, 3, Group.MID_KOC)
    assert shop.ratings.explain_tier(ids[0], shop.now).main_account_id == row.accounts[2].id  # type: ignore[union-attr]


def test_unknown_followers_have_no_tier_and_emptied_ones_lose_it(shop: Shop) -> None:
    shop.take(koc(1), koc(2, followers=0))
    assert [row.tier for row in shop.creators.rows(shop.ids())] == [None, Tier.UNRANKED]
    shop.creators.edit([shop.ids()[1]], {"followers": None}, shop.actor, shop.tick(), None)
    row = shop.row(shop.ids()[1])
    assert (row.tier, row.followers, row.group) == (None, None, None)
    assert shop.ratings.explain_tier(row.id, shop.now).accounts[0].steps == ()  # type: ignore[union-attr]
    assert shop.faults() == []


def test_an_override_holds_until_its_day_and_stops_by_itself(shop: Shop) -> None:
    shop.take(koc(1, followers=10))
    account = shop.row(shop.ids()[0]).accounts[0].id
    shop.ratings.override_tier(account, Tier.HEAD, NOON + 5 * DAY, "名人", shop.actor, shop.tick())
    assert (tier(shop), shop.row(shop.ids()[0]).group) == (Tier.HEAD, Group.KOL)
    shown = shop.ratings.explain_tier(shop.ids()[0], shop.now)
    assert shown is not None
    assert shown.accounts[0].override is not None
    assert shown.accounts[0].override.by == "某人"
    assert shop.ratings.explain_tier(shop.ids()[0], NOON + 6 * DAY).tier is Tier.UNRANKED  # type: ignore[union-attr]
    shop.now = NOON + 6 * DAY
    shop.house.expire(shop.now)
    assert tier(shop) is Tier.UNRANKED
    assert shop.faults() == []


def test_an_override_is_taken_off_by_hand(shop: Shop) -> None:
    shop.take(koc(1, followers=10))
    account = shop.row(shop.ids()[0]).accounts[0].id
    shop.ratings.override_tier(account, Tier.HEAD, NOON + 5 * DAY, "名人", shop.actor, shop.tick())
    shop.ratings.override_tier(account, None, shop.now, "不算了", shop.actor, shop.tick())
    assert tier(shop) is Tier.UNRANKED


def test_a_new_policy_bands_everyone_afresh(shop: Shop) -> None:
    shop.take(koc(1, followers=1_000_000), koc(2, followers=950_000, as_of=NOON - DAY))
    shop.take(koc(2, followers=1_050_000))  # keeps tail by hysteresis
    assert [row.tier for row in shop.creators.rows(shop.ids())] == [Tier.MID, Tier.TAIL]
    body = other_policy(1_000_000)
    tried = shop.ratings.run_tiers(None, body, False, shop.actor, shop.tick(), Quiet())
    assert [(move.before, move.after) for move in tried.moves] == [(Tier.TAIL, Tier.MID)]
    assert [row.tier for row in shop.creators.rows(shop.ids())] == [Tier.MID, Tier.TAIL]
    shop.ratings.set_policy("tiers", body, "新尺子", shop.actor, shop.tick())
    assert [row.tier for row in shop.creators.rows(shop.ids())] == [Tier.MID, Tier.MID]
    shop.take(koc(2, followers=900_000))
    assert [row.tier for row in shop.creators.rows(shop.ids())] == [Tier.MID, Tier.MID]
    assert shop.faults() == []


def test_a_run_tells_what_moves_and_a_look_moves_nothing(shop: Shop) -> None:
    shop.take(koc(1, followers=500), koc(2, followers=5000))
    with writing(shop.engine) as connection:
        connection.execute(text("update account set tier = 4 where platform_uid = '1'"))
    told = shop.ratings.run_tiers(None, None, True, shop.actor, shop.tick(), Quiet())
    done = shop.ratings.run_tiers(None, None, False, shop.actor, shop.tick(), Quiet())
    assert told.moves == done.moves
    assert (done.changed, done.unchanged, done.policy_version) == (1, 1, 1)
    again = shop.ratings.run_tiers(None, None, False, shop.actor, shop.tick(), Quiet())
    assert (again.changed, again.unchanged) == (0, 2)
    assert shop.faults() == []


def test_a_run_as_of_a_day_bands_by_what_was_known_of_it(shop: Shop) -> None:
    shop.take(koc(1, RED, followers=20_000, as_of=NOON - 9 * DAY))
    shop.take(koc(1, RED, followers=90_000, as_of=NOON - 2 * DAY))
    ran = shop.ratings.run_tiers(NOON - 5 * DAY, None, False, shop.actor, shop.tick(), Quiet())
    assert [(move.before, move.after) for move in ran.moves] == [(Tier.MID, Tier.TAIL)]
    assert shop.faults() == []
    shop.ratings.run_tiers(None, None, False, shop.actor, shop.tick(), Quiet())
    assert tier(shop) is Tier.MID


# ---------------------------------------------------------------- the doctor

_FAULTS = {
    "followers": ("update account set followers = 7 where platform_uid = '1'", "figures"),
    "tier": ("update account set tier = 5 where platform_uid = '1'", "figures"),
    "main followers": ("update creator set followers = 7 where name = '达人1'", "main_accounts"),
    "main account": ("update creator set main_account_id = null where name = '达人1'", "main_accounts"),
    "out of the index": ("delete from creator_search where {key} = (select min(id) from creator)", "search"),
}


@pytest.mark.parametrize("fault", _FAULTS)
def test_the_doctor_finds_and_repairs(shop: Shop, fault: str) -> None:
    shop.take(koc(1, followers=1200), koc(2, followers=5))
    before = shop.hash()
    statement, named = _FAULTS[fault]
    with writing(shop.engine) as connection:
        connection.execute(text(statement.format(key="rowid" if connection.dialect.name == "sqlite" else "creator_id")))
    assert named in shop.faults()
    assert named in shop.faults()
    assert shop.faults(repair=True) == []
    assert shop.faults() == []
    assert shop.hash() == before
    assert shop.ids(search="达人1") == shop.ids("name = 达人1")


def test_the_doctor_leaves_a_broken_trail_alone(shop: Shop) -> None:
    shop.take(koc(1, followers=1200))
    with writing(shop.engine) as connection:
        connection.execute(text("update account set followers = 7"))
        connection.execute(text("update workspace_setting set value = '9:0' where name = 'audit_head'"))
    assert shop.faults(repair=True) == ["audit", "figures", "main_accounts"]
