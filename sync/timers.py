# SPDX-License-Identifier: Apache-2.0
"""The entry by which the system's own scheduler pulls what is due: a systemd user timer, a launchd agent or a scheduled task.

What is written and which commands follow is made by pure functions, one for each system; only ``Timers`` touches anything.
The system starts the entry every quarter of an hour and once after sleep; what is due then stands in the workspace.
"""

from __future__ import annotations

import hashlib
import os
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from app import itself
from app.errors import UsageError
from app.services import TimerEntry
from app.settings import default_workspace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MINUTES: Final = 15
_SECONDS_TO_ANSWER: Final = 30
_OFFLINE: Final = "offline"
_UNWRITABLE: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and bytes of a name that are no text."""
_EXPANDED: Final = re.compile(r"%[^%]+%|\$\(")
"""What the Task Scheduler replaces in a command and offers no way to write as it stands."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command of the system's own; ``needed``: the entry does not stand without it."""

    words: tuple[str, ...]
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """How an entry is put in place and taken away. The first file says whether it stands.

    ``awake``: a command that says ``offline`` where the scheduler itself does not run; ``asleep`` puts the entry in place then.
    """

    kind: str
    files: Mapping[Path, bytes]
    on: tuple[Step, ...]
    off: tuple[Step, ...]
    afterwards: tuple[Step, ...] = ()
    awake: Step | None = None
    asleep: tuple[Step, ...] = ()


def entry_command(address: str, interpreter: str) -> tuple[str, ...]:
    """What the system starts, by the interpreter or, packaged, by the program itself."""
    return (*itself.command("sync", interpreter), "--workspace", address, "--quiet", "sync", "run", "--due")


def entry_name(address: str) -> str:
    """Name of a workspace's entry, the same for the same address."""
    return f"koc-desk-sync-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


# ---------------------------------------------------------------- what each system is given


def systemd(address: str, interpreter: str, config: Path) -> Plan:
    """A user timer with its service. ``Persistent``: a run that sleep or being off has missed is made up for."""
    name, folder = entry_name(address), config / "systemd" / "user"
    # The shell stands before the interpreter because systemd takes no path with a quotation mark for what it starts itself.
    command = " ".join(map(_unit_word, (":/bin/sh", "-c", 'exec "$0" "$@"', *entry_command(address, interpreter))))
    title = "KOC Desk: pull what is due"
    # Rejected rows, a platform that is not reached and a cancelled run are told in the workspace; the unit did its work.
    service = f"[Unit]\nDescription={title}\n\n[Service]\nType=oneshot\nExecStart={command}\nSuccessExitStatus=1 4 130\nNice=10\n"
    timer = f"[Unit]\nDescription={title}\n\n[Timer]\nOnCalendar=*:0/{_MINUTES}\nPersistent=true\nRandomizedDelaySec=60\n\n[Install]\nWantedBy=timers.target\n"
    systemctl = ("systemctl", "--user")
    reload = Step((*systemctl, "daemon-reload"))
    return Plan(
        "systemd",
        {folder / f"{name}.timer": timer.encode(), folder / f"{name}.service": service.encode()},
        on=(reload, Step((*systemctl, "enable", "--now", f"{name}.timer"))),
        off=(Step((*systemctl, "disable", "--now", f"{name}.timer"), needed=False),),
        afterwards=(Step(reload.words, needed=False),),
        awake=Step((*systemctl, "is-system-running"), needed=False),
        asleep=(Step((*systemctl, "enable", f"{name}.timer")),),
    )


def _unit_word(word: str) -> str:
    """A word of a command line in a unit. Its opening colon keeps systemd from replacing ``$``."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def launchd(address: str, interpreter: str, home: Path, user: int) -> Plan:
    """An agent of the user. Calendar intervals that pass in sleep are made up for once on waking; plain intervals would not be."""
    name = entry_name(address)
    file = home / "Library" / "LaunchAgents" / f"{name}.plist"
    agent = {
        "Label": name,
        "ProgramArguments": list(entry_command(address, interpreter)),
        "StartCalendarInterval": [{"Minute": minute} for minute in range(0, 60, _MINUTES)],
        "RunAtLoad": True,
        "ProcessType": "Background",
    }
    domain = f"gui/{user}"
    gone = Step(("launchctl", "bootout", f"{domain}/{name}"), needed=False)
    return Plan("launchd", {file: plistlib.dumps(agent)}, on=(gone, Step(("launchctl", "bootstrap", domain, str(file)))), off=(gone,))


def task_scheduler(address: str, interpreter: str, data: Path) -> Plan:
    """A task of the user who is signed in. ``StartWhenAvailable``: a start that was missed is made up for."""
    command, name = entry_command(address, interpreter), entry_name(address)
    file, task = data / f"{name}.xml", f"KOC Desk\\{name}"
    # The order of elements within a trigger is the schema's; another one is refused.
    text = f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>KOC Desk: pull what is due</Description>
  </RegistrationInfo>
  <Triggers>
    <CalendarTrigger>
      <StartBoundary>2026-01-01T00:00:00</StartBoundary>
      <Repetition>
        <Interval>PT{_MINUTES}M</Interval>
        <Duration>P1D</Duration>
      </Repetition>
      <ScheduleByDay>
        <DaysInterval>1</DaysInterval>
      </ScheduleByDay>
    </CalendarTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <Enabled>true</Enabled>
    <ExecutionTimeLimit>PT12H</ExecutionTimeLimit>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(command[0])}</Command>
      <Arguments>{escape(subprocess.list2cmdline(command[1:]))}</Arguments>
    </Exec>
  </Actions>
</Task>
"""
    made = Step(("schtasks", "/Create", "/TN", task, "/XML", str(file), "/F"))
    return Plan("task_scheduler", {file: text.encode("utf-16")}, on=(made,), off=(Step(("schtasks", "/Delete", "/TN", task, "/F"), needed=False),))


def windowless(interpreter: str) -> str:
    """The interpreter, or the door, that opens no console, where it stands beside the other: a window that flashes up every quarter of an hour is none."""
    path = PureWindowsPath(interpreter)
    quiet = path.with_name({"python.exe": "pythonw.exe", "koc.exe": "koc-desk.exe"}.get(path.name.lower(), path.name))
    return str(quiet) if Path(quiet).is_file() else interpreter


# ---------------------------------------------------------------- putting it in place


class Timers:
    """Fulfils the port for one workspace, on the system at hand."""

    def __init__(self, address: str) -> None:
        """``address``: path of the workspace, or its URL."""
        self._address = address if "://" in address else str(Path(address).expanduser().absolute())

    def entry(self) -> TimerEntry:
        """What is in place."""
        plan = self._plan()
        return self._told(plan, installed=plan is not None and self._first(plan).is_file())

    def install(self) -> TimerEntry:
        """Put the entry in place, or put it there anew; UsageError where the system has none or refuses."""
        if _tells_password(self._address):
            raise UsageError("timer_password")
        plan, command = self._plan(), entry_command(self._address, sys.executable)
        if plan is None:
            raise UsageError("no_timers", command=shlex.join(command))
        if not _writable(plan.kind, command):
            raise UsageError("timer_path", path=self._address)
        for file, text in plan.files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
        waits = plan.awake is not None and _run(plan.awake) == _OFFLINE
        try:
            for step in plan.asleep if waits else plan.on:
                _run(step)
        except UsageError:
            self._take_away(plan)
            raise
        return replace(self._told(plan, installed=True), waits=waits)

    def remove(self) -> bool:
        """Take the entry away; whether there was one."""
        plan = self._plan()
        if plan is None or not self._first(plan).is_file():
            return False
        self._take_away(plan)
        return True

    def _take_away(self, plan: Plan) -> None:
        for step in plan.off:
            _run(step)
        for file in plan.files:
            file.unlink(missing_ok=True)
        for step in plan.afterwards:
            _run(step)

    def _plan(self) -> Plan | None:
        """The entry as the system at hand takes it; None where it has no such thing."""
        if sys.platform == "win32":
            return task_scheduler(self._address, windowless(sys.executable), default_workspace().parent)
        if sys.platform == "darwin":
            return launchd(self._address, sys.executable, Path.home(), os.getuid())
        if shutil.which("systemctl") is None:
            return None
        return systemd(self._address, sys.executable, Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"))

    def _first(self, plan: Plan) -> Path:
        return next(iter(plan.files))

    def _told(self, plan: Plan | None, *, installed: bool) -> TimerEntry:
        return TimerEntry(installed, None if plan is None else plan.kind, str(self._first(plan)) if plan is not None and installed else None)


def _writable(kind: str, words: Sequence[str]) -> bool:
    """Whether the entry can hold the words as they stand."""
    return not any(_UNWRITABLE.search(word) or (kind == "task_scheduler" and _EXPANDED.search(word)) for word in words)


def _tells_password(address: str) -> bool:
    """Whether writing an address down would write a password down."""
    if "://" not in address:
        return False
    url = urlsplit(address)
    return url.password is not None or "password" in parse_qs(url.query)


def _run(step: Step) -> str:
    """Run a command of the system's own and give its answer; UsageError with that where it failed."""
    try:
        done = subprocess.run(step.words, capture_output=True, text=True, errors="replace", timeout=_SECONDS_TO_ANSWER, check=False)  # noqa: S603 (fixed words)
        failed, answer = done.returncode != 0, _first_line(done.stderr, done.stdout)
    except (OSError, subprocess.SubprocessError) as error:
        failed, answer = True, type(error).__name__
    if failed and step.needed:
        raise UsageError("timer_refused", command=_spoken(step.words), answer=answer)
    return answer


def _spoken(words: Sequence[str]) -> str:
    return " ".join(words[:4])


def _first_line(*texts: str) -> str:
    return next((line.strip() for text in texts for line in text.splitlines() if line.strip()), "")[:200]
