# SPDX-License-Identifier: Apache-2.0
"""Whom and what no file and no platform may bring in: persons who were erased, personal fields that are not used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.rules.outreach import Reach, keys
from app.rules.privacy import PrivacyPolicy
from db import bulk
from db.writers import policies, suppressed

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from db.writers.incoming import Rows, Tally

ERASED: Final = "erased"


def off(connection: Connection) -> frozenset[str]:
    """Personal fields that the policy in force says are not used; a name always is."""
    fields = PrivacyPolicy.parse(policies.in_force(connection, "privacy")[1]).fields
    return frozenset(one.name for one in fields.values() if not one.on) - {"name"}


@dataclass(slots=True)
class Refusing:
    """Rows of files and platforms that would bring an erased person back."""

    connection: Connection
    _hashes: set[str] | None = None
    _secret: bytes = b""

    def refuse(self, rows: Rows, tally: Tally) -> None:
        """Take such rows out, each with the reason."""
        if self._hashes is None:
            told = "select key_hash from suppression where kind = ? and key_hash is not null and lifted_at is null"
            self._hashes = {row[0] for row in bulk.fetch(self.connection, told, ERASED)}
            self._secret = suppressed.key(self.connection)
        if not self._hashes:
            return
        columns = [rows.column(name) for name in ("phone", "wechat", "email", "handle")]
        for at in rows.places:
            phone, wechat, email, handle = (column[at] for column in columns)
            platform = rows.platform[at] or ""
            reach = Reach(phone, wechat, email, tuple((platform, one) for one in (handle, rows.uid[at]) if one))
            for word in keys(reach):
                if suppressed.hashed(self._secret, word) in self._hashes:
                    rows.reject(tally, at, ERASED, {"account": "platform_uid"}.get(word.split(":")[0], word.split(":")[0]))
                    break
