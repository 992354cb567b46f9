# SPDX-License-Identifier: Apache-2.0
"""What a user can do anywhere: its icon, its keys, the menu it stands in, and what it needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtGui import QKeySequence

from app.rules.rights import Act

if TYPE_CHECKING:
    from PySide6.QtGui import QAction


@dataclass(frozen=True, slots=True)
class Command:
    """Something a user can do anywhere. ``needs`` is "" (always), ``workspace`` or ``write``; ``act``: what a role must allow."""

    key: str
    icon: str
    keys: str = ""
    needs: str = ""
    act: Act | None = None


COMMANDS: Final = (
    Command("file.new", "new", "Ctrl+N"),
    Command("file.open", "workspace", "Ctrl+O"),
    Command("file.open_team", "owner", "Ctrl+Shift+O"),
    Command("file.sample", "sample"),
    Command("file.import", "import", "Ctrl+I", "write", Act.EDIT),
    Command("file.export", "export", "Ctrl+E", "workspace"),
    Command("file.backup", "backup", "", "workspace", Act.BACKUP),
    Command("file.restore", "restore"),
    Command("file.quit", "close", "Ctrl+Q"),
    Command("edit.undo", "undo", "Ctrl+Z", "write", Act.UNDO),
    Command("edit.redo", "redo", "Ctrl+Shift+Z", "write", Act.UNDO),
    Command("edit.history", "history", "Ctrl+H", "workspace"),
    Command("view.palette", "palette", "Ctrl+K"),
    Command("view.filter", "filter", "Ctrl+F", "workspace"),
    Command("view.refresh", "refresh", "Ctrl+R", "workspace"),
    Command("view.notes", "bell", "F8"),
    Command("view.next_part", "down", "F6"),
    Command("view.previous_part", "up", "Shift+F6"),
    Command("view.wider", "left", "Ctrl+[", "workspace"),
    Command("view.narrower", "right", "Ctrl+]", "workspace"),
    Command("sync.now", "platform", "F5", "write", Act.SYNC),
    Command("tools.tiers", "tiers", "", "workspace"),
    Command("tools.doctor", "doctor", "", "workspace"),
    Command("tools.settings", "settings", "Ctrl+,"),
    Command("help.page", "help", "F1"),
    Command("help.about", "info"),
)

MENUS: Final = {
    "file": ("file.new", "file.open", "file.open_team", "recent", "file.sample", "", "file.import", "file.export", "", "file.backup", "file.restore", "", "file.quit"),
    "edit": ("edit.undo", "edit.redo", "edit.history"),
    "view": (
        "pages", "", "view.palette", "view.filter", "view.refresh", "view.notes",
        "", "view.next_part", "view.previous_part", "view.wider", "view.narrower",
    ),
    "page": (),
    "tools": ("sync.now", "", "tools.tiers", "tools.doctor", "", "tools.settings"),
    "help": ("help.page", "help.about"),
}  # fmt: skip


def shortcut(action: QAction) -> str:
    """An action's keys as the system writes them."""
    return action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)


def spoken(action: QAction) -> str:
    """An action's words without the letter of its menu and the dots."""
    return re.sub(r"\(&\w\)|&", "", action.text()).rstrip("…")


def hint(action: QAction) -> str:
    """An action's words and keys."""
    keys = shortcut(action)
    return f"{action.text()}  ({keys})" if keys else action.text()
