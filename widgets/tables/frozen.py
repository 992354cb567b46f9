# SPDX-License-Identifier: Apache-2.0
"""The first columns once more, above a table that is scrolled sideways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QRect, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractItemDelegate, QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

if TYPE_CHECKING:
    from PySide6.QtCore import QPoint

    from widgets.labels import Labels


class Host(Protocol):
    """What the table below does beside being a table."""

    labels: Labels

    @property
    def frozen(self) -> int:
        """How many columns stay."""

    def columns_in_order(self) -> list[int]:
        """Columns from left to right."""

    def header_clicked(self, section: int) -> None:
        """A header was clicked."""

    def show_menu(self, at: QPoint) -> None:
        """The menu of the selection."""

    def resume(self) -> None:
        """Go on after an edit."""


class Frozen(QTableView):
    """The first columns once more, above the table, while it is scrolled sideways."""

    def __init__(self, table: QTableView, host: Host) -> None:
        """Lie over a table."""
        super().__init__(table)
        self._table, self._host = table, host
        self.setObjectName("frozen")
        self.setItemDelegate(table.itemDelegate())
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWordWrap(False)
        self.setSelectionMode(table.selectionMode())
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSortingEnabled(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        across = self.horizontalHeader()
        across.setSortIndicatorShown(False)
        across.setHighlightSections(False)
        across.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        across.sectionClicked.connect(host.header_clicked)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(lambda at: host.show_menu(self.viewport().mapToGlobal(at)))
        table.verticalScrollBar().valueChanged.connect(self.verticalScrollBar().setValue)
        self.verticalScrollBar().valueChanged.connect(table.verticalScrollBar().setValue)
        self.setAccessibleName(host.labels("table.frozen"))
        self.hide()

    def dress(self, height: int) -> None:
        """Take the height of a row."""
        self.verticalHeader().setMinimumSectionSize(min(height, 20))
        self.verticalHeader().setDefaultSectionSize(height)
        self.follow()

    def columns(self) -> list[int]:
        """Columns that stay, from left to right."""
        return self._host.columns_in_order()[: self._host.frozen]

    def holds(self, column: int) -> bool:
        """Whether a column is shown here now."""
        return self.isVisible() and column in self.columns()

    def covered(self) -> int:
        """How much of the table lies below."""
        return self.width() if self.isVisible() else 0

    def arrange(self) -> None:
        """Show the same columns in the same order and width."""
        if self.model() is not None:
            self._order()
        self.follow()

    def _attach(self) -> None:
        """Share the table's rows and selection; 600,000 of them cost memory, so not before it is scrolled sideways."""
        table = self._table
        self.setModel(table.model())
        self.setSelectionModel(table.selectionModel())
        own = QItemSelectionModel(table.model(), self)
        self.horizontalHeader().setSelectionModel(own)
        self.verticalHeader().setSelectionModel(own)
        self._order()

    def _order(self) -> None:
        across, held = self.horizontalHeader(), self.columns()
        for one in range(across.count()):
            self.setColumnHidden(one, one not in held)
        for at, one in enumerate(held):
            across.moveSection(across.visualIndex(one), at)
            self.setColumnWidth(one, self._table.columnWidth(one))

    def follow(self) -> None:
        """Lie over the table's left edge while that is scrolled away."""
        table = self._table
        held = self.columns()
        width = sum(table.columnWidth(one) for one in held)
        shown = bool(held) and table.horizontalScrollBar().value() > 0 and width < table.viewport().width() * 0.7
        if shown:
            if self.model() is None:
                self._attach()
            across = table.horizontalHeader()
            left, edge = table.verticalHeader().width(), table.frameWidth()
            self.horizontalHeader().setFixedHeight(across.height())
            self.setGeometry(QRect(left + edge, edge, width + 1, across.height() + table.viewport().height()))
            self.verticalScrollBar().setValue(table.verticalScrollBar().value())
        if shown != self.isVisible():
            self.setVisible(shown)
            self.raise_()

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:  # noqa: ARG002 (Qt's)
        """Only repaint: the table tells the rest."""
        self.viewport().update()

    def keyboardSearch(self, search: str) -> None:
        """Nothing, as in the table."""

    def closeEditor(self, editor: QWidget, hint: QAbstractItemDelegate.EndEditHint) -> None:
        """Back to the table."""
        super().closeEditor(editor, hint)
        self._table.setFocus()
        self._host.resume()

    def mousePressEvent(self, event: Any) -> None:  # noqa: ANN401 (a QMouseEvent)
        """The table keeps the keyboard."""
        self._table.setFocus()
        super().mousePressEvent(event)

    def wheelEvent(self, event: Any) -> None:  # noqa: ANN401
        """The table scrolls."""
        QGuiApplication.sendEvent(self._table.viewport(), event) if event.type() == QEvent.Type.Wheel else super().wheelEvent(event)
