# SPDX-License-Identifier: Apache-2.0
"""Returns through the command line: what the answers say of money that is in no sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.usecases.roi import DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Answer

    Koc = Callable[..., Answer]

ABROAD = [
    {"currency": "JPY", "sales": 0, "net_minor": 0, "commission_minor": 0, "costs": 1, "cost_minor": 7},
    {"currency": "USD", "sales": 2, "net_minor": 650, "commission_minor": 9, "costs": 0, "cost_minor": 0},
]
TOLD = {
    "zh": "未计入的其他币种：JPY 净成交额 0.00（0 笔）、佣金 0.00、费用 0.07（1 笔）；USD 净成交额 6.50（2 笔）、佣金 0.09、费用 0.00（0 笔）",
    "en": "Left out, in other currencies: JPY net 0.00 (sales: 0), commission 0.00, costs 0.07 (entries: 1); "
    "USD net 6.50 (sales: 2), commission 0.09, costs 0.00 (entries: 0)",
}


@pytest.fixture
def sold(koc: Koc, tmp_path: Path) -> Koc:
    assert koc("init").code == 0
    for kind, text in {
        "creators": "platform,platform_uid,name,coupon\ndouyin,1,甲,AAA\n",
        "sales": "order_id,paid_at,amount_fen,refund_fen,commission_fen,currency,coupon\n"
        "A,2026-05-01,1000,0,3,,AAA\nB,2026-05-02,500,50,9,USD,AAA\nC,2026-05-03,200,0,,usd,\n",
        "costs": "cost_id,platform,platform_uid,kind,amount_fen,incurred_at,currency\nx,douyin,1,fee,400,2026-05-01,\ny,douyin,1,fee,7,2026-05-01,JPY\n",
    }.items():
        path = tmp_path / f"{kind}.csv"
        path.write_text(text, "utf-8")
        assert koc("import", kind, path).code == 0
    return koc


def test_answers_say_what_money_they_left_out(sold: Koc):
    for by in DIMENSIONS:
        answer = sold("roi", "--by", by, "--json").json
        assert (answer["total"]["net_fen"], answer["total"]["landed_fen"], answer["total"]["sales"], answer["unattributed_fen"]) == (1000, 403, 1, 0), by
        assert answer["left_out"] == ABROAD, by
    assert sold("roi", "--from", "2026-05-03", "--to", "2026-05-03", "--json").json["left_out"] == [
        {**ABROAD[1], "sales": 1, "net_minor": 200, "commission_minor": 0}
    ]
    assert sold("roi", "--as-of", "2026-05-01", "--json").json["left_out"] == ABROAD[:1]
    done = sold("attribute", "run", "--json").json
    assert (done["sales"], done["net_fen"], done["attributed_fen"], done["left_out"]) == (1, 1000, 1000, ABROAD)
    assert sold("roi", "--to", "2026-04-30", "--json").json["left_out"] == []


@pytest.mark.parametrize("language", TOLD)
def test_people_read_it_in_one_line(sold: Koc, language: str):
    for words in (("roi",), ("roi", "--by", "month"), ("attribute", "run")):
        assert TOLD[language] in sold(*words, "--lang", language).out.splitlines()
        assert not any("币种" in line or "currenc" in line for line in sold(*words, "--lang", language, "--to", "2026-04-30").out.splitlines())


def test_months_are_not_counted_as_people(sold: Koc):
    for by in ("month", "tier", "creator"):
        assert "显示 1 项，共 1 项" in sold("roi", "--by", by, "--lang", "zh").out
