# SPDX-License-Identifier: Apache-2.0
"""Who works with whom: a name's team, as versioned data of the workspace. Rights are no matter of teams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

TEAMS: Final = "teams"
"""The policy's name."""


def parse(body: Mapping[str, object]) -> dict[str, str]:
    """Name -> team; UsageError names what is none."""
    found = body.get("team", {})
    if not isinstance(found, dict) or body.keys() - {"team"}:
        raise UsageError("policy_invalid", place="team", value=str(next(iter(body.keys() - {"team"}), found)))
    for name, team in found.items():
        if not isinstance(team, str) or not team.strip() or not name.strip():
            raise UsageError("policy_invalid", place=f"team.{name}", value=str(team))
    return {name.strip(): team.strip() for name, team in found.items()}


def mates(teams: Mapping[str, str], me: str) -> tuple[str, ...]:
    """Everybody of one's own team, oneself among them; oneself alone without a team."""
    own = teams.get(me)
    return tuple(sorted({me, *(name for name, team in teams.items() if own is not None and team == own)}))


def together(teams: Mapping[str, str], me: str, team: str, names: tuple[str, ...]) -> dict[str, str]:
    """Teams once these and oneself are one; who was in it before and is not named has none any more."""
    others = {name: one for name, one in teams.items() if one not in {team, teams.get(me)}}
    return {**others, **dict.fromkeys((me, *names), team)}
