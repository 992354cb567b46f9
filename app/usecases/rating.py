# SPDX-License-Identifier: Apache-2.0
"""Rating: tiers of accounts by the policy in force, with the history of every change."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from app.errors import UsageError
from app.events import CreatorsChanged, Events, OperationRecorded, PoliciesChanged
from app.jobs import Job, Quiet
from app.rules.rating.tiers import TierPolicy
from app.values import Actor, Group, Tier, day_end

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date


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


POLICIES = {"tiers": TierPolicy.parse}
"""Policies of this program and what checks their numbers."""


class Rating:
    """What people do with tiers and the rules behind them."""

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
        """Add a version from TOML text; it bands everyone afresh from now on."""
        body = checked(name, toml)
        if not reason.strip():
            raise UsageError("value_missing", field="reason")
        row = self._store.set_policy(name, body, reason.strip(), self._actor, self._clock())
        self._events.announce(PoliciesChanged(), CreatorsChanged(), OperationRecorded())
        return row

    def preview(self, name: str, toml: str, job: Job | None = None) -> TierRun:
        """Who would move under other numbers."""
        body = checked(name, toml)
        return self._store.run_tiers(None, body, True, self._actor, self._clock(), job or Quiet())  # noqa: FBT003

    def override(self, account_id: int, tier: Tier | None, until: date | None, reason: str) -> int:
        """Set an account's tier by hand to the end of a day, or take that off (tier None); returns the operation's id."""
        now = self._clock()
        if not reason.strip():
            raise UsageError("value_missing", field="reason")
        ends = now if until is None else day_end(until, self._zone)
        if tier is not None and ends <= now:
            raise UsageError("override_over", until=str(until))
        done = self._store.override_tier(account_id, tier, ends, reason.strip(), self._actor, now)
        self._events.announce(CreatorsChanged(), OperationRecorded())
        return done


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
