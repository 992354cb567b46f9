# SPDX-License-Identifier: Apache-2.0
"""Due process, written down: entries proposed, confirmed and voided, sanctions and appeals decided, and what follows.

Everything happens on an operation's log; who rates the creator anew is the log itself, when the operation is finished.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.errors import NotPermittedError, UsageError
from app.rules.rating import sanctions
from app.rules.rating.ledger import Event
from app.rules.rating.raisers import NO_SHOW
from app.rules.rating.sanctions import Appeal
from app.usecases.rating import AppealRow, CreditEntry, Followed, SanctionRow
from app.values import DAY
from db import bulk
from db.writers import ledger

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from app.rules.rating.sanctions import Case, Changed
    from db.writers.operations import Log

_ENTRY: Final = ", ".join(CreditEntry.__dataclass_fields__)
_NEW: Final = ("creator_id", "account_id", "type", "happened_at", "recorded_at", "filed_by", "evidence", "stated")


# ---------------------------------------------------------------- a second person


@contextmanager
def another_person(connection: Connection) -> Iterator[None]:
    """Refusals of one's own case. Where every name is one person's it is no matter of a role, but a wrong request."""
    try:
        yield
    except NotPermittedError as error:
        if connection.dialect.name == "postgresql":
            raise
        raise UsageError(error.code, **error.details) from error


def alone(connection: Connection) -> bool:
    """Whether nobody checks the names of this workspace."""
    return connection.dialect.name != "postgresql"


# ---------------------------------------------------------------- entries


def entries(connection: Connection, creator_id: int, known_at: int) -> list[CreditEntry]:
    """A creator's entries that were recorded by a moment, as they were known then."""
    rows = bulk.fetch(connection, f"select {_ENTRY} from credit_event where creator_id = ? and recorded_at <= ? order by id", creator_id, known_at)  # noqa: S608
    return [_as_known(CreditEntry(*row), known_at) for row in rows]


def _as_known(one: CreditEntry, known_at: int) -> CreditEntry:
    if one.voided_at is not None and one.voided_at > known_at:
        one = replace(one, voided_at=None, voided_by=None, void_reason=None)
    if one.confirmed_at is not None and one.confirmed_at > known_at:
        one = replace(one, confirmed_at=None, confirmed_by=None, confirm_reason=None)
    return one


def entry(connection: Connection, event_id: int) -> CreditEntry:
    """One entry; UsageError for a number that is none."""
    rows = bulk.fetch(connection, f"select {_ENTRY} from credit_event where id = ?", event_id)  # noqa: S608
    if not rows:
        raise UsageError("unknown_event", id=event_id)
    return CreditEntry(*rows[0])


def event(one: CreditEntry) -> Event:
    """An entry as the rules see it."""
    return Event(one.id, one.type, one.happened_at, one.recorded_at, one.confirmed_at, one.voided_at, one.filed_by)


def add(log: Log, creator_id: int, kind: str, at: int, evidence: str | None) -> int:
    """Propose an entry; returns its id."""
    rows = bulk.fetch(log.connection, "select main_account_id from creator where id = ?", creator_id)
    if not rows:
        raise UsageError("unknown_creator", id=creator_id)
    if kind not in ledger.in_force(log.connection, log.now).policy.codes():
        raise UsageError("unknown_event_type", type=kind)
    # The times are this program's own: ``stated`` would say that a source named them.
    return log.insert("credit_event", _NEW, [(creator_id, rows[0][0], kind, at, log.now, log.actor.name, evidence, False)])


def _may_be_own(log: Log, filers: Collection[str], *, own: bool) -> bool:
    """Whether what somebody filed himself may be decided by him: where one person has every name, and he says so. It is marked."""
    if not own or not alone(log.connection):
        return False
    log.self_decided += log.actor.name in filers
    return True


def confirm(log: Log, event_id: int, reason: str, *, own: bool = False) -> CreditEntry:
    """Confirm a proposed entry. A no-show needs a second person everywhere (``own`` aside), any entry where names can be told apart."""
    one = entry(log.connection, event_id)
    if one.confirmed_at is not None or one.voided_at is not None:
        raise UsageError("decided_already", id=event_id)
    if one.type != NO_SHOW and alone(log.connection):
        own = True
    if not _may_be_own(log, (one.filed_by,), own=own):
        with another_person(log.connection):
            sanctions.by_another((one.filed_by,), log.actor.name)
    mark(log, [event_id], {"confirmed_at": log.now, "confirmed_by": log.actor.name, "confirm_reason": reason})
    return one


def confirm_due(log: Log) -> int:
    """Confirm what is due, dated now: until now nobody knew it as confirmed; returns how many."""
    found = ledger.due(log.connection, log.now)
    mark(log, list(found), {"confirmed_at": log.now, "confirmed_by": ledger.RULE})
    return len(found)


def mark(log: Log, events: Sequence[int], values: Mapping[str, object]) -> None:
    """Set fields of entries that were empty, with their log."""
    before = dict.fromkeys(values)
    log.changed("credit_event", ((one, before, values) for one in events))
    bulk.update(log.connection, "credit_event", tuple(values), [(*values.values(), one) for one in events])


def void(log: Log, event_id: int, reason: str) -> tuple[CreditEntry, Followed]:
    """Void an entry, and let the sanctions that rest on it follow. Nobody but its filer may take a mere proposal back alone."""
    one = entry(log.connection, event_id)
    if one.voided_at is not None:
        raise UsageError("decided_already", id=event_id)
    if one.confirmed_at is not None and not alone(log.connection):
        sanctions.by_another((one.filed_by,), log.actor.name)
    elif one.confirmed_at is not None:
        _may_be_own(log, (one.filed_by,), own=True)
    return one, _void(log, one, reason)


def overtake(log: Log, event_id: int, reason: str) -> None:
    """Void an entry because a newer fact says otherwise: nobody's decision, and so no word against raising it again."""
    _void(log, entry(log.connection, event_id), reason, ledger.RULE)


def _void(log: Log, one: CreditEntry, reason: str, by: str | None = None) -> Followed:
    connection, policy = log.connection, ledger.in_force(log.connection, log.now).policy
    all_of = [event(other) for other in entries(connection, one.creator_id, log.now)]
    cases = ledger.cases_of(connection, [one.creator_id]).get(one.creator_id, [])
    found = sanctions.uphold(policy, all_of, one.id, cases, log.now)
    mark(log, [one.id], {"voided_at": log.now, "voided_by": by or log.actor.name, "void_reason": reason})
    by_id = {case.id: case for case in cases}
    for change in found.cases:
        _soften(log, one, by_id[change.case_id], change)
    told = tuple((change.case_id, change.before, change.after) for change in found.cases)
    return Followed(found.score_before, found.score_after, found.grade_before, found.grade_after, told)


_DECIDED: Final = (
    "creator_id", "level", "points", "proposed_at", "proposed_by", "decided_at", "decided_by", "approved", "reason", "ends_at", "appeal_until", "event_ids"
)  # fmt: skip


def _soften(log: Log, one: CreditEntry, case: Case, change: Changed) -> None:
    """End a case, and open the milder one that it would have been, decided as the first: what was, stays on record."""
    end(log, case)
    decision = case.decision
    if change.after is None or decision is None:
        return
    left = [other for other in case.proposal.event_ids if other != one.id]
    points = next(rung.points for rung in ledger.in_force(log.connection, log.now).policy.ladder if rung.level is change.after)
    row = (
        one.creator_id, int(change.after), points, log.now, ledger.RULE, log.now, decision.by, True, decision.reason,
        change.until, decision.appeal_until, json.dumps(left),
    )  # fmt: skip
    log.insert("sanction", _DECIDED, [row])


def end(log: Log, case: Case) -> None:
    """End a case from now on."""
    log.changed("sanction", [(case.id, {"voided_at": None}, {"voided_at": log.now})])
    bulk.update(log.connection, "sanction", ("voided_at",), [(log.now, case.id)])


# ---------------------------------------------------------------- sanctions

_SANCTION: Final = "select s.creator_id, c.name from sanction s join creator c on c.id = s.creator_id where s.id = ?"


def case_of(connection: Connection, case_id: int) -> tuple[int, str, Case]:
    """Creator, name and case of a number; UsageError for one that is none."""
    rows = bulk.fetch(connection, _SANCTION, case_id)
    if not rows:
        raise UsageError("unknown_sanction", id=case_id)
    creator, name = rows[0]
    found = next(case for case in ledger.cases_of(connection, [creator])[creator] if case.id == case_id)
    return creator, name, ledger.with_filers(connection, found)


def decide(log: Log, case_id: int, reason: str, *, approved: bool, own: bool = False) -> None:
    """Decide a proposal; refused to who filed an event it rests on, unless he has every name here and says so (``own``)."""
    _, _, case = case_of(log.connection, case_id)
    policy = ledger.in_force(log.connection, log.now).policy
    own = _may_be_own(log, case.proposal.filed_by, own=own)
    with another_person(log.connection):
        decided = sanctions.decide(policy, case, approved=approved, by=log.actor.name, reason=reason, at=log.now, own=own).decision
    if decided is None:
        return
    values = {
        "decided_at": log.now, "decided_by": log.actor.name, "approved": approved, "reason": reason,
        "ends_at": decided.until, "appeal_until": decided.appeal_until,
    }  # fmt: skip
    log.changed("sanction", [(case_id, dict.fromkeys(values), values)])
    bulk.update(log.connection, "sanction", tuple(values), [(*values.values(), case_id)])


def shown(case: Case, creator: int, name: str, now: int) -> SanctionRow:
    """A case as people read it."""
    decision = case.decision
    return SanctionRow(
        case.id,
        creator,
        name,
        case.proposal.level,
        case.proposal.points,
        case.state(now),
        case.proposal.as_of,
        decision.at if decision else None,
        decision.by if decision else None,
        decision.reason if decision else None,
        decision.until if decision else None,
        decision.appeal_until if decision else None,
        case.ended_at,
        case.proposal.event_ids,
        decision is not None and decision.by in case.proposal.filed_by,
    )


def all_cases(connection: Connection, now: int, *, open_only: bool) -> list[SanctionRow]:
    """Every case, those that wait for a decision first, then the newest."""
    names = dict(bulk.fetch(connection, "select distinct c.id, c.name from sanction s join creator c on c.id = s.creator_id"))
    cases = [(creator, case) for creator, some in ledger.cases_of(connection, None).items() for case in some]
    filers = ledger.filers(connection, [case for _, case in cases if case.decision is not None])
    found = [shown(ledger.filed(case, filers), creator, names[creator], now) for creator, case in cases]
    rows = [one for one in found if not open_only or one.state is sanctions.State.PROPOSED]
    return sorted(rows, key=lambda one: (one.state is not sanctions.State.PROPOSED, -one.proposed_at, one.id))


# ---------------------------------------------------------------- appeals

_APPEALS: Final = (
    "select a.id, coalesce(e.creator_id, s.creator_id), c.name, a.event_id, a.sanction_id, a.filed_at, a.filed_by, a.reason, a.decided_at, a.decided_by,"
    " a.upheld, a.decision_reason, e.filed_by, s.event_ids from appeal a left join credit_event e on e.id = a.event_id left join sanction s on s.id = a.sanction_id"
    " join creator c on c.id = coalesce(e.creator_id, s.creator_id)"
)
_TAKEN_IN: Final = (
    "select max(o.at) from inserted i join operation o on o.id = i.operation_id where i.table_name = 'credit_event' and ? between i.first and i.last"
)


class _Target(NamedTuple):
    """What an appeal challenges."""

    until: int | None
    filed_by: frozenset[str]
    column: str
    id: int


def appeals(connection: Connection, *, open_only: bool = False) -> list[AppealRow]:
    """Appeals, those that wait for a decision first, then the newest."""
    where = " where a.decided_at is null" if open_only else ""
    rows = bulk.fetch(connection, f"{_APPEALS}{where} order by a.decided_at is not null, a.id desc")
    return [_appeal_row(connection, row) for row in rows]


def _appeal_row(connection: Connection, row: Sequence[Any]) -> AppealRow:
    *columns, filed_by, event_ids = row
    made = AppealRow(*columns)
    filers = {made.filed_by, filed_by}
    if made.decided_by is not None and event_ids is not None:
        filers |= set(ledger.filers_of(connection, json.loads(event_ids)).values())
    return replace(made, upheld=None if made.upheld is None else bool(made.upheld), self_decided=made.decided_by in filers - {None})


def appeal(connection: Connection, appeal_id: int) -> AppealRow:
    """One appeal; UsageError for a number that is none."""
    rows = bulk.fetch(connection, f"{_APPEALS} where a.id = ?", appeal_id)
    if not rows:
        raise UsageError("unknown_appeal", id=appeal_id)
    return _appeal_row(connection, rows[0])


def file(log: Log, event_id: int | None, sanction_id: int | None, reason: str) -> int:
    """Challenge an event or a sanction; returns the appeal's id."""
    target = _of_event(log, event_id) if event_id is not None else _of_sanction(log.connection, sanction_id or 0)
    found = bulk.fetch(log.connection, f"select id from appeal where {target.column} = ? and decided_at is null", target.id)  # noqa: S608
    if found:
        raise UsageError("appeal_open", id=found[0][0])
    filed = sanctions.file_appeal(0, by=log.actor.name, reason=reason, at=log.now, until=target.until)
    return log.insert("appeal", (target.column, "filed_at", "filed_by", "reason"), [(target.id, log.now, filed.by, filed.reason)])


def _of_event(log: Log, event_id: int) -> _Target:
    connection = log.connection
    one = entry(connection, event_id)
    if one.voided_at is not None:
        raise UsageError("event_void", id=event_id)
    policy = ledger.in_force(connection, log.now).policy
    until = sanctions.appeal_until(policy, event(one), ledger.cases_of(connection, [one.creator_id]).get(one.creator_id, []))
    taken_in = bulk.fetch(connection, _TAKEN_IN, event_id)[0][0]
    if until is not None and taken_in is not None:
        # A file may tell of a confirmation long past; here it is known, and can be answered, since it was taken in.
        until = max(until, taken_in + policy.appeal_days * DAY)
    return _Target(until, frozenset((one.filed_by,)), "event_id", event_id)


def _of_sanction(connection: Connection, sanction_id: int) -> _Target:
    _, _, case = case_of(connection, sanction_id)
    if case.decision is None or not case.decision.approved or case.ended_at is not None:
        raise UsageError("nothing_to_appeal", id=sanction_id)
    return _Target(case.decision.appeal_until, case.proposal.filed_by, "sanction_id", sanction_id)


def decide_appeal(log: Log, appeal_id: int, reason: str, *, upheld: bool, own: bool = False) -> Followed | None:
    """Decide an appeal; if upheld the event is voided, or the sanction lifted. Returns what followed from a voided event."""
    connection, row = log.connection, appeal(log.connection, appeal_id)
    filed = Appeal(row.id, row.filed_by, row.reason, row.filed_at, row.upheld)
    if row.event_id is not None:
        filers = frozenset((entry(connection, row.event_id).filed_by,))
    else:
        filers = case_of(connection, row.sanction_id or 0)[2].proposal.filed_by
    own = row.upheld is None and _may_be_own(log, {*filers, row.filed_by}, own=own)
    with another_person(connection):
        sanctions.decide_appeal(filed, filed_by=filers, upheld=upheld, by=log.actor.name, reason=reason, at=log.now, own=own)
    values = {"decided_at": log.now, "decided_by": log.actor.name, "upheld": upheld, "decision_reason": reason}
    log.changed("appeal", [(appeal_id, dict.fromkeys(values), values)])
    bulk.update(connection, "appeal", tuple(values), [(*values.values(), appeal_id)])
    return _upheld(log, row, reason) if upheld else None


def _upheld(log: Log, row: AppealRow, reason: str) -> Followed | None:
    if row.event_id is not None:
        one = entry(log.connection, row.event_id)
        return None if one.voided_at is not None else _void(log, one, reason)
    case = case_of(log.connection, row.sanction_id or 0)[2]
    if case.ended_at is None:
        end(log, case)
    return None
