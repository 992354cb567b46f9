# SPDX-License-Identifier: Apache-2.0
"""Credit kept on creators: computed anew from the ledger of conduct in the transaction that changed it.

Many creators cost a fixed number of statements. What the ladder of sanctions proposes follows from the same events.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain, repeat
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from sqlalchemy import text

from app.rules.rating import ledger, raisers, sanctions
from app.rules.rating.credit import CreditPolicy
from app.rules.rating.ledger import NEVER, Clocks, Ledger
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
    from app.rules.rating.asked import CreditAsked
    from app.rules.rating.ledger import Scores

    Ints = npt.NDArray[np.int64]

CREDIT: Final = "credit"
RULE: Final = "KOC Desk"
"""Who proposes sanctions and confirms by rule: nobody."""

_FAR: Final = 1 << 60
_AT_A_TIME: Final = 50_000
"""Entries read, and scores written, between two looks at whether to stop."""
_SPARSE: Final = 8
"""Numbers of ids for each creator up to which a table of all of them beats a search."""
_MANY: Final = 20_000
"""Creators from which on all entries are read in their order, rather than each creator's by the index."""


# ---------------------------------------------------------------- the policy and the clocks


class Force(NamedTuple):
    """A version of the credit policy."""

    version: int
    policy: CreditPolicy


def in_force(connection: Connection, at: int | None = None, version: int | None = None) -> Force:
    """The credit policy in force at a moment (None: the newest), or the version named."""
    found, body = policies.text_in_force(connection, CREDIT, at, version)
    return Force(found, _parsed(body))


@lru_cache(maxsize=8)
def _parsed(body: str) -> CreditPolicy:
    return CreditPolicy.parse(json.loads(body))


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
    return _of_nobody(policies.text_in_force(connection, CREDIT, now)[1])


@lru_cache(maxsize=8)
def _of_nobody(body: str) -> tuple[int, int]:
    """Where there is no entry, no clock matters."""
    policy = _parsed(body)
    scores = ledger.rate(policy, Ledger.of(policy, ()), 1, Clocks(0, 0))
    return int(scores.score[0]), int(scores.grade[0])


# ---------------------------------------------------------------- entries as arrays

_COLUMNS: Final = ("e.id", "e.creator_id", "case e.type {types} else -1 end", "e.happened_at")
_STANDING: Final = " and e.happened_at <= {last} and e.recorded_at <= {known} and e.confirmed_at <= {known} and (e.voided_at is null or e.voided_at > {known})"
_OF_SOME: Final = "wanted w join credit_event e on e.creator_id = w.id where true"
_OF_SPAN: Final = "credit_event e where e.id > {first} and e.id <= {first} + {size}"


def _read(connection: Connection, policy: CreditPolicy, creators: Ints, at: Clocks, rows: str) -> Ledger:
    """Rows that count by their clocks as a ledger over ``creators`` (sorted ids); those of others are left out.

    The database joins each column into one text: to parse that costs a quarter of fetching rows.
    """
    # Names of types are checked by the policy: letters, digits and underscores.
    types = " ".join(f"when '{name}' then {code}" for name, code in policy.codes().items())
    joined = "string_agg(({})::text, ',')" if connection.dialect.name == "postgresql" else "group_concat({})"
    columns = ", ".join(joined.format(column) for column in _COLUMNS)
    statement = f"select {columns} from {rows}{_STANDING}"  # noqa: S608 (our own words, and numbers)
    texts = bulk.fetch(connection, statement.format(types=types, last=int(at.last), known=int(at.known_at)))[0]
    number, owner, kind, happened_at = (np.fromstring(one or "", dtype=np.int64, sep=",") for one in texts)
    place = _places(creators, owner)
    made = Ledger(
        creator=place,
        type=kind,
        happened_at=happened_at,
        # That they were known is what they were chosen by: they need not be told when.
        recorded_at=happened_at,
        confirmed_at=happened_at,
        voided_at=np.full(len(number), NEVER, dtype=np.int64),
        id=number,
    )
    ours = place >= 0
    return made if ours.all() else Ledger(**{name: getattr(made, name)[ours] for name in Ledger.__slots__})


def _places(creators: Ints, owner: Ints) -> Ints:
    """Place of each owner among sorted ids, -1 where he is not among them."""
    first, last = int(creators[0]), int(creators[-1])
    if last - first < _SPARSE * len(creators):
        at = np.full(last - first + 2, -1, dtype=np.int64)
        at[creators - first] = np.arange(len(creators))
        return at[np.where((owner < first) | (owner > last), last - first + 1, owner - first)]
    place = np.searchsorted(creators, owner)
    return np.where(creators[np.minimum(place, len(creators) - 1)] == owner, place, -1).astype(np.int64)


def _of_creators(connection: Connection, policy: CreditPolicy, creators: Ints, at: Clocks) -> Ledger:
    """Entries of some creators, who are the wanted afterwards: read by the index, or by one look through all where they are many."""
    bulk.keep_ids(connection, creators.tolist())
    return _read(connection, policy, creators, at, _OF_SOME) if len(creators) < _MANY else _of_many(connection, policy, creators, at)


def _of_many(connection: Connection, policy: CreditPolicy, creators: Ints, at: Clocks, job: Job | None = None) -> Ledger:
    """Entries of creators by one look through all: many creators have theirs all over the table."""
    last = int(bulk.fetch(connection, "select coalesce(max(id), 0) from credit_event")[0][0])
    parts = [Ledger.of(policy, ())]
    if len(creators):
        for first in range(0, last, _AT_A_TIME):
            _looked(job, "credit_read", first, last)
            parts.append(_read(connection, policy, creators, at, _OF_SPAN.replace("{first}", str(first)).replace("{size}", str(_AT_A_TIME))))
    return Ledger(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in Ledger.__slots__})


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
    entries = _of_creators(connection, force.policy, ids, at)
    rated = Rated(ids, ledger.rate(force.policy, entries, len(ids), at))
    _keep(connection, rated, at, force.version, everybody=False, job=None)
    return _proposed(connection, force.policy, rated, entries, now, everybody=False)


def look(connection: Connection, creators: Iterable[int], now: int) -> Rated:
    """Rate creators as of now and keep nothing; those who are gone are rated as nobody knows them."""
    ids = np.array(sorted(set(creators)), dtype=np.int64)
    force, at = in_force(connection, now), Clocks(now, now)
    return Rated(ids, ledger.rate(force.policy, _of_creators(connection, force.policy, ids, at), len(ids), at))


def rate_all(connection: Connection, at: Clocks, force: Force, now: int | None, job: Job | None = None) -> Rated:
    """Rate everybody and keep it; the ladder proposes where the rating is of ``now``, not of another day (None)."""
    ids = _column(bulk.fetch(connection, "select id from creator order by id"))
    entries = _of_many(connection, force.policy, ids, at, job)
    _looked(job, "credit_rate", 0, len(ids))
    rated = Rated(ids, ledger.rate(force.policy, entries, len(ids), at))
    with bulk.roomy(connection):
        _keep(connection, rated, at, force.version, everybody=True, job=job)
        return rated if now is None else _proposed(connection, force.policy, rated, entries, now, everybody=True)


def _column(rows: Sequence[tuple[int]]) -> Ints:
    return np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=len(rows))


_KEPT: Final = ("creator_id", "score", "grade", "as_of", "known_at", "policy_version")
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
    columns = (rated.creators[part], rated.scores.score[part], rated.scores.grade[part])
    return zip(*(column.tolist() for column in columns), *map(repeat, made), strict=False)


def _forget(connection: Connection) -> None:
    """Drop the kept scores of the wanted."""
    connection.exec_driver_sql("delete from credit_score where creator_id in (select id from wanted)")


def let_go(connection: Connection, span: Mapping[str, int]) -> None:
    """Drop what follows from the ledger of the creators ``first`` to ``last`` that go; ``staying`` holds those who do not."""
    leaving = "creator_id between :first and :last and creator_id not in (select id from staying)"
    connection.execute(text(f"delete from credit_score where {leaving}"), span)  # noqa: S608 (our own words)
    connection.execute(text(f"delete from sanction where decided_at is null and {leaving}"), span)  # noqa: S608


_GROUPS: Final = (
    "select as_of, known_at, policy_version, count(*) from credit_score group by as_of, known_at, policy_version order by 4 desc, 1 desc limit {most}"
)
_OF_GROUP: Final = "select creator_id, score, grade from credit_score where as_of = ? and known_at = ? and policy_version = ? order by creator_id"
_OTHER: Final = (
    "select count(*) from creator c left join credit_score k on k.creator_id = c.id"
    " where c.credit_score is distinct from coalesce(k.score, {score}) or c.credit_grade is distinct from coalesce(k.grade, {grade})"
)
_MOST_GROUPS: Final = 500


def faults(connection: Connection, job: Job) -> int:
    """Creators whose kept credit is not what the ledger gives by its own clocks and policy; runs first, then the latest events."""
    score, grade = of_nobody(connection, _FAR)
    wrong = int(bulk.fetch(connection, _OTHER.format(score=score, grade=grade))[0][0])
    for as_of, known_at, version, _ in bulk.fetch(connection, _GROUPS.format(most=_MOST_GROUPS)):
        job.check()
        kept = np.array(bulk.fetch(connection, _OF_GROUP, as_of, known_at, version), dtype=np.int64).reshape(-1, 3)
        policy, creators = in_force(connection, version=version).policy, kept[:, 0].copy()
        differing = np.ones(len(kept), dtype=bool)
        # A day's end, whose own events are outside, is not told from a moment: one of the two it was.
        for day_over in (False, True):
            at = Clocks(as_of, known_at, day_over)
            scores = ledger.rate(policy, _of_creators(connection, policy, creators, at), len(creators), at)
            differing &= (scores.score != kept[:, 1]) | (scores.grade != kept[:, 2])
            if not differing.any():
                break
        wrong += int(differing.sum())
    return wrong


# ---------------------------------------------------------------- what the ladder proposes

_CASES: Final = (
    "select s.id, s.creator_id, s.level, s.points, s.proposed_at, s.event_ids, s.decided_at, s.decided_by, s.approved, s.reason, s.ends_at,"
    " s.appeal_until, s.voided_at from {some} order by s.creator_id, s.id"
)
_FILED: Final = "select e.id, e.filed_by from wanted w join credit_event e on e.id = w.id"
_PROPOSED: Final = ("id", "creator_id", "level", "points", "proposed_at", "proposed_by", "event_ids")


def cases_of(connection: Connection, creators: Sequence[int] | None) -> dict[int, list[Case]]:
    """Cases by creator, in order; None: everybody's. Who filed the events is not looked up (``with_filers``)."""
    return {creator: [_case(row) for row in rows] for creator, rows in _case_rows(connection, creators).items()}


def _case_rows(connection: Connection, creators: Sequence[int] | None) -> dict[int, list[Any]]:
    if creators is not None:
        bulk.keep_ids(connection, creators)
    found: dict[int, list[Any]] = {}
    for row in bulk.fetch(connection, _CASES.format(some="sanction s" if creators is None else "wanted w join sanction s on s.creator_id = w.id")):
        found.setdefault(row[1], []).append(row)
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
    return filed(case, filers(connection, [case]))


def filers(connection: Connection, cases: Sequence[Case]) -> dict[int, str]:
    """Who filed the events that some cases rest on, by event."""
    return filers_of(connection, sorted({one for case in cases for one in case.proposal.event_ids}))


def filers_of(connection: Connection, events: Sequence[int]) -> dict[int, str]:
    """Who filed some events, by event."""
    bulk.keep_ids(connection, events)
    return {row[0]: row[1] for row in bulk.fetch(connection, _FILED) if row[1]}


def filed(case: Case, by_event: Mapping[int, str]) -> Case:
    """A case with who filed the events it rests on, as far as that was looked up."""
    who = frozenset(by_event[one] for one in case.proposal.event_ids if one in by_event)
    return replace(case, proposal=replace(case.proposal, filed_by=who))


class _Asks(NamedTuple):
    """What the ladder asks for: number of the level, points, the events it rests on."""

    level: int
    points: int
    event_ids: list[int]

    def is_answered_by(self, rows: Sequence[Any]) -> bool:
        """Whether the only case there is is open and says the same: nothing to do, and mostly so."""
        return len(rows) == 1 and (rows[0][2], rows[0][6], rows[0][12]) == (self.level, None, None) and rows[0][5] == json.dumps(self.event_ids)

    def proposal(self, now: int) -> Proposal:
        """The same as the rules know it."""
        return Proposal(Sanction(self.level), self.points, now, None, tuple(self.event_ids), frozenset())


def _proposed(connection: Connection, policy: CreditPolicy, rated: Rated, entries: Ledger, now: int, *, everybody: bool) -> Rated:
    """Open the cases that the ladder asks for, end those that are overtaken before anybody decided."""
    asked = dict(_asked(policy, rated.creators, entries, Clocks(now, now)))
    cases = _case_rows(connection, None if everybody else rated.creators.tolist())
    opens: list[tuple[int, int, int, int, str, str]] = []
    withdraws: dict[int, tuple[int, ...]] = {}
    for creator in sorted({*asked, *cases}):
        asks, rows = asked.get(creator), cases.get(creator, ())
        if asks is not None and asks.is_answered_by(rows):
            continue
        known = [_case(row) for row in rows]
        agenda = sanctions.agenda(None if asks is None else asks.proposal(now), known, now)
        withdraws.update((case.id, case.proposal.event_ids) for case in known if case.id in agenda.withdraws)
        if agenda.opens is not None and asks is not None:
            opens.append((creator, asks.level, asks.points, now, RULE, json.dumps(asks.event_ids)))
    if opens:
        first = bulk.reserve(connection, "sanction", len(opens))
        bulk.insert(connection, "sanction", _PROPOSED, ((first + at, *row) for at, row in enumerate(opens)))
    _withdraw(connection, withdraws, now)
    return replace(rated, opened=len(opens), withdrawn=len(withdraws))


def _asked(policy: CreditPolicy, creators: Ints, entries: Ledger, at: Clocks) -> Iterator[tuple[int, _Asks]]:
    points = sanctions.carried(policy, entries, len(creators), at)
    level = sanctions.levels(policy, points)
    rows = sanctions.carrying(policy, entries, at)
    rows = rows[level[entries.creator[rows]] > 0]
    rows = rows[np.lexsort((entries.id[rows], entries.creator[rows]))]
    places, starts = np.unique(entries.creator[rows], return_index=True)
    numbers, bounds = entries.id[rows].tolist(), [*starts.tolist(), len(rows)]
    told = zip(creators[places].tolist(), level[places].tolist(), points[places].tolist(), bounds, bounds[1:], strict=False)
    for creator, one, carried, first, last in told:
        yield creator, _Asks(one, carried, numbers[first:last])


def _withdraw(connection: Connection, withdraws: Mapping[int, Sequence[int]], now: int) -> None:
    """End cases, given with their events; one whose events are gone altogether, with the import that brought them, leaves nothing."""
    if not withdraws:
        return
    bulk.keep_ids(connection, set(chain.from_iterable(withdraws.values())))
    there = {row[0] for row in bulk.fetch(connection, _FILED)}
    gone = {one for one, events in withdraws.items() if not there.issuperset(events)}
    bulk.delete(connection, "sanction", gone)
    bulk.update(connection, "sanction", ("voided_at",), ((now, one) for one in withdraws if one not in gone))


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

    def back(self, table: str, row_id: int) -> None:
        """Note a row that came back under its old id; a creator brings no score along."""
        if table == "creator":
            self._creators.add(row_id)
        self.after_span(table, row_id, 1)

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
