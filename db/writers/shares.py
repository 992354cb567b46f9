# SPDX-License-Identifier: Apache-2.0
"""Sales as arrays with the touches that tie them to creators, some at a time, and the shares that a model gives.

A sale's platform account touches it when it is paid, its coupon's owner likewise, its content when it was published;
touchpoints name the order. Nothing of a single sale's shares is kept: they follow from the facts, exactly, any time.
Sales of another currency have no shares and are not among those that are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from app.rules import attribution
from app.rules.attribution import Credits, Sales, Touches, TouchKind, starts_of
from app.rules.facts import HOME_CURRENCY
from app.rules.roi import NEVER
from db import bulk
from db.writers import directory
from db.writers.currencies import AT_HOME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt
    from sqlalchemy import Connection

    from app.rules.attribution import AttributionPolicy

    Ints = npt.NDArray[np.int64]

CHUNK: Final = 50_000
"""Sales handled at a time."""

_OWNER: Final = "(select min(k.id) from creator k where k.coupon = s.coupon)"
_HEIR: Final = f"coalesce({_OWNER}, (select min(h.creator_id) from creator_coupon h where h.coupon = s.coupon))"  # noqa: S608 (our names)
"""Whose code it is, or was before two creators became one."""
_SPAN: Final = ("sale s", f"where s.id between ? and ? and s.{AT_HOME}")
_KINDS: Final = np.array([TouchKind.PLATFORM, TouchKind.COUPON, TouchKind.CONTENT], dtype=np.int8)


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Some sales, shape (sales,), with their touches. ``earner`` gets the commission as a cost, 0 is nobody.

    ``touches`` name creators, or accounts where asked for.
    """

    id: Ints
    paid_at: Ints
    amount: Ints
    refund: Ints
    commission: Ints
    earner: Ints
    shop: Ints
    content: Ints
    touches: Touches

    @property
    def net(self) -> Ints:
        """Paid less refunded."""
        return self.amount - self.refund


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Which sales: all, or those paid in [since, until). ``ids`` names them instead."""

    since: int | None = None
    until: int | None = None
    ids: Ints | None = None

    @property
    def everything(self) -> bool:
        """Whether no sale is left out."""
        return self.ids is None and self.since is None and self.until is None


def lines(connection: Connection, policy: AttributionPolicy, source: Source, *, accounts: bool = False, size: int = CHUNK) -> Iterator[Lines]:
    """Sales of a source in the order of their ids."""
    touched = bulk.fetch(connection, "select 1 from touchpoint limit 1") != []
    reader = _Reader(connection, policy, accounts=accounts, touched=touched)
    if source.everything:
        found = reader.after(0, size)
        while found is not None:
            yield found
            found = reader.after(int(found.id[-1]), size)
        return
    ids = found_ids(connection, source) if source.ids is None else source.ids
    for first in range(0, len(ids), size):
        bulk.keep(connection, "counted", (("id", "bigint"),), ((one,) for one in ids[first : first + size].tolist()))
        found = reader.kept()
        if found is not None:
            yield found


def told(policy: AttributionPolicy, first: int, columns: Mapping[str, Sequence[Any]], touched: pl.DataFrame) -> Ints:
    """New sales, given as columns and what ``directory`` found of them, as the reader gives them: a column each, shape (columns, sales)."""
    count = len(touched)

    def whole(name: str) -> Ints:
        column = columns[name]
        return np.fromiter((one or 0 for one in column) if column.count(None) else column, dtype=np.int64, count=count)

    def found(name: str, otherwise: int = 0) -> Ints:
        return touched[name].cast(pl.Int64).fill_null(otherwise).to_numpy()

    places = {shop: at for at, shop in enumerate(policy.shops, start=1)}
    shop = np.fromiter((places.get(one, 0) for one in columns["shop"]), dtype=np.int64, count=count) if places else np.zeros(count, dtype=np.int64)
    sales = np.stack([
        np.arange(first, first + count), whole("paid_at"), whole("amount_fen"), whole("refund_fen"), whole("commission_fen"),
        found(directory.CREATOR), found(directory.COUPON), found(directory.OWNER), found(directory.PUBLISHED, NEVER), found(directory.CONTENT), shop,
    ])  # fmt: skip
    currency = columns["currency"]
    if currency.count(HOME_CURRENCY) == count:
        return sales
    return sales[:, np.fromiter((one == HOME_CURRENCY for one in currency), dtype=bool, count=count)]


def as_told(connection: Connection, policy: AttributionPolicy, sales: Ints, size: int = CHUNK) -> Iterator[Lines]:
    """New sales, as ``told`` puts them, which are stored by now."""
    touched = bulk.fetch(connection, "select 1 from touchpoint limit 1") != []
    reader = _Reader(connection, policy, accounts=False, touched=touched)
    for at in range(0, sales.shape[1], size):
        yield reader.told(sales[:, at : at + size])


def found_ids(connection: Connection, source: Source) -> Ints:
    """Ids of the sales paid in a period, in order."""
    terms, values = [], []
    if source.since is not None:
        terms.append("paid_at >= ?")
        values.append(source.since)
    if source.until is not None:
        terms.append("paid_at < ?")
        values.append(source.until)
    rows = bulk.fetch(connection, f"select id from sale where {' and '.join(terms) or 'true'}", *values)  # noqa: S608 (marks only)
    ids = integers(rows, 1)[:, 0]
    ids.sort()
    return ids


def integers(rows: Sequence[Any], width: int) -> Ints:
    """Rows of integers as an array, shape (rows, width)."""
    return np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=len(rows) * width).reshape(len(rows), width)


def shared(policy: AttributionPolicy, some: Lines, model: str | None = None) -> tuple[Credits, Ints]:
    """Shares of net revenue, and the same shares' parts of gross."""
    shops = ["", *policy.shops]
    sales = Sales(some.net, some.paid_at, some.shop)
    credits_ = next(attribution.splits(policy, shops, sales, some.touches, model, chunk=max(1, len(some.id))))
    return credits_, attribution.resplit(some.amount, credits_.sale, credits_.weight)


def _any_heirs(connection: Connection) -> bool:
    """Whether anybody has codes of others; a workspace on its way up from an earlier program has no such table yet."""
    there = (
        "select to_regclass('creator_coupon')"
        if connection.dialect.name == "postgresql"
        else "select max(name) from sqlite_master where name = 'creator_coupon'"
    )
    return bulk.fetch(connection, there)[0][0] is not None and bulk.fetch(connection, "select 1 from creator_coupon limit 1") != []


class _Reader:
    """Reads sales, always the same columns."""

    def __init__(self, connection: Connection, policy: AttributionPolicy, *, accounts: bool, touched: bool) -> None:
        """Put the statements together once."""
        self._connection, self._touched, self._shops = connection, touched, tuple(policy.shops)
        coupon = _HEIR if _any_heirs(connection) else _OWNER
        if accounts:
            coupon = f"(select m.main_account_id from creator m where m.id = {coupon})"  # noqa: S608 (our names)
        platform, content = ("s.account_id", "c.account_id") if accounts else ("s.creator_id", "c.creator_id")
        shop = " ".join(f"when ? then {at}" for at in range(1, len(self._shops) + 1))
        columns = (
            "s.id", "s.paid_at", "s.amount_fen", "s.refund_fen", "coalesce(s.commission_fen, 0)",
            f"coalesce({platform}, 0)", f"coalesce({coupon}, 0)", f"coalesce({content}, 0)", f"coalesce(c.published_at, {NEVER})",
            "coalesce(s.content_id, 0)", f"case s.shop {shop} else 0 end" if shop else "0",
        )  # fmt: skip
        self._width = len(columns)
        self._sales = f"select {', '.join(columns)} from {{}} left join content c on c.id = s.content_id {{}}"  # noqa: S608 (our names)
        touching = "t.account_id" if accounts else "t.creator_id"
        joined = "join touchpoint t on t.order_id = s.order_id and t.shop = s.shop"
        self._touches = f"select s.id, {touching}, t.kind, t.happened_at from {{}} {joined} {{}}"  # noqa: S608 (our names)

    def after(self, last: int, size: int) -> Lines | None:
        """The next sales by id; None where there are no more."""
        found = self._read("sale s", f"where s.id > ? and s.{AT_HOME} order by s.id limit ?", last, size)
        if not len(found):
            return None
        return self._lines(found, (*_SPAN, int(found[0, 0]), int(found[-1, 0])))

    def kept(self) -> Lines | None:
        """Sales whose ids stand in the table ``counted``; None where none is there."""
        source = "counted w join sale s on s.id = w.id"
        found = self._read(source, f"where s.{AT_HOME} order by s.id")
        return self._lines(found, (source, f"where s.{AT_HOME}")) if len(found) else None

    def told(self, sales: Ints) -> Lines:
        """Sales whose columns are at hand, with the ids of one range."""
        return self._lines(sales.T, (*_SPAN, int(sales[0, 0]), int(sales[0, -1])))

    def _read(self, source: str, tail: str, *values: object) -> Ints:
        return integers(bulk.fetch(self._connection, self._sales.format(source, tail), *self._shops, *values), self._width)

    def _lines(self, found: Ints, asked: tuple[Any, ...]) -> Lines:
        sale, paid_at, amount, refund, commission, platform, coupon, content_owner, published_at, content, shop = np.ascontiguousarray(found.T)
        who = np.stack([platform, coupon, content_owner], axis=1)
        when = np.stack([paid_at, paid_at, published_at], axis=1)
        here = who > 0
        of = np.nonzero(here)[0]
        creator, at, kind = who[here], when[here], np.broadcast_to(_KINDS, who.shape)[here]
        if self._touched:
            source, tail, *values = asked
            more = integers(bulk.fetch(self._connection, self._touches.format(source, tail), *values), 4)
            if len(more):
                more = _told_once(more, sale, who, when)
                of = np.concatenate([of, np.searchsorted(sale, more[:, 0])])
                order = np.argsort(of, kind="stable")
                of = of[order]
                creator, at = np.concatenate([creator, more[:, 1]])[order], np.concatenate([at, more[:, 3]])[order]
                kind = np.concatenate([kind, more[:, 2].astype(np.int8)])[order]
        touches = Touches(starts_of(of, len(sale)), creator, kind, at)
        return Lines(sale, paid_at, amount, refund, commission, np.where(platform > 0, platform, coupon), shop, content, touches)


def _told_once(more: Ints, sale: Ints, who: Ints, when: Ints) -> Ints:
    """Touchpoints (sale, creator, kind, time) that neither their sale tells itself nor another of a creator's accounts has told."""
    at = np.searchsorted(sale, more[:, 0])
    own = (who[at] == more[:, 1, None]) & (when[at] == more[:, 3, None]) & (more[:, 2, None] == _KINDS)
    more = more[~own.any(axis=1)]
    order = np.lexsort(more.T)
    fresh = np.ones(len(more), dtype=bool)
    fresh[order[1:]] = (more[order[1:]] != more[order[:-1]]).any(axis=1)
    told: Ints = more[fresh]
    return told
