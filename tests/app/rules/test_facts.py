# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import tomllib
from typing import Any

import pytest

import resources
from app.errors import UsageError
from app.rules import cells, headers
from app.rules.facts import COST_KINDS, EVENT_TYPES, FACTS, KINDS, channels_of, code_of, content_of, field_in
from app.rules.fields import CREATOR_FIELDS, Home
from app.rules.rating.credit import CreditPolicy
from app.rules.roi import RoiPolicy

CLI = {
    "contents": "content_id platform platform_uid published_at title url impressions views likes comments shares saves clicks add_to_carts orders",
    "metrics": "content_id platform platform_uid published_at title url impressions views likes comments shares saves clicks add_to_carts orders as_of",
    "sales": "order_id line_id shop platform platform_uid content_id coupon product quantity unit_price_fen paid_at amount_fen refund_fen commission_fen"
    " currency new_customer",
    "touchpoints": "shop order_id platform platform_uid kind happened_at",
    "events": "event_id platform platform_uid type happened_at recorded_at confirmed_at voided_at evidence",
    "costs": "cost_id platform platform_uid content_id campaign kind amount_fen currency incurred_at",
    "contacts": "platform platform_uid handle name channel direction at who text answer_by",
    "trainings": "platform platform_uid handle name course mark passed taken_at passed_at",
    "paths": "path conversions nulls",
}


@pytest.mark.parametrize("kind", CLI)
def test_the_binding_names_are_fields(kind: str) -> None:
    for name in CLI[kind].split():
        assert field_in(kind, name) is not None, name
        assert headers.field_for(name, kind) == name


def test_every_kind_of_the_command_line_is_known() -> None:
    assert set(KINDS) == {"creators", *CLI}
    assert field_in("creators", "followers") == CREATOR_FIELDS["followers"]
    assert field_in("sales", "uid") == field_in("sales", "platform_uid")
    assert field_in("sales", "followers") is None


def test_needed_fields_are_fields_of_facts() -> None:
    for kind in FACTS.values():
        for name in kind.needs:
            assert kind.fields[name].home is Home.FACT


@pytest.mark.parametrize(
    ("kind", "header", "field"),
    [
        ("sales", "订单编号", "order_id"), ("sales", "主订单编号", "order_id"), ("sales", "子订单编号", "line_id"), ("sales", "买家实际支付金额", "amount_fen"),
        ("sales", "订单付款时间", "paid_at"), ("sales", "宝贝标题", "product"), ("sales", "选购商品", "product"), ("sales", "商品单价", "unit_price_fen"),
        ("sales", "Lineitem quantity", "quantity"), ("sales", "Lineitem price", "unit_price_fen"), ("sales", "Paid at", "paid_at"),
        ("sales", "Discount Code", "coupon"), ("sales", "amazon-order-id", "order_id"), ("sales", "order-item-id", "line_id"), ("sales", "purchase-date", "paid_at"),
        ("sales", "Order Total Amount", "amount_fen"), ("sales", "Refunded Amount", "refund_fen"), ("sales", "退款金额（元）", "refund_fen"), ("sales", "达人ID", "platform_uid"),
        ("sales", "是否新客", "new_customer"), ("contents", "笔记链接", "url"), ("contents", "小红书号", "handle"), ("contents", "预估阅读量", "views"),
        ("metrics", "数据日期", "as_of"), ("metrics", "日期", "as_of"), ("contents", "日期", "published_at"), ("costs", "费用类型", "kind"), ("costs", "金额(元)", "amount_fen"),
        ("events", "事件类型", "type"), ("events", "确认时间", "confirmed_at"), ("paths", "null_paths", "nulls"), ("touchpoints", "触点类型", "kind"),
        ("sales", "订单备注", None), ("paths", "粉丝数", None),
    ],
)  # fmt: skip
def test_headers_of_shops_mean_fields(kind: str, header: str, field: str | None) -> None:
    assert headers.field_for(header, kind) == field


def test_a_kind_maps_its_own_fields_only() -> None:
    match = headers.match(["订单号", "粉丝数", "x"], {"amount_fen": "x"}, kind="sales")
    assert match.columns == {"amount_fen": 2, "order_id": 0}
    assert match.unmapped == ("粉丝数",)
    with pytest.raises(UsageError, match="unknown_map_field"):
        headers.match(["订单号"], {"followers": "订单号"}, kind="sales")


@pytest.mark.parametrize(
    ("kind", "name", "word", "code"),
    [
        ("costs", "kind", "坑位费", "slot_fee"), ("costs", "kind", "DOU+", "boost"), ("costs", "kind", " Fee ", "fee"), ("costs", "kind", "platform_fee", "platform_fee"),
        ("costs", "kind", "红包", None), ("touchpoints", "kind", "优惠码", "coupon"), ("touchpoints", "kind", "LINK CLICK", "link"), ("touchpoints", "kind", "tv", None),
        ("events", "type", "未履约", "no_show"), ("events", "type", "Posted On Time", "posted_on_time"), ("events", "type", "house_rule", "house_rule"),
        ("sales", "currency", "人民币", "CNY"), ("sales", "currency", "usd", "USD"), ("costs", "currency", "￥", "CNY"), ("sales", "currency", "贝壳", None),
    ],
)  # fmt: skip
def test_words_stand_for_codes(kind: str, name: str, word: str, code: str | None) -> None:
    assert code_of(kind, name, word) == code


def policy(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.text("policies", f"{name}.toml"))


def test_codes_are_those_of_the_policies() -> None:
    roi = RoiPolicy.parse(policy("roi"))
    assert set(COST_KINDS) == roi.fixed_kinds | roi.variable_kinds
    assert set(EVENT_TYPES) == set(CreditPolicy.parse(policy("credit")).codes())


@pytest.mark.parametrize(
    ("url", "content"),
    [
        ("https://www.xiaohongshu.com/discovery/item/672d6f41000000001b011df0?xsec_token=CB1&xsec_source=pc", "672d6f41000000001b011df0"),
        ("https://www.xiaohongshu.com/explore/672d6f41000000001b011df0", "672d6f41000000001b011df0"),
        ("https://www.douyin.com/video/7301234567890123456?modeFrom=x", "7301234567890123456"),
        ("https://www.bilibili.com/video/BV1xx411c7mD/?p=2", "BV1xx411c7mD"),
        ("https://www.douyin.com/user/x?modal_id=7301234567890123456", "7301234567890123456"),
        ("https://www.instagram.com/reel/C0ffee_-12/", "C0ffee_-12"),
        ("https://example.com/a/b/?from=1#top", "https://example.com/a/b"),
        ("url1", "url1"),
    ],
)
def test_an_address_tells_the_content(url: str, content: str) -> None:
    assert content_of(url) == content


@pytest.mark.parametrize(
    ("path", "told"),
    [("a > b", "a > b"), ("a>b->c→d", "a > b > c > d"), ("小红书＞ 抖音", "小红书 > 抖音"), (" > a > ", "a"), (" > ", "")],
)
def test_a_path_is_its_channels(path: str, told: str) -> None:
    assert channels_of(path) == told


def read(kind: str, name: str, text: str, **how: bool) -> object:
    one = field_in(kind, name)
    assert one is not None
    return cells.parse(cells.Reading(one, "Asia/Shanghai", **how), text)[0]


@pytest.mark.parametrize(
    ("text", "value"), [("是", True), ("新客", True), ("首单", True), ("No", False), ("老客", False), ("复购", False), ("0", False), ("", None), ("-", None)]
)
def test_flags_are_read_by_their_words(text: str, value: object) -> None:
    assert read("sales", "new_customer", text) is value


def test_a_flag_that_says_neither_is_refused() -> None:
    with pytest.raises(cells.BadCellError, match="unknown_value"):
        read("sales", "new_customer", "也许")


def test_amounts_of_facts_may_be_below_zero_but_counts_of_views_not() -> None:
    assert read("sales", "amount_fen", "-12.345", yuan=True) == -1235
    assert read("sales", "quantity", "(3)") == -3
    with pytest.raises(cells.BadCellError, match="negative"):
        read("contents", "views", "-1")
