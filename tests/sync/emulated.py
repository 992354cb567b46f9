# SPDX-License-Identifier: Apache-2.0
"""A workspace that is connected to an emulated platform, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlcipher3 import dbapi2

from app.jobs import Quiet
from app.values import Actor, WorkspaceRef
from sync.compose import opener

if TYPE_CHECKING:
    from pathlib import Path

    from app.usecases.syncing import Run
    from tests.emulators.oceanengine import OceanEngine


class Star:
    """A brand's workspace with one connection, ``star``, signed in."""

    def __init__(self, folder: Path, engine: OceanEngine) -> None:
        self.engine, self.path = engine, folder / "brand.koc"
        folder.mkdir(parents=True, exist_ok=True)
        self.services = opener().create(WorkspaceRef(str(self.path)), Actor("tester"))
        syncing = self.services.syncing
        syncing.keep_in("session")
        syncing.add("oceanengine", "star", base_url=engine.base_url, app_id=engine.app_id, secret=engine.secret)
        _, state = syncing.by_hand("star")
        syncing.exchange("star", engine.code(), state)

    def close(self) -> None:
        """Close the workspace."""
        self.services.close()

    def pull(self, *streams: str, full: bool = False) -> dict[str, Run]:
        """Pull streams, all unless told; what became of each."""
        return {one.stream: one for one in self.services.syncing.run((), streams, full=full, dry_run=False, job=Quiet())}

    @property
    def hash(self) -> str | None:
        """Of the facts that stand."""
        return self.services.workspace.info(with_hash=True).content_hash

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the file itself."""
        line = dbapi2.connect(str(self.path))
        try:
            return list(line.execute(sql, values))
        finally:
            line.close()

    def drift(self) -> list[tuple[str, str, str]]:
        """What no longer looks as the contract says."""
        return sorted((one.drift.field, one.drift.kind, one.drift.other) for one in self.services.syncing.drift())
