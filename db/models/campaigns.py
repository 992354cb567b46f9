# SPDX-License-Identifier: Apache-2.0
"""What a collaboration comes to: quotes, due posts with samples, drafts and figures, and who is bound to a rival.

Campaigns and collaborations themselves stand with ``syncing``, as platforms bring them too. Days are ISO dates of the workspace's
time zone. ``code`` and ``task_code`` follow from what a thing is, so that they are the same on every engine; order numbers,
events of conduct and files name things by them. ``deliverable.state``, ``step``, ``due_at``, ``next_at``, ``risk_at`` and ``chance`` follow
from the facts (``db/writers/desk``) and are in no log.
"""

from __future__ import annotations

from sqlalchemy import Double, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Count, Fen, Id, Moment, Rank, Words

_NEVER_REUSE = {"sqlite_autoincrement": True}
_OPEN = sql("next_at is not null")


class CollaborationStep(Base):
    """One move of a collaboration to a state."""

    __tablename__ = "collaboration_step"

    id: Mapped[Id]
    collaboration_id: Mapped[Count] = mapped_column(ForeignKey("collaboration.id"))
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    state: Mapped[Words]
    previous: Mapped[Words | None]
    reason: Mapped[Words | None]
    at: Mapped[Moment]
    by: Mapped[Words]
    operation_id: Mapped[Count]

    __table_args__ = (
        Index("ix_collaboration_step_collaboration_id", "collaboration_id"),
        Index("ix_collaboration_step_creator_id", "creator_id"),
        _NEVER_REUSE,
    )


class Quote(Base):
    """A price of an account for a format: somebody's word in a round of a collaboration, or a rate card."""

    __tablename__ = "quote"

    id: Mapped[Id]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    account_id: Mapped[Count]
    collaboration_id: Mapped[Count | None] = mapped_column(ForeignKey("collaboration.id"))
    kind: Mapped[Words]
    format: Mapped[Words]
    fee_fen: Mapped[Fen]
    currency: Mapped[Words]
    tax_included: Mapped[bool | None]
    platform_fee_fen: Mapped[Fen | None]
    rebate_bp: Mapped[Count | None]
    valid_from: Mapped[Words | None]
    valid_to: Mapped[Words | None]
    round: Mapped[Count]
    source: Mapped[Words | None]
    note: Mapped[Words | None]
    quoted_at: Mapped[Moment]
    by: Mapped[Words]
    operation_id: Mapped[Count]

    __table_args__ = (
        Index("ix_quote_creator_id", "creator_id"),
        Index("ix_quote_account_id", "account_id", "format", "quoted_at"),
        Index(
            "ix_quote_collaboration_id",
            "collaboration_id",
            sqlite_where=sql("collaboration_id is not null"),
            postgresql_where=sql("collaboration_id is not null"),
        ),
        _NEVER_REUSE,
    )


class Deliverable(Base):
    """One due post. ``agreed_due_at`` is what was agreed; ``causes`` is a JSON list of causes on the brand's side."""

    __tablename__ = "deliverable"

    id: Mapped[Id]
    collaboration_id: Mapped[Count] = mapped_column(ForeignKey("collaboration.id"))
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    account_id: Mapped[Count]
    format: Mapped[Words]
    task_code: Mapped[Words]
    agreed_due_at: Mapped[Moment | None]
    draft_due_at: Mapped[Moment | None]
    sample_days: Mapped[Count | None]
    keep_days: Mapped[Count | None]
    posted_at: Mapped[Moment | None]
    content_id: Mapped[Words | None]
    url: Mapped[Words | None]
    gone_at: Mapped[Moment | None]
    cancelled_at: Mapped[Moment | None]
    cancelled_by: Mapped[Words | None]
    causes: Mapped[Words | None]
    anomaly: Mapped[Words | None]
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]
    version: Mapped[Count]
    state: Mapped[Words]
    step: Mapped[Words | None]
    due_at: Mapped[Moment | None]
    next_at: Mapped[Moment | None]
    risk_at: Mapped[Moment | None]
    chance: Mapped[float | None] = mapped_column(Double)

    __table_args__ = (
        UniqueConstraint("task_code"),
        Index("ix_deliverable_collaboration_id", "collaboration_id"),
        Index("ix_deliverable_creator_id", "creator_id"),
        Index("ix_deliverable_account_id", "account_id"),
        Index("ix_deliverable_next_at", "next_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_deliverable_risk_at", "risk_at", sqlite_where=sql("risk_at is not null"), postgresql_where=sql("risk_at is not null")),
        Index("ix_deliverable_content_id", "content_id", sqlite_where=sql("content_id is not null"), postgresql_where=sql("content_id is not null")),
        _NEVER_REUSE,
    )


class Extension(Base):
    """A later due time that was agreed."""

    __tablename__ = "extension"

    id: Mapped[Id]
    deliverable_id: Mapped[Count] = mapped_column(ForeignKey("deliverable.id"))
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    agreed_at: Mapped[Moment]
    until: Mapped[Moment]
    reason: Mapped[Words | None]
    by: Mapped[Words]

    __table_args__ = (Index("ix_extension_deliverable_id", "deliverable_id"), Index("ix_extension_creator_id", "creator_id"), _NEVER_REUSE)


class Shipment(Base):
    """A sample on its way: whose, what, where to, and how far it is. ``order_no`` is what the warehouse calls it by."""

    __tablename__ = "shipment"

    id: Mapped[Id]
    collaboration_id: Mapped[Count] = mapped_column(ForeignKey("collaboration.id"))
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    order_no: Mapped[Words]
    sku: Mapped[Words | None]
    variant: Mapped[Words | None]
    quantity: Mapped[Count]
    unit_cost_fen: Mapped[Fen | None]
    freight_fen: Mapped[Fen | None]
    recipient: Mapped[Words | None]
    phone: Mapped[Words | None]
    address: Mapped[Words | None]
    address_ok_at: Mapped[Moment | None]
    exported_at: Mapped[Moment | None]
    batch: Mapped[Words | None]
    sent_at: Mapped[Moment | None]
    carrier: Mapped[Words | None]
    waybill: Mapped[Words | None]
    received_at: Mapped[Moment | None]
    cancelled_at: Mapped[Moment | None]

    __table_args__ = (
        UniqueConstraint("order_no"),
        Index("ix_shipment_collaboration_id", "collaboration_id"),
        Index("ix_shipment_creator_id", "creator_id"),
        Index("ix_shipment_sku", "sku", "variant"),
        _NEVER_REUSE,
    )


class Stock(Base):
    """Samples that were taken in; what is reserved, sent and left of them follows from the shipments."""

    __tablename__ = "stock"

    id: Mapped[Id]
    sku: Mapped[Words]
    variant: Mapped[Words]
    name: Mapped[Words | None]
    unit_cost_fen: Mapped[Fen | None]
    stocked: Mapped[Count]

    __table_args__ = (UniqueConstraint("sku", "variant"), _NEVER_REUSE)


class Draft(Base):
    """A version of a draft as it was handed in. ``decision`` is approve or revise, once its sign-off chain is through."""

    __tablename__ = "draft"

    id: Mapped[Id]
    deliverable_id: Mapped[Count] = mapped_column(ForeignKey("deliverable.id"))
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    kind: Mapped[Words]
    version: Mapped[Count]
    submitted_at: Mapped[Moment]
    submitted_by: Mapped[Words]
    text: Mapped[Words | None]
    file: Mapped[Words | None]
    review_due_at: Mapped[Moment]
    decided_at: Mapped[Moment | None]
    decision: Mapped[Words | None]
    decided_by: Mapped[Words | None]
    reason: Mapped[Words | None]
    brief_changed: Mapped[bool | None]

    __table_args__ = (
        UniqueConstraint("deliverable_id", "kind", "version"),
        Index("ix_draft_creator_id", "creator_id"),
        Index("ix_draft_waiting", "review_due_at", sqlite_where=sql("decided_at is null"), postgresql_where=sql("decided_at is null")),
        _NEVER_REUSE,
    )


class Signoff(Base):
    """One person's word on a draft, at a place of its chain."""

    __tablename__ = "signoff"

    id: Mapped[Id]
    draft_id: Mapped[Count] = mapped_column(ForeignKey("draft.id"))
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    place: Mapped[Rank]
    step: Mapped[Words]
    decision: Mapped[Words]
    reason: Mapped[Words | None]
    at: Mapped[Moment]
    by: Mapped[Words]

    __table_args__ = (Index("ix_signoff_draft_id", "draft_id"), Index("ix_signoff_creator_id", "creator_id"), _NEVER_REUSE)


class Reminder(Base):
    """That a creator was reminded of a due post: ``mark`` is the day, as ``D-3``."""

    __tablename__ = "reminder"

    id: Mapped[Id]
    deliverable_id: Mapped[Count] = mapped_column(ForeignKey("deliverable.id"))
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    mark: Mapped[Words]
    at: Mapped[Moment]
    by: Mapped[Words]

    __table_args__ = (Index("ix_reminder_deliverable_id", "deliverable_id"), Index("ix_reminder_creator_id", "creator_id"), _NEVER_REUSE)


class PostFigure(Base):
    """A post's figures at T+7 or T+21 (``mark``) and where they come from; a checked one is a screenshot that somebody looked at."""

    __tablename__ = "post_figure"

    id: Mapped[Id]
    deliverable_id: Mapped[Count] = mapped_column(ForeignKey("deliverable.id"))
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    mark: Mapped[Rank]
    source: Mapped[Words]
    taken_at: Mapped[Moment]
    views: Mapped[Count | None]
    likes: Mapped[Count | None]
    comments: Mapped[Count | None]
    shares: Mapped[Count | None]
    saves: Mapped[Count | None]
    evidence: Mapped[Words | None]
    by: Mapped[Words]
    checked_at: Mapped[Moment | None]
    checked_by: Mapped[Words | None]

    __table_args__ = (
        UniqueConstraint("deliverable_id", "mark"),
        Index("ix_post_figure_creator_id", "creator_id"),
        _NEVER_REUSE,
    )


class Exclusivity(Base):
    """That a creator is bound to another brand in a category; ``ends_at`` is the moment it is over."""

    __tablename__ = "exclusivity"

    id: Mapped[Id]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    brand: Mapped[Words]
    category: Mapped[Words | None]
    starts_at: Mapped[Moment | None]
    ends_at: Mapped[Moment | None]
    note: Mapped[Words | None]
    at: Mapped[Moment]
    by: Mapped[Words]
    voided_at: Mapped[Moment | None]

    __table_args__ = (Index("ix_exclusivity_creator_id", "creator_id"), _NEVER_REUSE)
