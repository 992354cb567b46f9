# SPDX-License-Identifier: Apache-2.0
"""Credit as the store keeps it: right in the transaction of every write, for whom it concerned, and by due process."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.errors import NotPermittedError, UsageError
from app.jobs import Quiet
from app.rules.rating.asked import CreditAsked
from app.rules.rating.ledger import Clocks, Event
from app.rules.rating.sanctions import State
from app.values import DAY, Actor, CreditGrade, Sanction
from db import bulk
from db.engine import reading, writing
from db.stores.rating import confirm_due
from db.writers import ledger as writer
from db.writers.operations import Log
from tests.app.rules.rating.ledgers import BODY, TYPES, verdict
from tests.db.conftest import NOON, Shop, koc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

NOBODY = (579, CreditGrade.N)
HOUR = DAY // 24
REVIEWER = Actor("审核员", "desk")
OTHER = Actor("另一位", "desk")
COLUMNS = ("creator_id", "type", "happened_at", "recorded_at", "confirmed_at", "voided_at", "filed_by", "stated", "source")


def kept(shop: Shop, creator: int) -> tuple[int, CreditGrade]:
    row = shop.row(creator)
    return row.credit_score, row.credit_grade


def row_of(shop: Shop, creator: int) -> Any:
    with reading(shop.engine) as connection:
        return connection.execute(text("select * from credit_score where creator_id = :id"), {"id": creator}).one_or_none()


def enter(shop: Shop, rows: Iterable[tuple[int, str, float]], *, source: str | None = None, confirmed: bool = True) -> int:
    """Entries (creator, type, age in days) as one import; returns the operation."""
    now = shop.tick()
    with writing(shop.engine) as connection:
        log = Log(connection, "import.events", shop.actor, now)
        moments = [(creator, kind, now - round(age * DAY)) for creator, kind, age in rows]
        log.insert("credit_event", COLUMNS, [(one, kind, at, at, at if confirmed else None, None, shop.actor.name, True, source) for one, kind, at in moments])
        return log.finish({"file": "events.csv"})


def ledger_of(shop: Shop, creator: int) -> list[Event]:
    with reading(shop.engine) as connection:
        rows = bulk.fetch(
            connection, "select id, type, happened_at, recorded_at, confirmed_at, voided_at, filed_by from credit_event where creator_id = ?", creator
        )
    return [Event(*row) for row in rows]


def run(shop: Shop, **asked: Any) -> Any:
    return shop.ratings.run_credit(CreditAsked(**asked), shop.actor, shop.tick(), Quiet())


def shown(shop: Shop, creator: int, **asked: Any) -> Any:
    found = shop.ratings.explain_credit(creator, CreditAsked(**asked), shop.now)
    assert found is not None
    return found


def cases(shop: Shop, state: State | None = None) -> list[Any]:
    return [one for one in shop.ratings.sanctions(shop.now) if state is None or one.state is state]


def take(shop: Shop, count: int) -> list[int]:
    shop.take(*(koc(number) for number in range(1, count + 1)))
    return shop.ids()


# ---------------------------------------------------------------- kept scores


def test_somebody_of_whom_nothing_is_known_has_a_score_and_no_grade(shop: Shop) -> None:
    one, two = take(shop, 2)
    assert kept(shop, one) == NOBODY
    assert shop.ids("credit_grade = N and credit_score = 579") == [one, two]
    assert shop.ids("credit_grade >= B") == []
    assert run(shop).grades[CreditGrade.N] == 2
    assert kept(shop, two) == NOBODY


def test_an_entry_counts_once_confirmed_and_no_more_once_voided(shop: Shop) -> None:
    one, other = take(shop, 2)
    added = shop.ratings.add_event(one, "fake_review", shop.now - DAY, "截图", shop.actor, shop.tick())
    assert (added.confirmed_at, added.filed_by, added.evidence) == (None, "某人", "截图")
    assert kept(shop, one) == NOBODY
    shop.ratings.confirm_event(added.id, "属实", REVIEWER, shop.tick())
    assert kept(shop, one) == (verdict(ledger_of(shop, one), Clocks(shop.now, shop.now)).score, CreditGrade.D)
    row = row_of(shop, one)
    assert (row.as_of, row.known_at, row.policy_version, row.score) == (shop.now, shop.now, 1, kept(shop, one)[0])
    assert row_of(shop, other) is None
    shop.ratings.void_event(added.id, "弄错了", REVIEWER, shop.tick())
    assert kept(shop, one) == NOBODY
    assert ledger_of(shop, one)[0].voided_at == shop.now
    with pytest.raises(UsageError, match="decided_already"):
        shop.ratings.void_event(added.id, "再来", REVIEWER, shop.tick())
    with pytest.raises(UsageError, match="decided_already"):
        shop.ratings.confirm_event(added.id, "再来", REVIEWER, shop.tick())


def test_what_is_not_there_is_said_so(file: Shop) -> None:
    one = take(file, 1)[0]
    for code, call in (
        ("unknown_event", lambda: file.ratings.confirm_event(99, "x", REVIEWER, file.tick())),
        ("unknown_event_type", lambda: file.ratings.add_event(one, "smiled", file.now, None, file.actor, file.tick())),
        ("unknown_creator", lambda: file.ratings.add_event(99, "praised", file.now, None, file.actor, file.tick())),
        ("unknown_sanction", lambda: file.ratings.decide_sanction(99, True, "x", REVIEWER, file.tick())),
        ("unknown_appeal", lambda: file.ratings.decide_appeal(99, True, "x", REVIEWER, file.tick())),
        ("unknown_policy", lambda: file.ratings.explain_credit(one, CreditAsked(version=9), file.now)),
    ):
        with pytest.raises(UsageError, match=code):
            call()


def test_only_those_concerned_are_rated_anew(shop: Shop) -> None:
    one, other = take(shop, 2)
    enter(shop, [(one, "praised", 3), (other, "posted_late", 200)])
    before = row_of(shop, other)
    enter(shop, [(one, "praised", 1)])
    assert row_of(shop, other) == before
    assert row_of(shop, one).as_of == shop.now


def test_filter_and_order_by_rank(shop: Shop) -> None:
    good, none, bad, worst = take(shop, 4)
    enter(shop, [(good, kind, age) for age in range(10, 121, 10) for kind in ("posted_on_time", "approved_first_pass")])
    enter(shop, [(bad, "engagement_anomaly", 1), (worst, "fake_review", 1)])
    assert [row.credit_grade.code for row in shop.creators.rows(shop.ids("", "", "-credit_grade"))] == ["A", "N", "C", "D"]
    assert shop.ids("credit_grade >= N") == [good, none]
    assert shop.ids("credit_grade != D and credit_grade < N") == [bad]
    assert shop.ids("credit_grade in (A, D)") == [good, worst]
    assert shop.ids("credit_score > 579") == [good]


def test_an_import_taken_back_leaves_the_scores_as_they_were(shop: Shop) -> None:
    one, two = take(shop, 2)
    enter(shop, [(one, "praised", 3)])
    before, facts = (kept(shop, one), kept(shop, two)), shop.hash()
    operation = enter(shop, [(one, "no_show", 3), (two, "fake_review", 9), (two, "code_resold", 9)])
    assert (kept(shop, two)[1], len(cases(shop))) == (CreditGrade.D, 2)
    shop.undo(operation)
    assert (kept(shop, one), kept(shop, two)) == before
    assert (cases(shop), shop.hash()) == ([], facts)
    shop.redo(operation)
    assert (kept(shop, two)[1], len(cases(shop))) == (CreditGrade.D, 2)
    assert shop.faults() == []


def test_leads_that_came_with_their_entries_go_with_them(shop: Shop) -> None:
    now = shop.tick()
    done = shop.take(koc(7))
    enter(shop, [(done.creator_ids[0], "fake_review", 1)])
    assert row_of(shop, done.creator_ids[0]).known_at > now
    entries = shop.house.operations()[0].id
    shop.undo(entries)
    shop.undo(done.operation_id)
    assert shop.ids() == []
    assert row_of(shop, done.creator_ids[0]) is None


def test_confirming_and_voiding_can_be_taken_back(shop: Shop) -> None:
    one = take(shop, 1)[0]
    added = shop.ratings.add_event(one, "fake_review", shop.now, None, shop.actor, shop.tick())
    shop.ratings.confirm_event(added.id, "属实", REVIEWER, shop.tick())
    confirmed = shop.house.operations()[0].id
    shop.undo(confirmed)
    assert kept(shop, one) == NOBODY
    shop.redo(confirmed)
    assert kept(shop, one)[1] is CreditGrade.D
    shop.ratings.void_event(added.id, "弄错了", REVIEWER, shop.tick())
    shop.undo(shop.house.operations()[0].id)
    assert kept(shop, one)[1] is CreditGrade.D


@given(
    rows=st.lists(st.tuples(st.sampled_from(TYPES), st.integers(0, 500 * 24)), max_size=25).map(lambda rows: [(kind, hours / 24) for kind, hours in rows]),
    data=st.data(),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_entry_does_not_matter(shops: Callable[[str], Shop], rows: list[tuple[str, float]], data: st.DataObject) -> None:
    shop = shops("sqlite")
    try:
        one, other = take(shop, 2)
        mixed = data.draw(st.permutations(rows))
        operation = enter(shop, [(one, kind, age) for kind, age in rows])
        shop.now -= 1_000_000
        for first in range(0, len(mixed), 7):
            enter(shop, [(other, kind, age) for kind, age in mixed[first : first + 7]])
            shop.now -= 1_000_000
        shop.now += 1_000_000
        run(shop, as_of=shop.now, known_at=shop.now)
        first, second = row_of(shop, one), row_of(shop, other)
        assert first[1:] == second[1:]
        slow = verdict(ledger_of(shop, one), Clocks(first.as_of, first.known_at))
        assert kept(shop, one) == (slow.score, slow.grade)
        shop.undo(operation)
        assert kept(shop, one) == NOBODY
    finally:
        shop.house.close()


# ---------------------------------------------------------------- runs


def test_a_run_for_another_day_is_kept_until_the_next_event(shop: Shop) -> None:
    one, other = take(shop, 2)
    enter(shop, [(one, "fake_review", 3), (other, "fake_review", 3)])
    assert len(cases(shop)) == 2
    ran = run(shop, as_of=shop.now - 5 * DAY)
    assert (ran.rated, ran.as_of, ran.opened, ran.withdrawn) == (2, shop.now - 1_000_000 - 5 * DAY, 0, 0)
    assert kept(shop, one) == kept(shop, other) == NOBODY
    enter(shop, [(one, "praised", 0.1)])
    assert (kept(shop, one)[1], kept(shop, other)) == (CreditGrade.D, NOBODY)
    run(shop)
    assert kept(shop, other)[1] is CreditGrade.D
    assert {one.state for one in cases(shop)} == {State.PROPOSED}


def test_a_new_policy_rates_everybody_at_once_and_old_answers_keep_theirs(shop: Shop) -> None:
    one, two = take(shop, 2)
    enter(shop, [(one, "praised", 3)])
    before = shown(shop, one, as_of=shop.now, known_at=shop.now)
    harsh = {**BODY, "prior": {"good": 1, "bad": 4}}
    tiers = [row.tier for row in shop.creators.rows(shop.ids())]
    shop.ratings.set_policy("credit", harsh, "从严", shop.actor, shop.tick())
    assert kept(shop, one)[0] == shown(shop, one).explanation.score < before.explanation.score
    assert kept(shop, two)[0] < NOBODY[0]
    assert (row_of(shop, one).policy_version, row_of(shop, two).policy_version) == (2, 2)
    again = shown(shop, one, as_of=before.as_of, known_at=before.known_at)
    assert again == before
    assert shown(shop, one, version=1).policy_version == 1
    shop.take(koc(9))
    assert kept(shop, shop.ids()[-1]) == kept(shop, two)
    shop.undo(next(row.id for row in shop.house.operations() if row.kind == "policy.set"))
    assert kept(shop, two) == NOBODY
    assert [row.tier for row in shop.creators.rows(shop.ids())][:2] == tiers


def test_a_day_is_one_of_the_policy_in_force_at_its_end(shop: Shop) -> None:
    from datetime import date

    from app.values import day_end, local

    one = take(shop, 1)[0]
    day = local(NOON, "Asia/Shanghai").date()
    end = day_end(day, "Asia/Shanghai")
    shop.now = end - 10_000_000
    shop.ratings.set_policy("credit", {**BODY, "time_zone": "UTC"}, "换时区", shop.actor, shop.tick())
    assert shown(shop, one, known_at=day).policy_version == 2
    assert shown(shop, one, known_at=day).known_at == day_end(day, "UTC") - 1
    assert shown(shop, one, known_at=date(2026, 1, 1)).policy_version == 1
    assert shown(shop, one, as_of=day, version=1).as_of == end


# ---------------------------------------------------------------- sanctions and appeals


def test_the_ladder_proposes_once_and_a_person_decides(shop: Shop) -> None:
    one = take(shop, 1)[0]
    enter(shop, [(one, "no_show", 30)])
    case = cases(shop)[0]
    assert (case.level, case.points, case.state, case.creator_id) == (Sanction.WARNING, 4, State.PROPOSED, one)
    assert run(shop).opened == 0
    assert [row.id for row in cases(shop)] == [case.id]
    refused = UsageError if shop.engine.dialect.name == "sqlite" else NotPermittedError
    with pytest.raises(refused, match="own_case"):
        shop.ratings.decide_sanction(case.id, True, "同意", shop.actor, shop.tick())
    decided = shop.ratings.decide_sanction(case.id, True, "同意", REVIEWER, shop.tick())
    assert (decided.state, decided.decided_by, decided.appeal_until) == (State.RUNNING, "审核员", shop.now + 30 * DAY)
    standing = shown(shop, one).sanction
    assert (standing.level, standing.points, standing.proposed, standing.in_force) == (Sanction.WARNING, 4, False, Sanction.WARNING)
    assert run(shop).opened == 0
    with pytest.raises(UsageError, match="decided_already"):
        shop.ratings.decide_sanction(case.id, False, "反悔", OTHER, shop.tick())


def test_an_upheld_appeal_takes_score_grade_and_sanction_along(shop: Shop) -> None:
    one = take(shop, 1)[0]
    enter(shop, [(one, "no_show", 30), (one, "fake_review", 15)])
    number = next(event.id for event in ledger_of(shop, one) if event.type == "fake_review")
    case = cases(shop)[0]
    assert (case.level, case.points) == (Sanction.SUSPENDED, 10)
    shop.ratings.decide_sanction(case.id, True, "同意", REVIEWER, shop.tick())
    harsh = kept(shop, one)
    appeal = shop.ratings.file_appeal(number, None, "评价是真的", OTHER, shop.tick())
    with pytest.raises(UsageError, match="appeal_open"):
        shop.ratings.file_appeal(number, None, "再提", OTHER, shop.tick())
    refused = UsageError if shop.engine.dialect.name == "sqlite" else NotPermittedError
    for who in (shop.actor, OTHER):
        with pytest.raises(refused, match="own_case"):
            shop.ratings.decide_appeal(appeal.id, True, "查实", who, shop.tick())
    decided = shop.ratings.decide_appeal(appeal.id, True, "查实", REVIEWER, shop.tick())
    assert decided.upheld is True
    assert decided.followed is not None
    assert (decided.followed.score_after, decided.followed.grade_after) == kept(shop, one)
    assert kept(shop, one)[0] > harsh[0]
    assert decided.followed.sanctions == ((case.id, Sanction.SUSPENDED, Sanction.WARNING),)
    assert {row.level: row.state for row in cases(shop)} == {Sanction.SUSPENDED: State.LIFTED, Sanction.WARNING: State.RUNNING}
    assert run(shop).opened == 0
    assert shown(shop, one, as_of=shop.now - 3_000_000, known_at=shop.now - 3_000_000).sanction.in_force is Sanction.SUSPENDED
    assert shown(shop, one).sanction.in_force is Sanction.WARNING


def test_a_rejected_appeal_changes_nothing_but_its_record(shop: Shop) -> None:
    one = take(shop, 1)[0]
    enter(shop, [(one, "fake_review", 15)])
    before, number = kept(shop, one), ledger_of(shop, one)[0].id
    appeal = shop.ratings.file_appeal(number, None, "不是", OTHER, shop.tick())
    decided = shop.ratings.decide_appeal(appeal.id, False, "证据充分", REVIEWER, shop.tick())
    assert (decided.upheld, decided.answer, decided.followed, kept(shop, one)) == (False, "证据充分", None, before)
    assert [row.upheld for row in shop.ratings.appeals()] == [False]
    assert shop.ratings.appeals(open_only=True) == []


def test_an_appeal_against_a_sanction_lifts_it(shop: Shop) -> None:
    one = take(shop, 1)[0]
    enter(shop, [(one, "no_show", 30)])
    case = cases(shop)[0]
    with pytest.raises(UsageError, match="nothing_to_appeal"):
        shop.ratings.file_appeal(None, case.id, "太重", OTHER, shop.tick())
    shop.ratings.decide_sanction(case.id, True, "同意", REVIEWER, shop.tick())
    appeal = shop.ratings.file_appeal(None, case.id, "太重", OTHER, shop.tick())
    shop.ratings.decide_appeal(appeal.id, True, "从轻", REVIEWER, shop.tick())
    assert [row.state for row in cases(shop)] == [State.LIFTED]
    assert run(shop).opened == 0, "what was judged is not proposed again"


def test_the_time_to_appeal_ends(shop: Shop) -> None:
    one = take(shop, 1)[0]
    enter(shop, [(one, "no_show", 300)])
    number = ledger_of(shop, one)[0].id
    shop.now += 30 * DAY
    appeal = shop.ratings.file_appeal(number, None, "才知道", OTHER, shop.now)
    shop.ratings.decide_appeal(appeal.id, False, "不成立", REVIEWER, shop.tick())
    with pytest.raises(UsageError, match="appeal_closed"):
        shop.ratings.file_appeal(number, None, "又来", OTHER, shop.tick())


def test_a_decided_sanction_holds_the_entries_it_rests_on(shop: Shop) -> None:
    one = take(shop, 1)[0]
    operation = enter(shop, [(one, "no_show", 30), (one, "praised", 3)])
    shop.ratings.decide_sanction(cases(shop)[0].id, True, "同意", REVIEWER, shop.tick())
    undone = shop.undo(operation)
    assert [row.why for row in undone.kept] == ["used_later"]
    assert [event.type for event in ledger_of(shop, one)] == ["no_show"]


def test_a_proposal_that_is_overtaken_is_withdrawn(shop: Shop) -> None:
    one = take(shop, 1)[0]
    enter(shop, [(one, "no_show", 364)])
    shop.now += 2 * DAY
    assert run(shop).withdrawn == 1
    assert [row.state for row in cases(shop)] == [State.WITHDRAWN]


# ---------------------------------------------------------------- a second person


def test_nobody_confirms_his_own_no_show(shop: Shop) -> None:
    one = take(shop, 1)[0]
    added = shop.ratings.add_event(one, "no_show", shop.now, None, shop.actor, shop.tick())
    with pytest.raises(UsageError if shop.ratings.alone else NotPermittedError, match="own_case"):
        shop.ratings.confirm_event(added.id, "没发", shop.actor, shop.tick())
    assert shop.ratings.confirm_event(added.id, "没发", REVIEWER, shop.tick()).confirmed_by == "审核员"


def test_one_person_with_every_name_decides_his_own_where_he_says_so_and_it_is_marked(shop: Shop) -> None:
    one = take(shop, 1)[0]
    enter(shop, [(one, "no_show", 30)])
    case, me = cases(shop)[0], shop.actor
    added = shop.ratings.add_event(one, "no_show", shop.now, None, me, shop.tick())
    if not shop.ratings.alone:
        with pytest.raises(NotPermittedError, match="own_case"):
            shop.ratings.decide_sanction(case.id, True, "证据充分", me, shop.tick(), own=True)
        with pytest.raises(NotPermittedError, match="own_case"):
            shop.ratings.confirm_event(added.id, "没发", me, shop.tick(), own=True)
        return
    assert shop.ratings.decide_sanction(case.id, True, "证据充分", me, shop.tick(), own=True).self_decided
    assert shop.ratings.confirm_event(added.id, "没发", me, shop.tick(), own=True).self_decided
    appeal = shop.ratings.file_appeal(None, case.id, "不服", OTHER, shop.tick())
    assert not appeal.self_decided
    assert shop.ratings.decide_appeal(appeal.id, False, "维持", me, shop.tick(), own=True).self_decided, "what it challenges rests on his entry"
    assert [row.self_decided for row in shop.ratings.appeals()] == [True]
    by_id = {row.id: row for row in cases(shop)}
    assert by_id[case.id].self_decided
    with reading(shop.engine) as connection:
        summaries = [json.loads(row[0]) for row in bulk.fetch(connection, "select summary from operation order by id desc limit 4")]
        seals = [row[0] for row in bulk.fetch(connection, "select object from audit where object like '% self_decided'")]
    assert [one.get("self_decided") for one in summaries] == [1, None, 1, 1]
    assert len(seals) == 3
    opened = next(row for row in cases(shop) if row.state is State.PROPOSED)
    assert not shop.ratings.decide_sanction(opened.id, False, "再看", REVIEWER, shop.tick(), own=True).self_decided, "another's decision is no self-decision"


def test_where_names_are_checked_nobody_confirms_his_own_entry(shop: Shop) -> None:
    one = take(shop, 1)[0]
    added = shop.ratings.add_event(one, "praised", shop.now, None, shop.actor, shop.tick())
    if shop.ratings.alone:
        assert shop.ratings.confirm_event(added.id, "好评", shop.actor, shop.tick()).confirmed_by == added.filed_by
        return
    with pytest.raises(NotPermittedError, match="own_case"):
        shop.ratings.confirm_event(added.id, "好评", shop.actor, shop.tick())
    shop.ratings.confirm_event(added.id, "好评", REVIEWER, shop.tick())
    with pytest.raises(NotPermittedError, match="own_case"):
        shop.ratings.void_event(added.id, "撤回", shop.actor, shop.tick())


# ---------------------------------------------------------------- confirmed by rule


def test_what_the_program_raised_is_confirmed_by_rule_when_its_time_has_come(shop: Shop) -> None:
    one = take(shop, 1)[0]
    enter(shop, [(one, "posted_late", 0), (one, "no_show", 0)], source="deliverable:1", confirmed=False)
    enter(shop, [(one, "slow_reply", 5)], confirmed=False)  # somebody's own proposal waits for a person
    assert confirm_due(shop.engine, shop.actor, shop.now + 47 * HOUR) == 0
    assert kept(shop, one) == NOBODY
    later = shop.now + 49 * HOUR
    assert confirm_due(shop.engine, shop.actor, later) == 1
    assert confirm_due(shop.engine, shop.actor, later + 1) == 0
    assert {event.type: event.confirmed_at for event in ledger_of(shop, one)} == {"posted_late": later, "no_show": None, "slow_reply": None}
    assert row_of(shop, one).as_of == later
    enter(shop, [(one, "praised", 0)], source="deliverable:2", confirmed=False)
    assert run(shop).confirmed == 1


# ---------------------------------------------------------------- evidence


def test_a_file_of_evidence_is_kept_once_by_its_content(file: Shop, tmp_path: Path) -> None:
    one = take(file, 1)[0]
    picture = tmp_path / "截图.PNG"
    picture.write_bytes(b"\x89PNG evidence")
    added = [file.ratings.add_event(one, "fake_review", file.now, picture, file.actor, file.tick()) for _ in range(2)]
    digest = hashlib.sha256(picture.read_bytes()).hexdigest()
    assert [entry.evidence for entry in added] == [f"{digest}.png 截图.PNG"] * 2
    folder = tmp_path / (file.ref.address.rpartition("/")[2] + ".files")
    assert [one.name for one in folder.iterdir()] == [f"{digest}.png"]
    assert (folder / f"{digest}.png").read_bytes() == picture.read_bytes()
    with pytest.raises(UsageError, match="no_file"):
        file.ratings.add_event(one, "fake_review", file.now, tmp_path / "nothing.png", file.actor, file.tick())


def test_a_teams_database_keeps_no_files(shops: Callable[[str], Shop], tmp_path: Path) -> None:
    team = shops("postgresql")
    one = take(team, 1)[0]
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(UsageError, match="evidence_needs_file"):
        team.ratings.add_event(one, "fake_review", team.now, tmp_path / "a.png", team.actor, team.tick())
    assert ledger_of(team, one) == []


# ---------------------------------------------------------------- many


@pytest.mark.parametrize("many", [1, 20_000])
def test_many_are_rated_alike_whichever_way_their_entries_are_read(shop: Shop, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    monkeypatch.setattr(writer, "_MANY", many)
    monkeypatch.setattr(writer, "_AT_A_TIME", 3)
    ids = take(shop, 12)
    enter(shop, [(one, TYPES[(one * 7 + at) % len(TYPES)], at * 11 + 1) for one in ids[::2] for at in range(5)])
    enter(shop, [(one, TYPES[(one + at) % len(TYPES)], at * 5 + 1) for one in ids[:3] for at in range(5)])
    for one in ids:
        row = row_of(shop, one)
        at = shop.now if row is None else row.as_of
        slow = verdict(ledger_of(shop, one), Clocks(at, at))
        assert kept(shop, one) == (slow.score, slow.grade)
    opened = [(row.creator_id, row.level, row.points, row.event_ids) for row in cases(shop, State.PROPOSED)]
    for creator, level, points, event_ids in opened:
        proposed = shown(shop, creator)
        assert (proposed.sanction.level, proposed.sanction.points, proposed.sanction.proposed) == (level, points, True)
        assert json.dumps(event_ids)


# ---------------------------------------------------------------- kept = computed


def test_the_doctor_finds_and_mends_a_score_that_does_not_follow(shop: Shop) -> None:
    one, other = take(shop, 2)
    enter(shop, [(one, "fake_review", 3)])
    assert shop.faults() == []
    with writing(shop.engine) as connection:
        connection.execute(text("update creator set credit_score = 900, credit_grade = 6 where id = :id"), {"id": other})
        connection.execute(text("update credit_score set score = 900 where creator_id = :id"), {"id": one})
    assert shop.faults() == ["credit"]
    assert shop.faults(repair=True) == []
    assert kept(shop, other) == NOBODY
    assert kept(shop, one)[1] is CreditGrade.D


@dataclass
class History:
    """People at work on a few creators; what they do follows from a seed."""

    shop: Shop
    ids: list[int]
    chance: random.Random
    operations: list[int] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)

    def step(self) -> None:
        self.shop.now += self.chance.randrange(3 * DAY)
        steps = (self._enter, self._enter, self._enter, self._judge, self._judge, self._undo, self._redo, self._policy, self._run, self._decide)
        self.chance.choice(steps)()

    def _enter(self) -> None:
        rows = [(self.chance.choice(self.ids), self.chance.choice(TYPES), self.chance.random() * 400) for _ in range(self.chance.randrange(1, 5))]
        self.operations.append(enter(self.shop, rows))

    def _judge(self) -> None:
        shop = self.shop
        added = shop.ratings.add_event(self.chance.choice(self.ids), self.chance.choice(TYPES), shop.now, None, shop.actor, shop.tick())
        shop.ratings.confirm_event(added.id, "属实", REVIEWER, shop.tick())
        if self.chance.random() < 0.4:
            shop.ratings.void_event(added.id, "有误", REVIEWER, shop.tick())

    def _undo(self) -> None:
        if self.operations:
            self.undone.append(self.operations.pop(self.chance.randrange(len(self.operations))))
            self.shop.undo(self.undone[-1])

    def _redo(self) -> None:
        if self.undone:
            self.operations.append(self.undone.pop())
            self.shop.redo(self.operations[-1])

    def _policy(self) -> None:
        body = {**BODY, "prior": {"good": self.chance.randrange(2, 6), "bad": 1}}
        self.shop.ratings.set_policy("credit", body, "改", self.shop.actor, self.shop.tick())

    def _run(self) -> None:
        run(self.shop, **({"as_of": self.shop.now - self.chance.randrange(60 * DAY)} if self.chance.random() < 0.5 else {}))

    def _decide(self) -> None:
        for case in cases(self.shop, State.PROPOSED)[:1]:
            self.shop.ratings.decide_sanction(case.id, self.chance.random() < 0.5, "按规则", REVIEWER, self.shop.tick())


@pytest.mark.parametrize("seed", range(4))
def test_what_is_kept_is_what_is_computed_whatever_happened(file: Shop, seed: int) -> None:
    history = History(file, take(file, 5), random.Random(seed))  # noqa: S311 (a seeded history)
    for _ in range(45):
        history.step()
    assert file.faults() == []
    ran = run(file)
    for one in history.ids:
        found = shown(file, one, as_of=ran.as_of, known_at=ran.known_at)
        assert kept(file, one) == (found.explanation.score, found.explanation.grade)
    assert ran.policy_version > 1
