# SPDX-License-Identifier: Apache-2.0
"""What is measured: the product's side, and the bare building block with the product's driver, pragmas and reader."""

from __future__ import annotations

import resource
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from app.files import ImportRequest
from app.usecases.creators import Question, SortKey
from app.values import Actor, WorkspaceRef
from benchmarks import facts, returns, sync, window
from db import bulk, maintenance
from db.engine import sqlite_engine, writing
from db.writers import search
from sync import sheets
from sync.compose import Opener

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.services import Services

Side = dict[str, Any]
_TABLES: Final = ("creator", "account", "account_metric", "stage_step", "tier_step")


def _rss() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _clean(path: Path) -> Path:
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    return path


def _opened(path: Path) -> Services:
    return Opener()(WorkspaceRef(str(path)), Actor("bench"))


def roster(folder: Path) -> Path:
    """The workspace with every creator; made where it is not there yet."""
    path = folder / "roster.koc"
    if not path.exists():
        import_product(folder)
    return path


# ---------------------------------------------------------------- import


def import_product(folder: Path) -> Side:
    """A file taken in: mapped, validated, upserted, indexed, searchable, undoable."""
    path = _clean(folder / "building.koc")
    services = Opener().create(WorkspaceRef(str(path)), Actor("bench"))
    started = time.perf_counter()
    done = services.creators.import_file(ImportRequest(folder / "creators.csv"))
    seconds = time.perf_counter() - started
    services.close()
    _clean(folder / "roster.koc")
    path.rename(folder / "roster.koc")
    return {"seconds": seconds, "rss": _rss(), "note": f"{done.inserted:,} rows, {done.inserted / seconds:,.0f}/s, {_rss():.0f} MB"}


def import_floor(folder: Path) -> Side:
    """The same rows into the same indexed tables with the driver's executemany, search index included."""
    source, target = roster(folder), _clean(folder / "floor.koc")
    maintenance.create(WorkspaceRef(str(target)), 0).dispose()
    reader, engine = sqlite_engine(source).raw_connection(), sqlite_engine(target)
    seconds = 0.0
    with writing(engine) as connection, bulk.roomy(connection):
        cursor = bulk.driver_cursor(connection)
        for table in _TABLES:
            rows = reader.cursor().execute(f"select * from {table} order by id").fetchall()  # noqa: S608
            marks = ",".join("?" * len(rows[0]))
            started = time.perf_counter()
            cursor.executemany(f"insert into {table} values ({marks})", rows)  # noqa: S608
            seconds += time.perf_counter() - started
        named = reader.cursor().execute("select c.id, c.name, a.platform_uid from creator c join account a on a.id = c.main_account_id").fetchall()
        texts = [(row[0], search.pairs(search.document(row[1:]))) for row in named]
        started = time.perf_counter()
        cursor.executemany(f"insert into {search.TABLE} (rowid, pairs) values (?, ?)", texts)  # noqa: S608
        seconds += time.perf_counter() - started
        started = time.perf_counter()
    seconds += time.perf_counter() - started
    _clean(target)
    return {"seconds": seconds}


# ---------------------------------------------------------------- the same file again


def again_product(folder: Path) -> Side:
    """The file once more; and once more after somebody edited one creator, when every field must be compared."""
    copy = _clean(folder / "again.koc")
    shutil.copy(roster(folder), copy)
    services = _opened(copy)
    started = time.perf_counter()
    done = services.creators.import_file(ImportRequest(folder / "creators.csv"))
    first = time.perf_counter() - started
    services.creators.edit([1], {"owner": "somebody"})
    started = time.perf_counter()
    other = services.creators.import_file(ImportRequest(folder / "creators.csv"))
    second = time.perf_counter() - started
    services.close()
    _clean(copy)
    return {"seconds": first, "edited": second, "note": f"{done.unchanged:,} and {other.unchanged:,} unchanged"}


def again_floor(folder: Path) -> Side:
    """Reading the file, and reading the keys."""
    path = folder / "creators.csv"
    cursor = sqlite_engine(roster(folder)).raw_connection().cursor()
    started = time.perf_counter()
    sheets.open_tables(sheets.read_file(path), path.name)
    cursor.execute("select id, platform, platform_uid from account").fetchall()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "edited": seconds}


# ---------------------------------------------------------------- questions

_ASKED: Final = 15
_FOLLOWERS: Final = (SortKey("followers", descending=True),)
COMMON, RARE = "美食", "瀚瀚"
_WORDS: Final = {"common": COMMON, "rare": RARE}
QUESTIONS: Final = (
    # search, filter, sort; the same question as bare SQL
    ("", "", "-followers", "", "followers desc, id"),
    ("", "", "name", "", "name, id"),
    ("", "tier = mid", "-followers", "tier = 3", "followers desc, id"),
    ("", "tier in (nano, mid) and followers >= 10000", "-followers", "tier in (1, 3) and followers >= 10000", "followers desc, id"),
    ("", "city = 杭州 and stage = active", "-followers", "city = '杭州' and stage = 6", "followers desc, id"),
    ("", "category = 美妆 and tier = tail", "-followers", "category = '美妆' and tier = 2", "followers desc, id"),
    ("", "followers >= 100000 and followers < 200000", "-followers", "followers >= 100000 and followers < 200000", "followers desc, id"),
    ("", "fee_fen >= 100000 and fee_fen < 110000", "fee_fen", "fee_fen >= 100000 and fee_fen < 110000", "fee_fen, id"),
    ("", "platform = douyin", "-followers", "exists (select 1 from account a where a.creator_id = creator.id and a.platform = 'douyin')", "followers desc, id"),
    ("", "group = kol", "-followers", '"group" = 3', "followers desc, id"),
    ("", "stage != ended and city = 北京", "-followers", "stage <> 8 and city = '北京'", "followers desc, id"),
    ("", "coupon = KOC000777", "-followers", "coupon = 'KOC000777'", "followers desc, id"),
    ("", "platform_uid = 6001720379", "", "id in (select creator_id from account where platform_uid = '6001720379')", "id"),
    ("", "joined_at >= 2026-10-30", "-joined_at", "joined_at >= 1793289600000000", "joined_at desc, id"),
    (COMMON, "", "-followers", "match", "followers desc, id"),
    ("探店", "tier = mid", "-followers", "match and tier = 3", "followers desc, id"),
    ("露营", "city = 上海", "-followers", "match and city = '上海'", "followers desc, id"),
    ("美", "", "-followers", "match", "followers desc, id"),
    ("✨", "stage = lead", "-followers", "match and stage = 1", "followers desc, id"),
    (RARE, "", "-followers", "match", "followers desc, id"),
)
_ROW: Final = (
    'select id, name, stage, tier, "group", followers, fee_fen, category, city, country, owner, phone, wechat, email, coupon, commission_bp, joined_at,'
    " updated_at from creator where id in ({ids})"
)
_ACCOUNTS: Final = "select creator_id, id, platform, platform_uid, handle, url, followers, tier, fee_fen, fee_image_fen, fee_video_fen from account where creator_id in ({ids})"
_TAGS: Final = "select creator_id, tag from creator_tag where creator_id in ({ids})"


def _times(ask: Callable[[], object], count: int = _ASKED) -> list[float]:
    ask()
    out = []
    for _ in range(count):
        started = time.perf_counter()
        ask()
        out.append((time.perf_counter() - started) * 1000)
    return out


def _bare(folder: Path) -> Any:  # noqa: ANN401 (the driver has no stubs)
    return sqlite_engine(roster(folder)).raw_connection().cursor()


def _bare_rows(cursor: Any, ids: list[int]) -> None:  # noqa: ANN401
    among = ",".join(map(str, ids))
    for statement in (_ROW, _ACCOUNTS, _TAGS):
        cursor.execute(statement.format(ids=among)).fetchall()


def _bare_page(cursor: Any, needle: str, where: str, order: str, limit: int) -> None:  # noqa: ANN401
    conditions = where.replace("match", f"id in (select rowid from {search.TABLE} where {search.TABLE} match ?)")  # noqa: S608
    values = (search.phrase(needle),) if needle else ()
    statement = f"select id from creator {'where ' + conditions if conditions else ''} order by {order} limit {limit}"  # noqa: S608
    _bare_rows(cursor, [row[0] for row in cursor.execute(statement, values)])


def _sort(name: str) -> tuple[SortKey, ...]:
    return (SortKey(name.removeprefix("-"), name.startswith("-")),) if name else ()


def questions_product(folder: Path) -> Side:
    """The first fifty rows of twenty mixed questions, and of a common and a rare word."""
    services = _opened(roster(folder))
    asked = [Question(needle, where, _sort(sort)) for needle, where, sort, _, _ in QUESTIONS]
    every = [one for question in asked for one in _times(partial(services.creators.page, question, 50), 5)]
    word = {name: _times(partial(services.creators.page, Question(needle, "", _FOLLOWERS), 100)) for name, needle in _WORDS.items()}
    services.close()
    return {"p95": float(np.percentile(every, 95)), **{name: float(np.median(times)) for name, times in word.items()}}


def questions_floor(folder: Path) -> Side:
    """The bare SQL of the same questions by the best index."""
    cursor = _bare(folder)
    every = [one for needle, _, _, where, order in QUESTIONS for one in _times(partial(_bare_page, cursor, needle, where, order, 50), 5)]
    word = {name: _times(partial(_bare_page, cursor, needle, "match", "followers desc, id", 100)) for name, needle in _WORDS.items()}
    return {"p95": float(np.percentile(every, 95)), **{name: float(np.median(times)) for name, times in word.items()}}


_SORTS: Final = ("-followers", "followers", "name", "-fee_fen", "city", "-joined_at", "-tier", "stage")
_JUMPS: Final = 50


def _places(count: int) -> list[int]:
    return [int(one) for one in np.random.default_rng(11).integers(0, max(1, count - 60), _JUMPS)]


def jump_product(folder: Path) -> Side:
    """Fifty rows at any place of any sort."""
    services = _opened(roster(folder))
    times, before, after = [], 0.0, 0.0
    for sort in _SORTS:
        ids = services.creators.ids(Question("", "", _sort(sort)))
        before = before or _now_rss()
        for at in _places(len(ids)):
            started = time.perf_counter()
            services.creators.rows([int(one) for one in ids[at : at + 50]])
            times.append((time.perf_counter() - started) * 1000)
        after = _now_rss()
    services.close()
    return {"p95": float(np.percentile(times, 95)), "note": f"memory {before:.0f} → {after:.0f} MB"}


def jump_floor(folder: Path) -> Side:
    """The same windows of rows by key."""
    cursor, times = _bare(folder), []
    for sort in _SORTS:
        name = sort.removeprefix("-")
        order = f'"{name}" {"desc" if sort.startswith("-") else "asc nulls last"}, id'
        ids = [row[0] for row in cursor.execute(f"select id from creator order by {order}")]  # noqa: S608
        for at in _places(len(ids)):
            started = time.perf_counter()
            _bare_rows(cursor, ids[at : at + 50])
            times.append((time.perf_counter() - started) * 1000)
    return {"p95": float(np.percentile(times, 95))}


def _now_rss() -> float:
    """Megabytes in use now."""
    status = Path("/proc/self/status")
    if not status.exists():
        return _rss()
    return next(int(line.split()[1]) / 1024 for line in status.read_text("ascii").splitlines() if line.startswith("VmRSS"))


# ---------------------------------------------------------------- workbooks

_SHEET: Final = (100_000, 14)


def _cells() -> list[list[object]]:
    generator = np.random.default_rng(5)
    numbers = generator.integers(0, 10**9, (_SHEET[0], 7)).tolist()
    return [[*row, *(f"达人{row[0] % 977}的第{at}格" for at in range(7))] for row in numbers]


def xlsx_floor(folder: Path) -> Side:
    """Xlsxwriter in constant memory; python-calamine."""
    import python_calamine
    import xlsxwriter

    path, rows = folder / "floor.xlsx", _cells()
    started = time.perf_counter()
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write(at, column, cell)
    write = time.perf_counter() - started
    started = time.perf_counter()
    python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    return {"write": write, "read": time.perf_counter() - started}


def xlsx_product(folder: Path) -> Side:
    """Written formula-safe, opened as a stranger's file."""
    from sync.platforms.spreadsheet import Spreadsheets

    path, rows = folder / "product.xlsx", _cells()
    started = time.perf_counter()
    Spreadsheets().write_table(path, [f"c{at}" for at in range(_SHEET[1])], iter(rows))
    write = time.perf_counter() - started
    started = time.perf_counter()
    sheets.open_tables(sheets.read_file(path), path.name)
    return {"write": write, "read": time.perf_counter() - started}


# ---------------------------------------------------------------- the list

Shown = tuple[str, str, str, float, float]
"""Key of both sides, name, unit, goal as a ratio, what is allowed above it."""

MEASURES: Final[dict[str, tuple[Shown, ...]]] = {
    "import": (("seconds", "import creators", "s", 2.5, 0),),
    "again": (("seconds", "second import of the same file", "s", 2, 0), ("edited", "the same, compared field by field", "s", 2, 0)),
    "questions": (
        ("p95", "roster: first rows, p95 of 20 questions", "ms", 1.5, 17),
        ("common", "search, 2 characters, common", "ms", 2, 0),
        ("rare", "search, 2 characters, rare", "ms", 2, 1),
    ),
    "jump": (("p95", "jump to any row, any sort, p95", "ms", 1.3, 0),),
    "xlsx": (("read", "read 100k × 14 xlsx", "s", 2, 0), ("write", "write 100k × 14 xlsx", "s", 1.4, 0)),
    "window": (
        ("seconds", "start to roster painted", "s", 1.5, 0),
        ("bare", "the same, beside a bare window", "s", 5, 0),
        ("memory", "memory with the roster open", "MB", 1.8, 0),
    ),
    **facts.MEASURES,
    **returns.MEASURES,
    **sync.MEASURES,
}
SIDES: Final[dict[tuple[str, str], Callable[[Path], Side]]] = {
    ("import", "floor"): import_floor, ("import", "product"): import_product,
    ("again", "floor"): again_floor, ("again", "product"): again_product,
    ("questions", "floor"): questions_floor, ("questions", "product"): questions_product,
    ("jump", "floor"): jump_floor, ("jump", "product"): jump_product,
    ("xlsx", "floor"): xlsx_floor, ("xlsx", "product"): xlsx_product,
    ("window", "floor"): lambda folder: window.floor(roster(folder)), ("window", "product"): lambda folder: window.product(roster(folder)),
    **facts.SIDES,
    **returns.SIDES,
    **sync.SIDES,
}  # fmt: skip
