# SPDX-License-Identifier: Apache-2.0
"""The pictures of returns: which record stands where and what it says; the drawing itself waits for another process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from app.rules.rating.value import Word
from widgets.tables import returns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.rules.report import Figures
    from app.usecases.roi import Funnel, FunnelStep, ReturnRow
    from widgets.charts.drawn import Look
    from widgets.charts.figures import Mark, Sketch
    from widgets.labels import Labels

_YUAN: Final = 100
_INKS: Final = {Word.REPEAT: ("ok", "^"), Word.WATCH: ("warning", "o"), Word.STOP: ("danger", "s"), None: ("accent", "o")}
"""Colour and shape of a word: the colour never stands alone."""


@dataclass(frozen=True, slots=True)
class Line:
    """A ROAS to compare with, its word and its colour."""

    roas: float
    word: str
    token: str


def lines(scale: returns.Scale, labels: Labels) -> tuple[Line, ...]:
    """Break-even, and the target where there is one."""
    made = []
    if scale.break_even is not None:
        made.append(Line(scale.break_even, labels("roi.line.break_even", roas=f"{scale.break_even:.2f}"), "danger"))
    if scale.target is not None:
        made.append(Line(scale.target, labels("roi.line.target", roas=f"{scale.target:.2f}"), "warning"))
    return tuple(made)


def _marks(of: Sequence[Line]) -> list[Mark]:
    from widgets.charts.figures import Mark  # noqa: PLC0415 (matplotlib loads with the first picture, in a process of its own)

    return [Mark(one.roas, one.word, one.token) for one in of]


def forest(items: Sequence[tuple[int, str, Figures]], compared: Sequence[Line], labels: Labels, *, best: bool) -> Callable[[Look], Sketch]:
    """Intervals of creators in the order given; all of them have one. ``best``: the order is by the cautious estimate."""
    return partial(_forest, tuple(items), tuple(compared), labels, best=best)


def _forest(items: Sequence[tuple[int, str, Figures]], compared: Sequence[Line], labels: Labels, look: Look, *, best: bool) -> Sketch:
    from widgets.charts.figures import Interval, forest  # noqa: PLC0415 (likewise)

    header = (labels("roi.of"), "P10", "P25", "P50", "P75", "P90")

    def axis(shown: int) -> str:
        return labels("roi.forest.axis" if best else "roi.forest.axis_other", n=labels.exact(shown))

    made = [
        Interval(
            key, name, one.p10 or 0.0, one.p25 or 0.0, one.p50 or 0.0, one.p75 or 0.0, one.p90 or 0.0,
            f"{name}\n{returns.interval_sentence(one, labels)}\n{labels('roi.above_break_even')} {returns.chance(one.p_above_break_even, labels)}",
        )
        for key, name, one in items
    ]  # fmt: skip
    return forest(look, made, _marks(compared), axis, header, lambda value: f"1:{value:g}")


def scatter(items: Sequence[tuple[int, str, Figures, Word | None]], compared: Sequence[Line], labels: Labels, found: int) -> Callable[[Look], Sketch]:
    """Cost against net revenue of those who cost anything, out of so many."""
    return partial(_scatter, tuple(items), tuple(compared), labels, found)


def _scatter(items: Sequence[tuple[int, str, Figures, Word | None]], compared: Sequence[Line], labels: Labels, found: int, look: Look) -> Sketch:
    from widgets.charts.figures import Point, scatter  # noqa: PLC0415 (likewise)

    header = (labels("roi.of"), labels("roi.landed"), labels("roi.net"))
    low = any(one.net_fen <= 0 for _, _, one, _ in items)
    across = labels("roi.scatter.landed_few", shown=labels.exact(len(items)), found=labels.exact(found)) if len(items) < found else labels("roi.landed")
    upwards = labels("roi.scatter.net_low") if low else labels("roi.net")

    def text(name: str, one: Figures, word: Word | None) -> str:
        said = [name if word is None else f"{name}  {returns.word_said(word, labels)}", f"{labels('roi.landed')} {labels.money(one.landed_fen)}"]
        said += [f"{labels('roi.net')} {labels.money(one.net_fen)}", f"{labels('roi.roas')} {returns.roas(one, labels)}"]
        return "\n".join(said)

    made = [
        Point(key, name, one.landed_fen / _YUAN, one.net_fen / _YUAN, text(name, one, word), *_INKS[word], returns.word_said(word, labels) if word is not None else "")
        for key, name, one, word in sorted(items, key=lambda item: -int(item[3] or 0))
    ]  # fmt: skip
    over = sum(1 for _, _, one, _ in items if compared and (one.roas or 0.0) > compared[0].roas)
    says = labels("roi.scatter.says", n=labels.exact(len(items)), over=labels.exact(over))
    return scatter(look, made, _marks(compared), (across, upwards), header, says, lambda value: f"¥{labels.count(value)}")


def funnel(found: Funnel, labels: Labels) -> Callable[[Look], Sketch]:
    """From impressions to orders; lengths are logarithmic, so that the few at the end can be seen."""
    return partial(_funnel, found, labels)


def _funnel(found: Funnel, labels: Labels, look: Look) -> Sketch:
    from math import log10  # noqa: PLC0415 (only here)

    from widgets.charts.figures import Bar, bars  # noqa: PLC0415 (likewise)

    header = (labels("roi.of"), labels("roi.funnel.total"), labels("roi.funnel.contents"))

    befores = (None, *found.steps)
    made = [
        Bar(step.name, labels(f"roi.funnel.{step.name}"), log10(1 + (step.total or 0)), _step(step, before, labels), _rate(step, before, labels))
        for step, before in zip(found.steps, befores, strict=False)
    ]
    says = "\n".join(f"{one.label} {one.shown}" for one in made)
    sketch = bars(look, made, header, f"{says}\n{labels('roi.funnel.note')}", note=labels("roi.funnel.note"))
    sketch.rows = [(labels(f"roi.funnel.{step.name}"), "" if step.total is None else step.total, step.contents) for step in found.steps]
    return sketch


def _step(step: FunnelStep, before: FunnelStep | None, labels: Labels) -> str:
    """A sum, and its rate with the denominator named."""
    if step.total is None:
        return labels("roi.no_data")
    said = labels("roi.funnel.of", total=labels.count(step.total), contents=labels.exact(step.contents))
    if before is None or step.rate is None:
        return said
    name, over = labels(f"roi.funnel.rate.{step.name}"), labels(f"roi.funnel.{before.name}")
    return labels("roi.funnel.with_rate", said=said, rate=_share(step.rate), name=name, whole=labels.count(step.before), over=over)


def _rate(step: FunnelStep, before: FunnelStep | None, labels: Labels) -> str:
    if step.total is None:
        return labels("roi.funnel.unknown", name=labels(f"roi.funnel.{step.name}"))
    if before is None or step.rate is None:
        return labels("roi.funnel.of", total=labels.exact(step.total), contents=labels.exact(step.contents))
    return labels(
        "roi.funnel.rate", name=labels(f"roi.funnel.rate.{step.name}"), rate=_share(step.rate), part=labels.exact(step.after),
        whole=labels.exact(step.before), contents=labels.exact(step.both), over=labels(f"roi.funnel.{before.name}"),
    )  # fmt: skip


def _share(rate: float) -> str:
    """A rate as a percentage, small ones to two digits."""
    return f"{rate * 100:.2f}%" if rate < 0.1 else f"{rate * 100:.1f}%"  # noqa: PLR2004 (ten per cent)


def trend(rows: Sequence[ReturnRow], labels: Labels) -> Callable[[Look], Sketch]:
    """Net revenue and landed cost by month."""
    return partial(_trend, tuple(rows), labels)


def _trend(rows: Sequence[ReturnRow], labels: Labels, look: Look) -> Sketch:
    from widgets.charts.figures import Series, trend  # noqa: PLC0415 (likewise)

    header = (labels("roi.by.month"), labels("roi.net"), labels("roi.landed"))

    def said(row: ReturnRow) -> str:
        one = row.figures
        return (
            f"{row.key}\n{labels('roi.net')} {labels.money(one.net_fen)}\n{labels('roi.landed')} {labels.money(one.landed_fen)}\n"
            f"{labels('roi.roas')} {returns.roas(one, labels)}"
        )

    net = Series(labels("roi.net"), [(at, row.figures.net_fen / _YUAN, said(row)) for at, row in enumerate(rows)], "accent")
    landed = Series(labels("roi.landed"), [(at, row.figures.landed_fen / _YUAN, said(row)) for at, row in enumerate(rows)], "warning")
    last = rows[-1]
    ticks = [(float(at), str(row.key)) for at, row in enumerate(rows)]
    return trend(look, (net, landed), ticks, header, said(last), lambda value: f"¥{labels.count(value)}")
