# SPDX-License-Identifier: Apache-2.0
"""Where due posts stand, kept on their rows: worked out anew from the facts in the transaction that changed them.

``facts`` reads all that is known of some due posts with a fixed number of statements, however many they are.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from app.rules import content
from app.rules.campaigns import LIVE
from app.rules.content import DeskPolicy, Progress
from app.rules.rating.raisers import Cause
from db import bulk
from db.writers import policies

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

DESK: Final = "desk"
_OF: Final = {
    "deliverable": "select id from deliverable where id between {first} and {last}",
    **{
        table: f"select deliverable_id from {table} where id between {{first}} and {{last}}"  # noqa: S608 (our names)
        for table in ("extension", "draft", "post_figure", "reminder")
    },
    "shipment": "select d.id from shipment s join deliverable d on d.collaboration_id = s.collaboration_id where s.id between {first} and {last}",
    "collaboration": "select id from deliverable where collaboration_id between {first} and {last}",
    "collaboration_step": "select d.id from collaboration_step s join deliverable d on d.collaboration_id = s.collaboration_id"
    " where s.id between {first} and {last}",
}
"""Due posts that rows of a table concern."""
_DERIVED: Final = ("state", "step", "due_at", "next_at", "risk_at", "chance")


def policy_in_force(connection: Connection, at: int | None = None) -> DeskPolicy:
    """The desk's policy in force at a moment (None: the newest)."""
    return _parsed(policies.text_in_force(connection, DESK, at)[1])


@lru_cache(maxsize=8)
def _parsed(body: str) -> DeskPolicy:
    return DeskPolicy.parse(json.loads(body))


# ---------------------------------------------------------------- facts


@dataclass(frozen=True, slots=True)
class DraftFact:
    """A version of a draft and the word on it."""

    id: int
    kind: str
    version: int
    submitted_at: int
    submitted_by: str
    review_due_at: int
    decided_at: int | None
    decision: str | None
    decided_by: str | None
    brief_changed: bool


@dataclass(frozen=True, slots=True)
class FigureFact:
    """A post's figures at a mark."""

    mark: int
    source: str
    taken_at: int
    checked_at: int | None


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """All that is known of one due post, beside its row as it stands (``stored``: the derived columns)."""

    id: int
    code: str
    collaboration_id: int
    creator_id: int
    account_id: int
    deal_state: str | None
    owner: str | None
    free_revisions: int | None
    keep_days: int | None
    gone_at: int | None
    cancelled_by: str | None
    causes: frozenset[Cause]
    anomaly: str | None
    progress: Progress
    drafts: tuple[DraftFact, ...]
    figures: tuple[FigureFact, ...]
    reminders: tuple[str, ...]
    stored: tuple[Any, ...]


_ROWS: Final = (
    "select d.id, d.task_code, d.collaboration_id, d.creator_id, d.account_id, b.state, b.owner, b.free_revisions, d.keep_days, d.gone_at, d.cancelled_by,"  # noqa: S608 (our names)
    " d.causes, d.anomaly, d.agreed_due_at, d.draft_due_at, d.sample_days, d.posted_at, d.cancelled_at,"
    " coalesce((select max(s.at) from collaboration_step s where s.collaboration_id = d.collaboration_id and s.state = 'confirmed'), b.ordered_at),"
    f" {', '.join(f'd.{name}' for name in _DERIVED)}"
    " from tasks w join deliverable d on d.id = w.id join collaboration b on b.id = d.collaboration_id order by d.id"
)
_SHIPMENTS: Final = (
    "select distinct s.id, s.collaboration_id, s.address_ok_at, s.sent_at, s.received_at from tasks w join deliverable d on d.id = w.id"
    " join shipment s on s.collaboration_id = d.collaboration_id where s.cancelled_at is null"
)
_DRAFTS: Final = (
    "select r.deliverable_id, r.id, r.kind, r.version, r.submitted_at, r.submitted_by, r.review_due_at, r.decided_at, r.decision, r.decided_by,"
    " r.brief_changed from tasks w join draft r on r.deliverable_id = w.id order by r.submitted_at, r.id"
)
_EXTENSIONS: Final = "select e.deliverable_id, e.agreed_at, e.until from tasks w join extension e on e.deliverable_id = w.id order by e.id"
_FIGURES: Final = "select f.deliverable_id, f.mark, f.source, f.taken_at, f.checked_at from tasks w join post_figure f on f.deliverable_id = w.id order by f.id"
_REMINDERS: Final = "select r.deliverable_id, r.id from tasks w join reminder r on r.deliverable_id = w.id order by r.id"


def facts(connection: Connection, tasks: Collection[int]) -> list[TaskFacts]:
    """What is known of due posts, in the order of their ids; those that are gone are left out."""
    if not tasks:
        return []
    bulk.keep(connection, "tasks", (("id", "bigint"),), ((one,) for one in sorted(set(tasks))))
    samples = _samples(connection)
    drafts: dict[int, list[DraftFact]] = defaultdict(list)
    for row in bulk.fetch(connection, _DRAFTS):
        drafts[row[0]].append(DraftFact(*(*row[1:10], bool(row[10]))))
    extensions: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for task, agreed_at, until in bulk.fetch(connection, _EXTENSIONS):
        extensions[task].append((agreed_at, until))
    figures: dict[int, list[FigureFact]] = defaultdict(list)
    for task, *told in bulk.fetch(connection, _FIGURES):
        figures[task].append(FigureFact(*told))
    reminders: dict[int, list[str]] = defaultdict(list)
    for task, number in bulk.fetch(connection, _REMINDERS):
        reminders[task].append(f"reminder:{number}")
    out = []
    for row in bulk.fetch(connection, _ROWS):
        made = _made(row, samples.get(row[2]), tuple(drafts.get(row[0], ())), tuple(extensions.get(row[0], ())), tuple(figures.get(row[0], ())))
        out.append(replace(made, reminders=tuple(reminders[row[0]])) if row[0] in reminders else made)
    return out


def _samples(connection: Connection) -> dict[int, tuple[int | None, int | None, int | None]]:
    """When the address was confirmed, the sample sent and received, by collaboration; of several parcels the last one counts."""
    found: dict[int, list[tuple[int | None, ...]]] = defaultdict(list)
    for _, deal, *moments in bulk.fetch(connection, _SHIPMENTS):
        found[deal].append(tuple(moments))
    return {deal: (_last(rows, 0), _last(rows, 1), _last(rows, 2)) for deal, rows in found.items()}


def _last(rows: Sequence[Sequence[int | None]], place: int) -> int | None:
    moments = [row[place] for row in rows]
    known = [one for one in moments if one is not None]
    return max(known) if known and len(known) == len(moments) else None


def _made(
    row: Sequence[Any],
    sample: tuple[int | None, int | None, int | None] | None,
    drafts: tuple[DraftFact, ...],
    extensions: tuple[tuple[int, int], ...],
    figures: tuple[FigureFact, ...],
) -> TaskFacts:
    task, code, deal, creator, account, state, owner, free, keep_days, gone_at, cancelled_by, causes, anomaly = row[:13]
    agreed_due, draft_due, sample_days, posted_at, cancelled_at, agreed_at = row[13:19]
    last = drafts[-1] if drafts else None
    draft_state, draft_at, review_due = None, None, None
    if last is not None:
        waiting = last.decision is None
        draft_state = "draft_in" if waiting else "approved" if last.decision == "approve" else "revise"
        draft_at, review_due = (last.submitted_at, last.review_due_at) if waiting else (last.decided_at, None)
    address_ok, sent, received = sample or (None, None, None)
    progress = Progress(
        live=state in LIVE,
        agreed_at=agreed_at,
        needs_sample=sample_days is not None or sample is not None,
        needs_draft=draft_due is not None,
        address_ok_at=address_ok,
        sent_at=sent,
        received_at=received,
        agreed_due_at=agreed_due,
        draft_due_at=draft_due,
        sample_days=sample_days,
        extensions=extensions,
        draft_state=draft_state,
        draft_at=draft_at,
        review_due_at=review_due,
        posted_at=posted_at,
        cancelled_at=cancelled_at,
        figures=frozenset(one.mark for one in figures),
    )
    named = frozenset(map(Cause, json.loads(causes))) if causes else frozenset()
    return TaskFacts(
        task, code, deal, creator, account, state, owner, free, keep_days, gone_at, cancelled_by, named, anomaly, progress, drafts, figures, (), tuple(row[19:])
    )


# ---------------------------------------------------------------- what follows

_CONDUCT: Final = (
    "select e.creator_id, e.type, e.happened_at from ("
    "select distinct d.creator_id from tasks w join deliverable d on d.id = w.id where d.posted_at is null and d.cancelled_at is null) x"
    " join credit_event e on e.creator_id = x.creator_id where e.confirmed_at is not null and e.voided_at is null and e.happened_at <= ? and e.type in ({types})"
)


def conduct(connection: Connection, policy: DeskPolicy, now: int, statement: str = _CONDUCT) -> dict[int, float]:
    """P(posts on time) of creators by what they did before; who did nothing that counts is not in it."""
    types = ", ".join(f"'{name}'" for name in (*content.GOOD, *content.BAD))
    rows = bulk.fetch(connection, statement.format(types=types), now)
    if not rows:
        return {}
    creators = np.array([row[0] for row in rows], dtype=np.int64)
    good = np.array([row[1] in content.GOOD for row in rows], dtype=np.bool_)
    weight = content.faded(policy, now - np.array([row[2] for row in rows], dtype=np.int64))
    who, place = np.unique(creators, return_inverse=True)
    for_, against = np.zeros(len(who)), np.zeros(len(who))
    np.add.at(for_, place[good], weight[good])
    np.add.at(against, place[~good], weight[~good])
    return dict(zip(who.tolist(), content.chances(policy, for_, against).round(6).tolist(), strict=True))


def derive(connection: Connection, found: Sequence[TaskFacts], now: int) -> int:
    """Write where due posts stand; returns how many rows changed. They must be those that ``facts`` read last."""
    if not found:
        return 0
    policy = policy_in_force(connection, now)
    chances = conduct(connection, policy, now)
    nothing = round(policy.good / (policy.good + policy.bad), 6)
    rows = []
    for one in found:
        waits = one.progress.live and one.progress.posted_at is None and one.progress.cancelled_at is None
        chance = chances.get(one.creator_id, nothing) if waits else None
        told = standing(policy, one, chance)
        if told != one.stored:
            rows.append((*told, one.id))
    bulk.update(connection, "deliverable", _DERIVED, rows)
    return len(rows)


def standing(policy: DeskPolicy, one: TaskFacts, chance: float | None) -> tuple[Any, ...]:
    """The derived columns of a due post."""
    status = content.status(policy, one.progress, chance)
    return status.state.value, None if status.step is None else status.step.value, status.due_at, status.next_at, status.risk_at, chance


def faults(connection: Connection) -> int:
    """Due posts whose row does not say what their facts say (chances fade with time, and are taken as they stand)."""
    policy, wrong, last = policy_in_force(connection), 0, 0
    while rows := bulk.fetch(connection, "select id from deliverable where id > ? order by id limit 20000", last):
        found = facts(connection, [row[0] for row in rows])
        wrong += sum(standing(policy, one, one.stored[-1]) != one.stored for one in found)
        last = rows[-1][0]
    return wrong


def rebuild(connection: Connection, now: int) -> None:
    """Work out anew where every due post stands."""
    last = 0
    while rows := bulk.fetch(connection, "select id from deliverable where id > ? order by id limit 20000", last):
        derive(connection, facts(connection, [row[0] for row in rows]), now)
        last = rows[-1][0]


# ---------------------------------------------------------------- in the transaction of a write


@dataclass(slots=True)
class Desk:
    """Which due posts an operation concerns; ``settle`` works out anew where they stand."""

    connection: Connection
    _tasks: set[int] = field(default_factory=set)
    _spans: list[tuple[str, int, int]] = field(default_factory=list)
    _rows: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _anew: bool = False

    def after_span(self, table: str, first: int, count: int) -> None:
        """Note new rows."""
        if table in _OF or table == "policy":
            self._spans.append((table, first, first + count - 1))

    def before_span(self, table: str, first: int, last: int) -> None:
        """Note what rows that may go concern. With a version of the desk's policy it is everything."""
        if table == "policy":
            found = bulk.fetch(self.connection, "select 1 from policy where name = ? and id between ? and ?", DESK, first, last)
            self._anew = self._anew or bool(found)
        elif table in _OF:
            self._tasks.update(row[0] for row in bulk.fetch(self.connection, _OF[table].format(first=int(first), last=int(last))))

    def before_changes(self, table: str, rows: Iterable[tuple[int, Mapping[str, Any] | None, Mapping[str, Any] | None]]) -> None:
        """Note rows that are about to change, come or go."""
        if table not in _OF:
            return
        for row_id, before, after in rows:
            self._rows[table].add(row_id)
            self._tasks.update(side["deliverable_id"] for side in (before, after) if side is not None and "deliverable_id" in side)

    def settle(self, now: int) -> None:
        """Write where they stand."""
        for table, first, last in self._spans:
            self.before_span(table, first, last)
        if self._anew:
            rebuild(self.connection, now)
            return
        for table, rows in self._rows.items():
            statement = _OF[table].replace("between {first} and {last}", "in (select id from wanted)")
            bulk.keep_ids(self.connection, rows)
            self._tasks.update(row[0] for row in bulk.fetch(self.connection, statement))
        derive(self.connection, facts(self.connection, self._tasks), now)
