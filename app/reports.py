# SPDX-License-Identifier: Apache-2.0
"""The log of failures: a line for each that has words, a report for each that nobody foresaw; secrets struck out."""

from __future__ import annotations

import platform
import re
import secrets
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from app import settings

if TYPE_CHECKING:
    from app.errors import ProductError

_SECRETS: Final = (
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), r"\1***@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 ***"),
    (
        re.compile(
            r"(?i)((?:access|refresh|app|client|api|private)?[_-]?(?:token|secret|password|passwd|pwd|key|sign|signature|authorization|cookie))"
            r"(['\"]?\s*[=:]\s*)(?:['\"][^'\"]*['\"]|[^\s,&;)}\]]+)"
        ),
        r"\1\2***",
    ),
)
_KEPT: Final = 50


def new_id() -> str:
    """A short id that a person can read out: day and six hexadecimal digits."""
    return f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(3)}"


def struck(text: str) -> str:
    """Text with everything that looks like a secret struck out."""
    for pattern, into in _SECRETS:
        text = pattern.sub(into, text)
    return text


def note(error: ProductError) -> str:
    """Write a line for a failure with words; returns its id."""
    log_id = new_id()
    with suppress(OSError):  # a full or read-only disk must not hide the failure itself
        folder = settings.log_folder()
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "errors.log").open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {log_id} {struck(str(error))}\n")
    return log_id


def save(error: BaseException) -> str:
    """Save what nobody foresaw, with where it happened; returns the id of the report."""
    log_id = new_id()
    text = "\n".join(
        (
            f"KOC Desk {log_id} {datetime.now(UTC).isoformat(timespec='seconds')}",
            f"Python {sys.version.split()[0]}, {platform.platform()}",
            "",
            struck("".join(traceback.format_exception(error))),
        )
    )
    with suppress(OSError):  # likewise
        folder = settings.log_folder()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"report-{log_id}.txt").write_text(text, "utf-8")
        for old in sorted(folder.glob("report-*.txt"))[:-_KEPT]:
            old.unlink(missing_ok=True)
    return log_id
