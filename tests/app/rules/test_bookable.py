# SPDX-License-Identifier: Apache-2.0
"""One word on whether somebody can be booked, and what decided it."""

from __future__ import annotations

import itertools

import pytest

from app.rules.bookable import Cause, Facts, Verdict, verdict
from app.values import Bookable, CreditGrade, Sanction


@pytest.mark.parametrize(
    ("facts", "word", "cause"),
    [
        (Facts(CreditGrade.A), Bookable.YES, None),
        (Facts(CreditGrade.N), Bookable.YES, None),
        (Facts(CreditGrade.A, Sanction.WARNING), Bookable.YES, None),
        (Facts(CreditGrade.C), Bookable.NEEDS_APPROVAL, Cause.GRADE_C),
        (Facts(CreditGrade.A, Sanction.RESTRICTED), Bookable.NEEDS_APPROVAL, Cause.RESTRICTED),
        (Facts(CreditGrade.C, Sanction.RESTRICTED), Bookable.NEEDS_APPROVAL, Cause.RESTRICTED),
        (Facts(CreditGrade.D), Bookable.NO, Cause.GRADE_D),
        (Facts(CreditGrade.AAA, Sanction.SUSPENDED), Bookable.NO, Cause.SUSPENDED),
        (Facts(CreditGrade.D, Sanction.BANNED), Bookable.NO, Cause.BANNED),
        (Facts(CreditGrade.AA, rival=True), Bookable.NO, Cause.RIVAL),
        (Facts(CreditGrade.C, booked=True), Bookable.NO, Cause.BOOKED),
    ],
)
def test_the_gravest_of_what_stands_in_the_way_decides(facts: Facts, word: Bookable, cause: Cause | None):
    assert verdict(facts) == Verdict(word, cause)


def test_more_in_the_way_never_frees_anybody():
    every = [Facts(*one) for one in itertools.product(CreditGrade, (None, *Sanction), (False, True), (False, True))]
    for facts in every:
        for other in every:
            harder = (
                other.grade <= facts.grade
                and CreditGrade.N not in {other.grade, facts.grade}
                and (other.sanction or 0) >= (facts.sanction or 0)
                and other.rival >= facts.rival
                and other.booked >= facts.booked
            )
            assert not harder or verdict(other).word <= verdict(facts).word, (facts, other)
