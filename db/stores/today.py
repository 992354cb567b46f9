# SPDX-License-Identifier: Apache-2.0
"""Today: what waits and what changed, asked of every source in one look; teams as versions of a policy."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.errors import UsageError, WorkspaceError
from app.rules import teams
from db import agenda, bulk, news
from db.engine import reading, writing
from db.writers import policies, settings
from db.writers.operations import Log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Engine

    from app.jobs import Job
    from app.usecases.today import Change, Looking, Recent, Standing, Task
    from app.values import Actor


@dataclass(frozen=True, slots=True)
class TodayStore:
    """Fulfils ``Desk`` on a workspace's database."""

    engine: Engine
    read_only: bool

    def tasks(self, looking: Looking) -> list[Task]:
        """What waits, from every source, in no order."""
        with reading(self.engine) as connection:
            return agenda.tasks(connection, looking)

    def changes(self, since: int, me: str, now: int) -> list[Change]:
        """What came about since a moment."""
        with reading(self.engine) as connection:
            return news.changes(connection, since, me, now)

    def standing(self, now: int) -> Standing:
        """Size, bookable creators by group, how fresh data is."""
        with reading(self.engine) as connection:
            return news.standing(connection, now, settings.zone(connection))

    def kept(self, now: int) -> Recent | None:
        """Stretches as last kept, at once; None where there are none yet."""
        with reading(self.engine) as connection:
            return news.kept(connection, now)

    def recent(self, ends: Sequence[tuple[int, int, int]], now: int, job: Job) -> Recent:
        """Stretches of now, computed where they are not kept."""
        with reading(self.engine) as connection:
            found = news.kept(connection, now)
            if found is not None and found.fresh:
                return found
            made, said = news.computed(connection, ends, now, job)
        if not self.read_only:
            # Who cannot write now is answered all the same.
            with suppress(WorkspaceError), writing(self.engine) as connection:
                settings.put(connection, news.KEPT, json.dumps(said))
        return made

    def teams(self) -> Mapping[str, str]:
        """Name -> team; nobody has one before somebody said so."""
        with reading(self.engine) as connection:
            try:
                return teams.parse(policies.in_force(connection, teams.TEAMS)[1])
            except UsageError:
                return {}

    def set_teams(self, body: Mapping[str, str], reason: str, actor: Actor, now: int) -> None:
        """Another version of the teams."""
        with writing(self.engine) as connection:
            log = Log(connection, "policy.set", actor, now)
            version = 1 + bulk.fetch(connection, "select coalesce(max(version), 0) from policy where name = ?", teams.TEAMS)[0][0]
            row_id = bulk.reserve(connection, "policy", 1)
            columns = ("id", "name", "version", "body", "since", "by", "reason")
            told = json.dumps({"team": dict(body)}, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
            bulk.insert(connection, "policy", columns, [(row_id, teams.TEAMS, version, told, now, actor.name, reason)])
            log.inserted("policy", row_id, 1)
            log.finish({"policy": teams.TEAMS, "version": version, "moved": 0}, reason)
