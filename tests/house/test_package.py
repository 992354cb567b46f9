# SPDX-License-Identifier: Apache-2.0
"""The packaged program finds its files and its own parts; that it starts is tried by ``make package``."""

from __future__ import annotations

import ast
import configparser
import json
import os
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import xlsxwriter
import yaml
from PySide6.QtCore import QByteArray
from PySide6.QtSvg import QSvgRenderer

from app import itself
from sync.timers import entry_command, windowless
from tests.conftest import ROOT
from widgets import theme

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

ROOMS = ("app", "db", "resources", "sync", "widgets")
SPEC = ROOT / ".ci" / "koc-desk.spec"


def named(name: str) -> Any:
    """A table of the spec."""
    for node in ast.parse(SPEC.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"the spec has no {name}")


def test_the_spec_names_every_folder_of_data():
    """What is read by its name is not found by following imports; revisions are read as files too."""
    folders = {
        path.parent.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and (path.suffix != ".py" or path.parent.name == "versions")
    }
    assert set(named("DATA")) == folders


def test_the_spec_says_the_version_and_every_room():
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    assert named("VERSION") == project["project"]["version"]
    assert list(named("ROOMS")) == project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def test_every_keyring_that_is_allowed_is_in_the_package():
    """They are loaded by their names."""
    tree = ast.parse((ROOT / "sync" / "keyrings.py").read_text("utf-8"))
    allowed = {
        one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value.startswith("keyring.backends.")
    }
    assert allowed
    assert {name.rpartition(".")[0] for name in allowed} <= set(named("BY_NAME"))


@pytest.mark.parametrize("path", [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_part_is_started_by_an_interpreter(path: Path):
    """Packaged, ``sys.executable`` is the program: what takes ``-m`` and ``-c`` stands in ``app.itself`` alone."""
    texts = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.List | ast.Tuple)]
    words = [{one.value for one in node.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)} for node in texts]
    assert path == ROOT / "app" / "itself.py" or not any("-m" in some for some in words)
    executable = [node.lineno for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute) and node.attr == "executable"]
    assert path.relative_to(ROOT).as_posix() in {"app/itself.py", "sync/timers.py"} or not executable


def test_both_doors_enter_by_what_leads_to_the_parts():
    """Before all else: a child of the packaged program is to load nothing but its part."""
    for room in ("sync", "widgets"):
        tree = ast.parse((ROOT / room / "__main__.py").read_text("utf-8"))
        main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
        assert [ast.unparse(node) for node in main.body[1:3]] == ["itself.enter()", "multiprocessing.freeze_support()"]


@pytest.mark.parametrize("door", ["sync", "widgets"])
def test_a_door_reads_a_workbook_as_the_packaged_program_asks(door: str, tmp_path: Path):
    book = xlsxwriter.Workbook(tmp_path / "list.xlsx")
    book.add_worksheet("达人").write_column(0, 0, ["昵称", "小茶"])
    book.close()
    words = [sys.executable, "-m", door, "--part", "sync.workbooks", str(tmp_path / "list.xlsx"), str(tmp_path / "table.arrow")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout)["sheet"] == "达人"
    assert pl.read_ipc((tmp_path / "table.arrow").read_bytes()).to_series(1).to_list() == ["昵称", "小茶"]


def test_a_door_opens_no_other_part():
    """Only what stands in the list is run; anything else is a mistake of the command line like any other."""
    done = subprocess.run([sys.executable, "-m", "sync", "--part", "timeit", "1"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2


def test_packaged_every_part_is_started_by_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/koc-desk/koc")
    assert itself.command("webbrowser") == ("/opt/koc-desk/koc", "--part", "webbrowser")
    assert entry_command("brand.koc", "/opt/koc-desk/koc")[:5] == ("/opt/koc-desk/koc", "--part", "sync", "--workspace", "brand.koc")
    assert windowless("C:\\KOC Desk\\koc.exe") == "C:\\KOC Desk\\koc.exe", "where the other door is not there"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "koc-desk.exe").touch()
    assert windowless("koc.exe") == "koc-desk.exe", "the scheduler's console would flash up every quarter of an hour"


@pytest.mark.parametrize(("before", "after"), [("/usr/lib/own", "/usr/lib/own"), (None, None)])
def test_packaged_other_programs_get_the_systems_libraries(monkeypatch: pytest.MonkeyPatch, before: str | None, after: str | None):
    """A browser that found the package's libraries before its own would not start."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "argv", ["koc"])
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/koc-desk/_internal")
    if before:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", before)
    itself.enter()
    assert os.environ.get("LD_LIBRARY_PATH") == after


def test_the_menu_entry_starts_the_window_with_the_icon():
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment, method-assign]
    entry.read(ROOT / "resources" / "desktop" / "koc-desk.desktop", "utf-8")
    said = entry["Desktop Entry"]
    assert (said["Exec"], said["Icon"], said["Terminal"]) == ("koc-desk %f", "koc-desk", "false")
    assert {"Name", "Name[zh_CN]", "Comment", "Comment[zh_CN]"} <= set(said)
    assert QSvgRenderer(QByteArray((ROOT / "resources" / "desktop" / "koc-desk.svg").read_bytes())).isValid()


def test_the_workflow_builds_and_tries_on_three_systems_without_secrets():
    text = (ROOT / ".github" / "workflows" / "package.yml").read_text("utf-8")
    job = yaml.safe_load(text)["jobs"]["package"]
    assert [name.partition("-")[0] for name in job["strategy"]["matrix"]["system"]] == ["ubuntu", "windows", "macos"]
    ran = " ".join(step.get("run", "") for step in job["steps"])
    assert ".ci/koc-desk.spec" in ran
    assert ".ci/smoke dist/koc-desk" in ran
    assert all("@v" in step["uses"] for step in job["steps"] if "uses" in step)
    assert "secrets." not in text


def test_the_window_carries_the_programs_icon(qapp: QApplication):
    icon = theme.program_icon()
    assert [(size.width(), size.height()) for size in icon.availableSizes()] == [(256, 256)]
    assert icon.pixmap(64, 64).toImage().pixelColor(32, 6).name() == "#0f6f68"
    del qapp
