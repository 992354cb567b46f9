# SPDX-License-Identifier: Apache-2.0
"""Sets fields of rows that are there, logging what really changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.rules.cells import handle_key
from db import bulk
from db.writers import rollups, search

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from app.values import Stage
    from db.writers.operations import Log

ACCOUNT_COLUMNS: Final = ("platform_uid", "handle", "url", "fee_fen", "fee_image_fen", "fee_video_fen")
_SEARCHED: Final = frozenset({"name", "handle", "platform_uid", "notes"})
_METRIC_COLUMNS: Final = ("account_id", "name", "as_of", "value", "raw", "stated", "operation_id", "recorded_at")
_LATEST: Final = """
select w.id, m.value, m.id, m.as_of, m.raw from wanted w join account_metric m on m.account_id = w.id and m.name = ? and m.as_of =
 (select max(x.as_of) from account_metric x where x.account_id = w.id and x.name = ? and x.as_of <= ? and (x.value is not null or x.raw is null))
"""


# ---------------------------------------------------------------- many rows, each with its own cells


class Figure(NamedTuple):
    """A dated value to be kept; ``corrects`` is the row of that day that it replaces."""

    name: str
    field: str
    as_of: int
    value: float | None
    raw: str | None
    stated: bool
    corrects: int | None
    before: float | None
    raw_before: str | None


@dataclass(slots=True)
class Edit:
    """What a row of a file changes in one known account and its creator: field -> (before, after)."""

    account_id: int
    creator_id: int
    creator: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    account: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    def set(self, home: str, name: str, before: object, after: object) -> None:
        """Note a field of the creator or of the account."""
        (self.creator if home == "creator" else self.account)[name] = (before, after)

    def cells(self) -> Iterator[tuple[str, object, object]]:
        """Changed cells: field, before, after."""
        for name, (before, after) in {**self.creator, **self.account}.items():
            yield name, before, after
        for figure in self.figures:
            is_range = figure.value is None or figure.value == figure.before
            yield figure.field, figure.raw_before if is_range else figure.before, figure.raw if is_range else _whole(figure.value)
        for tag in self.tags:
            yield "tags", None, tag


def _whole(value: float | None) -> float | None:
    return int(value) if value is not None and value == int(value) else value


def write_edits(log: Log, edits: Collection[Edit], force: rollups.PolicyInForce) -> None:
    """Write the edits of many accounts with their log, and what follows from them."""
    of_creators: dict[int, dict[str, tuple[Any, Any]]] = {}
    for edit in edits:
        of_creators.setdefault(edit.creator_id, {}).update(edit.creator)
    _set_cells(log, "creator", of_creators)
    of_accounts = {edit.account_id: dict(edit.account) for edit in edits if edit.account}
    _key_handles(log, of_accounts)
    _set_cells(log, "account", of_accounts)
    touch(log, list(of_creators))
    _write_figures(log, edits)
    log.insert("creator_tag", ("creator_id", "tag"), list(dict.fromkeys((edit.creator_id, tag) for edit in edits for tag in edit.tags)))
    moved = {creator: cells["stage"] for creator, cells in of_creators.items() if "stage" in cells}
    _add_steps(log, [(creator, after, before, None) for creator, (before, after) in moved.items()])
    rollups.refresh_accounts(log.connection, {edit.account_id for edit in edits if edit.figures}, log.now)
    rollups.refresh_creators(log.connection, {edit.creator_id for edit in edits if "fee_fen" in edit.account}, force.policy)
    search.refresh(log.connection, {edit.creator_id for edit in edits if edit.tags or _SEARCHED & {*edit.creator, *edit.account}})


def _set_cells(log: Log, table: str, changed: Mapping[int, Mapping[str, tuple[Any, Any]]]) -> None:
    log.changed(table, ((row_id, _side(cells, 0), _side(cells, 1)) for row_id, cells in changed.items() if cells))
    for name in dict.fromkeys(name for cells in changed.values() for name in cells):
        bulk.update(log.connection, table, (name,), [(cells[name][1], row_id) for row_id, cells in changed.items() if name in cells])


def _side(cells: Mapping[str, tuple[Any, Any]], side: int) -> dict[str, Any]:
    return {name: cell[side] for name, cell in cells.items()}


def _key_handles(log: Log, of_accounts: Mapping[int, dict[str, tuple[Any, Any]]]) -> None:
    """Add the folded handle to those whose handle changes, where it changes too."""
    renamed = [account for account, cells in of_accounts.items() if "handle" in cells]
    if not renamed:
        return
    bulk.keep_ids(log.connection, renamed)
    for account, before in bulk.fetch(log.connection, "select a.id, a.handle_key from wanted w join account a on a.id = w.id"):
        after = handle_key(str(of_accounts[account]["handle"][1]))
        if after != before:
            of_accounts[account]["handle_key"] = (before, after)


def _write_figures(log: Log, edits: Collection[Edit]) -> None:
    figures = [(edit.account_id, figure) for edit in edits for figure in edit.figures]
    corrected = [figure for _, figure in figures if figure.corrects is not None]
    log.changed(
        "account_metric",
        ((figure.corrects or 0, {"value": figure.before, "raw": figure.raw_before}, {"value": figure.value, "raw": figure.raw}) for figure in corrected),
    )
    bulk.update(log.connection, "account_metric", ("value", "raw"), [(figure.value, figure.raw, figure.corrects) for figure in corrected])
    log.insert(
        "account_metric",
        _METRIC_COLUMNS,
        [
            (account, figure.name, figure.as_of, figure.value, figure.raw, figure.stated, log.id, log.now)
            for account, figure in figures
            if figure.corrects is None
        ],
    )


# ---------------------------------------------------------------- one value for many rows


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
    _add_steps(log, [(creator, int(stage), before, reason) for creator, before in moved.items()])


_SINCE: Final = (
    "update stage_step set since = (select p.at from stage_step p where p.creator_id = stage_step.creator_id and p.id < ? order by p.id desc limit 1)"
    " where id between ? and ? and previous is not null"
)


def _add_steps(log: Log, steps: Sequence[tuple[int, int, int | None, str | None]]) -> None:
    """Add steps (creator, stage, stage before, reason) dated now, each with when the stage before had begun."""
    columns = ("creator_id", "stage", "previous", "reason", "at", "by", "operation_id")
    first = log.insert("stage_step", columns, [(*step, log.now, log.actor.name, log.id) for step in steps])
    if first:
        bulk.run(log.connection, _SINCE, first, first, first + len(steps) - 1)


def add_figures(log: Log, accounts: Sequence[int], figures: Mapping[str, float | None]) -> list[int]:
    """Add values dated now to accounts where they differ from the latest; returns the accounts that got one."""
    touched: dict[int, None] = {}
    for name, value in figures.items():
        bulk.keep_ids(log.connection, accounts)
        latest = {row[0]: row[1:] for row in bulk.fetch(log.connection, _LATEST, name, name, log.now)}
        differing = [account for account in accounts if latest.get(account, (None,))[0] != value]
        same_moment = {account: latest[account] for account in differing if account in latest and latest[account][2] == log.now}
        log.changed(
            "account_metric", ((row_id, {"value": before, "raw": raw}, {"value": value, "raw": None}) for before, row_id, _, raw in same_moment.values())
        )
        bulk.update(log.connection, "account_metric", ("value", "raw"), [(value, None, row_id) for _, row_id, _, _ in same_moment.values()])
        fresh = [account for account in differing if account not in same_moment]
        log.insert("account_metric", _METRIC_COLUMNS, [(account, name, log.now, value, None, False, log.id, log.now) for account in fresh])
        touched.update(dict.fromkeys(differing))
    return list(touched)


def add_tags(log: Log, creators: Sequence[int], words: Sequence[str]) -> None:
    """Put tags on creators that do not have them."""
    present = _tags(log, creators)
    log.insert(
        "creator_tag",
        ("creator_id", "tag"),
        [(one, word) for one in creators for word in dict.fromkeys(words) if (one, word) not in present],
    )


def remove_tags(log: Log, creators: Sequence[int], words: Collection[str]) -> None:
    """Take tags off creators."""
    _take_off(log, {pair: row_id for pair, row_id in _tags(log, creators).items() if pair[1] in words})


def set_tags(log: Log, creators: Sequence[int], words: Sequence[str]) -> None:
    """Leave creators with these tags alone; one that stays is not touched, so that later work cannot stumble over it."""
    _take_off(log, {pair: row_id for pair, row_id in _tags(log, creators).items() if pair[1] not in words})
    add_tags(log, creators, words)


def _take_off(log: Log, gone: Mapping[tuple[int, str], int]) -> None:
    log.changed("creator_tag", ((row_id, {"creator_id": one, "tag": word}, None) for (one, word), row_id in gone.items()))
    bulk.delete(log.connection, "creator_tag", gone.values())


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
