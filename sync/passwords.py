# SPDX-License-Identifier: Apache-2.0
"""Passwords of teams' databases, in the system's keyring and nowhere else."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from app.errors import PlatformError
from sync.keyrings import Keyring

if TYPE_CHECKING:
    from app.values import WorkspaceRef


def keep(ref: WorkspaceRef) -> None:
    """Keep the password of a login to a database; PlatformError where the system has no keyring to keep it in."""
    if ref.secret is not None:
        Keyring().write(_entry(ref), ref.secret)


def known(ref: WorkspaceRef) -> WorkspaceRef | None:
    """The same with its kept password; None where none is kept, or nobody can look."""
    try:
        secret = Keyring().read(_entry(ref))
    except PlatformError:
        return None
    return replace(ref, secret=secret) if secret else None


def _entry(ref: WorkspaceRef) -> str:
    """Login, host and database: what the password is for."""
    return f"database/{hashlib.sha256(ref.address.encode()).hexdigest()[:32]}"
