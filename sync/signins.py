# SPDX-License-Identifier: Apache-2.0
"""Sign-ins by authorisation code as values: what is asked under which names, and how an answer becomes tokens."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from app.errors import PlatformError
from app.usecases.syncing import Granted
from sync.failures import SECOND, parked
from sync.http import Request
from sync.loopback import Callback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sync.http import Answer

ENDED: Final = frozenset({"login_needed", "disconnected"})
"""How a platform takes tokens back."""
_AHEAD_S: Final = 300
"""Tokens are renewed this long before they run out, or a tenth of their life before if that is less."""


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

    def question(self, words: Mapping[str, object]) -> str:
        """Address of the page on which somebody agrees."""
        return str(add_params_to_uri(self.page, [(name, str(value)) for name, value in _filled(self.authorise, words).items()]))

    @property
    def wants_number(self) -> bool:
        """Whether the app goes by a number."""
        return "app_number" in {*self.authorise.values(), *self.exchange.fields.values()}

    def request(self, grant: Grant, words: Mapping[str, object]) -> Request:
        """What asks for tokens."""
        hidden = tuple(str(words[name]) for name in ("secret", "code", "verifier", "refresh_token") if words.get(name))
        fields = _filled(grant.fields, words)
        body: dict[str, Any] = {"form": {name: str(value) for name, value in fields.items()}} if self.form else {"json": fields}
        return Request("POST", grant.url, secrets=hidden, **body)

    def read(self, grant: Grant, answer: Answer, hidden: tuple[str, ...], before: Tokens | None, at: int) -> Tokens:
        """Tokens of an answer; what a refresh does not tell again stays as it was before. PlatformError for what is none."""
        told = answer.json()
        if not isinstance(told, dict):
            raise answer.unexpected()
        failure = str(told.get(self.code, self.fine))
        if failure != self.fine or answer.status >= _REFUSED:
            raise _refusal(grant.failures.get(failure, grant.otherwise), answer, failure, _struck(told.get(self.message), hidden), at)
        told = told.get(self.inside) if self.inside else told
        if not isinstance(told, dict):
            raise answer.unexpected()
        named = {ours: told.get(theirs) for ours, theirs in self.answer.items()}
        refresh = named.get("refresh_token") or (before.refresh_token if before else None)
        if not is_token(named["access_token"]) or not (refresh is None or is_token(refresh)):
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
            scopes=tuple(scope.split()) if isinstance(scope, str) and scope else before.scopes if before is not None else self.scopes,
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
        ended = tokens.ended is None or tokens.ended in ENDED
        if not (is_token(tokens.access_token) and (tokens.refresh_token is None or is_token(tokens.refresh_token)) and ended):
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


def is_token(value: object) -> bool:
    """Whether something can stand in a header and means anything."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable() and " " not in value


_REFUSED: Final = 400
"""Statuses from here on say no, whatever the body is."""
_LONGEST_S: Final = 10 * 365 * 86_400


def _filled(fields: Mapping[str, str], words: Mapping[str, object]) -> dict[str, object]:
    """A platform's names with our words; a word that we have nothing for is left out."""
    found = {name: word[1:] if word.startswith("=") else words.get(word, "") for name, word in fields.items()}
    return {name: value for name, value in found.items() if value != ""}


def _refusal(code: str, answer: Answer, failure: str, message: str, at: int) -> PlatformError:
    """What a platform said instead of giving tokens."""
    if code == "rate_limited":
        return parked(answer.host, None, at, path=answer.path)
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
    return min(seconds, _LONGEST_S) if seconds > 0 else None
