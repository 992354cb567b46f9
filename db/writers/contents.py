# SPDX-License-Identifier: Apache-2.0
"""The content hash: what stands in a workspace, whoever recorded it, when and under which row ids.

One line of canonical JSON per creator with all that hangs on it; lines are hashed, the hashes sorted and hashed.
Left out: row ids, times of recording, operations, audit, settings, and figures that follow from facts.
"""

from __future__ import annotations

import hashlib
import json
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_BATCH: Final = 20_000
_CREATORS: Final = text(
    "select id, name, category, city, country, phone, wechat, email, coupon, commission_bp, stage, owner, notes, joined_at"
    " from creator where id > :last order by id limit :size"
)
_PARTS: Final = {
    "accounts": "select creator_id, platform, platform_uid, handle, url, fee_fen, fee_image_fen, fee_video_fen, id"
    " from account where creator_id between :first and :last order by creator_id",
    "metrics": "select a.creator_id, a.platform, a.platform_uid, a.handle, m.name, m.value, m.raw, m.stated, m.as_of"
    " from account a join account_metric m on m.account_id = a.id"
    " where a.creator_id between :first and :last order by a.creator_id, m.name, m.as_of, m.id",
    "tags": "select creator_id, tag from creator_tag where creator_id between :first and :last order by creator_id",
    "stages": "select creator_id, stage, previous, reason from stage_step where creator_id between :first and :last order by creator_id, at, id",
    "overrides": "select a.creator_id, a.platform, a.platform_uid, a.handle, o.tier, o.reason, o.expires_at"
    " from account a join tier_override o on o.account_id = a.id"
    " where o.voided_at is null and a.creator_id between :first and :last order by a.creator_id",
}


def content_hash(connection: Connection) -> str:
    """SHA-256 over the facts that stand; equal content gives an equal hash on every engine."""
    digests = [hashlib.sha256(line.encode()).digest() for line in _lines(connection)]
    digests.sort()
    total = hashlib.sha256()
    for digest in digests:
        total.update(digest)
    return total.hexdigest()


def _lines(connection: Connection) -> Iterator[str]:
    last = 0
    while rows := connection.execute(_CREATORS, {"last": last, "size": _BATCH}).all():
        span = {"first": rows[0][0], "last": rows[-1][0]}
        parts = {name: _by_creator(connection, statement, span) for name, statement in _PARTS.items()}
        for row in rows:
            yield _line(row, {name: found.get(row[0], []) for name, found in parts.items()})
        last = rows[-1][0]
    policies = connection.execute(text("select name, body from policy where version > 1 order by name, version")).all()
    for name, versions in groupby(policies, key=itemgetter(0)):
        # By their order: a version that was taken back leaves a gap in the numbers.
        yield _json(["policy", name, [version[1] for version in versions]])


def _by_creator(connection: Connection, statement: str, span: dict[str, int]) -> dict[int, list[tuple[Any, ...]]]:
    rows = connection.execute(text(statement), span).all()
    return {creator: [tuple(row[1:]) for row in group] for creator, group in groupby(rows, key=itemgetter(0))}


def _line(row: Any, parts: dict[str, list[tuple[Any, ...]]]) -> str:  # noqa: ANN401 (a row)
    # A figure dated by its import has no date of its own; their order, which the query keeps, is what they say.
    metrics = [[*metric[:3], metric[3], _number(metric[4]), metric[5], metric[7] if metric[6] else None] for metric in parts["metrics"]]
    return _json(
        [
            "creator",
            list(row[1:]),
            sorted((list(account[:-1]) for account in parts["accounts"]), key=_json),
            sorted(metrics, key=lambda metric: _json(metric[:4])),
            sorted(tag[0] for tag in parts["tags"]),
            [list(step) for step in parts["stages"]],
            sorted((list(override) for override in parts["overrides"]), key=_json),
        ]
    )


def _number(value: float | None) -> str | None:
    return None if value is None else repr(float(value))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
