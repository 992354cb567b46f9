# SPDX-License-Identifier: Apache-2.0
"""What a question about credit asks for, before anybody looks at a clock or a policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True)
class CreditAsked:
    """As of when, as known when: a moment, a day (its end) or None (now); ``version`` None is the policy in force at ``known_at``."""

    as_of: int | date | None = None
    known_at: int | date | None = None
    version: int | None = None
