# SPDX-License-Identifier: Apache-2.0
"""Whom outreach leaves alone: asked for each creator before each message, by his row and by what he is known by.

Contacts are kept as keyed hashes: a number that is gone from the roster is still known when it comes back, and nobody can
read it there. The key is the workspace's own, and goes with its backups.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from app.rules.outreach import Reach, keys
from db import bulk
from db.writers import settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from db.writers.operations import Log

KEY: Final = "contact_key"
"""Setting: the key of the hashes."""
_COLUMNS: Final = ("creator_id", "kind", "channel", "key_hash", "reason", "at", "by", "operation_id")
_HOLDS: Final = "s.lifted_at is null and (s.channel is null or s.channel = ?)"
BY_ROW: Final = f"exists (select 1 from suppression s where s.creator_id = c.id and {_HOLDS})"  # noqa: S608 (our own words)
"""Condition on a creator ``c``, with one value, the channel; whoever came back under another row is found by ``among`` alone."""
_REACHES: Final = "select c.id, c.phone, c.wechat, c.email from wanted w join creator c on c.id = w.id"
_ACCOUNTS: Final = (
    "select a.creator_id, a.platform, a.platform_uid, a.handle from wanted w join account a on a.creator_id = w.id"
    " left join creator c on c.id = a.creator_id order by a.creator_id, case when a.id = c.main_account_id then 0 else 1 end, a.id"
)


def reaches(connection: Connection, creators: Sequence[int]) -> dict[int, Reach]:
    """How creators can be reached, the main account first."""
    bulk.keep_ids(connection, creators)
    accounts: dict[int, list[tuple[str, str]]] = {}
    for creator, platform, uid, handle in bulk.fetch(connection, _ACCOUNTS):
        accounts.setdefault(creator, []).extend((platform, one) for one in (handle, uid) if one)
    return {row[0]: Reach(row[1], row[2], row[3], tuple(accounts.get(row[0], ()))) for row in bulk.fetch(connection, _REACHES)}


def key(connection: Connection) -> bytes:
    """The key of the hashes; it came with the table."""
    return bytes.fromhex(settings.get(connection, KEY) or "")


def hashed(secret: bytes, word: str) -> str:
    """Keyed hash of a contact, as ``outreach.keys`` writes it."""
    return hmac.new(secret, word.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def among(connection: Connection, found: Mapping[int, Reach], channel: str) -> dict[int, str]:
    """Those of some creators whom outreach on a channel leaves alone, each with the kind of his suppression."""
    bulk.keep_ids(connection, found)
    by_row = f"select w.id, s.kind from wanted w join suppression s on s.creator_id = w.id where {_HOLDS}"  # noqa: S608 (our own words)
    out = dict(bulk.fetch(connection, by_row, channel))
    secret = key(connection)
    hashes = [(hashed(secret, word), creator) for creator, reach in found.items() for word in keys(reach)]
    bulk.keep(connection, "hashes", (("key_hash", "text"), ("id", "bigint")), hashes)
    by_key = f"select h.id, s.kind from hashes h join suppression s on s.key_hash = h.key_hash where {_HOLDS}"  # noqa: S608 (our own words)
    return {**dict(bulk.fetch(connection, by_key, channel)), **out}


def add(log: Log, found: Mapping[int, Reach], kind: str, channel: str | None, reason: str | None) -> int:
    """Leave creators alone from now on, by their rows and by all that they are known by; returns how many rows."""
    secret = key(log.connection)
    known: dict[int, list[str | None]] = {creator: [hashed(secret, word) for word in keys(reach)] for creator, reach in found.items()}
    rows = [(creator, kind, channel, one, reason, log.now, log.actor.name, log.id) for creator, hashes in known.items() for one in hashes or [None]]
    log.insert("suppression", _COLUMNS, rows)
    return len(rows)


def rows_of(connection: Connection, creator_id: int) -> list[int]:
    """Suppressions of a creator, by his row or by any of his contacts, those that were lifted too."""
    secret, found = key(connection), reaches(connection, [creator_id])
    words = [(hashed(secret, word),) for reach in found.values() for word in keys(reach)]
    bulk.keep(connection, "hashes", (("key_hash", "text"),), words)
    statement = "select id from suppression where creator_id = ? union select s.id from hashes h join suppression s on s.key_hash = h.key_hash"
    return [row[0] for row in bulk.fetch(connection, statement, creator_id)]
