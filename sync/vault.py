# SPDX-License-Identifier: Apache-2.0
"""A file of secrets under a pass-phrase, for computers without a keyring: scrypt, AES-256-GCM, never plain text."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from filelock import FileLock

from app.errors import PlatformError
from app.settings import default_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PASSPHRASE: Final = "KOC_VAULT_PASSPHRASE"  # noqa: S105 (the name of a variable)


def _never() -> None:
    """Nobody cancels."""


_SCRYPT_N: Final = 2**16
"""64 MB and a fifth of a second, once per process."""
_SCRYPT_BOUNDS: Final = (2**15, 2**20)
_FOR: Final = b"koc-desk"
_KNOWN: Final = b"koc-desk vault"


@dataclass(frozen=True, slots=True)
class _Lock:
    """What a vault says of its key: salt and cost, and a text under the key by which a wrong one is told from damage."""

    n: int
    salt: bytes
    check: bytes


class Vault:
    """A file under a pass-phrase: scrypt, AES-256-GCM, written whole and only for its owner.

    PlatformError ``vault_wrong``: not this pass-phrase; ``vault_locked``: none was given; ``vault_damaged``: the file is not as it was written.
    A vault that cannot be read is never replaced by an empty one.
    """

    def __init__(self, path: Path | None = None, passphrase: Callable[[], str | None] | None = None) -> None:
        """``passphrase`` is asked once, when the vault is first needed; without it the variable ``KOC_VAULT_PASSPHRASE`` is read."""
        self._path = path or default_workspace().parent / "vault.json"
        self._passphrase = passphrase or (lambda: os.environ.get(PASSPHRASE))
        self._key: tuple[bytes, bytes] | None = None

    @property
    def exists(self) -> bool:
        """Whether there is one, so that its pass-phrase is asked for and not a new one."""
        return self._path.exists()

    def unlock(self, passphrase: str) -> None:
        """Open the vault, or make it; PlatformError ``vault_wrong``."""
        if not passphrase:
            raise PlatformError("vault_locked", file=str(self._path))
        with self._alone():  # two programs that both find none make one
            if self.exists:
                lock, _ = self._read()
                self._key = (lock.salt, self._derived(lock, passphrase))
            else:
                salt = secrets.token_bytes(16)
                key = _derive(passphrase, salt, _SCRYPT_N)
                self._write(_Lock(_SCRYPT_N, salt, _seal(key, _KNOWN)), key, {})
                self._key = (salt, key)

    def read(self, entry: str, _check: Callable[[], None] = _never) -> str | None:
        """What was written, or None; a vault that was never made holds nothing."""
        if not self.exists:
            return None
        lock, data = self._read()
        return self._entries(self._open(lock), data).get(entry)

    def write(self, entry: str, text: str, _check: Callable[[], None] = _never) -> None:
        """Keep it; the file is replaced at once and whole."""
        self._change(lambda entries: entries.update({entry: text}))

    def erase(self, entry: str, _check: Callable[[], None] = _never) -> None:
        """Take it away."""
        if self.exists:
            self._change(lambda entries: entries.pop(entry, None))

    def _change(self, change: Callable[[dict[str, str]], object]) -> None:
        if self.exists:
            self._open(self._read()[0])  # somebody may have to type: not under the lock
        else:
            self.unlock(self._given())
        with self._alone():
            lock, data = self._read()
            key = self._open(lock)
            entries = self._entries(key, data)
            change(entries)
            self._write(lock, key, entries)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path.with_suffix(".lock"), mode=0o600):
                yield
        except OSError as error:  # full, read-only, not ours
            raise PlatformError("vault_unwritable", file=str(self._path), why=error.strerror or type(error).__name__) from error

    def _given(self) -> str:
        given = self._passphrase()
        if not given:
            raise PlatformError("vault_locked", file=str(self._path))
        return given

    def _open(self, lock: _Lock) -> bytes:
        if self._key is None or self._key[0] != lock.salt:
            self._key = (lock.salt, self._derived(lock, self._given()))
        return self._key[1]

    def _derived(self, lock: _Lock, passphrase: str) -> bytes:
        key = _derive(passphrase, lock.salt, lock.n)
        try:
            _unseal(key, lock.check)
        except InvalidTag:
            raise PlatformError("vault_wrong", file=str(self._path)) from None
        return key

    def _entries(self, key: bytes, data: bytes) -> dict[str, str]:
        try:
            entries: dict[str, str] = json.loads(_unseal(key, data))
        except (InvalidTag, ValueError):
            raise PlatformError("vault_damaged", file=str(self._path)) from None
        return entries

    def _read(self) -> tuple[_Lock, bytes]:
        try:
            told = json.loads(self._path.read_bytes())
            n, salt, check, data = int(told["n"]), *(base64.b64decode(told[name], validate=True) for name in ("salt", "check", "data"))
            sound = told["v"] == 1 and _SCRYPT_BOUNDS[0] <= n <= _SCRYPT_BOUNDS[1] and told["sum"] == _sum(n, salt, check, data)
        except (OSError, ValueError, TypeError, KeyError):
            sound, n, salt, check, data = False, 0, b"", b"", b""
        if not sound:  # a sum tells damage from a wrong pass-phrase before the key is tried
            raise PlatformError("vault_damaged", file=str(self._path))
        return _Lock(n, salt, check), data

    def _write(self, lock: _Lock, key: bytes, entries: Mapping[str, str]) -> None:
        data = _seal(key, json.dumps(entries).encode())
        coded = {name: base64.b64encode(one).decode() for name, one in (("salt", lock.salt), ("check", lock.check), ("data", data))}
        text = json.dumps({"v": 1, "kdf": "scrypt", "n": lock.n, "r": 8, "p": 1, **coded, "sum": _sum(lock.n, lock.salt, lock.check, data)})
        handle, name = tempfile.mkstemp(prefix=".vault-", dir=self._path.parent)  # 0600 by itself
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        finally:
            Path(name).unlink(missing_ok=True)  # there only if something went wrong
        if os.name == "posix":
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # the name stands as well
            finally:
                os.close(folder)


def _derive(passphrase: str, salt: bytes, n: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=n, r=8, p=1).derive(passphrase.encode("utf-8", "surrogatepass"))


def _seal(key: bytes, plain: bytes) -> bytes:
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, plain, _FOR)


def _unseal(key: bytes, sealed: bytes) -> bytes:
    if len(sealed) < 12 + 16:
        raise InvalidTag
    return AESGCM(key).decrypt(sealed[:12], sealed[12:], _FOR)


def _sum(n: int, *parts: bytes) -> str:
    return hashlib.sha256(b"|".join((str(n).encode(), *map(base64.b64encode, parts)))).hexdigest()
