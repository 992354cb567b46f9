# SPDX-License-Identifier: Apache-2.0
"""What came about since a moment, how large the workspace stands, and what the last days brought back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from app.usecases.today import Change, Freshness, GroupCount, Recent, Standing, Stretch
from app.values import Bookable, Group, Stage, Tier, iso, local
from db import agenda, bookable, bulk
from db.writers import ledger, returns, settings, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from app.jobs import Job

    Source = Callable[[Connection, "Since"], Iterable[Change]]

KEPT: Final = "today_recent"
"""Setting: what the last days brought back, as last computed, and what it followed from."""
_MOST_RATED: Final = 20_000
"""Creators whose grade of a past moment is worked out to see who moved; more are told as one number of entries."""


class Since:
    """What a source of changes is asked."""

    __slots__ = ("at", "me", "now")

    def __init__(self, at: int, me: str, now: int) -> None:
        """Changes between two moments, as somebody sees them."""
        self.at, self.me, self.now = at, me, now


def changes(connection: Connection, since: int, me: str, now: int) -> list[Change]:
    """What came about since a moment, from every source."""
    return [change for source in SOURCES for change in source(connection, Since(since, me, now))]


# ---------------------------------------------------------------- sources of changes


def _new_rows(connection: Connection, table: str, since: int) -> list[tuple[int, int]]:
    """Spans of ids that operations since a moment added and that were not taken back."""
    return [
        (row[0], row[1])
        for row in bulk.fetch(
            connection,
            "select i.first, i.last from operation o join inserted i on i.operation_id = o.id where o.at >= ? and o.undone_at is null and i.table_name = ?"
            " and o.id >= coalesce((select min(id) from operation where at >= ?), 0) order by i.first",
            since, table, since,
        )
    ]  # fmt: skip


def _creators(connection: Connection, since: Since) -> Iterable[Change]:
    spans = _new_rows(connection, "creator", since.at)
    if spans:
        first = spans[0][0]
        count = bulk.fetch(connection, "select count(*) from creator where id >= ?", first)[0][0]
        if count:
            yield Change("new_creators", count, where=f"id >= {first}")


def _tiers(connection: Connection, since: Since) -> Iterable[Change]:
    rows = bulk.fetch(
        connection,
        "select count(distinct a.creator_id), sum(case when coalesce(t.tier, -1) > t.previous then 1 else 0 end), count(*)"
        " from tier_step t join account a on a.id = t.account_id where t.previous is not null and t.at >= ? and t.at <= ?",
        since.at, since.now,
    )[0]  # fmt: skip
    if rows[0]:
        up = int(rows[1] or 0)
        yield Change("tier_moves", rows[0], where=f"tier_changed_at >= {iso(since.at)}", details={"up": up, "down": rows[2] - up})


def _grades(connection: Connection, since: Since) -> Iterable[Change]:
    """Whose grade is another than at that moment, as it was known then; only of those of whom something was written down or voided since."""
    spans = _new_rows(connection, "credit_event", since.at)
    added = sum(last - first + 1 for first, last in spans)
    if added > _MOST_RATED:
        yield Change("new_events", added)
        return
    creators: set[int] = set()
    for first, last in spans:
        creators.update(row[0] for row in bulk.fetch(connection, "select distinct creator_id from credit_event where id between ? and ?", first, last))
    creators.update(
        row[0]
        for row in bulk.fetch(
            connection,
            "select distinct e.creator_id from operation o join change g on g.operation_id = o.id and g.table_name = 'credit_event'"
            " join credit_event e on e.id = g.row_id where o.at >= ? and o.id >= coalesce((select min(id) from operation where at >= ?), 0)",
            since.at, since.at,
        )
    )  # fmt: skip
    if added:
        yield Change("new_events", added)
    if not creators:
        return
    then = ledger.look(connection, creators, since.at)
    bulk.keep_ids(connection, then.creators.tolist())
    now = dict(bulk.fetch(connection, "select c.id, c.credit_grade from wanted w join creator c on c.id = w.id"))
    pairs = [(one, before, now[one]) for one, before in zip(then.creators.tolist(), then.scores.grade.tolist(), strict=True) if one in now]
    moved = [(one, before, after) for one, before, after in pairs if before != after]
    if moved:
        up = sum(after > before for _, before, after in moved)
        where = agenda.among([one for one, _, _ in moved])
        yield Change("grade_moves", len(moved), where=where, details={"up": up, "down": len(moved) - up})


def _sanctions(connection: Connection, since: Since) -> Iterable[Change]:
    rows = bulk.fetch(connection, "select creator_id from sanction where approved and decided_at >= ? and decided_at <= ?", since.at, since.now)
    if rows:
        yield Change("new_sanctions", len(rows), where=agenda.among([row[0] for row in rows]))
    ended = bulk.fetch(connection, "select creator_id from sanction where approved and voided_at is null and ends_at >= ? and ends_at < ?", since.at, since.now)
    if ended:
        yield Change("sanctions_over", len(ended), where=agenda.among([row[0] for row in ended]))


def _sales(connection: Connection, since: Since) -> Iterable[Change]:
    count, net = bulk.fetch(
        connection,
        "select count(*), coalesce(sum(amount_fen - refund_fen), 0) from sale where paid_at >= ? and paid_at <= ? and currency = 'CNY'",
        since.at, since.now,
    )[0]  # fmt: skip
    if count:
        yield Change("sales", count, details={"net_fen": int(net)})


def _runs(connection: Connection, since: Since) -> Iterable[Change]:
    rows = bulk.fetch(
        connection,
        "select count(*), sum(case when error is null then 0 else 1 end), sum(inserted + updated) from sync_run where started_at >= ?",
        since.at,
    )[0]
    if rows[0]:
        yield Change("sync_runs", rows[0], details={"failed": int(rows[1] or 0), "changed": int(rows[2] or 0)})


def _others(connection: Connection, since: Since) -> Iterable[Change]:
    rows = bulk.fetch(
        connection,
        "select by, count(*) from operation where at >= ? and by <> ? and undone_at is null and not (kind >= 'sync.' and kind < 'sync/') group by by order by 2 desc",
        since.at, since.me,
    )  # fmt: skip
    if rows:
        yield Change("others", sum(row[1] for row in rows), details={"who": [row[0] for row in rows[:3]], "more": max(0, len(rows) - 3)})


SOURCES: Final[tuple[Source, ...]] = (_creators, _tiers, _grades, _sanctions, _sales, _runs, _others)
"""Everything that may have changed, area by area."""


# ---------------------------------------------------------------- how it stands


def standing(connection: Connection, now: int, zone: str) -> Standing:
    """Size, bookable creators by group beside what is planned for, how fresh data is."""
    whole = dict(bulk.fetch(connection, 'select "group", count(*) from creator group by "group"'))
    counted: dict[tuple[int | None, Bookable], int] = {}
    for word in (Bookable.NO, Bookable.NEEDS_APPROVAL):
        # Only those with something in their way are looked at one by one: the others are the rest.
        for group, count in bulk.fetch(connection, f'select "group", count(*) from creator where {bookable.condition(word, now)} group by "group"'):  # noqa: S608
            counted[group, word] = count
    plans = _plans(connection, now, zone)
    groups = []
    for one in Group:
        ask, no = (counted.get((int(one), word), 0) for word in (Bookable.NEEDS_APPROVAL, Bookable.NO))
        groups.append(GroupCount(one, whole.get(int(one), 0) - ask - no, ask, no, plans.get(int(one))))
    tiers = {None if one is None else Tier(one): count for one, count in bulk.fetch(connection, "select tier, count(*) from creator group by tier")}
    stages = {Stage(one): count for one, count in bulk.fetch(connection, "select stage, count(*) from creator group by stage")}
    return Standing(sum(whole.values()), tiers, stages, tuple(groups), _fresh(connection, now))


def _plans(connection: Connection, now: int, zone: str) -> Mapping[int, int]:
    """How many of each group were to be recruited by the end of this month."""
    today = local(now, zone)
    month = today.year * 12 + today.month - 1
    return dict(
        bulk.fetch(connection, 'select "group", cast(sum(target) as bigint) from recruitment_plan where month <= ? and "group" > 0 group by "group"', month)
    )


_FRESH: Final = (
    "select (select max(done_at) from feed_cursor), (select max(at) from operation where kind >= 'import.' and kind < 'import/' and undone_at is null),"
    " (select paid_at from sale order by paid_at desc limit 1), (select followers_at from account where followers_at <= {now} order by followers_at desc limit 1)"
)


def _fresh(connection: Connection, now: int) -> Freshness:
    return Freshness(*bulk.fetch(connection, _FRESH.format(now=int(now)))[0])


# ---------------------------------------------------------------- what the last days brought back


def kept(connection: Connection, now: int) -> Recent | None:
    """Stretches as last kept."""
    found = json.loads(settings.get(connection, KEPT) or "null")
    if found is None:
        return None
    fresh = found["mark"] == _mark(connection, now)
    return Recent(found["at"], found["until"], tuple(Stretch(*one) for one in found["stretches"]), fresh)


def _mark(connection: Connection, now: int) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads(json.dumps(values.mark(connection, returns.rules(connection), now)))
    return seen


def computed(connection: Connection, ends: Sequence[tuple[int, int, int]], now: int, job: Job) -> tuple[Recent, dict[str, Any]]:
    """Stretches of now, and what to keep of them."""
    by = returns.rules(connection)

    def total(since: int, until: int) -> tuple[int, int]:
        whole = values.by_creator(connection, by, since, until, job).total
        return int(whole.net[0]), int(whole.fixed[0] + whole.variable[0])

    stretches = []
    for days, since, until in ends:
        stretches.append(Stretch(days, *total(since, until), *total(since - (until - since), since)))
        job.check()
    until = max((one[2] for one in ends), default=now)
    said = {"mark": _mark(connection, now), "at": now, "until": until}
    told = [[one.days, one.net_fen, one.landed_fen, one.net_before_fen, one.landed_before_fen] for one in stretches]
    return Recent(now, until, tuple(stretches), fresh=True), {**said, "stretches": told}
