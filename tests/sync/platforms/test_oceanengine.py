# SPDX-License-Identifier: Apache-2.0
"""The Ocean Engine's feeds against its contract on loopback: every trap the contract names, and what happens when it is not kept."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from app.errors import PlatformError
from sync.feeds import DAY, Cursor, Span
from sync.pagination import Leaf
from sync.platforms.oceanengine import ACCOUNTS, STAR
from sync.tables import Parser
from tests.emulators.brand import clock, day
from tests.sync.platforms.conftest import STREAMS

if TYPE_CHECKING:
    from app.usecases.syncing import Page
    from tests.sync.platforms.conftest import Desk

STATES = {-1: "invited", 1: "confirmed", 2: "cancelled", 3: "done", 4: "cancelled", 10: "running"}
SECOND = 1_000_000


def told(desk: Desk) -> dict[str, Any]:
    """Everything that was brought, to compare."""
    return {f"{kind}/{key}": dict(fields) for (kind, key), fields in sorted(desk.look.records.items())}


def rejected(pages: list[Page]) -> list[tuple[str, str]]:
    """Fields and reasons of what was refused."""
    return [(one.field, one.reason) for page in pages for one in page.rejected]


def drift(pages: list[Page]) -> list[tuple[str, str, str]]:
    """What no longer looks as the contract says."""
    return [(one.field, one.kind, one.other) for page in pages for one in page.drift]


# ---------------------------------------------------------------- what it brings


def test_everything_of_a_brand(desk: Desk) -> None:
    """Ids beyond 2^53 digit for digit, both paging families, yuan and fen, seconds and texts in Shanghai."""
    pages, brand, look = desk.pull(), desk.server.brand, desk.look
    assert not drift(pages)
    assert not rejected(pages)
    assert not any(page.missing for page in pages)
    campaigns = look.of("campaigns")
    assert campaigns.keys() == {str(key) for key in brand.campaigns} | {f"demand:{key}" for key in brand.demands}
    for one in brand.campaigns.values():
        status = {1: "running", 2: "done", 3: "cancelled"}[one.status]
        assert campaigns[str(one.id)] == {
            "account": str(one.star), "source_kind": "campaign", "name": one.name, "status": status, "started_at": one.created * SECOND,
        }  # fmt: skip
    for demand in brand.demands.values():
        assert campaigns[f"demand:{demand.id}"] == {
            "account": str(demand.star), "source_kind": "demand", "task_key": str(demand.id), "name": demand.name,
            "started_at": demand.created * SECOND, "settlement": demand.settlement,
        }  # fmt: skip
    orders = look.of("collaborations")
    assert orders.keys() == {str(key) for key in brand.orders}
    for order in brand.orders.values():
        assert orders[str(order.id)] == {
            "platform": "douyin", "account": str(order.star), "platform_uid": str(order.creator.id), "name": order.creator.name,
            "campaign_key": str(order.campaign), "task_key": str(order.demand), "source_state": str(order.status),
            "state": STATES.get(order.status, "running"), "ordered_at": order.created * SECOND, "published_at": order.released * SECOND or None,
            "finished_at": order.finished * SECOND or None, "cancel_reason": order.reason or None,
            "fee_fen": order.cost, "platform_fee_fen": order.fee, "total_fen": order.cost + order.fee, "paid_fen": order.paid,
            "refund_fen": order.refund, "deduct_fen": order.deducted,
            **({"content_id": str(order.item), "title": order.title} if order.item else {}),
        }  # fmt: skip


def test_contents_expenses_and_figures(desk: Desk) -> None:
    desk.pull()
    brand, look = desk.server.brand, desk.look
    posted = {str(one.item): one for one in brand.orders.values() if one.item}
    contents = look.of("contents")
    assert contents.keys() == posted.keys()
    assert all(contents[key]["url"].endswith(f"/{key}/") and contents[key]["title"] == one.title for key, one in posted.items())  # type: ignore[attr-defined] # a text
    paid = {one.id: one for one in brand.orders.values() if one.paid}
    costs = look.of("costs")
    assert costs.keys() == {f"oceanengine:{key}:{kind}" for key in paid for kind in ("fee", "platform_fee")}
    for order in paid.values():
        fee = costs[f"oceanengine:{order.id}:fee"]
        assert (fee["amount_fen"], fee["campaign"]) == (max(order.cost - order.refund, 0), brand.campaigns[order.campaign].name)
        assert costs[f"oceanengine:{order.id}:platform_fee"]["amount_fen"] == order.fee
        assert fee.get("content_id") == (str(order.item) if order.item else None)
    shanghai = day(int(time.time()))
    metrics = look.of("metrics")
    for key, order in posted.items():
        today = metrics[f"{key}:{shanghai}"]
        assert (today["views"], today["likes"], today["impressions"]) == (order.plays, order.plays // 23, order.plays // 2)


def test_days_add_up_and_the_row_without_a_day_is_none(desk: Desk) -> None:
    """The date of basic data is "0"; what a day added becomes the total since publication."""
    desk.pull()
    order = next(one for one in desk.server.brand.orders.values() if one.item and 20 * 86_400 < desk.server.brand.now - one.released < 60 * 86_400)
    days = [day(order.released + number * 86_400) for number in range(7)]
    views = [desk.look.of("metrics")[f"{order.item}:{one}"]["views"] for one in days]
    assert views == [sum(max(order.plays >> (number + 1), 1) for number in range(count + 1)) for count in range(7)]
    asked = [dict(one.query) for one in desk.server.requests("custom_data_topic_daily_report") if dict(one.query)["work_id"] == str(order.item)]
    assert [(one["start_time"], json.loads(one["topics"])) for one in asked] == [(clock(order.released)[:10], ["BASIC_DATA", "FLOW_DATA", "CONVERT_DATA"])]


def test_sales_have_a_place_where_nothing_else_tells_them_apart(desk: Desk) -> None:
    """Keyed by task, content, second and place: no order id is given, and none of two equal sales is lost."""
    pages = [page for page in desk.pull() if page.kind == "cps"]
    sales = desk.server.brand.sales
    assert sum(len(page.records) for page in pages) == sum(map(len, sales.values()))
    assert {page.whole["task_key"] for page in pages if page.whole} == set(map(str, sales))
    for task, rows in sales.items():
        brought = [one for one in desk.look.of("cps").values() if one["task_key"] == str(task)]
        assert sorted(one["amount_fen"] for one in brought) == sorted(one.amount for one in rows)  # type: ignore[type-var] # numbers
    assert any(one["position"] == 2 for one in desk.look.of("cps").values())


def test_bills_are_the_whole_list_of_an_account(desk: Desk) -> None:
    desk.pull()
    owed = {str(one.id): one.owed for one in desk.server.brand.orders.values() if one.owed}
    assert {key: one["remaining_fen"] for key, one in desk.look.of("bills").items()} == owed
    paid = next(one for one in desk.server.brand.orders.values() if one.owed)
    paid.paid = paid.cost + paid.fee
    desk.server.brand.version += 1
    desk.pull("bills")
    assert str(paid.id) not in desk.look.of("bills")


@pytest.mark.parametrize("nowhere", [None, 0])
def test_an_order_of_no_campaign_hangs_on_its_task(desk: Desk, nowhere: int | None) -> None:
    """Whether the platform leaves the campaign out or says 0."""
    desk.pull("accounts", "campaigns", "demands")
    desk.server.misbehave("set", "demand/order/list", times=None, field="campaign_id", value=nowhere)
    desk.pull("demand_orders")
    orders = desk.look.of("collaborations")
    assert orders
    assert {one["campaign_key"] for one in orders.values()} == {f"demand:{one['task_key']}" for one in orders.values()}
    desk.server.behave()
    desk.pull("orders")
    listed = {key: one["campaign_key"] for key, one in desk.look.of("collaborations").items()}
    desk.server.misbehave("set", "demand/order/list", times=None, field="campaign_id", value=nowhere)
    desk.pull("demand_orders", full=True)
    assert {key: one["campaign_key"] for key, one in desk.look.of("collaborations").items()} == listed


def test_only_valid_star_accounts_are_asked(desk: Desk) -> None:
    """is_valid=false and other roles are skipped: they would be refused."""
    desk.pull("accounts", "campaigns", "demands", "bills")
    assert len(desk.look.of("granted")) == len(desk.server.brand.accounts)
    asked = {dict(one.query)["star_id"] for one in desk.server.requests("/2/star/")}
    assert asked == set(map(str, desk.server.brand.stars))


def test_a_role_by_its_other_names() -> None:
    """account_role is told beside account_type; the number 6 is what a star was called before."""
    rows = [
        {"account_id": 1, "account_name": "a", "account_role": STAR, "is_valid": True},
        {"advertiser_id": 2, "advertiser_name": "b", "advertiser_role": 6, "is_valid": True},
        {"advertiser_id": 3, "advertiser_name": "c", "advertiser_role": 1, "is_valid": True},
    ]
    done = Parser(ACCOUNTS.table).read(ACCOUNTS.rows(Leaf(rows, {}, None, None), (), Span(None, 0)))
    assert [one.fields.get("role") for one in done.records] == [STAR, STAR, None]


def test_a_task_by_its_other_name(desk: Desk) -> None:
    """One source calls it name: no drift."""
    desk.server.misbehave("rename", "demand/list", times=None, field="demand_name", to="name")
    desk.pull("accounts")
    assert not drift(desk.pull("demands"))
    assert all(one["name"] for one in desk.look.of("campaigns").values())


def test_the_token_goes_in_its_header_and_nowhere_else(desk: Desk) -> None:
    """F11: an address is written down on the way."""
    desk.pull("accounts", "campaigns")
    for one in desk.server.requests("advertiser/get"):
        assert one.headers["access-token"]
        assert not one.query


# ---------------------------------------------------------------- again and later


def test_a_second_pull_brings_nothing_new(desk: Desk) -> None:
    desk.pull()
    before, requests = told(desk), len(desk.server.requests())
    desk.pull()
    assert told(desk) == before
    assert len(desk.server.requests()) - requests < requests


def test_what_changes_at_the_platform_comes_with_the_next_pull(desk: Desk) -> None:
    desk.pull()
    desk.server.mutate(30)
    desk.pull()
    later = told(desk)
    desk.look.records.clear()
    desk.cursors.clear()
    desk.pull()
    fresh = told(desk)
    assert later == fresh


def test_goes_on_after_every_page(desk: Desk) -> None:
    """E11: whoever was stopped after a page has everything in the end."""
    desk.pull("accounts", "campaigns", "demands")
    start = dict(desk.look.records)
    count = len(desk.pull("orders"))
    whole = told(desk)
    for stopped in range(1, count):
        desk.look.records = {key: dict(fields) for key, fields in start.items()}
        desk.cursors.pop("orders")
        pages = desk.pages("orders")
        for _ in range(stopped):
            next(pages)
        pages.close()  # type: ignore[attr-defined] # a generator
        rest = desk.pull("orders")
        assert len(rest) == count - stopped
        assert told(desk) == whole


def test_a_full_pull_reads_all_again(desk: Desk) -> None:
    desk.pull()
    before = len(desk.server.requests())
    desk.pull(full=True)
    assert len(desk.server.requests()) - before >= before - len(desk.server.requests("oauth2/access_token"))


def test_late_changes_of_young_orders_are_read_again_and_old_ones_are_left_alone(desk: Desk) -> None:
    desk.server.brand.new_order(status=3, created=desk.server.brand.now - 200 * 86_400)
    desk.pull()
    asked = len(desk.server.requests("get_info"))
    old = next(one for one in desk.server.brand.orders.values() if one.status == 3 and max(one.created, one.finished) < desk.server.brand.now - 181 * 86_400)
    desk.pull("order_info")
    again = {key for one in desk.server.requests("get_info")[asked:] for key in json.loads(dict(one.query)["order_ids"])}
    assert again
    assert old.id not in again
    unfinished = {one.id for one in desk.server.brand.orders.values() if one.status not in {2, 3, 4}}
    assert unfinished <= again


def test_tasks_are_asked_for_by_the_time_they_were_made(desk: Desk) -> None:
    desk.pull("accounts", "demands")
    desk.server.forget()
    desk.pull("demands")
    (reach,) = {dict(one.query)["filtering"] for one in desk.server.requests("demand/list")}
    since = Cursor.read(desk.cursors["demands"]).since or 0
    begin = json.loads(reach)["query_time_range"]["start_time"]
    assert begin == clock((since - 185 * DAY) // SECOND)


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("code", [40100, 40110, 50000, 50001, 50002])
def test_a_busy_platform_says_so_under_http_200(desk: Desk, code: int) -> None:
    desk.server.misbehave("code", "campaign/list", code=code)
    desk.pull("accounts")
    desk.pull("campaigns")
    assert len(desk.look.of("campaigns")) == len(desk.server.brand.campaigns)
    assert desk.watch.traffic.retries == 1


@pytest.mark.parametrize(("code", "word"), [(40118, "not_granted"), (40000, "refused"), (50003, "refused"), (40102, "refused")])
def test_a_refusal_under_http_200_is_one(desk: Desk, code: int, word: str) -> None:
    desk.server.misbehave("code", "advertiser/get", times=None, code=code)
    with pytest.raises(PlatformError) as caught:
        desk.pull("accounts")
    assert (caught.value.code, caught.value.details["answer"]) == (word, code)
    assert "accounts" not in desk.cursors


def test_one_account_that_is_refused_does_not_stop_the_other(desk: Desk) -> None:
    desk.pull("accounts")
    desk.server.misbehave("code", "campaign/list", code=40118)
    pages = desk.pull("campaigns")
    assert sum(page.missing for page in pages) == 1
    assert {one["account"] for one in desk.look.of("campaigns").values()} == {str(desk.server.brand.stars[1])}
    assert [code for code, _ in desk.watch.lines] == ["part_refused"]
    desk.pull("campaigns")
    assert len(desk.look.of("campaigns")) == len(desk.server.brand.campaigns)


def test_one_retired_task_does_not_stop_the_others(desk: Desk) -> None:
    desk.pull("accounts", "campaigns", "demands", "orders")
    desk.server.misbehave("code", "demand/order/list", nth=3, code=40000)
    pages = desk.pull("demand_orders")
    assert sum(page.missing for page in pages) == 1
    assert sum(page.received for page in pages) < len(desk.server.brand.orders)


def test_a_token_that_runs_out_on_the_way_is_renewed_once(desk: Desk) -> None:
    """F01: the same page again."""
    desk.pull("accounts", "campaigns")
    desk.server.misbehave("expire", "list_by_campaign", nth=3)
    pages = desk.pull("orders")
    assert desk.server.refreshes == 1
    assert len({one.key for page in pages for one in page.records}) == len(desk.server.brand.orders)
    asked = [dict(one.query)["page"] for one in desk.server.requests("list_by_campaign")]
    assert asked[2] == asked[3]


def test_a_retired_address_is_told_from_a_dead_login(desk: Desk) -> None:
    """40105 is both: a fresh token that works elsewhere settles it."""
    desk.pull("accounts")
    desk.server.misbehave("code", "campaign/list", times=None, code=40105)
    with pytest.raises(PlatformError) as caught:
        desk.pull("campaigns")
    assert caught.value.code == "connector_outdated"
    assert desk.server.refreshes == 1
    assert len(desk.server.requests("campaign/list")) == 2


def test_a_consent_taken_back_ends_in_sign_in_again(desk: Desk) -> None:
    desk.pull("accounts")
    desk.server.revoke()
    for _ in range(2):
        with pytest.raises(PlatformError) as caught:
            desk.pull("campaigns")
        assert caught.value.code in {"login_needed", "disconnected"}
    assert len(desk.server.requests("refresh_token")) == 1


@pytest.mark.parametrize("fault", ["html", "gbk"])
def test_an_answer_that_is_none_of_its(desk: Desk, fault: str) -> None:
    """D04, D07."""
    desk.server.misbehave(fault, "advertiser/get", times=None)
    with pytest.raises(PlatformError) as caught:
        desk.pull("accounts")
    assert caught.value.code == "unexpected_answer"
    assert not desk.look.records


def test_the_same_page_for_ever(desk: Desk) -> None:
    """E09."""
    desk.pull("accounts", "campaigns")
    desk.server.misbehave("again", "list_by_campaign", times=None)
    with pytest.raises(PlatformError) as caught:
        desk.pull("orders")
    assert caught.value.code == "endless_paging"
    assert len(desk.server.requests("list_by_campaign")) <= 4


def test_orders_that_come_in_on_the_way(desk: Desk) -> None:
    """E05."""
    desk.pull("accounts", "campaigns")
    desk.server.misbehave("insert", "list_by_campaign", nth=2, times=2)
    pages = desk.pull("orders")
    assert desk.look.of("collaborations").keys() == set(map(str, desk.server.brand.orders))
    assert not any(page.missing for page in pages)


def test_rows_that_come_twice(desk: Desk) -> None:
    """E07."""
    desk.pull("accounts", "campaigns")
    desk.server.misbehave("duplicate", "list_by_campaign", times=None, share=0.1)
    pages = desk.pull("orders")
    assert desk.look.of("collaborations").keys() == set(map(str, desk.server.brand.orders))
    assert sum(page.received for page in pages) > sum(len(page.records) for page in pages)


def test_a_thousand_orders_of_one_second(desk: Desk) -> None:
    """E10."""
    desk.server.brand.same_second(1000)
    desk.pull("accounts", "campaigns", "demands", "orders", "demand_orders")
    assert desk.look.of("collaborations").keys() == set(map(str, desk.server.brand.orders))


def test_a_total_that_never_fits_is_told(desk: Desk) -> None:
    desk.server.misbehave("miscount", "campaign/list", times=None, by=3)
    desk.pull("accounts")
    assert [page.missing for page in desk.pull("campaigns")][-1] == 3


def test_rows_that_never_come_are_told(desk: Desk) -> None:
    desk.pull("accounts", "campaigns")
    desk.server.misbehave("swallow", "list_by_campaign", times=None, rows=1)
    assert sum(page.missing for page in desk.pull("orders")) > 0


def test_a_name_that_is_missing_here_and_there(desk: Desk) -> None:
    """E01."""
    desk.pull("accounts", "campaigns")
    desk.server.misbehave("drop", "list_by_campaign", times=None, field="author_name", share=0.2)
    pages = desk.pull("orders")
    assert drift(pages) == [("author_name", "missing", "")]
    assert not rejected(pages)
    assert len(desk.look.of("collaborations")) == len(desk.server.brand.orders)


def test_a_renamed_name_overwrites_nothing(desk: Desk) -> None:
    """E02."""
    desk.pull("accounts", "campaigns", "orders")
    before = told(desk)
    desk.server.misbehave("rename", "list_by_campaign", times=None, field="author_name", to="nickname")
    assert drift(desk.pull("orders", full=True)) == [("author_name", "renamed", "nickname")]
    assert told(desk) == before


@pytest.mark.parametrize("to", ["text", "object", "list"])
def test_money_of_another_type(desk: Desk, to: str) -> None:
    """E03: frozen; the orders stay as they were."""
    desk.pull("accounts", "campaigns", "orders")
    before = told(desk)
    desk.server.misbehave("retype", "get_info", times=None, field="precise_task_cost", to=to)
    pages = desk.pull("order_info")
    assert set(rejected(pages)) == {("payment_info.precise_task_cost", "type_changed")}
    assert len(rejected(pages)) == len(desk.server.brand.orders)
    assert told(desk) == before
    assert "199" not in "".join(one.raw for page in pages for one in page.rejected if '"phone' in one.raw)


def test_no_telephone_number_is_kept_with_what_was_refused(desk: Desk) -> None:
    desk.pull("accounts", "campaigns", "orders")
    desk.server.misbehave("retype", "get_info", times=None, field="precise_total", to="list")
    pages = desk.pull("order_info")
    kept = "".join(one.raw for page in pages for one in page.rejected)
    assert kept
    assert not any(one.phone in kept for one in desk.server.brand.creators)


@pytest.mark.parametrize(("to", "kept"), [("text", True), ("list", False)])
def test_a_description_of_another_type(desk: Desk, to: str, kept: bool) -> None:
    """E03: evolves."""
    desk.server.misbehave("retype", "list_by_campaign", times=None, field="create_time", to=to)
    desk.pull("accounts", "campaigns")
    pages = desk.pull("orders")
    assert [(field, kind) for field, kind, _ in drift(pages)] == [("create_time", "type")]
    assert all(("ordered_at" in one) is kept for one in desk.look.of("collaborations").values())


@pytest.mark.parametrize("field", ["item_play_cnt", "precise_total", "platform_fee", "value", "amount", "order_status", "create_time"])
def test_whatever_stands_in_a_number(desk: Desk, field: str) -> None:
    """D08: what is brought is right, the rest is refused with its text or was never told."""
    desk.pull()
    sound = told(desk)
    desk.look.records.clear()
    desk.cursors.clear()
    desk.server.misbehave("fuzz", "/2/star/", times=None, field=field, share=0.3)
    pages = [page for stream in STREAMS for page in desk.pull(stream)]
    assert all(one.raw for page in pages for one in page.rejected)
    spelled = {12, 1200, 12_000, 1_200_000, 100_000, 10_000_000, 12_000_000}
    for key, fields in told(desk).items():
        if key.startswith(("metrics/", "cps/")):
            continue  # totals of days and places go on from what is sure
        for name, value in fields.items():
            right = sound.get(key, {}).get(name)
            yuan = isinstance(value, int) and isinstance(right, int) and name.endswith("_fen") and value == right // 100 * 100
            assert value == right or yuan or value in spelled or name in {"ordered_at", "started_at", "incurred_at", "state", "source_state"}, (key, name)
    for key, fields in told(desk).items():
        if key.startswith("metrics/"):
            assert all(value is None or not isinstance(value, int) or value >= 0 for value in fields.values())


def test_twins_that_disagree(desk: Desk) -> None:
    desk.pull("accounts", "campaigns", "orders")
    desk.server.misbehave("set", "get_info", times=None, field="task_cost", value=1)
    assert set(rejected(desk.pull("order_info"))) == {("payment_info.task_cost", "twins_differ")}
