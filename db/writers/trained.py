# SPDX-License-Identifier: Apache-2.0
"""Trainings, and what follows from them: an event for each course that was passed, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.rules.outreach import passed
from app.rules.rating import raisers
from db import bulk
from db.writers import ledger, raised

if TYPE_CHECKING:
    from collections.abc import Iterable

    from db.writers.operations import Log

_OF: Final = (
    "select t.id, t.creator_id, t.account_id, k.name, t.passed_at from wanted w join training t on t.creator_id = w.id join course k on k.id = t.course_id"
)
_OF_COURSE: Final = "select t.id, t.creator_id, t.mark, t.taken_at, t.passed_at from training t where t.course_id = ? order by t.id"


def source(course: str) -> str:
    """What an event bears that a course raised: its name, which is the same on every computer."""
    return f"training:{course}"


def follow(log: Log, creators: Iterable[int]) -> int:
    """Let the ledger say what creators passed; returns how many entries changed."""
    bulk.keep_ids(log.connection, dict.fromkeys(creators))
    rows = bulk.fetch(log.connection, _OF)
    if not rows:
        return 0
    policy = ledger.in_force(log.connection, log.now).policy
    return raised.reconcile(log, [(creator, account, raisers.training(policy, source(course), at)) for _, creator, account, course, at in rows])


def judge(log: Log, course_id: int, pass_mark: int | None) -> list[int]:
    """Judge everybody's marks anew by a course's mark; returns the creators for whom that changes something.

    What a sheet says about somebody without a mark stays as it says.
    """
    changed: list[tuple[int, dict[str, object], dict[str, object]]] = []
    creators = []
    for number, creator, mark, taken_at, before in bulk.fetch(log.connection, _OF_COURSE, course_id):
        after = passed(pass_mark, mark, before, taken_at)
        if mark is not None and after != before:
            changed.append((number, {"passed_at": before}, {"passed_at": after}))
            creators.append(creator)
    log.changed("training", changed)
    bulk.update(log.connection, "training", ("passed_at",), [(after["passed_at"], number) for number, _, after in changed])
    return creators
