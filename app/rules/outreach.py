# SPDX-License-Identifier: Apache-2.0
"""Outreach: words filled in for one creator, whom the copy queue serves, and what a contact is known by.

A filled-in value is plain text: whatever a nickname says, it is never read as a placeholder or a format.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.errors import UsageError
from app.rules.recruiting import CHANNELS
from app.values import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from app.rules.recruiting import RecruitingPolicy
    from app.values import Stage

OUT: Final = "out"
IN: Final = "in"
DIRECTIONS: Final = (OUT, IN)
PLACEHOLDERS: Final = ("name", "handle", "platform", "category", "city", "followers", "me", "coupon")
OPT_OUT: Final = "opt_out"
SUPPRESSIONS: Final = (OPT_OUT, "do_not_contact", "erased")
_LONGEST: Final = 4_000


def channel_of(word: str) -> str:
    """A channel by its code; UsageError for a word that is none."""
    plain = word.strip().lower()
    if plain not in CHANNELS:
        raise UsageError("bad_value", field="channel", value=word, reason="unknown_value")
    return plain


# ---------------------------------------------------------------- words

_HOLE: Final = re.compile(r"\{\{|\}\}|\{([a-z_]*)\}|[{}]")


def check_template(text: str) -> tuple[str, ...]:
    """Placeholders of a template; UsageError ``unknown_placeholder`` names one that is none, or a brace that stands alone."""
    if not text.strip() or len(text) > _LONGEST:
        raise UsageError("value_missing" if not text.strip() else "text_too_long", field="text")
    found: dict[str, None] = {}
    for hole in _HOLE.finditer(text):
        if hole[0] in {"{{", "}}"}:
            continue
        if hole[1] not in PLACEHOLDERS:
            raise UsageError("unknown_placeholder", text=hole[0], known=", ".join(PLACEHOLDERS))
        found[hole[1]] = None
    return tuple(found)


def fill(text: str, values: Mapping[str, str | None]) -> str:
    """A template with its placeholders filled in, once: what stands in a value stays as it is. Nothing stands for what is not known."""

    def put(hole: re.Match[str]) -> str:
        if hole[0] in {"{{", "}}"}:
            return hole[0][0]
        return _plain(values.get(hole[1]) or "") if hole[1] is not None else hole[0]

    return _HOLE.sub(put, text)


def _plain(value: str) -> str:
    """One line without characters that would steer whoever shows it."""
    return " ".join("".join(" " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char for char in value if char not in _STEERING).split())


_STEERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


# ---------------------------------------------------------------- what a contact is known by


@dataclass(frozen=True, slots=True)
class Reach:
    """How a creator can be reached, as it stands in the roster. ``accounts`` are pairs of platform and uid, or @handle."""

    phone: str | None = None
    wechat: str | None = None
    email: str | None = None
    accounts: tuple[tuple[str, str], ...] = ()

    def address(self, channel: str) -> str | None:
        """Where a message on a channel goes; None where nothing is known. Any other channel needs no address."""
        if channel == "platform":
            return self.accounts[0][1] if self.accounts else None
        if channel == "other":
            return ""
        return {"wechat": self.wechat, "phone": self.phone, "sms": self.phone, "email": self.email}[channel] or None


def keys(reach: Reach) -> tuple[str, ...]:
    """What a creator is known by when he comes back under another row: kind and value, written one way."""
    found = (
        ("phone", phone_key(reach.phone)),
        ("wechat", _folded(reach.wechat)),
        ("email", _folded(reach.email)),
        *(("account", f"{platform}:{_folded(uid)}") for platform, uid in reach.accounts if uid),
    )
    return tuple(dict.fromkeys(f"{kind}:{value}" for kind, value in found if value))


_LOCAL_DIGITS: Final = 11


def phone_key(text: str | None) -> str:
    """Digits of a number; a mainland one without its country code."""
    digits = "".join(char for char in unicodedata.normalize("NFKC", text or "") if char.isdecimal())
    digits = digits.removeprefix("00")
    return digits.removeprefix("86") if len(digits) > _LOCAL_DIGITS else digits


def _folded(text: str | None) -> str:
    return "".join(unicodedata.normalize("NFKC", text or "").split()).casefold().lstrip("@")


# ---------------------------------------------------------------- the copy queue


@dataclass(frozen=True, slots=True)
class Candidate:
    """A creator who may be next. ``rests_until``: skipped, or spoken to, until then; ``suppressed``: outreach leaves him alone."""

    creator_id: int
    stage: Stage
    owner: str | None
    reach: Reach
    suppressed: bool = False
    last_out_at: int | None = None
    skipped_until: int | None = None


def left_today(policy: RecruitingPolicy, channel: str, sent_today: int) -> int:
    """How many more messages somebody may send on a channel today."""
    return max(0, policy.daily_limits[channel] - sent_today)


def hindrance(policy: RecruitingPolicy, one: Candidate, who: str, channel: str, now: int) -> str | None:
    """Why the queue does not serve a creator; None where it does."""
    told = {
        "suppressed": one.suppressed,
        "wrong_stage": one.stage not in policy.queue_stages,
        "owned": one.owner not in {None, who},
        "no_address": one.reach.address(channel) is None,
        "skipped": one.skipped_until is not None and one.skipped_until > now,
        "rests": one.last_out_at is not None and one.last_out_at > now - policy.rest_days * DAY,
    }
    return next((code for code, holds in told.items() if holds), None)


def serve(policy: RecruitingPolicy, candidates: Iterable[Candidate], who: str, channel: str, sent_today: int, now: int) -> Iterator[Candidate]:
    """Whom somebody may write to next, in the order of the candidates, never more than the day's limit leaves."""
    left = left_today(policy, channel, sent_today)
    for one in candidates:
        if left <= 0:
            return
        if hindrance(policy, one, who, channel, now) is None:
            left -= 1
            yield one


# ---------------------------------------------------------------- training

HUNDRED: Final = 100


def passed(pass_mark: int | None, mark: int | None, stated: int | None, taken_at: int) -> int | None:
    """When a course was passed: with a mark that reaches the course's, else when the sheet says so; None where it was not."""
    if mark is not None and pass_mark is not None:
        return (taken_at if stated is None else stated) if mark >= pass_mark else None
    return stated


def usable(stock: int | None, used: int, starts_at: int | None, ends_at: int | None, now: int) -> str | None:
    """Why an entitlement cannot be used now: ``not_begun``, ``over`` or ``used_up``; None where it can."""
    if starts_at is not None and now < starts_at:
        return "not_begun"
    if ends_at is not None and now >= ends_at:
        return "over"
    return "used_up" if stock is not None and used >= stock else None


def answers(questions: Sequence[tuple[int, int]], incoming: Sequence[int]) -> dict[int, int | None]:
    """When each question (asked at, answer by) was answered: by the first word that came in after it; None where none did."""
    words = sorted(incoming)
    return {asked: next((at for at in words if at > asked), None) for asked, _ in questions}
