# SPDX-License-Identifier: Apache-2.0
"""Files of facts through the command line: names, keys and exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openpyxl
import pytest

from app.rules.facts import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Answer

    Koc = Callable[..., Answer]

SALES = """订单编号,商品,数量,单价(元),付款时间,达人平台,达人ID
A1,面霜,2,10.5,2026-03-01 12:00:00,抖音,7001
A1,精华,1,20,2026-03-01 12:00:00,抖音,7001
A2,面霜,-1,10.5,2026-03-02,抖音,404
"""


@pytest.fixture
def shop(koc: Koc, tmp_path: Path) -> Koc:
    roster = tmp_path / "达人.csv"
    roster.write_text("平台,账号ID,昵称\n抖音,7001,小满\n", "utf-8")
    assert koc("init").code == 0
    assert koc("import", "creators", roster).code == 0
    return koc


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "订单.csv"
    path.write_text(SALES, "utf-8")
    return path


def test_an_import_of_sales_answers_what_became_of_every_row(shop: Koc, orders: Path, tmp_path: Path):
    answer = shop("import", "sales", orders, "--errors", tmp_path / "bad.xlsx", "--json")
    told = answer.json
    assert answer.code == 1
    assert told.keys() == {
        "import_id", "kind", "read", "inserted", "updated", "unchanged", "rejected", "duplicates", "sums", "mapping", "unmapped", "warnings", "changes",
        "errors", "unknown_creators", "seconds",
    }  # fmt: skip
    assert (told["kind"], told["read"], told["inserted"], told["rejected"]) == ("sales", 3, 2, 1)
    assert told["sums"] == {"quantity": 3, "unit_price_fen": 3050, "amount_fen": 4100, "refund_fen": 0}
    assert told["mapping"]["unit_price_fen"] == "单价(元)"
    assert told["unknown_creators"] == ["douyin:404"]
    assert [(one["row"], one["code"]) for one in told["errors"]] == [(4, "unknown_creator")]
    assert all(one["reason"] != one["code"] for one in told["errors"])
    assert {(one["field"], one["after"]) for one in told["changes"] if one["key"] == "A1:1"} >= {("paid_at", "2026-03-01T04:00:00Z"), ("amount_fen", 2100)}
    assert openpyxl.load_workbook(tmp_path / "bad.xlsx").active.max_row == 2  # type: ignore[union-attr]
    counts = shop("info", "--json").json["counts"]
    assert (counts["sales"], counts["contents"], counts["credit_events"], counts["cost_entries"]) == (2, 0, 0, 0)
    listed = shop("imports", "--json").json["imports"]
    assert [one["kind"] for one in listed] == ["sales", "creators"]


def test_leads_are_made_when_asked_and_go_with_the_undo(shop: Koc, orders: Path):
    before = shop("info", "--json").json["content_hash"]
    dry = shop("import", "sales", orders, "--create-leads", "--dry-run", "--json")
    assert (dry.code, dry.json["inserted"], dry.json["import_id"]) == (0, 3, None)
    done = shop("import", "sales", orders, "--create-leads", "--json").json
    assert (done["inserted"], shop("creators", "--json").json["total"]) == (3, 2)
    assert shop("imports", "undo", str(done["import_id"]), "--json").json["undone"]["kept"] == []
    assert shop("info", "--json").json["content_hash"] == before


def test_what_is_exported_can_be_imported(shop: Koc, orders: Path, tmp_path: Path):
    shop("import", "sales", orders)
    out = tmp_path / "out.xlsx"
    answer = shop("export", "sales", out, "--where", "amount_fen > 2000", "--json")
    assert (answer.code, answer.json["rows"]) == (0, 1)
    assert shop("import", "sales", out, "--json").json["unchanged"] == 1
    assert shop("export", "sales", tmp_path / "x.csv", "--where", "followers > 1", "--json").code == 2


@pytest.mark.parametrize("kind", FACTS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_kind_speaks_in_words(shop: Koc, tmp_path: Path, kind: str, language: str):
    """Help, a report with a rejected row and an empty export have sentences, no keys."""
    path = tmp_path / f"{kind}.csv"
    path.write_text(",".join(FACTS[kind].fields) + "\n" + ",".join("x" for _ in FACTS[kind].fields) + "\n", "utf-8")
    for words in (("import", kind, "--help"), ("export", kind, "--help"), ("import", kind, path), ("export", kind, tmp_path / f"out-{kind}.csv"), ("imports",)):
        answer = shop("--lang", language, *words)
        said = answer.out + answer.err
        assert answer.code in {0, 1}
        for family in ("help.", "reject.", "warning.", "field.", "report.", "cli."):
            assert family not in said
