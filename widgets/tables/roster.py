# SPDX-License-Identifier: Apache-2.0
"""The columns of a creator wherever creators are listed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from app.values import Bookable, CreditGrade, Stage, ValueGrade
from widgets.tables.columns import Badge, Column

if TYPE_CHECKING:
    from app.rules.bookable import Verdict
    from app.usecases.creators import AccountRow, RosterRow
    from widgets.labels import Labels

_STAGE_TOKENS: Final = {
    Stage.LEAD: "tier_unranked",
    Stage.CONTACTED: "accent_soft",
    Stage.NEGOTIATING: "warning_soft",
    Stage.TRIAL: "tier_mid",
    Stage.CONTRACTED: "tier_nano",
    Stage.ACTIVE: "ok_soft",
    Stage.PAUSED: "tier_unranked",
    Stage.ENDED: "danger_soft",
}
_GRADE_TOKENS: Final = {
    CreditGrade.AAA: "ok_soft",
    CreditGrade.AA: "ok_soft",
    CreditGrade.A: "ok_soft",
    CreditGrade.B: "accent_soft",
    CreditGrade.N: "tier_unranked",
    CreditGrade.C: "warning_soft",
    CreditGrade.D: "danger_soft",
}
_VALUE_TOKENS: Final = {ValueGrade.S: "ok_soft", ValueGrade.A: "ok_soft", ValueGrade.B: "accent_soft", ValueGrade.N: "tier_unranked"}
_BOOKABLE: Final = {Bookable.YES: "ok_soft", Bookable.NEEDS_APPROVAL: "warning_soft", Bookable.NO: "danger_soft"}
_DAY: Final = 86_400_000_000
_OLD: Final = 90 * _DAY
_AGEING: Final = 30 * _DAY


def stage_badge(stage: Stage, labels: Labels) -> Badge:
    """A stage as a coloured word."""
    return Badge(labels.rank(stage), _STAGE_TOKENS[stage])


def bookable_badge(booking: Verdict, labels: Labels) -> Badge:
    """Whether somebody can be booked as a coloured word."""
    return Badge(labels.rank(booking.word), _BOOKABLE[booking.word])


def bookable_why(booking: Verdict, labels: Labels) -> str:
    """What decided whether somebody can be booked."""
    return labels(f"bookable.why.{booking.cause or 'none'}")


def credit_badge(row: RosterRow) -> Badge:
    """Grade and score as a coloured word; without enough data the score says nothing, so it is left out."""
    grade = row.credit_grade
    return Badge(grade.code if grade is CreditGrade.N else f"{grade.code} {row.credit_score}", _GRADE_TOKENS[grade])


def main_account(row: RosterRow) -> AccountRow | None:
    """The account whose figures are the creator's."""
    return next((one for one in row.accounts if one.followers == row.followers), row.accounts[0] if row.accounts else None)


def _tier(row: RosterRow, labels: Labels) -> tuple[Badge, ...]:
    return () if row.tier is None else (Badge(labels.rank(row.tier), f"tier_{row.tier.code}"),)


def _tier_tip(row: RosterRow, labels: Labels) -> str:
    lines = [f"{labels.platform(one.platform)}  {labels.rank(one.tier)}  {labels.exact(one.followers)}" for one in row.accounts]
    return "\n".join([*lines, labels("creators.tier_tip")])


def _platforms(row: RosterRow, labels: Labels) -> tuple[Badge, ...]:
    return tuple(Badge(labels.platform(code), "info_soft") for code in row.platforms)


def _accounts_tip(row: RosterRow, labels: Labels) -> str:
    return "\n".join(
        "  ".join(filter(None, (labels.platform(one.platform), one.handle, one.platform_uid, labels.exact(one.followers)))) for one in row.accounts
    )


def _handle(row: RosterRow) -> str:
    account = main_account(row)
    return (account.handle or account.platform_uid or "") if account else ""


def _fee_typed(row: RosterRow) -> str:
    return "" if row.fee_fen is None else f"{row.fee_fen // 100}.{row.fee_fen % 100:02d}"


def _age(row: RosterRow) -> int:
    return time.time_ns() // 1000 - row.updated_at


def _updated(row: RosterRow, labels: Labels) -> str:
    """How old a row is, with a sign where it is old, for not everybody sees the colour."""
    now = time.time_ns() // 1000
    age = now - row.updated_at
    sign = "‼ " if age > _OLD else "! " if age > _AGEING else ""
    return sign + labels.ago(row.updated_at, now)


COLUMNS: Final = (
    Column("name", "field.name", lambda row, _: row.name, sort="name", width=164, edit="name"),
    Column("tier", "field.tier", lambda row, labels: labels.rank(row.tier), sort="tier", width=84, badges=_tier, tip=_tier_tip),
    Column(
        "platform",
        "field.platform",
        lambda row, labels: " ".join(labels.platform(code) for code in row.platforms),
        sort="platform",
        width=122,
        badges=_platforms,
        tip=_accounts_tip,
        plain=lambda row, labels: labels.platform(account.platform) if (account := main_account(row)) else "",
    ),
    Column("handle", "field.handle", lambda row, _: _handle(row), sort="handle", width=110, tip=_accounts_tip),
    Column(
        "followers",
        "field.followers",
        lambda row, labels: labels.count(row.followers),
        sort="followers",
        width=90,
        right=True,
        tip=lambda row, labels: labels.exact(row.followers),
        plain=lambda row, _: "" if row.followers is None else str(row.followers),
        number=lambda row: row.followers,
        edit="followers",
    ),
    Column(
        "bookable",
        "field.bookable",
        lambda row, labels: labels.rank(row.bookable),
        sort="bookable",
        width=88,
        badges=lambda row, labels: (bookable_badge(row.booking, labels),),
        tip=lambda row, labels: bookable_why(row.booking, labels),
    ),
    Column(
        "stage",
        "field.stage",
        lambda row, labels: labels.rank(row.stage),
        sort="stage",
        width=92,
        badges=lambda row, labels: (stage_badge(row.stage, labels),),
        edit="stage",
        typed=lambda row: row.stage.code,
    ),
    Column(
        "credit",
        "field.credit_grade",
        lambda row, _: credit_badge(row).text,
        sort="credit_grade",
        width=92,
        badges=lambda row, _: (credit_badge(row),),
        tip=lambda row, labels: labels("creators.credit_tip", score=row.credit_score, own_record=labels("credit.own_record")),
        plain=lambda row, _: row.credit_grade.code,
    ),
    Column(
        "value_grade",
        "field.value_grade",
        lambda row, _: row.value_grade.code,
        sort="value_grade",
        width=88,
        badges=lambda row, _: (Badge(row.value_grade.code, _VALUE_TOKENS[row.value_grade]),),
        tip=lambda row, labels: labels.rank(row.value_grade),
        plain=lambda row, _: row.value_grade.code,
    ),
    Column(
        "fee_fen",
        "field.fee_fen",
        lambda row, labels: labels.money(row.fee_fen),
        sort="fee_fen",
        width=112,
        right=True,
        plain=lambda row, _: _fee_typed(row),
        number=lambda row: row.fee_fen,
        worded=lambda fen, labels: labels.money(round(fen)),
        edit="fee_fen",
    ),
    Column("category", "field.category", lambda row, _: row.category or "", sort="category", width=96, edit="category"),
    Column("city", "field.city", lambda row, _: row.city or "", sort="city", width=84, edit="city"),
    Column(
        "tags",
        "field.tags",
        lambda row, _: "、".join(row.tags),
        width=150,
        badges=lambda row, _: tuple(Badge(tag, "hover") for tag in row.tags),
        edit="tags",
        plain=lambda row, _: ", ".join(row.tags),
    ),
    Column("owner", "field.owner", lambda row, _: row.owner or "", sort="owner", width=90, edit="owner"),
    Column(
        "updated_at",
        "creators.updated",
        _updated,
        width=126,
        tip=lambda row, labels: labels.time(row.updated_at),
        ink=lambda row: "danger" if _age(row) > _OLD else "warning" if _age(row) > _AGEING else "text_muted",
        plain=lambda row, labels: labels.time(row.updated_at),
    ),
    Column("group", "field.group", lambda row, labels: labels.rank(row.group), sort="group", width=90, hidden=True),
    Column(
        "credit_score",
        "field.credit_score",
        lambda row, _: str(row.credit_score),
        sort="credit_score",
        width=84,
        right=True,
        hidden=True,
        order=lambda row: row.credit_score,
    ),
    Column("country", "field.country", lambda row, _: row.country or "", sort="country", width=90, hidden=True, edit="country"),
    Column("phone", "field.phone", lambda row, _: row.phone or "", sort="phone", width=120, hidden=True, edit="phone"),
    Column("wechat", "field.wechat", lambda row, _: row.wechat or "", sort="wechat", width=120, hidden=True, edit="wechat"),
    Column("email", "field.email", lambda row, _: row.email or "", sort="email", width=160, hidden=True, edit="email"),
    Column("coupon", "field.coupon", lambda row, _: row.coupon or "", sort="coupon", width=100, hidden=True, edit="coupon"),
    Column(
        "commission_bp",
        "field.commission_bp",
        lambda row, labels: labels.bp(row.commission_bp),
        sort="commission_bp",
        width=90,
        right=True,
        hidden=True,
        plain=lambda row, labels: "" if row.commission_bp is None else labels.bp(row.commission_bp),
        edit="commission_bp",
    ),
    Column("joined_at", "field.joined_at", lambda row, labels: labels.day(row.joined_at), sort="joined_at", width=104, hidden=True, edit="joined_at"),
    Column("uid", "field.platform_uid", lambda row, _: _uid(row), sort="platform_uid", width=170, hidden=True),
    Column("id", "field.id", lambda row, _: str(row.id), sort="id", width=84, right=True, hidden=True, order=lambda row: row.id),
)
"""Columns of the roster in the order in which people read them."""


def _uid(row: RosterRow) -> str:
    account = main_account(row)
    return (account.platform_uid or "") if account else ""
