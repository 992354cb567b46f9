# SPDX-License-Identifier: Apache-2.0
"""Takes the rows of a parsed file in: finds who they are, compares field by field, inserts and updates in sets.

A chunk of rows costs a fixed number of statements, however many rows it has. A row that names a known account
changes only the fields it states; a figure without a date of its own is a new dated value only where it differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from app.rules.fields import CREATOR_FIELDS, METRIC_PREFIX, PERSON, Home
from app.rules.rating import tiers
from app.values import Stage, Tier
from db import bulk
from db.writers import erased, ledger, letters, rollups, search
from db.writers.edits import ACCOUNT_COLUMNS, Edit, Figure, write_edits
from db.writers.erased import Refusing
from db.writers.incoming import KEPT_CHANGES, Names, Rows, Tally, at_places, repeat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from app.files import Chunk
    from db.writers.incoming import Known
    from db.writers.operations import Log

CREATOR_COLUMNS: Final = tuple(name for name, one in CREATOR_FIELDS.items() if one.home is Home.CREATOR and name != "tags")
_FIGURES: Final = """
select f.pos, m.id, m.as_of, m.value, m.raw from figures f join account_metric m on m.account_id = f.account_id
 and m.name = ? and m.as_of = coalesce(f.as_of,
 (select max(x.as_of) from account_metric x where x.account_id = f.account_id and x.name = ? and x.as_of <= ? and {meant}))
"""
"""A field's value of each account on a day, or its latest; a range is compared with ranges alone, it never is the latest value."""

_VALUES: Final = _FIGURES.format(meant="(x.value is not null or x.raw is null)")
_RANGES: Final = _FIGURES.format(meant="x.value is null and x.raw is not null")

_METRIC_COLUMNS: Final = ("account_id", "name", "as_of", "value", "raw", "stated", "operation_id", "recorded_at")
_STEP_COLUMNS: Final = ("creator_id", "stage", "previous", "reason", "at", "by", "operation_id")


@dataclass(frozen=True, slots=True)
class _Accounts:
    """Accounts to be inserted: positions of their rows, owners, ids and figures."""

    places: Sequence[int]
    creators: Sequence[int]
    accounts: range
    platforms: Sequence[str]
    followers: Sequence[int | None]
    tier: Sequence[int | None]
    dates: Sequence[int]


@dataclass(slots=True)
class Upsert:
    """One file being taken in. ``log`` None: nothing is written, only told."""

    connection: Connection
    log: Log | None
    now: int
    by: str
    key: tuple[str, ...]
    tally: Tally = field(default_factory=Tally)
    _force: rollups.PolicyInForce = field(init=False)
    _names: Names = field(init=False)
    _credit: tuple[int, int] = field(init=False)
    _refusing: Refusing = field(init=False)
    _off: frozenset[str] = field(init=False)
    """Personal fields that are not used."""
    _persons: dict[str, int] = field(default_factory=dict)
    """Creators of the words by which the file says whose accounts are one person's."""

    def __post_init__(self) -> None:
        """Look once at what does not change between chunks."""
        self._force = rollups.tier_policy(self.connection, self.now)
        self._names = Names(self.connection, self.key)
        self._credit = ledger.of_nobody(self.connection, self.now)
        self._refusing, self._off = Refusing(self.connection), erased.off(self.connection)

    def _used(self, chunk: Chunk) -> Chunk:
        """Rows without the fields that are not used."""
        if self._off.isdisjoint(chunk.columns):
            return chunk
        return replace(chunk, columns={name: values for name, values in chunk.columns.items() if name not in self._off})

    def take(self, chunk: Chunk) -> None:
        """Take some rows in."""
        rows = Rows(self._used(chunk))
        self._refusing.refuse(rows, self.tally)
        known = self._names.resolve(rows, self.tally)
        if known.places:
            self._update(rows, known)
        old = set(known.places)
        new = [at for at in rows.places if at not in old] if old else list(rows.places)
        if not new:
            return
        self.tally.inserted += len(new)
        self._tell(rows, new)
        if self.log is None:
            return
        joining = self._joining(rows, known, new)
        self._insert(rows, [at for at in new if at not in joining] if joining else new, self.log)
        if joining:
            self._join(rows, joining, self.log)

    # ------------------------------------------------------------ new ones

    def _tell(self, rows: Rows, new: Sequence[int]) -> None:
        ranges = rows.ranges()
        for at in new[:KEPT_CHANGES]:
            if self.tally.full:
                return
            for name in rows.stated:
                for value in rows.column(name)[at] or () if name == "tags" else (rows.column(name)[at],):
                    if value is not None:
                        self.tally.note(rows.numbers[at], rows.label(at), name, None, value)
            for name, texts in ranges.items():
                if at in texts:
                    self.tally.note(rows.numbers[at], rows.label(at), name, None, texts[at])

    def _joining(self, rows: Rows, known: Known, new: Sequence[int]) -> dict[int, str]:
        """New rows whose creator an other row of the file names or brings: position -> the file's word for the person."""
        persons = rows.column(PERSON)
        for at, creator in zip(known.places, known.creators, strict=True):
            if persons[at] is not None:
                self._persons.setdefault(persons[at], creator)
        seen = set(self._persons)
        joining: dict[int, str] = {}
        for at in new:
            if persons[at] in seen:
                joining[at] = persons[at]
            elif persons[at] is not None:
                seen.add(persons[at])
        return joining

    def _insert(self, rows: Rows, new: list[int], log: Log) -> None:
        count = len(new)
        if not count:
            return
        names = [
            name or handle or uid or ""
            for name, handle, uid in zip(*(at_places(rows.column(one), new) for one in ("name", "handle", "platform_uid")), strict=True)
        ]
        platforms = [one or "" for one in at_places(rows.platform, new)]
        dates = [self.now if when is None else when for when in at_places(rows.dates("followers"), new)]
        stage = [int(Stage.LEAD) if value is None else value for value in at_places(rows.column("stage"), new)]
        followers, tier, group = self._banded(platforms, at_places(rows.column("followers"), new), dates)
        fees = at_places(rows.column("fee_fen"), new)
        first_creator, first_account = (bulk.reserve(self.connection, table, count) for table in ("creator", "account"))
        creators, accounts = range(first_creator, first_creator + count), range(first_account, first_account + count)
        self._persons.update((person, one) for person, one in zip(at_places(rows.column(PERSON), new), creators, strict=True) if person is not None)
        same = repeat(count)
        log.returns.before_coupons(code for code in at_places(rows.column("coupon"), new) if code)
        plain = [name for name in CREATOR_COLUMNS if name not in {"name", "stage"}]
        bulk.insert(
            self.connection,
            "creator",
            (
                "id", "name", "stage", *plain, "created_at", "updated_at", "version", "main_account_id", "platform", "followers", "tier", "group", "fee_fen",
                "value_grade", "credit_score", "credit_grade", "initials",
            ),
            zip(
                creators, names, stage, *(at_places(rows.column(name), new) for name in plain),
                same(self.now), same(self.now), same(1), accounts, platforms, followers, tier, group, fees, same(0),
                *map(same, self._credit), letters.of_all(names), strict=True,
            ),
        )  # fmt: skip
        log.inserted("creator", first_creator, count)
        self._insert_accounts(rows, log, _Accounts(new, creators, accounts, platforms, followers, tier, dates))
        log.insert("stage_step", _STEP_COLUMNS, list(zip(creators, stage, *map(same, (None, None, self.now, self.by, log.id)), strict=True)))
        tags = at_places(rows.column("tags"), new)
        words = dict.fromkeys((creator, tag) for creator, some in zip(creators, tags, strict=True) for tag in some or ())
        log.insert("creator_tag", ("creator_id", "tag"), list(words))
        handles, uids, notes = (at_places(rows.column(name), new) for name in ("handle", "platform_uid", "notes"))
        texts = zip(creators, names, handles, uids, tags, notes, strict=True)
        search.add(self.connection, ((row[0], search.document((*row[1:4], *(row[4] or ()), row[5]))) for row in texts))
        self.tally.creator_ids.extend(creators)

    def _join(self, rows: Rows, joining: dict[int, str], log: Log) -> None:
        """Accounts of creators whom other rows of the file name or bring; those rows speak for the creator himself."""
        places = list(joining)
        platforms = [one or "" for one in at_places(rows.platform, places)]
        dates = [self.now if when is None else when for when in at_places(rows.dates("followers"), places)]
        followers, tier, _ = self._banded(platforms, at_places(rows.column("followers"), places), dates)
        first = bulk.reserve(self.connection, "account", len(places))
        creators = [self._persons[joining[at]] for at in places]
        self._insert_accounts(rows, log, _Accounts(places, creators, range(first, first + len(places)), platforms, followers, tier, dates))
        owners = list(dict.fromkeys(creators))
        rollups.refresh_creators(self.connection, owners, self._force.policy)
        search.refresh(self.connection, owners)
        self.tally.creator_ids.extend(set(owners).difference(self.tally.creator_ids))

    def _insert_accounts(self, rows: Rows, log: Log, new: _Accounts) -> None:
        """New accounts with their figures and tiers."""
        places, accounts = new.places, new.accounts
        bulk.insert(
            self.connection,
            "account",
            ("id", "creator_id", "platform", "handle_key", *ACCOUNT_COLUMNS, "followers", "followers_at", "tier"),
            zip(
                accounts, new.creators, new.platforms, at_places(rows.handle_key, places),
                *(at_places(rows.column(name), places) for name in ACCOUNT_COLUMNS),
                new.followers, [None if value is None else when for value, when in zip(new.followers, new.dates, strict=True)], new.tier,
                strict=True,
            ),
        )  # fmt: skip
        log.inserted("account", accounts[0], len(places))
        for name in rows.metrics:
            cells = zip(places, accounts, at_places(rows.column(name), places), strict=True)
            self._add_figures(rows, log, name, ((at, account, value) for at, account, value in cells if value is not None))
        for name, ranged in rows.ranges().items():
            self._add_figures(rows, log, name, [(at, account, None) for at, account in zip(places, accounts, strict=True) if at in ranged])
        log.insert(
            "tier_step",
            ("account_id", "tier", "previous", "at", "policy_version"),
            [(account, band, None, when, self._force.version) for account, band, when in zip(accounts, new.tier, new.dates, strict=True) if band is not None],
        )

    def _banded(
        self, platforms: Sequence[str], followers: Sequence[int | None], dates: Sequence[int]
    ) -> tuple[list[int | None], list[int | None], list[int | None]]:
        """Followers, tier and group of new accounts; a count of a day to come is not yet known."""
        counts = np.array([-1 if value is None or when > self.now else value for value, when in zip(followers, dates, strict=True)], dtype=np.int64)
        bands = tiers.bands(self._force.policy, np.array(platforms, dtype=object), counts, np.full(len(counts), -1, dtype=np.int8)).tolist()
        pairs = list(zip(platforms, bands, strict=True))
        group_of = {pair: int(tiers.group_of(self._force.policy, pair[0], Tier(pair[1]))) for pair in set(pairs) if pair[1] >= 0}
        known = [None if value < 0 else value for value in counts.tolist()]
        return known, [None if band < 0 else band for band in bands], [group_of.get(pair) for pair in pairs]

    def _add_figures(self, rows: Rows, log: Log, name: str, cells: Iterable[tuple[int, int, Any]]) -> None:
        """Dated values of one field: (row position, account id, value)."""
        as_of, plain = rows.dates(name), name.removeprefix(METRIC_PREFIX)
        log.insert(
            "account_metric",
            _METRIC_COLUMNS,
            [
                (
                    account,
                    plain,
                    self.now if as_of[at] is None else as_of[at],
                    None if value is None else float(value),
                    rows.raw(name, at),
                    as_of[at] is not None,
                    log.id,
                    self.now,
                )
                for at, account, value in cells
            ],
        )

    # ------------------------------------------------------------ known ones

    def _update(self, rows: Rows, known: Known) -> None:
        changed: dict[int, Edit] = {}
        owner = dict(zip(known.places, zip(known.accounts, known.creators, strict=True), strict=True))

        def edit(at: int) -> Edit:
            if at not in changed:
                changed[at] = Edit(*owner[at])
            return changed[at]

        followers = self._compare_fields(rows, known, edit)
        for name in rows.metrics:
            self._compare_figures(rows, known, edit, name, followers if name == "followers" else None)
        for name, texts in rows.ranges().items():
            self._compare_ranges(rows, name, {at: (owner[at][0], texts[at]) for at in known.places if at in texts}, edit)
        self._compare_tags(rows, owner, edit)
        self.tally.updated += len(changed)
        self.tally.unchanged += len(known.places) - len(changed)
        for at in sorted(changed):
            if self.tally.full:
                break
            for name, before, after in changed[at].cells():
                self.tally.note(rows.numbers[at], rows.label(at), name, before, after)
        if self.log is not None and changed:
            write_edits(self.log, changed.values(), self._force)
            self.tally.creator_ids.extend(dict.fromkeys(entry.creator_id for entry in changed.values()))

    def _compare_fields(self, rows: Rows, known: Known, edit: Any) -> Sequence[int | None]:  # noqa: ANN401
        """Note the fields that differ; returns the accounts' followers as they stand."""
        kinds = (("pos", "integer primary key"), ("account_id", "bigint"), ("creator_id", "bigint"))
        bulk.keep(self.connection, "matched", kinds, zip(known.places, known.accounts, known.creators, strict=True))
        creator = [name for name in CREATOR_COLUMNS if name in rows.stated]
        account = [name for name in ACCOUNT_COLUMNS if name in rows.stated]
        selected = ", ".join(["a.followers", *(f"c.{bulk.quoted(name)}" for name in creator), *(f"a.{bulk.quoted(name)}" for name in account)])
        stored = bulk.fetch(
            self.connection,
            f"select {selected} from matched m join account a on a.id = m.account_id join creator c on c.id = m.creator_id order by m.pos",  # noqa: S608
        )
        columns: list[Sequence[Any]] = list(zip(*stored, strict=True))
        for name, before in zip([*creator, *account], columns[1:], strict=True):
            after = at_places(rows.column(name), known.places)
            if tuple(after) == before:
                continue
            home = "creator" if name in CREATOR_COLUMNS else "account"
            for at, old, new in zip(known.places, before, after, strict=True):
                if new is not None and new != old:
                    edit(at).set(home, name, old, new)
        return columns[0]

    def _compare_figures(self, rows: Rows, known: Known, edit: Any, name: str, latest: Sequence[int | None] | None) -> None:  # noqa: ANN401
        """Note the figures that are new or corrected; ``latest`` spares the look at those that stand already."""
        as_of, plain = rows.dates(name), name.removeprefix(METRIC_PREFIX)
        values = at_places(rows.column(name), known.places)
        same = latest if latest is not None else repeat(len(values))(None)
        stated = {
            at: (account, as_of[at], value)
            for at, account, value, old in zip(known.places, known.accounts, values, same, strict=True)
            if value is not None and (value != old or as_of[at] is not None)
        }
        if not stated:
            return
        kinds = (("pos", "bigint"), ("account_id", "bigint"), ("as_of", "bigint"))
        bulk.keep(self.connection, "figures", kinds, ((at, account, when) for at, (account, when, _) in stated.items()))
        present = {row[0]: row[1:] for row in bulk.fetch(self.connection, _VALUES, plain, plain, self.now)}
        for at, (_, when, value) in stated.items():
            old_id, dated, before, text = present.get(at, (None, None, None, None))
            if before is not None and before == value:
                continue
            day = self.now if when is None else when
            corrected = old_id if dated == day else None
            edit(at).figures.append(Figure(plain, name, day, float(value), rows.raw(name, at), when is not None, corrected, before, text))

    def _compare_ranges(self, rows: Rows, name: str, stated: dict[int, tuple[int, str]], edit: Any) -> None:  # noqa: ANN401
        """Note the ranges that are new; on a day that has a value they are kept beside it. ``stated``: position -> account and text."""
        as_of, plain = rows.dates(name), name.removeprefix(METRIC_PREFIX)
        kinds = (("pos", "bigint"), ("account_id", "bigint"), ("as_of", "bigint"))
        bulk.keep(self.connection, "figures", kinds, ((at, account, as_of[at]) for at, (account, _) in stated.items()))
        present = {row[0]: row[1:] for row in bulk.fetch(self.connection, _RANGES, plain, plain, self.now)}
        for at, (_, words) in stated.items():
            old_id, dated, before, text = present.get(at, (None, None, None, None))
            if words == text:
                continue
            when = as_of[at]
            day = self.now if when is None else when
            corrected = old_id if dated == day else None
            value = before if corrected else None
            edit(at).figures.append(Figure(plain, name, day, value, words, when is not None, corrected, value, text if corrected else None))

    def _compare_tags(self, rows: Rows, owner: dict[int, tuple[int, int]], edit: Any) -> None:  # noqa: ANN401
        if "tags" not in rows.stated:
            return
        column = rows.column("tags")
        wanted = [(at, owner[at][1], tag) for at in owner for tag in dict.fromkeys(column[at] or ())]
        bulk.keep(self.connection, "words", (("pos", "bigint"), ("creator_id", "bigint"), ("tag", "text")), wanted)
        fresh = bulk.fetch(
            self.connection,
            "select w.pos, w.tag from words w left join creator_tag t on t.creator_id = w.creator_id and t.tag = w.tag where t.id is null",
        )
        order = {(at, tag): place for place, (at, _, tag) in enumerate(wanted)}
        taken: set[tuple[int, str]] = set()
        for at, tag in sorted(fresh, key=lambda row: order[row[0], row[1]]):
            if (owner[at][1], tag) not in taken:  # two accounts of one creator may bring the same word
                taken.add((owner[at][1], tag))
                edit(at).tags.append(tag)
