# SPDX-License-Identifier: Apache-2.0
"""YouTube's feeds against its contract on loopback: channels, uploads, figures; fifty ids a call, quota, etags, what is hidden or gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import pytest

from app.errors import PlatformError
from app.jobs import Quiet
from app.usecases.syncing import Connection
from app.words import Words
from sync.catalog import CONNECTORS
from sync.feeds import Cursor, Quota
from sync.runner import Runner
from sync.secrets import Places, Secrets
from tests.emulators.youtube import Tube, YouTube
from tests.sync.platforms.conftest import QUICK, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STREAMS = ("channels", "uploads", "videos")
MONTH = 30 * 86_400


class _Stay(HTTPRedirectHandler):
    """A browser that tells where it would go."""

    def redirect_request(self, *_: object) -> None:
        """Go nowhere."""


def consent(url: str) -> str:
    """The address that the browser ends at after consent."""
    opened = build_opener(_Stay())
    try:
        opened.open(url)
    except OSError as error:
        return str(error.headers["Location"])  # type: ignore[attr-defined] # an HTTPError
    raise AssertionError


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Signed in; the workspace has most channels of the platform, and one that is gone."""
    with YouTube(Tube(channels=60, videos=8)) as server:
        places = Places()
        places.choose("session")
        runner = Runner(CONNECTORS, lambda: "workspace", Secrets(places), lambda: Words("en"), lambda: time.time_ns() // 1000, limits=QUICK, locks=tmp_path)
        connection = Connection(1, "brand", "youtube", "new", base_url=server.base_url, app_id=server.client_id)
        runner.keep_secret(connection, server.client_secret)
        url, state = runner.by_hand(connection)
        runner.exchange(connection, consent(url), state)
        made = Desk(runner, server, connection)  # type: ignore[arg-type] # another platform
        made.look.people = tuple(sorted([*(one.id for one in server.tube.channels[:55]), "UCgone0000000000000000"]))
        yield made
    assert server.violations == []


def tube(desk: Desk) -> Tube:
    """The platform's world."""
    server: object = desk.server
    assert isinstance(server, YouTube)
    return server.tube


def test_channels_uploads_and_figures(desk: Desk) -> None:
    pages = desk.pull(*STREAMS)
    assert not [one for page in pages for one in page.drift]
    assert not [one for page in pages for one in page.rejected]
    asked = tube(desk).channels[:55]
    creators = desk.look.of("creators")
    assert creators.keys() == {one.id for one in asked}
    for one in asked:
        told = creators[one.id]
        assert (told["name"], told["handle"], told["country"], told["uploads"]) == (one.title, one.handle, "SG", one.uploads)
        assert ("followers" in told) is not one.hidden, "hidden is not nothing"
        assert one.hidden or 0 <= one.subscribers - int(str(told["followers"])) < one.subscribers / 100
    videos = {video.id: (one, video) for one in asked for video in one.videos if video.public}
    contents = desk.look.of("contents")
    assert contents.keys() == videos.keys()
    assert all(contents[key]["published_at"] == video.published * 1_000_000 for key, (_, video) in videos.items())
    assert all(contents[key]["platform_uid"] == one.id for key, (one, _) in videos.items())
    metrics = {one["content_id"]: one for one in desk.look.of("metrics").values()}
    assert metrics.keys() == videos.keys()
    for key, (one, video) in videos.items():
        assert (metrics[key]["views"], metrics[key].get("likes"), metrics[key].get("comments")) == (video.views, video.likes, video.comments)
        assert metrics[key]["platform_uid"] == one.id


def test_fifty_ids_a_call_and_no_more(desk: Desk) -> None:
    desk.pull(*STREAMS)
    for path in ("channels", "videos"):
        counts = [len((one.first("id") or "").split(",")) for one in desk.server.requests(f"/youtube/v3/{path}")]
        assert max(counts) == 50
        assert sum(counts) == len(set("".join(f",{one.first('id')}" for one in desk.server.requests(f"/youtube/v3/{path}")).split(",")) - {""})


def test_what_has_not_changed_is_not_sent_again(desk: Desk) -> None:
    desk.pull(*STREAMS)
    before = {key: dict(told) for key, told in desk.look.records.items()}
    desk.server.forget()
    pages = desk.pull("channels", "uploads")
    assert sum(page.received for page in pages) == 0
    assert all(one.headers["if-none-match"] for one in desk.server.requests("/youtube/v3/"))
    assert desk.look.records == before


def test_what_has_changed_comes(desk: Desk) -> None:
    desk.pull(*STREAMS)
    channel = tube(desk).channels[3]
    made = tube(desk).upload(channel, int(time.time()) - 3600)
    channel.title, channel.videos[1].views = "Somebody else", 987_654
    desk.pull(*STREAMS)
    assert desk.look.of("creators")[channel.id]["name"] == "Somebody else"
    assert made.id in desk.look.of("contents")
    figures = {one["content_id"]: one["views"] for one in desk.look.of("metrics").values()}
    assert figures[made.id] == made.views
    if channel.videos[1].published > time.time() - 6 * MONTH:
        assert figures[channel.videos[1].id] == 987_654


def test_old_videos_are_left_alone(desk: Desk) -> None:
    desk.pull(*STREAMS)
    desk.server.forget()
    tube(desk).mutate(8)
    desk.pull("videos")
    asked = {key for one in desk.server.requests("/youtube/v3/videos") for key in (one.first("id") or "").split(",")}
    published = {video.id: video.published for one in tube(desk).channels for video in one.videos}
    assert asked
    assert all(published[key] > time.time() - 6 * MONTH - 86_400 for key in asked)


def test_a_quota_that_is_used_up_parks_until_the_platforms_midnight(desk: Desk) -> None:
    """No retry: each refused request costs."""
    desk.pull("channels")
    desk.server.quota = desk.server.used  # type: ignore[attr-defined] # of YouTube
    desk.server.forget()
    with pytest.raises(PlatformError) as caught:
        desk.pull("uploads")
    assert caught.value.code == "rate_limited"
    assert caught.value.details["until"] == pytest.approx(Quota(1, "America/Los_Angeles").day(time.time_ns() // 1000)[1], abs=5_000_000)
    assert len(desk.server.requests("/youtube/v3/")) == 1


def test_the_quota_is_counted_over_the_day(desk: Desk) -> None:
    desk.look.requests = 9_999
    with pytest.raises(PlatformError) as caught:
        desk.pull("channels")
    assert caught.value.code == "rate_limited"
    assert len(desk.server.requests("/youtube/v3/channels")) == 1
    assert desk.look.of("creators"), "what came before stands"
    desk.look.requests = 0
    desk.pull("channels")
    assert len(desk.look.of("creators")) == 55
    assert Cursor.read(desk.cursors["channels"]).unit is None


def test_one_playlist_that_is_gone_does_not_stop_the_others(desk: Desk) -> None:
    desk.pull("channels")
    gone = tube(desk).channels.pop(5)
    pages = desk.pull("uploads")
    assert sum(page.missing for page in pages) == 1
    assert [details["unit"] for _, details in desk.watch.lines] == [gone.id]
    assert len(desk.look.of("contents")) == sum(video.public for one in tube(desk).channels[:54] for video in one.videos)


def test_a_token_that_runs_out_is_renewed_and_a_consent_taken_back_is_told(desk: Desk) -> None:
    desk.pull("channels")
    server: object = desk.server
    assert isinstance(server, YouTube)
    server.expire()
    desk.pull("uploads")
    assert server.refreshes == 1
    server.revoke()
    server.expire()
    with pytest.raises(PlatformError) as caught:
        desk.pull("videos")
    assert caught.value.code == "disconnected"


def test_the_consent_page_is_asked_for_offline_access_with_a_challenge(desk: Desk) -> None:
    url, state = desk.runner.by_hand(desk.connection)
    words = parse_qs(urlsplit(url).query)
    assert words["state"] == [state]
    assert (words["access_type"], words["code_challenge_method"]) == (["offline"], ["S256"])
    assert desk.runner.test(desk.connection, Quiet()).scopes == ("https://www.googleapis.com/auth/youtube.readonly",)
