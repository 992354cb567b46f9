# SPDX-License-Identifier: Apache-2.0
"""Two people at one workspace, one of them at a window: edits that meet, news that arrive, a way that is cut and comes back."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QTimer

from app.events import CreatorsChanged
from app.settings import Settings
from app.usecases.creators import Question, seen
from app.values import Actor, WorkspaceRef
from sync.compose import opener
from tests.db.conftest import _as_nobody, _binaries
from tests.db.serving import Server, Way, way
from widgets.application import Application, Options
from widgets.dialogs.comparison import Comparison
from widgets.dialogs.creator import CreatorDialog
from widgets.dialogs.database import DatabaseDialog
from widgets.tables.model import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from app.services import Services
    from widgets.pages.creators import CreatorsPage


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    made = Server(binaries, _as_nobody())
    yield made
    made.stop()


def _fill(address: str) -> None:
    made = opener().create(WorkspaceRef(address), Actor("tester", "desk"))
    for number in range(1, 13):
        made.creators.add(
            {"name": f"达人{number:02}", "platform": "douyin", "platform_uid": str(number), "followers": str(1000 * number), "city": "上海", "owner": "小林"}
        )
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    made = str(tmp_path / "brand.koc") if request.param == "sqlite" else str(request.getfixturevalue("server").fresh())
    _fill(made)
    return made


@pytest.fixture
def cable(server: Server) -> Iterator[Way]:
    with way(server.port) as made:
        yield made


@pytest.fixture
def desk(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Callable[[str | None], Application]]:
    del qtbot
    made: list[Application] = []

    def open_at(where: str | None) -> Application:
        one = Application(qapp, opener, Options(where, "zh", "light", "creators"), Settings(tmp_path / "config" / "settings.json"))
        one.actor = Actor("小林", "desk")
        made.append(one)
        one.start()
        one.wait()
        return one

    yield open_at
    for one in made:
        one.window.discard()
        one.stop()
        one.window.deleteLater()
        one.tasks.deleteLater()
        one.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def zhang(address: str) -> Iterator[Services]:
    """Somebody else, elsewhere."""
    made = opener()(WorkspaceRef(address), Actor("张三", "laptop"))
    yield made
    made.close()


def page_of(desk: Application) -> CreatorsPage:
    page: Any = desk.window.page
    assert page is not None
    return cast("CreatorsPage", page)


def services_of(desk: Application) -> Services:
    assert desk.window.context is not None
    return desk.window.context.services


def change(services: Services, row_id: int, **values: str) -> None:
    detail = services.creators.detail(row_id)
    assert services.creators.edit_seen(row_id, values, seen(detail.row, detail)).operation_id


def cell(page: CreatorsPage, row_id: int, key: str) -> str:
    column = next(at for at, one in enumerate(page.model.columns) if one.key == key)
    position = page.model.position_of(row_id)
    return PLACEHOLDER if position is None else str(page.model.index(position, column).data())


# ---------------------------------------------------------------- news


def test_a_change_by_somebody_else_arrives_marks_the_open_creator_and_keeps_the_place(
    qtbot: QtBot, desk: Callable[[str], Application], address: str, zhang: Services
) -> None:
    one = desk(address)
    page: Any = page_of(one)
    page.shown(("creator", 3))
    qtbot.waitUntil(lambda: page.panel.creator_id == 3, timeout=10_000)
    one.wait()
    one.tasks.poll()
    one.wait()
    assert page.table.current_id() == 3
    assert not page.panel.mark.isVisible()
    change(zhang, 3, city="杭州", owner="老周")
    qtbot.waitUntil(page.panel.mark.isVisible, timeout=10_000)
    who = zhang.actor.name  # on a team's server a login has its own name
    assert page.panel.mark.text() in {f"{who} 刚刚修改了城市、负责人", f"{who} 刚刚修改了负责人、城市"}
    one.wait()
    assert cell(page, 3, "city") == "杭州"
    assert page.table.current_id() == 3
    page.edit_cell(page.model.record(page.model.position_of(3) or 0), "city", "北京")
    qtbot.waitUntil(lambda: cell(page, 3, "city") == "北京", timeout=10_000)
    page.shown(("creator", 4))
    qtbot.waitUntil(lambda: page.panel.creator_id == 4 and not page.panel.mark.isVisible(), timeout=10_000)


# ---------------------------------------------------------------- edits that meet


def test_the_form_merges_what_does_not_collide_and_asks_about_what_does(
    qtbot: QtBot, desk: Callable[[str], Application], address: str, zhang: Services
) -> None:
    one = desk(address)
    page: Any = page_of(one)
    page.edit_creator(services_of(one).creators.detail(5))
    form: Any = page.findChild(CreatorDialog)
    for name, typed in (("city", "北京"), ("owner", "小美"), ("wechat", "wx-5"), ("fee_fen", "12.5")):
        form.input(name).setText(typed)
    change(zhang, 5, city="杭州", fee_fen="9900", email="five@example.com")
    form.save()
    qtbot.waitUntil(lambda: page.findChild(Comparison) is not None or form.findChild(Comparison) is not None, timeout=10_000)
    asked = form.findChild(Comparison)
    assert set(asked.choices) == {"city", "fee_fen"}
    assert not asked.save_button.isEnabled()
    assert [button.text() for button in asked.choices["city"]] == ["杭州", "北京"]
    asked.reject()
    assert form.isVisible()
    assert form.input("city").text() == "北京"
    assert form.save_button.isEnabled()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    form.save()
    qtbot.waitUntil(lambda: form.findChild(Comparison) is not None, timeout=10_000)
    asked = form.findChild(Comparison)
    asked.choices["city"][1].setChecked(True)
    asked.choices["fee_fen"][0].setChecked(True)
    assert asked.save_button.isEnabled()
    with qtbot.waitSignal(form.saved, timeout=10_000):
        asked.accept()
    row = zhang.creators.rows([5])[0]
    assert (row.city, row.fee_fen, row.owner, row.wechat, row.email) == ("北京", 9900, "小美", "wx-5", "five@example.com")
    one.wait()


def test_a_cell_that_somebody_else_changed_asks_first(qtbot: QtBot, desk: Callable[[str], Application], address: str, zhang: Services) -> None:
    one = desk(address)
    page: Any = page_of(one)
    row = page.model.record(page.model.position_of(7) or 0)
    change(zhang, 7, city="杭州")
    page.edit_cell(row, "city", "北京")
    qtbot.waitUntil(lambda: page.findChild(Comparison) is not None, timeout=10_000)
    asked = page.findChild(Comparison)
    asked.take(0)
    asked.accept()
    one.wait()
    assert zhang.creators.rows([7])[0].city == "杭州"
    page.edit_cell(row, "owner", "小美")
    one.wait()
    assert page.findChild(Comparison) is None or not page.findChild(Comparison).isVisible()
    assert (zhang.creators.rows([7])[0].city, zhang.creators.rows([7])[0].owner) == ("杭州", "小美")


def test_a_change_of_many_says_whom_somebody_else_changed_meanwhile(qtbot: QtBot, desk: Callable[[str], Application], address: str, zhang: Services) -> None:
    one = desk(address)
    page: Any = page_of(one)
    page.table.selectAll()
    dialog = page.ask_bulk("owner")
    one.wait()
    change(zhang, 2, owner="老周")
    change(zhang, 3, city="杭州")
    dialog.value.setText("小美")
    dialog.apply()
    qtbot.waitUntil(lambda: any("1 位达人" in note.text and note.kind == "warning" for note in one.messages.notes), timeout=10_000)
    owners = {row.id: row.owner for row in zhang.creators.rows(range(1, 13))}
    assert owners == {**dict.fromkeys(range(1, 13), "小美"), 2: "老周"}
    one.wait()


# ---------------------------------------------------------------- the way is cut


class Heart:
    """Beats in the window's own thread and remembers its longest pause."""

    def __init__(self) -> None:
        gc.collect()
        gc.freeze()  # as the program does once it has loaded
        self.longest, self._last = 0.0, time.monotonic()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(5)

    def _beat(self) -> None:
        now = time.monotonic()
        self.longest, self._last = max(self.longest, now - self._last), now

    def stop(self) -> None:
        self._timer.stop()
        gc.unfreeze()


def test_a_way_that_is_cut_shows_a_banner_keeps_what_was_typed_and_comes_back(
    qtbot: QtBot, desk: Callable[[str], Application], server: Server, cable: Way
) -> None:
    where = server.fresh(cable.port)
    _fill(where)
    one = desk(where)
    page: Any = page_of(one)
    page.edit_creator(services_of(one).creators.detail(5))
    form: Any = page.findChild(CreatorDialog)
    form.input("city").setText("北京")
    one.wait()
    heart = Heart()
    cable.cut()
    qtbot.waitUntil(one.window.lost.isVisible, timeout=25_000)
    assert f"从 {one.tasks.since} 起中断" in one.window.lost.said.text()
    assert not one.window.commands["file.import"].isEnabled()
    assert one.window.commands["file.open"].isEnabled()
    form.save()
    qtbot.waitUntil(form.complaint.isVisible, timeout=5_000)
    assert "暂时不能保存" in form.complaint.text()
    assert form.input("city").text() == "北京"
    page.changed(CreatorsChanged())
    page.shown(Question(where="city = 上海"))
    qtbot.wait(3_000)
    assert cell(page, 5, "city") in {"上海", PLACEHOLDER}
    assert page.model.state != "failed"
    heart.stop()
    assert heart.longest < 0.05, f"the window stood still for {1000 * heart.longest:.0f} ms"
    cable.mend()
    one.window.lost.again.click()
    qtbot.waitUntil(lambda: not one.window.lost.isVisible(), timeout=40_000)
    assert one.window.commands["file.import"].isEnabled()
    one.wait()
    assert page.model.state == "ready"
    assert page.model.rowCount() == 12
    with qtbot.waitSignal(form.saved, timeout=15_000):
        form.save()
    qtbot.waitUntil(lambda: page.model.rowCount() == 11, timeout=15_000)
    one.wait()


def test_a_window_outlives_a_restart_of_the_server(qtbot: QtBot, desk: Callable[[str], Application], server: Server) -> None:
    where = server.fresh()
    _fill(where)
    one = desk(where)
    page: Any = page_of(one)
    server.restart()
    zhang = opener()(WorkspaceRef(where), Actor("张三", "laptop"))
    change(zhang, 3, city="杭州")
    qtbot.waitUntil(lambda: not one.window.lost.isVisible() and cell(page, 3, "city") == "杭州", timeout=20_000)
    change(zhang, 3, city="成都")
    qtbot.waitUntil(lambda: cell(page, 3, "city") == "成都", timeout=10_000)
    zhang.close()
    one.wait()
    assert not one.window.lost.again.isVisible()


def test_koc_says_soon_that_the_database_cannot_be_reached(server: Server, cable: Way) -> None:
    where = server.fresh(cable.port)
    _fill(where)
    cable.cut()
    begun = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "sync", "--workspace", where, "--lang", "en", "creators"], capture_output=True, text=True, timeout=60, check=False
    )
    assert time.monotonic() - begun < 15
    assert ran.returncode == 3, ran.stderr
    assert "cannot be reached" in ran.stderr
    assert "koc@" not in ran.stderr or ":" not in ran.stderr.split("koc@")[0][-1:]
    cable.mend()
    ran = subprocess.run([sys.executable, "-m", "sync", "--workspace", where, "--lang", "en", "creators"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_koc_does_not_write_over_what_changed_since_the_version_it_names(server: Server) -> None:
    where = server.fresh()
    _fill(where)

    def koc(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "sync", "--workspace", where, "--lang", "en", *words], capture_output=True, text=True, check=False)

    assert koc("creator", "set", "3", "city=杭州").returncode == 0
    refused = koc("creator", "set", "3", "city=北京", "--version", "1")
    assert refused.returncode == 2
    assert "Nothing was written" in refused.stderr
    assert koc("creator", "set", "3", "owner=老周", "--version", "1").returncode == 0
    shown = koc("creator", "show", "3", "--json").stdout
    assert '"city": "杭州"' in shown
    assert '"owner": "老周"' in shown


# ---------------------------------------------------------------- opening a database in the window


def test_a_database_is_opened_from_the_window_with_a_password_that_is_written_nowhere(
    qtbot: QtBot, desk: Callable[[str | None], Application], server: Server, tmp_path: Path
) -> None:
    where = server.fresh()
    _fill(where)
    server.demand_password("keyed", "s3cret pass/word")
    keyed = where.replace("koc@", "keyed@")
    one = desk(None)
    assert one.window.context is None
    one.window.act("file.open_team")
    asked: Any = one.window.findChild(DatabaseDialog)
    asked.host.setText(keyed.replace("+psycopg", ""))
    asked.host.textEdited.emit(asked.host.text())
    assert (asked.host.text(), asked.port.text(), asked.user.text()) == ("127.0.0.1", str(server.port), "keyed")
    asked.password.setText("wrong")
    asked.done_typing()
    qtbot.waitUntil(lambda: _dialog(one) not in {None, asked}, timeout=15_000)
    again: Any = _dialog(one)
    assert "密码" in again.complaint.text()
    assert (again.host.text(), again.name.text(), again.user.text()) == ("127.0.0.1", keyed.rsplit("/", 1)[-1], "keyed")
    again.password.setText("s3cret pass/word")
    again.done_typing()
    qtbot.waitUntil(lambda: one.window.context is not None, timeout=15_000)
    one.wait()
    assert one.settings.recent == [keyed]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if b"s3cret" in path.read_bytes()]
    services = services_of(one)
    assert "s3cret" not in repr(services.ref) + services.shown + one.window.windowTitle()
    one.window.go("creators")
    one.wait()
    page: Any = page_of(one)
    page.edit_cell(page.model.record(0), "city", "北京")
    qtbot.waitUntil(lambda: services.workspace.operations(limit=1)[0].kind == "creator.set", timeout=10_000)
    one.wait()
    one.window.act("edit.undo")
    qtbot.waitUntil(lambda: services.workspace.operations(limit=1)[0].undone_at is not None, timeout=10_000)
    one.wait()


def _dialog(desk: Application) -> DatabaseDialog | None:
    shown = [dialog for dialog in desk.window.findChildren(DatabaseDialog) if dialog.isVisible()]
    return shown[0] if shown else None
