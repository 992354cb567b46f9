# SPDX-License-Identifier: Apache-2.0
"""Where secrets are kept: a real Secret Service on a bus of its own, this session only, and a vault under a pass-phrase."""

from __future__ import annotations

import gc
import json
import os
import stat
import subprocess
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.errors import CancelledError, PlatformError
from app.settings import SECRETS_PLACE, Settings
from sync.keyrings import Keyring
from sync.secrets import APP_SECRET, TOKENS, Owner, Places, Secrets, Session
from sync.vault import PASSPHRASE, Vault
from tests.conftest import ROOT
from tests.sync.keyring_service import secret_service, session_bus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.sync.keyring_service import Service

CANARY = "c4nary-secret-9f31"
OWNER = Owner("0b51", "7", "1700")

# The library leaves its line to the bus open where a keyring stays locked; the collector closes it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with secret_service(tmp_path, monkeypatch) as running:
        yield running
        gc.collect()


def failing(call: Callable[[], object]) -> PlatformError:
    """The failure of a call, without what it holds."""
    try:
        call()
    except PlatformError as error:
        gc.collect()
        return error.with_traceback(None)
    pytest.fail("nothing was refused")


def in_keyring(keyring: Keyring) -> Secrets:
    return Secrets(Places(keyring=keyring))


def all_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


# ---------------------------------------------------------------- a real Secret Service


def test_a_secret_is_kept_found_and_forgotten(service: Service):
    kept = in_keyring(Keyring())
    assert kept.get(OWNER, APP_SECRET) is None
    kept.put(OWNER, APP_SECRET, {"secret": CANARY})
    assert in_keyring(Keyring()).get(OWNER, APP_SECRET) == {"secret": CANARY}
    (item,) = service.items()
    assert (item["service"], item["username"]) == ("koc-desk", "0b51/7/app_secret")
    kept.forget(OWNER)
    assert service.items() == []
    assert kept.get(OWNER, APP_SECRET) is None


def test_a_secret_is_nowhere_on_disk_to_read(service: Service, tmp_path: Path):
    in_keyring(Keyring()).put(OWNER, TOKENS, {"access_token": CANARY})
    assert CANARY in service.items()[0]["secret"]
    assert CANARY.encode() not in all_files(tmp_path)


def test_a_long_secret_is_split_where_entries_are_short(service: Service):
    """The Credential Manager of Windows takes 2,560 bytes an entry."""
    kept, long, longer = in_keyring(Keyring(most=1200)), "x" * 3000, "y" * 5000
    kept.put(OWNER, TOKENS, {"access_token": long})
    first = service.items()
    assert len(first) == 4
    assert all(len(one["secret"]) <= 1200 for one in first)
    assert in_keyring(Keyring()).get(OWNER, TOKENS) == {"access_token": long}
    kept.put(OWNER, TOKENS, {"access_token": longer})
    assert kept.get(OWNER, TOKENS) == {"access_token": longer}
    assert len(service.items()) == 6  # a head and five parts: those of the first went with it
    kept.put(OWNER, TOKENS, {"access_token": "short"})
    assert len(service.items()) == 1
    kept.put(OWNER, TOKENS, {"access_token": long})
    kept.forget(OWNER)
    assert service.items() == []


def test_a_part_that_is_gone_is_a_login_that_is_needed(service: Service):
    kept = in_keyring(Keyring(most=1200))
    kept.put(OWNER, TOKENS, {"access_token": "x" * 3000})
    Keyring().erase(next(one["username"] for one in service.items() if one["username"].endswith("/2")))
    assert failing(lambda: kept.get(OWNER, TOKENS)).code == "login_needed"


@pytest.mark.parametrize("named", [None, "keyring.backends.SecretService.Keyring", "keyring.backends.chainer.ChainerBackend"])
def test_allowed_back_ends_may_be_named(service: Service, monkeypatch: pytest.MonkeyPatch, named: str | None):
    if named is not None:
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", named)
    Keyring().write("a/b/c", "text")
    assert [one["secret"] for one in service.items()] == ["text"]


# ---------------------------------------------------------------- G01, G02, G04: none, not open, locked


def test_g01_without_a_service_it_is_said_and_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("PYTHON_KEYRING_BACKEND", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # where libraries look for a bus by themselves
    kept = in_keyring(Keyring())
    assert failing(lambda: kept.put(OWNER, APP_SECRET, {"secret": CANARY})).code == "keyring_missing"
    assert failing(lambda: kept.get(OWNER, APP_SECRET)).code == "keyring_missing"
    assert CANARY.encode() not in all_files(tmp_path)


def test_g02_a_bus_without_an_open_keyring_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with session_bus(tmp_path, monkeypatch):
        kept = in_keyring(Keyring())
        error = failing(lambda: kept.put(OWNER, APP_SECRET, {"secret": CANARY}))
        assert error.code in {"keyring_locked", "keyring_missing"}  # the latter where the bus cannot start the daemon itself
        assert CANARY not in f"{error} {error.__cause__!r}"
        gc.collect()


def test_g04_a_locked_keyring_that_nobody_opens_is_said(service: Service):
    kept = in_keyring(Keyring())
    kept.put(OWNER, TOKENS, {"access_token": "old"})
    service.lock()
    started = time.monotonic()
    for call in (lambda: kept.get(OWNER, TOKENS), lambda: kept.put(OWNER, TOKENS, {"access_token": CANARY}), lambda: kept.forget(OWNER)):
        error = failing(call)
        assert (error.code, error.details["backend"]) == ("keyring_locked", "keyring.backends.SecretService.Keyring")
        assert CANARY not in f"{error} {error.__cause__!r}"
    assert time.monotonic() - started < 10


@pytest.fixture
def hanging(service: Service) -> Iterator[Service]:
    """A service that does not answer, as one that waits for somebody at the screen."""
    Keyring().write("a/b/c", "text")
    service.stop()
    yield service
    service.go_on()


def test_the_wait_for_somebody_to_unlock_is_bounded(hanging: Service):
    keyring = Keyring(wait_s=3)
    started = time.monotonic()
    assert failing(lambda: keyring.read("a/b/c")).code == "keyring_locked"
    assert 3 <= time.monotonic() - started < 8
    started = time.monotonic()
    assert failing(lambda: keyring.read("a/b/c")).code == "keyring_locked"
    assert time.monotonic() - started < 3  # it is still being asked: no second question behind the first
    hanging.go_on()
    for thread in [one for one in threading.enumerate() if one.name == "keyring"]:
        thread.join(10)
    assert keyring.read("a/b/c") == "text"


def test_the_wait_is_cancelled_within_a_second(hanging: Service):
    started = time.monotonic()

    def check() -> None:
        if time.monotonic() > started + 0.2:
            raise CancelledError

    with pytest.raises(CancelledError):
        Keyring().read("a/b/c", check)
    assert time.monotonic() - started < 1
    hanging.go_on()
    for thread in [one for one in threading.enumerate() if one.name == "keyring"]:
        thread.join(10)


# ---------------------------------------------------------------- G03: back ends are allow-listed


@pytest.mark.parametrize("named", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring", "keyrings.alt.file.PlaintextKeyring", "nosuch.Thing"])
def test_g03_others_are_refused_by_name(monkeypatch: pytest.MonkeyPatch, named: str):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", named)
    error = failing(lambda: Keyring().write("a/b/c", CANARY))
    assert (error.code, error.details["backend"]) == ("keyring_refused", named)


def test_g03_one_that_the_users_file_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    folder = tmp_path / "python_keyring"
    folder.mkdir()
    (folder / "keyringrc.cfg").write_text("[backend]\ndefault-keyring=keyring.backends.null.Keyring\n", "utf-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    error = failing(lambda: Keyring().write("a/b/c", CANARY))
    assert (error.code, error.details["backend"]) == ("keyring_refused", "keyring.backends.null.Keyring")


PLAIN = """
import sys
sys.path.insert(0, sys.argv[1])
from app.errors import PlatformError
from sync.keyrings import Keyring
try:
    Keyring().write("0b51/7/tokens", "c4nary-secret-9f31")
    print("written")
except PlatformError as error:
    print(error.code, error.details["backend"])
"""


@pytest.fixture(scope="session")
def alt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that keeps secrets in readable files, installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("alt")
    tool = ROOT / ".venv" / "bin" / "uv"
    if not tool.exists():
        pytest.skip("uv is not installed: keyrings.alt cannot be fetched")
    command = [str(tool), "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", str(folder), "keyrings.alt", "jaraco.classes"]
    if subprocess.run(command, check=False, capture_output=True, timeout=60).returncode != 0:
        pytest.skip("keyrings.alt cannot be fetched here")
    return folder


def with_alt(alt: Path) -> str:
    return subprocess.run([sys.executable, "-c", PLAIN, alt], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_g03_a_back_end_that_happens_to_be_installed_is_refused_by_name(alt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("PYTHON_KEYRING_BACKEND", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    code, named = with_alt(alt).split()
    assert code == "keyring_refused"
    assert named.startswith("keyrings.alt.file.")
    assert not list(tmp_path.rglob("*keyring_pass.cfg"))


def test_g03_beside_a_real_service_it_sees_no_secret(alt: Path, service: Service, tmp_path: Path):
    assert with_alt(alt) == "written"
    assert [one["secret"] for one in service.items()] == [CANARY]
    assert not list(tmp_path.rglob("*_pass.cfg"))


# ---------------------------------------------------------------- G07: whose a secret is


@pytest.mark.parametrize("text", ["", "{}", "[1]", "null", "not json", '{"value": 3}', '{"v": 1, "value": {"access_token": "x"}}', "\x00"])
def test_g07_what_is_empty_or_garbled_needs_a_login(service: Service, text: str):
    service.put("0b51/7/tokens", text)
    assert failing(lambda: in_keyring(Keyring()).get(OWNER, TOKENS)).code == "login_needed"


@pytest.mark.parametrize("other", [Owner("0b51", "8", "1700"), Owner("ffff", "7", "1700"), Owner("0b51", "7", "1701")])
def test_g07_what_is_of_another_account_is_never_used(service: Service, other: Owner):
    kept = in_keyring(Keyring())
    kept.put(other, TOKENS, {"access_token": CANARY})
    (item,) = service.items()
    service.put("0b51/7/tokens", item["secret"])
    error = failing(lambda: kept.get(OWNER, TOKENS))
    assert (error.code, error.details) == ("login_needed", {"why": "secret_of_another"})
    kept.put(OWNER, TOKENS, {"access_token": "own"})  # signing in anew mends it
    assert kept.get(OWNER, TOKENS) == {"access_token": "own"}


def test_g07_one_name_is_not_another(service: Service):
    kept = in_keyring(Keyring())
    kept.put(OWNER, APP_SECRET, {"secret": "x"})
    service.put("0b51/7/tokens", service.items()[0]["secret"])
    assert failing(lambda: kept.get(OWNER, TOKENS)).code == "login_needed"


# ---------------------------------------------------------------- what cannot be stored is held


def test_what_exists_once_is_held_for_the_session_and_stored_later(service: Service):
    kept = in_keyring(Keyring())
    kept.put(OWNER, TOKENS, {"access_token": "old"})
    service.lock()
    problem = kept.keep(OWNER, TOKENS, {"access_token": "new"})
    assert problem is not None
    assert problem.code == "keyring_locked"
    assert kept.get(OWNER, TOKENS) == {"access_token": "new"}
    problem = None
    gc.collect()
    service.unlock()
    assert in_keyring(Keyring()).get(OWNER, TOKENS) == {"access_token": "old"}
    assert kept.get(OWNER, TOKENS) == {"access_token": "new"}  # and this stored it
    assert in_keyring(Keyring()).get(OWNER, TOKENS) == {"access_token": "new"}


def test_what_was_stored_meanwhile_by_another_is_newer_than_what_is_held(service: Service):
    kept = in_keyring(Keyring())
    service.lock()
    assert kept.keep(OWNER, TOKENS, {"access_token": "held"}) is not None
    gc.collect()
    service.unlock()
    in_keyring(Keyring()).put(OWNER, TOKENS, {"access_token": "newer"})
    assert kept.get(OWNER, TOKENS) == {"access_token": "newer"}
    assert in_keyring(Keyring()).get(OWNER, TOKENS) == {"access_token": "newer"}


# ---------------------------------------------------------------- the vault


def of(path: Path, passphrase: str | None) -> Vault:
    return Vault(path, lambda: passphrase)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault.json", lambda: "right horse")


def test_the_vault_keeps_finds_and_forgets(vault: Vault, tmp_path: Path):
    kept = Secrets(Places(keyring=vault))
    assert kept.get(OWNER, TOKENS) is None
    assert not vault.exists
    kept.put(OWNER, TOKENS, {"access_token": CANARY})
    kept.put(OWNER, APP_SECRET, {"secret": "s"})
    again = Secrets(Places(keyring=Vault(tmp_path / "vault.json", lambda: "right horse")))
    assert again.get(OWNER, TOKENS) == {"access_token": CANARY}
    again.forget(OWNER, (TOKENS,))
    assert kept.get(OWNER, TOKENS) is None
    assert kept.get(OWNER, APP_SECRET) == {"secret": "s"}


def test_the_vault_is_its_owners_and_shows_nothing(vault: Vault, tmp_path: Path):
    Secrets(Places(keyring=vault)).put(OWNER, TOKENS, {"access_token": CANARY})
    path = tmp_path / "vault.json"
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = json.loads(path.read_text())
    assert (told["kdf"], told["n"] >= 2**15) == ("scrypt", True)
    for hidden in (CANARY, "0b51", "tokens", "right horse"):
        assert hidden.encode() not in all_files(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir() if one.suffix != ".lock") == ["vault.json"]


def test_the_same_secrets_never_look_the_same_twice(vault: Vault, tmp_path: Path):
    vault.write("a", "text")
    first = json.loads((tmp_path / "vault.json").read_text())
    vault.write("a", "text")
    second = json.loads((tmp_path / "vault.json").read_text())
    assert first["data"] != second["data"]
    assert first["salt"] == second["salt"]


@pytest.mark.parametrize("given", ["wrong horse", "right horse ", "Right horse"])
def test_a_wrong_pass_phrase_is_said_and_changes_nothing(vault: Vault, tmp_path: Path, given: str):
    vault.write("a", "text")
    before = (tmp_path / "vault.json").read_bytes()
    other = Vault(tmp_path / "vault.json", lambda: given)
    for call in (lambda: other.read("a"), lambda: other.write("a", "x"), lambda: other.erase("a"), lambda: other.unlock(given)):
        assert failing(call).code == "vault_wrong"
    assert (tmp_path / "vault.json").read_bytes() == before


def test_a_vault_without_a_pass_phrase_stays_locked(vault: Vault, tmp_path: Path):
    vault.write("a", "text")
    for given in ("", None):
        assert failing(partial(of(tmp_path / "vault.json", given).read, "a")).code == "vault_locked"
    assert failing(lambda: Vault(tmp_path / "new.json", lambda: None).write("a", "x")).code == "vault_locked"
    assert not (tmp_path / "new.json").exists()


def test_damage_is_told_from_a_wrong_pass_phrase(vault: Vault, tmp_path: Path):
    """Both end in the same failure of the cipher; only one of them is mended by typing again."""
    path = tmp_path / "vault.json"
    vault.write("a", "text")
    whole = path.read_text()
    told = json.loads(whole)
    damaged = [whole[:-20], "", "{}", whole.replace(str(told["n"]), "9", 1)]
    for name in ("salt", "check", "data"):
        swapped = told[name][:5] + ("A" if told[name][5] != "A" else "B") + told[name][6:]
        damaged.append(whole.replace(told[name], swapped))
    for text in damaged:
        path.write_text(text)
        for given in ("right horse", "wrong horse"):
            other = of(path, given)
            for call in (partial(other.read, "a"), partial(other.write, "a", "x"), partial(other.unlock, "right horse")):
                assert failing(call).code == "vault_damaged", text
        assert path.read_text() == text
    path.write_text(whole)
    assert vault.read("a") == "text"


def test_a_vault_that_cannot_be_written_says_so(tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert failing(lambda: Vault(tmp_path / "file" / "vault.json", lambda: "x").write("a", "b")).code == "vault_unwritable"


WRITER = """
import sys
from pathlib import Path
from sync.vault import Vault
vault = Vault(Path(sys.argv[1]), lambda: "right horse")
for number in range(8):
    vault.write(f"{sys.argv[2]}/{number}", "text")
"""


def test_programs_that_write_at_once_lose_nothing(vault: Vault, tmp_path: Path):
    path = tmp_path / "vault.json"
    running = [subprocess.Popen([sys.executable, "-c", WRITER, path, name], cwd=ROOT) for name in "ab"]
    assert [one.wait(60) for one in running] == [0, 0]
    assert [vault.read(f"{name}/{number}") for name in "ab" for number in range(8)] == ["text"] * 16


# ---------------------------------------------------------------- as the user chose


def test_the_keyring_is_used_unless_the_user_asks_for_another(vault: Vault):
    keyring = Session()
    places = Places(vault, keyring)
    assert places() is keyring
    Settings().put(SECRETS_PLACE, "vault")
    assert places() is vault
    Settings().put(SECRETS_PLACE, "session")
    session = places()
    session.write("a", "text", lambda: None)
    assert places().read("a", lambda: None) == "text"
    assert keyring.read("a") is None


def test_what_somebody_chose_holds_at_once_and_a_vault_for_the_next_start(vault: Vault, tmp_path: Path):
    kept = Secrets(Places(vault, Session()))
    kept.keep_in("session")
    kept.put(OWNER, TOKENS, {"access_token": "x"})
    assert Settings().get(SECRETS_PLACE) == "keyring"
    kept.keep_in("vault", "right horse")
    assert kept.get(OWNER, TOKENS) is None
    kept.put(OWNER, TOKENS, {"access_token": "y"})
    again = Secrets(Places(Vault(tmp_path / "vault.json", lambda: None), Session()))
    assert failing(lambda: again.get(OWNER, TOKENS)).code == "vault_locked"
    assert failing(lambda: again.keep_in("vault", "wrong horse")).code == "vault_wrong"
    again.keep_in("vault", "right horse")
    assert again.get(OWNER, TOKENS) == {"access_token": "y"}


def test_a_pass_phrase_in_the_environment_asks_for_the_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(PASSPHRASE, "right horse")
    vault = Vault(tmp_path / "vault.json")
    Secrets(Places(vault, Session())).put(OWNER, TOKENS, {"access_token": CANARY})
    monkeypatch.delenv(PASSPHRASE)
    assert Secrets(Places(keyring=Vault(tmp_path / "vault.json", lambda: "right horse"))).get(OWNER, TOKENS) == {"access_token": CANARY}


def test_what_is_kept_for_the_session_is_on_no_disk(tmp_path: Path):
    kept = Secrets(Places(keyring=Session()))
    kept.put(OWNER, TOKENS, {"access_token": CANARY})
    assert kept.get(OWNER, TOKENS) == {"access_token": CANARY}
    assert CANARY.encode() not in all_files(tmp_path)
