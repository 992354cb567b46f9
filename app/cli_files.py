# SPDX-License-Identifier: Apache-2.0
"""The commands of ``koc`` about files: take them in, list and undo imports, write them out, back up and put back."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from app import documents
from app.errors import UsageError
from app.files import ImportReport, ImportRequest
from app.grammar import command, group, pair, parts, session_of
from app.jobs import Job
from app.rules.facts import CREATORS, FACTS
from app.services import Services
from app.terminal import Session, minute, table
from app.usecases.creators import Question
from app.words import Words

_SHOWN_REJECTS: Final = 20
_TAKEN_IN: Final = ("import.", "sync.", "quote.import", "shipment.waybills", "links.match")
"""Operations that bring data from outside: files, feeds and pasted links."""
_COUNTS: Final = ("read", "inserted", "updated", "unchanged", "rejected", "duplicates")

Context = typer.Context
InFile = Annotated[Path, typer.Argument(metavar="FILE", help="help.argument.file")]
OutFile = Annotated[Path, typer.Argument(metavar="FILE", help="help.argument.out")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="help.option.dry_run")]
Force = Annotated[bool, typer.Option("--force", help="help.option.force")]
Where = Annotated[str, typer.Option("--where", help="help.option.where")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DATE", help="help.option.as_of")]
_importing = group("import")
_imports = group("imports", no_args_is_help=False, invoke_without_command=True)
_exporting = group("export")


Sheet = Annotated[str | None, typer.Option(help="help.option.sheet")]
Platform = Annotated[str | None, typer.Option(help="help.option.platform")]
Pairs = Annotated[list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="help.option.map")]
Key = Annotated[str, typer.Option(metavar="F,F", help="help.option.key")]
Encoding = Annotated[str | None, typer.Option(help="help.option.encoding")]
ErrorsTo = Annotated[Path | None, typer.Option("--errors", metavar="OUT.xlsx", help="help.option.errors")]
Columns = Annotated[str, typer.Option("--columns", metavar="F,F", help="help.option.columns")]


@command(_importing, CREATORS, "import_creators")
def _import_creators(
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
    pairs_ = dict(pair(word) for word in mapping or ())
    _take_in(session_of(context), ImportRequest(file, sheet, platform, pairs_, parts(key), encoding, dry_run, errors))


def _importing_of(kind: str) -> None:
    """Add the command that imports a kind of facts."""

    @command(_importing, kind, f"import.{kind}")
    def take(
        context: Context,
        file: InFile,
        sheet: Sheet = None,
        platform: Platform = None,
        mapping: Pairs = None,
        key: Key = "",
        encoding: Encoding = None,
        dry_run: DryRun = False,
        errors: ErrorsTo = None,
        create_leads: Annotated[bool, typer.Option("--create-leads", help="help.option.create_leads")] = False,
    ) -> None:
        pairs_ = dict(pair(word) for word in mapping or ())
        request = ImportRequest(file, sheet, platform, pairs_, parts(key), encoding, dry_run, errors, kind=kind, create_leads=create_leads)
        _take_in(session_of(context), request)


def _take_in(session: Session, request: ImportRequest) -> None:
    """Import a file and answer what became of its rows."""
    request = replace(request, reasons={**session.words.family("field"), **session.words.family("reject")})
    with session.services() as services, session.job() as job:
        report = (services.creators if request.kind == CREATORS else services.facts).import_file(request, job)
    session.answer(documents.report(report, session.words), lambda: _report_text(session.words, report, dry_run=request.dry_run))
    raise typer.Exit(1 if report.rejected else 0)


def _report_text(words: Words, report: ImportReport, *, dry_run: bool) -> str:
    counts = [getattr(report, name) for name in _COUNTS]
    lines = [words("cli.import_dry" if dry_run else "cli.import_done"), table([words(f"report.{name}") for name in _COUNTS], [counts])]
    lines += [words("cli.mapping", pairs=", ".join(f"{words.field(name)} ← {label.strip()}" for name, label in report.mapping.items()))]
    if report.unmapped:
        lines.append(words("cli.unmapped", headers=", ".join(report.unmapped)))
    lines += [f"! {words.warning(warn.code, warn.details)}" for warn in report.warnings]
    if report.errors:
        header = [words("cli.row"), words("cli.column"), words("cli.value"), words("cli.reason")]
        rows = [[str(one.row), one.column, one.value[:40], words(f"reject.{one.code}")] for one in report.errors[:_SHOWN_REJECTS]]
        lines += ["", table(header, rows)]
        if len(report.errors) > _SHOWN_REJECTS:
            lines.append(words("cli.more_rejects", n=len(report.errors) - _SHOWN_REJECTS))
    return "\n".join(lines)


@_imports.callback()
def _list_imports(context: Context) -> None:
    if context.invoked_subcommand:
        return
    session = session_of(context)
    with session.services() as services:
        done = services.workspace.operations(_TAKEN_IN)
    words = session.words
    header = ["id", words("cli.at"), words("cli.by"), words("cli.file"), *(words(f"report.{name}") for name in _COUNTS), words("cli.undone")]
    rows = [
        [
            str(one.id),
            minute(one.at),
            one.by,
            one.summary.get("file") or documents.stream_of(one),
            *(one.summary.get(name) for name in _COUNTS),
            minute(one.undone_at),
        ]
        for one in done
    ]
    session.answer({"imports": [documents.operation(one) for one in done]}, lambda: table(header, rows))


@command(_imports, "undo", "imports_undo")
def _undo_import(context: Context, number: Annotated[int, typer.Argument(metavar="ID", help="help.argument.import")]) -> None:
    session = session_of(context)
    with session.services() as services, session.job() as job:
        if all(one.id != number for one in services.workspace.operations(_TAKEN_IN, limit=sys.maxsize)):
            raise UsageError("unknown_operation", id=number)
        undone = services.workspace.undo(number, job)
    counts = {"removed": undone.inserted_removed, "reverted": undone.updates_reverted, "kept": len(undone.kept)}
    session.answer(documents.undone(undone), lambda: session.words("cli.undone_import", id=number, **counts))


@command(_exporting, CREATORS, "export_creators")
def _export_creators(context: Context, file: OutFile, where: Where = "", columns: Columns = "") -> None:
    _write_out(session_of(context), file, lambda services, job: services.creators.export(Question(where=where), parts(columns), file, job), of_creators=True)


def _exporting_of(kind: str) -> None:
    """Add the command that exports a kind of facts."""

    @command(_exporting, kind, f"export.{kind}")
    def write(context: Context, file: OutFile, where: Where = "", columns: Columns = "") -> None:
        _write_out(session_of(context), file, lambda services, job: services.facts.export(kind, where, parts(columns), file, job))


def _write_out(session: Session, file: Path, export: Callable[[Services, Job], int], *, of_creators: bool = False) -> None:
    """Export and answer how many rows were written, and what the role left out."""
    started = time.monotonic()
    with session.services() as services, session.job() as job:
        count = export(services, job)
        held = services.creators.withheld if of_creators else ()
    words, document = session.words, {"rows": count, "file": str(file), "withheld": list(held), "seconds": round(time.monotonic() - started, 3)}
    lines = [words.plural("cli.exported", count, file=file)]
    if held:
        lines.append(words("export.withheld", fields=words("list.separator").join(map(words.field, held))))
    session.answer(document, lambda: "\n".join(lines))


for _kind in FACTS:
    _importing_of(_kind)
    _exporting_of(_kind)


def _backup(context: Context, file: OutFile) -> None:
    session = session_of(context)
    with session.services() as services, session.job() as job:
        made = services.workspace.backup(file, job)
    session.answer(documents.archive(made), lambda: session.words("cli.backed_up", file=made["file"]))


def _restore(context: Context, file: InFile, force: Force = False) -> None:
    session = session_of(context)
    made = session.opener().restore(file, session.ref, force=force)
    words, paused = session.words, made["paused"]
    lines = [words("cli.restored", workspace=made["workspace"], created=made["created"])]
    if isinstance(paused, list) and paused:
        lines.append(words("restore.paused", names=words("list.separator").join(paused)))
    session.answer(documents.archive(made), lambda: "\n".join(lines))


def add_to(koc: typer.Typer) -> None:
    """Put these commands under the program's word."""
    for word, made in (("import", _importing), ("imports", _imports), ("export", _exporting)):
        koc.add_typer(made, name=word)
    command(koc, "backup", "backup")(_backup)
    command(koc, "restore", "restore")(_restore)
