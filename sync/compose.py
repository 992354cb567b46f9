# SPDX-License-Identifier: Apache-2.0
"""Builds the services: store, files, clock. The one file that names ``db``.

Doors hand down the opener, never ready services: a workspace is chosen after start and changed while running.
"""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.events import Events
from app.services import Services
from app.usecases.creators import Creators
from app.usecases.facts import Facts
from app.usecases.rating import Rating
from app.usecases.recruiting import Recruiting
from app.usecases.roi import Roi
from app.usecases.workspace import Workspace
from db import maintenance
from db.stores.creators import CreatorStore
from db.stores.facts import FactStore
from db.stores.rating import RatingStore, confirm_due
from db.stores.recruiting import PipelineStore
from db.stores.returns import ReturnStore
from db.stores.workspace import WorkspaceStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from app.files import Files, ImportRequest, Parsed, Preview, Reject
    from app.jobs import Job
    from app.services import Open
    from app.values import Actor, WorkspaceRef
    from db.engine import Database


def now() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Opener:
    """Fulfils ``Open``; holds nothing, so that a child process can be handed it."""

    def __call__(self, ref: WorkspaceRef, actor: Actor) -> Services:
        """Open an existing workspace; WorkspaceError says why not."""
        engine, read_only = maintenance.open_engine(ref)
        return _services(engine, ref, actor, read_only=read_only)

    def create(self, ref: WorkspaceRef, actor: Actor, *, force: bool = False) -> Services:
        """Create a workspace; refuses to touch an existing one unless forced."""
        return _services(maintenance.create(ref, now(), force=force), ref, actor, read_only=False)

    def restore(self, backup: Path, ref: WorkspaceRef, *, force: bool = False) -> Mapping[str, object]:
        """Put a verified backup in a workspace's place; the replaced file is kept beside it."""
        return maintenance.restore(backup, ref, now(), force=force)


def opener() -> Open:
    """What doors hand down."""
    return Opener()


class _Spreadsheets:
    """Fulfils ``Files``; what reads and writes them is loaded with the first file: a window's first paint has none."""

    @property
    def _files(self) -> Files:
        from sync.platforms.spreadsheet import Spreadsheets

        return Spreadsheets()

    def preview(self, request: ImportRequest) -> Preview:
        """Head of a file with the mapping it would get."""
        return self._files.preview(request)

    def parse(self, request: ImportRequest, zone: str, now: int, job: Job) -> Parsed:
        """Read, map, parse and collapse a whole file."""
        return self._files.parse(request, zone, now, job)

    def write_rejects(self, path: Path, request: ImportRequest, rejects: Sequence[Reject]) -> None:
        """Workbook of the rejected rows."""
        self._files.write_rejects(path, request, rejects)

    def write_table(self, path: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
        """CSV or XLSX by ending."""
        return self._files.write_table(path, header, rows)


def _services(engine: Database, ref: WorkspaceRef, actor: Actor, *, read_only: bool) -> Services:
    actor = actor if actor.device else replace(actor, device=platform.node())
    events = Events()
    house = WorkspaceStore(engine, ref, read_only)
    if not read_only:
        house.expire(now())
        confirm_due(engine, actor, now())
    creators = CreatorStore(engine)
    return Services(
        ref=ref,
        actor=actor,
        events=events,
        workspace=Workspace(house, actor, now, events),
        creators=Creators(creators, _Spreadsheets(), actor, now, events),
        facts=Facts(FactStore(engine), _Spreadsheets(), actor, now, events),
        recruiting=Recruiting(PipelineStore(engine), actor, now, events),
        rating=Rating(RatingStore(engine), actor, now, creators.zone, events),
        roi=Roi(ReturnStore(engine, read_only), creators.zone, now, events),
    )
