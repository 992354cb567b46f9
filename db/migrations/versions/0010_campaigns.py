# SPDX-License-Identifier: Apache-2.0
"""Campaigns of one's own: collaborations with quotes, due posts, samples, drafts and figures."""

from __future__ import annotations

import json
import tomllib

import sqlalchemy as sa
from alembic import op

import resources

revision = "0010"
down_revision = "0009"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # ordered by code points, as SQLite does


def upgrade() -> None:
    """Bring a workspace here."""
    _more_of_campaigns()
    _collaboration_step()
    _quote()
    _deliverable()
    _extension()
    _shipment()
    _stock()
    _draft()
    _signoff()
    _reminder()
    _post_figure()
    _exclusivity()
    _policy()


def _more_of_campaigns() -> None:
    op.add_column("campaign", sa.Column("code", WORDS, nullable=True))
    op.add_column("campaign", sa.Column("state", WORDS, nullable=True))
    op.add_column("campaign", sa.Column("brief", WORDS, nullable=True))
    op.add_column("campaign", sa.Column("category", WORDS, nullable=True))
    op.add_column("campaign", sa.Column("starts_on", WORDS, nullable=True))
    op.add_column("campaign", sa.Column("ends_on", WORDS, nullable=True))
    op.add_column("campaign", sa.Column("budget_fen", sa.BigInteger(), nullable=True))
    op.add_column("campaign", sa.Column("currency", WORDS, nullable=True))
    op.add_column("collaboration", sa.Column("code", WORDS, nullable=True))
    op.add_column("collaboration", sa.Column("form", WORDS, nullable=True))
    op.add_column("collaboration", sa.Column("registered", sa.Boolean(), nullable=True))
    op.add_column("collaboration", sa.Column("commission_bp", sa.BigInteger(), nullable=True))
    op.add_column("collaboration", sa.Column("coupon", WORDS, nullable=True))
    op.add_column("collaboration", sa.Column("free_revisions", sa.BigInteger(), nullable=True))
    op.add_column("collaboration", sa.Column("owner", WORDS, nullable=True))
    op.add_column("collaboration", sa.Column("reserve", sa.BigInteger(), nullable=True))
    op.add_column("collaboration", sa.Column("tracked", sa.Boolean(), nullable=True))
    op.add_column("collaboration", sa.Column("notes", WORDS, nullable=True))
    op.add_column("cost_entry", sa.Column("collaboration_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "uq_campaign_code", "campaign", ["code"], unique=True, sqlite_where=sa.text("code is not null"), postgresql_where=sa.text("code is not null")
    )
    op.create_index(
        "uq_collaboration_code", "collaboration", ["code"], unique=True, sqlite_where=sa.text("code is not null"), postgresql_where=sa.text("code is not null")
    )
    op.create_index(
        "ix_collaboration_owner",
        "collaboration",
        ["owner"],
        unique=False,
        sqlite_where=sa.text("owner is not null"),
        postgresql_where=sa.text("owner is not null"),
    )
    op.create_index(
        "ix_cost_entry_collaboration_id",
        "cost_entry",
        ["collaboration_id"],
        unique=False,
        sqlite_where=sa.text("collaboration_id is not null"),
        postgresql_where=sa.text("collaboration_id is not null"),
    )


def _collaboration_step() -> None:
    op.create_table(
        "collaboration_step",
        sa.Column("id", ID, nullable=False),
        sa.Column("collaboration_id", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("previous", WORDS, nullable=True),
        sa.Column("reason", WORDS, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["collaboration_id"], ["collaboration.id"], name=op.f("fk_collaboration_step_collaboration_id")),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_collaboration_step_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collaboration_step")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_collaboration_step_collaboration_id", "collaboration_step", ["collaboration_id"], unique=False)
    op.create_index("ix_collaboration_step_creator_id", "collaboration_step", ["creator_id"], unique=False)


def _quote() -> None:
    op.create_table(
        "quote",
        sa.Column("id", ID, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("collaboration_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("format", WORDS, nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("currency", WORDS, nullable=False),
        sa.Column("tax_included", sa.Boolean(), nullable=True),
        sa.Column("platform_fee_fen", sa.BigInteger(), nullable=True),
        sa.Column("rebate_bp", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", WORDS, nullable=True),
        sa.Column("valid_to", WORDS, nullable=True),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("source", WORDS, nullable=True),
        sa.Column("note", WORDS, nullable=True),
        sa.Column("quoted_at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["collaboration_id"], ["collaboration.id"], name=op.f("fk_quote_collaboration_id")),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_quote_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_quote_account_id", "quote", ["account_id", "format", "quoted_at"], unique=False)
    op.create_index(
        "ix_quote_collaboration_id",
        "quote",
        ["collaboration_id"],
        unique=False,
        sqlite_where=sa.text("collaboration_id is not null"),
        postgresql_where=sa.text("collaboration_id is not null"),
    )
    op.create_index("ix_quote_creator_id", "quote", ["creator_id"], unique=False)


def _deliverable() -> None:
    op.create_table(
        "deliverable",
        sa.Column("id", ID, nullable=False),
        sa.Column("collaboration_id", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("format", WORDS, nullable=False),
        sa.Column("task_code", WORDS, nullable=False),
        sa.Column("agreed_due_at", sa.BigInteger(), nullable=True),
        sa.Column("draft_due_at", sa.BigInteger(), nullable=True),
        sa.Column("sample_days", sa.BigInteger(), nullable=True),
        sa.Column("keep_days", sa.BigInteger(), nullable=True),
        sa.Column("posted_at", sa.BigInteger(), nullable=True),
        sa.Column("content_id", WORDS, nullable=True),
        sa.Column("url", WORDS, nullable=True),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_by", WORDS, nullable=True),
        sa.Column("causes", WORDS, nullable=True),
        sa.Column("anomaly", WORDS, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("step", WORDS, nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("risk_at", sa.BigInteger(), nullable=True),
        sa.Column("chance", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["collaboration_id"], ["collaboration.id"], name=op.f("fk_deliverable_collaboration_id")),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_deliverable_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliverable")),
        sa.UniqueConstraint("task_code", name=op.f("uq_deliverable_task_code")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliverable_account_id", "deliverable", ["account_id"], unique=False)
    op.create_index("ix_deliverable_collaboration_id", "deliverable", ["collaboration_id"], unique=False)
    op.create_index(
        "ix_deliverable_content_id",
        "deliverable",
        ["content_id"],
        unique=False,
        sqlite_where=sa.text("content_id is not null"),
        postgresql_where=sa.text("content_id is not null"),
    )
    op.create_index("ix_deliverable_creator_id", "deliverable", ["creator_id"], unique=False)
    op.create_index(
        "ix_deliverable_next_at",
        "deliverable",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("next_at is not null"),
        postgresql_where=sa.text("next_at is not null"),
    )
    op.create_index(
        "ix_deliverable_risk_at",
        "deliverable",
        ["risk_at"],
        unique=False,
        sqlite_where=sa.text("risk_at is not null"),
        postgresql_where=sa.text("risk_at is not null"),
    )


def _extension() -> None:
    op.create_table(
        "extension",
        sa.Column("id", ID, nullable=False),
        sa.Column("deliverable_id", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("agreed_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("reason", WORDS, nullable=True),
        sa.Column("by", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_extension_creator_id")),
        sa.ForeignKeyConstraint(["deliverable_id"], ["deliverable.id"], name=op.f("fk_extension_deliverable_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extension")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_extension_creator_id", "extension", ["creator_id"], unique=False)
    op.create_index("ix_extension_deliverable_id", "extension", ["deliverable_id"], unique=False)


def _shipment() -> None:
    op.create_table(
        "shipment",
        sa.Column("id", ID, nullable=False),
        sa.Column("collaboration_id", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("order_no", WORDS, nullable=False),
        sa.Column("sku", WORDS, nullable=True),
        sa.Column("variant", WORDS, nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_cost_fen", sa.BigInteger(), nullable=True),
        sa.Column("freight_fen", sa.BigInteger(), nullable=True),
        sa.Column("recipient", WORDS, nullable=True),
        sa.Column("phone", WORDS, nullable=True),
        sa.Column("address", WORDS, nullable=True),
        sa.Column("address_ok_at", sa.BigInteger(), nullable=True),
        sa.Column("exported_at", sa.BigInteger(), nullable=True),
        sa.Column("batch", WORDS, nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("carrier", WORDS, nullable=True),
        sa.Column("waybill", WORDS, nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["collaboration_id"], ["collaboration.id"], name=op.f("fk_shipment_collaboration_id")),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_shipment_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipment")),
        sa.UniqueConstraint("order_no", name=op.f("uq_shipment_order_no")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_shipment_collaboration_id", "shipment", ["collaboration_id"], unique=False)
    op.create_index("ix_shipment_creator_id", "shipment", ["creator_id"], unique=False)
    op.create_index("ix_shipment_sku", "shipment", ["sku", "variant"], unique=False)


def _stock() -> None:
    op.create_table(
        "stock",
        sa.Column("id", ID, nullable=False),
        sa.Column("sku", WORDS, nullable=False),
        sa.Column("variant", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=True),
        sa.Column("unit_cost_fen", sa.BigInteger(), nullable=True),
        sa.Column("stocked", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock")),
        sa.UniqueConstraint("sku", "variant", name=op.f("uq_stock_sku_variant")),
        sqlite_autoincrement=True,
    )


def _draft() -> None:
    op.create_table(
        "draft",
        sa.Column("id", ID, nullable=False),
        sa.Column("deliverable_id", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.Column("submitted_by", WORDS, nullable=False),
        sa.Column("text", WORDS, nullable=True),
        sa.Column("file", WORDS, nullable=True),
        sa.Column("review_due_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decision", WORDS, nullable=True),
        sa.Column("decided_by", WORDS, nullable=True),
        sa.Column("reason", WORDS, nullable=True),
        sa.Column("brief_changed", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_draft_creator_id")),
        sa.ForeignKeyConstraint(["deliverable_id"], ["deliverable.id"], name=op.f("fk_draft_deliverable_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sa.UniqueConstraint("deliverable_id", "kind", "version", name=op.f("uq_draft_deliverable_id_kind_version")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_draft_creator_id", "draft", ["creator_id"], unique=False)
    op.create_index(
        "ix_draft_waiting", "draft", ["review_due_at"], unique=False, sqlite_where=sa.text("decided_at is null"), postgresql_where=sa.text("decided_at is null")
    )


def _signoff() -> None:
    op.create_table(
        "signoff",
        sa.Column("id", ID, nullable=False),
        sa.Column("draft_id", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("step", WORDS, nullable=False),
        sa.Column("decision", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_signoff_creator_id")),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.id"], name=op.f("fk_signoff_draft_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signoff")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_signoff_creator_id", "signoff", ["creator_id"], unique=False)
    op.create_index("ix_signoff_draft_id", "signoff", ["draft_id"], unique=False)


def _reminder() -> None:
    op.create_table(
        "reminder",
        sa.Column("id", ID, nullable=False),
        sa.Column("deliverable_id", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("mark", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_reminder_creator_id")),
        sa.ForeignKeyConstraint(["deliverable_id"], ["deliverable.id"], name=op.f("fk_reminder_deliverable_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reminder_creator_id", "reminder", ["creator_id"], unique=False)
    op.create_index("ix_reminder_deliverable_id", "reminder", ["deliverable_id"], unique=False)


def _post_figure() -> None:
    op.create_table(
        "post_figure",
        sa.Column("id", ID, nullable=False),
        sa.Column("deliverable_id", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.SmallInteger(), nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("views", sa.BigInteger(), nullable=True),
        sa.Column("likes", sa.BigInteger(), nullable=True),
        sa.Column("comments", sa.BigInteger(), nullable=True),
        sa.Column("shares", sa.BigInteger(), nullable=True),
        sa.Column("saves", sa.BigInteger(), nullable=True),
        sa.Column("evidence", WORDS, nullable=True),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.Column("checked_by", WORDS, nullable=True),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_post_figure_creator_id")),
        sa.ForeignKeyConstraint(["deliverable_id"], ["deliverable.id"], name=op.f("fk_post_figure_deliverable_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post_figure")),
        sa.UniqueConstraint("deliverable_id", "mark", name=op.f("uq_post_figure_deliverable_id_mark")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_post_figure_creator_id", "post_figure", ["creator_id"], unique=False)


def _exclusivity() -> None:
    op.create_table(
        "exclusivity",
        sa.Column("id", ID, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("brand", WORDS, nullable=False),
        sa.Column("category", WORDS, nullable=True),
        sa.Column("starts_at", sa.BigInteger(), nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("note", WORDS, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_exclusivity_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exclusivity")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_exclusivity_creator_id", "exclusivity", ["creator_id"], unique=False)


def _policy() -> None:
    """The first version of the desk's policy, for a workspace of an earlier program; a new one gets it anyway."""
    connection = op.get_bind()
    present = set(connection.execute(sa.text("select name from policy")).scalars())
    if not present or "desk" in present:
        return
    body = json.dumps(tomllib.loads(resources.text("policies", "desk.toml")), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    statement = sa.text("insert into policy (name, version, body, since, by, reason) values ('desk', 1, :body, 0, 'KOC Desk', '')")
    connection.execute(statement, {"body": body})
