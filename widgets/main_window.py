# SPDX-License-Identifier: Apache-2.0
"""The frame: navigation, stacked pages, commands in menus, status line, toasts, and quitting while something runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QMessageBox,
    QProgressBar,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.events import CreatorsChanged, Event, OperationRecorded
from app.settings import DENSITY, LANGUAGE, REFRESH_SECONDS, THEME
from app.usecases.creators import Question
from widgets import catalog
from widgets.dialogs import jobs
from widgets.dialogs.about import About
from widgets.dialogs.doctor import Doctor
from widgets.dialogs.notices import Side, Toasts
from widgets.dialogs.palette import Choice, Palette
from widgets.dialogs.settings import SettingsDialog
from widgets.dialogs.welcome import Opening, Trouble, Welcome
from widgets.messages import plain, tip
from widgets.page import Context, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.errors import ProductError
    from app.services import Services
    from app.settings import Settings
    from app.usecases.workspace import Info, Operation, Undone
    from app.values import Actor
    from widgets.labels import Labels
    from widgets.messages import Messages, Note
    from widgets.tasks import Task, Tasks
    from widgets.theme import Theme

_LARGE: Final = 5_000
"""Rows above which an undo runs in a child process."""

_LATER_MS: Final = 400
_BACKUP_ENDING: Final = ".kocbackup"
_ENDING: Final = ".koc"


class Host(Protocol):
    """Who opens and changes workspaces for a window, and builds it anew in another language or look."""

    settings: Settings
    tasks: Tasks
    messages: Messages
    labels: Labels
    theme: Theme
    actor: Actor

    def open(self, address: str) -> None:
        """Open a workspace in this window."""

    def create(self, address: str, *, sample: bool = False, force: bool = False) -> None:
        """Create a workspace and open it, maybe with the sample brand in it."""

    def restore(self, backup: Path, address: str) -> None:
        """Put a backup in a workspace's place and open it."""

    def rebuild(self) -> None:
        """Build the window anew from the settings."""


@dataclass(frozen=True, slots=True)
class Command:
    """Something a user can do anywhere. ``needs`` is "" (always), ``workspace`` or ``write``."""

    key: str
    icon: str
    keys: str = ""
    needs: str = ""


COMMANDS: Final = (
    Command("file.new", "new", "Ctrl+N"),
    Command("file.open", "workspace", "Ctrl+O"),
    Command("file.sample", "sample"),
    Command("file.import", "import", "Ctrl+I", "write"),
    Command("file.export", "export", "Ctrl+E", "workspace"),
    Command("file.backup", "backup", "", "workspace"),
    Command("file.restore", "restore"),
    Command("file.quit", "close", "Ctrl+Q"),
    Command("edit.undo", "undo", "Ctrl+Z", "write"),
    Command("edit.redo", "redo", "Ctrl+Shift+Z", "write"),
    Command("edit.history", "history", "Ctrl+H", "workspace"),
    Command("view.palette", "palette", "Ctrl+K"),
    Command("view.filter", "filter", "Ctrl+F", "workspace"),
    Command("view.refresh", "refresh", "F5", "workspace"),
    Command("view.notes", "bell", "F8"),
    Command("tools.tiers", "tiers", "", "workspace"),
    Command("tools.doctor", "doctor", "", "workspace"),
    Command("tools.settings", "settings", "Ctrl+,"),
    Command("help.page", "help", "F1"),
    Command("help.about", "info"),
)

_MENUS: Final = {
    "file": ("file.new", "file.open", "recent", "file.sample", "", "file.import", "file.export", "", "file.backup", "file.restore", "", "file.quit"),
    "edit": ("edit.undo", "edit.redo", "edit.history"),
    "view": ("pages", "", "view.palette", "view.filter", "view.refresh", "view.notes"),
    "page": (),
    "tools": ("tools.tiers", "tools.doctor", "", "tools.settings"),
    "help": ("help.page", "help.about"),
}


class MainWindow(QMainWindow):
    """The one window of a workspace."""

    def __init__(self, host: Host) -> None:
        """Build the frame; what stands in it is shown by ``show_…``."""
        super().__init__()
        self._host = host
        self._labels, self._theme, self._tasks, self._messages = host.labels, host.theme, host.tasks, host.messages
        self.context: Context | None = None
        self._pages: dict[str, Page] = {}
        self._stale: set[str] = set()
        self._current = ""
        self._leaving = ""
        self._middle: QWidget | None = None
        self.commands: dict[str, QAction] = {}
        self.setWindowTitle(self._labels("app.name"))
        self.setAcceptDrops(True)
        self.setMinimumSize(900, 560)
        self._make_commands()
        self._make_body()
        self._make_menus()
        self._toasts = Toasts(self, self._labels, self._theme, self._status.height)
        self._messages.toasted.connect(self._toasts.show)
        self._messages.noted.connect(self._noted)
        self._tasks.announced.connect(self._changed)
        self._tasks.started.connect(self._strip.add)
        self._tasks.progressed.connect(self._strip.update_task)
        self._tasks.finished.connect(self._task_ended)
        self._watch = QTimer(self, interval=1000 * int(host.settings.get(REFRESH_SECONDS)))
        self._watch.timeout.connect(self._tasks.poll)
        self._enable()
        self._noted(None)

    # ------------------------------------------------------------ build

    def _make_commands(self) -> None:
        acts: Mapping[str, Callable[[], object]] = {
            "file.new": self.new, "file.open": self.choose, "file.sample": self.sample, "file.import": self.import_file,
            "file.export": self.export, "file.backup": self.back_up, "file.restore": self.choose_backup, "file.quit": self.close,
            "edit.undo": self.undo, "edit.redo": self.redo, "edit.history": self.history,
            "view.palette": self.palette_, "view.filter": self.filter, "view.refresh": self.refresh, "view.notes": self.notes,
            "tools.tiers": self.tiers, "tools.doctor": self.doctor, "tools.settings": self.settings,
            "help.page": self.help, "help.about": lambda: About(self._labels, self).open(),
        }  # fmt: skip
        for command in COMMANDS:
            action = QAction(self._theme.icon(command.icon), self._labels(f"command.{command.key}"), self)
            action.setObjectName(command.key)
            if command.keys:
                action.setShortcut(QKeySequence(command.keys))
            action.triggered.connect(lambda _=False, act=acts[command.key]: act())
            self.addAction(action)
            self.commands[command.key] = action
        self._recent = QMenu(self._labels("menu.recent"), self)
        self._recent.setIcon(self._theme.icon("clock"))
        self._recent.aboutToShow.connect(self._fill_recent)
        self._goers = QActionGroup(self)
        for at, entry in enumerate(catalog.PAGES, 1):
            action = QAction(self._theme.icon(entry.icon), self._labels(entry.title_key), self, checkable=True)
            action.setShortcut(QKeySequence(f"Ctrl+{at}"))
            action.setData(entry.key)
            action.triggered.connect(lambda _=False, key=entry.key: self.go(key))
            self._goers.addAction(action)
            self.addAction(action)

    def _make_body(self) -> None:
        body = QWidget(self)
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        row = QHBoxLayout()
        row.setSpacing(0)
        self._navigation = self._make_navigation()
        self._stack = QStackedWidget(self)
        self._stack.setObjectName("stack")
        self._side = Side(self._labels, self._theme)
        self._side.closed.connect(self._back_to_work)
        row.addWidget(self._navigation)
        row.addWidget(self._stack, 1)
        row.addWidget(self._side)
        column.addLayout(row, 1)
        self._status = self._make_status()
        column.addWidget(self._status)
        self.setCentralWidget(body)

    def _make_navigation(self) -> QFrame:
        frame = QFrame(self)
        frame.setObjectName("navigation")
        frame.setAccessibleName(self._labels("navigation"))
        column = QVBoxLayout(frame)
        column.setContentsMargins(8, 10, 8, 8)
        column.setSpacing(2)
        for action, entry in zip(self._goers.actions(), catalog.PAGES, strict=True):
            column.addWidget(self._nav_button(action, entry.icon))
        column.addStretch(1)
        column.addWidget(self._nav_button(self.commands["tools.settings"], "settings"))
        frame.setFixedWidth(max(self._theme.px(120), frame.sizeHint().width()))
        return frame

    def _nav_button(self, action: QAction, icon: str) -> QToolButton:
        button = QToolButton(self)
        button.setText(action.text())
        button.setCheckable(action.isCheckable())
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIconSize(QSize(self._theme.px(18), self._theme.px(18)))
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(action.text())
        button.setToolTip(hint(action))
        quiet, chosen = self._theme.icon(icon, "text_muted"), self._theme.icon(icon, "accent")

        def follow() -> None:
            button.setEnabled(action.isEnabled())
            button.setChecked(action.isChecked())
            button.setIcon(chosen if action.isChecked() else quiet)

        def pressed() -> None:
            action.trigger()
            follow()  # pressing the page that is shown leaves it shown

        action.changed.connect(follow)
        button.clicked.connect(pressed)
        follow()
        return button

    def _make_menus(self) -> None:
        bar = self.menuBar()
        for name, keys in _MENUS.items():
            menu = bar.addMenu(self._labels(f"menu.{name}"))
            menu.setToolTipsVisible(True)
            for key in keys:
                if not key:
                    menu.addSeparator()
                elif key == "recent":
                    menu.addMenu(self._recent)
                elif key == "pages":
                    menu.addActions(self._goers.actions())
                else:
                    menu.addAction(self.commands[key])
            if name == "page":
                self._page_menu = menu
        self._page_menu.menuAction().setVisible(False)

    def _make_status(self) -> QFrame:
        frame = QFrame(self)
        frame.setObjectName("status")
        frame.setFixedHeight(self._theme.px(30))
        row = QHBoxLayout(frame)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(10)
        self._where = QToolButton(self)
        self._where.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._where.setIcon(self._theme.icon("workspace", "text_muted"))
        self._where.setAccessibleName(self._labels("status.workspace"))
        self._where.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self._where)
        for key in ("file.open", "file.new", "file.sample"):
            menu.addAction(self.commands[key])
        menu.addMenu(self._recent)
        menu.addSeparator()
        for key in ("file.backup", "file.restore", "tools.doctor", "file.export"):
            menu.addAction(self.commands[key])
        self._where.setMenu(menu)
        self._who = plain(self._labels("status.user", name=self._host.actor.name))
        self._read_only = plain(self._labels("status.read_only"))
        self._read_only.setObjectName("badge_warning")
        self._read_only.setToolTip(self._labels("status.read_only.reason"))
        self._read_only.hide()
        self._strip = TaskStrip(self._labels, self._theme)
        self._totals = plain("")
        self._totals.setFont(self._theme.figures())
        self._bell = QToolButton(self)
        self._bell.setDefaultAction(self.commands["view.notes"])
        self._bell.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._bell.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        row.addWidget(self._where)
        row.addWidget(self._who)
        row.addWidget(self._read_only)
        row.addWidget(self._strip)
        row.addStretch(1)
        row.addWidget(self._totals)
        row.addWidget(self._bell)
        return frame

    # ------------------------------------------------------------ what stands in it

    def show_welcome(self) -> None:
        """Nothing was ever opened: offer the ways in."""
        self._instead(Welcome(self._labels, self._theme, self.act, self._host.settings.recent, self._host.open))

    def show_opening(self, address: str) -> None:
        """A workspace is being opened."""
        self._instead(Opening(address, self._labels, self._theme))

    def show_trouble(self, error: ProductError, address: str) -> None:
        """A workspace cannot be opened: say why and how to go on; nothing is made in its place."""
        view = Trouble(error, address, self._messages, self._theme, self.act, lambda: self._host.open(address), lambda backup: self._restore(backup, address))
        self._instead(view)

    def show_workspace(self, services: Services, info: Info, page: str = "") -> None:
        """Show an open workspace."""
        self._drop_pages()
        self.context = Context(
            services, self._tasks, self._labels, self._theme, self._messages, self._host.settings,
            go=self.go, act=self.act, totals=self._totals.setText, read_only=info.read_only,
        )  # fmt: skip
        name = Path(services.ref.address).stem if not services.ref.is_url else info.workspace.rsplit("/", 1)[-1]
        self._where.setText(name)
        self._where.setToolTip(tip(info.workspace))
        self.setWindowTitle(f"{name} — {self._labels('app.name')}")
        self._read_only.setVisible(info.read_only)
        self._leave_middle()
        self._enable()
        self.go(page or catalog.PAGES[0].key)
        self._watch.start()
        QTimer.singleShot(_LATER_MS, self._preload)

    def _preload(self) -> None:
        """Load the code of the other pages before anybody asks for them."""
        for entry in catalog.PAGES:
            if entry.key not in self._pages:
                self._tasks.run(self, entry.load)

    @property
    def page(self) -> Page | None:
        """The page that is shown."""
        return self._pages.get(self._current)

    @property
    def page_key(self) -> str:
        """Key of the page that is shown, or nothing."""
        return self._current

    def go(self, key: str, argument: object = None) -> None:
        """Show a page, maybe with what to show on it."""
        if self.context is None:
            return
        fresh = key not in self._pages
        if fresh:
            entry = next(one for one in catalog.PAGES if one.key == key)
            self._pages[key] = entry.load()(self.context)
            self._stack.addWidget(self._pages[key])
        page = self._pages[key]
        if key != self._current:
            self._totals.clear()
        self._current = key
        self._stack.setCurrentWidget(page)
        for action in self._goers.actions():
            action.setChecked(action.data() == key)
        self._page_menu.clear()
        self._page_menu.addActions(page.actions())
        self._page_menu.menuAction().setVisible(bool(page.actions()))
        page.shown(argument)
        if page.focusProxy() is not None:
            page.setFocus(Qt.FocusReason.OtherFocusReason)
        if key in self._stale and not fresh:
            page.changed(CreatorsChanged())
        self._stale.discard(key)
        if self._side.topic == "help":
            self.help()

    def act(self, key: str) -> None:
        """Do a command by its key."""
        if self.commands[key].isEnabled():
            self.commands[key].trigger()

    def _instead(self, view: QWidget) -> None:
        self._watch.stop()
        self._drop_pages()
        self.context = None
        self._leave_middle()
        self._middle = view
        self._stack.addWidget(view)
        self._stack.setCurrentWidget(view)
        self._where.setText(self._labels("status.none"))
        self._where.setToolTip("")
        self._read_only.hide()
        self.setWindowTitle(self._labels("app.name"))
        self._enable()

    def _leave_middle(self) -> None:
        if self._middle is not None:
            self._stack.removeWidget(self._middle)
            self._middle.deleteLater()
            self._middle = None

    def _drop_pages(self) -> None:
        for page in self._pages.values():
            self._stack.removeWidget(page)
            page.deleteLater()
        self._pages.clear()
        self._stale.clear()
        self._current = ""
        self._totals.clear()
        self._page_menu.menuAction().setVisible(False)
        self._goers.setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)
        for action in self._goers.actions():
            action.setChecked(False)
        self._goers.setExclusionPolicy(QActionGroup.ExclusionPolicy.Exclusive)

    def _enable(self) -> None:
        opened, writable = self.context is not None, self.context is not None and not self.context.read_only
        for command in COMMANDS:
            action = self.commands[command.key]
            action.setEnabled({"workspace": opened, "write": writable}.get(command.needs, True))
            reason = self._labels("status.read_only.reason") if opened and command.needs == "write" and not writable else ""
            action.setToolTip(reason or hint(action))
        for action in self._goers.actions():
            action.setEnabled(opened)

    # ------------------------------------------------------------ events

    def _back_to_work(self) -> None:
        if self.page is not None and self.page.focusProxy() is not None:
            self.page.setFocus(Qt.FocusReason.OtherFocusReason)

    def _changed(self, event: Event) -> None:
        for key, page in self._pages.items():
            if key == self._current:
                page.changed(event)
            else:
                self._stale.add(key)

    def _task_ended(self, task: Task) -> None:
        self._strip.remove(task)
        if self._leaving == "wait" and not [one for one in self._tasks.busy() if one is not task]:
            QTimer.singleShot(0, self.close)

    def _noted(self, _: Note | None) -> None:
        count = len(self._messages.notes)
        self._bell.setText(str(count) if count else "")
        self._bell.setAccessibleName(self._labels.plural("notes.count", count))
        if self._side.topic == "notes":
            self._side.notes(self._messages.notes, self._messages.clear)

    # ------------------------------------------------------------ workspace commands

    def new(self) -> None:
        """Create a workspace where the user says."""
        chosen, _ = QFileDialog.getSaveFileName(
            self,
            self._labels("command.file.new"),
            str(self._folder() / (self._labels("file.new_name") + _ENDING)),
            self._labels("file.kind.workspace", ending="*" + _ENDING),
        )
        if chosen:
            path = Path(chosen)
            # The chooser asked whether to replace; what is replaced is kept beside the new one.
            path = path if path.suffix else path.with_suffix(_ENDING)
            self._host.create(str(path), force=path.exists())

    def choose(self) -> None:
        """Open a workspace that the user names."""
        chosen, _ = QFileDialog.getOpenFileName(
            self,
            self._labels("command.file.open"),
            str(self._folder()),
            f"{self._labels('file.kind.workspace', ending='*' + _ENDING)};;{self._labels('file.kind.all')}",
        )
        if chosen:
            self._host.open(chosen)

    def sample(self) -> None:
        """Make a workspace with the sample brand in it, beside the others."""
        folder = self._folder()
        path, number = folder / (self._labels("file.sample_name") + _ENDING), 2
        while path.exists():
            path, number = folder / f"{self._labels('file.sample_name')} {number}{_ENDING}", number + 1
        self._host.create(str(path), sample=True)

    def back_up(self) -> None:
        """Write a backup where the user says; beside the workspace it is found again by itself."""
        context = self.context
        if context is None:
            return
        ref = context.services.ref
        beside = self._folder() if ref.is_url else Path(ref.address).parent
        day = self._labels.day(_now())
        name = f"{self._where.text()}-{day}{_BACKUP_ENDING}"
        chosen, _ = QFileDialog.getSaveFileName(
            self, self._labels("command.file.backup"), str(beside / name), self._labels("file.kind.backup", ending="*" + _BACKUP_ENDING)
        )
        if chosen:
            path = Path(chosen) if chosen.endswith(_BACKUP_ENDING) else Path(chosen + _BACKUP_ENDING)
            self._tasks.run_child(
                self, jobs.back_up, (path,),
                lambda made: self._messages.toast(self._labels("backup.done", file=Path(str(made["file"])).name), kind="ok"),
                title=self._labels("command.file.backup"),
            )  # fmt: skip

    def choose_backup(self) -> None:
        """Restore a backup in the place of the open workspace, or of one that the user names."""
        if self.context is not None:
            self._restore(None, self.context.services.ref.address)
            return
        recent = self._host.settings.recent
        self._restore(None, recent[0] if recent else "")

    def _restore(self, backup: Path | None, address: str) -> None:
        if backup is None:
            folder = self._folder() if not address or "://" in address else Path(address).parent
            chosen, _ = QFileDialog.getOpenFileName(
                self, self._labels("restore.choose"), str(folder), self._labels("file.kind.backup", ending="*" + _BACKUP_ENDING)
            )
            if not chosen:
                return
            backup = Path(chosen)
        if not address:
            address = str(backup.with_suffix(_ENDING))
        if Path(address).exists() or "://" in address:
            text = self._labels("restore.ask", name=Path(address).name, backup=backup.name)
            if self._ask(self._labels("command.file.restore"), text, [(self._labels("restore.do"), "do")]) != "do":
                return
        self._host.restore(backup, address)

    def _folder(self) -> Path:
        """Where a file chooser begins: beside the workspace that is or was open."""
        recent = [address for address in self._host.settings.recent if "://" not in address]
        if recent and Path(recent[0]).parent.is_dir():
            return Path(recent[0]).parent
        documents = Path.home() / "Documents"
        return documents if documents.is_dir() else Path.home()

    def _fill_recent(self) -> None:
        self._recent.clear()
        for address in self._host.settings.recent:
            action = self._recent.addAction(address if len(address) < 60 else "…" + address[-58:])  # noqa: PLR2004 (fits a menu)
            action.triggered.connect(lambda _=False, address=address: self._host.open(address))
        if self._recent.isEmpty():
            self._recent.addAction(self._labels("menu.recent.none")).setEnabled(False)

    # ------------------------------------------------------------ data commands

    def import_file(self, path: Path | None = None) -> None:
        """Open the import of a file of creators."""
        if self.context is not None and not self.context.read_only:
            self._open(catalog.import_wizard()(self.context, path, self))

    def export(self) -> None:
        """Export what the page shows, or else everybody."""
        context, page = self.context, self.page
        own = getattr(page, "export", None)
        if callable(own):
            own()
        elif context is not None:
            kinds = ";;".join(self._labels(f"file.kind.{kind}", ending=f"*.{kind}") for kind in ("xlsx", "csv"))
            name = self._labels("file.export_name", day=self._labels.day(_now())) + ".xlsx"
            chosen, _ = QFileDialog.getSaveFileName(self, self._labels("command.file.export"), str(self._folder() / name), kinds)
            if chosen:
                path = Path(chosen) if Path(chosen).suffix else Path(chosen + ".xlsx")
                self._tasks.run_child(
                    self, jobs.export, (Question(), (), path),
                    lambda rows: self._messages.toast(self._labels.plural("export.done", rows, file=path.name), kind="ok"),
                    title=self._labels("command.file.export"),
                )  # fmt: skip

    def history(self) -> None:
        """Open the list of operations."""
        if self.context is not None:
            self._open(catalog.history()(self.context, self))

    def tiers(self) -> None:
        """Open the tier policy."""
        if self.context is not None:
            self._open(catalog.tiers()(self.context, self))

    def doctor(self) -> None:
        """Examine the workspace."""
        if self.context is not None:
            self._open(Doctor(self.context, self))

    def undo(self) -> None:
        """Take the last standing operation of this user back."""
        self._step(last_standing, jobs.undo, "undo")

    def redo(self) -> None:
        """Do the operation that was undone last again."""
        self._step(last_undone, jobs.redo, "redo")

    def _step(self, choose: Callable[[Sequence[Operation], str], Operation | None], job: Callable[..., Undone], word: str) -> None:
        context = self.context
        if context is None or context.read_only:
            return
        workspace, me = context.services.workspace, context.services.actor.name

        def chosen(operations: list[Operation]) -> None:
            operation = choose(operations, me)
            if operation is None:
                self._messages.toast(self._labels(f"{word}.nothing"))
                return
            title = self._labels(f"{word}.title", what=self._labels.operation(operation.kind, operation.summary))
            if rows_of(operation) > _LARGE:
                self._tasks.run_child(self, job, (operation.id,), lambda done: self._stepped(operation, done, word), title=title)
                return
            step = workspace.undo if word == "undo" else workspace.redo
            self._tasks.run_job(self, lambda task: step(operation.id, task), lambda done: self._stepped(operation, done, word), lane="write", title=title)

        self._tasks.run(self, workspace.operations, chosen)

    def _stepped(self, operation: Operation, done: Undone, word: str) -> None:
        text = self._labels(f"{word}.done", what=self._labels.operation(operation.kind, operation.summary))
        other = "redo" if word == "undo" else "undo"
        action: tuple[str, Callable[[], object]] = (self._labels(f"command.edit.{other}"), lambda: self.act(f"edit.{other}"))
        if done.kept:
            text = f"{text} {self._labels.plural('undo.kept', len(done.kept))}"
            action = (self._labels("command.edit.history"), lambda: self.act("edit.history"))
        self._messages.toast(text, kind="ok" if not done.kept else "warning", action=action)

    # ------------------------------------------------------------ view commands

    def palette_(self) -> None:
        """Open the palette."""
        choices = [
            Choice(self._labels("palette.go", page=action.text()), shortcut(action), "right", action.trigger, str(action.data()))
            for action in self._goers.actions()
            if action.isEnabled()
        ]
        choices += [
            Choice(action.text().rstrip("…"), shortcut(action), command.icon, action.trigger, command.key)
            for command in COMMANDS
            if command.key != "view.palette" and (action := self.commands[command.key]).isEnabled()
        ]
        if self.page is not None:
            choices += [
                Choice(action.text().replace("&", "").rstrip("…"), shortcut(action), "right", action.trigger)
                for action in self.page.actions()
                if action.isEnabled() and action.text()
            ]
        search = None
        if self.context is not None:
            creators = self.context.services.creators
            search = lambda question: creators.page(question, limit=8)  # noqa: E731 (one expression, bound to this workspace)
        palette = Palette(choices, self._labels, self._theme, self._tasks, search, self)
        palette.show_creator = lambda creator_id: self.go("creators", ("creator", creator_id))
        palette.open()
        palette.line.setFocus()

    def filter(self) -> None:
        """Put the cursor into the page's filter."""
        focus = getattr(self.page, "focus_filter", None)
        if callable(focus):
            focus()
        else:
            self.go("creators")
            focus = getattr(self.page, "focus_filter", None)
            if callable(focus):
                focus()

    def refresh(self) -> None:
        """Read what the page shows anew."""
        if self.page is not None:
            self.page.changed(CreatorsChanged())
            self.page.changed(OperationRecorded())

    def notes(self) -> None:
        """Show or hide the notification list."""
        if self._side.topic == "notes":
            self._side.close()
        else:
            self._toasts.clear()
            self._side.notes(self._messages.notes, self._messages.clear)

    def help(self) -> None:
        """Explain the page that is shown."""
        key = self._current or "welcome"
        words = self._labels.words
        sentences = [words(name) for number in range(1, 9) if words.has(name := f"help.page.{key}.{number}")]
        actions = [*(self.page.actions() if self.page else ()), *self.commands.values()]
        shortcuts = [(shortcut(action), action.text().replace("&", "").rstrip("…")) for action in actions if shortcut(action) and action.isEnabled()]
        title = self._labels(f"page.{key}") if self._current else self._labels("app.name")
        self._side.help(self._labels("help.title", page=title), sentences, shortcuts)

    def settings(self) -> None:
        """Open the preferences; another language or look shows at once."""
        dialog = SettingsDialog(self._host.settings, self._labels, self)

        def saved() -> None:
            if dialog.changes.keys() & {LANGUAGE.key, THEME.key, DENSITY.key}:
                QTimer.singleShot(0, self._host.rebuild)
            self._watch.setInterval(1000 * int(self._host.settings.get(REFRESH_SECONDS)))

        dialog.accepted.connect(saved)
        self._open(dialog)

    # ------------------------------------------------------------ dialogs

    def _open(self, dialog: QDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _ask(self, title: str, text: str, answers: Sequence[tuple[str, str]]) -> str:
        """Ask, with a verb on every button; "" for none of them."""
        box = QMessageBox(self)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle(title)
        box.setText(text)
        buttons = {box.addButton(words, QMessageBox.ButtonRole.AcceptRole): answer for words, answer in answers}
        cancel = box.addButton(self._labels("action.cancel"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(cancel)
        box.setEscapeButton(cancel)
        box.exec()
        return next((answer for button, answer in buttons.items() if button is box.clickedButton()), "")

    # ------------------------------------------------------------ window

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """A file may be dropped anywhere to be imported or opened."""
        if dropped(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Import a file of creators, open a workspace, restore a backup."""
        path = dropped(event)
        if path is None:
            return
        event.acceptProposedAction()
        if path.suffix == _ENDING:
            self._host.open(str(path))
        elif path.suffix == _BACKUP_ENDING:
            self._restore(path, self.context.services.ref.address if self.context else "")
        else:
            self.import_file(path)

    def discard(self) -> None:
        """Go without asking: another window takes over, or the program ends."""
        self._leaving = "stop"
        self._watch.stop()
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask when something is under way: wait for it, or stop it."""
        busy = self._tasks.busy()
        if busy and not self._leaving:
            text = self._labels.plural("quit.ask", len(busy), what=self._labels("list.separator").join(task.title for task in busy))
            self._leaving = self._ask(self._labels("command.file.quit"), text, [(self._labels("quit.wait"), "wait"), (self._labels("quit.stop"), "stop")])
        if self._leaving == "wait" and self._tasks.busy():
            self._messages.toast(self._labels("quit.waiting"))
            event.ignore()
            return
        if busy and self._leaving not in {"stop", "wait"}:
            self._leaving = ""
            event.ignore()
            return
        self._watch.stop()
        super().closeEvent(event)


class TaskStrip(QWidget):
    """What is under way: a word, how far, and a way to stop it, each."""

    def __init__(self, labels: Labels, theme: Theme) -> None:
        """Empty at first."""
        super().__init__()
        self._labels, self._theme = labels, theme
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(14)
        self._shown: dict[Task, _TaskView] = {}

    def add(self, task: Task) -> None:
        """Show a task."""
        self._shown[task] = _TaskView(task, self._labels, self._theme)
        self._row.addWidget(self._shown[task])

    def update_task(self, task: Task) -> None:
        """Show how far it is."""
        if task in self._shown:
            self._shown[task].refresh()

    def remove(self, task: Task) -> None:
        """It has ended."""
        view = self._shown.pop(task, None)
        if view is not None:
            self._row.removeWidget(view)
            view.hide()
            view.deleteLater()


class _TaskView(QWidget):
    def __init__(self, task: Task, labels: Labels, theme: Theme) -> None:
        super().__init__()
        self._task, self._labels = task, labels
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self._text = plain(task.title)
        self._bar = QProgressBar()
        self._bar.setFixedWidth(theme.px(90))
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setAccessibleName(task.title)
        self._stop = QToolButton()
        self._stop.setIcon(theme.icon("close", "text_muted"))
        self._stop.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._stop.setToolTip(tip(labels("task.stop", what=task.title)))
        self._stop.setAccessibleName(labels("task.stop", what=task.title))
        self._stop.clicked.connect(self._cancel)
        for part in (self._text, self._bar, self._stop):
            row.addWidget(part)

    def refresh(self) -> None:
        """Phase, and a share where the total is known."""
        task = self._task
        phase = self._labels(f"phase.{task.phase}") if self._labels.words.has(f"phase.{task.phase}") else ""
        self._text.setText(self._labels("task.phase", title=task.title, phase=phase) if phase else task.title)
        if task.total:
            self._bar.setRange(0, 1000)
            self._bar.setValue(min(1000, task.done * 1000 // task.total))
        else:
            self._bar.setRange(0, 0)

    def _cancel(self) -> None:
        self._task.cancel()
        self._stop.setEnabled(False)
        self._text.setText(self._labels("task.stopping", what=self._task.title))


# ---------------------------------------------------------------- small questions


def shortcut(action: QAction) -> str:
    """An action's keys as the system writes them."""
    return action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)


def hint(action: QAction) -> str:
    """An action's words and keys."""
    keys = shortcut(action)
    return f"{action.text()}  ({keys})" if keys else action.text()


def dropped(event: QDropEvent) -> Path | None:
    """The one local file that is dropped."""
    urls = [url for url in event.mimeData().urls() if url.isLocalFile()]
    return Path(urls[0].toLocalFile()) if len(urls) == 1 else None


def last_standing(operations: Sequence[Operation], me: str) -> Operation | None:
    """What an undo takes back: the newest operation of this user that stands."""
    return next((one for one in operations if one.undone_at is None and one.by == me), None)


def last_undone(operations: Sequence[Operation], me: str) -> Operation | None:
    """What a redo does again: the operation undone last, unless something was done after that."""
    undone = [one for one in operations if one.undone_at is not None and one.by == me]
    newest = max(undone, key=lambda one: (one.undone_at or 0, -one.id), default=None)
    standing = last_standing(operations, me)
    if newest is None or (standing is not None and standing.at > (newest.undone_at or 0)):
        return None
    return newest


def rows_of(operation: Operation) -> int:
    """About how many rows an operation touched."""
    return sum(value for name in ("inserted", "updated", "creators", "moved") if isinstance(value := operation.summary.get(name), int))


def _now() -> int:
    return time.time_ns() // 1000
