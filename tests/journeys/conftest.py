# SPDX-License-Identifier: Apache-2.0
"""Journeys may start on a team's database as well."""

from __future__ import annotations

from tests.db.conftest import postgres

__all__ = ["postgres"]
