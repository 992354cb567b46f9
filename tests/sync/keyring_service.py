# SPDX-License-Identifier: Apache-2.0
"""A real Secret Service for a test: its own session bus and a gnome-keyring on it, in a folder of its own, without a screen."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import secretstorage
from jeepney import DBusAddress, new_method_call  # type: ignore[import-untyped] # has no stubs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEEDED = ("dbus-daemon", "gnome-keyring-daemon")
PASSPHRASE = b"pass-phrase of this test"


@dataclass(frozen=True, slots=True)
class Service:
    """A keyring on a session bus."""

    daemon: subprocess.Popen[bytes]

    def items(self) -> list[dict[str, str]]:
        """Attributes and secrets of everything kept, by label."""
        with self._bus() as bus:
            found = secretstorage.get_default_collection(bus).get_all_items()
            return sorted(({**one.get_attributes(), "secret": one.get_secret().decode()} for one in found), key=lambda one: one["username"])

    def put(self, username: str, secret: str) -> None:
        """Write a secret as another program would."""
        with self._bus() as bus:
            attributes = {"service": "koc-desk", "username": username, "application": "Python keyring library"}
            secretstorage.get_default_collection(bus).create_item(username, attributes, secret.encode(), replace=True)

    def lock(self) -> None:
        """Lock the keyring as its own tool does."""
        with self._bus() as bus:
            secretstorage.get_default_collection(bus).lock()

    def unlock(self) -> None:
        """Open it, as logging in does; the call has no other public form than this one."""
        with self._bus() as bus:
            plain = _call(bus, "org.freedesktop.Secret.Service", "OpenSession", "sv", ("plain", ("s", "")))[1]
            master = (secretstorage.get_default_collection(bus).collection_path, (plain, b"", PASSPHRASE, "text/plain"))
            _call(bus, "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface", "UnlockWithMasterPassword", "o(oayays)", master)

    def stop(self) -> None:
        """Let it answer nobody, as while it waits for somebody at the screen."""
        self.daemon.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer."""
        self.daemon.send_signal(signal.SIGCONT)

    @contextmanager
    def _bus(self) -> Iterator[Any]:
        bus = secretstorage.dbus_init()
        try:
            yield bus
        finally:
            bus.close()


@contextmanager
def session_bus(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A session bus that this process and its children find; nothing is on it but what it starts by itself."""
    for name in NEEDED:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed: no Secret Service can be started")
    for variable, name in (("HOME", "home"), ("XDG_DATA_HOME", "data"), ("XDG_RUNTIME_DIR", "run"), ("XDG_CONFIG_HOME", "config")):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
        monkeypatch.setenv(variable, str(folder / name))
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    with (folder / "bus.log").open("wb") as log:
        bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE, stderr=log)
    try:
        assert bus.stdout is not None
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().decode().strip())
        yield
    finally:
        bus.terminate()
        bus.wait(10)
        assert bus.stdout is not None
        bus.stdout.close()


@contextmanager
def secret_service(folder: Path, monkeypatch: pytest.MonkeyPatch, *, unlocked: bool = True) -> Iterator[Service]:
    """A gnome-keyring on a bus of its own, its login keyring open unless told."""
    with session_bus(folder, monkeypatch), (folder / "keyring.log").open("wb") as log:
        command = ["gnome-keyring-daemon", "--foreground", "--components=secrets", *(["--unlock"] if unlocked else ["--start"])]
        daemon = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        try:
            assert daemon.stdin is not None
            daemon.stdin.write(PASSPHRASE)
            daemon.stdin.close()
            _wait_for_service()
            yield Service(daemon)
        finally:
            daemon.terminate()
            daemon.wait(10)


def _wait_for_service() -> None:
    """Until the service has taken its name on the bus."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        bus = secretstorage.dbus_init()
        try:
            if "org.freedesktop.secrets" in _names(bus):
                return
        finally:
            bus.close()
        time.sleep(0.02)  # the bus tells of names by signals that only a main loop hears
    pytest.fail("gnome-keyring did not come up")


def _call(bus: Any, interface: str, method: str, signature: str, body: tuple[Any, ...]) -> Any:
    return bus.send_and_get_reply(new_method_call(DBusAddress("/org/freedesktop/secrets", "org.freedesktop.secrets", interface), method, signature, body)).body


def _names(bus: Any) -> list[str]:
    message = new_method_call(DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus"), "ListNames")
    return list(bus.send_and_get_reply(message).body[0])
