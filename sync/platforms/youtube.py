# SPDX-License-Identifier: Apache-2.0
"""YouTube's Data API: the channels of the workspace's creators, their uploads and the videos' figures. Reads public facts only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from app.errors import PlatformError
from app.values import aware, day_start
from sync.failures import SECOND, parked, passing
from sync.feeds import DAY, UNCHANGED, Connector, Feed, Quota, Unit, document
from sync.http import Pace, Request
from sync.pagination import Once, Tokens
from sync.readers import COUNT_TEXT, ISO, WORD
from sync.signins import rfc6749
from sync.tables import Table, figure, identity, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from app.usecases.syncing import Look
    from sync.feeds import Span
    from sync.http import Answer
    from sync.pagination import Leaf

PLATFORM: Final = "youtube"
_GIVEN: Final[Mapping[str, object]] = {"platform": PLATFORM}
_MOST_IDS: Final = 50
_LATE: Final = 180 * DAY
"""For so long after its publication the figures of a video are followed."""
_HOUR: Final = 3600
_QUOTA: Final = Quota(10_000, "America/Los_Angeles")
_ITEM: Final = frozenset({"kind", "etag"})


def _get(path: str, part: str, **params: object) -> Request:
    """A question for some parts of what there is."""
    return Request("GET", f"/youtube/v3/{path}", params={"part": part, **params}, pace_key=path)


def _ids(batch: Sequence[Unit]) -> str:
    return ",".join(one.key for one in batch)


# ---------------------------------------------------------------- channels: creators and their followers


def _channel_rows(leaf: Leaf, _batch: Sequence[Unit], _span: Span) -> Iterator[tuple[Any, Mapping[str, object]]]:
    """Channels; a count of subscribers that is hidden is none, whatever stands there."""
    for row in leaf.rows:
        counted = row.get("statistics") if isinstance(row, dict) else None
        if isinstance(counted, dict) and counted.get("hiddenSubscriberCount") is True:
            yield {**row, "statistics": {name: value for name, value in counted.items() if name != "subscriberCount"}}, _GIVEN
        else:
            yield row, _GIVEN


CHANNELS: Final = Feed(
    "channels",
    Table(
        "creators",
        (
            identity("id", "key", WORD),
            identity("id", "platform_uid", WORD),
            told("snippet.title", "name"),
            told("snippet.customUrl", "handle", optional=True),
            told("snippet.country", "country", optional=True),
            figure("statistics.subscriberCount", "followers", COUNT_TEXT, optional=True),
            figure("statistics.videoCount", "posts", COUNT_TEXT),
            told("contentDetails.relatedPlaylists.uploads", "uploads", WORD),
        ),
        _ITEM
        | {f"snippet.{name}" for name in ("defaultLanguage", "description", "localized", "publishedAt", "thumbnails")}
        | {f"statistics.{name}" for name in ("commentCount", "hiddenSubscriberCount", "viewCount")}
        | {f"contentDetails.relatedPlaylists.{name}" for name in ("favorites", "likes", "watchHistory", "watchLater")},
    ),
    24 * _HOUR,
    units=lambda look, _span: (Unit("", channel) for channel in look.accounts(PLATFORM)),
    ask=lambda batch, _span: _get("channels", "snippet,statistics,contentDetails", id=_ids(batch)),
    walker=Tokens("items", _MOST_IDS),
    batch=_MOST_IDS,
    rows=_channel_rows,
    conditional=True,
)


# ---------------------------------------------------------------- uploads: contents


def _upload_units(look: Look, _span: Span) -> Iterator[Unit]:
    """Channels with the playlist of their uploads."""
    return (Unit("", one.key, {"uploads": one.fields["uploads"]}) for one in look.known("creators") if one.fields.get("uploads"))


def _upload_rows(leaf: Leaf, batch: Sequence[Unit], _span: Span) -> Iterator[tuple[Any, Mapping[str, object]]]:
    for row in leaf.rows:
        video = row.get("contentDetails", {}).get("videoId") if isinstance(row, dict) and isinstance(row.get("contentDetails"), dict) else None
        yield row, {**_GIVEN, "platform_uid": batch[0].key, "url": f"https://www.youtube.com/watch?v={video}"}


UPLOADS: Final = Feed(
    "uploads",
    Table(
        "contents",
        (
            identity("contentDetails.videoId", "key", WORD),
            identity("contentDetails.videoId", "content_id", WORD),
            told("contentDetails.videoPublishedAt", "published_at", ISO, optional=True),
            told("snippet.title", "title"),
        ),
        _ITEM
        | {"id", "status"}
        | {f"contentDetails.{name}" for name in ("endAt", "note", "startAt")}
        | {f"snippet.{name}" for name in ("channelId", "channelTitle", "description", "playlistId", "position", "publishedAt", "resourceId", "thumbnails")}
        | {"snippet.videoOwnerChannelId", "snippet.videoOwnerChannelTitle"},
    ),
    12 * _HOUR,
    units=_upload_units,
    ask=lambda batch, _span: _get("playlistItems", "snippet,contentDetails", playlistId=batch[0].about["uploads"]),
    walker=Tokens("items", _MOST_IDS),
    rows=_upload_rows,
    conditional=True,
    after=("channels",),
)


# ---------------------------------------------------------------- videos: figures


def _video_units(look: Look, span: Span) -> Iterator[Unit]:
    """Videos whose figures are still followed."""
    for one in look.known("contents"):
        published = one.fields.get("published_at")
        if span.since is None or (isinstance(published, int) and published >= span.now - _LATE):
            yield Unit("", one.key, {"platform_uid": one.fields.get("platform_uid")})


def _video_rows(leaf: Leaf, batch: Sequence[Unit], span: Span) -> Iterator[tuple[Any, Mapping[str, object]]]:
    """Figures as of the day they are fetched. What is private or gone is left out of an answer."""
    today, owners = day_start(aware(span.now).date(), "UTC"), {one.key: one.about["platform_uid"] for one in batch}
    for row in leaf.rows:
        owner = owners.get(str(row.get("id"))) if isinstance(row, dict) else None
        yield row, {**_GIVEN, "as_of": today, **({} if owner is None else {"platform_uid": owner})}


VIDEOS: Final = Feed(
    "videos",
    Table(
        "metrics",
        (
            identity("id", "content_id", WORD),
            figure("statistics.viewCount", "views", COUNT_TEXT, optional=True),
            figure("statistics.likeCount", "likes", COUNT_TEXT, optional=True),
            figure("statistics.commentCount", "comments", COUNT_TEXT, optional=True),
        ),
        _ITEM | {"statistics.dislikeCount", "statistics.favoriteCount"},
        key=lambda fields: f"{fields['content_id']}:{aware(fields['as_of']).date().isoformat()}",
    ),
    24 * _HOUR,
    units=_video_units,
    ask=lambda batch, _span: _get("videos", "statistics", id=_ids(batch)),
    walker=Once("items"),
    batch=_MOST_IDS,
    rows=_video_rows,
    conditional=True,
    after=("uploads",),
)


# ---------------------------------------------------------------- errors, the sign-in, and all of it

_NOT_MODIFIED: Final = 304
_RATE: Final = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})


def _opened(answer: Answer) -> Mapping[str, Any]:
    """The document of an answer; what has not changed holds nothing."""
    if answer.status == _NOT_MODIFIED:
        return UNCHANGED
    data = document(answer)
    error = data.get("error")
    if not isinstance(error, dict):
        answer.check()
        return data
    reasons = {str(one.get("reason")) for one in error.get("errors") or () if isinstance(one, dict)}
    known: dict[str, Any] = {"host": answer.host, "path": answer.path, "status": answer.status, "answer": ", ".join(sorted(reasons))[:80]}
    if "quotaExceeded" in reasons:
        raise _out_of_quota(answer)
    if reasons & _RATE:
        raise passing("rate_limited", reached=False, **known)
    if answer.status == 404:  # noqa: PLR2004 (HTTP's number: a channel or a playlist, not the address)
        raise PlatformError("refused", **known)
    answer.check()
    raise answer.unexpected("error")


def _out_of_quota(answer: Answer) -> PlatformError:
    """The day's quota is used up: nothing is asked until the platform's midnight."""
    now = time.time_ns() // 1000
    return parked(answer.host, (_QUOTA.day(now)[1] - now) / SECOND, now, quota=_QUOTA.units)


_SCOPES: Final = ("https://www.googleapis.com/auth/youtube.readonly",)

CONNECTOR: Final = Connector(
    name="youtube",
    base="https://youtube.googleapis.com",
    sign_in=rfc6749(
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        _SCOPES,
        extra={"access_type": "=offline", "prompt": "=consent"},
    ),
    pace=Pace(10, 1.0),
    feeds=(CHANNELS, UPLOADS, VIDEOS),
    probe=_get("channels", "id", mine="true"),
    open=_opened,
    scopes=_SCOPES,
    leaves_mainland=True,
    quota=_QUOTA,
)
