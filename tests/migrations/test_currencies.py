# SPDX-License-Identifier: Apache-2.0
"""A workspace from before money of other currencies was kept apart: its sums are made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from app.jobs import Quiet
from db.engine import reading
from db.writers import returns, rollups, settings
from tests.migrations.test_facts import ENGINES, NOW, at_revision, empty

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["empty"]


@pytest.mark.parametrize("empty", ENGINES, indirect=True)
@pytest.mark.parametrize("currency", ["CNY", "USD"])
def test_sums_with_other_money_in_them_are_made_anew(empty: Engine, currency: str) -> None:
    at_revision(empty, "0006")
    columns = "shop, order_id, line_id, paid_at, amount_fen, refund_fen, currency"
    with empty.connect() as connection, connection.execution_options(write=True).begin():
        settings.put(connection, "time_zone", "Asia/Shanghai")
        rollups.add_shipped_policies(connection)
        for order, fen, code in (("1", 500, "CNY"), ("2", 70, currency)):
            connection.execute(text(f"insert into sale ({columns}) values ('', '{order}', '1', {NOW}, {fen}, 0, '{code}')"))
        for owner in (-1, 0):
            for month in (0, 2026 * 12 + 8):
                connection.execute(text(f"insert into creator_return values ({month}, {owner}, 570, 570, 0, 0, 2, 0, 0)"))
    at_revision(empty, "0007")
    with reading(empty) as connection:
        owners, _, sums = returns.stored(connection)
        assert owners.tolist() == [-1, 0, -1, 0]
        assert sums[0].tolist() == [570 if currency == "CNY" else 500] * 4
        assert returns.faults(connection, Quiet()) == 0
