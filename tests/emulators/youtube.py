# SPDX-License-Identifier: Apache-2.0
"""YouTube's Data API and Google's sign-in on loopback: routes from the contract, ETags, quotas, at most fifty ids a call."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from tests.emulators.contract import contract
from tests.emulators.doctored import DOCTORED
from tests.emulators.server import FAULTS, Reply, Request, Server, document

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from tests.emulators.contract import Operation
    from tests.emulators.server import Fault

AUTHORISE: Final = "/o/oauth2/v2/auth"
READONLY: Final = "https://www.googleapis.com/auth/youtube.readonly"
_COMMON: Final = frozenset({"key", "alt", "prettyPrint", "fields", "quotaUser"})
"""Parameters that every Google API takes."""
_MOST_IDS: Final = 50
_DAY: Final = 86_400


@dataclass(slots=True)
class Video:
    """An upload. A figure that is None was switched off by its owner."""

    id: str
    title: str
    published: int
    views: int
    likes: int | None
    comments: int | None
    paid: bool
    public: bool = True


@dataclass(slots=True)
class Channel:
    """A channel and its uploads, newest first."""

    id: str
    title: str
    handle: str
    subscribers: int
    hidden: bool
    videos: list[Video] = field(default_factory=list)

    @property
    def uploads(self) -> str:
        """The playlist of its uploads."""
        return "UU" + self.id[2:]


class Tube:
    """Channels made from a seed."""

    def __init__(self, seed: int = 7, *, channels: int = 60, videos: int = 12, now: int | None = None) -> None:
        """``videos`` a channel, more or less."""
        self.dice = random.Random(seed)
        self.now = now or int(time.time()) // _DAY * _DAY
        self.channels = [self._channel(n, videos) for n in range(channels)]

    def _id(self, length: int) -> str:
        return "".join(self.dice.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") for _ in range(length))

    def _channel(self, n: int, videos: int) -> Channel:
        one = Channel(
            f"UC{self._id(22)}",
            f"Tea with {self.dice.choice(('Lin', '小满', 'Ana', 'Omar'))} 🍵 {n}",
            f"@tea{n}",
            self.dice.randrange(900, 3_000_000),
            n % 9 == 4,
        )
        for _ in range(self.dice.randrange(videos // 2, videos * 2)):
            self.upload(one, self.now - self.dice.randrange(_DAY, 300 * _DAY))
        return one

    def upload(self, channel: Channel, at: int) -> Video:
        """Another video."""
        views = self.dice.randrange(100, 5_000_000_000 if self.dice.random() < 0.01 else 900_000)
        off = self.dice.random() < 0.1
        one = Video(
            self._id(11),
            f"{channel.title} #{len(channel.videos) + 1}",
            at,
            views,
            None if off else views // 30,
            None if off else views // 400,
            self.dice.random() < 0.2,
        )
        channel.videos.append(one)
        channel.videos.sort(key=lambda it: -it.published)
        return one

    def mutate(self, n: int = 4) -> None:
        """Uploads, growth, a video made private, a channel renamed, in turn."""
        for at in range(n):
            channel = self.dice.choice([one for one in self.channels if one.videos])
            if at % 4 == 0:
                self.upload(channel, self.now + at)
            elif at % 4 == 1:
                channel.videos[0].views += 1_000
            elif at % 4 == 2:
                channel.videos[-1].public = False
            else:
                channel.title += " ✨"


@dataclass(slots=True)
class Grant:
    """A consent. The refresh token stays the same over refreshes."""

    refresh: str
    access: str
    until: float
    alive: bool = True


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """An error as the API tells it."""

    def __init__(self, status: int, reason: str, message: str = "", domain: str = "youtube.parameter") -> None:
        """HTTP status and reason."""
        super().__init__(reason)
        self.status, self.reason, self.message, self.domain = status, reason, message or reason, domain

    def reply(self) -> Reply:
        """The document of the API."""
        error = {"code": self.status, "message": self.message, "errors": [{"message": self.message, "domain": self.domain, "reason": self.reason}]}
        return document({"error": error}, self.status)


class YouTube(Server):
    """The platform. What breaks the contract is refused as Google refuses it, and stands in ``violations``."""

    def __init__(
        self, tube: Tube | None = None, *, port: int = 0, tls: ssl.SSLContext | None = None, remember: int = 100_000, quota: int = 10_000, lifetime: int = 3599
    ) -> None:
        """``quota``: units a day for the whole project."""
        super().__init__(port=port, tls=tls, remember=remember)
        self.tube = tube or Tube()
        self.key = f"key-{secrets.token_hex(16)}"
        self.client_id, self.client_secret = "koc-desk.apps.googleusercontent.com", f"client-secret-{secrets.token_hex(12)}"
        self.quota, self.used, self.lifetime = quota, 0, lifetime
        self.refreshes = 0
        self.violations: list[str] = []
        self._routes = contract("youtube").routes
        self._codes: dict[str, dict[str, str]] = {}
        self._grants: list[Grant] = []
        self._state = threading.RLock()
        self._answers: Mapping[str, Callable[[dict[str, Any], bool], dict[str, Any]]] = {
            "channelsList": self._channels,
            "playlistItemsList": self._items,
            "videosList": self._videos,
        }

    # ------------------------------------------------------------ what a test asks

    def grant(self) -> Grant:
        """A consent that was given elsewhere."""
        with self._state:
            one = Grant(f"1//{secrets.token_hex(20)}", f"ya29.{secrets.token_hex(20)}", time.time() + self.lifetime)
            self._grants.append(one)
            return one

    def expire(self) -> None:
        """Every access token has had its day."""
        for one in self._grants:
            one.until = 0.0

    def revoke(self) -> None:
        """Consent was taken back."""
        for one in self._grants:
            one.alive = False

    @property
    def secret_texts(self) -> set[str]:
        """Every secret so far."""
        return {self.key, self.client_secret} | {text for one in self._grants for text in (one.refresh, one.access)} | set(self._codes)

    # ------------------------------------------------------------ answering

    def faults(self) -> Mapping[str, Fault]:
        """Those of the line and those of the content."""
        return {**FAULTS, **DOCTORED}

    def answer(self, request: Request) -> Reply:
        """By the route table."""
        if request.path == AUTHORISE:
            return self._authorise(request)
        operation = self._routes.get((request.method, request.path))
        if operation is None:
            self.violations.append(f"{request.method} {request.path}: no such route")
            return Refusal(404, "notFound").reply()
        asked = operation.ask(request, _COMMON)
        self.violations += [f"{request.path}: {one}" for one in asked.problems]
        with self._state:
            if request.method == "POST":
                return self._sign_in(request.path, asked.values)
            self.used += 1
            try:
                return self._told(operation, request, asked.values, asked.problems)
            except Refusal as refusal:
                return refusal.reply()

    def _told(self, operation: Operation, request: Request, values: dict[str, Any], problems: list[str]) -> Reply:
        person = self._admit(request)
        if self.used > self.quota:
            raise Refusal(403, "quotaExceeded", "The request cannot be completed because you have exceeded your quota.", "youtube.quota")
        if problems:
            raise Refusal(400, "missingRequiredParameter" if problems[0].endswith("missing") else "badRequest", "; ".join(problems))
        answer = self._answers.get(operation.name)
        if answer is None:
            raise Refusal(403, "forbidden")
        told = answer(values, person)
        told["etag"] = _etag(told)
        if request.headers.get("if-none-match") == told["etag"]:
            return Reply(b"", 304, headers=(("ETag", told["etag"]),))
        return document(told, headers=(("ETag", told["etag"]),))

    def _admit(self, request: Request) -> bool:
        """Whether a person asks, or a project by its key."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer:
            if any(one.access == bearer and one.alive and one.until > time.time() for one in self._grants):
                return True
            raise Refusal(401, "authError", "Invalid Credentials", "global")
        if request.first("key") != self.key:
            raise Refusal(
                *((403, "forbidden") if not request.first("key") else (400, "badRequest")), "API key not valid. Please pass a valid API key.", "usageLimits"
            )
        return False

    # ------------------------------------------------------------ data

    def _channels(self, values: dict[str, Any], person: bool) -> dict[str, Any]:
        _one_of(values, "id", "forHandle", "forUsername", "mine")
        if values.get("mine") and not person:
            raise Refusal(401, "authError", domain="global")
        wanted = values.get("id", ())
        handle = str(values.get("forHandle", "")).removeprefix("@")
        found = [one for one in self.tube.channels if one.id in wanted or one.handle == f"@{handle}" or (values.get("mine") and one is self.tube.channels[0])]
        return _listed("youtube#channelListResponse", found, values, self._channel, default=_MOST_IDS if wanted else 5)

    def _channel(self, one: Channel) -> dict[str, Any]:
        statistics: dict[str, Any] = {
            "viewCount": str(sum(it.views for it in one.videos)),
            "subscriberCount": str(_three(one.subscribers)),
            "hiddenSubscriberCount": one.hidden,
            "videoCount": str(sum(it.public for it in one.videos)),
        }
        if one.hidden:
            del statistics["subscriberCount"]
        return {
            "kind": "youtube#channel",
            "id": one.id,
            "snippet": {"title": one.title, "description": "", "customUrl": one.handle, "publishedAt": _moment(self.tube.now - 900 * _DAY), "country": "SG"},
            "statistics": statistics,
            "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": one.uploads}},
            "status": {"privacyStatus": "public", "isLinked": True, "madeForKids": False},
        }

    def _items(self, values: dict[str, Any], _person: bool) -> dict[str, Any]:
        _one_of(values, "playlistId", "id")
        channel = next((one for one in self.tube.channels if one.uploads == values.get("playlistId")), None)
        if channel is None:
            raise Refusal(404, "playlistNotFound", "The playlist identified with the request's playlistId parameter cannot be found.", "youtube.playlistItem")

        def item(at: tuple[int, Video]) -> dict[str, Any]:
            position, one = at
            return {
                "kind": "youtube#playlistItem",
                "id": base64.urlsafe_b64encode(f"{channel.uploads}.{one.id}".encode()).decode().rstrip("="),
                "snippet": {
                    "publishedAt": _moment(one.published),
                    "channelId": channel.id,
                    "channelTitle": channel.title,
                    "title": one.title,
                    "description": "",
                    "playlistId": channel.uploads,
                    "position": position,
                    "resourceId": {"kind": "youtube#video", "videoId": one.id},
                },
                "contentDetails": {"videoId": one.id, "videoPublishedAt": _moment(one.published)},
                "status": {"privacyStatus": "public"},
            }

        return _listed("youtube#playlistItemListResponse", list(enumerate(it for it in channel.videos if it.public)), values, item)

    def _videos(self, values: dict[str, Any], _person: bool) -> dict[str, Any]:
        _one_of(values, "id", "chart", "myRating")
        wanted = values.get("id", ())
        if wanted and "maxResults" in values:
            raise Refusal(400, "incompatibleParameters", "maxResults does not go with id")
        owners = {it.id: (one, it) for one in self.tube.channels for it in one.videos if it.public}
        found = [owners[one] for one in dict.fromkeys(wanted) if one in owners]
        return _listed("youtube#videoListResponse", found, values, self._video, default=_MOST_IDS)

    def _video(self, at: tuple[Channel, Video]) -> dict[str, Any]:
        channel, one = at
        counted = {"viewCount": one.views, "likeCount": one.likes, "favoriteCount": 0, "commentCount": one.comments}
        return {
            "kind": "youtube#video",
            "id": one.id,
            "snippet": {
                "publishedAt": _moment(one.published),
                "channelId": channel.id,
                "channelTitle": channel.title,
                "title": one.title,
                "description": "",
                "categoryId": "26",
                "liveBroadcastContent": "none",
            },
            "statistics": {name: str(value) for name, value in counted.items() if value is not None},
            "contentDetails": {
                "duration": "PT4M13S",
                "dimension": "2d",
                "definition": "hd",
                "caption": "false",
                "licensedContent": True,
                "projection": "rectangular",
            },
            "paidProductPlacementDetails": {"hasPaidProductPlacement": one.paid},
            "status": {"privacyStatus": "public", "uploadStatus": "processed", "madeForKids": False},
        }

    # ------------------------------------------------------------ sign-in

    def _authorise(self, request: Request) -> Reply:
        """The consent page: this person agrees at once."""
        words = dict(request.query)
        needed = ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method")
        wrong = [f"{AUTHORISE}: {name} missing" for name in needed if not words.get(name)]
        if wrong or words["client_id"] != self.client_id or words["code_challenge_method"] != "S256":
            self.violations += wrong or [f"{AUTHORISE}: client_id or method"]
            return Reply(b"<html>invalid_request</html>", 400, "text/html")
        code = f"4/{secrets.token_hex(16)}"
        self._codes[code] = words
        sign = "&" if "?" in words["redirect_uri"] else "?"
        return Reply(
            b"", 302, headers=(("Location", f"{words['redirect_uri']}{sign}{urlencode({'state': words['state'], 'code': code, 'scope': words['scope']})}"),)
        )

    def _sign_in(self, path: str, values: dict[str, Any]) -> Reply:
        if path.endswith("/revoke"):
            for one in self._grants:
                if values.get("token") in {one.access, one.refresh}:
                    one.alive = False
            return document({})
        if (values.get("client_id"), values.get("client_secret")) != (self.client_id, self.client_secret):
            return document({"error": "invalid_client", "error_description": "The OAuth client was not found."}, 401)
        if values.get("grant_type") == "refresh_token":
            known = next((one for one in self._grants if one.refresh == values.get("refresh_token") and one.alive), None)
            if known is None:
                return document({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, 400)
            self.refreshes += 1
            known.access, known.until = f"ya29.{secrets.token_hex(20)}", time.time() + self.lifetime
            return document({"access_token": known.access, "expires_in": self.lifetime, "scope": READONLY, "token_type": "Bearer"})
        asked = self._codes.pop(str(values.get("code")), None)
        digest = hashlib.sha256(str(values.get("code_verifier", "")).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != values.get("redirect_uri"):
            return document({"error": "invalid_grant", "error_description": "Malformed auth code."}, 400)
        one = self.grant()
        return document(
            {"access_token": one.access, "expires_in": self.lifetime, "refresh_token": one.refresh, "scope": asked["scope"], "token_type": "Bearer"}
        )


def _three(value: int) -> int:
    """Rounded down to three figures, as subscribers are told."""
    rest = int("1" + "0" * max(len(str(value)) - 3, 0))
    return value // rest * rest


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _etag(value: object) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()[:20]).decode().rstrip("=")


def _one_of(values: dict[str, Any], *names: str) -> None:
    given = [name for name in names if values.get(name)]
    if not given:
        raise Refusal(400, "missingRequiredParameter", "No filter selected. Expected one of: " + ", ".join(names))
    if len(given) > 1:
        raise Refusal(400, "incompatibleParameters", "Incompatible parameters specified in the request: " + ", ".join(given))


def _listed(kind: str, found: list[Any], values: dict[str, Any], told: Callable[[Any], dict[str, Any]], *, default: int = 5) -> dict[str, Any]:
    """A page of a list, with the parts that were asked for; without ``items`` where there are none."""
    size = values.get("maxResults", default)
    start = _start(values.get("pageToken"))
    answer: dict[str, Any] = {"kind": kind, "pageInfo": {"totalResults": len(found), "resultsPerPage": size}}
    if size and start + size < len(found):
        answer["nextPageToken"] = _token(start + size)
    if start:
        answer["prevPageToken"] = _token(max(start - size, 0))
    parts = set(values["part"])
    items = []
    for one in found[start : start + size]:
        whole = told(one)
        kept = {name: value for name, value in whole.items() if not isinstance(value, dict) or name in parts}
        items.append({**kept, "etag": _etag(kept)})
    if items:
        answer["items"] = items
    return answer


def _token(start: int) -> str:
    return base64.urlsafe_b64encode(f"CAUQ{start}".encode()).decode().rstrip("=")


def _start(token: str | None) -> int:
    if token is None:
        return 0
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        return int(text.removeprefix("CAUQ"))
    except ValueError as error:
        raise Refusal(400, "invalidPageToken", "The request specifies an invalid page token.") from error
