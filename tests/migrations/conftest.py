# SPDX-License-Identifier: Apache-2.0
"""The stores of ``tests/db``, and workspaces of every revision that was."""

from __future__ import annotations

from tests.db.conftest import file, postgres, shop, shops

__all__ = ["file", "postgres", "shop", "shops"]
