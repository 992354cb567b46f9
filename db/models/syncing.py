# SPDX-License-Identifier: Apache-2.0
"""What platforms told: campaigns, collaborations, sales on commission, bills; and how it is pulled: connections, cursors, runs.

Facts of a platform bear ``source``, its contract's name, and ``source_id``, its own id: two connections that see the same
order keep one row. ``remote_record`` is what a connection last told of a thing, which later local edits are compared with.
No table holds a secret.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Count, Fen, Id, Moment, Words

_NEVER_REUSE = {"sqlite_autoincrement": True}


# ---------------------------------------------------------------- facts


class Campaign(Base):
    """A campaign, or a task of a platform that stands for one. One that only an order has named so far has no name yet."""

    __tablename__ = "campaign"

    id: Mapped[Id]
    source: Mapped[Words | None]
    source_account: Mapped[Words | None]
    source_id: Mapped[Words | None]
    source_kind: Mapped[Words | None]
    name: Mapped[Words | None]
    status: Mapped[Words | None]
    started_at: Mapped[Moment | None]
    settlement: Mapped[Words | None]
    owner: Mapped[Words | None]
    notes: Mapped[Words | None]
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]
    version: Mapped[Count]
    code: Mapped[Words | None]
    state: Mapped[Words | None]
    brief: Mapped[Words | None]
    category: Mapped[Words | None]
    starts_on: Mapped[Words | None]
    ends_on: Mapped[Words | None]
    budget_fen: Mapped[Fen | None]
    currency: Mapped[Words | None]

    __table_args__ = (
        UniqueConstraint("source_id", "source"),
        Index("uq_campaign_code", "code", unique=True, sqlite_where=text("code is not null"), postgresql_where=text("code is not null")),
        _NEVER_REUSE,
    )


class Collaboration(Base):
    """A creator's work for a campaign: an order of a platform, or what people here agreed. ``reserve``: its place on the reserve list.

    ``tracked``: it had a link or cart of its own, so that it can be measured without a code.
    """

    __tablename__ = "collaboration"

    id: Mapped[Id]
    source: Mapped[Words | None]
    source_account: Mapped[Words | None]
    source_id: Mapped[Words | None]
    campaign_id: Mapped[Count | None] = mapped_column(ForeignKey("campaign.id"))
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    account_id: Mapped[Count]
    task_key: Mapped[Words | None]
    state: Mapped[Words | None]
    source_state: Mapped[Words | None]
    title: Mapped[Words | None]
    ordered_at: Mapped[Moment | None]
    published_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]
    content_id: Mapped[Words | None]
    fee_fen: Mapped[Fen | None]
    platform_fee_fen: Mapped[Fen | None]
    total_fen: Mapped[Fen | None]
    paid_fen: Mapped[Fen | None]
    refund_fen: Mapped[Fen | None]
    deduct_fen: Mapped[Fen | None]
    cancel_reason: Mapped[Words | None]
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]
    version: Mapped[Count]
    code: Mapped[Words | None]
    form: Mapped[Words | None]
    registered: Mapped[bool | None]
    commission_bp: Mapped[Count | None]
    coupon: Mapped[Words | None]
    free_revisions: Mapped[Count | None]
    owner: Mapped[Words | None]
    reserve: Mapped[Count | None]
    tracked: Mapped[bool | None]
    notes: Mapped[Words | None]

    __table_args__ = (
        UniqueConstraint("source_id", "source"),
        Index("uq_collaboration_code", "code", unique=True, sqlite_where=text("code is not null"), postgresql_where=text("code is not null")),
        Index("ix_collaboration_creator_id", "creator_id"),
        Index("ix_collaboration_campaign_id", "campaign_id"),
        Index("ix_collaboration_owner", "owner", sqlite_where=text("owner is not null"), postgresql_where=text("owner is not null")),
        _NEVER_REUSE,
    )


class CpsSale(Base):
    """A sale on commission that a platform tells without an order: kept for its total per content, never a sale of a shop."""

    __tablename__ = "cps_sale"

    id: Mapped[Id]
    source: Mapped[Words]
    source_id: Mapped[Words]
    task_key: Mapped[Words | None]
    content_id: Mapped[Words | None]
    bill_time: Mapped[Moment | None]
    position: Mapped[Count | None]
    amount_fen: Mapped[Fen | None]
    settled_at: Mapped[Words | None]

    __table_args__ = (
        UniqueConstraint("source_id", "source"),
        Index("ix_cps_sale_task_key", "task_key"),
        Index("ix_cps_sale_content_id", "content_id"),
        _NEVER_REUSE,
    )


class PendingBill(Base):
    """What a platform waits to be paid for an order. With ``closed_at`` it waits no more."""

    __tablename__ = "pending_bill"

    id: Mapped[Id]
    source: Mapped[Words]
    source_account: Mapped[Words | None]
    source_id: Mapped[Words]
    order_key: Mapped[Words | None]
    total_fen: Mapped[Fen | None]
    fee_fen: Mapped[Fen | None]
    platform_fee_fen: Mapped[Fen | None]
    remaining_fen: Mapped[Fen | None]
    closed_at: Mapped[Moment | None]

    __table_args__ = (UniqueConstraint("source_id", "source"), _NEVER_REUSE)


# ---------------------------------------------------------------- how it is pulled


class Connection(Base):
    """The brand's access to a platform. One that was removed stays for what it brought."""

    __tablename__ = "connection"

    id: Mapped[Id]
    platform: Mapped[Words]
    name: Mapped[Words]
    base_url: Mapped[Words | None]
    app_id: Mapped[Words | None]
    state: Mapped[Words]
    expires_at: Mapped[Moment | None]
    scopes: Mapped[Words]
    parked_until: Mapped[Moment | None]
    error: Mapped[Words | None]
    created_at: Mapped[Moment]
    changed_at: Mapped[Moment]
    removed_at: Mapped[Moment | None]

    __table_args__ = (
        Index(
            "uq_connection_name",
            "name",
            unique=True,
            sqlite_where=text("removed_at is null"),
            postgresql_where=text("removed_at is null"),
        ),
        _NEVER_REUSE,
    )


class FeedCursor(Base):
    """Where a stream goes on, and how its last runs ended."""

    __tablename__ = "feed_cursor"

    connection_id: Mapped[Count] = mapped_column(ForeignKey("connection.id"), primary_key=True, autoincrement=False)
    stream: Mapped[Words] = mapped_column(primary_key=True)
    cursor: Mapped[Words | None]
    done_at: Mapped[Moment | None]
    failed_at: Mapped[Moment | None]
    failures: Mapped[Count]


class FeedSchedule(Base):
    """How often a stream is pulled by itself, where that is not as the platform's catalogue says. ``stream`` empty: every other stream."""

    __tablename__ = "feed_schedule"

    connection_id: Mapped[Count] = mapped_column(ForeignKey("connection.id"), primary_key=True, autoincrement=False)
    stream: Mapped[Words] = mapped_column(primary_key=True)
    every_seconds: Mapped[Count]


class SyncRun(Base):
    """One stream pulled once."""

    __tablename__ = "sync_run"

    id: Mapped[Id]
    connection_id: Mapped[Count] = mapped_column(ForeignKey("connection.id"))
    stream: Mapped[Words]
    state: Mapped[Words]
    full: Mapped[bool]
    started_at: Mapped[Moment]
    ended_at: Mapped[Moment | None]
    pages: Mapped[Count]
    received: Mapped[Count]
    inserted: Mapped[Count]
    updated: Mapped[Count]
    unchanged: Mapped[Count]
    rejected: Mapped[Count]
    missing: Mapped[Count]
    requests: Mapped[Count]
    retries: Mapped[Count]
    from_cursor: Mapped[Words | None]
    to_cursor: Mapped[Words | None]
    error: Mapped[Words | None]
    error_details: Mapped[Words | None]
    operation_id: Mapped[Count | None] = mapped_column(ForeignKey("operation.id"))

    __table_args__ = (
        Index("ix_sync_run_connection_id", "connection_id", "started_at"),
        Index("ix_sync_run_operation_id", "operation_id", sqlite_where=text("operation_id is not null"), postgresql_where=text("operation_id is not null")),
        _NEVER_REUSE,
    )


class RunLine(Base):
    """A line of a run's log: a code with its parameters, nothing secret and nothing personal."""

    __tablename__ = "run_line"

    id: Mapped[Id]
    run_id: Mapped[Count] = mapped_column(ForeignKey("sync_run.id"))
    at: Mapped[Moment]
    code: Mapped[Words]
    details: Mapped[Words]

    __table_args__ = (Index("ix_run_line_run_id", "run_id"), _NEVER_REUSE)


class RejectedRecord(Base):
    """A record that was not taken, as it came, until the same record is taken."""

    __tablename__ = "rejected_record"

    id: Mapped[Id]
    run_id: Mapped[Count] = mapped_column(ForeignKey("sync_run.id"))
    connection_id: Mapped[Count] = mapped_column(ForeignKey("connection.id"))
    stream: Mapped[Words]
    key: Mapped[Words]
    field: Mapped[Words]
    reason: Mapped[Words]
    raw: Mapped[Words]
    at: Mapped[Moment]

    __table_args__ = (Index("ix_rejected_record_key", "connection_id", "stream", "key"), Index("ix_rejected_record_run_id", "run_id"), _NEVER_REUSE)


class Drift(Base):
    """A field of a stream that is no longer as its contract says; once, until it is so again."""

    __tablename__ = "drift"

    id: Mapped[Id]
    connection_id: Mapped[Count] = mapped_column(ForeignKey("connection.id"))
    stream: Mapped[Words]
    field: Mapped[Words]
    kind: Mapped[Words]
    other: Mapped[Words]
    seen_at: Mapped[Moment]
    run_id: Mapped[Count]
    cleared_at: Mapped[Moment | None]

    __table_args__ = (UniqueConstraint("connection_id", "stream", "field", "kind"), _NEVER_REUSE)


class RemoteRecord(Base):
    """What a connection last told of a thing: ``base`` in the product's fields, ``raw`` in the source's, both JSON objects."""

    __tablename__ = "remote_record"

    id: Mapped[Id]
    connection_id: Mapped[Count] = mapped_column(ForeignKey("connection.id"))
    kind: Mapped[Words]
    key: Mapped[Words]
    fetched_at: Mapped[Moment]
    base: Mapped[Words]
    raw: Mapped[Words]

    __table_args__ = (UniqueConstraint("kind", "key", "connection_id"), _NEVER_REUSE)


class Conflict(Base):
    """A field that was changed here and at the source. ``base``, ``mine`` and ``theirs`` are JSON values."""

    __tablename__ = "conflict"

    id: Mapped[Id]
    connection_id: Mapped[Count] = mapped_column(ForeignKey("connection.id"))
    kind: Mapped[Words]
    key: Mapped[Words]
    table_name: Mapped[Words]
    row_id: Mapped[Count]
    field: Mapped[Words]
    base: Mapped[Words]
    mine: Mapped[Words]
    theirs: Mapped[Words]
    at: Mapped[Moment]
    resolved_at: Mapped[Moment | None]
    resolution: Mapped[Words | None]

    __table_args__ = (
        Index("ix_conflict_row", "table_name", "row_id"),
        Index("ix_conflict_open", "kind", "key", sqlite_where=text("resolved_at is null"), postgresql_where=text("resolved_at is null")),
        _NEVER_REUSE,
    )
