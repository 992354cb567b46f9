# SPDX-License-Identifier: Apache-2.0
"""From a stranger's file to a tiered roster and back: one messy list with every trick, through the whole program."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Answer
    from tests.db.conftest import Postgres

    Koc = Callable[..., Answer]

UID = "7312345678901234567"
"""Beyond what a spreadsheet's number holds."""

HEADER = [
    "平台",
    "达人ID",
    "抖音号",
    "达人\n昵称",
    "粉丝数",
    "平均\n点赞",
    "互动率",
    "报价(元)",
    "佣金率(%)",
    "所在地",
    "标签",
    "合作状态",
    "入库时间",
    "数据日期",
    "心情",
    "昵称",
]
ROWS: list[list[str]] = [
    ["抖音", UID, "lulu_01", "小鹿探店🍓", "1.2w", "475", "1.39%", "951.00", "12.5", "上海", "探店；复投", "合作中", "2026/3/5", "2026-10-01", "好", ""],
    ["抖音", "7312345678901234568", "niangao", "半糖年糕", "3.5万", "2,048", "-", "¥1,200", "8", "杭州", "", "已建联", "2026年3月6日", "2026-10-01", "", ""],
    ["", "", "", "", "", "", "", "", "", "", "", "", "", "", "", ""],
    ["快手", "880001", "", "=cmd|' /C calc'!A0", "10万+", "1.1k", "N/A", "800元", "", "成都", "", "线索", "46086", "2026-10-01", "", ""],
    HEADER,
    ["B站", "990001", "up_zhu", "慢慢读书会", "12.3亿", "475.8m", "nan", "--", "20", "北京", "", "洽谈中", "2026-03-07 08:30", "2026-10-01", "", ""],
    ["微博", "660001", "", "山里的栗子", "2.28E+5", "#VALOR!", "0.5%", "1500.5", "", "未知", "", "试合作", "", "2026-10-01", "", ""],
    ["视频号", "wx_1", "", "云朵化妆台", "50万～100万", "", "", "", "", "", "", "", "", "", "", ""],
    ["抖音", UID, "lulu_01", "小鹿探店🍓", "1.3w", "", "", "", "", "", "", "", "", "2026-10-01", "", ""],
    ["小红书", "", "", "没有号的人", "500", "", "", "", "", "", "", "", "", "", "", ""],
    ["抖音", "7.31E+18", "rounded", "被四舍五入的人", "500", "", "", "", "", "", "", "", "", "", "", ""],
    ["抖音", "7312345678901234569", "bell", "铃\x07声", "500", "", "", "", "", "", "", "", "", "", "", ""],
    ["快手", "880002", "", "还没数", "很多", "", "", "", "", "", "", "", "", "", "", ""],
]  # fmt: skip
READ, INSERTED, DUPLICATES, REJECTED = 11, 6, 1, 4
FOLLOWERS = 12_000 + 35_000 + 100_000 + 1_230_000_000 + 228_000 + 13_000
HOSTILE_MB = 600


def as_text(separator: str = ",") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows([["达人库导出 2026-10-01"], HEADER, *ROWS])
    return out.getvalue()


def gb18030(folder: Path) -> Path:
    path = folder / "达人库.csv"
    path.write_bytes(as_text(";").encode("gb18030"))
    return path


def utf16(folder: Path) -> Path:
    path = folder / "达人库.tsv"
    path.write_bytes(as_text("\t").encode("utf-16"))
    return path


def workbook(folder: Path) -> Path:
    path = folder / "达人库.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for number, row in enumerate([["达人库导出 2026-10-01"], HEADER, *ROWS], 1):
        for at, value in enumerate(row, 1):
            if value:
                cell = sheet.cell(number, at)
                # openpyxl refuses control characters and takes "=" for a formula; the escape is what Excel itself writes.
                cell.value = value.replace("\x07", "_x0007_")
                cell.data_type = "s"
    book.save(path)
    return path


def web_table(folder: Path) -> Path:
    path = folder / "达人库.xls"
    cells = [[value.replace("&", "&amp;").replace("<", "&lt;").replace("\x07", "&#7;") for value in row] for row in [HEADER, *ROWS]]
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells)
    path.write_text(f"<html><meta charset=utf-8><table>{body}</table></html>", "utf-8")
    return path


def parts(folder: Path) -> Path:
    path = folder / "达人库.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, rows in (("2026-09.csv", ROWS[:5]), ("2026-10.csv", ROWS[5:])):
            out = io.StringIO(newline="")
            csv.writer(out).writerows([HEADER, *rows])
            archive.writestr(name, out.getvalue().encode("utf-8-sig"))
    return path


def content(koc: Koc) -> str:
    return str(koc("info", "--json").json["content_hash"])


@pytest.mark.parametrize("made", [gb18030, utf16, workbook, web_table, parts])
def test_a_strangers_list_becomes_a_roster_and_can_be_taken_back(koc: Koc, tmp_path: Path, made: Callable[[Path], Path]):
    file = made(tmp_path)
    koc("init")
    empty = content(koc)

    told = koc("import", "creators", file, "--dry-run", "--json")
    assert (told.code, told.json["import_id"], content(koc)) == (1, None, empty)

    bad = tmp_path / "bad.xlsx"
    report = koc("import", "creators", file, "--errors", bad, "--json").json
    assert {name: report[name] for name in ("read", "inserted", "updated", "unchanged", "rejected", "duplicates")} == {
        "read": READ, "inserted": INSERTED, "updated": 0, "unchanged": 0, "rejected": REJECTED, "duplicates": DUPLICATES,
    }  # fmt: skip
    assert report["sums"]["followers"] == FOLLOWERS
    assert report["sums"]["fee_fen"] == 95_100 + 120_000 + 80_000 + 150_050
    assert {error["code"] for error in report["errors"]} == {"no_key", "rounded_id", "control_character", "bad_number"}
    assert {"at_least", "range"} <= {warning["code"] for warning in report["warnings"]}
    assert "心情" in report["unmapped"]
    assert told.json["sums"] == report["sums"]
    full = content(koc)
    assert full != empty

    rows = {row["name"]: row for row in koc("creators", "--json").json["rows"]}
    deer = rows["小鹿探店🍓"]
    assert (deer["followers"], deer["stage"], deer["city"], deer["tags"], deer["commission_bp"]) == (13_000, "active", "上海", ["探店", "复投"], 1250)
    assert deer["accounts"][0]["platform_uid"] == UID
    assert deer["joined_at"].startswith("2026-03-04T16:00")
    assert rows["云朵化妆台"]["followers"] is None
    assert rows["慢慢读书会"]["tier"] == "top"
    assert rows["山里的栗子"]["city"] is None

    again = koc("import", "creators", file, "--json").json
    assert (again["inserted"], again["updated"], again["unchanged"]) == (0, 0, INSERTED)
    assert content(koc) == full

    for name in ("back.csv", "back.xlsx"):
        koc("export", "creators", tmp_path / name)
        returned = koc("import", "creators", tmp_path / name, "--json").json
        assert (returned["read"], returned["unchanged"], returned["rejected"]) == (INSERTED, INSERTED, 0)
    assert "'=cmd" in (tmp_path / "back.csv").read_text("utf-8-sig")
    assert content(koc) == full

    for done in koc("imports", "--json").json["imports"]:
        assert koc("imports", "undo", done["id"], "--json").json["undone"]["kept"] == []
    assert content(koc) == empty
    assert koc("doctor", "--json").json["ok"] is True


def test_the_same_list_has_the_same_content_on_a_teams_database(koc: Koc, tmp_path: Path, postgres: Postgres):
    koc("init")
    file = gb18030(tmp_path)
    koc("import", "creators", file)
    alone = content(koc)
    team = ("--workspace", postgres.fresh())
    assert koc(*team, "init", "--json").json["workspace"].startswith("postgresql+psycopg://koc@")
    report = koc(*team, "import", "creators", file, "--json").json
    assert (report["inserted"], report["rejected"]) == (INSERTED, REJECTED)
    info = koc(*team, "info", "--json").json
    assert (info["engine"], info["sqlite_version"], info["content_hash"]) == ("postgresql", None, alone)
    assert koc(*team, "import", "creators", file, "--json").json["unchanged"] == INSERTED
    for words in (("--sort", "-followers,name"), ("--search", "探店"), ("--where", "city = 上海 or followers > 20万")):
        theirs, ours = (koc(*where, "creators", *words, "--json").json["rows"] for where in (team, ()))
        assert [row["name"] for row in theirs] == [row["name"] for row in ours]
    assert koc(*team, "doctor", "--json").json["ok"] is True
    koc(*team, "imports", "undo", report["import_id"])
    assert koc(*team, "info", "--json").json["counts"]["creators"] == 0


def test_rejected_rows_come_back_as_a_workbook_that_can_be_mended(koc: Koc, tmp_path: Path):
    koc("init")
    bad = tmp_path / "bad.xlsx"
    koc("import", "creators", gb18030(tmp_path), "--errors", bad)
    sheet = openpyxl.load_workbook(bad).active
    assert sheet is not None
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert len(rows) == REJECTED + 1
    assert any("880002" in map(str, row) for row in rows)
    for row in sheet.iter_rows():
        for cell in row:
            cell.value = {"很多": "5200"}.get(cell.value, cell.value)  # type: ignore[arg-type]
    sheet.parent.save(bad)  # type: ignore[union-attr]
    mended = koc("import", "creators", bad, "--json").json
    # One was mended by hand; a control character cannot stand in a workbook, so that row is mended by the writing.
    assert (mended["inserted"], mended["rejected"]) == (2, REJECTED - 2)


def test_a_list_without_a_header_is_taken_by_column_numbers(koc: Koc, tmp_path: Path):
    koc("init")
    plain = tmp_path / "plain.csv"
    plain.write_text("9001,慢慢,1.2万\n9002,快快,800\n", "utf-8")
    words = ("import", "creators", plain, "--platform", "小红书", "--map", "platform_uid=1", "--map", "name=2", "--map", "followers=3", "--json")
    report = koc(*words).json
    assert (report["inserted"], report["sums"]["followers"]) == (2, 12_800)
    renamed = tmp_path / "nickname.csv"
    renamed.write_text("平台,昵称,城市\n小红书,慢慢,厦门\n", "utf-8")
    assert koc("import", "creators", renamed, "--json").json["errors"][0]["code"] == "no_key"
    assert koc("import", "creators", renamed, "--key", "nickname", "--json").json["updated"] == 1


def bomb(folder: Path) -> Path:
    path = folder / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(HOSTILE_MB // 50):
            archive.writestr(f"{number}.csv", b"0" * (50 << 20))
    return path


def entities(folder: Path) -> Path:
    path = folder / "entities.xlsx"
    with zipfile.ZipFile(workbook(folder)) as good, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in good.namelist():
            text = good.read(name)
            if name.startswith("xl/worksheets/"):
                text = text.replace(b"<worksheet", b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><worksheet', 1)
            archive.writestr(name, text)
    return path


def picture(folder: Path) -> Path:
    path = folder / "picture.xlsx"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    return path


def nothing(folder: Path) -> Path:
    path = folder / "nothing.csv"
    path.write_bytes(b"")
    return path


def torn(folder: Path) -> Path:
    path = folder / "torn.xlsx"
    path.write_bytes(workbook(folder).read_bytes()[:-300])
    return path


@pytest.mark.parametrize("made", [bomb, entities, picture, nothing, torn])
def test_a_hostile_file_is_refused_in_words_and_changes_nothing(koc: Koc, tmp_path: Path, made: Callable[[Path], Path]):
    koc("init")
    before = content(koc)
    answer = koc("import", "creators", made(tmp_path), "--json")
    assert answer.code == 2
    assert not answer.json["error"]["message"].startswith("error.")
    assert content(koc) == before
    assert koc("imports", "--json").json["imports"] == []


# ---------------------------------------------------------------- killed


def _koc(workspace: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "sync", "--workspace", str(workspace), "--json", *words]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill -9")
def test_killed_in_the_middle_is_all_or_nothing(workspace: Path, tmp_path: Path):
    """Whatever moment the machine dies at: the file is sound, and the same import again gives the same content."""
    large = tmp_path / "large.csv"
    with large.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["platform", "platform_uid", "nickname", "followers", "category", "tags"])
        writer.writerows([("douyin", n, f"达人{n}", n * 7 % 90_000, "美食", "探店") for n in range(60_000)])
    _koc(workspace, "init")
    empty = _koc(workspace, "info")["content_hash"]
    undisturbed = tmp_path / "undisturbed.koc"
    _koc(undisturbed, "init")
    started = time.monotonic()
    _koc(undisturbed, "import", "creators", str(large))
    whole, seconds = _koc(undisturbed, "info")["content_hash"], time.monotonic() - started
    for share in (0.25, 0.5, 0.75, 0.9):
        command = [sys.executable, "-m", "sync", "--workspace", str(workspace), "import", "creators", str(large)]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            running.wait(seconds * share)
        except subprocess.TimeoutExpired:
            os.kill(running.pid, signal.SIGKILL)
            running.wait(30)
        assert _koc(workspace, "info")["content_hash"] in {empty, whole}
        assert _koc(workspace, "doctor")["ok"] is True
    _koc(workspace, "import", "creators", str(large))
    assert _koc(workspace, "info")["content_hash"] == whole
