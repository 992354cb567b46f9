# SPDX-License-Identifier: Apache-2.0
"""Google's own client takes the emulator for YouTube; the emulator keeps the contract and refuses who breaks it."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import google_auth_httplib2
import googleapiclient.discovery
import googleapiclient.errors
import httplib2
import httpx
import pytest
from google.oauth2.credentials import Credentials

from tests.emulators.contract import contract
from tests.emulators.youtube import AUTHORISE, READONLY, Tube, YouTube

if TYPE_CHECKING:
    from collections.abc import Iterator

V3 = "/youtube/v3"
PARTS = "snippet,statistics,contentDetails,status,paidProductPlacementDetails"


@pytest.fixture
def tube() -> Iterator[YouTube]:
    """Sixty channels with a dozen videos each."""
    with YouTube(Tube()) as server:
        yield server
        assert not server.violations


@pytest.fixture
def http(tube: YouTube) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=tube.base_url, params={"key": tube.key}) as client:
        yield client


@pytest.fixture
def google(tube: YouTube) -> Iterator[Any]:
    """Google's client, made from the description that comes with it."""
    with googleapiclient.discovery.build(
        "youtube", "v3", developerKey=tube.key, static_discovery=True, client_options={"api_endpoint": tube.base_url}
    ) as service:
        yield service


def test_googles_client_reads_channels_uploads_and_videos(tube: YouTube, google: Any):
    wanted = tube.tube.channels[:50]
    told = google.channels().list(part="snippet,statistics,contentDetails", id=",".join(one.id for one in wanted), maxResults=50).execute()
    assert [item["id"] for item in told["items"]] == [one.id for one in wanted]
    channel = wanted[0]
    assert int(told["items"][0]["statistics"]["viewCount"]) == sum(one.views for one in channel.videos)
    playlist = told["items"][0]["contentDetails"]["relatedPlaylists"]["uploads"]
    ids: list[str] = []
    request = google.playlistItems().list(part="contentDetails", playlistId=playlist, maxResults=4)
    while request is not None:
        page = request.execute()
        ids += [item["contentDetails"]["videoId"] for item in page["items"]]
        request = google.playlistItems().list_next(request, page)
    assert ids == [one.id for one in channel.videos]
    videos = google.videos().list(part="statistics,paidProductPlacementDetails", id=ids[:50]).execute()["items"]
    assert [item["statistics"]["viewCount"] for item in videos] == [str(one.views) for one in channel.videos[:50]]
    assert [item["statistics"].get("likeCount") for item in videos] == [None if one.likes is None else str(one.likes) for one in channel.videos[:50]]


def test_googles_client_is_refused_as_it_expects(tube: YouTube, google: Any):
    with pytest.raises(googleapiclient.errors.HttpError) as missing:
        google.playlistItems().list(part="snippet", playlistId="UUnothing").execute()
    assert (missing.value.status_code, missing.value.error_details[0]["reason"]) == (404, "playlistNotFound")
    tube.quota = tube.used
    with pytest.raises(googleapiclient.errors.HttpError) as spent:
        google.channels().list(part="id", forHandle="@tea1").execute()
    assert (spent.value.status_code, spent.value.error_details[0]["reason"]) == (403, "quotaExceeded")


def test_googles_client_refreshes_its_token(tube: YouTube):
    one = tube.grant()
    tube.expire()
    known = Credentials(
        one.access, refresh_token=one.refresh, token_uri=f"{tube.base_url}/token", client_id=tube.client_id, client_secret=tube.client_secret, scopes=[READONLY]
    )
    line = google_auth_httplib2.AuthorizedHttp(known, http=httplib2.Http())
    with googleapiclient.discovery.build("youtube", "v3", http=line, static_discovery=True, client_options={"api_endpoint": tube.base_url}) as service:
        told = service.channels().list(part="snippet", mine=True).execute()
    assert told["items"][0]["id"] == tube.tube.channels[0].id
    assert tube.refreshes == 1


def test_every_answer_keeps_the_contract(tube: YouTube, http: httpx.Client):
    channel = tube.tube.channels[0]
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        (f"{V3}/channels", {"part": PARTS, "id": ",".join(one.id for one in tube.tube.channels[:50])}),
        (f"{V3}/playlistItems", {"part": PARTS, "playlistId": channel.uploads, "maxResults": 50}),
        (f"{V3}/videos", {"part": PARTS, "id": ",".join(one.id for one in channel.videos[:50])}),
    )
    for path, params in calls:
        told = http.get(path, params=params)
        assert not contract("youtube").routes["GET", path].faults_of_answer(told.json(), told.status_code)
        again = http.get(path, params=params, headers={"If-None-Match": told.json()["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert tube.used == 6, "an unchanged answer costs its unit as well"
    tube.tube.mutate(8)
    assert http.get(f"{V3}/channels", params={"part": "statistics", "id": "UCnobody"}).json().get("items") is None


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("channels", {"id": "a"}, 400),
        ("channels", {"part": "id", "id": ",".join(str(n) for n in range(51))}, 400),
        ("channels", {"part": "id", "id": "a", "maxResults": 51}, 400),
        ("channels", {"part": "id", "id": "a", "star_id": 7}, 400),
        ("nothing", {}, 404),
    ],
)
def test_what_breaks_the_contract_is_refused_and_remembered(tube: YouTube, http: httpx.Client, path: str, params: dict[str, Any], status: int):
    told = http.get(f"{V3}/{path}", params=params)
    assert told.status_code == status
    assert not contract("youtube").routes["GET", f"{V3}/channels"].faults_of_answer(told.json(), status)
    assert len(tube.violations) == 1
    tube.violations.clear()


def test_keys_and_tokens(tube: YouTube, http: httpx.Client):
    asked = {"part": "id", "mine": "true"}
    assert http.get(f"{V3}/channels", params=asked).status_code == 401, "a key is nobody in particular"
    one = tube.grant()
    bearer = {"Authorization": f"Bearer {one.access}"}
    assert http.get(f"{V3}/channels", params=asked, headers=bearer).status_code == 200
    tube.revoke()
    assert http.get(f"{V3}/channels", params=asked, headers=bearer).status_code == 401
    assert httpx.get(f"{tube.base_url}{V3}/channels", params={"part": "id", "id": "a", "key": "wrong"}).status_code == 400


def test_sign_in_of_a_desktop(tube: YouTube, http: httpx.Client):
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    back = "http://127.0.0.1:1/back"
    asked = {
        "client_id": tube.client_id,
        "redirect_uri": back,
        "response_type": "code",
        "scope": READONLY,
        "state": "s",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    led = httpx.URL(http.get(AUTHORISE, params=asked).headers["location"]).params
    assert led["state"] == "s"
    base = {"client_id": tube.client_id, "client_secret": tube.client_secret, "grant_type": "authorization_code", "redirect_uri": back, "code": led["code"]}
    told = httpx.post(f"{tube.base_url}/token", data={**base, "code_verifier": verifier})
    assert set(told.json()) == {"access_token", "expires_in", "refresh_token", "scope", "token_type"}
    assert httpx.post(f"{tube.base_url}/token", data={**base, "code_verifier": verifier}).json()["error"] == "invalid_grant", "a code serves once"
    renew = {"client_id": tube.client_id, "client_secret": tube.client_secret, "grant_type": "refresh_token", "refresh_token": told.json()["refresh_token"]}
    assert "refresh_token" not in httpx.post(f"{tube.base_url}/token", data=renew).json()
    httpx.post(f"{tube.base_url}/revoke", data={"token": told.json()["refresh_token"]})
    assert httpx.post(f"{tube.base_url}/token", data=renew).json()["error"] == "invalid_grant"
