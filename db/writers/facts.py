# SPDX-License-Identifier: Apache-2.0
"""Takes files of facts in: sales, touchpoints, costs, events, paths, contents with their figures.

A chunk of rows costs a fixed number of statements. A row whose key is known changes only the fields that it states.
``creators`` of the upsert are those whom the rows concern, before and after; what follows from facts is brought up to date
through the log of the operation, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast, overload

from app.files import Columnar, Reject, Warn
from app.rules.attribution import TouchKind
from app.rules.facts import HOME_CURRENCY
from db import bulk
from db.models import Base
from db.writers import directory, shares
from db.writers.incoming import Tally
from db.writers.people import NOBODY, Contents, People, Person

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl
    from sqlalchemy import Connection

    from app.files import Chunk, Parsed
    from db.writers.operations import Log
    from db.writers.people import Piece

Columns = dict[str, list[Any]]
_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Table:
    """How a kind of fact is kept: what identifies a row, what it says, what stands where a new row says nothing.

    ``own``: a column of the source's own number, which identifies a row before all else. ``apart``: every row of a file
    has a key of its own by the time it comes here.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    defaults: Mapping[str, object] = field(default_factory=dict)
    own: str | None = None
    apart: bool = False
    fixed: tuple[str, ...] = ()
    """Columns that are set with a new row only."""


TABLES: Final = {
    "sales": Table(
        "sale",
        ("order_id", "line_id", "shop"),
        ("platform", "creator_id", "account_id", "content_id", "content_ref", "coupon", "product", "quantity", "unit_price_fen", "paid_at", "amount_fen",
         "refund_fen", "commission_fen", "currency", "new_customer"),
        {"shop": "", "refund_fen": 0, "currency": HOME_CURRENCY},
        apart=True,
    ),
    "touchpoints": Table("touchpoint", ("order_id", "shop", "kind", "happened_at", "account_id"), ("creator_id",), {"shop": ""}),
    "costs": Table(
        "cost_entry",
        ("creator_id", "incurred_at", "kind", "amount_fen", "account_id", "campaign", "content_id", "content_ref"),
        ("cost_id", "creator_id", "account_id", "content_id", "content_ref", "campaign", "kind", "amount_fen", "currency", "incurred_at"),
        {"currency": HOME_CURRENCY},
        own="cost_id",
    ),
    "events": Table(
        "credit_event",
        ("creator_id", "happened_at", "type"),
        ("event_id", "creator_id", "account_id", "type", "happened_at", "recorded_at", "confirmed_at", "voided_at", "evidence"),
        own="event_id",
        fixed=("filed_by", "stated"),
    ),
    "contacts": Table(
        "contact",
        ("creator_id", "at", "direction", "channel", "text"),
        ("creator_id", "account_id", "channel", "direction", "at", "who", "text", "answer_by"),
        {"channel": "wechat", "direction": "out"},
        fixed=("operation_id",),
    ),
    "trainings": Table(
        "training",
        ("creator_id", "course_id"),
        ("creator_id", "account_id", "course_id", "mark", "taken_at", "passed_at"),
        fixed=("operation_id",),
    ),
    "paths": Table("conversion_path", ("path",), ("conversions", "nulls"), {"nulls": 0}, apart=True),
    "contents": Table("content", ("content_id", "platform"), ("creator_id", "account_id", "published_at", "title", "url")),
}  # fmt: skip
TABLES["metrics"] = TABLES["contents"]
OF_CONTENTS: Final = frozenset({"contents", "metrics"})
_WITH_CONTENT: Final = frozenset({"sales", "costs"})
_LABELS: Final = {
    "sales": ("shop", "order_id", "line_id"), "touchpoints": ("shop", "order_id", "platform_uid", "kind"), "paths": ("path",),
    "contacts": ("platform_uid", "handle", "at"), "trainings": ("platform_uid", "handle", "course"),
    "costs": ("cost_id", "platform_uid", "kind"), "events": ("event_id", "platform_uid", "type"),
    "contents": ("platform", "content_id"), "metrics": ("platform", "content_id"),
}  # fmt: skip
_COLUMN_OF: Final = {"no_platform": "platform", "unknown_content": "content_id", "unknown_value": "type"}
_SHOWN: Final = {
    "account_id": "select platform || ':' || coalesce(platform_uid, handle, '') from account where id = ?",
    "content_id": "select content_id from content where id = ?",
}
"""How a report calls what a column points at."""


@dataclass(slots=True)
class Incoming:
    """Rows that stand, as columns of the table; ``numbers`` and ``labels`` are for the report."""

    numbers: Sequence[int]
    labels: Sequence[str]
    columns: Columns
    figures: Columns = field(default_factory=dict)
    touched: pl.DataFrame | None = None
    """What ties sales to creators, where that is known already: columns of ``directory``."""

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.numbers)

    def only(self, places: Sequence[int]) -> Incoming:
        """Some of the rows."""
        if len(places) == len(self.numbers):
            return self

        def some(values: Sequence[Any]) -> list[Any]:
            return [values[at] for at in places]

        return Incoming(
            some(self.numbers),
            _Some(self.labels, places),
            {name: some(values) for name, values in self.columns.items()},
            {name: some(values) for name, values in self.figures.items()},
            None if self.touched is None else self.touched[places],
        )


class _Some(Sequence[str]):
    """Some of a sequence's texts, each looked for when it is asked."""

    def __init__(self, whole: Sequence[str], places: Sequence[int]) -> None:
        """Take them by their places."""
        self._whole, self._places = whole, places

    def __len__(self) -> int:
        """How many there are."""
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        """One of them, or some."""
        return _Some(self._whole, self._places[at]) if isinstance(at, slice) else self._whole[self._places[at]]


class _Labels(Sequence[str]):
    """What a report calls the rows of a chunk; few are ever asked."""

    def __init__(self, kind: str, chunk: Chunk) -> None:
        """Find the columns that name a row."""
        self._columns = [chunk.columns[name] for name in _LABELS[kind] if name in chunk.columns and any(chunk.columns[name])]
        self._count = len(chunk)

    def __len__(self) -> int:
        """Number of rows."""
        return self._count

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        """What one row is called, or some of them."""
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(self._count))]
        return ":".join([str(column[at]) for column in self._columns if column[at] is not None])


Edits = dict[int, dict[str, tuple[Any, Any]]]
"""Row position -> column -> before and after."""


@dataclass(slots=True)
class Stored:
    """Rows of a file that name what stands: position, row id, and the stored columns that the file states."""

    places: list[int] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    columns: dict[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(slots=True)
class FactUpsert:
    """One file of facts being taken in. ``log`` None: nothing is written, only told.

    ``types``: the types of events that the policies know.
    """

    connection: Connection
    log: Log | None
    now: int
    by: str
    kind: str
    key: tuple[str, ...] = ()
    create_leads: bool = False
    types: frozenset[str] = frozenset()
    tally: Tally = field(default_factory=Tally)
    creators: set[int] = field(default_factory=set)
    table: Table = field(init=False)
    people: People = field(init=False)
    contents: Contents = field(init=False)
    _empty: bool = field(init=False)
    _found: pl.DataFrame | None = None
    _taken: int = 0
    _unknown_contents: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look once at what stands before the file."""
        self.table = TABLES[self.kind]
        self.people = People(self.connection, self.log, self.now, self.by, self.key, self.create_leads)
        self.contents = Contents(self.connection)
        self._empty = not bulk.fetch(self.connection, f"select 1 from {self.table.name} limit 1")  # noqa: S608 (our names)

    def look_up(self, parsed: Parsed) -> None:
        """Find at once what the rows of a long file name; ``take`` then gets its chunks in their order."""
        if self.kind == "sales" and isinstance(parsed, Columnar):
            self._found = directory.found(self.connection, parsed.table, by_name="name" in self.key)

    def take(self, chunk: Chunk) -> None:
        """Take some rows in."""
        rows = self.each_once(self._settled(chunk) or self.incoming(chunk))
        self._taken += len(chunk)
        if not len(rows):
            return
        known = Stored() if self.table.apart and self._empty else self.known(rows)
        edits = self.edits(rows, known)
        self.tally.updated += len(edits)
        self.tally.unchanged += len(known.places) - len(edits)
        self.write_edits(rows, known, edits)
        old = set(known.places)
        new = rows.only([at for at in range(len(rows)) if at not in old]) if old else rows
        self.tally.inserted += len(new)
        self.insert(new)

    def finish(self) -> None:
        """What is left to do when the whole file is in: nothing, but for contents."""

    def warnings(self) -> tuple[Warn, ...]:
        """What the file names and nobody knows."""
        out = []
        for code, found in (("unknown_creators", self.people.unknown), ("unknown_contents", self._unknown_contents)):
            if found:
                out.append(Warn(code, {"count": len(found), "rows": sum(found.values()), "names": ", ".join(list(found)[:_NAMED])}))
        if self.people.created:
            out.append(Warn("leads_created", {"count": self.people.created}))
        return tuple(out)

    # ------------------------------------------------------------ rows as columns of the table

    def _settled(self, chunk: Chunk) -> Incoming | None:
        """Rows of sales that all were found when the file was looked up; None where any needs to be looked at."""
        part = None if self._found is None else self._found.slice(self._taken, len(chunk))
        if part is None or not part[directory.PLAIN].all():
            return None
        taken = {*self.table.key, *self.table.columns}
        columns: Columns = {name: cast("list[Any]", chunk.columns[name]) for name in chunk.columns if name in taken and name not in {"platform", "content_id"}}
        columns["creator_id"], columns["account_id"] = part[directory.CREATOR].to_list(), part[directory.ACCOUNT].to_list()
        if "content_id" in chunk.columns and any(refs := chunk.columns["content_id"]):
            columns["content_id"] = part[directory.CONTENT].to_list()
            columns["content_ref"] = [ref if one is None else None for ref, one in zip(refs, columns["content_id"], strict=True)]
            for ref in filter(None, columns["content_ref"]):
                self._unknown_contents[ref] = self._unknown_contents.get(ref, 0) + 1
        if "platform" in chunk.columns and any(chunk.columns["platform"]):
            columns["platform"] = [None] * len(chunk)  # the account's own
        self._complete(columns, len(chunk))
        return Incoming(chunk.rows, _Labels(self.kind, chunk), columns, touched=part)

    def _complete(self, columns: Columns, count: int) -> None:
        """Fill in what stands in the key where a file says nothing."""
        for name in self.table.key:
            if name in self.table.defaults:
                default, column = self.table.defaults[name], columns.get(name)
                columns[name] = [default] * count if column is None else [default if one is None else one for one in column]

    def incoming(self, chunk: Chunk) -> Incoming:
        """Rows of a chunk that stand."""
        nothing: list[Any] = [None] * len(chunk)
        taken = {*self.table.key, *self.table.columns}
        columns: Columns = {name: list(values) for name, values in chunk.columns.items() if name in taken}
        codes = nothing if self.kind == "paths" else self._resolve(chunk, columns)
        if self.kind == "events" and self.types:
            codes = [code or (None if word in self.types else "unknown_value") for code, word in zip(codes, columns["type"], strict=True)]
        if self.kind == "touchpoints":
            columns["kind"] = [int(TouchKind.of(word)) for word in columns["kind"]]
        self._complete(columns, len(chunk))
        rows = Incoming(list(chunk.rows), _Labels(self.kind, chunk), columns)
        if not any(codes):
            return rows
        for at, code in enumerate(codes):
            if code is not None:
                self._reject(chunk, at, code)
        return rows.only([at for at, code in enumerate(codes) if code is None])

    def _reject(self, chunk: Chunk, at: int, code: str) -> None:
        name = _COLUMN_OF.get(code, "platform_uid")
        tried = (name, "handle", "name", "content_id")
        value = next((str(chunk.columns[one][at]) for one in tried if one in chunk.columns and chunk.columns[one][at]), "")
        self.tally.rejects.append(Reject(chunk.rows[at], name, value, code))

    def _resolve(self, chunk: Chunk, columns: Columns) -> list[str | None]:
        """Fill in creators, accounts and contents; returns why rows cannot be taken."""
        count = len(chunk)
        nothing: list[Any] = [None] * count
        named = any(name in chunk.columns for name in ("platform_uid", "handle", "name"))
        found = self.people.of(chunk) if named else [NOBODY] * count
        refs: Sequence[Any] = chunk.columns.get("content_id", nothing)
        stated: Sequence[Any] = chunk.columns.get("platform", nothing)
        own = [one.platform if one.__class__ is Person else None for one in found]
        platforms = [one or other for one, other in zip(stated, own, strict=True)] if any(stated) else own
        pieces: Sequence[Piece | None] = nothing
        if any(refs) and (self.kind in _WITH_CONTENT or NOBODY in found):
            apart = [None if one == other else one for one, other in zip(stated, own, strict=True)] if any(stated) else nothing
            pieces = self.contents.of(refs, apart, own)
        columns["creator_id"] = [one.creator if one.__class__ is Person else None for one in found]
        columns["account_id"] = [one.account if one.__class__ is Person else None for one in found]
        codes: list[str | None] = [None] * count
        if set(map(type, found)) != {Person}:
            self._without(found, pieces, columns, platforms, codes)
        if self.kind in _WITH_CONTENT and any(refs):
            columns["content_id"] = [None if piece is None else piece.id for piece in pieces]
            columns["content_ref"] = [ref if piece is None else None for ref, piece in zip(refs, pieces, strict=True)]
            for at, ref in enumerate(columns["content_ref"]):
                if ref is not None and codes[at] is None:
                    self._unknown_contents[ref] = self._unknown_contents.get(ref, 0) + 1
        if self.kind in OF_CONTENTS:
            columns["platform"] = platforms
            codes = [code or ("no_platform" if platform is None else None) for code, platform in zip(codes, platforms, strict=True)]
        elif self.kind == "sales" and any(stated):
            columns["platform"] = [None if one == other else one for one, other in zip(stated, own, strict=True)]
        return codes

    def _without(self, found: Sequence[Any], pieces: Sequence[Piece | None], columns: Columns, platforms: list[Any], codes: list[str | None]) -> None:
        """Rows that name nobody who is known: a sale may, others may leave it to the content that they name."""
        for at, one in enumerate(found):
            if one.__class__ is Person:
                continue
            piece = pieces[at]
            if one != NOBODY:
                codes[at] = one
            elif piece is not None and self.kind != "sales":
                columns["creator_id"][at], columns["account_id"][at], platforms[at] = piece.creator, piece.account, piece.platform
            elif self.kind != "sales":
                codes[at] = "unknown_content" if self.kind == "metrics" else "no_key"

    # ------------------------------------------------------------ one record per key

    def each_once(self, rows: Incoming) -> Incoming:
        """Rows that name the same, by other words, are one: the last filled cell counts."""
        if self.table.apart or len(rows) < 2:  # noqa: PLR2004
            return rows
        keys = self.keys(rows)
        if len(set(keys)) == len(rows):
            return rows
        self.tally.duplicates += len(rows) - len(set(keys))
        return merged(rows, keys)

    def keys(self, rows: Incoming) -> list[Any]:
        """What identifies each row."""
        nothing: list[Any] = [None] * len(rows)
        whole = list(zip(*(rows.columns.get(name, nothing) for name in self.table.key), strict=True))
        if self.table.own is None:
            return whole
        own = rows.columns.get(self.table.own, nothing)
        return [key if number is None else number for number, key in zip(own, whole, strict=True)]

    # ------------------------------------------------------------ known ones

    def known(self, rows: Incoming) -> Stored:
        """Rows that stand already, with what is stored of the columns that the file states."""
        table = self.table
        names = [name for name in table.columns if name in rows.columns or name == "creator_id"]
        selected = ", ".join(f"t.{bulk.quoted(name)}" for name in names)
        hits: dict[int, Any] = {}
        nothing: list[Any] = [None] * len(rows)
        own = rows.columns.get(table.own, nothing) if table.own else nothing
        for key, places in (
            ((table.own,) if table.own else (), [at for at, number in enumerate(own) if number is not None]),
            (table.key, [at for at, number in enumerate(own) if number is None]),
        ):
            if not key or not places:
                continue
            kinds = [("pos", "bigint"), *((name, _kind(table.name, name)) for name in key)]
            columns = [rows.columns.get(name, nothing) for name in key]
            bulk.keep(self.connection, "incoming", kinds, ((at, *(column[at] for column in columns)) for at in places))
            same = " and ".join(f"t.{bulk.quoted(name)} {'is not distinct from' if name in _NULLABLE else '='} i.{bulk.quoted(name)}" for name in key)
            free = f" and t.{table.own} is null" if table.own and key == table.key else ""
            statement = f"select i.pos, t.id, {selected} from incoming i join {table.name} t on {same}{free}"  # noqa: S608
            for row in bulk.fetch(self.connection, statement):
                other = hits.get(row[0])
                if other is None or row[1] < other[1]:
                    hits[row[0]] = row
        found = [hits[at] for at in sorted(hits)]
        columns_ = list(zip(*found, strict=True)) if found else [()] * (len(names) + 2)
        return Stored(list(columns_[0]), list(columns_[1]), dict(zip(names, columns_[2:], strict=True)))

    def edits(self, rows: Incoming, known: Stored) -> Edits:
        """What the rows change of what stands."""
        out: Edits = {}
        for name, before in known.columns.items():
            if name not in rows.columns or (name in {"content_id", "content_ref"} and self.kind in _WITH_CONTENT):
                continue
            column = rows.columns[name]
            after = column if len(known.places) == len(column) else [column[at] for at in known.places]
            if list(before) == after:
                continue
            for at, old, new in zip(known.places, before, after, strict=True):
                if new is not None and new != old:
                    out.setdefault(at, {})[name] = (old, new)
        if "content_ref" in rows.columns and "content_ref" in known.columns:
            self._contents_moved(rows, known, out)
        return out

    @staticmethod
    def _contents_moved(rows: Incoming, known: Stored, out: Edits) -> None:
        """A row points at a content by id, or by the source's word while it is not known: never by both."""
        for at, old, word in zip(known.places, known.columns["content_id"], known.columns["content_ref"], strict=True):
            new, ref = rows.columns["content_id"][at], rows.columns["content_ref"][at]
            if (new is None and ref is None) or (new, ref) == (old, word):
                continue
            for name, before, after in (("content_id", old, new), ("content_ref", word, ref)):
                if before != after:
                    out.setdefault(at, {})[name] = (before, after)

    def write_edits(self, rows: Incoming, known: Stored, edits: Edits) -> None:
        """Tell the changed cells and write them."""
        ids = dict(zip(known.places, known.ids, strict=True))
        for at in sorted(edits):
            if self.tally.full:
                break
            for name, (before, after) in edits[at].items():
                self._note(rows, at, name, before, after)
        if self.log is None or not edits:
            return
        pairs = [(ids[at], edits[at]) for at in sorted(edits)]
        self.log.changed(self.table.name, ((one, {k: v[0] for k, v in cells.items()}, {k: v[1] for k, v in cells.items()}) for one, cells in pairs))
        groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        for one, cells in pairs:
            groups.setdefault(tuple(cells), []).append((*(after for _, after in cells.values()), one))
        for names, values in groups.items():
            bulk.update(self.connection, self.table.name, names, values)
        owners = known.columns.get("creator_id", ())
        self.creators.update(one for at, one in zip(known.places, owners, strict=False) if one is not None and at in edits)
        self.creators.update(cells["creator_id"][1] for cells in edits.values() if "creator_id" in cells)

    def _note(self, rows: Incoming, at: int, name: str, before: object, after: object) -> None:
        if name == "creator_id":
            return  # its account says it
        field_name = {"account_id": "platform_uid", "content_ref": "content_id"}.get(name, name)
        if name in _SHOWN and (self.table.name, name) != ("content", "content_id"):  # there it is the source's own
            before, after = (None if one is None else self._shown(name, one) for one in (before, after))
        if (before, after) != (None, None):
            self.tally.note(rows.numbers[at], rows.labels[at], field_name, before, after)

    def _shown(self, name: str, one: object) -> object:
        found = bulk.fetch(self.connection, _SHOWN[name], one)
        return found[0][0] if found else None

    # ------------------------------------------------------------ new ones

    def insert(self, rows: Incoming) -> int:
        """Tell and write new rows; returns the first id."""
        count, table = len(rows), self.table
        if not count:
            return 0
        self._tell(rows)
        if self.log is None:
            return 0
        names = tuple(dict.fromkeys((*table.key, *table.columns, *table.fixed)))
        columns = self._completed(rows)
        nothing = [None] * count
        values = []
        for name in names:
            column, default = columns.get(name), table.defaults.get(name)
            if column is None:
                values.append(nothing if default is None else [default] * count)
            else:
                values.append(column if default is None else [default if one is None else one for one in column])
        self.creators.update(set(columns.get("creator_id", ())) - {None})
        if table.name != "sale":
            return self.log.insert(table.name, names, list(zip(*values, strict=True)))
        first = bulk.reserve(self.connection, table.name, count)
        bulk.insert_columns(self.connection, table.name, {"id": range(first, first + count), **dict(zip(names, values, strict=True))})
        if rows.touched is None:
            self.log.inserted(table.name, first, count)
        else:
            self.log.inserted(
                table.name, first, count, shares.told(self.log.returns.rules.attribution, first, dict(zip(names, values, strict=True)), rows.touched)
            )
        return first

    def _completed(self, rows: Incoming) -> Columns:
        """Events are recorded when they happened and confirmed when recorded, where the file has no such columns."""
        if self.kind != "events":
            return rows.columns
        count = len(rows)
        happened = rows.columns["happened_at"]
        recorded = [other if one is None else one for one, other in zip(rows.columns.get("recorded_at", [None] * count), happened, strict=True)]
        return {
            **rows.columns,
            "recorded_at": recorded,
            "confirmed_at": rows.columns.get("confirmed_at", recorded),
            "filed_by": [self.by] * count,
            "stated": [True] * count,
        }

    def _tell(self, rows: Incoming) -> None:
        names = [name for name in dict.fromkeys((*self.table.columns, "account_id")) if name in rows.columns]
        for at in range(len(rows)):
            if self.tally.full:
                return
            for name in names:
                if rows.columns[name][at] is not None:
                    self._note(rows, at, name, None, rows.columns[name][at])


_NULLABLE: Final = frozenset({"campaign", "content_id", "content_ref"})


def _kind(table: str, name: str) -> str:
    column = Base.metadata.tables[table].c[name]
    return "text" if column.type.python_type is str else "bigint"


def merged(rows: Incoming, keys: Sequence[Any]) -> Incoming:
    """One row for each key, in the order of the first: the last filled cell counts."""
    first: dict[Any, int] = {}
    columns = {name: list(values) for name, values in rows.columns.items()}
    for at, key in enumerate(keys):
        into = first.setdefault(key, at)
        if into == at:
            continue
        for values in columns.values():
            if values[at] is not None:
                values[into] = values[at]
    return Incoming(rows.numbers, rows.labels, columns).only(list(first.values()))
