# SPDX-License-Identifier: Apache-2.0
"""How the sample brand works with its creators: campaigns, collaborations in every state, samples, drafts, posts and links.

Everything bears days of its own, so that it is the same whenever the sample is made.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from app.usecases.campaigns import NewQuote, Plan, Terms
from app.usecases.content import TaskQuestion
from app.usecases.creators import Question
from app.values import DEFAULT_ZONE, day_start, local

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from app.services import Services

_TODAY: Final = datetime(2026, 11, 25)  # noqa: DTZ001 (a day of the brand's own zone)
_RUNNING: Final = 56
_DONE: Final = 14
_PLANNED: Final = 24
_OWNERS: Final = ("安安", "木木", "阿澈", "大橘")
_SKUS: Final = (("YC-ROCK-50", "50g", "岩茶体验装", 3_800), ("YC-COLD-12", "12 包", "冷泡茶礼盒", 4_600), ("YC-PU-100", "100g", "小青柑", 5_200))
_COHORT: Final = 7
_DUE: Final = (-3, -3, -3, 4, 8, 6, 3, 2, 1, 0, -2, -2, -4, -6)
"""Days from the sample's day on which posts are due, by the step they are at."""
_NOT_AGREED: Final = ("invited", "quoted", "cancelled")
_SENT, _AGREED, _DRAFTED = 2, 3, 7
_SENT_BACK: Final = ("口播里的功效说法要删掉，改成个人感受。", "封面字太小，产品露出提前到前三秒。", "请在开头标注“广告”。")
_REASONS: Final = ("price: 报价超出预算", "schedule: 档期冲突", "no_reply", "creator_declined: 近期不接食品", "brand_changed: 换了主推品")


def work(services: Services, dice: random.Random) -> None:
    """Three campaigns: one that is over, one that runs, one that is planned."""
    people = _people(services)
    for sku, variant, name, cost in _SKUS:
        services.fulfilment.take_in(sku, 60, variant, name, cost)
    _over(services, people[:_DONE], dice)
    _running(services, people[_DONE : _DONE + _RUNNING], dice)
    _planned(services, people[_DONE + _RUNNING :], dice)
    services.campaigns.bind(people[:2], "别家茶铺", "美食", _at(-20), _at(40), "合同附件写明")
    services.fulfilment.tick()


def _people(services: Services) -> list[int]:
    """Whom the brand works with, those with an account's number that links can bear."""
    where = "stage in (active, contracted, trial, negotiating) and platform in (douyin, xiaohongshu, bilibili, weibo, kuaishou)"
    return [int(one) for one in services.creators.ids(Question(where=where))[: _DONE + _RUNNING + _PLANNED]]


def _at(days: float, hours: float = 10) -> int:
    """A moment so many days from the sample's day."""
    day = _TODAY + timedelta(days=days)
    return day_start(day.date(), DEFAULT_ZONE) + int(hours * 3_600_000_000)


def _campaign(services: Services, name: str, starts: int, ends: int, budget: int, state: str, brief: str) -> int:
    values = {
        "name": name, "starts_on": local(_at(starts), DEFAULT_ZONE).date().isoformat(), "ends_on": local(_at(ends), DEFAULT_ZONE).date().isoformat(),
        "budget_fen": budget, "owner": _OWNERS[0], "category": "美食", "state": state, "brief": brief,
    }  # fmt: skip
    return services.campaigns.add(values).id


def _join(services: Services, campaign: int, creators: Sequence[int], due: float, dice: random.Random) -> list[int]:
    """Collaborations of one kind, each with a post that is due on a day; returns the posts."""
    sku, fee = dice.choice(_SKUS), dice.choice((None, 30_000, 50_000, 80_000, 120_000))
    form = "exchange" if fee is None else dice.choice(("paid", "mixed"))
    bp, owner, tracked = dice.choice((None, 1_000, 1_500)), dice.choice(_OWNERS), dice.choice((True, True, False))
    terms = Terms(form=form, fee_fen=fee, commission_bp=bp, owner=owner, registered=dice.choice((True, False)), tracked=tracked, free_revisions=2)
    plan = Plan(dice.choice(("image", "video")), 1, _at(due, 24), _at(due - 3, 24), dice.choice((7, 7, None)), 30, sku[0], sku[1])
    deals = services.campaigns.propose(campaign, creators, terms, plan).ids
    return [services.fulfilment.tasks(TaskQuestion(collaboration_id=deal))[0].id for deal in deals]


def _deals(services: Services, tasks: Sequence[int]) -> list[int]:
    return [row.collaboration_id for row in services.fulfilment.tasks(TaskQuestion(ids=tuple(tasks)))]


def _post(services: Services, tasks: Sequence[int], at: int) -> None:
    """Posts whose links come in as one paste where ids tell their day, and by hand where they do not."""
    rows = services.fulfilment.tasks(TaskQuestion(ids=tuple(tasks)))
    lines = []
    for number, row in enumerate(rows, start=1):
        seconds = at // 1_000_000 + 60 * number
        if row.platform == "douyin":
            lines.append(f"{row.code} 看看【{row.creator}的作品】 https://www.douyin.com/video/{(seconds << 32) + row.id}")
        elif row.platform == "xiaohongshu":
            lines.append(f"{row.code} {row.creator}发布了一篇小红书笔记，快来看吧！ https://www.xiaohongshu.com/explore/{seconds:08x}{row.id:016x}")
    if lines:
        services.fulfilment.match("\n".join(lines))
    others = [row.id for row in rows if row.platform not in {"douyin", "xiaohongshu"}]
    if others:
        services.fulfilment.note(others, "posted", at)


def _sample(services: Services, tasks: Sequence[int], begun: float, upto: int) -> None:
    """The samples' way: 1 the address, 2 sent, 3 received."""
    note = services.fulfilment.note
    note(tasks, "address_ok", _at(begun), recipient="样例收件人", phone="100 0000 0000", address="样例市样例区样例路 1 号")
    if upto > 1:
        note(tasks, "sent", _at(begun + 1), carrier="样例快递", freight_fen=1_200)
    if upto > _SENT:
        note(tasks, "received", _at(begun + 4))


def _draft(services: Services, tasks: Sequence[int], at: float, dice: random.Random, *, again: bool) -> None:
    """Drafts that are approved, ``again``: after a revision."""
    note = services.fulfilment.note
    note(tasks, "draft_in", _at(at), text="初稿：开箱、冲泡、口感，结尾放优惠码。")
    if again:
        note(tasks, "revise", _at(at, 20), reason=dice.choice(_SENT_BACK))
        note(tasks, "draft_in", _at(at + 1), text="二稿：已按意见修改。")
    note(tasks, "approved", _at(at + 1.5))


def _over(services: Services, creators: Sequence[int], dice: random.Random) -> None:
    """All of it is posted and looked at, but for one who withdrew."""
    campaign = _campaign(services, "秋季岩茶上新", -75, -30, 1_500_000, "closed", "第一口的岩韵：讲冲泡步骤与口感，不讲功效。")
    for first in range(0, len(creators), _COHORT):
        due = -45.0 + first
        tasks = _join(services, campaign, creators[first : first + _COHORT], due, dice)
        services.campaigns.move(_deals(services, tasks), "confirmed", at=_at(due - 22))
        _sample(services, tasks, due - 21, 3)
        if first == 0:
            withdrawn = tasks.pop()
            services.campaigns.move(_deals(services, [withdrawn]), "cancelled", "creator_withdrew: 收样后反悔", at=_at(due - 5))
        _draft(services, tasks, due - 5, dice, again=first > 0)
        _post(services, tasks, _at(due - 1 if first == 0 else due + 2, 19))
        views = dice.randrange(2_000, 60_000)
        services.fulfilment.note(tasks, "t7", _at(due + 10, 21), figures={"views": views, "likes": views // 30, "saves": views // 60}, evidence="截图已存")
        services.fulfilment.note(
            tasks, "t21", _at(due + 25, 21), source="checked", figures={"views": views * 5 // 4, "likes": views // 24}, evidence="截图已核对"
        )
        services.campaigns.book(_deals(services, tasks))


def _running(services: Services, creators: Sequence[int], dice: random.Random) -> None:
    """Some at every step, some late, some excused, some that ended."""
    campaign = _campaign(services, "双十一种草", -30, 20, 4_000_000, "running", "年末囤茶：办公室冷泡、送礼两条线，必须标注广告。")
    for step, first in enumerate(range(0, len(creators), 4)):
        due = float(_DUE[step % len(_DUE)])
        tasks = _join(services, campaign, creators[first : first + 4], due, dice)
        if step < len(_NOT_AGREED):
            _not_agreed(services, _deals(services, tasks), _NOT_AGREED[step], dice)
            continue
        services.campaigns.move(_deals(services, tasks), "confirmed", at=_at(min(due - 18, -2)))
        _follow(services, tasks, step, due, dice)


def _follow(services: Services, tasks: list[int], step: int, due: float, dice: random.Random) -> None:
    """Bring posts to a step: 3 agreed, 4 to 6 the sample, 7 a draft, 8 sent back, 9 and 10 approved, later posted."""
    note = services.fulfilment.note
    if step > _AGREED:
        _sample(services, tasks, min(due - 17, -6.0), min(step - _AGREED, 3))
    if step == _DRAFTED:
        note(tasks, "draft_in", _at(min(due - 4, -1.0)), text="初稿：清晨第一杯，突出茶汤颜色。")
    elif step == _DRAFTED + 1:
        note(tasks, "draft_in", _at(min(due - 5, -2.0)), text="初稿：三步冷泡。")
        note(tasks, "revise", _at(min(due - 4, -1.0)), reason=dice.choice(_SENT_BACK))
    elif step > _DRAFTED:
        at = min(due - 6, -4.0)
        _draft(services, tasks, at, dice, again=step % 2 == 0)
        if step == _DRAFTED + 2:
            services.fulfilment.extend(tasks[:2], _at(due + 5, 24), "物流延误，双方约定顺延", agreed_at=_at(min(due - 1, -1)))
        elif step == _DRAFTED + 3:
            services.fulfilment.excuse(tasks[:2], ["slow_review"], "审稿超过 24 小时")
        else:
            _post(services, tasks, _at(min(at + 2.5, -0.5), 8))


def _not_agreed(services: Services, deals: Sequence[int], way: str, dice: random.Random) -> None:
    """Those that were invited, quoted or ended before anything was agreed."""
    services.campaigns.move(deals, "invited", at=_at(-12))
    if way == "quoted":
        for fees in ((60_000, 80_000), (45_000, 50_000)):
            rows = [services.campaigns.collaboration(deal) for deal in deals]
            services.campaigns.quote(
                [NewQuote(row.account_id, "video", dice.choice(fees), collaboration_id=row.id, rebate_bp=1_000, source="微信报价") for row in rows]
            )
    if way == "cancelled":
        for deal in deals:
            services.campaigns.move([deal], "cancelled", dice.choice(_REASONS), at=_at(-8))


def _planned(services: Services, creators: Sequence[int], dice: random.Random) -> None:
    """Candidates and a reserve list, nothing agreed yet."""
    campaign = _campaign(services, "年货节预热", 15, 50, 3_000_000, "planned", "送礼场景为主，腰部种草、素人铺量。")
    done = services.campaigns.propose(campaign, creators, Terms(owner="木木"), Plan("video", 1, _at(35, 24), _at(31, 24), 7))
    services.campaigns.agree(done.ids[-6:-3], {"reserve": 1})
    services.campaigns.agree(done.ids[-3:], {"reserve": 2})
    rows = [services.campaigns.collaboration(deal) for deal in done.ids[:8]]
    services.campaigns.quote([NewQuote(row.account_id, "video", dice.choice((30_000, 45_000, 60_000)), "rate_card", source="蒲公英刊例") for row in rows])
