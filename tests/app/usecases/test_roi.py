# SPDX-License-Identifier: Apache-2.0
"""What people ask about returns, through the command line and a real workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Answer

    Koc = Callable[..., Answer]

KEYS = {
    "key", "label", "net_fen", "fixed_fen", "variable_fen", "landed_fen", "sales", "roas", "roi", "p10", "p25", "p50", "p75", "p90",
    "p_above_break_even", "p_above_target", "peer_weight", "value_grade",
}  # fmt: skip
SALES = {1: [30_000, 50_000, 120_000, 40_000], 2: [], 3: [60_000] * 25, 4: [90_000]}
COSTS = {1: (100_000, 20_000), 2: (50_000, 0), 3: (200_000, 150_000), 4: (80_000, 9_000)}


@pytest.fixture
def worked(koc: Koc, tmp_path: Path) -> Koc:
    """The worked example of the rules: four creators of one group, on days of June 2026, and a fifth without fixed cost."""
    people = "".join(f"douyin,{n},达人{n},5000,美妆,KOC{n}\n" for n in range(1, 7))
    (tmp_path / "creators.csv").write_text(f"platform,platform_uid,name,followers,category,coupon\n{people}", "utf-8")
    lines = [f"{uid}{at},{uid},,2026-06-{at + 1:02d} 12:00:00,{fen},0," for uid, fens in SALES.items() for at, fen in enumerate(fens)]
    lines += ["51,5,,2026-06-02 12:00:00,80000,0,8000", "61,,,2026-06-03 12:00:00,700,0,30"]
    (tmp_path / "sales.csv").write_text("order_id,platform_uid,coupon,paid_at,amount_fen,refund_fen,commission_fen\n" + "\n".join(lines), "utf-8")
    costs = [f"f{uid},{uid},fee,{fixed},2026-06-01\nc{uid},{uid},commission,{variable},2026-06-01" for uid, (fixed, variable) in COSTS.items()]
    (tmp_path / "costs.csv").write_text("cost_id,platform_uid,kind,amount_fen,incurred_at\n" + "\n".join(costs), "utf-8")
    assert koc("init").code == 0
    for kind in ("creators", "sales", "costs"):
        report = koc("import", kind, tmp_path / f"{kind}.csv", "--json")
        assert report.code == 0, report.out
    return koc


def by_key(answer: Answer) -> dict[Any, Any]:
    assert answer.code == 0, answer.out + answer.err
    return {row["key"]: row for row in answer.json["rows"]}


def test_the_worked_example(worked: Koc) -> None:
    rows = by_key(worked("roi", "--json", "--target", "3", "--as-of", "2026-06-30"))
    expected = {
        1: (1.1958, 1.5907, 2.0934, 2.6486, 3.1780, 0.7146, 0.1679),
        2: (0.2013, 0.4360, 0.8576, 1.4464, 2.0874, 0.1861, 0.2876),
        3: (3.5144, 3.8193, 4.1540, 4.4813, 4.7674, 1.0000, 0.0917),
        4: (0.5710, 0.8891, 1.3400, 1.8769, 2.4114, 0.3369, 0.2015),
    }
    for key, figures in expected.items():
        row = rows[key]
        assert row.keys() == KEYS
        found = [row[name] for name in ("p10", "p25", "p50", "p75", "p90", "p_above_break_even", "peer_weight")]
        assert [round(value, 4) for value in found] == list(figures)
    assert 0 < rows[1]["p_above_target"] < rows[1]["p_above_break_even"]
    assert (rows[1]["net_fen"], rows[1]["landed_fen"], rows[1]["sales"]) == (240_000, 120_000, 4)
    assert (rows[1]["roas"], rows[1]["roi"]) == (2.0, pytest.approx(0.2))
    assert (rows[2]["roas"], rows[2]["net_fen"]) == (0.0, 0)
    assert [row["key"] for row in worked("roi", "--json").json["rows"]] == [3, 1, 4, 2, 5], "by P25, who has none after them"
    assert {key: row["value_grade"] for key, row in rows.items()} == {3: "S", 1: "A", 4: "B", 2: "B", 5: "S"}


def test_a_value_grade_is_that_of_the_trailing_year_whoever_is_in_the_period(worked: Koc) -> None:
    whole = {key: row["value_grade"] for key, row in by_key(worked("roi", "--json", "--as-of", "2026-06-30")).items()}
    days = by_key(worked("roi", "--json", "--as-of", "2026-06-30", "--from", "2026-06-02", "--to", "2026-06-02"))
    assert days.keys() == {1, 3, 5}
    assert {key: row["value_grade"] for key, row in days.items()} == {key: whole[key] for key in days}
    accounts = worked("roi", "--json", "--by", "account", "--as-of", "2026-06-30", "--from", "2026-06-02", "--to", "2026-06-02").json["rows"]
    assert [row["value_grade"] for row in accounts] == ["S", "S", "A"]
    assert {row["value_grade"] for row in worked("roi", "--json", "--as-of", "2024-06-30", "--from", "2026-06-02").json["rows"]} <= {"N"}


def test_without_fixed_cost_there_is_no_interval(worked: Koc) -> None:
    row = by_key(worked("roi", "--json"))[5]
    assert (row["fixed_fen"], row["variable_fen"], row["roas"]) == (0, 8_000, 10.0)
    assert all(row[name] is None for name in ("p10", "p25", "p50", "p75", "p90", "p_above_break_even", "peer_weight"))


def test_one_creator_with_its_costs(worked: Koc) -> None:
    found = worked("creator", "1", "--json").json
    assert found["costs"] == {"commission": 20_000, "fee": 100_000}
    row = by_key(worked("roi", "--json"))[1]
    assert found["roi"] == {name: value for name, value in row.items() if name not in {"key", "label"}}
    nobody = worked("creator", "6", "--json").json
    assert (nobody["costs"], nobody["roi"].keys(), nobody["roi"]["value_grade"]) == ({}, found["roi"].keys(), "N")
    assert {name for name, value in nobody["roi"].items() if value is None} == {
        name for name in KEYS if name.startswith(("p1", "p2", "p5", "p7", "p9", "p_", "peer", "roas", "roi"))
    }


def test_all_together(worked: Koc) -> None:
    answer = worked("roi", "--json", "--top", "2").json
    assert (len(answer["rows"]), answer["found"], answer["margin"]) == (2, 5, 0.6)
    total = answer["total"]
    assert (total["net_fen"], total["sales"], answer["unattributed_fen"]) == (240_000 + 1_500_000 + 90_000 + 80_000, 31, 700)
    assert (total["fixed_fen"], total["variable_fen"]) == (430_000, 179_000 + 8_000 + 30), "a commission that nobody earned is in the total only"
    assert total["landed_fen"] == total["fixed_fen"] + total["variable_fen"]
    assert answer["seconds"] >= 0


def test_value_grades_stand_in_the_roster_right_after_an_import(koc: Koc, tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    day = (datetime.now(UTC) - timedelta(days=20)).date()
    (tmp_path / "c.csv").write_text("platform,platform_uid,name\ndouyin,1,甲\ndouyin,2,乙\ndouyin,3,丙\n", "utf-8")
    (tmp_path / "s.csv").write_text(f"order_id,platform_uid,paid_at,amount_fen\n1,1,{day},90000\n2,2,{day},10\n", "utf-8")
    (tmp_path / "k.csv").write_text(f"cost_id,platform_uid,kind,amount_fen,incurred_at\n1,1,fee,1000,{day}\n2,2,fee,1000,{day}\n", "utf-8")
    koc("init")
    for kind, name in (("creators", "c"), ("sales", "s"), ("costs", "k")):
        assert koc("import", kind, tmp_path / f"{name}.csv").code == 0
    rows = koc("creators", "--where", "value_grade in (S, A)", "--json").json["rows"]
    assert [(row["name"], row["value_grade"]) for row in rows] == [("甲", "S")]
    assert [row["name"] for row in koc("creators", "--sort", "-value_grade", "--json").json["rows"]] == ["甲", "乙", "丙"]
    last = koc("imports", "--json").json["imports"][0]["id"]
    assert koc("imports", "undo", last).code == 0
    assert [row["value_grade"] for row in koc("creators", "--json").json["rows"]] == ["S", "B", "N"], "commission only: by net revenue"


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("account", {1: 240_000, 2: 0, 3: 1_500_000, 4: 90_000, 5: 80_000}),
        ("tier", {"nano": 1_910_000}),
        ("group", {"nano_koc": 1_910_000}),
        ("platform", {"douyin": 1_910_000}),
        ("category", {"美妆": 1_910_000}),
        ("month", {"2026-06": 1_910_000}),
        ("product", {None: 1_910_000}),
        ("content", {None: 1_910_000}),
        ("campaign", {None: 1_910_000}),
    ],
)
def test_sums_by_anything(worked: Koc, by: str, expected: dict[Any, int]) -> None:
    answer = worked("roi", "--by", by, "--json")
    assert {key: row["net_fen"] for key, row in by_key(answer).items()} == expected
    assert sum(row["fixed_fen"] for row in answer.json["rows"]) == 430_000
    assert answer.json["total"]["net_fen"] == 1_910_000
    assert answer.json["unattributed_fen"] == 700
    assert all(row.keys() == KEYS for row in answer.json["rows"])


def test_products_contents_and_campaigns(koc: Koc, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("platform,platform_uid,name\ndouyin,1,甲\n", "utf-8")
    (tmp_path / "t.csv").write_text("content_id,platform_uid,published_at,title\n90,1,2026-06-01,开箱\n91,1,2026-06-01,探店\n", "utf-8")
    sold = "1,1,90,面霜,2026-06-02,5000\n2,1,91,面霜,2026-06-02,700\n3,1,,精华,2026-06-02,30\n"
    (tmp_path / "s.csv").write_text(f"order_id,platform_uid,content_id,product,paid_at,amount_fen\n{sold}", "utf-8")
    (tmp_path / "k.csv").write_text(
        "cost_id,platform_uid,content_id,campaign,kind,amount_fen,incurred_at\n1,1,90,618,fee,100,2026-06-01\n2,1,,双11,boost,9,2026-06-01\n", "utf-8"
    )
    koc("init")
    for kind, name in (("creators", "c"), ("contents", "t"), ("sales", "s"), ("costs", "k")):
        assert koc("import", kind, tmp_path / f"{name}.csv").code == 0
    products = {row["label"]: row["net_fen"] for row in koc("roi", "--by", "product", "--json").json["rows"]}
    assert products == {"面霜": 5_700, "精华": 30, "(none)": 0}
    contents = koc("roi", "--by", "content", "--json").json["rows"]
    assert [(row["label"], row["net_fen"], row["fixed_fen"], row["sales"]) for row in contents] == [
        ("开箱", 5_000, 100, 1),
        ("探店", 700, 0, 1),
        ("(none)", 30, 9, 1),
    ]
    campaigns = koc("roi", "--by", "campaign", "--json").json["rows"]
    assert [(row["key"], row["net_fen"], row["fixed_fen"]) for row in campaigns] == [("618", 5_000, 100), (None, 730, 0), ("双11", 0, 9)]


def test_periods_include_their_days(worked: Koc) -> None:
    rows = by_key(worked("roi", "--from", "2026-06-02", "--to", "2026-06-03", "--json"))
    assert {key: row["net_fen"] for key, row in rows.items()} == {1: 170_000, 3: 120_000, 5: 80_000}
    assert all(row["fixed_fen"] == 0 for row in rows.values())
    assert {key: row["net_fen"] for key, row in by_key(worked("roi", "--as-of", "2026-06-01", "--json")).items()} == {1: 30_000, 2: 0, 3: 60_000, 4: 90_000}
    done = worked("attribute", "run", "--from", "2026-06-03", "--to", "2026-06-03", "--json").json
    assert done.keys() == {"model", "sales", "net_fen", "attributed_fen", "unattributed_fen", "seconds", "left_out"}
    assert (done["model"], done["sales"], done["net_fen"], done["unattributed_fen"]) == ("precedence", 3, 180_700, 700)


def test_wrong_questions(worked: Koc) -> None:
    for words in (("roi", "--by", "moon"), ("roi", "--model", "magic"), ("roi", "--target", "-1"), ("roi", "--policy", "99"), ("attribute", "run", "--model", "x"),
                  ("roi", "--from", "yesterday-ish"), ("roi", "--top", "0")):  # fmt: skip
        answer = worked(*words, "--json")
        assert (answer.code, "error" in answer.json) == (2, True), words


def test_people_read_aligned_tables(worked: Koc) -> None:
    text = worked("roi", "--target", "2").out.splitlines()
    assert text[0].split()[:3] == ["Creator", "Net", "revenue"]
    assert len({line.index("revenue") for line in text[:1]}) == 1
    assert "1:4.29" in text[1]
    assert "15,000.00" in text[1]
    shown = worked("--lang", "zh", "roi", "--by", "tier").out
    assert "素人" in shown
    assert "净投产比" in shown
    run = worked("attribute", "run").out
    assert "19,107.00" in run


def test_new_rules_are_a_new_answer_and_the_old_version_may_be_named(worked: Koc, tmp_path: Path) -> None:
    import tomllib

    import resources

    text = resources.text("policies", "roi.toml")
    assert tomllib.loads(text)["margin"] == 0.6
    (tmp_path / "roi.toml").write_text(text.replace("margin = 0.6", "margin = 0.3"), "utf-8")
    assert worked("policy", "set", "roi", tmp_path / "roi.toml", "--reason", "试").code == 0
    new, old = worked("roi", "--json").json, worked("roi", "--policy", "1", "--json").json
    assert (new["margin"], old["margin"]) == (0.3, 0.6)
    assert by_key_of(new)[1]["roi"] == pytest.approx(-0.4)
    assert by_key_of(old)[1]["roi"] == pytest.approx(0.2)


def by_key_of(document: Any) -> dict[Any, Any]:
    return {row["key"]: row for row in document["rows"]}
