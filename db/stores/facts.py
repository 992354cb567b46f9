# SPDX-License-Identifier: Apache-2.0
"""Files of facts taken in and given out, whatever their kind."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Text, case, cast, func, literal, null, or_, select

from app.errors import UsageError
from app.files import Chunk, Upserted, Warn
from app.rules.attribution import TouchKind
from app.rules.facts import FIGURES, KINDS
from app.rules.fields import Kind
from app.rules.headers import plain
from app.rules.sources import Taken
from app.usecases.facts import filterable, parse_filter
from app.values import iso
from db import bulk, questions, team
from db.engine import reading, writing
from db.models import Base
from db.models.records import AuditRow, Operation, Policy
from db.writers import directory, settings
from db.writers.facts import OF_CONTENTS, FactUpsert
from db.writers.figures import ContentUpsert
from db.writers.incoming import Tally, finish
from db.writers.operations import Log
from db.writers.recruited import OF_RECRUITING, RecruitingUpsert

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import ColumnElement, Connection

    from app.files import ImportRequest, Parsed
    from app.jobs import Job
    from app.values import Actor
    from db.engine import Database

CHUNK: Final = 100_000
"""Rows of a file that are handled at a time."""
_EXPORTED: Final = 20_000
_REMEMBERED: Final = 500
"""Imports that are looked through for a table like the one at hand."""


@dataclass(frozen=True, slots=True)
class FactStore:
    """Fulfils ``FactFiles`` on a workspace's database."""

    engine: Database

    @property
    def zone(self) -> str:
        """Time zone of the workspace."""
        with reading(self.engine) as connection:
            return settings.zone(connection)

    # ------------------------------------------------------------ in

    def take(self, parsed: Parsed, request: ImportRequest, actor: Actor, now: int, job: Job) -> Upserted:
        """Take a parsed file in, all or nothing; a dry run only tells."""
        if request.dry_run:
            with reading(self.engine) as connection:
                return _told(_taken(connection, None, parsed, request, actor, now, job), None)
        with writing(self.engine, keys=request.kind != "sales") as connection, bulk.roomy(connection):
            asked = _fingerprint(parsed, request)
            log = Log(connection, f"import.{request.kind}", actor, now)
            done = _repeated(connection, asked, log) or _taken(connection, log, parsed, request, actor, now, job)
            if not log.touched and not parsed.rejects and not done.tally.rejects and not parsed.records:
                connection.rollback()
                return _told(done, None)
            finish(log, parsed, request, done.tally, asked)
            job.progress("commit", 1, 1)
            return _told(done, log.id)

    def taken_before(self) -> list[Taken]:
        """How the last tables were read that were taken in, whatever their kind, the latest first."""
        with reading(self.engine) as connection:
            statement = select(Operation.kind, Operation.at, Operation.summary).where(Operation.kind.in_([f"import.{kind}" for kind in KINDS]))
            rows = connection.execute(statement.order_by(Operation.id.desc()).limit(_REMEMBERED)).all()
        return [_read_so(row.kind.removeprefix("import."), row.at, json.loads(row.summary)) for row in rows]

    # ------------------------------------------------------------ out

    def rows(self, kind: str, where: str, columns: Sequence[str]) -> Iterator[tuple[object, ...]]:
        """Values of the columns for every fact of a kind that a filter holds for, as a file carries them."""
        with reading(self.engine) as connection:
            view = _VIEWS[kind]()
            tree = parse_filter(kind, where, settings.zone(connection))
            statement = select(view.key, *(view.columns.get(name, null()) for name in columns)).select_from(view.source).order_by(view.key).limit(_EXPORTED)
            if view.condition is not None:
                statement = statement.where(view.condition)
            if tree is not None:
                statement = statement.where(questions.over(connection, tree, lambda name: view.of(kind, name)))
            shown = [_shown(kind, name) for name in columns]
            last = 0
            while found := connection.execute(statement.where(view.key > last)).all():
                for row in found:
                    yield tuple(None if value is None else show(value) for show, value in zip(shown, row[1:], strict=True))
                last = found[-1][0]


# ---------------------------------------------------------------- in


def _read_so(kind: str, at: int, told: Mapping[str, Any]) -> Taken:
    """A table's reading as its import told it; of one from before headers were kept none is known."""
    mapping: dict[str, str] = told.get("mapping", {})
    headers = frozenset(plain(one) for one in [*mapping.values(), *told.get("unmapped", ())]) if "unmapped" in told else frozenset()
    return Taken(kind, headers, mapping, told.get("platform"), tuple(told.get("key", ())), told.get("file", ""), at)


@dataclass(frozen=True, slots=True)
class _Done:
    tally: Tally
    warnings: tuple[Warn, ...] = ()
    unknown: tuple[str, ...] = ()
    creators: tuple[int, ...] = ()


def _taken(connection: Connection, log: Log | None, parsed: Parsed, request: ImportRequest, actor: Actor, now: int, job: Job) -> _Done:
    make = ContentUpsert if request.kind in OF_CONTENTS else RecruitingUpsert if request.kind in OF_RECRUITING else FactUpsert
    types = _event_types(connection) if request.kind == "events" else frozenset()
    upsert = make(connection, log, now, actor.name, request.kind, parsed.key, request.create_leads, types)
    upsert.look_up(parsed)
    proposing = request.kind == "events" and team.only_proposes(connection)
    done = 0
    with _indexed_after(connection, parsed, job) if log is not None and _long(parsed, request) else nullcontext():
        for chunk in parsed.chunks(CHUNK):
            job.check()
            upsert.take(_proposed(chunk) if proposing else chunk)
            done += len(chunk)
            job.progress("upsert", done, parsed.records)
    upsert.finish()
    job.check()
    warnings = (*upsert.warnings(), Warn("events_proposed")) if proposing and upsert.tally.inserted else upsert.warnings()
    return _Done(upsert.tally, warnings, tuple(upsert.people.unknown), tuple(sorted(upsert.creators)))


def _proposed(chunk: Chunk) -> Chunk:
    """Events as a file proposes them: in a team what it says of their confirmation is another person's to say."""
    nothing: list[Any] = [None] * len(chunk)
    return replace(chunk, columns={**chunk.columns, "confirmed_at": nothing, "voided_at": nothing})


def _long(parsed: Parsed, request: ImportRequest) -> bool:
    """Whether a file is one of many sales, which are taken in with everything that serves speed."""
    return request.kind == "sales" and parsed.records >= directory.LEAST


def _indexed_after(connection: Connection, parsed: Parsed, job: Job) -> AbstractContextManager[None]:
    """As many sales are new as the file has more than the workspace, at least."""
    there = bulk.fetch(connection, "select count(*) from (select 1 from sale limit ?)", parsed.records)[0][0]
    return bulk.indexed_after(connection, "sale", parsed.records - there, job)


def _event_types(connection: Connection) -> frozenset[str]:
    """Types of events that any version of the credit policy knows."""
    bodies = connection.execute(select(Policy.body).where(Policy.name == "credit")).scalars()
    return frozenset(kind["name"] for body in bodies for kind in json.loads(body)["types"])


def _told(done: _Done, operation_id: int | None) -> Upserted:
    tally = done.tally
    changes = tuple(sorted(tally.changes, key=lambda change: change.row))
    counts = (tally.inserted, tally.updated, tally.unchanged)
    return Upserted(operation_id, *counts, changes, tuple(tally.rejects), done.creators, tally.duplicates, done.warnings, done.unknown)


def _fingerprint(parsed: Parsed, request: ImportRequest) -> str:
    """What a file says, and how it was asked to be read."""
    asked = [parsed.digest, sorted(parsed.mapping.items()), parsed.key, request.platform, request.sheet, request.encoding, sorted(request.mapping.items())]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode("utf-8", "surrogateescape")).hexdigest()


def _repeated(connection: Connection, asked: str, log: Log) -> _Done | None:
    """The answer for a file that was the last thing to change the workspace: what an import has taken in, it leaves alone."""
    before = connection.execute(select(Operation.id, Operation.summary).where(Operation.id < log.id).order_by(Operation.id.desc())).first()
    last = connection.execute(select(AuditRow.action, AuditRow.object).order_by(AuditRow.seq.desc()).limit(1)).first()
    if before is None or last is None or tuple(last) != (log.kind, f"operation:{before.id}"):
        return None
    told = json.loads(before.summary)
    if told.get("fingerprint") != asked or told["refused"]:
        return None
    return _Done(Tally(unchanged=told["inserted"] + told["updated"] + told["unchanged"], duplicates=told["merged"]))


# ---------------------------------------------------------------- out


@dataclass(frozen=True, slots=True)
class _View:
    """How a kind is read: its key, what each field is, and where from."""

    key: ColumnElement[int]
    columns: Mapping[str, ColumnElement[Any]]
    source: Any
    condition: ColumnElement[bool] | None = None

    def of(self, kind: str, name: str) -> tuple[Any, ColumnElement[Any]]:
        """A field of a filter and its column."""
        one = filterable(kind, name)
        if one is None or one.name not in self.columns:
            raise UsageError("unknown_field", field=name)
        return one, self.columns[one.name]


_TABLES: Final = Base.metadata.tables
_ACCOUNT, _CREATOR, _CONTENT, _METRIC = (_TABLES[name] for name in ("account", "creator", "content", "content_metric"))
_SALE, _TOUCH, _COST, _EVENT, _PATH = (_TABLES[name] for name in ("sale", "touchpoint", "cost_entry", "credit_event", "conversion_path"))
_CONTACT, _TRAINING, _COURSE = (_TABLES[name] for name in ("contact", "training", "course"))
_WHO: Final[dict[str, ColumnElement[Any]]] = {
    "platform": _ACCOUNT.c.platform, "platform_uid": _ACCOUNT.c.platform_uid, "handle": _ACCOUNT.c.handle, "name": _CREATOR.c.name,
}  # fmt: skip


def _plain(table: Any, *names: str) -> dict[str, ColumnElement[Any]]:  # noqa: ANN401 (a table)
    return {name: table.c[name] for name in names}


def _named(table: Any) -> Any:  # noqa: ANN401 (a join)
    """Rows of a table with the account and the creator that they name."""
    joined = table.outerjoin(_ACCOUNT, _ACCOUNT.c.id == table.c.account_id)
    return joined.outerjoin(_CREATOR, _CREATOR.c.id == table.c.creator_id)


def _contents() -> _View:
    other = _METRIC.alias()
    latest = select(other.c.id).where(other.c.content_id == _CONTENT.c.id).order_by(other.c.as_of.desc()).limit(1).correlate(_CONTENT).scalar_subquery()
    figures = {**_plain(_METRIC, *FIGURES), "as_of": case((_METRIC.c.stated, _METRIC.c.as_of))}
    columns = {**_WHO, **_plain(_CONTENT, "content_id", "platform", "published_at", "title", "url"), **figures}
    return _View(_CONTENT.c.id, columns, _named(_CONTENT).outerjoin(_METRIC, _METRIC.c.id == latest))


def _metrics() -> _View:
    """Figures beside those that stand with their content: what a source dates, and what later figures replaced."""
    later = _METRIC.alias()
    replaced = select(literal(1)).where(later.c.content_id == _METRIC.c.content_id, later.c.as_of > _METRIC.c.as_of)
    columns = {**_WHO, **_plain(_CONTENT, "content_id", "platform", "published_at", "title", "url"), **_plain(_METRIC, *FIGURES, "as_of")}
    source = _named(_CONTENT).join(_METRIC, _METRIC.c.content_id == _CONTENT.c.id)
    return _View(_METRIC.c.id, columns, source, or_(_METRIC.c.stated, replaced.correlate(_METRIC).exists()))


def _sales() -> _View:
    flag = case((_SALE.c.new_customer.is_(None), null()), (_SALE.c.new_customer, "yes"), else_="no")
    names = ("order_id", "line_id", "coupon", "product", "quantity", "unit_price_fen", "paid_at", "amount_fen", "refund_fen", "commission_fen", "currency")
    columns = {
        **_WHO,
        **_plain(_SALE, *names),
        "shop": func.nullif(_SALE.c.shop, ""),
        "platform": func.coalesce(_SALE.c.platform, _ACCOUNT.c.platform),
        "content_id": func.coalesce(_CONTENT.c.content_id, _SALE.c.content_ref),
        "new_customer": cast(flag, Text),
    }
    return _View(_SALE.c.id, columns, _named(_SALE).outerjoin(_CONTENT, _CONTENT.c.id == _SALE.c.content_id))


def _touchpoints() -> _View:
    kind = case(*((_TOUCH.c.kind == int(one), one.code) for one in TouchKind))
    columns = {**_WHO, **_plain(_TOUCH, "order_id", "happened_at"), "shop": func.nullif(_TOUCH.c.shop, ""), "kind": kind}
    return _View(_TOUCH.c.id, columns, _named(_TOUCH))


def _costs() -> _View:
    columns = {
        **_WHO,
        **_plain(_COST, "cost_id", "campaign", "kind", "amount_fen", "currency", "incurred_at"),
        "content_id": func.coalesce(_CONTENT.c.content_id, _COST.c.content_ref),
    }
    source = _named(_COST).outerjoin(_CONTENT, _CONTENT.c.id == _COST.c.content_id)
    return _View(_COST.c.id, columns, source, _COST.c.voided_at.is_(None))


def _events() -> _View:
    names = ("event_id", "type", "happened_at", "recorded_at", "confirmed_at", "voided_at", "evidence")
    own = {"platform": func.coalesce(_ACCOUNT.c.platform, _main("platform")), "platform_uid": func.coalesce(_ACCOUNT.c.platform_uid, _main("platform_uid"))}
    return _View(_EVENT.c.id, {**_WHO, **_plain(_EVENT, *names), **own}, _named(_EVENT))


def _main(name: str) -> ColumnElement[Any]:
    """A field of the main account of an event's creator: an event may name no account."""
    main = _ACCOUNT.alias()
    found = select(main.c[name]).where(main.c.id == _CREATOR.c.main_account_id, _EVENT.c.account_id.is_(None))
    return found.correlate(_CREATOR, _EVENT).scalar_subquery()


def _contacts() -> _View:
    columns = {**_WHO, **_plain(_CONTACT, "channel", "direction", "at", "who", "text", "answer_by")}
    return _View(_CONTACT.c.id, columns, _named(_CONTACT), _CONTACT.c.voided_at.is_(None))


def _trainings() -> _View:
    columns = {
        **_WHO, **_plain(_TRAINING, "taken_at", "passed_at"), "course": _COURSE.c.name, "mark": _TRAINING.c.mark / 100.0,
        "passed": cast(case((_TRAINING.c.passed_at.is_not(None), "yes"), else_="no"), Text),
    }  # fmt: skip
    return _View(_TRAINING.c.id, columns, _named(_TRAINING).join(_COURSE, _COURSE.c.id == _TRAINING.c.course_id))


def _paths() -> _View:
    return _View(_PATH.c.id, _plain(_PATH, "path", "conversions", "nulls"), _PATH)


_VIEWS: Final = {
    "contents": _contents, "metrics": _metrics, "sales": _sales, "touchpoints": _touchpoints, "costs": _costs, "events": _events, "paths": _paths,
    "contacts": _contacts, "trainings": _trainings,
}  # fmt: skip


def _shown(kind: str, name: str) -> Any:  # noqa: ANN401 (a function of one value)
    one = filterable(kind, name)
    return iso if one is not None and one.kind is Kind.MOMENT else _itself


def _itself(value: object) -> object:
    return value
