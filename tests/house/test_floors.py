# SPDX-License-Identifier: Apache-2.0
"""The floors hold, the ground floor knows no library, and a start loads no more than it needs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

ROOMS = ("app", "db", "resources", "sync", "widgets")
GROUND = {"numpy", "scipy", "rapidfuzz", "app", "resources"}
GUESTS = {
    **{path.relative_to(ROOT).as_posix(): {"typer"} for path in (ROOT / "app").glob("cli*.py")},
    "app/grammar.py": {"typer"},
    "app/settings.py": {"platformdirs"},
}


def sources(*rooms: str) -> Iterator[tuple[str, Path]]:
    """Every module of some rooms with its path from the root."""
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path


def imported(path: Path) -> set[str]:
    """Top-level names that a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_the_contracts_hold():
    """Each floor may look down, none may look up; no circle at any depth."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


@pytest.mark.parametrize(("name", "path"), list(sources("app", "resources")))
def test_the_ground_floor_imports_only_what_is_allowed(name: str, path: Path):
    """The contracts say what is forbidden; this says what is allowed, so a library nobody thought of is caught too."""
    foreign = imported(path) - GROUND - set(sys.stdlib_module_names) - GUESTS.get(name, set())
    assert not foreign


@pytest.mark.parametrize(("name", "path"), list(sources(*ROOMS)))
def test_broad_excepts_stand_in_few_files(name: str, path: Path):
    """Only what watches over other people's work may catch everything."""
    allowed = {"widgets/tasks.py", "widgets/application.py", "sync/__main__.py"}
    broad = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    ]
    assert name in allowed or not broad, broad


def test_no_file_is_a_huge_room():
    """What grows in every program is one huge room; it is split while it is small."""
    long = {name: count for name, path in sources(*ROOMS) if (count := len(path.read_text("utf-8").splitlines())) > 800}
    assert not long


def test_the_tree_names_no_machine():
    """A path of somebody's machine works on that machine only."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\0")
    if tracked == [""]:
        pytest.skip("not a clone")
    homes = ("/wo" + "rk/", "/ho" + "me/", "/Us" + "ers/", "/ro" + "ot/", "/t" + "mp/", "C:" + "\\Users")
    found = []
    for name in filter(None, tracked):
        path = ROOT / name
        if path.suffix in {".png", ".mo", ".xls", ".xlsx", ".zip", ".svg"} or name == "uv.lock" or not path.is_file():
            continue
        text = path.read_text("utf-8", errors="replace")
        found += [(name, home) for home in homes if home in text]
    assert not found


# ---------------------------------------------------------------- start

FIRST_PAINT = """
import os, sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
import widgets.__main__ as door

late = ("matplotlib", "scipy", "httpx", "keyring", "alembic", "polars", "psycopg", "pypinyin")


def look():
    shown = [one for one in QApplication.topLevelWidgets() if one.isVisible()]
    if not shown:
        QTimer.singleShot(0, look)
        return
    print("LOADED", *sorted(name for name in late if name in sys.modules))
    sys.stdout.flush()
    os._exit(0)


kept = QApplication.exec
QApplication.exec = staticmethod(lambda *rest: (QTimer.singleShot(0, look), kept())[1])
sys.argv = ["koc-desk", sys.argv[1]]
door.main()
"""


def test_the_window_is_painted_before_anything_heavy_is_loaded(sample: Path):
    """Charts, numerics, network, keyring and migrations cost seconds that a start does not have."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_PAINT, str(sample)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    said = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    assert said == ["LOADED"], done.stdout + done.stderr[-3000:]


def test_the_terminal_needs_no_window(sample: Path):
    """A server without Qt runs ``koc`` all the same."""
    script = (
        "import sys\n"
        "for name in ('PySide6', 'shiboken6', 'matplotlib'): sys.modules[name] = None\n"
        "from sync.__main__ import main\n"
        f"sys.argv = ['koc', '--workspace', {str(sample)!r}, '--json', 'creators', '--limit', '1']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert '"total": 1210' in done.stdout


def test_setting_text_keeps_every_reference_to_none(qtbot: QtBot):
    """PySide6 6.12.0 loses one with every call on CPython 3.11 and dies within 10,000."""
    from PySide6.QtWidgets import QLabel

    label = QLabel()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for number in range(1000):
        label.setText(str(number))
    assert sys.getrefcount(None) > before - 500
