# SPDX-License-Identifier: Apache-2.0
"""Collaborations and their due posts, written in an operation: added, moved on their way, ended."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.errors import UsageError
from app.rules import campaigns
from app.rules.campaigns import AGREED, BY_CREATOR, DealState
from app.rules.codes import Kind, deal_code, order_no, task_code
from app.usecases.campaigns import Left, Plan, Terms
from db import bulk
from db.writers import suppressed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from db.writers.operations import Log

_ACCOUNTS: Final = (
    "select a.id, a.creator_id, a.platform, coalesce(a.platform_uid, a.handle, c.name), count(b.id), count(case when b.state <> 'cancelled' then 1 end)"
    " from wanted w join account a on a.id = w.id join creator c on c.id = a.creator_id"
    " left join collaboration b on b.account_id = a.id and b.creator_id = a.creator_id and b.campaign_id = ?"
    " group by w.pos, a.id, a.creator_id, a.platform, a.platform_uid, a.handle, c.name order by w.pos"
)
_TERMS: Final = tuple(Terms.__dataclass_fields__)
_NEW: Final = ("code", "campaign_id", "creator_id", "account_id", "state", "created_at", "updated_at", "version", *_TERMS)
_STEP: Final = ("collaboration_id", "creator_id", "state", "previous", "reason", "at", "by", "operation_id")
_TASK: Final = (
    "collaboration_id", "creator_id", "account_id", "format", "task_code", "agreed_due_at", "draft_due_at", "sample_days", "keep_days",
    "created_at", "updated_at", "version", "state",
)  # fmt: skip
_PARCEL: Final = ("collaboration_id", "creator_id", "order_no", "sku", "variant", "quantity", "unit_cost_fen")


class Deal(NamedTuple):
    """A collaboration as writers need it."""

    id: int
    creator_id: int
    account_id: int
    state: str | None
    code: str
    tasks: int
    version: int


_DEALS: Final = (
    "select b.id, b.creator_id, b.account_id, b.state, coalesce(b.code, b.source || ':' || b.source_id),"
    " (select count(*) from deliverable d where d.collaboration_id = b.id), b.version from wanted w join collaboration b on b.id = w.id order by w.pos"
)


def deals(connection: Connection, ids: Sequence[int]) -> list[Deal]:
    """Collaborations in the order asked; UsageError for a number that is none."""
    bulk.keep_ids(connection, dict.fromkeys(ids))
    found = [Deal(*row) for row in bulk.fetch(connection, _DEALS)]
    missing = set(ids) - {one.id for one in found}
    if missing:
        raise UsageError("unknown_collaboration", id=min(missing))
    return found


def campaign_word(connection: Connection, campaign_id: int) -> str:
    """What a campaign is called in codes; UsageError for a number that is none."""
    rows = bulk.fetch(connection, "select coalesce(code, source || ':' || source_id, name) from campaign where id = ?", campaign_id)
    if not rows:
        raise UsageError("unknown_campaign", id=campaign_id)
    return str(rows[0][0])


def codes(connection: Connection, kind: Kind, table: str, column: str, words: Sequence[Sequence[object]]) -> list[str]:
    """Codes that nobody has."""

    def taken(some: Sequence[str]) -> set[str]:
        there, value = bulk.among(connection, column, some)
        return {row[0] for row in bulk.fetch(connection, f"select {column} from {table} where {there}", value)}  # noqa: S608 (our names)

    return kind.fresh(words, taken)


def add(log: Log, campaign_id: int, accounts: Sequence[int], terms: Terms) -> tuple[list[Deal], list[Left]]:
    """A candidate for each account that has no collaboration in the campaign yet."""
    connection, word = log.connection, campaign_word(log.connection, campaign_id)
    bulk.keep_ids(connection, dict.fromkeys(accounts))
    rows = bulk.fetch(connection, _ACCOUNTS, campaign_id)
    there = {row[0] for row in rows}
    left = [Left(one, "unknown_account", {}) for one in dict.fromkeys(accounts) if one not in there]
    left += [Left(row[0], "in_campaign", {}) for row in rows if row[5]]
    new = [row for row in rows if not row[5]]
    made = codes(connection, deal_code, "collaboration", "code", [(word, row[2], row[3], row[4]) for row in new])
    told = tuple(getattr(terms, name) for name in _TERMS)
    state, now = DealState.CANDIDATE.value, log.now
    first = log.insert("collaboration", _NEW, [(code, campaign_id, row[1], row[0], state, now, now, 1, *told) for code, row in zip(made, new, strict=True)])
    out = [Deal(first + at, row[1], row[0], state, code, 0, 1) for at, (code, row) in enumerate(zip(made, new, strict=True))]
    log.insert("collaboration_step", _STEP, [(one.id, one.creator_id, state, None, None, now, log.actor.name, log.id) for one in out])
    return out, left


def plan(log: Log, some: Sequence[Deal], wanted: Plan) -> list[int]:
    """Due posts of collaborations, and a parcel for each that needs a sample; returns the posts' ids."""
    pairs = [(one, at) for one in some for at in range(one.tasks, one.tasks + wanted.posts)]
    made = codes(log.connection, task_code, "deliverable", "task_code", [(one.code, wanted.format, at) for one, at in pairs])
    rows = [
        (one.id, one.creator_id, one.account_id, wanted.format, code, wanted.due_at, wanted.draft_due_at, wanted.sample_days, wanted.keep_days,
         log.now, log.now, 1, "planned")
        for (one, _), code in zip(pairs, made, strict=True)
    ]  # fmt: skip
    first = log.insert("deliverable", _TASK, rows)
    if wanted.sample_days is not None or wanted.sku is not None:
        parcels(log, some, wanted.sku, wanted.variant)
    return list(range(first, first + len(rows)))


def parcels(log: Log, some: Sequence[Deal], sku: str | None, variant: str | None, *, again: bool = False) -> dict[int, int]:
    """A parcel for each collaboration that has none (``again``: one more for each); collaboration -> parcel."""
    bulk.keep_ids(log.connection, [one.id for one in some])
    counted: Counter[int] = Counter()
    standing: dict[int, int] = {}
    statement = "select s.collaboration_id, s.id, s.cancelled_at from wanted w join shipment s on s.collaboration_id = w.id order by s.id"
    for deal, number, cancelled_at in bulk.fetch(log.connection, statement):
        counted[deal] += 1
        if cancelled_at is None:
            standing[deal] = number
    new = list({one.id: one for one in some if again or one.id not in standing}.values())
    made = codes(log.connection, order_no, "shipment", "order_no", [(one.code, counted[one.id]) for one in new])
    cost = _cost(log.connection, sku, variant)
    rows = [(one.id, one.creator_id, code, sku, variant, 1, cost) for one, code in zip(new, made, strict=True)]
    first = log.insert("shipment", _PARCEL, rows)
    return standing | {one.id: first + at for at, one in enumerate(new)}


def _cost(connection: Connection, sku: str | None, variant: str | None) -> int | None:
    rows = bulk.fetch(connection, "select unit_cost_fen from stock where sku = ? and variant = ?", sku or "", variant or "")
    return rows[0][0] if rows else None


# ---------------------------------------------------------------- on their way


def move(log: Log, some: Sequence[Deal], state: DealState, reason: str | None, at: int | None) -> tuple[list[Deal], list[Left]]:
    """Move collaborations; what may not go there is left. An end takes the due posts that were not posted along."""
    going, left = [], []
    silenced = _silenced(log, some) if state is DealState.INVITED else set()
    for one in some:
        try:
            campaigns.check_move(one.state, state, reason)
        except UsageError as error:
            left.append(Left(one.id, error.code, error.details))
            continue
        if one.creator_id in silenced:
            left.append(Left(one.id, "suppressed", {}))
        else:
            going.append(one)
    when = log.now if at is None else at
    write_state(log, going, state, reason, when)
    if state is DealState.CANCELLED:
        _end(log, going, reason, when)
    elif state is DealState.CANDIDATE:
        _begin_anew(log, going)
    return going, left


def _silenced(log: Log, some: Sequence[Deal]) -> set[int]:
    """Creators whom outreach leaves alone on the platforms' own channels."""
    bulk.keep_ids(log.connection, {one.creator_id for one in some})
    statement = f"select c.id from wanted w join creator c on c.id = w.id where {suppressed.BY_ROW}"  # noqa: S608 (our names)
    return {row[0] for row in bulk.fetch(log.connection, statement, "platform")}


def write_state(log: Log, some: Sequence[Deal], state: DealState, reason: str | None, when: int) -> None:
    """Write a state with its dated step."""
    cancelled = state is DealState.CANCELLED
    before = {}
    if some:
        bulk.keep_ids(log.connection, [one.id for one in some])
        statement = "select b.id, b.cancel_reason, b.finished_at from wanted w join collaboration b on b.id = w.id"
        before = {row[0]: row[1:] for row in bulk.fetch(log.connection, statement)}
    ended = when if cancelled or state is DealState.DONE else None
    after = {"state": state.value, "cancel_reason": reason if cancelled else None, "finished_at": ended}
    log.changed(
        "collaboration",
        ((one.id, {"state": one.state, "cancel_reason": before[one.id][0], "finished_at": before[one.id][1]}, after) for one in some),
    )
    names = (*after, "updated_at", "version")
    bulk.update(log.connection, "collaboration", names, [(*after.values(), log.now, one.version + 1, one.id) for one in some])
    log.insert("collaboration_step", _STEP, [(one.id, one.creator_id, state.value, one.state, reason, when, log.actor.name, log.id) for one in some])


def _tasks(log: Log, some: Iterable[Deal], where: str) -> list[Any]:
    bulk.keep_ids(log.connection, [one.id for one in some])
    return bulk.fetch(log.connection, f"select d.id, d.collaboration_id from wanted w join deliverable d on d.collaboration_id = w.id where {where}")  # noqa: S608 (our words)


def _end(log: Log, some: Sequence[Deal], reason: str | None, when: int) -> None:
    """Due posts that were not posted end with their collaboration, and parcels that did not leave stay."""
    word = (reason or "").split(":", maxsplit=1)[0].strip()
    agreed = {one.id for one in some if one.state in AGREED}
    by_creator = word in BY_CREATOR
    rows = _tasks(log, some, "d.posted_at is null and d.cancelled_at is null")
    told = [(task, when, "creator" if by_creator and deal in agreed else "brand") for task, deal in rows]
    log.changed("deliverable", ((task, {"cancelled_at": None, "cancelled_by": None}, {"cancelled_at": at, "cancelled_by": by}) for task, at, by in told))
    bulk.update(log.connection, "deliverable", ("cancelled_at", "cancelled_by"), [(at, by, task) for task, at, by in told])
    bulk.keep_ids(log.connection, [one.id for one in some])
    statement = "select s.id from wanted w join shipment s on s.collaboration_id = w.id where s.sent_at is null and s.cancelled_at is null"
    parcels_ = [row[0] for row in bulk.fetch(log.connection, statement)]
    log.changed("shipment", ((one, {"cancelled_at": None}, {"cancelled_at": when}) for one in parcels_))
    bulk.update(log.connection, "shipment", ("cancelled_at",), [(when, one) for one in parcels_])


def _begin_anew(log: Log, some: Sequence[Deal]) -> None:
    """What ended with a collaboration that begins anew is due again."""
    bulk.keep_ids(log.connection, [one.id for one in some])
    statement = (
        "select d.id, d.cancelled_at, d.cancelled_by from wanted w join deliverable d on d.collaboration_id = w.id"
        " where d.posted_at is null and d.cancelled_at is not null"
    )
    rows = bulk.fetch(log.connection, statement)
    log.changed("deliverable", ((row[0], {"cancelled_at": row[1], "cancelled_by": row[2]}, {"cancelled_at": None, "cancelled_by": None}) for row in rows))
    bulk.update(log.connection, "deliverable", ("cancelled_at", "cancelled_by"), [(None, None, row[0]) for row in rows])


_FOLLOWED: Final = (
    # The facts themselves: where posts stand is written at the end of the operation.
    "select b.id, b.creator_id, b.account_id, b.state, coalesce(b.code, ''), (select count(*) from deliverable d where d.collaboration_id = b.id"
    " and d.cancelled_at is null and (d.posted_at is null or not exists (select 1 from post_figure f where f.deliverable_id = d.id and f.mark = 21)))"
    " + case when exists (select 1 from deliverable d where d.collaboration_id = b.id and d.posted_at is not null) then 0 else 1 end, b.version"
    " from (select distinct d.collaboration_id id from wanted w join deliverable d on d.id = w.id) m join collaboration b on b.id = m.id"
    " where b.state in ('confirmed', 'running') order by b.id"
)


def follow(log: Log, tasks: Sequence[int], when: int) -> None:
    """Let collaborations follow their due posts: under way with the first fact, done when all is posted and looked at."""
    bulk.keep_ids(log.connection, tasks)
    some = [Deal(*row) for row in bulk.fetch(log.connection, _FOLLOWED)]
    begun = [one for one in some if one.state == DealState.CONFIRMED]
    write_state(log, begun, DealState.RUNNING, None, when)
    moved = {one.id for one in begun}
    over = [one._replace(state=DealState.RUNNING.value, version=one.version + (one.id in moved)) for one in some if not one.tasks]
    write_state(log, over, DealState.DONE, None, when)


def tasks_of(connection: Connection, some: Iterable[Deal]) -> list[int]:
    """Due posts of collaborations."""
    bulk.keep_ids(connection, [one.id for one in some])
    return [row[0] for row in bulk.fetch(connection, "select d.id from wanted w join deliverable d on d.collaboration_id = w.id order by d.id")]


def check_version(stored: int, asked: int | None) -> None:
    """Whether nobody else changed a row since it was read."""
    if asked is not None and stored != asked:
        raise UsageError("changed_meanwhile", version=stored)


def cells(before: Mapping[str, object], values: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """The fields that differ, before and after."""
    names = [name for name, value in values.items() if before[name] != value]
    return {name: before[name] for name in names}, {name: values[name] for name in names}
