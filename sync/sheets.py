# SPDX-License-Identifier: Apache-2.0
"""Opens the files that people have: text tables, workbooks, web tables and archives of parts, as columns of text.

The content decides what a file is, never its ending. Workbooks are read in a process of their own with bounded
memory, so that a hostile one costs an error and not the program.
"""

from __future__ import annotations

import csv
import hashlib
import io
import multiprocessing
import re
import tempfile
import zipfile
from dataclasses import dataclass, replace
from datetime import date, datetime
from datetime import time as day_time
from pathlib import Path
from typing import Any, Final

import polars as pl

from app.errors import InputRefusedError, UsageError

ROW: Final = "row"
MOST_BYTES: Final = 2 << 30
MOST_UNPACKED: Final = 600 << 20
_SUSPICIOUS_UNPACKED: Final = 50 << 20
_MOST_RATIO: Final = 120
_CHILD_MEMORY: Final = 6 << 30
_CHILD_SECONDS: Final = 300
_SNIFFED: Final = 64 << 10
_SEPARATORS: Final = (",", "\t", ";", "|", "，")
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHERS: Final = (
    (b"%PDF", "pdf"), (b"\x89PNG", "image"), (b"\xff\xd8\xff", "image"), (b"GIF8", "image"), (b"MZ", "program"),
    (b"\x7fELF", "program"), (b"Rar!", "archive"), (b"7z\xbc\xaf", "archive"), (b"\x1f\x8b", "archive"),
    (b"SQLite format 3", "database"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet as it is: ``frame`` has a column ``row`` (as a spreadsheet counts) and text columns ``c0`` …"""

    frame: pl.DataFrame
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    encoding: str | None = None
    from_1904: bool = False

    @property
    def width(self) -> int:
        """Columns of the sheet."""
        return self.frame.width - 1


def read_file(path: Path) -> bytes:
    """A file's bytes; UsageError where there is none, InputRefusedError for one that is too large."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputRefusedError("file_too_large", path=str(path))
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise UsageError("no_file", path=str(path)) from error
    except (PermissionError, OSError) as error:
        raise UsageError("cannot_read", path=str(path)) from error


def digest(data: bytes) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()


def open_table(data: bytes, name: str, sheet: str | None = None, encoding: str | None = None) -> Table:
    """The table of a file's bytes; ``name`` is for messages only."""
    if not data.strip(b"\x00 \r\n\t\xef\xbb\xbf"):
        raise InputRefusedError("empty_file", path=name)
    if data.startswith(b"PK\x03\x04"):
        return _zipped(data, name, sheet, encoding)
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise InputRefusedError("password", path=name)
        return _workbook(data, name, sheet)
    for magic, kind in _OTHERS:
        if data.startswith(magic) and not (magic == b"MZ" and data[:400].isascii()):
            raise InputRefusedError("not_a_table", path=name, kind=kind)
    head = data[:4096].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<table", b"<meta", b"<head")) or b"<table" in head:
        return _web_table(data, name, encoding)
    if head.startswith((b"<?xml", b"<!doctype")):
        raise InputRefusedError("xml_not_read" if b"<!entity" not in head else "xml_bomb", path=name)
    return _text_table(data, name, encoding)


# ---------------------------------------------------------------- text


def decode(data: bytes, encoding: str | None, name: str) -> tuple[str, str]:
    """Text and encoding of bytes; by its mark, by trying, at last by what the characters look like."""
    if encoding:
        try:
            return data.decode(_BY_NAME.get(encoding.lower(), encoding)).removeprefix("\ufeff"), encoding
        except LookupError as error:
            raise UsageError("unknown_encoding", encoding=encoding) from error
        except UnicodeDecodeError as error:
            raise UsageError("wrong_encoding", encoding=encoding, position=error.start) from error
    for mark, codec in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            return _decoded(data[len(mark) :], codec, name), codec
    sample = data[:_SNIFFED]
    if sample.count(0) > len(sample) // 8:
        little = sample[1::2].count(0) >= sample[::2].count(0)
        codec = "utf-16-le" if little else "utf-16-be"
        return _decoded(data, codec, name), codec
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return _legacy(data, name)


_BY_NAME: Final = {"gbk": "gb18030", "gb2312": "gb18030", "ansi": "gb18030", "utf8": "utf-8", "utf-16": "utf-16"}


def _decoded(data: bytes, codec: str, name: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        raise InputRefusedError("broken_text", path=name, encoding=codec, position=error.start) from error


def _legacy(data: bytes, name: str) -> tuple[str, str]:
    """GB18030 where the characters are everyday Chinese, else what the detector says, else Western."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        text = ""
    foreign = [char for char in text[: _SNIFFED * 4] if ord(char) > 127]  # noqa: PLR2004 (ASCII)
    if foreign:
        usual = sum(_everyday(char) for char in foreign)
        if usual >= len(foreign) * 0.7:
            return text, "gb18030"
    for codec in ("big5", "cp1252"):
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if codec == "cp1252" or sum("\u4e00" <= char <= "\u9fff" for char in text) > len(foreign or " ") // 3:
            return text, codec
    from charset_normalizer import from_bytes  # noqa: PLC0415 (only for files that nothing else explains)

    best = from_bytes(data[:_SNIFFED]).best()
    if best is None:
        raise InputRefusedError("broken_text", path=name, encoding="?", position=0)
    return data.decode(best.encoding, "replace"), best.encoding


def _everyday(char: str) -> bool:
    """Whether a character is of the first level of GB 2312, or Chinese punctuation, or beyond it in four bytes."""
    code = char.encode("gb18030")
    return len(code) == 4 or (len(code) == 2 and (0xB0 <= code[0] <= 0xD7 or code[0] in {0xA1, 0xA3}))  # noqa: PLR2004


def _text_table(data: bytes, name: str, encoding: str | None) -> Table:
    text, used = decode(data, encoding, name)
    sample = text[:_SNIFFED]
    if sample.count("\x00") > len(sample) // 4:
        raise InputRefusedError("not_a_table", path=name, kind="binary")
    separator = _separator(sample)
    frame = _fast(text, separator)
    return Table(_plain(text, separator, name) if frame is None else frame, encoding=used)


def _separator(sample: str) -> str:
    """The separator that cuts the first lines into the same number of cells most often, quotes respected."""
    lines = list(csv.reader(io.StringIO(sample[: sample.rfind("\n") + 1] or sample), delimiter="\x00"))
    text = "\n".join(line[0] for line in lines[:200] if line)
    best, most = ",", 0.0
    for separator in _SEPARATORS:
        widths = [len(row) for row in csv.reader(io.StringIO(text), delimiter=separator) if any(row)]
        wide = [width for width in widths if width > 1]
        if wide:
            usual = max(set(wide), key=wide.count)
            score = wide.count(usual) / len(widths) * min(usual, 12) ** 0.5
            if score > most:
                best, most = separator, score
    return best


_BLANK_LINE: Final = re.compile(r"\n[ \t,;|]*\r?(?=\n)|\A\s*\n|\r(?!\n)")


def _fast(text: str, separator: str) -> pl.DataFrame | None:
    """Columnar reading where it is sure to mean the same as the plain one: no quotes, no blank or ragged lines."""
    if '"' in text or separator == "，" or "\x00" in text or _BLANK_LINE.search(text):
        return None
    body = text if text.endswith("\n") else text + "\n"
    cut = body.count(separator)
    lines = body.count("\n")
    if cut % lines:
        return None
    try:
        frame = pl.read_csv(
            body.encode(),
            has_header=False,
            separator=separator,
            quote_char=None,
            infer_schema=False,
        )
    except (pl.exceptions.PolarsError, UnicodeEncodeError):
        return None
    if frame.height != lines or frame.width != cut // lines + 1:
        return None
    frame.columns = [f"c{at}" for at in range(frame.width)]
    frame = frame.fill_null("")
    return frame.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))


def _plain(text: str, separator: str, name: str) -> pl.DataFrame:
    csv.field_size_limit(16 << 20)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise InputRefusedError("broken_table", path=name, reason=str(error)) from error
    return frame_of(rows)


def frame_of(rows: list[list[str]]) -> pl.DataFrame:
    """Frame of rows of any widths; blank rows are counted and dropped."""
    width = max(map(len, rows), default=0)
    numbers = [at for at, row in enumerate(rows, 1) if any(cell.strip() for cell in row)]
    kept = [[*rows[at - 1], *[""] * (width - len(rows[at - 1]))] for at in numbers]
    columns: dict[str, Any] = {ROW: pl.Series(ROW, numbers, dtype=pl.Int64)}
    for at in range(width):
        columns[f"c{at}"] = pl.Series(f"c{at}", [_storable(row[at]) for row in kept], dtype=pl.String)
    return pl.DataFrame(columns)


def _storable(text: str) -> str:
    """Text that UTF-8 can hold; a lone surrogate stands as a control character, which is rejected where it counts."""
    return text if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text) else re.sub("[\ud800-\udfff]", "\x00", text)


# ---------------------------------------------------------------- web pages saved as .xls


def _web_table(data: bytes, name: str, encoding: str | None) -> Table:
    from lxml import html  # noqa: PLC0415 (few files are web tables)

    if re.search(rb"<!entity", data[:65536], re.IGNORECASE):
        raise InputRefusedError("xml_bomb", path=name)
    named = re.search(rb"charset=[\"']?([\w-]+)", data[:4096], re.IGNORECASE)
    text, used = decode(data, encoding or (named[1].decode() if named and not data.startswith(b"\xef\xbb\xbf") else None), name)
    parser = html.HTMLParser(no_network=True, huge_tree=False, recover=True)
    root = html.document_fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text), parser=parser)
    tables = [_grid(table) for table in root.iter("table")]
    if not tables:
        raise InputRefusedError("not_a_table", path=name, kind="web")
    return Table(frame_of(max(tables, key=lambda rows: sum(map(len, rows)))), encoding=used)


def _grid(table: Any) -> list[list[str]]:  # noqa: ANN401 (lxml)
    rows: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}
    for line in table.iter("tr"):
        row: list[str] = []
        for cell in line.iter("td", "th"):
            while len(row) in hanging:
                row.append(_hang(hanging, len(row)))
            words = " ".join("".join(cell.itertext()).split())
            wide, deep = (min(int(cell.get(side) or 1), 1000) if (cell.get(side) or "1").isdecimal() else 1 for side in ("colspan", "rowspan"))
            for _ in range(wide):
                if deep > 1:
                    hanging[len(row)] = (deep - 1, words)
                row.append(words)
        while len(row) in hanging:
            row.append(_hang(hanging, len(row)))
        rows.append(row)
    return rows


def _hang(hanging: dict[int, tuple[int, str]], at: int) -> str:
    left, words = hanging.pop(at)
    if left > 1:
        hanging[at] = (left - 1, words)
    return words


# ---------------------------------------------------------------- archives and workbooks


def _zipped(data: bytes, name: str, sheet: str | None, encoding: str | None) -> Table:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = [member for member in archive.infolist() if not member.is_dir() and not member.filename.startswith("__MACOSX")]
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputRefusedError("broken_archive", path=name) from error
    with archive:
        _weigh(members, len(data), name)
        names = {member.filename for member in members}
        if "[Content_Types].xml" in names or "mimetype" in names or "content.xml" in names:
            _look_for_bombs(archive, members, name)
            return _workbook(data, name, sheet)
        return _parts(archive, members, name, sheet, encoding)


def _weigh(members: list[zipfile.ZipInfo], packed: int, name: str) -> None:
    if any(member.flag_bits & 1 for member in members):
        raise InputRefusedError("password", path=name)
    unpacked = sum(member.file_size for member in members)
    if unpacked > MOST_UNPACKED or (unpacked > _SUSPICIOUS_UNPACKED and unpacked > packed * _MOST_RATIO):
        raise InputRefusedError("zip_bomb", path=name, megabytes=unpacked >> 20)


def _look_for_bombs(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], name: str) -> None:
    for member in members:
        if member.filename.lower().endswith((".xml", ".rels")):
            try:
                with archive.open(member) as part:
                    head = part.read(8192).replace(b"\x00", b"").lower()
            except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
                raise InputRefusedError("broken_archive", path=name) from error
            if b"<!doctype" in head or b"<!entity" in head:
                raise InputRefusedError("xml_bomb", path=name)


def _parts(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], name: str, sheet: str | None, encoding: str | None) -> Table:
    """Monthly parts with one header: rows are counted on through the parts, in the order of their names."""
    tables = []
    for member in sorted(members, key=lambda one: one.filename):
        inner = archive.read(member)
        if inner.startswith(b"PK\x03\x04") and not member.filename.lower().endswith((".xlsx", ".xlsm", ".ods")):
            raise InputRefusedError("nested_archive", path=f"{name}/{member.filename}")
        if inner.strip():
            tables.append(open_table(inner, f"{name}/{member.filename}", sheet, encoding))
    if not tables:
        raise InputRefusedError("empty_file", path=name)
    first = tables[0]
    frames, last = [], 0
    for table in tables:
        if table.width != first.width:
            raise InputRefusedError("parts_differ", path=name)
        frames.append(table.frame.with_columns(pl.col(ROW) + last))
        last += int(table.frame[ROW].max() or 0)  # type: ignore[arg-type]
    return replace(first, frame=pl.concat(frames))


def _workbook(data: bytes, name: str, sheet: str | None) -> Table:
    """Read a workbook in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="koc-") as folder:
        source, target = Path(folder) / "book", Path(folder) / "table.arrow"
        source.write_bytes(data)
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=_read_workbook, args=(source, target, sheet, there), daemon=True)
        child.start()
        there.close()
        try:
            answer = here.recv() if here.poll(_CHILD_SECONDS) else ("workbook_unreadable", "")
        except EOFError:
            answer = ("workbook_unreadable", "")
        child.join(1)
        if child.is_alive():
            child.kill()
        if isinstance(answer, tuple):
            code, detail = answer
            if code == "unknown_sheet":
                raise UsageError(code, sheet=sheet, known=detail)
            raise InputRefusedError(code, path=name)
        frame = pl.read_ipc(target, memory_map=False)
        return Table(frame, sheet=answer["sheet"], sheets=tuple(answer["sheets"]), from_1904=answer["from_1904"])


def _read_workbook(source: Path, target: Path, sheet: str | None, answer: Any) -> None:  # noqa: ANN401 (a pipe's end)
    """Runs in the child: sheet to columns of text in a file, what it was over the pipe."""
    import python_calamine as calamine  # noqa: PLC0415 (in the child alone)

    _bound_memory()
    try:
        book = calamine.CalamineWorkbook.from_path(str(source))
        names = list(book.sheet_names)
        chosen = _chosen(book, names, sheet)
        if chosen is None:
            answer.send(("unknown_sheet", ", ".join(names[:20])))
            return
        rows = [[_cell_text(cell) for cell in row] for row in book.get_sheet_by_name(chosen).to_python(skip_empty_area=False)]
        frame_of(rows).write_ipc(target)
        answer.send({"sheet": chosen, "sheets": names, "from_1904": _dates_from_1904(source)})
    except calamine.PasswordError:
        answer.send(("password", ""))
    except (calamine.CalamineError, MemoryError, ValueError, OSError, pl.exceptions.PolarsError):
        answer.send(("workbook_unreadable", ""))


def _bound_memory() -> None:
    try:
        import resource  # noqa: PLC0415 (not on Windows)
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (_CHILD_MEMORY, _CHILD_MEMORY))


def _chosen(book: Any, names: list[str], sheet: str | None) -> str | None:  # noqa: ANN401 (calamine)
    if sheet is not None:
        if sheet in names:
            return sheet
        return names[int(sheet) - 1] if sheet.isdecimal() and 1 <= int(sheet) <= len(names) else None
    for name in names:
        one = book.get_sheet_by_name(name)
        if one.height > 1 and one.width > 1:
            return name
    return names[0] if names else None


def _dates_from_1904(source: Path) -> bool:
    try:
        with zipfile.ZipFile(source) as archive:
            return bool(re.search(rb'date1904\s*=\s*"(?:1|true)"', archive.read("xl/workbook.xml")))
    except (zipfile.BadZipFile, KeyError):
        return False


def _cell_text(cell: Any) -> str:  # noqa: ANN401 (calamine's cells)
    """A cell as text; whole numbers without a point while a float holds them exactly."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, int):
        return str(cell) if abs(cell) < 2**53 else repr(float(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    return cell.isoformat() if isinstance(cell, day_time) else str(cell or "")
