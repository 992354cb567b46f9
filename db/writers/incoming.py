# SPDX-License-Identifier: Apache-2.0
"""Rows of a file on their way in: their columns at hand, what became of them, and whom they name.

Whom a row names is decided by what stood before the file: rows of one file never find each other's new accounts,
so the answer does not depend on how the file is cut into chunks. Rows that name one account are one record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from app.errors import UsageError
from app.files import Change, Chunk, Reject
from app.rules.cells import handle_key
from app.rules.fields import DATE_PREFIX, PERSON, Home, Kind, field_of
from db import bulk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection

    from app.files import ImportRequest, Parsed
    from db.writers.operations import Log

KEPT_CHANGES: Final = 1000
"""Cells that a report shows; the counts cover all."""

_KEY_KINDS: Final = frozenset({Kind.TEXT, Kind.IDENT, Kind.PLATFORM})
_BY_UID: Final = """
select n.pos, a.id, a.creator_id, a.platform from named n
join account a on a.platform_uid = n.uid and (a.platform = n.platform or n.platform is null)
where a.id <= {last} order by n.pos
"""
_BY_HANDLE: Final = """
select n.pos, a.id, a.creator_id, a.platform_uid from named n
join account a on a.handle_key = n.handle_key and a.platform = n.platform
where a.id <= {last} order by n.pos, a.id
"""
_BY_KEY: Final = """
select n.pos, a.id, a.creator_id, a.platform from named n
join account a on (a.platform = n.platform or n.platform is null) join creator c on c.id = a.creator_id and {same}
where a.id <= {last} order by n.pos, a.id
"""


@dataclass(slots=True)
class Tally:
    """What became of the rows so far."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    changes: list[Change] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    creator_ids: list[int] = field(default_factory=list)
    most: int = KEPT_CHANGES
    """Changed cells that are kept."""

    @property
    def full(self) -> bool:
        """Whether a report shows no more cells."""
        return len(self.changes) >= self.most

    def note(self, row: int, key: str, name: str, before: object, after: object) -> None:
        """Keep a changed cell while there is room for it."""
        if not self.full:
            self.changes.append(Change(row, key, name, before, after))


class Rows:
    """A chunk with every column at hand: a field the file lacks is a column of None."""

    def __init__(self, chunk: Chunk) -> None:
        """Take a chunk; ``places`` are its rows that stand."""
        self._chunk = chunk
        self._nothing: Sequence[Any] = [None] * len(chunk)
        self.numbers = chunk.rows
        self.stated = [name for name in chunk.columns if name not in {"as_of", "platform", PERSON} and not name.startswith(DATE_PREFIX)]
        self.metrics = [name for name in self.stated if is_figure(name)]
        self.platform: list[str | None] = list(self.column("platform"))
        self.uid = self.column("platform_uid")
        handles = chunk.columns.get("handle")
        self.handle_key: Sequence[str | None] = [handle_key(str(one)) if one else None for one in handles] if handles is not None else self._nothing
        self._gone: set[int] = set()

    @property
    def places(self) -> Sequence[int]:
        """Positions of the rows that stand, in order."""
        return [at for at in range(len(self._chunk)) if at not in self._gone] if self._gone else range(len(self._chunk))

    def column(self, name: str) -> Sequence[Any]:
        """Values of a field."""
        return self._chunk.columns.get(name, self._nothing)

    def dates(self, name: str) -> Sequence[int | None]:
        """Dates of a field's figures: their own, else the row's."""
        row, own = self.column("as_of"), self._chunk.columns.get(DATE_PREFIX + name)
        return row if own is None else [other if one is None else one for one, other in zip(own, row, strict=True)]  # type: ignore[misc]

    def raw(self, name: str, at: int) -> str | None:
        """Text of a cell whose meaning was worked out."""
        texts = self._chunk.raw.get(name)
        return texts.get(at) if texts else None

    def ranges(self) -> dict[str, dict[int, str]]:
        """Texts of cells that state a range and so leave the number empty, by field."""
        found = {name: {at: text for at, text in texts.items() if self.column(name)[at] is None} for name, texts in self._chunk.raw.items()}
        return {name: texts for name, texts in found.items() if texts}

    def label(self, at: int) -> str:
        """How a report names the row's creator."""
        return f"{self.platform[at]}:{self.uid[at] or self.column('handle')[at] or self.column('name')[at]}"

    def reject(self, tally: Tally, at: int, code: str, column: str) -> None:
        """Take a row out, with the reason."""
        if at not in self._gone:
            self._gone.add(at)
            tally.rejects.append(Reject(self.numbers[at], column, str(self.column(column)[at] or ""), code))

    def merge(self, tally: Tally, at: int, into: int) -> None:
        """Take a row out whose filled cells go over those of an earlier row."""
        self._gone.add(at)
        tally.duplicates += 1
        columns, raw = dict(self._chunk.columns), dict(self._chunk.raw)
        for name, values in columns.items():
            texts = raw.get(name, {})
            if name == "platform" or (values[at] is None and at not in texts):
                continue
            columns[name] = [*values[:into], values[at], *values[into + 1 :]]
            if at in texts or into in texts:
                raw[name] = {**{place: text for place, text in texts.items() if place != into}, **({into: texts[at]} if at in texts else {})}
        self._chunk = Chunk(self._chunk.rows, columns, raw)
        self.uid = self.column("platform_uid")
        if self.handle_key[at] is not None:
            self.handle_key = [*self.handle_key[:into], self.handle_key[at], *self.handle_key[into + 1 :]]


def is_figure(name: str) -> bool:
    """Whether a field is a dated value of an account."""
    one = field_of(name)
    return name == "followers" or (one is not None and one.home is Home.METRIC)


@dataclass(slots=True)
class Known:
    """Rows that name somebody known, in order of their position: account and creator of each."""

    places: list[int] = field(default_factory=list)
    accounts: list[int] = field(default_factory=list)
    creators: list[int] = field(default_factory=list)


class Names:
    """Finds whom the rows of a file name among the accounts that stood before it."""

    def __init__(self, connection: Connection, key: tuple[str, ...]) -> None:
        """Look once at what stands; ``key`` is () for platform + uid, else platform + handle."""
        self._connection, self._key = connection, tuple(name for name in key if name != "platform")
        self._by_key = bool(key)
        for name in self._key:
            if (one := field_of(name)) is None or one.kind not in _KEY_KINDS or one.home not in {Home.CREATOR, Home.ACCOUNT}:
                raise UsageError("unknown_field", field=name)
        self._last = int(connection.exec_driver_sql("select coalesce(max(id), 0) from account").scalar_one())
        self._claimed: set[int] = set()
        self._uids: set[tuple[str | None, str]] = set()

    def resolve(self, rows: Rows, tally: Tally) -> Known:
        """Rows that name somebody known; who cannot be told is rejected."""
        found: dict[int, tuple[int, int]] = {}
        if self._last:
            if self._by_key:
                found = self._named_by_key(rows, tally)
            else:
                found = self._named_by_uid(rows, tally)
                found.update(self._named_by_handle(rows, found))
        if self._by_key:
            self._check_uids(rows, tally, found)
        for at in rows.places:
            if rows.platform[at] is None and at not in found:
                rows.reject(tally, at, "no_platform", "platform")
        return self._merged(rows, tally, found)

    def _merged(self, rows: Rows, tally: Tally, found: dict[int, tuple[int, int]]) -> Known:
        known, first = Known(), dict[int, int]()
        for at in [one for one in rows.places if one in found]:
            account, creator = found[at]
            into = first.setdefault(account, at)
            if into != at:
                rows.merge(tally, at, into)
                continue
            known.places.append(at)
            known.accounts.append(account)
            known.creators.append(creator)
        return known

    def _keep(self, columns: Sequence[str], wanted: Iterable[Sequence[object]]) -> None:
        bulk.keep(self._connection, "named", (("pos", "integer primary key"), *((name, "text") for name in columns)), wanted)

    def _rows(self, statement: str) -> list[Any]:
        return bulk.fetch(self._connection, statement)

    def _named_by_uid(self, rows: Rows, tally: Tally) -> dict[int, tuple[int, int]]:
        if "platform_uid" not in rows.stated:
            return {}
        self._keep(("platform", "uid"), ((at, rows.platform[at], rows.uid[at]) for at in rows.places if rows.uid[at] is not None))
        return self._one_each(rows, tally, self._rows(_BY_UID.format(last=self._last)), "ambiguous_uid", "platform_uid")

    @staticmethod
    def _one_each(rows: Rows, tally: Tally, hits: Sequence[Any], code: str, column: str) -> dict[int, tuple[int, int]]:
        """Row position -> account and creator; a row with several is rejected."""
        found: dict[int, tuple[int, int]] = {}
        several: set[int] = set()
        for at, account, creator, platform in hits:
            if at in found:
                several.add(at)
            found[at] = (account, creator)
            rows.platform[at] = platform
        for at in sorted(several):
            del found[at]
            rows.reject(tally, at, code, column)
        return found

    def _named_by_handle(self, rows: Rows, found: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
        keys = rows.handle_key
        wanted = [(at, rows.platform[at], keys[at]) for at in rows.places if keys[at] and rows.platform[at] and at not in found]
        if not wanted:
            return {}
        self._keep(("platform", "handle_key"), wanted)
        self._claimed.update(account for account, _ in found.values())
        hits: dict[int, tuple[int, int]] = {}
        for at, account, creator, uid in self._rows(_BY_HANDLE.format(last=self._last)):
            own = rows.uid[at]
            # Another uid under the same handle is another account: handles are given away and taken over.
            if at in hits or (own is not None and (account in self._claimed or uid not in {None, own})):
                continue
            hits[at] = (account, creator)
            if own is not None:
                self._claimed.add(account)
        return hits

    def _named_by_key(self, rows: Rows, tally: Tally) -> dict[int, tuple[int, int]]:
        values = {name: rows.handle_key if name == "handle" else rows.column(name) for name in self._key}
        wanted = [(at, rows.platform[at], *(values[name][at] for name in self._key)) for at in rows.places]
        self._keep(("platform", *(f"k{at}" for at in range(len(self._key)))), (row for row in wanted if None not in row[2:]))
        same = " and ".join(f"{_key_column(name)} = n.k{at}" for at, name in enumerate(self._key)) or "true"
        hits = self._rows(_BY_KEY.format(same=same, last=self._last))
        return self._one_each(rows, tally, hits, "ambiguous_key", self._key[0] if self._key else "platform")

    def _check_uids(self, rows: Rows, tally: Tally, found: dict[int, tuple[int, int]]) -> None:
        """Reject rows, found by another key, that state the uid of somebody else."""
        stated = [(at, rows.platform[at], rows.uid[at]) for at in rows.places if rows.uid[at] is not None]
        if not stated:
            return
        self._keep(("platform", "uid"), stated)
        holders = {at: account for at, account, _, _ in self._rows(_BY_UID.format(last=self._last))}
        for at, platform, uid in stated:
            holder = holders.get(at)
            if (holder is not None and holder != found.get(at, (None,))[0]) or (platform, uid) in self._uids:
                rows.reject(tally, at, "uid_taken", "platform_uid")
                found.pop(at, None)
            self._uids.add((platform, uid))


def _key_column(name: str) -> str:
    one = field_of(name)
    if name == "handle":
        return "a.handle_key"
    return f"{'a' if one and one.home is Home.ACCOUNT else 'c'}.{bulk.quoted(one.name if one else name)}"


def at_places(column: Sequence[Any], places: Sequence[int]) -> Sequence[Any]:
    """A column's values at some positions; the column itself where it is all of them."""
    return column if len(places) == len(column) else [column[at] for at in places]


def repeat(count: int) -> Callable[[object], list[object]]:
    """Makes columns of one value."""
    return lambda value: [value] * count


def finish(log: Log, parsed: Parsed, request: ImportRequest, tally: Tally, fingerprint: str) -> None:
    """Keep the rows that were not taken, and seal the import with its counts."""
    rejects = [*parsed.rejects, *tally.rejects]
    bulk.insert(
        log.connection,
        "rejected",
        ("operation_id", "row", "field", "value", "code"),
        ((log.id, reject.row, reject.column, reject.value, reject.code) for reject in rejects),
    )
    log.finish(
        {
            "file": request.path.name,
            "digest": parsed.digest,
            "fingerprint": fingerprint,
            "read": parsed.read,
            "inserted": tally.inserted,
            "updated": tally.updated,
            "unchanged": tally.unchanged,
            "rejected": len({reject.row for reject in rejects}),
            "refused": len(tally.rejects),
            "duplicates": parsed.duplicates + tally.duplicates,
            "merged": tally.duplicates,
            "mapping": dict(parsed.mapping),
            "unmapped": list(parsed.unmapped),
            "platform": request.platform,
            "key": list(parsed.key),
        }
    )
