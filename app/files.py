# SPDX-License-Identifier: Apache-2.0
"""Strangers' files as every import sees them: what to read, what was read, what it changed, and the port that opens them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from app.errors import ProductError
from app.rules.facts import CREATORS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from app.jobs import Job


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to read and how. ``mapping`` is FIELD -> header text or 1-based column number as text.

    ``only_mapped``: the mapping is the whole truth, nothing else is taken from the headers, and its numbers are columns.
    ``kind`` is a word of ``app.rules.facts.KINDS``; ``create_leads``: creators that a file of facts names and nobody knows are added.
    ``reasons`` are words for the codes and fields of rejected rows, as ``errors_to`` shows them; a code without any stands for itself.
    """

    path: Path
    sheet: str | None = None
    platform: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    encoding: str | None = None
    dry_run: bool = False
    errors_to: Path | None = None
    only_mapped: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    kind: str = CREATORS
    create_leads: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """The head of an opened file: what its columns are and what they were taken for."""

    sheets: tuple[str, ...]
    sheet: str | None
    encoding: str | None
    header_row: int | None
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    mapping: Mapping[str, int]
    platform: str | None
    warnings: tuple[Warn, ...]


@dataclass(frozen=True, slots=True)
class Warn:
    """Something to look at that stopped nothing: a code under ``warning.<code>`` and its parameters."""

    code: str
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not taken. ``row`` as a spreadsheet counts; ``code`` under ``reject.<code>``."""

    row: int
    column: str | None
    value: str
    code: str


@dataclass(frozen=True, slots=True)
class Change:
    """One cell that an import changes or would change."""

    row: int
    key: str
    field: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a parsed file, as columns of equal length; None is an empty cell.

    ``columns`` is keyed by field name. Values: str for TEXT/IDENT/PLATFORM, int for COUNT/FEN/BASIS_POINTS
    and MOMENT (microseconds), float for NUMBER, int of the rank for RANK, tuple[str, ...] for TAGS.
    ``raw`` holds, per field, the text of cells whose meaning was normalised (``10万+``): row position -> text.
    """

    rows: Sequence[int]
    columns: Mapping[str, Sequence[object]]
    raw: Mapping[str, Mapping[int, str]]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)


class Parsed(Protocol):
    """A file read, mapped, parsed and collapsed: each key once. Chunks come in the file's order."""

    @property
    def read(self) -> int:
        """Rows read: records that are neither blank nor a repeated header."""

    @property
    def records(self) -> int:
        """Rows left after rejects and duplicates."""

    @property
    def duplicates(self) -> int:
        """Rows whose key an other row of the file also names, less one for each key."""

    @property
    def key(self) -> tuple[str, ...]:
        """Fields that identify a row: () for the default, platform + uid, else platform + handle."""

    def sums(self, rejected: Collection[int] = ()) -> Mapping[str, int | float]:
        """Exact totals per numeric field over all rows not rejected, here or (``rejected``) by the store; duplicates included."""

    @property
    def mapping(self) -> Mapping[str, str]:
        """Field -> header text (or column number where the file has no header)."""

    @property
    def unmapped(self) -> Sequence[str]:
        """Headers nobody claimed."""

    @property
    def warnings(self) -> Sequence[Warn]:
        """Things to look at."""

    @property
    def rejects(self) -> Sequence[Reject]:
        """Rows not taken, in the file's order."""

    @property
    def digest(self) -> str:
        """SHA-256 of the file's bytes."""

    def chunks(self, size: int) -> Iterator[Chunk]:
        """The records, some rows at a time."""


@runtime_checkable
class Framed(Parsed, Protocol):
    """A file whose records can be compared as whole columns, before anybody looks at their rows."""

    @property
    def frame(self) -> Any:  # noqa: ANN401 (this floor knows no library)
        """The records: a column of their row numbers, and one for each field."""

    @property
    def number(self) -> str:
        """Column of the row numbers."""

    def leave_out(self, rows: Collection[int]) -> None:
        """Bring no more chunks of some rows."""


@runtime_checkable
class Columnar(Parsed, Protocol):
    """A file of which the store may look up whole columns; chunks are its rows from the first to the last."""

    @property
    def table(self) -> Any:  # noqa: ANN401 (this floor knows no library)
        """The records, a column for each field."""


@dataclass(frozen=True, slots=True)
class Upserted:
    """What the store did with a parsed file."""

    operation_id: int | None
    inserted: int
    updated: int
    unchanged: int
    changes: tuple[Change, ...]
    rejects: tuple[Reject, ...]
    creator_ids: tuple[int, ...]
    duplicates: int = 0
    """Rows that name an account which an earlier row of the file also names, by another key."""
    warnings: tuple[Warn, ...] = ()
    unknown_creators: tuple[str, ...] = ()
    """Creators that rows name and nobody knows, as ``platform:platform_uid``."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did or would do; counts add up to ``read``."""

    import_id: int | None
    kind: str
    read: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    duplicates: int
    sums: Mapping[str, int | float]
    mapping: Mapping[str, str]
    unmapped: tuple[str, ...]
    warnings: tuple[Warn, ...]
    changes: tuple[Change, ...]
    errors: tuple[Reject, ...]
    seconds: float
    unknown_creators: tuple[str, ...] = ()


class Files(Protocol):
    """Opens the files that strangers made, and writes ours."""

    def preview(self, request: ImportRequest) -> Preview:
        """Head of a file with the mapping it would get; InputRefusedError for a hostile one."""

    def parse(self, request: ImportRequest, zone: str, now: int, job: Job) -> Parsed:
        """Read, map, parse and collapse a whole file; ``now`` is the moment that dates figures without a date."""

    def write_rejects(self, path: Path, request: ImportRequest, rejects: Sequence[Reject]) -> None:
        """Workbook of the rejected rows as they were, with a column that says why; it can be imported again."""

    def write_table(self, path: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
        """CSV or XLSX by ending, formula-safe, by way of a temporary file; returns the rows written."""


@dataclass(frozen=True, slots=True)
class Left:
    """What left the workspace as a file: ``withheld`` are fields that the role of whoever wrote it leaves out."""

    kind: str
    file: str
    where: str
    rows: int
    fields: tuple[str, ...]
    withheld: tuple[str, ...] = ()


class Gate(Protocol):
    """What a file passes that leaves the workspace."""

    @property
    def withheld(self) -> tuple[str, ...]:
        """Fields that whoever writes the file may not let out."""

    def note(self, left: Left) -> None:
        """Write into the audit trail what left; where nothing can be written, as from a medium that is only read, nothing is."""


def let_out(gate: Gate, left: Left, path: Path) -> int:
    """Note what left, or take the file back where that is refused; returns the rows."""
    try:
        gate.note(left)
    except ProductError:
        path.unlink(missing_ok=True)
        raise
    return left.rows


def take_in(
    files: Files, request: ImportRequest, kind: str, zone: str, now: int, job: Job, upsert: Callable[[Parsed], Upserted]
) -> tuple[ImportReport, Upserted]:
    """Parse a file, let the store take it in and tell what became of every row."""
    started = time.monotonic()
    parsed = files.parse(request, zone, now, job)
    done = upsert(parsed)
    rejects = (*parsed.rejects, *done.rejects)
    if request.errors_to is not None and rejects:
        files.write_rejects(request.errors_to, request, rejects)
    report = ImportReport(
        import_id=done.operation_id,
        kind=kind,
        read=parsed.read,
        inserted=done.inserted,
        updated=done.updated,
        unchanged=done.unchanged,
        rejected=len({reject.row for reject in rejects}),
        duplicates=parsed.duplicates + done.duplicates,
        sums=parsed.sums({reject.row for reject in done.rejects}),
        mapping=parsed.mapping,
        unmapped=tuple(parsed.unmapped),
        warnings=(*parsed.warnings, *done.warnings),
        changes=done.changes,
        errors=tuple(sorted(rejects, key=lambda reject: reject.row)),
        seconds=round(time.monotonic() - started, 3),
        unknown_creators=done.unknown_creators,
    )
    return report, done
