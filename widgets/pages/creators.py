# SPDX-License-Identifier: Apache-2.0
"""The roster: found, filtered, sorted, edited in place and in bulk; one creator in depth at the right."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QSizePolicy, QSplitter, QToolButton, QWidget

from app.errors import UsageError
from app.events import CreatorsChanged, PoliciesChanged, ReturnsChanged
from app.rules import cells
from app.rules.fields import CREATOR_FIELDS
from app.rules.rights import Act
from app.settings import DENSITY
from app.usecases.creators import FILTER_FIELDS, Question, SortKey, parse_filter, seen
from app.values import Stage, Tier, local
from widgets.dialogs.bulk import BulkDialog
from widgets.dialogs.comparison import Saving
from widgets.dialogs.creator import CreatorDialog
from widgets.dialogs.creator_panel import CreatorPanel
from widgets.dialogs.mates import Mates
from widgets.dialogs.notice import Elided
from widgets.page import Page, PageHeader
from widgets.tables import jobs
from widgets.tables.delegates import CellDelegate
from widgets.tables.filter_bar import FilterBar
from widgets.tables.filter_words import Language, stored
from widgets.tables.intervals import Returned
from widgets.tables.model import TableModel
from widgets.tables.roster import COLUMNS
from widgets.tables.saved_views import SavedViews
from widgets.tables.view import TableView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.errors import ProductError
    from app.events import Event
    from app.usecases.creators import CreatorDetail, RosterRow
    from app.usecases.workspace import Foreign
    from widgets.page import Context
    from widgets.tables.columns import Column

AT_ONCE: Final = 1_000
"""Creators that one change handles in a thread; more go to a child process, which does not hold the window's interpreter."""

_NOTICED: Final = 100
"""Creators from which on a change shows that it is under way."""

EXPORTED: Final = 20_000
"""Creators of a selection that one export names one by one."""

_BY_SIZE: Final = (SortKey("followers", descending=True),)
_SHOWN_FIGURES: Final = tuple(reversed(Tier))


_OF_RETURNS: Final = frozenset({"interval", "p25", "roas"})
_AHEAD: Final = 40
"""Rows below those in sight whose returns are read along."""


def _columns(source: Returned) -> tuple[Column, ...]:
    """Those of the roster, what creators brought back after their value grade."""
    at = next(place for place, one in enumerate(COLUMNS) if one.key == "value_grade") + 1
    return (*COLUMNS[:at], *source.columns(), *COLUMNS[at:])


class CreatorsPage(Page):
    """The creators of the workspace."""

    key: ClassVar[str] = "creators"
    title_key: ClassVar[str] = "page.creators"
    icon: ClassVar[str] = "creators"
    help_key: ClassVar[str] = "creators"

    def __init__(self, context: Context) -> None:
        """Lay the page out; nothing is read before it is shown."""
        super().__init__(context)
        self._labels = context.labels
        self._asked = False
        self._pending: int | None = None
        self._figures, self._found = "", -1
        self._counting, self._counts_serial, self._reading = False, 0, False
        self._counted_for: tuple[str, str] | None = None
        self._facets: Mapping[str, Sequence[str]] = {}
        self._facets_stale = True
        self._build_actions()
        self._build_table()
        self._build_filter()
        self._build_panel()
        box = self.box()
        self.header = PageHeader(
            self._labels("page.creators"),
            [self.add_action, self.import_action],
            primary=self.import_action,
            primary_icon=self.context.theme.icon("import", "text_on_accent"),
            icon_size=context.theme.icon_size,
        )
        box.addWidget(self.header)
        box.addWidget(self.filter)
        box.addWidget(self._build_bar())
        box.addWidget(self.splitter, 1)
        self._count_timer = QTimer(self, singleShot=True, interval=350)
        self._count_timer.timeout.connect(self._count)
        context.tasks.lost.connect(self._reached)
        context.tasks.found.connect(self._reached)
        context.tasks.others.connect(self._others)
        self._selection_changed()

    # ------------------------------------------------------------ parts

    def _action(self, key: str, icon: str, run: Callable[[], object], shortcut: str = "") -> QAction:
        action = QAction(self.context.theme.icon(icon), self._labels(key), self)
        action.triggered.connect(lambda _: run())
        if shortcut:
            action.setShortcut(shortcut)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self.addAction(action)
        return action

    def _build_actions(self) -> None:
        self.import_action = self._action("creators.import", "import", lambda: self.context.act("file.import"))
        self.add_action = self._action("creators.add", "plus", self.add_creator)
        self.field_action = self._action("bulk.field", "edit", lambda: self.ask_bulk("field"))
        self.tags_action = self._action("bulk.tags", "tag", lambda: self.ask_bulk("tags"))
        self.stage_action = self._action("bulk.stage", "stage", lambda: self.ask_bulk("stage"))
        self.owner_action = self._action("bulk.owner", "owner", lambda: self.ask_bulk("owner"))
        self.export_selection_action = self._action("creators.export_selection", "export", lambda: self.ask_export(selection=True))
        self.export_action = self._action("creators.export", "export", lambda: self.ask_export(selection=False))
        self.copy_action = self._action("table.copy", "copy", self.copy)
        self.panel_action = self._action("panel.toggle", "panel", self.toggle_panel)
        self._writing = (self.import_action, self.add_action, self.field_action, self.tags_action, self.stage_action, self.owner_action)
        self._of_selection = (self.field_action, self.tags_action, self.stage_action, self.owner_action, self.export_selection_action, self.copy_action)
        if why := self.context.why(Act.EDIT):
            for action in self._writing:
                action.setEnabled(False)
                action.setToolTip(why)

    def _build_table(self) -> None:
        context = self.context
        self.source = Returned(context.services)
        self.model = TableModel(_columns(self.source), context.labels, context.tasks, self.source)
        self.model.read_only = not context.may(Act.EDIT)
        self.delegate = CellDelegate(context.theme, self._check, lambda error: context.messages.sentence(error).text)
        self.table = TableView(self.model, self.delegate, context.tasks, context.messages, key="creators")
        self.model.setParent(self.table)
        self.delegate.setParent(self.table)
        self.table.source = self.source
        self.table.setAccessibleName(self._labels("page.creators"))
        self.table.dress(context.settings.get(DENSITY))
        self.table.restore_looks()
        self.table.empty = self._empty
        self.table.retry = self.ask
        self.table.fill_menu = self._fill_menu
        self.table.opened.connect(self._open)
        self.table.doubleClicked.connect(self._double_clicked)
        self.table.clicked.connect(self._clicked)
        self.table.chosen.connect(self._selection_changed)
        self.table.totals.connect(context.totals)
        self.table.pasted.connect(self._paste)
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.source.wanted = self._shows_returns
        self.model.answered.connect(self._answered)
        self._returns_timer = QTimer(self, singleShot=True, interval=120)
        self._returns_timer.timeout.connect(self._load_returns)
        self.table.horizontalHeader().sectionResized.connect(lambda _, before, after: self._returns_timer.start() if not before and after else None)
        self.model.edited.connect(self.edit_cell)

    def _build_filter(self) -> None:
        context = self.context
        zone = context.labels.zone
        self.filter = FilterBar(
            context.labels,
            context.theme,
            context.messages,
            Language(FILTER_FIELDS, lambda text: parse_filter(text, zone)),
            context.services.actor.name,
        )
        self.filter.changed.connect(self.ask)
        self.filter.left.connect(self.table.setFocus)
        self.filter.editing.connect(self._load_facets)
        self.views = SavedViews(context.labels, context.theme, "creators", context.services.ref.address, self._give_view, self._take_view)
        self.filter.add_tool(self.views)
        Mates.of_bar(context, self.filter, self)

    def _build_panel(self) -> None:
        self.panel = CreatorPanel(self.context)
        self.panel.hide()
        self.panel.closed.connect(self._close_panel)
        self.table.escaped.connect(self._close_panel)
        self.panel.edit_wanted.connect(self.edit_creator)
        self.panel.operated.connect(lambda operation_id, said: self._done(said, operation_id))
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(self.panel)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.panel.setMinimumWidth(self.context.theme.px(300))
        width = QSettings().value("creators/panel")
        self._panel_width = int(width) if isinstance(width, int | str) and str(width).isdigit() else self.context.theme.px(380)
        self.splitter.splitterMoved.connect(self._panel_resized)

    def _build_bar(self) -> QWidget:
        """What can be done with the selection."""
        bar = QWidget()
        row = QHBoxLayout(bar)
        row.setContentsMargins(16, 0, 16, 6)
        row.setSpacing(6)
        self.selected = Elided("", "muted")
        self.selected.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.selected.setMinimumWidth(self.context.theme.px(24))  # the buttons beside it need their words first
        for action in (self.field_action, self.tags_action, self.stage_action, self.owner_action):
            row.addWidget(self._button(action))
        self.export_button = QPushButton(self.context.theme.icon("export"), self._labels("creators.export_menu"))
        menu = QMenu(self.export_button)
        menu.addActions([self.export_selection_action, self.export_action])
        self.export_button.setMenu(menu)
        row.addWidget(self.export_button)
        row.addWidget(self._button(self.copy_action))
        row.addWidget(self.selected, 1)
        self.columns_button = QToolButton()
        self.columns_button.setIcon(self.context.theme.icon("columns"))
        self.columns_button.setToolTip(self._labels("table.columns"))
        self.columns_button.setAccessibleName(self._labels("table.columns"))
        self.columns_button.clicked.connect(self.choose_columns)
        row.addWidget(self.columns_button)
        row.addWidget(self._button(self.panel_action))
        return bar

    def choose_columns(self) -> None:
        """Open the menu of columns."""
        menu = self.table.header_menu(-1)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.columns_button.mapToGlobal(self.columns_button.rect().bottomLeft()))

    def _button(self, action: QAction) -> QPushButton:
        button = QPushButton(action.icon(), action.text())
        button.clicked.connect(action.trigger)

        def follow() -> None:
            button.setEnabled(action.isEnabled())
            button.setToolTip(action.toolTip() if action.toolTip() != action.text() else "")

        action.changed.connect(follow)
        follow()
        return button

    # ------------------------------------------------------------ page

    def shown(self, argument: object = None) -> None:
        """Show what was asked for: a filter's text, a question, ("creator", id), or what was shown before."""
        if isinstance(argument, str) and argument:
            self._show(Question(where=argument, sort=self.model.keys or _BY_SIZE))
        elif isinstance(argument, Question):
            self._show(argument if argument.sort else replace(argument, sort=_BY_SIZE))
        elif not self._asked:
            self.ask()
        if isinstance(argument, tuple) and len(argument) == 2 and argument[0] == "creator":  # noqa: PLR2004 (a pair)
            self._open(int(argument[1]), toggle=False)
            if not self.table.go_to(int(argument[1])):
                self._pending = int(argument[1])
        self.table.setFocus()

    def _show(self, question: Question) -> None:
        try:
            self.filter.take(question.search, question.where)
        except UsageError as error:
            self.context.messages.show(error)
            return
        self.model.keys = question.sort
        self.ask()

    def ask(self) -> None:
        """Ask for what the filter bar says."""
        self._asked = True
        self.model.ask(Question(self.filter.search, self.filter.where, self.model.keys or _BY_SIZE))

    @property
    def question(self) -> Question:
        """What is asked."""
        question: Question = self.model.question or Question(sort=_BY_SIZE)
        return question

    def changed(self, event: Event) -> None:
        """Show what was saved and keep everybody's place."""
        if isinstance(event, ReturnsChanged | PoliciesChanged):
            self.source.forget()
            self._returns_timer.start()
        if isinstance(event, CreatorsChanged):
            self._facets_stale, self._counted_for = True, None
            self.model.refresh()
            if self.panel.isVisible() and (not event.ids or self.panel.creator_id in event.ids):
                self.panel.reload()

    def _reached(self) -> None:
        """While a team's database is gone no editor opens; one that is open keeps what was typed."""
        self.model.read_only = not self.context.may(Act.EDIT) or self.context.tasks.lost_since is not None

    def _others(self, done: Sequence[Foreign]) -> None:
        """Mark the open creator quietly where somebody else just changed it."""
        for one in done:
            if self.panel.isVisible() and self.panel.creator_id in one.ids:
                self.panel.mark_change(one)

    def actions(self) -> list[QAction]:
        """Commands of the page."""
        return [
            self.add_action,
            self.panel_action,
            self.field_action,
            self.tags_action,
            self.stage_action,
            self.owner_action,
            self.copy_action,
            self.export_selection_action,
            self.export_action,
        ]

    def summary(self) -> str:
        """The line of figures."""
        return self._figures

    def settled(self) -> bool:
        """Whether nothing is being loaded."""
        return (
            self._asked
            and self.model.state != "loading"
            and not (self._counting or self._reading or self._count_timer.isActive() or self._returns_timer.isActive())
        )

    def focus_filter(self) -> None:
        """Go to the search field."""
        self.filter.focus()

    # ------------------------------------------------------------ returns beside the rows

    def _shows_returns(self) -> bool:
        return any(not self.table.isColumnHidden(at) for at, column in enumerate(self.model.columns) if column.key in _OF_RETURNS)

    def _load_returns(self) -> None:
        """Read the returns of the rows in sight that came without them; rows that are scrolled to bring their own."""
        first, last = self.model.visible()
        ids = self.source.lacks(self.model.ids[max(0, first) : last + _AHEAD].tolist()) if self._shows_returns() else []
        if not ids:
            return
        self._reading = True

        def done(_: object) -> None:
            self._reading = False
            self.table.viewport().update()

        self.context.tasks.run(self, lambda: self.source.load(ids), done, done, lane="read")

    # ------------------------------------------------------------ figures and facets

    def _answered(self) -> None:
        self._returns_timer.start()
        if self._pending is not None:
            self.table.go_to(self._pending)
            self._pending = None
        if self.model.rowCount() != self._found:  # else the line stays as it is until it is counted anew
            self._tell_figures(None)
        if self._counted_for != (self.question.search, self.question.where):  # another order has the same figures
            self._count_timer.start()

    def _count(self) -> None:
        """How many there are in all, and how many of each tier among those found."""
        self._counts_serial += 1
        serial, question, creators = self._counts_serial, self.question, self.context.services.creators
        self._counting = True

        def work() -> tuple[int, dict[Tier, int]]:
            where = f"({question.where}) and " if question.where else ""
            return creators.count(Question()), {tier: creators.count(Question(question.search, f"{where}tier = {tier.code}")) for tier in Tier}

        def done(counts: tuple[int, dict[Tier, int]] | None) -> None:
            if serial == self._counts_serial:
                self._counting = False
                self._counted_for = None if counts is None else (question.search, question.where)
                self._tell_figures(counts)

        self.context.tasks.run(self, work, done, lambda _: done(None), lane="read")

    def _tell_figures(self, counts: tuple[int, dict[Tier, int]] | None) -> None:
        labels, found = self._labels, self.model.rowCount()
        self._found = found
        if counts is None:
            self._figures = labels.plural("creators.found", found, count=labels.exact(found))
        else:
            total, tiers = counts
            said = labels.plural("creators.total", total, count=labels.exact(total))
            if found != total:
                said = labels("creators.found_of", found=labels.exact(found), total=labels.exact(total))
            parts = [f"{labels.rank(tier)} {labels.exact(tiers[tier])}" for tier in _SHOWN_FIGURES if tiers[tier]]
            self._figures = " · ".join([said, *parts])
        self.header.figures(self._figures)

    def _load_facets(self) -> None:
        if self._facets_stale:
            self._facets_stale = False
            self.context.tasks.run(self, self.context.services.creators.facets, self._faceted, lambda _: None, lane="read")

    def _faceted(self, facets: Mapping[str, Sequence[str]]) -> None:
        self._facets = facets
        self.filter.set_facets(facets)

    def _empty(self) -> tuple[str, list[QAction]]:
        """What to do about an empty table."""
        if self.filter.search or self.filter.where:
            clear = QAction(self._labels("creators.clear_filter"), self)
            clear.triggered.connect(self.clear_filter)
            return self._labels("creators.none_found"), [clear]
        return self._labels("creators.none_yet"), [self.import_action, self.add_action]

    def clear_filter(self) -> None:
        """Look at everybody."""
        self.filter.take("", "")
        self.ask()

    # ------------------------------------------------------------ views

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
        self._show(Question(str(view.get("search", "")), str(view.get("where", "")), sort or _BY_SIZE))

    # ------------------------------------------------------------ panel

    def _open(self, creator_id: int, *, toggle: bool = True) -> None:
        """Show a creator at the right; the one that is shown already closes."""
        if toggle and self.panel.isVisible() and self.panel.creator_id == creator_id:
            self._close_panel()
            return
        self.panel.show_creator(creator_id)
        if not self.panel.isVisible():
            self.panel.show()
            width = min(self._panel_width, max(self.panel.minimumWidth(), self.splitter.width() // 2))
            self.splitter.setSizes([max(1, self.splitter.width() - width), width])
            index = self.table.currentIndex()
            if index.isValid():
                QTimer.singleShot(0, self.table, lambda: self.table.scrollTo(self.table.currentIndex()))

    def toggle_panel(self) -> None:
        """Open the panel for the current row, or close it."""
        current = self.table.current_id()
        if self.panel.isVisible():
            self._close_panel()
        elif current is not None:
            self._open(current)

    def _close_panel(self) -> None:
        self.panel.hide()
        self.table.setFocus()

    def _panel_resized(self, *_: object) -> None:
        if self.panel.isVisible():
            self._panel_width = self.panel.width()
            QSettings().setValue("creators/panel", self._panel_width)

    def _current_changed(self, *_: object) -> None:
        current = self.table.current_id()
        if self.panel.isVisible() and current is not None and current != self.panel.creator_id:
            self.panel.show_creator(current)

    def _clicked(self, index: Any) -> None:  # noqa: ANN401 (a QModelIndex)
        """A click on a tier asks why."""
        row_id = self.model.id_at(index.row())
        if self.model.columns[index.column()].key == "tier" and row_id is not None and len(self.table.spans()) == 1:
            self._open(row_id, toggle=False)

    def _double_clicked(self, index: Any) -> None:  # noqa: ANN401
        row_id = self.model.id_at(index.row())
        if not self.model.columns[index.column()].edit and row_id is not None:
            self._open(row_id, toggle=False)

    # ------------------------------------------------------------ one creator

    def add_creator(self) -> None:
        """Open the form for a new creator."""
        dialog = CreatorDialog(self.context, None, self)
        dialog.saved.connect(self._added)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _added(self, creator_id: int, _operation_id: int) -> None:
        self.context.messages.toast(
            self._labels("creators.added"), kind="ok", action=(self._labels("creators.show"), lambda: self.shown(("creator", creator_id)))
        )

    def edit_creator(self, detail: CreatorDetail) -> None:
        """Open the form of a creator."""
        dialog = CreatorDialog(self.context, detail, self)
        name = detail.row.name
        dialog.saved.connect(lambda _, operation_id: self._done(self._labels("creators.edited_one", name=name), operation_id))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _check(self, field: str, text: str) -> None:
        """UsageError for a text that a cell cannot take."""
        if not text.strip() and field in {"name", "stage"}:
            raise UsageError("value_missing", field=field)
        cells.typed(CREATOR_FIELDS[field], stored(CREATOR_FIELDS[field], text), self._labels.zone)

    def edit_cell(self, row: RosterRow, field: str, text: str) -> None:
        """Save what was typed into a cell."""
        said = self._labels("creators.edited_cell", name=row.name, field=self._labels.field(field))
        typed, saw = {field: stored(CREATOR_FIELDS[field], text)}, seen(row)

        def again() -> None:
            saving.save(typed, saw)

        def back() -> None:
            self.context.messages.toast(self._labels("creators.theirs_kept"), action=(self._labels("together.repeat"), again))

        saving = Saving(self.context, (row.id, row.name), self, partial(self._done, said), partial(self._refused, again), back)
        again()

    def _refused(self, again: Callable[[], None], error: ProductError) -> None:
        """Tell why something was not saved; what was typed is a click away."""
        if error.code in {"way_lost", "database_unreachable"}:
            text = self.context.messages.sentence(error).text
            self.context.messages.toast(text, kind="error", action=(self._labels("together.repeat"), again))
        else:
            self.context.messages.show(error)

    # ------------------------------------------------------------ many creators

    def _selection_changed(self) -> None:
        count = self.table.selected_count()
        for action in self._of_selection:
            action.setEnabled(count > 0 and (self.context.may(Act.EDIT) or action not in self._writing))
        labels = self._labels
        said = labels.plural("creators.selected", count, count=labels.exact(count)) if count else labels("creators.select_hint")
        self.selected.setText(said)
        self.selected.setToolTip(said)

    def _fill_menu(self, menu: QMenu) -> None:
        menu.addAction(self.panel_action)
        menu.addActions([self.field_action, self.tags_action, self.stage_action, self.owner_action])
        menu.addSeparator()
        menu.addActions([self.export_selection_action, self.export_action])

    def ask_bulk(self, kind: str) -> BulkDialog:
        """Ask for a change of the selected creators."""
        self._load_facets()
        ids = self.table.selected_ids().tolist()
        dialog = BulkDialog(self.context, kind, len(ids), self._facets, self)
        since: list[int] = []
        operations = self.context.services.workspace.operations
        self.context.tasks.run(dialog, lambda: operations(limit=1), lambda last: since.append(last[0].id if last else 0), lambda _: None)
        dialog.wanted.connect(lambda kind, values, reason: self.change(ids, "field" if kind == "owner" else kind, values, reason, "", *since))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
        return dialog

    def change(self, ids: Sequence[int], kind: str, values: Any, reason: str, said: str, since: int | None = None) -> None:  # noqa: ANN401 (by kind)
        """Change creators in the background; what was done is told with its undo.

        ``since`` is the last operation that was there when the change was thought of: what others changed after it is theirs.
        """
        labels, services = self._labels, self.context.services
        work, order = self._order(kind, ids, values, reason or None, since)

        def done(edited: Any) -> None:  # noqa: ANN401 (an operation, or the answer to an edit)
            left = getattr(edited, "left", ())
            count = len(ids) - len(left)
            words = said or labels.plural(f"creators.done.{kind}", count, count=labels.exact(count))
            if count:
                self._done(words, getattr(edited, "operation_id", edited))
            if left:
                self._tell_left(left)

        def again() -> None:
            self.change(ids, kind, values, reason, said, since)

        if len(ids) <= AT_ONCE:
            title = labels(f"bulk.{kind}") if len(ids) > _NOTICED else ""
            self.context.tasks.run_job(self, lambda job: work(services, job, *order), done, partial(self._refused, again), lane="write", title=title)
        else:
            self.context.tasks.run_child(self, work, order, done, partial(self._refused, again), title=labels(f"bulk.{kind}"))

    def _tell_left(self, left: Sequence[int]) -> None:
        """Say who stayed as others had changed them meanwhile."""
        among = Question(where=f"id in ({', '.join(map(str, left[:EXPORTED]))})")
        self.context.messages.toast(
            self._labels.plural("creators.left", len(left)), kind="warning", action=(self._labels("creators.left.show"), lambda: self.shown(among))
        )

    @staticmethod
    def _order(kind: str, ids: Sequence[int], values: Any, reason: str | None, since: int | None) -> tuple[Callable[..., Any], tuple[object, ...]]:  # noqa: ANN401
        if kind == "tags":
            return jobs.tag, (list(ids), *values)
        if kind == "stage":
            return jobs.move, (list(ids), int(Stage(values)), reason)
        if since is None:
            return jobs.edit, (list(ids), values, reason)
        return jobs.edit_since, (list(ids), values, since, reason)

    def _done(self, said: str, operation_id: int) -> None:
        """Tell what was done, and offer to take it back."""
        if not operation_id:
            self.context.messages.toast(self._labels("creators.nothing_changed"))
            return
        self.context.messages.toast(said, kind="ok", action=(self._labels("creators.undo"), lambda: self.undo(operation_id, said)))

    def undo(self, operation_id: int, said: str) -> None:
        """Take an operation back."""
        workspace = self.context.services.workspace
        self.context.tasks.run_job(
            self,
            lambda job: workspace.undo(operation_id, job),
            lambda _: self.context.messages.toast(self._labels("creators.undone", what=said), kind="ok"),
            lane="write",
        )

    # ------------------------------------------------------------ files and clipboard

    def ask_export(self, *, selection: bool) -> None:
        """Ask for a file and write the selection or the whole answer there."""
        labels = self._labels
        name = f"{labels('creators.export_name')} {local(time.time_ns() // 1000, labels.zone):%Y-%m-%d}.xlsx"
        chosen, _ = QFileDialog.getSaveFileName(self, labels("creators.export"), name, labels("creators.export_kinds"))
        if chosen:
            self.export(Path(chosen), selection=selection)

    def export(self, path: Path, *, selection: bool) -> None:
        """Write the selection or the whole answer as a file, in a child process."""
        labels, question, count = self._labels, self.question, self.table.selected_count()
        if selection and count < self.model.rowCount():
            if count > EXPORTED:
                self.context.messages.toast(labels("creators.export_too_many", most=labels.exact(EXPORTED)), kind="warning")
                return
            ids = ", ".join(map(str, self.table.selected_ids().tolist()))
            question = Question(where=f"id in ({ids})", sort=question.sort)
        self.context.tasks.run_child(
            self,
            jobs.export,
            (question, (), path),
            lambda rows: self.context.messages.toast(self._exported(rows, path), kind="ok"),
            title=labels("creators.exporting", file=path.name),
        )

    def _exported(self, rows: int, path: Path) -> str:
        """How many rows a file has, and what the role left out of it."""
        labels, held = self._labels, self.context.services.creators.withheld
        said = labels.plural("creators.exported", rows, count=labels.exact(rows), file=path.name)
        names = labels("list.separator").join(labels(f"field.{name}") for name in held)
        return f"{said} {labels('export.withheld', fields=names)}" if held else said

    def copy(self) -> None:
        """Copy the selection."""
        self.table.copy()

    def _paste(self, text: str) -> None:
        if not self.context.may(Act.EDIT):
            return
        from widgets.dialogs.paste import PastePreview  # noqa: PLC0415 (loads with the first paste)

        dialog = PastePreview(self.context, text, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
