# SPDX-License-Identifier: Apache-2.0
"""Pinyin initials of creators' names, for those that are there too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from db.writers.letters import of_all

revision = "0005"
down_revision = "0004"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
AT_A_TIME = 50_000


def upgrade() -> None:
    """Bring a workspace here."""
    op.add_column("creator", sa.Column("initials", WORDS, nullable=True))
    connection, last = op.get_bind(), 0
    some = sa.text("select id, name from creator where id > :last order by id limit :size")
    fill = sa.text("update creator set initials = :initials where id = :id")
    while rows := connection.execute(some, {"last": last, "size": AT_A_TIME}).all():
        connection.execute(fill, [{"id": row.id, "initials": one} for row, one in zip(rows, of_all([row.name for row in rows]), strict=True)])
        last = rows[-1].id
    op.create_index("ix_creator_initials", "creator", ["initials"], unique=False)
