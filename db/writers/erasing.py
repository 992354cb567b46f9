# SPDX-License-Identifier: Apache-2.0
"""Takes a person out of a workspace: out of the rows, the log of changes, the search index, and what strangers' files and platforms told.

What the law keeps stays without the person: accounts and contents bear a keyed reference in the place of their names, money
and dates are as they were. Whom somebody was known by stays as keyed hashes, so that no file and no platform brings him back.
Nothing of this is logged as a change: there is nothing to take back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from app.values import Stage
from db import bulk
from db.models import Base
from db.writers import chain, edits, merging, search, settings, suppressed
from db.writers.erased import ERASED
from db.writers.operations import REASON, Log, dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from app.values import Actor

KIND: Final = chain.ERASE

PERSONAL: Final[Mapping[str, tuple[str, ...]]] = {
    "creator": ("name", "city", "country", "phone", "wechat", "email", "notes", "initials"),
    "account": ("platform_uid", "handle", "handle_key", "url"),
    "appeal": ("reason", "decision_reason"),
    "collaboration": ("title", "content_id", "cancel_reason", "notes"),
    "collaboration_step": ("reason",),
    "consent": ("evidence",),
    "contact": ("text", "message_ref", "void_reason"),
    "content": ("content_id", "title", "url"),
    "cost_entry": ("content_ref",),
    "creator_tag": ("tag",),
    "credit_event": ("confirm_reason", "void_reason", "evidence"),
    "deliverable": ("content_id", "url"),
    "draft": ("text", "file", "reason"),
    "exclusivity": ("note",),
    "extension": ("reason",),
    "identity_apart": ("reason",),
    "post_figure": ("evidence",),
    "queue_skip": ("reason",),
    "quote": ("note",),
    "sale": ("content_ref",),
    "sanction": ("reason",),
    "shipment": ("recipient", "phone", "address", "waybill"),
    "signoff": ("reason",),
    "stage_step": ("reason",),
    "suppression": ("reason", "lift_reason"),
    "tier_override": ("reason",),
}
"""Columns that tell of the person, or hold what people wrote about him; emptied."""
REFERRED: Final = {"account": "platform_uid", "content": "content_id"}
"""Columns that others are found by: a keyed reference stays in their place."""
FILES: Final = {"credit_event": "evidence", "draft": "file", "post_figure": "evidence"}
"""Columns that may name a file kept beside the workspace."""
KEPT: Final = {"sale": "sales", "cost_entry": "costs", "credit_event": "events", "sanction": "events", "collaboration": "costs", "shipment": "costs"}
"""What stays without the person: table -> why, a name of ``kept_by_law`` in the policy."""
_LOGS: Final = {
    "rejected": ("value",),
    "rejected_record": ("key", "raw"),
    "run_line": ("details",),
    "conflict": ("base", "mine", "theirs"),
    "identity_merge": ("reason",),
}
"""What strangers told, and texts that belong to no creator: emptied where a name or number of the person stands in them."""
_SHORTEST: Final = 5
"""Characters from which on a text is the person's and nobody else's."""


@dataclass(slots=True)
class Traces:
    """A person: rows by table, what he is called and reached by, files about him, who went into him."""

    rows: dict[str, list[int]] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    """Names and notes: the person's where they stand alone, and only in what belongs to him."""
    files: set[str] = field(default_factory=set)
    others: tuple[int, ...] = ()


def hanging(connection: Connection, creators: Sequence[int]) -> dict[str, list[int]]:
    """Rows of every table that hang on creators, by keys of the schema, at any depth."""
    found: dict[str, set[int]] = {"creator": set(creators)}
    waiting = ["creator"]
    while waiting:
        above = waiting.pop()
        for pointer in merging.pointers(above):
            bulk.keep_ids(connection, sorted(found[above]))
            name = pointer.table.name
            if "id" not in pointer.table.c or name in {"campaign", "operation"}:
                continue
            statement = f"select t.id from wanted w join {bulk.quoted(name)} t on t.{bulk.quoted(pointer.column)} = w.id"  # noqa: S608 (our names)
            fresh = {row[0] for row in bulk.fetch(connection, statement)} - found.setdefault(name, set())
            if fresh:
                found[name] |= fresh
                waiting.append(name)
    return {name: sorted(ids) for name, ids in found.items() if ids}


# ---------------------------------------------------------------- out of the workspace


def erase(connection: Connection, creator_id: int, reason: str, actor: Actor, now: int) -> tuple[Traces, dict[str, int], dict[str, int]]:
    """Take a person out in this transaction; returns the traces, what was emptied and what stays, in rows by table."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("pragma secure_delete=on")
    traces = _traces(connection, creator_id)
    log = Log(connection, KIND, actor, now)
    suppressed.add(log, suppressed.reaches(connection, [creator_id]), ERASED, None, None)
    moved = edits.set_fields(log, "creator", [creator_id], {"stage": int(Stage.ENDED), "owner": None})
    if "stage" in moved.get(creator_id, {}):
        edits.add_stage_steps(log, {creator_id: moved[creator_id]["stage"]}, Stage.ENDED, None)
    _redact_log(connection, traces, creator_id)
    removed = {table: _empty(connection, table, ids, creator_id) for table, ids in traces.rows.items() if table in PERSONAL}
    _forget_told(connection, traces)
    search.refresh(connection, [creator_id])
    edits.touch(log, [creator_id])
    log.finish({"creator_id": creator_id})
    kept = {table: len(traces.rows[table]) for table in KEPT if table in traces.rows}
    columns = ("creator_id", "at", "by", "reason", "removed", "kept", "swept_at")
    number = bulk.reserve(connection, "erasure", 1)
    bulk.insert(connection, "erasure", ("id", *columns), [(number, creator_id, now, actor.name, reason, dump(removed), dump(kept), None)])
    return traces, {table: count for table, count in removed.items() if count}, kept


def _traces(connection: Connection, creator_id: int) -> Traces:
    """Everything that tells of a person before it goes."""
    others = tuple(one.gone_id for one in merging.came(connection, creator_id))
    traces = Traces(hanging(connection, [creator_id]), others=others)
    row = merging.row_of(connection, creator_id)
    traces.names.add(row["name"])
    traces.marks.update(one for one in (row["phone"], row["wechat"], row["email"]) if one)
    for table, columns in (("account", PERSONAL["account"]), ("content", ("content_id", "url")), ("shipment", ("recipient", "phone", "address"))):
        for values in _values(connection, table, traces.rows.get(table, ()), columns):
            traces.marks.update(str(one) for one in values if one)
    _once(connection, traces, creator_id)
    traces.marks = {one for one in traces.marks if len(one) >= _SHORTEST}
    for table, column in FILES.items():
        for (value,) in _values(connection, table, traces.rows.get(table, ()), (column,)):
            if value:
                traces.files.add(str(value).split(" ", 1)[0])
    return traces


def _values(connection: Connection, table: str, ids: Sequence[int], columns: Sequence[str]) -> list[Any]:
    if not ids:
        return []
    bulk.keep_ids(connection, ids)
    selected = ", ".join(f"t.{bulk.quoted(one)}" for one in columns)
    return bulk.fetch(connection, f"select {selected} from wanted w join {bulk.quoted(table)} t on t.id = w.id")  # noqa: S608 (our names)


def _once(connection: Connection, traces: Traces, creator_id: int) -> None:
    """What a person was called and reached by before, as the log of his rows has it."""
    for table, ids in (("creator", [creator_id, *traces.others]), ("account", traces.rows.get("account", []))):
        bulk.keep_ids(connection, ids)
        logged = f"select c.before, c.after from wanted w cross join change c where c.table_name in ('{table}', '+{table}') and c.row_id = w.id"  # noqa: S608
        for side in (side for row in bulk.fetch(connection, logged) for side in row if side):
            told = json.loads(side)
            traces.marks |= {told[name] for name in _REACHED if told.get(name)}
            traces.names |= {told[name] for name in ("name", "notes") if told.get(name)}


_REACHED: Final = ("phone", "wechat", "email", "platform_uid", "handle", "handle_key", "url")


def _empty(connection: Connection, table: str, ids: Sequence[int], creator_id: int) -> int:
    """Empty the personal columns of rows; returns how many rows had anything in them."""
    if table == "creator_tag":
        bulk.delete(connection, table, ids)
        return len(ids)
    columns = PERSONAL[table]
    had = [row_id for row_id, row in zip(ids, _values(connection, table, ids, columns), strict=True) if any(row)]
    if not had:
        return 0
    kept = REFERRED.get(table)
    nullable = {column.name: column.nullable for column in Base.metadata.tables[table].columns}
    plain = [name for name in columns if name != kept and (table, name) != ("creator", "name")]
    empty = [None if nullable[name] else "" for name in plain]
    if plain:
        bulk.update(connection, table, plain, [(*empty, one) for one in had])
    if table == "creator":
        bulk.update(connection, table, ("name",), [(_pseudonym(creator_id), creator_id)])
    if kept is not None:
        secret = suppressed.key(connection)
        rows = _values(connection, table, had, ("id", "platform", kept))
        bulk.update(connection, table, (kept,), [(_reference(secret, table, platform, value), one) for one, platform, value in rows if value])
    return len(had)


def _pseudonym(creator_id: int) -> str:
    return f"#{creator_id}"


def _reference(secret: bytes, table: str, platform: str, value: str) -> str:
    return f"{ERASED}-{suppressed.hashed(secret, f'{table}:{platform}:{value}')[:24]}"


# ---------------------------------------------------------------- out of what was logged and told


def _redact_log(connection: Connection, traces: Traces, creator_id: int) -> None:
    """Take personal values out of the log of changes: of the person's rows whole, of others' where they stand in it."""
    changed: dict[int, tuple[str | None, str | None]] = {}
    of_his = {**traces.rows, "creator": [creator_id, *traces.others]}
    for table, ids in of_his.items():
        if table not in PERSONAL or not ids:
            continue
        bulk.keep_ids(connection, ids)
        for name in (table, f"+{table}"):
            statement = f"select c.id, c.before, c.after from wanted w cross join change c where c.table_name = '{name}' and c.row_id = w.id"  # noqa: S608
            for row_id, before, after in bulk.fetch(connection, statement):
                whole = name.startswith("+") or before is None or after is None
                changed[row_id] = (_without(table, before, whole=whole), _without(table, after, whole=whole))
    _write(connection, changed)
    changed.clear()
    tagged = "select id from change where table_name in ('creator_tag', '+creator_tag') and coalesce(before, after) like ?"
    bulk.delete(connection, "change", [row[0] for row in bulk.fetch(connection, tagged, f'%"creator_id":{creator_id},%')])
    for row_id, before, after in [*_with_any(connection, "change", ("before", "after"), traces.marks), *_of_merges(connection, creator_id)]:
        changed[row_id] = (_without_marks(before, traces), _without_marks(after, traces))
    _write(connection, changed)


def _of_merges(connection: Connection, creator_id: int) -> list[Any]:
    """Changes by which somebody got what was the person's, or the other way round."""
    merges = "select operation_id from identity_merge where creator_id = ? or gone_id = ?"
    return bulk.fetch(connection, f"select id, before, after from change where table_name = 'creator' and operation_id in ({merges})", creator_id, creator_id)  # noqa: S608


def _write(connection: Connection, changed: Mapping[int, tuple[str | None, str | None]]) -> None:
    bulk.update(connection, "change", ("before", "after"), [(before, after, row_id) for row_id, (before, after) in changed.items()])


def _without(table: str, text: str | None, *, whole: bool) -> str | None:
    """Fields of a row without the personal ones; of a whole row they stay as nothing."""
    if text is None:
        return None
    row = json.loads(text)
    for name in PERSONAL[table]:
        if name in row and whole:
            row[name] = "" if row[name] is not None and not Base.metadata.tables[table].c[name].nullable else None
        else:
            row.pop(name, None)
    return dump(row)


def _without_marks(text: str | None, traces: Traces) -> str | None:
    """A row of somebody else's log without what is this person's."""
    if text is None:
        return None
    row = json.loads(text)
    return dump({name: value for name, value in row.items() if not (isinstance(value, str) and _tells(value, traces))})


def _tells(value: str, traces: Traces) -> bool:
    return value in traces.names or any(mark in value for mark in traces.marks)


def _with_any(connection: Connection, table: str, columns: Iterable[str], words: Iterable[str]) -> list[Any]:
    """Rows of a table in whose columns any of some texts stands: id and columns."""
    found, place = "strpos" if connection.dialect.name == "postgresql" else "instr", tuple(columns)
    out: dict[int, Any] = {}
    selected = ", ".join(f"t.{bulk.quoted(one)}" for one in place)
    where = " or ".join(f"{found}(t.{bulk.quoted(one)}, ?) > 0" for one in place)
    for word in words:
        statement = f"select t.id, {selected} from {bulk.quoted(table)} t where {where}"  # noqa: S608 (our names)
        out.update((row[0], row) for row in bulk.fetch(connection, statement, *([word] * len(place))))
    return list(out.values())


def _forget_told(connection: Connection, traces: Traces) -> None:
    """Empty what files and platforms told of the person, and what was computed of him."""
    words = sorted(traces.marks)
    bulk.delete(connection, "remote_record", [row[0] for row in _with_any(connection, "remote_record", ("key", "base", "raw"), words)])
    for table, columns in _LOGS.items():
        rows = _with_any(connection, table, columns, words)
        bulk.update(connection, table, columns, [(*(["null" if table == "conflict" else ""] * len(columns)), row[0]) for row in rows])
    some, value = bulk.among(connection, "value", sorted(traces.names))
    bulk.update(connection, "rejected", ("value",), [("", row[0]) for row in bulk.fetch(connection, f"select id from rejected where {some}", value)])  # noqa: S608
    creator = traces.rows["creator"][0]
    bulk.run(connection, "delete from identity_pair where a_id = ? or b_id = ?", creator, creator)
    told = {row[0]: row[1] for row in _with_any(connection, "operation", ("summary",), words)} | _operations(connection, traces)
    for row_id, summary in told.items():
        before = json.loads(summary)
        after = {name: one for name, one in before.items() if name != REASON and not _tells(json.dumps(one, ensure_ascii=False), traces)}
        if after != before:
            bulk.run(connection, "update operation set summary = ? where id = ?", dump(after), row_id)
    held = [row[0] for row in bulk.fetch(connection, "select id from conflict where table_name = 'creator' and row_id = ?", creator)]
    bulk.update(connection, "conflict", ("base", "mine", "theirs"), [("null", "null", "null", one) for one in held])


def _operations(connection: Connection, traces: Traces) -> dict[int, str]:
    """Operations that concerned the person, with their summaries: their reasons may tell of him."""
    found: dict[int, str] = {}
    for table, ids in traces.rows.items():
        bulk.keep_ids(connection, ids)
        changed = f"join change c on c.table_name = '{table}' and c.row_id = w.id join operation o on o.id = c.operation_id"
        inserted = f"cross join inserted i join operation o on o.id = i.operation_id where i.table_name = '{table}' and w.id between i.first and i.last"
        for how in (changed, inserted):
            found |= dict(map(tuple, bulk.fetch(connection, f"select distinct o.id, o.summary from wanted w {how}")))  # noqa: S608 (our names)
    return found


def keep_out(connection: Connection, key: str, hashes: Sequence[str], actor: Actor, now: int) -> None:
    """Whom no file and no platform may bring back, by hashes of another workspace: as long as its key is this one's, or can be."""
    own = settings.get(connection, suppressed.KEY)
    if own != key and bulk.fetch(connection, "select 1 from suppression where key_hash is not null limit 1"):
        return
    settings.put(connection, suppressed.KEY, key)
    known = {row[0] for row in bulk.fetch(connection, "select key_hash from suppression where kind = ? and key_hash is not null", ERASED)}
    fresh = sorted(set(hashes) - known)
    if fresh:
        log = Log(connection, KIND, actor, now)
        columns = ("creator_id", "kind", "channel", "key_hash", "reason", "at", "by", "operation_id")
        log.insert("suppression", columns, [(None, ERASED, None, one, None, now, actor.name, log.id) for one in fresh])
        log.finish({"hashes": len(fresh)})


def still_named(connection: Connection, files: Iterable[str]) -> set[str]:
    """Files of those given that other people's rows name."""
    found: set[str] = set()
    for table, column in FILES.items():
        for one in files:
            statement = f"select 1 from {table} where {column} = ? or {column} like ? limit 1"  # noqa: S608 (our names)
            if bulk.fetch(connection, statement, one, f"{one} %"):
                found.add(one)
    return found


def said_in_audit(connection: Connection, traces: Traces) -> int:
    """Rows of the audit trail in whose reason somebody wrote the person's name or number: they are sealed and stay."""
    words = [*traces.marks, *traces.names]
    found = "strpos" if connection.dialect.name == "postgresql" else "instr"
    return len({row[0] for word in words for row in bulk.fetch(connection, f"select seq from audit where {found}(reason, ?) > 0", word)})  # noqa: S608
