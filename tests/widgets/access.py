# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a window for somebody who cannot see it, cannot use a mouse, or does not read English."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QAbstractTableModel, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QComboBox,
    QGroupBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QTabBar,
    QTextEdit,
    QWidget,
)

from widgets.charts.canvas import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

INPUT: Final = (QComboBox, QAbstractSpinBox, QLineEdit, QPlainTextEdit, QTextEdit)
LATIN: Final = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
LOG_ID: Final = re.compile(r"\b\d{8}-(?:\d{6}-)?[0-9a-f]{4,}\b")
ALLOWED: Final = frozenset(
    re.findall(
        r"\w+",
        """
        KOC Desk ROI ROAS KPI KOL MCN ID UID CSV TSV XLSX XLS ZIP Excel JSON URL API PostgreSQL SQLite GMV CPM CPC CPE CTR CVR SPU SKU UTF GBK GB Big JIS IS
        AAA AA YouTube TikTok Instagram Shopify Ctrl Shift Alt Esc Enter Tab Del Home End Page Up Down Left Right Return Space Markov Shapley LTV Python Qt Apache
        English koc KB MB https http Windows macOS Linux DNS TLS SSL HTTP OAuth app UTC Asia Shanghai
        """,
    )
)
"""Latin words that Chinese readers use as they are."""


def controls(root: QWidget) -> Iterator[QWidget]:
    """What the keyboard can reach, without the inner parts of compound controls."""
    for one in root.findChildren(QWidget):
        if not one.isVisible() or one.focusPolicy() == Qt.FocusPolicy.NoFocus or one.objectName().startswith("qt_"):
            continue
        if isinstance(one.parent(), QComboBox | QAbstractSpinBox | QAbstractItemView | QHeaderView) or isinstance(one, QHeaderView):
            continue
        if isinstance(one, QTabBar) or one.focusProxy() is not None:
            continue
        yield one


def named(control: QWidget) -> str:
    if control.accessibleName():
        return control.accessibleName()
    return control.text() if isinstance(control, QAbstractButton | QLabel) else control.title() if isinstance(control, QGroupBox) else ""


def where(one: QWidget) -> str:
    holder = one.parentWidget()
    return f"{type(one).__name__} {one.objectName()} {one.toolTip()!r} in {type(holder).__name__}".strip()


def nameless(root: QWidget) -> Iterator[str]:
    """Controls without a name."""
    for one in controls(root):
        if type(one) is not QWidget and not named(one).strip():
            yield where(one)


def buddyless(root: QWidget) -> Iterator[str]:
    """Combo boxes without a label of their own: on Linux their name is the current text."""
    befriended = {label.buddy() for label in root.findChildren(QLabel)}
    for one in controls(root):
        if isinstance(one, QComboBox) and one not in befriended:
            yield where(one) + f" {one.accessibleName()!r}"


def speechless(root: QWidget) -> Iterator[str]:
    """Charts without a name or a description."""
    for one in root.findChildren(Picture):
        if one.isVisible() and not (one.accessibleName() and len(one.accessibleDescription()) > 8):
            yield f"{where(one)}: {one.accessibleName()!r} {one.accessibleDescription()!r}"


def wordless_cells(root: QWidget, rows: int = 3) -> Iterator[str]:
    """Cells that paint something and say nothing."""
    for view in root.findChildren(QAbstractItemView):
        model = view.model()
        if not view.isVisible() or isinstance(view, QHeaderView) or not isinstance(model, QAbstractTableModel) or isinstance(view.parent(), QAbstractItemView):
            continue
        for column in range(model.columnCount()):
            for row in range(min(rows, model.rowCount())):
                index = model.index(row, column)
                told = str(index.data(Qt.ItemDataRole.AccessibleTextRole) or index.data(Qt.ItemDataRole.DisplayRole) or "").strip()
                seen = index.data(Qt.ItemDataRole.DecorationRole)
                title = str(model.headerData(column, Qt.Orientation.Horizontal) or "")
                if not told and seen is not None:
                    yield f"{where(view)} row {row} column {title or column}"


def texts(root: QWidget) -> Iterator[tuple[str, str]]:
    """Every sentence that a person reads or hears, and where; data is left out."""
    for one in (root, *root.findChildren(QWidget)):
        if not one.isVisible() or one.objectName().startswith("qt_"):
            continue
        place = where(one)
        yield place, one.toolTip()
        yield place, one.accessibleName()
        if isinstance(one, QAbstractButton):
            yield place, one.text()
        if isinstance(one, QLineEdit | QPlainTextEdit):
            yield place, one.placeholderText()
        if isinstance(one, QTabBar):
            yield from ((place, one.tabText(at)) for at in range(one.count()))
        if isinstance(one, QComboBox):
            yield from ((place, one.itemText(at)) for at in range(one.count()))
        if isinstance(one, QHeaderView) and one.model() is not None:
            yield from ((place, str(one.model().headerData(at, one.orientation()) or "")) for at in range(one.count() if one.count() < 60 else 0))
        if isinstance(one, QLabel) and not isinstance(one.parent(), QHeaderView):
            yield place, one.text()
    for menu in root.findChildren(QMenu):
        yield from ((f"menu {menu.title()}", action.text()) for action in menu.actions() if not action.data())


def english(root: QWidget, data: frozenset[str]) -> Iterator[str]:
    """Latin words in a Chinese window, but for those that Chinese readers use and those of the data."""
    for place, text in texts(root):
        if any("/" in part or "@" in part or "." in part.strip(".") for part in text.split()):
            continue  # an address, a path, a file
        for word in LATIN.findall(LOG_ID.sub("", re.sub(r"\(&?[A-Z]\)|&", "", text))):
            if len(word) > 1 and word not in ALLOWED and word.casefold() not in data:
                yield f"{word!r} in {text!r}, {place}"


def unreached(root: QWidget) -> Iterator[str]:
    """Controls that the Tab key never comes to. The tabs of a widget, lists and tables are moved through by arrows."""
    wanted = {one for one in controls(root) if one.isEnabled() and one.focusPolicy() & Qt.FocusPolicy.TabFocus}
    reached, one = set[QWidget](), root.nextInFocusChain()
    while one is not None and one not in reached:
        reached.add(one)
        one = one.nextInFocusChain()
    yield from (where(one) for one in wanted - reached)


def mouse_only(root: QWidget) -> Iterator[str]:
    """Buttons that only a mouse can press, and which no action or key stands in for."""
    for button in root.findChildren(QAbstractButton):
        if button.isVisible() and button.isEnabled() and button.focusPolicy() == Qt.FocusPolicy.NoFocus and not button.objectName().startswith("qt_"):
            if isinstance(button.parent(), QLineEdit | QTabBar | QAbstractItemView | QAbstractScrollArea):
                continue
            if not button.shortcut().isEmpty() or any(not action.shortcut().isEmpty() for action in button.actions()):
                continue
            yield where(button) + f" {named(button)!r}"


def hidden_actions(page: QWidget, listed: list[QAction]) -> Iterator[str]:
    """Actions of a page that stand in no menu, on no button and have no keys."""
    for action in page.findChildren(QAction):
        if not action.text() or action.isSeparator() or action in listed or not action.shortcut().isEmpty():
            continue
        if action.text() in {button.text() for button in page.findChildren(QAbstractButton)}:
            continue
        holders = [one for one in action.associatedObjects() if isinstance(one, QMenu | QAbstractButton | QLineEdit)]
        if not holders and action.parent() is page:
            yield action.text()
