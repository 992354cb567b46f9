# SPDX-License-Identifier: Apache-2.0
"""A workspace's file as a whole: made, opened with care, upgraded on a checked copy, backed up, put back.

Nothing here repairs or replaces a file that looks damaged; it says so and names the newest backup.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import uuid
import zipfile
import zlib
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlcipher3.dbapi2 as sqlite
from sqlalchemy import Engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from app.errors import UsageError, WorkspaceError
from app.values import DEFAULT_ZONE, WorkspaceRef, iso
from db import driver, team
from db.engine import in_words, postgres_engine, sqlite_engine, writing
from db.writers import rollups, settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.jobs import Job

APPLICATION_ID: Final = driver.APPLICATION_ID
_HEADER: Final = b"SQLite format 3\x00"
_PAGES_AT_A_TIME: Final = 4_000
_DATABASE: Final = "workspace.db"
_MANIFEST: Final = "manifest.json"
_FORMAT: Final = "koc-backup-1"


SCHEMA_VERSION: Final = driver.schema_version()


# ---------------------------------------------------------------- make


def create(ref: WorkspaceRef, now: int, *, force: bool = False) -> Engine:
    """Make a workspace and open it; an existing one is refused, or with ``force`` kept beside the new one."""
    if ref.is_url:
        return _create_postgres(ref, now, force=force)
    path = _path(ref)
    if path.exists() and not force:
        raise WorkspaceError("exists", path=str(path))
    building = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        building.touch()
        engine = sqlite_engine(building)
        try:
            _fill(engine, now)
        finally:
            engine.dispose()
        _drop_log(building)
        if path.exists():
            _set_aside(path, now)
        building.replace(path)
    except OSError as error:
        raise WorkspaceError("cannot_create", path=str(path), reason=error.strerror or "") from error
    finally:
        for left in (building, *_companions(building)):
            left.unlink(missing_ok=True)
    return sqlite_engine(path)


def _create_postgres(ref: WorkspaceRef, now: int, *, force: bool) -> Engine:
    with _disposed_if_not(_postgres(ref)) as engine:
        with in_words(engine):
            present = inspect(engine).get_table_names()
        if present and not force:
            raise WorkspaceError("exists", path=shown(ref))
        if present:
            with writing(engine) as connection:
                for table in present:
                    connection.exec_driver_sql(f'drop table if exists "{table}" cascade')
        _fill(engine, now)
    return engine


@contextmanager
def _disposed_if_not(engine: Engine) -> Iterator[Engine]:
    """An engine that is let go of where opening ends in an error."""
    with ExitStack() as on_error:
        on_error.callback(engine.dispose)
        yield engine
        on_error.pop_all()


def _fill(engine: Engine, now: int) -> None:
    _migrate(engine)
    with writing(engine) as connection:
        settings.put(connection, "workspace_id", str(uuid.uuid4()))
        settings.put(connection, "time_zone", DEFAULT_ZONE)
        settings.put(connection, "created_at", str(now))
        rollups.add_shipped_policies(connection)


def _migrate(engine: Engine) -> None:
    """Run every missing revision in one transaction together with the version's bump."""
    from alembic import command  # noqa: PLC0415 (0.35 s that an up-to-date workspace does not need)
    from alembic.config import Config  # noqa: PLC0415

    is_sqlite = engine.dialect.name == "sqlite"
    with in_words(engine), as_file(files("db.migrations")) as folder, engine.connect() as connection:
        if is_sqlite:
            # Through a begun transaction it would do nothing, and a rebuilt table would take its children along.
            connection.connection.cursor().execute("pragma foreign_keys=off")
        with connection.execution_options(write=True).begin():
            config = Config()
            config.set_main_option("script_location", str(folder))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if not is_sqlite:
                team.apply(connection)
            if is_sqlite:
                broken = connection.exec_driver_sql("pragma foreign_key_check").first()
                if broken is not None:
                    raise WorkspaceError("upgrade_failed", reason=f"foreign key: {tuple(broken)}")
                connection.exec_driver_sql(f"pragma user_version={SCHEMA_VERSION}")
                connection.exec_driver_sql(f"pragma application_id={APPLICATION_ID}")
        if is_sqlite:
            connection.connection.cursor().execute("pragma foreign_keys=on")


# ---------------------------------------------------------------- open


def open_engine(ref: WorkspaceRef) -> tuple[Engine, bool]:
    """Open a workspace: its engine, and whether it can only be read. WorkspaceError says why not, before any write."""
    if ref.is_url:
        return _open_postgres(ref), False
    path = _path(ref)
    _look_at(path)
    if not driver.writable(path):
        return sqlite_engine(path, read_only=True), True
    if _user_version(path) < SCHEMA_VERSION:
        _upgrade(path)
    return sqlite_engine(path), False


def _path(ref: WorkspaceRef) -> Path:
    return Path(ref.address).expanduser().absolute()


def shown(ref: WorkspaceRef) -> str:
    """Address without a password."""
    return make_url(ref.address).render_as_string(hide_password=True) if ref.is_url else ref.address


def _postgres(ref: WorkspaceRef) -> Engine:
    try:
        url = make_url(ref.address)
        if url.get_backend_name() != "postgresql":
            raise UsageError("unknown_database", url=shown(ref))
        return postgres_engine(ref.address, ref.secret)
    except (ArgumentError, NoSuchModuleError) as error:
        raise UsageError("unknown_database", url=ref.address.split("@")[-1]) from error


def _open_postgres(ref: WorkspaceRef) -> Engine:
    with _disposed_if_not(_postgres(ref)) as engine:
        with in_words(engine), engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                raise WorkspaceError("missing", path=shown(ref))
            team.demand_entry(connection)
            found = int(connection.execute(text("select version_num from alembic_version")).scalar_one())
        if found > SCHEMA_VERSION:
            raise WorkspaceError("newer", path=shown(ref), version=found, known=SCHEMA_VERSION)
        if found < SCHEMA_VERSION:
            with in_words(engine), engine.connect() as connection:
                team.demand_owner(connection)
            _migrate(engine)
    return engine


def _look_at(path: Path) -> None:
    """Refuse what is not there, not ours, damaged or newer; reads only."""
    if not path.is_file():
        raise WorkspaceError("missing", path=str(path))
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise WorkspaceError("cannot_open", path=str(path), reason=error.strerror or "") from error
    size = path.stat().st_size
    if len(head) < 100 or not head.startswith(_HEADER):  # noqa: PLR2004 (the header's size)
        raise _damaged(path)
    page = int.from_bytes(head[16:18], "big") or 0
    page = 65536 if page == 1 else page
    pages = int.from_bytes(head[28:32], "big")
    logged = path.with_name(path.name + "-wal")
    fresh = not logged.exists() or logged.stat().st_size == 0
    if page < 512 or size % page or (fresh and size < pages * page):  # noqa: PLR2004 (SQLite's smallest page)
        raise _damaged(path)
    version, application = int.from_bytes(head[60:64], "big"), int.from_bytes(head[68:72], "big")
    if application not in {APPLICATION_ID, 0}:
        raise WorkspaceError("not_a_workspace", path=str(path))
    if version > SCHEMA_VERSION:
        raise WorkspaceError("newer", path=str(path), version=version, known=SCHEMA_VERSION)
    if application == 0 and fresh:
        raise WorkspaceError("not_a_workspace", path=str(path))
    _read_a_little(path)


def _looking(path: Path) -> Any:  # noqa: ANN401 (the driver has no stubs)
    """A connection that only looks. One opened for reading alone would leave its log files lying about."""
    raw = sqlite.connect(f"{path.as_uri()}?mode=rw", uri=True)
    raw.execute("pragma query_only=on")
    return raw


def _read_a_little(path: Path) -> None:
    try:
        with closing(_looking(path)) as raw:
            raw.execute("select count(*) from sqlite_schema").fetchone()
            raw.execute("select name, value from workspace_setting").fetchall()
    except sqlite.DatabaseError as error:
        message = str(error)
        if "not a database" in message or "malformed" in message:
            raise _damaged(path) from error
        if "no such table" in message:
            raise WorkspaceError("not_a_workspace", path=str(path)) from error


def _damaged(path: Path) -> WorkspaceError:
    backup = newest_backup(path)
    if backup is None:
        return WorkspaceError("damaged", path=str(path))
    made = json.loads(zipfile.ZipFile(backup).read(_MANIFEST))["created"]
    return WorkspaceError("damaged_with_backup", path=str(path), backup=str(backup), created=made)


def newest_backup(path: Path) -> Path | None:
    """The newest good-looking backup of this workspace beside it."""
    found = []
    for candidate in path.parent.glob("*.kocbackup"):
        try:
            with zipfile.ZipFile(candidate) as archive:
                manifest = json.loads(archive.read(_MANIFEST))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            continue
        if manifest.get("workspace") == path.name:
            found.append((str(manifest.get("created")), candidate))
    return max(found)[1] if found else None


def _user_version(path: Path) -> int:
    with closing(_looking(path)) as raw:
        return int(raw.execute("pragma user_version").fetchone()[0])


def _upgrade(path: Path) -> None:
    """Upgrade a checked copy and put it in the file's place; the old file stays as ``.pre-vN``."""
    needed = path.stat().st_size * 2
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise WorkspaceError("no_room_to_upgrade", path=str(path), megabytes=(needed >> 20) + 1, free=free >> 20)
    copy = path.with_name(f".{path.name}.upgrading")
    copy.unlink(missing_ok=True)
    with closing(sqlite.connect(str(path))) as source, closing(sqlite.connect(str(copy))) as target:
        source.backup(target)
        before = _row_counts(source)
    engine = sqlite_engine(copy)
    try:
        _migrate(engine)
    finally:
        engine.dispose()
    _drop_log(copy)
    with closing(sqlite.connect(str(copy))) as upgraded:
        after = _row_counts(upgraded)
        sound = upgraded.execute("pragma integrity_check").fetchone()[0] == "ok"
    if not sound or any(after.get(table, 0) < count for table, count in before.items()):
        copy.unlink(missing_ok=True)
        raise WorkspaceError("upgrade_failed", path=str(path), reason="check")
    old = path.with_name(f"{path.name}.pre-v{SCHEMA_VERSION}")
    _drop_log(path)
    path.replace(old)
    copy.replace(path)


def _drop_log(path: Path) -> None:
    """Move what stands in the write-ahead log into the file and leave no log behind."""
    with closing(sqlite.connect(str(path))) as raw:
        raw.execute("pragma journal_mode=delete").fetchone()


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]


def _set_aside(path: Path, now: int) -> Path:
    stamp = iso(now)[:19].replace(":", "").replace("-", "")
    aside = path.with_name(f"{path.name}.replaced-{stamp}")
    with closing(sqlite.connect(str(path))) as raw, suppress(sqlite.DatabaseError):  # a damaged file is set aside as it is
        raw.execute("pragma wal_checkpoint(truncate)")
    path.replace(aside)
    for left in _companions(path):
        left.unlink(missing_ok=True)
    return aside


# ---------------------------------------------------------------- backup


def backup(engine: Engine, ref: WorkspaceRef, target: Path, now: int, job: Job) -> dict[str, Any]:
    """Archive a checked copy of a workspace and its evidence files; returns what was checked."""
    target = target.expanduser().absolute()
    name = _path(ref).name if not ref.is_url else make_url(ref.address).database or "workspace"
    try:
        folder = Path(tempfile.mkdtemp(prefix=".koc-backup-", dir=target.parent))
    except OSError as error:
        raise WorkspaceError("cannot_write", path=str(target), reason=error.strerror or "") from error
    try:
        copy = folder / _DATABASE
        if engine.dialect.name == "sqlite":
            _copy_pages(engine, copy, job)
        else:
            _copy_rows(engine, copy, now, job)
        counts = _checked_counts(copy)
        manifest = {
            "format": _FORMAT,
            "workspace": name,
            "schema_version": SCHEMA_VERSION,
            "created": iso(now),
            "counts": counts,
            "sha256": _sha256(copy),
        }
        evidence = _path(ref).with_name(_path(ref).name + ".files") if not ref.is_url else None
        packed = folder / "archive"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(copy, _DATABASE)
            if evidence is not None and evidence.is_dir():
                for file in sorted(one for one in evidence.rglob("*") if one.is_file()):
                    archive.write(file, f"files/{file.relative_to(evidence).as_posix()}")
            archive.writestr(_MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
        with packed.open("rb+") as written:
            os.fsync(written.fileno())
        packed.replace(target)
        return {**manifest, "file": str(target)}
    except OSError as error:
        raise WorkspaceError("cannot_write", path=str(target), reason=error.strerror or "") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_pages(engine: Engine, copy: Path, job: Job) -> None:
    def step(_status: int, remaining: int, total: int) -> None:
        job.check()
        job.progress("backup", total - remaining, total)

    source = engine.raw_connection()
    try:
        with closing(sqlite.connect(str(copy))) as target:
            source.driver_connection.backup(target, pages=_PAGES_AT_A_TIME, progress=step)  # type: ignore[union-attr]
    except sqlite.DatabaseError as error:
        raise WorkspaceError("backup_failed", path=str(copy), reason=str(error)) from error
    finally:
        source.close()


def _copy_rows(engine: Engine, copy: Path, now: int, job: Job) -> None:
    """A team's database as a workspace file: the same tables, row by row."""
    from db import bulk  # noqa: PLC0415
    from db.models import Base  # noqa: PLC0415
    from db.writers import search  # noqa: PLC0415

    file = create(WorkspaceRef(str(copy)), now)
    try:
        with engine.connect() as source, writing(file) as target:
            for table in (*reversed(Base.metadata.sorted_tables),):
                target.execute(table.delete())
            for table in Base.metadata.sorted_tables:
                job.check()
                rows = source.execution_options(stream_results=True).execute(table.select())
                for part in rows.partitions(5000):
                    bulk.insert(target, table.name, [column.name for column in table.columns], map(tuple, part))
            last = 0
            while ids := target.execute(text("select id from creator where id > :last order by id limit 5000"), {"last": last}).scalars().all():
                search.refresh(target, ids)
                last = ids[-1]
    finally:
        file.dispose()
    _drop_log(copy)


def _row_counts(raw: Any) -> dict[str, int]:  # noqa: ANN401 (the driver has no stubs)
    tables = [
        row[0]
        for row in raw.execute(
            "select name from sqlite_schema where type='table' and sql not like 'create virtual%' and name not like 'creator_search%' and name not like 'sqlite_%'"
        )
    ]
    return {table: int(raw.execute(f'select count(*) from "{table}"').fetchone()[0]) for table in tables}  # noqa: S608


def _checked_counts(copy: Path) -> dict[str, int]:
    with closing(sqlite.connect(str(copy))) as raw:
        answer = raw.execute("pragma integrity_check").fetchone()[0]
        if answer != "ok" or raw.execute("pragma foreign_key_check").fetchone() is not None:
            raise WorkspaceError("backup_failed", path=str(copy), reason=str(answer))
        return _row_counts(raw)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def restore(archive: Path, ref: WorkspaceRef, now: int, *, force: bool = False) -> Mapping[str, object]:
    """Put a verified backup in a workspace's place; what stood there is kept beside it."""
    if ref.is_url:
        raise UsageError("restore_to_file", url=shown(ref))
    path = _path(ref)
    if path.exists() and not force:
        raise WorkspaceError("exists", path=str(path))
    if not archive.is_file():
        raise UsageError("no_file", path=str(archive))
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".koc-restore-", dir=path.parent))
    try:
        manifest = _unpacked(archive, folder)
        _checked_counts(folder / _DATABASE)
        aside = _set_aside(path, now) if path.exists() else None
        evidence = path.with_name(path.name + ".files")
        if (folder / "files").is_dir():
            if evidence.exists():
                evidence.rename(evidence.with_name(f"{evidence.name}.replaced-{now}"))
            (folder / "files").rename(evidence)
        paused = _paused(folder / _DATABASE)
        if aside is not None:
            _erase_again(aside, folder / _DATABASE)
        (folder / _DATABASE).replace(path)
        return {
            "workspace": str(path),
            "created": manifest["created"],
            "counts": manifest["counts"],
            "replaced": str(aside) if aside else None,
            "paused": paused,
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _paused(database: Path) -> list[str]:
    """Pull nothing by itself from what was put back until somebody says so; returns the names of the connections."""
    with closing(sqlite.connect(str(database))) as raw:
        if raw.execute("select 1 from sqlite_schema where name = 'feed_schedule'").fetchone() is None:
            return []
        raw.execute("delete from feed_schedule")
        raw.execute("insert into feed_schedule (connection_id, stream, every_seconds) select id, '', 0 from connection where removed_at is null")
        raw.commit()
        return [row[0] for row in raw.execute("select name from connection where removed_at is null order by name")]


ERASED_SINCE: Final = "erased_since"
"""Setting: who was erased in the workspace that a backup took the place of, as keyed hashes with their key; done when it is opened."""


def _erase_again(replaced: Path, database: Path) -> None:
    """Note in what was put back whom the workspace before it had erased."""
    with closing(sqlite.connect(str(replaced))) as raw, suppress(sqlite.DatabaseError):  # a damaged or older one tells nothing
        hashes = [row[0] for row in raw.execute("select key_hash from suppression where kind = 'erased' and key_hash is not null and lifted_at is null")]
        key = raw.execute("select value from workspace_setting where name = 'contact_key'").fetchone()
        if hashes and key is not None:
            told = json.dumps({"key": key[0], "hashes": sorted(set(hashes))})
            with closing(sqlite.connect(str(database))) as target:
                target.execute("insert or replace into workspace_setting (name, value) values (?, ?)", (ERASED_SINCE, told))
                target.commit()


def _unpacked(archive: Path, folder: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(archive) as packed:
            manifest: dict[str, Any] = json.loads(packed.read(_MANIFEST))
            if manifest.get("format") != _FORMAT:
                raise UsageError("not_a_backup", path=str(archive))
            for member in packed.namelist():
                inside = (folder / member).resolve()
                if not inside.is_relative_to(folder.resolve()):
                    raise UsageError("not_a_backup", path=str(archive))
            packed.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, KeyError, ValueError, OSError) as error:
        raise UsageError("not_a_backup", path=str(archive)) from error
    if manifest["schema_version"] > SCHEMA_VERSION:
        raise WorkspaceError("newer", path=str(archive), version=manifest["schema_version"], known=SCHEMA_VERSION)
    if _sha256(folder / _DATABASE) != manifest["sha256"]:
        raise WorkspaceError("backup_damaged", path=str(archive))
    return manifest
