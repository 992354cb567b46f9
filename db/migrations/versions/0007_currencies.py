# SPDX-License-Identifier: Apache-2.0
"""Money of another currency is found at once, and no longer stands in the sums of returns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.jobs import Quiet
from db.writers import returns

revision = "0007"
down_revision = "0006"

ABROAD = sa.text("currency <> 'CNY'")


def upgrade() -> None:
    """Sums that have such money in them are made anew."""
    op.create_index("ix_sale_abroad", "sale", ["currency", "paid_at"], unique=False, sqlite_where=ABROAD, postgresql_where=ABROAD)
    op.create_index("ix_cost_entry_abroad", "cost_entry", ["currency", "incurred_at"], unique=False, sqlite_where=ABROAD, postgresql_where=ABROAD)
    connection = op.get_bind()
    if any(connection.exec_driver_sql(f"select 1 from {table} where currency <> 'CNY' limit 1").first() for table in ("sale", "cost_entry")):  # noqa: S608
        returns.rebuild(connection, Quiet())
