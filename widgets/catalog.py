# SPDX-License-Identifier: Apache-2.0
"""The one tuple of pages in the order of the navigation, and the dialogs that load when first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget

    from widgets.dialogs.history import History
    from widgets.dialogs.import_wizard import ImportWizard
    from widgets.dialogs.tiers import TierPolicies
    from widgets.page import Context, Page


@dataclass(frozen=True, slots=True)
class Entry:
    """A page by its key; its code loads when it is first shown."""

    key: str
    title_key: str
    icon: str
    load: Callable[[], type[Page]]


def _today() -> type[Page]:
    from widgets.pages.today import TodayPage

    return TodayPage


def _creators() -> type[Page]:
    from widgets.pages.creators import CreatorsPage

    return CreatorsPage


def _rating() -> type[Page]:
    from widgets.pages.rating import RatingPage

    return RatingPage


def _roi() -> type[Page]:
    from widgets.pages.roi import RoiPage

    return RoiPage


def _syncing() -> type[Page]:
    from widgets.pages.syncing import SyncingPage

    return SyncingPage


PAGES: Final = (
    Entry("today", "page.today", "today", _today),
    Entry("creators", "page.creators", "creators", _creators),
    Entry("roi", "page.roi", "roi", _roi),
    Entry("rating", "page.rating", "credit", _rating),
    Entry("syncing", "page.syncing", "platform", _syncing),
)


def import_wizard() -> type[ImportWizard]:
    """Takes a file of creators in."""
    from widgets.dialogs.import_wizard import ImportWizard

    return ImportWizard


def history() -> type[History]:
    """Operations with undo and redo."""
    from widgets.dialogs.history import History

    return History


def tiers() -> type[TierPolicies]:
    """Versions of the tier policy."""
    from widgets.dialogs.tiers import TierPolicies

    return TierPolicies


def pictured() -> tuple[tuple[str, Callable[[Context], QWidget]], ...]:
    """Dialogs that pictures of the program show, by the name of their file."""
    from widgets.dialogs.connection import Connect
    from widgets.dialogs.history import History
    from widgets.dialogs.import_wizard import picture
    from widgets.dialogs.tiers import TierPolicies

    return ("import", picture), ("connect", Connect), ("history", History), ("tiers", TierPolicies)
