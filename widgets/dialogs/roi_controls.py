# SPDX-License-Identifier: Apache-2.0
"""What the page of returns is asked for: dimension, period, model, target, and whose word."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QDate, Signal
from PySide6.QtWidgets import QComboBox, QDateEdit, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.rules.models import MODELS
from app.rules.rating.value import Word
from app.usecases.roi import DIMENSIONS, Asked, Span
from app.values import day_end, day_start, local
from widgets.messages import plain
from widgets.tables.flow import Flow
from widgets.tables.returns import word_said

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from widgets.labels import Labels
    from widgets.theme import Theme

_PERIODS: Final = ("all", "month", "30", "90", "365", "custom")
_MOST_TARGET: Final = 1_000


class RoiControls(QWidget):
    """The controls in lines, as many as there is width for."""

    changed = Signal()
    """Another question is asked."""
    worded = Signal()
    """Those of another word are asked for."""

    def __init__(self, labels: Labels, theme: Theme) -> None:
        """Ask for everything of all time."""
        super().__init__()
        self._labels = labels
        self._target: float | None = None
        self.by = self._choice(labels("roi.by"), [(labels(f"roi.by.{one}"), one) for one in DIMENSIONS], self.changed.emit)
        self.period = self._choice(labels("roi.period"), [(labels(f"roi.period.{one}"), one) for one in _PERIODS], self._period_chosen)
        self.since, self.until = self._day("roi.since"), self._day("roi.until")
        models = [(labels("roi.model.usual"), None), *((labels(f"model.{one}"), one) for one in MODELS)]
        self.model_box = self._choice(labels("roi.model"), models, self.changed.emit)
        self.target = QLineEdit()
        self.target.setPlaceholderText(labels("roi.target.none"))
        self.target.setAccessibleName(labels("roi.target"))
        self.target.setToolTip(labels("roi.target.tip"))
        self.target.setFixedWidth(theme.px(92))
        self.target.setMaxLength(12)
        self.target.textEdited.connect(lambda _: self._mark_target(valid=True))
        self.target.editingFinished.connect(self._target_changed)
        words = [(labels("roi.word.all"), None), *((word_said(one, labels), int(one)) for one in reversed(Word))]
        self.word = self._choice(labels("roi.word"), words, self.worded.emit)
        margins = QVBoxLayout(self)
        margins.setContentsMargins(16, 0, 16, 6)
        flow = Flow(8)
        margins.addLayout(flow)
        self._word_group = self._captioned("roi.word", self.word)
        self._dates = QWidget()
        dates = QHBoxLayout(self._dates)
        dates.setContentsMargins(0, 0, 0, 0)
        dates.setSpacing(6)
        dates.addWidget(self.since)
        dates.addWidget(plain("–", role="muted"))
        dates.addWidget(self.until)
        for part in (
            self._captioned("roi.by", self.by), self._captioned("roi.period", self.period), self._dates, self._captioned("roi.model", self.model_box),
            self._captioned("roi.target", self.target), self._word_group,
        ):  # fmt: skip
            flow.addWidget(part)
        self._dates.hide()

    def _choice(self, name: str, words: Sequence[tuple[str, object]], changed: Callable[[], None]) -> QComboBox:
        made = QComboBox()
        for text, data in words:
            made.addItem(text, data)
        made.setAccessibleName(name)
        made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        made.activated.connect(lambda _: changed())
        return made

    def _captioned(self, key: str, control: QWidget) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 8, 0)
        row.setSpacing(6)
        caption = plain(self._labels(key), role="muted")
        caption.setBuddy(control)
        row.addWidget(caption)
        row.addWidget(control)
        return made

    def _day(self, key: str) -> QDateEdit:
        made = QDateEdit()
        made.setCalendarPopup(True)
        made.setDisplayFormat("yyyy-MM-dd")
        made.setAccessibleName(self._labels(key))
        made.setKeyboardTracking(False)
        made.dateChanged.connect(self._moved)
        return made

    # ------------------------------------------------------------ what is asked

    @property
    def asked(self) -> Asked:
        """The question as the controls say it."""
        return Asked(str(self.by.currentData()), self.span, None, self.model_box.currentData(), None, self._target)

    @property
    def span(self) -> Span:
        """The period that is chosen."""
        zone, kind = self._labels.zone, self.period.currentData()
        today = local(time.time_ns() // 1000, zone).date()
        if kind == "all":
            return Span()
        if kind == "custom":
            since, until = (date(one.date().year(), one.date().month(), one.date().day()) for one in (self.since, self.until))
            return Span(day_start(min(since, until), zone), day_end(max(since, until), zone))
        first = today.replace(day=1) if kind == "month" else today - timedelta(days=int(kind) - 1)
        return Span(day_start(first, zone), day_end(today, zone))

    def _period_chosen(self) -> None:
        custom = self.period.currentData() == "custom"
        if custom and not self._dates.isVisible():
            today = local(time.time_ns() // 1000, self._labels.zone).date()
            self._set_days(*(QDate(day.year, day.month, day.day) for day in (today - timedelta(days=89), today)))
        self._dates.setVisible(custom)
        self.changed.emit()

    def _moved(self, _: QDate) -> None:
        self.changed.emit()

    def _mark_target(self, *, valid: bool) -> None:
        self.target.setProperty("invalid", "false" if valid else "true")
        self.target.style().unpolish(self.target)
        self.target.style().polish(self.target)

    def _target_changed(self) -> None:
        """Take a target as people write it: 2, 1:2, 1：2.5; what is none is marked and not asked for."""
        text = self.target.text().strip().replace("：", ":").removeprefix("1:")
        try:
            number = float(text) if text else None
        except ValueError:
            number = 0.0
        valid = number is None or 0 < number < _MOST_TARGET
        self._mark_target(valid=valid)
        if valid and number != self._target:
            self._target = number
            self.changed.emit()

    @property
    def chosen_word(self) -> Word | None:
        """Whose word is asked for; None is everybody's."""
        chosen = self.word.currentData()
        return None if chosen is None else Word(chosen)

    # ------------------------------------------------------------ set by others

    def show_dimension(self, by: str) -> None:
        """Stand at a dimension."""
        self.by.setCurrentIndex(self.by.findData(by))

    def show_month(self, named: str) -> None:
        """Stand at the days of a month, ``YYYY-MM``."""
        year, _, month = named.partition("-")
        first = QDate(int(year), int(month), 1)
        self.period.setCurrentIndex(self.period.findData("custom"))
        self._set_days(first, first.addMonths(1).addDays(-1))
        self._dates.show()

    def _set_days(self, since: QDate, until: QDate) -> None:
        for edit, day in ((self.since, since), (self.until, until)):
            edit.blockSignals(True)  # noqa: FBT003 (Qt's)
            edit.setDate(day)
            edit.blockSignals(False)  # noqa: FBT003

    def offer_words(self, *, offered: bool) -> None:
        """Let a word be chosen, or not: only creators have one."""
        self._word_group.setVisible(offered)

    def every_word(self) -> None:
        """Ask for everybody."""
        self.word.setCurrentIndex(0)
