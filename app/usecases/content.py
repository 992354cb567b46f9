# SPDX-License-Identifier: Apache-2.0
"""The fulfilment desk: samples, drafts, posts and their figures; what is due, the links that creators send, who will probably not post."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from app.errors import UsageError
from app.events import CampaignsChanged, CreatorsChanged, Events, OperationRecorded
from app.files import Gate, ImportReport, let_out, take_in
from app.files import Left as FileLeft
from app.jobs import Job, Quiet
from app.rules import links
from app.rules.content import SETTABLE, Calibration, State, reminder
from app.rules.rating.raisers import Cause
from app.values import day_end, day_start, local

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from app.files import Files, ImportRequest, Parsed, Upserted
    from app.rules.content import DeskPolicy, WriteOff
    from app.rules.links import Known, Shared, Task
    from app.values import Actor

_MANY: Final = 1000
WAREHOUSE_COLUMNS: Final = (
    "order_no", "recipient", "phone", "address", "sku", "variant", "quantity", "creator", "platform", "handle", "campaign", "wechat", "unit_cost_fen", "batch",
)  # fmt: skip
"""What a batch for the warehouse may tell of a parcel."""
_USUAL: Final = WAREHOUSE_COLUMNS[:11]
_WITHHELD: Final = {"phone": ("recipient", "phone", "address"), "wechat": ("wechat",)}
"""Columns that go with a field that somebody may not let out."""


# ---------------------------------------------------------------- what is handed out


@dataclass(frozen=True, slots=True)
class TaskQuestion:
    """Which due posts, and a page of them."""

    campaign_id: int | None = None
    collaboration_id: int | None = None
    creator_id: int | None = None
    owner: str | None = None
    states: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A due post as tables show it. ``step`` is what is next and ``next_at`` until when; ``due_at`` is when the post is due, ``agreed_due_at`` what was agreed.

    ``urgency``: overdue, due, at_risk, or None; ``remind`` the mark of the day's reminder where none was sent. ``rounds`` counts drafts sent back.
    """

    id: int
    code: str
    collaboration_id: int
    campaign_id: int | None
    campaign: str | None
    creator_id: int
    creator: str
    account_id: int
    platform: str | None
    handle: str | None
    format: str
    owner: str | None
    state: str
    step: str | None
    next_at: int | None
    due_at: int | None
    agreed_due_at: int | None
    draft_due_at: int | None
    risk_at: int | None
    chance: float | None
    posted_at: int | None
    content_id: str | None
    url: str | None
    cancelled_at: int | None
    causes: tuple[str, ...]
    sample: str | None
    waybill: str | None
    draft_version: int | None
    rounds: int
    reminded: tuple[str, ...]
    version: int
    urgency: str | None = None
    remind: str | None = None


@dataclass(frozen=True, slots=True)
class DueReport:
    """What is overdue, due on a day, or at risk: ``counts`` by urgency and step over all, ``rows`` a page of them, the most urgent first."""

    on: date
    counts: Mapping[str, Mapping[str, int]]
    rows: tuple[TaskRow, ...]

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(count for steps in self.counts.values() for count in steps.values())


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A version of a draft. ``chain`` is who signs it off, ``place`` how far that is; ``late``: its review is overdue."""

    id: int
    task_id: int
    task_code: str
    campaign: str | None
    category: str | None
    creator_id: int
    creator: str
    owner: str | None
    kind: str
    version: int
    submitted_at: int
    submitted_by: str
    text: str | None
    file: str | None
    review_due_at: int
    decided_at: int | None
    decision: str | None
    decided_by: str | None
    reason: str | None
    brief_changed: bool
    rounds: int
    free_rounds: int
    chain: tuple[str, ...]
    place: int
    late: bool


@dataclass(frozen=True, slots=True)
class ParcelRow:
    """A sample on its way."""

    id: int
    order_no: str
    collaboration_id: int
    campaign: str | None
    creator_id: int
    creator: str
    platform: str | None
    handle: str | None
    sku: str | None
    variant: str | None
    quantity: int
    unit_cost_fen: int | None
    freight_fen: int | None
    recipient: str | None
    phone: str | None
    address: str | None
    wechat: str | None
    address_ok_at: int | None
    exported_at: int | None
    batch: str | None
    sent_at: int | None
    carrier: str | None
    waybill: str | None
    received_at: int | None
    cancelled_at: int | None


@dataclass(frozen=True, slots=True)
class StockRow:
    """Samples of a kind: taken in, reserved for parcels, sent, and what may still be promised."""

    id: int
    sku: str
    variant: str
    name: str | None
    unit_cost_fen: int | None
    stocked: int
    reserved: int
    sent: int

    @property
    def free(self) -> int:
        """What may still be promised."""
        return self.stocked - self.reserved - self.sent


@dataclass(frozen=True, slots=True)
class ExtensionRow:
    """A later due time that was agreed."""

    agreed_at: int
    until: int
    reason: str | None
    by: str


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A post's figures at T+7 or T+21."""

    mark: int
    source: str
    taken_at: int
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    saves: int | None
    evidence: str | None
    by: str
    checked_at: int | None
    checked_by: str | None


@dataclass(frozen=True, slots=True)
class RaisedRow:
    """An entry of the ledger that a due post raised."""

    id: int
    type: str
    happened_at: int
    confirmed_at: int | None
    voided_at: int | None


@dataclass(frozen=True, slots=True)
class TaskShown:
    """A due post with all that belongs to it."""

    row: TaskRow
    drafts: tuple[DraftRow, ...]
    parcels: tuple[ParcelRow, ...]
    extensions: tuple[ExtensionRow, ...]
    figures: tuple[FigureRow, ...]
    events: tuple[RaisedRow, ...]


@dataclass(frozen=True, slots=True)
class Left:
    """Something that was not done, and why: a due post, draft or parcel by its id, and a code under ``left.<code>`` with its parameters."""

    id: int
    code: str
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of many: the operation's id (0 where nothing changed), the ids concerned, and what was left."""

    operation_id: int
    ids: tuple[int, ...]
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened to a due post: the state it reached, when, and what goes with that state."""

    state: State
    at: int
    url: str | None = None
    content_id: str | None = None
    platform: str | None = None
    kind: str = "first"
    text: str | None = None
    file: str | None = None
    reason: str | None = None
    brief_changed: bool = False
    sku: str | None = None
    variant: str | None = None
    recipient: str | None = None
    phone: str | None = None
    address: str | None = None
    carrier: str | None = None
    waybill: str | None = None
    freight_fen: int | None = None
    source: str | None = None
    figures: Mapping[str, int] = field(default_factory=dict)
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class LinkMatched:
    """A share text that found its due post. ``posted_at`` is when it was published as far as is known, else when the text was taken."""

    line: int
    url: str
    platform: str
    content_id: str
    short: bool
    task_id: int
    task_code: str
    creator_id: int
    creator: str
    campaign: str | None
    posted_at: int
    dated: bool
    by: str


@dataclass(frozen=True, slots=True)
class LinkRefused:
    """A share text that was not taken: a code under ``link.<code>``, and the due posts it may be for."""

    line: int
    url: str
    reason: str
    platform: str | None
    content_id: str | None
    tasks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of a paste of share texts; the operation's id is 0 where nothing was written."""

    operation_id: int
    matched: tuple[LinkMatched, ...]
    unmatched: tuple[LinkRefused, ...]


@dataclass(frozen=True, slots=True)
class WriteOffRow:
    """Samples of a creator: sent and worth what, and what of it is lost because no post came."""

    creator: str
    told: WriteOff


@dataclass(frozen=True, slots=True)
class ForecastRow:
    """A due post with its chance: as the rule says, and as it is told after what happened to others."""

    task: TaskRow
    chance: float
    calibrated: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """Who will probably not post, the least likely first; ``expected`` posts on time of ``open`` ones, ``calibration`` by so many closed ones."""

    rows: tuple[ForecastRow, ...]
    open: int
    expected: float
    calibration: Calibration


class Work(Protocol):
    """Remembers due posts and what belongs to them. One method is one transaction."""

    @property
    def zone(self) -> str:
        """Time zone of the workspace."""

    def policy(self, now: int) -> DeskPolicy:
        """The desk's policy in force."""

    def due(self, start: int, end: int, owner: str | None, limit: int | None, offset: int) -> tuple[Mapping[str, Mapping[str, int]], list[TaskRow]]:
        """What is overdue before ``start``, due before ``end``, or at risk by then."""

    def tasks(self, question: TaskQuestion) -> list[TaskRow]:
        """Due posts."""

    def count(self, question: TaskQuestion) -> int:
        """How many due posts there are."""

    def shown(self, task_id: int, now: int) -> TaskShown | None:
        """A due post with all that belongs to it."""

    def note(self, ids: Sequence[int], fact: Fact, version: int | None, actor: Actor, now: int) -> Done:
        """Note what happened to due posts, and what follows from it."""

    def extend(self, ids: Sequence[int], until: int, agreed_at: int, reason: str | None, actor: Actor, now: int) -> Done:
        """Agree a later due time."""

    def excuse(self, ids: Sequence[int], causes: Sequence[str] | None, reason: str | None, actor: Actor, now: int) -> Done:
        """Name causes on the brand's side; none take them back."""

    def edit(self, ids: Sequence[int], values: Mapping[str, object], version: int | None, actor: Actor, now: int) -> Done:
        """Set fields of due posts."""

    def remind(self, marks: Mapping[int, str], actor: Actor, now: int) -> Done:
        """Note that creators were reminded."""

    def drafts(self, now: int, waiting: bool, ids: Sequence[int] | None, owner: str | None) -> list[DraftRow]:  # noqa: FBT001 (a fact, no switch)
        """Drafts, those whose review is due first at the front."""

    def review(self, ids: Sequence[int], decision: str, reason: str | None, brief_changed: bool, actor: Actor, now: int) -> Done:  # noqa: FBT001 (a fact)
        """Say a word on drafts."""

    def parcels(self, which: str, ids: Sequence[int] | None) -> list[ParcelRow]:
        """Parcels: all, those that wait for an address, to be exported, to be sent, under way, or received."""

    def export_parcels(self, ids: Sequence[int], batch: str, actor: Actor, now: int) -> Done:
        """Note that parcels went to the warehouse."""

    def take_waybills(self, parsed: Parsed, request: ImportRequest, actor: Actor, now: int, job: Job) -> Upserted:
        """Take the waybills of a sheet in."""

    def stock(self) -> list[StockRow]:
        """Samples that there are."""

    def take_in(self, sku: str, variant: str, quantity: int, name: str | None, unit_cost_fen: int | None, actor: Actor, now: int) -> int:
        """Take samples in; returns the operation's id."""

    def write_off(self, campaign_id: int | None) -> list[WriteOffRow]:
        """Samples by creator, the largest loss first."""

    def link_board(self, shared: Sequence[Shared]) -> tuple[list[Task], Mapping[tuple[str, str], Known]]:
        """Due posts that links may be for, and the contents of theirs that are known."""

    def by_codes(self, codes: Sequence[str]) -> Mapping[str, int]:
        """Due posts by their task codes."""

    def names(self, tasks: Sequence[int]) -> Mapping[int, tuple[str, str | None, int]]:
        """Creator, campaign and creator's id of due posts."""

    def take_links(self, found: Sequence[tuple[int, Fact]], actor: Actor, now: int) -> int:
        """Note posts of many due posts, each with its own link, in one operation; returns its id."""

    def forecast(self, campaign_id: int | None, limit: int | None, now: int) -> tuple[list[tuple[TaskRow, float, float]], int, float, Calibration]:
        """Open due posts with their chances, the least likely first, how many there are, how many of them are expected, and the calibration."""

    def tick(self, actor: Actor, now: int) -> int:
        """What has come due by the passing of time; returns how many due posts it concerned."""


class Fulfilment:
    """What people do at the fulfilment desk."""

    def __init__(self, store: Work, files: Files, gate: Gate, actor: Actor, clock: Callable[[], int], events: Events) -> None:
        """Work on a store, with files that leave through a gate, as somebody."""
        self._store, self._files, self._gate, self._actor, self._clock, self._events = store, files, gate, actor, clock, events

    # ------------------------------------------------------------ what is due

    def due(self, on: date | None = None, owner: str | None = None, limit: int | None = None, offset: int = 0) -> DueReport:
        """What is overdue, due on a day (default today), or at risk by its end."""
        now, zone = self._clock(), self._store.zone
        day = local(now, zone).date() if on is None else on
        counts, rows = self._store.due(day_start(day, zone), day_end(day, zone), owner, limit, offset)
        policy = self._store.policy(now)
        return DueReport(day, counts, tuple(_reminded(policy, row, day, zone) for row in rows))

    def tasks(self, question: TaskQuestion) -> list[TaskRow]:
        """Due posts, those that are due first at the front."""
        return self._store.tasks(question)

    def count(self, question: TaskQuestion) -> int:
        """How many due posts there are."""
        return self._store.count(question)

    def by_codes(self, codes: Sequence[str]) -> list[int]:
        """Due posts by their task codes, in their order; UsageError for a code that is none."""
        found = self._store.by_codes(codes)
        unknown = next((code for code in codes if code not in found), None)
        if unknown is not None:
            raise UsageError("unknown_deliverable", id=unknown)
        return [found[code] for code in codes]

    def show(self, task_id: int) -> TaskShown:
        """A due post with all that belongs to it; UsageError for a number that is none."""
        found = self._store.shown(task_id, self._clock())
        if found is None:
            raise UsageError("unknown_deliverable", id=task_id)
        return found

    def tick(self) -> int:
        """What has come due by the passing of time: no-shows are proposed, figures that came are noted."""
        done = self._store.tick(self._actor, self._clock())
        if done:
            self._told(())
        return done

    # ------------------------------------------------------------ what happened

    def note(self, ids: Sequence[int], state: str, at: int | None = None, version: int | None = None, **more: object) -> Done:
        """Note that due posts reached a state; ``more`` are fields of ``Fact``."""
        now = self._clock()
        if state not in SETTABLE:
            raise UsageError("unknown_word", field="state", value=state, known=", ".join(SETTABLE))
        when = now if at is None else at
        if when > now:
            raise UsageError("bad_value", field="at", value=when, reason="in_future")
        fact = Fact(State(state), when, **more)  # type: ignore[arg-type]
        if fact.state is State.REVISE and not (fact.reason or "").strip():
            raise UsageError("value_missing", field="reason")
        if fact.url is not None:
            fact = _with_link(fact)
        return self._done(self._store.note(list(dict.fromkeys(ids)), fact, version, self._actor, now), conduct=True)

    def extend(self, ids: Sequence[int], until: int, reason: str | None = None, agreed_at: int | None = None) -> Done:
        """Agree a later due time; one that was agreed when it was due already moves nothing."""
        now = self._clock()
        return self._done(self._store.extend(list(ids), until, now if agreed_at is None else min(agreed_at, now), reason, self._actor, now), conduct=True)

    def excuse(self, ids: Sequence[int], causes: Sequence[str] | None, reason: str | None = None) -> Done:
        """Name causes on the brand's side (``Cause``), which excuse; None takes them back."""
        for one in causes or ():
            if one not in set(Cause):
                raise UsageError("unknown_word", field="causes", value=one, known=", ".join(Cause))
        return self._done(self._store.excuse(list(ids), causes, reason, self._actor, self._clock()), conduct=True)

    def edit(self, ids: Sequence[int], values: Mapping[str, object], version: int | None = None) -> Done:
        """Set what was agreed of due posts: agreed_due_at, draft_due_at, sample_days, keep_days, format, gone_at, anomaly."""
        unknown = next((name for name in values if name not in EDITED), None)
        if unknown is not None:
            raise UsageError("unknown_field", field=unknown)
        return self._done(self._store.edit(list(ids), values, version, self._actor, self._clock()), conduct=True)

    def remind(self, ids: Sequence[int], on: date | None = None) -> Done:
        """Note that creators were reminded of due posts, with the mark of the day."""
        now, zone = self._clock(), self._store.zone
        policy, day = self._store.policy(now), local(now, zone).date() if on is None else on
        rows = self._store.tasks(TaskQuestion(ids=tuple(ids)))
        marks = {row.id: reminder(policy, row.due_at or row.agreed_due_at, day, zone) or "D" for row in rows}
        return self._done(self._store.remind(marks, self._actor, now))

    # ------------------------------------------------------------ drafts

    def drafts(self, *, waiting: bool = True, ids: Sequence[int] | None = None, owner: str | None = None) -> list[DraftRow]:
        """Drafts that wait for a word, the one that is due first at the front; or all, or those named."""
        return self._store.drafts(self._clock(), waiting, ids, owner)

    def submit(self, task_id: int, text: str | None = None, file: str | None = None, kind: str = "first", at: int | None = None) -> Done:
        """Hand a draft in."""
        return self.note([task_id], State.DRAFT_IN, at, kind=kind, text=text, file=file)

    def review(self, ids: Sequence[int], decision: str, reason: str | None = None, *, brief_changed: bool = False) -> Done:
        """Approve drafts or send them back, many in one operation; on a team's server nobody decides what he handed in."""
        if decision not in {"approve", "revise"}:
            raise UsageError("unknown_word", field="decision", value=decision, known="approve, revise")
        if decision == "revise" and not (reason or "").strip():
            raise UsageError("value_missing", field="reason")
        return self._done(self._store.review(list(ids), decision, reason, brief_changed, self._actor, self._clock()), conduct=True)

    # ------------------------------------------------------------ samples

    def parcels(self, which: str = "all", ids: Sequence[int] | None = None) -> list[ParcelRow]:
        """Parcels: ``all``, or ``address``, ``export``, ``send``, ``under_way``, ``received``, those that wait for that."""
        return self._store.parcels(which, ids)

    def export_batch(self, path: Path, columns: Mapping[str, str] | None = None, ids: Sequence[int] | None = None, batch: str | None = None) -> Done:
        """Write parcels whose address is confirmed for the warehouse: ``columns`` is field -> header, in its order; and note that they went.

        Who may not let contacts out writes a file without them.
        """
        now = self._clock()
        wanted = dict(columns or {name: name for name in _USUAL})
        unknown = next((name for name in wanted if name not in WAREHOUSE_COLUMNS), None)
        if unknown is not None:
            raise UsageError("unknown_field", field=unknown)
        withheld = tuple(name for held in self._gate.withheld for name in _WITHHELD.get(held, ()) if name in wanted)
        shown = {name: header for name, header in wanted.items() if name not in withheld}
        rows = self._store.parcels("export", ids)
        word = batch or f"{local(now, self._store.zone):%Y%m%d-%H%M%S}"
        written = self._files.write_table(path, list(shown.values()), iter([[_cell(row, name, word) for name in shown] for row in rows]))
        let_out(self._gate, FileLeft("parcels", path.name, "", written, tuple(shown), withheld), path)
        return self._done(self._store.export_parcels([row.id for row in rows], word, self._actor, now)) if rows else Done(0, ())

    def waybills(self, request: ImportRequest, job: Job | None = None) -> ImportReport:
        """Take the warehouse's waybills in by order number; a dry run only tells."""
        job, now = job or Quiet(), self._clock()
        request = replace(request, kind="waybills")
        report, done = take_in(
            self._files, request, "waybills", self._store.zone, now, job, lambda parsed: self._store.take_waybills(parsed, request, self._actor, now, job)
        )
        if done.operation_id:
            self._told(())
        return report

    def stock(self) -> list[StockRow]:
        """Samples that there are."""
        return self._store.stock()

    def take_in(self, sku: str, quantity: int, variant: str = "", name: str | None = None, unit_cost_fen: int | None = None) -> list[StockRow]:
        """Take samples in."""
        if not sku.strip():
            raise UsageError("value_missing", field="sku")
        self._store.take_in(sku.strip(), variant.strip(), quantity, name, unit_cost_fen, self._actor, self._clock())
        self._told(())
        return self._store.stock()

    def write_off(self, campaign_id: int | None = None) -> list[WriteOffRow]:
        """Samples by creator, the largest loss first."""
        return self._store.write_off(campaign_id)

    # ------------------------------------------------------------ links

    def match(self, text: str, *, dry_run: bool = False) -> Intake:
        """Give share texts to the due posts that wait for them, all in one operation; a dry run only tells."""
        now = self._clock()
        shared = links.read(text)
        tasks, known = self._store.link_board(shared)
        matched, refused = links.match(shared, tasks, known, now)
        names = self._store.names([one.task.id for one in matched])
        found = tuple(
            LinkMatched(
                one.shared.line, one.shared.url, one.task.platform, one.shared.content_id or "", one.shared.short, one.task.id, one.task.code,
                names[one.task.id][2], *names[one.task.id][:2], min(one.published_at or now, now), one.published_at is not None, one.by,
            )
            for one in matched
        )  # fmt: skip
        left = tuple(LinkRefused(one.shared.line, one.shared.url, one.reason, one.shared.platform, one.shared.content_id, one.tasks) for one in refused)
        if dry_run or not found:
            return Intake(0, found, left)
        facts = [(one.task_id, Fact(State.POSTED, one.posted_at, one.url, one.content_id, one.platform)) for one in found]
        operation = self._store.take_links(facts, self._actor, now)
        self._events.announce(CreatorsChanged(tuple({one.creator_id for one in found}) if len(found) <= _MANY else ()))
        self._told([one.task_id for one in found])
        return Intake(operation, found, left)

    # ------------------------------------------------------------ who will probably not post

    def forecast(self, campaign_id: int | None = None, limit: int | None = 500) -> Forecast:
        """Open due posts, the least likely to be posted on time first."""
        rows, open_, expected, calibration = self._store.forecast(campaign_id, limit, self._clock())
        return Forecast(tuple(ForecastRow(*row) for row in rows), open_, expected, calibration)

    def _done(self, done: Done, *, conduct: bool = False) -> Done:
        if done.operation_id:
            if conduct:
                self._events.announce(CreatorsChanged())
            self._told(done.ids)
        return done

    def _told(self, ids: Sequence[int]) -> None:
        self._events.announce(CampaignsChanged(tuple(ids) if len(ids) <= _MANY else ()), OperationRecorded())


EDITED: Final = ("agreed_due_at", "draft_due_at", "sample_days", "keep_days", "format", "gone_at", "anomaly")
"""What may be set of a due post by itself."""


def _reminded(policy: DeskPolicy, row: TaskRow, day: date, zone: str) -> TaskRow:
    """A row with the reminder that the day is for, unless it was sent."""
    if row.posted_at is not None:
        return row
    mark = reminder(policy, row.due_at or row.agreed_due_at, day, zone)
    return replace(row, remind=mark) if mark is not None and mark not in row.reminded else row


def _with_link(fact: Fact) -> Fact:
    """A fact with the platform and content that its link tells."""
    found = links.read(fact.url or "")
    one = found[0] if found else None
    if one is None or one.platform is None or one.content_id is None:
        raise UsageError("bad_value", field="url", value=fact.url, reason=one.problem if one is not None and one.problem else "no_link")
    return replace(fact, url=one.url, content_id=fact.content_id or one.content_id, platform=one.platform)


def _cell(row: ParcelRow, name: str, batch: str) -> object:
    value = batch if name == "batch" else getattr(row, name)
    return value if value is None or isinstance(value, int) else str(value)
