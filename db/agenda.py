# SPDX-License-Identifier: Apache-2.0
"""Sources of tasks: each asks for one kind of thing that waits, in a fixed number of statements, and tells batches rather than rows.

A further kind is one more function in ``SOURCES``; what it says and where it leads stands with the window's words.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from app.rules.rating import raisers
from app.rules.rating.raisers import Confirmation
from app.rules.recruiting import silent_before
from app.usecases.today import Task
from app.values import DAY
from db import bulk, pipeline
from db.writers import ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection

    from app.usecases.today import Looking

    Source = Callable[[Connection, Looking], Iterable[Task]]

_HOUR: Final = DAY // 24
_SHOWN: Final = 6
"""Single things of a kind that are told one by one; more are one batch."""
_NAMED: Final = 400
"""Creators that a filter names by their ids."""
_FILED_AT_ONCE: Final = 50
_FEW: Final = 5
"""People whose leads are looked through at once."""


def tasks(connection: Connection, looking: Looking) -> list[Task]:
    """What waits, from every source."""
    return [task for source in SOURCES for task in source(connection, looking)]


def _mine(looking: Looking, column: str = "c.owner") -> tuple[str, list[object]]:
    """Condition on whose creator it is, with its values."""
    if looking.names is None:
        return "", []
    return f" and {column} in ({', '.join('?' * len(looking.names))})", list(looking.names)


def _whose(looking: Looking) -> str:
    """The same as a part of a filter."""
    return "" if looking.names is None else f" and owner in ({', '.join(map(json_text, looking.names))})"


def among(ids: Sequence[int]) -> str:
    """A filter of creators by their ids; "" where they are too many to name."""
    unique = list(dict.fromkeys(ids))
    return f"id in ({', '.join(map(str, unique))})" if 0 < len(unique) <= _NAMED else ""


# ---------------------------------------------------------------- conduct


def _sanctions(connection: Connection, looking: Looking) -> Iterable[Task]:
    """Sanctions that the ladder proposes."""
    own, values = _mine(looking)
    joined = f" join creator c on c.id = s.creator_id{own}" if own else ""
    statement = f"select s.level, count(*), min(s.proposed_at) from sanction s{joined} where s.decided_at is null and s.voided_at is null"  # noqa: S608 (our own words)
    rows = bulk.fetch(connection, f"{statement} group by s.level order by s.level desc", *values)
    if rows:
        levels = {str(level): count for level, count, _ in rows}
        yield Task("sanctions", sum(row[1] for row in rows), details={"levels": levels, "since": min(row[2] for row in rows)})


_PROPOSED: Final = (
    "select e.id, e.creator_id, e.type, e.recorded_at, e.source from credit_event e{joined}"
    " where e.confirmed_at is null and e.voided_at is null and e.filed_by <> ?"
)


def _events(connection: Connection, looking: Looking) -> Iterable[Task]:
    """Proposed entries: those that the rule confirms by itself when their grace ends, and those that wait for a person."""
    own, values = _mine(looking)
    joined = " join creator c on c.id = e.creator_id" if own else ""
    rows = bulk.fetch(connection, _PROPOSED.format(joined=joined) + own, looking.me if looking.names is not None else "", *values)
    if not rows:
        return
    policy = ledger.in_force(connection, looking.now).policy
    grace = policy.raising.confirm_hours * _HOUR
    ends = [row[3] + grace for row in rows if row[4] is not None and raisers.confirmation(policy, row[2]) is Confirmation.BY_RULE]
    today = [end for end in ends if end < looking.day_end]
    if today:
        yield Task("grace", len(today), due_at=min(today))
    if len(ends) > len(today):
        yield Task("grace_later", len(ends) - len(today), due_at=min(end for end in ends if end >= looking.day_end))
    if len(rows) > len(ends):
        yield Task("events", len(rows) - len(ends))


def _appeals(connection: Connection, looking: Looking) -> Iterable[Task]:
    """Appeals that nobody has decided, each with the day by which it should be."""
    own, values = _mine(looking)
    rows = bulk.fetch(
        connection,
        "select a.id, a.filed_at, c.id, c.name, a.reason from appeal a left join credit_event e on e.id = a.event_id left join sanction s on s.id = a.sanction_id"  # noqa: S608
        f" join creator c on c.id = coalesce(e.creator_id, s.creator_id) where a.decided_at is null{own} order by a.filed_at, a.id",
        *values,
    )
    if not rows:
        return
    wait = ledger.in_force(connection, looking.now).policy.appeal_days * DAY
    if len(rows) > _SHOWN:
        late = sum(row[1] + wait < looking.now for row in rows)
        yield Task("appeals", len(rows), due_at=rows[0][1] + wait, overdue=late)
        return
    for _, filed_at, creator, name, reason in rows:
        due = filed_at + wait
        yield Task("appeal", due_at=due, overdue=int(due < looking.now), batch=False, creator_id=creator, name=name, details={"reason": reason})


# ---------------------------------------------------------------- what runs out


def _overrides(connection: Connection, looking: Looking) -> Iterable[Task]:
    """Tiers set by hand that soon stop counting."""
    own, values = _mine(looking)
    rows = bulk.fetch(
        connection,
        "select o.expires_at, c.id, c.name, a.platform, o.tier, o.reason from tier_override o join account a on a.id = o.account_id"  # noqa: S608
        f" join creator c on c.id = a.creator_id where o.voided_at is null and o.expires_at > ? and o.expires_at <= ?{own} order by o.expires_at, o.id",
        looking.now, looking.soon, *values,
    )  # fmt: skip
    if len(rows) > _SHOWN:
        yield Task("overrides", len(rows), due_at=rows[0][0], where=among([row[1] for row in rows]))
        return
    for expires_at, creator, name, platform, tier, reason in rows:
        details = {"platform": platform, "tier": tier, "reason": reason}
        yield Task("override", due_at=expires_at, batch=False, creator_id=creator, name=name, details=details)


def _sanctions_ending(connection: Connection, looking: Looking) -> Iterable[Task]:
    """Restrictions and suspensions that end soon: whoever was put off can be asked again."""
    own, values = _mine(looking)
    rows = bulk.fetch(
        connection,
        "select s.ends_at, c.id, c.name, s.level from sanction s join creator c on c.id = s.creator_id where s.approved and s.voided_at is null"  # noqa: S608
        f" and s.ends_at > ? and s.ends_at <= ?{own} order by s.ends_at, s.id",
        looking.now, looking.soon, *values,
    )  # fmt: skip
    if len(rows) > _SHOWN:
        yield Task("sanctions_ending", len(rows), due_at=rows[0][0], where=among([row[1] for row in rows]))
        return
    for ends_at, creator, name, level in rows:
        yield Task("sanction_ending", due_at=ends_at, batch=False, creator_id=creator, name=name, details={"level": level})


# ---------------------------------------------------------------- what was brought in

_BROKEN: Final = ("login_needed", "disconnected", "locked")


def _connections(connection: Connection, looking: Looking) -> Iterable[Task]:
    """Authorisations that are gone or run out soon."""
    rows = bulk.fetch(connection, "select name, platform, state, expires_at from connection where removed_at is null order by id")
    for name, platform, state, expires_at in rows:
        details = {"platform": platform, "state": state}
        if state in _BROKEN:
            yield Task(
                "connection", due_at=looking.now if expires_at is None else min(expires_at, looking.now), overdue=1, batch=False, name=name, details=details
            )
        elif state == "ok" and expires_at is not None and expires_at <= looking.soon:
            yield Task("authorisation", due_at=expires_at, overdue=int(expires_at < looking.now), batch=False, name=name, details=details)


def _conflicts(connection: Connection, looking: Looking) -> Iterable[Task]:
    """Fields changed here and at the source."""
    del looking
    count, first = bulk.fetch(connection, "select count(*), min(at) from conflict where resolved_at is null")[0]
    if count:
        yield Task("conflicts", count, details={"since": first})


def _records(connection: Connection, looking: Looking) -> Iterable[Task]:
    """Records of platforms that were not taken, and fields that are no longer as agreed."""
    del looking
    count, first = bulk.fetch(connection, "select count(*), min(at) from rejected_record")[0]
    if count:
        yield Task("records", count, details={"since": first})
    drifted = bulk.fetch(connection, "select count(*) from drift where cleared_at is null")[0][0]
    if drifted:
        yield Task("drift", drifted)


def _imports(connection: Connection, looking: Looking) -> Iterable[Task]:
    """Files of the last days that left rows behind."""
    some = "" if looking.names is None else f" and by in ({', '.join('?' * len(looking.names))})"
    rows = bulk.fetch(
        connection,
        "select id, at, summary from operation where kind >= 'import.' and kind < 'import/' and undone_at is null and at >= ?"  # noqa: S608 (our own words)
        f"{some} order by id desc limit {_FILED_AT_ONCE}",
        looking.now - 14 * DAY, *(() if looking.names is None else looking.names),
    )  # fmt: skip
    found = [(number, at, told) for number, at, told in ((row[0], row[1], json.loads(row[2])) for row in rows) if told.get("rejected")]
    for number, at, told in found[:_SHOWN]:
        details = {"file": told.get("file", ""), "read": told.get("read", 0), "at": at, "operation": number}
        yield Task("import", int(told["rejected"]), details=details)


# ---------------------------------------------------------------- the roster


def _silent(connection: Connection, looking: Looking) -> Iterable[Task]:
    """Leads that somebody looks after and nobody has spoken to for too long. Among everybody's that takes a second, so a brief look leaves it out."""
    if looking.brief and (looking.names is None or len(looking.names) > _FEW):
        return
    own, values = _mine(looking)
    by = pipeline.policy(connection, looking.now)
    parts = []
    for stage, before in silent_before(by, looking.now).items():
        parts.append(f"(c.stage = {int(stage)} and {pipeline.SILENT})")
        values += [before] * 4
    statement = f"select c.id from creator c where c.owner is not null{own} and ({' or '.join(parts) or 'false'}) order by c.id"  # noqa: S608 (our own words)
    ids = [row[0] for row in bulk.fetch(connection, statement, *values)]
    if ids:
        stages = ", ".join(stage.code for stage in by.ageing)
        yield Task("silent", len(ids), overdue=len(ids), where=among(ids) or f"stage in ({stages}){_whose(looking)}")


_UNKNOWN: Final = 'followers = ""'


def _gaps(connection: Connection, looking: Looking) -> Iterable[Task]:
    """What the roster lacks: somebody who looks after a creator, follower counts, and new ones for the old; every count walks an index."""
    own, values = _mine(looking)
    if looking.names is None:
        everybody = bulk.fetch(connection, "select count(*) from creator")[0][0]
        owned = bulk.fetch(connection, "select count(*) from creator where owner is not null")[0][0]
        if everybody > owned:
            yield Task("no_owner", everybody - owned, where='owner = ""')
    whose = _whose(looking)
    unknown = bulk.fetch(connection, f"select count(*) from creator c where c.followers is null{own}", *values)[0][0]  # noqa: S608
    if unknown:
        yield Task("no_followers", unknown, where=_UNKNOWN + whose)
    joined = "" if looking.names is None else " join creator c on c.id = a.creator_id"
    old = bulk.fetch(connection, f"select count(*) from account a{joined} where a.followers_at < ?{own}", looking.old, *values)[0][0]  # noqa: S608
    if old:
        yield Task("old", old, where=f"followers_at < {{day}}{whose}", details={"before": looking.old})


def json_text(text: str) -> str:
    """A text as the filter language quotes it."""
    return json.dumps(text, ensure_ascii=False)


SOURCES: Final[tuple[Source, ...]] = (
    _sanctions,
    _events,
    _appeals,
    _overrides,
    _sanctions_ending,
    _connections,
    _conflicts,
    _records,
    _imports,
    _silent,
    _gaps,
)
"""Everything that may wait, area by area."""
