# SPDX-License-Identifier: Apache-2.0
"""One cell at a time: every way people write a number, a date, an id or nothing at all."""

from __future__ import annotations

import contextlib
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UsageError
from app.rules import cells
from app.rules.cells import BadCellError, Reading, parse
from app.rules.fields import CREATOR_FIELDS, Field, Home, Kind
from app.values import Stage, day_start

ZONE = "Asia/Shanghai"
FOLLOWERS = Reading(CREATOR_FIELDS["followers"], ZONE)
RATE = Reading(CREATOR_FIELDS["engagement_rate"], ZONE)
FEE = Reading(CREATOR_FIELDS["fee_fen"], ZONE, yuan=True)
NAME = Reading(CREATOR_FIELDS["name"], ZONE)
HANDLE = Reading(CREATOR_FIELDS["handle"], ZONE)


def code_of(reading: Reading, text: str) -> str:
    with pytest.raises(BadCellError) as caught:
        parse(reading, text)
    return caught.value.code


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("text", "value", "note"),
    [
        ("1.2w", 12_000, None),
        ("3.5万", 35_000, None),
        ("12.3亿", 1_230_000_000, None),
        ("5千", 5_000, None),
        ("1百万", 1_000_000, None),
        ("10万+", 100_000, "at_least"),
        ("1w+", 10_000, "at_least"),
        ("10万多", 100_000, "at_least"),
        ("475.8m", 475_800_000, None),
        ("29.0b", 29_000_000_000, None),
        ("3.3K", 3_300, None),
        ("2.28E+11", 228_000_000_000, None),
        ("951.00", 951, None),
        ("１，２３４", 1_234, None),
        ("１２．５万", 125_000, None),
        ("¥1,234.50", Decimal("1234.5"), None),
        ("1 234", 1_234, None),
        ("1\u00a0234\u202f567", 1_234_567, None),
        ("1.234,56", Decimal("1234.56"), None),
        ("1.234.567", 1_234_567, None),
        ("3,5", Decimal("3.5"), None),
        ("1,234", 1_234, None),
        ("1'234'567", 1_234_567, None),
        ("(123)", -123, None),
        ("-5", -5, None),
        ("−5", -5, None),
        ("1.39%", Decimal("1.39"), "percent"),
        ("1.2万粉丝", 12_000, None),
        ("300元", 300, None),
        ("RMB 5", 5, None),
        ("US$ 1,200", 1_200, None),
        ("'0012", 12, None),
        (" 7\u200b ", 7, None),
        (".5", Decimal("0.5"), None),
    ],
)
def test_a_number_is_read_exactly(text: str, value: Decimal, note: str | None):
    assert cells.number(text) == (value, note)


@pytest.mark.parametrize("text", ["", " ", "-", "--", "—", "N/A", "N/A'", "nan", "NaN%", "#VALOR!", "#VALUE!", "未知", "暂无", "－", "null"])
def test_nothing_is_nothing_and_not_zero(text: str):
    assert cells.number(text) == (None, None)
    assert cells.is_empty(text)


@pytest.mark.parametrize("text", ["50万～100万", "50万~100万", "1万-10万", "100万以上", "5万及以上", "0.1万以下", "<1000", "10k to 20k", "超过5万"])
def test_a_range_is_no_number(text: str):
    assert cells.number(text) == (None, "range")


@pytest.mark.parametrize(
    ("text", "code"),
    [("abc", "bad_number"), ("1,23,4", "bad_number"), ("1-2-3", "bad_number"), ("12 34", "bad_number"), ("1e400", "too_large"), ("9" * 30, "too_large"), ("9" * 5000, "bad_number"), ("12以", "bad_number")],
)  # fmt: skip
def test_what_is_no_number_says_why(text: str, code: str):
    with pytest.raises(BadCellError) as caught:
        cells.number(text)
    assert caught.value.code == code


def test_a_count_is_whole_and_not_negative():
    assert code_of(FOLLOWERS, "1.5") == "not_whole"
    assert code_of(FOLLOWERS, "-1") == "negative"
    assert code_of(FOLLOWERS, "(123)") == "negative"
    assert parse(FOLLOWERS, "951.00") == (951, None)
    assert parse(FOLLOWERS, "10万+") == (100_000, "at_least")


def test_below_a_header_in_ten_thousands_only_bare_numbers_are_multiplied():
    in_wan = Reading(CREATOR_FIELDS["followers"], ZONE, ten_thousands=True)
    assert parse(in_wan, "12.5") == (125_000, None)
    assert parse(in_wan, "12.5万") == (125_000, None)
    assert parse(in_wan, "RMB 3") == (30_000, None)


def test_yuan_become_fen_and_finer_values_round_half_up():
    assert parse(FEE, "1200.5") == (120_050, None)
    assert parse(FEE, "1.2万") == (1_200_000, None)
    assert parse(FEE, "0.335") == (34, "rounded")
    assert parse(FEE, "0.3349") == (33, "rounded")
    assert cells.minor_units(FEE, "0.335") == (Decimal("33.5"), None)
    assert parse(Reading(CREATOR_FIELDS["fee_fen"], ZONE), "1200") == (1200, None)
    assert code_of(FEE, "9e18") == "too_large"


def test_rates_are_percentage_points():
    assert parse(RATE, "1.39%") == (1.39, None)
    assert parse(RATE, "1.39") == (1.39, None)
    shares = Reading(CREATOR_FIELDS["engagement_rate"], ZONE, fraction=True)
    assert parse(shares, "0.0139") == (1.39, None)
    assert parse(shares, "1.39%") == (1.39, None)


def test_commissions_are_basis_points():
    field = CREATOR_FIELDS["commission_bp"]
    assert parse(Reading(field, ZONE), "2000") == (2000, None)
    assert parse(Reading(field, ZONE), "20%") == (2000, None)
    assert parse(Reading(field, ZONE, percent=True), "20") == (2000, None)
    assert parse(Reading(field, ZONE, percent=True, fraction=True), "0.2") == (2000, None)
    assert code_of(Reading(field, ZONE, percent=True), "101") == "over_hundred_percent"


@given(st.integers(0, 10**15), st.sampled_from(["{:,}", "{}", "¥{:,}", "{:,}元", " {} "]))
def test_a_whole_number_survives_its_dress(value: int, dress: str):
    assert cells.number(dress.format(value))[0] == value


@given(st.decimals(0, 10**9, places=2), st.sampled_from(["w", "万", "k", "m", "亿"]))
def test_a_unit_multiplies_exactly(value: Decimal, unit: str):
    factor = {"w": 10**4, "万": 10**4, "k": 10**3, "m": 10**6, "亿": 10**8}[unit]
    assert cells.number(f"{value}{unit}")[0] == value * factor


@given(st.text(max_size=30))
def test_no_text_breaks_a_reader(text: str):
    for reading in (
        FOLLOWERS,
        RATE,
        FEE,
        NAME,
        HANDLE,
        *(Reading(CREATOR_FIELDS[name], ZONE) for name in ("platform_uid", "joined_at", "tags", "stage", "platform", "commission_bp")),
    ):
        with contextlib.suppress(BadCellError):
            value, _ = parse(reading, text)
            assert value != ""


# ---------------------------------------------------------------- words


def test_words_are_composed_and_on_one_line():
    assert parse(NAME, " 张三\r\n丰 ") == ("张三 丰", None)
    assert parse(NAME, "e\u0301") == ("é", None)
    assert parse(NAME, "\ufeff张三\ufeff") == ("张三", None)


def test_somebody_may_be_called_none_but_no_handle_is_nan():
    assert parse(NAME, "#NAME?") == ("#NAME?", None)
    assert parse(NAME, "none") == ("none", None)
    assert parse(NAME, "--") == (None, None)
    assert parse(NAME, "N/A") == (None, None)
    assert parse(HANDLE, "nan") == (None, None)
    assert parse(HANDLE, "-") == (None, None)
    assert parse(HANDLE, "#NAME?") == ("#NAME?", None)


@pytest.mark.parametrize("text", ["a\x00b", "a\x07", "a\u202eb", "a\u202db", "a\ud800b", "a\uffffb"])
def test_control_characters_are_no_name(text: str):
    assert code_of(NAME, text) == "control_character"


def test_a_text_beyond_measure_is_rejected():
    assert code_of(NAME, "长" * 1_001) == "too_long"
    assert parse(NAME, "长" * 1_000) == ("长" * 1_000, None)
    assert code_of(Reading(CREATOR_FIELDS["notes"], ZONE), "a" * 32_768) == "too_long"


@pytest.mark.parametrize(
    ("text", "uid"),
    [("0012", "0012"), ("7200000000000000123", "7200000000000000123"), ("12.0", "12"), ("'0034", "0034"), ("\t56", "56"), ("１２", "12"), ("\u202d138\u202c", "138"), ("-", None), ("", None)],
)  # fmt: skip
def test_an_id_is_kept_digit_for_digit(text: str, uid: str | None):
    assert cells.ident(text) == uid


@pytest.mark.parametrize("text", ["5e0001", "7e18", "0E12", "60e5", "123e4567", "5e-", "1e+1234"])
def test_an_id_that_only_looks_like_a_number_is_taken_as_it_is(text: str):
    assert cells.ident(text) == text


@pytest.mark.parametrize("text", ["7.2E+18", "7E+18", "7.2e18", "1.23457E+18", "9007199254740992.0", "9007199254740993.0"])
def test_a_rounded_id_is_rejected(text: str):
    with pytest.raises(BadCellError, match="rounded_id"):
        cells.ident(text)


@pytest.mark.parametrize(
    "twins",
    [
        ("Abc", "ＡＢＣ", "@abc", "a b c", "abc\u200b", "https://www.instagram.com/Abc/", "instagram.com/abc?hl=zh", "https://www.tiktok.com/@abc"),
        ("5ab0", "https://www.xiaohongshu.com/user/profile/5ab0?xsec=1"),
        ("77", "https://space.bilibili.com/77", "https://space.bilibili.com/77/"),
        ("小美", "＠小美", "@小 美"),
        ("ucx", "https://www.youtube.com/channel/UCx", "https://youtube.com/@ucx/videos"),
    ],
)
def test_spellings_of_a_handle_are_one(twins: tuple[str, ...]):
    assert len({cells.handle_key(one) for one in twins}) == 1


def test_different_handles_stay_apart():
    assert len({cells.handle_key(one) for one in ("a_b", "a.b", "ab", "a-b", "a/b")}) == 5


def test_tags_are_split_and_each_once():
    reading = Reading(CREATOR_FIELDS["tags"], ZONE)
    assert parse(reading, "美食、探店，美食;#a #b") == (("美食", "探店", "a", "b"), None)
    assert parse(reading, "-") == (None, None)


def test_ranks_are_read_by_word_and_code():
    reading = Reading(CREATOR_FIELDS["stage"], ZONE)
    assert parse(reading, "洽谈中") == (int(Stage.NEGOTIATING), None)
    assert parse(reading, "Active") == (int(Stage.ACTIVE), None)
    assert code_of(reading, "随便") == "unknown_value"


def test_platforms_are_codes():
    reading = Reading(CREATOR_FIELDS["platform"], ZONE)
    for word, known in (("抖音", "douyin"), ("RED", "xiaohongshu"), ("B站", "bilibili"), ("视频号", "wechat_channels"), ("Lemon8", "lemon8")):
        assert parse(reading, word) == (known, None)


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize(
    "text",
    ["2024/1/5", "2024.1.5", "2024-01-05", "2024年1月5日", "２０２４年１月５日", "20240105", "45296", "45296.0", "5 Jan 2024", "Jan 5, 2024", "05-Jan-2024", "January 5th, 2024", "2024-01-05T00:00:00+08:00"],
)  # fmt: skip
def test_a_day_is_its_first_moment_here(text: str):
    assert cells.when(text, ZONE) == day_start(date(2024, 1, 5), ZONE)


def test_times_keep_their_zone():
    at_half_past = day_start(date(2024, 1, 5), ZONE) + (8 * 60 + 30) * 60_000_000
    for text in ("2024-01-05 08:30", "2024/1/5 8:30:00", "2024-01-05T00:30:00Z", "2024-01-05T08:30:00.000+0800", "1704414600", "1704414600000"):
        assert cells.when(text, ZONE) == at_half_past
    assert cells.when("45296.5", ZONE) == day_start(date(2024, 1, 5), ZONE) + 12 * 3_600_000_000


def test_serials_of_1904_are_four_years_later():
    assert cells.when("43834", ZONE, from_1904=True) == day_start(date(2024, 1, 5), ZONE)


@pytest.mark.parametrize(
    "text", ["2026/2/30", "下周三", "2024-13-01", "0000-00-00", "24/1/5", "1969-12-31", "2300-01-01", "2024-01", "12345", "5 Foo 2024", "1" * 1000]
)
def test_a_date_is_never_guessed(text: str):
    with pytest.raises(BadCellError, match="bad_date"):
        cells.when(text, ZONE)


def test_the_order_of_day_and_month_is_the_columns():
    assert cells.when("13/02/2024", ZONE) == day_start(date(2024, 2, 13), ZONE)
    assert cells.when("5/5/2024", ZONE) == day_start(date(2024, 5, 5), ZONE)
    with pytest.raises(BadCellError, match="date_order"):
        cells.when("01/02/2024", ZONE)
    assert cells.day_order(["01/02/2024", "13/02/2024"]) is True
    assert cells.day_order(["01/02/2024", "02/13/2024"]) is False
    assert cells.day_order(["01/02/2024"]) is None
    assert cells.day_order(["13/02/2024", "02/13/2024"]) is None
    assert cells.when("01/02/2024", ZONE, day_first=True) == day_start(date(2024, 2, 1), ZONE)


@given(st.dates(date(1970, 1, 2), date(2199, 12, 30)), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日", "%d %b %Y"]))
def test_every_day_is_read_back(day: date, form: str):
    assert cells.when(day.strftime(form), ZONE) == day_start(day, ZONE)


# ---------------------------------------------------------------- typed by hand


def test_what_is_typed_is_held_to_the_same_rule():
    assert cells.typed(CREATOR_FIELDS["followers"], "1.2万", ZONE) == 12_000
    assert cells.typed(CREATOR_FIELDS["city"], " ", ZONE) is None
    for text in ("很多", "50万～100万"):
        with pytest.raises(UsageError) as caught:
            cells.typed(CREATOR_FIELDS["followers"], text, ZONE)
        assert caught.value.details["field"] == "followers"


def test_free_metrics_are_numbers():
    assert parse(Reading(Field("metric.x", Kind.NUMBER, Home.METRIC), ZONE), "3.5w") == (35_000.0, None)
