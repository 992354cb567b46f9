# SPDX-License-Identifier: Apache-2.0
"""What dialogs have done in a child process: module-level functions over the services that the child opens itself.

Answers stay small on the way back: a window shows the first thousand of anything, the files hold all of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from app import sample
from app.files import Reject
from app.rules.facts import CREATORS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from app.files import ImportReport, ImportRequest
    from app.jobs import Job
    from app.services import Services
    from app.usecases.creators import Question
    from app.usecases.facts import Opened
    from app.usecases.rating import CreditRun, PolicyRow, Settled, TierRun
    from app.usecases.workspace import Check, Undone
    from app.values import Tier

SHOWN: Final = 1000
"""Rows of a list that come back from a child."""


def head(services: Services, job: Job, request: ImportRequest, kind: str | None) -> Opened:
    """Open a file and say what it is and what its columns are."""
    job.progress("read", 0)
    return services.facts.open(request, kind)


def take(services: Services, job: Job, request: ImportRequest) -> ImportReport:
    """Import a file, or tell what an import would do."""
    report = _takes(services, request)(request, job)
    return replace(report, errors=report.errors[:SHOWN])


def _takes(services: Services, request: ImportRequest) -> Callable[[ImportRequest, Job], ImportReport]:
    return services.creators.import_file if request.kind == CREATORS else services.facts.import_file


def save_rejects(services: Services, job: Job, request: ImportRequest, import_id: int | None) -> Path:
    """Write the workbook of rejected rows of an import, or of a check (``import_id`` None); returns its path."""
    path = request.errors_to
    assert path is not None  # noqa: S101 (the caller asked for a file)
    if import_id is None:
        _takes(services, request)(replace(request, dry_run=True), job)
    else:
        job.progress("write", 0)
        rejects = [Reject(one.row, one.column, one.value, one.code) for one in services.workspace.rejected(import_id)]
        services.creators.save_rejects(path, request, rejects)
    return path


def undo(services: Services, job: Job, operation_id: int) -> Undone:
    """Take an operation back."""
    return services.workspace.undo(operation_id, job)


def redo(services: Services, job: Job, operation_id: int) -> Undone:
    """Do an undone operation again."""
    return services.workspace.redo(operation_id, job)


# ---------------------------------------------------------------- tiers


@dataclass(frozen=True, slots=True)
class Moved:
    """One account that moves, with the words that name its creator."""

    id: int
    creator_id: int
    name: str
    platform: str
    followers: int | None
    before: Tier | None
    after: Tier | None


@dataclass(frozen=True, slots=True)
class Moves:
    """Who moves: ``matrix`` counts all accounts by tier before and after, ``rows`` are the first of them."""

    changed: int
    unchanged: int
    matrix: Mapping[tuple[Tier | None, Tier | None], int]
    rows: tuple[Moved, ...]
    policy_version: int


def try_tiers(services: Services, job: Job, toml: str) -> Moves:
    """Who would move under other bands."""
    return _moves(services, services.rating.preview("tiers", toml, job))


def apply_tiers(services: Services, job: Job, toml: str, reason: str) -> PolicyRow:
    """Add a version of the bands; everyone is banded afresh."""
    job.progress("band", 0)
    return services.rating.set_policy("tiers", toml, reason)


def band(services: Services, job: Job) -> Moves:
    """Band every account by the bands in force."""
    return _moves(services, services.rating.run(job=job))


def _moves(services: Services, run: TierRun) -> Moves:
    first = run.moves[:SHOWN]
    known = {row.id: row for row in services.creators.rows(list(dict.fromkeys(move.creator_id for move in first)))}
    rows = []
    for move in first:
        creator = known.get(move.creator_id)
        account = next((one for one in creator.accounts if one.id == move.account_id), None) if creator else None
        rows.append(
            Moved(
                move.account_id,
                move.creator_id,
                creator.name if creator else str(move.creator_id),
                account.platform if account else "",
                account.followers if account else None,
                move.before,
                move.after,
            )
        )
    matrix = Counter((move.before, move.after) for move in run.moves)
    return Moves(run.changed, run.unchanged, dict(matrix), tuple(rows), run.policy_version)


# ---------------------------------------------------------------- credit


def rate(services: Services, job: Job) -> CreditRun:
    """Rate everybody and keep it."""
    return services.rating.run_credit(job=job)


def settle_events(services: Services, job: Job, ids: Sequence[int], confirm: bool, reason: str) -> Settled:  # noqa: FBT001 (arguments travel by position)
    """Confirm or void entries of the ledger; in a file that one person works on also his own, which the dialog has said."""
    return services.rating.settle_events(ids, confirm=confirm, reason=reason, job=job, own=services.rating.alone)


def settle_sanctions(services: Services, job: Job, ids: Sequence[int], approved: bool, reason: str) -> Settled:  # noqa: FBT001
    """Decide cases of the ladder; likewise."""
    return services.rating.settle_sanctions(ids, approved=approved, reason=reason, job=job, own=services.rating.alone)


# ---------------------------------------------------------------- workspace


def back_up(services: Services, job: Job, target: Path) -> Mapping[str, object]:
    """Write a verified archive of the workspace."""
    return services.workspace.backup(target, job)


def examine(services: Services, job: Job, repair: bool) -> list[Check]:  # noqa: FBT001 (arguments travel by position)
    """Look at the workspace's health."""
    return services.workspace.doctor(repair=repair, job=job)


def export(services: Services, job: Job, question: Question, columns: tuple[str, ...], path: Path) -> int:
    """Write the answer to a question as a file; returns the rows."""
    return services.creators.export(question, columns, path, job)


def fill_sample(services: Services, job: Job) -> None:
    """Put the sample brand into a new workspace."""
    sample.fill(services, job)
