# SPDX-License-Identifier: Apache-2.0
"""The client against real servers that misbehave: every wait ends, nothing half is taken, nothing secret gets out."""

from __future__ import annotations

import gzip
import json
import logging
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
import traceback
import zlib
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import formatdate
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from app.errors import CancelledError, PlatformError, ProductError
from app.usecases.syncing import Traffic
from app.words import LANGUAGES, Words
from sync import failures
from sync.bodies import decoder, parse_json
from sync.failures import PassingError, passing
from sync.http import Answer, Http, Limits, Pace, Request
from tests.conftest import ROOT
from tests.emulators.faulty import Mute, Proxy
from tests.emulators.server import Reply, Server, bomb, document

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.emulators.server import Request as Asked
    from tests.emulators.server import Wire

CANARY = "canary-9f3b7c5d1e"
PASSWORD = "pw-canary-77aa"  # noqa: S105 (a canary)
QUICK = Limits(deadline_s=5, base_s=0.02, rate_base_s=0.1)
NAMES = {"code": 0, "message": "成功", "data": {"nick_name": "小鹿很甜", "phone": "13812345678", "id": 7301234567890123456}}


WORDS = tuple(map(Words, LANGUAGES))


class Watcher:
    """Notes what a run's log would hold."""

    def __init__(self) -> None:
        self.traffic = Traffic()
        self.lines: list[tuple[str, dict[str, object]]] = []

    def line(self, code: str, **details: object) -> None:
        self.lines.append((code, details))

    def said(self, code: str) -> list[dict[str, object]]:
        return [details for name, details in self.lines if name == code]


class Stop:
    """A job that somebody stops."""

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def progress(self, phase: str, done: int, total: int | None = None) -> None:
        """Nobody looks."""

    def check(self) -> None:
        if self.stopped.is_set():
            raise CancelledError


class Platform(Server):
    """A server with one sound answer, and some ways to misbehave of its own."""

    reply = document(NAMES, headers=(("Set-Cookie", f"session={CANARY}"),))

    def answer(self, request: Asked) -> Reply:
        if request.path == "/where":
            return document({"method": request.method, "body": request.body.decode(), "query": request.query, "headers": dict(request.headers)})
        return self.reply

    def faults(self) -> Mapping[str, Any]:
        return {**super().faults(), "drip_head": _drip_head, "chunked_short": _chunked_short, "as": _as}


def _drip_head(_server: Server, _request: Asked, _options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """Headers a byte at a time."""

    def wire(to: Wire, reply: Reply) -> None:
        for at, _ in enumerate(reply.head()):
            to.sock.sendall(reply.head()[at : at + 1])
            if to.closing.wait(0.1):
                return

    return replace(answer(), wire=wire)


def _chunked_short(_server: Server, _request: Asked, _options: Mapping[str, Any], answer: Callable[[], Reply]) -> Reply:
    """One chunk of several, then a proper end of the line."""

    def wire(to: Wire, reply: Reply) -> None:
        body = reply.body[:20]
        to.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + f"{len(body):x}\r\n".encode() + body + b"\r\n")

    return replace(answer(), wire=wire)


def _as(_server: Server, _request: Asked, options: Mapping[str, Any], _answer: Callable[[], Reply]) -> Reply:
    """This reply."""
    reply = options["reply"]
    assert isinstance(reply, Reply)
    return reply


# ---------------------------------------------------------------- the desk of a test


@pytest.fixture
def platform() -> Iterator[Platform]:
    with Platform() as server:
        yield server


@pytest.fixture
def watch() -> Watcher:
    return Watcher()


@pytest.fixture
def client(watch: Watcher, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Http]]:
    """Makes clients and closes them. Whatever a test does, no log at any level and no line of the run holds a canary."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "tenacity", "pyrate_limiter"):
        caplog.set_level(logging.DEBUG, name)
    with ExitStack() as stack:

        def make(*origins: str, **words: Any) -> Http:
            return stack.enter_context(Http(origins, **{"watch": watch, "limits": QUICK, **words}))

        yield make
    records = [record for when in ("setup", "call", "teardown") for record in caplog.get_records(when)]
    unseen(repr(watch.lines), *(f"{record.getMessage()} {vars(record)}" for record in records))
    for code, details in watch.lines:
        for words in WORDS:
            said = words(f"sync.line.{code}", **details)
            assert "{" not in said
            assert not said.startswith("sync.line")


def unseen(*texts: str) -> None:
    """No canary in any of these."""
    for text in texts:
        assert CANARY not in text
        assert PASSWORD not in text


def asked(base: str, path: str = "/list", **words: Any) -> Request:
    """A request that carries canaries wherever a secret may stand."""
    headers = {"Access-Token": CANARY, "X-API-Key": CANARY, **words.pop("headers", {})}
    return Request(words.pop("method", "GET"), base + path, params={"access_token": CANARY, "page": 1}, headers=headers, **words)


def failure(http: Http, request: Request, read: Callable[[Answer], Any] = Answer.json) -> ProductError:
    """The error of a request that must fail; nothing about it holds a canary or another program's words."""
    with pytest.raises(ProductError) as caught:
        http.send(request, read)
    error = caught.value
    unseen(str(error), repr(error), repr(error.details), repr(request), *traceback.format_exception(error))
    chain: BaseException | None = error
    while chain is not None:
        # What hangs on behind an error is shown by whoever prints it whole.
        unseen(repr(vars(chain)), str(chain))
        chain = chain.__cause__ or chain.__context__
    assert pickle.loads(pickle.dumps(error)).code == error.code  # noqa: S301 (our own)
    if isinstance(error, PlatformError):
        assert type(error) is PlatformError
        assert "?" not in str(error.details.get("path", ""))
        for words in WORDS:
            said = [words.failure(f"{error.code}{end}", error.details) for end in ("", ".title", ".safe", ".next")]
            assert not [one for one in said if "{" in one or one.startswith("error.")]
    return error


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The authority is one that this computer trusts."""
    path = tmp_path / "company.pem"
    authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


def identity(authority: trustme.CA, *names: str, **words: Any) -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **words).configure_cert(context)
    return context


# ---------------------------------------------------------------- what goes out and comes in


def test_a_request_arrives_as_it_was_meant(platform: Platform, client: Callable[..., Http]):
    request = Request(
        "POST",
        platform.base_url + "/where?v=2",
        params=[("ids", "[1,2]"), ("ids", "3"), ("full", True), ("none", None), ("name", "茶 & 酒")],
        headers={"Access-Token": CANARY},
        json={"id": 7301234567890123456},
    )
    told = client(platform.base_url).send(request, Answer.json)
    assert told["method"] == "POST"
    assert json.loads(told["body"]) == {"id": 7301234567890123456}
    assert told["query"] == [["v", "2"], ["ids", "[1,2]"], ["ids", "3"], ["full", "true"], ["name", "茶 & 酒"]]
    assert told["headers"]["access-token"] == CANARY
    assert told["headers"]["accept-encoding"] == "gzip, deflate"
    assert told["headers"]["accept"] == "application/json"


def test_a_form_arrives_as_a_form(platform: Platform, client: Callable[..., Http]):
    told = client(platform.base_url).send(Request("POST", platform.base_url + "/where", form={"code": "a&b", "grant": "x y"}), Answer.json)
    assert told["body"] == "code=a%26b&grant=x+y"
    assert told["headers"]["content-type"] == "application/x-www-form-urlencoded"


def test_an_answer_says_what_it_is(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("as", reply=document({"a": 1}, headers=(("X-Tt-Logid", "202611250001"),)))
    answer: Answer = client(platform.base_url).send(asked(platform.base_url))
    assert (answer.status, answer.content_type, answer.request_id, answer.json()) == (200, "application/json", "202611250001", {"a": 1})
    assert answer.headers["content-TYPE"].startswith("application/json")
    unseen(repr(answer))


def test_cookies_are_not_kept(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("as", reply=document({}, headers=(("Set-Cookie", "sid=1; Path=/"),)))
    http = client(platform.base_url)
    http.send(asked(platform.base_url))
    assert "cookie" not in http.send(asked(platform.base_url, "/where"), Answer.json)["headers"]


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", lambda data: gzip.compress(data[:5]) + gzip.compress(data[5:])),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ("identity", bytes),
    ],
    ids=["gzip", "gzip in two", "zlib", "raw deflate", "identity"],
)
def test_compressed_answers_are_decoded(platform: Platform, client: Callable[..., Http], encoding: str, packed: Callable[[bytes], bytes]):
    body = json.dumps({"rows": list(range(50_000))}).encode()
    platform.misbehave("as", reply=Reply(packed(body), headers=(("Content-Encoding", encoding),)))
    assert client(platform.base_url).send(asked(platform.base_url)).content == body


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_an_encoding_nobody_asked_for_is_refused(platform: Platform, client: Callable[..., Http], encoding: str):
    platform.misbehave("as", reply=Reply(b"whatever", headers=(("Content-Encoding", encoding),)))
    assert failure(client(platform.base_url), asked(platform.base_url)).details["found"] == "Content-Encoding"
    assert len(platform.requests()) == 1


def test_a_body_that_is_not_compressed_as_it_says_is_refused(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("as", reply=Reply(b'{"plain": true}', headers=(("Content-Encoding", "gzip"),)))
    assert failure(client(platform.base_url), asked(platform.base_url)).code == "unexpected_answer"


def test_several_threads_share_a_client(platform: Platform, client: Callable[..., Http]):
    http = client(platform.base_url)
    got: list[int] = []

    def ask() -> None:
        got.extend(http.send(asked(platform.base_url)).status for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert got == [200] * 60


# ---------------------------------------------------------------- JSON


def test_json_is_exact():
    told = parse_json('\ufeff{"id": 99999999999999999999, "fee": 0.1, "huge": 1e400, "name": "茶"}'.encode())
    assert told == {"id": 99999999999999999999, "fee": Decimal("0.1"), "huge": Decimal("1e400"), "name": "茶"}
    assert isinstance(told["fee"], Decimal)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b'{"a": NaN}',
        b"[Infinity]",
        b"[-Infinity]",
        b'{"fee": 1, "fee": 2}',
        b'{"a": 1',
        '{"name": "小鹿很甜"}'.encode("gbk"),
        "{}".encode("utf-16"),
        b"[" * 100_000,
        b"1" * 5_000,
    ],
    ids=["empty", "html", "nan", "infinity", "minus infinity", "two values", "cut", "gbk", "utf-16", "deep", "long number"],
)
def test_what_is_no_json_is_none(content: bytes):
    with pytest.raises(ValueError, match=r"|."):
        parse_json(content)


def test_the_same_value_told_twice_is_harmless():
    assert parse_json(b'{"a": 1, "b": {"c": 2, "c": 2}, "a": 1}') == {"a": 1, "b": {"c": 2}}


# ---------------------------------------------------------------- C: transport


def test_c01_a_name_that_nobody_knows(client: Callable[..., Http], watch: Watcher):
    error = failure(client("https://api.nosuch.invalid"), asked("https://api.nosuch.invalid"))
    assert (error.code, error.details["host"]) == ("offline", "api.nosuch.invalid")
    assert watch.traffic.requests == QUICK.attempts
    assert watch.traffic.retries == QUICK.attempts - 1
    assert [one["host"] for one in watch.said("retry_offline")] == ["api.nosuch.invalid"]


def test_c02_nobody_listens(client: Callable[..., Http], watch: Watcher):
    with Mute() as mute:
        base = f"http://127.0.0.1:{mute.port}"
    assert failure(client(base), asked(base)).code == "offline"
    assert (watch.traffic.requests, watch.traffic.retries) == (QUICK.attempts, QUICK.attempts - 1)


@pytest.mark.parametrize(
    ("fault", "options"),
    [("reset", {"after": 9}), ("reset", {"after": None}), ("short", {}), ("chunked_short", {})],
    ids=["C02 reset in the body", "C02 reset before an answer", "C03 short", "C03 short chunks"],
)
def test_an_answer_that_breaks_off_is_asked_for_again_and_never_half_taken(
    platform: Platform, client: Callable[..., Http], watch: Watcher, fault: str, options: dict[str, Any]
):
    read: list[object] = []

    def take(answer: Answer) -> object:
        read.append(answer.content)
        return answer.json()

    platform.misbehave(fault, times=2, **options)
    assert client(platform.base_url).send(asked(platform.base_url), take) == NAMES
    assert read == [Platform.reply.body]
    assert [one["host"] for one in watch.said("retry_interrupted")] == ["127.0.0.1"] * 2

    platform.forget()
    platform.misbehave(fault, times=None, **options)
    error = failure(client(platform.base_url), asked(platform.base_url), take)
    assert error.code == "interrupted_answer"
    assert len(platform.requests()) == QUICK.attempts
    assert len(read) == 1


def test_c03_a_compressed_answer_without_its_end_is_short(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("as", times=1, reply=Reply(gzip.compress(Platform.reply.body)[:-12], headers=(("Content-Encoding", "gzip"),)))
    assert client(platform.base_url).send(asked(platform.base_url), Answer.json) == NAMES
    assert len(platform.requests()) == 2


@pytest.mark.parametrize("fault", ["loris", "drip_head", "silent"])
def test_c04_a_request_ends_at_its_deadline(platform: Platform, client: Callable[..., Http], fault: str):
    platform.misbehave(fault, times=None)
    begun = time.monotonic()
    error = failure(client(platform.base_url, limits=replace(QUICK, deadline_s=1)), asked(platform.base_url))
    assert 0.9 < time.monotonic() - begun < 2
    assert (error.code, error.details["seconds"]) == ("too_slow", 1)
    assert len(platform.requests()) == 1


@pytest.mark.parametrize("full", [False, True], ids=["during the handshake", "while connecting"])
def test_c04_a_line_that_leads_nowhere_ends_at_the_deadline(client: Callable[..., Http], full: bool):
    with Mute(full=full) as mute:
        base = f"https://127.0.0.1:{mute.port}"
        begun = time.monotonic()
        assert failure(client(base, limits=replace(QUICK, deadline_s=0.6)), asked(base)).code == "too_slow"
        assert time.monotonic() - begun < 2


MEASURED = """
import resource, sys
from app.errors import PlatformError
from sync.http import Http, Request
with Http([sys.argv[1]]) as http:
    http.send(Request("GET", sys.argv[1] + "/sound"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        http.send(Request("GET", sys.argv[1] + "/list"))
    except PlatformError as error:
        print(error.code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the resource module is the system's")
def test_c06_a_bomb_is_not_unpacked(platform: Platform):
    platform.misbehave("bomb", "/list", times=None, size=300 << 20)
    done = subprocess.run([sys.executable, "-c", MEASURED, platform.base_url], cwd=ROOT, capture_output=True, text=True, check=True)
    code, grown = done.stdout.split()
    assert code == "answer_too_large"
    assert int(grown) < 80
    assert len(platform.requests("/list")) == 1


def test_c06_no_piece_is_decoded_further_than_wanted():
    decoding = decoder("gzip")
    assert decoding is not None
    parts = decoding.parts(bomb(64 << 20), 32 << 20)
    assert max(len(next(parts)) for _ in range(100)) <= 65_536


def test_c06_a_large_plain_answer_is_not_read_to_its_end(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("as", times=None, reply=Reply(b"x" * 3_000_000))
    error = failure(client(platform.base_url, limits=replace(QUICK, most_bytes=2 << 20)), asked(platform.base_url))
    assert (error.code, error.details["most"]) == ("answer_too_large", 2)


def test_an_answer_as_large_as_allowed_is_taken(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("as", times=None, reply=Reply(gzip.compress(b"x" * (1 << 20)), headers=(("Content-Encoding", "gzip"),)))
    assert len(client(platform.base_url, limits=replace(QUICK, most_bytes=1 << 20)).send(asked(platform.base_url)).content) == 1 << 20
    assert failure(client(platform.base_url, limits=replace(QUICK, most_bytes=(1 << 20) - 1)), asked(platform.base_url)).code == "answer_too_large"


@pytest.mark.usefixtures("trusted")
def test_a_company_s_own_authority_is_trusted_by_ssl_cert_file(client: Callable[..., Http], authority: trustme.CA):
    with Platform(tls=identity(authority, "127.0.0.1")) as platform:
        http = client(platform.base_url)
        assert [http.send(asked(platform.base_url), Answer.json) for _ in range(3)] == [NAMES] * 3
        platform.misbehave("reset")
        assert http.send(asked(platform.base_url), Answer.json) == NAMES


@pytest.mark.parametrize("known", [True, False], ids=["another name", "unknown authority"])
def test_c08_whoever_cannot_prove_its_name_gets_no_request(client: Callable[..., Http], watch: Watcher, known: bool, request: pytest.FixtureRequest):
    authority = trustme.CA()
    if known:
        authority = request.getfixturevalue("authority")
        request.getfixturevalue("trusted")
    with Platform(tls=identity(authority, "other.example" if known else "127.0.0.1")) as platform:
        error = failure(client(platform.base_url), asked(platform.base_url))
        assert error.code == "tls_refused"
        assert error.details["reason"]
        assert watch.traffic.requests == 1  # asking again does not make it anybody else
        assert platform.requests() == []
        unseen(platform.seen_text())


DATED = """
import sys
from app.errors import PlatformError
from sync.http import Http, Request
with Http([sys.argv[1]]) as http:
    try:
        http.send(Request("GET", sys.argv[1] + "/list", headers={"Access-Token": sys.argv[2]}))
    except PlatformError as error:
        print(error.code, error.details["today"], http._watch.traffic.requests)
"""


@pytest.mark.skipif(not os.path.exists("/usr/bin/faketime"), reason="faketime is not installed")  # noqa: PTH110 (the mark is read at import)
@pytest.mark.parametrize("days", [60, -60])
def test_c09_a_wrong_date_is_named_as_such(authority: trustme.CA, trusted: Path, days: int):
    now = datetime.now(UTC)
    with Platform(tls=identity(authority, "127.0.0.1", not_before=now - timedelta(days=30), not_after=now + timedelta(days=30))) as platform:
        done = subprocess.run(
            ["faketime", "-f", f"{days:+}d", sys.executable, "-c", DATED, platform.base_url, CANARY],
            cwd=ROOT,
            env={**os.environ, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "SSL_CERT_FILE": str(trusted)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        code, today, requests = done.stdout.split()
        assert code == "clock_wrong", done.stderr
        assert abs(datetime.fromisoformat(today).astimezone(UTC) - (now + timedelta(days=days))) < timedelta(days=2)
        assert requests == "1"
        assert platform.requests() == []


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch, client: object) -> Callable[[Proxy], None]:
    """Set a proxy, with a password in it, as a company's desk has it."""
    assert client

    def choose(proxy: Proxy) -> None:
        monkeypatch.setenv("HTTPS_PROXY", f"http://desk:{PASSWORD}@127.0.0.1:{proxy.port}")

    return choose


PLATFORM = "https://platform.example"


@pytest.mark.parametrize("says", ["407 Proxy Authentication Required", "302 Found", "403 Forbidden", "511 Network Authentication Required"])
def test_c10_a_proxy_that_wants_a_login_is_named(client: Callable[..., Http], through: Callable[[Proxy], None], says: str):
    with Proxy(says) as proxy:
        through(proxy)
        error = failure(client(PLATFORM), asked(PLATFORM))
        assert (error.code, error.details["proxy"], error.details["host"]) == ("proxy_login", "127.0.0.1", "platform.example")
        assert len(proxy.asked) == 1
        assert b"Proxy-Authorization: Basic" in proxy.asked[0]
        assert CANARY.encode() not in proxy.asked[0]


def test_c10_a_proxy_that_speaks_for_the_platform_is_named(client: Callable[..., Http], through: Callable[[Proxy], None]):
    with Proxy() as proxy:
        through(proxy)
        assert failure(client(PLATFORM), asked(PLATFORM)).code == "proxy_login"


@pytest.mark.usefixtures("trusted")
def test_c10_a_login_page_of_a_proxy_that_opens_tls_is_no_answer(client: Callable[..., Http], authority: trustme.CA, through: Callable[[Proxy], None]):
    with Proxy(tls=identity(authority, "platform.example")) as proxy:
        through(proxy)
        error = failure(client(PLATFORM), asked(PLATFORM))
        assert (error.code, error.details["proxy"]) == ("proxy_login", "127.0.0.1")


def test_a_proxy_that_cannot_reach_the_platform_is_no_login(client: Callable[..., Http], through: Callable[[Proxy], None]):
    with Proxy("502 Bad Gateway") as proxy:
        through(proxy)
        assert failure(client(PLATFORM), asked(PLATFORM)).code == "offline"
        assert len(proxy.asked) == QUICK.attempts


@pytest.mark.usefixtures("trusted")
def test_a_proxy_is_gone_through(client: Callable[..., Http], authority: trustme.CA, through: Callable[[Proxy], None]):
    with Platform(tls=identity(authority, "platform.example")) as platform, Proxy(port=int(platform.base_url.rpartition(":")[2])) as proxy:
        through(proxy)
        assert client(PLATFORM).send(asked(PLATFORM), Answer.json) == NAMES
        assert proxy.asked[0].startswith(b"CONNECT platform.example:443 ")


@pytest.mark.usefixtures("trusted", "client")
def test_a_proxy_may_be_spoken_to_by_tls(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch):
    with ExitStack() as stack:
        platform = stack.enter_context(Platform(tls=identity(authority, "platform.example")))
        proxy = stack.enter_context(Proxy(port=int(platform.base_url.rpartition(":")[2]), own=identity(authority, "127.0.0.1")))
        monkeypatch.setenv("HTTPS_PROXY", f"https://desk:{PASSWORD}@127.0.0.1:{proxy.port}")
        with Http([PLATFORM], limits=QUICK) as http:
            assert [http.send(asked(PLATFORM), Answer.json) for _ in range(2)] == [NAMES] * 2
        assert len(proxy.asked) == 1


def test_a_platform_may_be_excepted_from_the_proxy(client: Callable[..., Http], through: Callable[[Proxy], None], monkeypatch: pytest.MonkeyPatch):
    with Proxy("407 No") as proxy:
        through(proxy)
        monkeypatch.setenv("NO_PROXY", "api.nosuch.invalid")
        assert failure(client("https://api.nosuch.invalid"), asked("https://api.nosuch.invalid")).code == "offline"
        assert proxy.asked == []


def test_every_address_of_a_name_is_tried(platform: Platform, client: Callable[..., Http]):
    """The emulator listens on one of the addresses of this computer's name only."""
    base = platform.base_url.replace("127.0.0.1", "localhost")
    assert client(base).send(asked(base), Answer.json) == NAMES


def test_this_computer_itself_needs_no_proxy(platform: Platform, client: Callable[..., Http], monkeypatch: pytest.MonkeyPatch):
    with Proxy("407 No") as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert client(platform.base_url).send(asked(platform.base_url), Answer.json) == NAMES
        assert proxy.asked == []


@pytest.mark.parametrize("address", [f"socks5://desk:{PASSWORD}@127.0.0.1:9", f"http://desk:{PASSWORD}@[::bad:9"])
def test_a_proxy_of_another_kind_is_named_without_its_password(client: Callable[..., Http], monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("ALL_PROXY", address)
    assert failure(client(PLATFORM), asked(PLATFORM)).code == "proxy_unsupported"


# ---------------------------------------------------------------- D: answers and rate limits


def test_d01_too_many_requests_are_waited_for_and_told_once(platform: Platform, client: Callable[..., Http], watch: Watcher):
    platform.misbehave("busy", after=3)
    begun = time.monotonic()
    assert client(platform.base_url).send(asked(platform.base_url), Answer.json) == NAMES
    assert 3 <= time.monotonic() - begun < 4.5
    assert [one.target for one in platform.requests()] == [platform.requests()[0].target] * 2
    assert len(watch.said("retry_limited")) == len(watch.lines) == 1


@pytest.mark.parametrize("after", [86_400, 61], ids=str)
@pytest.mark.parametrize("fault", ["busy", "status"])
def test_d02_a_long_wait_parks_at_once(platform: Platform, client: Callable[..., Http], after: int, fault: str):
    platform.misbehave(fault, times=None, after=after, status=503, headers={"Retry-After": after})
    error = failure(client(platform.base_url), asked(platform.base_url))
    assert error.code == "rate_limited"
    until = error.details["until"]
    assert isinstance(until, int)
    assert abs(until - (time.time() + after) * 1_000_000) < 5_000_000
    assert error.details["at"]
    assert len(platform.requests()) == 1


def test_d02_a_date_is_read_by_the_clock_of_whoever_wrote_it(platform: Platform, client: Callable[..., Http]):
    """The platform is an hour ahead: in a minute and a half by its clock is not in an hour and a half by ours."""
    date = formatdate(time.time() + 3_600 + 90, usegmt=True)
    platform.misbehave("as", times=None, reply=Reply(b"{}", 429, headers=(("Retry-After", date),), skew=3_600))
    until = failure(client(platform.base_url), asked(platform.base_url)).details["until"]
    assert isinstance(until, int)
    assert abs(until / 1_000_000 - time.time() - 90) < 5


def test_d02_a_date_soon_is_waited_for(platform: Platform, client: Callable[..., Http]):
    begun = time.time()
    platform.misbehave("busy", after=formatdate(begun + 2.5, usegmt=True))
    client(platform.base_url).send(asked(platform.base_url))
    assert 1 <= time.time() - begun < 4


@pytest.mark.parametrize("after", ["soon", "-5", "0", "1.5e", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 99 Oct 2015", ""], ids=lambda one: one or "empty")
def test_d02_nonsense_means_our_own_pauses(platform: Platform, client: Callable[..., Http], watch: Watcher, after: str):
    platform.misbehave("busy", times=None, after=after)
    error = failure(client(platform.base_url), asked(platform.base_url))
    times = [one.at for one in platform.requests()]
    assert len(times) == QUICK.attempts
    # Between full jitter's bounds, never at once.
    for number, (one, next_one) in enumerate(pairwise(times)):
        assert QUICK.rate_base_s / 2 <= next_one - one < QUICK.rate_base_s * 2**number + 1
    until = error.details["until"]
    assert error.code == "rate_limited"
    assert isinstance(until, int)
    assert until - time.time() * 1_000_000 > 60_000_000
    assert len(watch.said("retry_limited")) == QUICK.attempts - 1


def test_d02_as_shipped_no_platform_sees_five_requests_in_a_minute():
    limits = Limits()
    assert limits.attempts < 5
    assert limits.rate_base_s / 2 >= 5  # at least so long between two of them
    assert failures._OWN_PARK_S > 60  # and then nothing at all for so long


def test_an_envelope_that_asks_for_a_long_wait_parks_as_well(platform: Platform, client: Callable[..., Http]):
    def read(answer: Answer) -> None:
        raise passing("rate_limited", after=3_600, host=answer.host, path=answer.path)

    until = failure(client(platform.base_url), asked(platform.base_url), read).details["until"]
    assert isinstance(until, int)
    assert abs(until / 1_000_000 - time.time() - 3_600) < 5
    assert len(platform.requests()) == 1


def test_a_retry_after_beyond_reason_is_capped():
    error = failures.parked("h", 9e8, 0)
    assert error.details["until"] == 7 * 86_400 * 1_000_000
    assert failures.retry_after("9" * 400, None, 0) == 999_999_999


def test_d03_a_storm_is_met_with_few_requests_and_ends_well(platform: Platform, client: Callable[..., Http], watch: Watcher):
    limits = replace(QUICK, failures=5, pause_s=0.6)
    http = client(platform.base_url, limits=limits)
    platform.misbehave("status", times=None, status=502)
    assert failure(http, asked(platform.base_url)).code == "platform_down"  # four attempts
    assert failure(http, asked(platform.base_url)).code == "platform_down"  # the fifth opens the breaker, so it is the last
    assert len(platform.requests()) == 5
    assert [one["host"] for one in watch.said("circuit_open")] == ["127.0.0.1"]
    for _ in range(20):
        assert failure(http, asked(platform.base_url)).code == "circuit_open"
    assert len(platform.requests()) == 5
    time.sleep(limits.pause_s)
    assert failure(http, asked(platform.base_url)).code == "platform_down"  # one may try
    assert len(platform.requests()) == 6
    assert failure(http, asked(platform.base_url)).code == "circuit_open"
    platform.behave()
    time.sleep(limits.pause_s)
    assert [http.send(asked(platform.base_url), Answer.json) for _ in range(3)] == [NAMES] * 3


def test_d03_only_one_request_tries_after_the_pause(platform: Platform, client: Callable[..., Http]):
    http = client(platform.base_url, limits=replace(QUICK, failures=1, pause_s=0.1))
    platform.misbehave("status", status=500)
    failure(http, asked(platform.base_url))
    time.sleep(0.15)
    platform.forget()
    platform.misbehave("hold")
    trying = threading.Thread(target=http.send, args=(asked(platform.base_url),))
    trying.start()
    assert platform.held.wait(5)
    assert failure(http, asked(platform.base_url)).code == "circuit_open"
    platform.released.set()
    trying.join()
    assert http.send(asked(platform.base_url)).status == 200


def test_d03_origins_fail_each_for_itself(platform: Platform, client: Callable[..., Http]):
    with Platform() as other:
        http = client(platform.base_url, other.base_url, limits=replace(QUICK, failures=1))
        platform.misbehave("status", times=None, status=500)
        failure(http, asked(platform.base_url))
        assert failure(http, asked(platform.base_url)).code == "circuit_open"
        assert http.send(asked(other.base_url), Answer.json) == NAMES


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_status_is_asked_again(platform: Platform, client: Callable[..., Http], watch: Watcher, status: int):
    platform.misbehave("status", times=2, status=status)
    assert client(platform.base_url).send(asked(platform.base_url), Answer.json) == NAMES
    assert (watch.traffic.requests, watch.traffic.retries) == (3, 2)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "refused"), (401, "login_needed"), (403, "not_granted"), (404, "connector_outdated"), (410, "connector_outdated"), (501, "platform_down")],
)
def test_a_lasting_status_is_not_asked_again(platform: Platform, client: Callable[..., Http], status: int, code: str):
    platform.misbehave("status", times=None, status=status, headers={"X-Request-Id": "r-1"})
    error = failure(client(platform.base_url), asked(platform.base_url), Answer.check)
    assert (error.code, error.details["host"], error.details["path"], error.details["status"], error.details["request_id"]) == (
        code,
        "127.0.0.1",
        "/list",
        status,
        "r-1",
    )
    assert len(platform.requests()) == 1


def test_a_connector_reads_the_statuses_that_its_platform_means_something_by(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("status", status=403, body='{"error":{"reason":"quotaExceeded"}}')
    assert client(platform.base_url).send(asked(platform.base_url), lambda answer: (answer.status, answer.json()["error"]["reason"])) == (403, "quotaExceeded")
    platform.misbehave("as", reply=Reply(status=304))
    assert client(platform.base_url).send(asked(platform.base_url)).status == 304


def test_an_envelope_that_says_later_is_asked_again(platform: Platform, client: Callable[..., Http], watch: Watcher):
    def read(answer: Answer) -> Any:
        told = answer.json()
        if told["code"] == 40100:
            raise passing("rate_limited", host=answer.host, path=answer.path)
        if told["code"] == 50001:
            raise passing("platform_down", host=answer.host, path=answer.path)
        return told

    platform.misbehave("as", reply=document({"code": 40100}))
    platform.misbehave("as", nth=2, reply=document({"code": 50001}))
    assert client(platform.base_url).send(asked(platform.base_url), read) == NAMES
    assert [code for code, _ in watch.lines] == ["retry_limited", "retry_down"]
    platform.misbehave("as", times=None, reply=document({"code": 40100}))
    error = failure(client(platform.base_url), asked(platform.base_url), read)
    assert error.code == "rate_limited"
    assert "until" in error.details


def test_d04_a_login_page_is_an_unexpected_answer(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("html", times=None)
    error = failure(client(platform.base_url), asked(platform.base_url))
    assert (error.code, error.details["found"], error.details["status"]) == ("unexpected_answer", "text/html", 200)
    kept = str(error.details["excerpt"])
    assert 0 < len(kept) <= 200
    assert "登录" in kept
    assert len(platform.requests()) == 1


def test_d04_what_is_kept_of_an_answer_is_struck(platform: Platform, client: Callable[..., Http]):
    echo = f"token={CANARY} for a@b.example 13812345678 id 430404198810010011 Bearer abcdefghijk"
    platform.misbehave("as", reply=Reply(echo.encode(), content_type="text/plain"))
    kept = str(failure(client(platform.base_url), asked(platform.base_url)).details["excerpt"])
    for secret in (CANARY, "a@b.example", "13812345678", "430404198810010011", "abcdefghijk"):
        assert secret not in kept


def test_d07_gbk_labelled_as_json_is_not_read(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("gbk", times=None)
    error = failure(client(platform.base_url), asked(platform.base_url))
    assert (error.code, error.details["found"]) == ("unexpected_answer", "application/json")
    kept = str(error.details["excerpt"])
    assert '"nick_name":"…"' in kept.replace(" ", "")
    assert "13812345678" not in kept
    assert "\ufffd" not in kept
    assert len(platform.requests()) == 1


def test_d09_a_header_of_two_megabytes_is_no_answer(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("header", times=None)
    assert failure(client(platform.base_url), asked(platform.base_url)).code == "unexpected_answer"
    assert len(platform.requests()) == 1


def test_what_does_not_speak_http_is_no_answer(client: Callable[..., Http], platform: Platform):
    platform.misbehave("as", times=None, reply=replace(Platform.reply, wire=lambda to, _: to.sock.sendall(b"SSH-2.0-OpenSSH_9\r\n\r\n")))
    assert failure(client(platform.base_url), asked(platform.base_url)).code == "unexpected_answer"


def test_d11_a_version_that_is_gone_needs_an_update(platform: Platform, client: Callable[..., Http], watch: Watcher):
    platform.misbehave("sunset", times=None)
    http = client(platform.base_url)
    error = failure(http, asked(platform.base_url), lambda answer: answer)
    assert (error.code, error.details["path"]) == ("connector_outdated", "/list")
    failure(http, asked(platform.base_url))
    assert len(platform.requests()) == 2
    assert len(watch.lines) == 1


def test_d11_a_version_that_will_be_gone_is_told_once_and_read(platform: Platform, client: Callable[..., Http], watch: Watcher):
    platform.reply = document(NAMES, headers=(("Sunset", "Sat, 01 May 2027 00:00:00 GMT"),))
    http = client(platform.base_url)
    assert [http.send(asked(platform.base_url), Answer.json) for _ in range(3)] == [NAMES] * 3
    assert watch.said("sunset") == [{"host": "127.0.0.1", "path": "/list", "on": "Sat, 01 May 2027 00:00:00 GMT"}]


# ---------------------------------------------------------------- F08, F11: elsewhere, and secrets


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_f08_nobody_else_gets_a_token(platform: Platform, client: Callable[..., Http], status: int, method: str):
    with Platform() as stranger:
        platform.misbehave("redirect", to=stranger.base_url, status=status)
        error = failure(
            client(platform.base_url, stranger.base_url), asked(platform.base_url, method=method, json={"secret": CANARY} if method == "POST" else None)
        )
        assert (error.code, error.details["host"], error.details["to"]) == ("redirected", "127.0.0.1", "127.0.0.1")
        assert stranger.requests() == []
        assert len(platform.requests()) == 1


@pytest.mark.parametrize(
    "to", ["//other.example/x", "https://127.0.0.1:{port}/x", "http://127.0.0.1:{port}@other.example/", "ftp://127.0.0.1/x", "javascript:1", "http://["]
)
def test_f08_ways_to_somebody_else_are_not_gone(platform: Platform, client: Callable[..., Http], to: str):
    port = platform.base_url.rpartition(":")[2]
    platform.misbehave("as", times=None, reply=Reply(status=302, headers=(("Location", to.format(port=port)),)))
    assert failure(client(platform.base_url), asked(platform.base_url)).code in {"redirected", "unexpected_answer", "insecure_address"}
    assert len(platform.requests()) == 1


def test_a_redirect_within_the_platform_is_gone_along_with(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("redirect", "/list", to="/where?moved=1")
    told = client(platform.base_url).send(asked(platform.base_url), Answer.json)
    assert told["query"] == [["moved", "1"]]
    assert told["headers"]["access-token"] == CANARY


def test_a_post_goes_along_only_as_it_is(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("redirect", "/list", to="/where", status=307)
    told = client(platform.base_url).send(asked(platform.base_url, method="POST", json={"a": 1}), Answer.json)
    assert (told["method"], json.loads(told["body"])) == ("POST", {"a": 1})
    platform.misbehave("redirect", "/list", to="/where", status=302)
    assert failure(client(platform.base_url), asked(platform.base_url, method="POST", json={"a": 1})).code == "redirected"


def test_redirects_end(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("redirect", times=None, to="/list?again=1")
    assert failure(client(platform.base_url), asked(platform.base_url)).code == "redirected"
    assert len(platform.requests()) == 4


@pytest.mark.parametrize(
    "base",
    ["http://platform.example", "http://192.0.2.1", "ftp://127.0.0.1", "https://user:pw@platform.example", "nonsense", "http://[", "http://127.0.0.1.example"],
)
def test_only_https_or_this_computer_is_spoken_to(base: str):
    with pytest.raises(PlatformError) as caught:
        Http([base])
    assert caught.value.code == "insecure_address"
    assert "pw" not in str(caught.value)


def test_only_the_origins_of_the_connection_are_spoken_to(platform: Platform, client: Callable[..., Http]):
    with Platform() as other:
        assert failure(client(platform.base_url), asked(other.base_url)).code == "redirected"
        assert other.requests() == []


@pytest.mark.parametrize("token", ["秘密", "a\r\nX-Evil: 1", "a\x00b", " padded "])
def test_a_token_that_cannot_be_sent_asks_for_a_new_one(platform: Platform, client: Callable[..., Http], token: str):
    request = Request("GET", platform.base_url + "/list", headers={"Access-Token": token})
    error = failure(client(platform.base_url), request)
    assert error.code == "login_needed"
    assert token.strip() not in "".join(traceback.format_exception(error))
    assert platform.requests() == []


def test_f11_no_success_prints_a_token_either(platform: Platform, client: Callable[..., Http], capfd: pytest.CaptureFixture[str]):
    http = client(platform.base_url)
    answer: Answer = http.send(asked(platform.base_url))
    unseen(repr(answer), repr(http), repr(asked(platform.base_url)), *capfd.readouterr())
    assert CANARY in platform.seen_text()  # the canary did fly


# ---------------------------------------------------------------- what may be sent twice


def test_what_may_have_been_acted_on_is_not_sent_again(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("reset", times=None, after=None)
    assert failure(client(platform.base_url), asked(platform.base_url, method="POST", json={})).code == "interrupted_answer"
    assert len(platform.requests()) == 1
    platform.behave()
    platform.misbehave("status", times=None, status=503)
    assert failure(client(platform.base_url), asked(platform.base_url, method="POST", json={})).code == "platform_down"
    assert len(platform.requests()) == 2


def test_what_was_surely_not_acted_on_is(platform: Platform, client: Callable[..., Http], watch: Watcher):
    platform.misbehave("busy", after="")
    assert client(platform.base_url).send(asked(platform.base_url, method="POST", json={}), Answer.json) == NAMES
    with Mute() as mute:
        base = f"http://127.0.0.1:{mute.port}"
    watch.traffic.requests = 0
    assert failure(client(base), asked(base, method="POST", json={})).code == "offline"
    assert watch.traffic.requests == QUICK.attempts


def test_a_reading_post_may_be_repeated(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("reset", times=1)
    assert client(platform.base_url).send(asked(platform.base_url, method="POST", json={}, repeat=True), Answer.json) == NAMES


def test_a_line_that_was_closed_meanwhile_costs_no_attempt(platform: Platform, client: Callable[..., Http], watch: Watcher):
    whole = replace(Platform.reply, wire=lambda to, reply: to.sock.sendall(reply.head() + reply.body))
    platform.misbehave("as", times=None, reply=whole)
    http = client(platform.base_url)
    for _ in range(3):
        assert http.send(asked(platform.base_url, method="POST", json={}), Answer.json) == NAMES
        time.sleep(0.05)
    assert watch.traffic.requests == 3


# ---------------------------------------------------------------- pace


def test_a_method_is_called_no_faster_than_its_pace_over_all_clients(platform: Platform, client: Callable[..., Http]):
    pace = Pace(3, 0.5)
    first, second = client(platform.base_url, pace=pace), client(platform.base_url, pace=pace)
    for number, http in enumerate((first, second)):
        http.send(asked(platform.base_url, pace_key=f"app/0 {number}"))  # connected before anything is measured
    platform.forget()
    begun = time.monotonic()
    for number in range(8):
        (first if number % 2 else second).send(asked(platform.base_url, pace_key="app/1 list"))
    assert time.monotonic() - begun >= 1.0
    times = [one.at for one in platform.requests()]
    assert all(later - earlier > 0.45 for earlier, later in zip(times, times[3:], strict=False))
    begun = time.monotonic()
    first.send(asked(platform.base_url, pace_key="app/1 detail"))
    first.send(asked(platform.base_url, pace_key="app/2 list"))
    assert time.monotonic() - begun < 0.4


# ---------------------------------------------------------------- cancel


def _bad(stack: ExitStack, fault: str, **options: Any) -> str:
    server = stack.enter_context(Platform())
    server.misbehave(fault, times=None, **options)
    return server.base_url


def _unknown(stack: ExitStack) -> str:
    """A name that the system's look-up does not come back from."""
    let_go = threading.Event()
    look_up = socket.getaddrinfo

    def slow(host: Any, *words: Any, **more: Any) -> Any:
        if host == "slow.example" and not more.get("flags"):
            let_go.wait(20)
        return look_up("127.0.0.1" if host == "slow.example" and let_go.is_set() else host, *words, **more)

    patch = stack.enter_context(pytest.MonkeyPatch.context())
    patch.setattr(socket, "getaddrinfo", slow)
    stack.callback(let_go.set)
    return "https://slow.example"


PLACES: dict[str, Callable[[ExitStack], str]] = {
    "while looking up": _unknown,
    "while connecting": lambda stack: f"http://127.0.0.1:{stack.enter_context(Mute(full=True)).port}",
    "in the handshake": lambda stack: f"https://127.0.0.1:{stack.enter_context(Mute()).port}",
    "before the first byte": lambda stack: _bad(stack, "silent"),
    "within the headers": lambda stack: _bad(stack, "drip_head"),
    "within the body": lambda stack: _bad(stack, "loris"),
    "before another attempt": lambda stack: _bad(stack, "busy", after=50),
}


@pytest.mark.parametrize("by", ["job", "abort"])
@pytest.mark.parametrize("place", [*PLACES, "for its pace"])
def test_cancel_acts_within_a_second_wherever_it_waits(client: Callable[..., Http], place: str, by: str):
    with ExitStack() as stack:
        stop = Stop()
        sound = stack.enter_context(Platform()).base_url
        base = PLACES[place](stack) if place in PLACES else sound
        pace = None if place in PLACES else Pace(1, 60)
        http = client(base, job=stop, limits=replace(QUICK, deadline_s=20), pace=pace)
        request = asked(base, pace_key=f"{place} {by}")
        if pace:
            http.send(request)
        timer = threading.Timer(0.3, stop.stopped.set if by == "job" else http.abort)
        timer.start()
        begun = time.monotonic()
        with pytest.raises(CancelledError):
            http.send(request)
        waited = time.monotonic() - begun
        timer.join()
        assert 0.25 < waited < 1.2  # 0.3 s of it before anybody cancelled
        with pytest.raises(CancelledError):
            http.send(request)


# ---------------------------------------------------------------- L03: another clock


@pytest.mark.parametrize("seconds", [3_600, -3_600])
def test_l03_a_clock_that_differs_is_told_once_and_its_time_offered(platform: Platform, client: Callable[..., Http], watch: Watcher, seconds: int):
    platform.misbehave("skew", times=None, seconds=seconds)
    http = client(platform.base_url)
    assert [http.send(asked(platform.base_url), Answer.json) for _ in range(3)] == [NAMES] * 3
    assert abs(http.skew - seconds * 1_000_000) < 2_000_000
    assert abs(http.now() - (time.time() + seconds) * 1_000_000) < 2_000_000
    assert watch.lines == [("clock_skew", {"host": "127.0.0.1", "minutes": 60})]


def test_l03_five_minutes_are_no_difference(platform: Platform, client: Callable[..., Http], watch: Watcher):
    platform.misbehave("skew", times=None, seconds=290)
    http = client(platform.base_url)
    http.send(asked(platform.base_url))
    assert http.skew == 0
    assert watch.lines == []


def test_an_answer_without_a_sound_date_tells_no_time(platform: Platform, client: Callable[..., Http]):
    platform.misbehave("as", reply=replace(Platform.reply, wire=lambda to, _: to.sock.sendall(b"HTTP/1.1 200 OK\r\nDate: soon\r\nContent-Length: 2\r\n\r\n{}")))
    http = client(platform.base_url)
    assert http.send(asked(platform.base_url), Answer.json) == {}
    assert http.skew == 0


# ---------------------------------------------------------------- what is kept


def test_an_excerpt_keeps_keys_and_no_values():
    content = '{"code":1,"message":"不行","data":[{"nick_name":"小鹿","tags":["a","b\\"c"],"id":7301234567890123456,"cut":"还没'.encode()
    kept = failures.excerpt(content, "application/json")
    assert kept == '{"code":1,"message":"…","data":[{"nick_name":"…","tags":["…","…"],"id":***,"cut":"…"'


def test_a_secret_in_a_path_is_struck(platform: Platform, client: Callable[..., Http]):
    request = Request("GET", f"{platform.base_url}/hook/{CANARY}/x", secrets=(CANARY,))
    platform.misbehave("status", status=403)
    assert failure(client(platform.base_url), request, Answer.check).details["path"] == "/hook/***/x"
    assert repr(Request("GET", "http://[::1", secrets=(CANARY,))) == "<Request GET ?>"


def test_an_excerpt_of_an_unknown_charset_is_still_text():
    assert failures.excerpt(b"hello\x00\x1b[31m world", "text/plain; charset=klingon") == "hello [31m world"


def test_a_passing_error_is_a_platform_error_until_nobody_asks_again():
    error = passing("platform_down", host="h", path="/p")
    assert isinstance(error, PlatformError)
    final = error.final(0)
    assert (type(final), final.code, final.details) == (PlatformError, "platform_down", {"host": "h", "path": "/p"})
    assert isinstance(PassingError("offline"), PlatformError)
