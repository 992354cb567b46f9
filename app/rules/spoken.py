# SPDX-License-Identifier: Apache-2.0
"""Words of every language as codes: people write a field's title and a rank's word where files carry their names."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from app.rules.fields import Kind
from app.words import LANGUAGES, Words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.rules.fields import Field
    from app.values import Ranked

_IN_OTHER_UNITS = frozenset({Kind.FEN, Kind.BASIS_POINTS})
"""Kinds that people say in yuan and per cent; their titles are never taken for the field that counts in fen and basis points."""


@cache
def _languages() -> tuple[Words, ...]:
    return tuple(map(Words, LANGUAGES))


def _says(key: str, text: str) -> bool:
    return any(words.has(key) and words(key).casefold() == text for words in _languages())


def field(text: str, fields: Mapping[str, Field]) -> Field | None:
    """The field whose title this is in some language; None where there is none, or where its title speaks of another unit."""
    wanted = text.strip().casefold()
    return next((one for name, one in fields.items() if one.kind not in _IN_OTHER_UNITS and _says(f"field.{name}", wanted)), None)


def rank(ranks: type[Ranked], text: str) -> Ranked:
    """The member of a code or of its word in some language; KeyError for a word that is none."""
    try:
        return ranks.of(text)
    except KeyError:
        wanted, family = text.strip().casefold(), ranks.__name__.lower()
        for one in ranks:
            if _says(f"{family}.{one.code}", wanted):
                return one
        raise
