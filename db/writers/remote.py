# SPDX-License-Identifier: Apache-2.0
"""Takes a page that a platform told in: what says nothing new costs a look, the rest goes the way that files go.

Records are compared with what was told of them before, not with what stands here: so local edits live on, and what was
changed on both sides is noted field by field.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from app.files import Chunk
from app.rules.facts import FIGURES
from app.usecases.syncing import Counted, Refused
from db import bulk
from db.writers import told as telling
from db.writers.conflicts import CAMPAIGN_KEY, Merging
from db.writers.edits import ACCOUNT_COLUMNS
from db.writers.facts import FactUpsert
from db.writers.figures import ContentUpsert
from db.writers.incoming import Tally, is_figure
from db.writers.operations import Log
from db.writers.told import UNLOGGED, Told
from db.writers.upsert import CREATOR_COLUMNS, Upsert

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from app.files import Reject
    from app.usecases.syncing import Page
    from app.values import Actor
    from db.writers.told import Source

Person = tuple[int, int]
"""An account and its creator."""

_WHO: Final = ("platform", "platform_uid")
_NAMES_CREATORS: Final = ("contents", "collaborations")
"""Kinds whose records bring their creators along; the last word counts."""


@dataclass(frozen=True, slots=True)
class _Own:
    """A kind that only platforms bring: its table, the column of each field, and whether people may change it here."""

    table: str
    columns: Mapping[str, str]
    edited: bool = True


def _columns(*names: str) -> dict[str, str]:
    return {name: {"account": "source_account"}.get(name, name) for name in names}


_OWN: Final = {
    "campaigns": _Own("campaign", _columns("account", "source_kind", "name", "status", "started_at", "settlement")),
    "collaborations": _Own(
        "collaboration",
        _columns(
            "account", "task_key", "state", "source_state", "title", "ordered_at", "published_at", "finished_at", "content_id",
            "fee_fen", "platform_fee_fen", "total_fen", "paid_fen", "refund_fen", "deduct_fen", "cancel_reason",
        ),
    ),
    "cps": _Own("cps_sale", _columns("task_key", "content_id", "bill_time", "position", "amount_fen", "settled_at"), edited=False),
    "bills": _Own("pending_bill", _columns("account", "order_key", "total_fen", "fee_fen", "platform_fee_fen", "remaining_fen"), edited=False),
}  # fmt: skip
_WHOLE: Final = {"cps": ("cps_sale", {"task_key": "task_key"}), "bills": ("pending_bill", {"account": "source_account"})}
"""Kinds of which an answer may be all there is, with the columns by which it says of what."""
_CREATOR_FIELDS: Final = (*CREATOR_COLUMNS, *(name for name in ACCOUNT_COLUMNS if name != "platform_uid"))
_CONTENT_FIELDS: Final = ("title", "url", "published_at")
_COST_FIELDS: Final = ("kind", "amount_fen", "currency", "campaign", "incurred_at")


@dataclass(slots=True)
class Intake:
    """One page being taken in. ``operation``: the run's operation, None while it has none."""

    connection: Connection
    source: Source
    actor: Actor
    now: int
    operation: int | None = None
    refused: list[Refused] = field(default_factory=list)
    _log: Log | None = None
    _merging: Merging = field(init=False)
    _people: dict[tuple[str, str], Person] = field(default_factory=dict)
    _inserted: dict[str, set[str]] = field(default_factory=dict)
    _updated: dict[str, set[str]] = field(default_factory=dict)
    _lost: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing is looked at before something is new."""
        self._merging = Merging(self.connection, self.source, lambda: self.log, self.now)

    @property
    def log(self) -> Log:
        """The run's operation, made with its first change."""
        if self._log is None:
            kind = f"sync.{self.source.platform}.{self.source.stream}"
            self._log = Log(self.connection, kind, self.actor, self.now, self.operation or 0)
        return self._log

    @property
    def touched(self) -> bool:
        """Whether anything changed that an undo takes back."""
        return self._log is not None and self._log.touched > 0

    def take(self, page: Page) -> Counted:
        """Take the page in."""
        told = telling.by_key(page.records)
        news = {kind: telling.news(self.connection, self.source, kind, of_kind) for kind, of_kind in told.items() if kind != "creators"}
        creators = {**_named_by(news), **told.get("creators", {})}
        if creators:
            news["creators"] = telling.news(self.connection, self.source, "creators", creators)
        for kind, take in self._ways.items():
            if found := news.get(kind):
                take(found)
        self._merging.write()
        self._remember([one for kind, found in news.items() for one in found if one.key not in self._lost.get(kind, ())])
        if page.whole is not None:
            self._close(page.kind, page.whole, told.get(page.kind, {}))
        inserted, updated, lost = (sets.get(page.kind, set()) for sets in (self._inserted, self._updated, self._lost))
        new, changed = len(inserted - lost), len(updated - lost)
        same = len(told.get(page.kind, ())) - new - changed - len(lost)
        return Counted(new, changed, same, len(page.rejected) + len(self.refused), self._merging.found)

    @property
    def _ways(self) -> Mapping[str, Callable[[list[Told]], None]]:
        """What takes each kind in, in the order in which they hang on each other."""
        return {
            "creators": self._creators, "campaigns": self._campaigns, "contents": self._contents, "collaborations": self._collaborations,
            "metrics": self._metrics, "costs": self._costs, "cps": self._plain, "bills": self._plain, "granted": self._granted,
        }  # fmt: skip

    def _remember(self, done: Sequence[Told]) -> None:
        logged = [one for one in done if one.kind not in UNLOGGED]
        if logged:
            telling.remember(self.connection, self.source, self.log, logged, self.now)
        if len(logged) < len(done):
            telling.remember(self.connection, self.source, None, [one for one in done if one.kind in UNLOGGED], self.now)

    def _note(self, kind: str, inserted: Iterable[str] = (), updated: Iterable[str] = ()) -> None:
        self._inserted.setdefault(kind, set()).update(inserted)
        self._updated.setdefault(kind, set()).update(updated)

    def _refuse(self, one: Told, name: str, reason: str) -> None:
        """A record that cannot be taken; it is told again until it can."""
        self._lost.setdefault(one.kind, set()).add(one.key)
        self.refused.append(Refused(one.key, name, reason, telling.text_of(one.raw or one.fields)))

    # ------------------------------------------------------------ creators

    def _creators(self, news: list[Told]) -> None:
        named = [one for one in news if self._has_uid(one)]
        stored = self._stored_creators(named)
        self._merging.look("creators", [one for one in named if one.who in stored])
        rows: list[dict[str, Any]] = []
        of_row: list[Told] = []
        for one in named:
            who = one.who
            row = stored.get(who)
            if row is None:
                cells = _filled(one.whole)
            else:
                places = {"": ("creator", row["creator_id"]), **dict.fromkeys(ACCOUNT_COLUMNS, ("account", row["id"]))}
                if row.get("name") == who[1]:  # the id stands for a name that was not told yet
                    row["name"] = None
                cells = _filled(self._merging.take(one, places, row, _CREATOR_FIELDS)) | _beside(one.changed)
            if cells:
                rows.append({"platform": who[0], "platform_uid": who[1], **cells})
                of_row.append(one)
        if not rows:
            return
        upsert = Upsert(self.connection, self.log, self.now, self.actor.name, (), Tally(most=0))
        upsert.take(_chunk(rows))
        self._refuse_rows(upsert.tally.rejects, of_row)
        self._note("creators", (one.key for one in of_row if one.who not in stored), (one.key for one in of_row if one.who in stored))
        self._look_up(of_row)

    def _has_uid(self, one: Told) -> bool:
        if one.said("platform") and one.said("platform_uid"):
            return True
        self._refuse(one, "platform_uid", "no_key")
        return False

    def _stored_creators(self, news: Sequence[Told]) -> dict[tuple[str, str], dict[str, Any]]:
        """Accounts that stand, with those of their own and their creators' fields that are told now."""
        names = [name for name in _CREATOR_FIELDS if any(name in one.changed for one in news)]
        selected = "".join(f", {'a' if name in ACCOUNT_COLUMNS else 'c'}.{bulk.quoted(name)}" for name in names)
        out: dict[tuple[str, str], dict[str, Any]] = {}
        for platform, uids in _by_platform(one.who for one in news):
            some, words = bulk.among(self.connection, "a.platform_uid", uids)
            statement = (
                f"select a.platform_uid, a.id, a.creator_id{selected} from account a join creator c on c.id = a.creator_id where a.platform = ? and {some}"  # noqa: S608 (our names)
            )
            for uid, *row in bulk.fetch(self.connection, statement, platform, words):
                out[platform, uid] = dict(zip(("id", "creator_id", *names), row, strict=True))
                self._people[platform, uid] = (row[0], row[1])
        return out

    def _look_up(self, news: Iterable[Told]) -> None:
        """Find the accounts of records that name one."""
        for platform, uids in _by_platform({one.who for one in news if one.said("platform_uid")} - self._people.keys()):
            some, words = bulk.among(self.connection, "platform_uid", uids)
            statement = f"select platform_uid, id, creator_id from account where platform = ? and {some}"  # noqa: S608 (our names)
            self._people.update(((platform, uid), (account, creator)) for uid, account, creator in bulk.fetch(self.connection, statement, platform, words))

    # ------------------------------------------------------------ campaigns and collaborations

    def _campaigns(self, news: list[Told]) -> None:
        self._own(news, {one.key: {} for one in news})

    def _collaborations(self, news: list[Told]) -> None:
        self._look_up(news)
        campaigns = self._campaign_ids({str(one.changed[CAMPAIGN_KEY]) for one in news if one.changed.get(CAMPAIGN_KEY) is not None})
        links: dict[str, dict[str, Any]] = {}
        for one in news:
            person = self._people.get(one.who)
            if person is not None:
                links[one.key] = {"account_id": person[0], "creator_id": person[1]}
            else:
                self._refuse(one, "platform_uid", "unknown_creator" if one.said("platform_uid") else "no_key")
        self._own([one for one in news if one.key in links], links, campaigns)

    def _campaign_ids(self, keys: Collection[str]) -> dict[str, int]:
        """Campaigns by the platform's ids; one that was not told yet gets a row to be filled."""
        if not keys:
            return {}
        some, words = bulk.among(self.connection, "source_id", keys)
        statement = f"select source_id, id from campaign where {some} and source = ?"  # noqa: S608 (our names)
        found: dict[str, int] = dict(bulk.fetch(self.connection, statement, words, self.source.platform))
        new = sorted(set(keys) - found.keys())
        if new:
            columns = ("source", "source_id", "created_at", "updated_at", "version")
            first = self.log.insert("campaign", columns, [(self.source.platform, key, self.now, self.now, 1) for key in new])
            found.update(zip(new, range(first, first + len(new)), strict=True))
        return found

    def _plain(self, news: list[Told]) -> None:
        self._own(news, {one.key: {} for one in news})

    def _own(self, news: list[Told], links: Mapping[str, Mapping[str, Any]], campaigns: Mapping[str, int] | None = None) -> None:
        """Insert and update rows of a kind that only platforms bring; ``links`` are columns that point at other rows."""
        if not news:
            return
        kind = news[0].kind
        own = _OWN[kind]
        stored = self._stored(own, news)
        if own.edited:
            self._merging.look(kind, [one for one in news if one.key in stored])
        names = (*own.columns, *((CAMPAIGN_KEY,) if campaigns is not None else ()))
        new: list[Told] = []
        edits: list[tuple[dict[str, Any], dict[str, Any]]] = []
        inserted = self._inserted.setdefault(kind, set())
        for one in news:
            row = stored.get(one.key)
            if row is None:
                new.append(one)
                inserted.add(one.key)
                continue
            if own.edited:
                taken = self._merging.take(one, {"": (own.table, row["id"])}, _by_field(own, row), names)
            else:
                taken = {name: value for name, value in one.changed.items() if name in names}
            cells = {**_cells(own, taken, campaigns), **links[one.key]}
            if "closed_at" in row:
                cells["closed_at"] = None
            cells = {name: value for name, value in cells.items() if row[name] != value}
            if cells:
                edits.append((row, cells))
                self._note(kind, updated=(one.key,))
        self._insert(own, new, links, campaigns)
        self._write(own, edits)

    def _stored(self, own: _Own, news: Sequence[Told]) -> dict[str, dict[str, Any]]:
        """Rows that stand, by the platform's ids."""
        names = ["id", "source_id", *own.columns.values()]
        selected = ", ".join(f"t.{name}" for name in names)
        if own.table == "collaboration":
            names += ["account_id", "creator_id", "campaign_id", "version", CAMPAIGN_KEY]
            selected += ", t.account_id, t.creator_id, t.campaign_id, t.version, (select c.source_id from campaign c where c.id = t.campaign_id)"
        elif own.table == "campaign":
            names, selected = [*names, "version"], selected + ", t.version"
        elif own.table == "pending_bill":
            names, selected = [*names, "closed_at"], selected + ", t.closed_at"
        some, keys = bulk.among(self.connection, "t.source_id", [one.key for one in news])
        statement = f"select {selected} from {own.table} t where {some} and t.source = ?"  # noqa: S608 (our names)
        return {row[1]: dict(zip(names, row, strict=True)) for row in bulk.fetch(self.connection, statement, keys, self.source.platform)}

    def _insert(self, own: _Own, new: Sequence[Told], links: Mapping[str, Mapping[str, Any]], campaigns: Mapping[str, int] | None) -> None:
        """Insert rows: the platform's id, the fields' columns, then those that point at other rows."""
        if not new:
            return
        wholes, count = [one.whole for one in new], len(new)
        dated = {"created_at": self.now, "updated_at": self.now, "version": 1} if own.edited else {}
        columns: dict[str, Sequence[Any]] = {name: [value] * count for name, value in {"source": self.source.platform, **dated}.items()}
        columns["source_id"] = [one.key for one in new]
        columns.update((column, [whole.get(name) for whole in wholes]) for name, column in own.columns.items())
        if campaigns is not None:
            columns.update((name, [links[one.key][name] for one in new]) for name in ("account_id", "creator_id"))
            keys = [None if (key := whole.get(CAMPAIGN_KEY)) is None else str(key) for whole in wholes]
            ids = {**campaigns, **self._campaign_ids({key for key in keys if key is not None and key not in campaigns})}
            columns["campaign_id"] = [None if key is None else ids[key] for key in keys]
        self.log.insert_columns(own.table, columns)

    def _write(self, own: _Own, edits: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        if not edits:
            return
        self.log.changed(own.table, ((row["id"], {name: row[name] for name in cells}, cells) for row, cells in edits))
        groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        for row, cells in edits:
            dated = {"updated_at": self.now, "version": row["version"] + 1} if own.edited else {}
            groups.setdefault((*cells, *dated), []).append((*cells.values(), *dated.values(), row["id"]))
        for names, values in groups.items():
            bulk.update(self.connection, own.table, names, values)

    # ------------------------------------------------------------ what files bring too

    def _contents(self, news: list[Told]) -> None:
        stored = self._stored_contents(news)
        self._merging.look("contents", [one for one in news if self._content(one) in stored])
        rows, of_row = [], []
        for one in news:
            row, platform, uid = stored.get(self._content(one)), *one.who
            if row is None:
                cells = one.whole
            else:
                cells = self._merging.take(one, {"": ("content", row["id"])}, row, _CONTENT_FIELDS)
                cells |= {name: value for name, value in one.changed.items() if name in {*FIGURES, "as_of"}}
                if not cells and self._people.get((platform, uid), (row["account_id"],))[0] == row["account_id"]:
                    continue
            rows.append({"platform": platform, "platform_uid": uid, **_filled(cells), "content_id": self._content(one)[0]})
            of_row.append(one)
        self._take(ContentUpsert, "contents", rows, of_row)
        there = {one.key for one in news if self._content(one) in stored}
        self._note("contents", (one.key for one in of_row if one.key not in there), (one.key for one in of_row if one.key in there))

    @staticmethod
    def _content(one: Told) -> tuple[str, str]:
        return str(one.said("content_id") or one.key), str(one.said("platform"))

    def _stored_contents(self, news: Sequence[Told]) -> dict[tuple[str, str], dict[str, Any]]:
        some, words = bulk.among(self.connection, "content_id", {self._content(one)[0] for one in news})
        names = ("id", "account_id", *_CONTENT_FIELDS)
        statement = f"select content_id, platform, {', '.join(names)} from content where {some}"  # noqa: S608 (our names)
        return {(row[0], row[1]): dict(zip(names, row[2:], strict=True)) for row in bulk.fetch(self.connection, statement, words)}

    def _metrics(self, news: list[Told]) -> None:
        self._take(ContentUpsert, "metrics", [_filled(one.whole) for one in news], news)
        self._note("metrics", (one.key for one in news if one.base is None), (one.key for one in news if one.base is not None))

    def _costs(self, news: list[Told]) -> None:
        some, words = bulk.among(self.connection, "cost_id", [str(one.said("cost_id") or one.key) for one in news])
        names = ("cost_id", "id", *_COST_FIELDS)
        statement = f"select {', '.join(names)} from cost_entry where {some}"  # noqa: S608 (our names)
        stored = {row[0]: dict(zip(names, row, strict=True)) for row in bulk.fetch(self.connection, statement, words)}
        self._merging.look("costs", [one for one in news if one.key in stored])
        rows, of_row = [], []
        for one in news:
            cost_id = str(one.said("cost_id") or one.key)
            row = stored.get(cost_id)
            if row is None:
                cells = one.whole
            else:
                cells = self._merging.take(one, {"": ("cost_entry", row["id"])}, row, _COST_FIELDS)
                cells |= {name: value for name, value in one.changed.items() if name in {*_WHO, "content_id"}}
                if not cells:
                    continue
                cells |= {name: one.whole[name] for name in _WHO if name in one.whole}
            rows.append({**_filled(cells), "cost_id": cost_id})
            of_row.append(one)
        self._take(FactUpsert, "costs", rows, of_row)
        self._note("costs", (one.key for one in of_row if one.key not in stored), (one.key for one in of_row if one.key in stored))

    def _take(self, make: type[FactUpsert], kind: str, rows: Sequence[dict[str, Any]], of_row: Sequence[Told]) -> None:
        if rows:
            upsert = make(self.connection, self.log, self.now, self.actor.name, kind, (), create_leads=True, tally=Tally(most=0))
            upsert.take(_chunk(rows))
            upsert.finish()
            self._refuse_rows(upsert.tally.rejects, of_row)

    def _refuse_rows(self, rejects: Sequence[Reject], of_row: Sequence[Told]) -> None:
        for reject in rejects:
            one = of_row[reject.row]
            self._refuse(one, reject.column or "", reject.code)

    def _granted(self, news: list[Told]) -> None:
        self._note("granted", (one.key for one in news if one.id is None), (one.key for one in news if one.id is not None))

    # ------------------------------------------------------------ what is over

    def _close(self, kind: str, whole: Mapping[str, object], told: Mapping[str, Told]) -> None:
        """End what stands beside an answer that is all there is: bills are closed, sales on commission and grants go."""
        if kind == "granted":
            over = [row for row in telling.rows_of(self.connection, self.source, kind) if row[3] not in told]
            telling.forget(self.connection, None, over)
            return
        if kind not in _WHOLE or not whole.keys() <= _WHOLE[kind][1].keys():
            return
        table, columns = _WHOLE[kind]
        own = _OWN[kind]
        names = ("id", "source", "source_id", *own.columns.values(), *(("closed_at",) if kind == "bills" else ()))
        same = "".join(f" and {columns[name]} = ?" for name in whole) + (" and closed_at is null" if kind == "bills" else "")
        statement = f"select {', '.join(names)} from {table} where source = ?{same}"  # noqa: S608 (our names)
        over = [row for row in bulk.fetch(self.connection, statement, self.source.platform, *whole.values()) if row[2] not in told]
        if not over:
            return
        if kind == "bills":
            self.log.changed(table, ((row[0], {"closed_at": None}, {"closed_at": self.now}) for row in over))
            bulk.update(self.connection, table, ("closed_at",), ((self.now, row[0]) for row in over))
        else:
            self.log.changed(table, ((row[0], dict(zip(names, row, strict=True)), None) for row in over))
            bulk.delete(self.connection, table, (row[0] for row in over))
        telling.forget(self.connection, self.log, telling.rows_of(self.connection, self.source, kind, [row[2] for row in over]))


def _named_by(news: Mapping[str, Sequence[Told]]) -> dict[str, Told]:
    """Creators whom other records name that say something new."""
    names: dict[tuple[str, str], str | None] = {}
    for kind in _NAMES_CREATORS:
        for one in news.get(kind, ()):
            said = one.fields.get
            platform, uid, name = said("platform"), said("platform_uid"), said("name")
            if platform and uid and (name is not None or (platform, uid) not in names):
                names[platform, uid] = name
    out: dict[str, Told] = {}
    for (platform, uid), name in names.items():
        key = f"{platform}:{uid}"
        fields = {"platform": platform, "platform_uid": uid} if name is None else {"platform": platform, "platform_uid": uid, "name": name}
        out[key] = Told("creators", key, fields, fields, {})
    return out


def _by_platform(people: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Uids of each platform."""
    out: dict[str, list[str]] = {}
    for platform, uid in people:
        out.setdefault(platform, []).append(uid)
    return list(out.items())


def _chunk(rows: Sequence[dict[str, Any]]) -> Chunk:
    """Rows as columns; their numbers are their places."""
    names = dict.fromkeys(name for row in rows for name in row)
    return Chunk(range(len(rows)), {name: [row.get(name) for row in rows] for name in names}, {})


def _filled(cells: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in cells.items() if value is not None}


def _beside(changed: Mapping[str, Any]) -> dict[str, Any]:
    """Figures and tags of a creator: they are added to what stands, and so contradict nothing."""
    dated = {name: value for name, value in changed.items() if value is not None and (is_figure(name) or name in {"as_of", "tags"})}
    return {} if dated.keys() <= {"as_of"} else dated


def _cells(own: _Own, fields: Mapping[str, Any], campaigns: Mapping[str, int] | None) -> dict[str, Any]:
    """Columns of fields."""
    cells = {column: fields[name] for name, column in own.columns.items() if name in fields}
    if campaigns is not None and CAMPAIGN_KEY in fields:
        key = fields[CAMPAIGN_KEY]
        cells["campaign_id"] = None if key is None else campaigns[str(key)]
    return cells


def _by_field(own: _Own, row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **{name: row[column] for name, column in own.columns.items()}}
