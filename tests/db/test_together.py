# SPDX-License-Identifier: Apache-2.0
"""Several people at one workspace: whose edit stands, whose news arrive, and what a server or a way that breaks may do."""

from __future__ import annotations

import threading
import time
from operator import itemgetter
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event as sa_event

from app.errors import WorkspaceError
from app.jobs import Quiet
from app.rules.rights import Role
from app.rules.versions import Seen
from app.usecases.creators import Question, SortKey, seen
from app.values import Actor, WorkspaceRef
from db import maintenance
from tests.db.conftest import NOON, Shop, _as_nobody, _binaries, koc
from tests.db.serving import Server, way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.usecases.creators import Ids
    from db.stores.creators import CreatorStore

ZHANG = Actor("张三", "laptop")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    made = Server(binaries, _as_nobody())
    yield made
    made.stop()


def beside(shop: Shop, actor: Actor = ZHANG) -> Shop:
    """Somebody else at the same workspace, through connections of their own."""
    engine, _ = maintenance.open_engine(shop.ref)
    return Shop(engine, shop.ref, shop.now + 60_000_000, actor)


@pytest.fixture
def other(shop: Shop) -> Iterator[Shop]:
    made = beside(shop)
    yield made
    made.house.close()


def look(shop: Shop, creator: int) -> Seen:
    detail = shop.creators.detail(creator)
    assert detail is not None
    return seen(detail.row, detail)


# ---------------------------------------------------------------- two editors


def test_fields_that_do_not_collide_are_merged_and_nothing_is_lost(shop: Shop, other: Shop) -> None:
    (creator,) = shop.take(koc(1, city="上海", owner="小林", tags=("美妆",), followers=1000)).creator_ids
    mine, theirs = look(shop, creator), look(other, creator)
    assert other.creators.edit_seen(creator, {"city": "杭州", "tags": ("美妆", "母婴")}, theirs, ZHANG, other.tick(), None).operation_id
    edited = shop.creators.edit_seen(creator, {"owner": "老周", "tags": ("美妆", "探店"), "followers": 2000}, mine, shop.actor, other.tick(), None)
    assert edited.operation_id
    assert not edited.collisions
    row = shop.row(creator)
    assert (row.city, row.owner, row.followers, set(row.tags)) == ("杭州", "老周", 2000, {"美妆", "母婴", "探店"})


def test_a_field_that_both_changed_is_told_with_who_and_when_and_nothing_is_written(shop: Shop, other: Shop) -> None:
    (creator,) = shop.take(koc(1, city="上海", fee_fen=100, followers=1000)).creator_ids
    mine = look(shop, creator)
    changed_at = other.tick()
    other.creators.edit_seen(creator, {"city": "杭州", "fee_fen": 300, "followers": 5000}, look(other, creator), ZHANG, changed_at, None)
    before = shop.hash()
    typed = {"city": "北京", "fee_fen": 200, "owner": "老周", "followers": 7000}
    edited = shop.creators.edit_seen(creator, typed, mine, shop.actor, other.tick(), None)
    assert edited.operation_id == 0
    assert shop.hash() == before
    told = {one.field: (one.before, one.theirs, one.mine, one.by, one.at) for one in edited.collisions}
    assert told == {
        "city": ("上海", "杭州", "北京", "张三", changed_at),
        "fee_fen": (100, 300, 200, "张三", changed_at),
        "followers": (1000, 5000, 7000, "张三", changed_at),
    }
    chosen = {"city": "北京", "owner": "老周"}
    assert shop.creators.edit_seen(creator, chosen, edited.seen, shop.actor, other.tick(), None).operation_id
    row = shop.row(creator)
    assert (row.city, row.fee_fen, row.owner, row.followers) == ("北京", 300, "老周", 5000)


def test_an_editor_that_knows_only_its_version_does_not_write_over_later_work(shop: Shop, other: Shop) -> None:
    (creator,) = shop.take(koc(1, city="上海", owner="小林")).creator_ids
    version = look(shop, creator).version
    operation = other.creators.edit_seen(creator, {"city": "杭州"}, look(other, creator), ZHANG, other.tick(), None).operation_id
    refused = shop.creators.edit_seen(creator, {"city": "北京"}, Seen(version), shop.actor, other.tick(), None)
    assert [(one.before, one.theirs, one.by) for one in refused.collisions] == [("上海", "杭州", "张三")]
    assert shop.creators.edit_seen(creator, {"owner": "老周"}, Seen(version), shop.actor, other.tick(), None).operation_id
    other.undo(operation)
    assert shop.row(creator).city == "上海"
    undone = shop.creators.edit_seen(creator, {"city": "北京"}, Seen(refused.seen.version), shop.actor, other.tick(), None)
    assert [(one.before, one.theirs) for one in undone.collisions] == [("杭州", "上海")]


def test_the_same_change_by_both_is_nobodys_business(shop: Shop, other: Shop) -> None:
    (creator,) = shop.take(koc(1, city="上海")).creator_ids
    mine = look(shop, creator)
    other.creators.edit_seen(creator, {"city": "杭州"}, look(other, creator), ZHANG, other.tick(), None)
    edited = shop.creators.edit_seen(creator, {"city": "杭州"}, mine, shop.actor, other.tick(), None)
    assert (edited.operation_id, edited.collisions) == (0, ())


def test_a_bulk_edit_leaves_what_somebody_changed_meanwhile_and_says_so(shop: Shop, other: Shop) -> None:
    ids = list(shop.take(*(koc(number, city="上海", owner="小林") for number in range(5))).creator_ids)
    since = shop.house.operations(limit=1)[0].id
    other.creators.edit([ids[1]], {"city": "杭州"}, ZHANG, other.tick(), None)
    other.creators.edit([ids[2]], {"owner": "老周"}, ZHANG, other.tick(), None)
    edited = shop.creators.edit_since(ids, {"city": "北京"}, since, shop.actor, other.tick(), None)
    assert edited.operation_id
    assert edited.left == (ids[1],)
    assert [shop.row(one).city for one in ids] == ["北京", "杭州", "北京", "北京", "北京"]


def test_edits_of_two_people_at_once_are_all_there_or_all_told(shop: Shop, other: Shop) -> None:
    """Two threads edit one creator for a while; every answer is right about what became of it."""
    (creator,) = shop.take(koc(1, city="0", owner="0")).creator_ids
    done: dict[str, list[str]] = {"city": [], "owner": []}

    def work(who: Shop, field: str) -> None:
        for number in range(1, 9):
            saw = look(who, creator)
            edited = who.creators.edit_seen(creator, {field: f"{field}{number}"}, saw, who.actor, NOON + number, None)
            assert not edited.collisions
            done[field].append(f"{field}{number}")

    threads = [threading.Thread(target=work, args=pair) for pair in ((shop, "city"), (other, "owner"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = shop.row(creator)
    assert (row.city, row.owner) == (done["city"][-1], done["owner"][-1]) == ("city8", "owner8")
    assert look(shop, creator).version >= 16


# ---------------------------------------------------------------- news


def test_news_name_who_did_what_to_whom(shop: Shop, other: Shop) -> None:
    ids = list(shop.take(*(koc(number) for number in range(3))).creator_ids)
    mark = shop.house.news(None).mark
    assert shop.house.news(mark).done == ()
    operation = other.creators.edit([ids[1]], {"city": "杭州"}, ZHANG, other.tick(), None)
    other.undo(operation)
    told = shop.house.news(mark)
    assert [(one.action, one.by, one.device, one.ids) for one in told.done] == [
        ("creator.set", "张三", "laptop", (ids[1],)),
        ("undo", "张三", "laptop", (ids[1],)),
    ]
    assert shop.house.news(told.mark).done == ()


def test_a_listener_hears_others_at_once_and_not_itself(shop: Shop, other: Shop) -> None:
    ear = shop.house.ear()
    if shop.engine.dialect.name == "sqlite":
        assert ear is None
        before = shop.house.data_version()
        other.take(koc(1))
        assert shop.house.data_version() != before
        return
    assert ear is not None
    try:
        shop.take(koc(1))
        assert not ear.wait(0.3)
        begun = time.monotonic()
        timer = threading.Timer(0.2, lambda: other.take(koc(2)))
        timer.start()
        assert ear.wait(10)
        assert time.monotonic() - begun < 5
        timer.join()
        with pytest.raises(ZeroDivisionError), other.creators.engine.connect() as connection, connection.begin():
            _ = 1 / 0
        assert not ear.wait(0.3)
    finally:
        ear.close()


# ---------------------------------------------------------------- the server restarts


@pytest.fixture
def team(server: Server) -> Iterator[Shop]:
    ref = WorkspaceRef(server.fresh())
    shop = Shop(maintenance.create(ref, NOON), ref)
    yield shop
    shop.house.close()


def test_the_next_action_after_a_restart_works(server: Server, team: Shop) -> None:
    team.take(koc(1))
    server.restart()
    assert team.ids() == [1]
    team.take(koc(2))
    assert team.ids() == [1, 2]


def test_a_listener_is_told_of_a_restart_and_listens_again(server: Server, team: Shop) -> None:
    ear = team.house.ear()
    assert ear is not None
    server.restart()
    with pytest.raises(WorkspaceError, match="database_unreachable"):
        ear.wait(5)
    ear.close()
    again = team.house.ear()
    assert again is not None
    other = beside(team)
    other.take(koc(1))
    assert again.wait(5)
    again.close()
    other.house.close()


def test_a_restart_in_the_middle_of_a_write_is_told_and_repeated_without_doing_it_twice(server: Server, team: Shop) -> None:
    rows = [koc(number, followers=number * 10) for number in range(1, 60)]
    team.take(*rows[:30])
    before = team.hash()
    struck: list[str] = []

    @sa_event.listens_for(team.engine, "before_cursor_execute")
    def strike(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("select pg_notify") and not struck:
            struck.append(statement)
            server.restart()

    with pytest.raises(WorkspaceError, match="database_unreachable"):
        team.take(*rows)
    assert struck
    assert team.hash() == before
    team.take(*rows)
    after = team.hash()
    assert after != before
    assert team.creators.count(_everybody()) == 59
    again = team.take(*rows)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 59)
    assert team.hash() == after


def test_a_server_that_falls_before_the_commit_has_lost_it_and_says_so(server: Server, team: Shop) -> None:
    team.take(koc(1, city="上海"))
    struck: list[bool] = []

    @sa_event.listens_for(team.engine, "commit")
    def strike(_connection: object) -> None:
        if not struck:
            struck.append(True)
            server.restart()

    with pytest.raises(WorkspaceError, match="database_unreachable"):
        team.creators.edit([1], {"city": "杭州"}, team.actor, team.tick(), None)
    assert team.row(1).city == "上海"
    team.creators.edit([1], {"city": "杭州"}, team.actor, team.tick(), None)
    assert team.row(1).city == "杭州"
    assert len(team.house.operations("creator.set")) == 1
    assert team.faults() == []


# ---------------------------------------------------------------- the way is cut


def test_a_cut_way_ends_reads_and_writes_in_words_and_soon(server: Server) -> None:
    with way(server.port) as cable:
        ref = WorkspaceRef(server.fresh(cable.port))
        shop = Shop(maintenance.create(ref, NOON), ref)
        try:
            shop.take(koc(1))
            cable.cut()
            begun = time.monotonic()
            with pytest.raises(WorkspaceError, match="database_unreachable"):
                shop.ids()
            assert time.monotonic() - begun < 12
            begun = time.monotonic()
            with pytest.raises(WorkspaceError, match="database_unreachable"):
                shop.take(koc(2))
            assert time.monotonic() - begun < 12
            cable.mend()
            assert shop.ids() == [1]
            shop.take(koc(2))
            assert shop.ids() == [1, 2]
        finally:
            cable.mend()
            shop.house.close()


@pytest.mark.parametrize("fate", ["cut", "mute", "mute and restarted"])
def test_a_commit_that_nobody_answers_is_looked_up_afterwards(server: Server, fate: str) -> None:
    """The commit never arrives: told as failed, and nothing is there. Its answer never arrives: it counts, once."""
    with way(server.port) as cable:
        ref = WorkspaceRef(server.fresh(cable.port))
        shop = Shop(maintenance.create(ref, NOON), ref)
        struck: list[threading.Timer] = []

        def mend() -> None:
            if "restarted" in fate:
                server.restart()
            cable.mend()

        @sa_event.listens_for(shop.engine, "commit")
        def strike(_connection: object) -> None:
            if not struck:
                (cable.cut if fate == "cut" else cable.mute)()
                struck.append(threading.Timer(7, mend))
                struck[0].start()

        try:
            if fate == "cut":
                with pytest.raises(WorkspaceError, match="database_unreachable"):
                    shop.take(koc(1, city="上海"))
            else:
                assert shop.take(koc(1, city="上海")).inserted == 1
            struck[0].join()
            assert len(shop.ids()) == (0 if fate == "cut" else 1)
            shop.take(koc(1, city="上海"))
            assert len(shop.ids()) == 1
            assert shop.faults() == []
        finally:
            struck[0].join()
            shop.house.close()


def test_a_long_statement_of_a_live_server_is_waited_for_and_one_before_a_screen_is_ended(team: Shop) -> None:
    from db.engine import reading, writing

    with writing(team.engine) as connection:
        connection.exec_driver_sql("set local statement_timeout = 0")
        connection.exec_driver_sql("select pg_sleep(4.5)")

    def slow() -> None:
        with reading(team.engine) as connection:
            connection.exec_driver_sql("set local statement_timeout = 200")
            connection.exec_driver_sql("select pg_sleep(5)")

    with pytest.raises(WorkspaceError, match="took_too_long"):
        slow()
    with reading(team.engine) as connection:
        assert connection.exec_driver_sql("show statement_timeout").scalar() == "30s"
    with reading(team.engine, patient=True) as connection:
        assert connection.exec_driver_sql("show statement_timeout").scalar() == "0"


def _everybody() -> Question:
    return Question()


def test_audit_and_doctor_hold_after_all_of_it(shop: Shop, other: Shop) -> None:
    (creator,) = shop.take(koc(1, city="上海")).creator_ids
    other.creators.edit_seen(creator, {"city": "杭州"}, look(other, creator), ZHANG, other.tick(), None)
    assert shop.faults() == []
    assert all(check.ok for check in shop.house.verify_audit())
    assert shop.house.doctor(False, Quiet())


# ---------------------------------------------------------------- search in a team of 200,000 creators

MANY = 200_000
SOUGHT = ("美", "美食", "1", "1999", "鹤", "鹤鸣九皋", "🍜", "x")


def _crowded(number: int) -> str:
    rare = f"{'🍜' if number % 50 == 0 else ''}{'鹤鸣九皋' if number % 40_000 == 7 else ''}"
    return f"{'美食美妆穿搭数码'[number % 8]}{'美食探店'[number % 4]}{number}{rare}"


@pytest.fixture(scope="module")
def crowd(server: Server) -> Iterator[tuple[Shop, Shop]]:
    """A workspace of many, as its owner and as an operator of the team."""
    from db import team
    from db.engine import writing
    from db.writers import search

    ref = WorkspaceRef(server.fresh())
    owner = Shop(maintenance.create(ref, NOON), ref)

    with writing(owner.engine) as connection:
        connection.exec_driver_sql(
            "insert into creator (id, name, stage, value_grade, credit_score, credit_grade, version, created_at, updated_at, followers)"
            f" select n, 'x', 1, 0, 100, 1, 1, {NOON}, {NOON}, n from generate_series(1, {MANY}) n"
        )
        search.add(connection, ((number, search.document([_crowded(number)])) for number in range(1, MANY + 1)))
        team.add(connection, "seeker", Role.OPERATOR, None, NOON)
    with owner.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("vacuum analyze creator")
        connection.exec_driver_sql("vacuum analyze creator_search")
    theirs = WorkspaceRef(ref.address.replace("koc@", "seeker@"))
    engine, _ = maintenance.open_engine(theirs)
    operator = Shop(engine, theirs)
    yield owner, operator
    operator.house.close()
    owner.house.close()


@pytest.mark.parametrize("policy", [False, True])
def test_any_text_is_found_at_once_among_many_by_an_operator(crowd: tuple[Shop, Shop], policy: bool) -> None:
    """One and two characters, rare and common, in Chinese and not; also where a policy by row stands on the creators."""
    owner, operator = crowd
    with owner.engine.begin() as connection:
        if policy:
            connection.exec_driver_sql("create policy koc_own on creator for select using ((select koc_role()) is not null)")
            connection.exec_driver_sql("alter table creator enable row level security")
    try:
        for needle in SOUGHT:
            asked = Question(search=needle, sort=(SortKey("followers", descending=True),))
            seconds, found = min((_timed(operator.creators, asked) for _ in range(3)), key=itemgetter(0))
            assert len(found) == sum(needle in _crowded(number) for number in range(1, MANY + 1))
            assert seconds < 0.3, f"{needle}: {1000 * seconds:.0f} ms for {len(found)}"
    finally:
        with owner.engine.begin() as connection:
            if policy:
                connection.exec_driver_sql("alter table creator disable row level security")
                connection.exec_driver_sql("drop policy koc_own on creator")


def test_the_search_is_answered_by_the_index(crowd: tuple[Shop, Shop]) -> None:
    from sqlalchemy import func, select

    from db import questions
    from db.engine import reading
    from db.models.creators import Creator

    _, operator = crowd
    with reading(operator.engine) as connection:
        for needle in SOUGHT[:7]:
            statement = select(func.count()).select_from(Creator).where(questions.found(connection, needle))
            compiled = statement.compile(connection, compile_kwargs={"literal_binds": False})
            plan = "\n".join(connection.exec_driver_sql(f"explain {compiled}", compiled.params).scalars())
            if needle != "1":  # most have it: reading all of them is cheaper
                assert "ix_creator_search_grams" in plan, plan


def _timed(creators: CreatorStore, asked: Question) -> tuple[float, Ids]:
    begun = time.perf_counter()
    ids = creators.ids(asked)
    return time.perf_counter() - begun, ids
