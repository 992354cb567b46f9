# SPDX-License-Identifier: Apache-2.0
"""``koc identity`` and ``koc person``: names and keys as they are binding, both languages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Answer

    Koc = Callable[..., Answer]

ROWS = """平台,平台ID,昵称,手机号,微信号,城市,粉丝数
douyin,111,小鹿探店日记,13812345678,xiaolu_66,杭州,52000
xiaohongshu,222,小鹿探店日记🍓,+86 138-1234-5678,,杭州,9000
kuaishou,333,别的人,13900000001,bieren,上海,100
"""


@pytest.fixture
def two(koc: Koc, workspace: Path, tmp_path: Path) -> tuple[int, int]:
    """A workspace with one person twice, and somebody else."""
    file = tmp_path / "rows.csv"
    file.write_text(ROWS, "utf-8")
    assert koc("init").code == 0
    assert koc("import", "creators", file).code == 0
    found = koc("--json", "identity", "suggest", "--min", "0.5").json
    assert len(found["pairs"]) == 1
    pair = found["pairs"][0]
    assert workspace.is_file()
    return pair["a"], pair["b"]


def test_suggest_tells_pairs_with_score_and_evidence(koc: Koc, two: tuple[int, int]) -> None:
    pair = koc("--json", "identity", "suggest", "--min", "0.5").json["pairs"][0]
    assert (pair["a"], pair["b"]) == two
    assert 0.5 <= pair["score"] <= 1
    codes = {one["code"]: one for one in pair["evidence"]}
    assert codes["phone.same"]["shared"] == 2
    assert codes["phone.same"]["weight"] > 0
    assert {"name.same", "city.same", "platform.same"} <= codes.keys()
    assert koc("--lang", "zh", "identity", "suggest", "--min", "0.5").out.count("手机号相同") == 1
    assert "same phone" in koc("identity", "suggest", "--min", "0.5").out


def test_merge_and_split_leave_the_hash_as_it_was_and_old_ids_say_where_they_went(koc: Koc, two: tuple[int, int]) -> None:
    a, b = two
    before = koc("--json", "info").json["content_hash"]
    done = koc("--json", "identity", "merge", a, b, "--reason", "同一手机号", "--take", "name=b")
    assert done.code == 0
    assert done.json["merge_id"] >= 1
    assert (done.json["creator_id"], done.json["gone_id"]) == (a, b)
    shown = koc("--json", "creator", b).json
    assert (shown["asked_id"], shown["merged_into"]) == (b, a)
    assert {one["platform"] for one in shown["accounts"]} == {"douyin", "xiaohongshu"}
    assert f"creator {a}" in koc("creator", b).out
    assert koc("--json", "identity", "list").json["merges"][0]["split"] is False
    split = koc("--json", "identity", "split", done.json["merge_id"])
    assert split.json["split"]["kept"] == []
    assert koc("--json", "info").json["content_hash"] == before
    assert koc("--json", "doctor").json["ok"]
    assert koc("identity", "split", done.json["merge_id"]).code == 2
    assert koc("identity", "split", 99).code == 2
    assert koc("identity", "merge", a, a).code == 2
    assert koc("identity", "merge", a, b, "--take", "name").code == 2


def test_different_is_remembered_and_accept_takes_only_the_sure(koc: Koc, two: tuple[int, int]) -> None:
    a, b = two
    assert koc("identity", "accept", "--min", "0.5").code == 2
    assert koc("--json", "identity", "different", a, b).json["known"] is False
    assert koc("--json", "identity", "different", b, a).json["known"] is True
    assert koc("--json", "identity", "suggest", "--min", "0.5").json["pairs"] == []
    assert koc("--json", "identity", "accept").json == {"merge_ids": [], "left": []}


def test_a_person_is_exported_and_erased(koc: Koc, two: tuple[int, int], tmp_path: Path) -> None:
    a, _ = two
    file = tmp_path / "person.json"
    told = koc("--json", "person", "export", a, file).json
    document: dict[str, Any] = json.loads(file.read_text("utf-8"))
    assert told["creator_id"] == document["creator_id"] == a
    assert set(document["rating"]) == {"credit", "tier", "returns"}
    assert '"score": 579' in file.read_text("utf-8")
    assert koc("person", "erase", a).code == 2
    done = koc("--json", "person", "erase", a, "--reason", "本人要求")
    assert done.code == 0
    assert done.json["swept"] is True
    assert done.json["creator_id"] == a
    assert koc("--json", "creator", a).json["creator"]["name"] == f"#{a}"
    rows = tmp_path / "again.csv"
    rows.write_text("平台,平台ID,昵称\ndouyin,111,又来了\n", "utf-8")
    again = koc("--json", "import", "creators", rows)
    assert again.code == 1
    assert [one["code"] for one in again.json["errors"]] == ["erased"]
    assert "erased" in koc("person", "looks").out
    assert koc("--json", "audit", "verify").json["ok"]
    assert koc("--json", "person", "sweep").json == {"swept": True}


def test_consents_and_what_is_due(koc: Koc, two: tuple[int, int]) -> None:
    a, _ = two
    given = koc("--json", "person", "consent", a, "--give", "contact", "--channel", "wechat").json["consents"]
    assert [(one["purpose"], one["withdrawn_at"]) for one in given] == [("contact", None)]
    assert koc("--json", "person", "consent", a, "--withdraw", "contact").json["consents"][0]["withdrawn_at"] is not None
    assert koc("person", "consent", a, "--give", "fun").code == 2
    due = koc("--json", "person", "due").json
    assert due["heads"]["persons"] == 3
    assert {one["class"] for one in due["due"]} == {"contact", "notes", "messages", "delivery", "looks"}
    assert "寄送" in koc("--lang", "zh", "person", "due").out or "收件信息" in koc("--lang", "zh", "person", "due").out


def test_a_file_with_contacts_that_leaves_is_in_the_access_log(koc: Koc, two: tuple[int, int], tmp_path: Path) -> None:
    assert two
    assert koc("export", "creators", tmp_path / "without.csv", "--columns", "name,city").code == 0
    assert koc("--json", "person", "looks").json["looks"] == []
    assert koc("export", "creators", tmp_path / "with.csv", "--columns", "name,phone").code == 0
    (look,) = koc("--json", "person", "looks").json["looks"]
    assert (look["creator_id"], look["action"], look["fields"], look["rows"]) == (0, "export", ["phone"], 3)
