# SPDX-License-Identifier: Apache-2.0
"""What a role may not do is greyed in the window, and its tooltip says why; the status bar names the role."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from app.rules.rights import Rights

if TYPE_CHECKING:
    from collections.abc import Callable

    from widgets.application import Application
    from widgets.pages.creators import CreatorsPage
    from widgets.pages.rating import RatingPage

_OFF = {
    "operator": {"file.backup"},
    "reviewer": {"file.import", "file.backup", "sync.now"},
    "manager": {"file.backup"},
    "finance": {"file.import", "file.backup", "edit.undo", "edit.redo", "sync.now"},
    "admin": {"file.import", "sync.now"},
    "auditor": {"file.import", "file.backup", "edit.undo", "edit.redo", "sync.now"},
    "owner": set(),
}


@pytest.mark.parametrize("role", _OFF)
def test_commands_follow_the_role(make_desk: Callable[..., Application], role: str):
    window = _as(make_desk(), role).window
    watched = {"file.import", "file.export", "file.backup", "edit.undo", "edit.redo", "sync.now"}
    off = {key for key in watched if not window.commands[key].isEnabled()}
    assert off == _OFF[role]
    assert all(window.commands[key].toolTip().startswith(_word(role)) for key in off)
    assert window._who.text() == f"li · {_word(role)}"


def test_pages_of_a_reviewer(make_desk: Callable[..., Application]):
    window = _as(make_desk(), "reviewer").window
    window.go("creators")
    creators = cast("CreatorsPage", window.page)
    assert not creators.add_action.isEnabled()
    assert "审核" in creators.add_action.toolTip()
    assert creators.export_action.isEnabled()
    assert creators.model.read_only
    window.go("rating")
    rating = cast("RatingPage", window.page)
    assert rating.add_action.isEnabled()


def test_pages_of_an_operator(make_desk: Callable[..., Application]):
    window = _as(make_desk(), "operator").window
    window.go("rating")
    rating = cast("RatingPage", window.page)
    assert rating.add_action.isEnabled()
    assert not rating.confirm_action.isEnabled()
    assert "运营" in rating.confirm_action.toolTip()


def test_one_person_sees_no_role(make_desk: Callable[..., Application]):
    window = make_desk().window
    assert not window._who.toolTip()
    assert window.commands["file.backup"].isEnabled()


def _as(desk: Application, role: str) -> Application:
    """The same workspace as a team would show it to somebody."""
    assert desk._opened is not None
    desk.window.show_workspace(replace(desk._opened.services, rights=Rights("li", role)))
    desk.wait()
    return desk


def _word(role: str) -> str:
    return {
        "operator": "运营", "reviewer": "审核", "manager": "项目负责人", "finance": "财务", "admin": "管理员", "auditor": "审计（只读）", "owner": "数据库所有者",
    }[role]  # fmt: skip
