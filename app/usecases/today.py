# SPDX-License-Identifier: Apache-2.0
"""Today: what waits for whom and by when, what changed meanwhile, and the figures that matter."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from app.errors import UsageError
from app.events import CreatorsChanged, Events, OperationRecorded, PoliciesChanged
from app.jobs import Job, Quiet
from app.rules import teams
from app.values import DAY, day_end, day_start, local

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.values import Actor, Group, Stage, Tier

OLD_DAYS: Final = 30
"""A follower count is old after so many days."""
SOON_DAYS: Final = 14
"""What ends within so many days is told beforehand."""


class Whose(enum.StrEnum):
    """Whose work is looked at: one's own, one's team's, everybody's."""

    MINE = "mine"
    TEAM = "team"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Looking:
    """What a source of tasks is asked: now, the day's ends, how far ahead and back, for whom. ``names`` None is everybody; ``brief``: what takes long may be left out."""

    now: int
    day_start: int
    day_end: int
    soon: int
    old: int
    me: str
    names: tuple[str, ...] | None
    brief: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One row of the work list: a single thing, or a batch of ``count`` that one act deals with.

    ``kind`` names its words and its usual act. ``due_at`` is when the first of it is due, ``overdue`` how many are past that.
    ``where`` is the filter of creators that leads to all of it, ``creator_id`` the one it is about.
    """

    kind: str
    count: int = 1
    due_at: int | None = None
    overdue: int = 0
    batch: bool = True
    creator_id: int | None = None
    name: str = ""
    where: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """So many of a kind came about since a moment; ``where`` is the filter of the creators concerned, "" where there is none."""

    kind: str
    count: int
    where: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupCount:
    """How many of a group can be booked, need approval, cannot; ``plan`` is how many are planned for, None where nobody planned."""

    group: Group
    yes: int
    needs_approval: int
    no: int
    plan: int | None


@dataclass(frozen=True, slots=True)
class Freshness:
    """Until when data is: last sync, last import, latest payment, latest follower count; None where there was none."""

    synced_at: int | None
    imported_at: int | None
    paid_at: int | None
    followers_at: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How large the workspace is and what it can do today."""

    creators: int
    tiers: Mapping[Tier | None, int]
    stages: Mapping[Stage, int]
    groups: tuple[GroupCount, ...]
    fresh: Freshness


@dataclass(frozen=True, slots=True)
class Stretch:
    """What some days brought back, beside as many before: net revenue that creators are credited with, and what it cost."""

    days: int
    net_fen: int
    landed_fen: int
    net_before_fen: int
    landed_before_fen: int

    @property
    def roas(self) -> float | None:
        """Net revenue over cost; None where nothing was spent."""
        return self.net_fen / self.landed_fen if self.landed_fen > 0 else None

    @property
    def roas_before(self) -> float | None:
        """The same of the days before."""
        return self.net_before_fen / self.landed_before_fen if self.landed_before_fen > 0 else None


@dataclass(frozen=True, slots=True)
class Recent:
    """Stretches up to the end of the latest whole day, as kept ``at`` a moment; ``fresh``: nothing has changed since."""

    at: int
    until: int
    stretches: tuple[Stretch, ...]
    fresh: bool


STRETCHES: Final = (7, 30)


class Desk(Protocol):
    """Knows what waits and what changed. One method is one transaction."""

    def tasks(self, looking: Looking) -> list[Task]:
        """What waits, from every source, in no order."""

    def changes(self, since: int, me: str, now: int) -> list[Change]:
        """What came about since a moment."""

    def standing(self, now: int) -> Standing:
        """Size, bookable creators by group, how fresh data is."""

    def kept(self, now: int) -> Recent | None:
        """Stretches as last kept, at once; None where there are none yet."""

    def recent(self, ends: Sequence[tuple[int, int, int]], now: int, job: Job) -> Recent:
        """Stretches of now, computed where they are not kept: (days, since, until) of each, with as many days before."""

    def teams(self) -> Mapping[str, str]:
        """Name -> team."""

    def set_teams(self, body: Mapping[str, str], reason: str, actor: Actor, now: int) -> None:
        """Another version of the teams."""


class Today:
    """What people look at first."""

    def __init__(self, desk: Desk, actor: Actor, zone: str, clock: Callable[[], int], events: Events) -> None:
        """Look as somebody, with the days of a time zone."""
        self._desk, self._actor, self._zone, self._clock, self._events = desk, actor, zone, clock, events

    def tasks(self, whose: Whose = Whose.ALL, *, brief: bool = False) -> list[Task]:
        """The work list: what is past its time first, then batches, then by due time. ``brief``: at once, without what takes long to find."""
        now = self._clock()
        day = local(now, self._zone).date()
        names = self.mates() if whose is Whose.TEAM else (self._actor.name,) if whose is Whose.MINE else None
        start, end = day_start(day, self._zone), day_end(day, self._zone)
        looking = Looking(now, start, end, now + SOON_DAYS * DAY, now - OLD_DAYS * DAY, self._actor.name, names, brief)
        return sorted(self._desk.tasks(looking), key=_urgency)

    def changes(self, since: int | None = None) -> tuple[int, list[Change]]:
        """What came about since a moment (default: yesterday's start), and that moment."""
        now = self._clock()
        since = self.yesterday() if since is None else since
        return since, self._desk.changes(since, self._actor.name, now)

    def yesterday(self) -> int:
        """When yesterday began."""
        now = self._clock()
        return day_start(local(day_start(local(now, self._zone).date(), self._zone) - 1, self._zone).date(), self._zone)

    def standing(self) -> Standing:
        """Size, bookable creators by group, how fresh data is."""
        return self._desk.standing(self._clock())

    def kept(self) -> Recent | None:
        """What the last days brought back, as last kept; at once."""
        return self._desk.kept(self._clock())

    def recent(self, job: Job | None = None) -> Recent:
        """What the last days brought back; computed and kept where something changed."""
        now = self._clock()
        until = day_start(local(now, self._zone).date(), self._zone)
        return self._desk.recent([(days, until - days * DAY, until) for days in STRETCHES], now, job or Quiet())

    # ------------------------------------------------------------ teams

    def teams(self) -> Mapping[str, str]:
        """Name -> team."""
        return self._desk.teams()

    def mates(self) -> tuple[str, ...]:
        """Everybody of one's own team, oneself among them."""
        return teams.mates(self._desk.teams(), self._actor.name)

    def set_team(self, team: str, names: Sequence[str]) -> None:
        """Say who works with oneself, under a name."""
        if not team.strip():
            raise UsageError("value_missing", field="team")
        body = teams.together(self._desk.teams(), self._actor.name, team.strip(), tuple(names))
        self._desk.set_teams(body, team.strip(), self._actor, self._clock())
        self._events.announce(PoliciesChanged(), OperationRecorded(), CreatorsChanged())


def _urgency(task: Task) -> tuple[bool, bool, float]:
    """Late first, then batches, then by due time; what is equal stays in the order of the sources."""
    return (not task.overdue, not task.batch, float("inf") if task.due_at is None else task.due_at)
