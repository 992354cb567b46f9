# SPDX-License-Identifier: Apache-2.0
"""Values of the workspace itself, as its time zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.values import DEFAULT_ZONE
from db import bulk

if TYPE_CHECKING:
    from sqlalchemy import Connection


def get(connection: Connection, name: str) -> str | None:
    """A value, or None where it was never set."""
    found = bulk.fetch(connection, "select value from workspace_setting where name = ?", name)
    return str(found[0][0]) if found else None


def put(connection: Connection, name: str, value: str) -> None:
    """Set a value."""
    statement = "insert into workspace_setting (name, value) values (?, ?) on conflict (name) do update set value = excluded.value"
    bulk.run(connection, statement, name, value)


def zone(connection: Connection) -> str:
    """Time zone of the workspace."""
    return get(connection, "time_zone") or DEFAULT_ZONE
