# SPDX-License-Identifier: Apache-2.0
"""Sign-ins as values, and the access they give: a decorator for requests, and the renewal of what has run out.

A refresh token may be good for one use only. So one refresh happens at a time over all threads and programs, whoever comes
second takes what the first one stored, and the new pair is stored before it is used. A refresh whose answer was lost is
tried once more; what ends in a refusal ends in "sign in again", is remembered as such, and is not asked again.
"""

from __future__ import annotations

import re
import secrets
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from filelock import FileLock, Timeout

from app.errors import PlatformError, UsageError
from app.settings import default_workspace
from app.usecases.syncing import Granted
from sync.failures import SECOND, parked
from sync.http import Request
from sync.loopback import HOST, PATH, Callback, Listener
from sync.secrets import APP_SECRET, PENDING, TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from app.jobs import Job
    from app.usecases.syncing import Opened
    from app.words import Words
    from sync.http import Answer
    from sync.secrets import Owner, Secrets

    Send = Callable[[Request], Answer]

_AHEAD_S: Final = 300
"""Tokens are renewed this long before they run out, or a tenth of their life before if that is less."""
_AGAIN_S: Final = 60
"""So long an early renewal that failed is not tried again."""
_STORE_S: Final = 0.8
_LOCK_S: Final = 180.0
_POLL_S: Final = 0.2
_PENDING_S: Final = 3600
_LOST: Final = frozenset({"interrupted_answer", "too_slow"})
"""The platform may have rotated the token, and nobody heard."""
_ENDED: Final = frozenset({"login_needed", "disconnected"})

_T = TypeVar("_T")


# ---------------------------------------------------------------- sign-ins as values


@dataclass(frozen=True, slots=True)
class Grant:
    """A request for tokens: where, and which of our words the platform wants under which of its names.

    Words: ``app``, ``app_number``, ``secret``, ``code``, ``verifier``, ``redirect``, ``refresh_token``; with ``=`` before it a word stands for itself.
    ``failures``: codes of the platform by ours. Any other refusal is ``otherwise``.
    """

    url: str
    fields: Mapping[str, str]
    failures: Mapping[str, str]
    otherwise: str = "signin_refused"


@dataclass(frozen=True, slots=True)
class SignIn:
    """Sign-in by authorisation code, as a platform does it.

    ``authorise``: query of the page that is opened; further words ``state``, ``scope``, ``challenge``. ``ports``: tried first for the listener, for platforms
    that want the address registered. ``inside``: where in an answer the tokens stand. ``code``: where it says that it failed, ``fine``: what stands there if not.
    ``answer``: names of what we look for. ``header`` and ``prefix``: how a request shows the token.
    """

    page: str
    authorise: Mapping[str, str]
    exchange: Grant
    refresh: Grant
    callback: Callback = field(default_factory=Callback)
    ports: tuple[int, ...] = (0,)
    scopes: tuple[str, ...] = ()
    pkce: bool = False
    form: bool = True
    inside: str = ""
    code: str = "error"
    message: str = "error_description"
    fine: str = ""
    answer: Mapping[str, str] = field(
        default_factory=lambda: {
            "access_token": "access_token",
            "refresh_token": "refresh_token",
            "expires_in": "expires_in",
            "refresh_expires_in": "refresh_token_expires_in",
            "scope": "scope",
        }
    )
    header: str = "Authorization"
    prefix: str = "Bearer "

    def at(self, base_url: str | None) -> SignIn:
        """The same sign-in at another address, which stands for every host of the platform."""
        if base_url is None:
            return self
        return replace(
            self,
            page=moved(self.page, base_url),
            exchange=replace(self.exchange, url=moved(self.exchange.url, base_url)),
            refresh=replace(self.refresh, url=moved(self.refresh.url, base_url)),
        )


def rfc6749(
    page: str, token_url: str, scopes: tuple[str, ...], *, pkce: bool = True, extra: Mapping[str, str] | None = None, ports: tuple[int, ...] = (0,)
) -> SignIn:
    """Sign-in as RFC 6749, 7636 and 8252 have it. ``extra``: further words of the page's query, as ``{"access_type": "=offline"}``."""
    query = {"response_type": "=code", "client_id": "app", "redirect_uri": "redirect", "scope": "scope", "state": "state"}
    fields = {"client_id": "app", "client_secret": "secret"}
    code = {"grant_type": "=authorization_code", **fields, "code": "code", "redirect_uri": "redirect"}
    failing = {"temporarily_unavailable": "platform_down", "server_error": "platform_down", "slow_down": "rate_limited"}
    return SignIn(
        page=page,
        authorise={**query, **({"code_challenge": "challenge", "code_challenge_method": "=S256"} if pkce else {}), **(extra or {})},
        exchange=Grant(token_url, {**code, **({"code_verifier": "verifier"} if pkce else {})}, {**failing, "invalid_grant": "code_wrong"}),
        refresh=Grant(token_url, {"grant_type": "=refresh_token", **fields, "refresh_token": "refresh_token"}, {**failing, "invalid_grant": "disconnected"}),
        ports=ports,
        scopes=scopes,
        pkce=pkce,
    )


def challenge(verifier: str) -> str:
    """What the question carries of a verifier (RFC 7636, S256)."""
    return str(create_s256_code_challenge(verifier))  # type: ignore[no-untyped-call] # its stub says nothing


def moved(url: str, base_url: str) -> str:
    """An address at another host: scheme, host and a path before its own are those of ``base_url``."""
    parts, base = urlsplit(url), urlsplit(base_url)
    return parts._replace(scheme=base.scheme, netloc=base.netloc, path=base.path.rstrip("/") + parts.path).geturl()


# ---------------------------------------------------------------- what a sign-in gave


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a platform gave.

    ``ended``: how it took it back (``login_needed``, ``disconnected``); then there is no refresh token any more.
    ``awaited``: a refresh was begun whose answer nobody has seen.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    obtained_at: int = 0
    expires_at: int | None = None
    refresh_expires_at: int | None = None
    scopes: tuple[str, ...] = ()
    ended: str | None = None
    ended_at: int | None = None
    awaited: bool = False

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Tokens:
        """Of what was kept; PlatformError ``login_needed`` for what is none."""
        try:
            tokens = cls(**{**kept, "scopes": tuple(kept.get("scopes", ()))})
        except TypeError:
            raise PlatformError("login_needed", why="secret_unreadable") from None
        ended = tokens.ended is None or tokens.ended in _ENDED
        if not (_is_token(tokens.access_token) and (tokens.refresh_token is None or _is_token(tokens.refresh_token)) and ended):
            raise PlatformError("login_needed", why="secret_unreadable")
        return tokens

    @property
    def granted(self) -> Granted:
        """What may be told of them."""
        return Granted(self.expires_at, self.scopes)

    def ahead(self, now: int) -> bool:
        """Whether they run out so soon that they are better renewed first."""
        if self.expires_at is None:
            return False
        life = max(0, self.expires_at - self.obtained_at)
        return now >= self.expires_at - min(_AHEAD_S * SECOND, life // 10)

    def over(self, now: int) -> bool:
        """Whether they have run out."""
        return self.expires_at is not None and now >= self.expires_at


def _is_token(value: object) -> bool:
    """Whether something can stand in a header and means anything."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable() and " " not in value


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that waits for its code."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    redirect: str
    verifier: str = field(repr=False)
    at: int


# ---------------------------------------------------------------- access


def now() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


@dataclass(slots=True, eq=False, repr=False)
class Access:
    """A connection's access to its platform: signs requests, renews tokens, signs in.

    ``send`` asks for tokens and must not repeat a request by itself: a refresh token may be good for one use only.
    ``check`` raises when the user cancels, ``note`` writes a line of the run's log, ``folder`` holds the locks.
    """

    sign_in: SignIn
    owner: Owner
    kept: Secrets
    send: Send
    check: Callable[[], None] = lambda: None
    note: Callable[..., None] = lambda _code, **_details: None
    clock: Callable[[], int] = now
    folder: Path = field(default_factory=lambda: default_workspace().parent / "locks")
    _tokens: Tokens | None = field(default=None, init=False)
    _patient_until: float = field(default=0.0, init=False)

    # -------------------------------------------------------- use

    def ask(self, request: Request, send: Send, opened: Callable[[Answer], _T], probe: Callable[[], object] | None = None) -> _T:
        """Send a signed request; where the login is refused renew it once and send the same request again.

        ``opened`` raises PlatformError ``login_needed`` for such an answer. If even a fresh token is refused, ``probe`` (any other signed
        question) tells a login that is dead from an address that the platform has retired: ``connector_outdated``.
        """
        used, signed = self.signed(request)
        try:
            return opened(send(signed))
        except PlatformError as error:
            if error.code != "login_needed":
                raise
        self.renew(used)
        _, signed = self.signed(request)
        try:
            return opened(send(signed))
        except PlatformError as error:
            if error.code != "login_needed":
                raise
            self.note("fresh_token_refused", path=urlsplit(request.url).path)
            if probe is None:
                raise
            probe()
            raise PlatformError("connector_outdated", path=urlsplit(request.url).path) from error

    def decorate(self, request: Request) -> Request:
        """The request with the token that is good now."""
        return self.signed(request)[1]

    def signed(self, request: Request) -> tuple[str, Request]:
        """The token that is used, and the request with it."""
        token = self._good().access_token
        headers = {**request.headers, self.sign_in.header: self.sign_in.prefix + token}
        return token, replace(request, headers=headers, secrets=(*request.secrets, token))

    def granted(self) -> Granted:
        """Until when, and for what."""
        return self._good().granted

    def _good(self) -> Tokens:
        tokens = self._tokens = self._tokens or self._load()
        at = self.clock()
        if not tokens.ahead(at):
            return tokens
        over = tokens.over(at)
        if not over and (tokens.refresh_token is None or time.monotonic() < self._patient_until):
            return tokens
        try:
            self.renew(tokens.access_token)
        except PlatformError as error:
            if over or error.code in _ENDED:
                raise
            self._patient_until = time.monotonic() + _AGAIN_S  # it is good for a while yet
            return tokens
        return self._tokens

    def _load(self) -> Tokens:
        kept = self.kept.get(self.owner, TOKENS, self.check)
        if kept is None:
            raise PlatformError("login_needed", why="never")
        return Tokens.of(kept)

    # -------------------------------------------------------- renewal

    def renew(self, used: str) -> None:
        """Have other tokens than ``used`` afterwards; PlatformError ``login_needed`` or ``disconnected`` if there are none to be had."""
        with self._alone():
            tokens = self._load()
            if tokens.access_token == used:  # else another thread or program was first
                tokens = self._renewed(tokens)
            self._tokens = tokens

    def _renewed(self, tokens: Tokens) -> Tokens:
        """A new pair, stored. That an answer is awaited is stored first: whoever is killed meanwhile leaves word of it."""
        at = self.clock()
        if tokens.ended is not None:
            raise PlatformError(tokens.ended, at=tokens.ended_at, why="ended")
        if tokens.refresh_token is None:
            raise PlatformError("login_needed", why="no_refresh")
        if tokens.refresh_expires_at is not None and at >= tokens.refresh_expires_at:
            raise self._ended(tokens, PlatformError("login_needed", why="expired"))
        words = {**self._app(), "refresh_token": tokens.refresh_token}
        self.kept.put(self.owner, TOKENS, asdict(replace(tokens, awaited=True)), self.check)  # what cannot be stored now is not rotated
        lost = tokens.awaited
        if lost:
            self.note("refresh_lost")
        while True:
            try:
                renewed = self._granted(self.sign_in.refresh, words, tokens)
            except PlatformError as error:
                if error.code in _LOST and not lost:
                    lost = True
                    self.note("refresh_lost")
                    continue
                if lost and error.code in _ENDED | _LOST | {"signin_refused"}:
                    raise self._ended(tokens, PlatformError("login_needed", why="refresh_lost")) from error
                if error.code in _ENDED:
                    raise self._ended(tokens, error) from None
                self._keep(replace(tokens, awaited=lost))
                raise
            self._keep(renewed)
            return renewed

    def _ended(self, tokens: Tokens, error: PlatformError) -> PlatformError:
        """The same error with its date, remembered: a token that was refused is not shown again."""
        at = self.clock()
        self._keep(replace(tokens, refresh_token=None, ended=error.code, ended_at=at, awaited=False))
        self._tokens = None
        return PlatformError(error.code, **{**error.details, "at": at})

    def _keep(self, tokens: Tokens) -> None:
        """Store tokens before anybody uses them; what cannot be stored is held for this session, and that is said."""
        until = time.monotonic() + _STORE_S

        def check() -> None:
            if time.monotonic() > until:  # who cancels waits this long: the pair exists once
                self.check()

        problem = self.kept.keep(self.owner, TOKENS, asdict(tokens), check)
        if problem is not None:
            self.note("tokens_not_stored", reason=problem.code)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else, in any thread or program, renews this connection meanwhile."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]", "_", f"{self.owner.workspace}-{self.owner.connection}")
        lock = FileLock(self.folder / f"{name}.signin.lock")
        until = time.monotonic() + _LOCK_S
        while True:
            try:
                lock.acquire(timeout=_POLL_S)
                break
            except Timeout:
                self.check()
                if time.monotonic() > until:
                    raise PlatformError("sync_running") from None
        try:
            yield
        finally:
            lock.release()

    # -------------------------------------------------------- sign-in

    def authorise(self, open_page: Opened, job: Job, words: Words) -> Granted:
        """Sign in by the reader's browser; nothing is stored unless all went well."""
        self._app()  # a keyring that is locked is told before the browser opens
        with Listener(self.sign_in.callback, words, self.sign_in.ports) as listener:
            begun = self._begin(listener.address)
            code = listener.wait(begun.url, begun.state, open_page, job)
        return self._exchanged(code, begun)

    def by_hand(self) -> tuple[str, str]:
        """Address to open in any browser, and the state that its answer must carry; the sign-in is remembered for an hour."""
        port = self.sign_in.ports[0]
        begun = self._begin(f"http://{HOST}{f':{port}' if port else ''}{PATH}")
        self._app()
        self.kept.keep(self.owner, PENDING, asdict(begun), self.check)
        return begun.url, begun.state

    def exchange(self, pasted: str, state: str | None) -> Granted:
        """Sign in by a code, or by the whole address that the browser ended at; a state that it carries must be ours."""
        kept = self.kept.get(self.owner, PENDING, self.check)
        begun = Begun(**kept) if kept is not None and kept.get("at", 0) > self.clock() - _PENDING_S * SECOND else None
        expected = state or (begun.state if begun is not None else None)
        code = self._pasted(pasted.strip(), expected)
        if begun is None and self.sign_in.pkce:
            raise PlatformError("code_wrong")  # the platform gives nothing for it without the verifier that went with the question
        granted = self._exchanged(code, begun)
        self.kept.forget(self.owner, (PENDING,), self.check)
        return granted

    def keep_secret(self, secret: str) -> None:
        """Keep the app's secret where secrets are kept."""
        self.kept.put(self.owner, APP_SECRET, {"secret": secret.strip()}, self.check)

    def _pasted(self, pasted: str, expected: str | None) -> str:
        callback = self.sign_in.callback
        query = urlsplit(pasted).query if "://" in pasted else pasted.lstrip("?")
        told = callback.told(query) if "://" in pasted or f"{callback.code}=" in query else {"code": pasted}
        code = callback.code_of(told, expected if "state" in told else None)
        if not _is_token(code) or len(code) > _LONGEST_CODE:
            raise PlatformError("code_wrong")
        return code

    def _begin(self, redirect: str) -> Begun:
        verifier = secrets.token_urlsafe(64)[:96] if self.sign_in.pkce else ""
        begun = Begun("", secrets.token_urlsafe(32), redirect, verifier, self.clock())
        words = {
            **self._named(),
            "redirect": redirect,
            "state": begun.state,
            "scope": " ".join(self.sign_in.scopes),
            "challenge": challenge(verifier) if verifier else "",
        }
        query = [(name, str(value)) for name, value in _filled(self.sign_in.authorise, words).items()]
        return replace(begun, url=add_params_to_uri(self.sign_in.page, query))

    def _exchanged(self, code: str, begun: Begun | None) -> Granted:
        told = {"redirect": begun.redirect, "verifier": begun.verifier} if begun is not None else {}
        tokens = self._granted(self.sign_in.exchange, {**self._app(), **told, "code": code}, None)
        with self._alone():
            self._keep(tokens)
        self._tokens = tokens
        return tokens.granted

    # -------------------------------------------------------- asking for tokens

    def _named(self) -> dict[str, object]:
        """The app as the platform's pages want it; UsageError where it must be a number and is none."""
        app = self.owner.app
        numbers = {*self.sign_in.authorise.values(), *self.sign_in.exchange.fields.values()}
        if "app_number" not in numbers:
            return {"app": app}
        if not (app.isascii() and app.isdigit()):
            raise UsageError("app_id_number", value=app)
        return {"app": app, "app_number": int(app)}

    def _app(self) -> dict[str, object]:
        """The app with its secret; PlatformError ``app_secret_missing``."""
        kept = self.kept.get(self.owner, APP_SECRET, self.check)
        secret = "" if kept is None else kept.get("secret")
        if not isinstance(secret, str) or not secret:
            raise PlatformError("app_secret_missing")
        return {**self._named(), "secret": secret}

    def _granted(self, grant: Grant, words: Mapping[str, object], before: Tokens | None) -> Tokens:
        """Ask for tokens; what a refresh does not tell again stays as it was before."""
        hidden = tuple(str(words[name]) for name in ("secret", "code", "verifier", "refresh_token") if words.get(name))
        fields = _filled(grant.fields, words)
        body: dict[str, Any] = {"form": {name: str(value) for name, value in fields.items()}} if self.sign_in.form else {"json": fields}
        answer = self.send(Request("POST", grant.url, secrets=hidden, **body))
        return self._read(grant, answer, hidden, before)

    def _read(self, grant: Grant, answer: Answer, hidden: tuple[str, ...], before: Tokens | None) -> Tokens:
        sign_in, at = self.sign_in, self.clock()
        told = answer.json()
        if not isinstance(told, dict):
            raise answer.unexpected()
        failure = str(told.get(sign_in.code, sign_in.fine))
        if failure != sign_in.fine or answer.status >= _REFUSED:
            raise _refusal(grant.failures.get(failure, grant.otherwise), answer, failure, _struck(told.get(sign_in.message), hidden))
        told = told.get(sign_in.inside) if sign_in.inside else told
        if not isinstance(told, dict):
            raise answer.unexpected()
        named = {ours: told.get(theirs) for ours, theirs in sign_in.answer.items()}
        refresh = named.get("refresh_token") or (before.refresh_token if before else None)
        if not _is_token(named["access_token"]) or not (refresh is None or _is_token(refresh)):
            raise answer.unexpected()
        life, refresh_life = _seconds(named.get("expires_in")), _seconds(named.get("refresh_expires_in"))
        kept = before.refresh_expires_at if before is not None and refresh == before.refresh_token else None
        scope = named.get("scope")
        return Tokens(
            access_token=str(named["access_token"]),
            refresh_token=refresh,
            obtained_at=at,
            expires_at=None if life is None else at + life * SECOND,
            refresh_expires_at=kept if refresh_life is None else at + refresh_life * SECOND,
            scopes=tuple(scope.split()) if isinstance(scope, str) and scope else before.scopes if before is not None else sign_in.scopes,
        )


_LONGEST_CODE: Final = 4096
_REFUSED: Final = 400


def _filled(fields: Mapping[str, str], words: Mapping[str, object]) -> dict[str, object]:
    """A platform's names with our words; a word that we have nothing for is left out."""
    found = {name: word[1:] if word.startswith("=") else words.get(word, "") for name, word in fields.items()}
    return {name: value for name, value in found.items() if value != ""}


def _refusal(code: str, answer: Answer, failure: str, message: str) -> PlatformError:
    """What a platform said instead of giving tokens."""
    if code == "rate_limited":
        return parked(answer.host, None, now(), path=answer.path)
    return PlatformError(code, host=answer.host, path=answer.path, answer=failure[:80], message=message)


def _struck(message: object, hidden: tuple[str, ...]) -> str:
    """A platform's own words without what we told it."""
    text = "" if message is None else str(message)
    for secret in hidden:
        text = text.replace(secret, "***")
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200]


def _seconds(value: object) -> int | None:
    """A lifetime as it came; what is none is not known."""
    try:
        seconds = int(float(str(value)))
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None
