# SPDX-License-Identifier: Apache-2.0
"""Who works with whom."""

from __future__ import annotations

import pytest

from app.errors import UsageError
from app.rules import teams


def test_mates_are_those_of_the_same_team_and_oneself():
    known = {"小林": "华东", "老周": "华东", "阿青": "华南"}
    assert teams.mates(known, "小林") == ("小林", "老周")
    assert teams.mates(known, "新人") == ("新人",)


def test_a_new_list_takes_the_place_of_the_old():
    known = {"小林": "华东", "老周": "华东", "阿青": "华南"}
    assert teams.together(known, "小林", "华东一组", ("阿青",)) == {"阿青": "华东一组", "小林": "华东一组"}


def test_a_team_without_a_name_is_none():
    bodies: tuple[dict[str, object], ...] = ({"team": {"小林": ""}}, {"team": ["小林"]}, {"teams": {}})
    for body in bodies:
        with pytest.raises(UsageError) as caught:
            teams.parse(body)
        assert caught.value.code == "policy_invalid"
    assert teams.parse({"team": {" 小林 ": " 华东 "}}) == {"小林": "华东"}
    assert teams.parse({}) == {}
