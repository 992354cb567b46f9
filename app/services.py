# SPDX-License-Identifier: Apache-2.0
"""All use cases of an open workspace in one frozen record, and how a workspace is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from app.events import Events
    from app.rules.rights import Rights
    from app.usecases.campaigns import Campaigns
    from app.usecases.content import Fulfilment
    from app.usecases.creators import Creators
    from app.usecases.facts import Facts
    from app.usecases.identity import Identity
    from app.usecases.incentives import Incentives
    from app.usecases.outreach import Outreach
    from app.usecases.privacy import Privacy
    from app.usecases.rating import Rating
    from app.usecases.recruiting import Recruiting
    from app.usecases.roi import Roi
    from app.usecases.syncing import Syncing
    from app.usecases.team import Team
    from app.usecases.today import Today
    from app.usecases.workspace import Workspace
    from app.values import Actor, WorkspaceRef


@dataclass(frozen=True, slots=True)
class TimerEntry:
    """The entry by which the system's own scheduler pulls what is due. ``kind``: systemd, launchd, task_scheduler; None where there is none.

    ``waits``: it was written down, but what would start it does not run now; it begins when the user signs in next.
    """

    installed: bool
    kind: str | None
    file: str | None = None
    waits: bool = False


class Timers(Protocol):
    """Puts a workspace into the system's own scheduler, of the user at hand."""

    def entry(self) -> TimerEntry:
        """What is in place."""

    def install(self) -> TimerEntry:
        """Put the entry in place, or put it there anew; UsageError where the system has none or refuses."""

    def remove(self) -> bool:
        """Take the entry away; whether there was one."""


@dataclass(frozen=True, slots=True)
class Services:
    """What doors hand to the window and the command line; one per open workspace. ``shown`` is its address without a password.

    ``actor`` is who acts and ``rights`` what that allows: on a team's server both are those of the login.
    """

    ref: WorkspaceRef
    shown: str
    zone: str
    read_only: bool
    actor: Actor
    rights: Rights
    events: Events
    workspace: Workspace
    creators: Creators
    facts: Facts
    recruiting: Recruiting
    outreach: Outreach
    incentives: Incentives
    identity: Identity
    privacy: Privacy
    rating: Rating
    roi: Roi
    campaigns: Campaigns
    fulfilment: Fulfilment
    syncing: Syncing
    today: Today
    timers: Timers
    team: Team

    def close(self) -> None:
        """Let go of the workspace."""
        self.workspace.close()


class Open(Protocol):
    """Opens, creates and restores workspaces; picklable, so that a child process can be handed it."""

    def __call__(self, ref: WorkspaceRef, actor: Actor, *, early: bool = False) -> Services:
        """Open an existing workspace; WorkspaceError says why not.

        ``early``: hand over the services at once where all is as usual. The roster's first rows are answered before the
        store is loaded; what has come due meanwhile is done then, and announced.
        """

    def remember(self, ref: WorkspaceRef) -> None:
        """Keep the password of a database's login in the system's keyring; PlatformError says why not."""

    def create(self, ref: WorkspaceRef, actor: Actor, *, force: bool = False) -> Services:
        """Create a workspace; refuses to touch an existing one unless forced."""

    def restore(self, backup: Path, ref: WorkspaceRef, *, force: bool = False) -> Mapping[str, object]:
        """Put a verified backup in a workspace's place; the replaced file is kept beside it."""
