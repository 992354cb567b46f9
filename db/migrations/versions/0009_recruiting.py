# SPDX-License-Identifier: Apache-2.0
"""Recruiting: the contact log, whom outreach leaves alone, plans, training and entitlements; where leads came from and how long they stayed."""

from __future__ import annotations

import json
import secrets
import tomllib

import sqlalchemy as sa
from alembic import op

import resources

revision = "0009"
down_revision = "0008"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # ordered by code points, as SQLite does
MOVES = sa.text("previous is not null")


def upgrade() -> None:
    """Bring a workspace here."""
    _creators()
    _contacts()
    _plans()
    _training()
    _entitlements()
    _add_policy()
    _add_key()


def _creators() -> None:
    op.add_column("creator", sa.Column("source", WORDS, nullable=True))
    op.add_column("creator", sa.Column("claimed_at", sa.BigInteger(), nullable=True))
    op.add_column("creator", sa.Column("protected_until", sa.BigInteger(), nullable=True))
    op.create_index("ix_creator_source_stage", "creator", ["source", "stage"], unique=False)
    op.add_column("stage_step", sa.Column("since", sa.BigInteger(), nullable=True))
    before = "select p.at from stage_step p where p.creator_id = stage_step.creator_id and p.id < stage_step.id order by p.id desc limit 1"
    op.get_bind().execute(sa.text(f"update stage_step set since = ({before}) where previous is not null"))  # noqa: S608 (our own words)
    op.create_index("ix_stage_step_at", "stage_step", ["at", "stage", "creator_id"], unique=False)
    columns = ["previous", "stage", "since", "at", "creator_id"]
    op.create_index("ix_stage_step_moves", "stage_step", columns, unique=False, sqlite_where=MOVES, postgresql_where=MOVES)


def _contacts() -> None:
    op.create_table(
        "template",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("channel", WORDS, nullable=False),
        sa.Column("subject", WORDS, nullable=True),
        sa.Column("text", WORDS, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template")),
        sa.UniqueConstraint("name", name=op.f("uq_template_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "contact",
        sa.Column("id", ID, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("channel", WORDS, nullable=False),
        sa.Column("direction", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", WORDS, nullable=False),
        sa.Column("text", WORDS, nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=True),
        sa.Column("answer_by", sa.BigInteger(), nullable=True),
        sa.Column("outcome", WORDS, nullable=True),
        sa.Column("message_ref", WORDS, nullable=True),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.Column("voided_by", WORDS, nullable=True),
        sa.Column("void_reason", WORDS, nullable=True),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_contact_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_contact_at", "contact", ["at", "creator_id"], unique=False)
    asked = sa.text("answer_by is not null")
    op.create_index("ix_contact_answer_by", "contact", ["answer_by"], unique=False, sqlite_where=asked, postgresql_where=asked)
    op.create_index("ix_contact_who", "contact", ["who", "channel", "at"], unique=False)
    op.create_index("ix_contact_creator_id", "contact", ["creator_id", "at"], unique=False)
    op.create_index(
        "ix_contact_message_ref",
        "contact",
        ["message_ref"],
        unique=False,
        sqlite_where=sa.text("message_ref is not null"),
        postgresql_where=sa.text("message_ref is not null"),
    )
    op.create_table(
        "queue_skip",
        sa.Column("id", ID, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_queue_skip_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_skip")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_queue_skip_creator_id", "queue_skip", ["creator_id"], unique=False)
    op.create_table(
        "suppression",
        sa.Column("id", ID, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("channel", WORDS, nullable=True),
        sa.Column("key_hash", WORDS, nullable=True),
        sa.Column("reason", WORDS, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.Column("lifted_by", WORDS, nullable=True),
        sa.Column("lift_reason", WORDS, nullable=True),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_suppression_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_suppression_creator_id", "suppression", ["creator_id"], unique=False)
    op.create_index(
        "ix_suppression_key_hash",
        "suppression",
        ["key_hash"],
        unique=False,
        sqlite_where=sa.text("key_hash is not null"),
        postgresql_where=sa.text("key_hash is not null"),
    )


def _plans() -> None:
    op.create_table(
        "recruitment_plan",
        sa.Column("id", ID, nullable=False),
        sa.Column("month", sa.BigInteger(), nullable=False),
        sa.Column("group", sa.SmallInteger(), nullable=False),
        sa.Column("platform", WORDS, nullable=False),
        sa.Column("category", WORDS, nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recruitment_plan")),
        sa.UniqueConstraint("month", "group", "platform", "category", name=op.f("uq_recruitment_plan_month_group_platform_category")),
        sqlite_autoincrement=True,
    )


def _training() -> None:
    op.create_table(
        "course",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("pass_mark", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course")),
        sa.UniqueConstraint("name", name=op.f("uq_course_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "training",
        sa.Column("id", ID, nullable=False),
        sa.Column("course_id", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("mark", sa.BigInteger(), nullable=True),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("passed_at", sa.BigInteger(), nullable=True),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["course_id"], ["course.id"], name=op.f("fk_training_course_id")),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_training_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training")),
        sa.UniqueConstraint("creator_id", "course_id", name=op.f("uq_training_creator_id_course_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_training_course_id", "training", ["course_id"], unique=False)


def _entitlements() -> None:
    op.create_table(
        "entitlement",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=True),
        sa.Column("group", sa.SmallInteger(), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=True),
        sa.Column("value", WORDS, nullable=False),
        sa.Column("cost_fen", sa.BigInteger(), nullable=False),
        sa.Column("currency", WORDS, nullable=False),
        sa.Column("stock", sa.BigInteger(), nullable=True),
        sa.Column("starts_at", sa.BigInteger(), nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_entitlement_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entitlement")),
        sa.UniqueConstraint("name", name=op.f("uq_entitlement_name")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_entitlement_creator_id", "entitlement", ["creator_id"], unique=False)
    op.create_table(
        "entitlement_use",
        sa.Column("id", ID, nullable=False),
        sa.Column("entitlement_id", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("value", WORDS, nullable=False),
        sa.Column("cost_fen", sa.BigInteger(), nullable=False),
        sa.Column("currency", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_entitlement_use_creator_id")),
        sa.ForeignKeyConstraint(["entitlement_id"], ["entitlement.id"], name=op.f("fk_entitlement_use_entitlement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entitlement_use")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_entitlement_use_creator_id", "entitlement_use", ["creator_id"], unique=False)
    op.create_index("ix_entitlement_use_entitlement_id", "entitlement_use", ["entitlement_id"], unique=False)


def _add_policy() -> None:
    """The first version of the policy, which a workspace of an earlier program lacks; a new one gets all of them anyway."""
    connection = op.get_bind()
    present = set(connection.execute(sa.text("select name from policy")).scalars())
    if not present or "recruiting" in present:
        return
    body = json.dumps(tomllib.loads(resources.text("policies", "recruiting.toml")), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    statement = sa.text("insert into policy (name, version, body, since, by, reason) values ('recruiting', 1, :body, 0, 'KOC Desk', '')")
    connection.execute(statement, {"body": body})


def _add_key() -> None:
    """The key under which contacts are hashed of whom outreach leaves alone: the workspace's own."""
    statement = sa.text("insert into workspace_setting (name, value) values ('contact_key', :key)")
    op.get_bind().execute(statement, {"key": secrets.token_hex(32)})
