# SPDX-License-Identifier: Apache-2.0
"""Every table; importing this package fills the metadata."""

from __future__ import annotations

from db.base import Base
from db.models import creators, credit, performance, records, syncing, team

__all__ = ["Base", "creators", "credit", "performance", "records", "syncing", "team"]
