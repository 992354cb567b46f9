# SPDX-License-Identifier: Apache-2.0
"""Roles of a team: what each may do works through the product, what it may not is refused by the server, asked in plain SQL."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import inspect, make_url

from app import cli
from app.errors import NotPermittedError, UsageError
from app.files import ImportRequest
from app.rules.rights import Role
from app.usecases.creators import Question
from app.usecases.roi import Asked
from app.values import Actor, Stage, WorkspaceRef
from db import guards, maintenance, team
from db.engine import writing
from db.models import Base
from sync.compose import opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.services import Services
    from tests.db.conftest import Postgres, Shop

TEAM = {
    "yun": Role.OPERATOR, "ying": Role.OPERATOR, "shen": Role.REVIEWER, "shu": Role.REVIEWER,
    "jing": Role.MANAGER, "cai": Role.FINANCE, "guan": Role.ADMIN, "ji": Role.AUDITOR,
}  # fmt: skip
CREATORS = "platform,platform_uid,name,followers,phone,wechat,email\n" + "".join(
    f"douyin,{n},达人{n},{n * 9_000},1380000{n:04d},wx{n},k{n}@example.com\n" for n in range(1, 9)
)
EVENTS = "event_id,platform_uid,type,happened_at\n" + "".join(f"e{n},{n},no_show,2026-05-{n:02d} 09:00:00\n" for n in range(1, 9))


@dataclass
class Desk:
    """A team's workspace, and a way in for each of its logins."""

    url: str
    folder: Path
    opened: dict[str, Services]

    def address(self, login: str) -> str:
        return make_url(self.url).set(username=login).render_as_string()

    def at(self, login: str) -> Services:
        """The product as a login opens it; ``--as`` says somebody else."""
        if login not in self.opened:
            self.opened[login] = opener()(WorkspaceRef(self.address(login)), Actor("somebody else"))
        return self.opened[login]

    def sql(self, login: str, statement: str, *values: Any, first: str = "") -> list[Any]:
        """A plain statement as a login, in a transaction of its own."""
        with psycopg.connect(self.address(login).replace("+psycopg", "")) as connection:
            if first:
                connection.execute(first)  # type: ignore[call-overload, unused-ignore]
            cursor = connection.execute(statement, values)  # type: ignore[call-overload, unused-ignore]
            return cursor.fetchall() if cursor.description else []

    def refused(self, login: str, statement: str, *values: Any, first: str = "") -> str:
        """What the server says to a statement that it must refuse."""
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            self.sql(login, statement, *values, first=first)
        return str(caught.value.diag.message_primary)

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path

    def koc(self, login: str, *words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
        capsys.readouterr()
        code = cli.run(["--workspace", self.address(login), "--json", *map(str, words)], opener)
        return code, json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def team_desk(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A team of eight and some creators."""
    desk = Desk(postgres.fresh(), tmp_path_factory.mktemp("team"), {})
    owner = opener().create(WorkspaceRef(desk.url), Actor("x"))
    for name, role in TEAM.items():
        owner.team.add(name, role)
    owner.close()
    try:
        done = desk.at("yun").creators.import_file(ImportRequest(desk.file("c.csv", CREATORS)))
        assert done.inserted == 8
        report = desk.at("yun").facts.import_file(ImportRequest(desk.file("e.csv", EVENTS), kind="events"))
        assert (report.inserted, [one.code for one in report.warnings][-1]) == (8, "events_proposed")
        yield desk
    finally:
        for services in desk.opened.values():
            services.close()


@pytest.fixture
def desk(team_desk: Desk) -> Desk:
    return team_desk


def _event(desk: Desk, name: str) -> int:
    return int(desk.sql("ji", "select id from credit_event where event_id = %s", name)[0][0])


# ---------------------------------------------------------------- the declaration


def test_every_table_says_who_may_write_it(shops: Callable[[str], Shop]) -> None:
    shop = shops("postgresql")
    tables = set(inspect(shop.engine).get_table_names())
    assert set(Base.metadata.tables) <= tables
    assert tables == set(team.RIGHTS)


def test_guards_speak_with_codes_that_have_words() -> None:
    spoken = set(re.findall(r"koc_refuse\('([a-z_]+)'\)", guards.FUNCTIONS + guards.MEMBERS))
    assert spoken == set(guards.REFUSALS)


def test_the_rights_are_applied_again_without_a_change(shops: Callable[[str], Shop]) -> None:
    shop = shops("postgresql")
    granted = (
        "select c.relname, a.grantee, a.privilege_type from pg_class c, aclexplode(c.relacl) a where relnamespace = 'public'::regnamespace order by 1, 2, 3"
    )
    with writing(shop.engine) as connection:
        before = connection.exec_driver_sql(granted).all()
        team.apply(connection)
        assert connection.exec_driver_sql(granted).all() == before
        assert before


# ---------------------------------------------------------------- who is who


def test_the_login_decides_who_acts(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    services = desk.at("yun")
    assert (services.actor.name, services.rights.role) == ("yun", "operator")
    assert desk.sql("ji", "select distinct by from operation where kind = 'import.creators'") == [("yun",)]
    code, _ = desk.koc("ji", "--as", "boss", "info", capsys=capsys)
    assert code == 0
    capsys.readouterr()
    cli.run(["--workspace", desk.address("ji"), "--as", "boss", "info"], opener)
    assert "ji" in capsys.readouterr().err


def test_a_stranger_may_not_even_look(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.sql("koc", "create role fremd login")
    code, answer = desk.koc("fremd", "info", capsys=capsys)
    assert (code, answer["error"]["code"]) == (5, "not_in_team")
    desk.refused("fremd", "select * from creator")
    desk.refused("fremd", "select koc_user_add('fremd', 'admin', null, 1)")
    desk.refused("fremd", "select koc_note_export(1, 1, '', '', '', '', '', '')")


def test_users_are_listed_added_and_removed(desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.StringIO("geheim\n"))
    code, answer = desk.koc("guan", "user", "add", "neu", "--role", "operator", "--password-stdin", capsys=capsys)
    assert code == 0
    assert {"name": "neu", "role": "operator"} in answer["users"]
    assert desk.sql("koc", "select rolpassword like 'SCRAM-SHA-256$%%' from pg_authid where rolname = %s", "neu") == [(True,)]
    monkeypatch.setattr(sys, "stdin", io.StringIO("anderes\n"))
    assert desk.koc("guan", "user", "add", "neu", "--role", "reviewer", "--password-stdin", capsys=capsys)[0] == 5
    assert desk.koc("guan", "user", "add", "neu", "--role", "reviewer", capsys=capsys)[0] == 0
    assert desk.koc("guan", "user", "add", "neu", "--role", "king", capsys=capsys)[0] == 2
    assert desk.koc("neu", "user", "add", "neu2", "--role", "operator", capsys=capsys)[0] == 5
    code, answer = desk.koc("guan", "user", "remove", "neu", capsys=capsys)
    assert all(one["name"] != "neu" for one in answer["users"])
    assert desk.koc("neu", "info", capsys=capsys)[0] == 5
    assert desk.koc("guan", "user", "remove", "neu", capsys=capsys)[0] == 2
    assert desk.sql("ji", "select role, previous, by from team_step where name = 'neu' order by id") == [
        ("operator", None, "guan"), ("reviewer", "operator", "guan"), (None, "reviewer", "guan")
    ]  # fmt: skip
    assert "geheim" not in str(desk.sql("ji", "select * from audit"))


def test_a_file_of_one_person_has_no_users(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "one.koc")
    assert cli.run(["--workspace", path, "--json", "init"], opener) == 0
    for words in (["list"], ["add", "li", "--role", "operator"], ["remove", "li"]):
        capsys.readouterr()
        assert cli.run(["--workspace", path, "--json", "user", *words], opener) == 2
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "team_only"


def test_nobody_changes_the_own_role(desk: Desk) -> None:
    with pytest.raises(NotPermittedError, match="own_role"):
        desk.at("guan").team.add("guan", "reviewer")
    group = desk.sql("ji", "select rolname from pg_roles where rolname like 'koc\\_%%\\_reviewer' and pg_has_role('shen', oid, 'member')")[0][0]
    for login, role in TEAM.items():
        desk.refused(login, f'grant "{group}" to {login}')
        desk.refused(login, f'set role "{group}"') if role != Role.REVIEWER else None
        desk.refused(login, "set session authorization koc")
        desk.refused(login, f"select koc_user_add('{login}', 'reviewer', null, 1)")
        desk.refused(login, "insert into team_step (id, name, role, at, by) values (999, 'x', 'admin', 1, 'guan')")
    for login in ("yun", "shen", "jing", "cai", "ji"):
        desk.refused(login, "select koc_user_add('ganzneu', 'admin', null, 1)")
        desk.refused(login, "select koc_user_remove('guan', 1)")


def test_functions_of_the_own_making_change_nothing(desk: Desk) -> None:
    """A temporary table or function of a name that a guard uses is not what the guard sees."""
    one = _event(desk, "e8")
    trick = "create temp table pg_roles as select 'x'::name rolname; create temp table credit_event (id bigint, filed_by text)"
    desk.refused("yun", "update public.credit_event set confirmed_at = 1, confirmed_by = 'yun' where id = %s", one, first=trick)
    trick = "create function pg_temp.koc_owner() returns boolean language sql as 'select true'; set search_path = pg_temp, public"
    desk.refused("yun", "update public.credit_event set confirmed_at = 1, confirmed_by = 'yun' where id = %s", one, first=trick)
    desk.refused("yun", "create function public.koc_owner() returns boolean language sql as 'select true'")
    desk.refused("yun", "create or replace function public.koc_refuse(code text) returns void language sql as 'select 1'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        desk.sql("yun", "alter table credit_event disable trigger all")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        desk.sql("yun", "set session_replication_role = replica")


# ---------------------------------------------------------------- segregation


def test_operators_propose_and_others_decide(desk: Desk) -> None:
    filed = desk.at("yun").rating.add_event(1, "slow_reply", None, None)
    for login in ("yun", "ying", "jing", "cai", "guan", "ji"):
        with pytest.raises(NotPermittedError):
            desk.at(login).rating.confirm_event(filed.id, "属实")
    assert desk.at("shen").rating.confirm_event(filed.id, "属实").confirmed_by == "shen"
    with pytest.raises(NotPermittedError):
        desk.at("yun").rating.void_event(filed.id, "算了")
    assert desk.at("shu").rating.void_event(filed.id, "查错了").voided_by == "shu"
    own = desk.at("ying").rating.add_event(1, "slow_reply", None, None)
    assert desk.at("ying").rating.void_event(own.id, "写错了").voided_by == "ying"


def test_no_statement_decides_an_own_case(desk: Desk) -> None:
    mine = desk.at("shen").rating.add_event(2, "slow_reply", None, None).id
    decide = "update credit_event set confirmed_at = 5, confirmed_by = %s, confirm_reason = 'x' where id = %s"
    assert desk.refused("shen", decide, "shen", mine) == "koc:own_case"
    assert desk.refused("shen", decide, "shu", mine) == "koc:own_case"
    assert desk.refused("shu", decide, "shen", mine) == "koc:forged_name"
    assert desk.refused("shu", decide, "KOC Desk", mine) == "koc:forged_name"
    assert desk.refused("yun", decide, "shu", mine) == "koc:needs_reviewer"
    assert desk.refused("jing", decide, "jing", mine) == "koc:needs_reviewer"
    assert desk.refused("shen", "update credit_event set filed_by = 'yun' where id = %s", mine) == "koc:forged_name"
    new = "insert into credit_event (id, creator_id, type, happened_at, recorded_at, filed_by, stated, confirmed_at, confirmed_by) values (9000, 1, 'no_show', 1, 1, %s, false, %s, %s)"
    assert desk.refused("shen", new, "yun", None, None) == "koc:forged_name"
    assert desk.refused("shen", new, "shen", 5, "shu") == "koc:only_proposed"
    assert desk.refused("yun", new, "yun", 5, None) == "koc:only_proposed"
    for login in ("cai", "guan", "ji"):
        desk.refused(login, new, login, None, None)
        desk.refused(login, decide, login, mine)
    confirmed = desk.at("yun").rating.add_event(2, "slow_reply", None, None).id
    desk.at("shen").rating.confirm_event(confirmed, "属实")
    assert desk.refused("yun", "delete from credit_event where id = %s", confirmed) == "koc:history_stays"
    assert desk.refused("shen", "delete from credit_event where id = %s", confirmed) == "koc:history_stays"
    assert desk.refused("yun", "update credit_event set type = 'praised' where id = %s", confirmed) == "koc:history_stays"
    assert desk.refused("yun", "update credit_event set voided_at = 5, voided_by = 'yun' where id = %s", confirmed) == "koc:needs_reviewer"
    assert desk.refused("shen", "update credit_event set voided_at = 5, voided_by = 'shu' where id = %s", confirmed) == "koc:forged_name"


def test_sanctions_and_appeals_are_decided_by_reviewers_who_filed_nothing_of_them(desk: Desk) -> None:
    for name in ("e3", "e4"):
        desk.at("shen").rating.confirm_event(_event(desk, name), "属实")
    more = desk.at("shu").rating.add_event(3, "no_show", None, None).id
    desk.at("shen").rating.confirm_event(more, "属实")
    mine = next(one for one in desk.at("shu").rating.sanctions(open_only=True) if more in one.event_ids)
    decide = "update sanction set decided_at = 5, decided_by = %s, approved = true, reason = 'x' where id = %s"
    assert desk.refused("shu", decide, "shu", mine.id) == "koc:own_case"
    assert desk.refused("shu", decide, "shen", mine.id) == "koc:own_case"
    assert desk.refused("shen", decide, "shu", mine.id) == "koc:forged_name"
    for login in ("yun", "jing", "cai", "guan", "ji"):
        desk.refused(login, decide, login, mine.id)
    with pytest.raises(NotPermittedError):
        desk.at("shu").rating.decide_sanction(mine.id, approved=True, reason="查实")
    decided = desk.at("shen").rating.decide_sanction(mine.id, approved=True, reason="查实")
    assert decided.decided_by == "shen"
    assert desk.refused("yun", "update sanction set voided_at = 5 where id = %s", mine.id) == "koc:needs_reviewer"
    assert desk.refused("shu", "update sanction set voided_at = 5 where id = %s", mine.id) == "koc:own_case"
    assert desk.refused("shen", "update sanction set level = 1 where id = %s", mine.id) == "koc:history_stays"
    desk.refused("yun", "update sanction set level = 1 where id = %s", mine.id)
    desk.refused("yun", "delete from sanction where id = %s", mine.id)
    new = "insert into sanction (id, creator_id, level, points, proposed_at, proposed_by, event_ids, decided_at, decided_by, approved) values (9000, 5, 4, 9, 1, 'KOC Desk', '[]', 1, %s, true)"
    for login in ("yun", "shen", "guan"):
        assert desk.refused(login, new, login) == "koc:only_proposed"
    appeal = desk.at("shen").rating.file_appeal(sanction_id=mine.id, reason="不服")
    hear = "update appeal set decided_at = 5, decided_by = %s, upheld = true, decision_reason = 'x' where id = %s"
    assert desk.refused("shen", hear, "shen", appeal.id) == "koc:own_case"
    assert desk.refused("shu", hear, "shu", appeal.id) == "koc:own_case"
    desk.refused("yun", hear, "yun", appeal.id)
    new = "insert into appeal (id, sanction_id, filed_at, filed_by, reason) values (9000, %s, 1, %s, 'x')"
    assert desk.refused("yun", new, mine.id, "shu") == "koc:forged_name"


def test_an_upheld_appeal_softens_what_rested_on_the_event(desk: Desk) -> None:
    appeal = desk.at("yun").rating.file_appeal(event_id=_event(desk, "e4"), reason="当时在住院")
    assert desk.at("shen").rating.decide_appeal(appeal.id, upheld=True, reason="有病历").decided_by == "shen"


# ---------------------------------------------------------------- what stays


def test_audit_and_change_log_only_grow(desk: Desk) -> None:
    for login in TEAM:
        for table in ("audit", "change", "inserted", "operation", "team_step"):
            desk.refused(login, f"delete from {table} where table_name not like '+%%'" if table == "change" else f"delete from {table}")
        desk.refused(login, "update audit set login = 'x'")
        desk.refused(login, "update change set after = null")
        desk.refused(login, "truncate audit")
        forged = "insert into audit (seq, at, login, device, action, object, digest, previous, hash) values (9999, 1, %s, '', 'x', 'x', 'x', 'x', 'x')"
        desk.refused(login, forged, "koc")
        desk.refused(login, "insert into operation (kind, at, by, summary) values ('x', 1, 'koc', '{}')")
    desk.refused("yun", "update operation set by = 'yun'")
    other = desk.sql("ji", "select id from operation where by = 'shen' limit 1")[0][0]
    assert desk.refused("yun", "update operation set summary = '{}' where id = %s", other) == "koc:history_stays"
    line = "insert into change (operation_id, table_name, row_id, before, after) values (%s, 'credit_event', 1, null, '{}')"
    assert desk.refused("yun", line, other) == "koc:history_stays"
    assert desk.refused("yun", "insert into inserted (operation_id, table_name, first, last) values (%s, 'creator', 1, 9)", other) == "koc:history_stays"
    assert all(check.ok for check in desk.at("ji").workspace.verify_audit())


def test_an_auditor_writes_nothing(desk: Desk) -> None:
    tables = sorted(team.RIGHTS)
    for table in tables:
        verbs = desk.sql(
            "ji",
            "select has_table_privilege('ji', %s, 'insert, update, delete, truncate') or has_any_column_privilege('ji', %s, 'insert, update')",
            table,
            table,
        )
        assert verbs == [(False,)], table
        assert desk.sql("ji", "select has_table_privilege('ji', %s, 'select')", table) == [(True,)]
    services = desk.at("ji")
    assert services.creators.count(Question()) == 8
    assert services.roi.report(Asked()).rows is not None
    for act in (
        lambda: services.creators.edit([1], {"city": "成都"}),
        lambda: services.rating.add_event(1, "slow_reply", None, None),
        services.rating.run_credit,
        lambda: services.workspace.undo(1),
        lambda: services.workspace.backup(desk.folder / "x.kocbackup"),
        lambda: services.recruiting.move([1], Stage.CONTACTED),
    ):
        with pytest.raises(NotPermittedError):
            act()


def test_policies_connections_and_settings_are_the_administrators(desk: Desk) -> None:
    row = "insert into policy (id, name, version, body, since, by, reason) values (9000, 'credit', 99, '{}', 1, %s, '')"
    for login in ("yun", "shen", "jing", "cai", "ji"):
        desk.refused(login, row, login)
        desk.refused(login, "insert into connection (platform, name, state, scopes, created_at, changed_at) values ('x', 'x', 'new', '[]', 1, 1)")
        if login != "ji":
            assert desk.sql(login, "update workspace_setting set value = 'UTC' where name = 'time_zone' returning 1") == []
            desk.refused(login, "insert into workspace_setting (name, value) values ('x', 'y')")
    for login in ("yun", "jing"):
        desk.refused(login, "update connection set base_url = 'http://evil'")
    assert desk.refused("guan", row, "shen") == "koc:forged_name"
    desk.refused("guan", "update policy set body = '{}'")
    for statement in (
        "update creator set name = 'x'",
        "update creator set phone = ''",
        "delete from creator",
        "insert into creator_tag (creator_id, tag) values (1, 'x')",
    ):
        desk.refused("guan", statement)
        desk.refused("shen", statement)
        desk.refused("cai", statement)


def test_an_administrator_sets_a_policy_and_takes_it_back(desk: Desk) -> None:
    import resources

    services = desk.at("guan")
    row = services.rating.set_policy("credit", resources.text("policies", "credit.toml").replace("monthly_cap = 6 ", "monthly_cap = 7 "), "试试")
    assert row.by == "guan"
    last = services.workspace.operations("policy.set")[0]
    with pytest.raises(NotPermittedError):
        desk.at("jing").workspace.undo(last.id)
    services.workspace.undo(last.id)
    services.workspace.redo(last.id)
    services.workspace.undo(last.id)


# ---------------------------------------------------------------- work that goes on


def test_everyday_work_goes_through_for_operators_and_managers(desk: Desk) -> None:
    for login in ("yun", "jing"):
        services = desk.at(login)
        hash_ = services.workspace.info(with_hash=True).content_hash
        done = [
            services.creators.edit([1, 2], {"city": f"城{login}", "followers": "70000"}),
            services.creators.tag([1], [f"t{login}"]),
            services.recruiting.move([3], Stage.CONTACTED, "聊过"),
        ]
        made = services.creators.add({"name": "新人", "platform": "douyin", "platform_uid": f"99{login}"})
        assert services.creators.detail(made.id).row.name == "新人"
        services.rating.run()
        services.rating.run_credit()
        report = services.facts.import_file(
            ImportRequest(desk.file("s.csv", f"order_id,platform_uid,paid_at,amount_fen\n{login}1,1,2026-05-02 10:00:00,5000\n"), kind="sales")
        )
        assert report.inserted == 1
        assert services.roi.report(Asked()).rows
        for operation in [one.id for one in services.workspace.operations(limit=5)]:
            services.workspace.undo(operation)
        assert done
        assert services.workspace.info(with_hash=True).content_hash == hash_


def test_work_of_others_is_taken_back_by_project_leads(desk: Desk) -> None:
    operation = int(desk.at("yun").creators.tag([4], ["别人的"]) or 0)
    for login in ("ying", "shen", "guan", "cai", "ji"):
        with pytest.raises(NotPermittedError):
            desk.at(login).workspace.undo(operation)
    desk.at("jing").workspace.undo(operation)
    desk.at("yun").workspace.redo(operation)
    desk.at("yun").workspace.undo(operation)


def test_a_proposed_event_is_taken_back_and_proposed_again_as_it_was(desk: Desk) -> None:
    filed = desk.at("yun").rating.add_event(5, "slow_reply", None, "聊天记录")
    operation = desk.at("yun").workspace.operations("credit.add")[0].id
    desk.at("shen").workspace.undo(operation)
    assert desk.sql("ji", "select 1 from credit_event where id = %s", filed.id) == []
    desk.at("yun").workspace.redo(operation)
    assert desk.sql("ji", "select filed_by from credit_event where id = %s", filed.id) == [("yun",)]
    desk.at("shen").rating.confirm_event(filed.id, "属实")
    confirmed = desk.at("shen").workspace.operations("credit.confirm")[0].id
    with pytest.raises(NotPermittedError):
        desk.at("yun").workspace.undo(confirmed)
    desk.at("shu").workspace.undo(confirmed)
    desk.at("shu").workspace.redo(confirmed)
    assert desk.sql("ji", "select confirmed_by from credit_event where id = %s", filed.id) == [("shen",)]


def test_not_even_the_owner_stands_on_both_sides(desk: Desk) -> None:
    filed = desk.at("yun").rating.add_event(5, "slow_reply", None, None).id
    with pytest.raises(psycopg.errors.CheckViolation):
        desk.sql("koc", "update credit_event set confirmed_at = 5, confirmed_by = filed_by where id = %s", filed)
    engine, _ = maintenance.open_engine(WorkspaceRef(desk.url))
    with pytest.raises(NotPermittedError, match="two_people"), writing(engine) as connection:
        connection.exec_driver_sql("update credit_event set confirmed_at = 5, confirmed_by = filed_by where id = %s", (filed,))
    engine.dispose()


def test_a_team_keeps_what_one_person_keeps(desk: Desk, postgres: Postgres, tmp_path: Path) -> None:
    found = []
    for place, made in ((postgres.fresh(), True), (str(tmp_path / "one.koc"), False)):
        owner = opener().create(WorkspaceRef(place), Actor("yun"))
        if made:
            owner.team.add("yun", Role.OPERATOR)
            owner.close()
            owner = opener()(WorkspaceRef(make_url(place).set(username="yun").render_as_string()), Actor("yun"))
        owner.creators.import_file(ImportRequest(desk.file("c2.csv", CREATORS)))
        owner.rating.add_event(2, "slow_reply", 1_780_000_000_000_000, "慢")
        owner.creators.tag([1], ["茶"])
        found.append(owner.workspace.info(with_hash=True).content_hash)
        owner.close()
    assert found[0] == found[1]


# ---------------------------------------------------------------- what leaves


def test_contact_data_stays_where_the_role_may_not_take_it_out(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    for login, held in (("yun", True), ("shen", True), ("cai", True), ("ji", True), ("guan", True), ("jing", False)):
        path = desk.folder / f"{login}.csv"
        code, answer = desk.koc(login, "export", "creators", path, "--where", "followers > 1", capsys=capsys)
        header, text = path.read_text("utf-8-sig").splitlines()[0].split(","), path.read_text("utf-8-sig")
        assert (code, answer["withheld"]) == (0, ["phone", "wechat", "email"] if held else [])
        assert ("phone" in header) is not held
        assert ("1380000" in text) is not held
        login_, action, object_, digest = desk.sql("ji", "select login, action, object, digest from audit order by seq desc limit 1")[0]
        told = json.loads(digest)
        assert (login_, action, object_, told["where"], told["rows"], "name" in told["fields"]) == (
            login,
            "export",
            "export:creators",
            "followers > 1",
            8,
            True,
        )
        assert told["withheld"] == (["phone", "wechat", "email"] if held else [])
    code, answer = desk.koc("yun", "export", "creators", desk.folder / "no.csv", "--columns", "phone", capsys=capsys)
    assert (code, answer["error"]["code"]) == (5, "contacts_stay")
    assert not (desk.folder / "no.csv").exists()
    assert desk.at("yun").creators.rows([1])[0].phone
    assert all(check.ok for check in desk.at("ji").workspace.verify_audit())


def test_a_file_of_one_person_notes_its_exports_too(tmp_path: Path) -> None:
    services = opener().create(WorkspaceRef(str(tmp_path / "one.koc")), Actor("li"))
    services.creators.add({"name": "王", "platform": "douyin", "platform_uid": "1", "phone": "13800000000"})
    services.creators.export(Question(), (), tmp_path / "out.csv")
    services.facts.export("sales", "", (), tmp_path / "sales.csv")
    assert "13800000000" in (tmp_path / "out.csv").read_text("utf-8-sig")
    services.close()
    engine, _ = maintenance.open_engine(WorkspaceRef(str(tmp_path / "one.koc")))
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("select login, object, digest from audit where action = 'export' order by seq").all()
    engine.dispose()
    assert [(row[0], row[1], json.loads(row[2])["rows"]) for row in rows] == [("li", "export:creators", 1), ("li", "export:sales", 0)]


# ---------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("ji", ["creator", "set", "1", "city=成都"]),
        ("cai", ["creator", "tag", "1", "+x"]),
        ("guan", ["stage", "move", "1", "contacted"]),
        ("shen", ["creator", "add", "--name", "x", "--account", "douyin:77"]),
        ("yun", ["user", "add", "x", "--role", "admin"]),
        ("yun", ["policy", "set", "credit", "POLICY", "--reason", "x"]),
        ("guan", ["credit", "add", "1", "slow_reply"]),
        ("jing", ["backup", "BACKUP"]),
        ("jing", ["doctor", "--repair"]),
        ("ji", ["credit", "run"]),
        ("yun", ["connect", "remove", "nothing"]),
    ],
)
def test_koc_ends_with_5_where_the_role_does_not_allow_it(desk: Desk, login: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    import resources

    policy = desk.file("p.toml", resources.text("policies", "credit.toml"))
    words = [{"POLICY": str(policy), "BACKUP": str(desk.folder / "b.kocbackup")}.get(word, word) for word in words]
    code, answer = desk.koc(login, *words, capsys=capsys)
    if words[:2] == ["connect", "remove"]:
        assert code == 2  # there is none of that name
        return
    assert code == 5, answer
    assert answer["error"]["message"]


def test_unknown_names_are_wrong_requests(desk: Desk) -> None:
    with pytest.raises(UsageError, match="unknown_user"):
        desk.at("guan").team.remove("niemand")


# ---------------------------------------------------------------- what follows from facts


def test_what_the_rule_raises_is_not_whatever_somebody_says_in_its_name(desk: Desk) -> None:
    """The program enters good facts as confirmed, bad ones as proposed; its name is no cover for an own decision."""
    new = (
        "insert into credit_event (id, creator_id, type, happened_at, recorded_at, confirmed_at, confirmed_by, filed_by, source, stated)"
        " values (%s, 6, %s, 1, %s, %s, %s, 'KOC Desk', %s, false)"
    )
    now = int(desk.sql("ji", "select (extract(epoch from now()) * 1000000)::bigint")[0][0])
    desk.sql("yun", new, 9101, "posted_on_time", now, now, "KOC Desk", "deliverable:T1")
    assert desk.refused("yun", new, 9102, "posted_late", now, now, "KOC Desk", "deliverable:T2") == "koc:only_proposed"
    assert desk.refused("yun", new, 9102, "no_show", 1, now, "KOC Desk", "deliverable:T2") == "koc:only_proposed"
    with pytest.raises(psycopg.errors.CheckViolation):
        desk.sql("yun", new, 9102, "posted_on_time", now, now, "KOC Desk", None)
    desk.sql("shen", new, 9103, "no_show", now, None, None, "deliverable:T3")
    by_rule = "update credit_event set confirmed_at = 5, confirmed_by = 'KOC Desk' where id = %s"
    assert desk.refused("yun", by_rule, 9103) == "koc:forged_name"
    own = "update credit_event set confirmed_at = 5, confirmed_by = 'shen', confirm_reason = 'x' where id = %s"
    assert desk.refused("shen", own, 9103) == "koc:own_case"
    void = "update credit_event set voided_at = 5, voided_by = 'KOC Desk', void_reason = 'superseded' where id = %s"
    assert desk.refused("yun", void, 9103) == "koc:history_stays"  # no log says by whose facts
    desk.sql("koc", "delete from credit_event where id in (9101, 9103)")


def test_every_role_reads_all_there_is_and_operators_do_the_desk_s_work(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    reads = (["info"], ["creators"], ["creator", "2"], ["credit", "show", "2"], ["roi"], ["today"], ["fulfil", "due"], ["audit", "verify"], ["user", "list"])
    for login in TEAM:
        for words in reads:
            assert desk.koc(login, *words, capsys=capsys)[0] == 0, (login, words)
    hash_ = desk.at("yun").workspace.info(with_hash=True).content_hash
    merged = desk.koc("yun", "identity", "merge", 5, 6, "--reason", "同一人", capsys=capsys)[1]
    assert desk.koc("yun", "identity", "split", merged["merge_id"], capsys=capsys)[0] == 0
    assert desk.at("yun").workspace.info(with_hash=True).content_hash == hash_
    for work in (
        ["contact", "add", 2, "你好"], ["recruit", "claim", 3], ["recruit", "optout", 4, "--reason", "不想"], ["recruit", "lift", 4, "--reason", "又想了"],
        ["campaign", "add", "--name", "春季"], ["collab", "add", 1, 2],
    ):  # fmt: skip
        code, answer = desk.koc("yun", *work, capsys=capsys)
        assert code == 0, (work, answer)
    assert desk.koc("jing", "recruit", "handover", "yun", "ying", capsys=capsys)[0] == 0
    assert desk.koc("ji", "recruit", "claim", 3, capsys=capsys)[0] == 5
