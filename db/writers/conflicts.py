# SPDX-License-Identifier: Apache-2.0
"""Fields that were changed here and at the source: found as records come in, kept until somebody decides."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.rules.merge import merge, same
from db import bulk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sqlalchemy import Connection

    from db.writers.operations import Log
    from db.writers.told import Source, Told

_COLUMNS: Final = ("connection_id", "kind", "key", "table_name", "row_id", "field", "base", "mine", "theirs", "at", "resolved_at", "resolution")
_ANY: Final = "select 1 from conflict where resolved_at is null limit 1"
_OPEN: Final = "select key, field, id, base, theirs from conflict where resolved_at is null and kind = ? and connection_id = ? and "
AGREED: Final = "agreed"
"""How a conflict ends that nobody needs to decide: both sides say the same again."""


class _Open(NamedTuple):
    """A conflict that waits: its row, what stood before both changes, what the source says."""

    id: int
    base: Any
    theirs: Any


@dataclass(slots=True)
class Merging:
    """The records of one page, merged with what stands here."""

    connection: Connection
    source: Source
    log: Callable[[], Log]
    now: int
    found: int = 0
    _open: dict[tuple[str, str], dict[str, _Open]] = field(default_factory=dict)
    _any: bool | None = None
    _new: list[tuple[object, ...]] = field(default_factory=list)
    _changed: list[tuple[int, dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    def look(self, kind: str, told: Sequence[Told]) -> None:
        """Read the conflicts of some records that wait."""
        if self._any is None:
            self._any = bool(bulk.fetch(self.connection, _ANY))
        if self._any and told:
            some, keys = bulk.among(self.connection, "key", [one.key for one in told])
            for key, name, row_id, base, theirs in bulk.fetch(self.connection, _OPEN + some, kind, self.source.connection, keys):
                self._open.setdefault((kind, key), {})[name] = _Open(row_id, json.loads(base), json.loads(theirs))

    def take(self, told: Told, places: Mapping[str, tuple[str, int]], mine: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
        """Fields of a record to take over; what is apart is noted. ``places``: table and row of each field, ``""`` for those not named."""
        theirs = {name: value for name, value in told.changed.items() if name in names}
        waiting = self._open.get((told.kind, told.key), {})
        base = told.base
        if base is not None and waiting:
            base = {**base, **{name: one.base for name, one in waiting.items()}}
        result = merge(base, mine, theirs)
        for name, apart in result.apart.items():
            if (open_ := waiting.get(name)) is None:
                table, row = places.get(name, places[""])
                sides = (json.dumps(side, ensure_ascii=False) for side in (apart.base, apart.mine, apart.theirs))
                self._new.append((self.source.connection, told.kind, told.key, table, row, name, *sides, self.now, None, None))
            elif not same(open_.theirs, apart.theirs):
                before, after = (json.dumps(side, ensure_ascii=False) for side in (open_.theirs, apart.theirs))
                self._changed.append((open_.id, {"theirs": before}, {"theirs": after}))
        for name in waiting.keys() & theirs.keys() - result.apart.keys():
            ended = {"resolved_at": self.now, "resolution": AGREED}
            self._changed.append((waiting[name].id, dict.fromkeys(ended), ended))
        self.found += len(result.apart)
        return result.take

    def write(self) -> None:
        """Keep what was noted."""
        if self._new:
            self.log().insert("conflict", _COLUMNS, self._new)
        if self._changed:
            self.log().changed("conflict", self._changed)
            for row_id, _, after in self._changed:
                bulk.update(self.connection, "conflict", tuple(after), [(*after.values(), row_id)])


# ---------------------------------------------------------------- those that wait


class Waiting(NamedTuple):
    """A conflict that waits, with what stands here now."""

    id: int
    connection_id: int
    kind: str
    key: str
    table: str
    row: int
    field: str
    base: Any
    mine: Any
    theirs: Any
    at: int
    subject: str


_COLUMN_OF: Final = {("collaboration", "account"): "source_account", ("campaign", "account"): "source_account"}
_SUBJECT: Final = {
    "creator": "(select c.name from creator c where c.id = t.id)",
    "account": "(select c.name from creator c where c.id = t.creator_id)",
    "campaign": "coalesce(t.name, t.source_id)",
    "collaboration": "coalesce(t.title, (select c.name from creator c where c.id = t.creator_id) || ' · ' || t.source_id)",
    "content": "coalesce(t.title, t.content_id)",
    "cost_entry": "t.cost_id",
}
CAMPAIGN_KEY: Final = "campaign_key"


def column_of(table: str, name: str) -> str:
    """Column that holds a field; of a campaign's key the column that points at the campaign."""
    return "campaign_id" if name == CAMPAIGN_KEY else _COLUMN_OF.get((table, name), name)


def waiting(connection: Connection, conflict_id: int | None = None) -> list[Waiting]:
    """Conflicts that wait for a decision, the newest first. Where both sides say the same by now there is nothing to decide."""
    statement = "select id, connection_id, kind, key, table_name, row_id, field, base, theirs, at from conflict where resolved_at is null"
    statement += " order by at desc, id desc" if conflict_id is None else " and id = ?"
    rows = bulk.fetch(connection, statement, *(() if conflict_id is None else (conflict_id,)))
    here: dict[tuple[str, str, int], tuple[Any, str]] = {}
    for table, name in {(row[4], row[6]) for row in rows}:
        bulk.keep_ids(connection, {row[5] for row in rows if (row[4], row[6]) == (table, name)})
        shown = "(select c.source_id from campaign c where c.id = t.campaign_id)" if name == CAMPAIGN_KEY else f"t.{bulk.quoted(column_of(table, name))}"
        found = bulk.fetch(connection, f"select t.id, {shown}, {_SUBJECT[table]} from wanted w join {bulk.quoted(table)} t on t.id = w.id")  # noqa: S608 (our names)
        here.update(((table, name, row[0]), (row[1], row[2] or "")) for row in found)
    out = []
    for row in rows:
        at = here.get((row[4], row[6], row[5]))
        theirs = json.loads(row[8])
        if at is not None and not same(at[0], theirs):
            out.append(Waiting._make([*row[:7], json.loads(row[7]), at[0], theirs, row[9], at[1]]))
    return out
