# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import NotPermittedError, ProductError, UsageError
from app.rules.rating import sanctions as rules
from app.rules.rating.ledger import Clocks, Event, Ledger
from app.rules.rating.sanctions import Agenda, Appeal, Case, Changed, Proposal, State, agenda, decide, propose
from app.values import DAY, CreditGrade, Sanction
from tests.app.rules.rating import ledgers
from tests.app.rules.rating.ledgers import BODY, CLOCKS, NOW, POLICY, TWELVE, event, ledger


def points(events: list[Event], clocks: Clocks = CLOCKS) -> int:
    return int(rules.carried(POLICY, Ledger.of(POLICY, events), 1, clocks)[0])


def proposed(events: list[Event]) -> Proposal:
    found = propose(POLICY, events, CLOCKS)
    assert found is not None
    return found


# ---------------------------------------------------------------- the ladder


def test_worked():
    first = [*ledger(*TWELVE), event(25, "no_show", 30, who="lin")]
    assert (proposed(first).level, proposed(first).points) == (Sanction.WARNING, 4)
    second = [*first, event(26, "fake_engagement", 15, who="mei")]
    assert proposed(second) == Proposal(Sanction.SUSPENDED, 10, NOW, NOW + 90 * DAY, (25, 26), frozenset({"lin", "mei"}))
    assert propose(POLICY, ledger(*TWELVE), CLOCKS) is None


@pytest.mark.parametrize(
    ("events", "expected", "level"),
    [
        ([], 0, None),
        ([("ad_label_missing", 5)], 2, None),
        ([("ad_label_missing", 5), ("dispute_lost", 6)], 3, Sanction.WARNING),
        ([("posted_very_late", age) for age in range(5)], 5, Sanction.WARNING),
        ([("posted_very_late", age) for age in range(9)] + [("dispute_lost", 3)], 5, Sanction.WARNING),  # one-point events together
        ([("posted_very_late", age) for age in range(9)] + [("cancelled_by_creator", 3)], 7, Sanction.RESTRICTED),
        ([("no_show", 365)], 4, Sanction.WARNING),  # both ends, undecayed
        ([("no_show", 365.01)], 0, None),
        ([("fake_review", 300)], 6, Sanction.RESTRICTED),
        ([("fake_review", 300), ("report_upheld", 20)], 9, Sanction.SUSPENDED),
        ([("fake_review", 300), ("report_upheld", 20), ("prohibited_claim", 1)], 11, Sanction.SUSPENDED),
        ([("fake_review", 300), ("fake_engagement", 20)], 12, Sanction.BANNED),
    ],
)
def test_the_ladder(events: list[tuple[str, float]], expected: int, level: Sanction | None):
    assert points(ledger(*events)) == expected
    found = propose(POLICY, ledger(*events), CLOCKS)
    assert (None if found is None else found.level) == level


def test_only_what_counts_carries_points():
    waiting = Event(1, "fake_review", NOW - DAY, NOW - DAY, None)
    voided = event(2, "fake_review", 3, voided_at=NOW)
    assert points([waiting, voided, Event(3, "not_of_this_policy", NOW, NOW, NOW)]) == 0


def test_how_long_each_level_lasts():
    ends = {}
    for events in ([("no_show", 1)], [("fake_review", 1)], [("fake_review", 1), ("report_upheld", 1)], [("fake_review", 1), ("fake_engagement", 1)]):
        found = proposed(ledger(*events))
        ends[found.level.code] = None if found.until is None else (found.until - NOW) // DAY
    assert ends == {"warning": None, "restricted": 30, "suspended": 90, "banned": None}


@settings(max_examples=100, deadline=None)
@given(st.lists(ledgers.ledgers, min_size=1, max_size=5), ledgers.clocks)
def test_points_of_many_as_the_text_says(several: list[list[Event]], clocks: Clocks):
    kinds = {row["name"]: row.get("points", 0) for row in BODY["types"]}
    parts = [Ledger.of(POLICY, events) for events in several]
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in Ledger.__slots__[1:]]
    many = Ledger(np.repeat(np.arange(len(parts)), [len(part.id) for part in parts]), *columns)
    found = rules.carried(POLICY, many, len(parts), clocks)
    for number, events in enumerate(several):
        entering = [kinds[one.type] for one in events if ledgers.counts(one, clocks) and clocks.as_of - one.happened_at <= 365 * DAY]
        assert found[number] == min(5, entering.count(1)) + sum(value for value in entering if value != 1)
        alone = propose(POLICY, events, clocks)
        assert rules.levels(POLICY, found)[number] == (0 if alone is None else alone.level)


# ---------------------------------------------------------------- cases

NO_SHOW = [event(1, "no_show", 30, who="lin")]
CASE = Case(7, proposed(NO_SHOW))
RESTRICTED = Case(8, proposed([event(1, "no_show", 30, who="lin"), event(2, "ad_label_missing", 3, who="mei")]))


def test_a_proposal_is_opened_once():
    assert agenda(CASE.proposal, [], NOW) == Agenda(CASE.proposal, ())
    assert agenda(CASE.proposal, [CASE], NOW) == Agenda(None, ())
    later = replace(CASE.proposal, as_of=NOW + DAY)
    assert agenda(later, [CASE], NOW + DAY) == Agenda(None, ())


def test_an_open_case_is_withdrawn_when_the_ladder_says_otherwise():
    assert agenda(RESTRICTED.proposal, [CASE], NOW) == Agenda(RESTRICTED.proposal, (7,))
    assert agenda(None, [CASE], NOW) == Agenda(None, (7,))
    gone = replace(CASE, ended_at=NOW)
    assert gone.state(NOW) is State.WITHDRAWN
    # Withdrawn is not judged: the same facts may be proposed again.
    assert agenda(CASE.proposal, [gone], NOW + DAY) == Agenda(CASE.proposal, ())


@pytest.mark.parametrize("approved", [True, False])
def test_what_was_judged_is_not_proposed_again(approved: bool):
    done = decide(POLICY, RESTRICTED, approved=approved, by="chen", reason="seen", at=NOW)
    assert agenda(RESTRICTED.proposal, [done], NOW + 400 * DAY) == Agenda(None, ())
    assert agenda(CASE.proposal, [done], NOW + DAY) == Agenda(None, ())
    third = proposed([*NO_SHOW, event(2, "ad_label_missing", 3), event(3, "deleted_early", 1)])
    assert third.level is Sanction.RESTRICTED
    assert agenda(third, [done], NOW + DAY) == Agenda(third, ())


def test_a_judged_warning_does_not_hide_a_harder_level():
    done = decide(POLICY, replace(CASE, proposal=replace(CASE.proposal, event_ids=(1, 2))), approved=False, by="chen", reason="seen", at=NOW)
    assert agenda(RESTRICTED.proposal, [done], NOW) == Agenda(RESTRICTED.proposal, ())


def test_a_decision_runs_from_when_it_was_taken():
    at = NOW + 5 * DAY
    done = decide(POLICY, RESTRICTED, approved=True, by="chen", reason=" late twice ", at=at)
    assert done.decision is not None
    assert (done.decision.until, done.decision.appeal_until, done.decision.reason) == (at + 30 * DAY, at + 30 * DAY, "late twice")
    states = {moment: done.state(moment) for moment in (at - 1, at, at + 30 * DAY, at + 30 * DAY + 1)}
    assert list(states.values()) == [State.PROPOSED, State.RUNNING, State.RUNNING, State.OVER]
    assert [rules.in_force([CASE, done], moment) for moment in states] == [None, Sanction.RESTRICTED, Sanction.RESTRICTED, None]
    warned = decide(POLICY, CASE, approved=True, by="chen", reason="once", at=at)
    assert warned.state(at + 4000 * DAY) is State.RUNNING
    assert rules.in_force([warned, done], at) is Sanction.RESTRICTED


def test_a_rejected_case_holds_nothing():
    done = decide(POLICY, RESTRICTED, approved=False, by="chen", reason="brand's own fault", at=NOW)
    assert done.decision is not None
    assert done.decision.until is None
    assert done.state(NOW) is State.REJECTED
    assert rules.in_force([done], NOW) is None


def test_who_filed_an_event_does_not_decide():
    for name in ("lin", "mei"):
        with pytest.raises(NotPermittedError) as refused:
            decide(POLICY, RESTRICTED, approved=True, by=name, reason="mine", at=NOW)
        assert (refused.value.code, refused.value.exit_code) == ("own_case", 5)
    assert decide(POLICY, RESTRICTED, approved=True, by="chen", reason="seen", at=NOW).state(NOW) is State.RUNNING


@pytest.mark.parametrize(
    ("case", "reason", "code"),
    [
        (CASE, "  ", "value_missing"),
        (replace(CASE, ended_at=NOW), "seen", "decided_already"),
        (decide(POLICY, CASE, approved=True, by="chen", reason="seen", at=NOW), "again", "decided_already"),
        (decide(POLICY, CASE, approved=True, by="chen", reason="seen", at=NOW + DAY), "earlier", "decided_already"),
    ],
)
def test_a_decision_is_refused(case: Case, reason: str, code: str):
    with pytest.raises(UsageError) as refused:
        decide(POLICY, case, approved=False, by="chen", reason=reason, at=NOW)
    assert refused.value.code == code


# ---------------------------------------------------------------- appeals


def test_an_appeal_has_thirty_days_from_the_confirmation_or_the_later_sanction():
    entry = event(1, "no_show", 30)
    assert rules.appeal_until(POLICY, entry, []) == NOW
    done = decide(POLICY, CASE, approved=True, by="chen", reason="seen", at=NOW + DAY)
    turned_down = decide(POLICY, CASE, approved=False, by="chen", reason="seen", at=NOW + 9 * DAY)
    assert rules.appeal_until(POLICY, entry, [CASE, done, turned_down]) == NOW + 31 * DAY
    assert rules.appeal_until(POLICY, event(2, "no_show", 30), [done]) == NOW
    assert rules.appeal_until(POLICY, replace(entry, confirmed_at=None), []) is None


def test_filing_an_appeal():
    assert rules.file_appeal(3, by="lin", reason=" the parcel came late ", at=NOW, until=NOW) == Appeal(3, "lin", "the parcel came late", NOW)
    assert rules.file_appeal(3, by="lin", reason="x", at=NOW, until=None).upheld is None
    for at, reason, code in ((NOW + 1, "late", "appeal_closed"), (NOW, "", "value_missing")):
        with pytest.raises(UsageError) as refused:
            rules.file_appeal(3, by="lin", reason=reason, at=at, until=NOW)
        assert refused.value.code == code


@pytest.mark.parametrize(
    ("appeal", "by", "reason", "code"),
    [
        (Appeal(3, "wang", "why", NOW), "lin", "mine", "own_case"),  # filed the event
        (Appeal(3, "wang", "why", NOW), "wang", "mine", "own_case"),  # filed the appeal
        (Appeal(3, "wang", "why", NOW), "chen", " ", "value_missing"),
        (Appeal(3, "wang", "why", NOW, upheld=False, decided_by="chen", decided_at=NOW), "chen", "again", "decided_already"),
    ],
)
def test_an_appeals_decision_is_refused(appeal: Appeal, by: str, reason: str, code: str):
    with pytest.raises(ProductError) as refused:
        rules.decide_appeal(appeal, filed_by={"lin"}, upheld=True, by=by, reason=reason, at=NOW)
    assert refused.value.code == code


def test_an_appeal_decided():
    done = rules.decide_appeal(Appeal(3, "wang", "why", NOW), filed_by={"lin"}, upheld=True, by="chen", reason="right", at=NOW + DAY)
    assert (done.upheld, done.decided_by, done.decided_at, done.answer) == (True, "chen", NOW + DAY, "right")


def test_worked_an_upheld_appeal_brings_the_score_back():
    events = [*ledger(*TWELVE), event(25, "no_show", 30, who="lin")]
    case = decide(POLICY, Case(1, proposed(events)), approved=True, by="chen", reason="seen", at=NOW)
    after = rules.uphold(POLICY, events, 25, [case], NOW)
    assert (after.score_before, after.grade_before, after.score_after, after.grade_after) == (634, CreditGrade.C, 744, CreditGrade.A)
    assert after.cases == (Changed(1, Sanction.WARNING, None, None),)
    # Nothing is erased, and what was known before stays known as it was.
    assert len(after.events) == len(events)
    assert propose(POLICY, after.events, CLOCKS) is None
    assert propose(POLICY, after.events, Clocks(NOW, NOW - 1)) is not None


def test_a_sanction_becomes_what_it_would_have_been_without_the_event():
    at = NOW + 10 * DAY
    events = [event(1, "fake_review", 360, who="lin"), event(2, "report_upheld", 3), event(3, "no_show", 1)]
    case = decide(POLICY, Case(4, proposed(events)), approved=True, by="chen", reason="seen", at=NOW + DAY)
    assert case.proposal.level is Sanction.BANNED
    # The oldest has left the window by then, but it was in it when the sanction was proposed.
    assert rules.uphold(POLICY, events, 2, [case], at).cases == (Changed(4, Sanction.BANNED, Sanction.SUSPENDED, NOW + 91 * DAY),)
    assert rules.uphold(POLICY, events, 1, [case], at).cases == (Changed(4, Sanction.BANNED, Sanction.RESTRICTED, NOW + 31 * DAY),)
    first = rules.uphold(POLICY, events, 1, [case], at)
    assert rules.uphold(POLICY, first.events, 3, [case], at).cases == (Changed(4, Sanction.BANNED, Sanction.WARNING, None),)


def test_what_does_not_rest_on_the_event_is_left_alone():
    events = [event(1, "no_show", 30), event(2, "fake_review", 3)]
    other = decide(POLICY, Case(1, proposed(events[:1])), approved=True, by="chen", reason="seen", at=NOW)
    rejected = decide(POLICY, Case(2, proposed(events)), approved=False, by="chen", reason="seen", at=NOW)
    lifted = rules.lift(decide(POLICY, Case(3, proposed(events)), approved=True, by="chen", reason="seen", at=NOW), NOW)
    assert lifted.state(NOW) is State.LIFTED
    assert rules.uphold(POLICY, events, 2, [other, rejected, lifted], NOW).cases == ()


def test_what_became_known_after_the_proposal_does_not_hold_the_sanction_up():
    """A breach of that time, confirmed only later, was no ground of the decision; it may be proposed by itself."""
    first = event(1, "no_show", 30)
    late = Event(2, "no_show", NOW - 20 * DAY, NOW - 20 * DAY, NOW + 2 * DAY)
    case = decide(POLICY, Case(1, proposed([first, late])), approved=True, by="chen", reason="seen", at=NOW)
    assert rules.uphold(POLICY, [first, late], 1, [case], NOW + 5 * DAY).cases == (Changed(1, Sanction.WARNING, None, None),)


def test_a_sanction_that_stands_without_the_event_stays():
    events = [event(1, "no_show", 30), event(2, "dispute_lost", 3)]
    case = decide(POLICY, Case(1, proposed(events)), approved=True, by="chen", reason="seen", at=NOW)
    assert rules.uphold(POLICY, events, 2, [case], NOW).cases == ()
