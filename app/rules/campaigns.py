# SPDX-License-Identifier: Apache-2.0
"""Campaigns and collaborations: states with their allowed moves, prices beside each other, what may enter the return yet, who is taken.

Days are ISO dates (``2026-11-25``), which order as text.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from app.errors import UsageError
from app.rules.roi import NEVER, RoiPolicy, Standing, standings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


class CampaignState(enum.StrEnum):
    """How far a campaign is."""

    PLANNED = "planned"
    RUNNING = "running"
    CLOSED = "closed"


class DealState(enum.StrEnum):
    """How far a collaboration is, in the order of its way."""

    CANDIDATE = "candidate"
    INVITED = "invited"
    QUOTED = "quoted"
    CONFIRMED = "confirmed"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


MOVES: Final[Mapping[DealState, frozenset[DealState]]] = {
    DealState.CANDIDATE: frozenset({DealState.INVITED, DealState.QUOTED, DealState.CONFIRMED, DealState.CANCELLED}),
    DealState.INVITED: frozenset({DealState.CANDIDATE, DealState.QUOTED, DealState.CONFIRMED, DealState.CANCELLED}),
    DealState.QUOTED: frozenset({DealState.INVITED, DealState.CONFIRMED, DealState.CANCELLED}),
    DealState.CONFIRMED: frozenset({DealState.QUOTED, DealState.RUNNING, DealState.CANCELLED}),
    DealState.RUNNING: frozenset({DealState.DONE, DealState.CANCELLED}),
    DealState.DONE: frozenset({DealState.RUNNING}),
    DealState.CANCELLED: frozenset({DealState.CANDIDATE}),
}
"""Where a collaboration may go from each state; one that was cancelled begins anew."""
AGREED: Final = frozenset({DealState.CONFIRMED, DealState.RUNNING, DealState.DONE})
"""States in which something was agreed."""
LIVE: Final = frozenset({DealState.CONFIRMED, DealState.RUNNING})
"""States in which due posts are followed up."""


class CancelReason(enum.StrEnum):
    """Why a collaboration ended without being done."""

    CREATOR_WITHDREW = "creator_withdrew"
    CREATOR_DECLINED = "creator_declined"
    NO_REPLY = "no_reply"
    PRICE = "price"
    SCHEDULE = "schedule"
    BRAND_CHANGED = "brand_changed"
    BUDGET = "budget"
    RISK = "risk"
    NO_SHOW = "no_show"
    OTHER = "other"


BY_CREATOR: Final = frozenset({CancelReason.CREATOR_WITHDREW})
"""Reasons that are the creator's own, after something was agreed."""


class Form(enum.StrEnum):
    """What a creator gets for a collaboration."""

    PAID = "paid"
    EXCHANGE = "exchange"
    COMMISSION = "commission"
    MIXED = "mixed"


class Format(enum.StrEnum):
    """What is published."""

    IMAGE = "image"
    VIDEO = "video"
    LONG_VIDEO = "long_video"
    LIVE = "live"
    STORY = "story"
    REVIEW = "review"


class QuoteKind(enum.StrEnum):
    """Whether a price was asked for, or stands on a card."""

    QUOTE = "quote"
    RATE_CARD = "rate_card"


_FORMATS: Final = {
    **{one.value: one.value for one in Format},
    **dict.fromkeys(("图文", "笔记", "图文笔记", "image post", "note", "photo", "静态图文"), Format.IMAGE.value),
    **dict.fromkeys(("视频", "短视频", "视频笔记", "1-20s视频", "21-60s视频", "short video", "reel", "reels"), Format.VIDEO.value),
    **dict.fromkeys(("长视频", "60s以上视频", "中视频", "定制视频", "long video"), Format.LONG_VIDEO.value),
    **dict.fromkeys(("直播", "专场直播", "混场直播", "live stream", "livestream"), Format.LIVE.value),
    **dict.fromkeys(("快拍", "限时动态", "stories"), Format.STORY.value),
    **dict.fromkeys(("测评", "评测", "植入"), Format.REVIEW.value),
}
"""What sheets call the formats."""


def format_of(word: str) -> str | None:
    """The format that a word of a sheet means."""
    return _FORMATS.get(word.strip().lower())


def kind_of(word: str) -> QuoteKind:
    """Whether a word of a sheet names a card's price."""
    return QuoteKind.RATE_CARD if word.strip().lower() in {"rate_card", "rate card", "刊例", "刊例价"} else QuoteKind.QUOTE


def member(kinds: type[enum.StrEnum], word: str, field: str) -> str:
    """A word that is one of few; UsageError names the field and what it may be."""
    if word not in {one.value for one in kinds}:
        raise UsageError("unknown_word", field=field, value=word, known=", ".join(one.value for one in kinds))
    return word


def check_move(before: str | None, after: DealState, reason: str | None) -> None:
    """Whether a collaboration may go there; a cancellation says why. What a platform brought without a state may go anywhere."""
    if after is DealState.CANCELLED:
        if not reason:
            raise UsageError("value_missing", field="reason")
        member(CancelReason, reason.split(":", maxsplit=1)[0].strip(), "reason")
    if before is not None and before in set(DealState) and after not in MOVES[DealState(before)]:
        raise UsageError("move_not_allowed", before=before, after=after.value)


# ---------------------------------------------------------------- prices


def asked_in_all(fee_fen: int, platform_fee_fen: int | None, rebate_bp: int | None) -> int:
    """What a quote costs the brand: fee and platform fee less the rebate on the fee, half a fen up."""
    return fee_fen + (platform_fee_fen or 0) - (fee_fen * (rebate_bp or 0) + 5_000) // 10_000


def per_engagement(price_fen: int, engagement: float | None) -> float | None:
    """Fen for one engagement; None where none is known."""
    return price_fen / engagement if engagement is not None and engagement > 0 else None


LEAST_PEERS: Final = 3
"""Fewer prices than this are somebody's, not the market's."""


@dataclass(frozen=True, slots=True)
class Peer:
    """An account's price for one engagement, with what it is compared by."""

    account_id: int
    platform: str
    tier: int | None
    category: str | None
    price: float


@dataclass(frozen=True, slots=True)
class PeerPrice:
    """The median price of an engagement among others: of how many, and by which likeness (category, tier or platform)."""

    median: float
    count: int
    level: str


def peer_price(one: tuple[int, str, int | None, str | None], peers: Sequence[Peer]) -> PeerPrice | None:
    """Peers of an account (id, platform, tier, category) at the finest likeness that has enough of them."""
    account, platform, tier, category = one
    others = [peer for peer in peers if peer.platform == platform and peer.account_id != account]
    like = [peer for peer in others if peer.tier == tier]
    for level, some in (("category", [peer for peer in like if category is not None and peer.category == category]), ("tier", like), ("platform", others)):
        if len(some) >= LEAST_PEERS:
            return PeerPrice(float(np.median(np.array([peer.price for peer in some]))), len(some), level)
    return None


# ---------------------------------------------------------------- what enters the return


@dataclass(frozen=True, slots=True)
class Ended:
    """What decides whether a collaboration may be judged. ``tracked``: a link or cart of its own; ``attributed``: the platform names its sales."""

    id: int
    coupon: bool
    tracked: bool
    attributed: bool
    last_post_at: int | None
    ended_at: int | None

    @property
    def measurable(self) -> bool:
        """Whether it had a code, link, cart or platform attribution."""
        return self.coupon or self.tracked or self.attributed


def enters(policy: RoiPolicy, deals: Sequence[Ended], as_of: int) -> list[Standing]:
    """Standing of collaborations: enters, in flight, or not measurable."""
    if not deals:
        return []
    codes = standings(
        policy,
        np.array([one.measurable for one in deals], dtype=np.bool_),
        np.array([NEVER if one.last_post_at is None else one.last_post_at for one in deals], dtype=np.int64),
        np.array([NEVER if one.ended_at is None else one.ended_at for one in deals], dtype=np.int64),
        as_of,
    )
    return [Standing(int(code)) for code in codes]


# ---------------------------------------------------------------- who is taken


@dataclass(frozen=True, slots=True)
class Span:
    """Days from one to another, both included; an open end is None."""

    starts_on: str | None
    ends_on: str | None

    def meets(self, other: Span) -> bool:
        """Whether two spans have a day in common."""
        starts_first = self.starts_on is None or other.ends_on is None or self.starts_on <= other.ends_on
        return starts_first and (other.starts_on is None or self.ends_on is None or other.starts_on <= self.ends_on)


@dataclass(frozen=True, slots=True)
class Bond:
    """A creator's exclusivity to another brand, in a category or (None) in all."""

    span: Span
    brand: str
    category: str | None = None


def bound(bonds: Iterable[Bond], days: Span, category: str | None) -> Bond | None:
    """The exclusivity that stands in the way on some days in a category; None where there is none."""
    return next((one for one in bonds if one.span.meets(days) and (one.category is None or category is None or one.category == category)), None)
