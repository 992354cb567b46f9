# SPDX-License-Identifier: Apache-2.0
"""Creators found by the pinyin initials of their names, whatever happened to the names."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from db.engine import reading, writing
from db.writers import letters
from tests.db.conftest import Shop, koc


@pytest.mark.parametrize(
    ("name", "expected"),
    [("茶茶小主", "ccxz"), ("小红Amy 🍵", "xhamy"), ("ＡＢé7", "abe7"), ("女王", "nw"), ("🍵", ""), ("", ""), ("张\x1f三", "zs"), ("字" * 99, "z" * 64)],
)
def test_a_name_has_the_first_letters_of_its_characters(name: str, expected: str) -> None:
    assert letters.initials(name) == expected


@given(st.lists(st.text(max_size=8), max_size=6))
def test_many_names_are_spelled_as_each_by_itself(names: list[str]) -> None:
    found = letters.of_all(names)
    assert found == [letters.initials(name) for name in names]
    assert all(one.isascii() and (one.isalnum() or not one) and one == one.lower() for one in found)


def test_many_names_are_spelled_at_once() -> None:
    names = [chr(0x4E00 + at % 20_000) + "小红书达人" + str(at % 97) for at in range(200_000)]
    letters.initials("先")
    started = time.perf_counter()
    letters.of_all(names)
    assert time.perf_counter() - started < 2


def spelled(shop: Shop, typed: str, limit: int = 8) -> list[str]:
    return [row.name for row in shop.creators.spelled(typed, limit)]


def test_a_creator_is_found_by_initials_whatever_happens_to_the_name(shop: Shop) -> None:
    empty = shop.hash()
    first = shop.take(koc(1, name="茶茶小主"), koc(2, name="茶茶"), koc(3, name="Amy小红"), {"platform": "weibo", "handle": "吃茶"})
    assert spelled(shop, "cc") == ["茶茶", "吃茶", "茶茶小主"]
    assert spelled(shop, "cc", 2) == ["茶茶", "吃茶"]
    assert spelled(shop, "CC XZ") == ["茶茶小主"]
    assert spelled(shop, "amyx") == ["Amy小红"]
    assert spelled(shop, "茶") == spelled(shop, "") == spelled(shop, "c%") == []
    one = shop.ids("name = 茶茶")[0]
    edit = shop.creators.edit([one], {"name": "大王"}, shop.actor, shop.tick(), None)
    assert (spelled(shop, "dw"), "茶茶" in spelled(shop, "cc")) == (["大王"], False)
    renamed = shop.take(koc(3, name="小蓝")).operation_id
    assert (spelled(shop, "xl"), spelled(shop, "amy")) == (["小蓝"], [])
    assert shop.faults() == []
    shop.undo(edit)
    shop.undo(renamed)
    assert (spelled(shop, "dw"), spelled(shop, "xl"), spelled(shop, "amyxh")) == ([], [], ["Amy小红"])
    shop.undo(first.operation_id)
    assert shop.hash() == empty
    shop.redo(first.operation_id)
    assert spelled(shop, "ccxz") == ["茶茶小主"]
    assert shop.faults() == []


def test_initials_follow_from_the_name_and_are_no_content(shop: Shop) -> None:
    shop.take(koc(1, name="茶茶小主"))
    before = shop.hash()
    with writing(shop.engine) as connection:
        connection.execute(text("update creator set initials = 'zz'"))
    assert shop.hash() == before
    assert shop.faults() == ["search"]


def test_initials_are_looked_up_in_the_index(file: Shop) -> None:
    file.take(*(koc(number, name="茶" + chr(0x4E00 + number)) for number in range(200)))
    with reading(file.engine) as connection:
        plan = " ".join(
            str(row[3])
            for row in connection.exec_driver_sql(
                "explain query plan select id from creator where initials >= 'ca' and initials < 'cb' order by initials, id limit 8"
            )
        )
    assert "ix_creator_initials" in plan
    assert "TEMP B-TREE" not in plan
