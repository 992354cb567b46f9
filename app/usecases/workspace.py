# SPDX-License-Identifier: Apache-2.0
"""The workspace itself: what is in it, its operations and their undo, its health, backup and audit trail.

A tenth word beside the product's nine areas: what it does concerns all of them and none in particular.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from app.events import CreatorsChanged, Event, Events, OperationRecorded, PoliciesChanged, ReturnsChanged, SyncChanged
from app.jobs import Job, Quiet
from app.rules.rights import Act

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from app.rules.rights import Rights
    from app.values import Actor


@dataclass(frozen=True, slots=True)
class Info:
    """What is in a workspace. ``content_hash`` is SHA-256 over the facts that stand."""

    workspace: str
    schema_version: int
    engine: str
    sqlite_version: str | None
    content_hash: str | None
    counts: Mapping[str, int]
    zone: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """Something an undo left as it is, and why (a code under ``kept.<code>``)."""

    table: str
    id: int
    field: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo or redo did, counted as the operation's own report counts: in records, not in rows of tables."""

    operation_id: int
    kind: str
    inserted_removed: int
    updates_reverted: int
    kept: tuple[Kept, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing somebody did to data. ``summary`` is kind-specific (file, counts, mapping ...)."""

    id: int
    kind: str
    at: int
    by: str
    undone_at: int | None
    summary: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row of a file that an import did not take, with its reason (a code under ``reject.<code>``)."""

    row: int
    column: str | None
    value: str
    code: str


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of the doctor or of the audit check; ``name`` is a code under ``check.<name>``."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something that was done: by whom, on which device, when, and the creators concerned; empty for many, or for none in particular."""

    action: str
    by: str
    device: str
    at: int
    ids: tuple[int, ...]

    def events(self) -> tuple[Event, ...]:
        """What a window is told of it, as if it had been done there."""
        told: list[Event] = [CreatorsChanged(self.ids), OperationRecorded()]
        if self.action.startswith(("undo", "redo", "policy.")):
            told.append(PoliciesChanged())
        if self.action.startswith(("undo", "redo", "import.", "sync.", "conflict.")):
            told.append(ReturnsChanged())
        if self.action.startswith(("undo", "redo", "sync.", "conflict.", "connection.")):
            told.append(SyncChanged())
        return tuple(told)


@dataclass(frozen=True, slots=True)
class News:
    """What was done since somebody looked last, oldest first. ``mark``: what to look from next time."""

    mark: int
    done: tuple[Foreign, ...]


class Ear(Protocol):
    """Hears when others write, as it happens."""

    def wait(self, seconds: float) -> bool:
        """Whether somebody else wrote within so many seconds; WorkspaceError once the way there is gone."""

    def close(self) -> None:
        """Hear no more."""


class House(Protocol):
    """Looks after the workspace as a whole. One method is one transaction."""

    def info(self, with_hash: bool) -> Info:  # noqa: FBT001 (a port's own word)
        """Contents; the hash reads everything."""

    def operations(self, kind: str | tuple[str, ...] | None = None, limit: int = 200) -> list[Operation]:
        """Newest first; ``kind`` is a prefix, as ``import.``, or several."""

    def rejected(self, operation_id: int) -> list[RejectedRow]:
        """Rows that an import did not take, in the file's order."""

    def concerned(self, operation_id: int) -> list[tuple[int, int]]:
        """Creators that an operation added or changed and that are still there, as spans of ids."""

    def undo(self, operation_id: int, actor: Actor, now: int, job: Job) -> Undone:
        """Take one operation back, whole, even after later ones; what cannot be taken back is listed."""

    def redo(self, operation_id: int, actor: Actor, now: int, job: Job) -> Undone:
        """Do an undone operation again."""

    def doctor(self, repair: bool, job: Job) -> list[Check]:  # noqa: FBT001
        """Integrity of file, keys, search index, figures and audit chain."""

    def verify_audit(self) -> list[Check]:
        """Whether the audit chain is whole; names the first broken number."""

    def backup(self, target: Path, now: int, job: Job) -> Mapping[str, object]:
        """Verified copy; returns what was checked."""

    def data_version(self) -> int:
        """Grows when another process has written."""

    def news(self, since: int | None) -> News:
        """What was done since; None begins: nothing is told, only from where to look."""

    def ear(self) -> Ear | None:
        """Hears of others' writes as they happen; None where one has to look."""

    def close(self) -> None:
        """Let go of the file."""


class Workspace:
    """What people do with the workspace as a whole."""

    def __init__(self, store: House, actor: Actor, clock: Callable[[], int], events: Events, rights: Rights) -> None:
        """Work on a store as somebody with rights."""
        self._store, self._actor, self._clock, self._events, self._rights = store, actor, clock, events, rights

    def info(self, *, with_hash: bool = False) -> Info:
        """Contents; the hash reads everything."""
        return self._store.info(with_hash)

    def operations(self, kind: str | tuple[str, ...] | None = None, limit: int = 200) -> list[Operation]:
        """Newest first; ``kind`` is a prefix, as ``import.``, or several."""
        return self._store.operations(kind, limit)

    def rejected(self, operation_id: int) -> list[RejectedRow]:
        """Rows that an import did not take, in the file's order."""
        return self._store.rejected(operation_id)

    def concerned(self, operation_id: int) -> list[tuple[int, int]]:
        """Creators that an operation added or changed, as spans of ids, first to last."""
        return self._store.concerned(operation_id)

    def undo(self, operation_id: int, job: Job | None = None) -> Undone:
        """Take one operation back, whole."""
        return self._done(self._store.undo(operation_id, self._actor, self._clock(), job or Quiet()))

    def redo(self, operation_id: int, job: Job | None = None) -> Undone:
        """Do an undone operation again."""
        return self._done(self._store.redo(operation_id, self._actor, self._clock(), job or Quiet()))

    def _done(self, undone: Undone) -> Undone:
        self._events.announce(CreatorsChanged(), PoliciesChanged(), OperationRecorded())
        if undone.kind.startswith(("import.", "sync.", "conflict.")) or undone.kind == "policy.set":
            self._events.announce(ReturnsChanged())
        return undone

    def doctor(self, *, repair: bool = False, job: Job | None = None) -> list[Check]:
        """Findings about the workspace's health; ``repair`` computes search index and figures anew."""
        if repair:
            self._rights.demand(Act.REPAIR)
        return self._store.doctor(repair, job or Quiet())

    def verify_audit(self) -> list[Check]:
        """Whether the audit chain is whole; names the first broken number."""
        return self._store.verify_audit()

    def backup(self, target: Path, job: Job | None = None) -> Mapping[str, object]:
        """Verified archive of the workspace; returns what was checked."""
        self._rights.demand(Act.BACKUP)
        return self._store.backup(target, self._clock(), job or Quiet())

    def data_version(self) -> int:
        """Changes when somebody else has written."""
        return self._store.data_version()

    def news(self, since: int | None) -> News:
        """What was done since; None begins: nothing is told, only from where to look."""
        return self._store.news(since)

    def ear(self) -> Ear | None:
        """Hears of others' writes as they happen; None where one has to look."""
        return self._store.ear()

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()
