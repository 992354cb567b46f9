# SPDX-License-Identifier: Apache-2.0
"""The pipeline in sets: moves, funnel, silence, the pool, hand-overs and plans agree with a look at each creator, and can be taken back."""

from __future__ import annotations

import random
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from app.jobs import Quiet
from app.rules.recruiting import Holding, is_silent, returns
from app.usecases.outreach import NewContact
from app.usecases.recruiting import PlanCell
from app.values import Actor, Group, Stage
from db import bulk
from db.engine import reading
from db.stores.outreach import OutreachStore
from tests.db.conftest import DAY, NOON, Shop, koc

if TYPE_CHECKING:
    from collections.abc import Callable

OTHER = Actor("别人", "desk")
MONTH = 2026 * 12 + 8
"""September 2026, in which the tests' clock stands."""


def steps(shop: Shop) -> list[Any]:
    with reading(shop.engine) as connection:
        return bulk.fetch(connection, "select creator_id, stage, previous, since, at, reason from stage_step order by id")


# ---------------------------------------------------------------- moves


def test_moves_keep_the_rules_and_say_who_was_left(shop: Shop):
    shop.take(koc(1), koc(2, stage=int(Stage.ACTIVE)), koc(3, stage=int(Stage.ENDED)), koc(4))
    empty = shop.hash()
    done = shop.pipeline.move([1, 2, 3, 4], Stage.TRIAL, None, shop.actor, shop.tick())
    assert done.changed == 2
    assert [(one.creator_id, one.code, one.stage) for one in done.left] == [(2, "stage_not_allowed", Stage.ACTIVE), (3, "stage_not_allowed", Stage.ENDED)]
    refused = shop.pipeline.move([1], Stage.ENDED, "  ", shop.actor, shop.tick())
    assert (refused.operation_id, refused.changed, refused.left[0].code) == (0, 0, "reason_needed")
    ended = shop.pipeline.move([1], Stage.ENDED, "price：超出预算", shop.actor, shop.tick())
    told = shop.pipeline.steps(1, 10)
    assert [(one.stage, one.previous, one.reason.code, one.reason.text) for one in told[:2]] == [
        (Stage.ENDED, Stage.TRIAL, "price", "超出预算"),
        (Stage.TRIAL, Stage.LEAD, None, ""),
    ]
    assert shop.pipeline.move([1], Stage.ENDED, "again", shop.actor, shop.tick()).operation_id == 0
    shop.undo(ended.operation_id)
    shop.undo(done.operation_id)
    assert shop.hash() == empty
    shop.redo(done.operation_id)
    assert shop.row(1).stage is Stage.TRIAL
    assert shop.faults() == []


def test_a_step_knows_when_the_stage_before_had_begun_however_it_came(shop: Shop):
    shop.take(koc(1), koc(2))
    began = shop.now
    shop.tick(3 * DAY)
    shop.pipeline.move([1], Stage.CONTACTED, None, shop.actor, shop.now)
    shop.creators.edit([2], {"stage": int(Stage.TRIAL)}, shop.actor, shop.tick(), None)
    second = shop.now
    shop.take(koc(1, stage=int(Stage.NEGOTIATING)))
    assert [(row[0], row[1], row[3]) for row in steps(shop)] == [
        (1, Stage.LEAD, None), (2, Stage.LEAD, None), (1, Stage.CONTACTED, began), (2, Stage.TRIAL, began),
        (1, Stage.NEGOTIATING, began + 3 * DAY),
    ]  # fmt: skip
    assert second > began


def _wander(shop: Shop, seed: int, moves: int = 40) -> None:
    """Creators of some sources who go here and there."""
    dice = random.Random(seed)  # noqa: S311 (a test's own dice)
    shop.take(*(koc(number, followers=dice.randrange(500, 200_000), source=dice.choice((None, "招募", "推荐"))) for number in range(1, 41)))
    for _ in range(moves):
        shop.tick(dice.randrange(1, 5) * DAY)
        some = dice.sample(range(1, 41), 5)
        shop.pipeline.move(some, dice.choice(list(Stage)), "other: 试试", shop.actor, shop.now)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_funnel_is_what_a_look_at_every_step_gives(shop: Shop, seed: int):
    _wander(shop, seed)
    half = NOON + 30 * DAY
    for since, until in ((None, None), (NOON, half), (half, shop.now + 1)):
        found = shop.pipeline.funnel(since, until, by_source=True)
        assert found.stages == found_by(shop, since, until, lambda _: True)
        with reading(shop.engine) as connection:
            source = dict(bulk.fetch(connection, "select id, source from creator"))
        for name, stages in found.sources.items():
            assert stages == found_by(shop, since, until, {one for one, other in source.items() if other == name}.__contains__)


def found_by(shop: Shop, since: int | None, until: int | None, of: Callable[[int], bool]) -> Any:
    """The funnel, one creator after the other."""
    from app.usecases.recruiting import FunnelStage

    low, high = (since if since is not None else -(1 << 60)), (until if until is not None else 1 << 60)
    rows = [row for row in steps(shop) if of(row[0])]
    out = []
    for stage in Stage:
        stays = [row for row in rows if row[2] == stage and row[3] is not None and low <= row[3] < high]
        entered = sum(row[1] == stage and low <= row[4] < high for row in rows)
        onward = sum(stage < row[1] <= Stage.ACTIVE for row in stays)
        with reading(shop.engine) as connection:
            there = [row[0] for row in bulk.fetch(connection, "select id from creator where stage = ?", int(stage))]
        days = round(median((row[4] - row[3]) / DAY for row in stays), 3) if stays else None
        out.append(FunnelStage(stage, sum(map(of, there)), entered, len(stays), onward, days))
    return tuple(out)


# ---------------------------------------------------------------- silence and the pool


def _talk(shop: Shop, seed: int) -> None:
    """Creators of three owners and nobody, some of whom were spoken to."""
    _wander(shop, seed, 12)
    dice, store = random.Random(seed), OutreachStore(shop.engine)  # noqa: S311
    for owner in ("某人", "别人", "第三人"):
        shop.creators.edit(dice.sample(range(1, 41), 10), {"owner": owner}, shop.actor, shop.tick(), None)
    for one in dice.sample(range(1, 41), 25):
        said = store.add(NewContact(one, "在吗", at=shop.now - dice.randrange(80) * DAY), dice.choice((shop.actor, OTHER)), shop.tick())
        if dice.random() < 0.2:
            store.void(said.contact.id, "记错人", shop.actor, shop.tick())
    for one in dice.sample(range(1, 41), 8):
        shop.pipeline.claim([one], shop.actor, shop.tick(dice.randrange(9) * DAY), anyway=True)
    shop.tick(20 * DAY)


def _words(shop: Shop) -> dict[int, tuple[Stage, Holding, int]]:
    """Stage, holding and last word of each creator, one after the other."""
    out = {}
    with reading(shop.engine) as connection:
        for one, stage, owner, until, claimed, created in bulk.fetch(
            connection, "select id, stage, owner, protected_until, claimed_at, created_at from creator order by id"
        ):
            said = [row[0] for row in bulk.fetch(connection, "select at from contact where creator_id = ? and voided_at is null", one)]
            moved = [row[0] for row in bulk.fetch(connection, "select at from stage_step where creator_id = ? and previous is not null", one)]
            words = [*said, *moved, *([claimed] if claimed else [])]
            out[one] = (Stage(stage), Holding(owner, until), max(words) if words else created)
    return out


@pytest.mark.parametrize("seed", [3, 4])
def test_who_is_silent_and_who_goes_back_is_what_the_rule_says_of_each(shop: Shop, seed: int):
    _talk(shop, seed)
    by, now, facts = shop.pipeline.policy(), shop.now, _words(shop)
    silent = {one for one, (stage, _, word) in facts.items() if is_silent(by, stage, word, now)}
    found = shop.pipeline.overdue(None, 100, 0, now)
    assert found.total == len(silent)
    assert {one.creator_id for one in found.rows} == silent
    assert silent
    assert [one.last_word_at for one in found.rows] == sorted(facts[one.creator_id][2] for one in found.rows)
    assert {one.creator_id for one in shop.pipeline.overdue("", 100, 0, now).rows} == {one for one in silent if facts[one][1].owner is None}
    assert sum(one.silent for one in shop.pipeline.owners(now)) == len(silent)
    going = {one for one, (stage, held, word) in facts.items() if returns(by, stage, held, word, now)}
    assert shop.pipeline.return_silent(shop.actor, now, Quiet(), dry_run=True).changed == len(going)
    before = shop.hash()
    done = shop.pipeline.return_silent(shop.actor, now, Quiet(), dry_run=False)
    assert {one for one in facts if facts[one][1].owner is not None and shop.row(one).owner is None} == going
    if done.operation_id:
        shop.undo(done.operation_id)
    assert shop.hash() == before


def test_the_board_shows_silence_and_counts_what_it_does_not_show(shop: Shop):
    _talk(shop, 5)
    by, facts = shop.pipeline.policy(), _words(shop)
    columns = shop.pipeline.board("", 100, shop.now)
    assert [one.stage for one in columns] == list(Stage)
    assert sum(one.count for one in columns) == 40
    cards = {card.creator_id: card for one in columns for card in one.cards}
    assert {one for one, card in cards.items() if card.silent} == {one for one, (stage, _, word) in facts.items() if is_silent(by, stage, word, shop.now)}
    few = shop.pipeline.board('owner = ""', 2, shop.now)
    assert all(len(one.cards) <= 2 and one.count >= len(one.cards) for one in few)
    assert all(card.owner is None for one in few for card in one.cards)
    assert {one.stage: set(one.to) for one in columns} == {stage: set(by.moves[stage]) for stage in Stage}


def test_a_claim_takes_from_the_pool_alone_and_warns_of_a_clash(shop: Shop):
    shop.take(koc(1), koc(2), koc(3, owner="别人"))
    OutreachStore(shop.engine).add(NewContact(2, "在吗"), OTHER, shop.tick())
    before = shop.hash()
    done = shop.pipeline.claim([1, 2, 3], shop.actor, shop.tick(), anyway=False)
    assert done.changed == 1
    assert [(one.creator_id, one.code, one.clash.who if one.clash else "") for one in done.left] == [(2, "contacted", "别人"), (3, "owned", "别人")]
    assert {one: found.code for one, found in shop.pipeline.clashes([1, 2, 3], "某人", shop.now).items()} == {2: "contacted", 3: "owned"}
    forced = shop.pipeline.claim([2, 3], shop.actor, shop.tick(), anyway=True)
    assert (forced.changed, [one.code for one in forced.left]) == (1, ["owned"])
    owned = {one.owner: one for one in shop.pipeline.owners(shop.now)}
    assert (owned["某人"].count, owned["某人"].protected) == (2, 2)
    for operation in (forced.operation_id, done.operation_id):
        shop.undo(operation)
    assert shop.hash() == before
    assert shop.pipeline.release([3], shop.actor, shop.tick()).changed == 1
    assert shop.row(3).owner is None


def test_a_leaver_is_handed_over_in_one_operation_and_back(shop: Shop):
    shop.take(*(koc(number, owner="走的人" if number % 2 else "留的人") for number in range(1, 41)))
    with shop.engine.begin() as connection:
        connection.exec_driver_sql("insert into campaign (id, name, owner, created_at, updated_at, version) values (1, '秋季', '走的人', 0, 0, 1)")
    before = shop.hash()
    done = shop.pipeline.hand_over("走的人", "接的人", shop.actor, shop.tick(), Quiet())
    assert (done.moved["creator"], done.moved["campaign"]) == (20, 1)
    assert len(shop.ids("owner = 接的人")) == 20
    assert shop.ids("owner = 走的人") == []
    shop.undo(done.operation_id)
    assert shop.hash() == before
    assert shop.pipeline.hand_over("谁也不是", "接的人", shop.actor, shop.tick(), Quiet()).operation_id == 0


def test_many_change_hands_in_seconds(file: Shop):
    file.take(*(koc(number, owner="走的人", followers=number) for number in range(1, 20_001)))
    started = time.monotonic()
    done = file.pipeline.hand_over("走的人", "接的人", file.actor, file.tick(), Quiet())
    assert done.moved["creator"] == 20_000
    file.undo(done.operation_id)
    assert time.monotonic() - started < 15  # a hundredth of it for each creator alone would be 200


# ---------------------------------------------------------------- plans


def test_plans_count_who_came_and_forecast_by_the_pace(shop: Shop):
    shop.take(
        *(koc(number, followers=5_000, category="美妆", stage=int(Stage.ACTIVE)) for number in range(1, 9)),
        *(koc(number, "xiaohongshu", followers=60_000, category="母婴") for number in range(9, 13)),
    )
    shop.tick(5 * DAY)
    shop.pipeline.move([9, 10], Stage.CONTRACTED, None, shop.actor, shop.now)
    shop.pipeline.move([9], Stage.ACTIVE, None, shop.actor, shop.tick())  # came once
    before = shop.hash()
    cells = {
        PlanCell(MONTH): 100,
        PlanCell(MONTH, Group.MID_KOC, "xiaohongshu", "母婴"): 4,
        PlanCell(MONTH, Group.NANO_KOC): 8,
        PlanCell(MONTH + 1, None, "douyin"): 3,
    }
    done = shop.pipeline.set_plans(cells, shop.actor, shop.tick())
    found = shop.pipeline.plans(MONTH, MONTH, shop.now)
    assert [(one.group, one.platform, one.category, one.target, one.actual) for one in found.rows] == [
        (None, None, None, 100, 10), (Group.NANO_KOC, None, None, 8, 8), (Group.MID_KOC, "xiaohongshu", "母婴", 4, 2),
    ]  # fmt: skip
    assert found.rows[0].forecast.per_day == 10 / 28
    assert found.rows[1].forecast.reached_at == shop.now
    assert [(one.goal.target, one.actual) for one in found.goals] == [(5_000, 10), (10_000, 10), (100_000, 2), (500_000, 8)]
    shop.pipeline.move([10], Stage.ENDED, "declined", shop.actor, shop.tick())
    assert shop.pipeline.plans(MONTH, MONTH, shop.now).goals[0].actual == 9
    assert shop.pipeline.plans(MONTH, MONTH, shop.now).goals[0].recent == 9
    shop.undo(shop.house.operations(limit=1)[0].id)
    again = shop.pipeline.set_plans({PlanCell(MONTH): 120, PlanCell(MONTH, Group.NANO_KOC): 0, PlanCell(MONTH + 1, None, "douyin"): 3}, shop.actor, shop.tick())
    assert [(one.target, one.version) for one in shop.pipeline.plans(MONTH, MONTH, shop.now).rows] == [(120, 2), (4, 1)]
    assert shop.pipeline.set_plans({PlanCell(MONTH): 120}, shop.actor, shop.tick()) == 0
    shop.undo(again)
    assert [one.target for one in shop.pipeline.plans(MONTH, MONTH, shop.now).rows] == [100, 8, 4]
    shop.undo(done)
    assert shop.hash() == before
    shop.redo(done)
    assert len(shop.pipeline.plans(MONTH, MONTH + 1, shop.now).rows) == 4
