# SPDX-License-Identifier: Apache-2.0
"""Three-way merge: what either side alone changed stands, what both changed apart is for people to decide."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.merge import Apart, merge, same

VALUES = st.one_of(st.none(), st.integers(0, 2), st.sampled_from(["", "甲", "乙"]), st.booleans())
RECORDS = st.dictionaries(st.sampled_from("abc"), VALUES)


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "take", "apart"),
    [
        (1, 1, 1, None, None),  # nobody
        (1, 1, 2, 2, None),  # only the source
        (1, 2, 1, None, None),  # only we
        (1, 2, 2, None, None),  # both, alike
        (1, 2, 3, None, Apart(1, 2, 3)),  # both, apart
        (1, None, 2, None, Apart(1, None, 2)),  # taken away here, changed there
        (None, None, 2, 2, None),  # told for the first time
    ],
)
def test_a_field_goes_to_who_changed_it(base: Any, mine: Any, theirs: Any, take: Any, apart: Apart | None) -> None:
    done = merge({"x": base}, {"x": mine}, {"x": theirs})
    assert done.take == ({} if take is None else {"x": take})
    assert done.apart == ({} if apart is None else {"x": apart})


def test_what_was_emptied_at_the_source_is_emptied_here() -> None:
    assert merge({"x": 1}, {"x": 1}, {"x": None}).take == {"x": None}


def test_a_record_that_was_never_told_fills_what_is_empty_and_contradicts_nothing() -> None:
    done = merge(None, {"x": "本地", "y": None}, {"x": "平台", "y": 5, "z": 6})
    assert done.take == {"y": 5, "z": 6}
    assert done.apart == {}


def test_a_field_that_was_not_told_stays() -> None:
    assert merge({"x": 1}, {"x": 2}, {}).take == {}


def test_yes_is_not_one() -> None:
    assert not same(True, 1)
    assert same(2, 2.0)


@given(RECORDS, RECORDS, RECORDS)
def test_every_field_is_decided_once(base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    done = merge(base, mine, theirs)
    assert not done.take.keys() & done.apart.keys()
    assert not done.agreed & (done.take.keys() | done.apart.keys())
    for name, told in theirs.items():
        ours, before = mine.get(name), base.get(name)
        after = done.take.get(name, ours)
        if same(ours, before):
            assert same(after, told)
        elif same(before, told):
            assert same(after, ours)
        assert (name in done.apart) == (not same(ours, told) and not same(ours, before) and not same(before, told))


@given(RECORDS, RECORDS, RECORDS)
def test_the_same_word_again_changes_nothing(base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    after = {**mine, **merge(base, mine, theirs).take}
    assert merge({**base, **theirs}, after, theirs).take == {}
    assert merge({**base, **theirs}, after, theirs).apart == {}


@given(RECORDS, RECORDS)
def test_without_local_edits_the_source_decides(base: dict[str, Any], theirs: dict[str, Any]) -> None:
    after = {**base, **merge(base, base, theirs).take}
    assert all(same(after.get(name), told) for name, told in theirs.items())
