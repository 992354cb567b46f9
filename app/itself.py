# SPDX-License-Identifier: Apache-2.0
"""How the program starts a part of itself in a process of its own: by the interpreter, or, packaged without one, by its own door."""

from __future__ import annotations

import os
import sys
from typing import Final

PARTS: Final = ("sync", "sync.workbooks", "webbrowser")
"""Modules that are started as programs."""

_ASKED: Final = "--part"
_LIBRARIES: Final = "LD_LIBRARY_PATH"


def packaged() -> bool:
    """Whether the program runs from a package, where no interpreter stands that takes ``-m``."""
    return bool(getattr(sys, "frozen", False))


def command(part: str, program: str = "") -> tuple[str, ...]:
    """Words that start a part. ``-P``: a folder named like one of ours in the working directory is not taken for it."""
    start = (_ASKED,) if packaged() else ("-P", "-m")
    return (program or sys.executable, *start, part)


def enter() -> None:
    """What a door does before all else: do the part it is asked for, and no more than that."""
    if packaged():
        _return_libraries()
    if sys.argv[1:2] == [_ASKED] and sys.argv[2:3] and sys.argv[2] in PARTS:
        import runpy  # noqa: PLC0415 (a start that is asked for no part needs none of it)

        part, sys.argv[1:] = sys.argv[2], sys.argv[3:]
        runpy.run_module(part, run_name="__main__")
        sys.exit()


def _return_libraries() -> None:
    """Give what is started from here the system's own libraries: ours are loaded, and a browser must not find them before its own."""
    before = os.environ.pop(f"{_LIBRARIES}_ORIG", None)
    if before is not None:
        os.environ[_LIBRARIES] = before
    else:
        os.environ.pop(_LIBRARIES, None)
