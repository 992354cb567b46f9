# SPDX-License-Identifier: Apache-2.0
"""Tiers: follower bands per platform, with hysteresis, replayed over dated counts.

All comparisons are of integers. Unknown followers have no tier, which is not ``UNRANKED``; arrays say -1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from app.errors import UsageError
from app.values import Group, Tier

OTHER: Final = "other"
UNKNOWN: Final = -1
_EDGES: Final = 5
_NO_UPPER: Final = np.iinfo(np.int64).max // 1000
_MOST_HYSTERESIS: Final = 50

Followers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """The numbers of a tier policy. ``edges`` are the lower bounds of nano … top per platform, ``other`` for the rest."""

    hysteresis_percent: int
    edges: Mapping[str, tuple[int, ...]]
    groups: Mapping[str, tuple[Group, ...]]
    time_zone: str

    @classmethod
    def parse(cls, body: Mapping[str, object]) -> TierPolicy:
        """Policy from the data of its TOML; UsageError ``policy_invalid`` names the place."""
        hysteresis = body.get("hysteresis_percent")
        if not isinstance(hysteresis, int) or not 0 <= hysteresis <= _MOST_HYSTERESIS:
            raise UsageError("policy_invalid", place="hysteresis_percent", value=hysteresis)
        edges = {name: _edges(name, row) for name, row in _table(body, "edges").items()}
        groups = {name: _groups(name, row) for name, row in _table(body, "groups").items()}
        zone = body.get("time_zone")
        try:
            ZoneInfo(str(zone))
        except (ValueError, KeyError, OSError) as error:
            raise UsageError("policy_invalid", place="time_zone", value=zone) from error
        return cls(hysteresis, edges, groups, str(zone))

    def edges_of(self, platform: str) -> tuple[int, ...]:
        """Lower bounds of nano … top on a platform."""
        return self.edges.get(platform, self.edges[OTHER])


def _table(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    table = body.get(name)
    if not isinstance(table, Mapping) or OTHER not in table:
        raise UsageError("policy_invalid", place=name, value=OTHER)
    return table


def _edges(platform: str, row: object) -> tuple[int, ...]:
    edges: tuple[object, ...] = tuple(row) if isinstance(row, Sequence) and not isinstance(row, str) else ()
    whole = tuple(edge for edge in edges if type(edge) is int and edge > 0)
    if not len(edges) == len(whole) == _EDGES or any(low >= high for low, high in pairwise(whole)):
        raise UsageError("policy_invalid", place=f"edges.{platform}", value=row)
    return whole


def _groups(platform: str, row: object) -> tuple[Group, ...]:
    try:
        groups = tuple(Group.of(str(word)) for word in row)  # type: ignore[attr-defined]
    except (KeyError, TypeError) as error:
        raise UsageError("policy_invalid", place=f"groups.{platform}", value=row) from error
    if len(groups) != len(Tier):
        raise UsageError("policy_invalid", place=f"groups.{platform}", value=row)
    return groups


# ---------------------------------------------------------------- one account


def band(policy: TierPolicy, platform: str, followers: int) -> Tier:
    """Tier of a count without history; lower bounds are inclusive."""
    return Tier(sum(followers >= edge for edge in policy.edges_of(platform)))


def step(policy: TierPolicy, platform: str, followers: int, previous: Tier | None) -> Tier:
    """Tier of a count after a previous tier, which is kept within the hysteresis."""
    if previous is not None:
        _, _, keeps_from, keeps_below = limits(policy, platform, previous)
        if followers >= keeps_from and (keeps_below is None or followers < keeps_below):
            return previous
    return band(policy, platform, followers)


def limits(policy: TierPolicy, platform: str, tier: Tier) -> tuple[int, int | None, int, int | None]:
    """Band [low, high) and the counts that keep the tier, [from, below); None where there is no upper edge."""
    edges = (0, *policy.edges_of(platform))
    low = edges[tier]
    high = edges[tier + 1] if tier < Tier.TOP else None
    percent = policy.hysteresis_percent
    keeps_from = -(-low * (100 - percent) // 100)
    keeps_below = None if high is None else -(-high * (100 + percent) // 100)
    return low, high, keeps_from, keeps_below


def group_of(policy: TierPolicy, platform: str, tier: Tier) -> Group:
    """Group that a tier belongs to on a platform."""
    return policy.groups.get(platform, policy.groups[OTHER])[tier]


def history(policy: TierPolicy, platform: str, counts: Sequence[tuple[int, int]], afresh_from: int | None) -> list[tuple[int, int, Tier]]:
    """Each dated count (moment, followers; in order of time) with the tier it gave."""
    out: list[tuple[int, int, Tier]] = []
    previous: Tier | None = None
    for at, followers in counts:
        if afresh_from is not None and at <= afresh_from:
            previous = None
        elif afresh_from is not None and out and out[-1][0] <= afresh_from:
            previous = band(policy, platform, out[-1][1])
        previous = step(policy, platform, followers, previous)
        out.append((at, followers, previous))
    return out


# ---------------------------------------------------------------- many accounts


def bands(policy: TierPolicy, platforms: npt.NDArray[np.object_], followers: Followers, previous: Codes) -> Codes:
    """``step`` for many: arrays of shape (n,); followers -1 keep no tier, previous -1 is none."""
    out = np.full(len(followers), UNKNOWN, dtype=np.int8)
    names, codes = _coded(platforms)
    for code, name in enumerate(names):
        at = np.flatnonzero(codes == code)
        out[at] = _bands(policy, name, followers[at], previous[at])
    return out


def _coded(platforms: npt.NDArray[np.object_]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Distinct platforms and the number of each row's; a dictionary beats sorting text."""
    known: dict[str, int] = {}
    codes = np.fromiter((known.setdefault(name, len(known)) for name in platforms), dtype=np.int64, count=len(platforms))
    return list(known), codes


def _bands(policy: TierPolicy, platform: str, followers: Followers, previous: Codes) -> Codes:
    edges = np.array(policy.edges_of(platform), dtype=np.int64)
    fresh = np.searchsorted(edges, followers, side="right").astype(np.int8)
    table = [limits(policy, platform, tier) for tier in Tier]
    keeps_from = np.array([row[2] for row in table], dtype=np.int64)
    keeps_below = np.array([_NO_UPPER if row[3] is None else row[3] for row in table], dtype=np.int64)
    before = np.maximum(previous, 0)
    kept = (previous >= 0) & (followers >= keeps_from[before]) & (followers < keeps_below[before])
    return np.where(followers < 0, np.int8(UNKNOWN), np.where(kept, previous, fresh)).astype(np.int8)


def replay(
    policy: TierPolicy,
    platforms: npt.NDArray[np.object_],
    account: npt.NDArray[np.int64],
    at: npt.NDArray[np.int64],
    followers: Followers,
    afresh_from: int | None,
) -> Codes:
    """Final tier of many accounts from their dated counts.

    ``platforms`` has shape (accounts,); ``account`` (an index into it), ``at`` and ``followers`` have shape (counts,).
    Counts at the same moment count in the order given. Of those at or before ``afresh_from``, when a new policy
    came into force, only the last counts, banded afresh. Returns shape (accounts,).
    """
    tiers = np.full(len(platforms), UNKNOWN, dtype=np.int8)
    order = np.lexsort((np.arange(len(at)), at, account))
    account, at, followers = account[order], at[order], followers[order]
    if afresh_from is not None and len(account):
        next_too = np.zeros(len(account), dtype=bool)
        next_too[:-1] = (account[1:] == account[:-1]) & (at[1:] <= afresh_from)
        account, followers = account[~next_too], followers[~next_too]
    starts = np.flatnonzero(np.r_[True, account[1:] != account[:-1]]) if len(account) else np.empty(0, np.int64)
    sizes = np.diff(np.r_[starts, len(account)])
    for turn in range(int(sizes.max(initial=0))):
        rows = starts[sizes > turn] + turn
        who = account[rows]
        tiers[who] = bands(policy, platforms[who], followers[rows], tiers[who])
    return tiers
