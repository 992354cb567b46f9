# SPDX-License-Identifier: Apache-2.0
"""What a long job may ask of whoever started it: to show progress, and whether to stop."""

from __future__ import annotations

from typing import Protocol


class Job(Protocol):
    """Handed into long work. Both calls are cheap and may be made from any thread."""

    def progress(self, phase: str, done: int, total: int | None = None) -> None:
        """Tell how far a phase is; ``phase`` is a code with words under ``phase.<code>``."""

    def check(self) -> None:
        """Raise ``CancelledError`` if the user asked to stop."""


class Quiet:
    """A job nobody watches: never cancelled."""

    def progress(self, phase: str, done: int, total: int | None = None) -> None:
        """Nobody looks."""

    def check(self) -> None:
        """Nobody stops it."""
