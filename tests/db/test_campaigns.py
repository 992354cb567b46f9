# SPDX-License-Identifier: Apache-2.0
"""Campaigns, collaborations, prices and due posts on real stores of both engines; what they raise, and how all of it is taken back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from app.errors import UsageError
from app.events import Events
from app.rules.roi import Standing
from app.usecases.campaigns import Campaigns, DealQuestion, NewQuote, Plan, Terms
from app.usecases.content import Fulfilment, TaskQuestion
from app.values import Actor, day_end
from db import bulk
from db.engine import reading
from db.stores.campaigns import ProjectStore
from db.stores.content import WorkStore
from tests.db.conftest import DAY, Shop, koc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HOUR = DAY // 24


@dataclass
class Open:
    """Fulfils ``Gate``: lets everything out."""

    withheld: tuple[str, ...] = ()
    left: list[Any] = field(default_factory=list)

    def note(self, left: Any) -> None:
        self.left.append(left)


@dataclass
class Paper:
    """Fulfils the half of ``Files`` that writes, keeping what was written."""

    written: list[list[object]] = field(default_factory=list)

    def write_table(self, _path: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
        self.written = [list(header), *(list(row) for row in rows)]
        return len(self.written) - 1


@dataclass
class Desk:
    """A workspace's campaigns and fulfilment as somebody works on them, with the workspace's clock."""

    shop: Shop

    def __post_init__(self) -> None:
        self.paper, self.gate, self.events = Paper(), Open(), Events()
        self.projects = self.campaigns(self.shop.actor)
        self.work = self.fulfilment(self.shop.actor)
        self.reviewer = self.fulfilment(Actor("审核"))

    def campaigns(self, actor: Actor) -> Campaigns:
        files: Any = self.paper
        return Campaigns(ProjectStore(self.shop.engine), files, actor, self.shop.tick, self.events)

    def fulfilment(self, actor: Actor) -> Fulfilment:
        files: Any = self.paper
        return Fulfilment(WorkStore(self.shop.engine), files, self.gate, actor, self.shop.tick, self.events)

    def roster(self, count: int = 4, **fields: Any) -> list[int]:
        self.shop.take(*(koc(number, handle=f"koc{number}", followers=20_000, **fields) for number in range(1, count + 1)))
        return self.shop.ids()

    def agreed(self, creators: Sequence[int], **plan: Any) -> list[int]:
        """Due posts of confirmed collaborations in a campaign."""
        campaign = self.projects.add({"name": "双十一种草"}).id
        wanted = {"due_at": self.shop.now + 10 * DAY, **plan}
        done = self.projects.propose(campaign, creators, Terms(form="exchange", owner="安安"), Plan(**wanted))
        self.projects.move(done.ids, "confirmed")
        return [row.id for row in sorted(self.work.tasks(TaskQuestion(campaign_id=campaign)), key=lambda row: row.id)]

    def ledger(self, *, voided: bool = False) -> list[tuple[str, str, bool]]:
        """Entries that the desk raised: source, type, confirmed."""
        with reading(self.shop.engine) as connection:
            rows = bulk.fetch(
                connection,
                "select source, type, confirmed_at from credit_event where source is not null"
                + ("" if voided else " and voided_at is null")
                + " order by happened_at, id",
            )
        return [(row[0].split(":")[0], row[1], row[2] is not None) for row in rows]

    def last(self) -> int:
        return self.shop.house.operations(limit=1)[0].id


@pytest.fixture
def desk(shop: Shop) -> Desk:
    return Desk(shop)


# ---------------------------------------------------------------- campaigns and collaborations


def test_a_collaboration_goes_its_way_and_no_other(desk: Desk) -> None:
    creators = desk.roster()
    campaign = desk.projects.add({"name": "双十一种草", "budget_fen": 1_000_000, "starts_on": "2026-09-01", "ends_on": "2026-11-11"})
    assert campaign.code is not None
    assert (campaign.code[:2], campaign.state) == ("XM", "planned")
    done = desk.projects.propose(campaign.id, creators, Terms(fee_fen=30_000, owner="安安"))
    assert len(done.ids) == 4
    assert not done.left
    again = desk.projects.propose(campaign.id, creators[:1])
    assert (again.operation_id, [left.code for left in again.left]) == (0, ["in_campaign"])
    desk.projects.move(done.ids[:2], "invited")
    moved = desk.projects.move(done.ids, "running")
    assert (moved.operation_id, {left.code for left in moved.left}) == (0, {"move_not_allowed"})
    with pytest.raises(UsageError) as refused:
        desk.projects.move(done.ids[:1], "cancelled")
    assert refused.value.code == "value_missing"
    desk.projects.move(done.ids[:1], "cancelled", "price: 超出预算")
    row = desk.projects.collaboration(done.ids[0])
    assert (row.state, row.cancel_reason, row.platform, row.handle, row.owner) == ("cancelled", "price: 超出预算", "douyin", row.handle, "安安")
    told = desk.projects.one(campaign.id)
    assert told.deals == {"candidate": 2, "invited": 1, "cancelled": 1}
    assert [(step.previous, step.state) for step in desk.projects.history(done.ids[:1])] == [
        (None, "candidate"), ("candidate", "invited"), ("invited", "cancelled"),
    ]  # fmt: skip
    assert desk.projects.count(DealQuestion(campaign_id=campaign.id, states=("candidate",))) == 2
    assert [one.id for one in desk.projects.collaborations(DealQuestion(search=str(row.code)))] == [row.id]
    assert desk.shop.faults() == []


def test_two_people_cannot_change_one_thing_unseen(desk: Desk) -> None:
    creators = desk.roster(1)
    campaign = desk.projects.add({"name": "春上新"})
    deal = desk.projects.propose(campaign.id, creators).ids[0]
    seen = desk.projects.collaboration(deal).version
    desk.projects.agree([deal], {"fee_fen": 50_000}, version=seen)
    with pytest.raises(UsageError) as refused:
        desk.projects.agree([deal], {"fee_fen": 60_000}, version=seen)
    assert refused.value.code == "changed_meanwhile"
    desk.projects.edit(campaign.id, {"brief": "只讲肤感"}, version=campaign.version)
    with pytest.raises(UsageError):
        desk.projects.edit(campaign.id, {"brief": "别的"}, version=campaign.version)


# ---------------------------------------------------------------- one whole way


def test_a_due_post_from_sample_to_figures_and_what_it_raises(desk: Desk) -> None:
    creators = desk.roster(1)
    task = desk.agreed(creators, sample_days=5, draft_due_at=desk.shop.now + 8 * DAY, sku="YJ-01")[0]
    assert desk.work.show(task).row.step == "address"
    desk.work.take_in("YJ-01", 3, unit_cost_fen=4_900)
    desk.work.note([task], "address_ok", recipient="收件人", address="某省某市某路 1 号")
    assert [(row.free, row.reserved) for row in desk.work.stock()] == [(2, 1)]
    assert desk.work.show(task).row.step == "ship"
    desk.work.note([task], "sent", carrier="顺丰", waybill="SF0001")
    desk.shop.tick(2 * DAY)
    desk.work.note([task], "received")
    shown = desk.work.show(task)
    assert (shown.row.state, shown.row.step, shown.parcels[0].waybill) == ("received", "draft", "SF0001")
    desk.shop.tick(DAY)
    desk.work.submit(task, text="第一稿")
    assert [row.version for row in desk.work.drafts()] == [1]
    desk.reviewer.review([desk.work.drafts()[0].id], "approve")
    assert desk.work.show(task).row.step == "post"
    desk.shop.tick(2 * DAY)
    intake = desk.work.match(f"看看【达人1的作品】 https://www.douyin.com/video/{(desk.shop.now // 1_000_000) << 32 | 7}")
    assert [(one.task_id, one.by) for one in intake.matched] == [(task, "name")]
    posted = desk.work.show(task).row
    assert (posted.state, posted.step) == ("posted", "t7")
    assert desk.work.note([task], "t21", figures={"views": 3}).left[0].code == "too_early"
    desk.shop.tick(8 * DAY)
    desk.work.note([task], "t7", figures={"views": 1_000, "likes": 30}, evidence="截图")
    desk.shop.tick(15 * DAY)
    desk.work.note([task], "t21", source="checked", figures={"views": 2_000}, evidence="截图")
    told = desk.work.show(task)
    assert (told.row.state, told.row.step, [one.mark for one in told.figures]) == ("t21", None, [7, 21])
    assert desk.ledger() == [
        ("draft", "draft_on_time", True), ("reviews", "approved_first_pass", True), ("deliverable", "posted_on_time", True),
        ("figures", "metrics_verified", True),
    ]  # fmt: skip
    assert [one.type for one in told.events] == ["draft_on_time", "approved_first_pass", "posted_on_time", "metrics_verified"]
    assert desk.projects.collaborations(DealQuestion())[0].state == "done"
    assert desk.shop.faults() == []
    assert [row.told.lost for row in desk.work.write_off()] == [0]


def test_a_silent_creator_is_proposed_as_a_no_show_and_a_late_post_takes_its_place(desk: Desk) -> None:
    creators = desk.roster(1)
    task = desk.agreed(creators)[0]
    desk.shop.tick(17 * DAY + HOUR)
    assert desk.work.tick() == 1
    assert desk.work.tick() == 0
    assert desk.ledger() == [("deliverable", "no_show", False)]
    with reading(desk.shop.engine) as connection:
        assert bulk.fetch(connection, "select filed_by from credit_event where type = 'no_show'")[0][0] == "安安"
        event = bulk.fetch(connection, "select id from credit_event where type = 'no_show'")[0][0]
    desk.shop.ratings.confirm_event(event, "查过聊天记录", Actor("主管"), desk.shop.tick())
    desk.work.note([task], "posted", url="https://www.douyin.com/video/7300000000000000007")
    assert desk.ledger() == [("deliverable", "posted_very_late", False)]
    assert desk.ledger(voided=True)[0] == ("deliverable", "no_show", True)


def test_a_cause_on_our_side_excuses_and_an_extension_moves_the_day(desk: Desk) -> None:
    tasks = desk.agreed(desk.roster(3))
    desk.work.extend(tasks[:1], desk.shop.now + 20 * DAY, "样品晚到")
    desk.shop.tick(11 * DAY)
    desk.work.excuse(tasks[1:2], ["late_sample"], "仓库缺货")
    for task in tasks:
        desk.work.note([task], "posted")
    assert sorted(kind for _, kind, _ in desk.ledger()) == ["posted_late", "posted_on_time"]
    desk.work.excuse(tasks[1:2], None)
    assert sorted(kind for _, kind, _ in desk.ledger()) == ["posted_late", "posted_late", "posted_on_time"]


def test_revisions_beyond_the_free_rounds_count_and_those_after_a_changed_brief_do_not(desk: Desk) -> None:
    task = desk.agreed(desk.roster(1), draft_due_at=desk.shop.now + DAY)[0]
    for number in range(4):
        desk.work.submit(task, text=f"第 {number + 1} 稿")
        assert desk.work.note([task], "draft_in").left[0].code == "draft_waiting"
        desk.reviewer.note([task], "revise", reason="口播太硬", brief_changed=number == 0)
    assert [kind for _, kind, _ in desk.ledger()].count("revision_required") == 1
    draft = desk.work.drafts(waiting=False)[-1]
    assert (draft.version, draft.rounds, draft.free_rounds, draft.late) == (4, 3, 2, False)


def test_a_creator_who_withdraws_after_the_agreement_is_noted_and_before_it_is_not(desk: Desk) -> None:
    creators = desk.roster(2)
    campaign = desk.projects.add({"name": "双十二"}).id
    done = desk.projects.propose(campaign, creators, None, Plan(due_at=desk.shop.now + 5 * DAY))
    desk.projects.move(done.ids[:1], "confirmed")
    desk.projects.move(done.ids, "cancelled", "creator_withdrew")
    assert desk.ledger() == [("deliverable", "cancelled_by_creator", False)]
    desk.shop.tick(40 * DAY)
    assert desk.work.tick() == 0


# ---------------------------------------------------------------- undo


def test_everything_at_the_desk_is_taken_back_step_by_step(desk: Desk) -> None:  # noqa: PLR0915 (a day is long)
    creators = desk.roster(3)
    hashes = [desk.shop.hash()]

    def did() -> None:
        hashes.append(desk.shop.hash())

    campaign = desk.projects.add({"name": "双十一种草", "category": "母婴"}).id
    did()
    deals = desk.projects.propose(
        campaign, creators, Terms(form="mixed"), Plan(due_at=desk.shop.now + 10 * DAY, sample_days=3, draft_due_at=desk.shop.now + 6 * DAY, sku="A")
    ).ids
    did()
    account = desk.projects.collaboration(deals[0]).account_id
    desk.projects.quote([NewQuote(account, "video", 80_000, collaboration_id=deals[0], rebate_bp=1_000)])
    did()
    desk.projects.move(deals, "confirmed")
    did()
    desk.work.take_in("A", 2)
    did()
    tasks = [row.id for row in desk.work.tasks(TaskQuestion())]
    told = desk.work.note(tasks, "address_ok")
    assert [left.code for left in told.left] == ["out_of_stock"]
    did()
    desk.work.note(tasks[:2], "sent")
    did()
    desk.work.note(tasks[:2], "received")
    did()
    desk.work.note(tasks[:2], "draft_in", text="稿")
    did()
    desk.reviewer.note(tasks[:2], "approved")
    did()
    desk.fulfilment(Actor("品牌")).note(tasks[:1], "approved")
    did()
    desk.work.remind(tasks)
    did()
    desk.work.extend(tasks, desk.shop.now + 12 * DAY)
    did()
    assert desk.work.match("双十一 https://www.douyin.com/video/7400000000000000001 达人1").unmatched
    desk.work.note(tasks[:1], "posted", url="https://www.douyin.com/video/7400000000000000001")
    did()
    desk.work.note(tasks[:1], "t7", figures={"likes": 5})
    did()
    desk.projects.bind(creators[:1], "别家", "护肤")
    did()
    desk.projects.book(deals)
    desk.projects.move(deals[2:], "cancelled", "brand_changed")
    did()
    desk.shop.tick(30 * DAY)
    assert desk.work.tick()
    did()
    assert desk.shop.faults() == []
    operations = [one.id for one in desk.shop.house.operations(limit=len(hashes) + 1)]
    steps = iter(operations)
    for expected in reversed(hashes[:-1]):
        while desk.shop.hash() != expected:
            done = desk.shop.undo(next(steps))
            assert not done.kept
        assert desk.shop.faults() == []
    assert desk.shop.hash() == hashes[0]


def test_the_doctor_sees_a_post_that_does_not_stand_where_its_facts_say(desk: Desk) -> None:
    task = desk.agreed(desk.roster(1))[0]
    with desk.shop.engine.begin() as connection:
        connection.exec_driver_sql(f"update deliverable set step = 't7' where id = {task}")
    assert desk.shop.faults() == ["desk"]
    assert desk.shop.faults(repair=True) == []


def test_taking_back_out_of_order_leaves_posts_where_their_facts_say(desk: Desk) -> None:
    task = desk.agreed(desk.roster(1), sample_days=3)[0]
    desk.work.note([task], "address_ok")
    desk.work.note([task], "sent")
    sent = desk.last()
    desk.work.extend([task], desk.shop.now + 30 * DAY)
    desk.shop.undo(sent)
    row = desk.work.show(task).row
    assert (row.state, row.step) == ("address_ok", "ship")
    desk.shop.redo(sent)
    assert desk.work.show(task).row.step == "receive"
    assert desk.shop.faults() == []


# ---------------------------------------------------------------- prices, rivals, the return


def test_a_price_stands_beside_the_own_last_one_and_what_peers_ask(desk: Desk) -> None:
    creators = desk.roster(6, avg_likes=100, avg_comments=0, avg_shares=0, category="护肤")
    accounts = list(ProjectStore(desk.shop.engine).accounts(creators, None).values())
    desk.projects.quote([NewQuote(one, "video", 10_000 * (at + 1)) for at, one in enumerate(accounts)])
    desk.shop.tick(DAY)
    desk.projects.quote([NewQuote(accounts[0], "video", 20_000, platform_fee_fen=1_000, rebate_bp=1_000)])
    campaign = desk.projects.add({"name": "秋上新"}).id
    deal = desk.projects.propose(campaign, creators[1:2]).ids[0]
    desk.projects.quote([NewQuote(accounts[1], "image", 9_000, "rate_card", deal)])
    assert desk.projects.collaboration(deal).state == "candidate"
    desk.projects.quote([NewQuote(accounts[1], "image", 8_000, collaboration_id=deal), NewQuote(accounts[1], "image", 7_500, collaboration_id=deal)])
    assert (desk.projects.collaboration(deal).state, desk.projects.collaboration(deal).quote_fen) == ("quoted", 7_500)
    assert [row.fee_fen for row in desk.projects.quotes(deals=[deal])] == [7_500, 8_000, 9_000]
    beside = desk.projects.prices([(accounts[0], "video")])[0]
    assert (beside.fee_fen, beside.total_fen, beside.last_fen) == (20_000, 19_000, 10_000)
    assert beside.per_engagement_fen == 190
    assert beside.peers is not None
    assert (beside.peers.median, beside.peers.count, beside.peers.level) == (400, 5, "category")


def test_what_enters_the_return_is_measurable_and_mature(desk: Desk) -> None:
    creators = desk.roster(3)
    tasks = desk.agreed(creators)
    deals = [row.collaboration_id for row in (desk.work.show(task).row for task in tasks)]
    desk.projects.agree(deals[:2], {"coupon": "XIAOLU8", "fee_fen": 10_000})
    desk.work.note(tasks[:1], "posted")
    now = {row.id: row.standing for row in desk.projects.standings()}
    assert [now[deal] for deal in deals] == [Standing.IN_FLIGHT, Standing.IN_FLIGHT, Standing.NOT_MEASURABLE]
    desk.shop.tick(8 * DAY)
    desk.projects.move(deals[1:2], "cancelled", "budget")
    later = {row.id: (row.standing, row.cost_fen) for row in desk.projects.standings()}
    assert [later[deal][0] for deal in deals[:2]] == [Standing.ENTERS, Standing.ENTERS]
    assert later[deals[0]][1] == 10_000


def test_costs_are_booked_once_and_name_their_collaboration(desk: Desk) -> None:
    tasks = desk.agreed(desk.roster(1), sample_days=3, sku="A")
    deal = desk.work.show(tasks[0]).row.collaboration_id
    desk.projects.agree([deal], {"fee_fen": 30_000, "platform_fee_fen": 1_500})
    desk.work.note(tasks, "sent", freight_fen=1_200)
    assert desk.projects.book([deal]).operation_id
    assert desk.projects.book([deal]).operation_id == 0
    with reading(desk.shop.engine) as connection:
        rows = bulk.fetch(connection, "select kind, amount_fen, campaign, collaboration_id from cost_entry order by kind")
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("fee", 30_000, "双十一种草"),
        ("freight", 1_200, "双十一种草"),
        ("platform_fee", 1_500, "双十一种草"),
    ]
    assert {row[3] for row in rows} == {deal}


# ---------------------------------------------------------------- lists, batches


def test_the_due_list_says_what_is_overdue_due_and_at_risk(desk: Desk) -> None:
    tasks = desk.agreed(desk.roster(3))
    desk.work.extend(tasks[1:2], desk.shop.now + 12 * DAY)
    desk.shop.tick(10 * DAY)
    report = desk.work.due()
    assert report.counts["due"] == {"post": 2}
    assert [row.remind for row in report.rows] == ["D0", "D0"]
    desk.work.remind([report.rows[0].id])
    assert [row.remind for row in desk.work.due().rows].count("D0") == 1
    desk.shop.tick(DAY)
    late = desk.work.due(owner="安安", limit=1)
    assert (late.counts["overdue"], late.total, len(late.rows)) == ({"post": 2}, late.total, 1)
    assert late.rows[0].urgency == "overdue"
    assert desk.work.due(owner="木木").total == 0


def test_what_is_due_by_the_end_of_a_day_is_due_on_it(desk: Desk) -> None:
    day = date(2026, 11, 20)
    desk.agreed(desk.roster(1), due_at=day_end(day, "Asia/Shanghai"))
    told = [desk.work.due(date.fromordinal(day.toordinal() + by)) for by in (-1, 0, 1)]
    assert [{name for name, steps in one.counts.items() if steps} for one in told] == [set(), {"due"}, {"overdue"}]
    assert [one.rows[0].remind for one in told if one.rows] == ["D0", "D+1"]


def test_who_was_late_before_will_probably_be_late_again(desk: Desk) -> None:
    creators = desk.roster(2)
    first = desk.agreed(creators)
    desk.shop.tick(15 * DAY)
    desk.work.note(first[:1], "posted")
    desk.work.note(first[1:], "posted", at=desk.shop.now - 10 * DAY)
    desk.shop.tick(3 * DAY)
    with reading(desk.shop.engine) as connection:
        event = bulk.fetch(connection, "select id from credit_event where type = 'posted_very_late'")[0][0]
    desk.shop.ratings.confirm_event(event, "属实", Actor("主管"), desk.shop.tick())
    desk.agreed(creators)
    told = desk.work.forecast()
    assert [row.task.creator_id for row in told.rows] == creators[:1] + creators[1:]
    assert told.rows[0].chance < 0.8 < told.rows[1].chance
    assert (told.open, told.calibration.cases) == (2, 2)


def test_a_batch_goes_to_the_warehouse_in_its_columns_and_not_twice(desk: Desk, tmp_path: Path) -> None:
    tasks = desk.agreed(desk.roster(3), sku="A")
    desk.work.note(tasks[:2], "address_ok", address="某市")
    done = desk.work.export_batch(tmp_path / "batch.xlsx", {"order_no": "出库单号", "sku": "商品编码", "address": "地址"})
    assert len(done.ids) == 2
    assert desk.paper.written[0] == ["出库单号", "商品编码", "地址"]
    assert {row[1] for row in desk.paper.written[1:]} == {"A"}
    assert desk.work.export_batch(tmp_path / "again.xlsx").operation_id == 0
    desk.gate.withheld = ("phone",)
    desk.work.note(tasks[2:], "address_ok", address="某市")
    desk.work.export_batch(tmp_path / "third.xlsx")
    assert not {"phone", "address", "recipient"} & set(desk.paper.written[0])


def test_ten_thousand_collaborations_are_moved_at_once_in_seconds(file: Shop) -> None:
    desk = Desk(file)
    creators = desk.roster(10_000)
    campaign = desk.projects.add({"name": "素人铺量"}).id
    deals = desk.projects.propose(campaign, creators, Terms(form="exchange"), Plan(due_at=file.now + 10 * DAY)).ids
    assert len(desk.projects.move(deals, "confirmed").ids) == 10_000
    tasks = [row.id for row in desk.work.tasks(TaskQuestion())]
    assert len(desk.work.note(tasks, "posted").ids) == 10_000
