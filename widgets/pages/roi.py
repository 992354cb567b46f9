# SPDX-License-Identifier: Apache-2.0
"""ROI: the operator's word and the interval of every creator, pictures of the whole, and the orders behind each figure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import documents
from app.errors import UsageError
from app.events import CreatorsChanged, PoliciesChanged, ReturnsChanged
from app.rules.rating.value import Word
from app.settings import DENSITY
from app.usecases.creators import FILTER_FIELDS, parse_filter
from app.usecases.roi import DIMENSIONS, Asked, Leading, ReturnReport
from widgets.charts.canvas import Picture
from widgets.dialogs import roi_pictures as pictures
from widgets.dialogs.mates import Mates
from widgets.dialogs.notice import Elided, Notice
from widgets.dialogs.preview import Listing
from widgets.dialogs.roi_controls import RoiControls
from widgets.dialogs.roi_panel import LISTED, RoiPanel, Subject
from widgets.messages import plain
from widgets.page import Context, Page, PageHeader
from widgets.tables import returns
from widgets.tables.delegates import CellDelegate
from widgets.tables.filter_bar import FilterBar
from widgets.tables.filter_words import Language
from widgets.tables.model import FIRST, TableModel
from widgets.tables.ranking import BEST, Ranked, Wanted
from widgets.tables.view import TableView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from app.errors import ProductError
    from app.events import Event
    from app.jobs import Job
    from app.rules.report import Figures
    from app.usecases.roi import Funnel, Outcome, ReturnRow
    from widgets.tasks import Task

    Ids = npt.NDArray[np.int64]

_PERIODS: Final = ("all", "month", "30", "90", "365", "custom")
_VIEWS: Final = ("forest", "scatter", "funnel", "trend")
_GROUPS: Final = 500
"""Rows of a group that are shown at first; ``more`` doubles them."""
_STANDS: Final = 1_000
"""Creators in the scatter at most: those on whom most was spent."""
_LISTED: Final = 80
"""Creators that a forest could show at most."""
_SLOW_MS: Final = 300
_MOST_TARGET: Final = 1_000


class RoiPage(Page):
    """What every creator, group and month brought back."""

    key: ClassVar[str] = "roi"
    title_key: ClassVar[str] = "page.roi"
    icon: ClassVar[str] = "roi"
    help_key: ClassVar[str] = "roi"

    def __init__(self, context: Context) -> None:
        """Lay the page out; nothing is read before it is shown."""
        super().__init__(context)
        self._labels = context.labels
        self._scale = returns.Scale()
        self._source = Ranked(context.services)
        self._figures = ""
        self._started = False
        self._loading: Task | None = None
        self._serial = self._drawn = 0
        self._drawing = 0
        self._top = _GROUPS
        self._report: ReturnReport | None = None
        self._pending: int | None = None
        self._months: list[str] = []
        self._groups: Listing | None = None
        self._panel: RoiPanel | None = None
        self._month = ""
        self._due: set[str] = set(_VIEWS)
        self._facets_stale = True
        self._build_actions()
        self._header = PageHeader(self._labels(self.title_key), [])
        self._slow = QTimer(self, singleShot=True, interval=_SLOW_MS)
        box = self.box()
        box.addWidget(self._header)
        self.controls = RoiControls(self._labels, context.theme)
        self.controls.changed.connect(self._changed_question)
        self.controls.worded.connect(self._question_of_table)
        box.addWidget(self.controls)
        self._notice = Notice(context.theme)
        noticed = QVBoxLayout()
        noticed.setContentsMargins(16, 0, 16, 0)
        noticed.addWidget(self._notice)
        box.addLayout(noticed)
        box.addWidget(self._running())
        box.addWidget(self._filter_bar())
        self._build_tables()
        box.addWidget(self._bar())
        box.addWidget(self._body(), 1)
        self.setFocusProxy(self.table)

    # ------------------------------------------------------------ build

    def _build_actions(self) -> None:
        theme, labels = self.context.theme, self._labels

        def action(key: str, icon: str, run: Callable[[], object], keys: str = "") -> QAction:
            made = QAction(theme.icon(icon), labels(key), self)
            if keys:
                made.setShortcut(QKeySequence(keys))
                made.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                self.addAction(made)
            made.triggered.connect(lambda _=False: run())
            return made

        self._panel_action = action("roi.panel.toggle", "panel", self.toggle_panel)
        self._orders_action = action("roi.show_orders", "file", self.show_orders, "Ctrl+Return")
        self._creator_action = action("roi.to_creator", "creators", self.go_to_creator, "Ctrl+Shift+Return")
        self._more_action = action("roi.more", "down", self.more)

    def _running(self) -> QWidget:
        labels = self._labels
        self._strip = QWidget()
        row = QHBoxLayout(self._strip)
        row.setContentsMargins(16, 0, 16, 6)
        bar = QProgressBar()
        bar.setTextVisible(False)
        bar.setRange(0, 0)
        bar.setAccessibleName(labels("roi.computing"))
        self._progress = bar
        stop = QPushButton(labels("action.cancel"))
        stop.clicked.connect(self.cancel)
        row.addWidget(plain(labels("roi.computing"), role="muted"))
        row.addWidget(bar, 1)
        row.addWidget(stop)
        self._strip.hide()
        self._slow.timeout.connect(self._strip.show)
        self.context.tasks.progressed.connect(self._progressed)
        return self._strip

    def _filter_bar(self) -> QWidget:
        context, zone = self.context, self._labels.zone
        language = Language(FILTER_FIELDS, lambda text: parse_filter(text, zone))
        self.filter = FilterBar(context.labels, context.theme, context.messages, language, context.services.actor.name)
        self.filter.changed.connect(self._question_of_table)
        self.filter.left.connect(self._back_to_table)
        self.filter.editing.connect(self._load_facets)
        Mates.of_bar(context, self.filter, self)
        return self.filter

    def _build_tables(self) -> None:
        context = self.context
        self.model = TableModel(returns.outcome_columns(self._scale), context.labels, context.tasks, self._source)
        self.model.read_only = True
        delegate = CellDelegate(context.theme, lambda *_: None, lambda error: context.messages.sentence(error).text)
        self.table = TableView(self.model, delegate, context.tasks, context.messages, key="roi")
        self.model.setParent(self.table)
        delegate.setParent(self.table)
        self.table.source = self._source
        self.table.setAccessibleName(self._labels("roi.table"))
        self.table.dress(context.settings.get(DENSITY))
        self.table.take_looks({**self.table.looks(), "frozen": 2})
        self.table.restore_looks()
        self.table.empty = self._empty
        self.table.retry = self.ask
        self.table.fill_menu = self._fill_menu
        self.table.opened.connect(self._open)
        self.table.escaped.connect(self._close_panel)
        self.table.doubleClicked.connect(lambda _: self._open(self.table.current_id() or 0, toggle=False))
        self.table.totals.connect(context.totals)
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.model.answered.connect(self._answered)
        self._tables = QStackedWidget()
        self._tables.addWidget(self.table)

    @property
    def groups(self) -> Listing:
        """The table of all dimensions but creators; built when it is first asked for."""
        if self._groups is None:
            columns = returns.group_columns(self._scale)
            self._groups = Listing(self.context, columns, self._labels("roi.table"), key="roi.groups", empty=self._labels("roi.none_yet"))
            view = self._groups.view
            view.opened.connect(self._open)
            view.escaped.connect(self._close_panel)
            view.doubleClicked.connect(lambda _: self._open(view.current_id() or 0, toggle=False))
            view.totals.connect(self.context.totals)
            view.fill_menu = self._fill_menu
            view.selectionModel().currentRowChanged.connect(self._current_changed)
            self._tables.addWidget(view)
        return self._groups

    @property
    def panel(self) -> RoiPanel:
        """The detail panel; built when it is first asked for."""
        if self._panel is None:
            self._panel = RoiPanel(self.context)
            self._panel.hide()
            self._panel.closed.connect(self._close_panel)
            self._panel.creator_wanted.connect(lambda one: self.context.go("creators", ("creator", one)))
            self._panel.group_wanted.connect(self._show_group)
            self._panel.setMinimumWidth(self.context.theme.px(320))
            self.splitter.addWidget(self._panel)
            self.splitter.setStretchFactor(0, 1)
            self.splitter.setStretchFactor(1, 0)
        return self._panel

    @property
    def panel_open(self) -> bool:
        """Whether the panel is shown."""
        return self._panel is not None and self._panel.isVisible()

    def _bar(self) -> QWidget:
        labels, theme = self._labels, self.context.theme
        bar = QWidget()
        row = QHBoxLayout(bar)
        row.setContentsMargins(16, 0, 16, 6)
        row.setSpacing(6)
        self._shown = Elided("", "muted")
        row.addWidget(self._shown, 1)
        self._more_button = self._button(self._more_action)
        self._more_button.hide()
        row.addWidget(self._more_button)
        row.addWidget(self._button(self._orders_action))
        row.addWidget(self._button(self._creator_action))
        columns = QToolButton()
        columns.setIcon(theme.icon("columns"))
        columns.setToolTip(labels("table.columns"))
        columns.setAccessibleName(labels("table.columns"))
        columns.clicked.connect(lambda: self._choose_columns(columns))
        row.addWidget(columns)
        row.addWidget(self._button(self._panel_action))
        return bar

    def _button(self, action: QAction) -> QPushButton:
        made = QPushButton(action.icon(), action.text())
        made.clicked.connect(action.trigger)
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        made.setToolTip(f"{action.text()}  {keys}".strip())
        action.changed.connect(lambda: made.setEnabled(action.isEnabled()))
        return made

    def _choose_columns(self, button: QToolButton) -> None:
        menu = self.view.header_menu(-1)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(button.mapToGlobal(button.rect().bottomLeft()))

    def _body(self) -> QWidget:
        context, labels = self.context, self._labels
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        self._tabs.setAccessibleName(labels("roi.views"))
        self.pictures = {name: Picture(context, labels(f"roi.view.{name}"), least=(280, 120)) for name in _VIEWS}
        for name in _VIEWS:
            self._tabs.addTab(self.pictures[name], labels(f"roi.view.{name}"))
            self.pictures[name].chosen.connect(lambda key, name=name: self._pointed(name, key))
        self._tabs.currentChanged.connect(lambda _: self._draw())
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(16, 0, 16, 8)
        column.addWidget(self._tabs)
        work = QSplitter(Qt.Orientation.Vertical)
        work.setChildrenCollapsible(False)
        work.addWidget(self._tables)
        work.addWidget(below)
        work.setStretchFactor(0, 1)
        work.setStretchFactor(1, 1)
        work.setSizes([290, 330])
        width = QSettings().value("roi/panel")
        self._panel_width = int(width) if isinstance(width, int | str) and str(width).isdigit() else context.theme.px(400)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(work)
        self.splitter.splitterMoved.connect(self._panel_resized)
        return self.splitter

    # ------------------------------------------------------------ page

    @property
    def view(self) -> TableView:
        """The table that is shown."""
        return self.table if self.is_ranking else self.groups.view

    @property
    def is_ranking(self) -> bool:
        """Whether creators are shown."""
        return self.controls.asked.by == "creator"

    def shown(self, argument: object = None) -> None:
        """Show a dimension, or ("creator", id) with its panel."""
        if isinstance(argument, str) and argument in DIMENSIONS:
            self.controls.show_dimension(argument)
            self._changed_question()
        elif isinstance(argument, tuple) and len(argument) == 2 and argument[0] == "creator":  # noqa: PLR2004 (a pair)
            self._pending = int(argument[1])
            self.controls.show_dimension("creator")
            self.filter.take("", "")
            self._changed_question()
        elif not self._started:
            self.ask()

    def changed(self, event: Event) -> None:
        """Show what was saved and keep everybody's place."""
        if isinstance(event, CreatorsChanged | ReturnsChanged | PoliciesChanged) and self._started:
            self._facets_stale = True
            self.ask(again=True)

    def actions(self) -> list[QAction]:
        """Commands of the page."""
        return [self._panel_action, self._orders_action, self._creator_action]

    def summary(self) -> str:
        """The line of figures."""
        return self._figures

    def settled(self) -> bool:
        """Whether everything that is in sight is there."""
        if not self._started or self._loading is not None or self._drawing or not (self._panel is None or self._panel.settled()):
            return False
        waiting = self.is_ranking and self.model.state == "loading"
        return not waiting and self.pictures[self._view].settled()

    def focus_filter(self) -> None:
        """Go to the search field."""
        if self.is_ranking:
            self.filter.focus()

    # ------------------------------------------------------------ what is asked

    def _changed_question(self) -> None:
        self._top = _GROUPS
        self.ask()

    def more(self) -> None:
        """Show more rows of a group."""
        self._top *= 2
        self.ask(again=True)

    def ask(self, *, again: bool = False) -> None:
        """Ask what the controls say; ``again`` keeps everybody's place."""
        self._started = True
        self.cancel()
        self._serial += 1
        serial, asked, services = self._serial, self.controls.asked, self.context.services  # its roi loads in the thread
        self._notice.silence()
        self.filter.setVisible(self.is_ranking)
        self.controls.offer_words(offered=self.is_ranking)
        self._slow.start()
        self._progress.setRange(0, 0)
        if self.is_ranking:
            work: Callable[[Job], Leading | ReturnReport] = lambda job: services.roi.leading(asked, FIRST, job)  # noqa: E731 (one of two)
        else:
            top = self._top
            work = lambda job: services.roi.report(replace(asked, top=top), job)  # noqa: E731

        def done(found: Leading | ReturnReport) -> None:
            if serial == self._serial:
                self._ended()
                self._arrived(asked, found, again=again)

        def failed(error: ProductError) -> None:
            if serial == self._serial:
                self._ended()
                self._notice.fail(self.context.messages, error, [(self._labels("today.again"), self.ask)])

        self._loading = self.context.tasks.run_job(self, work, done, failed)

    def cancel(self) -> None:
        """Stop what is being computed; what is shown stays."""
        if self._loading is not None:
            self._loading.cancel()
            self._serial += 1
            self._ended()

    def _ended(self) -> None:
        self._loading = None
        self._slow.stop()
        self._strip.hide()

    def _progressed(self, task: Task) -> None:
        if task is self._loading and task.total:
            self._progress.setRange(0, 1000)
            self._progress.setValue(min(1000, task.done * 1000 // task.total))

    def _arrived(self, asked: Asked, found: Leading | ReturnReport, *, again: bool) -> None:
        rows = found.rows
        highest = max((row.figures.p90 for row in rows if row.figures.p90 is not None), default=0.0)
        self._scale.fit(highest, found.margin, asked.target)
        self._tell_figures(found)
        self._due = set(_VIEWS)
        self._orders_action.setEnabled(bool(rows) and asked.by in LISTED)
        self._creator_action.setEnabled(bool(rows) and self.is_ranking)
        if isinstance(found, Leading):
            self._report = None
            self._tables.setCurrentWidget(self.table)
            self.setFocusProxy(self.table)
            self._source.asked, self._source.leading = asked, found
            self._more_button.hide()
            self._show_columns(self.table, {"above_target"} if asked.target is None else set())
            self._question_of_table(again=again)
            return
        self._report = found
        self._tables.setCurrentWidget(self.groups.view)
        self.setFocusProxy(self.groups.view)
        self.groups.show(returns.grouped(found.by, found.rows, self._labels))
        hidden = set() if found.by == "account" else set(returns.RANKED)
        self._show_columns(self.groups.view, hidden | ({"above_target"} if asked.target is None else set()))
        self._more_button.setVisible(len(found.rows) < found.found)
        self._shown.setText(self._of(len(found.rows), found.found))
        if rows and not self.groups.view.currentIndex().isValid():
            self.groups.view.setCurrentIndex(self.groups.model.index(0, 0))
        wanted, self._month = self._month, ""
        for row in self.groups.rows if wanted else ():
            if row.key == wanted:
                self.groups.view.go_to(row.id)
                self._open(row.id, toggle=False)
        self._refresh_panel()
        self._draw()

    def _show_columns(self, view: TableView, hidden: set[str]) -> None:
        """Columns that this question has nothing to say in are not there; nobody's own choice is touched."""
        model = self.model if view is self.table else self.groups.model
        asks = {"above_target"} if view is self.table else returns.RANKED
        for at, column in enumerate(model.columns):
            if column.key in asks:
                view.setColumnHidden(at, column.key in hidden)
                if column.key not in hidden and not view.columnWidth(at):
                    view.setColumnWidth(at, self.context.theme.px(column.width))

    def _question_of_table(self, *, again: bool = False) -> None:
        """Ask the table of creators what filter and word leave."""
        if not self.is_ranking or self._source.leading is None:
            return
        wanted = Wanted(self._source.asked, self.filter.search, self.filter.where, self.controls.chosen_word, self.model.keys or BEST)
        if again and self.model.question == wanted:
            self.model.refresh()
        else:
            self.model.ask(wanted)

    def _answered(self) -> None:
        labels, source = self._labels, self._source
        found = source.leading.found if source.leading is not None else 0
        said = [self._of(self.model.rowCount(), found)]
        said += [f"{returns.word_said(word, labels)} {labels.exact(source.counts.get(word, 0))}" for word in reversed(Word) if source.counts]
        self._shown.setText(labels("list.dot").join(said))
        self._due = set(_VIEWS)
        if self._pending is not None:
            self.table.go_to(self._pending)
            self._open(self._pending, toggle=False)
            self._pending = None
        self._refresh_panel()
        self._draw()

    def _of(self, shown: int, found: int) -> str:
        labels = self._labels
        return (
            labels("roi.shown_of", shown=labels.exact(shown), found=labels.exact(found))
            if shown < found
            else labels("roi.shown_all", found=labels.exact(found))
        )

    def _tell_figures(self, found: Leading | ReturnReport) -> None:
        labels, total = self._labels, found.total
        parts = [
            labels("roi.figure.net", net=returns.amount(total.net_fen, labels)),
            labels("roi.figure.landed", landed=returns.amount(total.landed_fen, labels)),
            labels("roi.figure.roas", roas=returns.roas(total, labels)),
            labels("roi.figure.unattributed", fen=returns.amount(found.unattributed_fen, labels)),
            labels("roi.figure.margin", margin=labels.percent(found.margin)),
        ]
        abroad = [labels("roi.figure.left_out.one", currency=one.currency, n=labels.exact(one.sales + one.costs)) for one in found.left_out]
        parts += [labels("roi.figure.left_out", currencies=labels("list.separator").join(abroad))] if abroad else []
        self._figures = labels("list.dot").join(parts)
        self._header.figures(self._figures)
        self._header.setToolTip(documents.left_out(found.left_out, labels.words))

    def _empty(self) -> tuple[str, list[QAction]]:
        labels = self._labels
        wanted: Wanted | None = self.model.question
        if wanted is not None and (wanted.cut or wanted.word is not None):
            clear = QAction(labels("creators.clear_filter"), self)
            clear.triggered.connect(lambda _=False: self.clear_filter())
            return labels("roi.none_found"), [clear]
        return labels("roi.none_yet"), []

    def clear_filter(self) -> None:
        """Show everybody of the period."""
        self.controls.every_word()
        self.filter.take("", "")
        self._question_of_table()

    def _back_to_table(self) -> None:
        self.view.setFocus()

    def _load_facets(self) -> None:
        if self._facets_stale:
            self._facets_stale = False
            self.context.tasks.run(self, self.context.services.creators.facets, self.filter.set_facets, lambda _: None)

    # ------------------------------------------------------------ panel

    def _subject(self, row_id: int) -> Subject | None:
        asked, report = self._source.asked if self.is_ranking else self.controls.asked, self._report
        if self.is_ranking:
            held = self.model.held([row_id])
            if held is None or self._source.leading is None:
                return None
            one: Outcome = held[0]
            return Subject("creator", one.id, one.person.name, one.figures, asked.span, asked.model, self._source.leading.margin, asked.target, one)
        group = self.groups.model.held([row_id])
        if group is None or report is None:
            return None
        line: returns.Grouped = group[0]
        return Subject(report.by, line.key, line.label, line.figures, asked.span, asked.model, report.margin, asked.target)

    def _open(self, row_id: int, *, toggle: bool = True) -> None:
        """Show a row at the right; the one that is shown already closes."""
        subject = self._subject(row_id)
        if subject is None:
            return
        shown = self.panel.subject
        if toggle and self.panel_open and shown is not None and (shown.by, shown.key) == (subject.by, subject.key):
            self._close_panel()
            return
        if not self.panel_open:
            self.panel.show()
            width = min(self._panel_width, max(self.panel.minimumWidth(), self.splitter.width() // 2))
            self.splitter.setSizes([max(1, self.splitter.width() - width), width])
        self.panel.show_subject(subject)

    def toggle_panel(self) -> None:
        """Open the panel for the current row, or close it."""
        current = self.view.current_id()
        if self.panel_open:
            self._close_panel()
        elif current is not None:
            self._open(current)

    def show_orders(self) -> None:
        """List the orders behind the current row."""
        current = self.view.current_id()
        if current is not None:
            self._open(current, toggle=False)
            self.panel.show_orders()

    def go_to_creator(self) -> None:
        """Show the creator of the current row among the creators."""
        current = self.table.current_id()
        if self.is_ranking and current is not None:
            self.context.go("creators", ("creator", current))

    def _close_panel(self) -> None:
        if self._panel is not None:
            self._panel.hide()
        self.view.setFocus()

    def _panel_resized(self, *_: object) -> None:
        if self.panel_open:
            self._panel_width = self.panel.width()
            QSettings().setValue("roi/panel", self._panel_width)

    def _current_changed(self, *_: object) -> None:
        if self.panel_open:
            self._refresh_panel()

    def _refresh_panel(self) -> None:
        current = self.view.current_id()
        if not self.panel_open or current is None:
            return
        subject = self._subject(current)
        if subject is not None and subject != self.panel.subject:
            self.panel.show_subject(subject)

    def _show_group(self, subject: Subject) -> None:
        """Show the creators of a group, or those of a month."""
        if subject.by == "month":
            self.controls.show_month(str(subject.key))
        else:
            word = str(subject.key).replace("\\", "\\\\").replace('"', '\\"')
            try:
                self.filter.take("", f'{subject.by} = "{word}"')
            except UsageError as error:
                self.context.messages.show(error)
                return
        self.controls.show_dimension("creator")
        self._close_panel()
        self._changed_question()

    def _fill_menu(self, menu: QMenu) -> None:
        menu.addAction(self._panel_action)
        menu.addAction(self._orders_action)
        if self.is_ranking:
            menu.addAction(self._creator_action)

    # ------------------------------------------------------------ pictures

    @property
    def _view(self) -> str:
        return _VIEWS[self._tabs.currentIndex()]

    def _draw(self) -> None:
        """Draw what is in sight, unless it is drawn already."""
        name = self._view
        if name not in self._due or self._loading is not None or not self._started:
            return
        self._due.discard(name)
        {"forest": self._draw_forest, "scatter": self._draw_scatter, "funnel": self._draw_funnel, "trend": self._draw_trend}[name]()

    def _read(self, work: Callable[[Job], object], show: Callable[[object], None], name: str) -> None:
        """Read what a picture shows; the last one asked for counts."""
        self._drawn += 1
        self._drawing += 1
        serial = self._serial

        def done(found: object) -> None:
            self._drawing -= 1
            if serial == self._serial:
                show(found)

        def failed(error: ProductError) -> None:
            self._drawing -= 1
            self.pictures[name].show_nothing(self.context.messages.sentence(error).text)

        self.context.tasks.run_job(self, work, done, failed)

    def _few(self, most: int, *, by_cost: bool) -> Callable[[Job], object]:
        """Work that brings some creators of the answer: the first, or those who cost most."""
        source, wanted, services = self._source, self.model.question, self.context.services
        ids = self.model.ids.copy()

        def work(job: Job) -> object:
            job.check()
            chosen = ids
            if by_cost and len(ids) > most:
                look = services.roi.outlook(wanted.asked, job)
                places = look.places(ids)
                landed = look.ranking.sums.fixed[places] + look.ranking.sums.variable[places]
                chosen = look.ranking.sums.key[places[np.argsort(-landed, kind="stable")]]
            return source.rows(chosen[:most].tolist())

        return work

    def _draw_forest(self) -> None:
        picture, labels, lines = self.pictures["forest"], self._labels, pictures.lines(self._scale, self._labels)
        if self.is_ranking:
            best = self.model.keys in {(), BEST}

            def show(found: object) -> None:
                rows: Sequence[Outcome] = found  # type: ignore[assignment]
                items = [(one.id, one.person.name, one.figures) for one in rows]
                self._show_forest(items, lines, best=best)

            self._read(self._few(_LISTED, by_cost=False), show, "forest")
        elif self._report is not None and self._report.by == "account":
            self._show_forest([(row.id, row.label, row.figures) for row in self.groups.rows[:_LISTED]], lines, best=True)
        else:
            picture.show_nothing(labels("roi.sentence.group"))

    def _show_forest(self, items: Sequence[tuple[int, str, Figures]], lines: Sequence[pictures.Line], *, best: bool) -> None:
        labels = self._labels
        known = [one for one in items if one[2].p10 is not None]
        if known:
            self.pictures["forest"].show_figure(pictures.forest(known, lines, labels, best=best))
        else:
            self.pictures["forest"].show_nothing(labels("roi.forest.none"))

    def _draw_scatter(self) -> None:
        labels, lines = self._labels, pictures.lines(self._scale, self._labels)

        def shown(items: Sequence[tuple[int, str, Figures, Word | None]], found: int) -> None:
            paid = [one for one in items if one[2].landed_fen > 0]
            if paid:
                self.pictures["scatter"].show_figure(pictures.scatter(paid, lines, labels, found))
            else:
                self.pictures["scatter"].show_nothing(labels("roi.scatter.none"))

        if not self.is_ranking:
            shown([(row.id, row.label, row.figures, None) for row in self.groups.rows], len(self.groups.rows))
            return
        count = self.model.rowCount()

        def show(found: object) -> None:
            rows: Sequence[Outcome] = found  # type: ignore[assignment]
            shown([(one.id, one.person.name, one.figures, one.word) for one in rows], count)

        self._read(self._few(_STANDS, by_cost=True), show, "scatter")

    def _draw_funnel(self) -> None:
        source, wanted, services, labels, span = self._source, self.model.question, self.context.services, self._labels, self.controls.span
        cut = self.is_ranking and wanted is not None and wanted.cut

        def work(job: Job) -> object:
            return services.roi.funnel(span, source.only(wanted) if cut else None, job)

        def show(found: object) -> None:
            funnel: Funnel = found  # type: ignore[assignment]
            if any(step.total is not None for step in funnel.steps):
                self.pictures["funnel"].show_figure(pictures.funnel(funnel, labels))
            else:
                self.pictures["funnel"].show_nothing(labels("roi.funnel.none"))

        self._read(work, show, "funnel")

    def _draw_trend(self) -> None:
        services, labels, asked, wanted = self.context.services, self._labels, replace(self.controls.asked, target=None), self.model.question
        cut = self.is_ranking and wanted is not None and (wanted.cut or wanted.word is not None)
        only = self.model.ids.copy() if cut else None

        def show(found: object) -> None:
            rows: Sequence[ReturnRow] = found  # type: ignore[assignment]
            self._months = [str(row.key) for row in rows]
            if rows:
                self.pictures["trend"].show_figure(pictures.trend(rows, labels))
            else:
                self.pictures["trend"].show_nothing(labels("roi.trend.none"))

        self._read(lambda job: services.roi.trend(asked, only, job), show, "trend")

    def _pointed(self, name: str, key: object) -> None:
        """Lead on from a place in a picture: to a row's depth, or to the months."""
        if name in {"forest", "scatter"} and isinstance(key, int):
            self.view.go_to(key)
            self._open(key, toggle=False)
        elif name == "trend" and isinstance(key, int | float):
            self._month = self._months[int(key)]
            self.controls.show_dimension("month")
            self._changed_question()
