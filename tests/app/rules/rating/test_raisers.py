# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.rating import raisers as rules
from app.rules.rating.credit import CreditPolicy
from app.rules.rating.raisers import Cause, Change, Confirmation, Deliverable, Entry, Finding, Raised, Review, Reviews, reconcile
from app.values import DAY
from tests.app.rules.rating.ledgers import BODY, HOUR, POLICY

DUE = 1_780_000_000_000_000
POST = Deliverable("deliverable:1", DUE)
LATE_SAMPLE = frozenset({Cause.LATE_SAMPLE})


def outcome(facts: Deliverable, now: int = DUE + 400 * DAY) -> tuple[str, int] | None:
    found = rules.deliverable(POLICY, facts, now)
    return None if found.raised is None or found.excused else (found.raised.type, found.raised.happened_at - DUE)


def policy_without(kind: str) -> CreditPolicy:
    body = copy.deepcopy(BODY)
    body["types"] = [row for row in body["types"] if row["name"] != kind]
    return CreditPolicy.parse(body)


# ---------------------------------------------------------------- when a post is due


@pytest.mark.parametrize(
    ("facts", "due"),
    [
        (POST, 0),
        (replace(POST, sample_days=7), None),  # waits for its sample
        (replace(POST, sample_days=7, sample_received_at=DUE - 9 * DAY), 0),
        (replace(POST, sample_days=7, sample_received_at=DUE - 2 * DAY), 5 * DAY),
        (replace(POST, sample_received_at=DUE + 2 * DAY), 0),  # no days agreed after receipt
        (replace(POST, extensions=((DUE - 1, DUE + 3 * DAY),)), 3 * DAY),
        (replace(POST, extensions=((DUE, DUE + 3 * DAY),)), 0),  # agreed when it was due already
        (replace(POST, extensions=((DUE - DAY, DUE - 2 * DAY),)), 0),  # an extension never shortens
        (replace(POST, extensions=((DUE + DAY, DUE + 5 * DAY), (DUE - 1, DUE + 3 * DAY))), 5 * DAY),  # one after the other
        (replace(POST, extensions=((DUE + 4 * DAY, DUE + 9 * DAY), (DUE - 1, DUE + 3 * DAY))), 3 * DAY),
        (replace(POST, sample_days=7, sample_received_at=DUE, extensions=((DUE + DAY, DUE + 9 * DAY),)), 9 * DAY),
    ],
)
def test_when_a_post_is_due(facts: Deliverable, due: int | None):
    found = rules.due(facts)
    assert (None if found is None else found - DUE) == due


# ---------------------------------------------------------------- how it came out


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (replace(POST, posted_at=DUE - DAY), ("posted_on_time", -DAY)),
        (replace(POST, posted_at=DUE), ("posted_on_time", 0)),
        (replace(POST, posted_at=DUE + 1), ("posted_late", 1)),
        (replace(POST, posted_at=DUE + 72 * HOUR), ("posted_late", 72 * HOUR)),
        (replace(POST, posted_at=DUE + 72 * HOUR + 1), ("posted_very_late", 72 * HOUR + 1)),
        (replace(POST, posted_at=DUE + 30 * DAY), ("posted_very_late", 30 * DAY)),  # after a no-show
        (replace(POST, sample_days=3, posted_at=DUE + DAY), ("posted_on_time", DAY)),  # without the sample
        (replace(POST, sample_days=3, sample_received_at=DUE, posted_at=DUE + 3 * DAY), ("posted_on_time", 3 * DAY)),
        (replace(POST, cancelled_at=DUE - DAY), ("cancelled_by_creator", -DAY)),
        (replace(POST, cancelled_at=DUE - DAY, posted_at=DUE), ("posted_on_time", 0)),  # the newer fact
        (replace(POST, cancelled_at=DUE + DAY, posted_at=DUE), ("cancelled_by_creator", DAY)),
        (POST, ("no_show", 7 * DAY)),
        (replace(POST, sample_days=3), None),
    ],
)
def test_how_a_post_came_out(facts: Deliverable, found: tuple[str, int] | None):
    assert outcome(facts) == found


@pytest.mark.parametrize(("after", "kind"), [(0, None), (7 * DAY - 1, None), (7 * DAY, "no_show")])
def test_a_no_show_is_proposed_seven_days_after_due_with_the_contact_log(after: int, kind: str | None):
    found = rules.deliverable(POLICY, replace(POST, contacts=("contact:4", "contact:9")), DUE + after)
    assert (found.raised and found.raised.type) == kind
    if found.raised:
        assert found.raised.evidence == ("contact:4", "contact:9")
        assert rules.confirmation(POLICY, found.raised.type) is Confirmation.SECOND_PERSON


@pytest.mark.parametrize("cause", list(Cause))
def test_a_cause_on_the_brands_side_excuses_what_is_bad_only(cause: Cause):
    causes = frozenset({cause})
    assert outcome(replace(POST, causes=causes, posted_at=DUE + DAY)) is None
    assert outcome(replace(POST, causes=causes)) is None
    assert outcome(replace(POST, causes=causes, cancelled_at=DUE)) is None
    assert outcome(replace(POST, causes=causes, posted_at=DUE)) == ("posted_on_time", 0)


def test_a_type_that_the_policy_lacks_is_not_raised():
    found = rules.deliverable(policy_without("posted_late"), replace(POST, posted_at=DUE + DAY), DUE + 9 * DAY)
    assert found == Finding("deliverable:1", rules.OUTCOMES)


# ---------------------------------------------------------------- drafts, reviews


@pytest.mark.parametrize(("handed_in_at", "kind"), [(None, None), (DUE - 1, "draft_on_time"), (DUE, "draft_on_time"), (DUE + 1, None)])
def test_a_draft_in_time(handed_in_at: int | None, kind: str | None):
    found = rules.draft(POLICY, rules.Draft("draft:1", DUE, handed_in_at))
    assert (found.raised and found.raised.type) == kind


def reviews(text: str, *, free: int | None = None, causes: frozenset[Cause] = frozenset()) -> Reviews:
    """r: revision; b: after a changed brief; a: approved."""
    steps = tuple(Review(f"review:{number}", DUE + number, letter == "a", letter == "b") for number, letter in enumerate(text))
    return Reviews("deliverable:1", steps[::-1], free, causes)


@pytest.mark.parametrize(
    ("text", "at"),
    [("a", 0), ("ba", 1), ("ra", None), ("bra", None), ("r", None), ("", None), ("b", None), ("aa", 0), ("ara", 0)],
)
def test_approved_at_the_first_pass(text: str, at: int | None):
    raised = rules.first_pass(POLICY, reviews(text)).raised
    assert raised == (None if at is None else Raised("approved_first_pass", "deliverable:1", DUE + at))


@pytest.mark.parametrize(
    ("text", "free", "beyond"),
    [
        ("rra", None, []),
        ("rrra", None, [2]),
        ("rrrra", None, [2, 3]),
        ("rbra", None, []),  # a changed brief uses no round up
        ("bbbbr", None, []),
        ("rrbr", None, [3]),
        ("ra", 0, [0]),
        ("rrrrr", 4, [4]),
    ],
)
def test_revisions_beyond_the_free_rounds(text: str, free: int | None, beyond: list[int]):
    found = rules.revisions(POLICY, reviews(text, free=free))
    assert [finding.raised.happened_at - DUE for finding in found if finding.raised] == beyond
    assert [finding.source for finding in found] == [f"review:{number}" for number in range(len(text))]


def test_revisions_by_a_cause_on_the_brands_side_are_excused():
    found = rules.revisions(POLICY, reviews("rrr", causes=frozenset({Cause.SLOW_REVIEW})))
    assert [finding.excused for finding in found] == [False, False, True]


# ---------------------------------------------------------------- replies, figures, the rest


@pytest.mark.parametrize(
    ("answered", "now", "found"),
    [
        (-1, 0, ("replied_in_time", -1)),
        (0, 9, ("replied_in_time", 0)),
        (1, 9, ("slow_reply", 0)),
        (None, 1, ("slow_reply", 0)),
        (None, 0, None),
    ],
)
def test_replies(answered: int | None, now: int, found: tuple[str, int] | None):
    question = rules.Question("message:1", DUE, None if answered is None else DUE + answered)
    raised = rules.reply(POLICY, question, DUE + now).raised
    assert (None if raised is None else (raised.type, raised.happened_at - DUE)) == found
    excused = rules.reply(POLICY, replace(question, causes=LATE_SAMPLE), DUE + now)
    assert excused.excused == (found is not None and found[0] == "slow_reply")


@pytest.mark.parametrize(
    ("fetched", "checked", "anomaly", "at"),
    [
        (21, None, False, 21),
        (20.99, None, False, None),
        (None, 22, False, 22),
        (30, 22, False, 22),
        (20, 22, False, 22),
        (None, None, False, None),
        (21, 22, True, None),
    ],
)
def test_figures_at_three_weeks(fetched: float | None, checked: float | None, anomaly: bool, at: float | None):
    def day(value: float | None) -> int | None:
        return None if value is None else DUE + round(value * DAY)

    raised = rules.metrics(POLICY, rules.Figures("content:1", DUE, day(fetched), day(checked), anomaly)).raised
    assert raised == (None if at is None else Raised("metrics_verified", "content:1", DUE + round(at * DAY)))


@pytest.mark.parametrize(("gone", "kind"), [(None, None), (-1, "deleted_early"), (0, None), (1, None)])
def test_a_post_taken_down_early(gone: int | None, kind: str | None):
    post = rules.Post("content:1", DUE, None if gone is None else DUE + gone)
    found = rules.kept(POLICY, post)
    assert (found.raised and found.raised.type) == kind
    assert rules.kept(POLICY, replace(post, causes=frozenset({Cause.PLATFORM_AUDIT}))).excused == (kind is not None)


def test_a_training():
    assert rules.training(POLICY, "training:1", DUE).raised == Raised("training_passed", "training:1", DUE)
    assert rules.training(POLICY, "training:1", None) == Finding("training:1", ("training_passed",))


# ---------------------------------------------------------------- one fact, one event


def entry(number: int, kind: str, at: int = 0, *, confirmed: bool = False, voided: bool = False, overturned: bool = False, source: str = POST.source) -> Entry:
    return Entry(number, kind, source, DUE + at, DUE + at, DUE + at if confirmed else None, DUE + at if voided else None, overturned)


def change(facts: Deliverable, *entries: Entry, now: int = DUE + 400 * DAY) -> tuple[tuple[int, ...], str | None]:
    found = reconcile(rules.deliverable(POLICY, facts, now), entries)
    return found.voids, None if found.adds is None else found.adds.type


@pytest.mark.parametrize(
    ("facts", "entries", "expected"),
    [
        (replace(POST, posted_at=DUE), [], ((), "posted_on_time")),
        (replace(POST, posted_at=DUE), [entry(1, "posted_on_time", confirmed=True)], ((), None)),  # a repeat
        (replace(POST, posted_at=DUE + 9 * DAY), [entry(1, "no_show", 7 * DAY, confirmed=True)], ((1,), "posted_very_late")),
        (replace(POST, posted_at=DUE + DAY), [entry(1, "posted_on_time", confirmed=True)], ((1,), "posted_late")),  # the date corrected
        (replace(POST, posted_at=DUE + DAY), [entry(1, "posted_late", 2 * DAY)], ((1,), "posted_late")),
        (replace(POST, posted_at=DUE), [entry(1, "posted_on_time"), entry(2, "posted_on_time"), entry(3, "no_show")], ((2, 3), None)),
        (replace(POST, posted_at=DUE), [entry(1, "posted_on_time", voided=True)], ((), "posted_on_time")),
        (replace(POST, posted_at=DUE + DAY), [entry(1, "posted_late", DAY, voided=True, overturned=True)], ((), None)),
        (replace(POST, posted_at=DUE + 9 * DAY), [entry(1, "no_show", 7 * DAY, voided=True, overturned=True)], ((), "posted_very_late")),
        (replace(POST, posted_at=DUE), [entry(1, "no_show", source="deliverable:2"), entry(2, "praised")], ((), "posted_on_time")),  # another's
        (replace(POST, sample_days=9), [entry(1, "no_show", 7 * DAY)], ((1,), None)),  # the fact has gone
        # A cause named before the confirmation: no event. After it, the appeal remains.
        (replace(POST, posted_at=DUE + DAY, causes=LATE_SAMPLE), [], ((), None)),
        (replace(POST, posted_at=DUE + DAY, causes=LATE_SAMPLE), [entry(1, "posted_late", DAY)], ((1,), None)),
        (replace(POST, posted_at=DUE + DAY, causes=LATE_SAMPLE), [entry(1, "posted_late", DAY, confirmed=True)], ((), None)),
        (replace(POST, posted_at=DUE + 9 * DAY, causes=LATE_SAMPLE), [entry(1, "no_show", 7 * DAY, confirmed=True)], ((1,), None)),
    ],
)
def test_a_newer_fact_replaces_the_older(facts: Deliverable, entries: list[Entry], expected: tuple[tuple[int, ...], str | None]):
    assert change(facts, *entries) == expected


_moments = st.one_of(st.none(), st.integers(-2, 16).map(lambda days: DUE + days * DAY))
_facts = st.builds(
    Deliverable,
    st.just(POST.source),
    st.just(DUE),
    st.sampled_from([None, 3]),
    _moments,
    st.lists(st.tuples(st.integers(-3, 9).map(lambda days: DUE + days * DAY), st.integers(0, 12).map(lambda days: DUE + days * DAY)), max_size=2).map(tuple),
    _moments,
    _moments,
    st.sampled_from([frozenset(), LATE_SAMPLE]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_facts, min_size=1, max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_at_most_one_stays_live_and_a_repeat_changes_nothing(history: list[Deliverable], confirmed: list[bool]):
    """However the facts change, and whatever was confirmed between."""
    entries: list[Entry] = []
    for step, facts in enumerate(history):
        now = DUE + 20 * DAY
        found = rules.deliverable(POLICY, facts, now)
        first = reconcile(found, entries)
        entries = [replace(one, voided_at=now) if one.id in first.voids else one for one in entries]
        if first.adds:
            entries.append(Entry(len(entries), first.adds.type, first.adds.source, first.adds.happened_at, now, now if confirmed[step] else None))
        live = [one for one in entries if one.voided_at is None]
        assert len(live) <= 1
        if found.raised is not None and not found.excused:
            assert [(one.type, one.happened_at) for one in live] == [(found.raised.type, found.raised.happened_at)]
        assert reconcile(found, entries) == Change((), None)


# ---------------------------------------------------------------- confirmation


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("posted_on_time", Confirmation.AT_ONCE),
        ("metrics_verified", Confirmation.AT_ONCE),
        ("posted_late", Confirmation.BY_RULE),
        ("cancelled_by_creator", Confirmation.BY_RULE),
        ("slow_reply", Confirmation.BY_RULE),
        ("no_show", Confirmation.SECOND_PERSON),
    ],
)
def test_how_an_event_is_confirmed(kind: str, how: Confirmation):
    assert rules.confirmation(POLICY, kind) is how


@pytest.mark.parametrize(("hours", "ids"), [(0, (1,)), (47.9, (1,)), (48, (1, 2)), (9_999, (1, 2))])
def test_bad_mechanical_facts_are_confirmed_by_rule_after_two_days(hours: float, ids: tuple[int, ...]):
    entries = [
        entry(1, "posted_on_time"),
        entry(2, "posted_late"),
        entry(3, "no_show"),
        entry(4, "posted_late", confirmed=True),
        entry(5, "posted_late", voided=True),
    ]
    assert rules.confirmable(POLICY, entries, DUE + round(hours * HOUR)) == ids
