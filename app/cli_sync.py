# SPDX-License-Identifier: Apache-2.0
"""The commands of ``koc`` about platforms: connect one, sign in, pull its feeds, see what came of it, and when it is pulled next."""

from __future__ import annotations

import contextlib
import getpass
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app import documents, itself
from app.cli_files import Context, DryRun
from app.errors import CancelledError, PlatformError, UsageError
from app.grammar import command, group, session_of
from app.services import Services
from app.terminal import Session, minute, shown, table, yuan
from app.words import Words

if TYPE_CHECKING:
    from app.documents import Document
    from app.jobs import Job
    from app.usecases.syncing import Conflict, Connection, Due, Run

_INTERRUPTED: Final = 130
_LONGEST_LINE: Final = 16_384
_LEAST_SECONDS: Final = 15 * 60
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}
_NO_KEYRING: Final = frozenset({"keyring_missing", "keyring_refused"})
_FAILED: Final = frozenset({"failed", "parked"})
_SHOWN: Final = 20

_connect = group("connect")
_sync = group("sync")
_conflicts = group("conflicts", no_args_is_help=False, invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="help.argument.connection")]
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME …", help="help.argument.connections")]
Streams = Annotated[list[str] | None, typer.Option("--stream", metavar="S", help="help.option.stream")]
SecretStdin = Annotated[bool, typer.Option("--secret-stdin", help="help.option.secret_stdin")]
Vault = Annotated[bool, typer.Option("--vault", help="help.option.vault")]


# ---------------------------------------------------------------- connections


@command(_connect, "add", "connect_add")
def _add(
    context: Context,
    platform: Annotated[str, typer.Argument(metavar="PLATFORM", help="help.argument.connector")],
    name: Annotated[str, typer.Option("--name", metavar="N", help="help.option.connection_name")],
    base_url: Annotated[str | None, typer.Option("--base-url", metavar="URL", help="help.option.base_url")] = None,
    app_id: Annotated[str | None, typer.Option("--app-id", metavar="A", help="help.option.app_id")] = None,
    secret_stdin: SecretStdin = False,
    vault: Vault = False,
) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        info = next((one for one in services.syncing.catalog() if one.name == platform), None)
        if info is None:
            raise UsageError("unknown_connector", text=platform, known=", ".join(one.name for one in services.syncing.catalog()))
        with _secrets(session, services, vault=vault):
            secret = _secret(session, wanted=secret_stdin, asked=info.needs_secret)
            added = services.syncing.add(platform, name, base_url=base_url, app_id=app_id, secret=secret)
    lines = [words("cli.connection.added", name=added.name, platform=_platform(words, added.platform))]
    if info.needs_secret and not secret:
        lines.append(words("cli.connection.no_secret", name=added.name))
    lines.append(words("cli.connection.sign_in", name=added.name))
    session.answer({"connections": [documents.connection(added, words)]}, lambda: "\n".join(lines))


@command(_connect, "secret", "connect_secret")
def _new_secret(context: Context, name: Name, secret_stdin: SecretStdin = False, vault: Vault = False) -> None:
    session = session_of(context)
    with session.services() as services:
        _known(services, [name])
        with _secrets(session, services, vault=vault):
            secret = _secret(session, wanted=secret_stdin, asked=True)
            if not secret:
                raise UsageError("usage.missing_parameter", text="--secret-stdin")
            services.syncing.keep_secret(name, secret)
        kept = _known(services, [name])
    _answer_connections(session, kept)


@command(_connect, "login", "connect_login")
def _login(
    context: Context,
    name: Name,
    code_stdin: Annotated[bool, typer.Option("--code-stdin", help="help.option.code_stdin")] = False,
    vault: Vault = False,
) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        _known(services, [name])
        with _secrets(session, services, vault=vault):
            if code_stdin:
                address, state = services.syncing.by_hand(name)
                _aloud(words("cli.login.by_hand", address=address))
                services.syncing.exchange(name, _typed(session, "cli.login.paste"), state)
            else:
                with _stoppable(session) as job:
                    services.syncing.login(name, lambda url: _open_page(words, url), job)
        now = _known(services, [name])
    _answer_connections(session, now)


@command(_connect, "list", "connect_list")
def _list(context: Context) -> None:
    session = session_of(context)
    with session.services() as services:
        connections = services.syncing.connections()
    _answer_connections(session, connections)


@command(_connect, "test", "connect_test")
def _test(context: Context, name: Name, vault: Vault = False) -> None:
    session = session_of(context)
    with session.services() as services:
        _known(services, [name])
        with _secrets(session, services, vault=vault), _stoppable(session) as job:
            services.syncing.test(name, job)
        now = _known(services, [name])
    _answer_connections(session, now)


@command(_connect, "remove", "connect_remove")
def _remove(context: Context, name: Name) -> None:
    session = session_of(context)
    with session.services() as services:
        _known(services, [name])
        services.syncing.remove(name)
        left = services.syncing.connections()
    document = {"removed": name, "connections": [documents.connection(one, session.words) for one in left]}
    session.answer(document, lambda: session.words("cli.connection.removed", name=name))


def _answer_connections(session: Session, connections: Sequence[Connection]) -> None:
    words = session.words
    header = [words(f"cli.connection.{name}") for name in ("name", "platform", "state", "expires", "note")]
    rows = [
        [one.name, _platform(words, one.platform), words(f"connection.state.{one.state}"), minute(one.expires_at), _note(words, one)] for one in connections
    ]
    document = {"connections": [documents.connection(one, words) for one in connections]}
    session.answer(document, lambda: table(header, rows) if rows else words("cli.connection.none"))


def _note(words: Words, one: Connection) -> str:
    if one.state == "parked" and one.parked_until is not None:
        return words("cli.connection.parked", until=minute(one.parked_until))
    return documents.trouble(one.error, words) or ""


def _known(services: Services, names: Sequence[str]) -> list[Connection]:
    """Connections by name; UsageError names those there are."""
    standing = {one.name: one for one in services.syncing.connections()}
    for name in names:
        if name not in standing:
            raise UsageError("unknown_connection", name=name, known=", ".join(standing) or "–")
    return [standing[name] for name in names]


def _platform(words: Words, name: str) -> str:
    """Word for a platform that can be connected."""
    return words(f"connector.{name}") if words.has(f"connector.{name}") else name


def _stream(words: Words, name: str) -> str:
    """Word for a feed, with the name by which it is chosen."""
    return f"{words(f'stream.{name}')} ({name})" if words.has(f"stream.{name}") else name


# ---------------------------------------------------------------- what nobody else may see


def _secret(session: Session, *, wanted: bool, asked: bool) -> str:
    """The app's secret from stdin, or typed unseen where a terminal is attached; empty where neither."""
    return _typed(session, "cli.secret.ask") if wanted or (asked and _terminal()) else ""


@contextlib.contextmanager
def _secrets(session: Session, services: Services, *, vault: bool) -> Iterator[None]:
    """Work with secrets in the keyring, or in the vault where that was asked for; say how to ask where there is no keyring."""
    if vault:
        services.syncing.keep_in("vault", _typed(session, "cli.vault.ask"))
    try:
        yield
    except PlatformError as error:
        if error.code in _NO_KEYRING:
            _aloud(session.words("cli.vault.hint"))
        raise


def _typed(session: Session, question: str) -> str:
    """One line from stdin; typed unseen where a terminal is attached. UsageError where there is none."""
    if _terminal():
        text = getpass.getpass(session.words(question) + " ", stream=sys.stderr)
    else:
        text = sys.stdin.readline(_LONGEST_LINE) if sys.stdin is not None else ""
    text = text.strip().lstrip("\ufeff")
    if not text:
        raise UsageError("nothing_on_stdin")
    return text


def _terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _aloud(sentence: str) -> None:
    """Say to whoever sits there what must be done now; stdout is the answer's."""
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


def _open_page(words: Words, url: str) -> None:
    """Show an address and open it in the system's browser, which may take as long as it likes and writes nothing between our lines."""
    _aloud(words("cli.login.open", address=url))
    threading.Thread(target=_browse, args=(url,), daemon=True).start()


def _browse(url: str) -> None:
    """Python's own way to a browser, ``$BROWSER`` first, in a process of its own."""
    nothing = subprocess.DEVNULL
    subprocess.run([*itself.command("webbrowser"), url], stdin=nothing, stdout=nothing, stderr=nothing, check=False)  # noqa: S603 (fixed words)


@contextlib.contextmanager
def _stoppable(session: Session) -> Iterator[Job]:
    """A job that an interrupt stops where it may be stopped; a second one stops it at once."""
    asked = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            signal.default_int_handler(number, frame)
        asked.set()

    with session.job() as progress:
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield _Stoppable(progress, asked)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Stoppable:
    """Shows what the other job shows, and stops when asked."""

    def __init__(self, shown_by: Job, asked: threading.Event) -> None:
        self._shown_by, self._asked = shown_by, asked

    def progress(self, phase: str, done: int, total: int | None = None) -> None:
        """Hand it on."""
        self._shown_by.progress(phase, done, total)

    def check(self) -> None:
        """Stop where that was asked for."""
        if self._asked.is_set():
            raise CancelledError


# ---------------------------------------------------------------- runs


@command(_sync, "run", "sync_run")
def _run(
    context: Context,
    names: Names = None,
    streams: Streams = None,
    full: Annotated[bool, typer.Option("--full", help="help.option.full")] = False,
    due: Annotated[bool, typer.Option("--due", help="help.option.due")] = False,
    dry_run: DryRun = False,
    vault: Vault = False,
) -> None:
    session = session_of(context)
    if due and (names or streams or full or dry_run):
        raise UsageError("due_alone")
    with session.services() as services, _secrets(session, services, vault=vault), _stoppable(session) as job:
        runs = services.syncing.run_due(job) if due else services.syncing.run(names or (), streams or (), full=full, dry_run=dry_run, job=job)
    _answer_runs(session, runs, empty="cli.sync.nothing_due" if due else "cli.sync.nothing_connected")
    _tell_failures(session, runs)
    raise typer.Exit(exit_code(runs))


def exit_code(runs: Sequence[Run]) -> int:
    """0 only if every stream is complete; the worst of what is not."""
    states = {one.state for one in runs}
    if "cancelled" in states:
        return _INTERRUPTED
    if states & _FAILED:
        return PlatformError.exit_code
    return 1 if "partial" in states or any(one.rejected for one in runs) else 0


_COUNTS: Final = ("pages", "received", "inserted", "updated", "unchanged", "rejected")


def _answer_runs(session: Session, runs: Sequence[Run], empty: str, *, dated: bool = False) -> None:
    words = session.words
    session.answer({"runs": [documents.run(one, words) for one in runs]}, lambda: _runs_text(words, runs, dated=dated) if runs else words(empty))


def _runs_text(words: Words, runs: Sequence[Run], *, dated: bool = False) -> str:
    header = [words(f"cli.run.{name}") for name in ("id", *(["at"] if dated else []), "connection", "stream", "state", *_COUNTS, "seconds")]
    rows = [
        [str(one.id or ""), *([minute(one.started_at)] if dated else []), one.connection, _stream(words, one.stream), words(f"run.state.{one.state}"),
         *(getattr(one, name) for name in _COUNTS), f"{one.seconds:.1f}"]
        for one in runs
    ]  # fmt: skip
    return table(header, rows)


def _tell_failures(session: Session, runs: Sequence[Run]) -> None:
    """Say in one line each why something is not complete; as JSON the runs say it themselves."""
    if session.as_json:
        return
    words = session.words
    said = [f"{one.connection}: {documents.why(one, words)}" for one in runs if one.error]
    said += [f"{one.connection} · {_stream(words, one.stream)}: {words.plural('cli.sync.missing', one.missing)}" for one in runs if one.missing]
    said += [words("cli.connection.sign_in", name=one.connection) for one in runs if one.error in {"login_needed", "disconnected"}]
    for sentence in dict.fromkeys(said):
        sys.stderr.write(f"koc: {shown(sentence)}\n")


@command(_sync, "status", "sync_status")
def _status(context: Context) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        syncing = services.syncing
        connections, due, runs = syncing.connections(), syncing.schedule(), _latest(syncing.runs(limit=1000))
        drift, rejected, conflicts = syncing.drift(), syncing.rejected(), syncing.conflicts()
    document: Document = {
        "connections": [documents.connection(one, words) for one in connections],
        "runs": [documents.run(one, words) for one in runs.values()],
        "schedule": [documents.due(one) for one in due],
        "rejected": len(rejected),
        "conflicts": len(conflicts),
        "drift": [documents.noticed(one, words) for one in drift],
    }

    def text() -> str:
        if not connections:
            return words("cli.connection.none")
        lines = [_status_text(words, connections, due, runs)]
        lines += [f"! {one.name}: {note}" for one in connections if (note := _note(words, one))]
        lines += [words.plural(f"cli.sync.{name}", len(found)) for name, found in (("conflicts", conflicts), ("rejected", rejected)) if found]
        lines += [f"! {one.connection} · {_stream(words, one.stream)}: {documents.drift_in_words(one.drift, words)}" for one in drift[:_SHOWN]]
        if len(drift) > _SHOWN:
            lines.append(words.plural("cli.sync.more_drift", len(drift) - _SHOWN))
        return "\n".join(lines)

    session.answer(document, text)


def _latest(runs: Sequence[Run]) -> dict[tuple[str, str], Run]:
    """The last run of each stream."""
    found: dict[tuple[str, str], Run] = {}
    for one in runs:  # newest first
        found.setdefault((one.connection, one.stream), one)
    return found


def _status_text(words: Words, connections: Sequence[Connection], due: Sequence[Due], runs: dict[tuple[str, str], Run]) -> str:
    header = [words(f"cli.run.{name}") for name in ("connection", "stream", "state", "ended", "next")]
    rows: list[list[object]] = []
    for one in connections:
        rows.append([one.name, "", words(f"connection.state.{one.state}"), "", ""])
        for each in due:
            if each.connection == one.name:
                run = runs.get((one.name, each.stream))
                state = words(f"run.state.{run.state}") if run else words("cli.sync.never_run")
                rows.append(["", _stream(words, each.stream), state, minute(run.ended_at or run.started_at) if run else "", _next(words, each)])
    return table(header, rows)


def _next(words: Words, one: Due) -> str:
    if not one.every_seconds:
        return words("cli.sync.by_hand_only")
    if one.next_at is None:
        return words("cli.sync.after_sign_in")
    return words("cli.sync.now") if one.next_at <= time.time_ns() // 1000 else minute(one.next_at)


@command(_sync, "log", "sync_log")
def _log(
    context: Context,
    number: Annotated[int | None, typer.Argument(metavar="RUN", help="help.argument.run")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="help.option.raw")] = False,
) -> None:
    session = session_of(context)
    words = session.words
    with session.services() as services:
        if number is None:
            runs = services.syncing.runs(limit=100)
            _answer_runs(session, runs, empty="cli.sync.never", dated=True)
            return
        one = next((run for run in services.syncing.runs(limit=sys.maxsize) if run.id == number), None)
        if one is None:
            raise UsageError("unknown_run", id=number)
        lines, rejected = services.syncing.log(number), services.syncing.rejected(number)
    document: Document = {
        "runs": [documents.run(one, words)],
        "lines": [documents.line(each, words) for each in lines],
        "rejected": [documents.kept(each, words, raw=raw) for each in rejected],
    }

    def text() -> str:
        parts = [_runs_text(words, [one], dated=True)]
        parts += [why for why in [documents.why(one, words)] if why]
        parts += [f"{minute(each.at)}  {shown(documents.line_in_words(each, words))}" for each in lines]
        if rejected:
            header = [words(f"cli.rejected.{name}") for name in ("key", "field", "reason", *(["raw"] if raw else []))]
            rows = [
                [each.refused.key, each.refused.field, documents.refusal_in_words(each.refused, words), *([each.refused.raw] if raw else [])]
                for each in rejected
            ]
            parts += ["", table(header, rows)]
        return "\n".join(parts)

    session.answer(document, text)


# ---------------------------------------------------------------- when


@command(_sync, "schedule", "sync_schedule")
def _schedule(
    context: Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="help.argument.connection")] = None,
    every: Annotated[str | None, typer.Option("--every", metavar="6h", help="help.option.every")] = None,
    streams: Streams = None,
    off: Annotated[bool, typer.Option("--off", help="help.option.off")] = False,
    install: Annotated[bool, typer.Option("--install", help="help.option.install")] = False,
) -> None:
    session = session_of(context)
    if off and (every or install):
        raise UsageError("one_of_two", first="--off", second="--every" if every else "--install")
    if every and name is None:
        raise UsageError("usage.missing_parameter", text="NAME")
    seconds = 0 if off else None if every is None else _interval(every)
    with session.services() as services:
        if name is not None:
            _known(services, [name])
            if seconds is not None:
                for stream in streams or (None,):
                    services.syncing.set_schedule(name, stream, seconds)
        entry = services.timers.install() if install else services.timers.entry()
        if off and name is None:
            services.timers.remove()
            entry = services.timers.entry()
        due = [one for one in services.syncing.schedule() if name is None or one.connection == name]
    words = session.words
    document: Document = {"schedule": [documents.due(one) for one in due], "entry": documents.timer(entry)}
    told = words("cli.timer.waits" if entry.waits else "cli.timer.on", file=entry.file) if entry.installed else words("cli.timer.off")
    session.answer(document, lambda: (_due_text(words, due) + "\n" if due else "") + told)


def _due_text(words: Words, due: Sequence[Due]) -> str:
    header = [words(f"cli.run.{name}") for name in ("connection", "stream", "every", "last", "next")]
    rows = [[one.connection, _stream(words, one.stream), _every(words, one.every_seconds), minute(one.since), _next(words, one)] for one in due]
    return table(header, rows)


def _every(words: Words, seconds: int) -> str:
    """An interval in the largest unit that it is whole in."""
    if not seconds:
        return words("sync.every.never")
    unit, size = next((unit, size) for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60), ("minutes", 1)) if seconds % size == 0)
    return words.plural(f"sync.every.{unit}", max(1, seconds // (60 if size == 1 else size)))


def _interval(text: str) -> int:
    """Seconds of ``6h``, ``30m`` or ``1d``; UsageError for anything else, and for less than the system's entry is started."""
    found = re.fullmatch(r"\s*(\d{1,4})\s*([mhd])\s*", text, re.ASCII | re.IGNORECASE)
    seconds = int(found[1]) * _UNITS[found[2].lower()] if found else 0
    if seconds < _LEAST_SECONDS:
        raise UsageError("bad_interval", value=text)
    return seconds


# ---------------------------------------------------------------- what was changed here and there


@_conflicts.callback()
def _list_conflicts(context: Context) -> None:
    if context.invoked_subcommand:
        return
    session = session_of(context)
    words = session.words
    with session.services() as services:
        conflicts = services.syncing.conflicts()
    document = {"conflicts": [documents.conflict(one) for one in conflicts]}
    session.answer(document, lambda: _conflicts_text(words, conflicts) if conflicts else words("cli.sync.no_conflicts"))


def _conflicts_text(words: Words, conflicts: Sequence[Conflict]) -> str:
    header = ["id", *(words(f"cli.conflict.{name}") for name in ("connection", "subject", "field", "base", "mine", "theirs", "at"))]
    rows = [
        [str(one.id), one.connection, one.subject, _field(words, one.field), *(_side(one, name) for name in ("base", "mine", "theirs")), minute(one.at)]
        for one in conflicts
    ]
    return table(header, rows)


def _side(one: Conflict, name: str) -> object:
    value = documents.conflict(one)[name]
    return "–" if value is None else yuan(value) if one.field.endswith("_fen") and isinstance(value, int) else value


def _field(words: Words, name: str) -> str:
    key = f"sync.field.{name}"
    return words(key) if words.has(key) else words.field(name)


@command(_conflicts, "resolve", "conflicts_resolve")
def _resolve(
    context: Context,
    number: Annotated[int, typer.Argument(metavar="ID", help="help.argument.conflict")],
    mine: Annotated[bool, typer.Option("--mine", help="help.option.mine")] = False,
    theirs: Annotated[bool, typer.Option("--theirs", help="help.option.theirs")] = False,
) -> None:
    session = session_of(context)
    if mine == theirs:
        raise UsageError("one_of_two", first="--mine", second="--theirs")
    with session.services() as services:
        if all(one.id != number for one in services.syncing.conflicts()):
            raise UsageError("unknown_conflict", id=number)
        operation = services.syncing.resolve(number, mine=mine)
        left = len(services.syncing.conflicts())
    document = {"resolved": number, "kept": "mine" if mine else "theirs", "operation_id": operation or None, "left": left}
    key = "cli.conflict.kept_mine" if mine else "cli.conflict.took_theirs"
    session.answer(document, lambda: session.words(key, id=number) + (" " + session.words.plural("cli.sync.conflicts", left) if left else ""))


def add_to(koc: typer.Typer) -> None:
    """Put these commands under the program's word."""
    _sync.add_typer(_conflicts, name="conflicts")
    for made, word in ((_connect, "connect"), (_sync, "sync")):
        koc.add_typer(made, name=word)
