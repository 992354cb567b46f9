# SPDX-License-Identifier: Apache-2.0
"""One person, many accounts: pairs that may be one, pairs that are not, creators that were merged, the codes they had.

``identity_pair`` is computed and binds nobody; ``identity_merge`` tells where a creator went, as long as its operation stands.
Neither points at creators by a key: what they name may be gone.
"""

from __future__ import annotations

from sqlalchemy import Double, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Count, Id, Moment, Words

_NEVER_REUSE = {"sqlite_autoincrement": True}


class IdentityPair(Base):
    """Two creators that may be one person, as last looked for; ``evidence`` is a JSON list. With ``put_off_at`` it comes last."""

    __tablename__ = "identity_pair"

    id: Mapped[Id]
    a_id: Mapped[Count]
    b_id: Mapped[Count]
    score: Mapped[float] = mapped_column(Double)
    evidence: Mapped[Words]
    found_at: Mapped[Moment]
    put_off_at: Mapped[Moment | None]

    __table_args__ = (UniqueConstraint("a_id", "b_id"), Index("ix_identity_pair_b_id", "b_id"), Index("ix_identity_pair_score", "score"), _NEVER_REUSE)


class IdentityApart(Base):
    """Somebody said that two creators are two people."""

    __tablename__ = "identity_apart"

    id: Mapped[Id]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    other_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    reason: Mapped[Words | None]
    by: Mapped[Words]
    at: Mapped[Moment]
    operation_id: Mapped[Count]

    __table_args__ = (Index("ix_identity_apart_creator_id", "creator_id"), Index("ix_identity_apart_other_id", "other_id"), _NEVER_REUSE)


class IdentityMerge(Base):
    """A creator went into another one, as long as the operation stands; ``chosen`` tells of each field whose value stayed (a, b)."""

    __tablename__ = "identity_merge"

    id: Mapped[Id]
    operation_id: Mapped[Count] = mapped_column(ForeignKey("operation.id"))
    creator_id: Mapped[Count]
    gone_id: Mapped[Count]
    chosen: Mapped[Words]
    reason: Mapped[Words | None]
    by: Mapped[Words]
    at: Mapped[Moment]

    __table_args__ = (
        Index("ix_identity_merge_operation_id", "operation_id"),
        Index("ix_identity_merge_creator_id", "creator_id"),
        Index("ix_identity_merge_gone_id", "gone_id"),
        _NEVER_REUSE,
    )


class CreatorCoupon(Base):
    """A further code of a creator, beside ``creator.coupon``: of a creator that was merged into this one."""

    __tablename__ = "creator_coupon"

    id: Mapped[Id]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    coupon: Mapped[Words]

    __table_args__ = (UniqueConstraint("creator_id", "coupon"), Index("ix_creator_coupon_coupon", "coupon"), _NEVER_REUSE)
