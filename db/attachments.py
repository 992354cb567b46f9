# SPDX-License-Identifier: Apache-2.0
"""Files of evidence beside a workspace, in ``NAME.koc.files``: each by its content, so that it is kept once and never overwritten."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from app.errors import UsageError, WorkspaceError

if TYPE_CHECKING:
    from sqlalchemy import Engine

_SUFFIX: Final = ".files"
_LONGEST_ENDING: Final = 10


def keep(engine: Engine, file: Path) -> str:
    """Copy a file to the workspace's evidence; returns what an entry says of it: its name there, and the one it had."""
    if engine.dialect.name == "postgresql":
        raise UsageError("evidence_needs_file")
    folder = folder_of(engine)
    try:
        with file.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        ending = file.suffix.lower() if file.suffix[1:].isalnum() and len(file.suffix) <= _LONGEST_ENDING else ""
        target = folder / f"{digest}{ending}"
        if not target.exists():
            folder.mkdir(exist_ok=True)
            _copy(file, target)
    except FileNotFoundError as error:
        raise UsageError("no_file", path=str(file)) from error
    except OSError as error:
        raise WorkspaceError("cannot_create", path=str(folder), reason=error.strerror or "") from error
    return f"{target.name} {file.name}"


def folder_of(engine: Engine) -> Path:
    """The folder of a workspace file's evidence; it may not be there yet."""
    path = Path(unquote((engine.url.database or "").removeprefix("file:").split("?")[0]))
    return path.with_name(path.name + _SUFFIX)


def _copy(file: Path, target: Path) -> None:
    """Whole or not at all, whatever happens on the way."""
    building = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        shutil.copyfile(file, building)
        with building.open("rb+") as written:
            os.fsync(written.fileno())
        building.replace(target)
    finally:
        building.unlink(missing_ok=True)
