# SPDX-License-Identifier: Apache-2.0
"""What a connection told before, and what of a page is new to it. A page that says nothing new costs one statement a kind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.rules.facts import FIGURES
from app.rules.merge import same
from db import bulk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from app.usecases.syncing import Record
    from db.writers.operations import Log

_NOTHING: Final = object()
_ONLY: Final = {"metrics": frozenset({"content_id", "platform", "platform_uid", "as_of", *FIGURES})}
"""Fields of a kind that are remembered, where not all are: what names a creator is the creator's."""
UNLOGGED: Final = frozenset({"granted"})
"""Kinds that are no facts of the workspace: no operation is made for them, and none takes them back."""
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


class Source(NamedTuple):
    """Where a page comes from. ``run`` 0: a trial of which nothing is kept."""

    run: int
    connection: int
    platform: str
    name: str
    stream: str


@dataclass(slots=True)
class Told:
    """A record that says something new: ``fields`` as told now, ``changed`` those of them that were not told so before.

    ``base`` is what was told before, by this connection or else by another one of the platform; ``id`` its row of this connection,
    ``text`` the text there, ``now`` that of ``fields``.
    """

    kind: str
    key: str
    fields: Mapping[str, Any]
    changed: Mapping[str, Any]
    raw: Mapping[str, object]
    base: dict[str, Any] | None = None
    id: int | None = None
    text: str = ""
    now: str = ""

    _who: tuple[str, str] | None = None

    @property
    def who(self) -> tuple[str, str]:
        """Platform and uid of the account that it names."""
        if self._who is None:
            self._who = str(self.said("platform")), str(self.said("platform_uid"))
        return self._who

    def said(self, name: str) -> Any:  # noqa: ANN401 (whatever was told)
        """The last word of a field."""
        return self.fields[name] if name in self.fields else (self.base or {}).get(name)

    @property
    def whole(self) -> Mapping[str, Any]:
        """All that was ever told of it, the last word of each field."""
        return {**self.base, **self.fields} if self.base else self.fields


def text_of(values: Mapping[str, object]) -> str:
    """JSON text of a record as it came."""
    return _encode(values)


def plain(fields: Mapping[str, object]) -> dict[str, Any]:
    """Fields as JSON gives them back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def by_key(records: Iterable[Record]) -> dict[str, dict[str, Told]]:
    """Records of a page by kind and key; of one that comes twice the last word of each field counts."""
    out: dict[str, dict[str, Told]] = {}
    for record in records:
        kind, key, fields = record.kind, record.key, record.fields
        if kind in _ONLY:
            only = _ONLY[kind]
            fields = {name: value for name, value in fields.items() if name in only}
        elif kind == "creators":
            fields = plain(fields)  # tags
        of_kind = out.setdefault(kind, {})
        if (other := of_kind.get(key)) is not None:
            other.fields = {**other.fields, **fields}
            other.raw = {**other.raw, **record.raw}
        else:
            of_kind[key] = Told(kind, key, fields, fields, record.raw)
    return out


_KNOWN: Final = "select key, id, base from remote_record where kind = ? and connection_id = ? and "
_ELSEWHERE: Final = (
    "select r.key, r.base from remote_record r join connection c on c.id = r.connection_id"
    " where r.kind = ? and r.connection_id <> ? and c.platform = ? and {some} order by r.fetched_at, r.id"
)


def news(connection: Connection, source: Source, kind: str, told: Mapping[str, Told]) -> list[Told]:
    """Those records that say something new, with what was told of them before."""
    some, keys = bulk.among(connection, "key", told)
    found = {row[0]: row for row in bulk.fetch(connection, _KNOWN + some, kind, source.connection, keys)}
    out, strangers = [], []
    for key, one in told.items():
        row = found.get(key)
        one.now = text = _encode(one.fields)
        if row is None:
            one.changed = one.fields
            out.append(one)
            strangers.append(key)
            continue
        # Mostly the same fields come first in the same order: their texts are compared sooner than their values.
        told_before = row[2]
        if told_before.startswith(text[:-1]) and told_before[len(text) - 1] in ",}":
            continue
        base = json.loads(told_before)
        if one.fields.items() <= base.items():
            continue
        changed = {name: value for name, value in one.fields.items() if not same(base.get(name, _NOTHING), value)}
        if changed:
            one.id, one.text, one.base, one.changed = row[1], row[2], base, changed
            out.append(one)
    if strangers and bulk.fetch(connection, "select 1 from connection where platform = ? and id <> ? limit 1", source.platform, source.connection):
        _look_elsewhere(connection, source, kind, told, strangers)
    return out


def _look_elsewhere(connection: Connection, source: Source, kind: str, told: Mapping[str, Told], strangers: Sequence[str]) -> None:
    """What another connection of the platform told of records that are new to this one, one that was removed too."""
    some, keys = bulk.among(connection, "r.key", strangers)
    for key, base in bulk.fetch(connection, _ELSEWHERE.format(some=some), kind, source.connection, source.platform, keys):
        one = told[key]
        one.base = json.loads(base)
        one.changed = {name: value for name, value in one.fields.items() if not same(one.base.get(name, _NOTHING), value)}


_COLUMNS: Final = ("connection_id", "kind", "key", "fetched_at", "base", "raw")


def remember(connection: Connection, source: Source, log: Log | None, told: Sequence[Told], now: int) -> None:
    """Keep what was told, so that only what differs from it is looked at next time. ``log`` None: no operation takes it back."""
    new = [one for one in told if one.id is None]
    rows = [
        (source.connection, one.kind, one.key, now, _encode(one.whole) if one.base else one.now, _encode({source.stream: one.raw}) if one.raw else "{}")
        for one in new
    ]
    known = [one for one in told if one.id is not None]
    if log is None:
        bulk.insert(connection, "remote_record", _COLUMNS, rows)
    else:
        log.insert("remote_record", _COLUMNS, rows)
    if not known:
        return
    texts = {one.id: _encode(one.whole) for one in known}
    if log is not None:
        log.changed("remote_record", ((one.id or 0, {"base": one.text}, {"base": texts[one.id]}) for one in known))
    bulk.keep_ids(connection, (one.id or 0 for one in known))
    before = dict(bulk.fetch(connection, "select r.id, r.raw from wanted w join remote_record r on r.id = w.id"))
    bulk.update(
        connection,
        "remote_record",
        ("base", "raw", "fetched_at"),
        ((texts[one.id], _encode({**json.loads(before[one.id]), source.stream: one.raw}), now, one.id) for one in known),
    )


def forget(connection: Connection, log: Log | None, rows: Sequence[tuple[int, int, str, str, int, str, str]]) -> None:
    """Forget records that are over, given as whole rows: id, then the columns."""
    if log is not None:
        log.changed("remote_record", ((row[0], dict(zip(_COLUMNS, row[1:], strict=True)), None) for row in rows))
    bulk.delete(connection, "remote_record", (row[0] for row in rows))


def rows_of(connection: Connection, source: Source, kind: str, keys: Sequence[str] | None = None) -> list[Any]:
    """Whole rows of what was told of some records, or of all of a kind."""
    statement = f"select id, {', '.join(_COLUMNS)} from remote_record where kind = ? and connection_id = ?"  # noqa: S608 (our names)
    if keys is None:
        return bulk.fetch(connection, statement, kind, source.connection)
    some, words = bulk.among(connection, "key", keys)
    return bulk.fetch(connection, f"{statement} and {some}", kind, source.connection, words)
