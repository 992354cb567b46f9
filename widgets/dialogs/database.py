# SPDX-License-Identifier: Apache-2.0
"""Asks where a team's database is, and who one is there. What was typed as a password goes on at once and is kept nowhere here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from PySide6.QtCore import Signal
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QCheckBox, QDialog, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.values import WorkspaceRef
from widgets.messages import plain, tip

if TYPE_CHECKING:
    from widgets.labels import Labels
    from widgets.theme import Theme

_SCHEME: Final = "postgresql+psycopg"
_PORT: Final = 5432
_LAST_PORT: Final = 65_535


class DatabaseDialog(QDialog):
    """``wanted`` carries where to go, as a ``WorkspaceRef``, and whether its password is to be kept."""

    wanted = Signal(object, bool)

    def __init__(self, labels: Labels, theme: Theme, address: str = "", complaint: str = "", parent: QWidget | None = None) -> None:
        """Ask; ``address`` is one that was tried before, ``complaint`` what came of it."""
        super().__init__(parent)
        self._labels = labels
        self.setWindowTitle(labels("database.title"))
        self.setMinimumWidth(theme.px(460))
        box = QVBoxLayout(self)
        box.setContentsMargins(22, 20, 22, 16)
        box.setSpacing(12)
        box.addWidget(plain(labels("database.said"), role="muted", wrap=True))
        self.host, self.name, self.user, self.password = QLineEdit(), QLineEdit(), QLineEdit(), QLineEdit()
        self.port = QLineEdit(str(_PORT))
        self.port.setValidator(QIntValidator(1, _LAST_PORT, self))
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setPlaceholderText(labels("database.password.hint"))
        self.password.setToolTip(tip(labels("database.password.hint")))
        form = QFormLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(10)
        self._inputs: dict[str, QLineEdit] = {"host": self.host, "port": self.port, "name": self.name, "user": self.user, "password": self.password}
        for key, made in self._inputs.items():
            label = plain(labels(f"database.{key}"))
            label.setBuddy(made)
            made.setAccessibleName(label.text())
            form.addRow(label, made)
        self.remember = QCheckBox(labels("database.remember"))
        self.remember.setToolTip(tip(labels("database.remember.hint")))
        self.remember.setAccessibleDescription(labels("database.remember.hint"))
        form.addRow("", self.remember)
        box.addLayout(form)
        self.complaint = plain(complaint, role="danger", wrap=True)
        self.complaint.setVisible(bool(complaint))
        box.addWidget(self.complaint)
        box.addLayout(self._foot())
        self.host.textEdited.connect(self._pasted)
        self.password.textChanged.connect(lambda text: self.remember.setEnabled(bool(text)))
        self.remember.setEnabled(False)
        self._take(address)
        (self.password if address else self.host).setFocus()

    def _foot(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = QPushButton(self._labels("action.cancel"))
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.reject)
        self.open_button = QPushButton(self._labels("database.open"))
        self.open_button.setProperty("role", "primary")
        self.open_button.setDefault(True)
        self.open_button.clicked.connect(self.done_typing)
        row.addWidget(cancel)
        row.addWidget(self.open_button)
        return row

    def _pasted(self, text: str) -> None:
        if "://" in text:
            self._take(text.strip())

    def _take(self, address: str) -> None:
        """Fill in the parts of a whole address."""
        ref = WorkspaceRef.of(address)
        try:
            parts = urlsplit(ref.address)
            port = parts.port
        except ValueError:
            return  # no address yet
        if not parts.hostname:
            return
        self.host.setText(parts.hostname)
        self.port.setText(str(port or _PORT))
        self.name.setText(unquote(parts.path.strip("/")))
        self.user.setText(unquote(parts.username or ""))
        if ref.secret:
            self.password.setText(ref.secret)

    def done_typing(self) -> None:
        """Hand on where to go."""
        for key, made in self._inputs.items():
            if key != "password" and not made.text().strip():
                self.complaint.setText(self._labels("database.missing", field=self._labels(f"database.{key}")))
                self.complaint.show()
                made.setFocus()
                return
        host = self.host.text().strip()
        place = f"[{host}]" if ":" in host else host
        address = f"{_SCHEME}://{quote(self.user.text().strip(), safe='')}@{place}:{self.port.text()}/{quote(self.name.text().strip(), safe='')}"
        secret = self.password.text() or None
        self.wanted.emit(WorkspaceRef(address, secret), self.remember.isChecked() and secret is not None)
        self.accept()
