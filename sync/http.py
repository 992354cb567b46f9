# SPDX-License-Identifier: Apache-2.0
"""The one client: a deadline and a size for each request, pace, retries, a breaker for each origin, and nothing told that is secret.

Only what was granted is spoken to: https, by its own name, without following anybody elsewhere. Whatever goes wrong
comes out as a PlatformError that names host and path; no exception of a library, which may hold a token, gets past here.
"""

from __future__ import annotations

import ipaddress
import logging
import random
import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.request import getproxies, proxy_bypass

import certifi
import httpcore
import httpx
import tenacity

from app.errors import CancelledError, PlatformError
from app.jobs import Job, Quiet
from app.usecases.syncing import Traffic
from sync import failures
from sync.bodies import ENCODINGS, decoder, parse_json
from sync.failures import SECOND, PassingError, passing
from sync.pace import Breaker, Buckets
from sync.wire import TICK_S, Backend, Course

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from app.usecases.syncing import Watch

T = TypeVar("T")

_MOST_REDIRECTS: Final = 3
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD: Final = frozenset({307, 308})
"""Redirects that repeat whatever was sent; the others are for reading only."""
_READING: Final = frozenset({"GET", "HEAD"})
_TOLERATED_US: Final = 300 * SECOND
"""A clock that differs by more is told, and the platform's is used."""
_LOGIN_REQUIRED: Final = frozenset({407, 511})
_BUCKETS: Final = Buckets()

# They print addresses with their query, and headers of answers.
for _name in ("httpx", "httpcore", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).disabled = True


# ---------------------------------------------------------------- what is asked and answered


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a method may be called: so many calls in so many seconds."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may take."""

    deadline_s: float = 30.0
    """For everything of one request: looking up, connecting, sending, the whole answer."""
    most_bytes: int = 32 << 20
    """Of an answer, decoded."""
    attempts: int = 4
    base_s: float = 1.0
    """The first wait before another attempt is anything up to this, the next up to twice as long, and so on."""
    rate_base_s: float = 10.0
    """Likewise after "too many", where the platform does not say how long; at least half of it."""
    longest_wait_s: float = 60.0
    """Whoever asks to wait longer is left alone until then."""
    failures: int = 5
    """So many in a row open the breaker of an origin,"""
    pause_s: float = 30.0
    """and after so long one request may try again."""


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One call of a platform. ``pace_key`` names what is counted together: the app and the method.

    ``secrets`` are struck out of every diagnostic, as are the values of headers, parameters and form. ``repeat``: whether
    it may be sent again when the platform may have acted on it already; None: reading may, anything else may not.
    """

    method: str
    url: str
    params: Mapping[str, object] | Sequence[tuple[str, object]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    form: Mapping[str, str] | None = None
    pace_key: str = ""
    secrets: tuple[str, ...] = ()
    repeat: bool | None = None

    def __repr__(self) -> str:
        """Method, host and path: nothing that could be a secret."""
        return f"<Request {self.method} {self.where['host']}{self.where['path']}>"

    @property
    def where(self) -> dict[str, Any]:
        """Host and path, as errors name them."""
        try:
            address = httpx.URL(self.url)
        except httpx.InvalidURL:
            return {"host": "?", "path": ""}
        return {"host": address.host, "path": failures.strike(address.path, self.secrets)}

    @property
    def repeatable(self) -> bool:
        """Whether it does no harm to send it twice."""
        return self.method in _READING if self.repeat is None else self.repeat

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Parameters in their order; numbers as digits, truth as true and false."""
        pairs = self.params.items() if isinstance(self.params, Mapping) else self.params
        return [(name, _text(value)) for name, value in pairs if value is not None]

    def hidden(self) -> set[str]:
        """Every value that must not be shown."""
        return {*self.secrets, *self.headers.values(), *(value for _, value in self.pairs), *(self.form or {}).values()}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What a platform answered: header names in any case, the body decoded of its compression."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    host: str
    path: str
    hidden: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Where it came from and how much it is."""
        return f"<Answer {self.status} {self.host}{self.path} {len(self.content)} bytes>"

    @property
    def content_type(self) -> str:
        """Its kind, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def request_id(self) -> str:
        """The platform's own number of the request."""
        return failures.request_id(self.headers.items(), self.content)

    def check(self) -> Answer:
        """Itself where the status says that the request was answered; PlatformError otherwise."""
        if error := failures.of_status(self.status, self.host, self.path, self.request_id):
            raise error
        return self

    def json(self) -> Any:  # noqa: ANN401 (whatever JSON holds)
        """Its JSON, see ``parse_json``; PlatformError ``unexpected_answer`` for anything else."""
        try:
            return parse_json(self.content)
        except ValueError:
            pass
        raise self.unexpected()

    def unexpected(self, found: str = "") -> PlatformError:
        """The error for an answer that is not what was asked for, with its beginning, values struck out."""
        return PlatformError(
            "unexpected_answer",
            found=found or self.content_type or "?",
            host=self.host,
            path=self.path,
            status=self.status,
            request_id=self.request_id,
            excerpt=failures.excerpt(self.content, self.headers.get("content-type", ""), self.hidden),
        )


# ---------------------------------------------------------------- the client


class _Unwatched:
    """A walk nobody watches."""

    def __init__(self) -> None:
        self.traffic = Traffic()

    def line(self, code: str, **details: object) -> None:
        """Nobody reads it."""


class Http:
    """Speaks with the given origins only. May be used by several threads; ``job`` and ``abort`` end whatever it waits for.

    ``tls`` replaces the context made of the system's certificates, certifi's and those of SSL_CERT_FILE.
    """

    def __init__(
        self,
        origins: Iterable[str],
        *,
        pace: Pace | None = None,
        job: Job | None = None,
        watch: Watch | None = None,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Nothing is connected before the first request."""
        self._origins = frozenset(map(_origin, origins))
        self._local = all(one.startswith("http:") for one in self._origins)
        self._pace, self._job, self._limits, self._tls = pace, job or Quiet(), limits or Limits(), tls
        self._watch = watch or _Unwatched()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._course = Course()
        self._pools: dict[str | None, httpcore.ConnectionPool] = {}
        self._breakers: dict[str, Breaker] = {}
        self._skew: int | None = None
        self._said: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def abort(self) -> None:
        """End whatever is sent or waited for, now and later, with CancelledError; from any thread."""
        self._stop.set()

    @property
    def skew(self) -> int:
        """Microseconds by which the platform's clock is ahead of this computer's; 0 while they agree within five minutes."""
        return self._skew if self._skew is not None and abs(self._skew) > _TOLERATED_US else 0

    def now(self) -> int:
        """Microseconds since 1970 by the platform's clock: what a request is signed with."""
        return _here() + self.skew

    # ------------------------------------------------------------ send

    def send(self, request: Request, read: Callable[[Answer], T] = Answer.check) -> T:  # type: ignore[assignment] # mypy cannot bind a default to T
        """Ask, and give what ``read`` makes of the answer; PlatformError where it cannot be had.

        A PassingError, ours or one that ``read`` raises, is tried again after a wait; every other error of ``read`` ends it.
        """
        origin = _origin(request.url)
        if origin not in self._origins:
            raise PlatformError("redirected", host=_host(origin), to=_host(origin))
        with self._lock:
            breaker = self._breakers.setdefault(origin, Breaker(self._limits.failures, self._limits.pause_s))

        def again(state: tenacity.RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            if not isinstance(error, PassingError) or breaker.is_open or (error.after or 0) > self._limits.longest_wait_s:
                return False
            return request.repeatable or not error.reached

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._limits.attempts),
            wait=self._pause,
            retry=again,
            sleep=self._wait,
            before_sleep=self._tell_retry,
            reraise=True,
        )
        last: PassingError
        try:
            return retrying(lambda: self._attempt(request, read, breaker))
        except PassingError as error:
            last = error
        raise last.final(_here())

    def _attempt(self, request: Request, read: Callable[[Answer], T], breaker: Breaker) -> T:
        """Ask once."""
        self._keep_pace(request)
        host = request.where["host"]
        if rest := breaker.enter():
            raise PlatformError("circuit_open", host=host, seconds=round(rest))
        good: bool | None = None
        try:
            result = read(self._exchange(request))
            good = True
        except PlatformError as error:
            # A platform that says "too many", or anything of substance, is there.
            good = None if error.code == "rate_limited" else not isinstance(error, PassingError) and error.code not in _DOWN
            raise
        finally:
            if breaker.note(good=good):
                self._say("circuit_open", host, host=host)
        return result

    def _keep_pace(self, request: Request) -> None:
        """Wait until the method may be called."""
        if self._pace is None:
            return
        while rest := _BUCKETS.take(request.pace_key, self._pace.calls, self._pace.seconds):
            self._wait(rest)

    # ------------------------------------------------------------ waits

    def _check(self) -> None:
        """CancelledError once nobody wants the answer any more."""
        if self._stop.is_set():
            raise CancelledError
        self._job.check()

    def _guard(self) -> None:
        """Likewise, and too_slow once the request's time is over; asked in every tick of a line."""
        self._check()
        if time.monotonic() > self._course.deadline:
            raise _TooLateError

    def _wait(self, seconds: float) -> None:
        """Wait, unless nobody wants it any more."""
        until = time.monotonic() + seconds
        while True:
            self._check()
            rest = until - time.monotonic()
            if rest <= 0:
                return
            self._stop.wait(min(rest, TICK_S))

    def _pause(self, state: tenacity.RetryCallState) -> float:
        """Seconds before the next attempt: as asked for, or anything up to a bound that doubles."""
        error = state.outcome.exception() if state.outcome else None
        limits = self._limits
        if isinstance(error, PassingError) and error.after is not None:
            return error.after + random.uniform(0, limits.base_s / 10)  # noqa: S311 (spreads callers, guards nothing)
        if isinstance(error, PassingError) and error.code == "rate_limited":
            return tenacity.wait_random_exponential(limits.rate_base_s, max=limits.longest_wait_s, min=limits.rate_base_s / 2)(state)
        return tenacity.wait_random_exponential(limits.base_s, max=limits.longest_wait_s)(state)

    def _tell_retry(self, state: tenacity.RetryCallState) -> None:
        """Count another attempt and note why."""
        error = state.outcome.exception() if state.outcome else None
        self._watch.traffic.retries += 1
        if isinstance(error, PassingError):
            seconds = round(state.upcoming_sleep, 1)
            where = {name: error.details.get(name, "") for name in ("host", "path")}
            line = _RETRY_LINES.get(error.code, "retry")
            if error.code == "offline":
                self._say(line, str(where["host"]), **where, seconds=seconds)  # being offline is a state: it is told once
            else:
                self._watch.line(line, **where, seconds=seconds)

    def _say(self, code: str, sign: str, **details: object) -> None:
        """Note something once."""
        with self._lock:
            known = (code, sign) in self._said
            self._said.add((code, sign))
        if not known:
            self._watch.line(code, **details)

    # ------------------------------------------------------------ one exchange

    def _exchange(self, request: Request) -> Answer:
        """Ask, going along with redirects to the same origin; what HTTP itself says becomes an error here."""
        origin, where, built = _origin(request.url), request.where, _built(request)
        if built is None:
            raise PlatformError("login_needed", **where)
        self._course.begin(self._limits.deadline_s)
        for _ in range(_MOST_REDIRECTS + 1):
            proxy = _proxy(origin)
            answer = self._once(built, request, proxy)
            self._notice_clock(answer)
            if answer.status not in _MOVED:
                return self._sound(answer, proxy)
            built = _moved(built, answer, origin)
        raise PlatformError("redirected", **where, to=where["host"])

    def _once(self, built: httpx.Request, request: Request, proxy: httpx.Proxy | None) -> Answer:
        """One request and the whole of its answer; what a library raises is told in our own words, and nothing of it is kept."""
        where: dict[str, Any] = {"host": built.url.host, "path": failures.strike(built.url.path, request.secrets)}
        named = proxy.url.host if proxy else None
        self._watch.traffic.requests += 1
        failure: PlatformError
        try:
            response = self._pool(proxy).handle_request(_core(built))
            try:
                headers = httpx.Headers(response.headers)
                content = self._content(response, headers, where)
            finally:
                response.close()
            return Answer(response.status, headers, content, **where, hidden=frozenset(request.hidden()))
        except _TooLateError:
            failure = PlatformError("too_slow", **where, seconds=round(self._limits.deadline_s))
        except _FAULTS as error:
            course = self._course
            failure = failures.of_line(error, where, proxy=named, sent=course.sent, hung_up=course.hung_up)
        raise failure

    def _content(self, response: httpcore.Response, headers: httpx.Headers, where: Mapping[str, Any]) -> bytes:
        """The body, decoded as far as it may be large."""
        limit = self._limits.most_bytes
        too_large = PlatformError("answer_too_large", **where, most=limit >> 20)
        decoding = decoder(headers.get("content-encoding", ""))
        if decoding is None:
            raise PlatformError("unexpected_answer", **where, status=response.status, found="Content-Encoding")
        out = bytearray()
        try:
            for piece in response.iter_stream():
                self._guard()
                for part in decoding.parts(piece, limit):
                    out += part
                    if len(out) > limit:
                        raise too_large
        except zlib.error:
            raise PlatformError("unexpected_answer", **where, status=response.status, found="Content-Encoding") from None
        if not decoding.is_done:
            raise passing("interrupted_answer", **where)
        return bytes(out)

    def _sound(self, answer: Answer, proxy: httpx.Proxy | None) -> Answer:
        """The answer, if it is the platform's word on the request and not somebody's on the way or a plea to wait."""
        where: dict[str, Any] = {"host": answer.host, "path": answer.path}
        if answer.status in _LOGIN_REQUIRED or (proxy and "html" in answer.content_type and b"<form" in answer.content.lower()):
            raise PlatformError("proxy_login", **where, proxy=proxy.url.host if proxy else answer.host, status=str(answer.status))
        if sunset := answer.headers.get("sunset") or answer.headers.get("deprecation"):
            self._say("sunset", answer.path, **where, on=sunset[:40])
        if answer.status == httpx.codes.GONE:
            answer.check()
        error = failures.of_status(answer.status, answer.host, answer.path, answer.request_id)
        if isinstance(error, PassingError):
            headers = answer.headers
            error.after = failures.retry_after(headers.get("retry-after"), headers.get("date"), time.time())
            if error.after is not None and error.after > self._limits.longest_wait_s:
                raise failures.parked(answer.host, error.after, _here(), path=answer.path, status=answer.status, request_id=answer.request_id)
            raise error
        return answer

    def _notice_clock(self, answer: Answer) -> None:
        """Keep how far the platform's clock is from ours; tell it once where it matters."""
        told = failures.http_date(answer.headers.get("date"))
        if told is None:
            return
        self._skew = round((told + 0.5) * SECOND) - _here()  # the header knows whole seconds only
        if self.skew:
            self._say("clock_skew", answer.host, host=answer.host, minutes=abs(round(self.skew / 60 / SECOND)))

    def _pool(self, proxy: httpx.Proxy | None) -> httpcore.ConnectionPool:
        """Lines to the platform, through a proxy or not."""
        key = str(proxy.url) if proxy else None
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                if self._tls is None and not self._local:
                    self._tls = _trust()
                backend = Backend(self._guard, self._course)
                if proxy is None:
                    pool = httpcore.ConnectionPool(self._tls, keepalive_expiry=30, network_backend=backend)
                else:
                    pool = httpcore.HTTPProxy(
                        httpcore.URL(scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=b"/"),
                        proxy_auth=proxy.raw_auth,
                        ssl_context=self._tls,
                        proxy_ssl_context=_trust() if proxy.url.scheme == "https" else None,
                        keepalive_expiry=30,
                        network_backend=backend,
                    )
                self._pools[key] = pool
            return pool


_RETRY_LINES: Final = {
    "offline": "retry_offline",
    "interrupted_answer": "retry_interrupted",
    "platform_down": "retry_down",
    "rate_limited": "retry_limited",
}
_DOWN: Final = frozenset({"offline", "too_slow", "interrupted_answer", "platform_down", "tls_refused", "clock_wrong", "proxy_login"})
"""Failures that say that an origin cannot be used."""


class _TooLateError(Exception):
    """The request's time is over."""


_FAULTS: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    ssl.SSLError,
    UnicodeError,
)


def _here() -> int:
    return time.time_ns() // 1000


# ---------------------------------------------------------------- addresses


def _origin(url: str) -> str:
    """Scheme, host and port of an address; PlatformError unless it is https, or http to this computer itself."""
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL("")
    if not address.host or address.userinfo or not (address.scheme == "https" or (address.scheme == "http" and _is_loopback(address.host))):
        raise PlatformError("insecure_address", host=address.host or "?")
    return f"{address.scheme}://{address.netloc.decode('ascii').lower()}"


def _host(origin: str) -> str:
    return httpx.URL(origin).host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _moved(built: httpx.Request, answer: Answer, origin: str) -> httpx.Request:
    """The request again at the address that an answer names; PlatformError where that is somebody else's, or would change what is asked."""
    location = answer.headers.get("location", "")
    try:
        target = built.url.join(location) if location else None
    except httpx.InvalidURL:
        target = None
    if target is None:
        raise answer.unexpected("Location")
    if not _is_at(target, origin) or (built.method not in _READING and answer.status not in _SAME_METHOD):
        raise PlatformError("redirected", host=answer.host, path=answer.path, status=answer.status, to=target.host or target.scheme)
    return httpx.Request(built.method, target, headers=built.headers, content=built.read() or None)


def _is_at(target: httpx.URL, origin: str) -> bool:
    try:
        return _origin(str(target)) == origin
    except PlatformError:
        return False


def _built(request: Request) -> httpx.Request | None:
    """The request as it goes out; None where a header cannot be sent: only a mistaken secret is such."""
    headers = {"Accept": "application/json", "Accept-Encoding": ENCODINGS, "User-Agent": "KOC-Desk", **request.headers}
    if any(not value.isascii() or not value.isprintable() or value != value.strip() for value in headers.values()):
        return None
    address = httpx.URL(request.url)
    if pairs := request.pairs:
        address = address.copy_merge_params(httpx.QueryParams(tuple(pairs)))
    if request.json is not None:
        return httpx.Request(request.method, address, headers=headers, json=request.json)
    return httpx.Request(request.method, address, headers=headers, data=request.form)


def _core(built: httpx.Request) -> httpcore.Request:
    address = built.url
    url = httpcore.URL(scheme=address.raw_scheme, host=address.raw_host, port=address.port, target=address.raw_path)
    return httpcore.Request(built.method, url, headers=built.headers.raw, content=built.read())


def _proxy(origin: str) -> httpx.Proxy | None:
    """The proxy that the system names for an address; this computer itself needs none."""
    host = _host(origin)
    if _is_loopback(host) or proxy_bypass(host):
        return None
    named = getproxies()
    address = named.get("https") or named.get("all")
    if not address:
        return None
    scheme = address.partition("://")[0].lower() if "://" in address else "http"
    try:
        if scheme in {"http", "https"}:
            return httpx.Proxy(address if "://" in address else f"http://{address}")
    except (httpx.InvalidURL, ValueError):
        scheme = "?"
    raise PlatformError("proxy_unsupported", scheme=scheme, host=host)


def _trust() -> ssl.SSLContext:
    """Whom to believe: the system's authorities, those of SSL_CERT_FILE and SSL_CERT_DIR, and certifi's where a system has none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
