# SPDX-License-Identifier: Apache-2.0
"""The work list: tasks in words, each with its sign, when it is due, and what Enter does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.usecases.creators import Question
from app.values import Sanction, Tier, local
from widgets.messages import tip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from app.usecases.today import Change, Task
    from widgets.labels import Labels
    from widgets.theme import Theme

Index = QModelIndex | QPersistentModelIndex
Target = tuple[str, object]
"""A page and what it is told to show; or ("act", a command's key)."""

_COLUMNS: Final = ("when", "what", "detail", "act")
_SOON_DAYS: Final = 2


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of task looks and where its usual act leads: a page with what to show, "" for the creators it concerns."""

    icon: str
    token: str
    act: str
    page: str = ""
    part: object = None


KINDS: Final[Mapping[str, Kind]] = {
    "sanctions": Kind("warning", "danger", "decide", "rating", "sanctions"),
    "grace": Kind("clock", "warning", "confirm", "rating", "events"),
    "grace_later": Kind("clock", "text_muted", "confirm", "rating", "events"),
    "events": Kind("credit", "warning", "confirm", "rating", "events"),
    "appeals": Kind("credit", "warning", "decide", "rating", "appeals"),
    "appeal": Kind("credit", "warning", "decide", "rating", "appeals"),
    "overrides": Kind("clock", "text_muted", "show"),
    "override": Kind("clock", "text_muted", "show"),
    "sanctions_ending": Kind("clock", "text_muted", "show"),
    "sanction_ending": Kind("clock", "text_muted", "show"),
    "connection": Kind("warning", "danger", "connect", "syncing", None),
    "authorisation": Kind("clock", "warning", "connect", "syncing", None),
    "conflicts": Kind("refresh", "warning", "resolve", "syncing", "conflicts"),
    "records": Kind("warning", "warning", "look", "syncing", "rejected"),
    "drift": Kind("warning", "text_muted", "look", "syncing", "drift"),
    "import": Kind("import", "warning", "history", "act", "edit.history"),
    "silent": Kind("clock", "danger", "follow_up"),
    "no_owner": Kind("owner", "text_muted", "assign"),
    "no_followers": Kind("creators", "text_muted", "show"),
    "old": Kind("history", "text_muted", "show"),
}
"""What the window knows of each kind of task; one more kind is one more line here and its words."""

CHANGES: Final[Mapping[str, Kind]] = {
    "new_creators": Kind("creators", "accent", "show"),
    "tier_moves": Kind("tiers", "accent", "show"),
    "grade_moves": Kind("credit", "accent", "show"),
    "new_events": Kind("credit", "text_muted", "show", "rating", None),
    "new_sanctions": Kind("warning", "danger", "show"),
    "sanctions_over": Kind("clock", "text_muted", "show"),
    "sales": Kind("roi", "ok", "show", "roi", "month"),
    "sync_runs": Kind("refresh", "text_muted", "show", "syncing", "runs"),
    "others": Kind("history", "text_muted", "history", "act", "edit.history"),
}
"""What the window knows of each kind of change."""


@dataclass(frozen=True, slots=True)
class Line:
    """A task as it is said: when and with which colour, what, details, what Enter does and where that leads."""

    icon: str
    token: str
    when: str
    when_token: str
    what: str
    detail: str
    act: str
    target: Target
    due: str = ""
    """The moment in full."""


# ---------------------------------------------------------------- words


def line(task: Task, labels: Labels, now: int) -> Line:
    """A task in words."""
    kind = KINDS[task.kind]
    when, token = due_words(task, labels, now)
    words = {**_details(task, labels, now), "count": labels.exact(task.count), "name": task.name}
    what = labels.plural(f"today.task.{task.kind}", task.count, **words)
    key = f"today.task.{task.kind}.detail"
    detail = labels(key, **words) if labels.words.has(key) else ""
    return Line(
        kind.icon, kind.token, when, token, what, detail, labels(f"today.act.{kind.act}"), target(task, labels), labels.time(task.due_at) if task.due_at else ""
    )


def target(task: Task, labels: Labels) -> Target:
    """Where the usual act on a task leads."""
    kind = KINDS[task.kind]
    if kind.page:
        return kind.page, kind.part
    if task.creator_id is not None:
        return "creators", ("creator", task.creator_id)
    before = task.details.get("before")
    where = task.where.replace("{day}", labels.day(before)) if isinstance(before, int) else task.where
    return "creators", Question(where=where)


def due_words(task: Task, labels: Labels, now: int) -> tuple[str, str]:
    """When a task is due, with a sign and a colour where it is late or due today."""
    if task.due_at is None and task.overdue:
        return f"‼ {labels.plural('today.due.some_late', task.overdue, count=labels.exact(task.overdue))}", "danger"
    if task.due_at is None:
        return labels("today.due.none"), "text_muted"
    here, there = local(now, labels.zone), local(task.due_at, labels.zone)
    days = (there.date() - here.date()).days
    if task.overdue or task.due_at < now:
        said = labels("today.due.late_today") if days == 0 else labels.plural("today.due.late", max(1, -days), days=labels.exact(max(1, -days)))
        if task.batch and task.overdue and task.overdue < task.count:
            said = labels.plural("today.due.some_late", task.overdue, count=labels.exact(task.overdue))
        return f"‼ {said}", "danger"
    if days == 0:
        return f"! {labels('today.due.today', time=f'{there:%H:%M}')}", "warning"
    if days == 1:
        return labels("today.due.tomorrow"), "warning"
    return labels.plural("today.due.days", days, days=labels.exact(days)), "text" if days <= _SOON_DAYS else "text_muted"


def _details(task: Task, labels: Labels, now: int) -> dict[str, str]:
    """What a kind knows more, in words."""
    found: dict[str, str] = {}
    for name, value in task.details.items():
        found[name] = _WORDED[name](value, labels, now) if name in _WORDED else str(value)
    return found


def _levels(value: Any, labels: Labels, now: int) -> str:  # noqa: ANN401 (by name)
    del now
    parts = (f"{labels.rank(Sanction(int(level)))} {labels.exact(count)}" for level, count in value.items())
    return labels("list.separator").join(parts)


_WORDED: Final[Mapping[str, Callable[[Any, Labels, int], str]]] = {
    "levels": _levels,
    "since": lambda value, labels, now: labels.ago(value, now),
    "at": lambda value, labels, now: labels.ago(value, now),
    "before": lambda value, labels, _: labels.day(value),
    "platform": lambda value, labels, _: labels.platform(value),
    "state": lambda value, labels, _: labels(f"connection.state.{value}"),
    "tier": lambda value, labels, _: labels.rank(Tier(value)),
    "level": lambda value, labels, _: labels.rank(Sanction(value)),
    "read": lambda value, labels, _: labels.exact(value),
}


def change_line(change: Change, labels: Labels, now: int) -> tuple[Kind, str, str, Target | None]:
    """A change in words: its looks, what, details, and where it leads; None where nothing can be listed."""
    del now
    kind = CHANGES[change.kind]
    details = change.details
    words = {
        "count": labels.exact(change.count),
        "net": labels.money(details.get("net_fen")),  # type: ignore[arg-type]
        "who": labels("list.separator").join(details.get("who", ())),  # type: ignore[arg-type]
        **{name: labels.exact(details[name]) for name in ("up", "down", "failed", "changed", "more") if name in details},  # type: ignore[arg-type]
    }
    what = labels.plural(f"today.change.{change.kind}", change.count, **words)
    key = f"today.change.{change.kind}.detail"
    detail = labels(key, **words) if labels.words.has(key) else ""
    if change.kind == "sync_runs" and not details.get("failed"):
        detail = labels("today.change.sync_runs.fine", **words)
    goes: Target | None = (kind.page, kind.part) if kind.page else ("creators", Question(where=change.where)) if change.where else None
    return kind, what, detail, goes


# ---------------------------------------------------------------- the table


class Lines(QAbstractTableModel):
    """The work list as rows."""

    def __init__(self, labels: Labels, theme: Theme, parent: QWidget) -> None:
        """Empty at first."""
        super().__init__(parent)
        self._labels, self._theme = labels, theme
        self.lines: list[Line] = []

    def show(self, lines: list[Line]) -> None:
        """Other lines; where nothing differs, nothing flashes."""
        if lines == self.lines:
            return
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's own default)
        """One row a line."""
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """When, what, details, and what Enter does."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Titles of the columns."""
        if role == Qt.ItemDataRole.DisplayRole and orientation is Qt.Orientation.Horizontal:
            return self._labels(f"today.col.{_COLUMNS[section]}")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Texts, and the sign of a row."""
        one = self.lines[index.row()]
        column = _COLUMNS[index.column()]
        text = {"when": one.when, "what": one.what, "detail": one.detail, "act": one.act}[column]
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            return text
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(one.due if column == "when" and one.due else text)
        if role == Qt.ItemDataRole.DecorationRole and column == "what":
            return self._theme.icon(one.icon, one.token)
        if role == Qt.ItemDataRole.ForegroundRole and column != "what":
            return self._theme.colour({"when": one.when_token, "act": "accent"}.get(column, "text_muted"))
        return None


class WorkList(QTableView):
    """Rows by keyboard or mouse; Enter, double click or a click on the last column leads on."""

    def __init__(self, model: Lines, labels: Labels, row_height: int, go: Callable[[Target], object]) -> None:
        """Show a model."""
        super().__init__()
        self.setObjectName("worklist")
        self.setModel(model)
        self._lines, self._lead = model, go
        self.setAccessibleName(labels("today.work"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(row_height + 4)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setStretchLastSection(False)
        model.modelReset.connect(self._share_width)
        model.modelReset.connect(self._first)
        self.doubleClicked.connect(self._go)
        self.clicked.connect(self._clicked)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Columns fill the width, whatever it is."""
        super().resizeEvent(event)
        self._share_width()

    def _share_width(self) -> None:
        """When and what Enter does are shown whole; what to do takes what it needs, up to most of the rest."""
        header = self.horizontalHeader()
        needed = [max(self.sizeHintForColumn(at), header.sectionSizeHint(at)) + 6 for at in range(len(_COLUMNS))]
        rest = max(self.viewport().width() - needed[0] - needed[3], 0)
        second = min(needed[1], rest * 6 // 10)
        for at, width in enumerate((needed[0], second, rest - second, needed[3])):
            header.resizeSection(at, width)

    def _first(self) -> None:
        """The first row is what Enter does, unless somebody chose another."""
        if self._lines.lines and not self.currentIndex().isValid():
            self.setCurrentIndex(self._lines.index(0, 1))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter leads on."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self.currentIndex().isValid():
            self._go(self.currentIndex())
            return
        super().keyPressEvent(event)

    def _clicked(self, index: QModelIndex) -> None:
        if index.column() == len(_COLUMNS) - 1:
            self._go(index)

    def _go(self, index: QModelIndex) -> None:
        self._lead(self._lines.lines[index.row()].target)
