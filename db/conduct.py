# SPDX-License-Identifier: Apache-2.0
"""Conduct at a glance: the last entry and the losses of many creators, what waits for a decision, how a score went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from app.rules.rating import ledger as rules
from app.rules.rating import raisers
from app.rules.rating.asked import CreditAsked
from app.rules.rating.credit import Dimension
from app.rules.rating.ledger import Ledger
from app.rules.rating.raisers import Confirmation
from app.rules.rating.sanctions import State
from app.usecases.rating import Glance, Proposed, ScorePoint, Waiting
from app.values import DAY
from db import bulk
from db.writers import cases, ledger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlalchemy import Connection

    from app.rules.rating.ledger import Event
    from app.rules.rating.sanctions import Case
    from app.values import CreditGrade, Sanction

_HOUR: Final = DAY // 24
_LAST: Final = (
    "select c.id, e.type, e.happened_at from creator c join credit_event e on e.id = ("
    "select l.id from credit_event l where l.creator_id = c.id and l.confirmed_at is not null and l.voided_at is null"
    " order by l.happened_at desc, l.id desc limit 1) where c.id in "
)
_PROPOSED: Final = (
    "select e.id, e.event_id, e.creator_id, c.name, e.type, e.happened_at, e.recorded_at, e.filed_by, e.evidence, e.source"
    " from credit_event e join creator c on c.id = e.creator_id"
    " where e.confirmed_at is null and e.voided_at is null order by e.recorded_at, e.id limit ?"
)
_WAITING: Final = (
    "select (select count(*) from credit_event where confirmed_at is null and voided_at is null),"
    " (select count(*) from sanction where decided_at is null and voided_at is null),"
    " (select count(*) from appeal where decided_at is null)"
)


def glances(connection: Connection, creators: Sequence[int], now: int) -> dict[int, Glance]:
    """What a row says of a creator's conduct beside the score; of nobody who is gone."""
    if not creators:
        return {}
    last = {row[0]: (row[1], row[2]) for row in bulk.fetch(connection, f"{_LAST}({','.join(map(str, creators))})")}
    known = ledger.cases_of(connection, creators)
    rated = ledger.look(connection, creators, now)
    policy = ledger.in_force(connection, now).policy
    lost = np.array(policy.shares, dtype=np.float64) - rated.scores.points
    bad = rated.scores.bad > 0
    found = {}
    for at, creator in enumerate(rated.creators.tolist()):
        kind, happened_at = last.get(creator, (None, None))
        sanction, proposed = _sanction(known.get(creator, ()), now)
        # Whom nothing is held against loses the same shares as everybody unknown: that is no weakness.
        weakest = Dimension(int(np.where(bad[at], lost[at], -1.0).argmax())) if bad[at].any() else None
        found[creator] = Glance(creator, kind, happened_at, weakest, None if weakest is None else float(lost[at, weakest]), sanction, proposed)
    return found


def _sanction(known: Sequence[Case], now: int) -> tuple[Sanction | None, bool]:
    """The hardest level that is in force or proposed, and whether it is only proposed."""
    running = max((case.proposal.level for case in known if case.state(now) is State.RUNNING), default=None)
    asked = max((case.proposal.level for case in known if case.state(now) is State.PROPOSED), default=None)
    if asked is not None and (running is None or asked > running):
        return asked, True
    return running, False


def proposed(connection: Connection, now: int, limit: int) -> list[Proposed]:
    """Entries that wait for a word, the oldest first."""
    policy = ledger.in_force(connection, now).policy
    wait = policy.raising.confirm_hours * _HOUR
    found = []
    for row in bulk.fetch(connection, _PROPOSED, limit):
        by_rule = row[9] is not None and raisers.confirmation(policy, row[4]) is Confirmation.BY_RULE
        found.append(Proposed(*(*row, row[6] + wait if by_rule else None)))
    return found


def waiting(connection: Connection) -> Waiting:
    """How much waits for a person."""
    return Waiting(*bulk.fetch(connection, _WAITING)[0])


def history(connection: Connection, creator_id: int, days: Sequence[date], now: int) -> list[ScorePoint]:
    """Score and grade at the end of each day and now: as known then, and as known now; by the policy of either time."""
    events = [cases.event(one) for one in cases.entries(connection, creator_id, now)]
    made: list[ScorePoint] = []
    for day in (*days, None):
        then, then_at = _verdict(connection, events, CreditAsked(day, day), now)
        known, _ = _verdict(connection, events, CreditAsked(day, None), now)
        made.append(ScorePoint(then_at, *then, *known))
    return made


def _verdict(connection: Connection, events: Sequence[Event], asked: CreditAsked, now: int) -> tuple[tuple[int, CreditGrade], int]:
    at, force = ledger.clocks(connection, asked, now)
    scores = rules.rate(force.policy, Ledger.of(force.policy, events), 1, at)
    return (int(scores.score[0]), scores.grade_of(0)), at.as_of
