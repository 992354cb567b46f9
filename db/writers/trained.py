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


_MARKED: Final = (
    "select t.id, t.mark, k.pass_mark, t.taken_at, t.passed_at from wanted w join training t on t.creator_id = w.id join course k on k.id = t.course_id"
    " where t.mark is not null and k.pass_mark is not null"
)


def settle(log: Log, creators: Iterable[int]) -> None:
    """Judge creators by the marks of their courses, and let the ledger follow."""
    wanted = list(creators)
    bulk.keep_ids(log.connection, wanted)
    _write(log, [(row[0], row[4], passed(row[2], row[1], row[4], row[3])) for row in bulk.fetch(log.connection, _MARKED)])
    follow(log, wanted)


def _write(log: Log, judged: Iterable[tuple[int, int | None, int | None]]) -> None:
    """Set when trainings were passed, where that differs: row, before, after."""
    differing = [(row, before, after) for row, before, after in judged if before != after]
    log.changed("training", [(row, {"passed_at": before}, {"passed_at": after}) for row, before, after in differing])
    bulk.update(log.connection, "training", ("passed_at",), [(after, row) for row, _, after in differing])


def judge(log: Log, course_id: int, pass_mark: int | None) -> list[int]:
    """Judge everybody's marks anew by a course's mark; returns the creators for whom that changes something.

    What a sheet says about somebody without a mark stays as it says.
    """
    rows = bulk.fetch(log.connection, _OF_COURSE, course_id)
    judged = {row[0]: passed(pass_mark, row[2], row[4], row[3]) for row in rows if row[2] is not None}
    _write(log, [(row[0], row[4], judged[row[0]]) for row in rows if row[0] in judged])
    return [row[1] for row in rows if row[0] in judged and judged[row[0]] != row[4]]
