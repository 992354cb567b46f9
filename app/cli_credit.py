# SPDX-License-Identifier: Apache-2.0
"""The commands of ``koc`` about credit: the ledger and its scores, sanctions and appeals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import documents
from app.cli_files import AsOf, Context
from app.errors import UsageError
from app.grammar import command, group, session_of, when
from app.rules.rating.asked import CreditAsked
from app.services import Services
from app.terminal import Session, minute, shown, table
from app.words import Words

if TYPE_CHECKING:
    from app.usecases.rating import AppealRow, CreditEntry, CreditShown, SanctionRow

Reference = Annotated[str, typer.Argument(metavar="ID", help="help.argument.creator")]
_credit = group("credit")
_sanction = group("sanction")
_appeal = group("appeal")
KnownAt = Annotated[str | None, typer.Option("--known-at", metavar="DATE", help="help.option.known_at")]
Version = Annotated[int | None, typer.Option("--policy", metavar="VERSION", help="help.option.policy")]
EventId = Annotated[int, typer.Argument(metavar="EVENT_ID", help="help.argument.event")]
Why = Annotated[str, typer.Option("--reason", help="help.option.reason")]
Own = Annotated[bool, typer.Option("--self", help="help.option.self")]
OpenOnly = Annotated[bool, typer.Option("--open", help="help.option.open")]


@command(_credit, "add", "credit_add")
def _credit_add(
    context: Context,
    reference: Reference,
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="help.argument.event_type")],
    at: Annotated[str | None, typer.Option("--at", metavar="DATE", help="help.option.at")] = None,
    evidence: Annotated[str | None, typer.Option("--evidence", metavar="TEXT|FILE", help="help.option.evidence")] = None,
) -> None:
    session = session_of(context)
    with session.services() as services:
        # A date without a time is its beginning: an event happens at a moment, it does not last a day.
        happened_at = None if at is None else when(at, "happened_at", services.creators.zone)
        added = services.rating.add_event(services.creators.find(reference), kind, happened_at, _evidence(evidence))
    _answer_entry(session, added, alone=False)


def _evidence(text: str | None) -> str | Path | None:
    """A file's path where there is such a file, else words."""
    try:
        return Path(text) if text and Path(text).is_file() else text
    except (OSError, ValueError):
        return text


@command(_credit, "confirm", "credit_confirm")
def _credit_confirm(context: Context, number: EventId, reason: Why, own: Own = False) -> None:
    session = session_of(context)
    with session.services() as services:
        confirmed, alone = services.rating.confirm_event(number, reason, own=own), services.rating.alone
    _answer_entry(session, confirmed, alone=alone)


@command(_credit, "void", "credit_void")
def _credit_void(context: Context, number: EventId, reason: Why) -> None:
    session = session_of(context)
    with session.services() as services:
        voided, alone = services.rating.void_event(number, reason), services.rating.alone
    _answer_entry(session, voided, alone=alone)


def _answer_entry(session: Session, one: CreditEntry, *, alone: bool) -> None:
    words, state = session.words, "voided" if one.voided_at is not None else "counts" if one.confirmed_at is not None else "proposed"
    said = words("cli.event", id=one.id, type=words.event_type(one.type), state=words(f"standing.{state}"), creator=one.creator_id)
    said += "\n" + words("cli.self_decided") if one.self_decided else ""
    session.answer({**documents.entry(one), **_second_person(alone)}, lambda: said + _alone(words, alone=alone))


def _second_person(alone: bool) -> dict[str, object]:
    """Whether a decision's second pair of eyes is known to be one: a file takes whatever name it is given."""
    return {"second_person": "unverified"} if alone else {}


def _alone(words: Words, *, alone: bool) -> str:
    return "\n" + words("cli.alone") if alone else ""


@command(_credit, "run", "credit_run")
def _credit_run(context: Context, as_of: AsOf = None, known_at: KnownAt = None, policy: Version = None) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services, session.job() as job:
        ran = services.rating.run_credit(_credit_asked(services, as_of, known_at, policy), job)
    header = [words("field.credit_grade"), words("count.creators")]
    rows = [[words(f"creditgrade.{grade.code}"), count] for grade, count in ran.grades.items()]
    text = words("cli.credit_run", rated=shown(ran.rated), version=ran.policy_version, confirmed=ran.confirmed, opened=ran.opened)
    session.answer(documents.credit_run(ran), lambda: text + "\n" + table(header, rows))


@command(_credit, "show", "credit_show")
def _credit_show(context: Context, reference: Reference, as_of: AsOf = None, known_at: KnownAt = None, policy: Version = None) -> None:
    session = session_of(context)
    with session.services() as services:
        found = services.rating.credit(services.creators.find(reference), _credit_asked(services, as_of, known_at, policy))
    session.answer(documents.credit(found), lambda: _credit_text(session.words, found))


def _credit_asked(services: Services, as_of: str | None, known_at: str | None, version: int | None) -> CreditAsked:
    zone = services.creators.zone
    return CreditAsked(_clock(as_of, "as_of", zone), _clock(known_at, "known_at", zone), version)


def _clock(text: str | None, field: str, zone: str) -> int | date | None:
    """A day stays one: its end is that of the policy's time zone."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return when(str(text), field, zone)


def _credit_text(words: Words, found: CreditShown) -> str:
    told, sanction = found.explanation, found.sanction
    lines = [f"{shown(found.name)}  {told.score}  {words(f'creditgrade.{told.grade.code}')}", words("credit.own_record")]
    lines.append(words("credit.evidence", evidence=f"{told.evidence:.2f}", version=found.policy_version, as_of=minute(found.as_of)))
    header = [words("credit.dimension"), words("credit.points"), words("credit.max"), words("credit.lost")]
    rows = [[words(f"dimension.{one.dimension.code}"), *(f"{value:.1f}" for value in (one.points, one.max, one.lost))] for one in told.dimensions]
    lines += ["", table(header, rows)]
    if told.reasons:
        header = ["id", words("credit.type"), words("cli.at"), words("credit.effect")]
        rows = [[str(one.event_id), words.event_type(one.type), minute(one.happened_at), f"{one.effect:+.2f}"] for one in told.reasons]
        lines.append(table(header, rows))
    lines += [words("credit.cap", type=words.event_type(one.type), grade=one.grade.code, until=minute(one.until)) for one in told.caps]
    if sanction.level is not None:
        key = "credit.sanction_proposed" if sanction.proposed else "credit.sanction_in_force"
        lines.append(words(key, level=words(f"sanction.{sanction.level.code}"), points=sanction.points))
    best = told.next_best
    if best is not None:
        lines.append(words("credit.next_best", count=best.count, type=words.event_type(best.type), score=best.score, grade=best.grade.code))
    return "\n".join(lines)


@command(_sanction, "list", "sanction_list")
def _list_sanctions(context: Context, open_only: OpenOnly = False) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        rows = services.rating.sanctions(open_only=open_only)
    session.answer({"rows": [documents.sanction(one) for one in rows]}, lambda: _sanction_text(words, rows))


def _decider(words: Words, one: SanctionRow | AppealRow) -> str | None:
    """Who decided, and whether that was somebody's own case."""
    return words("credit.self_decided", who=one.decided_by) if one.self_decided else one.decided_by


def _sanction_text(words: Words, rows: Sequence[SanctionRow]) -> str:
    names = ("field.name", "sanction.level", "sanction.points", "sanction.state", "sanction.proposed_at", "sanction.decided_by", "sanction.appeal_until")
    cells_ = [
        [str(one.id), one.name, words(f"sanction.{one.level.code}"), one.points, words(f"case.{one.state.value}"), minute(one.proposed_at),
         _decider(words, one), minute(one.appeal_until)]
        for one in rows
    ]  # fmt: skip
    return table(["id", *map(words, names)], cells_)


@command(_sanction, "decide", "sanction_decide")
def _decide_sanction(
    context: Context,
    number: Annotated[int, typer.Argument(metavar="ID", help="help.argument.sanction")],
    reason: Why,
    approve: Annotated[bool, typer.Option("--approve", help="help.option.approve")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="help.option.reject")] = False,
    own: Own = False,
) -> None:
    session = session_of(context)
    approved = _one_of(approve, reject, "--approve", "--reject")
    with session.services() as services:
        decided, alone = services.rating.decide_sanction(number, approved=approved, reason=reason, own=own), services.rating.alone
    document = {**documents.sanction(decided), "approved": approved, **_second_person(alone)}
    session.answer(document, lambda: _sanction_text(session.words, [decided]) + _alone(session.words, alone=alone))


def _one_of(yes: bool, no: bool, yes_name: str, no_name: str) -> bool:
    """The word that was said: exactly one of two."""
    if yes == no:
        raise UsageError("one_of_two", first=yes_name, second=no_name)
    return yes


@command(_appeal, "list", "appeal_list")
def _list_appeals(context: Context, open_only: OpenOnly = False) -> None:
    session = session_of(context)
    with session.services() as services:
        rows = services.rating.appeals(open_only=open_only)
    session.answer({"rows": [documents.appeal(one) for one in rows]}, lambda: _appeal_text(session.words, rows))


def _appeal_text(words: Words, rows: Sequence[AppealRow]) -> str:
    names = ("field.name", "appeal.event", "appeal.sanction", "sanction.state", "cli.at", "cli.by", "cli.reason", "sanction.decided_by")
    states = {None: "open", True: "upheld", False: "rejected"}
    cells_ = [
        [str(one.id), one.name, one.event_id, one.sanction_id, words(f"appeal.{states[one.upheld]}"), minute(one.filed_at), one.filed_by, one.reason,
         _decider(words, one)]
        for one in rows
    ]  # fmt: skip
    return table(["id", *map(words, names)], cells_)


@command(_appeal, "file", "appeal_file")
def _file_appeal(
    context: Context,
    reason: Why,
    number: Annotated[int | None, typer.Argument(metavar="EVENT_ID", help="help.argument.event")] = None,
    sanction: Annotated[int | None, typer.Option("--sanction", metavar="ID", help="help.argument.sanction")] = None,
) -> None:
    session = session_of(context)
    with session.services() as services:
        filed = services.rating.file_appeal(reason, event_id=number, sanction_id=sanction)
    session.answer(documents.appeal(filed), lambda: _appeal_text(session.words, [filed]))


@command(_appeal, "decide", "appeal_decide")
def _decide_appeal(
    context: Context,
    number: Annotated[int, typer.Argument(metavar="ID", help="help.argument.appeal")],
    reason: Why,
    uphold: Annotated[bool, typer.Option("--uphold", help="help.option.uphold")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="help.option.reject")] = False,
    own: Own = False,
) -> None:
    session = session_of(context)
    words = session.words
    upheld = _one_of(uphold, reject, "--uphold", "--reject")
    with session.services() as services:
        decided, alone = services.rating.decide_appeal(number, upheld=upheld, reason=reason, own=own), services.rating.alone
    followed = decided.followed
    said = "" if followed is None else "\n" + words(
        "cli.appeal_followed", before=followed.score_before, after=followed.score_after,
        grade_before=followed.grade_before.code, grade_after=followed.grade_after.code,
    )  # fmt: skip
    session.answer({**documents.appeal(decided), **_second_person(alone)}, lambda: _appeal_text(words, [decided]) + said + _alone(words, alone=alone))


def add_to(koc: typer.Typer) -> None:
    """Add these commands."""
    for made, word in ((_credit, "credit"), (_sanction, "sanction"), (_appeal, "appeal")):
        koc.add_typer(made, name=word)
