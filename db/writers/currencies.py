# SPDX-License-Identifier: Apache-2.0
"""Money of another currency: never added to that of the home currency, and told by itself where sums leave it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app.rules.facts import HOME_CURRENCY
from app.rules.report import LeftOut
from db import bulk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

AT_HOME: Final = f"currency = '{HOME_CURRENCY}'"
"""Rows of sales or costs whose money sums may take."""
_ABROAD: Final = f"currency <> '{HOME_CURRENCY}'"
"""The rest, word for word as their own indexes say it."""
_SUMS: Final = {
    "sale": ("paid_at", "sum(amount_fen - refund_fen)", "sum(coalesce(commission_fen, 0))"),
    "cost_entry": ("incurred_at", "sum(amount_fen)"),
}


def left_out(connection: Connection, since: int | None = None, until: int | None = None) -> tuple[LeftOut, ...]:
    """Sales and costs of a period that no sum of it has, by currency."""
    sold = {code: sums for code, *sums in _by_currency(connection, "sale", since, until)}
    spent = {code: sums for code, *sums in _by_currency(connection, "cost_entry", since, until, " and voided_at is null")}
    return tuple(LeftOut(code, *sold.get(code, (0, 0, 0)), *spent.get(code, (0, 0))) for code in sorted({*sold, *spent}))


def _by_currency(connection: Connection, table: str, since: int | None, until: int | None, more: str = "") -> Sequence[Sequence[Any]]:
    moment, *sums = _SUMS[table]
    # With the sign no other index is taken than the one that has these few rows alone.
    dated = "".join(f" and +{moment} {sign} {int(end)}" for sign, end in ((">=", since), ("<", until)) if end is not None)
    columns = ", ".join(f"cast({one} as bigint)" for one in ("count(*)", *sums))
    return bulk.fetch(connection, f"select currency, {columns} from {table} where {_ABROAD}{more}{dated} group by currency")  # noqa: S608 (our names)
