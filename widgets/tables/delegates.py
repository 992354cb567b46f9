# SPDX-License-Identifier: Apache-2.0
"""Paints cells: plain text, badges, ink; and edits them with the mistake shown at the cell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QKeyEvent, QPainter, QPen, QPixmap, QStaticText
from PySide6.QtWidgets import (
    QAbstractItemDelegate,
    QAbstractItemView,
    QComboBox,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from app.errors import UsageError
from app.rules.fields import Kind, field_of
from widgets.messages import tip
from widgets.tables.model import PLACEHOLDER, TableModel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtCore import QAbstractItemModel, QObject

    from widgets.tables.columns import Badge, Column, Row, Whiskers
    from widgets.theme import Theme

MOST_BADGES: Final = 2
_PAD: Final = 8
_BADGE_PAD: Final = 6
_BADGE_GAP: Final = 4
_LAID: Final = 3_000
_DRAWN: Final = 600
_SELECTED: Final = QStyle.StateFlag.State_Selected.value
_FOCUSED: Final = QStyle.StateFlag.State_HasFocus.value
_RIGHT: Final = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_LEFT: Final = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_CENTRE: Final = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextSingleLine)


class CellDelegate(QStyledItemDelegate):
    """One for all columns: asks the column what to paint and paints it itself, for a cell must cost microseconds."""

    def __init__(self, theme: Theme, check: Callable[[str, str], None], explain: Callable[[UsageError], str], parent: QObject | None = None) -> None:
        """Paint in a theme; ``check`` raises UsageError for a text a field cannot take, ``explain`` words it."""
        super().__init__(parent)
        self.check, self.explain = check, explain
        self.dress(theme)

    def dress(self, theme: Theme) -> None:
        """Take the colours and measures of a theme."""
        self.theme = theme
        self._font, self._badge_font = theme.figures(), theme.font(12)
        self._metrics, self._badge_metrics = QFontMetrics(self._font), QFontMetrics(self._badge_font)
        self._pad, self._badge_pad, self._gap = theme.px(_PAD), theme.px(_BADGE_PAD), theme.px(_BADGE_GAP)
        self._colours: dict[str, QColor] = {}
        self._advances: dict[str, int] = {}
        self._texts: dict[tuple[str, int], tuple[QStaticText, int, int]] = {}
        self._badges: dict[tuple[str, str, int, int, float], QPixmap] = {}

    def colour(self, token: str) -> QColor:
        """Colour of a token, looked up once."""
        found = self._colours.get(token)
        if found is None:
            found = self._colours[token] = self.theme.colour(token)
        return found

    # ------------------------------------------------------------ painting

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """A cell: ground, badges or text, and the frame of the current one."""
        model = index.model()
        if not isinstance(model, TableModel):
            super().paint(painter, option, index)
            return
        rect: QRect = option.rect
        state = int(option.state.value)
        selected = bool(state & _SELECTED)
        if selected:
            painter.fillRect(rect, self.colour("selected"))
        column, row = model.columns[index.column()], model.record(index.row())
        if row is None:
            painter.setPen(self.colour("placeholder"))
            painter.drawText(rect.adjusted(self._pad, 0, -self._pad, 0), _LEFT, PLACEHOLDER)
        elif column.badges is not None:
            self._paint_badges(painter, rect, column.badges(row, model.labels))
        elif column.bar is not None and (whiskers := column.bar(row)) is not None:
            self._paint_bar(painter, rect, whiskers)
        else:
            self._paint_text(painter, rect, column, row, model, selected=selected)
        if state & _FOCUSED:
            painter.setPen(QPen(self.colour("focus"), 2))
            painter.drawRect(rect.adjusted(1, 1, -1, -1))

    def _paint_text(self, painter: QPainter, rect: QRect, column: Column, row: Row, model: TableModel, *, selected: bool) -> None:
        text = column.text(row, model.labels)
        if not text:
            return
        shown, width, height = self._laid(text, rect.width() - 2 * self._pad)
        painter.setFont(self._font)
        token = column.ink(row) if column.ink is not None else "text"
        painter.setPen(self.colour("selected_text" if selected and token == "text" else token))  # noqa: S105 (a colour)
        left = rect.right() + 1 - self._pad - width if column.right else rect.left() + self._pad
        painter.drawStaticText(left, rect.top() + (rect.height() - height) // 2, shown)

    def _paint_bar(self, painter: QPainter, rect: QRect, bar: Whiskers) -> None:
        """A thin line from end to end, a thick one over the middle half, a gap at the median; lines across the cell under them."""
        left, width, middle = rect.left() + self._pad, rect.width() - 2 * self._pad, rect.top() + rect.height() // 2
        if width <= 0:
            return

        def at(share: float) -> int:
            return left + round(min(1.0, max(0.0, share)) * width)

        half, cut = max(3, rect.height() // 5), bar.top > 1
        for share, token in bar.marks:
            if 0 <= share <= 1:
                painter.fillRect(at(share), rect.top() + 2, 1, rect.height() - 4, self.colour(token))
        ink = self.colour(bar.token)
        painter.fillRect(at(bar.low), middle, max(1, at(bar.top) - at(bar.low)), 1, ink)
        painter.fillRect(at(bar.mild), middle - half, max(1, at(bar.high) - at(bar.mild)), 2 * half + 1, ink)
        for share, size in ((bar.low, half), (bar.top, 0 if cut else half)):
            painter.fillRect(at(share), middle - size // 2, 1, size + 1, ink)
        if cut:  # it goes on beyond the cell
            painter.setPen(ink)
            painter.drawPolyline([QPoint(at(1) - 3, middle - 3), QPoint(at(1), middle), QPoint(at(1) - 3, middle + 3)])
        if bar.middle <= 1:
            painter.fillRect(at(bar.middle) - 1, middle - half, 2, 2 * half + 1, self.colour("surface"))

    def _laid(self, text: str, room: int) -> tuple[QStaticText, int, int]:
        """A text shortened to its room and laid out, for that is what painting costs; with its width and height."""
        key = (text, room)
        found = self._texts.get(key)
        if found is None:
            if len(self._texts) >= _LAID:
                self._texts.clear()
            line = self._metrics.elidedText(" ".join(text.splitlines()), Qt.TextElideMode.ElideRight, room)
            made = QStaticText(line)
            made.setTextFormat(Qt.TextFormat.PlainText)
            made.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
            made.prepare(font=self._font)
            size = made.size()
            found = self._texts[key] = (made, math.ceil(size.width()), math.ceil(size.height()))
        return found

    def _paint_badges(self, painter: QPainter, rect: QRect, badges: Sequence[Badge]) -> None:
        """At most two badges; that there are more is said by a sign, and which by the tool tip."""
        height = min(rect.height() - 6, self._badge_metrics.height() + 4)
        left, top = rect.left() + self._pad, rect.top() + (rect.height() - height) // 2
        for badge in badges[:MOST_BADGES]:
            picture, width = self._badge(badge, rect.right() - self._pad - left, height, painter.device().devicePixelRatio())
            if picture is None:
                break
            painter.drawPixmap(left, top, picture)
            left += width + self._gap
        if len(badges) > MOST_BADGES:
            painter.setFont(self._badge_font)
            painter.setPen(self.colour("text_muted"))
            rest = QRect(left, rect.top(), max(0, rect.right() - left - 2), rect.height())
            painter.drawText(rest, _LEFT, f"+{len(badges) - MOST_BADGES}")

    def _badge(self, badge: Badge, room: int, height: int, ratio: float) -> tuple[QPixmap | None, int]:
        """A badge as a picture, drawn once, with its width; None where there is no room."""
        width = self._advances.get(badge.text)
        if width is None:
            if len(self._advances) >= _LAID:
                self._advances.clear()
            width = self._advances[badge.text] = self._badge_metrics.horizontalAdvance(badge.text) + 2 * self._badge_pad
        width = min(width, room)
        if width < 2 * self._badge_pad:
            return None, 0
        key = (badge.text, badge.token, width, height, ratio)
        found = self._badges.get(key)
        if found is None:
            if len(self._badges) >= _DRAWN:
                self._badges.clear()
            found = self._badges[key] = self._drawn(badge, width, height, ratio)
        return found, width

    def _drawn(self, badge: Badge, width: int, height: int, ratio: float) -> QPixmap:
        picture = QPixmap(math.ceil(width * ratio), math.ceil(height * ratio))
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.colour(badge.token))
        box = QRectF(0, 0, width, height)
        painter.drawRoundedRect(box, 4, 4)
        painter.setFont(self._badge_font)
        painter.setPen(self.colour(ink_of(badge.token)))
        painter.drawText(box, _CENTRE, self._badge_metrics.elidedText(badge.text, Qt.TextElideMode.ElideRight, width - 2 * self._badge_pad + 1))
        painter.end()
        return picture

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Room for the whole text or all badges, for fitting a column to its contents."""
        model = index.model()
        if not isinstance(model, TableModel):
            return super().sizeHint(option, index)
        column, row = model.columns[index.column()], model.record(index.row())
        if row is None:
            return QSize(0, 0)
        if column.badges is None:
            return QSize(self._metrics.horizontalAdvance(column.text(row, model.labels)) + 2 * self._pad + 2, 0)
        badges = column.badges(row, model.labels)
        widths = [self._badge_metrics.horizontalAdvance(badge.text) + 2 * self._badge_pad + self._gap for badge in badges[:MOST_BADGES]]
        return QSize(sum(widths) + 2 * self._pad + (3 * self._pad if len(badges) > MOST_BADGES else 0), 0)

    def helpEvent(self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> bool:
        """Tool tip of a cell, literally."""
        if event.type() != QEvent.Type.ToolTip or not index.isValid():
            return super().helpEvent(event, view, option, index)
        text = index.data(Qt.ItemDataRole.ToolTipRole)
        QToolTip.showText(event.globalPos(), tip(text) if text else "", view)
        return True

    # ------------------------------------------------------------ editing

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QWidget:  # noqa: ARG002 (Qt's)
        """A line to type in, or a choice where only some words are possible."""
        model = index.model()
        if not isinstance(model, TableModel):
            return QLineEdit(parent)
        column = model.columns[index.column()]
        field = field_of(column.edit or "")
        title = model.labels.words(column.title_key)
        if field is not None and field.kind is Kind.RANK and field.ranks is not None:
            choice = QComboBox(parent)
            for rank in field.ranks:
                choice.addItem(model.labels.rank(rank), rank.code)
            choice.setAccessibleName(title)
            choice.activated.connect(lambda: self._finish(choice))
            return choice
        line = QLineEdit(parent)
        line.setFont(self._font)
        line.setAccessibleName(title)
        line.textEdited.connect(lambda: _mark(line, invalid=False))
        return line

    def setEditorData(self, editor: QWidget, index: QModelIndex | QPersistentModelIndex) -> None:
        """Start from what is there; an editor that is open keeps what was typed."""
        if editor.property("started"):
            return
        editor.setProperty("started", 1)
        text = index.data(Qt.ItemDataRole.EditRole) or ""
        if isinstance(editor, QComboBox):
            editor.setCurrentIndex(max(0, editor.findData(text)))
        elif isinstance(editor, QLineEdit):
            editor.setText(text)
            editor.selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: QModelIndex | QPersistentModelIndex) -> None:
        """Hand a good text on; a bad one was told already."""
        text = _text_of(editor)
        if self._complaint(index, text) is None:
            model.setData(index, text, Qt.ItemDataRole.EditRole)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:  # noqa: ARG002
        """The cell's place, wide enough to read."""
        rect: QRect = option.rect
        editor.setGeometry(QRect(rect.left(), rect.top(), max(rect.width(), self.theme.px(110)), rect.height()))

    def eventFilter(self, editor: QObject, event: QEvent) -> bool:
        """Enter with a text that cannot be taken says why and stays open."""
        if isinstance(editor, QLineEdit) and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            view = _view_of(editor)
            if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab} and view is not None:
                complaint = self._complaint(view.currentIndex(), editor.text())
                if complaint is not None:
                    self._tell(editor, complaint)
                    return True
                if event.key() != Qt.Key.Key_Tab:
                    self._finish(editor)
                    return True
        return super().eventFilter(editor, event)

    def _finish(self, editor: QWidget) -> None:
        self.commitData.emit(editor)
        self.closeEditor.emit(editor, QAbstractItemDelegate.EndEditHint.NoHint)

    def _complaint(self, index: QModelIndex | QPersistentModelIndex, text: str) -> str | None:
        model = index.model()
        if not isinstance(model, TableModel):
            return None
        try:
            self.check(model.columns[index.column()].edit or "", text)
        except UsageError as error:
            return self.explain(error)
        return None

    @staticmethod
    def _tell(editor: QLineEdit, complaint: str) -> None:
        editor.setAccessibleDescription(complaint)
        _mark(editor, invalid=True)
        QToolTip.showText(editor.mapToGlobal(QPoint(0, editor.height())), tip(complaint), editor)


def ink_of(token: str) -> str:
    """Colour of the text on a badge."""
    if token.startswith("tier_"):
        return f"{token}_text"
    return {"ok_soft": "ok", "warning_soft": "warning", "danger_soft": "danger", "accent_soft": "accent"}.get(token, "text")


def _text_of(editor: QWidget) -> str:
    if isinstance(editor, QComboBox):
        return str(editor.currentData())
    return editor.text() if isinstance(editor, QLineEdit) else ""


def _view_of(editor: QWidget) -> QAbstractItemView | None:
    """The table that an editor lies in."""
    viewport = editor.parentWidget()
    view = viewport.parentWidget() if viewport is not None else None
    return view if isinstance(view, QAbstractItemView) else None


def _mark(widget: QWidget, *, invalid: bool) -> None:
    """Let the style sheet see whether a text can be taken."""
    widget.setProperty("invalid", invalid)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
