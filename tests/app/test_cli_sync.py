# SPDX-License-Identifier: Apache-2.0
"""Platforms from the command line: names, keys and exit codes, against a platform on loopback; secrets only by stdin and to the keyring."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app import cli, cli_sync
from app.errors import UsageError
from app.usecases.syncing import Run
from app.words import Words
from sync.compose import opener
from tests.emulators.brand import Brand
from tests.emulators.oceanengine import OceanEngine
from tests.sync.keyring_service import secret_service

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.sync.keyring_service import Service


# ---------------------------------------------------------------- what words and numbers mean


@pytest.mark.parametrize(("text", "seconds"), [("15m", 900), ("6h", 21_600), ("1d", 86_400), (" 90 M ", 5400)])
def test_an_interval_is_a_number_and_a_unit(text: str, seconds: int):
    assert cli_sync._interval(text) == seconds


@pytest.mark.parametrize("text", ["", "6", "h", "0h", "14m", "-6h", "6.5h", "6w", "٦h", "6h 30m", "99999d"])
def test_anything_else_is_no_interval(text: str):
    with pytest.raises(UsageError) as refused:
        cli_sync._interval(text)
    assert refused.value.code == "bad_interval"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "Never"), (900, "15 minutes"), (3600, "Every hour"), (21_600, "6 hours"), (86_400, "Every day"), (172_800, "2 days")]
)
def test_an_interval_is_said_in_its_largest_unit(seconds: int, said: str):
    assert said in cli_sync._every(Words("en"), seconds)


def run_of(state: str, rejected: int = 0) -> Run:
    return Run(1, "star", "orders", state, 0, rejected=rejected)


@pytest.mark.parametrize(("runs", "code"), [
    ([], 0), ([run_of("ok")], 0), ([run_of("ok", rejected=1)], 1), ([run_of("ok"), run_of("partial")], 1), ([run_of("partial"), run_of("parked")], 4),
    ([run_of("failed"), run_of("ok", rejected=2)], 4), ([run_of("failed"), run_of("cancelled")], 130),
])  # fmt: skip
def test_the_exit_code_is_the_worst_of_the_runs(runs: Sequence[Run], code: int):
    assert cli_sync.exit_code(runs) == code


# ---------------------------------------------------------------- a platform, a keyring, a browser


@dataclass(frozen=True, slots=True)
class Said:
    """What a call of ``koc`` gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody's computer with a workspace on it: ``koc`` in processes of its own. ``said`` is all that was ever printed."""

    folder: Path
    env: dict[str, str]
    service: Service
    said: list[str]

    def argv(self, *words: object, lang: str = "en") -> list[str]:
        """Words of a call."""
        return [sys.executable, "-m", "sync", "--workspace", str(self.folder / "brand.koc"), "--lang", lang, *map(str, words)]

    def start(self, *words: object, lang: str = "en") -> subprocess.Popen[str]:
        """A call that goes on."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self.argv(*words, lang=lang), stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", env=self.env)

    def __call__(self, *words: object, stdin: str = "", lang: str = "en") -> Said:
        """A call, to its end."""
        return self.end(self.start(*words, lang=lang), stdin)

    def end(self, process: subprocess.Popen[str], stdin: str = "") -> Said:
        """What a call gave."""
        out, err = process.communicate(stdin, timeout=120)
        self.said.extend((out, err))
        return Said(process.returncode, out, err)


@pytest.fixture
def engine() -> Iterator[OceanEngine]:
    with OceanEngine(Brand(orders_wanted=40)) as server:
        yield server
        assert not server.violations


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: OceanEngine) -> Iterator[Desk]:
    """A new workspace; afterwards no secret of the platform is in any output or file but the keyring's."""
    home = tmp_path / "computer"
    home.mkdir()
    browser = tmp_path / "browser"
    browser.write_text(f'#!{sys.executable}\nimport sys, urllib.request\nprint("noise", urllib.request.urlopen(sys.argv[1]).status, flush=True)\n')
    browser.chmod(0o755)
    with secret_service(home, monkeypatch) as service:
        made = Desk(tmp_path, {**os.environ, "BROWSER": str(browser)}, service, [])
        assert made("init").code == 0
        yield made
    printed = "\n".join(made.said)
    files = b"\n".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "keyrings" not in path.parts)
    for secret in engine.secret_texts:
        assert secret not in printed
        assert secret.encode() not in files


@pytest.fixture
def connected(desk: Desk, engine: OceanEngine) -> Desk:
    added = desk(
        "connect", "add", "oceanengine", "--name", "star", "--base-url", engine.base_url, "--app-id", engine.app_id, "--secret-stdin", stdin=engine.secret
    )
    assert (added.code, added.err) == (0, "")
    signed = desk("connect", "login", "star")
    assert signed.code == 0, signed.err
    return desk


RUN_KEYS = {
    "connection", "stream", "state", "pages", "received", "inserted", "updated", "unchanged", "rejected", "from_cursor", "to_cursor", "requests", "retries",
    "seconds", "error",
}  # fmt: skip


# ---------------------------------------------------------------- connections


def test_a_connection_is_added_signed_in_and_removed(desk: Desk, engine: OceanEngine):
    assert desk("connect", "list", "--json").json == {"connections": []}
    words = ("connect", "add", "oceanengine", "--name", "star", "--base-url", engine.base_url, "--app-id", engine.app_id)
    added = desk(*words, "--secret-stdin", "--json", stdin=f"{engine.secret}\n")
    (one,) = added.json["connections"]
    assert (added.code, one["name"], one["platform"], one["state"]) == (0, "star", "oceanengine", "new")
    signed = desk("connect", "login", "star", "--json")
    (one,) = signed.json["connections"]
    assert (signed.code, one["state"]) == (0, "ok")
    assert one["expires_at"] > "2026"
    assert engine.base_url in signed.err  # the address to open, for whoever has no browser here
    assert {"name", "platform", "state", "expires_at", "scopes"} <= one.keys()
    assert desk("connect", "test", "star").code == 0
    taken = desk(*words, "--json")
    assert (taken.code, taken.json["error"]["code"]) == (2, "connection_exists")
    assert desk.service.items()
    gone = desk("connect", "remove", "star", "--json")
    assert (gone.code, gone.json) == (0, {"removed": "star", "connections": []})
    assert not desk.service.items()


@pytest.mark.parametrize("whole", [False, True])
def test_a_code_is_pasted_where_there_is_no_browser(desk: Desk, engine: OceanEngine, whole: bool):
    desk("connect", "add", "oceanengine", "--name", "star", "--base-url", engine.base_url, "--app-id", engine.app_id, "--secret-stdin", stdin=engine.secret)
    call = desk.start("connect", "login", "star", "--code-stdin")
    assert call.stderr is not None
    address = next(word for line in call.stderr for word in line.split() if word.startswith("http"))
    query = dict(parse_qsl(urlsplit(address).query))
    code = engine.code()
    pasted = f"{query['redirect_uri']}?auth_code={code}&state={query['state']}" if whole else code
    done = desk.end(call, pasted + "\n")
    assert done.code == 0, done.err
    assert desk("connect", "list", "--json").json["connections"][0]["state"] == "ok"


def test_what_is_unknown_is_answered_with_what_there_is(connected: Desk, capfd: pytest.CaptureFixture[str]):
    for words, code, known in (
        (("connect", "add", "nosuch", "--name", "x"), "unknown_connector", "oceanengine"),
        (("connect", "login", "nosuch"), "unknown_connection", "star"),
        (("connect", "test", "nosuch"), "unknown_connection", "star"),
        (("connect", "remove", "nosuch"), "unknown_connection", "star"),
        (("sync", "run", "nosuch"), "unknown_connection", "star"),
        (("sync", "run", "star", "--stream", "nosuch"), "unknown_stream", "orders"),
        (("sync", "schedule", "nosuch", "--every", "6h"), "unknown_connection", "star"),
        (("sync", "schedule", "star", "--every", "often"), "bad_interval", "6h"),
        (("sync", "log", "99"), "unknown_run", "99"),
        (("sync", "conflicts", "resolve", "99", "--mine"), "unknown_conflict", "99"),
        (("sync", "conflicts", "resolve", "1", "--mine", "--theirs"), "one_of_two", "--theirs"),
        (("sync", "run", "star", "--due"), "due_alone", "--due"),
    ):
        capfd.readouterr()
        exit_code = cli.run(connected.argv(*words, "--json")[3:], opener)
        error = json.loads(capfd.readouterr().out)["error"]
        assert (exit_code, error["code"]) == (2, code), words
        assert known in error["message"]


def test_a_secret_is_taken_by_no_other_way(desk: Desk):
    for words in (("--secret", "hush"), ("--app-secret", "hush"), ("--token", "hush")):
        answer = desk("connect", "add", "oceanengine", "--name", "star", *words, "--json")
        assert (answer.code, answer.json["error"]["code"]) == (2, "usage.no_such_option")
        assert "hush" not in answer.out + answer.err
    nothing = desk("connect", "add", "oceanengine", "--name", "star", "--secret-stdin", "--json", stdin="\n")
    assert (nothing.code, nothing.json["error"]["code"]) == (2, "nothing_on_stdin")
    assert desk("connect", "list", "--json").json["connections"] == []


def test_a_secret_typed_at_a_terminal_is_not_shown(desk: Desk, engine: OceanEngine):
    main, terminal = os.openpty()
    words = desk.argv("connect", "add", "oceanengine", "--name", "star", "--base-url", engine.base_url, "--app-id", engine.app_id)
    call = subprocess.Popen(words, stdin=terminal, stdout=terminal, stderr=terminal, env=desk.env, start_new_session=True)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal is gone with its last program
        while text := os.read(main, 4096):
            shown += text
            if b"not shown" in shown and engine.secret.encode() not in shown and call.poll() is None and not shown.endswith(b"\n"):
                os.write(main, engine.secret.encode() + b"\n")
    os.close(main)
    assert call.wait(60) == 0
    desk.said.append(shown.decode())
    assert "not shown" in shown.decode()
    assert any(engine.secret in item["secret"] for item in desk.service.items())


# ---------------------------------------------------------------- runs


def test_everything_is_pulled_then_nothing_has_changed(connected: Desk):
    first = connected("sync", "run", "--json")
    assert first.code == 0, first.out
    assert {one["state"] for one in first.json["runs"]} == {"ok"}
    assert all(one.keys() >= RUN_KEYS for one in first.json["runs"])
    assert first.err == ""
    inserted = sum(one["inserted"] for one in first.json["runs"])
    content = connected("info", "--json").json["content_hash"]
    again = connected("sync", "run", "star", "--json")
    assert again.code == 0
    assert inserted > 40
    assert sum(one["inserted"] + one["updated"] for one in again.json["runs"]) == 0
    assert connected("info", "--json").json["content_hash"] == content
    status = connected("sync", "status", "--json").json
    assert {one["stream"] for one in status["runs"]} == {one["stream"] for one in first.json["runs"]}
    assert (status["rejected"], status["conflicts"], status["drift"]) == (0, 0, [])
    log = connected("sync", "log", "--json").json["runs"]
    assert len(log) == len(first.json["runs"]) + len(again.json["runs"])


def test_a_log_says_in_words_what_was_tried_again(connected: Desk, engine: OceanEngine):
    engine.misbehave("reset", "advertiser/get")
    run = connected("sync", "run", "--stream", "accounts", "--json").json["runs"][0]
    assert (run["state"], run["retries"]) == ("ok", 1)
    lines = connected("sync", "log", run["id"], "--json").json["lines"]
    assert lines
    assert all(line["message"] and line["message"] != line["code"] and "{" not in line["message"] for line in lines)


def test_a_dry_run_tells_and_writes_nothing(connected: Desk):
    before = connected("info", "--json").json["content_hash"]
    dry = connected("sync", "run", "--dry-run", "--json")
    assert dry.code == 0, dry.out
    assert all(one["received"] > 0 for one in dry.json["runs"])
    assert connected("info", "--json").json["content_hash"] == before
    assert [one["received"] for one in connected("sync", "run", "--json").json["runs"]] == [one["received"] for one in dry.json["runs"]]


def test_a_platform_that_is_away_is_told_in_one_line(connected: Desk, engine: OceanEngine):
    engine.close()
    run = connected("sync", "run", "--stream", "accounts")
    assert run.code == 4
    assert len(run.err.splitlines()) == 1
    assert "Traceback" not in run.err + run.out
    told = connected("sync", "run", "--stream", "accounts", "--json")
    assert (told.code, told.json["runs"][0]["state"], told.json["runs"][0]["error"]) == (4, "failed", "offline")
    assert told.json["runs"][0]["message"]


def test_a_rejected_record_is_exit_1(connected: Desk, engine: OceanEngine):
    engine.misbehave("drop", "list_by_campaign", times=None, field="order_id", share=0.2)
    run = connected("sync", "run", "--json")
    assert run.code == 1, run.out
    bad = next(one for one in run.json["runs"] if one["rejected"])
    kept = connected("sync", "log", bad["id"], "--json").json["rejected"]
    assert kept
    assert "raw" not in kept[0]
    assert "raw" in connected("sync", "log", bad["id"], "--raw", "--json").json["rejected"][0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_what_was_finished(connected: Desk, engine: OceanEngine, number: int):
    engine.misbehave("hold", "list_by_campaign", nth=2, seconds=30)
    call = connected.start("sync", "run", "--json")
    assert engine.held.wait(60)
    call.send_signal(number)
    engine.released.set()
    done = connected.end(call)
    assert done.code == 130, done.out
    assert {one["state"] for one in done.json["runs"]} == {"ok", "cancelled"}
    kept = connected("info", "--json").json["counts"]
    assert kept["campaigns"] > 0
    engine.behave()
    assert connected("sync", "run").code == 0


# ---------------------------------------------------------------- when


def test_a_schedule_is_set_shown_and_kept(connected: Desk):
    before = connected("sync", "schedule", "--json").json
    assert before["entry"]["installed"] is False
    assert all(one["every_seconds"] > 0 for one in before["schedule"])
    one = connected("sync", "schedule", "star", "--every", "6h", "--stream", "orders", "--json").json["schedule"]
    assert next(each["every_seconds"] for each in one if each["stream"] == "orders") == 21_600
    assert {each["stream"] for each in one if each["every_seconds"] != 21_600}
    connected("sync", "schedule", "star", "--off")
    assert {each["every_seconds"] for each in connected("sync", "schedule", "--json").json["schedule"]} == {0}
    assert connected("sync", "run", "--due", "--json").json == {"runs": []}
    connected("sync", "schedule", "star", "--every", "1d")
    due = connected("sync", "run", "--due", "--json")
    assert due.code == 0
    assert due.json["runs"]
    assert connected("sync", "run", "--due", "--json").json == {"runs": []}


def test_the_systems_entry_runs_what_is_due(connected: Desk, tmp_path: Path):
    """What the entry starts is run here as the system would: from another folder, with nothing but what the unit says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text("#!/bin/sh\nexit 0\n")
    (folder / "systemctl").chmod(0o755)
    desk = Desk(connected.folder, {**connected.env, "PATH": f"{folder}{os.pathsep}{connected.env['PATH']}"}, connected.service, connected.said)
    installed = desk("sync", "schedule", "--install", "--json")
    assert installed.code == 0, installed.out
    unit = Path(installed.json["entry"]["file"]).with_suffix(".service")
    command = next(line for line in unit.read_text("utf-8").splitlines() if line.startswith("ExecStart=")).removeprefix("ExecStart=")
    words = [word.replace("%%", "%").removeprefix(":") for word in shlex.split(command)]
    ran = subprocess.run(words, cwd="/", env=desk.env, capture_output=True, text=True, check=False)
    desk.said.extend((ran.stdout, ran.stderr))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert desk("sync", "log", "--json").json["runs"]
    off = desk("sync", "schedule", "--off", "--json").json
    assert off["entry"]["installed"] is False
    assert not unit.exists()
