# SPDX-License-Identifier: Apache-2.0
"""Takes a file in, of creators or of facts: opened, its columns matched, checked cell by cell, imported, undone if need be. One view, no next-next-next."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragMoveEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

import resources
from app.errors import CancelledError, ProductError
from app.rules.facts import CREATORS, FACTS
from widgets.dialogs import jobs
from widgets.dialogs.import_options import ImportOptions, recognised
from widgets.dialogs.mapping import MappingTable
from widgets.dialogs.notice import Notice, shown
from widgets.dialogs.preview import CHANGES, REJECTS, Figures, Listing, Overview, change_lines, kept_words, reason_of, reject_lines, where_of
from widgets.messages import plain, tip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.files import ImportReport, ImportRequest, Preview
    from app.usecases.facts import Opened
    from app.usecases.workspace import Undone
    from widgets.page import Context
    from widgets.tasks import Task

ENDINGS: Final = ("csv", "tsv", "txt", "xlsx", "xlsm", "xls", "zip", "html", "htm")
"""Files that the chooser offers; what is inside decides, not the name."""

_SHOWN_AT: Final = {"events": "rating", "contacts": "creators", "trainings": "rating"} | dict.fromkeys(
    ("contents", "metrics", "sales", "touchpoints", "costs", "paths"), "roi"
)
"""Page that shows the facts of a kind."""
_TEXT_ENDINGS: Final = frozenset({".csv", ".tsv", ".txt", ".htm", ".html"})
_OPENED_HERE: Final = 3_000_000
"""Bytes up to which a file is opened in a thread; parsing a larger one would hold the interpreter for too long."""


@dataclass(frozen=True, slots=True)
class Lack:
    """Why nothing can be checked yet: a sentence, and what one press would do about it."""

    text: str
    action: tuple[str, Callable[[], None]] | None = None


def dropped_file(mime: QMimeData) -> Path | None:
    """The one local file that is being dragged, if it is one that might hold a table."""
    urls = mime.urls()
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    path = Path(urls[0].toLocalFile())
    return path if path.suffix.lower().lstrip(".") in ENDINGS and path.is_file() else None


class ImportWizard(QDialog):
    """Everything of an import in one window. Nothing is written before “Import” is pressed; an import is one undoable whole."""

    settled = Signal()
    """Nothing is under way any more: opened, checked, imported, or failed."""

    def __init__(self, context: Context, path: Path | None = None, parent: QWidget | None = None) -> None:
        """Ask for a file, or open the one given."""
        super().__init__(parent)
        self.context = context
        self.report: ImportReport | None = None
        self.undone: Undone | None = None
        self.state = "start"
        self._path: Path | None = None
        self._preview: Preview | None = None
        self._checked: ImportRequest | None = None
        self._task: Task | None = None
        self._serial = 0
        self._closing = False
        self._taken = False
        labels = context.labels
        self.setWindowTitle(labels("import.title"))
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.setAcceptDrops(True)
        self.resize(context.theme.px(1120), context.theme.px(700))
        self._stack = QStackedWidget()
        self._stack.addWidget(self._start_page())
        self._stack.addWidget(self._work_page())
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._stack)
        QShortcut(QKeySequence.StandardKey.Open, self, self.choose)
        context.tasks.progressed.connect(self._progressed)
        if path is not None:
            self.load(path)

    # ------------------------------------------------------------ building

    def _start_page(self) -> QWidget:
        labels = self.context.labels
        page = QWidget()
        box = QVBoxLayout(page)
        box.setContentsMargins(40, 40, 40, 40)
        zone = QFrame()
        zone.setObjectName("dropzone")
        zone.setStyleSheet(f"#dropzone {{ border: 2px dashed {self.context.theme.colour('border').name()}; border-radius: 10px; }}")
        inner = QVBoxLayout(zone)
        inner.setAlignment(Qt.AlignmentFlag.AlignCenter)
        inner.setSpacing(10)
        sign = QLabel()
        side = self.context.theme.px(40)
        sign.setPixmap(self.context.theme.icon("import", "accent").pixmap(side, side))
        inner.addWidget(sign, 0, Qt.AlignmentFlag.AlignHCenter)
        inner.addWidget(plain(labels("import.drop"), role="title"), 0, Qt.AlignmentFlag.AlignHCenter)
        inner.addWidget(plain(labels("import.drop_kinds"), role="muted"), 0, Qt.AlignmentFlag.AlignHCenter)
        choose = QPushButton(labels("import.choose"))
        choose.setProperty("role", "primary")
        choose.setDefault(True)
        choose.clicked.connect(self.choose)
        inner.addWidget(choose, 0, Qt.AlignmentFlag.AlignHCenter)
        inner.addSpacing(12)
        inner.addWidget(plain(labels("import.safe"), role="muted"), 0, Qt.AlignmentFlag.AlignHCenter)
        box.addWidget(zone)
        self._start_button = choose
        return page

    def _work_page(self) -> QWidget:
        labels = self.context.labels
        page = QWidget()
        box = QVBoxLayout(page)
        box.setContentsMargins(18, 14, 18, 14)
        box.setSpacing(10)
        top = QHBoxLayout()
        self._file, self._facts = plain(role="title"), plain(role="muted")
        self._facts.setMinimumWidth(40)
        another = self._button("import.another_file", self.choose)
        self._another = another
        top.addWidget(self._file)
        top.addWidget(self._facts, 1)
        top.addWidget(another)
        box.addLayout(top)
        self.options = ImportOptions(self.context)
        self.options.reread.connect(self._read)
        self.options.changed.connect(self._reconsider)
        box.addWidget(self.options)
        self._notice = Notice(self.context.theme)
        self._figures = Figures(labels)
        box.addWidget(self._notice)
        box.addWidget(self._figures)
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        self._mapping = MappingTable(labels)
        self._mapping.changed.connect(self._reconsider)
        self._overview = Overview(labels)
        self._changes = Listing(self.context, CHANGES, labels("import.changes"), key="import.changes", empty=labels("import.no_changes"))
        self._rejects = Listing(self.context, REJECTS, labels("import.rejects"), key="import.rejects", empty=labels("import.no_rejects"))
        tabs = (self._mapping, self._overview, self._changes.view, self._rejects.view)
        for widget, key in zip(tabs, ("mapping", "overview", "changes", "rejects"), strict=True):
            self._tabs.addTab(widget, labels(f"import.{key}"))
        self._blank = QWidget()
        box.addWidget(self._tabs, 1)
        box.addWidget(self._blank, 1)
        box.addLayout(self._footer())
        return page

    def _footer(self) -> QHBoxLayout:
        labels = self.context.labels
        row = QHBoxLayout()
        row.setSpacing(8)
        self._doing = plain(role="muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(self.context.theme.px(180))
        self._bar.setAccessibleName(labels("import.progress"))
        self._stop = self._button("action.cancel", self.cancel)
        row.addWidget(self._doing)
        row.addWidget(self._bar)
        row.addWidget(self._stop)
        row.addStretch(1)
        self._save = self._button("import.save_rejects", self._ask_where)
        self._check = self._button("import.check", self.check)
        self._import = self._button("import.import", self.take)
        self._close = self._button("action.close", self.close)
        for button in (self._save, self._check, self._import, self._close):
            row.addWidget(button)
        return row

    def _button(self, key: str, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(self.context.labels(key))
        button.setAutoDefault(False)
        button.clicked.connect(lambda _checked=False: act())
        return button

    # ------------------------------------------------------------ file

    def choose(self) -> None:
        """Let the user pick a file."""
        if self.busy:
            return
        labels = self.context.labels
        dialog = QFileDialog(self, labels("import.choose"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([f"{labels('import.tables')} ({' '.join(f'*.{one}' for one in ENDINGS)})", f"{labels('import.all_files')} (*)"])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.load(Path(name)))
        dialog.open()

    def load(self, path: Path) -> None:
        """Open a file and show what was recognised."""
        self._path, self._preview, self.report, self._checked, self.undone = path, None, None, None, None
        self.options.forget()
        self._stack.setCurrentIndex(1)
        self._file.setText(shown(path.name, 60))
        self._file.setToolTip(tip(str(path)))
        self._read()

    def _read(self) -> None:
        """Open the file again with the sheet and encoding chosen."""
        if self._path is None:
            return
        self._forget_check()
        request, kind = self.options.to_open(self._path), self.options.settled_kind
        self._notice.silence()
        self._facts.setText("")
        labels, serial = self.context.labels, self._begin("opening")
        title = labels("import.opening", file=shown(self._path.name, 40))
        facts = self.context.services.facts

        def opened(one: Opened) -> None:
            if serial == self._serial:
                self._opened(one)

        if _size(self._path) <= _OPENED_HERE:
            self._task = self.context.tasks.run(self, lambda: facts.open(request, kind), opened, self._failed(serial), lane="read", title=title)
        else:
            self._task = self.context.tasks.run_child(self, jobs.head, (request, kind), opened, self._failed(serial), title=title)

    def _opened(self, opened: Opened) -> None:
        labels, preview = self.context.labels, opened.preview
        self._preview = preview
        self.options.show_opened(opened)
        self._mapping.load(preview, self.options.kind_chosen)
        facts = [labels.plural("import.columns", len(preview.headers))]
        facts += [labels("import.header_at", row=preview.header_row) if preview.header_row is not None else labels("import.no_header")]
        facts += [words] if (words := recognised(opened, self.context)) else []
        self._facts.setText("  ·  ".join(facts))
        self._facts.setToolTip(tip("  ·  ".join(facts)))
        self._tabs.setCurrentIndex(0)
        self._end("mapping")
        self._reconsider()
        if self._lack() is None:
            self.check()

    # ------------------------------------------------------------ what is asked for

    def request(self, *, dry_run: bool) -> ImportRequest:
        """What would be imported, as the window stands."""
        if self._path is None:
            raise RuntimeError("no file")
        return self.options.request(self._path, self._mapping.chosen(), dry_run=dry_run)

    def choose_field(self, column: int, field: str) -> None:
        """Take a column, counted from 0, for a field; "" leaves it out."""
        self._mapping.choose(column, field)

    def _lack(self) -> Lack | None:
        """What is missing before a check; None when all is there."""
        labels, chosen = self.context.labels, self._mapping.chosen()
        twice = self._mapping.twice()
        reasons = (
            (not chosen, Lack(labels("import.lack.columns"))),
            (twice, Lack(labels("import.lack.twice", field=labels.field(twice[0]) if twice else ""))),
            (self._mapping.unnamed(), Lack(labels("import.lack.metric"))),
        )
        first = next((lack for missing, lack in reasons if missing), None)
        return first or (self._lack_of_creators(chosen) if self.options.kind_chosen == CREATORS else self._lack_of_facts(chosen))

    def _lack_of_creators(self, chosen: Mapping[str, str]) -> Lack | None:
        labels, key, options = self.context.labels, self.options.by_key, self.options
        named = bool({"platform_uid", "handle"} & chosen.keys())
        by_name = (labels("import.use_nickname"), lambda: options.choose_key(("name",)))
        reasons = (
            (key and not set(key) <= chosen.keys(), Lack(labels("import.lack.key_column", field=labels.field(key[0]) if key else ""))),
            (not key and not named and "name" in chosen, Lack(labels("import.lack.key"), by_name)),
            (not key and not named, Lack(labels("import.lack.who"))),
            (options.platform_chosen is None and "platform" not in chosen, Lack(labels("import.lack.platform"))),
        )
        return next((lack for missing, lack in reasons if missing), None)

    def _lack_of_facts(self, chosen: Mapping[str, str]) -> Lack | None:
        labels, kind = self.context.labels, FACTS[self.options.kind_chosen]
        missing = [name for name in kind.needs if name not in chosen and not _worked_out(name, chosen)]
        if missing:
            return Lack(labels("import.lack.needs", fields=labels("list.separator").join(labels.field(name) for name in missing)))
        if kind.must_name and not {"platform_uid", "handle", "name", "content_id"} & chosen.keys():
            return Lack(labels("import.lack.whom"))
        return None

    def _reconsider(self) -> None:
        """Something was chosen: say what is missing, and that an earlier check no longer tells."""
        if self._preview is None or self.state in {"opening", "importing", "done"}:
            return
        if self.state == "checking":
            self.cancel()
        labels = self.context.labels
        self.options.platform_in_column(there="platform" in self._mapping.chosen())
        taken, columns = self._mapping.columns()
        self._tabs.setTabText(0, labels("import.mapping_count", taken=taken, columns=columns))
        lack = self._lack()
        if lack is not None:
            self._notice.say("warning", labels("import.lack"), lack.text, [lack.action] if lack.action else [])
        elif self._checked is not None and self._checked != self.request(dry_run=True):
            self._notice.say("info", labels("import.stale"))
        else:
            self._notice.silence()
        self._show_state()

    # ------------------------------------------------------------ check and import

    def check(self) -> None:
        """Tell what an import would do, cell by cell; nothing is written."""
        if self.busy or self._lack() is not None:
            return
        request = self.request(dry_run=True)
        self._notice.silence()
        serial = self._begin("checking")

        def done(report: ImportReport) -> None:
            if serial == self._serial:
                self._checked, self.report = request, report
                self._show_report(report, self.context.labels("import.checked_note"))
                self._end("checked")
                self._point_out(report)
                self._import.setFocus()

        title = self.context.labels("import.checking", file=shown(request.path.name, 40))
        self._task = self.context.tasks.run_child(self, jobs.take, (request,), done, self._failed(serial), title=title)

    def take(self) -> None:
        """Import the file as it was checked."""
        if self.busy or self._checked is None or self._checked != self.request(dry_run=True):
            return
        request = self.request(dry_run=False)
        self._notice.silence()
        serial = self._begin("importing")

        def done(report: ImportReport) -> None:
            if serial == self._serial:
                self.report, self._taken = report, True
                self._show_report(report, self.context.labels("import.done_note", seconds=f"{report.seconds:.1f}"))
                self._end("done")
                self._say_done()

        title = self.context.labels("import.importing", file=shown(request.path.name, 40))
        self._task = self.context.tasks.run_child(self, jobs.take, (request,), done, self._failed(serial), title=title)

    def cancel(self) -> None:
        """Stop what is under way; a stopped import leaves nothing behind."""
        if self._task is not None and self.busy:
            self._task.cancel()
            self._doing.setText(self.context.labels("import.stopping"))
            self._stop.setEnabled(False)

    def _show_report(self, report: ImportReport, note: str) -> None:
        labels = self.context.labels
        self._figures.show_report(report, note)
        self._overview.show_report(report)
        self._changes.show(change_lines(report.changes))
        self._rejects.show(reject_lines(report.errors))
        more = "+" if len(report.changes) >= jobs.SHOWN else ""
        self._tabs.setTabText(1, labels("import.overview_count", n=len(report.warnings)) if report.warnings else labels("import.overview"))
        self._tabs.setTabText(2, labels("import.changes_count", n=f"{len(report.changes):,}{more}"))
        self._tabs.setTabText(3, labels("import.rejects_count", n=f"{report.rejected:,}"))

    def _point_out(self, report: ImportReport) -> None:
        """After a check: what deserves a look before the import."""
        labels = self.context.labels
        if not report.inserted and not report.updated and not report.rejected:
            self._notice.say("ok", labels("import.nothing_new"), labels("import.nothing_new_note"))
        elif report.rejected:
            changes = report.inserted or report.updated
            self._notice.say(
                "warning",
                labels.plural("import.some_rejected", report.rejected),
                labels("import.some_rejected_note" if changes else "import.only_rejected_note"),
                [(labels("import.see_rejects"), lambda: self._tabs.setCurrentIndex(3))],
            )
        elif report.warnings:
            self._notice.say(
                "info",
                labels.plural("import.some_warnings", len(report.warnings)),
                "",
                [(labels("import.see_warnings"), lambda: self._tabs.setCurrentIndex(1))],
            )

    def _say_done(self) -> None:
        labels, report = self.context.labels, self.report
        if report is None:
            return
        actions: list[tuple[str, Callable[[], None]]] = [(labels("import.again"), self.again)]
        if report.import_id is not None:
            look = (labels("import.show_creators"), self.show_creators)
            if report.kind != CREATORS:
                look = (labels("import.show_page", page=labels(f"page.{_SHOWN_AT[report.kind]}")), self.show_page)
            actions = [look, (labels("import.undo"), self.undo), *actions]
        title = labels("import.done", inserted=labels.exact(report.inserted), updated=labels.exact(report.updated))
        text = labels("import.done_text", unchanged=labels.exact(report.unchanged), rejected=labels.exact(report.rejected))
        self._notice.say("ok", title, text, actions)
        if self.isHidden():
            self.context.messages.toast(title, kind="ok", action=(labels("import.look"), self._back))

    # ------------------------------------------------------------ afterwards

    def undo(self) -> None:
        """Take the import back, whole."""
        if self.busy or self.report is None or self.report.import_id is None:
            return
        serial, labels = self._begin("undoing"), self.context.labels

        def done(undone: Undone) -> None:
            if serial == self._serial:
                self.undone = undone
                self._figures.hide()
                title = labels("import.undone", removed=labels.exact(undone.inserted_removed), reverted=labels.exact(undone.updates_reverted))
                kept = f"{labels.plural('import.kept', len(undone.kept))}\n{kept_words(undone.kept, labels)}" if undone.kept else labels("import.undone_all")
                self._end("undone")
                self._notice.say("warning" if undone.kept else "ok", title, kept, [(labels("import.again"), self.again)])

        self._task = self.context.tasks.run_child(self, jobs.undo, (self.report.import_id,), done, self._failed(serial), title=labels("import.undoing"))

    def show_creators(self) -> None:
        """Go to the roster, show whom the import concerned, and make room."""
        report = self.report
        if report is None or report.import_id is None:
            return
        import_id, workspace = report.import_id, self.context.services.workspace

        def found(where: str) -> None:
            self.context.go("creators", where)
            self.close()

        self.context.tasks.run(self, lambda: where_of(workspace.concerned(import_id)), found, lane="read")

    def show_page(self) -> None:
        """Go where the facts that were taken in are seen, and make room."""
        if self.report is not None and self.report.kind in _SHOWN_AT:
            self.context.go(_SHOWN_AT[self.report.kind], None)
            self.close()

    def again(self) -> None:
        """Start over with another file."""
        if self.busy:
            return
        self._serial += 1
        self.state, self._path, self._preview, self.report, self._checked = "start", None, None, None, None
        self._forget_check()
        self._notice.silence()
        self._stack.setCurrentIndex(0)
        self._start_button.setFocus()

    def _ask_where(self) -> None:
        if self._path is None or self.report is None:
            return
        labels = self.context.labels
        dialog = QFileDialog(self, labels("import.save_rejects"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter("Excel (*.xlsx)")
        dialog.setDefaultSuffix("xlsx")
        dialog.selectFile(str(self._path.with_name(f"{self._path.stem}-{labels('import.rejects_file')}.xlsx")))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.save_rejects(Path(name)))
        dialog.open()

    def save_rejects(self, path: Path) -> None:
        """Write the rows that were not taken, with their reasons, as a workbook that can be corrected and imported."""
        if self.busy or self.report is None:
            return
        labels, state = self.context.labels, self.state
        reasons = {one.code: reason_of(one.code, labels) for one in self.report.errors}
        reasons |= {one.column: labels.field(one.column) for one in self.report.errors if one.column and labels.words.has(f"field.{one.column}")}
        base = self._checked or self.request(dry_run=True)
        request = replace(base, errors_to=path, reasons=reasons)
        import_id = self.report.import_id if self._taken else None
        serial = self._begin("saving")

        def done(written: Path) -> None:
            if serial == self._serial:
                self._end(state)
                self.context.messages.toast(labels("import.rejects_saved", file=written.name), kind="ok")

        def failed(error: ProductError) -> None:
            if serial == self._serial:
                self._end(state)
                self._notice.fail(self.context.messages, error)

        self._task = self.context.tasks.run_child(self, jobs.save_rejects, (request, import_id), done, failed, title=labels("import.saving"))

    # ------------------------------------------------------------ states

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return self.state in {"opening", "checking", "importing", "undoing", "saving"}

    @property
    def says(self) -> str:
        """What the message at the top says."""
        return self._notice.words

    def _begin(self, state: str) -> int:
        if self._task is not None and self.busy:
            self._task.cancel()
        self.state = state
        self._serial += 1
        self._bar.setRange(0, 0)
        self._doing.setText(self.context.labels(f"import.state.{state}"))
        self._stop.setEnabled(True)
        self._show_state()
        return self._serial

    def _end(self, state: str) -> None:
        self.state = state
        self._task = None
        self._show_state()
        if self._closing and state != "done":
            self._leave()
        self.settled.emit()

    def _failed(self, serial: int) -> Callable[[ProductError], None]:
        before = "mapping" if self._checked is None else "checked"
        if self.state == "undoing":
            before = "done"

        def failed(error: ProductError) -> None:
            if serial != self._serial:
                return
            opening = self.state == "opening"
            importing = self.state == "importing"
            self._end("failed" if opening else before)
            labels = self.context.labels
            if isinstance(error, CancelledError):
                if opening:
                    self._notice.say("info", labels("import.not_opened"), "", [(labels("import.open_again"), self._read)])
                else:
                    self._reconsider()
                    self._notice.say("info", labels("import.stopped_import" if importing else "import.stopped"))
                return
            actions = [(labels("import.another_file"), self.choose)] if opening else []
            self._notice.fail(self.context.messages, error, actions)
            if opening:
                self._offer_other_reading(error)
            if self.isHidden():
                self.context.messages.show(error)

        return failed

    def _offer_other_reading(self, error: ProductError) -> None:
        """A text file that could not be read may be read in another encoding."""
        text = self._path is not None and self._path.suffix.lower() in _TEXT_ENDINGS and "encoding" in error.code
        words, combo = self.options.encoding
        if text and combo.count() == 0:
            self.options.offer_encodings(None, None)
        for widget in (words, combo):
            widget.setVisible(text or combo.currentData() is not None)

    def _progressed(self, task: Task) -> None:
        if task is not self._task or not self.busy or task.cancelled:
            return
        labels = self.context.labels
        words = labels(f"phase.{task.phase}") if labels.words.has(f"phase.{task.phase}") else labels(f"import.state.{self.state}")
        if task.total:
            self._bar.setRange(0, 100)
            self._bar.setValue(100 * task.done // task.total)
            words += f"  {labels.exact(task.done)} / {labels.exact(task.total)}"
        else:
            self._bar.setRange(0, 0)
        self._doing.setText(words)

    def _forget_check(self) -> None:
        labels = self.context.labels
        self._checked, self.report, self._taken = None, None, False
        self._figures.hide()
        for listing in (self._changes, self._rejects):
            listing.show([])
        for at, key in enumerate(("import.overview", "import.changes", "import.rejects"), 1):
            self._tabs.setTabText(at, labels(key))

    def _show_state(self) -> None:
        """Enable what makes sense now; one button stands out."""
        busy, state, labels = self.busy, self.state, self.context.labels
        opened = self._preview is not None and state not in {"opening", "failed"}
        over = self._taken
        fresh = opened and self._lack() is None and self._checked is not None and self._checked == self.request(dry_run=True)
        for widget in (self._doing, self._bar, self._stop):
            widget.setVisible(busy)
        self._tabs.setVisible(opened)
        self._blank.setVisible(not opened)
        self.options.show_state(opened=opened, over=over, busy=busy)
        self._mapping.setEnabled(not over and state != "importing")
        for at in (1, 2, 3):
            self._tabs.setTabEnabled(at, self.report is not None)
        self._another.setEnabled(not busy)
        self._check.setVisible(not over and not fresh)
        self._check.setEnabled(opened and not busy and self._lack() is None)
        self._import.setVisible(not over)
        report = self.report
        self._import.setEnabled(fresh and not busy and report is not None and bool(report.inserted or report.updated))
        count = report.inserted + report.updated if report is not None and fresh else 0
        self._import.setText(labels.plural("import.import_n", count) if count else labels("import.import"))
        self._save.setVisible(report is not None and bool(report.rejected) and state != "undone")
        self._save.setEnabled(not busy)
        self._stand_out(self._import if fresh else self._check)

    def _stand_out(self, primary: QPushButton) -> None:
        for button in (self._check, self._import):
            button.setProperty("role", "primary" if button is primary else "")
            button.style().unpolish(button)
            button.style().polish(button)
            button.setDefault(button is primary)

    # ------------------------------------------------------------ window

    def closeEvent(self, event: QCloseEvent) -> None:
        """An import goes on behind a closed window and says when it is done; anything else is stopped."""
        if self.state == "importing":
            event.ignore()
            self._closing = True
            self.hide()
            return
        self._leave()
        event.accept()

    def open(self) -> None:
        """Stand beside the main window, never before it: work goes on there."""
        self.show()

    def reject(self) -> None:
        """Escape closes as the button does."""
        self.close()

    def _leave(self) -> None:
        self._serial += 1
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self.state = "closed"
        self.finished.emit(0)
        self.deleteLater()

    def _back(self) -> None:
        self._closing = False
        self.show()
        self.raise_()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files only."""
        if dropped_file(event.mimeData()) is not None and not self.busy:
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Likewise."""
        event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the dropped file."""
        path = dropped_file(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self.load(path)


def _worked_out(name: str, chosen: Mapping[str, str]) -> bool:
    """Whether a field that a row needs can be told from another: a content's id from its address."""
    return name == "content_id" and "url" in chosen


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # opening it says why


# ---------------------------------------------------------------- picture


def picture(context: Context) -> QWidget:
    """The wizard over a small messy file, for pictures of the program; wait for ``settled``."""
    folder = tempfile.TemporaryDirectory(prefix="koc-desk-")
    path = Path(folder.name) / context.labels("import.sample_name")
    path.write_text(resources.text("samples", "creators.csv"), "utf-8")
    wizard = ImportWizard(context, path)
    wizard.finished.connect(lambda _: folder.cleanup())
    return wizard
