# SPDX-License-Identifier: Apache-2.0
"""The pipeline as figures: how entries went on, who is silent, how plans stand. Sets throughout, never a look for each creator."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from app.rules import months
from app.rules.recruiting import RECRUITING, RecruitingPolicy, forecast, pace, silent_before
from app.usecases.recruiting import Funnel, FunnelStage, GoalRow, Overdue, Owned, PlanRow, Plans, SilentRow
from app.values import DAY, Group, Stage
from db import bulk, frames
from db.writers import policies, settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt
    from sqlalchemy import Connection

    Ints = npt.NDArray[np.int64]

_LOWEST, _HIGHEST = -(1 << 62), 1 << 62


def policy(connection: Connection, now: int | None = None) -> RecruitingPolicy:
    """The numbers in force."""
    return RecruitingPolicy.parse(policies.in_force(connection, RECRUITING, now)[1])


# ---------------------------------------------------------------- funnel


def funnel(connection: Connection, since: int | None, until: int | None, *, by_source: bool) -> Funnel:
    """Entries of a period by stage, and what became of them.

    Without a period every entry still stands or was left, so that only moves are read; with one, the steps of the period.
    """
    bounds = (_LOWEST if since is None else since, _HIGHEST if until is None else until)
    whole = (since, until) == (None, None)
    counted, entered, moved = (_standing(connection), None if whole else _entries(connection, bounds), _moves(connection, bounds, whole=whole))
    stages = _stages(None, counted, entered, moved)
    sources: dict[str | None, tuple[FunnelStage, ...]] = {}
    if by_source:
        counted = _standing(connection, "source")
        entered, moved = None if whole else _entries_by_source(connection, bounds), _moves_by_source(connection, bounds, whole=whole)
        named = {source for source, _ in (*counted, *(entered or {}), *moved)}
        sources = {source: _stages(source, counted, entered, moved) for source in named}
        sources = dict(sorted(sources.items(), key=lambda one: (-sum(stage.entered for stage in one[1]), one[0] or "")))
    return Funnel(stages, sources)


_Counted = dict[tuple[str | None, int], int]
_Moved = dict[tuple[str | None, int], tuple[int, int, float | None]]
"""Source and stage -> entries left, those onward, median stay in days."""


def _stages(source: str | None, counted: _Counted, entered: _Counted | None, moved: _Moved) -> tuple[FunnelStage, ...]:
    out = []
    for stage in Stage:
        count = counted.get((source, stage), 0)
        left, onward, median = moved.get((source, stage), (0, 0, None))
        entries = count + left if entered is None else entered.get((source, stage), 0)
        out.append(FunnelStage(stage, count, entries, left, onward, median))
    return tuple(out)


def _standing(connection: Connection, source: str = "null") -> _Counted:
    grouped = "stage" if source == "null" else "source, stage"
    rows = bulk.fetch(connection, f"select {source}, stage, count(*) from creator group by {grouped}")  # noqa: S608 (our names)
    return {(row[0], row[1]): row[2] for row in rows}


def _entries(connection: Connection, bounds: tuple[int, int]) -> _Counted:
    rows = bulk.fetch(connection, "select stage, count(*) from stage_step where at >= ? and at < ? group by stage", *bounds)
    return {(None, row[0]): row[1] for row in rows}


def _entries_by_source(connection: Connection, bounds: tuple[int, int]) -> _Counted:
    statement = (
        "select c.source, s.stage, count(*) from stage_step s join creator c on c.id = s.creator_id where s.at >= ? and s.at < ? group by c.source, s.stage"
    )
    return {(row[0], row[1]): row[2] for row in bulk.fetch(connection, statement, *bounds)}


def _of_period(*, whole: bool) -> str:
    """Moves out of entries of the period; all of them where there is none, though nobody knows any more when some began."""
    return "previous is not null" if whole else "previous is not null and since >= ? and since < ?"


def _moves(connection: Connection, bounds: tuple[int, int], *, whole: bool) -> _Moved:
    given = () if whole else bounds
    columns = ("previous", "stage", "coalesce(at - since, -1)")
    previous, stage, stayed = frames.whole(connection, f"stage_step where {_of_period(whole=whole)}", columns, *given)  # our names
    return {(None, key): found for key, found in _told(previous, stage, stayed)}


def _moves_by_source(connection: Connection, bounds: tuple[int, int], *, whole: bool) -> _Moved:
    given = () if whole else bounds
    names = [row[0] for row in bulk.fetch(connection, "select distinct source from creator where source is not null order by source")]
    bulk.keep(connection, "sources", (("name", "text"), ("number", "bigint")), ((name, at) for at, name in enumerate(names)))
    joined = "stage_step s join creator c on c.id = s.creator_id left join sources n on n.name = c.source"
    columns = ("coalesce(n.number, -1)", "s.previous", "s.stage", "coalesce(s.at - s.since, -1)")
    source, previous, stage, stayed = frames.whole(connection, f"{joined} where {_of_period(whole=whole)}", columns, *given)
    out: _Moved = {}
    for number in np.unique(source).tolist():
        here = source == number
        name = None if number < 0 else names[number]
        out.update({(name, key): found for key, found in _told(previous[here], stage[here], stayed[here])})
    return out


def _told(previous: Ints, stage: Ints, stayed: Ints) -> Iterable[tuple[int, tuple[int, int, float | None]]]:
    for before in np.unique(previous).tolist():
        here = previous == before
        onward = int(((stage[here] > before) & (stage[here] <= int(Stage.ACTIVE))).sum())
        known = stayed[here & (stayed >= 0)]
        median = round(float(np.median(known)) / DAY, 3) if len(known) else None
        yield before, (int(here.sum()), onward, median)


# ---------------------------------------------------------------- silence


def greatest(connection: Connection, *parts: str) -> str:
    """The latest of some moments, none of them null."""
    return f"{'max' if connection.dialect.name == 'sqlite' else 'greatest'}({', '.join(parts)})"


def last_word(connection: Connection) -> str:
    """When a creator ``c`` was last spoken to, heard of, moved or claimed; when he was taken in, where nothing of it ever happened."""
    latest = greatest(
        connection,
        "coalesce(c.claimed_at, 0)",
        "coalesce((select max(k.at) from contact k where k.creator_id = c.id and k.voided_at is null), 0)",
        "coalesce((select max(s.at) from stage_step s where s.creator_id = c.id and s.previous is not null), 0)",
    )
    return f"coalesce(nullif({latest}, 0), c.created_at)"


SILENT: Final = (
    "coalesce(c.claimed_at, 0) < ? and c.id not in (select k.creator_id from contact k where k.at >= ? and k.voided_at is null)"
    " and c.id not in (select s.creator_id from stage_step s where s.at >= ? and s.previous is not null) and (c.created_at < ? or c.claimed_at is not null"
    " or exists (select 1 from contact k where k.creator_id = c.id and k.voided_at is null)"
    " or exists (select 1 from stage_step s where s.creator_id = c.id and s.previous is not null))"
)
"""Condition on a creator ``c``, with a moment four times: not a word since. What happened lately is little, and looked up once."""


def _ageing(by: RecruitingPolicy, owner: str | None, now: int) -> tuple[str, list[object]]:
    """Condition on silent leads of somebody, with its values."""
    whose, given = {None: ("true", []), "": ("c.owner is null", [])}.get(owner, ("c.owner = ?", [owner]))
    parts: list[str] = []
    values: list[object] = list(given)
    for stage, before in silent_before(by, now).items():
        parts.append(f"(c.stage = {int(stage)} and {SILENT})")
        values += [before] * 4
    return f"{whose} and ({' or '.join(parts) or 'false'})", values


def overdue(connection: Connection, owner: str | None, limit: int, offset: int, now: int) -> Overdue:
    """Silent leads, the longest first."""
    by = policy(connection, now)
    condition, values = _ageing(by, owner, now)
    word = last_word(connection)
    statement = f"select c.id, {word} word from creator c where {condition} order by word, c.id limit ? offset ?"  # noqa: S608 (our own words)
    total = bulk.fetch(connection, f"select count(*) from creator c where {condition}", *values)[0][0]  # noqa: S608
    found = dict(bulk.fetch(connection, statement, *values, limit, offset))
    bulk.keep_ids(connection, found)
    named = bulk.fetch(connection, "select c.id, c.name, c.platform, c.stage, c.owner, c.source from wanted w join creator c on c.id = w.id order by w.pos")
    rows = []
    for creator, name, platform, stage, whose, source in named:
        word_at = found[creator]
        rows.append(SilentRow(creator, name, platform, Stage(stage), whose, source, word_at, (now - word_at) // DAY, by.ageing[Stage(stage)]))
    return Overdue(total, tuple(rows))


def going_back(connection: Connection, by: RecruitingPolicy, now: int) -> list[int]:
    """Creators whom the pool gets back."""
    before = now - by.return_after_days * DAY
    stages = ", ".join(str(int(stage)) for stage in by.ageing) or "-1"
    statement = (
        f"select c.id from creator c where c.owner is not null and c.stage in ({stages})"  # noqa: S608 (numbers)
        f" and coalesce(c.protected_until, 0) <= ? and {SILENT} order by c.id"
    )
    return [row[0] for row in bulk.fetch(connection, statement, now, *[before] * 4)]


# ---------------------------------------------------------------- owners


def owners(connection: Connection, now: int) -> list[Owned]:
    """Who has how many, with how many of them silent."""
    by = policy(connection, now)
    condition, values = _ageing(by, None, now)
    silent: dict[str | None, int] = dict(bulk.fetch(connection, f"select c.owner, count(*) from creator c where {condition} group by c.owner", *values))  # noqa: S608
    protected: dict[str | None, int] = dict(bulk.fetch(connection, "select owner, count(*) from creator where protected_until > ? group by owner", now))
    stages: dict[str | None, dict[Stage, int]] = defaultdict(dict)
    for owner, stage, count in bulk.fetch(connection, "select owner, stage, count(*) from creator group by owner, stage"):
        stages[owner][Stage(stage)] = count
    rows = [Owned(owner, sum(held.values()), protected.get(owner, 0), silent.get(owner, 0), held) for owner, held in stages.items()]
    return sorted(rows, key=lambda one: (one.owner is not None, -one.count, one.owner or ""))


# ---------------------------------------------------------------- plans

_Cells = dict[tuple[int, int, str, str], int]
"""Month (or 0 for the days of the pace), group, platform, category -> how many came."""


def plans(connection: Connection, first: int, last: int, now: int) -> Plans:
    """Plans of some months and the goals, each with its pace and forecast."""
    by, zone = policy(connection, now), settings.zone(connection)
    rows = bulk.fetch(
        connection,
        'select id, month, "group", platform, category, target, version from recruitment_plan where month between ? and ?'
        ' order by month, "group", platform, category',
        first,
        last,
    )
    starts = {month: months.start(month, zone) for month in range(first, last + 2)}
    came = _came(connection, by, starts, now - by.pace_days * DAY, now)
    made = []
    for number, month, group, platform, category, target, version in rows:
        actual, recent = (_sum(came, key, group, platform, category) for key in (month, 0))
        start, end = starts[month], starts[month + 1]
        found = forecast(by, target, actual, recent, max(now, start), end)
        named = (Group(group) if group else None, platform or None, category or None)
        made.append(PlanRow(number, month, *named, target, actual, pace(target, start, end, now), found, version))
    return Plans(tuple(made), _goals(connection, by, came, now), by.pace_days, by.interval)


def _sum(came: _Cells, month: int, group: int, platform: str, category: str) -> int:
    return sum(
        count for (when, of, where, about), count in came.items() if when == month and group in {0, of} and platform in {"", where} and category in {"", about}
    )


def _came(connection: Connection, by: RecruitingPolicy, starts: Mapping[int, int], since: int, now: int) -> _Cells:
    """Creators that came to a stage which counts, and were not in one before: by month, and once more for the days of the pace."""
    stages = ", ".join(str(int(stage)) for stage in by.counts)
    bounds = sorted(starts.items())
    month = " ".join(f"when s.at < {bounds[at + 1][1]} then {number}" for at, (number, _) in enumerate(bounds[:-1]))
    recent = f"case when s.at >= {since} and s.at <= {now} then 1 else 0 end"
    cells = (
        f"case when s.at < {bounds[0][1]} then -1 {month} else -1 end, {recent}, coalesce(c.\"group\", 0), coalesce(c.platform, ''), coalesce(c.category, '')"
    )
    statement = (
        f"select {cells}, count(*) from stage_step s join creator c on c.id = s.creator_id"  # noqa: S608 (numbers and our own words)
        f" where s.at >= ? and s.stage in ({stages}) and (s.previous is null or s.previous not in ({stages})) group by 1, 2, 3, 4, 5"
    )
    out: _Cells = defaultdict(int)
    for when, is_recent, group, platform, category, count in bulk.fetch(connection, statement, min(since, bounds[0][1])):
        out[when, group, platform, category] += count
        if is_recent:
            out[0, group, platform, category] += count
    return out


def _goals(connection: Connection, by: RecruitingPolicy, came: _Cells, now: int) -> tuple[GoalRow, ...]:
    """Goals are of those who are there: who left in the days of the pace is taken off it."""
    stages = ", ".join(str(int(stage)) for stage in by.counts)
    there = dict(bulk.fetch(connection, f'select coalesce("group", 0), count(*) from creator where stage in ({stages}) group by 1'))  # noqa: S608 (numbers)
    gone_by = (
        f'select coalesce(c."group", 0), count(*) from stage_step s join creator c on c.id = s.creator_id'  # noqa: S608
        f" where s.at >= ? and s.at <= ? and s.previous in ({stages}) and s.stage not in ({stages}) group by 1"
    )
    gone = dict(bulk.fetch(connection, gone_by, now - by.pace_days * DAY, now))
    out = []
    for goal in by.goals:
        number = 0 if goal.group is None else int(goal.group)
        actual, left = (_of_group(found, number) for found in (there, gone))
        recent = max(0, _sum(came, 0, number, "", "") - left)
        out.append(GoalRow(goal, actual, recent, forecast(by, goal.target, actual, recent, now)))
    return tuple(out)


def _of_group(found: Mapping[int, int], group: int) -> int:
    return sum(found.values()) if not group else found.get(group, 0)
