# SPDX-License-Identifier: Apache-2.0
"""A hundred thousand collaborations pulled from a platform on loopback, and what their answers cost bare: GET, JSON, executemany."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import httpx

from app.jobs import Quiet
from app.values import WorkspaceRef
from benchmarks.returns import ACTOR, clean, cpu
from db import bulk, maintenance
from db.engine import sqlite_engine, writing
from sync.compose import Opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.services import Services

Side = dict[str, Any]
_ORDERS: Final = {"T": 2_000, "S": 10_000, "M": 100_000, "L": 100_000}
_A_CAMPAIGN: Final = 120
_PAGE: Final = 50
_TOGETHER: Final = 20


@contextlib.contextmanager
def _platform(folder: Path) -> Iterator[dict[str, str]]:
    """The platform in a process of its own, as it is in the world."""
    command = [sys.executable, "-m", "tests.emulators.oceanengine", "--trusting"]
    command += ["--orders", str(_ORDERS.get(folder.name.partition("-")[0], 100_000)), "--per-campaign", str(_A_CAMPAIGN)]
    # Its input ends with the block, which ends it.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield json.loads(next(iter(process.stdout or ())))
        if process.stdin is not None:
            process.stdin.close()


def _asked(platform: dict[str, str], action: str) -> dict[str, Any]:
    """Something of the platform that a person would do there."""
    told: dict[str, Any] = _CLIENT.get(f"{platform['base_url']}/_emulator/{action}").json()
    return told


def _rss() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _connected(path: Path, platform: dict[str, str]) -> Services:
    """A workspace that is signed in and knows the campaigns."""
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"  # whatever the machine has stays untouched
    services = Opener().create(WorkspaceRef(str(path)), ACTOR)
    services.syncing.keep_in("session")
    services.syncing.add("oceanengine", "bench", base_url=platform["base_url"], app_id=platform["app_id"], secret=platform["secret"])
    services.syncing.exchange("bench", _asked(platform, "code")["code"])
    services.syncing.run(("bench",), ("accounts", "campaigns"), full=False, dry_run=False, job=Quiet())
    return services


def sync_product(folder: Path) -> Side:
    """Every order pulled: signed, paced, checked, converted, merged, taken in with its cursor, undoable; and all of it once more, unchanged."""
    path = clean(folder / "sync.koc")
    with _platform(folder) as platform:
        services = _connected(path, platform)
        before = _rss()
        started, used = time.perf_counter(), cpu()
        (first,) = services.syncing.run(("bench",), ("orders",), full=False, dry_run=False, job=Quiet())
        seconds, used = time.perf_counter() - started, cpu() - used
        started = time.perf_counter()
        (again,) = services.syncing.run(("bench",), ("orders",), full=True, dry_run=False, job=Quiet())
        second = time.perf_counter() - started
        services.close()
    clean(path)
    if (first.state, again.state, again.unchanged) != ("ok", "ok", first.inserted):
        raise RuntimeError(f"not all of it was taken in: {first} {again}")
    note = f"{first.inserted:,} rows, {first.requests:,} requests, {first.inserted / seconds:,.0f}/s, {_rss() - before:.0f} MB more"
    return {"seconds": seconds, "again": second, "grown": _rss() - before, "note": note, "cpu": used}


_COLUMNS: Final = ("order_id", "campaign_id", "demand_id", "author_id", "author_name", "order_status", "create_time")
_UPSERT: Final = (
    "insert into bare values (?, ?, ?, ?, ?, ?, ?) on conflict (order_id) do update set campaign_id = excluded.campaign_id, demand_id = excluded.demand_id,"
    " author_id = excluded.author_id, author_name = excluded.author_name, order_status = excluded.order_status, create_time = excluded.create_time"
)


def sync_floor(folder: Path) -> Side:
    """The same answers by the same library, read as JSON and upserted as they are, a transaction an answer."""
    path = clean(folder / "sync_floor.koc")
    maintenance.create(WorkspaceRef(str(path)), 0).dispose()
    engine = sqlite_engine(path)
    with writing(engine) as connection:
        bulk.driver_cursor(connection).execute(f"create table bare ({', '.join(_COLUMNS)}, primary key (order_id))")
    rounds: Side = {}
    with _platform(folder) as platform:
        granted = _told(platform, "oauth2/advertiser/get/", {})["list"]
        stars = [one["account_id"] for one in granted if one["is_valid"] and one["account_role"] == "PLATFORM_ROLE_STAR"]
        questions = [
            {"star_id": star, "campaign_ids": json.dumps(ids[first : first + _TOGETHER])}
            for star in stars
            for ids in [[one["campaign_id"] for page in _pages(platform, "2/star/campaign/list/", {"star_id": star}, "campaigns") for one in page]]
            for first in range(0, len(ids), _TOGETHER)
        ]
        before = _rss()
        for name in ("seconds", "again"):
            started, used = time.perf_counter(), cpu()
            for question in questions:
                for rows in _pages(platform, "2/star/order/list_by_campaign/", question, "order_list"):
                    with writing(engine) as connection:
                        bulk.driver_cursor(connection).executemany(_UPSERT, [tuple(row[name] for name in _COLUMNS) for row in rows])
            rounds[name] = time.perf_counter() - started
            rounds.setdefault("cpu", cpu() - used)
    engine.dispose()
    clean(path)
    return {**rounds, "grown": max(_rss() - before, 1.0)}


_CLIENT: Final = httpx.Client()


def _told(platform: dict[str, str], path: str, params: dict[str, Any]) -> dict[str, Any]:
    if "token" not in platform:
        platform["token"] = _asked(platform, "grant")["access"]
    answer = _CLIENT.get(f"{platform['base_url']}/open_api/{path}", params=params, headers={"Access-Token": platform["token"]})
    told: dict[str, Any] = json.loads(answer.content)["data"]
    return told


def _pages(platform: dict[str, str], path: str, params: dict[str, Any], rows: str) -> Iterator[list[dict[str, Any]]]:
    page = 1
    while True:
        told = _told(platform, path, {**params, "page": page, "limit": _PAGE})
        yield told[rows]
        if page * _PAGE >= told["page_info"]["total_count"]:
            return
        page += 1


Shown = tuple[str, str, str, float, float]
MEASURES: Final[dict[str, tuple[Shown, ...]]] = {
    "sync": (
        ("seconds", "pull 100k collaborations", "s", 2, 0),
        ("again", "the same again, unchanged", "s", 2, 0),
        ("grown", "memory they take meanwhile", "MB", 1, 120),
    ),
}
SIDES: Final[dict[tuple[str, str], Callable[[Path], Side]]] = {("sync", "floor"): sync_floor, ("sync", "product"): sync_product}
