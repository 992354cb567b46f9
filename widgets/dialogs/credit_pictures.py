# SPDX-License-Identifier: Apache-2.0
"""The pictures of a creator's credit: points lost by dimension as a waterfall, and the course of the score.

What draws is loaded by the process that draws.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from app.values import local

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.rules.rating.explain import Explanation
    from app.usecases.rating import ScorePoint
    from widgets.charts.drawn import Look
    from widgets.charts.figures import Sketch
    from widgets.labels import Labels

_MOST: Final = 1000


def waterfall(found: Explanation, labels: Labels) -> Callable[[Look], Sketch]:
    """From the full score down to this one: what each dimension lost; a running cap stands beside the grade."""
    return partial(_waterfall, found, labels)


def _waterfall(found: Explanation, labels: Labels, look: Look) -> Sketch:
    from widgets.charts.figures import Bar, bars  # noqa: PLC0415 (loads matplotlib, here, in a process of its own)

    score = labels("credit.score_of", score=found.score, grade=found.grade.code)
    if found.caps and found.caps[0].grade is found.grade:  # else the score alone gives less
        score = labels("credit.score_capped", score=found.score, grade=found.grade.code, cap=found.caps[0].grade.code)
    says = labels(
        "credit.waterfall.says",
        score=found.score,
        lost=labels("list.separator").join(f"{labels.rank(one.dimension)} −{one.lost:.0f}" for one in found.dimensions),
    )

    items = [Bar(None, labels("credit.full"), float(_MOST), labels.exact(_MOST), labels("credit.full"), "border")]
    left = float(_MOST)
    for one in found.dimensions:
        held = one.bad > 0  # else it is only not earned yet
        text = labels(
            f"credit.waterfall.{'lost' if held else 'unearned'}", name=labels.rank(one.dimension), points=f"{one.points:.0f}", max=f"{one.max:.0f}",
            lost=f"{one.lost:.0f}",
        )  # fmt: skip
        items.append(Bar(None, labels.rank(one.dimension), -one.lost, f"−{one.lost:.0f}", text, "danger" if held else "placeholder", left))
        left -= one.lost
    items.append(Bar(None, labels("field.credit_score"), left, score, score, "accent"))
    return bars(look, items, (labels("credit.dimension"), labels("credit.points")), says, joined=True)


def course(points: Sequence[ScorePoint], labels: Labels) -> Callable[[Look], Sketch]:
    """The score at the ends of months: as it was known then, and as the same day looks from today where that differs."""
    return partial(_course, tuple(points), labels)


def _course(points: Sequence[ScorePoint], labels: Labels, look: Look) -> Sketch:
    from widgets.charts.figures import Series, trend  # noqa: PLC0415 (likewise)

    days = [local(one.at, labels.zone) for one in points]
    differs = any(one.score != one.known_score for one in points)
    says = labels("list.separator").join(f"{day:%Y-%m} {one.score} {one.grade.code}" for day, one in zip(days, points, strict=True))

    def told(at: int, score: int, grade: str) -> str:
        return labels("credit.course.one", day=labels.day(at - 1), score=score, grade=grade)

    then = [(float(one.at), float(one.score), told(one.at, one.score, one.grade.code)) for one in points]
    lines = [Series(labels("credit.course.then"), then, "accent", stepped=True)]
    if differs:
        known = [(float(one.at), float(one.known_score), told(one.at, one.known_score, one.known_grade.code)) for one in points]
        lines.append(Series(labels("credit.course.now"), known, "warning", stepped=True))
    ticks = [(float(one.at), labels.day(one.at - 1)[:7]) for one in points]
    header = (labels("cli.at"), *(one.label for one in lines))
    return trend(look, lines, ticks, header, says, lambda value: f"{value:.0f}")
