# SPDX-License-Identifier: Apache-2.0
"""Every sentence in the reader's language, for window and command line alike.

Catalogues are gettext files keyed by stable names (``page.creators``), complete in every language.
"""

from __future__ import annotations

import gettext
import io
import locale
import os
from typing import Final

import resources

LANGUAGES: Final = ("zh_CN", "en")


class Words:
    """Sentences of one language. ``words("key", name=value)`` fills named placeholders."""

    def __init__(self, language: str) -> None:
        """Load the catalogue; ``zh`` and ``zh-CN`` mean ``zh_CN``, any other unknown means ``en``."""
        self.language = normalise(language)
        catalogue = resources.data("i18n", f"{self.language}.mo")
        self._catalogue = gettext.GNUTranslations(io.BytesIO(catalogue))

    def __call__(self, key: str, /, **values: object) -> str:
        """Sentence of a key; a key without one comes back as itself, which a house test forbids."""
        sentence = self._catalogue.gettext(key)
        return sentence.format(**values) if values else sentence

    def plural(self, key: str, count: int, /, **values: object) -> str:
        """Sentence of a key whose form depends on a count, also given as ``{n}``."""
        return self._catalogue.ngettext(key, key, count).format(n=count, **values)

    def has(self, key: str) -> bool:
        """Whether the catalogue knows the key."""
        return self._catalogue.gettext(key) != key


def normalise(language: str) -> str:
    """Catalogue name for a language tag."""
    return "zh_CN" if language.lower().startswith("zh") else "en"


def system_language() -> str:
    """Language of the user's session, from the environment or the system."""
    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return normalise(named or locale.getlocale()[0] or "zh_CN")
