# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import math
import random
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import UsageError
from app.rules.apportion import apportion
from app.rules.attribution import (
    AttributionPolicy,
    Credits,
    Sales,
    Share,
    Touch,
    Touches,
    TouchKind,
    balance,
    resplit,
    sampled,
    split_sale,
    splits,
    starts_of,
)
from app.rules.models import MODELS
from resources import text

WORKED = Path(__file__).resolve().parents[4] / "shared" / "data" / "real" / "g16_markov_worked" / "paths.json"
HOUR = 3_600_000_000
DAY = 24 * HOUR
PAID = 1_000 * DAY
BODY = tomllib.loads(text("policies", "attribution.toml"))
POLICY = AttributionPolicy.parse(BODY)
TWO_SHOPS = AttributionPolicy.parse({**BODY, "shops": {"live": ["platform", "content", "coupon", "link"]}})
COUPON, PLATFORM, LINK, CONTENT = TouchKind


def touch(creator: int, kind: TouchKind, days: float) -> Touch:
    """A touch so many days before payment."""
    return Touch(creator, kind, PAID - round(days * DAY))


EXAMPLE = [touch(7, LINK, 20), touch(8, CONTENT, 3), touch(9, COUPON, 40), touch(7, CONTENT, 1)]


def shares(touches: list[Touch], model: str, total: int = 19_999, shop: str = "", policy: AttributionPolicy = POLICY) -> dict[int, int]:
    return {share.creator_id: share.amount_fen for share in split_sale(policy, shop, total, PAID, touches, model)}


# ---------------------------------------------------------------- straight from the text


def eligible(policy: AttributionPolicy, paid_at: int, touches: list[Touch]) -> list[Touch]:
    kept = []
    for one in touches:
        days = policy.lookback_days.get(one.kind)
        if one.at <= paid_at and (days is None or paid_at - one.at <= days * DAY):
            kept.append(one)
    return sorted(kept, key=lambda one: (one.at, one.creator_id))


def by_the_text(policy: AttributionPolicy, shop: str, total: int, paid_at: int, touches: list[Touch], model: str) -> dict[int, int]:
    """Amounts by creator, said as the rules say it, one sale at a time."""
    kept = eligible(policy, paid_at, touches)
    if not kept:
        return {}
    if model == "precedence":
        best = min(policy.order_of(shop).index(one.kind) for one in kept)
        kept = [one for one in kept if policy.order_of(shop).index(one.kind) == best]
    if model in {"precedence", "last_touch"}:
        latest = max(one.at for one in kept)
        return {min(one.creator_id for one in kept if one.at == latest): total}
    if model == "first_touch":
        earliest = min(one.at for one in kept)
        return {min(one.creator_id for one in kept if one.at == earliest): total}
    long = len(kept)
    weights: dict[int, int] = {}
    for place, one in enumerate(kept):
        if model == "linear":
            weight = 1
        elif model == "time_decay":
            weight = math.floor(2 ** (-(kept[-1].at - one.at) / DAY / policy.half_life_days) * 1_000_000 + 0.5)
        else:
            weight = 1 if long <= 2 or 0 < place < long - 1 else 2 * (long - 2)
        weights[one.creator_id] = weights.get(one.creator_id, 0) + weight
    weights = {creator: weight for creator, weight in sorted(weights.items()) if weight}
    return dict(zip(weights, apportion(total, list(weights.values())), strict=True))


# ---------------------------------------------------------------- worked example


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("precedence", {9: 19_999}),
        ("last_touch", {7: 19_999}),
        ("first_touch", {9: 19_999}),
        ("linear", {9: 5_000, 7: 9_999, 8: 5_000}),
        ("time_decay", {9: 211, 7: 11_559, 8: 8_229}),
        ("position", {9: 8_000, 7: 9_999, 8: 2_000}),
    ],
)
def test_the_worked_sale_is_split_as_written(model: str, expected: dict[int, int]):
    assert shares(EXAMPLE, model) == expected
    assert shares(EXAMPLE, model, -19_999) == {creator: -amount for creator, amount in expected.items()}
    assert shares(EXAMPLE, model, 0) == dict.fromkeys(expected, 0)


def test_the_published_paths_are_shared_as_published():
    if not WORKED.exists():
        pytest.skip("the shared real files are not beside this copy")
    rows = json.loads(WORKED.read_text("utf-8"))["puzyrov"]["paths"]
    channels = {"google ads": 1, "mailing": 2}
    credit: dict[str, dict[int, int]] = {model: {1: 0, 2: 0} for model in MODELS}
    for path, conversions, _ in rows:
        touches = [touch(channels[name.strip()], COUPON, 5 - place) for place, name in enumerate(path.split(">"))]
        for model in MODELS:
            for creator, amount in shares(touches, model, 10 * conversions).items():
                credit[model][creator] += amount
    assert credit["first_touch"] == {1: 30, 2: 10}
    assert credit["last_touch"] == {1: 20, 2: 20}
    assert credit["linear"] == {1: 25, 2: 15}


# ---------------------------------------------------------------- what counts


@pytest.mark.parametrize(
    ("kind", "before", "counts"),
    [
        (LINK, 30 * DAY, True),
        (LINK, 30 * DAY + 1, False),
        (CONTENT, 7 * DAY, True),
        (CONTENT, 7 * DAY + 1, False),
        (COUPON, 900 * DAY, True),
        (PLATFORM, 900 * DAY, True),
        (PLATFORM, 0, True),
        (COUPON, -1, False),
    ],
)
def test_a_touch_counts_within_its_look_back_and_not_after_payment(kind: TouchKind, before: int, counts: bool):
    found = split_sale(POLICY, "", 100, PAID, [Touch(5, kind, PAID - before)])
    assert found == ([Share(5, 1, 100)] if counts else [])


def test_a_sale_nobody_touched_is_unattributed():
    assert split_sale(POLICY, "", 100, PAID, []) == []


@pytest.mark.parametrize("model", MODELS)
def test_whoever_made_all_the_touches_takes_all(model: str):
    assert shares([touch(3, LINK, 2), touch(3, COUPON, 1), touch(3, CONTENT, 0)], model, 77) == {3: 77}


def test_precedence_follows_the_order_of_the_shop():
    touches = [touch(1, COUPON, 1), touch(2, PLATFORM, 9), touch(4, PLATFORM, 5), touch(3, PLATFORM, 5), touch(5, CONTENT, 0)]
    assert shares(touches, "precedence", 10, "any", TWO_SHOPS) == {1: 10}
    assert shares(touches, "precedence", 10, "live", TWO_SHOPS) == {3: 10}
    assert shares([touch(6, LINK, 0), *touches[4:]], "precedence", 10, "live", TWO_SHOPS) == {5: 10}


def test_ties_of_time_go_to_the_smaller_creator():
    touches = [touch(8, LINK, 2), touch(4, LINK, 2), touch(6, LINK, 2)]
    for model in ("precedence", "last_touch", "first_touch"):
        assert shares(touches, model, 1) == {4: 1}
    assert shares(touches, "position", 10) == {4: 4, 6: 2, 8: 4}
    assert shares(touches, "linear", 1) == {4: 1, 6: 0, 8: 0}


def test_a_weight_below_half_a_millionth_is_no_share():
    assert shares([touch(1, COUPON, 0), touch(2, COUPON, 147)], "time_decay", 10) == {1: 10}
    assert shares([touch(1, COUPON, 0), touch(2, COUPON, 146)], "time_decay", 10) == {1: 10, 2: 0}


# ---------------------------------------------------------------- many sales

CREATORS = st.integers(1, 4)
MOMENTS = st.one_of(st.integers(-2, 45).map(lambda days: PAID - days * DAY), st.integers(0, 45 * DAY).map(lambda micros: PAID - micros))
TOUCHES = st.lists(st.builds(Touch, CREATORS, st.sampled_from(TouchKind), MOMENTS), max_size=7)
SALES = st.lists(st.tuples(st.integers(-100_000, 100_000), st.sampled_from(["own", "live"]), TOUCHES), max_size=8)


def arrays(sales: list[tuple[int, str, list[Touch]]], shops: list[str]) -> tuple[Sales, Touches]:
    rows = [(place, one) for place, (_, _, touches) in enumerate(sales) for one in touches]
    return (
        Sales(
            np.array([total for total, _, _ in sales], dtype=np.int64),
            np.full(len(sales), PAID, dtype=np.int64),
            np.array([shops.index(shop) for _, shop, _ in sales], dtype=np.int64),
        ),
        Touches(
            starts_of(np.array([place for place, _ in rows], dtype=np.int64), len(sales)),
            np.array([one.creator_id for _, one in rows], dtype=np.int64),
            np.array([one.kind for _, one in rows], dtype=np.int8),
            np.array([one.at for _, one in rows], dtype=np.int64),
        ),
    )


def joined(pieces: list[Credits]) -> Credits:
    return Credits(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("sale", "creator", "weight", "amount")))


@settings(deadline=None)
@given(SALES, st.sampled_from(MODELS), st.integers(1, 9))
def test_many_sales_are_split_as_the_text_says_each(sales: list[tuple[int, str, list[Touch]]], model: str, chunk: int):
    shops = ["own", "live"]
    found = joined(list(splits(TWO_SHOPS, shops, *arrays(sales, shops), model, chunk)))
    rows = list(zip(found.sale.tolist(), found.creator.tolist(), strict=True))
    assert rows == sorted(set(rows))
    assert (found.weight > 0).all()
    for place, (total, shop, touches) in enumerate(sales):
        own = {creator: amount for (sale, creator), amount in zip(rows, found.amount.tolist(), strict=True) if sale == place}
        assert own == by_the_text(TWO_SHOPS, shop, total, PAID, touches, model)


@settings(deadline=None)
@given(SALES, st.sampled_from(MODELS))
def test_no_fen_is_lost_by_day_and_shop(sales: list[tuple[int, str, list[Touch]]], model: str):
    shops = ["own", "live"]
    facts, touches = arrays(sales, shops)
    found = joined(list(splits(TWO_SHOPS, shops, facts, touches, model)))
    kept = balance(facts.total, found, facts.shop, 2)
    assert (kept.attributed + kept.unattributed).tolist() == kept.net.tolist()
    assert kept.net.sum() == sum(total for total, _, _ in sales)
    alone = [total for total, _, touched in sales if not eligible(TWO_SHOPS, PAID, touched)]
    assert kept.unattributed.sum() == sum(alone)


@settings(deadline=None)
@given(TOUCHES, st.sampled_from(MODELS), st.integers(-1000, 1000), st.randoms())
def test_the_order_of_entry_does_not_matter(touches: list[Touch], model: str, total: int, chance: random.Random):
    shuffled = chance.sample(touches, len(touches))
    assert split_sale(POLICY, "", total, PAID, shuffled, model) == split_sale(POLICY, "", total, PAID, touches, model)


@settings(deadline=None)
@given(TOUCHES, st.sampled_from(MODELS), st.integers(0, 10**9))
def test_a_negative_total_is_the_opposite(touches: list[Touch], model: str, total: int):
    positive, negative = shares(touches, model, total), shares(touches, model, -total)
    assert negative == {creator: -amount for creator, amount in positive.items()}


@settings(deadline=None)
@given(SALES, st.sampled_from(MODELS), st.integers(-5_000, 5_000))
def test_a_refund_splits_the_new_net_as_if_it_had_always_been_so(sales: list[tuple[int, str, list[Touch]]], model: str, refund: int):
    shops = ["own", "live"]
    facts, touches = arrays(sales, shops)
    before = joined(list(splits(TWO_SHOPS, shops, facts, touches, model)))
    after = joined(list(splits(TWO_SHOPS, shops, replace(facts, total=facts.total - refund), touches, model)))
    assert resplit(facts.total - refund, before.sale, before.weight).tolist() == after.amount.tolist()


@pytest.mark.parametrize("model", MODELS)
def test_random_sales_of_every_length_agree_with_the_text(model: str):
    """Long journeys, equal moments, large ids and amounts: more than examples drawn one by one reach."""
    chance = random.Random(5)  # noqa: S311 (the same draws every time)
    sales = []
    for _ in range(1_500):
        ids = [chance.choice([1, 2, 3, 9_000_000_000_000 + chance.randint(0, 2)]) for _ in range(4)]
        touches = [
            Touch(chance.choice(ids), chance.choice(list(TouchKind)), PAID - chance.randint(-1, 40) * chance.choice([DAY, HOUR]))
            for _ in range(chance.randint(0, 12))
        ]
        sales.append((chance.choice([chance.randint(-500, 500), chance.randint(0, 10**14)]), chance.choice(["own", "live"]), touches))
    shops = ["own", "live"]
    found = joined(list(splits(TWO_SHOPS, shops, *arrays(sales, shops), model, 400)))
    own: list[dict[int, int]] = [{} for _ in sales]
    for sale, creator, amount in zip(found.sale.tolist(), found.creator.tolist(), found.amount.tolist(), strict=True):
        own[sale][creator] = amount
    assert own == [by_the_text(TWO_SHOPS, shop, total, PAID, touches, model) for total, shop, touches in sales]


def test_creators_whose_ids_do_not_pack_into_one_key_are_added_up_too():
    touches = [Touch(2**62, LINK, PAID), Touch(1, LINK, PAID), Touch(2**62, CONTENT, PAID), Touch(1, LINK, PAID), Touch(5, LINK, PAID)]
    assert shares(touches, "linear", 50) == {1: 20, 5: 10, 2**62: 20}
    sales = [(100, "own", []), (50, "own", touches), (7, "own", touches[:1])]
    found = joined(list(splits(POLICY, ["own"], *arrays(sales, ["own"]), "linear")))
    assert found.sale.tolist() == [1, 1, 1, 2]
    assert found.amount.tolist() == [20, 10, 20, 7]


def test_no_sales_are_split_into_one_empty_piece():
    pieces = list(splits(POLICY, [], *arrays([], []), "linear"))
    assert [len(piece.sale) for piece in pieces] == [0]


def test_touches_find_their_sales():
    assert starts_of(np.array([0, 0, 3]), 5).tolist() == [0, 2, 2, 2, 3, 3]


def test_the_model_of_the_policy_serves_unless_another_is_named():
    assert split_sale(replace(POLICY, model="first_touch"), "", 3, PAID, EXAMPLE) == [Share(9, 1, 3)]
    with pytest.raises(UsageError) as bad:
        split_sale(POLICY, "", 3, PAID, EXAMPLE, "markov")
    assert (bad.value.code, bad.value.details) == ("unknown_model", {"model": "markov"})


def test_a_sampled_feed_is_an_estimate_with_its_error():
    assert sampled(250, 0.1) == pytest.approx((2_500.0, 150.0))
    assert sampled(250, 1.0) == (250, 0.0)


# ---------------------------------------------------------------- policy


def test_the_first_version_says_what_the_rules_say():
    assert POLICY.model == "precedence"
    assert POLICY.order == (COUPON, PLATFORM, LINK, CONTENT)
    assert POLICY.lookback_days == {LINK: 30, CONTENT: 7}
    assert (POLICY.half_life_days, POLICY.markov_order, POLICY.time_zone) == (7, 1, "Asia/Shanghai")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"model": "markov"}, "model"),
        ({"model": None}, "model"),
        ({"order": ["coupon", "platform", "link"]}, "order"),
        ({"order": "coupon"}, "order"),
        ({"order": ["coupon", "platform", "link", "luck"]}, "order"),
        ({"shops": None}, "shops"),
        ({"shops": {"live": ["coupon", "coupon", "link", "content"]}}, "shops.live"),
        ({"lookback_days": {"view": 3}}, "lookback_days"),
        ({"lookback_days": {"link": 0}}, "lookback_days.link"),
        ({"lookback_days": {"link": 1.5}}, "lookback_days.link"),
        ({"half_life_days": True}, "half_life_days"),
        ({"markov_order": 4}, "markov_order"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ],
)
def test_a_bad_policy_is_refused_by_its_place(change: dict[str, Any], place: str):
    with pytest.raises(UsageError) as bad:
        AttributionPolicy.parse({**BODY, **change})
    assert bad.value.code == "policy_invalid"
    assert bad.value.details["place"] == place
