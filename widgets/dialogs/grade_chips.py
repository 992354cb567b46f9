# SPDX-License-Identifier: Apache-2.0
"""A chip a grade with how many creators it has; a click chooses or leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QToolButton, QWidget

from app.values import CreditGrade
from widgets.tables.flow import Flow

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from widgets.labels import Labels


class GradeChips(QWidget):
    """Grades, the best first, after one for all of them (None)."""

    picked = Signal(object)

    def __init__(self, labels: Labels) -> None:
        """Nothing counted yet."""
        super().__init__()
        self._labels = labels
        flow = Flow(6)
        self.setLayout(flow)
        self.chips: dict[CreditGrade | None, QToolButton] = {}
        for grade in (None, *reversed(CreditGrade)):
            chip = QToolButton()
            chip.setProperty("role", "button")
            chip.setCheckable(True)
            chip.setStyleSheet("padding: 3px 7px;")  # eight of them stand in a line
            chip.clicked.connect(lambda _=False, grade=grade: self.picked.emit(grade))
            flow.addWidget(chip)
            self.chips[grade] = chip

    def tell(self, chosen: Collection[CreditGrade], counts: Mapping[CreditGrade, int] | None) -> None:
        """Show what is chosen, and how many there are where that is known."""
        labels = self._labels
        for grade, chip in self.chips.items():
            name = labels("credit.all") if grade is None else labels.rank(grade)
            many = None if counts is None else sum(counts.values()) if grade is None else counts[grade]
            short = name if grade is None else grade.code
            chip.setText(short if many is None else f"{short}  {labels.count(many)}")
            chip.setToolTip("" if many is None else labels("credit.chip", grade=name, n=labels.exact(many)))
            chip.setAccessibleName(name if many is None else labels("credit.chip", grade=name, n=labels.exact(many)))
            chip.setChecked(not chosen if grade is None else grade in chosen)
