# SPDX-License-Identifier: Apache-2.0
"""Speaks with platforms for the use cases: signs in, tests, and walks a stream with one answer ahead of whoever takes it in.

Next to the waits on a keyring and a browser, this is the one file of ``sync`` that knows threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from app.errors import UsageError
from app.jobs import Quiet
from app.settings import default_workspace
from app.usecases.syncing import PlatformInfo, Stream
from sync.auth import Access
from sync.failures import SECOND, parked
from sync.feeds import plan, together, walk
from sync.http import Http
from sync.secrets import Owner
from sync.signins import moved

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from app.jobs import Job
    from app.usecases.syncing import Connection, Granted, Look, Opened, Page, Watch
    from app.words import Words
    from sync.feeds import Connector
    from sync.http import Answer, Limits, Request
    from sync.secrets import Secrets
    from sync.signins import SignIn

    Loaders = Sequence[tuple[str, Callable[[], Connector]]]

_TICK_S: Final = 0.1
"""As often is asked whether to stop while an answer is waited for."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line to a platform for one connection: signed questions, opened answers."""

    connector: Connector
    connection: Connection
    http: Http
    access: Access

    def fetch(self, request: Request) -> Mapping[str, Any]:
        """What the envelope of an answer holds; a login that is refused is renewed once, and the same question asked again."""
        # An envelope is opened where a request is repeated: a platform that is busy says so inside it.
        send = cast("Any", lambda signed: self.http.send(signed, self.connector.open))
        return cast("Mapping[str, Any]", self.access.ask(self._at(request), send, _same, self.probe))

    def probe(self) -> Mapping[str, Any]:
        """The cheapest signed question."""
        return self.http.send(self.access.decorate(self._at(self.connector.probe)), self.connector.open)

    def _at(self, request: Request) -> Request:
        """The question at the platform's address, or at the one that stands for it; counted together with its like of the same app."""
        url = self.connector.base + request.url
        pace_key = f"{self.connector.name}/{self.connection.app_id}/{request.pace_key or request.url}"
        return replace(request, url=url if self.connection.base_url is None else moved(url, self.connection.base_url), pace_key=pace_key)


def _same(told: Any) -> Any:  # noqa: ANN401 (whatever was opened)
    return told


class Runner:
    """Fulfils ``Platforms``. ``workspace`` tells whose secrets these are, ``words`` the language of the page after a sign-in."""

    def __init__(  # noqa: PLR0913 (what a process is composed of)
        self,
        connectors: Loaders,
        workspace: Callable[[], str],
        kept: Secrets,
        words: Callable[[], Words],
        clock: Callable[[], int],
        *,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
        locks: Path | None = None,
    ) -> None:
        """``limits``, ``tls`` and ``locks`` replace the usual ones."""
        self._loaders, self._workspace, self._kept, self._words, self._clock = dict(connectors), workspace, kept, words, clock
        self._limits, self._tls, self._locks = limits, tls, locks or default_workspace().parent / "locks"

    @property
    def session_only(self) -> bool:
        """Whether secrets are kept in this process alone, so that a child process would have none."""
        return self._kept.session_only

    def keep_in(self, place: str, phrase: str) -> None:
        """Keep secrets in a ``vault`` opened by a pass phrase, or for this ``session`` only, instead of the keyring."""
        self._kept.keep_in(place, phrase)

    def catalog(self) -> Sequence[PlatformInfo]:
        """The platforms that can be connected."""
        return [_info(load()) for load in self._loaders.values()]

    def keep_secret(self, connection: Connection, secret: str) -> None:
        """Keep the app's secret where secrets are kept; PlatformError where there is no such place."""
        with self._line(connection, Quiet(), None) as line:
            line.access.keep_secret(secret)

    def forget(self, connection: Connection) -> None:
        """Take every secret of a connection away."""
        self._kept.forget(self._owner(connection))

    def authorise(self, connection: Connection, open_page: Opened, job: Job) -> Granted:
        """Sign in by the browser and a listener on loopback."""
        with self._line(connection, job, None) as line:
            return line.access.authorise(open_page, job, self._words())

    def by_hand(self, connection: Connection) -> tuple[str, str]:
        """Address to open in a browser anywhere, and the state that the answer must carry."""
        with self._line(connection, Quiet(), None) as line:
            return line.access.by_hand()

    def exchange(self, connection: Connection, pasted: str, state: str | None) -> Granted:
        """Sign in by a code, or by the whole address that the browser ended at."""
        with self._line(connection, Quiet(), None) as line:
            return line.access.exchange(pasted, state)

    def test(self, connection: Connection, job: Job) -> Granted:
        """Ask the platform whether the connection works."""
        with self._line(connection, job, None) as line:
            line.fetch(line.connector.probe)
            return line.access.granted()

    def pages(self, connection: Connection, stream: str, cursor: str | None, look: Look, watch: Watch, job: Job, *, full: bool) -> Generator[Page, None, None]:
        """Walk a stream from where a cursor says; PlatformError ends the walk, what was yielded stands."""
        with self._line(connection, job, watch) as line:
            feed = line.connector.feed(stream)
            steps = plan(feed, cursor, look, self._clock(), full=full)
            fetch = self._within_quota(line, look, watch)
            yield from _ahead(together(walk(steps, fetch, watch.line)), job, line.http.abort)

    # ------------------------------------------------------------ inside

    def _connector(self, connection: Connection) -> Connector:
        load = self._loaders.get(connection.platform)
        if load is None:
            raise UsageError("unknown_connector", text=connection.platform, known=", ".join(self._loaders))
        return load()

    def _owner(self, connection: Connection) -> Owner:
        return Owner(self._workspace(), str(connection.id), connection.app_id or "")

    @contextmanager
    def _line(self, connection: Connection, job: Job, watch: Watch | None) -> Iterator[_Line]:
        connector = self._connector(connection)
        sign_in = connector.sign_in.at(connection.base_url)
        # Another address has a pace of its own, if any.
        pace = connector.pace if connection.base_url is None else None
        with Http(_origins(connector, connection, sign_in), pace=pace, job=job, watch=watch, limits=self._limits, tls=self._tls) as http:
            access = Access(
                sign_in, self._owner(connection), self._kept, lambda request: http.send(request, _as_it_came),
                check=job.check, note=watch.line if watch is not None else _unheard, clock=self._clock, folder=self._locks,
            )  # fmt: skip
            yield _Line(connector, connection, http, access)

    def _within_quota(self, line: _Line, look: Look, watch: Watch) -> Callable[[Request], Mapping[str, Any]]:
        """Questions while the day's quota lasts; then the connection is parked until the next day begins."""
        quota = line.connector.quota
        if quota is None:
            return line.fetch
        began, ends = quota.day(self._clock())
        spent = look.spent(began) - watch.traffic.requests

        def fetch(request: Request) -> Mapping[str, Any]:
            now = self._clock()
            if now < ends and spent + watch.traffic.requests >= quota.units:
                raise parked(line.connector.name, (ends - now) / SECOND, now, quota=quota.units)
            return line.fetch(request)

        return fetch


def _info(connector: Connector) -> PlatformInfo:
    return PlatformInfo(
        connector.name,
        tuple(Stream(feed.name, feed.every_seconds, feed.after) for feed in connector.feeds),
        leaves_mainland=connector.leaves_mainland,
        scopes=connector.scopes,
    )


def _origins(connector: Connector, connection: Connection, sign_in: SignIn) -> set[str]:
    """Addresses that may be spoken to at all."""
    return {connection.base_url or connector.base, sign_in.exchange.url, sign_in.refresh.url}


def _as_it_came(answer: Answer) -> Answer:
    """Whoever asks for tokens reads refusals as well."""
    return answer


def _unheard(_code: str, **_details: object) -> None:
    """No run whose log would hold it."""


def _ahead(pages: Iterator[_T], job: Job, abort: Callable[[], None]) -> Iterator[_T]:
    """The same in the same order, the next one fetched in a thread while the last one is being used; no thread is left behind."""
    with ThreadPoolExecutor(1, "sync") as pool:
        try:
            coming = pool.submit(next, pages, None)
            while (page := _waited(coming, job)) is not None:
                coming = pool.submit(next, pages, None)
                yield page
        finally:
            abort()  # what is still waited for ends at once, and leaving the pool waits for it


def _waited(coming: Any, job: Job) -> Any:  # noqa: ANN401 (a Future)
    """What comes; CancelledError as soon as somebody asks to stop."""
    while not wait((coming,), _TICK_S).done:
        job.check()
    job.check()
    return coming.result()
