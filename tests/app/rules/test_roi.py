# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import UsageError
from app.rules.roi import NEVER, Landed, RoiPolicy, Standing, break_even, contribution, landed, ratio, roas, roi, standings
from resources import text

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "real"
DAY = 86_400_000_000
NOW = 2_000 * DAY
BODY = tomllib.loads(text("policies", "roi.toml"))
POLICY = RoiPolicy.parse(BODY)


def rows(folder: str, file: str) -> list[dict[str, str]]:
    if not (REAL / folder).exists():
        pytest.skip("the shared real files are not beside this copy")
    with (REAL / folder / file).open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


# ---------------------------------------------------------------- cost


def test_landed_cost_keeps_what_is_spent_anyway_apart_from_what_grows_with_sales():
    kinds = ["fee", "slot_fee", "platform_fee", "sample", "freight", "boost", "tax"]
    lines = [(kind, 10**place) for place, kind in enumerate(kinds)]
    assert landed(POLICY, [*lines, ("rebate", -5), ("commission", 70), ("commission", -20)]) == Landed(1_111_106, 50)
    assert landed(POLICY, lines).total_fen == 1_111_111
    assert landed(POLICY, []) == Landed(0, 0)


def test_an_unknown_kind_of_cost_is_no_cost():
    with pytest.raises(KeyError, match="gift"):
        landed(POLICY, [("gift", 1)])


@pytest.mark.parametrize(
    ("measurable", "posted", "ended", "expected"),
    [
        (True, NOW - 7 * DAY, NEVER, Standing.ENTERS),
        (True, NOW - 7 * DAY + 1, NEVER, Standing.IN_FLIGHT),
        (True, NOW - 7 * DAY + 1, NOW - DAY, Standing.IN_FLIGHT),
        (True, NEVER, NEVER, Standing.IN_FLIGHT),
        (True, NEVER, NOW, Standing.ENTERS),
        (True, NEVER, NOW + 1, Standing.IN_FLIGHT),
        (True, NOW + 1, NEVER, Standing.IN_FLIGHT),
        (False, NOW - 90 * DAY, NOW - 80 * DAY, Standing.NOT_MEASURABLE),
        (False, NEVER, NEVER, Standing.NOT_MEASURABLE),
    ],
)
def test_only_what_can_be_measured_and_had_its_time_enters(measurable: bool, posted: int, ended: int, expected: Standing):
    assert standings(POLICY, np.array([measurable]), np.array([posted]), np.array([ended]), NOW).tolist() == [expected]


# ---------------------------------------------------------------- ratios


def test_ratios_say_what_they_are_of():
    assert roas(850, 100) == 8.5
    assert roi(0.6 * 500, 100) == pytest.approx(2.0)
    assert roi(contribution([(300, 0.6), (200, 0.3)]), 100) == pytest.approx(1.4)
    assert break_even(0.6) == pytest.approx(1.6667, abs=5e-5)


def test_no_denominator_is_no_ratio():
    assert roas(100, 0) is None
    assert roas(100, -5) is None
    assert roi(100.0, 0) is None
    assert break_even(0.0) is None
    assert break_even(-0.1) is None


def test_a_loss_of_revenue_is_a_negative_return():
    assert roas(-50, 100) == -0.5


def test_facebook_ads_give_their_known_ratios():
    ads = rows("g13_kag_fb_ads", "KAG_conversion_data.csv")
    impressions, clicks, approved = (sum(int(ad[name]) for ad in ads) for name in ("Impressions", "Clicks", "Approved_Conversion"))
    spent = sum(float(ad["Spent"]) for ad in ads)
    assert round(spent, 2) == 55_662.15
    assert 100 * (ratio(clicks, impressions) or 0) == pytest.approx(0.0176, abs=5e-5)
    assert ratio(spent, clicks) == pytest.approx(1.5433, abs=5e-5)
    assert ratio(spent, approved) == pytest.approx(63.83, abs=5e-3)
    per_click = [ratio(float(ad["Spent"]), int(ad["Clicks"])) for ad in ads]
    assert sum(one is None for one in per_click) == sum(int(ad["Clicks"]) == 0 for ad in ads)
    silent = [ad for ad in ads if int(ad["Clicks"]) == 0 and float(ad["Spent"]) == 0]
    assert [ratio(float(ad["Spent"]), int(ad["Clicks"])) for ad in silent].count(None) == len(silent)


def test_four_influencers_give_their_known_returns():
    folder = "g25_influencer_roi_tiny_synthetic"
    revenue = {row["influencer_id"]: int(row["revenue"]) * 100 for row in rows(folder, "tracking_data.csv")}
    cost = {row["influencer_id"]: landed(POLICY, [("fee", int(row["total_payout"]) * 100)]).total_fen for row in rows(folder, "payouts.csv")}
    found = [roas(revenue[one], cost[one]) for one in "1234"]
    assert found == pytest.approx([0.5, 0.444444, 1.055556, 0.485714], abs=5e-7)
    assert roas(sum(revenue.values()), sum(cost.values())) == pytest.approx(0.491103, abs=5e-7)
    whole = roi(contribution([(sum(revenue.values()), 1.0)]), sum(cost.values()))
    assert whole == pytest.approx(-0.5089, abs=5e-5)


# ---------------------------------------------------------------- policy


def test_the_first_version_says_what_the_rules_say():
    assert (POLICY.margin, POLICY.mature_days, POLICY.least_peers, POLICY.drift, POLICY.trailing_days) == (0.6, 7, 30, 0.3, 365)
    assert (POLICY.lowest_shape, POLICY.highest_shape, POLICY.s_below, POLICY.a_below) == (0.05, 10_000.0, 0.1, 0.4)
    assert POLICY.variable_kinds == {"commission"}
    assert len(POLICY.fixed_kinds) == 8
    assert POLICY.stop_grades == {"D"}
    assert POLICY.stop_sanctions == {"suspended", "banned"}
    assert POLICY.repeat_probability == 0.5
    assert POLICY.time_zone == "Asia/Shanghai"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"margin": 1.2}, "margin"),
        ({"margin": "0.6"}, "margin"),
        ({"margin": True}, "margin"),
        ({"margin": float("nan")}, "margin"),
        ({"mature_days": -1}, "mature_days"),
        ({"mature_days": 7.0}, "mature_days"),
        ({"costs": None}, "costs.fixed"),
        ({"costs": {"fixed": ["fee"], "variable": "commission"}}, "costs.variable"),
        ({"costs": {"fixed": ["fee"], "variable": [3]}}, "costs.variable"),
        ({"costs": {"fixed": ["gift"], "variable": ["commission"]}}, "costs.fixed"),
        ({"costs": {"fixed": ["fee"], "variable": ["gift"]}}, "costs.variable"),
        ({"costs": {"fixed": ["fee"], "variable": ["fee"]}}, "costs.fixed"),
        ({"costs": {"fixed": ["fee"], "variable": ["commission"]}}, "costs"),
        ({"peers": {"least": 0}}, "peers.least"),
        ({"shape": {"lowest": 5.0, "highest": 1.0}}, "shape.highest"),
        ({"shape": {"lowest": 0.0, "highest": 1.0}}, "shape.lowest"),
        ({"forecast": {"drift": -0.1}}, "forecast.drift"),
        ({"value": {"trailing_days": 365, "s_below": 0.5, "a_below": 0.4}}, "value.a_below"),
        ({"word": {"stop_grades": ["D"], "stop_sanctions": [], "repeat_probability": 2}}, "word.repeat_probability"),
        ({"time_zone": ""}, "time_zone"),
    ],
)
def test_a_bad_policy_is_refused_by_its_place(change: dict[str, Any], place: str):
    with pytest.raises(UsageError) as bad:
        RoiPolicy.parse({**BODY, **change})
    assert bad.value.code == "policy_invalid"
    assert bad.value.details["place"] == place
