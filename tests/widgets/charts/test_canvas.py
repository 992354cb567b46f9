# SPDX-License-Identifier: Apache-2.0
"""A picture in the window: drawn in another process, pointed at, entered by keyboard, taken along."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QToolTip

from widgets.charts.canvas import Picture
from widgets.charts.figures import Point, Sketch, scatter

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from widgets.charts.drawn import Look
    from widgets.page import Context

ROOT = Path(__file__).resolve().parents[3]
POINTS = [Point(7, "<b>甲</b>", 100.0, 900.0, "<b>甲</b> 1:9"), Point(8, "=乙", 1_000.0, 300.0, "乙 1:0.3"), Point(None, "丙", 5_000.0, 9_000.0, "丙")]


def make(look: Look) -> Sketch:
    return scatter(look, POINTS, [], ("成本", "成交"), ("名称", "成本", "成交"), "三个点", str)


@pytest.fixture
def picture(qtbot: QtBot, context: Context) -> Picture:
    made = Picture(context, "成本与成交")
    qtbot.addWidget(made)
    made.resize(640, 360)
    made.show()
    made.show_figure(make)
    qtbot.waitUntil(lambda: made.settled() and made.drawn is not None, timeout=20_000)
    return made


def move(picture: Picture, x: float, y: float) -> None:
    place = QPointF(x, y)
    event = QMouseEvent(
        QEvent.Type.MouseMove, place, picture.mapToGlobal(place), Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(picture, event)


def hits(picture: Picture) -> dict[object, tuple[float, float]]:
    assert picture.drawn is not None
    return {hit.key: (hit.x, hit.y) for hit in picture.drawn.hits}


def seen(look: Look) -> Sketch:
    sketch = make(look)
    sketch.says = str(os.getpid())
    return sketch


def gone(_: Look) -> Sketch:
    os._exit(3)


def test_it_is_drawn_by_another_process_at_the_size_of_the_widget(qtbot: QtBot, context: Context) -> None:
    picture = Picture(context, "x")
    qtbot.addWidget(picture)
    picture.resize(500, 300)
    picture.show_figure(seen)
    assert picture.settled()
    assert context.tasks.idle(), "nobody looks"
    picture.show()
    qtbot.waitUntil(lambda: picture.drawn is not None, timeout=20_000)
    assert picture.drawn is not None
    assert (picture.drawn.width, picture.drawn.height) == (500, 300)
    first = picture.drawn.says
    assert first != str(os.getpid())
    picture.resize(600, 320)
    qtbot.waitUntil(lambda: picture.drawn is not None and picture.drawn.width == 600)
    assert picture.drawn.says == first, "one process draws all of them"


def test_a_process_that_went_away_is_told_and_the_next_picture_has_another(qtbot: QtBot, picture: Picture) -> None:
    picture.show_figure(gone)
    qtbot.waitUntil(lambda: picture.drawn is None, timeout=20_000)
    assert picture.accessibleDescription()
    picture.show_figure(make)
    qtbot.waitUntil(lambda: picture.drawn is not None, timeout=20_000)


def test_what_is_drawn_goes_there_without_loading_what_draws() -> None:
    code = """
import pickle, sys
from app.usecases.roi import Funnel
from app.words import Words
from widgets.charts import canvas, drawn
from widgets.dialogs import credit_pictures, roi_pictures
from widgets.labels import Labels
labels = Labels(Words("zh"), "Asia/Shanghai")
sent = [roi_pictures.forest([], [], labels, best=True), roi_pictures.scatter([], [], labels, 0), roi_pictures.funnel(Funnel(0, ()), labels),
        roi_pictures.trend([], labels), credit_pictures.waterfall(None, labels), credit_pictures.course([], labels)]
assert [one.func for one in pickle.loads(pickle.dumps(sent))] == [one.func for one in sent]
pickle.loads(pickle.dumps(drawn.Drawn(1, 1, 1.0, b"", (), (), (), "")))
sys.exit("matplotlib" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_hover_names_a_point_literally_and_a_click_leads_on(qtbot: QtBot, picture: Picture) -> None:
    x, y = hits(picture)[7]
    move(picture, x + 5, y - 4)
    assert "&lt;b&gt;甲" in QToolTip.text()
    assert picture.cursor().shape() == Qt.CursorShape.PointingHandCursor
    assert picture.accessibleDescription().startswith("<b>甲</b> 1:9")
    with qtbot.waitSignal(picture.chosen) as told:
        QTest.mouseClick(picture, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    assert told.args == [7]
    x, y = hits(picture)[None]
    move(picture, x, y)
    assert picture.cursor().shape() == Qt.CursorShape.ArrowCursor
    with qtbot.assertNotEmitted(picture.chosen):
        QTest.mouseClick(picture, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
        QTest.mouseClick(picture, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))


def test_arrows_go_round_and_enter_leads_on(qtbot: QtBot, picture: Picture) -> None:
    keys = [hit.key for hit in picture.drawn.hits] if picture.drawn else []
    QTest.keyClick(picture, Qt.Key.Key_Left)
    QTest.keyClick(picture, Qt.Key.Key_Right)
    with qtbot.waitSignal(picture.chosen) as told:
        QTest.keyClick(picture, Qt.Key.Key_Return)
    assert told.args == [keys[0]]


def test_data_and_picture_can_be_taken_along(qtbot: QtBot, picture: Picture) -> None:
    QTest.keyClick(picture, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == "名称\t成本\t成交"
    assert "'=乙\t1000.0\t300.0" in lines  # never a formula
    QApplication.sendEvent(picture, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(5, 5), picture.mapToGlobal(QPoint(5, 5))))
    menu = picture.findChild(QMenu)
    assert menu is not None
    menu.actions()[0].trigger()
    assert QGuiApplication.clipboard().image().width() == 640
    menu.close()
    qtbot.waitUntil(lambda: picture.findChild(QMenu) is None)


def test_why_there_is_none_is_said_and_a_picture_that_comes_late_is_dropped(qtbot: QtBot, context: Context, picture: Picture) -> None:
    picture.show_figure(make)
    picture.show_nothing("数据不足")
    qtbot.waitUntil(context.tasks.idle)
    assert picture.drawn is None
    assert picture.accessibleDescription() == "数据不足"
    assert picture.settled()
