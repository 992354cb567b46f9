# SPDX-License-Identifier: Apache-2.0
"""The commands of ``koc`` about recruiting: stages, the pool, plans, contacts, the copy queue, mail, training and entitlements."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli_files import Context, DryRun, InFile
from app.errors import UsageError
from app.grammar import command, group, session_of, when
from app.rules import cells
from app.rules.fields import CREATOR_FIELDS, platform_code
from app.rules.outreach import IN, OUT
from app.services import Services
from app.terminal import Session, minute, table, yuan
from app.usecases.incentives import NewEntitlement
from app.usecases.outreach import MailSettings, NewContact, NewTemplate
from app.usecases.recruiting import PlanCell
from app.values import CreditGrade, Group, Ranked, Stage, day_end, day_start, iso
from app.words import Words

if TYPE_CHECKING:
    from app.usecases.incentives import EntitlementRow
    from app.usecases.outreach import ContactRow, TemplateRow
    from app.usecases.recruiting import Done, FunnelStage

_MOMENTS: Final = frozenset({"at", "answer_by", "reached_at", "earliest", "latest", "protected_until", "until"})
_SHOWN: Final = 60

Reference = Annotated[str, typer.Argument(metavar="ID", help="help.argument.creator")]
References = Annotated[list[str], typer.Argument(metavar="ID …", help="help.argument.creators")]
Reason = Annotated[str, typer.Option("--reason", help="help.option.reason")]
Limit = Annotated[int, typer.Option("--limit", min=0, help="help.option.limit")]
Channel = Annotated[str, typer.Option("--channel", metavar="wechat|phone|email|platform|sms|other", help="help.option.channel")]
TemplateName = Annotated[str, typer.Argument(metavar="TEMPLATE", help="help.argument.template")]

_stage = group("stage")
_contact = group("contact")
_recruit = group("recruit")
_template = group("recruit_template")
_mail = group("recruit_mail")
_course = group("recruit_course")
_entitlement = group("recruit_entitlement")


def plain(record: Any) -> Any:  # noqa: ANN401 (any record, as JSON has it)
    """A record as a JSON document: codes for ranks, ISO times, records within."""
    if isinstance(record, Ranked):
        return record.code
    if is_dataclass(record) and not isinstance(record, type):
        return {one.name: _named(one.name, getattr(record, one.name)) for one in fields(record)}
    if isinstance(record, Mapping):
        return {key.code if isinstance(key, Ranked) else "" if key is None else str(key): plain(value) for key, value in record.items()}
    if isinstance(record, list | tuple | set | frozenset):
        return [plain(one) for one in record]
    return record


def _named(name: str, value: object) -> object:
    if isinstance(value, int) and not isinstance(value, Ranked) and (name in _MOMENTS or name.endswith("_at")):
        return iso(value)
    return plain(value)


def _all(services: Services, references: Sequence[str]) -> list[int]:
    return [services.creators.find(one) for one in references]


def _answer_done(session: Session, done: Done, extra: Mapping[str, object] | None = None) -> None:
    words = session.words
    document = {"changed": done.changed, "operation_id": done.operation_id, "left": plain(done.left), **(extra or {})}
    lines = [words.plural("cli.recruited", done.changed)]
    lines += [words("cli.left", id=one.creator_id, why=words(f"left.{one.code}")) for one in done.left[:_SHOWN]]
    session.answer(document, lambda: "\n".join(lines))
    raise typer.Exit(1 if done.left else 0)


# ---------------------------------------------------------------- stages


@command(_stage, "move", "stage_move")
def _move(
    context: Context,
    reference: Reference,
    to: Annotated[str, typer.Argument(metavar="STAGE", help="help.argument.stage")],
    reason: Reason = "",
) -> None:
    session = session_of(context)
    target = cells.typed(CREATOR_FIELDS["stage"], to, "UTC")
    if target is None:
        raise UsageError("value_missing", field="stage")
    stage = Stage(target)
    with session.services() as services:
        one = services.creators.find(reference)
        before = services.creators.rows([one])[0].stage
        moved = services.recruiting.move([one], stage, reason or None)
    document = {"moved": int(moved > 0), "id": one, "from": before.code, "to": stage.code}
    session.answer(document, lambda: session.words("cli.moved", id=one, stage=session.words(f"stage.{stage.code}")))


@command(_stage, "funnel", "stage_funnel")
def _funnel(
    context: Context,
    since: Annotated[str | None, typer.Option("--from", metavar="DATE", help="help.option.from")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DATE", help="help.option.to")] = None,
    by_source: Annotated[bool, typer.Option("--by-source", help="help.option.by_source")] = False,
) -> None:
    session = session_of(context)
    with session.services() as services:
        first, last = _day(since, "from"), _day(until, "to")
        zone = services.zone
        found = services.recruiting.funnel(
            None if first is None else day_start(first, zone), None if last is None else day_end(last, zone), by_source=by_source
        )
    document: dict[str, object] = {"stages": [_stage_document(one) for one in found.stages]}
    if by_source:
        document["sources"] = [{"source": source, "stages": [_stage_document(one) for one in stages]} for source, stages in found.sources.items()]
    session.answer(document, lambda: _funnel_text(session.words, found.stages, found.sources))


def _day(text: str | None, name: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise UsageError("bad_value", field=name, value=text, reason="bad_date") from error


def _stage_document(one: FunnelStage) -> dict[str, object]:
    return {**plain(one), "conversion": one.conversion}


def _funnel_text(words: Words, stages: Sequence[FunnelStage], sources: Mapping[str | None, Sequence[FunnelStage]]) -> str:
    header = [words(f"funnel.{name}") for name in ("stage", "count", "entered", "conversion", "median_days")]
    parts = [table(header, [_stage_row(words, one) for one in stages])]
    for source, some in sources.items():
        parts += ["", source or words("funnel.no_source"), table(header, [_stage_row(words, one) for one in some if one.count or one.entered])]
    return "\n".join(parts)


def _stage_row(words: Words, one: FunnelStage) -> list[object]:
    share = "" if one.conversion is None else f"{one.conversion:.1%}"
    return [words(f"stage.{one.stage.code}"), one.count, one.entered, share, "" if one.median_days is None else f"{one.median_days:.1f}"]


@command(_stage, "overdue", "stage_overdue")
def _overdue(
    context: Context,
    owner: Annotated[str | None, typer.Option("--owner", help="help.option.owner")] = None,
    pool: Annotated[bool, typer.Option("--pool", help="help.option.pool")] = False,
    limit: Limit = 100,
    offset: Annotated[int, typer.Option(min=0, help="help.option.offset")] = 0,
) -> None:
    session = session_of(context)
    with session.services() as services:
        found = services.recruiting.overdue("" if pool else owner, limit, offset)
    words = session.words
    header = ["id", *(words(f"field.{name}") for name in ("name", "stage", "owner", "source")), words("overdue.last_word"), words("overdue.days")]
    rows = [[str(one.creator_id), one.name, words(f"stage.{one.stage.code}"), one.owner, one.source, minute(one.last_word_at), one.days] for one in found.rows]
    session.answer(
        {"total": found.total, "rows": plain(found.rows)}, lambda: table(header, rows) + words("cli.shown", shown=len(rows), total=f"{found.total:,}")
    )


# ---------------------------------------------------------------- contact log


@command(_contact, "add", "contact_add")
def _contact_add(
    context: Context,
    reference: Reference,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="help.argument.text")],
    channel: Channel = "wechat",
    incoming: Annotated[bool, typer.Option("--in", help="help.option.in")] = False,
    at: Annotated[str | None, typer.Option("--at", metavar="DATE", help="help.option.at")] = None,
    answer_by: Annotated[str | None, typer.Option("--answer-by", metavar="DATE", help="help.option.answer_by")] = None,
) -> None:
    session = session_of(context)
    with session.services() as services:
        zone = services.zone
        moments = [None if one is None else when(one, name, zone) for one, name in ((at, "at"), (answer_by, "answer_by"))]
        new = NewContact(services.creators.find(reference), text, channel, IN if incoming else OUT, *moments)
        done = services.outreach.add(new)
    words = session.words
    lines = [words("cli.contact_added", id=done.contact.id, name=done.contact.name)]
    if done.clash is not None:
        lines.append(words(f"clash.{done.clash.code}", who=done.clash.who))
    if done.suppressed is not None and not incoming:
        lines.append(words("cli.contact_suppressed"))
    document = {**plain(done.contact), "clash": plain(done.clash), "suppressed": done.suppressed, "operation_id": done.operation_id}
    session.answer(document, lambda: "\n".join(lines))


@command(_contact, "list", "contact_list")
def _contact_list(
    context: Context, reference: Annotated[str | None, typer.Argument(metavar="ID", help="help.argument.creator")] = None, limit: Limit = 100
) -> None:
    session = session_of(context)
    with session.services() as services:
        rows = services.outreach.log(None if reference is None else services.creators.find(reference), limit)
    session.answer({"rows": plain(rows)}, lambda: _contacts_text(session.words, rows))


def _contacts_text(words: Words, rows: Sequence[ContactRow]) -> str:
    header = ["id", *(words(f"field.{name}") for name in ("at", "name", "channel", "direction", "who", "text"))]
    return table(header, [
        [str(one.id), minute(one.at), one.name, words(f"channel.{one.channel}"), words(f"direction.{one.direction}"), one.who, one.text[:_SHOWN]]
        for one in rows
    ])  # fmt: skip


@command(_contact, "void", "contact_void")
def _contact_void(context: Context, number: Annotated[int, typer.Argument(metavar="CONTACT_ID", help="help.argument.contact")], reason: Reason) -> None:
    session = session_of(context)
    with session.services() as services:
        done = services.outreach.void(number, reason)
    session.answer({"id": number, "operation_id": done}, lambda: session.words("cli.contact_voided", id=number))


# ---------------------------------------------------------------- the pool


@command(_recruit, "owners", "recruit_owners")
def _owners(context: Context) -> None:
    session = session_of(context)
    with session.services() as services:
        rows = services.recruiting.owners()
    words = session.words
    header = [words("field.owner"), words("count.creators"), words("owners.protected"), words("owners.silent")]
    shown = [[one.owner or words("owners.pool"), one.count, one.protected, one.silent] for one in rows]
    session.answer({"rows": plain(rows)}, lambda: table(header, shown))


@command(_recruit, "claim", "recruit_claim")
def _claim(context: Context, references: References, anyway: Annotated[bool, typer.Option("--anyway", help="help.option.anyway")] = False) -> None:
    session = session_of(context)
    with session.services() as services:
        done = services.recruiting.claim(_all(services, references), anyway=anyway)
    _answer_done(session, done)


@command(_recruit, "release", "recruit_release")
def _release(context: Context, references: References) -> None:
    session = session_of(context)
    with session.services() as services:
        done = services.recruiting.release(_all(services, references))
    _answer_done(session, done)


@command(_recruit, "return", "recruit_return")
def _return(context: Context, dry_run: DryRun = False) -> None:
    session = session_of(context)
    with session.services() as services, session.job() as job:
        done = services.recruiting.return_silent(dry_run=dry_run, job=job)
    _answer_done(session, done, {"dry_run": dry_run})


@command(_recruit, "handover", "recruit_handover")
def _hand_over(
    context: Context,
    leaver: Annotated[str, typer.Argument(metavar="FROM", help="help.argument.leaver")],
    heir: Annotated[str, typer.Argument(metavar="TO", help="help.argument.heir")],
) -> None:
    session = session_of(context)
    with session.services() as services, session.job() as job:
        done = services.recruiting.hand_over(leaver, heir, job)
    document = {"operation_id": done.operation_id, "moved": dict(done.moved)}
    session.answer(document, lambda: session.words.plural("cli.handed_over", done.moved["creator"], leaver=leaver, heir=heir))


# ---------------------------------------------------------------- plans


@command(_recruit, "plan", "recruit_plan")
def _plan(
    context: Context,
    month: Annotated[str | None, typer.Option("--month", metavar="YYYY-MM", help="help.option.month")] = None,
    count: Annotated[int, typer.Option("--months", min=1, max=36, help="help.option.months")] = 1,
    target: Annotated[int | None, typer.Option("--set", min=0, help="help.option.target_count")] = None,
    of_group: Annotated[str, typer.Option("--group", metavar="nano_koc|mid_koc|kol", help="help.option.group")] = "",
    platform: Annotated[str, typer.Option("--platform", help="help.option.platform")] = "",
    category: Annotated[str, typer.Option("--category", help="help.option.category")] = "",
) -> None:
    session = session_of(context)
    with session.services() as services:
        first = services.recruiting.month() if month is None else _month(month)
        if target is not None:
            cell = PlanCell(first, _rank(Group, of_group, "group"), platform_code(platform) if platform else None, category or None)
            services.recruiting.set_plan(cell, target)
        found = services.recruiting.plans(first, count)
    words = session.words
    header = [words(f"plans.{name}") for name in ("month", "group", "platform", "category", "target", "actual", "expected", "per_day", "by_end", "reached_at")]
    rows = [
        [one.named, words(f"group.{one.group.code}") if one.group else "", words.platform(one.platform) if one.platform else "", one.category, one.target,
         one.actual, one.expected, f"{one.forecast.per_day:.1f}", one.forecast.by_end, minute(one.forecast.reached_at)[:10]]
        for one in found.rows
    ]  # fmt: skip
    rows += [
        [words("plans.goal"), words(f"group.{one.goal.group.code}") if one.goal.group else "", "", "", one.goal.target, one.actual, None,
         f"{one.forecast.per_day:.1f}", None, minute(one.forecast.reached_at)[:10]]
        for one in found.goals
    ]  # fmt: skip
    method = words("plans.method", days=found.pace_days, share=f"{found.interval:.0%}")
    document = {
        "plans": [{**plain(one), "month": one.named} for one in found.rows], "goals": plain(found.goals), "pace_days": found.pace_days,
        "interval": found.interval, "method": method,
    }  # fmt: skip
    session.answer(document, lambda: table(header, rows) + method)


def _month(text: str) -> int:
    year, dash, month = text.partition("-")
    if not dash or not year.isdecimal() or not month.isdecimal() or not 1 <= int(month) <= 12 or not 1900 <= int(year) < 2200:  # noqa: PLR2004 (a calendar)
        raise UsageError("bad_value", field="month", value=text, reason="bad_date")
    return int(year) * 12 + int(month) - 1


def _rank(kind: type[Ranked], text: str, name: str) -> Any:  # noqa: ANN401 (a member)
    try:
        return kind.of(text) if text else None
    except KeyError as error:
        raise UsageError("bad_value", field=name, value=text, reason="unknown_value") from error


# ---------------------------------------------------------------- copy queue and templates


def _template_of(services: Services, named: str) -> TemplateRow:
    """A template by its name or number."""
    for one in services.outreach.templates(archived=True):
        if named in {one.name, str(one.id)}:
            return one
    raise UsageError("unknown_template", id=named)


@command(_template, "list", "recruit_template_list")
def _templates(context: Context) -> None:
    session = session_of(context)
    with session.services() as services:
        rows = services.outreach.templates()
    words = session.words
    header = ["id", *(words(f"field.{name}") for name in ("name", "channel", "text"))]
    shown = [[str(one.id), one.name, words(f"channel.{one.channel}"), one.text[:_SHOWN]] for one in rows]
    session.answer({"rows": plain(rows)}, lambda: table(header, shown))


@command(_template, "set", "recruit_template_set")
def _template_set(
    context: Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="help.argument.template")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="help.argument.template_text")],
    channel: Channel = "wechat",
    subject: Annotated[str, typer.Option("--subject", help="help.option.subject")] = "",
) -> None:
    session = session_of(context)
    with session.services() as services:
        known = next((one for one in services.outreach.templates(archived=True) if one.name == name), None)
        number, version = (None, None) if known is None else (known.id, known.version)
        saved = services.outreach.save_template(NewTemplate(name, channel, text, subject or None, number, version))
    session.answer(plain(saved), lambda: session.words("cli.template_saved", name=saved.name))


@command(_recruit, "queue", "recruit_queue")
def _queue(
    context: Context,
    template: TemplateName,
    limit: Limit = 10,
    own: Annotated[bool, typer.Option("--own", help="help.option.own")] = False,
) -> None:
    session = session_of(context)
    with session.services() as services:
        found = services.outreach.queue(_template_of(services, template).id, limit, pool=not own)
    words = session.words
    lines = [words("cli.queue", channel=words(f"channel.{found.channel}"), sent=found.sent_today, limit=found.limit)]
    for one in found.rows:
        lines += ["", f"{one.creator_id}  {one.name}  {one.address}", one.text]
        if one.clash is not None:
            lines.append(words(f"clash.{one.clash.code}", who=one.clash.who))
    document = {"channel": found.channel, "sent_today": found.sent_today, "limit": found.limit, "left": found.left, "rows": plain(found.rows)}
    session.answer(document, lambda: "\n".join(lines))


@command(_recruit, "sent", "recruit_sent")
def _sent(
    context: Context,
    reference: Reference,
    template: TemplateName,
    text: Annotated[str, typer.Option("--text", help="help.option.text")] = "",
) -> None:
    session = session_of(context)
    with session.services() as services:
        one = services.creators.find(reference)
        done = services.outreach.sent(one, _template_of(services, template).id, text)
    session.answer({"id": one, **plain(done)}, lambda: session.words.plural("cli.sent", done.left, id=one))


@command(_recruit, "skip", "recruit_skip")
def _skip(
    context: Context,
    reference: Reference,
    reason: Reason,
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="help.option.until")] = None,
) -> None:
    session = session_of(context)
    with session.services() as services:
        one = services.creators.find(reference)
        last = _day(until, "until")
        done = services.outreach.skip(one, reason, None if last is None else day_end(last, services.zone))
    session.answer({"id": one, "operation_id": done}, lambda: session.words("cli.skipped", id=one))


# ---------------------------------------------------------------- whom to leave alone


@command(_recruit, "optout", "recruit_optout")
def _opt_out(
    context: Context,
    references: References,
    channel: Annotated[str | None, typer.Option("--channel", help="help.option.channel")] = None,
    reason: Reason = "",
    kind: Annotated[str, typer.Option("--kind", metavar="opt_out|do_not_contact", help="help.option.suppression")] = "opt_out",
) -> None:
    session = session_of(context)
    with session.services() as services:
        ids = _all(services, references)
        done = services.outreach.opt_out(ids, channel, reason or None, kind)
    session.answer({"ids": ids, "operation_id": done}, lambda: session.words.plural("cli.opted_out", len(ids)))


@command(_recruit, "optouts", "recruit_optouts")
def _opt_outs(context: Context, limit: Limit = 100, lifted: Annotated[bool, typer.Option("--lifted", help="help.option.lifted")] = False) -> None:
    session = session_of(context)
    with session.services() as services:
        rows = services.outreach.suppressions(None, limit, lifted=lifted)
    words = session.words
    header = ["id", *(words(f"field.{name}") for name in ("name", "kind", "channel", "reason", "at"))]
    shown = [
        [str(one.id), one.name, words(f"suppression.{one.kind}"), words(f"channel.{one.channel}") if one.channel else "", one.reason, minute(one.at)]
        for one in rows
    ]
    session.answer({"rows": plain(rows)}, lambda: table(header, shown))


@command(_recruit, "lift", "recruit_lift")
def _lift(context: Context, reference: Reference, reason: Reason) -> None:
    session = session_of(context)
    with session.services() as services:
        one = services.creators.find(reference)
        standing = [row.id for row in services.outreach.suppressions(one, sys.maxsize)]
        done = services.outreach.lift(standing, reason)
    session.answer({"id": one, "lifted": len(standing) if done else 0, "operation_id": done}, lambda: session.words("cli.lifted", id=one))


# ---------------------------------------------------------------- mail


@command(_mail, "set", "recruit_mail_set")
def _mail_set(
    context: Context,
    host: Annotated[str, typer.Option("--host", help="help.option.mail_host")],
    sender: Annotated[str, typer.Option("--sender", help="help.option.mail_sender")],
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="help.option.mail_port")] = 465,
    user: Annotated[str, typer.Option("--user", help="help.option.mail_user")] = "",
    sender_name: Annotated[str, typer.Option("--sender-name", help="help.option.mail_sender_name")] = "",
    security: Annotated[str, typer.Option("--security", metavar="tls|starttls|none", help="help.option.mail_security")] = "tls",
    password: Annotated[bool, typer.Option("--password-stdin", help="help.option.mail_password")] = False,
) -> None:
    session = session_of(context)
    how = MailSettings(host, port, user, sender, sender_name, security)
    with session.services() as services:
        services.outreach.set_mail(how, sys.stdin.readline().rstrip("\r\n") if password else None)
    session.answer(plain(how), lambda: session.words("cli.mail_set", host=host))


@command(_mail, "send", "recruit_mail_send")
def _mail_send(context: Context, template: TemplateName, references: References) -> None:
    session = session_of(context)
    with session.services() as services, session.job() as job:
        done = services.outreach.send_mail(_all(services, references), _template_of(services, template).id, job)
    words = session.words
    lines = [words.plural("cli.mailed", done.sent), *(words("cli.left", id=one, why=words(f"left.{why}")) for one, why in done.left.items())]
    session.answer({"sent": done.sent, "left": plain(done.left), "operation_id": done.operation_id}, lambda: "\n".join(lines))
    raise typer.Exit(1 if done.left else 0)


@command(_mail, "bounce", "recruit_mail_bounce")
def _mail_bounce(context: Context, file: InFile) -> None:
    session = session_of(context)
    with session.services() as services:
        done = services.outreach.bounced(_bytes(file))
    session.answer(dict(done), lambda: session.words.plural("cli.bounced", done["bounced"]))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError("no_file", path=str(path)) from error
    except OSError as error:
        raise UsageError("cannot_read", path=str(path)) from error


# ---------------------------------------------------------------- training and entitlements


@command(_course, "list", "recruit_course_list")
def _courses(context: Context) -> None:
    session = session_of(context)
    with session.services() as services:
        rows = services.incentives.courses()
    words = session.words
    header = [words("field.course"), words("training.pass_mark"), words("training.taken"), words("training.passed")]
    document = [{**plain(one), "pass_mark": None if one.pass_mark is None else one.pass_mark / 100} for one in rows]
    shown = [[one.name, None if one.pass_mark is None else f"{one.pass_mark / 100:g}", one.taken, one.passed] for one in rows]
    session.answer({"rows": document}, lambda: table(header, shown))


@command(_course, "set", "recruit_course_set")
def _course_set(
    context: Context,
    name: Annotated[str, typer.Argument(metavar="COURSE", help="help.argument.course")],
    mark: Annotated[float | None, typer.Option("--pass-mark", min=0, help="help.option.pass_mark")] = None,
) -> None:
    session = session_of(context)
    with session.services() as services:
        done = services.incentives.save_course(name, mark)
    session.answer({"course": name, "pass_mark": mark, "operation_id": done}, lambda: session.words("cli.course_saved", name=name))


@command(_entitlement, "list", "recruit_entitlement_list")
def _entitlements(context: Context, reference: Annotated[str | None, typer.Argument(metavar="ID", help="help.argument.creator")] = None) -> None:
    session = session_of(context)
    with session.services() as services:
        rows = services.incentives.entitlements(None if reference is None else services.creators.find(reference))
    words = session.words
    header = ["id", *(words(f"entitlement.{name}") for name in ("name", "kind", "value", "for", "cost", "used", "stock", "state"))]
    shown = [[str(one.id), one.name, words(f"entitlement.kind.{one.kind}"), one.value, _for_whom(words, one), yuan(one.cost_fen), one.used, one.stock,
              words(f"entitlement.state.{one.state}")] for one in rows]  # fmt: skip
    session.answer({"rows": plain(rows)}, lambda: table(header, shown))


def _for_whom(words: Words, one: EntitlementRow) -> str:
    if one.creator is not None:
        return one.creator
    parts = [words(f"group.{one.group.code}") if one.group else words("entitlement.everybody"), f"≥ {one.grade.code}" if one.grade else ""]
    return " ".join(part for part in parts if part)


@command(_entitlement, "add", "recruit_entitlement_add")
def _entitlement_add(
    context: Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="help.argument.entitlement")],
    kind: Annotated[str, typer.Argument(metavar="commission|code|early_access", help="help.argument.entitlement_kind")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="help.argument.entitlement_value")],
    reference: Annotated[str | None, typer.Option("--creator", metavar="ID", help="help.argument.creator")] = None,
    of_group: Annotated[str, typer.Option("--group", metavar="nano_koc|mid_koc|kol", help="help.option.group")] = "",
    grade: Annotated[str, typer.Option("--grade", metavar="AAA|AA|A|B|N|C|D", help="help.option.grade")] = "",
    cost_fen: Annotated[int, typer.Option("--cost-fen", min=0, help="help.option.cost_fen")] = 0,
    stock: Annotated[int | None, typer.Option("--stock", min=0, help="help.option.stock")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="DATE", help="help.option.from")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DATE", help="help.option.to")] = None,
) -> None:
    session = session_of(context)
    with session.services() as services:
        creator = None if reference is None else services.creators.find(reference)
        first, last = _day(since, "from"), _day(until, "to")
        ends = (None if first is None else day_start(first, services.zone), None if last is None else day_end(last, services.zone))
        who = (creator, _rank(Group, of_group, "group"), _rank(CreditGrade, grade, "grade"))
        saved = services.incentives.save_entitlement(NewEntitlement(name, kind, value, *who, cost_fen, "CNY", stock, *ends))
    session.answer({"id": saved, "name": name}, lambda: session.words("cli.entitlement_saved", id=saved, name=name))


EntitlementId = Annotated[int, typer.Argument(metavar="ENTITLEMENT_ID", help="help.argument.entitlement")]


@command(_entitlement, "use", "recruit_entitlement_use")
def _entitlement_use(context: Context, number: EntitlementId, references: References) -> None:
    session = session_of(context)
    with session.services() as services:
        done = services.incentives.use(number, _all(services, references))
    words = session.words
    lines = [words.plural("cli.entitlement_used", done.used), *(words("cli.left", id=one, why=words(f"left.{why}")) for one, why in done.left)]
    document = {"used": done.used, "left": [{"creator_id": one, "code": why} for one, why in done.left], "operation_id": done.operation_id}
    session.answer(document, lambda: "\n".join(lines))
    raise typer.Exit(1 if done.left else 0)


@command(_entitlement, "end", "recruit_entitlement_end")
def _entitlement_end(context: Context, number: EntitlementId) -> None:
    session = session_of(context)
    with session.services() as services:
        done = services.incentives.end_entitlement(number)
    session.answer({"id": number, "operation_id": done}, lambda: session.words("cli.entitlement_ended", id=number))


def add_to(koc: typer.Typer) -> None:
    """Put these commands under the program's word."""
    for word, made in (("template", _template), ("mail", _mail), ("course", _course), ("entitlement", _entitlement)):
        _recruit.add_typer(made, name=word)
    for word, made in (("stage", _stage), ("contact", _contact), ("recruit", _recruit)):
        koc.add_typer(made, name=word)
