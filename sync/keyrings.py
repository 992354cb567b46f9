# SPDX-License-Identifier: Apache-2.0
"""The keyring of the desktop by allow-listed back ends: a library that happens to be installed must not make a readable file of secrets.

A locked keyring waits for somebody at the screen: it is asked in a thread of its own, with a limit on the wait, and no lock is held over it.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

import keyring.core
from keyring.backends import chainer, fail

from app.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from keyring.backend import KeyringBackend

SERVICE: Final = "koc-desk"

_ALLOWED: Final = (
    "keyring.backends.SecretService.Keyring",
    "keyring.backends.libsecret.Keyring",
    "keyring.backends.kwallet.DBusKeyring",
    "keyring.backends.macOS.Keyring",
    "keyring.backends.Windows.WinVaultKeyring",
)
_WINDOWS: Final = _ALLOWED[-1]
_WINDOWS_MOST: Final = 1200
"""Characters of an entry: the Credential Manager takes 2,560 bytes, and a character is two."""
_WAIT_S: Final = 60.0
_POLL_S: Final = 0.1

_T = TypeVar("_T")


def _never() -> None:
    """Nobody cancels."""


class _Handed:
    """What a call in another thread came to; raised or returned where somebody waits for it."""

    def __init__(self) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self.done = threading.Event()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        self.error = error
        self.done.set()
        return True


class Keyring:
    """The keyring of the desktop: Secret Service, KWallet, macOS, Windows."""

    def __init__(self, wait_s: float = _WAIT_S, most: int | None = None) -> None:
        """``wait_s``: how long somebody may take to unlock it. ``most``: characters of one entry, as the back end says unless told."""
        self._wait_s = wait_s
        self._most = most
        self._backend: KeyringBackend | None = None
        self._stuck: list[threading.Thread] = []

    def read(self, entry: str, check: Callable[[], None] = _never) -> str | None:
        """What was written, or None; empty where a part of it is gone."""

        def work(backend: KeyringBackend) -> str | None:
            text = backend.get_password(_service(backend, entry), entry)
            parts = _parts(text)
            if parts is None:
                return text
            whole = "".join(backend.get_password(_service(backend, part), part) or "" for part in _numbered(entry, parts))
            return whole if _digest(whole) == parts[0] else ""

        return self._ask(work, check)

    def write(self, entry: str, text: str, check: Callable[[], None] = _never) -> None:
        """Keep it; what is too long for one entry goes into numbered ones first, then its head."""

        def work(backend: KeyringBackend) -> None:
            before = _parts(backend.get_password(_service(backend, entry), entry))
            most = self._most or (_WINDOWS_MOST if _name(type(backend)) == _WINDOWS else len(text))
            head = text
            if len(text) > most:
                parts = (_digest(text), -(-len(text) // most))
                for at, part in enumerate(_numbered(entry, parts)):
                    backend.set_password(_service(backend, part), part, text[at * most : (at + 1) * most])
                head = json.dumps({"parts": parts})
            backend.set_password(_service(backend, entry), entry, head)
            if before != _parts(head):
                self._take(backend, _numbered(entry, before))

        self._ask(work, check)

    def erase(self, entry: str, check: Callable[[], None] = _never) -> None:
        """Take it away with its parts."""

        def work(backend: KeyringBackend) -> None:
            parts = _parts(backend.get_password(_service(backend, entry), entry))
            self._take(backend, (entry, *_numbered(entry, parts)))

        self._ask(work, check)

    def _take(self, backend: KeyringBackend, entries: Sequence[str]) -> None:
        for entry in entries:
            if backend.get_password(_service(backend, entry), entry) is not None:
                backend.delete_password(_service(backend, entry), entry)

    def _ask(self, work: Callable[[KeyringBackend], _T], check: Callable[[], None]) -> _T:
        """Do something with the back end in a thread, and wait for it only so long."""
        self._stuck = [one for one in self._stuck if one.is_alive()]
        if self._stuck:  # it still waits for an answer at the screen: another question would only queue behind it
            raise PlatformError("keyring_locked", backend=self._shown())
        handed = _Handed()

        def run() -> None:
            with handed:
                self._backend = self._backend or _chosen()
                handed.value = work(self._backend)

        thread = threading.Thread(target=run, name="keyring", daemon=True)
        thread.start()
        until = time.monotonic() + self._wait_s
        try:
            while not handed.done.wait(_POLL_S):
                check()
                if time.monotonic() > until:
                    raise PlatformError("keyring_locked", backend=self._shown())
        finally:
            if not handed.done.is_set():
                self._stuck.append(thread)
        if handed.error is not None:
            told = _told(handed.error, self._shown())
            self._backend = None  # it may have gone away; look again next time
            if told is None:
                raise handed.error
            _let_go(handed.error)
            raise told from handed.error
        value: _T = handed.value
        return value

    def _shown(self) -> str:
        return _name(type(self._backend)) if self._backend is not None else ""


def _let_go(error: BaseException | None) -> None:
    """Drop where an error came from: those frames hold a line to the bus that the library leaves open."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _service(backend: KeyringBackend, entry: str) -> str:
    """On Windows each entry has a service of its own: the back end moves entries of one service about, and two programs at it lose one."""
    return f"{SERVICE}/{entry}" if _name(type(backend)) == _WINDOWS else SERVICE


def _digest(text: str) -> str:
    """By what a text that was split is known, so that one whose part is missing or of another is not taken for whole."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _parts(text: str | None) -> tuple[str, int] | None:
    """Where the numbered entries of a head are."""
    if not text or not text.startswith('{"parts"'):
        return None
    try:
        digest, count = json.loads(text)["parts"]
        return str(digest), int(count)
    except (ValueError, TypeError, KeyError):
        return None


def _numbered(entry: str, parts: tuple[str, int] | None) -> tuple[str, ...]:
    return () if parts is None else tuple(f"{entry}/{parts[0]}/{number}" for number in range(1, parts[1] + 1))


def _name(kind: type) -> str:
    """Name of a back end as ``PYTHON_KEYRING_BACKEND`` spells it."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _chosen() -> KeyringBackend:
    """The back end to use; of a chain only members that are allowed, directly.

    PlatformError ``keyring_refused`` names one that was set or would be taken and is not allowed; ``keyring_missing``: there is none.
    """
    named = os.environ.get("PYTHON_KEYRING_BACKEND", "")
    if not named:
        configured = keyring.core.load_config()
        named = _name(type(configured)) if configured is not None else ""
    chained = _name(chainer.ChainerBackend)
    if named and named not in {*_ALLOWED, chained}:
        raise PlatformError("keyring_refused", backend=named)
    usable = [one for one in map(_class, _ALLOWED) if named in {"", chained, _name(one)} and one.viable]
    if usable:
        best: KeyringBackend = max(usable, key=lambda one: one.priority)()
        return best
    if named and named != chained:
        raise PlatformError("keyring_missing", backend=named)
    other: KeyringBackend | None = keyring.core.get_keyring()
    if isinstance(other, chainer.ChainerBackend):
        other = next(iter(other.backends), None)
    if other is None or isinstance(other, fail.Keyring):
        raise PlatformError("keyring_missing", backend="")
    raise PlatformError("keyring_refused", backend=_name(type(other)))


def _class(name: str) -> Any:  # noqa: ANN401 (a back end's class: its priority is a property of the class, which types do not know)
    module, _, kind = name.rpartition(".")
    return getattr(importlib.import_module(module), kind)


_ABSENT: Final = {"NoKeyringError", "SecretServiceNotAvailableException", "OSError", "EOFError"}
_SHUT: Final = {"KeyringError", "SecretStorageException", "DBusErrorResponse", "DBusException", "pywintypes.error"}


def _told(error: BaseException, backend: str) -> PlatformError | None:
    """A back end's failure in our words; None for anything else: that is told already, or a fault of ours."""
    names = {name for kind in type(error).__mro__ for name in (kind.__name__, _name(kind))}
    if names & _ABSENT:
        return PlatformError("keyring_missing", backend=backend)
    if names & _SHUT:
        return PlatformError("keyring_locked", backend=backend)
    return None
