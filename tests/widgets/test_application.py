# SPDX-License-Identifier: Apache-2.0
"""The program as a whole: first start, recovery, one window per workspace, languages and looks, pictures, start-up budget."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from app.errors import WorkspaceError
from app.jobs import Quiet
from app.settings import LANGUAGE, THEME
from app.values import Actor, WorkspaceRef
from sync.compose import opener
from widgets.application import Hold, Opened, last_resort, parse
from widgets.dialogs.welcome import Opening, Trouble, Welcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from app.services import Services
    from widgets.application import Application
    from widgets.page import Context


ROOT = Path(__file__).resolve().parents[2]
LATE = ("matplotlib", "scipy", "httpx", "keyring", "alembic", "polars", "psycopg", "pypinyin", "sqlalchemy")


def opened(desk: Application) -> Opened:
    assert desk._opened is not None
    return desk._opened


def middle(desk: Application) -> QWidget:
    assert desk.window._middle is not None
    return desk.window._middle


def said(desk: Application) -> str:
    return "\n".join(label.text() for label in middle(desk).findChildren(QLabel))


def test_options():
    options = parse(["x.koc", "--lang", "en", "--theme", "dark", "--page", "creators", "--pictures", "out"])
    assert (options.workspace, options.language, options.look, options.page, options.pictures) == ("x.koc", "en", "dark", "creators", Path("out"))
    with pytest.raises(SystemExit):
        parse(["--page", "nowhere"])


def test_the_first_start_offers_three_ways_in(make_desk: Callable[..., Application]):
    desk = make_desk(None)
    assert isinstance(desk.window._middle, Welcome)
    assert {"打开示例品牌", "新建工作区", "打开工作区"} <= {button.text() for button in middle(desk).findChildren(QPushButton)}
    assert not desk.window.commands["file.import"].isEnabled()


def test_the_window_paints_before_the_workspace_is_opened(make_desk: Callable[..., Application]):
    desk = make_desk()
    assert desk.window.page_key == "today"
    assert desk.settings.recent[0].endswith("roster.koc")
    desk.window.show_opening("x")
    assert isinstance(desk.window._middle, Opening)


def test_the_workspace_opened_last_opens_again(make_desk: Callable[..., Application], tmp_path: Path):
    make_desk().stop()
    again = make_desk(None)
    assert opened(again).services.ref.address == str(tmp_path / "roster.koc")


@pytest.mark.parametrize("fault", ["missing", "damaged", "cut", "newer", "stranger"])
def test_a_workspace_that_cannot_be_opened_is_left_as_it_is(make_desk: Callable[..., Application], tmp_path: Path, fault: str):
    """No silent new database: the file stays byte for byte, the newest backup is named."""
    path = tmp_path / "roster.koc"
    services = opener()(WorkspaceRef(str(path)), Actor("t"))
    services.workspace.backup(tmp_path / "roster-2026.kocbackup", Quiet())
    services.close()
    if fault == "missing":
        path.unlink()
    elif fault == "damaged":
        path.write_bytes(b"\0\1\2\3\4\5\6\7" + path.read_bytes()[8:])
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[: -40 * 4096])
    elif fault == "newer":
        data = bytearray(path.read_bytes())
        data[60:64] = (999).to_bytes(4, "big")
        path.write_bytes(data)
    else:
        path.write_text("not a database, only text that somebody renamed" * 10)
    before = path.read_bytes() if path.exists() else None
    desk = make_desk()
    assert isinstance(desk.window._middle, Trouble)
    text = said(desk)
    assert "日志编号" in text
    assert "error." not in text
    assert desk.window.focusWidget() in desk.window._middle.findChildren(QPushButton)  # the keyboard begins at a way on
    if fault in {"damaged", "cut", "stranger"}:
        assert "roster-2026.kocbackup" in text
    assert (path.read_bytes() if path.exists() else None) == before


def test_the_newest_backup_is_one_press_away(make_desk: Callable[..., Application], tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "roster.koc"
    services = opener()(WorkspaceRef(str(path)), Actor("t"))
    services.workspace.backup(tmp_path / "roster-2026.kocbackup", Quiet())
    services.close()
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])
    desk = make_desk()
    monkeypatch.setattr("widgets.frame.files.ask", lambda *_: "do")
    button = next(one for one in middle(desk).findChildren(QPushButton) if one.text() == "还原最近的备份")
    with qtbot.waitSignal(desk.messages.toasted) as toast:
        button.click()
    desk.wait()
    assert toast.args[0].kind == "ok"
    assert desk.window.page_key == "today"
    assert opened(desk).services.workspace.info().counts["creators"] == 6


def test_a_read_only_workspace_says_so_and_its_writing_commands_rest(make_desk: Callable[..., Application]):
    desk = make_desk()
    desk.window.show_workspace(replace(opened(desk).services, read_only=True))
    assert desk.window._read_only.isVisible()
    action = desk.window.commands["file.import"]
    assert not action.isEnabled()
    assert action.toolTip() == desk.labels("status.read_only.reason")
    assert desk.window.commands["file.export"].isEnabled()
    desk.wait()


def test_a_hold_is_exclusive_and_free_after_its_process_dies(tmp_path: Path):
    ref = WorkspaceRef(str(tmp_path / "a.koc"))
    code = f"import sys,time; sys.path.insert(0, {str(ROOT)!r})\nfrom widgets.application import Hold\nfrom app.values import WorkspaceRef\nh = Hold.take(WorkspaceRef({ref.address!r}))\nprint('held', flush=True)\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(WorkspaceError, match="in_use"):
            Hold.take(ref)
        other.kill()
        other.wait()
    hold = Hold.take(ref)
    hold.release()
    assert list(tmp_path.iterdir()) == []
    assert Hold.take(WorkspaceRef("postgresql://x/y")) is not None


def test_a_second_start_shows_the_first_window(make_desk: Callable[..., Application], tmp_path: Path, qtbot: QtBot):
    desk = make_desk()
    desk.window.showMinimized()
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "widgets", str(tmp_path / "roster.koc")], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as second:
        qtbot.waitUntil(lambda: second.poll() is not None, timeout=30_000)
        assert second.returncode == 0
    assert time.monotonic() - began < 30
    assert not desk.window.isMinimized()


def test_language_and_look_change_at_once(make_desk: Callable[..., Application]):
    desk = make_desk()
    desk.window.go("creators")
    first = desk.window
    desk.settings.put(LANGUAGE, "en")
    desk.settings.put(THEME, "dark")
    desk.rebuild()
    desk.wait()
    assert desk.window is not first
    assert desk.theme.name == "dark"
    assert desk.window.page_key == "creators"
    assert desk.window.commands["edit.undo"].text() == "Undo data change"


def test_the_sample_brand_is_made_and_shown(make_desk: Callable[..., Application], tmp_path: Path, qtbot: QtBot):
    desk = make_desk(None)
    with qtbot.waitSignal(desk.messages.toasted, timeout=60_000) as toast:
        desk.create(str(tmp_path / "示例.koc"), sample=True)
    assert toast.args[0].kind == "ok", toast.args[0].text
    assert opened(desk).services.workspace.info().counts["creators"] > 100
    desk.wait()


def test_the_event_loop_is_never_blocked_while_a_workspace_opens(make_desk: Callable[..., Application], tmp_path: Path):
    """The heartbeat of the window while its workspace opens, closes and opens again."""
    desk = make_desk()
    gaps: list[float] = []
    last = [time.perf_counter()]

    def beat() -> None:
        now = time.perf_counter()
        gaps.append(now - last[0])
        last[0] = now

    heart = QTimer(interval=5)
    heart.timeout.connect(beat)
    other = tmp_path / "other.koc"
    opener().create(WorkspaceRef(str(other)), Actor("t")).close()
    last[0] = time.perf_counter()
    heart.start()
    desk.open(str(other))
    desk.wait()
    heart.stop()
    assert opened(desk).services.ref.address == str(other)
    assert max(gaps) < 0.25  # the page that is built included; the measured figure is far less


def test_nobody_sees_a_traceback(make_desk: Callable[..., Application], qtbot: QtBot):
    desk = make_desk()
    with last_resort(desk), qtbot.waitSignal(desk.messages.noted) as toast:
        sys.excepthook(RuntimeError, RuntimeError("boom token=abc"), None)
    assert "boom" not in toast.args[0].text
    for dialog in tuple(desk.messages._dialogs):
        dialog.close()


def test_pictures_of_every_page_in_both_languages_and_looks(services: Services, tmp_path: Path):
    services.close()
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "widgets", str(tmp_path / "roster.koc"), "--pictures", str(tmp_path / "out")],
        env=environment,
        timeout=120,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {f"{page}-{language}-{look}.png" for page in ("today", "creators") for language in ("zh_CN", "en") for look in ("light", "dark")} <= names


def test_what_loads_before_the_first_paint():
    code = (
        "import sys\nfrom PySide6.QtWidgets import QApplication\nfrom widgets import application, __main__\n"
        "app = QApplication([])\ndesk = application.Application(app, __main__._opener, application.Options())\ndesk.window.show()\napp.processEvents()\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\nassert desk.stop()"
    )
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert not set(LATE) & set(done.stdout.split())


def test_a_long_opening_asks_for_patience(context: Context, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("widgets.dialogs.welcome._LONG_MS", 60)
    view = Opening("很大.koc", context.labels, context.theme)
    qtbot.addWidget(view)
    view.show()
    assert not view.patience.isVisible()
    qtbot.waitUntil(view.patience.isVisible)
