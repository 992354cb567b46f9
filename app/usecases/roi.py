# SPDX-License-Identifier: Apache-2.0
"""Return: sales split over creators, what every creator brought back with its uncertainty, channels of paths."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from app.errors import UsageError, WorkspaceError
from app.events import CreatorsChanged, Event, Events, ReturnsChanged
from app.jobs import Job, Quiet
from app.rules.models import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.rules.paths import Path, PathCredits
    from app.rules.report import Figures
    from app.values import ValueGrade

DIMENSIONS: Final = ("creator", "account", "tier", "group", "platform", "category", "campaign", "content", "product", "month")
"""What returns may be summed by."""


@dataclass(frozen=True, slots=True)
class Span:
    """A period [since, until) of moments; None has no end."""

    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """What a model attributes of the sales of a period: attributed + unattributed = net."""

    model: str
    sales: int
    net_fen: int
    attributed_fen: int
    unattributed_fen: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about returns. ``as_of`` None is now, ``model`` None the policy's, ``policy`` a version of the rules of return."""

    by: str = "creator"
    span: Span = Span()
    as_of: int | None = None
    model: str | None = None
    top: int | None = None
    target: float | None = None
    policy: int | None = None


@dataclass(frozen=True, slots=True)
class ReturnRow:
    """Return of one creator, account, tier, month …; ``label`` is its name, or a code of the dimension's own words."""

    key: int | str | None
    label: str
    figures: Figures
    value_grade: ValueGrade | None


@dataclass(frozen=True, slots=True)
class ReturnReport:
    """Returns in order, best first by the cautious estimate (months by time, others by net revenue), and all of them together."""

    by: str
    model: str
    rows: tuple[ReturnRow, ...]
    found: int
    total: Figures
    unattributed_fen: int
    margin: float
    target: float | None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class OneReturn:
    """What one creator brought back over all time; ``row`` is None where there is neither cost nor sale. ``costs`` are fen by kind."""

    row: ReturnRow | None
    costs: Mapping[str, int]


class ReturnFacts(Protocol):
    """Sums of returns as the facts give them. One method is one transaction."""

    def split(self, span: Span, model: str | None, job: Job) -> Split:
        """Attribute the sales of a period under a model."""

    def report(self, asked: Asked, now: int, job: Job) -> ReturnReport:
        """Returns by a dimension."""

    def one(self, creator_id: int, now: int, job: Job) -> OneReturn:
        """Return of one creator over all time, and its costs."""

    def refresh(self, now: int, job: Job) -> bool:
        """Keep returns and value grades of now, unless they are kept already; whether that was to be done."""

    def paths(self) -> Sequence[Path]:
        """Channel paths."""

    def markov_order(self) -> int:
        """How many channels a state of the Markov model has unless told."""


class Roi:
    """What people ask about returns."""

    def __init__(self, facts: ReturnFacts, zone: str, clock: Callable[[], int], events: Events) -> None:
        """Work on facts. Whoever composes this tells ``follow`` what was saved."""
        self._facts, self.zone, self._clock, self._events = facts, zone, clock, events

    def attribute(self, span: Span | None = None, model: str | None = None, job: Job | None = None) -> Split:
        """Split the sales of a period over creators."""
        _known_model(model)
        return self._facts.split(span or Span(), model, job or Quiet())

    def report(self, asked: Asked, job: Job | None = None) -> ReturnReport:
        """Returns by creator or another dimension."""
        _known_model(asked.model)
        if asked.by not in DIMENSIONS:
            raise UsageError("bad_value", field="by", value=asked.by, reason="unknown_value")
        if asked.target is not None and not asked.target > 0:
            raise UsageError("bad_value", field="target", value=asked.target, reason="bad_number")
        return self._facts.report(asked, self._clock(), job or Quiet())

    def one(self, creator_id: int, job: Job | None = None) -> OneReturn:
        """Return of one creator over all time, and its costs."""
        return self._facts.one(creator_id, self._clock(), job or Quiet())

    def refresh(self, job: Job | None = None) -> None:
        """Bring value grades up to date after facts have changed."""
        if self._facts.refresh(self._clock(), job or Quiet()):
            self._events.announce(CreatorsChanged())

    def follow(self, event: Event) -> None:
        """Let value grades follow what changed."""
        if isinstance(event, ReturnsChanged):
            with suppress(WorkspaceError):  # what changed is saved; grades that cannot follow now do so at the next question
                self.refresh()

    def paths(self, model: str, order: int | None = None) -> tuple[PathCredits, float]:
        """Credit of channels from whole paths, and the seconds that took."""
        from app.rules.paths import credit_paths  # noqa: PLC0415 (start-up: arrays load when there is something to compute)

        started = time.monotonic()
        found = credit_paths(self._facts.paths(), model, self._facts.markov_order() if order is None else order)
        return found, round(time.monotonic() - started, 3)


def _known_model(model: str | None) -> None:
    if model is not None and model not in MODELS:
        raise UsageError("unknown_model", model=model)
