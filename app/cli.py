# SPDX-License-Identifier: Apache-2.0
"""The command line ``koc``: text in, text out over the services.

Names, options and JSON keys are binding; help texts are keys of the catalogues, put into words when a call begins.
Human output and one JSON document go to stdout, progress and complaints to stderr.
"""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from app import cli_campaigns, cli_credit, cli_files, cli_identity, cli_recruiting, cli_returns, cli_sync, cli_team, cli_today, documents, reports
from app.cli_credit import Reference
from app.cli_files import AsOf, Context, DryRun, Force, InFile, Where
from app.errors import ProductError, UsageError
from app.grammar import OneCreator, command, complain_of_usage, globals_first, group, language, moment_of, pair, parts, session_of, speak
from app.rules import cells
from app.rules.fields import CREATOR_FIELDS, platform_code
from app.rules.versions import Seen
from app.services import Open, Services
from app.settings import default_workspace, log_folder
from app.terminal import Session, minute, pairs, shown, table, utf8, yuan
from app.usecases.creators import Question, RosterRow, SortKey, seen
from app.usecases.workspace import Check
from app.values import Actor, Tier
from app.words import Words

_INTERRUPTED: Final = 130
_UNFORESEEN: Final = 70


# ---------------------------------------------------------------- one call


def run(argv: Sequence[str], opener: Callable[[], Open]) -> int:
    """Run one command; returns its exit code."""
    utf8()
    args = globals_first(argv)
    session = Session(opener, Words(language(args)), as_json="--json" in args)
    try:
        parser = typer.main.get_command(koc)
        speak(parser, session.words)
        return int(parser.main(args=args, prog_name="koc", standalone_mode=False, obj=session) or 0)
    except ProductError as error:
        session.complain(error.code, error.details, session.words.failure(error.code, error.details))
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        session.complain("cancelled", {}, session.words("error.cancelled"))
        return _INTERRUPTED
    except typer.Exit as done:
        return done.exit_code
    except typer.TyperException as error:
        complain_of_usage(session, error)
        return UsageError.exit_code


def unforeseen(argv: Sequence[str], opener: Callable[[], Open], error: Exception) -> int:
    """Say in words that something broke which nobody foresaw, and where its report lies; returns the exit code."""
    args = globals_first(argv)
    session = Session(opener, Words(language(args)), as_json="--json" in args)
    log_id = reports.save(error)
    path = log_folder() / f"report-{log_id}.txt"
    sentence = " ".join((session.words("error.unexpected"), session.words("error.unexpected.safe"), session.words("cli.report", path=path)))
    session.complain("unexpected", {"log_id": log_id, "report": str(path)}, sentence)
    return _UNFORESEEN


koc = group("koc")
Reason = Annotated[str, typer.Option("--reason", help="help.option.reason")]


@koc.callback()
def common(
    context: Context,
    workspace: Annotated[str | None, typer.Option(envvar="KOC_WORKSPACE", metavar="PATH|URL", help="help.option.workspace")] = None,
    lang: Annotated[str | None, typer.Option(metavar="zh|en", help="help.option.lang")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="help.option.json")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="help.option.quiet")] = False,
    verbose: Annotated[bool, typer.Option("-v", help="help.option.verbose")] = False,
    who: Annotated[str | None, typer.Option("--as", metavar="USER", help="help.option.as")] = None,
) -> None:
    if lang is not None and lang not in {"zh", "en", "zh_CN", "zh-CN"}:
        raise UsageError("unknown_language", language=lang)
    session = session_of(context)
    session.address = workspace or str(default_workspace())
    session.actor, session.asked_for = Actor(who or _login()), who
    session.as_json, session.quiet, session.verbose = as_json, quiet, verbose


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "user"


# ---------------------------------------------------------------- the workspace


@command(koc, "init", "init")
def _init(
    context: Context,
    sample: Annotated[bool, typer.Option("--sample", help="help.option.sample")] = False,
    force: Force = False,
) -> None:
    session = session_of(context)
    services = session.opener().create(session.ref, session.who, force=force)
    try:
        if sample:
            from app.sample import fill  # noqa: PLC0415 (only who asks for it pays for it)

            with session.job() as job:
                fill(services, job)
        info = services.workspace.info()
    finally:
        services.close()
    document = {"workspace": info.workspace, "schema_version": info.schema_version, "created": True, "counts": dict(info.counts)}
    session.answer(document, lambda: session.words.plural("cli.created", info.counts["creators"], path=info.workspace))


@command(koc, "info", "info")
def _info(context: Context) -> None:
    session = session_of(context)
    with session.services() as services:
        found = services.workspace.info(with_hash=True)
    document = documents.info(found)
    rows = [(session.words(f"info.{name}"), value) for name, value in document.items() if name != "counts" and value is not None]
    rows += [(session.words(f"count.{name}"), value) for name, value in found.counts.items()]
    session.answer(document, lambda: pairs(rows))


cli_files.add_to(koc)
cli_campaigns.add_to(koc)
cli_credit.add_to(koc)
cli_identity.add_to(koc)
cli_recruiting.add_to(koc)
cli_returns.add_to(koc)
cli_sync.add_to(koc)
cli_team.add_to(koc)
cli_today.add_to(koc)


# ---------------------------------------------------------------- creators


@command(koc, "creators", "creators")
def _creators(
    context: Context,
    search: Annotated[str, typer.Option(help="help.option.search")] = "",
    where: Where = "",
    sort: Annotated[str, typer.Option(metavar="F[,-F]", help="help.option.sort")] = "",
    limit: Annotated[int, typer.Option(min=0, help="help.option.limit")] = 100,
    offset: Annotated[int, typer.Option(min=0, help="help.option.offset")] = 0,
) -> None:
    session = session_of(context)
    started = time.monotonic()
    question = Question(search, where, tuple(SortKey(part.lstrip("-"), part.startswith("-")) for part in parts(sort)))
    with session.services() as services:
        services.creators.check(question)
        total = services.creators.count(question)
        rows = services.creators.page(question, limit, offset)
    document = {"total": total, "rows": [documents.row(one) for one in rows], "seconds": round(time.monotonic() - started, 3)}
    session.answer(document, lambda: _roster_text(session.words, rows) + session.words("cli.shown", shown=len(rows), total=shown(total)))


def _roster_text(words: Words, rows: Sequence[RosterRow]) -> str:
    header = ["id", *(words(f"field.{name}") for name in ("name", "platform", "followers", "tier", "stage", "category", "city", "owner"))]
    cells_ = [
        [str(one.id), one.name, ", ".join(map(words.platform, one.platforms)), one.followers, words.tier(one.tier),
         words(f"stage.{one.stage.code}"), one.category, one.city, one.owner]
        for one in rows
    ]  # fmt: skip
    return table(header, cells_)


_creator = group("creator", koc, OneCreator)


@command(_creator, "show", "creator_show")
def _show(context: Context, reference: Reference) -> None:
    session = session_of(context)
    with session.services() as services:
        one = services.creators.find(reference)
        detail = services.creators.detail(one)
        tier, credit, back = services.rating.show(one), services.rating.credit(one), services.roi.one(one)
        deals = cli_campaigns.deals_of(services, one)
    went = {"asked_id": int(reference), "merged_into": one} if reference.isdecimal() and int(reference) != one else {}
    said = session.words("cli.creator_went", **went) + "\n" if went else ""
    document = {**documents.creator(detail, tier, credit, back), "collaborations": deals, **went}
    session.answer(document, lambda: said + _creator_text(session.words, detail.row, detail.notes))


def _creator_text(words: Words, row: RosterRow, notes: str | None) -> str:
    document = {**documents.row(row), "notes": notes}
    said: dict[str, object] = {"stage": words(f"stage.{row.stage.code}"), "tier": words.tier(row.tier), "tags": ", ".join(row.tags)}
    if row.group is not None:
        said["group"] = words(f"group.{row.group.code}")
    said |= {name: f"¥{yuan(value)}" for name, value in document.items() if name.endswith("_fen") and isinstance(value, int)}
    if row.commission_bp is not None:
        said["commission_bp"] = f"{row.commission_bp / 100:g}%"
    lines = [(words(f"field.{name}"), said.get(name, value)) for name, value in document.items() if name in CREATOR_FIELDS and value not in (None, [])]
    header = ["id", *(words(f"field.{name}") for name in ("platform", "platform_uid", "handle", "followers", "tier"))]
    accounts = [[str(one.id), words.platform(one.platform), one.platform_uid, one.handle, one.followers, words.tier(one.tier)] for one in row.accounts]
    return pairs(lines) + "\n" + table(header, accounts)


@command(_creator, "add", "creator_add", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def _add(
    context: Context,
    name: Annotated[str, typer.Option(help="help.option.name")],
    account: Annotated[str, typer.Option(metavar="P:UID[:HANDLE]", help="help.option.account")],
) -> None:
    session = session_of(context)
    platform, _, rest = account.partition(":")
    uid, _, handle = rest.partition(":")
    values = {"name": name, "platform": platform_code(platform), "platform_uid": uid, "handle": handle, **_extra(context.args)}
    with session.services() as services:
        row = services.creators.add({key: value for key, value in values.items() if value})
    session.answer(documents.row(row), lambda: _roster_text(session.words, [row]))


def _extra(args: Sequence[str]) -> dict[str, str]:
    """``--followers N`` and any other field of a new creator."""
    out: dict[str, str] = {}
    words = iter(args)
    for word in words:
        if not word.startswith("--"):
            raise UsageError("unknown_argument", text=word)
        name, equals, value = word.removeprefix("--").partition("=")
        if not equals:
            following = next(words, None)
            if following is None:
                raise UsageError("value_missing", field=name)
            value = following
        out[name.replace("-", "_")] = value
    return out


@command(_creator, "set", "creator_set")
def _set(
    context: Context,
    reference: Reference,
    values: Annotated[list[str], typer.Argument(metavar="F=V …", help="help.argument.values")],
    reason: Reason = "",
    version: Annotated[int | None, typer.Option("--version", metavar="N", min=1, help="help.option.version")] = None,
) -> None:
    pairs_ = dict(pair(word) for word in values)

    def edit(services: Services, one: int) -> int:
        detail = services.creators.detail(one)
        edited = services.creators.edit_seen(one, pairs_, seen(detail.row, detail) if version is None else Seen(version), reason or None)
        if edited.collisions:
            by = ", ".join(dict.fromkeys(other.by for other in edited.collisions if other.by))
            fields = ", ".join(other.field for other in edited.collisions)
            raise UsageError("creator_changed", fields=fields, by=by or "?", version=edited.seen.version, reference=reference)
        return edited.operation_id

    _edited(context, reference, edit)


@command(_creator, "tag", "creator_tag", context_settings={"ignore_unknown_options": True})
def _tag(
    context: Context,
    reference: Reference,
    tags: Annotated[list[str], typer.Argument(metavar="+a -b …", help="help.argument.tags")],
) -> None:
    unknown = next((word for word in tags if word.startswith("--") or word in {"+", "-"}), None)
    if unknown is not None:
        raise UsageError("unknown_argument", text=unknown)
    added = [word.removeprefix("+") for word in tags if not word.startswith("-")]
    removed = [word.removeprefix("-") for word in tags if word.startswith("-")]
    _edited(context, reference, lambda services, one: services.creators.tag([one], added, removed))


def _edited(context: Context, reference: str, edit: Callable[[Services, int], int]) -> None:
    """Edit a creator and show it."""
    session = session_of(context)
    with session.services() as services:
        one = services.creators.find(reference)
        edit(services, one)
        row = services.creators.rows([one])[0]
    session.answer(documents.row(row), lambda: _creator_text(session.words, row, None))


# ---------------------------------------------------------------- tiers and policies

_tier = group("tier", koc)
_policy = group("policy", koc)


@command(_tier, "run", "tier_run")
def _run_tiers(context: Context, as_of: AsOf = None, dry_run: DryRun = False) -> None:
    session = session_of(context)
    with session.services() as services, session.job() as job:
        ran = services.rating.run(moment_of(as_of, services.creators.zone), dry_run=dry_run, job=job)
    _answer_run(session, ran)


def _answer_run(session: Session, ran: Any) -> None:  # noqa: ANN401 (TierRun)
    words = session.words
    counted: dict[tuple[str, str], int] = {}
    for one in ran.moves:
        step = (words.tier(one.before), words.tier(one.after))
        counted[step] = counted.get(step, 0) + 1
    rows = [[before, after, count] for (before, after), count in sorted(counted.items())]
    text = words("cli.tiers_run", changed=ran.changed, unchanged=ran.unchanged, version=ran.policy_version)
    header = [words("cli.from"), words("cli.to"), words("cli.count")]
    session.answer(documents.tier_run(ran), lambda: text + "\n" + (table(header, rows) if rows else ""))


@command(_tier, "show", "tier_show")
def _show_tier(context: Context, reference: Reference, as_of: AsOf = None) -> None:
    session = session_of(context)
    with session.services() as services:
        explained = services.rating.show(services.creators.find(reference), moment_of(as_of, services.creators.zone))
    session.answer(documents.tier(explained), lambda: _tier_text(session.words, explained))


def _tier_text(words: Words, explained: Any) -> str:  # noqa: ANN401 (TierExplanation)
    header = [*(words(f"field.{name}") for name in ("platform", "handle", "followers", "tier")), words("cli.keeps"), words("cli.override")]
    rows = []
    for one in explained.accounts:
        keeps = "" if one.keeps_from is None else f"[{one.keeps_from:,}, {'∞' if one.keeps_below is None else format(one.keeps_below, ',')})"
        by_hand = "" if one.override is None else f"{minute(one.override.expires_at)} {one.override.by}: {one.override.reason}"
        rows.append([words.platform(one.platform), one.handle, one.followers, words.tier(one.tier), keeps, by_hand])
    return f"{shown(explained.name)}  {words.tier(explained.tier)}\n" + table(header, rows)


@command(_tier, "policy", "tier_policy")
def _tier_policy(
    context: Context,
    file: Annotated[Path | None, typer.Option("--set", metavar="FILE", help="help.option.set")] = None,
    reason: Reason = "",
    dry_run: DryRun = False,
) -> None:
    session = session_of(context)
    toml = None if file is None else _read_text(file)
    with session.services() as services, session.job() as job:
        if toml is not None and dry_run:
            _answer_run(session, services.rating.preview("tiers", toml, job))
            return
        row = services.rating.policy("tiers") if toml is None or file is None else services.rating.set_policy("tiers", toml, reason or file.name)
    document = documents.policy(row)
    session.answer({**document, "policy_version": row.version}, lambda: _policy_text(document))


@command(_tier, "override", "tier_override")
def _override(
    context: Context,
    reference: Reference,
    to: Annotated[str | None, typer.Argument(metavar="TIER", help="help.argument.tier")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="help.option.until")] = None,
    reason: Reason = "",
    account: Annotated[int | None, typer.Option(help="help.option.account_id")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="help.option.clear")] = False,
) -> None:
    session = session_of(context)
    if not clear and (to is None or until is None):
        raise UsageError("value_missing", field="tier" if to is None else "until")
    wanted = None if clear or to is None else Tier(cells.typed(CREATOR_FIELDS["tier"], to, "UTC"))
    try:
        last = None if clear or until is None else date.fromisoformat(until)
    except ValueError as error:
        raise UsageError("bad_value", field="until", value=str(until), reason="bad_date") from error
    with session.services() as services:
        one = services.creators.find(reference)
        services.rating.override(account or services.rating.show(one).main_account_id or 0, wanted, last, reason)
        explained = services.rating.show(one)
    session.answer(documents.tier(explained), lambda: _tier_text(session.words, explained))


@command(_policy, "list", "policy_list")
def _list_policies(context: Context) -> None:
    session = session_of(context)
    with session.services() as services:
        rows = services.rating.policies()
    listed = [{name: value for name, value in documents.policy(row).items() if name != "body"} for row in rows]
    header = [session.words(f"cli.{name}") for name in ("policy", "version", "since", "by", "reason")]
    session.answer({"policies": listed}, lambda: table(header, [[row.name, row.version, minute(row.since), row.by, row.reason] for row in rows]))


@command(_policy, "show", "policy_show")
def _show_policy(
    context: Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="help.argument.policy")],
    version: Annotated[int | None, typer.Option(help="help.option.version")] = None,
) -> None:
    session = session_of(context)
    with session.services() as services:
        document = documents.policy(services.rating.policy(name, version))
    session.answer(document, lambda: _policy_text(document))


@command(_policy, "set", "policy_set")
def _set_policy(
    context: Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="help.argument.policy")],
    file: InFile,
    reason: Annotated[str, typer.Option("--reason", help="help.option.reason")],
) -> None:
    session = session_of(context)
    toml = _read_text(file)
    with session.services() as services:
        document = documents.policy(services.rating.set_policy(name, toml, reason))
    session.answer(document, lambda: _policy_text(document))


def _policy_text(document: Mapping[str, Any]) -> str:
    head = "# {name} v{version}  {since}  {by}  {reason}\n".format(**document)
    return head + json.dumps(document["body"], ensure_ascii=False, indent=1)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError("no_file", path=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("cannot_read", path=str(path)) from error


# ---------------------------------------------------------------- health

_audit = group("audit", koc)


@command(koc, "doctor", "doctor")
def _doctor(context: Context, repair: Annotated[bool, typer.Option("--repair", help="help.option.repair")] = False) -> None:
    session = session_of(context)
    with session.services() as services, session.job() as job:
        checks = services.workspace.doctor(repair=repair, job=job)
    _answer_checks(session, checks)


@_audit.callback()
def _only_verify() -> None:
    """Keep ``verify`` a word of its own though it stands alone."""


@command(_audit, "verify", "audit_verify")
def _verify(context: Context) -> None:
    session = session_of(context)
    with session.services() as services:
        checks = services.workspace.verify_audit()
    _answer_checks(session, checks)


def _answer_checks(session: Session, checks: Sequence[Check]) -> None:
    document = documents.health(checks)
    rows = [[check.ok, session.words(f"check.{check.name}"), check.detail] for check in checks]
    session.answer(document, lambda: table(["", session.words("cli.check"), session.words("cli.detail")], rows))
    raise typer.Exit(0 if document["ok"] else 1)
