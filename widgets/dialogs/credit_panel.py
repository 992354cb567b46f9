# SPDX-License-Identifier: Apache-2.0
"""One creator's credit in depth: the word first, then points lost with their reasons, every entry, the course of the score."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from PySide6.QtCore import QDate, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDateEdit,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.rules.decay import MILLION, millionths
from app.rules.rating.asked import CreditAsked
from app.rules.rating.credit import CreditPolicy
from app.rules.rating.explain import Standing
from app.rules.rights import Act
from app.values import DAY, CreditGrade, local
from widgets.charts.canvas import Picture
from widgets.dialogs.credit_appeal import Target
from widgets.dialogs.credit_pictures import course, waterfall
from widgets.dialogs.notice import Elided
from widgets.dialogs.preview import Listing
from widgets.messages import Copyable, plain
from widgets.tables.credit import ENTRIES, Told, effect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from PySide6.QtGui import QKeyEvent
    from PySide6.QtWidgets import QMenu

    from app.errors import ProductError
    from app.rules.rating.credit import EventType
    from app.rules.rating.explain import Effect
    from app.usecases.rating import CreditEntry, CreditShown, ScorePoint
    from widgets.page import Context

_INKS: Final = {
    CreditGrade.AAA: "ok", CreditGrade.AA: "ok", CreditGrade.A: "ok", CreditGrade.B: "text", CreditGrade.N: "text_muted", CreditGrade.C: "warning",
    CreditGrade.D: "danger",
}  # fmt: skip
_WHY, _ENTRIES, _COURSE = range(3)


@dataclass(frozen=True, slots=True)
class Read:
    """What the panel shows, read together."""

    shown: CreditShown
    told: tuple[Told, ...]
    points: tuple[ScorePoint, ...]


class CreditPanel(QFrame):
    """The credit of one creator. A creator asked for later wins; decisions are asked for, the page takes them."""

    closed = Signal()
    settle_wanted = Signal(object, bool)
    """Entries to confirm (true) or to void: CreditEntry records."""
    appeal_wanted = Signal(object)
    """Target to challenge; None: whatever the creator has."""

    def __init__(self, context: Context) -> None:
        """Start empty."""
        super().__init__()
        self._context, self._labels = context, context.labels
        self.setObjectName("side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(context.labels("page.rating"))
        self.creator_id: int | None = None
        self._wanted: int | None = None
        self._read: Read | None = None
        self._loading = False
        self._serial = 0
        self._wait = QTimer(self, singleShot=True, interval=60)
        self._wait.timeout.connect(self._load)
        self._build_actions()
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        self._stack = QStackedWidget()
        self._said = plain(context.labels("credit.none_chosen"), role="muted", wrap=True)
        self._said.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._said.setMargin(24)
        self._stack.addWidget(self._said)
        self._built = False
        box.addWidget(self._stack)

    def build(self) -> None:
        """Lay out what shows a creator; when one is first asked for at the latest."""
        if not self._built:
            self._built = True
            self._stack.addWidget(self._body())

    # ------------------------------------------------------------ parts

    def _build_actions(self) -> None:
        self.confirm = self._action("credit.confirm", "check", lambda: self._settle(confirm=True), "Ctrl+Return")
        self.void = self._action("credit.void", "close", lambda: self._settle(confirm=False), "Ctrl+Backspace")
        self.appeal = self._action("appeal.file", "comment", self._appeal)

    def _action(self, key: str, icon: str, run: Callable[[], object], keys: str = "") -> QAction:
        action = QAction(self._context.theme.icon(icon), self._labels(key), self)
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.addAction(action)
        action.triggered.connect(lambda _=False: run())
        return action

    def _body(self) -> QWidget:
        frame = QWidget()
        box = QVBoxLayout(frame)
        box.setContentsMargins(14, 8, 10, 8)
        box.setSpacing(4)
        top = QHBoxLayout()
        self._name = Elided("", "heading")
        self._name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        top.addWidget(self._name, 1)
        close = QToolButton()
        close.setIcon(self._context.theme.icon("close"))
        close.setToolTip(self._labels("panel.close"))
        close.setAccessibleName(self._labels("panel.close"))
        close.clicked.connect(self.closed)
        top.addWidget(close)
        box.addLayout(top)
        self._verdict, self._ladder = plain("", role="figure"), _copyable("")
        line = QHBoxLayout()
        line.setSpacing(12)
        line.addWidget(self._verdict)
        line.addWidget(self._ladder, 1)
        box.addLayout(line)
        self._next, self._caps = _copyable(""), _copyable("")
        box.addWidget(self._next)
        box.addWidget(self._caps)
        box.addLayout(self._clocks())
        self._then = plain("", role="warning", wrap=True)
        self._then.hide()
        line = QHBoxLayout()
        line.addWidget(self._then, 1)
        line.addWidget(self.now, 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(line)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName(self._labels("credit.depth"))
        self.tabs.addTab(self._why(), self._labels("credit.tab.why"))
        self.tabs.addTab(self._ledger(), self._labels("credit.tab.entries"))
        self.course = Picture(self._context, self._labels("credit.course"), least=(240, 140))
        self.tabs.addTab(self.course, self._labels("credit.tab.course"))
        box.addWidget(self.tabs, 1)
        return frame

    def _clocks(self) -> QHBoxLayout:
        """The day of the score, and the one control of what was known."""
        labels, row = self._labels, QHBoxLayout()
        row.setSpacing(6)
        self.day = QDateEdit()
        self.day.setCalendarPopup(True)
        self.day.setDisplayFormat("yyyy-MM-dd")
        self.day.setAccessibleName(labels("credit.as_of"))
        self.day.setDate(self._today())
        self.day.setMaximumDate(self._today())
        self.day.dateChanged.connect(lambda _: self._wait.start())
        caption = plain(labels("credit.as_of"), role="muted")
        caption.setBuddy(self.day)
        self.known = QToolButton()
        self.known.setProperty("role", "button")
        self.known.setCheckable(True)
        self.known.setText(labels("credit.known"))
        self.known.setToolTip(labels("credit.known.tip"))
        self.known.setAccessibleName(labels("credit.known"))
        self.known.toggled.connect(self._know)
        self.now = QToolButton()
        self.now.setText(labels("credit.now"))
        self.now.setAccessibleName(labels("credit.now"))
        self.now.clicked.connect(self._to_now)
        self.now.hide()
        row.addWidget(caption)
        row.addWidget(self.day)
        row.addWidget(self.known)
        row.addStretch(1)
        return row

    def _why(self) -> QWidget:
        frame = QWidget()
        box = QVBoxLayout(frame)
        box.setContentsMargins(0, 6, 0, 0)
        box.setSpacing(4)
        self.waterfall = Picture(self._context, self._labels("credit.waterfall"), least=(240, 140))
        box.addWidget(self.waterfall, 1)
        self._because = plain(self._labels("panel.credit.reasons"), role="muted")
        box.addWidget(self._because)
        self._reasons = QGridLayout()
        self._reasons.setHorizontalSpacing(10)
        self._reasons.setVerticalSpacing(2)
        self._reasons.setColumnStretch(1, 1)
        box.addLayout(self._reasons)
        self._footer = plain("", role="muted", wrap=True)
        box.addWidget(self._footer)
        return frame

    def _ledger(self) -> QWidget:
        labels, frame = self._labels, QWidget()
        box = QVBoxLayout(frame)
        box.setContentsMargins(0, 6, 0, 0)
        box.setSpacing(6)
        row = QHBoxLayout()
        row.setSpacing(6)
        for action in (self.confirm, self.void, self.appeal):
            row.addWidget(button_of(action))
        row.addStretch(1)
        box.addLayout(row)
        self.entries = Listing(self._context, ENTRIES, labels("credit.tab.entries"), key="credit.entries", empty=labels("credit.entries.empty"), stretch=False)
        view = self.entries.view
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.chosen.connect(self._enable)
        view.fill_menu = self._fill_menu
        view.verticalHeader().hide()  # the number of a row says nothing here
        view.restore_looks()
        box.addWidget(view, 1)
        return frame

    def _fill_menu(self, menu: QMenu) -> None:
        menu.addActions([self.confirm, self.void, self.appeal])

    # ------------------------------------------------------------ loading

    def _today(self) -> QDate:
        here = local(time.time_ns() // 1000, self._labels.zone)
        return QDate(here.year, here.month, here.day)

    @property
    def asked(self) -> CreditAsked:
        """What is asked for: today is now; an earlier day is its end, as known now or as known then."""
        if self.day.date() >= self._today():
            return CreditAsked()
        picked: date = self.day.date().toPython()  # type: ignore[assignment]  # a date, whatever the stubs say
        return CreditAsked(picked, picked if self.known.isChecked() else None)

    def _know(self, on: bool) -> None:  # noqa: FBT001 (a signal's)
        """What was known then is a question about a day that is over: the end of last month, unless another was chosen."""
        if on and self.day.date() >= self._today():
            self.day.setDate(QDate(self._today().year(), self._today().month(), 1).addDays(-1))
        self._wait.start()

    def _to_now(self) -> None:
        self.known.setChecked(False)
        self.day.setDate(self._today())
        self._wait.start()

    def show_creator(self, creator_id: int) -> None:
        """Show a creator, soon."""
        self._wanted = creator_id
        self._wait.start()

    def reload(self) -> None:
        """Read the creator again."""
        if self._wanted is not None:
            self._wait.start()

    def settled(self) -> bool:
        """Whether what is shown is what was asked for."""
        if not self._built:
            return not self._wait.isActive()
        pictures = (self.waterfall,) if self.tabs.currentIndex() == _WHY else (self.course,) if self.tabs.currentIndex() == _COURSE else ()
        return not self._loading and not self._wait.isActive() and all(one.settled() for one in pictures)

    @property
    def shown(self) -> CreditShown | None:
        """What is shown."""
        return None if self._read is None else self._read.shown

    def _load(self) -> None:
        self.build()
        wanted, asked, rating = self._wanted, self.asked, self._context.services.rating
        if wanted is None:
            return
        self._loading = True
        self._serial += 1
        serial = self._serial

        def work() -> Read:
            shown = rating.credit(wanted, asked)
            types = {one.name: one for one in CreditPolicy.parse(rating.policy("credit", shown.policy_version).body).types}
            return Read(shown, _told(shown, types), tuple(rating.score_history(wanted)))

        def done(read: Read) -> None:
            if serial == self._serial:
                self._loading = False
                self._show(wanted, read)

        def failed(error: ProductError) -> None:
            if serial == self._serial:
                self._loading, self._read, self.creator_id = False, None, None
                self._said.setText(self._context.messages.sentence(error).text)
                self._stack.setCurrentIndex(0)

        self._context.tasks.run(self, work, done, failed, lane="read")

    # ------------------------------------------------------------ showing

    def _show(self, creator_id: int, read: Read) -> None:
        labels, shown = self._labels, read.shown
        self.creator_id, self._read = creator_id, read
        found = shown.explanation
        self._name.setText(shown.name)
        self._name.setToolTip("")
        self._verdict.setText(labels("credit.verdict", score=found.score, grade=found.grade.code))
        self._verdict.setStyleSheet(f"color: {self._context.theme.colour(_INKS[found.grade]).name()};")
        self._verdict.setAccessibleName(labels("panel.credit.score", score=found.score, grade=labels.rank(found.grade)))
        ladder = self._ladder_words()
        self._ladder.setText(ladder or ("" if found.enough else labels("credit.not_enough")))
        _play(self._ladder, "danger" if ladder else "muted")
        self._next.setText(self._next_words())
        _play(self._next, "ok")
        self._next.setVisible(bool(self._next.text()))
        caps = [labels("credit.cap", type=labels.words.event_type(one.type), grade=one.grade.code, until=labels.day(one.until)) for one in found.caps]
        self._caps.setText("\n".join(caps))
        _play(self._caps, "warning")
        self._caps.setVisible(bool(caps))
        self._show_clocks()
        self._show_reasons(found.reasons, read.told)
        self._footer.setText(labels("credit.footer", evidence=f"{found.evidence:.1f}", version=shown.policy_version, own_record=labels("credit.own_record")))
        self.entries.show(read.told)
        waits = sum(one.standing is Standing.PROPOSED for one in read.told)
        title = labels("credit.tab.entries")
        self.tabs.setTabText(_ENTRIES, f"{title}  {labels.exact(len(read.told))}" + (f" · {labels('credit.waits', n=waits)}" if waits else ""))
        self.waterfall.show_figure(waterfall(found, labels))
        self.course.show_figure(course(read.points, labels))
        self._stack.setCurrentIndex(1)
        self._enable()

    def _show_clocks(self) -> None:
        asked, labels = self.asked, self._labels
        past = asked != CreditAsked()
        self.now.setVisible(past)
        self._then.setVisible(past)
        if past and asked.as_of is not None:
            key = "credit.then.known" if asked.known_at is not None else "credit.then.now"
            self._then.setText(labels(key, day=f"{asked.as_of:%Y-%m-%d}"))

    def _ladder_words(self) -> str:
        read, labels = self._read, self._labels
        if read is None or read.shown.sanction.level is None:
            return ""
        sanction = read.shown.sanction
        level = labels.rank(sanction.level)
        if sanction.proposed:
            return labels("credit.sanction_proposed", level=level, points=sanction.points)
        if sanction.until is not None:
            return labels("credit.sanction_until", level=level, points=sanction.points, until=labels.day(sanction.until))
        return labels("credit.sanction_in_force", level=level, points=sanction.points)

    def _next_words(self) -> str:
        best = None if self._read is None else self._read.shown.explanation.next_best
        if best is None:
            return ""
        labels = self._labels
        return labels("credit.next_best", count=best.count, type=labels.words.event_type(best.type), score=best.score, grade=best.grade.code)

    def _show_reasons(self, reasons: Sequence[Effect], told: Sequence[Told]) -> None:
        """The largest effects: day, what, points, and when half of what is left has faded."""
        labels, fading = self._labels, {one.id: one for one in told}
        while (item := self._reasons.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        self._because.setVisible(bool(reasons))
        for row, one in enumerate(reasons):
            entry = fading.get(one.event_id)
            kind = Elided(labels.words.event_type(one.type))
            kind.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            fades = "" if entry is None or entry.halves_at is None else labels("credit.fades", day=labels.day(entry.halves_at))
            parts = (plain(labels.day(one.happened_at)), kind, plain(effect(one.effect), role="ok" if (one.effect or 0) >= 0 else "danger"))
            for column, part in enumerate((*parts, plain(fades, role="muted"))):
                self._reasons.addWidget(part, row, column)

    # ------------------------------------------------------------ acts

    @property
    def chosen(self) -> list[Told]:
        """The entries that are selected."""
        held = self.entries.model.held(self.entries.view.selected_ids().tolist())
        return list(held or ())

    @property
    def challengeable(self) -> bool:
        """Whether there is an entry that counts, and so can be challenged."""
        return self._read is not None and any(one.standing is Standing.COUNTS for one in self._read.told)

    def targets(self) -> list[Target]:
        """Entries of the creator that can be challenged: those that count, what costs most first."""
        if self._read is None:
            return []
        counting = [one for one in self._read.told if one.standing is Standing.COUNTS]
        return [self._target(one.entry) for one in sorted(counting, key=lambda one: one.effect or 0.0)]

    def _target(self, entry: CreditEntry) -> Target:
        labels = self._labels
        return Target(f"{labels.day(entry.happened_at)}  {labels.words.event_type(entry.type)}  #{entry.id}", event_id=entry.id)

    def _settle(self, *, confirm: bool) -> None:
        wanted = {Standing.PROPOSED} if confirm else {Standing.PROPOSED, Standing.COUNTS, Standing.NOT_KNOWN, Standing.NOT_HAPPENED}
        entries = [one.entry for one in self.chosen if one.standing in wanted]
        if entries:
            self.settle_wanted.emit(entries, confirm)

    def _appeal(self) -> None:
        counting = [one for one in self.chosen if one.standing is Standing.COUNTS]
        self.appeal_wanted.emit(self._target(counting[0].entry) if counting else None)

    def _enable(self) -> None:
        chosen, decides, files = self.chosen, self._context.may(Act.DECIDE), self._context.may(Act.PROPOSE)
        self.confirm.setEnabled(decides and any(one.standing is Standing.PROPOSED for one in chosen))
        voidable = {Standing.PROPOSED, Standing.COUNTS} if decides else {Standing.PROPOSED} if files else set()  # whoever filed one takes it back
        self.void.setEnabled(any(one.standing in voidable for one in chosen))
        self.appeal.setEnabled(files and len(chosen) == 1 and chosen[0].standing is Standing.COUNTS)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)


def button_of(action: QAction, *, role: str = "") -> QPushButton:
    """A button that looks and can as an action does."""
    button = QPushButton()
    button.setAutoDefault(False)
    if role:
        button.setProperty("role", role)
    button.clicked.connect(action.trigger)

    def follow() -> None:
        button.setText(action.text())
        button.setIcon(action.icon())
        button.setEnabled(action.isEnabled())
        button.setChecked(action.isChecked())
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        button.setToolTip(f"{action.text()}  {keys}".strip())

    button.setCheckable(action.isCheckable())
    follow()
    action.changed.connect(follow)
    return button


def _told(shown: CreditShown, types: Mapping[str, EventType]) -> tuple[Told, ...]:
    """Every entry that was known, with what it does and how far it has faded, the latest first."""
    return tuple(_one(effect, shown, types.get(effect.type)) for effect in shown.explanation.effects)


def _one(found: Effect, shown: CreditShown, kind: EventType | None) -> Told:
    entry = shown.entries[found.event_id]
    age = shown.as_of - entry.happened_at
    if kind is None or found.standing is not Standing.COUNTS or age < 0:
        return Told(entry.id, entry, found.standing, found.effect, None, None)
    left = int(millionths(np.array([age], dtype=np.int64), kind.half_life)[0]) / MILLION
    span = kind.half_life * DAY
    return Told(entry.id, entry, found.standing, found.effect, left, entry.happened_at + (age // span + 1) * span)


def _copyable(text: str) -> QLabel:
    made = Copyable(text)
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return made


def _play(label: QLabel, role: str) -> None:
    """Give a label another role of the style sheet."""
    label.setProperty("role", role)
    label.style().unpolish(label)
    label.style().polish(label)
