# SPDX-License-Identifier: Apache-2.0
"""Two creators made one and parted again: nothing is lost, nothing is doubled, and the state before comes back to the byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from app.errors import UsageError
from app.jobs import Quiet
from app.values import Stage
from db import bulk
from db.engine import reading
from db.models import Base
from db.stores.identity import IdentityStore
from db.writers import chain, merging, undo
from tests.db.conftest import DAY, NOON, Shop, koc
from tests.db.test_returns import sale, sums, take
from tests.db.test_undo import Desk

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from app.usecases.identity import Merge


def merge(shop: Shop, a: int, b: int, chosen: Mapping[str, str] | None = None) -> Merge:
    return IdentityStore(shop.engine).merge(a, b, chosen or {}, None, shop.actor, shop.tick())


def split(shop: Shop, merge_id: int) -> Any:
    return IdentityStore(shop.engine).split(merge_id, shop.actor, shop.tick(), Quiet())


def one(shop: Shop, statement: str, *values: object) -> Any:
    with reading(shop.engine) as connection:
        return bulk.fetch(connection, statement, *values)[0][0]


def two_with_everything(shop: Shop) -> tuple[int, int]:
    """Two creators on whom all kinds of facts hang, some of them alike on both."""
    shop.take(
        koc(1, phone="13800000001", coupon="AAA", tags=("茶", "酒"), city="上海", followers=9_000, joined_at=NOON - DAY, notes="甲"),
        koc(2, "xiaohongshu", wechat="wx2", coupon="BBB", tags=("酒", "咖啡"), category="美食", followers=70_000, joined_at=NOON - 9 * DAY, notes="乙"),
        koc(3, "kuaishou"),
    )
    a, b, _ = sorted(shop.ids())
    take(shop, "contents", {"platform": "douyin", "platform_uid": "1", "content_id": "c1", "published_at": NOON - DAY, "likes": 3})
    take(shop, "contents", {"platform": "xiaohongshu", "platform_uid": "2", "content_id": "c2", "published_at": NOON - DAY, "likes": 4})
    take(
        shop, "sales",
        sale(1, 1_000, platform="douyin", platform_uid="1"), sale(2, 2_000, platform="xiaohongshu", platform_uid="2", commission_fen=30),
        sale(3, 4_000, coupon="BBB"), sale(4, 8_000, coupon="AAA", content_id="c2", platform="xiaohongshu"), sale(5, 16_000, coupon="nobody's"),
    )  # fmt: skip
    take(shop, "touchpoints", {"shop": "", "order_id": "1", "platform": "xiaohongshu", "platform_uid": "2", "kind": "link", "happened_at": NOON - 5})
    take(
        shop,
        "costs",
        {"cost_id": "k1", "platform": "xiaohongshu", "platform_uid": "2", "kind": "fee", "amount_fen": 500, "incurred_at": NOON, "currency": "CNY"},
    )
    event = {
        "platform": "xiaohongshu",
        "platform_uid": "2",
        "type": "no_show",
        "happened_at": NOON - DAY,
        "recorded_at": NOON - DAY,
        "confirmed_at": NOON - DAY,
    }
    take(shop, "events", {**event, "event_id": "e1"}, {**event, "event_id": "e2", "platform": "douyin", "platform_uid": "1", "type": "posted_on_time"})
    shop.pipeline.move([b], Stage.TRIAL, None, shop.actor, shop.tick())
    shop.creators.tag([a], ["甲的"], [], shop.actor, shop.tick())
    return a, b


def everything(shop: Shop) -> dict[tuple[int, int], tuple[int, ...]]:
    """Sums of returns, creators added up: month, without the squares, which are of creators."""
    out: dict[tuple[int, int], tuple[int, ...]] = {}
    for (owner, month), row in sums(shop).items():
        key = (min(owner, 1), month)
        out[key] = tuple(map(sum, zip(out.get(key, (0,) * 5), row[:5], strict=True)))
    return out


# ---------------------------------------------------------------- merge and split


def test_all_that_hung_on_both_hangs_on_one_and_comes_back_to_the_byte(shop: Shop) -> None:
    a, b = two_with_everything(shop)
    before, returns_before = shop.hash(), everything(shop)
    done = merge(shop, a, b)
    assert shop.faults() == []
    row = shop.row(a)
    assert shop.ids(f"id = {b}") == []
    assert {(one.platform, one.platform_uid) for one in row.accounts} == {("douyin", "1"), ("xiaohongshu", "2")}
    assert set(row.tags) == {"茶", "酒", "咖啡", "甲的"}
    assert (row.phone, row.wechat, row.city, row.category, row.coupon, row.stage) == ("13800000001", "wx2", "上海", "美食", "AAA", Stage.TRIAL)
    assert row.joined_at == NOON - 9 * DAY
    assert row.followers == 70_000
    assert done.chosen["wechat"] == "b"
    assert everything(shop) == returns_before
    for table in ("sale", "content", "cost_entry", "touchpoint", "credit_event"):
        assert one(shop, f"select count(*) from {table} where creator_id = ?", b) == 0
    assert one(shop, "select count(*) from credit_event where creator_id = ?", a) == 2
    assert shop.hash() != before
    undone = split(shop, done.id)
    assert undone.kept == ()
    assert shop.faults() == []
    assert shop.hash() == before
    assert everything(shop) == returns_before


def test_a_code_of_the_one_who_went_still_finds_its_sales(shop: Shop) -> None:
    a, b = two_with_everything(shop)
    merge(shop, a, b)
    before = dict(sums(shop))
    take(shop, "sales", sale(9, 7_000, coupon="BBB"))
    assert sums(shop)[a, 0][0] - before[a, 0][0] == 7_000
    assert shop.faults() == []


def test_whose_value_stays_is_chosen_field_by_field_and_kept(shop: Shop) -> None:
    a, b = two_with_everything(shop)
    done = merge(shop, a, b, {"name": "b", "coupon": "b", "notes": "both", "stage": "a"})
    row = shop.row(a)
    assert (row.name, row.coupon, row.stage) == ("达人2", "BBB", Stage.LEAD)
    assert one(shop, "select notes from creator where id = ?", a) == "甲\n乙"
    assert {name: done.chosen[name] for name in ("name", "coupon", "notes", "stage")} == {"name": "b", "coupon": "b", "notes": "both", "stage": "a"}
    with pytest.raises(UsageError) as error:
        merge(shop, a, a + 2, {"shoe": "b"})
    assert error.value.code == "unknown_field"


def test_undo_and_redo_of_the_history_part_and_merge_too(shop: Shop) -> None:
    a, b = two_with_everything(shop)
    before = shop.hash()
    done = merge(shop, a, b)
    merged = shop.hash()
    shop.undo(done.operation_id)
    assert shop.hash() == before
    shop.redo(done.operation_id)
    assert shop.hash() == merged
    assert shop.faults() == []
    assert [one.split for one in IdentityStore(shop.engine).merges(a, 10)] == [False]
    shop.undo(done.operation_id)
    assert shop.hash() == before
    assert shop.faults() == []


def test_what_came_in_later_for_an_account_follows_it_and_the_rest_is_listed(shop: Shop) -> None:
    a, b = two_with_everything(shop)
    done = merge(shop, a, b)
    take(shop, "sales", sale(20, 500, platform="xiaohongshu", platform_uid="2"))
    take(shop, "events", {"event_id": "e9", "platform": "xiaohongshu", "platform_uid": "2", "type": "praised", "happened_at": NOON, "confirmed_at": NOON})
    shop.take(koc(2, "xiaohongshu", city="广州"))
    assert shop.row(a).city == "广州"
    shop.creators.tag([a], ["后来"], [], shop.actor, shop.tick())
    undone = split(shop, done.id)
    assert one(shop, "select creator_id from sale where order_id = '20'") == b
    assert one(shop, "select creator_id from credit_event where event_id = 'e9'") == b
    assert {(one.table, one.why) for one in undone.kept} >= {("creator_tag", "stays_with_creator")}
    assert "后来" in shop.row(a).tags
    assert shop.faults() == []
    shop.redo(done.operation_id)
    assert one(shop, "select creator_id from sale where order_id = '20'") == a
    assert shop.faults() == []


def test_merges_of_merges_are_parted_in_any_order(shop: Shop) -> None:
    two_with_everything(shop)
    a, b, c = sorted(shop.ids())
    start = shop.hash()
    first = merge(shop, b, c)
    second = merge(shop, a, b)
    store = IdentityStore(shop.engine)
    with reading(shop.engine) as connection:
        assert merging.went(connection, c) == (second.id, a, b, second.operation_id)
        assert {one.gone_id for one in merging.came(connection, a)} == {b, c}
    split(shop, first.id)
    assert shop.faults() == []
    assert sorted(shop.ids()) == [a, c]
    assert [one.platform for one in shop.row(c).accounts] == ["kuaishou"]
    split(shop, second.id)
    assert shop.faults() == []
    assert shop.hash() == start
    shop.redo(first.operation_id)
    shop.redo(second.operation_id)
    split(shop, second.id)
    split(shop, first.id)
    assert shop.hash() == start
    assert all(one.split for one in store.merges(None, 10))


def test_a_merge_is_not_done_again_over_what_it_knows_nothing_of(shop: Shop) -> None:
    a, b = two_with_everything(shop)
    done = merge(shop, a, b)
    split(shop, done.id)
    shop.creators.tag([b], ["新"], [], shop.actor, shop.tick())
    before = shop.hash()
    with pytest.raises(UsageError) as error:
        shop.redo(done.operation_id)
    assert error.value.code == "merge_again"
    assert shop.hash() == before


def test_an_import_that_names_the_account_of_the_one_who_went_lands_on_the_one_who_stayed(shop: Shop) -> None:
    a, b = two_with_everything(shop)
    merge(shop, a, b)
    done = shop.take(koc(2, "xiaohongshu", followers=88_000))
    assert (done.inserted, done.updated) == (0, 1)
    assert shop.row(a).followers == 88_000
    assert shop.creators.find("xiaohongshu:2") == a


def test_people_said_to_be_two_are_not_suggested_again_and_can_still_be_merged(shop: Shop) -> None:
    store = IdentityStore(shop.engine)
    shop.take(koc(1, phone="13812345678"), {**koc(2, "xiaohongshu", phone="+86 138-1234-5678"), "name": "达人1"})
    a, b = sorted(shop.ids())
    before = shop.hash()
    found = store.look(0.9, None, shop.tick(), Quiet())
    assert [(one.a, one.b) for one in found.pairs] == [(a, b)]
    assert store.waiting(0.9) == 1
    said = store.apart(b, a, "兄弟", shop.actor, shop.tick())
    assert store.waiting(0.9) == 0
    assert store.look(0.5, None, shop.tick(), Quiet()).pairs == ()
    assert store.apart(a, b, None, shop.actor, shop.tick()) == 0
    assert shop.hash() != before
    apart = shop.hash()
    done = merge(shop, a, b)
    split(shop, done.id)
    assert shop.hash() == apart
    shop.undo(said)
    assert shop.hash() == before
    assert [(one.a, one.b) for one in store.look(0.9, None, shop.tick(), Quiet()).pairs] == [(a, b)]


def test_the_queue_gives_one_pair_after_the_other(shop: Shop) -> None:
    store = IdentityStore(shop.engine)
    shop.take(
        koc(1, phone="13812345678", city="上海"), {**koc(2, "xiaohongshu", phone="13812345678", city="上海"), "name": "达人1"},
        koc(3, wechat="same_one"), {**koc(4, "kuaishou", wechat="same_one"), "name": "达人3"},
    )  # fmt: skip
    assert store.look(0.5, 1, shop.tick(), Quiet()).found == 2
    first = store.next_pair(0.5, 0)
    assert first is not None
    side = store.compare(first, 0.5)
    assert (side.a.id, side.b.id, side.left) == (first.a, first.b, 2)
    assert side.hanging["account"] == (1, 1)
    assert {one.name: one.side for one in side.choices} == {}
    store.put_off(first.b, first.a, shop.tick())
    second = store.next_pair(0.5, 0)
    assert second is not None
    assert second.a != first.a
    assert store.next_pair(0.5, 1) == store.pair(first.a, first.b)
    done = store.merge_sure(0.9, 10, shop.actor, shop.tick(), Quiet())
    assert len(done.merges) == 2
    assert done.left == ()
    assert store.next_pair(0.0, 0) is None
    assert len(shop.ids()) == 2


def test_every_table_that_points_at_creators_is_merged_taken_back_and_owned() -> None:
    """Whoever adds such a table puts it where an undo finds it."""
    tables = {one.table.name for one in merging.pointers("creator")}
    assert {"account", "sale", "contact", "deliverable", "identity_apart", "consent"} <= tables
    assert tables <= set(undo._CHILDREN_FIRST)
    assert tables <= set(chain.OWNERS)
    assert {name for name in Base.metadata.tables if name.startswith("identity_")} == {"identity_pair", "identity_apart", "identity_merge"}


# ---------------------------------------------------------------- any history


class Merging(Desk):
    """Random work with merges in it: a merge that is split at once changes nothing, and all taken back leaves nothing."""

    @precondition(lambda self: len(self.shop.ids()) > 1)
    @rule(turn=st.booleans(), chosen=st.sampled_from([{}, {"city": "b"}, {"name": "b", "notes": "both"}]))
    def merges(self, turn: bool, chosen: dict[str, str]) -> None:
        a, b = self.shop.ids()[:2]
        merge(self.shop, *((b, a) if turn else (a, b)), chosen)

    @precondition(lambda self: len(self.shop.ids()) > 1)
    @rule(turn=st.booleans())
    def merged_and_split_at_once(self, turn: bool) -> None:
        a, b = self.shop.ids()[-2:]
        before, returned = self.shop.hash(), sums(self.shop)
        done = merge(self.shop, *((b, a) if turn else (a, b)))
        assert split(self.shop, done.id).kept == ()
        assert self.shop.hash() == before
        assert sums(self.shop) == returned

    @precondition(lambda self: len(self.shop.ids()) > 1)
    @rule()
    def tells_apart(self) -> None:
        a, b = self.shop.ids()[:2]
        IdentityStore(self.shop.engine).apart(a, b, None, self.shop.actor, self.shop.tick())

    @precondition(lambda self: self.shop.ids())
    @rule(uid=st.integers(1, 4), order=st.integers(1, 5), amount=st.sampled_from([100, 250]))
    def sells(self, uid: int, order: int, amount: int) -> None:
        take(self.shop, "sales", sale(order, amount, platform="douyin", platform_uid=str(uid)))

    @precondition(lambda self: self.shop.ids())
    @rule(uid=st.integers(1, 4), number=st.integers(1, 3), kind=st.sampled_from(["no_show", "praised"]))
    def files(self, uid: int, number: int, kind: str) -> None:
        event = {"event_id": str(number), "platform": "douyin", "platform_uid": str(uid), "type": kind, "happened_at": NOON, "confirmed_at": NOON}
        take(self.shop, "events", event)

    @rule(at=st.integers(0, 30))
    def redoes(self, at: int) -> None:
        operations = [one for one in self.shop.house.operations() if one.undone_at is not None]
        if operations:
            try:
                self.shop.redo(operations[at % len(operations)].id)
            except UsageError as error:
                assert error.code == "merge_again"  # noqa: PT017 (any other is a fault)


def test_any_work_with_merges_taken_back_in_any_order_leaves_nothing(tmp_path: Path) -> None:
    machine = type("_Merging", (Merging,), {"folder": tmp_path})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(os.environ.get("KOC_EXAMPLES", "20")),
            phases=[Phase.explicit, Phase.generate],
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


# ---------------------------------------------------------------- whole or not at all

_KILLED = """
import os, signal, sys
from pathlib import Path
from app.values import Actor, WorkspaceRef
from db import maintenance
from db.stores.identity import IdentityStore
from db.writers import merging
engine, _ = maintenance.open_engine(WorkspaceRef(sys.argv[1]))
whole = getattr(merging, sys.argv[2])
def dying(*words, **named):
    whole(*words, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(merging, sys.argv[2], dying)
IdentityStore(engine).merge(int(sys.argv[3]), int(sys.argv[4]), {}, None, Actor("tester"), int(sys.argv[5]))
"""


@pytest.mark.parametrize("at", ["_apart_no_more", "_absorb", "_set_fields", "merge"])
def test_a_merge_that_is_killed_never_happened(file: Shop, at: str) -> None:
    a, b = two_with_everything(file)
    before = file.hash()
    words = [sys.executable, "-c", _KILLED, file.ref.address, at, str(a), str(b), str(file.now)]
    done = subprocess.run(words, check=False, cwd=undo.__file__.rsplit("/db/", 1)[0], timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert file.hash() == before
    assert file.faults() == []
    merge(file, a, b)
    assert file.faults() == []
