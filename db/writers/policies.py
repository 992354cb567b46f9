# SPDX-License-Identifier: Apache-2.0
"""The version of a policy that is in force, or one that is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from app.errors import UsageError
from db.models.records import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

_FAR: Final = 1 << 62


def in_force(connection: Connection, name: str, at: int | None = None, version: int | None = None) -> tuple[int, Mapping[str, Any]]:
    """Number and body of a policy's version in force at a moment (None: the newest), or of the one named."""
    statement = select(Policy.version, Policy.body).where(Policy.name == name).order_by(Policy.version.desc()).limit(1)
    # The first version is in force from the beginning: the facts may be older than the workspace.
    chosen = Policy.since <= max(_FAR if at is None else at, 0) if version is None else Policy.version == version
    row = connection.execute(statement.where(chosen)).first()
    if row is None:
        raise UsageError("unknown_policy", name=name if version is None else f"{name} v{version}")
    return int(row.version), json.loads(row.body)
