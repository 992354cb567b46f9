# SPDX-License-Identifier: Apache-2.0
"""Credit kept on creators: computed anew from the ledger of conduct in the transaction that changed it.

Many creators cost a fixed number of statements. What the ladder of sanctions proposes follows from the same events.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from sqlalchemy import text

from app.rules.rating import ledger, raisers, sanctions
from app.rules.rating.credit import CreditPolicy, Dimension
from app.rules.rating.ledger import BILLION, NEVER, Clocks, Ledger
from app.rules.rating.sanctions import Case, Decision, Proposal
from app.values import Sanction, day_end
from db import bulk
from db.writers import policies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date
    from typing import Any

    import numpy.typing as npt
    from sqlalchemy import Connection

    from app.jobs import Job
    from app.rules.rating.ledger import Scores
    from app.usecases.rating import CreditAsked
    from db.writers.operations import Log

    Ints = npt.NDArray[np.int64]

CREDIT: Final = "credit"
RULE: Final = "KOC Desk"
"""Who proposes sanctions and confirms by rule: nobody."""

_AT_A_TIME: Final = 200_000
"""Entries read, and scores written, between two looks at whether to stop."""
_MANY: Final = 20_000
"""Creators from which on all entries are read in their order, rather than each creator's by the index."""


# ---------------------------------------------------------------- the policy and the clocks


class Force(NamedTuple):
    """A version of the credit policy."""

    version: int
    policy: CreditPolicy


def in_force(connection: Connection, at: int | None = None, version: int | None = None) -> Force:
    """The credit policy in force at a moment (None: the newest), or the version named."""
    found, body = policies.in_force(connection, CREDIT, at, version)
    return Force(found, CreditPolicy.parse(body))


def clocks(connection: Connection, asked: CreditAsked, now: int) -> tuple[Clocks, Force]:
    """The clocks of a question, and the policy that was in force when it was known so, unless one is named.

    A day is one of the policy's time zone, so the newest version that was in force by its own day's end is it.
    """
    known = now if asked.known_at is None else asked.known_at
    force = in_force(connection, version=asked.version)
    if asked.version is None:
        while (force_since := _since(connection, force.version)) > 0 and force_since > _end(known, force.policy.time_zone):
            force = in_force(connection, at=force_since - 1)
    as_of = now if asked.as_of is None else asked.as_of
    return Clocks.read(as_of, known, force.policy.time_zone), force


def _since(connection: Connection, version: int) -> int:
    return int(bulk.fetch(connection, "select since from policy where name = ? and version = ?", CREDIT, version)[0][0])


def _end(when: int | date, zone: str) -> int:
    return when if isinstance(when, int) else day_end(when, zone) - 1


def of_nobody(connection: Connection, now: int) -> tuple[int, int]:
    """Score and grade, as stored, of somebody of whom nothing is known."""
    policy = in_force(connection, now).policy
    scores = ledger.rate(policy, Ledger.of(policy, ()), 1, Clocks(now, now))
    return int(scores.score[0]), int(scores.grade[0])


# ---------------------------------------------------------------- entries as arrays

_STANDING: Final = " and e.happened_at <= ? and e.recorded_at <= ? and e.confirmed_at <= ? and (e.voided_at is null or e.voided_at > ?)"
_OF_SOME: Final = f"select e.id, e.creator_id, e.type, e.happened_at from wanted w join credit_event e on e.creator_id = w.id where true{_STANDING}"  # noqa: S608
_OF_ALL: Final = f"select e.id, e.creator_id, e.type, e.happened_at from credit_event e where e.id > ? and e.id <= ?{_STANDING}"  # noqa: S608


def _entries(policy: CreditPolicy, creators: Ints, rows: Sequence[tuple[int, int, str, int]]) -> Ledger:
    """Rows that count by their clocks as a ledger over ``creators`` (sorted ids)."""
    if not rows:
        return Ledger.of(policy, ())
    count, codes = len(rows), policy.codes()
    number, creator, kind, happened_at = zip(*rows, strict=True)
    owner = np.fromiter(creator, dtype=np.int64, count=count)
    place = np.searchsorted(creators, owner).astype(np.int64)
    happened = np.fromiter(happened_at, dtype=np.int64, count=count)
    made = Ledger(
        creator=place,
        type=np.fromiter(map(codes.get, kind, repeat(-1)), dtype=np.int64, count=count),
        happened_at=happened,
        # That they were known is what they were chosen by: they need not be told when.
        recorded_at=happened,
        confirmed_at=happened,
        voided_at=np.full(count, NEVER, dtype=np.int64),
        id=np.fromiter(number, dtype=np.int64, count=count),
    )
    ours = creators[np.minimum(place, len(creators) - 1)] == owner
    return made if ours.all() else Ledger(**{name: getattr(made, name)[ours] for name in Ledger.__slots__})


def _joined(policy: CreditPolicy, parts: Sequence[Ledger]) -> Ledger:
    if not parts:
        return Ledger.of(policy, ())
    names = Ledger.__slots__
    return Ledger(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _known(at: Clocks) -> tuple[int, int, int, int]:
    return at.last, at.known_at, at.known_at, at.known_at


def _of_some(connection: Connection, policy: CreditPolicy, creators: Ints, at: Clocks) -> Ledger:
    bulk.keep_ids(connection, creators.tolist())
    return _entries(policy, creators, bulk.fetch(connection, _OF_SOME, *_known(at)))


def _of_many(connection: Connection, policy: CreditPolicy, creators: Ints, at: Clocks) -> Ledger:
    """The same by one look through all entries: many creators have theirs all over the table."""
    return _of_all(connection, policy, creators, at, None)


def _of_all(connection: Connection, policy: CreditPolicy, creators: Ints, at: Clocks, job: Job | None) -> Ledger:
    """Entries of the creators given, read as they stand."""
    last = int(bulk.fetch(connection, "select coalesce(max(id), 0) from credit_event")[0][0])
    parts = []
    for first in range(0, last, _AT_A_TIME):
        _looked(job, "credit_read", first, last)
        parts.append(_entries(policy, creators, bulk.fetch(connection, _OF_ALL, first, first + _AT_A_TIME, *_known(at))))
    return _joined(policy, parts)


def _looked(job: Job | None, phase: str, done: int, total: int) -> None:
    if job is not None:
        job.check()
        job.progress(phase, done, total)


# ---------------------------------------------------------------- scores


@dataclass(frozen=True, slots=True)
class Rated:
    """What a rating gave: creators (sorted ids), their scores, and the changes of what is proposed."""

    creators: Ints
    scores: Scores
    opened: int = 0
    withdrawn: int = 0


def refresh(connection: Connection, creators: Iterable[int], now: int) -> Rated | None:
    """Rate creators as of now and keep it, with what the ladder proposes; those who are gone are left out."""
    wanted = sorted(set(creators))
    if not wanted:
        return None
    bulk.keep_ids(connection, wanted)
    ids = _column(bulk.fetch(connection, "select c.id from wanted w join creator c on c.id = w.id order by c.id"))
    _forget(connection)
    if not len(ids):
        return None
    force, at = in_force(connection, now), Clocks(now, now)
    entries = (_of_some if len(ids) < _MANY else _of_many)(connection, force.policy, ids, at)
    rated = Rated(ids, ledger.rate(force.policy, entries, len(ids), at))
    _keep(connection, rated, at, force.version, everybody=False, job=None)
    return _proposed(connection, force.policy, rated, entries, now, everybody=False)


def rate_all(connection: Connection, at: Clocks, force: Force, now: int | None, job: Job | None = None) -> Rated:
    """Rate everybody and keep it; the ladder proposes where the rating is of ``now``, not of another day (None)."""
    ids = _column(bulk.fetch(connection, "select id from creator order by id"))
    entries = _of_all(connection, force.policy, ids, at, job)
    _looked(job, "credit_rate", 0, len(ids))
    rated = Rated(ids, ledger.rate(force.policy, entries, len(ids), at))
    with bulk.roomy(connection):
        _keep(connection, rated, at, force.version, everybody=True, job=job)
        return rated if now is None else _proposed(connection, force.policy, rated, entries, now, everybody=True)


def _column(rows: Sequence[tuple[int]]) -> Ints:
    return np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=len(rows))


_KEPT: Final = ("creator_id", "score", "raw", "grade", "enough", "evidence", *(one.code for one in Dimension), "as_of", "known_at", "policy_version")
_ON_CREATORS: Final = (
    "update creator set credit_score = k.score, credit_grade = k.grade from credit_score k where k.creator_id = creator.id{some}"
    " and (creator.credit_score is distinct from k.score or creator.credit_grade is distinct from k.grade)"
)


def _keep(connection: Connection, rated: Rated, at: Clocks, version: int, *, everybody: bool, job: Job | None) -> None:
    """Write the scores; a creator's row changes only where the figure does."""
    if everybody:
        connection.exec_driver_sql("delete from credit_score")
    count = len(rated.creators)
    for first in range(0, count, _AT_A_TIME):
        _looked(job, "credit_keep", first, count)
        bulk.insert(connection, "credit_score", _KEPT, _rows(rated, slice(first, first + _AT_A_TIME), (at.as_of, at.known_at, version)))
    some = "" if everybody else " and k.creator_id in (select id from wanted)"
    connection.exec_driver_sql(_ON_CREATORS.format(some=some))


def _rows(rated: Rated, part: slice, made: tuple[int, int, int]) -> Iterator[tuple[object, ...]]:
    scores = rated.scores
    columns: tuple[npt.NDArray[Any], ...] = (
        rated.creators[part], scores.score[part], scores.raw[part], scores.grade[part], scores.enough[part], scores.evidence[part] / BILLION,
        *(scores.points[part, one] for one in Dimension),
    )  # fmt: skip
    return zip(*(column.tolist() for column in columns), *map(repeat, made), strict=False)


def _forget(connection: Connection) -> None:
    """Drop the kept scores of the wanted."""
    connection.exec_driver_sql("delete from credit_score where creator_id in (select id from wanted)")


def let_go(connection: Connection, span: Mapping[str, int]) -> None:
    """Drop what follows from the ledger of the creators ``first`` to ``last`` that go; ``staying`` holds those who do not."""
    leaving = "creator_id between :first and :last and creator_id not in (select id from staying)"
    connection.execute(text(f"delete from credit_score where {leaving}"), span)  # noqa: S608 (our own words)
    connection.execute(text(f"delete from sanction where decided_at is null and {leaving}"), span)  # noqa: S608


# ---------------------------------------------------------------- what the ladder proposes

_CASES: Final = (
    "select s.id, s.creator_id, s.level, s.points, s.proposed_at, s.event_ids, s.decided_at, s.decided_by, s.approved, s.reason, s.ends_at,"
    " s.appeal_until, s.voided_at from {some} order by s.creator_id, s.id"
)
_FILED: Final = "select e.id, e.filed_by from wanted w join credit_event e on e.id = w.id"
_PROPOSED: Final = ("id", "creator_id", "level", "points", "proposed_at", "proposed_by", "event_ids")


def cases_of(connection: Connection, creators: Sequence[int] | None) -> dict[int, list[Case]]:
    """Cases by creator, in order; None: everybody's. Who filed the events is not looked up (``with_filers``)."""
    if creators is not None:
        bulk.keep_ids(connection, creators)
    rows = bulk.fetch(connection, _CASES.format(some="sanction s" if creators is None else "wanted w join sanction s on s.creator_id = w.id"))
    found: dict[int, list[Case]] = {}
    for row in rows:
        found.setdefault(row[1], []).append(_case(row))
    return found


def _case(row: Sequence[Any]) -> Case:
    number, _, level, points, proposed_at, event_ids, decided_at, decided_by, approved, reason, ends_at, appeal_until, voided_at = row
    proposal = Proposal(Sanction(level), points, proposed_at, None, tuple(json.loads(event_ids)), frozenset())
    decision = None
    if decided_at is not None:
        decision = Decision(bool(approved), decided_by, reason, decided_at, ends_at, appeal_until)
    return Case(number, proposal, decision, voided_at)


def with_filers(connection: Connection, case: Case) -> Case:
    """A case with who filed the events it rests on."""
    bulk.keep_ids(connection, case.proposal.event_ids)
    who = frozenset(row[1] for row in bulk.fetch(connection, _FILED) if row[1])
    return replace(case, proposal=replace(case.proposal, filed_by=who))


def _proposed(connection: Connection, policy: CreditPolicy, rated: Rated, entries: Ledger, now: int, *, everybody: bool) -> Rated:
    """Open the cases that the ladder asks for, end those that are overtaken before anybody decided."""
    proposals = dict(_proposals(policy, rated.creators, entries, Clocks(now, now)))
    cases = cases_of(connection, None if everybody else rated.creators.tolist())
    opens: list[tuple[int, int, int, int, str, str]] = []
    withdraws: list[int] = []
    for creator in sorted({*proposals, *cases}):
        agenda = sanctions.agenda(proposals.get(creator), cases.get(creator, ()), now)
        withdraws += agenda.withdraws
        if agenda.opens is not None:
            one = agenda.opens
            opens.append((creator, int(one.level), one.points, now, RULE, json.dumps(one.event_ids)))
    if opens:
        first = bulk.reserve(connection, "sanction", len(opens))
        bulk.insert(connection, "sanction", _PROPOSED, ((first + at, *row) for at, row in enumerate(opens)))
    _withdraw(connection, withdraws, {case.id: case for some in cases.values() for case in some} if withdraws else {}, now)
    return replace(rated, opened=len(opens), withdrawn=len(withdraws))


def _proposals(policy: CreditPolicy, creators: Ints, entries: Ledger, at: Clocks) -> Iterator[tuple[int, Proposal]]:
    points = sanctions.carried(policy, entries, len(creators), at)
    level = sanctions.levels(policy, points)
    rows = sanctions.carrying(policy, entries, at)
    rows = rows[level[entries.creator[rows]] > 0]
    rows = rows[np.lexsort((entries.id[rows], entries.creator[rows]))]
    places, starts = np.unique(entries.creator[rows], return_index=True)
    bounds = [*starts.tolist(), len(rows)]
    numbers = entries.id[rows].tolist()
    for at_, place in enumerate(places.tolist()):
        rests_on = tuple(numbers[bounds[at_] : bounds[at_ + 1]])
        yield int(creators[place]), Proposal(Sanction(int(level[place])), int(points[place]), at.as_of, None, rests_on, frozenset())


def _withdraw(connection: Connection, withdraws: Sequence[int], cases: Mapping[int, Case], now: int) -> None:
    """End cases; one whose events are gone altogether, with the import that brought them, leaves nothing."""
    if not withdraws:
        return
    bulk.keep_ids(connection, {event for one in withdraws for event in cases[one].proposal.event_ids})
    there = {row[0] for row in bulk.fetch(connection, _FILED)}
    gone = [one for one in withdraws if not there.issuperset(cases[one].proposal.event_ids)]
    bulk.delete(connection, "sanction", gone)
    bulk.update(connection, "sanction", ("voided_at",), ((now, one) for one in set(withdraws) - set(gone)))


# ---------------------------------------------------------------- confirmed by rule

_WAITING: Final = (
    "select id, creator_id, type, source, happened_at, recorded_at from credit_event"
    " where confirmed_at is null and voided_at is null and source is not null and recorded_at <= ?"
)


def due(connection: Connection, now: int) -> dict[int, int]:
    """Events that the program raised and that are to be confirmed now without anybody's doing: id -> creator."""
    rows = bulk.fetch(connection, _WAITING, now)
    if not rows:
        return {}
    waiting = [raisers.Entry(row[0], row[2], row[3], row[4], row[5]) for row in rows]
    chosen = set(raisers.confirmable(in_force(connection, now).policy, waiting, now))
    return {row[0]: row[1] for row in rows if row[0] in chosen}


def confirm_due(log: Log) -> int:
    """Confirm what is due, dated now: until now nobody knew it as confirmed; returns how many."""
    found = due(log.connection, log.now)
    mark(log, list(found), {"confirmed_at": log.now, "confirmed_by": RULE})
    return len(found)


def mark(log: Log, events: Sequence[int], values: Mapping[str, object]) -> None:
    """Set fields of entries that were empty, with their log."""
    before = dict.fromkeys(values)
    log.changed("credit_event", ((one, before, values) for one in events))
    bulk.update(log.connection, "credit_event", tuple(values), [(*values.values(), one) for one in events])


# ---------------------------------------------------------------- in the transaction of a write

_WATCHED: Final = ("credit_event", "sanction")


@dataclass(slots=True)
class Conduct:
    """Whose ledger or cases an operation changes; ``settle`` rates them anew."""

    connection: Connection
    _creators: set[int] = field(default_factory=set)
    _rows: dict[str, set[int]] = field(default_factory=dict)
    _spans: list[tuple[str, int, int]] = field(default_factory=list)
    _anew: bool = False

    def after_span(self, table: str, first: int, count: int) -> None:
        """Note new rows."""
        if table in {*_WATCHED, "policy"}:
            self._spans.append((table, first, first + count - 1))

    def before_span(self, table: str, first: int, last: int) -> None:
        """Note rows that may go. With a version of the credit policy everybody's score is another."""
        if table == "policy":
            found = bulk.fetch(self.connection, "select 1 from policy where name = ? and id between ? and ?", CREDIT, first, last)
            self._anew = self._anew or bool(found)
        elif table in _WATCHED:
            statement = f"select distinct creator_id from {table} where id between ? and ?"  # noqa: S608 (our names)
            self._creators.update(row[0] for row in bulk.fetch(self.connection, statement, first, last))

    def before_changes(self, table: str, rows: Iterable[tuple[int, Mapping[str, Any] | None, Mapping[str, Any] | None]]) -> None:
        """Note rows that are about to change, come or go."""
        if table not in _WATCHED:
            return
        changing = self._rows.setdefault(table, set())
        for row_id, before, after in rows:
            changing.add(row_id)
            self._creators.update(side["creator_id"] for side in (before, after) if side is not None and "creator_id" in side)

    def settle(self, now: int) -> None:
        """Rate those whose ledger or cases changed."""
        for table, first, last in self._spans:
            self.before_span(table, first, last)
        if self._anew:
            rate_all(self.connection, Clocks(now, now), in_force(self.connection, now), now)
            return
        for table, rows in self._rows.items():
            bulk.keep_ids(self.connection, rows)
            self._creators.update(row[0] for row in bulk.fetch(self.connection, f"select t.creator_id from wanted w join {table} t on t.id = w.id"))  # noqa: S608
        refresh(self.connection, self._creators, now)


def rested_on(connection: Connection, first: int, last: int) -> set[int]:
    """Entries of a span that decided sanctions rest on."""
    rows = bulk.fetch(connection, "select event_ids from sanction where decided_at is not null and voided_at is null")
    return {event for row in rows for event in json.loads(row[0]) if first <= event <= last}
