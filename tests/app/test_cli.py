# SPDX-License-Identifier: Apache-2.0
"""The command line keeps its names, keys and exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from app import cli
from app.grammar import globals_first
from app.terminal import shown, table
from db.maintenance import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Answer

    Koc = Callable[..., Answer]

SHEET = """平台,账号ID,昵称,粉丝数,城市,标签
抖音,7123456789012345678,小满厨房,1.2万,上海,探店;复投
小红书,5f0001,云朵试色本,9800,杭州,
小红书,5f0001,云朵试色本,9900,,
快手,88,山里的栗子,很多,成都,
"""


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "名单.csv"
    path.write_text(SHEET, "utf-8")
    return path


@pytest.fixture
def filled(koc: Koc, sheet: Path) -> Koc:
    assert koc("init").code == 0
    assert koc("import", "creators", sheet).code == 1
    return koc


# ---------------------------------------------------------------- answers


def test_init_makes_a_workspace_once(koc: Koc, workspace: Path):
    made = koc("init", "--json")
    assert made.code == 0
    assert made.json["workspace"] == str(workspace)
    assert made.json["created"] is True
    assert made.json["schema_version"] == SCHEMA_VERSION
    assert made.err == ""
    again = koc("init", "--json")
    assert (again.code, again.json["error"]["code"]) == (3, "exists")


def test_init_forced_keeps_the_old_file(filled: Koc, workspace: Path):
    assert filled("init", "--force").code == 0
    assert filled("info", "--json").json["counts"]["creators"] == 0
    assert list(workspace.parent.glob("brand.koc.replaced-*"))


def test_info_tells_what_is_in_it(filled: Koc):
    info = filled("info", "--json").json
    assert {"workspace", "schema_version", "engine", "sqlite_version", "content_hash", "counts"} <= info.keys()
    assert info["engine"] == "sqlite"
    assert (info["counts"]["creators"], info["counts"]["accounts"]) == (2, 2)
    assert len(info["content_hash"]) == 64


def test_import_adds_up(koc: Koc, sheet: Path, tmp_path: Path):
    koc("init")
    answer = koc("import", "creators", sheet, "--errors", tmp_path / "bad.xlsx", "--json")
    report = answer.json
    assert answer.code == 1
    assert {
        "import_id", "kind", "read", "inserted", "updated", "unchanged", "rejected", "duplicates", "sums", "mapping", "unmapped", "warnings",
        "changes", "errors", "seconds",
    } <= report.keys()  # fmt: skip
    assert report["read"] == 4 == sum(report[name] for name in ("inserted", "updated", "unchanged", "rejected", "duplicates"))
    assert report["sums"]["followers"] == 12_000 + 9_800 + 9_900
    assert report["mapping"]["name"] == "昵称"
    assert report["errors"] == [{"row": 5, "column": "粉丝数", "value": "很多", "code": "bad_number", "reason": "not a number"}]
    book = openpyxl.load_workbook(tmp_path / "bad.xlsx")
    cells = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
    assert len(cells) == 2
    assert "not a number" in str(cells[1][-1])


def test_dry_run_tells_each_cell_and_writes_nothing(filled: Koc, tmp_path: Path):
    before = filled("info", "--json").json["content_hash"]
    update = tmp_path / "更新.csv"
    update.write_text("平台,账号ID,城市,状态\n抖音,7123456789012345678,苏州,合作中\n", "utf-8")
    report = filled("import", "creators", update, "--dry-run", "--json").json
    changes = {change["field"]: change for change in report["changes"]}
    assert report["import_id"] is None
    assert (changes["city"]["before"], changes["city"]["after"], changes["city"]["row"]) == ("上海", "苏州", 2)
    assert (changes["stage"]["before"], changes["stage"]["after"]) == ("lead", "active")
    assert "抖音" not in changes["city"]["key"]
    assert filled("info", "--json").json["content_hash"] == before


FACTS = {
    "sales": ("shop,order_id,platform,platform_uid,paid_at,amount_fen\n旗舰店,{a},douyin,{u},2026-01-02,{n}\n旗舰店,o3,douyin,{u},2026-01-02,5\n"),
    "contents": ("content_id,platform,platform_uid,published_at,views\n{a},douyin,{u},2026-01-02,{n}\nc3,douyin,{u},2026-01-02,5\n"),
    "metrics": ("content_id,platform,platform_uid,as_of,views\n{a},douyin,{u},2026-01-02,{n}\nc3,douyin,{u},2026-01-02,5\n"),
    "costs": ("cost_id,platform,platform_uid,kind,amount_fen,incurred_at\n{a},douyin,{u},fee,{n},2026-01-02\nk3,douyin,{u},fee,5,2026-01-02\n"),
    "paths": ("path,conversions\n{a} > 抖音,{n}\n微博,5\n"),
}


@pytest.mark.parametrize("kind", FACTS)
def test_an_undone_import_of_facts_counts_as_its_report_does(filled: Koc, tmp_path: Path, kind: str):
    uid = filled("creators", "--json").json["rows"][0]["accounts"][0]["platform_uid"]
    for number, name in ((1, "x1"), (2, "x1"), (3, "x2")):
        file = tmp_path / f"{number}.csv"
        file.write_text(FACTS[kind].format(a=name, u=uid, n=number * 10), "utf-8")
        report = filled("import", kind, file, "--json").json
        undone = filled("imports", "undo", report["import_id"], "--json").json["undone"]
        assert (undone["inserted_removed"], undone["updates_reverted"], undone["kept"]) == (report["inserted"], report["updated"], [])
        assert report["inserted"] + report["updated"] > 0
        filled("import", kind, file)


def test_imports_are_listed_and_undone(filled: Koc):
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    listed = filled("imports", "--json").json["imports"]
    assert [(one["kind"], one["file"], one["inserted"], one["undone_at"]) for one in listed] == [("creators", "名单.csv", 2, None)]
    undone = filled("imports", "undo", listed[0]["id"], "--json")
    assert undone.code == 0
    assert (undone.json["undone"]["inserted_removed"], undone.json["undone"]["updates_reverted"]) == (2, 0)
    assert undone.json["undone"]["kept"] == []
    assert filled("info", "--json").json["content_hash"] == empty


def test_undo_of_what_is_no_import_is_wrong_usage(filled: Koc):
    filled("creator", "set", 1, "city=北京")
    for number in (2, 999):
        answer = filled("imports", "undo", number, "--json")
        assert (answer.code, answer.json["error"]["code"]) == (2, "unknown_operation")


def test_creators_search_filter_sort_page(filled: Koc):
    assert filled("creators", "--search", "厨房", "--json").json["total"] == 1
    found = filled("creators", "--where", "followers >= 9900 and city ~ 上", "--json").json
    assert [row["name"] for row in found["rows"]] == ["小满厨房"]
    ordered = filled("creators", "--sort", "-followers", "--json").json
    assert [row["followers"] for row in ordered["rows"]] == [12_000, 9_900]
    paged = filled("creators", "--sort", "followers,-name", "--limit", 1, "--offset", 1, "--json").json
    assert (paged["total"], [row["followers"] for row in paged["rows"]]) == (2, [12_000])
    row = ordered["rows"][0]
    assert {"id", "name", "stage", "tier", "group", "followers", "platforms", "category", "city", "tags"} <= row.keys()
    assert row["platforms"] == ["douyin"]
    assert row["tags"] == ["探店", "复投"]
    assert row["accounts"][0]["platform_uid"] == "7123456789012345678"


def test_money_and_shares_of_a_creator_are_written_for_people(filled: Koc):
    assert filled("creator", "set", 1, "fee_fen=25050", "commission_bp=1250").code == 0
    said = filled("--lang", "en", "creator", 1).out
    assert "¥250.50" in said
    assert "12.5%" in said
    assert "25,050" not in said


def test_one_creator_by_number_and_by_account(filled: Koc):
    by_number = filled("creator", 1, "--json").json
    assert {"creator", "accounts", "stage_history", "tier"} <= by_number.keys()
    assert by_number["creator"]["name"] == "小满厨房"
    by_account = filled("creator", "douyin:7123456789012345678", "--json").json
    assert by_account["creator"]["id"] == by_number["creator"]["id"]


def test_creator_add_set_tag(filled: Koc):
    added = filled("creator", "add", "--name", "半糖年糕", "--account", "B站:77:niangao", "--followers", "3.5万", "--fee-fen=120000", "--json").json
    assert (added["name"], added["followers"], added["fee_fen"], added["accounts"][0]["handle"]) == ("半糖年糕", 35_000, 120_000, "niangao")
    changed = filled("creator", "set", added["id"], "city=厦门", "owner=木木", "--reason", "认领", "--json").json
    assert (changed["city"], changed["owner"]) == ("厦门", "木木")
    emptied = filled("creator", "set", added["id"], "owner=", "--json").json
    assert emptied["owner"] is None
    assert filled("creator", "tag", added["id"], "+新锐", "+v", "--json").json["tags"] == ["新锐", "v"]
    assert filled("creator", "tag", added["id"], "-v", "+探店", "-新锐", "--json").json["tags"] == ["探店"]


def test_stage_move_in_either_language(filled: Koc):
    moved = filled("stage", "move", 1, "已建联", "--reason", "私信已回", "--json").json
    assert (moved["moved"], moved["from"], moved["to"]) == (1, "lead", "contacted")
    assert filled("stage", "move", 1, "contacted", "--json").json["moved"] == 0
    assert filled("stage", "move", 1, "nowhere", "--json").code == 2
    history = filled("creator", 1, "--json").json["stage_history"]
    assert any(step["stage"] == "contacted" and step["reason"] == "私信已回" for step in history)


def test_tiers_run_show_policy(filled: Koc, tmp_path: Path):
    ran = filled("tier", "run", "--json").json
    assert {"changed", "unchanged", "moves", "policy_version"} <= ran.keys()
    assert (ran["changed"], ran["unchanged"], ran["policy_version"]) == (0, 2, 1)
    shown_ = filled("tier", "show", 2, "--json").json
    assert (shown_["tier"], shown_["accounts"][0]["band"]) == ("nano", [1_000, 10_000])
    body = filled("tier", "policy", "--json").json
    stricter = tmp_path / "tiers.toml"
    stricter.write_text(
        'time_zone = "Asia/Shanghai"\nhysteresis_percent = 10\n[edges]\nother = [500, 5000, 20000, 100000, 1000000]\n'
        '[groups]\nother = ["nano_koc", "nano_koc", "mid_koc", "mid_koc", "kol", "kol"]\n',
        "utf-8",
    )
    tried = filled("tier", "policy", "--set", stricter, "--dry-run", "--json").json
    assert {(move["from"], move["to"]) for move in tried["moves"]} == {("nano", "tail")}
    assert filled("tier", "policy", "--json").json["version"] == body["version"]
    assert filled("tier", "policy", "--set", stricter, "--json").json["policy_version"] == 2
    assert filled("tier", "show", 2, "--json").json["tier"] == "tail"


def test_a_tier_set_by_hand_and_taken_off(filled: Koc):
    by_hand = filled("tier", "override", 1, "腰部", "--until", "2099-12-31", "--reason", "门店引流好", "--json").json
    assert (by_hand["tier"], by_hand["accounts"][0]["override"]["reason"]) == ("mid", "门店引流好")
    assert filled("tier", "override", 1, "--clear", "--reason", "复核", "--json").json["tier"] == "nano"
    assert filled("tier", "override", 1, "mid", "--json").json["error"]["code"] == "value_missing"
    assert filled("tier", "override", 1, "mid", "--until", "2001-01-01", "--reason", "x", "--json").json["error"]["code"] == "override_over"


def test_policies_are_listed_shown_set(filled: Koc, tmp_path: Path):
    listed = filled("policy", "list", "--json").json["policies"]
    assert ("tiers", 1) in {(one["name"], one["version"]) for one in listed}
    assert {"name", "version", "since", "by", "reason"} <= listed[0].keys()
    assert filled("policy", "show", "tiers", "--version", 1, "--json").json["body"]["hysteresis_percent"] == 10
    bad = tmp_path / "bad.toml"
    bad.write_text("hysteresis_percent = 400\n", "utf-8")
    assert filled("policy", "set", "tiers", bad, "--reason", "x", "--json").json["error"]["code"] == "policy_invalid"
    assert filled("policy", "show", "nonsense", "--json").code == 2


def test_doctor_audit_backup_restore(filled: Koc, workspace: Path, tmp_path: Path):
    health = filled("doctor", "--json")
    assert (health.code, health.json["ok"]) == (0, True)
    assert all({"name", "ok", "detail"} <= check.keys() for check in health.json["checks"])
    assert filled("audit", "verify", "--json").json["ok"] is True
    before = filled("info", "--json").json["content_hash"]
    made = filled("backup", tmp_path / "brand.kocbackup", "--json")
    assert made.code == 0
    assert made.json["ok"] is True
    filled("creator", "set", 1, "city=北京")
    assert filled("restore", tmp_path / "brand.kocbackup", "--json").code == 3
    assert filled("restore", tmp_path / "brand.kocbackup", "--force", "--json").json["ok"] is True
    assert filled("info", "--json").json["content_hash"] == before
    assert workspace.is_file()


def test_export_comes_back_unchanged(filled: Koc, tmp_path: Path):
    for name in ("out.csv", "out.xlsx"):
        written = filled("export", "creators", tmp_path / name, "--json").json
        assert (written["rows"], written["file"]) == (2, str(tmp_path / name))
        again = filled("import", "creators", tmp_path / name, "--json").json
        assert (again["read"], again["unchanged"], again["rejected"]) == (2, 2, 0)
    only = filled("export", "creators", tmp_path / "few.csv", "--where", "city = 上海", "--columns", "id,name", "--json").json
    assert only["rows"] == 1
    assert (tmp_path / "few.csv").read_text("utf-8-sig").splitlines() == ["id,name", "1,小满厨房"]


# ---------------------------------------------------------------- complaints


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("creators",), "missing"),
        (("info",), "missing"),
    ],
)
def test_without_a_workspace(koc: Koc, words: tuple[str, ...], code: str):
    answer = koc(*words, "--json")
    assert (answer.code, answer.json["error"]["code"]) == (3, code)
    assert answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nonsense",), "usage.no_such_command"),
        ((), "usage.missing_command"),
        (("tier",), "usage.missing_command"),
        (("creators", "--nonsense"), "usage.no_such_option"),
        (("creators", "--limit", "many"), "usage.bad_parameter"),
        (("creators", "--limit", "-1"), "usage.bad_parameter"),
        (("creators", "too", "many"), "usage.too_many"),
        (("import", "contents", "nowhere.csv"), "no_file"),
        (("import", "dreams", "x.csv"), "usage.no_such_command"),
        (("import", "creators"), "usage.missing_parameter"),
        (("import", "creators", "nowhere.csv"), "no_file"),
        (("import", "creators", "{sheet}", "--map", "followers"), "not_a_pair"),
        (("import", "creators", "{sheet}", "--map", "shoe_size=昵称"), "unknown_map_field"),
        (("import", "creators", "{sheet}", "--map", "followers=鞋码"), "unknown_column"),
        (("import", "creators", "{sheet}", "--key", "shoe_size"), "unknown_key_field"),
        (("import", "creators", "{sheet}", "--encoding", "klingon"), "unknown_encoding"),
        (("export", "creators", "x.pdf"), "unknown_ending"),
        (("export", "creators", "x.csv", "--columns", "shoe_size"), "unknown_field"),
        (("creators", "--where", "shoe_size > 3"), "unknown_field"),
        (("creators", "--where", "followers >"), "filter_syntax"),
        (("creators", "--where", "followers > many"), "filter_value"),
        (("creators", "--sort", "shoe_size"), "unknown_field"),
        (("creator", "99"), "unknown_creator"),
        (("creator", "set", "1", "city"), "not_a_pair"),
        (("creator", "set", "1", "followers=many"), "bad_value"),
        (("creator", "set", "1", "tier=top"), "field_fixed"),
        (("creator", "add", "--name", "x"), "usage.missing_parameter"),
        (("creator", "add", "--name", "x", "--account", "douyin:1", "--shoe-size", "3"), "unknown_field"),
        (("creator", "add", "--name", "x", "--account", "douyin:7123456789012345678"), "creator_exists"),
        (("creator", "tag", "1", "--x"), "unknown_argument"),
        (("stage", "move", "1", "nowhere"), "bad_value"),
        (("tier", "run", "--as-of", "someday"), "bad_value"),
        (("tier", "policy", "--set", "nowhere.toml"), "no_file"),
        (("restore", "nowhere.kocbackup", "--force"), "no_file"),
        (("--lang", "fr", "info"), "unknown_language"),
        (("campaign", "close"), "usage.no_such_command"),
    ],
)  # fmt: skip
def test_wrong_usage_is_two_and_one_document(filled: Koc, sheet: Path, words: tuple[str, ...], code: str):
    answer = filled(*(word.format(sheet=sheet) if "{" in word else word for word in words), "--json")
    assert (answer.json["error"]["code"], answer.code) == (code, 2)
    assert answer.json["error"].keys() == {"code", "message", "details"}
    assert answer.err == ""


def test_complaints_are_sentences_on_stderr(filled: Koc):
    answer = filled("creators", "--where", "followers > many")
    assert answer.out == ""
    assert answer.err == "koc: At character 13 of the filter, Followers cannot be compared with “many”.\n"


def test_filter_mistakes_name_the_position(filled: Koc):
    details = filled("creators", "--where", "followers > 3 nonsense", "--json").json["error"]["details"]
    assert (details["position"], details["token"]) == (14, "nonsense")


# ---------------------------------------------------------------- people's output


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "words",
    [
        (), ("init",), ("info",), ("import",), ("import", "creators"), ("imports",), ("imports", "undo"), ("export", "creators"), ("creators",),
        ("creator",), ("creator", "show"), ("creator", "add"), ("creator", "set"), ("creator", "tag"), ("stage", "move"), ("tier", "run"),
        ("tier", "show"), ("tier", "policy"), ("tier", "override"), ("policy", "list"), ("policy", "show"), ("policy", "set"), ("doctor",),
        ("backup",), ("restore",), ("audit", "verify"),
    ],
)  # fmt: skip
def test_help_is_whole_in_both_languages(koc: Koc, language: str, words: tuple[str, ...]):
    answer = koc("--lang", language, *words, "--help")
    assert answer.code == 0
    assert "help." not in answer.out
    assert ("用法：" in answer.out) == (language == "zh")
    assert ("Show this" in answer.out) == (language == "en")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_human_output_has_no_bare_keys(filled: Koc, sheet: Path, tmp_path: Path, language: str):
    for words in (
        ("info",), ("import", "creators", sheet), ("import", "creators", sheet, "--dry-run"), ("imports",), ("creators",), ("creator", 1),
        ("creator", "set", 1, "city=苏州"), ("stage", "move", 1, "trial"), ("tier", "run"), ("tier", "show", 1), ("tier", "policy"),
        ("policy", "list"), ("doctor",), ("audit", "verify"), ("backup", tmp_path / "b.kocbackup"), ("export", "creators", tmp_path / "x.csv"),
    ):  # fmt: skip
        text = filled("--lang", language, *words).out
        assert text.strip()
        for family in ("cli.", "field.", "report.", "count.", "info.", "check.", "stage.", "tier.", "platform.", "reject.", "warning."):
            assert f" {family}" not in f" {text}", (words, text)


def test_tables_align_wide_characters_and_strike_control_characters_out():
    text = table(["id", "昵称"], [[1, "小鹿"], [12, "a\x1b[31mb"]])
    assert text.splitlines() == ["id  昵称", " 1  小鹿", "12  a\ufffd[31mb"]
    assert shown(1234567) == "1,234,567"
    assert shown("👨\u200d👩") == "👨\u200d👩"
    assert shown(None) == ""


def test_the_options_of_every_command_may_stand_anywhere():
    assert globals_first(["creators", "--json", "--search", "x", "--lang=zh", "--as", "y"]) == [
        "--json",
        "--lang=zh",
        "--as",
        "y",
        "creators",
        "--search",
        "x",
    ]
    assert globals_first(["creator", "add", "--", "--json"]) == ["creator", "add", "--", "--json"]
    assert globals_first(["--lang"]) == ["--lang"]


# ---------------------------------------------------------------- as a program


def _program(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "sync", *words], capture_output=True, text=True, env={**os.environ, **environment}, timeout=60, check=False)


def test_the_program_reads_its_environment_and_exits_with_the_code(workspace: Path):
    assert _program("init", "--json", KOC_WORKSPACE=str(workspace)).returncode == 0
    found = _program("info", "--json", KOC_WORKSPACE=str(workspace))
    assert json.loads(found.stdout)["workspace"] == str(workspace)
    missing = _program("info", "--lang", "zh", KOC_WORKSPACE=str(workspace.parent / "none.koc"))
    assert missing.returncode == 3
    assert missing.stderr.startswith("koc: 找不到工作区")


def test_help_comes_without_the_store():
    script = (
        "import sys; from sync.__main__ import main; sys.argv = ['koc', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'sqlalchemy', 'polars', 'PySide6', 'httpx', 'keyring', 'rich'} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for a child")
def test_interrupted_is_130_and_leaves_the_workspace_as_it_was(workspace: Path, tmp_path: Path):
    assert _program("init", KOC_WORKSPACE=str(workspace)).returncode == 0
    large = tmp_path / "large.csv"
    large.write_text("platform,uid,name,followers\n" + "".join(f"douyin,{n},n{n},{n}\n" for n in range(120_000)), "utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "sync", "--workspace", str(workspace), "-v", "import", "creators", str(large)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as running:  # fmt: skip
        assert running.stderr is not None
        running.stderr.readline()  # the first phase has begun
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
    found = json.loads(_program("info", "--json", KOC_WORKSPACE=str(workspace)).stdout)
    assert found["counts"]["creators"] == 0
    assert json.loads(_program("doctor", "--json", KOC_WORKSPACE=str(workspace)).stdout)["ok"] is True


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe of a POSIX shell")
def test_a_reader_that_leaves_early_is_no_error(sample: Path):
    command = [sys.executable, "-m", "sync", "--workspace", str(sample), "creators", "--json", "--limit", "1200"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(1)
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(60) == 0


def test_every_command_speaks_in_the_readers_words():
    """A help text that is no key would be shown untranslated."""

    def texts(command: Any) -> list[str]:
        own = [command.help, *(getattr(one, "help", None) for one in command.params)]
        return [one for one in own if one] + [text for inner in getattr(command, "commands", {}).values() for text in texts(inner)]

    import typer

    found = texts(typer.main.get_command(cli.koc))
    assert len(found) > 60
    assert all(text.startswith("help.") or text == "Show this message and exit." for text in found), found
