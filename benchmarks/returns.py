# SPDX-License-Identifier: Apache-2.0
"""Attribution and returns: the product's side, and what the same costs in bare SQL with the product's driver."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from app.files import ImportRequest
from app.jobs import Quiet
from app.usecases.roi import Asked
from app.values import Actor, WorkspaceRef
from db import bulk
from db.engine import reading, sqlite_engine, writing
from db.stores.facts import FactStore
from db.stores.returns import ReturnStore
from db.writers import returns, values
from sync.compose import Opener
from sync.platforms.spreadsheet import Spreadsheets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

Side = dict[str, Any]
ACTOR: Final = Actor("bench")
_DELTA: Final = 10_000
_FILES: Final = (("creators", "creators"), ("contents", "contents"), ("sales", "orders"), ("costs", "costs"))


def clean(path: Path) -> Path:
    """The path, with no workspace left there."""
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    return path


def _generate(folder: Path) -> None:
    """Every file of the scale, where they are not there yet."""
    if not (folder / "orders_delta.csv").exists():
        scale, seed = folder.name.split("-")
        words = ["--scale", scale, "--seed", seed, "--out", str(folder), "--delta", str(_DELTA)]
        subprocess.run([sys.executable, "-m", "benchmarks.gen", *words], check=True, stdout=sys.stderr)


def built(folder: Path, name: str, files: Iterable[tuple[str, str]]) -> Path:
    """The workspace of a name, with files (kind, name) taken in; made where it is not there yet."""
    path = folder / f"{name}.koc"
    if path.exists():
        return path
    _generate(folder)
    building = clean(folder / f"{name}_building.koc")
    services = Opener().create(WorkspaceRef(str(building)), ACTOR)
    for kind, file in files:
        take = services.creators if kind == "creators" else services.facts
        take.import_file(ImportRequest(folder / f"{file}.csv", kind=kind))
    services.close()
    building.rename(path)
    return path


def sold(folder: Path) -> Path:
    """The workspace with every creator, content, sale and cost."""
    return built(folder, "sold", _FILES)


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def cpu() -> float:
    """CPU seconds of this process and of the children it has waited for: what other work takes does not show in them."""
    return sum(os.times()[:4])


# ---------------------------------------------------------------- attribution


def attribute_product(folder: Path) -> Side:
    """Every sale split by the default model, and the sums of it all written anew."""
    copy = clean(folder / "attributing.koc")
    shutil.copy(sold(folder), copy)
    engine = sqlite_engine(copy)
    started, used = time.perf_counter(), cpu()
    with writing(engine) as connection, bulk.roomy(connection):
        returns.rebuild(connection, Quiet())
    seconds, used = time.perf_counter() - started, cpu() - used
    engine.dispose()
    clean(copy)
    return {"seconds": seconds, "cpu": used}


def attribute_floor(folder: Path) -> Side:
    """Reading the sales and touchpoints once, writing a credit a sale once."""
    source, target = sqlite_engine(sold(folder)).raw_connection().cursor(), clean(folder / "credits.db")
    target.touch()
    engine = sqlite_engine(target)
    started, used = time.perf_counter(), cpu()
    with writing(engine) as connection:
        cursor = bulk.driver_cursor(connection)
        cursor.execute("create table credit (sale_id integer not null, creator_id integer not null, net_fen integer not null)")
        source.execute("select id, creator_id, content_id, coupon, paid_at, amount_fen, refund_fen, commission_fen, shop, order_id from sale order by id")
        while rows := source.fetchmany(50_000):
            cursor.executemany("insert into credit values (?, ?, ?)", [(row[0], row[1] or 0, row[5] - row[6]) for row in rows])
        source.execute("select order_id, shop, creator_id, kind, happened_at from touchpoint").fetchall()
    seconds, used = time.perf_counter() - started, cpu() - used
    engine.dispose()
    clean(target)
    return {"seconds": seconds, "cpu": used}


# ---------------------------------------------------------------- what creators brought back


def roi_product(folder: Path) -> Side:
    """Sums of every creator from what is kept; all returns with intervals and grades; the first hundred as the page opens."""
    copy = clean(folder / "returning.koc")
    shutil.copy(sold(folder), copy)
    engine = sqlite_engine(copy)
    store, moment = ReturnStore(engine), now()
    with reading(engine) as connection:
        by = returns.rules(connection)
        started = time.perf_counter()
        found = values.by_creator(connection, by, None, None, Quiet())
        sums = time.perf_counter() - started
        started, used = time.perf_counter(), cpu()
        values.compute(connection, by, moment, Quiet())
        full, used = time.perf_counter() - started, cpu() - used
    store.refresh(moment, Quiet())
    started = time.perf_counter()
    report = store.report(Asked(top=100), moment, Quiet())
    page = time.perf_counter() - started
    engine.dispose()
    clean(copy)
    return {"sums": sums, "full": full, "page": page, "note": f"{len(found.sums.key):,} creators, {len(report.rows)} shown", "cpu": used}


def roi_floor(folder: Path) -> Side:
    """A group-by over a covering index of all sales; the page is held to 0.3 seconds."""
    source, target = sold(folder), clean(folder / "grouped.db")
    target.touch()
    engine = sqlite_engine(target)
    cursor = engine.raw_connection().cursor()
    cursor.execute(f"attach '{source}' as product")
    cursor.execute("create table sold as select creator_id, amount_fen - refund_fen net, commission_fen commission from product.sale")
    cursor.execute("create index ix_sold on sold (creator_id, net, commission)")
    started, used = time.perf_counter(), cpu()
    cursor.execute("select creator_id, sum(net), sum(commission), count(*) from sold group by creator_id").fetchall()
    seconds, used = time.perf_counter() - started, cpu() - used
    engine.dispose()
    clean(target)
    return {"sums": seconds, "full": seconds, "page": 0.3, "cpu": used}


# ---------------------------------------------------------------- a sync of some sales


def delta_product(folder: Path) -> Side:
    """Ten thousand sales in one transaction: known or new, written, logged, sums right, sealed."""
    copy = clean(folder / "syncing.koc")
    shutil.copy(sold(folder), copy)
    engine = sqlite_engine(copy)
    request = ImportRequest(folder / "orders_delta.csv", kind="sales")
    store = FactStore(engine)
    parsed = Spreadsheets().parse(request, store.zone, now(), Quiet())
    started, used = time.perf_counter(), cpu()
    done = store.take(parsed, request, ACTOR, now(), Quiet())
    seconds, used = time.perf_counter() - started, cpu() - used
    with reading(engine) as connection:
        right = returns.faults(connection, Quiet()) == 0 if folder.name.startswith(("T", "S")) else True
    engine.dispose()
    clean(copy)
    return {"seconds": seconds if right else float("inf"), "note": f"{done.inserted:,} rows", "cpu": used}


def delta_floor(folder: Path) -> Side:
    """The same rows into the same indexed table, and their sums into a rollup, in one transaction."""
    copy = clean(folder / "syncing_floor.koc")
    shutil.copy(sold(folder), copy)
    engine = sqlite_engine(copy)
    with writing(engine) as connection:
        cursor = bulk.driver_cursor(connection)
        cursor.execute("create table rollup (creator_id integer primary key, net integer not null, variable integer not null, sales integer not null)")
        grouped = "select creator_id, sum(amount_fen - refund_fen), sum(commission_fen), count(*) from sale where {} group by creator_id"
        cursor.execute(f"insert into rollup {grouped.format('true')}")
        last = cursor.execute("select max(id) from sale").fetchone()[0]
        rows = cursor.execute("select * from sale order by id desc limit ?", (_DELTA,)).fetchall()
    fresh = [(last + at, row[1], f"fresh{at}", *row[3:]) for at, row in enumerate(rows, start=1)]
    marks = ",".join("?" * len(fresh[0]))
    started, used = time.perf_counter(), cpu()
    with writing(engine) as connection:
        cursor = bulk.driver_cursor(connection)
        cursor.executemany(f"insert into sale values ({marks})", fresh)  # noqa: S608
        update = "net = net + excluded.net, variable = variable + excluded.variable, sales = sales + excluded.sales"
        cursor.execute(f"insert into rollup {grouped.format('id > ?')} on conflict (creator_id) do update set {update}", (last,))
    seconds, used = time.perf_counter() - started, cpu() - used
    engine.dispose()
    clean(copy)
    return {"seconds": seconds, "cpu": used}


Shown = tuple[str, str, str, float, float]
MEASURES: Final[dict[str, tuple[Shown, ...]]] = {
    "attribute": (("seconds", "attribute every sale", "s", 2, 0),),
    "roi": (
        ("sums", "sums of every creator, from what is kept", "s", 1, 0),
        ("full", "returns of every creator, intervals and grades", "s", 1, 0),
        ("page", "the ROI page opens", "s", 1, 0),
    ),
    "delta": (("seconds", "10k sales: returns right again", "s", 1.5, 0),),
}
SIDES: Final[dict[tuple[str, str], Callable[[Path], Side]]] = {
    ("attribute", "floor"): attribute_floor, ("attribute", "product"): attribute_product,
    ("roi", "floor"): roi_floor, ("roi", "product"): roi_product,
    ("delta", "floor"): delta_floor, ("delta", "product"): delta_product,
}  # fmt: skip
