# SPDX-License-Identifier: Apache-2.0
"""A stranger's list of creators from the file into a real workspace: mapping, keys, counts, sums, rejects, undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.errors import UsageError
from app.files import ImportRequest
from app.usecases.creators import Question
from sync.platforms.spreadsheet import Spreadsheets
from tests.sync.conftest import book, zipped

if TYPE_CHECKING:
    from app.files import ImportReport
    from tests.sync.conftest import Desk


def codes(report: ImportReport) -> list[tuple[int, str]]:
    return [(one.row, one.code) for one in report.errors]


def warned(report: ImportReport) -> set[str]:
    return {one.code for one in report.warnings}


def counts(report: ImportReport) -> tuple[int, ...]:
    return report.read, report.inserted, report.rejected, report.duplicates


EVERY_TRICK = """\ufeff达人合作名单,,,,,,,,
制表：2024-01-05,,,,,,,,

*达人昵称,小红书号,平台,粉丝数（万）,互动率,"图文报价
（元）",加入时间,标签,UID
甲,x1,小红书,1.2,3.5%,1200.50,2024/1/5,美食;探店,7200000000000000123
乙,x2,RED,10万+,1.39%,"3,000",2024年1月6日,--,0012
*达人昵称,小红书号,平台,粉丝数（万）,互动率,"图文报价
（元）",加入时间,标签,UID
,,,,,,,,
丙,＠X3,xhs,50万～100万,N/A,#VALOR!,45296,,
丙,x3,小红书,,-,300.005,,-,
丁,x4,小红书,3,2%,-5,2024-01-01,,0013
戊,x5,小红书,3,2%,5,2026/2/30,,0014
己,x6,小红书,3,2%,5,,,7.2E+18
庚\x00,x7,小红书,3,2%,5,,,0016
合计,,,18.2,,,,,
"""


def test_a_file_with_every_trick(desk: Desk):
    report = desk.prove(desk.file("every.csv", EVERY_TRICK))
    assert counts(report) == (9, 3, 5, 1)
    assert codes(report) == [(11, "negative"), (12, "bad_date"), (13, "rounded_id"), (14, "control_character"), (15, "totals_row")]
    assert report.sums == {"followers": 112_000, "engagement_rate": 4.89, "fee_image_fen": 450_050.5}
    assert warned(report) == {"at_least", "range", "rounded"}
    assert report.mapping["followers"] == "粉丝数（万）"
    assert report.errors[0].column == "图文报价\n（元）"
    desk.take(desk.folder / "every.csv")
    assert desk.names == ["甲", "乙", "丙"]
    first = desk.services.creators.rows(list(desk.services.creators.ids(Question(where="name = 甲"))))[0]
    assert first.accounts[0].platform_uid == "7200000000000000123"
    assert (first.accounts[0].fee_image_fen, first.tags, first.followers) == (120_050, ("美食", "探店"), 12_000)


def test_the_same_as_a_workbook(desk: Desk):
    head = ["达人昵称", "小红书号", "粉丝数", "互动率", "图文报价"]
    data = book(
        [["名单"], [], head, ["甲", "x1", 12_000, (0.035, "0.0%"), 1200.5], head, [], ["乙", "x2", "10万+", (0.0139, "0.00%"), 3000], ["合计", None, 112_000]]
    )
    report = desk.prove(desk.file("小红书.xlsx", data))
    assert counts(report) == (3, 2, 1, 0)
    assert codes(report) == [(8, "totals_row")]
    assert report.sums == {"followers": 112_000, "engagement_rate": 4.89, "fee_image_fen": 420_050}


def test_a_header_in_two_rows_with_merged_cells(desk: Desk):
    merged = [(0, 0, 1, 0, "达人昵称"), (0, 1, 1, 1, "小红书号"), (0, 2, 0, 3, "报价"), (0, 4, 0, 5, "视频")]
    rows: list[list[Any]] = [[], [None, None, "图文", "视频", "完播率", "报价"], ["甲", "x1", 1200, 2400, "5%", 7], ["乙", "x2", 1, 2, "6%", 8]]
    report = desk.prove(desk.file("两行.xlsx", book(rows, merged=merged)), platform="小红书")
    assert report.sums == {"fee_image_fen": 120_100, "fee_video_fen": 240_200, "metric.video_completion": 11}
    assert report.mapping["metric.video_completion"] == "视频完播率"
    flat = book([[None, None, "基础", None], ["昵称", "抖音号", "粉丝数", "城市"], ["a", "b", 5, "上海"]])
    assert desk.take(desk.file("抖音.xlsx", flat)).sums == {"followers": 5}


def test_a_first_record_of_words_is_no_second_header(desk: Desk):
    report = desk.take_text("平台,账号,类型,城市\n抖音,视频,图文,城市\n抖音,b,c,d\n")
    assert counts(report) == (2, 2, 0, 0)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("u1,甲,100\nu2,乙,200\n", {"platform": "抖音", "mapping": {"uid": "1", "nickname": "2", "followers": "3"}}),
        ("A,B,C\nu1,甲,100\nu2,乙,200\n", {"platform": "抖音", "mapping": {"uid": "A", "name": "B", "followers": "3"}}),
        ("A,昵称,粉丝数\nu1,甲,1e2\nu2,乙,200\n", {"platform": "抖音", "mapping": {"uid": "1"}}),
    ],
)
def test_a_mapping_by_header_or_number(desk: Desk, text: str, options: dict[str, Any]):
    report = desk.prove(desk.file("x.csv", text), **options)
    assert (report.inserted, report.sums) == (2, {"followers": 300})


@pytest.mark.parametrize(
    ("options", "code", "known"),
    [
        ({"mapping": {"nosuch": "uid"}}, "unknown_map_field", "followers"),
        ({"mapping": {"name": "nosuch"}}, "unknown_column", "平台"),
        ({"key": ("nosuch",)}, "unknown_key_field", "name"),
        ({"key": ("followers",)}, "unknown_key_field", "name"),
        ({"key": ("phone",)}, "no_key_column", "平台"),
        ({"encoding": "nosuch"}, "unknown_encoding", "gb18030"),
    ],
)
def test_a_wrong_option_names_what_there_is(desk: Desk, options: dict[str, Any], code: str, known: str):
    with pytest.raises(UsageError) as caught:
        desk.take_text("平台,uid\n抖音,1\n", **options)
    assert caught.value.code == code
    assert known in str(caught.value.details["known"])
    assert not desk.names


def test_without_a_known_header_the_columns_are_named(desk: Desk):
    with pytest.raises(UsageError) as caught:
        desk.take_text("u1,甲,100\nu2,乙,200\n", key=("nickname",))
    assert caught.value.code == "no_columns"
    assert "2 (甲)" in str(caught.value.details["known"])


# ---------------------------------------------------------------- keys


def test_spellings_of_a_handle_are_one_record_and_the_last_filled_cell_wins(desk: Desk):
    text = "平台,账号,粉丝数,城市\n小红书,Abc,100,\n小红书,ＡＢＣ,200,上海\nxhs,@abc,,北京\nRED,a b c,300,\n小红书,https://www.xiaohongshu.com/user/profile/abc?x=1,,\n抖音,abc,5,\n"
    report = desk.prove(desk.file("x.csv", text))
    assert counts(report) == (6, 2, 0, 4)
    assert report.sums == {"followers": 605}
    desk.take(desk.folder / "x.csv")
    row = desk.services.creators.page(Question(where="platform = xiaohongshu"))[0]
    assert (row.followers, row.city) == (300, "北京")


def test_a_row_with_the_id_and_one_with_the_handle_only_are_one(desk: Desk):
    report = desk.prove(desk.file("x.csv", "平台,uid,账号,昵称\n抖音,111,foo,\n抖音,,FOO,某某\n抖音,222,bar,乙\n,222,,丙\n"))
    assert counts(report) == (4, 2, 0, 2)


def test_rows_that_name_one_known_account_by_different_keys_are_one(desk: Desk):
    desk.take_text("平台,uid,账号\n抖音,1,aa\n")
    report = desk.prove(desk.file("y.csv", "平台,uid,账号,城市\n抖音,1,,上海\n抖音,,AA,北京\n"))
    assert (report.updated, report.duplicates) == (1, 1)
    assert len(desk.names) == 1


def test_without_id_and_handle_a_row_needs_the_nickname_as_key(desk: Desk):
    text = "平台,昵称,粉丝数\n抖音,张三,100\n抖音,张三,\n快手,张三,7\n抖音,,9\n"
    report = desk.take_text(text)
    assert counts(report) == (4, 0, 4, 0)
    assert [(one.row, one.code, one.value) for one in report.errors[:2]] == [(2, "no_key", "张三"), (3, "no_key", "张三")]
    assert report.sums == {"followers": 0}
    report = desk.prove(desk.folder / "list.csv", key=("platform", "nickname"))
    assert counts(report) == (4, 2, 1, 1)
    assert report.sums == {"followers": 107}


def test_a_row_that_the_store_turns_down_is_in_no_sum(desk: Desk):
    desk.take_text("平台,uid,昵称\n抖音,1,王\n抖音,2,王\n")
    report = desk.take(desk.file("y.csv", "平台,昵称,粉丝数\n抖音,王,5\n抖音,李,7\n"), key=("nickname",))
    assert codes(report) == [(2, "ambiguous_key")]
    assert report.sums == {"followers": 7}


def test_a_platform_is_named_by_column_option_header_sheet_or_file(desk: Desk):
    assert desk.take(desk.file("a.csv", "平台,uid\nB站,1\n,2\n")).rejected == 1
    assert desk.take(desk.file("a.csv", "平台,uid\nB站,1\n,2\n"), platform="微博").inserted == 1
    report = desk.take(desk.file("抖音名单.csv", "uid,昵称\n1,a\n"))
    assert [one.details["platform"] for one in report.warnings] == ["douyin"]
    assert desk.take(desk.file("b.csv", "uid,昵称\n9,a\n")).errors[0].code == "no_platform"
    assert desk.take(desk.file("b.csv", "uid,城市\n1,上海\n")).errors[0].code == "ambiguous_uid"


# ---------------------------------------------------------------- parts


def test_parts_of_an_archive_are_one_list_joined_by_header(desk: Desk):
    second = book([["二月"], ["粉丝数", "昵称", "小红书号", "城市"], [7, "丙", "x3", "上海"], [9, "甲", "X1", None]])
    data = zipped([("1月.csv", "昵称,小红书号,粉丝数\n甲,x1,12000\n乙,x2,-1\n"), ("2月.xlsx", second), ("读我.md", "hi")], gbk=True)
    report = desk.prove(desk.file("小红书.zip", data))
    assert counts(report) == (4, 2, 1, 1)
    assert report.sums == {"followers": 12_016}
    assert codes(report) == [(3, "negative")]
    assert warned(report) == {"parts_left", "platform_guessed"}


def test_each_part_may_be_of_its_own_platform(desk: Desk):
    report = desk.take(desk.file("z.zip", zipped([("抖音.csv", "昵称,账号\n甲,a\n"), ("小红书.csv", "昵称,账号\n乙,a\n")])))
    assert report.inserted == 2
    assert desk.services.creators.count(Question(where="platform = douyin")) == 1


def test_parts_without_headers_must_be_alike(desk: Desk):
    options: dict[str, Any] = {"platform": "dy", "mapping": {"uid": "1", "followers": "3"}}
    assert desk.take(desk.file("z.zip", zipped([("a.csv", "1,a,5\n"), ("b.csv", "2,b,6\n")])), **options).sums == {"followers": 11}
    with pytest.raises(UsageError, match="parts_differ"):
        desk.take(desk.file("z.zip", zipped([("a.csv", "1,a,5\n"), ("b.csv", "2,6\n")])), **options)


# ---------------------------------------------------------------- money, rates, units


def test_money_is_fen_by_its_header_or_its_decimals(desk: Desk):
    report = desk.take_text("平台,uid,报价,图文报价(分),fee_video_fen\n抖音,1,1200,120000,12345\n抖音,2,0.335,5,6\n")
    assert report.sums == {"fee_fen": 120_033.5, "fee_image_fen": 120_005, "fee_video_fen": 12_351}
    report = desk.take_text("A,B,C\n1,抖音,12.50\n", mapping={"uid": "A", "platform": "B", "fee_fen": "C"})
    assert report.sums == {"fee_fen": 1250}
    assert desk.take_text("平台,uid,报价(万元)\n抖音,3,1.5\n").sums == {"fee_fen": 1_500_000}


def test_rates_as_fractions_are_told_by_the_whole_column(desk: Desk):
    report = desk.take_text("平台,uid,互动率,佣金率\n抖音,1,0.0139,0.2\n抖音,2,0.05,0.15\n")
    assert report.sums == {"engagement_rate": 6.39, "commission_bp": 3500}
    assert "rates_as_fractions" in warned(report)
    assert desk.take_text("平台,uid,互动率\n抖音,3,0.5\n抖音,4,1.39\n").sums == {"engagement_rate": 1.89}
    assert desk.take_text("平台,uid,互动率\n抖音,5,0.5%\n").sums == {"engagement_rate": 0.5}
    assert desk.take_text("平台,uid,engagement_rate\n抖音,6,0.5\n").sums == {"engagement_rate": 0.5}


def test_a_column_of_words_is_not_taken_for_numbers(desk: Desk):
    report = desk.take_text("平台,uid,粉丝数,粉丝数\n抖音,1,很多,5\n抖音,2,不少,6\n抖音,3,一些,7\n")
    assert report.sums == {"followers": 18}
    report = desk.take_text("平台,uid,粉丝数\n抖音,1,很多\n抖音,2,不少\n抖音,3,一些\n")
    assert "column_not_numeric" in warned(report)
    assert report.unmapped == ("粉丝数",)


def test_suspicious_values_are_taken_and_named(desk: Desk):
    report = desk.take_text("平台,uid,粉丝数,互动率,报价,数据日期\n抖音,1,20亿,150%,20000000,2199-01-01\n")
    assert warned(report) == {"followers_huge", "rate_over_100", "fee_huge", "date_ahead"}
    assert report.inserted == 1


# ---------------------------------------------------------------- rejects, preview


def test_rejected_rows_come_back_as_a_workbook_that_can_be_corrected(desk: Desk):
    errors = desk.folder / "errors.xlsx"
    desk.take_text("平台,uid,昵称,粉丝数\n抖音,0012,=甲,abc\n抖音,2,乙,5\n", errors_to=errors)
    again = desk.take(errors)
    assert counts(again) == (1, 0, 1, 0)
    assert again.unmapped == ("原因 reason",)
    fixed = Spreadsheets().preview(ImportRequest(errors))
    assert fixed.rows[0][:4] == ("抖音", "0012", "=甲", "abc")
    assert "abc" in fixed.rows[0][4]


def test_a_preview_shows_what_an_import_would_take(desk: Desk):
    path = desk.file("小红书.csv", "名单\n\n昵称,小红书号,别的\n甲,x1,y\n".encode("gbk"))
    preview = Spreadsheets().preview(ImportRequest(path))
    assert (preview.header_row, preview.headers, preview.rows) == (3, ("昵称", "小红书号", "别的"), (("甲", "x1", "y"),))
    assert (preview.mapping, preview.platform, preview.encoding) == ({"name": 0, "handle": 1}, "xiaohongshu", "gb18030")


def test_a_list_without_rows_changes_nothing(desk: Desk):
    before = desk.hash
    assert counts(desk.take_text("平台,uid,昵称\n")) == (0, 0, 0, 0)
    assert desk.hash == before


# ---------------------------------------------------------------- ranges

RANGED = (
    "平台,uid,昵称,粉丝数,平均点赞,报价(元),佣金率\n"
    "抖音,1,甲,50万～100万,12,500-800,20%\n"
    "抖音,2,乙,60000,1000~2000,900,10%-20%\n"
    "抖音,3,丙,7万,5,100,\n"
    "抖音,3,丙,5万~8万,,,\n"
)


def figures(desk: Desk, name: str) -> dict[str, tuple[float | None, str | None]]:
    creators = desk.services.creators
    return {one.name: (one.value, one.raw) for one in reversed(creators.detail(creators.find(f"douyin:{name}")).metrics)}


def test_a_range_keeps_its_text_and_leaves_the_number_empty(desk: Desk):
    report = desk.prove(desk.file("list.csv", RANGED))
    assert (report.inserted, report.duplicates) == (3, 1)
    assert ("fee_fen", None, "500-800") in {(one.field, one.before, one.after) for one in report.changes}
    desk.take_text(RANGED)
    assert figures(desk, "1") == {"followers": (None, "50万～100万"), "avg_likes": (12.0, None), "fee_fen": (None, "500-800")}
    assert figures(desk, "2") == {"followers": (60_000.0, None), "avg_likes": (None, "1000~2000"), "commission_bp": (None, "10%-20%")}
    assert figures(desk, "3") == {"followers": (None, "5万~8万"), "avg_likes": (5.0, None)}
    rows = {row.name: (row.followers, row.fee_fen, row.commission_bp) for row in desk.services.creators.page(Question())}
    assert rows == {"甲": (None, None, 2000), "乙": (60_000, 90_000, None), "丙": (None, 10_000, None)}
    assert all(check.ok for check in desk.services.workspace.doctor())


def test_a_range_is_never_the_latest_value(desk: Desk):
    numbers = "平台,uid,昵称,粉丝数,平均点赞\n抖音,1,甲,60000,700\n"
    ranges = "平台,uid,昵称,粉丝数,平均点赞\n抖音,1,甲,1万~3万,20～30\n"
    desk.take_text(numbers)
    done = desk.take_text(ranges)
    assert (done.updated, [(one.field, one.before, one.after) for one in done.changes]) == (1, [("followers", None, "1万~3万"), ("avg_likes", None, "20～30")])
    for text in (ranges, numbers, ranges, numbers):
        assert desk.take_text(text).unchanged == 1
    creators = desk.services.creators
    (row,) = creators.page(Question(where="avg_likes = 700 and followers = 60000"))
    assert desk.services.rating.show(row.id).accounts[0].followers == 60_000
    creators.edit([row.id], {"followers": "70000"})
    assert creators.page(Question())[0].followers == 70_000
    assert desk.take_text(ranges).unchanged == 1
    assert all(check.ok for check in desk.services.workspace.doctor())


def test_a_range_of_a_day_that_has_a_value_stands_beside_it(desk: Desk):
    head = "平台,uid,昵称,粉丝数,数据日期\n抖音,1,甲,{},2026-01-02\n"
    first, second = head.format("60000"), head.format("5万~8万")
    desk.take_text(first)
    before = desk.hash
    done = desk.take_text(second)
    assert figures(desk, "1") == {"followers": (60_000.0, "5万~8万")}
    assert [desk.take_text(text).unchanged for text in (first, second)] == [1, 1]
    assert done.import_id is not None
    desk.services.workspace.undo(done.import_id)
    assert desk.hash == before
    assert desk.take_text(head.format("6万~7万")).updated == 1
    assert desk.take_text(head.format("65000")).updated == 1
    assert figures(desk, "1") == {"followers": (65_000.0, None)}
