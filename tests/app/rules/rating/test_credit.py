# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from app.errors import UsageError
from app.rules.rating.credit import CreditPolicy
from tests.app.rules.rating.ledgers import BODY, POLICY


def test_the_shipped_policy_is_the_table_of_the_rules():
    table = {kind.name: (kind.dimension.code, kind.weight, kind.half_life, kind.cap and (kind.cap.code, kind.cap_days), kind.points) for kind in POLICY.types}
    assert len(table) == 25
    assert table["no_show"] == ("reliability", -6000, 365, ("B", 90), 4)
    assert table["fake_review"] == ("authenticity", -8000, 365, ("C", 365), 6)
    assert table["draft_on_time"] == ("reliability", 500, 180, None, 0)
    assert POLICY.shares == (400, 250, 250, 100)
    assert POLICY.edges == (520, 640, 740, 820, 880)
    assert {grade.code: value for grade, value in POLICY.multipliers.items()} == {"AAA": 1500, "AA": 1250, "A": 1100, "B": 1000, "N": 800, "C": 500}
    assert [(rung.level.code, rung.points, rung.days) for rung in POLICY.ladder] == [
        ("warning", 3, None), ("restricted", 6, 30), ("suspended", 9, 90), ("banned", 12, None)
    ]  # fmt: skip


def changed(path: str, value: object) -> dict[str, Any]:
    body: dict[str, Any] = copy.deepcopy(BODY)
    *way, last = path.split(".")
    at: Any = body
    for step in way:
        at = at[int(step) - 1] if isinstance(at, list) else at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("time_zone", "Asia/Nowhere", "time_zone"),
        ("time_zone", ..., "time_zone"),
        ("prior", 4, "prior"),
        ("prior.good", 0, "prior.good"),
        ("prior.bad", "1", "prior.bad"),
        ("z", -1, "z"),
        ("monthly_cap", float("nan"), "monthly_cap"),
        ("monthly_cap", float("inf"), "monthly_cap"),
        ("monthly_cap", True, "monthly_cap"),
        ("monthly_cap", 1e300, "monthly_cap"),
        ("little_against", 1.5001, "little_against"),
        ("types", [], "types"),
        ("types", "posted_on_time", "types"),
        ("types", ["posted_on_time"], "types.1"),
        ("types.2.name", "posted_on_time", "types.2.name"),
        ("types.1.name", "Posted", "types.1.name"),
        ("types.1.weight", 0, "types.1.weight"),
        ("types.1.weight", None, "types.1.weight"),
        ("types.1.points", 2, "types.1.weight"),
        ("types.1.halflife", 180, "types.1.halflife"),
        ("types.1.half_life", 0, "types.1.half_life"),
        ("types.1.half_life", 180.0, "types.1.half_life"),
        ("types.1.half_life", 36_500, "types.1.half_life"),
        ("types.1.dimension", "charm", "types.1.dimension"),
        ("types.6.cap", "E", "types.6.cap"),
        ("types.6.cap_days", ..., "types.6.cap_days"),
        ("types.6.points", -1, "types.6.points"),
        ("dimensions.reliability", 0.5, "dimensions"),
        ("dimensions.charm", 0.5, "dimensions.charm"),
        ("dimensions.cooperation", ..., "dimensions.cooperation"),
        ("grades.A", 640, "grades.A"),
        ("grades.N", 600, "grades.N"),
        ("grades.AAA", 1001, "grades.AAA"),
        ("multipliers.C", 0, "multipliers.C"),
        ("multipliers.E", 1, "multipliers.E"),
        ("sanctions.ladder", [], "sanctions.ladder"),
        ("sanctions.ladder.1.level", "scolding", "sanctions.ladder.1.level"),
        ("sanctions.ladder.2.points", 3, "sanctions.ladder"),
        ("sanctions.ladder.2.days", 0, "sanctions.ladder.2.days"),
        ("sanctions.window_days", ..., "sanctions.window_days"),
        ("raising.free_revisions", -1, "raising.free_revisions"),
        ("colour", "red", "colour"),
    ],
)
def test_bad_numbers_are_refused_with_their_place(path: str, value: object, place: str):
    with pytest.raises(UsageError) as refused:
        CreditPolicy.parse(changed(path, value))
    assert (refused.value.code, refused.value.details["place"]) == ("policy_invalid", place)


def test_a_policy_survives_its_keeping_as_sorted_json():
    """The order of the types decides between equal next steps, so it must not hang on the order of keys."""
    assert CreditPolicy.parse(json.loads(json.dumps(BODY, sort_keys=True))) == POLICY
