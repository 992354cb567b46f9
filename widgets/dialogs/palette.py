# SPDX-License-Identifier: Apache-2.0
"""The palette: jump to a creator, a page or a command by typing, in Chinese, by pinyin initials or by handle."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import QDialog, QLineEdit, QListWidget, QListWidgetItem, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from PySide6.QtCore import QModelIndex, QPersistentModelIndex

    from app.usecases.creators import RosterRow
    from widgets.labels import Labels
    from widgets.tasks import Tasks
    from widgets.theme import Theme

_CREATORS: Final = 8
_COMMANDS: Final = 12
_HINT: Final = Qt.ItemDataRole.UserRole + 1
_WAIT: Final = 90
_KEYS: Final = {Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the palette: what it says, what stands at its right, and what it does."""

    text: str
    hint: str
    icon: str
    act: Callable[[], object]
    also: str = ""
    """Other words it answers to."""


def initials(texts: Iterable[str]) -> dict[str, str]:
    """Pinyin initials of texts; takes a moment the first time."""
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")  # single characters are enough, and its phrases are 10 MB
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415 (nobody needs it before the palette opens)

    return {text: "".join(lazy_pinyin(text, style=Style.FIRST_LETTER)).lower() for text in texts}


def matches(needle: str, choice: Choice, letters: str) -> int:
    """How well a choice answers: 0 not at all, more is better."""
    needle = needle.strip().casefold()
    text = choice.text.casefold()
    if not needle or text.startswith(needle):
        return 4
    if needle in text:
        return 3
    if letters and needle in letters:
        return 2
    return 1 if needle in choice.also.casefold() else 0


class Palette(QDialog):
    """A line to type in and what it finds. Enter does the first or the chosen one, Escape closes."""

    def __init__(
        self, choices: Sequence[Choice], labels: Labels, theme: Theme, tasks: Tasks, search: Callable[[str], list[RosterRow]] | None, parent: QWidget
    ) -> None:
        """Offer commands and pages at once, creators as soon as the workspace answers."""
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("palette")
        self.setWindowTitle(labels("command.view.palette"))
        self._choices, self._labels, self._theme, self._tasks, self._search = list(choices), labels, theme, tasks, search
        self._letters: dict[str, str] = {}
        self._found: list[Choice] = []
        self.show_creator: Callable[[int], object] = lambda _: None
        self.line = QLineEdit(self)
        self.line.setPlaceholderText(labels("palette.hint"))
        self.line.setAccessibleName(labels("palette.hint"))
        self.line.setClearButtonEnabled(True)
        self.list = QListWidget(self)
        self.list.setAccessibleName(labels("palette.results"))
        self.list.setItemDelegate(_Line(theme, self.list))
        self.list.setIconSize(theme.icon_size)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemClicked.connect(self._chosen)
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 10, 10, 8)
        box.addWidget(self.line)
        box.addWidget(self.list)
        self.line.installEventFilter(self)
        self.line.textChanged.connect(self._typed)
        self._pause = QTimer(self, singleShot=True, interval=_WAIT)
        self._pause.timeout.connect(self._ask)
        self._fill()
        texts = [choice.text for choice in choices]
        tasks.run(self, lambda: initials(texts), self._letters_known)
        self._place(parent)

    # ------------------------------------------------------------ typing

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrow keys move through the list while the line keeps the cursor."""
        if watched is self.line and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in _KEYS:
                self.list.keyPressEvent(event)
                return True
            if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
                self._chosen(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def _typed(self) -> None:
        # What an input method is still composing is not in the text yet.
        if not self.line.text().strip():
            self._found = []
        self._fill()
        self._pause.start()

    def _letters_known(self, letters: dict[str, str]) -> None:
        self._letters = letters
        if self.line.text():
            self._fill()

    def _ask(self) -> None:
        needle = self.line.text().strip()
        search = self._search
        if needle and search is not None:
            self._tasks.run(self, lambda: search(needle), lambda rows: self._answered(needle, rows), lambda _: None)

    def _answered(self, needle: str, rows: list[RosterRow]) -> None:
        if needle != self.line.text().strip():
            return
        self._found = [self._creator(row) for row in rows]
        self._fill()

    def _creator(self, row: RosterRow) -> Choice:
        where = (self._labels.platform(code) for code in row.platforms[:2])
        hint = "  ".join((*where, self._labels.count(row.followers), self._labels.rank(row.tier), self._labels.rank(row.bookable)))
        return Choice(row.name, hint, "owner", lambda: self.show_creator(row.id))

    # ------------------------------------------------------------ list

    def _fill(self) -> None:
        needle = self.line.text()
        ranked = [(matches(needle, choice, self._letters.get(choice.text, "")), choice) for choice in self._choices]
        ranked = [pair for pair in ranked if pair[0]]
        ranked.sort(key=lambda pair: -pair[0])
        shown = [*(choice for _, choice in ranked[:_COMMANDS]), *self._found[:_CREATORS]]
        self.list.clear()
        for choice in shown:
            item = QListWidgetItem(self._theme.icon(choice.icon, "text_muted"), choice.text, self.list)
            item.setData(_HINT, choice.hint)
            item.setData(Qt.ItemDataRole.UserRole, choice)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{choice.text} {choice.hint}".strip())
        if not shown:
            item = QListWidgetItem(self._labels("palette.nothing"), self.list)
            item.setFlags(Qt.ItemFlag.NoItemFlags)
        self.list.setCurrentRow(0)

    def _chosen(self, item: QListWidgetItem | None) -> None:
        choice = None if item is None else item.data(Qt.ItemDataRole.UserRole)
        if isinstance(choice, Choice):
            self.close()
            choice.act()

    def _place(self, parent: QWidget) -> None:
        width, height = min(self._theme.px(600), parent.width() - 40), min(self._theme.px(420), parent.height() - 80)
        corner = parent.mapToGlobal(QPoint((parent.width() - width) // 2, self._theme.px(64)))
        self.setGeometry(QRect(corner, QSize(width, height)))


class _Line(QStyledItemDelegate):
    """A line with a muted hint at its right."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(super().sizeHint(option, index).width(), self._theme.px(30))

    def hint_of(self, index: QModelIndex | QPersistentModelIndex, width: int) -> str:
        """The hint of a line, as much of it as fits into a half."""
        if width <= 0:
            return ""
        return QFontMetrics(self._theme.font(12)).elidedText(index.data(_HINT) or "", Qt.TextElideMode.ElideRight, width // 2)

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Words end before their hint begins."""
        super().initStyleOption(option, index)
        hint = self.hint_of(index, option.rect.width())
        taken = option.decorationSize.width() + 20 + (QFontMetrics(self._theme.font(12)).horizontalAdvance(hint) + 24 if hint else 0)
        option.text = option.fontMetrics.elidedText(option.text, Qt.TextElideMode.ElideRight, max(40, option.rect.width() - taken))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().paint(painter, option, index)
        hint = index.data(_HINT)
        if not hint:
            return
        rect = option.rect.adjusted(0, 0, -10, 0)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setFont(self._theme.font(12))
        painter.setPen(self._theme.colour("selected_text" if chosen else "text_muted"))
        painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self.hint_of(index, rect.width()))
        painter.restore()
