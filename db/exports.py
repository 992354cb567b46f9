# SPDX-License-Identifier: Apache-2.0
"""The roster as a file carries it: one row an account, every cell so that an import reads the same from it.

A row bears one date, ``as_of``: the latest of its figures. A figure of another date has a date column of its own,
``as_of.NAME``; so have all dated ones of a row in which a figure has no date but that of its recording, which says
nothing for the row. Accounts of one creator share a ``person_id``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.rules import cells
from app.rules.fields import CREATOR_FIELDS, DATE_PREFIX, METRIC_PREFIX, PERSON, Home, Kind, field_of
from app.values import iso
from db import bulk, standings
from db.writers.incoming import is_figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from app.usecases.creators import AccountRow, RosterRow

_AT_A_TIME: Final = 20_000
_ALWAYS: Final = frozenset({"name", "platform"})
_FIGURES: Final = """
select m.account_id, m.name, m.value, m.raw, m.as_of, m.stated from wanted w join account a on a.creator_id = w.id
join account_metric m on m.account_id = a.id order by m.account_id, m.name, m.as_of
"""
_NOTES: Final = "select c.id, c.notes from wanted w join creator c on c.id = w.id where c.notes is not null"
_TAGGED: Final = "select 1 from wanted w join creator_tag t on t.creator_id = w.id limit 1"
_MOVED: Final = (
    "select a.creator_id, max(t.at) from wanted w join account a on a.creator_id = w.id join tier_step t on t.account_id = a.id"
    " where t.previous is not null group by a.creator_id"
)
_SEVERAL: Final = "select 1 from wanted w join account a on a.creator_id = w.id group by w.id having count(*) > 1 limit 1"


class Stated(NamedTuple):
    """A figure as its account has it now: what a cell says, and the date."""

    cell: object
    as_of: int
    stated: bool


@dataclass(slots=True)
class Figures:
    """Current figures of one account by column, and the date that its row bears."""

    cells: dict[str, Stated] = field(default_factory=dict)

    @property
    def as_of(self) -> int | None:
        """The latest date of the figures, where a source stated one for each of them."""
        if not all(one.stated for one in self.cells.values()):
            return None
        return max((one.as_of for one in self.cells.values()), default=None)

    def own_date(self, name: str) -> int | None:
        """Stated date of a figure that is not the row's."""
        one = self.cells.get(name)
        return one.as_of if one is not None and one.stated and one.as_of != self.as_of else None


def columns(connection: Connection, ids: Sequence[int], now: int) -> tuple[str, ...]:
    """What an import takes and somebody of the answer has; name and platform always."""
    bulk.keep_ids(connection, ids)
    filled = set(_ALWAYS)
    for table, home, join in (("creator", Home.CREATOR, "t.id = w.id"), ("account", Home.ACCOUNT, "t.creator_id = w.id")):
        names = [name for name, one in CREATOR_FIELDS.items() if one.home is home and one.kind is not Kind.TAGS and name != "followers"]
        counted = ", ".join(f"count(t.{bulk.quoted(name)})" for name in names)
        (counts,) = bulk.fetch(connection, f"select {counted} from wanted w join {table} t on {join}")  # noqa: S608 (our names)
        filled.update(name for name, count in zip(names, counts, strict=True) if count)
    filled.update(["tags"] if bulk.fetch(connection, _TAGGED) else [])
    several = bool(bulk.fetch(connection, _SEVERAL))
    measured: set[str] = set()
    dated: set[str] = set()
    for first in range(0, len(ids), _AT_A_TIME):
        for one in figures(connection, ids[first : first + _AT_A_TIME], now).values():
            measured.update(one.cells)
            dated.update(["as_of"] if one.as_of is not None else [])
            dated.update(DATE_PREFIX + name for name in one.cells if one.own_date(name) is not None)
    free = sorted(name for name in measured if name not in CREATOR_FIELDS)
    own = [name for name in CREATOR_FIELDS if name in filled | measured]
    return (*own, *free, *sorted(dated), *([PERSON] if several else []))


def table(connection: Connection, rows: Sequence[RosterRow], names: Sequence[str], now: int) -> Iterator[tuple[object, ...]]:
    """Values of the columns, one row an account."""
    ids = [row.id for row in rows]
    measured = figures(connection, ids, now)
    notes: dict[int, str] = {}
    if "notes" in names:
        bulk.keep_ids(connection, ids)
        notes.update(bulk.fetch(connection, _NOTES))
    beside: dict[str, Mapping[int, object]] = {}
    if "p25" in names:
        beside["p25"] = standings.cautious(connection, ids)
    if "tier_changed_at" in names:
        bulk.keep_ids(connection, ids)
        beside["tier_changed_at"] = {creator: iso(at) for creator, at in bulk.fetch(connection, _MOVED)}
    for row in rows:
        for account in row.accounts or (None,):
            own = Figures() if account is None else measured.get(account.id, _NOTHING)
            yield tuple(beside[name].get(row.id) if name in beside else _cell(row, account, name, own, notes) for name in names)


_NOTHING: Final = Figures()


# ---------------------------------------------------------------- figures


def figures(connection: Connection, ids: Iterable[int], now: int) -> dict[int, Figures]:
    """Current figures of the accounts of creators."""
    bulk.keep_ids(connection, ids)
    latest: dict[tuple[int, str, bool], Any] = {}
    for row in bulk.fetch(connection, _FIGURES):
        key = (row[0], row[1], row[2] is None and row[3] is not None)
        # In order of time: the last one known by now counts, one of a day to come only where there is no other.
        if row[4] <= now or key not in latest:
            latest[key] = row
    out: dict[int, Figures] = {}
    for (account, name, is_range), (_, _, value, raw, as_of, stated) in latest.items():
        column = _column(name, is_range=is_range)
        own = out.setdefault(account, Figures()).cells
        if is_range:
            if latest.get((account, name, False), (None,) * 3)[2] is None:
                own.setdefault(column, Stated(raw, as_of, bool(stated)))
        elif value is not None:
            own[column] = Stated(_said(value, raw), as_of, bool(stated))
    return out


def _column(name: str, *, is_range: bool) -> str:
    """The field that a figure is of; a range may be of a fee or a rate, which have no figures else."""
    one = CREATOR_FIELDS.get(name)
    own = one is not None and (is_figure(name) or (is_range and one.kind in {Kind.FEN, Kind.BASIS_POINTS}))
    return name if own else METRIC_PREFIX + name


def _said(value: float, raw: str | None) -> object:
    """What the source wrote where it reads the same by itself, as ``10万+``; else the number."""
    if raw is not None:
        try:
            number = cells.number(raw)[0]
        except cells.BadCellError:
            number = None
        if number is not None and float(number) == value:
            return raw
    return int(value) if value == int(value) else value


# ---------------------------------------------------------------- cells


def _cell(row: RosterRow, account: AccountRow | None, name: str, own: Figures, notes: Mapping[int, str]) -> object:
    """A field's value as a file carries it: codes for ranks, ISO times, plain numbers, the text of a range."""
    one = field_of(name)
    if one is None or name == PERSON:
        return None if one is None else row.id
    if one.home is Home.ROW or name == "followers_at":
        return _date(own, name)
    if one.kind is Kind.TAGS:
        return ", ".join(row.tags) or None
    if name == "notes":
        value: Any = notes.get(row.id)
    else:
        value = None if is_figure(name) else getattr(account if one.home is Home.ACCOUNT else row, name, None)
    if value is None:
        stated = own.cells.get(name)
        return None if stated is None else stated.cell
    return _plain(one.kind, value)


def _plain(kind: Kind, value: Any) -> object:  # noqa: ANN401 (of any field)
    if kind in {Kind.RANK, Kind.MOMENT}:
        return value.code if kind is Kind.RANK else iso(value)
    return value


def _date(own: Figures, name: str) -> str | None:
    """The row's date, or that of one figure."""
    if name == "followers_at":
        known = own.cells.get("followers")
        return None if known is None else iso(known.as_of)
    moment = own.as_of if name == "as_of" else own.own_date(name.removeprefix(DATE_PREFIX))
    return None if moment is None else iso(moment)
