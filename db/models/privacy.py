# SPDX-License-Identifier: Apache-2.0
"""Personal data: what people agreed to, who looked at contact data, who was erased.

``person_look`` and ``erasure`` name creators by their number alone and hold nothing personal: they outlive what they tell of.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Count, Id, Moment, Words

_NEVER_REUSE = {"sqlite_autoincrement": True}


class Consent(Base):
    """A creator agreed to a purpose, in which version of the text, when and how; until it was withdrawn."""

    __tablename__ = "consent"

    id: Mapped[Id]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    purpose: Mapped[Words]
    text_version: Mapped[Words]
    channel: Mapped[Words]
    given_at: Mapped[Moment]
    evidence: Mapped[Words | None]
    by: Mapped[Words]
    withdrawn_at: Mapped[Moment | None]
    withdrawn_by: Mapped[Words | None]
    operation_id: Mapped[Count]

    __table_args__ = (Index("ix_consent_creator_id", "creator_id", "purpose"), _NEVER_REUSE)


class PersonLook(Base):
    """Somebody saw or took along personal data of a creator (0: of many); ``fields`` are names joined by commas."""

    __tablename__ = "person_look"

    id: Mapped[Id]
    creator_id: Mapped[Count]
    at: Mapped[Moment]
    by: Mapped[Words]
    device: Mapped[Words]
    action: Mapped[Words]
    fields: Mapped[Words]
    rows: Mapped[Count]

    __table_args__ = (Index("ix_person_look_creator_id", "creator_id", "at"), Index("ix_person_look_at", "at"), _NEVER_REUSE)


class Erasure(Base):
    """A person's data went; ``kept`` is JSON of what stays without the person, and why. ``swept_at``: the file holds no trace since."""

    __tablename__ = "erasure"

    id: Mapped[Id]
    creator_id: Mapped[Count]
    at: Mapped[Moment]
    by: Mapped[Words]
    reason: Mapped[Words]
    removed: Mapped[Words]
    kept: Mapped[Words]
    swept_at: Mapped[Moment | None]

    __table_args__ = (Index("ix_erasure_creator_id", "creator_id"), _NEVER_REUSE)
