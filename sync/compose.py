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
from app.usecases.rating import Rating
from app.usecases.recruiting import Recruiting
from app.usecases.workspace import Workspace
from db import maintenance
from db.stores.creators import CreatorStore
from db.stores.rating import RatingStore
from db.stores.recruiting import PipelineStore
from db.stores.workspace import WorkspaceStore
from sync.platforms.spreadsheet import Spreadsheets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy import Engine

    from app.services import Open
    from app.values import Actor, WorkspaceRef


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


def _services(engine: Engine, ref: WorkspaceRef, actor: Actor, *, read_only: bool) -> Services:
    actor = actor if actor.device else replace(actor, device=platform.node())
    events = Events()
    house = WorkspaceStore(engine, ref, read_only)
    if not read_only:
        house.expire(now())
    creators = CreatorStore(engine)
    return Services(
        ref=ref,
        actor=actor,
        events=events,
        workspace=Workspace(house, actor, now, events),
        creators=Creators(creators, Spreadsheets(), actor, now, events),
        recruiting=Recruiting(PipelineStore(engine), actor, now, events),
        rating=Rating(RatingStore(engine), actor, now, creators.zone, events),
    )
