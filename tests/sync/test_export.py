# SPDX-License-Identifier: Apache-2.0
"""What is written is text to every spreadsheet, and comes back without loss."""

from __future__ import annotations

import csv
import errno
from typing import TYPE_CHECKING

import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UsageError
from app.usecases.creators import Question
from sync import sheets, written
from sync.frames import names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sync.conftest import Desk

NASTY = ("=HYPERLINK(1)", "+1", "-x", "@at", "＝x", "＋x", "－x", "＠x", "'q", "'=z", "''", "''=w", "\u2019x", 'a"b', "a,b", "張三", "😀", "=", "'")  # fmt: skip
RICH = (
    "平台,uid,账号,昵称,粉丝数,报价,佣金率,手机,微信,标签,备注,阶段,城市,互动率,数据日期,加入时间,平均点赞\n"
    '抖音,7200000000000000123,a_1,=甲,1.2万,1200.5,20%,+8613800138000,=wx,"美食,=x",\'=note,洽谈中,上海,3.55%,2024-05-06,2023-01-02,12.5\n'
    '小红书,0012,＝乙,-乙,10万+,,,0138,,"#a #b",,,,,2024-05-07,,\n'
    "快手,,@丙,@丙,,,,,,,,,,,,,\n"
)


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Another new workspace."""
    from tests.sync.conftest import Desk as Another

    other = Another(tmp_path_factory.mktemp("other"))
    yield other
    other.services.close()


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_an_export_taken_back_is_all_unchanged(desk: Desk, ending: str):
    desk.take_text(RICH)
    desk.take_text("平台,uid,粉丝数,数据日期\n抖音,7200000000000000123,1.3万,2024-06-06\n")
    desk.take_text("平台,uid,昵称\n" + "".join(f'抖音,n{at},"{name.replace(chr(34), chr(34) * 2)}"\n' for at, name in enumerate(NASTY)))
    before, path = desk.hash, desk.folder / f"out.{ending}"
    rows = desk.services.creators.export(Question(), (), path)
    report = desk.take(path)
    assert (report.read, report.unchanged) == (rows, rows)
    assert desk.hash == before


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_an_export_is_the_same_from_the_workspace_it_was_taken_to(desk: Desk, tmp_path_factory: pytest.TempPathFactory, ending: str):
    from tests.sync.conftest import Desk as Another

    desk.take_text(RICH)
    first = desk.folder / f"first.{ending}"
    desk.services.creators.export(Question(), (), first)
    other = Another(tmp_path_factory.mktemp("other"))
    try:
        other.take(first)
        second = other.folder / f"second.{ending}"
        other.services.creators.export(Question(), (), second)
    finally:
        other.services.close()
    assert cells_of(second) == cells_of(first)


DATED = (
    "平台,uid,账号,昵称,粉丝数,平均点赞,互动率,获赞与收藏,报价,佣金率,标签,阶段,城市,数据日期\n"
    '抖音,1,a1,甲,10万+,12.5,3.55%,7万,500-800,20%,"茶,酒",洽谈中,上海,2024-05-06\n'
    "小红书,5e0001,b2,乙,50万～100万,,,88,1200,10%~15%,,,,2024-05-07 08:30\n"
    "快手,7200000000000000123,,丙,,5,,,,,,,,\n"
)


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_an_export_taken_to_a_new_workspace_gives_the_same_content(desk: Desk, other: Desk, ending: str):
    desk.take_text(DATED)
    path = desk.folder / f"out.{ending}"
    assert desk.services.creators.export(Question(), (), path) == 3
    assert cells_of(path)[0] == (
        "name", "city", "commission_bp", "stage", "tags", "platform", "platform_uid", "handle", "fee_fen", "followers", "avg_likes",
        "engagement_rate", "metric.liked_collected", "as_of",
    )  # fmt: skip
    report = other.take(path)
    assert (report.inserted, report.rejected, report.unmapped) == (3, 0, ())
    assert other.hash == desk.hash
    assert (desk.take(path).unchanged, other.take(path).unchanged) == (3, 3)


def test_a_figure_of_another_day_bears_its_own_date(desk: Desk, other: Desk):
    desk.take_text("平台,uid,昵称,粉丝数,平均点赞,数据日期\n抖音,1,甲,50000,12,2024-05-06\n抖音,2,乙,7,,2024-05-06\n")
    desk.take_text("平台,uid,平均点赞,数据日期\n抖音,1,15,2024-06-06\n")
    desk.take_text("平台,uid,昵称,作品数\n抖音,3,丙,99\n")
    desk.take_text("平台,uid,平均点赞,数据日期\n抖音,3,15,2024-06-06\n")
    before, path = desk.hash, desk.folder / "out.csv"
    desk.services.creators.export(Question(), (), path)
    header, *rows = [row[-3:] for row in cells_of(path)]
    assert header == ("as_of", "as_of.avg_likes", "as_of.followers")
    assert [tuple(cell[:10] for cell in row) for row in rows] == [("2024-06-05", "", "2024-05-05"), ("2024-05-05", "", ""), ("", "2024-06-05", "")]
    assert desk.take(path).unchanged == 3
    assert desk.hash == before
    other.take(path)
    again = other.folder / "out.csv"
    other.services.creators.export(Question(), (), again)
    assert cells_of(again) == cells_of(path)
    columns = ("handle", "followers", "followers_at")
    other.services.creators.export(Question(where="platform_uid = 1"), columns, again)
    assert cells_of(again)[1][1:] == ("50000", "2024-05-05T16:00:00Z")


def test_tags_typed_with_a_comma_are_two_here_as_in_a_file(desk: Desk, other: Desk):
    desk.take_text("平台,uid,昵称\n抖音,1,甲\n")
    one = desk.services.creators.find("douyin:1")
    desk.services.creators.tag([one], ["茶，酒", "#咖啡"])
    assert desk.services.creators.rows([one])[0].tags == ("茶", "酒", "咖啡")
    path = desk.folder / "out.csv"
    desk.services.creators.export(Question(), (), path)
    assert (desk.take(path).unchanged, other.take(path).inserted, other.hash == desk.hash) == (1, 1, True)
    with pytest.raises(UsageError):
        desk.services.creators.tag([one], ["a\x01b"])


PERSONS = (
    "person_id,平台,uid,昵称,粉丝数,城市,标签\n"
    "p1,抖音,1,甲,5000,上海,茶\n"
    ",抖音,9,路人,1,,\n"
    "p1,小红书,2,甲,900000,上海,茶\n"
    "p1,快手,3,甲,,上海,茶\n"
    "p2,抖音,4,乙,6,,\n"
)


def test_accounts_of_one_creator_come_back_as_one_creator(desk: Desk, other: Desk):
    report = desk.prove(desk.file("list.csv", PERSONS))
    assert (report.read, report.inserted) == (5, 5)
    desk.take_text(PERSONS)
    first = desk.services.creators.page(Question(where="name = 甲"))[0]
    assert ([one.platform for one in first.accounts], first.followers, first.tags) == (["douyin", "xiaohongshu", "kuaishou"], 900_000, ("茶",))
    assert desk.services.creators.count(Question()) == 3
    path = desk.folder / "out.csv"
    assert desk.services.creators.export(Question(), (), path) == 5
    assert cells_of(path)[0][-1] == "person_id"
    other.take_text("平台,uid,昵称\n小红书,0,别人\n")
    before = other.hash
    taken = other.take(path)
    assert other.services.creators.count(Question()) == 4
    assert [check.name for check in other.services.workspace.doctor() if not check.ok] == []
    assert other.take(path).unchanged == 5
    assert taken.import_id is not None
    undone = other.services.workspace.undo(taken.import_id)
    assert (undone.inserted_removed, undone.kept, other.hash) == (5, (), before)


def test_the_same_content_comes_of_creators_with_several_accounts(desk: Desk, other: Desk):
    desk.take_text(PERSONS)
    path = desk.folder / "out.xlsx"
    desk.services.creators.export(Question(), (), path)
    other.take(path)
    assert other.hash == desk.hash


def test_a_new_account_joins_the_creator_whom_another_row_names(desk: Desk):
    desk.take_text("平台,uid,昵称,粉丝数\n小红书,2,甲,900000\n")
    before = desk.hash
    report = desk.take_text(PERSONS)
    assert (report.inserted, report.updated, desk.services.creators.count(Question())) == (4, 1, 3)
    one = desk.services.creators.page(Question(search="甲"))[0]
    assert sorted(account.platform for account in one.accounts) == ["douyin", "kuaishou", "xiaohongshu"]
    assert [row.id for row in desk.services.creators.page(Question(where="platform_uid = 3"))] == [one.id]
    assert report.import_id is not None
    assert desk.services.workspace.undo(report.import_id).kept == ()
    assert desk.hash == before
    assert [check.name for check in desk.services.workspace.doctor() if not check.ok] == []


def test_a_creator_with_several_accounts_comes_back_account_by_account(desk: Desk):
    desk.take_text("平台,uid,昵称,粉丝数\n抖音,1,甲,5\n小红书,2,乙,6\n")
    path = desk.folder / "out.csv"
    assert desk.services.creators.export(Question(where="platform = douyin"), ("platform", "uid", "followers"), path) == 1
    assert desk.take(path).unchanged == 1


def cells_of(path: Path) -> list[tuple[str, ...]]:
    (table,) = sheets.open_tables(path.read_bytes(), path.name)
    return table.frame.select(names(table.width)).rows()


# ---------------------------------------------------------------- no formula


def test_no_cell_of_a_workbook_is_a_formula(tmp_path: Path):
    path = tmp_path / "out.xlsx"
    assert written.write(path, ["name", "n"], iter([(name, 1.5) for name in NASTY])) == len(NASTY)
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    for row in sheet.iter_rows(min_row=2):
        assert row[0].data_type == "s"
        assert row[1].value == 1.5
    starts = [row[0] for row in sheet.iter_rows(min_row=2) if str(row[0].value).startswith(("=", "+", "-", "@"))]
    assert len(starts) == 5
    assert all(cell.quotePrefix for cell in starts)


def test_no_cell_of_a_csv_starts_like_a_formula(tmp_path: Path):
    path = tmp_path / "out.csv"
    written.write(path, ["name"], iter([(name,) for name in NASTY]))
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert not [row for row in csv.reader(file) if row[0].startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r"))]


@given(st.lists(st.text(st.sampled_from("'=+-@＝＠a1\"\t"), max_size=5), max_size=8))
def test_a_guard_is_taken_off_and_nothing_else(texts: list[str]):
    for guarded in ([written._guarded(text) for text in texts], [written._escaped(text) for text in texts]):
        assert written.unguarded(pl.Series("x", guarded, dtype=pl.String)).to_list() == texts or any(text.startswith('="') for text in texts)


def test_an_id_wrapped_for_a_spreadsheet_is_unwrapped():
    assert written.unguarded(pl.Series("x", ['="0012"', "=1+1", '="a"b"'])).to_list() == ["0012", "=1+1", '="a"b"']


# ---------------------------------------------------------------- the file


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path):
    path = tmp_path / "out.csv"
    path.write_text("old", encoding="utf-8")

    def broken() -> Iterator[tuple[str]]:
        yield ("a",)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(Exception, match="cannot_write"):
        written.write(path, ["x"], broken())
    assert path.read_text(encoding="utf-8") == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["out.csv"]


def test_an_ending_that_is_no_table_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="unknown_ending"):
        written.write(tmp_path / "out.pdf", ["x"], iter([]))
    with pytest.raises(UsageError, match="cannot_write"):
        written.write(tmp_path / "nosuch" / "out.csv", ["x"], iter([]))


def test_control_characters_do_not_break_a_workbook(tmp_path: Path):
    path = tmp_path / "out.xlsx"
    written.write(path, ["x"], iter([("a\x00b\ud800\uffff",)]))
    assert cells_of(path)[1] == ("a\ufffdb\ufffd\ufffd",)
