# SPDX-License-Identifier: Apache-2.0
"""Tokens and app secrets in the system's keyring and nowhere else, unless the user asks for this session only or for a vault under a pass-phrase.

Each secret carries whose it is inside its payload: one that was put under another account is never used.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from app.errors import CancelledError, PlatformError
from app.settings import SECRETS_PLACE, Settings
from sync.keyrings import Keyring
from sync.vault import PASSPHRASE, Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

APP_SECRET: Final = "app_secret"  # noqa: S105 (a name)
TOKENS: Final = "tokens"
PENDING: Final = "pending"
"""A sign-in that was begun and waits for its code."""


def _never() -> None:
    """Nobody cancels."""


# ---------------------------------------------------------------- whose, and where


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a secret is: a connection of a workspace, with the app that it was issued to."""

    workspace: str
    connection: str
    app: str

    def entry(self, name: str) -> str:
        """What the secret is kept under."""
        return f"{self.workspace}/{self.connection}/{name}"


class Place(Protocol):
    """Where secrets are kept; PlatformError says why not. ``check`` is asked during a wait and may raise."""

    def read(self, entry: str, check: Callable[[], None], /) -> str | None:
        """What was written, or None."""

    def write(self, entry: str, text: str, check: Callable[[], None], /) -> None:
        """Keep it; it stands when this returns."""

    def erase(self, entry: str, check: Callable[[], None], /) -> None:
        """Take it away; nothing there is fine."""


class Session:
    """Memory of this process: gone when it ends."""

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}

    def read(self, entry: str, _check: Callable[[], None] = _never) -> str | None:
        """What was written, or None."""
        return self._entries.get(entry)

    def write(self, entry: str, text: str, _check: Callable[[], None] = _never) -> None:
        """Keep it until the program ends."""
        self._entries[entry] = text

    def erase(self, entry: str, _check: Callable[[], None] = _never) -> None:
        """Take it away."""
        self._entries.pop(entry, None)


class Places:
    """The places of a process, and which of them the user chose: the keyring, unless asked for another."""

    def __init__(self, vault: Vault | None = None, keyring: Place | None = None) -> None:
        """The usual ones unless told."""
        self._keyring, self._session, self._vault = keyring or Keyring(), Session(), vault or Vault()
        self._asked: str | None = None

    def __call__(self) -> Place:
        """Where secrets are kept now; a pass-phrase in the environment is a request for the vault."""
        chosen = self._asked or ("vault" if os.environ.get(PASSPHRASE) else Settings().get(SECRETS_PLACE))
        there: dict[str, Place] = {"session": self._session, "vault": self._vault}
        return there.get(chosen, self._keyring)

    @property
    def only_here(self) -> bool:
        """Whether another process would find nothing: it has neither this one's memory nor a pass-phrase that was typed."""
        return self() is self._session or (self() is self._vault and not os.environ.get(PASSPHRASE))

    def choose(self, place: str, passphrase: str = "") -> None:
        """Keep secrets elsewhere from now on; ``vault`` opens it, or makes it, and stands for the next start as well."""
        if place == "vault":
            self._vault.unlock(passphrase)
        if place != "session":
            Settings().put(SECRETS_PLACE, place)
        self._asked = place


class Secrets:
    """Secrets of connections by name, each bound to its owner.

    What could not be stored is held for the session and stored at the next occasion: a refresh token that was rotated exists once.
    """

    def __init__(self, place: Places) -> None:
        """``place`` is asked each time: people change their mind while the program runs."""
        self._place = place
        self._held: dict[str, str] = {}

    def get(self, owner: Owner, name: str, check: Callable[[], None] = _never) -> Mapping[str, Any] | None:
        """What was kept, None for nothing; PlatformError ``login_needed`` for what is empty, garbled or somebody else's."""
        entry = owner.entry(name)
        held = self._held.get(entry)
        try:
            text = self._place().read(entry, check)
        except PlatformError:
            if held is None:
                raise
            return _opened(held, owner, name)
        if held is not None:
            if text is None or _moment(text) <= _moment(held):
                self._store(entry, held, check)
                text = held
            else:
                self._held.pop(entry, None)  # somebody signed in anew meanwhile
        return None if text is None else _opened(text, owner, name)

    def put(self, owner: Owner, name: str, value: Mapping[str, object], check: Callable[[], None] = _never) -> None:
        """Keep a secret; it stands when this returns, PlatformError says why not."""
        entry = owner.entry(name)
        self._place().write(entry, _sealed(owner, name, value), check)
        self._held.pop(entry, None)

    def keep(self, owner: Owner, name: str, value: Mapping[str, object], check: Callable[[], None] = _never) -> PlatformError | None:
        """Keep what exists once: where it cannot be stored it is held for the session, and the reason is returned."""
        entry, text = owner.entry(name), _sealed(owner, name, value)
        self._held[entry] = text
        return self._store(entry, text, check)

    def forget(self, owner: Owner, names: Sequence[str] = (TOKENS, PENDING, APP_SECRET), check: Callable[[], None] = _never) -> None:
        """Take secrets away."""
        place = self._place()
        for name in names:
            self._held.pop(owner.entry(name), None)
            place.erase(owner.entry(name), check)

    @property
    def session_only(self) -> bool:
        """Whether some are kept in this process alone."""
        return bool(self._held) or self._place.only_here

    def keep_in(self, place: str, passphrase: str = "") -> None:
        """Keep secrets in the ``keyring``, for this ``session`` only or in the ``vault`` from now on; PlatformError ``vault_wrong``."""
        self._place.choose(place, passphrase)

    def _store(self, entry: str, text: str, check: Callable[[], None]) -> PlatformError | None:
        try:
            self._place().write(entry, text, check)
        except PlatformError as error:
            return error
        except CancelledError:
            return PlatformError("keyring_locked", backend="")  # held; whoever cancelled is told at the next step
        self._held.pop(entry, None)
        return None


def _sealed(owner: Owner, name: str, value: Mapping[str, object]) -> str:
    whose = {"workspace": owner.workspace, "connection": owner.connection, "app": owner.app}
    return json.dumps({"v": 1, **whose, "name": name, "at": time.time_ns() // 1000, "value": value}, separators=(",", ":"))


def _opened(text: str, owner: Owner, name: str) -> dict[str, Any]:
    try:
        payload = json.loads(text)
    except ValueError:
        payload = None
    if not isinstance(payload, dict) or not isinstance(payload.get("value"), dict):
        raise PlatformError("login_needed", why="secret_unreadable")
    if tuple(payload.get(key) for key in ("v", "workspace", "connection", "app", "name")) != (1, owner.workspace, owner.connection, owner.app, name):
        raise PlatformError("login_needed", why="secret_of_another")
    value: dict[str, Any] = payload["value"]
    return value


def _moment(text: str) -> int:
    """When a payload was made; one that is none is older than all."""
    try:
        return int(json.loads(text)["at"])
    except (ValueError, TypeError, KeyError):
        return -1


@cache
def kept() -> Secrets:
    """The secrets of this process: what is kept for this session outlives a workspace that is closed and opened again."""
    return Secrets(Places())
