# SPDX-License-Identifier: Apache-2.0
"""Faults of paging, of the schema and of the order of rows (rows E of the catalogue), from the platform to the store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulators.brand import Brand
from tests.emulators.oceanengine import OceanEngine
from tests.sync.emulated import Star

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STAR = "/open_api/2/star"
ORDERS = f"{STAR}/order/list_by_campaign/"
INFO = f"{STAR}/order/get_info/"
REPORTS = f"{STAR}/report/order_overview/"


@pytest.fixture
def engine() -> Iterator[OceanEngine]:
    """A brand with eighty orders that tells ten rows a page."""
    with OceanEngine(Brand(5, 80, per_campaign=10), most_rows=10) as server:
        yield server
        assert not server.violations


@pytest.fixture
def star(engine: OceanEngine, tmp_path: Path) -> Iterator[Star]:
    """Connected; accounts and campaigns are known."""
    one = Star(tmp_path / "star", engine)
    one.pull("accounts", "campaigns", "demands")
    yield one
    one.close()


@pytest.fixture
def undisturbed(engine: OceanEngine, tmp_path: Path) -> Iterator[Star]:
    """The same brand at a desk where nothing ever goes wrong."""
    one = Star(tmp_path / "undisturbed", engine)
    yield one
    one.close()


def kept(star: Star) -> dict[str, tuple[Any, ...]]:
    """Orders as they are kept."""
    return {key: tuple(more) for key, *more in star.rows("select source_id, state, source_state, fee_fen, paid_fen from collaboration")}


def ids(engine: OceanEngine) -> set[str]:
    return {str(one) for one in engine.brand.orders}


# ---------------------------------------------------------------- E01 to E03: fields


def test_a_field_that_is_missing_in_some_rows_leaves_it_empty(engine: OceanEngine, star: Star):
    engine.misbehave("drop", ORDERS, times=None, field="order_status", share=0.3)
    run = star.pull("orders")["orders"]
    assert (run.state, run.rejected, run.inserted) == ("ok", 0, 80)
    assert 0 < sum(state is None for _, state, *_ in kept(star).values()) < 80
    assert star.drift() == [("order_status", "missing", "")]
    engine.behave()
    assert star.pull("orders", full=True)["orders"].state == "ok"
    assert None not in [state for _, state, *_ in kept(star).values()]
    assert star.drift() == []


def test_a_name_that_comes_later_takes_the_place_of_the_id_that_stood_for_it(engine: OceanEngine, star: Star, undisturbed: Star):
    """Nobody here chose that name, so there is nothing to decide."""
    engine.misbehave("drop", ORDERS, times=None, field="author_name", share=0.5)
    star.pull("orders")
    assert star.rows("select count(*) from creator c join account a on a.creator_id = c.id where c.name = a.platform_uid")[0][0] > 0
    engine.behave()
    star.pull(full=True)
    undisturbed.pull()
    assert star.services.syncing.conflicts() == []
    assert star.rows("select count(*) from creator c join account a on a.creator_id = c.id where c.name = a.platform_uid") == [(0,)]
    assert star.hash == undisturbed.hash


def test_a_row_without_its_id_waits_among_the_rejected(engine: OceanEngine, star: Star):
    engine.misbehave("drop", ORDERS, times=None, field="order_id", share=0.2)
    run = star.pull("orders")["orders"]
    assert 0 < run.rejected < 80
    assert len(kept(star)) == 80 - run.rejected
    waiting = star.services.syncing.rejected()
    assert len(waiting) == run.rejected
    assert {(one.refused.field, one.refused.reason) for one in waiting} == {("order_id", "no_id")}
    assert all(json.loads(one.refused.raw)["author_id"] for one in waiting), "the text as it came"


def test_a_field_with_another_name_does_not_empty_what_is_there(engine: OceanEngine, star: Star):
    star.pull("orders")
    before = kept(star)
    engine.misbehave("rename", ORDERS, times=None, field="order_status", to="order_status_code")
    assert star.pull("orders", full=True)["orders"].state == "ok"
    assert kept(star) == before
    assert star.drift() == [("order_status", "renamed", "order_status_code")]
    star.pull("orders", full=True)
    assert len(star.drift()) == 1, "once per field"


def test_money_of_another_type_is_not_guessed(engine: OceanEngine, star: Star):
    star.pull("orders", "order_info")
    before = kept(star)
    for to in ("object", "list", "text"):
        engine.behave()
        engine.misbehave("retype", INFO, times=None, field="precise_task_cost", to=to)
        run = star.pull("order_info", full=True)["order_info"]
        assert run.rejected == 80, to
        assert kept(star) == before
    assert {one.refused.reason for one in star.services.syncing.rejected()} == {"type_changed"}
    assert ("payment_info.precise_task_cost", "type") in {found[:2] for found in star.drift()}
    engine.behave()
    assert star.pull("order_info", full=True)["order_info"].rejected == 0
    assert star.services.syncing.rejected() == []


def test_words_of_another_type_leave_the_row(engine: OceanEngine, star: Star):
    engine.misbehave("retype", ORDERS, times=None, field="author_name", to="list")
    run = star.pull("orders")["orders"]
    assert (run.state, run.rejected, len(kept(star))) == ("ok", 0, 80)
    assert star.drift() == [("author_name", "type", "array")]


# ---------------------------------------------------------------- E05 to E10: order and number of rows


def test_rows_that_shift_while_pages_are_read(engine: OceanEngine, star: Star, undisturbed: Star):
    engine.misbehave("insert", ORDERS, nth=2)
    engine.misbehave("insert", ORDERS, nth=3, rows=12)
    star.pull()
    assert set(kept(star)) == ids(engine)
    star.pull()
    undisturbed.pull()
    undisturbed.pull()
    assert star.hash == undisturbed.hash


def test_rows_that_come_twice(engine: OceanEngine, star: Star, undisturbed: Star):
    engine.misbehave("duplicate", STAR, times=None, share=0.1)
    first = star.pull()
    assert {run.state for run in first.values()} == {"ok"}
    assert first["orders"].inserted == 80
    before = star.hash
    again = star.pull(full=True)
    assert {(run.inserted, run.updated) for run in again.values()} == {(0, 0)}
    assert star.hash == before
    engine.behave()
    undisturbed.pull()
    assert [one for one in (star.pull(full=True)) if one == "cps"] == ["cps"]
    assert star.hash == undisturbed.hash


def test_rows_that_are_never_sent_are_told(engine: OceanEngine, star: Star, undisturbed: Star):
    engine.misbehave("swallow", ORDERS, nth=2, times=None, rows=1)
    assert star.pull("orders")["orders"].state == "partial"
    engine.behave()
    star.pull()
    undisturbed.pull()
    assert star.hash == undisturbed.hash


def test_a_total_that_does_not_fit(engine: OceanEngine, star: Star):
    engine.misbehave("miscount", ORDERS, times=None, by=3)
    run = star.pull("orders")["orders"]
    assert run.state == "partial"
    assert set(kept(star)) == ids(engine)
    engine.behave()
    assert star.pull("orders")["orders"].state == "ok"


def test_pages_that_never_end(engine: OceanEngine, star: Star, undisturbed: Star):
    engine.misbehave("again", ORDERS, nth=2, times=None)
    engine.forget()
    run = star.pull("orders")["orders"]
    assert (run.state, run.error) == ("failed", "endless_paging")
    assert len(engine.requests(ORDERS)) <= 6
    assert 0 < len(kept(star)) < 80, "complete pages stay"
    engine.behave()
    star.pull()
    undisturbed.pull()
    assert star.hash == undisturbed.hash


def test_a_thousand_rows_of_one_second(engine: OceanEngine, star: Star):
    engine.most_rows = 50
    made = engine.brand.same_second(1000)
    star.pull("orders")
    assert {str(one.id) for one in made} <= set(kept(star))
    assert set(kept(star)) == ids(engine)
    before = star.hash
    assert star.pull("orders")["orders"].inserted == 0
    assert star.hash == before


# ---------------------------------------------------------------- D08: numbers


def test_numbers_as_platforms_write_them(engine: OceanEngine, star: Star):
    """Read by rule, or kept as text with a reason: never a zero that nobody wrote."""
    star.pull("orders", "demand_orders")
    posts = sum(1 for one in engine.brand.orders.values() if one.item and one.status not in {2, 4})
    values = ["12", "1.2w", "10万+", "3,456"]
    engine.misbehave("fuzz", REPORTS, times=None, field="item_play_cnt", share=1, values=values)
    run = star.pull("reports")["reports"]
    assert (run.state, run.rejected, run.inserted) == ("ok", 0, posts)
    assert {value for (value,) in star.rows("select views from content_metric")} == {12, 12_000, 100_000, 3456}
    engine.behave()
    engine.misbehave("fuzz", REPORTS, times=None, field="item_play_cnt", share=1, values=[-1, True, float("nan"), 1e400, 10**30, {"a": 1}])
    run = star.pull("reports", full=True)["reports"]
    assert run.rejected == posts
    assert {value for (value,) in star.rows("select views from content_metric")} == {12, 12_000, 100_000, 3456}
    assert all(one.refused.raw for one in star.services.syncing.rejected())
