# SPDX-License-Identifier: Apache-2.0
"""A brand's doings on a creator marketplace, made from a seed: campaigns, tasks, orders, posts, money; and how they go on."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

CHINA: Final = timezone(timedelta(hours=8))
_DAY: Final = 86_400
_SURNAMES: Final = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
_GIVEN: Final = ("小暖", "阿禾", "一诺", "圆圆", "Leo", "大橘", "知夏", "不吃香菜", "同学", "老师", "星野", "慢慢来", "初七", "小满", "北北", "十三")
_ABOUT: Final = ("的厨房", "爱探店", "穿搭", "测评", "带娃日记", "🍵茶馆", "旅行vlog", "💄美妆", "健身", "🐱", "好物", "在种草", "手帐", "·读书", "𠮷祥", "")
_GOODS: Final = ("青柑普洱", "玫瑰护手霜", "折叠水壶", "燕麦拿铁", "羊毛围巾", "空气炸锅", "防晒乳", "猫砂", "蓝牙耳机", "桂花米酿")
_SEASONS: Final = ("春上新", "618 预热", "夏日清凉", "开学季", "双11 蓄水", "双11 返场", "年货节", "会员日")
RUNNING: Final = (1, 41, 42, 43, 44, 51, 52, 53, 54)
STATES: Final = (-1, 1, 2, 3, 4, 10, 41, 42, 43, 44, 51, 52, 53, 54)
WORDS: Final = {-1: "RECEIVEING", 2: "CANCELED", 3: "FINISHED", 4: "CANCELED", 10: "WAIT_PAYMENT"}
_NEXT: Final = {-1: 1, 1: 41, 41: 42, 42: 43, 43: 44, 44: 51, 51: 52, 52: 53, 53: 54, 54: 10, 10: 3, 2: 2, 3: 3, 4: 4}
_IDS: Final = 7_400_000_000_000_000_000
"""Beyond 2^53: one in a thousand neighbours survives a float."""


@dataclass(slots=True)
class Account:
    """An account that the sign-in grants."""

    id: int
    name: str
    kind: str = "PLATFORM_ROLE_STAR"
    valid: bool = True
    balance_fen: int = 0


@dataclass(slots=True)
class Campaign:
    """A requirement that groups tasks. ``status``: 1 running, 2 done, 3 cancelled."""

    id: int
    star: int
    name: str
    status: int
    created: int


@dataclass(slots=True)
class Demand:
    """A task of a campaign."""

    id: int
    star: int
    campaign: int
    name: str
    created: int
    settlement: str
    category: str
    component: str


@dataclass(slots=True)
class Creator:
    """Somebody whom the brand orders posts from."""

    id: int
    name: str
    phone: str


@dataclass(slots=True)
class Order:
    """An order of a post. Money is in fen here; the platform tells yuan."""

    id: int
    star: int
    campaign: int
    demand: int
    creator: Creator
    created: int
    status: int
    evaluated: bool = True
    item: int = 0
    released: int = 0
    finished: int = 0
    title: str = ""
    cost: int = 0
    fee: int = 0
    paid: int = 0
    refund: int = 0
    deducted: int = 0
    reason: str = ""
    plays: int = 0

    @property
    def word(self) -> str:
        """Its state in the words of the task lists."""
        return "WAIT_EVALUATE" if self.status == 3 and not self.evaluated else WORDS.get(self.status, "ONGOING")

    @property
    def owed(self) -> int:
        """What is still to pay, in fen."""
        return max(self.cost + self.fee - self.paid, 0) if self.status == 10 else 0


@dataclass(slots=True)
class Sale:
    """A settled piece of sales commission: the platform names no shop order."""

    item: int
    billed: int
    amount: int
    settled: str


@dataclass(slots=True)
class Brand:
    """Everything the platform knows of one brand. ``version`` counts the changes."""

    seed: int = 7
    orders_wanted: int = 1000
    now: int = 0
    per_campaign: int = 12
    accounts: list[Account] = field(default_factory=list)
    campaigns: dict[int, Campaign] = field(default_factory=dict)
    demands: dict[int, Demand] = field(default_factory=dict)
    creators: list[Creator] = field(default_factory=list)
    orders: dict[int, Order] = field(default_factory=dict)
    by_campaign: dict[int, list[Order]] = field(default_factory=dict)
    by_demand: dict[int, list[Order]] = field(default_factory=dict)
    by_item: dict[int, Order] = field(default_factory=dict)
    sales: dict[int, list[Sale]] = field(default_factory=dict)
    version: int = 0
    dice: random.Random = field(init=False, repr=False)
    _ids: int = _IDS

    def __post_init__(self) -> None:
        """Make the world."""
        self.dice = random.Random(self.seed)
        self.now = self.now or int(datetime.now(UTC).timestamp()) // _DAY * _DAY
        self._people()
        count = max(self.orders_wanted // self.per_campaign, 2)
        for _ in range(count):
            self.new_campaign()
        demands = list(self.demands.values())
        for n in range(self.orders_wanted):
            self.new_order(demands[n % len(demands)], STATES[n % len(STATES)] if n % 3 else 3, self.now - self.dice.randrange(2 * _DAY, 170 * _DAY))
        self.version = 0

    # ------------------------------------------------------------ making

    def _id(self) -> int:
        self._ids += self.dice.randrange(1, 90)
        return self._ids

    def _people(self) -> None:
        self.accounts = [
            Account(self._id(), "拾野茶事·旗舰", balance_fen=8_412_366),
            Account(self._id(), "拾野茶事·区域", balance_fen=120_000),
            Account(self._id(), "拾野茶事（已停用）", valid=False),
            Account(self._id(), "拾野茶事 千川", kind="ADVERTISER"),
            Account(self._id(), "代理商·拾野", kind="PLATFORM_ROLE_STAR_AGENT"),
        ]
        for n in range(max(self.orders_wanted // 4, 5)):
            name = self.dice.choice(_SURNAMES) + self.dice.choice(_GIVEN) + self.dice.choice(_ABOUT)
            self.creators.append(Creator(self._id(), f"{name}{n if n > 3 else ''}", f"1990{n:07d}"))

    @property
    def stars(self) -> list[int]:
        """Accounts that may be asked for campaigns."""
        return [one.id for one in self.accounts if one.valid and one.kind == "PLATFORM_ROLE_STAR"]

    def new_campaign(self) -> Campaign:
        """A campaign with a task or two, every fourth of the second account; every fifth task pays by sales."""
        star = self.stars[1 if len(self.campaigns) % 4 == 1 else 0]
        created = self.now - self.dice.randrange(20 * _DAY, 180 * _DAY)
        goods = self.dice.choice(_GOODS)
        one = Campaign(self._id(), star, f"{self.dice.choice(_SEASONS)}｜{goods}", (1, 1, 2, 3)[len(self.campaigns) % 4], created)
        self.campaigns[one.id], self.by_campaign[one.id] = one, []
        for _ in range(1 + len(self.campaigns) % 2):
            self._new_demand(one, goods)
        self.version += 1
        return one

    def _new_demand(self, campaign: Campaign, goods: str) -> None:
        by_sales = len(self.demands) % 5 == 2
        demand = Demand(
            self._id(),
            campaign.star,
            campaign.id,
            f"{goods} {'带货视频' if by_sales else '种草视频'}",
            campaign.created + 3600,
            "MONEY_SHARE" if by_sales else "FIXED_PRICE",
            "DOUYIN_VIDEO",
            "CART" if by_sales else "ANCHOR_ECOM",
        )
        self.demands[demand.id], self.by_demand[demand.id] = demand, []
        if by_sales:
            self.sales[demand.id] = []

    def new_order(self, demand: Demand | None = None, status: int = 1, created: int | None = None) -> Order:
        """An order, with a post and money as far as its state has come."""
        demand = demand or self.dice.choice(list(self.demands.values()))
        made = self.now - self.dice.randrange(_DAY) if created is None else created
        cost = self.dice.randrange(30_000, 900_000)
        one = Order(self._id(), demand.star, demand.campaign, demand.id, self.dice.choice(self.creators), made, status, cost=cost, fee=(cost * 5 + 50) // 100)
        one.evaluated = self.dice.random() < 0.8
        self.orders[one.id] = one
        for listed in (self.by_campaign[one.campaign], self.by_demand[one.demand]):
            listed.append(one)
        self._come_to(one, status)
        self.version += 1
        return one

    def _come_to(self, one: Order, status: int) -> None:
        """Put an order into a state, with what comes with it."""
        one.status = status
        if status in {3, 10, 54} and not one.item:
            one.item = self._id()
            one.released = one.created + self.dice.randrange(3 * _DAY, 9 * _DAY) // 60 * 60
            one.title = f"{self.demands[one.demand].name}｜{one.creator.name} #广告"
            one.plays = self.dice.randrange(800, 400_000)
            self.by_item[one.item] = one
            for _ in range(self.dice.randrange(1, 6) if one.demand in self.sales else 0):
                self._sell(one, same=self.dice.random() < 0.4)
        if status == 3:
            one.finished, one.paid = one.released + 7 * _DAY, one.cost + one.fee
        elif status in {10, *RUNNING}:
            one.paid = one.cost // 2
        elif status in {2, 4}:
            one.reason = self.dice.choice(("档期冲突", "价格未谈拢", "内容方向不合适"))
            one.finished = one.created + 2 * _DAY

    def _sell(self, one: Order, *, same: bool) -> None:
        sold = self.sales[one.demand]
        billed = sold[-1].billed if same and sold else max(one.released, sold[-1].billed if sold else 0) + self.dice.randrange(60, _DAY)
        if same and sold:
            one = self.by_item[sold[-1].item]
        sold.append(Sale(one.item, billed, self.dice.randrange(99, 99_999), clock(billed + 15 * _DAY)))

    # ------------------------------------------------------------ going on

    def mutate(self, n: int = 8) -> list[str]:
        """Let ``n`` things happen at the platform, in turn; returns what happened."""
        deeds = (self._more, self._move, self._refund, self._rename, self._pay, self._grow, self._call_else, self._sell_more, self._finish, self._start)
        done = [deeds[at % len(deeds)] for at in range(n)]
        for deed in done:
            deed()
            self.version += 1
        return [deed.__name__.strip("_") for deed in done]

    def _pick(self, *states: int) -> Order | None:
        found = [one for one in self.orders.values() if one.status in states]
        return self.dice.choice(found) if found else None

    def _more(self) -> None:
        self.new_order(status=-1)

    def _move(self) -> None:
        if one := self._pick(-1, *RUNNING):
            self._come_to(one, _NEXT[one.status])

    def _refund(self) -> None:
        if one := self._pick(3):
            one.refund = one.cost // 3

    def _rename(self) -> None:
        one = self.dice.choice(list(self.campaigns.values()))
        one.name = f"{one.name.partition('（')[0]}（{self.version}）"

    def _pay(self) -> None:
        if one := self._pick(10):
            self._come_to(one, 3)

    def _grow(self) -> None:
        for one in self.dice.sample(list(self.by_item.values()), min(3, len(self.by_item))):
            one.plays += self.dice.randrange(1, 5_000)

    def _call_else(self) -> None:
        one = self.dice.choice(self.creators)
        one.name = f"{one.name.partition('✨')[0]}✨{self.version}"

    def _sell_more(self) -> None:
        for demand in self.sales:
            if posts := [one for one in self.by_demand[demand] if one.item]:
                self._sell(posts[-1], same=bool(self.sales[demand]) and self.dice.random() < 0.5)

    def _finish(self) -> None:
        if one := self._pick(54, 53):
            self._come_to(one, 10)

    def _start(self) -> None:
        one = self.new_campaign()
        self.new_order(next(it for it in self.demands.values() if it.campaign == one.id), -1)

    def same_second(self, n: int) -> list[Order]:
        """Orders of one task that were all made in the same second."""
        demand = next(iter(self.demands.values()))
        return [self.new_order(demand, 1, self.now - _DAY) for _ in range(n)]

    # ------------------------------------------------------------ telling

    @property
    def personal(self) -> set[str]:
        """What must never leave the store: telephone numbers and names of the people ordered from."""
        return {one.phone for one in self.creators} | {one.creator.name for one in self.orders.values() if len(one.creator.name) > 3}


def clock(seconds: int) -> str:
    """A time as the platform writes it."""
    return datetime.fromtimestamp(seconds, CHINA).strftime("%Y-%m-%d %H:%M:%S")


def day(seconds: int) -> str:
    """A day as the platform writes it."""
    return datetime.fromtimestamp(seconds, CHINA).strftime("%Y-%m-%d")
