# SPDX-License-Identifier: Apache-2.0
"""Conduct at a glance, what waits, the course of a score, and decisions over many: the same as one by one, on both engines."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from app.errors import CancelledError, NotPermittedError, UsageError
from app.jobs import Quiet
from app.rules.rating.credit import Dimension
from app.rules.rating.sanctions import State
from app.values import DAY, CreditGrade, Sanction, local
from tests.db.test_ledger import OTHER, REVIEWER, cases, enter, kept, ledger_of, shown, take

if TYPE_CHECKING:
    from tests.db.conftest import Shop


class Stopped(Quiet):
    """A job that somebody stopped."""

    def check(self) -> None:
        raise CancelledError


def test_a_glance_tells_the_last_entry_the_weakest_dimension_and_the_ladder(shop: Shop) -> None:
    one, other, third = take(shop, 3)
    enter(shop, [(one, "no_show", 30), (one, "posted_on_time", 10), (other, "posted_on_time", 5)])
    enter(shop, [(one, "fake_review", 1)], confirmed=False)
    found = shop.ratings.glances([one, other, third], shop.now)
    glance = found[one]
    assert (glance.last_type, glance.weakest, glance.sanction, glance.proposed) == ("posted_on_time", Dimension.RELIABILITY, Sanction.WARNING, True)
    lost = {part.dimension: part.lost for part in shown(shop, one).explanation.dimensions}
    assert glance.lost == pytest.approx(lost[Dimension.RELIABILITY])
    assert (found[other].last_type, found[other].weakest, found[other].sanction) == ("posted_on_time", None, None)
    assert (found[third].last_type, found[third].weakest) == (None, None)
    shop.ratings.decide_sanction(cases(shop)[0].id, True, "同意", REVIEWER, shop.tick())
    glance = shop.ratings.glances([one], shop.now)[one]
    assert (glance.sanction, glance.proposed) == (Sanction.WARNING, False)
    assert shop.ratings.glances([], shop.now) == {}


def test_looking_keeps_nothing(shop: Shop) -> None:
    one = take(shop, 1)[0]
    enter(shop, [(one, "no_show", 30)])
    before = kept(shop, one)
    shop.ratings.glances([one], shop.now + 400 * DAY)
    assert kept(shop, one) == before


def test_what_waits_is_counted_and_listed_the_oldest_first(shop: Shop) -> None:
    one, other = take(shop, 2)
    enter(shop, [(other, "posted_late", 3)], source="deliverable:7", confirmed=False)
    enter(shop, [(one, "fake_review", 2)], confirmed=False)
    enter(shop, [(one, "no_show", 30)])
    waiting = shop.ratings.waiting()
    assert (waiting.events, waiting.sanctions, waiting.appeals) == (2, 1, 0)
    first, second = shop.ratings.proposed(shop.now, 10)
    assert [(row.creator_id, row.type) for row in (first, second)] == [(other, "posted_late"), (one, "fake_review")]
    assert first.by_rule_at == first.recorded_at + 2 * DAY
    assert second.by_rule_at is None, "nobody confirms what a person filed but a person"
    assert [row.id for row in shop.ratings.proposed(shop.now, 1)] == [first.id]


def test_the_course_is_what_each_day_gives_when_asked_alone(shop: Shop) -> None:
    one = take(shop, 1)[0]
    enter(shop, [(one, "no_show", 70), (one, "posted_on_time", 40), (one, "fake_review", 20)])
    false_one = next(event.id for event in ledger_of(shop, one) if event.type == "fake_review")
    shop.ratings.void_event(false_one, "弄错了", REVIEWER, shop.tick())
    today = local(shop.now, "Asia/Shanghai").date()
    days = [today - timedelta(days=back) for back in (60, 30, 10)]
    points = shop.ratings.score_history(one, days, shop.now)
    for day, point in zip(days, points, strict=False):
        then, known = (shown(shop, one, as_of=day, known_at=at).explanation for at in (day, None))
        assert (point.score, point.grade, point.known_score, point.known_grade) == (then.score, then.grade, known.score, known.grade)
    assert points[2].score < points[2].known_score, "then the review was still held against"
    assert (points[-1].at, points[-1].score) == (shop.now, kept(shop, one)[0])


def test_many_entries_are_settled_in_one_operation_that_undoes_as_one(shop: Shop) -> None:
    one, other = take(shop, 2)
    enter(shop, [(one, "fake_review", 2), (other, "praised", 1), (other, "slow_reply", 4)], confirmed=False)
    ids = [row.id for row in shop.ratings.proposed(shop.now, 10)]
    before = (kept(shop, one), kept(shop, other))
    done = shop.ratings.settle_events(ids, True, "属实", REVIEWER, shop.tick(), Quiet())
    assert (done.done, done.left, done.why) == (3, 0, None)
    assert kept(shop, one)[1] is CreditGrade.D
    assert kept(shop, one)[0] == shown(shop, one).explanation.score
    assert {event.confirmed_at for event in ledger_of(shop, other)} == {shop.now}
    shop.house.undo(done.operation_id, shop.actor, shop.tick(), Quiet())
    assert (kept(shop, one), kept(shop, other)) == before
    assert shop.ratings.waiting().events == 3
    done = shop.ratings.settle_events(ids, False, "弄错了", REVIEWER, shop.tick(), Quiet())
    assert (done.done, shop.ratings.waiting().events) == (3, 0)


def test_what_is_not_allowed_is_left_and_said(shop: Shop) -> None:
    one, other = take(shop, 2)
    enter(shop, [(one, "no_show", 2)], confirmed=False)
    mine = shop.ratings.proposed(shop.now, 10)[0].id
    refused = UsageError if shop.engine.dialect.name == "sqlite" else NotPermittedError
    with pytest.raises(refused, match="own_case"):
        shop.ratings.settle_events([mine], True, "属实", shop.actor, shop.tick(), Quiet())
    theirs = shop.ratings.add_event(other, "praised", shop.now - DAY, None, OTHER, shop.tick()).id
    done = shop.ratings.settle_events([mine, theirs], True, "属实", shop.actor, shop.tick(), Quiet())
    assert (done.done, done.left) == (1, 1)
    assert done.why is not None
    assert done.why.code == "own_case"
    assert [row.id for row in shop.ratings.proposed(shop.now, 10)] == [mine]


def test_one_that_was_stopped_wrote_nothing(shop: Shop) -> None:
    one = take(shop, 1)[0]
    enter(shop, [(one, "praised", 2)], confirmed=False)
    ids = [row.id for row in shop.ratings.proposed(shop.now, 10)]
    with pytest.raises(CancelledError):
        shop.ratings.settle_events(ids, True, "属实", REVIEWER, shop.tick(), Stopped())
    assert shop.ratings.waiting().events == 1


def test_many_cases_are_decided_in_one_operation(shop: Shop) -> None:
    one, other = take(shop, 2)
    enter(shop, [(one, "no_show", 30), (other, "fake_review", 15), (other, "no_show", 9)])
    ids = [case.id for case in cases(shop)]
    done = shop.ratings.settle_sanctions(ids, True, "同意", REVIEWER, shop.tick(), Quiet())
    assert (done.done, done.left) == (2, 0)
    assert {case.state for case in cases(shop)} == {State.RUNNING}
    shop.house.undo(done.operation_id, shop.actor, shop.tick(), Quiet())
    assert {case.state for case in cases(shop)} == {State.PROPOSED}
    done = shop.ratings.settle_sanctions(ids, False, "证据不足", REVIEWER, shop.tick(), Quiet())
    assert {case.state for case in cases(shop)} == {State.REJECTED}
