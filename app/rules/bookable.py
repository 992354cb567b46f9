# SPDX-License-Identifier: Apache-2.0
"""Can I book this person today: one word and its reason, that all pages share."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.values import Bookable, CreditGrade, Sanction

if TYPE_CHECKING:
    from collections.abc import Mapping


class Cause(enum.StrEnum):
    """What stands in the way, the gravest first; its code is the word's key."""

    BANNED = "banned"
    SUSPENDED = "suspended"
    GRADE_D = "grade_d"
    RIVAL = "rival"
    BOOKED = "booked"
    RESTRICTED = "restricted"
    GRADE_C = "grade_c"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of somebody on a day: ``sanction`` is the hardest in force, ``rival`` an exclusive bond to a rival, ``booked`` work on those days."""

    grade: CreditGrade
    sanction: Sanction | None = None
    rival: bool = False
    booked: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word, and what decided it; nothing stands in the way of who can be booked."""

    word: Bookable
    cause: Cause | None = None


OF_SANCTION: Final[Mapping[Sanction, Verdict]] = {
    Sanction.BANNED: Verdict(Bookable.NO, Cause.BANNED),
    Sanction.SUSPENDED: Verdict(Bookable.NO, Cause.SUSPENDED),
    Sanction.RESTRICTED: Verdict(Bookable.NEEDS_APPROVAL, Cause.RESTRICTED),
}
"""What a sanction in force leads to; others lead to nothing."""

OF_GRADE: Final[Mapping[CreditGrade, Verdict]] = {
    CreditGrade.D: Verdict(Bookable.NO, Cause.GRADE_D),
    CreditGrade.C: Verdict(Bookable.NEEDS_APPROVAL, Cause.GRADE_C),
}
"""What a credit grade leads to; others lead to nothing."""

RIVAL: Final = Verdict(Bookable.NO, Cause.RIVAL)
BOOKED: Final = Verdict(Bookable.NO, Cause.BOOKED)
FREE: Final = Verdict(Bookable.YES)
_ORDER: Final = tuple(Cause)


def verdict(facts: Facts) -> Verdict:
    """Whether somebody can be booked: the gravest of what stands in the way decides."""
    found = [
        one
        for one in (
            None if facts.sanction is None else OF_SANCTION.get(facts.sanction),
            OF_GRADE.get(facts.grade),
            RIVAL if facts.rival else None,
            BOOKED if facts.booked else None,
        )
        if one is not None
    ]
    return min(found, key=lambda one: _ORDER.index(one.cause) if one.cause is not None else len(_ORDER), default=FREE)
