# SPDX-License-Identifier: Apache-2.0
"""Everything that can be looked at: each page, each tab of it, each dialog, as the sample brand fills them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import QApplication, QDialog, QTabWidget, QWidget

from app.errors import WorkspaceError
from app.rules.rating.credit import CreditPolicy
from app.rules.versions import Collision
from app.usecases.syncing import Connection
from tests.conftest import ROOT
from widgets import catalog
from widgets.dialogs.bulk import BulkDialog
from widgets.dialogs.comparison import Comparison
from widgets.dialogs.connection import Connect, SignIn
from widgets.dialogs.creator import CreatorDialog
from widgets.dialogs.credit_appeal import FileAppeal, Target
from widgets.dialogs.credit_decision import Decision
from widgets.dialogs.credit_event import AddEntry
from widgets.dialogs.doctor import Doctor
from widgets.dialogs.history import History
from widgets.dialogs.import_wizard import ImportWizard, picture
from widgets.dialogs.mates import TeamDialog
from widgets.dialogs.paste import PastePreview
from widgets.dialogs.tiers import TierPolicies
from widgets.messages import ErrorDialog, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from widgets.application import Application
    from widgets.page import Context

Scene = tuple[str, QWidget]
_ADDRESS: Final = "https://open.oceanengine.com/audit/oauth.html?app_id=1790000000000777"
_CONNECTION: Final = Connection(1, "星图", "oceanengine", "new", app_id="1790000000000777")


def _first(_: Context) -> int:
    return 1


def _entry(context: Context) -> QWidget:
    return AddEntry(context, _first(context), "桃子测评", CreditPolicy.parse(context.services.rating.policy("credit").body))


def _decision(context: Context) -> QWidget:
    labels = context.labels
    return Decision(context, labels("credit.void"), [labels("credit.void")], labels("credit.void"), hard=True)


def _error(context: Context) -> QWidget:
    error = WorkspaceError("disk_full", path="brand.koc", need="120 MB")
    told = context.messages.sentence(error, "20261125-080000-7f3a")
    return ErrorDialog(Message(told.title, told.text, told.safe, told.next, told.log_id), context.labels)


def _edited(context: Context) -> QWidget:
    return CreatorDialog(context, context.services.creators.detail(_first(context)))


def _compared(context: Context) -> QWidget:
    return Comparison(context, "桃子测评", [Collision("city", "上海", "杭州", "北京", "小林", 1_790_000_000_000_000), Collision("fee_fen", None, 100, 200)])


def _bulk(kind: str) -> Callable[[Context], QWidget]:
    return lambda context: BulkDialog(context, kind, 12, {})


DIALOGS: Final[dict[str, Callable[[Context], QWidget]]] = {
    "ImportWizard": picture,
    "ImportWizard:start": ImportWizard,
    "PastePreview": lambda context: PastePreview(context, "昵称\t平台\t账号\t粉丝数\n桃子测评\t抖音\ttaozi\t12.3万\n"),
    "History": History,
    "TierPolicies": TierPolicies,
    "Doctor": Doctor,
    "Comparison": _compared,
    "TeamDialog": lambda context: TeamDialog(context, {"小林": "华东组"}, ["小林", "老周"]),
    "CreatorDialog": CreatorDialog,
    "CreatorDialog:edit": _edited,
    **{f"BulkDialog:{kind}": _bulk(kind) for kind in ("field", "tags", "stage", "owner")},
    "Connect": Connect,
    "SignIn": lambda context: SignIn(context, _CONNECTION),
    "AddEntry": _entry,
    "Decision": _decision,
    "FileAppeal": lambda context: FileAppeal(context, "桃子测评", [Target("2026-11-02 逾期发布", event_id=1)]),
    "ErrorDialog": _error,
}
"""By the name of the class; what a page asks with. Those of the frame are opened by their commands."""

COMMANDS: Final = {
    "DatabaseDialog": "file.open_team",
    "SettingsDialog": "tools.settings",
    "About": "help.about",
    "Palette": "view.palette",
}


def dialogs_of_the_program() -> set[str]:
    """Every class of the program that is a dialog, by what its code says."""
    classes: dict[str, set[str]] = {}
    for path in sorted((ROOT / "widgets").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                classes[node.name] = {base.id for base in node.bases if isinstance(base, ast.Name)}
    found: set[str] = set()
    more = {"QDialog"}
    while more:
        found |= more
        more = {name for name, bases in classes.items() if bases & found} - found
    return {name for name in found if not name.startswith("_")} - {"QDialog"}


def pages(desk: Application) -> Iterator[Scene]:
    """Each page, with its detail panel open where it has one; each of its tabs."""
    for entry in catalog.PAGES:
        desk.window.go(entry.key)
        desk.wait()
        page = desk.window.page
        assert page is not None
        yield entry.key, desk.window
        toggle = getattr(page, "toggle_panel", None)
        if callable(toggle) and not getattr(page, "panel_open", False):
            toggle()
            desk.wait()
            yield f"{entry.key}:panel", desk.window
        for tabs in page.findChildren(QTabWidget):
            for at in range(1, tabs.count()):
                if tabs.isVisible():
                    tabs.setCurrentIndex(at)
                    desk.wait()
                    yield f"{entry.key}:{tabs.tabText(at)}", desk.window
            tabs.setCurrentIndex(0)
    desk.messages.toast(desk.labels("sample.done"), kind="ok", action=(desk.labels("action.details"), lambda: None))
    yield "toast", desk.window
    for name, key in (("notes", "view.notes"), ("help", "help.page")):
        desk.window.act(key)
        desk.wait()
        yield name, desk.window
        desk.window.act(key)


def dialogs(desk: Application) -> Iterator[Scene]:
    """Each dialog, filled."""
    context = desk.window.context
    assert context is not None
    for name, make in DIALOGS.items():
        made = make(context)
        made.show()
        desk.wait()
        yield from _turned(desk, name, made)
        made.close()
        made.deleteLater()
    for name, key in COMMANDS.items():
        desk.window.act(key)
        desk.wait()
        shown = [one for one in desk.window.findChildren(QDialog) if type(one).__name__ == name]
        assert shown, name
        yield from _turned(desk, name, shown[0])
        shown[0].close()
    desk.wait()


def _turned(desk: Application, name: str, dialog: QWidget) -> Iterator[Scene]:
    yield name, dialog
    for tabs in dialog.findChildren(QTabWidget):
        for at in range(1, tabs.count()):
            tabs.setCurrentIndex(at)
            desk.wait()
            yield f"{name}:{tabs.tabText(at)}", dialog


def everything(desk: Application) -> Iterator[Scene]:
    """Every page and every dialog of an open workspace."""
    yield from pages(desk)
    yield from dialogs(desk)


def without_workspace(desk: Application, path: str) -> Iterator[Scene]:
    """What stands in the window while nothing is open."""
    window = desk.window
    window.show_welcome()
    QApplication.processEvents()
    yield "welcome", window
    window.show_opening(path)
    QApplication.processEvents()
    yield "opening", window
    backup = path.replace(".koc", "-2026-11-20.kocbackup")
    window.show_trouble(WorkspaceError("damaged_with_backup", path=path, backup=backup, created="2026-11-20T08:00:00Z"), path)
    QApplication.processEvents()
    yield "trouble", window
