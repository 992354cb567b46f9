# SPDX-License-Identifier: Apache-2.0
"""The commands of ``koc`` about campaigns, collaborations, the fulfilment desk and link intake."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app import documents
from app.cli_files import Context, DryRun, Encoding, ErrorsTo, InFile, Key, OutFile, Pairs, Platform, Sheet
from app.errors import UsageError
from app.files import ImportRequest
from app.grammar import command, group, moment_of, pair, parts, session_of, when
from app.rules import cells
from app.rules.codes import task_code
from app.rules.facts import FILES
from app.services import Services
from app.terminal import Session, minute, table, yuan
from app.values import Ranked, iso

if TYPE_CHECKING:
    from app.files import ImportReport
    from app.usecases.campaigns import CampaignRow, DealRow
    from app.usecases.campaigns import Done as DealsDone
    from app.usecases.content import Done, Intake, ParcelRow, TaskRow
    from app.words import Words

_SHOWN: Final = 60
_NUMBERS: Final = frozenset(
    {"budget_fen", "fee_fen", "platform_fee_fen", "commission_bp", "free_revisions", "reserve", "sample_days", "keep_days"}
)  # fmt: skip
_FLAG: Final = FILES["quotes"].fields["tax_included"]
_SPANS: Final = frozenset({"until", "agreed_at", "starts_at", "ends_at"})

_campaign = group("campaign")
_collab = group("collab")
_fulfil = group("fulfil")
_links = group("links")

CampaignId = Annotated[int, typer.Argument(metavar="ID", help="help.argument.campaign")]
DealIds = Annotated[str, typer.Argument(metavar="ID[,ID]", help="help.argument.collaborations")]
TaskIds = Annotated[str, typer.Argument(metavar="DELIVERABLE[,…]", help="help.argument.deliverables")]
Values = Annotated[list[str], typer.Argument(metavar="F=V …", help="help.argument.values")]
Reason = Annotated[str, typer.Option("--reason", help="help.option.reason")]
OfCampaign = Annotated[int | None, typer.Option("--campaign", metavar="ID", help="help.option.campaign")]
Owner = Annotated[str | None, typer.Option("--owner", help="help.option.owner")]
Limit = Annotated[int | None, typer.Option("--limit", min=0, help="help.option.limit")]
Offset = Annotated[int, typer.Option("--offset", min=0, help="help.option.offset")]
At = Annotated[str | None, typer.Option("--at", metavar="DATE", help="help.option.at")]


# ---------------------------------------------------------------- records as documents


def plain(record: Any) -> Any:  # noqa: ANN401 (any record, as JSON has it)
    """A record as a JSON document: codes for ranks, ISO times, records within."""
    if isinstance(record, Ranked):
        return record.code
    if is_dataclass(record) and not isinstance(record, type):
        return {one.name: _named(one.name, getattr(record, one.name)) for one in fields(record)}
    if isinstance(record, date):
        return record.isoformat()
    if isinstance(record, Mapping):
        return {str(key): plain(value) for key, value in record.items()}
    if isinstance(record, list | tuple | set | frozenset):
        return [plain(one) for one in record]
    return record


def _named(name: str, value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool | Ranked) and (name.endswith("_at") or name in _SPANS):
        return iso(value)
    return plain(value)


def deals_of(services: Services, creator_id: int) -> list[object]:
    """A creator's collaborations as documents."""
    from app.usecases.campaigns import DealQuestion

    return [plain(row) for row in services.campaigns.collaborations(DealQuestion(creator_id=creator_id))]


def _ids(text: str) -> list[int]:
    """Numbers of a list with commas; ``-`` reads them from stdin."""
    words = sys.stdin.read().split() if text == "-" else list(parts(text))
    try:
        found = [int(word.rstrip(",")) for word in words]
    except ValueError as error:
        raise UsageError("not_a_number", text=text) from error
    if not found:
        raise UsageError("value_missing", field="id")
    return found


def _tasks(services: Services, text: str) -> list[int]:
    """Due posts by their numbers or their task codes."""
    words = sys.stdin.read().split() if text == "-" else list(parts(text))
    codes = [code for word in words for code in task_code.find(word)]
    numbers = [word for word in words if not list(task_code.find(word))]
    return [*services.fulfilment.by_codes(codes), *(_ids(",".join(numbers)) if numbers else [])]


def _typed(names: Sequence[str], values: Sequence[str], zone: str) -> dict[str, object]:
    """Values of ``F=V`` words; an empty one is none."""
    made: dict[str, object] = {}
    for name, value in map(pair, values):
        if name not in names:
            raise UsageError("unknown_field", field=name)
        made[name] = None if not value else _value(name, value, zone)
    return made


def _value(name: str, value: str, zone: str) -> object:
    if name in _NUMBERS:
        return _number(name, value)
    if name in {"registered", "tracked"}:
        return cells.typed(_FLAG, value, zone)
    if name in {"starts_on", "ends_on"}:
        return _day(value, name).isoformat()
    if name.endswith("_due_at"):
        return moment_of(value, zone)
    return when(value, name, zone) if name.endswith("_at") else value


def _number(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise UsageError("bad_value", field=name, value=value, reason="not_a_number") from error


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError("bad_value", field=field, value=text, reason="bad_date") from error


def _answer_done(session: Session, done: Done | DealsDone, rows: Sequence[object], text: str = "") -> None:
    words = session.words
    document = {"operation_id": done.operation_id, "changed": len(done.ids), "ids": list(done.ids), "left": plain(done.left), "rows": plain(rows)}
    lines = [words.plural("cli.changed", len(done.ids))]
    lines += [words("cli.left", id=one.id, why=words(f"left.{one.code}", **one.details)) for one in done.left[:_SHOWN]]
    session.answer(document, lambda: "\n".join([*lines, text]).rstrip())
    raise typer.Exit(1 if done.left else 0)


# ---------------------------------------------------------------- campaigns


@command(_campaign, "list", "campaign_list")
def _list_campaigns(context: Context) -> None:
    session = session_of(context)
    with session.services() as services:
        rows = services.campaigns.all()
    session.answer({"rows": plain(rows)}, lambda: _campaign_text(session.words, rows))


def _campaign_text(words: Words, rows: Sequence[CampaignRow]) -> str:
    names = ("campaign.code", "field.name", "campaign.state", "campaign.period", "campaign.budget", "campaign.agreed", "campaign.deals", "campaign.posted")
    lines = [
        [str(one.id), one.code, one.name, words(f"campaign.state.{one.state}") if one.state in _STATES else one.state, _period(one),
         None if one.budget_fen is None else yuan(one.budget_fen), yuan(one.agreed_fen), sum(one.deals.values()), f"{one.posted}/{one.tasks}"]
        for one in rows
    ]  # fmt: skip
    return table(["id", *map(words, names)], lines)


_STATES: Final = ("planned", "running", "closed")


def _period(one: CampaignRow) -> str:
    return f"{one.starts_on or ''} – {one.ends_on or ''}" if one.starts_on or one.ends_on else ""


@command(_campaign, "show", "campaign_show")
def _show_campaign(context: Context, number: CampaignId) -> None:
    from app.usecases.campaigns import DealQuestion

    session = session_of(context)
    words = session.words
    with session.services() as services:
        row = services.campaigns.one(number)
        deals = services.campaigns.collaborations(DealQuestion(campaign_id=number))
        standing = services.campaigns.standings(number)
    document = {"campaign": plain(row), "collaborations": plain(deals), "standings": plain(standing)}
    session.answer(document, lambda: _campaign_text(words, [row]) + "\n" + _deal_text(words, deals[:_SHOWN]))


@command(_campaign, "add", "campaign_add")
def _add_campaign(
    context: Context,
    name: Annotated[str, typer.Option("--name", help="help.option.campaign_name")],
    values: Annotated[list[str] | None, typer.Argument(metavar="F=V …", help="help.argument.values")] = None,
) -> None:
    from app.usecases.campaigns import CAMPAIGN_FIELDS

    session = session_of(context)
    with session.services() as services:
        row = services.campaigns.add({"name": name, **_typed(CAMPAIGN_FIELDS, values or [], services.zone)})
    session.answer({"campaign": plain(row)}, lambda: _campaign_text(session.words, [row]))


@command(_campaign, "set", "campaign_set")
def _set_campaign(context: Context, number: CampaignId, values: Values) -> None:
    from app.usecases.campaigns import CAMPAIGN_FIELDS

    session = session_of(context)
    with session.services() as services:
        row = services.campaigns.edit(number, _typed(CAMPAIGN_FIELDS, values, services.zone))
    session.answer({"campaign": plain(row)}, lambda: _campaign_text(session.words, [row]))


# ---------------------------------------------------------------- collaborations


@command(_collab, "list", "collab_list")
def _list_deals(
    context: Context,
    campaign: OfCampaign = None,
    creator: Annotated[str | None, typer.Option("--creator", metavar="ID", help="help.argument.creator")] = None,
    state: Annotated[str, typer.Option("--state", metavar="S,S", help="help.option.deal_state")] = "",
    owner: Owner = None,
    search: Annotated[str, typer.Option("--search", help="help.option.search")] = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> None:
    from app.usecases.campaigns import DealQuestion

    session = session_of(context)
    with session.services() as services:
        one = None if creator is None else services.creators.find(creator)
        question = DealQuestion(campaign, one, parts(state), owner, search, limit=limit, offset=offset)
        rows, total = services.campaigns.collaborations(question), services.campaigns.count(question)
    session.answer({"total": total, "rows": plain(rows)}, lambda: _deal_text(session.words, rows))


def _deal_text(words: Words, rows: Sequence[DealRow]) -> str:
    names = (
        "field.name",
        "field.platform",
        "campaign.name",
        "deal.state",
        "deal.form",
        "field.fee_fen",
        "deal.quote",
        "deal.step",
        "deal.next_at",
        "field.owner",
    )
    lines = [
        [str(one.id), one.creator, words.platform(one.platform) if one.platform else "", one.campaign, _word(words, "deal.state", one.state),
         _word(words, "deal.form", one.form), None if one.fee_fen is None else yuan(one.fee_fen), None if one.quote_fen is None else yuan(one.quote_fen),
         _word(words, "deal.step", one.step), minute(one.next_at), one.owner]
        for one in rows
    ]  # fmt: skip
    return table(["id", *map(words, names)], lines)


def _word(words: Words, family: str, code: str | None) -> str:
    return "" if code is None else words(f"{family}.{code}")


@command(_collab, "add", "collab_add")
def _add_deals(
    context: Context,
    campaign: Annotated[int, typer.Argument(metavar="CAMPAIGN", help="help.argument.campaign")],
    creators: Annotated[list[str], typer.Argument(metavar="CREATOR …", help="help.argument.creators")],
    values: Annotated[str, typer.Option("--terms", metavar="F=V,F=V", help="help.option.terms")] = "",
    platform: Annotated[str | None, typer.Option("--platform", help="help.option.platform")] = None,
    format_: Annotated[str, typer.Option("--format", metavar="image|video|long_video|live|story|review", help="help.option.format")] = "video",
    posts: Annotated[int, typer.Option("--posts", min=0, help="help.option.posts")] = 1,
    due: Annotated[str | None, typer.Option("--due", metavar="DATE", help="help.option.due")] = None,
    draft_due: Annotated[str | None, typer.Option("--draft-due", metavar="DATE", help="help.option.draft_due")] = None,
    sample_days: Annotated[int | None, typer.Option("--sample-days", min=0, help="help.option.sample_days")] = None,
    keep_days: Annotated[int | None, typer.Option("--keep-days", min=0, help="help.option.keep_days")] = None,
    sku: Annotated[str | None, typer.Option("--sku", help="help.option.sku")] = None,
    variant: Annotated[str | None, typer.Option("--variant", help="help.option.variant")] = None,
) -> None:
    from app.usecases.campaigns import DEAL_FIELDS, DealQuestion, Plan, Terms

    session = session_of(context)
    with session.services() as services:
        zone = services.zone
        known: dict[str, Any] = _typed(DEAL_FIELDS, parts(values), zone)
        plan = None if not posts else Plan(format_, posts, moment_of(due, zone), moment_of(draft_due, zone), sample_days, keep_days, sku, variant)
        done = services.campaigns.propose(campaign, [services.creators.find(one) for one in creators], Terms(**known), plan, platform)
        rows = services.campaigns.collaborations(DealQuestion(ids=done.ids)) if done.ids else []
    _answer_done(session, done, rows, _deal_text(session.words, rows))


@command(_collab, "set", "collab_set")
def _set_deals(
    context: Context,
    numbers: DealIds,
    state: Annotated[str, typer.Argument(metavar="STATE", help="help.argument.deal_state")],
    reason: Reason = "",
    at: At = None,
    version: Annotated[int | None, typer.Option("--version", help="help.option.expected")] = None,
) -> None:
    from app.usecases.campaigns import DealQuestion

    session = session_of(context)
    with session.services() as services:
        moment = None if at is None else when(at, "at", services.zone)
        ids = _ids(numbers)
        done = services.campaigns.move(ids, state, reason or None, at=moment, version=version)
        rows = services.campaigns.collaborations(DealQuestion(ids=tuple(ids), limit=100))
    _answer_done(session, done, rows, _deal_text(session.words, rows))


@command(_collab, "edit", "collab_edit")
def _edit_deals(context: Context, numbers: DealIds, values: Values) -> None:
    from app.usecases.campaigns import DEAL_FIELDS, DealQuestion

    session = session_of(context)
    with session.services() as services:
        ids = _ids(numbers)
        done = services.campaigns.agree(ids, _typed(DEAL_FIELDS, values, services.zone))
        rows = services.campaigns.collaborations(DealQuestion(ids=tuple(ids), limit=100))
    _answer_done(session, done, rows, _deal_text(session.words, rows))


@command(_collab, "quote", "collab_quote")
def _quote(
    context: Context,
    number: Annotated[int, typer.Argument(metavar="ID", help="help.argument.collaborations")],
    fee: Annotated[int, typer.Option("--fee-fen", min=0, help="help.option.fee_fen")],
    format_: Annotated[str, typer.Option("--format", metavar="image|video|long_video|live|story|review", help="help.option.format")] = "video",
    platform_fee: Annotated[int | None, typer.Option("--platform-fee-fen", min=0, help="help.option.platform_fee")] = None,
    rebate: Annotated[int | None, typer.Option("--rebate-bp", min=0, max=10_000, help="help.option.rebate")] = None,
    valid_to: Annotated[str | None, typer.Option("--valid-to", metavar="DATE", help="help.option.valid_to")] = None,
    source: Annotated[str | None, typer.Option("--source", help="help.option.quote_source")] = None,
) -> None:
    from app.usecases.campaigns import NewQuote

    session = session_of(context)
    with session.services() as services:
        account = services.campaigns.collaboration(number).account_id
        until = None if valid_to is None else _day(valid_to, "valid_to").isoformat()
        made = NewQuote(account, format_, fee, collaboration_id=number, platform_fee_fen=platform_fee, rebate_bp=rebate, valid_to=until, source=source)
        done = services.campaigns.quote([made])
        beside = services.campaigns.prices([(account, format_)])
    _answer_done(session, done, beside)


@command(_collab, "quotes", "collab_quotes")
def _quotes(
    context: Context,
    file: InFile,
    sheet: Sheet = None,
    platform: Platform = None,
    mapping: Pairs = None,
    key: Key = "",
    encoding: Encoding = None,
    dry_run: DryRun = False,
    errors: ErrorsTo = None,
) -> None:
    session = session_of(context)
    request = ImportRequest(file, sheet, platform, dict(map(pair, mapping or [])), parts(key), encoding, dry_run, errors)
    with session.services() as services, session.job() as job:
        told = services.campaigns.quote_sheet(request, job)
    _answer_report(session, told)


def _answer_report(session: Session, told: ImportReport) -> None:
    words = session.words
    names = ("read", "inserted", "updated", "unchanged", "rejected", "duplicates")
    lines = [table([words(f"report.{name}") for name in names], [[getattr(told, name) for name in names]])]
    lines += [f"{one.row}  {one.column or ''}  {one.value}  {words(f'reject.{one.code}')}\n" for one in told.errors[:_SHOWN]]
    session.answer(documents.report(told, words), lambda: "".join(lines))
    raise typer.Exit(1 if told.rejected else 0)


@command(_collab, "standing", "collab_standing")
def _standing(context: Context, campaign: OfCampaign = None, as_of: At = None) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        rows = services.campaigns.standings(campaign, moment_of(as_of, services.zone))
    header = ["id", words("field.name"), words("campaign.name"), words("deal.standing"), words("deal.cost")]
    lines = [[str(one.id), one.creator, one.campaign, words(_STANDINGS[one.standing.code]), yuan(one.cost_fen)] for one in rows]
    session.answer({"rows": plain(rows)}, lambda: table(header, lines))


_STANDINGS: Final = {
    "enters": "standing.roi.enters",
    "in_flight": "standing.roi.in_flight",
    "not_measurable": "standing.roi.not_measurable",
}


@command(_collab, "book", "collab_book")
def _book(context: Context, numbers: DealIds) -> None:
    session = session_of(context)
    with session.services() as services:
        done = services.campaigns.book(_ids(numbers))
    _answer_done(session, done, [])


@command(_collab, "rival", "collab_rival")
def _rival(
    context: Context,
    creators: Annotated[list[str], typer.Argument(metavar="CREATOR …", help="help.argument.creators")],
    brand: Annotated[str, typer.Option("--brand", help="help.option.brand")],
    category: Annotated[str | None, typer.Option("--category", help="help.option.category")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="DATE", help="help.option.from")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DATE", help="help.option.to")] = None,
) -> None:
    session = session_of(context)
    with session.services() as services:
        starts = None if since is None else when(since, "from", services.zone)
        found = [services.creators.find(one) for one in creators]
        done = services.campaigns.bind(found, brand, category, starts, moment_of(until, services.zone))
        rows = services.campaigns.exclusivities()
    _answer_done(session, done, rows)


# ---------------------------------------------------------------- the fulfilment desk


@command(_fulfil, "due", "fulfil_due")
def _due(
    context: Context,
    on: Annotated[str | None, typer.Option("--on", metavar="DATE", help="help.option.on")] = None,
    owner: Owner = None,
    limit: Limit = 500,
    offset: Offset = 0,
) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        told = services.fulfilment.due(None if on is None else _day(on, "on"), owner, limit, offset)
    document = {"on": told.on.isoformat(), "total": told.total, "counts": plain(told.counts), "rows": plain(told.rows)}
    session.answer(document, lambda: _task_text(words, told.rows) + words("cli.shown", shown=len(told.rows), total=told.total))


def _task_text(words: Words, rows: Sequence[TaskRow]) -> str:
    names = (
        "task.code",
        "field.name",
        "field.platform",
        "campaign.name",
        "task.urgency",
        "deal.step",
        "deal.next_at",
        "task.due_at",
        "task.remind",
        "field.owner",
    )
    lines = [
        [str(one.id), one.code, one.creator, words.platform(one.platform) if one.platform else "", one.campaign, _word(words, "task.urgency", one.urgency),
         _word(words, "deal.step", one.step), minute(one.next_at), minute(one.due_at or one.agreed_due_at), one.remind, one.owner]
        for one in rows
    ]  # fmt: skip
    return table(["id", *map(words, names)], lines)


@command(_fulfil, "show", "fulfil_show")
def _show_task(context: Context, numbers: TaskIds) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        shown = services.fulfilment.show(_tasks(services, numbers)[0])
    events = [[words.event_type(one.type), minute(one.happened_at), one.confirmed_at is not None] for one in shown.events]
    session.answer(plain(shown), lambda: _task_text(words, [shown.row]) + table([words("credit.type"), words("cli.at"), ""], events))


@command(_fulfil, "set", "fulfil_set")
def _set_task(
    context: Context,
    numbers: TaskIds,
    state: Annotated[str, typer.Argument(metavar="STATE", help="help.argument.task_state")],
    at: At = None,
    url: Annotated[str | None, typer.Option("--url", metavar="U", help="help.option.url")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="help.option.reason")] = None,
    brief_changed: Annotated[bool, typer.Option("--brief-changed", help="help.option.brief_changed")] = False,
    text: Annotated[str | None, typer.Option("--text", help="help.option.text")] = None,
    values: Annotated[str, typer.Option("--with", metavar="F=V,F=V", help="help.option.with")] = "",
    figures: Annotated[str, typer.Option("--figures", metavar="views=N,likes=N", help="help.option.figures")] = "",
    source: Annotated[str | None, typer.Option("--source", metavar="self_reported|checked", help="help.option.figure_source")] = None,
    evidence: Annotated[str | None, typer.Option("--evidence", metavar="TEXT|FILE", help="help.option.evidence")] = None,
) -> None:
    from app.usecases.content import TaskQuestion

    session = session_of(context)
    with session.services() as services:
        moment = None if at is None else when(at, "at", services.zone)
        ids = _tasks(services, numbers)
        numbers_ = {name: _number(name, value) for name, value in map(pair, parts(figures))}
        more: dict[str, Any] = {name: _number(name, value) if name == "freight_fen" else value for name, value in map(pair, parts(values))}
        unknown = next((name for name in more if name not in _WITH), None)
        if unknown is not None:
            raise UsageError("unknown_field", field=unknown)
        done = services.fulfilment.note(
            ids, state, moment, url=url, reason=reason, brief_changed=brief_changed, text=text, figures=numbers_, source=source, evidence=evidence, **more
        )
        rows = services.fulfilment.tasks(TaskQuestion(ids=tuple(ids), limit=100))
    _answer_done(session, done, rows, _task_text(session.words, rows))


_WITH: Final = frozenset({"sku", "variant", "recipient", "phone", "address", "carrier", "waybill", "freight_fen", "kind", "file"})


@command(_fulfil, "edit", "fulfil_edit")
def _edit_task(context: Context, numbers: TaskIds, values: Values) -> None:
    from app.usecases.content import EDITED, TaskQuestion

    session = session_of(context)
    with session.services() as services:
        ids = _tasks(services, numbers)
        done = services.fulfilment.edit(ids, _typed(EDITED, values, services.zone))
        rows = services.fulfilment.tasks(TaskQuestion(ids=tuple(ids), limit=100))
    _answer_done(session, done, rows, _task_text(session.words, rows))


@command(_fulfil, "extend", "fulfil_extend")
def _extend(
    context: Context,
    numbers: TaskIds,
    until: Annotated[str, typer.Option("--until", metavar="DATE", help="help.option.until_due")],
    reason: Annotated[str | None, typer.Option("--reason", help="help.option.reason")] = None,
) -> None:
    session = session_of(context)
    with session.services() as services:
        moment = moment_of(until, services.zone)
        done = services.fulfilment.extend(_tasks(services, numbers), moment or 0, reason)
    _answer_done(session, done, [])


@command(_fulfil, "excuse", "fulfil_excuse")
def _excuse(
    context: Context,
    numbers: TaskIds,
    causes: Annotated[list[str] | None, typer.Argument(metavar="CAUSE …", help="help.argument.causes")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="help.option.reason")] = None,
) -> None:
    session = session_of(context)
    with session.services() as services:
        done = services.fulfilment.excuse(_tasks(services, numbers), causes or None, reason)
    _answer_done(session, done, [])


@command(_fulfil, "remind", "fulfil_remind")
def _remind(context: Context, numbers: TaskIds) -> None:
    session = session_of(context)
    with session.services() as services:
        done = services.fulfilment.remind(_tasks(services, numbers))
    _answer_done(session, done, [])


@command(_fulfil, "drafts", "fulfil_drafts")
def _drafts(context: Context, owner: Owner = None) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        rows = services.fulfilment.drafts(owner=owner)
    header = [
        "id",
        *(words(key) for key in ("task.code", "field.name", "campaign.name", "draft.version", "draft.submitted_at", "draft.review_due_at", "draft.next")),
    ]
    lines = [
        [str(one.id), one.task_code, one.creator, one.campaign, one.version, minute(one.submitted_at), minute(one.review_due_at),
         one.chain[min(one.place, len(one.chain) - 1)]]
        for one in rows
    ]  # fmt: skip
    session.answer({"rows": plain(rows)}, lambda: table(header, lines))


@command(_fulfil, "review", "fulfil_review")
def _review(
    context: Context,
    numbers: Annotated[str, typer.Argument(metavar="DRAFT[,DRAFT]", help="help.argument.drafts")],
    decision: Annotated[str, typer.Argument(metavar="approve|revise", help="help.argument.decision")],
    reason: Annotated[str | None, typer.Option("--reason", help="help.option.reason")] = None,
    brief_changed: Annotated[bool, typer.Option("--brief-changed", help="help.option.brief_changed")] = False,
) -> None:
    session = session_of(context)
    with session.services() as services:
        done = services.fulfilment.review(_ids(numbers), decision, reason, brief_changed=brief_changed)
    _answer_done(session, done, [])


@command(_fulfil, "parcels", "fulfil_parcels")
def _parcels(
    context: Context, which: Annotated[str, typer.Option("--which", metavar="all|address|export|send|under_way|received", help="help.option.which")] = "all"
) -> None:
    session = session_of(context)
    with session.services() as services:
        rows = services.fulfilment.parcels(which)
    session.answer({"rows": plain(rows)}, lambda: _parcel_text(session.words, rows))


def _parcel_text(words: Words, rows: Sequence[ParcelRow]) -> str:
    names = ("parcel.order_no", "field.name", "campaign.name", "parcel.sku", "parcel.variant", "parcel.sent_at", "parcel.waybill", "parcel.received_at")
    lines = [[one.order_no, one.creator, one.campaign, one.sku, one.variant, minute(one.sent_at), one.waybill, minute(one.received_at)] for one in rows]
    return table([*map(words, names)], lines)


@command(_fulfil, "batch", "fulfil_batch")
def _batch(
    context: Context,
    file: OutFile,
    columns: Annotated[str, typer.Option("--columns", metavar="F=HEADER,F=HEADER", help="help.option.warehouse_columns")] = "",
    batch: Annotated[str | None, typer.Option("--batch", help="help.option.batch")] = None,
) -> None:
    session = session_of(context)
    chosen = {name: header or name for name, _, header in (word.partition("=") for word in parts(columns))}
    with session.services() as services:
        done = services.fulfilment.export_batch(file, chosen or None, batch=batch)
    _answer_done(session, done, [])


@command(_fulfil, "waybills", "fulfil_waybills")
def _waybills(
    context: Context, file: InFile, sheet: Sheet = None, mapping: Pairs = None, encoding: Encoding = None, dry_run: DryRun = False, errors: ErrorsTo = None
) -> None:
    session = session_of(context)
    request = ImportRequest(file, sheet, None, dict(map(pair, mapping or [])), (), encoding, dry_run, errors)
    with session.services() as services, session.job() as job:
        told = services.fulfilment.waybills(request, job)
    _answer_report(session, told)


@command(_fulfil, "stock", "fulfil_stock")
def _stock(
    context: Context,
    sku: Annotated[str | None, typer.Argument(metavar="SKU", help="help.option.sku")] = None,
    quantity: Annotated[int, typer.Argument(metavar="N", help="help.argument.quantity")] = 0,
    variant: Annotated[str, typer.Option("--variant", help="help.option.variant")] = "",
    cost: Annotated[int | None, typer.Option("--unit-cost-fen", min=0, help="help.option.unit_cost")] = None,
) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        rows = services.fulfilment.stock() if sku is None else services.fulfilment.take_in(sku, quantity, variant, unit_cost_fen=cost)
    header = [words(key) for key in ("parcel.sku", "parcel.variant", "stock.stocked", "stock.reserved", "stock.sent", "stock.free")]
    lines = [[one.sku, one.variant, one.stocked, one.reserved, one.sent, one.free] for one in rows]
    session.answer({"rows": [{**plain(one), "free": one.free} for one in rows]}, lambda: table(header, lines))


@command(_fulfil, "losses", "fulfil_losses")
def _losses(context: Context, campaign: OfCampaign = None) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        rows = services.fulfilment.write_off(campaign)
    header = ["id", *(words(key) for key in ("field.name", "loss.sent", "loss.cost", "loss.lost", "loss.lost_fen"))]
    lines = [[str(one.told.creator_id), one.creator, one.told.sent, yuan(one.told.cost_fen), one.told.lost, yuan(one.told.lost_fen)] for one in rows]
    session.answer({"rows": [{"creator": one.creator, **plain(one.told)} for one in rows]}, lambda: table(header, lines))


@command(_fulfil, "forecast", "fulfil_forecast")
def _forecast(context: Context, campaign: OfCampaign = None) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        told = services.fulfilment.forecast(campaign)
    header = ["id", words("field.name"), words("campaign.name"), words("task.due_at"), words("forecast.chance"), words("forecast.told")]
    lines = [
        [str(one.task.id), one.task.creator, one.task.campaign, minute(one.task.due_at), f"{one.chance:.2f}", f"{one.calibrated:.2f}"]
        for one in told.rows[:_SHOWN]
    ]
    session.answer(plain(told), lambda: table(header, lines))


@command(_fulfil, "tick", "fulfil_tick")
def _tick(context: Context) -> None:
    session = session_of(context)
    with session.services() as services:
        done = services.fulfilment.tick()
    session.answer({"changed": done}, lambda: session.words.plural("cli.changed", done))


# ---------------------------------------------------------------- link intake


@_links.callback()
def _only_match() -> None:
    """Keep ``match`` a word of its own though it stands alone."""


@command(_links, "match", "links_match")
def _match(context: Context, file: Annotated[Path, typer.Argument(metavar="FILE|-", help="help.argument.share_texts")], dry_run: DryRun = False) -> None:
    session = session_of(context)
    text = sys.stdin.read() if str(file) == "-" else _read(file)
    with session.services() as services:
        told = services.fulfilment.match(text, dry_run=dry_run)
    words = session.words
    unmatched = [{**plain(one), "message": words(f"link.{one.reason}")} for one in told.unmatched]
    document = {"operation_id": told.operation_id, "matched": plain(told.matched), "unmatched": unmatched}
    session.answer(document, lambda: _intake_text(words, told))
    raise typer.Exit(1 if told.unmatched else 0)


def _intake_text(words: Words, told: Intake) -> str:
    header = [words(key) for key in ("link.line", "task.code", "field.name", "campaign.name", "link.content")]
    lines = [[one.line, one.task_code, one.creator, one.campaign, one.content_id] for one in told.matched]
    refused = [[one.line, words(f"link.{one.reason}"), one.url] for one in told.unmatched]
    return table(header, lines) + (table([words("link.line"), words("link.reason"), words("link.url")], refused) if refused else "")


def _read(path: Path) -> str:
    """A text of any of the encodings that texts come in."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError("no_file", path=str(path)) from error
    except OSError as error:
        raise UsageError("cannot_read", path=str(path)) from error
    for encoding in ("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UsageError("cannot_read", path=str(path))


def add_to(koc: typer.Typer) -> None:
    """Add these commands."""
    for made, word in ((_campaign, "campaign"), (_collab, "collab"), (_fulfil, "fulfil"), (_links, "links")):
        koc.add_typer(made, name=word)
