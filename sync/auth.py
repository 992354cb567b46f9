# SPDX-License-Identifier: Apache-2.0
"""The access that a sign-in gives: a decorator for requests, the renewal of what has run out, and the sign-in itself.

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
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from app.errors import PlatformError, UsageError
from app.settings import default_workspace
from sync.failures import SECOND
from sync.loopback import HOST, PATH, Listener
from sync.secrets import APP_SECRET, PENDING, TOKENS
from sync.signins import ENDED, Tokens, challenge, is_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from app.jobs import Job
    from app.usecases.syncing import Granted, Opened
    from app.words import Words
    from sync.http import Answer, Request
    from sync.secrets import Owner, Secrets
    from sync.signins import Grant, SignIn

    Send = Callable[[Request], Answer]

_AGAIN_S: Final = 60
"""So long an early renewal that failed is not tried again."""
_STORE_S: Final = 0.8
_LOCK_S: Final = 180.0
_POLL_S: Final = 0.2
_PENDING_S: Final = 3600
_LOST: Final = frozenset({"interrupted_answer", "too_slow"})
"""The platform may have rotated the token, and nobody heard."""
_LONGEST_CODE: Final = 4096

_T = TypeVar("_T")


# ---------------------------------------------------------------- access


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that waits for its code."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    redirect: str
    verifier: str = field(repr=False)
    at: int


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
            if over or error.code in ENDED:
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
                if lost and error.code in ENDED | _LOST | {"signin_refused"}:
                    raise self._ended(tokens, PlatformError("login_needed", why="refresh_lost")) from error
                if error.code in ENDED:
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
        begun = self._pending()
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

    def _pending(self) -> Begun | None:
        """The sign-in that was begun, unless it is too long ago."""
        try:
            kept = self.kept.get(self.owner, PENDING, self.check)
            begun = None if kept is None else Begun(**kept)
            return begun if begun is not None and begun.at > self.clock() - _PENDING_S * SECOND else None
        except TypeError:
            return None
        except PlatformError as error:
            if error.code != "login_needed":
                raise
            return None  # of an app that was since replaced

    def _pasted(self, pasted: str, expected: str | None) -> str:
        callback = self.sign_in.callback
        query = urlsplit(pasted).query if "://" in pasted else pasted.lstrip("?")
        told = callback.told(query) if "://" in pasted or f"{callback.code}=" in query else {"code": pasted}
        code = callback.code_of(told, expected if "state" in told else None)
        if not is_token(code) or len(code) > _LONGEST_CODE:
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
        return replace(begun, url=self.sign_in.question(words))

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
        if not self.sign_in.wants_number:
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
        """Ask for tokens."""
        request = self.sign_in.request(grant, words)
        return self.sign_in.read(grant, self.send(request), request.secrets, before, self.clock())
