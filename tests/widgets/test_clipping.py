# SPDX-License-Identifier: Apache-2.0
"""Every text of the window fits its box, in both languages and looks; names and words are complete; labels are literal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QHeaderView, QLabel, QLineEdit, QPushButton, QToolButton, QWidget

from app.errors import WorkspaceError
from widgets import catalog, theme
from widgets.dialogs.notice import Elided
from widgets.dialogs.settings import SettingsDialog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from widgets.application import Application

SIZES = ((1280, 800), (1920, 1080))
SHOWN = tuple((language, theme.NAMES[(at + size) % 2], SIZES[size]) for at, language in enumerate(("zh", "en")) for size in range(len(SIZES)))
"""Each language in both sizes, one in each look: looks differ in colours, not in the room that words take."""
PLACES = (*(entry.key for entry in catalog.PAGES), "welcome", "trouble", "settings", "help")


def clipped(root: QWidget) -> Iterator[str]:
    """Every text that is wider or higher than its box."""
    for label in root.findChildren(QLabel):
        if not label.isVisible() or not label.text() or isinstance(label, Elided):  # whose whole text is in its tool tip
            continue
        if label.wordWrap():
            if label.heightForWidth(label.width()) > label.height() + 1:
                yield f"label {label.text()!r} is {label.height()} high, wants {label.heightForWidth(label.width())}"
        elif label.sizeHint().width() > label.width() + 1:
            yield f"label {label.text()!r} is {label.width()} wide, wants {label.sizeHint().width()}"
    for button in (*root.findChildren(QPushButton), *root.findChildren(QToolButton)):
        if button.isVisible() and button.text() and shows_text(button) and button.sizeHint().width() > button.width() + 1:
            yield f"button {button.text()!r} is {button.width()} wide, wants {button.sizeHint().width()}"
    for header in root.findChildren(QHeaderView):
        if header.isVisible() and header.orientation() == Qt.Orientation.Horizontal:
            yield from clipped_titles(header)


def shows_text(button: QAbstractButton) -> bool:
    return not isinstance(button, QToolButton) or button.icon().isNull() or button.toolButtonStyle() != Qt.ToolButtonStyle.ToolButtonIconOnly


def clipped_titles(header: QHeaderView) -> Iterator[str]:
    model = header.model()
    for at in range(header.count()):
        if header.isSectionHidden(at):
            continue
        title = str(model.headerData(at, Qt.Orientation.Horizontal) or "")
        font = header.font()
        font.setWeight(font.Weight.DemiBold)
        if header.fontMetrics().horizontalAdvance(title) + 8 > header.sectionSize(at):
            yield f"title {title!r} has {header.sectionSize(at)}"


def unnamed(root: QWidget) -> Iterator[str]:
    """Every control a screen reader could not name."""
    for control in root.findChildren(QWidget):
        if not control.isVisible() or control.objectName().startswith("qt_") or control.focusPolicy() == Qt.FocusPolicy.NoFocus:
            continue
        if isinstance(control.parent(), QComboBox | QAbstractSpinBox):
            continue
        nameless = isinstance(control, QAbstractButton) and not control.text() and not control.accessibleName()
        if nameless or (isinstance(control, QLineEdit | QComboBox | QAbstractSpinBox) and not control.accessibleName()):
            yield f"{type(control).__name__} {control.objectName()}"


def rich(root: QWidget) -> Iterator[str]:
    """Every label that would render markup out of a name, and every tooltip that does."""
    for label in root.findChildren(QLabel):
        if label.text() and label.textFormat() != Qt.TextFormat.PlainText and not label.objectName().startswith("qt_"):
            yield f"label {label.text()!r}"
    for widget in root.findChildren(QWidget):
        if "<" in widget.toolTip() and not widget.toolTip().startswith("<span>"):
            yield f"tooltip {widget.toolTip()!r}"


def keys(root: QWidget, desk: Application) -> Iterator[str]:
    """Every text that is a key of the catalogue instead of its sentence."""
    heads = ("page.", "command.", "menu.", "today.", "error.", "field.", "table.", "filter.", "creators.", "setting.", "action.", "status.", "tier.", "stage.")
    texts = [label.text() for label in root.findChildren(QLabel)]
    texts += [button.text() for button in root.findChildren(QAbstractButton)]
    texts += [action.text() for action in desk.window.actions()]
    yield from (text for text in texts if text.startswith(heads))


@pytest.mark.parametrize(("language", "look", "size"), SHOWN, ids=lambda value: value if isinstance(value, str) else f"{value[0]}x{value[1]}")
@pytest.mark.parametrize("place", PLACES)
def test_every_text_fits_and_is_named(make_desk: Callable[..., Application], tmp_path: Path, place: str, language: str, look: str, size: tuple[int, int]):
    desk = make_desk(language=language, look=look)
    root: QWidget = desk.window
    desk.window.resize(*size)
    if place == "welcome":
        desk.window.show_welcome()
    elif place == "trouble":
        backup = str(tmp_path / "roster-2026-11-20.kocbackup")
        desk.window.show_trouble(
            WorkspaceError("damaged_with_backup", path=str(tmp_path / "roster.koc"), backup=backup, created="2026-11-20T08:00:00Z"),
            str(tmp_path / "roster.koc"),
        )
    elif place == "settings":
        root = SettingsDialog(desk.settings, desk.labels, desk.window)
        root.show()
    elif place == "help":
        desk.window.act("help.page")
    else:
        desk.window.go(place)
    desk.wait()
    assert [*clipped(root)] == []
    assert [*unnamed(root)] == []
    assert [*rich(root)] == []
    assert [*keys(root, desk)] == []
