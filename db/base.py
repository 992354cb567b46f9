# SPDX-License-Identifier: Apache-2.0
"""Declarative base, naming convention and the column types that all tables share."""

from __future__ import annotations

from typing import Annotated

from sqlalchemy import BigInteger, Integer, MetaData, SmallInteger, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Id = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)]
"""Row id of the workspace: never reused, means nothing outside."""

Moment = Annotated[int, mapped_column(BigInteger)]
"""Microseconds since 1970 UTC, on every engine: exact, ordered, ready for arrays."""

Fen = Annotated[int, mapped_column(BigInteger)]
"""Money in the currency's minor unit."""

Rank = Annotated[int, mapped_column(SmallInteger)]
"""Number of a ``Ranked`` member."""

Count = Annotated[int, mapped_column(BigInteger)]
Words = Annotated[str, mapped_column(Text().with_variant(Text(collation="C"), "postgresql"))]
"""Text, ordered and compared by code points on every engine."""


class Base(DeclarativeBase):
    """Every table of a workspace."""

    metadata = MetaData(naming_convention=NAMING)
