# SPDX-License-Identifier: Apache-2.0
"""Two editors of one row: nobody's work is lost, and nobody is asked without need."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from app.rules.versions import Chosen, Collision, Event, merge, seen_before, who

Row = dict[str, object]
FIELDS = ("city", "owner", "fee_fen", "notes")
values = st.one_of(st.none(), st.just(""), st.integers(0, 2), st.sampled_from(("上海", "北京")))
rows = st.fixed_dictionaries(dict.fromkeys(FIELDS, values))
edits = st.dictionaries(st.sampled_from(FIELDS), values)
words = st.lists(st.sampled_from("甲乙丙丁"), unique=True).map(tuple)


def same(one: object, other: object) -> bool:
    return (one or None if one == "" else one) == (other or None if other == "" else other)


@given(rows, edits, edits)
def test_every_field_is_mine_theirs_or_asked_about(before: Row, mine: Row, theirs: Row):
    stands = {**before, **theirs}
    merged = merge(before, mine, stands)
    after = {**stands, **merged.take}
    for name in FIELDS:
        i_changed = name in mine and not same(mine[name], before[name])
        they_changed = not same(stands[name], before[name])
        if i_changed and they_changed and not same(mine[name], stands[name]):
            assert name in merged.collisions
            assert after[name] == stands[name]
        else:
            assert name not in merged.collisions
            wanted = mine[name] if i_changed else stands[name]
            assert same(after[name], wanted)
    assert set(merged.take) | set(merged.kept) | set(merged.collisions) <= set(mine)
    assert not set(merged.take) & set(merged.collisions)


@given(rows, edits, edits)
def test_fields_that_do_not_meet_come_out_the_same_whoever_saves_first(before: Row, mine: Row, theirs: Row):
    theirs = {name: value for name, value in theirs.items() if name not in mine}
    first = {**before, **merge(before, mine, before).take}
    mine_first = {**first, **merge(before, theirs, first).take}
    second = {**before, **merge(before, theirs, before).take}
    theirs_first = {**second, **merge(before, mine, second).take}
    assert mine_first == theirs_first


@given(rows, edits, edits, st.sets(st.sampled_from(FIELDS)))
def test_after_choosing_nothing_is_asked_again_and_the_choice_stands(before: Row, mine: Row, theirs: Row, preferred: set[str]):
    stands = {**before, **theirs}
    collisions = tuple(Collision(name, before[name], stands[name], mine[name]) for name in merge(before, mine, stands).collisions)
    chosen = Chosen(collisions, preferred)
    texts = {name: str(value) for name, value in mine.items()}
    kept = {name: mine[name] for name in chosen.values(texts)}
    again = merge({**before, **{one.field: one.theirs for one in collisions}}, kept, stands)
    assert again.collisions == ()
    after = {**stands, **again.take}
    for one in collisions:
        assert after[one.field] == (one.mine if one.field in preferred else one.theirs)


@given(words, words, words)
def test_lists_of_words_never_collide_and_keep_what_each_put_on_or_took_off(before: tuple[str, ...], mine: tuple[str, ...], theirs: tuple[str, ...]):
    merged = merge({"tags": before}, {"tags": mine}, {"tags": theirs})
    assert merged.collisions == ()
    after = set(cast("tuple[str, ...]", merged.take.get("tags", theirs)))
    assert after == (set(theirs) - (set(before) - set(mine))) | (set(mine) - set(before))


def test_an_edit_that_saw_what_stands_is_taken_whole():
    assert merge({"city": "上海"}, {"city": "北京"}, {"city": "上海"}).take == {"city": "北京"}


def test_an_editor_that_knows_its_version_alone_is_told_what_was_before():
    events = [
        Event("张三", 3, {"city": "杭州"}, {"city": "成都"}),
        Event("小林", 2, {"city": "上海"}, {"city": "杭州"}),
        Event("老周", 1, {"owner": "a"}, {"owner": "b"}),
    ]
    assert seen_before(events, 1, ["city"], {"city": "成都"}) == {"city": "杭州"}
    assert seen_before(events, 2, ["city", "owner"], {"city": "成都", "owner": "b"}) == {"city": "上海", "owner": "b"}
    assert seen_before(events, 0, ["city"], {"city": "成都"}) == {"city": "成都"}
    assert who(events, "city") == ("张三", 3)
    assert who(events, "email") == (None, None)
