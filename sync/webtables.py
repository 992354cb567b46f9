# SPDX-License-Identifier: Apache-2.0
"""Web pages that were saved as .xls: the largest table of the page, spans filled in."""

from __future__ import annotations

import re
from typing import Any, Final

from app.errors import InputRefusedError
from sync.frames import MOST_COLUMNS, Table, frame_of

_SPAN: Final = 1_000
_MOST_CELLS: Final = 12_000_000
_BEGINNINGS: Final = ("<!doctype html", "<html", "<table", "<meta", "<head", "<style", "<body", "<div")


def is_web(head: str) -> bool:
    """Whether a text's beginning is that of a web page."""
    return head.startswith(_BEGINNINGS) or (head.startswith("<") and "<table" in head)


def stated_encoding(data: bytes) -> str | None:
    """Encoding that a page names; None where it has a mark of its own or names none that exists."""
    named = re.search(rb"charset=[\"']?([\w-]+)", data[:4096], re.IGNORECASE)
    if named is None or data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return None
    codec = named[1].decode().lower()
    codec = "gb18030" if codec in {"gbk", "gb2312"} else codec
    try:
        data.decode(codec)
    except (LookupError, UnicodeError, ValueError):
        return None
    return codec


def web_table(text: str, encoding: str, name: str) -> Table:
    """The largest table of a page."""
    from lxml import etree, html  # noqa: PLC0415 (few files are web tables)

    if re.search(r"<!entity", text[:65536], re.IGNORECASE):
        raise InputRefusedError("xml_bomb", path=name)
    parser = html.HTMLParser(no_network=True, huge_tree=False, recover=True)
    try:
        root = html.document_fromstring(_parseable(text), parser=parser)
    except (etree.LxmlError, ValueError) as error:
        raise InputRefusedError("not_a_table", path=name, kind="web") from error
    tables = [_grid(table, name) for table in root.iter("table")]
    if not tables or not any(tables):
        raise InputRefusedError("not_a_table", path=name, kind="web")
    return Table(frame_of(max(tables, key=lambda rows: sum(map(len, rows))), name), encoding=encoding)


def _parseable(text: str) -> str:
    """Text that the parser takes: without a declaration of another encoding; what cannot stand in a page stays to be rejected."""
    return re.sub("[\x00\ud800-\udfff]", "\ufdd0", re.sub(r"^\s*<\?xml[^>]*\?>", "", text))


def _grid(table: Any, name: str) -> list[list[str]]:  # noqa: ANN401 (lxml)
    rows: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}
    count = 0
    for line in table.iter("tr"):
        if next(line.iterancestors("table")) is not table:
            continue
        row: list[str] = []
        for cell in line.iterchildren("td", "th"):
            while len(row) in hanging:
                row.append(_hang(hanging, len(row)))
            words = " ".join(" ".join(cell.itertext()).split()) if len(cell) else " ".join((cell.text or "").split())
            wide, deep = _spans(cell)
            if len(row) + wide > MOST_COLUMNS:
                raise InputRefusedError("too_many_columns", path=name, most=MOST_COLUMNS)
            for _ in range(wide):
                if deep > 1:
                    hanging[len(row)] = (deep - 1, words)
                row.append(words)
        while len(row) in hanging:
            row.append(_hang(hanging, len(row)))
        count += len(row)
        if count > _MOST_CELLS:
            raise InputRefusedError("too_many_cells", path=name, most=_MOST_CELLS)
        rows.append(row)
    return rows


def _spans(cell: Any) -> tuple[int, int]:  # noqa: ANN401 (lxml)
    """Columns and rows that a cell covers, within reason."""
    stated = (cell.get("colspan") or "1", cell.get("rowspan") or "1")
    wide, deep = (min(max(int(one), 1), _SPAN) if one.isdecimal() and len(one) < 10 else 1 for one in stated)  # noqa: PLR2004
    return wide, deep


def _hang(hanging: dict[int, tuple[int, str]], at: int) -> str:
    left, words = hanging.pop(at)
    if left > 1:
        hanging[at] = (left - 1, words)
    return words
