# SPDX-License-Identifier: Apache-2.0
"""One creator in depth, beside the table: who, why this tier, how to reach, what happened. Nothing here is rich text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QDate, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDateEdit,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import ProductError, UsageError
from app.rules.fields import CREATOR_FIELDS, METRIC_PREFIX
from app.rules.rights import Act
from app.values import Tier
from widgets.dialogs.credit_section import CreditSection
from widgets.messages import Copyable, plain
from widgets.tables.delegates import ink_of
from widgets.tables.roster import bookable_badge, bookable_why, credit_badge, stage_badge

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QKeyEvent

    from app.usecases.creators import CreatorDetail, HistoryRow, MetricRow
    from app.usecases.rating import AccountTier, CreditShown, TierExplanation
    from app.usecases.workspace import Foreign
    from widgets.page import Context

_METRICS: Final = 40
_HISTORY: Final = 60
_STEPS: Final = 8
_CONTACT: Final = ("phone", "wechat", "email", "coupon", "commission_bp", "owner", "category", "city", "country", "joined_at")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the panel shows, read together."""

    detail: CreatorDetail
    tiers: TierExplanation
    credit: CreditShown


class CreatorPanel(QFrame):
    """The detail panel. ``show_creator`` loads in the background; a creator asked for later wins."""

    closed = Signal()
    edit_wanted = Signal(object)
    """The CreatorDetail to edit."""
    operated = Signal(int, str)
    """An operation was done here: its id and what it did, in words."""

    def __init__(self, context: Context) -> None:
        """Start empty."""
        super().__init__()
        self._context, self._labels = context, context.labels
        self.setObjectName("side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(context.labels("panel.title"))
        self.creator_id: int | None = None
        self._wanted: int | None = None
        self._shown: Shown | None = None
        self._wait = QTimer(self, singleShot=True, interval=40)
        self._wait.timeout.connect(self._load)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(self._top())
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setAccessibleName(context.labels("panel.title"))
        self.mark = plain("", role="ok", wrap=True)
        self.mark.setContentsMargins(14, 0, 14, 6)
        self.mark.hide()
        self._foreign: Foreign | None = None
        box.addWidget(self.mark)
        box.addWidget(self.area, 1)
        self._say(context.labels("panel.none"))

    def _top(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(14, 10, 8, 6)
        self._name = _selectable("", role="heading")
        self._name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row.addWidget(self._name, 1)
        theme = self._context.theme
        self._edit = QToolButton()
        self._edit.setIcon(theme.icon("edit"))
        self._close = QToolButton()
        self._close.setIcon(theme.icon("close"))
        for button, key in ((self._edit, "panel.edit"), (self._close, "panel.close")):
            button.setToolTip(self._labels(key))
            button.setAccessibleName(self._labels(key))
            row.addWidget(button)
        self._edit.setVisible(self._context.may(Act.EDIT))
        self._edit.clicked.connect(self._ask_edit)
        self._close.clicked.connect(self.closed)
        return row

    def _ask_edit(self) -> None:
        if self._shown is not None:
            self.edit_wanted.emit(self._shown.detail)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def mark_change(self, foreign: Foreign) -> None:
        """Say quietly that somebody else just changed what is shown; the fields are known once it is read anew."""
        self._foreign = foreign
        self.reload()

    def _tell_change(self, shown: Shown, *, same: bool) -> None:
        foreign, self._foreign = self._foreign, None
        if foreign is None:
            if not same:
                self.mark.hide()
            return
        labels = self._labels
        changed = [row.field for row in shown.detail.history if (row.by, row.at) == (foreign.by, foreign.at) and labels.words.has(f"field.{row.field}")]
        fields = labels("list.separator").join(labels.field(name) for name in dict.fromkeys(changed))
        self.mark.setText(labels("together.changed", by=foreign.by, fields=fields) if fields else labels("together.changed.some", by=foreign.by))
        self.mark.show()

    # ------------------------------------------------------------ loading

    @property
    def detail(self) -> CreatorDetail | None:
        """What is shown."""
        return None if self._shown is None else self._shown.detail

    def show_creator(self, creator_id: int) -> None:
        """Show a creator, soon."""
        self._wanted = creator_id
        self._wait.start()

    def reload(self) -> None:
        """Read the creator again."""
        if self.creator_id is not None:
            self.show_creator(self.creator_id)

    def _load(self) -> None:
        wanted, services = self._wanted, self._context.services
        if wanted is None:
            return

        def work() -> Shown:
            return Shown(services.creators.detail(wanted), services.rating.show(wanted), services.rating.credit(wanted))

        self._context.tasks.run(self, work, lambda shown: self._arrived(wanted, shown), lambda error: self._failed(wanted, error), lane="read")

    def _failed(self, wanted: int, error: ProductError) -> None:
        if wanted == self._wanted:
            self._shown, self.creator_id = None, None
            self._say(self._context.messages.sentence(error).text)

    def _say(self, text: str) -> None:
        self._name.setText("")
        self._edit.setEnabled(False)
        said = plain(text, role="muted", wrap=True)
        said.setMargin(14)
        said.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.area.setWidget(said)

    def _arrived(self, wanted: int, shown: Shown) -> None:
        if wanted != self._wanted:
            return
        same = self.creator_id == wanted
        at = self.area.verticalScrollBar().value() if same else 0
        self.creator_id, self._shown = wanted, shown
        self._tell_change(shown, same=same)
        self._name.setText(shown.detail.row.name)
        self._edit.setEnabled(True)
        body = QWidget()
        body.setObjectName("body")
        box = QVBoxLayout(body)
        box.setContentsMargins(14, 2, 14, 14)
        box.setSpacing(4)
        self._fill(box, shown)
        box.addStretch(1)
        self.area.setWidget(body)
        if at:
            QTimer.singleShot(0, self.area, lambda: self.area.verticalScrollBar().setValue(at))

    # ------------------------------------------------------------ sections

    def _fill(self, box: QVBoxLayout, shown: Shown) -> None:
        detail, labels = shown.detail, self._labels
        first = QHBoxLayout()
        first.setSpacing(6)
        word = bookable_badge(detail.row.booking, labels)
        first.addWidget(self._badge(word.text, word.token))
        first.addWidget(plain(bookable_why(detail.row.booking, labels), role="muted", wrap=True), 1)
        box.addLayout(first)
        badges = QHBoxLayout()
        badges.setSpacing(6)
        stage = stage_badge(detail.row.stage, labels)
        badges.addWidget(self._badge(stage.text, stage.token))
        if detail.row.tier is not None:
            badges.addWidget(self._badge(labels.rank(detail.row.tier), f"tier_{detail.row.tier.code}"))
        if detail.row.group is not None:
            badges.addWidget(self._badge(labels.rank(detail.row.group), "hover"))
        credit = credit_badge(detail.row)
        badges.addWidget(self._badge(credit.text, credit.token))
        badges.addStretch(1)
        box.addLayout(badges)
        self._section(box, "panel.accounts", self._accounts(detail))
        self._tier_section(box, shown.tiers)
        self._heading(box, "panel.credit")
        box.addWidget(CreditSection(shown.credit, labels))
        self._facts(box, detail)
        if detail.notes:
            self._section(box, "field.notes", detail.notes)
        self._section(box, "panel.stages", self._stages(detail))
        self._section(box, "panel.metrics", self._metrics(detail))
        self._section(box, "panel.history", self._history(detail))

    def _badge(self, text: str, token: str) -> QLabel:
        theme = self._context.theme
        made = plain(text)
        ground, ink = theme.colour(token).name(), theme.colour(ink_of(token)).name()
        made.setStyleSheet(f"background: {ground}; color: {ink}; border-radius: 4px; padding: 2px 7px;")
        return made

    def _heading(self, box: QVBoxLayout, key: str) -> None:
        box.addSpacing(10)
        heading = plain(self._labels(key), role="muted")
        heading.setStyleSheet("font-weight: 600;")
        box.addWidget(heading)

    def _section(self, box: QVBoxLayout, key: str, text: str) -> None:
        """A heading and its lines; a section without lines is left out."""
        if text:
            self._heading(box, key)
            box.addWidget(_selectable(text))

    def _accounts(self, detail: CreatorDetail) -> str:
        labels, lines = self._labels, []
        for account in detail.row.accounts:
            lines.append("  ".join(filter(None, (labels.platform(account.platform), account.handle and f"@{account.handle.removeprefix('@')}"))))
            if account.platform_uid:
                lines.append(f"    {labels('panel.uid', uid=account.platform_uid)}")
            lines.append(f"    {labels('panel.followers', count=labels.exact(account.followers), tier=labels.rank(account.tier))}")
            fees = [
                f"{labels.field(name)} {labels.money(fee)}"
                for name in ("fee_fen", "fee_image_fen", "fee_video_fen")
                if (fee := getattr(account, name)) is not None
            ]
            if fees:
                lines.append("    " + "  ".join(fees))
            if account.url:
                lines.append(f"    {account.url}")
        return "\n".join(lines)

    def _facts(self, box: QVBoxLayout, detail: CreatorDetail) -> None:
        labels = self._labels
        values = [(name, labels.value(name, getattr(detail.row, name))) for name in _CONTACT if getattr(detail.row, name) is not None]
        if detail.row.tags:
            values.append(("tags", labels.value("tags", detail.row.tags)))
        if not values:
            return
        self._heading(box, "panel.contact")
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        for at, (name, value) in enumerate(values):
            grid.addWidget(plain(labels.field(name), role="muted"), at, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(_selectable(value), at, 1)
        box.addLayout(grid)

    def _stages(self, detail: CreatorDetail) -> str:
        labels = self._labels
        return "\n".join(
            labels(
                "panel.step",
                when=labels.time(step.at),
                before=labels.rank(step.previous),
                after=labels.rank(step.stage),
                by=step.by,
            )
            + (f"\n    {labels('panel.reason', reason=step.reason)}" if step.reason else "")
            for step in reversed(detail.stages)
        )

    def _metrics(self, detail: CreatorDetail) -> str:
        """Dated figures, a line a figure, the newest first."""
        labels = self._labels
        platforms = {account.id: labels.platform(account.platform) for account in detail.row.accounts}
        several = len(platforms) > 1

        def line(metric: MetricRow) -> str:
            name = metric.name if metric.name in CREATOR_FIELDS else METRIC_PREFIX + metric.name
            who = f"{platforms.get(metric.account_id, '')} " if several else ""
            said = f"{labels.exact(metric.value)} ({metric.raw})" if metric.raw and metric.value is not None else metric.raw or labels.exact(metric.value)
            return f"{labels.day(metric.as_of)}  {who}{labels.field(name)} {said}  {metric.source}"

        lines = [line(metric) for metric in detail.metrics[:_METRICS]]
        if len(detail.metrics) > _METRICS:
            lines.append(labels.plural("panel.more", len(detail.metrics) - _METRICS))
        return "\n".join(lines)

    def _history(self, detail: CreatorDetail) -> str:
        """Who changed what and when, a line a field."""
        labels = self._labels
        lines: list[str] = []
        last: tuple[int, str] | None = None
        rows = [row for row in detail.history if labels.words.has(f"field.{row.field}")]
        for row in rows[:_HISTORY]:
            if last != (row.operation_id, row.kind):
                lines.append(f"{labels.time(row.at)}  {row.by}  {self._kind(row)}")
                last = (row.operation_id, row.kind)
            lines.append(f"    {labels.field(row.field)}: {labels.value(row.field, row.before)} → {labels.value(row.field, row.after)}")
        if len(rows) > _HISTORY:
            lines.append(labels.plural("panel.more", len(rows) - _HISTORY))
        return "\n".join(lines)

    def _kind(self, row: HistoryRow) -> str:
        key = f"panel.did.{row.kind}"
        return self._labels(key) if self._labels.words.has(key) else row.kind

    # ------------------------------------------------------------ why this tier

    def _tier_section(self, box: QVBoxLayout, tiers: TierExplanation) -> None:
        self._heading(box, "panel.why_tier")
        for account in tiers.accounts:
            box.addWidget(_selectable(self._why(account)))
        box.addWidget(plain(self._labels("panel.policy", version=tiers.policy_version), role="muted"))
        if tiers.accounts and self._context.may(Act.EDIT):
            form = _OverrideForm(self._context, tiers, self._override)
            box.addWidget(form)

    def _why(self, account: AccountTier) -> str:
        labels = self._labels
        lines = [
            labels("panel.tier.line", platform=labels.platform(account.platform), tier=labels.rank(account.tier), followers=labels.exact(account.followers))
        ]
        if account.followers is None:
            lines.append("    " + labels("panel.tier.unknown"))
        elif account.band_low is not None or account.band_high is not None:
            lines.append("    " + self._range("panel.tier.band", account.band_low, account.band_high))
            lines.append("    " + self._range("panel.tier.keeps", account.keeps_from, account.keeps_below))
        if account.override is not None:
            one = account.override
            lines.append("    " + labels("panel.tier.override", tier=labels.rank(one.tier), until=labels.day(one.expires_at - 1), by=one.by, reason=one.reason))
        lines += [
            "    " + labels("panel.tier.step", day=labels.day(step.at), followers=labels.exact(step.followers), tier=labels.rank(step.tier))
            for step in account.steps[-_STEPS:][::-1]
        ]
        return "\n".join(lines)

    def _range(self, key: str, low: int | None, high: int | None) -> str:
        labels = self._labels
        if high is None:
            return labels(f"{key}.from", low=labels.exact(low or 0))
        return labels(key, low=labels.exact(low or 0), high=labels.exact(high))

    def _override(self, account_id: int, tier: Tier | None, until: QDate, reason: str, failed: Callable[[ProductError], None]) -> None:
        rating = self._context.services.rating
        day = None if tier is None else until.toPython()
        said = self._labels("panel.override.cleared") if tier is None else self._labels("panel.override.done", tier=self._labels.rank(tier))
        self._context.tasks.run(
            self,
            lambda: rating.override(account_id, tier, day, reason),  # type: ignore[arg-type]
            lambda done: self.operated.emit(done, said),
            failed,
            lane="write",
        )


class _OverrideForm(QFrame):
    """Set a tier by hand with a reason and an end, or take that off."""

    def __init__(self, context: Context, tiers: TierExplanation, put: Callable[[int, Tier | None, QDate, str, Callable[[ProductError], None]], None]) -> None:
        super().__init__()
        self._context, self._put = context, put
        labels = context.labels
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        self.toggle = QPushButton(labels("panel.override.open"))
        self.toggle.setProperty("role", "link")
        self.toggle.setCheckable(True)
        box.addWidget(self.toggle, 0, Qt.AlignmentFlag.AlignLeft)
        self.body = QWidget()
        form = QFormLayout(self.body)
        form.setContentsMargins(0, 0, 0, 0)
        self.account, self.tier, self.until, self.reason = QComboBox(), QComboBox(), QDateEdit(QDate.currentDate().addMonths(3)), QLineEdit()
        for one in tiers.accounts:
            self.account.addItem(f"{labels.platform(one.platform)} {one.handle or ''}".strip(), one.account_id)
        for tier in Tier:
            self.tier.addItem(labels.rank(tier), tier.code)
        self.tier.setCurrentIndex(max(0, self.tier.findData(tiers.tier.code)) if tiers.tier is not None else 0)
        self.until.setCalendarPopup(True)
        self.until.setDisplayFormat("yyyy-MM-dd")
        rows: list[tuple[str, QWidget]] = [("panel.override.tier", self.tier), ("panel.override.until", self.until), ("bulk.reason", self.reason)]
        if len(tiers.accounts) > 1:
            rows.insert(0, ("panel.override.account", self.account))
        for key, widget in rows:
            label = plain(labels(key), role="muted")
            label.setBuddy(widget)
            widget.setAccessibleName(labels(key))
            form.addRow(label, widget)
        self.complaint = plain("", role="danger", wrap=True)
        self.complaint.hide()
        form.addRow(self.complaint)
        buttons = QHBoxLayout()
        self.set_button = QPushButton(labels("panel.override.set"))
        self.set_button.clicked.connect(lambda: self._apply(Tier.of(str(self.tier.currentData()))))
        buttons.addWidget(self.set_button)
        self.clear_button = QPushButton(labels("panel.override.clear"))
        self.clear_button.setVisible(any(one.override is not None for one in tiers.accounts))
        self.clear_button.clicked.connect(lambda: self._apply(None))
        buttons.addWidget(self.clear_button)
        buttons.addStretch(1)
        form.addRow(buttons)
        self.body.hide()
        self.toggle.toggled.connect(self.body.setVisible)
        box.addWidget(self.body)

    def _apply(self, tier: Tier | None) -> None:
        reason = self.reason.text().strip()
        if not reason:
            self._failed(UsageError("value_missing", field="reason"))
            self.reason.setFocus()
            return
        self._put(int(self.account.currentData()), tier, self.until.date(), reason, self._failed)

    def _failed(self, error: ProductError) -> None:
        self.complaint.setText(self._context.messages.sentence(error).text)
        self.complaint.show()


def _selectable(text: str, *, role: str = "") -> QLabel:
    """Literal text that can be selected and copied."""
    made = Copyable(text, role=role)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return made
