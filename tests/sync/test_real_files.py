# SPDX-License-Identifier: Apache-2.0
"""Real files that nobody in this project wrote, held to what their folder says a correct importer obtains."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

import pytest

from app.errors import UsageError
from app.usecases.creators import Question
from tests.sync.conftest import REAL

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sync.conftest import Desk

pytestmark = pytest.mark.skipif(not REAL.exists(), reason="../shared/data/real is absent")


def real(folder: str, pattern: str = "*") -> list[Path]:
    return sorted(path for path in next(REAL.glob(f"{folder}_*")).glob(pattern) if path.suffix != ".md")


LISTS = {
    "influencers - instagram.csv": (1000, 997, {"followers": 25_716_200_000, "authentic_engagement": 680_770_000, "avg_engagement": 922_101_500}),
    "influencers - tiktok.csv": (1000, 987, {"followers": 6_943_206_300, "avg_views": 3_168_608_900, "avg_likes": 396_343_800, "avg_comments": 3_579_560, "avg_shares": 3_927_365}),
    "influencers - youtube.csv": (1000, 998, {"followers": 17_404_300_000, "avg_views": 1_102_656_073, "avg_likes": 50_129_625, "avg_comments": 2_648_978}),
    "instagram june 2022 - june 2022.csv": (1022, 979, {"followers": 26_185_500_000, "avg_likes": 601_692_000, "avg_comments": 752_529_500}),
    "tiktok june 2022 - june 2022.csv": (1007, 990, {"followers": 6_878_384_800, "avg_views": 3_118_622_900, "avg_likes": 400_240_900, "avg_comments": 3_105_976, "avg_shares": 3_745_176}),
    "youtube june 2022 - june 2022.csv": (1021, 999, {"followers": 17_943_700_000, "avg_views": 1_172_619_112.5, "avg_likes": 55_056_043, "avg_comments": 2_400_135}),
}  # fmt: skip


@pytest.mark.parametrize("name", ["insta.csv", "top_insta_influencers_data.csv"])
def test_top_200_of_instagram_raw_and_cleaned(desk: Desk, name: str):
    report = desk.prove(real("g01", name)[0])
    assert (report.read, report.inserted, report.rejected) == (200, 200, 0)
    assert report.sums == {
        "influence_score": 16_364, "posts": 699_970, "followers": 15_481_900_000, "avg_likes": 357_420_700, "new_post_avg_likes": 241_626_500,
        "total_likes": 731_622_500_000, "engagement_rate": 378.5,
    }  # fmt: skip
    assert report.unmapped == ("rank",)
    desk.take(real("g01", name)[0])
    assert desk.services.creators.count(Question(where='country = ""')) == 62
    assert desk.services.creators.count(Question(where='country = "United States"')) == 66


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_three_platforms(desk: Desk, name: str):
    read, distinct, sums = LISTS[name]
    report = desk.prove(real("g02", f"*{name}")[0])
    assert (report.read, report.inserted, report.rejected) == (read, distinct, 0)
    assert report.sums == sums


@pytest.mark.parametrize("seed", [0, 1])
def test_the_lists_share_creators_in_whichever_order_they_come(desk: Desk, seed: int):
    files = real("g02")
    for path in random.Random(seed).sample(files, len(files)):  # noqa: S311 (an order, no secret)
        desk.take(path)
    found = {platform: desk.services.creators.count(Question(where=f"platform = {platform}")) for platform in ("instagram", "tiktok", "youtube")}
    assert found == {"instagram": 1194, "tiktok": 1657, "youtube": 1101}


@pytest.mark.parametrize("name", ["2018年抖音数据.csv", "2018年抖音数据_GB18030_derived.csv"])
def test_a_list_without_header_by_nickname(desk: Desk, name: str):
    (path,) = real("g05", name)
    mapping = {"nickname": "1", "category": "3", "total_likes": "4", "followers": "5", "posts": "6"}
    report = desk.prove(path, mapping=mapping, key=("nickname",))
    assert (report.read, report.inserted, report.duplicates, report.rejected) == (2480, 2472, 8, 0)
    assert report.sums == {"total_likes": 43_967_305_300, "followers": 6_874_312_839, "posts": 517_994}
    assert desk.take(path, mapping=mapping).rejected == 2480
    with pytest.raises(UsageError, match="no_columns"):
        desk.take(path, key=("nickname",))


def test_notes_with_their_authors(desk: Desk):
    report = desk.prove(real("g03")[0], platform="小红书")
    assert (report.read, report.inserted, report.duplicates) == (1939, 1722, 217)
    assert report.sums["followers"] == 296_733_317
    assert report.sums["posts"] == 122_479
    desk.take(real("g03")[0], platform="小红书")
    creators = desk.services.creators
    rows = creators.rows([int(one) for one in creators.ids(Question())])
    assert sum(row.followers or 0 for row in rows) == 92_364_534


def test_two_exports_of_one_tool_overlap(desk: Desk):
    first, second = real("g04", "xiaohongshu.xlsx")[0], real("g04", "小学资料.xlsx")[0]
    report = desk.prove(first)
    assert (report.read, report.inserted, report.sums["followers"]) == (50, 40, 449_833)
    desk.take(first)
    before = desk.hash
    report = desk.take(second)
    assert (report.inserted, report.updated) == (0, 0)
    assert desk.hash == before


@pytest.mark.parametrize("folder", ["g06", "g07", "g08", "g09"])
def test_files_of_other_kinds_make_no_creators(desk: Desk, folder: str):
    before = desk.hash
    for path in real(folder):
        with contextlib.suppress(UsageError):  # of some no column is known at all
            report = desk.take(path)
            assert report.rejected == report.read
    assert desk.hash == before
