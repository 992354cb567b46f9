# SPDX-License-Identifier: Apache-2.0
"""Chips and text are two faces of one filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QApplication

from app import filters
from app.errors import UsageError
from app.rules.fields import CREATOR_FIELDS
from app.usecases.creators import FILTER_FIELDS, parse_filter
from tests.widgets.tables.conftest import press
from widgets.tables.filter_bar import FilterBar, FilterEditor
from widgets.tables.filter_words import NAMES, Language, composed, operators, said, stored, typed

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from widgets.page import Context

LANGUAGE = Language(FILTER_FIELDS, lambda text: parse_filter(text, "Asia/Shanghai"))


@pytest.fixture
def bar(qtbot: QtBot, context: Context) -> FilterBar:
    made = FilterBar(context.labels, context.theme, context.messages, LANGUAGE, "小林")
    made.set_facets({"city": ("杭州", "成都"), "tags": ("复投",), "platform": ("douyin",)})
    qtbot.addWidget(made)
    made.resize(1000, 80)
    made.show()
    return made


@pytest.mark.parametrize(
    "where",
    [
        "tier in (nano, mid) and followers >= 10000",
        'name ~ "茶 与 \\"花\\"" and joined_at >= 2026-01-05',
        "not (city = 杭州) and (tier = top or tier = head)",
        'owner = "" and phone != ""',
        "fee_fen <= 350000 and commission_bp > 1250",
        "stage not in (paused, ended) and platform in (douyin, xiaohongshu) and tags ~ 复",
    ],
)
def test_chips_round_trip(bar: FilterBar, where: str):
    bar.take("", where)
    again = LANGUAGE.parse(bar.where)
    assert again is not None
    assert LANGUAGE.text(filters.conjuncts(again)) == bar.where
    assert bar.where == LANGUAGE.text(filters.conjuncts(LANGUAGE.parse(where)))


def test_chips_speak_the_readers_language(bar: FilterBar):
    bar.take("", 'tier in (nano, mid) and followers >= 10000 and city = "" and fee_fen <= 350000 and not (city = 杭州)')
    assert bar.chips() == ["达人量级 是其中之一 素人、腰部", "粉丝数 不少于 10,000", "城市为空", "报价 不超过 ¥3,500.00", "非（城市 等于 杭州）"]


def test_a_chip_is_taken_off(qtbot: QtBot, bar: FilterBar):
    bar.take("", "tier = nano and city = 杭州")
    with qtbot.waitSignal(bar.changed):
        bar.remove(bar._nodes[0])
    assert bar.where == "city = 杭州"
    assert len(bar.chips()) == 1


def test_mine_and_the_pool_are_conjuncts_with_a_switch(qtbot: QtBot, bar: FilterBar):
    bar.take("", "tier = nano")
    with qtbot.waitSignal(bar.changed):
        bar.set_scope("mine")
    assert bar.where == "owner = 小林 and tier = nano"
    assert bar.chips() == ["达人量级 等于 素人"], "the switch shows it, no chip repeats it"
    bar.set_scope("pool")
    assert bar.where == 'owner = "" and tier = nano'
    bar.set_scope("all")
    assert bar.where == "tier = nano"
    bar.take("", "owner = 小林")
    assert bar.scope == "mine"


def test_a_mistake_in_the_text_is_told_with_its_place(bar: FilterBar):
    bar.text_button.setChecked(True)
    bar.text_field.setText("tier = nano and folowers > 3")
    bar.apply_text()
    assert bar.where == ""
    assert bar.text_field.selectedText() == "folowers"
    assert "folowers" in bar.complaint.text()
    assert bar.complaint.isVisibleTo(bar)
    bar.text_field.setText("tier = nano and followers > 3万")
    bar.apply_text()
    assert bar.where == "tier = nano and followers > 30000"
    assert not bar.complaint.isVisibleTo(bar)


def test_a_search_waits_for_what_is_typed_and_for_composed_words(qtbot: QtBot, bar: FilterBar):
    bar.search_field.setFocus()
    composing = QInputMethodEvent("meishi", [])
    QApplication.sendEvent(bar.search_field, composing)
    assert not bar._wait.isActive()
    with qtbot.waitSignal(bar.changed):
        done = QInputMethodEvent("", [])
        done.setCommitString("美食")
        QApplication.sendEvent(bar.search_field, done)
    assert bar.search == "美食"


def test_escape_empties_the_search_and_then_leaves_it(qtbot: QtBot, bar: FilterBar):
    bar.take("茶", "")
    bar.search_field.setFocus()
    with qtbot.waitSignal(bar.changed):
        press(qtbot, bar.search_field, Qt.Key.Key_Escape)
    assert bar.search == ""
    with qtbot.waitSignal(bar.left):
        press(qtbot, bar.search_field, Qt.Key.Key_Escape)


# ---------------------------------------------------------------- the editor of a part


@pytest.fixture
def made() -> list[str]:
    return []


def editor_of(qtbot: QtBot, context: Context, made: list[str], where: str = "") -> FilterEditor:
    node = LANGUAGE.parse(where) if where else None
    assert node is None or isinstance(node, filters.Compare)
    facets = {"city": ("杭州", "成都"), "tags": ("复投",), "platform": ("douyin",)}
    editor = FilterEditor(context.labels, LANGUAGE, context.messages, facets, node, made.append)
    qtbot.addWidget(editor)
    return editor


@pytest.mark.parametrize(
    "where",
    [
        "tier in (nano, mid)",
        "tier >= mid",
        "city in (拉萨, 杭州)",
        "followers >= 10000",
        "fee_fen <= 350050",
        "commission_bp > 1250",
        "joined_at >= 2026-01-05",
        "platform not in (douyin)",
        "tags in (复投)",
        'city = ""',
        'phone != ""',
        "name ~ 茶",
        "phone = 13800000000",
    ],
)
def test_an_editor_gives_back_what_it_was_given(qtbot: QtBot, context: Context, made: list[str], where: str):
    editor = editor_of(qtbot, context, made, where)
    editor.apply()
    assert LANGUAGE.text(filters.conjuncts(LANGUAGE.parse(made[0]))) == where


def test_a_rank_is_chosen_in_words(qtbot: QtBot, context: Context, made: list[str]):
    editor = editor_of(qtbot, context, made)
    editor.field_box.setCurrentIndex(editor.field_box.findData("stage"))
    assert editor.list.item(0).text() == "线索"
    editor.list.item(0).setCheckState(Qt.CheckState.Checked)
    editor.apply()
    assert LANGUAGE.text(filters.conjuncts(LANGUAGE.parse(made[0]))) == "stage in (lead)"


def test_an_editor_tells_a_value_that_does_not_fit(qtbot: QtBot, context: Context, made: list[str]):
    editor = editor_of(qtbot, context, made)
    editor.field_box.setCurrentIndex(editor.field_box.findData("fee_fen"))
    editor.line.setText("很多")
    editor.apply()
    assert made == []
    assert editor.complaint.isVisibleTo(editor)


@pytest.mark.parametrize(
    ("name", "text", "kept"), [("fee_fen", "3,500.5", "350050"), ("fee_fen", "1.2万", "1200000"), ("commission_bp", "12.5%", "1250"), ("fee_fen", "", "")]
)
def test_amounts_are_typed_in_yuan_and_per_cent(name: str, text: str, kept: str):
    assert stored(CREATOR_FIELDS[name], text) == kept


def test_an_amount_is_shown_as_it_is_typed():
    assert typed(CREATOR_FIELDS["fee_fen"], 350050) == "3500.5"
    assert typed(CREATOR_FIELDS["tier"], 3) == "mid"


def test_every_operator_has_words(context: Context):
    for field in FILTER_FIELDS.values():
        for operator in operators(field, choices=True):
            assert context.labels.words.has(f"filter.op.{NAMES[operator]}")


def test_nothing_typed_is_no_filter():
    with pytest.raises(UsageError, match="value_missing"):
        composed(CREATOR_FIELDS["name"], "~", [" "])


def test_nested_parts_are_said_with_brackets(context: Context):
    node = LANGUAGE.parse("city = 杭州 and (tier = top or tier = head)")
    assert isinstance(node, filters.And)
    assert said(node.parts[1], context.labels) == "达人量级 等于 超头 或 达人量级 等于 头部"
