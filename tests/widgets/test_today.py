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
from app.usecases.workspace import DAY
from app.values import Actor, Stage, Tier, WorkspaceRef, local, moment
from app.words import LANGUAGES
from sync.compose import now, opener
from widgets.pages.today import Bar, TodayPage

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
        at = texts(page).index(text)
        page.list.setCurrentIndex(page.list.model().index(at, 0))
        QTest.keyClick(page.list, Qt.Key.Key_Return)
        assert went[-1] == ("creators", Question(where=where))
        assert creators.count(Question(where=where)) == int(text.split()[0])


def test_old_figures_and_moves_and_rejected_rows_are_listed(context: Context, tmp_path: Path, qtbot: QtBot):
    services = context.services
    old = local(now() - 90 * DAY, "Asia/Shanghai").date()
    sheet = tmp_path / "旧数据.csv"
    sheet.write_text(f"平台,平台ID,账号,昵称,粉丝数,数据日期\n抖音,old-1,o1,旧账号,5000,{old}\n抖音,,,坏行,一二三,{old}\n", "utf-8")
    services.creators.import_file(ImportRequest(path=sheet))
    account = services.creators.rows([1])[0].accounts[0]
    services.rating.override(account.id, Tier.NANO, local(now(), "Asia/Shanghai").date() + timedelta(days=3), "试用")
    page, went = build(context, qtbot)
    found = texts(page)
    assert "1 个账号的粉丝数已过期" in found
    assert any(text.startswith("导入「旧数据.csv」有 1 行") for text in found)
    assert "桃子测评 的手动量级即将到期" in found
    assert any(text.startswith("桃子测评：腰部 → 素人") for text in found), found
    page.list.doubleClicked.emit(page.list.model().index(found.index("1 个账号的粉丝数已过期"), 0))
    where = went[-1][1].where  # type: ignore[attr-defined]
    assert services.creators.count(Question(where=where)) == 1
    page.list.doubleClicked.emit(page.list.model().index(0, 0))
    assert went.pop() == ("act", "edit.history")
    page.list.clicked.emit(page.list.model().index(found.index("桃子测评 的手动量级即将到期"), 3))
    assert went[-1] == ("creators", ("creator", 1))


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
    assert page._do.isVisible()
    page._do.click()
    assert went == [("act", "file.import")]
    empty.close()


def test_figures_of_the_store(services: Services):
    today = services.workspace.today()
    assert today.creators == sum(today.tiers.values()) == sum(today.stages.values()) == 6
    assert today.tiers[None] == today.without_followers == 1
    assert today.without_owner == 2
    assert today.moves == ()
    assert moment(local(today.now, "UTC")) == today.now
