# SPDX-License-Identifier: Apache-2.0
"""Who may be one person: a public file with its truth, invented creators with theirs, and what must never be merged."""

from __future__ import annotations

import csv
import random
from typing import TYPE_CHECKING, Any

import pytest

from app.rules import identity
from app.rules.identity import How, Table, Trait

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = (
    Trait("given_name", How.TEXT, (0.75, 0.12, 0.05, 0.08), chance=1.0, near=0.9),
    Trait("surname", How.TEXT, (0.75, 0.12, 0.05, 0.08), chance=1.0, near=0.9),
    Trait("street_number", How.NUMBER, (0.80, 0.10, 0.02, 0.08)),
    Trait("address_1", How.TEXT, (0.75, 0.12, 0.05, 0.08), chance=1.0, near=0.9),
    Trait("address_2", How.TEXT, (0.75, 0.12, 0.05, 0.08), chance=1.0, near=0.9),
    Trait("suburb", How.TEXT, (0.80, 0.12, 0.03, 0.05), chance=1.0, near=0.9),
    Trait("postcode", How.NUMBER, (0.80, 0.12, 0.03, 0.05)),
    Trait("state", How.EXACT, (0.90, 0.0, 0.0, 0.10)),
    Trait("date_of_birth", How.NUMBER, (0.80, 0.12, 0.03, 0.05)),
)


def measured(found: set[tuple[int, int]], true: set[tuple[int, int]]) -> tuple[float, float]:
    right = len(found & true)
    return right / max(len(found), 1), right / len(true)


def pairs(table: Table, traits: tuple[Trait, ...] = identity.CREATORS, least: float = 0.9) -> set[tuple[int, int]]:
    found = identity.suggest(table, traits, least)
    return set(zip(found.a.tolist(), found.b.tolist(), strict=True))


# ---------------------------------------------------------------- a public file


def test_the_public_file_of_people_is_told_apart_without_its_numbers(real: Path) -> None:
    path = real / "g21_febrl1" / "dataset1.csv"
    if not path.is_file():
        pytest.skip("the public file is not on this machine")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{name.strip(): value.strip() for name, value in row.items()} for row in csv.DictReader(file)]
    columns = {trait.name: [[row[trait.name] for row in rows]] for trait in PEOPLE}

    def key(*parts: str) -> list[list[str]]:
        return [["|".join(row[part] for part in parts) if all(row[part] for part in parts) else "" for row in rows]]

    keys = {
        "birth": key("date_of_birth"), "name": key("given_name", "surname"), "street": key("address_1"), "house": key("address_2"),
        "surname": key("surname", "state"), "suburb": key("suburb", "street_number"), "postcode": key("postcode", "given_name"),
    }  # fmt: skip
    table = Table(len(rows), columns, keys)
    who = [row["rec_id"].split("-")[1] for row in rows]
    true = {(a, b) for a in range(len(rows)) for b in range(a + 1, len(rows)) if who[a] == who[b]}
    assert len(true) == 500
    for least in (0.5, 0.9, 0.95):
        precision, recall = measured(pairs(table, PEOPLE, least), true)
        print(f"g21 at {least}: precision {precision:.4f}, recall {recall:.4f}")
        assert precision >= 0.99, least
        assert recall >= 0.95, least
