# SPDX-License-Identifier: Apache-2.0
"""A sheet as columns of text, each record under the number that a spreadsheet shows for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from app.errors import InputRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROW: Final = "row"
MOST_COLUMNS: Final = 2_000
MOST_CELLS: Final = 60_000_000
_BATCH: Final = 50_000
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet as it is: ``frame`` has a column ``row`` and text columns ``c0`` … ``part`` names a member of an archive."""

    frame: pl.DataFrame
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    encoding: str | None = None
    from_1904: bool = False
    part: str | None = None
    left_out: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Columns of the sheet."""
        return self.frame.width - 1


def names(width: int) -> list[str]:
    """Columns of a frame, without the row's number."""
    return [f"c{at}" for at in range(width)]


def frame_of(rows: Iterable[Sequence[str]], name: str = "") -> pl.DataFrame:
    """Frame of rows of any widths; blank rows are counted and dropped. InputRefusedError for one beyond all measure."""
    parts, batch, numbers, width, most = [], [], [], 0, 0
    for number, row in enumerate(rows, 1):
        if len(row) > width:
            width = _filled_width(row, width)
            if width > MOST_COLUMNS:
                raise InputRefusedError("too_many_columns", path=name, most=MOST_COLUMNS)
        if any(cell and not cell.isspace() for cell in row):
            batch.append(row)
            numbers.append(number)
            most += width
            if most > MOST_CELLS:
                raise InputRefusedError("too_many_cells", path=name, most=MOST_CELLS)
        if len(batch) >= _BATCH:
            parts.append(_batch(batch, numbers, width))
            batch, numbers = [], []
    parts.append(_batch(batch, numbers, width))
    return parts[0] if len(parts) == 1 else pl.concat(_widened(part, width) for part in parts)


def _filled_width(row: Sequence[str], width: int) -> int:
    """Width of a row without the empty cells at its end."""
    at = len(row)
    while at > width and not row[at - 1].strip():
        at -= 1
    return at


def _batch(rows: Sequence[Sequence[str]], numbers: Sequence[int], width: int) -> pl.DataFrame:
    columns: dict[str, Any] = {ROW: pl.Series(ROW, numbers, dtype=pl.Int64)}
    for at, column in enumerate(names(width)):
        texts = [row[at] if at < len(row) else "" for row in rows]
        try:
            columns[column] = pl.Series(column, texts, dtype=pl.String)
        except UnicodeEncodeError:
            columns[column] = pl.Series(column, [_storable(text) for text in texts], dtype=pl.String)
    return pl.DataFrame(columns)


def _widened(frame: pl.DataFrame, width: int) -> pl.DataFrame:
    missing = names(width)[frame.width - 1 :]
    return frame.with_columns(pl.lit("").alias(name) for name in missing)


def _storable(text: str) -> str:
    """Text that UTF-8 can hold; a lone surrogate stands as a control character, which is rejected where it counts."""
    return _SURROGATES.sub("\x00", text)
