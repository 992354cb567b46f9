# SPDX-License-Identifier: Apache-2.0
"""What was done to the data, newest first: any one operation can be undone or redone whole; rows an import left out can be seen and saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QCheckBox, QDialog, QFileDialog, QHBoxLayout, QProgressBar, QPushButton, QSplitter, QVBoxLayout, QWidget

from app.errors import CancelledError, ProductError
from app.events import Event, OperationRecorded
from app.rules.rights import Act
from widgets.dialogs import jobs
from widgets.dialogs.notice import Notice, shown
from widgets.dialogs.preview import REJECTS, Listing, kept_words, reason_of, reject_column, reject_lines, where_of
from widgets.messages import plain
from widgets.tables.columns import Column

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QCloseEvent

    from app.usecases.workspace import Operation, RejectedRow, Undone
    from widgets.labels import Labels
    from widgets.page import Context
    from widgets.tasks import Task

_IMPORTS: Final = "import."
_MOST: Final = 500
_COUNTS: Final = ("inserted", "updated", "unchanged", "rejected", "duplicates")


def what(operation: Operation, labels: Labels) -> str:
    """An operation in words, with what it set."""
    summary = operation.summary
    said = shown(labels.operation(operation.kind, summary), 120)
    if summary.get("stage"):
        return f"{said}  {labels.value('stage', summary['stage'])}"
    tags = ((sign, summary.get(name)) for name, sign in (("added", "+"), ("removed", "−")))
    return "  ".join([said, *(sign + shown(" ".join(map(str, words)), 60) for sign, words in tags if isinstance(words, list) and words)])


def counts(operation: Operation, labels: Labels) -> str:
    """How many rows an operation added, changed, left."""
    summary = operation.summary
    parts = [f"{labels(f'report.{name}')} {labels.exact(value)}" for name in _COUNTS if isinstance(value := summary.get(name), int) and value]
    for name in ("creators", "moved", "count"):
        if isinstance(value := summary.get(name), int):
            parts.append(labels.plural("history.creators", value))
            break
    return "  ".join(parts)


def state(operation: Operation, labels: Labels) -> str:
    """Whether an operation stands."""
    return labels("history.stands") if operation.undone_at is None else labels("history.undone_at", when=labels.time(operation.undone_at))


COLUMNS: Final = (
    Column("at", "history.at", lambda one, labels: labels.time(one.at), sort="at", order=lambda one: one.at, width=130),
    Column("what", "history.what", what, sort="what", width=320),
    Column("counts", "history.counts", counts, width=220),
    Column("by", "history.by", lambda one, _: shown(one.by, 40), sort="by", width=90),
    Column("state", "history.state", state, width=190, ink=lambda one: "text" if one.undone_at is None else "text_muted"),
)


class History(QDialog):
    """A list with undo and redo; what an undo had to keep is said with its reason."""

    settled = Signal()
    """Nothing is under way any more."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        """Load what was done."""
        super().__init__(parent)
        self.context = context
        self.undone: Undone | None = None
        self._task: Task | None = None
        self._rejected: list[RejectedRow] = []
        labels = context.labels
        self.setWindowTitle(labels("history.title"))
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.resize(context.theme.px(1080), context.theme.px(640))
        box = QVBoxLayout(self)
        box.setContentsMargins(18, 14, 18, 14)
        box.setSpacing(10)
        box.addLayout(self._top())
        self._notice = Notice(context.theme)
        box.addWidget(self._notice)
        self.listing = Listing(context, COLUMNS, labels("history.title"), key="history", empty=labels("history.empty"))
        self.listing.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.rejects = Listing(context, REJECTS, labels("import.rejects"), key="history.rejects", empty=labels("import.no_rejects"))
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self.listing.view)
        split.addWidget(self._below())
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        box.addWidget(split, 1)
        box.addLayout(self._footer())
        self.listing.view.selectionModel().currentRowChanged.connect(lambda *_: self._chosen())
        context.tasks.announced.connect(self._heard)
        context.tasks.progressed.connect(self._progressed)
        self.listing.view.setFocus()
        self._show_state()
        self.reload()

    def _top(self) -> QHBoxLayout:
        labels = self.context.labels
        row = QHBoxLayout()
        row.addWidget(plain(labels("history.note"), role="muted"), 1)
        self.only_imports = QCheckBox(labels("history.only_imports"))
        self.only_imports.toggled.connect(lambda _: self.reload())
        row.addWidget(self.only_imports)
        return row

    def _below(self) -> QWidget:
        self._panel = QWidget()
        box = QVBoxLayout(self._panel)
        box.setContentsMargins(0, 8, 0, 0)
        row = QHBoxLayout()
        row.addWidget(plain(self.context.labels("import.rejects"), role="heading"), 1)
        self._save = self._button("import.save_rejects", self._ask_where)
        row.addWidget(self._save)
        box.addLayout(row)
        box.addWidget(self.rejects.view, 1)
        self._panel.hide()
        return self._panel

    def _footer(self) -> QHBoxLayout:
        labels = self.context.labels
        row = QHBoxLayout()
        row.setSpacing(8)
        self._doing = plain(role="muted")
        self._bar = QProgressBar()
        self._bar.setRange(0, 0)
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(self.context.theme.px(160))
        self._bar.setAccessibleName(labels("import.progress"))
        self._stop = self._button("action.cancel", self.cancel)
        for widget in (self._doing, self._bar, self._stop):
            row.addWidget(widget)
        row.addStretch(1)
        self._show = self._button("history.show", self.show_creators)
        self._undo = self._button("history.undo", self.undo)
        self._redo = self._button("history.redo", self.redo)
        for button in (self._show, self._undo, self._redo, self._button("action.close", self.close)):
            row.addWidget(button)
        return row

    def _button(self, key: str, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(self.context.labels(key))
        button.setAutoDefault(False)
        button.clicked.connect(lambda _checked=False: act())
        return button

    # ------------------------------------------------------------ list

    def reload(self) -> None:
        """Ask again what was done."""
        kind = _IMPORTS if self.only_imports.isChecked() else None
        workspace = self.context.services.workspace
        self.context.tasks.run(self, lambda: workspace.operations(kind, _MOST), self._loaded, lane="read")

    def _loaded(self, operations: list[Operation]) -> None:
        here = self.chosen
        self.listing.show(operations)
        if operations:
            place = self.listing.model.position_of(here.id) if here else None
            self.listing.view.setCurrentIndex(self.listing.model.index(place or 0, 0))
        self._chosen()
        self.settled.emit()

    @property
    def chosen(self) -> Operation | None:
        """The operation that is pointed at."""
        found = self.listing.model.record(self.listing.view.currentIndex().row()) if self.listing.view.currentIndex().isValid() else None
        return found  # noqa: RET504 (a record of this table is an operation)

    def choose(self, operation_id: int) -> None:
        """Point at an operation."""
        place = self.listing.model.position_of(operation_id)
        if place is not None:
            self.listing.view.setCurrentIndex(self.listing.model.index(place, 0))

    def _chosen(self) -> None:
        self._show_state()
        one = self.chosen
        rejected = one is not None and bool(one.summary.get("rejected"))
        self._panel.setVisible(rejected)
        if one is None or not rejected:
            self._rejected = []
            self.rejects.show([])
            return
        workspace, wanted = self.context.services.workspace, one.id

        def loaded(rows: list[RejectedRow]) -> None:
            if self.chosen is not None and self.chosen.id == wanted:
                self._rejected = rows
                self.rejects.show(reject_lines(rows[: jobs.SHOWN]))

        self.context.tasks.run(self, lambda: workspace.rejected(wanted), loaded, lane="read")

    def _heard(self, event: Event) -> None:
        if isinstance(event, OperationRecorded):
            self.reload()

    # ------------------------------------------------------------ acts

    def undo(self) -> None:
        """Take the chosen operation back, whole, even after later ones."""
        self._turn(jobs.undo, "history.undoing", "history.undone")

    def redo(self) -> None:
        """Do the chosen operation again."""
        self._turn(jobs.redo, "history.redoing", "history.redone")

    def cancel(self) -> None:
        """Stop; what was begun is taken back."""
        if self._task is not None:
            self._task.cancel()
            self._doing.setText(self.context.labels("import.stopping"))

    def _turn(self, function: Callable[..., Undone], doing: str, said: str) -> None:
        one, labels = self.chosen, self.context.labels
        if one is None or self._task is not None:
            return
        name = f"{what(one, labels)} {labels.time(one.at)}"

        def done(undone: Undone) -> None:
            self._task, self.undone = None, undone
            text = labels("history.figures", removed=labels.exact(undone.inserted_removed), reverted=labels.exact(undone.updates_reverted))
            if undone.kept:
                text += f"\n{labels.plural('import.kept', len(undone.kept))}\n{kept_words(undone.kept, labels)}"
            self._notice.say("warning" if undone.kept else "ok", labels(said, name=name), text)
            self.reload()

        def failed(error: ProductError) -> None:
            self._task = None
            self._show_state()
            if isinstance(error, CancelledError):
                self._notice.say("info", labels("history.stopped"))
            else:
                self._notice.fail(self.context.messages, error)
            self.settled.emit()

        self._notice.silence()
        self._doing.setText(labels(doing, name=name))
        self._task = self.context.tasks.run_child(self, function, (one.id,), done, failed, title=labels(doing, name=name))
        self._show_state()

    @property
    def says(self) -> str:
        """What the message at the top says."""
        return self._notice.words

    def show_creators(self) -> None:
        """Go to the roster and show whom the operation concerned."""
        one = self.chosen
        if one is not None:
            workspace, wanted = self.context.services.workspace, one.id
            self.context.tasks.run(self, lambda: where_of(workspace.concerned(wanted)), lambda where: self.context.go("creators", where), lane="read")

    def _ask_where(self) -> None:
        one, labels = self.chosen, self.context.labels
        if one is None:
            return
        dialog = QFileDialog(self, labels("import.save_rejects"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["Excel (*.xlsx)", "CSV (*.csv)"])
        dialog.setDefaultSuffix("xlsx")
        dialog.selectFile(f"{Path(str(one.summary.get('file', ''))).stem}-{labels('import.rejects_file')}.xlsx")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.save_rejects(Path(name)))
        dialog.open()

    def save_rejects(self, path: Path) -> None:
        """Write the rows an import left out, with their reasons."""
        labels, creators = self.context.labels, self.context.services.creators
        header = [labels(f"import.{name}") for name in ("row", "column", "value", "reason")]
        rows = [
            (one.row, reject_column(line, labels), one.value, reason_of(one.code, labels))
            for one, line in zip(self._rejected, reject_lines(self._rejected), strict=True)
        ]

        def done(_: int) -> None:
            self._notice.say("ok", labels("history.rejects_saved", file=path.name))
            self.settled.emit()

        def failed(error: ProductError) -> None:
            self._notice.fail(self.context.messages, error)
            self.settled.emit()

        self.context.tasks.run(self, lambda: creators.save_table(path, header, iter(rows)), done, failed, lane="read", title=labels("import.saving"))

    # ------------------------------------------------------------ states

    def _progressed(self, task: Task) -> None:
        if task is self._task and task.total:
            self._bar.setRange(0, task.total)
            self._bar.setValue(task.done)

    def _show_state(self) -> None:
        one, busy = self.chosen, self._task is not None
        for widget in (self._doing, self._bar, self._stop):
            widget.setVisible(busy)
        self._bar.setRange(0, 0)
        writable = self.context.may(Act.UNDO)
        self._undo.setEnabled(one is not None and one.undone_at is None and not busy and writable)
        self._redo.setEnabled(one is not None and one.undone_at is not None and not busy and writable)
        self._show.setEnabled(one is not None and one.undone_at is None)

    def closeEvent(self, event: QCloseEvent) -> None:
        """An undo goes on behind a closed window; the status bar shows it."""
        event.accept()
        self.deleteLater()

    def open(self) -> None:
        """Stand beside the main window, never before it: work goes on there."""
        self.show()

    def reject(self) -> None:
        """Escape closes as the button does."""
        self.close()
