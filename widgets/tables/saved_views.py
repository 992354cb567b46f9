# SPDX-License-Identifier: Apache-2.0
"""Saved views of a table: a name for search, filter, order and columns; kept for each workspace on this computer."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QInputDialog, QMenu, QToolButton

if TYPE_CHECKING:
    from collections.abc import Callable

    from widgets.labels import Labels
    from widgets.theme import Theme


class SavedViews(QToolButton):
    """A button with the list of views; ``give`` tells the present one, ``take`` shows another."""

    def __init__(
        self, labels: Labels, theme: Theme, key: str, workspace: str, give: Callable[[], dict[str, Any]], take: Callable[[dict[str, Any]], None]
    ) -> None:
        """Keep views of a table in a workspace."""
        super().__init__()
        self._labels, self._theme, self._give, self._take = labels, theme, give, take
        self._place = f"views/{hashlib.sha256(workspace.encode()).hexdigest()[:12]}/{key}"
        self.current = ""
        self.setProperty("role", "button")
        self.setIcon(theme.icon("star"))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill)
        self.setMenu(self._menu)
        self._name("")

    def views(self) -> dict[str, dict[str, Any]]:
        """Views by name."""
        kept = QSettings().value(self._place)
        try:
            found = json.loads(kept) if isinstance(kept, str) and kept else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def save(self, name: str) -> None:
        """Keep the present view under a name."""
        name = name.strip()
        if name:
            QSettings().setValue(self._place, json.dumps({**self.views(), name: self._give()}, ensure_ascii=False))
            self._name(name)

    def show_view(self, name: str) -> None:
        """Show a kept view."""
        found = self.views().get(name)
        if found is not None:
            self._take(found)
            self._name(name)

    def delete(self, name: str) -> None:
        """Forget a view."""
        QSettings().setValue(self._place, json.dumps({key: value for key, value in self.views().items() if key != name}, ensure_ascii=False))
        if self.current == name:
            self._name("")

    def _name(self, name: str) -> None:
        self.current = name
        shown = name if len(name) <= 14 else name[:13] + "…"  # noqa: PLR2004 (as much as fits a button)
        self.setText(shown.replace("&", "&&") or self._labels("views.title"))
        self.setAccessibleName(self._labels("views.current", name=name) if name else self._labels("views.title"))

    def _fill(self) -> None:
        self._menu.clear()
        labels, names = self._labels, list(self.views())
        for name in names:
            action = self._menu.addAction(name.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(name == self.current)
            action.triggered.connect(lambda _=False, name=name: self.show_view(name))
        if not names:
            self._menu.addAction(labels("views.none")).setEnabled(False)
        self._menu.addSeparator()
        if self.current:
            self._menu.addAction(labels("views.update", name=self.current.replace("&", "&&")), lambda: self.save(self.current))
        self._menu.addAction(labels("views.save"), self._ask)
        if self.current:
            self._menu.addAction(labels("views.delete", name=self.current.replace("&", "&&")), lambda: self.delete(self.current))

    def _ask(self) -> None:
        name, good = QInputDialog.getText(self, self._labels("views.save"), self._labels("views.name"))
        if good:
            self.save(name)
