# SPDX-License-Identifier: Apache-2.0
"""The roster with what creators brought back beside them: intervals as they were last kept, read after the rows are on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from widgets.labels import NOTHING
from widgets.tables import returns
from widgets.tables.columns import Column
from widgets.tables.model import PLACEHOLDER
from widgets.tables.returns import Scale

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from app.rules.report import Figures
    from app.services import Services
    from app.usecases.creators import Question, RosterRow
    from widgets.labels import Labels
    from widgets.tables.columns import Whiskers

_KEPT: Final = 20_000
"""Creators whose figures are remembered; beyond, all are let go and those in sight are read again."""


class Returned:
    """Where the roster gets its rows. The first page comes without returns, so that it is there at once; ``load`` brings them."""

    def __init__(self, services: Services) -> None:
        """Answer from a workspace."""
        self._services = services
        self.scale = Scale()
        self.wanted: Callable[[], bool] = lambda: True
        """Whether anybody looks at returns now."""
        self._figures: dict[int, Figures | None] = {}

    def page(self, question: Question, limit: int = 100, offset: int = 0) -> list[RosterRow]:
        """Some rows of an answer."""
        return self._services.creators.page(question, limit, offset)

    def ids(self, question: Question) -> npt.NDArray[np.int64]:
        """All ids of an answer, in order."""
        return self._services.creators.ids(question)

    def rows(self, ids: Sequence[int]) -> list[RosterRow]:
        """Rows of ids, their returns read along."""
        rows = self._services.creators.rows(ids)
        if self.wanted():
            self.load([row.id for row in rows])
        return rows

    def load(self, ids: Sequence[int]) -> None:
        """Read the returns of creators; off the GUI thread."""
        found = self._services.roi.kept(ids)
        if len(self._figures) > _KEPT:
            self._figures = {}
        self._figures.update({one: found.get(one) for one in ids})
        highest = max((one.p90 for one in list(self._figures.values()) if one is not None and one.p90 is not None), default=0.0)
        self.scale.fit(highest, self._services.roi.margin(), None)

    def lacks(self, ids: Sequence[int]) -> list[int]:
        """Those of some creators whose returns are not at hand."""
        return [one for one in ids if one not in self._figures]

    def forget(self) -> None:
        """Returns are others now."""
        self._figures = {}

    # ------------------------------------------------------------ columns

    def columns(self) -> tuple[Column, ...]:
        """The interval as a bar, and the cautious estimate as a number."""
        return (
            Column(
                "interval", "roi.interval", self._interval, sort="p25", width=168, bar=self._bar, tip=self._tip, ink=self._ink, plain=self._plain,
            ),
            Column(
                "p25", "roi.p25", lambda row, labels: self._said(row, labels, lambda one: returns.times(one.p25, labels)), sort="p25", width=120, right=True,
                hidden=True, ink=self._ink, plain=lambda row, _: "" if (one := self._figures.get(row.id)) is None or one.p25 is None else f"{one.p25:.4f}",
            ),
            Column(
                "roas", "roi.roas", lambda row, labels: self._said(row, labels, lambda one: returns.roas(one, labels)), width=92, right=True, hidden=True,
                ink=self._ink, plain=lambda row, _: "" if (one := self._figures.get(row.id)) is None or one.roas is None else f"{one.roas:.4f}",
            ),
        )  # fmt: skip

    def _said(self, row: RosterRow, labels: Labels, say: Callable[[Figures], str]) -> str:
        if row.id not in self._figures:
            return PLACEHOLDER
        one = self._figures[row.id]
        return labels("roi.no_data") if one is None else say(one)

    def _interval(self, row: RosterRow, labels: Labels) -> str:
        return self._said(row, labels, lambda one: returns.interval(one, labels))

    def _plain(self, row: RosterRow, labels: Labels) -> str:
        one = self._figures.get(row.id)
        return NOTHING if one is None else returns.interval(one, labels)

    def _bar(self, row: RosterRow) -> Whiskers | None:
        one = self._figures.get(row.id)
        return None if one is None else self.scale.bar(one)

    def _tip(self, row: RosterRow, labels: Labels) -> str:
        if row.id not in self._figures:
            return PLACEHOLDER
        one = self._figures[row.id]
        return labels("creators.no_returns") if one is None else returns.interval_tip(one, labels)

    def _ink(self, row: RosterRow) -> str:
        one = self._figures.get(row.id)
        return "text_muted" if one is None or one.p10 is None else "text"
