# SPDX-License-Identifier: Apache-2.0
"""The contact log, and what follows from it: replies in time, and slow ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.rules.outreach import IN, answers
from app.rules.rating import raisers
from app.rules.rating.raisers import Question
from db import bulk
from db.writers import ledger, raised

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from db.writers.operations import Log

COLUMNS: Final = (
    "creator_id", "account_id", "channel", "direction", "at", "who", "text", "template_id", "answer_by", "outcome", "message_ref", "operation_id",
)  # fmt: skip
_ASKED: Final = (
    "select k.creator_id, k.account_id, k.at, k.answer_by, k.voided_at from wanted w join contact k on k.creator_id = w.id where k.answer_by is not null"
)
_HEARD: Final = f"select k.creator_id, k.at from wanted w join contact k on k.creator_id = w.id where k.direction = '{IN}' and k.voided_at is null"  # noqa: S608 (our own word)
_DUE: Final = (
    "select distinct k.creator_id from contact k where k.answer_by is not null and k.answer_by < ? and k.voided_at is null and not exists"
    " (select 1 from credit_event e where e.creator_id = k.creator_id and e.source = 'contact:' || k.at)"
)


def source(at: int) -> str:
    """What an event bears that a question raised: when it was asked, which is the same on every computer."""
    return f"contact:{at}"


def replies(log: Log, creators: Iterable[int]) -> int:
    """Let the ledger say how creators answered what they were asked; returns how many entries changed."""
    bulk.keep_ids(log.connection, dict.fromkeys(creators))
    asked = bulk.fetch(log.connection, _ASKED)
    if not asked:
        return 0
    policy = ledger.in_force(log.connection, log.now).policy
    heard: dict[int, list[int]] = {}
    for creator, at in bulk.fetch(log.connection, _HEARD):
        heard.setdefault(creator, []).append(at)
    found = []
    for creator, account, at, answer_by, voided_at in asked:
        answered = answers([(at, answer_by)], heard.get(creator, ()))[at]
        finding = raisers.reply(policy, Question(source(at), answer_by, answered), log.now)
        if voided_at is not None:
            finding = raisers.Finding(source(at), finding.types)
        found.append((creator, account, finding))
    return raised.reconcile(log, found)


def unanswered(connection: Connection, now: int) -> list[int]:
    """Creators whose time to answer has passed without the ledger saying so."""
    return [row[0] for row in bulk.fetch(connection, _DUE, now)]
