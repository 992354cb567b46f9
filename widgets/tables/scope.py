# SPDX-License-Identifier: Apache-2.0
"""Whose rows are looked at: mine, my team's, all, nobody's; one control for every list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton

if TYPE_CHECKING:
    from collections.abc import Sequence

    from widgets.labels import Labels
    from widgets.theme import Theme


class Scope(QFrame):
    """Buttons of which one is down; words under ``filter.scope.<name>`` and ``filter.scope.<name>.name``."""

    chosen = Signal(str)
    """The user pressed one."""

    def __init__(self, names: Sequence[str], labels: Labels, theme: Theme, title: str = "") -> None:
        """Offer some."""
        super().__init__()
        self.setAccessibleName(title or labels("filter.scope.title"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        self.buttons: dict[str, QToolButton] = {}
        for name in names:
            button = QToolButton()
            button.setText(labels(f"filter.scope.{name}"))
            button.setAccessibleName(labels(f"filter.scope.{name}.name"))
            button.setToolTip(labels(f"filter.scope.{name}.name"))
            button.setCheckable(True)
            button.setAutoExclusive(True)
            button.setMinimumHeight(theme.px(28))
            button.clicked.connect(lambda _=False, name=name: self.chosen.emit(name))
            row.addWidget(button)
            self.buttons[name] = button

    @property
    def name(self) -> str:
        """Which is down."""
        return next((name for name, button in self.buttons.items() if button.isChecked()), "")

    def show_name(self, name: str) -> None:
        """Put one down."""
        self.buttons[name].setChecked(True)

    def explain(self, name: str, text: str) -> None:
        """Say more about one."""
        self.buttons[name].setToolTip(text)
