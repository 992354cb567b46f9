# SPDX-License-Identifier: Apache-2.0
"""Columns of the credit page: creators by conduct, entries of the ledger, what waits, sanctions, appeals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.rules.rating.explain import Standing
from app.rules.rating.sanctions import State
from app.values import CreditGrade, Sanction
from widgets.tables.columns import Badge, Column
from widgets.tables.roster import COLUMNS as ROSTER
from widgets.tables.roster import credit_badge, stage_badge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.services import Services
    from app.usecases.creators import Ids, Question, RosterRow
    from app.usecases.rating import AppealRow, CreditEntry, Glance, Proposed, SanctionRow
    from widgets.labels import Labels

LEVELS: Final = {
    Sanction.WARNING: "warning_soft", Sanction.RESTRICTED: "warning_soft", Sanction.SUSPENDED: "danger_soft", Sanction.BANNED: "danger_soft",
}  # fmt: skip
STATES: Final = {
    State.PROPOSED: "warning_soft", State.RUNNING: "danger_soft", State.REJECTED: "tier_unranked", State.OVER: "tier_unranked",
    State.LIFTED: "ok_soft", State.WITHDRAWN: "tier_unranked",
}  # fmt: skip
_STANDINGS: Final = {Standing.COUNTS: "ok_soft", Standing.PROPOSED: "warning_soft"}


# ---------------------------------------------------------------- creators


@dataclass(frozen=True, slots=True)
class Rated:
    """A creator of the roster with what a glance tells of the conduct."""

    id: int
    row: RosterRow
    glance: Glance | None


class RatedRoster:
    """The roster as the credit page shows it: rows of creators, each with a glance at the ledger."""

    def __init__(self, services: Services) -> None:
        """Ask the use cases of creators and of rating."""
        self._services = services

    def page(self, question: Question, limit: int = 100, offset: int = 0) -> list[Rated]:
        """Some rows of an answer."""
        return self._with(self._services.creators.page(question, limit, offset))

    def ids(self, question: Question) -> Ids:
        """All ids of an answer, in order."""
        return self._services.creators.ids(question)

    def rows(self, ids: Sequence[int]) -> list[Rated]:
        """Rows for ids, in the ids' order."""
        return self._with(self._services.creators.rows(ids))

    def _with(self, rows: Sequence[RosterRow]) -> list[Rated]:
        glances = self._services.rating.glances([row.id for row in rows])
        return [Rated(row.id, row, glances.get(row.id)) for row in rows]


def of_roster(key: str, *, hidden: bool | None = None, width: int | None = None) -> Column:
    """A column of the roster over rows that hold one."""
    one = next(column for column in ROSTER if column.key == key)

    def inner(call: Callable[..., Any] | None) -> Callable[..., Any] | None:
        return None if call is None else lambda row, *others: call(row.row, *others)

    text = one.text
    return Column(
        one.key, one.title_key, lambda row, labels: text(row.row, labels), one.sort, one.width if width is None else width, one.right,
        one.hidden if hidden is None else hidden, badges=inner(one.badges), tip=inner(one.tip), ink=inner(one.ink), plain=inner(one.plain),
        number=inner(one.number), worded=one.worded, order=inner(one.order),
    )  # fmt: skip


def _grade(row: Rated, labels: Labels) -> tuple[Badge, ...]:
    del labels
    badge = credit_badge(row.row)
    return (Badge(row.row.credit_grade.code, badge.token),)


def _weakest(row: Rated, labels: Labels) -> str:
    glance = row.glance
    return "" if glance is None or glance.weakest is None else f"{labels.rank(glance.weakest)} −{glance.lost or 0:.0f}"


def _sanction(row: Rated, labels: Labels) -> tuple[Badge, ...]:
    glance = row.glance
    if glance is None or glance.sanction is None:
        return ()
    word = labels.rank(glance.sanction)
    return (Badge(labels("credit.asked", level=word) if glance.proposed else word, "warning_soft" if glance.proposed else LEVELS[glance.sanction]),)


def _last(row: Rated, labels: Labels) -> str:
    glance = row.glance
    return "" if glance is None or glance.last_type is None else f"{labels.day(glance.last_at)}  {labels.words.event_type(glance.last_type)}"


CREATORS: Final = (
    of_roster("name", width=136),
    of_roster("platform", width=112),
    Column("grade", "credit.grade", lambda row, _: row.row.credit_grade.code, sort="credit_grade", width=72, badges=_grade,
           tip=lambda row, labels: labels.rank(row.row.credit_grade)),
    Column("score", "credit.score", lambda row, _: str(row.row.credit_score), sort="credit_score", width=66, right=True,
           number=lambda row: row.row.credit_score, ink=lambda row: "text_muted" if row.row.credit_grade is CreditGrade.N else "text",
           tip=lambda row, labels: labels("credit.score_tip", score=row.row.credit_score, own_record=labels("credit.own_record"))),
    of_roster("bookable"),
    Column("weakest", "credit.weakest", _weakest, width=124, tip=lambda row, labels: labels("credit.weakest_tip") if _weakest(row, labels) else ""),
    Column("sanction", "sanction.level", lambda row, labels: " ".join(badge.text for badge in _sanction(row, labels)), width=132, badges=_sanction),
    Column("last", "credit.last", _last, width=210),
    Column("stage", "field.stage", lambda row, labels: labels.rank(row.row.stage), sort="stage", width=96,
           badges=lambda row, labels: (stage_badge(row.row.stage, labels),)),
    of_roster("tier", hidden=True),
    of_roster("handle", hidden=True),
    of_roster("followers", hidden=True),
    of_roster("owner", hidden=True),
    of_roster("value_grade", hidden=True),
    of_roster("id", hidden=True),
)  # fmt: skip
"""Creators by credit, in the order in which people read them."""


# ---------------------------------------------------------------- entries of one creator


@dataclass(frozen=True, slots=True)
class Told:
    """An entry of a creator's ledger with what it does to the score; ``left`` is the share that has not faded, ``halves_at`` when half of it has."""

    id: int
    entry: CreditEntry
    standing: Standing
    effect: float | None
    left: float | None
    halves_at: int | None


def effect(points: float | None) -> str:
    """Points with their sign."""
    return "" if points is None else f"{'−' if points < 0 else '+'}{abs(points):.1f}"


def _ink(row: Told) -> str:
    return "text_muted" if not row.effect else "ok" if row.effect > 0 else "danger"


def _standing(row: Told, labels: Labels) -> tuple[Badge, ...]:
    return (Badge(labels(f"standing.{row.standing.value}"), _STANDINGS.get(row.standing, "tier_unranked")),)


ENTRIES: Final = (
    Column("at", "credit.happened", lambda row, labels: labels.day(row.entry.happened_at), sort="at", order=lambda row: row.entry.happened_at, width=92,
           tip=lambda row, labels: labels.time(row.entry.happened_at)),
    Column("type", "credit.type", lambda row, labels: labels.words.event_type(row.entry.type), sort="type", width=150),
    Column("effect", "credit.effect", lambda row, _: effect(row.effect), sort="effect", order=lambda row: row.effect, width=70, right=True, ink=_ink),
    Column("standing", "sanction.state", lambda row, labels: _standing(row, labels)[0].text, sort="standing", width=92, badges=_standing),
    Column("left", "credit.left", lambda row, labels: labels.percent(row.left) if row.left is not None else "", sort="left",
           order=lambda row: row.left, width=84, right=True),
    Column("halves", "credit.halves", lambda row, labels: labels.day(row.halves_at) if row.halves_at is not None else "", sort="halves",
           order=lambda row: row.halves_at, width=96),
    Column("evidence", "credit.evidence_of", lambda row, _: row.entry.evidence or "", width=130),
    Column("filed_by", "credit.filed_by", lambda row, _: row.entry.filed_by, width=90),
    Column("confirmed", "credit.confirmed", lambda row, labels: _by(row.entry.confirmed_at, row.entry.confirmed_by, labels, own=row.entry.confirmed_by == row.entry.filed_by), width=160,
           tip=lambda row, _: row.entry.confirm_reason or ""),
    Column("voided", "credit.voided", lambda row, labels: _by(row.entry.voided_at, row.entry.voided_by, labels), width=160,
           tip=lambda row, _: row.entry.void_reason or ""),
    Column("id", "credit.number", lambda row, _: str(row.id), sort="id", order=lambda row: row.id, width=70, right=True),
)  # fmt: skip


def _by(at: int | None, who: str | None, labels: Labels, *, own: bool = False) -> str:
    if own and who is not None:
        who = labels("credit.self_decided", who=who)
    return "" if at is None else "  ".join(filter(None, (labels.day(at), who)))


# ---------------------------------------------------------------- what waits, sanctions, appeals


def _name(row: Proposed | SanctionRow | AppealRow, labels: Labels) -> str:
    del labels
    return row.name


def _by_rule(row: Proposed, labels: Labels) -> str:
    return labels("credit.by_hand") if row.by_rule_at is None else labels("credit.by_rule", when=labels.time(row.by_rule_at))


PROPOSED: Final = (
    Column("name", "field.name", _name, sort="name", width=160),
    Column("type", "credit.type", lambda row, labels: labels.words.event_type(row.type), sort="type", width=180),
    Column("at", "credit.happened", lambda row, labels: labels.time(row.happened_at), sort="at", order=lambda row: row.happened_at, width=130),
    Column("recorded", "credit.recorded", lambda row, labels: labels.time(row.recorded_at), sort="recorded", order=lambda row: row.recorded_at, width=130),
    Column("filed_by", "credit.filed_by", lambda row, _: row.filed_by, sort="filed_by", width=110),
    Column("evidence", "credit.evidence_of", lambda row, _: row.evidence or "", width=220),
    Column("by_rule", "credit.confirms", _by_rule, sort="by_rule", order=lambda row: row.by_rule_at, width=190),
    Column("id", "credit.number", lambda row, _: str(row.id), sort="id", order=lambda row: row.id, width=76, right=True),
)


def _level(row: SanctionRow, labels: Labels) -> tuple[Badge, ...]:
    return (Badge(labels.rank(row.level), LEVELS[row.level]),)


def _state(row: SanctionRow, labels: Labels) -> tuple[Badge, ...]:
    return (Badge(labels(f"case.{row.state.value}"), STATES[row.state]),)


SANCTIONS: Final = (
    Column("name", "field.name", _name, sort="name", width=160),
    Column("level", "sanction.level", lambda row, labels: labels.rank(row.level), sort="level", order=lambda row: row.level, width=116, badges=_level),
    Column("points", "sanction.points", lambda row, labels: labels.exact(row.points), sort="points", order=lambda row: row.points, width=84, right=True),
    Column("state", "sanction.state", lambda row, labels: labels(f"case.{row.state.value}"), sort="state", width=156, badges=_state),
    Column("proposed", "sanction.proposed_at", lambda row, labels: labels.time(row.proposed_at), sort="proposed", order=lambda row: row.proposed_at, width=130),
    Column("events", "credit.rests_on", lambda row, labels: labels.exact(len(row.event_ids)), sort="events", order=lambda row: len(row.event_ids), width=84,
           right=True),
    Column("decided", "credit.decided", lambda row, labels: _by(row.decided_at, row.decided_by, labels, own=row.self_decided), sort="decided", order=lambda row: row.decided_at,
           width=160),
    Column("reason", "bulk.reason", lambda row, _: row.reason or "", width=180),
    Column("until", "credit.until", lambda row, labels: labels.day(row.ends_at) if row.ends_at is not None else "", sort="until",
           order=lambda row: row.ends_at, width=96),
    Column("appeal_until", "sanction.appeal_until", lambda row, labels: labels.day(row.appeal_until) if row.appeal_until is not None else "",
           sort="appeal_until", order=lambda row: row.appeal_until, width=96),
    Column("id", "credit.number", lambda row, _: str(row.id), sort="id", order=lambda row: row.id, width=76, right=True),
)  # fmt: skip

_ANSWERS: Final = {None: ("open", "warning_soft"), True: ("upheld", "ok_soft"), False: ("rejected", "tier_unranked")}


def _answer(row: AppealRow, labels: Labels) -> tuple[Badge, ...]:
    word, token = _ANSWERS[row.upheld]
    return (Badge(labels(f"appeal.{word}"), token),)


def _against(row: AppealRow, labels: Labels) -> str:
    return labels("appeal.of_event", id=row.event_id) if row.event_id is not None else labels("appeal.of_sanction", id=row.sanction_id)


APPEALS: Final = (
    Column("name", "field.name", _name, sort="name", width=160),
    Column("against", "appeal.against", _against, sort="against", width=140),
    Column("state", "sanction.state", lambda row, labels: _answer(row, labels)[0].text, sort="state", width=156, badges=_answer),
    Column("reason", "appeal.reason", lambda row, _: row.reason, width=240),
    Column("filed", "appeal.filed", lambda row, labels: _by(row.filed_at, row.filed_by, labels), sort="filed", order=lambda row: row.filed_at, width=170),
    Column("decided", "credit.decided", lambda row, labels: _by(row.decided_at, row.decided_by, labels, own=row.self_decided), sort="decided", order=lambda row: row.decided_at,
           width=170),
    Column("answer", "appeal.answer", lambda row, _: row.answer or "", width=220),
    Column("id", "credit.number", lambda row, _: str(row.id), sort="id", order=lambda row: row.id, width=76, right=True),
)  # fmt: skip
