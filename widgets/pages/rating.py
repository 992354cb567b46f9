# SPDX-License-Identifier: Apache-2.0
"""Credit: creators by conduct with their reasons beside them; entries, sanctions and appeals that wait for a word."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QApplication, QHBoxLayout, QSplitter, QTabWidget, QToolButton, QVBoxLayout, QWidget

from app import filters
from app.errors import ProductError, UsageError
from app.events import CreatorsChanged, PoliciesChanged
from app.rules.rating.credit import CreditPolicy
from app.rules.rating.sanctions import State
from app.rules.rights import Act
from app.settings import DENSITY
from app.usecases.creators import FILTER_FIELDS, Question, SortKey, parse_filter
from app.values import CreditGrade, Sanction
from widgets.dialogs import jobs
from widgets.dialogs.credit_appeal import FileAppeal, Target
from widgets.dialogs.credit_decision import Decision
from widgets.dialogs.credit_event import AddEntry
from widgets.dialogs.credit_panel import CreditPanel, button_of
from widgets.dialogs.grade_chips import GradeChips
from widgets.dialogs.mates import Mates
from widgets.dialogs.notice import Notice
from widgets.dialogs.preview import Listing
from widgets.messages import plain
from widgets.page import Page, PageHeader
from widgets.tables import credit as columns
from widgets.tables.delegates import CellDelegate
from widgets.tables.filter_bar import FilterBar
from widgets.tables.filter_words import Language
from widgets.tables.model import TableModel
from widgets.tables.saved_views import SavedViews
from widgets.tables.view import TableView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PySide6.QtWidgets import QDialog, QMenu

    from app.events import Event
    from app.usecases.rating import AppealRow, CreditEntry, CreditRun, Proposed, SanctionRow, Settled, Waiting
    from widgets.page import Context

AT_ONCE: Final = 200
"""Decisions that are written in a thread; more go to a child process, which does not hold the window's interpreter."""
WAITING: Final = 2000
"""Proposed entries that are listed; the rest come up as these are decided."""

_WORST_FIRST: Final = (SortKey("credit_grade"),)
_TABS: Final = ("creators", "events", "sanctions", "appeals")
_CREATORS, _EVENTS, _SANCTIONS, _APPEALS = range(4)


@dataclass(frozen=True, slots=True)
class _Counts:
    """How many creators of each grade there are among those found, what waits, and whether one person has every name."""

    grades: Mapping[CreditGrade, int]
    waiting: Waiting
    alone: bool


class RatingPage(Page):
    """The brand's own record of conduct."""

    key: ClassVar[str] = "rating"
    title_key: ClassVar[str] = "page.rating"
    icon: ClassVar[str] = "credit"
    help_key: ClassVar[str] = "rating"

    def __init__(self, context: Context) -> None:
        """Lay the page out; nothing is read before it is shown."""
        super().__init__(context)
        self._labels = context.labels
        self._asked = False
        self._figures = ""
        self._counts: _Counts | None = None
        self._counted_for: tuple[str, str] | None = None
        self._counting = False
        self._serial = 0
        self._stale = {_EVENTS, _SANCTIONS, _APPEALS}
        self._reading: set[int] = set()
        self._unfilled: list[tuple[int, Callable[[QWidget], None]]] = [
            (_CREATORS, lambda _: self.panel.build()),
            (_EVENTS, self._fill_events),
            (_SANCTIONS, self._fill_sanctions),
            (_APPEALS, self._fill_appeals),
        ]
        self._build_actions()
        self._build_table()
        self._build_filter()
        self._build_panel()
        box = self.box()
        self.header = PageHeader(
            self._labels(self.title_key),
            [self.rate_action, self.add_action],
            primary=self.add_action,
            primary_icon=context.theme.icon("plus", "text_on_accent"),
            icon_size=context.theme.icon_size,
        )
        box.addWidget(self.header)
        self.notice = Notice(context.theme)
        noticed = QVBoxLayout()
        noticed.setContentsMargins(16, 0, 16, 0)
        noticed.addWidget(self.notice)
        box.addLayout(noticed)
        box.addWidget(self.splitter, 1)
        self._count_timer = QTimer(self, singleShot=True, interval=250)
        self._count_timer.timeout.connect(self._count)
        self._queue_timer = QTimer(self, singleShot=True, interval=150)
        self._queue_timer.timeout.connect(self._read_queue)
        self._fill_timer = QTimer(self, interval=0)
        self._fill_timer.timeout.connect(self._fill_next)
        self._fill_timer.start()

    # ------------------------------------------------------------ parts

    def _action(self, key: str, icon: str, run: Callable[[], object], keys: str = "", *, on: QWidget | None = None) -> QAction:
        """A command; its keys work where ``on`` or a part of it has the focus."""
        action = QAction(self.context.theme.icon(icon), self._labels(key), self)
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        (on or self).addAction(action)
        action.triggered.connect(lambda _=False: run())
        return action

    def _build_actions(self) -> None:
        self.add_action = self._action("credit.add", "plus", self.add_entry, "Ctrl+Shift+N")
        self.rate_action = self._action("credit.run", "refresh", self.rate)
        self.panel_action = self._action("panel.toggle", "panel", self.toggle_panel)
        self._places = tuple(QWidget() for _ in _TABS)
        on = self._places
        self.confirm_action = self._action("credit.confirm", "check", lambda: self.ask_events(confirm=True), "Ctrl+Return", on=on[_EVENTS])
        self.void_action = self._action("credit.void", "close", lambda: self.ask_events(confirm=False), "Ctrl+Backspace", on=on[_EVENTS])
        self.approve_action = self._action("sanction.approve", "check", lambda: self.ask_sanctions(approved=True), "Ctrl+Return", on=on[_SANCTIONS])
        self.reject_action = self._action("sanction.reject", "close", lambda: self.ask_sanctions(approved=False), "Ctrl+Backspace", on=on[_SANCTIONS])
        self.challenge_action = self._action("appeal.file", "comment", self.challenge_sanction, on=on[_SANCTIONS])
        self.uphold_action = self._action("appeal.uphold", "check", lambda: self.ask_appeal(upheld=True), "Ctrl+Return", on=on[_APPEALS])
        self.dismiss_action = self._action("appeal.dismiss", "close", lambda: self.ask_appeal(upheld=False), "Ctrl+Backspace", on=on[_APPEALS])
        self.file_action = self._action("appeal.file", "comment", lambda: self.file_appeal(None), on=on[_APPEALS])
        decisions = (self.confirm_action, self.void_action, self.approve_action, self.reject_action, self.uphold_action, self.dismiss_action)
        needs = {self.add_action: Act.PROPOSE, self.rate_action: Act.RATE, self.challenge_action: Act.PROPOSE, self.file_action: Act.PROPOSE}
        for action, act in {**needs, **dict.fromkeys(decisions, Act.DECIDE)}.items():
            action.setEnabled(self.context.may(act))
            if why := self.context.why(act):
                action.setToolTip(why)

    def _build_table(self) -> None:
        context = self.context
        self.source = columns.RatedRoster(context.services)
        self.model = TableModel(columns.CREATORS, context.labels, context.tasks, self.source)
        self.model.read_only = True
        self.delegate = CellDelegate(context.theme, _never, lambda error: context.messages.sentence(error).text)
        self.table = TableView(self.model, self.delegate, context.tasks, context.messages, key="rating")
        self.model.setParent(self.table)
        self.delegate.setParent(self.table)
        self.table.source = self.source
        self.table.setAccessibleName(self._labels("credit.tab.creators.name"))
        self.table.dress(context.settings.get(DENSITY))
        self.table.restore_looks()
        self.table.empty = self._empty
        self.table.retry = self.ask
        self.table.fill_menu = self._fill_menu
        self.table.opened.connect(lambda creator_id: self.open_creator(creator_id, toggle=True))
        self.table.doubleClicked.connect(lambda index: self._of_row(self.model.id_at(index.row())))
        self.table.escaped.connect(self._close_panel)
        self.table.totals.connect(context.totals)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._follow(self.table.current_id()))
        self.model.answered.connect(self._answered)

    def _build_filter(self) -> None:
        context, zone = self.context, self._labels.zone
        self._language = Language(FILTER_FIELDS, lambda text: parse_filter(text, zone))
        self.filter = FilterBar(context.labels, context.theme, context.messages, self._language, context.services.actor.name)
        self.filter.changed.connect(self.ask)
        self.filter.left.connect(self.table.setFocus)
        self.filter.editing.connect(self._load_facets)
        self.views = SavedViews(context.labels, context.theme, "rating", context.services.ref.address, self._give_view, self._take_view)
        self.filter.add_tool(self.views)
        Mates.of_bar(context, self.filter, self)
        self._facets_stale = True

    def _build_panel(self) -> None:
        theme = self.context.theme
        self.panel = CreditPanel(self.context)
        self.panel.closed.connect(self._close_panel)
        self.panel.settle_wanted.connect(self._settle_entries)
        self.panel.appeal_wanted.connect(self.file_appeal)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName(self._labels("page.rating"))
        self._fill_creators(self._places[_CREATORS])
        for place, name in zip(self._places, _TABS, strict=True):
            self.tabs.addTab(place, self._labels(f"credit.tab.{name}"))
        self.tabs.currentChanged.connect(self._tab_changed)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.tabs)
        self.splitter.addWidget(self.panel)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 1)  # a wide window gives room to both
        self.panel.setMinimumWidth(theme.px(340))
        kept = QSettings().value("rating/panel")
        self._panel_width = int(kept) if isinstance(kept, int | str) and str(kept).isdigit() else theme.px(420)
        self.splitter.setSizes([theme.px(780), self._panel_width])
        self.splitter.splitterMoved.connect(self._panel_resized)

    def _fill_creators(self, place: QWidget) -> None:
        box = QVBoxLayout(place)
        box.setContentsMargins(0, 8, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.filter)
        self._grades = GradeChips(self._labels)
        self._grades.picked.connect(self.pick)
        self.chips = self._grades.chips
        row = QHBoxLayout()
        row.setContentsMargins(16, 0, 16, 8)
        row.addWidget(self._grades, 1)
        row.addWidget(button_of(self.panel_action), 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(row)
        box.addWidget(self.table, 1)
        self._show_chips()

    def _fill_next(self) -> None:
        """Build the panel and the lists one a turn of the loop, so that the page is there at once."""
        if self._unfilled:
            at, fill = self._unfilled.pop(0)
            fill(self._places[at])
        if not self._unfilled:
            self._fill_timer.stop()
            self._enable()

    def _fill_all(self) -> None:
        while self._unfilled:
            self._fill_next()

    def _queue(self, place: QWidget, actions: Sequence[QAction], listing: Listing, hint: str) -> QToolButton:
        """A list that waits for decisions: what can be done above it, and whether decided ones are listed too."""
        box = QVBoxLayout(place)
        box.setContentsMargins(16, 8, 16, 10)
        box.setSpacing(6)
        row = QHBoxLayout()
        row.setSpacing(6)
        for action in actions:
            row.addWidget(button_of(action))
        row.addStretch(1)
        every = QToolButton()
        every.setProperty("role", "button")
        every.setCheckable(True)
        every.setText(self._labels("credit.decided_too"))
        every.setAccessibleName(self._labels("credit.decided_too"))
        every.toggled.connect(lambda _: self._read_again())
        row.addWidget(every)
        box.addLayout(row)
        box.addWidget(plain(self._labels(hint), role="muted", wrap=True))
        box.addWidget(listing.view, 1)
        view = listing.view
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.restore_looks()
        view.chosen.connect(self._enable)
        view.totals.connect(self.context.totals)
        view.escaped.connect(self._close_panel)
        view.opened.connect(lambda row_id: self._of_row(self._creator_of(listing, row_id)))
        view.selectionModel().currentRowChanged.connect(lambda *_: self._follow(self._creator_of(listing, view.current_id())))
        view.fill_menu = lambda menu: menu.addActions(list(actions))
        return every

    def _fill_events(self, place: QWidget) -> None:
        labels = self._labels
        self.events = Listing(
            self.context, columns.PROPOSED, labels("credit.tab.events"), key="credit.events", empty=labels("credit.events.empty"), stretch=False
        )
        self._queue(place, (self.confirm_action, self.void_action), self.events, "credit.events.hint").hide()

    def _fill_sanctions(self, place: QWidget) -> None:
        labels = self._labels
        self.sanctions = Listing(
            self.context, columns.SANCTIONS, labels("credit.tab.sanctions"), key="credit.sanctions", empty=labels("credit.sanctions.empty"), stretch=False
        )
        actions = (self.approve_action, self.reject_action, self.challenge_action)
        self.every_sanction = self._queue(place, actions, self.sanctions, "credit.sanctions.hint")

    def _fill_appeals(self, place: QWidget) -> None:
        labels = self._labels
        self.appeals = Listing(
            self.context, columns.APPEALS, labels("credit.tab.appeals"), key="credit.appeals", empty=labels("credit.appeals.empty"), stretch=False
        )
        self.every_appeal = self._queue(place, (self.uphold_action, self.dismiss_action, self.file_action), self.appeals, "credit.appeals.hint")

    # ------------------------------------------------------------ page

    def shown(self, argument: object = None) -> None:
        """Show a part (``events``, ``sanctions``, ``appeals``), a filter's text, a question, ("creator", id), or what was shown before."""
        if argument in _TABS:
            self._fill_all()
            self.tabs.setCurrentIndex(_TABS.index(str(argument)))
        elif isinstance(argument, Question):
            self._show(argument)
        elif isinstance(argument, str) and argument:
            self._show(Question(where=argument))
        if not self._asked:
            self.ask()
        if isinstance(argument, tuple) and len(argument) == 2 and argument[0] == "creator":  # noqa: PLR2004 (a pair)
            self.tabs.setCurrentIndex(_CREATORS)
            self.open_creator(int(argument[1]))
            self.table.go_to(int(argument[1]))
        self._focus()

    def _focus(self) -> None:
        at = self.tabs.currentIndex()
        (self.table if at == _CREATORS else self._listing(at).view).setFocus()

    def _listing(self, at: int) -> Listing:
        return {_EVENTS: self.events, _SANCTIONS: self.sanctions, _APPEALS: self.appeals}[at]

    def changed(self, event: Event) -> None:
        """Show what was saved and keep everybody's place."""
        if isinstance(event, CreatorsChanged | PoliciesChanged):
            self._facets_stale, self._counted_for = True, None
            self.model.refresh()
            self._stale = {_EVENTS, _SANCTIONS, _APPEALS}
            self._queue_timer.start()
            self._count_timer.start()
            if not event.ids or self.panel.creator_id in event.ids:
                self.panel.reload()

    def actions(self) -> list[QAction]:
        """Commands of the page."""
        return [
            self.add_action, self.rate_action, self.panel_action, self.confirm_action, self.void_action, self.approve_action, self.reject_action,
            self.challenge_action, self.uphold_action, self.dismiss_action, self.file_action,
        ]  # fmt: skip

    def summary(self) -> str:
        """The line of figures."""
        return self._figures

    def settled(self) -> bool:
        """Whether nothing is being loaded."""
        timers = self._count_timer.isActive() or self._queue_timer.isActive()
        queue = self.tabs.currentIndex() in self._stale or bool(self._reading)
        return self._asked and not self._unfilled and self.model.state != "loading" and not self._counting and not timers and not queue and self.panel.settled()

    def focus_filter(self) -> None:
        """Go to the search field."""
        self.tabs.setCurrentIndex(_CREATORS)
        self.filter.focus()

    # ------------------------------------------------------------ creators

    def _show(self, question: Question) -> None:
        try:
            self.filter.take(question.search, question.where)
        except UsageError as error:
            self.context.messages.show(error)
            return
        self.model.keys = question.sort or self.model.keys
        self.tabs.setCurrentIndex(_CREATORS)
        self.ask()

    def ask(self) -> None:
        """Ask for what the filter bar says."""
        self._asked = True
        self._show_chips()
        self.model.ask(Question(self.filter.search, self.filter.where, self.model.keys or _WORST_FIRST))

    def _answered(self) -> None:
        if self._counted_for != self._base():
            self._count_timer.start()
        current = self.table.current_id()
        if current is not None and self.panel.creator_id is None and self.tabs.currentIndex() == _CREATORS:
            self._follow(current)

    def _parts(self) -> tuple[list[filters.Node], list[filters.Node]]:
        """Parts of the filter that name grades, and the others."""
        nodes = filters.conjuncts(self._language.parse(self.filter.where))
        grades: list[filters.Node] = [one for one in nodes if isinstance(one, filters.Compare) and one.field == "credit_grade" and one.op in {"in", "="}]
        return grades, [one for one in nodes if one not in grades]

    def picked(self) -> set[CreditGrade]:
        """Grades that the filter names; none where it names none."""
        found: set[CreditGrade] = set()
        for node in self._parts()[0]:
            if isinstance(node, filters.Compare):
                found.update(CreditGrade(value) for value in node.values if value is not None)
        return found

    def pick(self, grade: CreditGrade | None) -> None:
        """Look at a grade too, or no longer; None: at all of them."""
        chosen = set() if grade is None else self.picked() ^ {grade}
        parts = [f"({self._language.text(others)})"] if (others := self._parts()[1]) else []
        if chosen:
            parts.append(f"credit_grade in ({', '.join(one.code for one in sorted(chosen, reverse=True))})")
        self.filter.take(self.filter.search, " and ".join(parts))
        self.ask()

    def _base(self) -> tuple[str, str]:
        """What is looked for besides grades."""
        return self.filter.search, self._language.text(self._parts()[1])

    def _count(self) -> None:
        """How many there are of each grade among those found, and what waits."""
        self._serial += 1
        serial, base, services = self._serial, self._base(), self.context.services
        self._counting = True

        def work() -> _Counts:
            search, where = base
            start = f"({where}) and " if where else ""
            grades = {grade: services.creators.count(Question(search, f"{start}credit_grade = {grade.code}")) for grade in CreditGrade}
            return _Counts(grades, services.rating.waiting(), services.rating.alone)

        def done(counts: _Counts | None) -> None:
            if serial == self._serial:
                self._counting = False
                self._counted_for = None if counts is None else base
                self._counts = counts or self._counts
                self._tell()

        self.context.tasks.run(self, work, done, lambda _: done(None), lane="read")

    def _tell(self) -> None:
        labels, counts = self._labels, self._counts
        parts = [labels("credit.own_record").rstrip("。.")]
        if counts is not None:
            total = sum(counts.grades.values())
            parts.append(labels("credit.figure.rated", n=labels.exact(total - counts.grades[CreditGrade.N]), total=labels.exact(total)))
            for at, many in ((_EVENTS, counts.waiting.events), (_SANCTIONS, counts.waiting.sanctions), (_APPEALS, counts.waiting.appeals)):
                title = labels(f"credit.tab.{_TABS[at]}")
                self.tabs.setTabText(at, f"{title}  {labels.exact(many)}" if many else title)
            waiting = counts.waiting.events + counts.waiting.sanctions + counts.waiting.appeals
            parts.append(labels("credit.figure.waiting", n=labels.exact(waiting)) if waiting else labels("credit.figure.nothing"))
        self._figures = labels("list.dot").join(parts)
        self.header.figures(self._figures)
        self._show_chips()

    def _show_chips(self) -> None:
        self._grades.tell(self.picked(), None if self._counts is None else self._counts.grades)

    def _load_facets(self) -> None:
        if self._facets_stale:
            self._facets_stale = False
            self.context.tasks.run(self, self.context.services.creators.facets, self.filter.set_facets, lambda _: None, lane="read")

    def _empty(self) -> tuple[str, list[QAction]]:
        """What to do about an empty table."""
        if self.filter.search or self.filter.where:
            clear = QAction(self._labels("creators.clear_filter"), self)
            clear.triggered.connect(self.clear_filter)
            return self._labels("creators.none_found"), [clear]
        bring = QAction(self._labels("creators.import"), self)
        bring.triggered.connect(lambda: self.context.act("file.import"))
        return self._labels("credit.none_yet"), [bring]

    def clear_filter(self) -> None:
        """Look at everybody."""
        self.filter.take("", "")
        self.ask()

    def _give_view(self) -> dict[str, Any]:
        return {
            "search": self.filter.search,
            "where": self.filter.where,
            "sort": [[key.field, key.descending] for key in self.model.keys],
            "looks": self.table.looks(),
        }

    def _take_view(self, view: dict[str, Any]) -> None:
        if isinstance(view.get("looks"), dict):
            self.table.take_looks(view["looks"])
        sort = tuple(SortKey(str(field), descending=bool(descending)) for field, descending in view.get("sort", ()))
        self._show(Question(str(view.get("search", "")), str(view.get("where", "")), sort or _WORST_FIRST))

    def _fill_menu(self, menu: QMenu) -> None:
        menu.addActions([self.panel_action, self.add_action])

    # ------------------------------------------------------------ panel

    def _follow(self, creator_id: int | None) -> None:
        """Show the creator that is pointed at, where the panel is open."""
        if creator_id is not None and self.panel.isVisibleTo(self) and creator_id != self.panel.creator_id:
            self.panel.show_creator(creator_id)

    def _of_row(self, creator_id: int | None) -> None:
        if creator_id is not None:
            self.open_creator(creator_id, toggle=True)

    def open_creator(self, creator_id: int, *, toggle: bool = False) -> None:
        """Show a creator at the right; with ``toggle`` the one that is shown already closes."""
        if toggle and self.panel.isVisible() and self.panel.creator_id == creator_id:
            self._close_panel()
            return
        self.panel.show_creator(creator_id)
        if not self.panel.isVisibleTo(self):
            self.panel.show()
            self.splitter.setSizes([max(1, self.splitter.width() - self._panel_width), self._panel_width])

    def toggle_panel(self) -> None:
        """Open the panel for the current row, or close it."""
        if self.panel.isVisible():
            self._close_panel()
            return
        current = self._current_creator()
        if current is not None:
            self.open_creator(current)

    def _current_creator(self) -> int | None:
        at = self.tabs.currentIndex()
        if at == _CREATORS:
            return self.table.current_id()
        listing = self._listing(at)
        return self._creator_of(listing, listing.view.current_id())

    @staticmethod
    def _creator_of(listing: Listing, row_id: int | None) -> int | None:
        held = None if row_id is None else listing.model.held([row_id])
        return held[0].creator_id if held else None

    def _close_panel(self) -> None:
        self.panel.hide()
        self._focus()

    def _panel_resized(self, *_: object) -> None:
        if self.panel.isVisible():
            self._panel_width = self.panel.width()
            QSettings().setValue("rating/panel", self._panel_width)

    # ------------------------------------------------------------ queues

    def _tab_changed(self, at: int) -> None:
        self._fill_all()
        if at in self._stale:
            self._queue_timer.start()
        else:
            self._follow(self._current_creator())
        focus = QApplication.focusWidget()
        if focus is not None and self._places[at].isAncestorOf(focus):  # it came along from the tab before
            self._focus()
        self._enable()

    def _read_again(self) -> None:
        self._stale.add(self.tabs.currentIndex())
        self._queue_timer.start()

    def _read_queue(self) -> None:
        """Read the list that is looked at; the others wait until they are."""
        at = self.tabs.currentIndex()
        if at not in self._stale or at in self._reading:
            return
        self._stale.discard(at)
        self._reading.add(at)
        rating, every_sanction, every_appeal = self.context.services.rating, self.every_sanction.isChecked(), self.every_appeal.isChecked()
        reads: dict[int, tuple[Listing, Callable[[], Sequence[Any]]]] = {
            _EVENTS: (self.events, lambda: rating.proposed(WAITING)),
            _SANCTIONS: (self.sanctions, lambda: rating.sanctions(open_only=not every_sanction)),
            _APPEALS: (self.appeals, lambda: rating.appeals(open_only=not every_appeal)),
        }
        listing, read = reads[at]

        def done(rows: Sequence[Any]) -> None:
            self._reading.discard(at)
            listing.show(rows)
            if rows and not listing.view.selected_count():  # the next one is at hand
                listing.view.selectRow(max(0, listing.view.currentIndex().row()))
            self._enable()
            if at in self._stale:
                self._queue_timer.start()

        def failed(error: ProductError) -> None:
            self._reading.discard(at)
            self.notice.fail(self.context.messages, error, [(self._labels("today.again"), self._try_again)])

        self.context.tasks.run(self, read, done, failed, lane="read")

    def _try_again(self) -> None:
        self.notice.silence()
        self._read_again()

    @staticmethod
    def _chosen(listing: Listing) -> list[Any]:
        return listing.model.held(listing.view.selected_ids().tolist()) or []

    def _enable(self) -> None:
        if self._unfilled:
            return
        decides, files, at = self.context.may(Act.DECIDE), self.context.may(Act.PROPOSE), self.tabs.currentIndex()
        events = decides and at == _EVENTS and self.events.view.selected_count() > 0
        self.confirm_action.setEnabled(events)
        self.void_action.setEnabled(events)
        cases = self._chosen(self.sanctions) if at == _SANCTIONS else []
        waiting = decides and any(one.state is State.PROPOSED for one in cases)
        self.approve_action.setEnabled(waiting)
        self.reject_action.setEnabled(waiting)
        self.challenge_action.setEnabled(files and len(cases) == 1 and cases[0].state is State.RUNNING)
        appeals = self._chosen(self.appeals) if decides and at == _APPEALS else []
        decidable = len(appeals) == 1 and appeals[0].upheld is None
        self.uphold_action.setEnabled(decidable)
        self.dismiss_action.setEnabled(decidable)
        self.file_action.setEnabled(files and self.panel.challengeable)

    # ------------------------------------------------------------ entries

    def add_entry(self) -> None:
        """Open the form of an entry for the creator that is shown or pointed at."""
        creator_id, services = self.panel.creator_id or self._current_creator(), self.context.services
        if creator_id is None:
            self.notice.say("info", self._labels("credit.add.whom"))
            return

        def read() -> tuple[str, CreditPolicy]:
            return services.creators.rows([creator_id])[0].name, CreditPolicy.parse(services.rating.policy("credit").body)

        def done(found: tuple[str, CreditPolicy]) -> None:
            dialog = AddEntry(self.context, creator_id, *found, self)
            dialog.added.connect(partial(self._added, found[0]))
            _open(dialog)

        self.context.tasks.run(self, read, done, lane="read")

    def _added(self, name: str, entry: CreditEntry) -> None:
        said = self._labels("credit.added", name=name, type=self._labels.words.event_type(entry.type))
        self._toast(said, [(self._labels("credit.to_queue"), lambda: self.tabs.setCurrentIndex(_EVENTS))])

    def ask_events(self, *, confirm: bool) -> None:
        """Ask for the reason, then confirm or void the chosen entries."""
        rows: list[Proposed] = self._chosen(self.events)
        self._ask_entries([(one.id, one.name, one.type, one.happened_at) for one in rows], confirm=confirm)

    def _settle_entries(self, entries: Sequence[CreditEntry], confirm: bool) -> None:  # noqa: FBT001 (a signal's)
        name = self.panel.shown.name if self.panel.shown is not None else ""
        self._ask_entries([(one.id, name, one.type, one.happened_at) for one in entries], confirm=confirm)

    def _ask_entries(self, entries: Sequence[tuple[int, str, str, int]], *, confirm: bool) -> None:
        if not entries:
            return
        labels, word = self._labels, "confirm" if confirm else "void"
        said = [labels.plural(f"credit.{word}.said", len(entries))]
        if len(entries) == 1:
            _, name, kind, at = entries[0]
            said = [labels("credit.one", name=name, type=labels.words.event_type(kind), day=labels.day(at)), *said]
        said += [labels("credit.alone")] if self._counts is not None and self._counts.alone else []
        ids = [one[0] for one in entries]
        dialog = Decision(self.context, labels(f"credit.{word}"), said, labels.plural(f"credit.{word}.do", len(ids)), parent=self)
        dialog.given.connect(lambda reason: self._run(jobs.settle_events, (ids, confirm, reason), f"credit.{word}", f"credit.{word}ed.done"))
        _open(dialog)

    # ------------------------------------------------------------ sanctions

    def ask_sanctions(self, *, approved: bool) -> None:
        """Ask for the reason, then decide the chosen cases."""
        rows: list[SanctionRow] = [one for one in self._chosen(self.sanctions) if one.state is State.PROPOSED]
        if not rows:
            return
        labels, ids = self._labels, [one.id for one in rows]
        hardest = max(one.level for one in rows)
        if len(rows) == 1:
            said = [labels("sanction.one", name=rows[0].name, level=labels.rank(rows[0].level), points=rows[0].points)]
        else:
            many = Counter(one.level for one in rows)
            parts = [f"{labels.rank(level)} {labels.exact(many[level])}" for level in sorted(many, reverse=True)]
            said = [labels.plural("sanction.many", len(rows), levels=labels("list.separator").join(parts))]
        said.append(labels(f"sanction.means.{hardest.code}") if approved else labels("sanction.means.rejected"))
        said += [labels("credit.alone")] if self._counts is not None and self._counts.alone else []
        if not approved:
            verb = labels("sanction.reject")
        elif len(rows) == 1:
            verb = labels("sanction.approve.level", level=labels.rank(hardest))
        else:
            verb = labels.plural("sanction.approve.many", len(rows))
        word = "approve" if approved else "reject"
        dialog = Decision(self.context, labels(f"sanction.{word}"), said, verb, hard=approved and hardest >= Sanction.SUSPENDED, parent=self)
        dialog.given.connect(lambda reason: self._run(jobs.settle_sanctions, (ids, approved, reason), f"sanction.{word}", f"sanction.{word}.done"))
        _open(dialog)

    def challenge_sanction(self) -> None:
        """File an appeal against the chosen sanction."""
        rows: list[SanctionRow] = self._chosen(self.sanctions)
        if rows:
            words = f"{self._labels('appeal.of_sanction', id=rows[0].id)}  {self._labels.rank(rows[0].level)}"
            self._file(rows[0].name, [Target(words, sanction_id=rows[0].id)], 0)

    # ------------------------------------------------------------ appeals

    def file_appeal(self, target: Target | None) -> None:
        """File an appeal of the creator that is shown, against the entry named or one of all."""
        targets, shown = self.panel.targets(), self.panel.shown
        if shown is not None and targets:
            at = next((place for place, one in enumerate(targets) if target is not None and one.event_id == target.event_id), 0)
            self._file(shown.name, targets, at)

    def _file(self, name: str, targets: Sequence[Target], at: int) -> None:
        dialog = FileAppeal(self.context, name, targets, at, self)
        ways = [(self._labels("credit.to_appeals"), lambda: self.tabs.setCurrentIndex(_APPEALS))]
        dialog.filed.connect(lambda filed: self._toast(self._labels("appeal.filed.done", name=filed.name), ways))
        _open(dialog)

    def ask_appeal(self, *, upheld: bool) -> None:
        """Ask for the answer, then decide the chosen appeal."""
        rows: list[AppealRow] = self._chosen(self.appeals)
        if not rows:
            return
        labels, one, rating = self._labels, rows[0], self.context.services.rating
        word = "uphold" if upheld else "dismiss"
        means = "dismiss" if not upheld else "event" if one.event_id is not None else "sanction"
        said = [labels("appeal.one", name=one.name, reason=one.reason), labels(f"appeal.means.{means}")]
        said += [labels("credit.alone")] if self._counts is not None and self._counts.alone else []
        dialog = Decision(self.context, labels(f"appeal.{word}"), said, labels(f"appeal.{word}"), parent=self)

        def decide(reason: str) -> None:
            self.context.tasks.run(
                self, lambda: rating.decide_appeal(one.id, upheld=upheld, reason=reason, own=rating.alone), self._answered_appeal, self._failed, lane="write"
            )

        dialog.given.connect(decide)
        _open(dialog)

    def _answered_appeal(self, row: AppealRow) -> None:
        labels, followed = self._labels, row.followed
        said = labels(f"appeal.done.{'upheld' if row.upheld else 'rejected'}", name=row.name)
        if followed is not None:
            said += labels(
                "appeal.followed", before=followed.score_before, after=followed.score_after, grade_before=followed.grade_before.code,
                grade_after=followed.grade_after.code,
            )  # fmt: skip
        self._toast(said)

    # ------------------------------------------------------------ writing

    def rate(self) -> None:
        """Rate everybody, in a child process."""
        self.context.tasks.run_child(self, jobs.rate, (), self._rated, self._failed, title=self._labels("credit.run"))

    def _rated(self, ran: CreditRun) -> None:
        labels = self._labels
        said = labels("credit.ran", rated=labels.exact(ran.rated), version=ran.policy_version)
        if ran.confirmed or ran.opened:
            said += labels("credit.ran.more", confirmed=labels.exact(ran.confirmed), opened=labels.exact(ran.opened))
        self.context.messages.toast(said, kind="ok")

    def _run(self, job: Callable[..., Settled], order: tuple[Any, ...], title: str, done_key: str) -> None:
        """Decide many in the background; what was done is told with its undo, what was left with its reason."""
        services, title = self.context.services, self._labels(title)
        done = partial(self._settled, done_key)
        if len(order[0]) <= AT_ONCE:
            self.context.tasks.run_job(self, lambda task: job(services, task, *order), done, self._failed, lane="write", title=title)
        else:
            self.context.tasks.run_child(self, job, order, done, self._failed, title=title)

    def _settled(self, key: str, settled: Settled) -> None:
        labels = self._labels
        self.notice.silence()
        if settled.left and settled.why is not None:
            told = self.context.messages.sentence(settled.why)
            self.notice.say("warning", labels.plural("credit.not_done", settled.left), self._with_way_out(settled.why, told.text))
        undo, said = self.context.services.workspace.undo, labels.plural(key, settled.done, count=labels.exact(settled.done))

        def take_back() -> None:
            self.context.tasks.run_job(
                self, lambda job: undo(settled.operation_id, job), lambda _: self._toast(labels("creators.undone", what=said)), lane="write"
            )

        self._toast(said, [(labels("creators.undo"), take_back)])

    def _failed(self, error: ProductError) -> None:
        close = [(self._labels("action.close"), self.notice.silence)]
        if error.code == "own_case":
            told = self.context.messages.sentence(error)
            self.notice.say("warning", told.title, self._with_way_out(error, told.text), close)
        else:
            self.notice.fail(self.context.messages, error, close)

    def _with_way_out(self, error: ProductError, text: str) -> str:
        """One's own case is for another person: how that one gets here."""
        return f"{text}\n{self._labels('credit.another')}" if error.code == "own_case" else text

    def _toast(self, said: str, ways: Sequence[tuple[str, Callable[[], None]]] = ()) -> None:
        self.context.messages.toast(said, kind="ok", action=ways[0] if ways else None)


def _open(dialog: QDialog) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()


def _never(_field: str, _text: str) -> None:
    """Nothing is edited here."""
