# SPDX-License-Identifier: Apache-2.0
"""The copy queue: whom somebody writes to next, found by index and asked for one by one, with the words filled in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from app.rules import outreach
from app.rules.fields import PLATFORMS
from app.rules.outreach import OUT, Candidate, Reach
from app.rules.recruiting import Holding, clash
from app.usecases.outreach import Queue, QueueRow
from app.values import DAY, Stage, Tier, day_start, local
from db import bulk, pipeline
from db.writers import settings, suppressed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from app.rules.recruiting import RecruitingPolicy
    from app.values import Actor

_AT_A_TIME: Final = 200
_MOST_LOOKED: Final = 20_000
"""Creators that are looked at for one answer: who is left out by a contact alone is found by looking."""
_SENT_TODAY: Final = f"select count(*) from contact where who = ? and channel = ? and at >= ? and direction = '{OUT}' and voided_at is null"  # noqa: S608 (our own word)
_NEXT: Final = (
    "select c.id from creator c where c.stage = ? and {whose} and {address} and not {alone}"  # noqa: S608 (our own words)
    " and not exists (select 1 from queue_skip q where q.creator_id = c.id and (q.until is null or q.until > ?))"
    f" and not exists (select 1 from contact k where k.creator_id = c.id and k.at > ? and k.direction = '{OUT}' and k.voided_at is null)"
    " order by c.followers desc nulls last, c.id limit ? offset ?"
)
_ADDRESS: Final = {
    "wechat": "c.wechat <> ''", "phone": "c.phone <> ''", "sms": "c.phone <> ''", "email": "c.email <> ''",
    "platform": "c.main_account_id is not null", "other": "true",
}  # fmt: skip
_FACTS: Final = (
    f"select c.id, c.stage, c.owner, (select max(k.at) from contact k where k.creator_id = c.id and k.direction = '{OUT}' and k.voided_at is null),"  # noqa: S608
    " (select max(coalesce(q.until, {far})) from queue_skip q where q.creator_id = c.id) from wanted w join creator c on c.id = w.id order by w.pos"
)
_FAR: Final = 1 << 62
_ROWS: Final = (
    "select c.id, c.name, c.platform, coalesce(a.handle, a.platform_uid), a.url, c.tier, c.followers, c.category, c.city, c.owner, c.source, c.coupon,"
    " (select max(k.at) from contact k where k.creator_id = c.id and k.voided_at is null), o.who, o.at"
    " from wanted w join creator c on c.id = w.id left join account a on a.id = c.main_account_id left join contact o on o.id = ("
    "select k.id from contact k where k.creator_id = c.id and k.voided_at is null and k.who <> ? order by k.at desc, k.id desc limit 1)"
)


def sent_today(connection: Connection, channel: str, who: str, now: int) -> int:
    """Messages that somebody sent on a channel today, by the workspace's day."""
    zone = settings.zone(connection)
    return int(bulk.fetch(connection, _SENT_TODAY, who, channel, day_start(local(now, zone).date(), zone))[0][0])


def candidates(connection: Connection, ids: Sequence[int], channel: str) -> list[Candidate]:
    """Creators as the queue's rule sees them, in the order of their ids; all that is asked is asked here and now."""
    found = suppressed.reaches(connection, ids)
    alone = suppressed.among(connection, found, channel)
    bulk.keep_ids(connection, ids)
    return [
        Candidate(one, Stage(stage), owner, found.get(one, Reach()), one in alone, last_out, skipped)
        for one, stage, owner, last_out, skipped in bulk.fetch(connection, _FACTS.replace("{far}", str(_FAR)))
    ]


def head(connection: Connection, template: tuple[str, str | None, str], limit: int, actor: Actor, now: int, *, pool: bool) -> Queue:
    """The head of somebody's queue. ``template``: its channel, subject and text."""
    by, (channel, subject, text) = pipeline.policy(connection, now), template
    today = sent_today(connection, channel, actor.name, now)
    chosen: list[Candidate] = []
    for whose, given in (("c.owner = ?", (actor.name,)), *([("c.owner is null", ())] if pool else [])):
        for stage in by.queue_stages:
            wanted = min(limit, outreach.left_today(by, channel, today)) - len(chosen)
            if wanted > 0:
                chosen += _of(connection, by, (whose, given, stage), (channel, actor.name, today + len(chosen)), wanted, now)
    rows = _rows(connection, by, chosen, (channel, subject, text), actor, now)
    return Queue(channel, rows, today, by.daily_limits[channel])


def _of(
    connection: Connection, by: RecruitingPolicy, of: tuple[str, tuple[object, ...], Stage], asked: tuple[str, str, int], wanted: int, now: int
) -> list[Candidate]:
    """Some of one owner and stage: what an index cannot tell is asked for those that it finds."""
    (whose, given, stage), (channel, who, today) = of, asked
    statement = _NEXT.format(whose=whose, address=_ADDRESS[channel], alone=suppressed.BY_ROW)
    chosen: list[Candidate] = []
    for offset in range(0, _MOST_LOOKED, _AT_A_TIME):
        ids = [row[0] for row in bulk.fetch(connection, statement, int(stage), *given, channel, now, now - by.rest_days * DAY, _AT_A_TIME, offset)]
        chosen += outreach.serve(by, candidates(connection, ids, channel), who, channel, today + len(chosen), now)
        if len(chosen) >= wanted or len(ids) < _AT_A_TIME:
            break
    return chosen[:wanted]


def _rows(
    connection: Connection, by: RecruitingPolicy, chosen: Sequence[Candidate], words: tuple[str, str | None, str], actor: Actor, now: int
) -> tuple[QueueRow, ...]:
    channel, subject, text = words
    bulk.keep_ids(connection, [one.creator_id for one in chosen])
    facts = {row[0]: row for row in bulk.fetch(connection, _ROWS, actor.name)}
    rows = []
    for one in chosen:
        _, name, platform, handle, url, tier, followers, category, city, owner, source, coupon, last_at, other, other_at = facts[one.creator_id]
        values = _values((name, handle, platform, category, city, followers, coupon), actor)
        warning = clash(by, replace(Holding(owner), other=other, other_at=other_at), actor.name, now)
        rows.append(QueueRow(
            one.creator_id, name, one.stage, platform, handle, url, None if tier is None else Tier(tier), followers, category, owner, source,
            one.reach.address(channel) or "", None if subject is None else outreach.fill(subject, values), outreach.fill(text, values), last_at, warning,
        ))  # fmt: skip
    return tuple(rows)


def _values(facts: tuple[Any, ...], actor: Actor) -> Mapping[str, str | None]:
    name, handle, platform, category, city, followers, coupon = facts
    return {
        "name": name, "handle": handle, "platform": PLATFORMS.get(platform, (platform,))[0], "category": category, "city": city, "coupon": coupon, "me": actor.name,
        "followers": None if followers is None else f"{followers:,}",
    }  # fmt: skip


def filled(connection: Connection, creator_id: int, template: tuple[str | None, str], actor: Actor) -> tuple[str | None, str]:
    """Subject and text of a template for one creator."""
    bulk.keep_ids(connection, [creator_id])
    row = bulk.fetch(connection, _ROWS, actor.name)[0]
    values = _values((row[1], row[3], row[2], row[7], row[8], row[6], row[11]), actor)
    subject, text = template
    return None if subject is None else outreach.fill(subject, values), outreach.fill(text, values)
