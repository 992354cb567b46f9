# SPDX-License-Identifier: Apache-2.0
"""Contents with their dated figures, and the sales and costs that waited for a content to be known.

A figure without a day of its own is a new dated row only where it differs from the latest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from app.rules.facts import FIGURES
from db import bulk
from db.writers.facts import FactUpsert, Incoming, merged
from db.writers.people import Contents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.files import Chunk

_COLUMNS: Final = ("content_id", "as_of", *FIGURES, "stated", "operation_id", "recorded_at")
_FIGURES: Final = f"""
select f.pos, m.id, m.as_of, {", ".join(f"m.{name}" for name in FIGURES)} from figures f
join content_metric m on m.content_id = f.content_id order by f.pos, m.as_of
"""  # noqa: S608 (our names)
_WAITING: Final = """
select t.id, t.content_id, t.content_ref, {platform}, a.platform from {table} t left join account a on a.id = t.account_id
where t.content_ref is not null and exists (select 1 from content c where c.content_id = t.content_ref and c.id >= ?)
order by t.id
"""
"""Rows that wait for a content that is known now."""
_SHARED: Final = """
select distinct c.id, c.content_id from content o join content c on c.content_id = o.content_id and c.id <> o.id
where o.id >= ? and exists (select 1 from {table} where content_id is not null)
"""
"""Contents whose number another platform's new content bears as well."""
_TIED: Final = """
select t.id, t.content_id, s.word, {platform}, a.platform from shared s join {table} t on t.content_id = s.id
left join account a on a.id = t.account_id order by t.id
"""
_AT_ONCE: Final = 50_000


@dataclass(slots=True)
class _Told:
    """What became of the figures of some rows."""

    inserted: set[int] = field(default_factory=set)
    updated: set[int] = field(default_factory=set)
    new: list[tuple[Any, ...]] = field(default_factory=list)
    corrected: list[tuple[int, dict[str, Any], dict[str, Any]]] = field(default_factory=list)


@dataclass(slots=True)
class ContentUpsert(FactUpsert):
    """A file of contents, or of figures: rows are counted by content, or by content and day."""

    _first: int = 0

    def take(self, chunk: Chunk) -> None:
        """Take some rows in."""
        rows = self.incoming(chunk)
        if not len(rows):
            return
        place = {number: at for at, number in enumerate(chunk.rows)}
        kept = [place[number] for number in rows.numbers]
        rows.figures = {name: [values[at] for at in kept] for name, values in chunk.columns.items() if name in {*FIGURES, "as_of"}}
        keys = self.keys(rows)
        base = rows if len(set(keys)) == len(rows) else merged(rows, keys)
        if self.kind == "contents":
            self.tally.duplicates += len(rows) - len(base)
            if len(base) < len(rows):
                rows = self._latest(rows, keys, base)
                keys = self.keys(rows)
        self._take(rows, keys, base)

    @staticmethod
    def _latest(rows: Incoming, keys: Sequence[Any], base: Incoming) -> Incoming:
        """Figures of rows that are one content by other words: the last filled cell counts."""
        whole = merged(Incoming(rows.numbers, rows.labels, {**rows.columns, **{f"={name}": values for name, values in rows.figures.items()}}), keys)
        figures = {name[1:]: values for name, values in whole.columns.items() if name.startswith("=")}
        return Incoming(base.numbers, base.labels, base.columns, figures)

    def _take(self, rows: Incoming, keys: Sequence[Any], base: Incoming) -> None:
        known = self.known(base)
        edits = self.edits(base, known)
        self.write_edits(base, known, edits)
        old = set(known.places)
        new = [at for at in range(len(base)) if at not in old]
        first = self.insert(base.only(new)) if new else 0
        self._first = self._first or first
        base_keys = self.keys(base)
        ids: dict[Any, int | None] = {base_keys[at]: one for at, one in zip(known.places, known.ids, strict=True)}
        ids.update({base_keys[at]: first + step if first else None for step, at in enumerate(new)})
        told = self._figures(rows, [ids[key] for key in keys], frozenset(base_keys[at] for at in new), keys)
        self._write_figures(told)
        if self.kind == "contents":
            changed = set(edits) | (told.inserted | told.updated) & old
            self.tally.inserted += len(new)
            self.tally.updated += len(changed)
            self.tally.unchanged += len(base) - len(new) - len(changed)
            return
        moved = {base_keys[at] for at in edits}
        updated = told.updated | {at for at, key in enumerate(keys) if key in moved and at not in told.inserted}
        self.tally.inserted += len(told.inserted)
        self.tally.updated += len(updated)
        self.tally.unchanged += len(rows) - len(told.inserted) - len(updated)

    def finish(self) -> None:
        """Tie sales and costs to the contents that they had waited for, or to the one that is meant now that two bear its number."""
        if self.log is None or not self._first:
            return
        for table, platform in (("sale", "t.platform"), ("cost_entry", "null")):
            rows = bulk.fetch(self.connection, _WAITING.format(table=table, platform=platform), self._first)
            if shared := bulk.fetch(self.connection, _SHARED.format(table=table), self._first):
                bulk.keep(self.connection, "shared", (("id", "bigint"), ("word", "text")), shared)
                rows += bulk.fetch(self.connection, _TIED.format(table=table, platform=platform))
            for first in range(0, len(rows), _AT_ONCE):
                self._tie(table, rows[first : first + _AT_ONCE])

    def _tie(self, table: str, rows: Sequence[Any]) -> None:
        ids, tied, words, stated, own = zip(*rows, strict=True)
        new = [None if one is None else one.id for one in Contents(self.connection).of(words, stated, own)]
        moved = [row for row in zip(ids, tied, new, words, strict=True) if row[1] != row[2]]
        if self.log is not None and moved:
            self.log.changed(table, ((row, _tied(old, word), _tied(one, word)) for row, old, one, word in moved))
            bulk.update(self.connection, table, ("content_id", "content_ref"), [(*_tied(one, word).values(), row) for row, _, one, word in moved])

    # ------------------------------------------------------------ figures

    def _figures(self, rows: Incoming, ids: Sequence[int | None], new: frozenset[Any], keys: Sequence[Any]) -> _Told:
        told = _Told()
        names = [name for name in FIGURES if name in rows.figures]
        count = len(rows)
        as_of = rows.figures.get("as_of", [None] * count)
        wanted = [(at, one) for at, one in enumerate(ids) if one is not None and keys[at] not in new]
        stored: dict[int, list[Any]] = {}
        if wanted and names:
            bulk.keep(self.connection, "figures", (("pos", "bigint"), ("content_id", "bigint")), wanted)
            for row in bulk.fetch(self.connection, _FIGURES):
                stored.setdefault(row[0], []).append(row[1:])
        columns = [rows.figures[name] for name in names]
        for at, cells in enumerate(zip(*columns, strict=True) if columns else ()):
            values = {name: value for name, value in zip(names, cells, strict=True) if value is not None}
            if values or self.kind == "metrics":
                self._compare(rows, at, values, (ids[at], as_of[at]), stored.get(at, ()), told)
        return told

    def _compare(self, rows: Incoming, at: int, values: dict[str, int], where: tuple[int | None, int | None], stored: Sequence[Any], told: _Told) -> None:
        content, stated = where
        day = self.now if stated is None else stated
        exact = next((row for row in stored if row[1] == day), None)
        before = dict(zip(FIGURES, exact[2:], strict=True)) if stated is not None and exact is not None else latest(stored, self.now)
        if stated is not None and exact is None:
            before = {}
        differing = {name: value for name, value in values.items() if before.get(name) != value}
        if exact is None and (stated is not None or differing):
            told.inserted.add(at)
            cells = [values.get(name) for name in FIGURES]
            told.new.append((content, day, *cells, stated is not None, self.log.id if self.log else 0, self.now))
        elif differing and exact is not None:
            told.updated.add(at)
            told.corrected.append((exact[0], {name: exact[2 + FIGURES.index(name)] for name in differing}, differing))
        for name, value in differing.items():
            if self.tally.full:
                return
            self.tally.note(rows.numbers[at], rows.labels[at], name, before.get(name), value)

    def _write_figures(self, told: _Told) -> None:
        if self.log is None:
            return
        self.log.insert("content_metric", _COLUMNS, told.new)
        self.log.changed("content_metric", told.corrected)
        for one, _, after in told.corrected:
            bulk.update(self.connection, "content_metric", tuple(after), [(*after.values(), one)])


def _tied(content: int | None, word: str) -> dict[str, Any]:
    """A row points at a content, or keeps the source's word for it."""
    return {"content_id": content, "content_ref": word if content is None else None}


def latest(stored: Sequence[Any], now: int) -> dict[str, int]:
    """Each figure's last value up to a moment, of rows (id, as_of, figures …) in order of time."""
    out: dict[str, int] = {}
    for row in stored:
        if row[1] <= now:
            out.update({name: value for name, value in zip(FIGURES, row[2:], strict=True) if value is not None})
    return out
