# SPDX-License-Identifier: Apache-2.0
"""Every field of a creator by its one name: kind, home, and the headers strangers give it.

The names are valid in ``--map``, ``--key``, ``--where``, ``--sort``, ``--columns`` and as export headers.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from app.values import Bookable, CreditGrade, Group, Ranked, Stage, Tier, ValueGrade


class Kind(enum.Enum):
    """How a field's cell is read, compared and shown."""

    TEXT = "text"
    IDENT = "ident"  # digits kept as text, never a float
    PLATFORM = "platform"
    COUNT = "count"  # whole number, 0 or more
    NUMBER = "number"  # may have decimals; percent signs are taken off
    FEN = "fen"  # money in minor units; headers in yuan are multiplied
    BASIS_POINTS = "basis_points"
    MOMENT = "moment"  # microseconds UTC
    RANK = "rank"  # one of an ordered set of codes
    TAGS = "tags"
    FLAG = "flag"  # yes or no


class Home(enum.Enum):
    """Where a field lives."""

    CREATOR = "creator"
    ACCOUNT = "account"
    METRIC = "metric"  # dated value of an account
    DERIVED = "derived"  # computed; never imported or edited
    ROW = "row"  # belongs to a file's row only, as ``as_of``
    FACT = "fact"  # a column of a content, sale, cost, event ... (``facts``)


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``ranks`` is the ordered set behind a RANK field; ``signed`` numbers may be below zero."""

    name: str
    kind: Kind
    home: Home
    ranks: type[Ranked] | None = None
    signed: bool = False

    @property
    def importable(self) -> bool:
        """Whether a file may carry it and an edit may set it."""
        return self.home is not Home.DERIVED

    @property
    def numeric(self) -> bool:
        """Whether an import reports its sum."""
        return self.kind in {Kind.COUNT, Kind.NUMBER, Kind.FEN, Kind.BASIS_POINTS}


METRICS: Final = (
    "posts",
    "avg_likes",
    "avg_comments",
    "avg_shares",
    "avg_views",
    "total_likes",
    "new_post_avg_likes",
    "engagement_rate",
    "authentic_engagement",
    "avg_engagement",
    "influence_score",
)
METRIC_PREFIX: Final = "metric."
DATE_PREFIX: Final = "as_of."
"""Before a figure's name: its own date, where it is not the row's."""
PERSON: Final = "person_id"
"""What rows of one file share whose accounts are one creator's; a word of the file's own, kept nowhere."""

_CREATOR: Final = (
    Field("name", Kind.TEXT, Home.CREATOR),
    Field("category", Kind.TEXT, Home.CREATOR),
    Field("city", Kind.TEXT, Home.CREATOR),
    Field("country", Kind.TEXT, Home.CREATOR),
    Field("phone", Kind.IDENT, Home.CREATOR),
    Field("wechat", Kind.TEXT, Home.CREATOR),
    Field("email", Kind.TEXT, Home.CREATOR),
    Field("coupon", Kind.TEXT, Home.CREATOR),
    Field("commission_bp", Kind.BASIS_POINTS, Home.CREATOR),
    Field("stage", Kind.RANK, Home.CREATOR, Stage),
    Field("owner", Kind.TEXT, Home.CREATOR),
    Field("source", Kind.TEXT, Home.CREATOR),
    Field("notes", Kind.TEXT, Home.CREATOR),
    Field("joined_at", Kind.MOMENT, Home.CREATOR),
    Field("tags", Kind.TAGS, Home.CREATOR),
)
_ACCOUNT: Final = (
    Field("platform", Kind.PLATFORM, Home.ACCOUNT),
    Field("platform_uid", Kind.IDENT, Home.ACCOUNT),
    Field("handle", Kind.TEXT, Home.ACCOUNT),
    Field("url", Kind.TEXT, Home.ACCOUNT),
    Field("fee_fen", Kind.FEN, Home.ACCOUNT),
    Field("fee_image_fen", Kind.FEN, Home.ACCOUNT),
    Field("fee_video_fen", Kind.FEN, Home.ACCOUNT),
    Field("followers", Kind.COUNT, Home.ACCOUNT),
)
_DERIVED: Final = (
    Field("id", Kind.COUNT, Home.DERIVED),
    Field("tier", Kind.RANK, Home.DERIVED, Tier),
    Field("group", Kind.RANK, Home.DERIVED, Group),
    Field("value_grade", Kind.RANK, Home.DERIVED, ValueGrade),
    Field("credit_score", Kind.COUNT, Home.DERIVED),
    Field("credit_grade", Kind.RANK, Home.DERIVED, CreditGrade),
    Field("bookable", Kind.RANK, Home.DERIVED, Bookable),
    Field("p25", Kind.NUMBER, Home.DERIVED),
    Field("tier_changed_at", Kind.MOMENT, Home.DERIVED),
    Field("followers_at", Kind.MOMENT, Home.DERIVED),
)

CREATOR_FIELDS: Final[dict[str, Field]] = {
    field.name: field
    for field in (
        *_CREATOR,
        *_ACCOUNT,
        *(Field(name, Kind.NUMBER, Home.METRIC) for name in METRICS),
        Field("as_of", Kind.MOMENT, Home.ROW),
        Field(PERSON, Kind.IDENT, Home.ROW),
        *_DERIVED,
    )
}
"""Every field of a creator by name, in the order in which exports show them."""

SAME_FIELD: Final = {"nickname": "name", "uid": "platform_uid"}
"""Other names that mean a field, wherever a field may be named."""


def field_of(name: str) -> Field | None:
    """Field for a name, a free metric ``metric.NAME`` or the own date of a figure ``as_of.NAME``; None where there is no such field."""
    name = SAME_FIELD.get(name, name)
    if name.startswith(DATE_PREFIX):
        figure = field_of(name.removeprefix(DATE_PREFIX))
        return Field(name, Kind.MOMENT, Home.ROW) if figure is not None and figure.numeric and figure.importable else None
    if name.startswith(METRIC_PREFIX) and len(name) > len(METRIC_PREFIX):
        return Field(name, Kind.NUMBER, Home.METRIC)
    return CREATOR_FIELDS.get(name)


PLATFORMS: Final[dict[str, tuple[str, ...]]] = {
    "douyin": ("抖音", "dy", "抖音号", "星图", "巨量星图"),
    "xiaohongshu": ("小红书", "xhs", "red", "rednote", "红书", "蒲公英", "小红薯"),
    "kuaishou": ("快手", "ks", "磁力聚星"),
    "bilibili": ("b站", "哔哩哔哩", "bili", "花火", "哔哩"),
    "wechat_channels": ("视频号", "微信视频号", "wechat channels", "wechat-shop", "channels"),
    "weibo": ("微博", "新浪微博", "sina weibo"),
    "taobao_live": ("淘宝直播", "点淘", "淘宝", "taobao"),
    "instagram": ("ins", "ig", "insta"),
    "tiktok": ("tik tok", "tt"),
    "youtube": ("yt", "油管"),
}
"""Platform codes and the words people write for them; any other word stands for itself in lower case."""

_PLATFORM_OF: Final = {alias: code for code, aliases in PLATFORMS.items() for alias in (code, *aliases)}


def platform_code(word: str) -> str:
    """Code of a platform for what somebody wrote."""
    word = " ".join(word.split()).lower()
    return _PLATFORM_OF.get(word, word)
