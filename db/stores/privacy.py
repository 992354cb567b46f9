# SPDX-License-Identifier: Apache-2.0
"""Personal data: looks, consents, everything about a person in one file, and a person taken out of rows, log, index and free room."""

from __future__ import annotations

import json
import os
import uuid
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlcipher3.dbapi2 as sqlite
from sqlalchemy import BigInteger
from sqlalchemy.exc import DBAPIError

from app.errors import NotPermittedError, UsageError, WorkspaceError
from app.rules.outreach import keys
from app.rules.privacy import PrivacyPolicy
from app.usecases.privacy import ConsentRow, DueClass, Erased, Heads, KeptFact, Look
from app.values import DAY, iso
from db import attachments, bulk
from db.engine import reading, writing
from db.maintenance import ERASED_SINCE
from db.models import Base
from db.writers import erasing, merging, policies, search, settings, suppressed
from db.writers.operations import Log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from app.values import Actor

_FIELDS: Final = ("name", "phone", "wechat", "email", "city", "country", "notes")
_LOOK: Final = ("creator_id", "at", "by", "device", "action", "fields", "rows")
_CONSENT: Final = ("creator_id", "purpose", "text_version", "channel", "given_at", "evidence", "by", "withdrawn_at", "withdrawn_by", "operation_id")
_CONSENTS: Final = (
    "select id, creator_id, purpose, text_version, channel, given_at, evidence, by, withdrawn_at, withdrawn_by from consent where creator_id = ?"
    " order by given_at desc, id desc"
)
_LAST: Final = (
    "(select max(x) from (select c.created_at x union all select max(at) from stage_step where creator_id = c.id"
    " union all select max(at) from contact where creator_id = c.id union all select max(published_at) from content where creator_id = c.id"
    " union all select max(happened_at) from credit_event where creator_id = c.id union all select max(updated_at) from collaboration where creator_id = c.id"
    " union all select max(paid_at) from sale where creator_id = c.id) y)"
)
"""When a creator was last heard of."""
_DUE: Final = {
    "contact": f"select c.id, c.name, {_LAST} d from creator c where (c.phone is not null or c.wechat is not null or c.email is not null) and c.created_at < ?",  # noqa: S608
    "notes": f"select c.id, c.name, {_LAST} d from creator c where c.notes is not null and c.created_at < ?",  # noqa: S608 (our own words)
    "messages": "select c.id, c.name, max(t.at) d from contact t join creator c on c.id = t.creator_id where t.text <> '' and t.at < ? group by c.id, c.name",
    "delivery": "select c.id, c.name, max(coalesce(t.received_at, t.sent_at, c.created_at)) d from shipment t join creator c on c.id = t.creator_id"
    " where (t.address is not null or t.phone is not null or t.recipient is not null) and coalesce(t.received_at, t.sent_at, c.created_at) < ?"
    " group by c.id, c.name",
    "looks": "select t.creator_id, '', max(t.at) d from person_look t where t.at < ? group by t.creator_id",
}
_HEADS: Final = (
    "select (select count(*) from creator), (select count(*) from creator where phone is not null or wechat is not null or email is not null),"
    " (select count(distinct c.creator_id) from consent c where c.purpose = 'contact' and c.withdrawn_at is null),"
    " (select count(distinct c.creator_id) from consent c where c.withdrawn_at is not null and not exists"
    " (select 1 from consent k where k.creator_id = c.creator_id and k.purpose = c.purpose and k.withdrawn_at is null)),"
    " (select count(distinct creator_id) from erasure)"
)
_HISTORY: Final = (
    "select c.table_name, c.row_id, o.id, o.kind, o.at, o.by, c.before, c.after, o.undone_at from wanted w cross join change c"
    " join operation o on o.id = c.operation_id where c.table_name = '{table}' and c.row_id = w.id order by c.id"
)
_SOURCES: Final = (
    "select distinct o.id, o.kind, o.at, o.by, o.summary from wanted w cross join inserted i join operation o on o.id = i.operation_id"
    " where i.table_name = '{table}' and w.id between i.first and i.last"
)


@dataclass(frozen=True, slots=True)
class PrivacyStore:
    """Fulfils ``Persons`` on a workspace's database."""

    engine: Engine
    read_only: bool = False

    def policy(self) -> PrivacyPolicy:
        """The policy in force."""
        with reading(self.engine) as connection:
            return PrivacyPolicy.parse(policies.in_force(connection, "privacy")[1])

    # ------------------------------------------------------------ looks and consents

    def contact(self, creator_id: int) -> Mapping[str, str | None]:
        """Personal fields of a creator."""
        with reading(self.engine) as connection:
            row = merging.row_of(connection, creator_id)
        return {name: row[name] for name in _FIELDS}

    def note(self, look: Look) -> None:
        """Remember that somebody looked."""
        if self.read_only:
            return
        with writing(self.engine) as connection:
            row = (look.creator_id, look.at, look.by, look.device, look.action, ",".join(look.fields), look.rows)
            bulk.insert(connection, "person_look", _LOOK, [row])

    def looks(self, creator_id: int | None, limit: int) -> list[Look]:
        """Who looked, the newest first; at one creator or at all."""
        selected = f"select {', '.join(_LOOK)} from person_look"  # noqa: S608 (our names)
        with reading(self.engine) as connection:
            if creator_id is None:
                rows = bulk.fetch(connection, f"{selected} order by at desc, id desc limit ?", limit)
            else:
                rows = bulk.fetch(connection, f"{selected} where creator_id = ? order by at desc, id desc limit ?", creator_id, limit)
        return [Look(creator, at, by, device, action, tuple(fields.split(",")), count) for creator, at, by, device, action, fields, count in rows]

    def consents(self, creator_id: int) -> list[ConsentRow]:
        """Consents of a creator, the newest first."""
        with reading(self.engine) as connection:
            return [ConsentRow(*row) for row in bulk.fetch(connection, _CONSENTS, creator_id)]

    def agree(self, creator_ids: Sequence[int], consent: Mapping[str, Any], actor: Actor, now: int) -> int:
        """Keep a consent of creators; returns the operation."""
        with writing(self.engine) as connection:
            bulk.keep_ids(connection, dict.fromkeys(creator_ids))
            here = [row[0] for row in bulk.fetch(connection, "select c.id from wanted w join creator c on c.id = w.id order by w.pos")]
            if not here:
                raise UsageError("unknown_creator", id=", ".join(map(str, creator_ids[:5])))
            log = Log(connection, "consent.give", actor, now)
            told = (consent["purpose"], consent["text_version"], consent["channel"], consent["given_at"], consent["evidence"], actor.name, None, None, log.id)
            log.insert("consent", _CONSENT, [(one, *told) for one in here])
            return log.finish({"creators": len(here), "purpose": consent["purpose"]})

    def withdraw(self, creator_id: int, purpose: str, actor: Actor, now: int) -> int:
        """End the consents of a creator to a purpose; returns the operation, 0 where none stood."""
        with writing(self.engine) as connection:
            standing = "select id from consent where creator_id = ? and purpose = ? and withdrawn_at is null"
            ids = [row[0] for row in bulk.fetch(connection, standing, creator_id, purpose)]
            if not ids:
                return 0
            log = Log(connection, "consent.withdraw", actor, now)
            after = {"withdrawn_at": now, "withdrawn_by": actor.name}
            log.changed("consent", [(one, dict.fromkeys(after), after) for one in ids])
            bulk.update(connection, "consent", tuple(after), [(*after.values(), one) for one in ids])
            return log.finish({"creator_id": creator_id, "purpose": purpose})

    # ------------------------------------------------------------ everything about a person

    def everything(self, creator_id: int, now: int) -> tuple[dict[str, Any], list[Path]]:
        """All that is held about a creator, and the files that belong to it."""
        with reading(self.engine) as connection:
            merging.row_of(connection, creator_id)
            rows = erasing.hanging(connection, [creator_id])
            tables = {table: _rows(connection, table, ids) for table, ids in sorted(rows.items())}
            document: dict[str, Any] = {
                "tables": tables,
                "history": [one for table, ids in sorted(rows.items()) for one in _history(connection, table, ids)],
                "sources": _sources(connection, rows),
                "merged_into_this": [one._asdict() for one in merging.came(connection, creator_id)],
                "looks": [{**dict(zip(_LOOK, row, strict=True)), "at": iso(row[1])} for row in _looks(connection, creator_id)],
                "told_by_platforms": _told(connection, tables),
                "as_of": iso(now),
            }
            files = [self._folder / name for name in _files(tables) if (self._folder / name).is_file()] if self._is_file else []
        return document, files

    def write(self, path: Path, document: Mapping[str, Any], files: Sequence[Path]) -> int:
        """Write it as JSON, or with its files as ZIP, by the ending; whole or not at all."""
        text = json.dumps(document, ensure_ascii=False, indent=1)
        building = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        try:
            if path.suffix.lower() == ".zip":
                with zipfile.ZipFile(building, "w", zipfile.ZIP_DEFLATED) as archive:
                    archive.writestr("person.json", text)
                    for file in files:
                        archive.write(file, f"files/{file.name}")
            else:
                building.write_text(text, "utf-8")
            with building.open("rb+") as written:
                os.fsync(written.fileno())
            building.replace(path)
        except OSError as error:
            raise WorkspaceError("cannot_write", path=str(path), reason=error.strerror or "") from error
        finally:
            building.unlink(missing_ok=True)
        return path.stat().st_size

    # ------------------------------------------------------------ out for good

    def erase(self, creator_id: int, reason: str, actor: Actor, now: int) -> Erased:
        """Take a person out; then out of the free room of the file, as far as nobody else has it open."""
        with writing(self.engine) as connection:
            if not self._is_file and not connection.exec_driver_sql("select public.koc_owner()").scalar_one():
                raise NotPermittedError("erase_by_owner", login=actor.name)
            traces, removed, kept = erasing.erase(connection, creator_id, reason, actor, now)
            policy = PrivacyPolicy.parse(policies.in_force(connection, "privacy")[1])
            alone = traces.files - erasing.still_named(connection, traces.files)
            in_audit = erasing.said_in_audit(connection, traces)
        gone = self._delete(alone)
        swept = self.sweep(now)
        stays = tuple(KeptFact(table, rows, erasing.KEPT[table], policy.kept_by_law.get(erasing.KEPT[table], 0)) for table, rows in kept.items())
        return Erased(creator_id, removed, stays, gone, self._copies(), in_audit, swept)

    def erase_again(self, actor: Actor, now: int) -> int:
        """Erase who was erased in the workspace that this backup took the place of; returns how many persons went."""
        with reading(self.engine) as connection:
            told = settings.get(connection, ERASED_SINCE)
            if not told:
                return 0
            since = json.loads(told)
            found = _known_by(connection, bytes.fromhex(since["key"]), set(since["hashes"]))
        for creator in found:
            with writing(self.engine) as connection:
                traces, _, _ = erasing.erase(connection, creator, ERASED_SINCE, actor, now)
                alone = traces.files - erasing.still_named(connection, traces.files)
            self._delete(alone)
        with writing(self.engine) as connection:
            erasing.keep_out(connection, since["key"], since["hashes"], actor, now)
            bulk.run(connection, "delete from workspace_setting where name = ?", ERASED_SINCE)
        self.sweep(now)
        return len(found)

    def sweep(self, now: int) -> bool:
        """Leave no trace of erased rows in the file's free room; whether that was possible now."""
        try:
            swept = self._sweep_file() if self._is_file else self._sweep_server()
        except (DBAPIError, sqlite.DatabaseError):  # somebody else has it open: the next sweep does it
            return False
        if swept:
            with writing(self.engine) as connection:
                bulk.run(connection, "update erasure set swept_at = ? where swept_at is null", now)
        return swept

    def _sweep_file(self) -> bool:
        with writing(self.engine) as connection:
            connection.exec_driver_sql(f"insert into {search.TABLE}({search.TABLE}) values ('optimize')")  # noqa: S608 (our name)
        self.engine.dispose()  # connections of our own that lie idle would keep the log
        raw = self.engine.raw_connection()
        try:
            with closing(raw.cursor()) as cursor:
                cursor.execute("pragma secure_delete=on")
                cursor.execute("vacuum")
                busy = cursor.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
        finally:
            raw.close()
        return not busy

    def _sweep_server(self) -> bool:
        tables = ", ".join(bulk.quoted(one) for one in ("change", "account", "creator", "contact", "shipment", search.TABLE))
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"vacuum (full) {tables}")
        return True

    def _delete(self, files: set[str]) -> int:
        gone = 0
        for name in files if self._is_file else ():
            path = self._folder / Path(name).name
            if path.is_file():
                path.unlink()
                gone += 1
        return gone

    def _copies(self) -> tuple[str, ...]:
        """Files beside the workspace that were made before: backups, earlier versions, replaced ones."""
        if not self._is_file:
            return ()
        path = self._folder.with_name(self._folder.name.removesuffix(".files"))
        found = [*path.parent.glob("*.kocbackup"), *path.parent.glob(f"{path.name}.pre-v*"), *path.parent.glob(f"{path.name}.replaced-*")]
        return tuple(sorted(str(one) for one in found))

    @property
    def _is_file(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def _folder(self) -> Path:
        return attachments.folder_of(self.engine)

    # ------------------------------------------------------------ how long, how many

    def due(self, now: int, limit: int) -> list[DueClass]:
        """What is past its time, by class."""
        with reading(self.engine) as connection:
            retention = PrivacyPolicy.parse(policies.in_force(connection, "privacy")[1]).retention
            found = []
            for kind, days in retention.items():
                if not days or kind not in _DUE:
                    continue
                before = now - days * DAY
                rows = [row for row in bulk.fetch(connection, f"{_DUE[kind]} order by d, 1", before) if row[2] < before]
                found.append(DueClass(kind, days, len(rows), tuple((row[0], row[1], row[2] + days * DAY) for row in rows[:limit])))
        return found

    def heads(self) -> Heads:
        """How many persons there are."""
        with reading(self.engine) as connection:
            return Heads(*bulk.fetch(connection, _HEADS)[0])


def _known_by(connection: Connection, key: bytes, hashes: set[str]) -> list[int]:
    """Creators who are known by any of some hashes."""
    found, last = [], 0
    while ids := [row[0] for row in bulk.fetch(connection, "select id from creator where id > ? order by id limit 20000", last)]:
        for creator, reach in suppressed.reaches(connection, ids).items():
            if any(suppressed.hashed(key, word) in hashes for word in keys(reach)):
                found.append(creator)
        last = ids[-1]
    return found


# ---------------------------------------------------------------- rows as a person reads them


def _rows(connection: Connection, table: str, ids: Sequence[int]) -> list[dict[str, Any]]:
    columns = Base.metadata.tables[table].columns
    names = [column.name for column in columns]
    moments = {column.name for column in columns if isinstance(column.type, BigInteger) and _is_moment(column.name)}
    bulk.keep_ids(connection, ids)
    selected = ", ".join(f"t.{bulk.quoted(one)}" for one in names)
    found = bulk.fetch(connection, f"select {selected} from wanted w join {bulk.quoted(table)} t on t.id = w.id order by t.id")  # noqa: S608 (our names)
    return [{name: iso(value) if name in moments and value is not None else value for name, value in zip(names, row, strict=True)} for row in found]


def _is_moment(name: str) -> bool:
    return name in {"at", "as_of", "until", "bill_time", "answer_by", "appeal_until"} or name.endswith("_at")


def _history(connection: Connection, table: str, ids: Sequence[int]) -> list[dict[str, Any]]:
    bulk.keep_ids(connection, ids)
    return [
        {
            "table": row[0], "row": row[1], "operation": row[2], "kind": row[3], "at": iso(row[4]), "by": row[5],
            "before": json.loads(row[6] or "null"), "after": json.loads(row[7] or "null"), "undone": row[8] is not None,
        }
        for row in bulk.fetch(connection, _HISTORY.format(table=table))
    ]  # fmt: skip


def _sources(connection: Connection, rows: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    """Where the data came from: files, platforms and hands, with when and by whom."""
    found: dict[int, dict[str, Any]] = {}
    for table, ids in rows.items():
        bulk.keep_ids(connection, ids)
        for number, kind, at, by, summary in bulk.fetch(connection, _SOURCES.format(table=table)):
            told = json.loads(summary)
            one = found.setdefault(number, {"operation": number, "kind": kind, "at": iso(at), "by": by, "file": told.get("file"), "tables": []})
            one["tables"].append(table)
    return [found[number] for number in sorted(found)]


def _looks(connection: Connection, creator_id: int) -> list[Any]:
    return bulk.fetch(connection, f"select {', '.join(_LOOK)} from person_look where creator_id = ? order by id", creator_id)  # noqa: S608 (our names)


def _told(connection: Connection, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """What platforms last told of the creator's accounts and contents, as they told it."""
    keys = {str(one[name]) for table, name in erasing.REFERRED.items() for one in tables.get(table, ()) if one[name]}
    if not keys:
        return []
    some, value = bulk.among(connection, "key", sorted(keys))
    rows = bulk.fetch(connection, f"select kind, key, fetched_at, raw from remote_record where {some} order by kind, key", value)  # noqa: S608 (our names)
    return [{"kind": row[0], "key": row[1], "fetched_at": iso(row[2]), "told": json.loads(row[3])} for row in rows]


def _files(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    named = (one[column] for table, column in erasing.FILES.items() for one in tables.get(table, ()))
    return sorted({Path(str(value).split(" ", 1)[0]).name for value in named if value})
