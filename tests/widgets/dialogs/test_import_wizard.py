# SPDX-License-Identifier: Apache-2.0
"""A file goes in by one window: opened, matched, checked, imported, undone; whatever is wrong is said and stays in the window."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import openpyxl
import pytest
import xlsxwriter
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QTableView

from app.rules.fields import METRIC_PREFIX
from app.usecases.creators import Question
from widgets.dialogs.import_wizard import ImportWizard, dropped_file, picture
from widgets.dialogs.paste import PastePreview

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

    from app.services import Services
    from widgets.page import Context

Opened: TypeAlias = "Callable[..., Any]"
"""Opens a wizard over a file; Any, for a test looks inside."""

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "real"
LONG = 120_000
"""Milliseconds that a child process may take on a busy machine."""

MESSY = """\
达人昵称,小红书号,粉丝数,城市,自家列
甲,xhs_1,1.2万,杭州,x
乙,xhs_2,三万多,上海,y
丙,xhs_3,800,北京,z
"""


@pytest.fixture
def opened(qtbot: QtBot, context: Context) -> Iterator[Opened]:
    """Wizards over files; closed at the end, so that nothing of them runs on."""
    made: list[ImportWizard] = []

    def make(path: Path | None = None) -> ImportWizard:
        wizard = ImportWizard(context, path)
        made.append(wizard)
        wizard.show()
        if path is not None:
            qtbot.waitUntil(lambda: not wizard.busy, timeout=LONG)
        return wizard

    yield make
    for wizard in made:
        wizard._closing = True
        wizard._leave()


def until(qtbot: QtBot, wizard: Any, *states: str) -> None:
    qtbot.waitUntil(lambda: wizard.state in states, timeout=LONG)


def content(services: Services) -> str | None:
    return services.workspace.info(with_hash=True).content_hash


def messy(folder: Path) -> Path:
    path = folder / "小红书达人.csv"
    path.write_text(MESSY, "utf-8")
    return path


# ---------------------------------------------------------------- what is recognised


def test_a_gb18030_file_is_read_and_may_be_read_otherwise(qtbot: QtBot, opened: Opened, tmp_path: Path):
    path = tmp_path / "抖音名单.csv"
    path.write_bytes("昵称,抖音号,粉丝数\n小鹿𠮷,dy_1,1.2万\n阿橙,dy_2,900\n".encode("gb18030"))
    wizard = opened(path)
    until(qtbot, wizard, "checked")
    assert wizard.report.inserted == 2
    assert wizard.report.sums["followers"] == 12_900
    assert wizard.request(dry_run=True).platform == "douyin"
    assert any(change.after == "小鹿𠮷" for change in wizard.report.changes)
    wizard.options.choose_encoding("utf-8")
    qtbot.waitUntil(lambda: not wizard.busy, timeout=LONG)
    assert wizard.state == "failed"
    assert wizard.says  # in words, in the window
    wizard.options.choose_encoding("gb18030")
    until(qtbot, wizard, "checked")
    assert wizard.report.inserted == 2


def test_a_workbook_with_two_sheets_lets_one_choose(qtbot: QtBot, opened: Opened, tmp_path: Path):
    path = tmp_path / "达人.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        for name, handle in (("小红书", "xhs_1"), ("抖音", "dy_1")):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ("昵称", "账号", "粉丝数"))
            sheet.write_row(1, 0, ("小鹿", handle, 1234))
    wizard = opened(path)
    until(qtbot, wizard, "checked")
    assert wizard.request(dry_run=True).platform == "xiaohongshu"
    sheets = wizard.options.sheet[1]
    assert [sheets.itemText(at) for at in range(sheets.count())] == ["小红书", "抖音"]
    assert not sheets.isHidden()
    sheets.setCurrentIndex(1)
    sheets.activated.emit(1)
    until(qtbot, wizard, "checked")
    assert wizard.request(dry_run=True).sheet == "抖音"
    assert wizard.request(dry_run=True).platform == "douyin"


def test_a_file_without_headers_or_ids_is_matched_by_hand_and_by_nickname(qtbot: QtBot, opened: Opened, services: Services):
    folder = REAL / "g05_douyin2018_noheader"
    if not folder.is_dir():
        pytest.skip("real files are not at hand")
    wizard = opened(folder / "2018年抖音数据.csv")
    assert wizard.state == "mapping"
    assert wizard.says
    for at, field in ((0, "name"), (2, "category"), (3, "total_likes"), (4, "followers"), (5, "posts")):
        wizard.choose_field(at, field)
    assert "按昵称匹配" in [button.text() for button in wizard.findChildren(QPushButton) if not button.isHidden()]
    wizard.options.choose_key(("name",))
    assert not wizard.says
    wizard.check()
    until(qtbot, wizard, "checked")
    report = wizard.report
    assert (report.read, report.inserted, report.duplicates) == (2480, 2472, 8)
    assert (report.sums["total_likes"], report.sums["followers"], report.sums["posts"]) == (43_967_305_300, 6_874_312_839, 517_994)
    wizard.take()
    until(qtbot, wizard, "done")
    assert services.creators.count(Question(where="platform = douyin")) == 2472 + 1


def test_what_is_chosen_is_what_is_imported(qtbot: QtBot, opened: Opened, tmp_path: Path, services: Services):
    wizard = opened(messy(tmp_path))
    until(qtbot, wizard, "checked")
    wizard.choose_field(3, "")  # the city stays out, though its header is known
    wizard.choose_field(4, METRIC_PREFIX)
    assert wizard.report is not None
    assert not wizard._import.isEnabled()  # what was checked is no longer what would be imported
    wizard.choose_field(4, "city")
    wizard.check()
    until(qtbot, wizard, "checked")
    wizard.take()
    until(qtbot, wizard, "done")
    rows = services.creators.page(Question(search="xhs_1"))
    assert rows[0].city == "x"


def test_two_columns_for_one_field_are_refused_until_one_goes(qtbot: QtBot, opened: Opened, tmp_path: Path):
    wizard = opened(messy(tmp_path))
    until(qtbot, wizard, "checked")
    wizard.choose_field(4, "city")
    assert "城市" in wizard.says
    assert not wizard._check.isEnabled()
    wizard.choose_field(3, "")
    assert wizard._check.isEnabled()


def test_a_platform_that_nobody_knows_is_asked_for(qtbot: QtBot, opened: Opened, tmp_path: Path):
    path = tmp_path / "list.csv"
    path.write_text("name,handle,followers\nAda,ada,12k\n", "utf-8")
    wizard = opened(path)
    assert wizard.state == "mapping"
    wizard.options.choose_platform("instagram")
    wizard.check()
    until(qtbot, wizard, "checked")
    assert wizard.report.inserted == 1


# ---------------------------------------------------------------- rows that are left


def test_rejected_rows_are_shown_and_saved_in_words_and_the_rest_is_undone_to_the_byte(qtbot: QtBot, opened: Opened, tmp_path: Path, services: Services):
    before = content(services)
    wizard = opened(messy(tmp_path))
    until(qtbot, wizard, "checked")
    report = wizard.report
    assert report.read == report.inserted + report.updated + report.unchanged + report.rejected + report.duplicates == 3
    assert [(line.row, line.value, line.code) for line in wizard._rejects.rows] == [(3, "三万多", "bad_number")]
    assert content(services) == before  # a check writes nothing
    wizard.take()
    until(qtbot, wizard, "done")
    assert content(services) != before
    out = tmp_path / "rest.xlsx"
    wizard.save_rejects(out)
    until(qtbot, wizard, "done")
    assert out.is_file(), wizard.says
    rows = list(openpyxl.load_workbook(out).active.iter_rows(values_only=True))  # type: ignore[union-attr]
    assert rows[1][:3] == ("乙", "xhs_2", "三万多")
    assert rows[1][-1].startswith("看不懂的数字")
    wizard.undo()
    until(qtbot, wizard, "undone")
    assert wizard.undone.kept == ()
    assert content(services) == before


def test_a_second_time_there_is_nothing_to_import(qtbot: QtBot, opened: Opened, tmp_path: Path):
    path = tmp_path / "douyin.csv"
    path.write_text("昵称,抖音号,粉丝数\n小鹿,dy_1,12000\n", "utf-8")
    wizard = opened(path)
    until(qtbot, wizard, "checked")
    wizard.take()
    until(qtbot, wizard, "done")
    wizard.load(path)
    until(qtbot, wizard, "checked")
    assert wizard.report.unchanged == 1
    assert not wizard._import.isEnabled()
    assert wizard.says


def test_undo_says_what_it_had_to_keep(qtbot: QtBot, opened: Opened, tmp_path: Path, services: Services):
    path = tmp_path / "douyin.csv"
    path.write_text("昵称,抖音号,粉丝数\n小鹿,dy_1,12000\n阿橙,dy_2,500\n", "utf-8")
    wizard = opened(path)
    until(qtbot, wizard, "checked")
    wizard.take()
    until(qtbot, wizard, "done")
    touched = services.creators.page(Question(search="dy_1"))[0].id
    services.creators.edit([touched], {"city": "杭州"})
    wizard.undo()
    until(qtbot, wizard, "undone")
    assert wizard.undone.kept
    assert "后来" in wizard.says
    assert services.creators.count(Question(search="dy_1")) == 1
    assert services.creators.count(Question(search="dy_2")) == 0


# ---------------------------------------------------------------- what goes wrong


def bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for _ in range(400):
                sheet.write(b" " * 1_000_000)
    return path


def locked(path: Path) -> Path:
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600))
    return path


def laughs(path: Path) -> Path:
    path.write_text('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><a>&b;</a>', "utf-8")
    return path


def picture_file(path: Path) -> Path:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    return path


@pytest.mark.parametrize(("make", "name"), [(bomb, "bomb.xlsx"), (locked, "locked.xlsx"), (laughs, "laughs.xls"), (picture_file, "picture.csv")])
def test_a_hostile_or_wrong_file_is_refused_in_words_and_the_window_lives_on(
    qtbot: QtBot, opened: Opened, tmp_path: Path, services: Services, make: Callable[[Path], Path], name: str
):
    before = content(services)
    wizard = opened(make(tmp_path / name))
    assert wizard.state == "failed"
    assert wizard.says
    assert "{" not in wizard.says
    assert "Error" not in wizard.says
    assert content(services) == before
    wizard.load(messy(tmp_path))
    until(qtbot, wizard, "checked")
    assert wizard.report.inserted == 2


def test_a_name_that_looks_like_markup_is_shown_as_it_is(qtbot: QtBot, opened: Opened, tmp_path: Path):
    path = tmp_path / "<b>douyin.csv"
    path.write_text("昵称,抖音号,<i>备注\n<img src='file:///x'>小鹿,dy_1,<b>好\n", "utf-8")
    wizard = opened(path)
    until(qtbot, wizard, "checked")
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in wizard.findChildren(QLabel) if label.text())
    assert any("<img" in label.text() for label in wizard.findChildren(QLabel))


def test_a_cancelled_import_leaves_nothing(qtbot: QtBot, opened: Opened, context: Context, tmp_path: Path, services: Services):
    path = tmp_path / "douyin.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("昵称,抖音号,粉丝数,城市,类目\n")
        file.writelines(f"达人{at},dy_{at},{at},杭州,美食\n" for at in range(250_000))
    before = content(services)
    wizard = opened(path)
    until(qtbot, wizard, "checked")
    phases: list[str] = []
    context.tasks.progressed.connect(lambda task: phases.append(task.phase))
    wizard.take()
    qtbot.waitUntil(lambda: "upsert" in phases, timeout=LONG)
    asked = time.monotonic()
    qtbot.mouseClick(wizard._stop, Qt.MouseButton.LeftButton)
    until(qtbot, wizard, "checked")
    assert time.monotonic() - asked < 5
    assert "没有写入" in wizard.says
    assert content(services) == before
    assert services.workspace.operations("import.")[0].summary["file"] == "creators.csv"


# ---------------------------------------------------------------- around it


def test_an_import_goes_on_behind_a_closed_window_and_says_so(qtbot: QtBot, opened: Opened, context: Context, tmp_path: Path, services: Services):
    wizard = opened(messy(tmp_path))
    until(qtbot, wizard, "checked")
    said: list[str] = []
    context.messages.toasted.connect(lambda note: said.append(note.text))
    wizard.take()
    wizard.close()
    assert wizard.isHidden()
    until(qtbot, wizard, "done")
    assert any("导入完成" in text for text in said)
    assert services.creators.count(Question(search="xhs_1")) == 1


def test_the_imported_creators_are_shown_in_the_roster(qtbot: QtBot, make_context: Callable[..., Context], tmp_path: Path, services: Services):
    gone: list[tuple[str, object]] = []
    base = make_context()
    context = type(base)(**{**{name: getattr(base, name) for name in base.__slots__}, "go": lambda page, what: gone.append((page, what))})
    wizard: Any = ImportWizard(context, messy(tmp_path))
    until(qtbot, wizard, "checked")
    wizard.take()
    until(qtbot, wizard, "done")
    wizard.show_creators()
    qtbot.waitUntil(lambda: bool(gone), timeout=LONG)
    page, where = gone[0]
    assert page == "creators"
    assert {row.name for row in services.creators.page(Question(where=str(where)))} == {"甲", "丙"}


def test_pasted_rows_take_the_same_way_and_their_file_goes_away(qtbot: QtBot, context: Context, services: Services):
    preview: Any = PastePreview(context, "昵称\t平台\t账号\t粉丝数\n桃子测评\t抖音\ttaozi\t190万\n新人\t抖音\tnew_1\t300\n")
    preview.show()
    until(qtbot, preview, "checked")
    cells = {(change.field, change.before, change.after) for change in preview.report.changes}
    assert ("followers", 1_820_000, 1_900_000) in cells
    preview.take()
    until(qtbot, preview, "done")
    assert services.creators.page(Question(search="taozi"))[0].followers == 1_900_000
    folder = Path(preview._folder.name)
    assert folder.is_dir()
    preview.close()
    assert not folder.exists()


ORDERS = """\
订单号,商品名称,实付金额,付款时间,平台,达人ID
A1,面霜,120.50,2026-05-01 10:00:00,抖音,taozi_uid
A2,面霜,80,2026-05-02 10:00:00,抖音,nobody_knows
A3,面霜,,明天,抖音,taozi_uid
"""


def test_a_table_of_orders_is_recognised_checked_and_taken_in(qtbot: QtBot, opened: Opened, tmp_path: Path, services: Services):
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS, "utf-8")
    before = services.workspace.info().content_hash
    wizard = opened(path)
    until(qtbot, wizard, "checked")
    assert wizard.options.kind_chosen == "sales"
    assert not wizard.options.key[1].isVisible()
    assert (wizard.report.kind, wizard.report.read, wizard.report.inserted) == ("sales", 3, 0)  # nobody knows whose they are
    wizard.options.leads.setChecked(True)
    wizard.check()
    until(qtbot, wizard, "checked")
    assert wizard.report.inserted == 2
    assert {one.row for one in wizard._rejects.rows} == {4}
    assert services.workspace.info().content_hash == before
    wizard.take()
    until(qtbot, wizard, "done")
    assert services.workspace.info().counts["sales"] == 2
    wizard.undo()
    until(qtbot, wizard, "undone")
    assert services.workspace.info().content_hash == before


def test_a_kind_that_the_user_settles_holds_and_says_what_its_rows_need(qtbot: QtBot, opened: Opened, tmp_path: Path):
    wizard = opened(messy(tmp_path))
    until(qtbot, wizard, "checked")
    wizard.options.choose_kind("costs")
    qtbot.waitUntil(lambda: wizard.state == "mapping", timeout=LONG)
    assert wizard.options.kind_chosen == "costs"
    assert "金额" in wizard.says
    assert not wizard._check.isEnabled()


def test_the_reading_of_an_earlier_table_is_taken_over(qtbot: QtBot, opened: Opened, tmp_path: Path, services: Services):
    first, second = tmp_path / "一.csv", tmp_path / "二.csv"
    first.write_text("暗号,叫啥,粉,杂\nk_1,甲,100,1\n", "utf-8")
    second.write_text("杂,暗号,叫啥,粉\n2,k_2,乙,300\n", "utf-8")
    wizard = opened(first)
    for column, field in enumerate(("handle", "name", "followers", "")):
        wizard.choose_field(column, field)
    wizard.options.choose_platform("kuaishou")
    wizard.check()
    until(qtbot, wizard, "checked")
    wizard.take()
    until(qtbot, wizard, "done")
    again = opened(second)
    until(qtbot, again, "checked")
    assert "一.csv" in again._facts.text()
    assert again.request(dry_run=True).mapping == {"handle": "2", "name": "3", "followers": "4"}
    again.take()
    until(qtbot, again, "done")
    row = services.creators.page(Question(search="k_2"))[0]
    assert (row.name, row.followers, row.platforms) == ("乙", 300, ("kuaishou",))


def test_only_a_single_table_can_be_dropped(tmp_path: Path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(messy(tmp_path)))])
    assert dropped_file(mime) == tmp_path / "小红书达人.csv"
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "gone.csv"))])
    assert dropped_file(mime) is None
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "小红书达人.csv"))] * 2)
    assert dropped_file(mime) is None
    mime.setUrls([QUrl("https://example.com/a.csv")])
    assert dropped_file(mime) is None


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_every_control_has_a_name_and_nothing_is_wider_than_a_small_screen(qtbot: QtBot, make_context: Callable[..., Context], language: str):
    context = make_context(language)
    wizard: Any = picture(context)
    wizard.resize(1260, 740)
    wizard.show()
    until(qtbot, wizard, "checked")
    controls = [*wizard.findChildren(QComboBox), *wizard.findChildren(QLineEdit), *wizard.findChildren(QTableView)]
    assert all(control.accessibleName() for control in controls if control.isVisible())
    assert wizard.minimumSizeHint().width() <= 1280
    assert wizard.minimumSizeHint().height() <= 800
    texts = [label.text() for label in wizard.findChildren(QLabel)]
    assert not [text for text in texts if text.startswith(("import.", "report.", "warning.", "field."))]
    wizard.close()
