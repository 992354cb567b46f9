# SPDX-License-Identifier: Apache-2.0
"""Who can be booked today: in rows, filters and sorts alike, right at once after a grade or a sanction changed or ran out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from app.rules.bookable import Cause
from app.values import Bookable, CreditGrade, Sanction, local
from db import bulk
from db.engine import writing
from tests.db.conftest import koc, question

if TYPE_CHECKING:
    from tests.db.conftest import Shop

DAY: Final = 86_400_000_000
NO, ASK, YES = Bookable.NO, Bookable.NEEDS_APPROVAL, Bookable.YES


def held(shop: Shop, creator: int, level: Sanction, *, until: int | None = None, approved: bool | None = True) -> None:
    names = ("creator_id", "level", "points", "proposed_at", "proposed_by", "decided_at", "decided_by", "approved", "reason", "ends_at", "event_ids")
    decided = (None,) * 4 if approved is None else (shop.now, "主管", approved, "核实")
    values = (creator, int(level), 9, shop.now, "KOC Desk", *decided, until, "[]")
    with writing(shop.engine) as connection:
        bulk.run(connection, f"insert into sanction ({', '.join(names)}) values ({', '.join('?' * len(names))})", *values)


def graded(shop: Shop, **grades: CreditGrade) -> None:
    with writing(shop.engine) as connection:
        for name, grade in grades.items():
            bulk.run(connection, "update creator set credit_grade = ? where id = ?", int(grade), int(name[1:]))


@pytest.fixture
def six(shop: Shop) -> Shop:
    """Free; grade C; grade D; suspended until tomorrow; restricted and D; a suspension that nobody decided."""
    shop.take(*(koc(number, followers=1000 * number) for number in range(1, 7)))
    graded(shop, _2=CreditGrade.C, _3=CreditGrade.D, _5=CreditGrade.D)
    held(shop, 4, Sanction.SUSPENDED, until=shop.now + DAY)
    held(shop, 5, Sanction.RESTRICTED)
    held(shop, 6, Sanction.SUSPENDED, approved=None)
    return shop


def test_rows_say_the_word_and_its_cause(six: Shop) -> None:
    rows = six.creators.rows([1, 2, 3, 4, 5, 6])
    assert [row.bookable for row in rows] == [YES, ASK, NO, NO, NO, YES]
    assert [row.booking.cause for row in rows] == [None, Cause.GRADE_C, Cause.GRADE_D, Cause.SUSPENDED, Cause.GRADE_D, None]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("bookable = no", [3, 4, 5]),
        ("bookable = 需审批", [2]),
        ("bookable = yes", [1, 6]),
        ("bookable != no", [1, 2, 6]),
        ("bookable >= needs_approval", [1, 2, 6]),
        ("bookable in (no, yes)", [1, 3, 4, 5, 6]),
        ('bookable = ""', []),
        ("bookable = yes and followers > 3000", [6]),
        ("not bookable < yes", [1, 6]),
    ],
)
def test_filters_find_whom_the_rows_say(six: Shop, where: str, found: list[int]) -> None:
    assert sorted(six.ids(where)) == found
    assert six.creators.count(question(where)) == len(found)


def test_the_order_is_that_of_the_word(six: Shop) -> None:
    assert six.ids("", "", "-bookable") == [1, 6, 2, 3, 4, 5]
    assert six.ids("", "", "bookable") == [3, 4, 5, 2, 1, 6]
    assert six.ids("", "", "-bookable", "-followers") == [6, 1, 2, 5, 4, 3]
    assert [row.id for row in six.creators.page(question("", "", "-bookable"), 2, 1)] == [6, 2]


def test_a_sanction_ends_by_the_passing_of_time_alone(six: Shop) -> None:
    six.tick(DAY - 1)
    assert six.row(4).bookable is NO
    six.tick(2_000_000)
    assert six.row(4).bookable is YES
    assert 4 in six.ids("bookable = yes")


def test_a_better_grade_frees_at_once(six: Shop) -> None:
    graded(six, _3=CreditGrade.B)
    assert six.row(3).bookable is YES
    assert six.ids("bookable = no") == [4, 5]


def test_moves_of_tier_are_found_by_their_day(shop: Shop) -> None:
    shop.take(koc(1, followers=90_000), koc(2, followers=90_000))
    shop.tick(DAY)
    shop.take(koc(2, followers=900_000_000))
    assert shop.ids(f"tier_changed_at >= {local(shop.now, 'Asia/Shanghai'):%Y-%m-%d}") == [2]
    assert shop.ids('tier_changed_at = ""') == [1]
