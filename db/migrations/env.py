# SPDX-License-Identifier: Apache-2.0
"""Binds Alembic to the metadata; the connection and its transaction come from ``db.maintenance``."""

from __future__ import annotations

from alembic import context

from db.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
context.run_migrations()
