# SPDX-License-Identifier: Apache-2.0
"""What pages have brought, field by field: stands in for a workspace where only the walk is looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.usecases.syncing import Known, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.usecases.syncing import Page


@dataclass
class Remembered:
    """A look at everything that was taken in."""

    records: dict[tuple[str, str], dict[str, object]] = field(default_factory=dict)
    people: tuple[str, ...] = ()
    requests: int = 0

    def take(self, pages: Iterable[Page]) -> list[Page]:
        """Take pages in, as a store does: what was not told stays, what is over goes."""
        taken = list(pages)
        for page in taken:
            if page.whole is not None:
                beside = [at for at, told in self.records.items() if at[0] == page.kind and page.whole.items() <= told.items()]
                for at in beside:
                    del self.records[at]
            for one in page.records:
                self.records.setdefault((one.kind, one.key), {}).update(one.fields)
        return taken

    def known(self, kind: str) -> Sequence[Known]:
        """Records of a kind, by key in order."""
        return [Known(key, told) for (of, key), told in sorted(self.records.items()) if of == kind]

    def accounts(self, _platform: str) -> Sequence[str]:
        """Creators of the workspace on a platform."""
        return self.people

    def spent(self, _since: int) -> int:
        """Requests of the day so far."""
        return self.requests

    def of(self, kind: str) -> dict[str, dict[str, object]]:
        """Records of a kind by key."""
        return {key: told for (other, key), told in self.records.items() if other == kind}


@dataclass
class Watched:
    """A log that can be looked at."""

    traffic: Traffic = field(default_factory=Traffic)
    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def line(self, code: str, **details: object) -> None:
        """Note something."""
        self.lines.append((code, details))
