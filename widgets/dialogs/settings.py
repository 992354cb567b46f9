# SPDX-License-Identifier: Apache-2.0
"""A form drawn from the settings' declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QDialogButtonBox, QFormLayout, QPushButton, QSpinBox, QVBoxLayout, QWidget

from app.settings import DECLARED, Setting, Settings
from widgets.messages import plain

if TYPE_CHECKING:
    from widgets.labels import Labels


class SettingsDialog(QDialog):
    """Preferences of this computer's user. ``changes`` tells what was set when it is accepted."""

    def __init__(self, settings: Settings, labels: Labels, parent: QWidget | None = None) -> None:
        """Draw one control for each declaration."""
        super().__init__(parent)
        self._settings, self._labels = settings, labels
        self.changes: dict[str, str | int | bool] = {}
        self.setWindowTitle(labels("command.tools.settings"))
        self.setMinimumWidth(420)
        box = QVBoxLayout(self)
        box.setContentsMargins(22, 20, 22, 16)
        form = QFormLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(12)
        self._controls: dict[str, QWidget] = {}
        for setting in DECLARED:
            control = self._control(setting)
            label = plain(labels(f"setting.{setting.key}"))
            label.setBuddy(control)
            control.setAccessibleName(label.text())
            form.addRow(label, control)
            self._controls[setting.key] = control
        box.addLayout(form)
        box.addSpacing(12)
        buttons = QDialogButtonBox(self)
        save = QPushButton(labels("action.save"), self)
        save.setDefault(True)
        buttons.addButton(save, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(QPushButton(labels("action.cancel"), self), QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        box.addWidget(buttons)

    def control(self, setting: Setting) -> QWidget:
        """The control of a preference."""
        return self._controls[setting.key]

    def accept(self) -> None:
        """Save what differs."""
        for setting in DECLARED:
            value = self._value(setting)
            if value != self._settings.get(setting):
                self._settings.put(setting, value)
                self.changes[setting.key] = value
        super().accept()

    def _control(self, setting: Setting) -> QWidget:
        value = self._settings.get(setting)
        if setting.choices:
            combo = QComboBox(self)
            for choice in setting.choices:
                combo.addItem(self._labels(f"setting.{setting.key}.{choice}"), choice)
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            combo.setCurrentIndex(setting.choices.index(value))
            return combo
        if isinstance(setting.default, bool):
            check = QCheckBox(self)
            check.setChecked(value)
            return check
        spin = QSpinBox(self)
        spin.setRange(setting.least, setting.most)
        spin.setValue(value)
        return spin

    def _value(self, setting: Setting) -> str | int | bool:
        control = self._controls[setting.key]
        if isinstance(control, QComboBox):
            return str(control.currentData())
        if isinstance(control, QCheckBox):
            return control.isChecked()
        return control.value() if isinstance(control, QSpinBox) else setting.default
