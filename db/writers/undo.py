# SPDX-License-Identifier: Apache-2.0
"""Takes an operation back, or does it again, from its change log: inserted ranges go, changed fields return.

Later work wins: a field that was changed again, or a row on which later work hangs, stays as it is and is listed;
it follows by itself once that later work is taken back too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select, text, update

from app.errors import UsageError
from app.usecases.workspace import Undone
from db import bulk
from db.models.records import ChangeLog, InsertedRange, Operation
from db.writers import audit, chain, ledger, merging, rollups, runs, search, settings
from db.writers.amounts import amount
from db.writers.operations import dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from app.jobs import Job
    from app.values import Actor
    from db.writers.chain import Work

MOST_REDONE: Final = 5_000
"""Inserted rows up to which an undo keeps them, so that it can be redone; a larger import is imported again."""

_SYNC: Final = "sync."
_DECISIONS: Final = ("credit.", "sanction.", "appeal.", "policy.")
"""Nothing of these takes a row away of which a platform told."""
IN_PART: Final = chain.IN_PART

_OF_RECRUITING: Final = ("contact", "suppression", "queue_skip", "training", "entitlement_use", "entitlement")
_OF_THE_DESK: Final = (
    "signoff", "draft", "extension", "reminder", "post_figure", "shipment", "quote", "collaboration_step", "deliverable", "exclusivity",
)  # fmt: skip
_OF_PERSONS: Final = ("identity_apart", "creator_coupon", "consent")
_FACTS: Final = ("content", "sale", "touchpoint", "cost_entry", "credit_event", "sanction", "collaboration", *_OF_RECRUITING, *_OF_THE_DESK, *_OF_PERSONS)
"""Facts that hang on a creator; they go though he stays, and concern figures that the log of the operation keeps right."""
_CHILDREN_FIRST: Final = (
    "conflict", "remote_record", "cps_sale", "pending_bill", *_OF_RECRUITING, "course", "template", "recruitment_plan", *_OF_THE_DESK, "stock",
    *_OF_PERSONS, "creator_tag", "stage_step", "tier_step", "account_metric", "tier_override", "collaboration", "campaign",
    "appeal", "sanction", "credit_event", "content_metric", "touchpoint", "sale", "cost_entry", "conversion_path", "content",
    "account", "creator", "policy",
)  # fmt: skip
_OWNER: Final = {
    "creator": "select id creator_id, null account_id from creator where id between :first and :last",
    "account": "select creator_id, id account_id from account where id between :first and :last",
    "account_metric": "select a.creator_id, a.id account_id from account_metric m join account a on a.id = m.account_id where m.id between :first and :last",
    "tier_override": "select a.creator_id, a.id account_id from tier_override m join account a on a.id = m.account_id where m.id between :first and :last",
    "tier_step": "select a.creator_id, a.id account_id from tier_step m join account a on a.id = m.account_id where m.id between :first and :last",
    "creator_tag": "select creator_id, null account_id from creator_tag where id between :first and :last",
    "stage_step": "select creator_id, null account_id from stage_step where id between :first and :last",
}

Span = tuple[str, int, int]
"""Table, first and last id."""


def undo(connection: Connection, operation_id: int, actor: Actor, now: int, job: Job) -> Undone:
    """Take one operation back; what later work holds is kept and listed."""
    operation = _operation(connection, operation_id)
    if operation.undone_at is not None:
        raise UsageError("already_undone", id=operation_id)
    if operation.kind == chain.ERASE:
        raise UsageError("erasure_stays", id=operation_id)
    work = chain.Work(connection, operation_id)
    whole = amount(connection, operation_id, operation.kind, operation.summary)
    standing = whole.standing(connection)
    _mark(connection, operation_id, now, actor.name)
    if operation.kind.startswith(_SYNC):
        runs.rewind(connection, operation_id)
    _settle_changes(work, operation_id)
    if operation.kind == chain.MERGE:
        merging.given_back(work, operation_id)
    job.check()
    _remove_all(work, operation_id, job, told=True)
    for other in _in_part(connection):
        if other != operation_id:
            _remove_all(work, other, job, told=False)
    _settle_waiting(work)
    _finish(work, operation.kind, now)
    removed, reverted = standing - whole.standing(connection), whole.settled(connection, work.kept)
    audit.append(connection, actor, now, "undo", f"operation:{operation_id}", f"removed:{removed} reverted:{reverted}")
    return Undone(operation_id, operation.kind, removed, reverted, tuple(work.kept))


def redo(connection: Connection, operation_id: int, actor: Actor, now: int, job: Job) -> Undone:
    """Do an undone operation again."""
    operation = _operation(connection, operation_id)
    if operation.undone_at is None:
        raise UsageError("not_undone", id=operation_id)
    if sum(last - first + 1 for _, first, last in _ranges(connection, operation_id)) > MOST_REDONE:
        raise UsageError("redo_too_large", id=operation_id)
    if operation.kind == chain.MERGE:
        merging.may_be_done_again(connection, operation_id)
    work = chain.Work(connection, operation_id)
    _mark(connection, operation_id, None, None)
    _set_in_part(connection, [one for one in _in_part(connection) if one != operation_id])
    _settle_waiting(work)
    job.check()
    _settle_changes(work, operation_id)
    _finish(work, operation.kind, now)
    whole = amount(connection, operation_id, operation.kind, operation.summary)
    added, changed = whole.standing(connection), whole.settled(connection, work.kept)
    audit.append(connection, actor, now, "redo", f"operation:{operation_id}", f"added:{added} changed:{changed}")
    return Undone(operation_id, operation.kind, added, changed, tuple(work.kept))


def _mark(connection: Connection, operation_id: int, now: int | None, name: str | None) -> None:
    connection.execute(update(Operation).where(Operation.id == operation_id).values(undone_at=now, undone_by=name))


def _finish(work: Work, kind: str, now: int) -> None:
    """Figures and search text of what is still there."""
    connection = work.connection
    if kind == "policy.set":
        rollups.refresh_all(connection, now)
        work.returns.start_anew()
    bulk.keep_ids(connection, work.accounts)
    accounts = [row[0] for row in bulk.fetch(connection, "select a.id from wanted w join account a on a.id = w.id")]
    rollups.refresh_accounts(connection, accounts, now)
    bulk.keep_ids(connection, work.creators)
    if work.creators:  # a decision changes none, and who decides may not
        connection.exec_driver_sql("update creator set version = version + 1 where id in (select id from wanted)")  # whoever has one open saw another
    creators = [row[0] for row in bulk.fetch(connection, "select c.id from wanted w join creator c on c.id = w.id")]
    rollups.refresh_creators(connection, creators)
    search.refresh(connection, creators)
    if not kind.startswith(_DECISIONS):
        runs.forget_gone(connection)
    work.returns.settle()
    work.conduct.settle(now)
    work.desk.settle(now)


# ---------------------------------------------------------------- whom it concerned


def concerned(connection: Connection, operation_id: int) -> list[tuple[int, int]]:
    """Creators that an operation added or changed and that are still there, as spans of ids in order."""
    ids: set[int] = set()
    ranges = _ranges(connection, operation_id)
    new = [(first, last) for table, first, last in ranges if table == "creator"]
    statement = "select min(id), max(id) from creator where id between :first and :last"
    there = [connection.execute(text(statement), {"first": first, "last": last}).one() for first, last in new]
    for table, first, last in ranges:
        if table in _FACTS:
            others = f"select distinct o.creator_id from {table} o where o.id between :first and :last and o.creator_id is not null and {_outside(new, 'o.creator_id')}"  # noqa: S608 (names are our own)
            ids |= _scalars(connection, others, {"first": first, "last": last})
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
    for table in _FACTS:
        bulk.keep_ids(connection, _scalars(connection, statement, {"operation": operation_id, "table": table}))
        ids |= {row[0] for row in bulk.fetch(connection, f"select o.creator_id from wanted w join {table} o on o.id = w.id where o.creator_id is not null")}  # noqa: S608
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


def _ranges(connection: Connection, operation_id: int) -> list[Span]:
    statement = select(InsertedRange.table_name, InsertedRange.first, InsertedRange.last)
    return [(row[0], row[1], row[2]) for row in connection.execute(statement.where(InsertedRange.operation_id == operation_id).order_by(InsertedRange.id))]


def _outside(spans: Sequence[tuple[int, int]], column: str) -> str:
    return " and ".join(f"not {column} between {int(first)} and {int(last)}" for first, last in spans) or "true"


def _scalars(connection: Connection, statement: str, values: dict[str, Any]) -> set[int]:
    return set(connection.execute(text(statement), values).scalars())


# ---------------------------------------------------------------- changed rows


def _settle_changes(work: Work, operation_id: int) -> None:
    """Set the fields that an operation changed to what stands."""
    for table in reversed(_CHILDREN_FIRST):
        statement = select(ChangeLog.row_id).where(ChangeLog.operation_id == operation_id, ChangeLog.table_name == table)
        ids = [row[0] for row in work.connection.execute(statement)]
        if not ids:
            continue
        seen = table != "creator" or _is_seen(work.connection, operation_id)
        if seen:
            _touch(work, table, ids)
        chain.settle(work, table, ids)
        if seen:
            _touch(work, table, ids)
    if work.leaving:
        merging.leave(work)


_UNSEEN: Final = frozenset({"owner", "claimed_at", "protected_until", "stage", "source"})
"""Fields of a creator from which neither figures nor search text follow."""


def _is_seen(connection: Connection, operation_id: int) -> bool:
    """Whether an operation changed creators so that figures or search text follow: who hands over thousands changes few words of each."""
    statement = "select distinct after from change where operation_id = ? and table_name = 'creator'"
    return any(row[0] is None or not _UNSEEN.issuperset(json.loads(row[0])) for row in bulk.fetch(connection, statement, operation_id))


def _touch(work: Work, table: str, ids: Iterable[int]) -> None:
    """Note whose figures and search text must be computed anew."""
    if table in _OWNER:
        bulk.keep_ids(work.connection, ids)
        _note(work, work.connection.execute(text(_OWNER[table].replace("between :first and :last", "in (select id from wanted)"))))


def _note(work: Work, rows: Iterable[Sequence[Any]]) -> None:
    for creator, account in rows:
        if creator is not None:
            work.creators.add(creator)
        if account is not None:
            work.accounts.add(account)


# ---------------------------------------------------------------- inserted rows

_LATER: Final = "c.operation_id > :operation and o.undone_at is null"
_OF_NOBODY: Final = ("conversion_path", "campaign", "cps_sale", "pending_bill", "remote_record", "conflict", "course", "template", "recruitment_plan", "stock")
_CHANGED_APART: Final = frozenset({*_FACTS, *_OF_NOBODY, "content_metric", "appeal"})
"""Rows that stay by themselves where later work changed them."""
_CHANGED_LATER: Final = {
    "creator": "select c.row_id",
    "account": "select a.creator_id",
    "account_metric": "select a.creator_id",
    "tier_override": "select a.creator_id",
    **dict.fromkeys(_FACTS, "select a.creator_id"),
    "content_metric": "select a.creator_id",
}
_CHANGED_JOIN: Final = {
    "creator": "",
    "account": "join account a on a.id = c.row_id",
    "account_metric": "join account_metric m on m.id = c.row_id join account a on a.id = m.account_id",
    "tier_override": "join tier_override m on m.id = c.row_id join account a on a.id = m.account_id",
    **{table: f"join {table} a on a.id = c.row_id" for table in _FACTS},
    "content_metric": "join content_metric m on m.id = c.row_id join content a on a.id = m.content_id",
}
_HANGING: Final = {
    "creator": (
        "account.creator_id",
        "creator_tag.creator_id",
        "stage_step.creator_id",
        "identity_apart.other_id",
        *(f"{table}.creator_id" for table in _FACTS),
    ),
    "account": ("account_metric.account_id", "tier_override.account_id"),
    "content": ("content_metric.content_id", "sale.content_id", "cost_entry.content_id"),
    "credit_event": ("appeal.event_id",),
    "sanction": ("appeal.sanction_id",),
    "collaboration": tuple(f"{table}.collaboration_id" for table in ("deliverable", "quote", "shipment", "collaboration_step", "cost_entry")),
    "deliverable": tuple(f"{table}.deliverable_id" for table in ("draft", "extension", "reminder", "post_figure")),
    "draft": ("signoff.draft_id",),
}
_HANGING_APART: Final = {"campaign": ("collaboration.campaign_id",), "course": ("training.course_id",), "entitlement": ("entitlement_use.entitlement_id",)}
"""What hangs on rows that hang on no creator."""


def _held_creators(connection: Connection, operation_id: int, ranges: Sequence[Span]) -> set[int]:
    """Creators of the operation's own making on whom later rows hang or whom later operations changed."""
    own = {table: [(first, last) for name, first, last in ranges if name == table] for table in _CHILDREN_FIRST}
    held: set[int] = set()
    if not own["creator"]:
        return held
    held |= _had_facts(connection, operation_id, own["creator"])
    for table, selected in _CHANGED_LATER.items():
        for first, last in own[table]:
            span = {"first": first, "last": last, "operation": operation_id, "table": table}
            statement = (
                f"{selected} from change c join operation o on o.id = c.operation_id {_CHANGED_JOIN[table]}"
                f" where c.table_name = :table and c.row_id between :first and :last and {_LATER}"
            )
            held |= _scalars(connection, statement, span)
    for table, hanging in _HANGING.items():
        for child, column in (one.split(".") for one in hanging):
            for first, last in own[table]:
                owner = f"t.{column}" if table == "creator" else "a.creator_id"
                join = "" if table == "creator" else f"join {table} a on a.id = t.{column}"
                # A sanction that nobody decided follows from the entries, and goes with them.
                later = _outside(own[child], "t.id") + (" and t.decided_at is not null" if child == "sanction" else "")
                statement = f"select {owner} from {child} t {join} where t.{column} between :first and :last and {later}"  # noqa: S608
                held |= _scalars(connection, statement, {"first": first, "last": last})
    return held


def _had_facts(connection: Connection, operation_id: int, spans: Sequence[tuple[int, int]]) -> set[int]:
    """Creators from whom later work took a fact away: it goes back to them when that work is taken back."""
    statement = f"select c.before from change c join operation o on o.id = c.operation_id where c.table_name in :tables and c.before like :named and {_LATER}"  # noqa: S608 (our names)
    wanted = text(statement).bindparams(bindparam("tables", expanding=True))
    rows = connection.execute(wanted, {"tables": list(_FACTS), "named": '%"creator_id":%', "operation": operation_id})
    named = {json.loads(row[0]).get("creator_id") for row in rows} - {None}
    return {one for one in named if any(first <= one <= last for first, last in spans)}


def _remove_all(work: Work, operation_id: int, job: Job, *, told: bool) -> None:
    """Delete what an operation inserted, but for what later work holds."""
    connection = work.connection
    ranges = _ranges(connection, operation_id)
    redoable = sum(last - first + 1 for _, first, last in ranges) <= MOST_REDONE
    held = _held_creators(connection, operation_id, ranges)
    own = [(first, last) for table, first, last in ranges if table == "creator"]
    kept = False
    for at, (table, first, last) in enumerate(sorted(ranges, key=lambda one: _CHILDREN_FIRST.index(one[0]))):
        job.check()
        job.progress("undo", at, len(ranges))
        staying = _staying(connection, operation_id, (table, first, last), held)
        kept = kept or bool(staying)
        if told:
            for one in staying if table == "creator" or not held else ():
                work.keep(table, one, None, "used_later")
        _remove(work, operation_id, (table, first, last), staying, own, redoable=redoable)
    _set_in_part(connection, [*(one for one in _in_part(connection) if one != operation_id), *([operation_id] if kept else [])])


def _staying(connection: Connection, operation_id: int, span: Span, held: set[int]) -> list[int]:
    """Rows of a range that belong to held creators, or that later work changed."""
    table, first, last = span
    staying: set[int] = set()
    values = {"first": first, "last": last}
    if (table in _CHANGED_LATER and table != "creator") or table in _CHANGED_APART:
        changed = "select c.row_id from change c join operation o on o.id = c.operation_id where c.table_name = :table"
        statement = f"{changed} and c.row_id between :first and :last and {_LATER}"
        staying |= _scalars(connection, statement, {**values, "operation": operation_id, "table": table})
    if (table in _HANGING and table not in _OWNER) or table in _HANGING_APART:
        staying |= _hung_on(connection, operation_id, span)
    if held and table in _OWNER:
        bulk.keep(connection, "held", (("id", "bigint"),), ((one,) for one in held))
        if table == "creator":
            statement = "select t.id from creator t join held h on h.id = t.id where t.id between :first and :last"
        elif chain.OWNERS[table][0] == "creator":
            statement = f"select t.id from {table} t join held h on h.id = t.creator_id where t.id between :first and :last"  # noqa: S608
        else:
            statement = (
                f"select t.id from {table} t join account a on a.id = t.account_id join held h on h.id = a.creator_id"  # noqa: S608
                " where t.id between :first and :last"
            )
        staying |= _scalars(connection, statement, values)
    if not staying:
        return []
    bulk.keep_ids(connection, staying)
    return sorted(row[0] for row in bulk.fetch(connection, f"select t.id from wanted w join {table} t on t.id = w.id"))  # noqa: S608


def _hung_on(connection: Connection, operation_id: int, span: Span) -> set[int]:
    """Facts of a range on which rows of other operations hang."""
    table, first, last = span
    ranges = _ranges(connection, operation_id)
    out: set[int] = set()
    for child, column in (one.split(".") for one in (_HANGING | _HANGING_APART)[table]):
        own = [(low, high) for name, low, high in ranges if name == child]
        statement = f"select t.{column} from {child} t where t.{column} between :first and :last and {_outside(own, 't.id')}"  # noqa: S608
        out |= _scalars(connection, statement, {"first": first, "last": last})
    return out | ledger.rested_on(connection, first, last) if table == "credit_event" else out


def _remove(work: Work, operation_id: int, span: Span, staying: Sequence[int], own: Sequence[tuple[int, int]], *, redoable: bool) -> None:
    """Delete a range but for the rows that stay."""
    connection, (table, first, last) = work.connection, span
    values = {"first": first, "last": last}
    if table in _OWNER and table != "creator":
        # The operation's own creators go with their figures; only others are computed anew.
        others = f"select o.creator_id, o.account_id from ({_OWNER[table]}) o where {_outside(own, 'o.creator_id')}"  # noqa: S608
        _note(work, connection.execute(text(others), values))
    work.returns.before_span(table, first, last)
    work.conduct.before_span(table, first, last)
    work.desk.before_span(table, first, last)
    if staying and table == "creator":
        work.creators.update(staying)
    if staying and table == "account":
        work.accounts.update(staying)
    bulk.keep(connection, "staying", (("id", "bigint"),), ((one,) for one in staying))
    leaving = "between :first and :last and {column} not in (select id from staying)"
    if table == "account":
        # Computed rows hang on accounts too; they go with them, whichever operation wrote them.
        steps = f"account_id in (select id from account where id {leaving.format(column='id')})"  # noqa: S608
        if redoable:
            _keep_rows(work, operation_id, "tier_step", steps, values)
        connection.execute(text(f"delete from tier_step where {steps}"), values)  # noqa: S608
    here = f"id {leaving.format(column='id')}"
    if table == "creator":
        ledger.let_go(connection, values)
        search.remove(connection, [row[0] for row in connection.execute(text(f"select id from creator where {here}"), values)])  # noqa: S608
    if redoable:
        _keep_rows(work, operation_id, table, here, values)
    connection.execute(text(f'delete from "{table}" where {here}'), values)  # noqa: S608


def _keep_rows(work: Work, operation_id: int, table: str, where: str, values: dict[str, int]) -> None:
    """Log rows that go, so that a redo can bring them back under their ids."""
    rows = work.connection.execute(text(f'select * from "{table}" where {where}'), values).mappings()  # noqa: S608
    bulk.insert(
        work.connection,
        "change",
        ("operation_id", "table_name", "row_id", "before", "after"),
        [(operation_id, f"+{table}", row["id"], None, dump(dict(row))) for row in rows],
    )


# ---------------------------------------------------------------- rows that wait to come back


def _settle_waiting(work: Work) -> None:
    """Bring back the rows of operations that stand, where nothing is in their way.

    Mostly those of the operation that is done again; else rows that waited for their owner or their place.
    """
    connection = work.connection
    replaced = {values["creator_id"] for _, _, values in _waiting(connection, "account") if chain.is_taken(connection, "account", values)}
    for table in reversed(_CHILDREN_FIRST):
        came: list[tuple[int, int]] = []
        for change_id, operation_id, values in _waiting(connection, table):
            why = "exists_now" if table == "creator" and values["id"] in replaced else chain.insert(work, table, values)
            if why is None:
                came.append((change_id, values["id"]))
            elif operation_id == work.operation and table != "tier_step":
                work.keep(table, values["id"], None, why)
        bulk.delete(connection, "change", (one[0] for one in came))
        back = [one[1] for one in came]
        chain.settle(work, table, back)
        _touch(work, table, back)
    returned = _taken_away(connection)
    if returned:
        chain.settle(work, "creator_tag", returned)
        _touch(work, "creator_tag", returned)


def _waiting(connection: Connection, table: str) -> list[tuple[int, int, dict[str, Any]]]:
    """Rows of a table that operations that stand had inserted and that are not there: change, operation, values."""
    statement = (
        select(ChangeLog.id, ChangeLog.operation_id, ChangeLog.after)
        .join(Operation, Operation.id == ChangeLog.operation_id)
        .where(ChangeLog.table_name == f"+{table}", Operation.undone_at.is_(None))
        .order_by(ChangeLog.id)
    )
    return [(row[0], row[1], json.loads(row[2] or "{}")) for row in connection.execute(statement)]


def _taken_away(connection: Connection) -> list[int]:
    """Tags that an undone operation had taken off and that are not there: their place may be free again."""
    statement = (
        "select c.row_id from change c join operation o on o.id = c.operation_id left join creator_tag t on t.id = c.row_id"
        " where c.table_name = 'creator_tag' and c.after is null and o.undone_at is not null and t.id is null"
    )
    return [row[0] for row in bulk.fetch(connection, statement)]


def _in_part(connection: Connection) -> list[int]:
    """Operations undone in part, the newest first: what hangs on what is of later making."""
    return sorted(json.loads(settings.get(connection, IN_PART) or "[]"), reverse=True)


def _set_in_part(connection: Connection, operations: Sequence[int]) -> None:
    if list(operations) != json.loads(settings.get(connection, IN_PART) or "[]"):
        settings.put(connection, IN_PART, json.dumps(list(operations)))
