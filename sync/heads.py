# SPDX-License-Identifier: Apache-2.0
"""Where a sheet's header is, what it says, and which field each column is taken for; parts of an archive become one sheet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import polars as pl

from app.errors import InputRefusedError, UsageError
from app.files import Warn
from app.rules import cells, headers
from app.rules.facts import CREATORS, field_in
from app.rules.fields import SAME_FIELD, platform_code
from sync.frames import ROW, names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.files import ImportRequest
    from sync.frames import Table

SAMPLE: Final = 2_000
_HEADER_ROWS: Final = 15
_HEADER_TEXT: Final = 300
_MOSTLY: Final = 0.5
_FEW_FILLED: Final = 3


@dataclass(frozen=True, slots=True)
class Head:
    """Where a table's header is and what it says. ``row`` None: there is none, columns have numbers."""

    row: int | None
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file holds: its header and the records below, of all parts. ``parts``: last row and platform of each."""

    first: Table
    head: Head
    body: pl.DataFrame
    parts: tuple[tuple[int, str | None], ...] = ()


@dataclass(slots=True)
class Mapped:
    """Columns by field (position from 0), headers nobody claimed, and what was odd about it."""

    columns: Mapping[str, int]
    unmapped: tuple[str, ...]
    warnings: list[Warn] = field(default_factory=list)


def sheet_of(tables: Sequence[Table], request: ImportRequest) -> Sheet:
    """Header and records of a file's tables."""
    split = [_split(table, request) for table in tables]
    if len(split) == 1:
        return Sheet(tables[0], *split[0])
    return _joined(tables, split, request)


# ---------------------------------------------------------------- one table


def _split(table: Table, request: ImportRequest) -> tuple[Head, pl.DataFrame]:
    """Find the header and take it, what stands above it and its repetitions off; blank rows go too."""
    columns = names(table.width)
    top = [
        tuple(cell.strip().strip("\ufeff").strip() for cell in row)
        for row in table.frame.head(_HEADER_ROWS).select(pl.col(columns).str.slice(0, _HEADER_TEXT)).rows()
    ]
    if not top:
        raise InputRefusedError("empty_file", path=table.part or request.path.name)
    at = _header_at(top, request)
    if at is None:
        return Head(None, tuple(str(one) for one in range(1, table.width + 1))), _filled(table.frame, columns)
    labels, deep = _labels(top, at, request.kind)
    if deep == 1 and at and len({cell for cell in top[at - 1] if cell}) > 1:
        grouped, rows = _labels(top, at - 1, request.kind)
        labels = grouped if rows > 1 else labels
    body = table.frame.slice(at + deep)
    for header in top[at : at + deep]:
        if not (body["c0"].str.strip_chars() == header[0]).any():
            continue
        body = body.filter(~pl.all_horizontal(pl.col(f"c{one}").str.strip_chars() == cell for one, cell in enumerate(header)))
    return Head(int(table.frame[ROW][at]), tuple(labels)), _filled(body, columns)


def _filled(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    if not (frame[columns[0]].str.strip_chars() == "").any():
        return frame
    return frame.filter(pl.any_horizontal(pl.col(columns).str.strip_chars() != ""))


def _header_at(top: Sequence[Sequence[str]], request: ImportRequest) -> int | None:
    named = {text.strip() for text in request.mapping.values() if not text.isdecimal()}
    scores = [headers.known_share(row, request.kind) + 2 * len(named & set(row)) if sum(map(_numeric, row)) <= len(row) // 2 else 0 for row in top]
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


def _labels(top: Sequence[Sequence[str]], at: int, kind: str = CREATORS) -> tuple[list[str], int]:
    """Header texts; a second row belongs to them where it fills what merged cells of the first left open."""
    row = list(top[at])
    below = list(top[at + 1]) if at + 1 < len(top) else []
    if not any(below) or any(_numeric(cell) for cell in below):
        return row, 1
    under = [one for one, cell in enumerate(below) if cell]
    spread = _spread(row, below)
    open_above = [one for one in under if not row[one]]
    heading = [one for one in under if headers.field_for(below[one], kind) or below[one] == row[one] or headers.field_for(spread[one] + below[one], kind)]
    only_fills = len(open_above) == len(under)
    grouped = len(heading) == len(under) and any(not row[one] or row[one] != below[one] for one in under) and _has_groups(row, below)
    if not only_fills and not grouped and not (open_above and all(one in heading for one in open_above)):
        return row, 1
    return [_label(row[one], spread[one], below[one], kind) for one in range(len(row))], 2


def _spread(row: Sequence[str], below: Sequence[str]) -> list[str]:
    """The first row with each group's word over all the columns that it covers."""
    out, group = [], ""
    for one, cell in enumerate(row):
        group = cell or (group if below[one] else "")
        out.append(group)
    return out


def _has_groups(row: Sequence[str], below: Sequence[str]) -> bool:
    """Whether a word of the first row covers several columns: by a gap after it, or by standing there again."""
    return any(below[one] and (not row[one] or row[one] == row[one - 1]) for one in range(1, len(row)))


def _label(above: str, group: str, below: str, kind: str) -> str:
    """The text of a header in two rows: a known one if there is any."""
    if not below or above == below:
        return above or below
    return next((text for text in (group + below, f"{group} {below}") if headers.field_for(text, kind)), below)


# ---------------------------------------------------------------- several parts


def _joined(tables: Sequence[Table], split: Sequence[tuple[Head, pl.DataFrame]], request: ImportRequest) -> Sheet:
    """One sheet of monthly parts: columns are joined by their headers, rows counted on through the parts."""
    head = split[0][0]
    labels = list(head.labels)
    known = {key: at for at, key in enumerate(_occurrences(labels))}
    frames, parts, last = [], [], 0
    for table, (one, body) in zip(tables, split, strict=True):
        if (one.row is None) != (head.row is None) or (one.row is None and len(one.labels) != len(head.labels)):
            raise InputRefusedError("parts_differ", path=request.path.name, part=table.part)
        places = []
        for key, label in zip(_occurrences(one.labels), one.labels, strict=True):
            if key not in known:
                known[key] = len(labels)
                labels.append(label)
            places.append(known[key])
        frames.append(body.select(pl.col(ROW) + last, *(pl.col(f"c{at}").alias(f"c{place}") for at, place in enumerate(places))))
        last += int(table.frame[ROW].max() or 0)  # type: ignore[arg-type]
        parts.append((last, headers.told_platform(table.part or "")))
    columns = names(len(labels))
    whole = pl.concat(frame.with_columns(pl.lit("").alias(name) for name in columns if name not in frame.columns).select(ROW, *columns) for frame in frames)
    return Sheet(tables[0], Head(head.row, tuple(labels)), whole, tuple(parts))


def _occurrences(labels: Sequence[str]) -> list[tuple[str, int]]:
    """Headers as parts share them: the word and which of its twins it is."""
    seen: Counter[str] = Counter()
    out = []
    for label in labels:
        word = headers.plain(label)
        out.append((word, seen[word]))
        seen[word] += 1
    return out


# ---------------------------------------------------------------- fields


def mapped(sheet: Sheet, request: ImportRequest) -> Mapped:
    """Which column each field is read from."""
    labels = sheet.head.labels
    match = headers.match(labels, request.mapping, only=request.only_mapped, kind=request.kind)
    found = dict(match.columns)
    out = Mapped(found, match.unmapped)
    sample = sheet.body.head(SAMPLE)
    stated = {SAME_FIELD.get(name, name) for name in request.mapping}
    if request.kind == CREATORS and {"handle", "name"} <= found.keys() and not {"handle", "name"} & stated:
        pair = [sample[f"c{found[name]}"].to_list() for name in ("handle", "name")]
        if headers.swappable(labels[found["handle"]], labels[found["name"]]) and headers.handle_or_name(*pair):
            found["handle"], found["name"] = found["name"], found["handle"]
    if "notes" in found and "notes" not in stated and "posts" not in found and _counts(sample, found["notes"]):
        found["posts"] = found.pop("notes")  # on Xiaohongshu a post is a note
    unmapped = list(match.unmapped)
    for name, at in list(found.items()):
        one = field_in(request.kind, name)
        if one is None or not one.numeric or name in stated or _mostly_numbers(sample, at):
            continue
        twin = _twin(labels, sample, at)
        if twin is not None:
            found[name] = twin
            continue
        del found[name]
        unmapped.append(labels[at])
        out.warnings.append(Warn("column_not_numeric", {"column": labels[at].strip(), "field": name}))
    out.unmapped = tuple(unmapped)
    return out


def _mostly_numbers(sample: pl.DataFrame, at: int) -> bool:
    """Whether a column's filled cells are numbers by majority; a few cells settle nothing."""
    filled = [text for text in sample[f"c{at}"].to_list() if not cells.is_empty(text)]
    return len(filled) < _FEW_FILLED or sum(not _readable(text) for text in filled) <= len(filled) * _MOSTLY


def _counts(sample: pl.DataFrame, at: int) -> bool:
    """Whether a column's filled cells are whole numbers."""
    filled = sample.filter(pl.col(f"c{at}") != "")[f"c{at}"]
    return len(filled) >= _FEW_FILLED and bool(filled.str.contains(r"^\d{1,7}$").all())


def _twin(labels: Sequence[str], sample: pl.DataFrame, at: int) -> int | None:
    """Another column under the same header whose cells are numbers."""
    for other, label in enumerate(labels):
        if other != at and headers.plain(label) == headers.plain(labels[at]):
            filled = [text for text in sample[f"c{other}"].to_list() if not cells.is_empty(text)]
            if filled and sum(_readable(text) for text in filled) > len(filled) * _MOSTLY:
                return other
    return None


def _readable(text: str) -> bool:
    try:
        cells.number(text)
    except cells.BadCellError:
        return False
    return True


def platform_of(request: ImportRequest, sheet: Sheet) -> tuple[str | None, bool]:
    """Platform of a file without such a column, and whether it was guessed."""
    if request.platform is not None:
        if not request.platform.strip():
            raise UsageError("bad_value", field="platform", value=request.platform, reason="empty")
        return platform_code(request.platform), False
    told = headers.told_platform(*sheet.head.labels) or headers.told_platform(sheet.first.sheet or "") or headers.told_platform(request.path.stem)
    return told, told is not None
