# SPDX-License-Identifier: Apache-2.0
"""The change log of one operation: serves undo, history and the audit trail alike.

Inserted rows are kept as id ranges, changed ones with the changed fields before and after.
Derived columns (figures that ``rollups`` computes) are never logged: undo computes them anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from db import bulk
from db.writers import audit
from db.writers.desk import Desk
from db.writers.ledger import Conduct
from db.writers.returns import Returns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    from sqlalchemy import Connection

    from app.values import Actor

    Ints = npt.NDArray[np.int64]


def dump(values: Mapping[str, object] | None) -> str | None:
    """JSON text of changed fields."""
    return None if values is None else json.dumps(values, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


REASON: Final = "reason"
"""What a summary says of why; the audit trail has a reference to it."""
SELF_DECIDED: Final = "self_decided"
"""What summary and audit trail say of a decision over what somebody filed himself."""
_OPERATION: Final = "insert into operation (kind, at, by, summary) values (?, ?, ?, '{}') returning id"
_RANGE: Final = "insert into inserted (operation_id, table_name, first, last) values (?, ?, ?, ?)"
_FOLLOW: Final = "update inserted set last = ? where operation_id = ? and table_name = ? and last = ? returning id"
"""Rows that follow the last ones of the operation are of one range with them: many small parts stay a few ranges."""


@dataclass(slots=True)
class Log:
    """An operation being written. ``finish`` seals it into the audit chain.

    ``changed`` is told before a row changes, so that ``returns`` can take off its sums what hangs on it, and ``conduct``
    knows whose credit is to be rated anew. With ``id`` an operation goes on that was written in part before; each part is
    finished, and so sealed, by itself.
    """

    connection: Connection
    kind: str
    actor: Actor
    now: int
    id: int = 0
    returns: Returns = field(init=False)
    conduct: Conduct = field(init=False)
    desk: Desk = field(init=False)
    _digest: Any = field(init=False)
    self_decided: int = 0
    """Cases decided by who filed them."""
    _touched: int = 0
    _again: bool = False

    def __post_init__(self) -> None:
        """Take the operation's row first: others refer to its id."""
        self.returns, self.conduct, self.desk = Returns(self.connection), Conduct(self.connection), Desk(self.connection)
        self._digest = audit.keyed(self.connection)
        if self.id:
            self._again = True
            return
        self.id = int(bulk.fetch(self.connection, _OPERATION, self.kind, self.now, self.actor.name)[0][0])

    @property
    def touched(self) -> int:
        """Rows inserted or changed so far."""
        return self._touched

    def inserted(self, table: str, first: int, count: int, sales: Ints | None = None) -> None:
        """Note a range of new rows; ``sales``: as ``shares.told`` puts them, where they are at hand."""
        if count:
            if sales is None:
                self.returns.after(table, range(first, first + count))
            else:
                self.returns.came(sales)
            self.conduct.after_span(table, first, count)
            self.desk.after_span(table, first, count)
            self._touched += count
            self._digest.update(f"+{table}:{first}:{count}\n".encode())
            if self._again and bulk.fetch(self.connection, _FOLLOW, first + count - 1, self.id, table, first - 1):
                return
            bulk.run(self.connection, _RANGE, self.id, table, first, first + count - 1)

    def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> int:
        """Insert rows under fresh ids and note them; returns the first id."""
        if not rows:
            return 0
        first = bulk.reserve(self.connection, table, len(rows))
        self.returns.before_rows(table, columns, rows)
        bulk.insert(self.connection, table, ("id", *columns), ((first + at, *row) for at, row in enumerate(rows)))
        self.inserted(table, first, len(rows))
        return first

    def insert_columns(self, table: str, columns: Mapping[str, Sequence[object]]) -> int:
        """Insert rows given as columns of one length, of which there is at least one; returns the first id."""
        count = len(next(iter(columns.values())))
        first = bulk.reserve(self.connection, table, count)
        self.returns.before_rows(table, tuple(columns), zip(*columns.values(), strict=True))
        bulk.insert_columns(self.connection, table, {"id": range(first, first + count), **columns})
        self.inserted(table, first, count)
        return first

    def changed(self, table: str, rows: Iterable[tuple[int, Mapping[str, object] | None, Mapping[str, object] | None]]) -> None:
        """Note rows that change: id, changed fields before, the same after (None: the row goes)."""
        logged = []
        told = list(rows)
        self.returns.before_changes(table, told)
        self.conduct.before_changes(table, told)
        self.desk.before_changes(table, told)
        for row_id, before, after in told:
            entry = (self.id, table, row_id, dump(before), dump(after))
            self._digest.update(repr(entry[1:]).encode())
            logged.append(entry)
        if not logged:
            return
        self._touched += len(logged)
        bulk.insert(self.connection, "change", ("operation_id", "table_name", "row_id", "before", "after"), logged)

    def finish(self, summary: Mapping[str, object], reason: str | None = None) -> int:
        """Keep the summary and add the audit row; returns the operation's id."""
        self.returns.settle()
        self.conduct.settle(self.now)
        self.desk.settle(self.now)
        marked = {SELF_DECIDED: self.self_decided} if self.self_decided else {}
        text = dump({**summary, **marked} if reason is None else {**summary, **marked, REASON: reason}) or "{}"
        self._digest.update(text.encode())
        bulk.run(self.connection, "update operation set summary = ? where id = ?", text, self.id)
        audit.append(
            self.connection,
            self.actor,
            self.now,
            self.kind,
            " ".join((f"operation:{self.id}", *marked)),
            self._digest.hexdigest(),
            None if reason is None else audit.reference(self.connection, reason),
        )
        return self.id
