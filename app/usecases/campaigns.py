# SPDX-License-Identifier: Apache-2.0
"""Campaigns: projects, the collaborations in them, their prices, who is bound to a rival, and what may enter the return yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from app.errors import UsageError
from app.events import CampaignsChanged, CreatorsChanged, Events, OperationRecorded, ReturnsChanged
from app.files import ImportReport, take_in
from app.jobs import Job, Quiet
from app.rules import campaigns as rules
from app.rules.campaigns import CampaignState, DealState, Form, Format, QuoteKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.files import Files, ImportRequest, Parsed, Upserted
    from app.rules.campaigns import PeerPrice
    from app.rules.roi import Standing
    from app.values import Actor, Tier

_MANY: Final = 1000
_WORDS: Final = ("name", "brief", "category", "owner", "notes")
_DAYS: Final = ("starts_on", "ends_on")
CAMPAIGN_FIELDS: Final = (*_WORDS, "code", "state", *_DAYS, "budget_fen", "currency")
"""What is written down of a campaign."""
DEAL_FIELDS: Final = (
    "form", "registered", "fee_fen", "platform_fee_fen", "commission_bp", "coupon", "free_revisions", "owner", "reserve", "tracked", "notes", "title",
)  # fmt: skip
"""What was agreed in a collaboration, beside its state."""


# ---------------------------------------------------------------- what is handed out


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign as lists show it. ``deals`` counts collaborations by state; ``agreed_fen`` is what was agreed in those that stand.

    ``tasks``, ``posted`` and ``overdue`` count its due posts. ``source``: the platform that brought it, None for one's own.
    """

    id: int
    code: str | None
    name: str | None
    state: str | None
    category: str | None
    owner: str | None
    starts_on: str | None
    ends_on: str | None
    budget_fen: int | None
    currency: str | None
    agreed_fen: int
    deals: Mapping[str, int]
    tasks: int
    posted: int
    overdue: int
    brief: str | None
    notes: str | None
    source: str | None
    version: int


@dataclass(frozen=True, slots=True)
class DealQuestion:
    """Which collaborations, and a page of them. ``mine``: of an owner; ``search`` looks into names, handles and codes."""

    campaign_id: int | None = None
    creator_id: int | None = None
    states: tuple[str, ...] = ()
    owner: str | None = None
    search: str = ""
    ids: tuple[int, ...] = ()
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class DealRow:
    """A collaboration as tables show it. ``quote_fen`` is the last price asked in it; ``tasks``, ``posted`` count its due posts, ``next_at`` is what is next."""

    id: int
    code: str | None
    campaign_id: int | None
    campaign: str | None
    creator_id: int
    creator: str
    account_id: int
    platform: str | None
    handle: str | None
    tier: Tier | None
    followers: int | None
    state: str | None
    form: str | None
    registered: bool | None
    fee_fen: int | None
    platform_fee_fen: int | None
    commission_bp: int | None
    coupon: str | None
    free_revisions: int | None
    owner: str | None
    reserve: int | None
    tracked: bool | None
    notes: str | None
    cancel_reason: str | None
    quote_fen: int | None
    tasks: int
    posted: int
    step: str | None
    next_at: int | None
    source: str | None
    updated_at: int
    version: int


@dataclass(frozen=True, slots=True)
class DealMove:
    """One step of a collaboration's way."""

    collaboration_id: int
    state: str
    previous: str | None
    reason: str | None
    at: int
    by: str


@dataclass(frozen=True, slots=True)
class Left:
    """Something that was not done, and why: an account, collaboration or due post by its id, and a code under ``left.<code>`` with its parameters."""

    id: int
    code: str
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of many: the operation's id (0 where nothing changed), the ids concerned, and what was left."""

    operation_id: int
    ids: tuple[int, ...]
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed with each of many creators; None is not said."""

    form: str | None = None
    registered: bool | None = None
    fee_fen: int | None = None
    platform_fee_fen: int | None = None
    commission_bp: int | None = None
    coupon: str | None = None
    free_revisions: int | None = None
    owner: str | None = None
    reserve: int | None = None
    tracked: bool | None = None
    notes: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Due posts that a collaboration brings: so many of a format, due when, after how many days with the sample, kept for how long."""

    format: str = Format.VIDEO.value
    posts: int = 1
    due_at: int | None = None
    draft_due_at: int | None = None
    sample_days: int | None = None
    keep_days: int | None = None
    sku: str | None = None
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class NewQuote:
    """A price that somebody named: of an account for a format. ``round`` None is the next one of its collaboration."""

    account_id: int
    format: str
    fee_fen: int
    kind: str = QuoteKind.QUOTE.value
    collaboration_id: int | None = None
    currency: str = "CNY"
    tax_included: bool | None = None
    platform_fee_fen: int | None = None
    rebate_bp: int | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    round: int | None = None
    source: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """A price as tables show it. ``total_fen``: with the platform's fee, less the rebate."""

    id: int
    creator_id: int
    creator: str
    account_id: int
    platform: str | None
    handle: str | None
    collaboration_id: int | None
    campaign: str | None
    kind: str
    format: str
    fee_fen: int
    currency: str
    tax_included: bool | None
    platform_fee_fen: int | None
    rebate_bp: int | None
    valid_from: str | None
    valid_to: str | None
    round: int
    source: str | None
    note: str | None
    quoted_at: int
    by: str
    total_fen: int


@dataclass(frozen=True, slots=True)
class PriceBeside:
    """A price with what it is judged by: the account's own last one, and what peers ask for one engagement."""

    account_id: int
    format: str
    fee_fen: int | None
    total_fen: int | None
    last_fen: int | None
    last_at: int | None
    engagement: float | None
    per_engagement_fen: float | None
    peers: PeerPrice | None


@dataclass(frozen=True, slots=True)
class DealStanding:
    """Whether a collaboration enters the return, with its costs so far."""

    id: int
    code: str | None
    campaign: str | None
    creator_id: int
    creator: str
    standing: Standing
    cost_fen: int


@dataclass(frozen=True, slots=True)
class ExclusivityRow:
    """A creator's bond to another brand."""

    id: int
    creator_id: int
    creator: str
    brand: str
    category: str | None
    starts_at: int | None
    ends_at: int | None
    note: str | None
    by: str
    at: int


class Projects(Protocol):
    """Remembers campaigns and collaborations. One method is one transaction."""

    @property
    def zone(self) -> str:
        """Time zone of the workspace."""

    def campaigns(self, now: int, ids: Sequence[int] | None = None) -> list[CampaignRow]:
        """Campaigns, the newest first; or those named."""

    def add_campaign(self, values: Mapping[str, object], actor: Actor, now: int) -> int:
        """Add one; returns its id."""

    def edit_campaign(self, campaign_id: int, values: Mapping[str, object], version: int | None, actor: Actor, now: int) -> int:
        """Set fields of one; returns the operation's id, 0 if nothing changed."""

    def count_deals(self, question: DealQuestion) -> int:
        """How many collaborations there are."""

    def deals(self, question: DealQuestion) -> list[DealRow]:
        """Collaborations, the last changed first."""

    def moves(self, ids: Sequence[int]) -> list[DealMove]:
        """The way of some collaborations, the first step first."""

    def add_deals(self, campaign_id: int, accounts: Sequence[int], terms: Terms, plan: Plan | None, actor: Actor, now: int) -> Done:
        """Add a collaboration for each account; who has one in the campaign is left."""

    def add_tasks(self, ids: Sequence[int], plan: Plan, actor: Actor, now: int) -> Done:
        """Add due posts to collaborations."""

    def edit_deals(self, ids: Sequence[int], values: Mapping[str, object], version: int | None, actor: Actor, now: int) -> Done:
        """Set fields of collaborations."""

    def move_deals(self, ids: Sequence[int], state: DealState, reason: str | None, at: int | None, version: int | None, actor: Actor, now: int) -> Done:
        """Move collaborations; those that may not go there are left."""

    def quotes(
        self, accounts: Sequence[int] | None, deals: Sequence[int] | None, creator_id: int | None, kind: str | None, limit: int | None
    ) -> list[QuoteRow]:
        """Prices, the newest first."""

    def add_quotes(self, some: Sequence[NewQuote], actor: Actor, now: int) -> Done:
        """Keep prices; a collaboration that waited for one is quoted then."""

    def take_quotes(self, parsed: Parsed, request: ImportRequest, actor: Actor, now: int, job: Job) -> Upserted:
        """Keep the prices of a sheet."""

    def prices(self, wanted: Sequence[tuple[int, str]], now: int) -> list[PriceBeside]:
        """What the prices of accounts for formats are judged by."""

    def standings(self, campaign_id: int | None, as_of: int) -> list[DealStanding]:
        """Whether collaborations enter the return."""

    def book(self, ids: Sequence[int], actor: Actor, now: int) -> Done:
        """Enter what collaborations cost as cost entries that name them."""

    def exclusivities(self, creator_id: int | None) -> list[ExclusivityRow]:
        """Bonds that are not taken back."""

    def add_exclusivity(  # noqa: PLR0913 (one bond, said in full)
        self, creators: Sequence[int], brand: str, category: str | None, starts_at: int | None, ends_at: int | None, note: str | None, actor: Actor, now: int
    ) -> Done:
        """Note a bond of creators."""

    def void_exclusivity(self, ids: Sequence[int], actor: Actor, now: int) -> Done:
        """Take bonds back."""

    def accounts(self, creators: Sequence[int], platform: str | None) -> dict[int, int]:
        """The account to work with of creators: the main one, or the largest on a platform."""


class Campaigns:
    """What people do with campaigns and collaborations."""

    def __init__(self, store: Projects, files: Files, actor: Actor, clock: Callable[[], int], events: Events) -> None:
        """Work on a store, with files, as somebody."""
        self._store, self._files, self._actor, self._clock, self._events = store, files, actor, clock, events

    # ------------------------------------------------------------ campaigns

    def all(self) -> list[CampaignRow]:
        """Campaigns, the newest first."""
        return self._store.campaigns(self._clock())

    def one(self, campaign_id: int) -> CampaignRow:
        """One campaign; UsageError for a number that is none."""
        found = self._store.campaigns(self._clock(), [campaign_id])
        if not found:
            raise UsageError("unknown_campaign", id=campaign_id)
        return found[0]

    def add(self, values: Mapping[str, object]) -> CampaignRow:
        """Add a campaign; it has a name at least."""
        made = _campaign(values)
        if not made.get("name"):
            raise UsageError("value_missing", field="name")
        made = {"state": CampaignState.PLANNED.value, "currency": "CNY", **{name: value for name, value in made.items() if value is not None}}
        added = self._store.add_campaign(made, self._actor, self._clock())
        self._told(())
        return self.one(added)

    def edit(self, campaign_id: int, values: Mapping[str, object], version: int | None = None) -> CampaignRow:
        """Set fields of a campaign; with ``version`` only where nobody else changed it since."""
        if self._store.edit_campaign(campaign_id, _campaign(values), version, self._actor, self._clock()):
            self._told(())
        return self.one(campaign_id)

    # ------------------------------------------------------------ collaborations

    def count(self, question: DealQuestion) -> int:
        """How many collaborations there are."""
        return self._store.count_deals(question)

    def collaborations(self, question: DealQuestion) -> list[DealRow]:
        """Collaborations, the last changed first."""
        return self._store.deals(question)

    def collaboration(self, deal_id: int) -> DealRow:
        """One collaboration; UsageError for a number that is none."""
        found = self._store.deals(DealQuestion(ids=(deal_id,)))
        if not found:
            raise UsageError("unknown_collaboration", id=deal_id)
        return found[0]

    def history(self, ids: Sequence[int]) -> list[DealMove]:
        """The way of some collaborations."""
        return self._store.moves(ids)

    def propose(self, campaign_id: int, creators: Sequence[int], terms: Terms | None = None, plan: Plan | None = None, platform: str | None = None) -> Done:
        """Add creators to a campaign as candidates, each with the main account, or the largest one on a platform."""
        found = self._store.accounts(list(dict.fromkeys(creators)), platform)
        missing = tuple(Left(one, "no_account", {}) for one in dict.fromkeys(creators) if one not in found)
        done = self.propose_accounts(campaign_id, list(found.values()), terms, plan) if found else Done(0, ())
        return replace(done, left=(*missing, *done.left))

    def propose_accounts(self, campaign_id: int, accounts: Sequence[int], terms: Terms | None = None, plan: Plan | None = None) -> Done:
        """Add accounts to a campaign as candidates."""
        self.one(campaign_id)
        terms = terms or Terms()
        if terms.form is not None:
            rules.member(Form, terms.form, "form")
        _checked_plan(plan)
        return self._done(self._store.add_deals(campaign_id, list(dict.fromkeys(accounts)), terms, plan, self._actor, self._clock()))

    def add_tasks(self, ids: Sequence[int], plan: Plan) -> Done:
        """Add due posts to collaborations."""
        _checked_plan(plan)
        return self._done(self._store.add_tasks(ids, plan, self._actor, self._clock()))

    def agree(self, ids: Sequence[int], values: Mapping[str, object], version: int | None = None) -> Done:
        """Set what was agreed in collaborations; with ``version`` (of one) only where nobody else changed it since."""
        unknown = next((name for name in values if name not in DEAL_FIELDS), None)
        if unknown is not None:
            raise UsageError("unknown_field", field=unknown)
        if values.get("form") is not None:
            rules.member(Form, str(values["form"]), "form")
        return self._done(self._store.edit_deals(ids, values, version, self._actor, self._clock()))

    def move(self, ids: Sequence[int], state: str, reason: str | None = None, *, at: int | None = None, version: int | None = None) -> Done:
        """Move collaborations to a state, many in one operation; a cancellation says why (a code of ``CancelReason``, more after a colon)."""
        wanted = DealState(rules.member(DealState, state, "state"))
        if wanted is DealState.CANCELLED:
            rules.check_move(None, wanted, reason)
        return self._done(self._store.move_deals(list(dict.fromkeys(ids)), wanted, reason, at, version, self._actor, self._clock()))

    # ------------------------------------------------------------ prices

    def quotes(
        self,
        accounts: Sequence[int] | None = None,
        deals: Sequence[int] | None = None,
        creator_id: int | None = None,
        kind: str | None = None,
        limit: int | None = None,
    ) -> list[QuoteRow]:
        """Prices, the newest first."""
        return self._store.quotes(accounts, deals, creator_id, kind, limit)

    def quote(self, some: Sequence[NewQuote]) -> Done:
        """Keep prices that were named; a collaboration that waited for one is quoted then."""
        for one in some:
            rules.member(Format, one.format, "format")
            rules.member(QuoteKind, one.kind, "kind")
            if one.fee_fen < 0:
                raise UsageError("bad_value", field="fee_fen", value=one.fee_fen, reason="negative")
        return self._done(self._store.add_quotes(some, self._actor, self._clock()))

    def quote_sheet(self, request: ImportRequest, job: Job | None = None) -> ImportReport:
        """Take a round of quotes in from a sheet; a dry run only tells."""
        job, now = job or Quiet(), self._clock()
        request = replace(request, kind="quotes")
        report, done = take_in(
            self._files, request, "quotes", self._store.zone, now, job, lambda parsed: self._store.take_quotes(parsed, request, self._actor, now, job)
        )
        if done.operation_id:
            self._told(done.creator_ids)
        return report

    def prices(self, wanted: Sequence[tuple[int, str]]) -> list[PriceBeside]:
        """What the prices of accounts for formats are judged by: own last price, peers' price for an engagement."""
        return self._store.prices(wanted, self._clock())

    # ------------------------------------------------------------ what enters the return

    def standings(self, campaign_id: int | None = None, as_of: int | None = None) -> list[DealStanding]:
        """Whether collaborations enter the return yet, are in flight, or cannot be measured; with their costs."""
        return self._store.standings(campaign_id, self._clock() if as_of is None else as_of)

    def book(self, ids: Sequence[int]) -> Done:
        """Enter fees, samples and freight of collaborations as cost entries; what is entered already stays as it is."""
        done = self._done(self._store.book(ids, self._actor, self._clock()))
        if done.operation_id:
            self._events.announce(ReturnsChanged())
        return done

    # ------------------------------------------------------------ rivals

    def exclusivities(self, creator_id: int | None = None) -> list[ExclusivityRow]:
        """Who is bound to another brand."""
        return self._store.exclusivities(creator_id)

    def bind(
        self,
        creators: Sequence[int],
        brand: str,
        category: str | None = None,
        starts_at: int | None = None,
        ends_at: int | None = None,
        note: str | None = None,
    ) -> Done:
        """Note that creators are bound to another brand."""
        if not brand.strip():
            raise UsageError("value_missing", field="brand")
        done = self._store.add_exclusivity(creators, brand.strip(), category, starts_at, ends_at, note, self._actor, self._clock())
        return self._bound(done, creators)

    def release(self, ids: Sequence[int]) -> Done:
        """Take such notes back."""
        return self._bound(self._store.void_exclusivity(ids, self._actor, self._clock()), ())

    def _bound(self, done: Done, creators: Sequence[int]) -> Done:
        self._events.announce(CreatorsChanged(tuple(creators) if len(creators) <= _MANY else ()))
        return self._done(done)

    def _done(self, done: Done) -> Done:
        if done.operation_id:
            self._told(done.ids)
        return done

    def _told(self, ids: Sequence[int]) -> None:
        self._events.announce(CampaignsChanged(tuple(ids) if len(ids) <= _MANY else ()), OperationRecorded())


def _checked_plan(plan: Plan | None) -> None:
    if plan is None:
        return
    rules.member(Format, plan.format, "format")
    if not 1 <= plan.posts <= _MANY:
        raise UsageError("bad_value", field="posts", value=plan.posts, reason="too_large")


def _campaign(values: Mapping[str, object]) -> dict[str, object]:
    unknown = next((name for name in values if name not in CAMPAIGN_FIELDS), None)
    if unknown is not None:
        raise UsageError("unknown_field", field=unknown)
    made = dict(values)
    if made.get("state") is not None:
        rules.member(CampaignState, str(made["state"]), "state")
    starts, ends = made.get("starts_on"), made.get("ends_on")
    if starts is not None and ends is not None and str(starts) > str(ends):
        raise UsageError("bad_value", field="ends_on", value=ends, reason="before_start")
    return made
