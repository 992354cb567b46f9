# SPDX-License-Identifier: Apache-2.0
"""Columns in arrays say what one cell says, whatever the cell; sums are exact."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.rules import cells
from app.rules.cells import BadCellError, Reading
from app.rules.fields import CREATOR_FIELDS, Field, Home, Kind
from sync import columns

ZONE = "Asia/Shanghai"
READINGS = [
    *(Reading(one, ZONE) for one in CREATOR_FIELDS.values() if one.importable),
    Reading(CREATOR_FIELDS["followers"], ZONE, ten_thousands=True),
    Reading(CREATOR_FIELDS["fee_fen"], ZONE, yuan=True),
    Reading(CREATOR_FIELDS["engagement_rate"], ZONE, fraction=True),
    Reading(CREATOR_FIELDS["commission_bp"], ZONE, percent=True),
    Reading(CREATOR_FIELDS["joined_at"], ZONE, day_first=True),
    Reading(CREATOR_FIELDS["joined_at"], "America/New_York"),
    Reading(Field("metric.x", Kind.NUMBER, Home.METRIC), ZONE),
]
KNOWN = st.sampled_from(
    ["", "-", "N/A", "nan", "未知", "－", "Ｎ／Ａ", "N／A", "#NAME?", "0", "007", "12", "1.5", "1.2万", "10万+", "50万～100万", "7.2E+18", "12.0", "2024-01-05 08:30:00", "2024-03-10 02:30:00",
     "1969-12-31 23:00:00", "2024/1/5", "13/02/2024", "45296", "张三", "é", "e\u0301", "\ufeffa", "a\ufeff", "a\u202eb", "\u202ea", "a\u2028b", "a\x00b", "a\u00adb", "=x", "'=x", "抖音", "lead", "洽谈中",
     "a,b", "a b", " a ", "\u3000a", "a\u3000", "ﷺ", "각", "か\u3099", "😀", "𠮷", "0.335", "-1", "(5)", "1,234", "9223372036854775807", "99999999999999999999", "x" * 1_001, "x" * 2_001, "1" * 61, "1" * 201]
)  # fmt: skip
TEXTS = st.one_of(KNOWN, st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.from_regex(r"[0-9.,%wk万亿+\-]{1,8}", fullmatch=True))


def one_by_one(reading: Reading, text: str) -> tuple[Any, str | None, str | None]:
    if not text:
        return None, None, None
    try:
        value, note = cells.parse(reading, text)
    except BadCellError as error:
        return None, None, error.code
    return (list(value) if isinstance(value, tuple) else value), note, None


@pytest.mark.parametrize(
    "reading", READINGS, ids=lambda one: f"{one.field.name}-{one.zone[:4]}{one.yuan:d}{one.percent:d}{one.fraction:d}{one.ten_thousands:d}"
)
@settings(max_examples=40)
@given(texts=st.lists(TEXTS, max_size=12))
@example(texts=["N／A", "\u202ea", "1969-12-31 23:00:00", "2024-03-10 02:30:00", "e\u0301", "a\u3000"])
def test_a_column_says_what_its_cells_say(reading: Reading, texts: list[str]):
    column = columns.read(reading, pl.Series("x", texts, dtype=pl.String))
    wanted = [one_by_one(reading, text) for text in texts]
    assert column.values.to_list() == [value for value, _, _ in wanted]
    assert column.bad == {at: code for at, (_, _, code) in enumerate(wanted) if code}
    assert column.notes == {at: note for at, (_, note, _) in enumerate(wanted) if note}


@given(st.lists(st.decimals(0, 10**7, places=4), max_size=20))
def test_money_sums_to_the_last_digit(amounts: list[Decimal]):
    reading = Reading(CREATOR_FIELDS["fee_fen"], ZONE, yuan=True)
    column = columns.read(reading, pl.Series("x", [f"{amount:f}" for amount in amounts], dtype=pl.String))
    total = columns.total(column, pl.Series([True] * len(amounts), dtype=pl.Boolean))
    assert Decimal(str(total)) == Decimal(str(float(sum(amounts, Decimal(0)) * 100)))


@given(st.lists(st.tuples(st.decimals(-(10**6), 10**9, places=3), st.booleans()), max_size=20))
def test_numbers_sum_as_the_decimals_they_were(rows: list[tuple[Decimal, bool]]):
    column = columns.read(Reading(CREATOR_FIELDS["avg_views"], ZONE), pl.Series("x", [f"{value:f}" for value, _ in rows], dtype=pl.String))
    total = columns.total(column, pl.Series([counts for _, counts in rows], dtype=pl.Boolean))
    assert total == float(sum((value for value, counts in rows if counts), Decimal(0)))


def test_sums_beyond_64_bits_are_exact():
    column = columns.read(Reading(CREATOR_FIELDS["followers"], ZONE), pl.Series("x", ["9e18"] * 30, dtype=pl.String))
    assert columns.total(column, pl.Series([True] * 30)) == 30 * 9 * 10**18
    assert columns.total(columns.Column(pl.Series("x", [1e15, 0.1, 0.2])), pl.Series([True] * 3)) == 1_000_000_000_000_000.3
