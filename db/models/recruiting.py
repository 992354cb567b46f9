# SPDX-License-Identifier: Apache-2.0
"""Recruiting: who was spoken to, who must not be, in which words, how many are to come, what they learn and earn.

A month is counted from year 0 (``app.rules.months``). Where a plan or an entitlement is for everybody its group is 0
and its words are empty. Marks are in hundredths.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Count, Fen, Id, Moment, Rank, Words

_NEVER_REUSE = {"sqlite_autoincrement": True}


class Contact(Base):
    """One message or call with a creator, out or in; with ``voided_at`` it counts no more.

    ``who`` spoke for the brand. With ``answer_by`` it wants an answer by then. ``outcome``: what became of a mail, as ``bounced``; ``message_ref`` its own name.
    """

    __tablename__ = "contact"

    id: Mapped[Id]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    account_id: Mapped[Count | None]
    channel: Mapped[Words]
    direction: Mapped[Words]
    at: Mapped[Moment]
    who: Mapped[Words]
    text: Mapped[Words]
    template_id: Mapped[Count | None]
    answer_by: Mapped[Moment | None]
    outcome: Mapped[Words | None]
    message_ref: Mapped[Words | None]
    operation_id: Mapped[Count]
    voided_at: Mapped[Moment | None]
    voided_by: Mapped[Words | None]
    void_reason: Mapped[Words | None]

    __table_args__ = (
        Index("ix_contact_creator_id", "creator_id", "at"),
        Index("ix_contact_at", "at", "creator_id"),
        Index("ix_contact_who", "who", "channel", "at"),
        # Questions: few, and asked for at every start, as their time passes by itself.
        Index("ix_contact_answer_by", "answer_by", sqlite_where=sql("answer_by is not null"), postgresql_where=sql("answer_by is not null")),
        Index("ix_contact_message_ref", "message_ref", sqlite_where=sql("message_ref is not null"), postgresql_where=sql("message_ref is not null")),
        _NEVER_REUSE,
    )


class Suppression(Base):
    """Whom outreach leaves alone: a creator, or whoever has a contact by its keyed hash; on one channel, or on all (None).

    ``kind`` is opt_out, do_not_contact or erased; with ``lifted_at`` it holds no more.
    """

    __tablename__ = "suppression"

    id: Mapped[Id]
    creator_id: Mapped[Count | None] = mapped_column(ForeignKey("creator.id"))
    kind: Mapped[Words]
    channel: Mapped[Words | None]
    key_hash: Mapped[Words | None]
    reason: Mapped[Words | None]
    at: Mapped[Moment]
    by: Mapped[Words]
    lifted_at: Mapped[Moment | None]
    lifted_by: Mapped[Words | None]
    lift_reason: Mapped[Words | None]
    operation_id: Mapped[Count]

    __table_args__ = (
        Index("ix_suppression_creator_id", "creator_id"),
        Index("ix_suppression_key_hash", "key_hash", sqlite_where=sql("key_hash is not null"), postgresql_where=sql("key_hash is not null")),
        _NEVER_REUSE,
    )


class Template(Base):
    """Words to approach creators with on one channel; ``{name}`` and the like stand for what is known of each."""

    __tablename__ = "template"

    id: Mapped[Id]
    name: Mapped[Words]
    channel: Mapped[Words]
    subject: Mapped[Words | None]
    text: Mapped[Words]
    created_at: Mapped[Moment]
    by: Mapped[Words]
    archived_at: Mapped[Moment | None]
    version: Mapped[Count]

    __table_args__ = (UniqueConstraint("name"), _NEVER_REUSE)


class QueueSkip(Base):
    """A creator whom the copy queue leaves out, until a moment or for good."""

    __tablename__ = "queue_skip"

    id: Mapped[Id]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    reason: Mapped[Words]
    at: Mapped[Moment]
    until: Mapped[Moment | None]
    by: Mapped[Words]
    operation_id: Mapped[Count]

    __table_args__ = (Index("ix_queue_skip_creator_id", "creator_id"), _NEVER_REUSE)


class RecruitmentPlan(Base):
    """How many creators are to be recruited in a month, of a group, on a platform, of a category."""

    __tablename__ = "recruitment_plan"

    id: Mapped[Id]
    month: Mapped[Count]
    group: Mapped[Rank]
    platform: Mapped[Words]
    category: Mapped[Words]
    target: Mapped[Count]
    by: Mapped[Words]
    at: Mapped[Moment]
    version: Mapped[Count]

    __table_args__ = (UniqueConstraint("month", "group", "platform", "category"), _NEVER_REUSE)


class Course(Base):
    """Something creators are taught, and the mark from which on it is passed."""

    __tablename__ = "course"

    id: Mapped[Id]
    name: Mapped[Words]
    pass_mark: Mapped[Count | None]
    at: Mapped[Moment]
    by: Mapped[Words]

    __table_args__ = (UniqueConstraint("name"), _NEVER_REUSE)


class Training(Base):
    """How a creator did in a course; ``passed_at`` where it was passed."""

    __tablename__ = "training"

    id: Mapped[Id]
    course_id: Mapped[Count] = mapped_column(ForeignKey("course.id"))
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    account_id: Mapped[Count | None]
    mark: Mapped[Count | None]
    taken_at: Mapped[Moment]
    passed_at: Mapped[Moment | None]
    operation_id: Mapped[Count]

    __table_args__ = (UniqueConstraint("creator_id", "course_id"), Index("ix_training_course_id", "course_id"), _NEVER_REUSE)


class Entitlement(Base):
    """What a creator, or a group from a credit grade on, may have: a commission, a code, early access; what one use costs, how many there are."""

    __tablename__ = "entitlement"

    id: Mapped[Id]
    name: Mapped[Words]
    kind: Mapped[Words]
    creator_id: Mapped[Count | None] = mapped_column(ForeignKey("creator.id"))
    group: Mapped[Rank]
    grade: Mapped[Rank | None]
    value: Mapped[Words]
    cost_fen: Mapped[Fen]
    currency: Mapped[Words]
    stock: Mapped[Count | None]
    starts_at: Mapped[Moment | None]
    ends_at: Mapped[Moment | None]
    ended_at: Mapped[Moment | None]
    by: Mapped[Words]
    at: Mapped[Moment]
    version: Mapped[Count]

    __table_args__ = (UniqueConstraint("name"), Index("ix_entitlement_creator_id", "creator_id"), _NEVER_REUSE)


class EntitlementUse(Base):
    """One use of an entitlement by a creator, with what it cost then."""

    __tablename__ = "entitlement_use"

    id: Mapped[Id]
    entitlement_id: Mapped[Count] = mapped_column(ForeignKey("entitlement.id"))
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    value: Mapped[Words]
    cost_fen: Mapped[Fen]
    currency: Mapped[Words]
    at: Mapped[Moment]
    by: Mapped[Words]
    operation_id: Mapped[Count]
    voided_at: Mapped[Moment | None]

    __table_args__ = (
        Index("ix_entitlement_use_entitlement_id", "entitlement_id"),
        Index("ix_entitlement_use_creator_id", "creator_id"),
        _NEVER_REUSE,
    )
