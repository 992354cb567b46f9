# SPDX-License-Identifier: Apache-2.0
"""Whom an operation concerned, and which rows an import left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.files import Reject
from app.values import Stage
from tests.db.conftest import Shop, koc

if TYPE_CHECKING:
    from collections.abc import Sequence


def ids(spans: Sequence[tuple[int, int]]) -> list[int]:
    return [one for first, last in spans for one in range(first, last + 1)]


def test_new_creators_are_one_span_and_known_ones_are_named(shop: Shop):
    first = shop.take(*(koc(number, followers=number) for number in range(1, 6))).operation_id or 0
    assert shop.house.concerned(first) == [(1, 5)]
    second = shop.take(koc(2, city="杭州"), koc(4, followers=9_000), koc(5, tags=("茶",)), koc(1, followers=1), koc(77)).operation_id or 0
    assert ids(shop.house.concerned(second)) == [2, 4, 5, *shop.ids('platform_uid = "77"')]


def test_edits_tags_and_stages_concern_their_creators(shop: Shop):
    shop.take(*(koc(number) for number in range(1, 6)))
    edited = shop.creators.edit([1, 3], {"fee_fen": 100}, shop.actor, shop.tick(), None)
    tagged = shop.creators.tag([2], ["茶"], [], shop.actor, shop.tick())
    shop.pipeline.move([4, 5], Stage.TRIAL, None, shop.actor, shop.tick())
    moved = shop.house.operations(limit=1)[0].id
    assert [ids(shop.house.concerned(one)) for one in (edited, tagged, moved)] == [[1, 3], [2], [4, 5]]


def test_who_is_gone_is_not_named(shop: Shop):
    done = shop.take(koc(1), koc(2)).operation_id or 0
    shop.undo(done)
    assert shop.house.concerned(done) == []


def test_the_rows_that_an_import_left_are_kept_in_the_files_order(shop: Shop):
    rejects = [Reject(9, "粉丝数", "三万多", "bad_number"), Reject(4, None, "", "no_key")]
    done = shop.take(koc(1), rejects=rejects).operation_id or 0
    other = shop.take(koc(2)).operation_id or 0
    assert [(one.row, one.column, one.value, one.code) for one in shop.house.rejected(done)] == [(4, None, "", "no_key"), (9, "粉丝数", "三万多", "bad_number")]
    assert shop.house.rejected(other) == []
