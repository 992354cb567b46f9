# SPDX-License-Identifier: Apache-2.0
"""Names of the models that share out sales and conversions."""

from __future__ import annotations

from typing import Final

MODELS: Final = ("precedence", "last_touch", "first_touch", "linear", "time_decay", "position")
"""Models of attribution: they need the touches of a sale."""
PATH_MODELS: Final = ("markov", "shapley")
"""Models of channels: they need whole paths to conversion."""
