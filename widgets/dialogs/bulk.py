# SPDX-License-Identifier: Apache-2.0
"""One change for many creators: a field, tags, the stage or the owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QCompleter, QDialog, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QWidget

from app.errors import UsageError
from app.rules import cells
from app.rules.fields import CREATOR_FIELDS, Home, Kind
from app.values import Stage
from widgets.messages import plain
from widgets.tables.filter_words import stored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from widgets.page import Context

FIELDS: Final = tuple(
    name
    for name, one in CREATOR_FIELDS.items()
    if one.home in {Home.CREATOR, Home.ACCOUNT} and name not in {"name", "stage", "tags", "owner", "platform", "platform_uid", "handle", "url"}
)
"""Fields that make sense for many creators at once."""


class BulkDialog(QDialog):
    """Asks for the change; the page makes it. ``wanted`` tells its kind, its values and a reason."""

    wanted = Signal(str, object, str)

    def __init__(self, context: Context, kind: str, count: int, facets: Mapping[str, Sequence[str]], parent: QWidget | None = None) -> None:
        """Ask for a change of ``kind``: field, tags, stage or owner."""
        super().__init__(parent)
        self._context, self._kind, self._facets = context, kind, facets
        labels = context.labels
        self.setWindowTitle(labels(f"bulk.{kind}"))
        self.setMinimumWidth(context.theme.px(400))
        self._form = QFormLayout(self)
        self._form.setContentsMargins(16, 14, 16, 14)
        self._form.addRow(plain(labels.plural(f"bulk.{kind}.said", count, count=labels.exact(count)), wrap=True))
        self.field_box, self.value, self.remove, self.stage_box, self.reason = QComboBox(), QLineEdit(), QLineEdit(), QComboBox(), QLineEdit()
        {"field": self._ask_field, "tags": self._ask_tags, "stage": self._ask_stage, "owner": self._ask_owner}[kind]()
        self.complaint = plain("", role="danger", wrap=True)
        self.complaint.hide()
        self._form.addRow(self.complaint)
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = QPushButton(labels("action.cancel"))
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.reject)
        self.apply_button = QPushButton(labels(f"bulk.{kind}.do"))
        self.apply_button.setDefault(True)
        self.apply_button.clicked.connect(self.apply)
        row.addWidget(cancel)
        row.addWidget(self.apply_button)
        self._form.addRow(row)

    def _add(self, key: str, widget: QWidget) -> None:
        title = self._context.labels(key)
        label = plain(title)
        label.setBuddy(widget)
        widget.setAccessibleName(title)
        self._form.addRow(label, widget)

    def _ask_field(self) -> None:
        labels = self._context.labels
        for name in FIELDS:
            self.field_box.addItem(labels.field(name), name)
        self._add("bulk.field.which", self.field_box)
        self._add("bulk.field.value", self.value)
        self._add("bulk.reason", self.reason)
        self.field_box.currentIndexChanged.connect(lambda _: self._hint())
        self._hint()

    def _hint(self) -> None:
        name = str(self.field_box.currentData())
        hint = {Kind.FEN: "yuan", Kind.BASIS_POINTS: "percent", Kind.COUNT: "count", Kind.MOMENT: "day"}.get(CREATOR_FIELDS[name].kind, "empty")
        self.value.setPlaceholderText(self._context.labels(f"filter.hint.{hint}"))
        self._complete(self.value, self._facets.get(name, ()))

    def _ask_tags(self) -> None:
        self._add("bulk.tags.add", self.value)
        self._add("bulk.tags.remove", self.remove)
        hint = self._context.labels("filter.hint.tags")
        for line in (self.value, self.remove):
            line.setPlaceholderText(hint)
            self._complete(line, self._facets.get("tags", ()))

    def _ask_stage(self) -> None:
        for stage in Stage:
            self.stage_box.addItem(self._context.labels.rank(stage), stage.code)
        self._add("field.stage", self.stage_box)
        self._add("bulk.reason", self.reason)

    def _ask_owner(self) -> None:
        self._add("field.owner", self.value)
        self.value.setText(self._context.services.actor.name)
        self.value.selectAll()
        self.value.setPlaceholderText(self._context.labels("bulk.owner.hint"))
        self._complete(self.value, self._facets.get("owner", ()))

    def _complete(self, line: QLineEdit, values: Sequence[str]) -> None:
        line.setCompleter(QCompleter(list(values), self))

    def apply(self) -> None:
        """Check what was typed and hand it on."""
        try:
            values = self._values()
        except UsageError as error:
            self.complaint.setText(self._context.messages.sentence(error).text)
            self.complaint.show()
            return
        self.wanted.emit(self._kind, values, self.reason.text().strip())
        self.accept()

    def _values(self) -> object:
        if self._kind == "stage":
            return Stage.of(str(self.stage_box.currentData()))
        if self._kind == "tags":
            add, remove = (self._words(line.text()) for line in (self.value, self.remove))
            if not add and not remove:
                raise UsageError("value_missing", field="tags")
            return add, remove
        name = "owner" if self._kind == "owner" else str(self.field_box.currentData())
        text = stored(CREATOR_FIELDS[name], self.value.text())
        cells.typed(CREATOR_FIELDS[name], text, self._context.labels.zone)
        return {name: text}

    def _words(self, text: str) -> tuple[str, ...]:
        return tuple(cells.typed(CREATOR_FIELDS["tags"], text, self._context.labels.zone) or ())
