# SPDX-License-Identifier: Apache-2.0
"""Add an entry to a creator's ledger: what happened, when, and what shows it. It counts once it is confirmed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDateTime, QTimeZone, Signal
from PySide6.QtWidgets import QComboBox, QDateTimeEdit, QDialog, QFileDialog, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QWidget

from app.rules.rating.credit import CreditPolicy, Dimension
from widgets.messages import plain

if TYPE_CHECKING:
    from app.errors import ProductError
    from app.usecases.rating import CreditEntry
    from widgets.page import Context


class AddEntry(QDialog):
    """A form of one entry. ``added`` tells it once it is saved."""

    added = Signal(object)

    def __init__(self, context: Context, creator_id: int, name: str, policy: CreditPolicy, parent: QWidget | None = None) -> None:
        """Add to the ledger of a creator, by the types of a policy."""
        super().__init__(parent)
        self._context, self._creator = context, creator_id
        labels, theme = context.labels, context.theme
        self.setWindowTitle(labels("credit.add"))
        self.setMinimumWidth(theme.px(480))
        self._form = QFormLayout(self)
        self._form.setContentsMargins(16, 14, 16, 14)
        self._form.addRow(plain(labels("credit.add.said", name=name), wrap=True))
        self.kind = QComboBox()
        for dimension in Dimension:
            for one in policy.types:
                if one.dimension is dimension:
                    sign = "+" if one.weight > 0 else "−"
                    self.kind.addItem(f"{labels.rank(dimension)}  {sign}  {labels.words.event_type(one.name)}", one.name)
        self.kind.setMaxVisibleItems(26)
        self._row("credit.type", self.kind)
        self.at = QDateTimeEdit(QDateTime.currentDateTime(self._zone()))
        self.at.setTimeZone(self._zone())
        self.at.setDisplayFormat("yyyy-MM-dd HH:mm")
        self.at.setCalendarPopup(True)
        self._row("credit.happened", self.at)
        self.evidence = QLineEdit()
        self.evidence.setPlaceholderText(labels("credit.evidence.hint"))
        self._file: Path | None = None
        self.evidence.textEdited.connect(self._typed)
        choose = QPushButton(theme.icon("file"), labels("credit.evidence.choose"))
        choose.setAutoDefault(False)
        choose.clicked.connect(self._choose)
        pair = QWidget()
        row = QHBoxLayout(pair)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.evidence, 1)
        row.addWidget(choose)
        self._row("credit.evidence_of", pair, self.evidence)
        self.complaint = plain("", role="danger", wrap=True)
        self.complaint.hide()
        self._form.addRow(self.complaint)
        ends = QHBoxLayout()
        ends.addStretch(1)
        cancel = QPushButton(labels("action.cancel"))
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.reject)
        self.button = QPushButton(labels("credit.add.do"))
        self.button.setDefault(True)
        self.button.setProperty("role", "primary")
        self.button.clicked.connect(self.save)
        ends.addWidget(cancel)
        ends.addWidget(self.button)
        self._form.addRow(ends)
        self.kind.setFocus()

    def _zone(self) -> QTimeZone:
        return QTimeZone(self._context.labels.zone.encode())

    def _row(self, key: str, shown: QWidget, named: QWidget | None = None) -> None:
        title = self._context.labels(key)
        caption = plain(title)
        caption.setBuddy(named or shown)
        (named or shown).setAccessibleName(title)
        self._form.addRow(caption, shown)

    def _choose(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, self._context.labels("credit.evidence.choose"))
        if chosen:
            self._file = Path(chosen)
            self.evidence.setText(self._file.name)

    def _typed(self) -> None:
        self._file = None

    def save(self) -> None:
        """Propose the entry."""
        rating, creator, kind = self._context.services.rating, self._creator, str(self.kind.currentData())
        at = self.at.dateTime().toMSecsSinceEpoch() * 1000
        evidence: str | Path | None = self._file or (self.evidence.text().strip() or None)
        self.button.setEnabled(False)
        self._context.tasks.run(self, lambda: rating.add_event(creator, kind, at, evidence), self._done, self._failed, lane="write")

    def _done(self, entry: CreditEntry) -> None:
        self.added.emit(entry)
        self.accept()

    def _failed(self, error: ProductError) -> None:
        self.button.setEnabled(True)
        self.complaint.setText(self._context.messages.sentence(error).text)
        self.complaint.show()
