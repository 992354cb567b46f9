# SPDX-License-Identifier: Apache-2.0
"""Toasts in the corner, and the panel at the right that keeps them or explains a page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QEnterEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QToolButton, QVBoxLayout, QWidget

from app.values import moment
from widgets.dialogs.guide import Guide
from widgets.messages import Note, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from widgets.labels import Labels
    from widgets.theme import Theme

_SHOWN_MS: Final = {"error": 12_000, "warning": 9_000}
_USUAL_MS: Final = 6_000
_AT_ONCE: Final = 3
_MARGIN: Final = 14
_NOTES: Final = 340
_HELP: Final = 400
_ICON: Final = {"info": ("info", "accent"), "ok": ("check", "ok"), "warning": ("warning", "warning"), "error": ("error", "danger")}


class Toast(QFrame):
    """One thing said in passing; stays while the pointer is on it."""

    gone = Signal(object)

    def __init__(self, note: Note, labels: Labels, theme: Theme, parent: QWidget) -> None:
        """Lay the note out and start its time."""
        super().__init__(parent)
        self.setObjectName("toast")
        self.setProperty("kind", note.kind)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(theme.px(380))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 9, 6, 9)
        row.setSpacing(10)
        row.addWidget(_sign(note.kind, theme), 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(plain(note.text, wrap=True))
        if note.action is not None:
            column.addWidget(_act(note.action, self.close), 0, Qt.AlignmentFlag.AlignLeft)
        row.addLayout(column, 1)
        row.addWidget(_closer(labels, theme, self.close), 0, Qt.AlignmentFlag.AlignTop)
        self._time = QTimer(self, singleShot=True, interval=_SHOWN_MS.get(note.kind, _USUAL_MS))
        self._time.timeout.connect(self.close)
        self._time.start()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, note.text))

    def enterEvent(self, event: QEnterEvent) -> None:
        """Somebody reads it."""
        self._time.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Nobody reads it any more."""
        self._time.start()
        super().leaveEvent(event)

    def closeEvent(self, event: QEvent) -> None:
        """Make room for others."""
        self.gone.emit(self)
        super().closeEvent(event)  # type: ignore[arg-type]


class Toasts(QObject):
    """Stacks toasts in the lower right corner of a window, above a margin."""

    def __init__(self, window: QWidget, labels: Labels, theme: Theme, above: Callable[[], int]) -> None:
        """``above`` tells how much of the window's foot stays free."""
        super().__init__(window)
        self._window, self._labels, self._theme, self._above = window, labels, theme, above
        self.shown: list[Toast] = []
        window.installEventFilter(self)

    def show(self, note: Note) -> None:
        """Show a note; the oldest makes room."""
        while len(self.shown) >= _AT_ONCE:
            self.shown[0].close()
        toast = Toast(note, self._labels, self._theme, self._window)
        toast.gone.connect(self._gone)
        self.shown.append(toast)
        toast.show()
        self._place()

    def clear(self) -> None:
        """Take all of them away."""
        for toast in tuple(self.shown):
            toast.close()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _gone(self, toast: Toast) -> None:
        if toast in self.shown:
            self.shown.remove(toast)
            toast.deleteLater()
            self._place()

    def _place(self) -> None:
        bottom = self._window.height() - self._above() - _MARGIN
        for toast in reversed(self.shown):
            toast.adjustSize()
            bottom -= toast.height()
            toast.move(QPoint(self._window.width() - toast.width() - _MARGIN, bottom))
            toast.raise_()
            bottom -= 8


class Side(QFrame):
    """The panel at the right: a title, a way to close it, and what is put in."""

    closed = Signal()

    def __init__(self, labels: Labels, theme: Theme) -> None:
        """Stay hidden until something is shown."""
        super().__init__()
        self.setObjectName("side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(theme.px(_NOTES))
        self._labels, self._theme = labels, theme
        self._guide: Guide | None = None
        self._clear: Callable[[], object] = lambda: None
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 12, 8, 8)
        head = QHBoxLayout()
        self._title = plain("", role="heading")
        head.addWidget(self._title, 1)
        self._extra = QPushButton(self)
        self._extra.setProperty("role", "link")
        self._extra.clicked.connect(lambda _=False: self._clear())
        self._extra.hide()
        head.addWidget(self._extra)
        head.addWidget(_closer(labels, theme, self.close))
        box.addLayout(head)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._scroll.setAccessibleName(labels("side.content"))
        box.addWidget(self._scroll, 1)
        self._box = box
        self.topic = ""
        self.hide()

    def close(self) -> bool:
        """Go away."""
        self.topic = ""
        self.hide()
        self.closed.emit()
        return True

    def notes(self, notes: Sequence[Note], clear: Callable[[], object]) -> None:
        """Show the notification list."""
        body, column = self._begin("notes", self._labels("notes.title"))
        self._extra.setText(self._labels("notes.clear"))
        self._extra.setVisible(bool(notes))
        self._clear = clear
        if not notes:
            column.addWidget(plain(self._labels("notes.none"), role="muted", wrap=True))
        for note in notes:
            row = QHBoxLayout()
            row.setSpacing(10)
            row.addWidget(_sign(note.kind, self._theme), 0, Qt.AlignmentFlag.AlignTop)
            words = QVBoxLayout()
            words.setSpacing(2)
            words.addWidget(plain(note.text, wrap=True))
            words.addWidget(plain(self._labels.time(moment(datetime.fromtimestamp(note.at, UTC))), role="muted"))
            if note.action is not None:
                words.addWidget(_act(note.action, None), 0, Qt.AlignmentFlag.AlignLeft)
            row.addLayout(words, 1)
            column.addLayout(row)
        self._end(body, column)

    @property
    def guide(self) -> Guide:
        """The user guide; built when it is first asked for."""
        if self._guide is None:
            self._guide = Guide(self._labels, self._theme)
            self._guide.hide()
            self._box.addWidget(self._guide, 1)
        return self._guide

    def help(self, title: str, chapter: str, shortcuts: Sequence[tuple[str, str]]) -> None:
        """Explain a page: its chapter of the guide, and what the keys do."""
        self._head("help", title)
        self._scroll.hide()
        self.setFixedWidth(self._theme.px(_HELP))
        self.guide.open_at(chapter, shortcuts)
        self.guide.show()
        self.show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes it."""
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def _head(self, topic: str, title: str) -> None:
        self.topic = topic
        self._title.setText(title)
        self.setAccessibleName(title)
        self._extra.hide()

    def _begin(self, topic: str, title: str) -> tuple[QWidget, QVBoxLayout]:
        self._head(topic, title)
        self.setFixedWidth(self._theme.px(_NOTES))
        if self._guide is not None:
            self._guide.hide()
        self._scroll.show()
        body = QWidget()
        body.setObjectName("body")
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 6, 8, 6)
        column.setSpacing(10)
        return body, column

    def _end(self, body: QWidget, column: QVBoxLayout) -> None:
        column.addStretch(1)
        self._scroll.setWidget(body)
        self.show()


def _sign(kind: str, theme: Theme) -> QLabel:
    name, token = _ICON.get(kind, _ICON["info"])
    made = QLabel()
    made.setPixmap(theme.icon(name, token).pixmap(theme.icon_size))
    return made


def _act(action: tuple[str, Callable[[], object]], then: Callable[[], object] | None) -> QPushButton:
    text, act = action
    button = QPushButton(text)
    button.setProperty("role", "link")

    def pressed() -> None:
        if then is not None:
            then()
        act()

    button.clicked.connect(pressed)
    return button


def _closer(labels: Labels, theme: Theme, close: Callable[[], object]) -> QToolButton:
    made = QToolButton()
    made.setIcon(theme.icon("close", "text_muted"))
    made.setToolTip(labels("action.close"))
    made.setAccessibleName(labels("action.close"))
    made.clicked.connect(close)
    return made
