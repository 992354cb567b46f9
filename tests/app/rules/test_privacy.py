# SPDX-License-Identifier: Apache-2.0
"""Masks of personal fields, and a policy that says what each is for."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import pytest

import resources
from app.errors import UsageError
from app.rules.privacy import PrivacyPolicy, masked


def body() -> dict[str, Any]:
    return tomllib.loads(resources.text("policies", "privacy.toml"))


@pytest.mark.parametrize(
    ("name", "text", "seen"),
    [
        ("phone", "13812341234", "138****1234"), ("phone", "12345", "1****"), ("phone", "+8613812341234", "+86****1234"), ("email", "abc@example.com", "a****@example.com"),
        ("email", "nothing", "n****"), ("wechat", "wx_abc123", "wx****3"), ("wechat", "13812341234", "138****1234"), ("wechat", "ab", "a****"),
        ("address", "杭州市西湖区", "杭****"), ("phone", "", ""),
    ],
)  # fmt: skip
def test_a_mask_leaves_what_tells_one_from_another(name: str, text: str, seen: str) -> None:
    assert masked(name, text) == seen


def test_roles_see_and_take_what_their_purpose_allows() -> None:
    policy = PrivacyPolicy.parse(body())
    assert policy.shown(None, "phone", "13812341234") == "13812341234"
    assert policy.shown("operator", "phone", "13812341234") == "13812341234"
    assert policy.shown("operator", "phone", "13812341234", taking=True) == "138****1234"
    assert policy.shown("auditor", "phone", "13812341234") == "138****1234"
    assert policy.shown("auditor", "city", "杭州") == "杭州"
    assert policy.shown("finance", "shoe size", "43") == "43"
    assert policy.shown("manager", "phone", None) is None
    assert (policy.needs_consent("contact"), policy.needs_consent("payment")) == (True, False)


def test_a_field_that_is_off_is_nobodys() -> None:
    told = body()
    told["fields"]["email"]["on"] = False
    policy = PrivacyPolicy.parse(told)
    assert policy.shown(None, "email", "a@b.c") is None
    assert not policy.sees(None, "email")


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("fields.phone.purpose", lambda told: told["fields"]["phone"].update(purpose="fun")),
        ("fields.phone", lambda told: told["fields"]["phone"].update(on="yes")),
        ("purposes.contact", lambda told: told["purposes"].update(contact="because")),
        ("purposes", lambda told: told["purposes"].update(fun="consent")),
        ("see.contact", lambda told: told["see"].update(contact=["boss"])),
        ("take.contact", lambda told: told["take"].update(contact="manager")),
        ("retention.contact", lambda told: told["retention"].update(contact=-1)),
        ("kept_by_law.sales", lambda told: told["kept_by_law"].update(sales=True)),
        ("retention", lambda told: told.pop("retention")),
        ("consent_text", lambda told: told.pop("consent_text")),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_at_its_place(place: str, change: Any) -> None:
    told = copy.deepcopy(body())
    change(told)
    with pytest.raises(UsageError) as error:
        PrivacyPolicy.parse(told)
    assert (error.value.code, error.value.details["place"]) == ("policy_invalid", place)
