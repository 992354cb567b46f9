# SPDX-License-Identifier: Apache-2.0
"""The version of a policy that is in force, or one that is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from app.errors import UsageError
from db import bulk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

_FAR: Final = 1 << 62


def in_force(connection: Connection, name: str, at: int | None = None, version: int | None = None) -> tuple[int, Mapping[str, Any]]:
    """Number and body of a policy's version in force at a moment (None: the newest), or of the one named."""
    found, body = text_in_force(connection, name, at, version)
    return found, json.loads(body)


def text_in_force(connection: Connection, name: str, at: int | None = None, version: int | None = None) -> tuple[int, str]:
    """The same with the body's text: equal texts are equal rules, which need not be read twice."""
    # The first version is in force from the beginning: the facts may be older than the workspace.
    chosen, value = ("since <= ?", max(_FAR if at is None else at, 0)) if version is None else ("version = ?", version)
    found = bulk.fetch(connection, f"select version, body from policy where name = ? and {chosen} order by version desc limit 1", name, value)  # noqa: S608 (our words)
    if not found:
        raise UsageError("unknown_policy", name=name if version is None else f"{name} v{version}")
    return int(found[0][0]), str(found[0][1])
