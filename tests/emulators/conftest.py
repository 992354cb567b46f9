# SPDX-License-Identifier: Apache-2.0
"""Platforms that listen while a test runs. Whoever breaks a contract fails its test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.emulators.brand import Brand
from tests.emulators.oceanengine import OceanEngine
from tests.emulators.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def engine() -> Iterator[OceanEngine]:
    """A brand with 120 orders."""
    with OceanEngine(Brand(orders_wanted=120)) as server:
        yield server
        assert not server.violations


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """Another host: what reaches it was handed to strangers."""
    with Server() as server:
        yield server
