# SPDX-License-Identifier: Apache-2.0
"""Every kind of fact that a file may carry: its fields by their one name, and what its rows say beside their cells.

The names are valid in ``--map``, ``--columns`` and as export headers; creators have theirs in ``fields``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from app.rules.fields import CREATOR_FIELDS, SAME_FIELD, Field, Home, Kind, field_of

if TYPE_CHECKING:
    from collections.abc import Mapping

CREATORS: Final = "creators"


@dataclass(frozen=True, slots=True)
class FileKind:
    """One kind of import. ``needs``: a row without one of these is rejected; ``must_name``: or without a creator."""

    name: str
    fields: Mapping[str, Field]
    needs: tuple[str, ...]
    must_name: bool = True

    @property
    def exported(self) -> tuple[str, ...]:
        """Columns of an export that asks for none: all that an import takes."""
        return tuple(self.fields)


def _fact(name: str, kind: Kind, *, signed: bool = False) -> Field:
    return Field(name, kind, Home.FACT, signed=signed)


_WHO: Final = tuple(CREATOR_FIELDS[name] for name in ("platform", "platform_uid", "handle", "name"))
FIGURES: Final[tuple[str, ...]] = ("impressions", "views", "likes", "comments", "shares", "saves", "clicks", "add_to_carts", "orders")
"""Dated figures of a content."""

_CONTENT: Final = (
    _fact("content_id", Kind.IDENT),
    *_WHO,
    _fact("published_at", Kind.MOMENT),
    _fact("title", Kind.TEXT),
    _fact("url", Kind.TEXT),
    *(_fact(name, Kind.COUNT) for name in FIGURES),
    _fact("as_of", Kind.MOMENT),
)
_KINDS: Final = (
    ("contents", _CONTENT, ("content_id",), True),
    ("metrics", _CONTENT, ("content_id", "as_of"), True),
    (
        "sales",
        (
            _fact("order_id", Kind.IDENT),
            _fact("line_id", Kind.IDENT),
            _fact("shop", Kind.TEXT),
            *_WHO,
            _fact("content_id", Kind.IDENT),
            _fact("coupon", Kind.TEXT),
            _fact("product", Kind.TEXT),
            _fact("quantity", Kind.COUNT, signed=True),
            _fact("unit_price_fen", Kind.FEN, signed=True),
            _fact("paid_at", Kind.MOMENT),
            _fact("amount_fen", Kind.FEN, signed=True),
            _fact("refund_fen", Kind.FEN, signed=True),
            _fact("commission_fen", Kind.FEN, signed=True),
            _fact("currency", Kind.TEXT),
            _fact("new_customer", Kind.FLAG),
        ),
        ("order_id", "paid_at"),
        False,
    ),
    (
        "touchpoints",
        (_fact("shop", Kind.TEXT), _fact("order_id", Kind.IDENT), *_WHO, _fact("kind", Kind.TEXT), _fact("happened_at", Kind.MOMENT)),
        ("order_id", "kind", "happened_at"),
        True,
    ),
    (
        "costs",
        (
            _fact("cost_id", Kind.IDENT),
            *_WHO,
            _fact("content_id", Kind.IDENT),
            _fact("campaign", Kind.TEXT),
            _fact("kind", Kind.TEXT),
            _fact("amount_fen", Kind.FEN, signed=True),
            _fact("currency", Kind.TEXT),
            _fact("incurred_at", Kind.MOMENT),
        ),
        ("kind", "amount_fen", "incurred_at"),
        True,
    ),
    (
        "events",
        (
            _fact("event_id", Kind.IDENT),
            *_WHO,
            _fact("type", Kind.TEXT),
            _fact("happened_at", Kind.MOMENT),
            _fact("recorded_at", Kind.MOMENT),
            _fact("confirmed_at", Kind.MOMENT),
            _fact("voided_at", Kind.MOMENT),
            _fact("evidence", Kind.TEXT),
        ),
        ("type", "happened_at"),
        True,
    ),
    (
        "contacts",
        (
            *_WHO,
            _fact("channel", Kind.TEXT),
            _fact("direction", Kind.TEXT),
            _fact("at", Kind.MOMENT),
            _fact("who", Kind.TEXT),
            _fact("text", Kind.TEXT),
            _fact("answer_by", Kind.MOMENT),
        ),
        ("at", "text"),
        True,
    ),
    (
        "trainings",
        (
            *_WHO,
            _fact("course", Kind.TEXT),
            _fact("mark", Kind.NUMBER),
            _fact("passed", Kind.FLAG),
            _fact("taken_at", Kind.MOMENT),
            _fact("passed_at", Kind.MOMENT),
        ),
        ("course",),
        True,
    ),
    (
        "paths",
        (_fact("path", Kind.TEXT), _fact("conversions", Kind.COUNT), _fact("nulls", Kind.COUNT)),
        ("path",),
        False,
    ),
)

FACTS: Final[dict[str, FileKind]] = {name: FileKind(name, {one.name: one for one in fields}, needs, must_name) for name, fields, needs, must_name in _KINDS}
"""Every kind of file but creators, by the word of ``koc import``."""

KINDS: Final = (CREATORS, *FACTS)

_SHEETS: Final = (
    (
        "quotes",
        (
            *_WHO,
            _fact("campaign", Kind.TEXT),
            _fact("kind", Kind.TEXT),
            _fact("format", Kind.TEXT),
            _fact("fee_fen", Kind.FEN),
            _fact("currency", Kind.TEXT),
            _fact("tax_included", Kind.FLAG),
            _fact("platform_fee_fen", Kind.FEN),
            _fact("rebate_bp", Kind.BASIS_POINTS),
            _fact("valid_from", Kind.MOMENT),
            _fact("valid_to", Kind.MOMENT),
            _fact("round", Kind.COUNT),
            _fact("source", Kind.TEXT),
            _fact("note", Kind.TEXT),
        ),
        ("fee_fen",),
        True,
    ),
    (
        "waybills",
        (
            _fact("order_no", Kind.IDENT),
            _fact("carrier", Kind.TEXT),
            _fact("waybill", Kind.IDENT),
            _fact("sent_at", Kind.MOMENT),
            _fact("received_at", Kind.MOMENT),
        ),
        ("order_no", "waybill"),
        False,
    ),
)
SHEETS: Final[dict[str, FileKind]] = {name: FileKind(name, {one.name: one for one in fields}, needs, must_name) for name, fields, needs, must_name in _SHEETS}
"""Sheets that the fulfilment desk takes in by commands of its own."""
FILES: Final = {**FACTS, **SHEETS}


def field_in(kind: str, name: str) -> Field | None:
    """Field of a kind of file by its name; None where the kind has no such field."""
    if kind == CREATORS:
        return field_of(name)
    return FILES[kind].fields.get(SAME_FIELD.get(name, name))


# ---------------------------------------------------------------- words of a few

TOUCH_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "coupon": ("优惠码", "优惠券", "券", "口令", "专属码", "折扣码", "code", "promo", "promo code", "discount code"),
    "platform": ("平台", "平台归因", "带货", "橱窗", "联盟", "小黄车", "购物车", "platform attribution", "affiliate"),
    "link": ("链接", "点击", "短链", "推广链接", "click", "link click", "url"),
    "content": ("内容", "笔记", "视频", "直播", "浏览", "种草", "view", "post"),
}
COST_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "fee": (
        "合作费",
        "合作费用",
        "达人费用",
        "达人费",
        "稿费",
        "稿酬",
        "报酬",
        "发布费",
        "广告费",
        "服务费",
        "一口价",
        "fixed fee",
        "creator fee",
        "payout",
        "post",
        "per post",
        "按篇",
        "按条",
    ),
    "slot_fee": ("坑位费", "坑位", "链接费", "slot fee", "slot"),
    "platform_fee": ("平台服务费", "平台费", "平台手续费", "手续费", "技术服务费", "蒲公英服务费", "星图服务费", "platform fee", "service fee"),
    "commission": ("佣金", "提成", "分佣", "分成", "cps", "cps佣金", "order", "per order", "sale", "per sale", "按单", "按单结算"),
    "sample": ("样品成本", "样品", "样品费", "寄样", "寄样成本", "产品成本", "置换成本", "samples", "product cost", "gifting"),
    "freight": ("运费", "邮费", "快递费", "物流费", "快递", "shipping", "postage", "delivery"),
    "boost": ("投流费", "投流", "加热", "投流费用", "dou+", "dou＋", "薯条", "千川", "聚光", "推广费", "广告投放", "ads", "paid boost", "boosting"),
    "rebate": ("返点", "返点金额", "机构返点", "返利", "返现", "kickback"),
    "tax": ("税费", "税", "税金", "个税", "增值税", "taxes", "vat"),
}
EVENT_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "posted_on_time": ("按时发布", "准时发布"), "draft_on_time": ("按时交稿", "准时交稿"), "posted_late": ("延迟发布", "晚发", "发布延迟"),
    "posted_very_late": ("严重延迟", "严重延迟发布"), "cancelled_by_creator": ("达人取消", "达人单方取消"), "no_show": ("未履约", "失联", "爽约", "放鸽子"),
    "approved_first_pass": ("一次过稿", "一稿过"), "training_passed": ("培训通过", "通过培训"), "revision_required": ("超次修改", "超额改稿"),
    "ad_label_missing": ("未标注广告", "缺少广告标识"), "prohibited_claim": ("违禁词", "违规宣称"), "platform_violation": ("平台违规",),
    "report_upheld": ("举报成立", "投诉成立"), "deleted_early": ("提前删除", "提前删稿"), "unregistered_promotion": ("未报备推广", "私自接单"),
    "exclusivity_breach": ("违反排他", "违反独家"), "code_resold": ("倒卖优惠码", "优惠码外泄"), "metrics_verified": ("数据已核实", "数据核实"),
    "engagement_anomaly": ("互动异常", "数据异常"), "fake_engagement": ("刷量", "虚假互动"), "fake_review": ("虚假评价", "刷评"),
    "replied_in_time": ("及时回复",), "praised": ("表扬", "好评"), "slow_reply": ("回复慢", "回复迟缓"), "dispute_lost": ("纠纷败诉", "争议责任方"),
}  # fmt: skip
CONTACT_CHANNELS: Final[dict[str, tuple[str, ...]]] = {
    "wechat": ("微信", "企业微信", "企微", "vx", "wx", "v信", "weixin"), "phone": ("电话", "手机", "通话", "call", "tel"),
    "email": ("邮件", "邮箱", "电子邮件", "mail", "e-mail"), "platform": ("平台", "平台私信", "私信", "站内信", "dm", "direct message"),
    "sms": ("短信", "text message"), "other": ("其他", "其它", "当面", "线下", "面谈"),
}  # fmt: skip
CONTACT_DIRECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "out": ("发出", "去", "我方", "主动", "外呼", "发送", "outgoing", "sent"), "in": ("收到", "来", "对方", "回复", "达人回复", "来电", "incoming", "received"),
}  # fmt: skip
CURRENCIES: Final[dict[str, tuple[str, ...]]] = {
    "CNY": ("rmb", "人民币", "元", "¥", "￥", "yuan"), "USD": ("美元", "美金", "$", "us$"), "EUR": ("欧元", "€"), "GBP": ("英镑", "£"),
    "HKD": ("港币", "港元", "hk$"), "TWD": ("新台币", "台币", "nt$"), "JPY": ("日元",),
}  # fmt: skip
HOME_CURRENCY: Final = "CNY"
_ISO_4217: Final = re.compile(r"[A-Za-z]{3}")


def _by_word(table: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {word: code for code, words in table.items() for word in (code.lower(), code.lower().replace("_", " "), *words)}


_CODES: Final = {
    ("touchpoints", "kind"): _by_word(TOUCH_KINDS),
    ("costs", "kind"): _by_word(COST_KINDS),
    ("events", "type"): _by_word(EVENT_TYPES),
    ("contacts", "channel"): _by_word(CONTACT_CHANNELS),
    ("contacts", "direction"): _by_word(CONTACT_DIRECTIONS),
}
_CURRENCY_OF: Final = _by_word(CURRENCIES)
_OPEN: Final = frozenset({("events", "type")})
"""A policy may know more of these than the words above."""


def coded(kind: str, name: str) -> bool:
    """Whether a field holds one of a few codes."""
    return name == "currency" or (kind, name) in _CODES


def code_of(kind: str, name: str, word: str) -> str | None:
    """Code for what somebody wrote in such a field; None for a word that means nothing."""
    plain = " ".join(unicodedata.normalize("NFKC", word).lower().split())
    if name == "currency":
        return _CURRENCY_OF.get(plain) or (plain.upper() if _ISO_4217.fullmatch(plain) else None)
    known = _CODES[kind, name].get(plain)
    return plain.replace(" ", "_") if known is None and (kind, name) in _OPEN else known


# ---------------------------------------------------------------- contents and paths

_IN_LINK: Final = re.compile(
    r"/(?:item|explore|note|video|reel|reels|p|shorts|status|photo|short-video|fw/photo)/([\w-]{5,})|/(BV\w{8,}|av\d+)|[?&](?:v|modal_id|noteid|note_id|feedid|id)=([\w-]{5,})",
    re.IGNORECASE,
)


def content_of(url: str) -> str:
    """The id of a content that its address tells; the address without its query where it tells none."""
    plain = unquote(url.strip())
    found = _IN_LINK.search(plain)
    if found:
        return found[1] or found[2] or found[3]
    return plain.split("?")[0].split("#")[0].rstrip("/")[:500]


_ARROWS: Final = re.compile(r"\s*(?:->|=>|→|➔|➜|＞|>|›|»)\s*")
MOST_PATH: Final = 2_000


def channels_of(path: str) -> str:
    """A path with its channels joined by `` > ``, none of them empty."""
    return " > ".join(part for part in (one.strip() for one in _ARROWS.split(path)) if part)
