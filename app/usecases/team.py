# SPDX-License-Identifier: Apache-2.0
"""The team: who is in it with which role. Only a workspace on a server has one; a file is one person's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from app.errors import UsageError
from app.rules.rights import Act, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.rules.rights import Rights
    from app.values import Actor


@dataclass(frozen=True, slots=True)
class Member:
    """A login and its role."""

    name: str
    role: str


class Members(Protocol):
    """Remembers who is in the team. One method is one transaction; UsageError ``team_only`` where there is none."""

    def members(self) -> list[Member]:
        """By name; who made the database is not among them."""

    def owner(self) -> str:
        """Who made the database."""

    def add(self, name: str, role: Role, password: str | None, actor: Actor, now: int) -> str | None:
        """Give a login a role, and make it where there is none; returns the role it had."""

    def remove(self, name: str, actor: Actor, now: int) -> str:
        """Take a login out of the team; returns the role it had."""


class Team:
    """What people do with the team."""

    def __init__(self, store: Members, rights: Rights, actor: Actor, clock: Callable[[], int]) -> None:
        """Work on a store as somebody with rights."""
        self._store, self._rights, self._actor, self._clock = store, rights, actor, clock

    def members(self) -> list[Member]:
        """Logins and their roles, by name."""
        return self._store.members()

    def owner(self) -> str:
        """Who made the team's database, to whom nothing is refused."""
        return self._store.owner()

    def add(self, name: str, role: str, password: str | None = None) -> str | None:
        """Give a login a role; returns the one it had. The password is of a new login, and goes to the server unreadable."""
        if not name.strip():
            raise UsageError("value_missing", field="name")
        if role not in set(Role):
            raise UsageError("unknown_role", role=role, known=", ".join(Role))
        self._rights.demand(Act.USERS)
        return self._store.add(name.strip(), Role(role), password or None, self._actor, self._clock())

    def remove(self, name: str) -> str:
        """Take a login out of the team; returns the role it had."""
        self._rights.demand(Act.USERS)
        return self._store.remove(name.strip(), self._actor, self._clock())
