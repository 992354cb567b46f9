# SPDX-License-Identifier: Apache-2.0
"""Waits on this computer for the browser to come back from a platform's sign-in page; answers once and is gone.

It listens on 127.0.0.1 only, takes one answer with the right state and no other, and shows the reader a plain page.
"""

from __future__ import annotations

import hmac
import html
import queue
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import parse_qs, urlsplit

from app.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.jobs import Job
    from app.usecases.syncing import Opened
    from app.words import Words

HOST: Final = "127.0.0.1"
PATH: Final = "/callback"
_POLL_S: Final = 0.1
_WAIT_S: Final = 300.0
_MOST_LINE: Final = 8192


@dataclass(frozen=True, slots=True)
class Callback:
    """How a platform names what it sends the browser back with."""

    code: str = "code"
    state: str = "state"
    error: str = "error"

    def told(self, query: str) -> Mapping[str, str]:
        """Code, state and error of a query, those that are there."""
        found = parse_qs(query, keep_blank_values=True)
        return {name: found[key][0] for name, key in (("code", self.code), ("state", self.state), ("error", self.error)) if key in found}

    def code_of(self, told: Mapping[str, str], state: str | None) -> str:
        """The code of an answer.

        PlatformError: ``state_wrong`` (not the answer to our question), ``signin_denied`` (somebody said no), ``code_wrong`` (no code).
        ``state`` None: it was not us who asked, there is nothing to compare with.
        """
        if not told.get("code") and "state" not in told and "error" not in told:
            raise PlatformError("code_wrong")
        if state is not None and not hmac.compare_digest(told.get("state", "").encode(), state.encode()):
            raise PlatformError("state_wrong")
        if "error" in told or ("state" in told and not told.get("code")):
            raise PlatformError("signin_denied", answer=told.get("error", "")[:80])
        return told["code"]


class Listener:
    """A listener on a free port of loopback, to be closed by whoever opened it: ``with Listener(...) as listener``."""

    def __init__(self, callback: Callback, words: Words, ports: Sequence[int] = (0,)) -> None:
        """Take the first of ``ports`` that is free, else any; PlatformError ``no_listener`` where none may be opened."""
        self._callback, self._words = callback, words
        self._answers: queue.SimpleQueue[str | PlatformError] = queue.SimpleQueue()
        self._state = ""
        self._deciding = threading.Lock()
        self._decided = False
        self._server = _bound(self._handler(), (*ports, 0))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="sign-in", daemon=True)

    @property
    def address(self) -> str:
        """Where the platform is to send the browser."""
        return f"http://{HOST}:{self._server.server_port}{PATH}"

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close: nobody is heard any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, url: str, state: str, open_page: Opened, job: Job, wait_s: float = _WAIT_S) -> str:
        """Open the page and wait for its code; PlatformError ``signin_timeout`` after ``wait_s``, and as ``Callback.code_of``."""
        self._state = state
        opening = _Opening(open_page, url)
        until = time.monotonic() + wait_s
        while True:
            job.check()
            opening.check()
            try:
                answer = self._answers.get(timeout=_POLL_S)
            except queue.Empty:
                if time.monotonic() > until:
                    raise PlatformError("signin_timeout", minutes=max(1, round(wait_s / 60))) from None
                continue
            if isinstance(answer, PlatformError):
                raise answer
            return answer

    def answer(self, target: str) -> tuple[int, str, str | PlatformError | None]:
        """What a request is told, as status and sentence, and what it decides. The first answer decides, whatever comes later."""
        parts = urlsplit(target)
        told = self._callback.told(parts.query)
        if parts.path != PATH or not told:
            return HTTPStatus.NOT_FOUND, "signin.nothing_here", None
        with self._deciding:
            if self._decided:
                return HTTPStatus.GONE, "signin.over", None
            self._decided = True
        try:
            return HTTPStatus.OK, "signin.done", self._callback.code_of(told, self._state)
        except PlatformError as error:
            return HTTPStatus.BAD_REQUEST, "signin.failed", error

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10  # a browser opens lines ahead that it never uses

            def do_GET(self) -> None:
                if not _from_here(self.headers.get("Host", ""), listener._server.server_port):
                    self._show(HTTPStatus.MISDIRECTED_REQUEST, "signin.nothing_here")
                    return
                status, key, decided = listener.answer(self.path[:_MOST_LINE])
                try:
                    self._show(status, key)  # before it closes: the reader is to see it
                finally:
                    if decided is not None:
                        listener._answers.put(decided)

            def _show(self, status: int, key: str) -> None:
                body = listener.page(key).encode()
                self.send_response_only(status)
                for name, value in (*_HEADERS, ("Content-Length", str(len(body)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: the line would carry the code."""

        return Handler

    def page(self, key: str) -> str:
        """A plain page that says one thing in the reader's language."""
        said = html.escape(self._words(key))
        language = self._words.language.replace("_", "-")
        return (
            f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>KOC Desk</title>'
            '<meta name="viewport" content="width=device-width">'
            f'<body style="font:18px/1.6 system-ui,sans-serif;margin:20vh auto;max-width:32em;padding:0 1em"><p>{said}</p></body></html>'
        )


_HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("Connection", "close"),
)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = False  # on Windows another program could take the port over

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that breaks off is no news."""


def _bound(handler: type[BaseHTTPRequestHandler], ports: Sequence[int]) -> _Server:
    reason: OSError | None = None
    for port in ports:
        try:
            return _Server((HOST, port), handler)
        except OSError as error:  # taken, or forbidden here
            reason = error
    raise PlatformError("no_listener", why=(reason and reason.strerror) or "") from reason


def _from_here(host: str, port: int) -> bool:
    """Whether a request names this computer: a page elsewhere whose name was pointed here does not."""
    return host in {f"{HOST}:{port}", f"localhost:{port}"}


class _Opening:
    """Opens a page in a thread of its own: ``$BROWSER`` may be a program that stays until it is closed."""

    def __init__(self, open_page: Callable[[str], None], url: str) -> None:
        self._error: BaseException | None = None
        self._open_page, self._url = open_page, url
        threading.Thread(target=self._run, name="browser", daemon=True).start()

    def check(self) -> None:
        """Raise what kept it from opening."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        with self:
            self._open_page(self._url)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self._error = error
        return True
