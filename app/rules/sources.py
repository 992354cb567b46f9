# SPDX-License-Identifier: Apache-2.0
"""Where a table comes from, told by its headers: the exports of known tools, and the tables that were taken in before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from app.rules.facts import CREATORS, FACTS, KINDS
from app.rules.headers import field_for, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_ALIKE: Final = 0.8
"""Share of all headers that two tables have in common to count as one source: exports gain and lose a column now and then."""


@dataclass(frozen=True, slots=True)
class Taken:
    """How a table was read when it was taken in. ``mapping``: field -> header; ``headers``: all of them; ``file`` names it, ``at`` is when."""

    kind: str
    headers: frozenset[str]
    mapping: Mapping[str, str]
    platform: str | None
    key: tuple[str, ...]
    file: str
    at: int


@dataclass(frozen=True, slots=True)
class Source:
    """What a table was recognised as. ``code`` under ``source.<code>``, None where its headers are only known ones.

    ``before``: the earlier table whose reading is taken over; ``columns``: field -> position from 0, where one is.
    """

    kind: str
    code: str | None = None
    platform: str | None = None
    before: Taken | None = None
    columns: Mapping[str, int] = field(default_factory=dict)


def _one_of(*texts: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(plain(one) for one in text.split(",")) for text in texts)


_TELLING: Final[tuple[tuple[str, str, str | None, tuple[frozenset[str], ...]], ...]] = (
    # code, kind, platform, and of each group of headers at least one stands in the table
    ("pgy", CREATORS, "xiaohongshu", _one_of("蒲公英链接,详情页链接,邀约48h回复率,邀约48小时回复率,图文笔记一口价,视频笔记一口价,阅读中位数（合作）,合作阅读中位数,图文预估CPM价格,预估图文CPM")),
    ("xingtu", CREATORS, "douyin", _one_of("星图ID,星图链接,星图指数,星图主页,种草指数,预期CPM,预估CPM", "1-20s视频报价,1-20s报价,1-20秒报价,21-60s视频报价,21-60s报价,21-60秒报价,60s以上视频报价,60s以上报价,60秒以上报价,预期播放量")),
    ("qiangua", CREATORS, "xiaohongshu", _one_of("千瓜指数,千瓜链接,千瓜主页")),
    ("chanmama", CREATORS, "douyin", _one_of("蝉妈妈指数,蝉妈妈链接,蝉选指数,带货口碑,场均销售额", "抖音号,抖音ID,达人抖音号,蝉妈妈链接")),
    ("newrank", CREATORS, None, _one_of("新榜指数,新红指数,新抖指数,新榜链接,新红链接,新抖链接")),
    ("doudian", "sales", "douyin", _one_of("主订单编号", "子订单编号", "选购商品,商品ID,达人ID,达人昵称")),
    ("youzan", "sales", None, _one_of("订单号", "商品名称,全部商品名称", "归属店铺,订单来源,买家备注,商家备注,会员标签")),
    ("taobao", "sales", None, _one_of("宝贝标题,宝贝总数量,宝贝种类", "买家实际支付金额,买家应付货款")),
    ("shopify", "sales", None, _one_of("Financial Status", "Lineitem name")),
    ("feishu", CREATORS, None, _one_of("记录ID,提交人,最后更新人,父记录", "最后更新时间,创建时间,提交时间,修改人,创建人")),
)  # fmt: skip


def recognise(headers: Sequence[str], earlier: Iterable[Taken] = ()) -> Source:
    """What a table with such headers is; the reading of an earlier one with the same headers goes before all.

    ``earlier`` comes with the latest first. A table that nobody knows is of the kind that knows most of its headers.
    """
    seen = frozenset(plain(one) for one in headers if one.strip())
    code, kind, platform = next(
        ((code, kind, platform) for code, kind, platform, groups in _TELLING if all(group & seen for group in groups)), (None, _kind_of(headers), None)
    )
    before = _before(seen, earlier)
    if before is None:
        return Source(_kind_of(headers) if code == "feishu" else kind, code, platform)
    return Source(before.kind, code, before.platform, before, _columns(headers, before.mapping))


def _before(seen: frozenset[str], earlier: Iterable[Taken]) -> Taken | None:
    """The earlier table most like this one, of equals the latest."""
    alike = [(len(seen & one.headers) / len(seen | one.headers), one) for one in earlier if seen and one.headers]
    best = max(alike, key=lambda pair: pair[0], default=None)
    return best[1] if best is not None and best[0] >= _ALIKE else None


def _columns(headers: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int]:
    """Columns of the fields as they were read before, as far as their headers still stand."""
    at: dict[str, int] = {}
    for position, header in enumerate(headers):
        at.setdefault(plain(header), position)
    return {name: at[plain(header)] for name, header in mapping.items() if plain(header) in at}


def _kind_of(headers: Sequence[str]) -> str:
    """The kind that knows most of the headers, among those whose rows find there what they cannot do without; of equals the first."""
    known = {kind: [name for name in (field_for(header, kind) for header in headers if header.strip()) if name] for kind in KINDS}
    possible = [kind for kind in KINDS if kind == CREATORS or set(FACTS[kind].needs) <= set(known[kind])]
    return max(possible, key=lambda kind: len(known[kind]))
