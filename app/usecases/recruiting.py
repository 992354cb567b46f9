# SPDX-License-Identifier: Apache-2.0
"""Recruiting: the stages a relation goes through, who looks after it, what went silent, and how the plans stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from app.errors import UsageError
from app.events import CreatorsChanged, Events, OperationRecorded, RecruitingChanged
from app.jobs import Job, Quiet
from app.rules.recruiting import RecruitingPolicy, allowed
from app.values import Stage, local

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.rules.recruiting import Clash, Forecast, Goal, Reason
    from app.values import Actor, Group, Tier

_MANY: Final = 1000


# ---------------------------------------------------------------- what is handed out


@dataclass(frozen=True, slots=True)
class Left:
    """A creator with whom something was not done, and why: a code under ``left.<code>``; ``clash`` where somebody else is in the way."""

    creator_id: int
    code: str
    stage: Stage | None = None
    clash: Clash | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of many creators: the operation's id (0 where nothing changed), how many it changed, and who was left."""

    operation_id: int
    changed: int
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What a hand-over moved: the operation's id, and how many rows of each kind, by table."""

    operation_id: int
    moved: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FunnelStage:
    """One stage of the funnel. ``entered``: entries in the period; ``left``: those of them that went on or ended since, ``onward``: to a later stage of the pipeline.

    ``median_days``: how long those that left had stayed; None where nobody left.
    """

    stage: Stage
    count: int
    entered: int
    left: int
    onward: int
    median_days: float | None

    @property
    def conversion(self) -> float | None:
        """Share of the entries that went on; None where nobody entered."""
        return self.onward / self.entered if self.entered else None


@dataclass(frozen=True, slots=True)
class Funnel:
    """The whole funnel; ``sources`` is the same by where leads came from (None: not known), the largest first."""

    stages: tuple[FunnelStage, ...]
    sources: Mapping[str | None, tuple[FunnelStage, ...]]


@dataclass(frozen=True, slots=True)
class SilentRow:
    """A lead that heard and said nothing for too long; ``days`` since the last word, of ``limit`` allowed."""

    creator_id: int
    name: str
    platform: str | None
    stage: Stage
    owner: str | None
    source: str | None
    last_word_at: int
    days: int
    limit: int


@dataclass(frozen=True, slots=True)
class Overdue:
    """Silent leads, the longest first: all of them counted, some shown."""

    total: int
    rows: tuple[SilentRow, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A creator as a board shows him. ``entered_at``: when he came into the stage; ``silent``: too long without a word."""

    creator_id: int
    name: str
    stage: Stage
    platform: str | None
    handle: str | None
    tier: Tier | None
    group: Group | None
    followers: int | None
    category: str | None
    owner: str | None
    source: str | None
    protected_until: int | None
    entered_at: int | None
    last_word_at: int
    silent: bool
    suppressed: bool


@dataclass(frozen=True, slots=True)
class BoardColumn:
    """One stage of the board: everybody in it counted, some shown; ``to`` are the stages a card may be moved to, ``asks`` those that want a reason."""

    stage: Stage
    count: int
    cards: tuple[Card, ...]
    to: tuple[Stage, ...]
    asks: frozenset[Stage]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a creator with its reason taken apart."""

    creator_id: int
    name: str
    stage: Stage
    previous: Stage | None
    at: int
    by: str
    reason: Reason
    days: float | None


@dataclass(frozen=True, slots=True)
class Owned:
    """Somebody's creators: how many, how many of them silent, protected and in each stage. ``owner`` None: the pool."""

    owner: str | None
    count: int
    protected: int
    silent: int
    stages: Mapping[Stage, int]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A month's target and how it stands. Empty words and group None mean any; ``expected`` is what an even pace would have brought by now."""

    id: int
    month: int
    group: Group | None
    platform: str | None
    category: str | None
    target: int
    actual: int
    expected: int
    forecast: Forecast
    version: int

    @property
    def named(self) -> str:
        """``YYYY-MM``."""
        return f"{self.month // 12:04d}-{self.month % 12 + 1:02d}"


@dataclass(frozen=True, slots=True)
class GoalRow:
    """How many the brand wants at all, how many there are, and when they are reached."""

    goal: Goal
    actual: int
    recent: int
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class Plans:
    """Plans of some months and the goals; ``pace_days`` and ``interval`` say how the forecast is made."""

    rows: tuple[PlanRow, ...]
    goals: tuple[GoalRow, ...]
    pace_days: int
    interval: float


@dataclass(frozen=True, slots=True)
class PlanCell:
    """What a plan is for. ``month`` counts from year 0 (``app.rules.months``)."""

    month: int
    group: Group | None = None
    platform: str | None = None
    category: str | None = None


# ---------------------------------------------------------------- port


class Pipeline(Protocol):
    """Remembers stages, owners and plans. One method is one transaction."""

    def policy(self) -> RecruitingPolicy:
        """The numbers in force."""

    def move(self, ids: Sequence[int], stage: Stage, reason: str | None, actor: Actor, now: int) -> Done:
        """Move creators to a stage where the policy allows it, with a dated step each."""

    def board(self, where: str, per_stage: int, now: int) -> list[BoardColumn]:
        """Creators for whom a filter holds, by stage."""

    def steps(self, creator_id: int | None, limit: int) -> list[Step]:
        """Steps of a creator or of everybody, the newest first."""

    def funnel(self, since: int | None, until: int | None, *, by_source: bool) -> Funnel:
        """How creators went through the stages."""

    def overdue(self, owner: str | None, limit: int, offset: int, now: int) -> Overdue:
        """Silent leads of somebody (None: everybody's, "": of the pool)."""

    def clashes(self, ids: Sequence[int], who: str, now: int) -> Mapping[int, Clash]:
        """Whom others have, or spoke to lately."""

    def owners(self, now: int) -> list[Owned]:
        """Who has how many; the pool first."""

    def claim(self, ids: Sequence[int], actor: Actor, now: int, *, anyway: bool) -> Done:
        """Take creators out of the pool."""

    def release(self, ids: Sequence[int], actor: Actor, now: int) -> Done:
        """Put creators into the pool."""

    def return_silent(self, actor: Actor, now: int, job: Job, *, dry_run: bool) -> Done:
        """Put everybody's silent creators into the pool."""

    def hand_over(self, leaver: str, heir: str, actor: Actor, now: int, job: Job) -> HandedOver:
        """Give everything that somebody owns to somebody else."""

    def plans(self, first: int, last: int, now: int) -> Plans:
        """Plans of months and the goals."""

    def set_plans(self, targets: Mapping[PlanCell, int], actor: Actor, now: int) -> int:
        """Set targets; 0 takes a plan away. Returns the operation's id, 0 if nothing changed."""


# ---------------------------------------------------------------- use case


class Recruiting:
    """What people do with the pipeline."""

    def __init__(self, store: Pipeline, actor: Actor, clock: Callable[[], int], zone: str, events: Events) -> None:
        """Work on a store as somebody."""
        self._store, self._actor, self._clock, self._zone, self._events = store, actor, clock, zone, events

    # ------------------------------------------------------------ stages

    def policy(self) -> RecruitingPolicy:
        """The numbers in force: allowed moves, reasons, limits."""
        return self._store.policy()

    def move(self, ids: Sequence[int], stage: Stage, reason: str | None = None) -> int:
        """Move creators to a stage; returns the operation's id, 0 if nothing changed. UsageError where none of them may."""
        return self.move_all(ids, stage, reason).operation_id

    def move_all(self, ids: Sequence[int], stage: Stage, reason: str | None = None) -> Done:
        """Move creators to a stage and tell who was left; UsageError where nobody could be moved."""
        done = self._store.move(ids, stage, reason, self._actor, self._clock())
        if not done.changed and done.left:
            self._refuse(done.left[0], stage)
        return self._told(done, ids)

    def _refuse(self, one: Left, stage: Stage) -> None:
        if one.code == "stage_not_allowed" and one.stage is not None:
            to = ", ".join(other.code for other in allowed(self._store.policy(), one.stage))
            raise UsageError("stage_not_allowed", before=one.stage.code, after=stage.code, allowed=to)
        raise UsageError(one.code, after=stage.code, id=one.creator_id)

    def board(self, where: str = "", per_stage: int = 50) -> list[BoardColumn]:
        """Creators for whom a filter holds, by stage, the most followed first."""
        return self._store.board(where, per_stage, self._clock())

    def steps(self, creator_id: int | None = None, limit: int = 200) -> list[Step]:
        """Steps of a creator, or of everybody, the newest first."""
        return self._store.steps(creator_id, limit)

    def funnel(self, since: int | None = None, until: int | None = None, *, by_source: bool = False) -> Funnel:
        """How the entries of a period went on: all of them, and by where leads came from."""
        return self._store.funnel(since, until, by_source=by_source)

    def overdue(self, owner: str | None = None, limit: int = 200, offset: int = 0) -> Overdue:
        """Silent leads, the longest first; of somebody, of the pool ("") or everybody's (None)."""
        return self._store.overdue(owner, limit, offset, self._clock())

    # ------------------------------------------------------------ owners and the pool

    def clashes(self, ids: Sequence[int]) -> Mapping[int, Clash]:
        """Creators whom somebody else has, or spoke to lately (撞单)."""
        return self._store.clashes(ids, self._actor.name, self._clock())

    def owners(self) -> list[Owned]:
        """Who has how many creators; the pool first, then the largest."""
        return self._store.owners(self._clock())

    def claim(self, ids: Sequence[int], *, anyway: bool = False) -> Done:
        """Take creators out of the pool, protected for a while; ``anyway``: also those whom others spoke to lately."""
        done = self._store.claim(ids, self._actor, self._clock(), anyway=anyway)
        return self._told(done, ids)

    def release(self, ids: Sequence[int]) -> Done:
        """Put creators into the pool."""
        return self._told(self._store.release(ids, self._actor, self._clock()), ids)

    def return_silent(self, *, dry_run: bool = False, job: Job | None = None) -> Done:
        """Put creators into the pool who have been silent for long and are no longer protected, as one operation."""
        return self._told(self._store.return_silent(self._actor, self._clock(), job or Quiet(), dry_run=dry_run), ())

    def hand_over(self, leaver: str, heir: str, job: Job | None = None) -> HandedOver:
        """Give everything that somebody owns to somebody else, as one operation."""
        leaver, heir = leaver.strip(), heir.strip()
        if not leaver or not heir:
            raise UsageError("value_missing", field="owner")
        if leaver == heir:
            raise UsageError("same_owner", owner=heir)
        done = self._store.hand_over(leaver, heir, self._actor, self._clock(), job or Quiet())
        if done.operation_id:
            self._announce(())
        return done

    # ------------------------------------------------------------ plans

    def plans(self, month: int | None = None, count: int = 1) -> Plans:
        """Plans from a month on (None: the current one) and the goals, each with pace and forecast."""
        first = self.month() if month is None else month
        return self._store.plans(first, first + count - 1, self._clock())

    def month(self) -> int:
        """The current month of the workspace's time zone."""
        return month_of(self._clock(), self._zone)

    def set_plan(self, cell: PlanCell, target: int) -> int:
        """Set the target of a month; 0 takes it away."""
        return self.set_plans({cell: target})

    def set_plans(self, targets: Mapping[PlanCell, int]) -> int:
        """Set many targets as one operation, as a pasted table does; returns the operation's id, 0 if nothing changed."""
        bad = next((target for target in targets.values() if target < 0), None)
        if bad is not None:
            raise UsageError("bad_value", field="target", value=bad, reason="negative")
        done = self._store.set_plans(targets, self._actor, self._clock())
        if done:
            self._events.announce(RecruitingChanged(), OperationRecorded())
        return done

    # ------------------------------------------------------------ after the save

    def _told(self, done: Done, ids: Sequence[int]) -> Done:
        if done.operation_id:
            self._announce(ids)
        return done

    def _announce(self, ids: Sequence[int]) -> None:
        some = tuple(ids) if len(ids) <= _MANY else ()
        self._events.announce(CreatorsChanged(some), RecruitingChanged(some), OperationRecorded())


def month_of(moment: int, zone: str) -> int:
    """Month of a moment, counted from year 0."""
    day = local(moment, zone)
    return day.year * 12 + day.month - 1
