# SPDX-License-Identifier: Apache-2.0
"""Every preference declared once: key, type, default, choices or bounds; read and written in one small file.

Secrets are never settings. Window geometry is a matter of looks and stays with the window.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs

_NAME: Final = "KOC Desk"


def default_workspace() -> Path:
    """Where a workspace is looked for that nobody named."""
    return Path(platformdirs.user_data_dir(_NAME, appauthor=False)) / "default.koc"


def log_folder() -> Path:
    """Where reports of unexpected failures go."""
    return Path(platformdirs.user_log_dir(_NAME, appauthor=False))


def settings_file() -> Path:
    """Where preferences are kept."""
    return Path(platformdirs.user_config_dir(_NAME, appauthor=False)) / "settings.json"


@dataclass(frozen=True, slots=True)
class Setting:
    """One preference; its label is the sentence ``setting.<key>``, its choices' ``setting.<key>.<choice>``."""

    key: str
    default: str | int | bool
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = 0

    def good(self, value: object) -> bool:
        """Whether a value is of the right type and within choices or bounds."""
        if type(value) is not type(self.default):
            return False
        if self.choices:
            return value in self.choices
        return not isinstance(value, int) or isinstance(value, bool) or self.least <= value <= self.most


LANGUAGE: Final = Setting("language", "system", ("system", "zh_CN", "en"))
THEME: Final = Setting("theme", "system", ("system", "light", "dark"))
DENSITY: Final = Setting("density", "compact", ("compact", "comfortable"))
REFRESH_SECONDS: Final = Setting("refresh_seconds", 2, least=1, most=60)
SECRETS_PLACE: Final = Setting("secrets_place", "keyring", ("keyring", "session", "vault"))
DECLARED: Final = (LANGUAGE, THEME, DENSITY, REFRESH_SECONDS, SECRETS_PLACE)


class Settings:
    """Preferences of the user of this computer; a value that does not fit its declaration counts as its default."""

    def __init__(self, path: Path | None = None) -> None:
        """Read the file where there is one."""
        self._path = path or settings_file()
        self._values: dict[str, Any] = {}
        try:
            read = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            read = {}
        if isinstance(read, dict):
            self._values = read

    @property
    def path(self) -> Path:
        """The file in which they are kept."""
        return self._path

    def get(self, setting: Setting) -> Any:  # noqa: ANN401 (as declared)
        """Value of a preference."""
        value = self._values.get(setting.key, setting.default)
        return value if setting.good(value) else setting.default

    def put(self, setting: Setting, value: str | int | bool) -> None:  # noqa: FBT001 (a value)
        """Set and save a preference; ValueError for one that does not fit."""
        if not setting.good(value):
            raise ValueError(setting.key)
        self._values[setting.key] = value
        self._save()

    @property
    def recent(self) -> list[str]:
        """Addresses of workspaces opened lately, newest first."""
        return [str(one) for one in self._values.get("recent", [])][:8]

    def opened(self, address: str) -> None:
        """Remember a workspace that was opened."""
        self._values["recent"] = [address, *(one for one in self.recent if one != address)][:8]
        self._save()

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(self._values, ensure_ascii=False, indent=1), "utf-8")
        temporary.replace(self._path)
