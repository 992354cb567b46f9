# SPDX-License-Identifier: Apache-2.0
"""Who is in my team: read for every list that can be cut down to it, and asked for where nobody has said so yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QDialog, QFormLayout, QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QPushButton, QWidget

from app.events import PoliciesChanged
from app.rules.rights import Act
from widgets.messages import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.events import Event
    from widgets.page import Context
    from widgets.tables.filter_bar import FilterBar

_CHECKED = Qt.CheckState.Checked
_LATER_MS = 400
"""What a page shows first comes first."""


class TeamDialog(QDialog):
    """Asks for a team's name and who is in it."""

    def __init__(self, context: Context, teams: Mapping[str, str], owners: Sequence[str], parent: QWidget | None = None) -> None:
        """Offer everybody who looks after creators, or has a team."""
        super().__init__(parent)
        labels, me = context.labels, context.services.actor.name
        self._context = context
        self.setWindowTitle(labels("team.title"))
        self.setMinimumWidth(context.theme.px(360))
        form = QFormLayout(self)
        form.setContentsMargins(16, 14, 16, 14)
        form.addRow(plain(labels("team.said"), role="muted", wrap=True))
        self.name = QLineEdit(teams.get(me, ""))
        self.name.setPlaceholderText(labels("team.name_hint"))
        self._add(form, "team.name", self.name)
        self.who = QListWidget()
        for one in sorted({*owners, *teams} - {me, ""}):
            item = QListWidgetItem(one)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_CHECKED if me in teams and teams.get(one) == teams[me] else Qt.CheckState.Unchecked)
            self.who.addItem(item)
        self._add(form, "team.who", self.who)
        self.others = QLineEdit()
        self.others.setPlaceholderText(labels("team.others_hint"))
        self._add(form, "team.others", self.others)
        row = QHBoxLayout()
        row.addStretch(1)
        cancel = QPushButton(labels("action.cancel"))
        cancel.setAutoDefault(False)
        cancel.clicked.connect(self.reject)
        self.save = QPushButton(labels("team.save"))
        self.save.setDefault(True)
        self.save.setProperty("role", "primary")
        self.save.clicked.connect(self.accept)
        row.addWidget(cancel)
        row.addWidget(self.save)
        form.addRow(row)
        self.name.textChanged.connect(lambda text: self.save.setEnabled(bool(text.strip())))
        self.save.setEnabled(bool(self.name.text().strip()))

    def _add(self, form: QFormLayout, key: str, widget: QWidget) -> None:
        title = self._context.labels(key)
        label = plain(title)
        label.setBuddy(widget)
        widget.setAccessibleName(title)
        form.addRow(label, widget)

    @property
    def names(self) -> list[str]:
        """Who was chosen, without oneself."""
        chosen = [item.text() for item in (self.who.item(at) for at in range(self.who.count())) if item.checkState() == _CHECKED]
        typed = [one.strip() for one in self.others.text().replace("，", ",").replace("、", ",").split(",") if one.strip()]
        return list(dict.fromkeys([*chosen, *typed]))


class Mates(QObject):
    """Keeps a list's control told of the team; ``ask`` opens the dialog where there is none."""

    def __init__(self, context: Context, know: Callable[[Sequence[str]], None], asked: Callable[[], object], parent: QWidget) -> None:
        """``know`` is told everybody of the team; ``asked`` is called once somebody has named one."""
        super().__init__(parent)
        self._context, self._know, self._asked, self._owner = context, know, asked, parent
        self.known = False
        context.tasks.announced.connect(self._changed)

    @classmethod
    def of_bar(cls, context: Context, bar: FilterBar, parent: QWidget) -> Mates:
        """For a filter bar, which is told as soon as it is known."""
        made = cls(context, bar.set_mates, lambda: bar.set_scope("team"), parent)
        bar.team_wanted.connect(made.ask)
        QTimer.singleShot(_LATER_MS, made, made.read)
        return made

    def read(self) -> None:
        """Read the team, the first time."""
        if not self.known:
            self.known = True
            services = self._context.services

            def work() -> Sequence[str]:
                return services.today.mates()  # loads the store where nobody did yet: not for the GUI thread

            self._context.tasks.run(self._owner, work, self._know, lambda _: None, lane="read")

    def _changed(self, event: Event) -> None:
        if isinstance(event, PoliciesChanged) and self.known:
            self.known = False
            self.read()

    def ask(self) -> None:
        """Ask who is in the team."""
        if why := self._context.why(Act.POLICY):
            self._context.messages.toast(why, kind="warning")
            return
        services = self._context.services
        self._context.tasks.run(
            self._owner, lambda: (services.today.teams(), services.creators.facets().get("owner", ())), lambda found: self._open(*found), lane="read"
        )

    def _open(self, teams: Mapping[str, str], owners: Sequence[str]) -> None:
        dialog = TeamDialog(self._context, teams, owners, self._owner)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._save(dialog.name.text(), dialog.names))
        dialog.open()

    def _save(self, name: str, names: Sequence[str]) -> None:
        today = self._context.services.today

        def work() -> Sequence[str]:
            today.set_team(name, names)
            return today.mates()

        def done(mates: Sequence[str]) -> None:
            self._know(mates)
            self._asked()

        self._context.tasks.run(self._owner, work, done, lane="write")
