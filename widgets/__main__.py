# SPDX-License-Identifier: Apache-2.0
"""The desktop door: composes the services and hands their opener to the window."""

from __future__ import annotations

import multiprocessing
import sys
from typing import TYPE_CHECKING

from app import itself

if TYPE_CHECKING:
    from app.services import Open


def main() -> None:
    """Run ``koc-desk``."""
    itself.enter()
    multiprocessing.freeze_support()
    import numpy  # noqa: F401, ICN001, PLC0415 (before Qt, which reads the source of every module that is imported after it)

    from widgets import application  # noqa: PLC0415 (a child process needs no window)

    sys.exit(application.run(sys.argv[1:], _opener))


def _opener() -> Open:
    from sync.compose import opener  # noqa: PLC0415 (the window paints before the store is loaded)

    return opener()


if __name__ == "__main__":
    main()
