# SPDX-License-Identifier: Apache-2.0
"""Where help and notifications stand: beside the page in a wide window, over its right edge in one that has no room for both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QObject

if TYPE_CHECKING:
    from PySide6.QtWidgets import QHBoxLayout, QWidget

    from widgets.theme import Theme

_WIDE: Final = 1500


class Beside(QObject):
    """Keeps a panel in its place while the window changes; a page is never squeezed by it."""

    def __init__(self, panel: QWidget, row: QHBoxLayout, stack: QWidget, theme: Theme) -> None:
        """``row`` holds the pages, ``stack`` is what the panel may lie over."""
        super().__init__(panel)
        self._panel, self._row, self._stack, self._theme = panel, row, stack, theme
        panel.installEventFilter(self)
        stack.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow what moves."""
        if event.type() in {QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show, QEvent.Type.LayoutRequest}:
            self.place()
        return super().eventFilter(watched, event)

    def place(self) -> None:
        """Put the panel where there is room."""
        window = self._panel.window()
        wide, held = window.width() >= self._theme.px(_WIDE), self._row.indexOf(self._panel) >= 0
        if wide and not held:
            self._row.addWidget(self._panel)
        elif not wide:
            if held:
                self._row.removeWidget(self._panel)
            width, over = self._panel.width(), self._stack.geometry()
            self._panel.setGeometry(over.right() + 1 - width, over.top(), width, over.height())
            self._panel.raise_()
