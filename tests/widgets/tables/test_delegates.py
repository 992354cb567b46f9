# SPDX-License-Identifier: Apache-2.0
"""Cells show text literally, and tell mistakes where they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QLineEdit, QStyleOptionViewItem, QToolTip

from app.errors import UsageError
from tests.widgets.tables.conftest import press
from tests.widgets.tables.test_model import column_of
from widgets.tables.delegates import CellDelegate, ink_of
from widgets.tables.roster import _STAGE_TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from widgets.page import Context
    from widgets.tables.model import TableModel
    from widgets.tables.view import TableView
    from widgets.theme import Theme


def painted(delegate: CellDelegate, model: TableModel, key: str, width: int = 160) -> QImage:
    image = QImage(width, 28, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    option = QStyleOptionViewItem()
    option.rect = QRect(0, 0, width, 28)
    delegate.paint(painter, option, model.index(0, column_of(model, key)))
    painter.end()
    return image


def colours(image: QImage) -> set[str]:
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


def test_markup_in_a_name_is_painted_as_it_is(context: Context, table: TableView, model: TableModel, fetched: Callable[[], None]):
    fetched()
    delegate = table.itemDelegate()
    assert isinstance(delegate, CellDelegate)
    painted(delegate, model, "name")
    laid = [entry[0] for (words, _), entry in delegate._texts.items() if words == "<b>x</b>"]
    assert laid
    assert all(one.textFormat() == Qt.TextFormat.PlainText and one.text() == "<b>x</b>" for one in laid)
    assert context.labels is model.labels


def test_a_tier_is_a_coloured_word(context: Context, table: TableView, model: TableModel, fetched: Callable[[], None]):
    fetched()
    delegate = table.itemDelegate()
    assert isinstance(delegate, CellDelegate)
    seen = colours(painted(delegate, model, "tier"))
    assert context.theme.colour("tier_mid").name() in seen
    assert context.theme.colour("tier_mid_text").name() in seen


def test_at_most_two_badges_and_a_sign_for_more(table: TableView, model: TableModel, fetched: Callable[[], None]):
    fetched()
    delegate = table.itemDelegate()
    assert isinstance(delegate, CellDelegate)
    delegate._badges.clear()
    painted(delegate, model, "tags")
    assert sorted(key[0] for key in delegate._badges) == ["a", "b"]


def test_a_badge_can_be_read_in_both_looks(context: Context, make_context: Callable[..., Context]):
    def luminance(theme: Theme, token: str) -> float:
        colour = theme.colour(token)
        parts: list[float] = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in (colour.redF(), colour.greenF(), colour.blueF())]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for theme in (context.theme, make_context(look="dark").theme):
        for token in {*_STAGE_TOKENS.values(), "info_soft", "hover"}:
            light, dark = sorted((luminance(theme, token), luminance(theme, ink_of(token))), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, token


def test_a_text_that_does_not_fit_is_told_at_the_cell_and_stays_open(qtbot: QtBot, table: TableView, model: TableModel, fetched: Callable[[], None]):
    fetched()

    def refuse(field: str, text: str) -> None:
        if text == "多":
            raise UsageError("bad_value", field=field, value=text, reason="bad_number")

    delegate = table.itemDelegate()
    assert isinstance(delegate, CellDelegate)
    delegate.check, delegate.explain = refuse, lambda error: f"不行：{error.details['value']}"
    edits: list[str] = []
    model.edited.connect(lambda *words: edits.append(words[2]))
    table.edit_cell(model.index(0, column_of(model, "followers")))
    editor = table.viewport().findChild(QLineEdit)
    assert editor is not None
    assert editor.accessibleName() == "粉丝数"
    editor.setText("多")
    press(qtbot, editor, Qt.Key.Key_Return)
    assert editor.isVisible()
    assert editor.property("invalid") is True
    assert editor.accessibleDescription() == "不行：多"
    assert edits == []
    editor.setText("12万")
    press(qtbot, editor, Qt.Key.Key_Return)
    assert edits == ["12万"]
    QToolTip.hideText()
