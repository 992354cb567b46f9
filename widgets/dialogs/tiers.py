# SPDX-License-Identifier: Apache-2.0
"""The bands of tiers per platform: edit, see who would move, apply with a reason; versions with author and reason."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QSplitter,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import CancelledError, ProductError
from app.rules import cells
from app.rules.fields import PLATFORMS
from app.rules.rating.tiers import OTHER
from app.rules.rights import Act
from app.values import Group, Tier
from widgets.dialogs import jobs
from widgets.dialogs.mapping import Choice
from widgets.dialogs.notice import Notice, shown
from widgets.dialogs.preview import Listing
from widgets.messages import plain
from widgets.tables.columns import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PySide6.QtGui import QCloseEvent

    from app.usecases.rating import PolicyRow
    from widgets.dialogs.jobs import Moved, Moves
    from widgets.labels import Labels
    from widgets.page import Context
    from widgets.tasks import Task

_RANKED: Final = tuple(tier for tier in Tier if tier is not Tier.UNRANKED)
_MOST_HYSTERESIS: Final = 50
_EDGE_WIDTH: Final = 110


@dataclass(frozen=True, slots=True)
class Draft:
    """The numbers of a policy as somebody edits them."""

    hysteresis_percent: int
    edges: Mapping[str, tuple[int, ...]]
    groups: Mapping[str, tuple[str, ...]]
    time_zone: str

    @classmethod
    def of(cls, body: Mapping[str, object]) -> Draft:
        """Numbers of a policy in force."""
        edges, groups = body["edges"], body["groups"]
        if not isinstance(edges, dict) or not isinstance(groups, dict):
            raise TypeError("policy")
        return cls(
            int(str(body["hysteresis_percent"])),
            {name: tuple(row) for name, row in edges.items()},
            {name: tuple(map(str, row)) for name, row in groups.items()},
            str(body["time_zone"]),
        )

    def toml(self) -> str:
        """The policy as its file says it."""
        lines = [f"time_zone = {_quoted(self.time_zone)}", f"hysteresis_percent = {self.hysteresis_percent}", "", "[edges]"]
        lines += [f"{_quoted(name)} = [{', '.join(map(str, row))}]" for name, row in self.edges.items()]
        lines += ["", "[groups]", *(f"{_quoted(name)} = [{', '.join(map(_quoted, row))}]" for name, row in self.groups.items())]
        return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def platform_title(name: str, labels: Labels) -> str:
    """A platform of the policy; the rest have a row of their own."""
    return labels("tiers.other") if name == OTHER else labels.platform(name)


# ---------------------------------------------------------------- tables

VERSIONS: Final = (
    Column("version", "tiers.version", lambda row, _: f"v{row.version}", sort="version", order=lambda row: row.version, width=70),
    Column(
        "since",
        "tiers.since",
        lambda row, labels: labels.time(row.since) if row.since else labels("tiers.first"),
        sort="since",
        order=lambda row: row.since,
        width=140,
    ),
    Column("by", "history.by", lambda row, _: shown(row.by, 40), width=110),
    Column("reason", "tiers.reason", lambda row, _: shown(row.reason), width=420),
)
MOVED: Final = (
    Column("name", "field.name", lambda row, _: shown(row.name, 60), sort="name", width=170),
    Column("platform", "field.platform", lambda row, labels: labels.platform(row.platform), sort="platform", width=100),
    Column(
        "followers",
        "field.followers",
        lambda row, labels: labels.count(row.followers),
        sort="followers",
        order=lambda row: row.followers,
        tip=lambda row, labels: labels.exact(row.followers),
        width=100,
        right=True,
    ),
    Column("before", "tiers.before", lambda row, labels: labels.rank(row.before), sort="before", order=lambda row: row.before, width=90),
    Column("after", "tiers.after", lambda row, labels: _arrow(row) + labels.rank(row.after), sort="after", order=lambda row: row.after, width=110),
)


def _arrow(row: Moved) -> str:
    """Up or down, as a sign before the word."""
    if row.before is None or row.after is None:
        return ""
    return "↑ " if row.after > row.before else "↓ "


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the policy as the table shows it."""

    id: int
    version: int
    since: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """Accounts that leave one tier, by the tier they come to."""

    id: int
    before: Tier | None
    counts: Mapping[Tier | None, int]


def _matrix_columns() -> tuple[Column, ...]:
    def count(after: Tier | None) -> Callable[[MatrixRow, Labels], str]:
        return lambda row, labels: labels.exact(row.counts[after]) if row.counts.get(after) else "·"

    after = [Column(f"to_{tier.code}", f"tier.{tier.code}", count(tier), number=_number(tier), width=86, right=True) for tier in Tier]
    return (
        Column("before", "tiers.from_to", lambda row, labels: labels.rank(row.before) if row.before is not None else labels("tiers.none"), width=130),
        *after,
    )


def _number(tier: Tier) -> Callable[[MatrixRow], int | float | None]:
    return lambda row: row.counts.get(tier)


def matrix_rows(matrix: Mapping[tuple[Tier | None, Tier | None], int]) -> list[MatrixRow]:
    """A line per tier that somebody leaves, lowest first."""
    left = sorted({before for before, _ in matrix}, key=lambda tier: -1 if tier is None else int(tier))
    return [MatrixRow(at, before, {to: count for (origin, to), count in matrix.items() if origin == before}) for at, before in enumerate(left, 1)]


# ---------------------------------------------------------------- editor


class Edges(QTabWidget):
    """Grids of lower bounds and of groups, a row a platform; says ``changed`` on every edit, right or wrong."""

    changed = Signal()

    def __init__(self, context: Context) -> None:
        """Start empty."""
        super().__init__()
        self._context = context
        self._draft: Draft | None = None
        self._fields: dict[str, tuple[QLineEdit, ...]] = {}
        self._groups: dict[str, tuple[QComboBox, ...]] = {}
        self.setDocumentMode(True)
        self.setAccessibleName(context.labels("tiers.edges"))
        self._bounds, self._grouping = QScrollArea(), QScrollArea()
        for area, key in ((self._bounds, "tiers.edges"), (self._grouping, "tiers.groups")):
            area.setWidgetResizable(True)
            area.setAccessibleName(context.labels(key))
            self.addTab(area, context.labels(key))

    def load(self, draft: Draft) -> None:
        """Show a policy's numbers."""
        self._draft = draft
        labels = self._context.labels
        self._fields, self._groups = {}, {}
        grid, body = self._grid()
        for at, tier in enumerate(_RANKED, 1):
            head = plain(labels("tiers.from", tier=labels.rank(tier)), role="muted")
            head.setAlignment(Qt.AlignmentFlag.AlignRight)
            grid.addWidget(head, 0, at)
        names = [*(name for name in draft.edges if name != OTHER), OTHER]
        for row, name in enumerate(names, 1):
            self._edge_row(grid, row, name, draft.edges[name])
        grid.addLayout(self._adder(names, self._add), len(names) + 1, 0, 1, 4)
        grid.setRowStretch(len(names) + 2, 1)
        self._bounds.setWidget(body)
        grid, body = self._grid()
        for at, any_tier in enumerate(Tier, 1):
            grid.addWidget(plain(labels.rank(any_tier), role="muted"), 0, at)
        grouped = [*(name for name in draft.groups if name != OTHER), OTHER]
        for row, name in enumerate(grouped, 1):
            self._group_row(grid, row, name, draft.groups[name])
        grid.addLayout(self._adder(grouped, self._add_groups), len(grouped) + 1, 0, 1, 4)
        grid.setRowStretch(len(grouped) + 2, 1)
        self._grouping.setWidget(body)
        self._judge()

    @staticmethod
    def _grid() -> tuple[QGridLayout, QWidget]:
        body = QWidget()
        body.setObjectName("body")
        grid = QGridLayout(body)
        grid.setContentsMargins(2, 8, 8, 8)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(5)
        grid.setColumnStretch(8, 1)
        return grid, body

    def _edge_row(self, grid: QGridLayout, row: int, name: str, edges: Sequence[int]) -> None:
        labels, title = self._context.labels, platform_title(name, self._context.labels)
        head = plain(title)
        grid.addWidget(head, row, 0)
        fields = []
        for at, (tier, edge) in enumerate(zip(_RANKED, edges, strict=True), 1):
            field = QLineEdit(labels.exact(edge))
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            field.setFixedWidth(self._context.theme.px(_EDGE_WIDTH))
            field.setAccessibleName(f"{title} · {labels.rank(tier)}")
            field.textEdited.connect(lambda _: self._edited())
            field.editingFinished.connect(lambda field=field: self._tidy(field))
            grid.addWidget(field, row, at)
            fields.append(field)
        head.setBuddy(fields[0])
        self._fields[name] = tuple(fields)
        if name != OTHER:
            grid.addWidget(self._remover(labels("tiers.remove", platform=title), lambda: self._remove(name)), row, len(_RANKED) + 1)

    def _remover(self, words: str, act: Callable[[], object]) -> QToolButton:
        gone = QToolButton()
        gone.setIcon(self._context.theme.icon("close", "text_muted"))
        gone.setAccessibleName(words)
        gone.setToolTip(words)
        gone.clicked.connect(lambda _checked=False: act())
        return gone

    def _group_row(self, grid: QGridLayout, row: int, name: str, groups: Sequence[str]) -> None:
        labels, title = self._context.labels, platform_title(name, self._context.labels)
        grid.addWidget(plain(title), row, 0)
        chosen = []
        for at, (tier, code) in enumerate(zip(Tier, groups, strict=True), 1):
            combo = Choice()
            for group in Group:
                combo.addItem(labels.rank(group), group.code)
            combo.setCurrentIndex(combo.findData(code))
            combo.call(f"{title} · {labels.rank(tier)} · {labels('field.group')}")
            combo.activated.connect(lambda _: self.changed.emit())
            grid.addWidget(combo, row, at)
            chosen.append(combo)
        self._groups[name] = tuple(chosen)
        if name != OTHER:
            grid.addWidget(self._remover(labels("tiers.remove_groups", platform=title), lambda: self._remove_groups(name)), row, len(Tier) + 1)

    def _adder(self, names: Sequence[str], add: Callable[[str | None], object]) -> QHBoxLayout:
        labels = self._context.labels
        row, combo = QHBoxLayout(), Choice()
        combo.call(labels("tiers.add"))
        combo.addItem(labels("tiers.add"), None)
        for code in PLATFORMS:
            if code not in names:
                combo.addItem(labels.platform(code), code)
        combo.activated.connect(lambda at: add(combo.itemData(at)))
        row.addWidget(combo)
        row.addStretch(1)
        return row

    def _add(self, name: str | None) -> None:
        draft = self.draft()
        if name and draft is not None:
            self.load(Draft(draft.hysteresis_percent, {**draft.edges, name: draft.edges[OTHER]}, draft.groups, draft.time_zone))
            self.changed.emit()

    def _remove(self, name: str) -> None:
        draft = self.draft()
        if draft is not None:
            self.load(Draft(draft.hysteresis_percent, {one: row for one, row in draft.edges.items() if one != name}, draft.groups, draft.time_zone))
            self.changed.emit()

    def _add_groups(self, name: str | None) -> None:
        draft = self.draft()
        if name and draft is not None:
            self.load(replace(draft, groups={**draft.groups, name: draft.groups[OTHER]}))
            self.changed.emit()

    def _remove_groups(self, name: str) -> None:
        draft = self.draft()
        if draft is not None:
            self.load(replace(draft, groups={one: row for one, row in draft.groups.items() if one != name}))
            self.changed.emit()

    def set_edge(self, platform: str, tier: Tier, text: str) -> None:
        """Type a lower bound, as a person would."""
        self._fields[platform][int(tier) - 1].setText(text)
        self._edited()

    def draft(self) -> Draft | None:
        """The numbers as they stand; None while one of them is none."""
        if self._draft is None:
            return None
        edges = {name: tuple(map(_number_of, fields)) for name, fields in self._fields.items()}
        if self._wrong():
            return None
        groups = {name: tuple(str(combo.currentData()) for combo in combos) for name, combos in self._groups.items()}
        good = {name: tuple(edge for edge in row if edge is not None) for name, row in edges.items()}
        return Draft(self._draft.hysteresis_percent, good, groups, self._draft.time_zone)

    def wrong(self) -> str:
        """The first mistake in words; empty when there is none."""
        labels = self._context.labels
        for name, tier, key in self._wrong():
            return labels(key, platform=platform_title(name, labels), tier=labels.rank(tier))
        return ""

    def _wrong(self) -> list[tuple[str, Tier, str]]:
        out: list[tuple[str, Tier, str]] = []
        for name, fields in self._fields.items():
            numbers = [_number_of(field) for field in fields]
            out += [(name, tier, "tiers.not_a_number") for tier, number in zip(_RANKED, numbers, strict=True) if number is None]
            steps = zip(pairwise(numbers), _RANKED[1:], strict=True)
            out += [(name, above, "tiers.not_rising") for (low, high), above in steps if low is not None and high is not None and low >= high]
        return out

    def _judge(self) -> None:
        bad = {(name, tier) for name, tier, _ in self._wrong()}
        for name, fields in self._fields.items():
            for tier, field in zip(_RANKED, fields, strict=True):
                field.setProperty("invalid", (name, tier) in bad)
                field.style().unpolish(field)
                field.style().polish(field)

    def _edited(self) -> None:
        self._judge()
        self.changed.emit()

    def _tidy(self, field: QLineEdit) -> None:
        number = _number_of(field)
        if number is not None:
            field.setText(self._context.labels.exact(number))


def _number_of(field: QLineEdit) -> int | None:
    """A follower count as people type it: 10000, 10,000, 1万, 10k."""
    try:
        number = cells.number(field.text())[0]
    except cells.BadCellError:
        return None
    return int(number) if number is not None and number > 0 and number == int(number) else None


# ---------------------------------------------------------------- dialog


class TierPolicies(QDialog):
    """Nothing changes before “Apply”; who would move is always shown for the numbers that would be applied."""

    settled = Signal()
    """Nothing is under way any more."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        """Load the bands in force and their versions."""
        super().__init__(parent)
        self.context = context
        self.moves: Moves | None = None
        self._task: Task | None = None
        self._loaded_draft: Draft | None = None
        self._previewed: Draft | None = None
        self._applied = 0
        labels = context.labels
        self.setWindowTitle(labels("tiers.title"))
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.resize(context.theme.px(1080), context.theme.px(700))
        box = QVBoxLayout(self)
        box.setContentsMargins(18, 14, 18, 14)
        box.setSpacing(10)
        box.addLayout(self._top())
        self._notice = Notice(context.theme)
        box.addWidget(self._notice)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        self.edges = Edges(context)
        self.edges.changed.connect(self._edited)
        split.addWidget(self.edges)
        split.addWidget(self._results())
        split.setSizes([400, 230])
        box.addWidget(split, 1)
        box.addLayout(self._footer())
        context.tasks.progressed.connect(self._progressed)
        self._show_state()
        self.reload()

    def _top(self) -> QHBoxLayout:
        labels = self.context.labels
        row = QHBoxLayout()
        self._now = plain(role="muted")
        words = plain(labels("tiers.hysteresis"))
        self.hysteresis = QSpinBox()
        self.hysteresis.setRange(0, _MOST_HYSTERESIS)
        self.hysteresis.setSuffix(" %")
        self.hysteresis.setAccessibleName(labels("tiers.hysteresis"))
        self.hysteresis.setToolTip(labels("tiers.hysteresis_note"))
        self.hysteresis.valueChanged.connect(lambda _: self._edited())
        words.setBuddy(self.hysteresis)
        row.addWidget(self._now, 1)
        row.addWidget(words)
        row.addWidget(self.hysteresis)
        return row

    def _results(self) -> QWidget:
        labels, context = self.context.labels, self.context
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        self.matrix = Listing(context, _matrix_columns(), labels("tiers.matrix"), key="tiers.matrix", empty=labels("tiers.nobody"), stretch=False)
        self.moved = Listing(context, MOVED, labels("tiers.moved"), key="tiers.moved", empty=labels("tiers.nobody"))
        self.versions = Listing(context, VERSIONS, labels("tiers.versions"), key="tiers.versions", empty="")
        for listing, key in ((self.versions, "tiers.versions"), (self.matrix, "tiers.matrix"), (self.moved, "tiers.moved")):
            self._tabs.addTab(listing.view, labels(key))
        return self._tabs

    def _footer(self) -> QVBoxLayout:
        labels = self.context.labels
        column, row = QVBoxLayout(), QHBoxLayout()
        column.setSpacing(8)
        words = plain(labels("tiers.reason"))
        self.reason = QLineEdit()
        self.reason.setPlaceholderText(labels("tiers.reason_hint"))
        self.reason.setAccessibleName(labels("tiers.reason"))
        self.reason.setMaxLength(500)
        self.reason.textChanged.connect(lambda _: self._show_state())
        words.setBuddy(self.reason)
        reason = QHBoxLayout()
        reason.addWidget(words)
        reason.addWidget(self.reason, 1)
        column.addLayout(reason)
        self._doing = plain(role="muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(self.context.theme.px(160))
        self._bar.setAccessibleName(labels("import.progress"))
        self._stop = self._button("action.cancel", self.cancel)
        for widget in (self._doing, self._bar, self._stop):
            row.addWidget(widget)
        row.addStretch(1)
        self._band = self._button("tiers.band_now", self.band)
        self._reset = self._button("tiers.reset", self._back)
        self._preview = self._button("tiers.preview", self.preview)
        self._apply = self._button("tiers.apply", self.apply)
        self._apply.setProperty("role", "primary")
        for button in (self._band, self._reset, self._preview, self._apply, self._button("action.close", self.close)):
            row.addWidget(button)
        column.addLayout(row)
        return column

    def _button(self, key: str, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(self.context.labels(key))
        button.setAutoDefault(False)
        button.clicked.connect(lambda _checked=False: act())
        return button

    # ------------------------------------------------------------ load

    def reload(self) -> None:
        """Read the versions again and show the numbers in force."""
        rating = self.context.services.rating
        self.context.tasks.run(self, lambda: rating.policies("tiers"), self._loaded, lane="read")

    def _loaded(self, rows: list[PolicyRow]) -> None:
        labels = self.context.labels
        self.versions.show([Version(row.version, row.version, row.since, row.by, row.reason) for row in rows])
        newest = rows[0]
        self._loaded_draft = Draft.of(newest.body)
        if newest.since:
            self._now.setText(labels("tiers.in_force", version=newest.version, since=labels.time(newest.since), by=shown(newest.by, 40)))
        else:
            self._now.setText(labels("tiers.in_force_first", version=newest.version))
        self._back()
        if self._applied == newest.version:
            self._notice.say("ok", labels("tiers.applied", version=newest.version), labels("tiers.applied_note"))
        self.settled.emit()

    def _back(self) -> None:
        """Show the numbers in force again."""
        if self._loaded_draft is not None:
            self.edges.load(self._loaded_draft)
            self.hysteresis.setValue(self._loaded_draft.hysteresis_percent)
            self._edited()

    # ------------------------------------------------------------ edit

    def draft(self) -> Draft | None:
        """The numbers as they stand; None while something is wrong."""
        made = self.edges.draft()
        return None if made is None else Draft(self.hysteresis.value(), made.edges, made.groups, made.time_zone)

    def _edited(self) -> None:
        wrong = self.edges.wrong()
        if wrong:
            self._notice.say("warning", wrong)
        else:
            self._notice.silence()
        if self._previewed is not None and self._previewed != self.draft():
            self._previewed, self.moves = None, None
            self._show_moves(None)
        self._show_state()

    # ------------------------------------------------------------ acts

    def preview(self) -> None:
        """Tell who would move under these numbers; nothing is written."""
        draft = self.draft()
        if draft is None or self._task is not None:
            return

        def done(moves: Moves) -> None:
            self._previewed = draft
            self._show_moves(moves)
            self._tabs.setCurrentIndex(1)
            self._say_moves(moves, "tiers.would_move", "tiers.would_stay")

        self._run(jobs.try_tiers, (draft.toml(),), done, "tiers.previewing")

    def apply(self) -> None:
        """Make the numbers a new version; everyone is banded afresh."""
        draft = self.draft()
        if draft is None or self._task is not None or not self.reason.text().strip():
            return

        def done(row: PolicyRow) -> None:
            self.reason.clear()
            self._previewed = None
            self._show_moves(None)
            self._tabs.setCurrentIndex(0)
            self.reload()
            self._applied = row.version

        self._run(jobs.apply_tiers, (draft.toml(), self.reason.text()), done, "tiers.applying")

    def band(self) -> None:
        """Band every account by the numbers in force, now."""
        if self._task is not None:
            return

        def done(moves: Moves) -> None:
            self._show_moves(moves)
            self._say_moves(moves, "tiers.moved_now", "tiers.stayed")

        self._run(jobs.band, (), done, "tiers.banding")

    def cancel(self) -> None:
        """Stop what is under way; nothing of it stays."""
        if self._task is not None:
            self._task.cancel()
            self._doing.setText(self.context.labels("import.stopping"))

    def _run(self, function: Callable[..., object], arguments: Sequence[object], done: Callable[..., None], title: str) -> None:
        labels = self.context.labels

        def finished(result: object) -> None:
            self._task = None
            done(result)
            self._show_state()
            self.settled.emit()

        def failed(error: ProductError) -> None:
            self._task = None
            self._show_state()
            if isinstance(error, CancelledError):
                self._notice.say("info", labels("tiers.stopped"))
            else:
                self._notice.fail(self.context.messages, error)
            self.settled.emit()

        self._notice.silence()
        self._doing.setText(labels(title))
        self._task = self.context.tasks.run_child(self, function, arguments, finished, failed, title=labels(title))
        self._show_state()

    def _show_moves(self, moves: Moves | None) -> None:
        labels = self.context.labels
        self.moves = moves
        self.matrix.show(matrix_rows(moves.matrix) if moves else [])
        self.moved.show(moves.rows if moves else [])
        count = moves.changed if moves else 0
        self._tabs.setTabText(2, labels("tiers.moved_count", n=labels.exact(count)) if count else labels("tiers.moved"))

    def _say_moves(self, moves: Moves, some: str, none: str) -> None:
        labels = self.context.labels
        if not moves.changed:
            self._notice.say("ok", labels(none), labels("tiers.all", n=labels.exact(moves.unchanged)))
            return
        up = sum(count for (before, after), count in moves.matrix.items() if before is not None and after is not None and after > before)
        down = sum(count for (before, after), count in moves.matrix.items() if before is not None and after is not None and after < before)
        text = labels("tiers.up_down", up=labels.exact(up), down=labels.exact(down), stay=labels.exact(moves.unchanged))
        self._notice.say("info", labels.plural(some, moves.changed), text)

    @property
    def says(self) -> str:
        """What the message at the top says."""
        return self._notice.words

    # ------------------------------------------------------------ states

    def _progressed(self, task: Task) -> None:
        if task is self._task and not task.cancelled:
            self._bar.setRange(0, task.total or 0)
            self._bar.setValue(task.done)

    def _show_state(self) -> None:
        busy, draft = self._task is not None, self.draft()
        changed = draft is not None and draft != self._loaded_draft
        for widget in (self._doing, self._bar, self._stop):
            widget.setVisible(busy)
        if not busy:
            self._bar.setRange(0, 0)
        self.edges.setEnabled(not busy)
        self.hysteresis.setEnabled(not busy)
        self._band.setEnabled(not busy and self.context.may(Act.BAND))
        self._reset.setEnabled(not busy and draft != self._loaded_draft)
        self._preview.setEnabled(not busy and changed)
        self._apply.setEnabled(not busy and changed and self.context.may(Act.POLICY) and bool(self.reason.text().strip()))

    def closeEvent(self, event: QCloseEvent) -> None:
        """A preview is stopped; an application of new numbers goes on, the status bar shows it."""
        event.accept()
        self.deleteLater()

    def open(self) -> None:
        """Stand beside the main window, never before it: work goes on there."""
        self.show()

    def reject(self) -> None:
        """Escape closes as the button does."""
        self.close()
