# SPDX-License-Identifier: Apache-2.0
"""Sums of returns by creator and month, right in every transaction that changes a fact.

Before a sale changes, or anything that decides whom it belongs to, its shares are taken off the sums; afterwards the
shares it then has are put on. So a change costs what it touches, however long the history is. Shares follow from the
facts alone: the sums can be computed anew, and must come out the same. Money of another currency is in none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from app.jobs import Quiet
from app.rules import months
from app.rules.attribution import AttributionPolicy
from app.rules.roi import RoiPolicy
from app.rules.shrinkage import LIMB, carried, squares
from db import bulk
from db.writers import policies, settings, shares
from db.writers.currencies import AT_HOME
from db.writers.shares import Source, integers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt
    from sqlalchemy import Connection

    from app.jobs import Job
    from app.rules.attribution import Credits
    from db.writers.shares import Lines

    Ints = npt.NDArray[np.int64]

NOBODY: Final = 0
"""Owner of sales that have no share, and of the commission that nobody earned."""
EVERYBODY: Final = -1
"""Owner of all sales together."""
ALWAYS: Final = 0
"""The month that stands for all time."""

POLICIES: Final = frozenset({"attribution", "roi"})
"""Rules that the sums follow."""
KEPT: Final = "returns_kept"
"""Setting: what the returns kept in ``creator_value`` followed from; empty where none are."""
SUMS: Final = ("net_fen", "gross_fen", "fixed_fen", "variable_fen", "sales", "net_square_high", "net_square_low")
_NET, _GROSS, _FIXED, _VARIABLE, _SALES, _HIGH, _LOW = range(len(SUMS))
_KEY: Final = ("month", "creator_id")
_MONTHS: Final = 4096
"""More than there are months: one number holds owner and month."""
_MOST_PIECES: Final = 1_000_000
"""Rows of sums that are gathered before they are added up."""
_AT_A_TIME: Final = 50_000
_IDS: Final = (("id", "bigint"),)


@dataclass(frozen=True, slots=True)
class Rules:
    """What shares and costs follow from: the policies in force and the time zone of days and months."""

    attribution: AttributionPolicy
    roi: RoiPolicy
    zone: str


def rules(connection: Connection) -> Rules:
    """The rules that the kept sums follow."""
    attribution = AttributionPolicy.parse(policies.in_force(connection, "attribution")[1])
    return Rules(attribution, RoiPolicy.parse(policies.in_force(connection, "roi")[1]), settings.zone(connection))


# ---------------------------------------------------------------- adding up


@dataclass(slots=True)
class Tally:
    """Sums by owner and a key below 4096, a month mostly; exact in any order."""

    _keys: list[Ints] = field(default_factory=list)
    _sums: list[Ints] = field(default_factory=list)
    _pieces: int = 0

    def add(self, owner: Ints, key: Ints, sign: int = 1, /, **columns: Ints) -> None:
        """Add rows: ``net`` (with its square), ``gross``, ``fixed``, ``variable``, ``sales``, each of the shape of ``owner``."""
        if not len(owner):
            return
        keys, at = np.unique((owner + 1) * _MONTHS + key, return_inverse=True)
        out = np.zeros((len(SUMS), len(keys)), dtype=np.int64)
        for name, place in (("net", _NET), ("gross", _GROSS), ("fixed", _FIXED), ("variable", _VARIABLE), ("sales", _SALES)):
            if name in columns:
                np.add.at(out[place], at, columns[name])
        if "squared" in columns:
            out[_HIGH], out[_LOW] = squares(columns["squared"], at, len(keys))
        self._gather(keys, out * sign)

    def take(self, owner: Ints, key: Ints, sums: Ints) -> None:
        """Add sums, shape (7, rows)."""
        self._gather((owner + 1) * _MONTHS + key, sums)

    def _gather(self, keys: Ints, sums: Ints) -> None:
        self._keys.append(keys)
        self._sums.append(sums)
        self._pieces += len(keys)
        if self._pieces > _MOST_PIECES:
            self.merge()

    def merge(self) -> tuple[Ints, Ints, Ints]:
        """Owners and keys in their order, and their sums, shape (7, rows)."""
        if not self._keys:
            empty = np.empty(0, dtype=np.int64)
            return empty, empty, np.empty((len(SUMS), 0), dtype=np.int64)
        if len(self._keys) == 1 and bool(np.all(self._keys[0][1:] > self._keys[0][:-1])):
            keys, out = self._keys[0], self._sums[0]
            out[_HIGH], out[_LOW] = carried(out[_HIGH], out[_LOW])
            return keys // _MONTHS - 1, keys % _MONTHS, out
        keys, at = np.unique(np.concatenate(self._keys), return_inverse=True)
        pieces = np.concatenate(self._sums, axis=1)
        out = np.zeros((len(SUMS), len(keys)), dtype=np.int64)
        for place in range(len(SUMS)):
            np.add.at(out[place], at, pieces[place])
        out[_HIGH], out[_LOW] = carried(out[_HIGH], out[_LOW])
        # Many times what is left would be added up again and again if it counted as new.
        self._keys, self._sums, self._pieces = [keys], [out], 0
        return keys // _MONTHS - 1, keys % _MONTHS, out


def add_sales(tally: Tally, some: Lines, credits_: Credits, gross: Ints, key: Ints, sign: int = 1) -> None:
    """Add sales with their shares under a key of each sale."""
    of = credits_.sale
    one = np.ones(len(some.id), dtype=np.int64)
    tally.add(credits_.creator, key[of], sign, net=credits_.amount, gross=gross, sales=np.ones(len(of), dtype=np.int64), squared=credits_.amount)
    free = np.ones(len(some.id), dtype=bool)
    free[of] = False
    tally.add(np.zeros(int(free.sum()), dtype=np.int64), key[free], sign, net=some.net[free], gross=some.amount[free], sales=one[free])
    tally.add(np.full(len(some.id), EVERYBODY), key, sign, net=some.net, gross=some.amount, sales=one)
    earning = some.commission != 0
    tally.add(some.earner[earning], key[earning], sign, variable=some.commission[earning])


def add_costs(tally: Tally, policy: RoiPolicy, rows: Ints, key: Ints, sign: int = 1) -> None:
    """Add lines of cost, rows (creator, number of the kind, fen), under a key of each."""
    variable = np.isin(rows[:, 1], [KINDS.index(kind) for kind in policy.variable_kinds])
    amount = rows[:, 2]
    tally.add(rows[:, 0], key, sign, fixed=np.where(variable, 0, amount), variable=np.where(variable, amount, 0))


KINDS: Final = ("fee", "slot_fee", "platform_fee", "commission", "sample", "freight", "boost", "rebate", "tax")
"""Kinds of cost in the order of the numbers they have here."""
KIND: Final = "case e.kind " + " ".join(f"when '{kind}' then {at}" for at, kind in enumerate(KINDS)) + " end"
_COST: Final = f"select {{}}, {KIND}, e.amount_fen, e.incurred_at from {{}} e.voided_at is null and e.{AT_HOME} {{}}"  # noqa: S608 (our names)


def costs(connection: Connection, source: Source, who: str = "e.creator_id") -> Iterator[Ints]:
    """Costs of a source (by their ids, or when they were incurred) that stand: rows (creator, number of the kind, fen, moment).

    ``who``: what else stands in the creator's place, as a column of the cost ``e``.
    """
    if source.ids is not None:
        for first in range(0, len(source.ids), _AT_A_TIME):
            bulk.keep(connection, "counted", _IDS, ((one,) for one in source.ids[first : first + _AT_A_TIME].tolist()))
            yield integers(bulk.fetch(connection, _COST.format(who, "counted w join cost_entry e on e.id = w.id where", "")), 4)
        return
    if source.everything:
        last = 0
        while span := bulk.fetch(connection, "select min(id), max(id) from (select id from cost_entry where id > ? order by id limit ?) x", last, _AT_A_TIME):
            if span[0][0] is None:
                return
            yield integers(bulk.fetch(connection, _COST.format(who, "cost_entry e where", "and e.id between ? and ?"), *span[0]), 4)
            last = span[0][1]
    low, high = (-(1 << 62) if source.since is None else source.since), (1 << 62 if source.until is None else source.until)
    yield integers(bulk.fetch(connection, _COST.format(who, "cost_entry e where", "and e.incurred_at >= ? and e.incurred_at < ?"), low, high), 4)


# ---------------------------------------------------------------- keeping


@dataclass(slots=True)
class Returns:
    """Keeps the sums while an operation changes facts: ``before`` and ``after`` what it does, ``settle`` at its end."""

    connection: Connection
    _rules: Rules | None = None
    _tally: Tally = field(default_factory=Tally)
    _off: set[int] = field(default_factory=set)
    _off_costs: set[int] = field(default_factory=set)
    _taken: bool = False
    _sold: bool | None = None
    _anew: bool = False

    @property
    def rules(self) -> Rules:
        """What the sums follow, looked up when first needed."""
        if self._rules is None:
            self._rules = rules(self.connection)
        return self._rules

    # ------------------------------------------------------------ what changes

    def before(self, table: str, ids: Iterable[int]) -> None:
        """Rows of a table are about to change or to go: whatever hangs on them is taken off the sums."""
        if table == "sale":
            self._hold(ids)
        elif table == "cost_entry":
            self._hold_costs(ids)
        elif table in _SALES_OF and self._any_sales():
            wanted = list(ids)
            if wanted:
                bulk.keep(self.connection, "deciding", _IDS, ((one,) for one in wanted))
                self._hold(row[0] for row in bulk.fetch(self.connection, _SALES_OF[table]))

    def after(self, table: str, ids: Iterable[int]) -> None:
        """Rows of a table have come: sales and costs are put on the sums. For others see ``before_orders`` and its like."""
        if table == "sale":
            self._off.update(ids)
            self._sold = True
            if len(self._off) > _MOST_WAITING:
                self._put_on()
        elif table == "cost_entry":
            self._off_costs.update(ids)
            if len(self._off_costs) > _MOST_WAITING:
                self._put_on()

    def before_rows(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Rows are about to come, given as tuples in the order of the columns."""
        if table == "touchpoint":
            shop, order = columns.index("shop"), columns.index("order_id")
            self.before_orders((row[shop], row[order]) for row in rows)
        elif table == "content":
            word = columns.index("content_id")
            self.before_contents(row[word] for row in rows)
        elif table == "creator" and "coupon" in columns:
            code = columns.index("coupon")
            self.before_coupons(row[code] for row in rows if row[code])

    def before_changes(self, table: str, rows: Sequence[tuple[int, Mapping[str, Any] | None, Mapping[str, Any] | None]]) -> None:
        """Rows are about to change: id, changed fields before and after (None: the row comes, or goes)."""
        deciding = _DECIDING.get(table)
        if deciding is None:
            return
        ids = [row[0] for row in rows if row[1] is None or row[2] is None or not deciding.isdisjoint(row[2])]
        if table == "creator":
            self.before_coupons(side["coupon"] for row in rows for side in row[1:] if side and side.get("coupon"))
        if ids:
            self.before(table, ids)

    def before_orders(self, orders: Iterable[tuple[str, str]]) -> None:
        """Touchpoints of these orders (shop, order) are about to come."""
        if self._any_sales():
            bulk.keep(self.connection, "touched", (("shop", "text"), ("order_id", "text")), orders)
            statement = "select s.id from touched w join sale s on s.order_id = w.order_id and s.shop = w.shop"
            self._hold(row[0] for row in bulk.fetch(self.connection, statement))

    def before_contents(self, words: Iterable[str]) -> None:
        """Contents are about to come that sales may have named by these words."""
        if self._any_sales():
            bulk.keep(self.connection, "referred", (("word", "text"),), ((word,) for word in words))
            statement = "select s.id from referred w join sale s on s.content_ref = w.word"
            self._hold(row[0] for row in bulk.fetch(self.connection, statement))

    def before_coupons(self, codes: Iterable[str]) -> None:
        """Coupons are about to get another owner."""
        if self._any_sales():
            bulk.keep(self.connection, "codes", (("code", "text"),), ((code,) for code in codes))
            statement = "select s.id from sale s where s.coupon is not null and s.coupon in (select code from codes)"
            self._hold(row[0] for row in bulk.fetch(self.connection, statement))

    def before_span(self, table: str, first: int, last: int) -> None:
        """Rows of a table are about to go, by a range of their ids."""
        if table not in _DECIDING:
            return
        if table == "sale" and last - first >= _MOST_WAITING:
            self.start_anew()
        else:
            statement = f"select id from {table} where id between ? and ?"  # noqa: S608 (our names)
            self.before(table, [row[0] for row in bulk.fetch(self.connection, statement, first, last)])

    def start_anew(self) -> None:
        """So much changes that the sums are computed anew at the end."""
        self._anew = True

    def _any_sales(self) -> bool:
        if self._sold is None:
            self._sold = bulk.fetch(self.connection, "select 1 from sale limit 1") != []
        return self._sold

    def _hold(self, ids: Iterable[int]) -> None:
        fresh = set() if self._anew else set(ids) - self._off
        if fresh:
            self._off |= fresh
            self._taken = True
            self._count(_sorted(fresh), -1)

    def _hold_costs(self, ids: Iterable[int]) -> None:
        fresh = set() if self._anew else set(ids) - self._off_costs
        if fresh:
            self._off_costs |= fresh
            self._taken = True
            self._count_costs(_sorted(fresh), -1)

    # ------------------------------------------------------------ what counts

    def came(self, sales: Ints) -> None:
        """Put new sales on the sums, as ``shares.told`` puts them."""
        self._sold = True
        if not self._anew:
            for some in shares.as_told(self.connection, self.rules.attribution, sales):
                self._add(some, 1)

    def _count(self, ids: Ints, sign: int) -> None:
        for some in shares.lines(self.connection, self.rules.attribution, Source(ids=ids)):
            self._add(some, sign)

    def _add(self, some: Lines, sign: int) -> None:
        credits_, gross = shares.shared(self.rules.attribution, some)
        add_sales(self._tally, some, credits_, gross, months.months(some.paid_at, self.rules.zone) - months.FIRST, sign)

    def _count_costs(self, ids: Ints, sign: int) -> None:
        for rows in costs(self.connection, Source(ids=ids)):
            add_costs(self._tally, self.rules.roi, rows, months.months(rows[:, 3], self.rules.zone) - months.FIRST, sign)

    def _put_on(self) -> None:
        """Count what was taken off, or came, as it is now."""
        if self._off:
            self._count(_sorted(self._off), 1)
        if self._off_costs:
            self._count_costs(_sorted(self._off_costs), 1)
        self._off, self._off_costs = set(), set()

    def settle(self) -> bool:
        """Put on what was taken off or came, and write the sums; whether any changed."""
        if self._anew:
            rebuild(self.connection, Quiet())
            self._off, self._off_costs, self._tally, self._taken, self._anew = set(), set(), Tally(), False, False
            return True
        self._put_on()
        owner, month, sums = _kept(self._tally)
        if len(owner):
            _put(self.connection, owner, month, sums, shrinking=self._taken)
        self._tally, self._taken = Tally(), False
        return len(owner) > 0


def _sorted(ids: Collection[int]) -> Ints:
    out = np.fromiter(ids, dtype=np.int64, count=len(ids))
    out.sort()
    return out


_MOST_WAITING: Final = 200_000
"""Sales or costs that wait for the end of an operation."""
_DECIDING: Final = {
    "sale": frozenset(
        {"shop", "order_id", "creator_id", "account_id", "content_id", "coupon", "paid_at", "amount_fen", "refund_fen", "commission_fen", "currency"}
    ),
    "cost_entry": frozenset({"creator_id", "kind", "amount_fen", "currency", "incurred_at", "voided_at"}),
    "touchpoint": frozenset({"shop", "order_id", "creator_id", "kind", "happened_at"}),
    "content": frozenset({"creator_id", "published_at"}),
    "creator": frozenset({"coupon"}),
}
"""Fields that sums of returns hang on."""
_SALES_OF: Final = {
    "touchpoint": "select s.id from deciding w join touchpoint t on t.id = w.id join sale s on s.order_id = t.order_id and s.shop = t.shop",
    "content": "select s.id from sale s where s.content_id in (select id from deciding)",
    "creator": "select s.id from sale s where s.coupon in (select c.coupon from deciding w join creator c on c.id = w.id where c.coupon is not null)",
}
"""Sales whose shares hang on rows of other tables."""


def _kept(tally: Tally) -> tuple[Ints, Ints, Ints]:
    """Owners, months and sums as they are kept: those of each month, and of all time, in the order of (month, owner)."""
    owner, month, sums = tally.merge()
    always = Tally()
    always.take(owner, np.zeros(len(owner), dtype=np.int64), sums)
    owners, _, totals = always.merge()
    owner, month = np.concatenate([owners, owner]), np.concatenate([np.full(len(owners), ALWAYS), month + months.FIRST])
    sums = np.concatenate([totals, sums], axis=1)
    some = np.flatnonzero(np.any(sums != 0, axis=0))
    some = some[np.lexsort((owner[some], month[some]))]
    return owner[some], month[some], sums[:, some]


def _put(connection: Connection, owner: Ints, month: Ints, sums: Ints, *, shrinking: bool) -> None:
    """Add to the sums kept; where something was taken off, rows of which nothing is left go."""
    mask = (1 << LIMB) - 1
    columns = dict(zip((*_KEY, *SUMS), (month.tolist(), owner.tolist(), *sums.tolist()), strict=True))
    if not bulk.fetch(connection, "select 1 from creator_return limit 1"):
        bulk.insert_columns(connection, "creator_return", columns)
        return
    bulk.keep_columns(connection, "moved", columns)
    names = ", ".join((*_KEY, *SUMS))
    plain = ", ".join(f"{name} = creator_return.{name} + excluded.{name}" for name in SUMS[:_HIGH])
    low = "creator_return.net_square_low + excluded.net_square_low"
    connection.exec_driver_sql(
        f"insert into creator_return ({names}) select {names} from moved where true on conflict (month, creator_id) do update set {plain},"  # noqa: S608
        f" net_square_high = creator_return.net_square_high + excluded.net_square_high + (({low}) >> {LIMB}), net_square_low = ({low}) & {mask}"
    )
    if shrinking:
        nothing = " and ".join(f"{name} = 0" for name in SUMS)
        connection.exec_driver_sql(
            f"delete from creator_return where (month, creator_id) in (select month, creator_id from moved) and {nothing}"  # noqa: S608 (our names)
        )


# ---------------------------------------------------------------- anew


def computed(connection: Connection, job: Job) -> tuple[Ints, Ints, Ints]:
    """Owners, months and sums as the facts give them."""
    by = rules(connection)
    tally = Tally()
    total = bulk.fetch(connection, "select count(*) from sale")[0][0]
    done = 0
    for some in shares.lines(connection, by.attribution, Source()):
        job.check()
        job.progress("returns", done, total)
        credits_, gross = shares.shared(by.attribution, some)
        add_sales(tally, some, credits_, gross, months.months(some.paid_at, by.zone) - months.FIRST)
        done += len(some.id)
    for rows in costs(connection, Source()):
        job.check()
        add_costs(tally, by.roi, rows, months.months(rows[:, 3], by.zone) - months.FIRST)
    return _kept(tally)


def stored(connection: Connection) -> tuple[Ints, Ints, Ints]:
    """Owners, months and sums as they are kept."""
    names = ", ".join((*_KEY, *SUMS))
    rows = integers(bulk.fetch(connection, f"select {names} from creator_return order by month, creator_id"), len(_KEY) + len(SUMS))  # noqa: S608
    return rows[:, 1], rows[:, 0], np.ascontiguousarray(rows[:, 2:].T)


def faults(connection: Connection, job: Job) -> int:
    """How many sums are not what the facts give."""
    (owner, month, right), (kept_owner, kept_month, kept) = computed(connection, job), stored(connection)
    wide = 1 << 16  # more than the number of any month
    keys, kept_keys = owner * wide + month, kept_owner * wide + kept_month
    both, here, there = np.intersect1d(keys, kept_keys, assume_unique=True, return_indices=True)
    wrong = int(np.any(right[:, here] != kept[:, there], axis=0).sum())
    return wrong + len(keys) + len(kept_keys) - 2 * len(both)


def rebuild(connection: Connection, job: Job) -> None:
    """Compute the sums anew from the facts."""
    owner, month, sums = computed(connection, job)
    connection.exec_driver_sql("delete from creator_return")
    connection.exec_driver_sql("delete from creator_value")
    settings.put(connection, KEPT, "")
    bulk.insert_columns(connection, "creator_return", dict(zip((*_KEY, *SUMS), (month.tolist(), owner.tolist(), *sums.tolist()), strict=True)))
