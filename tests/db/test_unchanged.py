# SPDX-License-Identifier: Apache-2.0
"""A long file that is taken in again: whole columns compared say the same as rows compared one by one."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from app.files import Chunk, ImportReport, ImportRequest
from app.values import Actor, WorkspaceRef
from db.stores import creators
from db.writers.upsert import Upsert
from sync.compose import opener

HEADER = ["platform", "platform_uid", "name", "followers", "city", "fee_fen", "person_id", "tags"]
ROWS = 5_200


def written(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def made() -> list[list[str]]:
    rows = [["douyin" if at % 3 else "bilibili", str(at), f"达人{at}", str(1000 + at), "杭州" if at % 2 else "", "800", "", ""] for at in range(1, ROWS)]
    rows[10][6] = rows[11][6] = "p1"  # two accounts of one person
    rows[20][7] = "美食"
    return rows


def taken(path: Path, file: Path, *, dry_run: bool = False) -> ImportReport:
    services = opener()(WorkspaceRef(str(path)), Actor("tester"))
    try:
        return services.creators.import_file(ImportRequest(file, dry_run=dry_run))
    finally:
        services.close()


def content(path: Path) -> str | None:
    services = opener()(WorkspaceRef(str(path)), Actor("tester"))
    try:
        return services.workspace.info(with_hash=True).content_hash
    finally:
        services.close()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    services = opener().create(WorkspaceRef(str(folder / "brand.koc")), Actor("tester"))
    services.creators.import_file(ImportRequest(written(folder / "first.csv", made())))
    services.creators.edit([1], {"owner": "谁"})  # else the file would be known as the last thing that happened
    services.close()
    return folder / "brand.koc"


def changed() -> list[list[str]]:
    rows = made()
    rows[0][2] = "改名"
    rows[1][3] = "999999"
    rows[2][4] = "上海"
    rows[3][4] = ""
    rows[10][4] = "北京"
    rows[40][5] = "900"
    rows[41][7] = "护肤"
    rows.append(["weibo", "new", "新人", "5", "", "", "", ""])
    return rows


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("rows", [made(), changed(), [[*row[:2], "", *row[3:]] for row in made()]], ids=["same", "changed", "empty"])
def test_a_long_file_does_what_its_rows_one_by_one_would_do(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[list[str]], *, dry_run: bool
) -> None:
    file = written(tmp_path / "again.csv", rows)
    whole, single = (Path(shutil.copy(first, tmp_path / name)) for name in ("whole.koc", "single.koc"))
    by_columns = taken(whole, file, dry_run=dry_run)
    monkeypatch.setattr(creators, "_LONG", 10**9)
    by_rows = taken(single, file, dry_run=dry_run)
    assert replace(by_columns, seconds=0) == replace(by_rows, seconds=0)
    assert by_columns.inserted + by_columns.updated + by_columns.unchanged == len(rows)
    assert content(whole) == content(single)


def test_most_rows_of_such_a_file_are_never_looked_at_one_by_one(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    take = Upsert.take

    def counted(self: Upsert, chunk: Chunk) -> None:
        seen.extend(chunk.rows)
        take(self, chunk)

    monkeypatch.setattr(Upsert, "take", counted)
    copy = Path(shutil.copy(first, tmp_path / "brand.koc"))
    assert taken(copy, written(tmp_path / "again.csv", changed())).updated > 0
    assert 0 < len(seen) < 40
