# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: S608 (every name in these statements is our own)
"""The content hash: what stands in a workspace, whoever recorded it, when and under which row ids.

One line of canonical JSON per creator with all that hangs on it, and one per fact that hangs on nobody; lines are hashed,
the hashes sorted and hashed.
Left out: row ids, times of recording, operations, audit, settings, and figures that follow from facts.
"""

from __future__ import annotations

import hashlib
import json
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from app.rules.facts import FIGURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_BATCH: Final = 20_000
_CREATORS: Final = text(
    "select id, name, category, city, country, phone, wechat, email, coupon, commission_bp, stage, owner, notes, joined_at, source,"
    " case when claimed_at is null then 0 else 1 end, case when protected_until is null then 0 else 1 end"
    " from creator where id > :last order by id limit :size"
)
_PARTS: Final = {
    "accounts": "select creator_id, platform, platform_uid, handle, url, fee_fen, fee_image_fen, fee_video_fen, id"
    " from account where creator_id between :first and :last order by creator_id",
    "metrics": "select a.creator_id, a.platform, a.platform_uid, a.handle, m.name, m.value, m.raw, m.stated, m.as_of"
    " from account a join account_metric m on m.account_id = a.id"
    " where a.creator_id between :first and :last order by a.creator_id, m.name, m.as_of, m.id",
    "tags": "select creator_id, tag from creator_tag where creator_id between :first and :last order by creator_id",
    "stages": "select creator_id, stage, previous, reason from stage_step where creator_id between :first and :last order by creator_id, at, id",
    "overrides": "select a.creator_id, a.platform, a.platform_uid, a.handle, o.tier, o.reason, o.expires_at"
    " from account a join tier_override o on o.account_id = a.id"
    " where o.voided_at is null and a.creator_id between :first and :last order by a.creator_id",
}
_WHO: Final = "coalesce(a.platform_uid, a.handle)"
_SALE: Final = (
    "s.shop, s.order_id, s.line_id, coalesce(s.platform, a.platform), " + _WHO + ", coalesce(c.content_id, s.content_ref), s.coupon, s.product, s.quantity,"
    " s.unit_price_fen, s.paid_at, s.amount_fen, s.refund_fen, s.commission_fen, s.currency, case when s.new_customer then 1 when not s.new_customer then 0 end"
    " from sale s left join account a on a.id = s.account_id left join content c on c.id = s.content_id"
)
_OTHER: Final = "(select min(x.platform || ':' || coalesce(x.platform_uid, x.handle, '')) from account x where x.creator_id = {})"
_FIGURES: Final = ", ".join(f"m.{name}" for name in FIGURES)
_OF: Final = "creator_id between :first and :last"
_DEAL: Final = "coalesce(b.code, b.source_id)"
_TASK: Final = f"join deliverable d on d.id = t.deliverable_id where t.{_OF} order by t.creator_id"
_OF_THE_DESK: Final = {
    "moves": f"select t.creator_id, {_DEAL}, t.state, t.previous, t.reason, row_number() over (partition by t.collaboration_id order by t.id)"
    f" from collaboration_step t join collaboration b on b.id = t.collaboration_id where t.{_OF} order by t.creator_id",
    "quotes": f"select t.creator_id, a.platform, {_WHO}, {_DEAL}, t.kind, t.format, t.fee_fen, t.currency, t.platform_fee_fen, t.rebate_bp, t.valid_from, t.valid_to,"
    " case when t.tax_included then 1 when not t.tax_included then 0 end, t.round, t.source, t.note from quote t left join account a on a.id = t.account_id"
    f" left join collaboration b on b.id = t.collaboration_id where t.{_OF} order by t.creator_id",
    "tasks": f"select t.creator_id, {_DEAL}, t.task_code, a.platform, {_WHO}, t.format, t.agreed_due_at, t.draft_due_at, t.sample_days, t.keep_days, t.posted_at,"
    " t.content_id, t.url, t.gone_at, case when t.cancelled_at is null then 0 else 1 end, t.cancelled_by, t.causes, t.anomaly"
    " from deliverable t join collaboration b on b.id = t.collaboration_id left join account a on a.id = t.account_id"
    f" where t.{_OF} order by t.creator_id",
    "extensions": f"select t.creator_id, d.task_code, t.agreed_at, t.until, t.reason from extension t {_TASK}",
    "reminders": f"select t.creator_id, d.task_code, t.mark from reminder t {_TASK}",
    "post_figures": f"select t.creator_id, d.task_code, t.mark, t.source, t.taken_at, t.views, t.likes, t.comments, t.shares, t.saves, t.evidence,"
    f" case when t.checked_at is null then 0 else 1 end from post_figure t {_TASK}",
    "drafts": f"select t.creator_id, d.task_code, t.kind, t.version, t.submitted_at, t.text, t.file, t.decision, t.reason,"
    f" case when t.brief_changed then 1 when not t.brief_changed then 0 end from draft t {_TASK}",
    "signoffs": "select t.creator_id, d.task_code, r.kind, r.version, t.place, t.step, t.decision, t.reason from signoff t join draft r on r.id = t.draft_id"
    f" join deliverable d on d.id = r.deliverable_id where t.{_OF} order by t.creator_id",
    "shipments": f"select t.creator_id, {_DEAL}, t.order_no, t.sku, t.variant, t.quantity, t.unit_cost_fen, t.freight_fen, t.recipient, t.phone, t.address,"
    " case when t.address_ok_at is null then 0 else 1 end, t.batch, t.sent_at, t.carrier, t.waybill, t.received_at,"
    " case when t.cancelled_at is null then 0 else 1 end from shipment t join collaboration b on b.id = t.collaboration_id"
    f" where t.{_OF} order by t.creator_id",
    "exclusivities": "select t.creator_id, t.brand, t.category, t.starts_at, t.ends_at, t.note, case when t.voided_at is null then 0 else 1 end"
    f" from exclusivity t where t.{_OF} order by t.creator_id",
}
"""The same of collaborations; what a due post is called stays the same on every engine."""
_FACTS: Final = {
    "contents": f"select t.creator_id, t.platform, t.content_id, {_WHO}, t.published_at, t.title, t.url"
    f" from content t left join account a on a.id = t.account_id where t.{_OF} order by t.creator_id",
    # A figure dated by its import has no date of its own; their order is what they say.
    "figures": f"select t.creator_id, t.platform, t.content_id, row_number() over (partition by m.content_id, m.stated order by m.as_of),"
    f" case when m.stated then m.as_of end, {_FIGURES} from content t join content_metric m on m.content_id = t.id where t.{_OF} order by t.creator_id",
    "sales": f"select s.creator_id, {_SALE} where s.{_OF} order by s.creator_id",
    "touchpoints": f"select t.creator_id, t.shop, t.order_id, a.platform, {_WHO}, t.kind, t.happened_at"
    f" from touchpoint t left join account a on a.id = t.account_id where t.{_OF} order by t.creator_id",
    "costs": f"select t.creator_id, t.cost_id, a.platform, {_WHO}, coalesce(c.content_id, t.content_ref), t.campaign, t.kind, t.amount_fen, t.currency,"
    f" t.incurred_at, case when t.voided_at is null then 0 else 1 end, {_DEAL} from cost_entry t left join account a on a.id = t.account_id"
    f" left join content c on c.id = t.content_id left join collaboration b on b.id = t.collaboration_id where t.{_OF} order by t.creator_id",
    # What the program's clock has set counts as yes or no; what the source states as its own time.
    "events": f"select t.creator_id, t.event_id, a.platform, {_WHO}, t.type, t.happened_at, case when t.stated then t.recorded_at end,"
    " case when t.confirmed_at is null then 0 when t.confirmed_by is null and t.stated then t.confirmed_at else 1 end,"
    " case when t.voided_at is null then 0 when t.voided_by is null and t.stated then t.voided_at else 1 end, t.void_reason, t.evidence, t.source"
    f" from credit_event t left join account a on a.id = t.account_id where t.{_OF} order by t.creator_id",
    "collaborations": "select t.creator_id, t.source, t.source_id, k.source_id, k.name, a.platform, "
    + _WHO
    + ", t.source_account, t.task_key, t.state, t.source_state,"
    " t.title, t.ordered_at, t.published_at, t.finished_at, t.content_id, t.fee_fen, t.platform_fee_fen, t.total_fen, t.paid_fen, t.refund_fen, t.deduct_fen,"
    " t.cancel_reason, t.code, k.code, t.form, t.commission_bp, t.coupon, t.free_revisions, t.owner, t.reserve, t.notes,"
    " case when t.registered then 1 when not t.registered then 0 end, case when t.tracked then 1 when not t.tracked then 0 end"
    " from collaboration t left join account a on a.id = t.account_id left join campaign k on k.id = t.campaign_id"
    f" where t.{_OF} order by t.creator_id",
    # Who the other is, by the first of the other's accounts; each of the two says it.
    "apart": f"select t.creator_id, {_OTHER.format('t.other_id')} from identity_apart t where t.{_OF}"
    f" union all select t.other_id, {_OTHER.format('t.creator_id')} from identity_apart t where t.other_id between :first and :last order by 1",
    "coupons": f"select t.creator_id, t.coupon from creator_coupon t where t.{_OF} order by t.creator_id",
    "consents": "select t.creator_id, t.purpose, t.text_version, t.channel, t.given_at, t.evidence, case when t.withdrawn_at is null then 0 else 1 end"
    f" from consent t where t.{_OF} order by t.creator_id",
    "sanctions": "select t.creator_id, t.level, t.points, case when t.approved then 1 when not t.approved then 0 end, t.reason,"
    f" case when t.voided_at is null then 0 else 1 end from sanction t where t.decided_at is not null and t.{_OF} order by t.creator_id",
    "contacts": f"select t.creator_id, a.platform, {_WHO}, t.channel, t.direction, t.at, t.text, p.name, t.answer_by, t.outcome,"
    " case when t.voided_at is null then 0 else 1 end, t.void_reason from contact t left join account a on a.id = t.account_id"
    f" left join template p on p.id = t.template_id where t.{_OF} order by t.creator_id",
    "suppressions": "select t.creator_id, t.kind, t.channel, t.reason, case when t.key_hash is null then 0 else 1 end,"
    f" case when t.lifted_at is null then 0 else 1 end, t.lift_reason from suppression t where t.{_OF} order by t.creator_id",
    "skips": f"select t.creator_id, t.reason, case when t.until is null then 0 else 1 end from queue_skip t where t.{_OF} order by t.creator_id",
    "trainings": "select t.creator_id, k.name, t.mark, t.taken_at, t.passed_at from training t join course k on k.id = t.course_id"
    f" where t.{_OF} order by t.creator_id",
    "entitled": "select t.creator_id, k.name, t.value, t.cost_fen, t.currency, case when t.voided_at is null then 0 else 1 end"
    f" from entitlement_use t join entitlement k on k.id = t.entitlement_id where t.{_OF} order by t.creator_id",
    "appeals": "select coalesce(e.creator_id, x.creator_id), e.type, e.happened_at, x.level, t.reason, case when t.upheld then 1 when not t.upheld then 0 end,"
    " t.decision_reason from appeal t left join credit_event e on e.id = t.event_id left join sanction x on x.id = t.sanction_id"
    " where coalesce(e.creator_id, x.creator_id) between :first and :last order by coalesce(e.creator_id, x.creator_id)",
}
_FACTS.update(_OF_THE_DESK)
"""What hangs on creators beside their roster; each row is one line of the dump, whatever its order."""
_BY_ITSELF: Final = {
    "sale": f"select s.id, {_SALE} where s.creator_id is null and s.id > :last order by s.id limit :size",
    "campaign": "select id, source, source_account, source_id, source_kind, name, status, started_at, settlement, owner, notes,"
    " code, state, brief, category, starts_on, ends_on, budget_fen, currency from campaign"
    " where id > :last order by id limit :size",
    "cps": "select id, source, source_id, task_key, content_id, bill_time, position, amount_fen, settled_at from cps_sale where id > :last order by id limit :size",
    # A bill that is closed says nothing any more.
    "bill": "select id, source, source_account, source_id, order_key, total_fen, fee_fen, platform_fee_fen, remaining_fen from pending_bill"
    " where closed_at is null and id > :last order by id limit :size",
    "suppression": "select id, kind, channel, reason, case when key_hash is null then 0 else 1 end, case when lifted_at is null then 0 else 1 end, lift_reason"
    " from suppression where creator_id is null and id > :last order by id limit :size",
    "template": "select id, name, channel, subject, text, case when archived_at is null then 0 else 1 end from template where id > :last order by id limit :size",
    "plan": 'select id, month, "group", platform, category, target from recruitment_plan where id > :last order by id limit :size',
    "course": "select id, name, pass_mark from course where id > :last order by id limit :size",
    "entitlement": f'select t.id, t.name, t.kind, a.platform, {_WHO}, t."group", t.grade, t.value, t.cost_fen, t.currency, t.stock, t.starts_at, t.ends_at,'
    " case when t.ended_at is null then 0 else 1 end from entitlement t left join creator c on c.id = t.creator_id"
    " left join account a on a.id = c.main_account_id where t.id > :last order by t.id limit :size",
    "stock": "select id, sku, variant, name, unit_cost_fen, stocked from stock where id > :last order by id limit :size",
    "path": "select id, path, conversions, nulls from conversion_path where id > :last order by id limit :size",
}
"""Facts that hang on nobody."""
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def content_hash(connection: Connection) -> str:
    """SHA-256 over the facts that stand; equal content gives an equal hash on every engine."""
    digests = [hashlib.sha256(line.encode()).digest() for line in _lines(connection)]
    digests.sort()
    total = hashlib.sha256()
    for digest in digests:
        total.update(digest)
    return total.hexdigest()


def _lines(connection: Connection) -> Iterator[str]:
    last = 0
    while rows := connection.execute(_CREATORS, {"last": last, "size": _BATCH}).all():
        span = {"first": rows[0][0], "last": rows[-1][0]}
        parts = {name: _by_creator(connection, statement, span) for name, statement in _PARTS.items()}
        facts = {name: _by_creator(connection, statement, span) for name, statement in _FACTS.items()}
        for row in rows:
            own = [[name, sorted(map(_encode, found[row[0]]))] for name, found in facts.items() if row[0] in found]
            yield _line(row, {name: found.get(row[0], []) for name, found in parts.items()}, own)
        last = rows[-1][0]
    for name, statement in _BY_ITSELF.items():
        last = 0
        while rows := connection.execute(text(statement), {"last": last, "size": _BATCH}).all():
            for row in rows:
                yield _json([name, list(row[1:])])
            last = rows[-1][0]
    policies = connection.execute(text("select name, body from policy where version > 1 order by name, version")).all()
    for name, versions in groupby(policies, key=itemgetter(0)):
        # By their order: a version that was taken back leaves a gap in the numbers.
        yield _json(["policy", name, [version[1] for version in versions]])


def _by_creator(connection: Connection, statement: str, span: dict[str, int]) -> dict[int, list[tuple[Any, ...]]]:
    rows = connection.execute(text(statement), span).all()
    return {creator: [tuple(row[1:]) for row in group] for creator, group in groupby(rows, key=itemgetter(0))}


def _line(row: Any, parts: dict[str, list[tuple[Any, ...]]], facts: list[Any]) -> str:  # noqa: ANN401 (a row)
    # A figure dated by its import has no date of its own; their order, which the query keeps, is what they say.
    metrics = [[*metric[:3], metric[3], _number(metric[4]), metric[5], metric[7] if metric[6] else None] for metric in parts["metrics"]]
    return _json(
        [
            "creator",
            list(row[1:]),
            sorted((list(account[:-1]) for account in parts["accounts"]), key=_json),
            sorted(metrics, key=lambda metric: _json(metric[:4])),
            sorted(tag[0] for tag in parts["tags"]),
            [list(step) for step in parts["stages"]],
            sorted((list(override) for override in parts["overrides"]), key=_json),
            facts,
        ]
    )


def _number(value: float | None) -> str | None:
    return None if value is None else repr(float(value))


def _json(value: object) -> str:
    return _encode(value)
