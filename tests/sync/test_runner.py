# SPDX-License-Identifier: Apache-2.0
"""The runner: one answer ahead, in order, stopped within a second, no thread left behind; one renewal, the day's quota, the right address."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.errors import CancelledError, PlatformError, UsageError
from app.usecases.syncing import Page
from sync.catalog import CONNECTORS
from sync.feeds import Quota
from sync.http import Limits
from sync.runner import Runner
from tests.emulators.brand import Brand
from tests.emulators.oceanengine import OceanEngine
from tests.sync.platforms.conftest import QUICK, Desk, signed_in
from tests.sync.remembered import Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.usecases.syncing import Connection


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Signed in, accounts and campaigns known."""
    with OceanEngine(Brand(orders_wanted=400)) as server:
        made = signed_in(server, tmp_path)
        made.pull("accounts", "campaigns")
        yield made
    assert server.violations == []
    assert [one.name for one in threading.enumerate() if one.name.startswith("sync")] == []


class Stopping:
    """A job that is stopped by somebody else."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def progress(self, phase: str, done: int, total: int | None = None) -> None:
        """Nobody looks."""

    def check(self) -> None:
        """Stop once asked to."""
        if self.asked.is_set():
            raise CancelledError


def within(seconds: float, said: Callable[[], bool]) -> bool:
    """Whether another thread does something in time."""
    end = time.monotonic() + seconds
    while not said() and time.monotonic() < end:
        time.sleep(0.005)
    return said()


def until(said: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    assert within(10, said)


def orders(desk: Desk) -> int:
    """Pages of orders that were asked for."""
    return len(desk.server.requests("list_by_campaign"))


def test_one_answer_ahead_and_no_more(desk: Desk) -> None:
    """While a page is taken in the next one is fetched, and waits."""
    pages = desk.pages("orders")
    next(pages)
    until(lambda: orders(desk) == 2)
    assert not within(0.3, lambda: orders(desk) > 2)
    next(pages)
    until(lambda: orders(desk) == 3)
    pages.close()  # type: ignore[attr-defined] # a generator


def test_who_stops_asking_leaves_no_thread(desk: Desk) -> None:
    pages = desk.pages("orders")
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    assert not [one for one in threading.enumerate() if one.name.startswith("sync")]


@pytest.mark.parametrize("fault", ["loris", "silent"])
def test_stopped_within_a_second_whatever_is_waited_for(desk: Desk, fault: str) -> None:
    """INV-6: a platform that is slow or silent does not keep anybody."""
    desk.server.misbehave(fault, "list_by_campaign", nth=2, times=None)
    job = Stopping()
    pages = desk.pages("orders", job=job)
    next(pages)
    until(lambda: orders(desk) == 2)
    threading.Timer(0.05, job.asked.set).start()
    begun = time.monotonic()
    with pytest.raises(CancelledError):
        next(pages)
    assert time.monotonic() - begun < 1
    assert not [one for one in threading.enumerate() if one.name.startswith("sync")]


def test_stopped_while_waiting_to_ask_again(desk: Desk, tmp_path: Path) -> None:
    other = signed_in(desk.server, tmp_path, replace(QUICK, base_s=60, longest_wait_s=120))
    other.look = desk.look
    desk.server.misbehave("code", "list_by_campaign", times=None, code=50001)
    job = Stopping()
    threading.Timer(0.2, job.asked.set).start()
    begun = time.monotonic()
    with pytest.raises(CancelledError):
        list(other.pages("orders", job=job))
    assert time.monotonic() - begun < 1.5


def test_a_failure_comes_after_what_was_fetched_before_it(desk: Desk) -> None:
    desk.server.misbehave("code", "list_by_campaign", nth=3, times=None, code=50001)
    taken: list[Page] = []
    with pytest.raises(PlatformError):
        taken.extend(desk.pages("orders"))
    assert sum(page.received for page in taken) <= len(desk.look.of("collaborations"))


def test_requests_and_retries_are_counted(desk: Desk) -> None:
    desk.server.misbehave("code", "list_by_campaign", nth=2, times=2, code=40100)
    desk.pull("orders")
    assert desk.watch.traffic.requests == orders(desk)
    assert desk.watch.traffic.retries == 2


def test_requests_go_to_the_address_that_stands_for_the_platform(desk: Desk) -> None:
    assert desk.runner.test(desk.connection, Stopping()).expires_at is not None
    url, state = desk.runner.by_hand(desk.connection)
    assert url.startswith(f"{desk.server.base_url}/openapi/audit/oauth.html?")
    assert f"state={state}" in url


def test_a_test_tells_a_dead_login(desk: Desk) -> None:
    desk.server.revoke()
    with pytest.raises(PlatformError) as caught:
        desk.runner.test(desk.connection, Stopping())
    assert caught.value.code in {"login_needed", "disconnected"}


def test_what_was_forgotten_is_gone(desk: Desk) -> None:
    desk.runner.forget(desk.connection)
    with pytest.raises(PlatformError) as caught:
        desk.pull("campaigns")
    assert caught.value.code == "login_needed"


def test_secrets_of_another_connection_are_not_used(desk: Desk) -> None:
    """G07."""
    other: Connection = replace(desk.connection, id=2)
    with pytest.raises(PlatformError) as caught:
        list(desk.runner.pages(other, "campaigns", None, desk.look, Watched(), Stopping(), full=False))
    assert caught.value.code == "login_needed"


def test_a_platform_that_there_is_not(desk: Desk) -> None:
    with pytest.raises(UsageError):
        desk.runner.test(replace(desk.connection, platform="nowhere"), Stopping())


def test_the_catalogue_names_platforms_and_streams_in_order(desk: Desk) -> None:
    info = {one.name: one for one in desk.runner.catalog()}
    assert [one.name for one in info["oceanengine"].streams] == [
        "accounts", "campaigns", "demands", "orders", "demand_orders", "order_info", "reports", "daily", "cps", "bills",
    ]  # fmt: skip
    assert all(stream.every_seconds >= 3600 for one in info.values() for stream in one.streams)


def test_the_days_quota_parks_the_connection_before_it_is_overdrawn(desk: Desk) -> None:
    """Counted over all runs of the day; what was fetched stands, and it goes on the next day."""
    connector = dict(CONNECTORS)["oceanengine"]()
    now = 1_790_000_000_000_000
    limited = replace(connector, quota=Quota(10, "America/Los_Angeles"))
    runner = Runner(
        (("oceanengine", lambda: limited),), lambda: "workspace", desk.runner._kept, desk.runner._words, lambda: now, limits=Limits(), locks=desk.runner._locks,
    )  # fmt: skip
    desk.look.requests = 7
    before = orders(desk)
    watch, taken = Watched(), list[Page]()
    with pytest.raises(PlatformError) as caught:
        taken.extend(runner.pages(desk.connection, "orders", None, desk.look, watch, Stopping(), full=False))
    assert caught.value.code == "rate_limited"
    assert orders(desk) - before == watch.traffic.requests == 3
    began, ends = Quota(10, "America/Los_Angeles").day(now)
    assert began <= now < ends == caught.value.details["until"]
    assert ends - began == 86_400_000_000
    desk.look.requests = 0
    rest = list(runner.pages(desk.connection, "orders", taken[-1].cursor, desk.look, Watched(), Stopping(), full=False))
    assert len({one.key for page in (*taken, *rest) for one in page.records}) == len(desk.server.brand.orders)
