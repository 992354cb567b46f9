# SPDX-License-Identifier: Apache-2.0
"""The frame: navigation, stacked pages, commands in menus, status line, toasts, and quitting while something runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.events import CreatorsChanged, Event, OperationRecorded
from app.settings import DENSITY, LANGUAGE, REFRESH_SECONDS, THEME
from widgets import catalog
from widgets.dialogs.about import About
from widgets.dialogs.database import DatabaseDialog
from widgets.dialogs.doctor import Doctor
from widgets.dialogs.notices import Side, Toasts
from widgets.dialogs.palette import Choice, Palette
from widgets.dialogs.settings import SettingsDialog
from widgets.dialogs.welcome import Opening, Trouble, Welcome
from widgets.frame import parts
from widgets.frame.beside import Beside
from widgets.frame.clockwork import Clockwork
from widgets.frame.commands import COMMANDS, MENUS, hint, shortcut, spoken
from widgets.frame.files import BACKUP_ENDING, ENDING, Files, ask
from widgets.frame.lost import LostBanner
from widgets.frame.status import TaskStrip
from widgets.frame.steps import Steps
from widgets.messages import plain, tip
from widgets.page import Context, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.errors import ProductError
    from app.rules.rights import Rights
    from app.services import Services
    from app.values import WorkspaceRef
    from widgets.frame.files import Host
    from widgets.messages import Note
    from widgets.tasks import Task

_LATER_MS: Final = 400


class MainWindow(QMainWindow):
    """The one window of a workspace."""

    def __init__(self, host: Host) -> None:
        """Build the frame; what stands in it is shown by ``show_…``."""
        super().__init__()
        self._host = host
        self._labels, self._theme, self._tasks, self._messages = host.labels, host.theme, host.tasks, host.messages
        self.context: Context | None = None
        self._clockwork: Clockwork | None = None
        self._pages: dict[str, Page] = {}
        self._stale: set[str] = set()
        self._current = ""
        self._leaving = ""
        self._middle: QWidget | None = None
        self.commands: dict[str, QAction] = {}
        self._files = Files(host, self)
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
        self._tasks.lost.connect(self._enable)
        self._tasks.found.connect(self._enable)
        self._watch = QTimer(self, interval=1000 * int(host.settings.get(REFRESH_SECONDS)))
        self._watch.timeout.connect(self._tasks.poll)
        self._enable()
        self._noted(None)

    # ------------------------------------------------------------ build

    def _make_commands(self) -> None:
        acts: Mapping[str, Callable[[], object]] = {
            "file.new": self._files.new, "file.open": self._files.choose, "file.open_team": self.ask_database, "file.sample": self._files.sample, "file.import": self.import_file,
            "file.export": self.export, "file.backup": self._files.back_up, "file.restore": self._files.choose_backup, "file.quit": self.close,
            "edit.undo": self._undo, "edit.redo": self._redo, "edit.history": self.history,
            "view.palette": self.palette_, "view.filter": self.filter, "view.refresh": self.refresh, "view.notes": self.notes,
            "view.next_part": lambda: self._go_round(1), "view.previous_part": lambda: self._go_round(-1),
            "view.wider": lambda: parts.widen(self.page, self._theme.px(parts.STEP)), "view.narrower": lambda: parts.widen(self.page, -self._theme.px(parts.STEP)),
            "sync.now": self.sync_now, "tools.tiers": self.tiers, "tools.doctor": self.doctor, "tools.settings": self.settings,
            "help.page": self.turn_help, "help.about": lambda: About(self._labels, self).open(),
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
        Beside(self._side, row, self._stack, self._theme)
        self.lost = LostBanner(self._tasks, self._labels, self._theme, self._messages)
        column.addWidget(self.lost)
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
        for name, keys in MENUS.items():
            menu = QMenu(self._labels(f"menu.{name}"), bar)
            bar.addMenu(menu)
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
        for key in ("file.open", "file.open_team", "file.new", "file.sample"):
            menu.addAction(self.commands[key])
        menu.addMenu(self._recent)
        menu.addSeparator()
        for key in ("file.backup", "file.restore", "tools.doctor", "file.export"):
            menu.addAction(self.commands[key])
        self._where.setMenu(menu)
        self._who = plain(self._labels("status.user", name=self._host.actor.name))
        self._read_only = plain(self._labels("status.read_only"))
        self._read_only.setObjectName("badge_warning")
        self._read_only.setFixedHeight(self._theme.px(20))
        self._read_only.setToolTip(self._labels("status.read_only.reason"))
        self._read_only.hide()
        self._strip = TaskStrip(self._labels, self._theme)
        self._totals = plain("")
        self._totals.setFont(self._theme.figures())
        self._bell = QToolButton(self)
        self._bell.setDefaultAction(self.commands["view.notes"])
        self._bell.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._bell.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._synced = QToolButton(self)
        self._synced.setIcon(self._theme.icon("platform", "text_muted"))
        self._synced.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._synced.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._synced.clicked.connect(lambda _=False: self.go("syncing", "runs"))
        self._synced.hide()
        row.addWidget(self._where)
        row.addWidget(self._who)
        row.addWidget(self._synced)
        row.addWidget(self._read_only)
        row.addWidget(self._strip)
        row.addStretch(1)
        row.addWidget(self._totals)
        row.addWidget(self._bell)
        return frame

    # ------------------------------------------------------------ what stands in it

    def show_welcome(self, *, first: bool = False) -> None:
        """Nothing is open: offer the ways in, and what was open lately unless it is as on the first day."""
        recent = [] if first else self._host.settings.recent
        self._instead(Welcome(self._labels, self._theme, self.act, recent, self._host.open))

    def ask_database(self, address: str = "", complaint: str = "") -> None:
        """Ask where a team's database is."""
        dialog = DatabaseDialog(self._labels, self._theme, address, complaint, self)
        dialog.wanted.connect(self._host.open_database)
        self._open(dialog)

    def ask_new_team(self, ref: WorkspaceRef) -> None:
        """A database without a workspace in it: make one there, if that is wanted."""
        text = self._labels("database.empty", name=ref.address.rsplit("/", 1)[-1])
        if ask(self, self._labels, self._labels("database.title"), text, [(self._labels("database.create"), "make")]) == "make":
            self._host.create_database(ref)

    def show_opening(self, address: str) -> None:
        """A workspace is being opened."""
        self._instead(Opening(address, self._labels, self._theme))

    def show_trouble(self, error: ProductError, address: str) -> None:
        """A workspace cannot be opened: say why and how to go on; nothing is made in its place."""
        view = Trouble(
            error, address, self._messages, self._theme, self.act, lambda: self._host.open(address), lambda backup: self._files.restore(backup, address)
        )
        self._instead(view)

    def show_workspace(self, services: Services, page: str = "") -> None:
        """Show an open workspace."""
        self._drop_pages()
        self.context = Context(
            services, self._tasks, self._labels, self._theme, self._messages, self._host.settings,
            go=self.go, act=self.act, totals=self._totals.setText, read_only=services.read_only,
        )  # fmt: skip
        name = Path(services.ref.address).stem if not services.ref.is_url else services.shown.rsplit("/", 1)[-1]
        self._where.setText(name)
        self._where.setToolTip(tip(services.shown))
        self.setWindowTitle(f"{name} — {self._labels('app.name')}")
        self._read_only.setVisible(services.read_only)
        self._show_who(services.rights)
        self._files.address = services.ref.address
        self._leave_middle()
        self._enable()
        self.go(page or catalog.PAGES[0].key)
        self._watch.start()
        self._clockwork = Clockwork(self.context, self)
        self._clockwork.told.connect(self._tell_sync)
        QTimer.singleShot(_LATER_MS, self._preload)

    def _show_who(self, rights: Rights) -> None:
        """Who works here: in a team the login, with its role."""
        labels, role = self._labels, None if rights.role is None else self._labels(f"role.{rights.role}")
        self._who.setText(labels("status.user", name=rights.login) if role is None else labels("status.member", name=rights.login, role=role))
        self._who.setToolTip("" if role is None else labels("status.member.reason"))

    def _tell_sync(self, text: str) -> None:
        self._synced.setText(text)
        self._synced.setAccessibleName(text)
        self._synced.setVisible(bool(text))

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
        self._files.address = ""
        self._leave_middle()
        self._middle = view
        self._stack.addWidget(view)
        self._stack.setCurrentWidget(view)
        # Without a page the first way on has the keyboard, not a button that stands before it in the frame.
        view.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        view.setAccessibleName(self._labels("app.name"))
        (view.findChild(QPushButton) or view).setFocus()
        self._where.setText(self._labels("status.none"))
        self._where.setToolTip("")
        self._read_only.hide()
        self.setWindowTitle(self._labels("app.name"))
        self._enable()
        if self._side.topic == "help":
            self.help()

    def _leave_middle(self) -> None:
        if self._middle is not None:
            self._stack.removeWidget(self._middle)
            self._middle.deleteLater()
            self._middle = None

    def _drop_pages(self) -> None:
        if self._clockwork is not None:
            self._clockwork.deleteLater()
            self._clockwork = None
            self._tell_sync("")
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
        lost = self._tasks.lost_since is not None
        opened, writable = self.context is not None, self.context is not None and not self.context.read_only and not lost
        for command in COMMANDS:
            action = self.commands[command.key]
            action.setEnabled({"workspace": opened, "write": writable}.get(command.needs, True))
            why = "together.lost.read_only" if lost else "status.read_only.reason"
            reason = self._labels(why) if opened and command.needs == "write" and not writable else ""
            if self.context is not None and command.act is not None and not reason and not self.context.services.rights.may(command.act):
                action.setEnabled(False)
                reason = self.context.why(command.act)
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
        own = getattr(self.page, "export", None)
        if callable(own):
            own()
        else:
            self._files.export()

    def history(self) -> None:
        """Open the list of operations."""
        if self.context is not None:
            self._open(catalog.history()(self.context, self))

    def tiers(self) -> None:
        """Open the tier policy."""
        if self.context is not None:
            self._open(catalog.tiers()(self.context, self))

    def sync_now(self) -> None:
        """Pull every connection; where there is none, show where to make one."""
        if self._clockwork is not None:
            self._clockwork.now()

    def doctor(self) -> None:
        """Examine the workspace."""
        if self.context is not None:
            self._open(Doctor(self.context, self))

    def _undo(self) -> None:
        if self.context is not None:
            Steps(self.context, self).undo()

    def _redo(self) -> None:
        if self.context is not None:
            Steps(self.context, self).redo()

    # ------------------------------------------------------------ view commands

    def palette_(self) -> None:
        """Open the palette."""
        choices = [
            Choice(self._labels("palette.go", page=action.text()), shortcut(action), "right", action.trigger, str(action.data()))
            for action in self._goers.actions()
            if action.isEnabled()
        ]
        choices += [
            Choice(spoken(action), shortcut(action), command.icon, action.trigger, command.key)
            for command in COMMANDS
            if command.key != "view.palette" and (action := self.commands[command.key]).isEnabled()
        ]
        if self.page is not None:
            told = {choice.text for choice in choices}  # a page may offer a command of the frame as its own
            choices += [
                Choice(spoken(action), shortcut(action), "right", action.trigger)
                for action in self.page.actions()
                if action.isEnabled() and action.text() and spoken(action) not in told
            ]
        search = None
        if self.context is not None:
            creators = self.context.services.creators
            search = lambda text: creators.jump(text, limit=8)  # noqa: E731 (one expression, bound to this workspace)
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

    def _go_round(self, step: int) -> None:
        """Put the focus into the next part of the window, or the one before."""
        parts.go_round([self._navigation, *parts.of_page(self.page or self._middle), self._side, self._status], step)

    def turn_help(self) -> None:
        """Show or hide the help of the page."""
        if self._side.topic == "help":
            self._side.close()
        else:
            self.help()
            self._side.guide.text.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def help(self) -> None:
        """Explain the page that is shown."""
        chapter = self.page.help_key if self.page is not None else "start"
        actions = [*(self.page.actions() if self.page else ()), *self.commands.values()]
        shortcuts = [(shortcut(action), spoken(action)) for action in actions if shortcut(action) and action.isEnabled()]
        title = self._labels(f"page.{self._current}") if self._current else self._labels("app.name")
        self._side.help(self._labels("help.title", page=title), chapter, shortcuts)

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
        if path.suffix == ENDING:
            self._host.open(str(path))
        elif path.suffix == BACKUP_ENDING:
            self._files.restore(path, self.context.services.ref.address if self.context else "")
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
            self._leaving = ask(
                self, self._labels, self._labels("command.file.quit"), text, [(self._labels("quit.wait"), "wait"), (self._labels("quit.stop"), "stop")]
            )
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


def dropped(event: QDropEvent) -> Path | None:
    """The one local file that is dropped."""
    urls = [url for url in event.mimeData().urls() if url.isLocalFile()]
    return Path(urls[0].toLocalFile()) if len(urls) == 1 else None
