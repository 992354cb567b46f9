# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import random
from collections import Counter
from fractions import Fraction
from itertools import combinations
from math import factorial
from pathlib import Path as File

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import UsageError
from app.rules import paths as rule
from app.rules.paths import CONVERSION, NULL, Path, PathCredits, credit_paths, markov, shapley, steps

WORKED = File(__file__).resolve().parents[4] / "shared" / "data" / "real" / "g16_markov_worked" / "paths.json"
PATHS = st.lists(
    st.builds(Path, st.lists(st.sampled_from("ABCD"), min_size=1, max_size=5).map(tuple), st.integers(0, 4), st.integers(0, 6)),
    min_size=1,
    max_size=8,
)


def credit(found: PathCredits) -> dict[str, float]:
    return {row.channel: row.credit for row in found.channels}


def removal(found: PathCredits) -> dict[str, float | None]:
    return {row.channel: row.removal for row in found.channels}


def by_the_text(paths: list[Path], order: int, gone: str | None = None) -> Fraction:
    """Chance to convert, every step into one channel going to null, by exact elimination."""
    chances: dict[tuple[str, ...], Counter[tuple[str, ...]]] = {}
    for path in paths:
        state: tuple[str, ...] = ()
        for channel in path.channels:
            following = (*state, channel)[-order:]
            chances.setdefault(state, Counter())[following] += path.conversions + path.nulls
            state = following
        chances.setdefault(state, Counter())[CONVERSION] += path.conversions
        chances[state][NULL] += path.nulls
    chances = {state: row for state, row in chances.items() if sum(row.values())}
    names = sorted(chances)
    rows = []
    for state in names:
        whole = sum(chances[state].values())
        row = [Fraction(int(state == other)) for other in names] + [Fraction(0)]
        for following, count in chances[state].items():
            if following == CONVERSION:
                row[-1] += Fraction(count, whole)
            elif following != NULL and count and following[-1] != gone:
                row[names.index(following)] -= Fraction(count, whole)
        rows.append(row)
    for at in range(len(rows)):
        pivot = next(one for one in range(at, len(rows)) if rows[one][at])
        rows[at], rows[pivot] = rows[pivot], rows[at]
        rows[at] = [value / rows[at][at] for value in rows[at]]
        for other in range(len(rows)):
            if other != at and rows[other][at]:
                factor = rows[other][at]
                rows[other] = [value - factor * base for value, base in zip(rows[other], rows[at], strict=True)]
    return rows[names.index(())][-1]


@pytest.fixture
def worked() -> list[Path]:
    if not WORKED.exists():
        pytest.skip("the shared real files are not beside this copy")
    rows = json.loads(WORKED.read_text("utf-8"))["puzyrov"]["paths"]
    return [Path(tuple(part.strip() for part in text.split(">")), conversions, nulls) for text, conversions, nulls in rows]


def test_the_published_example_holds(worked: list[Path]):
    found = markov(worked)
    assert found.conversions == 4
    assert found.p == pytest.approx(0.8, abs=1e-15)
    assert removal(found) == pytest.approx({"google ads": 0.75, "mailing": 0.5}, abs=1e-14)
    assert credit(found) == pytest.approx({"google ads": 2.4, "mailing": 1.6}, abs=1e-14)
    assert [row.channel for row in found.channels] == ["google ads", "mailing"]
    assert credit(shapley(worked)) == {"google ads": 2.5, "mailing": 1.5}
    assert shapley(worked).p == 0.8


def test_the_published_steps_hold(worked: list[Path]):
    seen = steps(worked)
    chances = {state: {to: count / sum(row.values()) for to, count in row.items()} for state, row in seen.items()}
    assert chances == {
        (): {("google ads",): 0.8, ("mailing",): 0.2},
        ("google ads",): {CONVERSION: 0.5, ("mailing",): 0.25, NULL: 0.25},
        ("mailing",): {CONVERSION: 1.0},
    }


def test_a_repeated_channel_changes_no_removal_under_order_one():
    once, twice = [Path(("A", "B"), 3, 1), Path(("B",), 1, 2)], [Path(("A", "A", "B"), 3, 1), Path(("B",), 1, 2)]
    assert removal(markov(twice)) == pytest.approx(removal(markov(once)), abs=1e-14)


@settings(max_examples=60, deadline=None)
@given(PATHS, st.integers(1, 3))
def test_every_order_is_that_of_the_text(paths: list[Path], order: int):
    found = markov(paths, order)
    conversions = sum(path.conversions for path in paths)
    channels = {channel for path in paths for channel in path.channels}
    assert set(credit(found)) == channels
    assert found.conversions == conversions
    if not conversions:
        assert found.p == 0
        assert not any(credit(found).values())
        return
    p = by_the_text(paths, order)
    effects = {channel: 1 - by_the_text(paths, order, channel) / p for channel in channels}
    assert found.p == pytest.approx(float(p), rel=1e-12)
    assert removal(found) == pytest.approx({channel: float(effect) for channel, effect in effects.items()}, abs=1e-12)
    assert credit(found) == pytest.approx({channel: float(conversions * effect / sum(effects.values())) for channel, effect in effects.items()}, abs=1e-11)
    assert sum(credit(found).values()) == pytest.approx(conversions)


@settings(max_examples=40, deadline=None)
@given(PATHS, st.integers(1, 3))
def test_a_chain_too_large_to_invert_gives_the_same(paths: list[Path], order: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule, "_DENSE", 0)
        iterated = markov(paths, order)
    assert removal(iterated) == pytest.approx(removal(markov(paths, order)), abs=1e-12)


def test_thousands_of_states_are_solved():
    chance = random.Random(3)  # noqa: S311 (the same draws every time)
    names = [f"channel {number}" for number in range(18)]
    paths = [Path(tuple(chance.choices(names, k=chance.randint(1, 6))), chance.randint(0, 2), chance.randint(0, 5)) for _ in range(6_000)]
    assert len(steps(paths, 3)) > 4_000
    found = markov(paths, 3)
    assert found.p == pytest.approx(found.conversions / sum(path.conversions + path.nulls for path in paths), rel=1e-12)
    assert sum(credit(found).values()) == pytest.approx(found.conversions)


@settings(max_examples=60, deadline=None)
@given(PATHS)
def test_shapley_is_the_average_over_all_orders_of_joining(paths: list[Path]):
    channels = sorted({channel for path in paths for channel in path.channels})

    def worth(members: set[str]) -> int:
        return sum(path.conversions for path in paths if set(path.channels) <= members)

    expected = dict.fromkeys(channels, Fraction(0))
    for channel in channels:
        others = [other for other in channels if other != channel]
        for size in range(len(channels)):
            share = Fraction(factorial(size) * factorial(len(channels) - size - 1), factorial(len(channels)))
            for members in combinations(others, size):
                expected[channel] += share * (worth({*members, channel}) - worth(set(members)))
    assert credit(shapley(paths)) == {channel: float(value) for channel, value in expected.items()}


def test_shapley_is_exact_for_many_channels():
    names = [f"c{number}" for number in range(60)]
    found = shapley([Path(tuple(names), 61), Path((names[0],), 1)])
    assert credit(found)["c0"] == float(1 + Fraction(61, 60))
    assert all(row.removal is None for row in found.channels)


@settings(deadline=None)
@given(PATHS, st.randoms())
def test_the_order_of_paths_does_not_matter(paths: list[Path], chance: random.Random):
    shuffled = chance.sample(paths, len(paths))
    assert credit(markov(shuffled)) == pytest.approx(credit(markov(paths)), abs=1e-12)
    assert shapley(shuffled) == shapley(paths)


def test_journeys_without_a_channel_credit_nobody():
    found = markov([Path((), 3, 1), Path(("A",), 0, 2)])
    assert found.p == pytest.approx(0.5)
    assert credit(found) == {"A": 0.0}
    assert credit(shapley([Path((), 3)])) == {}
    assert shapley([]).p == 0


def test_what_is_no_model_is_refused():
    assert credit_paths([Path(("A",), 1)], "markov", 2) == markov([Path(("A",), 1)], 2)
    assert credit_paths([Path(("A",), 1)], "shapley") == shapley([Path(("A",), 1)])
    with pytest.raises(UsageError) as bad:
        credit_paths([], "linear")
    assert bad.value.code == "unknown_model"
    with pytest.raises(UsageError) as bad:
        credit_paths([], "markov", 4)
    assert bad.value.details == {"field": "order", "value": 4}


def test_the_inverse_and_elimination_agree_on_a_loop():
    """A channel that mostly leads back to itself: the chain is long, the answer is not."""
    paths = [Path(("A",) * 40, 1, 0), Path(("A", "B"), 0, 1), Path(("B",), 1, 1)]
    assert markov(paths).p == pytest.approx(float(by_the_text(paths, 1)), rel=1e-12)
    assert np.isfinite(list(credit(markov(paths)).values())).all()
