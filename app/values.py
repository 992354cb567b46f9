# SPDX-License-Identifier: Apache-2.0
"""Exact values: time without guessing zones, ordered ranks with stable names, who acts and where.

Money is a plain ``int`` in the currency's minor unit (fen) in fields ending ``_fen``.
A moment is a plain ``int``, microseconds since 1970-01-01T00:00Z, wherever many are handled at once;
``moment`` and ``aware`` convert at the edges.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Self
from urllib.parse import unquote
from zoneinfo import ZoneInfo

DEFAULT_ZONE: Final = "Asia/Shanghai"
DAY: Final = 86_400_000_000
"""Microseconds of a day."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)


class Ranked(enum.IntEnum):
    """An ordered set of codes: the number orders and is stored, ``code`` is the word outside."""

    @property
    def code(self) -> str:
        """Lower-case word used in files, JSON and filters."""
        return self.name.lower()

    @classmethod
    def of(cls, code: str) -> Self:
        """Member for its code; KeyError for a word that is none."""
        return cls[code.strip().upper()]


class Stage(Ranked):
    """State of the relation with a creator (招募阶段), in the order of the pipeline."""

    LEAD = 1
    CONTACTED = 2
    NEGOTIATING = 3
    TRIAL = 4
    CONTRACTED = 5
    ACTIVE = 6
    PAUSED = 7
    ENDED = 8


class Tier(Ranked):
    """Follower band (达人量级); no member stands for unknown followers, that is ``None``."""

    UNRANKED = 0
    NANO = 1
    TAIL = 2
    MID = 3
    HEAD = 4
    TOP = 5


class Group(Ranked):
    """Group (达人分组) that a tier belongs to on a platform."""

    NANO_KOC = 1
    MID_KOC = 2
    KOL = 3


class CreditGrade(Ranked):
    """Credit grade (信用等级), worst first; N is "not enough data". Its code is written in capitals."""

    D = 0
    C = 1
    N = 2
    B = 3
    A = 4
    AA = 5
    AAA = 6

    @property
    def code(self) -> str:
        """The grade as everybody writes it."""
        return self.name


class ValueGrade(Ranked):
    """Value grade (价值等级); N has no history, and says nothing against anybody. Its code is written in capitals."""

    N = 0
    B = 1
    A = 2
    S = 3

    @property
    def code(self) -> str:
        """The grade as everybody writes it."""
        return self.name


class Sanction(Ranked):
    """What conduct may lead to (处置), mildest first."""

    WARNING = 1
    RESTRICTED = 2
    SUSPENDED = 3
    BANNED = 4


class Bookable(Ranked):
    """Whether somebody can be booked today, worst first (不可约, 需审批, 可约)."""

    NO = 0
    NEEDS_APPROVAL = 1
    YES = 2


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts; written into the audit trail. A single-user workspace gives every name every role."""

    name: str
    device: str = ""


@dataclass(frozen=True, slots=True)
class WorkspaceRef:
    """Where a workspace is: the path of a ``.koc`` file, or a SQLAlchemy URL.

    ``secret`` is the password of a database's login, where one was typed; it is never part of the address, nor shown.
    """

    address: str
    secret: str | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, address: str) -> WorkspaceRef:
        """Of an address as typed; a password in it is taken out."""
        if "://" not in address:
            return cls(address)
        scheme, _, rest = address.partition("://")
        place, slash, path = rest.partition("/")
        login, at, host = place.rpartition("@")
        user, colon, password = login.partition(":")
        if not colon:
            return cls(address)
        return cls(f"{scheme}://{user}{at}{host}{slash}{path}", unquote(password))

    @property
    def is_url(self) -> bool:
        """Whether the address is a database URL rather than a file."""
        return "://" in self.address


def moment(when: datetime) -> int:
    """Microseconds since the epoch of an aware time; ValueError for a naive one."""
    if when.tzinfo is None:
        raise ValueError("naive time")
    return (when - _EPOCH) // _MICRO


def aware(micros: int) -> datetime:
    """Aware UTC time of a moment."""
    return _EPOCH + micros * _MICRO


def iso(micros: int) -> str:
    """ISO 8601 text in UTC of a moment, seconds unless there are finer parts."""
    return aware(micros).isoformat().replace("+00:00", "Z")


def day_start(day: date, zone: str) -> int:
    """Moment of 00:00 of a day in a time zone."""
    return moment(datetime.combine(day, time(), ZoneInfo(zone)))


def day_end(day: date, zone: str) -> int:
    """Moment at which a day is over: the next 00:00 in its zone."""
    return day_start(day + timedelta(days=1), zone)


def local(micros: int, zone: str) -> datetime:
    """Wall-clock time of a moment in a zone."""
    return aware(micros).astimezone(ZoneInfo(zone))
