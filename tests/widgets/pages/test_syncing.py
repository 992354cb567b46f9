# SPDX-License-Identifier: Apache-2.0
"""The Sync page over a real workspace and an emulated platform: connect, sign in, pull, look, settle, plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.jobs import Quiet
from sync.secrets import kept
from tests.emulators.brand import Brand
from tests.emulators.oceanengine import OceanEngine
from widgets.dialogs.connection import Connect, SignIn
from widgets.frame.clockwork import Clockwork
from widgets.pages.syncing import SyncingPage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

    from app.services import Services
    from widgets.page import Context

ORDERS = "/open_api/2/star/order/list_by_campaign/"
INFO = "/open_api/2/star/order/get_info/"


@pytest.fixture
def engine() -> Iterator[OceanEngine]:
    """A brand with thirty orders."""
    with OceanEngine(Brand(11, 30, per_campaign=10)) as server:
        yield server
        assert not server.violations


@pytest.fixture(autouse=True)
def own_secrets(services: Services) -> Iterator[None]:
    """Secrets stay in this process, and end with the test."""
    services.syncing.keep_in("session")
    yield
    kept.cache_clear()


def connect(services: Services, engine: OceanEngine, name: str = "星图") -> None:
    """Connect and sign in, as another program would."""
    services.syncing.add("oceanengine", name, base_url=engine.base_url, app_id=engine.app_id, secret=engine.secret)
    _, state = services.syncing.by_hand(name)
    services.syncing.exchange(name, engine.code(), state)


def shown(page: SyncingPage, qtbot: QtBot) -> SyncingPage:
    """A page that has read everything."""
    qtbot.addWidget(page)
    page.resize(1200, 760)
    page.show()
    qtbot.waitUntil(page.settled, timeout=10_000)
    return page


def pull(page: SyncingPage, qtbot: QtBot) -> None:
    """Pull the chosen connection to its end."""
    page.sync(full=False)
    qtbot.waitUntil(lambda: page.idle and page.settled(), timeout=60_000)


def cells(listing: object, column: str) -> list[str]:
    """What a column of a table shows."""
    model = listing.model  # type: ignore[attr-defined]
    at = next(place for place, one in enumerate(model.columns) if one.key == column)
    return [model.index(row, at).data() for row in range(model.rowCount())]


def test_without_a_connection_the_page_says_what_it_is_for(context: Context, qtbot: QtBot):
    page = shown(SyncingPage(context), qtbot)
    assert not page.connections.view.isVisible()
    assert "0" in page.summary()


def test_a_platform_is_connected_and_signed_in_by_hand(context: Context, services: Services, engine: OceanEngine, qtbot: QtBot):
    dialog = Connect(context)
    qtbot.addWidget(dialog)
    dialog.platform.setCurrentIndex(dialog.platform.findData("oceanengine"))
    dialog.name.setText("品牌星图")
    dialog.app_id.setText(engine.app_id)
    dialog.secret.setText(engine.secret)
    dialog.other.setChecked(True)
    dialog.address.setText(engine.base_url)
    dialog.show()
    with qtbot.waitSignal(dialog.accepted, timeout=10_000):
        dialog.go.click()
    dialog.follow_up.reject()
    (one,) = services.syncing.connections()
    assert (one.name, one.state) == ("品牌星图", "new")
    sign_in = SignIn(context, one)
    qtbot.addWidget(sign_in)
    sign_in.show()
    sign_in.show_address()
    qtbot.waitUntil(lambda: sign_in.address.text().startswith(engine.base_url), timeout=10_000)
    assert engine.secret not in sign_in.address.text()
    sign_in.code.setText(engine.code())
    with qtbot.waitSignal(sign_in.connected, timeout=10_000):
        sign_in.confirm.click()
    assert services.syncing.connections()[0].state == "ok"


def test_a_wrong_code_is_told_in_the_dialog_and_nothing_is_signed_in(context: Context, services: Services, engine: OceanEngine, qtbot: QtBot):
    services.syncing.add("oceanengine", "星图", base_url=engine.base_url, app_id=engine.app_id, secret=engine.secret)
    dialog = SignIn(context, services.syncing.connections()[0])
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.code.setText("code-that-nobody-gave")
    dialog.confirm.click()
    qtbot.waitUntil(lambda: bool(dialog.says), timeout=10_000)
    assert services.syncing.connections()[0].state != "ok"


def test_a_pull_fills_the_page(context: Context, services: Services, engine: OceanEngine, qtbot: QtBot):
    connect(services, engine)
    page = shown(SyncingPage(context), qtbot)
    assert cells(page.connections, "state") == ["已授权"]
    assert cells(page.connections, "last") == ["从未同步"]
    pull(page, qtbot)
    assert set(cells(page.runs, "state")) == {"✓ 完成"}
    assert "30" in cells(page.runs, "received")
    assert "完成" in cells(page.connections, "last")[0]
    assert page.says.startswith("同步完成")
    assert services.workspace.info().counts["collaborations"] == 30


def test_a_cancelled_pull_keeps_what_was_finished(context: Context, services: Services, engine: OceanEngine, qtbot: QtBot):
    connect(services, engine)
    page = shown(SyncingPage(context), qtbot)
    engine.misbehave("silent", ORDERS, times=None)
    page.sync(full=False)
    qtbot.waitUntil(lambda: bool(engine.requests(ORDERS)), timeout=20_000)
    page.cancel()
    qtbot.waitUntil(lambda: page.idle and page.settled(), timeout=3_000)
    assert services.workspace.info().counts["campaigns"] > 0
    assert services.workspace.info().counts["collaborations"] == 0


def test_what_was_not_taken_and_what_changed_is_listed(context: Context, services: Services, engine: OceanEngine, qtbot: QtBot):
    connect(services, engine)
    engine.misbehave("retype", INFO, times=None, field="precise_task_cost", to="list")
    page = shown(SyncingPage(context), qtbot)
    pull(page, qtbot)
    assert cells(page.rejected, "reason")
    assert any("precise_task_cost" in one for one in cells(page.drift, "what"))
    assert "未接收" in page.says


@pytest.mark.parametrize("mine", [True, False])
def test_a_conflict_is_settled_either_way(context: Context, services: Services, engine: OceanEngine, qtbot: QtBot, mine: bool):
    connect(services, engine)
    services.syncing.run((), (), full=False, dry_run=False, job=Quiet())
    creator = next(iter(engine.brand.orders.values())).creator
    found = services.creators.find(f"douyin:{creator.id}")
    services.creators.edit([found], {"name": "我们叫的名字"})
    creator.name = "平台改的名字"
    engine.brand.version += 1
    services.syncing.run((), (), full=True, dry_run=False, job=Quiet())
    page = shown(SyncingPage(context), qtbot)
    assert (cells(page.conflicts, "mine"), cells(page.conflicts, "theirs")) == (["我们叫的名字"], ["平台改的名字"])
    page.conflicts.view.selectRow(0)
    page.resolve(mine=mine)
    qtbot.waitUntil(lambda: page.settled() and not cells(page.conflicts, "mine"), timeout=10_000)
    assert services.creators.rows([found])[0].name == ("我们叫的名字" if mine else "平台改的名字")


def test_offline_is_told_without_a_dialog(context: Context, services: Services, engine: OceanEngine, qtbot: QtBot):
    connect(services, engine)
    engine.close()
    page = shown(SyncingPage(context), qtbot)
    pull(page, qtbot)
    assert "✗ 失败" in cells(page.runs, "state")
    assert cells(page.connections, "state") == ["已授权"]
    assert page.says


def test_each_kind_of_data_has_an_interval_of_its_own(context: Context, services: Services, engine: OceanEngine, qtbot: QtBot):
    connect(services, engine)
    page = shown(SyncingPage(context), qtbot)
    page.set_interval(0)
    qtbot.waitUntil(lambda: page.settled() and set(cells(page.plan, "every")) == {"不自动"}, timeout=10_000)
    page.plan.view.selectRow(2)
    page.set_intervals(3600)
    qtbot.waitUntil(lambda: page.settled() and cells(page.plan, "every")[2] == "每 1 小时", timeout=10_000)
    assert {one.every_seconds for one in services.syncing.schedule()} == {0, 3600}


def test_what_is_due_is_pulled_by_itself(context: Context, services: Services, engine: OceanEngine, qtbot: QtBot):
    connect(services, engine)
    clockwork = Clockwork(context, context.tasks)
    said: list[str] = []
    clockwork.told.connect(said.append)
    clockwork.look()
    qtbot.waitUntil(lambda: {run.stream for run in services.syncing.runs()} >= {"bills"} and context.tasks.idle(), timeout=60_000)
    assert services.workspace.info().counts["collaborations"] == 30
    assert services.syncing.due() == []
    assert "完成" in said[-1]
    clockwork.deleteLater()


def test_a_read_only_workspace_is_looked_at_only(make_context: Callable[..., Context], services: Services, engine: OceanEngine, qtbot: QtBot):
    connect(services, engine)
    page = shown(SyncingPage(replace(make_context(), read_only=True)), qtbot)
    assert not any(action.isEnabled() for action in page.actions())
