# SPDX-License-Identifier: Apache-2.0
"""Sync: connections in words, what runs and what ran, what was not taken, what changed at the source, what conflicts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHBoxLayout, QMenu, QProgressBar, QPushButton, QSplitter, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from app import documents
from app.errors import CancelledError, ProductError
from app.events import OperationRecorded, SyncChanged
from app.rules.rights import Act
from widgets.dialogs import pulling
from widgets.dialogs.connection import Connect, SignIn, every_choices
from widgets.dialogs.notice import Notice
from widgets.dialogs.preview import Listing
from widgets.messages import plain
from widgets.page import Context, Page, PageHeader
from widgets.tables import syncing as columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.events import Event
    from app.usecases.syncing import Conflict, Connection, Due, Kept, Line, Noticed, Run
    from widgets.tasks import Task

_RUNS: Final = 500
_KEPT: Final = 1000
_PARTS: Final = ("runs", "plan", "rejected", "drift", "conflicts")


@dataclass(frozen=True, slots=True)
class _State:
    """Everything the page shows, read at once."""

    connections: tuple[Connection, ...]
    due: tuple[Due, ...]
    runs: tuple[Run, ...]
    rejected: tuple[Kept, ...]
    drift: tuple[Noticed, ...]
    conflicts: tuple[Conflict, ...]


class SyncingPage(Page):
    """A row a connection with what to do about it; below, what happened in depth."""

    key: ClassVar[str] = "syncing"
    title_key: ClassVar[str] = "page.syncing"
    icon: ClassVar[str] = "platform"
    help_key: ClassVar[str] = "syncing"

    def __init__(self, context: Context) -> None:
        """Lay out and read what there is."""
        super().__init__(context)
        self._loading, self._again = False, False
        self._figures = ""
        self._task: Task | None = None
        self._shown_run = 0
        self._state = _State((), (), (), (), (), ())
        self._build_actions()
        labels, theme = context.labels, context.theme
        self._header = PageHeader(
            labels(self.title_key),
            [self._connect, self._all],
            primary=self._all,
            icon_size=theme.icon_size,
            primary_icon=theme.icon("refresh", "text_on_accent"),
        )
        column = self.box()
        column.addWidget(self._header)
        self._notice = Notice(theme)
        noticed = QVBoxLayout()
        noticed.setContentsMargins(16, 0, 16, 0)
        noticed.addWidget(self._notice)
        column.addLayout(noticed)
        column.addWidget(self._running())
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._nothing())
        self._stack.addWidget(self._body())
        column.addWidget(self._stack, 1)
        context.tasks.progressed.connect(self._progressed)
        self._enable()
        self._reload()

    # ------------------------------------------------------------ build

    def _action(self, key: str, icon: str, run: Callable[[], object], keys: str = "") -> QAction:
        action = QAction(self.context.theme.icon(icon), self.context.labels(key), self)
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self.addAction(action)
        action.triggered.connect(lambda _=False: run())
        return action

    def _build_actions(self) -> None:
        self._connect = self._action("sync.connect", "plus", self.connect_platform, "Ctrl+Shift+N")
        self._all = self._action("sync.all", "refresh", self.sync_all)
        self._one = self._action("sync.one", "refresh", lambda: self.sync(full=False), "Ctrl+Return")
        self._full = self._action("sync.full", "restore", lambda: self.sync(full=True))
        self._sign_in = self._action("sync.sign_in", "lock", self.sign_in)
        self._test = self._action("sync.test", "doctor", self.test)
        self._remove = self._action("sync.remove", "trash", self.remove)
        self._mine = self._action("sync.keep_mine", "owner", lambda: self.resolve(mine=True), "Alt+Left")
        self._theirs = self._action("sync.take_theirs", "platform", lambda: self.resolve(mine=False), "Alt+Right")

    def _nothing(self) -> QWidget:
        labels = self.context.labels
        frame = QWidget(self)
        column = QVBoxLayout(frame)
        said = plain(labels("sync.empty"), role="muted", wrap=True)
        said.setAlignment(Qt.AlignmentFlag.AlignCenter)
        button = QPushButton(labels("sync.connect"))
        button.setProperty("role", "primary")
        button.clicked.connect(self.connect_platform)
        button.setEnabled(self.context.may(Act.CONNECT))
        button.setToolTip(self.context.why(Act.CONNECT))
        column.addStretch(2)
        column.addWidget(said)
        column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        return frame

    def _running(self) -> QWidget:
        labels = self.context.labels
        self._strip = QWidget(self)
        row = QHBoxLayout(self._strip)
        row.setContentsMargins(16, 2, 16, 6)
        self._doing = plain(labels("sync.running"), role="muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setAccessibleName(labels("sync.running"))
        self._stop = QPushButton(labels("action.cancel"))
        self._stop.clicked.connect(self.cancel)
        row.addWidget(self._doing)
        row.addWidget(self._bar, 1)
        row.addWidget(self._stop)
        self._strip.hide()
        return self._strip

    def _body(self) -> QWidget:
        context, labels = self.context, self.context.labels
        self.connections = Listing(context, columns.CONNECTIONS, labels("sync.connections"), key="sync.connections", empty=labels("sync.empty"))
        self.connections.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.connections.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.connections.view.fill_menu = self._fill_menu
        self.connections.view.selectionModel().currentRowChanged.connect(lambda *_: self._enable())
        self.runs = Listing(context, columns.RUNS, labels("sync.runs"), key="sync.runs", empty=labels("sync.runs.empty"))
        self.runs.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.runs.view.selectionModel().currentRowChanged.connect(lambda *_: self._show_lines())
        self.plan = Listing(context, columns.PLAN, labels("sync.plan"), key="sync.plan", empty=labels("sync.empty"))
        self.plan.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.plan.view.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        self.lines = Listing(context, columns.LINES, labels("sync.log"), key="sync.log", empty=labels("sync.log.empty"))
        self.rejected = Listing(context, columns.REJECTED, labels("sync.rejected"), key="sync.rejected", empty=labels("sync.rejected.empty"))
        self.drift = Listing(context, columns.DRIFT, labels("sync.drift"), key="sync.drift", empty=labels("sync.drift.empty"))
        self.conflicts = Listing(context, columns.CONFLICTS, labels("sync.conflicts"), key="sync.conflicts", empty=labels("sync.conflicts.empty"))
        self.conflicts.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.conflicts.view.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        above = QWidget()
        column = QVBoxLayout(above)
        column.setContentsMargins(16, 0, 16, 6)
        column.setSpacing(6)
        column.addLayout(self._buttons())
        column.addWidget(self.connections.view, 1)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(above)
        split.addWidget(self._depth())
        split.setStretchFactor(0, 2)
        split.setStretchFactor(1, 3)
        split.setSizes([190, 450])
        self.setFocusProxy(self.connections.view)
        return split

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        for action in (self._one, self._full, self._sign_in, self._test, self._remove):
            row.addWidget(_button(action))
        row.addStretch(1)
        self._every = every_choices(self.context.labels)
        caption = plain(self.context.labels("sync.by_itself"), role="muted")
        caption.setBuddy(self._every)
        self._every.activated.connect(lambda _: self.set_interval(self._every.currentData()))
        row.addWidget(caption)
        row.addWidget(self._every)
        return row

    def _depth(self) -> QWidget:
        labels = self.context.labels
        ran = QSplitter(Qt.Orientation.Vertical)
        ran.setChildrenCollapsible(False)
        ran.addWidget(self.runs.view)
        ran.addWidget(self.lines.view)
        ran.setSizes([260, 130])
        settle = QWidget()
        column = QVBoxLayout(settle)
        column.setContentsMargins(0, 6, 0, 0)
        row = QHBoxLayout()
        row.addWidget(plain(labels("sync.conflicts.note"), role="muted", wrap=True), 1)
        row.addWidget(_button(self._mine))
        row.addWidget(_button(self._theirs))
        column.addLayout(row)
        column.addWidget(self.conflicts.view, 1)
        planned = QWidget()
        box = QVBoxLayout(planned)
        box.setContentsMargins(0, 6, 0, 0)
        line = QHBoxLayout()
        line.addWidget(plain(labels("sync.plan.note"), role="muted", wrap=True), 1)
        self._one_every = every_choices(labels)
        self._one_every.setAccessibleName(labels("sync.plan.every"))
        self._one_every.activated.connect(lambda _: self.set_intervals(self._one_every.currentData()))
        line.addWidget(self._one_every)
        box.addLayout(line)
        box.addWidget(self.plan.view, 1)
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        self._tabs.setAccessibleName(labels("sync.depth"))
        for part, key in ((ran, "runs"), (planned, "plan"), (self.rejected.view, "rejected"), (self.drift.view, "drift"), (settle, "conflicts")):
            self._tabs.addTab(part, labels(f"sync.{key}"))
        holder = QWidget()
        box = QVBoxLayout(holder)
        box.setContentsMargins(16, 0, 16, 10)
        box.addWidget(self._tabs)
        return holder

    # ------------------------------------------------------------ page

    def shown(self, argument: object = None) -> None:
        """Show a part in depth: ``runs``, ``plan``, ``rejected``, ``drift`` or ``conflicts``."""
        if argument in _PARTS:
            self._tabs.setCurrentIndex(_PARTS.index(str(argument)))

    def changed(self, event: Event) -> None:
        """What was synced, and what was taken back, shows."""
        if isinstance(event, SyncChanged | OperationRecorded):
            self._reload()

    def actions(self) -> list[QAction]:
        """What the page can do."""
        return [self._connect, self._all, self._one, self._full, self._sign_in, self._test, self._remove, self._mine, self._theirs]

    def summary(self) -> str:
        """The line of figures."""
        return self._figures

    def settled(self) -> bool:
        """Whether everything is read."""
        return not self._loading

    @property
    def idle(self) -> bool:
        """Whether nothing is being pulled from here."""
        return self._task is None

    @property
    def says(self) -> str:
        """What the message at the top says."""
        return self._notice.words

    # ------------------------------------------------------------ reading

    def _reload(self) -> None:
        if self._loading:
            self._again = True
            return
        self._loading = True
        syncing = self.context.services.syncing

        def read() -> _State:
            return _State(
                tuple(syncing.connections()), tuple(syncing.schedule()), tuple(syncing.runs(limit=_RUNS)), tuple(syncing.rejected(limit=_KEPT)),
                tuple(syncing.drift()), tuple(syncing.conflicts()),
            )  # fmt: skip

        self.context.tasks.run(self, read, self._show, self._failed)

    def _show(self, state: _State) -> None:
        self._loading, self._state = False, state
        labels, now = self.context.labels, time.time_ns() // 1000
        self.connections.show(columns.connected(state.connections, state.runs, state.due, state.conflicts, now))
        if state.connections and not self.connections.view.currentIndex().isValid():
            self.connections.view.setCurrentIndex(self.connections.model.index(0, 0))
        self.runs.show(state.runs)
        self.plan.show([columns.Planned(at, one, now) for at, one in enumerate(state.due, 1)])
        self.rejected.show(state.rejected)
        self.drift.show(state.drift)
        self.conflicts.show(state.conflicts)
        for key, rows in (("rejected", state.rejected), ("drift", state.drift), ("conflicts", state.conflicts)):
            title = labels(f"sync.{key}")
            self._tabs.setTabText(_PARTS.index(key), f"{title}  {labels.exact(len(rows))}" if rows else title)
        self._stack.setCurrentIndex(1 if state.connections else 0)
        self._tell_figures(now)
        self._show_lines()
        self._enable()
        if self._again:
            self._again = False
            self._reload()

    def _failed(self, error: ProductError) -> None:
        self._loading = self._again = False
        self._notice.fail(self.context.messages, error, [(self.context.labels("today.again"), self._reload)])

    def _tell_figures(self, now: int) -> None:
        labels, state = self.context.labels, self._state
        parts = [labels.plural("sync.figure.connections", len(state.connections))]
        ended = [run.ended_at for run in state.runs if run.ended_at is not None and run.state in {"ok", "partial"}]
        if ended:
            parts.append(labels("sync.figure.last", ago=labels.ago(max(ended), now)))
        waiting = sum(one.state in {"login_needed", "disconnected", "new", "locked"} for one in state.connections)
        if waiting:
            parts.append(labels.plural("sync.figure.waiting", waiting))
        if state.conflicts:
            parts.append(labels.plural("sync.figure.conflicts", len(state.conflicts)))
        self._figures = labels("list.dot").join(parts)
        self._header.figures(self._figures)

    def _show_lines(self) -> None:
        run = self.runs.model.record(self.runs.view.currentIndex().row()) if self.runs.view.currentIndex().isValid() else None
        if run is None:
            self._shown_run = 0
            self.lines.show([])
            return
        wanted = self._shown_run = run.id
        syncing, labels = self.context.services.syncing, self.context.labels

        def done(lines: Sequence[Line]) -> None:
            if wanted == self._shown_run:
                self.lines.show([columns.Logged(at, one.at, documents.line_in_words(one, labels.words)) for at, one in enumerate(lines, 1)])

        self.context.tasks.run(self, lambda: syncing.log(wanted), done)

    # ------------------------------------------------------------ acts

    @property
    def chosen(self) -> Connection | None:
        """The connection that is pointed at."""
        index = self.connections.view.currentIndex()
        row = self.connections.model.record(index.row()) if index.isValid() else None
        return None if row is None else row.connection

    def connect_platform(self) -> None:
        """Connect a platform."""
        dialog = Connect(self.context, self)
        dialog.connected.connect(self._connected)
        dialog.open()

    def _connected(self, name: str) -> None:
        self._notice.say("ok", self.context.labels("sync.connected", name=name), self.context.labels("sync.connected.next"))
        self._reload()

    def sign_in(self) -> None:
        """Sign the chosen connection in."""
        if (one := self.chosen) is not None:
            dialog = SignIn(self.context, one, self)
            dialog.connected.connect(self._connected)
            dialog.open()

    def sync_all(self) -> None:
        """Pull every connection that is signed in."""
        self._pull((), full=False)

    def sync(self, *, full: bool) -> None:
        """Pull the chosen connection."""
        if (one := self.chosen) is not None:
            self._pull((one.name,), full=full)

    def cancel(self) -> None:
        """Stop; what was finished is kept."""
        if self._task is not None:
            self._task.cancel()
            self._doing.setText(self.context.labels("import.stopping"))

    def _pull(self, names: tuple[str, ...], *, full: bool) -> None:
        if self._task is not None:
            return
        labels = self.context.labels
        self._notice.silence()
        title = labels("sync.doing", what=labels("list.separator").join(names) if names else labels("sync.every_connection"))

        def done(runs: Sequence[Run]) -> None:
            self._ended()
            self._tell(runs)

        def failed(error: ProductError) -> None:
            self._ended()
            if isinstance(error, CancelledError):
                self._notice.say("info", labels("sync.cancelled"), labels("sync.cancelled.kept"))
            else:
                self._notice.fail(self.context.messages, error)

        self._doing.setText(title)
        self._task = pulling.pull(self.context, self, names, done, failed, full=full, title=title)
        self._strip.show()
        self._enable()

    def _ended(self) -> None:
        self._task = None
        self._strip.hide()
        self._enable()
        self._reload()

    def _tell(self, runs: Sequence[Run]) -> None:
        labels = self.context.labels
        bad = [run for run in runs if run.state in {"failed", "parked"}]
        partial = [run for run in runs if run.state == "partial" or run.rejected]
        received, changed = sum(run.received for run in runs), sum(run.inserted + run.updated for run in runs)
        figures = labels("sync.done.figures", received=labels.exact(received), changed=labels.exact(changed))
        if bad:
            said = list(dict.fromkeys(f"{run.connection}  {columns.why(run, labels)}" for run in bad))
            self._notice.say("warning", labels("sync.done.bad"), "\n".join([*said, figures]))
        elif partial:
            self._notice.say("warning", labels("sync.done.partial"), figures, [(labels("sync.show_rejected"), lambda: self.shown("rejected"))])
        elif runs:
            self._notice.say("ok", labels("sync.done.ok"), figures)
        else:
            self._notice.say("info", labels("sync.done.none"))

    def test(self) -> None:
        """Ask the platform whether the connection works."""
        one, labels = self.chosen, self.context.labels
        if one is None:
            return
        syncing = self.context.services.syncing
        self._notice.say("info", labels("sync.testing", name=one.name))
        self.context.tasks.run_job(
            self,
            lambda task: syncing.test(one.name, task),
            lambda _: self._notice.say("ok", labels("sync.tested", name=one.name)),
            lambda error: self._notice.fail(self.context.messages, error),
            lane="net",
            title=labels("sync.testing", name=one.name),
        )

    def remove(self) -> None:
        """Take the connection and its secrets away; what it brought stays, and connecting again goes on from there."""
        one, labels = self.chosen, self.context.labels
        if one is None:
            return
        syncing = self.context.services.syncing

        def done(_: object) -> None:
            self._notice.say("ok", labels("sync.removed", name=one.name), labels("sync.removed.kept"))
            self._reload()

        def go() -> None:
            self.context.tasks.run(self, lambda: syncing.remove(one.name), done, self._failed, lane="write")

        ways = [(labels("sync.remove"), go), (labels("action.cancel"), self._notice.silence)]
        self._notice.say("warning", labels("sync.remove.ask", name=one.name), labels("sync.remove.means"), ways)

    def set_interval(self, seconds: int | None) -> None:
        """Pull all of the chosen connection at an interval."""
        if (one := self.chosen) is not None:
            self._schedule([(one.name, None)], seconds)

    def set_intervals(self, seconds: int | None) -> None:
        """Pull the streams that are chosen in the plan at an interval."""
        rows = sorted({index.row() for index in self.plan.view.selectionModel().selectedIndexes()})
        self._schedule([(row.due.connection, row.due.stream) for at in rows if (row := self.plan.model.record(at)) is not None], seconds)

    def _schedule(self, what: Sequence[tuple[str, str | None]], seconds: int | None) -> None:
        syncing = self.context.services.syncing

        def settle() -> None:
            for name, stream in what:
                syncing.set_schedule(name, stream, seconds)

        self.context.tasks.run(self, settle, lambda _: self._reload(), self._failed, lane="write")

    def resolve(self, *, mine: bool) -> None:
        """Decide the chosen conflicts: the operator's value stays, or the platform's is taken."""
        rows = sorted({index.row() for index in self.conflicts.view.selectionModel().selectedIndexes()})
        chosen = [record.id for row in rows if (record := self.conflicts.model.record(row)) is not None]
        if not chosen:
            return
        syncing, labels = self.context.services.syncing, self.context.labels

        def settle() -> None:
            for one in chosen:
                syncing.resolve(one, mine=mine)

        def done(_: object) -> None:
            self._notice.say("ok", labels.plural("sync.resolved.mine" if mine else "sync.resolved.theirs", len(chosen)))
            self._reload()

        self.context.tasks.run(self, settle, done, self._failed, lane="write")

    # ------------------------------------------------------------ states

    def _progressed(self, task: Task) -> None:
        if task is not self._task:
            return
        labels = self.context.labels
        self._doing.setText(labels("sync.doing.count", what=task.title, count=labels.exact(task.done)))
        if task.total:
            self._bar.setRange(0, task.total)
            self._bar.setValue(min(task.done, task.total))
        else:
            self._bar.setRange(0, 0)

    def _enable(self) -> None:
        one, idle, pulls, connects = self.chosen, self._task is None, self.context.may(Act.SYNC), self.context.may(Act.CONNECT)
        able = one is not None and pulls
        own = one is not None and connects
        usable = one is not None and one.state not in {"new", "login_needed", "disconnected"}
        self._connect.setEnabled(connects)
        self._all.setEnabled(pulls and idle and bool(self._state.connections))
        self._one.setEnabled(able and idle and usable)
        self._full.setEnabled(able and idle and usable)
        self._sign_in.setEnabled(able or own)
        self._sign_in.setText(self.context.labels("sync.sign_in.again" if usable else "sync.sign_in"))
        self._test.setEnabled((able or own) and usable)
        self._remove.setEnabled(own and idle)
        self._every.setEnabled(own)
        place = self.connections.view.currentIndex()
        row = self.connections.model.record(place.row()) if place.isValid() else None
        self._every.setCurrentIndex(max(0, self._every.findData(row.every[0])) if row is not None and len(row.every) == 1 else 0)
        self._one_every.setEnabled(connects and self.plan.view.selectionModel().hasSelection())
        waiting = pulls and self.conflicts.view.selectionModel().hasSelection()
        self._mine.setEnabled(waiting)
        self._theirs.setEnabled(waiting)

    def _fill_menu(self, menu: QMenu) -> None:
        menu.addActions([self._one, self._full, self._sign_in, self._test])
        menu.addSeparator()
        menu.addAction(self._remove)


def _button(action: QAction) -> QPushButton:
    """A button that looks and can as an action does."""
    button = QPushButton()
    button.setAutoDefault(False)
    button.clicked.connect(action.trigger)

    def follow() -> None:
        button.setText(action.text())
        button.setIcon(action.icon())
        button.setEnabled(action.isEnabled())
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        button.setToolTip(f"{action.text()}  {keys}".strip())

    follow()
    action.changed.connect(follow)
    return button
