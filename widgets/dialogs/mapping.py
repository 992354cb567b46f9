# SPDX-License-Identifier: Apache-2.0
"""Which column of a file is which field: one row a column, its header as written, samples, and a choice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel, QWheelEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QLineEdit, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.rules import headers
from app.rules.facts import CREATORS, FACTS
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
_METRIC_CHARS: Final = 60
_AT_ONCE: Final = 5
_CODE: Final = int(Qt.ItemDataRole.UserRole)
_HOMES: Final = (("import.group.creator", (Home.CREATOR,)), ("import.group.account", (Home.ACCOUNT,)), ("import.group.metric", (Home.METRIC, Home.ROW)))


class Choice(QComboBox):
    """A combo box that a wheel over the list does not change by accident."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._caption: QLabel | None = None
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMaxVisibleItems(24)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the list around it instead."""
        event.ignore()

    def call(self, name: str) -> None:
        """Name a box that stands in a grid without a label beside it: where screen readers take the label's word, it has one that is not shown."""
        self.setAccessibleName(name)
        if self._caption is None:
            self._caption = QLabel(self.parentWidget())
            self._caption.setTextFormat(Qt.TextFormat.PlainText)
            self._caption.setBuddy(self)
            self._caption.hide()
        self._caption.setText(name)

    def event(self, event: QEvent) -> bool:
        """The label that is not shown goes along."""
        if event.type() == QEvent.Type.ParentChange and self._caption is not None:
            self._caption.setParent(self.parentWidget())
        return super().event(event)


class MappingTable(QScrollArea):
    """Says ``changed`` when somebody chooses another field for a column."""

    changed = Signal()

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._labels = labels
        self._kind = CREATORS
        self._lines: list[_Line] = []
        self._hidden: dict[str, int] = {}
        self._fields = QStandardItemModel(self)
        self._grid = QGridLayout()
        self._built = 0
        self._builder = QTimer(self, singleShot=True, interval=0)
        self._builder.timeout.connect(self._build)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(labels("import.mapping"))

    def load(self, preview: Preview, kind: str = CREATORS) -> None:
        """Show the columns of an opened file with the fields of its kind they were taken for; the rows appear some at a time."""
        self._kind = kind
        self._fields = self._offered(preview.mapping) if kind == CREATORS else self._offered_facts(kind)
        taken = {at: name for name, at in preview.mapping.items()}
        doubtful = {str(warn.details.get("column")) for warn in preview.warnings}
        headed = preview.header_row is not None
        self._lines = [
            _Line(at, header.strip(), taken.get(at, IGNORED), _samples(preview, at), kind, doubtful=header.strip() in doubtful, headed=headed)
            for at, header in enumerate(preview.headers[:_SHOWN])
        ]
        self._hidden = {name: at for name, at in preview.mapping.items() if at >= _SHOWN}
        body = QWidget()
        body.setObjectName("body")
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(4)
        for at, share in enumerate((3, 4, 4, 3)):
            self._grid.setColumnStretch(at, share)
        for at, key in enumerate(("import.column", "import.samples", "import.taken_for", "import.certainty")):
            self._grid.addWidget(plain(self._labels(key), role="muted"), 0, at)
        outer = QVBoxLayout(body)
        outer.setContentsMargins(2, 8, 8, 8)
        outer.addLayout(self._grid)
        if len(preview.headers) > _SHOWN:
            outer.addWidget(plain(self._labels("import.more_columns", n=len(preview.headers) - _SHOWN), role="muted", wrap=True))
        outer.addStretch(1)
        self.setWidget(body)
        self._built = 0
        self._builder.start()

    def _build(self) -> None:
        """Make some more rows: a widget costs milliseconds, and a window must not stand still."""
        twice = set(self.twice())
        for line in self._lines[self._built : self._built + _AT_ONCE]:
            line.build(self, self._grid, self._fields, self._labels)
            line.judge(self._labels, twice=line.field in twice)
        self._built = min(self._built + _AT_ONCE, len(self._lines))
        if self._built < len(self._lines):
            self._builder.start()

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
        self._lines[at].pick(field)
        self.judged()

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

    def _offered_facts(self, kind: str) -> QStandardItemModel:
        model = QStandardItemModel(self)
        _add(model, self._labels("import.ignore"), IGNORED)
        needed = FACTS[kind].needs
        groups = (("import.group.needed", needed), ("import.group.more", [name for name in FACTS[kind].fields if name not in needed]))
        for key, names in groups:
            group = QStandardItem(self._labels(key))
            group.setEnabled(False)
            model.appendRow(group)
            for name in names:
                _add(model, self._labels.field(name), name)
        return model

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


def _samples(preview: Preview, at: int) -> list[str]:
    """The first few different texts of a column."""
    texts = (cells[at].strip() for cells in preview.rows if at < len(cells))
    return list(dict.fromkeys(shown(text, _SAMPLE_CHARS) for text in texts if text))[:_SAMPLES]


class _Line:
    """One column of the file and what it is taken for; its widgets come later."""

    def __init__(self, at: int, header: str, field: str, samples: list[str], kind: str, *, doubtful: bool, headed: bool) -> None:
        self.at = at
        self.field = field
        self._header, self._samples, self._kind, self._doubtful, self._headed = header, samples, kind, doubtful, headed
        self._by_hand = False
        self._judged = ""
        self._choice: Choice | None = None
        self._metric: QLineEdit | None = None
        self._state: QLabel | None = None

    def pick(self, field: str) -> None:
        """Choose by hand; a metric without a name takes that of its header."""
        self._by_hand = True
        self.field = METRIC_PREFIX + self._header if field == METRIC_PREFIX and self._headed else field
        self._show()

    def build(self, table: MappingTable, grid: QGridLayout, fields: QStandardItemModel, labels: Labels) -> None:
        """Make the row's widgets."""
        row = self.at + 1
        title = (shown(self._header, 60) if self._headed else "") or labels("import.column_number", n=row)
        name, choice, metric, state = plain(title, wrap=True), Choice(), QLineEdit(), plain(wrap=True)
        choice.setModel(fields)
        choice.setAccessibleName(labels("import.field_for", column=title))
        choice.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        choice.setMinimumContentsLength(12)
        name.setBuddy(choice)
        metric.setPlaceholderText(labels("import.metric_name"))
        metric.setAccessibleName(labels("import.metric_name"))
        metric.setMaxLength(_METRIC_CHARS)
        metric.hide()
        cell = QVBoxLayout()
        cell.setSpacing(2)
        cell.addWidget(choice)
        cell.addWidget(metric)
        grid.addWidget(name, row, 0)
        grid.addWidget(Elided("  ·  ".join(self._samples) or labels("import.empty_column"), "muted"), row, 1)
        grid.addLayout(cell, row, 2)
        grid.addWidget(state, row, 3)
        self._choice, self._metric, self._state = choice, metric, state
        self._show()
        choice.activated.connect(lambda _row: self._picked(table, str(choice.currentData(_CODE) or IGNORED)))
        metric.textEdited.connect(lambda text: self._named(table, text))

    def _picked(self, table: MappingTable, field: str) -> None:
        self.pick(field)
        if self._metric is not None and not self._metric.isHidden():
            self._metric.setFocus()
        table.judged()

    def _named(self, table: MappingTable, text: str) -> None:
        self.field = METRIC_PREFIX + text.strip()
        table.judged()

    def _show(self) -> None:
        if self._choice is None or self._metric is None:
            return
        row = self._choice.findData(self.field, _CODE)
        free = self._kind == CREATORS and (row < 0 or self.field == METRIC_PREFIX)
        self._choice.setCurrentIndex(self._choice.findData(METRIC_PREFIX, _CODE) if free else row)
        if free:
            self._metric.setText(self.field.removeprefix(METRIC_PREFIX))
        self._metric.setVisible(free)

    def judge(self, labels: Labels, *, twice: bool) -> None:
        """A sign and a word for how sure the choice is."""
        key, role = self._verdict(twice=twice)
        if self._state is None or key == self._judged:
            return
        first, self._judged = not self._judged, key
        self._state.setText(labels(key))
        self._state.setProperty("role", role)
        if not first:  # a label that was never shown takes its looks when it is
            self._state.style().unpolish(self._state)
            self._state.style().polish(self._state)

    def _verdict(self, *, twice: bool) -> tuple[str, str]:
        if twice:
            return "import.sure.twice", "danger"
        if self._by_hand:
            return ("import.sure.by_hand", "ok") if self.field else ("import.sure.left_out", "muted")
        if not self.field:
            if self._doubtful:
                return "import.sure.not_numbers", "warning"
            return ("import.sure.unknown", "muted") if self._samples and not headers.field_for(self._header, self._kind) else ("import.sure.left_out", "muted")
        if self._headed and headers.field_for(self._header, self._kind) == self.field and not self._doubtful:
            return "import.sure.known", "ok"
        return "import.sure.doubtful", "warning"
