# SPDX-License-Identifier: Apache-2.0
"""Link intake: what share texts point at, and the due post each belongs to; precision and recall on a labelled set."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules import links
from app.rules.codes import task_code
from app.rules.links import Known
from tests.app.rules.share_texts import NOW, PLATFORMS, Labelled, bid, board, content_id, link, made, odd

if TYPE_CHECKING:
    from collections.abc import Sequence

SETS = {"made": made(), "odd": odd()}


def judged(labelled: Sequence[Labelled], *, together: bool) -> list[tuple[int | str, int | str]]:
    """Pairs of what was expected and what came, text by text or all in one paste."""
    pairs: list[tuple[int | str, int | str]] = []
    texts = [[one] for one in labelled] if not together else [list(labelled)]
    for some in texts:
        shared = links.read("\n\n".join(one.text for one in some))
        matched, refused = links.match(shared, board(), {}, NOW)
        by: dict[int, int | str] = {id(one.shared): one.task.id for one in matched} | {id(left.shared): left.reason for left in refused}
        pairs += zip([label for one in some for label in one.expected], [by[id(one)] for one in shared], strict=True)
    return pairs


def figures(pairs: Sequence[tuple[int | str, int | str]]) -> tuple[float, float]:
    """Precision and recall of links that found a due post."""
    found = [pair for pair in pairs if isinstance(pair[1], int)]
    wanted = [pair for pair in pairs if isinstance(pair[0], int)]
    return sum(one == other for one, other in found) / len(found), sum(one == other for one, other in wanted) / len(wanted)


def test_two_hundred_texts_and_more_in_one_paste_find_their_due_posts():
    labelled = SETS["made"]
    assert len(labelled) >= 200
    pairs = judged(labelled, together=True)
    precision, recall = figures(pairs)
    assert precision >= 0.99
    assert recall >= 0.97
    assert sum(one == other for one, other in pairs) / len(pairs) >= 0.97


@pytest.mark.parametrize("labelled", SETS["odd"], ids=lambda one: one.text[:30].replace("/", "_"))
def test_odd_texts_come_to_what_they_should(labelled: Labelled):
    assert [other for _, other in judged([labelled], together=False)] == list(labelled.expected)


def test_a_post_that_another_due_post_has_is_refused():
    task = board()[0]
    shared = links.read(f"{task.code} https://www.douyin.com/video/7600000000000000001")
    known = {("douyin", "7600000000000000001"): Known(task.account_id, NOW, task.id)}
    assert [one.reason for one in links.match(shared, board(), known, NOW)[1]] == ["duplicate"]


def test_a_known_content_tells_its_account_and_its_day():
    tasks = board()
    task = next(one for one in tasks if one.platform == "kuaishou")
    shared = links.read("https://www.kuaishou.com/short-video/3xabcdefghijkmn")
    young = {("kuaishou", "3xabcdefghijkmn"): Known(task.account_id, NOW - 1)}
    old = {("kuaishou", "3xabcdefghijkmn"): Known(task.account_id, task.opens_at - 1)}
    matched = links.match(shared, tasks, young, NOW)[0]
    assert [(one.task.id, one.published_at, one.by) for one in matched] == [(task.id, NOW - 1, "account")]
    assert [one.reason for one in links.match(shared, tasks, old, NOW)[1]] == ["too_old"]


def test_posts_of_different_projects_are_told_apart_by_the_projects_name_or_not_at_all():
    first = board()[0]
    other = replace(first, id=999, code="KD0000000", collaboration=999, campaign=("年货节",))
    text = f"看看【小鹿试色本的作品】{{}} https://www.douyin.com/video/{(NOW // 1_000_000 - 60) << 32}"
    told = links.match(links.read(text.format("年货节")), [first, other], {}, NOW)[0]
    assert [one.task.id for one in told] == [999]
    assert [one.reason for one in links.match(links.read(text.format("")), [first, other], {}, NOW)[1]] == ["ambiguous"]


@given(st.integers(0, 10**6), st.sampled_from(PLATFORMS))
def test_every_form_of_an_address_gives_its_platform_and_id(seed: int, platform: str):
    dice = random.Random(seed)  # noqa: S311 (made up, not secret)
    task = next(one for one in board() if one.platform == platform)
    number = content_id(dice, platform, NOW - dice.randrange(10**12))
    found = links.read(f"前面的话{link(dice, task, number)}，后面的话")
    assert [(one.platform, one.content_id, one.problem) for one in found] == [(platform, number, None)]


@given(st.integers(1_400_000_000, 1_900_000_000), st.sampled_from(["douyin", "tiktok", "xiaohongshu", "weibo", "instagram"]), st.integers(0, 10**6))
def test_ids_tell_when_they_were_given_out(seconds: int, platform: str, seed: int):
    told = links.given_at(platform, content_id(random.Random(seed), platform, seconds * 1_000_000))  # noqa: S311 (made up)
    assert told is not None
    assert abs(told - seconds * 1_000_000) <= 1_000_000


def test_a_microblogs_two_numbers_are_one():
    assert bid("4912345678901234")
    first, second = links.read("https://weibo.com/1234567890/" + bid("4912345678901234") + " https://m.weibo.cn/status/4912345678901234")
    assert first.content_id == second.content_id == "4912345678901234"


@settings(max_examples=300)
@given(st.text(max_size=400))
def test_no_text_breaks_it(text: str):
    shared = links.read(text)
    matched, refused = links.match(shared, board()[:4], {}, NOW)
    assert len(matched) + len(refused) == len(shared)
    assert {one.task.id for one in matched} == set() or len(matched) == len({one.task.id for one in matched})


@given(st.integers(0, 10**9), st.integers(2, 8), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_a_slip_in_a_task_code_is_seen(number: int, place: int, sign: str):
    code = task_code.make((number,))
    assert list(task_code.find(f"任务码：{code.lower()}。")) == [code]
    wrong = code[:place] + sign + code[place + 1 :]
    if wrong != code:
        assert list(task_code.find(wrong)) in ([], [wrong])
        assert not (place < 8 and list(task_code.find(wrong)) == [code])
