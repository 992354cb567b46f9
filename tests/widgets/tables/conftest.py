# SPDX-License-Identifier: Apache-2.0
"""A workspace with more creators than a window shows, and a table over it."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QSettings, Qt

from app.files import ImportRequest
from app.usecases.creators import Question, SortKey
from app.values import Actor, WorkspaceRef
from sync.compose import opener
from widgets.tables.delegates import CellDelegate
from widgets.tables.model import TableModel
from widgets.tables.roster import COLUMNS
from widgets.tables.view import TableView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QWidget
    from pytestqt.qtbot import QtBot

    from app.services import Services
    from widgets.page import Context

MANY = 3_000
BIG_ID = "7212345678901234567"
"""An id beyond what a float or a 32-bit number holds."""

BY_SIZE = Question(sort=(SortKey("followers", descending=True),))


def press(qtbot: QtBot, widget: QWidget, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key."""
    qtbot.keyClick(widget, key, modifier)


def type_text(qtbot: QtBot, widget: QWidget, text: str) -> None:
    """Type a text."""
    qtbot.keyClicks(widget, text)


@pytest.fixture(autouse=True)
def _own_looks(tmp_path: Path) -> None:
    """Looks of tables are kept in the test's folder."""
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "looks"))


@pytest.fixture(scope="session")
def many_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with 3,000 creators; the largest is called ``<b>x</b>``."""
    folder = tmp_path_factory.mktemp("many")
    with (folder / "many.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "platform", "platform_uid", "handle", "followers", "category", "city", "owner", "fee_fen", "tags"))
        writer.writerow(("<b>x</b>", "douyin", BIG_ID, "bold", 2_000_000, "美妆", "上海", "小林", 120_000, "a,b,c"))
        for one in range(1, MANY):
            city = "杭州" if one % 3 else "成都"
            writer.writerow(
                (f"达人{one:05d}", "xiaohongshu", f"x{one}", f"h{one}", 1_000_000 - one * 100, "美食", city, "tester" if one % 10 == 0 else "", one * 10, "")
            )
    path = folder / "many.koc"
    services = opener().create(WorkspaceRef(str(path)), Actor("tester"))
    services.creators.import_file(ImportRequest(path=folder / "many.csv"))
    services.close()
    return path


@pytest.fixture
def services(many_made: Path, tmp_path: Path) -> Iterator[Services]:
    """A copy of that workspace, open."""
    path = tmp_path / "many.koc"
    path.write_bytes(many_made.read_bytes())
    opened = opener()(WorkspaceRef(str(path)), Actor("tester"))
    yield opened
    opened.close()


@pytest.fixture
def model(context: Context) -> TableModel:
    """A model over the roster, not asked yet."""
    return TableModel(COLUMNS, context.labels, context.tasks, context.services.creators)


@pytest.fixture
def table(qtbot: QtBot, context: Context, model: TableModel) -> TableView:
    """A table that shows the roster by size."""
    delegate = CellDelegate(context.theme, lambda *_: None, str)
    view = TableView(model, delegate, context.tasks, context.messages, key="test")
    model.setParent(view)
    delegate.setParent(view)
    view.source = context.services.creators
    view.dress("compact")
    view.resize(1200, 600)
    qtbot.addWidget(view)
    view.show()
    model.ask(BY_SIZE)
    qtbot.waitUntil(lambda: model.whole)
    return view


@pytest.fixture
def fetched(qtbot: QtBot, table: TableView, model: TableModel) -> Callable[[], None]:
    """Wait until every row in sight has its record."""

    def seen() -> bool:
        first, last = table.visible_rows()
        return all(model.record(row) is not None for row in range(first, min(last, model.rowCount())))

    return lambda: qtbot.waitUntil(seen)
