# SPDX-License-Identifier: Apache-2.0
"""Workbooks of Excel 97 to 2003, which many tools still write."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from app.errors import InputRefusedError
from app.usecases.creators import Question
from app.values import day_start
from tests.sync.biff import xls

if TYPE_CHECKING:
    from tests.sync.conftest import Desk

HEADER = ["平台", "uid", "昵称", "粉丝数", "互动率", "数据日期"]


def test_a_binary_workbook_is_taken_in(desk: Desk):
    data = xls(
        [
            HEADER,
            ["抖音", "7200000000000000123", "茶🍵小主", 12_345, 1.5, 45_000],
            ["小红书", "5e0001", "Ｂ", "10万+", None, 45_000.5],
            ["快手", 9_007_199_254_740_994, "被四舍五入", 5, None, None],
            ["快手", 12, "丁", 1.2e6, None, None],
        ],
        dates=[5],
    )
    report = desk.prove(desk.file("名单.xls", data))
    assert (report.read, report.inserted, report.rejected) == (4, 3, 1)
    assert [(error.row, error.code) for error in report.errors] == [(4, "rounded_id")]
    desk.take(desk.file("名单.xls", data))
    creators = desk.services.creators
    rows = creators.rows(sorted(int(one) for one in creators.ids(Question())))
    assert [(row.name, row.followers) for row in rows] == [("茶🍵小主", 12_345), ("Ｂ", 100_000), ("丁", 1_200_000)]
    assert [row.accounts[0].platform_uid for row in rows] == ["7200000000000000123", "5e0001", "12"]
    metrics = {one.name: (one.value, one.as_of) for one in creators.detail(rows[0].id).metrics}
    day = day_start(date(2023, 3, 15), desk.services.creators.zone)
    assert metrics == {"followers": (12_345.0, day), "engagement_rate": (1.5, day)}


def test_the_days_of_a_workbook_from_an_old_mac_count_from_1904(desk: Desk):
    desk.take(desk.file("mac.xls", xls([HEADER, ["抖音", "1", "甲", 5, None, 45_000 - 1_462]], dates=[5], from_1904=True)))
    metric = desk.services.creators.detail(desk.services.creators.find("douyin:1")).metrics[0]
    assert metric.as_of == day_start(date(2023, 3, 15), desk.services.creators.zone)


def test_a_binary_workbook_that_is_cut_off_is_refused_in_words(desk: Desk):
    data = xls([HEADER, ["抖音", "1", "甲", 5, None, None]])
    with pytest.raises(InputRefusedError) as refused:
        desk.take(desk.file("cut.xls", data[: len(data) // 3]))
    assert refused.value.code == "workbook_unreadable"
