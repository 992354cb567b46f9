# SPDX-License-Identifier: Apache-2.0
"""Credit through its use case: the worked examples, refusals, and a year whose every day can be told again to the last digit."""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import resources
from app import documents
from app.errors import ProductError, UsageError
from app.events import CreatorsChanged, Event, Events
from app.files import ImportRequest
from app.jobs import Quiet
from app.rules.rating.asked import CreditAsked
from app.usecases.rating import Rating
from app.values import DAY, Actor, WorkspaceRef, day_start
from db import maintenance
from db.engine import writing
from db.stores.creators import CreatorStore
from db.stores.rating import RatingStore
from db.writers.operations import Log
from tests.app.rules.rating.ledgers import NOW, TWELVE, TYPES
from tests.db.conftest import File, koc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ZONE = "Asia/Shanghai"
SHIPPED = resources.text("policies", "credit.toml")
COLUMNS = ("creator_id", "type", "happened_at", "recorded_at", "confirmed_at", "filed_by", "stated")


@dataclass
class Brand:
    """A workspace with its use case, as several people, and a clock that the test moves."""

    path: Path
    now: int = NOW
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = maintenance.create(WorkspaceRef(str(self.path)), self.now)
        self.events = Events()
        self.events.listen(self.told.append)

    def rating(self, who: str = "运营") -> Rating:
        return Rating(RatingStore(self.engine), Actor(who), self.tick, ZONE, self.events)

    def tick(self) -> int:
        self.now += 1
        return self.now

    def creators(self, count: int) -> Sequence[int]:
        rows = File([koc(number) for number in range(1, count + 1)])
        return CreatorStore(self.engine).upsert(rows, ImportRequest(Path("a.csv")), Actor("运营"), self.tick(), Quiet()).creator_ids

    def enter(self, creator: int, *entries: tuple[str, float]) -> None:
        """Confirmed entries of types at ages in days, counted from ``NOW``."""
        with writing(self.engine) as connection:
            log = Log(connection, "import.events", Actor("运营"), self.tick())
            moments = [(kind, NOW - round(age * DAY)) for kind, age in entries]
            log.insert("credit_event", COLUMNS, [(creator, kind, at, at, at, "运营", True) for kind, at in moments])
            log.finish({})

    def shown(self, creator: int, *, as_of: int | date | None = NOW, known_at: int | date | None = None, version: int | None = None) -> dict[str, Any]:
        return documents.credit(self.rating().credit(creator, CreditAsked(as_of, known_at, version)))


@pytest.fixture
def brand(tmp_path: Path) -> Iterator[Brand]:
    made = Brand(tmp_path / "brand.koc")
    yield made
    made.engine.dispose()


# ---------------------------------------------------------------- the worked examples

NO_SHOW = ("no_show", 30.0)
FAKE = ("fake_engagement", 15.0)
FRESH = (("posted_on_time", 0.0), ("approved_first_pass", 0.0), ("metrics_verified", 0.0))


@pytest.mark.parametrize(
    ("entries", "score", "grade", "sanction", "best"),
    [
        ((), 579, "N", None, ("posted_on_time", 4, 645, "B")),
        (TWELVE, 744, "A", None, None),
        ((*TWELVE, NO_SHOW), 634, "C", "warning", ("metrics_verified", 1, 648, "B")),
        ((*TWELVE, NO_SHOW, FAKE), 539, "C", "suspended", None),
        (FRESH, 631, "N", None, None),
        ((*FRESH, ("draft_on_time", 0.0), ("replied_in_time", 0.0)), 644, "B", None, None),
        ((("posted_late", 0.0),), 533, "N", None, None),
        ((("posted_very_late", 0.0), ("slow_reply", 0.0)), 496, "D", None, None),
    ],
)
def test_the_worked_examples(brand: Brand, entries: tuple[tuple[str, float], ...], score: int, grade: str, sanction: str | None, best: Any) -> None:
    one = brand.creators(1)[0]
    if entries:
        brand.enter(one, *entries)
    found = brand.shown(one)
    assert (found["score"], found["grade"], found["enough"]) == (score, grade, grade != "N")
    assert found["sanction"]["level"] == sanction
    assert [row["name"] for row in found["dimensions"]] == ["reliability", "compliance", "authenticity", "cooperation"]
    assert all(row["points"] + row["lost"] == pytest.approx(row["max"], abs=1e-9) for row in found["dimensions"])
    if best is not None:
        assert tuple(found["next_best"][name] for name in ("type", "count", "score", "grade")) == best


def test_a_no_show_is_the_first_reason_until_it_is_voided(brand: Brand) -> None:
    one = brand.creators(1)[0]
    brand.enter(one, *TWELVE, NO_SHOW)
    reason = brand.shown(one)["reasons"][0]
    assert (reason["type"], round(reason["effect"], 4)) == ("no_show", -109.9855)
    brand.rating("审核").void_event(reason["id"], "快递丢件")
    assert brand.shown(one)["score"] == 744


# ---------------------------------------------------------------- what is asked and refused


def test_an_entry_needs_a_reason_a_past_and_a_target(brand: Brand) -> None:
    one = brand.creators(1)[0]
    rating = brand.rating()
    added = rating.add_event(one, "praised")
    assert added.happened_at == added.recorded_at
    for code, call in (
        ("value_missing", lambda: rating.confirm_event(added.id, "  ")),
        ("event_ahead", lambda: rating.add_event(one, "praised", brand.now + DAY)),
        ("appeal_target", lambda: rating.file_appeal("为什么")),
        ("appeal_target", lambda: rating.file_appeal("为什么", event_id=1, sanction_id=1)),
        ("unknown_creator", lambda: rating.credit(99)),
        ("no_preview", lambda: rating.preview("credit", SHIPPED)),
        ("policy_invalid", lambda: rating.set_policy("credit", SHIPPED.replace("monthly_cap = 6", "monthly_cap = -6"), "错")),
    ):
        with pytest.raises(UsageError, match=code):
            call()


def test_listeners_hear_whose_credit_changed(brand: Brand) -> None:
    one = brand.creators(1)[0]
    added = brand.rating().add_event(one, "praised")
    brand.told.clear()
    brand.rating().confirm_event(added.id, "好评")
    assert CreatorsChanged((one,)) in brand.told
    brand.told.clear()
    brand.rating().run_credit()
    assert brand.told == [CreatorsChanged()]


# ---------------------------------------------------------------- a year, told again

POLICIES = (
    SHIPPED.replace("monthly_cap = 6", "monthly_cap = 3"),
    SHIPPED.replace('time_zone = "Asia/Shanghai"', 'time_zone = "Pacific/Auckland"').replace("good = 4, bad = 1", "good = 3, bad = 2"),
    SHIPPED.replace("reliability = 0.40", "reliability = 0.30").replace("cooperation = 0.10", "cooperation = 0.20"),
)


@dataclass
class Year:
    """People at work for a year; what they do follows from a seed."""

    brand: Brand
    people: Sequence[int]
    chance: random.Random
    waiting: list[int] = field(default_factory=list)
    confirmed: list[int] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)

    def day(self) -> None:
        """What happens on a day. A refusal (his own case, too late) is a part of it."""
        for what, odds in ((self._add, 0.7), (self._confirm, 0.6), (self._void, 0.06), (self._decide, 0.4), (self._appeal, 0.15), (self._judge, 0.2)):
            if self.chance.random() < odds:
                try:
                    what()
                    self.done[what.__name__] = self.done.get(what.__name__, 0) + 1
                except ProductError as error:
                    assert error.code in {"own_case", "decided_already", "appeal_open", "appeal_closed", "event_void", "nothing_to_appeal"}  # noqa: PT017 (a part of the year)

    def _who(self) -> Rating:
        return self.brand.rating(self.chance.choice(["甲", "乙", "丙"]))

    def _add(self) -> None:
        at = self.brand.now - self.chance.randrange(40 * DAY)
        self.waiting.append(self._who().add_event(self.chance.choice(self.people), self.chance.choice(TYPES), at).id)

    def _confirm(self) -> None:
        if self.waiting:  # late, and in any order
            one = self.waiting.pop(self.chance.randrange(len(self.waiting)))
            self._who().confirm_event(one, "属实")
            self.confirmed.append(one)

    def _void(self) -> None:
        if self.confirmed:
            self._who().void_event(self.chance.choice(self.confirmed), "有误")

    def _decide(self) -> None:
        rows = self._who().sanctions(open_only=True)
        if rows:
            self._who().decide_sanction(self.chance.choice(rows).id, approved=self.chance.random() < 0.7, reason="按规则")

    def _appeal(self) -> None:
        rows = self._who().sanctions()
        if rows and self.chance.random() < 0.3:
            self._who().file_appeal("太重", sanction_id=self.chance.choice(rows).id)
        elif self.confirmed:
            self._who().file_appeal("不是这样", event_id=self.chance.choice(self.confirmed))

    def _judge(self) -> None:
        rows = self._who().appeals(open_only=True)
        if rows:
            self._who().decide_appeal(self.chance.choice(rows).id, upheld=self.chance.random() < 0.5, reason="查实")


def test_any_day_of_a_year_is_told_again_to_the_last_digit(brand: Brand) -> None:
    first = date(2026, 1, 1)
    brand.now = day_start(first, ZONE)
    year = Year(brand, brand.creators(3), random.Random(1))  # noqa: S311 (a seeded year)
    days, moments = {}, {}
    for number in range(365):
        day = first + timedelta(days=number)
        brand.now = max(brand.now, day_start(day, ZONE))
        if number in {120, 200, 290}:
            brand.rating("管理员").set_policy("credit", POLICIES[(120, 200, 290).index(number)], "改规则")
        year.day()
        if number % 3 == 0:
            one = year.people[number % len(year.people)]
            moments[number] = (one, brand.now, brand.shown(one, as_of=brand.now, known_at=brand.now))
        brand.now = day_start(day + timedelta(days=1), ZONE) - 1000
        # Days of another time zone's policy end at another moment; they are told again by the moments.
        days[day] = [brand.shown(one, as_of=day, known_at=day) for one in year.people] if number < 200 or number >= 290 else None
    assert {"_add", "_confirm", "_void", "_decide", "_appeal", "_judge"} <= year.done.keys(), year.done
    for day, recorded in days.items():
        if recorded is not None:
            assert [brand.shown(one, as_of=day, known_at=day) for one in year.people] == recorded
    for one, at, told in moments.values():
        assert brand.shown(one, as_of=at, known_at=at) == told
    assert {row["policy_version"] for rows in days.values() for row in rows or ()} == {1, 2, 4}
    assert tomllib.loads(SHIPPED) == brand.rating().policy("credit", 1).body
