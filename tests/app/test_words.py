# SPDX-License-Identifier: Apache-2.0
"""Sentences come in the reader's language, their parameters too."""

from __future__ import annotations

import pytest

from app.values import Tier
from app.words import Words, normalise, system_language

ZH, EN = Words("zh"), Words("en")


@pytest.mark.parametrize(("tag", "name"), [("zh", "zh_CN"), ("zh-Hans-CN", "zh_CN"), ("ZH_tw", "zh_CN"), ("en_GB.UTF-8", "en"), ("fr", "en"), ("", "en")])
def test_a_language_tag_means_a_catalogue(tag: str, name: str):
    assert normalise(tag) == name


def test_the_system_language_is_that_of_the_session(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert system_language() == "zh_CN"
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert system_language() == "en"


def test_a_failure_speaks_of_fields_and_reasons_in_words():
    details = {"field": "followers", "value": "很多", "reason": "bad_number"}
    assert ZH.failure("bad_value", details) == "「粉丝数」不能填“很多”：看不懂的数字。"
    assert EN.failure("bad_value", details) == "“很多” does not fit Followers: not a number."


def test_people_count_characters_from_one():
    assert "13" in EN.failure("filter_value", {"field": "followers", "token": "x", "position": 12})


def test_a_warning_speaks_of_platforms_in_words():
    assert "抖音" in ZH.warning("platform_guessed", {"platform": "douyin"})


def test_what_nobody_knows_stands_for_itself():
    assert ZH.platform("mastodon") == "mastodon"
    assert ZH.field("metric.mood") == "其他指标（mood）"
    assert ZH.tier(None) == "粉丝数未知"
    assert ZH.tier(Tier.MID) == "腰部"
    assert ZH("no.such.key") == "no.such.key"
    assert not ZH.has("no.such.key")


def test_a_family_lists_its_codes():
    assert EN.family("reject")["bad_number"] == "not a number"
    assert "value" not in EN.family("cli.")


def test_plurals_follow_the_count():
    assert EN.plural("cli.exported", 1, file="a.csv") == "Wrote 1 row to a.csv."
    assert EN.plural("cli.exported", 2, file="a.csv") == "Wrote 2 rows to a.csv."
    assert ZH.plural("cli.exported", 2, file="a.csv") == "已写出 2 行到 a.csv。"
