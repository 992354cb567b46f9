# SPDX-License-Identifier: Apache-2.0
"""From an open call to a contract: a form comes in, leads are claimed, written to, taught and counted, and one who says no is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Answer

    Koc = Callable[..., Answer]

HEAD = ["提交时间", "1、您所在的平台（必填）", "2、您的账号ID（必填）", "3、您的昵称", "粉丝数", "4、请填写您的微信号（必填）", "5、手机号码", "6、报名渠道"]


def form(folder: Path, *rows: list[str]) -> Path:
    path = folder / "招募报名.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (HEAD, *rows):
        sheet.append(row)
    book.save(path)
    return path


def rows(answer: Answer) -> list[dict[str, Any]]:
    assert answer.code == 0, answer.out + answer.err
    found: list[dict[str, Any]] = answer.json["rows"]
    return found


@pytest.fixture
def brand(koc: Koc, tmp_path: Path) -> Koc:
    koc("init")
    people = [["2026-11-01", "小红书", f"u{at}", f"达人{at}", str(at * 900), f"wx_{at}", f"1380000{at:04d}", "公开招募"] for at in range(1, 7)]
    taken = koc("import", "creators", form(tmp_path, *people), "--json")
    assert (taken.code, taken.json["inserted"]) == (0, 6)
    assert {"platform", "platform_uid", "name", "wechat", "phone", "source"} <= set(taken.json["mapping"])
    return koc


def test_an_open_call_goes_straight_into_the_pipeline(brand: Koc):
    assert brand("creators", "--where", 'source = 公开招募 and stage = lead and owner = ""', "--json").json["total"] == 6
    found = brand("stage", "funnel", "--by-source", "--json").json
    assert found["stages"][0] == {
        "stage": "lead", "count": 6, "entered": 6, "left": 0, "onward": 0, "median_days": None, "conversion": 0.0,
    }  # fmt: skip
    assert [one["source"] for one in found["sources"]] == ["公开招募"]
    assert brand("stage", "funnel", "--from", "2020-01-01", "--to", "2020-12-31", "--json").json["stages"][0]["entered"] == 0
    assert brand("stage", "funnel", "--from", "soon", "--json").code == 2


def test_stages_move_by_the_rules(brand: Koc):
    assert brand("stage", "move", 1, "已建联", "--json").json["moved"] == 1
    refused = brand("stage", "move", 1, "已终止", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (2, "reason_needed")
    assert brand("stage", "move", 1, "ended", "--reason", "price: 超出预算").code == 0
    wrong = brand("stage", "move", 1, "active", "--json")
    assert (wrong.code, wrong.json["error"]["code"]) == (2, "stage_not_allowed")
    assert "lead" in wrong.json["error"]["message"]
    assert brand("creator", 1, "--json").json["stage_history"][-1]["reason"] == "price: 超出预算"


def test_a_morning_at_the_copy_queue(brand: Koc):
    me, other = ("--as", "安安", "--json"), ("--as", "木木", "--json")
    assert brand("recruit", "template", "set", "首次", "{name}你好，{nobody}", *me).json["error"]["code"] == "unknown_placeholder"
    brand("recruit", "template", "set", "首次", "{name}你好，我是{me}", *me)
    assert brand("recruit", "claim", "xiaohongshu:u1", 2, *me).json["changed"] == 2
    taken = brand("recruit", "claim", 2, 3, *other)
    assert (taken.code, taken.json["left"][0]["code"], taken.json["left"][0]["clash"]["who"]) == (1, "owned", "安安")
    head = rows(brand("recruit", "queue", "首次", *me))
    assert [one["creator_id"] for one in head] == [2, 1, 6, 5, 4]
    assert head[0]["text"] == "达人2你好，我是安安"
    sent = brand("recruit", "sent", 2, "首次", "--text", head[0]["text"], *me).json
    assert (sent["moved"], sent["left"]) == (True, 59)
    brand("recruit", "skip", 1, "--reason", "放假", *me)
    brand("recruit", "optout", 6, "--reason", "不接广告", *me)
    assert [one["creator_id"] for one in rows(brand("recruit", "queue", "首次", *me))] == [5, 4]
    refused = brand("recruit", "sent", 6, "首次", *me)
    assert (refused.code, refused.json["error"]["code"]) == (2, "suppressed")
    assert [(one["who"], one["text"]) for one in rows(brand("contact", "list", 2, *me))] == [("安安", "达人2你好，我是安安")]
    warned = brand("contact", "add", 2, "我也问问", *other).json
    assert warned["clash"]["code"] == "owned"
    assert brand("contact", "void", warned["id"], "--reason", "发错人", *other).code == 0
    assert brand("recruit", "lift", 6, "--reason", "又愿意了", *me).json["lifted"] == 1
    assert rows(brand("recruit", "optouts", *me)) == []


def test_a_question_that_nobody_answers_is_known_at_the_next_start(brand: Koc, tmp_path: Path):
    brand("contact", "add", 3, "档期？", "--at", "2026-11-01 10:00", "--answer-by", "2026-11-03 10:00")
    told = tmp_path / "events.csv"
    brand("export", "events", told)
    assert "slow_reply" in told.read_text("utf-8-sig"), "any command that opens the workspace catches up"
    brand("contact", "add", 3, "有", "--in", "--at", "2026-11-02 09:00")
    shown = brand("credit", "show", 3, "--json").json
    assert [one["type"] for one in shown["reasons"]] == ["replied_in_time"]


def test_who_leaves_is_handed_over_and_plans_are_told(brand: Koc, tmp_path: Path):
    brand("recruit", "claim", 1, 2, 3, "--as", "安安")
    done = brand("recruit", "handover", "安安", "木木", "--json")
    assert (done.code, done.json["moved"]["creator"]) == (0, 3)
    assert [(one["owner"], one["count"]) for one in rows(brand("recruit", "owners", "--json"))] == [(None, 3), ("木木", 3)]
    plan = brand("recruit", "plan", "--set", 10, "--platform", "小红书", "--json").json
    assert [(one["platform"], one["target"], one["actual"]) for one in plan["plans"]] == [("xiaohongshu", 10, 0)]
    assert [one["goal"]["target"] for one in plan["goals"]] == [5_000, 10_000, 100_000, 500_000]
    assert plan["pace_days"] == 28
    assert brand("stage", "overdue", "--json").json == {"total": 0, "rows": []}
    assert brand("recruit", "return", "--dry-run", "--json").json["changed"] == 0

    brand("recruit", "course", "set", "入门", "--pass-mark", 60)
    sheet = tmp_path / "成绩.csv"
    sheet.write_text("平台,达人ID,课程,成绩,考试日期\n小红书,u1,入门,88.5,2026-11-02\n小红书,u2,入门,12,2026-11-02\n", "utf-8")
    assert brand("import", "trainings", sheet, "--json").json["inserted"] == 2
    assert [(one["taken"], one["passed"], one["pass_mark"]) for one in rows(brand("recruit", "course", "list", "--json"))] == [(2, 1, 60)]
    added = brand("recruit", "entitlement", "add", "专属码", "code", "D11", "--stock", 1, "--cost-fen", 500, "--json").json
    used = brand("recruit", "entitlement", "use", added["id"], 1, 2, "--json")
    assert (used.code, used.json["used"], used.json["left"][0]["code"]) == (1, 1, "used_up")

    out = tmp_path / "往来.csv"
    brand("contact", "add", 1, "=你好", "--at", "2026-11-01 10:00", "--channel", "phone")
    assert brand("export", "contacts", out, "--json").json["rows"] == 1
    again = brand("import", "contacts", out, "--json").json
    assert (again["inserted"], again["unchanged"]) == (0, 1)
    assert brand("doctor").code == 0


def test_mail_says_what_is_missing(brand: Koc):
    brand("recruit", "template", "set", "信", "你好{name}", "--channel", "email", "--subject", "合作")
    assert brand("recruit", "mail", "send", "信", 1, "--json").json["error"]["code"] == "mail_not_set"
    plain = brand("recruit", "mail", "set", "--host", "mail.example", "--sender", "a@b.example", "--security", "none", "--json")
    assert (plain.code, plain.json["error"]["code"]) == (2, "mail_not_secure")
