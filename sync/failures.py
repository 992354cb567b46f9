# SPDX-License-Identifier: Apache-2.0
"""What a platform answered, or did not, told in our own errors; which of them may be over when asked again.

Nothing here keeps an address's query, a header or a body: an error names host, path, status and the platform's own
number of the request, and of an answer that nobody expected the beginning with its values struck out.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

import httpcore

from app.errors import PlatformError
from app.reports import struck

if TYPE_CHECKING:
    from collections.abc import Iterable

SECOND: Final = 1_000_000
EXCERPT: Final = 200
"""Characters that are kept of an unexpected answer."""
_READ: Final = 4_000
"""Characters of it that are looked at for the excerpt."""
_SHORTEST_SECRET: Final = 6
"""A shorter value is too common to be struck out wherever it occurs."""
_LONGEST_PARK_S: Final = 7 * 86_400
"""A platform that asks for a longer silence is asked again after this one."""
_CLOCK: Final = frozenset({9, 10})
"""OpenSSL's numbers for a certificate that is not valid yet, and no longer."""
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})


class PassingError(PlatformError):
    """A failure that may be over when asked again. ``after``: seconds that the platform asked to wait.

    ``reached`` says whether the platform may have acted on the request: what is not repeatable is then not sent again.
    """

    after: float | None = None
    reached: bool = True

    def final(self, now: int) -> PlatformError:
        """The same failure once nobody asks again; ``now`` in microseconds."""
        if self.code == "rate_limited" and "until" not in self.details:
            details = {name: value for name, value in self.details.items() if name != "host"}
            return parked(str(self.details.get("host", "")), self.after, now, **details)
        return PlatformError(self.code, **self.details)


def passing(code: str, *, after: float | None = None, reached: bool = True, **details: object) -> PassingError:
    """A failure to try again."""
    error = PassingError(code, **details)
    error.after, error.reached = after, reached
    return error


def parked(host: str, seconds: float | None, now: int, **details: object) -> PlatformError:
    """The platform wants no request before some time: ``until`` in microseconds, and ``at`` as text of this computer's clock."""
    until = now + int(min(seconds or _OWN_PARK_S, _LONGEST_PARK_S) * SECOND)
    at = datetime.fromtimestamp(until / SECOND, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    return PlatformError("rate_limited", **{**details, "host": host, "until": until, "at": at})


_OWN_PARK_S: Final = 15 * 60
"""A platform that says "too many" again and again, and not for how long, is left alone this long."""


# ---------------------------------------------------------------- statuses


def of_status(status: int, host: str, path: str, request_id: str = "") -> PlatformError | None:
    """What a status means by itself; None where the request was answered."""
    known: dict[str, Any] = {"host": host, "path": path, "status": status, "request_id": request_id}
    if status in _PASSING:
        code = "rate_limited" if status == HTTPStatus.TOO_MANY_REQUESTS else "platform_down"
        # "Too many" says that nothing was done; the others leave it open.
        return passing(code, reached=code == "platform_down", **known)
    if status == HTTPStatus.NOT_MODIFIED or status // 100 == _ANSWERED:
        return None
    return PlatformError(_BY_STATUS.get(status, "platform_down" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "refused"), **known)


_ANSWERED: Final = 2
_BY_STATUS: Final = {401: "login_needed", 403: "not_granted", 404: "connector_outdated", 410: "connector_outdated"}


def retry_after(value: str | None, date: str | None, now: float) -> float | None:
    """Seconds of a Retry-After, told in seconds or as a date; None where it is missing, past or no such thing.

    A date is measured by the clock of whoever wrote it, if the answer bears its Date.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9]) or None
    until, here = http_date(text), http_date(date)
    if until is None:
        return None
    seconds = until - (now if here is None else here)
    return seconds if seconds > 0 else None


def http_date(text: str | None) -> float | None:
    """Seconds since 1970 of a date in a header; None for what is none."""
    if not text:
        return None
    try:
        at = parsedate_to_datetime(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError):
        return None


# ---------------------------------------------------------------- lines that broke


def of_line(error: Exception, where: dict[str, Any], *, proxy: str | None, sent: bool, hung_up: bool) -> PlatformError:
    """What a broken line means. ``where``: host and path; ``sent``: the request was on its way; ``hung_up``: the other side closed before the end."""
    if isinstance(error, ssl.SSLError) and not isinstance(error, _SHORT_TLS):
        return _of_tls(error, where, proxy)
    if isinstance(error, httpcore.ProxyError):
        return _of_proxy(error, where, proxy)
    if isinstance(error, (httpcore.LocalProtocolError, UnicodeError)):
        # The only part of a request that a person gives is a secret; this one cannot be sent at all.
        return PlatformError("login_needed", **where)
    if isinstance(error, httpcore.RemoteProtocolError) and not hung_up:
        return PlatformError("unexpected_answer", **where, found="HTTP")
    if sent:
        return passing("interrupted_answer", **where)
    return passing("offline", reached=False, **where, reason=type(error).__name__)


_SHORT_TLS: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""The line broke during the handshake."""
_PLAIN_TEXT: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST"})


def _of_tls(error: ssl.SSLError, where: dict[str, Any], proxy: str | None) -> PlatformError:
    """Why the other end could not prove who it is."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _CLOCK:
            return PlatformError("clock_wrong", **where, today=f"{datetime.now(UTC).astimezone():%Y-%m-%d}")
        return PlatformError("tls_refused", **where, reason=error.verify_message)
    if proxy and error.reason in _PLAIN_TEXT:
        # Plain text where the platform's certificate should be: the proxy speaks itself.
        return PlatformError("proxy_login", **where, proxy=proxy)
    return PlatformError("tls_refused", **where, reason=str(error.reason or "TLS").lower().replace("_", " "))


def _of_proxy(error: Exception, where: dict[str, Any], proxy: str | None) -> PlatformError:
    """What a proxy said instead of opening the tunnel."""
    status = str(error).partition(" ")[0]
    if status in _PROXY_CANNOT:
        return passing("offline", reached=False, **where, reason=f"proxy {status}", proxy=proxy or "")
    return PlatformError("proxy_login", **where, proxy=proxy or "", status=status)


_PROXY_CANNOT: Final = frozenset({"500", "502", "503", "504"})


# ---------------------------------------------------------------- what is kept of an answer

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*(?:"|$)(\s*:)?', re.DOTALL)
_DIGITS: Final = re.compile(r"\d{5,}")
_MAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_REQUEST_ID: Final = re.compile(rb'"(?:request_id|log_?id)"\s*:\s*"([\w-]{1,80})"')
_ID_HEADERS: Final = ("x-tt-logid", "x-request-id", "x-goog-request-id", "request-id")
_OPEN: Final = ("{", "[")


def excerpt(content: bytes, content_type: str = "", secrets: Iterable[str] = ()) -> str:
    """The beginning of an answer without what could be a secret or somebody's: JSON keeps its keys only."""
    named = _CHARSET.search(content_type)
    try:
        text = content[:_READ].decode(named.group(1) if named else "utf-8", "replace")
    except LookupError:
        text = content[:_READ].decode("utf-8", "replace")
    text = strike(text, secrets)
    if text.lstrip("\ufeff \r\n\t").startswith(_OPEN):
        text = _STRING.sub(lambda found: found.group() if found.group(1) else '"…"', text)
    text = _MAIL.sub("***", _DIGITS.sub("***", struck(text)))
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:EXCERPT]


def strike(text: str, secrets: Iterable[str]) -> str:
    """Text without these values, as they are and as addresses write them."""
    values = {form for one in secrets if len(one) >= _SHORTEST_SECRET for form in (one, quote(one, safe=""), quote_plus(one))}
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, "***")
    return text


def request_id(headers: Iterable[tuple[str, str]], content: bytes = b"") -> str:
    """The platform's own number of a request, from its headers or its envelope; empty where it gives none."""
    named = {name.lower(): value for name, value in headers}
    told = next((named[name] for name in _ID_HEADERS if name in named), "")
    found = _REQUEST_ID.search(content[:_READ]) or _REQUEST_ID.search(content[-_READ:])
    return re.sub(r"[^\w-]", "", told)[:80] or (found.group(1).decode() if found else "")
