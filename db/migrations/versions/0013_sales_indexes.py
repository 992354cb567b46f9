# SPDX-License-Identifier: Apache-2.0
"""Sales by coupon and by content: what these alone tie to a creator is found without reading every sale."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

COLUMNS = ("coupon", "content_id")


def upgrade() -> None:
    """Bring a workspace here."""
    for column in COLUMNS:
        named = sa.text(f"{column} is not null")
        op.create_index(f"ix_sale_{column}", "sale", [column], unique=False, sqlite_where=named, postgresql_where=named)
