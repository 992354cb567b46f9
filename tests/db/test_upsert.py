# SPDX-License-Identifier: Apache-2.0
"""Files taken in: who a row names, what it changes, and that a look changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import UsageError
from app.jobs import Quiet
from app.values import Stage, Tier
from db.stores import creators as store
from tests.db.conftest import DAY, NOON, Shop, koc

if TYPE_CHECKING:
    from collections.abc import Callable


def counts(done: Any) -> tuple[int, int, int, int, int]:
    return done.inserted, done.updated, done.unchanged, len({one.row for one in done.rejects}), done.duplicates


def cells(done: Any) -> list[tuple[Any, ...]]:
    return [(one.row, one.field, one.before, one.after) for one in done.changes]


def test_new_changed_and_unchanged_rows_are_told_apart(shop: Shop) -> None:
    assert counts(shop.take(koc(1, followers=1200), koc(2, city="上海"))) == (2, 0, 0, 0, 0)
    done = shop.take(koc(1, followers=1200), koc(2, city="北京"), koc(3))
    assert counts(done) == (1, 1, 1, 0, 0)
    assert (3, "city", "上海", "北京") in cells(done)
    assert [row.city for row in shop.creators.rows(shop.ids("city = 北京"))] == ["北京"]


def test_an_empty_cell_leaves_what_is_there(shop: Shop) -> None:
    shop.take(koc(1, city="上海", category="美食"))
    assert counts(shop.take({"platform": "douyin", "platform_uid": "1", "city": None, "category": "探店"})) == (0, 1, 0, 0, 0)
    row = shop.row(shop.ids()[0])
    assert (row.name, row.city, row.category) == ("达人1", "上海", "探店")


def test_the_uid_decides_then_the_handle(shop: Shop) -> None:
    shop.take({"platform": "xiaohongshu", "platform_uid": "u1", "handle": "Miao_1", "name": "喵"})
    assert counts(shop.take({"platform": "xiaohongshu", "handle": "@miao_1", "city": "苏州"})) == (0, 1, 0, 0, 0)
    assert counts(shop.take({"platform": "xiaohongshu", "platform_uid": "u2", "handle": "miao_1"})) == (1, 0, 0, 0, 0)
    assert len(shop.ids()) == 2


def test_a_uid_that_comes_later_joins_the_account_known_by_its_handle(shop: Shop) -> None:
    shop.take({"platform": "douyin", "handle": "abc", "name": "甲"})
    assert counts(shop.take({"platform": "douyin", "platform_uid": "9", "handle": "abc"})) == (0, 1, 0, 0, 0)
    assert counts(shop.take({"platform": "douyin", "platform_uid": "9"})) == (0, 0, 1, 0, 0)
    assert len(shop.ids()) == 1


def test_rows_that_name_one_account_by_different_keys_are_one_record(shop: Shop) -> None:
    shop.take({"platform": "douyin", "platform_uid": "1", "handle": "abc", "name": "甲", "city": "上海"})
    rows = ({"platform": "douyin", "platform_uid": "1", "city": "北京"}, {"platform": "douyin", "handle": "abc", "city": "广州"})
    told, done = shop.take(*rows, dry_run=True), shop.take(*rows)
    assert counts(told) == counts(done) == (0, 1, 0, 0, 1)
    assert shop.row(shop.ids()[0]).city == "广州"
    assert counts(shop.take(*rows)) == (0, 0, 1, 0, 1)


def test_a_uid_without_platform_is_enough_where_it_is_unique(shop: Shop) -> None:
    shop.take(koc(1), koc(2), koc(2, "kuaishou"))
    done = shop.take({"platform_uid": "1", "city": "成都"}, {"platform_uid": "2", "city": "成都"}, {"platform_uid": "77"})
    assert counts(done) == (0, 1, 0, 2, 0)
    assert {(one.row, one.code) for one in done.rejects} == {(3, "ambiguous_uid"), (4, "no_platform")}


def test_the_nickname_is_a_key_only_where_it_is_asked_for(shop: Shop) -> None:
    shop.take({"platform": "douyin", "platform_uid": "1", "name": "小鹿"}, {"platform": "kuaishou", "platform_uid": "1", "name": "小鹿"})
    done = shop.take({"platform": "douyin", "name": "小鹿", "city": "杭州"}, {"platform": "douyin", "name": "小熊"}, key=("name",))
    assert counts(done) == (1, 1, 0, 0, 0)
    ambiguous = shop.take({"name": "小鹿", "city": "宁波"}, key=("name",))
    assert [one.code for one in ambiguous.rejects] == ["ambiguous_key"]


def test_another_key_never_takes_somebody_elses_uid(shop: Shop) -> None:
    """An import by nickname died half-way where its uid column named another creator."""
    shop.take({"platform": "douyin", "platform_uid": "1", "name": "甲"}, {"platform": "douyin", "platform_uid": "2", "name": "乙"})
    rows = (
        {"platform": "douyin", "platform_uid": "2", "name": "甲"},
        {"platform": "douyin", "platform_uid": "3", "name": "丙"},
        {"platform": "douyin", "platform_uid": "3", "name": "丁"},
    )
    told, done = shop.take(*rows, key=("name",), dry_run=True), shop.take(*rows, key=("name",))
    assert counts(told) == counts(done) == (1, 0, 0, 2, 0)
    assert {one.code for one in done.rejects} == {"uid_taken"}


def test_a_key_that_is_no_text_is_refused(shop: Shop) -> None:
    with pytest.raises(UsageError) as error:
        shop.take(koc(1), key=("commission_bp",))
    assert error.value.code == "unknown_field"
    assert not shop.ids()


def test_a_look_changes_nothing_and_says_what_the_import_will_say(shop: Shop) -> None:
    shop.take(koc(1, followers=900, tags=("茶", "咖啡")), koc(2))
    rows = (koc(1, followers=1500, tags=("茶", "酒"), stage=int(Stage.TRIAL)), koc(2), koc(3, tags=("新",)))
    before = shop.hash()
    told = shop.take(*rows, dry_run=True)
    assert shop.hash() == before
    assert told.operation_id is None
    done = shop.take(*rows)
    assert counts(told) == counts(done) == (1, 1, 1, 0, 0)
    assert cells(told) == cells(done)
    assert (2, "followers", 900, 1500) in cells(done)


def test_the_size_of_chunks_does_not_matter(shops: Callable[[str], Shop], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [koc(number, handle=f"h{number % 7}", followers=number * 100, tags=("a",)) for number in range(20)]
    rows += [{"platform": "douyin", "handle": "h3", "city": "上海"}, {"platform": "douyin", "platform_uid": "500", "handle": "h3"}]
    hashes = set()
    for size in (1, 3, 50):
        monkeypatch.setattr(store, "CHUNK", size)
        one = shops("sqlite")
        one.take(*rows)
        one.take(*rows)
        hashes.add(one.hash())
    assert len(hashes) == 1


# ---------------------------------------------------------------- figures


def test_an_older_figure_never_replaces_a_newer_one(shop: Shop) -> None:
    shop.take(koc(1, followers=60_000, as_of=NOON - DAY))
    assert counts(shop.take(koc(1, followers=10, as_of=NOON - 9 * DAY))) == (0, 1, 0, 0, 0)
    creator = shop.ids()[0]
    assert shop.row(creator).followers == 60_000
    assert [metric.value for metric in shop.creators.detail(creator).metrics] == [60_000, 10]  # type: ignore[union-attr]


def test_a_figure_of_the_same_day_is_corrected(shop: Shop) -> None:
    first = shop.take(koc(1, followers=1000, as_of=NOON - DAY))
    before = shop.hash()
    second = shop.take(koc(1, followers=1100, as_of=NOON - DAY))
    creator = shop.ids()[0]
    assert [metric.value for metric in shop.creators.detail(creator).metrics] == [1100]  # type: ignore[union-attr]
    assert shop.row(creator).followers == 1100
    shop.undo(second.operation_id)
    assert shop.hash() == before
    assert shop.row(creator).followers == 1000
    assert first.operation_id


def test_a_figure_without_a_day_is_new_only_where_it_differs(shop: Shop) -> None:
    shop.take(koc(1, followers=1000, avg_likes=3.5))
    assert counts(shop.take(koc(1, followers=1000, avg_likes=3.5))) == (0, 0, 1, 0, 0)
    assert counts(shop.take(koc(1, followers=1000, avg_likes=4.5))) == (0, 1, 0, 0, 0)
    assert shop.faults() == []


def test_a_figure_of_a_day_to_come_waits_for_its_day(shop: Shop) -> None:
    shop.take(koc(1, followers=500_000, as_of=NOON + 10 * DAY), koc(2, followers=5))
    creator = shop.ids("name = 达人1")[0]
    assert shop.row(creator).followers is None
    assert counts(shop.take(koc(1, followers=2000))) == (0, 1, 0, 0, 0)
    assert shop.row(creator).followers == 2000
    shop.now = NOON + 11 * DAY
    assert shop.faults() == []
    shop.house.expire(shop.now)
    assert (shop.row(creator).followers, shop.row(creator).tier) == (500_000, Tier.TAIL)
    assert shop.faults() == []


# ---------------------------------------------------------------- the same file again


def test_the_same_file_again_says_unchanged_until_something_else_happened(shop: Shop) -> None:
    rows = (koc(1, city="上海"), koc(2))
    shop.take(*rows, named="d1")
    assert counts(shop.take(*rows, named="d1")) == (0, 0, 2, 0, 0)
    shop.creators.edit([shop.ids("name = 达人1")[0]], {"city": "北京"}, shop.actor, shop.tick(), None)
    assert counts(shop.take(*rows, named="d1")) == (0, 1, 1, 0, 0)
    assert counts(shop.take(*rows, named="d1")) == (0, 0, 2, 0, 0)


def test_the_same_file_after_an_undo_is_taken_in_again(shop: Shop) -> None:
    first = shop.take(koc(1), named="d1")
    shop.undo(first.operation_id)
    assert counts(shop.take(koc(1), named="d1")) == (1, 0, 0, 0, 0)


# ---------------------------------------------------------------- any rows

_ROW = st.fixed_dictionaries(
    {"platform": st.sampled_from(["douyin", "kuaishou"])},
    optional={
        "platform_uid": st.sampled_from(["1", "2", "3"]),
        "name": st.sampled_from(["甲", "乙", "Ａ"]),
        "city": st.sampled_from(["上海", None]),
        "followers": st.sampled_from([None, 0, 999, 1000, 110_000]),
        "avg_likes": st.sampled_from([None, 0.5, 7.0]),
        "as_of": st.sampled_from([None, NOON - DAY, NOON - 2 * DAY]),
        "tags": st.sampled_from([None, ("x",), ("x", "y")]),
        "stage": st.sampled_from([None, 1, 6]),
        "fee_fen": st.sampled_from([None, 100]),
    },
)


def _keyed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a reader collapses them: each key once."""
    return list({(row["platform"], row.get("platform_uid")): row for row in rows if row.get("platform_uid")}.values())


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=st.lists(st.lists(_ROW, max_size=5).map(_keyed), min_size=1, max_size=4))
def test_any_files_the_look_equals_the_import_and_the_import_repeats_to_nothing(file: Shop, files: list[list[dict[str, Any]]]) -> None:
    _clear(file)
    for rows in files:
        told = file.take(*rows, dry_run=True)
        done = file.take(*rows)
        assert counts(told) == counts(done)
        assert cells(told) == cells(done)
        again = file.take(*rows)
        assert counts(again)[:2] == (0, 0)
        assert counts(again)[2] == len(rows)
    assert file.faults() == []


def _clear(shop: Shop) -> None:
    """Take everything back, the newest first."""
    for operation in shop.house.operations(limit=10_000):
        if operation.undone_at is None:
            shop.house.undo(operation.id, shop.actor, shop.tick(), Quiet())
    assert not shop.ids()
