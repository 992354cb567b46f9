# SPDX-License-Identifier: Apache-2.0
"""Lines to other machines that can be let go of at any moment: looking up, connecting, TLS, reading and writing in short ticks.

A time-out of sockets starts anew with every byte. Here every tick asks a guard, which knows the deadline of the whole
request and whether anybody still wants it; what it raises ends the wait, in whatever phase.
"""

from __future__ import annotations

import math
import os
import queue
import selectors
import socket
import ssl
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import httpcore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TICK_S: Final = 0.05
_PIECE: Final = 65_536
_EACH_ADDRESS_S: Final = 10.0
"""A host with several addresses: as long is one of them waited for before the next is tried."""


class Course(threading.local):
    """How the request of the calling thread stands."""

    deadline: float = math.inf
    """On the monotonic clock."""
    sent: bool = False
    """Something of the request itself was written."""
    hung_up: bool = False
    """The other side closed the line."""

    def begin(self, seconds: float) -> None:
        """A new request with so much time."""
        self.deadline, self.sent, self.hung_up = time.monotonic() + seconds, False, False


class Backend(httpcore.NetworkBackend):
    """Opens lines whose every wait asks ``guard``."""

    def __init__(self, guard: Callable[[], None], course: Course) -> None:
        """Nothing is opened yet."""
        self._guard, self._course = guard, course

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 (the guard knows the deadline of the whole request)
        local_address: str | None = None,  # noqa: ARG002 (the system chooses)
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 (the one that is wanted is set below)
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers; httpcore.ConnectError."""
        reason = "no address"
        addresses = self._addresses(host, port)
        for number, (family, kind, protocol, _, address) in enumerate(addresses, 1):
            until = math.inf if number == len(addresses) else time.monotonic() + _EACH_ADDRESS_S
            try:
                return Plain(self._connected(socket.socket(family, kind, protocol), address, until), self._guard, self._course)
            except OSError as error:
                reason = error.strerror or type(error).__name__
        raise httpcore.ConnectError(reason)

    def _addresses(self, host: str, port: int) -> list[tuple[Any, ...]]:
        """Look a host up; in a thread of its own, as the system's look-up knows no time-out."""
        try:
            return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
        except (socket.gaierror, UnicodeError):
            pass  # a name
        found: queue.SimpleQueue[list[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                found.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
            except (OSError, UnicodeError) as error:
                found.put(error)

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        while True:
            self._guard()
            try:
                answer = found.get(timeout=TICK_S)
            except queue.Empty:
                continue
            if isinstance(answer, Exception):
                raise httpcore.ConnectError("name")
            return answer

    def _connected(self, line: socket.socket, address: Any, until: float) -> socket.socket:  # noqa: ANN401 (the system's own shape)
        with ExitStack() as undo:
            undo.callback(line.close)
            line.setblocking(False)  # noqa: FBT003 (the library's)
            try:
                line.connect(address)
            except BlockingIOError:
                self._wait_connected(line, until)
            line.settimeout(TICK_S)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            undo.pop_all()
        return line

    def _wait_connected(self, line: socket.socket, until: float) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(line, selectors.EVENT_WRITE)
            while not ready.select(TICK_S):
                self._guard()
                if time.monotonic() > until:
                    raise TimeoutError
        if code := line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))


class Plain(httpcore.NetworkStream):
    """A line as it is."""

    def __init__(self, line: socket.socket, guard: Callable[[], None], course: Course) -> None:
        """Own the line."""
        self._line, self._guard, self._course = line, guard, course

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 (see connect_tcp)
        """What comes next; empty once the other side closed."""
        while True:
            self._guard()
            try:
                data = self._line.recv(max_bytes)
            except TimeoutError:
                continue
            except OSError:
                self._course.hung_up = True
                raise httpcore.ReadError from None
            self._course.hung_up = self._course.hung_up or not data
            return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 (likewise)
        """Send something of a request."""
        if buffer:
            self._course.sent = True
            self.put(buffer)

    def put(self, buffer: bytes) -> None:
        """Send it, whatever it is."""
        rest = memoryview(buffer)
        while rest:
            self._guard()
            try:
                rest = rest[self._line.send(rest) :]
            except TimeoutError:
                continue
            except OSError:
                raise httpcore.WriteError from None

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> httpcore.NetworkStream:  # noqa: ARG002
        """The same line, encrypted and its other end proven; ssl.SSLError closes it."""
        return Encrypted(self, ssl_context, server_hostname, self._course)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 (the library's)
        """Whether there is something to read on an idle line: then the other side has closed it."""
        if info != "is_readable":
            return None
        try:
            with selectors.DefaultSelector() as ready:
                ready.register(self._line, selectors.EVENT_READ)
                return bool(ready.select(0))
        except (OSError, ValueError):
            return True


class Encrypted(httpcore.NetworkStream):
    """TLS over any line, also over another TLS line, as to a platform through an encrypted proxy."""

    def __init__(self, below: Plain | Encrypted, context: ssl.SSLContext, host: str | None, course: Course) -> None:
        """Shake hands."""
        self._below, self._course = below, course
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        course.sent = False  # whatever was said so far was said to a proxy; the request itself is not on its way yet
        with ExitStack() as undo:
            undo.callback(below.close)
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
            self._do(self._tls.do_handshake)
            undo.pop_all()

    def _do(self, act: Callable[..., Any], *words: object) -> Any:  # noqa: ANN401 (what the act gives)
        """Act, moving what comes and goes between TLS and the line below."""
        while True:
            try:
                result = act(*words)
            except ssl.SSLWantReadError:
                self._flush()
                data = self._below.read(_PIECE)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except ssl.SSLWantWriteError:
                self._flush()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._below.put(self._outgoing.read())

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 (see connect_tcp)
        """What comes next; empty once the other side closed properly."""
        try:
            return bytes(self._do(self._tls.read, max_bytes))
        except ssl.SSLZeroReturnError:
            self._course.hung_up = True
            return b""
        except ssl.SSLError:
            self._course.hung_up = True
            raise httpcore.ReadError from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 (likewise)
        """Send something of a request."""
        if buffer:
            self._course.sent = True
            self.put(buffer)

    def put(self, buffer: bytes) -> None:
        """Send it, whatever it is."""
        rest = memoryview(buffer)
        while rest:
            try:
                rest = rest[self._do(self._tls.write, rest) :]
            except ssl.SSLError:
                raise httpcore.WriteError from None

    def close(self) -> None:
        """Hang up."""
        self._below.close()

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> httpcore.NetworkStream:  # noqa: ARG002
        """TLS inside this TLS."""
        return Encrypted(self, ssl_context, server_hostname, self._course)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 (the library's)
        """As of a plain line; ``ssl_object`` is TLS itself."""
        return self._tls if info == "ssl_object" else self._below.get_extra_info(info)
