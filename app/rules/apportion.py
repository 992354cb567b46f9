# SPDX-License-Identifier: Apache-2.0
"""Splitting integer amounts by integer weights so that the parts sum to the whole, for one amount and for millions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

_FITS: Final = 2.0**62


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Integer parts of a total by largest remainder, ties to the earlier; a negative total as the opposite of its positive."""
    whole = sum(weights)
    parts = [divmod(abs(total) * weight, whole) for weight in weights]
    out = [part for part, _ in parts]
    for at in sorted(range(len(parts)), key=lambda one: -parts[one][1])[: abs(total) - sum(out)]:
        out[at] += 1
    return out if total >= 0 else [-part for part in out]


def run_heads(group: Ints) -> Ints:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if len(group) else np.empty(0, dtype=np.int64)


def run_sizes(heads: Ints, rows: int) -> Ints:
    """Length of each run of so many rows, from where the runs begin."""
    sizes: Ints = np.diff(np.r_[heads, rows])
    return sizes


def apportioned(total: Ints, heads: Ints, weight: Ints) -> Ints:
    """``apportion`` for many: totals by group, weights of the groups' rows one after the other, each group beginning at its head."""
    sizes = run_sizes(heads, len(weight))
    out = np.repeat(total, sizes)
    many = sizes > 1
    if not many.any():
        return out
    whole = np.add.reduceat(weight, heads)
    # A product beyond 63 bits would wrap around in silence; such a sale, of trillions, is split in Python's integers.
    large = many & (np.abs(total.astype(np.float64)) * whole > _FITS)
    for group in np.flatnonzero(large).tolist():
        own = slice(int(heads[group]), int(heads[group] + sizes[group]))
        out[own] = apportion(int(total[group]), weight[own].tolist())
    usual = many & ~large
    rows = np.repeat(usual, sizes)
    out[rows] = _usual(total[usual], sizes[usual], whole[usual], weight[rows])
    return out


def _usual(total: Ints, sizes: Ints, whole: Ints, weight: Ints) -> Ints:
    if not len(total):
        return weight
    group = np.repeat(np.arange(len(total)), sizes)
    size = np.abs(total)
    parts, rest = np.divmod(size[group] * weight, whole[group])
    heads = np.cumsum(sizes) - sizes
    left = size - np.add.reduceat(parts, heads)
    short = np.repeat(left > 0, sizes)
    if short.any():
        # A stable sort keeps the smaller creator id first among equal remainders.
        at = np.flatnonzero(short)
        at = at[np.lexsort((-rest[at], group[at]))]
        own = run_heads(group[at])
        place = np.arange(len(at)) - np.repeat(own, run_sizes(own, len(at)))
        parts[at[place < left[group[at]]]] += 1
    return np.where(total[group] < 0, -parts, parts)
