# SPDX-License-Identifier: Apache-2.0
"""How the sample brand recruits: where its leads came from, what was said to them, its plans, words, training and entitlements.

The tables are as forms and people keep them; whoever calls writes and imports them. Nothing in them depends on the day.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from app.usecases.creators import Question
from app.usecases.incentives import NewEntitlement
from app.usecases.outreach import NewTemplate
from app.usecases.recruiting import PlanCell
from app.values import CreditGrade, Group

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

    from app.services import Services

_SOURCES: Final = ("公开招募", "私信建联", "达人推荐", "机构推荐", "平台邀约", "竞品合作")
_SOURCE_WEIGHTS: Final = (34, 24, 14, 10, 12, 6)
_FIRST: Final = datetime(2026, 9, 1, 10)  # noqa: DTZ001 (sheets carry the wall clock of who wrote them)
_DAYS: Final = 78
_REACHED: Final = frozenset({"已建联", "洽谈中", "试合作", "已签约"})
_APPLIED: Final = 150
_FORM_NUMBER: Final = 5_000
"""Numbers of those who filled the form in begin here, so that they are nobody else's."""
_SAID: Final = (
    "你好，我们在做秋季新品体验，想请你试用。",
    "看了你最近的几篇内容，很适合我们的产品，聊聊？",
    "样品已备好，方便留个地址吗？",
    "报价收到，想确认一下档期。",
)
_HEARD: Final = ("可以的，先看看产品资料。", "这周比较忙，下周回复你。", "报价发你了，含一次改稿。", "地址已发，谢谢！", "暂时不接这类产品。")
_COURSES: Final = (("广告标识与合规表达", 80), ("新品拍摄指南", 60))
_TEMPLATES: Final = (
    NewTemplate("微信首次建联", "wechat", "{name}你好，我是示例茶铺的{me}。在{platform}看到你的{category}内容，想寄一份秋季新品给你试用，方便加个微信聊聊吗？"),
    NewTemplate("平台私信邀约", "platform", "{name}你好～我们是示例茶铺，正在招募{category}方向的体验官，样品免费寄，感兴趣请回复“1”。"),
    NewTemplate("三天后跟进", "wechat", "{name}你好，上次提到的新品体验名额还留着，这周内回复即可安排寄样。"),
    NewTemplate("邮件合作邀请", "email", "{name}，你好：\n\n我们是示例茶铺，诚邀你参加秋季新品合作。专属优惠码：{coupon}\n\n{me}", "秋季新品合作邀请 · {name}"),
)
_PLANS: Final = (
    (Group.NANO_KOC, None, None, 240), (Group.NANO_KOC, "xiaohongshu", None, 90), (Group.NANO_KOC, "douyin", None, 80), (Group.MID_KOC, None, None, 60),
    (Group.MID_KOC, "xiaohongshu", "美食", 8), (Group.MID_KOC, "douyin", "美妆", 10), (Group.KOL, None, None, 6),
)  # fmt: skip
_MONTHS: Final = tuple(range(2026 * 12 + 9, 2026 * 12 + 15))
"""October to March."""

Rows = list[list[str]]


class Person(Protocol):
    """What is needed of somebody invented."""

    platform: str
    uid: str
    name: str
    stage: str
    owner: str


def tables(people: Sequence[Person], dice: random.Random) -> Mapping[str, Rows]:
    """Tables by name: ``sources`` and ``form`` are of creators, ``contacts`` and ``trainings`` of what happened."""
    return {"sources": _sources(people, dice), "form": _form(people, dice), "contacts": _contacts(people, dice), "trainings": _trainings(people, dice)}


def _sources(people: Sequence[Person], dice: random.Random) -> Rows:
    told = [one for one in people if dice.random() < 0.86]  # noqa: PLR2004 (a share)
    return [["平台", "账号ID", "线索来源"], *([one.platform, one.uid, dice.choices(_SOURCES, _SOURCE_WEIGHTS)[0]] for one in told)]


def _form(people: Sequence[Person], dice: random.Random) -> Rows:
    """An open call's form, its headers being questions."""
    head = [
        "1、您所在的平台（必填）",
        "2、您的账号ID（必填）",
        "3、您的昵称",
        "4、请填写您的微信号（必填）",
        "5、手机号码",
        "6、电子邮箱（选填）",
        "7、报名渠道",
    ]
    leads = [one for one in people if one.stage == "线索"]
    rows = []
    for at, one in enumerate(dice.sample(leads, min(_APPLIED, len(leads))), _FORM_NUMBER):
        wechat = f"koc_demo_{at}"
        rows.append([one.platform, one.uid, one.name, wechat, f"1000000{at}", f"koc{at}@example.com", "公开招募"])
    return [head, *rows]


def _contacts(people: Sequence[Person], dice: random.Random) -> Rows:
    rows = [["平台", "账号ID", "沟通方式", "方向", "沟通时间", "跟进人", "沟通内容", "回复期限"]]
    for one in people:
        if one.stage in _REACHED or (one.stage == "线索" and dice.random() < 0.3):  # noqa: PLR2004 (a share)
            rows += _talk(one, dice)
    return rows


def _talk(one: Person, dice: random.Random) -> Iterator[list[str]]:
    """A few words to and fro; most questions are answered, some late, some never."""
    at = _FIRST + timedelta(days=dice.randrange(_DAYS), minutes=dice.randrange(600))
    for _ in range(dice.choice((1, 1, 2, 3))):
        channel = dice.choices(("微信", "平台私信", "电话"), (7, 4, 1))[0]
        asks = one.stage in {"试合作", "已签约"} and dice.random() < 0.5  # noqa: PLR2004 (a share)
        by = at + timedelta(days=2)
        head = [one.platform, one.uid, channel]
        yield [*head, "发出", f"{at:%Y-%m-%d %H:%M}", one.owner or "安安", dice.choice(_SAID), f"{by:%Y-%m-%d %H:%M}" if asks else ""]
        if one.stage != "线索" and dice.random() < 0.75:  # noqa: PLR2004
            answered = at + timedelta(hours=dice.choice((1, 3, 8, 20, 70)))
            yield [*head, "收到", f"{answered:%Y-%m-%d %H:%M}", one.owner or "安安", dice.choice(_HEARD), ""]
        at += timedelta(days=dice.randrange(3, 12))


def _trainings(people: Sequence[Person], dice: random.Random) -> Rows:
    rows = [["平台", "账号ID", "课程名称", "成绩", "考试日期"]]
    for one in people:
        if one.stage not in {"已签约", "合作中"}:
            continue
        for name, _ in _COURSES:
            if dice.random() < 0.45:  # noqa: PLR2004 (a share)
                day = _FIRST + timedelta(days=dice.randrange(_DAYS))
                rows.append([one.platform, one.uid, name, str(dice.randrange(48, 101)), f"{day:%Y-%m-%d}"])
    return rows


# ---------------------------------------------------------------- what is set up by hand


def prepare(services: Services) -> None:
    """Courses with their marks: they stand before the results come in."""
    for name, mark in _COURSES:
        services.incentives.save_course(name, mark)


def work(services: Services) -> None:
    """Templates, plans, entitlements; somebody who left; a few who want to be left alone."""
    for template in _TEMPLATES:
        services.outreach.save_template(template)
    grown = {PlanCell(month, *cell): target + target * at // 10 for at, month in enumerate(_MONTHS) for *cell, target in _PLANS}
    services.recruiting.set_plans(grown)
    _entitle(services)
    leaving = _chosen(services, "stage = contacted and owner = 大橘", 25)
    services.creators.edit(leaving, {"owner": "小顾"}, "新同事接手")
    services.recruiting.hand_over("小顾", "阿澈")
    alone = _chosen(services, 'stage = lead and wechat != ""', 6)
    services.outreach.opt_out(alone[:3], None, "不接商业合作")
    services.outreach.opt_out(alone[3:5], "wechat", "只接受平台私信")
    services.outreach.skip(alone[5], "账号停更，等恢复更新")


def _entitle(services: Services) -> None:
    for new in (
        NewEntitlement("老朋友佣金加 3%", "commission", "3%", grade=CreditGrade.A),
        NewEntitlement("秋季专属码", "code", "DEMO-AUTUMN", group=Group.NANO_KOC, cost_fen=1_500, stock=300),
        NewEntitlement("新品抢先体验", "early_access", "岩茶品鉴装", group=Group.MID_KOC, grade=CreditGrade.B, cost_fen=16_800, stock=40),
    ):
        saved = services.incentives.save_entitlement(new)
        if new.kind == "code":
            services.incentives.use(saved, _chosen(services, "group = nano_koc and stage = active", 45))


def _chosen(services: Services, where: str, most: int) -> list[int]:
    return [int(one) for one in services.creators.ids(Question(where=where))[:most]]
