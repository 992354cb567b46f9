# SPDX-License-Identifier: Apache-2.0
"""Selecting, copying, sorting and arranging, as in a spreadsheet."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint, Qt
from PySide6.QtGui import QGuiApplication, QInputMethodEvent
from PySide6.QtWidgets import QLineEdit, QMenu, QPushButton

from app.usecases.creators import Question, SortKey
from tests.widgets.tables.conftest import MANY, press, type_text
from tests.widgets.tables.test_model import column_of, text
from widgets.labels import tsv
from widgets.tables.delegates import CellDelegate
from widgets.tables.view import TableView

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from widgets.page import Context
    from widgets.tables.model import TableModel


def select(table: TableView, top: int, bottom: int, left: int, right: int, *, add: bool = False) -> None:
    model = table.model()
    flag = QItemSelectionModel.SelectionFlag.Select if add else QItemSelectionModel.SelectionFlag.ClearAndSelect
    table.selectionModel().select(QItemSelection(model.index(top, left), model.index(bottom, right)), flag)


def copied(qtbot: QtBot, context: Context, table: TableView) -> list[list[str]]:
    QGuiApplication.clipboard().clear()
    with qtbot.waitSignal(context.messages.toasted):
        table.copy()
    return [line.split("\t") for line in QGuiApplication.clipboard().text().rstrip("\n").split("\n")]


def test_all_of_it_is_one_range(table: TableView, model: TableModel):
    table.selectAll()
    assert table.selectionModel().selection().size() == 1
    assert table.selected_count() == MANY
    assert table.selected_ids().tolist() == model.ids.tolist()


def test_a_column_is_one_range(table: TableView, model: TableModel):
    table.select_column(4)
    assert table.spans() == [(0, MANY - 1)]
    assert table.selected_columns() == [4]
    assert model.rowCount() == MANY


def test_ranges_that_touch_are_one_span(table: TableView):
    select(table, 10, 12, 0, 0)
    select(table, 13, 20, 2, 3, add=True)
    select(table, 30, 30, 1, 1, add=True)
    assert table.spans() == [(10, 20), (30, 30)]
    assert table.selected_columns() == [0, 1, 2, 3]


def test_a_copy_is_a_table_with_titles_and_exact_figures(qtbot: QtBot, context: Context, table: TableView, model: TableModel):
    select(table, 0, 1, 0, column_of(model, "followers"))
    lines = copied(qtbot, context, table)
    assert lines[0] == ["昵称", "达人量级", "平台", "平台账号", "粉丝数"]
    assert lines[1] == ["<b>x</b>", "腰部", "抖音", "bold", "2000000"]
    assert len(lines) == 3


def test_a_copy_leaves_cells_out_that_are_not_selected(qtbot: QtBot, context: Context, table: TableView):
    select(table, 0, 0, 0, 0)
    select(table, 2, 2, 3, 3, add=True)
    assert copied(qtbot, context, table)[1:] == [["<b>x</b>", ""], ["", "h2"]]


def test_a_large_copy_reads_the_rows_that_are_not_at_hand(qtbot: QtBot, context: Context, table: TableView):
    table.select_column(0)
    lines = copied(qtbot, context, table)
    assert len(lines) == MANY + 1
    assert lines[-1] == [f"达人{MANY - 1:05d}"]


@pytest.mark.parametrize(
    ("cell", "taken"),
    [("=1+1", "'=1+1"), ("@x", "'@x"), ("a\tb", '"a\tb"'), ('say "hi"', '"say ""hi"""'), ("'=x", "''=x"), ("茶", "茶"), ("", "")],
)
def test_a_copied_cell_is_never_a_formula(cell: str, taken: str):
    assert tsv(cell) == taken


def test_totals_of_a_selection(qtbot: QtBot, table: TableView, model: TableModel):
    said: list[str] = []
    table.totals.connect(said.append)
    column = column_of(model, "followers")
    select(table, 0, 1, column, column)
    qtbot.waitUntil(lambda: any("合计" in one for one in said))
    assert "已选 2 行" in said[-1]
    assert "合计 2,999,900" in said[-1]
    assert "平均 1,499,950" in said[-1]


def test_totals_of_rows_that_are_not_at_hand(qtbot: QtBot, table: TableView, model: TableModel):
    said: list[str] = []
    table.totals.connect(said.append)
    table.select_column(column_of(model, "followers"))
    qtbot.waitUntil(lambda: any("合计" in one for one in said))
    total = 2_000_000 + sum(1_000_000 - one * 100 for one in range(1, MANY))
    assert f"合计 {total:,}" in said[-1]


def test_one_cell_has_no_totals(qtbot: QtBot, table: TableView):
    with qtbot.waitSignal(table.totals) as blocker:
        select(table, 4, 4, 4, 4)
    assert blocker.args == [""]


def test_a_refresh_keeps_selection_current_row_and_scroll(qtbot: QtBot, context: Context, table: TableView, model: TableModel, fetched: Callable[[], None]):
    table.setFocus()
    table.setCurrentIndex(model.index(1500, 2))
    select(table, 1500, 1504, 1, 4)
    chosen, current = table.selected_ids().tolist(), table.current_id()
    fetched()
    offset = table.visualRect(model.index(1500, 2)).top()
    context.services.creators.add({"name": "最大", "platform": "weibo", "handle": "top", "followers": "99000000"})
    model.refresh()
    qtbot.waitUntil(lambda: model.rowCount() == MANY + 1)
    assert table.selected_ids().tolist() == chosen
    assert table.selected_columns() == [1, 2, 3, 4]
    assert table.current_id() == current
    assert model.position_of(current) == 1501
    assert table.visualRect(model.index(1501, 2)).top() == offset


def test_a_new_order_is_looked_at_from_its_top(qtbot: QtBot, table: TableView, model: TableModel):
    table.verticalScrollBar().setValue(20_000)
    select(table, 700, 720, 0, 3)
    table.sort_by(column_of(model, "name"))
    qtbot.waitUntil(lambda: model.whole)
    assert table.verticalScrollBar().value() == 0
    assert table.spans() == []
    assert model.question.sort == (SortKey("name", descending=False),)


def test_sorting_turns_and_adds_keys(qtbot: QtBot, table: TableView, model: TableModel):
    followers, city = column_of(model, "followers"), column_of(model, "city")
    table.sort_by(city)
    table.sort_by(followers, add=True)
    table.sort_by(followers, add=True)
    qtbot.waitUntil(lambda: model.whole)
    assert model.keys == (SortKey("city"), SortKey("followers", descending=False))
    assert [text(model, row, "city") for row in range(2)] == ["上海", "成都"]


def test_numbers_begin_with_the_largest(qtbot: QtBot, table: TableView, model: TableModel):
    table.sort_by(column_of(model, "fee_fen"))
    qtbot.waitUntil(lambda: model.whole)
    assert model.keys == (SortKey("fee_fen", descending=True),)


def test_a_click_on_a_header_sorts_and_with_ctrl_selects(qtbot: QtBot, table: TableView, model: TableModel):
    across = table.horizontalHeader()
    at = QPoint(across.sectionViewportPosition(0) + 20, across.height() // 2)
    qtbot.mouseClick(across.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.waitUntil(lambda: model.whole)
    assert model.keys == (SortKey("name"),)
    assert table.spans() == []


def test_columns_are_chosen_ordered_sized_and_frozen_and_stay_so(qtbot: QtBot, context: Context, table: TableView, model: TableModel):
    table.horizontalHeader().moveSection(4, 1)
    table.setColumnWidth(0, 222)
    table.show_column(column_of(model, "city"), shown=False)
    table.freeze(2)
    table.save_looks()
    again = TableView(model, CellDelegate(context.theme, lambda *_: None, str), context.tasks, context.messages, key="test")
    qtbot.addWidget(again)
    again.restore_looks()
    assert again.columns_in_order()[:2] == [0, 4]
    assert again.columnWidth(0) == 222
    assert again.isColumnHidden(column_of(model, "city"))
    assert again.frozen == 2
    again.reset_looks()
    assert again.columns_in_order()[:2] == [0, 1]
    assert not again.isColumnHidden(column_of(model, "city"))


def test_frozen_columns_lie_over_a_table_that_is_scrolled_sideways(qtbot: QtBot, table: TableView, model: TableModel):
    assert not table._frozen.isVisible()
    table.resize(600, 500)
    table.horizontalScrollBar().setValue(300)
    assert table._frozen.isVisible()
    assert table._frozen.columns() == [0]
    select(table, 3, 4, 0, 0)
    assert table._frozen.selectionModel() is table.selectionModel()
    table.verticalScrollBar().setValue(1234)
    assert table._frozen.verticalScrollBar().value() == 1234
    table.horizontalScrollBar().setValue(0)
    qtbot.waitUntil(lambda: not table._frozen.isVisible())
    assert model.rowCount() == MANY


def test_space_opens_a_row_unless_something_is_being_composed(qtbot: QtBot, table: TableView, model: TableModel):
    opened: list[int] = []
    table.opened.connect(opened.append)
    table.setCurrentIndex(model.index(2, 1))
    table.inputMethodEvent(QInputMethodEvent("mei", []))
    press(qtbot, table, Qt.Key.Key_Space)
    assert opened == []
    table.inputMethodEvent(QInputMethodEvent("", []))
    press(qtbot, table, Qt.Key.Key_Space)
    assert opened == [int(model.ids[2])]


def test_enter_edits_a_cell_that_can_be_edited_and_opens_others(qtbot: QtBot, table: TableView, model: TableModel, fetched: Callable[[], None]):
    fetched()
    opened: list[int] = []
    table.opened.connect(opened.append)
    table.setCurrentIndex(model.index(1, column_of(model, "tier")))
    press(qtbot, table, Qt.Key.Key_Return)
    assert len(opened) == 1
    table.setCurrentIndex(model.index(1, column_of(model, "city")))
    press(qtbot, table, Qt.Key.Key_Return)
    editor = table.viewport().findChild(QLineEdit)
    assert editor is not None
    editor.setText("苏州")
    with qtbot.waitSignal(model.edited) as blocker:
        press(qtbot, editor, Qt.Key.Key_Return)
    assert blocker.args[1:] == ["city", "苏州"]


def test_typing_letters_reads_no_rows(qtbot: QtBot, table: TableView, model: TableModel):
    started = time.monotonic()
    type_text(qtbot, table, "zzz")
    assert time.monotonic() - started < 1
    assert not model._missing


def test_an_empty_answer_says_what_to_do(qtbot: QtBot, table: TableView, model: TableModel):
    table.empty = lambda: ("没有人", [])
    model.ask(Question(where='name = "没有这个人"'))
    qtbot.waitUntil(lambda: model.whole)
    assert table._panel.sentence == "没有人"
    model.ask(Question())
    qtbot.waitUntil(lambda: model.whole)
    assert table._panel.sentence == ""


def test_a_failed_answer_offers_to_try_again(qtbot: QtBot, table: TableView, model: TableModel):
    with qtbot.waitSignal(model.failed):
        model.ask(Question(where="nonsense = 1"))
    assert "nonsense" in table._panel.sentence
    assert "日志编号" in table._panel.sentence  # a sentence that speaks of a number must give it
    assert [button.text() for button in table._panel.findChildren(QPushButton) if button.isVisible()] == ["重试", "详情"]


def test_a_sentence_takes_more_lines_where_there_is_less_room(qtbot: QtBot, table: TableView, model: TableModel):
    table.empty = lambda: ("没有符合条件的达人。换个关键词，或清除筛选后再试一次。", [])
    table.resize(320, 600)
    model.ask(Question(where='name = "没有这个人"'))
    qtbot.waitUntil(lambda: bool(table._panel.sentence))
    said = table._panel._said
    assert said.width() <= table.viewport().width()
    assert said.height() >= said.heightForWidth(said.width())


def test_a_header_menu_lists_every_column(table: TableView, model: TableModel):
    menu = table.header_menu(0)
    chooser = next(one for one in menu.findChildren(QMenu) if one.title() == "选择列")
    assert [action.text() for action in chooser.actions()][:2] == ["昵称", "达人量级"]
    assert len(chooser.actions()) == len(model.columns)


def test_pasted_text_is_handed_on(qtbot: QtBot, table: TableView):
    QGuiApplication.clipboard().setText("昵称\t城市\n小满\t杭州\n")
    with qtbot.waitSignal(table.pasted) as blocker:
        press(qtbot, table, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert blocker.args[0].startswith("昵称\t城市")


def test_go_to_a_row_by_id(table: TableView, model: TableModel):
    assert table.go_to(int(model.ids[2000]))
    assert table.currentIndex().row() == 2000
    assert not table.go_to(10**9)
    assert text(model, 2000, "name") is not None


def test_several_columns_are_chosen_while_the_menu_stays_open(qtbot: QtBot, table: TableView, model: TableModel):
    menu = table.header_menu(-1)
    qtbot.addWidget(menu)
    menu.popup(table.mapToGlobal(QPoint(0, 0)))
    for key in ("phone", "email"):
        title = model.labels.words(model.columns[column_of(model, key)].title_key)
        action = next(one for one in menu.actions() if one.text() == title)
        assert not action.isChecked()
        qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())
        assert not table.isColumnHidden(column_of(model, key))
        assert menu.isVisible()
    menu.close()
