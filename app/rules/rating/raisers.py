# SPDX-License-Identifier: Apache-2.0
"""Events that the program raises from what happened: one small function for each fact.

A function looks at the facts of one source object as they now are and says what should stand in the ledger for it;
``reconcile`` compares that with what stands. So a repeat changes nothing, and a newer fact replaces the older.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.values import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.rules.rating.credit import CreditPolicy

HOUR: Final = DAY // 24

POSTED_ON_TIME: Final = "posted_on_time"
POSTED_LATE: Final = "posted_late"
POSTED_VERY_LATE: Final = "posted_very_late"
CANCELLED: Final = "cancelled_by_creator"
NO_SHOW: Final = "no_show"
DRAFT_ON_TIME: Final = "draft_on_time"
APPROVED_FIRST_PASS: Final = "approved_first_pass"  # noqa: S105 (a name, no secret)
REVISION_REQUIRED: Final = "revision_required"
REPLIED_IN_TIME: Final = "replied_in_time"
SLOW_REPLY: Final = "slow_reply"
METRICS_VERIFIED: Final = "metrics_verified"
DELETED_EARLY: Final = "deleted_early"
TRAINING_PASSED: Final = "training_passed"

OUTCOMES: Final = (POSTED_ON_TIME, POSTED_LATE, POSTED_VERY_LATE, CANCELLED, NO_SHOW)
"""What a deliverable carries at most one of."""


class Cause(enum.StrEnum):
    """A cause on the brand's side, which excuses."""

    LATE_SAMPLE = "late_sample"
    CHANGED_BRIEF = "changed_brief"
    SLOW_REVIEW = "slow_review"
    PLATFORM_AUDIT = "platform_audit"


class Confirmation(enum.StrEnum):
    """How an event that the program raised comes to count."""

    AT_ONCE = "at_once"
    BY_RULE = "by_rule"
    SECOND_PERSON = "second_person"


@dataclass(frozen=True, slots=True)
class Raised:
    """An event to stand in the ledger. ``evidence`` names records that show it, as the entries of a contact log."""

    type: str
    source: str
    happened_at: int
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What should stand for a source object: of ``types`` at most one event, ``raised``.

    ``excused``: it is bad, but by a cause on the brand's side, so it is not to be entered.
    """

    source: str
    types: tuple[str, ...]
    raised: Raised | None = None
    excused: bool = False


# ---------------------------------------------------------------- facts and what they raise


@dataclass(frozen=True, slots=True)
class Deliverable:
    """Facts of one due post. ``extensions`` are pairs (agreed at, new due time), ``contacts`` the contact log; the creator ``cancelled_at``.

    With ``sample_days`` the post is due no earlier than so many days after the sample's receipt, and not before it came.
    """

    source: str
    agreed_due: int
    sample_days: int | None = None
    sample_received_at: int | None = None
    extensions: tuple[tuple[int, int], ...] = ()
    posted_at: int | None = None
    cancelled_at: int | None = None
    causes: frozenset[Cause] = frozenset()
    contacts: tuple[str, ...] = ()


def due(facts: Deliverable) -> int | None:
    """When the post is due; None while it waits for its sample. An extension agreed when it was due already moves nothing."""
    if facts.sample_days is not None and facts.sample_received_at is None:
        return None
    moment = facts.agreed_due
    if facts.sample_days is not None and facts.sample_received_at is not None:
        moment = max(moment, facts.sample_received_at + facts.sample_days * DAY)
    for agreed_at, to in sorted(facts.extensions):
        if agreed_at < moment:
            moment = max(moment, to)
    return moment


def deliverable(policy: CreditPolicy, facts: Deliverable, now: int) -> Finding:
    """How a due post came out: on time, late, very late, cancelled by the creator, or a no-show; the newest fact rules."""
    kind, at = _outcome(policy, facts, now)
    evidence = facts.contacts if kind == NO_SHOW else ()
    return _finding(policy, facts.source, OUTCOMES, kind, at, excused=bool(facts.causes), evidence=evidence)


def _outcome(policy: CreditPolicy, facts: Deliverable, now: int) -> tuple[str | None, int]:
    """Type of the event that a deliverable carries, and when it happened."""
    moment = due(facts)
    if facts.cancelled_at is not None and (facts.posted_at is None or facts.posted_at < facts.cancelled_at):
        return CANCELLED, facts.cancelled_at
    if facts.posted_at is not None:
        return _posted(policy, moment, facts.posted_at), facts.posted_at
    if moment is None or now < moment + policy.raising.no_show_days * DAY:
        return None, now
    return NO_SHOW, moment + policy.raising.no_show_days * DAY


def _posted(policy: CreditPolicy, moment: int | None, posted_at: int) -> str:
    late = 0 if moment is None else posted_at - moment
    if late <= 0:
        return POSTED_ON_TIME
    return POSTED_LATE if late <= policy.raising.late_hours * HOUR else POSTED_VERY_LATE


@dataclass(frozen=True, slots=True)
class Draft:
    """The first draft of a deliverable and when it was due."""

    source: str
    due_at: int
    handed_in_at: int | None


def draft(policy: CreditPolicy, facts: Draft) -> Finding:
    """A draft handed in by its due time; a late one raises nothing of its own."""
    at = facts.handed_in_at
    in_time = at is not None and at <= facts.due_at
    return _finding(policy, facts.source, (DRAFT_ON_TIME,), DRAFT_ON_TIME if in_time else None, at)


@dataclass(frozen=True, slots=True)
class Review:
    """A reviewer's word on a draft: ``approved``, or else a revision, ``brief_changed`` if it follows from a changed brief."""

    source: str
    at: int
    approved: bool
    brief_changed: bool = False


@dataclass(frozen=True, slots=True)
class Reviews:
    """All reviews of a deliverable's drafts; ``free_revisions`` as the contract says, None for the policy's number."""

    source: str
    reviews: tuple[Review, ...]
    free_revisions: int | None = None
    causes: frozenset[Cause] = frozenset()


def first_pass(policy: CreditPolicy, facts: Reviews) -> Finding:
    """Approved without a revision on the creator's account."""
    ordered = _in_order(facts.reviews)
    approval = next((review for review in ordered if review.approved), None)
    revised = approval is not None and any(not review.brief_changed for review in ordered[: ordered.index(approval)])
    at = None if approval is None or revised else approval.at
    return _finding(policy, facts.source, (APPROVED_FIRST_PASS,), None if at is None else APPROVED_FIRST_PASS, at)


def revisions(policy: CreditPolicy, facts: Reviews) -> list[Finding]:
    """One finding for each review: a revision beyond the free rounds. One after a changed brief neither counts nor uses a round up."""
    left = policy.raising.free_revisions if facts.free_revisions is None else facts.free_revisions
    found = []
    for review in _in_order(facts.reviews):
        own = not review.approved and not review.brief_changed
        beyond = own and left <= 0
        left -= own
        kind = REVISION_REQUIRED if beyond else None
        found.append(_finding(policy, review.source, (REVISION_REQUIRED,), kind, review.at, excused=bool(facts.causes)))
    return found


def _in_order(reviews: Iterable[Review]) -> list[Review]:
    return sorted(reviews, key=lambda review: (review.at, review.source))


@dataclass(frozen=True, slots=True)
class Question:
    """A message that wants an answer by a moment."""

    source: str
    answer_by: int
    answered_at: int | None
    causes: frozenset[Cause] = frozenset()


def reply(policy: CreditPolicy, facts: Question, now: int) -> Finding:
    """An answer in time, or none by then: slow, however much later one comes."""
    kind: str | None = SLOW_REPLY if now > facts.answer_by else None
    at = facts.answer_by
    if facts.answered_at is not None and facts.answered_at <= facts.answer_by:
        kind, at = REPLIED_IN_TIME, facts.answered_at
    return _finding(policy, facts.source, (REPLIED_IN_TIME, SLOW_REPLY), kind, at, excused=bool(facts.causes))


@dataclass(frozen=True, slots=True)
class Figures:
    """Evidence of a post's settled figures: when they were fetched, when a screenshot of them was checked."""

    source: str
    posted_at: int
    fetched_at: int | None = None
    checked_at: int | None = None
    open_anomaly: bool = False


def metrics(policy: CreditPolicy, facts: Figures) -> Finding:
    """Figures at T+21 fetched, or a screenshot of them checked, with no open anomaly."""
    settled = facts.posted_at + policy.raising.figures_days * DAY
    seen = [at for at in (facts.fetched_at, facts.checked_at) if at is not None and at >= settled]
    good = bool(seen) and not facts.open_anomaly
    return _finding(policy, facts.source, (METRICS_VERIFIED,), METRICS_VERIFIED if good else None, min(seen, default=None))


@dataclass(frozen=True, slots=True)
class Post:
    """A published post that was to stay until a moment, and when it was found gone."""

    source: str
    keep_until: int
    gone_at: int | None = None
    causes: frozenset[Cause] = frozenset()


def kept(policy: CreditPolicy, facts: Post) -> Finding:
    """A post taken down before the agreed time."""
    early = facts.gone_at is not None and facts.gone_at < facts.keep_until
    return _finding(policy, facts.source, (DELETED_EARLY,), DELETED_EARLY if early else None, facts.gone_at, excused=bool(facts.causes))


def training(policy: CreditPolicy, source: str, passed_at: int | None) -> Finding:
    """A training passed."""
    return _finding(policy, source, (TRAINING_PASSED,), None if passed_at is None else TRAINING_PASSED, passed_at)


def _finding(
    policy: CreditPolicy,
    source: str,
    types: tuple[str, ...],
    kind: str | None,
    at: int | None,
    *,
    excused: bool = False,
    evidence: tuple[str, ...] = (),
) -> Finding:
    """A type that the policy does not have raises nothing; a cause on the brand's side excuses what is bad."""
    code = None if kind is None else policy.codes().get(kind)
    if kind is None or at is None or code is None:
        return Finding(source, types)
    return Finding(source, types, Raised(kind, source, at, evidence), excused=excused and policy.types[code].weight < 0)


# ---------------------------------------------------------------- one fact, one event


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in the ledger that the program raised. ``overturned``: a person voided it, by an appeal or otherwise."""

    id: int
    type: str
    source: str
    happened_at: int
    recorded_at: int
    confirmed_at: int | None = None
    voided_at: int | None = None
    overturned: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Entries to void and the event to add, so that the ledger says what was found."""

    voids: tuple[int, ...]
    adds: Raised | None


def reconcile(finding: Finding, entries: Sequence[Entry]) -> Change:
    """Compare a finding with the entries of its source object.

    At most one stays live. A type that a person overturned is not raised again for that object. A cause named after
    the confirmation leaves the entry standing: from then on there is the appeal.
    """
    own = [entry for entry in entries if entry.source == finding.source and entry.type in finding.types]
    live = sorted((entry for entry in own if entry.voided_at is None), key=lambda entry: entry.id)
    raised = finding.raised
    if raised is None:
        return Change(tuple(entry.id for entry in live), None)
    same = [entry for entry in live if (entry.type, entry.happened_at) == (raised.type, raised.happened_at)]
    stays = [entry for entry in same if entry.confirmed_at is not None or not finding.excused][:1]
    overturned = any(entry.overturned and entry.type == raised.type for entry in own)
    voids = tuple(entry.id for entry in live if entry not in stays)
    return Change(voids, None if stays or overturned or finding.excused else raised)


def confirmation(policy: CreditPolicy, kind: str) -> Confirmation:
    """How an event of a type that the program raised is confirmed: good ones at once, a no-show by a second person."""
    code = policy.codes().get(kind)
    if code is not None and policy.types[code].weight > 0:
        return Confirmation.AT_ONCE
    return Confirmation.SECOND_PERSON if kind == NO_SHOW else Confirmation.BY_RULE


def confirmable(policy: CreditPolicy, entries: Iterable[Entry], now: int) -> tuple[int, ...]:
    """Proposed entries that are to be confirmed now without anybody's doing.

    They are confirmed as of now and not of when their time came: until then nobody knew them as confirmed.
    """
    waits = {Confirmation.AT_ONCE: 0, Confirmation.BY_RULE: policy.raising.confirm_hours * HOUR}
    proposed = [entry for entry in entries if entry.confirmed_at is None and entry.voided_at is None]
    timed = [(entry, waits.get(confirmation(policy, entry.type))) for entry in proposed]
    return tuple(entry.id for entry, wait in timed if wait is not None and entry.recorded_at + wait <= now)
