# SPDX-License-Identifier: Apache-2.0
"""Sums of returns by creator and month, and the returns last computed from them; shares of single sales are not kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables anew: what they hold follows from facts, of which there are none yet."""
    op.drop_table("attribution")
    op.drop_table("creator_return")
    op.create_table(
        "creator_return",
        sa.Column("month", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("net_fen", sa.BigInteger(), nullable=False),
        sa.Column("gross_fen", sa.BigInteger(), nullable=False),
        sa.Column("fixed_fen", sa.BigInteger(), nullable=False),
        sa.Column("variable_fen", sa.BigInteger(), nullable=False),
        sa.Column("sales", sa.BigInteger(), nullable=False),
        sa.Column("net_square_high", sa.BigInteger(), nullable=False),
        sa.Column("net_square_low", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("month", "creator_id", name=op.f("pk_creator_return")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "creator_value",
        sa.Column("creator_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("shape", sa.Double(), nullable=True),
        sa.Column("rate", sa.Double(), nullable=True),
        sa.Column("burden", sa.Double(), nullable=True),
        sa.Column("weight", sa.Double(), nullable=True),
        sa.Column("grade", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", name=op.f("pk_creator_value")),
    )
    op.create_index("ix_creator_value_place", "creator_value", ["place"], unique=False)
    op.create_index("ix_sale_paid_at", "sale", ["paid_at"], unique=False)
    op.execute("update creator set value_grade = 0")
    op.create_index("ix_cost_entry_incurred_at", "cost_entry", ["incurred_at"], unique=False)
