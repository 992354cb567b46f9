# SPDX-License-Identifier: Apache-2.0
"""The work list, the changes and the figures of a day, as the facts give them, on each engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from app.events import Events
from app.jobs import Quiet
from app.usecases.today import Change, Recent, Task, Today, Whose
from app.values import DAY, Bookable, CreditGrade, Group, Sanction, Stage
from db import bulk
from db.engine import writing
from db.stores.today import TodayStore
from tests.db.conftest import koc

if TYPE_CHECKING:
    from tests.db.conftest import Shop

ZONE: Final = "Asia/Shanghai"


def add(shop: Shop, table: str, **values: Any) -> None:
    with writing(shop.engine) as connection:
        bulk.insert(connection, table, tuple(values), [tuple(values.values())])


@pytest.fixture
def today(shop: Shop) -> Today:
    """Today's page of a roster of six, two of them of the one who looks, one of a colleague's."""
    owners = ("某人", "某人", "同事", "外人", None, None)
    shop.take(*(koc(number, followers=1000 * number, owner=owner) for number, owner in enumerate(owners, 1)))
    return Today(TodayStore(shop.engine, read_only=False), shop.actor, ZONE, lambda: shop.now, Events())


def kinds(found: list[Task]) -> dict[str, int]:
    return {task.kind: task.count for task in found}


def changed(found: list[Change]) -> dict[str, int]:
    return {change.kind: change.count for change in found}


def proposed(shop: Shop, creator: int, level: Sanction = Sanction.RESTRICTED, **more: Any) -> None:
    base = {"creator_id": creator, "level": int(level), "points": 6, "proposed_at": shop.now, "proposed_by": "KOC Desk", "event_ids": "[]"}
    add(shop, "sanction", **{**base, **more})


def event(shop: Shop, creator: int, kind: str, **more: Any) -> None:
    base = {"creator_id": creator, "type": kind, "happened_at": shop.now, "recorded_at": shop.now, "filed_by": "同事", "stated": False}
    add(shop, "credit_event", **{**base, **more})


def test_everything_that_waits_is_told_in_batches(shop: Shop, today: Today) -> None:
    proposed(shop, 1)
    proposed(shop, 3, Sanction.SUSPENDED)
    event(shop, 1, "posted_late", source="deliverable:1")
    event(shop, 2, "praised")
    found = today.tasks()
    assert kinds(found) == {"sanctions": 2, "grace_later": 1, "events": 1, "no_owner": 2}
    assert next(task for task in found if task.kind == "sanctions").details["levels"] == {"3": 1, "2": 1}
    shop.tick(2 * DAY - 3_600_000_000)
    assert kinds(today.tasks())["grace"] == 1, "its grace ends today"


def test_whose_it_is_decides_what_is_told(shop: Shop, today: Today) -> None:
    for creator in range(1, 7):
        proposed(shop, creator)
    assert kinds(today.tasks(Whose.ALL))["sanctions"] == 6
    assert kinds(today.tasks(Whose.MINE)) == {"sanctions": 2}
    assert kinds(today.tasks(Whose.TEAM)) == {"sanctions": 2}, "without a team it is oneself"
    today.set_team("一组", ["同事"])
    assert set(today.mates()) == {"某人", "同事"}
    assert kinds(today.tasks(Whose.TEAM)) == {"sanctions": 3}


def test_what_one_filed_oneself_waits_for_somebody_else(shop: Shop, today: Today) -> None:
    event(shop, 1, "praised", filed_by=shop.actor.name)
    assert kinds(today.tasks(Whose.MINE)) == {}
    assert kinds(today.tasks(Whose.ALL))["events"] == 1


def test_an_appeal_is_late_when_its_days_are_over(shop: Shop, today: Today) -> None:
    event(shop, 1, "no_show", confirmed_at=shop.now)
    add(shop, "appeal", event_id=1, filed_at=shop.now, filed_by="达人", reason="样品晚到")
    (one,) = (task for task in today.tasks() if task.kind == "appeal")
    assert (one.creator_id, one.overdue, one.due_at) == (1, 0, shop.now + 30 * DAY)
    shop.tick(31 * DAY)
    assert [task.overdue for task in today.tasks() if task.kind == "appeal"] == [1]


def test_silent_leads_are_those_that_somebody_looks_after(shop: Shop, today: Today) -> None:
    shop.tick(40 * DAY)
    for whose, ids in ((Whose.ALL, [1, 2, 3, 4]), (Whose.MINE, [1, 2])):
        (one,) = (task for task in today.tasks(whose) if task.kind == "silent")
        assert (one.count, one.overdue, sorted(shop.ids(one.where))) == (len(ids), len(ids), ids)
    assert "silent" not in kinds(today.tasks(brief=True)), "among everybody's it is looked for afterwards"
    assert "silent" in kinds(today.tasks(Whose.MINE, brief=True))


def test_what_is_late_stands_first_then_batches(shop: Shop, today: Today) -> None:
    shop.tick(40 * DAY)
    proposed(shop, 1)
    proposed(shop, 1, approved=True, decided_at=shop.now, decided_by="主管", reason="x", ends_at=shop.now + DAY)
    order = [task.kind for task in today.tasks(Whose.MINE)]
    assert order[0] == "silent"
    assert order.index("sanctions") < order.index("sanction_ending")


def test_connections_and_what_platforms_told_wait_for_everybody(shop: Shop, today: Today) -> None:
    base = {"platform": "youtube", "scopes": "[]", "created_at": shop.now, "changed_at": shop.now}
    add(shop, "connection", name="一号", state="login_needed", **base)
    add(shop, "connection", name="二号", state="ok", expires_at=shop.now + 3 * DAY, **base)
    add(shop, "connection", name="三号", state="ok", expires_at=shop.now + 90 * DAY, **base)
    fields = {
        "connection_id": 1,
        "kind": "creator",
        "key": "k",
        "table_name": "creator",
        "row_id": 1,
        "field": "name",
        "base": '""',
        "mine": '""',
        "theirs": '""',
    }
    add(shop, "conflict", at=shop.now, **fields)
    found = {task.kind: task for task in today.tasks(Whose.MINE)}
    assert found["connection"].name == "一号"
    assert (found["authorisation"].name, found["authorisation"].due_at) == ("二号", shop.now + 3 * DAY)
    assert found["conflicts"].count == 1


def test_changes_since_a_moment(shop: Shop, today: Today) -> None:
    shop.tick(3 * DAY)
    assert changed(today.changes()[1]) == {}
    since = shop.now
    shop.tick()
    shop.take(koc(7, followers=10), koc(1, followers=9_000_000))
    shop.pipeline.move([1], Stage.CONTACTED, None, type(shop.actor)("别人"), shop.tick())
    proposed(shop, 2, approved=True, decided_at=shop.now, decided_by="主管", reason="x")
    found = {one.kind: one for one in today.changes(since)[1]}
    assert {kind: one.count for kind, one in found.items()} == {"new_creators": 1, "tier_moves": 1, "new_sanctions": 1, "others": 1}
    assert shop.ids(found["new_creators"].where) == [7]
    assert shop.ids(found["tier_moves"].where) == [1]
    assert shop.ids(found["new_sanctions"].where) == [2]
    assert found["others"].details["who"] == ["别人"]
    shop.tick(3 * DAY)
    assert changed(today.changes()[1]) == {}, "yesterday nothing happened"


def test_grades_that_moved_are_those_of_then_and_now(shop: Shop, today: Today) -> None:
    since = shop.tick(DAY)
    shop.tick()
    with writing(shop.engine) as connection:
        operation = bulk.reserve(connection, "operation", 1)
        bulk.insert(connection, "operation", ("id", "kind", "at", "by", "summary"), [(operation, "credit.add", shop.now, "同事", json.dumps({}))])
        first = bulk.reserve(connection, "credit_event", 1)
        columns = ("id", "creator_id", "type", "happened_at", "recorded_at", "confirmed_at", "filed_by", "stated")
        bulk.insert(connection, "credit_event", columns, [(first, 2, "fake_review", shop.now, shop.now, shop.now, "同事", False)])
        bulk.insert(connection, "inserted", ("operation_id", "table_name", "first", "last"), [(operation, "credit_event", first, first)])
        bulk.run(connection, "update creator set credit_grade = ? where id = 2", int(CreditGrade.D))
    found = {one.kind: one for one in today.changes(since)[1]}
    assert (found["new_events"].count, found["grade_moves"].count) == (1, 1)
    assert found["grade_moves"].details == {"up": 0, "down": 1}
    assert shop.ids(found["grade_moves"].where) == [2]


def test_how_many_of_each_group_can_be_booked(shop: Shop, today: Today) -> None:
    with writing(shop.engine) as connection:
        bulk.run(connection, "update creator set credit_grade = ? where id = 1", int(CreditGrade.D))
        bulk.run(connection, "update creator set credit_grade = ? where id = 2", int(CreditGrade.C))
        bulk.run(connection, "update creator set credit_grade = ? where id = 3", int(CreditGrade.C))
    proposed(shop, 3, Sanction.BANNED, approved=True, decided_at=shop.now, decided_by="主管", reason="x")
    standing = today.standing()
    counted = {one.group: (one.yes, one.needs_approval, one.no, one.plan) for one in standing.groups}
    assert counted[Group.NANO_KOC] == (3, 1, 2, None)
    for word, count in ((Bookable.YES, 3), (Bookable.NEEDS_APPROVAL, 1), (Bookable.NO, 2)):
        assert len(shop.ids(f"bookable = {word.code} and group = nano_koc")) == count
    add(shop, "recruitment_plan", month=2000 * 12, group=int(Group.NANO_KOC), platform="", category="", target=50, by="主管", at=shop.now, version=1)
    assert today.standing().groups[0].plan == 50


def test_the_last_days_are_kept_until_something_changes(shop: Shop, today: Today) -> None:
    assert today.kept() is None
    first = today.recent(Quiet())
    assert isinstance(first, Recent)
    assert [one.days for one in first.stretches] == [7, 30]
    kept = today.kept()
    assert kept is not None
    assert kept.fresh
    assert kept.stretches == first.stretches
    shop.take(koc(8))
    stale = today.kept()
    assert stale is not None
    assert not stale.fresh
    assert today.recent(Quiet()).fresh


def test_a_team_can_be_taken_back(shop: Shop, today: Today) -> None:
    before = shop.hash()
    today.set_team("一组", ["同事"])
    with writing(shop.engine) as connection:
        operation = bulk.fetch(connection, "select max(id) from operation")[0][0]
    shop.undo(operation)
    assert today.teams() == {}
    assert shop.hash() == before
