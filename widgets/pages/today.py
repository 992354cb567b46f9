# SPDX-License-Identifier: Apache-2.0
"""Today: what in the roster waits for a person, and how large it is; every row leads to where it is dealt with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QAction, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.settings import DENSITY
from app.usecases.creators import Question
from app.values import Stage, Tier
from widgets.messages import plain, tip
from widgets.page import Context, Page, PageHeader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.errors import ProductError
    from app.events import Event
    from app.usecases.workspace import Today
    from app.values import Ranked
    from widgets.labels import Labels
    from widgets.theme import Theme

_TIERS: Final = (Tier.TOP, Tier.HEAD, Tier.MID, Tier.TAIL, Tier.NANO, Tier.UNRANKED, None)
_MOVES: Final = 6
_COLUMNS: Final = ("what", "detail", "when", "act")
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to do: where Enter leads, and how it is said."""

    icon: str
    token: str
    what: str
    detail: str
    when: str
    act: str
    go: Callable[[], object]
    waits: bool = True
    """Whether somebody has to do something, or is only told."""


class TodayPage(Page):
    """The work list, and the roster by tier and stage beside it."""

    key: ClassVar[str] = "today"
    title_key: ClassVar[str] = "page.today"
    icon: ClassVar[str] = "today"
    help_key: ClassVar[str] = "today"

    def __init__(self, context: Context) -> None:
        """Lay out and ask for the figures."""
        super().__init__(context)
        labels, theme = context.labels, context.theme
        self._loading, self._again = False, False
        self._figures = ""
        self._import = QAction(theme.icon("import"), labels("today.empty.import"), self)
        self._import.setEnabled(not context.read_only)
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
        self._reload()

    # ------------------------------------------------------------ page

    def changed(self, event: Event) -> None:
        """Figures follow what was saved."""
        del event
        self._reload()

    def summary(self) -> str:
        """The line of figures."""
        return self._figures

    def settled(self) -> bool:
        """Whether the figures are there."""
        return not self._loading

    # ------------------------------------------------------------ build

    def _waiting(self) -> QWidget:
        self._said = plain("", role="muted", wrap=True)
        self._said.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._do = QPushButton(self)
        self._do.setProperty("role", "primary")
        self._do.clicked.connect(self._press)
        self._do_next: Callable[[], object] = lambda: None
        self._do.hide()
        frame = QWidget(self)
        column = QVBoxLayout(frame)
        column.addStretch(2)
        column.addWidget(self._said)
        column.addWidget(self._do, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        return frame

    def _body(self) -> QWidget:
        labels, theme = self.context.labels, self.context.theme
        body = QWidget(self)
        row = QHBoxLayout(body)
        row.setContentsMargins(16, 4, 16, 14)
        row.setSpacing(12)
        work = _Card(labels("today.work"))
        self._none = plain(labels("today.nothing"), role="muted", wrap=True)
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._model = Lines(labels, theme, self)
        self.list = WorkList(self._model, labels, theme.row_height(self.context.settings.get(DENSITY)))
        self.setFocusProxy(self.list)
        work.column.addWidget(self._none)
        work.column.addWidget(self.list, 1)
        work.column.addStretch(0)
        self._tiers, self._stages = _Card(labels("today.tiers")), _Card(labels("today.stages"))
        roster = QVBoxLayout()
        roster.setSpacing(12)
        roster.addWidget(self._tiers)
        roster.addWidget(self._stages)
        roster.addStretch(1)
        row.addWidget(work, 1)
        side = QWidget(body)
        side.setLayout(roster)
        roster.setContentsMargins(0, 0, 0, 0)
        side.setFixedWidth(theme.px(330))
        row.addWidget(side)
        return body

    # ------------------------------------------------------------ figures

    def _reload(self) -> None:
        if self._loading:
            self._again = True
            return
        self._loading = True
        self.context.tasks.run(self, self.context.services.workspace.today, self._show, self._failed)

    def _show(self, today: Today) -> None:
        self._loading = False
        labels = self.context.labels
        if today.creators == 0:
            self._say(labels("today.empty"), labels("today.empty.import"), lambda: self.context.act("file.import"))
            self._figure(labels("today.figures.none", creators=labels.exact(0)))
        else:
            lines = self._lines(today)
            self._model.show(lines)
            self._none.setVisible(not lines)
            self.list.setVisible(bool(lines))
            self._bars(self._tiers, today.tiers, _TIERS, "tier")
            self._bars(self._stages, today.stages, tuple(Stage), "stage")
            creators, waiting = labels.exact(today.creators), sum(line.waits for line in lines)
            self._figure(labels("today.figures", creators=creators, waiting=waiting) if waiting else labels("today.figures.none", creators=creators))
            self._stack.setCurrentIndex(1)
        if self._again:
            self._again = False
            self._reload()

    def _failed(self, error: ProductError) -> None:
        self._loading = False
        self._again = False
        message = self.context.messages.sentence(error, self.context.messages.log(error))
        self._say(f"{self.context.labels('today.failed')}\n{message.text}\n{message.next}\n{message.log_id}", self.context.labels("today.again"), self._reload)

    def _press(self) -> None:
        self._do_next()

    def _say(self, text: str, button: str, act: Callable[[], object]) -> None:
        self._said.setText(text)
        self._do.setText(button)
        self._do_next = act
        self._do.show()
        self._stack.setCurrentIndex(0)

    def _figure(self, text: str) -> None:
        self._figures = text
        self._header.figures(text)

    def _lines(self, today: Today) -> list[Line]:
        labels = self.context.labels
        lines = [self._import_line(one.summary, one.at, today.now) for one in today.imports]
        lines += [
            Line(
                "clock", "warning", labels("today.expiring", name=one.name),
                labels("today.expiring.detail", platform=labels.platform(one.platform), tier=labels.rank(one.tier), reason=one.reason),
                labels.day(one.expires_at), labels("today.act.show"), self._to(one.creator_id),
            )
            for one in today.expiring
        ]  # fmt: skip
        if today.without_owner:
            lines.append(self._count_line("owner", "no_owner", today.without_owner, labels("today.no_owner.detail"), 'owner = ""'))
        if today.without_followers:
            lines.append(self._count_line("creators", "no_followers", today.without_followers, labels("today.no_followers.detail"), 'followers = ""'))
        if today.old_figures:
            day = labels.day(today.old_before)
            lines.append(self._count_line("history", "old", today.old_figures, labels("today.old.detail", day=day), f"followers_at < {day}"))
        lines += [
            Line(
                "tiers", "accent", labels("today.moved", name=one.name, before=_tier(one.before, labels), after=_tier(one.after, labels)),
                labels("today.moved.detail", platform=labels.platform(one.platform)), labels.ago(one.at, today.now),
                labels("today.act.show"), self._to(one.creator_id), waits=False,
            )
            for one in today.moves[:_MOVES]
        ]  # fmt: skip
        if today.moved > _MOVES:
            text = labels.plural("today.moved.more", today.moved, count=labels.exact(today.moved))
            lines.append(Line("tiers", "accent", text, "", "", labels("today.act.show"), lambda: self.context.go("creators", None), waits=False))
        return lines

    def _import_line(self, summary: Mapping[str, object], at: int, now: int) -> Line:
        labels = self.context.labels
        rejected, read = (value if isinstance(value := summary.get(name), int) else 0 for name in ("rejected", "read"))
        what = labels.plural("today.import", rejected, file=summary.get("file", ""), count=labels.exact(rejected))
        detail = labels("today.import.detail", read=labels.exact(read))
        return Line("warning", "warning", what, detail, labels.ago(at, now), labels("today.act.history"), lambda: self.context.act("edit.history"))

    def _count_line(self, icon: str, key: str, count: int, detail: str, where: str) -> Line:
        labels = self.context.labels
        what = labels.plural(f"today.{key}", count, count=labels.exact(count))
        return Line(icon, "text_muted", what, detail, "", labels("today.act.show"), lambda: self.context.go("creators", Question(where=where)))

    def _to(self, creator_id: int) -> Callable[[], object]:
        return lambda: self.context.go("creators", ("creator", creator_id))

    def _bars(self, card: _Card, counts: Mapping[Any, int], order: Sequence[Ranked | None], field: str) -> None:
        labels = self.context.labels
        card.clear()
        most, total = max(counts.values(), default=0), sum(counts.values())
        for rank in order:
            count = counts.get(rank, 0)
            if count or (rank is not None and field == "stage"):
                where = f'{field} = ""' if rank is None else f"{field} = {rank.code}"
                name = _tier(rank, labels) if field == "tier" else labels.rank(rank)
                token = f"tier_{rank.code}" if isinstance(rank, Tier) else "accent_soft"
                bar = Bar(name, count, most, total, labels, self.context.theme, token)
                bar.clicked.connect(lambda _=False, where=where: self.context.go("creators", Question(where=where)))
                card.column.addWidget(bar)


class Lines(QAbstractTableModel):
    """The work list as rows."""

    def __init__(self, labels: Labels, theme: Theme, parent: QWidget) -> None:
        """Empty at first."""
        super().__init__(parent)
        self._labels, self._theme = labels, theme
        self.lines: list[Line] = []

    def show(self, lines: list[Line]) -> None:
        """Other lines; where nothing differs, nothing flashes."""
        if [_said(line) for line in lines] == [_said(line) for line in self.lines]:
            self.lines = lines
            return
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's own default)
        """One row a line."""
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """What, details, when, and what Enter does."""
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
        line = self.lines[index.row()]
        text = (line.what, line.detail, line.when, line.act)[index.column()]
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole}:
            return text
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(text)
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            return self._theme.icon(line.icon, line.token)
        if role == Qt.ItemDataRole.ForegroundRole and index.column():
            return self._theme.colour("accent" if index.column() == len(_COLUMNS) - 1 else "text_muted")
        return None


class WorkList(QTableView):
    """Rows by keyboard or mouse; Enter, double click or a click on the last column leads on."""

    def __init__(self, model: Lines, labels: Labels, row_height: int) -> None:
        """Show a model."""
        super().__init__()
        self.setObjectName("worklist")
        self.setModel(model)
        self._lines = model
        self.setAccessibleName(labels("today.work"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(row_height + 2)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setStretchLastSection(False)
        model.modelReset.connect(self._share_width)
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
        rest = max(self.viewport().width() - needed[2] - needed[3], 0)
        first = min(needed[0], rest * 6 // 10)
        for at, width in enumerate((first, rest - first, needed[2], needed[3])):
            header.resizeSection(at, width)

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
        self._lines.lines[index.row()].go()


class Bar(QAbstractButton):
    """A word, how many, and how that compares; pressing it leads to them."""

    def __init__(self, name: str, count: int, most: int, total: int, labels: Labels, theme: Theme, token: str) -> None:
        """Say and draw a share."""
        super().__init__()
        self._theme, self._token = theme, token
        self._share = count / most if most else 0.0
        self._count = labels.count(count)
        self.setText(name)
        told = labels("today.bar", name=name, count=labels.exact(count), share=labels.percent(count / total if total else 0.0))
        self.setAccessibleName(told)
        self.setToolTip(told)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """A row's height, and room for both words."""
        metrics = QFontMetrics(self._theme.font())
        return QSize(metrics.horizontalAdvance(self.text() + self._count) + self._theme.px(90), self._theme.px(26))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Word at the left, bar in the middle, figure at the right."""
        del event
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.underMouse():
            painter.setBrush(theme.colour("hover"))
            painter.drawRoundedRect(self.rect(), 4, 4)
        word, figure = theme.px(112), theme.px(62)
        room = self.rect().adjusted(word + 8, theme.px(7), -figure, -theme.px(7))
        painter.setBrush(theme.colour("grid"))
        painter.drawRoundedRect(room, 3, 3)
        if self._share:
            painter.setBrush(theme.colour(self._token + "_text") if self._token.startswith("tier_") else theme.colour("accent"))
            painter.drawRoundedRect(QRect(room.topLeft(), QSize(max(4, round(room.width() * self._share)), room.height())), 3, 3)
        painter.setPen(theme.colour("text"))
        painter.setFont(theme.figures())
        painter.drawText(self.rect().adjusted(8, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())
        painter.drawText(self.rect().adjusted(0, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self._count)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(theme.colour("focus"))
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        painter.end()


class _Card(QFrame):
    def __init__(self, title: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setAccessibleName(title)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(12, 10, 12, 12)
        outer.setSpacing(6)
        outer.addWidget(plain(title, role="heading"))
        self.column = QVBoxLayout()
        self.column.setSpacing(1)
        outer.addLayout(self.column, 1)

    def clear(self) -> None:
        """Take everything out."""
        while (item := self.column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()


def _tier(tier: Ranked | None, labels: Labels) -> str:
    return labels("tier.unknown") if tier is None else labels.rank(tier)


def _said(line: Line) -> tuple[str, ...]:
    return (line.icon, line.what, line.detail, line.when, line.act)
