# SPDX-License-Identifier: Apache-2.0
"""CSV and XLSX files as one more platform: opened, mapped, parsed, collapsed; and written, safe to open and to take back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from app.errors import UsageError
from app.files import Chunk, ImportRequest, Preview, Reject, Warn
from app.rules import cells, headers
from app.rules.facts import CREATORS
from app.rules.fields import CREATOR_FIELDS, SAME_FIELD, Field, Home, Kind, field_of
from sync import columns, facts, heads, sheets, written
from sync.frames import ROW, names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from app.files import Parsed
    from app.jobs import Job
    from sync.heads import Sheet

_PREVIEWED: Final = 20
_ORDERED: Final = 100_000
_YEAR_FIRST: Final = r"^[0-9]{4}[-/.]|^$"
_SHOWN: Final = 200
_KEY: Final = "__key"
_RAW: Final = "__raw "
"""Before a field's name: the column of its texts whose meaning was worked out."""
_SUSPICIOUS: Final = (
    ("followers_huge", "followers", 1_000_000_000),
    ("rate_over_100", "engagement_rate", 100),
    ("fee_huge", "fee_fen", 1_000_000_000),
)
"""Values above which a column may have been read wrongly."""


@dataclass(slots=True)
class ParsedFile:
    """Fulfils ``Parsed``: the records as columns, each key once."""

    read: int
    duplicates: int
    key: tuple[str, ...]
    mapping: Mapping[str, str]
    unmapped: Sequence[str]
    warnings: Sequence[Warn]
    rejects: Sequence[Reject]
    digest: str
    frame: pl.DataFrame
    _columns: Mapping[str, columns.Column]
    _rows: pl.Series
    _left_out: pl.Series | None = None

    @property
    def records(self) -> int:
        """Rows left after rejects and duplicates."""
        return self.frame.height

    @property
    def number(self) -> str:
        """Column of the frame with the rows' numbers."""
        return ROW

    def sums(self, rejected: Collection[int] = ()) -> Mapping[str, int | float]:
        """Exact totals per numeric field over all rows but the rejected ones; ``rejected``: those that the store turned down."""
        out = [reject.row for reject in self.rejects]
        out.extend(rejected)
        good = ~self._rows.is_in(out) if out else pl.repeat(True, len(self._rows), dtype=pl.Boolean, eager=True)  # noqa: FBT003
        return {name: columns.total(column, good) for name, column in self._columns.items()}

    def leave_out(self, rows: Collection[int]) -> None:
        """Bring no more chunks of some rows."""
        self._left_out = pl.Series(rows, dtype=self.frame.schema[ROW])

    def chunks(self, size: int) -> Iterator[Chunk]:
        """The records, some rows at a time."""
        frame = self.frame if self._left_out is None else self.frame.filter(~pl.col(ROW).is_in(self._left_out.implode()))
        for first in range(0, frame.height, size):
            part = frame.slice(first, size)
            names_ = [name for name in part.columns if name != ROW and not name.startswith(_RAW)]
            raw = {name: _texts(part[_RAW + name]) for name in names_ if _RAW + name in part.columns}
            yield Chunk(part[ROW].to_list(), {name: _listed(part[name]) for name in names_}, raw)


def _listed(series: pl.Series) -> Sequence[object]:
    values = series.to_list()
    return [None if value is None else tuple(value) for value in values] if series.dtype == pl.List else values


def _texts(series: pl.Series) -> dict[int, str]:
    """Filled cells by position."""
    return {at: series[at] for at in series.is_not_null().arg_true().to_list()}


class Spreadsheets:
    """Fulfils ``Files``."""

    def preview(self, request: ImportRequest) -> Preview:
        """Head of a file with the mapping it would get."""
        sheet = _opened(sheets.read_file(request.path), request)
        mapped = heads.mapped(sheet, request)
        platform, _ = heads.platform_of(request, sheet)
        table = sheet.first
        shown = sheet.body.head(_PREVIEWED).select(names(len(sheet.head.labels))).rows()
        return Preview(
            table.sheets, table.sheet, table.encoding, sheet.head.row, sheet.head.labels, tuple(shown), mapped.columns, platform,
            tuple(mapped.warnings),
        )  # fmt: skip

    def parse(self, request: ImportRequest, zone: str, now: int, job: Job) -> Parsed:
        """Read, map, parse and collapse a whole file."""
        key = _key(request)
        job.progress("read", 0, None)
        data = sheets.read_file(request.path)
        sheet = _opened(data, request, job)
        job.check()
        if request.kind != CREATORS:
            return facts.parse(request, zone, now, sheet, job, sheets.digest(data))
        mapped = heads.mapped(sheet, request)
        known = _known(sheet)
        if not mapped.columns:
            raise UsageError("no_columns", path=request.path.name, known=known)
        for name in key:
            if name not in mapped.columns and name != "platform":
                raise UsageError("no_key_column", field=name, known=known)
        return _Parse(request, zone, now, sheet, mapped, key, job).run(sheets.digest(data))

    def write_rejects(self, path: Path, request: ImportRequest, rejects: Sequence[Reject]) -> None:
        """Workbook of the rejected rows as they were, with a last column that says why."""
        sheet = _opened(sheets.read_file(request.path), request)
        reasons: dict[int, str] = {}
        for reject in rejects:
            reasons.setdefault(reject.row, f"{request.reasons.get(reject.code, reject.code)}: {_worded(request, reject.column)} {reject.value}".strip())
        wanted = sheet.body.filter(pl.col(ROW).is_in(list(reasons)))
        labels = [label if sheet.head.row is not None else f"column {label}" for label in sheet.head.labels]
        self.write_table(
            path.with_suffix(".xlsx") if path.suffix.lower() != ".xlsx" else path,
            [*labels, headers.REASON],
            ((*row[1:], reasons[row[0]]) for row in wanted.select([ROW, *names(len(labels))]).iter_rows()),
        )

    def write_table(self, path: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
        """CSV or XLSX by ending, formula-safe, by way of a temporary file; returns the rows written."""
        return written.write(path, header, rows)


def _worded(request: ImportRequest, column: str | None) -> str:
    """A rejected row's column as people call it: a field by its word, a header by itself."""
    return request.reasons.get(column, column) if column else ""


def _opened(data: bytes, request: ImportRequest, job: Job | None = None) -> Sheet:
    arguments = (data, request.path.name, request.sheet, request.encoding)
    return heads.sheet_of(sheets.open_tables(*arguments, job.check) if job else sheets.open_tables(*arguments), request)


def _known(sheet: Sheet) -> str:
    """Columns of a file as a message names them; without a header by number, with the first record's cells."""
    labels = sheet.head.labels[:40]
    if sheet.head.row is None:
        first = sheet.body.row(0)[1:] if sheet.body.height else ()
        return ", ".join(f"{label} ({cell.strip()[:20]})" if cell.strip() else label for label, cell in zip(labels, first, strict=False))
    return ", ".join(label for label in labels if label)


def _key(request: ImportRequest) -> tuple[str, ...]:
    """Fields of ``--key``; UsageError naming those there are."""
    key = tuple(dict.fromkeys(SAME_FIELD.get(name, name) for name in request.key))
    if request.kind != CREATORS:
        return key
    usable = [one.name for one in CREATOR_FIELDS.values() if one.home in {Home.CREATOR, Home.ACCOUNT} and one.kind in {Kind.TEXT, Kind.IDENT, Kind.PLATFORM}]
    for name in key:
        if name not in usable:
            raise UsageError("unknown_key_field", field=name, known=", ".join(usable))
    return () if set(key) <= {"platform"} else key


# ---------------------------------------------------------------- parsing


@dataclass(slots=True)
class _Parse:
    request: ImportRequest
    zone: str
    now: int
    sheet: Sheet
    mapped: heads.Mapped
    key: tuple[str, ...]
    job: Job
    warnings: list[Warn] = field(init=False)

    def __post_init__(self) -> None:
        """Start with what was odd about the columns."""
        self.warnings = list(self.mapped.warnings)
        if self.sheet.first.left_out:
            left = ", ".join(self.sheet.first.left_out[:10])
            self.warnings.append(Warn("parts_left" if self.sheet.parts else "sheets_left", {"sheet": self.sheet.first.sheet or "", "left": left}))

    def run(self, digest: str) -> ParsedFile:
        read = self._read_columns()
        rows = self.sheet.body[ROW]
        frame, rejects = self._records(read, rows)
        self._warn(read, frame)
        collapsed = self._collapse(frame)
        return ParsedFile(
            read=self.sheet.body.height,
            duplicates=frame.height - collapsed.height,
            key=self.key,
            mapping={name: self.sheet.head.labels[at] for name, at in self.mapped.columns.items()},
            unmapped=[label.strip() for label in self.mapped.unmapped],
            warnings=self.warnings,
            rejects=rejects,
            digest=digest,
            frame=collapsed,
            _columns={name: column for name, column in read.items() if _field(name).numeric},
            _rows=rows,
        )

    def _label(self, name: str) -> str:
        return self.sheet.head.labels[self.mapped.columns[name]].strip()

    def _texts(self, name: str) -> pl.Series:
        return self.sheet.body[f"c{self.mapped.columns[name]}"]

    # ------------------------------------------------------------ cells

    def _read_columns(self) -> dict[str, columns.Column]:
        read = {}
        for done, name in enumerate(self.mapped.columns):
            self.job.check()
            self.job.progress("parse", done, len(self.mapped.columns))
            texts = written.unguarded(self._texts(name))
            read[name] = columns.read(self._reading(name, texts, self._label(name)), texts)
        return read

    def _reading(self, name: str, texts: pl.Series, label: str) -> cells.Reading:
        one = _field(name)
        order = cells.day_order(texts.filter(~texts.str.contains(_YEAR_FIRST)).head(_ORDERED).to_list()) if one.kind is Kind.MOMENT else None
        if order is not None:
            self.warnings.append(Warn("date_order", {"column": label, "order": "D/M/Y" if order else "M/D/Y"}))
        fraction = headers.is_rate(name) and label != name and "%" not in label and "％" not in label and "bp" not in label.lower() and _fractions(texts)
        if fraction:
            self.warnings.append(Warn("rates_as_fractions", {"column": label}))
        return cells.Reading(
            one,
            self.zone,
            yuan=one.kind is Kind.FEN and not headers.in_fen(label) and (headers.in_yuan(label) or _has_decimals(texts)),
            percent=one.kind is Kind.BASIS_POINTS and "bp" not in label.lower() and not label.isdecimal(),
            fraction=fraction,
            day_first=order,
            from_1904=self.sheet.first.from_1904,
            ten_thousands=one.numeric and headers.in_ten_thousands(label),
        )

    # ------------------------------------------------------------ rows

    def _records(self, read: Mapping[str, columns.Column], rows: pl.Series) -> tuple[pl.DataFrame, list[Reject]]:
        """Rows that can be taken, and why the others cannot."""
        noted = (self._noted(name, column) for name, column in read.items() if column.notes)
        frame = pl.DataFrame([rows, *(column.values.alias(name) for name, column in read.items()), *noted])
        rejects = [
            Reject(rows[at], self._label(name), self._texts(name)[at][:_SHOWN], code) for name, column in read.items() for at, code in column.bad.items()
        ]
        bad = {at for column in read.values() for at in column.bad}
        frame = frame.with_columns(self._platform_column(frame))
        for wrong, code, column in self._wrong(frame):
            for at in wrong.arg_true().to_list():
                if at not in bad:
                    rejects.append(Reject(rows[at], column, self._shown(at), code))
                    bad.add(at)
        if bad:
            good = pl.repeat(True, frame.height, dtype=pl.Boolean, eager=True).scatter(sorted(bad), False)  # noqa: FBT003
            frame = frame.filter(good)
        return frame, sorted(rejects, key=lambda reject: reject.row)

    def _noted(self, name: str, column: columns.Column) -> pl.Series:
        """Texts of a column's cells that say more, or less, than the number that was read."""
        texts, places = self._texts(name), sorted(column.notes)
        words = pl.Series([texts[at].strip() for at in places], dtype=pl.String)
        return pl.Series(_RAW + name, [None], dtype=pl.String).new_from_index(0, len(texts)).scatter(places, words).alias(_RAW + name)

    def _wrong(self, frame: pl.DataFrame) -> Iterator[tuple[pl.Series, str, str]]:
        """What no single cell tells: totals, rows that name nobody, rows without a platform."""
        nobody = pl.repeat(True, frame.height, dtype=pl.Boolean, eager=True)  # noqa: FBT003
        no_uid = frame["platform_uid"].is_null() if "platform_uid" in frame.columns else nobody
        first = self.sheet.body["c0"] if self.sheet.body.width > 1 else pl.Series([""] * frame.height)
        totals = first.str.strip_chars().is_in(headers.TOTALS)
        for name in ("name", "handle"):
            if name in frame.columns:
                totals |= frame[name].is_in(headers.TOTALS).fill_null(False)  # noqa: FBT003
        yield totals & no_uid, "totals_row", next((self._label(name) for name in ("name", "handle") if name in frame.columns), "")
        wanted = [name for name in self.key if name != "platform"] or ["platform_uid", "handle"]
        empty = [frame[name].is_null() if name in frame.columns else nobody for name in wanted]
        missing = empty[0]
        for other in empty[1:]:
            missing = (missing | other) if self.key else (missing & other)
        yield missing, "no_key", wanted[0]
        yield frame["platform"].is_null() & no_uid, "no_platform", "platform"

    def _shown(self, at: int) -> str:
        """What tells a row apart for somebody who looks for it: who it names, else its first filled cell."""
        texts = (self._texts(name)[at] for name in ("name", "handle", "platform_uid") if name in self.mapped.columns)
        named = next((text.strip() for text in texts if text.strip()), "")
        return (named or next((text.strip() for text in self.sheet.body.row(at)[1:] if text.strip()), ""))[:_SHOWN]

    def _platform_column(self, frame: pl.DataFrame) -> pl.Series:
        told, guessed = heads.platform_of(self.request, self.sheet)
        if "platform" in frame.columns:
            return frame["platform"] if self.request.platform is None else frame["platform"].fill_null(told)
        by_part = [platform for _, platform in self.sheet.parts]
        if self.request.platform is None and len(set(by_part)) > 1:
            rows = frame[ROW]
            column = pl.Series("platform", [told], dtype=pl.String).new_from_index(0, frame.height)
            for last, platform in reversed(self.sheet.parts):
                column = column.zip_with(rows > last, pl.Series("platform", [platform or told], dtype=pl.String).new_from_index(0, frame.height))
            self.warnings.append(Warn("platform_guessed", {"platform": ", ".join(dict.fromkeys(one for one in by_part if one))}))
            return column
        if guessed:
            self.warnings.append(Warn("platform_guessed", {"platform": told}))
        return pl.Series("platform", [told], dtype=pl.String).new_from_index(0, frame.height)

    # ------------------------------------------------------------ one record per key

    def _collapse(self, frame: pl.DataFrame) -> pl.DataFrame:
        """One record per key, in the order of its first row: the last filled cell of each field wins, a range counts as one."""
        keys = _keys(frame, self.key)
        if keys.n_unique() == frame.height:
            return frame
        keyed = frame.with_columns(keys.alias(_KEY))
        last = []
        for name in (one for one in frame.columns if one != ROW and not one.startswith(_RAW)):
            if (raw := _RAW + name) in frame.columns:
                filled = pl.col(name).is_not_null() | pl.col(raw).is_not_null()
                last += [pl.col(one).filter(filled).last() for one in (name, raw)]
            else:
                last.append(pl.col(name).drop_nulls().last())
        return keyed.group_by(_KEY, maintain_order=True).agg(pl.col(ROW).last(), *last).drop(_KEY)

    # ------------------------------------------------------------ warnings

    def _warn(self, read: Mapping[str, columns.Column], frame: pl.DataFrame) -> None:
        for name, column in read.items():
            for note in ("at_least", "range", "rounded"):
                places = [at for at, one in column.notes.items() if one == note]
                if places:
                    self.warnings.append(Warn(note, {"column": self._label(name), "count": len(places), "row": self.sheet.body[ROW][min(places)]}))
        for code, name, most in (*_SUSPICIOUS, ("date_ahead", "as_of", self.now), ("date_ahead", "joined_at", self.now)):
            if name in frame.columns:
                rows = frame.filter(pl.col(name) > most)[ROW].to_list()
                if rows:
                    self.warnings.append(Warn(code, {"field": name, "count": len(rows), "row": rows[0]}))


def _field(name: str) -> Field:
    one = field_of(name)
    if one is None:
        raise UsageError("unknown_field", field=name)
    return one


def _keys(frame: pl.DataFrame, key: tuple[str, ...]) -> pl.Series:
    """What makes two rows one record."""
    platform = frame["platform"].fill_null("")
    if key:
        parts = [frame[name] for name in key if name != "platform"]
        parts = [_handle_keys(part) if part.name == "handle" else part for part in parts]
        return pl.select(pl.concat_str([platform, *parts], separator="\x1f")).to_series()
    uid = frame["platform_uid"] if "platform_uid" in frame.columns else None
    if uid is not None and frame["platform"].null_count():
        platform = _filled_in(frame["platform"], uid)
    if "handle" not in frame.columns:
        return pl.select(pl.concat_str([platform, uid], separator="\x1fu")).to_series()
    if uid is not None and not uid.null_count():
        return pl.select(pl.concat_str([platform, uid], separator="\x1fu")).to_series()
    by_handle = pl.select(pl.concat_str([platform, _handle_keys(frame["handle"])], separator="\x1fh")).to_series()
    if uid is None:
        return by_handle
    by_uid = pl.select(pl.concat_str([platform, uid], separator="\x1fu")).to_series()
    both = {handle: one for handle, one in zip(by_handle.to_list(), by_uid.to_list(), strict=True) if handle and one}
    named = pl.Series([both.get(handle, handle) for handle in by_handle.to_list()], dtype=pl.String)
    return by_uid.zip_with(by_uid.is_not_null(), named)


def _filled_in(platform: pl.Series, uid: pl.Series) -> pl.Series:
    """Platforms, where a row names none that of the only platform its uid has in the file."""
    of: dict[str, set[str]] = {}
    for word, one in zip(platform.to_list(), uid.to_list(), strict=True):
        if word and one:
            of.setdefault(one, set()).add(word)
    filled = [
        word or next(iter(of[one]), "") if one in of and len(of[one]) == 1 else word or "" for word, one in zip(platform.to_list(), uid.to_list(), strict=True)
    ]
    return pl.Series("platform", filled, dtype=pl.String)


def _handle_keys(handles: pl.Series) -> pl.Series:
    known = {handle: cells.handle_key(handle) for handle in handles.drop_nulls().unique().to_list()}
    return pl.Series(handles.name, [None if handle is None else known[handle] for handle in handles.to_list()], dtype=pl.String)


def _has_decimals(texts: pl.Series) -> bool:
    return bool(texts.str.contains(r"^[¥￥$]?\s*[\d,]+\.\d+$").any())


def _fractions(texts: pl.Series) -> bool:
    """Whether a column of rates says 0.0139 where others say 1.39%: all of it is within [0, 1], some of it in between."""
    told = texts.filter(~texts.str.strip_chars().str.to_lowercase().is_in(list(cells.EMPTY)))
    values = told.str.strip_chars().cast(pl.Float64, strict=False)
    if not len(values) or values.null_count():
        return False
    return bool((values >= 0).all() and (values <= 1).all() and ((values > 0) & (values < 1)).any())
