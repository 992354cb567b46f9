# SPDX-License-Identifier: Apache-2.0
"""How much an operation is, in the unit of its own report: records of a file, else creators and facts; never rows of tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from db import bulk
from db.writers.chain import OWNERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from app.usecases.workspace import Kept

_RECORDS: Final = {
    "import.creators": "account",
    "import.contents": "content",
    "import.metrics": "content_metric",
    "import.sales": "sale",
    "import.touchpoints": "touchpoint",
    "import.costs": "cost_entry",
    "import.events": "credit_event",
    "import.paths": "conversion_path",
    "import.contacts": "contact",
    "import.trainings": "training",
    "quote.import": "quote",
    "shipment.waybills": "shipment",
}
"""The table in which a record of each kind of file is one row."""
_OF_STREAMS: Final = {
    "creators": "account", "contents": "content", "metrics": "content_metric", "costs": "cost_entry", "campaigns": "campaign",
    "collaborations": "collaboration", "cps": "cps_sale", "bills": "pending_bill",
}  # fmt: skip
"""The same of what a platform tells."""
_BY_THEMSELVES: Final = (
    "creator", "content", "sale", "touchpoint", "cost_entry", "credit_event", "sanction", "appeal", "conversion_path", "tier_override", "policy",
    "contact", "suppression", "queue_skip", "template", "recruitment_plan", "training", "entitlement", "entitlement_use",
    "campaign", "collaboration", "quote", "deliverable", "shipment", "stock", "draft", "extension", "reminder", "post_figure", "exclusivity",
)  # fmt: skip
"""What counts as one thing of an operation that is no import; other rows belong to a creator."""
_CREATOR_OF: Final = {
    "creator": "select t.id creator_id, t.id from creator t",
    "account": "select t.creator_id, t.id from account t",
    "account_metric": "select a.creator_id, t.id from account_metric t join account a on a.id = t.account_id",
    "creator_tag": "select t.creator_id, t.id from creator_tag t",
    "stage_step": "select t.creator_id, t.id from stage_step t",
}
_CHANGED: Final = "select distinct c.row_id, c.before, c.after from change c where c.operation_id = :operation and c.table_name = :table"


@dataclass(frozen=True, slots=True)
class Amount:
    """Records that an operation inserted and updated; ``record`` is the table of an import's records."""

    operation: int
    record: str | None
    inserted: int
    updated: int
    ranges: tuple[tuple[str, int, int], ...]

    def standing(self, connection: Connection) -> int:
        """Inserted records that are there."""
        tables = (self.record,) if self.record else _BY_THEMSELVES
        statement = "select count(*) from {table} where id between :first and :last"
        spans = [span for span in self.ranges if span[0] in tables]
        return sum(int(connection.execute(text(statement.format(table=table)), {"first": first, "last": last}).scalar_one()) for table, first, last in spans)

    def settled(self, connection: Connection, kept: Sequence[Kept]) -> int:
        """Updated records of which nothing was kept as it is."""
        held: dict[str, set[int]] = {}
        for one in kept:
            held.setdefault(one.table, set()).add(one.id)
        top = "creator" if self.record in {None, "account"} else self.record
        count = 0
        while held:
            table, ids = held.popitem()
            ids = {one for one in ids if not self._own(table, one)}
            if table == top or table not in OWNERS:
                count += len(ids)
                continue
            owner, column = OWNERS[table]
            bulk.keep_ids(connection, ids)
            above = [row[0] for row in bulk.fetch(connection, f"select t.{column} from wanted w join {bulk.quoted(table)} t on t.id = w.id")]  # noqa: S608 (our names)
            count += len(ids) - len(above)
            if any(one is not None for one in above):
                held.setdefault(owner, set()).update(one for one in above if one is not None)
            count += sum(one is None for one in above)
        return max(self.updated - count, 0)

    def _own(self, table: str, row_id: int) -> bool:
        return any(name == table and first <= row_id <= last for name, first, last in self.ranges)


def amount(connection: Connection, operation_id: int, kind: str, summary: str) -> Amount:
    """What an operation amounts to whose rows are there."""
    statement = text("select table_name, first, last from inserted where operation_id = :operation order by id")
    ranges = tuple((row[0], row[1], row[2]) for row in connection.execute(statement, {"operation": operation_id}))
    told = json.loads(summary)
    record = _OF_STREAMS.get(told.get("records", "")) if kind.startswith("sync.") else _RECORDS.get(kind)
    if record is not None:
        return Amount(operation_id, record, told.get("inserted", 0), told.get("updated", 0), ranges)
    inserted = sum(last - first + 1 for table, first, last in ranges if table in _BY_THEMSELVES)
    return Amount(operation_id, None, inserted, _touched(connection, operation_id, ranges), ranges)


def _touched(connection: Connection, operation_id: int, ranges: Sequence[tuple[str, int, int]]) -> int:
    """Creators that an operation changed but did not make, and facts that it changed."""
    creators: set[int] = set()
    facts = 0
    for (table,) in connection.execute(text("select distinct table_name from change where operation_id = :operation"), {"operation": operation_id}).all():
        rows = connection.execute(text(_CHANGED), {"operation": operation_id, "table": table}).all()
        if table in _CREATOR_OF:
            bulk.keep_ids(connection, {row[0] for row in rows})
            creators.update(row[0] for row in bulk.fetch(connection, f"select o.creator_id from wanted w join ({_CREATOR_OF[table]}) o on o.id = w.id"))  # noqa: S608
            gone = (json.loads(row[1] or row[2] or "{}") for row in rows if row[1] is None or row[2] is None)
            creators.update(one["creator_id"] for one in gone if "creator_id" in one)
        elif not table.startswith("+"):
            facts += len({row[0] for row in rows})
    for table, first, last in ranges:
        if table in _CREATOR_OF and table not in _BY_THEMSELVES:
            statement = f"select distinct o.creator_id from ({_CREATOR_OF[table]}) o where o.id between :first and :last"  # noqa: S608
            creators.update(connection.execute(text(statement), {"first": first, "last": last}).scalars())
    made = [(first, last) for table, first, last in ranges if table == "creator"]
    return facts + sum(not any(first <= one <= last for first, last in made) for one in creators)
