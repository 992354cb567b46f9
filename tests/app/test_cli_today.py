# SPDX-License-Identifier: Apache-2.0
"""The day's work and what changed, as one document and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Answer

    Koc = Callable[..., Answer]


@pytest.fixture
def filled(koc: Koc, tmp_path: Path) -> Koc:
    sheet = tmp_path / "名单.csv"
    sheet.write_text("平台,平台ID,昵称,粉丝数,负责人\n抖音,d1,甲,5000,小林\n抖音,d2,乙,90000,\n", "utf-8")
    assert koc("init").code == 0
    assert koc("import", "creators", sheet).code == 0
    return koc


def test_what_waits_comes_with_the_filter_that_finds_it(filled: Koc):
    document = filled("today", "--json").json
    tasks = {one["kind"]: one for one in document["tasks"]}
    found = filled("creators", "--where", tasks["no_owner"]["where"], "--json").json
    assert found["total"] == tasks["no_owner"]["count"]
    assert document["changes"][0]["kind"] == "new_creators"
    assert filled("today").code == 0


def test_rows_say_whether_a_creator_can_be_booked(filled: Koc):
    rows = filled("creators", "--where", "bookable = yes", "--json").json["rows"]
    assert rows
    assert {(row["bookable"], row["bookable_reason"]) for row in rows} == {("yes", None)}


def test_nobody_elses_list_can_be_named(filled: Koc):
    answer = filled("today", "--whose", "boss", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (2, "bad_value")
