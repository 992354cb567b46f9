# SPDX-License-Identifier: Apache-2.0
"""Sales taken in and credit rated: the product's side, and what the same costs in bare SQL with the product's driver."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any, Final

from app.files import ImportRequest
from app.jobs import Quiet
from app.rules.rating.asked import CreditAsked
from app.values import WorkspaceRef
from benchmarks.returns import ACTOR, built, clean, cpu, now, sold
from db import bulk
from db.engine import sqlite_engine, writing
from db.stores.rating import RatingStore
from sync.compose import Opener

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Side = dict[str, Any]
_AT_A_TIME: Final = 100_000
_FILLED: Final = "id, shop, order_id, line_id, creator_id, account_id, content_id, coupon, paid_at, amount_fen, refund_fen, commission_fen, currency"
"""Columns of a sale that the file fills: the driver is slow with every null."""


# ---------------------------------------------------------------- sales


def _stocked(folder: Path) -> Path:
    """The workspace with what sales name: every creator and content."""
    return built(folder, "stocked", (("creators", "creators"), ("contents", "contents")))


def _records(path: Path) -> int:
    """Rows of a file below its header: a folder may hold the first part of what a workspace made before has taken in."""
    with path.open("rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b"")) - 1


def sales_product(folder: Path) -> Side:
    """Every order taken in: mapped, validated, tied to creator, content and coupon, returns right, undoable, sealed."""
    copy = clean(folder / "sales.koc")
    shutil.copy(_stocked(folder), copy)
    services = Opener()(WorkspaceRef(str(copy)), ACTOR)
    started, used = time.perf_counter(), cpu()
    done = services.facts.import_file(ImportRequest(folder / "orders.csv", kind="sales"))
    seconds, used = time.perf_counter() - started, cpu() - used
    services.close()
    clean(copy)
    return {"seconds": seconds, "note": f"{done.inserted:,} rows, {done.inserted / seconds:,.0f}/s", "cpu": used}


def sales_floor(folder: Path) -> Side:
    """What the file says, with the same ids of creators and contents, into the same indexed table with the driver's executemany."""
    source, copy = sold(folder), clean(folder / "sales_floor.koc")
    shutil.copy(_stocked(folder), copy)
    reader, engine = sqlite_engine(source).raw_connection().cursor(), sqlite_engine(copy)
    reader.execute(f"select {_FILLED} from sale order by id limit ?", (_records(folder / "orders.csv"),))  # noqa: S608 (our names)
    seconds = used = 0.0
    with writing(engine) as connection, bulk.roomy(connection):
        cursor = bulk.driver_cursor(connection)
        while rows := reader.fetchmany(_AT_A_TIME):
            marks = ",".join("?" * len(rows[0]))
            started, before = time.perf_counter(), cpu()
            cursor.executemany(f"insert into sale ({_FILLED}) values ({marks})", rows)  # noqa: S608 (our own marks)
            seconds, used = seconds + time.perf_counter() - started, used + cpu() - before
        started, before = time.perf_counter(), cpu()
    seconds, used = seconds + time.perf_counter() - started, used + cpu() - before
    engine.dispose()
    clean(copy)
    return {"seconds": seconds, "cpu": used}


# ---------------------------------------------------------------- credit


def _judged(folder: Path) -> Path:
    """The workspace with every creator and every entry of the ledger of conduct."""
    return built(folder, "judged", (("creators", "creators"), ("events", "events")))


def credit_product(folder: Path) -> Side:
    """Everybody rated anew: entries read, scores written, the ladder of sanctions asked."""
    copy = clean(folder / "judging.koc")
    shutil.copy(_judged(folder), copy)
    engine = sqlite_engine(copy)
    store, moment = RatingStore(engine), now()
    started, used = time.perf_counter(), cpu()
    run = store.run_credit(CreditAsked(), ACTOR, moment, Quiet())
    seconds, used = time.perf_counter() - started, cpu() - used
    engine.dispose()
    clean(copy)
    return {"seconds": seconds, "note": f"{sum(run.grades.values()):,} creators", "cpu": used}


def credit_floor(folder: Path) -> Side:
    """Reading the entries once, writing a score a creator once."""
    source, target = sqlite_engine(_judged(folder)).raw_connection().cursor(), clean(folder / "scores.db")
    creators = [row[0] for row in source.execute("select id from creator order by id")]
    target.touch()
    engine, moment = sqlite_engine(target), now()
    started, used = time.perf_counter(), cpu()
    with writing(engine) as connection:
        cursor = bulk.driver_cursor(connection)
        cursor.execute(
            "create table credit_score (creator_id integer primary key, score integer not null, grade integer not null,"
            " as_of integer not null, known_at integer not null, policy_version integer not null)"
        )
        source.execute("select id, creator_id, type, happened_at from credit_event order by id")
        while source.fetchmany(_AT_A_TIME):
            pass
        cursor.executemany("insert into credit_score values (?, ?, ?, ?, ?, ?)", [(creator, 80, 3, moment, moment, 1) for creator in creators])
    seconds, used = time.perf_counter() - started, cpu() - used
    engine.dispose()
    clean(target)
    return {"seconds": seconds, "cpu": used}


Shown = tuple[str, str, str, float, float]
MEASURES: Final[dict[str, tuple[Shown, ...]]] = {
    "sales": (("seconds", "import sales", "s", 1.5, 0),),
    "credit": (("seconds", "credit-rate every creator", "s", 2, 0),),
}
SIDES: Final[dict[tuple[str, str], Callable[[Path], Side]]] = {
    ("sales", "floor"): sales_floor, ("sales", "product"): sales_product,
    ("credit", "floor"): credit_floor, ("credit", "product"): credit_product,
}  # fmt: skip
