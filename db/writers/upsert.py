# SPDX-License-Identifier: Apache-2.0
"""Takes the rows of a parsed file in: finds who they are, compares field by field, inserts and updates in sets.

A chunk of rows costs a fixed number of statements, however many rows it has. A row that names a known account
changes only the fields it states; a figure without a date of its own is a new dated value only where it differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import text

from app.rules.cells import handle_key
from app.rules.fields import CREATOR_FIELDS, METRIC_PREFIX, Home, field_of
from app.rules.rating import tiers
from app.usecases.creators import Change, Chunk, Reject
from app.values import Stage, Tier
from db import bulk
from db.writers import rollups, search

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from db.writers.operations import Log

KEPT_CHANGES: Final = 1000
"""Cells that a report shows; the counts cover all."""

CREATOR_COLUMNS: Final = tuple(name for name, one in CREATOR_FIELDS.items() if one.home is Home.CREATOR and name != "tags")
ACCOUNT_COLUMNS: Final = ("platform_uid", "handle", "url", "fee_fen", "fee_image_fen", "fee_video_fen")
_SEARCHED: Final = frozenset({"name", "handle", "platform_uid", "notes"})

Column = Sequence[Any]

_FIGURES: Final = text(
    "select f.pos, m.id, m.value, m.raw from figures f join account_metric m on m.account_id = f.account_id"
    " and m.name = :name and m.as_of = coalesce(f.as_of,"
    " (select max(x.as_of) from account_metric x where x.account_id = f.account_id and x.name = :name))"
)
"""A field's value of each account on a day, or its latest."""


@dataclass(slots=True)
class Tally:
    """What became of the rows so far."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    changes: list[Change] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    creator_ids: list[int] = field(default_factory=list)

    def note(self, row: int, key: str, name: str, before: object, after: object) -> None:
        """Keep a changed cell while there is room for it."""
        if len(self.changes) < KEPT_CHANGES:
            self.changes.append(Change(row, key, name, before, after))


@dataclass(slots=True)
class Upsert:
    """One file being taken in. ``log`` None: nothing is written, only told."""

    connection: Connection
    log: Log | None
    now: int
    by: str
    key: tuple[str, ...]
    tally: Tally = field(default_factory=Tally)
    _force: rollups.PolicyInForce = field(init=False)
    _empty: bool = field(init=False)

    def __post_init__(self) -> None:
        """Look once at what does not change between chunks."""
        self._force = rollups.tier_policy(self.connection, self.now)
        self._empty = self.connection.exec_driver_sql("select 1 from account limit 1").first() is None

    def take(self, chunk: Chunk) -> None:
        """Take some rows in."""
        rows = _Rows(chunk)
        known = self._resolve(rows)
        new = [at for at in rows.usable if at not in known]
        if known:
            self._update(rows, known)
        if new:
            self._insert(rows, new)

    # ------------------------------------------------------------ who is it

    def _resolve(self, rows: _Rows) -> dict[int, tuple[int, int]]:
        """Row position -> (account id, creator id) of the rows that name somebody known."""
        found: dict[int, tuple[int, int]] = {}
        if not self._empty:
            for match in (self._by_key,) if self.key else (self._by_uid, self._by_handle):
                found.update(match(rows, found))
        for at in [at for at in rows.usable if at not in found and rows.platform[at] is None]:
            rows.reject(self.tally, at, "no_platform", "platform")
        return found

    def _by_uid(self, rows: _Rows, found: Mapping[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
        wanted = [(at, rows.platform[at], rows.uid[at]) for at in rows.usable if rows.uid[at] is not None]
        if not wanted:
            return {}
        columns = (("pos", "bigint"), ("platform", "text"), ("uid", "text"))
        bulk.keep(self.connection, "named", columns, wanted)
        hits: dict[int, list[tuple[int, int, str]]] = {}
        for at, account, creator, platform in self.connection.exec_driver_sql(
            "select n.pos, a.id, a.creator_id, a.platform from named n join account a on a.platform_uid = n.uid"
            " and (a.platform = n.platform or n.platform is null)"
        ):
            hits.setdefault(at, []).append((account, creator, platform))
        for at, accounts in hits.items():
            if len(accounts) > 1:
                rows.reject(self.tally, at, "ambiguous_uid", "platform_uid")
            else:
                rows.platform[at] = accounts[0][2]
        return {at: accounts[0][:2] for at, accounts in hits.items() if len(accounts) == 1}

    def _by_handle(self, rows: _Rows, found: Mapping[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
        wanted = [(at, rows.platform[at], rows.handle_key[at]) for at in rows.usable if at not in found and rows.handle_key[at] and rows.platform[at]]
        if not wanted:
            return {}
        columns = (("pos", "bigint"), ("platform", "text"), ("handle_key", "text"))
        bulk.keep(self.connection, "named", columns, wanted)
        hits: dict[int, tuple[int, int]] = {}
        taken: set[int] = {account for account, _ in found.values()}
        for at, account, creator, uid in self.connection.exec_driver_sql(
            "select n.pos, a.id, a.creator_id, a.platform_uid from named n join account a on a.handle_key = n.handle_key"
            " and a.platform = n.platform order by n.pos, a.id"
        ):
            # Another uid under the same handle is another account: handles are given away and taken over.
            same = rows.uid[at] is None or uid is None or uid == rows.uid[at]
            if same and at not in hits and account not in taken:
                hits[at] = (account, creator)
                taken.add(account)
        return hits

    def _by_key(self, rows: _Rows, found: Mapping[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
        fields = [name for name in self.key if name != "platform"]
        values = {name: rows.handle_key if name == "handle" else rows.column(name) for name in fields}
        wanted = [(at, rows.platform[at], *(values[name][at] for name in fields)) for at in rows.usable if all(values[name][at] is not None for name in fields)]
        columns = [("pos", "bigint"), ("platform", "text"), *((f"k{at}", "text") for at in range(len(fields)))]
        bulk.keep(self.connection, "named", columns, wanted)
        joins = " and ".join(f"{_key_column(name)} = n.k{at}" for at, name in enumerate(fields))
        hits: dict[int, list[tuple[int, int, str]]] = {}
        for at, account, creator, platform in self.connection.exec_driver_sql(
            "select n.pos, a.id, a.creator_id, a.platform from named n"  # noqa: S608 (names are our own)
            f" join account a on (a.platform = n.platform or n.platform is null) join creator c on c.id = a.creator_id and {joins}"
        ):
            hits.setdefault(at, []).append((account, creator, platform))
        for at, accounts in hits.items():
            if len(accounts) > 1:
                rows.reject(self.tally, at, "ambiguous_key", fields[0])
            else:
                rows.platform[at] = accounts[0][2]
        return {at: accounts[0][:2] for at, accounts in hits.items() if len(accounts) == 1}

    # ------------------------------------------------------------ new ones

    def _insert(self, rows: _Rows, new: list[int]) -> None:
        tally, count = self.tally, len(new)
        new = [at for at in new if at in rows.usable_set]
        if not (count := len(new)):
            return
        tally.inserted += count
        if self.log is None:
            for at in new[: KEPT_CHANGES - len(tally.changes)]:
                for name in rows.stated:
                    if (value := rows.column(name)[at]) is not None:
                        tally.note(rows.numbers[at], rows.label(at), name, None, value)
            return
        names = [
            name or handle or uid or ""
            for name, handle, uid in zip(_at(rows.column("name"), new), _at(rows.column("handle"), new), _at(rows.uid, new), strict=True)
        ]
        platforms = _at(rows.platform, new)
        followers = _at(rows.column("followers"), new)
        fees = _at(rows.column("fee_fen"), new)
        dates = [self.now if when is None else when for when in _at(rows.column("as_of"), new)]
        future = [when > self.now for when in dates]
        counts = np.array([-1 if value is None or late else value for value, late in zip(followers, future, strict=True)], dtype=np.int64)
        bands = tiers.bands(self._force.policy, np.array(platforms, dtype=object), counts, np.full(count, -1, dtype=np.int8)).tolist()
        tier = [None if band < 0 else band for band in bands]
        group_of = {
            (platform, band): int(tiers.group_of(self._force.policy, platform, Tier(band)))
            for platform, band in set(zip(platforms, bands, strict=True))
            if band >= 0
        }
        group = [group_of.get(pair) for pair in zip(platforms, bands, strict=True)]
        known = [None if value < 0 else value for value in counts.tolist()]
        stage = [int(Stage.LEAD) if value is None else value for value in _at(rows.column("stage"), new)]
        creator_id = bulk.reserve(self.connection, "creator", count)
        account_id = bulk.reserve(self.connection, "account", count)
        creators, accounts = range(creator_id, creator_id + count), range(account_id, account_id + count)
        repeat = _repeat(count)
        plain = [name for name in CREATOR_COLUMNS if name not in {"name", "stage"}]
        self._put(
            "creator",
            ("id", "name", "stage", *plain, "created_at", "updated_at", "version", "main_account_id", "platform", "followers", "tier", "group", "fee_fen"),
            zip(
                creators, names, stage, *(_at(rows.column(name), new) for name in plain),
                repeat(self.now), repeat(self.now), repeat(1), accounts, platforms, known, tier, group, fees,
                strict=True,
            ),
            creator_id, count,
        )  # fmt: skip
        self._put(
            "account",
            ("id", "creator_id", "platform", "handle_key", *ACCOUNT_COLUMNS, "followers", "followers_at", "tier"),
            zip(
                accounts, creators, platforms, _at(rows.handle_key, new),
                *(_at(rows.column(name), new) for name in ACCOUNT_COLUMNS),
                known, [None if value is None else when for value, when in zip(known, dates, strict=True)], tier,
                strict=True,
            ),
            account_id, count,
        )  # fmt: skip
        by_account = dict(zip(new, accounts, strict=True))
        self._add_metrics(
            [
                (at, by_account[at], name, value)
                for name in rows.metrics
                for at, value in zip(new, _at(rows.column(name), new), strict=True)
                if value is not None
            ],
            rows,
        )
        self.log.insert(
            "stage_step",
            ("creator_id", "stage", "previous", "reason", "at", "by", "operation_id"),
            [(creator, step, None, None, self.now, self.by, self.log.id) for creator, step in zip(creators, stage, strict=True)],
        )
        self.log.insert(
            "tier_step",
            ("account_id", "tier", "previous", "at", "policy_version"),
            [(account, band, None, when, self._force.version) for account, band, when in zip(accounts, tier, dates, strict=True) if band is not None],
        )
        tags = _at(rows.column("tags"), new)
        self._add_tags((creator, tag) for creator, words in zip(creators, tags, strict=True) for tag in words or ())
        notes = _at(rows.column("notes"), new)
        handles, uids = _at(rows.column("handle"), new), _at(rows.uid, new)
        search.add(
            self.connection,
            (
                (creator, search.document((name, handle, uid, *(words or ()), note)))
                for creator, name, handle, uid, words, note in zip(creators, names, handles, uids, tags, notes, strict=True)
            ),
        )
        tally.creator_ids.extend(creators)

    def _put(self, table: str, columns: Sequence[str], rows: Any, first: int, count: int) -> None:  # noqa: ANN401
        bulk.insert(self.connection, table, columns, rows)
        if self.log:
            self.log.inserted(table, first, count)

    def _add_metrics(self, values: list[tuple[int, int, str, Any]], rows: _Rows) -> None:
        """Dated values: (row position, account id, field, value)."""
        if not self.log or not values:
            return
        as_of = rows.column("as_of")
        log, now = self.log, self.now
        log.insert(
            "account_metric",
            ("account_id", "name", "as_of", "value", "raw", "stated", "operation_id", "recorded_at"),
            [
                (
                    account,
                    name.removeprefix(METRIC_PREFIX),
                    now if as_of[at] is None else as_of[at],
                    float(value),
                    rows.raw(name, at),
                    as_of[at] is not None,
                    log.id,
                    now,
                )
                for at, account, name, value in values
            ],
        )

    def _add_tags(self, pairs: Any) -> None:  # noqa: ANN401
        rows = list(dict.fromkeys(pairs))
        if self.log and rows:
            self.log.insert("creator_tag", ("creator_id", "tag"), rows)

    # ------------------------------------------------------------ known ones

    def _update(self, rows: _Rows, known: dict[int, tuple[int, int]]) -> None:
        places = [at for at in known if at in rows.usable_set]
        changed: dict[int, _Edit] = {}

        def edit(at: int) -> _Edit:
            return changed.setdefault(at, _Edit(*known[at]))

        self._compare_fields(rows, places, known, edit)
        metrics = self._compare_metrics(rows, places, known, edit)
        tags = self._compare_tags(rows, places, known, edit)
        self.tally.updated += len(changed)
        self.tally.unchanged += len(places) - len(changed)
        if not self.log or not changed:
            return
        self._write_fields(rows, changed)
        self._write_metrics(rows, metrics)
        self._add_tags(tags)
        self._write_stages(changed)
        accounts = {entry.account_id for entry in changed.values() if entry.figures}
        rollups.refresh_accounts(self.connection, accounts, self.now)
        creators = {entry.creator_id for entry in changed.values()}
        priced = {entry.creator_id for entry in changed.values() if "fee_fen" in entry.account}
        rollups.refresh_creators(self.connection, priced, self._force.policy)
        search.refresh(self.connection, {entry.creator_id for entry in changed.values() if entry.searched})
        self.tally.creator_ids.extend(creators)

    def _compare_fields(self, rows: _Rows, places: list[int], known: Mapping[int, tuple[int, int]], edit: Any) -> None:  # noqa: ANN401
        bulk.keep(
            self.connection, "matched", (("pos", "bigint"), ("account_id", "bigint"), ("creator_id", "bigint")),
            ((at, *known[at]) for at in places),
        )  # fmt: skip
        creator = [name for name in CREATOR_COLUMNS if name in rows.stated]
        account = [name for name in ACCOUNT_COLUMNS if name in rows.stated]
        selected = ", ".join([f"c.{bulk.quoted(name)}" for name in creator] + [f"a.{bulk.quoted(name)}" for name in account])
        if not selected:
            return
        # Values stand in the order of ``places``: the temporary table keeps the order of insertion.
        stored = self.connection.exec_driver_sql(
            f"select m.pos, {selected} from matched m join account a on a.id = m.account_id join creator c on c.id = m.creator_id order by m.pos"  # noqa: S608
        ).all()
        for at_column, name in enumerate([*creator, *account], 1):
            column, of_creator = rows.column(name), at_column <= len(creator)
            for row in stored:
                value = column[row[0]]
                if value is not None and value != row[at_column]:
                    entry = edit(row[0])
                    (entry.creator if of_creator else entry.account)[name] = (row[at_column], value)
                    entry.searched = entry.searched or name in _SEARCHED
                    self.tally.note(rows.numbers[row[0]], rows.label(row[0]), name, row[at_column], value)

    def _compare_metrics(self, rows: _Rows, places: list[int], known: Mapping[int, tuple[int, int]], edit: Any) -> list[tuple[int, int, str, Any, Any]]:  # noqa: ANN401
        """New and corrected figures: (row position, account id, field, value, id of the corrected row or None)."""
        out: list[tuple[int, int, str, Any, Any]] = []
        as_of = rows.column("as_of")
        for name in rows.metrics:
            column = rows.column(name)
            stated = [(at, known[at][0], as_of[at]) for at in places if column[at] is not None]
            if not stated:
                continue
            bulk.keep(self.connection, "figures", (("pos", "bigint"), ("account_id", "bigint"), ("as_of", "bigint")), stated)
            present = {row[0]: row[1:] for row in self.connection.execute(_FIGURES, {"name": name.removeprefix(METRIC_PREFIX)})}
            for at, account, when in stated:
                old = present.get(at)
                value = column[at]
                if old is not None and old[1] == value:
                    continue
                out.append((at, account, name, value, old[0] if old and (when is not None) else None))
                edit(at).figures = True
                self.tally.note(rows.numbers[at], rows.label(at), name, old[1] if old else None, value)
        return out

    def _compare_tags(self, rows: _Rows, places: list[int], known: Mapping[int, tuple[int, int]], edit: Any) -> list[tuple[int, str]]:  # noqa: ANN401
        if "tags" not in rows.stated:
            return []
        column = rows.column("tags")
        wanted = [(at, known[at][1], tag) for at in places for tag in column[at] or ()]
        bulk.keep(self.connection, "words", (("pos", "bigint"), ("creator_id", "bigint"), ("tag", "text")), wanted)
        fresh = self.connection.exec_driver_sql(
            "select w.pos, w.creator_id, w.tag from words w left join creator_tag t on t.creator_id = w.creator_id and t.tag = w.tag where t.id is null"
        ).all()
        for at, _, tag in fresh:
            entry = edit(at)
            entry.searched = entry.tagged = True
            self.tally.note(rows.numbers[at], rows.label(at), "tags", None, tag)
        return [(row[1], row[2]) for row in fresh]

    def _write_fields(self, rows: _Rows, changed: Mapping[int, _Edit]) -> None:
        log = self.log
        if log is None:
            return
        for table, fields in (("creator", CREATOR_COLUMNS), ("account", ACCOUNT_COLUMNS)):
            edits = [(entry, entry.creator if table == "creator" else entry.account) for entry in changed.values()]
            edits = [(entry, cells) for entry, cells in edits if cells]
            log.changed(
                table,
                (
                    (entry.row_id(table), {name: cell[0] for name, cell in cells.items()}, {name: cell[1] for name, cell in cells.items()})
                    for entry, cells in edits
                ),
            )
            for name in fields:
                bulk.update(self.connection, table, (name,), [(cells[name][1], entry.row_id(table)) for entry, cells in edits if name in cells])
            if table == "account":
                renamed = [(handle_key(str(cells["handle"][1])), entry.account_id) for entry, cells in edits if "handle" in cells]
                bulk.update(self.connection, table, ("handle_key",), renamed)
        self._touch({entry.creator_id for entry in changed.values()})

    def _touch(self, creators: set[int]) -> None:
        bulk.keep_ids(self.connection, creators)
        self.connection.exec_driver_sql(
            f"update creator set version = version + 1, updated_at = {int(self.now)} where id in (select id from wanted)"  # noqa: S608
        )

    def _write_metrics(self, rows: _Rows, metrics: list[tuple[int, int, str, Any, Any]]) -> None:
        if self.log is None:
            return
        corrected = [(entry[4], float(entry[3]), rows.raw(entry[2], entry[0])) for entry in metrics if entry[4] is not None]
        if corrected:
            bulk.keep_ids(self.connection, (entry[0] for entry in corrected))
            old = {row[0]: row for row in self.connection.exec_driver_sql("select m.id, m.value, m.raw from wanted w join account_metric m on m.id = w.id")}
            self.log.changed(
                "account_metric",
                ((row_id, {"value": old[row_id][1], "raw": old[row_id][2]}, {"value": value, "raw": raw}) for row_id, value, raw in corrected),
            )
            bulk.update(self.connection, "account_metric", ("value", "raw"), [(value, raw, row_id) for row_id, value, raw in corrected])
        self._add_metrics([entry[:4] for entry in metrics if entry[4] is None], rows)

    def _write_stages(self, changed: Mapping[int, _Edit]) -> None:
        if self.log is None:
            return
        steps = [
            (entry.creator_id, entry.creator["stage"][1], entry.creator["stage"][0], None, self.now, self.by, self.log.id)
            for entry in changed.values()
            if "stage" in entry.creator
        ]
        self.log.insert("stage_step", ("creator_id", "stage", "previous", "reason", "at", "by", "operation_id"), steps)


@dataclass(slots=True)
class _Edit:
    """Cells of one known creator that change: field -> (before, after)."""

    account_id: int
    creator_id: int
    creator: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    account: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    figures: bool = False
    searched: bool = False
    tagged: bool = False

    def row_id(self, table: str) -> int:
        return self.creator_id if table == "creator" else self.account_id


class _Rows:
    """A chunk with every column at hand: a field the file lacks is a column of None."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self._nothing: Column = [None] * len(chunk)
        self.numbers = chunk.rows
        self.stated = [name for name in chunk.columns if name not in {"as_of", "platform"}]
        self.metrics = [name for name in self.stated if name == "followers" or ((one := field_of(name)) and one.home is Home.METRIC)]
        self.platform: list[str | None] = list(self.column("platform"))
        self.uid = self.column("platform_uid")
        self.handle_key = [handle_key(value) if value else None for value in self.column("handle")] if "handle" in chunk.columns else self._nothing
        self.usable = list(range(len(chunk)))
        self.usable_set = set(self.usable)

    def column(self, name: str) -> Column:
        return self._chunk.columns.get(name, self._nothing)

    def raw(self, name: str, at: int) -> str | None:
        texts = self._chunk.raw.get(name)
        return texts.get(at) if texts else None

    def label(self, at: int) -> str:
        """How a report names the row's creator."""
        return f"{self.platform[at]}:{self.uid[at] or self.column('handle')[at] or self.column('name')[at]}"

    def reject(self, tally: Tally, at: int, code: str, column: str) -> None:
        if at in self.usable_set:
            self.usable_set.discard(at)
            self.usable.remove(at)
            tally.rejects.append(Reject(self.numbers[at], column, str(self.column(column)[at] or ""), code))


def _at(column: Column, places: Sequence[int]) -> Column:
    """A column's values at some positions; the column itself where it is all of them."""
    return column if len(places) == len(column) else [column[at] for at in places]


def _repeat(count: int) -> Any:  # noqa: ANN401
    return lambda value: [value] * count


def _key_column(name: str) -> str:
    one = field_of(name)
    if name == "handle":
        return "a.handle_key"
    return f"{'a' if one and one.home is Home.ACCOUNT else 'c'}.{bulk.quoted(name)}"
