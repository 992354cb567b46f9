# SPDX-License-Identifier: Apache-2.0
"""When a stream is pulled next: after it went well, after it failed, after a sleep, while its platform asks to wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SECOND: Final = 1_000_000
FIRST_WAIT: Final = 5 * 60
"""Seconds until a stream that failed is tried again; twice as long after each further failure."""
LONGEST_WAIT: Final = 6 * 3600
_MOST_DOUBLINGS: Final = 20


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a stream. Moments; ``every`` in seconds, 0: never by itself. ``parked_until``: the platform asked to wait."""

    every: int
    done_at: int | None = None
    failed_at: int | None = None
    failures: int = 0
    parked_until: int | None = None


def next_at(past: Past, now: int) -> int | None:
    """When the stream is due: a moment not after ``now`` means at once. None: never by itself.

    However long the computer slept, what was missed is caught up once. A clock that was wrong does not put a stream off
    for longer than its interval.
    """
    if past.every <= 0:
        return None
    if past.failures > 0 and past.failed_at is not None:
        due = min(past.failed_at, now) + wait(past.failures, past.every) * SECOND
    elif past.done_at is not None:
        due = min(past.done_at, now) + past.every * SECOND
    else:
        due = now
    return due if past.parked_until is None else max(due, past.parked_until)


def wait(failures: int, every: int) -> int:
    """Seconds between a failure and the next try: never longer than the interval."""
    return min(FIRST_WAIT << min(failures - 1, _MOST_DOUBLINGS), LONGEST_WAIT, every)
