# SPDX-License-Identifier: Apache-2.0
"""The commands of ``koc`` about persons: who is one person, what is held about somebody, who agreed, who is taken out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli_files import Context
from app.errors import UsageError
from app.grammar import command, group, session_of
from app.terminal import Digits, minute, pairs, table
from app.usecases.privacy import plain
from app.values import iso

if TYPE_CHECKING:
    from app.documents import Document
    from app.rules.identity import Evidence
    from app.usecases.identity import Merge, Pair
    from app.words import Words

_SHOWN: Final = 40
_EVIDENCE_SHOWN: Final = 3
_HEADS: Final = ("persons", "reachable", "consent", "withdrawn", "erased")
Reference = Annotated[str, typer.Argument(metavar="ID", help="help.argument.creator")]
Other = Annotated[str, typer.Argument(metavar="ID", help="help.argument.other_creator")]
Reason = Annotated[str, typer.Option("--reason", help="help.option.reason")]
Limit = Annotated[int, typer.Option("--limit", min=0, help="help.option.limit")]

_identity = group("identity")
_person = group("person")


# ---------------------------------------------------------------- one person


@command(_identity, "suggest", "identity_suggest")
def _suggest(
    context: Context,
    least: Annotated[float, typer.Option("--min", min=0.01, max=1.0, help="help.option.least_score")] = 0.9,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help="help.option.limit")] = None,
) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services, session.job() as job:
        found = services.identity.suggest(least, limit, job)
    document: Document = {
        "pairs": [_pair(one) for one in found.pairs],
        "found": found.found,
        "creators": found.creators,
        "compared": found.compared,
        "crowded": [{"key": one.key, "blocks": one.blocks, "records": one.records, "largest": one.largest} for one in found.crowded],
    }
    rows = [[str(one.a), str(one.b), Digits(f"{one.score:.3f}"), words(f"identity.{one.word}"), _why(words, one)] for one in found.pairs[:_SHOWN]]
    header = ["a", "b", words("identity.score"), words("identity.word"), words("identity.evidence")]
    told = [words.plural("cli.identity_found", found.found, creators=f"{found.creators:,}", compared=f"{found.compared:,}")]
    told += [words("cli.identity_crowded", key=words(f"identity.key.{one.key}"), blocks=one.blocks, largest=one.largest) for one in found.crowded]
    session.answer(document, lambda: table(header, rows) + "\n".join(told))


def _pair(one: Pair) -> Document:
    return {"a": one.a, "b": one.b, "score": one.score, "word": one.word, "evidence": [part._asdict() for part in one.evidence]}


def _why(words: Words, one: Pair) -> str:
    return words("cli.between").join(_evidence(words, part) for part in one.evidence[:_EVIDENCE_SHOWN])


def _evidence(words: Words, one: Evidence) -> str:
    name, _, level = one.code.partition(".")
    return words(f"identity.level.{level}", field=words(f"identity.field.{name}"))


@command(_identity, "merge", "identity_merge")
def _merge(
    context: Context,
    kept: Reference,
    gone: Other,
    reason: Reason = "",
    take: Annotated[list[str] | None, typer.Option("--take", metavar="FIELD=a|b", help="help.option.take")] = None,
) -> None:
    session = session_of(context)
    chosen = {}
    for one in take or []:
        name, equals, side = one.partition("=")
        if not equals:
            raise UsageError("unknown_argument", text=one)
        chosen[name] = side
    with session.services() as services:
        done = services.identity.same(services.creators.find(kept), services.creators.find(gone), reason or None, chosen)
    session.answer(_merged(done), lambda: session.words("cli.identity_merged", a=done.creator_id, b=done.gone_id, id=done.id))


def _merged(one: Merge) -> Document:
    return {
        "merge_id": one.id,
        "operation_id": one.operation_id,
        "creator_id": one.creator_id,
        "gone_id": one.gone_id,
        "name": one.name,
        "chosen": dict(one.chosen),
        "reason": one.reason,
        "by": one.by,
        "at": iso(one.at),
        "split": one.split,
    }


@command(_identity, "split", "identity_split")
def _split(context: Context, number: Annotated[int, typer.Argument(metavar="MERGE_ID", help="help.argument.merge")]) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services, session.job() as job:
        done = services.identity.split(number, job)
    kept = [{"table": one.table, "id": one.id, "field": one.field, "why": one.why} for one in done.kept]
    lines = [words.plural("cli.identity_split", len(kept), id=number)]
    lines += [f"{one.table} {one.id} {one.field or ''}: {words(f'kept.{one.why}')}" for one in done.kept[:_SHOWN]]
    session.answer({"split": {"merge_id": number, "operation_id": done.operation_id, "kept": kept}}, lambda: "\n".join(lines))


@command(_identity, "different", "identity_different")
def _different(context: Context, one: Reference, other: Other, reason: Reason = "") -> None:
    session = session_of(context)
    with session.services() as services:
        a, b = services.creators.find(one), services.creators.find(other)
        done = services.identity.different(a, b, reason or None)
    session.answer({"a": a, "b": b, "operation_id": done or None, "known": not done}, lambda: session.words("cli.identity_different", a=a, b=b))


@command(_identity, "accept", "identity_accept")
def _accept(
    context: Context,
    least: Annotated[float, typer.Option("--min", min=0.01, max=1.0, help="help.option.least_score")] = 0.99,
    limit: Limit = 1_000,
) -> None:
    session = session_of(context)
    with session.services() as services, session.job() as job:
        done = services.identity.accept_sure(least, limit, job)
    document: Document = {"merge_ids": list(done.merges), "left": [{"a": a, "b": b} for a, b in done.left]}
    session.answer(document, lambda: session.words.plural("cli.identity_accepted", len(done.merges), left=len(done.left)))


@command(_identity, "list", "identity_list")
def _list(context: Context, reference: Annotated[str | None, typer.Argument(metavar="ID", help="help.argument.creator")] = None, limit: Limit = 200) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        rows = services.identity.merges(None if reference is None else services.creators.find(reference), limit)
    header = ["id", "a", "b", words("field.name"), words("cli.at"), words("cli.by"), words("identity.split")]
    cells = [[str(one.id), str(one.creator_id), str(one.gone_id), one.name, minute(one.at), one.by, words("cli.yes") if one.split else ""] for one in rows]
    session.answer({"merges": [_merged(one) for one in rows]}, lambda: table(header, cells))


# ---------------------------------------------------------------- personal data


@command(_person, "export", "person_export")
def _export(context: Context, reference: Reference, file: Annotated[Path, typer.Argument(metavar="FILE", help="help.argument.person_file")]) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        done = services.privacy.export(services.creators.find(reference), file)
    session.answer(dict(done), lambda: words.plural("cli.person_exported", done["rows"], id=done["creator_id"], file=done["file"]))


@command(_person, "erase", "person_erase")
def _erase(context: Context, reference: Reference, reason: Annotated[str, typer.Option("--reason", help="help.option.reason")]) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        done = services.privacy.erase(services.creators.find(reference), reason)
    lines = [words("cli.person_erased", id=done.creator_id)]
    lines += [words(f"kept_by_law.{kept.why}", rows=kept.rows, days=kept.days) for kept in done.kept]
    lines += [words("cli.person_copy", file=copy) for copy in done.copies]
    if done.audit_rows:
        lines.append(words("cli.person_in_audit", count=done.audit_rows))
    if not done.swept:
        lines.append(words("cli.person_not_swept"))
    session.answer(plain(done), lambda: "\n".join(lines))


@command(_person, "sweep", "person_sweep")
def _sweep(context: Context) -> None:
    session = session_of(context)
    with session.services() as services:
        swept = services.privacy.sweep()
    session.answer({"swept": swept}, lambda: session.words("cli.person_swept" if swept else "cli.person_not_swept"))


@command(_person, "consent", "person_consent")
def _consent(
    context: Context,
    reference: Reference,
    give: Annotated[str | None, typer.Option("--give", metavar="PURPOSE", help="help.option.consent_give")] = None,
    withdraw: Annotated[str | None, typer.Option("--withdraw", metavar="PURPOSE", help="help.option.consent_withdraw")] = None,
    channel: Annotated[str, typer.Option("--channel", help="help.option.channel")] = "other",
    evidence: Annotated[str, typer.Option("--evidence", help="help.option.consent_evidence")] = "",
) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        one = services.creators.find(reference)
        if give:
            services.privacy.agree([one], give, channel, evidence=evidence or None)
        if withdraw:
            services.privacy.withdraw(one, withdraw)
        rows = services.privacy.consents(one)
    document: Document = {
        "consents": [{**plain(one), "given_at": iso(one.given_at), "withdrawn_at": None if one.withdrawn_at is None else iso(one.withdrawn_at)} for one in rows]
    }
    header = [words("privacy.purpose"), words("privacy.text_version"), words("privacy.channel"), words("privacy.given"), words("privacy.withdrawn")]
    cells = [[words(f"privacy.purpose.{one.purpose}"), one.text_version, one.channel, minute(one.given_at), minute(one.withdrawn_at)] for one in rows]
    session.answer(document, lambda: table(header, cells))


@command(_person, "looks", "person_looks")
def _looks(context: Context, reference: Annotated[str | None, typer.Argument(metavar="ID", help="help.argument.creator")] = None, limit: Limit = 200) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        rows = services.privacy.looks(None if reference is None else services.creators.find(reference), limit)
    header = ["id", words("cli.at"), words("cli.by"), words("privacy.look"), words("privacy.fields")]
    cells = [[str(one.creator_id), minute(one.at), one.by, words(f"look.{one.action}"), ", ".join(one.fields)] for one in rows]
    session.answer({"looks": [{**plain(one), "at": iso(one.at)} for one in rows]}, lambda: table(header, cells))


@command(_person, "due", "person_due")
def _due(context: Context, limit: Limit = 100) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        found, heads = services.privacy.due(limit), services.privacy.heads()
    document: Document = {
        "due": [
            {
                "class": one.kind,
                "days": one.days,
                "count": one.count,
                "rows": [{"creator_id": row[0], "name": row[1], "due_since": iso(row[2])} for row in one.rows],
            }
            for one in found
        ],
        "heads": plain(heads),
    }
    header = [words("privacy.class"), words("privacy.days"), words("cli.count")]
    cells = [[words(f"privacy.class.{one.kind}"), one.days, one.count] for one in found]
    counted = [(words(f"privacy.heads.{name}"), plain(heads)[name]) for name in _HEADS]
    session.answer(document, lambda: table(header, cells) + pairs(counted))


def add_to(koc: typer.Typer) -> None:
    """Add these commands."""
    koc.add_typer(_identity, name="identity")
    koc.add_typer(_person, name="person")
