# SPDX-License-Identifier: Apache-2.0
"""What became of a creator since somebody looked: its fields as they stand, who changed them, and what others did in the workspace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from app.rules import versions
from app.rules.fields import METRIC_PREFIX
from app.rules.versions import Collision, Event, Seen
from app.usecases.workspace import Foreign, News
from db import bulk
from db.writers import undo
from db.writers.edits import ACCOUNT_COLUMNS
from db.writers.incoming import is_figure
from db.writers.upsert import CREATOR_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from app.rules.versions import Merged

_LATEST: Final = (
    "select m.value, o.by, m.recorded_at from account_metric m left join operation o on o.id = m.operation_id where m.account_id = ? and m.name = ?"
    " and (m.value is not null or m.raw is null) and m.as_of <= ? order by m.as_of desc limit 1"
)
_CHANGES: Final = (
    "select c.before, c.after, o.by, o.at, o.undone_by, o.undone_at from change c join operation o on o.id = c.operation_id"
    " where (c.table_name = 'creator' and c.row_id = ?) or (c.table_name = 'account' and c.row_id = ?) order by c.id desc limit 400"
)
_CHANGED_SINCE: Final = (
    "select w.id, c.before from change c join {owner} join operation o on o.id = c.operation_id where c.operation_id > ? and c.table_name = ?"
    " and o.undone_at is null"
)
_DONE: Final = "select seq, action, object, login, device, at from audit where seq > ? order by seq limit 500"
_SIZE: Final = (
    "select (select count(*) from (select 1 from change where operation_id = ? limit 1001) t)"
    " + coalesce((select sum(last - first + 1) from inserted where operation_id = ?), 0) / 20"
)
"""Rows of an operation as they count towards "many": what is new brings many small rows for one creator."""
_MOST: Final = 1_000
"""Creators of somebody else's operation that are named one by one; of more it counts as "many"."""


class Standing:
    """A creator as it stands: its fields, and who made of them what they are."""

    def __init__(self, connection: Connection, creator_id: int, now: int) -> None:
        """Look at a creator; ``version`` is 0 where it is gone."""
        self._connection, self._id, self._now = connection, creator_id, now
        found = bulk.fetch(connection, "select version, main_account_id from creator where id = ?", creator_id)
        self.version: int = found[0][0] if found else 0
        self._account: int | None = found[0][1] if found else None
        self._figures: dict[str, tuple[str | None, int | None]] = {}

    def values(self, names: Sequence[str]) -> dict[str, object]:
        """What fields say now, as they are stored."""
        out: dict[str, object] = {}
        for table, row_id, columns in (("creator", self._id, CREATOR_COLUMNS), ("account", self._account, ACCOUNT_COLUMNS)):
            wanted = [name for name in names if name in columns]
            if wanted and row_id is not None:
                selected = ", ".join(map(bulk.quoted, wanted))
                row = bulk.fetch(self._connection, f"select {selected} from {table} where id = ?", row_id)[0]  # noqa: S608 (our names)
                out.update(zip(wanted, row, strict=True))
        if "tags" in names:
            out["tags"] = tuple(row[0] for row in bulk.fetch(self._connection, "select tag from creator_tag where creator_id = ? order by id", self._id))
        for name in (name for name in names if is_figure(name)):
            found = bulk.fetch(self._connection, _LATEST, self._account, name.removeprefix(METRIC_PREFIX), self._now)
            out[name] = found[0][0] if found else None
            self._figures[name] = found[0][1:] if found else (None, None)
        return out

    def events(self) -> list[Event]:
        """Who changed its fields, the newest first; an undo is a change back."""
        told: list[Event] = []
        for before, after, by, at, undone_by, undone_at in bulk.fetch(self._connection, _CHANGES, self._id, self._account):
            was, became = json.loads(before or "{}"), json.loads(after or "{}")
            told.append(Event(by, at, was, became))
            if undone_at is not None:
                told.append(Event(undone_by or by, undone_at, became, was))
        return sorted(told, key=lambda event: event.at, reverse=True)

    def merge(self, seen: Seen, mine: Mapping[str, object]) -> tuple[Merged, tuple[Collision, ...], Seen]:
        """Settle an edit against what stands; the collisions with their authors, and what the next try has seen."""
        names = list(mine)
        theirs = self.values(names)
        before: Mapping[str, object] = theirs
        if seen.values is not None:
            before = {**theirs, **seen.values}
        elif seen.version != self.version:
            before = versions.seen_before(self.events(), self.version - seen.version, names, theirs)
        merged = versions.merge(before, mine, theirs)
        collisions = tuple(self._collision(name, before, mine, theirs) for name in merged.collisions)
        return merged, collisions, Seen(self.version, theirs)

    def _collision(self, name: str, before: Mapping[str, object], mine: Mapping[str, object], theirs: Mapping[str, object]) -> Collision:
        by, at = self._figures.get(name) or versions.who(self.events(), name)
        return Collision(name, before.get(name), theirs.get(name), mine[name], by, at)


def changed_since(connection: Connection, ids: Sequence[int], since: int, names: Sequence[str]) -> list[int]:
    """Creators of which a later operation than ``since`` that stands has changed one of these fields."""
    wanted = set(names)
    bulk.keep_ids(connection, dict.fromkeys(ids))
    found: dict[int, None] = {}
    for table, owner in (("creator", "wanted w on w.id = c.row_id"), ("account", "account a on a.id = c.row_id join wanted w on w.id = a.creator_id")):
        for creator, before in bulk.fetch(connection, _CHANGED_SINCE.format(owner=owner), since, table):
            if wanted & json.loads(before or "{}").keys():
                found[creator] = None
    return list(found)


def news(connection: Connection, since: int) -> News:
    """What was done after an entry of the audit chain, oldest first."""
    done: list[Foreign] = []
    for seq, action, target, login, device, at in bulk.fetch(connection, _DONE, since):
        since = seq
        done.append(Foreign(action, login, device, at, _concerned(connection, target)))
    return News(since, tuple(done))


def _concerned(connection: Connection, target: str) -> tuple[int, ...]:
    kind, _, number = target.partition(":")
    if kind != "operation" or not number.isdecimal() or bulk.fetch(connection, _SIZE, int(number), int(number))[0][0] > _MOST:
        return ()
    spans = undo.concerned(connection, int(number))
    if sum(last - first + 1 for first, last in spans) > _MOST:
        return ()
    return tuple(one for first, last in spans for one in range(first, last + 1))
