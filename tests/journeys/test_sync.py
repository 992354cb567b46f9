# SPDX-License-Identifier: Apache-2.0
"""A season on the Ocean Engine: pulled whole, again, after changes, killed at every page, with a token that runs out; nothing lost, nothing leaked."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulators.brand import Brand
from tests.emulators.oceanengine import OceanEngine
from tests.emulators.server import Server
from tests.journeys.desks import Desk, Warm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STAR = "/open_api/2/star"
STREAMS = {
    "accounts": "/open_api/oauth2/advertiser/get/",
    "campaigns": f"{STAR}/campaign/list/",
    "demands": f"{STAR}/demand/list/",
    "orders": f"{STAR}/order/list_by_campaign/",
    "demand_orders": f"{STAR}/demand/order/list/",
    "order_info": f"{STAR}/order/get_info/",
    "reports": f"{STAR}/report/order_overview/",
    "daily": f"{STAR}/report/custom_data_topic_daily_report/",
    "cps": f"{STAR}/demander_query_cps_task_sales/",
    "bills": f"{STAR}/bill/get_pending/",
}
"""In the order in which they are pulled, each with the path that its pages come from."""


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    one = Warm()
    yield one
    one.close()


@pytest.fixture
def engine() -> Iterator[OceanEngine]:
    """A small brand that tells few rows a page."""
    with OceanEngine(Brand(1, 36, per_campaign=5), most_rows=4) as server:
        yield server
        assert not server.violations


@pytest.fixture
def stranger() -> Iterator[Server]:
    """Another host."""
    with Server() as server:
        yield server


class Watched:
    """Desks of a test; afterwards everything that was written at them is searched."""

    def __init__(self, folder: Path, warm: Warm, engine: OceanEngine, stranger: Server) -> None:
        self.folder, self.warm, self.engine, self.stranger = folder, warm, engine, stranger
        self.desks: list[Desk] = []

    def __call__(self, name: str = "brand") -> Desk:
        desk = Desk(self.folder / name, self.warm)
        self.desks.append(desk)
        return desk

    def check(self) -> None:
        phones = {one.phone for one in self.engine.brand.creators} | {"19909999999"}
        for desk in self.desks:
            desk.secrets |= self.engine.secret_texts | phones
            desk.personal |= self.engine.brand.personal
            assert desk.leaks([self.stranger.seen_text()]) == []


@pytest.fixture
def desk(tmp_path: Path, warm: Warm, engine: OceanEngine, stranger: Server) -> Iterator[Watched]:
    """A desk by name; no canary may stand anywhere afterwards that it must not."""
    watched = Watched(tmp_path, warm, engine, stranger)
    yield watched
    watched.check()


def states(runs: list[dict[str, Any]]) -> set[str]:
    return {one["state"] for one in runs}


def by_stream(runs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["stream"]: one for one in runs}


# ---------------------------------------------------------------- the season


def test_whole_again_and_after_changes(engine: OceanEngine, desk: Watched):
    """Everything once; then nothing new; then what changed; and as JSON says."""
    one = desk().connect(engine)
    first = by_stream(one.sync())
    assert list(first) == list(STREAMS)
    assert states(list(first.values())) == {"ok"}
    assert first["orders"]["inserted"] == len(engine.brand.orders)
    assert first["cps"]["inserted"] == sum(map(len, engine.brand.sales.values()))
    after = one.hash
    again = by_stream(one.sync())
    assert {name: (run["inserted"], run["updated"], run["rejected"]) for name, run in again.items()} == dict.fromkeys(STREAMS, (0, 0, 0))
    assert one.hash == after
    assert by_stream(one.sync("--full")).keys() == STREAMS.keys()
    assert one.hash == after
    engine.mutate(20)
    changed = by_stream(one.sync())
    assert states(list(changed.values())) == {"ok"}
    assert changed["orders"]["inserted"] > 0
    assert changed["orders"]["updated"] > 0
    assert one.hash != after
    assert one.sound()


def test_the_store_holds_what_the_platform_holds(engine: OceanEngine, desk: Watched):
    """Ids digit for digit, money to the fen, every order once."""
    one = desk().connect(engine)
    one.sync()
    engine.mutate(30)
    one.sync()
    told = {str(it.id): (it.cost, it.fee, it.paid, it.refund) for it in engine.brand.orders.values()}
    kept = one.rows("select source_id, fee_fen, platform_fee_fen, paid_fen, refund_fen from collaboration")
    assert {key: tuple(money) for key, *money in kept} == told
    assert len(kept) == len(told)
    sold = one.rows("select sum(amount_fen), count(*) from cps_sale")
    assert sold == [(sum(it.amount for rows in engine.brand.sales.values() for it in rows), sum(map(len, engine.brand.sales.values())))]
    owed = {str(it.id): it.owed for it in engine.brand.orders.values() if it.owed}
    assert dict(one.rows("select order_key, remaining_fen from pending_bill where closed_at is null")) == owed


# ---------------------------------------------------------------- killed at every page


def pull_killed(one: Desk, engine: OceanEngine, stream: str) -> int:
    """Pull a stream, killed at its first page, its second, and so on as far as it comes, until it is through; returns how often.

    The next answer is asked for while one is taken in: at the third request the first one stands. Sales of a task come as one.
    """
    killed = compared = 0
    for attempt in count(1):
        engine.behave()
        engine.victim = None
        engine.misbehave("kill", STREAMS[stream], nth=attempt if stream == "cps" else min(attempt, 3), delay=(0, 0.004, 0.02)[attempt % 3])
        running = one.start("sync", "run", "--stream", stream)
        engine.victim = running.pid
        answer = running.wait()
        if answer.code == 0:
            break
        assert answer.code == -9, answer
        killed += 1
        compared += together(one, engine, stream)
        assert attempt < 40, "it does not come on"
    engine.behave()
    assert compared >= 3 or stream != "orders" or one.rows("select count(*) from sync_run where stream = 'orders' and state = 'ok'") > [(1,)]
    return killed


def together(one: Desk, engine: OceanEngine, stream: str) -> bool:
    """Rows and cursor stand and fall together: every order up to the cursor is there, and none beyond. False where there is no such cursor."""
    told = one.rows("select cursor from feed_cursor where stream = ?", stream)
    if stream != "orders" or not told:
        return False
    at = json.loads(told[0][0])
    if "part" not in at or at.get("since"):
        return False
    group, key = at["part"]
    stars = sorted(map(str, engine.brand.stars))
    expected: set[str] = set()
    for star in stars:
        campaigns = sorted(str(it.id) for it in engine.brand.campaigns.values() if str(it.star) == star)
        for first in range(0, len(campaigns), 20):
            batch = campaigns[first : first + 20]
            listed = sorted((it for name in batch for it in engine.brand.by_campaign[int(name)]), key=lambda it: (-it.created, -it.id))
            if (star, batch[0]) < (group, key):
                expected |= {str(it.id) for it in listed}
            elif (star, batch[0]) == (group, key):
                expected |= {str(it.id) for it in listed[: (int(at.get("page") or 1) - 1) * engine.most_rows]}
    assert {name for (name,) in one.rows("select source_id from collaboration")} == expected
    return True


def test_killed_at_every_page(engine: OceanEngine, desk: Watched):
    """SIGKILL wherever a page begins, in the first pull and in the one after changes: the same facts as undisturbed."""
    calm, killed = desk("calm").connect(engine), desk("killed").connect(engine)
    calm.sync()
    kills = {stream: pull_killed(killed, engine, stream) for stream in STREAMS}
    assert all(kills.values())
    assert sum(kills.values()) > 35
    assert killed.hash == calm.hash
    engine.mutate(12)
    calm.sync()
    kills = {stream: pull_killed(killed, engine, stream) for stream in ("campaigns", "demands", "orders", "cps", "bills")}
    assert all(kills.values())
    killed.sync()
    assert killed.hash == calm.hash
    assert killed.sound()


# ---------------------------------------------------------------- tokens


def test_a_token_that_runs_out_on_the_way(engine: OceanEngine, desk: Watched):
    """One refresh, the same page again, the same facts."""
    calm, other = desk("calm").connect(engine), desk("other").connect(engine)
    calm.sync()
    engine.refreshes = 0
    for path in (STREAMS["campaigns"], STREAMS["orders"]):
        engine.misbehave("expire", path, nth=3)
    assert states(other.sync()) == {"ok"}
    assert engine.refreshes == 2
    assert other.hash == calm.hash


# ---------------------------------------------------------------- two at once


def test_two_at_once(engine: OceanEngine, desk: Watched):
    """The second one is told that the first is at it, and touches nothing."""
    one = desk().connect(engine)
    engine.misbehave("hold", STREAMS["accounts"])
    first = one.start("sync", "run")
    assert engine.held.wait(20)
    asked = len(engine.log)
    second = one.koc("sync", "run", code=None)
    assert second.code != 0
    assert "sync_running" in second.out
    assert len(engine.log) == asked
    engine.released.set()
    answer = first.wait()
    assert answer.code == 0, answer
    assert states(answer.json["runs"]) == {"ok"}


# ---------------------------------------------------------------- canaries


def test_nothing_leaks_from_what_goes_wrong(engine: OceanEngine, desk: Watched, stranger: Server):
    """Every kind of failure once: what is written of it holds no secret and nobody's name."""
    one = desk().connect(engine)
    one.sync()
    codes: set[str] = set()
    for fault, path, options in (
        ("redirect", "campaign/list", {"to": stranger.base_url}),
        ("html", "campaign/list", {}),
        ("gbk", "campaign/list", {}),
        ("header", "campaign/list", {}),
        ("code", "campaign/list", {"code": 40000, "message": "参数错误：19909999999"}),
        ("code", "campaign/list", {"code": 40118}),
        ("sunset", "campaign/list", {}),
        ("retype", "list_by_campaign", {"field": "author_id", "to": "object"}),
        ("fuzz", "get_info", {"field": "precise_task_cost", "share": 1}),
        ("revoke", "campaign/list", {}),
        ("busy", "campaign/list", {"after": 86400}),
    ):
        engine.behave()
        engine.misbehave(fault, path, times=None, **options)
        if fault == "busy":
            one.koc("connect", "login", "star", "--code-stdin", stdin=engine.code())
        stream = {"list_by_campaign": "orders", "get_info": "order_info"}.get(path, "campaigns")
        run = one.koc("sync", "run", "--full", "--stream", stream, code=None)
        codes |= {str(it["error"]) for it in run.json["runs"]} | {it["state"] for it in run.json["runs"]}
        assert run.code != 0, fault
        if fault in {"html", "revoke"}:
            one.start("sync", "run", json_out=False).wait()
    assert {"redirected", "unexpected_answer", "refused", "not_granted", "connector_outdated", "rate_limited", "parked", "failed"} <= codes
    engine.behave()
    for number in range(11, 24, 3):
        one.koc("sync", "log", number, code=None)
    one.koc("sync", "status", code=None)
    one.koc("connect", "list")
    assert stranger.seen_text() == ""


def test_the_search_finds_what_it_must_find(desk: Watched):
    """A search that finds nothing must be able to find something."""
    one = desk()
    one.koc("init")
    canary = "access-canary/with=signs"
    for form in (canary, "access-canary/with%3Dsigns", json.dumps(canary)):
        (one.folder / "home" / "a.log").write_text(f"GET /?t={form}", "utf-8")
        one.secrets = {canary}
        assert one.leaks() == [("home/a.log", canary)]
    (one.folder / "home" / "a.log").unlink()
    one.personal = {"某某某"}
    (one.folder / "tmp" / "b").write_text('{"name": "\\u67d0\\u67d0\\u67d0"}', "utf-8")
    assert one.leaks(["x 某某某"]) == [("tmp/b", "某某某"), ("another host 0", "某某某")]
    (one.folder / "tmp" / "b").unlink()
    one.secrets, one.personal = set(), set()
