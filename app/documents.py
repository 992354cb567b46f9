# SPDX-License-Identifier: Apache-2.0
"""Records as JSON documents: codes for ranks, ISO 8601 for times, integer fen for money. The keys are binding."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from app.rules.facts import CREATORS, field_in
from app.rules.fields import Kind
from app.terminal import yuan
from app.values import Ranked, ValueGrade, aware, iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.files import ImportReport, Reject, Warn
    from app.rules.paths import PathCredits
    from app.rules.rating.explain import Effect
    from app.rules.report import LeftOut
    from app.services import TimerEntry
    from app.usecases.creators import AccountRow, CreatorDetail, RosterRow
    from app.usecases.rating import AccountTier, AppealRow, CreditEntry, CreditRun, CreditShown, PolicyRow, SanctionRow, TierExplanation, TierRun
    from app.usecases.roi import OneReturn, ReturnReport, ReturnRow, Split
    from app.usecases.syncing import Conflict, Connection, Drift, Due, Kept, Line, Noticed, Refused, Run
    from app.usecases.workspace import Check, Info, Operation, Undone
    from app.words import Words

Document = dict[str, object]
_NOTHING: Document = {
    "net_fen": 0, "fixed_fen": 0, "variable_fen": 0, "landed_fen": 0, "sales": 0, "roas": None, "roi": None,
    "p10": None, "p25": None, "p50": None, "p75": None, "p90": None, "p_above_break_even": None, "p_above_target": None, "peer_weight": None,
    "value_grade": ValueGrade.N.code,
}  # fmt: skip
"""The return of somebody who has neither cost nor sale."""


def info(found: Info) -> Document:
    """What is in a workspace."""
    return {
        "workspace": found.workspace,
        "schema_version": found.schema_version,
        "engine": found.engine,
        "sqlite_version": found.sqlite_version,
        "time_zone": found.zone,
        "read_only": found.read_only,
        "content_hash": found.content_hash,
        "counts": dict(found.counts),
    }


# ---------------------------------------------------------------- files


def report(done: ImportReport, words: Words) -> Document:
    """What an import did or would do."""
    return {
        "import_id": done.import_id,
        "kind": done.kind,
        "read": done.read,
        "inserted": done.inserted,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "rejected": done.rejected,
        "duplicates": done.duplicates,
        "sums": dict(done.sums),
        "mapping": dict(done.mapping),
        "unmapped": list(done.unmapped),
        "warnings": [_warning(one, words) for one in done.warnings],
        "changes": [
            {
                "row": one.row,
                "key": one.key,
                "field": one.field,
                "before": value(one.field, one.before, done.kind),
                "after": value(one.field, one.after, done.kind),
            }
            for one in done.changes
        ],
        "errors": [_reject(one, words) for one in done.errors],
        "unknown_creators": list(done.unknown_creators),
        "seconds": done.seconds,
    }


def _warning(one: Warn, words: Words) -> Document:
    return {"code": one.code, "message": words.warning(one.code, one.details), **one.details}


def _reject(one: Reject, words: Words) -> Document:
    return {"row": one.row, "column": one.column, "value": one.value, "code": one.code, "reason": words(f"reject.{one.code}")}


def operation(done: Operation) -> Document:
    """One import of the history."""
    return {
        "id": done.id,
        "kind": done.kind.removeprefix("import."),
        "at": iso(done.at),
        "by": done.by,
        "undone_at": _time(done.undone_at),
        **done.summary,
    }


def stream_of(done: Operation) -> str:
    """Connection and stream of an operation that a sync made."""
    return f"{done.summary['connection']} · {done.summary['stream']}" if "stream" in done.summary else ""


def undone(done: Undone) -> Document:
    """What an undo took back and what it left."""
    return {
        "undone": {
            "id": done.operation_id,
            "inserted_removed": done.inserted_removed,
            "updates_reverted": done.updates_reverted,
            "kept": [_plain(one) for one in done.kept],
        }
    }


# ---------------------------------------------------------------- creators


def row(one: RosterRow) -> Document:
    """A creator as the roster shows it."""
    return {
        "id": one.id,
        "name": one.name,
        "stage": one.stage.code,
        "tier": _code(one.tier),
        "group": _code(one.group),
        "value_grade": one.value_grade.code,
        "credit_score": one.credit_score,
        "credit_grade": one.credit_grade.code,
        "bookable": one.bookable.code,
        "bookable_reason": one.booking.cause,
        "followers": one.followers,
        "fee_fen": one.fee_fen,
        "platforms": list(one.platforms),
        "category": one.category,
        "city": one.city,
        "country": one.country,
        "owner": one.owner,
        "source": one.source,
        "tags": list(one.tags),
        "phone": one.phone,
        "wechat": one.wechat,
        "email": one.email,
        "coupon": one.coupon,
        "commission_bp": one.commission_bp,
        "joined_at": _time(one.joined_at),
        "updated_at": iso(one.updated_at),
        "accounts": [_account(account) for account in one.accounts],
    }


def _account(account: AccountRow) -> Document:
    return {**_plain(account), "tier": _code(account.tier)}


def creator(detail: CreatorDetail, tiers: TierExplanation, rated: CreditShown, back: OneReturn) -> Document:
    """One creator, everything."""
    shown = row(detail.row)
    return {
        "creator": {**shown, "notes": detail.notes, "version": detail.version},
        "accounts": shown["accounts"],
        "metrics": [{**_plain(one), "as_of": iso(one.as_of)} for one in detail.metrics],
        "stage_history": [{**_plain(one), "stage": one.stage.code, "previous": _code(one.previous), "at": iso(one.at)} for one in detail.stages],
        "costs": dict(back.costs),
        "roi": dict(_NOTHING) if back.row is None else {**_plain(back.row.figures), "value_grade": _code(back.row.value_grade)},
        "credit": credit(rated),
        "tier": tier(tiers),
        "tier_history": [{**_plain(one), "tier": _code(one.tier), "previous": _code(one.previous), "at": iso(one.at)} for one in detail.tiers],
        "history": [{**_plain(one), "at": iso(one.at), "before": value(one.field, one.before), "after": value(one.field, one.after)} for one in detail.history],
    }


def value(name: str, stored: object, kind: str = CREATORS) -> object:
    """A field's stored value as it is named outside."""
    one = field_in(kind, name)
    if one is None or stored is None or isinstance(stored, bool):
        return stored
    if one.kind is Kind.RANK and one.ranks is not None and isinstance(stored, int):
        return one.ranks(stored).code
    return iso(stored) if one.kind is Kind.MOMENT and isinstance(stored, int) else stored


# ---------------------------------------------------------------- tiers and policies


def tier(shown: TierExplanation) -> Document:
    """A creator's tier and why."""
    return {
        "creator_id": shown.creator_id,
        "name": shown.name,
        "tier": _code(shown.tier),
        "group": _code(shown.group),
        "main_account_id": shown.main_account_id,
        "policy_version": shown.policy_version,
        "accounts": [_account_tier(one) for one in shown.accounts],
    }


def _account_tier(one: AccountTier) -> Document:
    return {
        "account_id": one.account_id,
        "platform": one.platform,
        "handle": one.handle,
        "followers": one.followers,
        "tier": _code(one.tier),
        "band": [one.band_low, one.band_high],
        "keeps": [one.keeps_from, one.keeps_below],
        "override": None if one.override is None else {
            **_plain(one.override),
            "tier": one.override.tier.code,
            "created_at": iso(one.override.created_at),
            "expires_at": iso(one.override.expires_at),
            "voided_at": _time(one.override.voided_at),
        },
        "history": [{"at": iso(step.at), "followers": step.followers, "tier": step.tier.code} for step in one.steps],
    }  # fmt: skip


def tier_run(ran: TierRun) -> Document:
    """What a banding changed, or would change."""
    return {
        "changed": ran.changed,
        "unchanged": ran.unchanged,
        "policy_version": ran.policy_version,
        "moves": [{"creator_id": one.creator_id, "account_id": one.account_id, "from": _code(one.before), "to": _code(one.after)} for one in ran.moves],
        "seconds": ran.seconds,
    }


def policy(one: PolicyRow) -> Document:
    """A version of a policy."""
    return {"name": one.name, "version": one.version, "since": iso(one.since), "by": one.by, "reason": one.reason, "body": dict(one.body)}


# ---------------------------------------------------------------- credit


def entry(one: CreditEntry) -> Document:
    """An entry of the ledger; ``event_id`` is the source's own number, the workspace's where no source gave one."""
    times = {name: _time(getattr(one, name)) for name in ("happened_at", "recorded_at", "confirmed_at", "voided_at")}
    return {**_plain(one), **_numbers(one), **times, "self_decided": one.self_decided}


def _numbers(one: CreditEntry) -> Document:
    return {"id": one.id, "event_id": one.id if one.event_id is None else one.event_id}


def credit_run(ran: CreditRun) -> Document:
    """What a rating of everybody gave."""
    return {**_plain(ran), "grades": {grade.code: count for grade, count in ran.grades.items()}, "as_of": iso(ran.as_of), "known_at": iso(ran.known_at)}


def credit(shown: CreditShown) -> Document:
    """A creator's credit and why."""
    found, sanction = shown.explanation, shown.sanction

    def effect(one: Effect) -> Document:
        return {**_numbers(shown.entries[one.event_id]), "type": one.type, "happened_at": iso(one.happened_at), "effect": one.effect}

    return {
        "creator_id": shown.creator_id,
        "name": shown.name,
        "score": found.score,
        "grade": found.grade.code,
        "enough": found.enough,
        "evidence": found.evidence,
        "raw": found.raw,
        "dimensions": [
            {"name": one.dimension.code, "points": one.points, "max": one.max, "lost": one.lost, "good": one.good, "bad": one.bad} for one in found.dimensions
        ],
        "reasons": [effect(one) for one in found.reasons],
        "caps": [{**_numbers(shown.entries[one.event_id]), "type": one.type, "grade": one.grade.code, "until": iso(one.until)} for one in found.caps],
        "sanction": {
            "level": _code(sanction.level),
            "points": sanction.points,
            "proposed": sanction.proposed,
            "in_force": _code(sanction.in_force),
            "until": _time(sanction.until),
            "sanction_id": sanction.case_id,
        },
        "next_best": None if found.next_best is None else {**_plain(found.next_best), "grade": found.next_best.grade.code},
        "events": [{**effect(one), "standing": one.standing.value} for one in found.effects],
        "as_of": iso(shown.as_of),
        "known_at": iso(shown.known_at),
        "policy_version": shown.policy_version,
    }


def sanction(one: SanctionRow) -> Document:
    """A case of the ladder."""
    times = {name: _time(getattr(one, name)) for name in ("proposed_at", "decided_at", "ends_at", "appeal_until", "ended_at")}
    return {**_plain(one), **times, "level": one.level.code, "state": one.state.value, "event_ids": list(one.event_ids)}


def appeal(one: AppealRow) -> Document:
    """An appeal, and what followed where it was upheld."""
    followed = one.followed
    told = None if followed is None else {
        "score_before": followed.score_before,
        "score_after": followed.score_after,
        "grade_before": followed.grade_before.code,
        "grade_after": followed.grade_after.code,
        "sanctions": [{"id": case, "before": before.code, "after": _code(after)} for case, before, after in followed.sanctions],
    }  # fmt: skip
    return {**_plain(one), "filed_at": iso(one.filed_at), "decided_at": _time(one.decided_at), "followed": told}


# ---------------------------------------------------------------- what came back


def split(done: Split) -> Document:
    """What a model attributes."""
    return {**_plain(done), "left_out": [_plain(one) for one in done.left_out]}


def returned(done: ReturnReport, words: Words) -> Document:
    """Returns by a dimension, and all of them together."""
    return {
        "by": done.by,
        "model": done.model,
        "rows": [
            {"key": one.key, "label": return_label(done.by, one, words), **_plain(one.figures), "value_grade": _code(one.value_grade)} for one in done.rows
        ],
        "found": done.found,
        "total": _plain(done.total),
        "left_out": [_plain(one) for one in done.left_out],
        "unattributed_fen": done.unattributed_fen,
        "margin": done.margin,
        "target": done.target,
        "seconds": done.seconds,
    }


def left_out(found: Sequence[LeftOut], words: Words) -> str:
    """One line on the money of other currencies that stands in no sum; empty where there is none."""
    parts = []
    for one in found:
        net, commission, cost = (yuan(minor) for minor in (one.net_minor, one.commission_minor, one.cost_minor))
        counts = {"sales": f"{one.sales:,}", "costs": f"{one.costs:,}"}
        parts.append(words("roi.left_out.one", currency=one.currency, net=net, commission=commission, cost=cost, **counts))
    return words("roi.left_out", money=words("roi.left_out.next").join(parts)) if parts else ""


def return_label(dimension: str, one: ReturnRow, words: Words) -> str:
    """What a row of returns is called."""
    if one.key is None:
        return words("roi.none")
    if dimension in {"tier", "group"}:
        return words(f"{dimension}.{one.key}")
    return words.platform(str(one.key)) if dimension == "platform" else one.label


def channels(found: PathCredits, seconds: float) -> Document:
    """Credit of the channels of paths."""
    return {"model": found.model, "conversions": found.conversions, "p": found.p, "channels": [_plain(one) for one in found.channels], "seconds": seconds}


# ---------------------------------------------------------------- platforms


def connection(one: Connection, words: Words) -> Document:
    """The access to a platform and how it stands."""
    times = {name: _time(getattr(one, name)) for name in ("expires_at", "parked_until", "changed_at")}
    return {**_plain(one), **times, "scopes": list(one.scopes), "message": trouble(one.error, words)}


def trouble(code: str | None, words: Words) -> str | None:
    """What an error that was kept without its parameters says in a few words."""
    if code is None:
        return None
    return words(f"error.{code}.title") if words.has(f"error.{code}.title") else words(f"error.{code}")


def run(one: Run, words: Words) -> Document:
    """One stream pulled once; ``error`` is a code, ``message`` its sentence."""
    return {**_plain(one), "started_at": iso(one.started_at), "ended_at": _time(one.ended_at), "message": why(one, words), "details": dict(one.details)}


def why(one: Run, words: Words) -> str | None:
    """Why a run is not complete, as a sentence."""
    until = one.details.get("until")
    if one.error == "rate_limited" and "host" not in one.details and isinstance(until, int):  # it was not tried: it was parked before
        return words("error.parked", connection=one.connection, until=f"{aware(until).astimezone():%Y-%m-%d %H:%M}")
    return words.failure(one.error, one.details) if one.error else None


def line(one: Line, words: Words) -> Document:
    """A line of a run's log."""
    return {"at": iso(one.at), "code": one.code, "message": line_in_words(one, words), "details": dict(one.details)}


def line_in_words(one: Line, words: Words) -> str:
    """A line of a run's log as people read it; one of an error is the error's sentence."""
    key = f"sync.line.{one.code}"
    return words(key, **one.details) if words.has(key) else words.failure(one.code, one.details)


def kept(one: Kept, words: Words, *, raw: bool) -> Document:
    """A record that was not taken. Its text as it came may be about a person, and is given to who asks for it."""
    told = {"id": one.id, "run": one.run_id, "connection": one.connection, "stream": one.stream, "at": iso(one.at), "key": one.refused.key}
    told |= {"field": one.refused.field, "code": one.refused.reason, "reason": refusal_in_words(one.refused, words)}
    return told | ({"raw": one.refused.raw} if raw else {})


def refusal_in_words(one: Refused, words: Words) -> str:
    """Why a record was not taken."""
    return words(f"reject.{one.reason}")


def noticed(one: Noticed, words: Words) -> Document:
    """A feed that no longer looks as its contract says."""
    said = {**_plain(one.drift), "message": drift_in_words(one.drift, words)}
    return {"id": one.id, "connection": one.connection, "stream": one.stream, "at": iso(one.at), **said}


def drift_in_words(one: Drift, words: Words) -> str:
    """What no longer looks as the contract says."""
    return words(f"sync.drift.{one.kind}", field=one.field, other=one.other)


def conflict(one: Conflict) -> Document:
    """A field that was changed here and there."""
    given = {"base": one.base, "mine": one.mine, "theirs": one.theirs}
    sides = {name: iso(side) if one.field.endswith("_at") and isinstance(side, int) else side for name, side in given.items()}
    return {**_plain(one), **sides, "at": iso(one.at)}


def due(one: Due) -> Document:
    """When a stream is pulled next."""
    return {**_plain(one), "since": _time(one.since), "next_at": _time(one.next_at)}


def timer(one: TimerEntry) -> Document:
    """The entry in the system's scheduler."""
    return _plain(one)


# ---------------------------------------------------------------- health


def health(checks: Sequence[Check]) -> Document:
    """Findings of a check."""
    return {"ok": all(one.ok for one in checks), "checks": [_plain(one) for one in checks]}


def archive(made: Mapping[str, object]) -> Document:
    """A backup made or put back: it was checked, or there would be none."""
    counts = made["counts"]
    rows = sum(counts.values()) if isinstance(counts, dict) else 0
    return {"ok": True, "checks": [{"name": "integrity", "ok": True, "detail": "ok"}, {"name": "rows", "ok": True, "detail": str(rows)}], **made}


def _plain(record: Any) -> Document:  # noqa: ANN401 (any record)
    return {one.name: getattr(record, one.name) for one in fields(record)}


def _code(rank: Ranked | None) -> str | None:
    return None if rank is None else rank.code


def _time(moment: int | None) -> str | None:
    return None if moment is None else iso(moment)
