# SPDX-License-Identifier: Apache-2.0
"""The banner while the way to a team's database is gone: since when, what that means, and a way to try at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from widgets.messages import plain

if TYPE_CHECKING:
    from widgets.labels import Labels
    from widgets.messages import Messages
    from widgets.tasks import Tasks
    from widgets.theme import Theme


class LostBanner(QFrame):
    """Stands above the pages while nothing can be saved; goes by itself."""

    def __init__(self, tasks: Tasks, labels: Labels, theme: Theme, messages: Messages) -> None:
        """Follow the tasks."""
        super().__init__()
        self._tasks, self._labels, self._messages = tasks, labels, messages
        self.setObjectName("lost")
        self.setStyleSheet(
            f"#lost {{ background: {theme.colour('warning_soft').name()}; border-bottom: 1px solid {theme.colour('warning').name()}; }}"
            f"#lost QLabel {{ color: {theme.colour('text').name()}; background: transparent; }}"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 6, 14, 6)
        self.said = plain("", wrap=True)
        self.again = QPushButton(labels("together.again"))
        self.again.clicked.connect(tasks.knock)
        row.addWidget(self.said, 1)
        row.addWidget(self.again)
        tasks.lost.connect(self._lost)
        tasks.found.connect(self._found)
        self.hide()
        if tasks.lost_since is not None:
            self._lost()

    def _lost(self) -> None:
        text = f"{self._labels('together.lost', since=self._tasks.since)} {self._labels('together.lost.read_only')}"
        self.said.setText(text)
        self.setAccessibleName(text)
        self.show()

    def _found(self) -> None:
        self.hide()
        self._messages.toast(self._labels("together.back"), kind="ok")
