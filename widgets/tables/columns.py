# SPDX-License-Identifier: Apache-2.0
"""A column as data: title, value in words, sort key, looks, how it is edited and summed up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from widgets.labels import Labels

Row: TypeAlias = Any
"""A frozen record with an integer ``id``; a column knows which kind."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A coloured word: the colour repeats what the word says. ``token`` and ``token_text`` are colours of the theme."""

    text: str
    token: str


@dataclass(frozen=True, slots=True)
class Whiskers:
    """An interval as a bar: its ends, its middle half and its median, and lines across; all parts of the cell's width, beyond 1 is cut off."""

    low: float
    mild: float
    middle: float
    high: float
    top: float
    token: str
    marks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``text`` is what is shown; the others say more where there is more to say.

    ``sort`` is the field that the store sorts by, ``order`` the key of a short list; ``plain`` is the exact text for
    the clipboard; ``bar`` paints an interval, of which ``text`` is the words; ``number`` makes the column part of the selection's totals, worded by ``worded``; ``ink`` names a
    colour for the text, beside a sign in the text itself; ``edit`` is the field that an edit sets, ``typed`` its text in the editor.
    """

    key: str
    title_key: str
    text: Callable[[Row, Labels], str]
    sort: str | None = None
    width: int = 100
    right: bool = False
    hidden: bool = False
    badges: Callable[[Row, Labels], Sequence[Badge]] | None = None
    bar: Callable[[Row], Whiskers | None] | None = None
    tip: Callable[[Row, Labels], str] | None = None
    ink: Callable[[Row], str] | None = None
    plain: Callable[[Row, Labels], str] | None = None
    number: Callable[[Row], int | float | None] | None = None
    worded: Callable[[float, Labels], str] | None = None
    order: Callable[[Row], Any] | None = None
    edit: str | None = None
    typed: Callable[[Row], str] | None = None

    def copied(self, row: Row, labels: Labels) -> str:
        """Exact text for a clipboard."""
        return (self.plain or self.text)(row, labels)

    def opened(self, row: Row, labels: Labels) -> str:
        """Text that an editor starts with."""
        return self.typed(row) if self.typed is not None else self.copied(row, labels)
