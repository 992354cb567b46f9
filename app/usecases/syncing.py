# SPDX-License-Identifier: Apache-2.0
"""Platforms: connect one, pull its feeds page by page, accept each page with its cursor, settle what conflicts."""

from __future__ import annotations

import ipaddress
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from app.errors import CancelledError, PlatformError, ProductError, UsageError, WorkspaceError
from app.events import CreatorsChanged, Events, OperationRecorded, ReturnsChanged, SyncChanged
from app.jobs import Job, Quiet
from app.rules.schedule import Past, next_at

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from app.values import Actor


# ---------------------------------------------------------------- what a platform tells


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that a platform told, in the product's own names and units.

    ``key`` is the platform's id of it, as text. A field that is absent was not told; None: told to be empty.
    ``raw`` are the source's own fields that ``fields`` were read from, as they came.
    """

    kind: str
    key: str
    fields: Mapping[str, object]
    raw: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that was not taken: its text as it came, the source's field at fault, and a code under ``reject.<code>``."""

    key: str
    field: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Drift:
    """A feed that no longer looks as its contract says. ``kind``: missing, new, renamed, type; ``other``: the new name or type."""

    field: str
    kind: str
    other: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a feed, parsed, and the cursor that stands once it is accepted.

    Counts are of the records of ``kind``; others come along with them. ``whole``: the answer is all there is of this kind under
    these field values, so what stands beside it is over. ``missing``: records that the platform counts and never sent.
    """

    kind: str
    records: Sequence[Record]
    cursor: str
    received: int
    rejected: Sequence[Refused] = ()
    drift: Sequence[Drift] = ()
    whole: Mapping[str, object] | None = None
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """A record that a connection brought before: its key and the fields as last told."""

    key: str
    fields: Mapping[str, object]


# ---------------------------------------------------------------- connections and runs


@dataclass(frozen=True, slots=True)
class Stream:
    """A feed of a platform as people choose it."""

    name: str
    every_seconds: int
    """How often it is due unless a schedule says otherwise."""
    after: tuple[str, ...] = ()
    """Streams that bring what this one asks about."""


@dataclass(frozen=True, slots=True)
class PlatformInfo:
    """A platform that can be connected: what it asks for, and its streams in the order in which they are pulled."""

    name: str
    streams: tuple[Stream, ...]
    needs_secret: bool = True
    leaves_mainland: bool = False
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Connection:
    """The brand's authorised access to a platform. ``state``: new, ok, login_needed, disconnected, parked, locked. Never a secret."""

    id: int
    name: str
    platform: str
    state: str
    base_url: str | None = None
    app_id: str | None = None
    expires_at: int | None = None
    scopes: tuple[str, ...] = ()
    parked_until: int | None = None
    changed_at: int | None = None
    error: str | None = None
    """Why it does not work, as a code of an error, where it does not."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of the records of a page."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    conflicts: int = 0


@dataclass(slots=True)
class Traffic:
    """What a run asked of the platform, counted as it goes."""

    requests: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One stream pulled once. ``state``: running, ok, partial, parked, failed, cancelled."""

    id: int
    connection: str
    stream: str
    state: str
    started_at: int
    ended_at: int | None = None
    pages: int = 0
    received: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    missing: int = 0
    from_cursor: str | None = None
    to_cursor: str | None = None
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    error: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    operation_id: int | None = None
    full: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a run's log: a code under ``sync.line.<code>`` with its parameters; no secret, nothing personal."""

    at: int
    code: str
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Kept:
    """A rejected record as it is kept, with where and when."""

    id: int
    run_id: int
    connection: str
    stream: str
    at: int
    refused: Refused


@dataclass(frozen=True, slots=True)
class Noticed:
    """A drift as it was first seen."""

    id: int
    connection: str
    stream: str
    at: int
    drift: Drift


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that was changed here and there. ``subject`` is how people call the row."""

    id: int
    connection: str
    kind: str
    key: str
    subject: str
    field: str
    base: object
    mine: object
    theirs: object
    at: int


@dataclass(frozen=True, slots=True)
class Due:
    """When a stream is pulled next. ``every_seconds`` 0: never by itself. ``since`` is the end of its last complete run."""

    connection: str
    stream: str
    every_seconds: int
    since: int | None
    next_at: int | None
    failures: int = 0


# ---------------------------------------------------------------- ports


class Look(Protocol):
    """What a feed may ask of what its connection brought before."""

    def known(self, kind: str) -> Iterable[Known]:
        """Records of a kind, by key in order; read as they are asked for, so that many cost little."""

    def accounts(self, platform: str) -> Sequence[str]:
        """Ids that the workspace's accounts have on a platform, in order."""

    def spent(self, since: int) -> int:
        """Requests that this connection has sent in runs that began since a moment."""


class Watch(Protocol):
    """What a walk reports besides its pages."""

    traffic: Traffic

    def line(self, code: str, **details: object) -> None:
        """Note something in the run's log."""


class Platforms(Protocol):
    """Speaks with platforms and holds their secrets."""

    @property
    def session_only(self) -> bool:
        """Whether secrets are kept in this process alone, so that a child process would have none."""

    def keep_in(self, place: str, phrase: str) -> None:
        """Keep secrets in a ``vault`` opened by a pass phrase, or for this ``session`` only, instead of the keyring."""

    def catalog(self) -> Sequence[PlatformInfo]:
        """The platforms that can be connected."""

    def keep_secret(self, connection: Connection, secret: str) -> None:
        """Keep the app's secret where secrets are kept; PlatformError where there is no such place."""

    def forget(self, connection: Connection) -> None:
        """Take every secret of a connection away."""

    def authorise(self, connection: Connection, open_page: Opened, job: Job) -> Granted:
        """Sign in by the browser and a listener on loopback."""

    def by_hand(self, connection: Connection) -> tuple[str, str]:
        """Address to open in a browser anywhere, and the state that the answer must carry."""

    def exchange(self, connection: Connection, pasted: str, state: str | None) -> Granted:
        """Sign in by a code, or by the whole address that the browser ended at."""

    def test(self, connection: Connection, job: Job) -> Granted:
        """Ask the platform whether the connection works."""

    def pages(self, connection: Connection, stream: str, cursor: str | None, look: Look, watch: Watch, job: Job, *, full: bool) -> Generator[Page, None, None]:
        """Walk a stream from where a cursor says; PlatformError ends the walk, what was yielded stands."""


class Opened(Protocol):
    """Opens a page in the reader's browser."""

    def __call__(self, url: str, /) -> None:
        """Open it, or show its address."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a sign-in gave: until when, and for what."""

    expires_at: int | None
    scopes: tuple[str, ...] = ()


class SyncStore(Protocol):
    """Remembers connections, cursors and runs, and takes pages in. One method is one transaction."""

    def connections(self) -> Sequence[Connection]:
        """Those that stand, by name."""

    def add(self, connection: Connection, actor: Actor, now: int) -> Connection:
        """Add a connection; UsageError for a name that is taken."""

    def change(self, connection: Connection, actor: Actor, now: int) -> None:
        """Keep the state of a connection."""

    def remove(self, connection: Connection, actor: Actor, now: int) -> None:
        """Take a connection away; what it brought stays."""

    def exclusive(self, connection: Connection) -> AbstractContextManager[None]:
        """Nobody else, in any process, pulls this connection meanwhile; PlatformError ``sync_running``."""

    def look(self, connection: Connection) -> Look:
        """What the connection brought before."""

    def cursor(self, connection: Connection, stream: str) -> str | None:
        """Where the stream goes on."""

    def begin(self, connection: Connection, stream: str, *, full: bool, now: int) -> Run:
        """Start a run; one of this connection that still seems to run was cut short, and is closed as that."""

    def mend(self, now: int) -> None:
        """Close runs that seem to be under way and whose process is gone."""

    def accept(self, run: Run, page: Page, actor: Actor, now: int) -> Counted:
        """Take a page in with its cursor, in one transaction."""

    def attempt(self, connection: Connection, stream: str, page: Page, actor: Actor, now: int) -> Counted:
        """What taking a page in would do; nothing is kept."""

    def end(self, run: Run, lines: Sequence[Line], now: int, along: Sequence[str] = ()) -> Run:
        """Keep how a run ended; ``along``: streams of its connection that were not tried for the same reason. Returns it as it stands."""

    def runs(self, connection_id: int | None = None, limit: int = 100) -> Sequence[Run]:
        """The last runs, newest first."""

    def lines(self, run_id: int) -> Sequence[Line]:
        """A run's log."""

    def rejected(self, run_id: int | None = None, limit: int = 1000) -> Sequence[Kept]:
        """Records that were not taken and not taken since, newest first."""

    def drift(self) -> Sequence[Noticed]:
        """What no longer looks as its contract says."""

    def conflicts(self) -> Sequence[Conflict]:
        """Fields that wait for a decision."""

    def resolve(self, conflict_id: int, *, mine: bool, actor: Actor, now: int) -> int:
        """Decide a conflict; returns the operation's id, 0 where nothing changed."""

    def pasts(self) -> Mapping[tuple[int, str], Past]:
        """What is known of every stream that ran or has an interval of its own, by connection and stream; ``every`` -1: as the catalogue says.

        Stream ``""`` stands for every other stream of the connection.
        """

    def set_schedule(self, connection: Connection, stream: str | None, every_seconds: int | None, now: int) -> None:
        """Pull a stream, or all, at an interval; 0: never by itself, None: as the catalogue says."""


# ---------------------------------------------------------------- the use case

STATE_OF: Final = {
    "login_needed": "login_needed",
    "disconnected": "disconnected",
    "keyring_missing": "locked",
    "keyring_locked": "locked",
    "keyring_refused": "locked",
    "vault_locked": "locked",
    "vault_wrong": "locked",
    "vault_damaged": "locked",
    "vault_unwritable": "locked",
}
"""Errors that say that a connection does not work until somebody does something, and the state they leave it in."""
_OF_CONNECTION: Final = frozenset(
    {*STATE_OF, "offline", "rate_limited", "tls_refused", "clock_wrong", "proxy_login", "proxy_unsupported", "insecure_address", "circuit_open"}
)
"""Errors that the connection's other streams would meet too."""
_WAITS_FOR_SOMEBODY: Final = frozenset({"new", "login_needed", "disconnected"})
_MOST_LINES: Final = 1000
_LONGEST_NAME: Final = 100


class _Noted:
    """Fulfils ``Watch``: keeps the lines of a run, the first thousand of them."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.traffic = Traffic()
        self.lines: list[Line] = []
        self._clock = clock

    def line(self, code: str, **details: object) -> None:
        """Note something in the run's log."""
        if len(self.lines) < _MOST_LINES:
            self.lines.append(Line(self._clock(), code, details))


_ENDS: Final = frozenset({"metrics", "costs", "cps", "bills"})
"""Kinds that no stream asks about."""


class _Read:
    """What a dry run has read so far of one connection."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, dict[str, object]]] = {}

    def take(self, page: Page) -> None:
        """Remember the records of a page, as far as other streams ask about them."""
        for one in page.records:
            if one.kind not in _ENDS:
                self.records.setdefault(one.kind, {}).setdefault(one.key, {}).update(one.fields)


class _Imagined:
    """Fulfils ``Look`` for a dry run: what the connection brought before, and over it what was read and not kept."""

    def __init__(self, before: Look, read: _Read) -> None:
        self._before, self._read = before, read

    def known(self, kind: str) -> Iterable[Known]:
        """Records of a kind, by key in order."""
        left = dict(self._read.records.get(kind, {}))
        known = [replace(one, fields={**one.fields, **left.pop(one.key, {})}) for one in self._before.known(kind)]
        return sorted((*known, *(Known(key, fields) for key, fields in left.items())), key=lambda one: one.key)

    def accounts(self, platform: str) -> Sequence[str]:
        """Ids that the workspace's accounts have on a platform, in order."""
        return self._before.accounts(platform)

    def spent(self, since: int) -> int:
        """Requests that this connection has sent in runs that began since a moment."""
        return self._before.spent(since)


class Syncing:
    """What people do with platforms: connect one, pull its feeds, settle what conflicts, say when it is pulled by itself."""

    def __init__(self, store: SyncStore, platforms: Platforms, actor: Actor, clock: Callable[[], int], events: Events) -> None:
        """Work on a store as somebody."""
        self._store, self._platforms, self._actor, self._clock, self._events = store, platforms, actor, clock, events

    # ------------------------------------------------------------ connections

    def catalog(self) -> Sequence[PlatformInfo]:
        """The platforms that can be connected."""
        return self._platforms.catalog()

    def connections(self) -> Sequence[Connection]:
        """Those that stand, by name."""
        return self._store.connections()

    def add(self, platform: str, name: str, *, base_url: str | None = None, app_id: str | None = None, secret: str = "") -> Connection:
        """Connect a platform; without a place for its secret nothing is added."""
        info = self._info(platform)
        name, address = name.strip(), _address(base_url)
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise UsageError("value_invalid", field="name", value=name)
        if any(one.name == name for one in self._store.connections()):
            raise UsageError("connection_exists", name=name)
        made = self._store.add(Connection(0, name, info.name, "new", address, app_id), self._actor, self._clock())
        if secret:
            try:
                self._platforms.keep_secret(made, secret)
            except ProductError:
                self._store.remove(made, self._actor, self._clock())
                raise
        self._events.announce(SyncChanged())
        return made

    def keep_secret(self, name: str, secret: str) -> None:
        """Keep another secret of the app."""
        self._platforms.keep_secret(self._named(name), secret)
        self._events.announce(SyncChanged())

    @property
    def session_only(self) -> bool:
        """Whether secrets are kept in this process alone."""
        return self._platforms.session_only

    def keep_in(self, place: str, phrase: str = "") -> None:
        """Keep secrets in a ``vault`` opened by a pass phrase, or for this ``session`` only, instead of the keyring."""
        if place not in {"vault", "session"}:
            raise UsageError("value_invalid", field="place", value=place)
        self._platforms.keep_in(place, phrase)

    def remove(self, name: str) -> None:
        """Take a connection and its secrets away; what it brought stays."""
        connection = self._named(name)
        with self._store.exclusive(connection):
            try:
                self._platforms.forget(connection)
            except PlatformError as error:
                if error.code != "keyring_missing":  # where there is no keyring nothing of it is kept
                    raise
            self._store.remove(connection, self._actor, self._clock())
        self._events.announce(SyncChanged())

    def test(self, name: str, job: Job | None = None) -> Connection:
        """Ask the platform whether a connection works."""
        return self._signed(name, lambda connection: self._platforms.test(connection, job or Quiet()))

    def login(self, name: str, open_page: Opened, job: Job | None = None) -> Connection:
        """Sign in by the browser."""
        return self._signed(name, lambda connection: self._platforms.authorise(connection, open_page, job or Quiet()))

    def by_hand(self, name: str) -> tuple[str, str]:
        """Address to open in a browser anywhere, and the state that the answer must carry."""
        return self._platforms.by_hand(self._named(name))

    def exchange(self, name: str, pasted: str, state: str | None = None) -> Connection:
        """Sign in by a code, or by the whole address that the browser ended at."""
        return self._signed(name, lambda connection: self._platforms.exchange(connection, pasted, state))

    def _signed(self, name: str, ask: Callable[[Connection], Granted]) -> Connection:
        connection = self._named(name)
        try:
            granted = ask(connection)
        except PlatformError as error:
            self._mark(connection, error)
            raise
        now = replace(connection, state="ok", expires_at=granted.expires_at, scopes=granted.scopes, parked_until=None, error=None)
        self._store.change(now, self._actor, self._clock())
        self._events.announce(SyncChanged())
        return now

    def _info(self, platform: str) -> PlatformInfo:
        known = self._platforms.catalog()
        found = next((one for one in known if one.name == platform), None)
        if found is None:
            raise UsageError("unknown_connector", text=platform, known=", ".join(one.name for one in known))
        return found

    def _named(self, name: str) -> Connection:
        standing = self._store.connections()
        found = next((one for one in standing if one.name == name), None)
        if found is None:
            raise UsageError("unknown_connection", name=name, known=", ".join(one.name for one in standing) or "–")
        return found

    def _mark(self, connection: Connection, error: PlatformError) -> None:
        """Keep what an error says of the connection itself."""
        state, parked = STATE_OF.get(error.code, connection.state), connection.parked_until
        if error.code == "rate_limited" and isinstance(until := error.details.get("until"), int):
            state, parked = "parked", until
        elif error.code not in _OF_CONNECTION:
            return
        self._store.change(replace(connection, state=state, parked_until=parked, error=error.code), self._actor, self._clock())
        self._events.announce(SyncChanged())

    # ------------------------------------------------------------ runs

    def run(self, names: Sequence[str] = (), streams: Sequence[str] = (), *, full: bool = False, dry_run: bool = False, job: Job | None = None) -> list[Run]:
        """Pull streams of connections (none named: all), in the catalogue's order; every stream that was tried, or is parked, has its run.

        What fails is told by its run and stops no other connection. Cancelling keeps what was finished.
        """
        chosen = [self._named(name) for name in dict.fromkeys(names)] if names else list(self._store.connections())
        plan = [(one, [stream for stream in self._streams(one) if not streams or stream in streams]) for one in chosen]
        known = {stream for one in chosen for stream in self._streams(one)}
        for stream in streams:
            if stream not in known:
                raise UsageError("unknown_stream", stream=stream, known=", ".join(sorted(known)) or "–")
        return self._run_all(plan, job or Quiet(), full=full, dry_run=dry_run)

    def run_due(self, job: Job | None = None) -> list[Run]:
        """Pull what is due by its schedule."""
        due = self.due()
        plan = [(one, [each.stream for each in due if each.connection == one.name]) for one in self._store.connections()]
        return self._run_all([(one, streams) for one, streams in plan if streams], job or Quiet(), full=False, dry_run=False)

    def _streams(self, connection: Connection) -> list[str]:
        """Streams of a connection in the order in which they are pulled; none where its platform is not known to this program."""
        return [stream.name for info in self._platforms.catalog() if info.name == connection.platform for stream in info.streams]

    def _run_all(self, plan: Sequence[tuple[Connection, Sequence[str]]], job: Job, *, full: bool, dry_run: bool) -> list[Run]:
        runs: list[Run] = []
        for connection, streams in plan:
            runs += self._run_one(connection, streams, job, full=full, dry_run=dry_run)
            if any(one.state == "cancelled" for one in runs):
                break
        return runs

    def _run_one(self, connection: Connection, streams: Sequence[str], job: Job, *, full: bool, dry_run: bool) -> list[Run]:
        """Pull streams of one connection, alone among all processes."""
        now = self._clock()
        if connection.parked_until is not None and connection.parked_until > now:
            details = {"until": connection.parked_until}
            return [Run(0, connection.name, stream, "parked", now, now, error="rate_limited", details=details) for stream in streams]
        runs: list[Run] = []
        try:
            with self._store.exclusive(connection):
                left, read = self._with_first(connection, streams), _Read()
                while left:
                    stream = left.pop(0)
                    run = self._pull(connection, stream, left, job, read if dry_run else None, full=full)
                    runs.append(run)
                    if run.state == "cancelled" or run.error in _OF_CONNECTION:
                        break
                    connection = self._works(connection, run) if not dry_run else connection
        except PlatformError as error:  # somebody else pulls it
            runs += [Run(0, connection.name, stream, "failed", now, now, error=error.code, details=error.details) for stream in streams[:1]]
        return runs

    def _works(self, connection: Connection, run: Run) -> Connection:
        if run.state not in {"ok", "partial"} or (connection.state == "ok" and connection.error is None):
            return connection
        now = replace(connection, state="ok", parked_until=None, error=None)
        self._store.change(now, self._actor, self._clock())
        return now

    def _with_first(self, connection: Connection, streams: Sequence[str]) -> list[str]:
        """The streams, and before them those that bring what they ask about, where these were never complete or were taken back."""
        known = {stream.name: stream for info in self._platforms.catalog() if info.name == connection.platform for stream in info.streams}
        pasts, wanted = self._store.pasts(), set(streams)
        for name in reversed(known):  # a stream comes after what it needs
            if name in wanted:
                wanted.update(
                    one for one in known[name].after if self._store.cursor(connection, one) is None or _past(pasts, connection, known[one]).done_at is None
                )
        return [name for name in known if name in wanted]

    def _pull(self, connection: Connection, stream: str, left: Sequence[str], job: Job, read: _Read | None, *, full: bool) -> Run:
        """Pull one stream, page by page; with ``read``, which holds what was read before, nothing is kept."""
        store, watch, started, dry_run = self._store, _Noted(self._clock), time.monotonic(), read is not None
        now, look = self._clock(), store.look(connection) if read is None else _Imagined(store.look(connection), read)
        run = Run(0, connection.name, stream, "running", now) if dry_run else store.begin(connection, stream, full=full, now=now)
        along: Sequence[str] = ()
        try:
            job.check()
            cursor = store.cursor(connection, stream)
            with closing(self._platforms.pages(connection, stream, cursor, look, watch, job, full=full)) as pages:
                for page in pages:
                    at = self._clock()
                    run = replace(run, requests=watch.traffic.requests, retries=watch.traffic.retries)
                    counted = store.accept(run, page, self._actor, at) if read is None else store.attempt(connection, stream, page, self._actor, at)
                    if read is not None:
                        read.take(page)
                    run = _with(run, page, counted)
                    job.progress("sync", run.received)
                    job.check()
            run = replace(run, state="partial" if run.missing else "ok")
        except CancelledError:
            run = replace(run, state="cancelled", error=None)
        except PlatformError as error:
            parked = error.code == "rate_limited" and isinstance(error.details.get("until"), int)
            run = replace(run, state="parked" if parked else "failed", error=error.code, details=dict(error.details))
            along = left if error.code in _OF_CONNECTION else ()
            if not dry_run:
                self._mark(connection, error)
        except WorkspaceError as error:
            if not dry_run:
                with suppress(WorkspaceError):  # what cannot be written now is closed by the next run
                    store.end(replace(run, state="failed", error=error.code), watch.lines, self._clock())
            raise
        seconds = round(time.monotonic() - started, 3)
        run = replace(run, requests=watch.traffic.requests, retries=watch.traffic.retries)
        if dry_run:
            return replace(run, ended_at=self._clock(), seconds=seconds)
        run = replace(store.end(run, watch.lines, self._clock(), along), seconds=seconds)
        self._announce(run)
        return run

    def _announce(self, run: Run) -> None:
        if run.operation_id is not None:
            self._events.announce(CreatorsChanged(), ReturnsChanged(), OperationRecorded())
        self._events.announce(SyncChanged())

    # ------------------------------------------------------------ what came of it

    def runs(self, limit: int = 100) -> Sequence[Run]:
        """The last runs, newest first; one that was cut short is told as that."""
        found = self._store.runs(limit=limit)
        if not any(run.state == "running" for run in found):
            return found
        with suppress(WorkspaceError):  # where nothing can be written it is told as it stands
            self._store.mend(self._clock())
        return self._store.runs(limit=limit)

    def log(self, run_id: int) -> Sequence[Line]:
        """A run's log."""
        return self._store.lines(run_id)

    def rejected(self, run_id: int | None = None, limit: int = 1000) -> Sequence[Kept]:
        """Records that were not taken and not taken since, newest first."""
        return self._store.rejected(run_id, limit)

    def drift(self) -> Sequence[Noticed]:
        """What no longer looks as its contract says."""
        return self._store.drift()

    def conflicts(self) -> Sequence[Conflict]:
        """Fields that wait for a decision."""
        return self._store.conflicts()

    def resolve(self, conflict_id: int, *, mine: bool) -> int:
        """Decide a conflict: ours stays, or theirs is taken over, which can be taken back; returns the operation's id, 0 where nothing changed."""
        done = self._store.resolve(conflict_id, mine=mine, actor=self._actor, now=self._clock())
        if done:
            self._events.announce(CreatorsChanged(), ReturnsChanged(), OperationRecorded())
        self._events.announce(SyncChanged())
        return done

    # ------------------------------------------------------------ when

    def schedule(self) -> list[Due]:
        """Every stream of every connection with its interval, its last complete run and when it is pulled next."""
        now, pasts = self._clock(), self._store.pasts()
        known = {info.name: info.streams for info in self._platforms.catalog()}
        out = []
        for connection in self._store.connections():
            for stream in known.get(connection.platform, ()):
                past = _past(pasts, connection, stream)
                at = None if connection.state in _WAITS_FOR_SOMEBODY else next_at(past, now)
                out.append(Due(connection.name, stream.name, past.every, past.done_at, at, past.failures))
        return out

    def due(self) -> list[Due]:
        """What is to be pulled now."""
        planned = self.schedule()
        now = self._clock()  # after: what never ran is due as of the moment it was looked at
        return [one for one in planned if one.next_at is not None and one.next_at <= now]

    def set_schedule(self, name: str, stream: str | None, every_seconds: int | None) -> None:
        """Pull a stream, or all of a connection, at an interval; 0: never by itself, None: as the platform's figures ask for."""
        connection = self._named(name)
        if stream is not None and stream not in self._streams(connection):
            raise UsageError("unknown_stream", stream=stream, known=", ".join(self._streams(connection)))
        if every_seconds is not None and every_seconds < 0:
            raise UsageError("bad_interval", value=str(every_seconds))
        self._store.set_schedule(connection, stream, every_seconds, self._clock())
        self._events.announce(SyncChanged())


def _past(pasts: Mapping[tuple[int, str], Past], connection: Connection, stream: Stream) -> Past:
    """What is known of a stream, with the interval that counts for it."""
    own = pasts.get((connection.id, stream.name), Past(-1))
    set_by_hand = (own.every, pasts.get((connection.id, ""), Past(-1)).every)
    every = next((one for one in set_by_hand if one >= 0), stream.every_seconds)
    return replace(own, every=every, parked_until=connection.parked_until)


def _with(run: Run, page: Page, counted: Counted) -> Run:
    """A run with a page counted in."""
    return replace(
        run,
        pages=run.pages + 1,
        received=run.received + page.received,
        inserted=run.inserted + counted.inserted,
        updated=run.updated + counted.updated,
        unchanged=run.unchanged + counted.unchanged,
        rejected=run.rejected + counted.rejected,
        missing=run.missing + page.missing,
        to_cursor=page.cursor,
    )


def _address(base_url: str | None) -> str | None:
    """An address that may stand for a platform's: https, or http on this computer alone. UsageError for any other."""
    text = (base_url or "").strip().rstrip("/")
    if not text:
        return None
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError("value_invalid", field="base_url", value=text) from error
    if not host or parts.scheme not in {"http", "https"} or parts.username or parts.password or parts.query or parts.fragment or not text.isprintable():
        raise UsageError("value_invalid", field="base_url", value=text.split("@")[-1])
    if parts.scheme == "http" and not _is_loopback(host):
        raise UsageError("insecure_address", host=host)
    return text


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
