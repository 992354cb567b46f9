# SPDX-License-Identifier: Apache-2.0
"""Personal data: consents, who looked, who was erased; the policy that says what each field is for."""

from __future__ import annotations

import json
import tomllib

import sqlalchemy as sa
from alembic import op

import resources

revision = "0012"
down_revision = "0011"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # ordered by code points, as SQLite does


def upgrade() -> None:
    """Bring a workspace here."""
    op.create_table(
        "consent",
        sa.Column("id", ID, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", WORDS, nullable=False),
        sa.Column("text_version", WORDS, nullable=False),
        sa.Column("channel", WORDS, nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("evidence", WORDS, nullable=True),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_by", WORDS, nullable=True),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_consent_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_consent_creator_id", "consent", ["creator_id", "purpose"], unique=False)
    op.create_table(
        "person_look",
        sa.Column("id", ID, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("device", WORDS, nullable=False),
        sa.Column("action", WORDS, nullable=False),
        sa.Column("fields", WORDS, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_look")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_person_look_creator_id", "person_look", ["creator_id", "at"], unique=False)
    op.create_index("ix_person_look_at", "person_look", ["at"], unique=False)
    op.create_table(
        "erasure",
        sa.Column("id", ID, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("removed", WORDS, nullable=False),
        sa.Column("kept", WORDS, nullable=False),
        sa.Column("swept_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_erasure_creator_id", "erasure", ["creator_id"], unique=False)
    _add_policies(op.get_bind())


def _add_policies(connection: sa.Connection) -> None:
    """First versions of the policies that a workspace of an earlier program lacks; a new one gets all of them anyway."""
    present = set(connection.execute(sa.text("select name from policy")).scalars())
    if not present or "privacy" in present:
        return
    body = json.dumps(tomllib.loads(resources.text("policies", "privacy.toml")), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    statement = sa.text("insert into policy (name, version, body, since, by, reason) values ('privacy', 1, :body, 0, 'KOC Desk', '')")
    connection.execute(statement, {"body": body})
