# SPDX-License-Identifier: Apache-2.0
"""Takes sheets of contacts and of training results in; replies and passed courses follow in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from app.files import Chunk
from app.rules.outreach import HUNDRED
from db import bulk
from db.writers import contacts, trained
from db.writers.facts import FactUpsert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.writers.facts import Columns, Edits, Incoming, Stored

OF_RECRUITING: Final = frozenset({"contacts", "trainings"})
_YES: Final = "yes"


@dataclass(slots=True)
class RecruitingUpsert(FactUpsert):
    """One sheet of contacts or trainings being taken in. Courses that nobody knows are added."""

    _courses: dict[str, int] = field(default_factory=dict)

    def incoming(self, chunk: Chunk) -> Incoming:
        """Rows of a chunk that stand; a training names its course by the course's row."""
        return FactUpsert.incoming(self, self._of_courses(chunk) if self.kind == "trainings" else chunk)

    def _of_courses(self, chunk: Chunk) -> Chunk:
        count = len(chunk)
        columns: dict[str, Sequence[Any]] = {name: values for name, values in chunk.columns.items() if name not in {"course", "mark", "passed"}}
        columns["course_id"] = [self._course(str(name).strip()) for name in chunk.columns["course"]]
        if "mark" in chunk.columns:
            columns["mark"] = [None if one is None else round(float(str(one)) * HUNDRED) for one in chunk.columns["mark"]]
        if "passed" in chunk.columns:
            nothing: Sequence[Any] = [None] * count
            stated, taken = columns.get("passed_at", nothing), columns.get("taken_at", nothing)
            columns["passed_at"] = [
                one or ((when or self.now) if _is_yes(flag) else None) for one, when, flag in zip(stated, taken, chunk.columns["passed"], strict=True)
            ]
        return Chunk(chunk.rows, columns, chunk.raw)

    def _course(self, name: str) -> int:
        """Row of a course; one that nobody knows is added, or in a dry run numbered below all that are there."""
        found = self._courses.get(name)
        if found is None:
            rows = bulk.fetch(self.connection, "select id from course where name = ?", name)
            if rows:
                found = int(rows[0][0])
            elif self.log is None:
                found = -len(self._courses) - 1
            else:
                found = self.log.insert("course", ("name", "pass_mark", "at", "by"), [(name, None, self.now, self.by)])
            self._courses[name] = found
        return found

    def edits(self, rows: Incoming, known: Stored) -> Edits:
        """What the rows change of what stands; a yes without a date says nothing of a date that is known."""
        out = FactUpsert.edits(self, rows, known)
        for at in list(out):
            before, after = out[at].get("passed_at", (None, None))
            if before is not None and after == self.now:
                del out[at]["passed_at"]
            if not out[at]:
                del out[at]
        return out

    def _completed(self, rows: Incoming) -> Columns:
        count = len(rows)
        own = {"operation_id": [self.log.id if self.log is not None else 0] * count}
        if self.kind == "contacts":
            return {**rows.columns, **own, "who": [one or self.by for one in rows.columns.get("who", [None] * count)]}
        return {**rows.columns, **own, "taken_at": [one or self.now for one in rows.columns.get("taken_at", [None] * count)]}

    def finish(self) -> None:
        """What follows from the sheet when the whole of it is in."""
        if self.log is None or not self.creators:
            return
        if self.kind == "contacts":
            contacts.replies(self.log, sorted(self.creators))
        else:
            trained.settle(self.log, sorted(self.creators))


def _is_yes(flag: object) -> bool:
    return flag in {True, _YES}
