# SPDX-License-Identifier: Apache-2.0
"""A table is recognised by its headers: known exports, and whatever was taken in before."""

from __future__ import annotations

import pytest

from app.rules import sources
from app.rules.headers import plain

PGY = ("达人昵称", "小红书号", "粉丝数", "图文笔记一口价", "邀约48h回复率")
ORDERS = ("订单号", "商品名称", "实付金额", "付款时间", "优惠码")


def taken(headers: tuple[str, ...], at: int, **values: object) -> sources.Taken:
    made: dict[str, object] = {"kind": "creators", "mapping": {"name": headers[0]}, "platform": None, "key": (), "file": "a.xlsx", **values}
    return sources.Taken(headers=frozenset(map(plain, headers)), at=at, **made)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "code", "kind", "platform"),
    [
        (PGY, "pgy", "creators", "xiaohongshu"),
        (("达人名称", "星图ID", "１-20s视频报价", "21-60s视频报价"), "xingtu", "creators", "douyin"),
        (("达人", "抖音号", "带货口碑"), "chanmama", "creators", "douyin"),
        (("博主昵称", "小红书号", "千瓜指数"), "qiangua", "creators", "xiaohongshu"),
        (("账号名称", "新红指数"), "newrank", "creators", None),
        (("主订单编号", "子订单编号", "选购商品", "支付完成时间"), "doudian", "sales", "douyin"),
        (("Name", "Financial Status", "Paid at", "Lineitem name"), "shopify", "sales", None),
        (("昵称", "粉丝数", "记录ID", "创建时间"), "feishu", "creators", None),
        (ORDERS, None, "sales", None),
        (("type", "happened_at", "platform_uid"), None, "events", None),
        (("费用类型", "金额", "发生日期", "达人ID"), None, "costs", None),
        (("path", "conversions"), None, "paths", None),
        (("content_id", "platform_uid", "views"), None, "contents", None),
        (("什么", "都不", "认识"), None, "creators", None),
        ((), None, "creators", None),
    ],
)
def test_a_table_is_what_its_headers_say(headers: tuple[str, ...], code: str | None, kind: str, platform: str | None):
    found = sources.recognise(headers)
    assert (found.code, found.kind, found.platform, found.before) == (code, kind, platform, None)


def test_a_kind_whose_rows_would_lack_something_is_not_guessed():
    assert sources.recognise(("订单号", "实付金额", "商品名称", "昵称")).kind == "creators"  # no time of payment: no sale


def test_the_latest_table_with_the_same_headers_says_how_to_read():
    mine = ("我的名字列", "号", "备注栏")
    old = taken(mine, 1, mapping={"name": "我的名字列"})
    new = taken(mine, 2, mapping={"name": "我的名字列", "handle": "号"}, platform="kuaishou", key=("name",), file="b.xlsx")
    found = sources.recognise(("备注栏", "号", "我的名字列 "), [new, old])
    assert found.before == new
    assert (found.kind, found.platform) == ("creators", "kuaishou")
    assert found.columns == {"name": 2, "handle": 1}


def test_a_column_that_went_is_left_out_and_another_table_is_not_the_same():
    ten = tuple(f"列{one}" for one in range(10))
    before = taken(ten, 1, kind="sales", mapping={"order_id": "列0", "product": "列9"})
    found = sources.recognise(ten[:9], [before])
    assert found.before == before
    assert found.kind == "sales"
    assert found.columns == {"order_id": 0}
    assert sources.recognise(ten[:7], [before]).before is None


def test_an_import_from_before_headers_were_kept_never_fits():
    assert sources.recognise((), [sources.Taken("sales", frozenset(), {}, None, (), "", 1)]).before is None
