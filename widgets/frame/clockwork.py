# SPDX-License-Identifier: Apache-2.0
"""Pulls what is due by itself while the window is open, and on demand; tells the status line when it last went well."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer, Signal

from app.errors import CancelledError, ProductError
from app.events import SyncChanged
from app.rules.rights import Act
from widgets.dialogs import pulling
from widgets.tables.syncing import why

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.events import Event
    from app.usecases.syncing import Connection, Due, Run
    from widgets.page import Context
    from widgets.tasks import Task

_EVERY_MS: Final = 60_000
_FIRST_MS: Final = 5_000
"""After the first paint; what came due while the computer slept or the window was closed is caught up then."""


class Clockwork(QObject):
    """Looks once a minute what is due. One pull at a time; a sleeping computer catches up when it wakes."""

    told = Signal(str)
    """When the last sync was and how it ended, in words; nothing while no platform is connected."""

    def __init__(self, context: Context, parent: QObject) -> None:
        """Begin shortly after the window shows."""
        super().__init__(parent)
        self._context = context
        self._task: Task | None = None
        self._asked = False
        self._timer = QTimer(self, interval=_EVERY_MS)
        self._timer.timeout.connect(self.look)
        self._first = QTimer(self, singleShot=True, interval=_FIRST_MS)
        self._first.timeout.connect(self.look)
        context.tasks.announced.connect(self._heard)
        if context.may(Act.SYNC):
            self._timer.start()
        self._first.start()

    def now(self) -> None:
        """Pull every connection, whatever is due."""
        context = self._context
        if self._task is not None:
            context.messages.toast(context.labels("sync.already"))
            return
        context.tasks.run(self, context.services.syncing.connections, self._pull_all)

    def _pull_all(self, connections: Sequence[Connection]) -> None:
        if not connections:
            self._context.go("syncing", None)
            return
        self._asked = True
        title = self._context.labels("sync.doing", what=self._context.labels("sync.every_connection"))
        self._task = pulling.pull(self._context, self, (), self._done, self._failed, full=False, title=title)

    def _heard(self, event: Event) -> None:
        if isinstance(event, SyncChanged):
            self._tell()

    def look(self) -> None:
        """Pull what is due."""
        self._tell()
        if self._task is None and self._context.may(Act.SYNC):
            syncing = self._context.services.syncing
            self._context.tasks.run(self, lambda: syncing.due(), self._pull_due, lambda _: None)  # noqa: PLW0108 (loads what syncs where it is called)

    def _pull_due(self, due: Sequence[Due]) -> None:
        if due and self._task is None:
            labels = self._context.labels
            names = labels("list.separator").join(dict.fromkeys(one.connection for one in due))
            self._task = pulling.pull_due(self._context, self, self._done, self._failed, title=labels("sync.doing", what=names))

    def _done(self, runs: Sequence[Run]) -> None:
        self._task = None
        asked, self._asked = self._asked, False
        labels, messages = self._context.labels, self._context.messages
        bad = [run for run in runs if run.state in {"failed", "parked"}]
        figures = labels(
            "sync.done.figures",
            received=labels.exact(sum(run.received for run in runs)),
            changed=labels.exact(sum(run.inserted + run.updated for run in runs)),
        )
        show = (labels("sync.show"), lambda: self._context.go("syncing", "runs"))
        # Being offline is a state: the page and the status line say so, and the next look tries again.
        loud = [run for run in bad if asked or run.error != "offline"]
        if loud:
            messages.toast(f"{labels('sync.done.bad')}  {why(loud[0], labels)}", kind="warning", action=show)
        elif asked and not bad:
            messages.toast(f"{labels('sync.done.ok')}  {figures}", kind="ok", action=show)
        self._tell()

    def _failed(self, error: ProductError) -> None:
        self._task = None
        self._asked = False
        if not isinstance(error, CancelledError):
            self._context.messages.show(error)
        self._tell()

    def _tell(self) -> None:
        syncing = self._context.services.syncing
        self._context.tasks.run(self, lambda: (list(syncing.connections()), list(syncing.runs(limit=50))), self._say, lambda _: None)

    def _say(self, found: tuple[list[Connection], list[Run]]) -> None:
        connections, runs = found
        labels = self._context.labels
        if not connections:
            self.told.emit("")
            return
        ended = [run for run in runs if run.ended_at is not None]
        if not ended:
            self.told.emit(labels("sync.status.never"))
            return
        last = max(ended, key=lambda run: (run.ended_at or 0, run.id))
        ago = labels.ago(last.ended_at, time.time_ns() // 1000)
        self.told.emit(labels("sync.status", ago=ago, state=labels(f"run.state.{last.state}")))
