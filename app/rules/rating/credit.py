# SPDX-License-Identifier: Apache-2.0
"""The numbers of a credit policy, read from the data of its TOML and checked.

Weights, shares and caps are held in thousandths, so that what is computed from them are integers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from app.errors import UsageError
from app.values import CreditGrade, Ranked, Sanction

THOUSAND: Final = 1_000
_R = TypeVar("_R", bound=Ranked)


class Dimension(Ranked):
    """What conduct is judged by; points are added in this order."""

    RELIABILITY = 0
    COMPLIANCE = 1
    AUTHENTICITY = 2
    COOPERATION = 3


BY_SCORE: Final = (CreditGrade.D, CreditGrade.C, CreditGrade.B, CreditGrade.A, CreditGrade.AA, CreditGrade.AAA)
"""Grades that a score alone can give, worst first."""


@dataclass(frozen=True, slots=True)
class EventType:
    """What an event of a type counts. ``weight`` in thousandths, for (+) or against (-); ``half_life`` in days."""

    name: str
    dimension: Dimension
    weight: int
    half_life: int
    cap: CreditGrade | None
    cap_days: int
    points: int


@dataclass(frozen=True, slots=True)
class Rung:
    """A level of the sanction ladder: from how many points, and for how many days (None: no end)."""

    level: Sanction
    points: int
    days: int | None


@dataclass(frozen=True, slots=True)
class Raising:
    """When the program raises events from what happened, and when they are confirmed by rule."""

    late_hours: int
    confirm_hours: int
    no_show_days: int
    free_revisions: int
    figures_days: int


@dataclass(frozen=True, slots=True)
class CreditPolicy:
    """The numbers of a credit policy; weights, caps and shares in thousandths.

    ``edges`` are the lowest scores of C, B, A, AA, AAA. ``multipliers`` lack the grades that are no candidates.
    """

    types: tuple[EventType, ...]
    shares: tuple[int, ...]
    good_before: int
    bad_before: int
    z: int
    monthly_cap: int
    little_against: int
    edges: tuple[int, ...]
    multipliers: Mapping[CreditGrade, int]
    ladder: tuple[Rung, ...]
    window_days: int
    one_point_cap: int
    appeal_days: int
    raising: Raising
    time_zone: str

    @classmethod
    def parse(cls, body: Mapping[str, object]) -> CreditPolicy:
        """Policy from the data of its TOML; UsageError ``policy_invalid`` names the place."""
        _known_keys("", body, _TOP)
        prior = _table(body, "prior", _PRIOR)
        sanctions = _table(body, "sanctions", _SANCTIONS)
        raising = _table(body, "raising", _RAISING)
        return cls(
            types=_types(body.get("types")),
            shares=_shares(_table(body, "dimensions", tuple(dimension.code for dimension in Dimension))),
            good_before=_thousandths("prior.good", prior.get("good"), 1),
            bad_before=_thousandths("prior.bad", prior.get("bad"), 1),
            z=_thousandths("z", body.get("z"), 0),
            monthly_cap=_thousandths("monthly_cap", body.get("monthly_cap"), 1),
            little_against=_thousandths("little_against", body.get("little_against"), 0),
            edges=_edges(_table(body, "grades", tuple(grade.code for grade in BY_SCORE[1:]))),
            multipliers=_multipliers(_table(body, "multipliers", tuple(grade.code for grade in CreditGrade))),
            ladder=_ladder(sanctions.get("ladder")),
            window_days=_whole("sanctions.window_days", sanctions.get("window_days"), 1),
            one_point_cap=_whole("sanctions.one_point_cap", sanctions.get("one_point_cap"), 0),
            appeal_days=_whole("sanctions.appeal_days", sanctions.get("appeal_days"), 0),
            raising=Raising(*(_whole(f"raising.{name}", raising.get(name), 0) for name in _RAISING)),
            time_zone=_zone(body.get("time_zone")),
        )

    def codes(self) -> dict[str, int]:
        """Number of each type by its name, as arrays hold it; a type that is not there counts nothing, -1."""
        return {kind.name: code for code, kind in enumerate(self.types)}

    def edge(self, grade: CreditGrade) -> int:
        """Lowest score of a grade that is given by score."""
        return 0 if grade is CreditGrade.D else self.edges[BY_SCORE.index(grade) - 1]


_PRIOR: Final = ("good", "bad")
_TYPE: Final = ("name", "dimension", "weight", "half_life", "cap", "cap_days", "points")
_RUNG: Final = ("level", "points", "days")
_SANCTIONS: Final = ("window_days", "one_point_cap", "appeal_days", "ladder")
_RAISING: Final = ("late_hours", "confirm_hours", "no_show_days", "free_revisions", "figures_days")
_TOP: Final = (
    "time_zone", "prior", "z", "monthly_cap", "little_against", "types", "dimensions", "grades", "multipliers", "sanctions", "raising"
)  # fmt: skip
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MOST: Final = 1_000_000
"""Bound of every number, in its own unit, so that sums stay far inside 64 bits."""
_LONGEST_HALF_LIFE: Final = 3_650
_FULL: Final = 1_000


def _known_keys(place: str, table: Mapping[str, object], keys: Sequence[str]) -> None:
    for key in table:
        if key not in keys:
            raise UsageError("policy_invalid", place=f"{place}.{key}".lstrip("."), value=table[key])


def _table(body: Mapping[str, object], name: str, keys: Sequence[str]) -> Mapping[str, object]:
    table = body.get(name)
    if not isinstance(table, Mapping):
        raise UsageError("policy_invalid", place=name, value=table)
    _known_keys(name, table, keys)
    return table


def _rows(place: str, value: object, keys: Sequence[str]) -> list[tuple[str, Mapping[str, object]]]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise UsageError("policy_invalid", place=place, value=value)
    rows: list[tuple[str, Mapping[str, object]]] = []
    for number, row in enumerate(value, start=1):
        if not isinstance(row, Mapping):
            raise UsageError("policy_invalid", place=f"{place}.{number}", value=row)
        _known_keys(f"{place}.{number}", row, keys)
        rows.append((f"{place}.{number}", row))
    return rows


def _whole(place: str, value: object, least: int, most: int = _MOST) -> int:
    if type(value) is not int or not least <= value <= most:
        raise UsageError("policy_invalid", place=place, value=value)
    return value


def _thousandths(place: str, value: object, least: int, most: int = _MOST) -> int:
    """Number with up to three decimals as thousandths within bounds."""
    if type(value) not in {int, float}:
        raise UsageError("policy_invalid", place=place, value=value)
    try:
        scaled = Decimal(str(value)) * THOUSAND
        whole = int(scaled)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise UsageError("policy_invalid", place=place, value=value) from error
    if whole != scaled or not least <= whole <= most:
        raise UsageError("policy_invalid", place=place, value=value)
    return whole


def _types(value: object) -> tuple[EventType, ...]:
    types = tuple(_type(place, row) for place, row in _rows("types", value, _TYPE))
    for number, kind in enumerate(types, start=1):
        if any(kind.name == other.name for other in types[: number - 1]):
            raise UsageError("policy_invalid", place=f"types.{number}.name", value=kind.name)
    return types


def _type(place: str, row: Mapping[str, object]) -> EventType:
    name = row.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError("policy_invalid", place=f"{place}.name", value=name)
    weight = _thousandths(f"{place}.weight", row.get("weight"), -_MOST)
    points = _whole(f"{place}.points", row.get("points", 0), 0, _FULL)
    # Good conduct never counts against anybody, else a further good event could worsen a grade.
    if weight == 0 or (weight > 0 and (points or "cap" in row)):
        raise UsageError("policy_invalid", place=f"{place}.weight", value=row.get("weight"))
    if ("cap" in row) != ("cap_days" in row):
        raise UsageError("policy_invalid", place=f"{place}.cap_days", value=row.get("cap_days"))
    cap = _member(f"{place}.cap", row["cap"], CreditGrade) if "cap" in row else None
    return EventType(
        name=name,
        dimension=_member(f"{place}.dimension", row.get("dimension"), Dimension),
        weight=weight,
        half_life=_whole(f"{place}.half_life", row.get("half_life"), 1, _LONGEST_HALF_LIFE),
        cap=cap,
        cap_days=0 if cap is None else _whole(f"{place}.cap_days", row.get("cap_days"), 1),
        points=points,
    )


def _member(place: str, value: object, ranks: type[_R]) -> _R:
    for member in ranks:
        if member.code == value:
            return member
    raise UsageError("policy_invalid", place=place, value=value)


def _shares(table: Mapping[str, object]) -> tuple[int, ...]:
    shares = tuple(_thousandths(f"dimensions.{dimension.code}", table.get(dimension.code), 0) for dimension in Dimension)
    if sum(shares) != THOUSAND:
        raise UsageError("policy_invalid", place="dimensions", value=sum(shares) / THOUSAND)
    return shares


def _edges(table: Mapping[str, object]) -> tuple[int, ...]:
    edges = tuple(_whole(f"grades.{grade.code}", table.get(grade.code), 0, _FULL) for grade in BY_SCORE[1:])
    for (low, high), grade in zip(pairwise(edges), BY_SCORE[2:], strict=True):
        if low >= high:
            raise UsageError("policy_invalid", place=f"grades.{grade.code}", value=high)
    return edges


def _multipliers(table: Mapping[str, object]) -> Mapping[CreditGrade, int]:
    return {grade: _thousandths(f"multipliers.{grade.code}", table[grade.code], 1) for grade in CreditGrade if grade.code in table}


def _ladder(value: object) -> tuple[Rung, ...]:
    rungs = []
    for place, row in _rows("sanctions.ladder", value, _RUNG):
        days = _whole(f"{place}.days", row["days"], 1) if "days" in row else None
        rungs.append(Rung(_member(f"{place}.level", row.get("level"), Sanction), _whole(f"{place}.points", row.get("points"), 1), days))
    for low, high in pairwise(rungs):
        if low.level >= high.level or low.points >= high.points:
            raise UsageError("policy_invalid", place="sanctions.ladder", value=high.points)
    return tuple(rungs)


def _zone(value: object) -> str:
    try:
        ZoneInfo(str(value))
    except (ValueError, KeyError, OSError) as error:
        raise UsageError("policy_invalid", place="time_zone", value=value) from error
    return str(value)
