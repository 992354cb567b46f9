# SPDX-License-Identifier: Apache-2.0
"""The roster: creators, accounts, dated figures, tags, stages, tiers, policies, operations, audit, search."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # ordered by code points, as SQLite does


def upgrade() -> None:
    """Bring a workspace here."""
    _tables()
    _search_and_guards()


def _tables() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("login", WORDS, nullable=False),
        sa.Column("device", WORDS, nullable=False),
        sa.Column("action", WORDS, nullable=False),
        sa.Column("object", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=True),
        sa.Column("previous", WORDS, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
    )
    op.create_table(
        "creator",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("category", WORDS, nullable=True),
        sa.Column("city", WORDS, nullable=True),
        sa.Column("country", WORDS, nullable=True),
        sa.Column("phone", WORDS, nullable=True),
        sa.Column("wechat", WORDS, nullable=True),
        sa.Column("email", WORDS, nullable=True),
        sa.Column("coupon", WORDS, nullable=True),
        sa.Column("commission_bp", sa.BigInteger(), nullable=True),
        sa.Column("stage", sa.SmallInteger(), nullable=False),
        sa.Column("owner", WORDS, nullable=True),
        sa.Column("notes", WORDS, nullable=True),
        sa.Column("joined_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("main_account_id", sa.BigInteger(), nullable=True),
        sa.Column("platform", WORDS, nullable=True),
        sa.Column("followers", sa.BigInteger(), nullable=True),
        sa.Column("tier", sa.SmallInteger(), nullable=True),
        sa.Column("group", sa.SmallInteger(), nullable=True),
        sa.Column("fee_fen", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_creator")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_creator_category_followers", "creator", ["category", "followers"], unique=False)
    op.create_index("ix_creator_city_followers", "creator", ["city", "followers"], unique=False)
    op.create_index(
        "ix_creator_coupon",
        "creator",
        ["coupon"],
        unique=False,
        sqlite_where=sa.text("coupon is not null"),
        postgresql_where=sa.text("coupon is not null"),
    )
    op.create_index("ix_creator_fee_fen", "creator", ["fee_fen"], unique=False)
    op.create_index("ix_creator_followers", "creator", ["followers"], unique=False)
    op.create_index("ix_creator_group_followers", "creator", ["group", "followers"], unique=False)
    op.create_index("ix_creator_joined_at", "creator", ["joined_at"], unique=False)
    op.create_index("ix_creator_name", "creator", ["name"], unique=False)
    op.create_index(
        "ix_creator_owner",
        "creator",
        ["owner"],
        unique=False,
        sqlite_where=sa.text("owner is not null"),
        postgresql_where=sa.text("owner is not null"),
    )
    op.create_index("ix_creator_stage_followers", "creator", ["stage", "followers"], unique=False)
    op.create_index("ix_creator_tier_followers", "creator", ["tier", "followers"], unique=False)
    op.create_index("ix_creator_updated_at", "creator", ["updated_at"], unique=False)
    op.create_table(
        "operation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("summary", WORDS, nullable=False),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_operation_kind", "operation", ["kind"], unique=False)
    op.create_table(
        "policy",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", WORDS, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_policy_name_version")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "workspace_setting",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("value", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workspace_setting")),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("platform", WORDS, nullable=False),
        sa.Column("platform_uid", WORDS, nullable=True),
        sa.Column("handle", WORDS, nullable=True),
        sa.Column("handle_key", WORDS, nullable=True),
        sa.Column("url", WORDS, nullable=True),
        sa.Column("followers", sa.BigInteger(), nullable=True),
        sa.Column("followers_at", sa.BigInteger(), nullable=True),
        sa.Column("tier", sa.SmallInteger(), nullable=True),
        sa.Column("fee_fen", sa.BigInteger(), nullable=True),
        sa.Column("fee_image_fen", sa.BigInteger(), nullable=True),
        sa.Column("fee_video_fen", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_account_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_account_creator_id", "account", ["creator_id", "platform"], unique=False)
    op.create_index("ix_account_followers_at", "account", ["followers_at"], unique=False)
    op.create_index(
        "ix_account_handle_key",
        "account",
        ["handle_key", "platform"],
        unique=False,
        sqlite_where=sa.text("handle_key is not null"),
        postgresql_where=sa.text("handle_key is not null"),
    )
    op.create_index(
        "uq_account_platform_uid",
        "account",
        ["platform_uid", "platform"],
        unique=True,
        sqlite_where=sa.text("platform_uid is not null"),
        postgresql_where=sa.text("platform_uid is not null"),
    )
    op.create_table(
        "change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("table_name", WORDS, nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.Column("before", WORDS, nullable=True),
        sa.Column("after", WORDS, nullable=True),
        sa.ForeignKeyConstraint(["operation_id"], ["operation.id"], name=op.f("fk_change_operation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_change_operation_id", "change", ["operation_id"], unique=False)
    op.create_index("ix_change_row", "change", ["table_name", "row_id"], unique=False)
    op.create_table(
        "creator_tag",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("tag", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_creator_tag_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_creator_tag")),
        sa.UniqueConstraint("creator_id", "tag", name=op.f("uq_creator_tag_creator_id_tag")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_creator_tag_tag", "creator_tag", ["tag"], unique=False)
    op.create_table(
        "inserted",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("table_name", WORDS, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["operation_id"], ["operation.id"], name=op.f("fk_inserted_operation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inserted")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inserted_operation_id", "inserted", ["operation_id"], unique=False)
    op.create_table(
        "rejected",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("field", WORDS, nullable=True),
        sa.Column("value", WORDS, nullable=False),
        sa.Column("code", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["operation_id"], ["operation.id"], name=op.f("fk_rejected_operation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejected")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_rejected_operation_id", "rejected", ["operation_id"], unique=False)
    op.create_table(
        "stage_step",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.SmallInteger(), nullable=False),
        sa.Column("previous", sa.SmallInteger(), nullable=True),
        sa.Column("reason", WORDS, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["creator.id"], name=op.f("fk_stage_step_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_step")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_stage_step_creator_id", "stage_step", ["creator_id"], unique=False)
    op.create_table(
        "account_metric",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("raw", WORDS, nullable=True),
        sa.Column("stated", sa.Boolean(), nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_account_metric_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_metric")),
        sa.UniqueConstraint("account_id", "name", "as_of", name=op.f("uq_account_metric_account_id_name_as_of")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_account_metric_ahead",
        "account_metric",
        ["as_of"],
        unique=False,
        sqlite_where=sa.text("as_of > recorded_at"),
        postgresql_where=sa.text("as_of > recorded_at"),
    )
    op.create_table(
        "tier_override",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("tier", sa.SmallInteger(), nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_tier_override_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_override")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tier_override_account_id", "tier_override", ["account_id"], unique=False)
    op.create_index("ix_tier_override_expires_at", "tier_override", ["expires_at"], unique=False)
    op.create_table(
        "tier_step",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("tier", sa.SmallInteger(), nullable=True),
        sa.Column("previous", sa.SmallInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("policy_version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_tier_step_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_step")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tier_step_account_id", "tier_step", ["account_id"], unique=False)
    op.create_index(
        "ix_tier_step_at",
        "tier_step",
        ["at"],
        unique=False,
        sqlite_where=sa.text("previous is not null"),
        postgresql_where=sa.text("previous is not null"),
    )


def _search_and_guards() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("create table creator_search (creator_id bigint primary key, text text not null, grams text[] not null)")
        op.execute("create index ix_creator_search_grams on creator_search using gin (grams)")
        op.execute(_folding())
        op.execute(
            "create or replace function koc_append_only() returns trigger language plpgsql as $$ begin raise exception 'the audit trail is append-only'; end $$"
        )
        op.execute("create trigger audit_append_only before update or delete on audit for each statement execute function koc_append_only()")
    else:
        for event in ("update", "delete"):
            op.execute(f"create trigger audit_no_{event} before {event} on audit begin select raise(abort, 'the audit trail is append-only'); end")
        op.execute("create virtual table creator_search using fts5(pairs, content='', contentless_delete=1, tokenize='ascii', prefix='1')")


def _folding() -> str:
    """A function that folds case as Python does: lower case, and what folding makes of the few hundred others."""
    plain: dict[str, str] = {}
    long: dict[str, str] = {}
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        low, fold = chr(code).lower(), chr(code).casefold()
        if low != fold and len(low) == 1:
            (plain if len(fold) == 1 else long)[low] = fold
    inner = f"translate(lower(t collate \"und-x-icu\"), '{''.join(plain)}', '{''.join(plain.values())}')"
    folded = inner
    for low, fold in long.items():
        folded = f"replace({folded}, '{low}', '{fold}')"
    rare = "".join(plain) + "".join(long)
    return (
        "create or replace function koc_fold(t text) returns text language sql immutable strict parallel safe as $$"
        f' select case when lower(t collate "und-x-icu") ~ \'[{rare}]\' then {folded} else lower(t collate "und-x-icu") end $$'
    )
