# SPDX-License-Identifier: Apache-2.0
"""Takes an operation back, or does it again, from its change log: inserted ranges go, changed fields return.

Later work wins: a field that was changed again, or a row on which later rows hang, stays as it is and is listed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, text, update

from app.errors import UsageError
from app.usecases.workspace import Kept, Undone
from db import bulk
from db.models import Base
from db.models.records import ChangeLog, InsertedRange, Operation
from db.writers import audit, rollups, search
from db.writers.operations import dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from app.jobs import Job
    from app.values import Actor

MOST_REDONE: Final = 5_000
"""Inserted rows up to which an undo keeps them, so that it can be redone; a larger import is imported again."""

_CHILDREN_FIRST: Final = ("creator_tag", "stage_step", "tier_step", "account_metric", "tier_override", "account", "creator", "policy")
_OWNER: Final = {
    "creator": "select id, null from creator where id between :first and :last",
    "account": "select creator_id, id from account where id between :first and :last",
    "account_metric": "select a.creator_id, a.id from account_metric m join account a on a.id = m.account_id where m.id between :first and :last",
    "tier_override": "select a.creator_id, a.id from tier_override m join account a on a.id = m.account_id where m.id between :first and :last",
    "tier_step": "select a.creator_id, a.id from tier_step m join account a on a.id = m.account_id where m.id between :first and :last",
    "creator_tag": "select creator_id, null from creator_tag where id between :first and :last",
    "stage_step": "select creator_id, null from stage_step where id between :first and :last",
}
_HANGING: Final = {
    "creator": ("account.creator_id", "creator_tag.creator_id", "stage_step.creator_id"),
    "account": ("account_metric.account_id", "tier_override.account_id"),
}


class _Touched:
    """Creators and accounts whose figures and search text must be computed anew."""

    def __init__(self) -> None:
        self.creators: set[int] = set()
        self.accounts: set[int] = set()

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        for creator, account in rows:
            if creator is not None:
                self.creators.add(creator)
            if account is not None:
                self.accounts.add(account)


def undo(connection: Connection, operation_id: int, actor: Actor, now: int, job: Job) -> Undone:
    """Take one operation back; what later work holds is kept and listed."""
    operation = _operation(connection, operation_id)
    if operation.undone_at is not None:
        raise UsageError("already_undone", id=operation_id)
    touched, kept = _Touched(), []
    ranges = _ranges(connection, operation_id)
    redoable = sum(last - first + 1 for _, first, last in ranges) <= MOST_REDONE
    reverted = _revert(connection, operation_id, kept, touched, forward=False)
    job.check()
    held = _held_creators(connection, operation_id, ranges)
    removed = 0
    for at, (table, first, last) in enumerate(sorted(ranges, key=lambda one: _CHILDREN_FIRST.index(one[0]))):
        job.check()
        job.progress("undo", at, len(ranges))
        removed += _remove(connection, operation_id, table, first, last, held, kept, touched, keep_rows=redoable)
    _refresh(connection, touched, now)
    values = {"undone_at": now, "undone_by": actor.name}
    connection.execute(update(Operation).where(Operation.id == operation_id).values(**values))
    audit.append(connection, actor, now, "undo", f"operation:{operation_id}", f"removed:{removed} reverted:{reverted}")
    return Undone(operation_id, operation.kind, removed, reverted, tuple(kept))


def redo(connection: Connection, operation_id: int, actor: Actor, now: int, job: Job) -> Undone:
    """Do an undone operation again."""
    operation = _operation(connection, operation_id)
    if operation.undone_at is None:
        raise UsageError("not_undone", id=operation_id)
    ranges = _ranges(connection, operation_id)
    if sum(last - first + 1 for _, first, last in ranges) > MOST_REDONE:
        raise UsageError("redo_too_large", id=operation_id)
    touched, kept = _Touched(), []
    added = _reinsert(connection, operation_id, touched)
    job.check()
    changed = _revert(connection, operation_id, kept, touched, forward=True)
    _refresh(connection, touched, now)
    connection.execute(update(Operation).where(Operation.id == operation_id).values(undone_at=None, undone_by=None))
    audit.append(connection, actor, now, "redo", f"operation:{operation_id}", f"added:{added} changed:{changed}")
    return Undone(operation_id, operation.kind, added, changed, tuple(kept))


def concerned(connection: Connection, operation_id: int) -> list[tuple[int, int]]:
    """Creators that an operation added or changed and that are still there, as spans of ids in order."""
    ids: set[int] = set()
    ranges = _ranges(connection, operation_id)
    new = [(first, last) for table, first, last in ranges if table == "creator"]
    statement = "select min(id), max(id) from creator where id between :first and :last"
    there = [connection.execute(text(statement), {"first": first, "last": last}).one() for first, last in new]
    for table, first, last in ranges:
        if table in _OWNER and table != "creator":
            others = f"select distinct o.creator_id from ({_OWNER[table]}) o where {_outside(new, 'o.creator_id')}"  # noqa: S608 (names are our own)
            ids |= _scalars(connection, others, {"first": first, "last": last})
    statement = "select distinct row_id from change where operation_id = :operation and table_name = :table"
    for table in _OWNER:
        rows = _scalars(connection, statement, {"operation": operation_id, "table": table})
        if rows:
            bulk.keep_ids(connection, rows)
            owners = _OWNER[table].replace("between :first and :last", "in (select id from wanted)")
            ids |= {row[0] for row in connection.execute(text(owners))}
    return _joined([*((low, high) for low, high in there if low is not None), *((one, one) for one in ids)])


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch made one."""
    out: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))
    return out


def _operation(connection: Connection, operation_id: int) -> Any:  # noqa: ANN401 (a row)
    row = connection.execute(select(Operation).where(Operation.id == operation_id)).first()
    if row is None:
        raise UsageError("unknown_operation", id=operation_id)
    return row


def _ranges(connection: Connection, operation_id: int) -> list[tuple[str, int, int]]:
    statement = select(InsertedRange.table_name, InsertedRange.first, InsertedRange.last)
    return [(row[0], row[1], row[2]) for row in connection.execute(statement.where(InsertedRange.operation_id == operation_id).order_by(InsertedRange.id))]


# ---------------------------------------------------------------- inserted rows


def _held_creators(connection: Connection, operation_id: int, ranges: Sequence[tuple[str, int, int]]) -> set[int]:
    """Creators of the operation's own making on whom later rows hang or whom later operations changed."""
    own = {table: [(first, last) for name, first, last in ranges if name == table] for table in _CHILDREN_FIRST}
    held: set[int] = set()
    for first, last in own["creator"]:
        span = {"first": first, "last": last, "operation": operation_id}
        held |= _scalars(connection, _CHANGED_LATER.format(table="creator", owner="c.row_id", join=""), span)
        for table in ("account", "creator_tag", "stage_step"):
            later = _outside(own[table], "t.id")
            held |= _scalars(connection, f"select t.creator_id from {table} t where t.creator_id between :first and :last and {later}", span)  # noqa: S608
    for first, last in own["account"]:
        span = {"first": first, "last": last, "operation": operation_id}
        join = "join account a on a.id = c.row_id"
        held |= _scalars(connection, _CHANGED_LATER.format(table="account", owner="a.creator_id", join=join), span)
        for table in ("account_metric", "tier_override"):
            later = _outside(own[table], "t.id")
            held |= _scalars(
                connection,
                f"select a.creator_id from {table} t join account a on a.id = t.account_id"  # noqa: S608
                f" where t.account_id between :first and :last and {later}",
                span,
            )
    return held


_CHANGED_LATER: Final = (
    "select {owner} from change c join operation o on o.id = c.operation_id {join} where c.table_name = '{table}'"
    " and c.row_id between :first and :last and c.operation_id > :operation and o.undone_at is null and c.after is not null"
)


def _outside(spans: Sequence[tuple[int, int]], column: str) -> str:
    return " and ".join(f"not {column} between {int(first)} and {int(last)}" for first, last in spans) or "true"


def _scalars(connection: Connection, statement: str, values: dict[str, Any]) -> set[int]:
    return set(connection.execute(text(statement), values).scalars())


def _remove(  # noqa: PLR0913 (one range of one operation)
    connection: Connection,
    operation_id: int,
    table: str,
    first: int,
    last: int,
    held: set[int],
    kept: list[Kept],
    touched: _Touched,
    *,
    keep_rows: bool,
) -> int:
    """Delete a range but for the rows of held creators; returns how many went."""
    span = {"first": first, "last": last}
    if table in _OWNER and table not in {"creator", "account"}:
        touched.add(connection.execute(text(_OWNER[table]), span))
    staying: list[int] = []
    if held:
        bulk.keep(connection, "held", (("id", "bigint"),), ((one,) for one in held))
        staying = _staying(connection, table, span)
        kept += [Kept(table, one, None, "used_later") for one in staying if table == "creator"]
    if table == "account":
        # Computed rows hang on accounts too; they go with them, whichever operation wrote them.
        gone = "select id from account where id between :first and :last" + _not_held(staying, "creator_id")
        connection.execute(text(f"delete from tier_step where account_id in ({gone})"), span)  # noqa: S608
    if table == "creator":
        leaving = connection.execute(text("select id from creator where id between :first and :last"), span).scalars()
        search.remove(connection, [one for one in leaving if one not in held])
    if keep_rows:
        _keep_rows(connection, operation_id, table, span, set(staying))
    if not staying:
        return int(connection.execute(text(f'delete from "{table}" where id between :first and :last'), span).rowcount)  # noqa: S608
    bulk.keep(connection, "staying", (("id", "bigint"),), ((one,) for one in staying))
    statement = f'delete from "{table}" where id between :first and :last and id not in (select id from staying)'  # noqa: S608
    return int(connection.execute(text(statement), span).rowcount)


def _not_held(staying: Sequence[int], column: str) -> str:
    return f" and {column} not in (select id from held)" if staying else ""


def _staying(connection: Connection, table: str, span: dict[str, int]) -> list[int]:
    """Rows of a range that belong to held creators."""
    by_creator = {"creator": "t.id", "account": "t.creator_id", "creator_tag": "t.creator_id", "stage_step": "t.creator_id"}
    if table in by_creator:
        statement = f"select t.id from {table} t join held h on h.id = {by_creator[table]} where t.id between :first and :last"  # noqa: S608
    elif table in {"account_metric", "tier_step", "tier_override"}:
        statement = (
            f"select t.id from {table} t join account a on a.id = t.account_id join held h on h.id = a.creator_id"  # noqa: S608
            " where t.id between :first and :last"
        )
    else:
        return []
    return list(connection.execute(text(statement), span).scalars())


def _keep_rows(connection: Connection, operation_id: int, table: str, span: dict[str, int], staying: set[int]) -> None:
    """Log rows that go, so that a redo can bring them back under their ids."""
    rows = connection.execute(text(f'select * from "{table}" where id between :first and :last'), span).mappings()  # noqa: S608
    bulk.insert(
        connection,
        "change",
        ("operation_id", "table_name", "row_id", "before", "after"),
        [(operation_id, f"+{table}", row["id"], None, dump(dict(row))) for row in rows if row["id"] not in staying],
    )


def _reinsert(connection: Connection, operation_id: int, touched: _Touched) -> int:
    statement = select(ChangeLog.id, ChangeLog.table_name, ChangeLog.row_id, ChangeLog.after).where(
        ChangeLog.operation_id == operation_id, ChangeLog.table_name.startswith("+")
    )
    rows = connection.execute(statement.order_by(ChangeLog.id)).all()
    by_table: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for _, table, row_id, after in rows:
        by_table.setdefault(table[1:], []).append((row_id, json.loads(after)))
    added = 0
    for table in reversed(_CHILDREN_FIRST):
        for row_id, values in by_table.get(table, ()):
            connection.execute(Base.metadata.tables[table].insert().values(**values))
            added += 1
            if table in _OWNER:
                touched.add(connection.execute(text(_OWNER[table]), {"first": row_id, "last": row_id}))
    bulk.delete(connection, "change", (row[0] for row in rows))
    return added


# ---------------------------------------------------------------- changed rows


def _revert(connection: Connection, operation_id: int, kept: list[Kept], touched: _Touched, *, forward: bool) -> int:
    """Set changed fields back (or again, forward) where nobody changed them since; returns the rows that changed."""
    statement = select(ChangeLog.table_name, ChangeLog.row_id, ChangeLog.before, ChangeLog.after).where(
        ChangeLog.operation_id == operation_id, ~ChangeLog.table_name.startswith("+")
    )
    rows = connection.execute(statement.order_by(ChangeLog.id.asc() if forward else ChangeLog.id.desc())).all()
    count = 0
    by_table: dict[str, list[Any]] = {}
    for row in rows:
        by_table.setdefault(row.table_name, []).append(row)
    for table, changes in by_table.items():
        if table not in _CHILDREN_FIRST:
            continue
        ids = [row.row_id for row in changes]
        if table in _OWNER:
            _touch(connection, table, ids, touched)
        count += _set_back(connection, table, changes, kept, forward=forward)
        if table in _OWNER:
            _touch(connection, table, ids, touched)
    return count


def _set_back(connection: Connection, table: str, changes: Sequence[Any], kept: list[Kept], *, forward: bool) -> int:
    bulk.keep_ids(connection, (row.row_id for row in changes))
    stored = {
        row["id"]: row
        for row in connection.execute(text(f'select t.* from wanted w join "{table}" t on t.id = w.id')).mappings()  # noqa: S608
    }
    updates: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    count = 0
    for row in changes:
        source, target = (row.before, row.after) if forward else (row.after, row.before)
        old, new = json.loads(source or "null"), json.loads(target or "null")
        present = stored.get(row.row_id)
        if new is None:
            bulk.delete(connection, table, [row.row_id])
            count += present is not None
        elif old is None:
            if present is None:
                connection.execute(Base.metadata.tables[table].insert().values(id=row.row_id, **new))
                count += 1
        elif present is not None:
            back = {name: value for name, value in new.items() if present[name] == old.get(name)}
            kept += [Kept(table, row.row_id, name, "changed_later") for name in new if name not in back]
            if back:
                names = tuple(sorted(back))
                updates.setdefault(names, []).append((*(back[name] for name in names), row.row_id))
                count += 1
    for names, values in updates.items():
        bulk.update(connection, table, names, values)
    return count


def _touch(connection: Connection, table: str, ids: Sequence[int], touched: _Touched) -> None:
    bulk.keep_ids(connection, ids)
    statement = _OWNER[table].replace("between :first and :last", "in (select id from wanted)")
    touched.add(connection.execute(text(statement)))


def _refresh(connection: Connection, touched: _Touched, now: int) -> None:
    """Figures and search text of what is still there."""
    bulk.keep_ids(connection, touched.accounts)
    accounts = connection.execute(text("select a.id from wanted w join account a on a.id = w.id")).scalars().all()
    rollups.refresh_accounts(connection, accounts, now)
    bulk.keep_ids(connection, touched.creators)
    creators = connection.execute(text("select c.id from wanted w join creator c on c.id = w.id")).scalars().all()
    rollups.refresh_creators(connection, creators)
    search.refresh(connection, creators)
