# SPDX-License-Identifier: Apache-2.0
"""The command line ``koc``: text in, text out over the services.

Names, options and JSON keys are binding; the words are the catalogues'. Human output and one JSON document go to
stdout, progress and complaints to stderr.
"""

from __future__ import annotations

import contextlib
import getpass
import io
import json
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import click
import typer

from app.errors import ProductError, UsageError
from app.jobs import Quiet
from app.rules import cells
from app.rules.fields import CREATOR_FIELDS, platform_code
from app.settings import default_workspace
from app.usecases.creators import ImportRequest, Question, RosterRow, SortKey
from app.values import Actor, Ranked, Stage, Tier, WorkspaceRef, day_end, iso
from app.words import Words, normalise, system_language

if False:  # pragma: no cover
    from app.services import Services

_MOST_EVENTS: Final = 1000
_NO_WORKSPACE: Final = 3


@dataclass(slots=True)
class Session:
    """One call of ``koc``: where, who, how to answer."""

    opener: Callable[[], Any]
    words: Words
    address: str
    actor: Actor
    as_json: bool
    quiet: bool
    exit_code: int = 0

    @property
    def ref(self) -> WorkspaceRef:
        """Workspace asked for."""
        return WorkspaceRef(self.address)

    @contextlib.contextmanager
    def services(self) -> Iterator[Services]:
        """Open the workspace for one command."""
        services = self.opener()(self.ref, self.actor)
        try:
            yield services
        finally:
            services.close()

    def answer(self, document: Mapping[str, object], human: Callable[[], str]) -> None:
        """Print the JSON document, or what people read."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=1, default=_jsonable) + "\n")
        else:
            text = human()
            sys.stdout.write(text if text.endswith("\n") or not text else text + "\n")
        sys.stdout.flush()

    def job(self) -> Progress:
        """Progress on stderr, where somebody looks."""
        return Progress(self)


class Progress(Quiet):
    """Shows a line of progress on a terminal's stderr."""

    def __init__(self, session: Session) -> None:
        """Stay silent where nobody looks."""
        self._session = session
        self._shown = not session.quiet and not session.as_json and sys.stderr.isatty()
        self._last = 0.0

    def progress(self, phase: str, done: int, total: int | None = None) -> None:
        """Redraw the line, a few times a second."""
        if self._shown and time.monotonic() - self._last > 0.2:  # noqa: PLR2004 (seconds)
            self._last = time.monotonic()
            share = f" {100 * done // max(total, 1)} %" if total else f" {done:,}"
            sys.stderr.write(f"\r{self._session.words(f'phase.{phase}')}{share}   ")
            sys.stderr.flush()


def run(argv: Sequence[str], opener: Callable[[], Any]) -> int:
    """Run one command; returns its exit code."""
    _utf8()
    words = Words(_language(argv))
    as_json = "--json" in argv
    try:
        command = typer.main.get_command(build(words, opener))
        code = command.main(args=_numbered(list(argv)), prog_name="koc", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except ProductError as error:
        return _complain(words, as_json, error.code, error.details, error.exit_code, _sentence(words, error))
    except click.exceptions.Abort:
        return _complain(words, as_json, "cancelled", {}, 130, words("error.cancelled"))
    except KeyboardInterrupt:
        return _complain(words, as_json, "cancelled", {}, 130, words("error.cancelled"))
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        return _complain(words, as_json, "usage", {"message": error.format_message()}, 2, error.format_message())
    except BrokenPipeError:
        return 0


def _utf8() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _language(argv: Sequence[str]) -> str:
    for at, word in enumerate(argv):
        if word == "--lang" and at + 1 < len(argv):
            return normalise(argv[at + 1])
        if word.startswith("--lang="):
            return normalise(word.removeprefix("--lang="))
    return system_language()


_AFTER_CREATOR: Final = {"show", "add", "set", "tag"}


def _numbered(argv: list[str]) -> list[str]:
    """``koc creator 12`` means ``koc creator show 12``; a tag to take off, ``-word``, is no option."""
    if "creator" in argv:
        at = argv.index("creator") + 1
        if at < len(argv) and argv[at] not in _AFTER_CREATOR and not argv[at].startswith("-"):
            argv.insert(at, "show")
        if argv[at : at + 1] == ["tag"]:
            named = [word for word in argv[at + 1 :] if not (word.startswith("-") and not word.startswith("--"))]
            gone = [word for word in argv[at + 1 :] if word.startswith("-") and not word.startswith("--")]
            argv = [*argv[: at + 1], *named, *(f"--remove={word[1:]}" for word in gone)]
    globals_anywhere = [word for word in argv if word in {"--json", "--quiet"}]
    return [*globals_anywhere, *(word for word in argv if word not in {"--json", "--quiet"})]


def _complain(words: Words, as_json: bool, code: str, details: Mapping[str, object], exit_code: int, sentence: str) -> int:
    if as_json:
        document = {"error": {"code": code, "message": sentence, "details": details}}
        sys.stdout.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")
    else:
        sys.stderr.write(f"koc: {sentence}\n")
    del words
    return exit_code


def _sentence(words: Words, error: ProductError) -> str:
    """What happened, with what is safe and what to do next where the catalogue has it."""
    details = {name: words(f"reject.{value}") if name == "reason" and words.has(f"reject.{value}") else value for name, value in error.details.items()}
    return words(f"error.{error.code}", **details)


def _jsonable(value: object) -> object:
    if isinstance(value, Ranked):
        return value.code
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value)}
    return str(value)


# ---------------------------------------------------------------- tables for people


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns, wide characters counted as two; numbers stand at the right."""
    texts = [[_shown(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(header, *texts, strict=True)]
    right = [bool(rows) and all(isinstance(row[at], int | float | type(None)) for row in rows) for at in range(len(header))]

    def line(cells_: Sequence[str]) -> str:
        parts = [
            " " * (width - _width(cell)) + cell if to_right else cell + " " * (width - _width(cell))
            for cell, width, to_right in zip(cells_, widths, right, strict=True)
        ]
        return "  ".join(parts).rstrip()

    return "\n".join([line(header), *(line(row) for row in texts)]) + "\n"


def _shown(cell: object) -> str:
    if isinstance(cell, bool):
        return "✓" if cell else "✗"
    if isinstance(cell, int):
        return f"{cell:,}"
    text = "" if cell is None else str(cell)
    return "".join("\ufffd" if unicodedata.category(char) in {"Cc", "Cf"} and char != "\u200d" else char for char in text)


# ---------------------------------------------------------------- the commands


def build(words: Words, opener: Callable[[], Any]) -> typer.Typer:
    """Every command that exists, with help in the reader's language."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, help=words("help.koc"), rich_markup_mode=None)

    def told(key: str) -> str:
        return words(f"help.{key}")

    @app.callback()
    def common(
        context: typer.Context,
        workspace: Annotated[str | None, typer.Option(help=told("option.workspace"), envvar="KOC_WORKSPACE")] = None,
        lang: Annotated[str | None, typer.Option(help=told("option.lang"))] = None,
        as_json: Annotated[bool, typer.Option("--json", help=told("option.json"))] = False,
        quiet: Annotated[bool, typer.Option("--quiet", help=told("option.quiet"))] = False,
        verbose: Annotated[bool, typer.Option("-v", help=told("option.verbose"))] = False,
        who: Annotated[str | None, typer.Option("--as", help=told("option.as"))] = None,
    ) -> None:
        del lang, verbose
        address = workspace or str(default_workspace())
        context.obj = Session(opener, words, address, Actor(who or _login()), as_json, quiet)

    for add in (_add_workspace, _add_import, _add_creators, _add_tiers, _add_health):
        add(app, told)
    return app


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "user"


Told = Callable[[str], str]


def _session(context: typer.Context) -> Session:
    session: Session = context.find_root().obj
    return session


def _add_workspace(app: typer.Typer, told: Told) -> None:
    @app.command(help=told("init"))
    def init(
        context: typer.Context,
        sample: Annotated[bool, typer.Option("--sample", help=told("option.sample"))] = False,
        force: Annotated[bool, typer.Option("--force", help=told("option.force"))] = False,
    ) -> None:
        session = _session(context)
        services = session.opener().create(session.ref, session.actor, force=force)
        try:
            if sample:
                from app.sample import fill  # noqa: PLC0415 (only here)

                fill(services, session.job())
            info = services.workspace.info()
        finally:
            services.close()
        document = {"workspace": info.workspace, "schema_version": info.schema_version, "created": True, "counts": info.counts}
        session.answer(document, lambda: session.words("cli.created", path=info.workspace, n=info.counts["creators"]))

    @app.command(help=told("info"))
    def info(context: typer.Context) -> None:
        session = _session(context)
        with session.services() as services:
            found = services.workspace.info(with_hash=True)
        document = {
            "workspace": found.workspace, "schema_version": found.schema_version, "engine": found.engine,
            "sqlite_version": found.sqlite_version, "content_hash": found.content_hash, "counts": dict(found.counts),
            "time_zone": found.zone, "read_only": found.read_only,
        }  # fmt: skip
        rows = [(session.words(f"info.{name}"), value) for name, value in document.items() if name != "counts"]
        rows += [(session.words(f"count.{name}"), value) for name, value in found.counts.items()]
        session.answer(document, lambda: table(("", ""), [(name, _shown(value)) for name, value in rows]))


def _add_import(app: typer.Typer, told: Told) -> None:
    importing = typer.Typer(no_args_is_help=True, help=told("import"))
    app.add_typer(importing, name="import")

    @importing.command("creators", help=told("import_creators"))
    def import_creators(
        context: typer.Context,
        file: Annotated[Path, typer.Argument(help=told("argument.file"))],
        sheet: Annotated[str | None, typer.Option(help=told("option.sheet"))] = None,
        platform: Annotated[str | None, typer.Option(help=told("option.platform"))] = None,
        mapping: Annotated[list[str] | None, typer.Option("--map", help=told("option.map"))] = None,
        key: Annotated[str | None, typer.Option(help=told("option.key"))] = None,
        encoding: Annotated[str | None, typer.Option(help=told("option.encoding"))] = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help=told("option.dry_run"))] = False,
        errors: Annotated[Path | None, typer.Option(help=told("option.errors"))] = None,
    ) -> None:
        session = _session(context)
        request = ImportRequest(
            file, sheet, platform, dict(_pair(word) for word in mapping or ()),
            tuple(part.strip() for part in (key or "").split(",") if part.strip()), encoding, dry_run, errors,
        )  # fmt: skip
        with session.services() as services:
            report = services.creators.import_file(request, session.job())
        document = {
            **{one.name: getattr(report, one.name) for one in fields(report) if one.name not in {"warnings", "errors"}},
            "unmapped": list(report.unmapped),
            "warnings": [{"code": warn.code, "message": session.words(f"warning.{warn.code}", **warn.details), **warn.details} for warn in report.warnings],
            "changes": [_plain(change) for change in report.changes],
            "errors": [{**_plain(reject), "reason": session.words(f"reject.{reject.code}")} for reject in report.errors],
        }
        session.exit_code = 1 if report.rejected else 0
        session.answer(document, lambda: _import_text(session.words, report, dry_run=dry_run))
        raise typer.Exit(session.exit_code)

    imports = typer.Typer(invoke_without_command=True, help=told("imports"))
    app.add_typer(imports, name="imports")

    @imports.callback()
    def list_imports(context: typer.Context) -> None:
        if context.invoked_subcommand:
            return
        session = _session(context)
        with session.services() as services:
            done = services.workspace.operations("import.")
        document = {
            "imports": [
                {"id": one.id, "kind": one.kind.removeprefix("import."), "at": iso(one.at), "by": one.by,
                 "undone_at": None if one.undone_at is None else iso(one.undone_at), **one.summary}
                for one in done
            ]
        }  # fmt: skip
        names = ("read", "inserted", "updated", "unchanged", "rejected", "duplicates")
        header = ["id", session.words("cli.at"), session.words("cli.file"), *(session.words(f"report.{name}") for name in names), session.words("cli.undone")]
        rows = [
            [
                str(one.id),
                iso(one.at)[:19],
                one.summary.get("file"),
                *(one.summary.get(name) for name in names),
                "" if one.undone_at is None else iso(one.undone_at)[:19],
            ]
            for one in done
        ]
        session.answer(document, lambda: table(header, rows))

    @imports.command("undo", help=told("imports_undo"))
    def undo(context: typer.Context, number: Annotated[int, typer.Argument(metavar="ID")]) -> None:
        session = _session(context)
        with session.services() as services:
            undone = services.workspace.undo(number, session.job())
        document = {
            "undone": {
                "id": number,
                "inserted_removed": undone.inserted_removed,
                "updates_reverted": undone.updates_reverted,
                "kept": [_plain(one) for one in undone.kept],
            }
        }
        session.answer(
            document,
            lambda: session.words("cli.undone_import", removed=undone.inserted_removed, reverted=undone.updates_reverted, kept=len(undone.kept)),
        )

    exporting = typer.Typer(no_args_is_help=True, help=told("export"))
    app.add_typer(exporting, name="export")

    @exporting.command("creators", help=told("export_creators"))
    def export_creators(
        context: typer.Context,
        file: Annotated[Path, typer.Argument(help=told("argument.out"))],
        where: Annotated[str, typer.Option(help=told("option.where"))] = "",
        columns: Annotated[str, typer.Option(help=told("option.columns"))] = "",
    ) -> None:
        session = _session(context)
        started = time.monotonic()
        wanted = [part.strip() for part in columns.split(",") if part.strip()]
        with session.services() as services:
            count = services.creators.export(Question(where=where), wanted, file, session.job())
        document = {"rows": count, "file": str(file), "seconds": round(time.monotonic() - started, 3)}
        session.answer(document, lambda: session.words("cli.exported", rows=count, file=file))


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise UsageError("not_a_pair", text=word)
    return name.strip(), value.strip()


def _plain(record: Any) -> dict[str, object]:  # noqa: ANN401 (a record)
    return {one.name: getattr(record, one.name) for one in fields(record)}


def _import_text(words: Words, report: Any, *, dry_run: bool) -> str:  # noqa: ANN401 (ImportReport)
    names = ("read", "inserted", "updated", "unchanged", "rejected", "duplicates")
    lines = [
        words("cli.import_dry" if dry_run else "cli.import_done"),
        table([words(f"report.{name}") for name in names], [[getattr(report, name) for name in names]]),
    ]
    lines += [
        words("cli.mapping")
        + " "
        + ", ".join(f"{words(f'field.{name}') if words.has(f'field.{name}') else name} ← {label.strip()!r}" for name, label in report.mapping.items())
    ]
    if report.unmapped:
        lines.append(words("cli.unmapped") + " " + ", ".join(repr(one) for one in report.unmapped))
    lines += [f"! {words(f'warning.{warn.code}', **warn.details)}" for warn in report.warnings]
    if report.errors:
        header = [words("cli.row"), words("cli.column"), words("cli.value"), words("cli.reason")]
        lines.append(table(header, [[str(one.row), one.column, one.value[:40], words(f"reject.{one.code}")] for one in report.errors[:20]]))
    return "\n".join(lines)


# ---------------------------------------------------------------- creators


def _row(row: RosterRow) -> dict[str, object]:
    """A creator as JSON: codes for ranks, ISO times."""
    return {
        "id": row.id, "name": row.name, "stage": row.stage.code, "tier": _code(row.tier), "group": _code(row.group),
        "followers": row.followers, "fee_fen": row.fee_fen, "platforms": list(row.platforms), "category": row.category,
        "city": row.city, "country": row.country, "owner": row.owner, "tags": list(row.tags), "phone": row.phone,
        "wechat": row.wechat, "email": row.email, "coupon": row.coupon, "commission_bp": row.commission_bp,
        "joined_at": None if row.joined_at is None else iso(row.joined_at), "updated_at": iso(row.updated_at),
        "accounts": [{**_plain(account), "tier": _code(account.tier)} for account in row.accounts],
    }  # fmt: skip


def _code(rank: Ranked | None) -> str | None:
    return None if rank is None else rank.code


def _sort_keys(text: str) -> tuple[SortKey, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(SortKey(part.lstrip("-"), part.startswith("-")) for part in parts)


def _add_creators(app: typer.Typer, told: Told) -> None:
    @app.command(help=told("creators"))
    def creators(
        context: typer.Context,
        search: Annotated[str, typer.Option(help=told("option.search"))] = "",
        where: Annotated[str, typer.Option(help=told("option.where"))] = "",
        sort: Annotated[str, typer.Option(help=told("option.sort"))] = "",
        limit: Annotated[int, typer.Option(min=0, help=told("option.limit"))] = 100,
        offset: Annotated[int, typer.Option(min=0, help=told("option.offset"))] = 0,
    ) -> None:
        session = _session(context)
        started = time.monotonic()
        question = Question(search, where, _sort_keys(sort))
        with session.services() as services:
            services.creators.check(question)
            total = services.creators.count(question)
            rows = services.creators.page(question, limit, offset)
        document = {"total": total, "rows": [_row(row) for row in rows], "seconds": round(time.monotonic() - started, 3)}
        session.answer(document, lambda: _roster_text(session.words, total, rows))

    creator = typer.Typer(no_args_is_help=True, help=told("creator"))
    app.add_typer(creator, name="creator")

    @creator.command("show", help=told("creator_show"))
    def show(context: typer.Context, reference: Annotated[str, typer.Argument(metavar="ID")]) -> None:
        session = _session(context)
        with session.services() as services:
            one = services.creators.find(reference)
            detail = services.creators.detail(one)
            tier = services.rating.show(one)
        document = {
            "creator": {**_row(detail.row), "notes": detail.notes, "version": detail.version},
            "accounts": _row(detail.row)["accounts"],
            "metrics": [{**_plain(metric), "as_of": iso(metric.as_of)} for metric in detail.metrics],
            "stage_history": [{**_plain(step), "stage": step.stage.code, "previous": _code(step.previous), "at": iso(step.at)} for step in detail.stages],
            "tier": _tier_document(tier),
            "tier_history": [{**_plain(step), "tier": _code(step.tier), "previous": _code(step.previous), "at": iso(step.at)} for step in detail.tiers],
            "history": [{**_plain(one_), "at": iso(one_.at)} for one_ in detail.history],
        }
        session.answer(document, lambda: _creator_text(session.words, document))

    @creator.command("add", help=told("creator_add"), context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    def add(
        context: typer.Context,
        name: Annotated[str, typer.Option(help=told("option.name"))],
        account: Annotated[str, typer.Option(help=told("option.account"))],
    ) -> None:
        session = _session(context)
        platform, _, rest = account.partition(":")
        uid, _, handle = rest.partition(":")
        values = {"name": name, "platform": platform_code(platform), "platform_uid": uid, "handle": handle, **_extra(context.args)}
        with session.services() as services:
            row = services.creators.add({key: value for key, value in values.items() if value})
        session.answer(_row(row), lambda: _roster_text(session.words, 1, [row]))

    @creator.command("set", help=told("creator_set"))
    def set_fields(
        context: typer.Context,
        reference: Annotated[str, typer.Argument(metavar="ID")],
        pairs: Annotated[list[str], typer.Argument(metavar="F=V …")],
        reason: Annotated[str | None, typer.Option(help=told("option.reason"))] = None,
    ) -> None:
        session = _session(context)
        with session.services() as services:
            one = services.creators.find(reference)
            services.creators.edit([one], dict(_pair(word) for word in pairs), reason)
            row = services.creators.rows([one])[0]
        session.answer(_row(row), lambda: _roster_text(session.words, 1, [row]))

    @creator.command("tag", help=told("creator_tag"))
    def tag(
        context: typer.Context,
        reference: Annotated[str, typer.Argument(metavar="ID")],
        tags: Annotated[list[str] | None, typer.Argument(metavar="+a -b")] = None,
        remove: Annotated[list[str] | None, typer.Option(hidden=True)] = None,
    ) -> None:
        session = _session(context)
        with session.services() as services:
            one = services.creators.find(reference)
            services.creators.tag([one], [word.removeprefix("+") for word in tags or ()], remove or ())
            row = services.creators.rows([one])[0]
        session.answer(_row(row), lambda: _roster_text(session.words, 1, [row]))

    stage = typer.Typer(no_args_is_help=True, help=told("stage"))
    app.add_typer(stage, name="stage")

    @stage.command("move", help=told("stage_move"))
    def move(
        context: typer.Context,
        reference: Annotated[str, typer.Argument(metavar="ID")],
        to: Annotated[str, typer.Argument(metavar="STAGE")],
        reason: Annotated[str | None, typer.Option(help=told("option.reason"))] = None,
    ) -> None:
        session = _session(context)
        target = cells.typed(CREATOR_FIELDS["stage"], to, "UTC")
        if target is None:
            raise UsageError("value_missing", field="stage")
        with session.services() as services:
            one = services.creators.find(reference)
            before = services.creators.rows([one])[0].stage
            services.recruiting.move([one], Stage(target), reason)
        document = {"moved": {"id": one, "from": before.code, "to": Stage(target).code}}
        session.answer(document, lambda: session.words("cli.moved", id=one, stage=session.words(f"stage.{Stage(target).code}")))


def _extra(args: Sequence[str]) -> dict[str, str]:
    """``--followers N`` and any other field of a new creator."""
    out: dict[str, str] = {}
    words = list(args)
    while words:
        name = words.pop(0)
        if not name.startswith("--"):
            raise UsageError("unknown_argument", text=name)
        name, equals, value = name.removeprefix("--").partition("=")
        if not equals:
            if not words:
                raise UsageError("value_missing", field=name)
            value = words.pop(0)
        out[name.replace("-", "_")] = value
    return out


def _roster_text(words: Words, total: int, rows: Sequence[RosterRow]) -> str:
    header = ["id", *(words(f"field.{name}") for name in ("name", "platform", "followers", "tier", "stage", "category", "city", "owner"))]
    shown = [
        [str(row.id), row.name, ", ".join(words(f"platform.{one}") if words.has(f"platform.{one}") else one for one in row.platforms), row.followers,
         "" if row.tier is None else words(f"tier.{row.tier.code}"), words(f"stage.{row.stage.code}"), row.category, row.city, row.owner]
        for row in rows
    ]  # fmt: skip
    return table(header, shown) + words("cli.shown", shown=len(rows), total=total)


def _creator_text(words: Words, document: Mapping[str, Any]) -> str:
    row = document["creator"]
    lines = [
        (words(f"field.{name}") if words.has(f"field.{name}") else name, ", ".join(map(str, value)) if isinstance(value, list) else value)
        for name, value in row.items()
        if value not in (None, [], "") and name != "accounts"
    ]
    accounts = table(
        ["id", words("field.platform"), words("field.platform_uid"), words("field.handle"), words("field.followers"), words("field.tier")],
        [[str(one["id"]), one["platform"], one["platform_uid"], one["handle"], one["followers"], one["tier"]] for one in row["accounts"]],
    )
    return table(("", ""), [(name, str(value)) for name, value in lines]) + "\n" + accounts


# ---------------------------------------------------------------- tiers and policies


def _tier_document(shown: Any) -> dict[str, object]:  # noqa: ANN401 (TierExplanation)
    return {
        "creator_id": shown.creator_id, "name": shown.name, "tier": _code(shown.tier), "group": _code(shown.group),
        "main_account_id": shown.main_account_id, "policy_version": shown.policy_version,
        "accounts": [
            {
                "account_id": one.account_id, "platform": one.platform, "handle": one.handle, "followers": one.followers,
                "tier": _code(one.tier), "band": [one.band_low, one.band_high], "keeps": [one.keeps_from, one.keeps_below],
                "override": None if one.override is None else {
                    **_plain(one.override), "tier": one.override.tier.code, "created_at": iso(one.override.created_at),
                    "expires_at": iso(one.override.expires_at),
                },
                "history": [{"at": iso(step.at), "followers": step.followers, "tier": step.tier.code} for step in one.steps],
            }
            for one in shown.accounts
        ],
    }  # fmt: skip


def _policy_document(row: Any) -> dict[str, object]:  # noqa: ANN401 (PolicyRow)
    return {"name": row.name, "version": row.version, "since": iso(row.since), "by": row.by, "reason": row.reason, "body": dict(row.body)}


def _as_of(text: str | None, zone: str) -> int | None:
    """A day means its end, a time itself."""
    if text is None:
        return None
    try:
        return day_end(date.fromisoformat(text), zone)
    except ValueError:
        try:
            return cells.when(text, zone)
        except cells.BadCellError as error:
            raise UsageError("bad_value", field="as_of", value=text, reason=error.code) from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError("no_file", path=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("cannot_read", path=str(path)) from error


def _add_tiers(app: typer.Typer, told: Told) -> None:
    tier = typer.Typer(no_args_is_help=True, help=told("tier"))
    app.add_typer(tier, name="tier")

    @tier.command("run", help=told("tier_run"))
    def run_tiers(
        context: typer.Context,
        as_of: Annotated[str | None, typer.Option(help=told("option.as_of"))] = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help=told("option.dry_run"))] = False,
    ) -> None:
        session = _session(context)
        with session.services() as services:
            ran = services.rating.run(_as_of(as_of, services.creators.zone), dry_run=dry_run, job=session.job())
        _answer_run(session, ran)

    @tier.command("show", help=told("tier_show"))
    def show(
        context: typer.Context,
        reference: Annotated[str, typer.Argument(metavar="ID")],
        as_of: Annotated[str | None, typer.Option(help=told("option.as_of"))] = None,
    ) -> None:
        session = _session(context)
        with session.services() as services:
            shown = services.rating.show(services.creators.find(reference), _as_of(as_of, services.creators.zone))
        words = session.words
        header = [words("field.platform"), words("field.handle"), words("field.followers"), words("field.tier"), words("cli.keeps")]
        rows = [
            [one.platform, one.handle, one.followers, "" if one.tier is None else words(f"tier.{one.tier.code}"),
             "" if one.keeps_from is None else f"[{one.keeps_from:,}, {'∞' if one.keeps_below is None else format(one.keeps_below, ',')})"]
            for one in shown.accounts
        ]  # fmt: skip
        session.answer(_tier_document(shown), lambda: f"{shown.name}  {'' if shown.tier is None else words(f'tier.{shown.tier.code}')}\n" + table(header, rows))

    @tier.command("policy", help=told("tier_policy"))
    def policy(
        context: typer.Context,
        file: Annotated[Path | None, typer.Option("--set", help=told("option.set"))] = None,
        reason: Annotated[str, typer.Option(help=told("option.reason"))] = "",
        dry_run: Annotated[bool, typer.Option("--dry-run", help=told("option.dry_run"))] = False,
    ) -> None:
        session = _session(context)
        with session.services() as services:
            if file is not None and dry_run:
                _answer_run(session, services.rating.preview("tiers", _read_text(file), session.job()))
                return
            row = services.rating.set_policy("tiers", _read_text(file), reason or str(file.name)) if file is not None else services.rating.policy("tiers")
        session.answer({**_policy_document(row), "policy_version": row.version}, lambda: _policy_text(row))

    @tier.command("override", help=told("tier_override"))
    def override(
        context: typer.Context,
        reference: Annotated[str, typer.Argument(metavar="ID")],
        to: Annotated[str | None, typer.Argument(metavar="TIER")] = None,
        until: Annotated[str | None, typer.Option(help=told("option.until"))] = None,
        reason: Annotated[str, typer.Option(help=told("option.reason"))] = "",
        account: Annotated[int | None, typer.Option(help=told("option.account_id"))] = None,
        clear: Annotated[bool, typer.Option("--clear", help=told("option.clear"))] = False,
    ) -> None:
        session = _session(context)
        if not clear and (to is None or until is None):
            raise UsageError("value_missing", field="tier" if to is None else "until")
        wanted = None if clear or to is None else Tier(cells.typed(CREATOR_FIELDS["tier"], to, "UTC"))
        try:
            last = None if clear or until is None else date.fromisoformat(until)
        except ValueError as error:
            raise UsageError("bad_value", field="until", value=str(until), reason="bad_date") from error
        with session.services() as services:
            one = services.creators.find(reference)
            target = account or services.rating.show(one).main_account_id
            services.rating.override(target or 0, wanted, last, reason)
            shown = services.rating.show(one)
        session.answer(_tier_document(shown), lambda: f"{shown.name}  {'' if shown.tier is None else session.words(f'tier.{shown.tier.code}')}")

    policies = typer.Typer(no_args_is_help=True, help=told("policy"))
    app.add_typer(policies, name="policy")

    @policies.command("list", help=told("policy_list"))
    def list_policies(context: typer.Context) -> None:
        session = _session(context)
        with session.services() as services:
            rows = services.rating.policies()
        document = {"policies": [{name: value for name, value in _policy_document(row).items() if name != "body"} for row in rows]}
        header = [session.words("cli.policy"), session.words("cli.version"), session.words("cli.since"), session.words("cli.by"), session.words("cli.reason")]
        session.answer(document, lambda: table(header, [[row.name, row.version, iso(row.since)[:19], row.by, row.reason] for row in rows]))

    @policies.command("show", help=told("policy_show"))
    def show_policy(
        context: typer.Context,
        name: str,
        version: Annotated[int | None, typer.Option(help=told("option.version"))] = None,
    ) -> None:
        session = _session(context)
        with session.services() as services:
            row = services.rating.policy(name, version)
        session.answer(_policy_document(row), lambda: _policy_text(row))

    @policies.command("set", help=told("policy_set"))
    def set_policy(
        context: typer.Context,
        name: str,
        file: Path,
        reason: Annotated[str, typer.Option(help=told("option.reason"))],
    ) -> None:
        session = _session(context)
        with session.services() as services:
            row = services.rating.set_policy(name, _read_text(file), reason)
        session.answer(_policy_document(row), lambda: _policy_text(row))


def _policy_text(row: Any) -> str:  # noqa: ANN401 (PolicyRow)
    return f"# {row.name} v{row.version}  {iso(row.since)}  {row.by}  {row.reason}\n" + json.dumps(dict(row.body), ensure_ascii=False, indent=1)


def _answer_run(session: Session, ran: Any) -> None:  # noqa: ANN401 (TierRun)
    document = {
        "changed": ran.changed, "unchanged": ran.unchanged, "policy_version": ran.policy_version, "seconds": ran.seconds,
        "moves": [{"creator_id": one.creator_id, "account_id": one.account_id, "from": _code(one.before), "to": _code(one.after)} for one in ran.moves],
    }  # fmt: skip
    words = session.words
    counted: dict[tuple[str, str], int] = {}
    for one in ran.moves:
        pair = tuple(words(f"tier.{'unknown' if tier is None else tier.code}") for tier in (one.before, one.after))
        counted[pair[0], pair[1]] = counted.get((pair[0], pair[1]), 0) + 1
    rows = [[before, after, count] for (before, after), count in sorted(counted.items())]
    text = words("cli.tiers_run", changed=ran.changed, unchanged=ran.unchanged, version=ran.policy_version)
    session.answer(document, lambda: text + "\n" + (table([words("cli.from"), words("cli.to"), words("cli.count")], rows) if rows else ""))


# ---------------------------------------------------------------- health


def _add_health(app: typer.Typer, told: Told) -> None:
    @app.command(help=told("doctor"))
    def doctor(context: typer.Context, repair: Annotated[bool, typer.Option("--repair", help=told("option.repair"))] = False) -> None:
        session = _session(context)
        with session.services() as services:
            checks = services.workspace.doctor(repair=repair, job=session.job())
        _answer_checks(session, checks)

    @app.command(help=told("backup"))
    def backup(context: typer.Context, file: Annotated[Path, typer.Argument(help=told("argument.out"))]) -> None:
        session = _session(context)
        with session.services() as services:
            made = services.workspace.backup(file, session.job())
        session.answer(made, lambda: session.words("cli.backed_up", file=made["file"], created=made["created"]))

    @app.command(help=told("restore"))
    def restore(
        context: typer.Context,
        file: Annotated[Path, typer.Argument(help=told("argument.file"))],
        force: Annotated[bool, typer.Option("--force", help=told("option.force"))] = False,
    ) -> None:
        session = _session(context)
        restored = session.opener().restore(file, session.ref, force=force)
        session.answer(restored, lambda: session.words("cli.restored", workspace=restored["workspace"], created=restored["created"]))

    chain = typer.Typer(no_args_is_help=True, help=told("audit"))
    app.add_typer(chain, name="audit")

    @chain.command("verify", help=told("audit_verify"))
    def verify(context: typer.Context) -> None:
        session = _session(context)
        with session.services() as services:
            checks = services.workspace.verify_audit()
        _answer_checks(session, checks)

    @chain.callback()
    def only_verify() -> None:
        """Keep ``verify`` a word of its own though it stands alone."""


def _answer_checks(session: Session, checks: Sequence[Any]) -> None:
    good = all(check.ok for check in checks)
    document = {"ok": good, "checks": [_plain(check) for check in checks]}
    rows = [[check.ok, session.words(f"check.{check.name}"), check.detail] for check in checks]
    session.answer(document, lambda: table(["", session.words("cli.check"), session.words("cli.detail")], rows))
    raise typer.Exit(0 if good else 1)
