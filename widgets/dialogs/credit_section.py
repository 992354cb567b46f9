# SPDX-License-Identifier: Apache-2.0
"""Why a creator has a credit score: grade, what each dimension lost, the largest reasons, the next best action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from widgets.messages import plain

if TYPE_CHECKING:
    from app.rules.rating.explain import Effect
    from app.usecases.rating import CreditShown
    from widgets.labels import Labels

_DIMENSION, _POINTS, _LOST = range(3)
_RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class CreditSection(QWidget):
    """A creator's credit with its reasons. Everything in it is literal text that can be copied."""

    def __init__(self, shown: CreditShown, labels: Labels) -> None:
        """Show what was found."""
        super().__init__()
        self._labels = labels
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        found = shown.explanation
        box.addWidget(_copyable(labels("panel.credit.score", score=found.score, grade=labels.rank(found.grade))))
        box.addWidget(plain(labels("credit.own_record"), role="muted", wrap=True))
        box.addLayout(self._dimensions(shown))
        for line in self._lines(shown):
            box.addWidget(_copyable(line))
        box.addWidget(plain(labels("panel.credit.policy", version=shown.policy_version), role="muted"))

    def _dimensions(self, shown: CreditShown) -> QGridLayout:
        grid, labels = QGridLayout(), self._labels
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(_LOST + 1, 1)
        for column, key in ((_DIMENSION, "credit.dimension"), (_POINTS, "credit.points"), (_LOST, "credit.lost")):
            grid.addWidget(plain(labels(key), role="muted"), 0, column)
        for at, one in enumerate(shown.explanation.dimensions, 1):
            grid.addWidget(plain(labels.rank(one.dimension)), at, _DIMENSION)
            grid.addWidget(_copyable(f"{one.points:.0f} / {one.max:.0f}"), at, _POINTS, _RIGHT)
            grid.addWidget(_copyable(f"−{one.lost:.0f}"), at, _LOST, _RIGHT)
        return grid

    def _lines(self, shown: CreditShown) -> list[str]:
        labels, found, sanction = self._labels, shown.explanation, shown.sanction
        lines = []
        if found.reasons:
            lines.append("\n".join([labels("panel.credit.reasons"), *("    " + self._reason(one) for one in found.reasons)]))
        lines += [labels("credit.cap", type=labels.words.event_type(one.type), grade=one.grade.code, until=labels.day(one.until)) for one in found.caps]
        if sanction.level is not None:
            key = "credit.sanction_proposed" if sanction.proposed else "credit.sanction_in_force"
            lines.append(labels(key, level=labels.rank(sanction.level), points=sanction.points))
        if found.next_best is not None:
            best = found.next_best
            said = labels("credit.next_best", count=best.count, type=labels.words.event_type(best.type), score=best.score, grade=best.grade.code)
            lines.append(said)
        return lines

    def _reason(self, one: Effect) -> str:
        labels, effect = self._labels, 0.0 if one.effect is None else one.effect
        sign = "+" if effect >= 0 else "−"
        return f"{labels.day(one.happened_at)}  {labels.words.event_type(one.type)}  {sign}{abs(effect):.1f}"


def _copyable(text: str) -> QLabel:
    made = plain(text, wrap=True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return made
