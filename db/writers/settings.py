# SPDX-License-Identifier: Apache-2.0
"""Values of the workspace itself, as its time zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert

from app.values import DEFAULT_ZONE
from db import bulk
from db.models.records import WorkspaceSetting

if TYPE_CHECKING:
    from sqlalchemy import Connection


def get(connection: Connection, name: str) -> str | None:
    """A value, or None where it was never set."""
    found = bulk.fetch(connection, "select value from workspace_setting where name = ?", name)
    return str(found[0][0]) if found else None


def put(connection: Connection, name: str, value: str) -> None:
    """Set a value."""
    connection.execute(delete(WorkspaceSetting).where(WorkspaceSetting.name == name))
    connection.execute(insert(WorkspaceSetting).values(name=name, value=value))


def zone(connection: Connection) -> str:
    """Time zone of the workspace."""
    return get(connection, "time_zone") or DEFAULT_ZONE
