# SPDX-License-Identifier: Apache-2.0
"""Every sentence in the reader's language, for window and command line alike.

Catalogues are gettext files keyed by stable names (``page.creators``), complete in every language.
"""

from __future__ import annotations

import gettext
import io
import locale
import os
from typing import TYPE_CHECKING, Final

import resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.values import Ranked

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
        return sentence.format_map(_Given(values)) if values else sentence

    def __reduce__(self) -> tuple[type[Words], tuple[str]]:
        """To another process goes the language: it has the sentences itself."""
        return Words, (self.language,)

    def plural(self, key: str, count: int, /, **values: object) -> str:
        """Sentence of a key whose form depends on a count, also given as ``{n}``, with its thousands set apart."""
        return self._catalogue.ngettext(key, key, count).format(n=f"{count:,}", **values)

    def failure(self, code: str, details: Mapping[str, object]) -> str:
        """Sentence of an error: fields and reasons among its parameters become words as well."""
        return self(f"error.{code}", **self._spoken(details))

    def warning(self, code: str, details: Mapping[str, object]) -> str:
        """Sentence of a warning, its parameters in words."""
        return self(f"warning.{code}", **self._spoken(details))

    def _spoken(self, details: Mapping[str, object]) -> dict[str, object]:
        spoken = dict(details)
        for name, family in (("field", "field"), ("platform", "platform"), ("reason", "reject"), ("act", "act"), ("role", "role")):
            key = f"{family}.{details.get(name)}"
            if name in details and self.has(key):
                spoken[name] = self(key)
        if isinstance(at := details.get("position"), int):
            spoken["position"] = at + 1  # people count from one
        return spoken

    def field(self, name: str) -> str:
        """Word for a field; a free metric is named by its own name."""
        key = f"field.{name}"
        if name.startswith("as_of."):
            return f"{self('field.as_of')} ({self.field(name.removeprefix('as_of.'))})"
        return self(key) if self.has(key) else self("field.metric", name=name.removeprefix("metric."))

    def platform(self, code: str) -> str:
        """Word for a platform; one that nobody knows stands for itself."""
        key = f"platform.{code}"
        return self(key) if self.has(key) else code

    def event_type(self, code: str) -> str:
        """Word for a type of credit event; one that a brand's own policy added stands for itself."""
        key = f"credit_type.{code}"
        return self(key) if self.has(key) else code

    def tier(self, tier: Ranked | None) -> str:
        """Word for a tier; None is unknown followers."""
        return self(f"tier.{'unknown' if tier is None else tier.code}")

    def family(self, name: str) -> dict[str, str]:
        """Sentences of a family: ``reject`` gives the words of every code below it."""
        sentences = vars(self._catalogue)["_catalog"]  # gettext itself lists nothing
        return {key.removeprefix(f"{name}."): text for key, text in sentences.items() if isinstance(key, str) and key.startswith(f"{name}.")}

    def has(self, key: str) -> bool:
        """Whether the catalogue knows the key."""
        return self._catalogue.gettext(key) != key


class _Given(dict[str, object]):
    """Values by name; one that nobody gave stays visible as its name, for a message must never fail itself."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def normalise(language: str) -> str:
    """Catalogue name for a language tag."""
    return "zh_CN" if language.lower().startswith(("zh", "chinese")) else "en"  # Windows writes it out


def system_language() -> str:
    """Language of the user's session, from the environment or the system."""
    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return normalise(named or locale.getlocale()[0] or "zh_CN")
