# SPDX-License-Identifier: Apache-2.0
"""Pinyin initials of names, by which the palette jumps: the first letter of each character, Latin letters and digits as they are."""

from __future__ import annotations

import os
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

MOST: Final = 64
"""Letters kept: nobody types more to find a person."""
_BETWEEN: Final = "\x1f"
_NOTHING: Final = 0
_UNMET: Final = 255


@cache
def _table() -> npt.NDArray[np.uint8]:
    """Letter of every character; of one that is not Chinese it is worked out where it is met."""
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")  # single characters are enough, and its phrases are 10 MB
    from pypinyin.pinyin_dict import pinyin_dict  # noqa: PLC0415 (42,000 characters, for whoever writes names)

    table = np.full(0x110000, _UNMET, dtype=np.uint8)
    table[list(pinyin_dict)] = [ord(unicodedata.normalize("NFD", sounds[0])[0]) for sounds in pinyin_dict.values()]
    table[ord(_BETWEEN)] = ord(_BETWEEN)
    return table


def _letter(code: int) -> int:
    """A Latin letter or digit of any width without its accent, lower case; nothing for all else."""
    plain = unicodedata.normalize("NFKD", chr(code)).lower()
    return next((ord(one) for one in plain if one.isascii() and one.isalnum()), _NOTHING)


def of_all(names: Sequence[str]) -> list[str]:
    """Initials of names, lower case: ``小红Amy`` is ``xhamy``. 600,000 take a quarter of a second."""
    joined = _BETWEEN.join([name.replace(_BETWEEN, "") for name in names])
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    table = _table()
    found = table[codes]
    if (unmet := np.unique(codes[found == _UNMET])).size:
        table[unmet] = list(map(_letter, unmet.tolist()))
        found = table[codes]
    return [one[:MOST] for one in found[found != _NOTHING].tobytes().decode("ascii").split(_BETWEEN)][: len(names)]


def initials(name: str) -> str:
    """Initials of a name."""
    return of_all([name])[0]


def typed(text: str) -> str:
    """What somebody typed as letters; empty where it cannot be initials."""
    letters = text.replace(" ", "").lower()
    return letters if letters.isascii() and letters.isalnum() and len(letters) <= MOST else ""
