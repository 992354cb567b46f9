# SPDX-License-Identifier: Apache-2.0
"""Ocean Engine with its Star marketplace (巨量引擎, 巨量星图): sign-in, feeds, field names and units. Reads only; nothing here pays or writes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from app.errors import PlatformError
from app.usecases.syncing import Record
from app.values import aware, day_start
from sync.failures import passing
from sync.feeds import DAY, Connector, Feed, Unit, document
from sync.http import Pace, Request
from sync.loopback import Callback
from sync.pagination import Numbered, Once
from sync.readers import COUNT_TEXT, FEN, FLAG, IDENT, INT_TEXT, SECONDS, TEXT, codes, local_time
from sync.signins import Grant, SignIn
from sync.tables import Table, figure, identity, money, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from app.usecases.syncing import Known, Look
    from sync.feeds import Span
    from sync.http import Answer
    from sync.pagination import Leaf
    from sync.tables import Read

ZONE: Final = "Asia/Shanghai"
"""Of every time that comes as text."""
PLATFORM: Final = "douyin"
"""Whose accounts the creators have: the marketplace books Douyin creators."""
STAR: Final = "PLATFORM_ROLE_STAR"
_LEGACY_STAR: Final = 6
_PAGE: Final = 50
_TIME_TEXT: Final = local_time(ZONE)
_GIVEN: Final[Mapping[str, object]] = {"platform": PLATFORM}
_LATE: Final = 180 * DAY
"""For so long after it began, what belongs to an order or a task still moves: refunds, names, figures."""
_HOUR: Final = 3600


def _get(path: str, **params: Any) -> Request:  # noqa: ANN401 (whatever a parameter takes)
    """A question; lists and objects go as JSON text."""
    words = {name: json.dumps(value, separators=(",", ":")) if isinstance(value, (list, dict)) else str(value) for name, value in params.items()}
    return Request("GET", f"/open_api/{path}", params=words, pace_key=path)


# ---------------------------------------------------------------- accounts: whom to ask for


def _account_rows(leaf: Leaf, _batch: Sequence[Unit], _span: Span) -> Iterator[tuple[Any, Mapping[str, object]]]:
    """Granted accounts; the number of a role stands for its name where the name is absent."""
    for row in leaf.rows:
        legacy = isinstance(row, dict) and row.get("advertiser_role") == _LEGACY_STAR
        yield row, {"role": STAR} if legacy else {}


ACCOUNTS: Final = Feed(
    "accounts",
    Table(
        "granted",
        (
            identity("account_id", "key", aliases=("advertiser_id",)),
            told("account_name", "name", aliases=("advertiser_name",)),
            told("account_type", "role", aliases=("account_role",)),
            told("is_valid", "valid", FLAG),
        ),
        frozenset({"account_string_id", "account_role", "advertiser_id", "advertiser_name", "advertiser_role", "company_list"}),
    ),
    24 * _HOUR,
    units=lambda _look, _span: (Unit(""),),
    ask=lambda _batch, _span: _get("oauth2/advertiser/get/"),
    walker=Once("list"),
    rows=_account_rows,
    whole=lambda _unit: {},
)


def _stars(look: Look) -> list[str]:
    """Star accounts that the token may see; agents, agencies and accounts that are no longer valid are none."""
    return [one.key for one in look.known("granted") if one.fields.get("role") == STAR and one.fields.get("valid", True)]


def _each_star(look: Look, _span: Span) -> Iterator[Unit]:
    return (Unit(star) for star in _stars(look))


def _told_by_star(leaf: Leaf, batch: Sequence[Unit], _span: Span) -> Iterator[tuple[Any, Mapping[str, object]]]:
    """Rows with the account they were asked of."""
    given = {**_GIVEN, "account": batch[0].group}
    return ((row, given) for row in leaf.rows)


# ---------------------------------------------------------------- campaigns (family B) and tasks (family A)


def _campaign_rows(kind: str) -> Any:  # noqa: ANN401 (as Feed.rows)
    def rows(leaf: Leaf, batch: Sequence[Unit], _span: Span) -> Iterator[tuple[Any, Mapping[str, object]]]:
        given = {"account": batch[0].group, "source_kind": kind}
        return ((row, given) for row in leaf.rows)

    return rows


CAMPAIGNS: Final = Feed(
    "campaigns",
    Table(
        "campaigns",
        (
            identity("campaign_id", "key"),
            told("name", "name"),
            told("status", "status", codes({1: "running", 2: "done", 3: "cancelled"}, "integer")),
            told("create_time", "started_at", SECONDS),
        ),
    ),
    6 * _HOUR,
    units=_each_star,
    ask=lambda batch, _span: _get("2/star/campaign/list/", star_id=batch[0].group),
    walker=Numbered("campaigns", _PAGE, "limit", "total_count"),
    rows=_campaign_rows("campaign"),
    after=("accounts",),
)


def _ask_demands(batch: Sequence[Unit], span: Span) -> Request:
    """Tasks made in the span: all there are where it has no beginning."""
    reach = {} if span.since is None else {"filtering": {"query_time_range": {"start_time": _clock(span.since), "end_time": _clock(span.now + DAY)}}}
    return _get("2/star/demand/list/", star_id=batch[0].group, **reach)


def _clock(micros: int) -> str:
    """A time as the platform reads it."""
    return aware(micros).astimezone(ZoneInfo(ZONE)).strftime("%Y-%m-%d %H:%M:%S")


def _day(micros: int) -> str:
    return _clock(micros)[:10]


DEMANDS: Final = Feed(
    "demands",
    Table(
        "campaigns",
        (
            identity("demand_id", "task_key"),
            told("demand_name", "name", aliases=("name",)),
            told("create_time", "started_at", _TIME_TEXT),
            told("universal_settlement_type", "settlement"),
        ),
        frozenset({"component_type", "task_category"}),
        key=lambda fields: f"demand:{fields['task_key']}",
    ),
    6 * _HOUR,
    units=_each_star,
    ask=_ask_demands,
    walker=Numbered("list", _PAGE, "page_size", "total_number"),
    look_back=_LATE + 5 * DAY,
    rows=_campaign_rows("demand"),
    after=("accounts",),
)


# ---------------------------------------------------------------- orders: collaborations

FINAL: Final = frozenset({"done", "cancelled"})
_STEPS: Final = (41, 42, 43, 44, 51, 52, 53, 54)
_BY_NUMBER: Final = {-1: "invited", 1: "confirmed", 2: "cancelled", 3: "done", 4: "cancelled", 10: "running", **dict.fromkeys(_STEPS, "running")}
_BY_WORD: Final = {
    "RECEIVEING": "invited", "ONGOING": "running", "WAIT_PAYMENT": "running", "WAIT_EVALUATE": "done", "FINISHED": "done", "CANCELED": "cancelled",
}  # fmt: skip
"""RECEIVEING is the platform's own spelling."""
_UNTAKEN: Final = frozenset({"avatar_uri", "head_image_uri"})


def _open_orders(look: Look, name: str) -> set[object]:
    """Values of a field over the orders that are not at their end."""
    return {one.fields.get(name) for one in look.known("collaborations") if one.fields.get("state") not in FINAL}


def _campaign_units(look: Look, span: Span) -> Iterator[Unit]:
    """Campaigns whose orders may have changed: those that run, are young, or have an order that is not at its end."""
    stars, waiting = set(_stars(look)), _open_orders(look, "campaign_key")
    for one in look.known("campaigns"):
        account = str(one.fields.get("account"))
        if one.fields.get("source_kind") == "campaign" and account in stars:
            over = one.fields.get("status") in {"done", "cancelled"} and one.key not in waiting and not _young(one, span)
            if span.since is None or span.full or not over:
                yield Unit(account, one.key)


def _young(one: Known, span: Span) -> bool:
    """Whether something began so late that it may still move."""
    began = max((at for name in ("started_at", "ordered_at", "published_at", "finished_at") if isinstance(at := one.fields.get(name), int)), default=span.now)
    return began >= (span.now if span.since is None else span.since) - _LATE


ORDERS: Final = Feed(
    "orders",
    Table(
        "collaborations",
        (
            identity("order_id", "key"),
            told("campaign_id", "campaign_key", IDENT),
            told("demand_id", "task_key", IDENT),
            identity("author_id", "platform_uid"),
            told("author_name", "name"),
            told("order_status", "source_state", INT_TEXT),
            told("order_status", "state", codes(_BY_NUMBER, "integer")),
            told("create_time", "ordered_at", SECONDS),
        ),
        _UNTAKEN,
    ),
    3 * _HOUR,
    units=_campaign_units,
    ask=lambda batch, _span: _get("2/star/order/list_by_campaign/", star_id=batch[0].group, campaign_ids=[int(one.key) for one in batch]),
    walker=Numbered("order_list", _PAGE, "limit", "total_count"),
    batch=20,
    rows=_told_by_star,
    after=("campaigns",),
)


def _demand_units(look: Look, span: Span) -> Iterator[Unit]:
    """Tasks whose orders may have changed. Each holds the orders whose state their campaign's list tells, in finer words."""
    listed = frozenset(one.key for one in look.known("collaborations") if str(one.fields.get("source_state", "")).lstrip("-").isdigit())
    for one in _demands(look, span):
        yield replace(one, about={"listed": listed})


def _demands(look: Look, span: Span) -> Iterator[Unit]:
    stars, waiting = set(_stars(look)), _open_orders(look, "task_key")
    for one in look.known("campaigns"):
        account, task = str(one.fields.get("account")), str(one.fields.get("task_key"))
        if one.fields.get("source_kind") == "demand" and account in stars and (span.since is None or span.full or task in waiting or _young(one, span)):
            yield Unit(account, task, {"settlement": one.fields.get("settlement")})


def _demand_order_rows(leaf: Leaf, batch: Sequence[Unit], _span: Span) -> Iterator[tuple[Any, Mapping[str, object]]]:
    """Orders of a task; one that names no campaign, or 0 for it, hangs on the task itself."""
    listed = batch[0].about["listed"]
    given = {**_GIVEN, "account": batch[0].group, "task_key": batch[0].key}
    orphan = {**given, "campaign_key": f"demand:{batch[0].key}"}
    for row in leaf.rows:
        if not isinstance(row, dict):
            yield row, orphan
            continue
        known, nowhere = str(row.get("order_id")) in listed, row.get("campaign_id") in _NO_CAMPAIGN
        unsaid = (*(["universal_order_status"] if known else ()), *(["campaign_id"] if nowhere else ()))
        yield {name: value for name, value in row.items() if name not in unsaid}, orphan if nowhere and not known else given


_NO_CAMPAIGN: Final = (None, 0, "0", "")


def _with_contents(read: Read, _batch: Sequence[Unit], _span: Span) -> list[Record]:
    """Orders, and the contents that came of them."""
    made = [one for one in map(_content_of, read.records) if one is not None]
    return [*(_without_url(one) for one in read.records), *made]


def _without_url(one: Record) -> Record:
    return replace(one, fields={name: value for name, value in one.fields.items() if name != "url"}) if "url" in one.fields else one


_OF_CONTENT: Final = ("content_id", "platform", "platform_uid", "name", "published_at", "title", "url")


def _content_of(order: Record) -> Record | None:
    content = order.fields.get("content_id")
    if content is None:
        return None
    return Record("contents", str(content), {name: order.fields[name] for name in _OF_CONTENT if name in order.fields}, order.raw)


DEMAND_ORDERS: Final = Feed(
    "demand_orders",
    Table(
        "collaborations",
        (
            identity("order_id", "key"),
            told("campaign_id", "campaign_key", IDENT, optional=True),
            identity("author_id", "platform_uid"),
            told("author_name", "name"),
            told("create_time", "ordered_at", _TIME_TEXT),
            told("item_id", "content_id", IDENT, optional=True),
            told("release_time", "published_at", _TIME_TEXT, optional=True),
            told("title", "title", optional=True),
            told("video_url", "url", optional=True),
            told("universal_order_status", "source_state", optional=True),
            told("universal_order_status", "state", codes(_BY_WORD, "string"), optional=True),
        ),
        _UNTAKEN | {"demand_id", "video_id"},
    ),
    3 * _HOUR,
    units=_demand_units,
    ask=lambda batch, _span: _get("2/star/demand/order/list/", star_id=batch[0].group, demand_id=batch[0].key),
    walker=Numbered("list", _PAGE, "page_size", "total_number"),
    rows=_demand_order_rows,
    shape=_with_contents,
    after=("demands", "orders"),
)


# ---------------------------------------------------------------- order info: what is paid


def _order_units(look: Look, span: Span) -> Iterator[Unit]:
    """Orders that are not at their end, lately were not, or whose money was never told."""
    stars = set(_stars(look))
    names = {one.key: one.fields.get("name") for one in look.known("campaigns")}
    for one in look.known("collaborations"):
        account, fields = str(one.fields.get("account")), one.fields
        if account in stars and (span.full or span.since is None or "total_fen" not in fields or fields.get("state") not in FINAL or _young(one, span)):
            about = {name: fields[name] for name in _ASKED_WITH if name in fields}
            yield Unit(account, one.key, {**about, "campaign": names.get(str(fields.get("campaign_key")))})


_ASKED_WITH: Final = ("content_id", "platform_uid", "task_key", "state", "ordered_at", "published_at")
"""Of an order that is asked about again: what its answers do not tell themselves."""


def _with_costs(read: Read, batch: Sequence[Unit], _span: Span) -> list[Record]:
    """Orders, and what the brand spent on those that something was paid for."""
    known = {one.key: one.about for one in batch}
    return [*read.records, *(cost for one in read.records for cost in _costs(one, known.get(one.key, {})))]


def _costs(order: Record, known: Mapping[str, Any]) -> Iterator[Record]:
    fields = order.fields
    paid, booked = fields.get("paid_fen"), fields.get("published_at") or fields.get("ordered_at") or known.get("ordered_at")
    if not isinstance(paid, int) or paid <= 0 or booked is None:
        return
    shared = {"platform": PLATFORM, "platform_uid": fields["platform_uid"], "incurred_at": booked, "currency": "CNY"}
    shared |= {name: known[name] for name in ("content_id", "campaign") if known.get(name) is not None}
    refund = fields.get("refund_fen")
    for kind, name, less in (("fee", "fee_fen", refund if isinstance(refund, int) else 0), ("platform_fee", "platform_fee_fen", 0)):
        amount = fields.get(name)
        if isinstance(amount, int):
            key = f"oceanengine:{order.key}:{kind}"
            yield Record("costs", key, {"cost_id": key, "kind": kind, "amount_fen": max(amount - less, 0), **shared}, order.raw)


def _paid(name: str, to: str) -> Any:  # noqa: ANN401 (a Source)
    """An amount of an order: yuan with decimals, beside it the same in whole yuan."""
    return money(f"payment_info.precise_{name}", to, twin=f"payment_info.{name}")


ORDER_INFO: Final = Feed(
    "order_info",
    Table(
        "collaborations",
        (
            identity("order_id", "key"),
            identity("author_info.author_id", "platform_uid"),
            told("author_info.author_name", "name"),
            told("create_time", "ordered_at", SECONDS),
            told("release_time", "published_at", SECONDS, optional=True),
            told("finish_time", "finished_at", SECONDS, optional=True),
            told("author_cancel_reason", "cancel_reason", optional=True),
            _paid("task_cost", "fee_fen"),
            _paid("platform_fee", "platform_fee_fen"),
            _paid("total", "total_fen"),
            _paid("total_paid", "paid_fen"),
            _paid("refund_amount", "refund_fen"),
            _paid("deduct_amount", "deduct_fen"),
        ),
        frozenset(
            {"audit_status", "author_cancel_status", "component_click_monitor_url", "demand_info", "item_show_monitor_url", "order_item_info", "status"}
            | {"author_info.avatar_uri", "author_info.contact_phone"}
        ),
    ),
    6 * _HOUR,
    units=_order_units,
    ask=lambda batch, _span: _get("2/star/order/get_info/", star_id=batch[0].group, order_ids=[int(one.key) for one in batch]),
    walker=Once("order_list"),
    batch=50,
    rows=lambda leaf, _batch, _span: ((row, _GIVEN) for row in leaf.rows),
    shape=_with_costs,
    after=("orders", "demand_orders"),
)


# ---------------------------------------------------------------- figures of contents


def _post_units(look: Look, span: Span) -> Iterator[Unit]:
    """Orders with a content whose figures still move."""
    return (one for one in _order_units(look, span) if one.about.get("content_id") and one.about.get("state") != "cancelled")


def _of_post(unit: Unit) -> dict[str, object]:
    return {"content_id": unit.about["content_id"], "platform": PLATFORM, "platform_uid": unit.about["platform_uid"]}


def _report_rows(leaf: Leaf, batch: Sequence[Unit], span: Span) -> Iterator[tuple[Any, Mapping[str, object]]]:
    """Figures of the orders that were asked for, as of the day they are fetched."""
    today = day_start(aware(span.now).astimezone(ZoneInfo(ZONE)).date(), ZONE)
    given = {one.key: {**_of_post(one), "as_of": today} for one in batch}
    for row in leaf.rows:
        found = given.get(str(row.get("order_id"))) if isinstance(row, dict) else None
        if found is not None or not isinstance(row, dict) or "order_id" not in row:
            yield row, found or {}


def _dated(fields: Mapping[str, Any]) -> str:
    """A content has one set of figures a day."""
    return f"{fields['content_id']}:{_day(fields['as_of'])}"


REPORTS: Final = Feed(
    "reports",
    Table(
        "metrics",
        (
            identity("order_id", "key"),
            figure("spread_stat.item_play_cnt", "views"),
            figure("spread_stat.item_like_cnt", "likes"),
            figure("spread_stat.item_comment_cnt", "comments"),
            figure("spread_stat.item_share_cnt", "shares"),
            figure("convert_stat.show", "impressions", optional=True),
            figure("convert_stat.click", "clicks", optional=True),
        ),
        frozenset(
            {f"spread_stat.{name}" for name in ("avg_play_time", "cpe", "cpm", "finish_rate", "frequency_stats", "interact_rate")}
            | {f"convert_stat.{name}" for name in ("convert_cnt", "convert_type", "ctr", "cvr", "pvr")}
            | {"seed_stat", "worth_score_stat"}
        ),
        key=_dated,
    ),
    24 * _HOUR,
    units=_post_units,
    ask=lambda batch, _span: _get("2/star/report/order_overview/", star_id=batch[0].group, order_ids=[int(one.key) for one in batch]),
    walker=Once("base_stats"),
    look_back=3 * DAY,
    batch=50,
    rows=_report_rows,
    after=("orders", "demand_orders"),
)

_DAILY_DAYS: Final = 90
"""So many days from its publication a content is followed; the longest span of one question is not known.

Each time from the first day on: only so are the totals sure, and days are corrected later."""
_TOPICS: Final = ["BASIC_DATA", "FLOW_DATA", "CONVERT_DATA"]
_OF_DAYS: Final = ("views", "likes", "comments", "shares", "impressions", "clicks")


def _daily_units(look: Look, span: Span) -> Iterator[Unit]:
    """Contents whose days may still be corrected, with the first and the last day to ask for: yesterday's figures are the last that are whole."""
    for one in _post_units(look, span):
        published, task = one.about.get("published_at"), one.about.get("task_key")
        if isinstance(published, int) and task is not None:
            last = min(published + _DAILY_DAYS * DAY, span.now - DAY)
            if last >= published:
                yield replace(one, about={**one.about, "first": _day(published), "last": _day(last)})


def _ask_daily(batch: Sequence[Unit], _span: Span) -> Request:
    about = batch[0].about
    return _get(
        "2/star/report/custom_data_topic_daily_report/", star_id=batch[0].group, work_id=about["content_id"], demand_id=about["task_key"],
        topics=_TOPICS, start_time=about["first"], end_time=about["last"],
    )  # fmt: skip


def _daily_rows(leaf: Leaf, batch: Sequence[Unit], _span: Span) -> Iterator[tuple[Any, Mapping[str, object]]]:
    """The counted metrics of each day, by their names. The row of basic data has no day: its date is ``0``."""
    given = _of_post(batch[0])
    rows = [row for row in leaf.rows if isinstance(row, dict) and str(row.get("date", "0")) != "0"]
    for row in sorted(rows, key=lambda one: str(one["date"])):
        metrics = [one for topic in _listed(row.get("data")) for one in _listed(topic.get("metrics"))]
        yield {"date": row["date"]} | {str(one.get("field")): one.get("value") for one in metrics if one.get("type") == "INT64"}, given


def _listed(value: object) -> Iterable[Mapping[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _running(read: Read, _batch: Sequence[Unit], _span: Span) -> list[Record]:
    """What each day added, as totals since the content was published; after a day that was refused no total is sure."""
    first_bad = min((_as_of_refused(one.raw) for one in read.refused), default="~")
    totals: dict[str, int] = {}
    made = []
    for one in read.records:
        if _day(one.fields["as_of"]) >= first_bad:  # type: ignore[arg-type] # a moment, being an identity
            break
        for name in _OF_DAYS:
            if isinstance(added := one.fields.get(name), int):
                totals[name] = totals.get(name, 0) + added
        made.append(replace(one, fields={**one.fields, **{name: totals[name] for name in _OF_DAYS if name in one.fields}}))
    return made


def _as_of_refused(raw: str) -> str:
    """The day of a row that was refused; the first of all where it tells none."""
    found = json.loads(raw)
    return str(found.get("date", "")) if isinstance(found, dict) else ""


DAILY: Final = Feed(
    "daily",
    Table(
        "metrics",
        (
            identity("date", "as_of", _TIME_TEXT),
            figure("play_cnt", "views", COUNT_TEXT, optional=True, aliases=("item_play_cnt",)),
            figure("like_cnt", "likes", COUNT_TEXT, optional=True, aliases=("item_like_cnt",)),
            figure("comment_cnt", "comments", COUNT_TEXT, optional=True, aliases=("item_comment_cnt",)),
            figure("share_cnt", "shares", COUNT_TEXT, optional=True, aliases=("item_share_cnt",)),
            figure("show_cnt", "impressions", COUNT_TEXT, optional=True, aliases=("show",)),
            figure("click_cnt", "clicks", COUNT_TEXT, optional=True, aliases=("click",)),
        ),
        key=_dated,
        open=True,
    ),
    24 * _HOUR,
    units=_daily_units,
    ask=_ask_daily,
    walker=Once("stats"),
    look_back=3 * DAY,
    rows=_daily_rows,
    shape=_running,
    after=("orders", "demand_orders"),
)


# ---------------------------------------------------------------- sales commission, and what is still to pay


def _sales_units(look: Look, span: Span) -> Iterator[Unit]:
    """Tasks that pay a share of sales."""
    return (one for one in _demands(look, replace(span, since=None)) if one.about.get("settlement") == "MONEY_SHARE")


def _sales_rows(leaf: Leaf, batch: Sequence[Unit], _span: Span) -> Iterator[tuple[Any, Mapping[str, object]]]:
    """Sales with their place among those of the same content and second: the platform names no order."""
    places: dict[tuple[object, object], int] = {}
    for row in leaf.rows:
        at = (str(row.get("content_id")), str(row.get("bill_time"))) if isinstance(row, dict) else (None, None)
        places[at] = places.get(at, 0) + 1
        yield row, {"task_key": batch[0].key, "position": places[at]}


CPS: Final = Feed(
    "cps",
    Table(
        "cps",
        (
            identity("content_id", "content_id"),
            identity("bill_time", "bill_time", SECONDS),
            money("amount", "amount_fen", FEN),
            told("settle_time", "settled_at", TEXT, optional=True),
        ),
        key=lambda fields: f"{fields['task_key']}:{fields['content_id']}:{fields['bill_time'] // 1_000_000}:{fields['position']}",
    ),
    6 * _HOUR,
    units=_sales_units,
    ask=lambda batch, _span: _get("2/star/demander_query_cps_task_sales/", star_id=batch[0].group, task_id=batch[0].key),
    walker=Numbered("sales", _PAGE, "limit"),
    rows=_sales_rows,
    whole=lambda unit: {"task_key": unit.key},
    after=("demands",),
)

BILLS: Final = Feed(
    "bills",
    Table(
        "bills",
        (
            identity("order_id", "key"),
            identity("order_id", "order_key"),
            money("precise_task_cost", "fee_fen", twin="task_cost"),
            money("precise_platform_fee", "platform_fee_fen", twin="platform_fee"),
            money("precise_total", "total_fen", twin="total"),
            money("precise_remaining", "remaining_fen", twin="remaining"),
        ),
    ),
    6 * _HOUR,
    units=_each_star,
    ask=lambda batch, _span: _get("2/star/bill/get_pending/", star_id=batch[0].group),
    walker=Once("order_bill_list"),
    rows=lambda leaf, batch, _span: ((row, {"account": batch[0].group}) for row in leaf.rows),
    whole=lambda unit: {"account": unit.group},
    after=("accounts",),
)


# ---------------------------------------------------------------- the envelope, the sign-in, and all of it

_PASSING: Final = {40100: "rate_limited", 40110: "rate_limited", 50000: "platform_down", 50001: "platform_down", 50002: "platform_down"}
_REFUSED: Final = {40105: "login_needed", 40118: "not_granted"}
"""40105 is also what a retired address answers; a fresh token that is refused tells."""


def _opened(answer: Answer) -> Mapping[str, Any]:
    """The data of an envelope; an error under HTTP 200 is one all the same."""
    told = document(answer)
    code = told.get("code")
    if type(code) is not int:
        answer.check()
        raise answer.unexpected("envelope")
    data = told.get("data")
    if code == 0:
        if data is not None and not isinstance(data, (dict, list)):
            raise answer.unexpected("data")
        return data if isinstance(data, dict) else {}
    known: dict[str, Any] = {"host": answer.host, "path": answer.path, "status": answer.status, "answer": code, "request_id": answer.request_id}
    if code in _PASSING:
        raise passing(_PASSING[code], reached=_PASSING[code] != "rate_limited", **known)
    raise PlatformError(_REFUSED.get(code, "refused"), **known)


_TOKEN_FAILURES: Final = {**{str(code): word for code, word in _PASSING.items()}, "40115": "code_wrong"}
_API: Final = "https://api.oceanengine.com"

CONNECTOR: Final = Connector(
    name="oceanengine",
    base=_API,
    sign_in=SignIn(
        page="https://ad.oceanengine.com/openapi/audit/oauth.html",
        authorise={"app_id": "app", "state": "state", "redirect_uri": "redirect", "material_auth": "=1"},
        exchange=Grant(
            f"{_API}/open_api/oauth2/access_token/", {"app_id": "app_number", "secret": "secret", "auth_code": "code"}, _TOKEN_FAILURES, "code_wrong"
        ),
        refresh=Grant(
            f"{_API}/open_api/oauth2/refresh_token/",
            {"app_id": "app_number", "secret": "secret", "refresh_token": "refresh_token"},
            {**_TOKEN_FAILURES, "40000": "signin_refused"},
            "disconnected",  # one that is within its life and not in doubt is refused because somebody took the consent back
        ),
        callback=Callback(code="auth_code"),
        ports=(18930, 18931, 18932),  # the platform wants the address registered
        form=False,
        inside="data",
        code="code",
        message="message",
        fine="0",
        header="Access-Token",
        prefix="",
    ),
    pace=Pace(10, 1.0),
    feeds=(ACCOUNTS, CAMPAIGNS, DEMANDS, ORDERS, DEMAND_ORDERS, ORDER_INFO, REPORTS, DAILY, CPS, BILLS),
    probe=_get("oauth2/advertiser/get/"),
    open=_opened,
)
