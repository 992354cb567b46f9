# SPDX-License-Identifier: Apache-2.0
"""From a ledger file to a fair judgement: rate, explain, sanction, appeal, change the rules, tell any day again."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import make_url

from app import cli
from sync.compose import opener
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Answer
    from tests.db.conftest import Postgres

    Koc = Callable[..., Answer]

GENERATOR = ROOT / "benchmarks" / "gen.py"
SHANGHAI = ZoneInfo("Asia/Shanghai")
AS_OF = "2026-06-30T16:00:00Z"
RULES = tomllib.loads((ROOT / "resources" / "policies" / "credit.toml").read_text("utf-8"))


# ---------------------------------------------------------------- the rules once more, in a few lines over the files


@dataclass(frozen=True, slots=True)
class Expected:
    score: int
    grade: str
    points: int


def by_hand(folder: Path) -> dict[str, Expected]:
    """Score, grade and sanction points of each uid, from creators.csv and events.csv by the text of the rules."""
    kinds, as_of = {one["name"]: one for one in RULES["types"]}, datetime.fromisoformat(AS_OF)
    events = defaultdict(list)
    with (folder / "events.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            at = datetime.fromisoformat(row["happened_at"]).replace(tzinfo=SHANGHAI)
            if at <= as_of:
                events[row["platform_uid"]].append((kinds[row["type"]], at, (as_of - at).total_seconds() / 86400))
    with (folder / "creators.csv").open(encoding="utf-8") as file:
        return {row["platform_uid"]: judged(events[row["platform_uid"]]) for row in csv.DictReader(file)}


def judged(events: list[tuple[dict[str, Any], datetime, float]]) -> Expected:
    good: dict[str, int] = defaultdict(int)
    bad: dict[str, int] = defaultdict(int)
    months, cap = defaultdict(list), len(ORDER)
    ones = others = 0
    for kind, at, days in events:
        factor, weight = math.floor(2 ** (-days / kind["half_life"]) * 1e6 + 0.5), round(kind["weight"] * 1000)
        if weight > 0:
            months[kind["dimension"], at.year, at.month].append((factor, weight))
        else:
            bad[kind["dimension"]] -= weight * factor
        if "cap" in kind and days <= kind["cap_days"]:
            cap = min(cap, ORDER.index(kind["cap"]))
        points = kind.get("points", 0) if days <= 365 else 0
        ones, others = ones + (points == 1), others + (points if points > 1 else 0)
    for (dimension, _, _), rows in months.items():
        left = 6000
        for factor, weight in sorted(rows, reverse=True):
            good[dimension] += min(left, weight) * factor
            left -= min(left, weight)
    raw = 0.0
    for dimension, share in (("reliability", 400), ("compliance", 250), ("authenticity", 250), ("cooperation", 100)):
        a, b = 4 + good[dimension] / 1e9, 1 + bad[dimension] / 1e9
        n, p = a + b, a / (a + b)
        raw += share * ((p + 1 / (2 * n) - math.sqrt(p * (1 - p) / n + 1 / (4 * n * n))) / (1 + 1 / n))
    score = math.floor(raw + 0.5 + 1e-9)
    grade = next((name for name, low in (("AAA", 880), ("AA", 820), ("A", 740), ("B", 640), ("C", 520)) if score >= low), "D")
    if score < 640 and sum(bad.values()) < 1.5e9:
        grade = "N"
    return Expected(score, ORDER[min(ORDER.index(grade), cap)] if cap < len(ORDER) else grade, min(ones, 5) + others)


ORDER = ("D", "C", "N", "B", "A", "AA", "AAA")


def generated(folder: Path, scale: str, seed: int) -> Path:
    subprocess.run([sys.executable, str(GENERATOR), "--scale", scale, "--seed", str(seed), "--out", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.mark.parametrize(("scale", "seed"), [("T", 1), ("T", 2), ("T", 3), ("S", 7)])
def test_scores_are_those_of_a_few_independent_lines(koc: Koc, tmp_path: Path, scale: str, seed: int) -> None:
    folder = generated(tmp_path / "data", scale, seed)
    koc("init")
    assert koc("import", "creators", folder / "creators.csv", "--json").code == 0
    koc("import", "events", folder / "events.csv", "--json")
    ran = koc("credit", "run", "--as-of", AS_OF, "--json").json
    expected = by_hand(folder)
    rows = koc("creators", "--limit", len(expected), "--json").json["rows"]
    found = {row["accounts"][0]["platform_uid"]: (row["credit_score"], row["credit_grade"]) for row in rows}
    assert found == {uid: (one.score, one.grade) for uid, one in expected.items()}
    assert ran["rated"] == len(expected)
    assert {grade: count for grade, count in ran["grades"].items() if count} == _counted(one.grade for one in expected.values())
    for row in rows[:40]:
        told = koc("credit", "show", row["id"], "--as-of", AS_OF, "--json").json
        one = expected[row["accounts"][0]["platform_uid"]]
        assert (told["score"], told["grade"], told["sanction"]["points"]) == (one.score, one.grade, one.points)
    out = tmp_path / "out.csv"
    koc("export", "creators", out, "--columns", "platform_uid,credit_score,credit_grade", "--json")
    with out.open(encoding="utf-8-sig") as file:
        assert {row["platform_uid"]: (int(row["credit_score"]), row["credit_grade"]) for row in csv.DictReader(file)} == found


def _counted(grades: Any) -> dict[str, int]:
    out: dict[str, int] = {}
    for grade in grades:
        out[grade] = out.get(grade, 0) + 1
    return out


# ---------------------------------------------------------------- one case from file to judgement

CREATORS = "平台,平台ID,昵称,粉丝数\n抖音,7000000000000000001,茶馆老板,12.5万\n抖音,7000000000000000002,小鹿,5万\n"
EVENTS = (
    "event_id,platform_uid,type,happened_at,confirmed_at\n"
    + "".join(f"g{at},7000000000000000001,{kind},2026-10-{at:02d},2026-10-{at:02d}\n" for at, kind in ((3, "praised"), (9, "posted_on_time")))
    + "b1,7000000000000000001,fake_review,2026-10-05,2026-10-06\nb2,7000000000000000001,no_show,2026-10-20,2026-10-21\n"
    + "p1,7000000000000000002,slow_reply,2026-10-05,\n"
)


def _login(address: str, who: str) -> str:
    """Where somebody opens a workspace: a team's server knows people by their logins."""
    return make_url(address).set(username=who).render_as_string() if "://" in address else address


def _case(address: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> list[Any]:  # noqa: PLR0915 (a day from its start to its end)
    folder.mkdir()
    for name, body in (("creators.csv", CREATORS), ("events.csv", EVENTS)):
        (folder / name).write_text(body, encoding="utf-8")
    told: list[Any] = []

    def koc(who: str, *words: object, code: int = 0) -> Any:
        capfd.readouterr()
        found = cli.run(["--workspace", _login(address, who), "--as", who, "--json", *map(str, words)], opener)
        answer = json.loads(capfd.readouterr().out)
        assert found == code, answer
        told.append(_plain(answer))
        return answer

    own_case = 5 if "://" in address else 2
    koc("koc", "init")
    if "://" in address:
        for name in ("审核", "小李"):
            assert cli.run(["--workspace", address, "user", "add", name, "--role", "reviewer"], opener) == 0
    koc("koc", "import", "creators", folder / "creators.csv")
    koc("koc", "import", "events", folder / "events.csv")
    creators = {row["name"]: row for row in koc("koc", "creators", "--sort", "credit_grade")["rows"]}
    assert (creators["茶馆老板"]["credit_grade"], creators["小鹿"]["credit_grade"]) == ("D", "N")
    one = creators["茶馆老板"]["id"]
    shown = koc("koc", "credit", "show", one, "--as-of", "2026-10-31")
    assert [reason["event_id"] for reason in shown["reasons"]][:2] == ["b2", "b1"]
    assert (shown["sanction"]["level"], shown["sanction"]["proposed"]) == ("suspended", True)
    assert [cap["event_id"] for cap in shown["caps"]] == ["b1", "b2"]
    case = koc("koc", "sanction", "list")["rows"][0]["id"]
    koc("koc", "sanction", "decide", case, "--approve", "--reason", "x", code=own_case)
    if "://" in address:  # a team's server knows who somebody is
        koc("koc", "sanction", "decide", case, "--approve", "--self", "--reason", "x", code=own_case)
        told.pop()  # nobody is asked that of a file
    koc("审核", "sanction", "decide", case, "--reason", "x", code=2)
    koc("审核", "sanction", "decide", case, "--approve", "--reason", " ", code=2)
    decided = koc("审核", "sanction", "decide", case, "--approve", "--reason", "证据充分")
    assert (decided["state"], decided["approved"], decided.get("second_person")) == ("running", True, None if "://" in address else "unverified")
    fake = next(event["id"] for event in shown["events"] if event["type"] == "fake_review")
    appeal = koc("小李", "appeal", "file", fake, "--reason", "评价是真的")["id"]
    koc("小李", "appeal", "decide", appeal, "--uphold", "--reason", "x", code=own_case)
    upheld = koc("审核", "appeal", "decide", appeal, "--uphold", "--reason", "平台已更正")
    assert upheld["followed"]["sanctions"] == [{"id": case, "before": "suspended", "after": "warning"}]
    after = koc("koc", "creator", one)
    assert after["creator"]["credit_score"] == upheld["followed"]["score_after"] > shown["score"]
    assert after["credit"]["sanction"]["in_force"] == "warning"
    before = koc("koc", "credit", "show", one, "--as-of", "2026-10-31", "--known-at", "2026-10-31")
    koc("koc", "policy", "set", "credit", _harsher(folder), "--reason", "从严")
    assert koc("koc", "credit", "show", one, "--as-of", "2026-10-31", "--known-at", "2026-10-31") == before
    assert koc("koc", "credit", "show", one, "--as-of", "2026-10-31")["policy_version"] == 2
    assert koc("koc", "credit", "show", one, "--as-of", "2026-10-31", "--policy", "1")["policy_version"] == 1
    other = creators["小鹿"]["id"]
    added = koc("koc", "credit", "add", other, "praised", "--at", "2026-11-01", "--evidence", "客户留言")
    assert (added["happened_at"], added["confirmed_at"], added["evidence"]) == ("2026-10-31T16:00:00Z", None, "客户留言")
    koc("审核", "credit", "confirm", added["id"], "--reason", "属实")
    koc("审核", "credit", "void", added["id"], "--reason", "重复")
    koc("koc", "credit", "add", other, "smiled", code=2)
    koc("koc", "credit", "show", other, "--as-of", "gestern", code=2)
    koc("koc", "credit", "run")
    koc("koc", "info")
    assert koc("koc", "doctor")["ok"]
    return told


def _harsher(folder: Path) -> Path:
    path = folder / "credit.toml"
    path.write_text((ROOT / "resources" / "policies" / "credit.toml").read_text("utf-8").replace("good = 4, bad = 1", "good = 2, bad = 1"), encoding="utf-8")
    return path


LEFT_OUT = frozenset({
    "workspace", "engine", "sqlite_version", "seconds", "detail", "second_person", "recorded_at", "proposed_at", "decided_at", "filed_at", "appeal_until",
    "confirmed_at", "voided_at", "ended_at", "ends_at", "until", "since", "as_of", "known_at", "updated_at", "at", "created_at", "checks",
    "score", "credit_score", "raw", "points", "lost", "effect", "evidence", "good", "bad", "score_before", "score_after", "body",
})  # fmt: skip
"""What the clock, which runs between two calls, or the place decides."""


def _plain(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {name: _plain(value) for name, value in answer.items() if name not in LEFT_OUT}
    return [_plain(one) for one in answer] if isinstance(answer, list) else answer


def test_a_case_from_file_to_judgement_is_the_same_on_a_teams_database(tmp_path: Path, capfd: pytest.CaptureFixture[str], postgres: Postgres) -> None:
    alone, team = _case(str(tmp_path / "one.koc"), tmp_path / "a", capfd), _case(postgres.fresh(), tmp_path / "b", capfd)
    assert [_without_errors(one) for one in alone] == [_without_errors(one) for one in team]


def _without_errors(answer: Any) -> Any:
    return answer["error"]["code"] if "error" in answer else answer


@pytest.mark.parametrize(("language", "said"), [("zh", "品牌自有合作记录，非征信"), ("en", "not a credit report")])
def test_people_read_it_in_their_language(koc: Koc, language: str, said: str) -> None:
    koc("init", "--sample")
    koc("credit", "add", 1, "no_show")
    shown = koc("credit", "show", 1, "--lang", language)
    assert (shown.code, said in shown.out) == (0, True)
    alone = koc("--as", "somebody", "credit", "confirm", _last_event(koc), "--reason", "x", "--lang", language)
    assert alone.code == 0
    assert "--as" in alone.out, "says that a single-user workspace cannot know who it was"
    for words in (("sanction", "list"), ("appeal", "list"), ("credit", "run"), ("credit", "show", 1)):
        assert koc(*words, "--lang", language).code == 0


def _last_event(koc: Koc) -> int:
    return max(int(event["id"]) for event in koc("credit", "show", 1, "--json").json["events"])


def test_evidence_may_be_a_file_and_goes_into_the_backup(koc: Koc, workspace: Path, tmp_path: Path) -> None:
    koc("init", "--sample")
    picture = tmp_path / "截图.png"
    picture.write_bytes(b"seen")
    added = koc("credit", "add", 1, "fake_review", "--evidence", picture, "--json").json
    name, original = added["evidence"].split(" ", 1)
    assert original == "截图.png"
    kept = workspace.with_name(workspace.name + ".files") / name
    assert kept.read_bytes() == b"seen"
    koc("backup", tmp_path / "all.zip")
    kept.unlink()
    assert koc("--workspace", tmp_path / "again.koc", "restore", tmp_path / "all.zip").code == 0
    assert (tmp_path / "again.koc.files" / name).read_bytes() == b"seen"
