# SPDX-License-Identifier: Apache-2.0
"""The roster as people use it: find, edit, undo, move, tag, export, look in depth."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QItemSelectionModel, QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton

from app.usecases.creators import Question, SortKey
from app.values import Stage, Tier
from tests.widgets.tables.conftest import press, type_text
from widgets.dialogs.bulk import BulkDialog
from widgets.dialogs.creator import CreatorDialog
from widgets.pages.creators import CreatorsPage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from widgets.messages import Note
    from widgets.page import Context


@pytest.fixture(autouse=True)
def _own_looks(tmp_path: Path) -> None:
    """Looks of tables are kept in the test's folder."""
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "looks"))


@pytest.fixture
def open_page(qtbot: QtBot) -> Callable[..., CreatorsPage]:
    """Open the page over a context and wait until it is full."""

    def opened(context: Context, argument: object = None) -> CreatorsPage:
        page = CreatorsPage(context)
        qtbot.addWidget(page)
        context.tasks.announced.connect(page.changed)
        page.resize(1280, 760)
        page.show()
        page.shown(argument)
        qtbot.waitUntil(page.settled)
        return page

    return opened


@pytest.fixture
def page(open_page: Callable[..., CreatorsPage], context: Context) -> CreatorsPage:
    return open_page(context)


@pytest.fixture
def notes(context: Context) -> list[Note]:
    """What was told in passing."""
    heard: list[Note] = []
    context.messages.toasted.connect(heard.append)
    return heard


def cell(page: CreatorsPage, row: int, key: str, role: int = Qt.ItemDataRole.DisplayRole) -> object:
    return page.model.data(page.model.index(row, column(page, key)), role)


def column(page: CreatorsPage, key: str) -> int:
    return next(at for at, one in enumerate(page.model.columns) if one.key == key)


def row_of(page: CreatorsPage, name: str) -> int:
    return next(row for row in range(page.model.rowCount()) if cell(page, row, "name") == name)


def choose(page: CreatorsPage, *names: str) -> list[int]:
    page.table.clearSelection()
    rows = [row_of(page, name) for name in names]
    for row in rows:
        page.table.selectionModel().select(page.model.index(row, 0), QItemSelectionModel.SelectionFlag.Select)
    page._selection_changed()
    return [int(page.model.ids[row]) for row in sorted(rows)]


def test_the_largest_come_first_and_the_figures_are_told(page: CreatorsPage):
    assert [cell(page, row, "name") for row in range(2)] == ["桃子测评", "小满日记"]
    assert page.summary().startswith("共 6 位")
    assert "头部" in page.summary() or "腰部" in page.summary()


def test_a_search_and_a_filter_narrow_it_down(qtbot: QtBot, page: CreatorsPage):
    page.filter.search_field.setFocus()
    type_text(qtbot, page.filter.search_field, "taozi")
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    assert cell(page, 0, "name") == "桃子测评"
    page.filter.take("", 'city in ("成都", "杭州")')
    page.ask()
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    qtbot.waitUntil(page.settled)
    assert page.summary().startswith("找到 2 位，共 6 位")


def test_nothing_found_says_how_to_go_on(qtbot: QtBot, page: CreatorsPage):
    page.shown("followers > 99999999")
    qtbot.waitUntil(page.settled)
    sentence, actions = page._empty()
    assert "没有符合条件的达人" in sentence
    actions[0].trigger()
    qtbot.waitUntil(lambda: page.model.rowCount() == 6)


def test_mine_are_those_i_look_after(qtbot: QtBot, page: CreatorsPage, context: Context):
    context.services.creators.edit([int(page.model.ids[0])], {"owner": context.services.actor.name})
    page.filter.set_scope("mine")
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.filter.set_scope("pool")
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)


def test_it_shows_what_it_is_asked_to(qtbot: QtBot, open_page: Callable[..., CreatorsPage], context: Context):
    page = open_page(context, "stage = lead")
    assert page.filter.where == "stage = lead"
    assert page.model.rowCount() == 2
    page.shown(Question(search="小满", sort=(SortKey("name"),)))
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    assert page.question.sort == (SortKey("name"),)
    wanted = int(page.model.ids[0])
    page.shown(("creator", wanted))
    qtbot.waitUntil(lambda: page.panel.creator_id == wanted)
    assert page.panel.isVisible()


def test_a_cell_is_edited_in_place_and_undone(qtbot: QtBot, page: CreatorsPage, context: Context, notes: list[Note]):
    row = row_of(page, "阿泽装机")
    page.table.edit_cell(page.model.index(row, column(page, "city")))
    editor = page.table.viewport().findChild(QLineEdit)
    assert editor is not None
    assert editor.text() == "深圳"
    editor.setText("珠海")
    press(qtbot, editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: cell(page, row, "city") == "珠海")
    qtbot.waitUntil(lambda: bool(notes))
    assert notes[-1].text == "已修改“阿泽装机”的城市"
    assert notes[-1].action is not None
    notes[-1].action[1]()
    qtbot.waitUntil(lambda: cell(page, row, "city") == "深圳")
    assert context.services.workspace.operations()[0].undone_at is not None


def test_money_is_edited_in_yuan(qtbot: QtBot, page: CreatorsPage, context: Context):
    row = row_of(page, "阿泽装机")
    page.table.edit_cell(page.model.index(row, column(page, "fee_fen")))
    editor = page.table.viewport().findChild(QLineEdit)
    assert editor is not None
    assert editor.text() == "1800.00"
    editor.setText("2,000")
    press(qtbot, editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: cell(page, row, "fee_fen") == "¥2,000.00")
    assert context.services.creators.rows([int(page.model.ids[row])])[0].fee_fen == 200_000


def test_a_cell_refuses_what_its_field_cannot_take(qtbot: QtBot, page: CreatorsPage):
    row = row_of(page, "阿泽装机")
    page.table.edit_cell(page.model.index(row, column(page, "followers")))
    editor = page.table.viewport().findChild(QLineEdit)
    assert editor is not None
    editor.setText("很多")
    press(qtbot, editor, Qt.Key.Key_Return)
    assert editor.property("invalid") is True
    assert "很多" in editor.accessibleDescription()
    press(qtbot, editor, Qt.Key.Key_Escape)
    assert cell(page, row, "followers") == "4.8万"


def test_a_stage_is_chosen_in_words(qtbot: QtBot, page: CreatorsPage):
    row = row_of(page, "老陈探店")
    page.table.edit_cell(page.model.index(row, column(page, "stage")))
    choice = page.table.viewport().findChild(QComboBox)
    assert choice is not None
    choice.setCurrentIndex(choice.findText("洽谈中"))
    page.delegate._finish(choice)
    qtbot.waitUntil(lambda: cell(page, row, "stage") == "洽谈中")


def test_many_are_changed_tagged_and_moved(qtbot: QtBot, page: CreatorsPage, context: Context, notes: list[Note]):
    ids = choose(page, "桃子测评", "小满日记")
    dialog = page.ask_bulk("tags")
    dialog.value.setText("复投，春季")
    dialog.apply()
    qtbot.waitUntil(lambda: all(row.tags == ("复投", "春季") for row in context.services.creators.rows(ids)))
    qtbot.waitUntil(lambda: bool(notes))
    assert notes[-1].text == "已修改 2 位达人的标签"
    choose(page, "桃子测评", "小满日记")
    dialog = page.ask_bulk("stage")
    dialog.stage_box.setCurrentIndex(dialog.stage_box.findData("paused"))
    dialog.reason.setText("等排期")
    dialog.apply()
    qtbot.waitUntil(lambda: all(row.stage is Stage.PAUSED for row in context.services.creators.rows(ids)))
    assert context.services.creators.detail(ids[0]).stages[-1].reason == "等排期"
    dialog = page.ask_bulk("owner")
    assert dialog.value.text() == context.services.actor.name
    dialog.apply()
    qtbot.waitUntil(lambda: all(row.owner == context.services.actor.name for row in context.services.creators.rows(ids)))


def test_a_bulk_change_tells_a_bad_value_before_anything_happens(qtbot: QtBot, page: CreatorsPage, context: Context):
    choose(page, "桃子测评")
    dialog = BulkDialog(context, "field", 1, {}, page)
    qtbot.addWidget(dialog)
    dialog.field_box.setCurrentIndex(dialog.field_box.findData("fee_fen"))
    dialog.value.setText("很贵")
    with qtbot.assertNotEmitted(dialog.wanted):
        dialog.apply()
    assert "很贵" in dialog.complaint.text()


def test_a_selection_and_an_answer_are_exported(qtbot: QtBot, page: CreatorsPage, tmp_path: Path, notes: list[Note]):
    choose(page, "桃子测评", "老陈探店")
    target = tmp_path / "some.csv"
    page.export(target, selection=True)
    qtbot.waitUntil(lambda: any("some.csv" in note.text for note in notes), timeout=20_000)
    with target.open(encoding="utf-8-sig") as file:
        assert {row["name"] for row in csv.DictReader(file)} == {"桃子测评", "老陈探店"}


def test_a_copied_selection_has_titles(qtbot: QtBot, page: CreatorsPage, notes: list[Note]):
    choose(page, "小满日记")
    page.copy_action.trigger()
    qtbot.waitUntil(lambda: bool(notes))
    assert QGuiApplication.clipboard().text() == "昵称\n小满日记\n"


def test_a_saved_view_brings_filter_order_and_columns_back(qtbot: QtBot, page: CreatorsPage):
    page.shown(Question(where="city = 上海", sort=(SortKey("name", descending=True),)))
    page.table.show_column(column(page, "phone"), shown=True)
    page.views.save("上海")
    page.clear_filter()
    page.table.reset_looks()
    qtbot.waitUntil(lambda: page.model.rowCount() == 6)
    page.views.show_view("上海")
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    assert page.filter.where == "city = 上海"
    assert page.model.keys == (SortKey("name", descending=True),)
    assert not page.table.isColumnHidden(column(page, "phone"))


# ---------------------------------------------------------------- one creator


def words_of(page: CreatorsPage) -> str:
    return "\n".join(label.text() for label in page.panel.findChildren(QLabel))


def open_panel(qtbot: QtBot, page: CreatorsPage, name: str) -> int:
    page.table.setCurrentIndex(page.model.index(row_of(page, name), 0))
    page.table.setFocus()
    press(qtbot, page.table, Qt.Key.Key_Space)
    wanted = int(page.model.ids[row_of(page, name)])
    qtbot.waitUntil(lambda: page.panel.creator_id == wanted)
    return wanted


def test_space_shows_a_creator_in_depth_and_closes_it(qtbot: QtBot, page: CreatorsPage):
    open_panel(qtbot, page, "小满日记")
    words = words_of(page)
    for part in ("小满日记", "小红书", "x-1", "326,000", "为什么是这个量级", "杭州", "已签约"):
        assert part in words
    press(qtbot, page.table, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: page.panel.creator_id != int(page.model.ids[1]))
    press(qtbot, page.table, Qt.Key.Key_Space)
    assert not page.panel.isVisible()


def test_escape_in_the_table_closes_the_panel_but_ends_an_edit_first(qtbot: QtBot, page: CreatorsPage):
    open_panel(qtbot, page, "小满日记")
    page.table.edit_cell(page.table.currentIndex())
    editor = page.table.findChild(QLineEdit)
    press(qtbot, page.table.viewport() if editor is None else editor, Qt.Key.Key_Escape)
    assert page.panel.isVisible()
    press(qtbot, page.table, Qt.Key.Key_Escape)
    assert not page.panel.isVisible()


def test_the_panel_tells_what_was_changed_by_whom(qtbot: QtBot, page: CreatorsPage, context: Context):
    wanted = open_panel(qtbot, page, "小满日记")
    context.services.creators.edit([wanted], {"city": "宁波", "fee_fen": "400000"})
    qtbot.waitUntil(lambda: "城市: 杭州 → 宁波" in words_of(page))
    assert context.services.actor.name in words_of(page)
    assert "¥4,000.00" in words_of(page)


def test_no_label_is_rich_text(qtbot: QtBot, page: CreatorsPage, context: Context):
    context.services.creators.edit([int(page.model.ids[0])], {"name": "<img src=x>", "notes": "<b>x</b>"})
    qtbot.waitUntil(lambda: cell(page, 0, "name") == "<img src=x>")
    open_panel(qtbot, page, "<img src=x>")
    labels = page.findChildren(QLabel)
    assert any(label.text() == "<b>x</b>" for label in labels)
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels if label.text() and label.objectName() != "qt_toolbar_ext_button")


def test_a_tier_is_set_by_hand_with_a_reason_and_taken_off(qtbot: QtBot, page: CreatorsPage, context: Context, notes: list[Note]):
    from widgets.dialogs.creator_panel import _OverrideForm

    wanted = open_panel(qtbot, page, "阿泽装机")
    before = context.services.creators.rows([wanted])[0].tier
    form = page.panel.findChild(_OverrideForm)
    assert form is not None
    form.toggle.setChecked(True)
    form.tier.setCurrentIndex(form.tier.findData("top"))
    form.set_button.click()
    assert "原因" in form.complaint.text()
    form.reason.setText("平台认证")
    form.set_button.click()
    qtbot.waitUntil(lambda: context.services.creators.rows([wanted])[0].tier is Tier.TOP)
    qtbot.waitUntil(lambda: "平台认证" in words_of(page))
    assert notes[-1].text == "量级已人工设为超头"
    form = [one for one in page.panel.findChildren(_OverrideForm) if not one.clear_button.isHidden()][-1]
    form.reason.setText("撤回")
    form.clear_button.click()
    qtbot.waitUntil(lambda: context.services.creators.rows([wanted])[0].tier is before)


def test_a_creator_is_added_with_mistakes_told_beside_their_fields(qtbot: QtBot, page: CreatorsPage, context: Context):
    dialog = CreatorDialog(context, None, page)
    qtbot.addWidget(dialog)
    dialog.save()
    qtbot.waitUntil(lambda: bool(dialog.complaint_of("name")))
    for name, words in {"name": "新人", "handle": "newcomer", "followers": "多"}.items():
        field = dialog.input(name)
        assert isinstance(field, QLineEdit)
        field.setText(words)
    platform = dialog.input("platform")
    assert isinstance(platform, QComboBox)
    platform.setEditText("小红书")
    dialog.save()
    qtbot.waitUntil(lambda: "多" in dialog.complaint_of("followers"))
    assert dialog.complaint_of("name") == ""
    followers = dialog.input("followers")
    assert isinstance(followers, QLineEdit)
    followers.setText("3.5万")
    with qtbot.waitSignal(dialog.saved):
        dialog.save()
    qtbot.waitUntil(lambda: page.model.rowCount() == 7)
    added = context.services.creators.page(Question(search="新人"))[0]
    assert (added.followers, added.platforms) == (35_000, ("xiaohongshu",))


def test_a_creator_is_edited_and_only_what_changed_is_written(qtbot: QtBot, page: CreatorsPage, context: Context):
    wanted = int(page.model.ids[row_of(page, "阿泽装机")])
    dialog = CreatorDialog(context, context.services.creators.detail(wanted), page)
    qtbot.addWidget(dialog)
    assert dialog.values() == {}
    fee = dialog.input("fee_fen")
    assert isinstance(fee, QLineEdit)
    assert fee.text() == "1800"
    fee.setText("1999.5")
    assert dialog.values() == {"fee_fen": "199950"}
    with qtbot.waitSignal(dialog.saved):
        dialog.save()
    assert context.services.creators.rows([wanted])[0].fee_fen == 199_950


def test_a_read_only_workspace_can_be_looked_at_only(qtbot: QtBot, open_page: Callable[..., CreatorsPage], make_context: Callable[..., Context]):
    page = open_page(make_context(read_only=True))
    choose(page, "桃子测评")
    assert not page.field_action.isEnabled()
    assert not page.add_action.isEnabled()
    assert page.copy_action.isEnabled()
    open_panel(qtbot, page, "小满日记")
    assert not page.panel._edit.isVisible()


def test_everything_can_be_named_by_a_screen_reader(page: CreatorsPage):
    from PySide6.QtWidgets import QAbstractButton, QAbstractItemView

    for widget in [*page.findChildren(QAbstractButton), *page.findChildren(QLineEdit), *page.findChildren(QAbstractItemView)]:
        if widget.objectName().startswith("qt_") or (type(widget).__module__.startswith("PySide6") and isinstance(widget.parent(), QLineEdit)):
            continue
        if type(widget).__name__ == "QTableCornerButton" or not widget.isVisibleTo(page):
            continue
        assert widget.accessibleName() or getattr(widget, "text", str)(), widget


def test_in_english_nothing_chinese_is_left(open_page: Callable[..., CreatorsPage], make_context: Callable[..., Context]):
    page = open_page(make_context(language="en"))
    titles = [page.model.headerData(at, Qt.Orientation.Horizontal) for at in range(page.model.columnCount())]
    shown = [*titles, page.summary(), *(action.text() for action in page.actions())]
    assert not [text for text in shown if any("\u4e00" <= sign <= "\u9fff" for sign in text)]


def test_buttons_keep_their_words_beside_the_help(qtbot: QtBot, open_page: Callable[..., CreatorsPage], make_context: Callable[..., Context]):
    page = open_page(make_context("en"))
    page.resize(820, 740)  # a window of 1280 with navigation and help
    qtbot.waitUntil(lambda: page.width() == 820)
    qtbot.wait(1)
    for name in ("Edit a field", "Move stage", "Set owner", "Details"):
        button = next(one for one in page.findChildren(QPushButton) if one.text() == name)
        assert button.width() >= button.sizeHint().width(), name
