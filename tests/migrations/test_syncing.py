# SPDX-License-Identifier: Apache-2.0
"""A workspace from before sync: everything in it stays, and a platform can be connected."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import sqlcipher3.dbapi2 as sqlite

from app.usecases.syncing import Page
from db import maintenance
from db.engine import sqlite_engine
from tests.db.test_maintenance import opened
from tests.db.test_syncing import Desk, order
from tests.migrations.test_facts import at_revision
from tests.migrations.test_migrations import built

HERE = Path(__file__).parent


def test_a_workspace_from_before_sync_can_be_connected(tmp_path: Path) -> None:
    path = built(tmp_path / "old.koc", "0001", HERE / "rows_0001.sql")
    engine = sqlite_engine(path)
    at_revision(engine, "0005")
    engine.dispose()
    with closing(sqlite.connect(str(path))) as raw:
        raw.execute("pragma user_version=5")
    shop = opened(path)
    assert [row.name for row in shop.creators.rows(shop.ids())] == ["老王探店", "小李"]
    before = shop.hash()
    desk = Desk(shop)
    desk.pull(Page("collaborations", [order(1), order(2)], "c", 2))
    counts = shop.house.info(with_hash=False).counts
    assert (counts["creators"], counts["collaborations"]) == (4, 2)
    assert shop.faults() == []
    shop.undo(desk.last.operation_id)
    assert shop.hash() == before
    shop.house.close()
    assert path.with_name(f"old.koc.pre-v{maintenance.SCHEMA_VERSION}").exists()
