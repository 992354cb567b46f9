# SPDX-License-Identifier: Apache-2.0
"""Pictures of the whole program, for the guide and for looking at it: every page and dialog, in both languages and looks, in one size or in two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from PySide6.QtWidgets import QDialog, QTabWidget, QWidget

from app.words import LANGUAGES
from widgets import catalog, theme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from widgets.main_window import MainWindow

USUAL: Final = (1280, 800)
LARGE: Final = (1920, 1080)
_COMMANDS: Final = ("file.import", "edit.history", "tools.tiers", "tools.doctor", "tools.settings", "help.about", "view.palette")
"""Commands whose dialogs are pictured too."""


class Pictured(Protocol):
    """The program as it is pictured."""

    window: MainWindow

    def rebuild(self, language: str | None = None, look: str | None = None) -> None:
        """Build the window anew in a language and a look."""

    def wait(self) -> None:
        """Let everything arrive and be painted."""


def take(desk: Pictured, folder: Path, *, whole: bool) -> None:
    """Write PNGs named ``page-language-look.png``. ``whole``: in both sizes, with details, tabs, help and notifications, the large ones named ``-large``."""
    folder.mkdir(parents=True, exist_ok=True)
    for size in (USUAL, LARGE) if whole else (USUAL,):
        end = "-large" if size == LARGE else ""
        for language in LANGUAGES:
            for look in theme.NAMES:
                desk.rebuild(language, look)
                desk.window.setFixedSize(*size)
                desk.wait()
                for name, shown in _scenes(desk, whole=whole):
                    shown.grab().save(str(folder / f"{name}-{language}-{look}{end}.png"))


def _scenes(desk: Pictured, *, whole: bool) -> Iterator[tuple[str, QWidget]]:
    window = desk.window
    if window.context is not None:
        for entry in catalog.PAGES:
            window.go(entry.key)
            desk.wait()
            yield entry.key, window
            if whole:
                yield from _depths(desk, entry.key)
        yield from _beside(desk) if whole else ()
        yield from _dialogs(desk)
    window.show_welcome(first=True)
    desk.wait()
    yield "start", window


def _depths(desk: Pictured, key: str) -> Iterator[tuple[str, QWidget]]:
    """The details of a page and its other tabs."""
    page = desk.window.page
    if page is None:
        return
    toggle = getattr(page, "toggle_panel", None)
    if callable(toggle) and not getattr(page, "panel_open", False):
        toggle()
        desk.wait()
        yield f"{key}-details", desk.window
    for number, tabs in enumerate(page.findChildren(QTabWidget)):
        for at in range(1, tabs.count() if tabs.isVisible() else 0):
            tabs.setCurrentIndex(at)
            desk.wait()
            yield f"{key}-tab{number}{at}", desk.window
        tabs.setCurrentIndex(0)


def _beside(desk: Pictured) -> Iterator[tuple[str, QWidget]]:
    """What stands at the right of every page."""
    desk.window.go(catalog.PAGES[0].key)
    for name, key in (("help", "help.page"), ("notes", "view.notes")):
        desk.window.act(key)
        desk.wait()
        yield name, desk.window
        desk.window.act(key)


def _dialogs(desk: Pictured) -> Iterator[tuple[str, QWidget]]:
    for key in _COMMANDS:
        desk.window.act(key)
        desk.wait()
        for dialog in desk.window.findChildren(QDialog):
            yield key.partition(".")[2], dialog
            dialog.close()
        desk.wait()
    if desk.window.context is None:
        return
    for name, make in catalog.pictured():
        made = make(desk.window.context)
        made.show()
        desk.wait()
        yield name, made
        made.close()
