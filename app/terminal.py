# SPDX-License-Identifier: Apache-2.0
"""What one call of ``koc`` writes: aligned tables or one JSON document to stdout, progress and complaints to stderr."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
import unicodedata
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Final

from app.jobs import Quiet
from app.values import Ranked, WorkspaceRef, iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from app.services import Open, Services
    from app.values import Actor
    from app.words import Words

_PAUSE: Final = 0.2
"""Seconds between two strokes of the progress line."""

_JOINERS: Final = "\u200d\ufe0f"
"""Format characters that belong to an emoji."""


@dataclass(slots=True)
class Session:
    """One call of ``koc``: where, who, how to answer. The options before the command fill it in."""

    opener: Callable[[], Open]
    words: Words
    as_json: bool
    address: str = ""
    actor: Actor | None = None
    asked_for: str | None = None
    quiet: bool = False
    verbose: bool = False

    @property
    def ref(self) -> WorkspaceRef:
        """Workspace asked for."""
        return WorkspaceRef.of(self.address)

    @property
    def who(self) -> Actor:
        """Who acts."""
        if self.actor is None:
            raise RuntimeError("options are read before a command runs")
        return self.actor

    @contextlib.contextmanager
    def services(self) -> Iterator[Services]:
        """Open the workspace for one command."""
        services = self.opener()(self.ref, self.who)
        if self.asked_for not in {None, services.actor.name} and not self.quiet:
            sys.stderr.write(self.words("cli.login_decides", login=services.actor.name, asked=shown(self.asked_for)) + "\n")
        try:
            yield services
        finally:
            services.close()

    def answer(self, document: Mapping[str, object], human: Callable[[], str]) -> None:
        """Print the JSON document, or what people read."""
        text = json.dumps(document, ensure_ascii=False, indent=1, default=_jsonable) if self.as_json else human()
        try:
            sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read has left, as ``head`` does; what is still buffered goes nowhere instead of into a complaint at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def complain(self, code: str, details: Mapping[str, object], sentence: str) -> None:
        """Tell what went wrong: a JSON document on stdout, or a sentence on stderr."""
        if self.as_json:
            document = {"error": {"code": code, "message": sentence, "details": details}}
            sys.stdout.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")
        else:
            sys.stderr.write(f"koc: {sentence}\n")

    @contextlib.contextmanager
    def job(self) -> Iterator[Progress]:
        """Progress on stderr, where somebody looks; its line is wiped at the end."""
        progress = Progress(self.words, shown=self.verbose or (not self.quiet and not self.as_json and sys.stderr.isatty()))
        try:
            yield progress
        finally:
            progress.wipe()


class Progress(Quiet):
    """Shows a line of progress, redrawn a few times a second on a terminal, one line a phase elsewhere."""

    def __init__(self, words: Words, *, shown: bool) -> None:
        """Stay silent where nobody looks."""
        self._words, self._shown = words, shown
        self._redrawn = sys.stderr.isatty()
        self._last, self._phase = 0.0, ""

    def progress(self, phase: str, done: int, total: int | None = None) -> None:
        """Redraw the line."""
        due = time.monotonic() - self._last > _PAUSE if self._redrawn else phase != self._phase
        if not (self._shown and due):
            return
        self._last, self._phase = time.monotonic(), phase
        share = f" {100 * done // max(total, 1)} %" if total else f" {done:,}" if done else ""
        words = self._words(f"phase.{phase}")
        sys.stderr.write(f"\r\x1b[2K{words}{share}" if self._redrawn else f"{words}\n")
        sys.stderr.flush()

    def wipe(self) -> None:
        """Leave no line behind."""
        if self._shown and self._redrawn and self._phase:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()


def utf8() -> None:
    """Write UTF-8 whatever the system's code page; what cannot be encoded becomes a question mark.

    A program that the system starts without a window has no streams: what it says then goes nowhere.
    """
    if sys.stdout is None or sys.stderr is None:
        sys.stdout = sys.stderr = io.TextIOWrapper(io.FileIO(os.open(os.devnull, os.O_WRONLY), "w"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _jsonable(value: object) -> object:
    if isinstance(value, Ranked):
        return value.code
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value)}
    try:
        return dict(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        return str(value)


# ---------------------------------------------------------------- tables


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(char) or char in _JOINERS else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


class Digits(str):
    """A number that is written out already, with its unit; stands at the right as numbers do."""

    __slots__ = ()


def yuan(fen: int) -> Digits:
    """An amount in yuan, exact."""
    whole, rest = divmod(abs(fen), 100)
    return Digits(f"{'-' if fen < 0 else ''}{whole:,}.{rest:02d}")


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns, wide characters counted as two; numbers stand at the right."""
    texts = [[shown(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(header, *texts, strict=True)]
    right = [bool(rows) and all(isinstance(row[at], int | float | Digits | type(None)) for row in rows) for at in range(len(header))]
    lines = [_line(cells, widths, right) for cells in ([header, *texts] if any(header) else texts)]
    return "\n".join(lines) + "\n"


def pairs(rows: Sequence[tuple[str, object]]) -> str:
    """Names and values below each other."""
    return table(("", ""), [(name, shown(value)) for name, value in rows])


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = []
    for cell, width, to_right in zip(cells, widths, right, strict=True):
        gap = " " * (width - _width(cell))
        parts.append(gap + cell if to_right else cell + gap)
    return "  ".join(parts).rstrip()


def shown(cell: object) -> str:
    """A cell as text; characters that would drive the terminal are struck out."""
    if isinstance(cell, bool):
        return "✓" if cell else "✗"
    if isinstance(cell, int):
        return f"{cell:,}"
    text = "" if cell is None else str(cell)
    return "".join("\ufffd" if unicodedata.category(char) in {"Cc", "Cf"} and char not in _JOINERS else char for char in text)


def minute(moment: int | None) -> str:
    """A moment to the minute, in UTC."""
    return "" if moment is None else iso(moment)[:16].replace("T", " ")
