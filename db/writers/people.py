# SPDX-License-Identifier: Apache-2.0
"""Whom the rows of a file of facts name, and which contents: found among what stands, each name looked up once.

A creator may be named by platform and uid, by uid alone where it is unique, by handle, or by nickname where asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.files import Chunk
from app.rules.cells import handle_key
from db import bulk
from db.writers.upsert import Upsert

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from db.writers.operations import Log

NOBODY: Final = "nobody"
"""A row that names no creator at all."""
UNKNOWN: Final = "unknown_creator"

_BY: Final = {
    "uid": "select n.word, a.platform, a.id, a.creator_id from named n join account a on a.platform_uid = n.word",
    "handle": "select n.word, a.platform, a.id, a.creator_id from named n join account a on a.handle_key = n.word order by a.id",
    "name": "select n.word, a.platform, a.id, a.creator_id from named n join creator c on c.name = n.word join account a on a.creator_id = c.id order by a.id",
}
_AMBIGUOUS: Final = {"uid": "ambiguous_uid", "handle": "ambiguous_uid", "name": "ambiguous_key"}


class Person(NamedTuple):
    """An account that a row names; ``account`` None: somebody new that a dry run does not add."""

    platform: str | None
    account: int | None
    creator: int | None


Found = Person | str
"""An account, or the code of why there is none."""


@dataclass(slots=True)
class People:
    """Accounts by what files call them. ``key`` is () for uid, else handle; with ``name`` in it nicknames count too."""

    connection: Connection
    log: Log | None
    now: int
    by: str
    key: tuple[str, ...]
    create: bool
    unknown: dict[str, int] = field(default_factory=dict)
    created: int = 0
    _known: dict[str, dict[str, list[Person]]] = field(default_factory=lambda: {"uid": {}, "handle": {}, "name": {}})
    _new: dict[tuple[str, str | None, str], Person] = field(default_factory=dict)

    def of(self, chunk: Chunk, skip: Sequence[bool] | None = None) -> list[Found]:
        """Whom each row names; ``skip`` marks rows that may stay without."""
        count = len(chunk)
        nothing: Sequence[Any] = [None] * count
        platforms, uids, names = (chunk.columns.get(name, nothing) for name in ("platform", "platform_uid", "name"))
        handles = chunk.columns.get("handle", nothing)
        self._look("uid", uids)
        if not any(handles) and "name" not in self.key:
            found = self._by_uid(platforms, uids)
        else:
            keys = [None if one is None else handle_key(one) for one in handles]
            self._look("handle", keys)
            if "name" in self.key:
                self._look("name", names)
            found = [self._one(*row) for row in zip(platforms, uids, keys, names, strict=True)]
        lost = [at for at, one in enumerate(found) if one == UNKNOWN and not (skip and skip[at])]
        return self._left_over(chunk, found, lost) if lost else found

    def _look(self, kind: str, words: Sequence[Any]) -> None:
        known = self._known[kind]
        fresh = [word for word in dict.fromkeys(words) if word is not None and word not in known]
        if not fresh:
            return
        bulk.keep(self.connection, "named", (("word", "text"),), ((word,) for word in sorted(fresh)))  # in the order of the index
        known.update((word, []) for word in fresh)
        for word, platform, account, creator in bulk.fetch(self.connection, _BY[kind]):
            known[word].append(Person(platform, account, creator))

    def _by_uid(self, platforms: Sequence[str | None], uids: Sequence[str | None]) -> list[Found]:
        if not any(platforms):
            told: dict[str | None, Found] = {uid: self._choice("uid", None, uid) for uid in dict.fromkeys(uids)}
            return [told[uid] for uid in uids]
        pairs = list(zip(platforms, uids, strict=True))
        chosen = {pair: self._choice("uid", *pair) for pair in dict.fromkeys(pairs)}
        return [chosen[pair] for pair in pairs]

    def _one(self, platform: str | None, uid: str | None, handle: str | None, name: str | None) -> Found:
        if uid is not None:
            return self._choice("uid", platform, uid)
        if handle is not None:
            return self._choice("handle", platform, handle)
        return self._choice("name", platform, name) if "name" in self.key else NOBODY

    def _choice(self, kind: str, platform: str | None, word: str | None) -> Found:
        if word is None:
            return NOBODY
        if (new := self._new.get((kind, platform, word))) is not None:
            return new
        hits = self._known[kind][word]
        if platform is not None:
            hits = [one for one in hits if one.platform == platform]
        if len(hits) > 1:
            return _AMBIGUOUS[kind]
        return hits[0] if hits else UNKNOWN

    # ------------------------------------------------------------ those nobody knows

    def _left_over(self, chunk: Chunk, found: list[Found], lost: Sequence[int]) -> list[Found]:
        """Add who is not known where that is asked, else list them."""
        columns: dict[str, Sequence[Any] | None] = {name: chunk.columns.get(name) for name in ("platform", "platform_uid", "handle", "name")}
        if not self.create:
            for at in lost:
                label = _label({name: None if values is None else values[at] for name, values in columns.items()})
                self.unknown[label] = self.unknown.get(label, 0) + 1
            return found
        platforms = columns["platform"]
        places = [at for at in lost if platforms is not None and platforms[at] is not None]
        for at in set(lost) - set(places):
            found[at] = "no_platform"
        if not places:
            return found
        once: dict[tuple[Any, ...], int] = {}
        for at in places:
            once.setdefault(self._identity(columns, at), at)
        if self.log is None:
            self.created += len(once)
            for at in places:
                kind, platform, word = self._identity(columns, at)
                self._new[kind, platform, word] = found[at] = Person(platform, None, None)
            return found
        rows = list(once.values())
        leads = Chunk([chunk.rows[at] for at in rows], {name: [values[at] for at in rows] for name, values in columns.items() if values is not None}, {})
        upsert = Upsert(self.connection, self.log, self.now, self.by, tuple(name for name in self.key if name != "platform"))
        upsert.take(leads)
        self.created += upsert.tally.inserted
        for known in self._known.values():
            for word in [word for word, hits in known.items() if not hits]:
                del known[word]
        return self._again(chunk, found, places)

    def _again(self, chunk: Chunk, found: list[Found], places: Sequence[int]) -> list[Found]:
        part = Chunk([chunk.rows[at] for at in places], {name: [values[at] for at in places] for name, values in chunk.columns.items()}, {})
        for at, one in zip(places, self.of(part, [True] * len(places)), strict=True):
            found[at] = one
        return found

    def _identity(self, columns: Mapping[str, Sequence[Any] | None], at: int) -> tuple[str, str | None, str]:
        row = {name: None if values is None else values[at] for name, values in columns.items()}
        if row["platform_uid"] is not None:
            return "uid", row["platform"], row["platform_uid"]
        if row["handle"] is not None:
            return "handle", row["platform"], handle_key(row["handle"])
        return "name", row["platform"], str(row["name"])


def _label(row: Mapping[str, str | None]) -> str:
    word = row["platform_uid"] or row["handle"] or row["name"] or ""
    return f"{row['platform']}:{word}" if row["platform"] else word


# ---------------------------------------------------------------- contents


class Piece(NamedTuple):
    """A content that a row names."""

    id: int
    platform: str
    creator: int
    account: int


@dataclass(slots=True)
class Contents:
    """Contents by the source's ids."""

    connection: Connection
    _known: dict[str, tuple[Piece, ...]] = field(default_factory=dict)

    def of(self, refs: Sequence[str | None], stated: Iterable[str | None], own: Iterable[str | None]) -> list[Piece | None]:
        """Content of each row; None where it names none, or none that is known, or where several could be meant.

        A platform that a row states is that of its content. Its account's own platform only comes first: whom a platform
        credits with a sale need not be who made the content, and so the only content of that number is meant otherwise.
        """
        known = self._known
        fresh = [ref for ref in dict.fromkeys(refs) if ref is not None and ref not in known]
        if fresh:
            bulk.keep(self.connection, "named", (("word", "text"),), ((ref,) for ref in sorted(fresh)))  # in the order of the index
            known.update(dict.fromkeys(fresh, ()))
            statement = "select n.word, c.id, c.platform, c.creator_id, c.account_id from named n join content c on c.content_id = n.word"
            for word, *rest in bulk.fetch(self.connection, statement):
                known[word] = (*known[word], Piece(*rest))
        return [None if ref is None else _piece(known[ref], *platforms) for ref, *platforms in zip(refs, stated, own, strict=True)]

    def forget(self, refs: Iterable[str]) -> None:
        """Look these up anew."""
        for ref in refs:
            self._known.pop(ref, None)


def _piece(pieces: tuple[Piece, ...], stated: str | None, own: str | None) -> Piece | None:
    if len(pieces) > 1 or stated is not None:
        here = tuple(one for one in pieces if one.platform == (stated or own))
        pieces = here if here or stated is not None else pieces
    return pieces[0] if len(pieces) == 1 else None
