# SPDX-License-Identifier: Apache-2.0
"""What every test lives in: no screen, no home, no network beyond this machine, real stores in temporary folders."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
os.environ["PYTHONPYCACHEPREFIX"] = str(ROOT / ".pytest_cache" / "modules")  # hundreds of processes are started: each module is compiled once
for _name in ("PYTHONDONTWRITEBYTECODE", "KOC_WORKSPACE", "DISPLAY", "WAYLAND_DISPLAY"):
    os.environ.pop(_name, None)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, logs and default workspaces of a test are its own; so is its language."""
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(autouse=True, scope="session")
def _this_machine_only() -> Iterator[None]:
    """A connection to another machine is a fault of the test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "local"
        if host not in {"127.0.0.1", "::1", "localhost", "local"}:
            raise AssertionError(f"a test reaches out to {host}")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """A thread that outlives its test would hold the program open."""
    before = set(threading.enumerate())
    yield
    left = [one for one in threading.enumerate() if one not in before and not one.daemon and one.is_alive()]
    for one in left:
        one.join(5)
    assert not [one.name for one in left if one.is_alive()]


# ---------------------------------------------------------------- the command line


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call of ``koc`` gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Where the test's workspace stands or will stand."""
    return tmp_path / "brand.koc"


@pytest.fixture
def koc(workspace: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run ``koc`` in this process on the test's workspace: ``koc("creators", "--json")``."""
    from app import cli
    from sync.compose import opener

    def run(*words: object) -> Answer:
        capfd.readouterr()
        code = cli.run(["--workspace", str(workspace), "--lang", "en", *map(str, words)], opener)
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return run


# ---------------------------------------------------------------- data


@pytest.fixture(scope="session")
def _sample_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from app.sample import fill
    from app.values import Actor, WorkspaceRef
    from sync.compose import opener

    path = tmp_path_factory.mktemp("sample") / "sample.koc"
    services = opener().create(WorkspaceRef(str(path)), Actor("tester"))
    try:
        fill(services)
    finally:
        services.close()
    return path


@pytest.fixture
def sample(_sample_made: Path, tmp_path: Path) -> Path:
    """A copy of the sample brand for one test."""
    path = tmp_path / "sample.koc"
    shutil.copy2(_sample_made, path)
    return path


@pytest.fixture(scope="session")
def real() -> Path:
    """Public files as strangers made them; they stand beside the project and are read, never copied."""
    folder = ROOT.parent / "shared" / "data" / "real"
    if not folder.is_dir():
        pytest.skip("the public files are not on this machine")
    return folder
