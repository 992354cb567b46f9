# SPDX-License-Identifier: Apache-2.0
"""What a file is, by its content: any encoding, any separator, workbooks, web tables, archives of parts."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import CancelledError, InputRefusedError, UsageError
from sync import sheets, texts
from sync.frames import ROW, Table, names
from tests.sync.conftest import book, books, zipped

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT = "达人昵称,小红书号,粉丝数\n小美食家,xhs001,1.2万\n探店王,xhs002,10万+\n张三,xhs003,N/A\n"
WITH_EMOJI = TEXT.replace("小美食家", "小美食家😀𠮷")


def opened(data: str | bytes, sheet: str | None = None, encoding: str | None = None) -> Table:
    (table,) = sheets.open_tables(data.encode() if isinstance(data, str) else data, "file", sheet, encoding)
    return table


def rows(table: Table) -> list[tuple[str, ...]]:
    return table.frame.select(names(table.width)).rows()


def as_read(text: str, separator: str = ",") -> list[tuple[str, ...]]:
    return [tuple(row) for row in csv.reader(io.StringIO(text), delimiter=separator) if any(row)]


# ---------------------------------------------------------------- text


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"])
def test_every_usual_encoding_is_told_by_looking(codec: str):
    assert rows(opened(WITH_EMOJI.encode(codec))) == as_read(WITH_EMOJI)


def test_plain_gbk_and_big5_and_western_are_told_apart():
    assert rows(opened(TEXT.encode("gbk"))) == as_read(TEXT)
    big5 = "達人暱稱,帳號,粉絲數\n小美食家,xhs001,1.2萬\n張三豐,xhs002,300\n"
    assert rows(opened(big5.encode("big5"))) == as_read(big5)
    western = "username,name,city\njosé,José Müller,Köln\nrené,René,São Paulo\n"
    assert rows(opened(western.encode("cp1252"))) == as_read(western)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_told_even_where_most_is_chinese(codec: str):
    text = "昵称,城市\n" + "某某某达人名字很长很长,上海市浦东新区\n" * 50
    assert rows(opened(text.encode(codec))) == as_read(text)


def test_a_stated_encoding_is_held_to():
    assert rows(opened("昵称,城市\na,b\n".encode("gbk"), encoding="gbk"))[0] == ("昵称", "城市")
    with pytest.raises(UsageError) as caught:
        opened(TEXT, encoding="nosuch")
    assert caught.value.code == "unknown_encoding"
    assert "gb18030" in str(caught.value.details["known"])
    with pytest.raises(UsageError, match="wrong_encoding"):
        opened(TEXT, encoding="ascii")


def test_a_broken_byte_costs_its_cell_and_not_the_file():
    table = opened(TEXT.encode() * 20 + b"\xe5\xe5x,y,z\n")
    assert rows(table)[0][0] == "达人昵称"
    assert rows(table)[-1] == ("\x00\x00x", "y", "z")
    table = opened(TEXT.encode("gbk") * 20 + b"a,\xff\xff,z\n")
    assert rows(table)[0][0] == "达人昵称"
    assert "\x00" in rows(table)[-1][1]


def test_a_lone_surrogate_stands_as_a_control_character():
    assert rows(opened("a,b\nx\ud800,1\n".encode("utf-16", "surrogatepass")))[1] == ("x\x00", "1")


@pytest.mark.parametrize("separator", [",", ";", "|", "\t", "，"])
def test_the_separator_is_told_by_looking(separator: str):
    assert rows(opened(TEXT.replace(",", separator))) == as_read(TEXT)


SET_OUT = " id    date  cds  value\r\n 00004 19970101  2   29.33\r\n\r\n 00021 19970118 12    0.00\r\n"


def test_columns_set_out_with_blanks_are_columns():
    table = opened(SET_OUT)
    assert rows(table) == [("id", "date", "cds", "value"), ("00004", "19970101", "2", "29.33"), ("00021", "19970118", "12", "0.00")]
    assert table.frame[ROW].to_list() == [1, 2, 4]
    assert rows(opened(SET_OUT.split("\n", 1)[1]))[0] == ("00004", "19970101", "2", "29.33")


@pytest.mark.parametrize(
    "text", ["nickname\nAmy Lee\n", "Amy Lee Jones\nBob Ray Moor\nAnn May Hill\n", "a b 1\nb 2 3\nc d 5 9\n", "a b 1 2\n", '"a b 1"\n"c 2 3"\n']
)
def test_words_with_blanks_between_them_are_one_cell(text: str):
    assert {len(row) for row in rows(opened(text))} == {1}


def test_the_line_that_tells_a_spreadsheet_the_separator_is_no_row():
    table = opened("sep=;\n" + TEXT.replace(",", ";"))
    assert rows(table) == as_read(TEXT)
    assert table.frame[ROW][0] == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way(end: str):
    assert rows(opened(TEXT.replace("\n", end))) == as_read(TEXT)


def test_rows_are_counted_as_a_spreadsheet_shows_them():
    table = opened('a,b\n\n"x\ny",1\n,,\nz,2')
    assert table.frame[ROW].to_list() == [1, 3, 5]
    assert rows(table)[1] == ("x\ny", "1")


def test_ragged_rows_keep_their_cells():
    assert rows(opened('a,b\n1\n1,2,"3"\n')) == [("a", "b", ""), ("1", "", ""), ("1", "2", "3")]


def test_a_quote_that_never_closes_is_no_quote_where_the_lines_agree():
    assert rows(opened('a\tb\n"x\t1\ny\t2\n')) == [("a", "b"), ('"x', "1"), ("y", "2")]
    with pytest.raises(InputRefusedError) as caught:
        opened('a,b\n1,"x\n2,y,z\n3,w\n')
    assert caught.value.code == "open_quote"
    assert caught.value.details["row"] == 2


CELL = st.text(st.sampled_from("ab1 0.万é😀\"'\n,;"), max_size=6)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=8))
def test_what_a_writer_of_csv_wrote_is_read_back(table: list[list[str]]):
    """Whichever way a text is read, in columns or by the rules of CSV, it says the same."""
    out = io.StringIO()
    csv.writer(out).writerows([["h1", "h2", "h3"], *table])
    frame = texts.text_table(out.getvalue(), "utf-8", "x").frame
    wanted = [("h1", "h2", "h3"), *(tuple(row) for row in table if any(cell.strip() for cell in row))]
    assert [tuple(cell or "" for cell in row[1:]) for row in frame.rows()] == [_shown(row, frame.width - 1) for row in wanted]


def _shown(row: Sequence[str], width: int) -> tuple[str, ...]:
    return (*row, "", "", "")[:width]


# ---------------------------------------------------------------- workbooks


def test_cells_of_a_workbook_are_texts_without_loss():
    table = opened(book([["uid", "n", "d"], ["0012", 12, datetime(2024, 1, 5)], [7.2e18, 1.5, (0.0139, "0.00%")], [9007199254740992, 123456789012345, None]]))  # noqa: DTZ001
    assert rows(table) == [("uid", "n", "d"), ("0012", "12", "2024-01-05"), ("7.2e+18", "1.5", "0.0139"), ("9007199254740992.0", "123456789012345", "")]


def test_a_column_in_percent_says_what_is_seen():
    table = opened(book([["互动率", "b"], [(0.0139, "0.00%"), 0.5], [(0.2, "0%"), 1]]))
    assert rows(table)[1:] == [("1.39%", "0.5"), ("20%", "1")]


def test_dates_count_from_1904_where_the_workbook_does():
    table = opened(book([["d", "n"], [datetime(2024, 1, 5, 8, 30), 43834]], date_1904=True))  # noqa: DTZ001
    assert table.from_1904
    assert rows(table)[1] == ("2024-01-05 08:30:00", "43834")


def test_rows_of_a_workbook_are_counted_from_the_top():
    table = opened(book([[], ["昵称", "uid"], [], ["a", "1"]]))
    assert table.frame[ROW].to_list() == [2, 4]


def test_the_sheet_that_looks_like_a_list_is_read_and_the_others_are_named():
    data = books(
        {
            "说明": [["请填写", "x"], ["a", "b"]],
            "旧": [["昵称", "抖音号", "粉丝数"], ["o", "o", 1]],
            "达人": [["昵称", "抖音号", "粉丝数"], ["n", "n", 2]],
            "空": [],
        },
        hidden=["旧"],
    )
    table = opened(data)
    assert (table.sheet, table.sheets, table.left_out) == ("达人", ("说明", "旧", "达人", "空"), ("说明",))
    assert opened(data, sheet="旧").sheet == "旧"
    assert opened(data, sheet="1").sheet == "说明"
    with pytest.raises(UsageError) as caught:
        opened(data, sheet="nosuch")
    assert caught.value.code == "unknown_sheet"
    assert "达人" in str(caught.value.details["known"])


def test_cells_merged_downwards_say_the_same_in_every_row():
    table = opened(book([["昵称", "平台"], [None, "抖音"], [None, "小红书"]], merged=[(1, 0, 2, 0, "王五")]))
    assert rows(table)[1:] == [("王五", "抖音"), ("王五", "小红书")]


def test_a_workbook_is_read_from_any_program(tmp_path: Path):
    """The reader's process is no copy of the program that asks: a script without a guard may import a workbook."""
    (tmp_path / "a.xlsx").write_bytes(book([["a", "b"], ["1", "2"]]))
    script = "from sync import sheets; import pathlib; print(sheets.open_tables(pathlib.Path('a.xlsx').read_bytes(), 'a')[0].frame.height)"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-"], input=script, text=True, capture_output=True, check=True, cwd=tmp_path, env={"PYTHONPATH": str(root), "PATH": ""}
    )
    assert done.stdout.strip() == "2"


def test_reading_a_workbook_can_be_stopped():
    def stop() -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        sheets.open_tables(book([["a", "b"], *([["x", 1]] * 20_000)]), "a", check=stop)


# ---------------------------------------------------------------- web tables

PAGE = (
    '<html><head><meta http-equiv="Content-Type" content="text/html; charset={}"></head><body><table><tr><td>menu</td></tr></table>'
    "<table border=1><tr><th>昵称</th><th>抖音号</th></tr><tr><td>甲<br>乙</td><td>0012</td></tr>"
    "<tr><td rowspan=2>丙</td><td>d2</td></tr><tr><td>d3</td></tr></table></body></html>"
)


@pytest.mark.parametrize(
    ("charset", "codec"), [("utf-8", "utf-8"), ("gb2312", "gbk"), ("GBK", "gbk"), ("nosuch", "utf-8"), ("utf-16", "utf-16"), ("utf-8", "gbk")]
)
def test_a_web_table_named_xls_is_a_table(charset: str, codec: str):
    assert rows(opened(PAGE.format(charset).encode(codec))) == [("昵称", "抖音号"), ("甲 乙", "0012"), ("丙", "d2"), ("丙", "d3")]


# ---------------------------------------------------------------- archives


def test_parts_come_in_the_order_of_their_names_and_what_is_no_table_is_left():
    tables = sheets.open_tables(
        zipped(
            [
                ("二月.csv", "a,b\n1,2\n"),
                ("一月/x.csv", "a,b\n3,4\n"),
                ("说明.pdf", "%PDF"),
                ("__MACOSX/._x", b"\x00\x05"),
                (".DS_Store", b"\x00Bud1"),
                ("空.csv", ""),
            ],
            gbk=True,
        ),
        "z",
    )
    assert [table.part for table in tables] == ["一月/x.csv", "二月.csv"]
    assert tables[0].left_out == ("说明.pdf",)


def test_workbooks_and_texts_may_be_parts_of_one_archive():
    tables = sheets.open_tables(zipped([("1.xlsx", book([["a", "b"], ["1", "2"]])), ("2.csv", "b,a\n3,4\n")]), "z")
    assert [rows(table)[0] for table in tables] == [("a", "b"), ("b", "a")]


# ---------------------------------------------------------------- files


def test_a_missing_file_a_folder_and_a_pipe_are_no_files(tmp_path: Path):
    for path in (tmp_path / "nosuch.csv", tmp_path):
        with pytest.raises(UsageError, match="no_file"):
            sheets.read_file(path)


def test_the_digest_is_of_the_bytes():
    assert sheets.digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
