# SPDX-License-Identifier: Apache-2.0
"""Views are kept by name, for each workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from widgets.tables.saved_views import SavedViews

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from widgets.page import Context


def test_views_are_kept_shown_and_forgotten(qtbot: QtBot, context: Context):
    taken: list[dict[str, Any]] = []

    def made(workspace: str, where: str) -> SavedViews:
        views = SavedViews(context.labels, context.theme, "creators", workspace, lambda: {"where": where}, taken.append)
        qtbot.addWidget(views)
        return views

    one = made("a.koc", "tier = mid")
    one.save(" 腰部 & 复投 ")
    again = made("a.koc", "")
    assert list(again.views()) == ["腰部 & 复投"]
    again.show_view("腰部 & 复投")
    assert taken == [{"where": "tier = mid"}]
    assert again.text() == "腰部 && 复投", "an ampersand is no shortcut"
    assert made("b.koc", "").views() == {}, "another workspace has its own"
    again.delete("腰部 & 复投")
    assert made("a.koc", "").views() == {}
    assert again.current == ""


def test_the_menu_offers_what_can_be_done(qtbot: QtBot, context: Context):
    views = SavedViews(context.labels, context.theme, "creators", "a.koc", dict, lambda _: None)
    qtbot.addWidget(views)
    views._fill()
    assert [action.text() for action in views._menu.actions() if action.text()] == ["还没有保存的视图", "保存当前视图…"]
    views.save("我的")
    views._fill()
    assert "更新“我的”" in [action.text() for action in views._menu.actions()]
