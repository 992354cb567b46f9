# SPDX-License-Identifier: Apache-2.0
"""Contacts, the copy queue and whom it leaves alone, letters, training and entitlements: asked anew each time, and taken back whole."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.errors import UsageError
from app.files import ImportRequest
from app.jobs import Quiet
from app.usecases.incentives import NewEntitlement
from app.usecases.outreach import Bounce, Letter, MailSettings, NewContact, NewTemplate, Refused
from app.values import Actor, CreditGrade, Group, Stage
from db import bulk
from db.engine import reading
from db.stores.facts import FactStore
from db.stores.incentives import IncentiveStore
from db.stores.outreach import OutreachStore
from tests.db.conftest import DAY, File, Shop, koc

if TYPE_CHECKING:
    from collections.abc import Callable

OTHER = Actor("别人", "desk")
HOUR = DAY // 24


@dataclass
class Desk:
    """A shop with the stores of outreach."""

    shop: Shop

    def __post_init__(self) -> None:
        self.out = OutreachStore(self.shop.engine)
        self.incentives = IncentiveStore(self.shop.engine)
        self.facts = FactStore(self.shop.engine)

    def template(self, text: str = "你好{name}，我是{me}", channel: str = "wechat", subject: str | None = None) -> int:
        return self.out.save_template(NewTemplate(f"模板{channel}", channel, text, subject), self.shop.actor, self.shop.tick()).id

    def queue(self, template: int, actor: Actor | None = None, *, pool: bool = True, limit: int = 100) -> Any:
        return self.out.queue(template, limit, actor or self.shop.actor, self.shop.now, pool=pool)

    def served(self, template: int, actor: Actor | None = None, *, pool: bool = True) -> list[int]:
        return [one.creator_id for one in self.queue(template, actor, pool=pool).rows]

    def events(self, creator: int) -> list[tuple[str, bool, bool]]:
        """Type, whether confirmed, whether void, of a creator's entries."""
        with reading(self.shop.engine) as connection:
            rows = bulk.fetch(connection, "select type, confirmed_at, voided_at from credit_event where creator_id = ? order by id", creator)
        return [(row[0], row[1] is not None, row[2] is not None) for row in rows]

    def take(self, kind: str, *rows: dict[str, Any], dry_run: bool = False) -> Any:
        request = ImportRequest(Path("sheet.csv"), kind=kind, dry_run=dry_run)
        return self.facts.take(File(rows), request, self.shop.actor, self.shop.tick(), Quiet())


@pytest.fixture
def desk(shop: Shop) -> Desk:
    shop.take(
        koc(1, followers=900, wechat="wx_1", phone="13800000001", email="One@Example.com"),
        koc(2, followers=50_000, wechat="wx_2", owner="某人"),
        koc(3, followers=700_000, wechat="wx_3", owner="别人"),
        koc(4, followers=800_000),
        koc(5, followers=2_000, wechat="wx_5", stage=int(Stage.ACTIVE)),
        koc(6, followers=3_000, wechat="wx_6"),
    )
    return Desk(shop)


# ---------------------------------------------------------------- the copy queue


def test_the_queue_has_ones_own_first_then_the_pool_with_the_words_filled_in(desk: Desk):
    template = desk.template("{name}你好，我是{me}")
    found = desk.queue(template)
    assert [(one.creator_id, one.text, one.address) for one in found.rows] == [
        (2, "达人2你好，我是某人", "wx_2"), (6, "达人6你好，我是某人", "wx_6"), (1, "达人1你好，我是某人", "wx_1"),
    ]  # fmt: skip
    assert (found.sent_today, found.left) == (0, 60)
    assert desk.served(template, pool=False) == [2]
    assert desk.served(template, OTHER) == [3, 6, 1]


def test_what_was_sent_is_one_operation_and_undo_gives_all_of_it_back(desk: Desk):
    shop, template = desk.shop, desk.template()
    before = shop.hash()
    done = desk.out.sent(6, template, "你好达人6，我是某人", shop.actor, shop.tick())
    assert (done.moved, done.claimed, done.left) == (True, True, 59)
    assert (shop.row(6).stage, shop.row(6).owner) == (Stage.CONTACTED, "某人")
    assert [(one.channel, one.direction, one.who, one.template) for one in desk.out.log(6, 5)] == [("wechat", "out", "某人", "模板wechat")]
    assert 6 not in desk.served(template)
    with pytest.raises(UsageError) as again:
        desk.out.sent(6, template, "又一次", OTHER, shop.tick())
    assert again.value.code == "not_in_queue"
    shop.undo(done.operation_id)
    assert shop.hash() == before
    assert desk.served(template) == [2, 6, 1]
    shop.redo(done.operation_id)
    assert shop.row(6).owner == "某人"
    assert shop.faults() == []


def test_the_days_limit_ends_the_queue_and_the_next_day_begins_it(desk: Desk):
    shop, template = desk.shop, desk.template()
    shop.take(*(koc(number, wechat=f"wx_{number}") for number in range(100, 170)))
    for one in desk.served(template)[:60]:
        desk.out.sent(one, template, "", shop.actor, shop.tick())
    assert (desk.queue(template).left, desk.served(template)) == (0, [])
    assert len(desk.served(template, OTHER)) > 5, "the limit is each person's own"
    left = shop.ids("stage = lead and wechat ~ wx_1")[0]
    with pytest.raises(UsageError) as refused:
        desk.out.sent(left, template, "", shop.actor, shop.tick())
    assert refused.value.code == "daily_limit"
    shop.tick(DAY)
    assert left in desk.served(template)


def test_who_opted_out_is_asked_for_until_the_last_moment(desk: Desk):
    shop, template = desk.shop, desk.template()
    head = desk.served(template)
    before = shop.hash()
    done = desk.out.opt_out([head[1]], "opt_out", None, "不想合作", shop.actor, shop.tick())
    with pytest.raises(UsageError) as refused:
        desk.out.sent(head[1], template, "晚了一步", shop.actor, shop.tick())
    assert refused.value.code == "suppressed"
    assert desk.served(template) == [head[0], head[2]]
    rows = desk.out.suppressions(head[1], 10, lifted=False)
    assert [(one.creator_id, one.kind, one.channel, one.contacts) for one in rows] == [(head[1], "opt_out", None, 2)]
    lifted = desk.out.lift([rows[0].id], "又愿意了", shop.actor, shop.tick())
    assert desk.served(template) == head
    assert desk.out.suppressions(None, 10, lifted=False) == []
    shop.undo(lifted)
    shop.undo(done)
    assert shop.hash() == before


def test_an_opt_out_of_one_channel_leaves_the_others(desk: Desk):
    shop = desk.shop
    wechat, platform = desk.template(), desk.template("hi {name}", "platform")
    desk.out.opt_out([6], "opt_out", "wechat", None, shop.actor, shop.tick())
    assert 6 not in desk.served(wechat)
    assert 6 in desk.served(platform)


@pytest.mark.parametrize("back", [{"wechat": "WX_1 "}, {"phone": "+86 138-0000-0001"}, {"email": "one@example.COM", "wechat": "new"}])
def test_who_opted_out_and_comes_back_under_another_account_stays_left_alone(desk: Desk, back: dict[str, str]):
    shop, template = desk.shop, desk.template("hi", "platform")
    desk.out.opt_out([1], "opt_out", None, "别再联系", shop.actor, shop.tick())
    shop.take(koc(901, "xiaohongshu", followers=99_000_000, **back))
    again = shop.ids('platform_uid = "901"')[0]
    assert again not in desk.served(template)
    with pytest.raises(UsageError) as refused:
        desk.out.sent(again, template, "", shop.actor, shop.tick())
    assert refused.value.code == "suppressed"
    assert [one.creator_id for one in desk.out.suppressions(again, 5, lifted=False)] == [1]
    with reading(shop.engine) as connection:
        held = " ".join(row[0] or "" for row in bulk.fetch(connection, "select key_hash from suppression"))
    assert "13800000001" not in held
    assert "example" not in held


def test_of_two_who_send_to_one_lead_at_once_one_is_refused(desk: Desk):
    shop, template = desk.shop, desk.template()
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def send(actor: Actor) -> None:
        start.wait()
        try:
            desk.out.sent(6, template, "你好", actor, shop.now)
            outcomes.append("sent")
        except UsageError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=send, args=(actor,)) for actor in (shop.actor, OTHER)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(outcomes) in (["not_in_queue", "sent"], ["owned_by_another", "sent"])
    assert len(desk.out.log(6, 5)) == 1


def test_a_skipped_lead_comes_back_when_its_time_has_come(desk: Desk):
    shop, template = desk.shop, desk.template()
    before = shop.hash()
    done = desk.out.skip(6, "放假", shop.now + 3 * DAY, shop.actor, shop.tick())
    assert 6 not in desk.served(template)
    shop.now += 4 * DAY
    assert 6 in desk.served(template)
    shop.undo(done)
    assert shop.hash() == before


# ---------------------------------------------------------------- contacts and what follows from them


def test_a_question_answered_in_time_or_not_enters_the_ledger_once(desk: Desk):
    shop = desk.shop
    before = shop.hash()
    asked = desk.out.add(NewContact(5, "周三前回复档期", answer_by=shop.now + 48 * HOUR), shop.actor, shop.tick())
    assert desk.events(5) == []
    shop.tick(49 * HOUR)
    assert desk.out.catch_up(shop.actor, shop.now) > 0
    assert desk.out.catch_up(shop.actor, shop.tick()) == 0
    assert desk.events(5) == [("slow_reply", False, False)], "a bad one is only proposed"
    told = desk.out.add(NewContact(5, "可以", direction="in", at=shop.now - 10 * HOUR), shop.actor, shop.tick())
    assert desk.events(5) == [("slow_reply", False, True), ("replied_in_time", True, False)], "it was said in time, and written down later"
    voided = desk.out.void(asked.contact.id, "不是问题", shop.actor, shop.tick())
    assert [one[2] for one in desk.events(5)] == [True, True]
    for operation in (voided, told.operation_id, shop.house.operations("contact.rule")[0].id, asked.operation_id):
        shop.undo(operation)
    assert shop.hash() == before
    assert shop.faults() == []


def test_writing_to_anothers_or_a_suppressed_creator_is_written_down_with_a_warning(desk: Desk):
    shop = desk.shop
    desk.out.opt_out([3], "opt_out", None, None, shop.actor, shop.tick())
    done = desk.out.add(NewContact(3, "打扰了"), shop.actor, shop.tick())
    assert done.clash is not None
    assert (done.clash.code, done.clash.who, done.suppressed) == ("owned", "别人", "opt_out")
    with pytest.raises(UsageError):
        desk.out.void(999, "没有", shop.actor, shop.tick())


def test_a_sheet_of_contacts_is_taken_in_once_and_undone_whole(desk: Desk):
    shop = desk.shop
    before = shop.hash()
    rows = (
        {"platform": "douyin", "platform_uid": "5", "at": shop.now - 60 * HOUR, "text": "档期？", "channel": "phone", "who": "木木", "answer_by": shop.now - 40 * HOUR},
        {"platform": "douyin", "platform_uid": "5", "at": shop.now - 50 * HOUR, "text": "有", "direction": "in"},
        {"platform": "douyin", "platform_uid": "77", "at": shop.now, "text": "谁？"},
    )  # fmt: skip
    assert desk.take("contacts", *rows, dry_run=True).inserted == 2
    done = desk.take("contacts", *rows)
    assert (done.inserted, done.unknown_creators) == (2, ("douyin:77",))
    assert [(one.who, one.channel, one.direction) for one in desk.out.log(5, 5)] == [("某人", "wechat", "in"), ("木木", "phone", "out")]
    assert desk.events(5) == [("replied_in_time", True, False)]
    again = desk.take("contacts", *rows)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 2)
    assert len(list(desk.facts.rows("contacts", 'who = "木木"', ("platform_uid", "text")))) == 1
    shop.undo(done.operation_id)
    assert shop.hash() == before


# ---------------------------------------------------------------- templates


def test_a_template_changed_meanwhile_is_not_overwritten(desk: Desk):
    shop = desk.shop
    number = desk.template()
    desk.out.save_template(NewTemplate("新名字", "wechat", "改过{name}", None, number, 1), OTHER, shop.tick())
    with pytest.raises(UsageError) as refused:
        desk.out.save_template(NewTemplate("我的", "wechat", "也改", None, number, 1), shop.actor, shop.tick())
    assert refused.value.code == "edited_meanwhile"
    with pytest.raises(UsageError) as taken:
        desk.out.save_template(NewTemplate("新名字", "wechat", "又一个"), shop.actor, shop.tick())
    assert taken.value.code == "name_taken"
    archived = desk.out.archive_template(number, shop.actor, shop.tick())
    assert desk.out.templates(archived=False) == []
    shop.undo(archived)
    assert [(one.name, one.placeholders, one.version) for one in desk.out.templates(archived=False)] == [("新名字", ("name",), 2)]


# ---------------------------------------------------------------- letters


def _mail(desk: Desk) -> int:
    desk.out.set_mail(MailSettings("127.0.0.1", 25, "", "brand@example.com", security="none"), desk.shop.actor, desk.shop.tick())
    return desk.template("{name}你好", "email", "合作 {name}")


def test_a_letter_is_reserved_before_it_goes_so_that_nobody_sends_it_twice(desk: Desk):
    shop, template = desk.shop, _mail(desk)
    before = shop.hash()
    reserved = desk.out.reserve(1, template, shop.actor, shop.tick(), 0)
    assert not isinstance(reserved, str)
    operation, letter = reserved
    assert isinstance(letter, Letter)
    assert (letter.to, letter.subject) == ("One@Example.com", "合作 达人1")
    assert "unsubscribe" in letter.text
    assert desk.out.reserve(1, template, OTHER, shop.tick(), 0) == "written_lately"
    assert desk.out.reserve(4, template, shop.actor, shop.tick(), operation) == "no_address"
    desk.out.settle(letter.reference, None, shop.actor, shop.tick(), operation)
    assert [one.outcome for one in desk.out.log(1, 5)] == ["sent"]
    assert shop.row(1).stage is Stage.CONTACTED
    shop.undo(operation)
    assert shop.hash() == before


@pytest.mark.parametrize(("outcome", "alone"), [("failed", False), ("bounced", True)])
def test_a_letter_that_did_not_arrive_is_void_and_a_dead_address_left_alone(desk: Desk, outcome: str, alone: bool):
    shop, template = desk.shop, _mail(desk)
    reserved = desk.out.reserve(1, template, shop.actor, shop.tick(), 0)
    assert not isinstance(reserved, str)
    desk.out.settle(reserved[1].reference, Refused(outcome, "550 no such user"), shop.actor, shop.tick(), reserved[0])
    assert shop.row(1).stage is Stage.LEAD
    assert desk.out.log(1, 5)[-1].voided_at is not None
    assert bool(desk.out.suppressions(1, 5, lifted=False)) == alone
    again = desk.out.reserve(1, template, shop.actor, shop.tick(), 0)
    assert (again == "suppressed") == alone


def test_a_bounce_finds_its_letter_by_reference_or_address(desk: Desk):
    shop, template = desk.shop, _mail(desk)
    reserved = desk.out.reserve(1, template, shop.actor, shop.tick(), 0)
    assert not isinstance(reserved, str)
    desk.out.settle(reserved[1].reference, None, shop.actor, shop.tick(), reserved[0])
    found = desk.out.bounced([Bounce(None, "one@example.com", "5.1.1 unknown"), Bounce("<nobody@x>", None, "5.1.1")], shop.actor, shop.tick())
    assert found == {"bounced": 1, "unknown": 1}
    assert [one.channel for one in desk.out.suppressions(1, 5, lifted=False)] == ["email"]
    assert desk.out.log(1, 5)[0].outcome == "bounced"


# ---------------------------------------------------------------- training and entitlements


def test_a_passed_course_earns_one_event_however_often_its_sheet_comes(desk: Desk):
    shop = desk.shop
    before = shop.hash()
    course = desk.incentives.save_course("入门", 6000, shop.actor, shop.tick())
    rows = (
        {"platform": "douyin", "platform_uid": "1", "course": "入门", "mark": 88.5, "taken_at": shop.now - DAY},
        {"platform": "douyin", "platform_uid": "2", "course": "入门", "mark": 59.0, "taken_at": shop.now - DAY},
        {"platform": "douyin", "platform_uid": "3", "course": "合规", "passed": True},
    )
    assert desk.take("trainings", *rows, dry_run=True).inserted == 3
    done = desk.take("trainings", *rows)
    assert [desk.events(one) for one in (1, 2, 3)] == [[("training_passed", True, False)], [], [("training_passed", True, False)]]
    again = desk.take("trainings", *rows)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 3)
    assert len(desk.events(1)) == 1
    stricter = desk.incentives.save_course("入门", 9000, shop.actor, shop.tick())
    assert desk.events(1) == [("training_passed", True, True)]
    assert [(one.name, one.taken, one.passed) for one in desk.incentives.courses()] == [("入门", 2, 0), ("合规", 1, 1)]
    shop.undo(stricter)
    assert [one.passed for one in desk.incentives.courses()] == [1, 1]
    assert [(one.course, one.mark) for one in desk.incentives.trainings(1, None, 5)] == [("入门", 8850)]
    shop.undo(done.operation_id)
    shop.undo(course)
    assert shop.hash() == before
    assert shop.faults() == []


def test_an_entitlement_is_for_whom_it_is_and_ends_with_its_stock(desk: Desk):
    shop = desk.shop
    before = shop.hash()
    new = NewEntitlement("专属码", "code", "D11", group=Group.NANO_KOC, grade=CreditGrade.N, cost_fen=500, stock=2)
    number = desk.incentives.save_entitlement(new, shop.actor, shop.tick())
    made = shop.house.operations(limit=1)[0].id
    used = desk.incentives.use(number, [1, 5, 6, 3], shop.actor, shop.tick())
    assert (used.used, dict(used.left)) == (2, {6: "used_up", 3: "used_up"})
    shown = desk.incentives.entitlements(None, shop.now, ended=False)[0]
    assert (shown.used, shown.left, shown.spent_fen, shown.state) == (2, 0, 1_000, "used_up")
    assert [one.id for one in desk.incentives.entitlements(5, shop.now, ended=False)] == [number]
    assert desk.incentives.entitlements(4, shop.now, ended=False) == [], "of another group"
    use = desk.incentives.uses(5, None, 5)[0]
    voided = desk.incentives.void_use(use.id, "未领取", shop.actor, shop.tick())
    assert dict(desk.incentives.use(number, [3], shop.actor, shop.tick()).left) == {3: "not_for_him"}
    ended = desk.incentives.end_entitlement(number, shop.actor, shop.tick())
    assert dict(desk.incentives.use(number, [6], shop.actor, shop.tick()).left) == {6: "over"}
    for operation in (ended, voided, used.operation_id, made):
        shop.undo(operation)
    assert shop.hash() == before


@pytest.mark.parametrize(
    "wrong", [lambda desk: desk.out.queue(9, 5, desk.shop.actor, desk.shop.now, pool=True), lambda desk: desk.incentives.end_entitlement(9, desk.shop.actor, 1)]
)
def test_a_number_that_is_none_is_said_to_be_none(desk: Desk, wrong: Callable[[Desk], object]):
    with pytest.raises(UsageError) as refused:
        wrong(desk)
    assert refused.value.code.startswith("unknown_")
