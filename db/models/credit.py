# SPDX-License-Identifier: Apache-2.0
"""The ledger of conduct and what follows from it: events, sanctions, appeals, and the scores last computed."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Count, Id, Moment, Rank, Words

_NEVER_REUSE = {"sqlite_autoincrement": True}


class CreditEvent(Base):
    """One dated fact of conduct; without ``confirmed_at`` it is only proposed, with ``voided_at`` it counts no more.

    ``event_id`` is the source's own, ``source`` the object that raised it (``deliverable:12``). ``stated``: the source
    names its own times of recording; a confirmation with ``confirmed_by`` was set by this program's clock.
    """

    __tablename__ = "credit_event"

    id: Mapped[Id]
    event_id: Mapped[Words | None]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    account_id: Mapped[Count | None]
    type: Mapped[Words]
    happened_at: Mapped[Moment]
    recorded_at: Mapped[Moment]
    confirmed_at: Mapped[Moment | None]
    voided_at: Mapped[Moment | None]
    filed_by: Mapped[Words]
    confirmed_by: Mapped[Words | None]
    voided_by: Mapped[Words | None]
    confirm_reason: Mapped[Words | None]
    void_reason: Mapped[Words | None]
    evidence: Mapped[Words | None]
    source: Mapped[Words | None]
    stated: Mapped[bool]

    __table_args__ = (
        Index(
            "uq_credit_event_event_id",
            "event_id",
            unique=True,
            sqlite_where=text("event_id is not null"),
            postgresql_where=text("event_id is not null"),
        ),
        Index("ix_credit_event_creator_id", "creator_id", "happened_at"),
        Index("ix_credit_event_source", "source", "type", sqlite_where=text("source is not null"), postgresql_where=text("source is not null")),
        # What waits for a word: few, and asked for at every start, as the rule confirms some of them by itself.
        Index(
            "ix_credit_event_waiting",
            "recorded_at",
            sqlite_where=text("confirmed_at is null and voided_at is null"),
            postgresql_where=text("confirmed_at is null and voided_at is null"),
        ),
        _NEVER_REUSE,
    )


class Sanction(Base):
    """A step of the ladder: proposed by the rule, decided by a person. ``level`` is a number of ``app.values.Sanction``.

    ``event_ids`` is a JSON list of the events it rests on. One that nobody decided follows from the ledger.
    """

    __tablename__ = "sanction"

    id: Mapped[Id]
    creator_id: Mapped[Count] = mapped_column(ForeignKey("creator.id"))
    level: Mapped[Rank]
    points: Mapped[Count]
    proposed_at: Mapped[Moment]
    proposed_by: Mapped[Words]
    decided_at: Mapped[Moment | None]
    decided_by: Mapped[Words | None]
    approved: Mapped[bool | None]
    reason: Mapped[Words | None]
    ends_at: Mapped[Moment | None]
    appeal_until: Mapped[Moment | None]
    voided_at: Mapped[Moment | None]
    event_ids: Mapped[Words]

    __table_args__ = (Index("ix_sanction_creator_id", "creator_id"), _NEVER_REUSE)


class Appeal(Base):
    """A creator's challenge to an event or a sanction."""

    __tablename__ = "appeal"

    id: Mapped[Id]
    event_id: Mapped[Count | None] = mapped_column(ForeignKey("credit_event.id"))
    sanction_id: Mapped[Count | None] = mapped_column(ForeignKey("sanction.id"))
    filed_at: Mapped[Moment]
    filed_by: Mapped[Words]
    reason: Mapped[Words]
    decided_at: Mapped[Moment | None]
    decided_by: Mapped[Words | None]
    upheld: Mapped[bool | None]
    decision_reason: Mapped[Words | None]

    __table_args__ = (Index("ix_appeal_event_id", "event_id"), Index("ix_appeal_sanction_id", "sanction_id"), _NEVER_REUSE)


class CreditScore(Base):
    """A creator's score as last computed: as of when, as known when, by which version of the policy."""

    __tablename__ = "credit_score"

    creator_id: Mapped[Count] = mapped_column(primary_key=True, autoincrement=False)
    score: Mapped[Count]
    grade: Mapped[Rank]
    as_of: Mapped[Moment]
    known_at: Mapped[Moment]
    policy_version: Mapped[Count]
