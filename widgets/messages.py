# SPDX-License-Identifier: Apache-2.0
"""A failure becomes a sentence, a toast or a dialog; what nobody foresaw becomes a report with its secrets struck out."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

from app import reports
from app.errors import CancelledError, InputRefusedError, NotPermittedError, PlatformError, ProductError, UsageError, WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from widgets.labels import Labels

_KINDS: Final = (
    (CancelledError, "cancelled"),
    (InputRefusedError, "refused"),
    (UsageError, "usage"),
    (WorkspaceError, "workspace"),
    (PlatformError, "platform"),
    (NotPermittedError, "not_permitted"),
)
_KEPT: Final = 200


@dataclass(frozen=True, slots=True)
class Message:
    """A failure in words: what happened, what is safe, what to do next, and the id of its line in the log."""

    title: str
    text: str
    safe: str
    next: str
    log_id: str = ""

    @property
    def whole(self) -> str:
        """Everything as one text, to copy."""
        return "\n".join(part for part in (self.title, self.text, self.safe, self.next, self.log_id) if part)


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was said: a toast while it is new, a line of the notification list afterwards."""

    text: str
    kind: str = "info"
    action: tuple[str, Callable[[], object]] | None = None
    at: float = field(default_factory=time.time)


class Messages(QObject):
    """Says things to the user. ``toasted`` carries each Note when it is new, ``noted`` when the list changed."""

    toasted = Signal(object)
    noted = Signal(object)

    def __init__(self, labels: Labels, parent: QObject | None = None) -> None:
        """Speak through labels."""
        super().__init__(parent)
        self.labels = labels
        self.notes: list[Note] = []
        self._dialogs: list[QDialog] = []

    # ------------------------------------------------------------ words

    def sentence(self, error: ProductError, log_id: str = "") -> Message:
        """A failure in words; its own ``.safe`` and ``.next``, else those of its kind."""
        details = {name: self._detail(name, value) for name, value in error.details.items()}
        key = f"error.{error.code}"
        kind = next((name for base, name in _KINDS if isinstance(error, base)), "other")

        def part(end: str) -> str:
            own = f"{key}.{end}"
            return self.labels(own if self.labels.words.has(own) else f"error.kind.{kind}.{end}", **details)

        # A sentence that names options of the command line has another form for the window.
        said = next((name for name in (f"{key}.window", key) if self.labels.words.has(name)), "error.other")
        text = self.labels(said, **{"code": error.code, **details})
        return Message(part("title"), text, part("safe"), part("next"), self.labels("error.log_id", id=log_id) if log_id else "")

    def _detail(self, name: str, value: object) -> object:
        """Codes among a failure's details as words."""
        words = self.labels.words
        if name == "field":
            return self.labels.field(str(value))
        if name == "reason" and words.has(f"reject.{value}"):
            return words(f"reject.{value}")
        if name == "platform":
            return self.labels.platform(str(value))
        return value

    # ------------------------------------------------------------ toasts

    def toast(self, text: str, *, kind: str = "info", action: tuple[str, Callable[[], object]] | None = None) -> None:
        """Say something in passing; it stays in the notification list."""
        note = Note(text, kind, action)
        self._keep(note)
        self.toasted.emit(note)

    def _keep(self, note: Note) -> None:
        self.notes = [note, *self.notes][:_KEPT]
        self.noted.emit(note)

    def clear(self) -> None:
        """Empty the notification list."""
        self.notes = []
        self.noted.emit(None)

    def show(self, error: ProductError) -> None:
        """Tell a failure: in passing where the work goes on, as a dialog where the workspace is concerned."""
        if isinstance(error, CancelledError):
            self.toast(self.sentence(error).text)
            return
        message = self.sentence(error, self.log(error))
        if (isinstance(error, WorkspaceError) and error.code != "way_lost") or error.code == "unexpected":
            self._keep(Note(message.text, "error", (self.labels("action.details"), lambda: self.dialog(message))))
            self.dialog(message)
            return
        self.toast(f"{message.text} {message.next}".strip(), kind="error", action=(self.labels("action.details"), lambda: self.dialog(message)))

    def dialog(self, message: Message, parent: QWidget | None = None) -> QDialog:
        """Show a failure whole, without stopping anything else."""
        shown = ErrorDialog(message, self.labels, parent or QApplication.activeWindow())
        shown.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._dialogs.append(shown)  # without a parent nobody else keeps it
        shown.finished.connect(lambda: self._dialogs.remove(shown))
        shown.open()
        return shown

    # ------------------------------------------------------------ log

    def log(self, error: ProductError) -> str:
        """Write a line for a failure with words; returns its id."""
        given = error.details.get("log_id") if error.code == "unexpected" else None
        return str(given) if given else reports.note(error)

    def report(self, error: BaseException) -> str:
        """Save what nobody foresaw, secrets struck out; returns the id of the report."""
        return reports.save(error)


class ErrorDialog(QDialog):
    """What happened, what is safe, what to do next, and an id to copy."""

    def __init__(self, message: Message, labels: Labels, parent: QWidget | None = None) -> None:
        """Lay the message out."""
        super().__init__(parent)
        self.setWindowTitle(message.title)
        self.setMinimumWidth(460)
        box = QVBoxLayout(self)
        box.setContentsMargins(22, 20, 22, 16)
        box.setSpacing(10)
        box.addWidget(plain(message.text, role="heading", wrap=True))
        for name, text in (("error.safe", message.safe), ("error.next", message.next)):
            if text:
                box.addWidget(plain(labels(name), role="muted"))
                box.addWidget(plain(text, wrap=True))
        buttons = QDialogButtonBox(self)
        if message.log_id:
            shown = plain(message.log_id, role="muted")
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
            box.addWidget(shown)
            copy = QPushButton(labels("action.copy_error"), self)
            copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(message.whole))
            buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        close = QPushButton(labels("action.close"), self)
        close.setDefault(True)
        buttons.addButton(close, QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        box.addSpacing(6)
        box.addWidget(buttons)


def plain(text: str = "", *, role: str = "", wrap: bool = False, parent: QWidget | None = None) -> QLabel:
    """A label that shows its text literally; ``role`` is a word of the style sheet (title, heading, muted, figure ...)."""
    made = QLabel(text, parent)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if role:
        made.setProperty("role", role)
    return made


class Copyable(QLabel):
    """Literal text that can be marked and copied, by keyboard too; while it is empty, Tab passes it by."""

    def __init__(self, text: str = "", *, role: str = "", wrap: bool = True) -> None:
        """Show a text."""
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        if role:
            self.setProperty("role", role)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show another text."""
        super().setText(text)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus | Qt.FocusPolicy.TabFocus if text else Qt.FocusPolicy.NoFocus)


def tip(text: str) -> str:
    """A tooltip's text, literal even where it looks like markup."""
    return f"<span style='white-space:pre-wrap'>{html.escape(text)}</span>" if "<" in text else text
