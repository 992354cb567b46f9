# SPDX-License-Identifier: Apache-2.0
"""A message that stays in its dialog: what happened, what is safe, what to do next, and buttons for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from widgets.messages import plain, tip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QPaintEvent

    from app.errors import ProductError
    from widgets.messages import Messages
    from widgets.theme import Theme

_SIGN: Final = {"error": "error", "warning": "warning", "ok": "check", "info": "info"}
_TOKEN: Final = {"error": "danger", "warning": "warning", "ok": "ok", "info": "accent"}
_SOFT: Final = {"error": "danger_soft", "warning": "warning_soft", "ok": "ok_soft", "info": "info_soft"}


def shown(text: str, most: int = 200) -> str:
    """Outside text on one line: breaks, control and direction signs made visible, the rest cut."""
    out = "".join(char if char.isprintable() else " " if char in "\r\n\t" else f"\\u{ord(char):04x}" for char in text[: most + 1])
    return out if len(text) <= most else out[:most] + "…"


class Elided(QLabel):
    """One line of outside text, cut at the right where it does not fit; the whole of it is in the tool tip."""

    def __init__(self, text: str, role: str = "", parent: QWidget | None = None) -> None:
        """Show a text literally."""
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setToolTip(tip(text))
        self.setMinimumWidth(40)
        if role:
            self.setProperty("role", role)

    def minimumSizeHint(self) -> QSize:
        """As narrow as one likes."""
        return QSize(40, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what fits."""
        del event
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        fitting = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, fitting)
        painter.end()


class Notice(QFrame):
    """Hidden until there is something to say."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Take colours and icons from the theme."""
        super().__init__(parent)
        self._theme = theme
        self.setObjectName("notice")
        self._sign = QLabel(self)
        self._sign.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._title = plain(role="heading", wrap=True, parent=self)
        self._text = plain(wrap=True, parent=self)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._title)
        words.addWidget(self._text)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(6)
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 8, 12, 8)
        grid.setHorizontalSpacing(10)
        grid.addWidget(self._sign, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addLayout(words, 0, 1)
        grid.addLayout(self._buttons, 0, 2, Qt.AlignmentFlag.AlignVCenter)
        grid.setColumnStretch(1, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.hide()

    @property
    def words(self) -> str:
        """Everything it says now; empty while it is silent."""
        return "" if self.isHidden() else f"{self._title.text()}\n{self._text.text()}".strip()

    def say(self, kind: str, title: str, text: str = "", actions: Sequence[tuple[str, Callable[[], None]]] = ()) -> None:
        """Show a message; ``kind`` is error, warning, ok or info. The first action is the usual one."""
        border, soft = self._theme.colour(_TOKEN[kind]).name(), self._theme.colour(_SOFT[kind]).name()
        self.setStyleSheet(f"#notice {{ background: {soft}; border: none; border-left: 4px solid {border}; border-radius: 5px; }}")
        side = self._theme.icon_size
        self._sign.setPixmap(self._theme.icon(_SIGN[kind], _TOKEN[kind]).pixmap(side))
        self._title.setText(title)
        self._title.setVisible(bool(title))
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self._clear()
        for name, act in actions:
            button = QPushButton(name, self)
            button.setAutoDefault(False)
            button.clicked.connect(lambda _checked=False, act=act: act())
            self._buttons.addWidget(button)
            button.show()
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self.show()

    def fail(self, messages: Messages, error: ProductError, actions: Sequence[tuple[str, Callable[[], None]]] = ()) -> None:
        """Show a failure in words: what happened, what is safe, what to do next."""
        told = messages.sentence(error)
        self.say("error", told.title, "\n".join(part for part in (told.text, told.safe, told.next) if part), actions)

    def silence(self) -> None:
        """Take the message away."""
        self._clear()
        self.hide()

    def _clear(self) -> None:
        while (item := self._buttons.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
