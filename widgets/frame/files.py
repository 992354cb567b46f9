# SPDX-License-Identifier: Apache-2.0
"""Workspaces and exports by way of the system's file choosers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox

from app.settings import default_workspace
from app.usecases.creators import Question
from widgets.dialogs import jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget

    from app.settings import Settings
    from app.values import Actor, WorkspaceRef
    from widgets.labels import Labels
    from widgets.messages import Messages
    from widgets.tasks import Tasks
    from widgets.theme import Theme

BACKUP_ENDING: Final = ".kocbackup"
ENDING: Final = ".koc"


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

    def open_database(self, ref: WorkspaceRef, remember: bool) -> None:  # noqa: FBT001 (a signal's)
        """Open a team's database in this window, and keep its password in the system's keyring if asked."""

    def create_database(self, ref: WorkspaceRef) -> None:
        """Make a workspace in a team's database and open it."""

    def create(self, address: str, *, sample: bool = False, force: bool = False) -> None:
        """Create a workspace and open it, maybe with the sample brand in it."""

    def restore(self, backup: Path, address: str) -> None:
        """Put a backup in a workspace's place and open it."""

    def rebuild(self) -> None:
        """Build the window anew from the settings."""


class Files:
    """Asks for files and has done with them what the user wants. ``address`` is that of the open workspace, or ""."""

    def __init__(self, host: Host, window: QWidget) -> None:
        """Ask on a window."""
        self._host, self._window, self._labels = host, window, host.labels
        self.address = ""

    def new(self) -> None:
        """Create a workspace where the user says."""
        chosen, _ = QFileDialog.getSaveFileName(
            self._window,
            self._labels("command.file.new"),
            str(self._folder() / (self._labels("file.new_name") + ENDING)),
            self._labels("file.kind.workspace", ending="*" + ENDING),
        )
        if chosen:
            path = Path(chosen)
            # The chooser asked whether to replace; what is replaced is kept beside the new one.
            path = path if path.suffix else path.with_suffix(ENDING)
            self._host.create(str(path), force=path.exists())

    def choose(self) -> None:
        """Open a workspace that the user names."""
        chosen, _ = QFileDialog.getOpenFileName(
            self._window,
            self._labels("command.file.open"),
            str(self._folder()),
            f"{self._labels('file.kind.workspace', ending='*' + ENDING)};;{self._labels('file.kind.all')}",
        )
        if chosen:
            self._host.open(chosen)

    def sample(self) -> None:
        """Make a workspace with the sample brand in it, where the program keeps its own."""
        folder = default_workspace().parent
        path, number = folder / (self._labels("file.sample_name") + ENDING), 2
        while path.exists():
            path, number = folder / f"{self._labels('file.sample_name')} {number}{ENDING}", number + 1
        self._host.create(str(path), sample=True)

    def back_up(self) -> None:
        """Write a backup where the user says; beside the workspace it is found again by itself."""
        is_file = "://" not in self.address
        beside = Path(self.address).parent if is_file else self._folder()
        day = self._labels.day(_now())
        name = f"{Path(self.address).stem if is_file else self._labels('status.workspace')}-{day}{BACKUP_ENDING}"
        chosen, _ = QFileDialog.getSaveFileName(
            self._window, self._labels("command.file.backup"), str(beside / name), self._labels("file.kind.backup", ending="*" + BACKUP_ENDING)
        )
        if chosen:
            path = Path(chosen) if chosen.endswith(BACKUP_ENDING) else Path(chosen + BACKUP_ENDING)
            self._host.tasks.run_child(
                self._window, jobs.back_up, (path,),
                lambda made: self._host.messages.toast(self._labels("backup.done", file=Path(str(made["file"])).name), kind="ok"),
                title=self._labels("command.file.backup"),
            )  # fmt: skip

    def choose_backup(self) -> None:
        """Restore a backup in the place of the open workspace, or of one that the user names."""
        self.restore(None, self.address or next(iter(self._host.settings.recent), ""))

    def restore(self, backup: Path | None, address: str) -> None:
        """Put a backup in a workspace's place, after saying what will happen."""
        if backup is None:
            folder = self._folder() if not address or "://" in address else Path(address).parent
            chosen, _ = QFileDialog.getOpenFileName(
                self._window, self._labels("restore.choose"), str(folder), self._labels("file.kind.backup", ending="*" + BACKUP_ENDING)
            )
            if not chosen:
                return
            backup = Path(chosen)
        if not address:
            address = str(backup.with_suffix(ENDING))
        if Path(address).exists() or "://" in address:
            text = self._labels("restore.ask", name=Path(address).name, backup=backup.name)
            if ask(self._window, self._labels, self._labels("command.file.restore"), text, [(self._labels("restore.do"), "do")]) != "do":
                return
        self._host.restore(backup, address)

    def _folder(self) -> Path:
        """Where a file chooser begins: beside the workspace that is or was open."""
        recent = [address for address in self._host.settings.recent if "://" not in address]
        if recent and Path(recent[0]).parent.is_dir():
            return Path(recent[0]).parent
        documents = Path.home() / "Documents"
        return documents if documents.is_dir() else Path.home()

    def export(self) -> None:
        """Write everybody into a file that the user names."""
        kinds = ";;".join(self._labels(f"file.kind.{kind}", ending=f"*.{kind}") for kind in ("xlsx", "csv"))
        name = self._labels("file.export_name", day=self._labels.day(_now())) + ".xlsx"
        chosen, _ = QFileDialog.getSaveFileName(self._window, self._labels("command.file.export"), str(self._folder() / name), kinds)
        if chosen:
            path = Path(chosen) if Path(chosen).suffix else Path(chosen + ".xlsx")
            self._host.tasks.run_child(
                self._window, jobs.export, (Question(), (), path),
                lambda rows: self._host.messages.toast(self._labels.plural("export.done", rows, file=path.name), kind="ok"),
                title=self._labels("command.file.export"),
            )  # fmt: skip


def ask(window: QWidget, labels: Labels, title: str, text: str, answers: Sequence[tuple[str, str]]) -> str:
    """Ask, with a verb on every button; "" for none of them."""
    box = QMessageBox(window)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setWindowTitle(title)
    box.setText(text)
    buttons = {box.addButton(words, QMessageBox.ButtonRole.AcceptRole): answer for words, answer in answers}
    cancel = box.addButton(labels("action.cancel"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    box.exec()
    return next((answer for button, answer in buttons.items() if button is box.clickedButton()), "")


def _now() -> int:
    return time.time_ns() // 1000
