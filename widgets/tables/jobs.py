# SPDX-License-Identifier: Apache-2.0
"""What a table has done in a child process: changes of many rows, and files of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.values import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from app.jobs import Job
    from app.rules.versions import Edited
    from app.services import Services
    from app.usecases.creators import Question


def edit(services: Services, job: Job, ids: Sequence[int], values: Mapping[str, str], reason: str | None) -> int:
    """Set fields of many creators."""
    job.progress("upsert", 0, len(ids))
    return services.creators.edit(ids, values, reason)


def edit_since(services: Services, job: Job, ids: Sequence[int], values: Mapping[str, str], since: int, reason: str | None) -> Edited:
    """Set fields of many creators; those whose same fields somebody changed after an operation stay."""
    job.progress("upsert", 0, len(ids))
    return services.creators.edit_since(ids, values, since, reason)


def tag(services: Services, job: Job, ids: Sequence[int], add: Sequence[str], remove: Sequence[str]) -> int:
    """Add and take off tags of many creators."""
    job.progress("upsert", 0, len(ids))
    return services.creators.tag(ids, add, remove)


def move(services: Services, job: Job, ids: Sequence[int], stage: int, reason: str | None) -> int:
    """Move many creators to a stage."""
    job.progress("upsert", 0, len(ids))
    return services.recruiting.move(ids, Stage(stage), reason)


def export(services: Services, job: Job, question: Question, columns: Sequence[str], path: Path) -> int:
    """Write an answer as a file; returns its rows."""
    return services.creators.export(question, columns, path, job)
