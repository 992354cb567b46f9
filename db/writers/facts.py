# SPDX-License-Identifier: Apache-2.0
"""Takes files of facts in: sales, touchpoints, costs, events, paths, contents with their figures.

A chunk of rows costs a fixed number of statements. A row whose key is known changes only the fields that it states.
Whoever keeps figures that follow from facts joins ``FOLLOWERS``: he is told in the same transaction whom a write concerned.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from app.files import Warn
from app.rules.attribution import TouchKind
from app.rules.facts import HOME_CURRENCY
from db import bulk
from db.writers.incoming import Tally
from db.writers.people import NOBODY, UNKNOWN, Contents, People, Person

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from app.files import Chunk
    from db.writers.operations import Log
    from db.writers.people import Piece

Columns = dict[str, list[Any]]
_NAMED: Final = 20
_KIND_OF: Final = {int: "bigint", str: "text", bool: "boolean"}


@dataclass(slots=True)
class Concerned:
    """Whom a write concerned: creators of facts that came, changed or went, codes of coupons, and sales as spans and ids."""

    creators: set[int] = field(default_factory=set)
    coupons: set[str] = field(default_factory=set)
    new_sales: list[tuple[int, int]] = field(default_factory=list)
    changed_sales: set[int] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)


FOLLOWERS: Final[list[Callable[[Connection, Concerned, int], None]]] = []
"""Those who keep figures that follow from facts."""


def touched(connection: Connection, concerned: Concerned, now: int) -> None:
    """Tell who keeps figures that follow from facts, in the transaction of the write."""
    if concerned.tables:
        for follow in FOLLOWERS:
            follow(connection, concerned, now)


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
    "paths": Table("conversion_path", ("path",), ("conversions", "nulls"), {"nulls": 0}, apart=True),
    "contents": Table("content", ("content_id", "platform"), ("creator_id", "account_id", "published_at", "title", "url")),
}  # fmt: skip
TABLES["metrics"] = TABLES["contents"]
_REFERENCES: Final = frozenset({"content_id", "content_ref", "creator_id", "account_id"})
_REPORTED: Final = {"account_id": "platform_uid", "creator_id": "platform_uid", "content_ref": "content_id"}
_DEFERRED: Final = frozenset({"costs", "contents", "metrics"})
"""Kinds whose rows may leave the creator to the content that they name."""


@dataclass(slots=True)
class Incoming:
    """Rows that stand, as columns of the table; ``numbers`` and ``labels`` are for the report."""

    numbers: list[int]
    labels: list[str]
    columns: Columns
    figures: Columns = field(default_factory=dict)

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
            some(self.labels),
            {name: some(values) for name, values in self.columns.items()},
            {name: some(values) for name, values in self.figures.items()},
        )


@dataclass(slots=True)
class FactUpsert:
    """One file of facts being taken in. ``log`` None: nothing is written, only told."""

    connection: Connection
    log: Log | None
    now: int
    by: str
    kind: str
    key: tuple[str, ...] = ()
    create_leads: bool = False
    types: frozenset[str] = frozenset()
    """Types of events that the policies know."""
    tally: Tally = field(default_factory=Tally)
    concerned: Concerned = field(default_factory=Concerned)
    table: Table = field(init=False)
    people: People = field(init=False)
    contents: Contents = field(init=False)
    _empty: bool = field(init=False)
    _unknown_contents: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look once at what stands before the file."""
        self.table = TABLES[self.kind]
        self.people = People(self.connection, self.log, self.now, self.by, self.key, self.create_leads)
        self.contents = Contents(self.connection)
        self._empty = not bulk.fetch(self.connection, f"select 1 from {self.table.name} limit 1")  # noqa: S608 (our names)

    def take(self, chunk: Chunk) -> None:
        """Take some rows in."""
        rows = self._incoming(chunk)
        if not len(rows):
            return
        rows = self._each_once(rows)
        known = {} if self.table.apart and self._empty else self._known(rows)
        if known:
            self._update(rows, known)
        new = rows if not known else rows.only([at for at in range(len(rows)) if at not in known])
        if len(new):
            self._insert(new)

    def warnings(self) -> list[Warn]:
        """What the file names and nobody knows."""
        out = []
        for code, found in (("unknown_creators", self.people.unknown), ("unknown_contents", self._unknown_contents)):
            if found:
                out.append(Warn(code, {"count": len(found), "rows": sum(found.values()), "names": ", ".join(list(found)[:_NAMED])}))
        if self.people.created:
            out.append(Warn("leads_created", {"count": self.people.created}))
        return out

    # ------------------------------------------------------------ rows as columns of the table

    def _incoming(self, chunk: Chunk) -> Incoming:
        count = len(chunk)
        nothing: list[Any] = [None] * count

        def column(name: str) -> Sequence[Any]:
            return chunk.columns.get(name, nothing)

        columns: Columns = {name: list(values) for name, values in chunk.columns.items() if name in self._taken}
        codes: list[str | None] = nothing
        if self.kind != "paths":
            codes = self._resolve(chunk, columns)
        if self.kind == "events":
            self._complete_events(chunk, columns, codes)
        if self.kind == "touchpoints":
            columns["kind"] = [int(TouchKind.of(word)) for word in column("kind")]
        for name, value in self.table.defaults.items():
            if name in self.table.key:
                columns[name] = [value if one is None else one for one in columns.get(name, nothing)]
        figures = {name: list(values) for name, values in chunk.columns.items() if name in FIGURE_COLUMNS} if self.kind in {"contents", "metrics"} else {}
        rows = Incoming(list(chunk.rows), self._labels(chunk), columns, figures)
        if not any(codes):
            return rows
        for at, code in enumerate(codes):
            if code is not None:
                self._reject(chunk, at, code)
        return rows.only([at for at, code in enumerate(codes) if code is None])

    @property
    def _taken(self) -> frozenset[str]:
        return frozenset((*self.table.key, *self.table.columns)) - {"creator_id", "account_id", "content_ref"}

    def _labels(self, chunk: Chunk) -> list[str]:
        names = [name for name in _LABELS[self.kind] if name in chunk.columns]
        if len(names) == 1:
            return [str(one or "") for one in chunk.columns[names[0]]]
        return [":".join(str(one) for one in row if one is not None) for row in zip(*(chunk.columns[name] for name in names), strict=True)]

    def _reject(self, chunk: Chunk, at: int, code: str) -> None:
        from app.files import Reject

        name = {"no_platform": "platform", "unknown_content": "content_id", "unknown_value": "type"}.get(code, "platform_uid")
        value = next((str(chunk.columns[one][at]) for one in (name, "handle", "name", "content_id") if one in chunk.columns and chunk.columns[one][at]), "")
        self.tally.rejects.append(Reject(chunk.rows[at], name, value, code))
