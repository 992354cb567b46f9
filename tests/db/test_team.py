# SPDX-License-Identifier: Apache-2.0
"""A team's PostgreSQL is only another address: the same commands give the same answers as a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from app import cli
from sync.compose import opener

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.db.conftest import Postgres

_CSV = """平台,平台ID,昵称,粉丝数,城市,标签
抖音,7000000000000000001,茶馆老板,12.5万,成都,"茶,探店"
小红书,u2,小鹿Ａbc,5.2万,上海,
B站,3,zebra,999,,
快手,4,Zebra,1.2w,北京,100%
抖音,,没有号,5,,
"""


def _answers(address: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[Any]:
    folder.mkdir()
    source = folder / "达人.csv"
    source.write_text(_CSV, encoding="utf-8")
    out: list[Any] = []

    def koc(*words: object, code: int = 0) -> Any:
        capsys.readouterr()
        found = cli.run(["--workspace", address, "--as", "小王", "--json", *map(str, words)], opener)
        answer = json.loads(capsys.readouterr().out)
        assert found == code, answer
        out.append(_plain(answer))
        return answer

    koc("init")
    koc("init", code=3)
    koc("info")
    koc("import", "creators", source, "--dry-run", code=1)
    done = koc("import", "creators", source, code=1)
    koc("import", "creators", source, code=1)
    for words in (
        [], ["--sort", "name"], ["--sort", "-name"], ["--sort", "city"], ["--search", "茶"], ["--search", "ａ"], ["--search", "100%"], ["--search", "ZEB"],
        ["--where", 'name ~ "zEB" or tags = 茶'], ["--where", "tier in (tail, mid) and followers >= 12000", "--sort", "-followers"],
        ["--where", 'city = ""'], ["--where", "not platform = douyin", "--sort", "platform,-followers", "--limit", "2"],
    ):  # fmt: skip
        koc("creators", *words)
    koc("creators", "--where", "nonsense = 1", code=2)
    koc("creator", "douyin:7000000000000000001")
    koc("creator", "set", 1, "city=重庆", "followers=1200000")
    koc("creator", "tag", 1, "+酒", "-茶")
    koc("tier", "show", 1)
    koc("tier", "run")
    koc("info")
    koc("export", "creators", folder / "out.csv")
    koc("imports")
    koc("imports", "undo", done["import_id"])
    koc("doctor")
    koc("audit", "verify")
    koc("backup", folder / "b.kocbackup")
    koc("info")
    return [*out, (folder / "out.csv").read_text("utf-8-sig").splitlines()[0]]


_OWN = {
    "workspace", "engine", "sqlite_version", "seconds", "file", "at", "since", "created", "created_at", "updated_at", "undone_at", "sha256", "recorded_at",
    "as_of", "message", "details", "detail", "checks", "path", "counts", "known_at", "steps", "followers_at", "moves",
}  # fmt: skip
"""What differs between any two workspaces: addresses, times, the engine's own checks."""


def _plain(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {name: _plain(value) for name, value in answer.items() if name not in _OWN}
    return [_plain(one) for one in answer] if isinstance(answer, list) else answer


def test_every_command_answers_alike_on_both_engines(postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _answers(str(tmp_path / "brand.koc"), tmp_path / "file", capsys)
    team = _answers(postgres.fresh(), tmp_path / "team", capsys)
    for one, other in zip(file, team, strict=True):
        assert one == other


def test_a_server_that_is_not_there_is_said_to_be_unreachable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del tmp_path
    found = cli.run(["--workspace", "postgresql+psycopg://koc:geheim@127.0.0.1:9/none", "--json", "info"], opener)
    out = capsys.readouterr().out
    assert found == 3
    assert json.loads(out)["error"]["code"] == "database_unreachable"
    assert "geheim" not in out
