# SPDX-License-Identifier: Apache-2.0
"""Recruiting: the stages a relation with a creator goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from app.events import CreatorsChanged, Events, OperationRecorded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.values import Actor, Stage


class Pipeline(Protocol):
    """Remembers stages. One method is one transaction."""

    def move(self, ids: Sequence[int], stage: Stage, reason: str | None, actor: Actor, now: int) -> int:
        """Move creators to a stage, with a dated step each; returns the operation's id, 0 if nothing changed."""


class Recruiting:
    """What people do with the pipeline."""

    def __init__(self, store: Pipeline, actor: Actor, clock: Callable[[], int], events: Events) -> None:
        """Work on a store as somebody."""
        self._store, self._actor, self._clock, self._events = store, actor, clock, events

    def move(self, ids: Sequence[int], stage: Stage, reason: str | None = None) -> int:
        """Move creators to a stage; returns the operation's id, 0 if nothing changed."""
        done = self._store.move(ids, stage, reason, self._actor, self._clock())
        if done:
            self._events.announce(CreatorsChanged(tuple(ids)), OperationRecorded())
        return done
