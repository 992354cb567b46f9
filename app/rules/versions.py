# SPDX-License-Identifier: Apache-2.0
"""Two people at one row: whose field stands, and where a person has to choose.

An editor carries what it saw. A field that only one of both changed is that one's; a field that both changed alike is nobody's
business; a field that both changed differently is shown with what it was before. Lists of words (tags) never collide: what each
put on or took off holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Seen:
    """What an editor had before the eyes: the row's version, and the values of its fields where they are at hand."""

    version: int
    values: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A change of fields that somebody made, or took back (``before`` is then what the change had made)."""

    by: str
    at: int
    before: Mapping[str, object]
    after: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Collision:
    """A field that two people changed differently. ``by`` and ``at`` tell of the other; None where nobody wrote it down."""

    field: str
    before: object
    theirs: object
    mine: object
    by: str | None = None
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """What is to be written, which fields stay as somebody else left them, and the fields where a person has to choose."""

    take: Mapping[str, object]
    kept: tuple[str, ...] = ()
    collisions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edited:
    """The answer to an edit. With collisions nothing was written: choose, and edit again with ``seen``.

    ``operation_id`` is 0 where nothing changed. ``left`` are the rows of a bulk edit that stayed as others had changed them meanwhile.
    """

    operation_id: int
    seen: Seen
    collisions: tuple[Collision, ...] = ()
    left: tuple[int, ...] = ()


@dataclass(slots=True)
class Chosen:
    """What a person chose where two had changed a field: mine or theirs, field by field."""

    collisions: tuple[Collision, ...]
    mine: set[str] = field(default_factory=set)

    def values(self, typed: Mapping[str, str]) -> dict[str, str]:
        """What was typed, without the fields that stay as the other left them."""
        theirs = {one.field for one in self.collisions} - self.mine
        return {name: text for name, text in typed.items() if name not in theirs}


def merge(before: Mapping[str, object], mine: Mapping[str, object], theirs: Mapping[str, object]) -> Merged:
    """Settle an edit (``mine``: the fields it sets) against what stands now (``theirs``), given what it saw (``before``)."""
    take: dict[str, object] = {}
    kept: list[str] = []
    collisions: list[str] = []
    for name, wanted in mine.items():
        was, stands = before.get(name), theirs.get(name)
        if _several(wanted) or _several(stands) or _several(was):
            words = _joined(_words(was), _words(wanted), _words(stands))
            if words != _words(stands):
                take[name] = tuple(words)
        elif _same(wanted, stands):
            continue
        elif _same(stands, was):
            take[name] = wanted
        elif _same(wanted, was):
            kept.append(name)
        else:
            collisions.append(name)
    return Merged(take, tuple(kept), tuple(collisions))


def seen_before(events: Iterable[Event], versions: int, names: Collection[str], theirs: Mapping[str, object]) -> dict[str, object]:
    """What fields said so many versions ago, from the changes since, newest first: for an editor that knows its version only."""
    before = {name: theirs.get(name) for name in names}
    for _, event in zip(range(versions), events, strict=False):
        before.update({name: value for name, value in event.before.items() if name in before})
    return before


def who(events: Iterable[Event], name: str) -> tuple[str | None, int | None]:
    """Who changed a field last, and when; changes come newest first."""
    for event in events:
        if name in event.before or name in event.after:
            return event.by, event.at
    return None, None


def _same(one: object, other: object) -> bool:
    return one == other or (one in {None, ""} and other in {None, ""})


def _several(value: object) -> bool:
    return isinstance(value, (tuple, list, set, frozenset))


def _words(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, (tuple, list, set, frozenset)) else []


def _joined(before: list[str], mine: list[str], theirs: list[str]) -> list[str]:
    gone = {word for word in before if word not in mine}
    return [word for word in theirs if word not in gone] + [word for word in mine if word not in before and word not in theirs]
