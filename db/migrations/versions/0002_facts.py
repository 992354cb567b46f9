# SPDX-License-Identifier: Apache-2.0
"""The facts: contents with figures, sales, touchpoints, costs, paths, the ledger of conduct, and what follows from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # ordered by code points, as SQLite does


def upgrade() -> None:
    """Bring a workspace here."""
    _roster()
    _performance()
    _conduct()


def _roster() -> None:
    op.add_column("creator", sa.Column("credit_score", sa.BigInteger(), nullable=True))
    op.add_column("creator", sa.Column("credit_grade", sa.SmallInteger(), nullable=True))
    op.add_column("creator", sa.Column("value_grade", sa.SmallInteger(), nullable=True))
    op.create_index("ix_creator_credit_grade_followers", "creator", ["credit_grade", "followers"], unique=False)
    op.create_index("ix_creator_credit_score", "creator", ["credit_score"], unique=False)
    op.create_index("ix_creator_value_grade_followers", "creator", ["value_grade", "followers"], unique=False)


def _performance() -> None:
    op.create_table(
        "attribution",
        sa.Column("sale_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("net_fen", sa.BigInteger(), nullable=False),
        sa.Column("gross_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sale_id", "creator_id", name=op.f("pk_attribution")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_attribution_creator_id", "attribution", ["creator_id"], unique=False)
    op.create_table(
        "conversion_path",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("path", WORDS, nullable=False),
        sa.Column("conversions", sa.BigInteger(), nullable=False),
        sa.Column("nulls", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversion_path")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "creator_return",
        sa.Column("creator_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("net_fen", sa.BigInteger(), nullable=False),
        sa.Column("gross_fen", sa.BigInteger(), nullable=False),
        sa.Column("fixed_fen", sa.BigInteger(), nullable=False),
        sa.Column("variable_fen", sa.BigInteger(), nullable=False),
        sa.Column("sales", sa.BigInteger(), nullable=False),
        sa.Column("net_square_high", sa.BigInteger(), nullable=False),
        sa.Column("net_square_low", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", name=op.f("pk_creator_return")),
    )
    op.create_table(
        "content",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("platform", WORDS, nullable=False),
        sa.Column("content_id", WORDS, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("title", WORDS, nullable=True),
        sa.Column("url", WORDS, nullable=True),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_content_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content")),
        sa.UniqueConstraint("content_id", "platform", name=op.f("uq_content_content_id_platform")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_content_creator_id", "content", ["creator_id", "published_at"], unique=False)
    op.create_table(
        "cost_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cost_id", WORDS, nullable=True),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("content_id", sa.BigInteger(), nullable=True),
        sa.Column("content_ref", WORDS, nullable=True),
        sa.Column("campaign", WORDS, nullable=True),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("currency", WORDS, nullable=False),
        sa.Column("incurred_at", sa.BigInteger(), nullable=False),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_cost_entry_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cost_entry")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cost_entry_creator_id", "cost_entry", ["creator_id", "incurred_at"], unique=False)
    op.create_index(
        "uq_cost_entry_cost_id",
        "cost_entry",
        ["cost_id"],
        unique=True,
        sqlite_where=sa.text("cost_id is not null"),
        postgresql_where=sa.text("cost_id is not null"),
    )
    op.create_table(
        "sale",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shop", WORDS, nullable=False),
        sa.Column("order_id", WORDS, nullable=False),
        sa.Column("line_id", WORDS, nullable=False),
        sa.Column("platform", WORDS, nullable=True),
        sa.Column("creator_id", sa.BigInteger(), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("content_id", sa.BigInteger(), nullable=True),
        sa.Column("content_ref", WORDS, nullable=True),
        sa.Column("coupon", WORDS, nullable=True),
        sa.Column("product", WORDS, nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.Column("unit_price_fen", sa.BigInteger(), nullable=True),
        sa.Column("paid_at", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("refund_fen", sa.BigInteger(), nullable=False),
        sa.Column("commission_fen", sa.BigInteger(), nullable=True),
        sa.Column("currency", WORDS, nullable=False),
        sa.Column("new_customer", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_sale_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sale")),
        sa.UniqueConstraint("order_id", "line_id", "shop", name=op.f("uq_sale_order_id_line_id_shop")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_sale_content_ref",
        "sale",
        ["content_ref"],
        unique=False,
        sqlite_where=sa.text("content_ref is not null"),
        postgresql_where=sa.text("content_ref is not null"),
    )
    op.create_index("ix_sale_creator_id", "sale", ["creator_id", "paid_at"], unique=False)
    op.create_table(
        "touchpoint",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shop", WORDS, nullable=False),
        sa.Column("order_id", WORDS, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("happened_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_touchpoint_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_touchpoint")),
        sa.UniqueConstraint("order_id", "shop", "kind", "happened_at", "account_id", name=op.f("uq_touchpoint_order_id_shop_kind_happened_at_account_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_touchpoint_creator_id", "touchpoint", ["creator_id"], unique=False)
    op.create_table(
        "content_metric",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content_id", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("impressions", sa.BigInteger(), nullable=True),
        sa.Column("views", sa.BigInteger(), nullable=True),
        sa.Column("likes", sa.BigInteger(), nullable=True),
        sa.Column("comments", sa.BigInteger(), nullable=True),
        sa.Column("shares", sa.BigInteger(), nullable=True),
        sa.Column("saves", sa.BigInteger(), nullable=True),
        sa.Column("clicks", sa.BigInteger(), nullable=True),
        sa.Column("add_to_carts", sa.BigInteger(), nullable=True),
        sa.Column("orders", sa.BigInteger(), nullable=True),
        sa.Column("stated", sa.Boolean(), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_content_metric_content_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_metric")),
        sa.UniqueConstraint("content_id", "as_of", name=op.f("uq_content_metric_content_id_as_of")),
        sqlite_autoincrement=True,
    )


def _conduct() -> None:
    op.create_table(
        "credit_score",
        sa.Column("creator_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.Double(), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=False),
        sa.Column("enough", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.Double(), nullable=False),
        sa.Column("reliability", sa.Double(), nullable=False),
        sa.Column("compliance", sa.Double(), nullable=False),
        sa.Column("authenticity", sa.Double(), nullable=False),
        sa.Column("cooperation", sa.Double(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.Column("policy_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("creator_id", name=op.f("pk_credit_score")),
    )
    op.create_table(
        "credit_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", WORDS, nullable=True),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("type", WORDS, nullable=False),
        sa.Column("happened_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.Column("filed_by", WORDS, nullable=False),
        sa.Column("confirmed_by", WORDS, nullable=True),
        sa.Column("voided_by", WORDS, nullable=True),
        sa.Column("confirm_reason", WORDS, nullable=True),
        sa.Column("void_reason", WORDS, nullable=True),
        sa.Column("evidence", WORDS, nullable=True),
        sa.Column("source", WORDS, nullable=True),
        sa.Column("stated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_credit_event_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_event")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_credit_event_creator_id", "credit_event", ["creator_id", "happened_at"], unique=False)
    op.create_index(
        "ix_credit_event_source",
        "credit_event",
        ["source", "type"],
        unique=False,
        sqlite_where=sa.text("source is not null"),
        postgresql_where=sa.text("source is not null"),
    )
    op.create_index(
        "uq_credit_event_event_id",
        "credit_event",
        ["event_id"],
        unique=True,
        sqlite_where=sa.text("event_id is not null"),
        postgresql_where=sa.text("event_id is not null"),
    )
    op.create_table(
        "sanction",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("proposed_by", WORDS, nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", WORDS, nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.Column("reason", WORDS, nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("appeal_until", sa.BigInteger(), nullable=True),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_sanction_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sanction")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sanction_creator_id", "sanction", ["creator_id"], unique=False)
    op.create_table(
        "appeal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("sanction_id", sa.BigInteger(), nullable=True),
        sa.Column("filed_at", sa.BigInteger(), nullable=False),
        sa.Column("filed_by", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", WORDS, nullable=True),
        sa.Column("upheld", sa.Boolean(), nullable=True),
        sa.Column("decision_reason", WORDS, nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["credit_event.id"], name=op.f("fk_appeal_event_id")),
        sa.ForeignKeyConstraint(["sanction_id"], ["sanction.id"], name=op.f("fk_appeal_sanction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeal")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_appeal_event_id", "appeal", ["event_id"], unique=False)
    op.create_index("ix_appeal_sanction_id", "appeal", ["sanction_id"], unique=False)
