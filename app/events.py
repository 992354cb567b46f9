# SPDX-License-Identifier: Apache-2.0
"""What has changed, as small frozen records, and the list of those who want to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Event:
    """Something was saved. ``ids`` names the creators concerned, or is empty for "many"."""

    ids: tuple[int, ...] = ()


class CreatorsChanged(Event):
    """Creators, accounts, tags or tiers changed."""


class PoliciesChanged(Event):
    """A rule got a new version."""


class ReturnsChanged(Event):
    """Sales, costs or what they hang on changed, and with them what creators brought back."""


class RecruitingChanged(Event):
    """Contacts, templates, plans, training, entitlements or whom outreach leaves alone changed."""


class CampaignsChanged(Event):
    """Campaigns, collaborations, prices, due posts or samples changed; ``ids`` are theirs, not creators'."""


class SyncChanged(Event):
    """Connections, runs, conflicts or what is due changed."""


class OperationRecorded(Event):
    """An operation was done, undone or redone; undo lists are stale."""


@dataclass(slots=True)
class Events:
    """Announces after the save; listeners are called in the caller's thread, in order."""

    _listeners: list[Callable[[Event], None]] = field(default_factory=list)

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Add a listener; the returned function takes it off again."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def announce(self, *events: Event) -> None:
        """Tell every listener of every event."""
        for event in events:
            for listener in tuple(self._listeners):
                listener(event)
