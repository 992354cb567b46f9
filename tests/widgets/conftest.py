# SPDX-License-Identifier: Apache-2.0
"""A dressed application and a context over a real small workspace."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QCoreApplication, QEvent

from app.files import ImportRequest
from app.settings import Settings
from app.values import Actor, WorkspaceRef
from app.words import Words
from sync.compose import opener
from widgets import theme
from widgets.application import Application, Options
from widgets.labels import Labels
from widgets.messages import Messages
from widgets.page import Context
from widgets.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from app.services import Services

CREATORS = (
    # name, platform, uid, handle, followers, category, city, owner, stage, fee
    ("桃子测评", "douyin", "d-1", "taozi", 1_820_000, "美妆", "上海", "小林", "active", "12000"),
    ("小满日记", "xiaohongshu", "x-1", "xiaoman", 326_000, "母婴", "杭州", "小林", "contracted", "3500"),
    ("阿泽装机", "bilibili", "b-1", "aze", 48_200, "数码", "深圳", "老周", "trial", "1800"),
    ("老陈探店", "kuaishou", "k-1", "laochen", 9_100, "美食", "成都", "", "lead", "300"),
    ("Mia Travels", "instagram", "i-1", "mia.travels", 51_300, "travel", "Lisbon", "老周", "contacted", ""),
    ("不知名小号", "weibo", "w-1", "noname", "", "", "", "", "lead", ""),
)


def creators_file(path: Path) -> Path:
    """The creators above as a CSV file."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("昵称", "平台", "平台ID", "账号", "粉丝数", "类目", "城市", "负责人", "阶段", "报价"))
        writer.writerows(CREATORS)
    return path


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """An open workspace with a handful of creators."""
    made = opener().create(WorkspaceRef(str(tmp_path / "roster.koc")), Actor("tester"))
    mapping = dict(
        zip(
            ("name", "platform", "platform_uid", "handle", "followers", "category", "city", "owner", "stage", "fee_fen"),
            ("昵称", "平台", "平台ID", "账号", "粉丝数", "类目", "城市", "负责人", "阶段", "报价"),
            strict=True,
        )
    )
    made.creators.import_file(ImportRequest(path=creators_file(tmp_path / "creators.csv"), mapping=mapping))
    yield made
    made.close()


@pytest.fixture
def make_context(qtbot: QtBot, qapp: QApplication, services: Services, tmp_path: Path) -> Iterator[Callable[..., Context]]:
    """Contexts over the workspace: ``make_context(language="zh_CN", look="light")``."""
    del qtbot
    made: list[Context] = []

    def make(language: str = "zh_CN", look: str = "light", *, read_only: bool = False) -> Context:
        labels = Labels(Words(language), services.creators.zone)
        messages = Messages(labels)
        tasks = Tasks(opener(), services.ref, services.actor, messages)
        tasks.attach(services)
        context = Context(
            services,
            tasks,
            labels,
            theme.apply(qapp, look),
            messages,
            Settings(tmp_path / "settings.json"),
            go=lambda *_: None,
            act=lambda _: None,
            read_only=read_only,
        )
        made.append(context)
        return context

    yield make
    for context in made:
        assert context.tasks.close(10)
        context.tasks.deleteLater()


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    """A context in Chinese and light."""
    return make_context()


@pytest.fixture
def make_desk(qtbot: QtBot, qapp: QApplication, services: Services, tmp_path: Path) -> Iterator[Callable[..., Application]]:
    """Whole programs: ``make_desk(workspace, language="zh", look="light")``, shown and settled."""
    del qtbot
    services.close()
    made: list[Application] = []

    def make(workspace: str | None = str(tmp_path / "roster.koc"), language: str = "zh", look: str = "light", **others: object) -> Application:
        desk = Application(qapp, opener, Options(workspace, language, look, **others), Settings(tmp_path / "config" / "settings.json"))  # type: ignore[arg-type]
        made.append(desk)
        desk.start()
        desk.wait()
        return desk

    yield make
    for desk in made:
        desk.window.discard()
        assert desk.stop()
        desk.window.deleteLater()
        desk.tasks.deleteLater()
        desk.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
