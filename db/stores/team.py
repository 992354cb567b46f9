# SPDX-License-Identifier: Apache-2.0
"""The team on its server, and the audit trail of what leaves a workspace as a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.errors import UsageError
from app.rules.rights import Rights
from app.usecases.team import Member
from db import team
from db.engine import reading, writing
from db.writers import audit

if TYPE_CHECKING:
    from app.files import Left
    from app.rules.rights import Role
    from app.values import Actor
    from db.engine import Database


def rights(engine: Database, actor: Actor) -> Rights:
    """What somebody may do here: on a server the login decides, in a file every name may do everything."""
    if engine.dialect.name != "postgresql":
        return Rights(actor.name)
    with reading(engine) as connection:
        return team.rights(connection)


@dataclass(frozen=True, slots=True)
class TeamStore:
    """Fulfils ``Members`` on a workspace's database."""

    engine: Database

    def members(self) -> list[Member]:
        """By name; who made the database is not among them."""
        self._demand_team()
        with reading(self.engine) as connection:
            return [Member(*one) for one in team.members(connection)]

    def owner(self) -> str:
        """Who made the database."""
        self._demand_team()
        with reading(self.engine) as connection:
            return team.owner(connection)

    def add(self, name: str, role: Role, password: str | None, actor: Actor, now: int) -> str | None:
        """Give a login a role, and make it where there is none; returns the role it had."""
        self._demand_team()
        with writing(self.engine) as connection:
            verifier = None if password is None else team.verifier(connection, name, password)
            before = team.add(connection, name, role, verifier, now)
            if before != role:
                audit.append(connection, actor, now, "user.add", f"user:{name}", f"{before or ''}>{role}")
            return before

    def remove(self, name: str, actor: Actor, now: int) -> str:
        """Take a login out of the team; returns the role it had."""
        self._demand_team()
        with writing(self.engine) as connection:
            before = team.remove(connection, name, now)
            audit.append(connection, actor, now, "user.remove", f"user:{name}", f"{before}>")
            return before

    def note(self, left: Left, actor: Actor, now: int) -> None:
        """Write into the audit trail what left as a file: its filter, how many rows and which fields."""
        told = {"file": left.file, "where": left.where, "rows": left.rows, "fields": list(left.fields), "withheld": list(left.withheld)}
        digest = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        with writing(self.engine) as connection:
            if connection.dialect.name == "postgresql":
                team.note_export(connection, actor, now, f"export:{left.kind}", digest)
            else:
                audit.append(connection, actor, now, "export", f"export:{left.kind}", digest)

    def _demand_team(self) -> None:
        if self.engine.dialect.name != "postgresql":
            raise UsageError("team_only")
