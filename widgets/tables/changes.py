# SPDX-License-Identifier: Apache-2.0
"""What changed: one line a kind, its count, and by one press the rows behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from widgets.messages import plain
from widgets.tables.worklist import change_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.usecases.today import Change
    from widgets.labels import Labels
    from widgets.tables.worklist import Target
    from widgets.theme import Theme

_COLUMNS = 2


class ChangeList(QWidget):
    """Changes in two columns; those whose rows can be listed are links."""

    def __init__(self, labels: Labels, theme: Theme, go: Callable[[Target], object]) -> None:
        """Empty at first."""
        super().__init__()
        self._labels, self._theme, self._lead = labels, theme, go
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(2)
        for at in range(_COLUMNS):
            self._grid.setColumnStretch(at * 3 + 2, 1)
        self._shown: list[tuple[object, ...]] | None = None
        self.links: dict[str, QPushButton] = {}

    def show_changes(self, changes: Sequence[Change], now: int) -> None:
        """Other changes; where nothing differs, nothing flashes and the focus stays."""
        lines = [(change.kind, *change_line(change, self._labels, now)) for change in changes]
        if lines == self._shown:
            return
        self._shown = list(lines)
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.links = {}
        if not lines:
            self._grid.addWidget(plain(self._labels("today.changes.none"), role="muted"), 0, 0, 1, 3)
        rows = -(-len(lines) // _COLUMNS)
        for at, (name, kind, what, detail, target) in enumerate(lines):
            row, left = at % rows, at // rows * 3
            sign = QLabel()
            sign.setFixedWidth(self._theme.px(22))
            sign.setPixmap(self._theme.icon(kind.icon, kind.token).pixmap(self._theme.icon_size))
            self._grid.addWidget(sign, row, left)
            if target is None:
                self._grid.addWidget(plain(what), row, left + 1, Qt.AlignmentFlag.AlignLeft)
            else:
                link = QPushButton(what)
                link.setProperty("role", "link")
                link.setCursor(Qt.CursorShape.PointingHandCursor)
                link.setAccessibleDescription(detail)
                link.clicked.connect(lambda _=False, target=target: self._lead(target))
                link.setMinimumWidth(link.sizeHint().width())
                self._grid.addWidget(link, row, left + 1, Qt.AlignmentFlag.AlignLeft)
                self.links[name] = link
            said = plain(detail, role="muted")
            said.setMinimumWidth(0)
            self._grid.addWidget(said, row, left + 2)
