# SPDX-License-Identifier: Apache-2.0
"""When a stream is pulled next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.schedule import FIRST_WAIT, LONGEST_WAIT, SECOND, Past, next_at, wait

NOW = 1_790_000_000 * SECOND
HOUR = 3600
DAY = 24 * HOUR


def test_what_never_ran_is_due_at_once() -> None:
    assert next_at(Past(HOUR), NOW) == NOW


def test_what_is_off_is_never_due() -> None:
    assert next_at(Past(0), NOW) is None
    assert next_at(Past(0, NOW - DAY * SECOND, failures=3, failed_at=NOW), NOW) is None


def test_after_success_it_waits_its_interval() -> None:
    assert next_at(Past(6 * HOUR, NOW), NOW) == NOW + 6 * HOUR * SECOND


def test_what_was_missed_during_a_sleep_is_caught_up_once() -> None:
    asleep = Past(HOUR, NOW - 30 * HOUR * SECOND)
    due = next_at(asleep, NOW)
    assert due is not None
    assert due <= NOW
    awake = Past(HOUR, NOW)
    assert next_at(awake, NOW) == NOW + HOUR * SECOND


def test_a_failure_is_tried_again_soon_and_then_ever_later() -> None:
    waits = [wait(failures, DAY) for failures in range(1, 12)]
    assert waits[:4] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT, 8 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT
    assert waits == sorted(waits)
    assert next_at(Past(DAY, NOW - 9 * DAY * SECOND, NOW, 2), NOW) == NOW + 2 * FIRST_WAIT * SECOND


def test_a_failure_never_puts_a_stream_off_for_longer_than_its_interval() -> None:
    assert wait(30, 15 * 60) == 15 * 60
    assert wait(10_000, DAY) == LONGEST_WAIT


def test_a_parked_platform_is_left_alone_until_its_time() -> None:
    until = NOW + DAY * SECOND
    assert next_at(Past(HOUR, NOW - DAY * SECOND, parked_until=until), NOW) == until
    assert next_at(Past(HOUR, None, parked_until=until), NOW) == until
    over = next_at(Past(HOUR, NOW - DAY * SECOND, parked_until=NOW - 1), NOW)
    assert over is not None
    assert over <= NOW


@pytest.mark.parametrize("failures", [0, 2])
def test_a_clock_that_was_ahead_puts_nothing_off_for_longer_than_the_interval(failures: int) -> None:
    ahead = NOW + 400 * DAY * SECOND
    due = next_at(Past(HOUR, ahead, ahead if failures else None, failures), NOW)
    assert due is not None
    assert due <= NOW + HOUR * SECOND


@given(st.integers(1, 10 * DAY), st.integers(0, 50), st.integers(0, 400 * DAY))
def test_it_is_due_within_its_interval_of_the_last_try(every: int, failures: int, ago: int) -> None:
    tried = NOW - ago * SECOND
    past = Past(every, None if failures else tried, tried if failures else None, failures)
    due = next_at(past, NOW)
    assert due is not None
    assert tried < due <= tried + every * SECOND
