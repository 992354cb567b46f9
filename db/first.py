# SPDX-License-Identifier: Apache-2.0
"""The roster as it opens, largest first, through the driver alone: on the screen before SQLAlchemy is loaded."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlcipher3.dbapi2 as sqlite

from app.usecases.creators import Question, SortKey
from app.values import DEFAULT_ZONE
from db import driver, roster

if TYPE_CHECKING:
    from app.usecases.creators import Ids, RosterRow
    from app.values import WorkspaceRef

_ANSWERED: Final = Question(sort=(SortKey("followers", descending=True),))
_ORDERED: Final = "select id from creator order by followers desc, id"
_HEADER: Final = 100
_SMALLEST_PAGE: Final = 512


class First:
    """A look into a workspace's file in which all is as usual; ``close`` it once the store stands."""

    def __init__(self, raw: Any, zone: str) -> None:  # noqa: ANN401 (the driver has no stubs)
        """Look through a connection."""
        self._raw, self.zone = raw, zone
        self._lock = threading.Lock()

    @classmethod
    def of(cls, ref: WorkspaceRef) -> First | None:
        """None where opening has more to do than look, or something to say: whoever opens then takes care."""
        path = Path(ref.address).expanduser().absolute()
        if ref.is_url or not _usual(path):
            return None
        raw = None
        with suppress(sqlite.Error):
            raw = sqlite.connect(driver.uri(path), uri=True, timeout=driver.BUSY_SECONDS, check_same_thread=False)
            driver.prepare(raw)
            if raw.execute("pragma user_version").fetchone()[0] == driver.schema_version():
                zone = raw.execute("select value from workspace_setting where name = 'time_zone'").fetchone()
                return cls(raw, zone[0] if zone else DEFAULT_ZONE)
        if raw is not None:
            raw.close()
        return None

    @staticmethod
    def answers(question: Question) -> bool:
        """Whether a question is the one that is answered here."""
        return question == _ANSWERED

    def page(self, limit: int, offset: int) -> list[RosterRow] | None:
        """Some rows of the roster; None once closed, or where the driver failed: the store then says how."""
        with self._lock, suppress(sqlite.Error):
            if self._raw is not None:
                cursor = self._raw.cursor()
                ids = [row[0] for row in cursor.execute(f"{_ORDERED} limit ? offset ?", (limit, offset))]
                return roster.of(cursor, ids, time.time_ns() // 1000)
        return None

    def ids(self) -> Ids | None:
        """All ids of the roster; None as for ``page``."""
        import numpy as np  # noqa: PLC0415 (the command line's first rows need none)

        with self._lock, suppress(sqlite.Error):
            if self._raw is not None:
                joined = self._raw.execute(f"select group_concat(id) from ({_ORDERED})").fetchone()[0]  # noqa: S608 (our own words)
                return np.fromstring(joined, dtype=np.int64, sep=",") if joined else np.empty(0, dtype=np.int64)
        return None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._raw is not None:
                self._raw.close()
                self._raw = None


def _usual(path: Path) -> bool:
    """Whether a file is a whole workspace that nobody left in the middle of something, and can be written."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER)
        page = {1: 65536}.get(size := int.from_bytes(head[16:18], "big"), size)
        log = path.with_name(path.name + "-wal")
        return (
            head.startswith(b"SQLite format 3\x00")
            and int.from_bytes(head[68:72], "big") == driver.APPLICATION_ID
            and page >= _SMALLEST_PAGE
            and path.stat().st_size == int.from_bytes(head[28:32], "big") * page
            and not (log.exists() and log.stat().st_size)
            and driver.writable(path)
        )
    except OSError:
        return False
