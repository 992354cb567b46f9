# SPDX-License-Identifier: Apache-2.0
"""The one way to reach a packaged file."""

from __future__ import annotations

from importlib.resources import files


def text(*parts: str) -> str:
    """A packaged text file, by its path below ``resources``."""
    return files(__name__).joinpath(*parts).read_text("utf-8")


def data(*parts: str) -> bytes:
    """A packaged file's bytes, by its path below ``resources``."""
    return files(__name__).joinpath(*parts).read_bytes()


def names(*parts: str) -> list[str]:
    """Names of the files in a packaged folder, sorted."""
    return sorted(entry.name for entry in files(__name__).joinpath(*parts).iterdir())
