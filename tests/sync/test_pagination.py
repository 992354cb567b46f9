# SPDX-License-Identifier: Apache-2.0
"""Walks: every page once, from any mark, and never in circles."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from app.errors import PlatformError
from sync.pagination import MOST_REPEATS, Numbered, Once, Tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS = list(range(23))
A = Numbered("list", 5, "page_size", "total_number")
B = Numbered("rows", 5, "limit", "total_count")
MORE = Numbered("sales", 5, "limit")


def family_a(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Pages with their sizes and a total."""
    page, size = params["page"], params["page_size"]
    info = {"page": page, "page_size": size, "total_number": len(ROWS), "total_page": 5}
    return {"list": ROWS[(page - 1) * size : page * size], "page_info": info}


def family_b(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The total has another name here, and comes as text."""
    page, limit = params["page"], params["limit"]
    return {"rows": ROWS[(page - 1) * limit : page * limit], "page_info": {"page": page, "limit": limit, "total_count": str(len(ROWS))}}


def has_more(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """No total at all."""
    page, limit = params["page"], params["limit"]
    return {"sales": ROWS[(page - 1) * limit : page * limit], "has_more": page * limit < len(ROWS)}


def tokens(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """A token for the next page."""
    at = int(params.get("pageToken", "0"))
    return {"items": ROWS[at : at + params["maxResults"]]} | ({"nextPageToken": str(at + 5)} if at + 5 < len(ROWS) else {})


CASES: Any = [(A, family_a), (B, family_b), (MORE, has_more), (Tokens("items", 5), tokens)]


@pytest.mark.parametrize(("walker", "ask"), CASES)
def test_every_row_once(walker: Any, ask: Any) -> None:
    assert [row for leaf in walker(ask) for row in leaf.rows] == ROWS


@pytest.mark.parametrize(("walker", "ask"), CASES)
def test_goes_on_from_every_mark(walker: Any, ask: Any) -> None:
    leaves = list(walker(ask))
    assert leaves[-1].following is None
    for number, leaf in enumerate(leaves[:-1], 1):
        rest = [row for one in walker(ask, leaf.following) for row in one.rows]
        assert rest == ROWS[number * 5 :]


def test_tells_total_and_rows_before() -> None:
    assert [(leaf.total, leaf.before) for leaf in B(family_b, "3")] == [(23, 10), (23, 15), (23, 20)]


def test_a_platform_that_gives_smaller_pages_is_walked_to_its_end() -> None:
    def small(params: Mapping[str, Any]) -> Mapping[str, Any]:
        page = params["page"]
        return {"list": ROWS[(page - 1) * 2 : page * 2], "page_info": {"page_size": 2, "total_number": len(ROWS)}}

    assert [row for leaf in A(small) for row in leaf.rows] == ROWS


@pytest.mark.parametrize("says", [None, 5])
def test_one_that_does_not_say_so_is_walked_to_its_end_as_well(says: int | None) -> None:
    """It leaves the size out, or repeats the one it was asked for."""

    def small(params: Mapping[str, Any]) -> Mapping[str, Any]:
        page = params["page"]
        return {"list": ROWS[(page - 1) * 2 : page * 2], "page_info": {"page": page, "page_size": says, "total_number": len(ROWS)}}

    assert [row for leaf in A(small) for row in leaf.rows] == ROWS


def test_without_a_total_the_first_empty_page_is_the_last() -> None:
    def bare(params: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"list": family_a(params)["list"]}

    assert [row for leaf in A(bare) for row in leaf.rows] == ROWS


def test_one_answer() -> None:
    assert [(list(leaf.rows), leaf.following) for leaf in Once("list")(lambda _params: {"list": [1, 2]})] == [([1, 2], None)]
    assert [list(leaf.rows) for leaf in Once("list")(lambda _params: {})] == [[]]


def test_something_else_in_place_of_the_list_is_no_empty_answer() -> None:
    with pytest.raises(PlatformError) as caught:
        list(Once("list")(lambda _params: {"list": "no"}))
    assert caught.value.code == "unexpected_answer"


@pytest.mark.parametrize(
    ("walker", "answer"),
    [
        (A, {"list": [1, 2, 3, 4, 5], "page_info": {"total_number": 10**6}}),
        (MORE, {"sales": [1, 2, 3, 4, 5], "has_more": True}),
        (MORE, {"sales": [], "has_more": True}),
        (Tokens("items", 5), {"items": [1], "nextPageToken": "again"}),
    ],
)
def test_the_same_answer_again_and_again_ends_the_walk(walker: Any, answer: Mapping[str, Any]) -> None:
    """E09: a cursor that never ends."""
    asked = itertools.count()

    def ask(_params: Mapping[str, Any]) -> Mapping[str, Any]:
        next(asked)
        return answer

    with pytest.raises(PlatformError) as caught:
        list(walker(ask))
    assert caught.value.code == "endless_paging"
    assert next(asked) <= MOST_REPEATS + 2


def test_new_tokens_for_ever_end_at_some_time() -> None:
    number = itertools.count()
    with pytest.raises(PlatformError) as caught:
        for _leaf in Tokens("items", 5)(lambda _params: {"items": [], "nextPageToken": str(next(number))}):
            pass
    assert caught.value.code == "endless_paging"
