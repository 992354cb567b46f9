# SPDX-License-Identifier: Apache-2.0
"""Which column of a file is which field: one row a column, its header as written, samples, and a choice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel, QWheelEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QLineEdit, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.rules import headers
from app.rules.fields import CREATOR_FIELDS, METRIC_PREFIX, Home
from widgets.dialogs.notice import Elided, shown
from widgets.messages import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.files import Preview
    from widgets.labels import Labels

IGNORED: Final = ""
"""Choice of a column that is not imported."""

_SHOWN: Final = 150
_SAMPLES: Final = 3
_SAMPLE_CHARS: Final = 36
_CODE: Final = int(Qt.ItemDataRole.UserRole)
_HOMES: Final = (("import.group.creator", (Home.CREATOR,)), ("import.group.account", (Home.ACCOUNT,)), ("import.group.metric", (Home.METRIC, Home.ROW)))


class Choice(QComboBox):
    """A combo box that a wheel over the list does not change by accident."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMaxVisibleItems(24)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the list around it instead."""
        event.ignore()


class MappingTable(QScrollArea):
    """Says ``changed`` when somebody chooses another field for a column."""

    changed = Signal()

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._labels = labels
        self._lines: list[_Line] = []
        self._hidden: dict[str, int] = {}
        self._fields = QStandardItemModel(self)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(labels("import.mapping"))

    def load(self, preview: Preview) -> None:
        """Show the columns of an opened file with the fields they were taken for."""
        self._lines = []
        self._fields = self._offered(preview.mapping)
        body = QWidget()
        body.setObjectName("body")
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(0, 3)
        grid.setColumnStretch(1, 4)
        grid.setColumnStretch(2, 4)
        grid.setColumnStretch(3, 3)
        for at, key in enumerate(("import.column", "import.samples", "import.taken_for", "import.certainty")):
            grid.addWidget(plain(self._labels(key), role="muted"), 0, at)
        taken = {at: name for name, at in preview.mapping.items()}
        doubtful = {str(warn.details.get("column")) for warn in preview.warnings}
        for at, header in enumerate(preview.headers[:_SHOWN]):
            self._lines.append(self._line(grid, at, header, preview, taken.get(at, IGNORED), header.strip() in doubtful))
        self._hidden = {name: at for name, at in preview.mapping.items() if at >= _SHOWN}
        outer = QVBoxLayout(body)
        outer.setContentsMargins(2, 8, 8, 8)
        outer.addLayout(grid)
        if len(preview.headers) > _SHOWN:
            outer.addWidget(plain(self._labels("import.more_columns", n=len(preview.headers) - _SHOWN), role="muted", wrap=True))
        outer.addStretch(1)
        self.setWidget(body)
        self._judge()

    def chosen(self) -> dict[str, str]:
        """Field -> 1-based number of its column, as an import takes it; a field chosen twice counts once."""
        found = {line.field: str(line.at + 1) for line in reversed(self._lines) if line.field}
        return {**{name: str(at + 1) for name, at in self._hidden.items()}, **dict(reversed(found.items()))}

    def twice(self) -> list[str]:
        """Fields that more than one column is taken for."""
        counted = Counter(line.field for line in self._lines if line.field)
        return [name for name, count in counted.items() if count > 1]

    def unnamed(self) -> bool:
        """Whether a column is a metric that has no name yet."""
        return any(line.field == METRIC_PREFIX for line in self._lines)

    def choose(self, at: int, field: str) -> None:
        """Take a column (from 0) for a field, as a person would."""
        line = self._lines[at]
        line.pick(field)

    def columns(self) -> tuple[int, int]:
        """How many columns are imported, of how many."""
        return sum(bool(line.field) for line in self._lines) + len(self._hidden), len(self._lines)

    # ------------------------------------------------------------ building

    def _offered(self, mapping: Mapping[str, int]) -> QStandardItemModel:
        model = QStandardItemModel(self)
        _add(model, self._labels("import.ignore"), IGNORED)
        for key, homes in _HOMES:
            group = QStandardItem(self._labels(key))
            group.setEnabled(False)
            model.appendRow(group)
            for name, one in CREATOR_FIELDS.items():
                if one.home in homes:
                    _add(model, self._labels.field(name), name)
        for name in (*mapping, *headers.METRIC_NAMES):
            if name.startswith(METRIC_PREFIX) and self._labels.words.has(f"field.{name}"):
                _add(model, self._labels.field(name), name)
        _add(model, self._labels("import.other_metric"), METRIC_PREFIX)
        return model

    def _line(self, grid: QGridLayout, at: int, header: str, preview: Preview, field: str, doubtful: bool) -> _Line:  # noqa: FBT001
        labels = self._labels
        row = at + 1
        title = shown(header.strip(), 60) if preview.header_row is not None else labels("import.column_number", n=at + 1)
        name = plain(title or labels("import.column_number", n=at + 1), wrap=True)
        texts = list(dict.fromkeys(shown(cells[at].strip(), _SAMPLE_CHARS) for cells in preview.rows if at < len(cells) and cells[at].strip()))
        sample = Elided("  ·  ".join(texts[:_SAMPLES]) or labels("import.empty_column"), "muted")
        choice = Choice()
        choice.setModel(self._fields)
        choice.setAccessibleName(labels("import.field_for", column=title))
        choice.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        choice.setMinimumContentsLength(12)
        name.setBuddy(choice)
        metric = QLineEdit()
        metric.setPlaceholderText(labels("import.metric_name"))
        metric.setAccessibleName(labels("import.metric_name"))
        metric.setMaxLength(60)
        metric.hide()
        cell = QVBoxLayout()
        cell.setSpacing(2)
        cell.addWidget(choice)
        cell.addWidget(metric)
        state = plain(wrap=True)
        grid.addWidget(name, row, 0)
        grid.addWidget(sample, row, 1)
        grid.addLayout(cell, row, 2)
        grid.addWidget(state, row, 3)
        line = _Line(self, at, header.strip(), choice, metric, state, doubtful=doubtful, headed=preview.header_row is not None, filled=bool(texts))
        line.start(field)
        return line

    def judged(self) -> None:
        """A choice was made by hand."""
        self._judge()
        self.changed.emit()

    def _judge(self) -> None:
        twice = set(self.twice())
        for line in self._lines:
            line.judge(self._labels, twice=line.field in twice)


def _add(model: QStandardItemModel, words: str, code: str) -> None:
    item = QStandardItem(words)
    item.setData(code, _CODE)
    model.appendRow(item)


class _Line:
    """One column of the file and what it is taken for."""

    def __init__(  # noqa: PLR0913 (the parts of one row)
        self, table: MappingTable, at: int, header: str, choice: Choice, metric: QLineEdit, state: QLabel, *, doubtful: bool, headed: bool, filled: bool
    ) -> None:
        self.at = at
        self._table, self._header, self._choice, self._metric, self._state = table, header, choice, metric, state
        self._doubtful, self._headed, self._filled, self._by_hand = doubtful, headed, filled, False

    @property
    def field(self) -> str:
        """Field the column is taken for; IGNORED for none."""
        code = str(self._choice.currentData(_CODE) or IGNORED)
        return METRIC_PREFIX + self._metric.text().strip() if code == METRIC_PREFIX else code

    def start(self, field: str) -> None:
        """Show what the file was taken for, then listen."""
        self._show(field)
        self._choice.activated.connect(lambda _row: self._picked())
        self._metric.textEdited.connect(lambda _text: self._table.judged())

    def pick(self, field: str) -> None:
        """Choose as a person would."""
        self._show(field)
        self._picked()

    def _show(self, field: str) -> None:
        row = self._choice.findData(field, _CODE)
        if row < 0:
            row = self._choice.findData(METRIC_PREFIX, _CODE)
            self._metric.setText(field.removeprefix(METRIC_PREFIX))
        self._choice.setCurrentIndex(row)
        self._metric.setVisible(self._choice.currentData(_CODE) == METRIC_PREFIX)

    def _picked(self) -> None:
        self._by_hand = True
        free = self._choice.currentData(_CODE) == METRIC_PREFIX
        if free and not self._metric.text() and self._headed:
            self._metric.setText(self._header)
        self._metric.setVisible(free)
        if free:
            self._metric.setFocus()
        self._table.judged()

    def judge(self, labels: Labels, *, twice: bool) -> None:
        """A sign and a word for how sure the choice is."""
        key, role = self._verdict(twice=twice)
        self._state.setText(labels(key))
        self._state.setProperty("role", role)
        style = self._state.style()
        style.unpolish(self._state)
        style.polish(self._state)

    def _verdict(self, *, twice: bool) -> tuple[str, str]:
        if twice:
            return "import.sure.twice", "danger"
        if self._by_hand:
            return ("import.sure.by_hand", "ok") if self.field else ("import.sure.left_out", "muted")
        if not self.field:
            if self._doubtful:
                return "import.sure.not_numbers", "warning"
            return ("import.sure.unknown", "muted") if self._filled and not headers.field_for(self._header) else ("import.sure.left_out", "muted")
        if self._headed and headers.field_for(self._header) == self.field and not self._doubtful:
            return "import.sure.known", "ok"
        return "import.sure.doubtful", "warning"
