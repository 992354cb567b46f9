# SPDX-License-Identifier: Apache-2.0
"""What is under way, in the status line: a word, how far, and a way to stop it, each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QToolButton, QWidget

from widgets.messages import plain, tip

if TYPE_CHECKING:
    from widgets.labels import Labels
    from widgets.tasks import Task
    from widgets.theme import Theme


class TaskStrip(QWidget):
    """What is under way: a word, how far, and a way to stop it, each."""

    def __init__(self, labels: Labels, theme: Theme) -> None:
        """Empty at first."""
        super().__init__()
        self._labels, self._theme = labels, theme
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(14)
        self._shown: dict[Task, _TaskView] = {}

    def add(self, task: Task) -> None:
        """Show a task."""
        self._shown[task] = _TaskView(task, self._labels, self._theme)
        self._row.addWidget(self._shown[task])

    def update_task(self, task: Task) -> None:
        """Show how far it is."""
        if task in self._shown:
            self._shown[task].refresh()

    def remove(self, task: Task) -> None:
        """It has ended."""
        view = self._shown.pop(task, None)
        if view is not None:
            self._row.removeWidget(view)
            view.hide()
            view.deleteLater()


class _TaskView(QWidget):
    def __init__(self, task: Task, labels: Labels, theme: Theme) -> None:
        super().__init__()
        self._task, self._labels = task, labels
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self._text = plain(task.title)
        self._bar = QProgressBar()
        self._bar.setFixedWidth(theme.px(90))
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setAccessibleName(task.title)
        self._stop = QToolButton()
        self._stop.setIcon(theme.icon("close", "text_muted"))
        self._stop.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._stop.setToolTip(tip(labels("task.stop", what=task.title)))
        self._stop.setAccessibleName(labels("task.stop", what=task.title))
        self._stop.clicked.connect(self._cancel)
        for part in (self._text, self._bar, self._stop):
            row.addWidget(part)

    def refresh(self) -> None:
        """Phase, and a share where the total is known."""
        task = self._task
        phase = self._labels(f"phase.{task.phase}") if self._labels.words.has(f"phase.{task.phase}") else ""
        self._text.setText(self._labels("task.phase", title=task.title, phase=phase) if phase else task.title)
        if task.total:
            self._bar.setRange(0, 1000)
            self._bar.setValue(min(1000, task.done * 1000 // task.total))
        else:
            self._bar.setRange(0, 0)

    def _cancel(self) -> None:
        self._task.cancel()
        self._stop.setEnabled(False)
        self._text.setText(self._labels("task.stopping", what=self._task.title))
