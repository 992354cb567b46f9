# SPDX-License-Identifier: Apache-2.0
"""Files as people make them, and a real workspace to take them in."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

from app.files import ImportReport, ImportRequest
from app.usecases.creators import Question
from app.values import Actor, WorkspaceRef
from sync.compose import opener

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REAL = Path(__file__).parents[3] / "shared" / "data" / "real"


class Desk:
    """A workspace with one person before it. Every import is checked to add up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services = opener().create(WorkspaceRef(str(folder / "brand.koc")), Actor("tester"))

    @property
    def hash(self) -> str | None:
        """Content hash of the facts that stand."""
        return self.services.workspace.info(with_hash=True).content_hash

    @property
    def names(self) -> list[str]:
        """Names of all creators, in order of creation."""
        creators = self.services.creators
        return [row.name for row in creators.rows(sorted(int(one) for one in creators.ids(Question())))]

    def file(self, name: str, data: str | bytes) -> Path:
        """A file of the test."""
        path = self.folder / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def take(self, path: Path, **options: Any) -> ImportReport:
        """Import a file."""
        report = self.services.creators.import_file(ImportRequest(path, **options))
        assert report.read == report.inserted + report.updated + report.unchanged + report.rejected + report.duplicates
        return report

    def take_text(self, text: str, **options: Any) -> ImportReport:
        """Import a text as a file."""
        return self.take(self.file("list.csv", text), **options)

    def prove(self, path: Path, **options: Any) -> ImportReport:
        """Import a file and hold it to what every import promises: a dry run only tells, again is unchanged, undo restores."""
        before = self.hash
        told = self.take(path, dry_run=True, **options)
        assert self.hash == before
        done = self.take(path, **options)
        after = self.hash
        assert replace(told, import_id=done.import_id, seconds=done.seconds) == done
        again = self.take(path, **options)
        assert (again.inserted, again.updated) == (0, 0)
        assert again.sums == done.sums
        assert self.hash == after
        for report in (again, done):
            if report.import_id:
                self.services.workspace.undo(report.import_id)
        assert self.hash == before
        return done


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A new workspace."""
    desk = Desk(tmp_path)
    yield desk
    desk.services.close()


def book(rows: Sequence[Sequence[Any]], *, merged: Sequence[tuple[int, int, int, int, str]] = (), **options: Any) -> bytes:
    """An .xlsx of one sheet: texts, numbers, dates; a pair is a number and its format."""
    return books({"Sheet1": rows}, merged=merged, **options)


def books(
    sheets: dict[str, Sequence[Sequence[Any]]], *, merged: Sequence[tuple[int, int, int, int, str]] = (), hidden: Sequence[str] = (), **options: Any
) -> bytes:
    """An .xlsx of several sheets; ``merged`` are those of the last."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, **options}) as workbook:
        day = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        last = next(reversed(sheets))
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            if name in hidden:
                sheet.hide()
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if isinstance(cell, str):
                        sheet.write_string(number, column, cell)
                    elif isinstance(cell, tuple):
                        sheet.write_number(number, column, cell[0], workbook.add_format({"num_format": cell[1]}))
                    elif isinstance(cell, int | float):
                        sheet.write_number(number, column, cell)
                    elif cell is not None:
                        sheet.write_datetime(number, column, cell, day)
            for top, left, bottom, right, text in merged if name == last else ():
                sheet.merge_range(top, left, bottom, right, text)
    return out.getvalue()


def zipped(members: Sequence[tuple[str, str | bytes]], *, gbk: bool = False) -> bytes:
    """An archive; ``gbk``: with names as Chinese systems write them, without the mark of UTF-8."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr((_Gbk if gbk else zipfile.ZipInfo)(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


class _Gbk(zipfile.ZipInfo):
    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 (the library's)
        return self.filename.encode("gbk"), self.flag_bits & ~0x800
