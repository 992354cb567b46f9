# SPDX-License-Identifier: Apache-2.0
"""The filter language: what it says, where a mistake is, and that its own text is read back the same."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import filters
from app.errors import UsageError
from app.filters import And, Compare, Not, Or
from app.rules.fields import CREATOR_FIELDS, Kind, field_of, platform_code
from app.values import Stage, Tier, day_end, day_start

ZONE = "Asia/Shanghai"
RANKS = {name: one.ranks for name, one in CREATOR_FIELDS.items() if one.ranks is not None}
MOMENTS = frozenset(name for name, one in CREATOR_FIELDS.items() if one.kind is Kind.MOMENT)


def parse(text: str) -> Any:
    return filters.parse(text, field_of, ZONE, platform_code)


def bare(node: Any) -> Any:
    """A tree without positions."""
    if isinstance(node, Compare):
        return Compare(node.field, node.op, node.values)
    if isinstance(node, Not):
        return Not(bare(node.part))
    return type(node)(tuple(bare(part) for part in node.parts))


def holds(text: str, **values: object) -> bool:
    return filters.matches(parse(text), values)


# ---------------------------------------------------------------- reading


def test_the_promised_example():
    tree = parse('tier in (nano, mid) and followers >= 10000 and platform != D and name ~ "茶"')
    assert bare(tree) == And(
        (
            Compare("tier", "in", (int(Tier.NANO), int(Tier.MID))),
            Compare("followers", ">=", (10_000,)),
            Compare("platform", "!=", ("d",)),
            Compare("name", "~", ("茶",)),
        )
    )


@pytest.mark.parametrize(
    ("text", "field", "op", "values"),
    [
        ("followers >= 1.2万", "followers", ">=", (12_000,)),
        ("followers ≥ 3w", "followers", ">=", (30_000,)),
        ("followers == 1_000", "followers", "=", (1_000,)),
        ("followers <> 5", "followers", "!=", (5,)),
        ("uid = 0012", "platform_uid", "=", ("0012",)),
        ("nickname = '王 五'", "name", "=", ("王 五",)),
        ("name = “茶”", "name", "=", ("茶",)),
        (r'name = "a\"b\\c"', "name", "=", ('a"b\\c',)),
        ("platform = 抖音", "platform", "=", ("douyin",)),
        ("stage not in (lead, ended)", "stage", "not in", (int(Stage.LEAD), int(Stage.ENDED))),
        ('city = ""', "city", "=", (None,)),
        ("engagement_rate > 3.5%", "engagement_rate", ">", (3.5,)),
        ("metric.赞粉比 < 2", "metric.赞粉比", "<", (2.0,)),
        ("city in（上海，北京）", "city", "in", ("上海", "北京")),
        ("name = and_more", "name", "=", ("and_more",)),
    ],
)
def test_a_comparison_is_read(text: str, field: str, op: str, values: tuple[object, ...]):
    assert bare(parse(text)) == Compare(field, op, values)


def test_not_binds_closest_then_and_then_or():
    tree = bare(parse("not city = a and city = b or city = c"))
    a, b, c = (Compare("city", "=", (word,)) for word in "abc")
    assert tree == Or((And((Not(a), b)), c))
    assert bare(parse("not (city = a and city = b)")) == Not(And((a, b)))
    assert bare(parse("city = a 或 city = b 且 非 city = c")) == Or((a, And((b, Not(c)))))


def test_blank_is_no_filter():
    assert parse("  ") is None
    assert filters.conjuncts(None) == ()


@pytest.mark.parametrize(
    ("text", "code", "position"),
    [
        ("followers >= 10k and nosuch = 1", "unknown_field", 21),
        ("followers >= abc", "filter_value", 13),
        ("tier = nosuch", "filter_value", 7),
        ("tier ~ na", "filter_value", 5),
        ("joined_at > 2024-13-01", "filter_value", 12),
        ("followers >= 99999999999999999999", "filter_value", 13),
        ("followers", "filter_syntax", 9),
        ("followers >=", "filter_syntax", 12),
        ("(followers > 1", "filter_syntax", 14),
        ("followers > 1)", "filter_syntax", 13),
        ("followers > 1 followers < 2", "filter_syntax", 14),
        ("tier in nano", "filter_syntax", 8),
        ("tier in ()", "filter_syntax", 9),
        ("name = 'open", "filter_syntax", 7),
        ("name not ~ a", "filter_syntax", 9),
        ("as_of > 2024-01-01 !", "filter_syntax", 19),
        ("and", "unknown_field", 0),
        ("'name' = 1", "unknown_field", 0),
        ("(" * 100 + "city = a" + ")" * 100, "filter_syntax", 60),
        ("not " * 100 + "city = a", "filter_syntax", 240),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, code: str, position: int):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.code == code
    assert caught.value.details["position"] == position


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str):
    refused: UsageError | None = None
    try:
        parse(text)
    except UsageError as error:
        refused = error
    assert refused is None or isinstance(refused.details["position"], int)


# ---------------------------------------------------------------- writing

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ops = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
comparisons = st.one_of(
    st.builds(lambda name, op, word: Compare(name, op, (word,)), st.sampled_from(["name", "city", "handle"]), st.sampled_from(["=", "!=", "~"]), words),
    st.builds(lambda op, value: Compare("followers", op, (value,)), ops, st.integers(0, 2**62)),
    st.builds(lambda op, value: Compare("engagement_rate", op, (value,)), ops, st.floats(0, 1e6, allow_nan=False).map(lambda one: round(one, 3))),
    st.builds(lambda op, tier: Compare("tier", op, (int(tier),)), ops, st.sampled_from(Tier)),
    st.builds(lambda op, several: Compare("city", op, tuple(several)), st.sampled_from(["in", "not in"]), st.lists(words, min_size=1, max_size=3)),
    st.builds(lambda op: Compare("city", op, (None,)), st.sampled_from(["=", "!="])),
    st.builds(lambda op, micros: Compare("joined_at", op, (micros * 1_000_000,)), ops, st.integers(0, 4_000_000_000)),
    st.builds(
        lambda op, day: Compare("joined_at", op, (filters.Span(day_start(day, ZONE), day_end(day, ZONE), day.isoformat()),)),
        ops,
        st.dates(date(1970, 1, 2), date(2199, 1, 1)),
    ),
)
trees = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(lambda parts: And(tuple(parts)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda parts: Or(tuple(parts)), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


@given(trees)
def test_what_is_written_is_read_back(tree: Any):
    written = filters.text(tree, RANKS, MOMENTS)
    assert bare(parse(written)) == tree
    assert filters.text(parse(written), RANKS, MOMENTS) == written


def test_conjuncts_are_the_chips():
    assert len(filters.conjuncts(parse("city = a and city = b and (city = c or city = d)"))) == 3
    assert len(filters.conjuncts(parse("city = a or city = b"))) == 1


# ---------------------------------------------------------------- meaning


def test_an_empty_value_holds_only_for_empty_and_unequal():
    for text in ('city = ""', 'city != "上海"', 'city in ("", 北京)', "city not in (北京)", "not city = 北京"):
        assert holds(text, city=None), text
    for text in ('city = "上海"', 'city != ""', "followers < 5", "followers >= 0", "city ~ 上"):
        assert not holds(text, city=None, followers=None), text


def test_ranks_order_by_rank():
    assert holds("tier >= mid", tier=int(Tier.HEAD))
    assert not holds("tier >= mid", tier=int(Tier.TAIL))
    assert holds("stage < ended", stage=int(Stage.LEAD))


def test_a_day_stands_for_its_whole_span():
    noon = day_start(date(2024, 1, 5), ZONE) + 12 * 3_600_000_000
    for text in ("joined_at = 2024-01-05", "joined_at >= 2024/1/5", "joined_at <= 2024-01-05", "joined_at in (2024-01-05)", "joined_at > 2024-01-04"):
        assert holds(text, joined_at=noon), text
    for text in ("joined_at > 2024-01-05", "joined_at < 2024-01-05", "joined_at != 2024-01-05"):
        assert not holds(text, joined_at=noon), text


def test_of_several_values_one_is_enough():
    assert holds("platform = douyin", platform=("xiaohongshu", "douyin"))
    assert not holds("platform != douyin", platform=("xiaohongshu", "douyin"))
    assert holds("tags ~ 美", tags=("美食", "探店"))


def test_contains_is_literal_and_blind_to_case():
    assert holds("name ~ AbC", name="xabcx")
    assert holds("name ~ '%'", name="5%")
    assert not holds("name ~ '%'", name="5")


@given(
    trees,
    st.fixed_dictionaries(
        {"city": st.one_of(st.none(), words), "followers": st.one_of(st.none(), st.integers(0, 100)), "tier": st.one_of(st.none(), st.integers(0, 5))}
    ),
)
def test_not_turns_every_answer(tree: Any, values: dict[str, object]):
    assert filters.matches(Not(tree), values) is not filters.matches(tree, values)
