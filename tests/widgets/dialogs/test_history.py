# SPDX-License-Identifier: Apache-2.0
"""What was done is listed, newest first, and any one step can be undone and redone whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from app.files import ImportRequest
from app.usecases.creators import Question
from widgets.dialogs.history import History
from widgets.dialogs.jobs import SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.services import Services
    from widgets.page import Context

LONG = 120_000


@pytest.fixture
def history(qtbot: QtBot, context: Context, services: Services, tmp_path: Path) -> Iterator[Any]:
    """The dialog over an import, an import with rejected rows, and an edit."""
    path = tmp_path / "douyin.csv"
    path.write_text("昵称,抖音号,粉丝数\n甲,dy_1,1200\n乙,dy_2,三万多\n丙,,7\n", "utf-8")
    services.creators.import_file(ImportRequest(path, platform="douyin"))
    services.creators.tag([1, 2], add=["愿意寄样"])
    dialog = History(context)
    dialog.show()
    qtbot.waitUntil(lambda: bool(dialog.listing.rows), timeout=LONG)
    yield dialog
    dialog.close()


def idle(qtbot: QtBot, context: Context) -> None:
    qtbot.waitUntil(context.tasks.idle, timeout=LONG)


def names(history: Any) -> list[str]:
    model = history.listing.model
    return [str(model.index(at, 1).data()) for at in range(model.rowCount())]


def test_steps_are_listed_newest_first_and_may_be_imports_only(qtbot: QtBot, context: Context, history: Any):
    assert names(history) == ["修改标签  +愿意寄样", "导入 douyin.csv", "导入 creators.csv"]
    history.only_imports.setChecked(True)
    qtbot.waitUntil(lambda: len(names(history)) == 2, timeout=LONG)
    idle(qtbot, context)


def test_an_older_import_is_undone_and_redone_and_the_rest_stays(qtbot: QtBot, context: Context, services: Services, history: Any):
    before = services.workspace.info(with_hash=True).content_hash
    history.choose(history.listing.rows[1].id)
    history.undo()
    qtbot.waitUntil(lambda: history.undone is not None, timeout=LONG)
    assert history.undone.kept == ()
    assert "已撤销" in history.says
    assert services.creators.count(Question(search="dy_1")) == 0
    assert services.creators.count(Question(where="tags = 愿意寄样")) == 2
    qtbot.waitUntil(lambda: history.chosen is not None and history.chosen.undone_at is not None, timeout=LONG)
    assert not history._undo.isEnabled()
    history.undone = None
    history.redo()
    qtbot.waitUntil(lambda: history.undone is not None, timeout=LONG)
    assert services.workspace.info(with_hash=True).content_hash == before
    idle(qtbot, context)


def test_what_later_work_holds_is_kept_with_its_reason(qtbot: QtBot, context: Context, services: Services, history: Any):
    touched = services.creators.page(Question(search="dy_1"))[0].id
    services.creators.edit([touched], {"city": "杭州"})
    qtbot.waitUntil(lambda: len(names(history)) == 4, timeout=LONG)
    history.choose(history.listing.rows[2].id)
    history.undo()
    qtbot.waitUntil(lambda: history.undone is not None, timeout=LONG)
    assert history.undone.kept
    assert "后来的操作用到了它" in history.says
    assert services.creators.count(Question(search="dy_1")) == 1
    idle(qtbot, context)


def test_rows_that_an_import_left_out_are_seen_and_saved(qtbot: QtBot, context: Context, history: Any, tmp_path: Path):
    assert history._panel.isHidden()
    history.choose(history.listing.rows[1].id)
    qtbot.waitUntil(lambda: len(history.rejects.rows) == 2, timeout=LONG)
    assert not history._panel.isHidden()
    assert [line.row for line in history.rejects.rows] == [3, 4]
    assert len(history.rejects.rows) <= SHOWN
    out = tmp_path / "rest.xlsx"
    history.save_rejects(out)
    qtbot.waitUntil(lambda: "rest.xlsx" in history.says, timeout=LONG)
    rows = list(openpyxl.load_workbook(out).active.iter_rows(values_only=True))  # type: ignore[union-attr]
    assert rows[0] == ("行", "文件中的列", "内容", "原因")
    assert rows[1] == (3, "粉丝数", "三万多", "看不懂的数字")
    idle(qtbot, context)


def test_a_read_only_workspace_offers_no_undo(qtbot: QtBot, make_context: Any, history: Any):
    context = make_context(read_only=True)
    dialog = History(context)
    qtbot.waitUntil(lambda: bool(dialog.listing.rows), timeout=LONG)
    assert not dialog._undo.isEnabled()
    assert history._undo.isEnabled()
    dialog.close()
