# SPDX-License-Identifier: Apache-2.0
"""Three-way merge, field by field: what a source told before, what stands here, what it tells now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Apart:
    """A field that was changed here and there."""

    base: object
    mine: object
    theirs: object


@dataclass(frozen=True, slots=True)
class Merged:
    """What comes of a record: fields to take over, fields to decide on, and fields in which both sides say the same."""

    take: dict[str, object] = field(default_factory=dict)
    apart: dict[str, Apart] = field(default_factory=dict)
    agreed: frozenset[str] = frozenset()


def merge(base: Mapping[str, object] | None, mine: Mapping[str, object], theirs: Mapping[str, object]) -> Merged:
    """Decide every field that the source tells.

    Only the source changed it: take it over. Only we did: ours stays. Both did, alike: nothing to do. Both, apart: ours stays
    until somebody decides. A source that never told of the record (``base`` None) fills what is empty here and contradicts nothing.
    """
    take: dict[str, object] = {}
    apart: dict[str, Apart] = {}
    agreed = set()
    for name, told in theirs.items():
        here = mine.get(name)
        if same(here, told):
            agreed.add(name)
        elif base is None:
            if here is None:
                take[name] = told
        elif not same(before := base.get(name), told):
            if same(here, before):
                take[name] = told
            else:
                apart[name] = Apart(before, here, told)
    return Merged(take, apart, frozenset(agreed))


def same(one: object, other: object) -> bool:
    """Whether two values are one; 1, 1.0 and true are one only where they are of a kind."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)
