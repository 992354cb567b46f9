# SPDX-License-Identifier: Apache-2.0
"""The filter bar: a search field, whose rows, and chips that are one text of the filter language."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QDate, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QDateEdit,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app import filters
from app.errors import UsageError
from app.rules.fields import PLATFORMS, Kind
from widgets.messages import plain
from widgets.tables.filter_words import ANY, EMPTY, FILLED, NAMES, composed, operators, said, typed
from widgets.tables.flow import Flow
from widgets.tables.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PySide6.QtGui import QKeyEvent

    from app.rules.fields import Field
    from widgets.labels import Labels
    from widgets.messages import Messages
    from widgets.tables.filter_words import Language
    from widgets.theme import Theme

_CHECKED: Final = Qt.CheckState.Checked
_CODE: Final = Qt.ItemDataRole.UserRole
_FIRST: Final = ("tier", "platform", "followers", "stage", "category", "city", "tags", "owner", "fee_fen", "name")
"""Fields offered first: those that people filter by all day."""


_NARROWER: Final = ("mine", "team", "pool")
_SCOPES: Final = ("all", *_NARROWER)
_SEVERAL: Final = 2


class FilterBar(QWidget):
    """What is looked for. ``changed`` tells that the user changed it; ``search`` and ``where`` are the question."""

    changed = Signal()
    editing = Signal()
    """An editor of a part is about to open; values to offer may be brought up to date."""
    team_wanted = Signal()
    """The user asks for a team that nobody has named yet."""
    left = Signal()
    """The user is done searching and wants the table."""

    def __init__(self, labels: Labels, theme: Theme, messages: Messages, language: Language, me: str) -> None:
        """Speak a filter language; ``me`` is whose rows "mine" means."""
        super().__init__()
        self.setObjectName("filter")
        self._labels, self._theme, self._messages, self._language, self._me = labels, theme, messages, language, me
        self._nodes: list[filters.Node] = []
        self._mates: tuple[str, ...] = (me,)
        self._facets: Mapping[str, Sequence[str]] = {}
        self._wait = QTimer(self, singleShot=True, interval=150)
        self._wait.timeout.connect(self.changed)
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 0, 16, 8)
        box.setSpacing(6)
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        box.addLayout(self._row)
        self._build_search()
        self._build_scope()
        self._build_chips()
        self._build_text(box)
        self._show()

    def _build_search(self) -> None:
        self.search_field = QLineEdit()
        self.search_field.setPlaceholderText(self._labels("filter.search"))
        self.search_field.setAccessibleName(self._labels("filter.search"))
        self.search_field.setClearButtonEnabled(True)
        self.search_field.addAction(self._theme.icon("search", "text_muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.search_field.setFixedWidth(self._theme.px(250))
        self.search_field.textEdited.connect(lambda _: self._wait.start())  # what is still being composed is no edit
        self.search_field.returnPressed.connect(self._searched)
        self._row.addWidget(self.search_field, 0, Qt.AlignmentFlag.AlignTop)

    def _build_scope(self) -> None:
        """All, mine, my team's, nobody's."""
        self.scopes = Scope(_SCOPES, self._labels, self._theme)
        self.scopes.chosen.connect(self._scope_chosen)
        self._row.addWidget(self.scopes, 0, Qt.AlignmentFlag.AlignTop)

    def _build_chips(self) -> None:
        self._chips = QWidget()
        self._chips.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._flow = Flow(6)
        self._chips.setLayout(self._flow)
        self.add_button = QToolButton()
        self.add_button.setProperty("role", "button")
        self.add_button.setText(self._labels("filter.add"))
        self.add_button.setIcon(self._theme.icon("filter"))
        self.add_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.add_button.clicked.connect(lambda: self.edit_chip(None))
        self._flow.addWidget(self.add_button)
        self._row.addWidget(self._chips, 1)
        self.text_button = QToolButton()
        self.text_button.setIcon(self._theme.icon("edit"))
        self.text_button.setCheckable(True)
        self.text_button.setToolTip(self._labels("filter.as_text"))
        self.text_button.setAccessibleName(self._labels("filter.as_text"))
        self.text_button.toggled.connect(self._show_text)
        self._row.addWidget(self.text_button, 0, Qt.AlignmentFlag.AlignTop)

    def _build_text(self, box: QVBoxLayout) -> None:
        self.text_field = QLineEdit()
        self.text_field.setAccessibleName(self._labels("filter.as_text"))
        self.text_field.setPlaceholderText(self._labels("filter.text_hint"))
        self.text_field.returnPressed.connect(self.apply_text)
        self.text_field.textEdited.connect(lambda _: self._complain(""))
        self.complaint = plain("", role="danger", wrap=True)
        box.addWidget(self.text_field)
        box.addWidget(self.complaint)
        self.text_field.hide()
        self.complaint.hide()

    def add_tool(self, widget: QWidget) -> None:
        """Put something at the right end."""
        self._row.addWidget(widget, 0, Qt.AlignmentFlag.AlignTop)

    # ------------------------------------------------------------ what is asked

    @property
    def search(self) -> str:
        """Literal text that is looked for."""
        return self.search_field.text().strip()

    @property
    def where(self) -> str:
        """Text of the filter."""
        return self._language.text(self._nodes)

    def take(self, search: str, where: str) -> None:
        """Show another question; UsageError for a text that is none."""
        self._nodes = list(filters.conjuncts(self._language.parse(where)))
        self.search_field.setText(search)
        self._wait.stop()
        self._show()

    def set_facets(self, facets: Mapping[str, Sequence[str]]) -> None:
        """Know the values that fields have."""
        self._facets = facets

    def focus(self) -> None:
        """Go to the search field."""
        self.search_field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search_field.selectAll()

    def _searched(self) -> None:
        if self._wait.isActive():
            self._wait.stop()
            self.changed.emit()
        self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape empties the search, then leaves; Down goes to the table."""
        if event.key() == Qt.Key.Key_Escape and self.search_field.hasFocus():
            if self.search_field.text():
                self.search_field.clear()
                self._wait.start()
            else:
                self.left.emit()
        elif event.key() == Qt.Key.Key_Down and self.search_field.hasFocus():
            self._searched()
        else:
            super().keyPressEvent(event)

    # ------------------------------------------------------------ whose

    def set_mates(self, names: Sequence[str]) -> None:
        """Know everybody of one's team, oneself among them."""
        before = self.scope
        old = next((node for node in self._nodes if _same(node, self._scope_node("team"))), None)
        self._mates = tuple(names)
        several = len(self._mates) > 1
        who = self._labels("list.separator").join(self._mates)
        self.scopes.explain("team", self._labels("filter.scope.team.names", names=who) if several else self._labels("filter.scope.team.none"))
        if before == "team":
            self._nodes = [self._scope_node("team") if node is old else node for node in self._nodes]
        self._show()

    def _scope_node(self, scope: str) -> filters.Node:
        if scope == "team":
            return filters.Compare("owner", "in", self._mates)
        return filters.Compare("owner", "=", (self._me if scope == "mine" else None,))

    @property
    def scope(self) -> str:
        """``all``, ``mine``, ``team`` or ``pool``."""
        found = [scope for scope in _NARROWER if any(_same(node, self._scope_node(scope)) for node in self._nodes)]
        return found[0] if found else "all"

    def _scope_chosen(self, scope: str) -> None:
        if scope == "team" and len(self._mates) < _SEVERAL:
            self.scopes.show_name(self.scope)
            self.team_wanted.emit()
            return
        self.set_scope(scope)

    def set_scope(self, scope: str) -> None:
        """Look at everybody's, mine, my team's, or nobody's."""
        those = [self._scope_node(one) for one in _NARROWER]
        self._nodes = [node for node in self._nodes if not any(_same(node, one) for one in those)]
        if scope != "all":
            self._nodes.insert(0, self._scope_node(scope))
        self._edited()

    # ------------------------------------------------------------ chips

    def chips(self) -> list[str]:
        """What the chips say."""
        return [said(node, self._labels) for node in self._shown()]

    def _shown(self) -> list[filters.Node]:
        """Parts with a chip: the one that the switch shows has none."""
        scope = self.scope
        return [node for node in self._nodes if scope == "all" or not _same(node, self._scope_node(scope))]

    def _show(self) -> None:
        while self._flow.count() > 1:
            item = self._flow.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        button = self._flow.takeAt(0)
        for node in self._shown():
            self._flow.addWidget(_Chip(said(node, self._labels), self._labels, self._theme, partial(self.edit_chip, node), partial(self.remove, node)))
        if button is not None:
            self._flow.addItem(button)
        self.scopes.show_name(self.scope)
        self.text_field.setText(self.where)
        self._complain("")
        self._chips.updateGeometry()

    def remove(self, node: filters.Node) -> None:
        """Take a part off."""
        self._nodes = [one for one in self._nodes if one is not node]
        self._edited()

    def put(self, old: filters.Node | None, text: str) -> None:
        """Put a part in another's place, or add it; UsageError for a text that is none."""
        new = list(filters.conjuncts(self._language.parse(text)))
        at = next((place for place, one in enumerate(self._nodes) if one is old), len(self._nodes))
        self._nodes[at : at + 1] = new
        self._edited()

    def edit_chip(self, node: filters.Node | None) -> None:
        """Open the editor of a part; one that is more than a comparison is edited as text."""
        if node is not None and not isinstance(node, filters.Compare):
            self.text_button.setChecked(True)
            return
        self.editing.emit()
        editor = FilterEditor(self._labels, self._language, self._messages, self._facets, node, lambda text: self.put(node, text), self)
        editor.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        anchor = self.add_button
        editor.adjustSize()
        editor.move(anchor.mapToGlobal(QPoint(0, anchor.height() + 4)))
        editor.show()
        editor.begin()

    def _edited(self) -> None:
        self._show()
        self.changed.emit()

    # ------------------------------------------------------------ as text

    def _show_text(self, on: bool) -> None:  # noqa: FBT001 (a signal's)
        self.text_field.setVisible(on)
        if on:
            self.text_field.setText(self.where)
            self.text_field.setFocus()
        else:
            self._complain("")

    def apply_text(self) -> None:
        """Take the text; a mistake is told with its place marked."""
        try:
            self._nodes = list(filters.conjuncts(self._language.parse(self.text_field.text())))
        except UsageError as error:
            position = error.details.get("position")
            if isinstance(position, int):
                token = str(error.details.get("token") or error.details.get("field") or " ")
                self.text_field.setSelection(position, max(1, len(token)))
            self._complain(self._messages.sentence(error).text)
            return
        self._edited()

    def _complain(self, text: str) -> None:
        self.text_field.setProperty("invalid", bool(text))
        self.text_field.style().unpolish(self.text_field)
        self.text_field.style().polish(self.text_field)
        self.complaint.setText(text)
        self.complaint.setVisible(bool(text))


class _Chip(QFrame):
    """One part of the filter: its words edit it, the cross takes it off."""

    def __init__(self, text: str, labels: Labels, theme: Theme, edit: Callable[[], None], remove: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName("chip")
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 0, 0, 0)
        row.setSpacing(0)
        words = QToolButton()
        metrics = words.fontMetrics()
        words.setText(metrics.elidedText(text.replace("&", "&&"), Qt.TextElideMode.ElideMiddle, theme.px(320)))
        words.setAccessibleName(labels("filter.edit_chip", what=text))
        words.clicked.connect(lambda _: edit())
        words.setMinimumHeight(theme.px(26))
        cross = QToolButton()
        cross.setIcon(theme.icon("close", "text_muted"))
        cross.setAccessibleName(labels("filter.remove_chip", what=text))
        cross.setToolTip(labels("filter.remove"))
        cross.setMinimumHeight(theme.px(26))
        cross.clicked.connect(lambda _: remove())
        row.addWidget(words)
        row.addWidget(cross)


class FilterEditor(QFrame):
    """A small window to choose field, operator and value of one part."""

    def __init__(
        self,
        labels: Labels,
        language: Language,
        messages: Messages,
        facets: Mapping[str, Sequence[str]],
        node: filters.Compare | None,
        put: Callable[[str], None],
        parent: QWidget | None = None,
    ) -> None:
        """Start from a comparison, or empty."""
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("card")
        self._labels, self._language, self._messages, self._facets, self._put = labels, language, messages, facets, put
        form = QFormLayout(self)
        form.setContentsMargins(12, 12, 12, 12)
        self.field_box, self.op_box = QComboBox(), QComboBox()
        names = sorted(language.fields, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
        for name in names:
            self.field_box.addItem(labels.field(name), name)
        self.field_box.setMaxVisibleItems(20)
        self._build_values()
        self.complaint = plain("", role="danger", wrap=True)
        self.complaint.hide()
        self.apply_button = QPushButton(labels("filter.apply"))
        self.apply_button.setProperty("role", "primary")
        self.apply_button.clicked.connect(self.apply)
        for key, widget in (("filter.field", self.field_box), ("filter.operator", self.op_box), ("filter.value", self._values)):
            form.addRow(plain(labels(key)), widget)
            widget.setAccessibleName(labels(key))
        form.addRow(self.complaint)
        form.addRow(self.apply_button)
        self.setMinimumWidth(340)
        self.field_box.currentIndexChanged.connect(self._field_chosen)
        self.op_box.currentIndexChanged.connect(self._operator_chosen)
        self._field_chosen()
        if node is not None:
            self._take(node)

    def _build_values(self) -> None:
        label = self._labels("filter.value")
        self._values = QStackedWidget()
        self.line, self.list, self.choice, self.date, nothing = QLineEdit(), QListWidget(), QComboBox(), QDateEdit(), QWidget()
        self.date.setCalendarPopup(True)
        self.date.setDisplayFormat("yyyy-MM-dd")
        self.date.setDate(QDate.currentDate())
        self.list.setMinimumHeight(180)
        for widget in (self.line, self.list, self.choice, self.date, nothing):
            widget.setAccessibleName(label)
            self._values.addWidget(widget)
        self.line.returnPressed.connect(self.apply)
        self._nothing = nothing

    def begin(self) -> None:
        """Put the cursor where the next thing is to be done."""
        self.field_box.setFocus()

    @property
    def field(self) -> Field:
        """The chosen field."""
        return self._language.fields[self.field_box.currentData()]

    def _choices(self) -> list[tuple[str, str]]:
        """Values that the field may have, as code and words."""
        field = self.field
        if field.ranks is not None:
            return [(rank.code, self._labels.rank(rank)) for rank in field.ranks]
        if field.kind is Kind.PLATFORM:
            return [(code, self._labels.platform(code)) for code in dict.fromkeys((*self._facets.get("platform", ()), *PLATFORMS))]
        return [(value, value) for value in self._facets.get(field.name, ())]

    def _field_chosen(self) -> None:
        field, choices = self.field, self._choices()
        self.op_box.blockSignals(True)  # noqa: FBT003 (Qt's)
        self.op_box.clear()
        for operator in operators(field, choices=bool(choices)):
            if operator in ANY and not choices:
                continue
            self.op_box.addItem(self._labels(f"filter.op.{NAMES[operator]}"), operator)
        self.op_box.blockSignals(False)  # noqa: FBT003
        self.list.clear()
        self.choice.clear()
        for code, words in choices:
            item = QListWidgetItem(words, self.list)
            item.setData(_CODE, code)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)
            self.choice.addItem(words, code)
        completer = QCompleter([words for _, words in choices], self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.line.setCompleter(completer)
        hint = {Kind.FEN: "yuan", Kind.BASIS_POINTS: "percent", Kind.COUNT: "count"}.get(field.kind)
        self.line.setPlaceholderText(self._labels(f"filter.hint.{hint}") if hint else "")
        self._operator_chosen()

    def _operator_chosen(self) -> None:
        operator, field = self.op_box.currentData(), self.field
        if operator in {EMPTY, FILLED}:
            widget: QWidget = self._nothing
        elif operator in ANY:
            widget = self.list
        elif field.kind is Kind.RANK:
            widget = self.choice
        else:
            widget = self.date if field.kind is Kind.MOMENT else self.line
        self._values.setCurrentWidget(widget)
        self._values.setFixedHeight(self.list.minimumHeight() if widget is self.list else self.line.sizeHint().height())
        self.adjustSize()

    def _take(self, node: filters.Compare) -> None:
        """Show a comparison as it is."""
        self.field_box.setCurrentIndex(max(0, self.field_box.findData(node.field)))
        empty = node.values == (None,)
        operator = (EMPTY if node.op in {"=", "in"} else FILLED) if empty else node.op
        if operator in {"=", "!="} and self.op_box.findData(operator) < 0:
            operator = "in" if operator == "=" else "not in"
        self.op_box.setCurrentIndex(max(0, self.op_box.findData(operator)))
        values = [typed(self.field, value) for value in node.values]
        for value in values:
            self._tick(value)
        self.choice.setCurrentIndex(max(0, self.choice.findData(values[0])))
        self.line.setText(values[0])
        if self.field.kind is Kind.MOMENT and values[0]:
            self.date.setDate(QDate.fromString(values[0], "yyyy-MM-dd"))

    def _tick(self, value: str) -> None:
        """Check a value; one that nobody has is added."""
        for at in range(self.list.count()):
            if self.list.item(at).data(_CODE) == value:
                self.list.item(at).setCheckState(_CHECKED)
                return
        if value:
            item = QListWidgetItem(value)
            item.setData(_CODE, value)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_CHECKED)
            self.list.insertItem(0, item)

    def values(self) -> list[str]:
        """What was chosen or typed."""
        shown = self._values.currentWidget()
        if shown is self.list:
            items = [self.list.item(at) for at in range(self.list.count())]
            return [str(item.data(_CODE)) for item in items if item.checkState() == _CHECKED]
        if shown is self.choice:
            return [str(self.choice.currentData())]
        return [self.date.date().toString("yyyy-MM-dd")] if shown is self.date else [self.line.text()]

    def apply(self) -> None:
        """Take it and close; what does not fit is told here."""
        try:
            self._put(composed(self.field, self.op_box.currentData(), self.values()))
        except UsageError as error:
            self.complaint.setText(self._messages.sentence(error).text)
            self.complaint.show()
            self.adjustSize()
            return
        self.close()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter takes it."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.apply()
        else:
            super().keyPressEvent(event)


def _same(one: filters.Node, two: filters.Node) -> bool:
    """Whether two comparisons say the same, wherever they stood in their texts."""
    return isinstance(one, filters.Compare) and isinstance(two, filters.Compare) and (one.field, one.op, one.values) == (two.field, two.op, two.values)
