# SPDX-License-Identifier: Apache-2.0
"""Rating: tiers of accounts by the policy in force, with the history of every change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from app.jobs import Job
from app.values import Actor, Group, Tier


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

    def run_tiers(self, as_of: int | None, policy: Mapping[str, object] | None, dry_run: bool, actor: Actor, now: int, job: Job) -> TierRun:
        """Band every account; ``policy`` tries other numbers and implies a dry run."""

    def explain_tier(self, creator_id: int, as_of: int) -> TierExplanation | None:
        """A creator's tier and why."""

    def override_tier(self, account_id: int, tier: Tier | None, until: int, reason: str, actor: Actor, now: int) -> int:
        """Set a tier by hand until a moment, or take the override off (None); returns the operation's id."""

    def policies(self, name: str | None = None) -> list[PolicyRow]:
        """Versions of policies, newest first."""

    def set_policy(self, name: str, body: Mapping[str, object], reason: str, actor: Actor, now: int) -> PolicyRow:
        """Add a version, in force from now on."""
