# SPDX-License-Identifier: Apache-2.0
"""Workspace files with everything that goes wrong at a desk: damaged, newer, locked, read-only, full, killed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import zipfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlcipher3.dbapi2 as sqlite

from app.errors import CancelledError, UsageError, WorkspaceError
from app.jobs import Quiet
from app.values import Stage, WorkspaceRef
from db import engine, maintenance
from tests.db.conftest import NOON, Shop, koc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root")
ROWS = int(os.environ.get("KOC_TEST_CREATORS", "20000"))
"""Creators of the test that kills an import; 600000 is the size of the plan."""


def opened(path: Path) -> Shop:
    ref = WorkspaceRef(str(path))
    found, _ = maintenance.open_engine(ref)
    return Shop(found, ref)


def code_of(path: Path) -> str:
    with pytest.raises(WorkspaceError) as error:
        opened(path)
    return error.value.code


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def closed(file: Shop) -> Path:
    """A workspace with something in it that nobody has open."""
    file.take(*(koc(number, followers=number * 7) for number in range(200)))
    file.house.close()
    return Path(file.ref.address)


def run(script: str, *words: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", _SCRIPT + textwrap.dedent(script), *map(str, words)], cwd=ROOT, check=check, capture_output=True, text=True)


_SCRIPT = """
import os, sys
from pathlib import Path
from app.errors import ProductError
from app.jobs import Quiet
from app.files import ImportRequest
from app.usecases.creators import Question
from app.values import Actor, WorkspaceRef
from sync.compose import opener
import sync.platforms.spreadsheet
from tests.db.conftest import File, Shop, koc
from tests.db.test_maintenance import opened
"""


# ---------------------------------------------------------------- open


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert code_of(tmp_path / "none.koc") == "missing"
    assert list(tmp_path.iterdir()) == []


def test_an_existing_workspace_is_never_made_anew_unasked(closed: Path) -> None:
    before = digest(closed)
    with pytest.raises(WorkspaceError) as error:
        maintenance.create(WorkspaceRef(str(closed)), NOON)
    assert error.value.code == "exists"
    assert digest(closed) == before
    maintenance.create(WorkspaceRef(str(closed)), NOON, force=True).dispose()
    kept = [one for one in closed.parent.iterdir() if ".replaced-" in one.name]
    assert len(kept) == 1
    assert len(_names(kept[0])) == 200
    assert _names(closed) == []


def _names(path: Path) -> list[str]:
    with closing(sqlite.connect(str(path))) as raw:
        return [row[0] for row in raw.execute("select name from creator order by id")]


@pytest.mark.parametrize("cut", [0, 50, 99, 4096, -40 * 4096, -100])
def test_a_file_cut_short_is_called_damaged_and_left_alone(closed: Path, cut: int) -> None:
    data = closed.read_bytes()
    closed.write_bytes(data[:cut])
    before = digest(closed)
    assert code_of(closed) == "damaged"
    assert digest(closed) == before


def test_an_overwritten_header_is_called_damaged_and_names_the_newest_backup(closed: Path) -> None:
    shop = opened(closed)
    shop.house.backup(closed.with_name("a.kocbackup"), NOON, Quiet())
    shop.house.backup(closed.with_name("b.kocbackup"), NOON + 60_000_000, Quiet())
    shop.house.close()
    with closed.open("rb+") as file:
        file.write(b"XXXXXXXX")
    before = digest(closed)
    with pytest.raises(WorkspaceError) as error:
        opened(closed)
    assert error.value.code == "damaged_with_backup"
    assert error.value.details["backup"] == str(closed.with_name("b.kocbackup"))
    assert digest(closed) == before


def test_a_damaged_page_inside_is_found_by_the_doctor_and_never_repaired(closed: Path) -> None:
    page = 4096
    data = bytearray(closed.read_bytes())
    for first in range(10 * page, len(data) - page, 7 * page):
        data[first : first + 200] = hashlib.shake_128(bytes([first % 251])).digest(200)
    closed.write_bytes(bytes(data))
    try:
        shop = opened(closed)
    except WorkspaceError as error:
        assert error.code == "damaged"  # noqa: PT017 (either way is right)
        return
    try:
        assert "integrity" in shop.faults(repair=True)
    except WorkspaceError as error:
        assert error.code == "damaged"  # noqa: PT017
    finally:
        shop.house.close()


def test_a_newer_workspace_is_refused_before_any_write(closed: Path) -> None:
    with closing(sqlite.connect(str(closed))) as raw:
        raw.execute("pragma user_version=9999")
    before = digest(closed)
    assert code_of(closed) == "newer"
    assert digest(closed) == before
    assert sorted(one.name for one in closed.parent.iterdir()) == [closed.name]


@pytest.mark.parametrize("content", ["text", "sqlite"])
def test_another_programs_file_is_no_workspace(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.koc"
    if content == "text":
        path.write_text("creator,followers\n" * 50, encoding="utf-8")
    else:
        with closing(sqlite.connect(str(path))) as raw:
            raw.execute("create table other (id)")
            raw.commit()
    before = digest(path)
    assert code_of(path) == ("damaged" if content == "text" else "not_a_workspace")
    assert digest(path) == before


@AS_ROOT
def test_a_folder_that_cannot_be_written_opens_for_reading(closed: Path) -> None:
    closed.parent.chmod(0o555)
    closed.chmod(0o444)
    for parent in closed.parent.parents[:-1]:
        if parent.stat().st_uid == 0 and parent.name.startswith(("pytest", "popen")):
            parent.chmod(0o755)
    done = run(
        """
        os.setgroups([]); os.setgid(65534); os.setuid(65534)
        shop = opened(Path(sys.argv[1]))
        print(shop.creators.count(Question()), len(shop.ids(search="达人1")), sorted(os.listdir(Path(sys.argv[1]).parent)))
        try:
            shop.take(koc(1, city="上海"))
        except ProductError as error:
            print(error.code, error.exit_code)
        shop.house.close()
        """,
        closed,
    )
    assert done.stdout.splitlines() == [f"200 111 ['{closed.name}']", "read_only 3"]


def test_a_file_held_by_another_program_can_be_read_and_says_so_when_written(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.3)
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys, sqlcipher3.dbapi2 as s; c = s.connect(sys.argv[1], isolation_level=None); c.execute('begin immediate'); print(1, flush=True); input()", str(closed)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdout.readline()
    shop = opened(closed)
    try:
        assert shop.creators.count(_all()) == 200
        assert len(shop.ids(search="达人1")) == 111
        with pytest.raises(WorkspaceError) as error:
            shop.take(koc(1, city="上海"))
        assert (error.value.code, error.value.exit_code) == ("locked", 3)
        holder.communicate("\n", timeout=20)
        assert shop.take(koc(1, city="上海")).updated == 1
    finally:
        holder.kill()
        holder.communicate()
        shop.house.close()


def test_a_writer_waits_no_longer_than_five_seconds() -> None:
    assert engine.BUSY_SECONDS <= 5


def _all() -> Any:
    from tests.db.conftest import question

    return question()


# ---------------------------------------------------------------- full


@contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("cannot mount a small disk here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@AS_ROOT
def test_a_full_disk_changes_nothing_and_the_same_work_succeeds_once_there_is_room(tmp_path: Path) -> None:
    with _small_disk(tmp_path / "disk", "6m") as disk:
        ref = WorkspaceRef(str(disk / "brand.koc"))
        shop = Shop(maintenance.create(ref, NOON), ref)
        shop.take(koc(1))
        before = shop.hash()
        many = [koc(number, notes="字" * 200) for number in range(4000)]
        with pytest.raises(WorkspaceError) as error:
            shop.take(*many)
        assert (error.value.code, error.value.exit_code) == ("disk_full", 3)
        assert shop.hash() == before
        assert shop.faults() == []
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
        assert shop.take(*many).inserted == 3999
        assert shop.faults() == []
        shop.house.close()


def test_a_limit_on_the_size_of_files_reads_as_a_full_disk_not_as_damage(closed: Path) -> None:
    done = run(
        """
        import resource
        shop = opened(Path(sys.argv[1]))
        size = 1 << 20
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        before = shop.hash()
        try:
            shop.take(*(koc(number, notes="字" * 300) for number in range(5000)))
        except ProductError as error:
            print(error.code)
        print(shop.hash() == before)
        shop.house.close()
        """,
        closed,
    )
    assert done.stdout.split() == ["disk_full", "True"]
    shop = opened(closed)
    assert shop.faults() == []
    shop.house.close()


@AS_ROOT
def test_a_backup_to_a_full_disk_leaves_no_half_archive(closed: Path, tmp_path: Path) -> None:
    shop = opened(closed)
    with _small_disk(tmp_path / "disk", "64k") as disk:
        with pytest.raises(WorkspaceError) as error:
            shop.house.backup(disk / "a.kocbackup", NOON, Quiet())
        assert error.value.code in {"disk_full", "cannot_write", "backup_failed"}
        assert list(disk.iterdir()) == []
    shop.house.close()


# ---------------------------------------------------------------- backup


def _counted(told: Any) -> int:
    return int(told["counts"]["creator"])


def test_a_backup_has_what_stands_in_the_log_and_comes_back_whole(file: Shop, tmp_path: Path) -> None:
    with file.engine.connect() as connection:
        connection.exec_driver_sql("pragma wal_autocheckpoint=0")
    file.take(*(koc(number, tags=("茶",)) for number in range(50)))
    evidence = Path(file.ref.address + ".files")
    evidence.mkdir()
    (evidence / "ab").mkdir()
    (evidence / "ab" / "abcd.png").write_bytes(b"picture")
    told = file.house.backup(tmp_path / "b.kocbackup", NOON, Quiet())
    assert _counted(told) == 50
    there = WorkspaceRef(str(tmp_path / "elsewhere" / "back.koc"))
    maintenance.restore(tmp_path / "b.kocbackup", there, NOON)
    back = opened(Path(there.address))
    assert back.hash() == file.hash()
    assert back.faults() == []
    assert (tmp_path / "elsewhere" / "back.koc.files" / "ab" / "abcd.png").read_bytes() == b"picture"
    back.house.close()


def test_a_backup_while_somebody_writes_is_one_moment(file: Shop, tmp_path: Path) -> None:
    file.take(*(koc(number) for number in range(3000)))
    done, failures = threading.Event(), list[BaseException]()

    def write() -> None:
        try:
            for number in range(40):
                file.take(koc(10_000 + 2 * number), koc(10_001 + 2 * number))
        except BaseException as error:  # noqa: BLE001 (handed to the test's own thread)
            failures.append(error)
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    counts: list[int] = []
    while not done.is_set() or not counts:
        counts.append(_counted(file.house.backup(tmp_path / f"{len(counts)}.kocbackup", NOON, Quiet())))
    writer.join()
    assert failures == []
    assert all(count % 2 == 0 for count in counts)
    maintenance.restore(tmp_path / "0.kocbackup", WorkspaceRef(str(tmp_path / "back.koc")), NOON)
    back = opened(tmp_path / "back.koc")
    assert back.faults() == []
    back.house.close()


def test_a_backup_that_is_stopped_leaves_nothing(closed: Path, tmp_path: Path) -> None:
    class Stopped(Quiet):
        def check(self) -> None:
            raise CancelledError

    shop = opened(closed)
    (tmp_path / "to").mkdir()
    with pytest.raises(CancelledError):
        shop.house.backup(tmp_path / "to" / "b.kocbackup", NOON, Stopped())
    assert list((tmp_path / "to").iterdir()) == []
    shop.house.close()


def test_a_restore_keeps_what_stood_there(file: Shop, tmp_path: Path) -> None:
    file.take(koc(1))
    archive, path = tmp_path / "b.kocbackup", Path(file.ref.address)
    file.house.backup(archive, NOON, Quiet())
    before = file.hash()
    file.take(koc(2))
    file.house.close()
    with pytest.raises(WorkspaceError) as error:
        maintenance.restore(archive, file.ref, NOON)
    assert error.value.code == "exists"
    told = maintenance.restore(archive, file.ref, NOON, force=True)
    assert len(_names(Path(str(told["replaced"])))) == 2
    back = opened(path)
    assert back.hash() == before
    back.house.close()


@pytest.mark.parametrize("how", ["cut", "flipped", "foreign", "no archive", "climbing", "newer", "missing"])
def test_a_damaged_archive_is_refused_and_nothing_replaced(closed: Path, tmp_path: Path, how: str) -> None:
    shop = opened(closed)
    archive = tmp_path / "b.kocbackup"
    shop.house.backup(archive, NOON, Quiet())
    shop.house.close()
    before = digest(closed)
    _spoil(archive, how)
    with pytest.raises((UsageError, WorkspaceError)) as error:
        maintenance.restore(archive, WorkspaceRef(str(closed)), NOON, force=True)
    expected = {"flipped": {"backup_damaged", "not_a_backup"}, "newer": {"newer"}, "missing": {"no_file"}}
    assert error.value.code in expected.get(how, {"not_a_backup"})
    assert digest(closed) == before
    assert {one.name for one in tmp_path.iterdir() if one.name not in {closed.name, archive.name}} == set()


def _spoil(archive: Path, how: str) -> None:
    data = archive.read_bytes()
    if how == "cut":
        archive.write_bytes(data[: len(data) // 2])
    elif how == "flipped":
        archive.write_bytes(data[:500] + bytes(255 - one for one in data[500:600]) + data[600:])
    elif how == "no archive":
        archive.write_bytes(b"no archive at all")
    elif how == "missing":
        archive.unlink()
    else:
        with zipfile.ZipFile(archive) as packed:
            parts = {name: packed.read(name) for name in packed.namelist()}
        manifest = json.loads(parts["manifest.json"])
        if how == "foreign":
            parts = {"readme.txt": b"hello"}
        elif how == "newer":
            parts["manifest.json"] = json.dumps({**manifest, "schema_version": 9999}).encode()
        else:
            parts["../outside.txt"] = b"x"
        with zipfile.ZipFile(archive, "w") as packed:
            for name, content in parts.items():
                packed.writestr(name, content)


def test_a_team_database_is_backed_up_into_a_workspace_file(shops: Callable[[str], Shop], tmp_path: Path) -> None:
    team = shops("postgresql")
    team.take(koc(1, tags=("茶",), followers=1200, avg_likes=1.5, notes="一\n二"), koc(2))
    team.pipeline.move(team.ids(), Stage.ACTIVE, "好", team.actor, team.tick())
    team.house.backup(tmp_path / "team.kocbackup", NOON, Quiet())
    maintenance.restore(tmp_path / "team.kocbackup", WorkspaceRef(str(tmp_path / "team.koc")), NOON)
    back = opened(tmp_path / "team.koc")
    assert back.hash() == team.hash()
    assert back.faults() == []
    assert back.ids(search="茶") == team.ids(search="茶")
    assert back.undo(1).kept
    back.house.close()


# ---------------------------------------------------------------- killed


def _creators(path: Path, count: int) -> Path:
    with path.open("w", encoding="utf-8") as out:
        out.write("platform,platform_uid,nickname,followers,city,stage\n")
        out.writelines(f"douyin,{600_000_000 + number * 7},小{number % 977}的日记{number},{number % 90_000},上海,lead\n" for number in range(count))
    return path


_IMPORT = """
services = opener()(WorkspaceRef(sys.argv[1]), Actor("me"))
print("open", flush=True)
done = services.creators.import_file(ImportRequest(Path(sys.argv[2])))
print(done.import_id, done.inserted, flush=True)
services.close()
"""


def test_an_import_that_is_killed_is_all_or_nothing_and_converges(tmp_path: Path) -> None:
    source = _creators(tmp_path / "creators.csv", ROWS)
    for name in ("whole.koc", "killed.koc"):
        maintenance.create(WorkspaceRef(str(tmp_path / name)), NOON).dispose()
    started = _clock()
    run(_IMPORT, tmp_path / "whole.koc", source)
    seconds = _clock() - started
    whole = opened(tmp_path / "whole.koc")
    expected = whole.hash()
    whole.house.close()
    killed = 0
    for share in (0.5, 0.7, 0.85, 0.95):
        process = subprocess.Popen(
            [sys.executable, "-c", _SCRIPT + _IMPORT, str(tmp_path / "killed.koc"), str(source)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        try:
            out, _ = process.communicate(timeout=seconds * share)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, _ = process.communicate()
            killed += 1
        shop = opened(tmp_path / "killed.koc")
        found = shop.creators.count(_all())
        assert found in {0, ROWS}
        if len(out.splitlines()) > 1:
            assert found == ROWS
        assert shop.faults() == []
        if found:
            shop.undo(shop.house.operations(limit=1)[0].id)
        shop.house.close()
    assert killed
    run(_IMPORT, tmp_path / "killed.koc", source)
    shop = opened(tmp_path / "killed.koc")
    assert shop.hash() == expected
    assert shop.faults() == []
    shop.house.close()


def _clock() -> float:
    import time

    return time.monotonic()


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "brand.koc"
    maintenance.create(WorkspaceRef(str(path)), NOON).dispose()
    script = _SCRIPT + textwrap.dedent(
        """
        shop = opened(Path(sys.argv[1]))
        number = 0
        while True:
            number += 1
            print(shop.creators.add({"platform": "douyin", "platform_uid": f"{sys.argv[2]}-{number}", "name": "n"}, shop.actor, shop.tick()), flush=True)
        """
    )
    told: set[int] = set()
    for turn in range(3):
        process = subprocess.Popen([sys.executable, "-c", script, str(path), str(turn)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(8 + turn):
            told.add(int(process.stdout.readline()))
        process.kill()
        rest, _ = process.communicate()
        told.update(int(line) for line in rest.splitlines() if line.isdecimal())
    shop = opened(path)
    assert told <= set(shop.ids())
    assert shop.faults() == []
    shop.house.close()


def test_a_copy_of_a_workspace_is_a_workspace(closed: Path, tmp_path: Path) -> None:
    shutil.copy(closed, tmp_path / "copy.koc")
    one, two = opened(closed), opened(tmp_path / "copy.koc")
    assert one.hash() == two.hash()
    one.house.close()
    two.house.close()
