# SPDX-License-Identifier: Apache-2.0
"""Recruiting: which moves a relation allows and why they end, when a lead is silent, whose it is, how a plan goes.

Every number is one of the policy ``recruiting``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self
from zoneinfo import ZoneInfo

from app.errors import UsageError
from app.values import DAY, Group, Stage

RECRUITING: Final = "recruiting"
CHANNELS: Final = ("wechat", "phone", "email", "platform", "sms", "other")
PIPELINE: Final = (Stage.LEAD, Stage.CONTACTED, Stage.NEGOTIATING, Stage.TRIAL, Stage.CONTRACTED, Stage.ACTIVE)
"""Stages in which a relation goes forward."""

_MOST: Final = 10_000_000
_HOUR: Final = DAY // 24


# ---------------------------------------------------------------- policy


@dataclass(frozen=True, slots=True)
class Goal:
    """How many creators the brand wants to have at all; ``group`` None: of any."""

    target: int
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class RecruitingPolicy:
    """The numbers of recruiting; days where not said otherwise."""

    moves: Mapping[Stage, frozenset[Stage]]
    needs_reason: frozenset[Stage]
    reason_codes: tuple[str, ...]
    ageing: Mapping[Stage, int]
    protection_days: int
    return_after_days: int
    clash_days: int
    most_owned: int
    daily_limits: Mapping[str, int]
    answer_hours: int
    queue_stages: tuple[Stage, ...]
    queue_moves_to: Stage
    rest_days: int
    counts: frozenset[Stage]
    pace_days: int
    interval: float
    goals: tuple[Goal, ...]
    opt_out_line: str
    time_zone: str

    @classmethod
    def parse(cls, body: Mapping[str, object]) -> Self:
        """Policy from the data of its TOML; UsageError ``policy_invalid`` names the place."""
        read = _Reader(body)
        moves = {_stage(f"moves.{name}", name): read.stages(f"moves.{name}") for name in read.table("moves")}
        goals = read.at("plans.goals")
        if not isinstance(goals, Sequence):
            raise UsageError("policy_invalid", place="plans.goals", value=goals)
        return cls(
            moves={stage: moves.get(stage, frozenset()) for stage in Stage},
            needs_reason=read.stages("reasons.needs"),
            reason_codes=read.words("reasons.codes"),
            ageing={_stage("ageing", name): read.whole(f"ageing.{name}", 1) for name in read.table("ageing")},
            protection_days=read.whole("pool.protection_days", 0),
            return_after_days=read.whole("pool.return_after_days", 1),
            clash_days=read.whole("pool.clash_days", 0),
            most_owned=read.whole("pool.most_owned", 1),
            daily_limits={channel: read.whole(f"daily_limits.{channel}", 0) for channel in CHANNELS},
            answer_hours=read.whole("replies.answer_hours", 1),
            queue_stages=tuple(sorted(read.stages("queue.stages"))),
            queue_moves_to=_stage("queue.moves_to", str(read.at("queue.moves_to"))),
            rest_days=read.whole("queue.rest_days", 0),
            counts=read.stages("plans.counts"),
            pace_days=read.whole("plans.pace_days", 1),
            interval=read.share("plans.interval"),
            goals=tuple(_goal(at, one) for at, one in enumerate(goals)),
            opt_out_line=read.words("mail.opt_out")[0],
            time_zone=read.zone("time_zone"),
        )

    @property
    def answer_within(self) -> int:
        """Microseconds within which a question wants its answer."""
        return self.answer_hours * _HOUR


class _Reader:
    """Values by dotted place, each checked."""

    def __init__(self, body: Mapping[str, object]) -> None:
        self._body = body

    def at(self, place: str) -> object:
        found: object = self._body
        for name in place.split("."):
            if not isinstance(found, Mapping):
                return None
            found = found.get(name)
        return found

    def table(self, place: str) -> Mapping[str, object]:
        found = self.at(place)
        if not isinstance(found, Mapping):
            raise UsageError("policy_invalid", place=place, value=found)
        return found

    def whole(self, place: str, low: int) -> int:
        found = self.at(place)
        if type(found) is not int or not low <= found <= _MOST:
            raise UsageError("policy_invalid", place=place, value=found)
        return found

    def share(self, place: str) -> float:
        found = self.at(place)
        if type(found) is not float or not 0 < found < 1:
            raise UsageError("policy_invalid", place=place, value=found)
        return found

    def words(self, place: str) -> tuple[str, ...]:
        found = self.at(place)
        if not isinstance(found, Sequence) or isinstance(found, str) or not all(isinstance(word, str) and word for word in found):
            raise UsageError("policy_invalid", place=place, value=found)
        return tuple(dict.fromkeys(found))

    def stages(self, place: str) -> frozenset[Stage]:
        return frozenset(_stage(place, word) for word in self.words(place))

    def zone(self, place: str) -> str:
        found = self.at(place)
        try:
            ZoneInfo(str(found))
        except (ValueError, KeyError, OSError) as error:
            raise UsageError("policy_invalid", place=place, value=found) from error
        return str(found)


def _stage(place: str, word: str) -> Stage:
    try:
        return Stage.of(word)
    except KeyError as error:
        raise UsageError("policy_invalid", place=place, value=word) from error


def _goal(at: int, found: object) -> Goal:
    read = _Reader(found if isinstance(found, Mapping) else {})
    named = read.at("group")
    try:
        group = None if named is None else Group.of(str(named))
    except KeyError as error:
        raise UsageError("policy_invalid", place=f"plans.goals.{at}.group", value=named) from error
    return Goal(read.whole("target", 1), group)


# ---------------------------------------------------------------- moves and their reasons


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a creator moved: a code of the policy, words, or both."""

    code: str | None
    text: str

    @property
    def stored(self) -> str | None:
        """As one text: the code first."""
        if self.code is None:
            return self.text or None
        return f"{self.code}: {self.text}" if self.text else self.code


def reason_of(policy: RecruitingPolicy, text: str | None) -> Reason:
    """A reason as somebody gave it or as it was stored: ``price``, ``price: over budget`` or words alone."""
    plain = " ".join((text or "").split())
    head, _, rest = plain.replace("：", ":", 1).partition(":")
    if head.strip() in policy.reason_codes:
        return Reason(head.strip(), rest.strip())
    return Reason(None, plain)


def refusal(policy: RecruitingPolicy, before: Stage, after: Stage, reason: Reason) -> str | None:
    """Why a move is not allowed: ``stage_not_allowed`` or ``reason_needed``; None where it is, and for a move to where one stands."""
    if before is after:
        return None
    if after not in policy.moves[before]:
        return "stage_not_allowed"
    return "reason_needed" if after in policy.needs_reason and reason.stored is None else None


def allowed(policy: RecruitingPolicy, before: Stage) -> tuple[Stage, ...]:
    """Where a creator may go from a stage, in the order of the pipeline."""
    return tuple(sorted(policy.moves[before]))


# ---------------------------------------------------------------- silence


def silent_before(policy: RecruitingPolicy, now: int) -> dict[Stage, int]:
    """Stage -> the moment before which the last word must lie for a lead to be silent; a stage that does not age is left out."""
    return {stage: now - days * DAY for stage, days in policy.ageing.items()}


def is_silent(policy: RecruitingPolicy, stage: Stage, last_word: int, now: int) -> bool:
    """Whether so long a silence is one to act on."""
    return stage in policy.ageing and last_word < now - policy.ageing[stage] * DAY


# ---------------------------------------------------------------- the shared pool


@dataclass(frozen=True, slots=True)
class Holding:
    """Whose a creator is, until when that is protected, and who else spoke to him last, and when."""

    owner: str | None
    protected_until: int | None = None
    other: str | None = None
    other_at: int | None = None


@dataclass(frozen=True, slots=True)
class Clash:
    """Why somebody should look twice before speaking to a creator (撞单): ``owned`` by another, or ``contacted`` by another lately."""

    code: str
    who: str
    until: int | None


def clash(policy: RecruitingPolicy, held: Holding, who: str, now: int) -> Clash | None:
    """The warning for somebody who wants to speak to a creator; another's creator comes before another's words."""
    if held.owner is not None and held.owner != who:
        return Clash("owned", held.owner, held.protected_until)
    if held.other is not None and held.other != who and held.other_at is not None and held.other_at >= now - policy.clash_days * DAY:
        return Clash("contacted", held.other, held.other_at + policy.clash_days * DAY)
    return None


def returns(policy: RecruitingPolicy, stage: Stage, held: Holding, last_word: int, now: int) -> bool:
    """Whether a creator goes back to the pool: somebody's, in a stage that ages, silent for long, and no longer protected."""
    unprotected = held.protected_until is None or held.protected_until <= now
    return held.owner is not None and stage in policy.ageing and unprotected and last_word < now - policy.return_after_days * DAY


# ---------------------------------------------------------------- plans

_NEVER_DAYS: Final = 36_500
"""A hundred years: what comes later never comes."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a target is reached at the present pace: the mean of the last days (``per_day``), continued.

    ``earliest`` and ``latest`` are the same at the pace's own limits; None: not within a hundred years.
    ``by_end`` is what would be there at ``end``, where one was asked for.
    """

    per_day: float
    reached_at: int | None
    earliest: int | None
    latest: int | None
    by_end: int | None = None


def forecast(policy: RecruitingPolicy, target: int, actual: int, recent: int, now: int, end: int | None = None) -> Forecast:
    """Continue the pace of the last ``pace_days`` (``recent`` came in them).

    Arrivals are taken as a Poisson stream of constant rate; its interval is Jeffreys' (a gamma of recent + 1/2).
    """
    from scipy.special import gammaincinv  # noqa: PLC0415 (0.3 s that a start without plans does not need)

    tail = (1 - policy.interval) / 2
    slow, fast = (float(gammaincinv(recent + 0.5, one)) / policy.pace_days for one in (tail, 1 - tail))
    per_day, left = recent / policy.pace_days, target - actual
    by_end = None if end is None else actual + math.floor(per_day * max(0, end - now) / DAY)
    return Forecast(per_day, _reached(left, per_day, now), _reached(left, fast, now), _reached(left, slow, now), by_end)


def _reached(left: int, per_day: float, now: int) -> int | None:
    if left <= 0:
        return now
    if per_day <= 0 or left / per_day > _NEVER_DAYS:
        return None
    return now + math.ceil(left / per_day * DAY)


def pace(target: int, start: int, end: int, now: int) -> int:
    """How many of a month's target should be there by now, if they came evenly."""
    gone = min(max(now - start, 0), end - start)
    return target * gone // (end - start)
