# SPDX-License-Identifier: Apache-2.0
"""Months of a time zone, for one moment and for millions: a month is the number year * 12 + month - 1."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from app.values import day_start

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

_FIRST: Final = 1900
_LAST: Final = 2200

FIRST: Final = _FIRST * 12
"""The earliest month that is told apart; whatever was before counts in it."""
COUNT: Final = (_LAST - _FIRST) * 12
"""How many months are told apart."""


@lru_cache(maxsize=4)
def _starts(zone: str) -> Ints:
    starts = [day_start(date(year, month, 1), zone) for year in range(_FIRST, _LAST) for month in range(1, 13)]
    return np.array(starts, dtype=np.int64)


def months(moments: Ints, zone: str) -> Ints:
    """Month of each moment."""
    found: Ints = np.searchsorted(_starts(zone)[1:], moments, side="right") + FIRST
    return found


def whole(since: int | None, until: int | None, zone: str) -> tuple[int, int]:
    """First and last month that lie wholly in [since, until); the first is the greater where there is none."""
    starts = _starts(zone)
    first = 0 if since is None else int(np.searchsorted(starts, since, side="left"))
    last = COUNT - 1 if until is None else int(np.searchsorted(starts, until, side="right")) - 2
    return FIRST + first, FIRST + last


def start(month: int, zone: str) -> int:
    """Moment at which a month begins."""
    return int(_starts(zone)[month - FIRST])


def named(month: int) -> str:
    """``YYYY-MM``."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"
