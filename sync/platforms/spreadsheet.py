# SPDX-License-Identifier: Apache-2.0
"""CSV and XLSX files as one more platform: opened, mapped, parsed, collapsed; and written, safe to open and to take back."""

from __future__ import annotations

import csv
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from app.errors import InputRefusedError, UsageError, WorkspaceError
from app.rules import cells, headers
from app.rules.fields import SAME_FIELD, Field, Home, Kind, field_of, platform_code
from app.usecases.creators import Chunk, ImportRequest, Preview, Reject, Warn
from sync import columns, sheets
from sync.sheets import ROW, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.jobs import Job

_HEADER_ROWS: Final = 15
_SAMPLE: Final = 2_000
_PREVIEWED: Final = 20
_MOSTLY: Final = 0.5
_FEW_FILLED: Final = 3
_SHEET_ROWS: Final = 1_048_575
_KEY: Final = "__key"
_OPENING: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class Head:
    """Where a table's header is and what it says. ``row`` None: there is none, columns have numbers."""

    row: int | None
    labels: tuple[str, ...]
    skipped: int


@dataclass(slots=True)
class ParsedFile:
    """Fulfils ``Parsed``: the records as columns, each key once."""

    read: int
    duplicates: int
    key: tuple[str, ...]
    sums: Mapping[str, int | float]
    mapping: Mapping[str, str]
    unmapped: Sequence[str]
    warnings: Sequence[Warn]
    rejects: Sequence[Reject]
    digest: str
    _frame: pl.DataFrame
    _raw: Mapping[str, Mapping[int, str]]

    @property
    def records(self) -> int:
        """Rows left after rejects and duplicates."""
        return self._frame.height

    def chunks(self, size: int) -> Iterator[Chunk]:
        """The records, some rows at a time."""
        for first in range(0, self._frame.height, size):
            part = self._frame.slice(first, size)
            rows = part[ROW].to_list()
            place = {row: at for at, row in enumerate(rows)} if self._raw else {}
            raw = {name: {place[row]: text for row, text in texts.items() if row in place} for name, texts in self._raw.items()}
            yield Chunk(rows, {name: _listed(part[name]) for name in part.columns if name != ROW}, raw)


def _listed(series: pl.Series) -> Sequence[object]:
    values = series.to_list()
    return [None if value is None else tuple(value) for value in values] if series.dtype == pl.List else values


class Spreadsheets:
    """Fulfils ``Files``."""

    def preview(self, request: ImportRequest) -> Preview:
        """Head of a file with the mapping it would get."""
        table = sheets.open_table(sheets.read_file(request.path), request.path.name, request.sheet, request.encoding)
        head, body = _split(table, request)
        match, warnings = _matched(head, body, request)
        platform, _ = _platform(request, head, table)
        shown = body.head(_PREVIEWED).select(_names(table)).rows()
        return Preview(
            table.sheets, table.sheet, table.encoding, head.row, head.labels, tuple(shown), match.columns, platform,
            tuple(warnings),
        )  # fmt: skip

    def parse(self, request: ImportRequest, zone: str, now: int, job: Job) -> ParsedFile:
        """Read, map, parse and collapse a whole file."""
        job.progress("read", 0, None)
        data = sheets.read_file(request.path)
        table = sheets.open_table(data, request.path.name, request.sheet, request.encoding)
        job.check()
        head, body = _split(table, request)
        match, warnings = _matched(head, body, request)
        if not match.columns:
            raise UsageError("no_columns", path=request.path.name, known=", ".join(head.labels[:20]))
        return _Parse(request, zone, now, table, head, body, match, warnings, job).run(sheets.digest(data))

    def write_rejects(self, path: Path, request: ImportRequest, rejects: Sequence[Reject]) -> None:
        """Workbook of the rejected rows as they were, with a last column that says why."""
        table = sheets.open_table(sheets.read_file(request.path), request.path.name, request.sheet, request.encoding)
        head, body = _split(table, request)
        reasons: dict[int, str] = {}
        for reject in rejects:
            reasons.setdefault(reject.row, f"{request.reasons.get(reject.code, reject.code)}: {reject.column or ''} {reject.value}".strip())
        wanted = body.filter(pl.col(ROW).is_in(list(reasons)))
        labels = [label if head.row is not None else f"column {label}" for label in head.labels]
        self.write_table(
            path.with_suffix(".xlsx") if path.suffix.lower() != ".xlsx" else path,
            [*labels, "原因 reason"],
            ((*row[1:], reasons[row[0]]) for row in wanted.select([ROW, *_names(table)]).iter_rows()),
        )

    def write_table(self, path: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
        """CSV or XLSX by ending, formula-safe, by way of a temporary file; returns the rows written."""
        if path.suffix.lower() not in {".csv", ".xlsx"}:
            raise UsageError("unknown_ending", path=str(path))
        with _replacing(path) as target:
            return (_write_csv if path.suffix.lower() == ".csv" else _write_xlsx)(target, header, rows)


# ---------------------------------------------------------------- header


def _names(table: Table) -> list[str]:
    return [f"c{at}" for at in range(table.width)]


def _split(table: Table, request: ImportRequest) -> tuple[Head, pl.DataFrame]:
    """Find the header and take it, what stands above it and its repetitions off; blank rows go too."""
    top = [tuple(cell.strip() for cell in row) for row in table.frame.head(_HEADER_ROWS).select(_names(table)).rows()]
    if not top:
        raise InputRefusedError("empty_file", path=request.path.name)
    at = _header_at(top, request)
    numbers = tuple(str(one) for one in range(1, table.width + 1))
    if at is None:
        return Head(None, numbers, 0), _filled(table.frame, table)
    labels, deep = _labels(top, at)
    body = table.frame.slice(at + deep)
    repeated = pl.all_horizontal(pl.col(f"c{one}").str.strip_chars() == cell for one, cell in enumerate(top[at]))
    body = body.filter(~repeated)
    head = Head(int(table.frame[ROW][at]), tuple(labels), at + deep)
    return head, _filled(body, table)


def _filled(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    return frame.filter(pl.any_horizontal(pl.col(_names(table)).str.strip_chars() != ""))


def _header_at(top: Sequence[Sequence[str]], request: ImportRequest) -> int | None:
    named = {text for text in request.mapping.values() if not text.isdecimal()}
    scores = [headers.known_share(row) + 2 * len(named & {cell.strip() for cell in row}) for row in top]
    best = max(range(len(top)), key=lambda at: (scores[at], -at))
    filled = sum(bool(cell) for cell in top[best])
    if scores[best] >= 2 or (scores[best] == 1 and (filled <= _FEW_FILLED or named)):  # noqa: PLR2004
        return best
    return _looks_like_header(top)


def _looks_like_header(top: Sequence[Sequence[str]]) -> int | None:
    """The first full row of words above rows with numbers; None where the first row has numbers itself."""
    width = max(sum(bool(cell) for cell in row) for row in top)
    for at, row in enumerate(top[:-1]):
        if sum(bool(cell) for cell in row) < max(2, width - 1):
            continue
        if any(_numeric(cell) for cell in row):
            return None
        below = top[at + 1 :]
        return at if any(_numeric(other[one]) for other in below for one in range(len(row))) else None
    return None


def _numeric(cell: str) -> bool:
    try:
        return cells.number(cell)[0] is not None
    except cells.BadCellError:
        return False


def _labels(top: Sequence[Sequence[str]], at: int) -> tuple[list[str], int]:
    """Header texts; a second row that only fills what a merged first row left open belongs to them."""
    row = list(top[at])
    if at + 1 < len(top):
        below = top[at + 1]
        open_below = [one for one, cell in enumerate(below) if cell]
        words = not any(_numeric(cell) for cell in below)
        if open_below and words and all(not row[one] for one in open_below):
            return [row[one] or below[one] for one in range(len(row))], 2
        partly = [one for one in open_below if not row[one]]
        if partly and words and headers.known_share([below[one] for one in partly]) == len(partly):
            return [row[one] or below[one] for one in range(len(row))], 2
    return row, 1


# ---------------------------------------------------------------- mapping


def _matched(head: Head, body: pl.DataFrame, request: ImportRequest) -> tuple[headers.Match, list[Warn]]:
    match = headers.match(head.labels, request.mapping, only=request.only_mapped)
    found = dict(match.columns)
    warnings: list[Warn] = []
    sample = body.head(_SAMPLE)
    stated = {SAME_FIELD.get(name, name) for name in request.mapping}
    if {"handle", "name"} <= found.keys() and not {"handle", "name"} & stated:
        pair = [sample[f"c{found[name]}"].to_list() for name in ("handle", "name")]
        if headers.swappable(head.labels[found["handle"]], head.labels[found["name"]]) and headers.handle_or_name(*pair):
            found["handle"], found["name"] = found["name"], found["handle"]
    unmapped = list(match.unmapped)
    for name, at in list(found.items()):
        one = field_of(name)
        if one is None or not one.numeric or name in stated:
            continue
        texts = [text for text in sample[f"c{at}"].to_list() if not cells.is_empty(text)]
        if len(texts) >= _FEW_FILLED and sum(not _readable(text) for text in texts) > len(texts) * _MOSTLY:
            twin = _twin(head, sample, at)
            if twin is not None:
                found[name] = twin
                continue
            del found[name]
            unmapped.append(head.labels[at])
            warnings.append(Warn("column_not_numeric", {"column": head.labels[at].strip(), "field": name}))
    return headers.Match(found, tuple(unmapped)), warnings


def _twin(head: Head, sample: pl.DataFrame, at: int) -> int | None:
    """Another column under the same header whose cells are numbers."""
    for other, label in enumerate(head.labels):
        if other != at and headers.plain(label) == headers.plain(head.labels[at]):
            texts = [text for text in sample[f"c{other}"].to_list() if not cells.is_empty(text)]
            if texts and sum(_readable(text) for text in texts) > len(texts) * _MOSTLY:
                return other
    return None


def _readable(text: str) -> bool:
    try:
        cells.number(text)
    except cells.BadCellError:
        return False
    return True


def _platform(request: ImportRequest, head: Head, table: Table) -> tuple[str | None, bool]:
    """Platform of a file without such a column, and whether it was guessed."""
    if request.platform:
        return platform_code(request.platform), False
    told = headers.told_platform(*head.labels) or headers.told_platform(table.sheet or "") or headers.told_platform(request.path.stem)
    return told, told is not None


# ---------------------------------------------------------------- parsing


@dataclass(slots=True)
class _Parse:
    request: ImportRequest
    zone: str
    now: int
    table: Table
    head: Head
    body: pl.DataFrame
    match: headers.Match
    warnings: list[Warn]
    job: Job

    def run(self, digest: str) -> ParsedFile:
        key = tuple(SAME_FIELD.get(name, name) for name in self.request.key)
        for name in key:
            if (one := field_of(name)) is None or one.home not in {Home.CREATOR, Home.ACCOUNT}:
                raise UsageError("unknown_field", field=name)
        read = self._read_columns()
        rows = self.body[ROW]
        frame, rejects = self._records(read, rows, key)
        raw = {name: {rows[at]: self.body[f"c{self.match.columns[name]}"][at] for at in column.notes} for name, column in read.items() if column.notes}
        self._warn(read, frame)
        good = ~rows.is_in([reject.row for reject in rejects]) if rejects else pl.Series([True] * len(rows))
        sums = {name: columns.total(column, good) for name, column in read.items() if _field(name).numeric}
        collapsed = self._collapse(frame, key)
        return ParsedFile(
            read=self.body.height,
            duplicates=frame.height - collapsed.height,
            key=key,
            sums=sums,
            mapping={name: self.head.labels[at] for name, at in self.match.columns.items()},
            unmapped=[label.strip() for label in self.match.unmapped],
            warnings=self.warnings,
            rejects=rejects,
            digest=digest,
            _frame=collapsed,
            _raw=raw,
        )

    def _read_columns(self) -> dict[str, columns.Column]:
        read = {}
        for done, (name, at) in enumerate(self.match.columns.items()):
            self.job.check()
            self.job.progress("parse", done, len(self.match.columns))
            texts = self.body[f"c{at}"]
            if texts.str.starts_with("'").any():
                texts = _unquoted(texts)
            read[name] = columns.read(self._reading(name, texts, self.head.labels[at]), texts)
        return read

    def _reading(self, name: str, texts: pl.Series, label: str) -> cells.Reading:
        one = _field(name)
        order = cells.day_order(texts.head(_SAMPLE * 50).to_list()) if one.kind is Kind.MOMENT else None
        if order is not None:
            self.warnings.append(Warn("date_order", {"column": label.strip(), "order": "D/M/Y" if order else "M/D/Y"}))
        return cells.Reading(
            one,
            self.zone,
            yuan=one.kind is Kind.FEN and (headers.in_yuan(label) or _has_decimals(texts)),
            percent=one.kind is Kind.BASIS_POINTS and "bp" not in label.lower() and not label.isdecimal(),
            day_first=order,
            from_1904=self.table.from_1904,
            ten_thousands=one.numeric and headers.in_ten_thousands(label),
        )

    def _records(self, read: Mapping[str, columns.Column], rows: pl.Series, key: tuple[str, ...]) -> tuple[pl.DataFrame, list[Reject]]:
        frame = pl.DataFrame([rows, *(column.values.alias(name) for name, column in read.items())])
        rejects = [
            Reject(rows[at], self.head.labels[self.match.columns[name]].strip(), self.body[f"c{self.match.columns[name]}"][at], code)
            for name, column in read.items()
            for at, code in column.bad.items()
        ]
        bad = {at for column in read.values() for at in column.bad}
        frame = frame.with_columns(self._platform_column(frame))
        missing, code, named = self._without_key(frame, key)
        for at in missing.arg_true().to_list():
            if at not in bad:
                shown = next((str(value) for value in frame.drop(ROW).row(at) if value is not None), "")
                rejects.append(Reject(rows[at], named, shown, code))
                bad.add(at)
        no_platform = frame["platform"].is_null() & (frame["platform_uid"].is_null() if "platform_uid" in frame.columns else True)
        for at in no_platform.arg_true().to_list():
            if at not in bad:
                rejects.append(Reject(rows[at], "platform", "", "no_platform"))
                bad.add(at)
        if bad:
            frame = frame.filter(~pl.Series([at in bad for at in range(frame.height)]))
        return frame, sorted(rejects, key=lambda reject: reject.row)

    def _platform_column(self, frame: pl.DataFrame) -> pl.Series:
        fallback, guessed = _platform(self.request, self.head, self.table)
        if "platform" in frame.columns:
            column = frame["platform"]
            return column if self.request.platform is None else column.fill_null(fallback)
        if guessed:
            self.warnings.append(Warn("platform_guessed", {"platform": fallback}))
        return pl.Series("platform", [fallback], dtype=pl.String).new_from_index(0, frame.height)

    @staticmethod
    def _without_key(frame: pl.DataFrame, key: tuple[str, ...]) -> tuple[pl.Series, str, str]:
        names = [name for name in key if name != "platform"] or ["platform_uid", "handle"]
        empty = [frame[name].is_null() if name in frame.columns else pl.Series([True] * frame.height, dtype=pl.Boolean) for name in names]
        missing = empty[0]
        for other in empty[1:]:
            missing = (missing | other) if key else (missing & other)
        return missing, "no_key", names[0]

    def _collapse(self, frame: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
        """One record per key, in the order of its first row: the last filled value of each field wins."""
        keys = self._keys(frame, key)
        if keys.n_unique() == frame.height:
            return frame
        keyed = frame.with_columns(keys.alias(_KEY))
        last = [pl.col(name).drop_nulls().last() for name in frame.columns if name != ROW]
        return keyed.group_by(_KEY, maintain_order=True).agg(pl.col(ROW).last(), *last).drop(_KEY)

    @staticmethod
    def _keys(frame: pl.DataFrame, key: tuple[str, ...]) -> pl.Series:
        platform = frame["platform"].fill_null("")
        if key:
            parts = [frame[name].cast(pl.String) for name in key if name != "platform" and name in frame.columns]
            parts = [_handle_keys(part) if part.name == "handle" else part for part in parts]
            return pl.select(pl.concat_str([platform, *parts], separator="\x1f")).to_series()
        uid = frame["platform_uid"] if "platform_uid" in frame.columns else None
        if "handle" not in frame.columns:
            return pl.select(pl.concat_str([platform, uid], separator="\x1fu")).to_series()
        handles = _handle_keys(frame["handle"])
        by_handle = pl.select(pl.concat_str([platform, handles], separator="\x1fh")).to_series()
        if uid is None:
            return by_handle
        by_uid = pl.select(pl.concat_str([platform, uid], separator="\x1fu")).to_series()
        if not uid.null_count():
            return by_uid
        both = {handle: one for handle, one in zip(by_handle.to_list(), by_uid.to_list(), strict=True) if handle and one}
        named = pl.Series([both.get(handle, handle) for handle in by_handle.to_list()], dtype=pl.String)
        return by_uid.zip_with(by_uid.is_not_null(), named)

    def _warn(self, read: Mapping[str, columns.Column], frame: pl.DataFrame) -> None:
        for name, column in read.items():
            label = self.head.labels[self.match.columns[name]].strip()
            for note in ("at_least", "range", "rounded"):
                places = [at for at, one in column.notes.items() if one == note]
                if places:
                    first = self.body[ROW][places[0]]
                    self.warnings.append(Warn(note, {"column": label, "count": len(places), "row": first}))
        for code, name, suspicious in (
            ("followers_huge", "followers", lambda column: column > 1_000_000_000),
            ("rate_over_100", "engagement_rate", lambda column: column > 100),  # noqa: PLR2004 (percent)
            ("date_ahead", "as_of", lambda column: column > self.now),
            ("date_ahead", "joined_at", lambda column: column > self.now),
            ("fee_huge", "fee_fen", lambda column: column > 1_000_000_000),
        ):
            if name in frame.columns:
                rows = frame.filter(suspicious(pl.col(name)))[ROW].to_list()
                if rows:
                    self.warnings.append(Warn(code, {"field": name, "count": len(rows), "row": rows[0]}))


def _field(name: str) -> Field:
    one = field_of(name)
    if one is None:
        raise UsageError("unknown_field", field=name)
    return one


def _handle_keys(handles: pl.Series) -> pl.Series:
    known = {handle: cells.handle_key(handle) for handle in handles.drop_nulls().unique().to_list()}
    return pl.Series(handles.name, [None if handle is None else known[handle] for handle in handles.to_list()], dtype=pl.String)


def _unquoted(texts: pl.Series) -> pl.Series:
    """Take the apostrophe off that keeps a spreadsheet from seeing a formula."""
    guarded = texts.str.contains(r"^'['=+\-@\t\r＝＋－＠]")
    return texts.zip_with(~guarded, texts.str.slice(1))


def _has_decimals(texts: pl.Series) -> bool:
    return bool(texts.head(_SAMPLE).str.contains(r"^[¥￥]?\s*[\d,]+\.\d{1,2}$").any())


# ---------------------------------------------------------------- writing


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside the target that takes its place when all is written; the old one stays until then."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent or Path())
        os.close(handle)
    except OSError as error:
        raise UsageError("cannot_write", path=str(path), reason=error.strerror or "") from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise WorkspaceError("cannot_write", path=str(path), reason=error.strerror or "") from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_csv(target: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
    count = 0
    with target.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([_guarded(cell) for cell in header])
        for count, row in enumerate(rows, 1):  # noqa: B007 (counts)
            writer.writerow([_guarded(cell) for cell in row])
    return count


def _guarded(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_OPENING) or (cell.startswith("'") and cell[1:].startswith((*_OPENING, "'"))) else cell
    return "" if cell is None else cell


def _write_xlsx(target: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
    import xlsxwriter  # noqa: PLC0415 (only when a workbook is written)

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    count = 0
    with xlsxwriter.Workbook(str(target), options) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        for at, label in enumerate(header):
            sheet.write_string(0, at, _legal(label))
        for count, row in enumerate(rows, 1):
            if count > _SHEET_ROWS:
                raise UsageError("too_many_rows", rows=_SHEET_ROWS)
            _write_row(sheet, count, row)
    return count


def _write_row(sheet: Any, number: int, row: Sequence[object]) -> None:  # noqa: ANN401 (xlsxwriter)
    for at, cell in enumerate(row):
        if isinstance(cell, str):
            sheet.write_string(number, at, _legal(cell)[:32767])
        elif isinstance(cell, int | float) and not isinstance(cell, bool):
            sheet.write_number(number, at, cell)


_ILLEGAL: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)], "\ufffd")


def _legal(text: str) -> str:
    return text.translate(_ILLEGAL)
