# SPDX-License-Identifier: Apache-2.0
"""Hostile files: refused in words, soon, in little memory, and nothing is changed."""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.errors import InputRefusedError, UsageError
from app.words import Words
from tests.sync.conftest import book, zipped

if TYPE_CHECKING:
    from tests.sync.conftest import Desk

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
LIST = "平台,uid,昵称\n抖音,1,甲\n"
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(f'<!ENTITY {chr(98 + at)} "{f"&{chr(97 + at)};" * 10}">' for at in range(9)) + "]>"
SECONDS = 20


def with_sheet(body: str, before: str = "", after: str = "") -> bytes:
    """A workbook whose sheet is written by hand."""
    members = []
    source = book([["x"]])
    with zipfile.ZipFile(io.BytesIO(source)) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "xl/worksheets/sheet1.xml":
                data = f'<?xml version="1.0" encoding="UTF-8"?>{before}<worksheet {MAIN}>{after}<sheetData>{body}</sheetData></worksheet>'.encode()
            members.append((name, data))
    return zipped(members)


def row(number: int, *cells: str) -> str:
    return (
        f'<row r="{number}">' + "".join(f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>' for at, cell in enumerate(cells)) + "</row>"
    )


HEAD = row(1, "平台", "uid", "昵称")


def claiming(size: int) -> bytes:
    """An archive that says it holds more than it does."""
    data = bytearray(zipped([("a.csv", LIST)]))
    at = data.find(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(data)


def locked() -> bytes:
    """An archive whose member is under a password."""
    data = bytearray(zipped([("a.csv", LIST)]))
    for magic, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.find(magic) + offset] |= 1
    return bytes(data)


CASES: dict[str, tuple[str, bytes | str]] = {
    "a bomb in a workbook": ("zip_bomb", with_sheet(HEAD + row(2, "抖音", "1", "A" * (64 << 20)))),
    "a bomb in an archive": ("zip_bomb", zipped([("a.csv", "平台,uid\n" + "抖音,1\n" * 8_000_000)])),
    "a claim of 2 GB": ("zip_bomb", claiming(2 << 30)),
    "billion laughs": ("xml_bomb", with_sheet(HEAD + row(2, "抖音", "1", "&j;"), LAUGHS)),
    "billion laughs, late": ("workbook_unreadable", with_sheet(HEAD + row(2, "抖音", "1", "&j;"), "<!--" + "x" * 9000 + "-->" + LAUGHS)),
    "an outside entity": ("xml_bomb", with_sheet(HEAD + row(2, "抖音", "1", "&e;"), '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>')),
    "laughs as XML": ("xml_bomb", f'<?xml version="1.0"?>{LAUGHS}<x>&j;</x>'),
    "laughs as a page": ("xml_bomb", f"<html>{LAUGHS}<table><tr><td>昵称</td><td>uid</td></tr></table></html>"),
    "XML": ("xml_not_read", '<?xml version="1.0"?><x/>'),
    "a cell at the end of the world": ("workbook_unreadable", with_sheet(HEAD + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')),
    "an archive in an archive": ("nested_archive", zipped([("a.zip", zipped([("a.csv", LIST)]))])),
    "an archive in an archive by another name": ("nested_archive", zipped([("a.csv", zipped([("a.csv", LIST)]))])),
    "a way out of the archive": ("unsafe_archive", zipped([("../../a.csv", LIST)])),
    "a way out from the root": ("unsafe_archive", zipped([("/etc/a.csv", LIST)])),
    "an archive of nothing": ("empty_file", zipped([("a.pdf", "%PDF"), ("b.csv", "")])),
    "a broken archive": ("broken_archive", zipped([("a.csv", LIST * 50)])[:90]),
    "a wrong checksum": ("broken_archive", zipped([("a.csv", LIST)]).replace(struct.pack("<I", zlib.crc32(LIST.encode())), b"abcd")),
    "an archive under a password": ("password", locked()),
    "a workbook under a password": ("password", OLE + "EncryptedPackage".encode("utf-16-le") + bytes(4000)),
    "a document of Word": ("workbook_unreadable", OLE + "WordDocument".encode("utf-16-le") + bytes(4000)),
    "a PDF": ("not_a_table", b"%PDF-1.4\n1 0 obj\n"),
    "an image": ("not_a_table", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4),
    "a program": ("not_a_table", b"MZ\x90\x00" + bytes(range(256)) * 4),
    "noise": ("broken_text", bytes((at * 7919 + at * at) % 251 + 5 for at in range(4000))),
    "a login page": ("not_a_table", "<html><body>请登录</body></html>"),
    "nothing": ("empty_file", ""),
    "a mark and nothing": ("empty_file", b"\xef\xbb\xbf"),
    "zeros": ("empty_file", bytes(100_000)),
    "blank lines": ("empty_file", "\n" * 1000),
    "a line of 30 MB": ("cell_too_large", "平台,uid,昵称\n抖音,1," + "A" * (30 << 20)),
    "a cell of 30 MB": ("open_quote", '平台,uid,昵称\n抖音,1,"' + "A\n" * (15 << 20) + '"\n'),
    "a quote that never closes": ("open_quote", '平台,uid,昵称\n抖音,1,"甲\n' + "抖音,2,乙,丙\n" * 200_000),
    "100,000 columns": ("too_many_columns", ",".join(map(str, range(100_000))) + "\n"),
    "100,000 quoted columns": ("too_many_columns", ",".join(f'"{at}"' for at in range(100_000)) + "\n"),
    "a page of endless depth": ("not_a_table", "<html>" + "<div>" * 100_000 + "<table><tr><td>昵称</td></tr></table>"),
    "a page of endless width": ("too_many_cells", "<html><table>" + "<tr><td colspan=1000>a</td><td colspan=999>b</td></tr>" * 10_000 + "</table>"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_in_words_soon_and_nothing_is_changed(desk: Desk, case: str):
    code, data = CASES[case]
    desk.take_text("平台,uid,昵称\n抖音,9,在先\n")
    before = desk.hash
    path = desk.file("list.xlsx", data)
    started = time.monotonic()
    with pytest.raises(InputRefusedError) as caught:
        desk.take(path)
    assert time.monotonic() - started < SECONDS
    assert caught.value.code == code
    assert desk.hash == before
    for language in ("zh", "en"):
        sentence = Words(language)(f"error.{code}", **caught.value.details)
        assert sentence != f"error.{code}"
        assert "{" not in sentence


def test_a_huge_dimension_and_a_last_row_cost_nothing(desk: Desk):
    data = with_sheet(HEAD + row(2, "抖音", "1", "甲") + row(1_048_576, "抖音", "2", "乙"), after='<dimension ref="A1:XFD1048576"/>')
    assert desk.take(desk.file("a.xlsx", data)).inserted == 2


def test_an_oversized_cell_costs_its_row(desk: Desk):
    report = desk.take_text("平台,uid,昵称\n抖音,1," + "A" * (5 << 20) + "\n抖音,2,乙\n")
    assert [(one.row, one.code) for one in report.errors] == [(2, "too_long")]
    assert len(report.errors[0].value) < 500
    assert report.inserted == 1


def test_only_stored_values_of_formulas_are_read(desk: Desk):
    data = with_sheet(
        HEAD
        + '<row r="2"><c r="A2" t="str"><f>"抖"&amp;"音"</f><v>抖音</v></c><c r="B2"><f>WEBSERVICE("http://x")</f><v>7</v></c><c r="C2" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
    )
    assert desk.take(desk.file("a.xlsx", data)).inserted == 1
    assert desk.names == ["7"]


def test_what_is_no_file_is_named(desk: Desk):
    os.mkfifo(desk.folder / "pipe")
    for path in (desk.folder, desk.folder / "nosuch.csv", desk.folder / "pipe", Path("/dev/zero")):
        with pytest.raises(UsageError, match="no_file"):
            desk.take(path)
    huge = desk.folder / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(InputRefusedError, match="file_too_large"):
        desk.take(huge)


@pytest.mark.parametrize("case", ["a bomb in an archive", "a cell at the end of the world"])
def test_memory_stays_bounded(desk: Desk, case: str):
    """The command line itself under a limit of memory: it has words for the file, not a traceback."""
    _, data = CASES[case]
    path = desk.file("list.xlsx", data)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (900 << 20, 900 << 20))

    done = subprocess.run(
        [sys.executable, "-m", "sync", "--workspace", str(desk.folder / "brand.koc"), "--json", "import", "creators", str(path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=limit,
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == CASES[case][0]
    assert "Traceback" not in done.stderr
