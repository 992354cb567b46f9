# SPDX-License-Identifier: Apache-2.0
"""Paints cells: plain text, badges, ink; and edits them with the mistake shown at the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QKeyEvent, QPainter, QPen
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

    from widgets.tables.columns import Badge, Column, Row
    from widgets.theme import Theme

MOST_BADGES: Final = 2
_PAD: Final = 8
_BADGE_PAD: Final = 6
_BADGE_GAP: Final = 4
_ELIDED: Final = 20_000
_SELECTED: Final = QStyle.StateFlag.State_Selected
_FOCUSED: Final = QStyle.StateFlag.State_HasFocus
_RIGHT: Final = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_LEFT: Final = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine)
_CENTRE: Final = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextSingleLine)


class CellDelegate(QStyledItemDelegate):
    """One for all columns: asks the column what to paint and paints it itself, for a cell must cost microseconds."""

    def __init__(self, theme: Theme, check: Callable[[str, str], None], explain: Callable[[UsageError], str], parent: QObject | None = None) -> None:
        """Paint in a theme; ``check`` raises UsageError for a text a field cannot take, ``explain`` words it."""
        super().__init__(parent)
        self.check, self.explain = check, explain
        self._elided: dict[tuple[str, int], str] = {}
        self.dress(theme)

    def dress(self, theme: Theme) -> None:
        """Take the colours and measures of a theme."""
        self.theme = theme
        self._font, self._badge_font = theme.figures(), theme.font(12)
        self._metrics, self._badge_metrics = QFontMetrics(self._font), QFontMetrics(self._badge_font)
        self._pad, self._badge_pad, self._gap = theme.px(_PAD), theme.px(_BADGE_PAD), theme.px(_BADGE_GAP)
        self._colours: dict[str, QColor] = {}
        self._elided.clear()

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
        rect: QRect = option.rect  # type: ignore[attr-defined]
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        selected = bool(state & _SELECTED)
        if selected:
            painter.fillRect(rect, self.colour("selected"))
        column, row = model.columns[index.column()], model.record(index.row())
        if row is None:
            painter.setPen(self.colour("placeholder"))
            painter.drawText(rect.adjusted(self._pad, 0, -self._pad, 0), _LEFT, PLACEHOLDER)
        elif column.badges is not None:
            self._paint_badges(painter, rect, column.badges(row, model.labels))
        else:
            self._paint_text(painter, rect, column, row, model, selected=selected)
        if state & _FOCUSED:
            painter.setPen(QPen(self.colour("focus"), 2))
            painter.drawRect(rect.adjusted(1, 1, -1, -1))

    def _paint_text(self, painter: QPainter, rect: QRect, column: Column, row: Row, model: TableModel, *, selected: bool) -> None:
        text = column.text(row, model.labels)
        if not text:
            return
        room = rect.width() - 2 * self._pad
        key = (text, room)
        shown = self._elided.get(key)
        if shown is None:
            if len(self._elided) > _ELIDED:
                self._elided.clear()
            line = " ".join(text.splitlines())
            shown = self._elided[key] = self._metrics.elidedText(line, Qt.TextElideMode.ElideRight, room)
        painter.setFont(self._font)
        token = column.ink(row) if column.ink is not None else "text"
        painter.setPen(self.colour("selected_text" if selected and token == "text" else token))  # noqa: S105 (a colour)
        painter.drawText(rect.adjusted(self._pad, 0, -self._pad, 0), _RIGHT if column.right else _LEFT, shown)

    def _paint_badges(self, painter: QPainter, rect: QRect, badges: Sequence[Badge]) -> None:
        """At most two badges; how many more there are is said in the tool tip and by a sign."""
        painter.setFont(self._badge_font)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = min(rect.height() - 6, self._badge_metrics.height() + 4)
        left, top = rect.left() + self._pad, rect.top() + (rect.height() - height) // 2
        for badge in badges[:MOST_BADGES]:
            room = rect.right() - self._pad - left
            width = min(self._badge_metrics.horizontalAdvance(badge.text) + 2 * self._badge_pad, room)
            if width < 2 * self._badge_pad:
                break
            box = QRectF(left, top, width, height)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.colour(badge.token))
            painter.drawRoundedRect(box, 4, 4)
            painter.setPen(self.colour(ink_of(badge.token)))
            text = self._badge_metrics.elidedText(badge.text, Qt.TextElideMode.ElideRight, width - 2 * self._badge_pad + 1)
            painter.drawText(box, _CENTRE, text)
            left += width + self._gap
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        if len(badges) > MOST_BADGES:
            painter.setPen(self.colour("text_muted"))
            room = QRect(left, rect.top(), max(0, rect.right() - left - 2), rect.height())
            painter.drawText(room, _LEFT, f"+{len(badges) - MOST_BADGES}")

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
            choice.activated.connect(lambda: (self.commitData.emit(choice), self.closeEditor.emit(choice)))
            return choice
        line = QLineEdit(parent)
        line.setFont(self._font)
        line.setAccessibleName(title)
        line.textEdited.connect(lambda: (line.setProperty("invalid", False), _polish(line)))
        return line

    def setEditorData(self, editor: QWidget, index: QModelIndex | QPersistentModelIndex) -> None:
        """Start from what is there; an editor that is open keeps what was typed."""
        if editor.property("started"):
            return
        editor.setProperty("started", True)
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
        rect: QRect = option.rect  # type: ignore[attr-defined]
        editor.setGeometry(QRect(rect.left(), rect.top(), max(rect.width(), self.theme.px(110)), rect.height()))

    def eventFilter(self, editor: QObject, event: QEvent) -> bool:
        """Enter with a text that cannot be taken says why and stays open."""
        if isinstance(editor, QLineEdit) and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            view = editor.parent().parent() if editor.parent() is not None else None
            if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab} and isinstance(view, QAbstractItemView):
                complaint = self._complaint(view.currentIndex(), editor.text())
                if complaint is not None:
                    self._tell(editor, complaint)
                    return True
                if event.key() != Qt.Key.Key_Tab:
                    self.commitData.emit(editor)
                    self.closeEditor.emit(editor, QAbstractItemDelegate.EndEditHint.NoHint)
                    return True
        return super().eventFilter(editor, event)

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
        editor.setProperty("invalid", True)
        editor.setAccessibleDescription(complaint)
        _polish(editor)
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


def _polish(widget: QWidget) -> None:
    """Let the style sheet see a changed property."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
