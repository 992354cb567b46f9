# SPDX-License-Identifier: Apache-2.0
"""The credit page as people use it: whom to look at, why, what was known then, and decisions in batches with their due process."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, TypeVar

import pytest
from PySide6.QtCore import QDate, QSettings, Qt
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLabel, QLineEdit, QPlainTextEdit, QWidget

from app.events import CreatorsChanged
from app.rules.rating.asked import CreditAsked
from app.rules.rating.explain import Standing
from app.rules.rating.sanctions import State
from app.usecases.creators import Question
from app.values import DAY, Actor, CreditGrade, local
from sync.compose import opener
from tests.widgets.tables.conftest import press
from widgets.dialogs.credit_appeal import FileAppeal
from widgets.dialogs.credit_decision import Decision
from widgets.dialogs.credit_event import AddEntry
from widgets.dialogs.credit_pictures import waterfall
from widgets.pages.rating import RatingPage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

    from app.services import Services
    from widgets.messages import Note
    from widgets.page import Context

_D = TypeVar("_D", bound=QWidget)


@pytest.fixture(autouse=True)
def _own_looks(tmp_path: object) -> None:
    """Looks of tables are kept in the test's folder."""
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path))


@pytest.fixture
def colleague(services: Services) -> Iterator[Services]:
    """The same workspace as somebody else works on it, with a season of conduct filed under that name."""
    other = opener()(services.ref, Actor("老周"))
    now = time.time_ns() // 1000
    by_name = {row.name: row.id for row in other.creators.page(Question(), 10)}

    def enter(name: str, kind: str, days: int, *, confirm: bool = True) -> None:
        added = other.rating.add_event(by_name[name], kind, now - days * DAY, "聊天记录")
        if confirm:
            other.rating.confirm_event(added.id, "属实")

    for at in range(10, 130, 10):
        enter("小满日记", "posted_on_time", at)
        enter("小满日记", "approved_first_pass", at)
    enter("桃子测评", "fake_review", 5)
    enter("阿泽装机", "cancelled_by_creator", 40)
    enter("阿泽装机", "posted_late", 2, confirm=False)
    enter("老陈探店", "slow_reply", 1, confirm=False)
    yield other
    other.close()


@pytest.fixture
def open_page(qtbot: QtBot, colleague: Services) -> Callable[..., RatingPage]:
    """Open the page over a context and wait until it is full."""
    del colleague

    def opened(context: Context, argument: object = None) -> RatingPage:
        page = RatingPage(context)
        qtbot.addWidget(page)
        context.tasks.announced.connect(page.changed)
        page.resize(1160, 700)
        page.show()
        page.shown(argument)
        qtbot.waitUntil(page.settled, timeout=20_000)
        return page

    return opened


@pytest.fixture
def page(open_page: Callable[..., RatingPage], context: Context) -> RatingPage:
    return open_page(context)


@pytest.fixture
def notes(context: Context) -> list[Note]:
    """What was told in passing."""
    heard: list[Note] = []
    context.messages.toasted.connect(heard.append)
    return heard


def names(page: RatingPage) -> list[str]:
    return [record.row.name for at in range(page.model.rowCount()) if (record := page.model.record(at)) is not None]


def dialog(qtbot: QtBot, page: RatingPage, kind: type[_D]) -> _D:
    qtbot.waitUntil(lambda: any(one.isVisible() for one in page.findChildren(kind)))
    return next(one for one in page.findChildren(kind) if one.isVisible())


def decide(qtbot: QtBot, page: RatingPage, reason: str = "查实", says: str = "") -> Decision:
    """Give the reason that a decision asks for, and wait until all is shown; ``says`` stands in what is said before."""
    asked = dialog(qtbot, page, Decision)
    assert any(says in label.text() for label in asked.findChildren(QLabel))
    assert not asked.button.isEnabled(), "no decision without a reason"
    asked.reason.setPlainText(reason)
    asked.button.click()
    qtbot.waitUntil(lambda: not page.context.tasks.busy() and page.settled(), timeout=20_000)
    return asked


def look_at(qtbot: QtBot, page: RatingPage, part: str) -> None:
    page.shown(part)
    qtbot.waitUntil(page.settled, timeout=20_000)


def follow(qtbot: QtBot, page: RatingPage, name: str) -> int:
    """Point at a creator and wait for the panel."""
    found = next(record.id for at in range(page.model.rowCount()) if (record := page.model.record(at)) is not None and record.row.name == name)
    page.table.go_to(found)
    qtbot.waitUntil(lambda: page.panel.creator_id == found and page.settled(), timeout=20_000)
    return int(found)


# ---------------------------------------------------------------- whom to look at


def test_who_has_the_worst_grade_comes_first_and_stands_in_depth_beside(page: RatingPage) -> None:
    assert names(page)[0] == "桃子测评"
    assert page.panel.shown is not None
    assert page.panel.shown.name == "桃子测评"
    assert "非征信" in page.summary()
    assert "有评级 3 / 6 位" in page.summary()
    assert "待处理 3 件" in page.summary()
    assert [page.tabs.tabText(at) for at in range(4)] == ["达人", "待确认记录  2", "处置  1", "申诉"]
    weakest = next(column for column in page.model.columns if column.key == "weakest")
    assert weakest.text(page.model.record(0), page.context.labels).startswith("真实 −")


def test_grades_are_counted_and_filter_as_text_that_can_be_edited(qtbot: QtBot, page: RatingPage) -> None:
    chips = {grade: chip.text().split() for grade, chip in page.chips.items()}
    assert chips[None] == ["全部", "6"]
    assert (chips[CreditGrade.D], chips[CreditGrade.A], chips[CreditGrade.N]) == (["D", "2"], ["A", "1"], ["N", "3"])
    page.chips[CreditGrade.D].click()
    qtbot.waitUntil(page.settled)
    assert page.filter.where == "credit_grade in (D)"
    assert set(names(page)) == {"桃子测评", "阿泽装机"}
    page.chips[CreditGrade.A].click()
    qtbot.waitUntil(lambda: page.settled() and len(names(page)) == 3)
    assert page.picked() == {CreditGrade.A, CreditGrade.D}
    assert page.chips[None].text().split() == ["全部", "6"], "the counts are of those found without the choice of grades"
    page.chips[CreditGrade.D].click()
    qtbot.waitUntil(lambda: page.settled() and names(page) == ["小满日记"])
    page.chips[None].click()
    qtbot.waitUntil(lambda: page.settled() and page.filter.where == "" and len(names(page)) == 6)
    page.filter.take("", "platform = douyin and credit_grade = D")
    page.ask()
    qtbot.waitUntil(lambda: page.settled() and names(page) == ["桃子测评"])
    assert page.chips[CreditGrade.D].isChecked()
    assert page.chips[None].text().split() == ["全部", "1"]


def test_an_empty_answer_says_what_next(qtbot: QtBot, page: RatingPage) -> None:
    page.filter.take("没有这个人", "")
    page.ask()
    qtbot.waitUntil(lambda: page.settled() and page.model.rowCount() == 0)
    said, actions = page.table.empty()
    assert said
    actions[0].trigger()
    qtbot.waitUntil(lambda: page.settled() and page.model.rowCount() == 6)


def test_the_panel_opens_and_closes_by_keyboard(qtbot: QtBot, page: RatingPage) -> None:
    page.table.setFocus()
    press(qtbot, page.table, Qt.Key.Key_Space)
    assert not page.panel.isVisible()
    press(qtbot, page.table, Qt.Key.Key_Space)
    assert page.panel.isVisible()
    press(qtbot, page.table, Qt.Key.Key_Escape)
    assert not page.panel.isVisible()
    page.focus_filter()
    assert page.filter.search_field.hasFocus()


# ---------------------------------------------------------------- why


def test_the_word_the_loss_and_the_way_up_are_told(qtbot: QtBot, page: RatingPage) -> None:
    follow(qtbot, page, "阿泽装机")
    found = page.context.services.rating.credit(page.panel.creator_id or 0).explanation
    said = "\n".join(label.text() for label in page.panel.findChildren(QLabel))
    assert f"{found.grade.code}  {found.score} 分" in said
    assert "达人取消合作" in said
    assert "减半" in said
    assert found.next_best is not None
    assert f"可到 {found.next_best.score} 分" in said
    waterfall = page.panel.waterfall
    assert f"信用分 {found.score}" in waterfall.accessibleDescription()
    drawn = waterfall.drawn
    assert drawn is not None
    assert [row[0] for row in drawn.rows] == ["满分", "履约", "合规", "真实", "配合", "信用分"]
    assert round(sum(row[1] for row in drawn.rows[:-1])) == found.score  # type: ignore[misc]


def test_a_running_cap_is_told_and_stands_beside_the_score_that_it_holds(qtbot: QtBot, page: RatingPage) -> None:
    follow(qtbot, page, "桃子测评")
    shown, picture = page.panel.shown, page.panel.waterfall
    assert shown is not None
    assert "「虚假评价」使信用等级最高为 C" in "\n".join(label.text() for label in page.panel.findChildren(QLabel) if label.isVisible())
    assert picture.drawn is not None
    assert not any("封顶" in hit.text for hit in picture.drawn.hits), "the score alone gives less"
    held = replace(shown.explanation, grade=CreditGrade.C)
    before = picture.drawn
    picture.show_figure(waterfall(held, page.context.labels))
    qtbot.waitUntil(lambda: picture.drawn is not before and picture.settled(), timeout=20_000)
    assert any("封顶 C" in hit.text for hit in picture.drawn.hits)


def test_every_entry_is_listed_with_what_it_does(qtbot: QtBot, page: RatingPage) -> None:
    follow(qtbot, page, "阿泽装机")
    told = {one.entry.type: one for one in page.panel.entries.rows}
    assert told["cancelled_by_creator"].effect is not None
    assert told["cancelled_by_creator"].effect < 0
    assert told["cancelled_by_creator"].left == pytest.approx(2 ** (-40 / 365), abs=0.002)
    assert (told["posted_late"].standing, told["posted_late"].effect) == (Standing.PROPOSED, None)
    assert "1 条待确认" in page.panel.tabs.tabText(1)


def test_the_score_of_a_past_day_is_shown_as_known_now_and_as_known_then(qtbot: QtBot, page: RatingPage) -> None:
    creator = follow(qtbot, page, "阿泽装机")
    day = local(time.time_ns() // 1000, "Asia/Shanghai").date() - timedelta(days=20)
    page.panel.day.setDate(QDate(day.year, day.month, day.day))
    qtbot.waitUntil(page.settled, timeout=20_000)
    services = page.context.services
    assert page.panel.shown is not None
    assert page.panel.shown.explanation.score == services.rating.credit(creator, CreditAsked(day, None)).explanation.score
    page.panel.known.click()
    qtbot.waitUntil(page.settled, timeout=20_000)
    then = services.rating.credit(creator, CreditAsked(day, day)).explanation
    assert page.panel.shown.explanation.score == then.score == 579, "nothing of it was recorded then"
    assert f"{day}" in "\n".join(label.text() for label in page.panel.findChildren(QLabel) if label.isVisible())
    page.panel.now.click()
    qtbot.waitUntil(page.settled, timeout=20_000)
    assert page.panel.asked == CreditAsked()
    assert page.panel.shown.explanation.score < 579


def test_the_one_control_alone_asks_about_a_day_that_is_over(qtbot: QtBot, page: RatingPage) -> None:
    page.panel.known.click()
    qtbot.waitUntil(page.settled, timeout=20_000)
    asked, today = page.panel.asked, local(time.time_ns() // 1000, "Asia/Shanghai").date()
    assert isinstance(asked.as_of, date)
    assert asked.as_of == asked.known_at == today.replace(day=1) - timedelta(days=1)


def test_the_course_is_drawn_month_by_month(qtbot: QtBot, page: RatingPage) -> None:
    follow(qtbot, page, "小满日记")
    page.panel.tabs.setCurrentIndex(2)
    qtbot.waitUntil(lambda: page.panel.course.drawn is not None and page.settled(), timeout=20_000)
    drawn = page.panel.course.drawn
    assert drawn is not None
    found = page.context.services.rating.score_history(page.panel.creator_id or 0)
    assert drawn.header[1] == "当时口径"
    assert [row[1] for row in drawn.rows] == [point.score for point in found]
    assert len(drawn.rows) == 13


# ---------------------------------------------------------------- entries


def test_entries_are_confirmed_in_a_batch_with_a_reason_and_taken_back(qtbot: QtBot, page: RatingPage, notes: list[Note]) -> None:
    look_at(qtbot, page, "events")
    assert page.events.view.selected_count() == 1, "the next one is at hand"
    page.events.view.selectAll()
    page._enable()
    page.confirm_action.trigger()
    asked = decide(qtbot, page)
    assert asked is not None
    waiting = page.context.services.rating.waiting
    qtbot.waitUntil(lambda: page.events.model.rowCount() == 0 and waiting().events == 0)
    assert notes[-1].text == "已确认 2 条信用记录"
    label, take_back = notes[-1].action  # type: ignore[misc]
    assert label == "撤销"
    take_back()
    qtbot.waitUntil(lambda: page.events.model.rowCount() == 2 and page.settled(), timeout=20_000)
    assert waiting().events == 2


def test_a_single_user_is_told_that_nobody_else_looked(qtbot: QtBot, page: RatingPage) -> None:
    look_at(qtbot, page, "events")
    page.ask_events(confirm=True)
    asked = dialog(qtbot, page, Decision)
    said = "\n".join(label.text() for label in asked.findChildren(QLabel))
    assert "单人文件" in said
    asked.reject()


def test_entries_of_the_panel_are_voided_from_there(qtbot: QtBot, page: RatingPage) -> None:
    creator = follow(qtbot, page, "桃子测评")
    page.panel.tabs.setCurrentIndex(1)
    page.panel.entries.view.selectRow(0)
    qtbot.waitUntil(page.panel.void.isEnabled)
    page.panel.void.trigger()
    decide(qtbot, page, "弄错了")
    found = page.context.services.rating.credit(creator)
    assert found.explanation.grade is CreditGrade.N
    qtbot.waitUntil(lambda: page.panel.shown is not None and page.panel.shown.explanation.grade is CreditGrade.N and page.settled(), timeout=20_000)
    assert "待确认记录  2" in page.tabs.tabText(1)


def test_ones_own_no_show_is_decided_told_before_and_marked_for_good(qtbot: QtBot, page: RatingPage) -> None:
    services = page.context.services
    creator = follow(qtbot, page, "老陈探店")
    services.rating.add_event(creator, "no_show")
    qtbot.waitUntil(lambda: page.settled() and "3" in page.tabs.tabText(1), timeout=20_000)
    look_at(qtbot, page, "events")
    page.events.view.selectAll()
    page.ask_events(confirm=True)
    decide(qtbot, page, says="自行裁定")
    assert services.rating.waiting().events == 0
    found = services.rating.credit(creator)
    assert [one.self_decided for one in found.entries.values() if one.type == "no_show"] == [True]


def test_an_entry_is_added_for_the_creator_at_hand(qtbot: QtBot, page: RatingPage) -> None:
    creator = follow(qtbot, page, "小满日记")
    page.add_action.trigger()
    form = dialog(qtbot, page, AddEntry)
    form.kind.setCurrentIndex(form.kind.findData("praised"))
    form.evidence.setText("店主来信")
    form.save()
    rating_ = page.context.services.rating
    qtbot.waitUntil(lambda: rating_.waiting().events == 3 and page.settled(), timeout=20_000)
    added = next(row for row in rating_.proposed() if row.type == "praised")
    assert (added.creator_id, added.evidence, added.filed_by) == (creator, "店主来信", "tester")


def test_an_entry_ahead_of_time_is_refused_in_the_form(qtbot: QtBot, page: RatingPage) -> None:
    follow(qtbot, page, "小满日记")
    page.add_entry()
    form = dialog(qtbot, page, AddEntry)
    form.at.setDateTime(form.at.dateTime().addDays(3))
    form.save()
    qtbot.waitUntil(form.complaint.isVisible)
    assert "不能晚于现在" in form.complaint.text()
    assert form.button.isEnabled()
    form.reject()


# ---------------------------------------------------------------- sanctions and appeals


def test_a_sanction_is_approved_by_its_verb_and_lifted_by_an_appeal(qtbot: QtBot, page: RatingPage, colleague: Services, notes: list[Note]) -> None:
    look_at(qtbot, page, "sanctions")
    page.approve_action.trigger()
    asked = dialog(qtbot, page, Decision)
    assert asked.button.text() == "批准：限制合作"
    decide(qtbot, page)
    services = page.context.services
    case = services.rating.sanctions()[0]
    assert (case.state, case.decided_by, case.reason) == (State.RUNNING, "tester", "查实")
    assert page.sanctions.model.rowCount() == 0
    page.every_sanction.click()
    qtbot.waitUntil(lambda: page.settled() and page.sanctions.model.rowCount() == 1, timeout=20_000)
    qtbot.waitUntil(page.challenge_action.isEnabled)
    colleague.rating.file_appeal("评价是真的", sanction_id=case.id)
    page.changed(CreatorsChanged())
    qtbot.waitUntil(lambda: page.settled() and "1" in page.tabs.tabText(3), timeout=20_000)
    look_at(qtbot, page, "appeals")
    page.uphold_action.trigger()
    decide(qtbot, page, "证据成立")
    qtbot.waitUntil(lambda: services.rating.sanctions()[0].state is State.LIFTED)
    qtbot.waitUntil(lambda: notes[-1].text.startswith("桃子测评 的申诉成立"))


def test_an_appeal_is_filed_from_the_entry_and_an_upheld_one_tells_what_followed(
    qtbot: QtBot, page: RatingPage, colleague: Services, notes: list[Note]
) -> None:
    creator = follow(qtbot, page, "桃子测评")
    page.panel.tabs.setCurrentIndex(1)
    page.panel.entries.view.selectRow(0)
    qtbot.waitUntil(page.panel.appeal.isEnabled)
    page.panel.appeal.trigger()
    form = dialog(qtbot, page, FileAppeal)
    assert "虚假评价" in form.target.currentText()
    assert not form.button.isEnabled()
    form.reason.setPlainText("评价是真的")
    form.save()
    qtbot.waitUntil(lambda: page.context.services.rating.waiting().appeals == 1 and page.settled(), timeout=20_000)
    look_at(qtbot, page, "appeals")
    page.ask_appeal(upheld=True)
    decide(qtbot, page, "证据成立", says="自行裁定")
    qtbot.waitUntil(lambda: page.context.services.rating.waiting().appeals == 0 and " → " in notes[-1].text, timeout=20_000)
    assert notes[-1].text.startswith("桃子测评 的申诉成立")
    assert colleague.rating.credit(creator).explanation.grade is CreditGrade.N


def test_a_case_is_decided_by_keyboard_alone(qtbot: QtBot, page: RatingPage) -> None:
    page.activateWindow()
    look_at(qtbot, page, "sanctions")
    qtbot.waitUntil(page.sanctions.view.hasFocus)
    press(qtbot, page.sanctions.view, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    asked = dialog(qtbot, page, Decision)
    qtbot.keyClicks(asked.reason, "ok")
    press(qtbot, asked.reason, Qt.Key.Key_Tab)
    button = asked.focusWidget()
    while button is not asked.button:
        press(qtbot, button, Qt.Key.Key_Tab)
        button = asked.focusWidget()
    press(qtbot, button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: page.context.services.rating.sanctions()[0].state is State.RUNNING)
    qtbot.waitUntil(lambda: not page.context.tasks.busy() and page.settled(), timeout=20_000)


def test_what_was_rejected_waits_no_more(qtbot: QtBot, page: RatingPage) -> None:
    look_at(qtbot, page, "sanctions")
    page.reject_action.trigger()
    decide(qtbot, page, "证据不足")
    assert page.context.services.rating.sanctions()[0].state is State.REJECTED
    qtbot.waitUntil(lambda: page.settled() and page.tabs.tabText(2) == "处置", timeout=20_000)


def test_everybody_is_rated_in_a_child_process(qtbot: QtBot, page: RatingPage, notes: list[Note]) -> None:
    page.rate_action.trigger()
    qtbot.waitUntil(lambda: any("评分 6 位达人" in note.text for note in notes), timeout=60_000)


# ---------------------------------------------------------------- for everybody


def test_who_may_only_read_is_offered_nothing_to_write(qtbot: QtBot, open_page: Callable[..., RatingPage], make_context: Callable[..., Context]) -> None:
    page = open_page(make_context(read_only=True))
    look_at(qtbot, page, "sanctions")
    page.sanctions.view.selectAll()
    page._enable()
    writing = [action for action in page.actions() if action is not page.panel_action]
    assert not [action.text() for action in writing if action.isEnabled()]


def test_everything_can_be_named_by_a_screen_reader(qtbot: QtBot, page: RatingPage) -> None:
    for part in ("creators", "events", "sanctions", "appeals"):
        look_at(qtbot, page, part)
        for widget in page.findChildren(QWidget):
            if not isinstance(widget, QAbstractButton | QAbstractItemView | QAbstractSpinBox | QComboBox | QLineEdit | QPlainTextEdit):
                continue
            inner = isinstance(widget.parent(), QLineEdit | QAbstractSpinBox | QComboBox)
            if inner or widget.objectName().startswith("qt_") or type(widget).__name__ == "QTableCornerButton" or not widget.isVisible():
                continue
            assert widget.accessibleName() or getattr(widget, "text", str)(), (part, widget)


def test_in_english_nothing_chinese_is_left(qtbot: QtBot, open_page: Callable[..., RatingPage], make_context: Callable[..., Context]) -> None:
    page = open_page(make_context(language="en"))
    for part in ("creators", "events", "sanctions", "appeals"):
        look_at(qtbot, page, part)
    titles = [str(column.title_key) for listing in (page.events, page.sanctions, page.appeals) for column in listing.model.columns]
    own = [page.context.labels(key) for key in titles]
    shown = [page.summary(), *own, *(action.text() for action in page.actions()), *(label.text() for label in page.findChildren(QLabel))]
    names_ = names(page)
    assert not [text for text in shown if text not in names_ and any("\u4e00" <= sign <= "\u9fff" for sign in text)]


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_a_past_day_leaves_every_button_its_words(
    qtbot: QtBot, open_page: Callable[..., RatingPage], make_context: Callable[..., Context], language: str
) -> None:
    page = open_page(make_context(language=language))  # as wide as in a window of 1280
    page.panel.known.click()
    qtbot.waitUntil(page.settled, timeout=20_000)
    for button in page.panel.findChildren(QAbstractButton):
        if button.isVisible() and button.text():
            assert button.width() >= button.sizeHint().width(), button.text()
    for label in page.panel.findChildren(QLabel):
        if label.isVisible() and label.wordWrap():
            assert label.heightForWidth(label.width()) <= label.height() + 1, label.text()
