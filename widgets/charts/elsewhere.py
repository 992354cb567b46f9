# SPDX-License-Identifier: Apache-2.0
"""The way to what draws, for the process that draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from widgets.charts.drawn import Drawn, Look
    from widgets.charts.figures import Sketch


def draw(make: Callable[[Look], Sketch], look: Look) -> Drawn:
    """Sketch and render a picture; this loads what draws."""
    from widgets.charts import figures  # noqa: PLC0415 (matplotlib keeps the interpreter to itself for long: it loads in a process of its own)

    return figures.draw(make, look)
