# SPDX-License-Identifier: Apache-2.0
"""Bands are edited as numbers, tried before they count, and applied as a version with a reason."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from app.rules.rating.tiers import TierPolicy
from app.usecases.creators import Question
from app.values import Group, Tier
from widgets.dialogs.tiers import Draft, TierPolicies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from app.services import Services
    from widgets.page import Context

LONG = 120_000


@pytest.fixture
def dialog(qtbot: QtBot, context: Context) -> Iterator[Any]:
    """The dialog over the bands in force."""
    made = TierPolicies(context)
    made.show()
    qtbot.waitUntil(lambda: made.draft() is not None, timeout=LONG)
    yield made
    made.close()


def test_the_bands_in_force_survive_being_written_as_a_file(dialog: Any, services: Services):
    body = services.rating.policy().body
    draft = dialog.draft()
    assert Draft.of(body) == draft
    assert TierPolicy.parse(tomllib.loads(draft.toml())) == TierPolicy.parse(body)
    assert not dialog._apply.isEnabled()
    assert not dialog._preview.isEnabled()


def test_who_would_move_is_shown_and_nothing_is_written(qtbot: QtBot, dialog: Any, services: Services):
    before = services.workspace.info(with_hash=True).content_hash
    dialog.edges.set_edge("xiaohongshu", Tier.HEAD, "30万")  # 小满日记 has 326,000
    dialog.preview()
    qtbot.waitUntil(lambda: dialog.moves is not None, timeout=LONG)
    assert dialog.moves.changed == 1
    assert dialog.moves.matrix == {(Tier.MID, Tier.HEAD): 1}
    assert [(row.name, row.before, row.after) for row in dialog.moved.rows] == [("小满日记", Tier.MID, Tier.HEAD)]
    assert "1 个账号" in dialog.says
    assert services.workspace.info(with_hash=True).content_hash == before
    dialog.edges.set_edge("xiaohongshu", Tier.HEAD, "40万")
    assert dialog.moves is None  # what was shown is not what would be applied


def test_a_reason_is_asked_for_and_the_new_version_counts(qtbot: QtBot, context: Context, dialog: Any, services: Services):
    dialog.edges.set_edge("xiaohongshu", Tier.HEAD, "300,000")
    assert not dialog._apply.isEnabled()
    dialog.reason.setText("今年门槛放低")
    assert dialog._apply.isEnabled()
    dialog.apply()
    qtbot.waitUntil(lambda: len(dialog.versions.rows) == 2, timeout=LONG)
    newest = services.rating.policy()
    assert (newest.version, newest.reason, newest.by) == (2, "今年门槛放低", "tester")
    assert services.creators.page(Question(search="小满日记"))[0].tier is Tier.HEAD
    assert "v2" in dialog.says
    qtbot.waitUntil(context.tasks.idle, timeout=LONG)


@pytest.mark.parametrize("text", ["", "abc", "0", "-5", "1.5", "5000"])
def test_a_bound_that_is_none_is_marked_and_cannot_be_applied(dialog: Any, text: str):
    dialog.reason.setText("x")
    dialog.edges.set_edge("xiaohongshu", Tier.MID, text)  # tail begins at 10,000
    assert dialog.draft() is None
    assert "小红书" in dialog.says
    assert not dialog._apply.isEnabled()
    assert not dialog._preview.isEnabled()
    dialog.edges.set_edge("xiaohongshu", Tier.MID, "6万")
    assert dialog._apply.isEnabled()
    assert not dialog.says


def test_a_platform_of_its_own_starts_from_the_others(qtbot: QtBot, dialog: Any):
    dialog.edges._add("weibo")
    draft = dialog.draft()
    assert draft.edges["weibo"] == draft.edges["other"]
    dialog.edges._remove("weibo")
    assert "weibo" not in dialog.draft().edges
    del qtbot


def test_banding_now_says_that_all_is_well(qtbot: QtBot, context: Context, dialog: Any):
    dialog.band()
    qtbot.waitUntil(lambda: dialog.moves is not None, timeout=LONG)
    assert dialog.moves.changed == 0
    assert dialog.says
    qtbot.waitUntil(context.tasks.idle, timeout=LONG)


def test_groups_of_a_platform_of_its_own_start_from_the_others_and_count(qtbot: QtBot, context: Context, dialog: Any, services: Services):
    dialog.edges._add_groups("weibo")
    assert dialog.draft().groups["weibo"] == dialog.draft().groups["other"]
    combo = dialog.edges._groups["weibo"][int(Tier.NANO)]
    combo.setCurrentIndex(combo.findData("kol"))
    dialog.reason.setText("微博素人也按 KOL 对接")
    dialog.apply()
    qtbot.waitUntil(lambda: len(dialog.versions.rows) == 2, timeout=LONG)
    assert TierPolicy.parse(services.rating.policy().body).groups["weibo"][Tier.NANO] is Group.KOL
    qtbot.waitUntil(context.tasks.idle, timeout=LONG)
    dialog.edges._remove_groups("weibo")
    assert "weibo" not in dialog.draft().groups
    assert "weibo" not in dialog.draft().edges
