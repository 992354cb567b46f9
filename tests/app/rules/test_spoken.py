# SPDX-License-Identifier: Apache-2.0
"""A filter takes the words that people read in the table, in either language."""

from __future__ import annotations

import re

import pytest

from app.errors import UsageError
from app.usecases.creators import parse_filter

ZONE = "Asia/Shanghai"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("粉丝数 > 10万 且 平台 = 抖音", "followers > 100000 and platform = douyin"),
        ("达人量级 in (素人，腰部)", "tier in (nano, mid)"),
        ("招募阶段 = 合作中", "stage = active"),
        ("达人分组 = 腰部KOC", "group = mid_koc"),
        ("Followers >= 1k and Tier = Nano", "followers >= 1000 and tier = nano"),
        ("昵称 ~ 茶 或 非 城市 = 杭州", "name ~ 茶 or not city = 杭州"),
    ],
)
def test_words_of_the_table_are_words_of_the_filter(said: str, meant: str):
    assert _placeless(parse_filter(said, ZONE)) == _placeless(parse_filter(meant, ZONE))


@pytest.mark.parametrize(("text", "code"), [("报价 > 1000", "unknown_field"), ("佣金率 > 5", "unknown_field"), ("达人量级 = 网红", "filter_value")])
def test_a_title_that_speaks_of_another_unit_is_no_field(text: str, code: str):
    with pytest.raises(UsageError) as caught:
        parse_filter(text, ZONE)
    assert caught.value.code == code


def _placeless(node: object) -> str:
    """A tree without the places of its parts."""
    return re.sub(r"position=\d+", "", repr(node))
