# SPDX-License-Identifier: Apache-2.0
"""The content hash tells contents, and nothing but contents; the audit chain tells who tampers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from app.jobs import Quiet
from app.values import Stage, Tier
from db.engine import writing
from tests.db.conftest import DAY, NOON, Shop, koc

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS: list[dict[str, Any]] = [
    koc(1, city="上海", followers=1200, tags=("茶", "b"), handle="@Ab", notes='一"二\n三', joined_at=NOON, avg_likes=0.1 + 0.2),
    koc(2, "xiaohongshu", followers=52_000, as_of=NOON - DAY, fee_fen=10**15, stage=int(Stage.ACTIVE)),
    koc(3, "kuaishou", owner="小王", email="a@b", commission_bp=0, avg_views=1e16),
]


def work(shop: Shop) -> None:
    """One of everything."""
    shop.take(*ROWS)
    one = shop.ids("city = 上海")[0]
    shop.creators.edit([one], {"category": "美食", "followers": 3000}, shop.actor, shop.tick(), "因")
    shop.pipeline.move([one], Stage.TRIAL, "聊过", shop.actor, shop.tick())
    shop.ratings.override_tier(shop.row(one).accounts[0].id, Tier.HEAD, NOON + 90 * DAY, "名人", shop.actor, shop.tick())


def test_equal_contents_have_an_equal_hash_on_both_engines(shops: Callable[[str], Shop]) -> None:
    one, two = shops("sqlite"), shops("postgresql")
    assert one.hash() == two.hash()
    work(one)
    two.take(koc(70))
    two.undo(two.house.operations(limit=1)[0].id)
    two.tick(77_000_000)
    work(two)
    assert one.hash() == two.hash()


def test_the_order_of_imports_and_row_ids_do_not_matter(shops: Callable[[str], Shop]) -> None:
    one, two = shops("sqlite"), shops("sqlite")
    one.take(*ROWS)
    for row in reversed(ROWS):
        two.take(row)
    assert one.hash() == two.hash()


@pytest.mark.parametrize(
    "change",
    [
        {"city": "北京"}, {"notes": None}, {"followers": 1201}, {"handle": "@ab"}, {"stage": 2}, {"tags": ("茶",)}, {"joined_at": NOON + 1},
        {"fee_fen": 1}, {"avg_likes": 0.3}, {"owner": ""},
    ],
)  # fmt: skip
def test_another_content_has_another_hash(file: Shop, change: dict[str, Any]) -> None:
    file.take(*ROWS)
    before = file.hash()
    file.creators.edit([file.ids("city = 上海")[0]], change, file.actor, file.tick(), None)
    assert file.hash() != before


def test_what_is_no_content_leaves_the_hash_alone(shop: Shop) -> None:
    work(shop)
    before = shop.hash()
    shop.ratings.run_tiers(None, None, False, shop.actor, shop.tick(), Quiet())
    shop.take(koc(1, city="上海"), dry_run=True)
    shop.take(koc(1, city="上海"))
    shop.house.doctor(repair=True, job=Quiet())
    assert shop.hash() == before


# ---------------------------------------------------------------- audit

_TAMPER = {
    "changed": ("update audit set login = 'nobody' where seq = 2", "2: changed"),
    "sealed anew": ("update audit set digest = 'x' where seq = 3", "3: changed"),
    "removed": ("delete from audit where seq = 2", "2: missing"),
    "first removed": ("delete from audit where seq = 1", "1: missing"),
    "cut": ("delete from audit where seq = (select max(seq) from audit)", "4: cut"),
    "emptied": ("delete from audit", "1: cut"),
}


@pytest.mark.parametrize("how", _TAMPER)
def test_any_row_that_was_tampered_with_is_named(shop: Shop, how: str) -> None:
    work(shop)
    assert [check.ok for check in shop.house.verify_audit()] == [True]
    statement, named = _TAMPER[how]
    _force(shop, statement)
    check = shop.house.verify_audit()[0]
    assert (check.ok, check.detail) == (False, named)
    assert "audit" in shop.faults()


def test_rows_that_changed_places_are_named(shop: Shop) -> None:
    work(shop)
    _force(shop, "update audit set seq = -2 where seq = 2")
    _force(shop, "update audit set seq = 2 where seq = 3")
    _force(shop, "update audit set seq = 3 where seq = -2")
    assert shop.house.verify_audit()[0].detail == "2: changed"


@pytest.mark.parametrize("statement", ["update audit set login = 'x'", "delete from audit", "update audit set seq = seq + 100"])
def test_the_trail_is_written_once(shop: Shop, statement: str) -> None:
    """Whoever opens the file with another program is told that the trail is not to be changed."""
    work(shop)
    with pytest.raises(Exception, match="append-only"), writing(shop.engine) as connection:
        connection.execute(text(statement))
    assert [check.ok for check in shop.house.verify_audit()] == [True]


def test_the_trail_of_every_kind_of_work(shop: Shop) -> None:
    work(shop)
    shop.undo(1)
    with shop.engine.connect() as connection:
        actions = [row[0] for row in connection.execute(text("select action from audit order by seq"))]
        logins = {row[0] for row in connection.execute(text("select login from audit"))}
    assert actions == ["import.creators", "creator.set", "stage.move", "tier.override", "undo"]
    assert logins == {"某人"}


def _force(shop: Shop, statement: str) -> None:
    """Somebody with another program, who takes the guards off first."""
    with writing(shop.engine) as connection:
        if shop.engine.dialect.name == "sqlite":
            for (name,) in connection.execute(text("select name from sqlite_schema where type = 'trigger'")).all():
                connection.execute(text(f"drop trigger {name}"))
        else:
            connection.execute(text("alter table audit disable trigger all"))
        connection.execute(text(statement))
