# SPDX-License-Identifier: Apache-2.0
"""File an appeal on a creator's behalf: against which entry or sanction, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDialog, QFormLayout, QHBoxLayout, QPlainTextEdit, QPushButton, QWidget

from widgets.messages import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.errors import ProductError
    from app.usecases.rating import AppealRow
    from widgets.page import Context


@dataclass(frozen=True, slots=True)
class Target:
    """What can be challenged, in words: an entry or a sanction by its number."""

    words: str
    event_id: int | None = None
    sanction_id: int | None = None


class FileAppeal(QDialog):
    """A form of one appeal. ``filed`` tells it once it is saved."""

    filed = Signal(object)

    def __init__(self, context: Context, name: str, targets: Sequence[Target], chosen: int = 0, parent: QWidget | None = None) -> None:
        """Challenge one of a creator's entries or sanctions."""
        super().__init__(parent)
        self._context, self._targets = context, tuple(targets)
        labels = context.labels
        self.setWindowTitle(labels("appeal.file"))
        self.setMinimumWidth(context.theme.px(480))
        form = QFormLayout(self)
        form.setContentsMargins(16, 14, 16, 14)
        form.addRow(plain(labels("appeal.file.said", name=name), wrap=True))
        self.button = QPushButton(labels("appeal.file"))
        self.target = QComboBox()
        for one in self._targets:
            self.target.addItem(one.words)
        self.target.setCurrentIndex(chosen)
        self.reason = QPlainTextEdit()
        self.reason.setTabChangesFocus(True)
        self.reason.setFixedHeight(context.theme.px(76))
        self.reason.textChanged.connect(lambda: self.button.setEnabled(bool(self.reason.toPlainText().strip())))
        for key, widget in (("appeal.against", self.target), ("appeal.reason", self.reason)):
            caption = plain(labels(key))
            caption.setBuddy(widget)
            widget.setAccessibleName(labels(key))
            form.addRow(caption, widget)
        self.complaint = plain("", role="danger", wrap=True)
        self.complaint.hide()
        form.addRow(self.complaint)
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = QPushButton(labels("action.cancel"))
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.reject)
        self.button.setDefault(True)
        self.button.setProperty("role", "primary")
        self.button.setEnabled(False)
        self.button.clicked.connect(self.save)
        row.addWidget(cancel)
        row.addWidget(self.button)
        form.addRow(row)
        self.reason.setFocus()

    def save(self) -> None:
        """File it."""
        one, reason, rating = self._targets[self.target.currentIndex()], self.reason.toPlainText().strip(), self._context.services.rating
        self.button.setEnabled(False)

        def work() -> AppealRow:
            return rating.file_appeal(reason, event_id=one.event_id, sanction_id=one.sanction_id)

        self._context.tasks.run(self, work, self._done, self._failed, lane="write")

    def _done(self, filed: AppealRow) -> None:
        self.filed.emit(filed)
        self.accept()

    def _failed(self, error: ProductError) -> None:
        self.button.setEnabled(True)
        self.complaint.setText(self._context.messages.sentence(error).text)
        self.complaint.show()
