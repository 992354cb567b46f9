# SPDX-License-Identifier: Apache-2.0
"""Undo and redo of data: which operation is meant, where it runs, and what is said afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from widgets.dialogs import jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtWidgets import QWidget

    from app.usecases.workspace import Operation, Undone
    from widgets.page import Context

_LARGE: Final = 5_000
"""Rows above which an undo runs in a child process."""


class Steps:
    """Takes the last operation back, or does it again, in the open workspace."""

    def __init__(self, context: Context, owner: QWidget) -> None:
        """Work for a window; its results are dropped when it is gone."""
        self._context, self._owner = context, owner

    def undo(self) -> None:
        """Take the last standing operation of this user back."""
        self._step(last_standing, jobs.undo, "undo")

    def redo(self) -> None:
        """Do the operation that was undone last again."""
        self._step(last_undone, jobs.redo, "redo")

    def _step(self, choose: Callable[[Sequence[Operation], str], Operation | None], job: Callable[..., Undone], word: str) -> None:
        context = self._context
        workspace, me = context.services.workspace, context.services.actor.name

        def chosen(operations: list[Operation]) -> None:
            operation = choose(operations, me)
            if operation is None:
                self._context.messages.toast(self._context.labels(f"{word}.nothing"))
                return
            title = self._context.labels(f"{word}.title", what=self._context.labels.operation(operation.kind, operation.summary))
            if rows_of(operation) > _LARGE:
                self._context.tasks.run_child(self._owner, job, (operation.id,), lambda done: self._stepped(operation, done, word), title=title)
                return
            step = workspace.undo if word == "undo" else workspace.redo
            self._context.tasks.run_job(
                self._owner, lambda task: step(operation.id, task), lambda done: self._stepped(operation, done, word), lane="write", title=title
            )

        self._context.tasks.run(self._owner, workspace.operations, chosen)

    def _stepped(self, operation: Operation, done: Undone, word: str) -> None:
        text = self._context.labels(f"{word}.done", what=self._context.labels.operation(operation.kind, operation.summary))
        other = "redo" if word == "undo" else "undo"
        action: tuple[str, Callable[[], object]] = (self._context.labels(f"command.edit.{other}"), lambda: self._context.act(f"edit.{other}"))
        if done.kept:
            text = f"{text} {self._context.labels.plural('undo.kept', len(done.kept))}"
            action = (self._context.labels("command.edit.history"), lambda: self._context.act("edit.history"))
        self._context.messages.toast(text, kind="ok" if not done.kept else "warning", action=action)


def last_standing(operations: Sequence[Operation], me: str) -> Operation | None:
    """What an undo takes back: the newest operation of this user that stands."""
    return next((one for one in operations if one.undone_at is None and one.by == me), None)


def last_undone(operations: Sequence[Operation], me: str) -> Operation | None:
    """What a redo does again: the operation undone last, unless something was done after that."""
    undone = [one for one in operations if one.undone_at is not None and one.by == me]
    newest = max(undone, key=lambda one: (one.undone_at or 0, -one.id), default=None)
    standing = last_standing(operations, me)
    if newest is None or (standing is not None and standing.at > (newest.undone_at or 0)):
        return None
    return newest


def rows_of(operation: Operation) -> int:
    """About how many rows an operation touched."""
    return sum(value for name in ("inserted", "updated", "creators", "moved") if isinstance(value := operation.summary.get(name), int))
