# SPDX-License-Identifier: Apache-2.0
"""Words filled in as plain text, whom the copy queue serves, and what a contact is known by."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import resources
from app.errors import UsageError
from app.rules.outreach import PLACEHOLDERS, Candidate, Reach, answers, channel_of, check_template, fill, hindrance, keys, passed, phone_key, serve, usable
from app.rules.recruiting import CHANNELS, RecruitingPolicy
from app.values import DAY, Stage

POLICY = RecruitingPolicy.parse(tomllib.loads(resources.text("policies", "recruiting.toml")))
NOW = 1_790_000_000_000_000


# ---------------------------------------------------------------- words


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Zs", "Cf")), min_size=1, max_size=40))
def test_what_a_nickname_says_is_never_read_as_a_placeholder(name: str) -> None:
    assert fill("你好{name}，{{name}}", {"name": name, "me": "SECRET"}) == f"你好{name}，{{name}}"


def test_a_value_has_no_line_breaks_and_nothing_that_turns_the_text_round() -> None:
    assert fill("{name}!", {"name": "a\r\nBcc: x\u202eb\u2028c"}) == "a Bcc: xb c!"
    assert fill("{coupon}|{city}", {"coupon": None}) == "|"
    assert fill("{name}{me}", {"name": "{me}", "me": "{name}"}) == "{me}{name}"


@pytest.mark.parametrize("text", ["{nobody}", "{", "}", "{name", "{0}", "{name.x}", "{name!r}", "{}"])
def test_a_placeholder_that_is_none_is_refused_when_the_template_is_saved(text: str) -> None:
    with pytest.raises(UsageError) as found:
        check_template(text)
    assert found.value.code == "unknown_placeholder"


def test_placeholders_are_told_and_doubled_braces_are_none() -> None:
    assert check_template("".join(f"{{{one}}}" for one in PLACEHOLDERS)) == PLACEHOLDERS
    assert check_template("{{name}}") == ()
    with pytest.raises(UsageError):
        check_template("   ")
    with pytest.raises(UsageError):
        channel_of("smoke")


# ---------------------------------------------------------------- contacts


@pytest.mark.parametrize("text", ["13800001234", "+86 138-0000-1234", "0086 138 0000 1234", "（１３８）００００１２３４", "86 13800001234"])
def test_a_number_is_one_however_it_is_written(text: str) -> None:
    assert phone_key(text) == "13800001234"


def test_contacts_are_known_by_what_they_say() -> None:
    one = Reach("138 0000 1234", " WX_Demo ", "Me@Example.COM", (("douyin", "@Lulu"), ("douyin", "lulu")))
    assert keys(one) == ("phone:13800001234", "wechat:wx_demo", "email:me@example.com", "account:douyin:lulu")
    assert keys(Reach()) == ()
    assert [one.address(channel) for channel in CHANNELS] == [" WX_Demo ", "138 0000 1234", "Me@Example.COM", "@Lulu", "138 0000 1234", ""]


# ---------------------------------------------------------------- the queue

MOMENTS = st.none() | st.integers(-40, 40).map(lambda days: NOW + days * DAY)
CANDIDATES = st.builds(
    Candidate,
    st.integers(1, 50),
    st.sampled_from(Stage),
    st.none() | st.sampled_from(["我", "别人"]),
    st.builds(Reach, st.none() | st.just("13800001234"), st.none() | st.just("wx"), st.none() | st.just("a@b.c")),
    st.booleans(),
    MOMENTS,
    MOMENTS,
)


@given(st.lists(CANDIDATES, max_size=40), st.sampled_from(CHANNELS), st.integers(0, 260))
def test_the_queue_never_serves_whom_it_must_not_nor_more_than_the_day_allows(many: list[Candidate], channel: str, sent: int) -> None:
    served = list(serve(POLICY, many, "我", channel, sent, NOW))
    assert len(served) <= max(0, POLICY.daily_limits[channel] - sent)
    for one in served:
        assert not one.suppressed
        assert one.stage in POLICY.queue_stages
        assert one.owner in {None, "我"}
        assert one.reach.address(channel) is not None
        assert one.skipped_until is None or one.skipped_until <= NOW
        assert one.last_out_at is None or one.last_out_at <= NOW - POLICY.rest_days * DAY
    fit = [one for one in many if hindrance(POLICY, one, "我", channel, NOW) is None]
    assert served == fit[: max(0, POLICY.daily_limits[channel] - sent)]


# ---------------------------------------------------------------- answers, marks, entitlements


def test_a_question_is_answered_by_the_first_word_after_it() -> None:
    assert answers([(10, 20), (30, 40)], [35, 5, 12]) == {10: 12, 30: 35}
    assert answers([(10, 20)], [10]) == {10: None}


@pytest.mark.parametrize(
    ("pass_mark", "mark", "stated", "expected"),
    [(6000, 6000, None, 5), (6000, 5999, None, None), (6000, 7000, 9, 9), (6000, 5000, 9, None), (None, 1, None, None), (None, None, 9, 9), (6000, None, 9, 9)],
)
def test_a_mark_decides_where_there_is_one_else_the_sheet(pass_mark: int | None, mark: int | None, stated: int | None, expected: int | None) -> None:
    assert passed(pass_mark, mark, stated, 5) == expected


def test_an_entitlement_lasts_from_its_first_day_while_there_is_stock() -> None:
    assert usable(2, 1, None, None, NOW) is None
    assert usable(2, 2, None, None, NOW) == "used_up"
    assert usable(None, 9_999, NOW + 1, None, NOW) == "not_begun"
    assert usable(None, 9_999, None, NOW, NOW) == "over"
