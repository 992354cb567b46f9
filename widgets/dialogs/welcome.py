# SPDX-License-Identifier: Apache-2.0
"""What stands in the window while no workspace is open: the first start, the opening, and what to do when it cannot be opened."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from widgets.dialogs.notice import Elided
from widgets.messages import plain, tip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.errors import ProductError
    from widgets.labels import Labels
    from widgets.messages import Messages
    from widgets.theme import Theme

_WIDTH: Final = 620
_RECENT: Final = 5
_LONG_MS: Final = 3000


class Middle(QWidget):
    """A card in the middle of the window."""

    def __init__(self, theme: Theme) -> None:
        """An empty card; ``column`` is its content."""
        super().__init__()
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        card = QFrame(self)
        card.setObjectName("card")
        card.setFixedWidth(theme.px(_WIDTH))
        self.column = QVBoxLayout(card)
        self.column.setContentsMargins(32, 28, 32, 28)
        self.column.setSpacing(10)
        outer = QVBoxLayout(self)
        outer.addStretch(2)
        across = QHBoxLayout()  # not an alignment: that would forget how high wrapped text is
        across.addStretch(1)
        across.addWidget(card)
        across.addStretch(1)
        outer.addLayout(across)
        outer.addStretch(3)

    def button(self, text: str, icon: str, act: Callable[[], object], *, role: str = "") -> QPushButton:
        """A button of the card, not yet placed."""
        made = QPushButton(self._theme.icon(icon, "text_on_accent" if role == "primary" else "text"), text, self)
        made.setIconSize(self._theme.icon_size)
        if role:
            made.setProperty("role", role)
        made.clicked.connect(act)
        return made

    def row(self, buttons: Sequence[QPushButton]) -> None:
        """Buttons beside each other."""
        row = QHBoxLayout()
        row.setSpacing(8)
        for button in buttons:
            row.addWidget(button)
        row.addStretch(1)
        self.column.addLayout(row)


class Opening(Middle):
    """A workspace is being opened."""

    def __init__(self, address: str, labels: Labels, theme: Theme) -> None:
        """Name it and show that something goes on."""
        super().__init__(theme)
        self.column.addWidget(plain(labels("welcome.opening"), role="heading"))
        self.column.addWidget(plain(address, role="muted", wrap=True))
        busy = QProgressBar(self)
        busy.setRange(0, 0)
        busy.setTextVisible(False)
        busy.setAccessibleName(labels("welcome.opening"))
        self.column.addWidget(busy)
        self.patience = plain(labels("welcome.opening_long"), role="muted", wrap=True)
        self.patience.hide()
        self.column.addWidget(self.patience)
        wait = QTimer(self, singleShot=True, interval=_LONG_MS)
        wait.timeout.connect(self.patience.show)
        wait.start()


class Welcome(Middle):
    """The first start: choose or create a workspace, or open the sample brand."""

    def __init__(self, labels: Labels, theme: Theme, act: Callable[[str], object], recent: Sequence[str], reopen: Callable[[str], object]) -> None:
        """Offer three ways in, and what was open lately."""
        super().__init__(theme)
        self.column.addWidget(plain(labels("welcome.title"), role="title"))
        self.column.addWidget(plain(labels("welcome.text"), role="muted", wrap=True))
        self.column.addSpacing(8)
        for key, icon, role in (("file.sample", "sample", "primary"), ("file.new", "new", ""), ("file.open", "workspace", ""), ("file.open_team", "owner", "")):
            row = QHBoxLayout()
            row.setSpacing(14)
            button = self.button(labels(f"welcome.{key}"), icon, partial(act, key), role=role)
            button.setMinimumWidth(theme.px(190))
            hint = plain(labels(f"welcome.{key}.hint"), role="muted", wrap=True)
            row.addWidget(button)
            row.addWidget(hint, 1)
            self.column.addLayout(row)
        if recent:
            self.column.addSpacing(8)
            self.column.addWidget(plain(labels("welcome.recent"), role="heading"))
            for address in recent[:_RECENT]:
                row = QHBoxLayout()
                row.setSpacing(8)
                link = self.button(Path(address).name or address, "file", partial(reopen, address), role="link")
                link.setToolTip(tip(address))
                row.addWidget(link)
                row.addWidget(Elided(_folder(address), "muted"), 1)  # files of one name are told apart by it
                self.column.addLayout(row)


def _folder(address: str) -> str:
    """Where a workspace lies, as people write it; nothing for a database, whose address says it."""
    if "://" in address:
        return ""
    folder, home = str(Path(address).parent), str(Path.home())
    return "~" + folder[len(home) :] if folder.startswith(home) else folder


class Trouble(Middle):
    """A workspace cannot be opened: what happened, what is safe, and the ways on. Nothing is created or changed by itself."""

    def __init__(
        self,
        error: ProductError,
        address: str,
        messages: Messages,
        theme: Theme,
        act: Callable[[str], object],
        again: Callable[[], object],
        restore: Callable[[Path | None], object],
    ) -> None:
        """Say it in words; the newest backup is named where there is one."""
        super().__init__(theme)
        labels = messages.labels
        message = messages.sentence(error, messages.log(error))
        self.column.addWidget(plain(labels("trouble.title", name=Path(address).name or address), role="title", wrap=True))
        self.column.addWidget(plain(message.text, wrap=True))
        for key, text in (("error.safe", message.safe), ("error.next", message.next)):
            self.column.addSpacing(4)
            self.column.addWidget(plain(labels(key), role="muted"))
            self.column.addWidget(plain(text, wrap=True))
        backup = error.details.get("backup")
        self.column.addSpacing(10)
        if backup:
            self.column.addWidget(
                plain(labels("trouble.backup", file=Path(str(backup)).name, created=_readable(str(error.details.get("created", "")))), wrap=True)
            )
            self.row([self.button(labels("trouble.restore_newest"), "restore", lambda: restore(Path(str(backup))), role="primary")])
            self.column.addSpacing(4)
        self.row(
            [
                self.button(labels("trouble.again"), "refresh", again),
                self.button(labels("trouble.restore_other"), "restore", lambda: restore(None)),
                self.button(labels("trouble.open_other"), "workspace", lambda: act("file.open")),
                self.button(labels("trouble.new"), "new", lambda: act("file.new")),
            ]
        )
        self.column.addSpacing(6)
        foot = QHBoxLayout()
        foot.addWidget(plain(message.log_id, role="muted"), 1)
        foot.addWidget(self.button(labels("action.copy_error"), "copy", lambda: QGuiApplication.clipboard().setText(message.whole), role="link"))
        self.column.addLayout(foot)


def _readable(created: str) -> str:
    """``2026-11-24T10:03:20Z`` as people write it."""
    return created[:16].replace("T", " ") + (" UTC" if created.endswith("Z") else "")
