# SPDX-License-Identifier: Apache-2.0
"""What goes to the process that draws, and what comes back: nothing here loads what draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture looks: colours by token, fonts in order of preference, text in pixels, size in pixels of the screen's own scale."""

    colours: Mapping[str, str]
    families: Sequence[str]
    text: float
    width: int
    height: int
    ratio: float = 1.0

    def colour(self, token: str) -> str:
        """Colour of a token, as matplotlib takes it."""
        return self.colours[token][:7]


@dataclass(frozen=True, slots=True)
class Hit:
    """A place in pixels from the upper left corner."""

    x: float
    y: float
    text: str
    key: object


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture as RGBA pixels, rows from the top, and what can be pointed at."""

    width: int
    height: int
    ratio: float
    pixels: bytes
    hits: tuple[Hit, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    says: str
