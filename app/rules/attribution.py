# SPDX-License-Identifier: Apache-2.0
"""Attribution: which creators a sale belongs to, and how much of it, to the fen.

A touch counts where it is not later than payment and within the look-back of its kind. A model gives touches integer
weights; a creator's touches add up; the total is split by largest remainder, so the parts sum to the whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from app.errors import UsageError
from app.rules.apportion import apportioned, run_heads, run_sizes
from app.rules.decay import millionths
from app.rules.models import MODELS
from app.values import DAY, Ranked

if TYPE_CHECKING:
    from collections.abc import Iterator

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]

CHUNK: Final = 1 << 16  # work of one piece stays in the processor's cache
_MOST_DAYS: Final = 36_500
_MOST_ORDER: Final = 3
_ENDS: Final = 2  # touches at the two ends of a long journey
_LEAST, _MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


class TouchKind(Ranked):
    """What ties a sale to a creator (触点)."""

    COUPON = 1
    PLATFORM = 2
    LINK = 3
    CONTENT = 4


# ---------------------------------------------------------------- policy


@dataclass(frozen=True, slots=True)
class AttributionPolicy:
    """The numbers of an attribution policy. ``order`` is best kind first; ``shops`` hold the shops that differ."""

    model: str
    order: tuple[TouchKind, ...]
    shops: Mapping[str, tuple[TouchKind, ...]]
    lookback_days: Mapping[TouchKind, int]
    half_life_days: int
    markov_order: int
    time_zone: str

    @classmethod
    def parse(cls, body: Mapping[str, object]) -> AttributionPolicy:
        """Policy from the data of its TOML; UsageError ``policy_invalid`` names the place."""
        model = body.get("model")
        if model not in MODELS:
            raise UsageError("policy_invalid", place="model", value=model)
        shops = {name: _order(f"shops.{name}", row) for name, row in _table(body, "shops").items()}
        lookback = {_kind("lookback_days", name): _days(f"lookback_days.{name}", days) for name, days in _table(body, "lookback_days").items()}
        steps = body.get("markov_order")
        if type(steps) is not int or not 1 <= steps <= _MOST_ORDER:
            raise UsageError("policy_invalid", place="markov_order", value=steps)
        half_life = _days("half_life_days", body.get("half_life_days"))
        return cls(str(model), _order("order", body.get("order")), shops, lookback, half_life, steps, _zone(body.get("time_zone")))

    def order_of(self, shop: str) -> tuple[TouchKind, ...]:
        """Kinds of touches in a shop, best first."""
        return self.shops.get(shop, self.order)


def _table(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    table = body.get(name)
    if not isinstance(table, Mapping):
        raise UsageError("policy_invalid", place=name, value=table)
    return table


def _kind(place: str, word: object) -> TouchKind:
    try:
        return TouchKind.of(str(word))
    except KeyError as error:
        raise UsageError("policy_invalid", place=place, value=word) from error


def _order(place: str, row: object) -> tuple[TouchKind, ...]:
    if not isinstance(row, Sequence) or isinstance(row, str):
        raise UsageError("policy_invalid", place=place, value=row)
    order = tuple(_kind(place, word) for word in row)
    if sorted(order) != sorted(TouchKind):
        raise UsageError("policy_invalid", place=place, value=row)
    return order


def _days(place: str, days: object) -> int:
    if type(days) is not int or not 0 < days <= _MOST_DAYS:
        raise UsageError("policy_invalid", place=place, value=days)
    return days


def _zone(zone: object) -> str:
    try:
        ZoneInfo(str(zone))
    except (ValueError, KeyError, OSError) as error:
        raise UsageError("policy_invalid", place="time_zone", value=zone) from error
    return str(zone)


# ---------------------------------------------------------------- facts and results


@dataclass(frozen=True, slots=True)
class Touch:
    """One touchpoint of one sale; moments are microseconds since the epoch."""

    creator_id: int
    kind: TouchKind
    at: int


@dataclass(frozen=True, slots=True)
class Share:
    """What a creator gets of one sale. Weights mean something only beside those of the same sale."""

    creator_id: int
    weight: int
    amount_fen: int


@dataclass(frozen=True, slots=True, eq=False)
class Sales:
    """Many sales, shape (sales,): net totals in fen, moments of payment, and each one's place in the list of shops."""

    total: Ints
    paid_at: Ints
    shop: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Touches:
    """Touches of many sales: those of sale i stand at ``starts[i]:starts[i + 1]``, in any order.

    ``starts`` has shape (sales + 1,), the rest (touches,); ``kind`` holds numbers of TouchKind.
    """

    starts: Ints
    creator: Ints
    kind: Codes
    at: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Credits:
    """Shares of sales, shape (shares,), in the order of (sale, creator); a sale without shares is unattributed.

    ``sale`` counts from the first sale given. A creator with weight has a share, of no fen where the sale has none.
    Where one creator made all the touches of a sale, the weight is 1.
    """

    sale: Ints
    creator: Ints
    weight: Ints
    amount: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """Fen by key (a day and shop, say), shape (keys,): attributed + unattributed = net."""

    net: Ints
    attributed: Ints
    unattributed: Ints


def starts_of(sale: Ints, sales: int) -> Ints:
    """``Touches.starts`` from the index of each touch's sale, in ascending order."""
    return np.searchsorted(sale, np.arange(sales + 1)).astype(np.int64)


# ---------------------------------------------------------------- one sale


def split_sale(policy: AttributionPolicy, shop: str, total_fen: int, paid_at: int, touches: Sequence[Touch], model: str | None = None) -> list[Share]:
    """Shares of one sale by creator id; empty where no touch is eligible."""
    sales = Sales(np.array([total_fen], np.int64), np.array([paid_at], np.int64), np.zeros(1, np.int64))
    many = Touches(
        np.array([0, len(touches)], np.int64),
        np.array([touch.creator_id for touch in touches], np.int64),
        np.array([touch.kind for touch in touches], np.int8),
        np.array([touch.at for touch in touches], np.int64),
    )
    credits_ = next(splits(policy, [shop], sales, many, model))
    return [Share(*row) for row in zip(credits_.creator.tolist(), credits_.weight.tolist(), credits_.amount.tolist(), strict=True)]


# ---------------------------------------------------------------- many sales


def splits(policy: AttributionPolicy, shops: Sequence[str], sales: Sales, touches: Touches, model: str | None = None, chunk: int = CHUNK) -> Iterator[Credits]:
    """Shares of many sales, a chunk of sales at a time, so that memory holds one chunk's work; at least one piece."""
    model = policy.model if model is None else model
    if model not in MODELS:
        raise UsageError("unknown_model", model=model)
    ranks = np.zeros((max(1, len(shops)), len(TouchKind) + 1), dtype=np.int8)
    for row, shop in enumerate(shops):
        ranks[row, list(policy.order_of(shop))] = np.arange(len(TouchKind))
    limits = np.full(len(TouchKind) + 1, _MOST, dtype=np.int64)
    for kind, days in policy.lookback_days.items():
        limits[kind] = days * DAY
    for low in range(0, max(1, len(sales.total)), chunk):
        yield _Chunk(policy, ranks, limits, sales, touches, slice(low, min(low + chunk, len(sales.total)))).credits(model)


def resplit(total: Ints, sale: Ints, weight: Ints) -> Ints:
    """New amounts of existing shares after refunds: ``total`` by sale, shares in the order of (sale, creator), weights as they were."""
    heads = run_heads(sale)
    return apportioned(total[sale[heads]], heads, weight)


def balance(total: Ints, credits_: Credits, key: Ints, keys: int) -> Balance:
    """Net, attributed and unattributed fen by key of the sale (shape (sales,), values below ``keys``)."""
    net, attributed, unattributed = (np.zeros(keys, dtype=np.int64) for _ in range(3))
    np.add.at(net, key, total)
    np.add.at(attributed, key[credits_.sale], credits_.amount)
    free = np.ones(len(total), dtype=bool)
    free[credits_.sale] = False
    np.add.at(unattributed, key[free], total[free])
    return Balance(net, attributed, unattributed)


def sampled(count: int, rate: float) -> tuple[float, float]:
    """Estimate and its standard error of what a feed counted that passes on only a part of all, 0 < rate ≤ 1."""
    return count / rate, math.sqrt(count * (1 - rate)) / rate


class _Chunk:
    """The eligible touches of a run of sales, grouped by sale; only sales touched by several creators need a model."""

    def __init__(self, policy: AttributionPolicy, ranks: Codes, limits: Ints, sales: Sales, touches: Touches, run: slice) -> None:
        """Keep the touches that count."""
        self._policy = policy
        self._run = run
        self._total = sales.total[run]
        bounds = touches.starts[run.start : run.stop + 1]
        part = slice(int(bounds[0]), int(bounds[-1])) if len(bounds) else slice(0, 0)
        sale = np.repeat(np.arange(len(self._total)), np.diff(bounds))
        age = sales.paid_at[run][sale] - touches.at[part]
        kind = touches.kind[part]
        counts = (age >= 0) & (age <= limits[kind])
        self._sale = sale[counts]
        self._creator = touches.creator[part][counts]
        self._age = age[counts]
        self._rank = ranks[sales.shop[run][self._sale], kind[counts]]

    def credits(self, model: str) -> Credits:
        """Shares of the run's sales."""
        heads = run_heads(self._sale)
        if not len(heads):
            empty = np.empty(0, dtype=np.int64)
            return Credits(empty, empty, empty, empty)
        lowest, highest = np.minimum.reduceat(self._creator, heads), np.maximum.reduceat(self._creator, heads)
        several = lowest != highest
        sale = self._sale[heads]
        creator = lowest
        weight = np.ones(len(heads), dtype=np.int64)
        if several.any():
            self._keep(np.repeat(several, run_sizes(heads, len(self._sale))))
            if model in {"linear", "time_decay", "position"}:
                shared = _summed(self._sale, self._creator, self._weights(model))
                sale, creator, weight = _woven(several, (sale, creator, weight), shared)
            else:
                creator[several] = self._winners(model)
        heads = run_heads(sale)
        return Credits(sale + self._run.start, creator, weight, apportioned(self._total[sale[heads]], heads, weight))

    def _keep(self, rows: Flags) -> None:
        self._sale, self._creator, self._age, self._rank = self._sale[rows], self._creator[rows], self._age[rows], self._rank[rows]

    def _winners(self, model: str) -> Ints:
        """Who takes all, by sale."""
        heads = run_heads(self._sale)
        rows = np.ones(len(self._sale), dtype=bool)
        if model == "precedence":
            rows = self._rank == np.repeat(np.minimum.reduceat(self._rank, heads), run_sizes(heads, len(self._sale)))
        at = _extreme(self._age, rows, heads, np.maximum if model == "first_touch" else np.minimum)
        creator: Ints = np.minimum.reduceat(np.where(at, self._creator, _MOST), heads)
        return creator

    def _weights(self, model: str) -> Ints:
        """Weight of each touch."""
        heads = run_heads(self._sale)
        sizes = run_sizes(heads, len(self._sale))
        if model == "time_decay":
            latest = np.minimum.reduceat(self._age, heads)
            return millionths(self._age - np.repeat(latest, sizes), self._policy.half_life_days)
        weight = np.ones(len(self._sale), dtype=np.int64)
        if model == "position":
            long = np.repeat(sizes > _ENDS, sizes)
            ends = np.repeat(2 * (sizes - _ENDS), sizes)
            first = _extreme(self._creator, _extreme(self._age, weight > 0, heads, np.maximum), heads, np.minimum)
            last = _extreme(self._creator, _extreme(self._age, weight > 0, heads, np.minimum), heads, np.maximum)
            for end in (_one(first, self._sale), _one(last, self._sale)):
                weight[end] = np.where(long[end], ends[end], 1)
        return weight


def _extreme(value: Ints, rows: Flags, heads: Ints, better: np.ufunc) -> Flags:
    """Of the rows given, those with the largest (``np.maximum``) or smallest value of their group."""
    masked = np.where(rows, value, _LEAST if better is np.maximum else _MOST)
    best: Ints = better.reduceat(masked, heads)
    at: Flags = rows & (masked == np.repeat(best, run_sizes(heads, len(value))))
    return at


def _one(rows: Flags, group: Ints) -> Ints:
    """One row of each group's rows given: equal touches of one creator are interchangeable."""
    at = np.flatnonzero(rows)
    return at[run_heads(group[at])]


def _summed(sale: Ints, creator: Ints, weight: Ints) -> tuple[Ints, Ints, Ints]:
    """Weights added up by (sale, creator), in that order; whoever has none is left out."""
    order = _by_sale_and_creator(sale, creator)
    sale, creator, weight = sale[order], creator[order], weight[order]
    heads = np.flatnonzero(np.r_[True, (sale[1:] != sale[:-1]) | (creator[1:] != creator[:-1])])
    weight = np.add.reduceat(weight, heads)
    some = weight > 0
    return sale[heads][some], creator[heads][some], weight[some]


def _by_sale_and_creator(sale: Ints, creator: Ints) -> Ints:
    """Sorting order; one packed key sorts several times faster than two where they fit together."""
    lowest, highest = int(creator.min()), int(creator.max())
    bits = (highest - lowest).bit_length()
    if int(sale[-1]).bit_length() + bits < np.iinfo(np.int64).bits - 1:
        return np.argsort((sale << bits) | (creator - lowest))
    return np.lexsort((creator, sale))


def _woven(several: Flags, sole: tuple[Ints, Ints, Ints], shared: tuple[Ints, Ints, Ints]) -> tuple[Ints, Ints, Ints]:
    """Shares of sales with one creator and of those with several, in the order of sales."""
    heads = run_heads(shared[0])
    rows = np.ones(len(several), dtype=np.int64)
    rows[several] = run_sizes(heads, len(shared[0]))
    mixed = np.repeat(several, rows)
    out = []
    for alone, many in zip(sole, shared, strict=True):
        column = np.empty(len(mixed), dtype=np.int64)
        column[~mixed] = alone[~several]
        column[mixed] = many
        out.append(column)
    return out[0], out[1], out[2]
