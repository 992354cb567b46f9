# SPDX-License-Identifier: Apache-2.0
"""One model for long answers and short lists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

from app.errors import UsageError
from app.usecases.creators import Question, SortKey
from tests.widgets.tables.conftest import BIG_ID, BY_SIZE, MANY
from widgets.tables import model as model_module
from widgets.tables.columns import Column
from widgets.tables.model import PLACEHOLDER, TableModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from widgets.page import Context
    from widgets.tables.view import TableView

ACCESSIBLE = Qt.ItemDataRole.AccessibleTextRole


def column_of(model: TableModel, key: str) -> int:
    return next(at for at, column in enumerate(model.columns) if column.key == key)


def text(model: TableModel, row: int, key: str, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
    return model.data(model.index(row, column_of(model, key)), role)


def test_first_rows_are_there_before_all_ids(qtbot: QtBot, model: TableModel):
    counts: list[int] = []
    model.swapped.connect(lambda _: counts.append(model.rowCount()))
    model.ask(BY_SIZE)
    qtbot.waitUntil(lambda: model.whole)
    assert counts[0] == model_module.FIRST
    assert model.rowCount() == MANY
    assert text(model, 0, "name") == "<b>x</b>"


def test_a_row_far_down_shows_a_placeholder_and_then_itself(qtbot: QtBot, model: TableModel, table: TableView):
    assert text(model, MANY - 1, "name") == PLACEHOLDER
    qtbot.waitUntil(lambda: text(model, MANY - 1, "name") == f"达人{MANY - 1:05d}")
    assert table.isVisible()


def test_records_are_forgotten_so_that_memory_does_not_grow(model: TableModel, table: TableView, fetched: Callable[[], None], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(model_module, "KEPT", 300)
    for place in (0.2, 0.5, 0.9, 0.1, 0.7, 1.0):
        bar = table.verticalScrollBar()
        bar.setValue(int(bar.maximum() * place))
        fetched()
    assert len(model._records) <= 300


def test_a_long_id_is_shown_digit_for_digit(model: TableModel, table: TableView):
    assert text(model, 0, "uid") == BIG_ID
    assert table.isVisible()
    assert model.ids.dtype == np.int64


def test_the_last_question_counts(qtbot: QtBot, model: TableModel):
    for where in ("followers > 1", 'city = "成都"', 'city = "杭州"', 'name = "<b>x</b>"'):
        model.ask(replace(BY_SIZE, where=where))
    qtbot.waitUntil(lambda: model.whole)
    assert model._tasks is not None
    qtbot.waitUntil(model._tasks.idle)
    assert model.rowCount() == 1


def test_an_answer_that_comes_late_is_dropped(qtbot: QtBot, model: TableModel):
    model.ask(replace(BY_SIZE, where='city = "成都"'))
    old = model._serial
    model.ask(replace(BY_SIZE, where='name = "<b>x</b>"'))
    qtbot.waitUntil(lambda: model.whole)
    model._all(old, np.arange(50, dtype=np.int64))
    assert model.rowCount() == 1


def test_a_question_that_cannot_be_answered_is_told(qtbot: QtBot, model: TableModel):
    with qtbot.waitSignal(model.failed) as blocker:
        model.ask(Question(where="nonsense = 1"))
    assert isinstance(blocker.args[0], UsageError)
    assert model.state == "failed"


def test_empty_values_come_last_either_way(qtbot: QtBot, model: TableModel, context: Context):
    added = context.services.creators.add({"name": "无粉丝", "platform": "weibo", "handle": "nofans"})
    for descending in (False, True):
        model.ask(Question(sort=(SortKey("followers", descending=descending),)))
        qtbot.waitUntil(lambda: model.whole)
        assert model.ids[-1] == added.id


def test_the_header_says_how_it_is_sorted(qtbot: QtBot, model: TableModel):
    model.ask(Question(sort=(SortKey("city"), SortKey("followers", descending=True))))
    qtbot.waitUntil(lambda: model.whole)
    assert model.headerData(column_of(model, "city"), Qt.Orientation.Horizontal).endswith(" ↑1")
    assert model.headerData(column_of(model, "followers"), Qt.Orientation.Horizontal).endswith(" ↓2")


def test_every_cell_has_words_for_a_screen_reader(model: TableModel, table: TableView):
    assert text(model, 0, "tier", ACCESSIBLE) == "腰部"
    assert text(model, 0, "platform", ACCESSIBLE) == "抖音"
    assert text(model, 0, "stage", ACCESSIBLE) == "线索"
    assert text(model, 0, "tags", ACCESSIBLE) == "a b c"
    assert text(model, 0, "followers", ACCESSIBLE) == "200万"
    assert text(model, 0, "followers", Qt.ItemDataRole.ToolTipRole) == "2,000,000"
    assert table.accessibleName() is not None


def test_amounts_stand_at_the_right(model: TableModel, table: TableView):
    right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    assert text(model, 0, "fee_fen", Qt.ItemDataRole.TextAlignmentRole) == right
    assert text(model, 0, "fee_fen") == "¥1,200.00"
    assert table.model() is model


def test_a_refresh_shows_what_was_saved_without_moving_rows(qtbot: QtBot, model: TableModel, context: Context, table: TableView):
    moved: list[bool] = []
    model.swapped.connect(moved.append)
    context.services.creators.edit([int(model.ids[3])], {"city": "拉萨"})
    model.refresh()
    qtbot.waitUntil(lambda: text(model, 3, "city") == "拉萨")
    assert moved == []
    assert table.isVisible()


def test_rows_do_not_move_under_an_open_editor(qtbot: QtBot, model: TableModel, context: Context, table: TableView):
    editing = [True]
    model.paused = lambda: editing[0]
    before = model.ids.copy()
    context.services.creators.edit([int(model.ids[5])], {"followers": "9000000"})
    model.refresh()
    qtbot.waitUntil(lambda: not model._refresh_timer.isActive())
    assert np.array_equal(model.ids, before)
    editing[0] = False
    model.resume()
    qtbot.waitUntil(lambda: model.ids[0] == before[5])
    assert table.isVisible()


def test_a_row_that_is_gone_is_not_asked_for_again(qtbot: QtBot, model: TableModel, table: TableView):
    model._swap(np.concatenate((model.ids, [10**9])), keep=True)
    assert text(model, MANY, "name") == PLACEHOLDER
    qtbot.waitUntil(lambda: 10**9 in model._gone)
    assert model.record(MANY) is None
    assert not model._missing
    assert table.isVisible()


# ---------------------------------------------------------------- short lists


@dataclass(frozen=True, slots=True)
class Line:
    id: int
    word: str
    size: int | None


LINES = (Line(2**62, "b", 2**60 + 1), Line(2, "a", 2**60), Line(3, "c", None))
SHORT = (
    Column("word", "field.name", lambda row, _: row.word, sort="word"),
    Column("size", "field.followers", lambda row, labels: labels.exact(row.size), sort="size", right=True, number=lambda row: row.size),
)


@pytest.mark.parametrize(
    ("key", "order"),
    [
        (SortKey("word"), [2, 2**62, 3]),
        (SortKey("size"), [2, 2**62, 3]),
        (SortKey("size", descending=True), [2**62, 2, 3]),
    ],
)
def test_a_short_list_is_sorted_exactly(context: Context, key: SortKey, order: list[int]):
    """Qt compares numbers beyond 2^53 as if they were equal."""
    model = TableModel(SHORT, context.labels)
    model.set_rows(LINES)
    model.sort_by([key])
    assert model.ids.tolist() == order
    assert model.whole


def test_words_are_handed_on_when_somebody_typed(qtbot: QtBot, model: TableModel, table: TableView):
    index = model.index(0, column_of(model, "city"))
    with qtbot.waitSignal(model.edited) as blocker:
        assert model.setData(index, "北京")
    assert blocker.args[1:] == ["city", "北京"]
    assert not model.setData(index, "上海"), "the same text is no edit"
    assert not model.flags(model.index(0, column_of(model, "tier"))) & Qt.ItemFlag.ItemIsEditable
    assert table.isVisible()


def test_a_read_only_workspace_has_no_cell_to_edit(model: TableModel, table: TableView, fetched: Callable[[], None]):
    fetched()
    model.read_only = True
    assert not any(model.flags(model.index(0, column)) & Qt.ItemFlag.ItemIsEditable for column in range(model.columnCount()))
    assert table.isVisible()
