# SPDX-License-Identifier: Apache-2.0
"""Two people changed the same fields: each with what it was, what the other made of it and what I typed; one chooses field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QDialog, QFrame, QGridLayout, QHBoxLayout, QPushButton, QRadioButton, QScrollArea, QVBoxLayout, QWidget

from app.rules.versions import Chosen
from widgets.messages import plain, tip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.errors import ProductError
    from app.rules.versions import Collision, Edited, Seen
    from widgets.page import Context

_SHOWN: Final = 12
"""Characters of a value that stand beside its button; the whole of a longer one stands below."""


class Comparison(QDialog):
    """Asks which value stays in each field. Accepted, ``chosen`` says; closed otherwise, the editor goes on with what was typed."""

    def __init__(self, context: Context, name: str, collisions: Sequence[Collision], parent: QWidget | None = None) -> None:
        """Show the fields in which two people disagree about ``name``."""
        super().__init__(parent)
        self._context, self._collisions = context, tuple(collisions)
        self.choices: dict[str, tuple[QRadioButton, QRadioButton]] = {}
        self._groups: list[QButtonGroup] = []
        labels = context.labels
        self.setWindowTitle(labels("compare.title"))
        self.setMinimumWidth(context.theme.px(680))
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 18, 20, 16)
        box.setSpacing(12)
        box.addWidget(plain(labels("compare.said", name=name), wrap=True))
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        body = QWidget()
        body.setObjectName("body")
        area.setWidget(body)
        self._fill(QGridLayout(body))
        self.resize(context.theme.px(760), context.theme.px(150 + min(420, 110 * len(self._collisions))))
        box.addWidget(area, 1)
        box.addLayout(self._foot())
        self._allow()
        self.choices[self._collisions[0].field][0].setFocus()

    def _fill(self, grid: QGridLayout) -> None:
        labels = self._context.labels
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(4)
        for column, key in enumerate(("compare.field", "compare.before", "compare.theirs", "compare.mine")):
            grid.addWidget(plain(labels(key), role="muted"), 0, column)
            grid.setColumnStretch(column, 1 if column else 0)
            grid.setColumnMinimumWidth(column, self._context.theme.px(150) if column else 0)
        for at, one in enumerate(self._collisions):
            row = 4 * at + 1
            title = labels.field(one.field)
            grid.addWidget(plain(title, role="heading"), row, 0, Qt.AlignmentFlag.AlignTop)
            before = plain(self._words(one, one.before), wrap=True)
            grid.addWidget(before, row, 1, 3, 1, Qt.AlignmentFlag.AlignTop)
            pair = (self._choice(one, one.theirs, title), self._choice(one, one.mine, title))
            group = QButtonGroup(self)
            for column, button in enumerate(pair, 2):
                group.addButton(button)
                grid.addWidget(button, row, column, Qt.AlignmentFlag.AlignTop)
                if len(whole := str(button.property("whole"))) > _SHOWN:
                    said = plain(whole, wrap=True)
                    said.setContentsMargins(24, 0, 0, 0)
                    grid.addWidget(said, row + 1, column, Qt.AlignmentFlag.AlignTop)
            group.buttonToggled.connect(lambda *_: self._allow())
            self._groups.append(group)
            by = labels("compare.by.someone") if one.by is None else one.by
            told = by if one.at is None else labels("compare.by", by=by, when=labels.time(one.at))
            grid.addWidget(plain(told, role="muted", wrap=True), row + 2, 2)
            grid.addWidget(plain(labels("compare.by.me"), role="muted", wrap=True), row + 2, 3)
            grid.setRowMinimumHeight(row + 3, 8)
            self.choices[one.field] = pair
        grid.setRowStretch(4 * len(self._collisions) + 1, 1)

    def _choice(self, one: Collision, value: object, title: str) -> QRadioButton:
        text = self._words(one, value)
        button = QRadioButton(_short(text))
        button.setProperty("whole", text)
        button.setToolTip(tip(text))
        button.setAccessibleName(self._context.labels("compare.choose", field=title, value=text))
        return button

    def _words(self, one: Collision, value: object) -> str:
        labels = self._context.labels
        return labels("compare.empty") if value in {None, ""} else labels.value(one.field, value)

    def _foot(self) -> QHBoxLayout:
        labels = self._context.labels
        row = QHBoxLayout()
        for key, side in (("compare.all_theirs", 0), ("compare.all_mine", 1)):
            button = QPushButton(labels(key))
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, side=side: self.take(side))
            row.addWidget(button)
        row.addStretch(1)
        back = QPushButton(labels("compare.back"))
        back.setAutoDefault(False)
        back.clicked.connect(self.reject)
        self.save_button = QPushButton(labels("compare.save"))
        self.save_button.setProperty("role", "primary")
        self.save_button.setDefault(True)
        self.save_button.clicked.connect(self.accept)
        row.addWidget(back)
        row.addWidget(self.save_button)
        return row

    def take(self, side: int) -> None:
        """Choose theirs (0) or mine (1) in every field."""
        for pair in self.choices.values():
            pair[side].setChecked(True)

    def _allow(self) -> None:
        self.save_button.setEnabled(all(any(button.isChecked() for button in pair) for pair in self.choices.values()))

    @property
    def chosen(self) -> Chosen:
        """What stays."""
        return Chosen(self._collisions, {name for name, pair in self.choices.items() if pair[1].isChecked()})


class Saving:
    """Saves an edit of one creator as somebody saw it, and asks as often as it takes where two people disagree.

    ``done`` is told the operation (0: nothing changed), ``failed`` the failure, ``back`` that the person goes on editing;
    what was typed stays with the editor until ``done``.
    """

    def __init__(
        self,
        context: Context,
        creator: tuple[int, str],
        parent: QWidget,
        done: Callable[[int], None],
        failed: Callable[[ProductError], None],
        back: Callable[[], None],
    ) -> None:
        """Save fields of a creator, given by id and name, for an editor."""
        self._context, self._creator, self._parent = context, creator, parent
        self._done, self._failed, self._back = done, failed, back

    def save(self, typed: Mapping[str, str], seen: Seen) -> None:
        """Save what was typed by somebody who saw it so."""
        creators, row_id = self._context.services.creators, self._creator[0]
        if not typed:
            self._done(0)
            return
        self._context.tasks.run(
            self._parent, lambda: creators.edit_seen(row_id, typed, seen), lambda edited: self._answered(typed, edited), self._failed, lane="write"
        )

    def _answered(self, typed: Mapping[str, str], edited: Edited) -> None:
        if not edited.collisions:
            self._done(edited.operation_id)
            return
        dialog = Comparison(self._context, self._creator[1], edited.collisions, self._parent)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self.save(dialog.chosen.values(typed), edited.seen))
        dialog.rejected.connect(self._back)
        dialog.open()


def _short(text: str) -> str:
    line = text.replace("\n", " ").replace("&", "&&")
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
