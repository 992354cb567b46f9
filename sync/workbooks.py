# SPDX-License-Identifier: Apache-2.0
"""Workbooks (.xlsx, .xls, .ods), read in a process of their own with bounded memory: a hostile one costs an error, not the program.

Started as a program with SOURCE TARGET [SHEET] it writes a sheet as columns of text and says on stdout what it was.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import date, datetime
from datetime import time as day_time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from app import itself
from app.errors import InputRefusedError, UsageError
from app.rules import headers
from sync.frames import Table, frame_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHILD_MEMORY: Final = 4 << 30
_CHILD_SECONDS: Final = 300
_TURN: Final = 0.05
_LOOKED_AT: Final = 20
_HEADER_TEXT: Final = 300
_STYLED: Final = 4 << 20
_EXACT: Final = 2**53


# ---------------------------------------------------------------- the parent


def workbook(data: bytes, name: str, sheet: str | None, check: Callable[[], None]) -> Table:
    """A sheet of a workbook; ``check`` is asked while the child works and may raise to stop it."""
    with tempfile.TemporaryDirectory(prefix="koc-") as folder:
        source, target, said = Path(folder) / "book", Path(folder) / "table.arrow", Path(folder) / "said.json"
        source.write_bytes(data)
        with said.open("wb") as out:
            child = subprocess.Popen(  # noqa: S603 (this program itself)
                [*itself.command("sync.workbooks"), str(source), str(target), *([sheet] if sheet else [])],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONIOENCODING": "utf-8"},
            )
            _await(child, check)
        try:
            answer = json.loads(said.read_bytes() or b'{"code": "workbook_unreadable"}')
        except ValueError:
            answer = {"code": "workbook_unreadable"}
        if (code := answer.get("code")) == "unknown_sheet":
            raise UsageError(code, sheet=sheet, known=answer["known"])
        if code:
            raise InputRefusedError(code, path=name, **answer.get("details", {}))
        frame = pl.read_ipc(target.read_bytes())
        return Table(frame, sheet=answer["sheet"], sheets=tuple(answer["sheets"]), from_1904=answer["from_1904"], left_out=tuple(answer["left_out"]))


def _await(child: subprocess.Popen[bytes], check: Callable[[], None]) -> None:
    ends = time.monotonic() + _CHILD_SECONDS
    try:
        while time.monotonic() < ends:
            try:
                child.wait(_TURN)
            except subprocess.TimeoutExpired:
                check()
            else:
                return
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


# ---------------------------------------------------------------- the child


def main(source: Path, target: Path, sheet: str | None) -> dict[str, Any]:
    """Read a sheet into a file; returns what it was, or the code of why not."""
    import python_calamine as calamine  # noqa: PLC0415 (in the child alone)

    try:
        book = calamine.CalamineWorkbook.from_path(str(source))
        shown = [one.name for one in book.sheets_metadata if one.visible == calamine.SheetVisibleEnum.Visible]
        names = [one.name for one in book.sheets_metadata if one.typ == calamine.SheetTypeEnum.WorkSheet]
        found = _best(book, [name for name in shown if name in names], names) if sheet is None else _named(book, names, sheet)
        if found is None:
            return {"code": "unknown_sheet", "known": ", ".join(names[:20])}
        chosen, read, filled = found
        percent = _Styles(source).percent_columns(chosen)
        frame = frame_of(_rows(read, percent))
        frame.write_ipc(target)
        return {
            "sheet": chosen, "sheets": names, "from_1904": _dates_from_1904(source),
            "left_out": [name for name in filled if name != chosen],
        }  # fmt: skip
    except calamine.PasswordError:
        return {"code": "password"}
    except InputRefusedError as error:
        return {"code": error.code, "details": {name: value for name, value in error.details.items() if name != "path"}}
    except (calamine.CalamineError, MemoryError, ValueError, OSError, pl.exceptions.PolarsError):
        return {"code": "workbook_unreadable"}


def _bound_memory() -> None:
    try:
        import resource  # noqa: PLC0415 (not on Windows)
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (_CHILD_MEMORY, _CHILD_MEMORY))


def _named(book: Any, names: list[str], sheet: str) -> tuple[str, Any, list[str]] | None:  # noqa: ANN401 (calamine)
    """The sheet that is asked for, by its name or number."""
    if sheet not in names:
        if not (sheet.isdecimal() and 1 <= int(sheet) <= len(names)):
            return None
        sheet = names[int(sheet) - 1]
    return sheet, book.get_sheet_by_name(sheet), []


def _best(book: Any, shown: list[str], names: list[str]) -> tuple[str, Any, list[str]] | None:  # noqa: ANN401 (calamine)
    """Of the sheets that show something the one whose head has the most known headers, and the names of all of those.

    Each is read once, which is most of the work, and no more than two are held at a time.
    """
    filled: list[str] = []
    best, most = None, -1
    for name in shown:
        sheet = book.get_sheet_by_name(name)
        if sheet.height > 1:
            filled.append(name)
            top = sheet.to_python(nrows=_LOOKED_AT)
            known = max((headers.known_share([_cell_text(cell)[:_HEADER_TEXT] for cell in row]) for row in top), default=0)
            if known > most:
                best, most = (name, sheet), known
    if best is None and names:
        best = (names[0], book.get_sheet_by_name(names[0]))
    return None if best is None else (*best, filled)


def _rows(sheet: Any, percent: frozenset[int]) -> Iterator[list[str]]:  # noqa: ANN401 (calamine)
    """Rows of texts; a cell that is merged downwards says the same in every row it covers."""
    ranges = [one for one in sheet.merged_cell_ranges or () if one[0][1] == one[1][1] and one[1][0] > one[0][0]]
    starts: dict[int, list[tuple[int, int]]] = {}
    for (top, column), (bottom, _) in ranges:
        starts.setdefault(top, []).append((column, bottom))
    hanging: dict[int, tuple[int, str]] = {}
    for number, cells in enumerate(sheet.iter_rows()):
        row = [cell if cell.__class__ is str else _cell_text(cell) for cell in cells]
        for column in percent:
            if column < len(cells) and isinstance(cells[column], float | int) and not isinstance(cells[column], bool):
                row[column] = f"{(Decimal(repr(cells[column])) * 100).normalize():f}%"
        for column, (bottom, text) in list(hanging.items()):
            if number > bottom:
                del hanging[column]
            elif column < len(row) and not row[column]:
                row[column] = text
        for column, bottom in starts.get(number, ()):
            if column < len(row):
                hanging[column] = (bottom, row[column])
        yield row


def _cell_text(cell: Any) -> str:  # noqa: ANN401 (calamine's cells)
    """A cell as text; whole numbers without a point while a float holds them exactly."""
    kind = cell.__class__
    if kind is str:
        return cell  # type: ignore[no-any-return]
    if kind is float:
        return repr(cell) if cell % 1 or not -_EXACT < cell < _EXACT else str(int(cell))
    if kind is bool:
        return "TRUE" if cell else "FALSE"
    if kind is int:
        return str(cell) if abs(cell) < _EXACT else repr(float(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return cell.isoformat() if isinstance(cell, date | day_time) else str(cell or "")


def _dates_from_1904(source: Path) -> bool:
    try:
        with zipfile.ZipFile(source) as archive:
            return bool(re.search(rb'date1904\s*=\s*"(?:1|true)"', archive.read("xl/workbook.xml")))
    except (zipfile.BadZipFile, KeyError, OSError):
        return False


_PERCENT_FORMATS: Final = frozenset({9, 10})
_SPREADSHEET: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STYLED_CELL: Final = re.compile(rb'<c r="([A-Z]{1,3})\d+"(?: s="(\d+)")?(?: t="n")?><v>')


class _Styles:
    """Which columns of an .xlsx show their numbers in percent: 0.0139 is stored where 1.39% is seen."""

    def __init__(self, source: Path) -> None:
        self._source = source

    def percent_columns(self, sheet: str) -> frozenset[int]:
        """Columns whose first numbers all have a format in percent; none for another kind of workbook."""
        from defusedxml import ElementTree  # noqa: PLC0415 (in the child alone)

        try:
            with zipfile.ZipFile(self._source) as archive:
                styles = self._percent_styles(ElementTree.fromstring(archive.read("xl/styles.xml")))
                if not styles:
                    return frozenset()
                part = self._part(archive, ElementTree, sheet)
                with archive.open(part) as cells:
                    head = cells.read(_STYLED)
        except (zipfile.BadZipFile, KeyError, OSError, ValueError, SyntaxError):
            return frozenset()
        seen: dict[bytes, bool] = {}
        for found in _STYLED_CELL.finditer(head):
            seen[found[1]] = seen.get(found[1], True) and int(found[2] or 0) in styles
        return frozenset(_column_number(letters) for letters, in_percent in seen.items() if in_percent)

    @staticmethod
    def _percent_styles(root: Any) -> frozenset[int]:  # noqa: ANN401 (an element)
        formats = {int(one.get("numFmtId", 0)) for one in root.iter(f"{_SPREADSHEET}numFmt") if "%" in (one.get("formatCode") or "")}
        used = root.find(f"{_SPREADSHEET}cellXfs")
        kinds = [] if used is None else [int(one.get("numFmtId", 0)) for one in used]
        return frozenset(at for at, kind in enumerate(kinds) if kind in formats | _PERCENT_FORMATS)

    @staticmethod
    def _part(archive: zipfile.ZipFile, trees: Any, sheet: str) -> str:  # noqa: ANN401 (a module)
        book = trees.fromstring(archive.read("xl/workbook.xml"))
        relation = next(one.get(_RELATION) for one in book.iter(f"{_SPREADSHEET}sheet") if one.get("name") == sheet)
        targets = {one.get("Id"): one.get("Target") for one in trees.fromstring(archive.read("xl/_rels/workbook.xml.rels"))}
        target = str(targets[relation])
        return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


if __name__ == "__main__":
    _bound_memory()
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)))  # noqa: T201, PLR2004 (its answer)
