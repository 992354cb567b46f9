# SPDX-License-Identifier: Apache-2.0
"""Returns: sales split under a model, sums by dimension with posteriors, channel paths."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from app.errors import WorkspaceError
from app.jobs import Quiet
from app.rules import months, report
from app.rules.attribution import AttributionPolicy
from app.rules.paths import Path
from app.rules.roi import RoiPolicy
from app.usecases.roi import Asked, OneReturn, OrderPage, Orders, ReturnReport, ReturnRow, Split
from app.values import DAY, ValueGrade
from db import bulk
from db.engine import reading, writing
from db.writers import currencies, facets, outcomes, policies, returns, shares, values
from db.writers.currencies import AT_HOME
from db.writers.returns import Rules, Tally
from db.writers.shares import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt
    from sqlalchemy import Connection, Engine

    from app.jobs import Job
    from app.rules.outcomes import Ranking
    from app.rules.report import Figures, Period, Standing, Sums
    from app.rules.shrinkage import Returns
    from app.usecases.roi import Funnel, Person, Span
    from db.writers.shares import Lines
    from db.writers.values import People

    Ints = npt.NDArray[np.int64]

_OF_CREATORS: Final = frozenset({"tier", "group", "platform", "category"})


@dataclass(frozen=True, slots=True)
class ReturnStore:
    """Fulfils ``ReturnFacts`` on a workspace's database."""

    engine: Engine
    read_only: bool = False

    def split(self, span: Span, model: str | None, job: Job) -> Split:
        """Attribute the sales of a period under a model."""
        started = time.monotonic()
        sales = net = attributed = done = 0
        with reading(self.engine) as connection:
            by = returns.rules(connection)
            for some in shares.lines(connection, by.attribution, Source(span.since, span.until)):
                job.check()
                job.progress("attribute", done)
                credits_, _ = shares.shared(by.attribution, some, model)
                done += len(some.id)
                sales += len(some.id)
                net += int(some.net.sum())
                attributed += int(credits_.amount.sum())
            abroad = currencies.left_out(connection, span.since, span.until)
        return Split(model or by.attribution.model, sales, net, attributed, net - attributed, round(time.monotonic() - started, 3), abroad)

    def refresh(self, now: int, job: Job) -> bool:
        """Keep returns and value grades of now, unless they are kept already; whether that was to be done."""
        if self.read_only:
            return False
        with reading(self.engine) as connection:
            by = returns.rules(connection)
            if values.is_fresh(connection, by, now):
                return False
            seen = values.mark(connection, by, now)
            done = values.compute(connection, by, now, job)
        # Computing takes seconds where there are many creators: the lock is held for the writing alone.
        with writing(self.engine) as connection:
            if values.mark(connection, by, now) != seen:
                return False  # somebody wrote meanwhile, and their own change brings the next refresh
            values.keep(connection, by, now, done)
        return True

    def report(self, asked: Asked, now: int, job: Job) -> ReturnReport:
        """Returns by a dimension; those of creators over all time are kept, so that the next question finds them."""
        started = time.monotonic()
        if _usual(asked) and not self.read_only:
            self._keep(now, job)
        with reading(self.engine) as connection:
            by = returns.rules(connection)
            if asked.policy is not None:
                by = replace(by, roi=RoiPolicy.parse(policies.in_force(connection, "roi", version=asked.policy)[1]))
            question = _Question(connection, by, asked, now, job)
            done = _kept(connection, by, asked, job) if _usual(asked) and values.is_fresh(connection, by, now) else question.answer()
            abroad = currencies.left_out(connection, *question.ends)
        return replace(done, seconds=round(time.monotonic() - started, 3), left_out=abroad)

    def one(self, creator_id: int, now: int, job: Job) -> OneReturn:
        """Return of one creator over all time, and its costs; computed where nothing can be kept."""
        if not self.read_only:
            self._keep(now, job)
        spent = (
            f"select kind, cast(sum(amount_fen) as bigint) from cost_entry where creator_id = ? and voided_at is null and {AT_HOME}"  # noqa: S608 (our names)
            " group by kind order by kind"
        )
        with reading(self.engine) as connection:
            by = returns.rules(connection)
            if values.is_fresh(connection, by, now):
                rows = _kept_rows(connection, by, Asked(), f"where creator_id = {int(creator_id)}", job)
            else:
                rows = [row for row in _Question(connection, by, Asked(), now, job).answer().rows if row.key == creator_id]
            return OneReturn(rows[0] if rows else None, dict(bulk.fetch(connection, spent, creator_id)))

    def kept(self, ids: Sequence[int]) -> Mapping[int, Figures]:
        """Returns of creators over all time as last kept, by id; who had none then is left out."""
        if not ids:
            return {}
        among = f"where creator_id in ({', '.join(str(int(one)) for one in ids)})"
        with reading(self.engine) as connection:
            rows = _kept_rows(connection, returns.rules(connection), Asked(), among, Quiet())
        return {int(row.key or 0): row.figures for row in rows}

    def ranking(self, asked: Asked, now: int, job: Job) -> Ranking:
        """Creators of a period as columns, those of all time as they are kept."""
        if _usual(asked) and not self.read_only:
            self._keep(now, job)
        with reading(self.engine) as connection:
            by = returns.rules(connection)
            if _usual(asked) and values.is_fresh(connection, by, now):
                return outcomes.kept(connection, by, now, job)
            question = _Question(connection, by, asked, now, job)
            period, standing, grades = question.standing()
            ranking = outcomes.ranked(connection, by, period, (standing.returns, grades, standing.order), asked.model, now)
            return replace(ranking, left_out=currencies.left_out(connection, *question.ends))

    def stamp(self, now: int) -> tuple[int, str]:
        """Changes whenever a ranking may have become another: the last thing done, and the day."""
        with reading(self.engine) as connection:
            seen = values.mark(connection, returns.rules(connection), now)
            return seen["seq"], seen["day"]

    def policy(self) -> RoiPolicy:
        """The rules of return in force."""
        with reading(self.engine) as connection:
            return returns.rules(connection).roi

    def people(self, ids: Sequence[int], now: int) -> Mapping[int, Person]:
        """Who creators are, by id."""
        with reading(self.engine) as connection:
            return outcomes.people(connection, ids, now)

    def funnel(self, span: Span, only: Ints | None, job: Job) -> Funnel:
        """Figures of contents published in a period, of some creators or all."""
        with reading(self.engine) as connection:
            return outcomes.funnel(connection, span, only, job)

    def months(self, asked: Asked, only: Ints, job: Job) -> Sequence[ReturnRow]:
        """Returns of some creators together, by month."""
        with reading(self.engine) as connection:
            by = returns.rules(connection)
            sums = facets.of_some_by_month(connection, by, only, asked, job)
            found = report.figures(sums, report.bare(len(sums.key)), by.roi.margin, asked.target)
            named = [months.named(one) for one in sums.key.tolist()]
            return [ReturnRow(month, month, figures, None) for month, figures in zip(named, found, strict=True)]

    def orders(self, wanted: Orders, model: str | None, job: Job) -> OrderPage:
        """Order lines behind a creator, an account or a group, a page at a time."""
        with reading(self.engine) as connection:
            return outcomes.orders(connection, wanted, model, job)

    def costs(self, creator_id: int, span: Span) -> Mapping[str, int]:
        """A creator's costs of a period by kind."""
        with reading(self.engine) as connection:
            return outcomes.costs(connection, creator_id, span)

    def _keep(self, now: int, job: Job) -> None:
        """Keep what is asked for most; who cannot write is answered all the same."""
        with reading(self.engine) as connection:
            if values.is_fresh(connection, returns.rules(connection), now):
                return
        try:
            self.refresh(now, job)
        except WorkspaceError as error:
            if error.code not in {"locked", "read_only", "disk_full"}:
                raise

    def paths(self) -> Sequence[Path]:
        """Channel paths."""
        with reading(self.engine) as connection:
            rows = bulk.fetch(connection, "select path, conversions, nulls from conversion_path order by id")
        return [Path(tuple(step.strip() for step in path.split(">") if step.strip()), conversions, nulls) for path, conversions, nulls in rows]

    def markov_order(self) -> int:
        """How many channels a state of the Markov model has unless told."""
        with reading(self.engine) as connection:
            return AttributionPolicy.parse(policies.in_force(connection, "attribution")[1]).markov_order


def _usual(asked: Asked) -> bool:
    """Whether a question is the one whose answer is kept: creators, all time, now, by the rules in force."""
    return asked.by == "creator" and (asked.span.since, asked.span.until, asked.as_of, asked.model, asked.policy) == (None,) * 5


# ---------------------------------------------------------------- kept


def _kept(connection: Connection, by: Rules, asked: Asked, job: Job) -> ReturnReport:
    """The answer from what is kept: sums of those who are shown, posteriors and places as computed."""
    few = "" if asked.top is None else f"where place < {int(asked.top)}"
    found, total, unattributed = values.kept_total(connection)
    return _reported(by, asked, _kept_rows(connection, by, asked, few, job), found, total, unattributed)


def _kept_rows(connection: Connection, by: Rules, asked: Asked, which: str, job: Job) -> list[ReturnRow]:
    rows = bulk.fetch(connection, f"select creator_id, shape, rate, burden, weight, grade from creator_value {which} order by place")  # noqa: S608
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    floats = np.array([row[1:5] for row in rows], dtype=np.float64).reshape(-1, 4).T
    bare = report.bare(len(ids))
    posterior = replace(bare, shape=floats[0], rate=floats[1], burden=floats[2], weight=floats[3])
    sums = values.sums_of(connection, ids) if which else values.by_creator(connection, by, None, None, job).sums.of(ids)
    names = _names(connection, ids)
    grades = [ValueGrade(row[5]) for row in rows]
    shown = report.figures(sums, posterior, by.roi.margin, asked.target)
    return [ReturnRow(key, names[key], one, grade) for key, one, grade in zip(ids.tolist(), shown, grades, strict=True)]


def _names(connection: Connection, ids: Ints) -> dict[int, str]:
    bulk.keep_ids(connection, ids.tolist())
    return dict(bulk.fetch(connection, "select c.id, c.name from wanted w join creator c on c.id = w.id"))


def _reported(by: Rules, asked: Asked, rows: Sequence[ReturnRow], found: int, total: Sums, unattributed: int) -> ReturnReport:
    """Rows with what all of them come to."""
    whole = next(report.figures(total, report.bare(1), by.roi.margin, None))
    return ReturnReport(asked.by, asked.model or by.attribution.model, tuple(rows), found, whole, unattributed, by.roi.margin, asked.target)


# ---------------------------------------------------------------- computed


@dataclass(slots=True)
class _Question:
    """One question about returns, answered from the sums kept where they serve, else from the facts."""

    connection: Connection
    by: Rules
    asked: Asked
    now: int
    job: Job

    @property
    def _as_of(self) -> int:
        return self.now if self.asked.as_of is None else self.asked.as_of

    @property
    def ends(self) -> tuple[int | None, int | None]:
        """The period; what happened after ``as_of`` is left out where that is named."""
        since, until, as_of = self.asked.span.since, self.asked.span.until, self.asked.as_of
        return since, until if as_of is None else as_of if until is None else min(until, as_of)

    @property
    def _default(self) -> bool:
        """Whether the kept sums follow the asked rules."""
        kept = returns.rules(self.connection).roi
        return self.asked.model in {None, self.by.attribution.model} and kept.variable_kinds == self.by.roi.variable_kinds

    def answer(self) -> ReturnReport:
        """Rows of the dimension."""
        ways: Mapping[str, Callable[[], ReturnReport]] = {"creator": self._creators, "account": self._accounts, "month": self._months}
        if self.asked.by in _OF_CREATORS:
            return self._groups()
        return ways.get(self.asked.by, self._words)()

    # ------------------------------------------------------------ creators and accounts

    def _creators(self) -> ReturnReport:
        known = values.people(self.connection, self.asked.as_of)
        period = self._period(*self.ends)
        trailing = self._period(self._as_of - self.by.roi.trailing_days * DAY, self._as_of).sums
        return self._ranked(period, trailing, known, lambda ids: _names(self.connection, ids))

    def _accounts(self) -> ReturnReport:
        known = values.accounts(self.connection, self.asked.as_of)
        period = self._streamed(*self.ends, accounts=True)
        trailing = self._streamed(self._as_of - self.by.roi.trailing_days * DAY, self._as_of, accounts=True).sums
        return self._ranked(period, trailing, known, lambda ids: values.account_names(self.connection, ids))

    def standing(self) -> tuple[Period, Standing, npt.NDArray[np.int8]]:
        """Every creator of the period: sums, posteriors with their order, value grades of the trailing days."""
        known = values.people(self.connection, self.asked.as_of)
        period = self._period(*self.ends)
        return period, *self._placed(period, self._period(self._as_of - self.by.roi.trailing_days * DAY, self._as_of).sums, known)

    def _placed(self, period: Period, trailing: Sums, known: People) -> tuple[Standing, npt.NDArray[np.int8]]:
        """Posteriors of a period. Value grades are those of the trailing days among all who worked then, whoever is in the period."""
        self.job.check()
        keys = period.sums.key
        standing = report.standing(self.by.roi, period.sums, known.peers_of(keys))
        self.job.check()
        return standing, report.grades_of(keys, trailing.key, report.grades(self.by.roi, trailing, known.peers_of(trailing.key)))

    def _ranked(self, period: Period, trailing: Sums, known: People, named: Callable[[Ints], Mapping[int, str]]) -> ReturnReport:
        """Rows of a period."""
        standing, grades = self._placed(period, trailing, known)
        shown = standing.order[: self.asked.top]
        rows = self._rows(period.sums.at(shown), report.some(standing.returns, shown), grades[shown], named)
        return _reported(self.by, self.asked, rows, len(grades), period.total, int(period.nobody.net[0]))

    def _rows(self, sums: Sums, posterior: Returns, grades: npt.NDArray[np.int8], named: Callable[[Ints], Mapping[int, str]]) -> list[ReturnRow]:
        names = named(sums.key)
        figures = report.figures(sums, posterior, self.by.roi.margin, self.asked.target)
        return [ReturnRow(key, names.get(key, ""), one, ValueGrade(grade)) for key, one, grade in zip(sums.key.tolist(), figures, grades.tolist(), strict=True)]

    def _period(self, since: int | None, until: int | None) -> Period:
        if self._default:
            return values.by_creator(self.connection, self.by, since, until, self.job)
        return self._streamed(since, until)

    def _streamed(self, since: int | None, until: int | None, *, accounts: bool = False) -> Period:
        """Sums by creator or account, from every sale of the period."""
        tally = Tally()
        source = Source(since, until)
        for some in self._lines(source, accounts=accounts):
            credits_, gross = shares.shared(self.by.attribution, some, self.asked.model)
            returns.add_sales(tally, some, credits_, gross, np.zeros(len(some.id), dtype=np.int64))
        for rows in returns.costs(self.connection, source, "coalesce(e.account_id, 0)" if accounts else "e.creator_id"):
            returns.add_costs(tally, self.by.roi, rows, np.zeros(len(rows), dtype=np.int64))
        return values.of_tally(tally)

    def _lines(self, source: Source, *, accounts: bool = False) -> Iterator[Lines]:
        done = 0
        for some in shares.lines(self.connection, self.by.attribution, source, accounts=accounts):
            self.job.check()
            self.job.progress("attribute", done)
            done += len(some.id)
            yield some

    # ------------------------------------------------------------ groups of creators

    def _groups(self) -> ReturnReport:
        period = self._period(*self.ends)
        codes, words = values.people(self.connection, self.asked.as_of).grouped(self.asked.by, period.sums.key)
        sums = period.sums.grouped(codes + 1, len(words) + 1)
        return self._by_net(sums, [None, *words], period)

    # ------------------------------------------------------------ what hangs on sales

    def _months(self) -> ReturnReport:
        period = facets.by_month(self.connection, self.by, *self.ends, self.job)
        return self._plain(period.sums, [months.named(one) for one in period.sums.key.tolist()], period)

    def _words(self) -> ReturnReport:
        found = facets.of(self.connection, self.asked.by)
        period = facets.by_word(self.connection, self.by, found, *self.ends, self.job)
        return self._by_net(period.sums, [found.name(one) for one in period.sums.key.tolist()], period)

    def _by_net(self, sums: Sums, keys: Sequence[int | str | None], period: Period) -> ReturnReport:
        some = np.flatnonzero((sums.net != 0) | (sums.fixed != 0) | (sums.variable != 0) | (sums.sales != 0))
        order = some[np.lexsort((some, -sums.net[some]))]
        return self._plain(sums.at(order), [keys[at] for at in order.tolist()], period)

    def _plain(self, sums: Sums, keys: Sequence[int | str | None], period: Period) -> ReturnReport:
        """Rows without an interval: that is said of creators and accounts alone."""
        top = np.arange(len(sums.key))[: self.asked.top]
        figures = report.figures(sums.at(top), report.bare(len(top)), self.by.roi.margin, self.asked.target)
        labels = facets.labels(self.connection, self.asked.by, keys[: len(top)])
        rows = [ReturnRow(key, label, one, None) for key, label, one in zip(keys, labels, figures, strict=False)]
        return _reported(self.by, self.asked, rows, len(sums.key), period.total, int(period.nobody.net[0]))
