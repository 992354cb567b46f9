# SPDX-License-Identifier: Apache-2.0
"""Sanctions and appeals: what the ladder proposes, who may decide, what an upheld appeal changes.

The ladder only proposes. A case ends, it never disappears.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from app.errors import NotPermittedError, UsageError
from app.rules.rating import ledger
from app.rules.rating.ledger import Clocks, Ledger
from app.values import DAY, Sanction, iso

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from app.rules.rating.credit import CreditPolicy, Rung
    from app.rules.rating.ledger import Codes, Event, Ints
    from app.values import CreditGrade


class State(enum.StrEnum):
    """Where a case stands."""

    PROPOSED = "proposed"
    WITHDRAWN = "withdrawn"  # overtaken before anybody decided
    REJECTED = "rejected"
    RUNNING = "running"
    OVER = "over"
    LIFTED = "lifted"  # by an upheld appeal


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the ladder proposes as of a moment: ``until`` if decided at once (None: no end), the events it rests on, who filed them."""

    level: Sanction
    points: int
    as_of: int
    until: int | None
    event_ids: tuple[int, ...]
    filed_by: frozenset[str]


@dataclass(frozen=True, slots=True)
class Decision:
    """A reviewer's word on a proposal. ``until`` is the last moment it holds, ``appeal_until`` the last to appeal."""

    approved: bool
    by: str
    reason: str
    at: int
    until: int | None
    appeal_until: int


@dataclass(frozen=True, slots=True)
class Case:
    """A proposal with what became of it."""

    id: int
    proposal: Proposal
    decision: Decision | None = None
    ended_at: int | None = None

    def state(self, at: int) -> State:
        """Where it stands at a moment."""
        decision = self.decision
        decided = decision is not None and decision.at <= at
        if self.ended_at is not None and self.ended_at <= at:
            return State.LIFTED if decided else State.WITHDRAWN
        if decision is None or not decided:
            return State.PROPOSED
        if not decision.approved:
            return State.REJECTED
        return State.RUNNING if decision.until is None or at <= decision.until else State.OVER


@dataclass(frozen=True, slots=True)
class Appeal:
    """A challenge to an event or to a sanction; ``upheld`` is None until decided."""

    id: int
    by: str
    reason: str
    filed_at: int
    upheld: bool | None = None
    decided_by: str = ""
    decided_at: int | None = None
    answer: str = ""


# ---------------------------------------------------------------- the ladder


def carried(policy: CreditPolicy, entries: Ledger, creators: int, clocks: Clocks) -> Ints:
    """Sanction points of each creator: undecayed, of the window with both its ends, one-point events up to their cap."""
    rows = carrying(policy, entries, clocks)
    points = _points_of(policy, entries, rows)
    ones, others = np.zeros(creators, dtype=np.int64), np.zeros(creators, dtype=np.int64)
    np.add.at(ones, entries.creator[rows[points == 1]], 1)
    np.add.at(others, entries.creator[rows[points > 1]], points[points > 1])
    total: Ints = np.minimum(ones, policy.one_point_cap) + others
    return total


def levels(policy: CreditPolicy, points: Ints) -> Codes:
    """Number of the level that points lead to, 0 for none."""
    steps = np.array([0, *(rung.level for rung in policy.ladder)], dtype=np.int8)
    found: Codes = steps[np.searchsorted([rung.points for rung in policy.ladder], points, side="right")]
    return found


def propose(policy: CreditPolicy, events: Sequence[Event], clocks: Clocks) -> Proposal | None:
    """What the ladder proposes for one creator, if anything."""
    entries = Ledger.of(policy, events)
    points = int(carried(policy, entries, 1, clocks)[0])
    rung = _rung(policy, points)
    if rung is None:
        return None
    rests_on = [events[row] for row in carrying(policy, entries, clocks)]
    return Proposal(
        level=rung.level,
        points=points,
        as_of=clocks.as_of,
        until=_until(rung, clocks.as_of),
        event_ids=tuple(sorted(event.id for event in rests_on)),
        filed_by=frozenset(event.who for event in rests_on if event.who),
    )


def carrying(policy: CreditPolicy, entries: Ledger, clocks: Clocks) -> Ints:
    """Rows of the entries that carry points: those that count, of the window with both its ends."""
    recent = entries.standing(clocks) & (clocks.as_of - entries.happened_at <= policy.window_days * DAY)
    rows = np.flatnonzero(recent)
    return rows[_points_of(policy, entries, rows) > 0]


def _points_of(policy: CreditPolicy, entries: Ledger, rows: Ints) -> Ints:
    points: Ints = np.array([kind.points for kind in policy.types], dtype=np.int64)[entries.type[rows]]
    return points


def _rung(policy: CreditPolicy, points: int) -> Rung | None:
    reached = [rung for rung in policy.ladder if rung.points <= points]
    return reached[-1] if reached else None


def _until(rung: Rung, since: int) -> int | None:
    return None if rung.days is None else since + rung.days * DAY


# ---------------------------------------------------------------- cases


@dataclass(frozen=True, slots=True)
class Agenda:
    """What a fresh look at a creator changes: a case to open, open ones that are overtaken."""

    opens: Proposal | None
    withdraws: tuple[int, ...]


def agenda(proposal: Proposal | None, cases: Sequence[Case], at: int) -> Agenda:
    """Compare what the ladder proposes with the cases there are, so that a repeat changes nothing.

    What rests on events that a case of that level or a higher one already rests on is not proposed again,
    however that case ended. A withdrawn case was never judged and does not count.
    """
    open_ones = [case for case in cases if case.state(at) is State.PROPOSED]
    same = [case for case in open_ones if proposal is not None and _asks(case.proposal) == _asks(proposal)]
    withdraws = tuple(case.id for case in open_ones if case not in same[:1])
    if proposal is None or same:
        return Agenda(None, withdraws)
    judged = {
        event_id
        for case in cases
        if case.proposal.level >= proposal.level and case.state(at) not in {State.PROPOSED, State.WITHDRAWN}
        for event_id in case.proposal.event_ids
    }
    return Agenda(None if judged.issuperset(proposal.event_ids) else proposal, withdraws)


def _asks(proposal: Proposal) -> tuple[Sanction, tuple[int, ...]]:
    return proposal.level, proposal.event_ids


def decide(policy: CreditPolicy, case: Case, *, approved: bool, by: str, reason: str, at: int, own: bool = False) -> Case:
    """A case decided, running from then on; refused to who filed an event it rests on (unless ``own``), without a reason, and twice."""
    if case.state(at) is not State.PROPOSED or case.decision is not None:
        raise UsageError("decided_already", id=case.id)
    if not own:
        by_another(case.proposal.filed_by, by)
    rung = next((rung for rung in policy.ladder if rung.level == case.proposal.level), None)
    until = _until(rung, at) if approved and rung is not None else None
    return replace(case, decision=Decision(approved, by, _given(reason), at, until, at + policy.appeal_days * DAY))


def by_another(filed_by: Collection[str], by: str) -> None:
    """Refuse somebody's own case: NotPermittedError ``own_case``."""
    if by in filed_by:
        raise NotPermittedError("own_case", who=by)


def in_force(cases: Sequence[Case], at: int) -> Sanction | None:
    """Hardest sanction that holds at a moment."""
    return max((case.proposal.level for case in cases if case.state(at) is State.RUNNING), default=None)


def _given(reason: str) -> str:
    if not reason.strip():
        raise UsageError("value_missing", field="reason")
    return reason.strip()


# ---------------------------------------------------------------- appeals


def appeal_until(policy: CreditPolicy, event: Event, cases: Sequence[Case]) -> int | None:
    """Last moment to appeal against an event: after its confirmation, or a later approval of a sanction on it; None while it is only proposed."""
    if event.confirmed_at is None:
        return None
    approvals = [case.decision.at for case in cases if case.decision and case.decision.approved and event.id in case.proposal.event_ids]
    return max([event.confirmed_at, *approvals]) + policy.appeal_days * DAY


def file_appeal(appeal_id: int, *, by: str, reason: str, at: int, until: int | None) -> Appeal:
    """A new appeal; refused without a reason and after its last moment."""
    if until is not None and at > until:
        raise UsageError("appeal_closed", until=iso(until))
    return Appeal(appeal_id, by, _given(reason), at)


def decide_appeal(appeal: Appeal, *, filed_by: Collection[str], upheld: bool, by: str, reason: str, at: int, own: bool = False) -> Appeal:
    """An appeal decided by somebody who filed neither it nor what it challenges (unless ``own``)."""
    if appeal.upheld is not None:
        raise UsageError("decided_already", id=appeal.id)
    if not own:
        by_another({*filed_by, appeal.by}, by)
    return replace(appeal, upheld=upheld, decided_by=by, decided_at=at, answer=_given(reason))


def lift(case: Case, at: int) -> Case:
    """A case ended by an upheld appeal against it."""
    return replace(case, ended_at=at)


@dataclass(frozen=True, slots=True)
class Changed:
    """An approved case after one of its events was voided: the level it would have had, None where it falls away."""

    case_id: int
    before: Sanction
    after: Sanction | None
    until: int | None


@dataclass(frozen=True, slots=True)
class Consequence:
    """What voiding an event changes; ``events`` is the ledger with it voided."""

    events: tuple[Event, ...]
    score_before: int
    score_after: int
    grade_before: CreditGrade
    grade_after: CreditGrade
    cases: tuple[Changed, ...]


def uphold(policy: CreditPolicy, events: Sequence[Event], event_id: int, cases: Sequence[Case], at: int) -> Consequence:
    """What an upheld appeal against an event changes at that moment: score and grade, and sanctions that rest on it.

    Each such sanction is what the ladder would have proposed without the event, never harder than decided.
    """
    voided = tuple(replace(event, voided_at=at) if event.id == event_id and event.voided_at is None else event for event in events)
    (before, grade_before), (after, grade_after) = (_verdict(policy, one, at) for one in (events, voided))
    changed = tuple(
        change
        for case in cases
        if event_id in case.proposal.event_ids and case.state(at) in {State.RUNNING, State.OVER}
        for change in _reconsidered(policy, voided, case, at)
    )
    return Consequence(voided, before, after, grade_before, grade_after, changed)


def _verdict(policy: CreditPolicy, events: Sequence[Event], at: int) -> tuple[int, CreditGrade]:
    scores = ledger.rate(policy, Ledger.of(policy, events), 1, Clocks(at, at))
    return int(scores.score[0]), scores.grade_of(0)


def _reconsidered(policy: CreditPolicy, events: Sequence[Event], case: Case, at: int) -> list[Changed]:
    rests_on = [event for event in events if event.id in case.proposal.event_ids]
    points = carried(policy, Ledger.of(policy, rests_on), 1, Clocks(case.proposal.as_of, at))
    rung = _rung(policy, int(points[0]))
    if rung is not None and rung.level >= case.proposal.level:
        return []
    since = case.proposal.as_of if case.decision is None else case.decision.at
    return [Changed(case.id, case.proposal.level, None if rung is None else rung.level, None if rung is None else _until(rung, since))]
