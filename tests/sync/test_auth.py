# SPDX-License-Identifier: Apache-2.0
"""Sign-ins by browser and by hand, and the renewal of tokens, against platforms that really listen."""

from __future__ import annotations

import gc
import http.client
import logging
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.errors import CancelledError, PlatformError, UsageError
from app.jobs import Quiet
from app.words import Words
from sync.auth import Access, now
from sync.failures import SECOND
from sync.http import Answer, Http, Limits, Request
from sync.loopback import PATH, Callback, Listener
from sync.platforms import oceanengine
from sync.secrets import APP_SECRET, PENDING, TOKENS, Owner, Places, Secrets, Session
from sync.signins import SignIn, Tokens, challenge, moved, rfc6749
from sync.vault import Vault
from tests.conftest import ROOT
from tests.emulators.brand import Brand
from tests.emulators.oceanengine import OceanEngine
from tests.emulators.server import Server
from tests.emulators.youtube import READONLY, YouTube
from tests.sync.keyring_service import secret_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from app.usecases.syncing import Opened

ACCOUNTS = "/open_api/oauth2/advertiser/get/"
REFRESH = "/open_api/oauth2/refresh_token/"
QUICK = Limits(deadline_s=5, attempts=2, base_s=0.01, rate_base_s=0.01)


@dataclass
class Desk:
    """A connection at a platform: its secrets, its line, and what was noted of it."""

    server: Server
    sign_in: SignIn
    owner: Owner
    kept: Secrets
    folder: Path
    notes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lines: list[Http] = field(default_factory=list)
    clock: Callable[[], int] = now

    def access(self, check: Callable[[], None] = lambda: None, also: Callable[[], None] = lambda: None) -> Access:
        """As a program that was just started has it. ``also`` happens once an answer about tokens is there."""
        line = Http({self.server.base_url}, limits=QUICK)
        self.lines.append(line)

        def send(request: Request) -> Answer:
            answer = line.send(request, lambda one: one)
            also()
            return answer

        return Access(
            self.sign_in, self.owner, self.kept, send, check=check, note=lambda code, **details: self.notes.append((code, details)),
            clock=self.clock, folder=self.folder,
        )  # fmt: skip

    def line(self) -> Http:
        """A line of its own."""
        self.lines.append(Http({self.server.base_url}, limits=QUICK))
        return self.lines[-1]

    def signed_in(self, access_token: str, refresh_token: str | None, **more: Any) -> None:
        """A sign-in that happened before."""
        told = {"access_token": access_token, "refresh_token": refresh_token, "obtained_at": now(), "expires_at": now() + 86_400 * SECOND, **more}
        self.kept.put(self.owner, TOKENS, told)

    @property
    def stored(self) -> Any:
        """Tokens as they are kept."""
        return self.kept.get(self.owner, TOKENS)

    def noted(self) -> list[str]:
        return [code for code, _ in self.notes]

    def close(self) -> None:
        for line in self.lines:
            line.close()


@pytest.fixture
def engine() -> Iterator[OceanEngine]:
    with OceanEngine(Brand(orders_wanted=5)) as server:
        yield server
        assert not server.violations


@pytest.fixture
def star(engine: OceanEngine, tmp_path: Path) -> Iterator[Desk]:
    """A connection to the Ocean Engine that is not signed in."""
    kept = Secrets(Places(keyring=Session()))
    desk = Desk(engine, oceanengine.CONNECTOR.sign_in.at(engine.base_url), Owner("0b51", "7", engine.app_id), kept, tmp_path / "locks")
    desk.access().keep_secret(engine.secret + "\n")
    yield desk
    desk.close()


@pytest.fixture
def tube() -> Iterator[YouTube]:
    with YouTube() as server:
        yield server
        assert not server.violations


def google(base: str) -> SignIn:
    return rfc6749("https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token", (READONLY,), extra={"access_type": "=offline"}).at(
        base
    )


@pytest.fixture
def channel(tube: YouTube, tmp_path: Path) -> Iterator[Desk]:
    """A connection to YouTube that is not signed in."""
    desk = Desk(tube, google(tube.base_url), Owner("0b51", "8", tube.client_id), Secrets(Places(keyring=Session())), tmp_path / "locks")
    desk.access().keep_secret(tube.client_secret)
    yield desk
    desk.close()


def get(path: str, desk: Desk) -> Request:
    return Request("GET", desk.server.base_url + path)


def accounts(desk: Desk, access: Access, *, path: str = ACCOUNTS, **more: Any) -> Any:
    """Ask a signed question."""
    line = desk.line()
    return access.ask(get(path, desk), lambda request: line.send(request, lambda one: one), oceanengine.CONNECTOR.open, **more)


def failing(call: Callable[[], object]) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        call()
    return caught.value


def browse(url: str) -> tuple[int, str]:
    """What a browser does: go where it is sent, and show what is there."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (loopback)
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def browser(seen: list[tuple[int, str]]) -> Opened:
    def open_page(url: str) -> None:
        seen.append(browse(url))

    return open_page


def ended_at(url: str) -> str:
    """Where a browser ends that cannot reach the listener."""
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        line.request("GET", f"{parts.path}?{parts.query}")
        return str(line.getresponse().getheader("Location"))
    finally:
        line.close()


ZH = Words("zh_CN")

# ---------------------------------------------------------------- the question


def test_the_challenge_is_that_of_rfc_7636_appendix_b():
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_address_says_what_the_platform_wants_and_no_secret(star: Desk, channel: Desk):
    (first, state), (again, other) = star.access().by_hand(), star.access().by_hand()
    asked = parse_qs(urlsplit(first).query)
    assert asked == {"app_id": [star.owner.app], "state": [state], "redirect_uri": ["http://127.0.0.1:18930/callback"], "material_auth": ["1"]}
    assert len(state) >= 32
    assert state != other
    url, state = channel.access().by_hand()
    asked = parse_qs(urlsplit(url).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["access_type"] == ["offline"]
    assert asked["scope"] == [READONLY]
    pending = channel.kept.get(channel.owner, PENDING)
    assert pending is not None
    assert 43 <= len(pending["verifier"]) <= 128
    assert asked["code_challenge"] == [challenge(pending["verifier"])]
    for hidden in (star.server.secret, channel.server.client_secret, pending["verifier"]):  # type: ignore[attr-defined]
        assert hidden not in first + again + url


def test_one_address_stands_for_every_host():
    at = oceanengine.CONNECTOR.sign_in.at("http://127.0.0.1:9/under/")
    assert at.page == "http://127.0.0.1:9/under/openapi/audit/oauth.html"
    assert at.refresh.url == "http://127.0.0.1:9/under/open_api/oauth2/refresh_token/"
    assert oceanengine.CONNECTOR.sign_in.at(None) is oceanengine.CONNECTOR.sign_in
    assert moved("https://a.example/x?y=1", "https://b.example:8443") == "https://b.example:8443/x?y=1"


def test_an_app_id_that_must_be_a_number_is_said(star: Desk):
    star.owner = replace(star.owner, app="app-1")
    with pytest.raises(UsageError) as caught:
        star.access().by_hand()
    assert caught.value.code == "app_id_number"


def test_without_the_apps_secret_no_browser_opens(star: Desk):
    star.kept.forget(star.owner, (APP_SECRET,))
    seen: list[tuple[int, str]] = []
    assert failing(lambda: star.access().authorise(browser(seen), Quiet(), ZH)).code == "app_secret_missing"
    assert seen == []


# ---------------------------------------------------------------- by the browser


def test_signing_in_by_the_browser(star: Desk, engine: OceanEngine):
    seen: list[tuple[int, str]] = []
    granted = star.access().authorise(browser(seen), Quiet(), ZH)
    assert granted.expires_at is not None
    assert abs(granted.expires_at - now() - engine.lifetime * SECOND) < 60 * SECOND
    ((status, page),) = seen
    assert status == 200
    assert "登录结果已收到" in page
    assert 'lang="zh-CN"' in page
    assert accounts(star, star.access())["list"]
    assert star.stored["refresh_expires_at"] > granted.expires_at


def test_signing_in_by_the_browser_with_pkce(channel: Desk):
    seen: list[tuple[int, str]] = []
    granted = channel.access().authorise(browser(seen), Quiet(), Words("en"))
    assert granted.scopes == (READONLY,)
    assert "go back to KOC Desk" in seen[0][1]
    assert channel.access().decorate(Request("GET", "https://x.example/")).headers["Authorization"].startswith("Bearer ya29.")


@pytest.mark.parametrize(("twist", "code"), [("wrong_state", "state_wrong"), ("no_state", "state_wrong"), ("refused", "signin_denied")])
def test_f06_what_is_not_our_answer_is_rejected(star: Desk, engine: OceanEngine, twist: str, code: str):
    engine.twist = twist
    seen: list[tuple[int, str]] = []
    addresses: list[str] = []
    answered = threading.Event()

    def open_page(url: str) -> None:
        addresses.append(parse_qs(urlsplit(url).query)["redirect_uri"][0])
        seen.append(browse(url))
        answered.set()

    assert failing(lambda: star.access().authorise(open_page, Quiet(), ZH)).code == code
    assert answered.wait(20), "the browser is told as well"
    assert seen[0][0] == 400
    assert "没有成功" in seen[0][1]
    assert star.stored is None
    assert star.kept.get(star.owner, PENDING) is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(addresses[0]).port or 0), 2).close()
    assert not engine.requests("access_token")


def test_a_code_that_the_platform_refuses_stores_nothing(star: Desk, channel: Desk, engine: OceanEngine):
    engine.misbehave("code", "access_token", code=40115, message="auth_code已被使用")
    error = failing(lambda: star.access().authorise(browser([]), Quiet(), ZH))
    assert (error.code, error.details["answer"]) == ("code_wrong", "40115")
    assert star.stored is None
    channel.access().keep_secret("wrong")
    error = failing(lambda: channel.access().authorise(browser([]), Quiet(), ZH))
    assert (error.code, error.details["answer"]) == ("signin_refused", "invalid_client")
    assert channel.stored is None


class Stopped(Quiet):
    """A job that is stopped after a while."""

    def __init__(self, after_s: float) -> None:
        self.at = time.monotonic() + after_s

    def check(self) -> None:
        if time.monotonic() > self.at:
            raise CancelledError


def test_waiting_is_cancelled_within_a_second(star: Desk):
    """Also while a browser holds a line open that it does not use, and while the browser's own program stays."""
    stay, lines = threading.Event(), []

    def open_page(url: str) -> None:
        lines.append(socket.create_connection(("127.0.0.1", urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0]).port or 0)))
        stay.wait(20)

    started = time.monotonic()
    with pytest.raises(CancelledError):
        star.access().authorise(open_page, Stopped(0.3), ZH)
    assert time.monotonic() - started < 1.3
    stay.set()
    for line in lines:
        line.close()
    assert star.stored is None


def test_a_browser_that_cannot_be_opened_is_said(star: Desk):
    def open_page(url: str) -> None:
        raise PlatformError("no_browser", url=url[:4])

    assert failing(lambda: star.access().authorise(open_page, Quiet(), ZH)).code == "no_browser"


def test_waiting_has_an_end():
    with Listener(Callback(), ZH) as listener:
        error = failing(lambda: listener.wait("http://127.0.0.1/", "state", lambda _: None, Quiet(), wait_s=0.2))
    assert (error.code, error.details) == ("signin_timeout", {"minutes": 1})


def raw(port: int, request: str) -> str:
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(request.encode())
        line.settimeout(5)
        told = b""
        while piece := line.recv(65536):
            told += piece
    return told.decode("utf-8", "replace")


def test_the_listener_answers_whatever_else_comes_and_waits_on():
    got: list[str] = []

    def open_page(url: str) -> None:
        port = urlsplit(url).port or 0
        assert browse(f"http://127.0.0.1:{port}/favicon.ico")[0] == 404
        assert browse(f"http://127.0.0.1:{port}{PATH}")[0] == 404
        assert " 421 " in raw(port, f"GET {PATH}?code=x&state=right HTTP/1.1\r\nHost: evil.example\r\n\r\n").splitlines()[0]
        assert " 501 " in raw(port, f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").splitlines()[0]
        raw(port, "\x00\xff\r\n\r\n")
        got.append(browse(f"{url}?code=4%2Fabc&state=right")[1])
        assert browse(f"{url}?code=other&state=right")[0] in {410, 200}

    with Listener(Callback(), ZH) as listener:
        assert listener.wait(listener.address, "right", open_page, Quiet(), wait_s=20) == "4/abc"
    assert "登录结果已收到" in got[0]
    page = got[0].lower()
    assert "<script" not in page
    assert "4/abc" not in page


def test_the_first_answer_decides_and_a_second_changes_nothing():
    with Listener(Callback(), ZH) as listener:
        statuses: list[int] = []

        def open_page(url: str) -> None:
            statuses.append(browse(f"{url}?code=evil&state=wrong")[0])
            statuses.append(browse(f"{url}?code=good&state=right")[0])

        assert failing(lambda: listener.wait(listener.address, "right", open_page, Quiet(), wait_s=20)).code == "state_wrong"
        until = time.monotonic() + 10
        while len(statuses) < 2 and time.monotonic() < until:
            time.sleep(0.01)
    assert statuses == [400, 410]


def test_f12_a_port_that_is_taken_is_another():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Listener(Callback(), ZH, (port,)) as listener:
            assert urlsplit(listener.address).port not in {port, 0, None}
            assert urlsplit(listener.address).hostname == "127.0.0.1"
            assert browse(listener.address)[0] == 404


FORBIDDEN = """
import resource
from app.errors import PlatformError
from app.words import Words
from sync.loopback import Callback, Listener
words = Words("en")
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
try:
    Listener(Callback(), words)
except PlatformError as error:
    print(words.failure(error.code, error.details))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are set otherwise there")
def test_f12_where_no_port_may_be_opened_the_way_by_hand_is_named():
    done = subprocess.run([sys.executable, "-c", FORBIDDEN], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    assert "paste the whole address" in done.stdout


# ---------------------------------------------------------------- by hand


@pytest.mark.parametrize("form", ["code", "address", "query", "spaced"])
def test_signing_in_by_hand(star: Desk, channel: Desk, form: str):
    for desk, name in ((star, "auth_code"), (channel, "code")):
        url, state = desk.access().by_hand()
        address = ended_at(url)
        code = parse_qs(urlsplit(address).query)[name][0]
        pasted = {"code": code, "address": address, "query": urlsplit(address).query, "spaced": f"  {address}\r\n"}[form]
        desk.access().exchange(pasted, state if form == "address" else None)  # another start of the program
        assert desk.stored["access_token"]
        assert desk.kept.get(desk.owner, PENDING) is None


def test_a_bare_code_needs_no_question_where_the_platform_has_no_verifier(star: Desk, engine: OceanEngine, channel: Desk):
    star.access().exchange(engine.code(), None)
    assert star.stored["access_token"]
    assert failing(lambda: channel.access().exchange("4/abc", None)).code == "code_wrong"


@pytest.mark.parametrize("known", [True, False])
def test_a_pasted_address_with_another_state_is_rejected(star: Desk, engine: OceanEngine, known: bool):
    _, state = star.access().by_hand()
    pasted = f"http://127.0.0.1:18930/callback?auth_code={engine.code()}&state=other"
    assert failing(lambda: star.access().exchange(pasted, state if known else None)).code == "state_wrong"
    assert star.stored is None


@pytest.mark.parametrize(
    ("pasted", "code"),
    [
        ("", "code_wrong"),
        ("two words", "code_wrong"),
        ("授权码", "code_wrong"),
        ("x" * 5000, "code_wrong"),
        ("https://ad.oceanengine.com/", "code_wrong"),
        ("http://127.0.0.1/callback?error=access_denied&state={state}", "signin_denied"),
        ("http://127.0.0.1/callback?state={state}", "signin_denied"),
        ("http://127.0.0.1/callback?auth_code=a%0Ab&state={state}", "code_wrong"),
    ],
)
def test_what_is_no_code_is_said(star: Desk, pasted: str, code: str):
    _, state = star.access().by_hand()
    assert failing(lambda: star.access().exchange(pasted.replace("{state}", state), state)).code == code


def test_a_question_of_yesterday_is_over(channel: Desk):
    url, _ = channel.access().by_hand()
    address = ended_at(url)
    channel.clock = lambda: now() + 2 * 3600 * SECOND
    assert failing(lambda: channel.access().exchange(address, None)).code == "code_wrong"


# ---------------------------------------------------------------- F01: tokens run out


def test_f01_a_token_that_runs_out_is_renewed_once_and_the_same_question_asked_again(star: Desk, engine: OceanEngine):
    star.access().exchange(engine.code(), None)
    access = star.access()
    assert accounts(star, access)["list"]
    engine.expire()
    engine.forget()
    assert accounts(star, access)["list"]
    assert engine.refreshes == 1
    assert [request.path for request in engine.requests()] == [ACCOUNTS, REFRESH, ACCOUNTS]
    first, _, second = engine.requests()
    assert first.headers["access-token"] != second.headers["access-token"] == star.stored["access_token"]


def test_f01_requests_at_once_share_one_refresh(star: Desk, engine: OceanEngine):
    star.access().exchange(engine.code(), None)
    engine.expire()
    access = star.access()
    ready = threading.Barrier(8)

    def one(mine: Access) -> Any:
        ready.wait(10)
        return accounts(star, mine)["list"]

    with ThreadPoolExecutor(8) as pool:  # four of one program, four of others
        told = list(pool.map(one, [access] * 4 + [star.access() for _ in range(4)]))
    assert all(told)
    assert engine.refreshes == 1


def test_the_new_pair_is_stored_before_it_is_used(star: Desk, engine: OceanEngine):
    star.access().exchange(engine.code(), None)
    engine.expire()
    access, line, shown = star.access(), star.line(), []

    def send(request: Request) -> Answer:
        shown.append((request.headers["Access-Token"], star.stored["access_token"]))
        return line.send(request, lambda one: one)

    access.ask(get(ACCOUNTS, star), send, oceanengine.CONNECTOR.open)
    assert len(shown) == 2
    assert all(used == stored for used, stored in shown)
    assert shown[0] != shown[1]


RENEW = """
import sys
from pathlib import Path
from sync.auth import Access
from sync.http import Http
from sync.platforms import oceanengine
from sync.secrets import Owner, Places, Secrets
from sync.vault import Vault
folder, base, app, used = Path(sys.argv[1]), *sys.argv[2:5]
with Http({base}) as line:
    kept = Secrets(Places(keyring=Vault(folder / "vault.json", lambda: "right horse")))
    access = Access(oceanengine.CONNECTOR.sign_in.at(base), Owner("0b51", "7", app), kept, lambda one: line.send(one, lambda it: it), folder=folder / "locks")
    print("ready", flush=True)
    sys.stdin.readline()
    access.renew(used)
    print(access.signed(oceanengine.CONNECTOR.probe)[0], flush=True)
"""


@pytest.fixture
def shared(star: Desk, tmp_path: Path) -> Desk:
    """The same with a place that programs share."""
    star.kept, secret = Secrets(Places(keyring=Vault(tmp_path / "vault.json", lambda: "right horse"))), star.kept.get(star.owner, APP_SECRET)
    assert secret is not None
    star.kept.put(star.owner, APP_SECRET, secret)
    return star


def program(engine: OceanEngine, tmp_path: Path, used: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RENEW, str(tmp_path), engine.base_url, engine.app_id, used]
    running = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    return running


def test_f01_programs_at_once_share_one_refresh(shared: Desk, engine: OceanEngine, tmp_path: Path):
    pair = engine.grant()
    shared.signed_in(pair.access, pair.refresh)
    engine.expire()
    running = [program(engine, tmp_path, pair.access) for _ in range(3)]
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    told = {one.communicate(timeout=60)[0].strip() for one in running}
    assert told == {shared.stored["access_token"]}
    assert engine.refreshes == 1


def test_tokens_are_renewed_before_they_run_out(star: Desk, engine: OceanEngine):
    star.access().exchange(engine.code(), None)
    first, access = star.stored["access_token"], star.access()
    access.clock = lambda: now() + (engine.lifetime - 600) * SECOND
    accounts(star, access)
    assert engine.refreshes == 0
    access.clock = lambda: now() + (engine.lifetime - 200) * SECOND
    accounts(star, access)
    assert engine.refreshes == 1
    assert star.stored["access_token"] != first


def test_an_early_renewal_that_fails_does_no_harm_and_is_not_tried_all_the_time(star: Desk, engine: OceanEngine):
    star.access().exchange(engine.code(), None)
    engine.misbehave("status", "refresh_token", status=503, times=None)
    star.clock = lambda: now() + (engine.lifetime - 200) * SECOND
    access = star.access()
    for _ in range(3):
        assert accounts(star, access)["list"]
    assert len(engine.requests("refresh_token")) == 1
    engine.behave()
    assert accounts(star, star.access())["list"]
    assert engine.refreshes == 1


def test_a_platform_that_tells_no_new_refresh_token_keeps_the_old(channel: Desk, tube: YouTube):
    one = tube.grant()
    channel.signed_in(one.access, one.refresh, scopes=[READONLY])
    old = one.access
    channel.access().renew(old)
    assert channel.stored["refresh_token"] == one.refresh
    assert channel.stored["access_token"] == one.access != old
    assert channel.stored["scopes"] == [READONLY]


# ---------------------------------------------------------------- F02: an answer is lost


def test_f02_the_old_token_is_tried_once_within_the_platforms_grace(star: Desk, engine: OceanEngine):
    engine.grace = 60
    star.access().exchange(engine.code(), None)
    engine.expire()
    engine.misbehave("reset", "refresh_token", after=None)
    assert accounts(star, star.access())["list"]
    assert engine.refreshes == 2
    assert star.noted() == ["refresh_lost"]


@pytest.mark.parametrize("after", [None, 9])
def test_f02_without_a_grace_a_login_is_needed_and_nothing_goes_in_circles(star: Desk, engine: OceanEngine, after: int | None):
    star.access().exchange(engine.code(), None)
    engine.expire()
    engine.misbehave("reset", "refresh_token", after=after)
    error = failing(lambda: accounts(star, star.access()))
    assert (error.code, error.details["why"]) == ("login_needed", "refresh_lost")
    assert len(engine.requests("refresh_token")) == 2
    for _ in range(3):
        assert failing(lambda: accounts(star, star.access())).code == "login_needed"
    assert len(engine.requests("refresh_token")) == 2
    star.access().exchange(engine.code(), None)  # for this account only, and signing in mends it
    assert accounts(star, star.access())["list"]


def test_f02_answers_that_are_always_lost_end(star: Desk, engine: OceanEngine):
    star.access().exchange(engine.code(), None)
    engine.expire()
    engine.misbehave("reset", "refresh_token", after=None, times=None)
    for _ in range(3):
        assert failing(lambda: accounts(star, star.access())).code == "login_needed"
    assert len(engine.requests("refresh_token")) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a program is killed otherwise there")
def test_f02_a_program_that_is_killed_while_it_waits_leaves_word_of_it(shared: Desk, engine: OceanEngine, tmp_path: Path):
    engine.grace = 60
    pair = engine.grant()
    shared.signed_in(pair.access, pair.refresh)
    engine.expire()
    engine.misbehave("hold", "refresh_token")
    running = program(engine, tmp_path, pair.access)
    assert running.stdin is not None
    running.stdin.write("go\n")
    running.stdin.flush()
    assert engine.held.wait(30)
    running.kill()
    running.communicate(timeout=30)
    assert shared.stored["awaited"] is True
    engine.released.set()  # and the platform goes on to rotate
    engine.grace = 0
    until = time.monotonic() + 10
    while engine.refreshes == 0 and time.monotonic() < until:
        time.sleep(0.01)
    error = failing(lambda: accounts(shared, shared.access()))
    assert (error.code, error.details["why"]) == ("login_needed", "refresh_lost")
    assert len(engine.requests("refresh_token")) == 2


def test_a_platform_that_is_not_there_costs_no_token(star: Desk, engine: OceanEngine):
    star.access().exchange(engine.code(), None)
    engine.expire()
    engine.misbehave("status", "refresh_token", status=502, times=2)
    before = star.stored
    for _ in range(2):
        assert failing(lambda: accounts(star, star.access())).code == "platform_down"
    assert star.stored == before
    assert accounts(star, star.access())["list"]


# ---------------------------------------------------------------- F05: consent is taken back


def test_f05_a_consent_that_was_revoked_is_disconnected_with_its_date(channel: Desk, tube: YouTube):
    one = tube.grant()
    channel.signed_in(one.access, one.refresh)
    tube.revoke()
    error = failing(lambda: channel.access().renew(one.access))
    assert error.code == "disconnected"
    assert isinstance(error.details["at"], int)
    assert abs(error.details["at"] - now()) < 60 * SECOND
    tube.forget()
    again = failing(lambda: channel.access().renew(one.access))
    assert (again.code, again.details["at"]) == ("disconnected", error.details["at"])
    assert tube.requests() == []  # a token that was refused is never shown again


def test_f05_the_same_at_the_ocean_engine(star: Desk, engine: OceanEngine):
    star.access().exchange(engine.code(), None)
    engine.revoke()
    assert failing(lambda: accounts(star, star.access())).code == "disconnected"
    engine.forget()
    assert failing(lambda: accounts(star, star.access())).code == "disconnected"
    assert not engine.requests("refresh_token")


def test_a_refresh_token_past_its_life_is_not_shown(star: Desk, engine: OceanEngine):
    pair = engine.grant()
    star.signed_in(pair.access, pair.refresh, expires_at=now() - SECOND, refresh_expires_at=now() - SECOND)
    error = failing(lambda: star.access().decorate(get(ACCOUNTS, star)))
    assert (error.code, error.details["why"]) == ("login_needed", "expired")
    assert not engine.requests("refresh_token")


# ---------------------------------------------------------------- refused although fresh


def test_a_fresh_token_that_is_refused_too_is_asked_about_and_never_renewed_again(star: Desk, engine: OceanEngine):
    """The platform answers 40105 also at addresses that it has retired."""
    star.access().exchange(engine.code(), None)
    retired = "/open_api/2/star/bill/get_pending/"
    engine.misbehave("code", retired, code=40105, message="access_token无效", times=None)
    access = star.access()
    error = failing(lambda: accounts(star, access, path=retired, probe=lambda: accounts(star, access)))
    assert (error.code, error.details) == ("connector_outdated", {"path": retired})
    assert engine.refreshes == 1
    assert star.notes == [("fresh_token_refused", {"path": retired})]
    assert failing(lambda: accounts(star, access, path=retired)).code == "login_needed"
    assert engine.refreshes == 2


def test_where_the_probe_is_refused_as_well_a_login_is_needed(star: Desk, engine: OceanEngine):
    star.access().exchange(engine.code(), None)
    engine.misbehave("code", "/open_api/", nth=1, times=None, code=40105)
    engine.rules[0].path = ACCOUNTS
    access, line = star.access(), star.line()

    def probe() -> object:
        return oceanengine.CONNECTOR.open(line.send(access.decorate(get(ACCOUNTS, star)), lambda one: one))

    assert failing(lambda: accounts(star, access, probe=probe)).code == "login_needed"
    assert engine.refreshes == 1


def test_other_failures_renew_nothing(star: Desk, engine: OceanEngine):
    star.access().exchange(engine.code(), None)
    engine.misbehave("code", ACCOUNTS, code=40118)
    assert failing(lambda: accounts(star, star.access())).code == "not_granted"
    assert engine.refreshes == 0


# ---------------------------------------------------------------- G: where the tokens are kept


pytest_unraisable = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest_unraisable
def test_g04_a_locked_keyring_rotates_nothing(star: Desk, engine: OceanEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with secret_service(tmp_path, monkeypatch) as service:
        star.kept = Secrets(Places())
        star.access().keep_secret(engine.secret)
        star.access().exchange(engine.code(), None)
        engine.expire()
        access = star.access()
        access.decorate(get(ACCOUNTS, star))
        service.lock()
        assert failing(lambda: accounts(star, access)).code == "keyring_locked"
        assert engine.refreshes == 0
        service.unlock()
        assert accounts(star, access)["list"]
        gc.collect()


@pytest_unraisable
def test_g04_a_pair_that_cannot_be_stored_is_held_and_that_is_said(star: Desk, engine: OceanEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with secret_service(tmp_path, monkeypatch) as service:
        star.kept = Secrets(Places())
        star.access().keep_secret(engine.secret)
        star.access().exchange(engine.code(), None)
        engine.expire()
        assert accounts(star, star.access(also=service.lock))["list"]
        assert star.notes == [("tokens_not_stored", {"reason": "keyring_locked"})]
        assert accounts(star, star.access())["list"]  # the next run of the same session
        service.unlock()
        assert accounts(star, star.access())["list"]
        assert Secrets(Places()).get(star.owner, TOKENS) == star.stored  # stored by now
        assert engine.refreshes == 1
        gc.collect()


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"access_token": ""},
        {"access_token": "a\nb"},
        {"access_token": "密"},
        {"access_token": 7},
        {"access_token": "a", "refresh_token": "a b"},
        {"access_token": "a", "ended": "x"},
        {"other": 1},
    ],
)
def test_g07_what_is_no_token_is_never_sent(star: Desk, engine: OceanEngine, kept: dict[str, Any]):
    star.kept.put(star.owner, TOKENS, kept)
    engine.forget()
    assert failing(lambda: accounts(star, star.access())).code == "login_needed"
    assert engine.requests() == []


def test_g07_tokens_of_another_account_are_never_used(star: Desk, engine: OceanEngine):
    pair = engine.grant()
    star.signed_in(pair.access, pair.refresh)
    star.owner = replace(star.owner, connection="8")
    assert failing(lambda: accounts(star, star.access())).details == {"why": "never"}
    star.owner = replace(star.owner, connection="7", app="1790000000000778")
    assert failing(lambda: accounts(star, star.access())).details == {"why": "secret_of_another"}


# ---------------------------------------------------------------- F08, F11: nobody else sees a secret


def test_f08_a_token_does_not_follow_to_another_host(star: Desk, engine: OceanEngine):
    star.access().exchange(engine.code(), None)
    with Server() as elsewhere:
        for path, status in ((ACCOUNTS, 302), (ACCOUNTS, 307), ("refresh_token", 307), ("access_token", 308)):
            engine.misbehave("redirect", path, to=elsewhere.base_url, status=status)
        assert failing(lambda: accounts(star, star.access())).code == "redirected"
        assert failing(lambda: accounts(star, star.access())).code == "redirected"
        assert failing(lambda: star.access().renew(star.stored["access_token"])).code == "redirected"
        assert failing(lambda: star.access().exchange(engine.code(), None)).code == "redirected"
        assert elsewhere.requests() == []


def test_f11_no_secret_is_in_a_log_an_error_or_a_repr(star: Desk, channel: Desk, engine: OceanEngine, caplog: pytest.LogCaptureFixture, tube: YouTube):
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    star.access().authorise(browser([]), Quiet(), ZH)
    channel.access().authorise(browser([]), Quiet(), ZH)
    engine.expire()
    accounts(star, star.access())
    code = engine.code()
    engine.misbehave("code", "access_token", code=40000, message=f"bad {code} {engine.secret}")
    said.append(repr(failing(lambda: star.access().exchange(code, None)).details))
    engine.misbehave("html", "refresh_token")
    said.append(repr(failing(lambda: star.access().renew(star.stored["access_token"])).details))
    engine.misbehave("short", "refresh_token", times=2)
    said.append(repr(failing(lambda: star.access().renew(star.stored["access_token"])).details))
    tube.revoke()
    error = failing(lambda: channel.access().renew(channel.stored["access_token"]))
    said += [repr(error), str(error), repr(error.details)]
    tokens = Tokens.of(channel.stored | {"scopes": ()})
    said += [repr(tokens), repr(channel.access()), repr(star.access().sign_in), repr(star.notes), caplog.text]
    _, signed = channel.access().signed(Request("GET", tube.base_url + "/x"))
    said.append(repr(signed))
    for hidden in engine.secret_texts | tube.secret_texts:
        assert not [one for one in said if hidden in one], hidden


def test_a_busy_platform_parks_the_connection_and_costs_no_token(star: Desk, engine: OceanEngine):
    star.access().exchange(engine.code(), None)
    engine.misbehave("code", "refresh_token", code=40110, message="too many")
    before = star.stored
    error = failing(lambda: star.access().renew(before["access_token"]))
    assert error.code == "rate_limited"
    assert isinstance(error.details["until"], int)
    assert star.stored == before
