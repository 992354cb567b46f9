# SPDX-License-Identifier: Apache-2.0
"""The command of ``koc`` about the day: what waits for whom and by when, and what changed meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli_files import Context
from app.errors import UsageError
from app.grammar import command, session_of, when
from app.terminal import minute, table
from app.usecases.today import Whose
from app.values import iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.usecases.today import Change, Task
    from app.words import Words


def _today(
    context: Context,
    whose: Annotated[str, typer.Option("--whose", metavar="|".join(Whose), help="help.option.whose")] = Whose.ALL,
    since: Annotated[str | None, typer.Option("--since", metavar="DATE", help="help.option.since")] = None,
) -> None:
    session = session_of(context)
    if whose not in list(Whose):
        raise UsageError("bad_value", field="whose", value=whose, reason="unknown_value")
    with session.services() as services:
        tasks = services.today.tasks(Whose(whose))
        moment, changes = services.today.changes(None if since is None else when(since, "since", services.creators.zone))
    words = session.words
    rows = [(minute(task.due_at), "!" if task.overdue else "", _said(task, "task", words)) for task in tasks]
    rows += [("", "", _said(change, "change", words)) for change in changes]
    document = {"tasks": [_task(one) for one in tasks], "since": iso(moment), "changes": [_change(one) for one in changes]}
    session.answer(document, lambda: table([words("today.col.when"), "!", words("today.col.what")], rows))


def _said(one: Task | Change, family: str, words: Words) -> str:
    details = {name: str(value) for name, value in one.details.items()}
    return words.plural(f"today.{family}.{one.kind}", one.count, **{**details, "count": one.count, "name": getattr(one, "name", "")})


def _task(one: Task) -> Mapping[str, object]:
    return {
        "kind": one.kind,
        "count": one.count,
        "due_at": None if one.due_at is None else iso(one.due_at),
        "overdue": one.overdue,
        "creator_id": one.creator_id,
        "name": one.name,
        "where": one.where,
        "details": dict(one.details),
    }


def _change(one: Change) -> Mapping[str, object]:
    return {"kind": one.kind, "count": one.count, "where": one.where, "details": dict(one.details)}


def add_to(koc: typer.Typer) -> None:
    """Put this command under the program's word."""
    command(koc, "today", "today")(_today)
