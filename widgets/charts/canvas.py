# SPDX-License-Identifier: Apache-2.0
"""Shows a picture that another process has drawn: hover names a place, a click or Enter leads on, a right click copies picture or data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from PySide6.QtCore import QEvent, QPoint, QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolTip, QWidget

from widgets.charts.drawn import Look
from widgets.charts.elsewhere import draw
from widgets.labels import tsv
from widgets.messages import tip

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.errors import ProductError
    from widgets.charts.drawn import Drawn, Hit
    from widgets.charts.figures import Sketch
    from widgets.labels import Labels
    from widgets.messages import Messages
    from widgets.tasks import Tasks
    from widgets.theme import Theme

_NEAR: Final = 18
"""Pixels from a place within which it is meant."""
_REST_MS: Final = 120
_TOKENS: Final = (
    "surface", "text", "text_muted", "accent", "accent_soft", "border", "grid", "danger", "danger_soft", "warning", "warning_soft", "ok", "ok_soft", "info_soft",
    "placeholder", "tier_nano_text", "tier_tail_text", "tier_mid_text", "tier_head_text", "tier_top_text",
)  # fmt: skip


class Ground(Protocol):
    """What a picture needs of its surroundings."""

    @property
    def tasks(self) -> Tasks:
        """Runs the drawing."""

    @property
    def labels(self) -> Labels:
        """Words."""

    @property
    def theme(self) -> Theme:
        """Colours and fonts."""

    @property
    def messages(self) -> Messages:
        """Says what went wrong."""


class Picture(QWidget):
    """Room for a picture. ``chosen`` tells the key of the place that was clicked, or entered by keyboard."""

    chosen = Signal(object)

    def __init__(self, context: Ground, name: str, *, least: tuple[int, int] = (320, 200)) -> None:
        """Empty at first; ``name`` is how it is called by those who cannot see it."""
        super().__init__()
        self._context, self._name = context, name
        self._make: Callable[[Look], Sketch] | None = None
        self._drawn: Drawn | None = None
        self._image: QImage | None = None
        self._at = -1
        self._serial = 0
        self._waiting = self._stale = False
        self._empty = ""
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._draw)
        self.setMinimumSize(QSize(context.theme.px(least[0]), context.theme.px(least[1])))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)

    # ------------------------------------------------------------ what it shows

    def show_figure(self, make: Callable[[Look], Sketch]) -> None:
        """Draw another picture; the old one stays until it is there. One that nobody sees waits until somebody does.

        ``make`` goes to another process: a function at the top of a module, or a ``partial`` of one.
        """
        self._make = make
        if self.isVisible():
            self._draw()
        else:
            self._serial += 1
            self._stale = True

    def show_nothing(self, sentence: str) -> None:
        """Say why there is no picture."""
        self._make = self._drawn = self._image = None
        self._empty = sentence
        self._serial += 1
        self._waiting = False
        self.setAccessibleDescription(sentence)
        self.update()

    def settled(self) -> bool:
        """Whether what is shown is what was asked for."""
        return not self._waiting and not self._rest.isActive()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw what came meanwhile, once the size has come to rest."""
        super().showEvent(event)
        if self._stale:
            self._stale = False
            self._rest.start()

    def _draw(self) -> None:
        if self._make is None or self.width() < 2 or self.height() < 2:  # noqa: PLR2004 (nothing to draw on)
            return
        self._serial += 1
        serial, make = self._serial, self._make
        self._waiting = True
        theme = self._context.theme
        font = theme.font()
        colours = {token: theme.colour(token).name() for token in _TOKENS}
        measures = (self.width(), self.height(), self.devicePixelRatioF())

        def done(drawn: Drawn) -> None:
            if serial == self._serial:
                self._show(drawn)

        def failed(error: ProductError) -> None:
            if serial == self._serial:
                self.show_nothing(self._context.messages.sentence(error).text)

        look = Look(colours, tuple(font.families()), font.pixelSize(), *measures)
        self._context.tasks.run_beside(self, draw, (make, look), done, failed)

    def _show(self, drawn: Drawn) -> None:
        self._waiting = False
        self._drawn, self._at, self._empty = drawn, -1, ""
        image = QImage(drawn.pixels, drawn.width, drawn.height, QImage.Format.Format_RGBA8888).copy()
        image.setDevicePixelRatio(drawn.ratio)
        self._image = image
        self.setAccessibleDescription(drawn.says)
        self.update()

    @property
    def drawn(self) -> Drawn | None:
        """What is shown now."""
        return self._drawn

    # ------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """The picture, or why there is none; a ring around the place that is meant."""
        del event
        painter, theme = QPainter(self), self._context.theme
        painter.fillRect(self.rect(), theme.colour("surface"))
        if self._image is not None:
            painter.drawImage(QPointF(0, 0), self._image)
            if 0 <= self._at < len(self._hits):
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(theme.colour("focus"), 2))
                painter.drawEllipse(QPointF(self._hits[self._at].x, self._hits[self._at].y), 8, 8)
        elif self._empty:
            painter.setPen(theme.colour("text_muted"))
            painter.drawText(self.rect().adjusted(24, 12, -24, -12), int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self._empty)
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("focus"), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw anew once the size has come to rest."""
        super().resizeEvent(event)
        if self._make is not None and self.isVisible():
            self._rest.start()
        else:
            self._stale = self._make is not None

    # ------------------------------------------------------------ pointing

    @property
    def _hits(self) -> tuple[Hit, ...]:
        return self._drawn.hits if self._drawn is not None else ()

    def _nearest(self, place: QPointF) -> int:
        found, least = -1, float(_NEAR**2)
        for at, hit in enumerate(self._hits):
            away = (hit.x - place.x()) ** 2 + (hit.y - place.y()) ** 2
            if away < least:
                found, least = at, away
        return found

    def _point_at(self, at: int, place: QPoint | None = None) -> None:
        if at == self._at:
            return
        self._at = at
        self.setCursor(Qt.CursorShape.PointingHandCursor if at >= 0 and self._hits[at].key is not None else Qt.CursorShape.ArrowCursor)
        if at >= 0:
            hit = self._hits[at]
            where = place if place is not None else self.mapToGlobal(QPoint(round(hit.x), round(hit.y)))
            QToolTip.showText(where, tip(hit.text), self)
            drawn = self._drawn
            self.setAccessibleDescription(f"{hit.text}\n{drawn.says if drawn else ''}".strip())
        else:
            QToolTip.hideText()
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Name what is under the mouse."""
        self._point_at(self._nearest(event.position()), event.globalPosition().toPoint())

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is meant any more."""
        super().leaveEvent(event)
        self._point_at(-1)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Lead to what was clicked."""
        at = self._nearest(event.position())
        if event.button() is Qt.MouseButton.LeftButton and at >= 0 and self._hits[at].key is not None:
            self.chosen.emit(self._hits[at].key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows go from place to place, Enter leads on, Ctrl+C copies the data."""
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}
        key = Qt.Key(event.key())
        if key in steps and self._hits:
            start = self._at if self._at >= 0 else (-1 if steps[key] > 0 else 0)
            self._point_at((start + steps[key]) % len(self._hits))
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and 0 <= self._at < len(self._hits) and self._hits[self._at].key is not None:
            self.chosen.emit(self._hits[self._at].key)
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copy_data()
        else:
            super().keyPressEvent(event)

    # ------------------------------------------------------------ taking it along

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Copy the picture, or its data for a spreadsheet."""
        if self._drawn is None:
            return
        menu = QMenu(self)
        for key, act in (("chart.copy_picture", self.copy_picture), ("chart.copy_data", self.copy_data)):
            action = QAction(self._context.labels(key), menu)
            action.triggered.connect(lambda _=False, act=act: act())
            menu.addAction(action)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())

    def copy_picture(self) -> None:
        """Put the picture on the clipboard."""
        if self._image is not None:
            QGuiApplication.clipboard().setImage(self._image)

    def copy_data(self) -> None:
        """Put the data on the clipboard as a spreadsheet takes it."""
        if self._drawn is not None:
            lines: list[Any] = [self._drawn.header, *self._drawn.rows]
            QGuiApplication.clipboard().setText("\n".join("\t".join(tsv(str(cell)) for cell in line) for line in lines))
