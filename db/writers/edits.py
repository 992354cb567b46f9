# SPDX-License-Identifier: Apache-2.0
"""Sets fields of rows that are there, logging what really changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from db import bulk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.values import Stage
    from db.writers.operations import Log

_LATEST = text(
    "select w.id, m.value from wanted w join account_metric m on m.account_id = w.id and m.name = :name and m.as_of ="
    " (select max(x.as_of) from account_metric x where x.account_id = w.id and x.name = :name)"
)


def set_fields(log: Log, table: str, ids: Sequence[int], values: Mapping[str, object]) -> dict[int, dict[str, Any]]:
    """Set columns of rows where they differ; returns row id -> the changed fields before."""
    if not values or not ids:
        return {}
    names = list(values)
    bulk.keep_ids(log.connection, ids)
    selected = ", ".join(f"t.{bulk.quoted(name)}" for name in names)
    stored = log.connection.exec_driver_sql(
        f"select t.id, {selected} from wanted w join {bulk.quoted(table)} t on t.id = w.id"  # noqa: S608 (our names)
    ).all()
    before = {row[0]: {name: old for name, old in zip(names, row[1:], strict=True) if old != values[name]} for row in stored}
    before = {row_id: fields for row_id, fields in before.items() if fields}
    log.changed(table, ((row_id, fields, {name: values[name] for name in fields}) for row_id, fields in before.items()))
    bulk.update(log.connection, table, names, [(*values.values(), row_id) for row_id in before])
    return before


def add_stage_steps(log: Log, moved: Mapping[int, int | None], stage: Stage, reason: str | None) -> None:
    """Add the dated step of creators that moved; ``moved`` is creator id -> stage before."""
    log.insert(
        "stage_step",
        ("creator_id", "stage", "previous", "reason", "at", "by", "operation_id"),
        [(creator, int(stage), before, reason, log.now, log.actor.name, log.id) for creator, before in moved.items()],
    )


def add_figures(log: Log, accounts: Sequence[int], figures: Mapping[str, float | None]) -> list[int]:
    """Add values dated now to accounts where they differ from the latest; returns the accounts that got one."""
    touched: list[int] = []
    for name, value in figures.items():
        bulk.keep_ids(log.connection, accounts)
        latest = {row[0]: row[1] for row in log.connection.execute(_LATEST, {"name": name})}
        fresh = [account for account in accounts if latest.get(account) != value]
        log.insert(
            "account_metric",
            ("account_id", "name", "as_of", "value", "raw", "stated", "operation_id", "recorded_at"),
            [(account, name, log.now, value, None, False, log.id, log.now) for account in fresh],
        )
        touched += fresh
    return touched


def add_tags(log: Log, creators: Sequence[int], words: Sequence[str]) -> None:
    """Put tags on creators that do not have them."""
    present = _tags(log, creators)
    log.insert(
        "creator_tag",
        ("creator_id", "tag"),
        [(one, word) for one in creators for word in dict.fromkeys(words) if (one, word) not in present],
    )


def remove_tags(log: Log, creators: Sequence[int], words: Sequence[str] | None) -> None:
    """Take tags off creators; None takes all."""
    gone = [(row_id, one, word) for (one, word), row_id in _tags(log, creators).items() if words is None or word in words]
    log.changed("creator_tag", ((row_id, {"creator_id": one, "tag": word}, None) for row_id, one, word in gone))
    bulk.delete(log.connection, "creator_tag", (row_id for row_id, _, _ in gone))


def _tags(log: Log, creators: Sequence[int]) -> dict[tuple[int, str], int]:
    bulk.keep_ids(log.connection, creators)
    rows = log.connection.exec_driver_sql("select t.id, t.creator_id, t.tag from wanted w join creator_tag t on t.creator_id = w.id")
    return {(row[1], row[2]): row[0] for row in rows}


def touch(log: Log, creators: Sequence[int]) -> None:
    """Date creators' last change and count their version up."""
    bulk.keep_ids(log.connection, creators)
    log.connection.exec_driver_sql(
        f"update creator set version = version + 1, updated_at = {int(log.now)}"  # noqa: S608 (an int)
        " where id in (select id from wanted)"
    )
