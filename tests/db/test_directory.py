# SPDX-License-Identifier: Apache-2.0
"""A long file of sales: what is looked up for all rows at once is what each row would have found by itself."""

from __future__ import annotations

import csv
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.errors import CancelledError
from app.files import ImportReport, ImportRequest
from app.jobs import Quiet
from app.values import Actor, WorkspaceRef
from db import bulk
from db.engine import reading, sqlite_engine, writing
from db.stores import facts
from db.writers import directory, returns
from sync.compose import opener

if TYPE_CHECKING:
    from collections.abc import Sequence

CREATORS = ["platform", "platform_uid", "nickname", "coupon"]
CONTENTS = ["platform", "platform_uid", "content_id", "published_at"]
TOUCHES = ["order_id", "platform", "platform_uid", "kind", "happened_at"]
SALES = ["order_id", "platform", "platform_uid", "content_id", "coupon", "paid_at", "amount_fen", "refund_fen", "commission_fen", "shop"]


def written(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("directory")
    services = opener().create(WorkspaceRef(str(folder / "brand.koc")), Actor("tester"))
    people = [("douyin", str(at), f"甲{at}", f"C{at % 9}") for at in range(1, 30)] + [("xiaohongshu", str(at), f"乙{at}", "") for at in range(25, 40)]
    services.creators.import_file(ImportRequest(written(folder / "creators.csv", CREATORS, people)))
    notes = [
        (place, uid, f"N{int(uid) % 12 if place == 'xiaohongshu' else uid}", f"2026-0{1 + at % 8}-05 10:00:00") for at, (place, uid, *_) in enumerate(people)
    ]
    services.facts.import_file(ImportRequest(written(folder / "contents.csv", CONTENTS, notes), kind="contents"))
    touches = [(f"O{at}", "douyin", str(1 + at % 20), "link", "2026-08-01 10:00:00") for at in range(0, 200, 7)]
    services.facts.import_file(ImportRequest(written(folder / "touches.csv", TOUCHES, touches), kind="touchpoints"))
    services.close()
    return folder / "brand.koc"


def orders(seed: int, *, plain: bool, platform: bool = False) -> list[list[object]]:
    """Sales that all name one account and one content, or not."""
    dice = random.Random(seed)  # noqa: S311 (rows of a test)
    out = []
    for at in range(200):
        uid: object = dice.randint(1, 24) if plain else dice.choice([dice.randint(1, 45), "", 99])
        note = dice.choice(["", f"N{dice.randint(13, 24)}", "unknown"] if plain else ["", f"N{dice.randint(1, 40)}", "unknown"])
        where = "douyin" if platform else ""
        day = f"2026-08-{1 + at % 28:02d} 12:00:00"
        fee = dice.choice(["", dice.randint(1, 90)])
        out.append(
            [
                f"O{at}",
                where,
                uid,
                note,
                dice.choice(["", f"C{dice.randint(0, 11)}"]),
                day,
                dice.randint(0, 9999),
                dice.choice(["", 50]),
                fee,
                dice.choice(["", "铺"]),
            ]
        )
    return out


def took(source: Path, path: Path, file: Path, *, at_once: bool, again: Path | None = None) -> tuple[list[ImportReport], list[Any], list[Any], int, bool]:
    shutil.copy(source, path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(directory, "LEAST", 1 if at_once else 1 << 40)
        patched.setattr(facts, "CHUNK", 16)
        services = opener()(WorkspaceRef(str(path)), Actor("tester"))
        empty = services.workspace.info(with_hash=True).content_hash
        done = [services.facts.import_file(ImportRequest(one, kind="sales")) for one in (file, again) if one is not None]
        engine = sqlite_engine(path)
        with reading(engine) as connection:
            indexes = connection.execute(text("select name, sql from sqlite_master where tbl_name = 'sale' order by name")).all()
            faults = returns.faults(connection, Quiet())
            sales = connection.execute(text("select * from sale order by id")).all()
            sums = connection.execute(text("select * from creator_return order by month, creator_id")).all()
        engine.dispose()
        for one in reversed(done):
            assert one.import_id is not None
            services.workspace.undo(one.import_id)
        restored = services.workspace.info(with_hash=True).content_hash == empty
        services.close()
    return [replace(one, seconds=0) for one in done], [tuple(row) for row in (*sales, *indexes)], [tuple(row) for row in sums], faults, restored


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("plain", "platform"), [(True, False), (True, True), (False, False), (False, True)])
def test_looked_up_at_once_or_one_by_one_is_the_same(stocked: Path, tmp_path: Path, seed: int, *, plain: bool, platform: bool) -> None:
    first = written(tmp_path / "first.csv", SALES, orders(seed, plain=plain, platform=platform))
    other = [*orders(seed, plain=plain, platform=platform)[:90], *[[f"X{row[0]}", *row[1:]] for row in orders(seed + 50, plain=plain, platform=platform)]]
    other[5][6] = 12_345
    second = written(tmp_path / "second.csv", SALES, other)
    at_once = took(stocked, tmp_path / "at_once.koc", first, at_once=True, again=second)
    one_by_one = took(stocked, tmp_path / "one_by_one.koc", first, at_once=False, again=second)
    assert at_once == one_by_one
    assert at_once[3] == 0
    assert at_once[4]
    assert len(at_once[1]) > 200


def test_plain_rows_are_settled_at_once(stocked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    found = directory.found

    def noted(*words: Any, **named: Any) -> Any:
        asked.append(found(*words, **named))
        return asked[-1]

    monkeypatch.setattr(directory, "found", noted)
    took(stocked, tmp_path / "plain.koc", written(tmp_path / "plain.csv", SALES, orders(1, plain=True)), at_once=True)
    took(stocked, tmp_path / "mixed.koc", written(tmp_path / "mixed.csv", SALES, orders(1, plain=False)), at_once=True)
    plain, mixed = asked
    assert plain is not None
    assert plain["plain"].all()
    assert mixed is not None
    assert 0 < mixed["plain"].sum() < mixed.height


def test_keys_are_checked_again_after_a_long_file(stocked: Path, tmp_path: Path) -> None:
    engine = sqlite_engine(Path(shutil.copy(stocked, tmp_path / "brand.koc")))
    with writing(engine, keys=False) as connection:
        connection.execute(text("update sale set creator_id = creator_id"))
    with pytest.raises(ZeroDivisionError), writing(engine, keys=False):
        raise ZeroDivisionError
    insert = text("insert into content (platform, content_id, creator_id, account_id) values ('douyin', 'N99', 9999, 1)")
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(insert)
    engine.dispose()


class Stopping(Quiet):
    """A job that somebody gives up while the indexes are made."""

    def check(self) -> None:
        raise CancelledError


def test_indexes_are_made_after_the_rows_unless_the_job_ends(stocked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_STEPS", 10)
    engine = sqlite_engine(Path(shutil.copy(stocked, tmp_path / "brand.koc")))
    named = text("select name, sql from sqlite_master where tbl_name = 'sale' and sql like 'CREATE INDEX%' order by name")
    with reading(engine) as connection:
        before = connection.execute(named).all()
    with pytest.raises(CancelledError), writing(engine) as connection, bulk.indexed_after(connection, "sale", 5, Stopping()):
        assert not connection.execute(named).all()
    with reading(engine) as connection:
        assert connection.execute(named).all() == before
    with writing(engine) as connection, bulk.indexed_after(connection, "sale", 5, Quiet()):
        assert not connection.execute(named).all()
    with reading(engine) as connection:
        assert connection.execute(named).all() == before
    engine.dispose()
