# SPDX-License-Identifier: Apache-2.0
"""Headers of the tools that creator sheets come from, in all their dresses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.errors import UsageError
from app.rules import headers
from app.rules.fields import field_of

SHARED = Path(__file__).parents[4] / "shared" / "data" / "real" / "g26_pgy_header_aliases" / "headers.json"
OF_PGY = {
    "nickname": "name", "xiaohongshu_id": "handle", "image_quote": {"fee_fen", "fee_image_fen"}, "video_quote": "fee_video_fen",
    "url": "url", "followers": "followers",
}  # fmt: skip


@pytest.mark.skipif(not SHARED.exists(), reason="../shared is absent")
def test_every_header_of_pgy_is_known():
    for meaning, words in json.loads(SHARED.read_text(encoding="utf-8")).items():
        if meaning.startswith("_"):
            continue
        wanted = OF_PGY.get(meaning, f"metric.{meaning}")
        for word in words:
            assert headers.field_for(word) in (wanted if isinstance(wanted, set) else {wanted}), word


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("星图", {"达人昵称": "name", "达人ID": "platform_uid", "抖音号": "handle", "粉丝数": "followers", "21-60s视频报价": "fee_video_fen", "星图指数": "influence_score", "完播率": "metric.video_completion", "预期CPM": "metric.expected_cpm"}),
        ("磁力聚星", {"达人昵称": "name", "快手ID": "handle", "粉丝量": "followers", "作品报价": "fee_fen", "平均播放量": "avg_views"}),
        ("花火", {"UP主昵称": "name", "UP主UID": "platform_uid", "定制视频报价": "fee_fen", "植入视频报价": "fee_video_fen", "分区": "category"}),
        ("新红", {"达人名称": "name", "小红书号": "handle", "获赞与收藏": "metric.liked_collected", "笔记数": "posts", "平均收藏": "metric.avg_saves", "IP属地": "city"}),
        ("千瓜", {"博主名称": "name", "粉丝总数": "followers", "赞藏总数": "metric.liked_collected", "篇均互动": "avg_engagement"}),
        ("飞瓜", {"播主": "name", "飞瓜指数": "influence_score", "集均点赞": "avg_likes", "集均评论": "avg_comments", "集均分享": "avg_shares"}),
        ("蝉妈妈", {"达人昵称": "name", "粉丝增量": "metric.fans_gained", "赞粉比": "metric.like_fan_ratio", "场均销售额": "metric.live_avg_sales"}),
        ("灰豚", {"主播昵称": "name", "灰豚指数": "influence_score", "场均观看": "metric.live_avg_viewers"}),
        ("HypeAuditor", {"Username": "handle", "Full name": "name", "ER": "engagement_rate", "AQS": "influence_score", "Authentic engagement": "authentic_engagement"}),
        ("Modash", {"username": "handle", "fullname": "name", "Average likes": "avg_likes", "Engagement rate": "engagement_rate", "Fake followers": "metric.fake_followers_ratio"}),
        ("Upfluence", {"Name": "name", "Instagram username": "handle", "Instagram followers": "followers", "Email": "email"}),
        ("Heepsy", {"Username": "handle", "Cost per post": "fee_fen", "Location": "city", "Engagement": "engagement_rate"}),
        ("Grin", {"Instagram Handle": "handle", "Phone Number": "phone", "Tags": "tags"}),
        ("CreatorIQ", {"Publisher Name": "name", "Primary Handle": "handle", "Total Followers": "followers", "Social Network": "platform"}),
        ("臺灣", {"達人暱稱": "name", "帳號": "handle", "粉絲數": "followers", "圖文報價（元）": "fee_image_fen", "互動率": "engagement_rate", "類別": "category", "備註": "notes"}),
    ],
)  # fmt: skip
def test_the_usual_tools_are_understood(tool: str, words: dict[str, str]):
    assert {word: headers.field_for(word) for word in words} == words, tool


@pytest.mark.parametrize(
    "word",
    [
        "粉丝数",
        "粉丝数\n",
        " 粉丝数 ",
        "粉 丝 数",
        "粉丝数（人）",
        "粉丝数(万)",
        "粉丝数（单位：万）",
        "粉丝数/万",
        "*粉丝数",
        "＊粉丝数",
        "粉丝数（必填）",
        "粉丝数：",
        "\ufeff粉丝数",
        "FOLLOWERS",
        "Ｆollowers",
        "#followers",
    ],
)
def test_dress_does_not_matter(word: str):
    assert headers.field_for(word) == "followers"


def test_strangers_stay_strangers():
    for word in ("", "随便", "CLASS", "profile pic", "score", "点赞数", "title"):
        assert headers.field_for(word) is None


def test_no_alias_means_two_fields():
    seen: dict[str, str] = {}
    for field, aliases in headers._ALIASES.items():
        assert field_of(field) is not None
        for alias in aliases.split(","):
            assert seen.setdefault(headers._even(alias), field) == field, alias


def test_units_are_read_from_the_header():
    assert headers.in_yuan("图文报价（元）")
    assert headers.in_yuan("报价")
    assert headers.in_yuan("Price (CNY)")
    assert not headers.in_yuan("fee_fen")
    assert not headers.in_yuan("报价（分）")
    assert headers.in_fen("报价（分）")
    assert headers.in_ten_thousands("粉丝数（万）")
    assert headers.in_ten_thousands("报价(万元)")
    assert headers.in_ten_thousands("粉丝数(w)")
    assert not headers.in_ten_thousands("粉丝数")


def test_a_platform_is_told_once():
    assert headers.told_platform("抖音达人名单_2024") == "douyin"
    assert headers.told_platform("小红书号", "昵称") == "xiaohongshu"
    assert headers.told_platform("抖音和小红书") is None
    assert headers.told_platform("名单") is None


# ---------------------------------------------------------------- mapping


def test_what_the_user_says_comes_first():
    match = headers.match(["A", "昵称", "粉丝数"], {"uid": "A", "followers": "2", "metric.x": "粉丝数"})
    assert match.columns == {"platform_uid": 0, "followers": 1, "metric.x": 2}
    assert match.unmapped == ()


def test_of_twins_the_first_counts_and_the_other_is_no_stranger():
    match = headers.match(["昵称", "粉丝数", "粉丝数", "别的"], {})
    assert match.columns == {"name": 0, "followers": 1}
    assert match.unmapped == ("别的",)


def test_a_mapping_may_be_the_whole_truth():
    match = headers.match(["2", "昵称", "粉丝数"], {"name": "2"}, only=True)
    assert match.columns == {"name": 1}


@pytest.mark.parametrize(
    ("mapping", "code", "known"),
    [({"nosuch": "A"}, "unknown_map_field", "platform_uid"), ({"tier": "A"}, "unknown_map_field", "followers"), ({"name": "ZZ"}, "unknown_column", "昵称"), ({"name": "9"}, "unknown_column", "昵称"), ({"name": ""}, "unknown_column", "昵称")],
)  # fmt: skip
def test_a_wrong_mapping_names_what_there_is(mapping: dict[str, str], code: str, known: str):
    with pytest.raises(UsageError) as caught:
        headers.match(["A", "昵称", ""], mapping)
    assert caught.value.code == code
    assert known in str(caught.value.details["known"])
