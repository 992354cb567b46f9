# SPDX-License-Identifier: Apache-2.0
"""A team on PostgreSQL: what each role may do to each table, declared once and kept by the server itself.

Each product role is a role of the server without login, of one database (``koc_<number of the database>_<role>``), so that
several workspaces stand in one cluster. ``apply`` brings the server to what is declared here; it may be repeated, and is
after every upgrade. Who made the database stays able to do everything. What a row may say is watched by ``db/guards``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from app.errors import NotPermittedError, UsageError
from app.rules.rights import Rights, Role
from db import guards
from db.writers import audit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import Connection

    from app.values import Actor

O, R, M, F, A = Role.OPERATOR, Role.REVIEWER, Role.MANAGER, Role.FINANCE, Role.ADMIN  # noqa: E741 (the first letters of the roles)
DESK: Final = frozenset({O, M})
CONDUCT: Final = frozenset({O, R, M})
WRITING: Final = frozenset({O, R, M, A})
NOBODY: Final = frozenset[Role]()
ROLES: Final = tuple(Role)


@dataclass(frozen=True, slots=True)
class Right:
    """Who may insert, update and delete rows of a table; everybody of the team reads. ``columns``: roles that may set these alone."""

    insert: frozenset[Role] = NOBODY
    update: frozenset[Role] = NOBODY
    delete: frozenset[Role] = NOBODY
    columns: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)


def only(columns: tuple[str, ...], *roles: Role) -> dict[Role, tuple[str, ...]]:
    """The same columns for some roles."""
    return dict.fromkeys(roles, columns)


FACT: Final = Right(DESK, DESK, DESK)
"""What operators and managers write."""
PULLED: Final = FACT
"""What a pull writes."""
READ: Final = Right()

_RATED: Final = ("credit_score", "credit_grade")
_BANDED: Final = ("main_account_id", "platform", "followers", "tier", "group", "fee_fen", "value_grade", "initials", *_RATED)
_STATE: Final = ("state", "expires_at", "scopes", "parked_until", "error", "changed_at")

RIGHTS: Final[Mapping[str, Right]] = {
    # who they are
    "creator": Right(DESK, DESK, DESK, {R: _RATED, A: _BANDED}),
    "account": Right(DESK, DESK, DESK, {A: ("followers", "followers_at", "tier")}),
    "account_metric": FACT,
    "creator_tag": FACT,
    "creator_search": FACT,
    "stage_step": Right(DESK, NOBODY, DESK, only(("creator_id", "reason", "since"), O, M)),
    "tier_step": Right(DESK | {A}, DESK, DESK | {A}),
    "tier_override": Right(DESK, NOBODY, DESK, only(("account_id", "voided_at"), O, M)),
    # conduct: whose it is and who decides is watched by row
    "credit_event": Right(CONDUCT, CONDUCT, CONDUCT),
    "sanction": Right(WRITING, frozenset({R}), WRITING, only(("creator_id", "voided_at"), O, M, A)),
    "appeal": Right(CONDUCT, frozenset({R}), CONDUCT),
    "credit_score": Right(WRITING, WRITING, WRITING),
    # what they published, sold and cost
    **dict.fromkeys(("content", "content_metric", "sale", "touchpoint", "cost_entry", "conversion_path"), FACT),
    **dict.fromkeys(("creator_return", "creator_value"), Right(DESK | {A}, DESK | {A}, DESK | {A})),
    # what a collaboration comes to: reviewers decide drafts, and look at figures
    **dict.fromkeys(("collaboration_step", "quote", "extension", "shipment", "stock", "reminder", "exclusivity"), FACT),
    **dict.fromkeys(("deliverable", "draft", "post_figure"), Right(DESK, CONDUCT, DESK)),
    "signoff": Right(CONDUCT, CONDUCT, CONDUCT),
    # what platforms told, and how it is pulled
    **dict.fromkeys(("campaign", "collaboration", "cps_sale", "pending_bill", "remote_record", "conflict"), PULLED),
    "connection": Right(frozenset({A}), frozenset({A}), NOBODY, only(_STATE, O, M)),
    "feed_cursor": Right(DESK, DESK, frozenset({A})),
    "feed_schedule": Right(frozenset({A}), frozenset({A}), frozenset({A})),
    "sync_run": Right(DESK, DESK),
    "run_line": Right(DESK),
    "rejected_record": Right(DESK, DESK, DESK | {A}),
    "drift": Right(DESK, DESK, frozenset({A})),
    # how they are won and looked after
    **dict.fromkeys(("contact", "suppression", "queue_skip", "entitlement", "entitlement_use", "training", "course", "template", "recruitment_plan"), FACT),
    # who is one person, and what people agreed to
    **dict.fromkeys(("creator_coupon", "identity_apart", "identity_merge", "identity_pair", "consent"), FACT),
    "person_look": Right(WRITING | {F}),
    "erasure": Right(frozenset({M, A}), frozenset({M, A})),
    # the workspace itself
    "workspace_setting": Right(WRITING | {F}, WRITING | {F}),
    "policy": Right(frozenset({A}), NOBODY, frozenset({A})),
    "operation": Right(WRITING, NOBODY, NOBODY, only(("summary", "undone_at", "undone_by"), O, R, M, A)),
    "change": Right(WRITING, NOBODY, WRITING),  # rows go only where what an undo took away comes back
    "inserted": Right(WRITING, NOBODY, NOBODY, only(("last",), O, R, M, A)),
    "rejected": Right(DESK),
    "audit": Right(WRITING | {F}),
    "team_step": READ,
    "alembic_version": READ,
}
"""Every table of a workspace. One that is missing here is nobody's but the owner's."""


# ---------------------------------------------------------------- what stands on the server


def prefix(connection: Connection) -> str:
    """How the names of this database's roles begin."""
    number = connection.exec_driver_sql("select oid from pg_database where datname = current_database()").scalar_one()
    return f"koc_{number}_"


def apply(connection: Connection) -> None:
    """Bring roles, rights and guards to what is declared. An owner who may not make roles has a team of one."""
    began, raw = prefix(connection), connection.connection.cursor()
    try:
        raw.execute(guards.FUNCTIONS.replace("{prefix}", began) + guards.TRIGGERS + guards.POLICIES)
        raw.execute("".join(guards.named(table) for table in _named(connection)))
        raw.execute(guards.MEMBERS.replace("{prefix}", began))
        if not _made(connection, began):
            return
        raw.execute("\n".join(_granted(connection, began)))
    finally:
        raw.close()


def _named(connection: Connection) -> list[str]:
    """Tables whose rows say by whom they are; an operation's and the team's own are watched apart."""
    found = connection.exec_driver_sql(
        "select table_name from information_schema.columns where table_schema = 'public' and column_name = 'by' order by 1",
    ).scalars()
    return [one for one in found if one in RIGHTS and one not in {"operation", "team_step"}]


def _made(connection: Connection, began: str) -> bool:
    """Whether the roles are there; those that are missing are made where that is allowed."""
    there = set(connection.exec_driver_sql("select rolname from pg_roles").scalars())
    missing = [began + role for role in ROLES if began + role not in there]
    if missing and not connection.exec_driver_sql("select rolsuper or rolcreaterole from pg_roles where rolname = current_user").scalar_one():
        return False
    for name in missing:
        connection.exec_driver_sql(f'create role "{name}" nologin')
    return True


def _granted(connection: Connection, began: str) -> Iterator[str]:
    """Statements that take every right away and give those that are declared."""

    def names(roles: Iterable[Role]) -> str:
        return ", ".join(f'"{began}{role}"' for role in sorted(roles))

    tables = set(connection.exec_driver_sql("select tablename from pg_tables where schemaname = 'public'").scalars())
    sequences: dict[str, str] = {
        row[0]: row[1]
        for row in connection.exec_driver_sql(
            "select t.relname, s.relname from pg_class s join pg_depend d on d.objid = s.oid and d.deptype in ('a', 'i') join pg_class t on t.oid = d.refobjid"
            " where s.relkind = 'S' and s.relnamespace = 'public'::regnamespace"
        )
    }
    everybody = names(ROLES)
    strangers = "".join(f', "{one}"' for one in _strangers(connection, began))
    yield f"revoke all on all tables in schema public from public, {everybody}{strangers};"
    yield f"revoke all on all sequences in schema public from public, {everybody}{strangers};"
    yield "revoke create on schema public from public;"
    yield f"grant usage on schema public to {everybody};"
    yield "grant execute on function public.koc_user_add(text, text, text, bigint), public.koc_user_remove(text, bigint) to " + names({A}) + ";"
    yield f"grant execute on function public.koc_note_export(bigint, bigint, text, text, text, text, text, text) to {everybody};"
    for table, right in RIGHTS.items():
        if table not in tables:
            continue
        yield f'grant select on public."{table}" to {everybody};'
        for verb, roles in (("insert", right.insert), ("update", right.update), ("delete", right.delete)):
            if roles:
                yield f'grant {verb} on public."{table}" to {names(roles)};'
        for role, columns in right.columns.items():
            if columns:
                listed = ", ".join(f'"{one}"' for one in columns)
                yield f'grant update ({listed}) on public."{table}" to {names([role])};'
        if right.insert and table in sequences:
            yield f'grant usage, select, update on sequence public."{sequences[table]}" to {names(right.insert)};'


def _strangers(connection: Connection, began: str) -> list[str]:
    """Roles of another workspace that have rights here: the database was made as a copy of that one."""
    found = connection.exec_driver_sql(
        "select distinct r.rolname from pg_class c, aclexplode(c.relacl) a join pg_roles r on r.oid = a.grantee"
        " where c.relnamespace = 'public'::regnamespace and r.rolname ~ '^koc_[0-9]+_'"
    ).scalars()
    return sorted(one for one in found if not one.startswith(began))


# ---------------------------------------------------------------- who is who


def demand_entry(connection: Connection) -> None:
    """NotPermittedError for a login that is not of the team: it may not even look."""
    if not connection.exec_driver_sql("select has_table_privilege('public.alembic_version', 'select')").scalar_one():
        raise NotPermittedError("not_in_team", login=_login(connection))


def demand_owner(connection: Connection) -> None:
    """NotPermittedError for who may not change the tables: an upgrade is the owner's."""
    statement = "select pg_has_role(session_user, (select relowner from pg_class where oid = 'public.alembic_version'::regclass), 'member')"
    if not connection.exec_driver_sql(statement).scalar_one():
        raise NotPermittedError("upgrade_by_owner", login=_login(connection))


def _login(connection: Connection) -> str:
    return str(connection.exec_driver_sql("select session_user::text").scalar_one())


def rights(connection: Connection) -> Rights:
    """Who the login is, and its role; NotPermittedError where it has none."""
    login, role = connection.exec_driver_sql("select session_user::text, public.koc_role()").one()
    if role is None:
        raise NotPermittedError("not_in_team", login=login)
    return Rights(login, role)


def only_proposes(connection: Connection) -> bool:
    """Whether events of this login wait for another person's word, even where a file says that they are confirmed."""
    return connection.dialect.name == "postgresql" and not connection.exec_driver_sql("select public.koc_owner()").scalar_one()


def members(connection: Connection) -> list[tuple[str, str]]:
    """Logins of the team and their roles, by name."""
    began = prefix(connection)
    found = connection.exec_driver_sql(
        "select u.rolname::text, substr(r.rolname, %(length)s) from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles u on u.oid = m.member"
        " where starts_with(r.rolname, %(began)s) order by 1",
        {"length": len(began) + 1, "began": began},
    )
    return [(row[0], row[1]) for row in found]


def owner(connection: Connection) -> str:
    """Who made the workspace, to whom nothing is refused."""
    return str(connection.exec_driver_sql("select relowner::regrole::text from pg_class where oid = 'public.creator'::regclass").scalar_one()).strip('"')


def note_export(connection: Connection, actor: Actor, now: int, target: str, digest: str) -> None:
    """Add a row of the audit trail that says what left; also by who may write nothing else."""
    seq, previous = audit.head(connection)
    sealed = audit.seal((seq, now, actor.name, actor.device, "export", target, digest, None), previous)
    values = (seq, now, actor.device, target, digest, None, previous, sealed)
    connection.exec_driver_sql("select public.koc_note_export(%s, %s, %s, %s, %s, %s, %s, %s)", values)


def add(connection: Connection, name: str, role: Role, verifier: str | None, now: int) -> str | None:
    """Give a login a role, and make it where there is none; returns the role it had."""
    _demand_roles(connection)
    values = {"name": name, "role": role.value, "verifier": verifier, "now": now}
    found = connection.exec_driver_sql("select public.koc_user_add(%(name)s, %(role)s, %(verifier)s, %(now)s)", values).scalar()
    return None if found is None else str(found)


def remove(connection: Connection, name: str, now: int) -> str:
    """Take a login out of the team; returns the role it had. UsageError where it had none."""
    _demand_roles(connection)
    found = connection.exec_driver_sql("select public.koc_user_remove(%(name)s, %(now)s)", {"name": name, "now": now}).scalar()
    if found is None:
        raise UsageError("unknown_user", name=name)
    return str(found)


def verifier(connection: Connection, name: str, password: str) -> str:
    """A password as the server keeps it: made here, so that the word itself is never sent."""
    import psycopg  # noqa: PLC0415 (a workspace in a file needs no driver of PostgreSQL)

    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)  # noqa: S101 (only a team has users)
    return raw.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()


def _demand_roles(connection: Connection) -> None:
    """Roles that were never made, since who made the database may not: said with what helps."""
    began = prefix(connection)
    if not connection.exec_driver_sql("select exists (select from pg_roles where rolname = %(name)s)", {"name": f"{began}{A}"}).scalar_one():
        raise NotPermittedError("no_roles", database=connection.engine.url.database or "")
