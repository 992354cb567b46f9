# SPDX-License-Identifier: Apache-2.0
"""Who may be one person: pairs of records compared field by field, weighed by Fellegi and Sunter, in arrays throughout.

A level of agreement weighs log2(m / u): how much oftener it is met in one person's records than in two people's. ``m`` is learnt
from the pairs themselves (expectation maximisation over sane beginnings), ``u`` from pairs drawn at random; that two share one
value counts by how many share it: the phone of an agency is weak evidence, a phone of two strong.
Only pairs that share a key are looked at; a key that too many share gives neighbours by name alone, and is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.process import cpdist

from app.rules.spellings import plain_name
from app.values import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]


# ---------------------------------------------------------------- what is compared


class Level(IntEnum):
    """How far two values agree; codes of evidence are ``<field>.<level>``."""

    MISSING = 0
    SAME = 1
    NEAR = 2
    ALIKE = 3
    OTHER = 4


LEVELS: Final = ("missing", "same", "near", "alike", "other")
"""Codes of levels in their order, each with words under ``identity.level.<code>``."""


class How(IntEnum):
    """How values of a field are compared."""

    EXACT = 0
    """Same or other."""
    NUMBER = 1
    """A code: near is one slip of the hand away, alike two."""
    TEXT = 2
    """Words: near and alike by Jaro and Winkler, near where they sound the same."""
    APART = 3
    """Sets of which one person's have nothing in common: same where they are disjoint."""


@dataclass(frozen=True, slots=True)
class Trait:
    """A field of a comparison. ``m``: where learning begins, for same, near, alike, other.

    ``chance``: the part of agreements on a value of few that is chance; of two phones that agree hardly any, of two cities all.
    ``echoes``: another field that says the same again, of which the lesser weight counts half.
    """

    name: str
    how: How
    m: tuple[float, float, float, float]
    chance: float = 1.0
    near: float = 0.92
    alike: float = 0.8
    echoes: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Records as columns: each field has one or more slots, each slot a text of every record, "" where nothing is known.

    ``sounds``: slots of the same shape that tell how a text is spoken. ``keys``: what pairs must share, slots likewise.
    """

    count: int
    columns: Mapping[str, Sequence[Sequence[str]]]
    keys: Mapping[str, Sequence[Sequence[str]]]
    sounds: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    order: Sequence[str] = ()
    """What neighbours in a block that is too large are found by."""


class Crowded(NamedTuple):
    """Blocks of a key that were too large: how many, how many records they have, the largest."""

    key: str
    blocks: int
    records: int
    largest: int


class Evidence(NamedTuple):
    """Why two records may be one person's: a code, both values, its weight in bits, how many share the value."""

    code: str
    a: str
    b: str
    weight: float
    shared: int


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Pairs, the likeliest first: places of both records, probability, evidence; and what was not looked at in full."""

    a: Ints
    b: Ints
    score: Floats
    evidence: tuple[tuple[Evidence, ...], ...]
    crowded: tuple[Crowded, ...]
    compared: int
    prior: float


MOST_IN_BLOCK: Final = 30
"""Records up to which every pair of a block is looked at."""
NEIGHBOURS: Final = 5
_LEARN_FROM: Final = 300_000
_DRAWN: Final = 400_000
_AT_A_TIME: Final = 400_000
_ROUNDS: Final = 25
_STRENGTH: Final = 100.0
"""Pairs that the beginnings of ``m`` are worth at least."""
_SANE: Final = 2.0
"""How often the pairs themselves they are worth at most: names that many share by chance teach nothing about phones."""
_DOUBLES: Final = 0.05
"""Share of records that have a second one, to begin with."""
_DOUBTED: Final = 0.25
_SAME_PERSON: Final = 3
"""So many records one person may well have: beyond, those who share a value are others."""
_SURELY_NOT: Final = 1e-7
_LEAST: Final = 1e-6
VERY_LIKELY: Final = 0.95
LIKELY: Final = 0.75


def word(score: float) -> str:
    """What a probability is called: a code under ``identity.<word>``."""
    return "very_likely" if score >= VERY_LIKELY else "likely" if score >= LIKELY else "unsure"


# ---------------------------------------------------------------- values as numbers


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    """Slots of a field: texts, their numbers (-1: none), how many records have each, numbers of how they sound."""

    texts: tuple[Sequence[str], ...]
    codes: tuple[Ints, ...]
    counts: Ints
    sounds: tuple[Ints, ...]


def _numbered(slots: Sequence[Sequence[str]]) -> tuple[tuple[Ints, ...], int]:
    """Numbers of texts over all slots, -1 for none; and how many there are."""
    known: dict[str, int] = {"": -1}
    out = [np.fromiter((known.setdefault(one, len(known) - 1) for one in slot), dtype=np.int64, count=len(slot)) for slot in slots]
    return tuple(out), len(known) - 1


def _column(table: Table, name: str) -> _Column:
    slots = table.columns[name]
    codes, size = _numbered(slots)
    counts = np.zeros(size, dtype=np.int64)
    # A record that has a value in two slots has it once.
    owners = np.concatenate([np.flatnonzero(code >= 0) for code in codes]) if codes else np.empty(0, dtype=np.int64)
    values = np.concatenate([code[code >= 0] for code in codes]) if codes else np.empty(0, dtype=np.int64)
    if size:
        once = np.unique(values * table.count + owners) // table.count
        counts = np.bincount(once, minlength=size)
    return _Column(tuple(slots), codes, counts, _numbered(table.sounds.get(name, ()))[0])


# ---------------------------------------------------------------- which pairs are looked at


def candidates(table: Table) -> tuple[Ints, Ints, list[Crowded]]:
    """Pairs of records (a < b) that share a key, each once, and the blocks that were too large."""
    order = np.zeros(table.count, dtype=np.int64)
    if len(table.order):
        order[sorted(range(table.count), key=table.order.__getitem__)] = np.arange(table.count)
    packed, crowded = [], []
    for name, slots in table.keys.items():
        pairs, told = _sharing(name, slots, order, table.count)
        packed.append(pairs)
        if told is not None:
            crowded.append(told)
    every = np.unique(np.concatenate(packed)) if packed else np.empty(0, dtype=np.int64)
    return every // table.count, every % table.count, crowded


def _sharing(name: str, slots: Sequence[Sequence[str]], order: Ints, count: int) -> tuple[Ints, Crowded | None]:
    codes, size = _numbered(slots)
    owner = np.concatenate([np.flatnonzero(code >= 0) for code in codes])
    value = np.concatenate([code[code >= 0] for code in codes])
    sizes = np.bincount(value, minlength=size)
    several = sizes[value] > 1
    owner, value = owner[several], value[several]
    at = np.lexsort((order[owner], value))
    owner, value = owner[at], value[at]
    reach = np.where(sizes[value] > MOST_IN_BLOCK, NEIGHBOURS, MOST_IN_BLOCK)
    pairs = []
    for step in range(1, MOST_IN_BLOCK):
        left = np.flatnonzero((value[step:] == value[:-step]) & (reach[:-step] >= step)) if len(value) > step else np.empty(0, dtype=np.int64)
        if not len(left):
            break
        a, b = owner[left], owner[left + step]
        low, high = np.minimum(a, b), np.maximum(a, b)
        pairs.append((low * count + high)[low != high])
    large = sizes[sizes > MOST_IN_BLOCK]
    told = Crowded(name, len(large), int(large.sum()), int(large.max())) if len(large) else None
    return (np.unique(np.concatenate(pairs)) if pairs else np.empty(0, dtype=np.int64)), told


# ---------------------------------------------------------------- comparing


class _Compared(NamedTuple):
    """Pairs by fields: levels, the chance of an agreement on the very value, which slots agreed best."""

    level: npt.NDArray[np.int8]
    chance: Floats
    slot: npt.NDArray[np.int8]


def _compare(table: Table, traits: Sequence[Trait], columns: Sequence[_Column], a: Ints, b: Ints) -> _Compared:
    level = np.zeros((len(a), len(traits)), dtype=np.int8)
    chance = np.ones((len(a), len(traits)))
    slot = np.zeros((len(a), len(traits)), dtype=np.int8)
    for at, (trait, column) in enumerate(zip(traits, columns, strict=True)):
        if trait.how is How.APART:
            level[:, at] = _apart(column, a, b)
            continue
        width = len(column.codes)
        for left in range(width):
            for right in range(width):
                found, share = _levels(table, trait, column, (left, right), a, b)
                better = (found > 0) & ((level[:, at] == 0) | (found < level[:, at]))
                level[better, at], chance[better, at], slot[better, at] = found[better], share[better], left * width + right
    return _Compared(level, chance, slot)


def _levels(table: Table, trait: Trait, column: _Column, slots: tuple[int, int], a: Ints, b: Ints) -> tuple[npt.NDArray[np.int8], Floats]:
    left, right = column.codes[slots[0]][a], column.codes[slots[1]][b]
    known = (left >= 0) & (right >= 0)
    same = known & (left == right)
    out = np.where(same, np.int8(Level.SAME), np.where(known, np.int8(Level.OTHER), np.int8(0))).astype(np.int8)
    chance = np.ones(len(a))
    if same.any():
        many = column.counts[left[same]]
        chance[same] = np.maximum(many - _SAME_PERSON, trait.chance * np.maximum(many - 1, 1)) / table.count
    rest = np.flatnonzero(known & ~same)
    if trait.how is How.EXACT or not len(rest):
        return out, chance
    one = [column.texts[slots[0]][at] for at in a[rest].tolist()]
    other = [column.texts[slots[1]][at] for at in b[rest].tolist()]
    if trait.how is How.NUMBER:
        slips = cpdist(one, other, scorer=OSA.distance, score_cutoff=2, dtype=np.uint8)
        long = np.fromiter(map(len, one), dtype=np.int64, count=len(one)) >= 5  # noqa: PLR2004 (two slips make another of a shorter one)
        out[rest] = np.where(slips == 1, Level.NEAR, np.where((slips == 2) & long, Level.ALIKE, Level.OTHER))  # noqa: PLR2004
        return out, chance
    likeness = cpdist(one, other, scorer=JaroWinkler.similarity, score_cutoff=trait.alike, dtype=np.float32)
    out[rest] = np.where(likeness >= trait.near, Level.NEAR, np.where(likeness >= trait.alike, Level.ALIKE, Level.OTHER))
    if column.sounds:
        spoken, heard = column.sounds[slots[0]][a[rest]], column.sounds[slots[1]][b[rest]]
        out[rest[(spoken >= 0) & (spoken == heard)]] = Level.NEAR
    return out, chance


def _apart(column: _Column, a: Ints, b: Ints) -> npt.NDArray[np.int8]:
    common = np.zeros(len(a), dtype=bool)
    for one in column.codes:
        for other in column.codes:
            common |= (one[a] >= 0) & (one[a] == other[b])
    known = np.any([code[a] >= 0 for code in column.codes], axis=0) & np.any([code[b] >= 0 for code in column.codes], axis=0)
    return np.where(~known, Level.MISSING, np.where(common, Level.OTHER, Level.SAME)).astype(np.int8)


# ---------------------------------------------------------------- learning and weighing


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What was learnt: chance of each level, shape (fields, 5), in one person's pairs and in two people's; and how rare one person's pairs are."""

    m: Floats
    u: Floats
    prior: float


def _drawn(table: Table, traits: Sequence[Trait], columns: Sequence[_Column]) -> Floats:
    """Levels met in pairs drawn at random, as shares of the pairs of which both values are known."""
    dice = np.random.default_rng(20_240_607)
    a, b = dice.integers(0, table.count, _DRAWN), dice.integers(0, table.count, _DRAWN)
    apart = a != b
    level = _compare(table, traits, columns, a[apart], b[apart]).level
    out = np.ones((len(traits), len(Level)))
    for at in range(len(traits)):
        counts = np.bincount(level[:, at], minlength=len(Level))[1:].astype(np.float64)
        out[at, 1:] = np.maximum((counts + 0.25) / (counts.sum() + 1.0), _LEAST)
    return out


def _weights(traits: Sequence[Trait], model: Model, compared: _Compared) -> Floats:
    """Weights in bits of every field of every pair, shape (pairs, fields)."""
    with np.errstate(divide="ignore"):
        table = np.log2(model.m / model.u)
    table[:, Level.MISSING] = 0.0
    out = np.take_along_axis(table.T, compared.level.astype(np.int64), axis=0)
    for at, trait in enumerate(traits):
        if trait.how is not How.APART:
            same = compared.level[:, at] == Level.SAME
            out[same, at] = np.log2(model.m[at, Level.SAME] / np.maximum(compared.chance[same, at], _SURELY_NOT / 10))
    names = [trait.name for trait in traits]
    for at, trait in enumerate(traits):
        if trait.echoes in names:
            other = names.index(trait.echoes)
            both = (out[:, at] > 0) & (out[:, other] > 0)
            lesser = both & (out[:, at] <= out[:, other])
            out[lesser, at] *= 0.5
            out[both & ~lesser, other] *= 0.5
    return out


def _probability(weights: Floats, prior: float) -> Floats:
    odds = np.clip(weights.sum(axis=1) + np.log2(prior / (1 - prior)), -300, 300)
    out: Floats = 1.0 / (1.0 + np.exp2(-odds))
    return out


def learn(table: Table, traits: Sequence[Trait], columns: Sequence[_Column], a: Ints, b: Ints) -> Model:
    """Learn from pairs that share a key; those that share none are taken for two people's."""
    m = np.ones((len(traits), len(Level)))
    for at, trait in enumerate(traits):
        m[at, 1:] = np.maximum(trait.m, _LEAST)
    beginning = m.copy()
    u = _drawn(table, traits, columns)
    pairs = table.count * (table.count - 1) / 2
    doubles = _DOUBLES * table.count
    model = Model(m, u, min(doubles / pairs, 0.5))
    if not len(a):
        return model
    step = max(1, -(-len(a) // _LEARN_FROM))
    compared = _compare(table, traits, columns, a[::step], b[::step])
    for _ in range(_ROUNDS):
        share = _probability(_weights(traits, model, compared), model.prior)
        m = beginning.copy()
        for at, trait in enumerate(traits):
            met = np.bincount(compared.level[:, at], weights=share * step, minlength=len(Level))[1:]
            usual = np.array(trait.m)
            weight = max(_STRENGTH, _SANE * float(met.sum()))
            m[at, 1:] = np.maximum((met + weight * usual) / (met.sum() + weight), _LEAST)
        matches = (share.sum() * step + _DOUBTED * doubles) / (1 + _DOUBTED)
        prior = float(np.clip(matches / pairs, 1e-15, 0.5))
        settled = abs(prior - model.prior) < 1e-4 * model.prior and np.abs(m - model.m).max() < 1e-4  # noqa: PLR2004
        model = Model(m, u, prior)
        if settled:
            break
    return model


def suggest(table: Table, traits: Sequence[Trait], least: float, look: Callable[[int, int], None] | None = None) -> Found:
    """Pairs that are one person's with a probability of ``least`` at least; ``look`` is told how far it got."""
    a, b, crowded = candidates(table)
    compared_pairs = len(a)
    some = [trait for trait in traits if table.columns.get(trait.name)]
    columns = [_column(table, trait.name) for trait in some]
    if table.count < 2 or not len(a) or not some:  # noqa: PLR2004 (a pair)
        nothing = np.empty(0, dtype=np.int64)
        return Found(nothing, nothing, np.empty(0), (), tuple(crowded), compared_pairs, 0.0)
    model = learn(table, some, columns, a, b)
    kept: list[tuple[Ints, Floats]] = []
    for first in range(0, len(a), _AT_A_TIME):
        if look is not None:
            look(first, len(a))
        part = slice(first, first + _AT_A_TIME)
        score = _probability(_weights(some, model, _compare(table, some, columns, a[part], b[part])), model.prior)
        chosen = np.flatnonzero(score >= least)
        kept.append((chosen + first, score[chosen]))
    place, score = np.concatenate([one[0] for one in kept]), np.concatenate([one[1] for one in kept])
    by = np.lexsort((b[place], a[place], -score))
    place, score = place[by], score[by]
    a, b, count = a[place], b[place], len(place)
    compared = _compare(table, some, columns, a, b)
    weights = _weights(some, model, compared)
    told = tuple(_told(some, columns, compared, weights, (at, int(a[at]), int(b[at]))) for at in range(count))
    return Found(a, b, score, told, tuple(crowded), compared_pairs, model.prior)


def _told(traits: Sequence[Trait], columns: Sequence[_Column], compared: _Compared, weights: Floats, pair: tuple[int, int, int]) -> tuple[Evidence, ...]:
    """Evidence of one pair, the weightiest first."""
    at, a, b = pair
    out = []
    for place, (trait, column) in enumerate(zip(traits, columns, strict=True)):
        level = Level(int(compared.level[at, place]))
        if level is Level.MISSING:
            continue
        if trait.how is How.APART:
            one, other = (", ".join(dict.fromkeys(word for slot in column.texts if (word := slot[record]))) for record in (a, b))
            shared = 0
        else:
            left, right = divmod(int(compared.slot[at, place]), len(column.codes))
            one, other = column.texts[left][a], column.texts[right][b]
            shared = int(column.counts[column.codes[left][a]]) if level is Level.SAME else 0
        out.append(Evidence(f"{trait.name}.{LEVELS[level]}", one, other, round(float(weights[at, place]), 2), shared))
    return tuple(sorted(out, key=lambda told: -abs(told.weight)))


# ---------------------------------------------------------------- people who are creators

CREATORS: Final = (
    Trait("phone", How.NUMBER, (0.80, 0.04, 0.01, 0.15), chance=0.02),
    Trait("wechat", How.NUMBER, (0.70, 0.05, 0.02, 0.23), chance=0.02, echoes="phone"),
    Trait("email", How.NUMBER, (0.72, 0.05, 0.02, 0.21), chance=0.02),
    Trait("payee", How.EXACT, (0.88, 0.0, 0.0, 0.12), chance=0.1),
    Trait("name", How.TEXT, (0.45, 0.20, 0.15, 0.20), chance=0.5),
    Trait("handle", How.TEXT, (0.35, 0.15, 0.15, 0.35), chance=0.3, echoes="name"),
    Trait("city", How.EXACT, (0.85, 0.0, 0.0, 0.15)),
    Trait("agency", How.EXACT, (0.80, 0.0, 0.0, 0.20)),
    Trait("category", How.EXACT, (0.65, 0.0, 0.0, 0.35)),
    Trait("platform", How.APART, (0.93, 0.0, 0.0, 0.07)),
)
"""What creators are compared by."""


def keys_of(columns: Mapping[str, Sequence[Sequence[str]]], sounds: Sequence[str]) -> dict[str, list[list[str]]]:
    """What two creators must share to be looked at, from their columns; ``sounds``: how the names are spoken."""
    (phones,), (wechats,), (emails,), (names,), (cities,) = (columns[name] for name in ("phone", "wechat", "email", "name", "city"))
    handles = columns["handle"]
    return {
        "phone": [list(phones)],
        "phone_slip": [[f"{phone[:8]}{name[:1]}" if phone and name else "" for phone, name in zip(phones, names, strict=True)]],
        "phone_end": [[f"{phone[-8:]}{name[:1]}" if phone and name else "" for phone, name in zip(phones, names, strict=True)]],
        "wechat": [list(wechats)],
        "email": [list(emails)],
        "name": [list(names)],
        "sound": [list(sounds)],
        "handle": [list(slot) for slot in handles] + [[name if name.isascii() else "" for name in names]],
        "name_head": [[f"{name[:3]}|{city}" if len(name) >= _WORDS and city else "" for name, city in zip(names, cities, strict=True)]],
        "name_tail": [[f"{name[-3:]}|{city}" if len(name) >= _WORDS and city else "" for name, city in zip(names, cities, strict=True)]],
        "payee": [list(slot) for slot in columns.get("payee", ())] or [[""] * len(names)],
    }


AGENCY_TAGS: Final = ("mcn%", "机构%", "%mcn")
"""Tags that name the agency a creator is with, as ``like`` reads them in lower case."""


def agency(tag: str) -> str:
    """The agency that such a tag names, as it is compared."""
    return plain_name(tag).removeprefix("mcn").removeprefix("机构").removesuffix("mcn")


_WORDS: Final = 3
"""Characters of a name that tell something by themselves."""


# ---------------------------------------------------------------- which value stays


def stays(name: str, kept: object, gone: object) -> str:
    """Whose value a creator has after a merge where nobody says: ``a`` for the one that stays, ``b`` for the one that goes.

    What is there beats what is not; of dates of joining the earlier, of stages the further, of everything else the one that stays.
    """
    if gone is None or kept == gone:
        return "a"
    if kept is None or (isinstance(kept, str) and not kept):
        return "b"
    if name == "joined_at":
        return "b" if gone < kept else "a"  # type: ignore[operator]
    if name == "stage":
        return "b" if kept < gone <= Stage.ACTIVE else "a"  # type: ignore[operator]  # paused and ended are no progress
    return "a"
