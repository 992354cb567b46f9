# SPDX-License-Identifier: Apache-2.0
"""One person, many accounts: everybody compared as arrays, the queue of pairs, merges and what takes them back."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from app.errors import UsageError, WorkspaceError
from app.rules import identity
from app.rules.cells import handle_key
from app.rules.identity import Evidence, Table
from app.rules.spellings import plain_name, plain_phone
from app.usecases.identity import Compared, FieldChoice, Looked, Merge, Merged, Pair
from db import bulk, roster
from db.engine import reading, writing
from db.writers import merging, sounds, undo
from db.writers.operations import Log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from app.jobs import Job
    from app.usecases.workspace import Undone
    from app.values import Actor

_CREATORS: Final = "select id, name, phone, wechat, email, city, category from creator order by id"
_ACCOUNTS: Final = "select creator_id, platform, coalesce(handle_key, '') from account order by creator_id, id"
_AGENCIES: Final = f"select creator_id, tag from creator_tag where {' or '.join('lower(tag) like ?' for _ in identity.AGENCY_TAGS)} order by creator_id, id"  # noqa: S608
_SLOTS: Final = 3
"""Accounts of a creator that are compared: nobody has a fourth by which alone he is known."""
_KEPT: Final = 100_000
"""Pairs kept for the queue, the likeliest."""
_PAIR: Final = "select p.a_id, p.b_id, p.score, p.evidence, p.put_off_at from identity_pair p join creator a on a.id = p.a_id join creator b on b.id = p.b_id"
_IN_ORDER: Final = "order by case when p.put_off_at is null then 0 else 1 end, p.put_off_at, p.score desc, p.a_id, p.b_id"
_MERGES: Final = (
    "select m.id, m.operation_id, m.creator_id, m.gone_id, coalesce(c.name, ''), m.chosen, m.reason, m.by, m.at, o.undone_at"
    " from identity_merge m join operation o on o.id = m.operation_id left join creator c on c.id = m.creator_id"
)
_HANGING: Final = ("account", "collaboration", "deliverable", "content", "sale", "cost_entry", "credit_event", "contact", "creator_tag")


@dataclass(frozen=True, slots=True)
class IdentityStore:
    """Fulfils ``People`` on a workspace's database."""

    engine: Engine

    def look(self, least: float, limit: int | None, now: int, job: Job) -> Looked:
        """Compare everybody and keep the pairs found for the queue; pairs said to be two people's are left out."""
        with reading(self.engine) as connection:
            ids, table = _table(connection, job)
            apart = _apart(connection)
        job.check()

        def look(done: int, total: int) -> None:
            job.check()
            job.progress("identity", done, total)

        found = identity.suggest(table, identity.CREATORS, least, look)
        pairs = [
            Pair(int(ids[a]), int(ids[b]), score, told)
            for a, b, score, told in zip(found.a.tolist(), found.b.tolist(), found.score.tolist(), found.evidence, strict=True)
            if (int(ids[a]), int(ids[b])) not in apart
        ]
        job.check()
        with suppress(WorkspaceError), writing(self.engine) as connection:  # a workspace that can only be read is looked at all the same
            _keep(connection, pairs[:_KEPT], now)
        return Looked(tuple(pairs if limit is None else pairs[:limit]), len(pairs), table.count, found.compared, found.crowded)

    # ------------------------------------------------------------ the queue

    def waiting(self, least: float) -> int:
        """Pairs of the queue that wait."""
        with reading(self.engine) as connection:
            return _waiting(connection, least)

    def next_pair(self, least: float, after: int) -> Pair | None:
        """The likeliest pair that waits, those put off last; ``after`` leaves out so many."""
        with reading(self.engine) as connection:
            rows = bulk.fetch(connection, f"{_PAIR} where p.score >= ? {_IN_ORDER} limit 1 offset ?", least, after)
        return _pair(rows[0]) if rows else None

    def pair(self, a: int, b: int) -> Pair:
        """A pair of the queue, or two creators of whom nothing was found."""
        with reading(self.engine) as connection:
            rows = bulk.fetch(connection, f"{_PAIR} where p.a_id = ? and p.b_id = ?", min(a, b), max(a, b))
            if not rows:
                return Pair(a, b, 0.0, ())
        found = _pair(rows[0])
        turned = tuple(one._replace(a=one.b, b=one.a) for one in found.evidence)
        return found if found.a == a else Pair(a, b, found.score, turned, found.put_off)

    def compare(self, pair: Pair, least: float) -> Compared:
        """Both side by side."""
        with reading(self.engine) as connection:
            stays, goes = merging.row_of(connection, pair.a), merging.row_of(connection, pair.b)
            with closing(bulk.driver_cursor(connection)) as cursor:
                one, other = roster.of(cursor, [pair.a, pair.b], max(stays["updated_at"], goes["updated_at"]))
            choices = tuple(
                FieldChoice(name, stays[name], goes[name], identity.stays(name, stays[name], goes[name]))
                for name in merging.fields()
                if stays[name] != goes[name]
            )
            counted = {table: _hanging(connection, table, pair) for table in _HANGING}
            return Compared(pair, one, other, choices, {table: both for table, both in counted.items() if any(both)}, _waiting(connection, least))

    def put_off(self, a: int, b: int, now: int) -> None:
        """Leave a pair for later."""
        with writing(self.engine) as connection:
            bulk.run(connection, "update identity_pair set put_off_at = ? where a_id = ? and b_id = ?", now, min(a, b), max(a, b))

    # ------------------------------------------------------------ decisions

    def merge(self, a: int, b: int, chosen: Mapping[str, str], reason: str | None, actor: Actor, now: int) -> Merge:
        """Make two creators one; ``a`` stays."""
        with writing(self.engine) as connection:
            number = _merged(connection, (a, b), chosen, reason, actor, now)
            return _merge(bulk.fetch(connection, f"{_MERGES} where m.id = ?", number)[0])

    def merge_sure(self, least: float, limit: int, actor: Actor, now: int, job: Job) -> Merged:
        """Merge the pairs of the queue from a probability on, each by itself."""
        with reading(self.engine) as connection:
            rows = bulk.fetch(connection, f"{_PAIR} where p.score >= ? {_IN_ORDER} limit ?", least, limit)
        merges: list[int] = []
        left: list[tuple[int, int]] = []
        for at, (a, b, *_) in enumerate(rows):
            job.check()
            job.progress("merge", at, len(rows))
            with writing(self.engine) as connection:
                here = {row[0] for row in bulk.fetch(connection, "select id from creator where id in (?, ?)", a, b)}
                if here == {a, b}:
                    merges.append(_merged(connection, (a, b), {}, None, actor, now))
                    continue
            left.append((a, b))
        return Merged(tuple(merges), tuple(left))

    def split(self, merge_id: int, actor: Actor, now: int, job: Job) -> Undone:
        """Take a merge back."""
        with writing(self.engine) as connection:
            rows = bulk.fetch(connection, "select operation_id from identity_merge where id = ?", merge_id)
            if not rows:
                raise UsageError("unknown_merge", id=merge_id)
            return undo.undo(connection, rows[0][0], actor, now, job)

    def apart(self, a: int, b: int, reason: str | None, actor: Actor, now: int) -> int:
        """Remember that two creators are two people; returns the operation's id, 0 where it was known."""
        low, high = min(a, b), max(a, b)
        with writing(self.engine) as connection:
            for one in (a, b):
                merging.row_of(connection, one)
            bulk.run(connection, "delete from identity_pair where a_id = ? and b_id = ?", low, high)
            if (low, high) in _apart(connection):
                return 0
            log = Log(connection, "identity.different", actor, now)
            columns = ("creator_id", "other_id", "reason", "by", "at", "operation_id")
            log.insert("identity_apart", columns, [(low, high, reason, actor.name, now, log.id)])
            return log.finish({"a": low, "b": high})

    def merges(self, creator_id: int | None, limit: int) -> list[Merge]:
        """Merges, the newest first; of one creator or of all."""
        with reading(self.engine) as connection:
            if creator_id is None:
                return [_merge(row) for row in bulk.fetch(connection, f"{_MERGES} order by m.id desc limit ?", limit)]
            where = "where m.creator_id = ? or m.gone_id = ?"
            return [_merge(row) for row in bulk.fetch(connection, f"{_MERGES} {where} order by m.id desc limit ?", creator_id, creator_id, limit)]


# ---------------------------------------------------------------- everybody as columns


def _table(connection: Connection, job: Job) -> tuple[Any, Table]:
    """Everybody's id, and what is compared of them."""
    rows = bulk.fetch(connection, _CREATORS)
    job.check()
    count = len(rows)
    ids = np.fromiter((row[0] for row in rows), dtype=np.int64, count=count)
    _, names, phones, wechats, emails, cities, categories = zip(*rows, strict=True) if rows else ((),) * 7
    del rows
    name = [plain_name(one) for one in names]
    phone = [plain_phone(one) if one else "" for one in phones]
    wechat = [_plain_handle(one, number) for one, number in zip(wechats, phone, strict=True)]
    email = [_plain_handle(one, "") for one in emails]
    city, category = [plain_name(one) if one else "" for one in cities], [plain_name(one) if one else "" for one in categories]
    job.check()
    handles, platforms = _accounts(connection, ids, name)
    agencies = [[""] * count]
    place = {creator: at for at, creator in enumerate(ids.tolist())} if (tagged := bulk.fetch(connection, _AGENCIES, *identity.AGENCY_TAGS)) else {}
    for creator, tag in tagged:
        agencies[0][place[creator]] = identity.agency(tag)
    columns: dict[str, Sequence[Sequence[str]]] = {
        "phone": [phone], "wechat": [wechat], "email": [email], "name": [name], "handle": handles, "city": [city], "agency": agencies,
        "category": [category], "platform": platforms,
    }  # fmt: skip
    spoken = sounds.of_all(name)
    return ids, Table(count, columns, identity.keys_of(columns, spoken), {"name": [spoken]}, name)


def _plain_handle(text: str | None, but: str) -> str:
    """A handle or address without what spellings differ in; nothing where it only repeats another field."""
    if not text:
        return ""
    plain = text.lower() if text.isascii() and text.isalnum() else handle_key(text)
    return "" if plain == but else plain


def _accounts(connection: Connection, ids: Any, names: Sequence[str]) -> tuple[list[list[str]], list[list[str]]]:  # noqa: ANN401 (an array)
    """Handles and platforms of the first accounts of everybody; a handle that is the name itself says nothing more."""
    rows = bulk.fetch(connection, _ACCOUNTS)
    place = np.searchsorted(ids, np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))).tolist()
    handles, platforms = [[""] * len(ids) for _ in range(_SLOTS)], [[""] * len(ids) for _ in range(_SLOTS)]
    last, slot = -1, 0
    for at, (_, platform, handle) in zip(place, rows, strict=True):
        slot = slot + 1 if at == last else 0
        last = at
        if slot < _SLOTS:
            platforms[slot][at] = platform
            if handle and plain_name(handle) != names[at]:
                handles[slot][at] = handle
    used = max((at + 1 for at, one in enumerate(platforms) if any(one)), default=1)
    return handles[:used], platforms[:used]


def _apart(connection: Connection) -> set[tuple[int, int]]:
    return {(min(row), max(row)) for row in map(tuple, bulk.fetch(connection, "select creator_id, other_id from identity_apart"))}


def _keep(connection: Connection, pairs: Sequence[Pair], now: int) -> None:
    """Keep what was found in the place of what was found before; what was put off stays put off."""
    late = {(row[0], row[1]): row[2] for row in bulk.fetch(connection, "select a_id, b_id, put_off_at from identity_pair where put_off_at is not null")}
    connection.exec_driver_sql("delete from identity_pair")
    rows = [(one.a, one.b, one.score, json.dumps(one.evidence, ensure_ascii=False), now, late.get((one.a, one.b))) for one in pairs]
    if rows:
        first = bulk.reserve(connection, "identity_pair", len(rows))
        columns = ("id", "a_id", "b_id", "score", "evidence", "found_at", "put_off_at")
        bulk.insert(connection, "identity_pair", columns, [(first + at, *row) for at, row in enumerate(rows)])


# ---------------------------------------------------------------- rows


def _waiting(connection: Connection, least: float) -> int:
    counted = "select count(*) from identity_pair p join creator a on a.id = p.a_id join creator b on b.id = p.b_id where p.score >= ?"
    return int(bulk.fetch(connection, counted, least)[0][0])


def _pair(row: Sequence[Any]) -> Pair:
    a, b, score, evidence, put_off_at = row
    return Pair(a, b, score, tuple(Evidence(*one) for one in json.loads(evidence)), put_off_at is not None)


def _hanging(connection: Connection, table: str, pair: Pair) -> tuple[int, int]:
    a, b = (bulk.fetch(connection, f"select count(*) from {table} where creator_id = ?", one)[0][0] for one in (pair.a, pair.b))  # noqa: S608 (our names)
    return int(a), int(b)


def _merge(row: Sequence[Any]) -> Merge:
    number, operation, stayed, gone, name, chosen, reason, by, at, undone_at = row
    return Merge(number, operation, stayed, gone, name, json.loads(chosen), reason, by, at, undone_at is not None)


def _merged(connection: Connection, pair: tuple[int, int], chosen: Mapping[str, str], reason: str | None, actor: Actor, now: int) -> int:
    """Make two creators one in this transaction; returns the merge's number."""
    unknown = set(chosen) - set(merging.fields())
    if unknown:
        raise UsageError("unknown_field", field=min(unknown))
    log = Log(connection, merging.KIND, actor, now)
    number = merging.merge(log, *pair, chosen, reason)
    told = json.loads(bulk.fetch(connection, "select chosen from identity_merge where id = ?", number)[0][0])
    log.finish({"merge_id": number, "creator_id": pair[0], "gone_id": pair[1], "chosen": told}, reason)
    return number
