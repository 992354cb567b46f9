# SPDX-License-Identifier: Apache-2.0
"""Rows pasted from a spreadsheet: the same check, cell by cell, and the same import, by way of a file that goes away afterwards."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from app.values import local
from widgets.dialogs.import_wizard import ImportWizard

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from widgets.page import Context


class PastePreview(ImportWizard):
    """What pasted rows would change; nothing is written before “Import”."""

    def __init__(self, context: Context, text: str, parent: QWidget | None = None) -> None:
        """Put the text where an import can read it, and open it."""
        self._folder = tempfile.TemporaryDirectory(prefix="koc-desk-")
        now = local(time.time_ns() // 1000, context.services.creators.zone)
        path = Path(self._folder.name) / f"{context.labels('paste.file')} {now:%Y-%m-%d %H.%M.%S}.tsv"
        path.write_bytes(text.encode("utf-8", "replace"))
        super().__init__(context, path, parent)
        self.setWindowTitle(context.labels("paste.title"))

    def _leave(self) -> None:
        super()._leave()
        self._folder.cleanup()
