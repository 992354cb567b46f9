# SPDX-License-Identifier: Apache-2.0
"""Who had which part in the team, since when and by whom. A single-user workspace has no team: the table stays empty there.

What a login may do now is what the server says (membership in a role of the database), never what stands here.
"""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Id, Moment, Words

_NEVER_REUSE = {"sqlite_autoincrement": True}


class TeamStep(Base):
    """A login came, got another role, or left (``role`` is then null)."""

    __tablename__ = "team_step"

    id: Mapped[Id]
    name: Mapped[Words] = mapped_column(index=True)
    role: Mapped[Words | None]
    previous: Mapped[Words | None]
    at: Mapped[Moment]
    by: Mapped[Words]

    __table_args__ = (_NEVER_REUSE,)
