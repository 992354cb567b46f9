# SPDX-License-Identifier: Apache-2.0
"""How often a platform is asked, and whether at all: calls counted over the whole program, and a breaker for each origin."""

from __future__ import annotations

import threading
import time

from pyrate_limiter import InMemoryBucket, Rate, RateItem


class Buckets:
    """What was called lately, for the whole program: several connections may share an app."""

    def __init__(self) -> None:
        """Nothing was called yet."""
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, int, float], InMemoryBucket] = {}

    def take(self, key: str, calls: int, seconds: float) -> float:
        """Count a call and return 0, or the seconds until one is free."""
        with self._lock:
            bucket = self._buckets.get((key, calls, seconds))
            if bucket is None:
                bucket = self._buckets[key, calls, seconds] = InMemoryBucket([Rate(calls, max(1, round(seconds * 1000)))])
            item = RateItem(key, time.monotonic_ns() // 1_000_000)  # the bucket's own clock
            bucket.leak(item.timestamp)
            if bucket.put(item):
                return 0.0
            wait = bucket.waiting(item)
            return max(1, wait if isinstance(wait, int) else 1) / 1000  # a bucket in memory never gives anything to await


class Breaker:
    """Whether an origin is spoken to: failures in a row open it, one request at a time closes it again after a pause."""

    def __init__(self, failures: int, pause_s: float) -> None:
        """So many failures in a row, so long a pause."""
        self._failures, self._pause_s = failures, pause_s
        self._lock = threading.Lock()
        self._row = 0
        self._open_until: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Whether the next request would be refused or be the one that tries."""
        return self._open_until is not None

    def enter(self) -> float:
        """0 where a request may go out, else the seconds until one may try."""
        with self._lock:
            if self._open_until is None:
                return 0.0
            rest = self._open_until - time.monotonic()
            if rest > 0 or self._trying:
                return max(rest, 1.0)
            self._trying = True
            return 0.0

    def note(self, *, good: bool | None) -> bool:
        """Note how a request ended (None: it says nothing of the origin); True where it opened the breaker."""
        with self._lock:
            self._trying = False
            if good is None:
                return False
            if good:
                self._row, self._open_until = 0, None
                return False
            self._row += 1
            opened = self._row >= self._failures
            if opened:
                self._open_until = time.monotonic() + self._pause_s
            return opened
