# SPDX-License-Identifier: Apache-2.0
"""Who may do what in a team. The server refuses by itself (``db/team.py``); this says beforehand what it will refuse.

A workspace of one person knows no roles: every name may do everything there.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from app.errors import NotPermittedError


class Role(enum.StrEnum):
    """A part in the team; a login has one of them."""

    OPERATOR = "operator"
    REVIEWER = "reviewer"
    MANAGER = "manager"
    FINANCE = "finance"
    ADMIN = "admin"
    AUDITOR = "auditor"


OWNER: Final = "owner"
"""Who made the team's database: the server refuses nothing to it."""


class Act(enum.StrEnum):
    """What people do, as far as roles differ in it."""

    EDIT = "edit"  # creators, tags, stages, tiers by hand, and files of facts
    SYNC = "sync"  # pull from platforms, decide conflicts of fields
    PROPOSE = "propose"  # file events and appeals
    DECIDE = "decide"  # confirm, void, decide sanctions and appeals that others filed
    RATE = "rate"  # compute everybody's credit
    BAND = "band"  # compute everybody's tier
    POLICY = "policy"
    CONNECT = "connect"  # add and remove connections, and when they pull
    USERS = "users"
    BACKUP = "backup"
    REPAIR = "repair"
    UNDO = "undo"
    CONTACTS = "contacts"  # have phone, WeChat and e-mail in a file that leaves


_ALL: Final = frozenset(Act)
RIGHTS: Final = {
    Role.OPERATOR: frozenset({Act.EDIT, Act.SYNC, Act.PROPOSE, Act.RATE, Act.BAND, Act.UNDO}),
    Role.REVIEWER: frozenset({Act.PROPOSE, Act.DECIDE, Act.RATE, Act.UNDO}),
    Role.MANAGER: frozenset({Act.EDIT, Act.SYNC, Act.PROPOSE, Act.RATE, Act.BAND, Act.UNDO, Act.CONTACTS}),
    Role.FINANCE: frozenset[Act](),
    Role.ADMIN: frozenset({Act.POLICY, Act.CONNECT, Act.USERS, Act.BACKUP, Act.BAND, Act.UNDO}),
    Role.AUDITOR: frozenset[Act](),
}

CONTACTS: Final = ("phone", "wechat", "email")
"""Fields by which a person is reached."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do in a workspace: ``role`` None where one person has every role, ``owner`` for who made the team's database."""

    login: str
    role: str | None = None

    @property
    def is_team(self) -> bool:
        """Whether a server knows who somebody is."""
        return self.role is not None

    def may(self, act: Act) -> bool:
        """Whether the role allows it."""
        return act in (_ALL if self.role in {None, OWNER} else RIGHTS[Role(self.role or "")])

    def demand(self, act: Act) -> None:
        """NotPermittedError where the role does not allow it."""
        if not self.may(act):
            raise NotPermittedError("role_forbids", role=self.role, act=act.value, login=self.login)

    def withheld(self) -> tuple[str, ...]:
        """Fields that are left out of a file that somebody of this role writes."""
        return () if self.may(Act.CONTACTS) else CONTACTS
