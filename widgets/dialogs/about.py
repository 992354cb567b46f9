# SPDX-License-Identifier: Apache-2.0
"""What this program is: its version, and where its reports and preferences lie."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING

import PySide6
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFormLayout, QPushButton, QVBoxLayout, QWidget

from app import settings
from widgets.messages import plain

if TYPE_CHECKING:
    from widgets.labels import Labels


def version() -> str:
    """Version of the installed program."""
    try:
        return metadata.version("koc-desk")
    except metadata.PackageNotFoundError:
        return "0"


class About(QDialog):
    """Version and places, to read and to copy."""

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        """Lay them out."""
        super().__init__(parent)
        self.setWindowTitle(labels("command.help.about"))
        self.setMinimumWidth(480)
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 20, 24, 16)
        box.setSpacing(10)
        box.addWidget(plain(labels("app.name"), role="title"))
        box.addWidget(plain(labels("about.text"), role="muted", wrap=True))
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        rows = (
            ("about.version", version()),
            ("about.built_on", f"Python {platform.python_version()}, Qt {PySide6.__version__}"),
            ("about.settings", str(settings.settings_file())),
            ("about.logs", str(settings.log_folder())),
            ("about.licence", "Apache-2.0"),
        )
        for key, value in rows:
            shown = plain(value, wrap=True)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
            form.addRow(plain(labels(key), role="muted"), shown)
        box.addLayout(form)
        box.addStretch(1)
        close = QPushButton(labels("action.close"), self)
        close.setDefault(True)
        close.clicked.connect(self.accept)
        box.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
