# SPDX-License-Identifier: Apache-2.0
"""How things look: palette tokens, style sheet, tinted icons, fonts with Chinese glyphs."""

from __future__ import annotations

import atexit
import json
import shutil
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

import resources

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

NAMES: Final = ("light", "dark")
_FAMILIES: Final = (
    "Segoe UI",
    "SF Pro Text",
    "Helvetica Neue",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Microsoft YaHei UI",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "Noto Sans",
    "Noto Color Emoji",
    "Segoe UI Emoji",
)
_TEXT: Final = 13
_ROWS: Final = {"compact": 28, "comfortable": 34}
_USUAL_POINTS: Final = {"win32": 9.0, "darwin": 13.0}
_ICON_SIZES: Final = (16, 20, 32, 40)
_DISABLED_SIZES: Final = (16, 32)
_SYSTEM_POINTS: Final = "system_points"


class Theme:
    """Colours, icons and measures of one look. ``name`` is ``light`` or ``dark``."""

    def __init__(self, name: str, scale: float = 1.0) -> None:
        """Load the tokens of a look; ``scale`` follows the size of the system's font."""
        self.name = name
        self.scale = scale
        self._tokens = tokens(name)
        self._icons: dict[tuple[str, str], QIcon] = {}

    def colour(self, token: str) -> QColor:
        """Colour of a token; KeyError for a word that is none."""
        return QColor(self._tokens[token])

    def icon(self, name: str, token: str = "text") -> QIcon:  # noqa: S107 (a colour's name)
        """Icon in a token's colour, crisp at every scale."""
        key = (name, token)
        if key not in self._icons:
            made = QIcon()
            for size in _ICON_SIZES:
                made.addPixmap(_drawn(name, self._tokens[token], size))
            for size in _DISABLED_SIZES:
                made.addPixmap(_drawn(name, self._tokens["placeholder"], size), QIcon.Mode.Disabled)
            self._icons[key] = made
        return self._icons[key]

    @property
    def icon_size(self) -> QSize:
        """Side of an icon beside text."""
        side = self.px(16)
        return QSize(side, side)

    def px(self, length: int) -> int:
        """A length that grows with the system's font."""
        return round(length * self.scale)

    def row_height(self, density: str) -> int:
        """Height of a table's row."""
        return self.px(_ROWS.get(density, _ROWS["compact"]))

    def font(self, px: int = _TEXT, *, bold: bool = False) -> QFont:
        """The interface's font at a size for the usual system font."""
        font = QFont()
        font.setFamilies(list(_FAMILIES))
        font.setPixelSize(self.px(px))
        font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        return font

    def figures(self, px: int = _TEXT, *, bold: bool = False) -> QFont:
        """The same font with figures of one width, where it has them."""
        font = self.font(px, bold=bold)
        font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def style_sheet(self) -> str:
        """The style sheet with every token and measure filled in."""
        measures = {
            "font_title": self.px(18),
            "font_heading": self.px(14),
            "font_figure": self.px(20),
            "control": self.px(20),
            "icon_down": _icon_file("down", self._tokens["text_muted"]),
            "icon_up": _icon_file("up", self._tokens["text_muted"]),
            "icon_check": _icon_file("check", self._tokens["text_on_accent"]),
        }
        return Template(resources.text("styles", "base.qss")).substitute(self._tokens, **measures)

    def palette(self) -> QPalette:
        """The same colours for what the style draws by itself."""
        made = QPalette()
        roles = {
            QPalette.ColorRole.Window: "window",
            QPalette.ColorRole.WindowText: "text",
            QPalette.ColorRole.Base: "surface",
            QPalette.ColorRole.AlternateBase: "surface",
            QPalette.ColorRole.ToolTipBase: "raised",
            QPalette.ColorRole.ToolTipText: "text",
            QPalette.ColorRole.Text: "text",
            QPalette.ColorRole.Button: "surface",
            QPalette.ColorRole.ButtonText: "text",
            QPalette.ColorRole.BrightText: "danger",
            QPalette.ColorRole.Highlight: "selected",
            QPalette.ColorRole.HighlightedText: "selected_text",
            QPalette.ColorRole.Link: "accent",
            QPalette.ColorRole.PlaceholderText: "placeholder",
            QPalette.ColorRole.Mid: "border",
            QPalette.ColorRole.Light: "raised",
            QPalette.ColorRole.Dark: "border",
            QPalette.ColorRole.Accent: "accent",
        }
        for role, token in roles.items():
            made.setColor(role, self.colour(token))
        for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
            made.setColor(QPalette.ColorGroup.Disabled, role, self.colour("placeholder"))
        return made


def apply(app: QApplication, choice: str = "system") -> Theme:
    """Dress the whole application; ``system`` follows the desktop's light or dark."""
    hints = QGuiApplication.styleHints()
    scheme = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(choice, Qt.ColorScheme.Unknown)
    hints.setColorScheme(scheme)
    name = choice if choice in NAMES else "dark" if hints.colorScheme() == Qt.ColorScheme.Dark else "light"
    theme = Theme(name, _system_scale(app))
    app.setStyle("Fusion")
    app.setPalette(theme.palette())
    app.setFont(theme.font())
    app.setStyleSheet(theme.style_sheet())
    return theme


@lru_cache
def tokens(name: str) -> dict[str, str]:
    """Colours of a look by token."""
    return dict(json.loads(resources.text("styles", f"tokens_{name}.json")))


def _system_scale(app: QApplication) -> float:
    """How much larger than usual the system's text is; never smaller than the design."""
    if app.property(_SYSTEM_POINTS) is None:  # asked once: our own font must not count as the system's
        app.setProperty(_SYSTEM_POINTS, app.font().pointSizeF())
    points = float(app.property(_SYSTEM_POINTS))
    usual = _USUAL_POINTS.get(sys.platform, 10.0)
    return min(2.5, max(1.0, points / usual)) if points > 0 else 1.0


def program_icon() -> QIcon:
    """The program's own picture, as the menu entry shows it."""
    pixmap = QPixmap()
    pixmap.loadFromData(resources.data("desktop", "koc-desk.svg"))
    return QIcon(pixmap)


@lru_cache(maxsize=256)
def _svg(name: str, colour: str) -> bytes:
    return resources.text("icons", f"{name}.svg").replace("currentColor", colour[:7]).encode()


def _drawn(name: str, colour: str, side: int) -> QPixmap:
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(_svg(name, colour))).render(painter, QRectF(0, 0, side, side))
    painter.end()
    return pixmap


@lru_cache(maxsize=16)
def _icon_file(name: str, colour: str) -> str:
    """A tinted icon as a file, for style sheets can only name files."""
    path = _icon_folder() / f"{name}-{colour[1:]}.svg"
    path.write_bytes(_svg(name, colour))
    return path.as_posix()


@lru_cache(maxsize=1)
def _icon_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="koc-desk-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
