# SPDX-License-Identifier: Apache-2.0
"""Writes only the creators of ``gen``: the other files of a scale are not measured here."""

from __future__ import annotations

import sys

from benchmarks import gen


class _DoneError(Exception):
    """The creators are written."""


def main() -> None:
    """Run ``gen`` as far as its first file."""
    write = gen.write

    def only(path: str, *more: object) -> None:
        write(path, *more)  # type: ignore[no-untyped-call]
        raise _DoneError

    gen.write = only
    scale, seed, folder = sys.argv[1:]
    sys.argv = ["gen", "--scale", scale, "--seed", seed, "--out", folder]
    try:
        gen.main()  # type: ignore[no-untyped-call]
    except _DoneError:
        return


if __name__ == "__main__":
    main()
