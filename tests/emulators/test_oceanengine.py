# SPDX-License-Identifier: Apache-2.0
"""The emulator keeps the contract itself, refuses who breaks it, and misbehaves as told."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.conftest import ROOT
from tests.emulators.brand import Brand, clock, day
from tests.emulators.contract import contract
from tests.emulators.doctored import DOCTORED
from tests.emulators.oceanengine import AUTHORISE, OceanEngine, certificate
from tests.emulators.server import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulators.server import Server

STAR = "/open_api/2/star"
TOPICS = '["BASIC_DATA","FLOW_DATA","CONVERT_DATA"]'


class Client:
    """Asks as a sound program does."""

    def __init__(self, engine: OceanEngine, http: httpx.Client) -> None:
        self.engine, self.http = engine, http
        self.token = engine.grant().access

    def raw(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(self.engine.base_url + path, params=params, headers={"Access-Token": self.token})

    def get(self, path: str, **params: Any) -> Any:
        told = self.raw(path, **params).json()
        assert told["code"] == 0, told
        return told["data"]


@pytest.fixture
def client(engine: OceanEngine) -> Iterator[Client]:
    with httpx.Client(timeout=5) as http:
        yield Client(engine, http)


def calls(brand: Brand) -> dict[str, dict[str, Any]]:
    """One sound call of every feed."""
    post = next(one for one in brand.by_item.values() if one.star == brand.stars[0])
    star = post.star
    task = next(one.id for one in brand.demands.values() if one.star == star and brand.sales.get(one.id))
    ids = [one.id for one in brand.orders.values() if one.star == star][:40]
    return {
        "/open_api/oauth2/advertiser/get/": {},
        f"{STAR}/campaign/list/": {"star_id": star, "page": 1, "limit": 20},
        f"{STAR}/demand/list/": {
            "star_id": star,
            "page": 1,
            "page_size": 20,
            "filtering": json.dumps({"query_time_range": {"start_time": "2020-01-01 00:00:00", "end_time": "2099-01-01"}}),
        },
        f"{STAR}/order/list_by_campaign/": {"star_id": star, "campaign_ids": json.dumps([post.campaign]), "page": 1, "limit": 50},
        f"{STAR}/demand/order/list/": {"star_id": star, "demand_id": post.demand, "page": 1, "page_size": 50},
        f"{STAR}/order/get_info/": {"star_id": star, "order_ids": json.dumps(ids)},
        f"{STAR}/report/order_overview/": {"star_id": star, "order_ids": json.dumps(ids)},
        f"{STAR}/report/data_topic_config/": {"star_id": star, "work_id": post.item, "demand_id": post.demand, "topics": TOPICS},
        f"{STAR}/report/custom_data_topic_daily_report/": {
            "star_id": star,
            "work_id": post.item,
            "demand_id": post.demand,
            "topics": TOPICS,
            "start_time": day(post.released),
            "end_time": clock(brand.now),
        },
        f"{STAR}/demander_query_cps_task_sales/": {"star_id": star, "task_id": task, "page": 1, "limit": 20},
        f"{STAR}/bill/get_pending/": {"star_id": star},
    }


def test_every_answer_keeps_the_contract(engine: OceanEngine, client: Client):
    for path, params in calls(engine.brand).items():
        answer = client.raw(path, **params).json()
        assert answer["code"] == 0, (path, answer)
        assert not contract("oceanengine").routes["GET", path].faults_of_answer(answer), path
        assert any(isinstance(value, list) and value for value in answer["data"].values()), path


def test_the_world_is_as_awkward_as_the_contract_says(engine: OceanEngine):
    brand = engine.brand
    assert {one.status for one in brand.orders.values()} == {-1, 1, 2, 3, 4, 10, 41, 42, 43, 44, 51, 52, 53, 54}
    assert {one.word for one in brand.orders.values()} == {"RECEIVEING", "ONGOING", "CANCELED", "FINISHED", "WAIT_PAYMENT", "WAIT_EVALUATE"}
    assert min(brand.orders) > 2**53
    assert len({float(one) for one in brand.orders}) < len(brand.orders), "ids that a float would confuse"
    times = [[one.billed for one in sold] for sold in brand.sales.values()]
    assert any(a == b for sold in times for a, b in pairwise(sold)), "several sales of one time"
    assert {(one.kind, one.valid) for one in brand.accounts} >= {("PLATFORM_ROLE_STAR", False), ("ADVERTISER", True), ("PLATFORM_ROLE_STAR", True)}
    assert Brand(3, 50, now=brand.now).orders == Brand(3, 50, now=brand.now).orders, "one seed, one world"


def test_pages_of_both_families_hold_everything_once(engine: OceanEngine, client: Client):
    seen: list[int] = []
    for star in engine.brand.stars:
        ids = json.dumps([one.id for one in engine.brand.campaigns.values() if one.star == star])
        page = 1
        while rows := client.get(f"{STAR}/order/list_by_campaign/", star_id=star, campaign_ids=ids, page=page, limit=9)["order_list"]:
            seen += [row["order_id"] for row in rows]
            page += 1
    assert sorted(seen) == sorted(engine.brand.orders)
    listed: list[int] = []
    for task in engine.brand.demands.values():
        for page in range(1, 9):
            listed += [
                row["order_id"] for row in client.get(f"{STAR}/demand/order/list/", star_id=task.star, demand_id=task.id, page=page, page_size=7)["list"]
            ]
    assert sorted(listed) == sorted(engine.brand.orders)


def test_money_stands_in_yuan_with_a_precise_twin(engine: OceanEngine, client: Client):
    one = next(it for it in engine.brand.orders.values() if it.cost % 100)
    told = client.get(f"{STAR}/order/get_info/", star_id=one.star, order_ids=json.dumps([one.id]))["order_list"][0]["payment_info"]
    assert told["task_cost"] == one.cost // 100
    assert round(told["precise_task_cost"] * 100) == one.cost


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (f"{STAR}/campaign/list/", {}),
        (f"{STAR}/campaign/list/", {"star_id": "abc"}),
        (f"{STAR}/campaign/list/", {"star_id": 1 << 63}),
        (f"{STAR}/campaign/list/", {"star_id": 7, "page_size": 20}),
        (f"{STAR}/demand/order/list/", {"star_id": 7, "demand_id": 8, "page_size": 51}),
        (f"{STAR}/order/list_by_campaign/", {"star_id": 7, "campaign_ids": "1,2"}),
        (f"{STAR}/order/list_by_campaign/", {"star_id": 7, "campaign_ids": '["1"]'}),
        (f"{STAR}/demand/list/", {"star_id": 7, "filtering": '{"universal_order_status":"RECEIVING"}'}),
        (f"{STAR}/no/such/route/", {}),
    ],
)
def test_what_breaks_the_contract_is_refused_and_remembered(engine: OceanEngine, client: Client, path: str, params: dict[str, Any]):
    answer = client.raw(path, **params)
    assert answer.status_code == 404 or answer.json()["code"] == 40000
    assert len(engine.violations) >= 1
    engine.violations.clear()


def test_accounts_that_were_not_granted_are_refused(engine: OceanEngine, client: Client):
    for one in engine.brand.accounts[2:]:
        assert client.raw(f"{STAR}/campaign/list/", star_id=one.id).json()["code"] == 40118


# ---------------------------------------------------------------- sign-in


def sign_in(engine: OceanEngine, http: httpx.Client) -> dict[str, Any]:
    """As a browser and a program do it."""
    asked = {"app_id": engine.app_id, "state": "s&1", "redirect_uri": "http://127.0.0.1:1/back"}
    led = http.get(engine.base_url + AUTHORISE, params=asked)
    back = httpx.URL(led.headers["location"])
    assert (back.host, back.path, back.params["state"]) == ("127.0.0.1", "/back", "s&1")
    body = {"app_id": int(engine.app_id), "secret": engine.secret, "auth_code": back.params["auth_code"]}
    told: dict[str, Any] = http.post(f"{engine.base_url}/open_api/oauth2/access_token/", json=body).json()
    again = http.post(f"{engine.base_url}/open_api/oauth2/access_token/", json=body).json()
    assert again["code"] == 40115, "a code serves once"
    return told


def refresh(engine: OceanEngine, http: httpx.Client, token: str) -> dict[str, Any]:
    body = {"app_id": int(engine.app_id), "secret": engine.secret, "refresh_token": token, "grant_type": "refresh_token"}
    answer: dict[str, Any] = http.post(f"{engine.base_url}/open_api/oauth2/refresh_token/", json=body).json()
    return answer


def test_sign_in_and_rotation(engine: OceanEngine, client: Client):
    told = sign_in(engine, client.http)
    assert not contract("oceanengine").operation("oauthAccessToken").faults_of_answer(told)
    first = told["data"]
    client.token = first["access_token"]
    client.get("/open_api/oauth2/advertiser/get/")
    second = refresh(engine, client.http, first["refresh_token"])
    assert not contract("oceanengine").operation("oauthRefreshToken").faults_of_answer(second)
    assert client.raw("/open_api/oauth2/advertiser/get/").json()["code"] == 40105, "the old pair is dead"
    assert refresh(engine, client.http, first["refresh_token"])["code"] != 0
    client.token = second["data"]["access_token"]
    client.get("/open_api/oauth2/advertiser/get/")
    engine.expire()
    assert client.raw("/open_api/oauth2/advertiser/get/").json()["code"] == 40105
    assert refresh(engine, client.http, second["data"]["refresh_token"])["code"] == 0
    engine.revoke()
    assert all(refresh(engine, client.http, pair.refresh)["code"] != 0 for pair in engine._pairs)


def test_a_rotated_token_passes_once_more_within_its_grace(engine: OceanEngine, client: Client):
    engine.grace = 60
    old = engine.grant().refresh
    assert [refresh(engine, client.http, old)["code"] == 0 for _ in range(3)] == [True, True, False]


def test_an_answer_can_be_lost_after_rotating(engine: OceanEngine, client: Client):
    old = engine.grant().refresh
    engine.misbehave("reset", "refresh_token", after=None)
    with pytest.raises(httpx.HTTPError):
        refresh(engine, client.http, old)
    assert engine.refreshes == 1
    assert refresh(engine, client.http, old)["code"] != 0


@pytest.mark.parametrize("twist", ["wrong_state", "no_state", "refused"])
def test_the_authorise_page_can_mislead(engine: OceanEngine, client: Client, twist: str):
    engine.twist = twist
    asked = {"app_id": engine.app_id, "state": "mine", "redirect_uri": "http://127.0.0.1:1/back"}
    back = httpx.URL(client.http.get(engine.base_url + AUTHORISE, params=asked).headers["location"]).params
    assert (back.get("state"), "auth_code" in back) == {"wrong_state": ("of-somebody-else", True), "no_state": (None, True), "refused": ("mine", False)}[twist]


# ---------------------------------------------------------------- faults

ORDERS = f"{STAR}/order/list_by_campaign/"


def orders(engine: OceanEngine, client: Client, page: int = 1, limit: int = 10) -> httpx.Response:
    star = engine.brand.stars[0]
    ids = json.dumps([one.id for one in engine.brand.campaigns.values() if one.star == star])
    return client.raw(ORDERS, star_id=star, campaign_ids=ids, page=page, limit=limit)


@pytest.mark.parametrize(("fault", "options"), [("reset", {}), ("reset", {"after": None}), ("short", {}), ("silent", {"seconds": 0.1})])
def test_broken_lines(engine: OceanEngine, client: Client, fault: str, options: dict[str, Any]):
    engine.misbehave(fault, ORDERS, nth=2, **options)
    assert orders(engine, client).json()["code"] == 0
    with pytest.raises(httpx.HTTPError):
        orders(engine, client)
    assert orders(engine, client).json()["code"] == 0, "a fault is over after as many times as was said"
    assert [one.fault for one in engine.log] == [None, fault, None]


def test_answers_that_are_none(engine: OceanEngine, client: Client, elsewhere: Server):
    for fault, options in (
        ("html", {}),
        ("gbk", {}),
        ("redirect", {"to": elsewhere.base_url}),
        ("busy", {"after": "soon"}),
        ("status", {"status": 502}),
        ("sunset", {}),
        ("skew", {"seconds": 7200}),
        ("code", {"code": 40100}),
    ):
        engine.misbehave(fault, ORDERS, **options)
    html, gbk, redirect, busy, bad, gone, skewed, code = (orders(engine, client) for _ in range(8))
    assert html.content.decode("gbk").startswith("<html>")
    with pytest.raises(UnicodeDecodeError):
        gbk.content.decode()
    assert redirect.headers["location"].startswith(elsewhere.base_url + ORDERS)
    assert (busy.status_code, busy.headers["retry-after"], bad.status_code, gone.status_code, "sunset" in gone.headers) == (429, "soon", 502, 410, True)
    assert skewed.json()["code"] == 0
    assert skewed.headers["date"] != bad.headers["date"]
    assert code.json()["code"] == 40100
    assert not elsewhere.log


def test_a_bomb_is_small_on_the_line(engine: OceanEngine, client: Client):
    engine.misbehave("bomb", size=32 << 20)
    with client.http.stream("GET", engine.base_url + ORDERS) as answer:
        assert int(answer.headers["content-length"]) < 64 << 10
    engine.violations.clear()


def test_a_loris_drips(engine: OceanEngine, client: Client):
    engine.misbehave("loris", every=0.02)
    started = time.monotonic()
    with client.http.stream("GET", engine.base_url + ORDERS, headers={"Access-Token": client.token}) as answer:
        piece = answer.iter_raw()
        for _ in range(5):
            next(piece)
    assert time.monotonic() - started >= 0.06
    engine.violations.clear()


def test_a_header_too_large(engine: OceanEngine, client: Client):
    engine.misbehave("header")
    with pytest.raises(httpx.RemoteProtocolError):
        orders(engine, client)


def test_fields_go_wrong(engine: OceanEngine, client: Client):
    for fault, options in (
        ("drop", {"field": "author_name", "share": 0.5}),
        ("rename", {"field": "order_status", "to": "status"}),
        ("retype", {"field": "author_id", "to": "object"}),
        ("fuzz", {"field": "create_time", "share": 1, "values": ["1.2w"]}),
        ("duplicate", {"share": 1}),
        ("miscount", {"by": 5}),
        ("swallow", {"rows": 2}),
        ("set", {"field": "create_time", "value": 1}),
    ):
        engine.misbehave(fault, ORDERS, **options)
    dropped, renamed, retyped, fuzzed, doubled, miscounted, swallowed, same = (orders(engine, client).json()["data"] for _ in range(8))
    assert 0 < sum("author_name" in row for row in dropped["order_list"]) < 10
    assert all("status" in row and "order_status" not in row for row in renamed["order_list"])
    assert set(retyped["order_list"][0]["author_id"]) == {"value"}
    assert {row["create_time"] for row in fuzzed["order_list"]} == {"1.2w"}
    assert len(doubled["order_list"]) == 20
    assert miscounted["page_info"]["total_count"] == doubled["page_info"]["total_count"] + 5
    assert len(swallowed["order_list"]) == 8
    assert {row["create_time"] for row in same["order_list"]} == {1}


def test_rows_shift_and_pages_repeat(engine: OceanEngine, client: Client):
    first = [row["order_id"] for row in orders(engine, client, 1).json()["data"]["order_list"]]
    engine.misbehave("insert", ORDERS)
    second = [row["order_id"] for row in orders(engine, client, 2).json()["data"]["order_list"]]
    assert second[0] == first[-1]
    engine.misbehave("again", ORDERS, times=None)
    pages = [orders(engine, client, page).json()["data"] for page in (1, 2, 3)]
    assert len({json.dumps(page["order_list"]) for page in pages}) == 1
    assert pages[2]["page_info"] == {"page": 3, "limit": 10, "total_count": 10**6}


def test_a_chance_is_repeatable(engine: OceanEngine, client: Client):
    def round_() -> list[int]:
        engine.behave()
        engine.misbehave("status", ORDERS, times=None, chance=0.5, seed=3)
        return [orders(engine, client).status_code for _ in range(12)]

    first = round_()
    assert set(first) == {200, 503}
    assert round_() == first


def test_things_happen_while_it_runs(engine: OceanEngine, client: Client):
    before = orders(engine, client, limit=1000).json()["data"]
    assert engine.mutate(10) == ["more", "move", "refund", "rename", "pay", "grow", "call_else", "sell_more", "finish", "start"]
    assert orders(engine, client, limit=1000).json()["data"] != before
    for path, params in calls(engine.brand).items():
        assert not contract("oceanengine").routes["GET", path].faults_of_answer(client.raw(path, **params).json()), path


def test_same_second(engine: OceanEngine, client: Client):
    made = engine.brand.same_second(1000)
    told = client.get(ORDERS, star_id=made[0].star, campaign_ids=json.dumps([made[0].campaign]), limit=1000)["order_list"]
    assert sum(row["create_time"] == made[0].created for row in told) == 1000


def test_every_fault_has_a_case():
    """A fault that nobody produces here is one that nobody may rely on."""
    text = (ROOT / "tests" / "emulators" / "test_oceanengine.py").read_text("utf-8")
    assert [name for name in {*FAULTS, *DOCTORED} - {"hold", "kill"} if f'"{name}"' not in text] == []


# ---------------------------------------------------------------- the program


def test_tls_with_an_authority_of_its_own(engine: OceanEngine):
    context, authority = certificate()
    with OceanEngine(engine.brand, tls=context) as server:
        trusting = ssl.create_default_context(cadata=authority.decode())
        with httpx.Client(verify=trusting) as http:
            assert http.get(f"{server.base_url}/_emulator/violations").json() == []
        with httpx.Client() as http, pytest.raises(httpx.ConnectError):
            http.get(f"{server.base_url}/_emulator/violations")
        assert not server.log


def test_as_a_program_that_another_process_steers():
    words = [sys.executable, "-m", "tests.emulators.oceanengine", "--orders", "60"]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        told = json.loads(program.stdout.readline())
        with httpx.Client(base_url=told["base_url"]) as http:
            token = http.post("/_emulator/grant").json()["access"]
            ask = lambda: http.get("/open_api/oauth2/advertiser/get/", headers={"Access-Token": token})  # noqa: E731
            assert len(ask().json()["data"]["list"]) == 5
            http.post("/_emulator/misbehave", json={"fault": "busy", "path": "advertiser", "after": 3}).raise_for_status()
            assert ask().status_code == 429
            assert http.post("/_emulator/mutate", json={"n": 2}).json()["done"] == ["more", "move"]
            http.post("/_emulator/expire")
            assert ask().json()["code"] == 40105
            assert http.get("/_emulator/violations").json() == []
            assert http.post("/_emulator/nonsense").status_code == 404
        program.communicate(timeout=10)
        assert program.returncode == 0


def test_a_page_of_a_hundred_costs_little():
    """Otherwise a benchmark would measure the emulator."""
    with OceanEngine(Brand(orders_wanted=5000, per_campaign=250), check=False) as server, httpx.Client() as http:
        client = Client(server, http)
        star = server.brand.stars[0]
        ids = json.dumps([one.id for one in server.brand.campaigns.values() if one.star == star])
        request = client.raw(ORDERS, star_id=star, campaign_ids=ids, page=1, limit=100)
        assert request.json()["code"] == 0
        asked = server.requests(ORDERS)[0]
        started = time.process_time()
        for _ in range(200):
            server.answer(asked)
        assert (time.process_time() - started) / 200 < 0.001
