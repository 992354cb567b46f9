# SPDX-License-Identifier: Apache-2.0
"""Operations taken back and done again, in any order, whatever came later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from app.errors import UsageError
from app.jobs import Quiet
from app.rules.rating.tiers import TierPolicy
from app.values import Stage, Tier, WorkspaceRef
from db import maintenance
from db.engine import reading
from db.writers import rollups, undo
from db.writers import settings as db_settings
from tests.db.conftest import DAY, NOON, Shop, koc

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def other_policy(mid: int = 60_000) -> dict[str, Any]:
    body: dict[str, Any] = dict(rollups.shipped_policy("tiers"))
    edges = {name: list(row) for name, row in body["edges"].items()}
    edges["douyin"] = [2_000, 20_000, mid, 6_000_000, 20_000_000]
    body["edges"] = edges
    TierPolicy.parse(body)
    return body


def one_of_each(shop: Shop) -> list[Callable[[], int]]:
    """Every kind of operation there is, on a roster of three."""
    first, second = shop.ids()[:2]
    account = shop.row(first).accounts[0].id
    actor = shop.actor
    return [
        lambda: shop.take(koc(1, city="广州", followers=77_000, tags=("新",), stage=int(Stage.ACTIVE), fee_fen=900), koc(9)).operation_id or 0,
        lambda: shop.take(koc(1, followers=3, as_of=NOON - DAY)).operation_id or 0,
        lambda: shop.creators.edit([first, second], {"city": "重庆", "notes": "好\n人", "followers": 12_000}, actor, shop.tick(), "因为"),
        lambda: shop.creators.edit([first], {"handle": "New.Name", "fee_fen": 100, "tags": ("唯一",), "followers": None}, actor, shop.tick(), None),
        lambda: shop.creators.tag([first, second], ["茶", "酒"], ["咖啡"], actor, shop.tick()),
        lambda: shop.pipeline.move([first, second], Stage.TRIAL, "聊过", actor, shop.tick()).operation_id,
        lambda: shop.ratings.override_tier(account, Tier.TOP, shop.now + 30 * DAY, "名人", actor, shop.tick()),
        lambda: _policy(shop),
        lambda: _added(shop),
    ]


def _policy(shop: Shop) -> int:
    shop.ratings.set_policy("tiers", other_policy(), "新尺子", shop.actor, shop.tick())
    return shop.house.operations(limit=1)[0].id


def _added(shop: Shop) -> int:
    shop.creators.add({"platform": "weibo", "platform_uid": "w1", "name": "微"}, shop.actor, shop.tick())
    return shop.house.operations(limit=1)[0].id


def _roster(shop: Shop) -> list[Any]:
    rows = shop.creators.rows(shop.ids())
    return [(row.name, row.stage, row.tier, row.group, row.followers, row.fee_fen, row.city, sorted(row.tags), row.accounts) for row in rows]


@pytest.mark.parametrize("at", range(9))
def test_undo_gives_back_what_was_and_redo_what_came(shop: Shop, at: int) -> None:
    shop.take(koc(1, city="上海", followers=900, tags=("咖啡",), handle="old"), koc(2, followers=55_000, platform="xiaohongshu"), koc(3))
    before, roster = shop.hash(), _roster(shop)
    operation = one_of_each(shop)[at]()
    after, changed = shop.hash(), _roster(shop)
    assert after != before
    done = shop.undo(operation)
    assert (shop.hash(), _roster(shop), done.kept) == (before, roster, ())
    figures = [(1, 1), (0, 1), (0, 2), (0, 1), (0, 2), (0, 2), (1, 0), (1, 0), (1, 0)][at]
    assert (done.inserted_removed, done.updates_reverted) == figures
    assert shop.faults() == []
    with pytest.raises(UsageError):
        shop.undo(operation)
    done = shop.redo(operation)
    assert (shop.hash(), _roster(shop), done.kept) == (after, changed, ())
    assert (done.inserted_removed, done.updates_reverted) == figures
    assert shop.faults() == []
    with pytest.raises(UsageError):
        shop.redo(operation)
    shop.undo(operation)
    assert shop.hash() == before


def test_a_field_that_was_changed_again_stays_and_is_listed(shop: Shop) -> None:
    shop.take(koc(1, city="上海"))
    start = shop.hash()
    one = shop.ids()[0]
    first = shop.creators.edit([one], {"city": "北京"}, shop.actor, shop.tick(), None)
    second = shop.creators.edit([one], {"city": "广州"}, shop.actor, shop.tick(), None)
    done = shop.undo(first)
    assert shop.row(one).city == "广州"
    assert [(kept.table, kept.field, kept.why) for kept in done.kept] == [("creator", "city", "changed_later")]
    assert done.updates_reverted == 0
    shop.undo(second)
    assert shop.hash() == start
    shop.redo(second)
    assert shop.row(one).city == "广州"


def test_a_creator_that_later_work_needs_stays_until_that_is_taken_back_too(shop: Shop) -> None:
    empty = shop.hash()
    first = shop.take(koc(1), koc(2)).operation_id
    one = shop.ids("name = 达人1")[0]
    second = shop.creators.edit([one], {"city": "北京"}, shop.actor, shop.tick(), None)
    done = shop.undo(first)
    assert shop.ids() == [one]
    assert [(kept.table, kept.id, kept.why) for kept in done.kept] == [("creator", one, "used_later")]
    assert (done.inserted_removed, done.updates_reverted) == (1, 0)
    assert shop.ids(search="达人1") == [one]
    shop.undo(second)
    assert (shop.hash(), shop.ids()) == (empty, [])
    assert shop.faults() == []


def test_setting_the_tags_that_stand_changes_nothing(shop: Shop) -> None:
    """Tags set anew took the ones that stayed off and put them on again; undoing and redoing that lost one."""
    shop.take(koc(1, tags=("茶", "酒")))
    (one,) = shop.ids()
    assert shop.creators.edit([one], {"tags": ("酒", "茶")}, shop.actor, shop.tick(), None) == 0
    shop.creators.tag([one], [], ["茶"], shop.actor, shop.tick())
    assert shop.creators.edit([one], {"tags": ("酒",)}, shop.actor, shop.tick(), None) == 0
    assert shop.row(one).tags == ("酒",)


def test_an_undone_import_is_counted_in_the_records_of_its_report(shop: Shop) -> None:
    shop.take(*(koc(at, city="上海", followers=900 + at, tags=("茶",)) for at in range(5)))
    done = shop.take(*(koc(at, city="北京", followers=70_000, avg_likes=3.0, tags=("酒", "茶")) for at in range(3, 9)), koc(0))
    assert (done.inserted, done.updated, done.unchanged) == (4, 2, 1)
    later = shop.creators.edit([shop.ids("name = 达人3")[0]], {"city": "广州"}, shop.actor, shop.tick(), None)
    undone = shop.undo(done.operation_id)
    assert (undone.inserted_removed, undone.updates_reverted, len(undone.kept)) == (4, 1, 1)
    shop.undo(later)
    redone = shop.redo(done.operation_id)
    assert (redone.inserted_removed, redone.updates_reverted) == (4, 2)


def test_a_row_that_somebody_imported_anew_is_not_doubled_by_a_redo(shop: Shop) -> None:
    first = shop.take(koc(1, tags=("a",))).operation_id
    shop.undo(first)
    second = shop.take(koc(1, city="上海")).operation_id
    done = shop.redo(first)
    assert len(shop.ids()) == 1
    assert {kept.why for kept in done.kept} <= {"exists_now", "owner_gone"}
    assert done.kept
    shop.undo(second)
    assert [row.tags for row in shop.creators.rows(shop.ids())] == [("a",)]
    assert shop.faults() == []


def test_a_tag_taken_off_put_on_again_and_both_taken_back(shop: Shop) -> None:
    """Undo ended in an error of the database where a tag had been put on again meanwhile."""
    shop.take(koc(1, tags=("茶",)))
    one, start = shop.ids()[0], shop.hash()
    off = shop.creators.tag([one], [], ["茶"], shop.actor, shop.tick())
    on = shop.creators.tag([one], ["茶"], [], shop.actor, shop.tick())
    shop.undo(off)
    assert shop.row(one).tags == ("茶",)
    shop.undo(on)
    assert shop.hash() == start
    assert shop.row(one).tags == ("茶",)


def test_a_policy_taken_back_bands_everyone_by_the_old_one(shop: Shop) -> None:
    """After the undo of a policy every tier stayed as the new numbers had made it."""
    shop.take(koc(1, followers=1500))
    before = [(row.tier, row.group) for row in shop.creators.rows(shop.ids())]
    shop.undo(_policy(shop))
    assert [(row.tier, row.group) for row in shop.creators.rows(shop.ids())] == before
    assert len(shop.ratings.policies("tiers")) == 1


def test_a_version_number_is_never_given_twice(shop: Shop) -> None:
    first = _policy(shop)
    shop.undo(first)
    assert shop.ratings.set_policy("tiers", other_policy(70_000), "又一把", shop.actor, shop.tick()).version == 3
    shop.redo(first)
    assert [row.version for row in shop.ratings.policies("tiers")] == [3, 2, 1]


def test_a_large_import_is_taken_back_but_not_done_again(file: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo, "MOST_REDONE", 10)
    empty = file.hash()
    done = file.take(*(koc(number) for number in range(20)))
    assert file.undo(done.operation_id).inserted_removed == 20
    assert file.hash() == empty
    with pytest.raises(UsageError) as error:
        file.redo(done.operation_id)
    assert error.value.code == "redo_too_large"


def test_an_operation_that_never_was_is_refused(shop: Shop) -> None:
    with pytest.raises(UsageError) as error:
        shop.undo(99)
    assert error.value.code == "unknown_operation"


# ---------------------------------------------------------------- any operations, taken back in any order


class Desk(RuleBasedStateMachine):
    """Random work at a desk; whatever the order, taking back all of it leaves an empty roster."""

    shop: Shop
    folder: Path

    @initialize()
    def open(self) -> None:
        type(self).number += 1
        ref = WorkspaceRef(str(self.folder / f"desk{self.number}.koc"))
        self.shop = Shop(maintenance.create(ref, NOON), ref)
        self.empty = self.shop.hash()

    number = 0

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        standing = [one.id for one in self.shop.house.operations() if one.undone_at is None]
        for operation in standing[::2] + standing[1::2]:
            self.shop.house.undo(operation, self.shop.actor, self.shop.tick(), Quiet())
        found, faults = self.shop.hash(), self.shop.faults()
        self.shop.house.close()
        assert found == self.empty
        assert faults == []

    def _some(self, share: int) -> list[int]:
        ids = self.shop.ids()
        return [one for one in ids if one % 3 == share] or ids[:1]

    @rule(
        uids=st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True),
        city=st.sampled_from([None, "上海", "北京"]),
        followers=st.sampled_from([None, 500, 150_000]),
        as_of=st.sampled_from([None, NOON - DAY]),
        tags=st.sampled_from([None, ("茶",), ("茶", "酒")]),
    )
    def imports(self, uids: list[int], city: str | None, followers: int | None, as_of: int | None, tags: Any) -> None:
        self.shop.take(*(koc(uid, city=city, followers=followers, as_of=as_of, tags=tags) for uid in uids))

    @precondition(lambda self: self.shop.ids())
    @rule(
        share=st.integers(0, 2),
        values=st.sampled_from([{"city": "广州"}, {"city": None}, {"handle": "h"}, {"followers": 9000}, {"tags": ("酒",)}, {"fee_fen": 5}]),
    )
    def edits(self, share: int, values: dict[str, Any]) -> None:
        self.shop.creators.edit(self._some(share), values, self.shop.actor, self.shop.tick(), None)

    @precondition(lambda self: self.shop.ids())
    @rule(share=st.integers(0, 2), add=st.sampled_from([[], ["茶"], ["咖啡"]]), remove=st.sampled_from([[], ["茶"], ["酒"]]))
    def tags(self, share: int, add: list[str], remove: list[str]) -> None:
        self.shop.creators.tag(self._some(share), add, remove, self.shop.actor, self.shop.tick())

    @precondition(lambda self: self.shop.ids())
    @rule(share=st.integers(0, 2), stage=st.sampled_from(list(Stage)))
    def moves(self, share: int, stage: Stage) -> None:
        self.shop.pipeline.move(self._some(share), stage, None, self.shop.actor, self.shop.tick())

    @precondition(lambda self: self.shop.ids())
    @rule(share=st.integers(0, 2), tier=st.sampled_from([None, Tier.TOP, Tier.NANO]))
    def overrides(self, share: int, tier: Tier | None) -> None:
        account = self.shop.row(self._some(share)[0]).accounts[0].id
        self.shop.ratings.override_tier(account, tier, self.shop.now + DAY, "因", self.shop.actor, self.shop.tick())

    @rule()
    def policy(self) -> None:
        _policy(self.shop)

    @rule(at=st.integers(0, 30))
    def undoes(self, at: int) -> None:
        operations = [one for one in self.shop.house.operations() if one.undone_at is None]
        if operations:
            self.shop.undo(operations[at % len(operations)].id)

    @rule(at=st.integers(0, 30))
    def redoes(self, at: int) -> None:
        operations = [one for one in self.shop.house.operations() if one.undone_at is not None]
        if operations:
            self.shop.redo(operations[at % len(operations)].id)

    @precondition(lambda self: any(one.undone_at is None for one in self.shop.house.operations(limit=1)))
    @rule()
    def undo_and_redo_of_the_last_changes_nothing(self) -> None:
        last = self.shop.house.operations(limit=1)[0]
        with reading(self.shop.engine) as connection:
            if db_settings.get(connection, undo.IN_PART) not in {None, "[]"}:
                return  # what only this operation held goes with it, and for good
        before = self.shop.hash()
        self.shop.undo(last.id)
        self.shop.redo(last.id)
        assert self.shop.hash() == before

    @invariant()
    def is_sound(self) -> None:
        if hasattr(self, "shop"):
            assert self.shop.faults() == []


def test_any_work_taken_back_in_any_order_leaves_nothing(tmp_path: Path) -> None:
    machine = type("_Desk", (Desk,), {"folder": tmp_path})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12, phases=[Phase.explicit, Phase.generate], stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
