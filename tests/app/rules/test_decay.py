# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.decay import MILLION, millionths
from app.values import DAY


def by_the_text(age: int, half_life: int) -> int:
    """2^(−days/half-life) rounded half up to a millionth, in 80 digits."""
    with localcontext() as context:
        context.prec = 80
        power = Decimal(2) ** (-Decimal(age) / Decimal(DAY * half_life))
        return int((power * MILLION).quantize(Decimal(1), rounding=ROUND_HALF_UP))


@settings(deadline=None)
@given(st.lists(st.integers(0, 4000 * DAY), min_size=1, max_size=6), st.integers(1, 400))
def test_every_age_fades_as_the_text_says(ages: list[int], half_life: int):
    assert millionths(np.array(ages), half_life).tolist() == [by_the_text(age, half_life) for age in ages]


def test_whole_half_lives_are_exact_and_the_tie_goes_up():
    ages = np.arange(0, 22) * 7 * DAY
    faded = millionths(ages, 7)
    assert faded[:8].tolist() == [1_000_000, 500_000, 250_000, 125_000, 62_500, 31_250, 15_625, 7_813]
    assert faded[-2:].tolist() == [1, 0]


def test_an_age_beside_a_half_is_decided_exactly():
    """A microsecond more or less than the age whose factor is a half-millionth: floats alone cannot be trusted there."""
    with localcontext() as context:
        context.prec = 60
        ages = []
        for part in (499_999, 250_000, 7_812, 77_777):
            halvings = -((Decimal(part) + Decimal("0.5")) / MILLION).ln() / Decimal(2).ln()
            ages += [int(halvings * 180 * DAY) + step for step in (-1, 0, 1, 2)]
    assert millionths(np.array(ages), 180).tolist() == [by_the_text(age, 180) for age in ages]


def test_the_shape_is_kept():
    assert millionths(np.array([[0, 7 * DAY], [14 * DAY, 49 * DAY]]), 7).tolist() == [[1_000_000, 500_000], [250_000, 7_813]]
    assert millionths(np.array([], dtype=np.int64), 7).tolist() == []
