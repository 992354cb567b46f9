# SPDX-License-Identifier: Apache-2.0
"""A due post on its way: sample, draft, review, post, figures; what is due next, what is overdue or at risk, who will probably not post."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from zoneinfo import ZoneInfo

import numpy as np

from app.errors import UsageError
from app.rules.decay import MILLION, millionths
from app.rules.rating import raisers
from app.values import DAY, local

if TYPE_CHECKING:
    from datetime import date

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

HOUR: Final = DAY // 24
OTHER: Final = "other"
FIGURE_MARKS: Final = (7, 21)
_MOST: Final = 3_650


class State(enum.StrEnum):
    """How far a due post is."""

    PLANNED = "planned"
    ADDRESS_OK = "address_ok"
    SENT = "sent"
    RECEIVED = "received"
    DRAFT_IN = "draft_in"
    REVISE = "revise"
    APPROVED = "approved"
    POSTED = "posted"
    T7 = "t7"
    T21 = "t21"
    CANCELLED = "cancelled"


SETTABLE: Final = tuple(one for one in State if one not in {State.PLANNED, State.CANCELLED})
"""States that ``fulfil set`` takes."""


class Step(enum.StrEnum):
    """What has to happen next."""

    ADDRESS = "address"
    SHIP = "ship"
    RECEIVE = "receive"
    DRAFT = "draft"
    REVIEW = "review"
    REVISE = "revise"
    POST = "post"
    T7 = "t7"
    T21 = "t21"


OURS: Final = frozenset({Step.SHIP, Step.REVIEW, Step.T7, Step.T21})
"""Steps that wait for somebody here, not for the creator."""


class FigureSource(enum.StrEnum):
    """Where a post's figures come from, the surest last."""

    SELF_REPORTED = "self_reported"
    IMPORTED = "imported"
    CHECKED = "checked"
    FETCHED = "fetched"


# ---------------------------------------------------------------- policy


@dataclass(frozen=True, slots=True)
class DeskPolicy:
    """The numbers of the desk: ``days`` of each step, hours of a review, who signs off, when to remind, how to foretell."""

    days: Mapping[str, int]
    review_hours: int
    chains: Mapping[str, tuple[str, ...]]
    reminders: tuple[int, ...]
    good: float
    bad: float
    half_life: int
    doubtful: float
    least_cases: int
    time_zone: str

    @classmethod
    def parse(cls, body: Mapping[str, object]) -> Self:
        """Policy from the data of its TOML; UsageError ``policy_invalid`` names the place."""
        _only("", body, ("time_zone", "steps", "review", "reminders", "forecast"))
        steps, review = _table(body, "steps"), _table(body, "review")
        forecast, reminders = _table(body, "forecast"), _table(body, "reminders")
        _only("steps", steps, _STEPS)
        _only("review", review, ("hours", "chains"))
        _only("forecast", forecast, ("good", "bad", "half_life", "doubtful", "least_cases"))
        zone = str(body.get("time_zone"))
        try:
            ZoneInfo(zone)
        except (ValueError, KeyError, OSError) as error:
            raise UsageError("policy_invalid", place="time_zone", value=zone) from error
        return cls(
            days={name: _whole(f"steps.{name}", steps.get(name), 0) for name in _STEPS},
            review_hours=_whole("review.hours", review.get("hours"), 1),
            chains=_chains(review.get("chains")),
            reminders=_days(reminders.get("days")),
            good=_number("forecast.good", forecast.get("good"), 0.001, 1e6),
            bad=_number("forecast.bad", forecast.get("bad"), 0.001, 1e6),
            half_life=_whole("forecast.half_life", forecast.get("half_life"), 1),
            doubtful=_number("forecast.doubtful", forecast.get("doubtful"), 0, 1),
            least_cases=_whole("forecast.least_cases", forecast.get("least_cases"), 1, 10**9),
            time_zone=zone,
        )

    def chain(self, category: str | None) -> tuple[str, ...]:
        """Who signs off a draft of a category, in order."""
        return self.chains.get(category or OTHER, self.chains[OTHER])


_STEPS: Final = ("address", "ship", "transit", "make", "draft", "revise", "figures")


def _only(place: str, table: Mapping[str, object], names: Sequence[str]) -> None:
    for name in table:
        if name not in names:
            raise UsageError("policy_invalid", place=f"{place}.{name}".lstrip("."), value=table[name])


def _table(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    table = body.get(name)
    if not isinstance(table, Mapping):
        raise UsageError("policy_invalid", place=name, value=table)
    return table


def _whole(place: str, value: object, least: int, most: int = _MOST) -> int:
    if type(value) is not int or not least <= value <= most:
        raise UsageError("policy_invalid", place=place, value=value)
    return value


def _number(place: str, value: object, least: float, most: float) -> float:
    if type(value) not in {int, float} or not least <= value <= most:  # type: ignore[operator]
        raise UsageError("policy_invalid", place=place, value=value)
    return float(value)  # type: ignore[arg-type]


def _chains(value: object) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, Mapping) or OTHER not in value:
        raise UsageError("policy_invalid", place="review.chains", value=value)
    for name, steps in value.items():
        if not isinstance(steps, Sequence) or isinstance(steps, str) or not steps or not all(isinstance(one, str) and one for one in steps):
            raise UsageError("policy_invalid", place=f"review.chains.{name}", value=steps)
    return {str(name): tuple(steps) for name, steps in value.items()}


def _days(value: object) -> tuple[int, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise UsageError("policy_invalid", place="reminders.days", value=value)
    return tuple(sorted(_whole("reminders.days", one, -_MOST) for one in value))


# ---------------------------------------------------------------- one due post


@dataclass(frozen=True, slots=True)
class Progress:
    """Facts of one due post. ``live``: its collaboration is under way; ``draft_state``: None, ``draft_in``, ``revise`` or ``approved``, since ``draft_at``."""

    live: bool
    agreed_at: int | None
    needs_sample: bool
    needs_draft: bool
    address_ok_at: int | None = None
    sent_at: int | None = None
    received_at: int | None = None
    agreed_due_at: int | None = None
    draft_due_at: int | None = None
    sample_days: int | None = None
    extensions: tuple[tuple[int, int], ...] = ()
    draft_state: str | None = None
    draft_at: int | None = None
    review_due_at: int | None = None
    posted_at: int | None = None
    cancelled_at: int | None = None
    figures: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Status:
    """Where a due post stands: what is next and until when, when the post is due, and from when on it is at risk."""

    state: State
    step: Step | None = None
    next_at: int | None = None
    due_at: int | None = None
    risk_at: int | None = None


def due_at(facts: Progress) -> int | None:
    """When the post is due (rules.md 2.9); None while nothing was agreed or it waits for its sample."""
    if facts.agreed_due_at is None:
        return None
    return raisers.due(raisers.Deliverable("", facts.agreed_due_at, facts.sample_days, facts.received_at, facts.extensions))


def status(policy: DeskPolicy, facts: Progress, chance: float | None = None) -> Status:
    """What a due post is waiting for; one that may well not be posted (``chance``) is at risk early."""
    due, state = due_at(facts), _state(facts)
    if state is State.CANCELLED or not facts.live:
        return Status(state, None, None, due)
    step, at = _next(policy, facts, due)
    if step is None or step in {Step.T7, Step.T21}:
        return Status(state, step, at, due)
    return Status(state, step, at, due, _risk(policy, facts, step, due, chance))


def _state(facts: Progress) -> State:
    if facts.cancelled_at is not None and facts.posted_at is None:
        return State.CANCELLED
    if facts.posted_at is not None:
        return State.T21 if 21 in facts.figures else State.T7 if 7 in facts.figures else State.POSTED  # noqa: PLR2004 (the marks' own numbers)
    if facts.draft_state is not None:
        return State(facts.draft_state)
    steps = ((State.RECEIVED, facts.received_at), (State.SENT, facts.sent_at), (State.ADDRESS_OK, facts.address_ok_at))
    return next((state for state, at in steps if at is not None), State.PLANNED)


def _next(policy: DeskPolicy, facts: Progress, due: int | None) -> tuple[Step | None, int | None]:  # noqa: PLR0911 (one step after the other)  # noqa: PLR0911 (an answer a line)
    if facts.posted_at is not None:
        mark = next((mark for mark in FIGURE_MARKS if mark not in facts.figures), None)
        return (None, None) if mark is None else (Step(f"t{mark}"), facts.posted_at + mark * DAY)
    if facts.draft_state == State.DRAFT_IN:
        return Step.REVIEW, facts.review_due_at
    if facts.draft_state == State.REVISE and facts.draft_at is not None:
        return Step.REVISE, facts.draft_at + policy.days["revise"] * DAY
    if facts.draft_state == State.APPROVED:
        return Step.POST, due
    if facts.needs_sample and facts.received_at is None:
        return _sample(policy, facts)
    if facts.needs_draft:
        return Step.DRAFT, draft_due(policy, facts, due)
    return Step.POST, due


def _sample(policy: DeskPolicy, facts: Progress) -> tuple[Step, int | None]:
    for step, since, days in (
        (Step.RECEIVE, facts.sent_at, "transit"),
        (Step.SHIP, facts.address_ok_at, "ship"),
    ):
        if since is not None:
            return step, since + policy.days[days] * DAY
    return Step.ADDRESS, None if facts.agreed_at is None else facts.agreed_at + policy.days["address"] * DAY


def draft_due(policy: DeskPolicy, facts: Progress, due: int | None) -> int | None:
    """When the first draft is due: as agreed, but not before there was time to make it."""
    agreed = facts.draft_due_at if facts.draft_due_at is not None else None if due is None else due - policy.days["draft"] * DAY
    if facts.received_at is None:
        return agreed
    made = facts.received_at + policy.days["make"] * DAY
    return made if agreed is None else max(agreed, made if facts.sample_days is not None else agreed)


_LEFT: Final[Mapping[Step, tuple[str, ...]]] = {
    Step.ADDRESS: ("ship", "transit", "make"),
    Step.SHIP: ("transit", "make"),
    Step.RECEIVE: ("make",),
    Step.DRAFT: (),
    Step.REVIEW: (),
    Step.REVISE: (),
    Step.POST: (),
}
"""Steps that still need their days once one is done."""


def _risk(policy: DeskPolicy, facts: Progress, step: Step, due: int | None, chance: float | None) -> int | None:
    """The moment from which what is left to do no longer fits before the post."""
    last = due if due is not None else facts.agreed_due_at
    if last is None:
        return None
    days = sum(policy.days[name] for name in _LEFT[step])
    review = policy.review_hours * HOUR if facts.needs_draft and step is not Step.POST else 0
    slack = last - days * DAY - review
    moved = facts.sample_days is not None and step in {Step.ADDRESS, Step.SHIP, Step.RECEIVE}
    doubtful = chance is not None and chance < policy.doubtful
    at = None if (step is Step.POST or moved) else slack
    if doubtful:
        early = last - 7 * DAY
        at = early if at is None else min(at, early)
    return at


def reminder(policy: DeskPolicy, due: int | None, on: date, zone: str) -> str | None:
    """The mark of the reminder that a day is for, as ``D-3`` or ``D+1``; None for a day without one."""
    if due is None:
        return None
    days = (on - local(due - 1, zone).date()).days  # what is due by the end of a day is due on it
    return f"D{days:+d}" if days and days in policy.reminders else "D0" if days == 0 and 0 in policy.reminders else None


# ---------------------------------------------------------------- drafts


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a draft after a word on it: ``decision`` None while others of the chain have still to speak; ``place`` is the next."""

    decision: str | None
    place: int


def sign(chain: Sequence[str], place: int, decision: str) -> Verdict:
    """A word at a place of the chain: one revise ends it, the last approve does too."""
    if decision == "revise":
        return Verdict("revise", place)
    return Verdict("approve", place) if place + 1 >= len(chain) else Verdict(None, place + 1)


# ---------------------------------------------------------------- who will probably not post

GOOD: Final = (raisers.POSTED_ON_TIME,)
BAD: Final = (raisers.POSTED_LATE, raisers.POSTED_VERY_LATE, raisers.CANCELLED, raisers.NO_SHOW)


def faded(policy: DeskPolicy, age: Ints) -> Floats:
    """What events count after a time, of 1."""
    return millionths(np.maximum(age, 0), policy.half_life) / MILLION


def chances(policy: DeskPolicy, good: Floats, bad: Floats) -> Floats:
    """P(posts on time) of creators from their faded counts: (4 + g) / (5 + g + h)."""
    made: Floats = (policy.good + good) / (policy.good + policy.bad + good + bad)
    return made


@dataclass(frozen=True, slots=True)
class Calibration:
    """How chances are bent by what happened: logit(p) of what is told = bias + slope · logit(P) + late · (a late step before)."""

    bias: float = 0.0
    slope: float = 1.0
    late: float = 0.0
    cases: int = 0

    def apply(self, chance: Floats, late: Floats) -> Floats:
        """Chances as they are told."""
        logit = np.log(chance / (1 - chance))
        told: Floats = 1 / (1 + np.exp(-(self.bias + self.slope * logit + self.late * late)))
        return told


_ROUNDS: Final = 30
_PULL: Final = (4.0, 4.0, 2.0)
"""How strongly each number is held to what it would be without data: 0, 1, 0."""


def calibrate(policy: DeskPolicy, chance: Floats, late: Floats, on_time: Floats) -> Calibration:
    """Fit to closed posts: few of them change nothing, many change little more than they must."""
    if len(chance) < policy.least_cases:
        return Calibration(cases=len(chance))
    x = np.column_stack((np.ones(len(chance)), np.log(chance / (1 - chance)), late))
    start = np.array([0.0, 1.0, 0.0])
    pull, found = np.diag(np.array(_PULL)), start.copy()
    for _ in range(_ROUNDS):
        told = 1 / (1 + np.exp(-np.clip(x @ found, -30, 30)))
        slope = x.T @ (on_time - told) - pull @ (found - start)
        curve = (x * (told * (1 - told))[:, None]).T @ x + pull
        step = np.linalg.solve(curve, slope)
        found = found + step
        if float(np.abs(step).max()) < 1e-10:  # noqa: PLR2004 (nothing left to gain)
            break
    return Calibration(float(found[0]), float(found[1]), float(found[2]), len(chance))


# ---------------------------------------------------------------- samples


@dataclass(frozen=True, slots=True)
class Sent:
    """A sample that went out: what it cost, and whether its collaboration ended, with a post or without."""

    creator_id: int
    cost_fen: int
    posted: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class WriteOff:
    """Samples of a creator: sent, worth what, and what of it is lost or still open."""

    creator_id: int
    sent: int
    cost_fen: int
    lost: int
    lost_fen: int
    open_fen: int


def write_off(samples: Sequence[Sent]) -> list[WriteOff]:
    """Samples by creator, the largest loss first: lost is what was sent for a collaboration that ended without a post."""
    sums: dict[int, list[int]] = {}
    for one in samples:
        row = sums.setdefault(one.creator_id, [0, 0, 0, 0, 0])
        lost = one.ended and not one.posted
        row[0] += 1
        row[1] += one.cost_fen
        row[2] += lost
        row[3] += one.cost_fen if lost else 0
        row[4] += 0 if one.ended or one.posted else one.cost_fen
    return sorted((WriteOff(creator, *row) for creator, row in sums.items()), key=lambda one: (-one.lost_fen, -one.cost_fen, one.creator_id))
