# SPDX-License-Identifier: Apache-2.0
"""The audit chain: one row per operation, each sealed by a hash over itself and the row before.

The head is kept apart (``audit_head`` of the workspace's settings), so that a cut tail shows too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from db import bulk
from db.engine import SEALED
from db.models.records import AuditRow, WorkspaceSetting
from db.writers import settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from app.values import Actor

HEAD: Final = "audit_head"
KEY: Final = "contact_key"
"""Setting: the workspace's key of what may have to go."""
_ADD: Final = "insert into audit (seq, at, login, device, action, object, digest, reason, previous, hash) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
GENESIS: Final = "0" * 64


def seal(fields: tuple[object, ...], previous: str) -> str:
    """Hash of a row's fields (seq, at, login, device, action, object, digest, reason) over the hash before it."""
    text = json.dumps([*fields, previous], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def head(connection: Connection) -> tuple[int, str]:
    """Number of the next row, and the hash before it."""
    found = settings.get(connection, HEAD)
    return (int(found.split(":")[0]) + 1, found.split(":")[1]) if found else (1, GENESIS)


def keyed(connection: Connection) -> hmac.HMAC:
    """A hash that nobody can guess the text of: what people are called and reached by is in few places short enough to try all."""
    return hmac.new(bytes.fromhex(settings.get(connection, KEY) or ""), digestmod=hashlib.sha256)


def reference(connection: Connection, text: str) -> str:
    """What the chain says of a text that may have to go: who has the text can tell that it was this one."""
    made = keyed(connection)
    made.update(text.encode("utf-8", "surrogatepass"))
    return f"ref:{made.hexdigest()[:32]}"


def append(connection: Connection, actor: Actor, now: int, action: str, target: str, digest: str, reason: str | None = None) -> int:
    """Add the next row; returns its number."""
    seq, previous = head(connection)
    fields = (seq, now, actor.name, actor.device, action, target, digest, reason)
    sealed = seal(fields, previous)
    bulk.run(connection, _ADD, *fields, previous, sealed)
    settings.put(connection, HEAD, f"{seq}:{sealed}")
    connection.info[SEALED] = (seq, sealed)
    return seq


def first_fault(connection: Connection) -> tuple[int, str] | None:
    """Number of the first row that was changed, removed, re-ordered or cut, and which it was; None if whole."""
    previous, expected = GENESIS, 1
    with connection.execute(select(AuditRow.__table__).order_by(AuditRow.seq), execution_options={"stream_results": True}) as rows:
        for seq, *fields, before, sealed in rows:
            if seq != expected:
                return expected, "missing"
            if before != previous or seal((seq, *fields), before) != sealed:
                return seq, "changed"
            previous, expected = sealed, expected + 1
    kept = connection.execute(select(WorkspaceSetting.value).where(WorkspaceSetting.name == HEAD)).scalar()
    if (kept or f"0:{GENESIS}") != f"{expected - 1}:{previous}":
        return expected, "cut"
    return None
