# SPDX-License-Identifier: Apache-2.0
"""From files of creators, sales, costs to returns and back out: equal to a few plain lines over the same files."""

from __future__ import annotations

import csv
import json
import math
import random
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scipy.special import gammaincc, gammaincinv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Answer

    Koc = Callable[..., Answer]

GENERATOR = Path(__file__).resolve().parents[3] / "shared" / "perf" / "gen.py"
ZONE = timezone(timedelta(hours=8))
DAY = timedelta(days=1)
END = datetime(2026, 11, 1, tzinfo=ZONE)
"""The end of 31 October 2026, the last day of the generated files."""
MARGIN = 0.6
EDGES = {
    **dict.fromkeys(("xiaohongshu", "wechat_channels"), (1_000, 10_000, 50_000, 500_000, 1_000_000)),
    **dict.fromkeys(("douyin", "kuaishou"), (1_000, 100_000, 1_000_000, 5_000_000, 10_000_000)),
    "bilibili": (1_000, 10_000, 100_000, 500_000, 1_000_000),
}
LOOKBACK = {"link": 30 * DAY, "content": 7 * DAY}
ORDER = ("coupon", "platform", "link", "content")


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


# ---------------------------------------------------------------- the rules in plain lines


@dataclass(frozen=True)
class Touched:
    """A sale with the touches that are eligible for it, and who earns its commission."""

    paid: datetime
    touches: list[tuple[str, str, datetime]]
    net: int
    commission: int
    earner: str


class Brand:
    """What the files say of creators and sales."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.creators = {row["platform_uid"]: row for row in rows(folder / "creators.csv")}
        self.number = {uid: number for number, uid in enumerate(self.creators)}
        self.sales = list(self._sales())

    def _sales(self) -> Iterator[Touched]:
        owner = {row["coupon"]: uid for uid, row in self.creators.items()}
        contents = {row["content_id"]: row for row in rows(self.folder / "contents.csv")}
        links = defaultdict(list)
        for row in rows(self.folder / "touchpoints.csv"):
            links[row["order_id"]].append((row["platform_uid"], row["kind"], at(row["happened_at"])))
        for row in rows(self.folder / "orders.csv"):
            paid, content = at(row["paid_at"]), contents[row["content_id"]]
            touches = [*links[row["order_id"]], (content["platform_uid"], "content", at(content["published_at"]))]
            touches += [(uid, kind, paid) for uid, kind in ((row["platform_uid"], "platform"), (owner.get(row["coupon"], ""), "coupon")) if uid]
            eligible = [touch for touch in touches if touch[2] <= paid and paid - touch[2] <= LOOKBACK.get(touch[1], paid - touch[2])]
            earner = row["platform_uid"] or owner.get(row["coupon"], "")
            yield Touched(paid, eligible, int(row["amount_fen"]) - int(row["refund_fen"]), int(row["commission_fen"]), earner)

    def group(self, uid: str) -> tuple[str, int, str]:
        """Platform, tier and category."""
        one = self.creators[uid]
        edges = EDGES.get(one["platform"], (1_000, 5_000, 20_000, 100_000, 1_000_000))
        return one["platform"], sum(int(one["followers"]) >= edge for edge in edges), one["category"]


def split(brand: Brand, model: str, one: Touched) -> dict[str, int]:
    """Shares of a sale in fen."""
    if not one.touches:
        return {}
    if model == "precedence":
        kind = min((touch[1] for touch in one.touches), key=ORDER.index)
        return {min((touch for touch in one.touches if touch[1] == kind), key=lambda touch: (END - touch[2], brand.number[touch[0]]))[0]: one.net}
    weight: dict[str, int] = defaultdict(int)
    for uid, _, _ in one.touches:
        weight[uid] += 1
    whole = sum(weight.values())
    parts = {uid: abs(one.net) * share // whole for uid, share in weight.items()}
    order = sorted(weight, key=lambda uid: (-(abs(one.net) * weight[uid] % whole), brand.number[uid]))
    for uid in order[: abs(one.net) - sum(parts.values())]:
        parts[uid] += 1
    return {uid: part if one.net >= 0 else -part for uid, part in parts.items()}


class Returned:
    """Costs, shares and posteriors of a period that ends with October."""

    def __init__(self, brand: Brand, since: datetime | None = None) -> None:
        def inside(moment: datetime) -> bool:
            return since is None or since <= moment < END

        self.fixed: dict[str, int] = defaultdict(int)
        self.variable: dict[str, int] = defaultdict(int)
        self.sales: dict[str, list[int]] = defaultdict(list)
        for row in rows(brand.folder / "costs.csv"):
            self.fixed[row["platform_uid"]] += int(row["amount_fen"]) * inside(at(row["incurred_at"]))
        for one in brand.sales:
            if inside(one.paid):
                self.variable[one.earner] += one.commission
                for uid, amount in split(brand, "precedence", one).items():
                    self.sales[uid].append(amount)
        self.places = {uid: [brand.group(uid)[:size] for size in (3, 2, 1, 0)] for uid in brand.creators}
        self.paid: dict[Any, list[str]] = defaultdict(list)
        self.free: dict[Any, list[str]] = defaultdict(list)
        for uid, places in self.places.items():
            for place in places:
                if self.fixed[uid] > 0:
                    self.paid[place].append(uid)
                elif self.sales[uid]:
                    self.free[place].append(uid)
        self.used = {uid: next(place for place in places if self.serves(place)) for uid, places in self.places.items()}
        fits = {place: fit(self, self.paid[place]) for place in set(self.used.values())}
        self.posterior = {uid: Posterior.of(self.fixed[uid], self.variable[uid], sum(self.sales[uid]), fits[self.used[uid]]) for uid in self.paid[()]}

    def serves(self, place: tuple[Any, ...]) -> bool:
        members = self.paid[place]
        return place == () or (len(members) >= 30 and any(sum(self.sales[uid]) > 0 for uid in members))

    def grades(self) -> dict[str, str]:
        """S, A or B by the share of peers who are strictly better; who has no fixed cost, by net revenue among the like."""
        cautious = {uid: one.quantile(0.25) for uid, one in self.posterior.items()}
        revenue = {uid: sum(self.sales[uid]) for uid in self.free[()]}
        return {
            uid: letter([value[one] > value[uid] for one in among[self.used[uid]]])
            for value, among in ((cautious, self.paid), (revenue, self.free))
            for uid in value
        }


def letter(better: list[bool]) -> str:
    share = sum(better) / len(better)
    return "S" if share < 0.1 else "A" if share < 0.4 else "B"


def fit(of: Returned, members: list[str]) -> tuple[float, float, float, float]:
    """A sale's unit, mean return, shape and burden of a group."""
    income = {uid: max(0, sum(of.sales[uid])) for uid in members}
    money, cost = sum(income.values()), sum(of.fixed[uid] for uid in members)
    unit, mean = sum(amount * amount for uid in members for amount in of.sales[uid]) / money, money / cost
    pairs = [(income[uid] / unit, mean * of.fixed[uid] / unit) for uid in members]
    low, high = math.log(0.05), math.log(1e4)
    for _ in range(60):
        middle = (low + high) / 2
        k = math.exp(middle)
        if sum((n - e) ** 2 / (e + e * e / k) for n, e in pairs) + k > len(pairs) + 1:
            high = middle
        else:
            low = middle
    k = math.exp((low + high) / 2)
    doubt = sum(e + e * e / k for _, e in pairs) / (sum(e for _, e in pairs)) ** 2
    return unit, mean, 1 / (1 / k + doubt), max(0.0, sum(of.variable[uid] for uid in members) / money)


@dataclass(frozen=True)
class Posterior:
    shape: float
    rate: float
    burden: float
    weight: float

    @classmethod
    def of(cls, fixed: int, variable: int, net: int, group: tuple[float, float, float, float]) -> Posterior:
        unit, mean, k, burden = group
        income = max(0, net)
        rate = k / mean + fixed / unit
        return cls(k + income / unit, rate, max(0.0, variable / income) if income else burden, k / mean / rate)

    def quantile(self, share: float) -> float:
        r = float(gammaincinv(self.shape, share)) / self.rate
        return r / (1 + self.burden * r)

    def above(self, roas: float) -> float:
        reach = 1 - self.burden * roas
        return float(gammaincc(self.shape, self.rate * roas / reach)) if reach > 0 else 0.0


# ---------------------------------------------------------------- the files


def made(folder: Path, scale: str, seed: int) -> Path:
    """Generated files, their orders mixed up so that creators share sales, and clicks of links beside them."""
    if not GENERATOR.exists():
        pytest.skip("the generator of files is not on this machine")
    subprocess.run(
        [sys.executable, str(GENERATOR), "--scale", scale, "--seed", str(seed), "--out", str(folder), "--delta", "500"], check=True, stdout=subprocess.DEVNULL
    )
    dice = random.Random(seed)  # noqa: S311 (a test needs the same dice every time)
    people = [(row["platform_uid"], row["coupon"]) for row in rows(folder / "creators.csv")]
    orders = list(rows(folder / "orders.csv"))
    clicks = []
    for row in orders:
        luck = dice.random()
        if luck < 0.1:
            row["platform_uid"] = ""
        elif luck < 0.2:
            row["coupon"] = dice.choice(people)[1]
        elif luck < 0.3:
            when = at(row["paid_at"]) - timedelta(hours=dice.randrange(-24, 24 * 40))
            clicks.append([row["order_id"], dice.choice(people)[0], "link", when.strftime("%Y-%m-%d %H:%M:%S")])
        elif luck < 0.35:
            row["refund_fen"] = row["amount_fen"]
        elif luck < 0.4:
            row["platform_uid"] = row["coupon"] = ""
    _write(folder / "orders.csv", list(orders[0]), [list(row.values()) for row in orders])
    _write(folder / "touchpoints.csv", ["order_id", "platform_uid", "kind", "happened_at"], clicks)
    return folder


def _write(path: Path, header: list[str], lines: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *lines])


def taken_in(koc: Koc, folder: Path) -> None:
    assert koc("init").code == 0
    for kind, name in (("creators", "creators"), ("contents", "contents"), ("touchpoints", "touchpoints"), ("sales", "orders"), ("costs", "costs")):
        report = koc("import", kind, folder / f"{name}.csv", "--json")
        assert (report.code, report.json["rejected"]) == (0, 0), report.out[:2000]


# ---------------------------------------------------------------- equal


@pytest.mark.parametrize(("scale", "seed"), [("T", 3), ("T", 11), ("S", 5)])
def test_the_command_line_says_what_plain_lines_over_the_files_say(koc: Koc, tmp_path: Path, scale: str, seed: int) -> None:
    folder = made(tmp_path, scale, seed)
    taken_in(koc, folder)
    brand = Brand(folder)
    ids = {row["accounts"][0]["platform_uid"]: row["id"] for row in koc("creators", "--limit", 10_000, "--json").json["rows"]}
    assert sorted(ids, key=lambda uid: ids[uid]) == list(brand.creators), "ties go to the smaller id"
    whole = sum(one.net for one in brand.sales)
    for model in ("precedence", "linear"):
        expected: dict[int, int] = defaultdict(int)
        for one in brand.sales:
            for uid, amount in split(brand, model, one).items():
                expected[ids[uid]] += amount
        answer = koc("roi", "--model", model, "--as-of", "2026-10-31", "--json").json
        assert {row["key"]: row["net_fen"] for row in answer["rows"] if row["sales"]} == expected
        assert sum(expected.values()) + answer["unattributed_fen"] == whole
        done = koc("attribute", "run", "--model", model, "--json").json
        assert (done["net_fen"], done["attributed_fen"], done["unattributed_fen"]) == (whole, sum(expected.values()), answer["unattributed_fen"])
        assert done["sales"] == len(brand.sales)
    returned, trailing = Returned(brand), Returned(brand, END - 365 * DAY)
    dated = koc("roi", "--as-of", "2026-10-31", "--target", "2", "--json").json
    for answer in (dated, koc("roi", "--target", "2", "--json").json):
        check_returns(answer, returned, ids)
    grades = trailing.grades()
    uids = {number: uid for uid, number in ids.items()}
    assert {row["key"]: row["value_grade"] for row in dated["rows"]} == {row["key"]: grades.get(uids[row["key"]], "N") for row in dated["rows"]}
    assert {"S", "A", "B", "N"} == {row["value_grade"] for row in dated["rows"]}


def check_returns(answer: Any, of: Returned, ids: dict[str, int]) -> None:
    found = {row["key"]: row for row in answer["rows"]}
    for uid, one in of.posterior.items():
        row = found[ids[uid]]
        assert (row["fixed_fen"], row["variable_fen"], row["sales"]) == (of.fixed[uid], of.variable[uid], len(of.sales[uid]))
        for name, share in (("p10", 0.1), ("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p90", 0.9)):
            assert row[name] == pytest.approx(one.quantile(share), rel=1e-6)
        assert row["p_above_break_even"] == pytest.approx(one.above(1 / MARGIN), rel=1e-6, abs=1e-12)
        assert row["p_above_target"] == pytest.approx(one.above(2.0), rel=1e-6, abs=1e-12)
        assert row["peer_weight"] == pytest.approx(one.weight, rel=1e-6)
    cautious = [row["p25"] for row in answer["rows"]]
    known = [one for one in cautious if one is not None]
    assert len(known) == len(of.posterior)
    assert cautious == [*sorted(known, reverse=True), *[None] * (len(cautious) - len(known))]
    assert answer["total"]["fixed_fen"] == sum(of.fixed.values())
    assert answer["total"]["variable_fen"] == sum(of.variable.values())


def test_a_late_delta_counts_at_once_and_undo_takes_it_back(koc: Koc, tmp_path: Path) -> None:
    folder = made(tmp_path, "T", 7)
    taken_in(koc, folder)
    before = koc("roi", "--json").json
    report = koc("import", "sales", folder / "orders_delta.csv", "--json").json
    after = koc("roi", "--json").json
    delta = sum(int(row["amount_fen"]) - int(row["refund_fen"]) for row in rows(folder / "orders_delta.csv"))
    assert after["total"]["net_fen"] + after["unattributed_fen"] == before["total"]["net_fen"] + before["unattributed_fen"] + delta
    assert koc("doctor").code == 0
    assert koc("imports", "undo", report["import_id"]).code == 0
    again = koc("roi", "--json").json
    assert {**again, "seconds": 0} == {**before, "seconds": 0}
    assert koc("doctor").code == 0


# ---------------------------------------------------------------- paths


def test_channels_of_paths_as_published(koc: Koc, real: Path, tmp_path: Path) -> None:
    """The worked example: google ads 2.4 and mailing 1.6 of 4 conversions; Shapley 2.5 and 1.5."""
    published = json.loads((real / "g16_markov_worked" / "paths.json").read_text("utf-8"))["puzyrov"]
    _write(tmp_path / "paths.csv", ["path", "conversions", "nulls"], [[path, str(wins), str(nulls)] for path, wins, nulls in published["paths"]])
    koc("init")
    report = koc("import", "paths", tmp_path / "paths.csv", "--json")
    assert report.code == 0, report.out
    markov = koc("attribute", "paths", "--model", "markov", "--json").json
    assert (markov["model"], markov["conversions"], markov["p"]) == ("markov", 4, pytest.approx(0.8))
    channels = {one["channel"]: (one["removal"], one["credit"]) for one in markov["channels"]}
    assert channels == {"google ads": pytest.approx((0.75, 2.4)), "mailing": pytest.approx((0.5, 1.6))}
    shapley = koc("attribute", "paths", "--model", "shapley", "--json").json
    assert {one["channel"]: one["credit"] for one in shapley["channels"]} == pytest.approx({"google ads": 2.5, "mailing": 1.5})
    assert "google ads" in koc("attribute", "paths", "--model", "markov", "--order", "2").out
    for wrong in (("--model", "magic"), ("--model", "markov", "--order", "4")):
        assert koc("attribute", "paths", *wrong).code == 2
