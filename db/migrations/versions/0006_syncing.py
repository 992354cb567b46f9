# SPDX-License-Identifier: Apache-2.0
"""Sync: what platforms told, and how it is pulled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # ordered by code points, as SQLite does


def upgrade() -> None:
    """Bring a workspace here."""
    _facts()
    _connections()
    _runs()
    _told()


def _facts() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", ID, nullable=False),
        sa.Column("source", WORDS, nullable=True),
        sa.Column("source_account", WORDS, nullable=True),
        sa.Column("source_id", WORDS, nullable=True),
        sa.Column("source_kind", WORDS, nullable=True),
        sa.Column("name", WORDS, nullable=True),
        sa.Column("status", WORDS, nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("settlement", WORDS, nullable=True),
        sa.Column("owner", WORDS, nullable=True),
        sa.Column("notes", WORDS, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("source_id", "source", name=op.f("uq_campaign_source_id_source")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "collaboration",
        sa.Column("id", ID, nullable=False),
        sa.Column("source", WORDS, nullable=True),
        sa.Column("source_account", WORDS, nullable=True),
        sa.Column("source_id", WORDS, nullable=True),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("task_key", WORDS, nullable=True),
        sa.Column("state", WORDS, nullable=True),
        sa.Column("source_state", WORDS, nullable=True),
        sa.Column("title", WORDS, nullable=True),
        sa.Column("ordered_at", sa.BigInteger(), nullable=True),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("content_id", WORDS, nullable=True),
        sa.Column("fee_fen", sa.BigInteger(), nullable=True),
        sa.Column("platform_fee_fen", sa.BigInteger(), nullable=True),
        sa.Column("total_fen", sa.BigInteger(), nullable=True),
        sa.Column("paid_fen", sa.BigInteger(), nullable=True),
        sa.Column("refund_fen", sa.BigInteger(), nullable=True),
        sa.Column("deduct_fen", sa.BigInteger(), nullable=True),
        sa.Column("cancel_reason", WORDS, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_collaboration_campaign_id")),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_collaboration_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collaboration")),
        sa.UniqueConstraint("source_id", "source", name=op.f("uq_collaboration_source_id_source")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_collaboration_campaign_id", "collaboration", ["campaign_id"], unique=False)
    op.create_index("ix_collaboration_creator_id", "collaboration", ["creator_id"], unique=False)
    op.create_table(
        "cps_sale",
        sa.Column("id", ID, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("source_id", WORDS, nullable=False),
        sa.Column("task_key", WORDS, nullable=True),
        sa.Column("content_id", WORDS, nullable=True),
        sa.Column("bill_time", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cps_sale")),
        sa.UniqueConstraint("source_id", "source", name=op.f("uq_cps_sale_source_id_source")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cps_sale_content_id", "cps_sale", ["content_id"], unique=False)
    op.create_index("ix_cps_sale_task_key", "cps_sale", ["task_key"], unique=False)
    op.create_table(
        "pending_bill",
        sa.Column("id", ID, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("source_account", WORDS, nullable=True),
        sa.Column("source_id", WORDS, nullable=False),
        sa.Column("order_key", WORDS, nullable=True),
        sa.Column("total_fen", sa.BigInteger(), nullable=True),
        sa.Column("fee_fen", sa.BigInteger(), nullable=True),
        sa.Column("platform_fee_fen", sa.BigInteger(), nullable=True),
        sa.Column("remaining_fen", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_bill")),
        sa.UniqueConstraint("source_id", "source", name=op.f("uq_pending_bill_source_id_source")),
        sqlite_autoincrement=True,
    )


def _connections() -> None:
    op.create_table(
        "connection",
        sa.Column("id", ID, nullable=False),
        sa.Column("platform", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("base_url", WORDS, nullable=True),
        sa.Column("app_id", WORDS, nullable=True),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("scopes", WORDS, nullable=False),
        sa.Column("parked_until", sa.BigInteger(), nullable=True),
        sa.Column("error", WORDS, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_connection_name", "connection", ["name"], unique=True, sqlite_where=sa.text("removed_at is null"), postgresql_where=sa.text("removed_at is null")
    )
    op.create_table(
        "feed_cursor",
        sa.Column("connection_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", WORDS, nullable=False),
        sa.Column("cursor", WORDS, nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("failed_at", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=op.f("fk_feed_cursor_connection_id")),
        sa.PrimaryKeyConstraint("connection_id", "stream", name=op.f("pk_feed_cursor")),
    )
    op.create_table(
        "feed_schedule",
        sa.Column("connection_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", WORDS, nullable=False),
        sa.Column("every_seconds", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=op.f("fk_feed_schedule_connection_id")),
        sa.PrimaryKeyConstraint("connection_id", "stream", name=op.f("pk_feed_schedule")),
    )


def _runs() -> None:
    op.create_table(
        "sync_run",
        sa.Column("id", ID, nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", WORDS, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("full", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("pages", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("inserted", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("retries", sa.BigInteger(), nullable=False),
        sa.Column("from_cursor", WORDS, nullable=True),
        sa.Column("to_cursor", WORDS, nullable=True),
        sa.Column("error", WORDS, nullable=True),
        sa.Column("error_details", WORDS, nullable=True),
        sa.Column("operation_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=op.f("fk_sync_run_connection_id")),
        sa.ForeignKeyConstraint(["operation_id"], ["operation.id"], name=op.f("fk_sync_run_operation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_run")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sync_run_connection_id", "sync_run", ["connection_id", "started_at"], unique=False)
    op.create_index(
        "ix_sync_run_operation_id",
        "sync_run",
        ["operation_id"],
        unique=False,
        sqlite_where=sa.text("operation_id is not null"),
        postgresql_where=sa.text("operation_id is not null"),
    )
    op.create_table(
        "run_line",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("code", WORDS, nullable=False),
        sa.Column("details", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["sync_run.id"], name=op.f("fk_run_line_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_line")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_run_line_run_id", "run_line", ["run_id"], unique=False)
    op.create_table(
        "rejected_record",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("field", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("raw", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=op.f("fk_rejected_record_connection_id")),
        sa.ForeignKeyConstraint(["run_id"], ["sync_run.id"], name=op.f("fk_rejected_record_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejected_record")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_rejected_record_key", "rejected_record", ["connection_id", "stream", "key"], unique=False)
    op.create_index("ix_rejected_record_run_id", "rejected_record", ["run_id"], unique=False)
    op.create_table(
        "drift",
        sa.Column("id", ID, nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("stream", WORDS, nullable=False),
        sa.Column("field", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("other", WORDS, nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("cleared_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=op.f("fk_drift_connection_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift")),
        sa.UniqueConstraint("connection_id", "stream", "field", "kind", name=op.f("uq_drift_connection_id_stream_field_kind")),
        sqlite_autoincrement=True,
    )


def _told() -> None:
    op.create_table(
        "remote_record",
        sa.Column("id", ID, nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.Column("base", WORDS, nullable=False),
        sa.Column("raw", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=op.f("fk_remote_record_connection_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_record")),
        sa.UniqueConstraint("kind", "key", "connection_id", name=op.f("uq_remote_record_kind_key_connection_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "conflict",
        sa.Column("id", ID, nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("table_name", WORDS, nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.Column("field", WORDS, nullable=False),
        sa.Column("base", WORDS, nullable=False),
        sa.Column("mine", WORDS, nullable=False),
        sa.Column("theirs", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("resolution", WORDS, nullable=True),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=op.f("fk_conflict_connection_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflict")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_conflict_open",
        "conflict",
        ["kind", "key"],
        unique=False,
        sqlite_where=sa.text("resolved_at is null"),
        postgresql_where=sa.text("resolved_at is null"),
    )
    op.create_index("ix_conflict_row", "conflict", ["table_name", "row_id"], unique=False)
