# SPDX-License-Identifier: Apache-2.0
"""From a campaign to settled figures: quotes, samples, drafts, links, and what each of it enters in the ledger, all by ``koc``."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from tests.journeys.desks import Desk, Warm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    made = Warm()
    yield made
    made.close()


@pytest.fixture
def desk(tmp_path: Path, warm: Warm) -> Desk:
    return Desk(tmp_path, warm)


NOW = datetime.now(UTC)


def at(days: float) -> str:
    """A moment so many days from now, as people type it."""
    return (NOW + timedelta(days=days)).isoformat(timespec="seconds")


def link(days: float, number: int) -> str:
    return f"https://www.douyin.com/video/{(int((NOW + timedelta(days=days)).timestamp()) << 32) + number}"


def types(desk: Desk, creator: str) -> list[tuple[str, bool]]:
    """What the desk entered of a creator: type, and whether it counts."""
    rows = desk.rows(
        "select e.type, e.confirmed_at is not null from credit_event e join account a on a.creator_id = e.creator_id"
        " where a.platform_uid = ? and e.source is not null and e.voided_at is null order by e.happened_at, e.id",
        creator,
    )
    return [(row[0], bool(row[1])) for row in rows]


def test_a_campaign_from_the_first_quote_to_the_figures_of_day_21(desk: Desk, tmp_path: Path) -> None:  # noqa: PLR0915 (a whole way)
    desk.koc("init")
    for number, name in enumerate(("小鹿试色本", "半糖厨房", "慢慢露营记"), start=1):
        desk.koc("creator", "add", "--name", name, "--account", f"douyin:{100 + number}:user{number}", "--followers", "20000")
    campaign = desk.koc("campaign", "add", "--name", "双十一种草", "budget_fen=500000", "category=美食").json["campaign"]
    assert desk.koc("campaign", "list").json["rows"][0]["code"] == campaign["code"]
    people = ["douyin:101", "douyin:102", "douyin:103"]
    added = desk.koc(
        "collab", "add", campaign["id"], *people, "--due", at(-22), "--draft-due", at(-25), "--sample-days", "5", "--sku", "YC-50",
        "--terms", "form=mixed,owner=安安,free_revisions=0",
    ).json  # fmt: skip
    first, second, third = added["ids"]

    # quotes: one by one, and a round by the sheet
    beside = desk.koc("collab", "quote", first, "--fee-fen", "80000", "--rebate-bp", "1000").json["rows"][0]
    assert (beside["fee_fen"], beside["total_fen"]) == (80_000, 72_000)
    sheet = tmp_path / "第二轮报价.csv"
    with sheet.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows([["平台", "达人ID", "形式", "报价", "返点"], ["抖音", "102", "视频", "600.00", "5%"], ["抖音", "999", "视频", "1", ""]])
    told = desk.koc("collab", "quotes", sheet, code=1).json
    assert (told["inserted"], told["rejected"], told["errors"][0]["code"]) == (1, 1, "unknown_creator")
    assert desk.koc("collab", "quotes", sheet, code=1).json["unchanged"] == 1
    states = {row["id"]: row["state"] for row in desk.koc("collab", "list", "--campaign", campaign["id"]).json["rows"]}
    assert states == {first: "quoted", second: "quoted", third: "candidate"}
    refused = desk.koc("collab", "set", first, "done", code=1).json["left"]
    assert [one["code"] for one in refused] == ["move_not_allowed"]
    desk.koc("collab", "set", f"{first},{second},{third}", "confirmed", "--at", at(-40))

    # samples: addresses, a batch for the warehouse in its columns, its waybills back
    tasks = {row["collaboration_id"]: row for row in desk.koc("fulfil", "due").json["rows"]}
    codes = [tasks[deal]["code"] for deal in (first, second, third)]
    assert {row["step"] for row in tasks.values()} == {"address"}
    desk.koc("fulfil", "stock", "YC-50", "3", "--unit-cost-fen", "3800")
    desk.koc("fulfil", "set", ",".join(codes), "address_ok", "--at", at(-39), "--with", "address=某市某路,recipient=收件人")
    batch = tmp_path / "batch.xlsx"
    desk.koc("fulfil", "batch", batch, "--columns", "order_no=出库单号,sku=商品编码,address=地址")
    rows = list(openpyxl.load_workbook(batch).worksheets[0].values)
    assert rows[0] == ("出库单号", "商品编码", "地址")
    waybills = tmp_path / "waybills.csv"
    with waybills.open("w", encoding="utf-8-sig", newline="") as file:
        lines = [[row[0], "顺丰", f"SF{at_:06d}", at(-38)] for at_, row in enumerate(rows[1:], start=1)]
        csv.writer(file).writerows([["出库单号", "快递公司", "运单号", "发货时间"], *lines, ["YP000000000", "顺丰", "SF9", at(-38)]])
    told = desk.koc("fulfil", "waybills", waybills, code=1).json
    assert (told["updated"], [one["code"] for one in told["errors"]]) == (3, ["unknown_order"])
    desk.koc("fulfil", "set", ",".join(codes), "received", "--at", at(-35))

    # drafts: one at once, one sent back beyond its free rounds, one never
    desk.koc("fulfil", "set", codes[0], "draft_in", "--at", at(-30), "--text", "初稿")
    desk.koc("fulfil", "set", codes[1], "draft_in", "--at", at(-24), "--text", "初稿")
    waiting = desk.koc("fulfil", "drafts").json["rows"]
    assert [(row["task_code"], row["late"]) for row in waiting] == [(codes[0], True), (codes[1], True)]
    desk.koc("fulfil", "review", waiting[0]["id"], "approve")
    desk.koc("fulfil", "set", codes[1], "revise", "--reason", "先说人话", "--at", at(-23.5))
    desk.koc("fulfil", "set", codes[1], "draft_in", "--at", at(-23))
    desk.koc("fulfil", "set", codes[1], "approved", "--at", at(-22.5))

    # links: many at once; what is not for anybody is told with its reason, and the whole paste is taken back and done again
    before = desk.hash
    text = "\n\n".join(
        [
            f"3.56 复制打开抖音，看看【小鹿试色本的作品】秋天第一杯 {link(-23, 1)} 08/12",
            f"{codes[1]} {link(-21, 2)}",
            f"看看【慢慢露营记的作品】 {link(-60, 3)}",
            f"{link(-23, 1)}",
        ]
    )
    found = desk.koc("links", "match", "-", stdin=text, code=1).json
    assert [(one["task_code"], one["by"]) for one in found["matched"]] == [(codes[0], "name"), (codes[1], "code")]
    assert [(one["line"], one["reason"]) for one in found["unmatched"]] == [(5, "too_old"), (7, "duplicate")]
    assert types(desk, "101") == [("draft_on_time", True), ("posted_on_time", True), ("approved_first_pass", True)]
    assert sorted(types(desk, "102")) == [("posted_late", False), ("revision_required", False)]
    desk.koc("imports", "undo", found["operation_id"])
    assert desk.hash == before
    found = desk.koc("links", "match", "-", stdin=text, code=1).json
    assert len(found["matched"]) == 2

    # figures: day 7 by a screenshot, day 21 checked; the one that never posted is proposed as a no-show by itself
    desk.koc("fulfil", "set", f"{codes[0]},{codes[1]}", "t7", "--at", at(-13), "--figures", "views=12000,likes=300", "--evidence", "截图")
    desk.koc("fulfil", "set", codes[0], "t21", "--at", at(-1), "--figures", "views=15000", "--source", "checked", "--evidence", "截图")
    assert ("metrics_verified", True) in types(desk, "101")
    assert types(desk, "103") == [("no_show", False)]
    due: dict[str, Any] = desk.koc("fulfil", "due").json
    assert {row["code"]: row["step"] for row in due["rows"]} == {codes[1]: "t21", codes[2]: "draft"}
    states = {row["id"]: row["state"] for row in desk.koc("collab", "list").json["rows"]}
    assert (states[first], states[third]) == ("done", "running")

    # what it cost, and whom it concerns
    desk.koc("collab", "book", f"{first},{second},{third}")
    shown = desk.koc("creator", "douyin:101").json
    assert [one["state"] for one in shown["collaborations"]] == ["done"]
    assert shown["costs"]["sample"] == 3_800
    told = desk.koc("roi", "--by", "campaign").json
    assert [(row["label"], row["fixed_fen"]) for row in told["rows"]] == [("双十一种草", 11_400)]
    standing = {row["id"]: row["standing"] for row in desk.koc("collab", "standing").json["rows"]}
    assert standing == {first: "not_measurable", second: "not_measurable", third: "not_measurable"}
    desk.koc("collab", "edit", first, "coupon=XIAOLU8")
    assert desk.koc("collab", "standing").json["rows"][0]["standing"] == "enters"
    desk.koc("collab", "set", third, "cancelled", "--reason", "no_show: 联系不上")
    losses = desk.koc("fulfil", "losses").json["rows"]
    assert [(row["creator"], row["lost_fen"]) for row in losses if row["lost"]] == [("慢慢露营记", 3_800)]
    counts = desk.koc("info").json["counts"]
    assert (counts["campaigns"], counts["collaborations"]) == (1, 3)
    assert desk.sound()


def test_wrong_words_are_told_as_such(desk: Desk) -> None:
    desk.koc("init")
    campaign = desk.koc("campaign", "add", "--name", "试").json["campaign"]["id"]
    desk.koc("creator", "add", "--name", "小鹿", "--account", "douyin:1:lu")
    deal = desk.koc("collab", "add", campaign, "douyin:1", "--due", at(5)).json["ids"][0]
    for words, code in (
        (("collab", "set", deal, "lost"), "unknown_word"),
        (("collab", "set", deal, "cancelled"), "value_missing"),
        (("collab", "set", "x", "invited"), "not_a_number"),
        (("campaign", "show", "99"), "unknown_campaign"),
        (("fulfil", "set", "99", "flown"), "unknown_word"),
        (("fulfil", "show", "KD0000000"), "unknown_deliverable"),
        (("campaign", "set", campaign, "colour=red"), "unknown_field"),
        (("fulfil", "set", "1", "posted", "--at", at(1)), "bad_value"),
    ):
        assert desk.koc(*words, code=2).json["error"]["code"] == code
    left = desk.koc("fulfil", "set", "1,99", "posted", code=1).json["left"]
    assert [(one["id"], one["code"]) for one in left] == [(99, "unknown_deliverable"), (1, "not_live")]
    assert desk.koc("links", "match", "nowhere.txt", code=2).json["error"]["code"] == "no_file"
