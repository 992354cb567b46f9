# SPDX-License-Identifier: Apache-2.0
"""The ROI page as people use it: the word first, the interval, a target, groups, orders, pictures, and what cannot be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from app.files import ImportRequest
from app.rules.rating.value import Word
from widgets.pages.roi import RoiPage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.services import Services
    from widgets.page import Context

PEOPLE = """platform,platform_uid,name,followers,category,coupon
xiaohongshu,u1,春一测评,5000,美妆,KOC1
xiaohongshu,u2,夏二日记,5000,美妆,KOC2
xiaohongshu,u3,秋三探店,5000,美妆,KOC3
xiaohongshu,u4,冬四生活,5000,美妆,KOC4
xiaohongshu,u5,纯佣小五,5000,美妆,KOC5
"""
SALES = {1: [30_000, 50_000, 120_000, 40_000], 2: [], 3: [60_000] * 25, 4: [90_000]}
COSTS = {1: (100_000, 20_000), 2: (50_000, 0), 3: (200_000, 150_000), 4: (80_000, 9_000)}
CONTENTS = """platform,content_id,platform_uid,title,published_at,as_of,impressions,clicks
xiaohongshu,c1,u1,好物,2026-06-01,2026-06-08,10000,200
xiaohongshu,c2,u3,探店,2026-06-01,2026-06-08,30000,
"""


@pytest.fixture(autouse=True)
def _own_looks(tmp_path: Path) -> None:
    """Looks of tables are kept in the test's folder."""
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "looks"))


@pytest.fixture
def sold(services: Services, tmp_path: Path) -> Services:
    """The worked example of the rules, a creator who works for commission alone, and an order that nobody brought."""

    def take(kind: str, text: str) -> None:
        path = tmp_path / f"{kind}.csv"
        path.write_text(text, "utf-8")
        request = ImportRequest(path, kind=kind)
        report = services.creators.import_file(request) if kind == "creators" else services.facts.import_file(request)
        assert not report.rejected, report

    take("creators", PEOPLE)
    lines = [f"{uid}{at},u{uid},,2026-06-{at + 1:02d} 12:00:00,{fen},0,,茶" for uid, fens in SALES.items() for at, fen in enumerate(fens)]
    lines += ["51,,KOC5,2026-07-02 12:00:00,80000,0,8000,饼", "61,,,2026-07-03 12:00:00,700,0,30,"]
    take("sales", "order_id,platform_uid,coupon,paid_at,amount_fen,refund_fen,commission_fen,product\n" + "\n".join(lines))
    costs = [f"f{uid},u{uid},fee,{fixed},2026-06-01\nc{uid},u{uid},commission,{variable},2026-06-01" for uid, (fixed, variable) in COSTS.items()]
    take("costs", "cost_id,platform_uid,kind,amount_fen,incurred_at\n" + "\n".join(costs))
    take("contents", CONTENTS)
    return services


@pytest.fixture
def open_page(qtbot: QtBot) -> Callable[..., RoiPage]:
    """Open the page over a context and wait until it is full."""

    def opened(context: Context, argument: object = None) -> RoiPage:
        page = RoiPage(context)
        qtbot.addWidget(page)
        context.tasks.announced.connect(page.changed)
        page.resize(1280, 760)
        page.show()
        page.shown(argument)
        qtbot.waitUntil(page.settled, timeout=20_000)
        return page

    return opened


@pytest.fixture
def page(sold: Services, open_page: Callable[..., RoiPage], context: Context) -> RoiPage:
    del sold
    return open_page(context)


def names(page: RoiPage) -> list[str]:
    rows = [page.model.record(at) for at in range(page.model.rowCount())]
    return [row.person.name for row in rows if row is not None]


def cell(page: RoiPage, row: int, key: str, role: int = Qt.ItemDataRole.DisplayRole) -> str:
    at = next(one for one, column in enumerate(page.model.columns) if column.key == key)
    return str(page.model.index(row, at).data(role) or "")


def choose(page: RoiPage, qtbot: QtBot, by: str) -> None:
    page.controls.by.setCurrentIndex(page.controls.by.findData(by))
    page.controls.by.activated.emit(page.controls.by.currentIndex())
    qtbot.waitUntil(page.settled, timeout=20_000)


def set_target(page: RoiPage, qtbot: QtBot, text: str) -> None:
    page.controls.target.setText(text)
    QTest.keyClick(page.controls.target, Qt.Key.Key_Return)
    qtbot.waitUntil(page.settled, timeout=20_000)


def said(page: RoiPage) -> str:
    return "\n".join(label.text() for label in page.panel.findChildren(QLabel) if label.isVisibleTo(page.panel))


def test_rows_stand_by_the_cautious_estimate_with_the_word_and_its_reason(page: RoiPage) -> None:
    assert names(page) == ["秋三探店", "春一测评", "冬四生活", "夏二日记", "纯佣小五"]
    assert [cell(page, at, "word") for at in range(5)] == ["复投", "观察", "观察", "停投", "观察"]
    tips = [cell(page, at, "word", Qt.ItemDataRole.ToolTipRole) for at in range(5)]
    assert "谨慎估计" in tips[0]
    assert "达不到保本" in tips[3]
    assert "纯佣" in tips[4]
    assert cell(page, 1, "interval") == "1.20–3.18"
    assert cell(page, 1, "interval", Qt.ItemDataRole.AccessibleTextRole) == "1.20–3.18"
    assert cell(page, 1, "p25") == "1:1.59"
    assert cell(page, 1, "above_break_even") == "71%"


def test_what_cannot_be_known_is_said_and_not_a_zero(page: RoiPage) -> None:
    assert cell(page, 4, "interval") == "纯佣，无区间"
    for key in ("p25", "above_break_even"):
        assert cell(page, 4, key) == "数据不足"
    assert cell(page, 4, "roas") == "1:10.00"


def test_the_line_of_figures_adds_up(page: RoiPage) -> None:
    parts = ["净成交额 ¥1.9万", "综合成本 ¥6,170.30", "净投产比 1:3.10", "未归因 ¥7.00", "毛利率 60%"]
    assert page.summary() == page.context.labels("list.dot").join(parts)


def test_money_of_another_currency_is_said_and_not_added(page: RoiPage, qtbot: QtBot, sold: Services, tmp_path: Path) -> None:
    before = page.summary()
    assert "其他币种" not in before
    abroad = tmp_path / "abroad.csv"
    abroad.write_text("order_id,paid_at,amount_fen,coupon,currency\nX1,2026-06-02,12345,KOC1,USD\nX2,2026-06-02,5,KOC1,JPY\n", "utf-8")
    sold.facts.import_file(ImportRequest(abroad, kind="sales"))
    qtbot.waitUntil(lambda: page.settled() and page.summary().endswith(" · 未计入其他币种：JPY 1 笔、USD 1 笔"), timeout=20_000)
    assert page.summary().startswith(before)
    assert (
        page._header.toolTip()
        == "未计入的其他币种：JPY 净成交额 0.05（1 笔）、佣金 0.00、费用 0.00（0 笔）；USD 净成交额 123.45（1 笔）、佣金 0.00、费用 0.00（0 笔）"
    )


def test_an_interval_is_painted_with_its_line(page: RoiPage) -> None:
    at = next(one for one, column in enumerate(page.model.columns) if column.key == "interval")
    page.table.scrollTo(page.model.index(0, at))
    picture: QPixmap = page.table.viewport().grab(page.table.visualRect(page.model.index(1, at)))
    image = picture.toImage()
    colours = {image.pixelColor(x, image.height() // 2).name() for x in range(image.width())}
    theme = page.context.theme
    assert theme.colour("accent").name() in colours  # the interval reaches over break-even both ways
    assert {image.pixelColor(x, 3).name() for x in range(image.width())} >= {theme.colour("text_muted").name()}


def test_a_target_gives_its_probability_and_may_change_the_word(page: RoiPage, qtbot: QtBot) -> None:
    hidden = next(one for one, column in enumerate(page.model.columns) if column.key == "above_target")
    assert page.table.isColumnHidden(hidden)
    set_target(page, qtbot, "1:5")
    assert not page.table.isColumnHidden(hidden)
    assert cell(page, 0, "above_target") in {"3%", "4%", "<1%", "1%", "2%"}
    assert cell(page, 0, "word") == "观察"
    assert "达标概率不到一半" in cell(page, 0, "word", Qt.ItemDataRole.ToolTipRole)
    set_target(page, qtbot, "五")
    assert page.controls.target.property("invalid") == "true"
    assert cell(page, 0, "word") == "观察"
    set_target(page, qtbot, "")
    assert page.table.isColumnHidden(hidden)
    assert cell(page, 0, "word") == "复投"


def test_words_and_filters_leave_some_and_say_how_many(page: RoiPage, qtbot: QtBot) -> None:
    page.controls.word.setCurrentIndex(page.controls.word.findData(int(Word.STOP)))
    page.controls.word.activated.emit(page.controls.word.currentIndex())
    qtbot.waitUntil(page.settled, timeout=20_000)
    assert names(page) == ["夏二日记"]
    page.clear_filter()
    page.filter.take("探店", "")
    page.filter.changed.emit()
    qtbot.waitUntil(page.settled, timeout=20_000)
    assert names(page) == ["秋三探店"]
    page.filter.take("没有这个人", "")
    page.filter.changed.emit()
    qtbot.waitUntil(page.settled, timeout=20_000)
    assert names(page) == []
    assert page.pictures["forest"].drawn is None


def test_any_column_sorts_everybody(page: RoiPage, qtbot: QtBot) -> None:
    page.table.sort_by(next(one for one, column in enumerate(page.model.columns) if column.key == "landed"))
    qtbot.waitUntil(page.settled, timeout=20_000)
    assert names(page) == ["秋三探店", "春一测评", "冬四生活", "夏二日记", "纯佣小五"]
    page.table.sort_by(next(one for one, column in enumerate(page.model.columns) if column.key == "p25"), descending=False)
    qtbot.waitUntil(page.settled, timeout=20_000)
    assert names(page) == ["夏二日记", "冬四生活", "春一测评", "秋三探店", "纯佣小五"]  # who has none stands last either way


def test_space_opens_the_depth_and_the_orders_are_one_step_away(page: RoiPage, qtbot: QtBot) -> None:
    page.table.setFocus()
    page.table.setCurrentIndex(page.model.index(1, 0))
    QTest.keyClick(page.table, Qt.Key.Key_Space)
    qtbot.waitUntil(page.settled)
    told = said(page)
    for part in ("春一测评", "观察", "1:1.20 到 1:3.18", "合作费", "¥1,000.00", "佣金", "¥200.00", "1:1.67"):
        assert part in told
    button = next(one for one in page.panel.findChildren(QPushButton) if one.text() == "看订单")
    button.click()
    qtbot.waitUntil(page.settled)
    orders = page.panel.orders.rows
    assert [one.credited_fen for one in orders] == [40_000, 120_000, 50_000, 30_000]  # the newest first
    assert orders[0].ties == ("platform",)
    QTest.keyClick(page.table, Qt.Key.Key_Escape)
    assert not page.panel_open


def test_an_order_that_only_a_code_ties_is_found_too(page: RoiPage, qtbot: QtBot) -> None:
    page.table.setCurrentIndex(page.model.index(4, 0))
    page.show_orders()
    qtbot.waitUntil(page.settled)
    assert [(one.order_id, one.credited_fen, one.ties) for one in page.panel.orders.rows] == [("51", 80_000, ("coupon",))]
    assert "¥80.00" in said(page)  # the commission that the order carried


def test_it_leads_on_to_the_creator(sold: Services, make_context: Callable[..., Context], open_page: Callable[..., RoiPage]) -> None:
    del sold
    context = make_context()
    gone: list[tuple[str, object]] = []
    object.__setattr__(context, "go", lambda key, argument: gone.append((key, argument)))
    page = open_page(context)
    page.go_to_creator()
    assert gone == [("creators", ("creator", page.model.id_at(0)))]


def test_groups_have_sums_and_lead_to_their_creators(page: RoiPage, qtbot: QtBot) -> None:
    choose(page, qtbot, "category")
    rows = page.groups.rows
    assert (rows[0].label, rows[0].figures.net_fen) == ("美妆", 1_910_000)
    assert all(row.figures.p10 is None for row in rows)
    hidden = next(one for one, column in enumerate(page.groups.model.columns) if column.key == "interval")
    assert page.groups.view.isColumnHidden(hidden)
    assert "没有自己的区间" in page.pictures["forest"].accessibleDescription()
    page.groups.view.setCurrentIndex(page.groups.model.index(0, 0))
    page.toggle_panel()
    next(one for one in page.panel.findChildren(QPushButton) if one.text() == "看这些达人").click()
    qtbot.waitUntil(page.settled, timeout=20_000)
    assert page.is_ranking
    assert len(names(page)) == 5
    assert "美妆" in page.filter.where


@pytest.mark.parametrize(("by", "label", "orders"), [("product", "茶", 30), ("month", "2026-06", 30), ("month", "2026-07", 2)])
def test_orders_of_a_group(page: RoiPage, qtbot: QtBot, by: str, label: str, orders: int) -> None:
    choose(page, qtbot, by)
    row = next(one for one in page.groups.rows if one.label == label)
    page.groups.view.go_to(row.id)
    page.show_orders()
    qtbot.waitUntil(page.settled)
    found = page.panel.orders.rows
    assert len(found) == orders
    assert sum(one.credited_fen for one in found) == row.figures.net_fen


def test_accounts_have_intervals_of_their_own(page: RoiPage, qtbot: QtBot) -> None:
    choose(page, qtbot, "account")
    assert page.groups.rows[0].figures.p10 is not None
    assert page.pictures["forest"].drawn is not None


def test_a_period_counts_only_what_happened_in_it(page: RoiPage, qtbot: QtBot) -> None:
    choose(page, qtbot, "month")
    page.groups.view.go_to(next(one.id for one in page.groups.rows if one.label == "2026-07"))
    page.toggle_panel()
    next(one for one in page.panel.findChildren(QPushButton) if one.text() == "看这些达人").click()
    qtbot.waitUntil(page.settled, timeout=20_000)
    assert names(page) == ["纯佣小五"]
    assert page.controls.since.isVisible()
    assert page.controls.since.date().toString("yyyy-MM-dd") == "2026-07-01"


def test_every_picture_says_its_main_figures_and_leads_to_rows(page: RoiPage, qtbot: QtBot) -> None:
    for at, (name, part) in enumerate((("forest", "秋三探店"), ("scatter", "保本线"), ("funnel", "曝光 4万（2 条内容）"), ("trend", "2026-07"))):
        page._tabs.setCurrentIndex(at)
        qtbot.waitUntil(page.settled, timeout=20_000)
        picture = page.pictures[name]
        assert picture.drawn is not None
        assert part in picture.accessibleDescription()
        assert picture.accessibleName()
    funnel = page.pictures["funnel"].drawn
    assert funnel is not None
    assert [row[1] for row in funnel.rows] == [40_000, 200, "", ""]
    assert "10,000" in next(hit.text for hit in funnel.hits if hit.key == "clicks")  # the content without clicks is no denominator
    assert "数据不足" in next(hit.text for hit in funnel.hits if hit.key == "orders")
    key = page.model.id_at(1)
    page.pictures["forest"].chosen.emit(key)
    qtbot.waitUntil(page.settled)
    assert page.table.current_id() == key
    assert page.panel_open
    page.pictures["trend"].chosen.emit(0.0)
    qtbot.waitUntil(page.settled, timeout=20_000)
    assert page.controls.by.currentData() == "month"
    assert page.panel.subject is not None
    assert page.panel.subject.key == "2026-06"


def test_rows_can_be_taken_to_a_spreadsheet_exactly(page: RoiPage, qtbot: QtBot) -> None:
    page.table.selectAll()
    page.table.copy()
    qtbot.waitUntil(lambda: "春一测评" in QGuiApplication.clipboard().text())
    line = next(one for one in QGuiApplication.clipboard().text().splitlines() if "春一测评" in one).split("\t")
    assert line[0] == "观察"
    assert "2400.00" in line
    assert "1.5907" in line


def test_a_change_shows_and_keeps_the_place(page: RoiPage, qtbot: QtBot, sold: Services, tmp_path: Path) -> None:
    page.table.setCurrentIndex(page.model.index(2, 0))
    here = page.table.current_id()
    (tmp_path / "more.csv").write_text("order_id,platform_uid,paid_at,amount_fen,refund_fen\nnew1,u2,2026-06-20 12:00:00,900000,0\n", "utf-8")
    sold.facts.import_file(ImportRequest(tmp_path / "more.csv", kind="sales"))
    qtbot.waitUntil(lambda: page.settled() and names(page)[0] == "夏二日记", timeout=20_000)
    assert cell(page, 0, "word") == "复投"
    assert page.table.current_id() == here


def test_an_empty_workspace_says_what_to_do(open_page: Callable[..., RoiPage], make_context: Callable[..., Context]) -> None:
    page = open_page(make_context("en", "dark"))
    assert page.model.rowCount() == 0
    assert "Import orders and costs" in page.table._panel.sentence
    assert page.pictures["forest"].accessibleDescription() == "No intervals to draw: not enough data, or commission only."
