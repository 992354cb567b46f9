# SPDX-License-Identifier: Apache-2.0
"""Today: what waits for a person and by when, what changed meanwhile, the figures that matter; every row leads to where it is dealt with."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtGui import QAction, QHideEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from app.rules.rights import Act
from app.settings import DENSITY
from app.usecases.creators import Question
from app.usecases.today import Whose
from app.values import day_end, local
from widgets.dialogs.mates import Mates
from widgets.dialogs.today_side import Side
from widgets.messages import plain
from widgets.page import Context, Page, PageHeader
from widgets.tables.cards import Card
from widgets.tables.changes import ChangeList
from widgets.tables.scope import Scope
from widgets.tables.worklist import Lines, Target, WorkList, line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.errors import ProductError
    from app.events import Event
    from app.usecases.today import Change, Recent, Standing, Task

_SIDE: Final = 352
_NARROW: Final = 900
"""Width below which work list and figures stand above each other."""
_ANY: Final = (1 << 24) - 1
_LOOKED: Final = "today/looked"
_WHOSE: Final = "today/whose"
_WHOSE_NAMES: Final = tuple(one.value for one in Whose)


@dataclass(frozen=True, slots=True)
class Listed:
    """The work list as read, and whose it is."""

    whose: Whose
    tasks: Sequence[Task]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page shows beside the list, read together."""

    standing: Standing
    changes: Sequence[Change]
    recent: Recent | None


class TodayPage(Page):
    """The work list and what changed at the left, figures at the right."""

    key: ClassVar[str] = "today"
    title_key: ClassVar[str] = "page.today"
    icon: ClassVar[str] = "today"
    help_key: ClassVar[str] = "today"

    def __init__(self, context: Context) -> None:
        """Lay out and ask for everything."""
        super().__init__(context)
        labels, theme = context.labels, context.theme
        self._loading, self._again, self._computing, self._searching, self._search_serial = 0, False, False, False, 0
        self._listed: Listed | None = None
        self._seen: Seen | None = None
        self._figures = ""
        self._place = f"{context.services.ref.address}|{context.services.actor.name}"
        self._looked = self._kept_number(_LOOKED)
        self._whose = self._kept_whose()
        self._import = QAction(theme.icon("import"), labels("today.empty.import"), self)
        self._import.setEnabled(context.may(Act.EDIT))
        self._import.setToolTip(context.why(Act.EDIT) or self._import.text())
        self._import.triggered.connect(lambda: context.act("file.import"))
        self._header = PageHeader(
            labels("page.today"), [self._import], primary=self._import, icon_size=theme.icon_size, primary_icon=theme.icon("import", "text_on_accent")
        )
        column = self.box()
        column.addWidget(self._header)
        self._stack = QStackedWidget(self)
        column.addWidget(self._stack, 1)
        self._stack.addWidget(self._waiting())
        self._stack.addWidget(self._body())
        self._stack.addWidget(self._beginning())
        self._midnight = QTimer(self, singleShot=True)
        self._midnight.timeout.connect(self._next_day)
        self._next_day()

    # ------------------------------------------------------------ page

    def changed(self, event: Event) -> None:
        """Everything follows what was saved."""
        del event
        self._reload()

    def actions(self) -> list[QAction]:
        """Commands of the page."""
        return [self._import]

    def summary(self) -> str:
        """The line of figures."""
        return self._figures

    def settled(self) -> bool:
        """Whether everything is there."""
        return not (self._loading or self._computing or self._searching)

    def hideEvent(self, event: QHideEvent) -> None:
        """What was on the screen has been looked at."""
        super().hideEvent(event)
        QSettings().setValue(f"{_LOOKED}/{self._place}", str(time.time_ns() // 1000))

    def _kept_number(self, key: str) -> int | None:
        found = str(QSettings().value(f"{key}/{self._place}") or "")
        return int(found) if found.isdecimal() else None

    def _kept_whose(self) -> Whose | None:
        found = str(QSettings().value(f"{_WHOSE}/{self._place}") or "")
        return Whose(found) if found in _WHOSE_NAMES else None

    def _next_day(self) -> None:
        """What is due, and who can be booked, is another right after midnight."""
        now, zone = time.time_ns() // 1000, self.context.labels.zone
        self._midnight.start(1000 + (day_end(local(now, zone).date(), zone) - now) // 1000)
        self._reload()

    # ------------------------------------------------------------ build

    def _waiting(self) -> QWidget:
        self._said = plain("", role="muted", wrap=True)
        self._said.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._do = QPushButton(self.context.labels("today.again"), self)
        self._do.setProperty("role", "primary")
        self._do.clicked.connect(self._reload)
        self._do.hide()
        frame = QWidget(self)
        column = QVBoxLayout(frame)
        column.addStretch(2)
        column.addWidget(self._said)
        column.addWidget(self._do, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        return frame

    def _beginning(self) -> QWidget:
        """What to do next in a workspace that has nobody in it."""
        labels, theme = self.context.labels, self.context.theme
        frame = QWidget(self)
        outer = QVBoxLayout(frame)
        outer.addStretch(2)
        card = Card(labels("today.empty.title"))
        card.setFixedWidth(theme.px(560))
        card.column.setSpacing(10)
        card.column.addWidget(plain(labels("today.empty"), role="muted", wrap=True))
        steps: tuple[tuple[str, str, Callable[[], object]], ...] = (
            ("import", "today.empty.import", lambda: self.context.act("file.import")),
            ("connect", "today.empty.connect", lambda: self.context.go("syncing", None)),
            ("sample", "today.empty.sample", lambda: self.context.act("file.sample")),
        )
        self.steps: dict[str, QPushButton] = {}
        for at, (name, key, act) in enumerate(steps):
            row = QHBoxLayout()
            button = QPushButton(labels(key))
            button.setMinimumWidth(theme.px(150))
            if at == 0:
                button.setProperty("role", "primary")
            button.setEnabled(name == "sample" or self.context.may(Act.EDIT))
            button.clicked.connect(lambda _=False, act=act: act())
            row.addWidget(button)
            row.addWidget(plain(labels(f"today.empty.step.{name}"), role="muted", wrap=True), 1)
            card.column.addLayout(row)
            self.steps[name] = button
        outer.addWidget(card, 0, Qt.AlignmentFlag.AlignHCenter)
        outer.addStretch(3)
        return frame

    def _body(self) -> QWidget:
        labels, theme = self.context.labels, self.context.theme
        body = QWidget(self)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, body)
        self._row.setContentsMargins(16, 4, 16, 14)
        self._row.setSpacing(12)
        left = QVBoxLayout()
        left.setSpacing(12)
        left.addWidget(self._work_card(), 3)
        left.addWidget(self._changes_card())
        self._row.addLayout(left, 3)
        self.side = Side(labels, theme, self._creators)
        area = QScrollArea()
        area.setWidget(self.side)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(labels("today.recent"))
        self._beside = area
        self._row.addWidget(area)
        self._arrange()
        return body

    def _arrange(self) -> None:
        """The figures beside the work list, or under it where both have no room."""
        px = self.context.theme.px
        narrow = self.width() < px(_NARROW)
        self._row.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)
        self._row.setStretch(1, 2 if narrow else 0)
        self._beside.setMinimumWidth(0 if narrow else px(_SIDE))
        self._beside.setMaximumWidth(_ANY if narrow else px(_SIDE))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange anew where the width calls for it."""
        super().resizeEvent(event)
        self._arrange()

    def _work_card(self) -> Card:
        labels, theme = self.context.labels, self.context.theme
        card = Card(labels("today.work"))
        self.scope = Scope(_WHOSE_NAMES, labels, theme)
        self.scope.chosen.connect(self._choose)
        card.tools.addWidget(self.scope)
        self._mates: tuple[str, ...] = ()
        self._team = Mates(self.context, self._know, lambda: self._choose(Whose.TEAM), self)
        self._none = plain(labels("today.nothing"), role="muted", wrap=True)
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._model = Lines(labels, theme, self)
        self.list = WorkList(self._model, labels, theme.row_height(self.context.settings.get(DENSITY)), self._lead)
        self.setFocusProxy(self.list)
        card.column.addWidget(self._none)
        card.column.addWidget(self.list, 1)
        return card

    def _changes_card(self) -> Card:
        labels, theme = self.context.labels, self.context.theme
        card = Card(labels("today.changes"))
        self.since = Scope(("yesterday", "looked"), labels, theme, labels("today.since"))
        self.since.show_name("yesterday")
        self.since.setVisible(self._looked is not None)
        self.since.chosen.connect(lambda _: self._reload())
        card.tools.addWidget(self.since)
        self.changes = ChangeList(labels, theme, self._lead)
        card.column.addWidget(self.changes)
        return card

    # ------------------------------------------------------------ whose

    def _know(self, mates: Sequence[str]) -> None:
        self._mates = tuple(mates)
        labels = self.context.labels
        several = len(self._mates) > 1
        self.scope.explain(
            "team", labels("filter.scope.team.names", names=labels("list.separator").join(self._mates)) if several else labels("filter.scope.team.none")
        )

    def _choose(self, whose: str) -> None:
        if whose == Whose.TEAM and len(self._mates) <= 1:
            self.scope.show_name(self._whose or Whose.ALL)
            self._team.ask()
            return
        self._whose = Whose(whose)
        QSettings().setValue(f"{_WHOSE}/{self._place}", whose)
        self._reload()

    # ------------------------------------------------------------ reading

    def _reload(self) -> None:
        """Read the list and the figures side by side: the list does not wait for them."""
        if self._loading:
            self._again = True
            return
        self._loading = 2
        services, chosen = self.context.services, self._whose
        since = self._looked if self.since.name == "looked" else None

        def listed() -> Listed:
            whose = chosen
            if whose is None:
                # Who looks after nobody has no list of his own yet.
                own = Question(where=f"owner = {json.dumps(services.actor.name, ensure_ascii=False)}")
                whose = Whose.MINE if services.creators.count(own) else Whose.ALL
            return Listed(whose, services.today.tasks(whose, brief=True))

        def seen() -> Seen:
            return Seen(services.today.standing(), services.today.changes(since)[1], services.today.kept())

        self.context.tasks.run(self, listed, self._show_list, self._failed, lane="read")
        self.context.tasks.run(self, seen, self._show, self._failed, lane="read")

    def _show_list(self, listed: Listed) -> None:
        if self._whose is None:
            self._whose = listed.whose
        self._again = self._again or listed.whose is not self._whose  # another was chosen meanwhile
        if listed.whose is self._whose:
            self._listed = listed
            self.scope.show_name(listed.whose)
            self._show_tasks(listed.tasks)
            if listed.whose is not Whose.MINE:
                self._search(listed.whose)
        self._part_done()

    def _show(self, seen: Seen) -> None:
        self._seen = seen
        now = time.time_ns() // 1000
        self.changes.show_changes(seen.changes, now)
        self.side.show_standing(seen.standing, now)
        self.side.show_recent(seen.recent)
        if seen.standing.creators and (seen.recent is None or not seen.recent.fresh):
            self._compute()
        self._part_done()

    def _part_done(self) -> None:
        """Show as much as there is; the list alone, where it came first."""
        empty = self._seen is not None and not self._seen.standing.creators
        if empty:
            self._stack.setCurrentIndex(2)
        elif self._listed is not None and (self._seen is not None or self._listed.tasks):
            self._stack.setCurrentIndex(1)
        self._tell()
        self._loading = max(0, self._loading - 1)
        if self._loading:
            return
        self._team.read()
        if self._again:
            self._again = False
            self._reload()

    def _search(self, whose: Whose) -> None:
        """Look for what takes longer to find among many people's creators."""
        self._searching, self._search_serial = True, self._search_serial + 1
        serial, today = self._search_serial, self.context.services.today

        def done(tasks: Sequence[Task] | None) -> None:
            if serial == self._search_serial:
                self._searching = False
                if tasks is not None and whose is self._whose:
                    self._listed = Listed(whose, tasks)
                    self._show_tasks(tasks)
                    self._tell()

        self.context.tasks.run(self, lambda: today.tasks(whose), done, lambda _: done(None), lane="read")

    def _show_tasks(self, tasks: Sequence[Task]) -> None:
        labels, now, whose = self.context.labels, time.time_ns() // 1000, self._whose
        self._model.show([line(task, labels, now) for task in tasks])
        self._none.setText(labels("today.nothing" if whose is Whose.ALL else f"today.nothing.{whose}"))
        self._none.setVisible(not tasks)
        self.list.setVisible(bool(tasks))

    def _tell(self) -> None:
        """The line of figures, once both parts are there."""
        if self._seen is None or self._listed is None:
            return
        labels, tasks = self.context.labels, self._listed.tasks
        creators, late = self._seen.standing.creators, sum(bool(task.overdue) for task in tasks)
        words = {"creators": labels.exact(creators), "waiting": labels.exact(len(tasks)), "late": labels.exact(late)}
        key = "today.figures.none" if not creators or not tasks else "today.figures.late" if late else "today.figures"
        self._figure(labels(key, **words))

    def _compute(self) -> None:
        """Bring what the last days brought back up to date; what was kept stays on the screen meanwhile."""
        if self._computing:
            return
        self._computing = True

        def done(recent: Recent) -> None:
            self._computing = False
            self.side.show_recent(recent)

        def failed(error: ProductError) -> None:
            self._computing = False
            self.context.messages.log(error)

        self.context.tasks.run_job(self, self.context.services.today.recent, done, failed, lane="read")

    def _failed(self, error: ProductError) -> None:
        self._loading, self._again = max(0, self._loading - 1), False
        message = self.context.messages.sentence(error, self.context.messages.log(error))
        self._said.setText(f"{self.context.labels('today.failed')}\n{message.text}\n{message.next}\n{message.log_id}")
        self._do.show()
        self._stack.setCurrentIndex(0)

    def _figure(self, text: str) -> None:
        self._figures = text
        self._header.figures(text)

    # ------------------------------------------------------------ leading on

    def _lead(self, target: Target) -> None:
        page, part = target
        if page == "act":
            self.context.act(str(part))
        else:
            self.context.go(page, part)

    def _creators(self, where: str) -> None:
        self.context.go("creators", Question(where=where))
