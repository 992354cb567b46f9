# SPDX-License-Identifier: Apache-2.0
"""Add a creator, or edit one: a form whose mistakes are told beside the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.errors import ProductError, UsageError
from app.rules.fields import CREATOR_FIELDS, PLATFORMS, Kind
from app.usecases.creators import seen
from app.values import Stage
from widgets.dialogs.comparison import Saving
from widgets.messages import plain
from widgets.tables.filter_words import stored
from widgets.tables.filter_words import typed as as_typed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtWidgets import QLabel

    from app.usecases.creators import CreatorDetail
    from widgets.labels import Labels
    from widgets.page import Context

_IDENTITY: Final = ("name", "platform", "platform_uid", "handle", "url", "followers")
_RELATION: Final = ("stage", "owner", "tags", "category", "city", "country", "joined_at")
_MONEY: Final = ("fee_fen", "fee_image_fen", "fee_video_fen", "commission_bp", "coupon")
_CONTACT: Final = ("phone", "wechat", "email", "notes")
_GROUPS: Final = (
    ("creator.group.identity", _IDENTITY),
    ("creator.group.relation", _RELATION),
    ("creator.group.money", _MONEY),
    ("creator.group.contact", _CONTACT),
)
_FIXED: Final = frozenset({"platform", "platform_uid"})
_NEEDED: Final = frozenset({"name", "platform"})
_HINTS: Final = {Kind.FEN: "yuan", Kind.BASIS_POINTS: "percent", Kind.COUNT: "count", Kind.MOMENT: "day", Kind.TAGS: "tags"}


class CreatorDialog(QDialog):
    """A form of a creator's fields. ``saved`` tells the creator's id and the operation's (0 where a creator was added)."""

    saved = Signal(int, int)

    def __init__(self, context: Context, detail: CreatorDetail | None = None, parent: QWidget | None = None) -> None:
        """Add a creator, or edit the one given."""
        super().__init__(parent)
        self._context, self._detail = context, detail
        labels = context.labels
        self._start = {} if detail is None else _values(detail, labels)
        self.setWindowTitle(labels("creator.add") if detail is None else labels("creator.edit", name=detail.row.name))
        self.resize(context.theme.px(640), context.theme.px(620))
        self._inputs: dict[str, QWidget] = {}
        self._complaints: dict[str, QLabel] = {}
        box = QVBoxLayout(self)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setAccessibleName(self.windowTitle())
        body = QWidget()
        body.setObjectName("body")
        column = QVBoxLayout(body)
        for title, names in _GROUPS:
            column.addWidget(plain(labels(title), role="heading"))
            column.addLayout(self._grid([name for name in names if detail is None or name not in _FIXED]))
            column.addSpacing(8)
        column.addStretch(1)
        area.setWidget(body)
        box.addWidget(area, 1)
        self.complaint = plain("", role="danger", wrap=True)
        self.complaint.hide()
        box.addWidget(self.complaint)
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = QPushButton(labels("action.cancel"))
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.reject)
        self.save_button = QPushButton(labels("creator.add.do") if detail is None else labels("creator.save"))
        self.save_button.setDefault(True)
        self.save_button.clicked.connect(self.save)
        row.addWidget(cancel)
        row.addWidget(self.save_button)
        box.addLayout(row)
        self._inputs["name"].setFocus()

    def _grid(self, names: list[str]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        labels = self._context.labels
        for at, name in enumerate(names):
            row, column = at // 2 * 3, at % 2
            label = plain(labels.field(name) + (" *" if name in _NEEDED else ""), role="muted")
            made = self._input(name)
            label.setBuddy(made)
            made.setAccessibleName(labels.field(name))
            complaint = plain("", role="danger", wrap=True)
            complaint.hide()
            grid.addWidget(label, row, column)
            grid.addWidget(made, row + 1, column)
            grid.addWidget(complaint, row + 2, column)
            self._inputs[name], self._complaints[name] = made, complaint
        return grid

    def _input(self, name: str) -> QWidget:
        labels, field, start = self._context.labels, CREATOR_FIELDS[name], self._start.get(name, "")
        if name == "stage":
            choice = QComboBox()
            for stage in Stage:
                choice.addItem(labels.rank(stage), stage.code)
            choice.setCurrentIndex(max(0, choice.findData(start)))
            return choice
        if name == "platform":
            choice = QComboBox()
            choice.setEditable(True)
            for code in PLATFORMS:
                choice.addItem(labels.platform(code), code)
            choice.setCurrentIndex(-1)
            choice.setEditText("")
            return choice
        if name == "notes":
            text = QPlainTextEdit(start)
            text.setFixedHeight(self._context.theme.px(64))
            text.setTabChangesFocus(True)
            return text
        line = QLineEdit(start)
        if field.kind in _HINTS:
            line.setPlaceholderText(labels(f"filter.hint.{_HINTS[field.kind]}"))
        elif name in {"platform_uid", "handle"} and self._detail is None:
            line.setPlaceholderText(labels("creator.one_of"))
        line.textEdited.connect(lambda _: self._tell(name, ""))
        return line

    def input(self, name: str) -> QWidget:
        """Where a field is typed."""
        return self._inputs[name]

    def values(self) -> dict[str, str]:
        """Texts that were typed, as the services take them; only those that changed when editing."""
        out: dict[str, str] = {}
        for name, made in self._inputs.items():
            text = _text(made)
            if text != self._start.get(name, "") or (self._detail is None and name == "stage"):
                out[name] = stored(CREATOR_FIELDS[name], text)
        return out

    def save(self) -> None:
        """Save in the background; a mistake is told beside its field."""
        for name in self._complaints:
            self._tell(name, "")
        self.complaint.hide()
        try:
            values = self.values()
        except UsageError as error:
            self._failed(error)
            return
        creators = self._context.services.creators
        self.save_button.setEnabled(False)
        if self._detail is None:
            self._context.tasks.run(self, lambda: creators.add(values).id, lambda row_id: self._done(row_id, 0), self._failed, lane="write")
        elif values:
            row = self._detail.row
            saving = Saving(self._context, (row.id, row.name), self, lambda done: self._done(row.id, done), self._failed, self._back)
            saving.save(values, seen(row, self._detail))
        else:
            self.accept()

    def _done(self, row_id: int, operation_id: int) -> None:
        self.saved.emit(row_id, operation_id)
        self.accept()

    def _back(self) -> None:
        """Go on editing: what was typed stands as it was."""
        self.save_button.setEnabled(True)

    def _failed(self, error: ProductError) -> None:
        self.save_button.setEnabled(True)
        text, name = self._context.messages.sentence(error).text, str(error.details.get("field", ""))
        if isinstance(error, UsageError) and name in self._complaints:
            self._tell(name, text)
            self._inputs[name].setFocus()
        else:
            self.complaint.setText(text)
            self.complaint.show()

    def complaint_of(self, name: str) -> str:
        """What is said beside a field."""
        return self._complaints[name].text()

    def _tell(self, name: str, text: str) -> None:
        made, complaint = self._inputs[name], self._complaints[name]
        if complaint.text() == text:
            return
        complaint.setText(text)
        complaint.setVisible(bool(text))
        made.setProperty("invalid", bool(text))
        made.setAccessibleDescription(text)
        made.style().unpolish(made)
        made.style().polish(made)


def _text(made: QWidget) -> str:
    if isinstance(made, QComboBox):
        known = made.findText(made.currentText().strip(), Qt.MatchFlag.MatchFixedString)
        return str(made.itemData(known)) if known >= 0 else made.currentText().strip()
    if isinstance(made, QPlainTextEdit):
        return made.toPlainText().strip()
    return made.text().strip() if isinstance(made, QLineEdit) else ""


def _values(detail: CreatorDetail, labels: Labels) -> Mapping[str, str]:
    """What a creator's fields say now, as it would be typed."""
    row = detail.row
    account = next((one for one in row.accounts if one.followers == row.followers), row.accounts[0] if row.accounts else None)
    out: dict[str, str] = {"notes": detail.notes or "", "tags": ", ".join(row.tags), "stage": row.stage.code}
    for name in (*_IDENTITY, *_RELATION, *_MONEY, *_CONTACT):
        if name not in out:
            value = getattr(account, name, None) if name in _OF_ACCOUNT else getattr(row, name, None)
            out[name] = labels.day(value) if name == "joined_at" and isinstance(value, int) else as_typed(CREATOR_FIELDS[name], value)
    return out


_OF_ACCOUNT: Final = frozenset({"platform", "platform_uid", "handle", "url", "followers", "fee_fen", "fee_image_fen", "fee_video_fen"})
