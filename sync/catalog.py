# SPDX-License-Identifier: Apache-2.0
"""The one tuple of platforms: a name and what loads its connector, so that nothing is loaded before it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync.feeds import Connector


def _oceanengine() -> Connector:
    from sync.platforms.oceanengine import CONNECTOR

    return CONNECTOR


def _youtube() -> Connector:
    from sync.platforms.youtube import CONNECTOR

    return CONNECTOR


CONNECTORS: Final[tuple[tuple[str, Callable[[], Connector]], ...]] = (("oceanengine", _oceanengine), ("youtube", _youtube))
