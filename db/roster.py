# SPDX-License-Identifier: Apache-2.0
"""Rows of the roster through a driver's cursor: a table scrolls through thousands of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app.usecases.creators import AccountRow, RosterRow
from app.values import CreditGrade, Group, Stage, Tier, ValueGrade
from db import bookable

if TYPE_CHECKING:
    from collections.abc import Sequence

TIERS: Final[dict[int | None, Tier | None]] = {None: None, **{int(one): one for one in Tier}}
_GROUPS: Final[dict[int | None, Group | None]] = {None: None, **{int(one): one for one in Group}}
_VALUES: Final[dict[int | None, ValueGrade]] = {None: ValueGrade.N, **{int(one): one for one in ValueGrade}}
_CREDITS: Final[dict[int, CreditGrade]] = {int(one): one for one in CreditGrade}
_STAGES: Final[dict[int, Stage]] = {int(one): one for one in Stage}
"""Members by their numbers: a look costs a fifth of a call, and a table scrolls through thousands."""

_CREATOR_ROWS: Final = (
    'select id, name, stage, tier, "group", followers, fee_fen, category, city, country, owner, phone, wechat, email,'
    " coupon, commission_bp, joined_at, updated_at, value_grade, credit_score, credit_grade, source from creator where id in "
)
_ACCOUNT_ROWS: Final = f"select creator_id, {', '.join(AccountRow.__dataclass_fields__)} from account where creator_id in "  # noqa: S608 (our names)
_TAG_ROWS: Final = "select creator_id, tag from creator_tag where creator_id in "


def of(cursor: Any, ids: Sequence[int], now: int) -> list[RosterRow]:  # noqa: ANN401 (two drivers, neither typed alike)
    """Rows for ids as they stand at a moment, in the ids' order; an id that is gone is left out."""
    if not ids:
        return []
    among = f"({','.join(map(str, ids))})"
    accounts: dict[int, list[AccountRow]] = {}
    for owner, number, platform, uid, handle, url, followers, tier, *fees in cursor.execute(f"{_ACCOUNT_ROWS}{among} order by id").fetchall():
        row = AccountRow(number, platform, uid, handle, url, followers, TIERS[tier], *fees)
        accounts.setdefault(owner, []).append(row)
    tags: dict[int, list[str]] = {}
    for owner, tag in cursor.execute(f"{_TAG_ROWS}{among} order by id").fetchall():
        tags.setdefault(owner, []).append(tag)
    found = cursor.execute(_CREATOR_ROWS + among).fetchall()
    words = bookable.verdicts(cursor, {row[0]: _CREDITS[row[20]] for row in found}, now)
    rows = {
        row[0]: RosterRow(
            row[0], row[1], _STAGES[row[2]], TIERS[row[3]], _GROUPS[row[4]],
            row[5], row[6], row[7], row[8], row[9], row[10], row[11], row[12], row[13], row[14], row[15], row[16], row[17],
            _VALUES[row[18]], row[19], _CREDITS[row[20]], words[row[0]], tuple(tags.get(row[0], ())), tuple(accounts.get(row[0], ())), row[21],
        )
        for row in found
    }  # fmt: skip
    return [rows[one] for one in ids if one in rows]
