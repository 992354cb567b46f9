# SPDX-License-Identifier: Apache-2.0
"""Today lists what waits for a person; every row and every bar leads to where it is dealt with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.files import ImportRequest
from app.usecases.creators import Question
from app.values import DAY, Actor, Stage, Tier, WorkspaceRef, local
from app.words import LANGUAGES
from sync.compose import now, opener
from widgets.dialogs.mates import TeamDialog
from widgets.pages.today import TodayPage
from widgets.tables.cards import Bar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from app.services import Services
    from widgets.page import Context


def build(context: Context, qtbot: QtBot) -> tuple[TodayPage, list[tuple[str, object]]]:
    went: list[tuple[str, object]] = []
    context = replace(context, go=lambda key, argument: went.append((key, argument)), act=lambda key: went.append(("act", key)))
    page = TodayPage(context)
    qtbot.addWidget(page)
    page.resize(1160, 740)
    page.show()
    qtbot.waitUntil(page.settled)
    return page, went


def texts(page: TodayPage) -> list[str]:
    return [line.what for line in page.list._lines.lines]


def press(page: TodayPage, text: str) -> None:
    """Choose a row of the work list and press Enter."""
    page.list.setCurrentIndex(page.list.model().index(texts(page).index(text), 1))
    QTest.keyClick(page.list, Qt.Key.Key_Return)


def test_the_roster_by_tier_and_stage_leads_to_its_creators(context: Context, qtbot: QtBot):
    page, went = build(context, qtbot)
    bars = {bar.text(): bar for bar in page.findChildren(Bar)}
    assert {"腰部", "尾部", "粉丝数未知", "线索", "合作中"} <= bars.keys()
    assert "2" in bars["线索"].accessibleName()
    QTest.keyClick(bars["线索"], Qt.Key.Key_Space)
    assert went == [("creators", Question(where="stage = lead"))]
    bars["粉丝数未知"].click()
    assert went[-1] == ("creators", Question(where='tier = ""'))


def test_what_waits_is_counted_as_the_filter_counts(context: Context, qtbot: QtBot):
    page, went = build(context, qtbot)
    creators = context.services.creators
    for text, where in (("2 位达人没有负责人", 'owner = ""'), ("1 位达人粉丝数未知", 'followers = ""')):
        press(page, text)
        assert went[-1] == ("creators", Question(where=where))
        assert creators.count(Question(where=where)) == int(text.split()[0])


def test_old_figures_and_ends_and_rejected_rows_are_tasks(context: Context, tmp_path: Path, qtbot: QtBot):
    services = context.services
    old = local(now() - 90 * DAY, "Asia/Shanghai").date()
    sheet = tmp_path / "旧数据.csv"
    sheet.write_text(f"平台,平台ID,账号,昵称,粉丝数,数据日期\n抖音,old-1,o1,旧账号,5000,{old}\n抖音,,,坏行,一二三,{old}\n", "utf-8")
    services.creators.import_file(ImportRequest(path=sheet))
    account = services.creators.rows([1])[0].accounts[0]
    services.rating.override(account.id, Tier.NANO, local(now(), "Asia/Shanghai").date() + timedelta(days=3), "试用")
    page, went = build(context, qtbot)
    found = texts(page)
    press(page, "1 个账号的粉丝数已过期")
    where = went[-1][1].where  # type: ignore[attr-defined]
    assert services.creators.count(Question(where=where)) == 1
    press(page, next(text for text in found if text.startswith("导入「旧数据.csv」有 1 行")))
    assert went.pop() == ("act", "edit.history")
    at = found.index("桃子测评 的手动量级即将到期")
    page.list.clicked.emit(page.list.model().index(at, 3))
    assert went[-1] == ("creators", ("creator", 1))
    assert page.list._lines.lines[at].when in {"3 天后", "4 天后"}


def test_what_changed_leads_to_its_rows(context: Context, qtbot: QtBot):
    services = context.services
    account = services.creators.rows([1])[0].accounts[0]
    services.rating.override(account.id, Tier.NANO, local(now(), "Asia/Shanghai").date() + timedelta(days=3), "试用")
    page, went = build(context, qtbot)
    assert page.changes.links["new_creators"].text() == "新增 6 位达人"
    for kind, ids in (("new_creators", [1, 2, 3, 4, 5, 6]), ("tier_moves", [1])):
        page.changes.links[kind].click()
        assert sorted(services.creators.ids(went[-1][1]).tolist()) == ids  # type: ignore[arg-type]


def test_whose_list_it_is(context: Context, qtbot: QtBot):
    context.services.creators.edit([3, 6], {"owner": "tester"})
    page, _ = build(context, qtbot)
    assert page.scope.name == "mine", "who looks after somebody begins with his own list"
    assert "1 位达人粉丝数未知" in texts(page)
    assert not any("没有负责人" in text for text in texts(page))
    page.scope.buttons["all"].click()
    qtbot.waitUntil(lambda: page.settled() and any("没有负责人" in text for text in texts(page)))
    again, _ = build(context, qtbot)
    assert again.scope.name == "all", "a choice is kept"


def test_a_team_is_asked_for_once(context: Context, qtbot: QtBot):
    context.tasks.announced.connect(lambda _: None)
    page, _ = build(context, qtbot)
    qtbot.waitUntil(lambda: bool(page._mates))
    page.scope.buttons["team"].click()
    qtbot.waitUntil(lambda: bool(page.findChildren(TeamDialog)))
    dialog = page.findChildren(TeamDialog)[0]
    assert not dialog.save.isEnabled()
    dialog.name.setText("华东组")
    items = [dialog.who.item(at) for at in range(dialog.who.count())]
    next(item for item in items if item.text() == "小林").setCheckState(Qt.CheckState.Checked)
    dialog.save.click()
    qtbot.waitUntil(lambda: page.settled() and page.scope.name == "team")
    assert context.services.today.mates() == ("tester", "小林")


def test_a_change_shows_without_being_asked(context: Context, qtbot: QtBot):
    page, _ = build(context, qtbot)
    context.tasks.announced.connect(page.changed)
    context.tasks.run(None, lambda: context.services.recruiting.move([4], Stage.ACTIVE), lane="write")
    qtbot.waitUntil(lambda: any(bar.text() == "合作中" and "2" in bar.accessibleName() for bar in page.findChildren(Bar)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_workspace_offers_the_import(make_context: Callable[..., Context], tmp_path: Path, qtbot: QtBot, language: str):
    empty = opener().create(WorkspaceRef(str(tmp_path / "empty.koc")), Actor("tester"))
    context = replace(make_context(language), services=empty)
    page, went = build(context, qtbot)
    assert all(button.isVisible() for button in page.steps.values())
    for button in page.steps.values():
        button.click()
    assert went == [("act", "file.import"), ("syncing", None), ("act", "file.sample")]
    empty.close()


def test_figures_of_the_store(services: Services):
    standing = services.today.standing()
    assert standing.creators == sum(standing.tiers.values()) == sum(standing.stages.values()) == 6
    assert standing.tiers[None] == 1
    assert sum(one.yes for one in standing.groups) == services.creators.count(Question(where='bookable = yes and group != ""'))
    assert standing.fresh.imported_at is not None
    assert standing.fresh.synced_at is None
