# SPDX-License-Identifier: Apache-2.0
"""Cards of a page: a titled frame, and bars whose length compares and whose press leads to what they count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout

from widgets.messages import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from widgets.labels import Labels
    from widgets.theme import Theme


class Bar(QAbstractButton):
    """A word, how many, and how that compares; pressing it leads to them."""

    def __init__(self, name: str, count: int, most: int, total: int, labels: Labels, theme: Theme, token: str) -> None:
        """Say and draw a share."""
        super().__init__()
        self._theme, self._token = theme, token
        self._share = count / most if most else 0.0
        self._count = labels.count(count)
        self.setText(name)
        told = labels("today.bar", name=name, count=labels.exact(count), share=labels.percent(count / total if total else 0.0))
        self.setAccessibleName(told)
        self.setToolTip(told)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """A row's height, and room for both words."""
        metrics = QFontMetrics(self._theme.font())
        return QSize(metrics.horizontalAdvance(self.text() + self._count) + self._theme.px(90), self._theme.px(26))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Word at the left, bar in the middle, figure at the right."""
        del event
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.underMouse():
            painter.setBrush(theme.colour("hover"))
            painter.drawRoundedRect(self.rect(), 4, 4)
        word, figure = theme.px(112), theme.px(62)
        room = self.rect().adjusted(word + 8, theme.px(7), -figure, -theme.px(7))
        painter.setBrush(theme.colour("grid"))
        painter.drawRoundedRect(room, 3, 3)
        if self._share:
            painter.setBrush(theme.colour(self._token + "_text") if self._token.startswith("tier_") else theme.colour("accent"))
            painter.drawRoundedRect(QRect(room.topLeft(), QSize(max(4, round(room.width() * self._share)), room.height())), 3, 3)
        painter.setPen(theme.colour("text"))
        painter.setFont(theme.figures())
        painter.drawText(self.rect().adjusted(8, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())
        painter.drawText(self.rect().adjusted(0, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self._count)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(theme.colour("focus"))
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        painter.end()


class Parts(QAbstractButton):
    """A word with a figure and a note, and below them a bar in parts; pressing it leads to what the figure counts."""

    def __init__(self, name: str, figure: str, note: str, parts: Sequence[tuple[int, str]], told: str, theme: Theme) -> None:
        """Say and draw parts of a whole: how many each, and its colour."""
        super().__init__()
        self._theme, self._figure, self._note, self._parts = theme, figure, note, [one for one in parts if one[0] > 0]
        self.setText(name)
        self.setAccessibleName(told)
        self.setToolTip(told)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Two rows of text height."""
        metrics = QFontMetrics(self._theme.font())
        return QSize(metrics.horizontalAdvance(self.text() + self._figure + self._note) + self._theme.px(40), self._theme.px(42))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Word, note and figure on a line, the bar under it."""
        del event
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.underMouse():
            painter.setBrush(theme.colour("hover"))
            painter.drawRoundedRect(self.rect(), 4, 4)
        line = self.rect().adjusted(8, 4, -8, -theme.px(14))
        bar = QRect(8, self.height() - theme.px(12), self.width() - 16, theme.px(6))
        whole, left = sum(count for count, _ in self._parts), 0
        painter.setBrush(theme.colour("grid"))
        painter.drawRoundedRect(bar, 3, 3)
        for count, token in self._parts:
            width = max(2, round(bar.width() * count / whole))
            painter.setBrush(theme.colour(token))
            painter.drawRoundedRect(QRect(bar.left() + left, bar.top(), min(width, bar.width() - left), bar.height()), 2, 2)
            left += width + 1
        painter.setFont(theme.figures())
        metrics = QFontMetrics(theme.figures())
        painter.setPen(theme.colour("text"))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self._figure)
        painter.setPen(theme.colour("text_muted"))
        note = line.adjusted(metrics.horizontalAdvance(self.text()) + 10, 0, -metrics.horizontalAdvance(self._figure) - 10, 0)
        said = metrics.elidedText(self._note, Qt.TextElideMode.ElideRight, note.width())
        painter.drawText(note, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, said)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(theme.colour("focus"))
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        painter.end()


class Card(QFrame):
    """A titled frame; ``column`` holds what is in it, ``tools`` what stands beside the title."""

    def __init__(self, title: str) -> None:
        """Empty at first."""
        super().__init__()
        self.setObjectName("card")
        self.setAccessibleName(title)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(12, 10, 12, 12)
        outer.setSpacing(6)
        self.tools = QHBoxLayout()
        self.tools.addWidget(plain(title, role="heading"))
        self.tools.addStretch(1)
        outer.addLayout(self.tools)
        self.column = QVBoxLayout()
        self.column.setSpacing(1)
        outer.addLayout(self.column, 1)

    def clear(self) -> None:
        """Take everything out."""
        while (item := self.column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
