# SPDX-License-Identifier: Apache-2.0
"""What may stand between here and a platform: a proxy that opens tunnels, asks for a login or speaks itself; lines that lead nowhere."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    import ssl

PAGE: Final = '<html><head><title>认证</title></head><body><form action="/login"><input type="password" name="p"></form></body></html>'.encode()


def page(status: str = "200 OK") -> bytes:
    """A login page as a whole answer."""
    return b"HTTP/1.1 " + status.encode() + b"\r\nContent-Type: text/html\r\nContent-Length: " + str(len(PAGE)).encode() + b"\r\n\r\n" + PAGE


class Proxy:
    """An HTTP proxy on loopback. ``says`` is its answer to CONNECT.

    After one of 200 it hands the line to ``port`` of this machine; without any it answers with a login page itself, within ``tls`` if given.
    ``own``: it is spoken to by TLS as well.
    """

    def __init__(
        self, says: str = "200 Connection established", *, port: int | None = None, tls: ssl.SSLContext | None = None, own: ssl.SSLContext | None = None
    ) -> None:
        """Nothing listens before it is entered."""
        self.asked: list[bytes] = []
        """Head of every CONNECT."""
        self._says, self._upstream, self._tls, self._own = says, port, tls, own
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._lines: list[socket.socket] = [self._socket]
        self._threads: list[threading.Thread] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        self._start(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        for line in list(self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
        for thread in list(self._threads):
            thread.join(5)

    def _start(self, what: object, *words: object) -> None:
        thread = threading.Thread(target=what, args=words, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._socket.accept()
                self._lines.append(line)
                self._start(self._talk, line)

    def _talk(self, bare: socket.socket) -> None:
        with contextlib.suppress(OSError), bare if self._own is None else self._own.wrap_socket(bare, server_side=True) as line:
            self._lines.append(line)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                more = line.recv(4096)
                if not more:
                    return
                head += more
            self.asked.append(head)
            if not self._says.startswith("200"):
                line.sendall(page(self._says))
                return
            line.sendall(f"HTTP/1.1 {self._says}\r\n\r\n".encode())
            if self._upstream is not None:
                self._tunnel(line)
            elif self._tls is not None:
                with self._tls.wrap_socket(line, server_side=True) as own:
                    own.recv(65_536)
                    own.sendall(page())
            else:
                line.recv(4096)
                line.sendall(page())

    def _tunnel(self, line: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._upstream or 0)) as other:
            self._lines.append(other)
            back = threading.Thread(target=_pour, args=(other, line), daemon=True)
            self._threads.append(back)
            back.start()
            _pour(line, other)


def _pour(source: socket.socket, into: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            into.sendall(data)
        into.shutdown(socket.SHUT_WR)


class Mute:
    """A port that takes a line and never says anything; ``full``: not even the line is taken."""

    def __init__(self, *, full: bool = False) -> None:
        """Listen."""
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(0 if full else 8)
        self._fill: list[socket.socket] = []
        for _ in range(4 if full else 0):
            # With its queue full the system does not answer whoever knocks.
            line = socket.socket()
            line.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                line.connect(self._socket.getsockname())
            self._fill.append(line)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for line in (*self._fill, self._socket):
            line.close()
