# SPDX-License-Identifier: Apache-2.0
"""The way to a team's PostgreSQL: connections that do not wait for a server that is gone, and one that listens for others' changes.

A way that swallows packets answers nothing at all, and neither the system nor the driver ends a wait by itself for hours.
Whoever waits longer than a moment therefore asks the server for a sign of life beside it: a long statement goes on, a dead way ends.
"""

from __future__ import annotations

import socket
import struct
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg

from app.errors import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")

CONNECT_SECONDS: Final = 3
SILENT_SECONDS: Final = 3.0
"""Silence of the server after which it is asked for a sign of life."""

SCREEN_SECONDS: Final = 30
"""Longest statement of a read that somebody waits for in front of a screen."""

CHANNEL: Final = "koc_workspace"
_SIGN_OF_LIFE: Final = struct.pack("!ii", 8, 80877103)
"""What a client may ask before it says who it is; every server since 7.0 answers with one letter and lets go."""

PARAMETERS: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8_000,
    "application_name": "koc-desk",
    "options": " ".join(
        f"-c {name}={value}"
        for name, value in {
            "statement_timeout": f"{SCREEN_SECONDS}s",
            # What the server does about a client that is gone: whoever held the write lock must not hold it for hours.
            "tcp_keepalives_idle": 10,
            "tcp_keepalives_interval": 5,
            "tcp_keepalives_count": 3,
            "client_connection_check_interval": "5s",
            "idle_in_transaction_session_timeout": "5min",
        }.items()
    ),
}


class Watched(psycopg.Connection[Any]):
    """A connection that ends a wait once the server gives no sign of life any more."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ANN401 (the driver's own)
        """Run one exchange with the server."""
        return super().wait(self._heeded(gen), interval, timeout)

    def _heeded(self, exchange: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        try:
            wanted = next(exchange)
            since = time.monotonic()
            while True:
                ready = yield wanted
                if ready:
                    since = time.monotonic()
                elif time.monotonic() - since > SILENT_SECONDS:
                    if not self.alive():
                        self.pgconn.finish()
                        raise psycopg.OperationalError("the server gives no sign of life")
                    since = time.monotonic()
                wanted = exchange.send(ready)
        except StopIteration as end:
            result: T = end.value
            return result

    def alive(self) -> bool:
        """Whether the server answers anybody at all."""
        host, port = self.info.hostaddr or self.info.host, self.info.port
        if not host or host.startswith("/"):
            return True  # on this machine: the system itself tells of its end
        try:
            with closing(socket.create_connection((host, port), timeout=CONNECT_SECONDS)) as door:
                door.sendall(_SIGN_OF_LIFE)
                return bool(door.recv(1))
        except OSError:
            return False


def reach(words: tuple[Any, ...], parameters: dict[str, Any]) -> Watched:
    """Connect. Names are looked up first: the driver would hold the interpreter, and with it a window, until it has an answer."""
    host = parameters.get("host")
    if isinstance(host, str) and host and not host.startswith("/") and "," not in host and not parameters.get("hostaddr"):
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as error:
            raise psycopg.OperationalError(f"{host}: {error.strerror or error}") from error
        numbers = list(dict.fromkeys(str(one[4][0]) for one in found))
        parameters = {**parameters, "host": ",".join([host] * len(numbers)), "hostaddr": ",".join(numbers)}
    return Watched.connect(*words, **parameters)


class Listener:
    """Hears when anybody has written, through a connection of its own."""

    def __init__(self, parameters: dict[str, Any], own: str) -> None:
        """Connect and begin to listen; ``own`` is what we say ourselves, and not heard."""
        self._own = own
        try:
            self._connection = reach((), {**parameters, "autocommit": True})
            self._connection.execute(f"listen {CHANNEL}")
        except psycopg.Error as error:
            raise unreachable(error) from error

    def wait(self, seconds: float) -> bool:
        """Whether somebody else wrote within so many seconds; WorkspaceError once the way there is gone."""
        try:
            return any(word.payload != self._own for word in self._connection.notifies(timeout=seconds, stop_after=1))
        except psycopg.Error as error:
            raise unreachable(error) from error

    def close(self) -> None:
        """Hear no more."""
        self._connection.close()


def unreachable(error: BaseException) -> WorkspaceError:
    """The product's word for a way that is gone."""
    return WorkspaceError("database_unreachable", reason=(str(error).splitlines() or [""])[0])
