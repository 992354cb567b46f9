# SPDX-License-Identifier: Apache-2.0
"""Personal data: what a field is for, who sees it in full, how the others see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

ROLES: Final = ("operator", "reviewer", "manager", "finance", "admin", "auditor")
BASES: Final = ("consent", "contract", "law", "interest")
CONSENT: Final = "consent"
PURPOSES: Final = ("contact", "delivery", "cooperation", "payment")
"""What personal data may be for; each has words under ``privacy.purpose.<code>``."""
_MOST_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True)
class PersonalField:
    """A personal field: what it is for, and whether it is used at all."""

    name: str
    purpose: str
    on: bool


@dataclass(frozen=True, slots=True)
class PrivacyPolicy:
    """Purposes with their basis, fields, roles that see and take, days that data of a class is kept."""

    consent_text: str
    purposes: Mapping[str, str]
    fields: Mapping[str, PersonalField]
    see: Mapping[str, frozenset[str]]
    take: Mapping[str, frozenset[str]]
    retention: Mapping[str, int]
    kept_by_law: Mapping[str, int]

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Policy from the data of its TOML; UsageError ``policy_invalid`` names the place."""
        purposes = {_one_of(name, PURPOSES, "purposes"): _one_of(basis, BASES, f"purposes.{name}") for name, basis in _table(body, "purposes").items()}
        fields = {}
        for name, told in _table(body, "fields").items():
            place = f"fields.{name}"
            if not isinstance(told, dict) or not isinstance(told.get("on"), bool):
                raise UsageError("policy_invalid", place=place, value=str(told))
            fields[name] = PersonalField(name, _one_of(told.get("purpose"), purposes, f"{place}.purpose"), told["on"])
        roles: dict[str, dict[str, frozenset[str]]] = {}
        for part in ("see", "take"):
            roles[part] = {}
            for name, some in _table(body, part).items():
                _one_of(name, purposes, part)
                if not isinstance(some, list):
                    raise UsageError("policy_invalid", place=f"{part}.{name}", value=str(some))
                roles[part][name] = frozenset(_one_of(one, ROLES, f"{part}.{name}") for one in some)
        text = body.get("consent_text")
        if not isinstance(text, str) or not text:
            raise UsageError("policy_invalid", place="consent_text", value=str(text))
        return cls(text, purposes, fields, roles["see"], roles["take"], _days(body, "retention"), _days(body, "kept_by_law"))

    def needs_consent(self, purpose: str) -> bool:
        """Whether a purpose rests on somebody's consent."""
        return self.purposes.get(purpose) == CONSENT

    def is_on(self, name: str) -> bool:
        """Whether a field is used; one that is not personal always is."""
        return name not in self.fields or self.fields[name].on

    def sees(self, role: str | None, name: str) -> bool:
        """Whether somebody of a role (None: every name has every role) sees a field in full."""
        return self._may(self.see, role, name)

    def takes(self, role: str | None, name: str) -> bool:
        """Whether somebody of a role may take a field out of the program in full."""
        return self._may(self.take, role, name)

    def _may(self, who: Mapping[str, frozenset[str]], role: str | None, name: str) -> bool:
        if name not in self.fields:
            return True
        return self.fields[name].on and (role is None or role in who.get(self.fields[name].purpose, frozenset()))

    def shown(self, role: str | None, name: str, text: str | None, *, taking: bool = False) -> str | None:
        """A field as somebody of a role may have it: in full, masked, or nothing where the field is off."""
        if text is None or not self.is_on(name):
            return None
        whole = self.takes(role, name) if taking else self.sees(role, name)
        return text if whole else masked(name, text)


def _table(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    if not isinstance(found, dict):
        raise UsageError("policy_invalid", place=name, value=str(found))
    return found


def _one_of(value: Any, known: Iterable[str], place: str) -> str:  # noqa: ANN401 (data of a file)
    if not isinstance(value, str) or value not in set(known):
        raise UsageError("policy_invalid", place=place, value=str(value))
    return value


def _days(body: Mapping[str, Any], name: str) -> dict[str, int]:
    out = {}
    for part, days in _table(body, name).items():
        if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= _MOST_DAYS:
            raise UsageError("policy_invalid", place=f"{name}.{part}", value=str(days))
        out[part] = days
    return out


# ---------------------------------------------------------------- masks

_STARS: Final = "****"
_PHONE_DIGITS: Final = 11


def masked(name: str, text: str) -> str:
    """A value that can still be told from others by whoever knows it: ``138****1234``, ``a****@example.com``, ``王****``."""
    if not text:
        return text
    if name == "phone" or (name == "wechat" and text.isdigit()):
        digits = text.strip()
        return f"{digits[:3]}{_STARS}{digits[-4:]}" if len(digits) >= _PHONE_DIGITS else f"{digits[:1]}{_STARS}"
    if name == "email" and "@" in text:
        head, _, host = text.partition("@")
        return f"{head[:1]}{_STARS}@{host}"
    if name == "wechat":
        return f"{text[:2]}{_STARS}{text[-1:]}" if len(text) > len(_STARS) + 1 else f"{text[:1]}{_STARS}"
    return f"{text[:1]}{_STARS}"
