# SPDX-License-Identifier: Apache-2.0
"""The sample brand shows every page full, is the same every time, and has nobody in it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import pytest

from app.rules.fields import PLATFORMS
from app.rules.rating.asked import CreditAsked
from app.sample import fill
from app.usecases.creators import Question
from app.usecases.roi import Asked
from app.values import Actor, CreditGrade, Stage, Tier, ValueGrade, WorkspaceRef, day_end
from sync.compose import opener

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.services import Services


AUTUMN: Final = date(2026, 11, 15)
"""When its season has ended; grades of a later day know less of it."""


@pytest.fixture
def brand(sample: Path) -> Iterator[Services]:
    services = opener()(WorkspaceRef(str(sample)), Actor("tester"))
    yield services
    services.close()


def test_it_is_the_same_every_time(brand: Services, tmp_path: Path):
    again = opener().create(WorkspaceRef(str(tmp_path / "again.koc")), Actor("somebody else"))
    try:
        told = fill(again)
        assert again.workspace.info(with_hash=True).content_hash == brand.workspace.info(with_hash=True).content_hash
        assert told == {"files": 21, "creators": 1210, "rejected": 7}
    finally:
        again.close()


def test_every_platform_stage_and_tier_is_there(brand: Services):
    facets = brand.creators.facets()
    assert set(PLATFORMS) <= set(facets["platform"])
    for stage in Stage:
        assert brand.creators.count(Question(where=f"stage = {stage.code}")) > 5
    for tier in Tier:
        assert brand.creators.count(Question(where=f"tier = {tier.code}")) > 1
    assert {"category", "city", "country", "owner", "tags"} <= {name for name, values in facets.items() if len(values) > 3}


def test_months_of_figures_move_tiers_and_hysteresis_holds_some(brand: Services):
    rows = brand.creators.page(Question(where="followers > 800 and followers < 60000"), 400, 0)
    explained = [one for row in rows for one in brand.rating.show(row.id).accounts]
    assert any(len({step.tier for step in one.steps}) > 1 for one in explained)
    held = [one for one in explained if one.followers is not None and one.band_low is not None and one.followers < one.band_low and one.override is None]
    assert held, "some keep a tier that their count alone would not give"
    assert all(one.keeps_from is not None and one.followers is not None and one.followers >= one.keeps_from for one in held)


def test_its_history_shows_imports_rejects_undo_and_edits(brand: Services):
    done = brand.workspace.operations()
    kinds = {one.kind for one in done}
    assert {"import.creators", "creator.tag", "creator.set"} <= kinds
    assert [one.summary["file"] for one in done if one.undone_at is not None] == ["去年的名单_误.csv"]
    assert sum(int(str(one.summary["rejected"])) for one in done if one.kind == "import.creators") == 4
    assert all(check.ok for check in brand.workspace.doctor())


def test_credit_and_value_say_something_of_those_who_worked(brand: Services):
    counts = brand.workspace.info().counts
    assert all(counts[name] > 1000 for name in ("contents", "sales", "credit_events", "cost_entries"))
    ran = brand.rating.run_credit(CreditAsked(as_of=AUTUMN))
    assert all(ran.grades.get(grade, 0) > 0 for grade in CreditGrade), ran.grades
    report = brand.roi.report(Asked(as_of=day_end(AUTUMN, brand.zone)))
    assert {row.value_grade for row in report.rows} >= {ValueGrade.S, ValueGrade.A, ValueGrade.B}
    assert report.found > 300
    assert 1 < (report.total.roas or 0) < 3, "as brands of its kind fare"
    assert 0 < report.unattributed_fen < report.total.net_fen
    assert len(brand.roi.paths("markov")[0].channels) > 5


def test_its_files_have_the_slips_that_files_have(brand: Services):
    left_out = {one.kind: one.summary["rejected"] for one in brand.workspace.operations() if one.kind.startswith("import.") and one.kind != "import.creators"}
    assert left_out == {
        "import.contents": 0,
        "import.sales": 2,  # a line of totals, and somebody unknown
        "import.costs": 1,  # an expense of no kind
        "import.events": 0,
        "import.paths": 0,
        "import.contacts": 0,
        "import.trainings": 0,
    }


def test_it_recruits(brand: Services):
    """Sources, silence, the pool, plans, words, training and entitlements: something of each."""
    assert len(brand.recruiting.funnel(by_source=True).sources) > 5
    assert brand.recruiting.overdue().total > 100
    owners = {one.owner: one for one in brand.recruiting.owners()}
    assert owners[None].count > 100
    assert owners["阿澈"].protected == 25
    assert len(brand.recruiting.plans(2026 * 12 + 10, 3).rows) == 21
    by_channel = {one.channel: one.id for one in brand.outreach.templates()}
    assert {"wechat", "platform", "email"} <= by_channel.keys()
    assert len(brand.outreach.queue(by_channel["wechat"]).rows) > 10
    assert len(brand.outreach.log()) > 100
    assert len(brand.outreach.suppressions()) == 5
    assert all(0 < one.passed < one.taken for one in brand.incentives.courses())
    assert [one.used for one in brand.incentives.entitlements() if one.kind == "code"] == [45]


def test_nobody_in_it_can_be_reached(brand: Services):
    """Numbers of a range that no network has, addresses of a domain kept for examples."""
    rows = brand.creators.page(Question(where='phone != ""'), 1000, 0)
    assert len(rows) > 300
    assert all(row.phone is not None and row.phone.startswith("1000000") for row in rows)
    assert all(row.email is not None and row.email.endswith("@example.com") for row in rows)
    assert all(row.wechat is not None and row.wechat.startswith("koc_demo_") for row in rows)
