# SPDX-License-Identifier: Apache-2.0
"""Sums of returns by what hangs on sales and costs themselves: month, content, product, campaign.

Whether a sale is attributed, and so what a month or product brought, is the same under every model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from app.rules import months
from app.rules.report import Period, Sums
from db import bulk
from db.writers import returns, shares
from db.writers.returns import EVERYBODY, NOBODY, SUMS, Tally
from db.writers.shares import Source, integers
from db.writers.values import of_tally

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from sqlalchemy import Connection

    from app.jobs import Job
    from app.usecases.roi import Asked
    from db.writers.returns import Rules
    from db.writers.shares import Lines

    Ints = npt.NDArray[np.int64]

_SOMEBODY: Final = 1
_OWNER: Final = "case when creator_id > 0 then 1 else creator_id end"
_SUMMED: Final = ", ".join(f"cast(sum({name}) as bigint)" for name in SUMS)


def by_month(connection: Connection, by: Rules, since: int | None, until: int | None, job: Job) -> Period:
    """Sums by month: whole months as kept, the days at the ends of the period from the facts."""
    tally = Tally()
    first, last = months.whole(since, until, by.zone)
    if first > last:
        _add_facts(connection, by, tally, Source(since, until), job)
    else:
        statement = f"select {_OWNER}, month, {_SUMMED} from creator_return where month between ? and ? group by {_OWNER}, month"  # noqa: S608
        rows = integers(bulk.fetch(connection, statement, first, last), 2 + len(SUMS))
        tally.take(rows[:, 0], rows[:, 1] - months.FIRST, np.ascontiguousarray(rows[:, 2:].T))
        if since is not None and since < (begins := months.start(first, by.zone)):
            _add_facts(connection, by, tally, Source(since, begins), job)
        if until is not None and (ends := months.start(last + 1, by.zone)) < until:
            _add_facts(connection, by, tally, Source(ends, until), job)
    owner, month, sums = tally.merge()
    parts = {one: Sums(month[owner == one] + months.FIRST, *sums[:, owner == one]) for one in (_SOMEBODY, NOBODY, EVERYBODY)}
    keys = np.unique(month) + months.FIRST
    own, nobody, everybody = (parts[one].of(keys) for one in (_SOMEBODY, NOBODY, EVERYBODY))
    # A sale that several share is one sale.
    sold = Sums(
        keys, everybody.net - nobody.net, everybody.gross - nobody.gross, own.fixed, own.variable, everybody.sales - nobody.sales,
        own.square_high, own.square_low,
    )  # fmt: skip
    some = np.flatnonzero((sold.net != 0) | (sold.fixed != 0) | (sold.variable != 0) | (sold.sales != 0))
    zero = np.zeros(len(keys), dtype=np.int64)
    return Period(sold.at(some), nobody.grouped(zero, 1), everybody.grouped(zero, 1))


def of_some_by_month(connection: Connection, by: Rules, only: Ints, asked: Asked, job: Job) -> Sums:
    """Sums of some creators by month. A sale that several of them share is counted for each, its money once."""
    since, until, model = asked.span.since, asked.span.until, asked.model
    tally, owned = Tally(), Tally()
    first, last = months.whole(since, until, by.zone)
    if first > last or model not in {None, by.attribution.model}:
        parts = [Source(since, until)]
    else:
        bulk.keep_columns(connection, "chosen", {"id": only.tolist()})
        statement = f"select month, {_SUMMED} from creator_return where month between ? and ? and creator_id in (select id from chosen) group by month"  # noqa: S608
        rows = integers(bulk.fetch(connection, statement, first, last), 1 + len(SUMS))
        tally.take(np.full(len(rows), _SOMEBODY), rows[:, 0] - months.FIRST, np.ascontiguousarray(rows[:, 1:].T))
        ends = ((since, None if since is None else months.start(first, by.zone)), (None if until is None else months.start(last + 1, by.zone), until))
        parts = [Source(low, high) for low, high in ends if low is not None and high is not None and low < high]
    for source in parts:
        for some in shares.lines(connection, by.attribution, source):
            job.check()
            credits_, gross = shares.shared(by.attribution, some, model)
            returns.add_sales(owned, some, credits_, gross, months.months(some.paid_at, by.zone) - months.FIRST)
        for rows in returns.costs(connection, source):
            returns.add_costs(owned, by.roi, rows, months.months(rows[:, 3], by.zone) - months.FIRST)
    owner, month, sums = owned.merge()
    here = np.isin(owner, only)
    tally.take(np.full(int(here.sum()), _SOMEBODY), month[here], sums[:, here])
    _, month, sums = tally.merge()
    return Sums(month + months.FIRST, *sums)


def _add_facts(connection: Connection, by: Rules, tally: Tally, source: Source, job: Job) -> None:
    for some in shares.lines(connection, by.attribution, source):
        job.check()
        credits_, gross = shares.shared(by.attribution, some)
        credits_.creator[:] = _SOMEBODY
        some.earner[some.earner > 0] = _SOMEBODY
        returns.add_sales(tally, some, credits_, gross, months.months(some.paid_at, by.zone) - months.FIRST)
    for rows in returns.costs(connection, source, str(_SOMEBODY)):
        returns.add_costs(tally, by.roi, rows, months.months(rows[:, 3], by.zone) - months.FIRST)


# ---------------------------------------------------------------- content, product, campaign


@dataclass(frozen=True, slots=True, eq=False)
class Facet:
    """Words of sales and costs by number, from 1; 1 is none. ``of_content``: the number that a content's sales have."""

    dimension: str
    words: Sequence[str | None]
    of_content: Mapping[int, int]
    cost: str

    def name(self, number: int) -> int | str | None:
        """The key that a number stands for."""
        if self.dimension == "content":
            return None if number == 1 else number - 1
        return self.words[number - 1]


def of(connection: Connection, dimension: str) -> Facet:
    """What a dimension has. A sale's campaign is the one that the costs of its content name (the first by name, of several)."""
    if dimension == "content":
        return Facet(dimension, (None,), {}, "coalesce(e.content_id, 0) + 1")
    if dimension == "product":
        found = bulk.fetch(connection, "select distinct product from sale where product is not null order by product")
        return Facet(dimension, (None, *(row[0] for row in found)), {}, "1")
    found = bulk.fetch(connection, "select distinct campaign from cost_entry where campaign is not null and voided_at is null order by campaign")
    words = (None, *(row[0] for row in found))
    bulk.keep(connection, "worded", (("place", "bigint"), ("word", "text")), ((at, word) for at, word in enumerate(words, start=1) if word is not None))
    number = "coalesce((select w.place from worded w where w.word = e.campaign), 1)"
    pairs = bulk.fetch(
        connection,
        f"select e.content_id, min({number}) from cost_entry e where e.campaign is not null and e.content_id is not null and e.voided_at is null"  # noqa: S608
        " group by e.content_id",
    )
    return Facet(dimension, words, dict(pairs), number)


def by_word(connection: Connection, by: Rules, facet: Facet, since: int | None, until: int | None, job: Job) -> Period:
    """Sums by number of a facet."""
    tally, source, done = Tally(), Source(since, until), 0
    products = {word: at for at, word in enumerate(facet.words, start=1)} if facet.dimension == "product" else {}
    for some in shares.lines(connection, by.attribution, source):
        job.check()
        job.progress("attribute", done)
        done += len(some.id)
        number = _numbers(connection, facet, products, some)
        credits_, _ = shares.shared(by.attribution, some)
        shared = np.zeros(len(some.id), dtype=bool)
        shared[credits_.sale] = True
        key, one = np.zeros(len(some.id), dtype=np.int64), np.ones(len(some.id), dtype=np.int64)
        tally.add(np.where(shared, number, NOBODY), key, net=some.net, gross=some.amount, sales=one)
        tally.add(np.where(some.earner > 0, number, NOBODY), key, variable=some.commission)
        tally.add(np.full(len(some.id), EVERYBODY), key, net=some.net, gross=some.amount, sales=one)
    for rows in returns.costs(connection, source, facet.cost):
        returns.add_costs(tally, by.roi, rows, np.zeros(len(rows), dtype=np.int64))
    return of_tally(tally)


def _numbers(connection: Connection, facet: Facet, products: Mapping[str | None, int], some: Lines) -> Ints:
    if facet.dimension == "content":
        return some.content + 1
    if facet.dimension == "campaign":
        return np.fromiter((facet.of_content.get(one, 1) for one in some.content.tolist()), dtype=np.int64, count=len(some.content))
    bulk.keep(connection, "asked", (("id", "bigint"),), ((one,) for one in some.id.tolist()))
    rows = bulk.fetch(connection, "select s.product from asked a join sale s on s.id = a.id order by s.id")
    return np.fromiter((products[row[0]] for row in rows), dtype=np.int64, count=len(rows))


def labels(connection: Connection, dimension: str, keys: Sequence[int | str | None]) -> list[str]:
    """What keys are called: a content by its title or the source's id, others by themselves."""
    if dimension != "content":
        return ["" if key is None else str(key) for key in keys]
    bulk.keep(connection, "asked", (("id", "bigint"),), ((key,) for key in keys if key is not None))
    named = dict(bulk.fetch(connection, "select c.id, coalesce(c.title, c.content_id) from asked a join content c on c.id = a.id"))
    return ["" if key is None else named.get(key, str(key)) for key in keys]
