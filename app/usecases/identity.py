# SPDX-License-Identifier: Apache-2.0
"""One person, many accounts: who may be one, one after the other to decide, merged and parted again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from app.errors import UsageError
from app.events import CreatorsChanged, Events, OperationRecorded, ReturnsChanged
from app.jobs import Job, Quiet
from app.rules import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.rules.identity import Crowded, Evidence
    from app.usecases.creators import RosterRow
    from app.usecases.workspace import Undone
    from app.values import Actor

LEAST: Final = 0.9
SURE: Final = 0.99
"""From this probability on pairs may be accepted many at a time."""
SIDES: Final = ("a", "b", "both")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two creators that may be one person. ``word`` is a code under ``identity.<word>``, each evidence one under ``evidence.<code>``."""

    a: int
    b: int
    score: float
    evidence: tuple[Evidence, ...]
    put_off: bool = False

    @property
    def word(self) -> str:
        """very_likely, likely or unsure."""
        return identity.word(self.score)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at everybody found: pairs, the likeliest first (as many as were asked for), how many there are, what was too crowded to be looked at in full."""

    pairs: tuple[Pair, ...]
    found: int
    creators: int
    compared: int
    crowded: tuple[Crowded, ...]


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """A field that two creators say differently: both values, and whose stays unless somebody says otherwise (a, b)."""

    name: str
    a: object
    b: object
    side: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A pair side by side: ``a`` stays in a merge, ``b`` goes. ``hanging``: rows of each table that hang on either."""

    pair: Pair
    a: RosterRow
    b: RosterRow
    choices: tuple[FieldChoice, ...]
    hanging: Mapping[str, tuple[int, int]]
    left: int


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge that was made. ``split``: it was taken back."""

    id: int
    operation_id: int
    creator_id: int
    gone_id: int
    name: str
    chosen: Mapping[str, str]
    reason: str | None
    by: str
    at: int
    split: bool


@dataclass(frozen=True, slots=True)
class Merged:
    """What many merges at once came to: those made, and pairs that no longer were two creators to merge."""

    merges: tuple[int, ...]
    left: tuple[tuple[int, int], ...]


class People(Protocol):
    """Remembers who is one person. One method is one transaction."""

    def look(self, least: float, limit: int | None, now: int, job: Job) -> Looked:
        """Compare everybody and keep the pairs found for the queue; pairs said to be two people's are left out."""

    def waiting(self, least: float) -> int:
        """Pairs of the queue that wait."""

    def next_pair(self, least: float, after: int) -> Pair | None:
        """The likeliest pair that waits, those put off last; ``after`` leaves out so many."""

    def pair(self, a: int, b: int) -> Pair:
        """A pair of the queue, or two creators of whom nothing was found."""

    def compare(self, pair: Pair, least: float) -> Compared:
        """Both side by side."""

    def merge(self, a: int, b: int, chosen: Mapping[str, str], reason: str | None, actor: Actor, now: int) -> Merge:
        """Make two creators one; ``a`` stays."""

    def merge_sure(self, least: float, limit: int, actor: Actor, now: int, job: Job) -> Merged:
        """Merge the pairs of the queue from a probability on, each by itself."""

    def split(self, merge_id: int, actor: Actor, now: int, job: Job) -> Undone:
        """Take a merge back."""

    def apart(self, a: int, b: int, reason: str | None, actor: Actor, now: int) -> int:
        """Remember that two creators are two people; returns the operation's id, 0 where it was known."""

    def put_off(self, a: int, b: int, now: int) -> None:
        """Leave a pair for later."""

    def merges(self, creator_id: int | None, limit: int) -> list[Merge]:
        """Merges, the newest first; of one creator or of all."""


class Identity:
    """What people do about one person with many accounts."""

    def __init__(self, store: People, actor: Actor, clock: Callable[[], int], events: Events) -> None:
        """Work on a store as somebody."""
        self._store, self._actor, self._clock, self._events = store, actor, clock, events

    def suggest(self, least: float = LEAST, limit: int | None = None, job: Job | None = None) -> Looked:
        """Compare everybody with everybody who shares a key; what is found waits in the queue."""
        if not 0 < least <= 1:
            raise UsageError("value_invalid", field="min", value=least)
        return self._store.look(least, limit, self._clock(), job or Quiet())

    def waiting(self, least: float = LEAST) -> int:
        """Pairs that wait for a word."""
        return self._store.waiting(least)

    def next_pair(self, least: float = LEAST, after: int = 0) -> Compared | None:
        """The next pair side by side, the likeliest first, those put off last; None where none waits."""
        pair = self._store.next_pair(least, after)
        return None if pair is None else self._store.compare(pair, least)

    def compare(self, a: int, b: int) -> Compared:
        """Any two creators side by side."""
        return self._store.compare(self._store.pair(a, b), LEAST)

    def same(self, a: int, b: int, reason: str | None = None, chosen: Mapping[str, str] | None = None) -> Merge:
        """Make two creators one: ``a`` stays, with all that hung on ``b``. ``chosen``: whose value of a field stays (a, b; of notes both)."""
        if a == b:
            raise UsageError("merge_itself", id=a)
        for name, side in (chosen or {}).items():
            if side not in SIDES or (side == "both" and name != "notes"):
                raise UsageError("value_invalid", field=name, value=side)
        done = self._store.merge(a, b, chosen or {}, reason or None, self._actor, self._clock())
        self._changed((a, b))
        return done

    def accept_sure(self, least: float = SURE, limit: int = 1_000, job: Job | None = None) -> Merged:
        """Merge every pair of the queue that is as good as certain; each can be split by itself."""
        if least < SURE:
            raise UsageError("merge_unsure", least=SURE)
        done = self._store.merge_sure(least, limit, self._actor, self._clock(), job or Quiet())
        if done.merges:
            self._changed(())
        return done

    def split(self, merge_id: int, job: Job | None = None) -> Undone:
        """Take a merge back: both are as they were; what stays as it is is listed with the reason."""
        done = self._store.split(merge_id, self._actor, self._clock(), job or Quiet())
        self._changed(())
        return done

    def different(self, a: int, b: int, reason: str | None = None) -> int:
        """Remember that two creators are two people: they are not suggested again; returns the operation's id, 0 where it was known."""
        if a == b:
            raise UsageError("merge_itself", id=a)
        done = self._store.apart(a, b, reason or None, self._actor, self._clock())
        if done:
            self._events.announce(OperationRecorded())
        return done

    def later(self, a: int, b: int) -> None:
        """Leave a pair for later: it comes after all others."""
        self._store.put_off(a, b, self._clock())

    def merges(self, creator_id: int | None = None, limit: int = 200) -> list[Merge]:
        """Merges, the newest first; of one creator (stayed or gone) or of all."""
        return self._store.merges(creator_id, limit)

    def _changed(self, ids: Sequence[int]) -> None:
        self._events.announce(CreatorsChanged(tuple(ids)), OperationRecorded(), ReturnsChanged())
