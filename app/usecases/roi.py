# SPDX-License-Identifier: Apache-2.0
"""Return: sales split over creators, what every creator brought back with its uncertainty, channels of paths."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypeVar

from app.errors import UsageError, WorkspaceError
from app.events import CreatorsChanged, Event, Events, ReturnsChanged
from app.jobs import Job, Quiet
from app.rules.bookable import FREE
from app.rules.models import MODELS
from app.values import ValueGrade

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from app.rules.bookable import Verdict
    from app.rules.outcomes import Outlook, Ranking
    from app.rules.paths import Path, PathCredits
    from app.rules.rating.value import Reason, Word
    from app.rules.report import Figures, LeftOut
    from app.rules.roi import RoiPolicy
    from app.values import Tier

    Ids: TypeAlias = npt.NDArray[np.int64]
    """Creator ids, shape (n,)."""

DIMENSIONS: Final = ("creator", "account", "tier", "group", "platform", "category", "campaign", "content", "product", "month")
"""What returns may be summed by."""


@dataclass(frozen=True, slots=True)
class Span:
    """A period [since, until) of moments; None has no end."""

    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """What a model attributes of the sales of a period: attributed + unattributed = net."""

    model: str
    sales: int
    net_fen: int
    attributed_fen: int
    unattributed_fen: int
    seconds: float = 0.0
    left_out: tuple[LeftOut, ...] = ()
    """What the period has in other currencies, and none of these figures."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about returns. ``as_of`` None is now, ``model`` None the policy's, ``policy`` a version of the rules of return."""

    by: str = "creator"
    span: Span = Span()
    as_of: int | None = None
    model: str | None = None
    top: int | None = None
    target: float | None = None
    policy: int | None = None


@dataclass(frozen=True, slots=True)
class ReturnRow:
    """Return of one creator, account, tier, month …; ``label`` is its name, or a code of the dimension's own words."""

    key: int | str | None
    label: str
    figures: Figures
    value_grade: ValueGrade | None


@dataclass(frozen=True, slots=True)
class ReturnReport:
    """Returns in order, best first by the cautious estimate (months by time, others by net revenue), and all of them together."""

    by: str
    model: str
    rows: tuple[ReturnRow, ...]
    found: int
    total: Figures
    unattributed_fen: int
    margin: float
    target: float | None
    seconds: float = 0.0
    left_out: tuple[LeftOut, ...] = ()
    """What the period has in other currencies, and none of these figures."""


@dataclass(frozen=True, slots=True)
class OneReturn:
    """What one creator brought back over all time; ``row`` is None where there is neither cost nor sale. ``costs`` are fen by kind."""

    row: ReturnRow | None
    costs: Mapping[str, int]


# ---------------------------------------------------------------- behind the figures


@dataclass(frozen=True, slots=True)
class Person:
    """Who a creator is, as far as a return needs it. ``tier`` is the main account's, ``sanction`` the one in force."""

    id: int
    name: str
    platform: str
    tier: Tier | None
    credit_grade: str | None
    sanction: str | None
    coded: bool
    booking: Verdict = FREE


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a creator brought back, with the operator's word and what decided it."""

    id: int
    person: Person
    figures: Figures
    value_grade: ValueGrade
    word: Word
    reason: Reason


@dataclass(frozen=True, slots=True)
class Leading:
    """The first of a ranking with what all of them come to."""

    model: str
    margin: float
    target: float | None
    found: int
    total: Figures
    unattributed_fen: int
    rows: tuple[Outcome, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One figure of contents: how many contents have it, its sum, and over those that have the step before as well, both sums."""

    name: str
    contents: int
    total: int | None
    both: int
    before: int
    after: int

    @property
    def rate(self) -> float | None:
        """Of the step before; None where nothing has both."""
        return self.after / self.before if self.both and self.before > 0 else None


@dataclass(frozen=True, slots=True)
class Funnel:
    """From impressions to orders, over so many contents with figures."""

    contents: int
    steps: tuple[FunnelStep, ...]


@dataclass(frozen=True, slots=True)
class Orders:
    """Which order lines: of a creator, account, month, product, content or campaign (``by`` and its key), a page of them."""

    by: str
    key: int | str | None
    span: Span = Span()
    limit: int = 200
    offset: int = 0


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order line with what of its net revenue is the creator's (or anybody's), whose it is, and what ties it to them."""

    id: int
    paid_at: int
    shop: str
    order_id: str
    line_id: str
    product: str | None
    quantity: int | None
    amount_fen: int
    refund_fen: int
    credited_fen: int
    owners: tuple[str, ...]
    ties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderPage:
    """A page of order lines; ``found`` is None where nobody counted them all."""

    rows: tuple[OrderLine, ...]
    found: int | None


class ReturnFacts(Protocol):
    """Sums of returns as the facts give them. One method is one transaction."""

    def split(self, span: Span, model: str | None, job: Job) -> Split:
        """Attribute the sales of a period under a model."""

    def report(self, asked: Asked, now: int, job: Job) -> ReturnReport:
        """Returns by a dimension."""

    def one(self, creator_id: int, now: int, job: Job) -> OneReturn:
        """Return of one creator over all time, and its costs."""

    def kept(self, ids: Sequence[int]) -> Mapping[int, Figures]:
        """Returns of creators over all time as last kept, by id; who had none then is left out."""

    def refresh(self, now: int, job: Job) -> bool:
        """Keep returns and value grades of now, unless they are kept already; whether that was to be done."""

    def ranking(self, asked: Asked, now: int, job: Job) -> Ranking:
        """Creators of a period as columns."""

    def policy(self) -> RoiPolicy:
        """The rules of return in force."""

    def stamp(self, now: int) -> object:
        """Another whenever a ranking may have become another."""

    def people(self, ids: Sequence[int], now: int) -> Mapping[int, Person]:
        """Who creators are, by id."""

    def funnel(self, span: Span, only: Ids | None, job: Job) -> Funnel:
        """Figures of contents published in a period, of some creators or all."""

    def months(self, asked: Asked, only: Ids, job: Job) -> Sequence[ReturnRow]:
        """Returns of some creators together, by month."""

    def orders(self, wanted: Orders, model: str | None, job: Job) -> OrderPage:
        """Order lines behind a creator, an account or a group, a page at a time."""

    def costs(self, creator_id: int, span: Span) -> Mapping[str, int]:
        """A creator's costs of a period by kind."""

    def paths(self) -> Sequence[Path]:
        """Channel paths."""

    def markov_order(self) -> int:
        """How many channels a state of the Markov model has unless told."""


class Roi:
    """What people ask about returns."""

    def __init__(self, facts: ReturnFacts, zone: str, clock: Callable[[], int], events: Events) -> None:
        """Work on facts. Whoever composes this tells ``follow`` what was saved."""
        self._facts, self.zone, self._clock, self._events = facts, zone, clock, events
        self._lock = Lock()
        self._rankings: dict[tuple[Span, str | None], tuple[object, Ranking]] = {}
        self._outlooks: dict[tuple[Span, str | None, float | None], tuple[object, Outlook]] = {}

    def attribute(self, span: Span | None = None, model: str | None = None, job: Job | None = None) -> Split:
        """Split the sales of a period over creators."""
        _known_model(model)
        return self._facts.split(span or Span(), model, job or Quiet())

    def report(self, asked: Asked, job: Job | None = None) -> ReturnReport:
        """Returns by creator or another dimension."""
        _checked(asked)
        return self._facts.report(asked, self._clock(), job or Quiet())

    def one(self, creator_id: int, job: Job | None = None) -> OneReturn:
        """Return of one creator over all time, and its costs."""
        return self._facts.one(creator_id, self._clock(), job or Quiet())

    def kept(self, ids: Sequence[int]) -> Mapping[int, Figures]:
        """Returns of creators over all time as last kept, at once: for lists in which they are one column among others."""
        return self._facts.kept(ids)

    def margin(self) -> float:
        """Share of net revenue that is left, by the rules in force: one over it is the return at which nothing is lost."""
        return self._facts.policy().margin

    # ------------------------------------------------------------ rankings

    def leading(self, asked: Asked, limit: int, job: Job | None = None) -> Leading:
        """The first of a ranking of creators, best first; of all time at once, however many there are."""
        _checked(asked)
        key, job = (asked.span, asked.model), job or Quiet()
        if key == (Span(), None) and key not in self._rankings:
            done = self._facts.report(replace(asked, by="creator", top=limit), self._clock(), job)
            rows = self._worded([int(row.key or 0) for row in done.rows], [row.figures for row in done.rows], [row.value_grade for row in done.rows])
            return Leading(done.model, done.margin, done.target, done.found, done.total, done.unattributed_fen, rows, done.left_out)
        look = self.outlook(asked, job)
        of = look.ranking
        first = of.sums.key[look.rows()[:limit]].tolist()
        rows = tuple(self.outcomes(asked, first))
        return Leading(of.model, of.policy.margin, asked.target, len(of.order), of.total, of.unattributed_fen, rows, of.left_out)

    def outlook(self, asked: Asked, job: Job | None = None) -> Outlook:
        """Every creator of a period ranked and worded; kept until something changes."""
        from app.rules.outcomes import Outlook  # noqa: PLC0415 (start-up: arrays load when there is something to compute)

        _checked(asked)
        now, job = self._clock(), job or Quiet()
        key = (asked.span, asked.model)
        with self._lock:
            stamp = self._facts.stamp(now)
            held = self._rankings.get(key)
            if held is None or held[0] != stamp:
                ranking = self._facts.ranking(replace(asked, by="creator", top=None), now, job)
                stamp = self._facts.stamp(now)  # keeping it is done something, too
                held = _held(self._rankings, key, (stamp, ranking))
            look = self._outlooks.get((*key, asked.target))
            if look is None or look[1].ranking is not held[1]:
                look = _held(self._outlooks, (*key, asked.target), (stamp, Outlook.of(held[1], asked.target)))
            return look[1]

    def outcomes(self, asked: Asked, ids: Sequence[int]) -> list[Outcome]:
        """Creators of a ranking in the order given; who is not in it is left out."""
        import numpy as np  # noqa: PLC0415 (likewise)

        held = self._outlooks.get((asked.span, asked.model, asked.target))
        look = self.outlook(asked) if held is None else held[1]
        places = look.places(np.array(ids, dtype=np.int64))
        keys, grades = look.ranking.sums.key[places].tolist(), [ValueGrade(one) for one in look.ranking.grade[places].tolist()]
        return list(self._worded(keys, list(look.figures(places)), grades))

    def _worded(self, ids: Sequence[int], figures: Sequence[Figures], grades: Sequence[ValueGrade | None]) -> tuple[Outcome, ...]:
        from app.rules.rating import value  # noqa: PLC0415 (likewise)

        now = self._clock()
        people, policy = self._facts.people(ids, now), self._facts.policy()
        out = []
        for key, one, grade in zip(ids, figures, grades, strict=True):
            person = people.get(key)
            if person is not None:
                seen = value.Seen(person.credit_grade, person.sanction, one.sales > 0 or person.coded, one.fixed_fen > 0, one.p25, one.p75, one.p_above_target)
                word = value.word(policy, seen)
                out.append(Outcome(key, person, one, grade or ValueGrade.N, word, value.reason(policy, word, seen)))
        return tuple(out)

    # ------------------------------------------------------------ behind the figures

    def funnel(self, span: Span | None = None, only: Ids | None = None, job: Job | None = None) -> Funnel:
        """Impressions, clicks, carts and orders of the contents of a period, of some creators or all."""
        return self._facts.funnel(span or Span(), only, job or Quiet())

    def trend(self, asked: Asked, only: Ids | None = None, job: Job | None = None) -> Sequence[ReturnRow]:
        """Returns by month, of some creators together or all."""
        asked, job = replace(asked, by="month", top=None), job or Quiet()
        return self.report(asked, job).rows if only is None else self._facts.months(asked, only, job)

    def orders(self, wanted: Orders, model: str | None = None, job: Job | None = None) -> OrderPage:
        """Order lines behind a creator, account, month, product, content or campaign, the newest first."""
        _known_model(model)
        if wanted.by not in _LISTED:
            raise UsageError("bad_value", field="by", value=wanted.by, reason="unknown_value")
        return self._facts.orders(wanted, model, job or Quiet())

    def costs(self, creator_id: int, span: Span | None = None) -> Mapping[str, int]:
        """A creator's costs of a period by kind, in fen."""
        return self._facts.costs(creator_id, span or Span())

    def refresh(self, job: Job | None = None) -> None:
        """Bring value grades up to date after facts have changed."""
        if self._facts.refresh(self._clock(), job or Quiet()):
            self._events.announce(CreatorsChanged())

    def follow(self, event: Event) -> None:
        """Let value grades follow what changed."""
        if isinstance(event, ReturnsChanged):
            with suppress(WorkspaceError):  # what changed is saved; grades that cannot follow now do so at the next question
                self.refresh()

    def paths(self, model: str, order: int | None = None) -> tuple[PathCredits, float]:
        """Credit of channels from whole paths, and the seconds that took."""
        from app.rules.paths import credit_paths  # noqa: PLC0415 (start-up: arrays load when there is something to compute)

        started = time.monotonic()
        found = credit_paths(self._facts.paths(), model, self._facts.markov_order() if order is None else order)
        return found, round(time.monotonic() - started, 3)


_LISTED: Final = frozenset({"creator", "account", "month", "product", "content", "campaign"})
"""What order lines can be listed by."""
_RANKINGS: Final = 3
"""Rankings kept at a time."""
_K = TypeVar("_K")
_V = TypeVar("_V")


def _held(kept: dict[_K, _V], key: _K, one: _V) -> _V:
    """Keep one, and let the oldest go."""
    kept.pop(key, None)
    while len(kept) >= _RANKINGS:
        kept.pop(next(iter(kept)))
    kept[key] = one
    return one


def _checked(asked: Asked) -> None:
    _known_model(asked.model)
    if asked.by not in DIMENSIONS:
        raise UsageError("bad_value", field="by", value=asked.by, reason="unknown_value")
    if asked.target is not None and not asked.target > 0:
        raise UsageError("bad_value", field="target", value=asked.target, reason="bad_number")


def _known_model(model: str | None) -> None:
    if model is not None and model not in MODELS:
        raise UsageError("unknown_model", model=model)
