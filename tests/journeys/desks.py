# SPDX-License-Identifier: Apache-2.0
"""A desk of its own for a journey: a home, a workspace, ``koc`` as real processes, and a search over everything they wrote."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

from sqlcipher3 import dbapi2

from tests.conftest import ROOT, Answer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.emulators.oceanengine import OceanEngine

PASSPHRASE: Final = "a pass-phrase that nobody sees"  # noqa: S105 - a test's


class Warm:
    """The process that starts others."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "tests.journeys.warm"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._read()["ready"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    def ask(self, told: dict[str, Any]) -> dict[str, Any]:
        """One line and its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """Nobody is started any more."""
        self._process.communicate(timeout=20)


@dataclass(slots=True)
class Running:
    """A ``koc`` on its way."""

    desk: Desk
    pid: int
    given: Path
    out: Path
    err: Path

    def wait(self) -> Answer:
        """To its end; the code is negative where a signal ended it."""
        code = self.desk.warm.ask({"wait": self.pid})["code"]
        self.given.unlink()  # what is typed in is no output
        return Answer(code, self.out.read_text("utf-8"), self.err.read_text("utf-8"))


@dataclass(slots=True)
class Desk:
    """Home, temporary folder, workspace and everything that was said there."""

    folder: Path
    warm: Warm
    secrets: set[str] = field(default_factory=lambda: {PASSPHRASE})
    personal: set[str] = field(default_factory=set)
    count: int = 0

    def __post_init__(self) -> None:
        """Folders that a system has."""
        for name in ("home", "tmp", "said"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def workspace(self) -> Path:
        """The file of facts."""
        return self.folder / "brand.koc"

    @property
    def env(self) -> dict[str, str]:
        """Of every program that runs here."""
        home = str(self.folder / "home")
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV") if name in os.environ}
        homes = ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
        return {**kept, **dict.fromkeys(homes, home), "TMPDIR": str(self.folder / "tmp"), "LC_ALL": "C.UTF-8", "KOC_VAULT_PASSPHRASE": PASSPHRASE}

    def start(self, *words: object, stdin: str = "", json_out: bool = True) -> Running:
        """Start ``koc``."""
        self.count += 1
        paths = [self.folder / "said" / f"{self.count:04d}.{name}" for name in ("in", "out", "err")]
        given, out, err = paths
        given.write_text(stdin, "utf-8")
        argv = ["--workspace", str(self.workspace), "--lang", "en", *(["--json"] if json_out else []), *map(str, words)]
        told = {"argv": argv, "env": self.env, "in": str(given), "out": str(out), "err": str(err), "cwd": str(self.folder)}
        return Running(self, self.warm.ask(told)["pid"], given, out, err)

    def koc(self, *words: object, stdin: str = "", code: int | None = 0) -> Answer:
        """Run ``koc`` to its end."""
        answer = self.start(*words, stdin=stdin).wait()
        assert code is None or answer.code == code, answer
        return answer

    # ------------------------------------------------------------ platforms

    def connect(self, engine: OceanEngine, name: str = "star") -> Self:
        """A workspace with a connection that is signed in by a pasted code."""
        if not self.workspace.exists():
            self.koc("init")
        self.koc(
            "connect", "add", "oceanengine", "--name", name, "--base-url", engine.base_url, "--app-id", engine.app_id, "--secret-stdin", stdin=engine.secret
        )
        self.koc("connect", "login", name, "--code-stdin", stdin=engine.code())
        return self

    def sync(self, *words: object, code: int | None = 0) -> list[dict[str, Any]]:
        """Pull; what became of each stream."""
        runs: list[dict[str, Any]] = self.koc("sync", "run", *words, code=code).json["runs"]
        return runs

    @property
    def hash(self) -> str:
        """Of the facts that stand."""
        told: str = self.koc("info").json["content_hash"]
        return told

    def sound(self) -> bool:
        """Whether the file and its ledgers are as they should be."""
        return bool(self.koc("doctor").json["ok"])

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the file itself, while nobody writes."""
        line = dbapi2.connect(str(self.workspace))
        try:
            return list(line.execute(sql, values))
        finally:
            line.close()

    # ------------------------------------------------------------ what must not be anywhere

    def written(self) -> Iterable[tuple[str, bytes]]:
        """Every file that came to be at this desk, with what it holds."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                yield path.relative_to(self.folder).as_posix(), path.read_bytes()

    def leaks(self, others: Iterable[str] = ()) -> list[tuple[str, str]]:
        """Where a secret stands that must stand nowhere, and where personal data stands outside the store.

        ``others``: what other hosts got to see.
        """
        places = [*self.written(), *((f"another host {n}", text.encode()) for n, text in enumerate(others))]
        store = (self.workspace.name,)
        found = [(name, canary) for name, data in places for canary in self.secrets if _holds(data, canary)]
        found += [(name, canary) for name, data in places if not name.startswith(store) for canary in self.personal if _holds(data, canary)]
        history = "\n".join(str(row) for table in self._history() for row in self.rows(f"select * from {table}"))
        return found + [("history", canary) for canary in self.personal | self.secrets if _holds(history.encode(), canary)]

    def _history(self) -> list[str]:
        """Tables that tell what was done rather than what is."""
        named = {name for (name,) in self.rows("select name from sqlite_master where type = 'table'")}
        return sorted(named & {"sync_run", "run_line", "connection", "feed_cursor", "feed_schedule", "drift"})


def _holds(data: bytes, canary: str) -> bool:
    """Whether a text stands in something, plainly or in a usual disguise."""
    plain = canary.encode()
    return any(form in data for form in (plain, quote(canary).encode(), json.dumps(canary)[1:-1].encode(), base64.b64encode(plain).rstrip(b"=")[:-1]))
