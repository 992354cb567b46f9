# SPDX-License-Identifier: Apache-2.0
"""Creators: the roster, one creator in depth, adding and editing, and files of strangers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from app.jobs import Job
from app.values import Actor, Group, Stage, Tier

Ids: TypeAlias = npt.NDArray[np.int64]
"""Creator ids, shape (n,), in the order of the question."""


# ---------------------------------------------------------------- rows


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account of a creator. Fees in fen; ``tier`` None while followers are unknown."""

    id: int
    platform: str
    platform_uid: str | None
    handle: str | None
    url: str | None
    followers: int | None
    tier: Tier | None
    fee_fen: int | None
    fee_image_fen: int | None
    fee_video_fen: int | None


@dataclass(frozen=True, slots=True)
class RosterRow:
    """One creator as the table shows it. ``followers``, ``tier``, ``group`` and ``fee_fen`` are the main account's."""

    id: int
    name: str
    stage: Stage
    tier: Tier | None
    group: Group | None
    followers: int | None
    fee_fen: int | None
    category: str | None
    city: str | None
    country: str | None
    owner: str | None
    phone: str | None
    wechat: str | None
    email: str | None
    coupon: str | None
    commission_bp: int | None
    joined_at: int | None
    updated_at: int
    tags: tuple[str, ...]
    accounts: tuple[AccountRow, ...]

    @property
    def platforms(self) -> tuple[str, ...]:
        """Codes of the platforms, each once, main account's order of creation."""
        return tuple(dict.fromkeys(account.platform for account in self.accounts))


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A dated value of an account, as stated by a source."""

    account_id: int
    name: str
    value: float
    as_of: int
    raw: str | None
    source: str


@dataclass(frozen=True, slots=True)
class StageRow:
    """One step of the relation with a creator."""

    stage: Stage
    previous: Stage | None
    at: int
    by: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class TierRow:
    """A dated change of an account's tier."""

    account_id: int
    tier: Tier | None
    previous: Tier | None
    at: int
    policy_version: int


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A field of a creator that an operation changed."""

    operation_id: int
    at: int
    by: str
    kind: str
    field: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class CreatorDetail:
    """Everything about one creator."""

    row: RosterRow
    notes: str | None
    version: int
    metrics: tuple[MetricRow, ...]
    stages: tuple[StageRow, ...]
    tiers: tuple[TierRow, ...]
    history: tuple[HistoryRow, ...]


# ---------------------------------------------------------------- questions


@dataclass(frozen=True, slots=True)
class SortKey:
    """A field to sort by; empty values come last either way."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """Which creators, in which order. ``where`` is text of the filter language, ``search`` is literal."""

    search: str = ""
    where: str = ""
    sort: tuple[SortKey, ...] = ()


# ---------------------------------------------------------------- files


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to read and how. ``mapping`` is FIELD -> header text or 1-based column number as text."""

    path: Path
    sheet: str | None = None
    platform: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    encoding: str | None = None
    dry_run: bool = False
    errors_to: Path | None = None


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

    @property
    def sums(self) -> Mapping[str, int | float]:
        """Exact totals per numeric field over all rows not rejected, duplicates included."""

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


# ---------------------------------------------------------------- ports


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


class Roster(Protocol):
    """Remembers creators. One method is one transaction."""

    @property
    def zone(self) -> str:
        """Time zone of the workspace."""

    def count(self, question: Question) -> int:
        """How many creators a question has."""

    def ids(self, question: Question) -> Ids:
        """Their ids in order."""

    def page(self, question: Question, limit: int, offset: int) -> list[RosterRow]:
        """Some rows of the answer."""

    def rows(self, ids: Sequence[int]) -> list[RosterRow]:
        """Rows for ids, in the ids' order; an id that is gone is left out."""

    def detail(self, creator_id: int) -> CreatorDetail | None:
        """Everything about one creator."""

    def find(self, reference: str) -> int | None:
        """Id for ``123`` or ``platform:platform_uid``."""

    def add(self, values: Mapping[str, object], actor: Actor, now: int) -> int:
        """Add a creator with one account; returns its id."""

    def edit(self, ids: Sequence[int], values: Mapping[str, object], actor: Actor, now: int, reason: str | None) -> int:
        """Set fields (None empties) of creators and their main accounts; returns the operation's id, 0 if nothing changed."""

    def tag(self, ids: Sequence[int], add: Sequence[str], remove: Sequence[str], actor: Actor, now: int) -> int:
        """Add and take off tags; returns the operation's id, 0 if nothing changed."""

    def upsert(self, parsed: Parsed, request: ImportRequest, actor: Actor, now: int, job: Job) -> Upserted:
        """Take a parsed file in, all or nothing; a dry run only tells."""

    def export(self, question: Question, columns: Sequence[str]) -> Iterator[tuple[object, ...]]:
        """Values of the columns for every creator and account of the answer, one row an account."""

    def facets(self) -> Mapping[str, Sequence[str]]:
        """Distinct values that a filter may offer: platform, category, city, country, owner, tags."""
