# SPDX-License-Identifier: Apache-2.0
"""The workspace's health: every check with its finding, and a repair of what can be computed anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.rules.rights import Act
from widgets.dialogs import jobs
from widgets.messages import plain

if TYPE_CHECKING:
    from app.errors import ProductError
    from app.usecases.workspace import Check
    from widgets.page import Context
    from widgets.tasks import Task

_TELLING = frozenset({"sqlite", "schema", "room"})
"""Checks whose finding says something even when all is well."""

_REPAIRABLE = frozenset({"search", "figures", "main_accounts"})


class Doctor(QDialog):
    """Examines at once when opened; closing it stops the examination."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        """Lay out and begin."""
        super().__init__(parent)
        self._context = context
        self._task: Task | None = None
        labels = context.labels
        self.setWindowTitle(labels("command.tools.doctor").rstrip("…"))
        self.setMinimumWidth(context.theme.px(520))
        box = QVBoxLayout(self)
        box.setContentsMargins(22, 20, 22, 16)
        box.setSpacing(10)
        self.verdict = plain(labels("doctor.looking"), role="heading", wrap=True)
        box.addWidget(self.verdict)
        self._busy = QProgressBar(self)
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setAccessibleName(labels("doctor.looking"))
        box.addWidget(self._busy)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(2, 1)
        box.addLayout(self._grid)
        box.addStretch(1)
        row = QHBoxLayout()
        self.repair = QPushButton(context.theme.icon("doctor"), labels("doctor.repair"), self)
        self.repair.setVisible(False)
        self.repair.clicked.connect(lambda: self._look(repair=True))
        close = QPushButton(labels("action.close"), self)
        close.setDefault(True)
        close.clicked.connect(self.reject)
        row.addWidget(self.repair)
        row.addStretch(1)
        row.addWidget(close)
        box.addLayout(row)
        self.finished.connect(self._stop)
        self._look(repair=False)

    def _look(self, *, repair: bool) -> None:
        self._busy.setVisible(True)
        self.repair.setVisible(False)
        self.verdict.setText(self._context.labels("doctor.repairing" if repair else "doctor.looking"))
        title = self._context.labels("command.tools.doctor")
        self._task = self._context.tasks.run_child(self, jobs.examine, (repair,), self._told, self._failed, title=title)

    def _told(self, checks: list[Check]) -> None:
        labels, theme = self._context.labels, self._context.theme
        self._task = None
        self._busy.setVisible(False)
        bad = [check for check in checks if not check.ok]
        self.verdict.setText(labels.plural("doctor.bad", len(bad)) if bad else labels("doctor.good"))
        self.repair.setVisible(any(check.name in _REPAIRABLE for check in bad) and self._context.may(Act.REPAIR))
        while (item := self._grid.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        for at, check in enumerate(checks):
            sign = QLabel(self)
            sign.setPixmap(theme.icon("check" if check.ok else "error", "ok" if check.ok else "danger").pixmap(theme.icon_size))
            word = labels("doctor.ok" if check.ok else "doctor.not_ok")
            sign.setAccessibleName(word)
            sign.setToolTip(word)
            self._grid.addWidget(sign, at, 0)
            self._grid.addWidget(plain(labels(f"check.{check.name}")), at, 1)
            detail = "" if check.ok and check.name not in _TELLING else check.detail
            self._grid.addWidget(plain(detail, role="muted" if check.ok else "danger", wrap=True), at, 2)

    def _failed(self, error: ProductError) -> None:
        self._task = None
        self._busy.setVisible(False)
        self.verdict.setText(self._context.messages.sentence(error).text)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
