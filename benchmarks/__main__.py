# SPDX-License-Identifier: Apache-2.0
"""``python -m benchmarks [--scale L|M|S|T] [--seed N] [--only NAME] [--data DIR]``: a table with floor, product, ratio and goal.

``--only worlds`` measures no time: it prints how often the interval of a return holds the truth of simulated worlds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import rows

ROOT = Path(__file__).resolve().parent.parent
_WORLDS = "worlds"
_FILES = ("creators", "contents", "orders", "events", "costs", "orders_delta")


@dataclass(frozen=True)
class Line:
    """One row of the table; ``slack`` is what the goal allows above the ratio, in the same unit."""

    name: str
    unit: str
    floor: float
    product: float
    goal: float
    slack: float = 0.0
    note: str = ""

    @property
    def ratio(self) -> float:
        """Product to floor."""
        return self.product / self.floor if self.floor else float("inf")

    @property
    def met(self) -> bool:
        """Whether the goal holds."""
        return self.product <= self.floor * self.goal + self.slack


def main() -> int:
    """Measure, print, keep; returns 1 where a goal is missed."""
    words = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    words.add_argument("--scale", default="L", choices=["T", "S", "M", "L"])
    words.add_argument("--seed", type=int, default=7)
    words.add_argument("--only", choices=[*rows.MEASURES, _WORLDS], action="append")
    words.add_argument("--data", type=Path, metavar="DIR", help="a folder with the files of benchmarks.gen, and workspaces made before, instead of out/bench")
    words.add_argument("--child", nargs=2, metavar=("NAME", "SIDE"), help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.only == [_WORLDS]:
        return _worlds(asked.seed)
    folder = asked.data.absolute() if asked.data else ROOT / "out" / "bench" / f"{asked.scale}-{asked.seed}"
    if asked.child:
        print(json.dumps(rows.SIDES[asked.child[0], asked.child[1]](folder)))
        return 0
    if asked.data is None:
        _made(folder, asked.scale, asked.seed)
    elif lacking := [name for name in _FILES if not (folder / f"{name}.csv").exists()]:
        words.error(f"{folder}: no {', '.join(f'{name}.csv' for name in lacking)}")
    lines = [line for name in asked.only or rows.MEASURES if name != _WORLDS for line in _measured(name, folder)]
    report = {
        "scale": asked.scale, "seed": asked.seed, "python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count(),
        "rows": [{**asdict(line), "ratio": round(line.ratio, 3), "met": line.met} for line in lines],
    }  # fmt: skip
    (ROOT / "out" / "bench.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return 0 if all(line.met for line in lines) else 1


def _worlds(seed: int) -> int:
    """Print what simulated worlds say of the interval; returns 1 where one says otherwise than the rules."""
    from benchmarks import worlds

    text, right = worlds.table(seed=seed)
    print(text)
    return 0 if right else 1


def _made(folder: Path, scale: str, seed: int) -> None:
    """The creators of a scale, once."""
    if not (folder / "creators.csv").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "benchmarks.creators", scale, str(seed), str(folder)], check=True, cwd=ROOT)


def _measured(name: str, folder: Path) -> list[Line]:
    """Both sides of a measure, each in a process of its own, the floor first; prints the lines at once."""
    sides = {side: _side(name, side, folder) for side in ("floor", "product")}
    lines = [
        Line(shown, unit, float(sides["floor"][key]), float(sides["product"][key]), goal, slack, _note(sides["floor"], sides["product"]))
        for key, shown, unit, goal, slack in rows.MEASURES[name]
    ]
    for line in lines:
        goal = f"≤ {line.goal:g}" + (f" + {line.slack:g} {line.unit}" if line.slack else "")
        print(
            f"{line.name:44s} {line.floor:12.3f} {line.product:12.3f} {line.unit:3s} {line.ratio:7.2f}  {goal:16s} {'ok' if line.met else 'MISSED'}  {line.note}",
            flush=True,
        )
    return lines


def _note(floor: dict[str, Any], product: dict[str, Any]) -> str:
    """What the product's side says of itself, and the CPU seconds of both where both tell them."""
    used = [f"CPU {floor['cpu']:.2f} s → {product['cpu']:.2f} s"] if "cpu" in floor and "cpu" in product else []
    return ", ".join([*filter(None, [product.get("note")]), *used])


def _side(name: str, side: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", "--data", str(folder), "--child", name, side]
    environment = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    done = subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.exit(main())
