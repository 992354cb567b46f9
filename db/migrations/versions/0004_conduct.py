# SPDX-License-Identifier: Apache-2.0
"""Credit of everybody: the policies it needs, a score where there was none, what a sanction rests on, what waits for a word."""

from __future__ import annotations

import json
import tomllib

import sqlalchemy as sa
from alembic import op

import resources

revision = "0004"
down_revision = "0003"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
WAITING = sa.text("confirmed_at is null and voided_at is null")
OF_NOBODY = {"score": 579, "grade": 2}
"""Score and grade of somebody of whom nothing is known, by the first version of the policy."""


def upgrade() -> None:
    """Bring a workspace here."""
    op.add_column("sanction", sa.Column("event_ids", WORDS, nullable=False, server_default="[]"))
    op.create_index("ix_credit_event_waiting", "credit_event", ["recorded_at"], unique=False, sqlite_where=WAITING, postgresql_where=WAITING)
    for column in ("raw", "enough", "evidence", "reliability", "compliance", "authenticity", "cooperation"):
        op.drop_column("credit_score", column)  # told with the reasons, whenever somebody asks
    connection = op.get_bind()
    connection.execute(sa.text("update creator set credit_score = :score, credit_grade = :grade where credit_score is null"), OF_NOBODY)
    _add_policies(connection)


def _add_policies(connection: sa.Connection) -> None:
    """First versions of the policies that a workspace of an earlier program lacks; a new one gets all of them anyway."""
    present = set(connection.execute(sa.text("select name from policy")).scalars())
    if not present:
        return
    statement = sa.text("insert into policy (name, version, body, since, by, reason) values (:name, 1, :body, 0, 'KOC Desk', '')")
    for file in sorted(resources.names("policies")):
        name = file.removesuffix(".toml")
        if file.endswith(".toml") and name not in present:
            body = json.dumps(tomllib.loads(resources.text("policies", file)), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
            connection.execute(statement, {"name": name, "body": body})
