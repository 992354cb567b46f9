# SPDX-License-Identifier: Apache-2.0
"""Recruiting: moves between stages with their history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.engine import writing
from db.writers import edits
from db.writers.operations import Log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from app.values import Actor, Stage


@dataclass(frozen=True, slots=True)
class PipelineStore:
    """Fulfils ``Pipeline`` on a workspace's database."""

    engine: Engine

    def move(self, ids: Sequence[int], stage: Stage, reason: str | None, actor: Actor, now: int) -> int:
        """Move creators to a stage, with a dated step each; returns the operation's id, 0 if nothing changed."""
        with writing(self.engine) as connection:
            log = Log(connection, "stage.move", actor, now)
            moved = edits.set_fields(log, "creator", list(dict.fromkeys(ids)), {"stage": int(stage)})
            if not moved:
                connection.rollback()
                return 0
            edits.add_stage_steps(log, {one: before["stage"] for one, before in moved.items()}, stage, reason)
            edits.touch(log, list(moved))
            return log.finish({"creators": len(moved), "stage": stage.code}, reason)
