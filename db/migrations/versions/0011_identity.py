# SPDX-License-Identifier: Apache-2.0
"""One person, many accounts: pairs that may be one or are not, merges, codes of those who were merged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # ordered by code points, as SQLite does


def upgrade() -> None:
    """Bring a workspace here."""
    op.create_table(
        "identity_pair",
        sa.Column("id", ID, nullable=False),
        sa.Column("a_id", sa.BigInteger(), nullable=False),
        sa.Column("b_id", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("evidence", WORDS, nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("put_off_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_pair")),
        sa.UniqueConstraint("a_id", "b_id", name=op.f("uq_identity_pair_a_id_b_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_identity_pair_b_id", "identity_pair", ["b_id"], unique=False)
    op.create_index("ix_identity_pair_score", "identity_pair", ["score"], unique=False)
    op.create_table(
        "identity_apart",
        sa.Column("id", ID, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("other_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", WORDS, nullable=True),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_identity_apart_creator_id")),
        sa.ForeignKeyConstraint(["other_id"], ["creator.id"], name=op.f("fk_identity_apart_other_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_apart")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_identity_apart_creator_id", "identity_apart", ["creator_id"], unique=False)
    op.create_index("ix_identity_apart_other_id", "identity_apart", ["other_id"], unique=False)
    op.create_table(
        "identity_merge",
        sa.Column("id", ID, nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("gone_id", sa.BigInteger(), nullable=False),
        sa.Column("chosen", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=True),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["operation_id"], ["operation.id"], name=op.f("fk_identity_merge_operation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_merge")),
        sqlite_autoincrement=True,
    )
    for column in ("operation_id", "creator_id", "gone_id"):
        op.create_index(f"ix_identity_merge_{column}", "identity_merge", [column], unique=False)
    op.create_table(
        "creator_coupon",
        sa.Column("id", ID, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("coupon", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_creator_coupon_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_creator_coupon")),
        sa.UniqueConstraint("creator_id", "coupon", name=op.f("uq_creator_coupon_creator_id_coupon")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_creator_coupon_coupon", "creator_coupon", ["coupon"], unique=False)
