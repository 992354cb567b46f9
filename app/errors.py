# SPDX-License-Identifier: Apache-2.0
"""Every failure the product can name: a stable code and parameters, never a sentence.

The sentence of a code stands in ``resources/i18n`` under ``error.<code>`` in every language.
``exit_code`` is what the command line returns for it (docs: the ``koc`` command).
"""

from __future__ import annotations

from typing import ClassVar


class ProductError(Exception):
    """A failure that is safe and useful to show: ``code`` names it, ``details`` fill its sentence."""

    exit_code: ClassVar[int] = 2

    def __init__(self, code: str, **details: object) -> None:
        """Keep the code and its parameters; values are shown to the user, so never pass a secret."""
        super().__init__(code)
        self.code = code
        self.details = details

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the trip from a child process with its parameters."""
        return _rebuild, (type(self), self.code, self.details)

    def __str__(self) -> str:
        """Code and parameters, for logs; people read the translated sentence instead."""
        return f"{self.code} {self.details}" if self.details else self.code


def _rebuild(kind: type[ProductError], code: str, details: dict[str, object]) -> ProductError:
    return kind(code, **details)


class UsageError(ProductError):
    """The request itself is wrong: unknown id or field, bad value, missing input file."""


class InputRefusedError(UsageError):
    """A file that is not read at all: bomb, password, wrong kind; nothing was changed."""


class WorkspaceError(ProductError):
    """The workspace is missing, locked, damaged, too new or cannot be written."""

    exit_code = 3


class PlatformError(ProductError):
    """A platform could not be reached, or refused, after retries."""

    exit_code = 4


class NotPermittedError(ProductError):
    """The role of whoever asks does not allow it."""

    exit_code = 5


class CancelledError(ProductError):
    """The user stopped a job; what was finished is kept."""

    exit_code = 130

    def __init__(self, code: str = "cancelled", **details: object) -> None:
        """A cancelled job needs no other word."""
        super().__init__(code, **details)
