# SPDX-License-Identifier: Apache-2.0
"""What the sample brand's partners did and brought back: posts, orders, expenses, entries of the ledger, channel paths.

The tables are as shops, platforms and people keep them, with their slips; whoever calls writes and imports them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

_FIRST: Final = datetime(2026, 6, 3, 9)  # noqa: DTZ001 (sheets carry the wall clock of who wrote them)
_LAST: Final = datetime(2026, 10, 31, 22)  # noqa: DTZ001
_DAYS: Final = 143
_SHOPS: Final = ("示例茶铺旗舰店", "示例茶铺小店")
_PRODUCTS: Final = (
    ("桂花乌龙冷泡茶 15包", 69), ("青柑普洱小罐装", 139), ("海盐奶盖速溶茶 10杯", 59), ("茉莉银针礼盒", 259), ("燕麦坚果脆 6袋", 89),
    ("低糖山楂糕 300g", 39), ("旅行茶具两件套", 189), ("岩茶品鉴装", 329), ("茶香米饼 12枚", 49),
)  # fmt: skip
_TITLES: Final = (
    "用了两周，说点真话：{product}", "办公室下午茶 | {product}", "{product}到底值不值？", "秋天的第一杯，选了{product}", "被问了很多次的{product}",
    "不甜不腻！{product}开箱", "在家也能喝到的味道～{product}", "回购三次的{product}",
)  # fmt: skip
_MOST_FEE: Final = 3_200
"""Beyond this the brand pays nobody a fee: large ones work for commission alone."""
_BASKET: Final = 165
_CARTS: Final = frozenset({"抖音", "快手", "小红书", "tiktok"})
_REGULAR: Final = 8
"""Collaborations of a season that make a partner a regular one."""
_GOOD: Final = (("按时发布", 1.0), ("一次过稿", 0.9), ("数据已核实", 0.9), ("及时回复", 0.6), ("表扬", 0.6))
"""How much of what went well is written down of regular partners; of others less."""
_SLIPS: Final = (("未标注广告", 0.28), ("超额改稿", 0.4), ("回复慢", 0.35), ("互动异常", 0.08), ("违禁词", 0.05))
_LATE: Final = ("延迟发布", "延迟发布", "延迟发布", "严重延迟")
_PATHS: Final = (
    ("小红书种草 > 天猫搜索 > 优惠码", 412, 1380), ("抖音短视频 > 小黄车", 655, 2940), ("小红书种草 > 抖音直播 > 小黄车", 186, 510), ("B站测评 → 天猫搜索", 94, 420),
    ("微博话题 > 小红书种草 > 优惠码", 61, 390), ("视频号 > 私域社群 > 优惠码", 133, 205), ("小红书种草", 88, 3120), ("抖音短视频", 140, 5200),
    ("快手直播 > 小黄车", 208, 770), ("抖音短视频 > 小红书种草 > 天猫搜索", 117, 640), ("B站测评->小红书种草->优惠码", 45, 160), ("淘宝直播", 171, 480),
    ("私域社群 > 优惠码", 96, 88),
)  # fmt: skip

Rows = list[list[str]]


class Partner(Protocol):
    """Somebody whom the brand works with, as far as these tables tell of them."""

    platform: str
    uid: str
    name: str
    followers: int
    fee: int
    coupon: str
    rate: float


@dataclass(frozen=True, slots=True)
class _Post:
    """One content of a partner."""

    partner: Partner
    content_id: str
    at: datetime
    product: tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Deal:
    """One collaboration: its posts, its expenses (kind, yuan), and what it brings back per yuan."""

    partner: Partner
    posts: tuple[_Post, ...]
    costs: tuple[tuple[str, float], ...]
    returns: float

    @property
    def spent(self) -> float:
        return sum(amount for _, amount in self.costs)


def tables(partners: Sequence[Partner], dice: random.Random) -> dict[str, Rows]:
    """Tables by kind of import, in the order in which they are to be taken in."""
    # Every fifth has signed lately and not posted yet.
    working = [one for at, one in enumerate(partners) if at % 5]
    often = {one.uid: dice.choices((_REGULAR, 3, 1), (5, 31, 64))[0] for one in working}
    deals = [deal for one in working for deal in _deals(one, often[one.uid], dice)]
    posts = [post for deal in deals for post in deal.posts]
    return {
        "contents": _contents(posts, dice),
        "sales": _sales(deals, dice),
        "costs": _costs(deals, dice),
        "events": _events(often, working, posts, dice),
        "paths": [["转化路径", "转化数", "未转化数"], *([path, f"{done:,}", f"{lost:,}"] for path, done, lost in _PATHS)],
    }


# ---------------------------------------------------------------- collaborations


def _deals(partner: Partner, often: int, dice: random.Random) -> Iterator[_Deal]:
    """The collaborations of a season; who sells well and who does not shows in all of them."""
    gift = dice.random()
    level = dice.lognormvariate(0.36, 0.6) if gift < 0.85 else dice.uniform(0, 0.4)  # noqa: PLR2004 (a share)
    for _ in range(often):
        first = _FIRST + timedelta(days=dice.randrange(_DAYS - 30), minutes=dice.randrange(720))
        posts = tuple(
            _Post(partner, _content_id(partner.platform, dice), first + timedelta(days=9 * at, minutes=dice.randrange(300)), dice.choice(_PRODUCTS))
            for at in range(dice.choice((4, 4, 5) if often == _REGULAR else (1, 2, 2, 3, 4)))
        )
        yield _Deal(partner, posts, _expenses(partner, len(posts), dice), level * dice.uniform(0.7, 1.3))


def _content_id(platform: str, dice: random.Random) -> str:
    if platform == "小红书":
        return f"66{dice.randrange(16**22):022x}"
    if platform == "B站":
        return "BV1" + "".join(dice.choices("abcdefghjkmnpqrstuvwxyzABCDEFGH23456789", k=9))
    return f"74{dice.randrange(10**17):017d}"


def _expenses(partner: Partner, posts: int, dice: random.Random) -> tuple[tuple[str, float], ...]:
    fee = round(partner.fee * dice.uniform(0.75, 1.05) / 10) * 10
    paid = 0 < fee <= _MOST_FEE and dice.random() < 0.85  # noqa: PLR2004 (a share; the rest takes goods for it)
    lines: list[tuple[str, float]] = [("寄样成本", 38.0 + 21 * posts), ("快递费", 12.0 if dice.random() < 0.8 else 18.5)]  # noqa: PLR2004
    if paid:
        lines.append((dice.choice(("合作费", "合作费", "稿费", "一口价")), fee))
        if partner.platform in {"小红书", "抖音"}:
            lines.append(("平台服务费", round(fee * 0.05, 2)))
        if dice.random() < 0.06:  # noqa: PLR2004
            lines.append(("返点", round(fee * 0.1, 2)))  # as agencies write it: without its sign
    if dice.random() < 0.12:  # noqa: PLR2004
        lines.append((dice.choice(("投流", "DOU+", "薯条")), dice.choice((100.0, 200.0, 300.0))))
    return tuple(lines)


def _costs(deals: Sequence[_Deal], dice: random.Random) -> Rows:
    rows = [["费用编号", "平台", "达人ID", "达人昵称", "费用类型", "金额", "作品ID", "发生日期", "备注"]]
    for deal in deals:
        day = deal.posts[0].at - timedelta(days=dice.randrange(1, 6))
        content = deal.posts[0].content_id if len(deal.posts) == 1 else ""
        for kind, amount in deal.costs:
            shown = f"¥{amount:,.2f}" if dice.random() < 0.3 else f"{amount:g}"  # noqa: PLR2004
            rows.append([f"FY{len(rows):05d}", deal.partner.platform, deal.partner.uid, deal.partner.name, kind, shown, content, f"{day:%Y/%m/%d}", ""])
    someone = deals[0].partner
    rows.append([f"FY{len(rows):05d}", someone.platform, someone.uid, someone.name, "团建", "480", "", "2026/09/30", "先放这里"])
    return rows


# ---------------------------------------------------------------- posts and orders


def _shown(number: int) -> str:
    return f"{number / 10_000:.1f}w" if number >= 10_000 else str(number)  # noqa: PLR2004


def _contents(posts: Sequence[_Post], dice: random.Random) -> Rows:
    rows = [[
        "平台", "作品ID", "达人ID", "作品标题", "发布时间", "曝光量", "播放量", "点赞", "评论", "分享", "收藏", "商品点击量", "加购数", "成交订单数", "数据日期",
    ]]  # fmt: skip
    for post in posts:
        views = max(60, int(post.partner.followers * dice.lognormvariate(-0.9, 0.8)))
        liked = int(views * dice.uniform(0.01, 0.09))
        figures = (views * dice.randrange(2, 7), views, liked, int(liked * dice.uniform(0.02, 0.2)), int(liked * dice.uniform(0.01, 0.15)), int(liked * 0.4))
        title = dice.choice(_TITLES).format(product=post.product[0].split(" ", maxsplit=1)[0])
        seen = min(post.at + timedelta(days=7), _LAST)
        rows.append([
            post.partner.platform, post.content_id, post.partner.uid, title, f"{post.at:%Y-%m-%d %H:%M}", *map(_shown, figures),
            *_shopped(post.partner.platform, views), f"{seen:%Y-%m-%d}",
        ])  # fmt: skip
    rows.insert(30, rows[0])  # a header that was copied along
    return rows


def _shopped(platform: str, views: int) -> tuple[str, ...]:
    """Clicks on what a post sells, what went into carts, what was ordered: only platforms with a cart of their own tell."""
    if platform not in _CARTS:
        return "", "", ""
    clicks = views * (8 + views % 29) // 1000
    carts = clicks * (9 + views % 13) // 100
    return _shown(clicks), str(carts), str(carts * (21 + views % 17) // 100)


def _sales(deals: Sequence[_Deal], dice: random.Random) -> Rows:
    """Orders of two shops: most with a code, some by the platform's or a content's word, some that nobody brought."""
    head = ["订单编号", "子订单编号", "店铺名称", "宝贝标题", "宝贝总数量", "买家实际支付金额", "退款金额", "订单付款时间", "优惠码"]
    baskets: list[tuple[datetime, _Post | None]] = []
    for deal in deals:
        expected = deal.spent * deal.returns / _BASKET
        baskets += [(_bought(post, dice), post) for post in dice.choices(deal.posts, k=min(70, int(expected + dice.random())))]
    baskets += [(_FIRST + timedelta(minutes=dice.randrange(60 * 24 * 148)), None) for _ in range(len(baskets) // 9)]
    rows = []
    for number, (paid_at, post) in enumerate(sorted(baskets, key=lambda one: one[0])):
        order = f"'28{number:06d}{dice.randrange(10**11):011d}"
        source = ["", "", "", "", ""] if post is None else _source(post, dice)
        for line in range(2 if dice.random() < 0.15 else 1):  # noqa: PLR2004
            product, price = post.product if post is not None and line == 0 else dice.choice(_PRODUCTS)
            count = dice.choice((1, 1, 1, 2, 2, 3))
            paid = round(price * count * dice.choice((0.8, 0.85, 0.9, 1.0)), 2)
            back = dice.random()
            refund = f"{paid:.2f}" if back < 0.05 else f"{paid / count / 2:.2f}" if back < 0.08 else ""  # noqa: PLR2004
            commission = f"{paid * float(source[4]) / 100:.2f}" if source[4] else ""
            rows.append([
                order, str(line + 1), _SHOPS[number % 4 == 0], product, str(count), f"{paid:.2f}", refund, f"{paid_at:%Y-%m-%d %H:%M:%S}", source[0],
                *source[1:4], commission, "是" if dice.random() < 0.4 else "否",  # noqa: PLR2004
            ])  # fmt: skip
    stranger = rows[-1].copy()
    stranger[0], stranger[8:13] = "'28999999" + "0" * 11, ["", "抖音", "70000000000000000", "", ""]
    total = ["合计", "", "", "", "", f"{sum(float(row[5]) for row in rows):.2f}", *[""] * 8]
    return [[*head, "达人平台", "达人ID", "内容ID", "佣金支出", "是否新客"], *rows, rows[20], stranger, total]


def _bought(post: _Post, dice: random.Random) -> datetime:
    return min(post.at + timedelta(hours=min(6.5 * 24, dice.expovariate(1 / 50)), seconds=dice.randrange(3600)), _LAST)


def _source(post: _Post, dice: random.Random) -> list[str]:
    """What an order says of where it came from: code, platform, uid, content, rate of commission."""
    partner, way = post.partner, dice.random()
    if way < 0.55:  # noqa: PLR2004
        return [partner.coupon, "", "", post.content_id if way < 0.1 else "", f"{partner.rate:g}"]  # noqa: PLR2004
    if way < 0.85:  # noqa: PLR2004
        return ["", partner.platform, partner.uid, post.content_id if way < 0.7 else "", f"{partner.rate:g}"]  # noqa: PLR2004
    return ["", "", "", post.content_id, ""]


# ---------------------------------------------------------------- conduct


def _events(often: Mapping[str, int], working: Sequence[Partner], posts: Sequence[_Post], dice: random.Random) -> Rows:
    """The ledger of a season: most did what was agreed, some did not; what nobody has looked at yet is only proposed."""
    reliable = {uid: 0.99 if many == _REGULAR else dice.choices((0.99, 0.92, 0.65), (70, 22, 8))[0] for uid, many in often.items()}
    told: list[tuple[datetime, Partner, str, str]] = []
    for post in posts:
        keeps, written = reliable[post.partner.uid], {_REGULAR: 1.0, 3: 0.65}.get(often[post.partner.uid], 0.45)
        if dice.random() < 1 - keeps:
            told.append((post.at, post.partner, dice.choice(_LATE), "回链发布时间"))
        told += [(post.at + timedelta(hours=at), post.partner, kind, "") for at, (kind, share) in enumerate(_GOOD) if dice.random() < share * written * keeps]
        told += [(post.at + timedelta(days=2), post.partner, kind, "截图已存") for kind, share in _SLIPS if dice.random() < share * (1 - keeps)]
    for one in working:
        if dice.random() < (1 - reliable[one.uid]) * 0.5:
            kind = dice.choice(("失联", "失联", "达人取消"))
            told.append((_FIRST + timedelta(days=dice.randrange(_DAYS)), one, kind, "聊天记录"))
    rows = [["记录编号", "平台", "达人ID", "事件类型", "发生时间", "登记时间", "确认时间", "作废时间", "备注"]]
    for at, one, kind, evidence in sorted(told, key=lambda entry: entry[0]):
        recorded = at + timedelta(hours=dice.randrange(1, 40))
        confirmed = recorded + timedelta(hours=dice.randrange(1, 30))
        waits = bool(evidence) and at > datetime(2026, 10, 1) and dice.random() < 0.6  # noqa: DTZ001, PLR2004
        voided = confirmed + timedelta(days=3) if evidence and not waits and dice.random() < 0.04 else None  # noqa: PLR2004
        rows.append([
            f"XY{len(rows):05d}", one.platform, one.uid, kind, _minute(at), _minute(recorded), "" if waits else _minute(confirmed),
            "" if voided is None else _minute(voided), evidence,
        ])  # fmt: skip
    return rows


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
