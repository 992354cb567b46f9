# SPDX-License-Identifier: Apache-2.0
"""Makes two creators one, with all that hangs on both, as one operation that its log takes back to what was before.

Whatever points at a creator by a key of the schema is found in the schema, so that a table that comes later is merged too.
A row that would say the same twice goes, with its children moved to the one that stays. Between merges a pointer is moved,
not set: a merge that is taken back while a later one stands gives back what it moved (``db/writers/chain``).
What came in later for an account follows its account, whoever has it now.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import UniqueConstraint, select, text

from app.errors import UsageError
from app.rules import identity
from db import bulk
from db.models import Base
from db.models.creators import Creator
from db.writers import rollups, search
from db.writers.chain import MERGE
from db.writers.operations import dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Table

    from db.writers.chain import Work
    from db.writers.operations import Log

OWN: Final = frozenset(
    {"id", "created_at", "updated_at", "version", "main_account_id", "platform", "followers", "tier", "group", "fee_fen"}
    | {"credit_score", "credit_grade", "value_grade", "initials"}
)
"""Columns of a creator that follow from others, or tell of the row itself."""
KIND: Final = MERGE
NOTES: Final = "notes"
BOTH: Final = "both"
_MOST_LISTED: Final = 100
_MERGE: Final = ("operation_id", "creator_id", "gone_id", "chosen", "reason", "by", "at")
_STANDING: Final = "select m.id, m.creator_id, m.gone_id, m.operation_id from identity_merge m join operation o on o.id = m.operation_id where o.undone_at is null and m.{} = ?"


class Pointer(NamedTuple):
    """A column that names a row of another table."""

    table: Table
    column: str


@cache
def pointers(target: str) -> tuple[Pointer, ...]:
    """Columns of the schema that point at a table by a key."""
    found = []
    for table in Base.metadata.sorted_tables:
        found += [Pointer(table, key.parent.name) for key in table.foreign_keys if key.column.table.name == target]
    return tuple(sorted(found, key=lambda one: (one.table.name, one.column)))


# ---------------------------------------------------------------- one into another


def fields() -> tuple[str, ...]:
    """Columns of a creator of which one of two values stays."""
    return tuple(column.name for column in Creator.__table__.columns if column.name not in OWN)


def merge(log: Log, kept: int, gone: int, chosen: Mapping[str, str], reason: str | None) -> int:
    """Move everything of one creator to another and take it away; returns the number of the merge."""
    connection = log.connection
    stays, goes = row_of(connection, kept), row_of(connection, gone)
    sides = {name: chosen.get(name) or identity.stays(name, stays[name], goes[name]) for name in fields()}
    _let_go_of_what_follows(connection, gone)
    _apart_no_more(log, kept, gone)
    _move_conflicts(log, kept, gone)
    _absorb(log, "creator", gone, kept)
    _set_fields(log, stays, goes, sides)
    rollups.refresh_creators(connection, [kept])
    search.remove(connection, [gone])
    search.refresh(connection, [kept])
    number = bulk.reserve(connection, "identity_merge", 1)
    told = {name: side for name, side in sides.items() if stays[name] != goes[name]}
    row = (number, log.id, kept, gone, dump(told), reason, log.actor.name, log.now)
    bulk.insert(connection, "identity_merge", ("id", *_MERGE), [row])
    bulk.run(connection, "delete from identity_pair where a_id = ? or b_id = ?", gone, gone)
    return number


def row_of(connection: Connection, creator_id: int) -> dict[str, Any]:
    """A creator's row; UsageError where there is none."""
    found = connection.execute(select(Creator.__table__).where(Creator.id == creator_id)).mappings().first()
    if found is None:
        raise UsageError("unknown_creator", id=creator_id)
    return dict(found)


def _let_go_of_what_follows(connection: Connection, gone: int) -> None:
    """Drop what is computed of a creator; whoever has its facts gets figures anew."""
    bulk.run(connection, "delete from credit_score where creator_id = ?", gone)
    bulk.run(connection, "delete from creator_value where creator_id = ?", gone)
    heard = "select a.sanction_id from appeal a where a.sanction_id is not null"
    bulk.run(connection, f"delete from sanction where decided_at is null and creator_id = ? and id not in ({heard})", gone)  # noqa: S608 (our own words)


def _apart_no_more(log: Log, kept: int, gone: int) -> None:
    """Take away what says that the two are two."""
    statement = text("select * from identity_apart where (creator_id = :kept and other_id = :gone) or (creator_id = :gone and other_id = :kept)")
    rows = [dict(row) for row in log.connection.execute(statement, {"kept": kept, "gone": gone}).mappings()]
    _take_away(log, "identity_apart", rows)


def _move_conflicts(log: Log, kept: int, gone: int) -> None:
    """A field changed here and at a source waits at the creator that stays."""
    ids = [row[0] for row in bulk.fetch(log.connection, "select id from conflict where table_name = 'creator' and row_id = ?", gone)]
    log.changed("conflict", ((one, {"row_id": gone}, {"row_id": kept}) for one in ids))
    bulk.update(log.connection, "conflict", ("row_id",), ((kept, one) for one in ids))


def _absorb(log: Log, table: str, gone: int, kept: int) -> None:
    """Move what points at a row to another one, and take the row away."""
    connection = log.connection
    for pointer in pointers(table):
        name, column = pointer.table.name, pointer.column
        ids = [row[0] for row in bulk.fetch(connection, f"select id from {bulk.quoted(name)} where {bulk.quoted(column)} = ? order by id", gone)]  # noqa: S608 (our names)
        if not ids:
            continue
        double = _doubles(connection, pointer, gone, kept)
        moving = [one for one in ids if one not in double]
        log.changed(name, [(one, {column: gone}, {column: kept}) for one in moving])
        bulk.update(connection, name, (column,), [(kept, one) for one in moving])
        for one, other in double.items():
            _absorb(log, name, one, other)
    row = connection.execute(Base.metadata.tables[table].select().where(Base.metadata.tables[table].c.id == gone)).mappings().one()
    _take_away(log, table, [dict(row)])


def _take_away(log: Log, table: str, rows: Sequence[dict[str, Any]]) -> None:
    log.changed(table, [(row["id"], {name: value for name, value in row.items() if name != "id"}, None) for row in rows])
    bulk.delete(log.connection, table, [row["id"] for row in rows])


def _doubles(connection: Connection, pointer: Pointer, gone: int, kept: int) -> dict[int, int]:
    """Rows that would be what a row of the one that stays is already: row -> that one."""
    name, found = bulk.quoted(pointer.table.name), {}
    for columns in _unique(pointer.table):
        if pointer.column not in columns:
            continue
        others = " and ".join(f"k.{bulk.quoted(one)} = g.{bulk.quoted(one)}" for one in columns if one != pointer.column) or "true"
        mine = f"g.{bulk.quoted(pointer.column)} = ? and k.{bulk.quoted(pointer.column)} = ?"
        found.update(dict(map(tuple, bulk.fetch(connection, f"select g.id, k.id from {name} g join {name} k on {others} where {mine}", gone, kept))))  # noqa: S608 (our names)
    return found


@cache
def _unique(table: Table) -> tuple[frozenset[str], ...]:
    found = [frozenset(column.name for column in one.columns) for one in table.constraints if isinstance(one, UniqueConstraint)]
    found += [frozenset(column.name for column in one.columns) for one in table.indexes if one.unique]
    return tuple(found)


def _set_fields(log: Log, stays: Mapping[str, Any], goes: Mapping[str, Any], sides: Mapping[str, str]) -> None:
    """Give the creator that stays the values that were chosen; codes that find sales are kept, whichever is shown."""
    kept = stays["id"]
    after = {name: goes[name] for name, side in sides.items() if side == "b" and goes[name] != stays[name]}
    if sides[NOTES] == BOTH:
        after[NOTES] = "\n".join(dict.fromkeys(one for one in (stays[NOTES], goes[NOTES]) if one)) or None
    after = {name: value for name, value in after.items() if value != stays[name]}
    codes = {one for one in (stays["coupon"], goes["coupon"]) if one} - {after.get("coupon", stays["coupon"])}
    had = {row[0] for row in bulk.fetch(log.connection, "select coupon from creator_coupon where creator_id = ?", kept)}
    log.returns.before_coupons(codes)
    log.insert("creator_coupon", ("creator_id", "coupon"), [(kept, code) for code in sorted(codes - had)])
    if after:
        log.changed("creator", [(kept, {name: stays[name] for name in after}, after)])
        bulk.update(log.connection, "creator", tuple(after), [(*after.values(), kept)])
    if "stage" in after:
        columns = ("creator_id", "stage", "previous", "reason", "at", "by", "operation_id")
        log.insert("stage_step", columns, [(kept, after["stage"], stays["stage"], None, log.now, log.actor.name, log.id)])
    bulk.run(log.connection, "update creator set version = version + 1, updated_at = ? where id = ?", log.now, kept)


# ---------------------------------------------------------------- where somebody went


class Went(NamedTuple):
    """A creator that went into another one by a merge that stands."""

    merge_id: int
    creator_id: int
    gone_id: int
    operation_id: int


def went(connection: Connection, gone: int) -> Went | None:
    """Where a creator is now; None where it never went anywhere."""
    last, seen = None, set()
    while found := bulk.fetch(connection, _STANDING.format("gone_id") + " order by m.id desc", gone):
        if gone in seen:
            break
        seen.add(gone)
        last = Went(*found[0])
        gone = last.creator_id
    return last


def came(connection: Connection, kept: int) -> list[Went]:
    """Creators that went into one, directly or by another, by merges that stand."""
    found, waiting = [], [kept]
    while waiting:
        for row in bulk.fetch(connection, _STANDING.format("creator_id") + " order by m.id", waiting.pop()):
            found.append(Went(*row))
            waiting.append(row[2])
    return found


# ---------------------------------------------------------------- taken back, done again


def of_operation(connection: Connection, operation_id: int) -> tuple[int, int]:
    """Who stayed and who went in a merge."""
    rows = bulk.fetch(connection, "select creator_id, gone_id from identity_merge where operation_id = ?", operation_id)
    if not rows:
        raise UsageError("unknown_merge", id=operation_id)
    return rows[0][0], rows[0][1]


def given_back(work: Work, operation_id: int) -> None:
    """What came in later for the accounts that went back follows them; what has no account stays, and is listed."""
    kept, gone = of_operation(work.connection, operation_id)
    heir = went(work.connection, kept)
    holder = heir.creator_id if heir is not None else kept
    _follow(work, {kept, holder}, gone)
    for table, row_id in _stayed(work.connection, operation_id, holder):
        work.keep(table, row_id, None, "stays_with_creator")


def may_be_done_again(connection: Connection, operation_id: int) -> None:
    """UsageError where something that the merge knows nothing of hangs on the creator that would go: merge the two anew."""
    kept, gone = of_operation(connection, operation_id)
    again = UsageError("merge_again", a=kept, b=gone)
    if {row[0] for row in bulk.fetch(connection, "select id from creator where id in (?, ?)", kept, gone)} != {kept, gone}:
        raise again
    for pointer in pointers("creator"):
        name, column = pointer.table.name, pointer.column
        known = f"select c.row_id from change c where c.operation_id = ? and c.table_name = '{name}'"  # noqa: S608 (our names)
        free = " and t.account_id is null" if "account_id" in pointer.table.c else ""
        follows = f"select t.id from {bulk.quoted(name)} t where t.{bulk.quoted(column)} = ?{free} and t.id not in ({known})"  # noqa: S608 (our names)
        unknown = {row[0] for row in bulk.fetch(connection, follows, gone, operation_id)} if name != "account" else set()
        if unknown - _undecided(connection, name, gone) - _of_parents(connection, pointer, gone):
            raise again
        taken = f"select c.row_id from change c where c.operation_id = ? and c.table_name = '{name}' and c.after is null"  # noqa: S608 (our names)
        if set(_doubles(connection, pointer, gone, kept)) - {row[0] for row in bulk.fetch(connection, taken, operation_id)}:
            raise again


def _undecided(connection: Connection, name: str, creator: int) -> set[int]:
    """Sanctions that follow from the ledger and go with it."""
    if name != "sanction":
        return set()
    return {row[0] for row in bulk.fetch(connection, "select id from sanction where decided_at is null and creator_id = ?", creator)}


def _of_parents(connection: Connection, pointer: Pointer, creator: int) -> set[int]:
    """Rows that follow the row of another table that they hang on."""
    found: set[int] = set()
    if pointer.column == "creator_id":
        for column, parent in _parents(pointer.table):
            statement = (
                f"select t.id from {bulk.quoted(pointer.table.name)} t join {bulk.quoted(parent)} p on p.id = t.{bulk.quoted(column)} where t.creator_id = ?"  # noqa: S608 (our names)
            )
            found |= {row[0] for row in bulk.fetch(connection, statement, creator)}
    return found


def leave(work: Work) -> None:
    """Creators that go once more into others: what came in for their accounts since goes first."""
    for gone in work.leaving:
        heir = went(work.connection, gone)
        if heir is not None:
            _follow(work, {gone}, heir.creator_id)
        _let_go_of_what_follows(work.connection, gone)
    search.remove(work.connection, work.leaving)
    bulk.delete(work.connection, "creator", work.leaving)


def _parents(table: Table) -> list[tuple[str, str]]:
    """Tables with a creator on which rows of a table hang."""
    keys = ((key.parent.name, key.column.table) for key in table.foreign_keys)
    return [(column, parent.name) for column, parent in keys if parent.name not in {"creator", "account"} and "creator_id" in parent.c]


def _follow(work: Work, holders: Iterable[int], owner: int) -> None:
    """Rows of an owner's accounts that others hold become the owner's, and what hangs on such rows."""
    connection, some = work.connection, ",".join(map(str, sorted(holders)))
    for table in Base.metadata.sorted_tables:
        if "creator_id" not in table.c or table.name == "account" or not any(key.column.table.name == "creator" for key in table.c.creator_id.foreign_keys):
            continue
        name, where = bulk.quoted(table.name), []
        if "account_id" in table.c:
            where.append(f"select t.id, t.creator_id from {name} t join account a on a.id = t.account_id where t.creator_id in ({some}) and a.creator_id = ?")  # noqa: S608
        else:
            where += [
                f"select t.id, t.creator_id from {name} t join {bulk.quoted(parent)} p on p.id = t.{bulk.quoted(column)}"  # noqa: S608 (our names)
                f" where t.creator_id in ({some}) and p.creator_id = ?"
                for column, parent in _parents(table)
            ]
        rows = {row[0]: row[1] for statement in where for row in bulk.fetch(connection, statement, owner)}
        if rows:
            told = [(one, {"creator_id": before}, {"creator_id": owner}) for one, before in rows.items()]
            work.returns.before_changes(table.name, told)
            work.conduct.before_changes(table.name, told)
            bulk.update(connection, table.name, ("creator_id",), [(owner, one) for one in rows])


def _stayed(connection: Connection, operation_id: int, holder: int) -> list[tuple[str, int]]:
    """Rows that later operations put on the creator that stayed, and that belong to no account."""
    found: list[tuple[str, int]] = []
    for pointer in pointers("creator"):
        name = pointer.table.name
        if name == "account" or pointer.column != "creator_id" or _parents(pointer.table):
            continue
        free = " and t.account_id is null" if "account_id" in pointer.table.c else ""
        statement = (
            f"select t.id from {bulk.quoted(name)} t join inserted i on i.table_name = '{name}' and t.id between i.first and i.last"  # noqa: S608 (our names)
            f" join operation o on o.id = i.operation_id where t.creator_id = ? and i.operation_id > ? and o.undone_at is null{free} order by t.id limit {_MOST_LISTED}"
        )
        found += [(name, row[0]) for row in bulk.fetch(connection, statement, holder, operation_id)]
    return found[:_MOST_LISTED]
