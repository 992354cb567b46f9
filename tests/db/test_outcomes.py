# SPDX-License-Identifier: Apache-2.0
"""What stands behind returns, on both engines: rankings, conduct, funnels, orders and costs add up to the figures above them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from app.errors import CancelledError
from app.files import ImportRequest
from app.jobs import Quiet
from app.usecases.roi import Asked, OrderLine, Orders, Span
from app.values import CreditGrade, Sanction
from db import bulk
from db.engine import reading, writing
from db.stores.facts import FactStore
from db.stores.returns import ReturnStore
from tests.db.conftest import DAY, NOON, File, Shop, koc

if TYPE_CHECKING:
    from collections.abc import Mapping

JOB = Quiet()


def take(shop: Shop, kind: str, *rows: Mapping[str, Any]) -> None:
    done = FactStore(shop.engine).take(File(rows), ImportRequest(Path(f"{kind}.csv"), kind=kind), shop.actor, shop.tick(), JOB)
    assert not done.rejects


def sale(order: str, amount: int, *, at: int = NOON, refund: int = 0, **more: Any) -> dict[str, Any]:
    return {"order_id": order, "line_id": "1", "shop": "", "amount_fen": amount, "refund_fen": refund, "paid_at": at, **more}


@pytest.fixture
def roi(shop: Shop) -> ReturnStore:
    """Three creators: the platform names the first, a coupon ties the second, a content the third; and an order of nobody."""
    shop.take(koc(1, category="美妆"), koc(2, category="美妆", coupon="TWO"), koc(3, category="美妆"))
    take(
        shop,
        "contents",
        {"platform": "douyin", "content_id": "c3", "platform_uid": "3", "published_at": NOON - DAY, "as_of": NOON, "impressions": 900, "clicks": 30},
    )
    take(shop, "contents", {"platform": "douyin", "content_id": "c1", "platform_uid": "1", "published_at": NOON - 3 * DAY, "as_of": NOON, "impressions": 100})
    take(
        shop,
        "contents",
        {"platform": "douyin", "content_id": "c1", "platform_uid": "1", "published_at": NOON - 3 * DAY, "as_of": NOON + DAY, "impressions": 400},
    )
    take(
        shop,
        "sales",
        sale("a", 10_000, platform="douyin", platform_uid="1", product="茶"),
        sale("b", 20_000, at=NOON + DAY, refund=5_000, platform="douyin", platform_uid="1", coupon="TWO", product="茶"),
        sale("c", 30_000, at=NOON + 40 * DAY, platform="douyin", content_id="c3", product="饼"),
        sale("d", 700, at=NOON + 2 * DAY),
    )
    take(
        shop,
        "costs",
        *(
            {
                "cost_id": f"k{n}",
                "platform": "douyin",
                "platform_uid": str(n),
                "kind": "fee",
                "amount_fen": 4_000 * n,
                "incurred_at": NOON,
                "campaign": "夏" if n == 3 else None,
            }
            for n in (1, 2, 3)
        ),
        {"cost_id": "r1", "platform": "douyin", "platform_uid": "1", "kind": "rebate", "amount_fen": -500, "incurred_at": NOON + 50 * DAY},
    )
    return ReturnStore(shop.engine)


def ids(shop: Shop) -> list[int]:
    return shop.ids("", "", "id")


def orders(roi: ReturnStore, by: str, key: Any, **more: Any) -> list[OrderLine]:
    return list(roi.orders(Orders(by, key, **more), None, JOB).rows)


def test_a_ranking_says_what_the_report_says(shop: Shop, roi: ReturnStore) -> None:
    now = shop.tick(60 * DAY)
    for span in (Span(), Span(NOON, NOON + 2 * DAY)):
        asked = Asked(span=span, target=2.0)
        rows, ranking = roi.report(asked, now, JOB), roi.ranking(asked, now, JOB)
        assert ranking.sums.key[ranking.order].tolist() == [row.key for row in rows.rows]
        assert (ranking.total, ranking.unattributed_fen, ranking.model) == (rows.total, rows.unattributed_fen, rows.model)
        assert ranking.grade[ranking.order].tolist() == [int(row.value_grade or 0) for row in rows.rows]
    assert roi.stamp(now) == roi.stamp(now)
    take(shop, "sales", sale("e", 10, platform="douyin", platform_uid="1"))
    assert roi.stamp(now) != roi.stamp(now + 2 * DAY)


def test_a_sale_changes_the_stamp(shop: Shop, roi: ReturnStore) -> None:
    before = roi.stamp(NOON)
    take(shop, "sales", sale("e", 10, platform="douyin", platform_uid="1"))
    assert roi.stamp(NOON) != before


def test_conduct_bars_and_a_code_makes_measurable(shop: Shop, roi: ReturnStore) -> None:
    one, two, three = ids(shop)
    now = shop.tick(60 * DAY)
    ranking = roi.ranking(Asked(), now, JOB)
    assert ranking.barred.tolist() == [False] * 3
    assert ranking.coded.tolist() == [False, True, False]
    with writing(shop.engine) as connection:
        columns = "creator_id, level, points, proposed_at, proposed_by, decided_at, decided_by, approved, ends_at, event_ids"
        for creator, approved, ends in ((one, 1, now + DAY), (two, 0, None), (three, 1, now - DAY)):
            values = (creator, int(Sanction.SUSPENDED), 9, NOON, "x", NOON, "y", bool(approved), ends, "[]")
            bulk.run(connection, f"insert into sanction ({columns}) values ({', '.join('?' * len(values))})", *values)
        bulk.run(connection, "update creator set credit_grade = ? where id = ?", int(CreditGrade.D), two)
    ranking = roi.ranking(Asked(), now, JOB)
    assert dict(zip(ranking.sums.key.tolist(), ranking.barred.tolist(), strict=True)) == {one: True, two: True, three: False}
    people = roi.people([three, two, one, 999], now)
    assert {key: (who.credit_grade, who.sanction, who.coded) for key, who in people.items()} == {
        one: (people[one].credit_grade, "suspended", False),
        two: ("D", None, True),
        three: (people[three].credit_grade, None, False),
    }


def test_orders_of_a_creator_are_those_with_a_share(shop: Shop, roi: ReturnStore) -> None:
    one, two, three = ids(shop)
    assert [(row.order_id, row.credited_fen, row.ties) for row in orders(roi, "creator", one)] == [("a", 10_000, ("platform",))]
    assert [(row.order_id, row.credited_fen, row.ties) for row in orders(roi, "creator", two)] == [("b", 15_000, ("coupon",))]
    report = {row.key: row.figures for row in roi.report(Asked(), shop.tick(60 * DAY), JOB).rows}
    for creator in (one, two, three):
        assert sum(row.credited_fen for row in orders(roi, "creator", creator)) == report[creator].net_fen
    by_account = {row.key: row.figures for row in roi.report(Asked("account"), shop.tick(60 * DAY), JOB).rows}
    assert len(by_account) == 3
    for account, figures in by_account.items():
        assert sum(row.credited_fen for row in orders(roi, "account", account)) == figures.net_fen
    assert orders(roi, "creator", two, span=Span(NOON + 2 * DAY)) == []
    linear = roi.orders(Orders("creator", one), "linear", JOB).rows
    assert [(row.order_id, row.credited_fen) for row in linear] == [("b", 7_500), ("a", 10_000)]


def test_what_ties_a_sale_is_found_by_an_index(shop: Shop) -> None:
    from db.writers import outcomes

    with reading(shop.engine) as connection:
        if connection.dialect.name != "sqlite":
            pytest.skip("SQLite tells its plan in words")
        for statement in outcomes.TIED:
            plan = [row[3] for row in bulk.fetch(connection, f"explain query plan {statement}", 1)]
            assert all(step.startswith("SEARCH") for step in plan), plan


def test_orders_of_groups_add_up_to_their_rows(shop: Shop, roi: ReturnStore) -> None:
    now = shop.tick(60 * DAY)
    for by in ("month", "product", "content", "campaign"):
        for row in roi.report(Asked(by=by), now, JOB).rows:
            if row.key is not None or by == "product":
                assert sum(one.credited_fen for one in orders(roi, by, row.key)) == row.figures.net_fen, (by, row.key)
    pages = [orders(roi, "product", "茶", limit=1, offset=at)[0].order_id for at in (0, 1)]
    assert pages == ["b", "a"]
    assert orders(roi, "product", "茶", limit=5, offset=2) == []
    (left,) = orders(roi, "product", None)
    assert (left.order_id, left.owners, left.credited_fen) == ("d", (), 0)


def test_months_of_some_creators_are_theirs_alone(shop: Shop, roi: ReturnStore) -> None:
    now = shop.tick(60 * DAY)
    for span in (Span(), Span(NOON - 3 * DAY, NOON + 2 * DAY), Span(NOON - 45 * DAY, NOON + 45 * DAY)):
        for model in (None, "linear"):
            asked = Asked(span=span, model=model)
            by_creator = {int(row.key or 0): row.figures for row in roi.report(asked, now, JOB).rows}
            for some in ([one] for one in by_creator):
                rows = roi.months(asked, np.array(some), JOB)
                assert [row.key for row in rows] == sorted({str(row.key) for row in rows})
                assert sum(row.figures.net_fen for row in rows) == sum(by_creator[one].net_fen for one in some)
                assert sum(row.figures.landed_fen for row in rows) == sum(by_creator[one].landed_fen for one in some)
            every = roi.months(asked, np.array(list(by_creator)), JOB)
            assert sum(row.figures.net_fen for row in every) == sum(one.net_fen for one in by_creator.values())
    assert roi.months(Asked(), np.array([], dtype=np.int64), JOB) == []


def test_a_funnel_takes_the_last_figures_and_divides_what_belongs_together(shop: Shop, roi: ReturnStore) -> None:
    one, _, three = ids(shop)
    found = roi.funnel(Span(), None, JOB)
    steps = {step.name: step for step in found.steps}
    assert found.contents == 2
    assert (steps["impressions"].contents, steps["impressions"].total) == (2, 1_300)
    assert (steps["clicks"].contents, steps["clicks"].total, steps["clicks"].both, steps["clicks"].before) == (1, 30, 1, 900)
    assert steps["clicks"].rate == pytest.approx(30 / 900)
    assert (steps["orders"].total, steps["orders"].rate) == (None, None)
    assert roi.funnel(Span(), np.array([one]), JOB).steps[0].total == 400
    assert roi.funnel(Span(NOON - 2 * DAY), None, JOB).steps[0].total == 900
    assert roi.funnel(Span(NOON), None, JOB).contents == 0
    assert three != one


def test_costs_by_kind_of_a_period(shop: Shop, roi: ReturnStore) -> None:
    one, *_ = ids(shop)
    assert roi.costs(one, Span()) == {"fee": 4_000, "rebate": -500}
    assert roi.costs(one, Span(None, NOON + DAY)) == {"fee": 4_000}


def test_a_long_search_can_be_stopped(shop: Shop, roi: ReturnStore) -> None:
    class Impatient(Quiet):
        def check(self) -> None:
            raise CancelledError

    _, two, _ = ids(shop)
    with pytest.raises(CancelledError):
        roi.orders(Orders("creator", two), None, Impatient())
    with reading(shop.engine) as connection:  # what was under way is over
        assert bulk.fetch(connection, "select count(*) from sale")[0][0] == 4
