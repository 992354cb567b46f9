# SPDX-License-Identifier: Apache-2.0
"""Creators, their accounts, dated account metrics, tags, stages and tiers.

``creator.main_account_id``, ``followers``, ``tier``, ``group``, ``platform`` and ``fee_fen`` are derived from
the accounts (``db/writers/rollups``) so that the roster filters and sorts 600,000 rows by index; ``credit_score``,
``credit_grade`` and ``value_grade`` are those last computed; ``initials`` are the pinyin initials of the name (``db/writers/letters``); a creator of whom nothing is known has value grade N.
``source`` is where the lead came from. A creator without an owner stands in the shared pool; one who was claimed is protected for a while.
"""

from __future__ import annotations

from sqlalchemy import Double, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Count, Fen, Id, Moment, Rank, Words

_NEVER_REUSE = {"sqlite_autoincrement": True}


class Creator(Base):
    """A person the brand works with or may work with."""

    __tablename__ = "creator"

    id: Mapped[Id]
    name: Mapped[Words]
    category: Mapped[Words | None]
    city: Mapped[Words | None]
    country: Mapped[Words | None]
    phone: Mapped[Words | None]
    wechat: Mapped[Words | None]
    email: Mapped[Words | None]
    coupon: Mapped[Words | None]
    commission_bp: Mapped[Count | None]
    stage: Mapped[Rank]
    owner: Mapped[Words | None]
    notes: Mapped[Words | None]
    joined_at: Mapped[Moment | None]
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]
    version: Mapped[Count]
    main_account_id: Mapped[Count | None]
    platform: Mapped[Words | None]
    followers: Mapped[Count | None]
    tier: Mapped[Rank | None]
    group: Mapped[Rank | None]
    fee_fen: Mapped[Fen | None]
    credit_score: Mapped[Count | None]
    credit_grade: Mapped[Rank | None]
    value_grade: Mapped[Rank | None]
    initials: Mapped[Words | None]
    source: Mapped[Words | None]
    claimed_at: Mapped[Moment | None]
    protected_until: Mapped[Moment | None]

    __table_args__ = (
        Index("ix_creator_name", "name"),
        Index("ix_creator_initials", "initials"),
        Index("ix_creator_followers", "followers"),
        Index("ix_creator_tier_followers", "tier", "followers"),
        Index("ix_creator_group_followers", "group", "followers"),
        Index("ix_creator_stage_followers", "stage", "followers"),
        Index("ix_creator_category_followers", "category", "followers"),
        Index("ix_creator_city_followers", "city", "followers"),
        Index("ix_creator_fee_fen", "fee_fen"),
        Index("ix_creator_credit_score", "credit_score"),
        Index("ix_creator_credit_grade_followers", "credit_grade", "followers"),
        Index("ix_creator_value_grade_followers", "value_grade", "followers"),
        Index("ix_creator_updated_at", "updated_at"),
        Index("ix_creator_joined_at", "joined_at"),
        Index("ix_creator_owner", "owner", sqlite_where=text("owner is not null"), postgresql_where=text("owner is not null")),
        Index("ix_creator_source_stage", "source", "stage"),
        Index("ix_creator_coupon", "coupon", sqlite_where=text("coupon is not null"), postgresql_where=text("coupon is not null")),
        _NEVER_REUSE,
    )


class Account(Base):
    """A creator's identity on one platform. ``followers`` and ``tier`` are the latest known."""

    __tablename__ = "account"

    id: Mapped[Id]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    platform: Mapped[Words]
    platform_uid: Mapped[Words | None]
    handle: Mapped[Words | None]
    handle_key: Mapped[Words | None]
    url: Mapped[Words | None]
    followers: Mapped[Count | None]
    followers_at: Mapped[Moment | None]
    tier: Mapped[Rank | None]
    fee_fen: Mapped[Fen | None]
    fee_image_fen: Mapped[Fen | None]
    fee_video_fen: Mapped[Fen | None]

    __table_args__ = (
        Index(
            "uq_account_platform_uid",
            "platform_uid",
            "platform",
            unique=True,
            sqlite_where=text("platform_uid is not null"),
            postgresql_where=text("platform_uid is not null"),
        ),
        Index(
            "ix_account_handle_key",
            "handle_key",
            "platform",
            sqlite_where=text("handle_key is not null"),
            postgresql_where=text("handle_key is not null"),
        ),
        Index("ix_account_creator_id", "creator_id", "platform"),
        Index("ix_account_followers_at", "followers_at"),
        _NEVER_REUSE,
    )


class AccountMetric(Base):
    """A dated value of an account. ``stated`` tells whether the source named the date itself.

    ``raw`` keeps the source's text where its meaning had to be worked out, as ``10万+``. A range has ``raw`` alone and is never
    the latest value; where a field of the creator or account holds none (a fee), the range bears the field's name.
    """

    __tablename__ = "account_metric"

    id: Mapped[Id]
    account_id: Mapped[Count] = mapped_column(ForeignKey("account.id"))
    name: Mapped[Words]
    as_of: Mapped[Moment]
    value: Mapped[float | None] = mapped_column(Double)
    raw: Mapped[Words | None]
    stated: Mapped[bool]
    operation_id: Mapped[Count]
    recorded_at: Mapped[Moment]

    __table_args__ = (
        UniqueConstraint("account_id", "name", "as_of"),
        # Figures dated ahead: few, and asked for at every start, as they come due by themselves.
        Index(
            "ix_account_metric_ahead",
            "as_of",
            sqlite_where=text("as_of > recorded_at"),
            postgresql_where=text("as_of > recorded_at"),
        ),
        _NEVER_REUSE,
    )


class CreatorTag(Base):
    """A word somebody put on a creator."""

    __tablename__ = "creator_tag"

    id: Mapped[Id]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    tag: Mapped[Words]

    __table_args__ = (UniqueConstraint("creator_id", "tag"), Index("ix_creator_tag_tag", "tag"), _NEVER_REUSE)


class StageStep(Base):
    """One step of the relation with a creator; ``since`` is when the stage before had begun."""

    __tablename__ = "stage_step"

    id: Mapped[Id]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    stage: Mapped[Rank]
    previous: Mapped[Rank | None]
    reason: Mapped[Words | None]
    at: Mapped[Moment]
    by: Mapped[Words]
    operation_id: Mapped[Count]
    since: Mapped[Moment | None]

    __table_args__ = (
        Index("ix_stage_step_creator_id", "creator_id"),
        Index("ix_stage_step_at", "at", "stage", "creator_id"),
        # Real moves only: what a funnel is made of.
        Index(
            "ix_stage_step_moves",
            "previous",
            "stage",
            "since",
            "at",
            "creator_id",
            sqlite_where=text("previous is not null"),
            postgresql_where=text("previous is not null"),
        ),
        _NEVER_REUSE,
    )


class TierStep(Base):
    """A dated change of an account's tier with the policy version that gave it; a computed figure, not a fact."""

    __tablename__ = "tier_step"

    id: Mapped[Id]
    account_id: Mapped[Count] = mapped_column(ForeignKey("account.id"))
    tier: Mapped[Rank | None]
    previous: Mapped[Rank | None]
    at: Mapped[Moment]
    policy_version: Mapped[Count]

    __table_args__ = (
        Index("ix_tier_step_account_id", "account_id"),
        # Real moves only: the first banding of every account is no news.
        Index("ix_tier_step_at", "at", sqlite_where=text("previous is not null"), postgresql_where=text("previous is not null")),
        _NEVER_REUSE,
    )


class TierOverride(Base):
    """A tier set by hand, until it expires or is voided."""

    __tablename__ = "tier_override"

    id: Mapped[Id]
    account_id: Mapped[Count] = mapped_column(ForeignKey("account.id"))
    tier: Mapped[Rank]
    reason: Mapped[Words]
    by: Mapped[Words]
    created_at: Mapped[Moment]
    expires_at: Mapped[Moment]
    voided_at: Mapped[Moment | None]

    __table_args__ = (Index("ix_tier_override_account_id", "account_id"), Index("ix_tier_override_expires_at", "expires_at"), _NEVER_REUSE)
