# SPDX-License-Identifier: Apache-2.0
"""Arithmetic over selections: ranges, never single cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt
    from PySide6.QtCore import QItemSelection, QItemSelectionRange

    from widgets.tables.columns import Column, Row


def parts(selection: QItemSelection) -> list[QItemSelectionRange]:
    """Ranges of a selection."""
    return [selection.at(one) for one in range(selection.size())]


def cells(selection: QItemSelection) -> int:
    """How many cells a selection has."""
    return sum(part.width() * part.height() for part in parts(selection))


def runs(positions: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Neighbours among positions as first and last."""
    if not len(positions):
        return []
    breaks = np.flatnonzero(np.diff(positions) != 1)
    starts = np.concatenate(([0], breaks + 1))
    ends = np.concatenate((breaks, [len(positions) - 1]))
    return list(zip(positions[starts].tolist(), positions[ends].tolist(), strict=True))


def sums(rows: Iterable[Row], columns: Sequence[Column]) -> list[tuple[int, float]]:
    """How many numbers each column has, and their sum."""
    held = list(rows)
    out: list[tuple[int, float]] = []
    for column in columns:
        numbers = [value for value in (column.number(row) for row in held if column.number is not None) if value is not None]
        out.append((len(numbers), sum(numbers)))
    return out


def taken(selection: QItemSelection, spans: Sequence[tuple[int, int]], columns: Sequence[int], rows: int) -> list[npt.NDArray[np.bool_]] | None:
    """Which cells of the rows and columns are selected; None where all are."""
    starts, at = [], 0
    for top, bottom in spans:
        starts.append((top, at))
        at += bottom - top + 1
    masks = [np.zeros(at, dtype=np.bool_) for _ in columns]
    places = {one: place for place, one in enumerate(columns)}
    for part in parts(selection):
        top, offset = next((first, before) for first, before in reversed(starts) if first <= part.top())
        low = part.top() - top + offset
        for one in range(part.left(), part.right() + 1):
            if one in places:
                masks[places[one]][low : low + part.height()] = True
    masks = [mask[:rows] for mask in masks]
    return None if all(bool(mask.all()) for mask in masks) else masks
