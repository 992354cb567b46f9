# SPDX-License-Identifier: Apache-2.0
"""What creators published, sold and cost: contents with dated figures, sales, touchpoints, costs, channel paths.

``creator_return`` and ``creator_value`` follow from the facts and can be computed anew; they bind nobody. A sale names
its content by id or, while the content is not known here, by the source's word in ``content_ref``. What points at
contents and accounts from millions of rows is no foreign key: each would cost an index of its own.
"""

from __future__ import annotations

from sqlalchemy import Double, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Count, Fen, Id, Moment, Rank, Words

_NEVER_REUSE = {"sqlite_autoincrement": True}
_ABROAD = text("currency <> 'CNY'")
"""Money of other currencies is in no sum, and told by itself: few rows, found without the others."""


class Content(Base):
    """A published note, video or live session."""

    __tablename__ = "content"

    id: Mapped[Id]
    platform: Mapped[Words]
    content_id: Mapped[Words]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    account_id: Mapped[Count]
    published_at: Mapped[Moment | None]
    title: Mapped[Words | None]
    url: Mapped[Words | None]

    __table_args__ = (UniqueConstraint("content_id", "platform"), Index("ix_content_creator_id", "creator_id", "published_at"), _NEVER_REUSE)


class ContentMetric(Base):
    """Figures of a content on a day. ``stated`` tells whether the source named the day itself."""

    __tablename__ = "content_metric"

    id: Mapped[Id]
    content_id: Mapped[Count] = mapped_column(ForeignKey("content.id"))
    as_of: Mapped[Moment]
    impressions: Mapped[Count | None]
    views: Mapped[Count | None]
    likes: Mapped[Count | None]
    comments: Mapped[Count | None]
    shares: Mapped[Count | None]
    saves: Mapped[Count | None]
    clicks: Mapped[Count | None]
    add_to_carts: Mapped[Count | None]
    orders: Mapped[Count | None]
    stated: Mapped[bool]
    operation_id: Mapped[Count]
    recorded_at: Mapped[Moment]

    __table_args__ = (UniqueConstraint("content_id", "as_of"), _NEVER_REUSE)


class Sale(Base):
    """An order line. ``creator_id`` and ``account_id`` are whom the platform names; a coupon's owner is looked up by its code.

    ``platform`` is null where it is the account's own.
    """

    __tablename__ = "sale"

    id: Mapped[Id]
    shop: Mapped[Words]
    order_id: Mapped[Words]
    line_id: Mapped[Words]
    platform: Mapped[Words | None]
    creator_id: Mapped[Count | None] = mapped_column(ForeignKey("creator.id"))
    account_id: Mapped[Count | None]
    content_id: Mapped[Count | None]
    content_ref: Mapped[Words | None]
    coupon: Mapped[Words | None]
    product: Mapped[Words | None]
    quantity: Mapped[Count | None]
    unit_price_fen: Mapped[Fen | None]
    paid_at: Mapped[Moment]
    amount_fen: Mapped[Fen]
    refund_fen: Mapped[Fen]
    commission_fen: Mapped[Fen | None]
    currency: Mapped[Words]
    new_customer: Mapped[bool | None]

    __table_args__ = (
        UniqueConstraint("order_id", "line_id", "shop"),
        Index("ix_sale_creator_id", "creator_id", "paid_at"),
        Index("ix_sale_paid_at", "paid_at"),
        *(
            Index(f"ix_sale_{column}", column, sqlite_where=text(f"{column} is not null"), postgresql_where=text(f"{column} is not null"))
            for column in ("content_ref", "coupon", "content_id")
        ),
        Index("ix_sale_abroad", "currency", "paid_at", sqlite_where=_ABROAD, postgresql_where=_ABROAD),
        _NEVER_REUSE,
    )


class Touchpoint(Base):
    """What ties an order to a creator beside what the sale itself says. ``kind`` is a number of ``TouchKind``."""

    __tablename__ = "touchpoint"

    id: Mapped[Id]
    shop: Mapped[Words]
    order_id: Mapped[Words]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    account_id: Mapped[Count]
    kind: Mapped[Rank]
    happened_at: Mapped[Moment]

    __table_args__ = (
        UniqueConstraint("order_id", "shop", "kind", "happened_at", "account_id"),
        Index("ix_touchpoint_creator_id", "creator_id"),
        _NEVER_REUSE,
    )


class CostEntry(Base):
    """A line of cost; a rebate is negative. ``cost_id`` is the source's own."""

    __tablename__ = "cost_entry"

    id: Mapped[Id]
    cost_id: Mapped[Words | None]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    account_id: Mapped[Count]
    content_id: Mapped[Count | None]
    content_ref: Mapped[Words | None]
    campaign: Mapped[Words | None]
    kind: Mapped[Words]
    amount_fen: Mapped[Fen]
    currency: Mapped[Words]
    incurred_at: Mapped[Moment]
    voided_at: Mapped[Moment | None]
    collaboration_id: Mapped[Count | None]

    __table_args__ = (
        Index(
            "ix_cost_entry_collaboration_id",
            "collaboration_id",
            sqlite_where=text("collaboration_id is not null"),
            postgresql_where=text("collaboration_id is not null"),
        ),
        Index(
            "uq_cost_entry_cost_id",
            "cost_id",
            unique=True,
            sqlite_where=text("cost_id is not null"),
            postgresql_where=text("cost_id is not null"),
        ),
        Index("ix_cost_entry_creator_id", "creator_id", "incurred_at"),
        Index("ix_cost_entry_incurred_at", "incurred_at"),
        Index("ix_cost_entry_abroad", "currency", "incurred_at", sqlite_where=_ABROAD, postgresql_where=_ABROAD),
        _NEVER_REUSE,
    )


class ConversionPath(Base):
    """Channels in the order touched (joined by ``>``), how many such journeys converted and how many did not."""

    __tablename__ = "conversion_path"

    id: Mapped[Id]
    path: Mapped[Words]
    conversions: Mapped[Count]
    nulls: Mapped[Count]

    __table_args__ = (_NEVER_REUSE,)


class CreatorReturn(Base):
    """Sums of a creator's shares and costs in a month: sales by payment, costs by the day they were incurred.

    ``month`` is year * 12 + month - 1 in the workspace's time zone, or 0 for all time. Beside the creators stand ``NOBODY`` (0), sales without
    a share, and ``EVERYBODY`` (-1), all sales. Σ net² is ``net_square_high`` · 2³² + ``net_square_low``: it outgrows 64 bits.
    """

    __tablename__ = "creator_return"

    month: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    creator_id: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    net_fen: Mapped[Fen]
    gross_fen: Mapped[Fen]
    fixed_fen: Mapped[Fen]
    variable_fen: Mapped[Fen]
    sales: Mapped[Count]
    net_square_high: Mapped[Count]
    net_square_low: Mapped[Count]

    __table_args__ = ({"sqlite_with_rowid": False},)


class CreatorValue(Base):
    """A creator's return as last computed over all time: its posterior, ``place`` in the ranking by P25 (from 0) and value grade."""

    __tablename__ = "creator_value"

    creator_id: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    place: Mapped[Count]
    shape: Mapped[float | None] = mapped_column(Double)
    rate: Mapped[float | None] = mapped_column(Double)
    burden: Mapped[float | None] = mapped_column(Double)
    weight: Mapped[float | None] = mapped_column(Double)
    grade: Mapped[Rank]

    __table_args__ = (Index("ix_creator_value_place", "place"),)
