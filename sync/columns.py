# SPDX-License-Identifier: Apache-2.0
"""One column of text to values: what is plainly a number, date or word in arrays, the rest by the rule of one cell.

Every distinct text that is not plain is read once by ``app.rules.cells``; tests hold both ways to the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import polars as pl

from app.rules import cells
from app.rules.fields import Kind

_MOST_PLAIN: Final = 10**15
_WHOLE_TIME: Final = r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$"
_PLAIN_TEXT: Final = r"^[^\x00-\x20\x7f-\xa0\u00ad\u0300-\u036f\u1100-\u11ff\u2028-\u202e\u3000\u3099\u309a\ufb1d-\ufdff\ufe00-\ufffd\ufeff](?:[^\x00-\x1f\x7f-\x9f\u0300-\u036f\u1100-\u11ff\u2028-\u202e\u3099\u309a\ufb1d-\ufdff\ufff0-\uffff]*[^\x00-\x20\x7f-\xa0\u0300-\u036f\u1100-\u11ff\u2028-\u202e\u3000\u3099\u309a\ufb1d-\ufdff\ufeff\ufff0-\uffff])?$"
_PLAIN_ID: Final = r"^(?:[0-9]{1,40}|[A-Za-z_][A-Za-z0-9_.\-]{2,60})$"
_DTYPES: Final = {
    Kind.COUNT: pl.Int64, Kind.FEN: pl.Int64, Kind.BASIS_POINTS: pl.Int64, Kind.MOMENT: pl.Int64, Kind.RANK: pl.Int64,
    Kind.NUMBER: pl.Float64, Kind.FLAG: pl.Boolean,
}  # fmt: skip
_MICRO: Final = 1_000_000


@dataclass(slots=True)
class Column:
    """Values of a column; ``bad`` and ``notes`` by row position; ``exact`` amounts that were rounded."""

    values: pl.Series
    bad: dict[int, str] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    exact: dict[int, Decimal] = field(default_factory=dict)


def read(reading: cells.Reading, texts: pl.Series) -> Column:
    """Parse a column of text (no nulls)."""
    kind = reading.field.kind
    if kind is Kind.TAGS:
        return _one_by_one(reading, texts, None)
    values = _plain(kind, reading, texts)
    left = (values.is_null() & (texts != "")).arg_true()
    return _one_by_one(reading, texts, values, left)


def _plain(kind: Kind, reading: cells.Reading, texts: pl.Series) -> pl.Series:
    """What needs no rule: null wherever the rule of one cell must decide."""
    if kind in {Kind.COUNT, Kind.FEN, Kind.NUMBER} and not (reading.ten_thousands or reading.fraction):
        # Whatever reads as a whole number at once is one; a sign is for the rule of one cell to judge.
        whole = texts.cast(pl.Int64, strict=False)
        whole = whole.set(((whole < 0) | (whole >= _MOST_PLAIN)).fill_null(False), None)  # noqa: FBT003
        if kind is Kind.NUMBER:
            return whole.cast(pl.Float64)
        return whole * 100 if reading.yuan else whole
    if kind is Kind.MOMENT:
        times = texts.set(~texts.str.contains(_WHOLE_TIME), None).str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
        aware = times.dt.replace_time_zone(reading.zone, ambiguous="earliest", non_existent="null")
        micros = aware.dt.epoch("us")
        return micros.set((micros < cells.EARLIEST) | (micros >= cells.LATEST), None)
    if kind in {Kind.TEXT, Kind.IDENT}:
        plain = texts.str.contains(_PLAIN_TEXT if kind is Kind.TEXT else _PLAIN_ID)
        plain &= ~texts.str.to_lowercase().is_in(list(cells.empty_words(reading.field)))
        if (texts.str.len_bytes().max() or 0) > cells.most_characters(reading.field):  # type: ignore[operator]
            plain &= texts.str.len_chars() <= cells.most_characters(reading.field)
        return texts.set(~plain, None)
    return pl.Series(texts.name, [None] * len(texts), dtype=_DTYPES.get(kind, pl.String))


def _one_by_one(reading: cells.Reading, texts: pl.Series, values: pl.Series | None, left: pl.Series | None = None) -> Column:
    places = list(range(len(texts))) if left is None else left.to_list()
    cell_texts = texts.to_list() if left is None else texts.gather(left).to_list()
    answers: dict[str, tuple[Any, str | None, str | None]] = {text: _answer(reading, text) for text in set(cell_texts)}
    found = [answers[text] for text in cell_texts]
    if values is None:
        out = pl.Series(texts.name, [answer[0] for answer in found], dtype=pl.List(pl.String))
    elif places:
        out = values.scatter(places, pl.Series([answer[0] for answer in found], dtype=values.dtype))
    else:
        out = values
    column = Column(out)
    for at, text, (_, note, code) in zip(places, cell_texts, found, strict=True):
        if code is not None:
            column.bad[at] = code
        elif note is not None:
            column.notes[at] = note
            if note == "rounded":
                column.exact[at] = cells.minor_units(reading, text)[0] or Decimal(0)
    return column


def _answer(reading: cells.Reading, text: str) -> tuple[Any, str | None, str | None]:
    """Value, note and code of a cell."""
    try:
        value, note = cells.parse(reading, text)
    except cells.BadCellError as error:
        return None, None, error.code
    return (list(value) if isinstance(value, tuple) else value), note, None


# ---------------------------------------------------------------- sums


def total(column: Column, rows: pl.Series) -> int | float:
    """Exact sum over the rows that count (a mask); whole where it is whole."""
    counted = column.values.filter(rows).drop_nulls()
    if column.values.dtype == pl.Float64:
        exact = _decimal_sum(counted)
    else:
        exact = Decimal(int(counted.cast(pl.Int128).sum() or 0))
        counts = rows.to_list() if column.exact else []
        for at, value in column.exact.items():
            if counts[at]:
                exact += value - Decimal(column.values[at])
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def _decimal_sum(values: pl.Series) -> Decimal:
    """Sum of the decimals that floats stand for: in millionths where all are such, else one by one."""
    if (values.abs().max() or 0.0) < 2**53 / _MICRO:  # type: ignore[operator]
        scaled = (values * _MICRO).round()
        if bool((scaled / _MICRO == values).all()):
            return Decimal(int(scaled.cast(pl.Int64).cast(pl.Int128).sum() or 0)) / _MICRO
    whole = values.filter((values % 1 == 0) & (values.abs() < 2**53))
    rest = values.filter((values % 1 != 0) | (values.abs() >= 2**53))
    return Decimal(int(whole.cast(pl.Int128).sum() or 0)) + sum((Decimal(repr(value)) for value in rest.to_list()), Decimal(0))
