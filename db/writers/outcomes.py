# SPDX-License-Identifier: Apache-2.0
"""What stands behind returns: rankings as columns, who people are, a funnel of contents, the orders of a creator or a group."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from app.rules import months, report
from app.rules.attribution import TouchKind
from app.rules.bookable import FREE
from app.rules.outcomes import Ranking, total_of
from app.usecases.roi import Funnel, FunnelStep, OrderLine, OrderPage, Orders, Person
from app.values import CreditGrade, Sanction, Tier
from db import bookable, bulk, frames
from db.writers import currencies, returns, shares, values
from db.writers.currencies import AT_HOME
from db.writers.shares import Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from sqlalchemy import Connection

    from app.jobs import Job
    from app.rules.report import Period, Sums
    from app.rules.roi import RoiPolicy
    from app.rules.shrinkage import Returns
    from app.usecases.roi import Span
    from db.writers.returns import Rules

    Ints = npt.NDArray[np.int64]
    _Placed = tuple[Returns, npt.NDArray[np.int8], Ints]
    """Posteriors, value grades, places."""

_AT_A_TIME: Final = 200_000
_ROWS: Final = 10_000
_LOWEST, _HIGHEST = -(1 << 62), 1 << 62


# ---------------------------------------------------------------- rankings


def kept(connection: Connection, by: Rules, now: int, job: Job) -> Ranking:
    """The ranking of all time, as it was last computed and kept."""
    numbers = _kept_rows(connection, job)
    ids, place = numbers[:, 0].astype(np.int64), numbers[:, 1].astype(np.int64)
    order = np.empty(len(ids), dtype=np.int64)
    order[place] = np.arange(len(ids))
    posteriors = np.ascontiguousarray(numbers[:, 2:6].T)
    posteriors[posteriors < 0] = np.nan
    shape, rate, burden, weight = posteriors
    posterior = replace(report.bare(len(ids)), shape=shape, rate=rate, burden=burden, weight=weight)
    job.check()
    sums = values.by_creator(connection, by, None, None, job).sums.of(ids)
    _, total, unattributed = values.kept_total(connection)
    done = _ranking(connection, by, sums, (posterior, numbers[:, 6].astype(np.int8), order), total, unattributed, None, now)
    return replace(done, left_out=currencies.left_out(connection))


def _kept_rows(connection: Connection, job: Job) -> npt.NDArray[np.float64]:
    """Rows of what is kept in the order of their ids, -1 for what cannot be known; some at a time, so that others may work meanwhile."""
    columns = ("creator_id", "place", *(f"coalesce({one}, -1.0)" for one in ("shape", "rate", "burden", "weight")), "grade")
    statement = f"select {', '.join(columns)} from creator_value where creator_id > ? order by creator_id limit ?"  # noqa: S608 (our names)
    parts, last = [np.empty((0, len(columns)))], 0
    while rows := bulk.fetch(connection, statement, last, _ROWS):
        job.check()
        parts.append(np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=len(rows) * len(columns)).reshape(-1, len(columns)))
        last = rows[-1][0]
    return np.concatenate(parts)


def ranked(connection: Connection, by: Rules, period: Period, standing: _Placed, model: str | None, now: int) -> Ranking:
    """The ranking of a period that was computed."""
    return _ranking(connection, by, period.sums, standing, period.total, int(period.nobody.net[0]), model, now)


def _ranking(  # noqa: PLR0913 (what a ranking is made of)
    connection: Connection, by: Rules, sums: Sums, standing: _Placed, total: Sums, unattributed: int, model: str | None, now: int
) -> Ranking:
    posterior, grade, order = standing
    coded = frames.whole(connection, "creator where coupon is not null and coupon <> ''", ("id",))[0]
    barred = _barred(connection, by.roi, now)
    flags = (np.isin(sums.key, barred), np.isin(sums.key, coded))
    return Ranking(by.roi, model or by.attribution.model, sums, posterior, grade, order, *flags, total_of(by.roi, total), unattributed)


_IN_FORCE: Final = (
    "select creator_id, max(level) from sanction s where s.approved and s.decided_at <= ? and (s.ends_at is null or s.ends_at >= ?)"
    " and (s.voided_at is null or s.voided_at > ?){} group by creator_id"
)


def _barred(connection: Connection, policy: RoiPolicy, now: int) -> Ints:
    """Those whose conduct alone says stop."""
    grades = ", ".join(str(int(grade)) for grade in CreditGrade if grade.code in policy.stop_grades) or "-1"
    found = [row[0] for row in bulk.fetch(connection, f"select id from creator where credit_grade in ({grades})")]  # noqa: S608 (numbers)
    levels = {int(level) for level in Sanction if level.code in policy.stop_sanctions}
    found += [one for one, level in bulk.fetch(connection, _IN_FORCE.format(""), now, now, now) if level in levels]
    return np.array(found, dtype=np.int64)


def people(connection: Connection, ids: Sequence[int], now: int) -> dict[int, Person]:
    """Who creators are, by id; one that is gone is left out."""
    bulk.keep_ids(connection, ids)
    rows = bulk.fetch(
        connection,
        "select c.id, c.name, c.platform, c.tier, c.credit_grade, case when coalesce(c.coupon, '') = '' then 0 else 1 end from wanted w join creator c on c.id = w.id",
    )
    held = dict(bulk.fetch(connection, _IN_FORCE.format(" and s.creator_id in (select id from wanted)"), now, now, now))
    with closing(bulk.driver_cursor(connection)) as cursor:
        words = bookable.verdicts(cursor, {row[0]: CreditGrade(row[4]) for row in rows if row[4] is not None}, now)
    return {
        key: Person(
            key, name, platform or "", None if tier is None else Tier(tier), None if grade is None else CreditGrade(grade).code,
            Sanction(held[key]).code if key in held else None, bool(coded), words.get(key, FREE),
        )
        for key, name, platform, tier, grade, coded in rows
    }  # fmt: skip


# ---------------------------------------------------------------- funnel

_STEPS: Final = ("impressions", "clicks", "add_to_carts", "orders")


def funnel(connection: Connection, span: Span, only: Ints | None, job: Job) -> Funnel:
    """The last known figures of contents published in a period, of some creators or all.

    A rate is taken over the contents that have both of its figures: nothing is divided by what it does not belong to.
    """
    if only is not None:
        bulk.keep_columns(connection, "wanted", {"id": only.tolist()})
    some = " and c.creator_id in (select id from wanted)" if only is not None else ""
    dated = "" if (span.since, span.until) == (None, None) else " and c.published_at >= ? and c.published_at < ?"
    ends = () if not dated else (_LOWEST if span.since is None else span.since, _HIGHEST if span.until is None else span.until)
    sums = [part for one in _STEPS for part in (f"count(m.{one})", f"sum(m.{one})")]
    for one, after in pairwise(_STEPS):
        both = f"case when m.{one} is not null and m.{after} is not null then"
        sums += [f"count({both} 1 end)", f"sum({both} m.{one} end)", f"sum({both} m.{after} end)"]
    columns = ", ".join(f"cast(coalesce({one}, 0) as bigint)" for one in ("count(*)", *sums))
    statement = (
        f"select {columns} from content c join content_metric m on m.content_id = c.id"  # noqa: S608 (our names)
        " and m.as_of = (select max(l.as_of) from content_metric l where l.content_id = c.id)"
        f" where c.id between ? and ?{dated}{some}"
    )
    last = bulk.fetch(connection, "select coalesce(max(id), 0) from content")[0][0]
    found = np.zeros(1 + len(sums), dtype=np.int64)
    for first in range(1, last + 1, _AT_A_TIME):
        job.check()
        job.progress("read", first - 1, last)
        found += np.array(bulk.fetch(connection, statement, first, first + _AT_A_TIME - 1, *ends)[0], dtype=np.int64)
    contents, *figures = found.tolist()
    known, pairs = figures[: 2 * len(_STEPS)], figures[2 * len(_STEPS) :]
    steps = []
    for at, name in enumerate(_STEPS):
        paired = pairs[3 * (at - 1) : 3 * at] if at else [0, 0, 0]
        steps.append(FunnelStep(name, known[2 * at], known[2 * at + 1] if known[2 * at] else None, *paired))
    return Funnel(contents, tuple(steps))


# ---------------------------------------------------------------- orders


def orders(connection: Connection, wanted: Orders, model: str | None, job: Job) -> OrderPage:
    """Order lines behind a creator, an account or a group, the newest first, a page at a time."""
    by = returns.rules(connection)
    if wanted.by not in _OWNERS:
        ids, counted = _of_group(connection, by.zone, wanted)
        return OrderPage(_lines(connection, by, ids, Of(), model), counted)
    of = Of(int(wanted.key or 0), accounts=wanted.by == "account")
    found = _owned(connection, by, wanted, of, model, job)
    return OrderPage(_lines(connection, by, found[wanted.offset : wanted.offset + wanted.limit], of, model), len(found))


_OWNERS: Final = frozenset({"creator", "account"})


@dataclass(frozen=True, slots=True)
class Of:
    """Whose part of a sale is told: everybody's, or that of one creator or account."""

    key: int | None = None
    accounts: bool = False


TIED: Final = (
    "select id from sale where creator_id = ?",
    "select s.id from touchpoint t join sale s on s.order_id = t.order_id and s.shop = t.shop where t.creator_id = ?",
    "select s.id from creator k join sale s on s.coupon = k.coupon where k.id = ? and k.coupon <> ''",
    "select s.id from content c join sale s on s.content_id = c.id where c.creator_id = ?",
)
"""All that may tie a sale to a creator, each found by an index."""


def _owned(connection: Connection, by: Rules, wanted: Orders, of: Of, model: str | None, job: Job) -> Ints:
    """Sales of a period in which a creator or an account has a share, the newest first."""
    creator = int(wanted.key or 0)
    if of.accounts:
        creator = next((row[0] for row in bulk.fetch(connection, "select creator_id from account where id = ?", creator)), 0)
    tied = np.array(sorted({row[0] for row in bulk.fetch(connection, " union all ".join(TIED), *(creator,) * len(TIED))}), dtype=np.int64)
    ids, paid = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for some in shares.lines(connection, by.attribution, Source(ids=tied), accounts=of.accounts):
        job.check()
        credits_, _ = shares.shared(by.attribution, some, model)
        own = np.unique(credits_.sale[credits_.creator == of.key])
        ids.append(some.id[own])
        paid.append(some.paid_at[own])
    found, at = np.concatenate(ids), np.concatenate(paid)
    here = (at >= (_LOWEST if wanted.span.since is None else wanted.span.since)) & (at < (_HIGHEST if wanted.span.until is None else wanted.span.until))
    found, at = found[here], at[here]
    newest: Ints = found[np.lexsort((-found, -at))]
    return newest


def _of_group(connection: Connection, zone: str, wanted: Orders) -> tuple[Ints, int | None]:
    """A page of the sales of a month, product, content or campaign; how many there are where that is known."""
    since, until = (_LOWEST if wanted.span.since is None else wanted.span.since), (_HIGHEST if wanted.span.until is None else wanted.span.until)
    dated, ordered = f"{AT_HOME} and paid_at >= ? and paid_at < ?", "order by paid_at desc, id desc limit ? offset ?"
    if wanted.by in {"content", "campaign"}:
        named = "select content_id from cost_entry where campaign = ? and content_id is not null and voided_at is null"
        tied = "content_id = ?" if wanted.by == "content" else f"content_id in ({named})"
        counted = bulk.fetch(connection, f"select count(*) from sale where {tied} and {dated}", wanted.key, since, until)[0][0]  # noqa: S608 (our names)
        rows = bulk.fetch(connection, f"select id from sale where {tied} and {dated} {ordered}", wanted.key, since, until, wanted.limit, wanted.offset)  # noqa: S608
        return np.array([row[0] for row in rows], dtype=np.int64), counted
    if wanted.by == "month":
        number = _month(str(wanted.key))
        since, until = max(since, months.start(number, zone)), min(until, months.start(number + 1, zone))
    tied = "true" if wanted.by == "month" else "product is null" if wanted.key is None else "product = ?"
    given = () if tied != "product = ?" else (wanted.key,)
    statement = f"select id from sale where {tied} and {dated} {ordered}"  # noqa: S608 (our names)
    rows = bulk.fetch(connection, statement, *given, since, until, wanted.limit, wanted.offset)
    return np.array([row[0] for row in rows], dtype=np.int64), None


def _month(named: str) -> int:
    """Number of ``YYYY-MM``."""
    year, _, month = named.partition("-")
    return int(year) * 12 + int(month) - 1


_ORDER: Final = "select s.id, s.paid_at, s.shop, s.order_id, s.line_id, s.product, s.quantity, s.amount_fen, s.refund_fen from wanted w join sale s on s.id = w.id order by w.pos"


def _lines(connection: Connection, by: Rules, ids: Ints, of: Of, model: str | None) -> tuple[OrderLine, ...]:
    """Some sales as people read them, with what of each is somebody's."""
    shared: dict[int, int] = {}
    owners: dict[int, list[int]] = {}
    ties: dict[int, list[TouchKind]] = {}
    for some in shares.lines(connection, by.attribution, Source(ids=np.sort(ids)), accounts=of.accounts):
        credits_, _ = shares.shared(by.attribution, some, model)
        for at, who, amount in zip(credits_.sale.tolist(), credits_.creator.tolist(), credits_.amount.tolist(), strict=True):
            if of.key in {None, who}:
                sale = int(some.id[at])
                shared[sale] = shared.get(sale, 0) + amount
                owners.setdefault(sale, []).append(who)
        touches = some.touches
        for at, sale in enumerate(some.id.tolist()):
            kinds = {
                int(touches.kind[one])
                for one in range(int(touches.starts[at]), int(touches.starts[at + 1]))
                if int(touches.creator[one]) in owners.get(sale, ())
            }
            ties[sale] = [TouchKind(kind) for kind in sorted(kinds)]
    named = {who for some_owners in owners.values() for who in some_owners}
    names = values.account_names(connection, np.array(sorted(named), dtype=np.int64)) if of.accounts else _names(connection, named)
    bulk.keep_ids(connection, ids.tolist())
    return tuple(
        OrderLine(
            key, paid, shop, order, line, product, quantity, amount, refund, shared.get(key, 0), tuple(names.get(who, "") for who in owners.get(key, ())),
            tuple(kind.code for kind in ties.get(key, ())),
        )
        for key, paid, shop, order, line, product, quantity, amount, refund in bulk.fetch(connection, _ORDER)
    )  # fmt: skip


def _names(connection: Connection, ids: set[int]) -> Mapping[int, str]:
    bulk.keep_ids(connection, sorted(ids))
    return dict(bulk.fetch(connection, "select c.id, c.name from wanted w join creator c on c.id = w.id"))


def costs(connection: Connection, creator: int, span: Span) -> dict[str, int]:
    """A creator's costs of a period by kind; the commission that its sales carry stands apart in the sums."""
    statement = (
        f"select kind, cast(sum(amount_fen) as bigint) from cost_entry where creator_id = ? and voided_at is null and {AT_HOME}"  # noqa: S608 (our names)
        " and incurred_at >= ? and incurred_at < ? group by kind order by kind"
    )
    ends = (_LOWEST if span.since is None else span.since), (_HIGHEST if span.until is None else span.until)
    return dict(bulk.fetch(connection, statement, creator, *ends))
