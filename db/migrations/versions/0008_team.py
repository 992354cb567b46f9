# SPDX-License-Identifier: Apache-2.0
"""A team: who had which role, since when and by whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # ordered by code points, as SQLite does


def upgrade() -> None:
    """Bring a workspace here."""
    op.create_table(
        "team_step",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("role", WORDS, nullable=True),
        sa.Column("previous", WORDS, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team_step")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_team_step_name", "team_step", ["name"], unique=False)
