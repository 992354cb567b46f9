# SPDX-License-Identifier: Apache-2.0
"""Tables written as CSV or XLSX: no cell is a formula, the old file stays until the new one is whole."""

from __future__ import annotations

import csv
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.errors import UsageError, WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

ENDINGS: Final = frozenset({".csv", ".xlsx"})
_SHEET_ROWS: Final = 1_048_575
_CELL: Final = 32_767
_OPENING: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_WRAPPED: Final = r'^="([^"]*)"$'
_GUARDED: Final = r"^'['=+\-@\t\r＝＋－＠]"


def write(path: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
    """CSV or XLSX by ending; returns the rows written."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError("unknown_ending", path=str(path))
    with _replacing(path) as target:
        return (_write_csv if path.suffix.lower() == ".csv" else _write_xlsx)(target, header, rows)


def unguarded(texts: pl.Series) -> pl.Series:
    """Texts without what keeps a spreadsheet from seeing a formula or a number: an apostrophe, or ``="0012"``."""
    if texts.str.starts_with('="').any():
        texts = texts.str.replace(_WRAPPED, "$1")
    if not texts.str.starts_with("'").any():
        return texts
    return texts.zip_with(~texts.str.contains(_GUARDED), texts.str.slice(1))


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside the target that takes its place when all is written; the old one stays until then."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise UsageError("cannot_write", path=str(path), reason=error.strerror or "") from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        _like_the_old_one(temporary, path)
        temporary.replace(path)
    except OSError as error:
        raise WorkspaceError("cannot_write", path=str(path), reason=error.strerror or "") from error
    finally:
        temporary.unlink(missing_ok=True)


def _like_the_old_one(temporary: Path, path: Path) -> None:
    """A temporary file is for its owner's eyes; the export has the rights of the file it replaces, else the usual ones."""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    temporary.chmod(mode)


def _write_csv(target: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
    count = 0
    with target.open("w", encoding="utf-8-sig", newline="", errors="replace") as out:
        writer = csv.writer(out)
        writer.writerow([_guarded(cell) for cell in header])
        for count, row in enumerate(rows, 1):  # noqa: B007 (counts)
            writer.writerow([_guarded(cell) for cell in row])
    return count


def _guarded(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_OPENING) else _escaped(cell)
    return "" if cell is None else cell


def _escaped(text: str) -> str:
    """A text whose own apostrophe would be taken for a guard gets another one."""
    return f"'{text}" if text.startswith("'") and text[1:].startswith((*_OPENING, "'")) else text


def _write_xlsx(target: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
    import xlsxwriter  # noqa: PLC0415 (only when a workbook is written)

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    count = 0
    with xlsxwriter.Workbook(str(target), options) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        as_text = book.add_format({"quote_prefix": True})
        _write_row(sheet, 0, header, as_text)
        for count, row in enumerate(rows, 1):
            if count > _SHEET_ROWS:
                raise UsageError("too_many_rows", rows=_SHEET_ROWS)
            _write_row(sheet, count, row, as_text)
    return count


def _write_row(sheet: Any, number: int, row: Sequence[object], as_text: Any) -> None:  # noqa: ANN401 (xlsxwriter)
    for at, cell in enumerate(row):
        if isinstance(cell, str):
            sheet.write_string(number, at, _legal(_escaped(cell))[:_CELL], as_text if cell.startswith((*_OPENING, "'")) else None)
        elif isinstance(cell, int | float) and not isinstance(cell, bool):
            sheet.write_number(number, at, cell)


_ILLEGAL: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)], "\ufffd")


def _legal(text: str) -> str:
    return text.translate(_ILLEGAL)
