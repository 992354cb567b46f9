# SPDX-License-Identifier: Apache-2.0
"""A small invented brand to look at: files as strangers make them, taken in the way everybody takes files in.

Nobody in it exists: nicknames are put together from words, numbers and addresses are of kinds that are never given out.
The same program makes the same content every time.
"""

from __future__ import annotations

import csv
import html
import io
import random
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app import sample_desk, sample_facts, sample_recruiting
from app.files import ImportRequest
from app.jobs import Quiet
from app.rules.facts import CREATORS, FACTS
from app.usecases.creators import Question
from app.values import Stage, Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.jobs import Job
    from app.services import Services

_SEED: Final = 20261101
_MONTHS: Final = (date(2026, 6, 30), date(2026, 7, 31), date(2026, 8, 31), date(2026, 9, 30), date(2026, 10, 31))
_START: Final = date(2026, 5, 31)
_OVERRIDE_UNTIL: Final = date(2027, 3, 31)

_PER_PLATFORM: Final = {
    "抖音": 330, "小红书": 310, "快手": 120, "B站": 100, "微博": 80, "视频号": 90, "淘宝直播": 50,
    "instagram": 45, "tiktok": 45, "youtube": 40,
}  # fmt: skip
_ABROAD: Final = ("instagram", "tiktok", "youtube")

_OPENING: Final = ("小", "阿", "大", "老", "软软的", "今天也是", "叫我", "一只", "半糖", "慢慢", "元气", "山里的", "海边的", "会发光的", "不爱早起的", "")
_CORE: Final = (
    "鹿", "橙子", "年糕", "芝麻", "南瓜", "栗子", "云朵", "青柠", "土豆", "麦芽", "薄荷", "海盐", "团子", "松果", "奶盖", "石榴",
    "可颂", "葡萄", "桂花", "竹笋", "雪梨", "豆沙", "银杏", "小满", "谷雨", "立夏", "星期六", "灯塔", "风铃", "纸飞机",
)  # fmt: skip
_ENDING: Final = {
    "美妆": ("试色本", "化妆台", "的口红柜"), "护肤": ("护肤笔记", "成分党", "的水乳日记"), "母婴": ("妈妈", "带娃记", "辅食本"),
    "美食": ("爱吃饭", "厨房", "探店"), "穿搭": ("的衣橱", "穿搭本", "小个子穿搭"), "家居": ("的小屋", "收纳课", "改造家"),
    "数码": ("开箱", "数码说", "桌面"), "健身": ("练起来", "减脂餐", "跑步日记"), "宠物": ("和猫", "和柴犬", "的毛孩子"),
    "旅行": ("在路上", "周末出逃", "去看海"), "图书": ("读书会", "书架", "慢读"), "户外": ("露营记", "爬山去", "骑行日记"),
}  # fmt: skip
_EMOJI: Final = ("✨", "🌸", "🍓", "🐱", "🔥", "💄", "🍜", "📷", "🌈", "🏕️", "💪🏻", "🧋")
_LATIN: Final = ("Mori", "Lumi", "Pico", "Suno", "Vela", "Koko", "Miro", "Nori", "Tavi", "Zuzu", "Opal", "Fenn")
_LATIN_TOPIC: Final = ("Bites", "Glow", "Closet", "Trails", "Desk", "Pantry", "Paws", "Reads", "Nest", "Motion")
_CITIES: Final = ("上海", "杭州", "广州", "成都", "北京", "深圳", "长沙", "武汉", "西安", "重庆", "厦门", "苏州", "青岛", "昆明", "南京", "义乌")
_COUNTRIES: Final = ("Singapore", "Malaysia", "Thailand", "Japan", "United States", "Canada", "Australia")
_OWNERS: Final = ("安安", "木木", "阿澈", "大橘", "")
_STAGES: Final = ("线索", "已建联", "洽谈中", "试合作", "已签约", "合作中", "暂停", "已终止")
_STAGE_WEIGHTS: Final = (26, 18, 12, 10, 8, 20, 4, 2)
_TAGS: Final = ("复投", "高配合", "宝妈", "学生党", "剪辑好", "需催稿", "敏感肌", "新锐", "探店", "可寄样")
_FACES: Final = ("图文", "视频", "直播")


@dataclass(slots=True)
class _Person:
    """An invented creator, as sheets tell of it."""

    platform: str
    uid: str
    handle: str
    name: str
    category: str
    city: str
    followers: int
    likes: int
    fee: int
    stage: str
    owner: str
    tags: str
    coupon: str = ""
    rate: float = 0.0
    """Commission in per cent."""

    @property
    def abroad(self) -> bool:
        return self.platform in _ABROAD


@dataclass(frozen=True, slots=True)
class _Part:
    """Lets a step of the whole be cancelled, without progress of its own."""

    job: Job

    def progress(self, phase: str, done: int, total: int | None = None) -> None:
        """The whole shows its own."""

    def check(self) -> None:
        """Stop where the whole is stopped."""
        self.job.check()


def fill(services: Services, job: Job | None = None) -> Mapping[str, int]:
    """Fill a new workspace with the sample brand; returns how many files, creators and rejected rows it has."""
    job = job or Quiet()
    dice = random.Random(_SEED)
    people = _people(dice)
    sample_recruiting.prepare(services)
    with tempfile.TemporaryDirectory() as folder:
        made = _files(Path(folder), people, dice)
        rejected = 0
        for done, request in enumerate(made):
            job.progress("sample", done, len(made) + 1)
            taken = services.creators if request.kind == CREATORS else services.facts
            rejected += taken.import_file(request, _Part(job)).rejected
        _take_back_a_mistake(services, Path(folder), people, _Part(job))
    job.progress("sample", len(made), len(made) + 1)
    _work_a_little(services)
    sample_recruiting.work(services)
    sample_desk.work(services, random.Random(_SEED + 3))
    services.rating.run(job=_Part(job))
    services.rating.run_credit(job=_Part(job))
    return {"files": len(made) + 1, "creators": services.creators.count(Question()), "rejected": rejected}


# ---------------------------------------------------------------- people


def _people(dice: random.Random) -> list[_Person]:
    names: set[str] = set()
    people = []
    for platform, count in _PER_PLATFORM.items():
        for number in range(count):
            person = _person(dice, platform, number)
            while person.name in names:
                person = _person(dice, platform, number)
            names.add(person.name)
            people.append(person)
    return people


def _person(dice: random.Random, platform: str, number: int) -> _Person:
    category = dice.choice(tuple(_ENDING))
    followers = int(dice.lognormvariate(9.1, 1.7)) + dice.randrange(180, 420)
    # Some stand close to an edge, so that months of figures move them over it, or almost.
    if number % 9 == 0:
        followers = int(dice.choice((1_000, 5_000, 10_000, 50_000, 100_000)) * dice.uniform(0.9, 1.08))
    followers = min(followers, 12_000_000)
    stage = dice.choices(_STAGES, _STAGE_WEIGHTS)[0]
    tags = ";".join(dice.sample(_TAGS, dice.choice((0, 0, 1, 1, 2))))
    return _Person(
        platform=platform,
        uid=_uid(dice, platform, number),
        handle=f"{dice.choice(_LATIN).lower()}{dice.choice(('_', '.', ''))}{dice.choice(_LATIN_TOPIC).lower()}{number:03d}",
        name=_nickname(dice, platform, category),
        category=category,
        city=dice.choice(_COUNTRIES if platform in _ABROAD else _CITIES),
        followers=followers,
        likes=int(followers * dice.uniform(0.004, 0.08)),
        fee=max(50, round(followers**0.74 * dice.lognormvariate(0, 0.35) / 50) * 50),
        stage=stage,
        owner="" if stage == "线索" else dice.choice(_OWNERS),
        tags=tags,
    )


def _nickname(dice: random.Random, platform: str, category: str) -> str:
    if platform in _ABROAD:
        return f"{dice.choice(_LATIN)} {dice.choice(_LATIN_TOPIC)}{dice.choice(('', '', ' Daily', ' & Co', ' ' + dice.choice(_EMOJI)))}"
    name = dice.choice(_OPENING) + dice.choice(_CORE) + dice.choice(_ENDING[category])
    if dice.random() < 0.18:  # noqa: PLR2004 (a share)
        name = dice.choice(_LATIN) + dice.choice(_CORE) + dice.choice(_ENDING[category])
    return name + (dice.choice(_EMOJI) if dice.random() < 0.2 else "")  # noqa: PLR2004


def _uid(dice: random.Random, platform: str, number: int) -> str:
    """Ids as long as the platforms': digits beyond what a spreadsheet's number holds, or hexadecimal."""
    if platform == "小红书":
        return f"5e{dice.randrange(16**18):018x}{number:04x}"
    if platform in {"抖音", "tiktok"}:
        return f"7{dice.randrange(10**14):014d}{number:04d}"
    if platform == "youtube":
        return f"UC{dice.randrange(36**6):08d}demo{number:04d}"
    return f"{dice.randrange(1, 9)}{dice.randrange(10**5):05d}{number:04d}"


# ---------------------------------------------------------------- files


def _files(folder: Path, people: Sequence[_Person], dice: random.Random) -> list[ImportRequest]:
    """The files of a year, in the order in which they came."""
    of = {platform: [one for one in people if one.platform == platform] for platform in _PER_PLATFORM}
    others = [one for one in people if one.platform in {"B站", "微博", "视频号", "淘宝直播"}]
    abroad = [one for one in people if one.abroad]
    paths = [
        _write_text(folder / "抖音达人库_星图导出.csv", _douyin(of["抖音"]), "gb18030"),
        _write_book(folder / "小红书博主_蒲公英.xlsx", "博主列表", _xiaohongshu(of["小红书"], dice)),
        _write_web(folder / "快手主播名单.xls", _kuaishou(of["快手"])),
        _write_archive(folder / "其他平台_分月.zip", _by_month(others)),
        _write_text(folder / "overseas_creators.tsv", _overseas(abroad, dice), "utf-16", "\t"),
        _write_book(folder / "联系方式与佣金.xlsx", "联系方式", _contacts(people, dice)),
    ]
    for month in _MONTHS:
        for one in people:
            one.followers = max(120, int(one.followers * dice.choice((0.93, 0.97, 1.0, 1.0, 1.02, 1.05, 1.12))))
            one.likes = max(1, int(one.likes * dice.uniform(0.85, 1.2)))
        paths.append(_write_text(folder / f"粉丝数据_{month:%Y-%m}.csv", _figures(dice.sample(people, len(people) * 3 // 4), month), "utf-8-sig"))
    return [*(ImportRequest(path) for path in paths), *_facts(folder, people), *_recruiting(folder, people)]


def _recruiting(folder: Path, people: Sequence[_Person]) -> list[ImportRequest]:
    """Where leads came from, who answered an open call, what was said, who was taught."""
    told = sample_recruiting.tables(people, random.Random(_SEED + 2))
    paths = {
        "sources": _write_text(folder / "线索来源登记.csv", told["sources"], "utf-8-sig"),
        "form": _write_book(folder / "公开招募报名表.xlsx", "报名", told["form"]),
        "contacts": _write_text(folder / "建联沟通记录.csv", told["contacts"], "gb18030"),
        "trainings": _write_book(folder / "培训成绩.xlsx", "成绩", told["trainings"]),
    }
    return [ImportRequest(path, kind=kind if kind in FACTS else CREATORS) for kind, path in paths.items()]


def _facts(folder: Path, people: Sequence[_Person]) -> list[ImportRequest]:
    """What partners did, in files of the shop, the platforms and the brand's own books."""
    # Dice of their own: the creators stay who they are, whatever is told of them.
    told = sample_facts.tables([one for one in people if one.coupon], random.Random(_SEED + 1))
    paths = {
        "contents": _write_text(folder / "作品数据_汇总.csv", told["contents"], "utf-8-sig"),
        "sales": _write_text(folder / "店铺订单.csv", told["sales"], "gb18030"),
        "costs": _write_book(folder / "达人费用台账.xlsx", "费用", told["costs"]),
        "events": _write_text(folder / "履约记录.csv", told["events"], "utf-8"),
        "paths": _write_text(folder / "转化路径.tsv", told["paths"], "utf-16", "\t"),
    }
    return [ImportRequest(path, kind=kind) for kind, path in paths.items()]


Rows = list[list[str]]


def _chinese(number: int) -> str:
    """A count as people write it."""
    if number >= 100_000 and number % 7 == 0:  # noqa: PLR2004
        return f"{number // 10_000}万+"
    if number >= 10_000:  # noqa: PLR2004
        return f"{number / 10_000:.1f}万"
    return f"{number:,}" if number % 3 else str(number)


def _douyin(people: Sequence[_Person]) -> Rows:
    rows = [["达人昵称", "达人ID", "抖音号", "粉丝数", "平均点赞", "类目", "所在城市", "报价(元)", "21-60s报价", "状态", "媒介", "标签", "数据日期"]]
    rows += [
        [one.name, one.uid, one.handle, _chinese(one.followers), _chinese(one.likes), one.category, one.city, str(one.fee), f"¥{one.fee * 8 // 5:,}",
         one.stage, one.owner, one.tags, f"{_START:%Y/%m/%d}"]
        for one in people
    ]  # fmt: skip
    rows.insert(40, rows[0])  # a header that was copied along
    rows.insert(90, [""] * len(rows[0]))
    rows.append(rows[12])  # and a row that stands twice
    broken = rows[7].copy()
    broken[1], broken[2] = "7.21E+18", "lost.in.excel"
    unsure = rows[8].copy()
    unsure[1], unsure[2], unsure[3] = "71000000000000000", "counting.later", "还在涨，没数"
    nobody = ["没有账号的人", *[""] * (len(rows[0]) - 1)]
    return [*rows, broken, unsure, nobody]


def _xiaohongshu(people: Sequence[_Person], dice: random.Random) -> Rows:
    head = ["博主昵称", "小红书号", "博主ID", "粉丝数", "获赞与收藏", "内容类目", "所在地", "合作报价", "图文笔记一口价", "视频笔记一口价"]
    rows = [["蒲公英博主列表（2026年5月）"], [*head, "粉丝女性用户占比", "图文预估CPM价格", "合作状态", "负责人", "标签", "统计日期"]]
    rows += [
        [one.name, one.handle, one.uid, str(one.followers), str(one.likes * 30), one.category, one.city, str(one.fee), str(one.fee), str(one.fee * 8 // 5),
         f"{dice.uniform(42, 96):.2f}%", f"{dice.uniform(20, 180):.2f}", one.stage, one.owner, one.tags, f"{_START:%Y-%m-%d}"]
        for one in people
    ]  # fmt: skip
    return rows


def _kuaishou(people: Sequence[_Person]) -> Rows:
    rows = [["平台", "主播昵称", "用户ID", "快手号", "粉丝量", "分类", "城市", "报价", "合作状态", "跟进人", "数据日期"]]
    for one in people:
        fee = "-" if one.fee % 3 == 0 else f"{one.fee}元"
        rows.append([
            "快手", one.name, one.uid, one.handle, _chinese(one.followers).replace("万", "w"), one.category, one.city, fee, one.stage, one.owner,
            f"{_START.year}年{_START.month}月{_START.day}日",
        ])  # fmt: skip
    return rows


def _by_month(people: Sequence[_Person]) -> dict[str, Rows]:
    """Parts of one archive: newcomers of three months."""
    head = ["平台", "账号ID", "账号", "昵称", "粉丝数", "类目", "城市", "合作报价", "状态", "负责人", "标签", "数据日期"]
    parts: dict[str, Rows] = {}
    for at, name in enumerate(("2026-03", "2026-04", "2026-05")):
        parts[f"{name}.csv"] = [
            head,
            *(
                [one.platform, one.uid, one.handle, one.name, _chinese(one.followers), one.category, one.city,
                 f"{one.fee}", one.stage, one.owner, one.tags, f"{_START:%Y-%m-%d}"]
                for one in people[at::3]
            ),
        ]  # fmt: skip
    return parts


def _overseas(people: Sequence[_Person], dice: random.Random) -> Rows:
    rows = [["Platform", "Username", "User ID", "Creator Name", "Followers", "Country", "Category", "Engagement Rate", "Fee (CNY)", "Status", "Owner", "Date"]]
    for one in people:
        count = f"{one.followers / 1000:.1f}K" if one.followers < 10**6 else f"{one.followers / 10**6:.2f}M"
        rows.append([
            one.platform, one.handle, one.uid, one.name, count, one.city, one.category, f"{dice.uniform(0.3, 7):.2f}%", str(one.fee), one.stage, one.owner,
            f"{_START:%Y-%m-%d}",
        ])  # fmt: skip
    return rows


def _contacts(people: Sequence[_Person], dice: random.Random) -> Rows:
    """Numbers that no network gives out, addresses of a domain kept for examples."""
    rows = [["平台", "账号ID", "手机号", "微信号", "邮箱", "优惠码", "佣金率(%)", "备注"]]
    chosen = [one for one in people if one.stage in {"试合作", "已签约", "合作中"}]
    for at, one in enumerate(chosen):
        note = dice.choice(("", "", f"擅长{one.category}{dice.choice(_FACES)}", "周末回复慢", "寄样请先电话", "=需要合同"))
        one.coupon, one.rate = f"DEMO{at:04d}", dice.choice((0, 5, 8, 10, 12.5, 15, 20))
        rows.append([
            one.platform, one.uid, f"1000000{at:04d}", f"koc_demo_{at:04d}", f"koc{at:04d}@example.com", one.coupon, f"{one.rate:g}", note,
        ])  # fmt: skip
    rows.append([chosen[0].platform, chosen[0].uid, "", "", "", "", "250", ""])
    return rows


def _figures(people: Sequence[_Person], month: date) -> Rows:
    rows = [["平台", "账号ID", "粉丝量", "平均点赞", "统计日期"]]
    for one in people:
        day = month - timedelta(days=int(one.uid[-1], 36) % 3 if one.uid[-1].isalnum() else 0)
        rows.append([one.platform, one.uid, str(one.followers), str(one.likes), f"{day:%Y-%m-%d}"])
    return rows


# ---------------------------------------------------------------- formats


def _text(rows: Rows, separator: str = ",") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows(rows)
    return out.getvalue()


def _write_text(path: Path, rows: Rows, encoding: str, separator: str = ",") -> Path:
    path.write_bytes(_text(rows, separator).encode(encoding, errors="replace"))
    return path


def _write_archive(path: Path, parts: Mapping[str, Rows]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in parts.items():
            archive.writestr(zipfile.ZipInfo(name), _text(rows).encode("utf-8-sig"))
    return path


def _write_web(path: Path, rows: Rows) -> Path:
    """A web table that calls itself a workbook, as back ends of platforms write it."""
    lines = ["<html><head><meta charset='utf-8'></head><body><table border='1'>"]
    lines += ["<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    path.write_text("\n".join([*lines, "</table></body></html>"]), "utf-8")
    return path


_BOOK: Final = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Target="xl/workbook.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    'Target="worksheets/sheet1.xml" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="{sheet}" sheetId="1" r:id="r1"/></sheets></workbook>',
}
_SHEET: Final = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'


def _write_book(path: Path, sheet: str, rows: Rows) -> Path:
    """The least workbook there is: one sheet, cells of text."""
    cells = "".join(
        f'<row r="{number}">'
        + "".join(f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{html.escape(cell)}</t></is></c>' for at, cell in enumerate(row))
        + "</row>"
        for number, row in enumerate(rows, 1)
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in _BOOK.items():
            archive.writestr(zipfile.ZipInfo(name), body.replace("{sheet}", sheet))
        archive.writestr(zipfile.ZipInfo("xl/worksheets/sheet1.xml"), _SHEET.replace("{rows}", cells))
    return path


# ---------------------------------------------------------------- work


def _take_back_a_mistake(services: Services, folder: Path, people: Sequence[_Person], job: Job) -> None:
    """Somebody took last year's list in and undid it whole."""
    rows = [["平台", "账号ID", "昵称", "粉丝数", "城市"], *([one.platform, one.uid, one.name, "1", "（旧）"] for one in people[::5])]
    report = services.creators.import_file(ImportRequest(_write_text(folder / "去年的名单_误.csv", rows, "utf-8")), job)
    if report.import_id is not None:
        services.workspace.undo(report.import_id, job)


def _work_a_little(services: Services) -> None:
    """Edits of a morning: tags and owners for many, stages and a tier for some."""

    def chosen(where: str, most: int, search: str = "") -> list[int]:
        return [int(one) for one in services.creators.ids(Question(search, where))[:most]]

    steps: tuple[tuple[str, int, Callable[[list[int]], object]], ...] = (
        ("category = 美食 and followers >= 5000", 60, lambda ids: services.creators.tag(ids, ("秋季新品",))),
        ("stage = lead and followers >= 30000", 40, lambda ids: services.creators.edit(ids, {"owner": "安安"}, "公海认领")),
        ("stage = contacted and platform = xiaohongshu", 12, lambda ids: services.recruiting.move(ids, Stage.NEGOTIATING, "已回复报价")),
        ('stage = trial and engagement_rate = ""', 6, lambda ids: services.recruiting.move(ids, Stage.CONTRACTED, "试合作效果好")),
        ("stage = active and tags = 需催稿", 3, lambda ids: services.recruiting.move(ids, Stage.PAUSED, "两次逾期未交稿")),
    )  # fmt: skip
    for where, most, act in steps:
        ids = chosen(where, most)
        if ids:
            act(ids)
    until = max(_OVERRIDE_UNTIL, datetime.now(UTC).date() + timedelta(days=30))
    for one in chosen("tier = nano and stage = active", 2):
        main = services.rating.show(one).main_account_id
        if main is not None:
            services.rating.override(main, Tier.TAIL, until, "门店引流效果接近尾部达人")
