# SPDX-License-Identifier: Apache-2.0
"""One return in depth, beside the table: the word and why, the interval as a sentence, costs by kind, the orders behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QSizePolicy, QSplitter, QToolButton, QVBoxLayout, QWidget

from app.usecases.roi import Orders
from widgets.dialogs.preview import Listing
from widgets.labels import NOTHING
from widgets.messages import plain, tip
from widgets.tables import returns
from widgets.tables.delegates import ink_of
from widgets.tables.returns import ORDERS
from widgets.tables.roster import bookable_badge, bookable_why

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QKeyEvent

    from app.errors import ProductError
    from app.rules.report import Figures
    from app.usecases.roi import OrderLine, OrderPage, Outcome, Span
    from widgets.page import Context
    from widgets.tables.columns import Badge
    from widgets.tasks import Task

_PAGE: Final = 500
LISTED: Final = frozenset({"creator", "account", "month", "product", "content", "campaign"})
"""Dimensions whose orders can be listed."""
_KINDS: Final = ("fee", "slot_fee", "platform_fee", "sample", "freight", "boost", "rebate", "tax", "commission")
_RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class Subject:
    """What the panel shows: a row of a dimension over a period, under a model; ``outcome`` where it is a creator."""

    by: str
    key: int | str | None
    title: str
    figures: Figures
    span: Span
    model: str | None
    margin: float
    target: float | None
    outcome: Outcome | None = None


class RoiPanel(QFrame):
    """The detail panel. What was read is shown at once; costs and orders follow."""

    closed = Signal()
    creator_wanted = Signal(int)
    """Go to this creator."""
    group_wanted = Signal(object)
    """Show the creators of this Subject."""

    def __init__(self, context: Context) -> None:
        """Start empty."""
        super().__init__()
        self._context, self._labels = context, context.labels
        self.setObjectName("side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(context.labels("roi.panel"))
        self.subject: Subject | None = None
        self._serial = self._asked = 0
        self._listing: Task | None = None
        self._rows: list[OrderLine] = []
        self._busy = False
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(self._top())
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setAccessibleName(context.labels("roi.panel"))
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self.area)
        split.addWidget(self._order_list())
        split.setSizes([360, 260])
        box.addWidget(split, 1)

    def _top(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(14, 10, 8, 6)
        self._name = _copyable("", role="heading", wrap=False)
        self._name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row.addWidget(self._name, 1)
        close = QToolButton()
        close.setIcon(self._context.theme.icon("close"))
        close.setToolTip(self._labels("panel.close"))
        close.setAccessibleName(self._labels("panel.close"))
        close.clicked.connect(self.closed)
        row.addWidget(close)
        return row

    def _order_list(self) -> QWidget:
        labels = self._labels
        self.orders = Listing(self._context, ORDERS, labels("roi.orders"), key="roi.orders", empty=labels("roi.orders.none"), stretch=False)
        self.orders.view.verticalHeader().hide()
        self._told = plain("", role="muted", wrap=True)
        self._more = QPushButton(labels("roi.more"))
        self._more.clicked.connect(self._next_page)
        self._stop = QPushButton(labels("action.cancel"))
        self._stop.clicked.connect(self._cancel)
        row = QHBoxLayout()
        row.setContentsMargins(14, 6, 10, 6)
        row.addWidget(self._told, 1)
        row.addWidget(self._more)
        row.addWidget(self._stop)
        self._orders = QWidget()
        column = QVBoxLayout(self._orders)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self.orders.view, 1)
        self._orders.hide()
        return self._orders

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def settled(self) -> bool:
        """Whether nothing is being read."""
        return not self._busy and self._listing is None

    # ------------------------------------------------------------ showing

    def show_subject(self, subject: Subject) -> None:
        """Show a return; its orders stay open where they were for another one."""
        again = self.subject is not None and (self.subject.by, self.subject.key) == (subject.by, subject.key)
        self.subject = subject
        self._serial += 1
        self._name.setText(subject.title)
        self._name.setToolTip(tip(subject.title))
        self._fill(None)
        if subject.by == "creator":
            self._read_costs(subject)
        if self._orders.isVisible() and not again:
            self.show_orders()

    def _read_costs(self, subject: Subject) -> None:
        serial, roi = self._serial, self._context.services.roi
        self._busy = True

        def done(costs: Mapping[str, int]) -> None:
            if serial == self._serial:
                self._busy = False
                self._fill(costs)

        def failed(error: ProductError) -> None:
            if serial == self._serial:
                self._busy = False
                self._context.messages.show(error)

        self._context.tasks.run(self, lambda: roi.costs(int(subject.key or 0), subject.span), done, failed)

    def _fill(self, costs: Mapping[str, int] | None) -> None:
        subject = self.subject
        if subject is None:
            return
        at = self.area.verticalScrollBar().value() if costs is not None else 0
        body = QWidget()
        body.setObjectName("body")
        box = QVBoxLayout(body)
        box.setContentsMargins(14, 2, 14, 14)
        box.setSpacing(4)
        if subject.outcome is not None:
            self._fill_word(box, subject.outcome)
        box.addLayout(self._buttons(subject))
        self._fill_return(box, subject)
        self._fill_costs(box, subject, costs)
        box.addStretch(1)
        self.area.setWidget(body)
        self.area.verticalScrollBar().setValue(at)

    def _fill_word(self, box: QVBoxLayout, one: Outcome) -> None:
        labels = self._labels
        badges = QHBoxLayout()
        badges.setSpacing(6)
        badges.addWidget(self._badge(returns.word_badge(one.word, labels)))
        badges.addWidget(self._badge(returns.grade_badge(one.value_grade), labels("roi.grade_badge", grade=labels.rank(one.value_grade))))
        badges.addWidget(self._badge(bookable_badge(one.person.booking, labels), bookable_why(one.person.booking, labels)))
        if one.person.tier is not None:
            badges.addWidget(plain(f"{labels.platform(one.person.platform)}  {labels.rank(one.person.tier)}", role="muted"))
        badges.addStretch(1)
        box.addLayout(badges)
        box.addWidget(_copyable(returns.why(one, labels)))

    def _badge(self, badge: Badge, text: str = "") -> QLabel:
        theme = self._context.theme
        made = plain(text or badge.text)
        ground, ink = theme.colour(badge.token).name(), theme.colour(ink_of(badge.token)).name()
        made.setStyleSheet(f"background: {ground}; color: {ink}; border-radius: 4px; padding: 2px 7px;")
        return made

    def _buttons(self, subject: Subject) -> QHBoxLayout:
        labels = self._labels
        row = QHBoxLayout()
        row.setContentsMargins(0, 6, 0, 2)
        row.setSpacing(6)
        if subject.by in LISTED:
            orders = QPushButton(labels("roi.show_orders"))
            orders.setProperty("role", "primary")
            orders.clicked.connect(self.show_orders)
            row.addWidget(orders)
        if subject.by == "creator":
            creator = QPushButton(labels("roi.to_creator"))
            creator.clicked.connect(lambda: self.creator_wanted.emit(int(subject.key or 0)))
            row.addWidget(creator)
        elif subject.by not in {"product", "content", "campaign", "account"} and subject.key is not None:
            creators = QPushButton(labels("roi.show_creators"))
            creators.clicked.connect(lambda: self.group_wanted.emit(subject))
            row.addWidget(creators)
        row.addStretch(1)
        return row

    def _heading(self, box: QVBoxLayout, key: str) -> None:
        box.addSpacing(8)
        heading = plain(self._labels(key), role="muted")
        heading.setStyleSheet("font-weight: 600;")
        box.addWidget(heading)

    def _fill_return(self, box: QVBoxLayout, subject: Subject) -> None:
        labels, one = self._labels, subject.figures
        self._heading(box, "roi.roas")
        ranked = subject.by in {"creator", "account"}
        if ranked:
            box.addWidget(_copyable(returns.interval_sentence(one, labels)))
            lines = [(labels("roi.p25"), returns.times(one.p25, labels)), (labels("roi.above_break_even"), returns.chance(one.p_above_break_even, labels))]
            if subject.target is not None:
                lines.append((labels("roi.above_target_of", target=f"{subject.target:g}"), returns.chance(one.p_above_target, labels)))
            weight = NOTHING if one.peer_weight is None else f"{returns.lean(one.peer_weight, labels)}  {labels.percent(round(one.peer_weight, 2))}"
            lines.append((labels("roi.peer_weight"), weight))
        else:
            box.addWidget(plain(labels("roi.sentence.group"), role="muted", wrap=True))
            lines = []
        line = f"1:{1 / subject.margin:.2f}" if subject.margin > 0 else NOTHING
        lines += [
            (labels("roi.roas_raw"), returns.roas(one, labels)),
            (labels("roi.break_even"), labels("roi.break_even_of", roas=line, margin=labels.percent(subject.margin))),
            (labels("roi.roi"), labels.percent(one.roi) if one.roi is not None else labels("roi.no_cost")),
        ]
        box.addLayout(_pairs(lines))

    def _fill_costs(self, box: QVBoxLayout, subject: Subject, costs: Mapping[str, int] | None) -> None:
        labels, one = self._labels, subject.figures
        self._heading(box, "roi.money")
        lines = [
            (labels("roi.net"), labels.money(one.net_fen)),
            (labels("roi.sales"), labels.exact(one.sales)),
            (labels("roi.landed"), labels.money(one.landed_fen)),
        ]
        known = [(kind, costs[kind]) for kind in _KINDS if costs and kind in costs]
        for kind, fen in known:
            lines.append((f"    {labels(f'roi.cost.{kind}')}", labels.money(fen)))
        rest = one.landed_fen - sum(fen for _, fen in known)
        if costs is not None and rest:
            lines.append((f"    {labels('roi.cost.by_order')}", labels.money(rest)))
        if costs is None and subject.by != "creator":
            lines += [(f"    {labels('roi.fixed')}", labels.money(one.fixed_fen)), (f"    {labels('roi.variable')}", labels.money(one.variable_fen))]
        box.addLayout(_pairs(lines, right=True))

    # ------------------------------------------------------------ orders

    def show_orders(self) -> None:
        """List the orders behind what is shown, from the newest."""
        subject = self.subject
        if subject is None or subject.by not in LISTED:
            self._orders.hide()
            return
        self._cancel()
        self._orders.show()
        self._rows = []
        self.orders.show([])
        self._next_page()
        self.orders.view.setFocus()

    def _next_page(self) -> None:
        """Read more orders."""
        subject, roi, labels = self.subject, self._context.services.roi, self._labels
        if subject is None or self._listing is not None:
            return
        wanted = Orders(subject.by, subject.key, subject.span, _PAGE, len(self._rows))
        self._asked += 1
        asked = self._asked
        self._told.setText(labels("roi.orders.reading"))
        self._more.hide()
        self._stop.show()

        def done(page: OrderPage) -> None:
            if asked == self._asked:
                self._listing = None
                self._stop.hide()
                self._arrived(page)

        def failed(error: ProductError) -> None:
            if asked == self._asked:
                self._listing = None
                self._stop.hide()
                self._told.setText(self._context.messages.sentence(error).text)

        self._listing = self._context.tasks.run_job(self, lambda job: roi.orders(wanted, subject.model, job), done, failed)

    def _arrived(self, page: OrderPage) -> None:
        labels = self._labels
        self._rows = rows = [*self._rows, *page.rows]
        self.orders.show(rows)
        more = len(page.rows) == _PAGE and len(rows) != page.found
        self._more.setVisible(more)
        if page.found is None:
            said = labels("roi.orders.shown_more" if more else "roi.orders.shown_all", shown=labels.exact(len(rows)))
        else:
            said = labels("roi.orders.of", shown=labels.exact(len(rows)), found=labels.exact(page.found))
        self._told.setText(said)

    def _cancel(self) -> None:
        if self._listing is not None:
            self._listing.cancel()
            self._listing = None
            self._asked += 1
            self._stop.hide()
            self._told.setText(self._labels("roi.stopped"))


def _pairs(lines: list[tuple[str, str]], *, right: bool = False) -> QGridLayout:
    """Names and values below each other."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(3)
    grid.setColumnStretch(2 if right else 1, 1)
    for at, (name, value) in enumerate(lines):
        grid.addWidget(plain(name, role="muted"), at, 0, Qt.AlignmentFlag.AlignTop)
        shown = _copyable(value, wrap=not right)
        if right:
            shown.setAlignment(_RIGHT)
        grid.addWidget(shown, at, 1)
    return grid


def _copyable(text: str, *, role: str = "", wrap: bool = True) -> QLabel:
    made = plain(text, role=role, wrap=wrap)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
    return made
