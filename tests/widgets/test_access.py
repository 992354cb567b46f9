# SPDX-License-Identifier: Apache-2.0
"""Every page and dialog can be used without seeing it and without a mouse, and speaks one language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QPushButton, QSplitter, QTableView

from tests.widgets import access, scenes
from widgets import catalog
from widgets.frame.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from widgets.application import Application

LANGUAGES = ("zh", "en")


def words_of_the_data(desk: Application) -> frozenset[str]:
    """Latin words of names, handles and files in the sample: data speaks as it likes."""
    assert desk.window.context is not None
    services = desk.window.context.services
    rows = services.creators.rows(list(range(1, 1400)))
    told = " ".join(
        f"{row.name} {row.category} {row.city} {row.owner} {' '.join(row.tags)} {' '.join(one.handle or '' for one in row.accounts)}" for row in rows
    )
    pasted = "taozi xhs tester"
    return frozenset(word.casefold() for word in access.LATIN.findall(f"{told} {pasted} {services.ref.address} {desk.actor.name}"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_is_named_spoken_and_reached(make_desk: Callable[..., Application], sample: Path, language: str):
    desk = make_desk(str(sample), language=language)
    data = words_of_the_data(desk)
    found: dict[str, list[str]] = {}
    for name, root in scenes.everything(desk):
        wrong = [f"no name: {one}" for one in access.nameless(root)]
        wrong += [f"no label: {one}" for one in access.buddyless(root)]
        wrong += [f"chart: {one}" for one in access.speechless(root)]
        wrong += [f"cell: {one}" for one in access.wordless_cells(root)]
        wrong += [f"Tab: {one}" for one in access.unreached(root)]
        wrong += [f"mouse: {one}" for one in access.mouse_only(root)]
        if language == "zh":
            wrong += [f"English: {one}" for one in access.english(root, data)]
        if wrong:
            found[name] = wrong
    assert not found, "\n".join(f"{name}: {one}" for name, many in found.items() for one in dict.fromkeys(many))


@pytest.mark.parametrize("language", LANGUAGES)
def test_so_is_what_stands_there_without_a_workspace(make_desk: Callable[..., Application], tmp_path: Path, language: str):
    desk = make_desk(None, language=language)
    for name, root in scenes.without_workspace(desk, str(tmp_path / "roster.koc")):
        wrong = [*access.nameless(root), *access.buddyless(root), *access.unreached(root), *access.mouse_only(root)]
        if language == "zh":
            wrong += access.english(root, frozenset({"roster", desk.actor.name.casefold()}))
        assert not wrong, name


def test_no_dialog_is_left_out():
    """A dialog that is new stands in ``tests/widgets/scenes.py`` too, or nobody looks at it."""
    looked_at = {name.partition(":")[0] for name in (*scenes.DIALOGS, *scenes.COMMANDS)}
    assert scenes.dialogs_of_the_program() == looked_at


def test_every_action_of_a_page_is_in_its_menu_or_on_a_button(make_desk: Callable[..., Application], sample: Path):
    desk = make_desk(str(sample))
    for entry in catalog.PAGES:
        desk.window.go(entry.key)
        desk.wait()
        page = desk.window.page
        assert page is not None
        assert [*access.hidden_actions(page, page.actions())] == [], entry.key


def test_the_menus_show_every_command_of_the_frame_and_of_the_page(make_desk: Callable[..., Application]):
    window = make_desk().window
    for entry in catalog.PAGES:
        window.go(entry.key)
        assert window.page is not None
        listed = {action for menu in window.menuBar().findChildren(QMenu) for action in menu.actions()}
        assert {window.commands[command.key] for command in COMMANDS} <= listed
        assert set(window.page.actions()) <= listed


@pytest.mark.parametrize("language", LANGUAGES)
def test_menus_have_a_letter_each(make_desk: Callable[..., Application], language: str):
    window = make_desk(language=language).window
    letters = [match.group(1).casefold() for menu in window.menuBar().actions() if (match := re.search(r"&(\w)", menu.text()))]
    assert len(letters) == len(window.menuBar().actions())
    assert len(set(letters)) == len(letters)


def test_the_focus_goes_from_part_to_part_and_back(make_desk: Callable[..., Application]):
    window = make_desk().window
    window.go("creators")
    window.activateWindow()
    QTest.qWaitForWindowActive(window)

    def part() -> str:
        held = QApplication.focusWidget()
        while held is not None and held.objectName() not in {"navigation", "filter", "table", "status"}:
            held = held.parentWidget()
        return held.objectName() if held is not None else ""

    assert part() == "table"
    there = []
    for _ in range(4):
        window.act("view.next_part")
        there.append(part())
    assert set(there) == {"navigation", "filter", "table", "status"}
    assert there[-1] == "table"
    window.act("view.previous_part")
    assert part() == there[-2]


def test_the_details_become_wider_by_keys(make_desk: Callable[..., Application], sample: Path):
    desk = make_desk(str(sample))
    desk.window.go("rating")
    desk.wait()
    assert desk.window.page is not None
    splitter = next(one for one in desk.window.page.findChildren(QSplitter) if one.orientation() == Qt.Orientation.Horizontal)
    before = splitter.sizes()[-1]
    desk.window.act("view.wider")
    wider = splitter.sizes()[-1]
    desk.window.act("view.narrower")
    assert wider > before
    assert splitter.sizes()[-1] < wider


def test_the_menu_of_a_column_opens_by_keys(make_desk: Callable[..., Application]):
    desk = make_desk()
    desk.window.go("creators")
    desk.wait()
    assert desk.window.page is not None
    table = desk.window.page.findChild(QTableView, "table")
    assert table is not None
    table.setCurrentIndex(table.model().index(0, 1))
    QTest.keyClick(table, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    order = [table.horizontalHeader().logicalIndex(at) for at in range(4)]
    next(action for action in menu.actions() if action.text() == desk.labels("table.move_right")).trigger()
    menu.close()
    assert [table.horizontalHeader().logicalIndex(at) for at in range(4)] != order


def test_a_toast_can_be_answered_by_keys(make_desk: Callable[..., Application]):
    """What a toast offers stays in the list of notifications, which has a key of its own."""
    desk = make_desk()
    done: list[bool] = []
    desk.messages.toast("导入完成", action=("查看", lambda: done.append(True)))
    desk.window.act("view.notes")
    button = next(one for one in desk.window._side.findChildren(QPushButton) if one.text() == "查看")
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert done == [True]
