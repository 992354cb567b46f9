# SPDX-License-Identifier: Apache-2.0
"""Platforms: connect one, pull its feeds page by page, accept each page with its cursor, settle what conflicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from app.jobs import Job
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
    from_cursor: str | None = None
    to_cursor: str | None = None
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    error: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    operation_id: int | None = None


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

    def known(self, kind: str) -> Sequence[Known]:
        """Records of a kind, by key in order."""


class Watch(Protocol):
    """What a walk reports besides its pages."""

    traffic: Traffic

    def line(self, code: str, **details: object) -> None:
        """Note something in the run's log."""


class Platforms(Protocol):
    """Speaks with platforms and holds their secrets."""

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

    def pages(self, connection: Connection, stream: str, cursor: str | None, look: Look, watch: Watch, job: Job, *, full: bool) -> Iterator[Page]:
        """Walk a stream from where a cursor says; PlatformError ends the walk, what was yielded stands."""


class Opened(Protocol):
    """Opens a page in the reader's browser."""

    def __call__(self, url: str) -> None:
        """Open it, or show its address."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a sign-in gave: until when, and for what."""

    expires_at: int | None
    scopes: tuple[str, ...] = ()


class SyncStore(Look, Protocol):
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
        """Start a run."""

    def accept(self, run: Run, page: Page, actor: Actor, now: int) -> Counted:
        """Take a page in with its cursor, in one transaction."""

    def end(self, run: Run, lines: Sequence[Line], now: int) -> Run:
        """Keep how a run ended."""

    def runs(self, connection: Connection | None = None, limit: int = 100) -> Sequence[Run]:
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

    def schedule(self) -> Sequence[Due]:
        """Every stream of every connection with its interval and last run; ``next_at`` is left to the rule."""

    def set_schedule(self, connection: Connection, stream: str | None, every_seconds: int, now: int) -> None:
        """Pull a stream, or all, at an interval; 0: never by itself."""
