# SPDX-License-Identifier: Apache-2.0
"""Migrations run on both engines: the server of the database tests serves here too."""

from __future__ import annotations

from tests.db.conftest import postgres

__all__ = ["postgres"]
