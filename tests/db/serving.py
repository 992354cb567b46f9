# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of a test's own that can be restarted, and a way to it that can be cut."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator


class Server:
    """A server with its data in a temporary folder, whose commits are on the disk when they are answered."""

    def __init__(self, binaries: Path, aside: list[str]) -> None:
        self._binaries, self._aside = binaries, aside
        self.folder = Path(tempfile.mkdtemp(prefix="koc-pg-"))
        if aside:
            os.chown(self.folder, int(aside[1].split("=")[1]), -1)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._made = 0
        self._run("initdb", "-U", "koc", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._run("pg_ctl", "-l", str(self.folder / "log"), "-w", "-o", f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1", "start")

    def _run(self, tool: str, *words: str) -> None:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}
        command = [*self._aside, str(self._binaries / tool), "-D", str(self.folder / "data"), *words]
        subprocess.run(command, check=True, cwd=self.folder, env=environment, stdout=subprocess.DEVNULL)

    def restart(self) -> None:
        self._run("pg_ctl", "-m", "immediate", "-w", "-l", str(self.folder / "log"), "restart")

    def demand_password(self, login: str, password: str) -> None:
        """Make a login that may do everything, and is let in by its password alone."""
        with psycopg.connect(f"postgresql://koc@127.0.0.1:{self.port}/postgres", autocommit=True) as connection:
            connection.execute(f"create role {login} superuser login password '{password}'")  # type: ignore[arg-type, unused-ignore]
        access = self.folder / "data" / "pg_hba.conf"
        access.write_text(f"host all {login} 127.0.0.1/32 scram-sha-256\n{access.read_text()}")
        self._run("pg_ctl", "reload")

    def stop(self) -> None:
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def fresh(self, port: int | None = None) -> str:
        """URL of a new, empty database, by another port where one is given."""
        self._made += 1
        name = f"koc_{self._made}"
        with psycopg.connect(f"postgresql://koc@127.0.0.1:{self.port}/postgres", autocommit=True) as connection:
            connection.execute(f"create database {name}")  # type: ignore[arg-type, unused-ignore]
        return f"postgresql+psycopg://koc@127.0.0.1:{port or self.port}/{name}"


class Way:
    """A port on this machine that leads to a server, until it is cut: then packets vanish and nobody says so."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open, self._answering = threading.Event(), threading.Event()
        self._open.set()
        self._answering.set()
        self._ended = False
        self._sockets: list[socket.socket] = []
        self._door = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self._door.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._door.accept()
                theirs = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [ours, theirs]
                for one, other, passes in ((ours, theirs, self._open), (theirs, ours, self._answering)):
                    self._threads.append(threading.Thread(target=self._carry, args=(one, other, passes), daemon=True))
                    self._threads[-1].start()

    def _carry(self, one: socket.socket, other: socket.socket, passes: threading.Event) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                while not passes.wait(0.05):
                    if self._ended:
                        return
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        self._open.clear()
        self._answering.clear()

    def mute(self) -> None:
        """What is sent arrives; no answer comes back."""
        self._answering.clear()

    def mend(self) -> None:
        """Lead on again. What was connected before the cut is gone, as after a dial-in of another address."""
        for one in tuple(self._sockets):  # not those that come meanwhile
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.set()
        self._answering.set()

    def close(self) -> None:
        self._ended = True
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.mend()
        for thread in self._threads:
            thread.join(5)
        for one in self._sockets:
            one.close()


@contextmanager
def way(target: int) -> Iterator[Way]:
    made = Way(target)
    try:
        yield made
    finally:
        made.close()
