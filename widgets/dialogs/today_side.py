# SPDX-License-Identifier: Apache-2.0
"""The figures beside the work list: who can be booked, what the last days brought back, how fresh data is, the roster by tier and stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.values import Bookable, Stage, Tier
from widgets.labels import NOTHING
from widgets.messages import plain
from widgets.tables.cards import Bar, Card, Parts
from widgets.tables.returns import amount, times

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.usecases.today import GroupCount, Recent, Standing, Stretch
    from app.values import Ranked
    from widgets.labels import Labels
    from widgets.theme import Theme

_TIERS: Final = (Tier.TOP, Tier.HEAD, Tier.MID, Tier.TAIL, Tier.NANO, Tier.UNRANKED, None)
_WORDS: Final = ((Bookable.YES, "ok"), (Bookable.NEEDS_APPROVAL, "warning"), (Bookable.NO, "danger"))
_SAME: Final = 0.005


class Side(QWidget):
    """Cards one below the other; ``go`` takes the filter of the creators behind a figure."""

    def __init__(self, labels: Labels, theme: Theme, go: Callable[[str], object]) -> None:
        """Empty at first."""
        super().__init__()
        self.setObjectName("body")
        self._labels, self._theme, self._go = labels, theme, go
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 6, 0)
        box.setSpacing(12)
        self.bookable, self.recent, self.fresh = (Card(labels(f"today.{name}")) for name in ("bookable", "recent", "fresh"))
        self.tiers, self.stages = Card(labels("today.tiers")), Card(labels("today.stages"))
        for card in (self.bookable, self.recent, self.fresh, self.tiers, self.stages):
            box.addWidget(card)
        box.addStretch(1)
        self._shown: Standing | None = None

    # ------------------------------------------------------------ how it stands

    def show_standing(self, standing: Standing, now: int) -> None:
        """Other figures; where nothing differs, nothing flashes."""
        self._show_fresh(standing, now)
        if standing == self._shown:
            return
        self._shown = standing
        self.bookable.clear()
        for one in standing.groups:
            if one.yes or one.needs_approval or one.no or one.plan:
                self.bookable.column.addWidget(self._group(one))
        self._bars(self.tiers, standing.tiers, _TIERS, "tier")
        self._bars(self.stages, standing.stages, tuple(Stage), "stage")

    def _group(self, one: GroupCount) -> Parts:
        labels = self._labels
        counts = {Bookable.YES: one.yes, Bookable.NEEDS_APPROVAL: one.needs_approval, Bookable.NO: one.no}
        words = {"group": labels.rank(one.group), "yes": labels.exact(one.yes), "ask": labels.exact(one.needs_approval), "no": labels.exact(one.no)}
        told = labels("today.bookable.row", **words)
        plan = labels("today.bookable.no_plan")
        if one.plan:
            plan = labels("today.bookable.plan", plan=labels.count(one.plan), share=f"{one.yes / one.plan:.0%}")
        parts = Parts(labels.rank(one.group), labels.count(one.yes), plan, [(counts[word], token) for word, token in _WORDS], f"{told}\n{plan}", self._theme)
        parts.clicked.connect(lambda _=False: self._go(f"bookable = yes and group = {one.group.code}"))
        return parts

    def _bars(self, card: Card, counts: Mapping[Any, int], order: Sequence[Ranked | None], field: str) -> None:
        labels = self._labels
        card.clear()
        most, total = max(counts.values(), default=0), sum(counts.values())
        for rank in order:
            count = counts.get(rank, 0)
            if count or (rank is not None and field == "stage"):
                where = f'{field} = ""' if rank is None else f"{field} = {rank.code}"
                name = labels("tier.unknown") if rank is None else labels.rank(rank)
                token = f"tier_{rank.code}" if isinstance(rank, Tier) else "accent_soft"
                bar = Bar(name, count, most, total, labels, self._theme, token)
                bar.clicked.connect(lambda _=False, where=where: self._go(where))
                card.column.addWidget(bar)

    def _show_fresh(self, standing: Standing, now: int) -> None:
        labels, fresh = self._labels, standing.fresh
        self.fresh.clear()
        grid = QWidget()
        rows = QGridLayout(grid)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setVerticalSpacing(3)
        rows.setColumnStretch(1, 1)
        moments = (("synced", fresh.synced_at), ("imported", fresh.imported_at), ("paid", fresh.paid_at), ("followers", fresh.followers_at))
        for at, (name, moment) in enumerate(moments):
            said = plain(labels("today.fresh.never") if moment is None else labels.ago(moment, now), role="muted" if moment is None else "")
            said.setToolTip("" if moment is None else labels.time(moment))
            said.setAlignment(Qt.AlignmentFlag.AlignRight)
            rows.addWidget(plain(labels(f"today.fresh.{name}"), role="muted"), at, 0)
            rows.addWidget(said, at, 1)
        self.fresh.column.addWidget(grid)

    # ------------------------------------------------------------ what the last days brought back

    def show_recent(self, recent: Recent | None) -> None:
        """Net revenue and ROAS of the last days beside as many before."""
        labels = self._labels
        self.recent.clear()
        if recent is None:
            self.recent.column.addWidget(plain(labels("today.recent.computing"), role="muted"))
            return
        if not any(one.net_fen or one.landed_fen or one.net_before_fen or one.landed_before_fen for one in recent.stretches):
            self.recent.column.addWidget(plain(labels("today.recent.none"), role="muted"))
        else:
            self.recent.column.addWidget(self._stretches(recent.stretches))
        as_of = plain(labels("today.recent.as_of", time=labels.time(recent.until)), role="muted")
        self.recent.column.addWidget(as_of)

    def _stretches(self, stretches: Sequence[Stretch]) -> QWidget:
        labels = self._labels
        frame = QWidget()
        grid = QGridLayout(frame)
        grid.setContentsMargins(0, 0, 0, 4)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(1)
        for at, one in enumerate(stretches):
            if at:
                grid.setRowMinimumHeight(at * 4 - 1, self._theme.px(8))
            days = labels("today.recent.days", days=one.days)
            row = at * 4
            grid.setColumnStretch(0, 1)
            grid.setColumnStretch(1, 1)
            grid.addWidget(plain(f"{days} · {labels('today.recent.net')}", role="muted"), row, 0)
            grid.addWidget(plain(f"{days} · {labels('today.recent.roas')}", role="muted"), row, 1)
            net = plain(amount(one.net_fen, labels), role="figure")
            net.setToolTip(labels.money(one.net_fen))
            grid.addWidget(net, row + 1, 0)
            grid.addWidget(plain(times(one.roas, labels), role="muted" if one.roas is None else "figure"), row + 1, 1)
            text, role = self._compared(one.net_fen, one.net_before_fen)
            grid.addWidget(plain(text, role=role), row + 2, 0)
            grid.addWidget(
                plain(labels("today.recent.roas_before", roas=NOTHING if one.roas_before is None else times(one.roas_before, labels)), role="muted"), row + 2, 1
            )
        return frame

    def _compared(self, now: int, before: int) -> tuple[str, str]:
        """How a figure stands beside the one before, with a sign and a colour."""
        labels = self._labels
        if before <= 0:
            return labels("today.recent.nothing_before"), "muted"
        share = now / before - 1
        if abs(share) < _SAME:
            return labels("today.recent.same"), "muted"
        return labels("today.recent.more" if share > 0 else "today.recent.less", share=labels.percent(abs(share))), "ok" if share > 0 else "danger"
