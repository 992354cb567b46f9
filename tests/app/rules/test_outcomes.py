# SPDX-License-Identifier: Apache-2.0
"""A ranking in memory: sorted, cut down and worded as the rules say, whoever stands where."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import resources
from app.rules import report
from app.rules.outcomes import SORTS, Outlook, Ranking, total_of
from app.rules.rating import value
from app.rules.rating.value import Reason, Seen, Word
from app.rules.report import Peers, Sums
from app.rules.roi import RoiPolicy
from app.rules.shrinkage import squares

POLICY = RoiPolicy.parse(tomllib.loads(resources.text("policies", "roi.toml")))
SALES = {1: [30_000, 50_000, 120_000, 40_000], 2: [], 3: [60_000] * 25, 4: [90_000], 5: [80_000], 6: []}
COSTS = {1: (100_000, 20_000), 2: (50_000, 0), 3: (200_000, 150_000), 4: (80_000, 9_000), 5: (0, 8_000), 6: (40_000, 0)}


def ranking(*, barred: tuple[int, ...] = (), coded: tuple[int, ...] = ()) -> Ranking:
    """The worked example (1 to 4), one for commission alone (5) and one on whom less was spent than on 2, as much in vain (6)."""
    key = np.array(list(SALES), dtype=np.int64)
    net = np.array([sum(SALES[one]) for one in SALES], dtype=np.int64)
    amount = np.array([fen for fens in SALES.values() for fen in fens], dtype=np.int64)
    owner = np.array([at for at, fens in enumerate(SALES.values()) for _ in fens], dtype=np.int64)
    fixed, variable = (np.array([COSTS[one][part] for one in SALES], dtype=np.int64) for part in (0, 1))
    sums = Sums(key, net, net, fixed, variable, np.array([len(fens) for fens in SALES.values()]), *squares(amount, owner, len(key)))
    one = np.zeros(len(key), dtype=np.int64)
    standing = report.standing(POLICY, sums, Peers(one, one, one))
    grade = np.zeros(len(key), dtype=np.int8)
    stopped, seen = (np.isin(key, np.array(which, dtype=np.int64)) for which in (barred, coded))
    return Ranking(POLICY, "precedence", sums, standing.returns, grade, standing.order, stopped, seen, total_of(POLICY, sums), 0)


def test_the_words_of_the_worked_example() -> None:
    look = Outlook.of(ranking(), None)
    words = dict(zip(look.ranking.sums.key.tolist(), map(Word, look.word.tolist()), strict=True))
    assert words == {1: Word.WATCH, 2: Word.STOP, 3: Word.REPEAT, 4: Word.WATCH, 5: Word.WATCH, 6: Word.STOP}
    assert look.counts() == {Word.STOP: 2, Word.WATCH: 3, Word.REPEAT: 1}
    assert Outlook.of(ranking(barred=(3,)), None).counts()[Word.REPEAT] == 0
    assert Outlook.of(ranking(), 5.0).counts()[Word.REPEAT] == 0  # P(≥ 5) of creator 3 is far below a half
    assert look.ranking.sums.key[look.rows()].tolist() == [3, 1, 4, 6, 2, 5]  # who has no interval comes last


@pytest.mark.parametrize("field", SORTS)
def test_every_sort_is_a_sort_and_keeps_who_has_no_value_last(field: str) -> None:
    look = Outlook.of(ranking(), 3.0)
    everybody = sorted(look.rows().tolist())
    for descending in (True, False):
        rows = look.rows(sort=(field, descending))
        assert sorted(rows.tolist()) == everybody
        if field in {"p25", "p50", "above_break_even", "above_target", "peer_weight"}:
            assert look.ranking.sums.key[rows[-1]] == 5
    assert look.rows(sort=("net", True))[0] == 2
    assert look.rows(sort=("net", False))[-1] == 2


@given(st.sets(st.integers(0, 9)), st.sampled_from([None, *Word]))
def test_a_cut_is_what_the_whole_has_of_it(only: set[int], word: Word | None) -> None:
    look = Outlook.of(ranking(), None)
    ids = np.array(sorted(only), dtype=np.int64)
    found = look.ranking.sums.key[look.rows(ids, word)].tolist()
    whole = [(key, Word(look.word[at])) for at, key in zip(look.rows().tolist(), look.ranking.sums.key[look.rows()].tolist(), strict=True)]
    assert found == [key for key, of in whole if key in only and word in {None, of}]
    assert look.ranking.sums.key[look.places(ids)].tolist() == [key for key in sorted(only) if key in SALES]


def test_figures_of_some_are_those_of_the_report() -> None:
    look = Outlook.of(ranking(), 3.0)
    rows = look.rows()
    everybody = list(report.figures(look.ranking.sums, look.ranking.returns, POLICY.margin, 3.0))
    assert list(look.figures(rows)) == [everybody[at] for at in rows.tolist()]


@pytest.mark.parametrize(
    ("seen", "word", "reason"),
    [
        (Seen("D", None, True, True, 3.0, 4.0, None), Word.STOP, Reason.GRADE),
        (Seen("A", "banned", True, True, 3.0, 4.0, None), Word.STOP, Reason.SANCTION),
        (Seen("D", "suspended", True, True, 3.0, 4.0, None), Word.STOP, Reason.SANCTION),
        (Seen("A", "warning", True, True, 3.0, 4.0, None), Word.REPEAT, Reason.SAFE),
        (Seen(None, None, True, True, 0.5, 1.6, None), Word.STOP, Reason.LOSS),
        (Seen(None, None, True, True, 1.6, 1.7, None), Word.WATCH, Reason.UNSURE),
        (Seen(None, None, True, True, 1.7, 2.0, 0.5), Word.REPEAT, Reason.ON_TARGET),
        (Seen(None, None, True, True, 1.7, 2.0, 0.49), Word.WATCH, Reason.OFF_TARGET),
        (Seen(None, None, False, True, 1.7, 2.0, None), Word.WATCH, Reason.UNSEEN),
        (Seen(None, None, True, False, None, None, None), Word.WATCH, Reason.COMMISSION_ONLY),
        (Seen(None, None, True, True, None, None, None), Word.WATCH, Reason.NO_DATA),
    ],
)
def test_a_word_has_its_reason(seen: Seen, word: Word, reason: Reason) -> None:
    assert value.word(POLICY, seen) is word
    assert value.reason(POLICY, word, seen) is reason


def test_nobody_is_ranked_where_nothing_happened() -> None:
    empty = np.empty(0, dtype=np.int64)
    sums = Sums(*(empty,) * 8)
    standing = report.standing(POLICY, sums, Peers(empty, empty, empty))
    none = np.empty(0, dtype=bool)
    total = total_of(POLICY, Sums(*(np.zeros(1, dtype=np.int64) for _ in range(8))))
    bare = Ranking(POLICY, "precedence", sums, standing.returns, empty.astype(np.int8), standing.order, none, none, total, 0)
    look = Outlook.of(bare, 2.0)
    assert look.rows().tolist() == []
    assert look.places(np.array([1, 2])).tolist() == []
    assert sum(look.counts().values()) == 0
