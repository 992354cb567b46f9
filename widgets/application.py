# SPDX-License-Identifier: Apache-2.0
"""The desktop program as a whole: language and look, one window per workspace, opening off the main thread, the last resort."""

from __future__ import annotations

import argparse
import contextlib
import gc
import getpass
import hashlib
import os
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QEventLoop, QLibraryInfo, QLocale, QObject, QSettings, Qt, QTimer, QTranslator
from PySide6.QtGui import QGuiApplication
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication

from app.errors import ProductError, WorkspaceError
from app.settings import LANGUAGE, THEME, Settings, default_workspace
from app.values import DEFAULT_ZONE, Actor, WorkspaceRef
from app.words import Words, normalise, system_language
from widgets import catalog, theme
from widgets.dialogs import jobs
from widgets.labels import Labels
from widgets.main_window import MainWindow
from widgets.messages import Messages
from widgets.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from app.services import Open, Services

_KNOCK_MS: Final = 800
_PICTURE_PATIENCE: Final = 60
_BREATH_MS: Final = 8
_CALM: Final = 3
"""Looks in a row at which nothing is under way: a result may ask for more."""

_LOCKED_BYTES: Final = 1
_SWITCH_SECONDS: Final = 0.001
"""How long a thread that works may keep the interpreter from the window: painting a table asks for it hundreds of times."""
_LOADED_MS: Final = 3_000
"""By then the code is loaded. It stays, so that collecting garbage need not look at all of it again, which stopped the window for 0.1 s and more."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the program was started with."""

    workspace: str | None = None
    language: str | None = None
    look: str | None = None
    page: str = ""
    pictures: Path | None = None
    whole: bool = False


def parse(argv: Sequence[str]) -> Options:
    """Options of a command line; a mistake ends the program with a sentence, as ``--help`` does."""
    words = Words(system_language())
    parser = argparse.ArgumentParser(prog="koc-desk", description=words("desk.help"))
    parser.add_argument("workspace", nargs="?", metavar="WORKSPACE", help=words("desk.help.workspace"), default=os.environ.get("KOC_WORKSPACE"))
    parser.add_argument("--lang", choices=("zh", "en"), help=words("desk.help.lang"))
    parser.add_argument("--theme", choices=theme.NAMES, help=words("desk.help.theme"))
    parser.add_argument("--page", choices=[entry.key for entry in catalog.PAGES], default="", help=words("desk.help.page"))
    parser.add_argument("--pictures", metavar="DIR", type=Path, help=words("desk.help.pictures"))
    parser.add_argument("--whole", action="store_true", help=words("desk.help.whole"))
    given = parser.parse_args(list(argv))
    return Options(given.workspace, given.lang, given.theme, given.page, given.pictures, given.whole)


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening in a thread hands over: the services, and the hold on their file."""

    services: Services
    hold: Hold


class Application(QObject):
    """Fulfils ``Host``: holds the open workspace, builds windows, opens, creates and restores."""

    def __init__(self, app: QApplication, opener: Callable[[], Open], options: Options, settings: Settings | None = None) -> None:
        """Dress the application; ``opener`` is asked in a thread, for it loads the store."""
        super().__init__()
        self._app, self._opener, self._options = app, opener, options
        self.settings = settings or Settings()
        self.actor = Actor(login())
        self._language, self._look = options.language, options.look
        self._page = options.page
        self._opened: Opened | None = None
        self._translator: QTranslator | None = None
        self._server: QLocalServer | None = None
        self.labels, self.theme, self.messages = self._dress(DEFAULT_ZONE)
        self.tasks = Tasks(None, None, self.actor, self.messages)
        self.window = MainWindow(self)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._scheme_changed)

    # ------------------------------------------------------------ language and look

    def _dress(self, zone: str) -> tuple[Labels, theme.Theme, Messages]:
        wanted = self._language or self.settings.get(LANGUAGE)
        words = Words(next(iter(QLocale.system().uiLanguages()), system_language()) if wanted == "system" else normalise(wanted))
        self._translate(words.language)
        look = theme.apply(self._app, self._look or self.settings.get(THEME))
        labels = Labels(words, zone)
        return labels, look, Messages(labels)

    def _translate(self, language: str) -> None:
        """Qt's own buttons and choosers in the same language."""
        if self._translator is not None:
            self._app.removeTranslator(self._translator)
        self._translator = QTranslator(self)
        if self._translator.load(f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
            self._app.installTranslator(self._translator)
        self._app.setApplicationName("KOC Desk")
        self._app.setApplicationDisplayName("")

    def _scheme_changed(self) -> None:
        if (self._look or self.settings.get(THEME)) == "system":
            QTimer.singleShot(0, self.rebuild)

    def rebuild(self, language: str | None = None, look: str | None = None) -> None:
        """Build the window anew from the settings, or in a language and look that are named; it stands where the old one stood."""
        self._language, self._look = language, look
        old, page = self.window, self.window.page_key
        notes = self.messages.notes
        self.labels, self.theme, self.messages = self._dress(self.labels.zone)
        self.messages.notes = notes
        self.tasks.messages = self.messages
        self.window = MainWindow(self)
        self.window.restoreGeometry(old.saveGeometry())
        old.blockSignals(True)  # noqa: FBT003 (Qt's own)
        self.window.show()
        old.discard()
        old.deleteLater()
        if self._opened is not None:
            self.window.show_workspace(self._opened.services, page)
        else:
            self._first()

    # ------------------------------------------------------------ start and end

    def start(self) -> None:
        """Show the window; what it shows is opened once it has been painted."""
        self._restore_geometry()
        self.window.show()
        QTimer.singleShot(0, self._first)

    def _first(self) -> None:
        address = self._options.workspace or next(iter(self.settings.recent), None)
        if address is None and default_workspace().is_file():
            address = str(default_workspace())
        if address is None:
            self.window.show_welcome()
        else:
            self.open(address)

    def stop(self) -> bool:
        """Let go of everything; whether nothing is left running."""
        self._keep_geometry()
        ended = self.tasks.close()
        self._let_go(now=True)
        return ended

    def _restore_geometry(self) -> None:
        self.window.resize(1280, 800)
        kept = self._window_settings().value("geometry")
        if kept is not None:
            self.window.restoreGeometry(kept)

    def _keep_geometry(self) -> None:
        self._window_settings().setValue("geometry", self.window.saveGeometry())

    def _window_settings(self) -> QSettings:
        return QSettings(str(self.settings.path.with_name("window.ini")), QSettings.Format.IniFormat)

    # ------------------------------------------------------------ workspaces

    def open(self, address: str) -> None:
        """Open a workspace; the one that is open is closed once the other stands."""
        self.open_database(WorkspaceRef.of(address if "://" in address else str(Path(address).expanduser().absolute())))

    def open_database(self, ref: WorkspaceRef, remember: bool = False) -> None:  # noqa: FBT001, FBT002 (a signal's)
        """Open a workspace by its reference, and keep the password of a team's database in the system's keyring if asked."""
        if self._opened is not None and self._opened.services.ref == ref:
            self.window.raise_()
            return
        self._enter(ref, lambda opener, ref: opener(ref, self.actor, early=True), partial(self._remember, ref) if remember else None)

    def create_database(self, ref: WorkspaceRef) -> None:
        """Make a workspace in a team's database and open it."""
        self._enter(ref, lambda opener, ref: opener.create(ref, self.actor))

    def _remember(self, ref: WorkspaceRef) -> None:
        opener = self._opener()
        self.tasks.run(self, lambda: opener.remember(ref), lambda _: self.messages.toast(self.labels("database.remembered"), kind="ok"), lane="net")

    def create(self, address: str, *, sample: bool = False, force: bool = False) -> None:
        """Create a workspace and open it, maybe with the sample brand in it."""
        address = str(Path(address).absolute())
        if self._opened is not None and self._opened.services.ref.address == address:
            self._let_go()  # its file is about to be set aside
        ref = WorkspaceRef(address)
        self._enter(ref, lambda opener, ref: opener.create(ref, self.actor, force=force), self._fill if sample else None)

    def restore(self, backup: Path, address: str) -> None:
        """Put a backup in a workspace's place and open it."""
        made: list[Mapping[str, object]] = []

        def enter(opener: Open, ref: WorkspaceRef) -> Services:
            made.append(opener.restore(backup, ref, force=True))
            return opener(ref, self.actor)

        def told() -> None:
            created = str(made[0].get("created", ""))[:16].replace("T", " ")
            said, paused = [self.labels("restore.done", created=created)], made[0].get("paused")
            if isinstance(paused, list) and paused:
                said.append(self.labels("restore.paused", names=self.labels("list.separator").join(paused)))
            self.messages.toast("\n".join(said), kind="ok")

        if self._opened is not None and self._opened.services.ref.address == address:
            self._let_go()  # its file is about to be replaced
        self._enter(WorkspaceRef(address), enter, told)

    def _enter(self, ref: WorkspaceRef, enter: Callable[[Open, WorkspaceRef], Services], then: Callable[[], None] | None = None) -> None:
        if self._opened is None:
            self.window.show_opening(ref.address)

        def done(opened: Opened) -> None:
            self._stands(opened)
            if then is not None:
                then()

        self.tasks.run(self, lambda: self._held(ref, enter), done, lambda error: self._not_opened(ref, error), lane="open")

    def _held(self, ref: WorkspaceRef, enter: Callable[[Open, WorkspaceRef], Services]) -> Opened:
        """Enter a workspace that no other window holds; runs in a thread."""
        opener = self._opener()
        hold = Hold.take(ref)
        with contextlib.ExitStack() as undone:
            undone.callback(hold.release)
            services = enter(opener, ref)
            undone.callback(services.close)
            opened = Opened(services, hold)
            undone.pop_all()
            return opened

    def _not_opened(self, ref: WorkspaceRef, error: ProductError) -> None:
        if error.code == "in_use" and knock(ref.address):
            if self._opened is None:
                self._app.quit()  # the other window is in front now
            return
        asked = ref.is_url and error.code in {"password_needed", "missing"}
        if self._opened is None:
            self.window.show_trouble(error, ref.address)
        elif not asked:
            self.messages.show(error)
        if asked and error.code == "password_needed":
            self.window.ask_database(ref.address, self.messages.sentence(error).text)
        elif asked:
            self.window.ask_new_team(ref)

    def _stands(self, opened: Opened) -> None:
        self._let_go()
        self._opened = opened
        self.labels.zone = opened.services.zone
        self.tasks.opener = self._opener()  # loaded by now
        self.tasks.attach(opened.services)
        address = opened.services.ref.address
        self.settings.opened(address)  # a password is never part of it
        self._listen(address)
        self.window.show_workspace(opened.services, self._page)
        self._page = ""

    def _fill(self) -> None:
        self.tasks.run_child(
            self,
            jobs.fill_sample,
            (),
            lambda _: self.messages.toast(self.labels("sample.done"), kind="ok"),
            title=self.labels("command.file.sample"),
        )

    def _let_go(self, *, now: bool = False) -> None:
        if self._server is not None:
            self._server.close()
            self._server.deleteLater()
            self._server = None
        if self._opened is not None:
            opened, self._opened = self._opened, None
            self.tasks.attach(None)
            if now:
                _close(opened)
            else:
                self.tasks.run(None, lambda: _close(opened), lane="write")

    # ------------------------------------------------------------ one window

    def _listen(self, address: str) -> None:
        """Come to the front when a second start asks for the same workspace."""
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        QLocalServer.removeServer(door(address))  # left by a crash; the lock says that nobody else is there
        self._server.listen(door(address))
        self._server.newConnection.connect(self._knocked)

    def _knocked(self) -> None:
        if self._server is not None:
            connection = self._server.nextPendingConnection()
            connection.disconnected.connect(connection.deleteLater)
            connection.write(b"here")
            connection.flush()
            connection.disconnectFromServer()
        window = self.window
        window.setWindowState((window.windowState() & ~Qt.WindowState.WindowMinimized) | Qt.WindowState.WindowActive)
        window.show()
        window.raise_()
        window.activateWindow()
        self._app.alert(window)

    # ------------------------------------------------------------ pictures

    def settled(self) -> bool:
        """Whether nothing is under way and the page is complete."""
        page = self.window.page
        return self.tasks.idle() and (page is None or page.settled())

    def pictures(self, folder: Path) -> None:
        """Write every page in both languages and looks, one PNG each."""
        from widgets import pictures  # noqa: PLC0415 (nobody who works needs it)

        pictures.take(self, folder, whole=self._options.whole)

    def wait(self) -> None:
        """Let everything arrive and be painted."""
        until = time.monotonic() + _PICTURE_PATIENCE
        calm = 0
        while calm < _CALM and time.monotonic() < until:
            loop = QEventLoop()
            QTimer.singleShot(_BREATH_MS, loop.quit)
            loop.exec()
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            calm = calm + 1 if self.settled() else 0


# ---------------------------------------------------------------- one window per workspace


class Hold:
    """A workspace held by one window, by a lock of the system on a file beside it: free at once when the program dies."""

    def __init__(self, path: Path | None = None, file: int | None = None) -> None:
        """Hold a locked file, or nothing."""
        self._path, self._file = path, file

    @classmethod
    def take(cls, ref: WorkspaceRef) -> Hold:
        """Hold a workspace; WorkspaceError when another window does. A team's database and a read-only folder need no hold."""
        if ref.is_url:
            return cls()
        workspace = Path(ref.address)
        path = workspace.with_name(f".{workspace.name}.lock")
        while True:
            try:
                file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            except OSError:
                return cls()  # whoever cannot write here cannot disturb anybody either
            if not _lock(file):
                os.close(file)
                raise WorkspaceError("in_use", path=ref.address)
            if _same(path, file):
                return cls(path, file)
            os.close(file)  # its holder took it away while we waited for it

    def release(self) -> None:
        """Let others in."""
        if self._file is not None and self._path is not None:
            file, self._file = self._file, None
            if sys.platform == "win32":
                os.close(file)  # an open file cannot be removed there
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            if sys.platform != "win32":
                os.close(file)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, _LOCKED_BYTES)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _same(path: Path, file: int) -> bool:
    """Whether a path still names an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except OSError:
        return False


def door(address: str) -> str:
    """Name under which the window of a workspace is called to the front."""
    who = f"{login()}\n{address}"
    return f"koc-desk-{hashlib.sha256(who.encode()).hexdigest()[:20]}"


def knock(address: str) -> bool:
    """Call the window that holds a workspace to the front; whether it answered."""
    socket = QLocalSocket()
    socket.connectToServer(door(address))
    answered = socket.waitForConnected(_KNOCK_MS) and (socket.bytesAvailable() > 0 or socket.waitForReadyRead(_KNOCK_MS))
    socket.abort()
    return answered


def login() -> str:
    """Name of the user of this computer."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "user"


def _close(opened: Opened) -> None:
    opened.services.close()
    opened.hold.release()


# ---------------------------------------------------------------- run


@contextlib.contextmanager
def last_resort(application: Application) -> Iterator[None]:
    """While it lasts, what nobody caught is saved as a report and told in words."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        del trace
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        messages = application.messages
        known = error if isinstance(error, ProductError) else ProductError("unexpected", log_id=messages.report(error))
        messages.show(known)

    sys.excepthook = hook
    try:
        yield
    finally:
        sys.excepthook = before


def run(argv: Sequence[str], opener: Callable[[], Open]) -> int:
    """Run the program until its window is closed."""
    options = parse(argv)
    sys.setswitchinterval(_SWITCH_SECONDS)
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontShowIconsInMenus, on=False)
    app = QApplication([sys.argv[0]])
    app.setQuitOnLastWindowClosed(True)
    app.setDesktopFileName("koc-desk")
    app.setWindowIcon(theme.program_icon())
    application = Application(app, opener, options)
    with last_resort(application):
        application.start()
        QTimer.singleShot(_LOADED_MS, gc.freeze)
        code = app.exec() if options.pictures is None else _take_pictures(application, options.pictures)
        ended = application.stop()
    if not ended:
        # Something in a thread does not come back; the data is safe, for its transaction never ends.
        os._exit(code)
    return code


def _take_pictures(application: Application, folder: Path) -> int:
    QApplication.processEvents()
    application.wait()
    application.pictures(folder)
    return 0
