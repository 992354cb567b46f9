# SPDX-License-Identifier: Apache-2.0
"""The fulfilment desk: due posts with their samples, drafts, figures and links; every list is a fixed number of statements."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from app.errors import UsageError
from app.files import Reject, Upserted
from app.rules import content
from app.rules.cells import handle_key
from app.rules.content import Calibration, Sent
from app.rules.links import Known, Task
from app.rules.rating import raisers
from app.usecases.content import (
    Done,
    DraftRow,
    ExtensionRow,
    FigureRow,
    Left,
    ParcelRow,
    RaisedRow,
    StockRow,
    TaskQuestion,
    TaskRow,
    TaskShown,
    WriteOffRow,
)
from app.values import DAY
from db import bulk
from db.engine import reading, writing
from db.writers import desk, edits, ledger, raising, settings, tasks
from db.writers.operations import Log

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from app.files import ImportRequest, Parsed
    from app.jobs import Job
    from app.rules.content import DeskPolicy
    from app.rules.links import Shared
    from app.usecases.content import Fact
    from app.values import Actor
    from db.engine import Database

_CHUNK: Final = 20_000
_TASKS: Final = (
    "select d.id, d.task_code, d.collaboration_id, b.campaign_id, coalesce(k.name, k.source_id), d.creator_id, c.name, d.account_id, a.platform, a.handle,"
    " d.format, b.owner, d.state, d.step, d.next_at, d.due_at, d.agreed_due_at, d.draft_due_at, d.risk_at, d.chance, d.posted_at, d.content_id, d.url,"
    " d.cancelled_at, d.causes,"
    " (select s.sku from shipment s where s.collaboration_id = d.collaboration_id and s.cancelled_at is null order by s.id desc limit 1),"
    " (select s.waybill from shipment s where s.collaboration_id = d.collaboration_id and s.cancelled_at is null order by s.id desc limit 1),"
    " (select r.version from draft r where r.deliverable_id = d.id order by r.submitted_at desc, r.id desc limit 1),"
    " (select count(*) from draft r where r.deliverable_id = d.id and r.decision = 'revise'), d.version"
    " from {source} join collaboration b on b.id = d.collaboration_id join creator c on c.id = d.creator_id left join account a on a.id = d.account_id"
    " left join campaign k on k.id = b.campaign_id"
)
_REMINDED: Final = "select r.deliverable_id, r.mark from wanted w join reminder r on r.deliverable_id = w.id order by r.id"
_URGENT: Final = {
    # What is due by the end of a day is due on it.
    "overdue": ("d.next_at <= ?", "d.next_at"),
    "due": ("d.next_at > ? and d.next_at <= ?", "d.next_at"),
    "at_risk": ("d.risk_at < ? and d.next_at is not null and d.next_at > ?", "d.risk_at"),
}
"""What makes a due post urgent, the most urgent first, and by what such ones are ordered."""
_DRAFTS: Final = (
    "select r.id, d.id, d.task_code, coalesce(k.name, k.source_id), coalesce(k.category, c.category), d.creator_id, c.name, b.owner, r.kind, r.version,"
    " r.submitted_at, r.submitted_by, r.text, r.file, r.review_due_at, r.decided_at, r.decision, r.decided_by, r.reason, r.brief_changed,"
    " (select count(*) from draft x where x.deliverable_id = d.id and x.decision = 'revise' and not coalesce(x.brief_changed, false)), b.free_revisions"
    " from draft r join deliverable d on d.id = r.deliverable_id join collaboration b on b.id = d.collaboration_id join creator c on c.id = d.creator_id"
    " left join campaign k on k.id = b.campaign_id"
)
_PARCELS: Final = (
    "select s.id, s.order_no, s.collaboration_id, coalesce(k.name, k.source_id), s.creator_id, c.name, a.platform, a.handle, s.sku, s.variant, s.quantity,"
    " s.unit_cost_fen, s.freight_fen, coalesce(s.recipient, c.name), coalesce(s.phone, c.phone), s.address, c.wechat, s.address_ok_at, s.exported_at, s.batch,"
    " s.sent_at, s.carrier, s.waybill, s.received_at, s.cancelled_at from shipment s join collaboration b on b.id = s.collaboration_id"
    " join creator c on c.id = s.creator_id left join account a on a.id = b.account_id left join campaign k on k.id = b.campaign_id"
)
_WHICH: Final = {
    "all": "true",
    "address": "s.address_ok_at is null and s.sent_at is null and s.cancelled_at is null and b.state in ('confirmed', 'running')",
    "export": "s.address_ok_at is not null and s.exported_at is null and s.sent_at is null and s.cancelled_at is null",
    "send": "s.exported_at is not null and s.sent_at is null and s.cancelled_at is null",
    "under_way": "s.sent_at is not null and s.received_at is null and s.cancelled_at is null",
    "received": "s.received_at is not null",
}
_STOCK: Final = (
    "select k.id, k.sku, k.variant, k.name, k.unit_cost_fen, k.stocked,"
    " coalesce((select sum(s.quantity) from shipment s where s.sku = k.sku and coalesce(s.variant, '') = k.variant and s.cancelled_at is null"
    "  and s.sent_at is null and s.address_ok_at is not null), 0),"
    " coalesce((select sum(s.quantity) from shipment s where s.sku = k.sku and coalesce(s.variant, '') = k.variant and s.sent_at is not null), 0)"
    " from stock k order by k.sku, k.variant"
)
_EVENTS: Final = (
    "select e.id, e.type, e.happened_at, e.confirmed_at, e.voided_at from credit_event e"
    " where e.creator_id = ? and e.source is not null and e.source like ? order by e.happened_at, e.id"
)


@dataclass(frozen=True, slots=True)
class WorkStore:
    """Fulfils ``Work`` on a workspace's database."""

    engine: Database

    @property
    def zone(self) -> str:
        """Time zone of the workspace."""
        with reading(self.engine) as connection:
            return settings.zone(connection)

    def policy(self, now: int) -> DeskPolicy:
        """The desk's policy in force."""
        with reading(self.engine) as connection:
            return desk.policy_in_force(connection, now)

    # ------------------------------------------------------------ lists

    def due(self, start: int, end: int, owner: str | None, limit: int | None, offset: int) -> tuple[Mapping[str, Mapping[str, int]], list[TaskRow]]:
        """What is overdue before ``start``, due before ``end``, or at risk by then."""
        moments = {"overdue": (start,), "due": (start, end), "at_risk": (end, end)}
        mine, more = ("", ()) if owner is None else (" and b.owner = ?", (owner,))
        join = "" if owner is None else " join collaboration b on b.id = d.collaboration_id"
        counts: dict[str, dict[str, int]] = {}
        found: list[TaskRow] = []
        with reading(self.engine) as connection:
            for urgency, (condition, order) in _URGENT.items():
                values = (*moments[urgency], *more)
                statement = f"select d.step, count(*) from deliverable d{join} where {condition}{mine} group by d.step order by d.step"  # noqa: S608
                counts[urgency] = {step: int(count) for step, count in bulk.fetch(connection, statement, *values)}
                before = sum(sum(steps.values()) for name, steps in counts.items() if name != urgency)
                skip, room = max(offset - before, 0), None if limit is None else limit - len(found)
                if (room is not None and room <= 0) or skip >= sum(counts[urgency].values()):
                    continue
                page = f" limit {int(room)}" if room is not None else " limit -1" if skip and connection.dialect.name == "sqlite" else ""
                page += f" offset {int(skip)}" if skip else ""
                statement = f"select d.id from deliverable d{join} where {condition}{mine} order by {order}, d.id{page}"  # noqa: S608 (our words)
                ids = [row[0] for row in bulk.fetch(connection, statement, *values)]
                found += [replace(row, urgency=urgency) for row in _tasks(connection, ids)]
        return counts, found

    def tasks(self, question: TaskQuestion) -> list[TaskRow]:
        """Due posts."""
        with reading(self.engine) as connection:
            where, values = _where(question)
            page = "" if question.limit is None else f" limit {int(question.limit)} offset {int(question.offset)}"
            statement = (
                "select d.id from deliverable d join collaboration b on b.id = d.collaboration_id"  # noqa: S608 (our words)
                f"{where} order by case when d.next_at is null then 1 else 0 end, d.next_at, d.id{page}"
            )
            return _tasks(connection, [row[0] for row in bulk.fetch(connection, statement, *values)])

    def count(self, question: TaskQuestion) -> int:
        """How many due posts there are."""
        with reading(self.engine) as connection:
            where, values = _where(question)
            statement = f"select count(*) from deliverable d join collaboration b on b.id = d.collaboration_id{where}"  # noqa: S608 (our words)
            return int(bulk.fetch(connection, statement, *values)[0][0])

    def shown(self, task_id: int, now: int) -> TaskShown | None:
        """A due post with all that belongs to it."""
        with reading(self.engine) as connection:
            found = _tasks(connection, [task_id])
            if not found:
                return None
            row = found[0]
            extensions = bulk.fetch(connection, "select agreed_at, until, reason, by from extension where deliverable_id = ? order by id", task_id)
            names = ", ".join(FigureRow.__dataclass_fields__)
            figures = bulk.fetch(connection, f"select {names} from post_figure where deliverable_id = ? order by mark", task_id)  # noqa: S608 (our names)
            return TaskShown(
                row,
                tuple(_drafts(connection, now, " where d.id = ?", (task_id,))),
                tuple(_parcels(connection, " where s.collaboration_id = ?", (row.collaboration_id,))),
                tuple(ExtensionRow(*one) for one in extensions),
                tuple(FigureRow(*one) for one in figures),
                tuple(RaisedRow(*one) for one in bulk.fetch(connection, _EVENTS, row.creator_id, f"%:{row.code}%")),
            )

    # ------------------------------------------------------------ what happened

    def note(self, ids: Sequence[int], fact: Fact, version: int | None, actor: Actor, now: int) -> Done:
        """Note what happened to due posts, and what follows from it."""
        with writing(self.engine) as connection:
            if version is not None and len(ids) == 1:
                rows = bulk.fetch(connection, "select version from deliverable where id = ?", ids[0])
                if rows and rows[0][0] != version:
                    raise UsageError("changed_meanwhile", version=rows[0][0])
            log = Log(connection, "fulfil.set", actor, now)
            return _done(log, *tasks.note(log, ids, fact), {"state": fact.state.value}, fact.reason)

    def take_links(self, found: Sequence[tuple[int, Fact]], actor: Actor, now: int) -> int:
        """Note posts of many due posts, each with its own link, in one operation; returns its id."""
        with writing(self.engine) as connection:
            log = Log(connection, "links.match", actor, now)
            some, _ = tasks.rows(connection, [task for task, _ in found])
            by_id = dict(found)
            done, _ = tasks.post(log, [(one, by_id[one.id]) for one in some])
            if not done:
                connection.rollback()
                return 0
            tasks.settle(log, done)
            return log.finish({"tasks": len(done)})

    def extend(self, ids: Sequence[int], until: int, agreed_at: int, reason: str | None, actor: Actor, now: int) -> Done:
        """Agree a later due time."""
        with writing(self.engine) as connection:
            log = Log(connection, "fulfil.extend", actor, now)
            return _done(log, *tasks.extend(log, ids, until, agreed_at, reason), {"until": until}, reason)

    def excuse(self, ids: Sequence[int], causes: Sequence[str] | None, reason: str | None, actor: Actor, now: int) -> Done:
        """Name causes on the brand's side; none take them back."""
        with writing(self.engine) as connection:
            log = Log(connection, "fulfil.excuse", actor, now)
            return _done(log, *tasks.excuse(log, ids, causes), {"causes": sorted(causes or ())}, reason)

    def edit(self, ids: Sequence[int], values: Mapping[str, object], version: int | None, actor: Actor, now: int) -> Done:
        """Set fields of due posts."""
        with writing(self.engine) as connection:
            log = Log(connection, "fulfil.edit", actor, now)
            some, left = tasks.rows(connection, ids)
            if version is not None and len(some) == 1 and some[0].version != version:
                raise UsageError("changed_meanwhile", version=some[0].version)
            changed = edits.set_fields(log, "deliverable", [one.id for one in some], values)
            done = [one for one in some if one.id in changed]
            if done:
                tasks.settle(log, done)
            return _done(log, done, left, {"fields": sorted(values)}, None)

    def remind(self, marks: Mapping[int, str], actor: Actor, now: int) -> Done:
        """Note that creators were reminded."""
        with writing(self.engine) as connection:
            log = Log(connection, "fulfil.remind", actor, now)
            return _done(log, *tasks.remind(log, marks), {}, None)

    # ------------------------------------------------------------ drafts

    def drafts(self, now: int, waiting: bool, ids: Sequence[int] | None, owner: str | None) -> list[DraftRow]:  # noqa: FBT001 (a fact, no switch)
        """Drafts, those whose review is due first at the front."""
        conditions = ["r.decided_at is null"] if waiting and ids is None else []
        values: list[object] = []
        if ids is not None:
            conditions.append(f"r.id in ({', '.join(str(int(one)) for one in ids) or 'null'})")
        if owner is not None:
            conditions.append("b.owner = ?")
            values.append(owner)
        where = f" where {' and '.join(conditions)}" if conditions else ""
        with reading(self.engine) as connection:
            return _drafts(connection, now, where, values)

    def review(self, ids: Sequence[int], decision: str, reason: str | None, brief_changed: bool, actor: Actor, now: int) -> Done:  # noqa: FBT001 (a fact)
        """Say a word on drafts."""
        with writing(self.engine) as connection:
            log = Log(connection, "draft.review", actor, now)
            bulk.keep_ids(connection, dict.fromkeys(ids))
            where = bulk.fetch(connection, "select r.id, r.deliverable_id, r.decided_at from wanted w join draft r on r.id = w.id order by w.pos")
            there = {row[0]: row for row in where}
            left = [Left(one, "unknown_draft") for one in ids if one not in there]
            left += [Left(row[0], "decided_already") for row in where if row[2] is not None]
            of_task = {row[1]: row[0] for row in where if row[2] is None}
            some, _ = tasks.rows(connection, of_task)
            found = {one.id: one for one in desk.facts(connection, list(of_task))}
            words = [(one, next(draft for draft in found[one.id].drafts if draft.id == of_task[one.id])) for one in some]
            done, more = tasks.say(log, words, decision, reason, now, brief_changed=brief_changed)
            if done:
                tasks.settle(log, done)
            left += [Left(of_task[one.id], one.code) for one in more]
            return _done(log, done, left, {"decision": decision}, reason)

    # ------------------------------------------------------------ samples

    def parcels(self, which: str, ids: Sequence[int] | None) -> list[ParcelRow]:
        """Parcels: all, those that wait for an address, to be exported, to be sent, under way, or received."""
        if which not in _WHICH:
            raise UsageError("unknown_word", field="which", value=which, known=", ".join(_WHICH))
        some = "" if ids is None else f" and s.id in ({', '.join(str(int(one)) for one in ids) or 'null'})"
        with reading(self.engine) as connection:
            return _parcels(connection, f" where {_WHICH[which]}{some}", ())

    def export_parcels(self, ids: Sequence[int], batch: str, actor: Actor, now: int) -> Done:
        """Note that parcels went to the warehouse."""
        with writing(self.engine) as connection:
            log = Log(connection, "shipment.export", actor, now)
            changed = edits.set_fields(log, "shipment", list(ids), {"exported_at": now, "batch": batch})
            return Done(log.finish({"parcels": len(changed), "batch": batch}), tuple(changed))

    def take_waybills(self, parsed: Parsed, request: ImportRequest, actor: Actor, now: int, job: Job) -> Upserted:
        """Take the waybills of a sheet in: the parcel is sent when the sheet says so, else now."""
        with (reading if request.dry_run else writing)(self.engine) as connection:
            rejects: list[Reject] = []
            told: dict[int, dict[str, Any]] = {}
            for chunk in parsed.chunks(_CHUNK):
                job.check()
                _waybills(connection, chunk.rows, chunk.columns, told, rejects, now)
            before = _stored(connection, told)
            changed = {one: cells for one, values in told.items() if (cells := {name: value for name, value in values.items() if before[one][name] != value})}
            counts = (0, len(changed), len(told) - len(changed))
            if request.dry_run or not changed:
                return Upserted(None, *counts, (), tuple(rejects), ())
            log = Log(connection, "shipment.waybills", actor, now)
            log.changed("shipment", ((one, {name: before[one][name] for name in cells}, cells) for one, cells in changed.items()))
            for name in _SHEET:
                bulk.update(connection, "shipment", (name,), [(cells[name], one) for one, cells in changed.items() if name in cells])
            tasks.price(log, list(changed))
            _follow(log, list(changed))
            summary = {"file": request.path.name, "updated": len(changed), "rejected": len(rejects) + len(parsed.rejects)}
            return Upserted(log.finish(summary), *counts, (), tuple(rejects), ())

    def stock(self) -> list[StockRow]:
        """Samples that there are."""
        with reading(self.engine) as connection:
            return [StockRow(*(*row[:6], int(row[6]), int(row[7]))) for row in bulk.fetch(connection, _STOCK)]

    def take_in(self, sku: str, variant: str, quantity: int, name: str | None, unit_cost_fen: int | None, actor: Actor, now: int) -> int:
        """Take samples in; returns the operation's id."""
        with writing(self.engine) as connection:
            log = Log(connection, "stock.add", actor, now)
            rows = bulk.fetch(connection, "select id, stocked from stock where sku = ? and variant = ?", sku, variant)
            if not rows:
                if quantity < 0:
                    raise UsageError("bad_value", field="quantity", value=quantity, reason="negative")
                columns = ("sku", "variant", "name", "unit_cost_fen", "stocked")
                log.insert("stock", columns, [(sku, variant, name, unit_cost_fen, quantity)])
            else:
                values: dict[str, object] = {"stocked": rows[0][1] + quantity}
                if values["stocked"] < 0:  # type: ignore[operator]
                    raise UsageError("bad_value", field="quantity", value=quantity, reason="negative")
                values |= {key: value for key, value in (("name", name), ("unit_cost_fen", unit_cost_fen)) if value is not None}
                edits.set_fields(log, "stock", [rows[0][0]], values)
            return log.finish({"sku": sku, "variant": variant, "quantity": quantity})

    def write_off(self, campaign_id: int | None) -> list[WriteOffRow]:
        """Samples by creator, the largest loss first."""
        where, values = ("", ()) if campaign_id is None else (" and b.campaign_id = ?", (campaign_id,))
        statement = (
            "select s.creator_id, c.name, s.quantity * coalesce(s.unit_cost_fen, 0) + coalesce(s.freight_fen, 0),"  # noqa: S608 (our words)
            " exists (select 1 from deliverable d where d.collaboration_id = b.id and d.posted_at is not null), b.state in ('done', 'cancelled')"
            f" from shipment s join collaboration b on b.id = s.collaboration_id join creator c on c.id = s.creator_id where s.sent_at is not null{where}"
        )
        with reading(self.engine) as connection:
            rows = bulk.fetch(connection, statement, *values)
        names = {row[0]: row[1] for row in rows}
        told = content.write_off([Sent(row[0], int(row[2]), bool(row[3]), bool(row[4])) for row in rows])
        return [WriteOffRow(names[one.creator_id], one) for one in told]

    # ------------------------------------------------------------ links

    def link_board(self, shared: Sequence[Shared]) -> tuple[list[Task], Mapping[tuple[str, str], Known]]:
        """Due posts that links may be for, and the contents of theirs that are known."""
        with reading(self.engine) as connection:
            known = _known(connection, shared)
            accounts = _accounts(connection, shared) | {one.account_id for one in known.values() if one.account_id is not None}
            return _board(connection, accounts, {code for one in shared for code in one.codes}), known

    def by_codes(self, codes: Sequence[str]) -> Mapping[str, int]:
        """Due posts by their task codes."""
        with reading(self.engine) as connection:
            some, words = bulk.among(connection, "task_code", codes)
            return dict(bulk.fetch(connection, f"select task_code, id from deliverable where {some}", words))  # noqa: S608 (our names)

    def names(self, tasks: Sequence[int]) -> Mapping[int, tuple[str, str | None, int]]:
        """Creator, campaign and creator's id of due posts."""
        with reading(self.engine) as connection:
            bulk.keep_ids(connection, tasks)
            statement = (
                "select d.id, c.name, coalesce(k.name, k.source_id), c.id from wanted w join deliverable d on d.id = w.id join creator c on c.id = d.creator_id"
                " join collaboration b on b.id = d.collaboration_id left join campaign k on k.id = b.campaign_id"
            )
            return {row[0]: (row[1], row[2], row[3]) for row in bulk.fetch(connection, statement)}

    # ------------------------------------------------------------ foretold, and by the passing of time

    def forecast(self, campaign_id: int | None, limit: int | None, now: int) -> tuple[list[tuple[TaskRow, float, float]], int, float, Calibration]:
        """Open due posts with their chances, the least likely first, how many there are, how many of them are expected, and the calibration."""
        with reading(self.engine) as connection:
            policy = desk.policy_in_force(connection, now)
            calibration = _calibration(connection, policy)
            where, values = ("", ()) if campaign_id is None else (" and b.campaign_id = ?", (campaign_id,))
            statement = (
                "select d.id, d.creator_id, coalesce(d.draft_due_at, d.agreed_due_at), (select min(r.submitted_at) from draft r where r.deliverable_id = d.id)"  # noqa: S608 (our words)
                " from deliverable d join collaboration b on b.id = d.collaboration_id where d.step is not null and d.posted_at is null"
                f"{where} order by d.id"
            )
            rows = bulk.fetch(connection, statement, *values)
            if not rows:
                return [], 0, 0.0, calibration
            bulk.keep(connection, "tasks", (("id", "bigint"),), ((row[0],) for row in rows))
            chances = desk.conduct(connection, policy, now)
            nothing = policy.good / (policy.good + policy.bad)
            chance = np.array([chances.get(row[1], nothing) for row in rows])
            late = np.array([float(row[2] is not None and (now if row[3] is None else row[3]) > row[2]) for row in rows])
            told = calibration.apply(chance, late)
            numbers = np.array([row[0] for row in rows], dtype=np.int64)
            least = np.lexsort((numbers, told))[:limit].tolist()
            shown = _tasks(connection, numbers[least].tolist())
            pairs = [(row, float(chance[at]), round(float(told[at]), 6)) for row, at in zip(shown, least, strict=True)]
            return pairs, len(rows), round(float(told.sum()), 3), calibration

    def tick(self, actor: Actor, now: int) -> int:
        """What has come due by the passing of time; returns how many due posts it concerned."""
        return tick(self.engine, actor, now)


def tick(engine: Database, actor: Actor, now: int) -> int:
    """Propose no-shows that are due, and note figures that came; returns how many due posts it concerned."""
    with reading(engine) as connection:
        if not raising.silent(connection, now) and not raising.seen(connection, now):
            return 0
    with writing(engine) as connection:
        silent, seen = raising.silent(connection, now), raising.seen(connection, now)
        log = Log(connection, "fulfil.rule", actor, now)
        raising.note_seen(log, seen)
        concerned = sorted({*silent, *(row[0] for row in seen)})
        some, _ = tasks.rows(connection, concerned)
        tasks.settle(log, some)
        if not log.touched:
            connection.rollback()
            return 0
        log.finish({"tasks": len(concerned), "no_shows": len(silent), "figures": len(seen)})
        return len(concerned)


def _done(log: Log, done: Sequence[Any], left: Sequence[Left], summary: Mapping[str, object], reason: str | None) -> Done:
    if not done:
        log.connection.rollback()
        return Done(0, (), tuple(left))
    return Done(log.finish({**summary, "tasks": len(done), "left": len(left)}, reason), tuple(one.id for one in done), tuple(left))


# ---------------------------------------------------------------- lists


def _where(question: TaskQuestion) -> tuple[str, list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    for column, value in (
        ("b.campaign_id", question.campaign_id),
        ("d.collaboration_id", question.collaboration_id),
        ("d.creator_id", question.creator_id),
        ("b.owner", question.owner),
    ):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    for column, words in (("d.state", question.states), ("d.step", question.steps)):
        if words:
            conditions.append(f"{column} in ({', '.join('?' * len(words))})")
            values += words
    if question.ids:
        conditions.append(f"d.id in ({', '.join(str(int(one)) for one in question.ids)})")
    return (f" where {' and '.join(conditions)}" if conditions else ""), values


def _tasks(connection: Connection, ids: Sequence[int]) -> list[TaskRow]:
    """Due posts in the order asked."""
    if not ids:
        return []
    bulk.keep_ids(connection, ids)
    reminded: dict[int, list[str]] = {}
    for task, mark in bulk.fetch(connection, _REMINDED):
        reminded.setdefault(task, []).append(mark)
    rows = bulk.fetch(connection, f"{_TASKS.format(source='wanted w join deliverable d on d.id = w.id')} order by w.pos")
    return [TaskRow(*(*row[:24], tuple(json.loads(row[24] or "[]")), *row[25:29], tuple(reminded.get(row[0], ())), row[29])) for row in rows]


def _drafts(connection: Connection, now: int, where: str, values: Sequence[object]) -> list[DraftRow]:
    rows = bulk.fetch(connection, f"{_DRAFTS}{where} order by r.review_due_at, r.id", *values)
    spoken = tasks.spoken(connection, [row[0] for row in rows])
    policy, free = desk.policy_in_force(connection, now), ledger.in_force(connection, now).policy.raising.free_revisions
    return [
        DraftRow(
            *(
                *row[:19], bool(row[19]), row[20], free if row[21] is None else row[21], policy.chain(row[4]), len(spoken.get(row[0], ())),
                row[15] is None and row[14] < now,
            )
        )
        for row in rows
    ]  # fmt: skip


def _parcels(connection: Connection, where: str, values: Sequence[object]) -> list[ParcelRow]:
    return [ParcelRow(*row) for row in bulk.fetch(connection, f"{_PARCELS}{where} order by s.id", *values)]


# ---------------------------------------------------------------- waybills

_SHEET: Final = ("carrier", "waybill", "sent_at", "received_at")


def _waybills(
    connection: Connection, rows: Sequence[int], columns: Mapping[str, Sequence[Any]], told: dict[int, dict[str, Any]], rejects: list[Reject], now: int
) -> None:
    """What a sheet says of parcels, by order number; it need not be written as ours is."""
    orders = [str(one).strip().upper() for one in columns["order_no"]]
    some, words = bulk.among(connection, "order_no", orders)
    known = {row[0]: row[1:] for row in bulk.fetch(connection, f"select order_no, id, sent_at, cancelled_at from shipment where {some}", words)}  # noqa: S608
    for at, (row, order) in enumerate(zip(rows, orders, strict=True)):
        found = known.get(order)
        cells = {name: columns[name][at] for name in _SHEET if name in columns and columns[name][at] is not None}
        if found is None or found[2] is not None:
            rejects.append(Reject(row, "order_no", order, "unknown_order" if found is None else "parcel_cancelled"))
        elif "waybill" not in cells:
            rejects.append(Reject(row, "waybill", order, "missing"))
        elif max((cells[name] for name in ("sent_at", "received_at") if name in cells), default=0) > now:
            rejects.append(Reject(row, "sent_at", order, "in_future"))
        else:
            told[found[0]] = {**({"sent_at": now} if found[1] is None else {}), **cells}


def _stored(connection: Connection, told: Iterable[int]) -> dict[int, dict[str, Any]]:
    bulk.keep_ids(connection, told)
    rows = bulk.fetch(connection, f"select s.id, {', '.join(f's.{name}' for name in _SHEET)} from wanted w join shipment s on s.id = w.id")  # noqa: S608
    return {row[0]: dict(zip(_SHEET, row[1:], strict=True)) for row in rows}


def _follow(log: Log, parcels: Sequence[int]) -> None:
    """What follows for the due posts of parcels."""
    bulk.keep_ids(log.connection, parcels)
    statement = "select distinct d.id from wanted w join shipment s on s.id = w.id join deliverable d on d.collaboration_id = s.collaboration_id"
    some, _ = tasks.rows(log.connection, sorted(row[0] for row in bulk.fetch(log.connection, statement)))
    tasks.settle(log, some)


# ---------------------------------------------------------------- links


def _known(connection: Connection, shared: Sequence[Shared]) -> dict[tuple[str, str], Known]:
    """Contents that are known by what links point at, and the due posts that have them."""
    ids = list({one.content_id for one in shared if one.content_id is not None})
    some, words = bulk.among(connection, "t.content_id", ids)
    known = {
        (row[0], row[1]): Known(row[2], row[3], None)
        for row in bulk.fetch(connection, f"select t.platform, t.content_id, t.account_id, t.published_at from content t where {some}", words)  # noqa: S608
    }
    statement = f"select a.platform, t.content_id, t.account_id, t.posted_at, t.id from deliverable t join account a on a.id = t.account_id where {some}"  # noqa: S608
    for platform, number, account, posted_at, task in bulk.fetch(connection, statement, words):
        known[platform, number] = Known(account, posted_at, task)
    return known


_BY_UID: Final = "select a.id from keyed k join account a on a.platform_uid = k.word and a.platform = k.platform"
_BY_HANDLE: Final = "select a.id from keyed k join account a on a.handle_key = k.word and a.platform = k.platform"
_BY_NAME: Final = "select a.id from keyed k join creator c on c.name = k.word join account a on a.creator_id = c.id and a.platform = k.platform"


def _accounts(connection: Connection, shared: Sequence[Shared]) -> set[int]:
    """Accounts that links or the words around them name."""
    uids = {(one.platform, one.uid) for one in shared if one.platform and one.uid}
    handles = {(one.platform, handle_key(word)) for one in shared if one.platform for word in (one.handle, *one.names, *one.tokens) if word}
    names = {(one.platform, word) for one in shared if one.platform for word in (*one.names, *one.tokens)}
    found: set[int] = set()
    for statement, rows in ((_BY_UID, uids), (_BY_HANDLE, handles), (_BY_NAME, names)):
        bulk.keep(connection, "keyed", (("platform", "text"), ("word", "text")), rows)
        found.update(row[0] for row in bulk.fetch(connection, statement))
    return found


_BOARD: Final = (
    "select d.id, d.task_code, a.platform, a.id, a.platform_uid, a.handle, c.name, d.collaboration_id, k.name, k.code, d.format,"
    " (select min(s.at) from collaboration_step s where s.collaboration_id = b.id and s.state = 'confirmed'), b.created_at,"
    " coalesce(d.due_at, d.agreed_due_at), d.posted_at, d.cancelled_at, b.state from {source} join account a on a.id = d.account_id"
    " join creator c on c.id = a.creator_id join collaboration b on b.id = d.collaboration_id left join campaign k on k.id = b.campaign_id"
)


def _board(connection: Connection, accounts: Iterable[int], codes: Iterable[str]) -> list[Task]:
    """Due posts of accounts and with codes; those that are over are told too, so that it can be said that they are."""
    bulk.keep_ids(connection, accounts)
    rows = bulk.fetch(connection, _BOARD.format(source="wanted w join deliverable d on d.account_id = w.id"))
    some, words = bulk.among(connection, "d.task_code", list(codes))
    rows += bulk.fetch(connection, f"{_BOARD.format(source='deliverable d')} where {some}", words)
    return list({row[0]: _task(row) for row in rows}.values())


def _task(row: Sequence[Any]) -> Task:
    number, code, platform, account, uid, handle, name, deal, campaign, word, kind, confirmed, created, due, posted, cancelled, state = row
    # Agreed by word a day before it was written down: what was published earlier was for somebody else.
    opens_at = (created if confirmed is None else confirmed) - DAY
    open_ = posted is None and cancelled is None and state in {"confirmed", "running"}
    return Task(
        number, code, platform, account, uid, frozenset({handle_key(handle)} if handle else ()), frozenset({handle_key(name)}), deal,
        tuple(one for one in (campaign, word) if one), kind, opens_at, due, open_,
    )  # fmt: skip


# ---------------------------------------------------------------- the forecast

_CLOSED: Final = (
    "select d.id, d.creator_id, d.task_code, coalesce(d.draft_due_at, d.agreed_due_at), (select min(r.submitted_at) from draft r where r.deliverable_id = d.id),"
    " e.type, e.happened_at from deliverable d join credit_event e on e.source = 'deliverable:' || d.task_code"
    " where e.confirmed_at is not null and e.voided_at is null and e.type in ({types}) order by e.happened_at, d.id"
)


def _calibration(connection: Connection, policy: DeskPolicy) -> Calibration:
    """Chances as they were before each closed post, against what became of it."""
    types = ", ".join(f"'{one}'" for one in raisers.OUTCOMES)
    rows = bulk.fetch(connection, _CLOSED.format(types=types))
    if len(rows) < policy.least_cases:
        return Calibration(cases=len(rows))
    chance, late, on_time = np.empty(len(rows)), np.zeros(len(rows)), np.zeros(len(rows))
    sums: dict[int, tuple[float, float, int]] = {}
    for at, (_, creator, _, draft_due, submitted, kind, happened_at) in enumerate(rows):
        good, bad, last = sums.get(creator, (0.0, 0.0, happened_at))
        fade = 2.0 ** (-(happened_at - last) / DAY / policy.half_life)
        good, bad = good * fade, bad * fade
        chance[at] = (policy.good + good) / (policy.good + policy.bad + good + bad)
        late[at] = float(draft_due is not None and submitted is not None and submitted > draft_due)
        hit = kind in content.GOOD
        on_time[at] = float(hit)
        sums[creator] = (good + hit, bad + (not hit), happened_at)
    return content.calibrate(policy, chance, late, on_time)
