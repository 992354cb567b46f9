# SPDX-License-Identifier: Apache-2.0
"""A real HTTP/1.1 server on loopback that remembers what it was asked and misbehaves on demand."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import ssl
import struct
import threading
import time
import zlib
from collections import deque
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Fault = Callable[["Server", "Request", "Mapping[str, Any]", "Callable[[], Reply]"], "Reply"]

CONTROL: Final = "/_emulator/"
_MOST_LINE: Final = 65_536
_PATIENCE: Final = 30.0
"""A held request is let go after this long, so that a broken test ends."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked. Header names are in lower case."""

    number: int
    method: str
    target: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    at: float

    def first(self, name: str) -> str | None:
        """First value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)


@dataclass(frozen=True, slots=True)
class Reply:
    """What it is told. ``wire`` writes it in another way than a sound server would."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    skew: float = 0.0
    wire: Callable[[Wire, Reply], None] | None = None

    def head(self, length: int | None = None) -> bytes:
        """Status line and headers."""
        phrase = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else "Unknown"
        lines = [f"HTTP/1.1 {self.status} {phrase}", f"Date: {formatdate(time.time() + self.skew, usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status != HTTPStatus.NOT_MODIFIED:
            lines += [f"Content-Type: {self.content_type}", f"Content-Length: {len(self.body) if length is None else length}"]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def document(value: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """A JSON answer."""
    return Reply(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), status, headers=headers)


@dataclass(frozen=True, slots=True)
class Wire:
    """The open line to a client. ``closing`` is set when the server stops: nobody waits longer than that."""

    sock: socket.socket
    closing: threading.Event

    def reset(self) -> None:
        """Break the line off so that the client sees a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if isinstance(self.sock, ssl.SSLSocket):
            os.close(self.sock.detach())
        else:
            self.sock.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it is remembered, with how it was answered."""

    request: Request
    status: int
    fault: str | None

    def text(self) -> str:
        """Everything the server got to see, for a search."""
        asked = self.request
        return "\n".join(
            [f"{asked.method} {unquote(asked.target)}", *(f"{name}: {value}" for name, value in asked.headers.items()), asked.body.decode("utf-8", "replace")]
        )


@dataclass(slots=True)
class Rule:
    """Misbehave at requests whose path contains ``path``: from the ``nth`` on, ``times`` of them (None: for ever), each with a ``chance``."""

    fault: str
    path: str = ""
    nth: int = 1
    times: int | None = 1
    chance: float = 1.0
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    done: int = 0
    dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Dice of its own: a run can be repeated."""
        self.dice = random.Random(self.seed)

    def sees(self, path: str) -> bool:
        """Whether this request is one of those; counts it."""
        if self.path not in path:
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times is not None and self.done >= self.times):
            return False
        return self.chance >= 1 or self.dice.random() < self.chance


class Server:
    """Listens on loopback in threads of its own until it is closed. Subclasses say what is answered."""

    def __init__(self, *, port: int = 0, tls: ssl.SSLContext | None = None, remember: int = 100_000) -> None:
        """Nothing listens before :meth:`start`."""
        self.log: deque[Seen] = deque(maxlen=remember)
        self.handshakes_failed = 0
        self.victim: int | None = None
        """The process that the fault ``kill`` kills."""
        self.released = threading.Event()
        """Set, it lets go what the fault ``hold`` holds."""
        self.held = threading.Event()
        """Set once a request is held."""
        self.rules: list[Rule] = []
        self._port, self._tls = port, tls
        self._count = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._socket: socket.socket | None = None
        self._lines: dict[threading.Thread, socket.socket] = {}
        self._listener: threading.Thread | None = None

    # ------------------------------------------------------------ life

    def start(self) -> Self:
        """Listen."""
        self._socket = socket.create_server(("127.0.0.1", self._port), backlog=128)
        self._port = self._socket.getsockname()[1]
        self._listener = threading.Thread(target=self._listen, name=f"emulator {self._port}", daemon=True)
        self._listener.start()
        return self

    def close(self) -> None:
        """Let nobody in, hang up on everybody, wait for the threads."""
        self._closing.set()
        self.released.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
        if self._listener is not None:
            self._listener.join(5)
        with self._lock:
            lines = list(self._lines.items())
        for thread, line in lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}"

    # ------------------------------------------------------------ what a test asks

    def misbehave(self, fault: str, path: str = "", *, nth: int = 1, times: int | None = 1, chance: float = 1.0, seed: int = 0, **options: Any) -> Rule:
        """Add a rule. Of several that would take a request the one added first does; the others wait for the next."""
        if fault not in self.faults():
            raise KeyError(fault)
        rule = Rule(fault, path, nth, times, chance, seed, options)
        with self._lock:
            self.rules.append(rule)
        return rule

    def behave(self) -> None:
        """Forget every rule."""
        with self._lock:
            self.rules.clear()

    def requests(self, path: str = "") -> list[Request]:
        """What was asked so far under a path, in order."""
        return [one.request for one in list(self.log) if path in one.request.path and not one.request.path.startswith(CONTROL)]

    def forget(self) -> None:
        """Start the log anew."""
        self.log.clear()

    def seen_text(self) -> str:
        """Everything it was ever sent, for a search."""
        return "\n\n".join(one.text() for one in list(self.log))

    # ------------------------------------------------------------ what subclasses say

    def faults(self) -> Mapping[str, Fault]:
        """The ways in which it can misbehave, by name."""
        return FAULTS

    def answer(self, request: Request) -> Reply:
        """The sound answer."""
        return document({"seen": request.path})

    def control(self, action: str, words: Mapping[str, Any]) -> object:
        """What another process asks for under ``/_emulator/``; LookupError for what there is not."""
        match action:
            case "misbehave":
                self.misbehave(**words)
            case "behave":
                self.behave()
            case "release":
                self.released.set()
            case "requests":
                return [f"{one.method} {one.target}" for one in self.requests(str(words.get("path", "")))]
            case _:
                raise LookupError(action)
        return {}

    # ------------------------------------------------------------ lines

    def _listen(self) -> None:
        """Give every caller a thread."""
        assert self._socket is not None
        while not self._closing.is_set():
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            # Otherwise a small answer waits for the client's delayed acknowledgement.
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._talk, args=(line,), name=f"emulator line {self._port}", daemon=True)
            with self._lock:
                self._lines[thread] = line
            thread.start()

    def _talk(self, line: socket.socket) -> None:
        """Answer one caller until either hangs up."""
        try:
            if self._tls is not None:
                line.settimeout(5)
                line = self._tls.wrap_socket(line, server_side=True)
                with self._lock:
                    self._lines[threading.current_thread()] = line  # the bare one is no longer the line that close() must shut
                line.settimeout(None)
            reader = line.makefile("rb", 65_536)
            try:
                while not self._closing.is_set() and self._once(line, reader):
                    pass
            finally:
                reader.close()
        except ssl.SSLError:
            self.handshakes_failed += 1
        except OSError:
            pass  # the caller hung up, or we did
        finally:
            line.close()
            with self._lock:
                self._lines.pop(threading.current_thread(), None)

    def _once(self, line: socket.socket, reader: Any) -> bool:
        """One request and its answer; False when the line is done."""
        try:
            request = self._read(reader)
        except ValueError:  # nonsense, or closed under our hands
            return False
        if request is None:
            return False
        if request.path.startswith(CONTROL):
            line.sendall(_whole(self._controlled(request)))
            return True
        reply, fault = self._decide(request)
        self.log.append(Seen(request, reply.status, fault))
        if reply.wire is not None:
            reply.wire(Wire(line, self._closing), reply)
            return False
        line.sendall(_whole(reply))
        return True

    def _read(self, reader: Any) -> Request | None:
        start = reader.readline(_MOST_LINE)
        if not start:
            return None
        method, target, _ = start.decode("latin-1").split()
        headers: dict[str, str] = {}
        while (row := reader.readline(_MOST_LINE).decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = row.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        with self._lock:
            self._count += 1
            number = self._count
        return Request(number, method, target, unquote(parts.path), query, headers, body, time.time())

    def _decide(self, request: Request) -> tuple[Reply, str | None]:
        with self._lock:
            # Every rule counts what it sees, so that "the third request" means the same whatever else goes wrong;
            # the first that would take it does, so that rules added one after another happen one after another.
            rule = next(iter([rule for rule in self.rules if rule.sees(request.path)]), None)
            if rule is not None:
                rule.done += 1
        if rule is None:
            return self.answer(request), None
        return self.faults()[rule.fault](self, request, rule.options, lambda: self.answer(request)), rule.fault

    def _controlled(self, request: Request) -> Reply:
        words = json.loads(request.body) if request.body else dict(request.query)
        try:
            return document(self.control(request.path.removeprefix(CONTROL), words))
        except (LookupError, TypeError) as error:
            return document({"error": repr(error)}, 404)


def _whole(reply: Reply) -> bytes:
    return reply.head() + reply.body


# ---------------------------------------------------------------- faults of the line and of HTTP


def _reset(_server: Server, _request: Request, options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """Answer, and break off after some bytes of the body; before the first byte with ``after`` None."""
    after = options.get("after", 9)

    def wire(to: Wire, reply: Reply) -> None:
        if after is not None:
            to.sock.sendall(reply.head() + reply.body[: int(after)])
        to.reset()

    return replace(answer(), wire=wire)


def _short(_server: Server, _request: Request, options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """Close properly before the promised length is sent."""
    cut = int(options.get("missing", 10))

    def wire(to: Wire, reply: Reply) -> None:
        to.sock.sendall(reply.head() + reply.body[:-cut])

    return replace(answer(), wire=wire)


def _loris(_server: Server, _request: Request, options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """Drip the body, a byte at a time, slower than anybody should wait for."""
    every = float(options.get("every", 0.2))

    def wire(to: Wire, reply: Reply) -> None:
        to.sock.sendall(reply.head())
        for at in range(len(reply.body)):
            to.sock.sendall(reply.body[at : at + 1])
            if to.closing.wait(every):
                return

    return replace(answer(), wire=wire)


def _silent(_server: Server, _request: Request, options: Mapping[str, Any], _answer: Callable[[], Reply]) -> Reply:
    """Say nothing for some seconds, then hang up."""

    def wire(to: Wire, _reply: Reply) -> None:
        to.closing.wait(float(options.get("seconds", _PATIENCE)))

    return Reply(wire=wire)


@lru_cache(maxsize=4)
def bomb(size: int) -> bytes:
    """A little gzip that decodes to a lot of JSON."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(b'{"code":0,"message":"')]
    blank = b" " * (1 << 20)
    parts += [packer.compress(blank) for _ in range(size >> 20)]
    return b"".join([*parts, packer.compress(b'","data":{}}'), packer.flush()])


def _bomb(_server: Server, _request: Request, options: Mapping[str, Any], _answer: Callable[[], Reply]) -> Reply:
    return Reply(bomb(int(options.get("size", 300 << 20))), headers=(("Content-Encoding", "gzip"),))


_LOGIN: Final = '<html><head><meta charset="gbk"><title>登录</title></head><body><form action="/login">请先登录：<input name="user"><input type="password" name="password"></form></body></html>'


def _html(_server: Server, _request: Request, options: Mapping[str, Any], _answer: Callable[[], Reply]) -> Reply:
    """A login page where data should be."""
    return Reply(_LOGIN.encode("gbk"), int(options.get("status", 200)), "text/html; charset=gbk")


def _gbk(_server: Server, _request: Request, _options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """The right answer in another encoding than its label says."""
    reply = answer()
    return replace(reply, body=reply.body.decode().encode("gbk", "replace"), content_type="application/json")


def _header(_server: Server, _request: Request, options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """A header of two megabytes."""
    reply = answer()
    return replace(reply, headers=(*reply.headers, ("X-Filler", "x" * int(options.get("size", 2 << 20)))))


def _redirect(_server: Server, request: Request, options: Mapping[str, Any], _answer: Callable[[], Reply]) -> Reply:
    """Send the client away: to ``to``, or to the same path of another host when ``to`` ends without a path."""
    to = str(options["to"])
    return Reply(b"", int(options.get("status", 302)), headers=(("Location", to if urlsplit(to).path else to + request.target),))


def _status(_server: Server, _request: Request, options: Mapping[str, Any], _answer: Callable[[], Reply]) -> Reply:
    """A status with headers instead of an answer."""
    status = int(options.get("status", 503))
    text = options.get("body", json.dumps({"code": status, "message": HTTPStatus(status).phrase}))
    headers: Iterable[tuple[str, str]] = dict(options.get("headers", {})).items()
    return Reply(str(text).encode(), status, str(options.get("content_type", "application/json")), tuple((str(name), str(value)) for name, value in headers))


def _busy(_server: Server, _request: Request, options: Mapping[str, Any], _answer: Callable[[], Reply]) -> Reply:
    """429, with whatever ``after`` says as Retry-After."""
    after = options.get("after")
    return Reply(b'{"code":429,"message":"Too Many Requests"}', 429, headers=(("Retry-After", str(after)),) if after is not None else ())


def _sunset(_server: Server, _request: Request, options: Mapping[str, Any], _answer: Callable[[], Reply]) -> Reply:
    """This version is gone."""
    headers = (("Sunset", str(options.get("sunset", "Sun, 01 Nov 2026 00:00:00 GMT"))), ("Deprecation", "true"))
    return Reply(b'{"code":410,"message":"Gone"}', int(options.get("status", 410)), headers=headers)


def _skew(_server: Server, _request: Request, options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """The right answer, dated by another clock."""
    return replace(answer(), skew=float(options.get("seconds", 3600)))


def _hold(server: Server, _request: Request, options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """Keep the client waiting until the test lets go."""
    server.held.set()
    server.released.wait(float(options.get("seconds", _PATIENCE)))
    return answer()


def _kill(server: Server, _request: Request, options: Mapping[str, Any], _answer: Callable[[], Reply]) -> Reply:
    """Kill the client where it stands, ``delay`` seconds after it asked: nothing is answered any more."""
    until = time.monotonic() + _PATIENCE
    while (victim := options.get("pid") or server.victim) is None and time.monotonic() < until:
        time.sleep(0.005)
    assert victim is not None
    time.sleep(float(options.get("delay", 0)))
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(victim), signal.SIGKILL)
    return Reply(wire=lambda to, _: to.reset())


FAULTS: Final[dict[str, Any]] = {
    "reset": _reset,
    "short": _short,
    "loris": _loris,
    "silent": _silent,
    "bomb": _bomb,
    "html": _html,
    "gbk": _gbk,
    "header": _header,
    "redirect": _redirect,
    "status": _status,
    "busy": _busy,
    "sunset": _sunset,
    "skew": _skew,
    "hold": _hold,
    "kill": _kill,
}
