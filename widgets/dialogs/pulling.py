# SPDX-License-Identifier: Apache-2.0
"""Pulls feeds beside the window: in a child process where the keyring gives it the secrets, in a thread where only this process holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.errors import CancelledError
from app.events import CreatorsChanged, OperationRecorded, SyncChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtCore import QObject

    from app.errors import ProductError
    from app.jobs import Job
    from app.services import Services
    from app.usecases.syncing import Run
    from widgets.page import Context
    from widgets.tasks import Task


def pull(
    context: Context,
    owner: QObject,
    names: tuple[str, ...],
    done: Callable[[Sequence[Run]], None],
    failed: Callable[[ProductError], None],
    *,
    full: bool,
    title: str,
) -> Task:
    """Pull connections by name, or all; ``done`` gets their runs."""
    return _beside(context, owner, _pull, (names, full), done, failed, title)


def pull_due(context: Context, owner: QObject, done: Callable[[Sequence[Run]], None], failed: Callable[[ProductError], None], *, title: str) -> Task:
    """Pull what is due by its schedule."""
    return _beside(context, owner, _pull_due, (), done, failed, title)


def _beside(
    context: Context,
    owner: QObject,
    function: Callable[..., Sequence[Run]],
    arguments: tuple[object, ...],
    done: Callable[[Sequence[Run]], None],
    failed: Callable[[ProductError], None],
    title: str,
) -> Task:
    services, tasks = context.services, context.tasks

    def told() -> None:
        for event in (CreatorsChanged(), OperationRecorded(), SyncChanged()):
            tasks.announced.emit(event)

    def ended(runs: Sequence[Run]) -> None:
        told()
        done(runs)

    def broken(error: ProductError) -> None:
        told()  # what was finished before stands
        failed(error)

    if services.syncing.session_only:
        return tasks.run_job(owner, lambda task: function(services, task, *arguments), ended, broken, lane="net", title=title)
    return tasks.run_child(owner, function, arguments, ended, broken, title=title)


def _pull(services: Services, job: Job, names: tuple[str, ...], full: bool) -> Sequence[Run]:  # noqa: FBT001 (arguments travel by position)
    return _whole(services.syncing.run(names, (), full=full, dry_run=False, job=job))


def _pull_due(services: Services, job: Job) -> Sequence[Run]:
    return _whole(services.syncing.run_due(job))


def _whole(runs: Sequence[Run]) -> Sequence[Run]:
    """Runs as they ended; one that was cancelled ends the task as cancelled."""
    if any(run.state == "cancelled" for run in runs):
        raise CancelledError
    return runs
