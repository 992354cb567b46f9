# SPDX-License-Identifier: Apache-2.0
"""Creators: the roster, one creator in depth, adding and editing, and files of strangers."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from app import filters
from app.errors import NotPermittedError, UsageError
from app.events import CreatorsChanged, Events, OperationRecorded
from app.files import Left, let_out, take_in
from app.jobs import Job, Quiet
from app.rules import cells, spoken
from app.rules.fields import CREATOR_FIELDS, Field, Home, field_of, platform_code
from app.rules.versions import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from app.files import Files, Gate, ImportReport, ImportRequest, Parsed, Preview, Reject, Upserted
    from app.rules.bookable import Verdict
    from app.rules.versions import Edited
    from app.values import Actor, Bookable, CreditGrade, Group, Stage, Tier, ValueGrade

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
    value_grade: ValueGrade
    credit_score: int
    credit_grade: CreditGrade
    booking: Verdict
    tags: tuple[str, ...]
    accounts: tuple[AccountRow, ...]
    source: str | None = None

    @property
    def bookable(self) -> Bookable:
        """Whether the creator can be booked as of the reading."""
        return self.booking.word

    @property
    def platforms(self) -> tuple[str, ...]:
        """Codes of the platforms, each once, main account's order of creation."""
        return tuple(dict.fromkeys(account.platform for account in self.accounts))


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A dated value of an account, as stated by a source. A range has only its text ``raw``; without either it was emptied."""

    account_id: int
    name: str
    value: float | None
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


def main_account(row: RosterRow) -> AccountRow | None:
    """The account that stands for a creator: of the highest tier, then with most followers, then the oldest."""

    def weight(account: AccountRow) -> tuple[int, int, int]:
        return -1 if account.tier is None else int(account.tier), -1 if account.followers is None else account.followers, -account.id

    return max(row.accounts, key=weight, default=None)


def seen(row: RosterRow, detail: CreatorDetail | None = None) -> Seen:
    """What somebody sees of a creator who has it before the eyes: with it an edit tells what it meant to change."""
    account = main_account(row)
    values: dict[str, object] = {"tags": row.tags}
    for name, field in CREATOR_FIELDS.items():
        if field.home is Home.CREATOR and hasattr(row, name) and name not in values:
            values[name] = getattr(row, name)
        elif account is not None and hasattr(account, name):
            values[name] = getattr(account, name)
    if detail is not None:
        values["notes"] = detail.notes
    return Seen(0 if detail is None else detail.version, values)


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


# ---------------------------------------------------------------- ports


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

    def spelled(self, text: str, limit: int) -> list[RosterRow]:
        """Creators whose names begin with these pinyin initials, the shortest first; none for a text that is no initials."""

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

    def edit_seen(self, creator_id: int, values: Mapping[str, object], seen: Seen, actor: Actor, now: int, reason: str | None) -> Edited:
        """Set fields of one creator as somebody saw it; where others changed the same fields meanwhile, nothing is written and they are told."""

    def edit_since(self, ids: Sequence[int], values: Mapping[str, object], since: int, actor: Actor, now: int, reason: str | None) -> Edited:
        """Set fields of many creators; those whose same fields somebody changed after an operation stay as they are, and are told."""

    def tag(self, ids: Sequence[int], add: Sequence[str], remove: Sequence[str], actor: Actor, now: int) -> int:
        """Add and take off tags; returns the operation's id, 0 if nothing changed."""

    def upsert(self, parsed: Parsed, request: ImportRequest, actor: Actor, now: int, job: Job) -> Upserted:
        """Take a parsed file in, all or nothing; a dry run only tells."""

    def export(self, question: Question, columns: Sequence[str], now: int) -> Generator[tuple[object, ...]]:
        """Names of the columns (of all that an import takes and the answer has, where none are asked for), then their values, one row an account."""

    def facets(self) -> Mapping[str, Sequence[str]]:
        """Distinct values that a filter may offer: platform, category, city, country, owner, tags."""


# ---------------------------------------------------------------- the use case

FILTER_FIELDS: Final = {name: one for name, one in CREATOR_FIELDS.items() if one.home is not Home.ROW}


class Creators:
    """What people do with creators."""

    def __init__(self, store: Roster, files: Files, actor: Actor, clock: Callable[[], int], events: Events, gate: Gate) -> None:
        """Work on a store, with files, as somebody; what leaves passes a gate."""
        self._store, self._files, self._actor, self._clock, self._events, self._gate = store, files, actor, clock, events, gate

    @property
    def zone(self) -> str:
        """Time zone of the workspace."""
        return self._store.zone

    def check(self, question: Question) -> None:
        """UsageError naming the place of a mistake in the filter or the sort."""
        parse_filter(question.where, self.zone)
        for key in question.sort:
            _known_field(key.field)

    def count(self, question: Question) -> int:
        """How many creators a question has."""
        return self._store.count(question)

    def ids(self, question: Question) -> Ids:
        """Their ids in order."""
        return self._store.ids(question)

    def page(self, question: Question, limit: int = 100, offset: int = 0) -> list[RosterRow]:
        """Some rows of the answer."""
        return self._store.page(question, limit, offset)

    def jump(self, text: str, limit: int) -> list[RosterRow]:
        """Whom somebody means who types a few letters: by pinyin initials, or by a part of name, handle, uid, tag or note."""
        spelled = self._store.spelled(text, limit)
        found = self._store.page(Question(search=text), limit, 0)
        half = max(limit // 2, limit - len(found))
        rows = {row.id: row for row in (*spelled[:half], *found, *spelled)}
        return list(rows.values())[:limit]

    def rows(self, ids: Sequence[int]) -> list[RosterRow]:
        """Rows for ids, in the ids' order."""
        return self._store.rows(ids)

    def detail(self, creator_id: int) -> CreatorDetail:
        """Everything about one creator."""
        detail = self._store.detail(creator_id)
        if detail is None:
            raise UsageError("unknown_creator", id=creator_id)
        return detail

    def find(self, reference: str) -> int:
        """Id for ``123`` or ``platform:platform_uid``."""
        found = self._store.find(reference)
        if found is None:
            raise UsageError("unknown_creator", id=reference)
        return found

    def facets(self) -> Mapping[str, Sequence[str]]:
        """Values that a filter may offer, by field."""
        return self._store.facets()

    def add(self, values: Mapping[str, str]) -> RosterRow:
        """Add a creator with one account from texts as typed."""
        typed = self._typed(values)
        if not typed.get("name"):
            raise UsageError("value_missing", field="name")
        if not typed.get("platform"):
            raise UsageError("value_missing", field="platform")
        if not (typed.get("platform_uid") or typed.get("handle")):
            raise UsageError("value_missing", field="platform_uid")
        creator_id = self._store.add(typed, self._actor, self._clock())
        self._changed((creator_id,))
        return self._store.rows([creator_id])[0]

    def edit(self, ids: Sequence[int], values: Mapping[str, str], reason: str | None = None) -> int:
        """Set fields of creators from texts as typed, "" empties; returns the operation's id, 0 if nothing changed."""
        typed = self._editable(values)
        return self._operated(self._store.edit(ids, typed, self._actor, self._clock(), reason), ids)

    def edit_seen(self, creator_id: int, values: Mapping[str, str], seen: Seen, reason: str | None = None) -> Edited:
        """Set fields of one creator from texts as typed, as an editor who saw it so; the answer may ask to choose, and then nothing was written."""
        edited = self._store.edit_seen(creator_id, self._editable(values), seen, self._actor, self._clock(), reason)
        self._operated(edited.operation_id, (creator_id,))
        return edited

    def edit_since(self, ids: Sequence[int], values: Mapping[str, str], since: int, reason: str | None = None) -> Edited:
        """Set fields of creators from texts as typed; those whose same fields somebody changed after operation ``since`` stay, and are told."""
        edited = self._store.edit_since(ids, self._editable(values), since, self._actor, self._clock(), reason)
        self._operated(edited.operation_id, ids)
        return edited

    def _editable(self, values: Mapping[str, str]) -> dict[str, object]:
        """Texts as values of fields that may be edited."""
        typed = self._typed(values)
        for name in ("name", "stage", "platform"):
            if name in typed and typed[name] is None:
                raise UsageError("value_missing", field=name)
        if {"platform", "platform_uid"} & typed.keys():
            raise UsageError("field_fixed", field="platform_uid" if "platform_uid" in typed else "platform")
        return typed

    def tag(self, ids: Sequence[int], add: Sequence[str] = (), remove: Sequence[str] = ()) -> int:
        """Add and take off tags; returns the operation's id, 0 if nothing changed."""
        field = CREATOR_FIELDS["tags"]
        words = [tag for word in add for tag in cells.typed(field, word, self.zone) or ()]  # as a cell of a file: a comma parts two
        return self._operated(self._store.tag(ids, words, list(remove), self._actor, self._clock()), ids)

    def preview(self, request: ImportRequest) -> Preview:
        """Head of a file and what its columns were taken for."""
        return self._files.preview(request)

    def import_file(self, request: ImportRequest, job: Job | None = None) -> ImportReport:
        """Take a file of creators in, all or nothing; a dry run only tells."""
        job, now = job or Quiet(), self._clock()
        report, done = take_in(self._files, request, "creators", self.zone, now, job, lambda parsed: self._store.upsert(parsed, request, self._actor, now, job))
        if done.operation_id:
            self._changed(done.creator_ids if len(done.creator_ids) <= _MANY else ())
        return report

    def save_rejects(self, path: Path, request: ImportRequest, rejects: Sequence[Reject]) -> None:
        """Write the rejected rows of a file as they were, each with its reason, as a workbook that can be imported again."""
        self._files.write_rejects(path, request, rejects)

    def save_table(self, path: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> int:
        """Write rows as people see them, as CSV or XLSX by ending; returns the rows written."""
        count = self._files.write_table(path, header, rows)
        return let_out(self._gate, Left("table", path.name, "", count, tuple(header)), path)

    def export(self, question: Question, columns: Sequence[str], path: Path, job: Job | None = None) -> int:
        """Write the answer as CSV or XLSX, one row an account; returns the rows written.

        Without columns it is everything that an import takes and somebody of the answer has, so that it can come back.
        Fields that the role may not let out are left out (``withheld``).
        """
        self.check(question)
        wanted, held = tuple(_known_field(name).name for name in columns), self._gate.withheld
        if wanted and held and set(wanted) <= set(held):
            raise NotPermittedError("contacts_stay", fields=", ".join(wanted))
        with closing(self._store.export(question, wanted, self._clock())) as rows:
            header = tuple(map(str, next(rows)))
            places = [at for at, name in enumerate(header) if name not in held]
            left = tuple(header[at] for at in places)
            out = rows if left == header else (tuple(row[at] for at in places) for row in rows)
            count = self._files.write_table(path, left, _watched(out, job or Quiet()))
        gone = tuple(name for name in header if name in held)
        return let_out(self._gate, Left("creators", path.name, question.where, count, left, gone), path)

    @property
    def withheld(self) -> tuple[str, ...]:
        """Fields that are left out of a file that leaves, since the role does not allow it."""
        return self._gate.withheld

    def _typed(self, values: Mapping[str, str]) -> dict[str, object]:
        """Texts as values of their fields; UsageError names field and value."""
        typed: dict[str, object] = {}
        for name, text in values.items():
            one = _known_field(name)
            if not one.importable or one.home is Home.ROW:
                raise UsageError("field_fixed", field=name)
            typed[one.name] = cells.typed(one, text, self.zone)
        return typed

    def _operated(self, operation_id: int, ids: Sequence[int]) -> int:
        if operation_id:
            self._changed(tuple(ids))
        return operation_id

    def _changed(self, ids: Sequence[int]) -> None:
        self._events.announce(CreatorsChanged(tuple(ids)), OperationRecorded())


_MANY: Final = 1000


def parse_filter(where: str, zone: str) -> filters.Node | None:
    """Syntax tree of a filter over a creator's fields; None for an empty one."""
    return filters.parse(where, _filterable, zone, platform_code, spoken.rank)


def _filterable(name: str) -> Field | None:
    one = field_of(name) or spoken.field(name, CREATOR_FIELDS)
    return None if one is None or one.home is Home.ROW else one


def _known_field(name: str) -> Field:
    one = field_of(name)
    if one is None:
        raise UsageError("unknown_field", field=name)
    return one


def _watched(rows: Iterator[tuple[object, ...]], job: Job) -> Iterator[tuple[object, ...]]:
    for done, row in enumerate(rows):
        if done % 5000 == 0:
            job.check()
            job.progress("write", done)
        yield row
