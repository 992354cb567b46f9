# SPDX-License-Identifier: Apache-2.0
"""SQLite by its driver alone: what every connection to a workspace's file is told, and what the file must be.

Stands below SQLAlchemy, so that a window can look into a workspace before that is loaded.
"""

from __future__ import annotations

import os
import tempfile
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import sqlcipher3.dbapi2 as sqlite

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION_ID: Final = 0x4B4F4344
SQLITE_VERSION: Final[str] = sqlite.sqlite_version
WAL_BUG_FIXED: Final = (3, 51, 3)
BUSY_SECONDS: Final = 5.0
PAGE_CACHE_KIB: Final = 4_000
"""For each connection; the system keeps the file's pages too, once for all of them."""
LOG_PAGES: Final = 1_000
"""In the log beside the file before they are copied into it; SQLite's own number."""


def sqlite_is_sound() -> bool:
    """Whether the library is free of the WAL-reset bug."""
    return tuple(map(int, SQLITE_VERSION.split("."))) >= WAL_BUG_FIXED


def schema_version() -> int:
    """Version of the newest revision."""
    names = (entry.name for entry in files("db").joinpath("migrations", "versions").iterdir())
    return max(int(name[:4]) for name in names if name[:4].isdecimal())


def uri(path: Path, *, read_only: bool = False) -> str:
    """Name of a file that must be there. Read-only opens it immutable: for media and folders that cannot be written."""
    return f"file:{quote(str(path))}?{'mode=ro&immutable=1' if read_only else 'mode=rw'}"


def prepare(raw: Any, *, read_only: bool = False) -> None:  # noqa: ANN401 (the driver has no stubs)
    """Tell a new connection how to keep the file, and what it may use meanwhile."""
    raw.isolation_level = None  # transactions are begun by us, in the mode we mean
    cursor = raw.cursor()
    if not read_only:
        cursor.execute("pragma journal_mode=wal")
        cursor.execute("pragma synchronous=normal" if sqlite_is_sound() else "pragma synchronous=full")
    cursor.execute("pragma foreign_keys=on")
    cursor.execute("pragma temp_store=file")
    cursor.execute(f"pragma cache_size=-{PAGE_CACHE_KIB}")
    cursor.close()
    # Case as Python knows it, for "contains"; SQLite's own lower() knows ASCII only.
    raw.create_function("fold", 1, _fold, deterministic=True)


def _fold(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def writable(path: Path) -> bool:
    """Whether a file and its folder can be written: the log stands beside the file."""
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return False
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            return True
    except OSError:
        return False
