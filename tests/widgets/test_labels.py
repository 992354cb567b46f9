# SPDX-License-Identifier: Apache-2.0
"""Codes, numbers, dates and amounts as the reader of each language expects them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.values import DAY, Group, Stage, Tier
from app.words import Words
from widgets.labels import NOTHING, Labels

if TYPE_CHECKING:
    from app.values import Ranked


MOMENT = 1_795_514_580_000_000  # 2026-11-24 10:03 UTC


@pytest.fixture
def zh() -> Labels:
    return Labels(Words("zh"), "Asia/Shanghai")


@pytest.fixture
def en() -> Labels:
    return Labels(Words("en"), "Asia/Shanghai")


@pytest.mark.parametrize(
    ("number", "chinese", "english"),
    [
        (None, NOTHING, NOTHING),
        (0, "0", "0"),
        (9_999, "9,999", "9,999"),
        (10_000, "1万", "10K"),
        (123_456, "12.3万", "123.5K"),
        (999_960, "100万", "1M"),
        (99_999_999, "1亿", "100M"),
        (123_456_789, "1.2亿", "123.5M"),
        (2_500_000_000, "25亿", "2.5B"),
        (-51_300, "-5.1万", "-51.3K"),
    ],
)
def test_counts_are_short_in_the_way_of_the_language(zh: Labels, en: Labels, number: float | None, chinese: str, english: str):
    assert (zh.count(number), en.count(number)) == (chinese, english)


@pytest.mark.parametrize(
    ("fen", "text"),
    [(None, NOTHING), (0, "¥0.00"), (5, "¥0.05"), (123_456, "¥1,234.56"), (-100, "-¥1.00"), (-5, "-¥0.05"), (9_007_199_254_740_993, "¥90,071,992,547,409.93")],
)
def test_money_is_exact(zh: Labels, fen: int | None, text: str):
    assert zh.money(fen) == text


def test_shares(zh: Labels):
    assert (zh.percent(0.125), zh.percent(1), zh.percent(None)) == ("12.5%", "100%", NOTHING)
    assert (zh.bp(1250), zh.bp(1), zh.bp(0), zh.bp(None)) == ("12.5%", "0.01%", "0%", NOTHING)
    assert (zh.exact(1_234_567), zh.exact(1234.5), zh.exact(2.0), zh.exact(None)) == ("1,234,567", "1,234.5", "2", NOTHING)


def test_times_are_those_of_the_workspace(zh: Labels):
    assert (zh.time(MOMENT), zh.day(MOMENT), zh.day(None)) == ("2026-11-24 18:03", "2026-11-24", NOTHING)
    assert zh.day(MOMENT + 6 * 3_600_000_000) == "2026-11-25"


def test_how_long_ago(zh: Labels, en: Labels):
    assert zh.ago(MOMENT, MOMENT + 5_000_000) == "刚刚"
    assert zh.ago(MOMENT, MOMENT + 180_000_000) == "3 分钟前"
    assert en.ago(MOMENT, MOMENT + 60_000_000) == "1 minute ago"
    assert en.ago(MOMENT, MOMENT + 2 * 3_600_000_000) == "2 hours ago"
    assert en.ago(MOMENT, MOMENT + 3 * DAY) == "3 days ago"
    assert en.ago(MOMENT, MOMENT + 60 * DAY) == "2026-11-24"


@pytest.mark.parametrize("rank", [*Stage, *Tier, *Group])
def test_every_rank_has_a_word(zh: Labels, en: Labels, rank: Ranked):
    for labels in (zh, en):
        assert labels.rank(rank) not in {NOTHING, f"{type(rank).__name__.lower()}.{rank.code}"}
    assert zh.rank(None) == NOTHING


def test_fields_and_values(zh: Labels):
    assert zh.field("followers") == "粉丝数"
    assert zh.field("metric.某指标") == "某指标"
    assert zh.value("stage", 6) == zh.value("stage", "active") == "合作中"
    assert zh.value("tier", 3) == "腰部"
    assert zh.value("platform", "douyin") == "抖音"
    assert zh.value("platform", "lemon8") == "lemon8"
    assert zh.value("tags", ("美妆", "敏感肌")) == "美妆、敏感肌"
    assert zh.value("fee_fen", 1_200_000) == "¥12,000.00"
    assert zh.value("commission_bp", 1250) == "12.5%"
    assert zh.value("followers", 123_456) == "123,456"
    assert zh.value("joined_at", MOMENT) == "2026-11-24"
    assert zh.value("phone", "13800000000") == "13800000000"
    assert zh.value("notes", None) == zh.value("notes", "") == NOTHING
    assert zh.value("stage", 99) == "99"


def test_operations_name_what_was_done(zh: Labels):
    assert zh.operation("import.creators", {"file": "名单.xlsx"}) == "导入 名单.xlsx"
    assert zh.operation("creator.set", {"fields": ["city", "owner"]}) == "修改达人（城市、负责人）"
    assert zh.operation("something.new", {}) == "something.new"
