# SPDX-License-Identifier: Apache-2.0
"""Rating: tiers from dated follower counts and credit from the ledger of conduct, their reasons, due process, policy versions."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from sqlalchemy import func, insert, or_, select, update

from app.errors import NotPermittedError, ProductError, UsageError
from app.rules.rating import explain, sanctions, tiers
from app.rules.rating.asked import CreditAsked
from app.rules.rating.ledger import Ledger
from app.usecases.rating import (
    AccountTier,
    AppealRow,
    CreditEntry,
    CreditRun,
    CreditShown,
    Glance,
    Override,
    PolicyRow,
    Proposed,
    SanctionRow,
    SanctionShown,
    ScorePoint,
    Settled,
    TierExplanation,
    TierMove,
    TierRun,
    TierStep,
    Waiting,
)
from app.values import CreditGrade, Tier
from db import attachments, bulk, conduct
from db.engine import reading, writing
from db.models.creators import Account, AccountMetric, Creator, TierOverride
from db.models.records import Operation, Policy
from db.writers import audit, cases, ledger, returns, rollups
from db.writers.operations import Log, dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date

    from sqlalchemy import Connection, Engine, Row

    from app.jobs import Job
    from app.rules.rating.ledger import Clocks
    from app.values import Actor

_BATCH: Final = 50_000
"""Accounts banded at a time."""


@dataclass(frozen=True, slots=True)
class RatingStore:
    """Fulfils ``Ratings`` on a workspace's database."""

    engine: Engine

    def run_tiers(
        self,
        as_of: int | None,
        policy: Mapping[str, object] | None,
        dry_run: bool,  # noqa: FBT001 (the port's own word)
        actor: Actor,
        now: int,
        job: Job,
    ) -> TierRun:
        """Band every account; ``policy`` tries other numbers and implies a dry run. A look at another day only tells."""
        started = time.monotonic()
        told_only = dry_run or policy is not None
        with (reading if told_only else writing)(self.engine) as connection:
            when = now if as_of is None else as_of
            force = rollups.tier_policy(connection, when)
            if policy is not None:
                force = rollups.PolicyInForce(force.version + 1, now, tiers.TierPolicy.parse(policy))
            moves, count = [], 0
            for rows in _batches(connection):
                job.check()
                moves += _moves(connection, rows, force, when)
                count += len(rows)
                job.progress("band", count)
            if moves and not told_only:
                _apply(connection, moves, force, when)
                audit.append(connection, actor, now, "tier.run", f"policy:{force.version}", f"moves:{len(moves)}")
        seconds = round(time.monotonic() - started, 3)
        return TierRun(len(moves), count - len(moves), tuple(moves), force.version, seconds)

    def explain_tier(self, creator_id: int, as_of: int) -> TierExplanation | None:
        """A creator's tier at a moment and why."""
        with reading(self.engine) as connection:
            name = connection.execute(select(Creator.name).where(Creator.id == creator_id)).scalar()
            if name is None:
                return None
            force = rollups.tier_policy(connection, as_of)
            rows = connection.execute(select(Account.id, Account.platform, Account.handle).where(Account.creator_id == creator_id).order_by(Account.id)).all()
            banded = rollups.band(connection, [row.id for row in rows], [row.platform for row in rows], force, as_of)
            accounts = tuple(
                _explained(connection, row, int(tier), int(count), force, as_of) for row, tier, count in zip(rows, banded.tier, banded.followers, strict=True)
            )
            main = max(
                accounts,
                key=lambda one: (-1 if one.tier is None else one.tier, one.followers or -1, -one.account_id),
                default=None,
            )
            group = None
            if main is not None and main.tier is not None:
                group = tiers.group_of(force.policy, main.platform, main.tier)
            return TierExplanation(
                creator_id,
                name,
                main.tier if main else None,
                group,
                main.account_id if main else None,
                force.version,
                accounts,
            )

    def override_tier(self, account_id: int, tier: Tier | None, until: int, reason: str, actor: Actor, now: int) -> int:
        """Set a tier by hand until a moment, or take the override off (None); returns the operation's id."""
        with writing(self.engine) as connection:
            creator = connection.execute(select(Account.creator_id).where(Account.id == account_id)).scalar()
            if creator is None:
                raise UsageError("unknown_account", id=account_id)
            log = Log(connection, "tier.override", actor, now)
            standing = connection.execute(
                select(TierOverride.id).where(
                    TierOverride.account_id == account_id,
                    TierOverride.voided_at.is_(None),
                    TierOverride.expires_at > now,
                )
            ).scalars()
            gone = list(standing)
            log.changed("tier_override", ((one, {"voided_at": None}, {"voided_at": now}) for one in gone))
            connection.execute(update(TierOverride).where(TierOverride.id.in_(gone)).values(voided_at=now))
            if tier is not None:
                log.insert(
                    "tier_override",
                    ("account_id", "tier", "reason", "by", "created_at", "expires_at"),
                    [(account_id, int(tier), reason, actor.name, now, until)],
                )
            rollups.refresh_accounts(connection, [account_id], now, since=now)
            return log.finish({"creator_id": creator, "account_id": account_id}, reason)

    def policies(self, name: str | None = None) -> list[PolicyRow]:
        """Versions of policies, newest first."""
        statement = select(Policy).order_by(Policy.name, Policy.version.desc())
        with reading(self.engine) as connection:
            rows = connection.execute(statement if name is None else statement.where(Policy.name == name))
            return [PolicyRow(row.name, row.version, row.since, row.by, row.reason, json.loads(row.body)) for row in rows]

    def set_policy(self, name: str, body: Mapping[str, object], reason: str, actor: Actor, now: int) -> PolicyRow:
        """Add a version, in force from now on; what follows from it is computed anew."""
        with writing(self.engine) as connection:
            log = Log(connection, "policy.set", actor, now)
            version = _next_version(connection, name)
            row_id = bulk.reserve(connection, "policy", 1)
            connection.execute(insert(Policy).values(id=row_id, name=name, version=version, body=dump(body), since=now, by=actor.name, reason=reason))
            log.inserted("policy", row_id, 1)
            if name in returns.POLICIES:
                log.returns.start_anew()
            moved = _band_afresh(connection, now) if name == rollups.TIERS else 0
            log.finish({"policy": name, "version": version, "moved": moved}, reason)
            return PolicyRow(name, version, now, actor.name, reason, body)

    # ------------------------------------------------------------ credit

    @property
    def alone(self) -> bool:
        """Whether one person has every name here: only a server checks who somebody is."""
        return self.engine.dialect.name != "postgresql"

    def add_event(self, creator_id: int, kind: str, at: int, evidence: str | Path | None, actor: Actor, now: int) -> CreditEntry:
        """Propose an entry; a file's evidence is kept with the workspace by its content."""
        kept = attachments.keep(self.engine, evidence) if isinstance(evidence, Path) else evidence
        with writing(self.engine) as connection:
            log = Log(connection, "credit.add", actor, now)
            added = cases.add(log, creator_id, kind, at, kept)
            log.finish({"creator_id": creator_id, "event_id": added, "type": kind})
            return cases.entry(connection, added)

    def confirm_event(self, event_id: int, reason: str, actor: Actor, now: int, own: bool = False) -> CreditEntry:  # noqa: FBT001, FBT002 (the port's own word)
        """Confirm a proposed entry; the creator's credit follows."""
        with writing(self.engine) as connection:
            log = Log(connection, "credit.confirm", actor, now)
            one = cases.confirm(log, event_id, reason, own=own)
            log.finish({"creator_id": one.creator_id, "event_id": event_id, "type": one.type}, reason)
            return cases.entry(connection, event_id)

    def void_event(self, event_id: int, reason: str, actor: Actor, now: int) -> CreditEntry:
        """Void an entry; credit and sanctions follow."""
        with writing(self.engine) as connection:
            log = Log(connection, "credit.void", actor, now)
            one, _ = cases.void(log, event_id, reason)
            log.finish({"creator_id": one.creator_id, "event_id": event_id, "type": one.type}, reason)
            return cases.entry(connection, event_id)

    def run_credit(self, asked: CreditAsked, actor: Actor, now: int, job: Job) -> CreditRun:
        """Rate everybody and keep it; what is due by rule is confirmed first. Another day's rating proposes no sanction."""
        started = time.monotonic()
        with writing(self.engine) as connection:
            confirmed = _confirm_due(connection, actor, now)
            at, force = ledger.clocks(connection, asked, now)
            rated = ledger.rate_all(connection, at, force, now if asked == CreditAsked() else None, job)
            counted = np.bincount(rated.scores.grade, minlength=len(CreditGrade)).tolist()
            audit.append(connection, actor, now, "credit.run", f"policy:{force.version}", f"rated:{len(rated.creators)}")
        grades = {grade: counted[grade] for grade in reversed(CreditGrade)}
        seconds = round(time.monotonic() - started, 3)
        return CreditRun(len(rated.creators), grades, at.as_of, at.known_at, force.version, confirmed, rated.opened, rated.withdrawn, seconds)

    def explain_credit(self, creator_id: int, asked: CreditAsked, now: int) -> CreditShown | None:
        """A creator's credit and why."""
        with reading(self.engine) as connection:
            name = connection.execute(select(Creator.name).where(Creator.id == creator_id)).scalar()
            if name is None:
                return None
            at, force = ledger.clocks(connection, asked, now)
            entries = {one.id: one for one in cases.entries(connection, creator_id, at.known_at)}
            events = [cases.event(one) for one in entries.values()]
            explained = explain.explain(force.policy, events, at)
            standing = _standing(connection, creator_id, sanctions.propose(force.policy, events, at), at)
            points = int(sanctions.carried(force.policy, Ledger.of(force.policy, events), 1, at)[0])
            return CreditShown(creator_id, name, at.as_of, at.known_at, force.version, explained, entries, replace(standing, points=points))

    def sanctions(self, now: int, *, open_only: bool = False) -> list[SanctionRow]:
        """Cases, those that wait for a decision first, then the newest."""
        with reading(self.engine) as connection:
            return cases.all_cases(connection, now, open_only=open_only)

    def decide_sanction(self, case_id: int, approved: bool, reason: str, actor: Actor, now: int, own: bool = False) -> SanctionRow:  # noqa: FBT001, FBT002 (the port's own word)
        """Approve or reject what the ladder proposes."""
        with writing(self.engine) as connection:
            log = Log(connection, "sanction.decide", actor, now)
            cases.decide(log, case_id, reason, approved=approved, own=own)
            creator, name, case = cases.case_of(connection, case_id)
            log.finish({"creator_id": creator, "sanction_id": case_id, "level": case.proposal.level.code, "approved": approved}, reason)
            return cases.shown(case, creator, name, now)

    def appeals(self, *, open_only: bool = False) -> list[AppealRow]:
        """Appeals, those that wait for a decision first, then the newest."""
        with reading(self.engine) as connection:
            return cases.appeals(connection, open_only=open_only)

    def file_appeal(self, event_id: int | None, sanction_id: int | None, reason: str, actor: Actor, now: int) -> AppealRow:
        """Challenge an event or a sanction."""
        with writing(self.engine) as connection:
            log = Log(connection, "appeal.file", actor, now)
            filed = cases.appeal(connection, cases.file(log, event_id, sanction_id, reason))
            log.finish({"creator_id": filed.creator_id, "appeal_id": filed.id}, reason)
            return filed

    def decide_appeal(self, appeal_id: int, upheld: bool, reason: str, actor: Actor, now: int, own: bool = False) -> AppealRow:  # noqa: FBT001, FBT002 (the port's own word)
        """Decide an appeal; if upheld, what it challenges falls, and what rests on it follows."""
        with writing(self.engine) as connection:
            log = Log(connection, "appeal.decide", actor, now)
            followed = cases.decide_appeal(log, appeal_id, reason, upheld=upheld, own=own)
            decided = replace(cases.appeal(connection, appeal_id), followed=followed)
            log.finish({"creator_id": decided.creator_id, "appeal_id": appeal_id, "upheld": upheld}, reason)
            return decided

    # ------------------------------------------------------------ many at once

    def glances(self, creators: Sequence[int], now: int) -> Mapping[int, Glance]:
        """What rows say of creators' conduct, by creator."""
        with reading(self.engine) as connection:
            return conduct.glances(connection, creators, now)

    def proposed(self, now: int, limit: int) -> list[Proposed]:
        """Entries that wait for a word, the oldest first."""
        with reading(self.engine) as connection:
            return conduct.proposed(connection, now, limit)

    def waiting(self) -> Waiting:
        """How much waits for a person."""
        with reading(self.engine) as connection:
            return conduct.waiting(connection)

    def score_history(self, creator_id: int, days: Sequence[date], now: int) -> list[ScorePoint]:
        """A creator's score at the end of each day and now."""
        with reading(self.engine) as connection:
            return conduct.history(connection, creator_id, days, now)

    def settle_events(self, event_ids: Sequence[int], confirm: bool, reason: str, actor: Actor, now: int, job: Job, own: bool = False) -> Settled:  # noqa: FBT001, FBT002 (the port's own word)
        """Confirm or void entries in one operation; what is not allowed is left."""
        with writing(self.engine) as connection:
            log = Log(connection, _KINDS[confirm], actor, now)

            def act(one: int) -> object:
                return cases.confirm(log, one, reason, own=own) if confirm else cases.void(log, one, reason)

            return _settle(log, event_ids, act, {}, reason, job)

    def settle_sanctions(self, case_ids: Sequence[int], approved: bool, reason: str, actor: Actor, now: int, job: Job, own: bool = False) -> Settled:  # noqa: FBT001, FBT002 (the port's own word)
        """Decide cases in one operation; what is not allowed is left."""
        with writing(self.engine) as connection:
            log = Log(connection, "sanction.decide", actor, now)
            return _settle(log, case_ids, lambda one: cases.decide(log, one, reason, approved=approved, own=own), {"approved": approved}, reason, job)


_KINDS: Final = {True: "credit.confirm", False: "credit.void"}
_LOOKED_AFTER: Final = 50
"""Decisions between two looks at whether to stop."""


def _settle(log: Log, many: Sequence[int], act: Callable[[int], object], summary: Mapping[str, object], reason: str, job: Job) -> Settled:
    """Do one after the other in one operation; where nothing is allowed, nothing is written and the first reason is raised."""
    left: list[ProductError] = []
    for at, one in enumerate(many):
        if at % _LOOKED_AFTER == 0:
            job.check()
            job.progress("settle", at, len(many))
        try:
            act(one)
        except (UsageError, NotPermittedError) as error:
            left.append(error)
    if left and len(left) == len(many):
        raise left[0]
    done = len(many) - len(left)
    return Settled(log.finish({**summary, "count": done}, reason), done, len(left), left[0] if left else None)


def _confirm_due(connection: Connection, actor: Actor, now: int) -> int:
    if not ledger.due(connection, now):
        return 0
    log = Log(connection, "credit.rule", actor, now)
    confirmed = cases.confirm_due(log)
    log.finish({"events": confirmed})
    return confirmed


def confirm_due(engine: Engine, actor: Actor, now: int) -> int:
    """Confirm by rule what is due, when a workspace is opened; returns how many entries."""
    with reading(engine) as connection:
        if not ledger.due(connection, now):
            return 0
    with writing(engine) as connection:
        return _confirm_due(connection, actor, now)


def _standing(connection: Connection, creator_id: int, proposal: sanctions.Proposal | None, at: Clocks) -> SanctionShown:
    """Where the ladder stands, by the cases that were there and decided by then."""
    known = [_as_known(case, at) for case in ledger.cases_of(connection, [creator_id]).get(creator_id, []) if case.proposal.as_of <= min(at.known_at, at.last)]
    running = [case for case in known if case.state(at.last) is sanctions.State.RUNNING]
    in_force = max(running, key=lambda case: (case.proposal.level, case.id), default=None)
    agenda = sanctions.agenda(proposal, known, at.last)
    waiting = [case for case in known if case.state(at.last) is sanctions.State.PROPOSED and case.id not in agenda.withdraws]
    asked = agenda.opens.level if agenda.opens else waiting[0].proposal.level if waiting else None
    held = in_force.proposal.level if in_force else None
    level = max((one for one in (asked, held) if one is not None), default=None)
    until = in_force.decision.until if in_force and in_force.decision else None
    return SanctionShown(level, 0, level is not None and level is not held, held, until, waiting[0].id if waiting else None)


def _as_known(case: sanctions.Case, at: Clocks) -> sanctions.Case:
    if case.decision is not None and case.decision.at > at.known_at:
        case = replace(case, decision=None)
    return replace(case, ended_at=None) if case.ended_at is not None and case.ended_at > at.known_at else case


def _band_afresh(connection: Connection, now: int) -> int:
    """Band every account by the tier policy in force; returns how many moved."""
    force, moved = rollups.tier_policy(connection, now), 0
    for rows in _batches(connection):
        moves = _moves(connection, rows, force, now)
        _apply(connection, moves, force, now)
        moved += len(moves)
    # Groups may have changed where no tier did.
    rollups.refresh_all_creators(connection)
    return moved


def _next_version(connection: Connection, name: str) -> int:
    """A number that no version of a policy has or had: one that was taken back may return."""
    newest = int(connection.execute(select(func.max(Policy.version)).where(Policy.name == name)).scalar() or 0)
    told = connection.execute(select(Operation.summary).where(Operation.kind == "policy.set"))
    past = [int(summary["version"]) for summary in (json.loads(row[0]) for row in told) if summary.get("policy") == name]
    return max(newest, *past, 0) + 1


def _batches(connection: Connection) -> Iterator[Sequence[Row[int, int, str, int | None]]]:
    """Every account: id, creator, platform, tier; some at a time by id."""
    last = 0
    while True:
        rows = connection.execute(
            select(Account.id, Account.creator_id, Account.platform, Account.tier).where(Account.id > last).order_by(Account.id).limit(_BATCH)
        ).all()
        if not rows:
            return
        yield rows
        last = rows[-1].id


def _moves(connection: Connection, rows: Sequence[Row[int, int, str, int | None]], force: rollups.PolicyInForce, when: int) -> list[TierMove]:
    """Accounts whose tier at a moment is not the one they have."""
    banded = rollups.band(connection, [row.id for row in rows], [row.platform for row in rows], force, when)
    return [
        TierMove(row.creator_id, row.id, None if row.tier is None else Tier(row.tier), None if tier < 0 else Tier(tier))
        for row, tier in zip(rows, banded.tier.tolist(), strict=True)
        if (-1 if row.tier is None else row.tier) != tier
    ]


def _apply(connection: Connection, moves: Sequence[TierMove], force: rollups.PolicyInForce, when: int) -> None:
    bulk.update(
        connection,
        "account",
        ("tier",),
        [(None if move.after is None else int(move.after), move.account_id) for move in moves],
    )
    steps = [
        rollups.Step(
            move.account_id,
            move.creator_id,
            None if move.before is None else int(move.before),
            None if move.after is None else int(move.after),
            when,
        )
        for move in moves
    ]
    rollups.keep_steps(connection, steps, force.version)
    rollups.refresh_creators(connection, [move.creator_id for move in moves], force.policy)


def _explained(
    connection: Connection,
    row: Row[int, str, str | None],
    tier: int,
    followers: int,
    force: rollups.PolicyInForce,
    as_of: int,
) -> AccountTier:
    counts = connection.execute(
        select(AccountMetric.as_of, AccountMetric.value)
        .where(
            AccountMetric.account_id == row.id,
            AccountMetric.name == "followers",
            AccountMetric.as_of <= as_of,
            or_(AccountMetric.value.is_not(None), AccountMetric.raw.is_(None)),
        )
        .order_by(AccountMetric.as_of, AccountMetric.id)
    ).all()
    emptied = max((place for place, (_, value) in enumerate(counts) if value is None), default=-1)
    stated = [(at, int(value)) for at, value in counts[emptied + 1 :] if value is not None]
    steps = tiers.history(force.policy, row.platform, stated, force.afresh_from)
    low, high, keeps_from, keeps_below = (None, None, None, None) if tier < 0 else tiers.limits(force.policy, row.platform, Tier(tier))
    return AccountTier(
        row.id,
        row.platform,
        row.handle,
        None if followers < 0 else followers,
        None if tier < 0 else Tier(tier),
        low,
        high,
        keeps_from,
        keeps_below,
        _override(connection, row.id, as_of),
        tuple(TierStep(*step) for step in steps),
    )


def _override(connection: Connection, account_id: int, as_of: int) -> Override | None:
    """The override in force at a moment."""
    rows = connection.execute(
        select(TierOverride)
        .where(TierOverride.account_id == account_id, TierOverride.created_at <= as_of, TierOverride.expires_at > as_of)
        .order_by(TierOverride.created_at.desc(), TierOverride.id.desc())
    ).all()
    for row in rows:
        if row.voided_at is None or row.voided_at > as_of:
            return Override(
                row.id,
                row.account_id,
                Tier(row.tier),
                row.reason,
                row.by,
                row.created_at,
                row.expires_at,
                row.voided_at,
            )
    return None
