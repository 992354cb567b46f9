# SPDX-License-Identifier: Apache-2.0
"""The Ocean Engine on loopback: its routes from the contract, a brand's world behind them, sign-in with rotation, faults on demand.

``python -m tests.emulators.oceanengine --port 0 --seed 7 --orders 1000 [--https]`` prints where it listens and runs until
its input ends or it is stopped. What can be asked of it from outside stands under ``/_emulator/``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import signal
import ssl
import sys
import tempfile
import threading
import time
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import trustme

from tests.emulators.brand import Brand, Order, clock, day
from tests.emulators.contract import contract
from tests.emulators.doctored import DOCTORED, holders
from tests.emulators.server import FAULTS, Reply, Request, Server, document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.emulators.contract import Operation
    from tests.emulators.server import Fault

AUTHORISE: Final = "/openapi/audit/oauth.html"
APP_ID: Final = "1790000000000777"
_SCOPE: Final = (20120000, 20130000)
_OK: Final = 0
_BAD, _EXPIRED, _CODE_USED, _REFRESH_BAD, _FORBIDDEN = 40000, 40105, 40115, 40107, 40118
_FLOW: Final = (("item_play_cnt", "播放量"), ("item_like_cnt", "点赞量"), ("item_comment_cnt", "评论量"), ("item_share_cnt", "分享量"))
_MOST_PAGES: Final = 2_000
_CONVERT: Final = (("show", "组件展示量"), ("click", "组件点击量"))


@dataclass(slots=True)
class Pair:
    """A pair of tokens. ``used``: the refresh token was handed in, and until when it is let pass once more."""

    access: str
    refresh: str
    access_until: float
    refresh_until: float
    used_at: float | None = None
    alive: bool = True


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """An envelope whose code is not 0."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        """Code and words of the envelope."""
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class OceanEngine(Server):
    """The platform. What breaks the contract is refused as the platform refuses it, and stands in ``violations``."""

    def __init__(
        self,
        brand: Brand | None = None,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        remember: int = 100_000,
        check: bool = True,
        pack: bool = False,
        lifetime: int = 86_400,
        grace: float = 0.0,
        denied_status: int = 200,
        most_rows: int = 1000,
    ) -> None:
        """``check`` off: requests are trusted, for measuring. ``pack``: answers are gzipped where the client allows. ``grace``: seconds in which a rotated token passes once more. ``most_rows``: as many a page, whatever is asked for."""
        super().__init__(port=port, tls=tls, remember=remember)
        self.brand = brand or Brand()
        self.app_id, self.secret = APP_ID, f"app-secret-{secrets.token_hex(16)}"
        self.lifetime, self.refresh_lifetime, self.grace = lifetime, 30 * 86_400, grace
        self.denied_status, self.most_rows = denied_status, most_rows
        self.violations: list[str] = []
        self.refreshes = 0
        self.twist: str | None = None
        """How the authorise page misleads: wrong_state, no_state, refused."""
        self._check, self._pack = check, pack
        self._routes = contract("oceanengine").routes
        self._codes: dict[str, float] = {}
        self._pairs: list[Pair] = []
        self._by_access: dict[str, Pair] = {}
        self._pages: dict[tuple[object, ...], bytes] = {}
        self._rows: dict[str, dict[int, bytes]] = {}
        self._sorted: dict[tuple[int, ...], list[Order]] = {}
        self._encoded_of = -1
        self._state = threading.RLock()
        self._answers: Mapping[str, Callable[[dict[str, Any]], object]] = {
            "oauthAccessToken": self._access_token,
            "oauthRefreshToken": self._refresh_token,
            "oauthAdvertiserGet": self._accounts,
            "starCampaignList": self._campaigns,
            "starDemandList": self._demands,
            "starOrderListByCampaign": self._orders,
            "starDemandOrderList": self._demand_orders,
            "starOrderGetInfo": self._infos,
            "starReportOrderOverview": self._reports,
            "starReportDataTopicConfig": self._topics,
            "starReportCustomDataTopicDailyReport": self._daily,
            "starDemanderQueryCpsTaskSales": self._sales,
            "starBillGetPending": self._bills,
        }

    # ------------------------------------------------------------ what a test asks

    def grant(self) -> Pair:
        """A sign-in that happened elsewhere."""
        with self._state:
            return self._issue()

    def code(self) -> str:
        """A code as the authorise page gives it."""
        with self._state:
            code = f"code-{secrets.token_hex(12)}"
            self._codes[code] = time.time() + 600
            return code

    def expire(self) -> None:
        """Every access token has had its day."""
        with self._state:
            for pair in self._pairs:
                pair.access_until = 0.0

    def revoke(self) -> None:
        """The brand took its consent back."""
        with self._state:
            for pair in self._pairs:
                pair.alive = False

    def mutate(self, n: int = 8) -> list[str]:
        """Things happen at the platform."""
        with self._state:
            return self.brand.mutate(n)

    @property
    def secret_texts(self) -> set[str]:
        """Every secret of this platform so far: nobody else may ever see one."""
        return {self.secret} | {text for pair in self._pairs for text in (pair.access, pair.refresh)} | set(self._codes)

    # ------------------------------------------------------------ answering

    def faults(self) -> Mapping[str, Fault]:
        """Those of the line, and those of the content."""
        return _ALL

    def answer(self, request: Request) -> Reply:
        """By the route table; everything else is not found."""
        if request.path == AUTHORISE:
            return self._authorise(request)
        operation = self._routes.get((request.method, request.path))
        if operation is None:
            self.violations.append(f"{request.method} {request.path}: no such route")
            return Reply(b"404 page not found", 404, "text/plain")
        try:
            with self._state:
                data = self._answered(operation, request)
        except Refusal as refusal:
            head = {"code": refusal.code, "message": refusal.message, "request_id": _request_id(request)}
            return document(head, refusal.status)
        return self._packed(request, b'{"code":0,"message":"OK","request_id":"%s","data":%s}' % (_request_id(request).encode(), data))

    def _packed(self, request: Request, body: bytes) -> Reply:
        if self._pack and "gzip" in request.headers.get("accept-encoding", ""):
            packer = zlib.compressobj(1, zlib.DEFLATED, 31)
            return Reply(packer.compress(body) + packer.flush(), headers=(("Content-Encoding", "gzip"),))
        return Reply(body)

    def _answered(self, operation: Operation, request: Request) -> bytes:
        asked = operation.ask(request, check=self._check)
        if self._check and asked.problems:
            self.violations.extend(f"{request.method} {request.path}: {one}" for one in asked.problems)
            raise Refusal(_BAD, "; ".join(asked.problems))
        # Fields of a body beyond the contract: some clients name the kind of grant, which the platform lets pass.
        if operation.name.startswith("oauth") and request.method == "POST":
            return _dump(self._answers[operation.name](asked.values))
        self._admit(request, asked.values)
        answer = self._answers.get(operation.name)
        if answer is None:
            self.violations.append(f"{request.method} {request.path}: nobody needs it")
            raise Refusal(_FORBIDDEN, "没有权限")
        self._fresh()
        key = (operation.name, request.query)
        made = self._pages.get(key)
        if made is None:
            if len(self._pages) > _MOST_PAGES:
                self._pages.clear()
            made = self._pages[key] = _dump(answer(asked.values))
        return made

    def _admit(self, request: Request, values: dict[str, Any]) -> None:
        token = request.headers.get("access-token") or values.get("access_token")
        pair = self._by_access.get(str(token))
        if pair is None or not pair.alive or pair.access_until <= time.time():
            raise Refusal(_EXPIRED, "access_token无效", self.denied_status)
        if "star_id" in values and values["star_id"] not in self.brand.stars:
            raise Refusal(_FORBIDDEN, "当前账号没有该操作权限")

    # ------------------------------------------------------------ sign-in

    def _authorise(self, request: Request) -> Reply:
        """The page where a person agrees: this one agrees at once and leads back."""
        words = dict(request.query)
        allowed = {"app_id", "state", "redirect_uri", "scope", "material_auth"}
        wrong = [f"{AUTHORISE}: {name}" for name in words.keys() - allowed] + [
            f"{AUTHORISE}: {name} missing" for name in ("app_id", "state", "redirect_uri") if not words.get(name)
        ]
        if words.get("app_id") != self.app_id:
            wrong.append(f"{AUTHORISE}: app_id")
        if wrong:
            self.violations.extend(wrong)
            return Reply("应用不存在".encode(), 400, "text/html; charset=utf-8")
        back = {
            "auth_code": self.code(),
            "state": words["state"],
            "uid": "4120000000000001",
            "scope": json.dumps(_SCOPE),
            "app_id": self.app_id,
            "material_auth_status": "1",
        }
        if self.twist == "wrong_state":
            back["state"] = "of-somebody-else"
        elif self.twist == "no_state":
            del back["state"]
        elif self.twist == "refused":
            del back["auth_code"]
        sign = "&" if "?" in words["redirect_uri"] else "?"
        return Reply(b"", 302, headers=(("Location", f"{words['redirect_uri']}{sign}{urlencode(back)}"),))

    def _issue(self) -> Pair:
        now = time.time()
        pair = Pair(f"access-{secrets.token_hex(20)}", f"refresh-{secrets.token_hex(20)}", now + self.lifetime, now + self.refresh_lifetime)
        self._pairs.append(pair)
        self._by_access[pair.access] = pair
        return pair

    def _app(self, values: dict[str, Any]) -> None:
        if str(values.get("app_id")) != self.app_id or values["secret"] != self.secret:
            raise Refusal(_BAD, "app_id或secret错误")

    def _told(self, pair: Pair) -> dict[str, object]:
        return {"access_token": pair.access, "refresh_token": pair.refresh, "expires_in": self.lifetime, "refresh_token_expires_in": self.refresh_lifetime}

    def _access_token(self, values: dict[str, Any]) -> object:
        self._app(values)
        until = self._codes.get(values["auth_code"])
        if until is None:
            raise Refusal(_BAD, "auth_code错误")
        if until <= time.time():
            raise Refusal(_CODE_USED, "auth_code已被使用或已过期")
        self._codes[values["auth_code"]] = 0.0
        return {**self._told(self._issue()), "advertiser_ids": [one.id for one in self.brand.accounts]}

    def _refresh_token(self, values: dict[str, Any]) -> object:
        """A new pair for the old one's refresh token, which dies; with a grace it passes once more."""
        self._app(values)
        old = next((one for one in self._pairs if one.refresh == values["refresh_token"]), None)
        now = time.time()
        if old is None or not old.alive or old.refresh_until <= now:
            raise Refusal(_REFRESH_BAD, "refresh_token无效")
        if old.used_at is not None:
            if now - old.used_at >= self.grace:
                raise Refusal(_REFRESH_BAD, "refresh_token已被使用")
            old.alive = False
        old.used_at, old.access_until = now, 0.0
        self.refreshes += 1
        return self._told(self._issue())

    # ------------------------------------------------------------ data

    def _accounts(self, _values: dict[str, Any]) -> object:
        return {
            "list": [
                {
                    "account_id": one.id,
                    "account_string_id": str(one.id),
                    "account_name": one.name,
                    "account_type": one.kind,
                    "account_role": one.kind,
                    "is_valid": one.valid,
                    "advertiser_id": one.id,
                    "advertiser_name": one.name,
                    "advertiser_role": 6 if one.kind == "PLATFORM_ROLE_STAR" else 1,
                }
                for one in self.brand.accounts
            ]
        }

    def _campaigns(self, values: dict[str, Any]) -> object:
        wanted = values.get("search_name", "")
        rows = _newest(one for one in self.brand.campaigns.values() if one.star == values["star_id"] and wanted in one.name)
        page, info = _family_b(rows, values, self.most_rows)
        return {"campaigns": [{"campaign_id": one.id, "name": one.name, "status": one.status, "create_time": one.created} for one in page], "page_info": info}

    def _demands(self, values: dict[str, Any]) -> object:
        wanted = values.get("filtering", {})
        span = wanted.get("query_time_range", {})
        first, last = _moment(span.get("start_time"), "0000"), _moment(span.get("end_time"), "9999")
        kind = wanted.get("universal_settlement_type", "ALL")
        rows = _newest(
            one
            for one in self.brand.demands.values()
            if one.star == values["star_id"] and first <= clock(one.created) <= last and kind in {"ALL", one.settlement} and wanted.get("name", "") in one.name
        )
        page, info = _family_a(rows, values, self.most_rows)
        return {
            "list": [
                {
                    "demand_id": one.id,
                    "demand_name": one.name,
                    "create_time": clock(one.created),
                    "universal_settlement_type": one.settlement,
                    "task_category": one.category,
                    "component_type": one.component,
                }
                for one in page
            ],
            "page_info": info,
        }

    def _orders(self, values: dict[str, Any]) -> object:
        rows = self._listed(tuple(values["campaign_ids"]), self.brand.by_campaign, values["star_id"])
        page, info = _family_b(rows, values, self.most_rows)
        return {"order_list": self._encoded("orders", page, _order), "page_info": info}

    def _listed(self, groups: tuple[int, ...], by: Mapping[int, list[Order]], star: int) -> list[Order]:
        """Orders of some campaigns or tasks, newest first; sorted once while nothing happens."""
        found = self._sorted.get((star, *groups))
        if found is None:
            found = self._sorted[(star, *groups)] = _newest(one for group in dict.fromkeys(groups) for one in by.get(group, ()) if one.star == star)
        return found

    def _encoded(self, name: str, orders: Iterable[Order], told: Callable[[Order], dict[str, object]]) -> Encoded:
        """Rows as bytes: each is made once while nothing happens."""
        made = self._rows.setdefault(name, {})
        rows = Encoded()
        for one in orders:
            row = made.get(one.id)
            if row is None:
                row = made[one.id] = _dump(told(one))
            rows.append(row)
        return rows

    def warm(self) -> None:
        """Make every row beforehand, so that a measured client does not wait for it."""
        with self._state:
            self._fresh()
            orders = list(self.brand.orders.values())
            for name, told in (("orders", _order), ("demand_orders", self._demand_order), ("infos", self._info)):
                self._encoded(name, orders, told)
            self._encoded("reports", (one for one in orders if one.item), self._report)

    def _fresh(self) -> None:
        """Forget what was made before something happened."""
        if self._encoded_of != self.brand.version:
            self._pages.clear()
            self._rows.clear()
            self._sorted.clear()
            self._encoded_of = self.brand.version

    def _demand_orders(self, values: dict[str, Any]) -> object:
        state = values.get("filtering", {}).get("universal_order_status", "ALL")
        listed = self._listed((values["demand_id"],), self.brand.by_demand, values["star_id"])
        rows = listed if state == "ALL" else [one for one in listed if one.word == state]
        page, info = _family_a(rows, values, self.most_rows)
        return {"list": self._encoded("demand_orders", page, self._demand_order), "page_info": info}

    def _demand_order(self, one: Order) -> dict[str, object]:
        row: dict[str, object] = {
            "order_id": one.id,
            "campaign_id": one.campaign,
            "demand_id": one.demand,
            "author_id": one.creator.id,
            "author_name": one.creator.name,
            "avatar_uri": f"tos-cn-i/{one.creator.id}",
            "create_time": clock(one.created),
            "universal_order_status": one.word,
        }
        if one.item:
            row |= {
                "item_id": one.item,
                "release_time": clock(one.released),
                "title": one.title,
                "video_id": f"v0200fg10000{one.item % 10**8}",
                "video_url": f"https://www.iesdouyin.com/share/video/{one.item}/",
                "head_image_uri": f"tos-cn-p/{one.item}",
            }
        return row

    def _named(self, values: dict[str, Any]) -> Iterable[Order]:
        for one in dict.fromkeys(values.get("order_ids", ())):
            if (found := self.brand.orders.get(one)) is not None and found.star == values["star_id"]:
                yield found

    def _infos(self, values: dict[str, Any]) -> object:
        return {"order_list": self._encoded("infos", self._named(values), self._info)}

    def _info(self, one: Order) -> dict[str, object]:
        payment = {
            "task_cost": one.cost,
            "platform_fee": one.fee,
            "total": one.cost + one.fee,
            "total_paid": one.paid,
            "refund_amount": one.refund,
            "deduct_amount": one.deducted,
        }
        return {
            "order_id": one.id,
            "status": one.status,
            "create_time": one.created,
            "finish_time": one.finished,
            "release_time": one.released,
            "audit_status": 2 if one.item else 0,
            "author_cancel_status": 1 if one.reason else 0,
            "author_cancel_reason": one.reason,
            "author_info": {
                "author_id": one.creator.id,
                "author_name": one.creator.name,
                "avatar_uri": f"tos-cn-i/{one.creator.id}",
                "contact_phone": one.creator.phone,
            },
            "demand_info": {
                "demand_name": self.brand.demands[one.demand].name,
                "brand_name": "拾野茶事",
                "contact_name": "联系人甲",
                "contact_phone": "19909999999",
            },
            "payment_info": _yuan(payment),
        }

    def _reports(self, values: dict[str, Any]) -> object:
        return {"base_stats": self._encoded("reports", (one for one in self._named(values) if one.item), self._report)}

    def _report(self, one: Order) -> dict[str, object]:
        flow = _flow(one.plays)
        return {
            "order_id": one.id,
            "spread_stat": {
                **flow,
                "avg_play_time": 11.4,
                "finish_rate": 0.275,
                "interact_rate": 0.0417,
                "cpm": round(one.cost / max(one.plays, 1) * 10, 2),
                "cpe": round(one.cost / max(flow["item_like_cnt"], 1) / 100, 2),
            },
            "convert_stat": {
                "show": one.plays // 2,
                "click": one.plays // 40,
                "ctr": 0.05,
                "cvr": 0.01,
                "pvr": 0.5,
                "convert_cnt": one.plays // 400,
                "convert_type": 1,
            },
            "worth_score_stat": {"spread_score": 70, "seed_score": 66, "convert_score": 58},
        }

    def _post(self, values: dict[str, Any]) -> Order:
        one = self.brand.by_item.get(values["work_id"])
        if one is None or one.demand != values["demand_id"] or one.star != values["star_id"]:
            raise Refusal(_BAD, "作品不存在")
        return one

    def _topics(self, values: dict[str, Any]) -> object:
        self._post(values)
        shown = {"FLOW_DATA": _FLOW, "CONVERT_DATA": _CONVERT}
        return {
            "stat": [
                {"data_topic": topic, "metrics": [{"field": field, "name": name, "type": "INT64", "description": name} for field, name in shown[topic]]}
                for topic in values["topics"]
                if topic in shown
            ]
        }

    def _daily(self, values: dict[str, Any]) -> object:
        one = self._post(values)
        first, last = _day(values["start_time"]), _day(values["end_time"])
        stats = []
        if "BASIC_DATA" in values["topics"]:
            stats.append(
                _stat(one, "0", [("BASIC_DATA", [("title", "作品标题", "STRING", one.title), ("release_time", "发布时间", "STRING", clock(one.released))])])
            )
        for n in range(7):
            at = one.released + n * 86_400
            if at > self.brand.now or not first <= day(at) <= last:
                continue
            flow = _flow(max(one.plays >> (n + 1), 1))
            topics = []
            if "FLOW_DATA" in values["topics"]:
                topics.append(("FLOW_DATA", [(field, name, "INT64", str(flow[field])) for field, name in _FLOW]))
            if "CONVERT_DATA" in values["topics"]:
                counted = {"show": flow["item_play_cnt"] // 2, "click": flow["item_play_cnt"] // 40}
                topics.append(("CONVERT_DATA", [(field, name, "INT64", str(counted[field])) for field, name in _CONVERT]))
            if topics:
                stats.append(_stat(one, day(at), topics))
        return {"stats": stats}

    def _sales(self, values: dict[str, Any]) -> object:
        demand = self.brand.demands.get(values["task_id"])
        if demand is None or demand.star != values["star_id"]:
            raise Refusal(_BAD, "任务不存在")
        rows = self.brand.sales.get(demand.id, [])
        page, limit = _paged(values, "limit", self.most_rows)
        shown = rows[(page - 1) * limit : page * limit]
        return {
            "star_id": values["star_id"],
            "task_id": demand.id,
            "has_more": page * limit < len(rows),
            "sales": [{"content_id": one.item, "bill_time": one.billed, "amount": one.amount, "settle_time": one.settled} for one in shown],
        }

    def _bills(self, values: dict[str, Any]) -> object:
        owed = [
            one
            for one in self.brand.orders.values()
            if one.owed and one.star == values["star_id"] and values.get("campaign_id") in {None, one.campaign} and values.get("order_id") in {None, one.id}
        ]
        account = next(one for one in self.brand.accounts if one.id == values["star_id"])
        sums = {
            "balance": account.balance_fen,
            "total_pay": sum(one.cost + one.fee for one in owed),
            "total_platform_fee": sum(one.fee for one in owed),
            "total_remaining": sum(one.owed for one in owed),
            "total_task_cost": sum(one.cost for one in owed),
        }
        return {
            **_yuan(sums),
            "order_bill_list": [
                {"order_id": one.id, **_yuan({"task_cost": one.cost, "platform_fee": one.fee, "total": one.cost + one.fee, "remaining": one.owed})}
                for one in owed
            ],
        }

    # ------------------------------------------------------------ from outside

    def control(self, action: str, words: Mapping[str, Any]) -> object:
        """See ``/_emulator/``: mutate, expire, revoke, code, grant, violations, personal, secrets."""
        if action == "mutate":
            return {"done": self.mutate(int(words.get("n", 8))), "version": self.brand.version}
        asked: dict[str, Callable[[], object]] = {
            "expire": self.expire,
            "revoke": self.revoke,
            "code": lambda: {"code": self.code()},
            "grant": lambda: asdict(self.grant()),
            "violations": lambda: self.violations,
            "personal": lambda: sorted(self.brand.personal),
            "secrets": lambda: sorted(self.secret_texts),
        }
        return asked[action]() if action in asked else super().control(action, words)


# ---------------------------------------------------------------- pages, units, times


class Encoded(list[bytes]):
    """Rows that are JSON already."""


def _order(one: Order) -> dict[str, object]:
    """An order as the lists of campaigns tell it."""
    return {
        "order_id": one.id,
        "campaign_id": one.campaign,
        "demand_id": one.demand,
        "author_id": one.creator.id,
        "author_name": one.creator.name,
        "avatar_uri": f"tos-cn-i/{one.creator.id}",
        "order_status": one.status,
        "create_time": one.created,
    }


def _newest(rows: Iterable[Any]) -> list[Any]:
    """What is new comes first: pages shift while they are read."""
    return sorted(rows, key=lambda one: (-one.created, -one.id))


def _paged(values: dict[str, Any], size: str, most: int) -> tuple[int, int]:
    """Page and rows a page. Who asks for more rows than the platform gives is given fewer, and told how many."""
    page, count = values.get("page", 1), values.get(size, 10)
    if page < 1 or count < 1:
        raise Refusal(_BAD, f"page/{size}参数错误")
    return page, min(count, most)


def _family_a(rows: list[Any], values: dict[str, Any], most: int) -> tuple[list[Any], dict[str, int]]:
    page, size = _paged(values, "page_size", most)
    return rows[(page - 1) * size : page * size], {"page": page, "page_size": size, "total_number": len(rows), "total_page": -(-len(rows) // size)}


def _family_b(rows: list[Any], values: dict[str, Any], most: int) -> tuple[list[Any], dict[str, int]]:
    page, limit = _paged(values, "limit", most)
    return rows[(page - 1) * limit : page * limit], {"page": page, "limit": limit, "total_count": len(rows)}


def _yuan(fen: Mapping[str, int]) -> dict[str, int | float]:
    """Money as this product tells it: whole yuan, and a twin that is precise."""
    return {name: value // 100 for name, value in fen.items()} | {f"precise_{name}": value / 100 for name, value in fen.items()}


def _flow(plays: int) -> dict[str, int]:
    return {"item_play_cnt": plays, "item_like_cnt": plays // 23, "item_comment_cnt": plays // 310, "item_share_cnt": plays // 190}


def _stat(one: Order, date: str, topics: Sequence[tuple[str, Sequence[tuple[str, str, str, str]]]]) -> dict[str, object]:
    return {
        "date": date,
        "work_id": one.item,
        "demand_id": one.demand,
        "data": [
            {
                "data_topic": topic,
                "metrics": [{"field": field, "name": name, "type": kind, "value": value, "description": name} for field, name, kind, value in metrics],
            }
            for topic, metrics in topics
        ],
    }


def _moment(text: str | None, otherwise: str) -> str:
    """A time of a filter, as text that compares; days stand for their first or last second."""
    if text is None:
        return otherwise
    for layout, rest in (("%Y-%m-%d %H:%M:%S", ""), ("%Y-%m-%d", " 00:00:00" if otherwise == "0000" else " 23:59:59")):
        with contextlib.suppress(ValueError):
            time.strptime(text, layout)
            return text + rest
    raise Refusal(_BAD, "query_time_range格式错误")


def _day(text: str) -> str:
    """The day of a report's span."""
    return _moment(text, "0000")[:10]


def _dump(value: object) -> bytes:
    if isinstance(value, dict) and any(isinstance(inner, Encoded) for inner in value.values()):
        return b"{%s}" % b",".join(b'"%s":%s' % (name.encode(), _dump(inner)) for name, inner in value.items())
    if isinstance(value, Encoded):
        return b"[%s]" % b",".join(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _request_id(request: Request) -> str:
    return f"2026{request.number:016d}"


# ---------------------------------------------------------------- faults of its own


def _again(server: Server, request: Request, _options: Mapping[str, Any], _answer: Callable[[], Reply]) -> Reply:
    """Whatever page is asked for, the first one comes, with more to come."""
    query = tuple((name, "1" if name == "page" else value) for name, value in request.query)
    reply = server.answer(replace(request, query=query, headers={**request.headers, "accept-encoding": ""}))
    told = json.loads(reply.body)
    if told.get("code") == _OK:
        more = {"total_count": 10**6, "total_number": 10**6, "total_page": 10**6, "has_more": True, "page": int(request.first("page") or 1)}
        for field, value in more.items():
            for one in holders(told["data"], field):
                one[field] = value
    return replace(reply, body=_dump(told))


def _insert(server: Server, request: Request, options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """Something new came in before this page was asked for: everything moves down by one."""
    assert isinstance(server, OceanEngine)
    campaigns = json.loads(request.first("campaign_ids") or "[]") or [int(request.first("campaign_id") or 0)]
    demand = request.first("demand_id")
    with server._state:
        brand = server.brand
        found = brand.demands[int(demand)] if demand else next((one for one in brand.demands.values() if one.campaign in campaigns), None)
        for _ in range(int(options.get("rows", 1))):
            brand.new_order(found, -1, brand.now)
    return answer()


def _change(server: Server, _request: Request, options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """Things happen at the platform before it answers."""
    assert isinstance(server, OceanEngine)
    server.mutate(int(options.get("n", 8)))
    return answer()


def _expire(server: Server, _request: Request, _options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """The token runs out right before this request."""
    assert isinstance(server, OceanEngine)
    server.expire()
    return answer()


def _revoke(server: Server, _request: Request, _options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """Consent is taken back right before this request."""
    assert isinstance(server, OceanEngine)
    server.revoke()
    return answer()


def _code(_server: Server, request: Request, options: Mapping[str, Any], _answer: Callable[[], Reply]) -> Reply:
    """An envelope with a ``code``."""
    return document(
        {"code": int(options.get("code", 50001)), "message": str(options.get("message", "系统繁忙")), "request_id": _request_id(request)},
        int(options.get("status", 200)),
    )


_ALL: Final[dict[str, Any]] = {
    **FAULTS,
    **DOCTORED,
    "again": _again,
    "insert": _insert,
    "change": _change,
    "expire": _expire,
    "revoke": _revoke,
    "code": _code,
}


# ---------------------------------------------------------------- as a program


def certificate(*names: str) -> tuple[ssl.SSLContext, bytes]:
    """A context for the server and the authority's certificate for its clients."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
    return context, authority.cert_pem.bytes()


def _until_read(stop: threading.Event) -> None:
    """Whoever started this hung up, or is gone."""
    sys.stdin.read()
    stop.set()


def main(words: Sequence[str] | None = None) -> int:
    """Run until input ends or a signal comes."""
    reader = argparse.ArgumentParser(prog="oceanengine")
    for name, default in (("--port", 0), ("--seed", 7), ("--orders", 1000), ("--per-campaign", 12), ("--most-rows", 1000)):
        reader.add_argument(name, type=int, default=default)
    for name in ("--https", "--trusting", "--pack", "--stay", "--warm"):
        reader.add_argument(name, action="store_true")
    given = reader.parse_args(words)
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    context, authority = certificate() if given.https else (None, b"")
    brand = Brand(given.seed, given.orders, per_campaign=given.per_campaign)
    with (
        tempfile.TemporaryDirectory() as folder,
        OceanEngine(brand, port=given.port, tls=context, check=not given.trusting, pack=given.pack, most_rows=given.most_rows) as server,
    ):
        if given.warm:
            server.warm()
        told = {"base_url": server.base_url, "app_id": server.app_id, "secret": server.secret}
        if authority:
            path = Path(folder) / "authority.pem"
            path.write_bytes(authority)
            told["authority"] = str(path)
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        if given.stay:
            stop.wait()
        else:
            threading.Thread(target=_until_read, args=(stop,), daemon=True).start()
            stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
