# SPDX-License-Identifier: Apache-2.0
"""Sums of returns are what the facts give after anything that may happen to them, on both engines."""

from __future__ import annotations

import shutil
import tomllib
from collections import defaultdict
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import resources
from app.errors import UsageError
from app.files import ImportRequest
from app.jobs import Quiet
from app.rules import months
from app.rules.apportion import apportion
from app.rules.models import MODELS
from app.rules.report import LeftOut
from app.usecases.roi import DIMENSIONS, Asked, Orders, Span
from app.values import ValueGrade, WorkspaceRef, day_start
from db import maintenance
from db.engine import reading, sqlite_engine, writing
from db.stores.facts import FactStore
from db.stores.returns import ReturnStore
from db.writers import returns, shares
from db.writers.operations import Log
from db.writers.shares import Source
from tests.db.conftest import DAY, NOON, File, Shop, koc

if TYPE_CHECKING:
    from sqlalchemy import Connection

ZONE = "Asia/Shanghai"
COUPON, PLATFORM, LINK, CONTENT = 1, 2, 3, 4
KINDS = {COUPON: "coupon", PLATFORM: "platform", LINK: "link", CONTENT: "content"}


def take(shop: Shop, kind: str, *rows: dict[str, Any]) -> int | None:
    """Import facts; returns the operation."""
    done = FactStore(shop.engine).take(File(rows), ImportRequest(Path(f"{kind}.csv"), kind=kind), shop.actor, shop.tick(), Quiet())
    return done.operation_id


def sale(order: object, amount: int, refund: int = 0, *, at: int = NOON, **more: Any) -> dict[str, Any]:
    return {"order_id": str(order), "line_id": "1", "shop": "", "amount_fen": amount, "refund_fen": refund, "paid_at": at, **more}


def sums(shop: Shop) -> dict[tuple[int, int], tuple[int, ...]]:
    with reading(shop.engine) as connection:
        owner, month, kept = returns.stored(connection)
    return {(o, m): tuple(row) for o, m, row in zip(owner.tolist(), month.tolist(), kept.T.tolist(), strict=True)}


def by_hand(connection: Connection) -> dict[tuple[int, int], tuple[int, ...]]:
    """Sums from the bare rows, one sale after the other, as the rules say it."""
    facts = Facts(connection)
    out: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0] * 6)

    def add(owner: int, at: int, **more: int) -> None:
        for month in (returns.ALWAYS, month_of(at)):
            for place, name in enumerate(("net", "gross", "fixed", "variable", "sales", "square")):
                out[owner, month][place] += more.get(name, 0)

    for one in facts.rows("sale"):
        if one["currency"] != "CNY":
            continue
        at, net = one["paid_at"], one["amount_fen"] - one["refund_fen"]
        add(-1, at, net=net, gross=one["amount_fen"], sales=1)
        winner = facts.winner(one)
        add(winner, at, net=net, gross=one["amount_fen"], sales=1, square=net * net if winner else 0)
        if one["commission_fen"]:
            add(one["creator_id"] or facts.owners.get(one["coupon"], 0), at, variable=one["commission_fen"])
    for one in facts.rows("cost_entry"):
        if one["voided_at"] is None and one["currency"] == "CNY":
            add(one["creator_id"], one["incurred_at"], **{"variable" if one["kind"] == "commission" else "fixed": one["amount_fen"]})
    return {key: (*row[:5], row[5] >> 32, row[5] & 0xFFFFFFFF) for key, row in out.items() if any(row)}


def month_of(at: int) -> int:
    return int(months.months(np.array([at]), ZONE)[0])


class Facts:
    """The bare rows, and whom a sale belongs to."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.owners: dict[str | None, int] = {}
        for one in self.rows("creator"):
            if one["coupon"]:
                self.owners.setdefault(one["coupon"], one["id"])
        self.contents = {one["id"]: one for one in self.rows("content") if one["published_at"] is not None}
        self.touches = self.rows("touchpoint")

    def rows(self, table: str) -> list[Any]:
        return list(self.connection.exec_driver_sql(f"select * from {table} order by id").mappings())

    def winner(self, one: Any) -> int:
        at = one["paid_at"]
        order = (one["shop"], one["order_id"])
        found = [(touch["kind"], touch["happened_at"], touch["creator_id"]) for touch in self.touches if (touch["shop"], touch["order_id"]) == order]
        found += [(kind, at, who) for kind, who in ((PLATFORM, one["creator_id"]), (COUPON, self.owners.get(one["coupon"]))) if who]
        if content := self.contents.get(one["content_id"]):
            found.append((CONTENT, content["published_at"], content["creator_id"]))
        limit = {LINK: 30 * DAY, CONTENT: 7 * DAY}
        eligible = [touch for touch in found if 0 <= at - touch[1] <= limit.get(touch[0], at - touch[1])]
        return int(min(eligible, key=lambda touch: (touch[0], -touch[1], touch[2]))[2]) if eligible else 0


def check(shop: Shop) -> None:
    with reading(shop.engine) as connection:
        assert sums(shop) == by_hand(connection)
        assert returns.faults(connection, Quiet()) == 0


@pytest.fixture
def peopled(shop: Shop) -> Shop:
    """Three creators, two with coupons, one with a content."""
    shop.take(koc(1, coupon="AAA"), koc(2, coupon="BBB"), koc(3))
    take(shop, "contents", {"platform": "douyin", "platform_uid": "3", "content_id": "77", "published_at": NOON - 3 * DAY})
    return shop


# ---------------------------------------------------------------- one thing after the other


def test_sums_follow_each_thing_that_happens(peopled: Shop) -> None:
    shop = peopled
    take(
        shop,
        "sales",
        sale(1, 10_000, 1_000, coupon="AAA", commission_fen=500),
        sale(2, 20_000, platform_uid="2", commission_fen=700),
        sale(3, 30_000, content_id="77"),
        sale(4, 40_000, content_id="78", commission_fen=900),
        sale(5, 50_000, at=NOON + 40 * DAY, coupon="BBB"),
    )
    check(shop)
    first = month_of(NOON)
    kept = sums(shop)
    one, two, three = shop.ids()
    assert kept[one, first] == (9_000, 10_000, 0, 500, 1, 0, 81_000_000)
    assert kept[two, first][:5] == (20_000, 20_000, 0, 700, 1)
    assert kept[three, first][:5] == (30_000, 30_000, 0, 0, 1)
    assert kept[returns.NOBODY, first][:5] == (40_000, 40_000, 0, 900, 1)
    refunded = take(shop, "sales", sale(2, 20_000, 20_000, platform_uid="2"), sale(5, 50_000, 1, at=NOON + 40 * DAY, coupon="BBB"))
    check(shop)
    assert sums(shop)[two, first][:5] == (0, 20_000, 0, 700, 1), "a refunded sale is a sale"
    touched = take(shop, "touchpoints", {"shop": "", "order_id": "4", "platform": "douyin", "platform_uid": "1", "kind": "link", "happened_at": NOON - DAY})
    check(shop)
    assert sums(shop)[one, first][:5] == (49_000, 50_000, 0, 500, 2)
    late = take(shop, "contents", {"platform": "douyin", "platform_uid": "2", "content_id": "78", "published_at": NOON})
    check(shop)
    cost = {"cost_id": "c1", "platform": "douyin", "platform_uid": "1", "kind": "fee", "amount_fen": 5_000, "incurred_at": NOON}
    costs = take(shop, "costs", cost, {**cost, "cost_id": "c2", "kind": "commission"}, {**cost, "cost_id": "c3", "kind": "rebate", "amount_fen": -700})
    check(shop)
    assert sums(shop)[one, first][2:4] == (4_300, 5_500)
    take(shop, "costs", {**cost, "amount_fen": 6_000})
    check(shop)
    for operation in (touched, refunded, costs, late):
        shop.undo(operation)
        check(shop)
    for operation in (late, touched, refunded):
        shop.redo(operation)
        check(shop)


def test_what_was_taken_back_may_come_again(peopled: Shop) -> None:
    shop = peopled
    sold = take(shop, "sales", sale(1, 10_000, content_id="77"), sale(2, 5_000, coupon="AAA", content_id="78"))
    cost = take(shop, "costs", {"cost_id": "c", "platform": "douyin", "platform_uid": "1", "kind": "fee", "amount_fen": 8, "incurred_at": NOON})
    right = sums(shop)
    for operation in (sold, cost):
        shop.undo(operation)
        check(shop)
    assert sums(shop) == {}
    for operation in (cost, sold):
        shop.redo(operation)
        check(shop)
    assert sums(shop) == right


def test_a_content_that_was_published_at_another_time_takes_its_sales_along(peopled: Shop) -> None:
    shop = peopled
    take(shop, "sales", sale(1, 10_000, content_id="77"))
    three = shop.ids()[2]
    assert sums(shop)[three, month_of(NOON)][0] == 10_000
    later = take(shop, "contents", {"platform": "douyin", "platform_uid": "3", "content_id": "77", "published_at": NOON + DAY})
    check(shop)
    assert sums(shop)[returns.NOBODY, month_of(NOON)][0] == 10_000
    shop.undo(later)
    check(shop)


def test_a_content_of_another_platform_is_meant_where_it_is_the_only_one(shop: Shop) -> None:
    shop.take(koc(1), koc(2, "xiaohongshu"), koc(3))
    one, two, three = shop.ids()
    touched = {"platform": "xiaohongshu", "platform_uid": "2", "content_id": "77", "published_at": NOON - DAY}
    nearer = {**touched, "platform": "douyin", "platform_uid": "3"}
    elsewhere = sale(2, 500, platform="weibo", content_id="77")

    def first_touches() -> tuple[int, ...]:
        check(shop)
        rows = ReturnStore(shop.engine).report(Asked(model="first_touch"), shop.tick(), Quiet()).rows
        found = {row.key: row.figures.net_fen for row in rows}
        return found.get(one, 0), found.get(two, 0), found.get(three, 0)

    take(shop, "sales", sale(1, 10_000, platform_uid="1", content_id="77"), elsewhere, sale(3, 70, content_id="77"))
    assert first_touches() == (10_000, 0, 0)
    known = take(shop, "contents", touched)
    assert first_touches() == (0, 10_070, 0), "who stated another platform waits"
    again = take(shop, "contents", nearer)
    assert first_touches() == (0, 0, 10_000), "that of the account's own platform comes first; between two nothing tells"
    shop.undo(again)
    assert first_touches() == (0, 10_070, 0)
    shop.undo(known)
    assert first_touches() == (10_000, 0, 0)
    take(shop, "contents", nearer)
    take(shop, "contents", touched)
    assert first_touches() == (0, 0, 10_000), "whichever came first"
    shop.take(koc(4, "weibo"))
    take(shop, "contents", {**touched, "platform": "weibo", "platform_uid": "4"})
    assert first_touches() == (0, 0, 10_000)
    assert sums(shop)[shop.ids()[3], returns.ALWAYS][0] == 500


def test_a_touch_that_the_sale_and_a_file_tell_is_one(peopled: Shop) -> None:
    shop = peopled
    one, two, three = shop.ids()
    take(shop, "sales", sale(1, 9_000, platform_uid="1", coupon="BBB", content_id="77"))
    own = {"shop": "", "order_id": "1", "platform": "douyin"}
    for row in (("1", "platform", NOON), ("2", "coupon", NOON), ("3", "content", NOON - 3 * DAY)):
        take(shop, "touchpoints", {**own, **dict(zip(("platform_uid", "kind", "happened_at"), row, strict=True))})

    def split(model: str = "linear") -> dict[Any, int]:
        rows = ReturnStore(shop.engine).report(Asked(model=model), shop.tick(), Quiet()).rows
        return {row.key: row.figures.net_fen for row in rows}

    assert split() == {one: 3_000, two: 3_000, three: 3_000}
    take(shop, "touchpoints", {**own, "platform_uid": "1", "kind": "link", "happened_at": NOON})
    assert split() == {one: 4_500, two: 2_250, three: 2_250}, "of another kind it is another touch"
    take(shop, "touchpoints", {**own, "platform_uid": "2", "kind": "link", "happened_at": NOON})
    assert split() == {one: 3_600, two: 3_600, three: 1_800}
    assert sum(split("position").values()) == 9_000
    check(shop)


def test_a_coupon_with_another_owner_takes_its_sales_along(peopled: Shop) -> None:
    shop = peopled
    take(shop, "sales", sale(1, 10_000, coupon="AAA"), sale(2, 20_000, coupon="CCC", commission_fen=5))
    one, _, three = shop.ids()
    shop.creators.edit([three], {"coupon": "CCC"}, shop.actor, shop.tick(), None)
    check(shop)
    moved = shop.creators.edit([one], {"coupon": None}, shop.actor, shop.tick(), None)
    check(shop)
    shop.take(koc(9, coupon="AAA"))
    check(shop)
    shop.undo(moved)
    check(shop)
    shop.take(koc(2, coupon="CCC"))
    check(shop)


def test_new_rules_make_the_sums_anew(peopled: Shop) -> None:
    shop = peopled
    take(shop, "sales", sale(1, 9_999, 1, coupon="AAA", platform_uid="2", content_id="77", commission_fen=4))
    take(shop, "costs", {"cost_id": "c", "platform": "douyin", "platform_uid": "1", "kind": "boost", "amount_fen": 8, "incurred_at": NOON})
    body = _body("attribution")
    shop.ratings.set_policy("attribution", {**body, "model": "linear"}, "试", shop.actor, shop.tick())
    with reading(shop.engine) as connection:
        assert returns.faults(connection, Quiet()) == 0
    month = month_of(NOON)
    assert [sums(shop)[one, month][0] for one in shop.ids()] == apportion(9_998, [1, 1, 1])
    other = _body("roi")
    other["costs"] = {"fixed": [kind for kind in other["costs"]["fixed"] if kind != "boost"], "variable": ["commission", "boost"]}
    shop.ratings.set_policy("roi", other, "试", shop.actor, shop.tick())
    assert sums(shop)[shop.ids()[0], month][2:4] == (0, 8)
    operations = [one.id for one in shop.house.operations("policy.set")]
    for operation in operations:
        shop.undo(operation)
    check(shop)


def _body(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.text("policies", f"{name}.toml"))


def test_a_voided_cost_counts_no_more(peopled: Shop) -> None:
    shop = peopled
    take(shop, "costs", {"cost_id": "c", "platform": "douyin", "platform_uid": "1", "kind": "fee", "amount_fen": 8, "incurred_at": NOON})
    with writing(shop.engine) as connection:
        log = Log(connection, "cost.void", shop.actor, shop.tick())
        row = connection.exec_driver_sql("select id from cost_entry").scalar_one()
        log.changed("cost_entry", [(row, {"voided_at": None}, {"voided_at": shop.now})])
        connection.exec_driver_sql(f"update cost_entry set voided_at = {shop.now}")
        operation = log.finish({})
    assert sums(shop) == {}
    shop.undo(operation)
    check(shop)
    assert sums(shop)


COST = {"platform": "douyin", "platform_uid": "1", "kind": "fee", "incurred_at": NOON}


def test_money_of_another_currency_is_in_no_sum(peopled: Shop) -> None:
    shop = peopled
    take(shop, "sales", sale(1, 10_000, coupon="AAA", commission_fen=5), sale(2, 700, 30, coupon="AAA", commission_fen=4, currency="USD"))
    take(shop, "sales", sale(3, 900, currency="JPY"), sale(4, 80, at=NOON + 40 * DAY, content_id="77", currency="USD"))
    take(shop, "touchpoints", {"shop": "", "order_id": "2", "platform": "douyin", "platform_uid": "2", "kind": "link", "happened_at": NOON - DAY})
    take(shop, "costs", {**COST, "cost_id": "a", "amount_fen": 300}, {**COST, "cost_id": "b", "amount_fen": 60, "currency": "USD"})
    check(shop)
    one = shop.ids()[0]
    assert sums(shop)[one, returns.ALWAYS] == (10_000, 10_000, 300, 5, 1, 0, 100_000_000)
    assert sums(shop)[returns.EVERYBODY, returns.ALWAYS][:5] == (10_000, 10_000, 0, 0, 1)
    whole = (LeftOut("JPY", 1, 900, 0, 0, 0), LeftOut("USD", 2, 750, 4, 1, 60))
    store = ReturnStore(shop.engine)
    for by in DIMENSIONS:
        for span, abroad in ((Span(), whole), (Span(NOON - DAY, NOON + DAY), (whole[0], LeftOut("USD", 1, 670, 4, 1, 60))), (Span(None, NOON - DAY), ())):
            answer = store.report(Asked(by, span), shop.now, Quiet())
            here = int(span.until is None or span.until > NOON)
            assert (answer.total.net_fen, answer.total.sales, answer.unattributed_fen) == (10_000 * here, here, 0), by
            assert sum(row.figures.net_fen for row in answer.rows) == 10_000 * here, by
            assert sum(row.figures.landed_fen for row in answer.rows) == answer.total.landed_fen == 305 * here, by
            assert answer.left_out == abroad, by
    for model in MODELS:
        done = store.split(Span(), model, Quiet())
        assert (done.sales, done.net_fen, done.attributed_fen, done.unattributed_fen, done.left_out) == (1, 10_000, 10_000, 0, whole)
        assert store.report(Asked(model=model), shop.now, Quiet()).left_out == whole
    assert store.ranking(Asked(), shop.now, Quiet()).left_out == whole
    assert store.one(one, shop.now, Quiet()).costs == store.costs(one, Span()) == {"fee": 300}
    assert [line.order_id for line in store.orders(Orders("creator", one), None, Quiet()).rows] == ["1"]
    for month in (NOON, NOON + 40 * DAY):
        page = store.orders(Orders("month", months.named(month_of(month))), None, Quiet())
        assert [line.order_id for line in page.rows] == (["1"] if month == NOON else [])
    for at in ("1", "5"):
        take(shop, "sales", sale(at, 10_000, content_id="77"))
    page = store.orders(Orders("content", _content(shop)), None, Quiet())
    assert ([line.order_id for line in page.rows], page.found) == (["5", "1"], 2), "the one of another currency is not behind the figure"


def _content(shop: Shop) -> int:
    with reading(shop.engine) as connection:
        return int(connection.exec_driver_sql("select id from content").scalar_one())


def test_a_corrected_currency_moves_money_in_and_out(peopled: Shop) -> None:
    shop = peopled
    take(shop, "sales", sale(1, 10_000, coupon="AAA", commission_fen=5), sale(2, 500, coupon="BBB", currency="USD"))
    take(shop, "costs", {**COST, "cost_id": "a", "amount_fen": 300})
    first = sums(shop)
    abroad = [take(shop, "sales", sale(1, 10_000, currency="USD")), take(shop, "costs", {**COST, "cost_id": "a", "amount_fen": 300, "currency": "EUR"})]
    check(shop)
    assert sums(shop) == {}
    back = take(shop, "sales", sale(2, 500, currency="CNY"))
    check(shop)
    assert sums(shop)[shop.ids()[1], returns.ALWAYS][0] == 500
    for operation in (back, *reversed(abroad)):
        shop.undo(operation)
        check(shop)
    assert sums(shop) == first
    for operation in abroad:
        shop.redo(operation)
        check(shop)
    assert sums(shop) == {}


def test_money_left_out_is_found_without_reading_what_is_not(peopled: Shop) -> None:
    with reading(peopled.engine) as connection:
        if connection.dialect.name != "sqlite":
            pytest.skip("SQLite tells its plan in these words")
        for table, moment in (("sale", "paid_at"), ("cost_entry", "incurred_at")):
            statement = f"select currency, count(*) from {table} where currency <> 'CNY' and +{moment} >= 5 group by currency"
            plan = connection.exec_driver_sql(f"explain query plan {statement}").all()
            assert [f"ix_{table}_abroad" in row[-1] for row in plan] == [True]


def test_the_doctor_finds_and_mends_wrong_sums(peopled: Shop) -> None:
    shop = peopled
    take(shop, "sales", sale(1, 10_000, coupon="AAA"))
    right = sums(shop)
    assert "returns" not in shop.faults()
    with writing(shop.engine) as connection:
        connection.exec_driver_sql("update creator_return set net_fen = net_fen + 1 where creator_id > 0")
    assert "returns" in shop.faults()
    assert shop.faults(repair=True) == []
    assert sums(shop) == right


# ---------------------------------------------------------------- whatever happens


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("sales"),
            st.lists(
                st.fixed_dictionaries(
                    {
                        "order_id": st.integers(1, 6).map(str),
                        "shop": st.sampled_from(["", "旗舰店"]),
                        "amount_fen": st.integers(0, 10**7),
                        "refund_fen": st.sampled_from([0, 0, 1, 99, 5_000]),
                        "paid_at": st.integers(-40, 40).map(lambda days: NOON + days * DAY),
                    },
                    optional={
                        "coupon": st.sampled_from(["AAA", "BBB", "CCC"]),
                        "platform_uid": st.sampled_from(["1", "2", "3"]),
                        "content_id": st.sampled_from(["77", "78"]),
                        "commission_fen": st.integers(0, 900),
                        "currency": st.sampled_from(["CNY", "CNY", "USD", "JPY"]),
                    },
                ),
                min_size=1,
                max_size=6,
                unique_by=lambda row: (row["order_id"], row["shop"]),
            ),
        ),
        st.tuples(
            st.just("touchpoints"),
            st.lists(
                st.fixed_dictionaries(
                    {
                        "order_id": st.integers(1, 6).map(str),
                        "shop": st.sampled_from(["", "旗舰店"]),
                        "platform_uid": st.sampled_from(["1", "2", "3"]),
                        "kind": st.sampled_from(list(KINDS.values())),
                        "happened_at": st.integers(-50, 40).map(lambda days: NOON + days * DAY),
                    }
                ),
                min_size=1,
                max_size=3,
            ),
        ),
        st.tuples(
            st.just("contents"),
            st.lists(
                st.fixed_dictionaries(
                    {
                        "content_id": st.sampled_from(["77", "78"]),
                        "platform": st.just("douyin"),
                        "platform_uid": st.sampled_from(["1", "2"]),
                        "published_at": st.integers(-10, 3).map(lambda days: NOON + days * DAY),
                    }
                ),
                min_size=1,
                max_size=1,
            ),
        ),
        st.tuples(
            st.just("costs"),
            st.lists(
                st.fixed_dictionaries(
                    {
                        "cost_id": st.sampled_from(["x", "y", "z"]),
                        "platform_uid": st.sampled_from(["1", "2"]),
                        "kind": st.sampled_from(["fee", "commission", "freight"]),
                        "amount_fen": st.integers(1, 10**6),
                        "incurred_at": st.integers(-40, 40).map(lambda days: NOON + days * DAY),
                    },
                    optional={"currency": st.sampled_from(["CNY", "USD"])},
                ),
                min_size=1,
                max_size=3,
                unique_by=lambda row: row["cost_id"],
            ),
        ),
        st.tuples(st.just("coupon"), st.tuples(st.sampled_from([0, 1, 2]), st.sampled_from([None, "AAA", "BBB", "CCC"]))),
        st.tuples(st.just("undo"), st.integers(0, 8)),
        st.tuples(st.just("redo"), st.integers(0, 8)),
    ),
    min_size=3,
    max_size=10,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with three creators, to be copied."""
    path = tmp_path_factory.mktemp("returns") / "template.koc"
    shop = Shop(maintenance.create(WorkspaceRef(str(path)), NOON), WorkspaceRef(str(path)))
    shop.take(koc(1, coupon="AAA"), koc(2, coupon="BBB"), koc(3))
    shop.house.close()
    return path


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_sums_are_what_the_facts_give_whatever_happens(steps: list[tuple[str, Any]], template: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.koc"
    for one in tmp_path.glob("copy.koc*"):
        one.unlink()
    shutil.copy(template, path)
    shop = Shop(sqlite_engine(path), WorkspaceRef(str(path)))
    done: list[int] = []
    try:
        people = shop.ids()
        for kind, what in steps:
            if kind in {"undo", "redo"}:
                if what < len(done):
                    with suppress(UsageError):  # undone already, or not undone
                        (shop.undo if kind == "undo" else shop.redo)(done[what])
            elif kind == "coupon":
                done += [one for one in [shop.creators.edit([people[what[0]]], {"coupon": what[1]}, shop.actor, shop.tick(), None)] if one]
            else:
                lines = {"line_id": "1"} if kind == "sales" else {}
                done += [one for one in [take(shop, kind, *({**lines, **row} for row in what))] if one]
            check(shop)
    finally:
        shop.house.close()


# ---------------------------------------------------------------- questions


def test_every_model_splits_to_the_fen_by_day_and_shop(peopled: Shop) -> None:
    shop = peopled
    take(shop, "sales", *(sale(n, 9_999 + n, n % 7, at=NOON + n * DAY, coupon="AAA", platform_uid="2", shop=["", "甲"][n % 2]) for n in range(30)))
    take(shop, "sales", sale(99, 77))
    store = ReturnStore(shop.engine)
    for model in ("precedence", "last_touch", "first_touch", "linear", "time_decay", "position"):
        whole = store.split(Span(), model, Quiet())
        assert (whole.sales, whole.net_fen) == (31, sum(9_999 + n - n % 7 for n in range(30)) + 77)
        assert whole.attributed_fen + whole.unattributed_fen == whole.net_fen
        assert whole.unattributed_fen == 77
        parts = [store.split(Span(NOON + n * DAY, NOON + (n + 1) * DAY), model, Quiet()) for n in range(30)]
        assert sum(part.net_fen for part in parts) == whole.net_fen
        report = store.report(Asked(model=model), shop.now, Quiet())
        assert sum(row.figures.net_fen for row in report.rows) + report.unattributed_fen == whole.net_fen


def test_periods_need_not_be_whole_months(peopled: Shop) -> None:
    shop = peopled
    begin = day_start(date(2026, 3, 20), ZONE)
    take(shop, "sales", *(sale(n, 100 + n, at=begin + n * DAY, coupon=["AAA", "BBB"][n % 2]) for n in range(80)))
    take(
        shop,
        "costs",
        *(
            {"cost_id": str(n), "platform": "douyin", "platform_uid": "1", "kind": "fee", "amount_fen": 7 + n, "incurred_at": begin + n * DAY}
            for n in range(80)
        ),
    )
    store = ReturnStore(shop.engine)
    for first, last in ((0, 80), (3, 5), (0, 12), (12, 42), (5, 60), (11, 43), (42, 72)):
        span = Span(begin + first * DAY, begin + last * DAY)
        for by in ("creator", "account", "tier", "month", "product", "campaign", "content"):
            report = store.report(Asked(by, span), shop.now, Quiet())
            assert sum(row.figures.net_fen for row in report.rows) == report.total.net_fen == sum(100 + n for n in range(first, last))
            assert sum(row.figures.fixed_fen for row in report.rows) == report.total.fixed_fen == sum(7 + n for n in range(first, last))
            assert report.total.sales == last - first


def test_the_kept_answer_is_the_computed_one(peopled: Shop) -> None:
    shop = peopled
    take(shop, "sales", *(sale(n, 1_000 * n + 1, at=shop.now - n * DAY, coupon=["AAA", "BBB", "none"][n % 3], commission_fen=n) for n in range(60)))
    take(
        shop,
        "costs",
        *(
            {"cost_id": str(n), "platform": "douyin", "platform_uid": str(n % 2 + 1), "kind": "fee", "amount_fen": 70_000, "incurred_at": NOON}
            for n in range(4)
        ),
    )
    take(shop, "sales", *(sale(f"c{n}", 500, at=shop.now - DAY, content_id="77") for n in range(3)))
    store = ReturnStore(shop.engine)
    kept = store.report(Asked(target=2.0), shop.now, Quiet())
    computed = store.report(Asked(target=2.0, policy=1), shop.now, Quiet())
    assert [(row.key, row.value_grade) for row in kept.rows] == [(row.key, row.value_grade) for row in computed.rows]
    assert [row.figures for row in kept.rows] == [row.figures for row in computed.rows]
    assert kept.total == computed.total
    assert (kept.found, kept.unattributed_fen) == (computed.found, computed.unattributed_fen)
    few = store.report(Asked(target=2.0, top=1), shop.now, Quiet())
    assert few.rows == kept.rows[:1]
    assert few.found == kept.found == 3
    assert few.total == kept.total
    last = kept.rows[-1]
    assert (last.figures.roas, last.figures.p25, last.value_grade) == (None, None, ValueGrade.S), "no cost at all, sales of its own: the best of its like"


def test_value_grades_stand_in_the_roster(peopled: Shop) -> None:
    shop = peopled
    take(shop, "sales", *(sale(n, 100_000, at=shop.now - n * DAY, coupon="AAA") for n in range(20)))
    take(
        shop,
        "costs",
        *(
            {"cost_id": str(n), "platform": "douyin", "platform_uid": str(n + 1), "kind": "fee", "amount_fen": 70_000, "incurred_at": shop.now - DAY}
            for n in range(2)
        ),
    )
    store = ReturnStore(shop.engine)
    assert store.refresh(shop.now, Quiet())
    assert not store.refresh(shop.now, Quiet()), "nothing happened meanwhile"
    shop.creators.tag(shop.ids(), ["复投"], [], shop.actor, shop.tick())
    assert not store.refresh(shop.now, Quiet()), "a tag changes no return"
    shop.creators.edit(shop.ids()[2:], {"category": "美妆"}, shop.actor, shop.tick(), None)
    assert store.refresh(shop.now, Quiet()), "a category changes who is compared with whom"
    one, two, three = shop.ids()
    assert shop.ids("value_grade = S") == [one]
    assert shop.ids("value_grade in (A, B)") == [two]
    assert shop.ids("value_grade = N") == [three]
    assert shop.ids("value_grade != N", "", "-value_grade") == [one, two]
    assert [shop.row(row).value_grade for row in (one, two, three)] == [ValueGrade.S, ValueGrade.B, ValueGrade.N]
    assert store.refresh(shop.now + 800 * DAY, Quiet()), "the trailing year moves on by itself"
    assert shop.ids("value_grade = N") == [one, two, three]


def test_a_source_may_name_its_sales(peopled: Shop) -> None:
    shop = peopled
    take(shop, "sales", *(sale(n, 100 + n, at=NOON + n, coupon="AAA") for n in range(10)))
    with reading(shop.engine) as connection:
        policy = returns.rules(connection).attribution
        pieces = list(shares.lines(connection, policy, Source(), size=3))
        assert [len(some.id) for some in pieces] == [3, 3, 3, 1]
        assert sum(int(some.net.sum()) for some in shares.lines(connection, policy, Source(NOON + 2, NOON + 5))) == 102 + 103 + 104
