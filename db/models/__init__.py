# SPDX-License-Identifier: Apache-2.0
"""Every table; importing this package fills the metadata."""

from __future__ import annotations

from db.base import Base
from db.models import campaigns, creators, credit, identity, performance, privacy, records, recruiting, syncing, team

__all__ = ["Base", "campaigns", "creators", "credit", "identity", "performance", "privacy", "records", "recruiting", "syncing", "team"]
