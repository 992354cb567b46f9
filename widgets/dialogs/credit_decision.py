# SPDX-License-Identifier: Apache-2.0
"""Asks for the reason of a decision about conduct; says what will happen in the verb of its button."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from widgets.messages import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from widgets.page import Context


class Decision(QDialog):
    """A reason, which everybody can read later. ``given`` tells it."""

    given = Signal(str)

    def __init__(self, context: Context, title: str, said: Sequence[str], verb: str, *, hard: bool = False, parent: QWidget | None = None) -> None:
        """``said`` is what is decided and what follows; ``hard``: it is held against somebody."""
        super().__init__(parent)
        labels = context.labels
        self.setWindowTitle(title)
        self.setMinimumWidth(context.theme.px(460))
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 14, 16, 14)
        box.setSpacing(8)
        for at, sentence in enumerate(said):
            box.addWidget(plain(sentence, role="" if at == 0 else "muted", wrap=True))
        caption = plain(labels("credit.reason"))
        self.reason = QPlainTextEdit()
        self.reason.setTabChangesFocus(True)
        self.reason.setFixedHeight(context.theme.px(76))
        self.reason.setAccessibleName(labels("credit.reason"))
        self.reason.setPlaceholderText(labels("credit.reason.hint"))
        self.reason.textChanged.connect(self._typed)
        caption.setBuddy(self.reason)
        box.addWidget(caption)
        box.addWidget(self.reason)
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = QPushButton(labels("action.cancel"))
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.reject)
        self.button = QPushButton(verb)
        if hard:
            self.button.setProperty("role", "danger")
            self.button.setAutoDefault(False)
        else:
            self.button.setProperty("role", "primary")
            self.button.setDefault(True)
        self.button.setEnabled(False)
        self.button.clicked.connect(self._give)
        row.addWidget(cancel)
        row.addWidget(self.button)
        box.addLayout(row)
        self.reason.setFocus()

    def _typed(self) -> None:
        self.button.setEnabled(bool(self.reason.toPlainText().strip()))

    def _give(self) -> None:
        self.given.emit(self.reason.toPlainText().strip())
        self.accept()
