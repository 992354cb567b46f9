# SPDX-License-Identifier: Apache-2.0
"""The frame: commands, navigation, undo, palette, notifications, tasks, quitting."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDropEvent, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QMessageBox, QPushButton, QStyledItemDelegate, QStyleOptionViewItem, QToolButton

from app.usecases.workspace import Operation
from widgets.dialogs.notices import Toast
from widgets.dialogs.palette import Choice, Palette, initials, matches
from widgets.frame.commands import COMMANDS
from widgets.frame.steps import last_standing, last_undone
from widgets.messages import Note

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from widgets.application import Application
    from widgets.tasks import Task


def operation(number: int, at: int, undone_at: int | None = None, by: str = "me") -> Operation:
    return Operation(number, "creator.set", at, by, undone_at, {})


def test_every_command_stands_in_a_menu_and_shows_its_keys(make_desk: Callable[..., Application]):
    window = make_desk().window
    listed = {action.objectName() for menu in window.menuBar().findChildren(QMenu) for action in menu.actions()}
    assert {command.key for command in COMMANDS} <= listed
    for command in COMMANDS:
        action = window.commands[command.key]
        assert not action.icon().isNull()
        assert not command.keys or action.shortcut() == QKeySequence(command.keys)


def test_no_two_commands_share_keys_and_input_methods_keep_theirs(make_desk: Callable[..., Application]):
    window = make_desk().window
    keys = [action.shortcut().toString() for action in window.actions() if not action.shortcut().isEmpty()]
    assert len(keys) == len(set(keys))
    assert not {"Ctrl+Space", "Shift", "Space", "Shift+Space"} & set(keys)


def test_navigation_by_keys_and_its_mark(make_desk: Callable[..., Application]):
    window = make_desk().window
    assert window.page_key == "today"
    QTest.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert window.page_key == "creators"
    checked = [button.text() for button in window._navigation.findChildren(QToolButton) if button.isChecked()]
    assert checked == ["达人"]


def test_undo_and_redo_take_the_last_operation(make_desk: Callable[..., Application], qtbot: QtBot):
    desk: Application = make_desk()
    assert desk._opened is not None
    creators = desk._opened.services.creators
    desk.tasks.run(None, lambda: creators.tag([1], ["新"]), lane="write")
    desk.wait()
    with qtbot.waitSignal(desk.messages.toasted) as toast:
        desk.window.act("edit.undo")
    assert "修改标签" in toast.args[0].text
    assert creators.rows([1])[0].tags == ()
    assert toast.args[0].action[0] == "重做数据操作"
    desk.wait()
    with qtbot.waitSignal(desk.messages.toasted) as toast:
        toast_action = desk.messages.notes[0].action
        assert toast_action is not None
        toast_action[1]()
    assert creators.rows([1])[0].tags == ("新",)
    desk.wait()


def test_nothing_to_redo_is_said(make_desk: Callable[..., Application], qtbot: QtBot):
    desk = make_desk()
    with qtbot.waitSignal(desk.messages.toasted) as toast:
        desk.window.act("edit.redo")
    assert toast.args[0].text == "没有可重做的操作"


def test_which_operation_is_undone_and_redone():
    standing = [operation(3, 30, by="other"), operation(2, 20), operation(1, 10)]
    assert last_standing(standing, "me") == standing[1]
    assert last_undone(standing, "me") is None
    undone = [operation(2, 20, undone_at=50), operation(1, 10, undone_at=60)]
    assert last_undone(undone, "me") == undone[1]
    assert last_undone([operation(3, 70), *undone], "me") is None
    assert last_standing([], "me") is None


def test_the_palette_finds_commands_pages_and_creators(make_desk: Callable[..., Application], qtbot: QtBot):
    desk = make_desk()
    desk.window.act("view.palette")
    palette = desk.window.findChild(Palette)
    assert palette is not None
    desk.wait()

    def shown() -> list[str]:
        return [palette.list.item(at).text() for at in range(palette.list.count())]

    QTest.keyClicks(palette.line, "drbg")
    assert shown() == ["导入表格"]
    palette.line.setText("xmrj")
    qtbot.waitUntil(lambda: "小满日记" in shown())
    palette.line.setText("小满")
    qtbot.waitUntil(lambda: "小满日记" in shown())
    QTest.keyClick(palette.line, Qt.Key.Key_Return)
    assert desk.window.page_key == "creators"
    desk.wait()


def test_pinyin_initials_rank_below_the_text_itself():
    letters = initials(["导入表格", "备份"])
    assert letters == {"导入表格": "drbg", "备份": "bf"}
    choice = Choice("导入表格", "", "import", lambda: None, "file.import")
    assert [matches(needle, choice, "drbg") for needle in ("", "导入", "表格", "dr", "import", "zz")] == [4, 4, 3, 2, 1, 0]


def test_notifications_are_kept_and_cleared(make_desk: Callable[..., Application]):
    desk = make_desk()
    desk.messages.toast("第一条", kind="ok")
    desk.messages.toast("第二条", kind="warning")
    assert len(desk.window.findChildren(Toast)) == 2
    desk.window.act("view.notes")
    assert desk.window._side.isVisible()
    assert desk.window._bell.text() == "2"
    clear = next(button for button in desk.window._side.findChildren(QPushButton) if button.text() == "清空")
    clear.click()
    assert desk.messages.notes == []
    assert desk.window._bell.text() == ""
    desk.window.act("view.notes")
    assert not desk.window._side.isVisible()


def test_at_most_three_toasts_stand_at_once(make_desk: Callable[..., Application]):
    desk = make_desk()
    for number in range(5):
        desk.window._toasts.show(Note(str(number)))
    assert len(desk.window._toasts.shown) == 3


def test_help_names_the_page_and_its_keys(make_desk: Callable[..., Application]):
    desk = make_desk()
    desk.window.act("help.page")
    said = [label.text() for label in desk.window._side.findChildren(type(desk.window._who))]
    assert "帮助：今日" in said
    assert "Ctrl+K" in desk.window._side.guide.text.toPlainText()


def test_running_tasks_show_and_can_be_stopped(make_desk: Callable[..., Application], qtbot: QtBot):
    desk = make_desk()
    begun, gate = threading.Event(), threading.Event()

    def work(job: Task) -> None:
        begun.set()
        while not gate.wait(0.01):
            job.check()

    desk.tasks.run_job(None, work, title="<b>很久</b>")
    stops = [button for button in desk.window._strip.findChildren(QToolButton) if "很久" in button.accessibleName()]
    assert len(stops) == 1
    qtbot.waitUntil(begun.is_set)
    stops[0].click()
    qtbot.waitUntil(lambda: not desk.tasks.busy())
    assert not [view for view in desk.window._strip.children() if getattr(view, "isVisible", bool)()]


@pytest.mark.parametrize(("answer", "closes"), [("停止并退出", True), ("取消", False)])
def test_quitting_while_something_runs_asks(make_desk: Callable[..., Application], answer: str, closes: bool):
    desk = make_desk()
    gate = threading.Event()

    def work(job: Task) -> None:
        while not gate.wait(0.01):
            job.check()

    desk.tasks.run_job(None, work, title="很久")

    def press() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            assert "很久" in box.text()
            next(button for button in box.buttons() if button.text() == answer).click()

    pressing = QTimer(interval=20)
    pressing.timeout.connect(press)
    pressing.start()
    assert desk.window.close() is closes
    pressing.stop()
    gate.set()


def test_quitting_when_done_waits(make_desk: Callable[..., Application], qtbot: QtBot):
    desk = make_desk()
    gate = threading.Event()
    desk.tasks.run(None, lambda: gate.wait(10), title="很久")
    desk.window._leaving = "wait"
    assert desk.window.close() is False
    gate.set()
    qtbot.waitUntil(lambda: not desk.window.isVisible())


def test_a_dropped_file_opens_the_import(make_desk: Callable[..., Application], tmp_path: Path):
    desk = make_desk()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "creators.csv"))])
    event = QDropEvent(QPointF(300, 300), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    desk.window.dropEvent(event)
    assert event.isAccepted()
    from widgets.dialogs.import_wizard import ImportWizard

    wizard = desk.window.findChild(ImportWizard)
    assert wizard is not None
    desk.wait()
    wizard.reject()


def test_words_of_the_palette_end_before_their_hint(make_desk: Callable[..., Application]):
    desk = make_desk()
    desk.window.act("view.palette")
    palette = desk.window.findChild(Palette)
    assert palette is not None
    assert palette._search is not None
    desk.wait()
    palette._found = [palette._creator(replace(palette._search("")[0], name="长" * 200))]
    palette._fill()
    line = palette.list.itemDelegate()
    assert isinstance(line, QStyledItemDelegate)
    option = QStyleOptionViewItem()
    option.rect, option.font = palette.list.visualItemRect(palette.list.item(palette.list.count() - 1)), palette.list.font()
    line.initStyleOption(option, palette.list.model().index(palette.list.count() - 1, 0))
    hint = option.fontMetrics.horizontalAdvance(palette._found[0].hint)
    assert option.text.endswith("…")
    assert option.fontMetrics.horizontalAdvance(option.text) + hint * 0.8 < option.rect.width()


def test_the_key_of_help_shows_and_hides_it(make_desk: Callable[..., Application]):
    window = make_desk().window
    window.act("help.page")
    assert window._side.topic == "help"
    window.act("help.page")
    assert window._side.topic != "help"
