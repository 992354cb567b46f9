# SPDX-License-Identifier: Apache-2.0
"""Rating: tiers of accounts and credit of creators by the policies in force, each with its reasons; due process of what follows."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from app.errors import UsageError
from app.events import CreatorsChanged, Events, OperationRecorded, PoliciesChanged
from app.jobs import Job, Quiet
from app.rules.attribution import AttributionPolicy
from app.rules.content import DeskPolicy
from app.rules.privacy import PrivacyPolicy
from app.rules.rating.asked import CreditAsked
from app.rules.rating.credit import CreditPolicy
from app.rules.rating.tiers import TierPolicy
from app.rules.recruiting import RecruitingPolicy
from app.rules.roi import RoiPolicy
from app.values import Actor, Group, Tier, day_end, local

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from app.errors import ProductError
    from app.rules.rating.credit import Dimension
    from app.rules.rating.explain import Explanation
    from app.rules.rating.sanctions import State
    from app.values import CreditGrade, Sanction


@dataclass(frozen=True, slots=True)
class TierMove:
    """An account whose tier changes."""

    creator_id: int
    account_id: int
    before: Tier | None
    after: Tier | None


@dataclass(frozen=True, slots=True)
class TierRun:
    """What a banding of all accounts changed, or would change."""

    changed: int
    unchanged: int
    moves: tuple[TierMove, ...]
    policy_version: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TierStep:
    """One dated follower count and the tier it gave."""

    at: int
    followers: int
    tier: Tier


@dataclass(frozen=True, slots=True)
class Override:
    """A tier set by hand; stops counting by itself when it expires."""

    id: int
    account_id: int
    tier: Tier
    reason: str
    by: str
    created_at: int
    expires_at: int
    voided_at: int | None


@dataclass(frozen=True, slots=True)
class AccountTier:
    """Why an account has its tier."""

    account_id: int
    platform: str
    handle: str | None
    followers: int | None
    tier: Tier | None
    band_low: int | None
    band_high: int | None
    keeps_from: int | None
    keeps_below: int | None
    override: Override | None
    steps: tuple[TierStep, ...]


@dataclass(frozen=True, slots=True)
class TierExplanation:
    """A creator's tier with the reasons of each account."""

    creator_id: int
    name: str
    tier: Tier | None
    group: Group | None
    main_account_id: int | None
    policy_version: int
    accounts: tuple[AccountTier, ...]


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One version of a rule's numbers. ``body`` is the data of its TOML."""

    name: str
    version: int
    since: int
    by: str
    reason: str
    body: Mapping[str, object]


# ---------------------------------------------------------------- credit


@dataclass(frozen=True, slots=True)
class CreditEntry:
    """One entry of the ledger. ``event_id`` is the source's own number, ``source`` the object that the program raised it from."""

    id: int
    event_id: str | None
    creator_id: int
    type: str
    happened_at: int
    recorded_at: int
    confirmed_at: int | None
    voided_at: int | None
    filed_by: str
    confirmed_by: str | None
    voided_by: str | None
    confirm_reason: str | None
    void_reason: str | None
    evidence: str | None
    source: str | None

    @property
    def self_decided(self) -> bool:
        """Whether who filed it confirmed it, or took it back after it counted."""
        return self.filed_by == self.confirmed_by or (self.confirmed_at is not None and self.filed_by == self.voided_by)


@dataclass(frozen=True, slots=True)
class CreditRun:
    """What a rating of everybody gave; ``confirmed`` by rule on the way, ``opened`` and ``withdrawn`` proposals of sanctions."""

    rated: int
    grades: Mapping[CreditGrade, int]
    as_of: int
    known_at: int
    policy_version: int
    confirmed: int
    opened: int
    withdrawn: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SanctionShown:
    """Where the ladder stands for a creator: the level it leads to or that is in force, whichever is harder.

    ``proposed``: that level is only proposed. ``in_force`` holds until ``until`` (None: no end); ``case_id`` is the open proposal.
    """

    level: Sanction | None
    points: int
    proposed: bool
    in_force: Sanction | None
    until: int | None
    case_id: int | None


@dataclass(frozen=True, slots=True)
class CreditShown:
    """A creator's credit with its reasons. ``entries`` are those known by then, by id."""

    creator_id: int
    name: str
    as_of: int
    known_at: int
    policy_version: int
    explanation: Explanation
    entries: Mapping[int, CreditEntry]
    sanction: SanctionShown


@dataclass(frozen=True, slots=True)
class SanctionRow:
    """A case of the ladder, with the sources' numbers of the events it rests on."""

    id: int
    creator_id: int
    name: str
    level: Sanction
    points: int
    state: State
    proposed_at: int
    decided_at: int | None
    decided_by: str | None
    reason: str | None
    ends_at: int | None
    appeal_until: int | None
    ended_at: int | None
    event_ids: tuple[int, ...]
    self_decided: bool = False
    """By who filed an event it rests on."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What an upheld appeal changed: score, grade, and each sanction's level before and after (None: it fell away)."""

    score_before: int
    score_after: int
    grade_before: CreditGrade
    grade_after: CreditGrade
    sanctions: tuple[tuple[int, Sanction, Sanction | None], ...]


@dataclass(frozen=True, slots=True)
class AppealRow:
    """A challenge to an event or to a sanction; ``followed`` is told by the decision that upheld it."""

    id: int
    creator_id: int
    name: str
    event_id: int | None
    sanction_id: int | None
    filed_at: int
    filed_by: str
    reason: str
    decided_at: int | None
    decided_by: str | None
    upheld: bool | None
    answer: str | None
    followed: Followed | None = None
    self_decided: bool = False
    """By who filed it, or what it challenges."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What a table's row says of a creator's conduct beside the score: the last entry that counts, where the most was lost, the ladder.

    ``weakest`` is None where nothing is held against the creator; ``proposed``: the sanction is only proposed.
    """

    creator_id: int
    last_type: str | None
    last_at: int | None
    weakest: Dimension | None
    lost: float | None
    sanction: Sanction | None
    proposed: bool


@dataclass(frozen=True, slots=True)
class Proposed:
    """An entry that waits for a word; ``by_rule_at`` is when the rule confirms it by itself (None: never)."""

    id: int
    event_id: str | None
    creator_id: int
    name: str
    type: str
    happened_at: int
    recorded_at: int
    filed_by: str
    evidence: str | None
    source: str | None
    by_rule_at: int | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits for a person: proposed entries, proposed sanctions, open appeals."""

    events: int
    sanctions: int
    appeals: int


@dataclass(frozen=True, slots=True)
class ScorePoint:
    """Score and grade of a past moment: as known then, and as known now."""

    at: int
    score: int
    grade: CreditGrade
    known_score: int
    known_grade: CreditGrade


@dataclass(frozen=True, slots=True)
class Settled:
    """What a decision over many gave: those done in one operation, those left with the first reason."""

    operation_id: int
    done: int
    left: int
    why: ProductError | None


class Ratings(Protocol):
    """Remembers facts for ratings and their results. One method is one transaction."""

    def run_tiers(self, as_of: int | None, policy: Mapping[str, object] | None, dry_run: bool, actor: Actor, now: int, job: Job) -> TierRun:  # noqa: FBT001 (a port's own words)
        """Band every account; ``policy`` tries other numbers and implies a dry run."""

    def explain_tier(self, creator_id: int, as_of: int) -> TierExplanation | None:
        """A creator's tier and why."""

    def override_tier(self, account_id: int, tier: Tier | None, until: int, reason: str, actor: Actor, now: int) -> int:
        """Set a tier by hand until a moment, or take the override off (None); returns the operation's id."""

    def policies(self, name: str | None = None) -> list[PolicyRow]:
        """Versions of policies, newest first."""

    def set_policy(self, name: str, body: Mapping[str, object], reason: str, actor: Actor, now: int) -> PolicyRow:
        """Add a version, in force from now on."""

    @property
    def alone(self) -> bool:
        """Whether one person has every name here, so that a second one cannot be told from the first."""

    def add_event(self, creator_id: int, kind: str, at: int, evidence: str | Path | None, actor: Actor, now: int) -> CreditEntry:
        """Propose an entry; a file's evidence is kept with the workspace by its content."""

    def confirm_event(self, event_id: int, reason: str, actor: Actor, now: int, own: bool = False) -> CreditEntry:  # noqa: FBT001, FBT002
        """Confirm a proposed entry; the creator's credit follows."""

    def void_event(self, event_id: int, reason: str, actor: Actor, now: int) -> CreditEntry:
        """Void an entry; credit and sanctions follow."""

    def run_credit(self, asked: CreditAsked, actor: Actor, now: int, job: Job) -> CreditRun:
        """Rate everybody and keep it."""

    def explain_credit(self, creator_id: int, asked: CreditAsked, now: int) -> CreditShown | None:
        """A creator's credit and why."""

    def sanctions(self, now: int, *, open_only: bool = False) -> list[SanctionRow]:
        """Cases, those that wait for a decision first, then the newest."""

    def decide_sanction(self, case_id: int, approved: bool, reason: str, actor: Actor, now: int, own: bool = False) -> SanctionRow:  # noqa: FBT001, FBT002
        """Approve or reject what the ladder proposes."""

    def appeals(self, *, open_only: bool = False) -> list[AppealRow]:
        """Appeals, those that wait for a decision first, then the newest."""

    def file_appeal(self, event_id: int | None, sanction_id: int | None, reason: str, actor: Actor, now: int) -> AppealRow:
        """Challenge an event or a sanction."""

    def decide_appeal(self, appeal_id: int, upheld: bool, reason: str, actor: Actor, now: int, own: bool = False) -> AppealRow:  # noqa: FBT001, FBT002
        """Decide an appeal; if upheld, what it challenges falls, and what rests on it follows."""

    def glances(self, creators: Sequence[int], now: int) -> Mapping[int, Glance]:
        """What rows say of creators' conduct, by creator."""

    def proposed(self, now: int, limit: int) -> list[Proposed]:
        """Entries that wait for a word, the oldest first."""

    def waiting(self) -> Waiting:
        """How much waits for a person."""

    def score_history(self, creator_id: int, days: Sequence[date], now: int) -> list[ScorePoint]:
        """A creator's score at the end of each day and now."""

    def settle_events(self, event_ids: Sequence[int], confirm: bool, reason: str, actor: Actor, now: int, job: Job, own: bool = False) -> Settled:  # noqa: FBT001, FBT002
        """Confirm or void entries in one operation; what is not allowed is left."""

    def settle_sanctions(self, case_ids: Sequence[int], approved: bool, reason: str, actor: Actor, now: int, job: Job, own: bool = False) -> Settled:  # noqa: FBT001, FBT002
        """Decide cases in one operation; what is not allowed is left."""


POLICIES = {
    "tiers": TierPolicy.parse, "credit": CreditPolicy.parse, "roi": RoiPolicy.parse, "attribution": AttributionPolicy.parse, "privacy": PrivacyPolicy.parse,
    "desk": DeskPolicy.parse,
    "recruiting": RecruitingPolicy.parse,
}  # fmt: skip
"""Policies of this program and what checks their numbers."""


_Done = TypeVar("_Done", CreditEntry, SanctionRow, AppealRow)


class Rating:
    """What people do with tiers, credit and the rules behind them."""

    def __init__(self, store: Ratings, actor: Actor, clock: Callable[[], int], zone: str, events: Events) -> None:
        """Work on a store as somebody."""
        self._store, self._actor, self._clock, self._zone, self._events = store, actor, clock, zone, events

    def run(self, as_of: int | None = None, *, dry_run: bool = False, job: Job | None = None) -> TierRun:
        """Band every account as of a moment (default now)."""
        ran = self._store.run_tiers(as_of, None, dry_run, self._actor, self._clock(), job or Quiet())
        if not dry_run and ran.moves:
            self._events.announce(CreatorsChanged())
        return ran

    def show(self, creator_id: int, as_of: int | None = None) -> TierExplanation:
        """A creator's tier and why."""
        shown = self._store.explain_tier(creator_id, self._clock() if as_of is None else as_of)
        if shown is None:
            raise UsageError("unknown_creator", id=creator_id)
        return shown

    def policies(self, name: str | None = None) -> list[PolicyRow]:
        """Versions of policies, newest first."""
        if name is not None and name not in POLICIES:
            raise UsageError("unknown_policy", name=name)
        return self._store.policies(name)

    def policy(self, name: str = "tiers", version: int | None = None) -> PolicyRow:
        """A version of a policy, the newest unless named."""
        for row in self.policies(name):
            if version in {None, row.version}:
                return row
        raise UsageError("unknown_policy", name=f"{name} v{version}")

    def set_policy(self, name: str, toml: str, reason: str) -> PolicyRow:
        """Add a version from TOML text; whatever follows from it is computed anew."""
        body = checked(name, toml)
        row = self._store.set_policy(name, body, _given(reason), self._actor, self._clock())
        self._events.announce(PoliciesChanged(), CreatorsChanged(), OperationRecorded())
        return row

    def preview(self, name: str, toml: str, job: Job | None = None) -> TierRun:
        """Who would move under other bands."""
        if name != "tiers":
            raise UsageError("no_preview", name=name)
        body = checked(name, toml)
        return self._store.run_tiers(None, body, True, self._actor, self._clock(), job or Quiet())  # noqa: FBT003

    def override(self, account_id: int, tier: Tier | None, until: date | None, reason: str) -> int:
        """Set an account's tier by hand to the end of a day, or take that off (tier None); returns the operation's id."""
        now, reason = self._clock(), _given(reason)
        ends = now if until is None else day_end(until, self._zone)
        if tier is not None and ends <= now:
            raise UsageError("override_over", until=str(until))
        done = self._store.override_tier(account_id, tier, ends, reason, self._actor, now)
        self._events.announce(CreatorsChanged(), OperationRecorded())
        return done

    # ------------------------------------------------------------ credit

    @property
    def alone(self) -> bool:
        """Whether one person has every name here, so that a second pair of eyes cannot be told from the first."""
        return self._store.alone

    def add_event(self, creator_id: int, kind: str, at: int | None = None, evidence: str | Path | None = None) -> CreditEntry:
        """Propose an entry of the ledger as of a moment (default now); it counts once it is confirmed."""
        now = self._clock()
        happened_at = now if at is None else at
        if happened_at > now:
            raise UsageError("event_ahead")
        return self._changed(self._store.add_event(creator_id, kind, happened_at, evidence, self._actor, now))

    def confirm_event(self, event_id: int, reason: str, *, own: bool = False) -> CreditEntry:
        """Confirm a proposed entry; score and grade follow at once. ``own``: see ``decide_sanction``."""
        return self._changed(self._store.confirm_event(event_id, _given(reason), self._actor, self._clock(), own))

    def void_event(self, event_id: int, reason: str) -> CreditEntry:
        """Void an entry; it stays, and counts no more. Score, grade and sanctions follow at once."""
        return self._changed(self._store.void_event(event_id, _given(reason), self._actor, self._clock()))

    def run_credit(self, asked: CreditAsked | None = None, job: Job | None = None) -> CreditRun:
        """Rate everybody; the roster shows this run's scores until the next run or event."""
        ran = self._store.run_credit(asked or CreditAsked(), self._actor, self._clock(), job or Quiet())
        self._events.announce(CreatorsChanged())
        return ran

    def credit(self, creator_id: int, asked: CreditAsked | None = None) -> CreditShown:
        """A creator's credit and why, as of any moment, as known at any moment."""
        shown = self._store.explain_credit(creator_id, asked or CreditAsked(), self._clock())
        if shown is None:
            raise UsageError("unknown_creator", id=creator_id)
        return shown

    def sanctions(self, *, open_only: bool = False) -> list[SanctionRow]:
        """Cases of the ladder, those that wait for a decision first."""
        return self._store.sanctions(self._clock(), open_only=open_only)

    def decide_sanction(self, case_id: int, *, approved: bool, reason: str, own: bool = False) -> SanctionRow:
        """Decide what the ladder proposes; refused to who filed an event it rests on.

        ``own``: where one person has every name (``alone``) he may decide that as well; it is marked for good. A team's server refuses it all the same.
        """
        return self._changed(self._store.decide_sanction(case_id, approved, _given(reason), self._actor, self._clock(), own))

    def appeals(self, *, open_only: bool = False) -> list[AppealRow]:
        """Appeals, those that wait for a decision first."""
        return self._store.appeals(open_only=open_only)

    def file_appeal(self, reason: str, *, event_id: int | None = None, sanction_id: int | None = None) -> AppealRow:
        """Challenge an event or a sanction on a creator's behalf."""
        if (event_id is None) == (sanction_id is None):
            raise UsageError("appeal_target")
        return self._changed(self._store.file_appeal(event_id, sanction_id, _given(reason), self._actor, self._clock()))

    def decide_appeal(self, appeal_id: int, *, upheld: bool, reason: str, own: bool = False) -> AppealRow:
        """Decide an appeal; refused to who filed it or what it challenges. ``own``: see ``decide_sanction``."""
        return self._changed(self._store.decide_appeal(appeal_id, upheld, _given(reason), self._actor, self._clock(), own))

    # ------------------------------------------------------------ many at once

    def glances(self, creators: Sequence[int]) -> Mapping[int, Glance]:
        """What rows say of creators' conduct, by creator."""
        return self._store.glances(creators, self._clock())

    def proposed(self, limit: int = 1000) -> list[Proposed]:
        """Entries that wait for a word, the oldest first."""
        return self._store.proposed(self._clock(), limit)

    def waiting(self) -> Waiting:
        """How much waits for a person."""
        return self._store.waiting()

    def score_history(self, creator_id: int, months: int = 12) -> list[ScorePoint]:
        """A creator's score at the end of each past month and now, as known then and as known now."""
        now = self._clock()
        today, days = local(now, self._zone).date(), []
        last = today.replace(day=1) - timedelta(days=1)
        for _ in range(months):
            days.append(last)
            last = last.replace(day=1) - timedelta(days=1)
        return self._store.score_history(creator_id, days[::-1], now)

    def settle_events(self, event_ids: Sequence[int], *, confirm: bool, reason: str, job: Job | None = None, own: bool = False) -> Settled:
        """Confirm or void entries in one operation that undoes as one; what is not allowed is left and counted."""
        return self._settled(self._store.settle_events(event_ids, confirm, _given(reason), self._actor, self._clock(), job or Quiet(), own))

    def settle_sanctions(self, case_ids: Sequence[int], *, approved: bool, reason: str, job: Job | None = None, own: bool = False) -> Settled:
        """Decide cases in one operation; what is not allowed is left and counted."""
        return self._settled(self._store.settle_sanctions(case_ids, approved, _given(reason), self._actor, self._clock(), job or Quiet(), own))

    def _settled(self, settled: Settled) -> Settled:
        self._events.announce(CreatorsChanged(), OperationRecorded())
        return settled

    def _changed(self, done: _Done) -> _Done:
        self._events.announce(CreatorsChanged((done.creator_id,)), OperationRecorded())
        return done


def _given(reason: str) -> str:
    if not reason.strip():
        raise UsageError("value_missing", field="reason")
    return reason.strip()


def checked(name: str, toml: str) -> Mapping[str, object]:
    """Body of a policy from TOML text; UsageError names what is wrong."""
    if name not in POLICIES:
        raise UsageError("unknown_policy", name=name)
    try:
        body = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise UsageError("policy_invalid", place=str(error), value="") from error
    POLICIES[name](body)
    return body
