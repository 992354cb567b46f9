# SPDX-License-Identifier: Apache-2.0
"""Figures that follow from facts: an account's latest followers and tier, a creator's main account.

Always computed from what is stored, inside the transaction that changed it, so they can be computed again.
"""

from __future__ import annotations

import json
import tomllib
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from sqlalchemy import select

import resources
from app.rules.rating import tiers
from app.values import Tier
from db import bulk
from db.models.creators import Account, Creator
from db.writers.operations import dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt
    from sqlalchemy import Connection

BEGINNING: Final = 0
"""When the first version of every policy came into force: the facts may be older than the workspace."""

TIERS: Final = "tiers"


class PolicyInForce(NamedTuple):
    """A policy version with the moment from which it bands everyone afresh (None for the first)."""

    version: int
    afresh_from: int | None
    policy: tiers.TierPolicy


class Step(NamedTuple):
    """A change of an account's tier; numbers of ``Tier``, None where unknown."""

    account_id: int
    creator_id: int
    before: int | None
    after: int | None
    at: int


def shipped_policy(name: str) -> Mapping[str, object]:
    """Body of a policy's first version."""
    return tomllib.loads(resources.text("policies", f"{name}.toml"))


def add_shipped_policies(connection: Connection) -> None:
    """Put the first version of each policy into a new workspace."""
    rows = [
        (name.removesuffix(".toml"), 1, dump(shipped_policy(name.removesuffix(".toml"))), BEGINNING, "KOC Desk", "")
        for name in resources.names("policies")
        if name.endswith(".toml")
    ]
    bulk.insert(connection, "policy", ("name", "version", "body", "since", "by", "reason"), rows)


def tier_policy(connection: Connection, as_of: int) -> PolicyInForce:
    """Tier policy in force at a moment."""
    statement = "select version, since, body from policy where name = ? and since <= ? order by version desc limit 1"
    version, since, body = bulk.fetch(connection, statement, TIERS, max(as_of, BEGINNING))[0]
    return PolicyInForce(version, None if since == BEGINNING else since, _parsed(body))


@lru_cache(maxsize=8)
def _parsed(body: str) -> tiers.TierPolicy:
    return tiers.TierPolicy.parse(json.loads(body))


_HISTORY: Final = """
select w.pos, m.as_of, m.value from wanted w
join account_metric m on m.account_id = w.id and m.name = 'followers' and (m.value is not null or m.raw is null)
where m.as_of <= {as_of} order by m.as_of, m.id
"""

_OVERRIDES: Final = """
select w.pos, o.tier from wanted w join tier_override o on o.account_id = w.id
where o.created_at <= {as_of} and o.expires_at > {as_of} and (o.voided_at is null or o.voided_at > {as_of})
order by o.created_at, o.id
"""


class Banded(NamedTuple):
    """Figures of accounts at a moment; arrays of shape (n,), -1 where unknown."""

    followers: npt.NDArray[np.int64]
    followers_at: npt.NDArray[np.int64]
    tier: npt.NDArray[np.int8]


def band(connection: Connection, account_ids: Sequence[int], platforms: Sequence[str], force: PolicyInForce, as_of: int) -> Banded:
    """Replay the dated follower counts of accounts up to a moment, overrides on top."""
    count = len(account_ids)
    bulk.keep_ids(connection, account_ids)
    rows = bulk.fetch(connection, _HISTORY.format(as_of=int(as_of)))
    # A count that was emptied is unknown from then on; a range of an import leaves the count before it.
    history = np.array([(row[0], row[1], -1 if row[2] is None else int(row[2])) for row in rows], dtype=np.int64).reshape(-1, 3)
    tier = tiers.replay(force.policy, np.array(platforms, dtype=object), history[:, 0], history[:, 1], history[:, 2], force.afresh_from)
    followers = np.full(count, -1, dtype=np.int64)
    followers_at = np.full(count, -1, dtype=np.int64)
    # Rows come in order of time, so that the last assignment of an index is the latest count.
    followers[history[:, 0]] = history[:, 2]
    followers_at[history[:, 0]] = np.where(history[:, 2] < 0, -1, history[:, 1])
    for position, forced in connection.exec_driver_sql(_OVERRIDES.format(as_of=int(as_of))):
        tier[position] = forced
    return Banded(followers, followers_at, tier)


def refresh_accounts(connection: Connection, account_ids: Iterable[int], now: int, *, since: int | None = None) -> list[Step]:
    """Compute accounts anew, and the creators above them; returns the changes of tier.

    ``since`` dates the steps (a run); else a step has the date of the follower count that caused it.
    """
    ids = sorted(set(account_ids))
    steps: list[Step] = []
    if not ids:
        return steps
    force = tier_policy(connection, now)
    bulk.keep_ids(connection, ids)
    known = bulk.fetch(
        connection,
        "select a.id, a.creator_id, a.platform, a.tier, a.followers, a.followers_at from wanted w join account a on a.id = w.id order by w.pos",
    )
    banded = band(connection, [row[0] for row in known], [row[2] for row in known], force, now)
    updates = []
    for at, row in enumerate(known):
        followers = _known(banded.followers[at])
        followers_at = _known(banded.followers_at[at])
        tier = _known(banded.tier[at])
        if (tier, followers, followers_at) != (row[3], row[4], row[5]):
            updates.append((followers, followers_at, tier, row[0]))
        if tier != row[3]:
            moved_at = since if since is not None else (followers_at if followers_at is not None else now)
            steps.append(Step(row[0], row[1], row[3], tier, moved_at))
    bulk.update(connection, "account", ("followers", "followers_at", "tier"), updates)
    keep_steps(connection, steps, force.version)
    refresh_creators(connection, {row[1] for row in known})
    return steps


_LATEST: Final = """
select t.id, t.account_id from taken w join tier_step t on t.account_id = w.id
where t.id = (select max(id) from tier_step where account_id = w.id)
and t.at >= w.at and t.tier is not distinct from w.tier_before and t.previous is not distinct from w.tier_after
"""


def keep_steps(connection: Connection, steps: Sequence[Step], version: int) -> None:
    """Add the dated rows of changed tiers.

    A step that takes the latest one back, and is dated no later, says that the count behind it is gone: both vanish.
    """
    back = _taken_back(connection, [step for step in steps if step.before is not None])
    rows = [(step.account_id, step.after, step.before, step.at, version) for step in steps if step.account_id not in back]
    bulk.insert(connection, "tier_step", ("account_id", "tier", "previous", "at", "policy_version"), rows)


def _taken_back(connection: Connection, steps: Sequence[Step]) -> set[int]:
    """Accounts whose latest step was deleted, because a step of these takes it back."""
    if not steps:
        return set()
    columns = (("id", "bigint"), ("at", "bigint"), ("tier_before", "bigint"), ("tier_after", "bigint"))
    bulk.keep(connection, "taken", columns, ((step.account_id, step.at, step.before, step.after) for step in steps))
    found = bulk.fetch(connection, _LATEST)
    bulk.delete(connection, "tier_step", (row[0] for row in found))
    return {row[1] for row in found}


def _known(value: np.integer) -> int | None:
    return None if value < 0 else int(value)


_MAIN: Final = """
select w.id, a.id, a.platform, a.followers, a.tier, a.fee_fen from wanted w left join account a on a.creator_id = w.id
order by w.id, coalesce(a.tier, -1) desc, coalesce(a.followers, -1) desc, a.id
"""


def refresh_creators(connection: Connection, creator_ids: Iterable[int], policy: tiers.TierPolicy | None = None) -> None:
    """Find the main account of creators and take over its figures (highest tier, most followers, smallest id)."""
    ids = sorted(set(creator_ids))
    if not ids:
        return
    policy = policy or tier_policy(connection, _FAR).policy
    bulk.keep_ids(connection, ids)
    updates, seen = [], 0
    for creator_id, account_id, platform, followers, tier, fee in bulk.fetch(connection, _MAIN):
        if creator_id == seen:
            continue
        seen = creator_id
        group = None if tier is None else int(tiers.group_of(policy, platform, Tier(tier)))
        updates.append((account_id, platform, followers, tier, group, fee, creator_id))
    columns = ("main_account_id", "platform", "followers", "tier", "group", "fee_fen")
    bulk.update(connection, "creator", columns, updates)


_FAR: Final = 1 << 62
_CREATORS_AT_A_TIME: Final = 50_000


def refresh_all_creators(connection: Connection) -> None:
    """Take over every creator's main account anew."""
    policy, last = tier_policy(connection, _FAR).policy, 0
    while True:
        statement = select(Creator.id).where(Creator.id > last).order_by(Creator.id).limit(_CREATORS_AT_A_TIME)
        ids = connection.execute(statement).scalars().all()
        if not ids:
            return
        refresh_creators(connection, ids, policy)
        last = ids[-1]


def refresh_all(connection: Connection, now: int) -> None:
    """Band every account by the policy in force and take over every creator's main account anew."""
    last = 0
    while True:
        statement = select(Account.id).where(Account.id > last).order_by(Account.id).limit(_CREATORS_AT_A_TIME)
        ids = [row[0] for row in connection.execute(statement)]
        if not ids:
            break
        refresh_accounts(connection, ids, now, since=now)
        last = ids[-1]
    refresh_all_creators(connection)
