# SPDX-License-Identifier: Apache-2.0
"""Share texts as creators send them, made up, each with what it should come to: put together from forms, and some odd ones by hand."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from app.rules.cells import handle_key
from app.rules.codes import task_code
from app.rules.links import Task
from app.values import DAY

NOW: Final = 1_795_000_000_000_000
"""A moment in November 2026."""
_SECOND: Final = 1_000_000
_SIGNS: Final = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_BASE62: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
PLATFORMS: Final = ("douyin", "xiaohongshu", "kuaishou", "bilibili", "wechat_channels", "weibo", "instagram", "tiktok", "youtube")
_NAMES: Final = ("小鹿试色本", "半糖厨房", "慢慢露营记", "阿澈的衣橱", "芝麻和猫", "青柠护肤笔记", "海盐辅食本", "山里的书架", "元气练起来", "会发光的小屋")
_EMOJI: Final = ("😆", "✨", "🔥", "💄", "🍜", "👉🏻", "")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text, and per link of it the due post it is for, or (a str) why it is refused."""

    text: str
    expected: tuple[int | str, ...]


def board() -> list[Task]:
    """Due posts of ten creators on each platform: the even ones have two in one collaboration, the last ones are over."""
    tasks: list[Task] = []
    for place, platform in enumerate(PLATFORMS):
        for number, name in enumerate(_NAMES):
            for turn in range(2 if number % 2 == 0 else 1):
                tasks.append(_task(len(tasks) + 1, place * 100 + number, platform, number, name, turn))
    return tasks


def _task(number: int, account: int, platform: str, person: int, name: str, turn: int) -> Task:
    uid = {"weibo": f"60000{account:05d}", "xiaohongshu": f"5f{account:022x}"}.get(platform, f"9{account:012d}")
    handle = f"user_{platform[:4]}_{person}"
    code = task_code.make((platform, person, turn))
    due = NOW + (turn + 1) * DAY
    return Task(
        number, code, platform, account, uid, frozenset({handle_key(handle)}), frozenset({handle_key(name)}), account, ("双十一种草",), "video",
        NOW - 10 * DAY, due, open=person != 9,
    )  # fmt: skip


def content_id(dice: random.Random, platform: str, at: int) -> str:
    """An id as the platform would have given it out at a moment."""
    seconds = at // _SECOND
    if platform == "instagram":
        return _in_base((((seconds * 1_000) - 1_314_220_021_721) << 23) | dice.randrange(1 << 23), _BASE64).rjust(11, "A")
    if platform == "kuaishou":
        return "3x" + "".join(dice.choices("abcdefghijkmnpqrstuvwxyz23456789", k=13))
    return {
        "douyin": str((seconds << 32) | dice.randrange(1 << 32)),
        "tiktok": str((seconds << 32) | dice.randrange(1 << 32)),
        "xiaohongshu": f"{seconds:08x}{dice.randrange(16**16):016x}",
        "weibo": str(((seconds - 515_483_463) << 22) | dice.randrange(1 << 22)),
        "bilibili": "BV1" + "".join(dice.choices(_SIGNS, k=9)),
        "youtube": "".join(dice.choices(_BASE64, k=11)),
        "wechat_channels": "export_" + "".join(dice.choices(_SIGNS, k=20)),
    }[platform]


def _in_base(number: int, signs: str) -> str:
    out = ""
    while number:
        number, rest = divmod(number, len(signs))
        out = signs[rest] + out
    return out


def bid(mid: str) -> str:
    """A microblog's number as its address writes it."""
    head, parts = mid, []
    while head:
        head, part = head[:-7], head[-7:]
        word = _in_base(int(part), _BASE62)
        parts.append(word.rjust(4, "0") if head else word)
    return "".join(reversed(parts))


def link(dice: random.Random, task: Task, number: str) -> str:
    """An address of a post, as one of the platform's pages or its app shares it, with what follows people around."""
    tracked = dice.choice(("", "?share_from=copy", "?utm_source=copylink&utm_medium=android", "?xsec_token=AB_x-1%3D&xsec_source=app_share"))
    handle, word = next(iter(task.handles)), bid(number) if task.platform == "weibo" else ""
    forms = {
        "douyin": (f"https://www.douyin.com/video/{number}", f"https://www.iesdouyin.com/share/video/{number}/", f"https://www.douyin.com/note/{number}",
                   f"https://www.douyin.com/user/MS4wLjABAAAAx?modal_id={number}", f"https://m.douyin.com/share/video/{number}"),
        "xiaohongshu": (f"https://www.xiaohongshu.com/explore/{number}", f"https://www.xiaohongshu.com/discovery/item/{number}",
                        f"https://www.xiaohongshu.com/user/profile/{task.uid}/{number}"),
        "kuaishou": (f"https://www.kuaishou.com/short-video/{number}", f"https://v.m.chenzhongtech.com/fw/photo/{number}",
                     f"https://m.gifshow.com/fw/photo/{number}"),
        "bilibili": (f"https://www.bilibili.com/video/{number}/", f"https://m.bilibili.com/video/{number}", f"https://b23.tv/{number}"),
        "wechat_channels": (f"https://channels.weixin.qq.com/web/pages/feed?exportid={number}", f"https://channels.weixin.qq.com/mobile/feed?eid={number}"),
        "weibo": (f"https://weibo.com/{task.uid}/{word}", f"https://m.weibo.cn/status/{number}", f"https://m.weibo.cn/detail/{number}",
                  f"https://weibo.com/{task.uid}/{number}"),
        "instagram": (f"https://www.instagram.com/reel/{number}/", f"https://www.instagram.com/{handle}/p/{number}/", f"https://instagram.com/p/{number}"),
        "tiktok": (f"https://www.tiktok.com/@{handle}/video/{number}", f"https://m.tiktok.com/v/{number}.html", f"https://www.tiktok.com/@{handle}/photo/{number}"),
        "youtube": (f"https://www.youtube.com/watch?v={number}", f"https://youtu.be/{number}", f"https://www.youtube.com/shorts/{number}",
                    f"https://m.youtube.com/watch?v={number}&feature=share"),
    }  # fmt: skip
    made = dice.choice(forms[task.platform])
    return made if "?" in made else made + tracked


def short(dice: random.Random, platform: str) -> str:
    """A short link of a platform's app."""
    word = "".join(dice.choices(_SIGNS, k=11))
    return {
        "douyin": f"https://v.douyin.com/{word}/", "xiaohongshu": f"http://xhslink.com/a/{word}", "kuaishou": f"https://v.kuaishou.com/{word}",
        "bilibili": f"https://b23.tv/{word[:7]}", "wechat_channels": f"https://weixin.qq.com/sph/{word}", "weibo": f"http://t.cn/{word[:8]}",
        "tiktok": f"https://vm.tiktok.com/{word}/", "instagram": f"https://www.instagram.com/p/{word}/", "youtube": f"https://youtu.be/{word}",
    }[platform]  # fmt: skip


def dressed(dice: random.Random, task: Task, name: str, url: str) -> str:
    """A link in the words that the app, or the creator, puts around it; they say whose it is."""
    smile = dice.choice(_EMOJI)
    own = {
        "douyin": (f"{dice.randrange(1, 9)}.{dice.randrange(10, 99)} 复制打开抖音，看看【{name}的作品】换季这样用才不闷 # 护肤 {url} {dice.randrange(1, 12):02d}/28 Qw@e.Rt",
                   f"7.43 q@R.kP 06/15 :1pm 看看【{name}的图文作品】今天也是认真生活的一天{smile} # 日常 {url} 复制此链接，打开抖音搜索，直接观看视频！"),
        "xiaohongshu": (f"{dice.randrange(10, 99)} {name}发布了一篇小红书笔记，快来看吧！ {smile} hT8xQ {smile} {url}，复制本条信息，打开【小红书】App查看精彩内容！",
                        f"【换季护肤｜不踩雷清单 - {name} | 小红书 - 你的生活兴趣社区】 作者：{name} {url}"),
        "kuaishou": (f"{url} 这个也太好用了吧 #好物 作者：{name} 复制此消息，打开【快手】直接观看！", f"看了@{name} 的这个视频，笑出声{smile} {url} 复制此链接，打开【快手】"),
        "bilibili": (f"【换季护肤全流程-哔哩哔哩】 UP主：{name} {url}", f"@{name} 新视频发了 {url}"),
        "wechat_channels": (f"视频号：{name} 新作品{smile} {url}", f"「@{name}」的视频号动态\n{url}"),
        "weibo": (f"@{name} ：换季这样用才不闷 {url} ", f"{name}的微博 @{name} {smile}\n{url}"),
        "instagram": (f"Check out @{next(iter(task.handles))} {smile} {url}", f"{name}: {url}"),
        "tiktok": (f"Check out @{next(iter(task.handles))}'s video! #TikTok {url}", f"@{next(iter(task.handles))} {url}"),
        "youtube": (f"@{name} 的新视频 {url}", f"{name}：{url} via YouTube"),
    }[task.platform]  # fmt: skip
    return dice.choice(own)


def made(count: int = 260, seed: int = 20_261_125) -> list[Labelled]:
    """Texts put together from forms: nearly all for an open due post, some for none."""
    dice = random.Random(seed)  # noqa: S311 (made up, not secret)
    tasks = board()
    left: dict[int, list[Task]] = {}
    for task in tasks:
        left.setdefault(task.account_id, []).append(task)
    out: list[Labelled] = []
    accounts = list(left)
    for at in range(count):
        account = accounts[at % len(accounts)]
        task, name = left[account][0] if left[account] else tasks[[one.account_id for one in tasks].index(account)], _NAMES[account % 100]
        over = not left[account] or not task.open
        way = dice.random()
        if way < 0.08 and task.platform in {"douyin", "xiaohongshu", "weibo", "instagram", "tiktok"}:
            url = link(dice, task, content_id(dice, task.platform, NOW - dice.randrange(20, 60) * DAY))
            out.append(Labelled(dressed(dice, task, name, url), ("done_already" if over else "too_old",)))
            continue
        young = NOW - dice.randrange(1, 5 * DAY)
        url = short(dice, task.platform) if way > 0.8 else link(dice, task, content_id(dice, task.platform, young))
        if task.platform in {"instagram", "youtube"} and way > 0.8:
            url = link(dice, task, content_id(dice, task.platform, young))
        if way < 0.2 and not over:
            out.append(Labelled(f"任务 {task.code}\n{url}" if dice.random() < 0.5 else f"{url} {task.code.lower()}", (task.id,)))
            left[account].remove(task)
        elif over:
            out.append(Labelled(dressed(dice, task, name, url), ("done_already",)))
        else:
            out.append(Labelled(dressed(dice, task, name, url), (task.id,)))
            left[account].remove(task)
    return out


def odd() -> list[Labelled]:
    """Texts that no form would make, on the same board."""
    tasks = board()
    by = {(task.platform, task.account_id % 100): task for task in reversed(tasks)}
    dice = random.Random(7)  # noqa: S311 (made up, not secret)
    note = content_id(dice, "xiaohongshu", NOW - DAY)
    video = content_id(dice, "douyin", NOW - DAY)
    first, second = by["douyin", 1], by["xiaohongshu", 3]
    return [
        Labelled("已发布，辛苦老师查收～", ("no_link",)),
        Labelled("https://docs.example.com/sheet/1 截图都在这里", ("unknown_link",)),
        Labelled(f"https://www.xiaohongshu.com/user/profile/{second.uid}", ("account_link",)),
        Labelled("https://www.douyin.com/search/护肤", ("no_post",)),
        Labelled(f"https://www.douyin.com/video/{video}", ("no_account",)),
        Labelled(f"看看【没有这个人的作品】 https://www.douyin.com/video/{video}", ("unknown_account",)),
        Labelled(f"{second.code} https://www.douyin.com/video/{video}", ("other_platform",)),
        Labelled(f"{first.code[:-1]}{'2' if first.code[-1] != '2' else '3'} https://www.douyin.com/video/{video}", ("unknown_code",)),
        Labelled(f"半糖厨房\u200b: https://www.douyin.com/video/{video}\n同上 https://www.iesdouyin.com/share/video/{video}/?x=1", (first.id, "duplicate")),
        Labelled(
            f"阿澈的衣橱发布了一篇小红书笔记，快来看吧！ http://www.xiaohongshu.com/discovery/item/{note.upper()}&amp;x=1".replace("&amp;x=1", "?a=1&amp;b=2"),
            (second.id,),
        ),
        Labelled(f"https://www.xiaohongshu.com/user/profile/5f{'a' * 22}/{note} {second.code}", ("other_account",)),
        Labelled("BV1Ab4y1C7dE 老师这是 @半糖厨房 的", (by["bilibili", 1].id,)),
        Labelled("1、半糖厨房 https://v.kuaishou.com/AbCdEf\n2、阿澈的衣橱 https://v.kuaishou.com/GhIjKl", (by["kuaishou", 1].id, by["kuaishou", 3].id)),
        Labelled(f"{by['weibo', 1].code}：http://t.cn/A6xYz12 {by['weibo', 3].code}：http://t.cn/A6xYz99", (by["weibo", 1].id, by["weibo", 3].id)),
        Labelled("weixin.qq.com/sph/AbCd1234 视频号：半糖厨房", (by["wechat_channels", 1].id,)),
    ]
