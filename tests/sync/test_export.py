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
