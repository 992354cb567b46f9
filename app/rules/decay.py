# SPDX-License-Identifier: Apache-2.0
"""Fading with time: 2^(−age/half-life) as an integer number of millionths, the same digits on every machine."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Final

import numpy as np

from app.values import DAY

if TYPE_CHECKING:
    import numpy.typing as npt

MILLION: Final = 1_000_000
_DOUBT: Final = 1e-7
_DIGITS: Final = 60


def millionths(age: npt.NDArray[np.int64], half_life_days: int) -> npt.NDArray[np.int64]:
    """2^(−age/half-life) rounded half up to a millionth; ages in microseconds, not negative, shape kept.

    The last bit of a power differs between processors, so whatever lies close to a half is decided exactly.
    """
    span = half_life_days * DAY
    scaled = np.exp2(age / -float(span)) * MILLION
    whole = np.floor(scaled + 0.5).astype(np.int64)
    doubtful = np.flatnonzero(np.abs(scaled - np.floor(scaled) - 0.5).ravel() < _DOUBT)
    if len(doubtful):
        distinct, back = np.unique(age.ravel()[doubtful], return_inverse=True)
        exact = np.array([_exact(int(one), span) for one in distinct], dtype=np.int64)
        whole.ravel()[doubtful] = exact[back]
    return whole


def _exact(age: int, span: int) -> int:
    with localcontext() as context:
        context.prec = _DIGITS
        power = Decimal(2) ** (Decimal(-age) / Decimal(span))
        return int(power * MILLION + Decimal("0.5"))
