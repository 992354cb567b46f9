# SPDX-License-Identifier: Apache-2.0
"""How names are spoken: pinyin without tones of every character, so that 小红 and 晓红 are heard to be alike."""

from __future__ import annotations

import os
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@cache
def _table() -> dict[int, str]:
    """Sound of every Chinese character as ``str.translate`` takes it; other characters stand for themselves."""
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")  # single characters are enough, and its phrases are 10 MB
    from pypinyin.pinyin_dict import pinyin_dict  # noqa: PLC0415 (42,000 characters, for whoever compares names)

    plain: dict[str, str] = {}
    out = {}
    for code, sounds in pinyin_dict.items():
        sound = sounds.split(",")[0]
        if sound not in plain:
            plain[sound] = "".join(one for one in unicodedata.normalize("NFD", sound) if one.isalpha() and one.isascii()) + "'"
        out[code] = plain[sound]
    return out


def of_all(names: Sequence[str]) -> list[str]:
    """Sounds of plain names; empty for one without a Chinese character, which sounds as it is written."""
    table = _table()
    return ["" if name.isascii() else name.translate(table) for name in names]
