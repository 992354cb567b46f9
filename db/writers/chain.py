# SPDX-License-Identifier: Apache-2.0
"""What a row says after some operations were taken back: the chain of its changes, without those that are undone.

The last operation that stands decides; where none stands, the row is as it was before the first. So operations can
be taken back and done again in any order, and taking back all of them leaves what was there before.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import text

from app.usecases.workspace import Kept
from db import bulk
from db.models import Base
from db.writers import settings
from db.writers.desk import Desk
from db.writers.ledger import Conduct
from db.writers.returns import Returns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

UNIQUE: Final = {
    "creator_tag": ("creator_id", "tag"),
    "account_metric": ("account_id", "name", "as_of"),
    "account": ("platform", "platform_uid"),
    "policy": ("name", "version"),
    "content": ("content_id", "platform"),
    "content_metric": ("content_id", "as_of"),
    "sale": ("order_id", "line_id", "shop"),
    "touchpoint": ("order_id", "shop", "kind", "happened_at", "account_id"),
    "cost_entry": ("cost_id",),
    "credit_event": ("event_id",),
    "conversion_path": ("path",),
    **dict.fromkeys(("campaign", "collaboration", "cps_sale", "pending_bill"), ("source_id", "source")),
    "remote_record": ("kind", "key", "connection_id"),
    **dict.fromkeys(("template", "course", "entitlement"), ("name",)),
    "recruitment_plan": ("month", "group", "platform", "category"),
    "training": ("creator_id", "course_id"),
    "creator_coupon": ("creator_id", "coupon"),
    "deliverable": ("task_code",),
    "shipment": ("order_no",),
    "stock": ("sku", "variant"),
    "draft": ("deliverable_id", "kind", "version"),
    "post_figure": ("deliverable_id", "mark"),
}
"""What no two rows of a table have in common."""

OWNERS: Final = {
    "account": ("creator", "creator_id"),
    "creator_tag": ("creator", "creator_id"),
    "stage_step": ("creator", "creator_id"),
    "account_metric": ("account", "account_id"),
    "tier_step": ("account", "account_id"),
    "tier_override": ("account", "account_id"),
    **dict.fromkeys(("content", "sale", "touchpoint", "cost_entry", "credit_event", "sanction", "collaboration"), ("creator", "creator_id")),
    **dict.fromkeys(("contact", "suppression", "queue_skip", "training", "entitlement", "entitlement_use"), ("creator", "creator_id")),
    **dict.fromkeys(("identity_apart", "creator_coupon", "consent"), ("creator", "creator_id")),
    **dict.fromkeys(
        ("signoff", "draft", "extension", "reminder", "post_figure", "shipment", "quote", "collaboration_step", "deliverable", "exclusivity"),
        ("creator", "creator_id"),
    ),
    "content_metric": ("content", "content_id"),
}
"""Table -> the table its rows hang on, and by which column."""
_ALSO: Final = {
    **dict.fromkeys(("shipment", "quote", "collaboration_step", "deliverable", "cost_entry"), ("collaboration", "collaboration_id")),
    **dict.fromkeys(("draft", "extension", "reminder", "post_figure"), ("deliverable", "deliverable_id")),
    "signoff": ("draft", "draft_id"),
    "collaboration": ("campaign", "campaign_id"),
    "training": ("course", "course_id"),
    "entitlement_use": ("entitlement", "entitlement_id"),
}
"""A second one."""

MERGE: Final = "identity.merge"
"""Kind of the operations that make two creators one."""
ERASE: Final = "person.erase"
"""Kind of the operations that take a person out, for good."""
IN_PART: Final = "undone_in_part"
"""Setting: undone operations of which rows stay because later work hangs on them."""
_POINTERS: Final = frozenset(
    (table.name, key.parent.name) for table in Base.metadata.tables.values() for key in table.foreign_keys if key.column.table.name == "creator"
) | {("conflict", "row_id")}
"""Columns that name a creator: a merge moves them on, whatever they named before."""

_EVENTS: Final = text(
    # A cross join keeps SQLite to this order: the other way round every change would look through all that is wanted.
    "select c.row_id, o.id, o.undone_at, c.before, c.after, o.kind from wanted w cross join change c"
    " join operation o on o.id = c.operation_id where c.table_name = :table and c.row_id = w.id order by c.id"
)
_RANGES: Final = text(
    "select i.first, i.last, o.undone_at, o.id from inserted i join operation o on o.id = i.operation_id where i.table_name = :table order by i.first"
)


class _Event(NamedTuple):
    """One operation's change of a row; ``stands`` unless undone; ``merges`` where it made two creators one."""

    operation: int
    stands: bool
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    merges: bool = False


@dataclass(slots=True)
class Work:
    """One undo or redo under way."""

    connection: Connection
    operation: int
    kept: list[Kept] = field(default_factory=list)
    creators: set[int] = field(default_factory=set)
    accounts: set[int] = field(default_factory=set)
    leaving: list[int] = field(default_factory=list)
    returns: Returns = field(init=False)
    conduct: Conduct = field(init=False)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        """Sums of returns and credit follow what is taken back."""
        self.returns, self.conduct, self.desk = Returns(self.connection), Conduct(self.connection), Desk(self.connection)

    def keep(self, table: str, row_id: int, name: str | None, why: str) -> None:
        """List what stays as it is."""
        self.kept.append(Kept(table, row_id, name, why))


def settle(work: Work, table: str, ids: Iterable[int]) -> int:
    """Give rows the values that their chain says, bring back those that it brings back; returns the rows that changed."""
    wanted = sorted(set(ids))
    if not wanted:
        return 0
    connection = work.connection
    events = _events(connection, table, wanted)
    told = [(row_id, event.before, event.after) for row_id, chain in events.items() for event in chain]
    work.returns.before_changes(table, told)
    work.conduct.before_changes(table, told)
    work.desk.before_changes(table, told)
    bulk.keep_ids(connection, wanted)
    selected = text(f'select t.* from wanted w join "{table}" t on t.id = w.id')  # noqa: S608 (our names)
    stored: dict[int, dict[str, Any]] = {row["id"]: dict(row) for row in connection.execute(selected).mappings()}
    ranges = [tuple(row) for row in connection.execute(_RANGES, {"table": table})]
    changed = 0
    updates: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    gone: list[int] = []
    for row_id in wanted:
        chain, present = events.get(row_id, []), stored.get(row_id)
        there = _is_there(chain, _inserted(connection, table, ranges, row_id), present is not None)
        if present is None and there:
            present = _bring_back(work, table, row_id, chain)
            changed += present is not None
        if present is None:
            continue
        if not there:
            gone.append(row_id)
        elif values := _differing(work, table, row_id, chain, present):
            names = tuple(sorted(values))
            updates.setdefault(names, []).append((*(values[name] for name in names), row_id))
    for names, rows in updates.items():
        bulk.update(connection, table, names, rows)
    if table == "creator":
        work.leaving += gone  # when nothing points at them any more
    else:
        bulk.delete(connection, table, gone)
    return changed + len(gone) + sum(map(len, updates.values()))


def _events(connection: Connection, table: str, wanted: Sequence[int]) -> dict[int, list[_Event]]:
    """Changes of rows in their order."""
    bulk.keep_ids(connection, wanted)
    out: dict[int, list[_Event]] = {}
    for row_id, operation, undone_at, before, after, kind in connection.execute(_EVENTS, {"table": table}):
        out.setdefault(row_id, []).append(_Event(operation, undone_at is None, json.loads(before or "null"), json.loads(after or "null"), kind == MERGE))
    return out


def _range(ranges: Sequence[tuple[Any, ...]], row_id: int) -> tuple[Any, ...] | None:
    """First and last row that were inserted with one, when that was undone, by which operation."""
    place = bisect_right(ranges, row_id, key=lambda one: one[0]) - 1
    return None if place < 0 or ranges[place][1] < row_id else ranges[place]


def _inserted(connection: Connection, table: str, ranges: Sequence[tuple[Any, ...]], row_id: int) -> bool | None:
    """Whether the operation that inserted a row stands; None where none is known.

    A creator of one that was taken back but for what later work holds still counts: it goes with the rest of it, and until
    then its accounts come back to it.
    """
    found = _range(ranges, row_id)
    if found is None:
        return None
    return found[2] is None or (table == "creator" and found[3] in json.loads(settings.get(connection, IN_PART) or "[]"))


def _is_there(chain: Sequence[_Event], inserted: bool | None, present: bool) -> bool:  # noqa: FBT001 (facts, not switches)
    """Whether a row is there. One that nobody took away or brought in by a change stays as it is."""
    comings = [event for event in chain if event.before is None or event.after is None]
    if not comings:
        return present
    there = bool(inserted) if inserted is not None else comings[0].before is not None
    for event in comings:
        if event.stands:
            there = event.after is not None
    return there


def _differing(work: Work, table: str, row_id: int, chain: Sequence[_Event], present: Mapping[str, Any]) -> dict[str, Any]:
    """Fields whose value is not what the chain says."""
    values: dict[str, Any] = {}
    seen: dict[str, list[Any]] = {}
    last: dict[str, int] = {}
    ours: set[str] = set()
    for event in chain:
        if event.before is None or event.after is None:
            continue
        if event.operation == work.operation:
            ours.update(event.after)
        for name, after in event.after.items():
            seen.setdefault(name, [event.before.get(name)]).append(after)
            values.setdefault(name, event.before.get(name))
            if event.stands and not (event.merges and (table, name) in _POINTERS and values[name] != event.before.get(name)):
                values[name], last[name] = after, event.operation
    out = {}
    for name, value in values.items():
        if present[name] not in seen[name] or (name in ours and last.get(name, 0) > work.operation):
            if name in ours:
                work.keep(table, row_id, name, "changed_later")
        elif present[name] != value:
            out[name] = value
    return out


def _bring_back(work: Work, table: str, row_id: int, chain: Sequence[_Event]) -> dict[str, Any] | None:
    """Insert a row that an operation had taken away; None where it cannot be."""
    values = next((event.before or event.after for event in chain if event.before is None or event.after is None), None)
    if values is None:
        return None
    row = {**values, "id": row_id}
    return row if insert(work, table, row) is None else None


def insert(work: Work, table: str, values: Mapping[str, Any]) -> str | None:
    """Insert a row under its old id; the reason why not where what it hangs on is gone or its place is taken."""
    connection, columns = work.connection, Base.metadata.tables[table]
    pointing = {(one.column.table.name, one.parent.name) for one in columns.foreign_keys}
    for owner, column in sorted(pointing.union(owners[table] for owners in (OWNERS, _ALSO) if table in owners)):
        if values[column] is not None and connection.execute(text(f"select 1 from {owner} where id = :id"), {"id": values[column]}).first() is None:  # noqa: S608
            return "owner_gone"
    if is_taken(connection, table, values):
        return "exists_now"
    work.returns.before_rows(table, tuple(values), [tuple(values.values())])
    connection.execute(columns.insert().values(**values))
    work.returns.after(table, [values["id"]])
    work.conduct.back(table, values["id"])
    work.desk.after_span(table, values["id"], 1)
    return None


def is_taken(connection: Connection, table: str, values: Mapping[str, Any]) -> bool:
    """Whether another row is what this one was."""
    names = UNIQUE.get(table, ())
    if table == "account" and values["platform_uid"] is None:
        names = ("platform", "handle_key")
    if not names or any(values[name] is None for name in names):
        return False
    same = " and ".join(f"{bulk.quoted(name)} = :{name}" for name in names)
    statement = text(f"select 1 from {table} where {same} and id <> :id")  # noqa: S608 (our names)
    return connection.execute(statement, {"id": values["id"], **{name: values[name] for name in names}}).first() is not None
