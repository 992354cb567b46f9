# SPDX-License-Identifier: Apache-2.0
"""The parts of the window for the keyboard: which there are, going from one to the next, and moving the line between two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractItemView, QApplication, QFrame, QHeaderView, QSplitter, QTabWidget, QWidget

from widgets.tables.filter_bar import FilterBar

if TYPE_CHECKING:
    from collections.abc import Sequence

STEP: Final = 48
"""By how much a key moves the line before the details."""


def of_page(page: QWidget | None) -> list[QWidget]:
    """Filter, tables, pictures and details of a page, from top to bottom and from left to right."""
    if page is None:
        return []
    details = [one for one in page.findChildren(QFrame) if one.objectName() == "side"]
    others = [one for kind in (FilterBar, QTabWidget, QAbstractItemView) for one in page.findChildren(kind) if not isinstance(one, QHeaderView)]
    within = [*details, *(one for one in others if isinstance(one, QAbstractItemView))]
    found = [
        *details,
        *(one for one in others if not any(part is not one and part.isAncestorOf(one) for part in within)),
    ]  # to Qt, everything is its own ancestor
    shown = [one for one in found if one.isVisible() and first(one) is not None]
    shown.sort(key=lambda one: (one.mapTo(page, QPoint(0, 0)).y() // STEP, one.mapTo(page, QPoint(0, 0)).x()))
    return shown or ([page] if first(page) is not None else [])


def first(part: QWidget) -> QWidget | None:
    """What has the focus when a part is entered."""
    if _takes(part):
        return part
    one = part.nextInFocusChain()
    while one is not None and one is not part:
        if part.isAncestorOf(one) and _takes(one):
            return one
        one = one.nextInFocusChain()
    return None


def _takes(one: QWidget) -> bool:
    return one.isVisible() and one.isEnabled() and bool(one.focusPolicy() & Qt.FocusPolicy.TabFocus)


def go_round(parts: Sequence[QWidget], step: int) -> None:
    """Put the focus into the part after the one that has it; with a step of -1, before it."""
    entered = [(part, target) for part in parts if part.isVisible() and (target := first(part)) is not None]
    if not entered:
        return
    held = QApplication.focusWidget()
    at = [place for place, (part, _) in enumerate(entered) if held is not None and part.isAncestorOf(held)]
    # The innermost counts: a table inside of a tab.
    here = max(at, key=lambda place: sum(other.isAncestorOf(entered[place][0]) for other, _ in entered), default=-1 if step > 0 else 0)
    entered[(here + step) % len(entered)][1].setFocus(Qt.FocusReason.ShortcutFocusReason)


def widen(page: QWidget | None, by: int) -> None:
    """Give the details at the right more room, or less."""
    if page is None:
        return
    for splitter in page.findChildren(QSplitter):
        sizes = splitter.sizes()
        shown = [at for at in range(splitter.count()) if sizes[at]]  # what is hidden has no size
        if splitter.orientation() is Qt.Orientation.Horizontal and splitter.isVisible() and len(shown) > 1:
            last, before = shown[-1], shown[-2]
            sizes[last], sizes[before] = max(1, sizes[last] + by), max(1, sizes[before] - by)
            splitter.setSizes(sizes)
            splitter.splitterMoved.emit(sum(sizes[:last]), last)  # whoever keeps the width hears of it
            return
