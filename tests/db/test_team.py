# SPDX-License-Identifier: Apache-2.0
"""A team's PostgreSQL is only another address: the same commands give the same answers as a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import make_url

from app import cli
from app.rules.models import MODELS
from app.usecases.roi import DIMENSIONS
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


def _as(address: str, name: str) -> str:
    """Where somebody works: in a team the login says who it is, whatever ``--as`` says."""
    return make_url(address).set(username=name).render_as_string() if "://" in address else address


def _fresh(postgres: Postgres) -> str:
    """An empty database, and logins that may do everything in it."""
    address = postgres.fresh()
    with psycopg.connect(address.replace("+psycopg", ""), autocommit=True) as connection:
        for name in ("小王", "小李", "小赵"):
            if not connection.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone():
                connection.execute(f'create role "{name}" login superuser')  # type: ignore[call-overload, unused-ignore]
    return address


def _answers(address: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[Any]:
    folder.mkdir()
    source = folder / "达人.csv"
    source.write_text(_CSV, encoding="utf-8")
    out: list[Any] = []

    def koc(*words: object, code: int = 0) -> Any:
        capsys.readouterr()
        found = cli.run(["--workspace", _as(address, "小王"), "--as", "小王", "--json", *map(str, words)], opener)
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


_FACTS = {
    "creators": "platform,platform_uid,nickname,followers,category,coupon\n"
    + "".join(f"{('douyin', 'xiaohongshu')[n % 2]},{n},达人{n},{n * 900},{('美妆', '母婴')[n % 3 == 0]},C{n}\n" for n in range(1, 13)),
    "contents": "content_id,platform_uid,published_at,views,likes\n" + "".join(f"v{n},{n},2026-05-{n:02d} 10:00:00,{n * 100},{n}\n" for n in range(1, 13)),
    "sales": "order_id,platform_uid,content_id,coupon,product,paid_at,amount_fen,refund_fen,commission_fen\n"
    + "".join(
        f"o{n},{n % 12 + 1 if n % 3 else ''},{f'v{n % 11 + 1}' if n % 2 else ''},{f'C{n % 7 + 1}' if n % 4 == 0 else ''},茶{n % 3},"
        f"2026-05-{n % 27 + 1:02d} 20:00:00,{n * 977 % 40_000},{n * 31 if n % 5 == 0 else 0},{n * 3}\n"
        for n in range(1, 90)
    ),
    "touchpoints": "order_id,platform_uid,kind,happened_at\n" + "".join(f"o{n},{n % 5 + 1},link,2026-04-{n % 29 + 1:02d} 08:00:00\n" for n in range(1, 90)),
    "costs": "cost_id,platform_uid,content_id,campaign,kind,amount_fen,incurred_at\n"
    + "".join(f"k{n},{n},v{n},春季,{('fee', 'sample', 'rebate')[n % 3]},{(n % 3 < 2 or -1) * n * 5_000},2026-05-{n:02d}\n" for n in range(1, 13)),
    "events": "event_id,platform_uid,type,happened_at\n"
    + "".join(f"e{n},{n % 12 + 1},{('posted_on_time', 'no_show', 'fake_review', 'praised')[n % 4]},2026-0{n % 5 + 1}-03 09:00:00\n" for n in range(1, 40)),
    "paths": "path,conversions,nulls\nA > B,3,1\nB,1,4\nA > A > C,2,0\n",
}  # fmt: skip


def _fact_answers(address: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """Facts in, what follows from them, decisions, facts out."""
    folder.mkdir()
    out: list[Any] = []

    def koc(*words: object, code: int = 0, by: str = "小王") -> Any:
        capsys.readouterr()
        found = cli.run(["--workspace", _as(address, by), "--as", by, "--json", *map(str, words)], opener)
        answer = json.loads(capsys.readouterr().out)
        assert found == code, answer
        out.append([words[:2], _plain(answer)])
        return answer

    koc("init")
    for kind, text in _FACTS.items():
        (folder / f"{kind}.csv").write_text(text, encoding="utf-8")
        koc("import", kind, folder / f"{kind}.csv")
    koc("credit", "run", "--as-of", "2026-06-30")
    koc("credit", "run")
    for one in (1, 2, 7, 12):
        koc("credit", "show", one, "--as-of", "2026-06-30", "--known-at", "2026-06-30")
    asked = koc("sanction", "list")["rows"]
    assert asked
    koc("sanction", "decide", asked[0]["id"], "--approve", "--reason", "查实", by="小李")
    appeal = koc("appeal", "file", "--sanction", asked[0]["id"], "--reason", "不服")
    koc("appeal", "decide", appeal["id"], "--uphold", "--reason", "证据不足", by="小赵")
    added = koc("credit", "add", 3, "slow_reply", "--at", "2026-06-01")
    koc("credit", "confirm", added["id"], "--reason", "属实", by="小李")
    for model in MODELS:
        koc("attribute", "run", "--model", model, "--from", "2026-05-02", "--to", "2026-05-20")
        koc("roi", "--model", model, "--as-of", "2026-06-30", "--target", "1.5")
    for by in DIMENSIONS:
        koc("roi", "--by", by, "--from", "2026-05-03", "--as-of", "2026-06-30")
    for model in ("markov", "shapley"):
        koc("attribute", "paths", "--model", model)
    koc("creators", "--where", "credit_grade in (C, D) or value_grade = S", "--sort", "credit_score,-value_grade")
    koc("creator", 5)
    out[-1][1].pop("credit")  # of now, and there is a minute between the two
    koc("info")
    for kind in _FACTS:
        koc("export", kind, folder / f"{kind}.out.csv")
        out.append((folder / f"{kind}.out.csv").read_text("utf-8-sig") if kind not in {"creators", "metrics", "events"} else "")
    koc("doctor")
    return out


_OWN = {
    "workspace", "engine", "sqlite_version", "seconds", "file", "at", "since", "created", "created_at", "updated_at", "undone_at", "sha256", "recorded_at",
    "proposed_at", "decided_at", "filed_at", "confirmed_at", "voided_at", "appeal_until", "ends_at", "ended_at", "second_person",
    "as_of", "message", "details", "detail", "checks", "path", "counts", "known_at", "steps", "followers_at", "moves",
}  # fmt: skip
"""What differs between any two workspaces: addresses, times, the engine's own checks."""


def _plain(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {name: _plain(value) for name, value in answer.items() if name not in _OWN}
    return [_plain(one) for one in answer] if isinstance(answer, list) else answer


def test_every_command_answers_alike_on_both_engines(postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _answers(str(tmp_path / "brand.koc"), tmp_path / "file", capsys)
    team = _answers(_fresh(postgres), tmp_path / "team", capsys)
    for one, other in zip(file, team, strict=True):
        assert one == other


def test_facts_and_what_follows_from_them_are_alike_on_both_engines(postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _fact_answers(str(tmp_path / "brand.koc"), tmp_path / "file", capsys)
    team = _fact_answers(_fresh(postgres), tmp_path / "team", capsys)
    for one, other in zip(file, team, strict=True):
        assert one == other


def test_a_server_that_is_not_there_is_said_to_be_unreachable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del tmp_path
    found = cli.run(["--workspace", "postgresql+psycopg://koc:geheim@127.0.0.1:9/none", "--json", "info"], opener)
    out = capsys.readouterr().out
    assert found == 3
    assert json.loads(out)["error"]["code"] == "database_unreachable"
    assert "geheim" not in out
