# SPDX-License-Identifier: Apache-2.0
"""Who may be one person: a public file with its truth, invented creators with theirs, and what must never be merged."""

from __future__ import annotations

import csv
import random
from typing import TYPE_CHECKING

import pytest

from app.rules import identity
from app.rules.cells import handle_key
from app.rules.identity import How, Table, Trait
from app.rules.spellings import plain_name, plain_phone
from db.writers import sounds

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = (
    Trait("given_name", How.TEXT, (0.75, 0.12, 0.05, 0.08), chance=1.0, near=0.9),
    Trait("surname", How.TEXT, (0.75, 0.12, 0.05, 0.08), chance=1.0, near=0.9),
    Trait("street_number", How.NUMBER, (0.80, 0.10, 0.02, 0.08)),
    Trait("address_1", How.TEXT, (0.75, 0.12, 0.05, 0.08), chance=1.0, near=0.9),
    Trait("address_2", How.TEXT, (0.75, 0.12, 0.05, 0.08), chance=1.0, near=0.9),
    Trait("suburb", How.TEXT, (0.80, 0.12, 0.03, 0.05), chance=1.0, near=0.9),
    Trait("postcode", How.NUMBER, (0.80, 0.12, 0.03, 0.05)),
    Trait("state", How.EXACT, (0.90, 0.0, 0.0, 0.10)),
    Trait("date_of_birth", How.NUMBER, (0.80, 0.12, 0.03, 0.05)),
)


def measured(found: set[tuple[int, int]], true: set[tuple[int, int]]) -> tuple[float, float]:
    right = len(found & true)
    return right / max(len(found), 1), right / len(true)


def pairs(table: Table, traits: tuple[Trait, ...] = identity.CREATORS, least: float = 0.9) -> set[tuple[int, int]]:
    found = identity.suggest(table, traits, least)
    return set(zip(found.a.tolist(), found.b.tolist(), strict=True))


# ---------------------------------------------------------------- a public file


def test_the_public_file_of_people_is_told_apart_without_its_numbers(real: Path) -> None:
    path = real / "g21_febrl1" / "dataset1.csv"
    if not path.is_file():
        pytest.skip("the public file is not on this machine")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{name.strip(): value.strip() for name, value in row.items()} for row in csv.DictReader(file)]
    columns = {trait.name: [[row[trait.name] for row in rows]] for trait in PEOPLE}

    def key(*parts: str) -> list[list[str]]:
        return [["|".join(row[part] for part in parts) if all(row[part] for part in parts) else "" for row in rows]]

    keys = {
        "birth": key("date_of_birth"), "name": key("given_name", "surname"), "street": key("address_1"), "house": key("address_2"),
        "surname": key("surname", "state"), "suburb": key("suburb", "street_number"), "postcode": key("postcode", "given_name"),
    }  # fmt: skip
    table = Table(len(rows), columns, keys)
    who = [row["rec_id"].split("-")[1] for row in rows]
    true = {(a, b) for a in range(len(rows)) for b in range(a + 1, len(rows)) if who[a] == who[b]}
    assert len(true) == 500
    for least in (0.5, 0.9, 0.95):
        precision, recall = measured(pairs(table, PEOPLE, least), true)
        assert precision >= 0.99, least
        assert recall >= 0.95, least


# ---------------------------------------------------------------- invented creators

PLATFORMS = ("douyin", "xiaohongshu", "kuaishou", "bilibili", "wechat_channels", "weibo")
CITIES = ("上海", "北京", "广州", "深圳", "杭州", "成都", "武汉", "西安", "长沙", "南京")
THEMES = ("美妆", "美食", "穿搭", "母婴", "旅行", "数码", "家居", "健身")
FAMILY = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗"
GIVEN = "小红明丽芳娜静敏强磊军洋艳勇杰娟涛超霞平刚桂英玉兰梅婷雪琳晨宇欣怡梓涵子轩浩然一诺"
COMMON = ("小红", "小美", "阿杰", "糖糖", "安安", "七七", "豆豆", "小雨", "可可", "Amy", "Luna", "阿力", "圆圆", "小鱼", "木木")
"""Names that many bear."""
WORDS = ("探店", "日记", "吃不胖", "的衣橱", "测评", "研究所", "在路上", "好物", "", "", "", "vlog", "小厨房", "爱穿搭")


def invented(persons: int, seed: int) -> tuple[list[dict[str, str]], list[int]]:
    """Creators as they come from six platforms: most once, some with a second and third account and all that goes wrong on the way.

    Among them lookalikes: another person of the same common name in the same city, and people whose contact is one agency's phone.
    """
    dice = random.Random(seed)  # noqa: S311 (an invented world needs seeded dice)
    rows: list[dict[str, str]] = []
    who: list[int] = []
    agency = ["".join(dice.choices("0123456789", k=8)) for _ in range(4)]
    for person in range(persons):
        name = dice.choice(FAMILY) + "".join(dice.choices(GIVEN, k=dice.choice((1, 2, 2)))) + dice.choice(WORDS)
        name = dice.choice(COMMON) if dice.random() < 0.15 else name
        by_agency = dice.random() < 0.08
        own = "1" + "".join(dice.choices("3456789", k=1)) + "".join(dice.choices("0123456789", k=9))
        phone = f"138{dice.choice(agency)}" if by_agency else own
        wechat = "".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=6)) + "".join(dice.choices("0123456789", k=3))
        base = {"name": name, "phone": phone, "wechat": wechat, "email": f"{wechat}@mail.com", "city": dice.choice(CITIES), "category": dice.choice(THEMES)}
        times = dice.choices((1, 2, 3), weights=(80, 15, 5))[0]
        for place, platform in enumerate(dice.sample(PLATFORMS, times)):
            row = {**base, "platform": platform, "handle": f"{wechat[:5]}{person}"}
            row = _noisy(dice, row) if place else row
            for name_, share in (("phone", 0.25), ("wechat", 0.35), ("email", 0.7), ("city", 0.15), ("handle", 0.3)):
                if dice.random() < share:
                    row[name_] = ""
            rows.append(row)
            who.append(person)
    for at in dice.sample([at for at, row in enumerate(rows) if row["name"] in COMMON], persons // 20):
        row = rows[at]
        rows.append({**row, "phone": "1" + "".join(dice.choices("3456789", k=10)), "wechat": "", "email": "", "handle": "", "platform": dice.choice(PLATFORMS)})
        who.append(persons + len(who))
    return rows, who


def _noisy(dice: random.Random, row: dict[str, str]) -> dict[str, str]:
    """The same person as another platform has it."""
    name = row["name"]
    name = dice.choice([name, name, f"{name}🍓", f" {name} ", name + dice.choice(WORDS), name.replace("红", "虹").replace("晨", "辰"), f"@{name}"])
    phone = row["phone"]
    if dice.random() < 0.1:
        at = dice.randrange(3, 10)
        phone = phone[:at] + phone[at + 1] + phone[at] + phone[at + 2 :]
    phone = dice.choice([phone, f"+86 {phone[:3]} {phone[3:7]} {phone[7:]}", phone])
    return {**row, "name": name, "phone": phone, "handle": dice.choice([row["handle"], row["handle"].upper(), f"@{row['handle']}", f"{row['handle']}_x"])}


def creators(rows: list[dict[str, str]]) -> Table:
    """Rows as the store puts them."""
    columns: dict[str, list[list[str]]] = {name: [[row[name] for row in rows]] for name in ("city", "category", "platform")}
    columns["name"] = [[plain_name(row["name"]) for row in rows]]
    columns["phone"] = [[plain_phone(row["phone"]) for row in rows]]
    for name in ("wechat", "email", "handle"):
        columns[name] = [[handle_key(row[name]) if row[name] else "" for row in rows]]
    spoken = sounds.of_all(columns["name"][0])
    return Table(len(rows), columns, identity.keys_of(columns, spoken), {"name": [spoken]}, columns["name"][0])


def true_pairs(who: list[int]) -> set[tuple[int, int]]:
    by: dict[int, list[int]] = {}
    for at, person in enumerate(who):
        by.setdefault(person, []).append(at)
    return {(a, b) for places in by.values() for a in places for b in places if a < b}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_invented_creators_on_several_platforms_are_found_and_lookalikes_are_not(seed: int) -> None:
    rows, who = invented(4_000, seed)
    table, true = creators(rows), true_pairs(who)
    precision, recall = measured(pairs(table), true)
    assert precision >= 0.99
    assert recall >= 0.90
    sure, _ = measured(pairs(table, least=0.99), true)
    assert sure >= 0.99


def test_the_phone_of_an_agency_is_weak_and_a_phone_of_two_is_strong() -> None:
    rows, who = invented(2_000, 5)
    for at in range(300):
        rows[at] = {**rows[at], "phone": "13900000000", "wechat": "", "email": "", "handle": ""}
    one = {"name": "唯一的名字", "phone": "13711112222", "wechat": "", "email": "", "handle": "", "city": "上海", "category": "美妆", "platform": "douyin"}
    who += [-1, -1]
    rows += [one, {**one, "platform": "weibo", "name": "唯一的名字呀"}]
    found = identity.suggest(creators(rows), identity.CREATORS, 0.9)
    shared = {(a, b) for a, b in zip(found.a.tolist(), found.b.tolist(), strict=True)}
    last = len(rows) - 1
    assert (last - 1, last) in shared
    told = found.evidence[list(zip(found.a.tolist(), found.b.tolist(), strict=True)).index((last - 1, last))]
    assert told[0].code == "phone.same"
    assert told[0].shared == 2
    # Of the 45,000 pairs that have the agency's phone in common, hardly one is suggested that is not one person.
    by_agency = {(a, b) for a, b in shared if b < 300}
    assert len(by_agency) < 150
    assert measured(by_agency, true_pairs(who))[0] >= 0.95
    assert any(one.key == "phone" and one.largest >= 300 for one in found.crowded)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ＡＢ小红", "ab小红"), ("小 红", "小红"), ("@小红", "小红"), ("小红🍓", "小红"), ("Ｌｕｎａ", "luna")],
)
def test_spellings_of_one_name_are_one(one: str, other: str) -> None:
    assert plain_name(one) == plain_name(other)


@pytest.mark.parametrize("text", ["13812345678", "+86 138-1234-5678", "0086 13812345678", "１３８１２３４５６７８", "86 138 1234 5678"])
def test_spellings_of_one_phone_are_one(text: str) -> None:
    assert plain_phone(text) == "13812345678"


def test_nobody_and_one_alone_have_no_pairs() -> None:
    assert pairs(creators([])) == set()
    assert pairs(creators(invented(1, 1)[0][:1])) == set()


@pytest.mark.parametrize(
    ("name", "kept", "gone", "side"),
    [
        ("city", "上海", "北京", "a"), ("city", None, "北京", "b"), ("city", "上海", None, "a"), ("joined_at", 5, 3, "b"), ("joined_at", 3, 5, "a"),
        ("stage", 1, 6, "b"), ("stage", 2, 8, "a"), ("stage", 7, 6, "a"), ("city", "上海", "上海", "a"),
    ],
)  # fmt: skip
def test_which_value_stays_where_nobody_says(name: str, kept: object, gone: object, side: str) -> None:
    assert identity.stays(name, kept, gone) == side
