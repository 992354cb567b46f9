# SPDX-License-Identifier: Apache-2.0
"""Pictures as pure functions: records and a look become a sketch, a sketch becomes pixels with places to point at.

Nothing here knows a widget or a thread. Words come ready; text is never read as mathematics or markup.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from widgets.charts.drawn import Drawn, Hit, Look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.ft2font import FT2Font

_DPI: Final = 100.0
_ROW: Final = 18
"""Pixels of a row of words above a plot."""
_SAID: Final = 5
"""Things of a picture that its description names."""
_SMALLEST: Final = 0.01
_DASHES: Final = ((0, (5, 3)), (0, (1.5, 2)), "solid")
_RIGHT: Final = 0.7
"""From here on a word stands at the left of its line."""
_WIDE: Final = 0x2E80
"""The first sign of the East."""
_LOCK: Final = Lock()
"""One drawing at a time: the font cache below is shared."""
mpl.rcParams["text.parse_math"] = False
mpl.rcParams["axes.unicode_minus"] = False


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in data coordinates that says something and leads somewhere."""

    axes: Axes
    x: float
    y: float
    text: str
    key: object = None


@dataclass(slots=True)
class Sketch:
    """A figure before it is drawn; ``header`` and ``rows`` are its data for a spreadsheet, ``says`` its main figures in words."""

    figure: Figure
    spots: list[Spot] = field(default_factory=list)
    header: tuple[str, ...] = ()
    rows: list[tuple[object, ...]] = field(default_factory=list)
    says: str = ""


@lru_cache(maxsize=8)
def _here(families: tuple[str, ...]) -> tuple[str, ...]:
    """Those families that this computer has and that can be drawn with; one that comes with the library is always there."""
    there = {one.name for one in fontManager.ttflist}
    return (*(one for one in families if one in there and "Emoji" not in one), "DejaVu Sans")


@lru_cache(maxsize=8)
def _faces(families: tuple[str, ...]) -> tuple[FT2Font, ...]:
    return tuple(get_font(findfont(FontProperties(family=[one]))) for one in _here(families))


@lru_cache(maxsize=20_000)
def _has(sign: str, families: tuple[str, ...]) -> bool:
    return any(face.get_char_index(ord(sign)) for face in _faces(families))


def readable(text: str, families: Sequence[str]) -> str:
    """A text without the signs that no font has: an empty box says nothing."""
    return " ".join("".join(sign for sign in text if sign.isspace() or _has(sign, tuple(families))).split())


def draw(make: Callable[[Look], Sketch], look: Look) -> Drawn:
    """Sketch and render a picture."""
    with _LOCK:
        sketch = make(look)
        canvas = FigureCanvasAgg(sketch.figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        wide, high = canvas.get_width_height(physical=True)
        hits = []
        for spot in sketch.spots:
            x, y = spot.axes.transData.transform((spot.x, spot.y))
            hits.append(Hit(float(x) / look.ratio, (high - float(y)) / look.ratio, spot.text, spot.key))
        pixels = bytes(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        return Drawn(wide, high, look.ratio, pixels, tuple(hits), sketch.header, tuple(sketch.rows), sketch.says)


# ---------------------------------------------------------------- grounds


def _figure(look: Look, *, left: float = 0.1, right: float = 0.97, bottom: float = 0.16, top: float = 0.93) -> tuple[Figure, Axes]:
    """An empty plot in the look's colours; margins are parts of the picture."""
    dpi = _DPI * look.ratio
    figure = Figure(figsize=(look.width / _DPI, look.height / _DPI), dpi=dpi, facecolor=look.colour("surface"))
    axes = figure.add_axes((left, bottom, right - left, top - bottom), facecolor=look.colour("surface"))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(look.colour("border"))
    axes.tick_params(colors=look.colour("text_muted"), labelsize=_points(look, 0.92), length=0, pad=5)
    axes.grid(visible=True, axis="both", color=look.colour("grid"), linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _points(look: Look, share: float = 1.0) -> float:
    """Size of text in points for its pixels."""
    return look.text * share * 72.0 / _DPI


def _fonts(axes: Axes, look: Look) -> None:
    families = list(_here(tuple(look.families)))
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label, axes.yaxis.label, *axes.texts):
        label.set_fontfamily(families)
    legend = axes.get_legend()
    if legend is not None:
        for text in legend.get_texts():
            text.set_fontfamily(families)


def _titles(axes: Axes, look: Look, x: str = "", y: str = "") -> None:
    axes.set_xlabel(x, color=look.colour("text_muted"), fontsize=_points(look, 0.92), labelpad=4)
    axes.set_ylabel(y, color=look.colour("text_muted"), fontsize=_points(look, 0.92), labelpad=6)


def _wide(text: str) -> float:
    """Width in Chinese characters."""
    return sum(1.0 if ord(sign) >= _WIDE else 0.56 for sign in text)


def _room(look: Look, texts: Sequence[str], *, most: float = 0.42) -> float:
    """Part of the width that labels need; a Chinese character is twice as wide as a letter."""
    longest = max((_wide(text) for text in texts), default=0.0)
    return min(most, (longest * look.text * 0.95 + 22) / max(1, look.width))


def shortened(text: str, most: float = 12.0) -> str:
    """A label no longer than there is room for, in Chinese characters."""
    if _wide(text) <= most:
        return text
    kept = ""
    for sign in text:
        if _wide(kept + sign) > most - 1:
            break
        kept += sign
    return kept.rstrip() + "…"


def _named(look: Look, text: str, most: float = 12.0) -> str:
    return shortened(readable(text, look.families), most)


# ---------------------------------------------------------------- intervals


@dataclass(frozen=True, slots=True)
class Interval:
    """Somebody's return: 80 % interval, its middle half and the median; ``text`` tells it whole."""

    key: object
    label: str
    p10: float
    p25: float
    p50: float
    p75: float
    p90: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across a picture, with its word."""

    at: float
    word: str
    token: str


def forest(
    look: Look, items: Sequence[Interval], marks: Sequence[Mark], axis: Callable[[int], str], header: tuple[str, ...], number: Callable[[float], str]
) -> Sketch:
    """Intervals below each other in the order given, as many as there is height for, with lines for break-even and target.

    ``axis`` words the axis for the number of intervals shown. The longest may reach beyond the picture: the lines matter more than the ends.
    """
    below, above = 52 / look.height, (20 + _ROW * sum(1 for _ in marks)) / look.height
    items = items[: max(3, int((look.height * (1 - below - above)) / (look.text * 1.6)))]
    labels = [_named(look, one.label) for one in items]
    figure, axes = _figure(look, left=_room(look, labels), bottom=min(0.35, below), top=1 - min(0.35, above))
    places = range(len(items))
    axes.hlines(places, [one.p10 for one in items], [one.p90 for one in items], color=look.colour("accent"), linewidth=1.6, alpha=0.6)
    axes.hlines(places, [one.p25 for one in items], [one.p75 for one in items], color=look.colour("accent"), linewidth=5, alpha=0.9)
    axes.plot(
        [one.p50 for one in items], list(places), linestyle="", marker="o", markersize=4.5, color=look.colour("surface"), markeredgecolor=look.colour("accent")
    )
    axes.set_yticks(list(places), labels)
    axes.set_ylim(len(items) - 0.4, -0.6)
    most = max([one.p90 for one in items] + [mark.at for mark in marks], default=1.0)
    axes.set_xlim(0, most * 1.06)
    _across(axes, look, marks)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(max(3, look.width // 130)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    says = axis(len(items))
    _titles(axes, look, says)
    _fonts(axes, look)
    spots = [Spot(axes, one.p50, at, one.text, one.key) for at, one in enumerate(items)]
    rows: list[tuple[object, ...]] = [(one.label, one.p10, one.p25, one.p50, one.p75, one.p90) for one in items]
    return Sketch(figure, spots, header, rows, "\n".join([says, *(one.text for one in items[:_SAID])]))


def _across(axes: Axes, look: Look, marks: Sequence[Mark]) -> None:
    """Upright lines with their words above the plot, each in a row of its own so that none covers another."""
    low, high = axes.get_xlim()
    points = _points(look, 0.88)
    for row, mark in enumerate(sorted(marks, key=lambda one: one.at, reverse=True)):
        axes.axvline(mark.at, color=look.colour(mark.token), linewidth=1.2, linestyle=(0, (4, 3)))
        share = (mark.at - low) / (high - low or 1)
        axes.annotate(
            mark.word, (share, 1.0), xycoords="axes fraction", xytext=(0, 3 + row * points * 1.5), textcoords="offset points",
            ha="left" if share < _RIGHT else "right", va="bottom", color=look.colour(mark.token), fontsize=points, annotation_clip=False,
        )  # fmt: skip


# ---------------------------------------------------------------- cost and return


@dataclass(frozen=True, slots=True)
class Point:
    """Something with a cost and a revenue, in the same unit."""

    key: object
    label: str
    x: float
    y: float
    text: str
    ink: str = "accent"
    shape: str = "o"
    kind: str = ""
    """What all points of this ink and shape are, for the legend."""


def scatter(
    look: Look,
    points: Sequence[Point],
    slopes: Sequence[Mark],
    titles: tuple[str, str],
    header: tuple[str, ...],
    says: str,
    number: Callable[[float], str],
) -> Sketch:
    """Cost against revenue on logarithmic axes, with lines of equal ROAS; a revenue of nothing or less stands at the lower edge."""
    figure, axes = _figure(look, left=min(0.2, 78 / look.width), bottom=min(0.3, 52 / look.height), top=1 - min(0.2, 34 / look.height))
    shown = [one for one in points if one.x > 0]
    least = min([one.y for one in shown if one.y > 0], default=1.0)
    floor = max(_SMALLEST, least / 1.6)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for ink, shape, kind in dict.fromkeys((one.ink, one.shape, one.kind) for one in shown):
        some = [one for one in shown if (one.ink, one.shape) == (ink, shape)]
        axes.scatter(
            [one.x for one in some], [max(one.y, floor) for one in some], s=28, color=look.colour(ink), marker=shape, alpha=0.75, linewidths=0.6,
            edgecolors=look.colour("surface"), label=kind or None,
        )  # fmt: skip
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    for slope, dash in zip(slopes, _DASHES, strict=False):
        ends = [left * slope.at, right * slope.at]
        axes.plot([left, right], ends, color=look.colour(slope.token), linewidth=1.3, linestyle=dash, label=slope.word)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    if slopes or any(one.kind for one in shown):
        _legend(axes, look, len(slopes) + len({one.kind for one in shown}))
    _titles(axes, look, *titles)
    _fonts(axes, look)
    spots = [Spot(axes, one.x, max(one.y, floor), one.text, one.key) for one in shown]
    rows: list[tuple[object, ...]] = [(one.label, one.x, one.y) for one in points]
    return Sketch(figure, spots, header, rows, says)


def _legend(axes: Axes, look: Look, columns: int) -> None:
    """What the lines are, above the plot."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.2, frameon=False, fontsize=_points(look, 0.9), labelcolor=look.colour("text"),
        ncols=columns, handlelength=2.4, columnspacing=1.6,
    )  # fmt: skip


# ---------------------------------------------------------------- bars


@dataclass(frozen=True, slots=True)
class Bar:
    """A length with its word and what it says; ``start`` is where it begins."""

    key: object
    label: str
    value: float
    shown: str
    text: str
    ink: str = "accent"
    start: float = 0.0


def bars(look: Look, items: Sequence[Bar], header: tuple[str, ...], says: str, *, joined: bool = False, note: str = "") -> Sketch:
    """Bars lying below each other with their values at the end; ``joined``: each begins where the one above ended, as a waterfall does.

    ``note`` stands below them.
    """
    labels = [_named(look, one.label) for one in items]
    figure, axes = _figure(
        look,
        left=_room(look, labels),
        right=0.97 - _room(look, [one.shown for one in items], most=0.5),
        bottom=0.04 if not note else min(0.3, 34 / look.height),
        top=0.97,
    )
    places = range(len(items))
    axes.barh(
        list(places), [one.value for one in items], left=[one.start for one in items], height=0.62, color=[look.colour(one.ink) for one in items], linewidth=0
    )
    if joined:
        for at, (one, after) in enumerate(pairwise(items)):
            end = one.start + one.value if one.start + one.value in {after.start, after.start + after.value} else one.start
            axes.plot([end, end], [at - 0.31, at + 1.31], color=look.colour("border"), linewidth=1)
    axes.set_yticks(list(places), labels)
    axes.set_ylim(len(items) - 0.4, -0.6)
    low = min([0.0, *(min(one.start, one.start + one.value) for one in items)])
    high = max([0.0, *(max(one.start, one.start + one.value) for one in items)])
    axes.set_xlim(low, high or 1.0)
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    for at, one in enumerate(items):
        axes.annotate(
            one.shown, (max(one.start, one.start + one.value), at), xytext=(6, 0), textcoords="offset points", va="center", color=look.colour("text"),
            fontsize=_points(look, 0.95), annotation_clip=False,
        )  # fmt: skip
    if note:
        _titles(axes, look, note)
        axes.xaxis.set_label_coords(0.0, -10 / look.height)
        axes.xaxis.label.set_horizontalalignment("left")
    _fonts(axes, look)
    spots = [Spot(axes, one.start + one.value / 2, at, one.text, one.key) for at, one in enumerate(items)]
    rows: list[tuple[object, ...]] = [(one.label, one.value) for one in items]
    return Sketch(figure, spots, header, rows, says)


# ---------------------------------------------------------------- over time


@dataclass(frozen=True, slots=True)
class Series:
    """Values over time with their word; ``stepped`` ones hold until the next."""

    label: str
    values: Sequence[tuple[float, float, str]]
    """Position, value, and what the point says."""
    ink: str = "accent"
    stepped: bool = False


def trend(
    look: Look,
    series: Sequence[Series],
    ticks: Sequence[tuple[float, str]],
    header: tuple[str, ...],
    says: str,
    number: Callable[[float], str],
    marks: Sequence[Mark] = (),
) -> Sketch:
    """Lines over time; ``ticks`` are positions with their words, thinned out where they stand close; ``marks`` upright lines at dates."""
    above = 34 + _ROW * len(marks) if len(series) > 1 or marks else 16
    figure, axes = _figure(
        look, left=min(0.2, 72 / look.width), right=1 - min(0.12, 32 / look.width), bottom=min(0.25, 36 / look.height), top=1 - min(0.3, above / look.height)
    )  # half of the last word stands beyond the plot
    spots: list[Spot] = []
    for one in series:
        xs, ys = [at for at, _, _ in one.values], [value for _, value, _ in one.values]
        style = "steps-post" if one.stepped else "default"
        axes.plot(xs, ys, color=look.colour(one.ink), linewidth=2.0, marker="o", markersize=3.6, drawstyle=style, label=readable(one.label, look.families))
        spots += [Spot(axes, at, value, text, at) for at, value, text in one.values]
    room = max(1, int(look.width * 0.8 / (look.text * (_wide(max((word for _, word in ticks), key=_wide, default="")) + 1.5))))
    some = ticks[:: max(1, math.ceil(len(ticks) / room))]
    axes.set_xticks([at for at, _ in some], [word for _, word in some])
    axes.yaxis.set_major_locator(MaxNLocator(max(3, look.height // 60)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axes.margins(x=0.03, y=0.12)
    _across(axes, look, marks)
    if len(series) > 1:
        _legend(axes, look, len(series))
    _fonts(axes, look)
    words = dict(ticks)
    values = [{at: value for at, value, _ in one.values} for one in series]
    places = sorted({at for one in values for at in one})
    rows: list[tuple[object, ...]] = [(words.get(at, at), *(one.get(at, "") for one in values)) for at in places]
    return Sketch(figure, spots, header, rows, says)
