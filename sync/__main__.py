# SPDX-License-Identifier: Apache-2.0
"""The headless door: composes the services and hands them to the command line."""

from __future__ import annotations

import multiprocessing
import sys
from typing import TYPE_CHECKING

from app import itself

if TYPE_CHECKING:
    from app.services import Open


def main() -> None:
    """Run ``koc``."""
    itself.enter()
    multiprocessing.freeze_support()
    from app import cli  # noqa: PLC0415 (a child that only reads a workbook needs none of it)

    try:
        code = cli.run(sys.argv[1:], _opener)
    except Exception as error:  # noqa: BLE001 (the last resort: nobody is shown a traceback)
        code = cli.unforeseen(sys.argv[1:], _opener, error)
    sys.exit(code)


def _opener() -> Open:
    from sync.compose import opener  # noqa: PLC0415 (help and usage errors come without the store)

    return opener()


if __name__ == "__main__":
    main()
