# SPDX-License-Identifier: Apache-2.0
"""What a page is: a title, one line of figures, its work; it refreshes on events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from widgets.messages import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QAction, QIcon

    from app.events import Event
    from app.rules.rights import Act
    from app.services import Services
    from app.settings import Settings
    from widgets.labels import Labels
    from widgets.messages import Messages
    from widgets.tasks import Tasks
    from widgets.theme import Theme


@dataclass(frozen=True, slots=True)
class Context:
    """What pages and dialogs are handed: the open workspace and how to speak, look, run and go elsewhere."""

    services: Services
    tasks: Tasks
    labels: Labels
    theme: Theme
    messages: Messages
    settings: Settings
    go: Callable[[str, object], None]
    act: Callable[[str], None]
    totals: Callable[[str], None] = lambda _: None
    """Shows the totals of a table's selection in the status bar; "" empties the place."""
    read_only: bool = False

    def may(self, act: Act) -> bool:
        """Whether whoever sits here may do something in this workspace."""
        return not self.read_only and self.services.rights.may(act)

    def why(self, act: Act) -> str:
        """Why not, for a tooltip; "" where it is allowed."""
        if self.read_only:
            return self.labels("creators.read_only")
        rights = self.services.rights
        return "" if rights.may(act) else self.labels("role.forbids", role=self.labels(f"role.{rights.role}"), act=self.labels(f"act.{act.value}"))


class PageHeader(QWidget):
    """Title, one line of figures that matter, and the primary actions at the right."""

    def __init__(
        self, title: str, actions: Sequence[QAction] = (), *, primary: QAction | None = None, icon_size: QSize | None = None, primary_icon: QIcon | None = None
    ) -> None:
        """Lay the header out; ``primary`` stands out among the actions, with an icon of its own that is seen on the accent colour."""
        super().__init__()
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 10, 16, 8)
        row.setSpacing(8)
        self._title = plain(title, role="title")
        self._figures = plain("", role="muted")
        self._figures.setMinimumWidth(60)
        row.addWidget(self._title)
        row.addSpacing(8)
        row.addWidget(self._figures, 1)
        self._buttons: list[QPushButton] = []
        for action in actions:
            self._add(row, action, "primary" if action is primary else "", icon_size, primary_icon if action is primary else None)

    def figures(self, text: str) -> None:
        """Show the line of figures."""
        self._figures.setText(text)

    def title(self, text: str) -> None:
        """Show another title."""
        self._title.setText(text)

    def _add(self, row: QHBoxLayout, action: QAction, role: str, icon_size: QSize | None, icon: QIcon | None) -> None:
        button = QPushButton(self)
        if role:
            button.setProperty("role", role)
        if icon_size is not None:
            button.setIconSize(icon_size)
        button.clicked.connect(action.trigger)

        def follow() -> None:
            button.setText(action.text().replace("&", ""))
            button.setIcon(action.icon() if icon is None else icon)
            button.setEnabled(action.isEnabled())
            button.setVisible(action.isVisible())
            keys = action.shortcut().toString(action.shortcut().SequenceFormat.NativeText)
            hint = action.toolTip() if not action.isEnabled() else f"{action.text()}  {keys}".strip()
            button.setToolTip(hint.replace("&", ""))

        follow()
        button.setVisible(True)
        action.changed.connect(follow)
        self._buttons.append(button)
        row.addWidget(button)


class Page(QWidget):
    """One page of the window. Built when first shown; never asks the workspace on the main thread."""

    key: ClassVar[str] = ""
    title_key: ClassVar[str] = ""
    icon: ClassVar[str] = ""
    help_key: ClassVar[str] = ""

    def __init__(self, context: Context) -> None:
        """Keep the context; a page lays itself out in its own constructor."""
        super().__init__()
        self.context = context
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(context.labels(self.title_key) if self.title_key else "")

    def box(self) -> QVBoxLayout:
        """An empty column that fills the page."""
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        return box

    def shown(self, argument: object = None) -> None:
        """The page was navigated to, maybe with what to show."""

    def changed(self, event: Event) -> None:
        """Something was saved; show it."""

    def actions(self) -> list[QAction]:
        """The page's own commands: shown in its menu and the palette."""
        return []

    def summary(self) -> str:
        """The line of figures."""
        return ""

    def settled(self) -> bool:
        """Whether nothing is being loaded: a picture can be taken."""
        return True
