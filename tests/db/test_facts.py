# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.files import ImportRequest
from app.jobs import Quiet
from db.stores.facts import FactStore
from tests.db.conftest import ACTOR, DAY, NOON, File, koc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.files import Upserted
    from tests.db.conftest import Shop

BOTH = ("sqlite", "postgresql")


def take(shop: Shop, kind: str, *rows: Mapping[str, Any], dry_run: bool = False, create_leads: bool = False, key: tuple[str, ...] = ()) -> Upserted:
    request = ImportRequest(Path(f"{kind}.csv"), dry_run=dry_run, kind=kind, create_leads=create_leads)
    return FactStore(shop.engine).take(File(rows, key), request, ACTOR, shop.tick(), Quiet())


def counts(done: Upserted) -> tuple[int, int, int, int]:
    return done.inserted, done.updated, done.unchanged, len(done.rejects)


def sale(number: int, koc_: int | None = None, **more: Any) -> dict[str, Any]:
    who = {} if koc_ is None else {"platform_uid": koc(koc_)["platform_uid"]}
    return {"order_id": f"O{number}", "line_id": "1", "paid_at": NOON - number * DAY, "amount_fen": 1000 + number, **who, **more}


def content(number: int, koc_: int | None = None, **more: Any) -> dict[str, Any]:
    who = {} if koc_ is None else {"platform_uid": koc(koc_)["platform_uid"]}
    return {"content_id": f"C{number}", "published_at": NOON - number * DAY, "likes": number, **who, **more}


def cost(number: int, koc_: int, **more: Any) -> dict[str, Any]:
    who = koc(koc_)["platform_uid"]
    return {"cost_id": f"K{number}", "platform_uid": who, "kind": "fee", "amount_fen": 500, "incurred_at": NOON - number * DAY, **more}


def event(number: int, koc_: int, **more: Any) -> dict[str, Any]:
    return {"event_id": f"E{number}", "platform_uid": koc(koc_)["platform_uid"], "type": "praised", "happened_at": NOON - number * DAY, **more}


def all_of(shop: Shop, table: str) -> list[dict[str, Any]]:
    with shop.engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(f"select * from {table} order by id")).mappings()]


def sums_are_right(shop: Shop) -> bool:
    return "returns" not in shop.faults()


# ---------------------------------------------------------------- in


def test_each_kind_is_taken_in_and_unchanged_the_next_time(shop: Shop) -> None:
    shop.take(koc(1), koc(2))
    given_ = {
        "contents": [content(1, 1), content(2, 2)],
        "metrics": [{"content_id": "C1", "as_of": NOON - DAY, "likes": 3}],
        "sales": [sale(1, 1, content_id="C1", coupon="X"), sale(2), sale(2, line_id="2")],
        "touchpoints": [{"order_id": "O1", "platform_uid": koc(2)["platform_uid"], "kind": "link", "happened_at": NOON - 2 * DAY}],
        "costs": [cost(1, 1), cost(2, 2, cost_id=None)],
        "events": [event(1, 1), event(2, 2, event_id=None)],
        "paths": [{"path": "a > b", "conversions": 1, "nulls": 0}],
    }
    for kind, rows in given_.items():
        assert counts(take(shop, kind, *rows)) == (len(rows), 0, 0, 0), kind
    before = shop.hash()
    for kind, rows in given_.items():
        assert counts(take(shop, kind, *rows)) == (0, 0, len(rows), 0), kind
    assert shop.hash() == before
    assert sums_are_right(shop)
    info = shop.house.info(with_hash=False).counts
    assert {name: info[name] for name in ("contents", "sales", "credit_events", "cost_entries")} == {
        "contents": 2, "sales": 3, "credit_events": 2, "cost_entries": 2,
    }  # fmt: skip


def test_changes_name_accounts_and_contents_as_files_do(shop: Shop) -> None:
    shop.take(koc(1))
    take(shop, "contents", content(1, 1))
    touch = {"order_id": "O1", "kind": "link", "happened_at": NOON, "platform_uid": koc(1)["platform_uid"]}
    for kind, row in (("costs", cost(1, 1, content_id="C1")), ("touchpoints", touch)):
        told = {change.field: change.after for change in take(shop, kind, row).changes}
        assert str(told["platform_uid"]).endswith(f":{koc(1)['platform_uid']}")
        assert told.get("content_id", "C1") == "C1"


def test_a_row_changes_only_what_it_states(shop: Shop) -> None:
    shop.take(koc(1))
    take(shop, "sales", sale(1, 1, coupon="X", commission_fen=7, currency="USD", new_customer=True))
    done = take(shop, "sales", {"order_id": "O1", "line_id": "1", "paid_at": NOON - DAY, "amount_fen": 1001, "refund_fen": 500, "coupon": None})
    assert counts(done) == (0, 1, 0, 0)
    (row,) = all_of(shop, "sale")
    assert (row["refund_fen"], row["coupon"], row["commission_fen"], row["currency"], bool(row["new_customer"])) == (500, "X", 7, "USD", True)
    assert [(change.field, change.before, change.after) for change in done.changes] == [("refund_fen", 0, 500)]
    assert sums_are_right(shop)


def test_a_dry_run_tells_and_writes_nothing(shop: Shop) -> None:
    shop.take(koc(1))
    before = shop.hash()
    for kind, row in (("contents", content(1, 1)), ("sales", sale(1, 9, platform="weibo")), ("costs", cost(1, 1)), ("events", event(1, 1))):
        done = take(shop, kind, row, dry_run=True, create_leads=True)
        assert counts(done) == (1, 0, 0, 0)
        assert done.changes
    assert shop.hash() == before


def test_leads_need_a_platform(shop: Shop) -> None:
    done = take(shop, "sales", sale(1, 9), sale(2, 8, platform="weibo"), create_leads=True)
    assert [reject.code for reject in done.rejects] == ["no_platform"]
    assert done.inserted == 1
    assert len(shop.ids()) == 1


def test_one_account_by_two_names_is_one_fact(shop: Shop) -> None:
    shop.take(koc(1, handle="star"))
    rows = [event(1, 1, event_id=None), {"platform": "douyin", "handle": "@Star", "type": "praised", "happened_at": NOON - DAY, "evidence": "图"}]
    done = take(shop, "events", *rows)
    assert (counts(done), done.duplicates) == ((1, 0, 0, 0), 1)
    assert [row["evidence"] for row in all_of(shop, "credit_event")] == ["图"]


def test_a_figure_dated_by_its_import_has_no_date_of_its_own(shop: Shop, shops: Callable[[str], Shop]) -> None:
    shop.take(koc(1))
    take(shop, "contents", content(1, 1, likes=3))
    take(shop, "contents", content(1, 1, likes=4))
    other = shops("sqlite")
    other.take(koc(1))
    other.tick(99 * DAY)
    take(other, "contents", content(1, 1, likes=3))
    assert other.hash() != shop.hash()
    take(other, "contents", content(1, 1, likes=4))
    assert other.hash() == shop.hash()


def test_whom_a_file_concerns_is_told(shop: Shop) -> None:
    shop.take(koc(1), koc(2), koc(3))
    one, two, three = shop.ids()
    assert take(shop, "events", event(1, 1), event(2, 2)).creator_ids == (one, two)
    moved = take(shop, "events", event(2, 3))
    assert moved.creator_ids == (two, three), "who had it and who has it"


def test_an_operation_concerns_the_creators_of_its_facts(shop: Shop) -> None:
    shop.take(koc(1), koc(2), koc(3))
    first = take(shop, "sales", sale(1, 1), sale(2, 3), sale(3)).operation_id or 0
    second = take(shop, "sales", sale(1, 1, refund_fen=5), sale(4, 2)).operation_id or 0
    assert shop.house.concerned(first) == [(1, 1), (3, 3)]
    assert shop.house.concerned(second) == [(1, 2)]


# ---------------------------------------------------------------- undo


def history(shop: Shop) -> list[Callable[[], Upserted]]:
    return [
        lambda: shop.take(koc(1), koc(2)),
        lambda: take(shop, "sales", sale(1, 1, content_id="C1"), sale(2), sale(3, 2, coupon="A")),
        lambda: take(shop, "contents", content(1, 1), content(2, 2)),
        lambda: take(shop, "metrics", {"content_id": "C1", "as_of": NOON - DAY, "likes": 3}, {"content_id": "C2", "as_of": NOON, "likes": 5, "title": "新"}),
        lambda: take(shop, "costs", cost(1, 1, content_id="C2"), cost(2, 2)),
        lambda: take(shop, "events", event(1, 1), event(2, 2), event(3, 7, platform="weibo"), create_leads=True),
        lambda: take(shop, "sales", sale(1, 2, refund_fen=10), sale(4, 2, content_id="C2")),
        lambda: take(shop, "events", event(1, 2, evidence="换人"), event(4, 1)),
    ]


def test_undo_from_the_last_to_the_first_restores_every_hash(shop: Shop) -> None:
    hashes, done = [shop.hash()], []
    for step in history(shop):
        done.append(step().operation_id)
        hashes.append(shop.hash())
    for operation, before in zip(reversed(done), reversed(hashes[:-1]), strict=True):
        assert shop.undo(operation).kept == ()
        assert shop.hash() == before
        assert sums_are_right(shop)


@pytest.mark.parametrize("seed", range(6))
def test_undo_and_redo_in_any_order_end_where_they_began(file: Shop, seed: int) -> None:
    empty = file.hash()
    done = [step().operation_id for step in history(file)]
    whole = file.hash()
    random.Random(seed).shuffle(done)  # noqa: S311 (tests, not secrets)
    for operation in done:
        file.undo(operation)
        assert not file.faults()
    assert file.hash() == empty
    for operation in reversed(done):
        file.redo(operation)
    for operation in done:
        assert operation
    assert file.hash() == whole
    assert not file.faults()


# ---------------------------------------------------------------- the same everywhere

KOCS = st.sampled_from([1, 2, 3])
FACTS = st.fixed_dictionaries(
    {
        "sales": st.lists(st.tuples(st.integers(1, 40), st.none() | KOCS, st.integers(0, 5000)), max_size=15, unique_by=lambda one: one[0]),
        "contents": st.lists(st.tuples(st.integers(1, 6), KOCS, st.integers(0, 99)), max_size=6, unique_by=lambda one: one[0]),
        "costs": st.lists(st.tuples(st.integers(1, 40), KOCS, st.integers(0, 5000)), max_size=10, unique_by=lambda one: one[0]),
        "events": st.lists(st.tuples(st.integers(1, 40), KOCS, st.sampled_from(["praised", "no_show"])), max_size=10, unique_by=lambda one: one[0]),
    }
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FACTS, st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_of_files_nor_the_engine_counts(shops: Callable[[str], Shop], some: dict[str, Any], dice: random.Random) -> None:
    files = {
        "sales": [sale(number, who, refund_fen=fen, content_id=f"C{number % 7}") for number, who, fen in some["sales"]],
        "contents": [content(number, who, likes=likes) for number, who, likes in some["contents"]],
        "costs": [cost(number, who, amount_fen=fen) for number, who, fen in some["costs"]],
        "events": [event(number, who, type=kind) for number, who, kind in some["events"]],
    }
    hashes = set()
    for engine in BOTH:
        shop = shops(engine)
        shop.take(koc(1), koc(2), koc(3))
        kinds = list(files)
        dice.shuffle(kinds)
        for kind in kinds:
            rows = list(files[kind])
            dice.shuffle(rows)
            half = dice.randint(0, len(rows))
            for part in (rows[:half], rows[half:]):
                assert not take(shop, kind, *part).rejects
        assert sums_are_right(shop)
        hashes.add(shop.hash())
    assert len(hashes) == 1
