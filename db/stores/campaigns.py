# SPDX-License-Identifier: Apache-2.0
"""Campaigns: projects, collaborations, prices, bonds to rivals; every list is a fixed number of statements."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from app.errors import UsageError
from app.rules import campaigns as rules
from app.rules.campaigns import AGREED, DealState, Ended, Peer
from app.rules.codes import Kind
from app.rules.roi import RoiPolicy
from app.usecases.campaigns import (
    CampaignRow,
    DealMove,
    DealRow,
    DealStanding,
    Done,
    ExclusivityRow,
    Left,
    NewQuote,
    PriceBeside,
    QuoteRow,
)
from app.values import DAY, Tier
from db import bulk
from db.engine import reading, writing
from db.writers import deals, edits, policies, quotes, raising, settings
from db.writers.operations import Log

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from app.files import ImportRequest, Parsed, Upserted
    from app.jobs import Job
    from app.usecases.campaigns import DealQuestion, Plan, Terms
    from app.values import Actor
    from db.engine import Database

_CODE: Final = Kind("XM", 5)
_YEAR: Final = 365 * DAY
_IN_FORCE: Final = ", ".join(f"'{state}'" for state in AGREED)
_CAMPAIGNS: Final = (
    "select k.id, k.code, coalesce(k.name, k.source_id), coalesce(k.state, k.status), k.category, k.owner, k.starts_on, k.ends_on, k.budget_fen, k.currency,"
    " k.brief, k.notes, k.source, k.version from campaign k{some} order by k.created_at desc, k.id desc"
)
_OF_STATES: Final = (
    "select b.campaign_id, b.state, count(*), coalesce(sum(coalesce(b.fee_fen, 0) + coalesce(b.platform_fee_fen, 0)), 0) from collaboration b"
    " where b.campaign_id is not null{some} group by b.campaign_id, b.state"
)
_OF_TASKS: Final = (
    "select b.campaign_id, count(*), count(d.posted_at), count(case when d.next_at < ? then 1 end) from deliverable d"
    " join collaboration b on b.id = d.collaboration_id where b.campaign_id is not null and d.cancelled_at is null{some} group by b.campaign_id"
)
_DEALS: Final = (
    "select b.id, b.code, b.campaign_id, coalesce(k.name, k.source_id), b.creator_id, c.name, b.account_id, a.platform, a.handle, a.tier, a.followers, b.state,"
    " b.form, b.registered, b.fee_fen, b.platform_fee_fen, b.commission_bp, b.coupon, b.free_revisions, b.owner, b.reserve, b.tracked, b.notes,"
    " b.cancel_reason, (select q.fee_fen from quote q where q.collaboration_id = b.id order by q.round desc, q.id desc limit 1),"
    " (select count(*) from deliverable d where d.collaboration_id = b.id and d.cancelled_at is null),"
    " (select count(d.posted_at) from deliverable d where d.collaboration_id = b.id),"
    " (select d.step from deliverable d where d.collaboration_id = b.id and d.next_at is not null order by d.next_at, d.id limit 1),"
    " (select min(d.next_at) from deliverable d where d.collaboration_id = b.id), b.source, b.updated_at, b.version"
    " from wanted w join collaboration b on b.id = w.id join creator c on c.id = b.creator_id left join account a on a.id = b.account_id"
    " left join campaign k on k.id = b.campaign_id"
)
_NAMED: Final = " join creator c on c.id = b.creator_id left join account a on a.id = b.account_id"
_QUOTES: Final = (
    "select q.id, q.creator_id, c.name, q.account_id, a.platform, a.handle, q.collaboration_id, coalesce(k.name, k.source_id), q.kind, q.format, q.fee_fen,"
    " q.currency, q.tax_included, q.platform_fee_fen, q.rebate_bp, q.valid_from, q.valid_to, q.round, q.source, q.note, q.quoted_at, q.by"
    " from quote q join creator c on c.id = q.creator_id left join account a on a.id = q.account_id"
    " left join collaboration b on b.id = q.collaboration_id left join campaign k on k.id = b.campaign_id"
)
_ENDED: Final = (
    "select b.id, b.code, coalesce(k.name, k.source_id), b.creator_id, c.name, b.coupon is not null and b.coupon <> '', coalesce(b.tracked, false),"
    " b.source is not null or exists (select 1 from deliverable d join account a on a.id = d.account_id"
    "  join content t on t.content_id = d.content_id and t.platform = a.platform join sale s on s.creator_id = b.creator_id and s.content_id = t.id"
    "  where d.collaboration_id = b.id),"
    " coalesce((select max(d.posted_at) from deliverable d where d.collaboration_id = b.id and d.posted_at <= ?), b.published_at),"
    " b.finished_at, coalesce((select sum(e.amount_fen) from cost_entry e where e.collaboration_id = b.id and e.voided_at is null and e.currency = 'CNY'),"
    " coalesce(b.fee_fen, 0) + coalesce(b.platform_fee_fen, 0))"
    " from collaboration b join creator c on c.id = b.creator_id left join campaign k on k.id = b.campaign_id"
    " where coalesce(b.state, 'done') in ('confirmed', 'running', 'done', 'cancelled')"
)


@dataclass(frozen=True, slots=True)
class ProjectStore:
    """Fulfils ``Projects`` on a workspace's database."""

    engine: Database

    @property
    def zone(self) -> str:
        """Time zone of the workspace."""
        with reading(self.engine) as connection:
            return settings.zone(connection)

    # ------------------------------------------------------------ campaigns

    def campaigns(self, now: int, ids: Sequence[int] | None = None) -> list[CampaignRow]:
        """Campaigns, the newest first; or those named."""
        with reading(self.engine) as connection:
            some = "" if ids is None else f" where k.id in ({_numbers(ids)})"
            of = "" if ids is None else f" and b.campaign_id in ({_numbers(ids)})"
            states: dict[int, dict[str, int]] = {}
            agreed: dict[int, int] = {}
            for campaign, state, count, fen in bulk.fetch(connection, _OF_STATES.format(some=of)):
                states.setdefault(campaign, {})[state or ""] = count
                if state in AGREED:
                    agreed[campaign] = agreed.get(campaign, 0) + int(fen)
            tasks = {row[0]: row[1:] for row in bulk.fetch(connection, _OF_TASKS.format(some=of), now)}
            rows = bulk.fetch(connection, _CAMPAIGNS.format(some=some))
            return [CampaignRow(*(*row[:10], agreed.get(row[0], 0), states.get(row[0], {}), *tasks.get(row[0], (0, 0, 0)), *row[10:14])) for row in rows]

    def add_campaign(self, values: Mapping[str, object], actor: Actor, now: int) -> int:
        """Add one; returns its id."""
        with writing(self.engine) as connection:
            log = Log(connection, "campaign.add", actor, now)
            code = values.get("code")
            if code is not None and bulk.fetch(connection, "select 1 from campaign where code = ?", code):
                raise UsageError("code_taken", word=code)
            if code is None:
                count = bulk.fetch(connection, "select count(*) from campaign where name = ?", values["name"])[0][0]
                code = deals.codes(connection, _CODE, "campaign", "code", [(values["name"], values.get("starts_on"), count)])[0]
            row = {**values, "code": code, "created_at": now, "updated_at": now, "version": 1}
            first = log.insert("campaign", tuple(row), [tuple(row.values())])
            log.finish({"campaign_id": first, "name": values["name"]})
            return first

    def edit_campaign(self, campaign_id: int, values: Mapping[str, object], version: int | None, actor: Actor, now: int) -> int:
        """Set fields of one; returns the operation's id, 0 if nothing changed."""
        with writing(self.engine) as connection:
            rows = bulk.fetch(connection, "select version, name from campaign where id = ?", campaign_id)
            if not rows:
                raise UsageError("unknown_campaign", id=campaign_id)
            deals.check_version(rows[0][0], version)
            log = Log(connection, "campaign.set", actor, now)
            if not edits.set_fields(log, "campaign", [campaign_id], values):
                connection.rollback()
                return 0
            bulk.update(connection, "campaign", ("updated_at", "version"), [(now, rows[0][0] + 1, campaign_id)])
            return log.finish({"campaign_id": campaign_id, "name": rows[0][1], "fields": sorted(values)})

    # ------------------------------------------------------------ collaborations

    def count_deals(self, question: DealQuestion) -> int:
        """How many collaborations there are."""
        with reading(self.engine) as connection:
            joins = _NAMED if question.search else ""
            where, values = _where(question)
            return int(bulk.fetch(connection, f"select count(*) from collaboration b{joins}{where}", *values)[0][0])  # noqa: S608 (our words)

    def deals(self, question: DealQuestion) -> list[DealRow]:
        """Collaborations, the last changed first."""
        with reading(self.engine) as connection:
            where, values = _where(question)
            page = "" if question.limit is None else f" limit {int(question.limit)} offset {int(question.offset)}"
            joins = _NAMED if question.search else ""
            order = " order by b.updated_at desc, b.id desc"
            ids = [row[0] for row in bulk.fetch(connection, f"select b.id from collaboration b{joins}{where}{order}{page}", *values)]  # noqa: S608 (our words)
            bulk.keep_ids(connection, ids)
            return [_deal(row) for row in bulk.fetch(connection, f"{_DEALS} order by w.pos")]

    def moves(self, ids: Sequence[int]) -> list[DealMove]:
        """The way of some collaborations, the first step first."""
        with reading(self.engine) as connection:
            bulk.keep_ids(connection, ids)
            statement = (
                "select s.collaboration_id, s.state, s.previous, s.reason, s.at, s.by from wanted w join collaboration_step s on s.collaboration_id = w.id"
                " order by s.collaboration_id, s.id"
            )
            return [DealMove(*row) for row in bulk.fetch(connection, statement)]

    def accounts(self, creators: Sequence[int], platform: str | None) -> dict[int, int]:
        """The account to work with of creators: the main one, or the largest on a platform."""
        with reading(self.engine) as connection:
            bulk.keep_ids(connection, creators)
            if platform is None:
                statement = "select c.id, c.main_account_id from wanted w join creator c on c.id = w.id where c.main_account_id is not null order by w.pos"
                return dict(bulk.fetch(connection, statement))
            statement = "select w.id, a.id from wanted w join account a on a.creator_id = w.id where a.platform = ? order by w.pos, coalesce(a.followers, -1), a.id desc"
            return dict(bulk.fetch(connection, statement, platform))

    def add_deals(self, campaign_id: int, accounts: Sequence[int], terms: Terms, plan: Plan | None, actor: Actor, now: int) -> Done:
        """Add a collaboration for each account; who has one in the campaign is left."""
        with writing(self.engine) as connection:
            log = Log(connection, "collab.add", actor, now)
            added, left = deals.add(log, campaign_id, accounts, terms)
            if not added:
                connection.rollback()
                return Done(0, (), tuple(left))
            tasks = deals.plan(log, added, plan) if plan is not None else []
            operation = log.finish({"campaign_id": campaign_id, "collaborations": len(added), "tasks": len(tasks), "left": len(left)})
            return Done(operation, tuple(one.id for one in added), tuple(left))

    def add_tasks(self, ids: Sequence[int], plan: Plan, actor: Actor, now: int) -> Done:
        """Add due posts to collaborations."""
        with writing(self.engine) as connection:
            log = Log(connection, "collab.tasks", actor, now)
            tasks = deals.plan(log, deals.deals(connection, ids), plan)
            return Done(log.finish({"collaborations": len(ids), "tasks": len(tasks)}), tuple(tasks))

    def edit_deals(self, ids: Sequence[int], values: Mapping[str, object], version: int | None, actor: Actor, now: int) -> Done:
        """Set fields of collaborations."""
        with writing(self.engine) as connection:
            some = deals.deals(connection, ids)
            if len(some) == 1:
                deals.check_version(some[0].version, version)
            log = Log(connection, "collab.edit", actor, now)
            before = edits.set_fields(log, "collaboration", [one.id for one in some], values)
            if not before:
                connection.rollback()
                return Done(0, ())
            changed = [one for one in some if one.id in before]
            bulk.update(connection, "collaboration", ("updated_at", "version"), [(now, one.version + 1, one.id) for one in changed])
            if "free_revisions" in values:
                raising.settle(log, deals.tasks_of(connection, changed))
            return Done(log.finish({"collaborations": len(changed), "fields": sorted(values)}), tuple(one.id for one in changed))

    def move_deals(self, ids: Sequence[int], state: DealState, reason: str | None, at: int | None, version: int | None, actor: Actor, now: int) -> Done:
        """Move collaborations; those that may not go there are left."""
        with writing(self.engine) as connection:
            some = deals.deals(connection, ids)
            if len(some) == 1:
                deals.check_version(some[0].version, version)
            log = Log(connection, "collab.set", actor, now)
            moved, left = deals.move(log, [one for one in some if one.state != state], state, reason, at)
            if not moved:
                connection.rollback()
                return Done(0, (), tuple(left))
            if state in AGREED or state is DealState.CANCELLED:
                raising.settle(log, deals.tasks_of(connection, moved))
            operation = log.finish({"collaborations": len(moved), "state": state.value, "left": len(left)}, reason)
            return Done(operation, tuple(one.id for one in moved), tuple(left))

    # ------------------------------------------------------------ prices

    def quotes(
        self, accounts: Sequence[int] | None, deals: Sequence[int] | None, creator_id: int | None, kind: str | None, limit: int | None
    ) -> list[QuoteRow]:
        """Prices, the newest first."""
        conditions: list[str] = []
        values: list[object] = []
        if accounts is not None:
            conditions.append(f"q.account_id in ({_numbers(accounts)})")
        if deals is not None:
            conditions.append(f"q.collaboration_id in ({_numbers(deals)})")
        if creator_id is not None:
            conditions.append("q.creator_id = ?")
            values.append(creator_id)
        if kind is not None:
            conditions.append("q.kind = ?")
            values.append(kind)
        where = f" where {' and '.join(conditions)}" if conditions else ""
        page = "" if limit is None else f" limit {int(limit)}"
        with reading(self.engine) as connection:
            rows = bulk.fetch(connection, f"{_QUOTES}{where} order by q.quoted_at desc, q.id desc{page}", *values)
        return [QuoteRow(*(*row[:12], _flag(row[12]), *row[13:], rules.asked_in_all(row[10], row[13], row[14]))) for row in rows]

    def add_quotes(self, some: Sequence[NewQuote], actor: Actor, now: int) -> Done:
        """Keep prices; a collaboration that waited for one is quoted then."""
        with writing(self.engine) as connection:
            log = Log(connection, "quote.add", actor, now)
            ids, left = quotes.add(log, some)
            if not ids:
                connection.rollback()
                return Done(0, (), tuple(left))
            return Done(log.finish({"quotes": len(ids), "left": len(left)}), tuple(ids), tuple(left))

    def take_quotes(self, parsed: Parsed, request: ImportRequest, actor: Actor, now: int, job: Job) -> Upserted:
        """Keep the prices of a sheet."""
        with (reading if request.dry_run else writing)(self.engine) as connection:
            log = None if request.dry_run else Log(connection, "quote.import", actor, now)
            done = quotes.take(connection, log, parsed, settings.zone(connection), job)
            if log is None:
                return done
            if not log.touched:
                connection.rollback()
                return done
            summary = {"file": request.path.name, "inserted": done.inserted, "unchanged": done.unchanged, "rejected": len(done.rejects)}
            return replace(done, operation_id=log.finish(summary))

    def prices(self, wanted: Sequence[tuple[int, str]], now: int) -> list[PriceBeside]:
        """What the prices of accounts for formats are judged by."""
        if not wanted:
            return []
        with reading(self.engine) as connection:
            formats = sorted({kind for _, kind in wanted})
            asked = sorted({account for account, _ in wanted})
            about = quotes.about(connection, asked)
            peers = {kind: quotes.peers(connection, kind, {one[1] for one in about.values()}, now - _YEAR) for kind in formats}
            last = quotes.last(connection, asked)
        return [_beside(account, kind, about, last.get((account, kind), []), peers[kind]) for account, kind in wanted]

    # ------------------------------------------------------------ what enters the return

    def standings(self, campaign_id: int | None, as_of: int) -> list[DealStanding]:
        """Whether collaborations enter the return."""
        with reading(self.engine) as connection:
            where, values = ("", ()) if campaign_id is None else (" and b.campaign_id = ?", (campaign_id,))
            rows = bulk.fetch(connection, f"{_ENDED}{where} order by b.id", as_of, *values)
            policy = RoiPolicy.parse(policies.in_force(connection, "roi", as_of)[1])
        told = rules.enters(policy, [Ended(row[0], bool(row[5]), bool(row[6]), bool(row[7]), row[8], row[9]) for row in rows], as_of)
        return [DealStanding(*(*row[:5], standing, int(row[10]))) for row, standing in zip(rows, told, strict=True)]

    def book(self, ids: Sequence[int], actor: Actor, now: int) -> Done:
        """Enter what collaborations cost as cost entries that name them."""
        with writing(self.engine) as connection:
            deals.deals(connection, ids)
            log = Log(connection, "collab.book", actor, now)
            booked = _book(log, connection)
            if not booked:
                connection.rollback()
                return Done(0, ())
            return Done(log.finish({"collaborations": len(set(booked)), "costs": len(booked)}), tuple(dict.fromkeys(booked)))

    # ------------------------------------------------------------ rivals

    def exclusivities(self, creator_id: int | None) -> list[ExclusivityRow]:
        """Bonds that are not taken back."""
        where, values = ("", ()) if creator_id is None else (" and x.creator_id = ?", (creator_id,))
        statement = (
            "select x.id, x.creator_id, c.name, x.brand, x.category, x.starts_at, x.ends_at, x.note, x.by, x.at from exclusivity x"  # noqa: S608 (our words)
            f" join creator c on c.id = x.creator_id where x.voided_at is null{where} order by x.id desc"
        )
        with reading(self.engine) as connection:
            return [ExclusivityRow(*row) for row in bulk.fetch(connection, statement, *values)]

    def add_exclusivity(  # noqa: PLR0913 (one bond, said in full)
        self, creators: Sequence[int], brand: str, category: str | None, starts_at: int | None, ends_at: int | None, note: str | None, actor: Actor, now: int
    ) -> Done:
        """Note a bond of creators."""
        with writing(self.engine) as connection:
            bulk.keep_ids(connection, dict.fromkeys(creators))
            there = [row[0] for row in bulk.fetch(connection, "select c.id from wanted w join creator c on c.id = w.id order by w.pos")]
            left = tuple(Left(one, "unknown_creator", {}) for one in dict.fromkeys(creators) if one not in set(there))
            if not there:
                connection.rollback()
                return Done(0, (), left)
            log = Log(connection, "exclusivity.add", actor, now)
            columns = ("creator_id", "brand", "category", "starts_at", "ends_at", "note", "at", "by")
            first = log.insert("exclusivity", columns, [(one, brand, category, starts_at, ends_at, note, now, actor.name) for one in there])
            return Done(log.finish({"creators": len(there), "brand": brand}), tuple(range(first, first + len(there))), left)

    def void_exclusivity(self, ids: Sequence[int], actor: Actor, now: int) -> Done:
        """Take bonds back."""
        with writing(self.engine) as connection:
            log = Log(connection, "exclusivity.void", actor, now)
            gone = edits.set_fields(log, "exclusivity", list(ids), {"voided_at": now})
            if not gone:
                connection.rollback()
                return Done(0, ())
            return Done(log.finish({"bonds": len(gone)}), tuple(gone))


def _numbers(ids: Iterable[int]) -> str:
    return ", ".join(str(int(one)) for one in ids) or "null"


def _where(question: DealQuestion) -> tuple[str, list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    for column, value in (("b.campaign_id", question.campaign_id), ("b.creator_id", question.creator_id), ("b.owner", question.owner)):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if question.states:
        conditions.append(f"b.state in ({', '.join('?' * len(question.states))})")
        values += question.states
    if question.ids:
        conditions.append(f"b.id in ({_numbers(question.ids)})")
    if question.search:
        literal = question.search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        conditions.append("(lower(c.name) like ? escape '\\' or lower(coalesce(a.handle, '')) like ? escape '\\' or b.code = ?)")
        values += [f"%{literal.lower()}%", f"%{literal.lower()}%", question.search.strip().upper()]
    return (f" where {' and '.join(conditions)}" if conditions else ""), values


def _flag(value: object) -> bool | None:
    return None if value is None else bool(value)


def _deal(row: Any) -> DealRow:  # noqa: ANN401 (a row)
    made = DealRow(*row)
    return replace(made, tier=None if row[9] is None else Tier(row[9]), registered=_flag(row[13]), tracked=_flag(row[21]))


def _beside(
    account: int,
    kind: str,
    about: Mapping[int, tuple[int, str, int | None, str | None, float | None]],
    own: Sequence[tuple[int, int | None, int | None, int]],
    peers: Sequence[Peer],
) -> PriceBeside:
    """``own``: prices of the account for the format, the newest first."""
    known = about.get(account)
    now, before = (own[0] if own else None), (own[1] if len(own) > 1 else None)
    total = None if now is None else rules.asked_in_all(now[0], now[1], now[2])
    engagement = None if known is None else known[4]
    return PriceBeside(
        account, kind, None if now is None else now[0], total, None if before is None else before[0], None if before is None else before[3], engagement,
        None if total is None else rules.per_engagement(total, engagement), None if known is None else rules.peer_price(known[:4], peers),
    )  # fmt: skip


_COSTS: Final = (
    "select b.id, b.code, b.creator_id, b.account_id, k.name, b.fee_fen, b.platform_fee_fen,"
    " coalesce((select max(d.posted_at) from deliverable d where d.collaboration_id = b.id), b.finished_at,"
    "  (select max(s.at) from collaboration_step s where s.collaboration_id = b.id and s.state = 'confirmed'), b.updated_at)"
    " from wanted w join collaboration b on b.id = w.id left join campaign k on k.id = b.campaign_id where b.code is not null"
    " and b.state in ('confirmed', 'running', 'done') order by w.pos"
)
_SENT: Final = (
    "select b.id, b.code, b.creator_id, b.account_id, k.name, s.order_no, s.quantity * coalesce(s.unit_cost_fen, 0), coalesce(s.freight_fen, 0), s.sent_at"
    " from wanted w join collaboration b on b.id = w.id join shipment s on s.collaboration_id = b.id left join campaign k on k.id = b.campaign_id"
    " where s.sent_at is not null and b.code is not null order by w.pos, s.id"
)
_COST: Final = ("cost_id", "creator_id", "account_id", "campaign", "kind", "amount_fen", "currency", "incurred_at", "collaboration_id")


def _book(log: Log, connection: Connection) -> list[int]:
    """Cost entries of the wanted collaborations that are not there yet; the collaboration of each."""
    made: list[tuple[Any, ...]] = []
    for deal, code, creator, account, campaign, fee, platform_fee, at in bulk.fetch(connection, _COSTS):
        for kind, amount in (("fee", fee), ("platform_fee", platform_fee)):
            if amount:
                made.append((f"{code}:{kind}", creator, account, campaign, kind, amount, "CNY", at, deal))
    for deal, _, creator, account, campaign, order, cost, freight, at in bulk.fetch(connection, _SENT):
        for kind, amount in (("sample", cost), ("freight", freight)):
            if amount:
                made.append((f"{order}:{kind}", creator, account, campaign, kind, amount, "CNY", at, deal))
    some, words = bulk.among(connection, "cost_id", [row[0] for row in made])
    there = {row[0] for row in bulk.fetch(connection, f"select cost_id from cost_entry where {some}", words)}  # noqa: S608 (our names)
    new = [row for row in made if row[0] not in there]
    log.insert("cost_entry", _COST, new)
    return [row[-1] for row in new]
