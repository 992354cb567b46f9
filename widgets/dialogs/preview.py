# SPDX-License-Identifier: Apache-2.0
"""What an import did or would do: the sum of its rows, warnings, totals, every cell that changes, every row that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.settings import DENSITY
from widgets.dialogs.notice import shown
from widgets.messages import plain
from widgets.tables.columns import Column
from widgets.tables.delegates import CellDelegate
from widgets.tables.model import TableModel
from widgets.tables.view import TableView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.files import Change, ImportReport, Reject
    from app.usecases.workspace import Kept, RejectedRow
    from widgets.labels import Labels
    from widgets.page import Context
    from widgets.tables.columns import Row

_KEPT_SHOWN: Final = 6
_MOST_PARTS: Final = 400
_ADDED_UP: Final = (("inserted", "="), ("updated", "+"), ("unchanged", "+"), ("rejected", "+"), ("duplicates", "+"))


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A changed cell as the table shows it."""

    id: int
    row: int
    key: str
    field: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class RejectLine:
    """A row that was not taken, as the table shows it."""

    id: int
    row: int
    column: str | None
    value: str
    code: str


def creator_of(key: str, labels: Labels) -> str:
    """A row's creator as people read it: ``xiaohongshu:abc`` is 小红书 · abc."""
    platform, colon, rest = key.partition(":")
    return f"{labels.platform(platform)} · {shown(rest)}" if colon and platform != "None" else shown(rest or key)


def reject_column(line: RejectLine, labels: Labels) -> str:
    """The column of a rejected cell: a header as it stands in the file, or the title of a field."""
    return labels.field(line.column) if line.column and labels.words.has(f"field.{line.column}") else shown(line.column or "—")


def reason_of(code: str, labels: Labels) -> str:
    """Why a row was not taken, as the window says it."""
    own = f"import.reject.{code}"
    return labels(own if labels.words.has(own) else f"reject.{code}")


CHANGES: Final = (
    Column("row", "import.row", lambda line, labels: labels.exact(line.row), sort="row", order=lambda line: line.row, width=70, right=True),
    Column("creator", "import.creator", lambda line, labels: creator_of(line.key, labels), sort="creator", width=230),
    Column("field", "import.field", lambda line, labels: labels.field(line.field), sort="field", width=130),
    Column("before", "import.before", lambda line, labels: shown(labels.value(line.field, line.before)), width=200),
    Column("after", "import.after", lambda line, labels: shown(labels.value(line.field, line.after)), width=260),
)
REJECTS: Final = (
    Column("row", "import.row", lambda line, labels: labels.exact(line.row), sort="row", order=lambda line: line.row, width=70, right=True),
    Column("column", "import.column", reject_column, sort="column", width=150),
    Column("value", "import.value", lambda line, labels: shown(line.value) or labels("import.empty_cell"), width=240),
    Column("reason", "import.reason", lambda line, labels: reason_of(line.code, labels), sort="reason", width=430),
)


class Listing:
    """A short list as a table: the model that holds its rows and the view that shows them."""

    def __init__(self, context: Context, columns: Sequence[Column], name: str, *, key: str, empty: str, stretch: bool = True) -> None:
        """Name the table for those who hear it, and for where its looks are kept; ``empty`` is what an empty one says."""
        self.model = TableModel(columns, context.labels)
        delegate = CellDelegate(context.theme, _never, lambda error: context.messages.sentence(error).text)
        self.view = TableView(self.model, delegate, context.tasks, context.messages, key=f"dialog.{key}")
        self.view.setAccessibleName(name)
        self.view.empty = lambda: (empty, [])
        self.view.dress(context.settings.get(DENSITY))
        self.view.horizontalHeader().setStretchLastSection(stretch)
        self.model.set_rows([])

    def show(self, rows: Sequence[Row]) -> None:
        """Hold other rows."""
        self.model.set_rows(rows)

    @property
    def rows(self) -> list[Row]:
        """The rows in the order shown."""
        return self.model.held(self.model.ids.tolist()) or []


def _never(_field: str, _text: str) -> None:
    """Nothing is edited here."""


def change_lines(changes: Sequence[Change]) -> list[ChangeLine]:
    """Changed cells, numbered for the table."""
    return [ChangeLine(at, one.row, one.key, one.field, one.before, one.after) for at, one in enumerate(changes, 1)]


def reject_lines(rejects: Sequence[Reject | RejectedRow]) -> list[RejectLine]:
    """Rejected rows, numbered for the table."""
    return [RejectLine(at, one.row, one.column, one.value, one.code) for at, one in enumerate(rejects, 1)]


def where_of(spans: Sequence[tuple[int, int]]) -> str:
    """Filter text for spans of creators' ids; the first few hundred where they are many."""
    singles = [str(first) for first, last in spans if first == last][:_MOST_PARTS]
    ranges = [f"(id >= {first} and id <= {last})" for first, last in spans if first < last][: _MOST_PARTS // 4]
    parts = ranges + ([f"id in ({', '.join(singles)})"] if singles else [])
    return " or ".join(parts) or "id = 0"


def kept_words(kept: Sequence[Kept], labels: Labels) -> str:
    """What an undo left as it is, with the reasons."""
    lines = []
    for one in kept[:_KEPT_SHOWN]:
        what = labels(f"table.{one.table}") if labels.words.has(f"table.{one.table}") else one.table
        field = f" · {labels.field(one.field)}" if one.field else ""
        lines.append(
            f"{what} {one.id}{field}：{labels(f'kept.{one.why}')}"
            if labels.words.language == "zh_CN"
            else f"{what} {one.id}{field}: {labels(f'kept.{one.why}')}"
        )
    if len(kept) > _KEPT_SHOWN:
        lines.append(labels("import.kept_more", n=len(kept) - _KEPT_SHOWN))
    return "\n".join(lines)


class Figures(QFrame):
    """The rows of a file as one sum: read = added + changed + unchanged + left out + duplicates."""

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        """Hidden until there is a report."""
        super().__init__(parent)
        self._labels = labels
        self.setObjectName("card")
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 14, 8)
        row.setSpacing(10)
        self._numbers = {}
        for name, sign in (("read", ""), *_ADDED_UP):
            if sign:
                row.addWidget(plain(sign, role="muted"))
            column = QVBoxLayout()
            column.setSpacing(0)
            number, caption = plain(role="figure"), plain(labels(f"report.{name}"), role="muted")
            number.setBuddy(caption)
            column.addWidget(number)
            column.addWidget(caption)
            row.addLayout(column)
            self._numbers[name] = number
        row.addStretch(1)
        self._note = plain(role="muted", wrap=True)
        self._note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._note, 2)
        self.hide()

    def show_report(self, report: ImportReport, note: str) -> None:
        """Fill in the figures; ``note`` stands at the right."""
        for name, label in self._numbers.items():
            label.setText(self._labels.exact(getattr(report, name)))
        self._note.setText(note)
        spoken = ", ".join(f"{self._labels(f'report.{name}')} {label.text()}" for name, label in self._numbers.items())
        self.setAccessibleName(spoken)
        self.show()


class Overview(QScrollArea):
    """Warnings in words, totals per field, columns nobody claimed."""

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._labels = labels
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(labels("import.overview"))

    def show_report(self, report: ImportReport) -> None:
        """Fill in what a report says."""
        labels = self._labels
        body = QWidget()
        body.setObjectName("body")
        column = QVBoxLayout(body)
        column.setContentsMargins(2, 10, 8, 8)
        column.setSpacing(8)
        column.addWidget(plain(labels("import.warnings"), role="heading"))
        for warn in report.warnings:
            column.addWidget(plain("⚠ " + labels.words.warning(warn.code, {name: _told(value) for name, value in warn.details.items()}), wrap=True))
        if not report.warnings:
            column.addWidget(plain(labels("import.no_warnings"), role="muted"))
        column.addSpacing(6)
        column.addWidget(plain(labels("import.sums"), role="heading"))
        column.addWidget(plain(labels("import.sums_note"), role="muted", wrap=True))
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        for at, (name, total) in enumerate(report.sums.items()):
            title, number = plain(labels.field(name), role="muted"), plain(labels.value(name, total))
            number.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(title, at // 2, at % 2 * 2)
            grid.addWidget(number, at // 2, at % 2 * 2 + 1, Qt.AlignmentFlag.AlignRight)
        grid.setColumnStretch(4, 1)
        column.addLayout(grid)
        if report.unmapped:
            column.addSpacing(6)
            column.addWidget(plain(labels("import.unmapped"), role="heading"))
            column.addWidget(plain("  ·  ".join(shown(one, 60) for one in report.unmapped), role="muted", wrap=True))
        column.addStretch(1)
        self.setWidget(body)


def _told(value: object) -> object:
    return shown(value) if isinstance(value, str) else value
