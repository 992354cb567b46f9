# SPDX-License-Identifier: Apache-2.0
"""The table widget: selects and copies like a spreadsheet, chooses, orders and freezes columns, says what to do when empty."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSettings,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QGuiApplication,
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemDelegate, QAbstractItemView, QFrame, QHeaderView, QMenu, QTableView, QWidget

from app.usecases.creators import SortKey
from widgets.labels import tsv
from widgets.tables import selection
from widgets.tables.frozen import Frozen
from widgets.tables.states import BusyLine, StatePanel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from widgets.messages import Messages
    from widgets.tables.columns import Column, Row
    from widgets.tables.delegates import CellDelegate
    from widgets.tables.model import Source, TableModel
    from widgets.tasks import Task, Tasks

COPIED: Final = 100_000
"""Rows that one copy takes at most."""

SUMMED: Final = 30_000
"""Rows over which totals are computed at most."""

_AT_ONCE: Final = 400
_CHUNK: Final = 250
_RUNS: Final = 2_000
_FEW: Final = 4_000
_TOTALLED: Final = 3
_WIDTH_STEP: Final = 24
_SELECT: Final = QItemSelectionModel.SelectionFlag.Select
_REPLACE: Final = QItemSelectionModel.SelectionFlag.ClearAndSelect
_KEEP: Final = QItemSelectionModel.SelectionFlag.NoUpdate


@dataclass(slots=True)
class _Place:
    """Where somebody was, by id: the current cell, the top row, the selection."""

    current: int | None = None
    column: int = 0
    top: int | None = None
    offset: int = 0
    whole: bool = False
    chosen: dict[tuple[int, int], npt.NDArray[np.int64]] = field(default_factory=dict)


class StayingMenu(QMenu):
    """A menu that stays open while its boxes are checked."""

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Check a box without closing."""
        action = self.actionAt(event.position().toPoint())
        if action is not None and action.isCheckable() and action.isEnabled():  # type: ignore[redundant-expr]  # there may be none, whatever the stubs say
            action.trigger()
        else:
            super().mouseReleaseEvent(event)


class TableView(QTableView):
    """A table over a ``TableModel``. The page connects its signals and fills its menu."""

    opened = Signal(int)
    """Somebody wants to see a row in depth."""
    escaped = Signal()
    """Escape, while nothing is being edited or composed."""
    chosen = Signal()
    """The selection has changed and come to rest."""
    pasted = Signal(str)
    """Text of a spreadsheet was pasted."""
    totals = Signal(str)
    """Count, sum and average of what is selected, in words."""

    def __init__(self, model: TableModel, delegate: CellDelegate, tasks: Tasks, messages: Messages, *, key: str) -> None:
        """Show a model; ``key`` names the table where its looks are kept."""
        super().__init__()
        self.setObjectName("table")
        self.key = key
        self.fill_menu: Callable[[QMenu], None] = lambda _: None
        self.empty: Callable[[], tuple[str, list[QAction]]] = lambda: ("", [])
        self.retry: Callable[[], None] = model.refresh
        self.source: Source | None = None
        self._model, self._delegate, self._tasks, self._messages = model, delegate, tasks, messages
        self.labels = model.labels
        self._place = _Place()
        self._composing = False
        self._frozen_columns = 1
        self._summing: Task | None = None
        self._restoring = False
        self._rest = QTimer(self, singleShot=True, interval=100)
        self._rest.timeout.connect(self._rested)
        self._build()
        self._frozen = Frozen(self, self)
        self._panel = StatePanel(self)
        self._busy = BusyLine(self)
        self._save = QTimer(self, singleShot=True, interval=400)
        self._save.timeout.connect(self.save_looks)
        self._slow = QTimer(self, singleShot=True, interval=300)
        self._slow.timeout.connect(self._busy.begin)
        self._connect()
        self.reset_looks()

    def _build(self) -> None:
        model = self._model
        self.setModel(model)
        self.setItemDelegate(self._delegate)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectItems)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWordWrap(False)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # a scroll then moves what is painted already
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(True)  # keeps a press on a header from selecting the column; the model's own sort does nothing
        across, down = self.horizontalHeader(), self.verticalHeader()
        across.setSortIndicatorShown(False)
        across.setSectionsMovable(True)
        across.setHighlightSections(False)
        across.setResizeContentsPrecision(0)
        across.setMinimumSectionSize(36)
        across.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        across.setAccessibleName(self.labels("table.header"))
        down.setObjectName("row_numbers")
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        down.setHighlightSections(False)
        down.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        down.setAccessibleName(self.labels("table.row_numbers"))
        # A header asks, cell by cell, whether a whole column is selected: 600,000 calls. It gets a selection of its own.
        self._header_selection = QItemSelectionModel(model, self)
        across.setSelectionModel(self._header_selection)
        down.setSelectionModel(self._header_selection)

    def _connect(self) -> None:
        model, across = self._model, self.horizontalHeader()
        model.visible = self.visible_rows
        model.paused = self._is_editing
        model.began.connect(self._slow.start)
        model.about_to_swap.connect(self._leave)
        model.swapped.connect(self._return)
        model.answered.connect(self._answered)
        model.failed.connect(self._failed)
        across.sectionClicked.connect(self.header_clicked)
        across.customContextMenuRequested.connect(self._header_menu)
        across.sectionResized.connect(self._looks_changed)
        across.sectionMoved.connect(self._looks_changed)
        self.horizontalScrollBar().valueChanged.connect(lambda _: self._frozen.follow())

    # ------------------------------------------------------------ looks

    def dress(self, density: str) -> None:
        """Take the delegate's theme and a density."""
        height = self._delegate.theme.row_height(density)
        self.verticalHeader().setMinimumSectionSize(min(height, 20))
        self.verticalHeader().setDefaultSectionSize(height)
        self.verticalHeader().setFixedWidth(self._delegate.theme.px(64))
        self._frozen.dress(height)
        self.viewport().update()

    @property
    def row_height(self) -> int:
        """Height of a row."""
        return self.verticalHeader().defaultSectionSize()

    @property
    def frozen(self) -> int:
        """How many of the first columns stay while the others scroll."""
        return self._frozen_columns

    def freeze(self, count: int) -> None:
        """Keep the first columns in place."""
        self._frozen_columns = count
        self._looks_changed()

    def columns_in_order(self, *, hidden: bool = False) -> list[int]:
        """Columns as they stand from left to right."""
        across = self.horizontalHeader()
        order = [across.logicalIndex(place) for place in range(across.count())]
        return [one for one in order if hidden or not self.isColumnHidden(one)]

    def looks(self) -> dict[str, Any]:
        """Order, widths and choice of columns, and how many are frozen."""
        columns = [
            [self._model.columns[one].key, self.columnWidth(one) or self._model.columns[one].width, self.isColumnHidden(one)]
            for one in self.columns_in_order(hidden=True)
        ]
        return {"columns": columns, "frozen": self._frozen_columns}

    def take_looks(self, looks: dict[str, Any]) -> None:
        """Put columns as they were; those that came since stand at the end, as designed."""
        across, places = self.horizontalHeader(), {column.key: one for one, column in enumerate(self._model.columns)}
        self._restoring = True
        at = 0
        for key, width, hidden in looks.get("columns", ()):
            if key in places:
                across.moveSection(across.visualIndex(places[key]), at)
                self.setColumnHidden(places[key], bool(hidden))
                self.setColumnWidth(places[key], int(width))
                at += 1
        self._frozen_columns = int(looks.get("frozen", 1))
        self._restoring = False
        self._frozen.arrange()

    def reset_looks(self) -> None:
        """Columns as designed."""
        px = self._delegate.theme.px
        self.take_looks({"columns": [[column.key, px(column.width), column.hidden] for column in self._model.columns], "frozen": 1})

    def save_looks(self) -> None:
        """Keep the looks for this user of this computer."""
        QSettings().setValue(f"tables/{self.key}", json.dumps(self.looks()))

    def restore_looks(self) -> None:
        """Looks as kept, where there are some."""
        kept = QSettings().value(f"tables/{self.key}")
        if isinstance(kept, str) and kept:
            try:
                self.take_looks(json.loads(kept))
            except (ValueError, TypeError, AttributeError):
                self.reset_looks()  # somebody else's words

    def _looks_changed(self, *_: object) -> None:
        if not self._restoring:
            self._frozen.arrange()
            self._save.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Fill the ground, then the cells."""
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), self._delegate.colour("surface"))
        painter.end()
        super().paintEvent(event)

    # ------------------------------------------------------------ what is in sight

    def visible_rows(self) -> tuple[int, int]:
        """First and last row in sight."""
        first = self.verticalScrollBar().value() // max(1, self.row_height)
        return first, first + self.viewport().height() // max(1, self.row_height) + 1

    def current_id(self) -> int | None:
        """Id of the current row."""
        index = self.currentIndex()
        return self._model.id_at(index.row()) if index.isValid() else None

    def go_to(self, row_id: int) -> bool:
        """Make a row the current one; False where it is not in the answer."""
        position = self._model.position_of(row_id)
        if position is None:
            return False
        column = max(0, self.currentIndex().column()) if self.currentIndex().isValid() else self.columns_in_order()[0]
        self.setCurrentIndex(self._model.index(position, column))
        return True

    # ------------------------------------------------------------ keeping places

    def _leave(self, keep: bool) -> None:  # noqa: FBT001 (a signal's)
        """Note everybody's place by id before the ids go."""
        self._place = _Place()
        if keep:
            self._note_places()
        self.selectionModel().clearSelection()  # rows that go while selected are looked at one by one

    def _note_places(self) -> None:
        ids, current = self._model.ids, self.currentIndex()
        top = self.verticalScrollBar().value() // max(1, self.row_height)
        self._place.current = self.current_id()
        self._place.column = current.column()
        self._place.top, self._place.offset = self._model.id_at(top), self.verticalScrollBar().value() - top * self.row_height
        for part in selection.parts(self.selectionModel().selection()):
            if part.height() == len(ids) and len(ids) > 1:
                self._place.whole = True
            columns = (part.left(), part.right())
            held = self._place.chosen.get(columns)
            these = ids[part.top() : part.bottom() + 1]
            self._place.chosen[columns] = these if held is None else np.concatenate((held, these))

    def _return(self, keep: bool) -> None:  # noqa: FBT001
        """Put everybody back to where he was; a new answer is looked at from its top."""
        self._frozen.follow()
        if not keep:
            self.verticalScrollBar().setValue(0)
            if self._model.rowCount():
                at = self.currentIndex().column() if self.currentIndex().isValid() else self.columns_in_order()[0]
                self.selectionModel().setCurrentIndex(self._model.index(0, at), _KEEP)
            return
        place = self._place
        self.selectionModel().select(self._again(place), _REPLACE)
        current = self._model.position_of(place.current)
        if current is not None:
            self.selectionModel().setCurrentIndex(self._model.index(current, place.column), _KEEP)
        top = self._model.position_of(place.top)
        if top is not None:
            self.verticalScrollBar().setValue(top * self.row_height + place.offset)

    def _again(self, place: _Place) -> QItemSelection:
        """The selection where its rows stand now; one that fell into too many pieces is let go."""
        chosen, last = QItemSelection(), self._model.rowCount() - 1
        for (left, right), ids in place.chosen.items():
            runs = [(0, last)] if place.whole else selection.runs(np.flatnonzero(np.isin(self._model.ids, ids)))
            if len(runs) > _RUNS:
                return QItemSelection()
            for first, final in runs:
                if final >= first:
                    chosen.append(QItemSelectionRange(self._model.index(first, left), self._model.index(final, right)))
        return chosen

    # ------------------------------------------------------------ states

    def _answered(self) -> None:
        self._slow.stop()
        self._busy.end()
        if self._model.rowCount():
            self._panel.hide()
        else:
            self._panel.say(*self.empty(), role="muted")
        self._rest.start()

    def _failed(self, error: Any) -> None:  # noqa: ANN401 (a signal's)
        self._slow.stop()
        self._busy.end()
        again = QAction(self.labels("table.retry"), self)
        again.triggered.connect(lambda _: self.retry())
        message = self._messages.sentence(error, self._messages.log(error))
        details = QAction(self.labels("action.details"), self)
        details.triggered.connect(lambda _: self._messages.dialog(message, self.window()))
        self._panel.say("\n".join(part for part in (message.text, message.next, message.log_id) if part), [again, details], role="danger")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep what lies over the table in its place."""
        super().resizeEvent(event)
        self._frozen.follow()
        self._panel.place()
        self._busy.place()

    # ------------------------------------------------------------ sorting

    def header_clicked(self, section: int) -> None:
        """Sort by a column; Shift adds it to the keys, Ctrl selects the column instead."""
        held = QGuiApplication.keyboardModifiers()
        if held & Qt.KeyboardModifier.ControlModifier:
            self.select_column(section, add=bool(held & Qt.KeyboardModifier.ShiftModifier))
        else:
            self.sort_by(section, add=bool(held & Qt.KeyboardModifier.ShiftModifier))

    def sort_by(self, section: int, *, add: bool = False, descending: bool | None = None) -> None:
        """Sort by a column, the other way round where it is sorted by it already; numbers begin with the largest."""
        column = self._model.columns[section]
        if column.sort is None:
            return
        keys = list(self._model.keys)
        held = next((key for key in keys if key.field == column.sort), None)
        if descending is None:
            descending = not held.descending if held else column.right
        key = SortKey(column.sort, descending)
        if not add:
            keys = [key]
        elif held:
            keys[keys.index(held)] = key
        else:
            keys.append(key)
        self._model.sort_by(keys)

    # ------------------------------------------------------------ selection

    def select_column(self, section: int, *, add: bool = False) -> None:
        """Select a column from top to bottom, as one range."""
        model = self._model
        if not model.rowCount():
            return
        whole = QItemSelection(model.index(0, section), model.index(model.rowCount() - 1, section))
        self.selectionModel().select(whole, _SELECT if add else _REPLACE)
        self.setFocus()

    def selectAll(self) -> None:
        """Select everything, as one range."""
        model = self._model
        if model.rowCount():
            whole = QItemSelection(model.index(0, 0), model.index(model.rowCount() - 1, len(model.columns) - 1))
            self.selectionModel().select(whole, _REPLACE)

    def spans(self) -> list[tuple[int, int]]:
        """Rows with something selected, as first and last, from top to bottom."""
        merged: list[tuple[int, int]] = []
        for top, bottom in sorted((part.top(), part.bottom()) for part in selection.parts(self.selectionModel().selection())):
            if merged and top <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(bottom, merged[-1][1]))
            else:
                merged.append((top, bottom))
        return merged

    def selected_count(self) -> int:
        """How many rows have something selected."""
        return sum(bottom - top + 1 for top, bottom in self.spans())

    def selected_ids(self, most: int | None = None) -> npt.NDArray[np.int64]:
        """Ids of those rows, in order."""
        parts = [self._model.ids[top : bottom + 1] for top, bottom in self.spans()]
        ids = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
        return ids if most is None else ids[:most]

    def selected_columns(self) -> list[int]:
        """Columns with something selected, from left to right."""
        some: set[int] = set()
        for part in selection.parts(self.selectionModel().selection()):
            some.update(range(part.left(), part.right() + 1))
        return [one for one in self.columns_in_order() if one in some]

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        """Repaint. Qt looks at every single cell of a change for screen readers, so a large one only repaints."""
        if selection.cells(selected) + selection.cells(deselected) > _FEW:
            self.viewport().update()
        else:
            super().selectionChanged(selected, deselected)
        self._rest.start()

    def _rested(self) -> None:
        self.chosen.emit()
        self._total()

    # ------------------------------------------------------------ totals

    def _total(self) -> None:
        """Count, sum and average of the selection's numbers."""
        if self._summing is not None:
            self._summing.cancel()
            self._summing = None
        count, places = self.selected_count(), self.selected_columns()
        if count * len(places) <= 1:
            self.totals.emit("")
            return
        columns = [self._model.columns[one] for one in places if self._model.columns[one].number is not None]
        said = self.labels.plural("table.selected_rows", count, count=self.labels.exact(count))
        self.totals.emit(said)
        if not columns or count > SUMMED:
            return
        self._summing = self._with_rows(self.selected_ids(), lambda rows: selection.sums(rows, columns), list, lambda parts: self._told(said, columns, parts))

    def _told(self, said: str, columns: Sequence[Column], parts: list[list[tuple[int, float]]]) -> None:
        words = [said]
        for at, column in enumerate(columns):
            count, total = sum(part[at][0] for part in parts), sum(part[at][1] for part in parts)
            if count and len(words) <= _TOTALLED:
                worded = column.worded or (lambda number, labels: labels.exact(number))
                words.append(
                    self.labels(
                        "table.totals",
                        column=self.labels.words(column.title_key),
                        sum=worded(total, self.labels),
                        average=worded(total / count, self.labels),
                        count=self.labels.exact(count),
                    )
                )
        self.totals.emit("  ·  ".join(words))

    def _with_rows(
        self, ids: npt.NDArray[np.int64], work: Callable[[list[Row]], Any], join: Callable[[list[Any]], Any], done: Callable[[Any], None], *, title: str = ""
    ) -> Task | None:
        """Do something with the records of rows, some at a time: at once where they are at hand, else off the GUI thread."""
        if len(ids) <= _AT_ONCE:
            rows = self._model.held(ids.tolist())
            if rows is not None:
                done(join([work(rows)]))
                return None
        source = self.source
        if source is None:
            return None

        def lead(task: Task) -> Any:  # noqa: ANN401 (what join makes)
            parts = []
            for first in range(0, len(ids), _CHUNK):
                task.check()
                task.progress("read", first, len(ids))
                parts.append(work(source.rows(ids[first : first + _CHUNK].tolist())))
            return join(parts)

        return self._tasks.run_job(self, lead, done, None, lane="read", title=title)

    # ------------------------------------------------------------ clipboard

    def copy(self) -> None:
        """Copy the selection as a spreadsheet takes it, titles first."""
        ids, places = self.selected_ids(COPIED), self.selected_columns()
        total = self.selected_count()
        if not len(ids) or not places:
            return
        columns, labels = [self._model.columns[one] for one in places], self.labels
        taken = selection.taken(self.selectionModel().selection(), self.spans(), places, len(ids))
        head = "\t".join(tsv(labels.words(column.title_key)) for column in columns)
        order = {one: at for at, one in enumerate(ids.tolist())}

        def lines(rows: list[Row]) -> str:
            return "".join(
                "\t".join(tsv(column.copied(row, labels)) if taken is None or taken[at][order[row.id]] else "" for at, column in enumerate(columns)) + "\n"
                for row in rows
            )

        def done(text: str) -> None:
            QGuiApplication.clipboard().setText(text)
            if total > COPIED:
                self._messages.toast(labels("table.copied_some", n=labels.exact(COPIED), total=labels.exact(total)), kind="warning")
            else:
                self._messages.toast(labels.plural("table.copied", len(ids), count=labels.exact(len(ids))), kind="ok")

        self._with_rows(ids, lines, lambda parts: "".join([head, "\n", *parts]), done, title=labels("table.copying") if len(ids) > _AT_ONCE else "")

    def paste(self) -> None:
        """Hand on what a spreadsheet has put on the clipboard."""
        text = QGuiApplication.clipboard().text()
        if text.strip():
            self.pasted.emit(text)

    # ------------------------------------------------------------ keys and editing

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy, paste, open, edit; the rest is Qt's."""
        plain = event.modifiers() in {Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier}
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.Paste):
            self.paste()
        elif event.key() == Qt.Key.Key_Down and event.modifiers() == Qt.KeyboardModifier.AltModifier and not self._is_editing():
            self._column_menu()
        elif event.key() == Qt.Key.Key_Space and plain and not self._composing and not self._is_editing():
            self._open_current()
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and plain and not self._is_editing():
            self._edit_or_open()
        elif event.key() == Qt.Key.Key_Escape and plain and not self._composing and not self._is_editing():
            self.escaped.emit()
        else:
            super().keyPressEvent(event)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """Know whether something is being composed."""
        self._composing = bool(event.preeditString())
        super().inputMethodEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Nothing: looking for a row by its first letters would read all of them. The filter bar searches."""

    def _open_current(self) -> None:
        row_id = self.current_id()
        if row_id is not None:
            self.opened.emit(row_id)

    def _edit_or_open(self) -> None:
        index = self.currentIndex()
        if index.isValid() and self._model.flags(index) & Qt.ItemFlag.ItemIsEditable and self._model.record(index.row()) is not None:
            self.edit_cell(index)
        else:
            self._open_current()

    def edit_cell(self, index: QModelIndex) -> None:
        """Open the editor of a cell."""
        self.setCurrentIndex(index)
        self.scrollTo(index)
        (self._frozen if self._frozen.holds(index.column()) else self).edit(index)

    def resume(self) -> None:
        """Go on with what waited for the end of an edit."""
        self._model.resume()

    def _is_editing(self) -> bool:
        editing = QAbstractItemView.State.EditingState
        return self.state() == editing or self._frozen.state() == editing

    def closeEditor(self, editor: QWidget, hint: QAbstractItemDelegate.EndEditHint) -> None:
        """Back to the cell; what waited for the end of the edit goes on."""
        super().closeEditor(editor, hint)
        self._model.resume()

    def scrollTo(self, index: QModelIndex | QPersistentModelIndex, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible) -> None:
        """Show a cell, not hidden by the frozen columns."""
        super().scrollTo(index, hint)
        if "_frozen" not in self.__dict__:
            return  # Qt scrolls while the view is being built
        covered = self._frozen.covered()
        if covered and not self._frozen.holds(index.column()):
            left = self.columnViewportPosition(index.column())
            if left < covered:
                bar = self.horizontalScrollBar()
                bar.setValue(max(0, bar.value() - (covered - left)))

    # ------------------------------------------------------------ menus

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Copy, paste and what the page can do with the selection."""
        self.show_menu(event.globalPos())

    def show_menu(self, at: QPoint) -> None:
        """The menu of the selection."""
        menu = QMenu(self)
        copy = menu.addAction(self.labels("table.copy"), self.copy)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        if not self._model.read_only:
            paste = menu.addAction(self.labels("table.paste"), self.paste)
            paste.setShortcut(QKeySequence(QKeySequence.StandardKey.Paste))
        menu.addAction(self.labels("table.select_all"), self.selectAll).setShortcut(QKeySequence(QKeySequence.StandardKey.SelectAll))
        menu.addSeparator()
        self.fill_menu(menu)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(at)

    def _header_menu(self, at: QPoint) -> None:
        menu = self.header_menu(self.horizontalHeader().logicalIndexAt(at))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.horizontalHeader().mapToGlobal(at))

    def _column_menu(self) -> None:
        """The menu of the current cell's column, under its header: what the mouse does with headers, for the keyboard."""
        section = self.currentIndex().column() if self.currentIndex().isValid() else -1
        across = self.horizontalHeader()
        menu = self.header_menu(section)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(across.mapToGlobal(QPoint(max(0, across.sectionViewportPosition(section)), across.height())))
        menu.setActiveAction(menu.actions()[0])

    def move_column(self, section: int, by: int) -> None:
        """Put a column one place further among those that are shown."""
        shown = self.columns_in_order()
        at = shown.index(section) + by
        if 0 <= at < len(shown):
            across = self.horizontalHeader()
            across.moveSection(across.visualIndex(section), across.visualIndex(shown[at]))

    def header_menu(self, section: int) -> QMenu:
        """What can be done with a column, and which are shown."""
        menu, labels = StayingMenu("", self), self.labels
        if section >= 0:
            if self._model.columns[section].sort is not None:
                menu.addAction(labels("table.ascending"), lambda: self.sort_by(section, descending=False))
                menu.addAction(labels("table.descending"), lambda: self.sort_by(section, descending=True))
                menu.addSeparator()
            menu.addAction(labels("table.select_column"), lambda: self.select_column(section))
            menu.addAction(labels("table.fit"), lambda: self.resizeColumnToContents(section))
            place, count = self.columns_in_order().index(section) + 1, len(self.columns_in_order())
            menu.addAction(labels("table.move_left"), lambda: self.move_column(section, -1)).setEnabled(place > 1)
            menu.addAction(labels("table.move_right"), lambda: self.move_column(section, 1)).setEnabled(place < count)
            for key, by in (("table.wider", _WIDTH_STEP), ("table.narrower", -_WIDTH_STEP)):
                menu.addAction(labels(key), partial(self._resize_by, section, by))
            menu.addAction(labels("table.freeze"), lambda: self.freeze(place))
            menu.addAction(labels("table.hide_column"), lambda: self.show_column(section, shown=False)).setEnabled(len(self.columns_in_order()) > 1)
        if self._frozen_columns:
            menu.addAction(labels("table.unfreeze"), lambda: self.freeze(0))
        if section >= 0:
            chooser = StayingMenu(labels("table.columns"), menu)
            menu.addMenu(chooser)
            self._fill_chooser(chooser)
        else:
            menu.addSeparator()
            self._fill_chooser(menu)
            menu.addSeparator()
        menu.addAction(labels("table.reset_columns"), self._reset)
        return menu

    def _fill_chooser(self, menu: QMenu) -> None:
        for one in self.columns_in_order(hidden=True):
            action = menu.addAction(self.labels.words(self._model.columns[one].title_key))
            action.setCheckable(True)
            action.setChecked(not self.isColumnHidden(one))
            action.toggled.connect(partial(self._choose, one))

    def _resize_by(self, section: int, by: int) -> None:
        self.setColumnWidth(section, max(self.horizontalHeader().minimumSectionSize(), self.columnWidth(section) + self._delegate.theme.px(by)))

    def _choose(self, section: int, shown: bool) -> None:  # noqa: FBT001 (a signal's)
        self.show_column(section, shown=shown)

    def _reset(self) -> None:
        self.reset_looks()
        self._looks_changed()

    def show_column(self, section: int, *, shown: bool) -> None:
        """Show or hide a column; one always stays."""
        if shown or len(self.columns_in_order()) > 1:
            self.setColumnHidden(section, not shown)
            if shown and self.columnWidth(section) == 0:
                self.setColumnWidth(section, self._model.columns[section].width)
            self._looks_changed()
