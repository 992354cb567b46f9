# SPDX-License-Identifier: Apache-2.0
"""What lies over a table that has nothing to show yet: a sentence with what to do next, and a line while it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractScrollArea, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from widgets.messages import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QAction

_WIDTH: Final = 460
"""A sentence is no wider than this; where there is less room it takes more lines."""


class StatePanel(QWidget):
    """A sentence in the middle of the table, with buttons for what to do next."""

    def __init__(self, table: QAbstractScrollArea) -> None:
        """Stay hidden until there is something to say."""
        super().__init__(table)
        self._table = table
        box = QVBoxLayout(self)
        box.setSpacing(12)
        box.addStretch(1)
        self._said = plain("", wrap=True)
        self._said.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        box.addWidget(self._said)  # no alignment of the item: that would forget how high wrapped text is
        self._row = QHBoxLayout()
        self._row.setAlignment(Qt.AlignmentFlag.AlignCenter)
        box.addLayout(self._row)
        box.addStretch(1)
        self.hide()

    def say(self, sentence: str, actions: Sequence[QAction], *, role: str) -> None:
        """Show a sentence and its buttons."""
        while (item := self._row.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        self._said.setProperty("role", role)
        self._said.style().unpolish(self._said)
        self._said.style().polish(self._said)
        self._said.setText(sentence)
        for action in actions:
            button = QPushButton(action.text(), self)
            button.clicked.connect(action.trigger)
            self._row.addWidget(button)
        self.place()
        self.setVisible(bool(sentence))
        self.raise_()

    @property
    def sentence(self) -> str:
        """What is said, or nothing."""
        return self._said.text() if self.isVisibleTo(self._table) else ""

    def place(self) -> None:
        """Cover the middle of the table's view, leaving its header free."""
        view = self._table.viewport().geometry()
        room = view.adjusted(20, view.height() // 8, -20, -view.height() // 4)
        side = max(0, (room.width() - _WIDTH) // 2)
        if (box := self.layout()) is not None:
            box.setContentsMargins(side, 0, side, 0)
        self.setGeometry(room)


class BusyLine(QProgressBar):
    """A thin line at the top of the table while an answer takes longer than a blink."""

    def __init__(self, table: QAbstractScrollArea) -> None:
        """Stay hidden until it takes long."""
        super().__init__(table)
        self._table = table
        self.setRange(0, 1)
        self.setTextVisible(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()

    def begin(self) -> None:
        """Show that something is under way."""
        self.setRange(0, 0)
        self.place()
        self.show()
        self.raise_()

    def end(self) -> None:
        """Hide and stop moving."""
        self.hide()
        self.setRange(0, 1)

    def place(self) -> None:
        """Lie along the upper edge of the rows."""
        view = self._table.viewport().geometry()
        self.setGeometry(view.left(), view.top(), view.width(), 6)
