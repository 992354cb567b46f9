# SPDX-License-Identifier: Apache-2.0
"""How a file is read: what its rows are, on which platform, told apart by what, which sheet, which encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QWidget

from app.files import ImportRequest
from app.rules.facts import CREATORS, FACTS, KINDS
from app.rules.fields import PLATFORMS
from widgets.dialogs.notice import shown
from widgets.messages import plain, tip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from app.files import Preview
    from app.usecases.facts import Opened
    from widgets.page import Context

ENCODINGS: Final = ("utf-8", "gb18030", "utf-16", "big5", "shift_jis")
KEYS: Final[tuple[tuple[str, ...], ...]] = ((), ("name",), ("wechat",), ("phone",), ("email",))
"""What creators of a file may be told apart by; the first is the platform's own id, or else the handle."""


class ImportOptions(QWidget):
    """Says ``reread`` when the file has to be opened again, ``changed`` when only its reading is another."""

    reread = Signal()
    changed = Signal()

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._context = context
        labels = context.labels
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(6)
        self.kind = self._combo("import.kind", 110)
        self.platform = self._combo("import.platform", 120)
        self.key = self._combo("import.key", 190)
        self.sheet = self._combo("import.sheet", 130)
        self.encoding = self._combo("import.encoding", 130)
        self.leads = QCheckBox(labels("import.create_leads"))
        self.leads.setToolTip(tip(labels("import.create_leads_note")))
        self._row.addWidget(self.leads)
        self._row.addStretch(1)
        for kind in KINDS:
            self.kind[1].addItem(labels(f"import.kind.{kind}"), kind)
        for key in KEYS:
            self.key[1].addItem(labels(f"import.key.{key[0]}" if key else "import.key.default"), key)
        self.settled_kind: str | None = None
        self.kind[1].activated.connect(self._kind_chosen)
        for _, combo in (self.platform, self.key):
            combo.activated.connect(lambda _row: self.changed.emit())
        for _, combo in (self.sheet, self.encoding):
            combo.activated.connect(lambda _row: self.reread.emit())
        self.leads.toggled.connect(lambda _on: self.changed.emit())

    def _combo(self, key: str, width: int) -> tuple[QLabel, QComboBox]:
        words, combo = plain(self._context.labels(key), role="muted"), QComboBox()
        combo.setMinimumWidth(self._context.theme.px(width))
        combo.setAccessibleName(self._context.labels(key))
        words.setBuddy(combo)
        self._row.addWidget(words)
        self._row.addWidget(combo)
        self._row.addSpacing(8)
        return words, combo

    # ------------------------------------------------------------ what is asked for

    @property
    def kind_chosen(self) -> str:
        """What the rows are."""
        return str(self.kind[1].currentData())

    @property
    def platform_chosen(self) -> str | None:
        """On which platform the file's creators are; None where a column says it."""
        code: str | None = self.platform[1].currentData()
        return code

    @property
    def by_key(self) -> tuple[str, ...]:
        """Fields that tell creators apart; () for the platform's id or the handle."""
        return tuple(self.key[1].currentData() or ()) if self.kind_chosen == CREATORS else ()

    def to_open(self, path: Path) -> ImportRequest:
        """What is opened to look at."""
        return ImportRequest(path, self.sheet[1].currentData(), encoding=self.encoding[1].currentData())

    def request(self, path: Path, mapping: Mapping[str, str], *, dry_run: bool) -> ImportRequest:
        """What would be imported."""
        kind = self.kind_chosen
        return ImportRequest(
            path,
            self.sheet[1].currentData(),
            self.platform_chosen,
            mapping,
            self.by_key,
            self.encoding[1].currentData(),
            dry_run,
            only_mapped=True,
            kind=kind,
            create_leads=self.leads.isChecked() and _names_creators(kind),
        )

    # ------------------------------------------------------------ choosing

    def _kind_chosen(self) -> None:
        self.settled_kind = self.kind_chosen
        self.reread.emit()

    def choose_kind(self, kind: str) -> None:
        """Say what the rows are; the file is opened again."""
        self.kind[1].setCurrentIndex(self.kind[1].findData(kind))
        self._kind_chosen()

    def choose_platform(self, code: str) -> None:
        """Say on which platform the file's creators are."""
        self.platform[1].setCurrentIndex(self.platform[1].findData(code))
        self.changed.emit()

    def choose_encoding(self, name: str | None) -> None:
        """Read the file in an encoding; None finds it out."""
        self.encoding[1].setCurrentIndex(self.encoding[1].findData(name))
        self.reread.emit()

    def choose_key(self, key: tuple[str, ...]) -> None:
        """Tell creators apart by other fields."""
        self._select_key(key)
        self.changed.emit()

    def _select_key(self, key: tuple[str, ...]) -> None:
        named = tuple(name for name in key if name != "platform")
        self.key[1].setCurrentIndex(KEYS.index(named) if named in KEYS else 0)

    def forget(self) -> None:
        """Another file: nothing is settled yet."""
        self.settled_kind = None
        for _, combo in (self.sheet, self.encoding):
            combo.clear()
        for widget in self.encoding:
            widget.hide()  # until it is known to be text

    # ------------------------------------------------------------ showing

    def show_opened(self, opened: Opened) -> None:
        """Offer what there is in an opened file, and choose what it was recognised as."""
        preview, source = opened.preview, opened.source
        self.kind[1].setCurrentIndex(self.kind[1].findData(self.settled_kind or source.kind))
        self._select_key(source.before.key if source.before is not None else ())
        combo = self.sheet[1]
        combo.clear()
        for name in preview.sheets:
            combo.addItem(shown(name, 40), name)
        combo.setCurrentIndex(max(0, combo.findData(preview.sheet)))
        chosen = self.encoding[1].currentData()
        self.offer_encodings(preview.encoding if chosen is None else None, chosen)
        for one in self.encoding:
            one.setVisible(preview.encoding is not None)
        self._offer_platforms(preview)
        self.platform_in_column(there="platform" in preview.mapping)

    def _offer_platforms(self, preview: Preview) -> None:
        labels, combo = self._context.labels, self.platform[1]
        combo.clear()
        combo.addItem(labels("import.platform.choose"), None)
        for code in dict.fromkeys([*PLATFORMS, *([preview.platform] if preview.platform else [])]):
            combo.addItem(labels.platform(code), code)
        combo.setCurrentIndex(0 if "platform" in preview.mapping else max(0, combo.findData(preview.platform)))

    def offer_encodings(self, detected: str | None, chosen: str | None) -> None:
        """Offer the encodings of a text file."""
        labels, combo = self._context.labels, self.encoding[1]
        combo.clear()
        combo.addItem(labels("import.encoding.found", name=detected.upper()) if detected else labels("import.encoding.auto"), None)
        for name in ENCODINGS:
            combo.addItem(labels(f"import.encoding.{name}"), name)
        combo.setCurrentIndex(max(0, combo.findData(chosen)))

    def platform_in_column(self, *, there: bool) -> None:
        """Say whether a column of the file names the platforms."""
        self.platform[1].setItemText(0, self._context.labels("import.platform.column" if there else "import.platform.choose"))

    def show_state(self, *, opened: bool, over: bool, busy: bool) -> None:
        """Show and enable what makes sense now."""
        creators = self.kind_chosen == CREATORS
        named = _names_creators(self.kind_chosen)
        for pair, wanted in ((self.kind, True), (self.platform, creators or named), (self.key, creators)):
            for widget in pair:
                widget.setVisible(opened and wanted)
            pair[1].setEnabled(not over and not busy)
        for part in self.sheet:
            part.setVisible(self.sheet[1].count() > 1)
        for _, combo in (self.sheet, self.encoding):
            combo.setEnabled(not over and not busy)
        self.leads.setVisible(opened and named)
        self.leads.setEnabled(not over and not busy)


def _names_creators(kind: str) -> bool:
    """Whether rows of a kind of facts say whose they are."""
    return kind in FACTS and "platform_uid" in FACTS[kind].fields


def recognised(opened: Opened, context: Context) -> str:
    """What a file was recognised as, in words; nothing where its headers say no more than any."""
    source, labels = opened.source, context.labels
    if source.before is not None:
        return labels("import.source.before", file=shown(source.before.file, 40), day=labels.day(source.before.at))
    return labels("import.source.known", name=labels(f"source.{source.code}")) if source.code else ""
