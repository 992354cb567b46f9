# SPDX-License-Identifier: Apache-2.0
"""Many rows at once, inside the open transaction: the driver's executemany on SQLite, COPY on PostgreSQL.

SQLite's driver asks the interpreter's adapters about everything but numbers, texts and bytes: a ``None`` costs ten
times what a number does, so that many rows go without: a column of nothing is not named, and a gap is a mark that the
statement takes for one.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.errors import CancelledError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from app.jobs import Job

_AT_A_TIME: Final = 50_000
_FEW: Final = 100
"""Rows for which it does not matter."""
_STEPS: Final = 100_000
"""Steps of a statement between two looks at whether it is still wanted."""
_GAP: Final = b"\x00KOC Desk: nothing here\x00"
_PLAIN: Final = "?"
_GAPPED: Final = f"nullif(?, X'{_GAP.hex()}')"


def quoted(name: str) -> str:
    """A column or table name that is safe in SQL text; all names are our own."""
    return f'"{name}"'


def insert(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Insert rows given as tuples in the order of the columns."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(map(quoted, columns))
        with driver_cursor(connection) as cursor, cursor.copy(f"copy {quoted(table)} ({names}) from stdin") as copy:
            for row in rows:
                copy.write_row(row)
        return
    cursor, waiting = driver_cursor(connection), iter(rows)
    while part := list(islice(waiting, _AT_A_TIME)):
        if len(part) < _FEW or not any(None in row for row in part):
            cursor.executemany(_insertion(table, dict.fromkeys(columns, _PLAIN)), part)
        else:
            _insert_columns(cursor, table, {name: list(map(itemgetter(at), part)) for at, name in enumerate(columns)}, len(part))


def insert_columns(connection: Connection, table: str, columns: Mapping[str, Sequence[object]]) -> None:
    """Insert rows given as columns of one length, of which there is at least one."""
    if connection.dialect.name == "postgresql":
        insert(connection, table, tuple(columns), zip(*columns.values(), strict=True))
    else:
        _insert_columns(driver_cursor(connection), table, columns, len(next(iter(columns.values()))))


def _insert_columns(cursor: Any, table: str, columns: Mapping[str, Sequence[object]], count: int) -> None:  # noqa: ANN401 (a driver's)
    marks: dict[str, str] = {}
    values: list[Sequence[object]] = []
    first = next(iter(columns))
    for name, column in columns.items():
        gaps = column.count(None)
        if gaps < count or name == first:  # a row has one column at least
            marks[name] = _GAPPED if gaps else _PLAIN
            values.append([_GAP if one is None else one for one in column] if gaps else column)
    cursor.executemany(_insertion(table, marks), zip(*values, strict=True))


def _insertion(table: str, marks: Mapping[str, str]) -> str:
    return f"insert into {quoted(table)} ({', '.join(map(quoted, marks))}) values ({', '.join(marks.values())})"  # noqa: S608 (our names)


def update(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Set columns by id; each row is the values in the order of the columns, then the id."""
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    sets = ", ".join(f"{quoted(column)} = {mark}" for column in columns)
    statement = f"update {quoted(table)} set {sets} where id = {mark}"  # noqa: S608
    driver_cursor(connection).executemany(statement, rows)


def delete(connection: Connection, table: str, ids: Iterable[int]) -> None:
    """Delete rows by id."""
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    driver_cursor(connection).executemany(
        f"delete from {quoted(table)} where id = {mark}",  # noqa: S608
        ((row_id,) for row_id in ids),
    )


def reserve(connection: Connection, table: str, count: int) -> int:
    """First of ``count`` row ids that nobody else will get, now or ever again."""
    if connection.dialect.name == "postgresql":
        sequence = f"pg_get_serial_sequence('{table}', 'id')"
        last = connection.execute(
            text(f"select setval({sequence}, nextval({sequence}) + :more)"),
            {"more": count - 1},
        ).scalar_one()
        return int(last) - count + 1
    # Written at once: a second reservation before the rows are there must not get the same ids.
    taken = fetch(connection, "update sqlite_sequence set seq = seq + ? where name = ? returning seq", count, table)
    if taken:
        return int(taken[0][0]) - count + 1
    run(connection, "insert into sqlite_sequence (name, seq) values (?, ?)", table, count)
    return 1


@contextmanager
def roomy(connection: Connection, kib: int = 256_000) -> Iterator[None]:
    """More of the file in memory while many rows are written at random places of many indexes."""
    if connection.dialect.name != "sqlite":
        yield
        return
    cursor = driver_cursor(connection)  # the transaction may be over when it closes
    usual = cursor.execute("pragma cache_size").fetchone()[0]
    cursor.execute(f"pragma cache_size=-{kib}")
    try:
        yield
    finally:
        cursor.execute(f"pragma cache_size={int(usual)}")
        cursor.close()


@contextmanager
def indexed_after(connection: Connection, table: str, count: int, job: Job, column: str = "") -> Iterator[None]:
    """``count`` rows of a table come or change: where that is most of it, its plain indexes (those of a column) are made anew at the end.

    A row finds its place in an index at random; an index that is made at once is written from its first page to its last.
    """
    if connection.dialect.name != "sqlite" or fetch(connection, f"select count(*) from (select 1 from {quoted(table)} limit ?)", 2 * count)[0][0] >= 2 * count:  # noqa: S608
        yield
        return
    plain = "select name, sql from sqlite_master where type = 'index' and tbl_name = ? and sql like 'create index%' and instr(sql, ?) > 0 order by rowid"
    indexes = fetch(connection, plain, table, column)
    for name, _ in indexes:
        connection.exec_driver_sql(f"drop index {quoted(name)}")
    yield
    with _asked(connection, job):
        for _, statement in indexes:
            connection.exec_driver_sql(statement)


@contextmanager
def _asked(connection: Connection, job: Job) -> Iterator[None]:
    """Long statements that end where the job is to end."""
    raised: list[CancelledError] = []

    def ask() -> int:
        try:
            job.check()
        except CancelledError as error:  # goes on below, past the driver
            raised.append(error)
            return 1
        return 0

    raw: Any = connection.connection.driver_connection
    raw.set_progress_handler(ask, _STEPS)
    try:
        yield
    except DBAPIError:
        if raised:
            raise raised[0] from None
        raise
    finally:
        raw.set_progress_handler(None, 0)


def room(connection: Connection, kib: int, log_pages: int) -> None:
    """So much of the file in memory, and so many pages in the log beside it, from now on.

    For many transactions that follow each other: they would read the same pages, and copy them into the file, again and again.
    """
    if connection.dialect.name == "sqlite":
        cursor = driver_cursor(connection)
        cursor.execute(f"pragma cache_size=-{kib}")
        cursor.execute(f"pragma wal_autocheckpoint={log_pages}")


def keep_ids(connection: Connection, ids: Iterable[int]) -> None:
    """Fill the temporary table ``wanted(pos, id)`` with ids in their order, for joins with many ids."""
    keep(connection, "wanted", (("pos", "bigint"), ("id", "bigint")), enumerate(ids))


def keep(connection: Connection, name: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[object]]) -> None:
    """Fill a temporary table of the transaction with rows."""
    _make(connection, name, columns)
    insert(connection, name, [column for column, _ in columns], rows)
    _counted(connection, name)


def keep_columns(connection: Connection, name: str, columns: Mapping[str, Sequence[int]]) -> None:
    """Fill a temporary table of the transaction with columns of whole numbers, all of one length."""
    _make(connection, name, [(column, "bigint") for column in columns])
    insert_columns(connection, name, columns)
    _counted(connection, name)


def _make(connection: Connection, name: str, columns: Sequence[tuple[str, str]]) -> None:
    described = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns)
    drop = " on commit drop" if connection.dialect.name == "postgresql" else ""
    connection.exec_driver_sql(f"drop table if exists {_temp(connection)}{quoted(name)}")
    connection.exec_driver_sql(f"create temporary table {quoted(name)} ({described}){drop}")


def _counted(connection: Connection, name: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"analyze {quoted(name)}")


def _temp(connection: Connection) -> str:
    return "pg_temp." if connection.dialect.name == "postgresql" else "temp."


def fetch(connection: Connection, statement: str, *values: object) -> list[Any]:
    """All rows of a query (``?`` for each value) as the driver's own tuples: half the cost of rows with names."""
    if connection.dialect.name == "postgresql":
        statement = statement.replace("?", "%s")
    cursor = driver_cursor(connection)
    try:
        rows: list[Any] = (cursor.execute(statement, values) if values else cursor.execute(statement)).fetchall()
    finally:
        cursor.close()
    return rows


def run(connection: Connection, statement: str, *values: object) -> None:
    """A statement (``?`` for each value) that answers nothing, by the driver alone."""
    if connection.dialect.name == "postgresql":
        statement = statement.replace("?", "%s")
    cursor = driver_cursor(connection)
    try:
        cursor.execute(statement, values)
    finally:
        cursor.close()


def among(connection: Connection, column: str, words: Collection[str]) -> tuple[str, object]:
    """A condition that a text column is one of these, as SQL with one ``?``, and the value for it."""
    if connection.dialect.name == "postgresql":
        return f"{column} = any(?)", list(words)
    return f"{column} in (select value from json_each(?))", json.dumps(list(words), ensure_ascii=False)  # noqa: S608 (our names)


def driver_cursor(connection: Connection) -> Any:  # noqa: ANN401 (two drivers, neither typed alike)
    """A cursor of the driver below, in the same transaction."""
    return connection.connection.cursor()
