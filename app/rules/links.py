# SPDX-License-Identifier: Apache-2.0
"""Link intake (回链): what share texts point at, read offline, and which due post each of them belongs to.

Nothing is fetched: a short link stays what it is, named by its own code, until somebody looks where it leads. Ids of several
platforms carry the time at which they were given out, so that a post of last month is told from one of today.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlsplit

from app.rules.cells import handle_key
from app.rules.codes import task_code
from app.values import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SECOND: Final = 1_000_000
SHORT: Final = "short:"
"""What stands before the code of a short link where a content's id would stand."""


@dataclass(frozen=True, slots=True)
class Shared:
    """One thing that a text points at. ``line`` counts from 1; ``content_id`` is None where the link is none of a post.

    ``uid`` and ``handle`` are the account as the link names it, ``names`` whom the words around it name, ``tokens`` its
    single words, of which one may be a name; ``codes`` are task codes.
    ``given_at`` is when the id was given out, where it says so.
    """

    line: int
    url: str
    platform: str | None
    content_id: str | None = None
    short: bool = False
    uid: str | None = None
    handle: str | None = None
    names: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    given_at: int | None = None
    words: str = ""
    problem: str | None = None
    tokens: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str | None, str | None]:
        """What makes two of them one."""
        return self.platform, self.content_id


# ---------------------------------------------------------------- addresses of each platform


@dataclass(frozen=True, slots=True)
class _Found:
    """What an address says: the post, or whose page it is."""

    content_id: str | None = None
    short: bool = False
    uid: str | None = None
    handle: str | None = None


_Query = Mapping[str, Sequence[str]]
_Reader = Callable[[str, str, _Query], "_Found | None"]
_DIGITS: Final = r"\d{6,20}"
_SHORT_CODE: Final = r"[A-Za-z0-9_-]{3,40}"


def _first(query: _Query, *names: str) -> str | None:
    return next((query[name][0] for name in names if query.get(name) and query[name][0]), None)


def _path(pattern: str, path: str) -> re.Match[str] | None:
    return re.fullmatch(pattern, path.rstrip("/"), re.IGNORECASE)


def _shortened(path: str) -> _Found | None:
    match = _path(rf"/(?:[a-z]{{1,2}}/)?({_SHORT_CODE})", path)
    return _Found(SHORT + match[1], short=True) if match else None


def _douyin(host: str, path: str, query: _Query) -> _Found | None:
    if host in {"v.douyin.com", "v.iesdouyin.com"}:
        return _shortened(path)
    modal = _first(query, "modal_id", "vid", "aweme_id")
    if modal and re.fullmatch(_DIGITS, modal):
        return _Found(modal)
    if match := _path(rf"(?:/share)?/(?:video|note|slides|article)/({_DIGITS})(?:/.*)?", path):
        return _Found(match[1])
    if (match := _path(rf"/(?:webcast/reflow/)?({_DIGITS})", path)) and (host.startswith(("live.", "webcast.")) or "reflow" in path):
        return _Found(f"live:{match[1]}")
    if match := _path(r"(?:/share)?/user/([\w.-]+)", path):
        return _Found(uid=match[1])
    return None


def _xiaohongshu(host: str, path: str, _query: _Query) -> _Found | None:
    if host.endswith("xhslink.com"):
        return _shortened(path)
    note = r"([0-9a-f]{24})"
    if match := _path(rf"/(?:explore|discovery/item|search_result|goods-detail)/{note}", path):
        return _Found(match[1].lower())
    if match := _path(rf"/user/profile/([0-9a-f]{{24}})/{note}", path):
        return _Found(match[2].lower(), uid=match[1].lower())
    if match := _path(r"/user/profile/([0-9a-f]{24})", path):
        return _Found(uid=match[1].lower())
    return None


def _kuaishou(host: str, path: str, query: _Query) -> _Found | None:
    if host in {"v.kuaishou.com", "v.kuaishouapp.com"}:
        return _shortened(path)
    if match := _path(r"(?:/fw)?/(?:short-video|photo|long-video|video)/([0-9a-z]{8,24})", path):
        return _Found(match[1], uid=_first(query, "userId", "authorId"))
    photo = _first(query, "photoId", "shareObjectId")
    if photo and re.fullmatch(r"[0-9a-z]{8,24}", photo):
        return _Found(photo, uid=_first(query, "userId", "authorId"))
    if match := _path(r"(?:/fw)?/(?:u|live|profile)/([\w.-]{3,})", path):
        return _Found(uid=match[1])
    return None


_BV: Final = r"BV1[0-9A-Za-z]{9}"


def _bilibili(host: str, path: str, query: _Query) -> _Found | None:  # noqa: PLR0911 (one form of address after the other)  # noqa: PLR0911 (an answer a line)
    if match := _path(rf"/(?:video/|s/video/|bangumi/play/)?({_BV})(?:/p\d+)?", path):
        return _Found("BV" + match[1][2:])
    if match := _path(r"/(?:video/|s/video/)?av(\d{1,16})", path):
        return _Found(f"av{match[1]}")
    bvid = _first(query, "bvid")
    if bvid and re.fullmatch(_BV, bvid):
        return _Found(bvid)
    if host in {"b23.tv", "bili2233.cn"}:
        return _shortened(path)
    if match := _path(r"/(?:opus|dynamic)/(\d{6,20})", path):
        return _Found(f"opus:{match[1]}")
    if match := _path(r"/read/(?:mobile/)?cv(\d+)", path):
        return _Found(f"cv{match[1]}")
    if host in {"t.bilibili.com", "live.bilibili.com", "space.bilibili.com"} and (match := _path(r"/(?:h5/|blanc/)?(\d+)(?:/.*)?", path)):
        return {"t": _Found(f"opus:{match[1]}"), "live": _Found(f"live:{match[1]}"), "space": _Found(uid=match[1])}[host.split(".", maxsplit=1)[0]]
    return None


def _channels(host: str, path: str, query: _Query) -> _Found | None:
    export = _first(query, "exportid", "exportId", "eid", "feedId", "feedid")
    if export and "channels" in host:
        return _Found(export)
    if match := _path(r"/(?:sph|finder)/([\w.-]{4,})", path):
        return _Found(SHORT + match[1], short=True)
    return None


def _weibo(host: str, path: str, query: _Query) -> _Found | None:  # noqa: PLR0911 (one form of address after the other)  # noqa: PLR0911 (an answer a line)
    if host == "t.cn":
        return _shortened(path)
    if (match := _path(r"/tv/show/(\d+:\d+)", path)) or (match := _path(r"/show/(\d+:\d+)", path)):
        return _Found(match[1])
    mid = _first(query, "weibo_id", "mid")
    if mid and re.fullmatch(r"\d{16}", mid):
        return _Found(mid)
    if match := _path(r"/(?:status|detail|statuses)/([0-9A-Za-z]{9,16})", path):
        return _Found(_mid(match[1]))
    if match := _path(r"/(?:u/)?(\d{5,12})/([0-9A-Za-z]{9}|\d{16})", path):
        return _Found(_mid(match[2]), uid=match[1])
    if match := _path(r"/(?:u|profile)/(\d{5,12})", path):
        return _Found(uid=match[1])
    return None


def _instagram(_host: str, path: str, _query: _Query) -> _Found | None:
    if match := _path(r"(?:/(?P<who>[\w.]{1,30}))?/(?:p|reel|reels|tv)/(?P<code>[\w-]{5,40})", path):
        return _Found(match["code"], handle=match["who"])
    match = _path(r"/([\w.]{1,30})", path)
    return _Found(handle=match[1]) if match else None


def _tiktok(host: str, path: str, _query: _Query) -> _Found | None:
    if host in {"vm.tiktok.com", "vt.tiktok.com"} or path.startswith("/t/"):
        return _shortened(path)
    if match := _path(rf"/@([\w.]+)/(?:video|photo)/({_DIGITS})", path):
        return _Found(match[2], handle=match[1])
    if match := _path(rf"/(?:v|embed|embed/v2|share/video)/({_DIGITS})(?:\.html)?", path):
        return _Found(match[1])
    match = _path(r"/@([\w.]+)(?:/live)?", path)
    return _Found(handle=match[1]) if match else None


def _youtube(host: str, path: str, query: _Query) -> _Found | None:
    video = r"([\w-]{11})"
    watched = _first(query, "v")
    if watched and re.fullmatch(video, watched):
        return _Found(watched)
    if (match := _path(rf"/(?:shorts|live|embed|v)/{video}", path)) or (host == "youtu.be" and (match := _path(f"/{video}", path))):
        return _Found(match[1])
    if match := _path(r"/@([\w.-]+)(?:/.*)?", path):
        return _Found(handle=match[1])
    match = _path(r"/channel/(UC[\w-]{22})(?:/.*)?", path)
    return _Found(uid=match[1]) if match else None


_HOSTS: Final[tuple[tuple[str, str, _Reader], ...]] = (
    ("douyin.com", "douyin", _douyin),
    ("iesdouyin.com", "douyin", _douyin),
    ("amemv.com", "douyin", _douyin),
    ("xiaohongshu.com", "xiaohongshu", _xiaohongshu),
    ("xhslink.com", "xiaohongshu", _xiaohongshu),
    ("kuaishou.com", "kuaishou", _kuaishou),
    ("kuaishouapp.com", "kuaishou", _kuaishou),
    ("chenzhongtech.com", "kuaishou", _kuaishou),
    ("gifshow.com", "kuaishou", _kuaishou),
    ("bilibili.com", "bilibili", _bilibili),
    ("b23.tv", "bilibili", _bilibili),
    ("bili2233.cn", "bilibili", _bilibili),
    ("channels.weixin.qq.com", "wechat_channels", _channels),
    ("weixin.qq.com", "wechat_channels", _channels),
    ("weibo.com", "weibo", _weibo),
    ("weibo.cn", "weibo", _weibo),
    ("t.cn", "weibo", _weibo),
    ("instagram.com", "instagram", _instagram),
    ("instagr.am", "instagram", _instagram),
    ("tiktok.com", "tiktok", _tiktok),
    ("youtube.com", "youtube", _youtube),
    ("youtu.be", "youtube", _youtube),
)
_NAKED: Final = "|".join(re.escape(host) for host, _, _ in _HOSTS)


# ---------------------------------------------------------------- ids that tell their time

_BASE62: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_WEIBO_EPOCH: Final = 515_483_463
_INSTAGRAM_EPOCH: Final = 1_314_220_021_721
_PLAUSIBLE: Final = (1_262_304_000, 4_102_444_800)
"""Seconds of 2010 and of 2100: what lies outside is no time at all."""


def _mid(word: str) -> str:
    """The number of a microblog that is written in base 62, four signs at a time."""
    if word.isdigit():
        return word
    parts = [word[max(end - 4, 0) : end] for end in range(len(word), 0, -4)][::-1]
    numbers = [_number(part, _BASE62) for part in parts]
    return str(numbers[0]) + "".join(f"{number:07d}" for number in numbers[1:])


def _number(word: str, signs: str) -> int:
    total = 0
    for sign in word:
        total = total * len(signs) + signs.index(sign)
    return total


def given_at(platform: str, content_id: str) -> int | None:
    """When an id was given out, in microseconds; None where it does not say."""
    seconds = _given(platform, content_id)
    return seconds * SECOND if seconds is not None and _PLAUSIBLE[0] <= seconds < _PLAUSIBLE[1] else None


def _given(platform: str, content_id: str) -> int | None:
    if platform in {"douyin", "tiktok"} and re.fullmatch(r"\d{18,20}", content_id):
        return int(content_id) >> 32
    if platform == "xiaohongshu" and re.fullmatch(r"[0-9a-f]{24}", content_id):
        return int(content_id[:8], 16)
    if platform == "weibo" and re.fullmatch(r"\d{16}", content_id):
        return (int(content_id) >> 22) + _WEIBO_EPOCH
    if platform == "instagram" and re.fullmatch(r"[\w-]{11}", content_id, re.ASCII):
        return ((_number(content_id, _BASE64) >> 23) + _INSTAGRAM_EPOCH) // 1_000
    return None


# ---------------------------------------------------------------- texts

_UNSEEN: Final = re.compile("[\u200b-\u200f\u2028\u2029\u2060\ufeff\u00ad\ufe0e\ufe0f]")
_URL: Final = re.compile(
    rf"(?:https?://(?P<full>[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+)|(?<![\w./@-])(?P<bare>(?:[a-z0-9-]+\.)*(?:{_NAKED})/[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+))",
    re.IGNORECASE,
)
_END: Final = ".,;:!?'\"()[]*~…"
_BARE_BV: Final = re.compile(rf"(?<![0-9A-Za-z/]){_BV}(?![0-9A-Za-z])")
_HERE: Final = "\x00"
"""Stands where the link stood, in the words around it."""
_NAMES: Final = (
    re.compile(r"【\s*([^【】\n]{1,40}?)的(?:作品|图文作品|图文|视频|直播间|快手作品)\s*】"),
    re.compile(r"(?:^|[\s\d!！])([^\s，,。！!：:]{1,40}?)\s*发布了一篇小红书笔记"),
    re.compile(r"@([^\s@，,。：:！!（）()【】\[\]「」『』\"“”/#'’\x00]{1,40})"),
    re.compile(r"(?:作者|博主|达人|账号|昵称|UP主|up主|抖音号|小红书号|快手号|视频号|来自)\s*[：:]\s*([^\s，,。；;|/\x00]{1,40})"),
    re.compile(r"(?:快来看|来看看?|分享(?:了)?|关注)\s*[「“\"]([^」”\"\n]{1,40})[」”\"]"),
    re.compile(r"^\s*(?:\d{1,4}[.、)）:：]\s*)?([^\s，,。：:@【】\x00]{1,30})\s*[：:|｜—–-]+\s*(?=\x00|【|复制)"),
    re.compile(r"(?:^|[\n；;])\s*(?:\d{1,4}[.、)）]\s*)?([^\s，,。：:@【】/\x00]{1,30})[\t ]+(?=\x00)"),
)
_SPACES: Final = re.compile(r"[\s，,。；;：:！!？?（）()【】\[\]「」『』\"“”|｜/、#@\x00]+")
_MOST_WORDS: Final = 24
_LONGEST_NAME: Final = 40


def read(text: str) -> list[Shared]:
    """What a text points at, in its order. A block of lines without any link is one entry with a problem."""
    out: list[Shared] = []
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*_clean(text).split("\n"), ""], start=1):
        if line.strip():
            block.append((number, line))
        elif block:
            out += _block(block)
            block = []
    return out


def _clean(text: str) -> str:
    return html.unescape(_UNSEEN.sub("", text)).replace("\r\n", "\n").replace("\r", "\n").replace("\u3000", " ").replace("\t", " ")


def _block(lines: Sequence[tuple[int, str]]) -> Iterator[Shared]:
    """Lines that follow each other: what stands before a link belongs to it, what stands after the last one does too."""
    links = [(number, *found) for number, line in lines for found in _links(line)]
    if not links:
        first = lines[0][0]
        yield Shared(first, "", None, words="\n".join(one for _, one in lines), problem="no_link", codes=_codes("\n".join(one for _, one in lines)))
        return
    for at, (number, start, end, url) in enumerate(links):
        yield _shared(number, url, _around(lines, links, at, number, start, end))


def _links(line: str) -> list[tuple[int, int, str]]:
    """Links of a line with their places; a bare number of a video of bilibili is one."""
    found = []
    for match in _URL.finditer(line):
        raw = match[0]
        url = raw.rstrip(_END)
        while url.endswith(")") and url.count(")") > url.count("("):
            url = url[:-1]
        found.append((match.start(), match.start() + len(url), url if "://" in url[:9] else f"https://{url}"))
    for match in _BARE_BV.finditer(line):
        if not any(start <= match.start() < end for start, end, _ in found):
            found.append((match.start(), match.end(), f"https://www.bilibili.com/video/{match[0]}"))
    return sorted(found)


def _around(lines: Sequence[tuple[int, str]], links: Sequence[tuple[int, int, int, str]], at: int, number: int, start: int, end: int) -> str:
    """The words that go with a link."""
    before = links[at - 1] if at else None
    after = links[at + 1] if at + 1 < len(links) else None
    own = dict(lines)[number]
    same = [link for link in links if link[0] == number]
    # Where a line begins with its first link, the words after each link are its own; else those before it.
    follows = len(same) > 1 and not own[: same[0][1]].strip()
    left = before[2] if before is not None and before[0] == number else 0
    right = after[1] if after is not None and after[0] == number else len(own)
    if len(same) > 1:
        here = own[end:right] if follows else own[left:start] if after is not None and after[0] == number else own[left:start] + " " + own[end:]
    else:
        here = own
    parts = [here]
    if before is None or before[0] < number:
        since = before[0] if before is not None else 0
        parts[:0] = [line for place, line in lines if since < place < number] if before is None or _heads(lines, since, number) else []
    if after is None:
        parts += [line for place, line in lines if place > number]
    elif after[0] > number and not _heads(lines, number, after[0]):
        parts += [line for place, line in lines if number < place < after[0]]
    return "\n".join(parts)


def _heads(lines: Sequence[tuple[int, str]], since: int, until: int) -> bool:
    """Whether lines between two links begin the second one rather than end the first: the last of them is no instruction to open an app."""
    between = [line for place, line in lines if since < place < until]
    return not (between and _TAIL.search(between[-1]) and len(between) == 1)


_TAIL: Final = re.compile(r"复制(?:本条|此)|打开【?[^】]*】?\s*(?:App|直接|查看|观看)|长按复制|任务码|项目码")


def _shared(number: int, url: str, words: str) -> Shared:
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    known = next(((platform, reader) for tail, platform, reader in _HOSTS if host == tail or host.endswith(f".{tail}")), None)
    codes = _codes(words)
    if known is None:
        return Shared(number, url, None, codes=codes, words=words, problem="unknown_link")
    platform, reader = known
    found = reader(host, unquote(parts.path), parse_qs(parts.query))
    if found is None:
        return Shared(number, url, platform, codes=codes, words=words, problem="no_post")
    names, tokens = _named(words, url)
    problem = None if found.content_id is not None else "account_link"
    at = None if found.content_id is None or found.short else given_at(platform, found.content_id)
    return Shared(number, url, platform, found.content_id, found.short, found.uid, found.handle, names, codes, at, words, problem, tokens)


def _named(words: str, url: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whom words name by the forms in which apps and people do, and all their single words."""
    bare = words.replace(url, _HERE) if url in words else words.replace(url.removeprefix("https://"), _HERE)
    found: dict[str, None] = {}
    for line in bare.split("\n"):
        for pattern in _NAMES:
            for match in pattern.finditer(line):
                found.setdefault(match[1].strip(), None)
    names = tuple(name for name in found if name)
    tokens = dict.fromkeys(word for word in _SPACES.split(bare) if 1 < len(word) <= _LONGEST_NAME and not word.isdecimal() and word not in found)
    return names, tuple(tokens)[:_MOST_WORDS]


def _codes(words: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(task_code.find(words)))
    return found or tuple(dict.fromkeys(task_code.slips(words)))


# ---------------------------------------------------------------- tasks


@dataclass(frozen=True, slots=True)
class Task:
    """A due post that waits for its link, or has one. ``opens_at``: what was published earlier is not for it.

    ``handles`` and ``names`` are folded (``handle_key``); ``campaign`` are words that name the project.
    """

    id: int
    code: str
    platform: str
    account_id: int
    uid: str | None
    handles: frozenset[str]
    names: frozenset[str]
    collaboration: int
    campaign: tuple[str, ...]
    format: str
    opens_at: int
    due_at: int | None
    open: bool = True


@dataclass(frozen=True, slots=True)
class Known:
    """A content that is known here already: whose it is, when it was published, and the task that has it."""

    account_id: int | None = None
    published_at: int | None = None
    task: int | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """A link and the due post it belongs to; ``published_at`` is None where nothing says when. ``by``: code, account or name."""

    shared: Shared
    task: Task
    published_at: int | None
    by: str


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A link that was not taken, and why; ``tasks`` are those it may be for, or that stand in its way."""

    shared: Shared
    reason: str
    tasks: tuple[int, ...] = ()


@dataclass(slots=True)
class _Board:
    """Tasks by what a link may call them."""

    by_code: dict[str, Task] = field(default_factory=dict)
    by_uid: dict[tuple[str, str], list[Task]] = field(default_factory=lambda: defaultdict(list))
    by_account: dict[int, list[Task]] = field(default_factory=lambda: defaultdict(list))
    by_handle: dict[tuple[str, str], list[Task]] = field(default_factory=lambda: defaultdict(list))
    by_name: dict[tuple[str, str], list[Task]] = field(default_factory=lambda: defaultdict(list))
    taken: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, tasks: Iterable[Task]) -> _Board:
        board = cls()
        for task in tasks:
            board.by_code[task.code] = task
            board.by_account[task.account_id].append(task)
            if task.uid is not None:
                board.by_uid[task.platform, task.uid.casefold()].append(task)
            for handle in task.handles:
                board.by_handle[task.platform, handle].append(task)
            for name in task.names:
                board.by_name[task.platform, name].append(task)
        return board

    def waits(self, task: Task) -> bool:
        return task.open and task.id not in self.taken


def match(shared: Sequence[Shared], tasks: Iterable[Task], known: Mapping[tuple[str, str], Known], now: int) -> tuple[list[Matched], list[Unmatched]]:
    """Give links to due posts, in the order of the text; each due post gets one link, each link is for one due post."""
    board = _Board.of(tasks)
    matched: list[Matched] = []
    refused: list[Unmatched] = []
    seen: dict[tuple[str | None, str | None], int] = {}
    for one in shared:
        found = _one(one, board, known, seen, now)
        if isinstance(found, Matched):
            board.taken.add(found.task.id)
            seen[one.key] = found.task.id
            matched.append(found)
        else:
            refused.append(found)
    return matched, refused


def _one(  # noqa: PLR0911 (one reason after the other)  # noqa: PLR0911 (an answer a line)
    one: Shared, board: _Board, known: Mapping[tuple[str, str], Known], seen: Mapping[tuple[str | None, str | None], int], now: int
) -> Matched | Unmatched:
    if one.problem is not None or one.platform is None or one.content_id is None:
        return Unmatched(one, one.problem or "no_link")
    if one.key in seen:
        return Unmatched(one, "duplicate", (seen[one.key],))
    about = known.get((one.platform, one.content_id), Known())
    if about.task is not None:
        return Unmatched(one, "duplicate", (about.task,))
    published = about.published_at
    if published is None and one.given_at is not None and one.given_at <= now + DAY:
        published = one.given_at
    meant = _meant(one, board, about)
    if isinstance(meant, Unmatched):
        return meant
    tasks, by = meant
    waiting = [task for task in tasks if board.waits(task)]
    if not waiting:
        return Unmatched(one, "done_already" if tasks else "no_task", tuple(task.id for task in tasks))
    if published is not None:
        young = [task for task in waiting if published >= task.opens_at]
        if not young:
            return Unmatched(one, "too_old", tuple(task.id for task in waiting))
        waiting = young
    chosen = _chosen(one, waiting)
    if chosen is None:
        return Unmatched(one, "ambiguous", tuple(task.id for task in waiting))
    return Matched(one, chosen, published, by)


def _meant(one: Shared, board: _Board, about: Known) -> tuple[list[Task], str] | Unmatched:  # noqa: PLR0911 (one reason after the other)  # noqa: PLR0911 (an answer a line)
    """Tasks that a link may be for: by its code, else by whose it is."""
    assert one.platform is not None  # noqa: S101 (asked before)
    coded = [board.by_code[code] for code in one.codes if code in board.by_code]
    of_account = _of_account(one, board, about)
    if coded:
        if len(coded) > 1:
            return Unmatched(one, "ambiguous", tuple(task.id for task in coded))
        task = coded[0]
        if task.platform != one.platform:
            return Unmatched(one, "other_platform", (task.id,))
        if (about.account_id is not None and about.account_id != task.account_id) or _contradicts(one, task):
            return Unmatched(one, "other_account", (task.id,))
        return [task], "code"
    if one.codes:
        return Unmatched(one, "unknown_code")
    if of_account is not None:
        return of_account, "account"
    return _by_names(one, board)


def _of_account(one: Shared, board: _Board, about: Known) -> list[Task] | None:
    """Tasks of the account that the link itself names; None where it names none."""
    assert one.platform is not None  # noqa: S101
    if about.account_id is not None:
        return board.by_account.get(about.account_id, [])
    if one.uid is not None and (found := board.by_uid.get((one.platform, one.uid.casefold()))):
        return found
    if one.handle is not None and (found := board.by_handle.get((one.platform, handle_key(one.handle)))):
        return found
    # The words may name whom the link names by a number that is not known here.
    return None


def _contradicts(one: Shared, task: Task) -> bool:
    if one.uid is not None and task.uid is not None and one.platform in {"xiaohongshu", "weibo"}:
        return one.uid.casefold() != task.uid.casefold()
    return one.handle is not None and bool(task.handles) and handle_key(one.handle) not in task.handles


def _by_names(one: Shared, board: _Board) -> tuple[list[Task], str] | Unmatched:
    """Tasks of whom the words name; where no form of naming is known, of whom a single word is the name."""
    for words in (one.names, one.tokens):
        by_account = _called(one.platform or "", words, board)
        if len(by_account) > 1:
            return Unmatched(one, "ambiguous", tuple(task.id for tasks in by_account.values() for task in tasks))
        if by_account:
            return next(iter(by_account.values())), "name"
    return Unmatched(one, "unknown_account" if one.names or one.uid or one.handle else "no_account")


def _called(platform: str, words: Iterable[str], board: _Board) -> dict[int, list[Task]]:
    by_account: dict[int, list[Task]] = {}
    for word in words:
        folded = handle_key(word)
        for task in (*board.by_handle.get((platform, folded), ()), *board.by_name.get((platform, folded), ())):
            some = by_account.setdefault(task.account_id, [])
            if task not in some:
                some.append(task)
    return by_account


_FORMAT_OF: Final = {"/note/": "image", "/photo/": "image", "/video/": "video", "/reel/": "video", "/shorts/": "video", "live": "live"}


def _chosen(one: Shared, waiting: Sequence[Task]) -> Task | None:
    """The one that is meant: named by its project or its format, else the earliest due of one collaboration."""
    words = one.words.casefold()
    left = [task for task in waiting if any(word and word.casefold() in words for word in task.campaign)] or list(waiting)
    if len({task.format for task in left}) > 1:
        said = next((kind for mark, kind in _FORMAT_OF.items() if mark in one.url or (one.content_id or "").startswith(f"{mark}:")), None)
        left = [task for task in left if task.format == said] or left
    if len({task.collaboration for task in left}) > 1:
        return None
    return min(left, key=lambda task: (task.due_at is None, task.due_at or 0, task.id))
