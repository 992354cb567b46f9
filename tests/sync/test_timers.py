# SPDX-License-Identifier: Apache-2.0
"""The system's own scheduler is given what it can read, and starts what was meant, whatever the path."""

from __future__ import annotations

import json
import os
import plistlib
import shlex
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from app.errors import UsageError
from sync import timers
from sync.timers import Timers, entry_command, entry_name, launchd, systemd, task_scheduler

if TYPE_CHECKING:
    from pathlib import Path

ODD = [
    "/data/brand.koc",
    "/data/my brand/茶 品牌　二.koc",
    "/data/100%/a%b%%.koc",
    '/data/it\'s "quoted".koc',
    "/data/$HOME/${X}/back\\slash\\.koc",
    "/data/<a>&amp;;|#[1]{2}~.koc",
    "postgresql+psycopg://koc@db.example/brand?sslmode=require",
]
TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


@pytest.mark.parametrize("address", ODD)
def test_a_unit_gives_each_word_back(address: str, tmp_path: Path):
    """Undone by systemd's rules: backslashes, then percent signs; no variable is replaced after the colon. The shell hands the rest on."""
    plan = systemd(address, "/opt/my py%thon/bin/python", tmp_path)
    service = next(text for path, text in plan.files.items() if path.suffix == ".service").decode()
    line = next(one for one in service.splitlines() if one.startswith("ExecStart=")).removeprefix("ExecStart=")
    words = [word.replace("%%", "%") for word in shlex.split(line)]
    assert words[0] == ":/bin/sh"
    echo = [sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))"]
    passed = subprocess.run(["/bin/sh", *words[1:3], *echo, *words[4:]], capture_output=True, text=True, check=True)
    assert json.loads(passed.stdout) == list(entry_command(address, "")[1:])
    assert words[3] == "/opt/my py%thon/bin/python"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
@pytest.mark.parametrize("address", ODD)
def test_systemd_accepts_the_units(address: str, tmp_path: Path):
    odd = tmp_path / "an odd %h 'place'" / "python"
    odd.parent.mkdir()
    odd.symlink_to(sys.executable)
    plan = systemd(address, str(odd), tmp_path / "config")
    for path, text in plan.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    said = subprocess.run(
        ["systemd-analyze", "--user", "--man=no", "--recursive-errors=no", "verify", *plan.files], capture_output=True, text=True, check=False, env=runtime
    )
    name = entry_name(address)
    assert (said.returncode, [line for line in said.stderr.splitlines() if name in line]) == (0, [])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
def test_the_timer_comes_every_quarter_of_an_hour_and_after_sleep(tmp_path: Path):
    timer = next(text for path, text in systemd("/a.koc", "/usr/bin/python3", tmp_path).files.items() if path.suffix == ".timer").decode()
    assert "Persistent=true" in timer
    spec = next(line for line in timer.splitlines() if line.startswith("OnCalendar=")).removeprefix("OnCalendar=")
    said = subprocess.run(["systemd-analyze", "calendar", spec], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
    assert "Normalized form: *-*-* *:00/15:00" in said.stdout


@pytest.mark.parametrize("address", ODD)
def test_launchd_gets_a_list_of_words(address: str, tmp_path: Path):
    plan = launchd(address, "/opt/my python/bin/python", tmp_path, 501)
    (path, text), *others = plan.files.items()
    agent = plistlib.loads(text)
    assert not others
    assert path.parent == tmp_path / "Library" / "LaunchAgents"
    assert agent["ProgramArguments"] == list(entry_command(address, "/opt/my python/bin/python"))
    assert agent["Label"] == path.stem == entry_name(address)
    # A plain interval is skipped in sleep; calendar ones are made up for on waking.
    assert agent["StartCalendarInterval"] == [{"Minute": 0}, {"Minute": 15}, {"Minute": 30}, {"Minute": 45}]
    assert agent["RunAtLoad"] is True


@pytest.mark.parametrize("address", ["C:\\Daten\\brand.koc", "C:\\my brand\\茶 & <品牌>.koc", "C:\\100%\\brand.koc", 'D:\\odd "name"\\', "C:\\a b\\\\"])
def test_the_task_starts_what_was_meant(address: str, tmp_path: Path):
    interpreter = "C:\\Program Files\\Python & Co\\pythonw.exe"
    (text,) = task_scheduler(address, interpreter, tmp_path).files.values()
    task = ET.fromstring(text.decode("utf-16"))  # noqa: S314 (our own)
    command, arguments = task.find(f".//{TASK}Command"), task.find(f".//{TASK}Arguments")
    assert command is not None
    assert arguments is not None
    assert command.text == interpreter
    assert split_as_windows(arguments.text or "") == list(entry_command(address, "")[1:])


def split_as_windows(line: str) -> list[str]:
    """The rules of the Microsoft C runtime: backslashes count only before a quotation mark."""
    words, word, quoted, started, slashes = [], "", False, False, 0
    for char in line:
        if char == "\\":
            slashes, started = slashes + 1, True
            continue
        if char == '"':
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
            started = True
        else:
            word += "\\" * slashes
            if char in " \t" and not quoted:
                if started:
                    words.append(word)
                word, started = "", False
            else:
                word, started = word + char, True
        slashes = 0
    return [*words, word + "\\" * slashes] if started or slashes else words


def test_the_task_has_its_elements_in_the_schemas_order(tmp_path: Path):
    """The Task Scheduler refuses a file whose elements stand in another order, naming a line."""
    (text,) = task_scheduler("C:\\brand.koc", "C:\\py\\pythonw.exe", tmp_path).files.values()
    assert text.startswith((b"\xff\xfe", b"\xfe\xff"))
    task = ET.fromstring(text.decode("utf-16"))  # noqa: S314
    names = {parent: [one.tag.removeprefix(TASK) for one in task.findall(f".//{TASK}{parent}/*")] for parent in ("CalendarTrigger", "Repetition", "Principal")}
    assert [one.tag.removeprefix(TASK) for one in task] == ["RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"]
    assert names == {
        "CalendarTrigger": ["StartBoundary", "Repetition", "ScheduleByDay"],
        "Repetition": ["Interval", "Duration"],
        "Principal": ["LogonType", "RunLevel"],
    }
    settings = {one.tag.removeprefix(TASK): one.text for one in task.findall(f".//{TASK}Settings/*")}
    assert settings["StartWhenAvailable"] == "true"
    assert settings["StopIfGoingOnBatteries"] == settings["DisallowStartIfOnBatteries"] == "false"


@pytest.mark.parametrize(("kind", "address", "good"), [
    ("task_scheduler", "C:\\%TEMP%\\brand.koc", False), ("task_scheduler", "C:\\$(Arg0)\\brand.koc", False), ("task_scheduler", "C:\\100%\\brand.koc", True),
    ("systemd", "/%TEMP%/$(a).koc", True), ("systemd", "/two\nlines.koc", False), ("launchd", "/bell\x07.koc", False), ("systemd", "/bad\udce9.koc", False),
])  # fmt: skip
def test_a_path_that_an_entry_cannot_hold_is_known(kind: str, address: str, good: bool):
    assert timers._writable(kind, entry_command(address, "python")) is good


# ---------------------------------------------------------------- putting it in place


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``systemctl`` that notes what it is asked; a file ``refuse`` beside it makes it fail."""
    folder = tmp_path / "bin"
    folder.mkdir()
    tool = folder / "systemctl"
    tool.write_text(
        f'#!/bin/sh\necho "$@" >> "{folder}/asked"\nif [ -e "{folder}/refuse" ]; then echo "Failed to connect to bus: No medium found" >&2; exit 1; fi\n'
    )
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return folder


linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systemd's entry is Linux's")


@linux_only
def test_an_entry_is_put_in_place_and_taken_away(systemctl: Path, tmp_path: Path):
    there = Timers(str(tmp_path / "brand.koc"))
    assert there.entry().installed is False
    entry = there.install()
    name = entry_name(str(tmp_path / "brand.koc"))
    units = {path.name for path in (tmp_path / "config" / "systemd" / "user").iterdir()}
    assert entry.installed
    assert entry.kind == "systemd"
    assert units == {f"{name}.timer", f"{name}.service"}
    assert there.entry() == entry == there.install()
    assert there.remove()
    assert not list((tmp_path / "config" / "systemd" / "user").iterdir())
    assert there.remove() is False
    asked = (systemctl / "asked").read_text().splitlines()
    assert asked == [
        *("--user is-system-running", "--user daemon-reload", f"--user enable --now {name}.timer") * 2,
        f"--user disable --now {name}.timer", "--user daemon-reload",
    ]  # fmt: skip


@linux_only
def test_where_no_service_manager_runs_the_entry_is_written_and_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A server without a session, or a container: the system's own program writes it down, and it starts with the next session."""
    if shutil.which("systemctl") is None:
        pytest.skip("no systemd here")
    for name in ("XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    there = Timers(str(tmp_path / "brand.koc"))
    entry, name = there.install(), entry_name(str(tmp_path / "brand.koc"))
    units = tmp_path / "systemd" / "user"
    assert (entry.installed, entry.waits) == (True, True)
    assert {f"{name}.timer", f"{name}.service"} < {path.name for path in units.iterdir()}
    assert (units / "timers.target.wants" / f"{name}.timer").resolve() == units / f"{name}.timer"
    assert there.remove()
    assert not [path for path in units.rglob("*") if not path.is_dir()]


@linux_only
def test_an_entry_that_the_system_refuses_leaves_nothing(systemctl: Path, tmp_path: Path):
    (systemctl / "refuse").touch()
    there = Timers(str(tmp_path / "brand.koc"))
    with pytest.raises(UsageError) as refused:
        there.install()
    assert refused.value.code == "timer_refused"
    assert refused.value.details["answer"] == "Failed to connect to bus: No medium found"
    assert there.entry().installed is False
    assert not list((tmp_path / "config" / "systemd" / "user").iterdir())


@linux_only
def test_where_there_is_no_systemd_the_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as none:
        Timers(str(tmp_path / "my brand.koc")).install()
    assert none.value.code == "no_timers"
    assert shlex.split(str(none.value.details["command"])) == list(entry_command(str(tmp_path / "my brand.koc"), sys.executable))


@linux_only
@pytest.mark.parametrize("address", ["postgresql+psycopg://koc:hush@db/brand", "postgresql+psycopg://koc@db/brand?password=hush"])
def test_a_password_is_never_written_into_an_entry(systemctl: Path, tmp_path: Path, address: str):
    with pytest.raises(UsageError) as refused:
        Timers(address).install()
    assert refused.value.code == "timer_password"
    assert "hush" not in str(refused.value)
    assert not (tmp_path / "config").exists()
    assert not (systemctl / "asked").exists()


def test_the_command_starts_the_program_from_any_folder(tmp_path: Path):
    """A folder called ``sync`` in the working directory is not taken for ours."""
    (tmp_path / "sync").mkdir()
    (tmp_path / "sync" / "__init__.py").write_text("raise SystemExit(99)")
    words = [sys.executable, "-P", "-m", "sync", "--lang", "en", "--help"]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (said.returncode, "Usage: koc" in said.stdout) == (0, True)
    assert entry_command("x", sys.executable)[:4] == tuple(words[:4])
