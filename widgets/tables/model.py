# SPDX-License-Identifier: Apache-2.0
"""One table model for all: a short list held whole, or the ids of a long answer with the records around what is looked at.

A long answer is one array of ids; records are fetched in windows, off the GUI thread, and kept in a bounded cache.
Whatever arrives late for a question that was superseded is dropped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy.typing as npt

    from app.errors import ProductError
    from app.usecases.creators import SortKey
    from widgets.labels import Labels
    from widgets.tables.columns import Column, Row
    from widgets.tasks import Task, Tasks

FIRST: Final = 100
"""Rows asked for before all ids are there, so that something is painted at once."""

KEPT: Final = 2_000
"""Records kept of a long answer."""

_AROUND: Final = 40
_MOST: Final = 400
_DISPLAY: Final = int(Qt.ItemDataRole.DisplayRole)
_EDIT: Final = int(Qt.ItemDataRole.EditRole)
_TIP: Final = int(Qt.ItemDataRole.ToolTipRole)
_ALIGNMENT: Final = int(Qt.ItemDataRole.TextAlignmentRole)
_ACCESSIBLE: Final = int(Qt.ItemDataRole.AccessibleTextRole)
_RECORD: Final = int(Qt.ItemDataRole.UserRole)
_RIGHT: Final = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_LEFT: Final = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_NOWHERE: Final = QModelIndex()
_NO_IDS: Final = np.empty(0, dtype=np.int64)
PLACEHOLDER: Final = "…"


class Source(Protocol):
    """Where a long answer comes from; called off the GUI thread only."""

    def page(self, question: Any, limit: int = 100, offset: int = 0) -> list[Any]:  # noqa: ANN401 (the page's own question)
        """Some rows of an answer."""

    def ids(self, question: Any) -> npt.NDArray[np.int64]:  # noqa: ANN401
        """All ids of an answer, in order."""

    def rows(self, ids: Sequence[int]) -> list[Any]:
        """Records of ids; one that is gone is left out."""


class TableModel(QAbstractTableModel):
    """Rows by position, records by id.

    ``ask`` puts a question to the source, ``refresh`` asks it again and keeps everybody's place; ``set_rows`` holds a short list.
    """

    began = Signal()
    """A new question was put; the old answer stays until the first rows are there."""
    about_to_swap = Signal(bool)
    """Ids are about to be replaced; true where places should be kept."""
    swapped = Signal(bool)
    """Ids were replaced; true where places should be kept."""
    answered = Signal()
    """All ids of the question are there."""
    failed = Signal(object)
    """A question could not be answered: the ProductError."""
    edited = Signal(object, str, str)
    """Somebody typed into a cell: record, field, text."""

    def __init__(self, columns: Sequence[Column], labels: Labels, tasks: Tasks | None = None, source: Source | None = None) -> None:
        """Show columns of records; with tasks and a source, of long answers."""
        super().__init__()
        self.columns, self.labels = tuple(columns), labels
        self.question: Any = None
        self.keys: tuple[SortKey, ...] = ()
        self.state, self.whole, self.read_only = "loading", False, False
        self.visible: Callable[[], tuple[int, int]] = lambda: (0, FIRST)
        self.paused: Callable[[], bool] = lambda: False
        self._tasks, self._source = tasks, source
        self._ids: npt.NDArray[np.int64] = _NO_IDS
        self._records: dict[int, Row] = {}
        self._missing: set[int] = set()
        self._gone: set[int] = set()
        self._serial = 0
        self._era = 0
        self._asking: Task | None = None
        self._fetching = False
        self._stale = False
        self._fetch_timer = QTimer(self, singleShot=True, interval=0)
        self._fetch_timer.timeout.connect(self._fetch)
        self._refresh_timer = QTimer(self, singleShot=True, interval=60)
        self._refresh_timer.timeout.connect(self._refresh)

    # ------------------------------------------------------------ what the view asks

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _NOWHERE) -> int:
        """How many rows are known so far."""
        return 0 if parent.isValid() else len(self._ids)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = _NOWHERE) -> int:
        """How many columns there are, hidden ones included."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = _DISPLAY) -> Any:  # noqa: ANN401, PLR0911 (one line a role)
        """A cell by role; a record that is on its way shows a placeholder."""
        column = self.columns[index.column()]
        if role == _ALIGNMENT:
            return _RIGHT if column.right else _LEFT
        if role not in _TOLD:
            return None
        row = self.record(index.row())
        if row is None:
            return None if role in {_RECORD, _TIP} else PLACEHOLDER
        if role == _RECORD:
            return row
        if role == _EDIT:
            return column.opened(row, self.labels)
        if role == _TIP:
            return column.tip(row, self.labels) if column.tip is not None else column.text(row, self.labels)
        return self.words(row, column)

    def words(self, row: Row, column: Column) -> str:
        """What a cell says, badges as their words."""
        if column.badges is not None:
            return " ".join(badge.text for badge in column.badges(row, self.labels))
        return column.text(row, self.labels)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY) -> Any:  # noqa: ANN401
        """Title with the sign of its sort, or the number of the row."""
        if orientation == Qt.Orientation.Vertical:
            return f"{section + 1:,}" if role == _DISPLAY else None
        column = self.columns[section]
        if role == _DISPLAY:
            return self.labels.words(column.title_key) + self._sign(column)
        if role == _ALIGNMENT:
            return _RIGHT if column.right else _LEFT
        if role in {_TIP, _ACCESSIBLE}:
            return self.labels.words(column.title_key)
        return None

    def _sign(self, column: Column) -> str:
        for place, key in enumerate(self.keys, 1):
            if key.field == column.sort:
                return (" ↓" if key.descending else " ↑") + (str(place) if len(self.keys) > 1 else "")
        return ""

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        """Cells of a column with an edit field can be edited."""
        return _EDITABLE if self.columns[index.column()].edit and not self.read_only else _PLAIN

    def setData(self, index: QModelIndex | QPersistentModelIndex, value: Any, role: int = _EDIT) -> bool:  # noqa: ANN401
        """Hand on what was typed; the cell changes when it is saved."""
        column, row = self.columns[index.column()], self.record(index.row())
        if role != _EDIT or row is None or column.edit is None or value == column.opened(row, self.labels):
            return False
        self.edited.emit(row, column.edit, value)
        return True

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Qt's own sorting does nothing: see ``sort_by``."""

    # ------------------------------------------------------------ records and ids

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """Ids by position."""
        return self._ids

    def id_at(self, position: int) -> int | None:
        """Id of a row."""
        return int(self._ids[position]) if 0 <= position < len(self._ids) else None

    def position_of(self, row_id: int | None) -> int | None:
        """Where a row stands now."""
        if row_id is None:
            return None
        found = np.flatnonzero(self._ids == row_id)
        return int(found[0]) if len(found) else None

    def record(self, position: int) -> Row | None:
        """Record of a row; None while it is on its way, which this starts."""
        if position >= len(self._ids):
            return None
        row = self._records.get(self._ids.item(position))
        if row is None and self._source is not None and self._ids.item(position) not in self._gone:
            self._missing.add(position)
            if not self._fetch_timer.isActive():
                self._fetch_timer.start()
        return row

    def held(self, row_ids: Iterable[int]) -> list[Row] | None:
        """Records of rows where all of them are at hand."""
        rows = [self._records.get(one) for one in row_ids]
        return None if None in rows else rows

    # ------------------------------------------------------------ short lists

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Hold a list whole, in the order of the sort keys."""
        for key in reversed(self.keys):
            rows = self._sorted(rows, key)
        self._begin_era(rows)
        self._swap(np.fromiter((row.id for row in rows), dtype=np.int64, count=len(rows)), keep=True)
        self._settle()

    def _sorted(self, rows: Sequence[Row], key: SortKey) -> list[Row]:
        """In order of a key, empty values last either way."""
        column = next(one for one in self.columns if one.sort == key.field)
        value: Callable[[Row], Any] = column.order or column.number or (lambda row: column.text(row, self.labels))
        filled = [row for row in rows if value(row) is not None]
        return sorted(filled, key=value, reverse=key.descending) + [row for row in rows if value(row) is None]

    def sort_by(self, keys: Sequence[SortKey]) -> None:
        """Put rows in another order."""
        self.keys = tuple(keys)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)
        if self._source is None:
            self.set_rows(list(self._records.values()))
        else:
            self.ask(replace(self.question, sort=self.keys))

    # ------------------------------------------------------------ long answers

    def ask(self, question: Any) -> None:  # noqa: ANN401
        """Put a question; the last one put is the one that counts."""
        if self._tasks is None or self._source is None:
            raise RuntimeError("no source")
        self.question, self.keys = question, question.sort
        self.state, self.whole, self._stale = "loading", False, False
        serial, source = self._next(), self._source
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)
        self.began.emit()
        self._asking = self._tasks.run(
            self,
            lambda: source.page(question, FIRST),
            lambda rows: self._first(serial, rows),
            lambda error: self._failed(serial, error),
            lane="read",
        )

    def _first(self, serial: int, rows: list[Row]) -> None:
        if serial != self._serial or self._tasks is None or self._source is None:
            return
        self._begin_era(rows)
        self._swap(np.fromiter(self._records, dtype=np.int64, count=len(rows)), keep=False)
        if len(rows) < FIRST:
            self._settle()
            return
        question, source = self.question, self._source
        self._asking = self._tasks.run(
            self,
            lambda: source.ids(question),
            lambda ids: self._all(serial, ids),
            lambda error: self._failed(serial, error),
            lane="read",
        )

    def _all(self, serial: int, ids: npt.NDArray[np.int64]) -> None:
        if serial == self._serial:
            self._swap(ids, keep=True)
            self._settle()

    def _settle(self) -> None:
        self.state, self.whole, self._asking = "ready", True, None
        self.answered.emit()
        if self._stale:
            self._refresh_timer.start()

    def _failed(self, serial: int, error: ProductError) -> None:
        if serial == self._serial:
            self.state, self._asking = "failed", None
            self.failed.emit(error)

    def _next(self) -> int:
        self._serial += 1
        if self._asking is not None:
            self._asking.cancel()
        return self._serial

    def refresh(self) -> None:
        """Ask the same question again, soon, and keep everybody's place."""
        self._stale = True
        if self._source is not None and self.question is not None and self.state != "loading":
            self._refresh_timer.start()

    def _refresh(self) -> None:
        if self._tasks is None or self._source is None or self.state == "loading" or self.paused():
            return
        self._stale = False
        serial, source, question = self._next(), self._source, self.question
        first, last = self.visible()

        def work() -> tuple[npt.NDArray[np.int64], list[Row]]:
            ids = source.ids(question)
            return ids, source.rows([int(one) for one in ids[max(0, first - _AROUND) : last + _AROUND]])

        self._asking = self._tasks.run(
            self,
            work,
            lambda answer: self._refreshed(serial, *answer),
            lambda error: self._failed(serial, error),
            lane="read",
        )

    def _refreshed(self, serial: int, ids: npt.NDArray[np.int64], rows: list[Row]) -> None:
        if serial != self._serial:
            return
        if self.paused():
            self._stale = True  # an editor is open: rows may not move under it
            return
        self._begin_era(rows)
        self._swap(ids, keep=True)
        self._settle()

    def resume(self) -> None:
        """Catch up with what waited for the end of an edit."""
        if self._stale:
            self._refresh_timer.start()

    def _begin_era(self, rows: Sequence[Row]) -> None:
        """Records as read now; what an older reading still brings does not count."""
        self._era += 1
        self._records = {row.id: row for row in rows}
        self._missing.clear()
        self._gone.clear()

    def _swap(self, ids: npt.NDArray[np.int64], *, keep: bool) -> None:
        """Replace the ids. Rows come and go at the end only, so that widths and scroll bars stay; the view moves the rest by id."""
        keep = keep and len(self._ids) > 0
        before, after = len(self._ids), len(ids)
        same = keep and before <= after and bool(np.array_equal(self._ids, ids[:before]))
        if not same:
            self.about_to_swap.emit(keep)
        if after < before:
            self.beginRemoveRows(_NOWHERE, after, before - 1)
            self._ids = ids
            self.endRemoveRows()
        elif after > before:
            self.beginInsertRows(_NOWHERE, before, after - 1)
            self._ids = ids
            self.endInsertRows()
        else:
            self._ids = ids
        if before and after:
            self.dataChanged.emit(self.index(0, 0), self.index(min(before, after) - 1, len(self.columns) - 1))
        if not same:
            self.swapped.emit(keep)

    # ------------------------------------------------------------ windows of records

    def _fetch(self) -> None:
        """Ask for what is missing, what is looked at first; one window at a time, so that a fast scroll skips what it passed."""
        if self._fetching or not self._missing or self._tasks is None or self._source is None:
            return
        first, last = self.visible()
        seen = [one for one in self._missing if first - 1 <= one <= last + 1] or list(self._missing)
        low = max(0, min(seen) - _AROUND)
        wanted = self._ids[low : min(max(seen) + _AROUND + 1, low + _MOST)]
        self._missing.clear()
        ids = [one for one in wanted.tolist() if one not in self._records]
        if not ids:
            return
        self._fetching = True
        era, source = self._era, self._source
        self._tasks.run(self, lambda: source.rows(ids), lambda rows: self._fetched(era, low, ids, rows), self._not_fetched, lane="read")

    def _fetched(self, era: int, low: int, ids: list[int], rows: list[Row]) -> None:
        self._fetching = False
        if era == self._era:
            for row in rows:
                self._records.setdefault(row.id, row)
            self._gone.update(set(ids).difference(row.id for row in rows))
            self._forget()
        last = min(low + _MOST, len(self._ids)) - 1
        if low <= last:
            self.dataChanged.emit(self.index(low, 0), self.index(last, len(self.columns) - 1))
        if self._missing:
            self._fetch_timer.start()

    def _not_fetched(self, error: ProductError) -> None:
        self._fetching = False
        self._failed(self._serial, error)

    def _forget(self) -> None:
        """Drop the records that came first, so that memory does not grow; those in sight stay."""
        spare = len(self._records) - KEPT
        if spare > 0:
            first, last = self.visible()
            near = set(self._ids[max(0, first - _AROUND) : last + _AROUND].tolist())
            for one in [one for one in self._records if one not in near][:spare]:
                del self._records[one]


_TOLD: Final = frozenset({_DISPLAY, _EDIT, _TIP, _ACCESSIBLE, _RECORD})
_PLAIN: Final = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
_EDITABLE: Final = _PLAIN | Qt.ItemFlag.ItemIsEditable
