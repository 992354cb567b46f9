# SPDX-License-Identifier: Apache-2.0
"""A runner that is signed in at the Ocean Engine on loopback."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from app.jobs import Quiet
from app.usecases.syncing import Connection
from app.words import Words
from sync.catalog import CONNECTORS
from sync.http import Limits
from sync.runner import Runner
from sync.secrets import Places, Secrets
from tests.emulators.brand import Brand
from tests.emulators.oceanengine import OceanEngine
from tests.sync.remembered import Remembered, Watched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.jobs import Job
    from app.usecases.syncing import Page

STREAMS = ("accounts", "campaigns", "demands", "orders", "demand_orders", "order_info", "reports", "daily", "cps", "bills")
QUICK = Limits(deadline_s=5, base_s=0.01, rate_base_s=0.01, longest_wait_s=1)


@dataclass
class Desk:
    """A connection to a platform, what it brought, and where its streams go on."""

    runner: Runner
    server: OceanEngine
    connection: Connection
    look: Remembered = field(default_factory=Remembered)
    cursors: dict[str, str] = field(default_factory=dict)
    watch: Watched = field(default_factory=Watched)

    def pages(self, stream: str, *, full: bool = False, job: Job | None = None) -> Iterator[Page]:
        """Pages of a stream from where it stands, each taken in with its cursor before the next one is asked for."""
        self.watch = Watched()
        for page in self.runner.pages(self.connection, stream, self.cursors.get(stream), self.look, self.watch, job or Quiet(), full=full):
            self.look.take([page])
            self.cursors[stream] = page.cursor
            yield page

    def pull(self, *streams: str, full: bool = False) -> list[Page]:
        """Streams to their end."""
        return [page for stream in streams or STREAMS for page in self.pages(stream, full=full)]


def signed_in(server: OceanEngine, folder: Path, limits: Limits = QUICK) -> Desk:
    """A desk with the app's secret kept and a code exchanged."""
    places = Places()
    places.choose("session")
    runner = Runner(CONNECTORS, lambda: "workspace", Secrets(places), lambda: Words("en"), lambda: time.time_ns() // 1000, limits=limits, locks=folder)
    connection = Connection(1, "brand", "oceanengine", "new", base_url=server.base_url, app_id=server.app_id)
    runner.keep_secret(connection, server.secret)
    runner.exchange(connection, server.code(), None)
    return Desk(runner, server, connection)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Signed in at a brand with some orders; whatever breaks the contract fails the test."""
    with OceanEngine(Brand(orders_wanted=300)) as server:
        yield signed_in(server, tmp_path)
    assert server.violations == []
