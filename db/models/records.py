# SPDX-License-Identifier: Apache-2.0
"""What the workspace remembers about itself: settings, policies, operations with their changes, the audit chain."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Count, Id, Moment, Words

_NEVER_REUSE = {"sqlite_autoincrement": True}


class WorkspaceSetting(Base):
    """One value of the workspace itself, as its time zone."""

    __tablename__ = "workspace_setting"

    name: Mapped[Words] = mapped_column(primary_key=True)
    value: Mapped[Words]


class Policy(Base):
    """One version of a rule's numbers; ``body`` is JSON of its TOML."""

    __tablename__ = "policy"

    id: Mapped[Id]
    name: Mapped[Words]
    version: Mapped[Count]
    body: Mapped[Words]
    since: Mapped[Moment]
    by: Mapped[Words]
    reason: Mapped[Words]

    __table_args__ = (UniqueConstraint("name", "version"), _NEVER_REUSE)


class Operation(Base):
    """One thing somebody did to data; what it changed stands in ``change`` and ``inserted``."""

    __tablename__ = "operation"

    id: Mapped[Id]
    kind: Mapped[Words]
    at: Mapped[Moment]
    by: Mapped[Words]
    summary: Mapped[Words]
    undone_at: Mapped[Moment | None]
    undone_by: Mapped[Words | None]

    __table_args__ = (Index("ix_operation_kind", "kind"), _NEVER_REUSE)


class ChangeLog(Base):
    """Fields of one row before and after, as JSON objects. A row that was taken away has no ``after``."""

    __tablename__ = "change"

    id: Mapped[Id]
    operation_id: Mapped[Count] = mapped_column(ForeignKey("operation.id"))
    table_name: Mapped[Words]
    row_id: Mapped[Count]
    before: Mapped[Words | None]
    after: Mapped[Words | None]

    __table_args__ = (
        Index("ix_change_operation_id", "operation_id"),
        Index("ix_change_row", "table_name", "row_id"),
        _NEVER_REUSE,
    )


class InsertedRange(Base):
    """Row ids ``first`` to ``last`` of a table that an operation inserted."""

    __tablename__ = "inserted"

    id: Mapped[Id]
    operation_id: Mapped[Count] = mapped_column(ForeignKey("operation.id"))
    table_name: Mapped[Words]
    first: Mapped[Count]
    last: Mapped[Count]

    __table_args__ = (Index("ix_inserted_operation_id", "operation_id"), _NEVER_REUSE)


class Rejected(Base):
    """A row of a file that was not taken, with its reason."""

    __tablename__ = "rejected"

    id: Mapped[Id]
    operation_id: Mapped[Count] = mapped_column(ForeignKey("operation.id"))
    row: Mapped[Count]
    field: Mapped[Words | None]
    value: Mapped[Words]
    code: Mapped[Words]

    __table_args__ = (Index("ix_rejected_operation_id", "operation_id"), _NEVER_REUSE)


class AuditRow(Base):
    """One link of the audit chain: ``hash`` covers the row and the hash before it."""

    __tablename__ = "audit"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[Moment]
    login: Mapped[Words]
    device: Mapped[Words]
    action: Mapped[Words]
    object: Mapped[Words]
    digest: Mapped[Words]
    reason: Mapped[Words | None]
    previous: Mapped[Words]
    hash: Mapped[Words]
