# SPDX-License-Identifier: Apache-2.0
"""Returns of creators from the kept sums: of any period, with their peers; the last computed are kept with their ranking."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from sqlalchemy import func, select

from app.jobs import Quiet
from app.rules import months, report
from app.rules.fields import PLATFORMS
from app.rules.rating import tiers
from app.rules.report import Peers, Period, Sums
from app.values import DAY, Group, Tier, local
from db import bulk, frames
from db.engine import reading
from db.models.records import AuditRow
from db.writers import returns, rollups, settings, shares
from db.writers.returns import ALWAYS, EVERYBODY, KEPT, NOBODY, SUMS, Tally
from db.writers.shares import Source, integers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from sqlalchemy import Connection

    from app.jobs import Job
    from app.rules.report import Standing
    from db.writers.returns import Rules

    Ints = npt.NDArray[np.int64]

_SUMS: Final = ", ".join(SUMS)
_HARMLESS: Final = ("creator.tag", "stage.move", "import.metrics", "import.events", "import.paths", "export", "user.add", "user.remove")
_HARMLESS_FAMILIES: Final = ("credit.", "sanction.", "appeal.", "connection.", "conflict.keep")
"""What may happen without any return becoming another."""


def of_tally(tally: Tally) -> Period:
    """Sums that were added up under the key 0."""
    owner, _, sums = tally.merge()
    whole = Sums(owner, *sums)
    place = np.array([EVERYBODY, NOBODY])
    special = whole.of(place)
    return Period(whole.at(np.flatnonzero(owner > 0)), special.at(np.array([1])), special.at(np.array([0])))


def by_creator(connection: Connection, by: Rules, since: int | None, until: int | None, job: Job) -> Period:
    """Sums of a period by creator under the default model: whole months as kept, the days at its ends from the facts."""
    tally = Tally()
    first, last = months.whole(since, until, by.zone)
    if first > last:
        _add_facts(connection, by, tally, Source(since, until), job)
        return of_tally(tally)
    if (since, until) == (None, None):
        first = last = ALWAYS
    else:
        first, last = _ends(connection, by, tally, (since, until), (first, last), job)
    kept = frames.whole(connection, "creator_return where month between ? and ?", ("creator_id", *SUMS), first, last)
    tally.take(kept[0], np.zeros(kept.shape[1], dtype=np.int64), kept[1:])
    return of_tally(tally)


_Pair = tuple[int | None, int | None]


def _ends(connection: Connection, by: Rules, tally: Tally, span: _Pair, wholly: tuple[int, int], job: Job) -> tuple[int, int]:
    """Add the days at the ends of a period, or take those beyond off their month, whichever are fewer sales; the first and last month to add whole."""
    (since, until), (first, last) = span, wholly
    if since is not None and since < (begins := months.start(first, by.zone)):
        before = Source(months.start(first - 1, by.zone), since)
        if _fewer(connection, before, inner := Source(since, begins)):
            first -= 1
            _add_facts(connection, by, tally, before, job, -1)
        else:
            _add_facts(connection, by, tally, inner, job)
    if until is not None and (ends := months.start(last + 1, by.zone)) < until:
        after = Source(until, months.start(last + 2, by.zone))
        if _fewer(connection, after, inner := Source(ends, until)):
            last += 1
            _add_facts(connection, by, tally, after, job, -1)
        else:
            _add_facts(connection, by, tally, inner, job)
    return first, last


def _fewer(connection: Connection, some: Source, others: Source) -> bool:
    """Whether one period has fewer sales than another."""
    counted = "select count(*) from sale where paid_at >= ? and paid_at < ?"
    less, more = (bulk.fetch(connection, counted, one.since, one.until)[0][0] for one in (some, others))
    return bool(less < more)


def _add_kept(tally: Tally, rows: Sequence[Any]) -> None:
    found = integers(rows, 1 + len(SUMS))
    tally.take(found[:, 0], np.zeros(len(found), dtype=np.int64), np.ascontiguousarray(found[:, 1:].T))


def _add_facts(connection: Connection, by: Rules, tally: Tally, source: Source, job: Job, sign: int = 1) -> None:
    for some in shares.lines(connection, by.attribution, source):
        job.check()
        credits_, gross = shares.shared(by.attribution, some)
        returns.add_sales(tally, some, credits_, gross, np.zeros(len(some.id), dtype=np.int64), sign)
    for rows in returns.costs(connection, source):
        returns.add_costs(tally, by.roi, rows, np.zeros(len(rows), dtype=np.int64), sign)


def sums_of(connection: Connection, ids: Ints) -> Sums:
    """Kept sums of some creators over all time, in their order."""
    bulk.keep_ids(connection, ids.tolist())
    tally = Tally()
    _add_kept(tally, bulk.fetch(connection, f"select creator_id, {_SUMS} from wanted w join creator_return r on r.month = {ALWAYS} and r.creator_id = w.id"))  # noqa: S608
    return of_tally(tally).sums.of(ids)


# ---------------------------------------------------------------- peers


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Creators in the order of their ids: where they belong, with the words behind the numbers of platform and category."""

    id: Ints
    peers: Peers
    group: Ints
    platforms: Sequence[str]
    categories: Sequence[str]

    def place(self, ids: Ints) -> Ints:
        """Where creators stand."""
        return np.searchsorted(self.id, ids)

    def peers_of(self, ids: Ints) -> Peers:
        """Where some of them belong."""
        at = self.place(ids)
        return Peers(self.peers.platform[at], self.peers.tier[at], self.peers.category[at])

    def grouped(self, dimension: str, ids: Ints) -> tuple[Ints, Sequence[str]]:
        """Number of each creator's tier, group, platform or category, -1 where unknown, and what the numbers mean."""
        at = self.place(ids)
        if dimension == "platform":
            return self.peers.platform[at], self.platforms
        if dimension == "category":
            return self.peers.category[at], self.categories
        if dimension == "tier":
            return self.peers.tier[at], [one.code for one in Tier]
        return np.where(self.group[at] < 0, -1, self.group[at] - 1), [one.code for one in Group]


_NOW: Final = 'select id, platform, coalesce(tier, -1), category, coalesce("group", -1) from creator order by id'
_CATEGORIES: Final = 200
"""Categories that a statement may number; more are numbered here."""
_EVERY_CATEGORY: Final = (
    "with recursive word(one) as (select min(category) from creator"  # noqa: S608 (a number)
    " union all select (select min(category) from creator where category > one) from word where one is not null)"
    f" select one from word where one <> '' limit {_CATEGORIES + 1}"
)
"""Each found at once by the index, however many creators have it."""
_UNKNOWN: Final = 63


_ACCOUNTS: Final = "select a.id, a.platform, coalesce(a.tier, -1), c.category, -1 from account a join creator c on c.id = a.creator_id order by a.id"


def people(connection: Connection, as_of: int | None) -> People:
    """Every creator with its main account as it is, or was at a moment."""
    if as_of is not None:
        return _people(_creators_then(connection, as_of))
    if connection.dialect.name == "sqlite" and (known := _numbered_there(connection)) is not None:
        return known
    return _people(bulk.fetch(connection, _NOW))


def accounts(connection: Connection, as_of: int | None) -> People:
    """Every account as it is, or was at a moment, as if it were a person of its own."""
    rows = bulk.fetch(connection, _ACCOUNTS)
    if as_of is not None:
        then = {one.account: one.tier for one in _accounts_then(connection, as_of)}
        rows = [(row[0], row[1], then[row[0]], *row[3:]) for row in rows]
    return _people(rows)


def _numbered_there(connection: Connection) -> People | None:
    """Every creator, its words numbered by SQLite, so that only two numbers of each come over; None where there are words that this cannot number."""
    platforms, categories = sorted(PLATFORMS), [row[0] for row in bulk.fetch(connection, _EVERY_CATEGORY)]
    if len(categories) > _CATEGORIES:
        return None
    packed = f"{_number('category', categories)} * 64 + {_number('platform', platforms)}"
    packed = f'(({packed}) * 16 + coalesce(tier, -1) + 1) * 16 + coalesce("group", -1) + 1'
    ids, numbers = frames.whole(connection, "creator", ("id", packed), *categories, *platforms)
    order = np.argsort(ids, kind="stable")
    ids, numbers = ids[order], numbers[order]
    platform = (numbers >> 8) & 63
    if (platform == _UNKNOWN).any():
        return None
    return People(ids, Peers(platform - 1, ((numbers >> 4) & 15) - 1, (numbers >> 14) - 1), (numbers & 15) - 1, platforms, categories)


def _number(column: str, words: Sequence[str]) -> str:
    """Number of a column's word, in the order of the words from 1; 0 for none."""
    whens = " ".join(f"when ? then {at}" for at in range(1, len(words) + 1))
    return f"case coalesce({column}, '') when '' then 0 {whens} else {_UNKNOWN} end"


def _people(rows: Sequence[tuple[Any, ...]]) -> People:
    ids, platform, tier, category, group = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    platforms, of_platform = _numbered(platform)
    categories, of_category = _numbered(category)
    peers = Peers(of_platform, np.array(tier, dtype=np.int64), of_category)
    return People(np.array(ids, dtype=np.int64), peers, np.array(group, dtype=np.int64), platforms, categories)


def account_names(connection: Connection, ids: Ints) -> dict[int, str]:
    """What accounts are called: handle, else uid."""
    bulk.keep_ids(connection, ids.tolist())
    statement = "select a.id, coalesce(a.handle, a.platform_uid, c.name) from wanted w join account a on a.id = w.id join creator c on c.id = a.creator_id"
    return dict(bulk.fetch(connection, statement))


def _numbered(words: Sequence[str | None]) -> tuple[list[str], Ints]:
    """Distinct words in their order, and the number of each; -1 for none."""
    names = sorted({word for word in words if word})
    numbers: dict[str | None, int] = {None: -1, "": -1, **{name: at for at, name in enumerate(names)}}
    return names, np.fromiter(map(numbers.__getitem__, words), dtype=np.int64, count=len(words))


class _Then(NamedTuple):
    """An account at a moment; tier and followers -1 where unknown."""

    account: int
    creator: int
    platform: str
    tier: int
    followers: int


def _accounts_then(connection: Connection, as_of: int) -> list[_Then]:
    """Every account at a moment. Of whom no count was known by then, what is known now is the best there is."""
    force = rollups.tier_policy(connection, as_of)
    rows = bulk.fetch(connection, "select id, creator_id, platform, coalesce(tier, -1), coalesce(followers, -1) from account order by id")
    banded = rollups.band(connection, [row[0] for row in rows], [row[2] for row in rows], force, as_of)
    figures = zip(banded.tier.tolist(), banded.followers.tolist(), strict=True)
    out = []
    for (account, creator, platform, *stored), then in zip(rows, figures, strict=True):
        tier, followers = stored if then == (-1, -1) else then
        out.append(_Then(account, creator, platform, tier, followers))
    return out


def _creators_then(connection: Connection, as_of: int) -> list[tuple[Any, ...]]:
    """Creators with the main account of a moment: highest tier, most followers, smallest id."""
    policy = rollups.tier_policy(connection, as_of).policy
    best: dict[int, tuple[int, int, int, str]] = {}
    for one in _accounts_then(connection, as_of):
        place = (one.tier, one.followers, -one.account, one.platform)
        if one.creator not in best or place > best[one.creator]:
            best[one.creator] = place
    out = []
    for creator, category in bulk.fetch(connection, "select id, category from creator order by id"):
        tier, _, _, platform = best.get(creator, (-1, -1, 0, ""))
        group = -1 if tier < 0 else int(tiers.group_of(policy, platform, Tier(tier)))
        out.append((creator, platform, tier, category, group))
    return out


# ---------------------------------------------------------------- kept


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """Returns of creators over all time, in the order of their ids, with their grades."""

    period: Period
    standing: Standing
    grade: npt.NDArray[np.int8]


def compute(connection: Connection, by: Rules, now: int, job: Job) -> Computed:
    """Returns of all creators as of now.

    Posteriors and value grades need other sums: each are read over a connection of their own and computed in a thread
    of their own; databases and arrays let both work at a time. Where somebody writes between the two, what was read
    beside is read again.
    """
    seen = mark(connection, by, now)
    since = now - by.roi.trailing_days * DAY

    def beside() -> Sums | None:
        with reading(connection.engine) as other:
            return by_creator(other, by, since, now, job).sums if mark(other, by, now) == seen else None

    with ThreadPoolExecutor(max_workers=1) as thread:
        reads = thread.submit(beside)
        known = people(connection, None)
        period = by_creator(connection, by, None, None, job)
        peers = known.peers_of(period.sums.key)
        job.check()

        def graded() -> npt.NDArray[np.int8]:
            trailing = reads.result()
            if trailing is None:
                trailing = by_creator(connection, by, since, now, job).sums
            return report.grades(by.roi, trailing.of(period.sums.key), peers)

        grades = thread.submit(graded)
        standing = report.standing(by.roi, period.sums, peers)
        return Computed(period, standing, grades.result())


def mark(connection: Connection, by: Rules, now: int) -> dict[str, Any]:
    """What returns of now follow from: the last thing done, and the day."""
    last = connection.execute(select(func.max(AuditRow.seq))).scalar() or 0
    return {"seq": int(last), "day": local(now, by.zone).date().isoformat()}


def kept_total(connection: Connection) -> tuple[int, Sums, int]:
    """How many creators the kept returns have, their sums together, and what nobody is credited with."""
    kept = json.loads(settings.get(connection, KEPT) or "{}")
    return kept["found"], Sums(*(np.array([kept["total"][name]], dtype=np.int64) for name in Sums.__slots__)), kept["unattributed"]


def is_fresh(connection: Connection, by: Rules, now: int) -> bool:
    """Whether the kept returns are those of now."""
    kept = json.loads(settings.get(connection, KEPT) or "{}")
    if not kept or kept["day"] != mark(connection, by, now)["day"]:
        return False
    since = select(AuditRow.seq).where(AuditRow.seq > kept["seq"], AuditRow.action.not_in(_HARMLESS))
    since = since.where(*(AuditRow.action.not_like(f"{family}%") for family in _HARMLESS_FAMILIES))
    return connection.execute(since.limit(1)).first() is None


def keep(connection: Connection, by: Rules, now: int, done: Computed) -> None:
    """Keep returns with their ranking, and every creator's value grade for the roster."""
    place = np.empty(len(done.grade), dtype=np.int64)
    place[done.standing.order] = np.arange(len(place))
    of = done.standing.returns
    connection.exec_driver_sql("delete from creator_value")
    floats = ([None if one != one else one for one in column.tolist()] for column in (of.shape, of.rate, of.burden, of.weight))  # noqa: PLR0124 (NaN)
    names = ("creator_id", "place", "shape", "rate", "burden", "weight", "grade")
    columns = zip(names, (done.period.sums.key.tolist(), place.tolist(), *floats, done.grade.tolist()), strict=True)
    if len(place):
        bulk.insert_columns(connection, "creator_value", dict(columns))
    _grade(connection, done)
    total = done.period.total
    whole = {name: int(getattr(total, name)[0]) for name in Sums.__slots__}
    said = {"found": len(place), "total": whole, "unattributed": int(done.period.nobody.net[0])}
    settings.put(connection, KEPT, json.dumps({**mark(connection, by, now), **said}))


def _grade(connection: Connection, done: Computed) -> None:
    """Every creator's value grade for the roster: N of whom nothing is known."""
    stands = frames.whole(connection, "creator", ("id", "coalesce(value_grade, -1)"))
    stands = stands[:, np.argsort(stands[0], kind="stable")]
    grade = np.zeros(stands.shape[1], dtype=np.int64)
    place = np.minimum(np.searchsorted(stands[0], done.period.sums.key), max(0, len(grade) - 1))
    here = stands[0][place] == done.period.sums.key if len(grade) else np.zeros(len(place), dtype=bool)
    grade[place[here]] = done.grade[here]
    other = np.flatnonzero(grade != stands[1])
    with bulk.indexed_after(connection, "creator", len(other), Quiet(), "value_grade"):
        bulk.update(connection, "creator", ("value_grade",), zip(grade[other].tolist(), stands[0][other].tolist(), strict=True))
