# SPDX-License-Identifier: Apache-2.0
"""Connect a platform and sign in: by the browser, or by a code pasted by hand; secrets go where the reader chose, never into a file."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QFormLayout, QHBoxLayout, QInputDialog, QLineEdit, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.errors import CancelledError, ProductError
from widgets.dialogs.mapping import Choice
from widgets.dialogs.notice import Notice
from widgets.messages import plain
from widgets.tables.syncing import interval, platform, stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.usecases.syncing import Connection, PlatformInfo
    from widgets.labels import Labels
    from widgets.page import Context
    from widgets.tasks import Task

_INTERVALS: Final = (0, 900, 3_600, 3 * 3_600, 6 * 3_600, 12 * 3_600, 86_400)
_NO_PLACE: Final = frozenset({"keyring_missing", "keyring_refused", "keyring_locked", "vault_locked", "vault_wrong"})
"""Failures that another place for secrets helps."""


def every_choices(labels: Labels) -> QComboBox:
    """How often something is pulled by itself; None: as its figures ask for."""
    choice = Choice()
    choice.addItem(labels("sync.every.advised"), None)
    for seconds in _INTERVALS:
        choice.addItem(interval(seconds, labels), seconds)
    choice.setAccessibleName(labels("sync.by_itself"))
    return choice


class _Form(QDialog):
    """A form with a notice above its buttons; ``connected`` tells the connection's name."""

    connected = Signal(str)

    def __init__(self, context: Context, title: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self._context = context
        self._task: Task | None = None
        self.setWindowTitle(title)
        self.setMinimumWidth(context.theme.px(540))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(22, 18, 22, 16)
        self._column.setSpacing(10)
        self._form = QFormLayout()
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self._notice = Notice(context.theme)
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setAccessibleName(title)
        self._busy.hide()
        self.finished.connect(self._leave)

    def open(self) -> None:
        """Show it; it goes when it is closed."""
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        super().open()

    @property
    def says(self) -> str:
        """What the message says."""
        return self._notice.words

    def _row(self, key: str, field: QWidget) -> None:
        label = plain(self._context.labels(key), role="muted")
        label.setBuddy(field)
        field.setAccessibleName(self._context.labels(key))
        self._form.addRow(label, field)

    def _foot(self, *buttons: QPushButton) -> None:
        row = QHBoxLayout()
        row.addStretch(1)
        for button in buttons:
            row.addWidget(button)
        self._column.addWidget(self._notice)
        self._column.addWidget(self._busy)
        self._column.addStretch(1)
        self._column.addLayout(row)

    def _wait(self, task: Task | None) -> None:
        self._task = task
        self._busy.setVisible(task is not None)

    def _leave(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _complain(self, error: ProductError, again: Callable[[], None]) -> None:
        """Say what failed; where secrets have no place, offer others."""
        self._wait(None)
        if isinstance(error, CancelledError):
            self._notice.silence()
            return
        labels = self._context.labels
        ways: list[tuple[str, Callable[[], None]]] = []
        if error.code in _NO_PLACE:
            ways = [(labels("secrets.session"), lambda: self._keep_in("session", again)), (labels("secrets.vault"), lambda: self._keep_in("vault", again))]
        self._notice.fail(self._context.messages, error, ways)

    def _keep_in(self, place: str, again: Callable[[], None]) -> None:
        labels, phrase = self._context.labels, ""
        if place == "vault":
            phrase, given = QInputDialog.getText(self, labels("secrets.vault"), labels("secrets.vault.ask"), QLineEdit.EchoMode.Password)
            if not given:
                return
        syncing = self._context.services.syncing
        self._notice.silence()
        self._context.tasks.run(self, lambda: syncing.keep_in(place, phrase), lambda _: again(), lambda error: self._complain(error, again), lane="net")


class Connect(_Form):
    """What platform, what to call it, and the app's own id and secret; then the sign-in."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        """Ask for what every platform needs."""
        labels = context.labels
        super().__init__(context, labels("sync.connect"), parent)
        self._platforms = {one.name: one for one in context.services.syncing.catalog()}
        self.platform = Choice()
        for name in self._platforms:
            self.platform.addItem(platform(name, labels), name)
        self.platform.currentIndexChanged.connect(lambda _: self._describe())
        self.name, self.app_id, self.secret, self.address = QLineEdit(), QLineEdit(), QLineEdit(), QLineEdit()
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.address.setPlaceholderText("https://")
        self._row("sync.col.platform", self.platform)
        self._row("sync.col.name", self.name)
        self._row("sync.app_id", self.app_id)
        self._row("sync.app_secret", self.secret)
        self._reads = plain("", role="muted", wrap=True)
        self.other = QCheckBox(labels("sync.other_address"))
        self.other.toggled.connect(self.address.setVisible)
        self.address.setAccessibleName(labels("sync.other_address"))
        self.address.hide()
        self._column.addLayout(self._form)
        self._column.addWidget(self.other)
        self._column.addWidget(self.address)
        self._column.addWidget(self._reads)
        self._column.addWidget(plain(labels("secrets.note"), role="muted", wrap=True))
        cancel = QPushButton(labels("action.cancel"))
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.reject)
        self.go = QPushButton(labels("sync.connect.go"))
        self.go.setDefault(True)
        self.go.clicked.connect(self.add)
        self._foot(cancel, self.go)
        self._describe()
        self.name.setFocus()

    def _describe(self) -> None:
        labels, info = self._context.labels, self._info
        names = labels("list.separator").join(stream(one.name, labels) for one in info.streams)
        said = [labels("sync.reads", what=names), labels("sync.never_writes")]
        if info.leaves_mainland:
            said.append(labels("sync.leaves_mainland"))
        self._reads.setText("\n".join(said))
        taken = {one for one in self._titles() if one}
        if not self.name.text().strip() or self.name.text() in taken:
            self.name.setText(platform(info.name, labels))
            self.name.selectAll()

    def _titles(self) -> list[str]:
        return [platform(name, self._context.labels) for name in self._platforms]

    @property
    def _info(self) -> PlatformInfo:
        return self._platforms[str(self.platform.currentData())]

    def add(self) -> None:
        """Add the connection, then sign in."""
        self._notice.silence()
        syncing = self._context.services.syncing
        chosen, name, app_id = self._info.name, self.name.text().strip(), self.app_id.text().strip() or None
        secret, address = self.secret.text(), self.address.text().strip() if self.other.isChecked() else ""
        self.go.setEnabled(False)

        def failed(error: ProductError) -> None:
            self.go.setEnabled(True)
            self._complain(error, self.add)

        self._wait(
            self._context.tasks.run(
                self, lambda: syncing.add(chosen, name, base_url=address or None, app_id=app_id, secret=secret), self._added, failed, lane="net"
            )
        )

    def _added(self, connection: Connection) -> None:
        self._wait(None)
        self.secret.clear()
        self.follow_up = SignIn(self._context, connection, self.parentWidget())
        self.follow_up.connected.connect(self.connected)
        # Whoever closes the sign-in has a connection that waits for it.
        self.follow_up.rejected.connect(lambda: self.connected.emit(connection.name))
        self.accept()
        self.follow_up.open()


class SignIn(_Form):
    """By the browser on this computer, or by hand from any."""

    def __init__(self, context: Context, connection: Connection, parent: QWidget | None = None) -> None:
        """Offer both ways."""
        labels = context.labels
        super().__init__(context, labels("sync.sign_in.title", name=connection.name), parent)
        self._connection = connection
        self._state: str | None = None
        self._column.addWidget(plain(labels("sync.sign_in.say", platform=platform(connection.platform, labels)), wrap=True))
        self.browser = QPushButton(context.theme.icon("right"), labels("sync.sign_in.browser"))
        self.browser.setDefault(True)
        self.browser.clicked.connect(self.by_browser)
        self._column.addWidget(self.browser, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addSpacing(6)
        self._column.addWidget(plain(labels("sync.sign_in.by_hand"), role="muted", wrap=True))
        row = QHBoxLayout()
        self.address = QLineEdit()
        self.address.setReadOnly(True)
        self.address.setAccessibleName(labels("sync.sign_in.address"))
        show = QPushButton(labels("sync.sign_in.show_address"))
        show.setAutoDefault(False)
        show.clicked.connect(self.show_address)
        row.addWidget(self.address, 1)
        row.addWidget(show)
        self._column.addLayout(row)
        pasted = QHBoxLayout()
        self.code = QLineEdit()
        self.code.setPlaceholderText(labels("sync.sign_in.paste"))
        self.code.setAccessibleName(labels("sync.sign_in.paste"))
        self.code.setEchoMode(QLineEdit.EchoMode.PasswordEchoOnEdit)
        self.confirm = QPushButton(labels("sync.sign_in.confirm"))
        self.confirm.setAutoDefault(False)
        self.confirm.clicked.connect(self.by_hand)
        self.code.textChanged.connect(lambda text: self.confirm.setEnabled(bool(text.strip())))
        self.confirm.setEnabled(False)
        pasted.addWidget(self.code, 1)
        pasted.addWidget(self.confirm)
        self._column.addLayout(pasted)
        close = QPushButton(labels("action.close"))
        close.setAutoDefault(False)
        close.clicked.connect(self.reject)
        self._foot(close)

    def by_browser(self) -> None:
        """Open the platform's page and wait for its answer."""
        labels, syncing, name = self._context.labels, self._context.services.syncing, self._connection.name
        self.browser.setEnabled(False)
        self._notice.say("info", labels("sync.sign_in.waiting"), labels("sync.sign_in.waiting.how"))
        self._wait(
            self._context.tasks.run_job(self, lambda task: syncing.login(name, _open, task), lambda _: self._done(), self._fails(self.by_browser), lane="net")
        )

    def show_address(self) -> None:
        """Show the address to open, here or on another computer."""
        syncing, name = self._context.services.syncing, self._connection.name

        def told(answer: tuple[str, str]) -> None:
            url, self._state = answer
            self.address.setText(url)
            self.address.setCursorPosition(0)
            self.address.selectAll()
            self.address.setFocus()

        self._context.tasks.run(self, lambda: syncing.by_hand(name), told, self._fails(self.show_address), lane="net")

    def by_hand(self) -> None:
        """Hand over what was pasted: a code, or the address that the browser ended at."""
        syncing, name, pasted, state = self._context.services.syncing, self._connection.name, self.code.text().strip(), self._state
        self._notice.silence()
        self._wait(self._context.tasks.run(self, lambda: syncing.exchange(name, pasted, state), lambda _: self._done(), self._fails(self.by_hand), lane="net"))

    def _fails(self, again: Callable[[], None]) -> Callable[[ProductError], None]:
        def failed(error: ProductError) -> None:
            self.browser.setEnabled(True)
            self._complain(error, again)

        return failed

    def _done(self) -> None:
        self._wait(None)
        self.code.clear()
        self.connected.emit(self._connection.name)
        self.accept()


def _open(url: str) -> None:
    """Open an address in the reader's browser."""
    webbrowser.open(url)
