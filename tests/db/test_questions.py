# SPDX-License-Identifier: Apache-2.0
"""Search, filters and sorts mean on both engines what their plain Python meaning says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app import filters
from app.errors import UsageError
from app.rules.fields import CREATOR_FIELDS, Home, Kind
from app.usecases.creators import parse_filter
from db import questions
from db.engine import reading
from db.writers import search
from tests.db.conftest import DAY, NOON, Shop, koc, question

if TYPE_CHECKING:
    from collections.abc import Mapping

ZONE = "Asia/Shanghai"
_REFUSED = "".join([*map(chr, range(9)), "\x0b\x0c", *map(chr, range(14, 32)), *map(chr, range(127, 160)), *map(chr, range(0xFDD0, 0xFDF0)), "\ufffe\uffff"])
_ANY = st.characters(exclude_categories=["Cs"], exclude_characters=_REFUSED)
_TRICKY = st.sampled_from(list("a A%_'\"*-()^:.\\/茶美食é\u0301ßẞſσςΣİıǅﬁ👩🍳🇨🇳Ａａ\u200d\u3000\ufe0f+=@#"))
TEXT = st.text(st.one_of(_ANY, _TRICKY), max_size=8)
QUICK = settings(max_examples=30, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))


# ---------------------------------------------------------------- search


def _emptied(shop: Shop) -> Shop:
    """The workspace of the example before, without its rows."""
    for operation in shop.house.operations(limit=1):
        if operation.undone_at is None:
            shop.undo(operation.id)
    return shop


def _fill(shop: Shop, texts: list[dict[str, Any]]) -> list[list[str]]:
    """Creators with these texts; returns for each everything that search looks through, one text after the other."""
    shop.take(*({"platform": "douyin", "platform_uid": f"u{at}", **row} for at, row in enumerate(texts)))
    parts: list[list[str]] = []
    for at, row in enumerate(texts):
        found = [row.get("name") or row.get("handle") or f"u{at}", row.get("handle"), f"u{at}", row.get("notes"), *(row.get("tags") or ())]
        parts.append([part for part in found if part])
    return parts


_TEXTS = st.lists(
    st.fixed_dictionaries(
        {"name": TEXT, "handle": TEXT.map(lambda one: one or None), "notes": TEXT.map(lambda one: one or None)},
        optional={"tags": st.lists(TEXT.filter(bool), max_size=2, unique=True).map(tuple)},
    ),
    min_size=1,
    max_size=6,
)


@QUICK
@given(data=st.data())
def test_search_finds_exactly_the_texts_that_contain_it(shop: Shop, data: st.DataObject) -> None:
    texts = data.draw(_TEXTS)
    parts = _fill(_emptied(shop), texts)
    ids = shop.ids()[-len(texts) :]
    inside = [part[first : first + size] for found in parts for part in found for first in range(len(part)) for size in (1, 2, 3)]
    needle = data.draw(st.one_of(TEXT.filter(bool), st.sampled_from(inside), st.sampled_from(["%", "_", '"', "*", "-x", "NEAR(", "a=", "👩", "100%"])))
    wanted = [one for one, found in zip(ids, parts, strict=True) if any(needle.casefold() in part.casefold() for part in found)]
    assert [one for one in shop.ids(search=needle) if one in ids] == wanted
    assert [one for one in shop.ids(f'name ~ "{_quoted(needle)}"') if one in ids] == [
        one for one, found in zip(ids, parts, strict=True) if needle.casefold() in found[0].casefold()
    ]
    assert [one for one in shop.ids(f'handle ~ "{_quoted(needle)}"') if one in ids] == [
        one for one, row in zip(ids, texts, strict=True) if needle.casefold() in str(row["handle"] or "").casefold()
    ]


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def test_a_question_may_look_for_several_texts(shop: Shop) -> None:
    """Of two texts only the last was looked for: ``name ~ 茶 or name ~ 乙`` left out everybody with 茶."""
    shop.take(*({"platform": "douyin", "platform_uid": f"u{at}", "name": name, "notes": "同城"} for at, name in enumerate(["甲乙", "x", "茶馆"])))
    assert shop.ids("name ~ 茶 or name ~ 乙") == [1, 3]
    assert shop.ids("name ~ 茶 and notes ~ 城") == [3]
    assert shop.ids("name ~ 乙", search="同城") == [1]


@pytest.mark.parametrize("needle", ["\x00", "a\x1f", "\ufdd0", "\ud800", "\x85"])
def test_what_no_text_can_hold_is_found_nowhere(shop: Shop, needle: str) -> None:
    shop.take(koc(1, name="a b", tags=("x y",), notes="c\nd"))
    assert shop.ids(search=needle) == []


def test_a_word_does_not_run_across_two_fields(shop: Shop) -> None:
    shop.take({"platform": "douyin", "platform_uid": "77", "name": "茶馆", "handle": "食客"})
    assert shop.ids(search="馆食") == []
    assert shop.ids(search="馆\n食") == []
    assert len(shop.ids(search="馆")) == 1


def test_search_follows_every_edit(shop: Shop) -> None:
    shop.take(koc(1), koc(2))
    one, two = shop.ids()
    shop.creators.edit([one], {"name": "新名字"}, shop.actor, shop.tick(), None)
    shop.creators.tag([two], ["露营"], [], shop.actor, shop.tick())
    assert (shop.ids(search="达人1"), shop.ids(search="新名"), shop.ids(search="露营")) == ([], [one], [two])
    shop.creators.tag([two], [], ["露营"], shop.actor, shop.tick())
    assert shop.ids(search="露") == []


def test_every_character_that_is_cut_at_has_its_own_stand_in() -> None:
    assert len(set(search._SAFE.values())) == len(search._SAFE) == len(search._CUTTING)


# ---------------------------------------------------------------- filters and sorts

_WORDS = st.sampled_from(["上海", "北京", "ab", "AB", "b", "é", "%", "茶馆"])
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["甲", "ab", "AB", "茶馆"]),
    "handle": st.sampled_from([None, "ab", "x%"]),
    "category": st.one_of(st.none(), _WORDS),
    "city": st.one_of(st.none(), _WORDS),
    "owner": st.one_of(st.none(), _WORDS),
    "coupon": st.sampled_from([None, "K1", "k1"]),
    "notes": st.one_of(st.none(), _WORDS),
    "commission_bp": st.sampled_from([None, 0, 500, 2000]),
    "stage": st.sampled_from([1, 3, 6]),
    "joined_at": st.sampled_from([None, NOON, NOON - DAY, NOON - 3 * DAY]),
    "followers": st.sampled_from([None, 0, 999, 1000, 150_000, 12_000_000]),
    "fee_fen": st.sampled_from([None, 0, 10_000]),
    "fee_video_fen": st.sampled_from([None, 300]),
    "avg_likes": st.sampled_from([None, 0.0, 1.5, 300.0]),
    "tags": st.sampled_from([None, ("茶",), ("b", "茶"), ("ab",)]),
}
_ROWS = st.lists(st.fixed_dictionaries({"platform": st.sampled_from(["douyin", "xiaohongshu"])}, optional=_VALUES), min_size=1, max_size=7)


def _literal(name: str) -> st.SearchStrategy[str]:
    one = CREATOR_FIELDS[name]
    texts = {
        Kind.COUNT: ["0", "999", "1000", "1w", "15万", '""'],
        Kind.FEN: ["0", "300", "10000", '""'],
        Kind.BASIS_POINTS: ["0", "500", '""'],
        Kind.NUMBER: ["0", "1.5", "300", '""'],
        Kind.MOMENT: ["2026-09-21", "2026-09-20", '"2026-09-21T12:00:00+08:00"', '""'],
        Kind.PLATFORM: ["douyin", "小红书", '""'],
        Kind.TAGS: ["茶", "b", '""'],
        Kind.IDENT: ["u1", '""'],
    }
    if one.ranks is not None:
        return st.sampled_from([*(member.code for member in one.ranks), '""'])
    return st.sampled_from(texts.get(one.kind, ["上海", "ab", "AB", "茶", '""', '"%"', "甲"]))


_FIELDS = [
    name for name, one in CREATOR_FIELDS.items() if one.home is not Home.ROW and name in {*_VALUES, "platform", "platform_uid", "tier", "group", "country"}
]
_WORDY = {Kind.TEXT, Kind.TAGS, Kind.IDENT, Kind.PLATFORM}


@st.composite
def _comparison(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(_FIELDS))
    ops = ["=", "!=", "<", "<=", ">", ">=", "in", "not in", *(["~"] if CREATOR_FIELDS[name].kind in _WORDY else [])]
    op = draw(st.sampled_from(ops))
    if op in {"in", "not in"}:
        values = draw(st.lists(_literal(name), min_size=1, max_size=3))
        return f"{'not ' if op == 'not in' else ''}{name} in ({', '.join(values)})"
    return f"{name} {op} {draw(_literal(name))}"


_FILTER = st.recursive(
    _comparison(),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map(lambda parts: f"({''.join(parts)})"),
        inner.map(lambda part: f"not ({part})"),
    ),
    max_leaves=4,
)


def _held(shop: Shop, row: Mapping[str, Any], creator: int) -> dict[str, Any]:
    stored = shop.row(creator)
    values = {name: row.get(name) for name in _FIELDS}
    values.update(
        name=stored.name, tier=stored.tier, group=stored.group, stage=int(stored.stage), platform=row["platform"], platform_uid=stored.accounts[0].platform_uid
    )
    values["tags"] = tuple(sorted(stored.tags))
    return values


def _sorted(rows: dict[int, dict[str, Any]], keys: list[tuple[str, bool]]) -> list[int]:
    """Empty values last, ties by id, text by code points, several words by the first."""

    def value(creator: int, name: str) -> Any:
        held = rows[creator][name]
        return (min(held) if held else None) if isinstance(held, tuple) else held

    order = sorted(rows)
    for name, descending in reversed(keys):
        filled = [one for one in order if value(one, name) is not None]
        empty = [one for one in order if value(one, name) is None]
        filled.sort(key=lambda one: value(one, name), reverse=descending)
        if descending:  # a stable sort in reverse keeps ties in order only if asked again
            groups: dict[Any, list[int]] = {}
            for one in [kept for kept in order if value(kept, name) is not None]:
                groups.setdefault(value(one, name), []).append(one)
            filled = [one for key in sorted(groups, reverse=True) for one in groups[key]]
        order = filled + empty
    return order


@settings(QUICK, max_examples=40)
@given(data=st.data())
def test_any_filter_and_sort_equal_their_plain_meaning(shop: Shop, data: st.DataObject) -> None:
    rows = data.draw(_ROWS)
    _emptied(shop).take(*({"platform_uid": f"u{at}", **row} for at, row in enumerate(rows)))
    held = {creator: _held(shop, row, creator) for creator, row in zip(shop.ids(), rows, strict=True)}
    for _ in range(3):
        where = data.draw(_FILTER)
        tree = parse_filter(where, ZONE)
        assert tree is not None
        keys = data.draw(
            st.lists(st.tuples(st.sampled_from([name for name in _FIELDS if name != "platform_uid"]), st.booleans()), max_size=2, unique_by=lambda key: key[0])
        )
        sort = [f"{'-' if descending else ''}{name}" for name, descending in keys]
        matching = {creator: values for creator, values in held.items() if filters.matches(tree, values)}
        expected = _sorted(matching, keys)
        asked = question(where, "", *sort)
        assert shop.ids(where, "", *sort) == expected, where
        assert shop.creators.count(asked) == len(expected)
        offset, limit = data.draw(st.integers(0, 6)), data.draw(st.integers(1, 4))
        assert [row.id for row in shop.creators.page(asked, limit, offset)] == expected[offset : offset + limit]


def test_text_is_ordered_by_code_points(shop: Shop) -> None:
    names = ["b", "A", "a", "é", "Z", "茶", "_", "👩", "Ａ"]
    shop.take(*(koc(at, name=name) for at, name in enumerate(names)))
    assert [row.name for row in shop.creators.page(question("", "", "name"), 20, 0)] == sorted(names)
    assert [row.name for row in shop.creators.page(question("", "", "-name"), 20, 0)] == sorted(names, reverse=True)


def test_contains_is_for_words_only(shop: Shop) -> None:
    """A filter that looked for text inside a number ended in an error of the database."""
    with pytest.raises(UsageError) as error:
        shop.ids("followers ~ 12")
    assert error.value.code == "filter_value"


def test_the_bound_of_a_filter_is_a_value_never_sql(shop: Shop) -> None:
    shop.take(koc(1, city="x' or 1=1 --"))
    assert len(shop.ids('city = "x\' or 1=1 --"')) == 1
    assert shop.ids('city = "\' or 1=1 --"') == []


def test_an_index_answers_the_usual_questions(file: Shop) -> None:
    """A page of the roster must not read the whole table: see that the plan names an index and sorts nothing."""
    file.take(*(koc(number, followers=number) for number in range(50)))
    with reading(file.engine) as connection:
        for sort in ("-followers", "followers", "name", "-fee_fen", "-joined_at"):
            statement = questions._ordered(connection, question("", "", sort), file.now, whole=False)[0].limit(50)
            compiled = statement.compile(connection, compile_kwargs={"literal_binds": True})
            plan = " ".join(str(row[3]) for row in connection.exec_driver_sql(f"explain query plan {compiled}"))
            assert "USING" in plan
            assert "INDEX" in plan
            assert "USE TEMP B-TREE FOR ORDER BY" not in plan
