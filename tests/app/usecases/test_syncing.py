# SPDX-License-Identifier: Apache-2.0
"""Syncing over a real workspace, with a platform that says what a test lets it say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from app.errors import CancelledError, PlatformError, UsageError
from app.events import CreatorsChanged, Event, Events, OperationRecorded, SyncChanged
from app.jobs import Quiet
from app.usecases.syncing import Granted, Page, PlatformInfo, Record, Refused, Stream, Syncing
from app.values import Actor, WorkspaceRef
from db import maintenance
from db.stores.syncing import SyncingStore
from db.stores.workspace import WorkspaceStore

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from app.jobs import Job
    from app.usecases.syncing import Connection, Look, Opened, Run, Watch

NOW = 1_790_000_000_000_000
SECOND = 1_000_000
HOUR = 3600
WORD = "s3cret"
STREAMS = ("campaigns", "orders", "info")
Step = Page | Exception


def record(number: int, **fields: Any) -> Record:
    return Record("campaigns", str(number), {"account": "1", "name": f"活动{number}", "status": "running", **fields}, {"id": number})


def page(*numbers: int, cursor: str = "end", **more: Any) -> Page:
    return Page("campaigns", [record(number) for number in numbers], cursor, len(numbers) + len(more.get("rejected", ())), **more)


@dataclass
class Told:
    """Fulfils ``Platforms``: what each stream of each connection answers, in order."""

    script: dict[tuple[str, str], list[Step]] = field(default_factory=dict)
    secrets: dict[int, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None, bool]] = field(default_factory=list)
    place: str = "keyring"
    refuses: PlatformError | None = None
    seen: list[str] = field(default_factory=list)
    closed: int = 0

    @property
    def session_only(self) -> bool:
        return self.place == "session"

    def keep_in(self, place: str, phrase: str) -> None:
        self.place = place
        self.refuses = None if phrase or place == "session" else self.refuses

    def catalog(self) -> Sequence[PlatformInfo]:
        return [
            PlatformInfo("star", tuple(Stream(name, 6 * HOUR) for name in STREAMS)),
            PlatformInfo("tube", (Stream("videos", 24 * HOUR),), needs_secret=False),
            PlatformInfo("mall", (Stream("shops", HOUR), Stream("campaigns", HOUR, ("shops",)), Stream("orders", HOUR, ("campaigns",)), Stream("bills", HOUR))),
        ]

    def keep_secret(self, connection: Connection, secret: str) -> None:
        self._check()
        self.secrets[connection.id] = secret

    def forget(self, connection: Connection) -> None:
        self._check()
        self.secrets.pop(connection.id, None)

    def _check(self) -> None:
        if self.refuses is not None:
            raise self.refuses

    def authorise(self, connection: Connection, open_page: Opened, job: Job) -> Granted:  # noqa: ARG002 (the port's words)
        self._check()
        open_page(f"https://platform.example/{connection.app_id}")
        return Granted(NOW + HOUR * SECOND, ("report",))

    def by_hand(self, connection: Connection) -> tuple[str, str]:
        return f"https://platform.example/{connection.app_id}", "state"

    def exchange(self, connection: Connection, pasted: str, state: str | None) -> Granted:  # noqa: ARG002 (the port's words)
        if pasted != "code":
            raise PlatformError("login_needed", name=connection.name)
        return Granted(None)

    def test(self, connection: Connection, job: Job) -> Granted:  # noqa: ARG002 (the port's words)
        self._check()
        return Granted(NOW + 1)

    def pages(self, connection: Connection, stream: str, cursor: str | None, look: Look, watch: Watch, job: Job, *, full: bool) -> Generator[Page, None, None]:
        self.asked.append((connection.name, stream, cursor, full))
        self.seen = [one.key for one in look.known("campaigns")]
        try:
            for step in self.script.get((connection.name, stream), [page(cursor="empty")]):
                job.check()
                watch.traffic.requests += 1
                watch.line("retry", attempt=1)
                if isinstance(step, Exception):
                    raise step
                yield step
        finally:
            self.closed += 1


@dataclass
class Room:
    """A workspace, its use case, the platform and what was announced."""

    syncing: Syncing
    told: Told
    house: WorkspaceStore
    store: SyncingStore
    heard: list[Event]
    clock: list[int]

    def connect(self, name: str = "品牌", platform: str = "star") -> None:
        self.syncing.add(platform, name, app_id="77", secret=WORD)
        self.syncing.exchange(name, "code")

    def states(self, runs: Sequence[Run]) -> list[tuple[str, str, str, str | None]]:
        return [(one.connection, one.stream, one.state, one.error) for one in runs]

    def state(self, name: str = "品牌") -> str:
        return next(one.state for one in self.syncing.connections() if one.name == name)

    def tick(self, seconds: int) -> None:
        self.clock[0] += seconds * SECOND


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    ref, clock, told = WorkspaceRef(str(tmp_path / "brand.koc")), [NOW], Told()
    engine = maintenance.create(ref, NOW)
    store, house, events, heard = SyncingStore(engine, ref), WorkspaceStore(engine, ref, read_only=False), Events(), list[Event]()
    events.listen(heard.append)

    def now() -> int:
        clock[0] += 1
        return clock[0]

    yield Room(Syncing(store, told, Actor("某人", "desk"), now, events), told, house, store, heard, clock)
    house.close()


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises((UsageError, PlatformError)) as error:
        act()
    return error.value.code


# ---------------------------------------------------------------- connections


def test_a_connection_is_added_signed_in_and_taken_away(room: Room) -> None:
    made = room.syncing.add("star", " 品牌 ", base_url="https://proxy.example/", app_id="77", secret=WORD)
    assert (made.name, made.state, made.base_url) == ("品牌", "new", "https://proxy.example")
    assert room.told.secrets == {made.id: WORD}
    assert room.syncing.by_hand("品牌") == ("https://platform.example/77", "state")
    opened: list[str] = []
    now = room.syncing.login("品牌", opened.append)
    assert opened == ["https://platform.example/77"]
    assert (now.state, now.expires_at, now.scopes) == ("ok", NOW + HOUR * SECOND, ("report",))
    room.syncing.remove("品牌")
    assert room.syncing.connections() == []
    assert room.told.secrets == {}
    assert isinstance(room.heard[-1], SyncChanged)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://api.example.com", "insecure_address"), ("http://10.0.0.1:80", "insecure_address"), ("ftp://x", "value_invalid"), ("https://", "value_invalid"),
        ("https://user:pw@api.example.com", "value_invalid"), ("https://x/?a=1", "value_invalid"), ("https://x:99999", "value_invalid"), ("api.example.com", "value_invalid"),
    ],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_refused(room: Room, address: str, code: str) -> None:
    assert code_of(lambda: room.syncing.add("star", "一", base_url=address)) == code
    assert room.syncing.connections() == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:5/x", "https://api.example.com/open", None, " "])
def test_loopback_and_https_are_fine(room: Room, address: str | None) -> None:
    assert room.syncing.add("star", "一", base_url=address).state == "new"


def test_what_cannot_be_a_connection_is_refused(room: Room) -> None:
    room.connect()
    assert code_of(lambda: room.syncing.add("nowhere", "二")) == "unknown_connector"
    assert code_of(lambda: room.syncing.add("star", "品牌")) == "connection_exists"
    assert code_of(lambda: room.syncing.add("star", " ")) == "value_invalid"
    assert code_of(lambda: room.syncing.test("三")) == "unknown_connection"
    assert code_of(lambda: room.syncing.set_schedule("品牌", "nothing", 60)) == "unknown_stream"
    assert code_of(lambda: room.syncing.run(["品牌"], ["nothing"])) == "unknown_stream"
    assert code_of(lambda: room.syncing.keep_in("paper")) == "value_invalid"


def test_without_a_place_for_the_secret_nothing_is_added(room: Room) -> None:
    room.told.refuses = PlatformError("keyring_missing")
    assert code_of(lambda: room.syncing.add("star", "品牌", secret=WORD)) == "keyring_missing"
    assert room.syncing.connections() == []
    room.syncing.keep_in("vault", "phrase")
    assert room.syncing.add("star", "品牌", secret=WORD).name == "品牌"
    assert not room.syncing.session_only


def test_a_sign_in_that_fails_is_kept_as_the_connections_state(room: Room) -> None:
    room.connect()
    assert code_of(lambda: room.syncing.exchange("品牌", "wrong")) == "login_needed"
    assert (room.state(), room.syncing.connections()[0].error) == ("login_needed", "login_needed")
    assert room.syncing.test("品牌").state == "ok"
    assert room.syncing.connections()[0].error is None


# ---------------------------------------------------------------- runs


def test_streams_are_pulled_in_the_catalogues_order_and_know_what_came_before(room: Room) -> None:
    room.connect()
    room.told.script = {("品牌", "campaigns"): [page(1, 2, cursor="a"), page(3, cursor="b")]}
    room.heard.clear()
    runs = room.syncing.run()
    assert room.states(runs) == [("品牌", name, "ok", None) for name in STREAMS]
    assert (runs[0].pages, runs[0].received, runs[0].inserted, runs[0].to_cursor, runs[0].requests) == (2, 3, 3, "b", 2)
    assert room.told.seen == ["1", "2", "3"]
    assert [type(one) for one in room.heard[:4]][-1] is SyncChanged
    assert {CreatorsChanged, OperationRecorded, SyncChanged} <= set(map(type, room.heard))
    assert [one.code for one in room.syncing.log(runs[0].id)] == ["retry", "retry"]
    assert [one.id for one in room.syncing.runs()] == [one.id for one in reversed(runs)]
    room.syncing.run(streams=["campaigns"], full=True)
    assert room.told.asked[-1] == ("品牌", "campaigns", "b", True)
    assert room.told.closed == 4


def test_rows_that_are_missing_or_rejected_are_told(room: Room) -> None:
    room.connect()
    bad = Refused("9", "name", "type_changed", '{"id": 9}')
    room.told.script = {("品牌", "campaigns"): [page(1, rejected=(bad,))], ("品牌", "orders"): [page(2, missing=3)]}
    runs = room.syncing.run()
    assert [(one.state, one.rejected, one.missing) for one in runs] == [("ok", 1, 0), ("partial", 0, 3), ("ok", 0, 0)]
    assert [one.refused for one in room.syncing.rejected(runs[0].id)] == [bad]


def test_a_stream_that_fails_stops_neither_the_others_nor_other_connections(room: Room) -> None:
    room.connect()
    room.connect("二")
    room.told.script = {("品牌", "campaigns"): [page(1, cursor="a"), PlatformError("unexpected_answer", found="text/html")]}
    runs = room.syncing.run()
    assert room.states(runs) == [
        ("二", "campaigns", "ok", None), ("二", "orders", "ok", None), ("二", "info", "ok", None),
        ("品牌", "campaigns", "failed", "unexpected_answer"), ("品牌", "orders", "ok", None), ("品牌", "info", "ok", None),
    ]  # fmt: skip
    assert runs[3].details == {"found": "text/html"}
    assert runs[3].inserted == 1
    assert room.told.asked[-2][:2] == ("品牌", "orders")
    assert room.state() == "ok"
    room.syncing.run(["品牌"], ["campaigns"])
    assert room.told.asked[-1] == ("品牌", "campaigns", "a", False)


@pytest.mark.parametrize(
    ("code", "state"), [("login_needed", "login_needed"), ("disconnected", "disconnected"), ("keyring_locked", "locked"), ("offline", "ok")]
)
def test_an_error_of_the_connection_is_met_once_and_kept(room: Room, code: str, state: str) -> None:
    room.connect()
    room.connect("二")
    room.told.script = {("品牌", "campaigns"): [PlatformError(code)]}
    runs = room.syncing.run()
    assert room.states(runs)[3:] == [("品牌", "campaigns", "failed", code)]
    assert len(runs) == 4
    assert (room.state(), room.state("二")) == (state, "ok")
    assert [one.failures for one in room.syncing.schedule() if one.connection == "品牌"] == [1, 1, 1]
    room.told.script = {}
    assert room.states(room.syncing.run(["品牌"]))[0][2] == "ok"
    assert room.state() == "ok"


def test_a_platform_that_asks_to_wait_is_left_alone_until_then(room: Room) -> None:
    room.connect()
    until = NOW + 24 * HOUR * SECOND
    room.told.script = {("品牌", "orders"): [PlatformError("rate_limited", until=until)]}
    runs = room.syncing.run()
    assert room.states(runs) == [("品牌", "campaigns", "ok", None), ("品牌", "orders", "parked", "rate_limited")]
    assert (room.state(), room.syncing.connections()[0].parked_until) == ("parked", until)
    asked = len(room.told.asked)
    again = room.syncing.run()
    assert room.states(again) == [("品牌", name, "parked", "rate_limited") for name in STREAMS]
    assert again[0].details == {"until": until}
    assert len(room.told.asked) == asked
    assert room.syncing.run_due() == []
    assert min(one.next_at or 0 for one in room.syncing.schedule()) == until
    room.told.script = {}
    room.tick(25 * HOUR)
    assert room.states(room.syncing.run_due())[0][2] == "ok"
    assert room.state() == "ok"


def test_cancelling_keeps_what_was_finished_and_stops_all(room: Room) -> None:
    room.connect()
    room.connect("二")

    class Stop(Quiet):
        def progress(self, phase: str, done: int, total: int | None = None) -> None:  # noqa: ARG002 (as Job)
            self.done = done

        done = 0

        def check(self) -> None:
            if self.done >= 2:
                raise CancelledError

    room.told.script = {("二", "campaigns"): [page(1, cursor="a"), page(2, cursor="b"), page(3, cursor="c")]}
    runs = room.syncing.run(job=Stop())
    assert room.states(runs) == [("二", "campaigns", "cancelled", None)]
    assert runs[0].to_cursor == "b"
    assert room.told.closed == 1
    assert [one.failures for one in room.syncing.schedule()][:1] == [0]


def test_what_somebody_else_pulls_is_not_pulled(room: Room) -> None:
    room.connect()
    with room.store.exclusive(room.syncing.connections()[0]):
        assert room.states(room.syncing.run()) == [("品牌", "campaigns", "failed", "sync_running")]
        assert code_of(lambda: room.syncing.remove("品牌")) == "sync_running"
    assert room.told.asked == []


def test_a_dry_run_tells_and_keeps_nothing(room: Room) -> None:
    room.connect()
    room.told.script = {("品牌", "campaigns"): [page(1, 2)]}
    before = room.house.info(with_hash=True).content_hash
    runs = room.syncing.run(dry_run=True)
    assert [(one.id, one.state, one.inserted) for one in runs] == [(0, "ok", 2), (0, "ok", 0), (0, "ok", 0)]
    assert room.house.info(with_hash=True).content_hash == before
    assert room.syncing.runs() == []
    room.told.script = {("品牌", "campaigns"): [PlatformError("offline")]}
    assert room.states(room.syncing.run(dry_run=True)) == [("品牌", "campaigns", "failed", "offline")]
    assert room.syncing.connections()[0].error is None


def test_a_dry_run_goes_on_from_what_it_read(room: Room) -> None:
    room.connect()
    room.told.script = {("品牌", "campaigns"): [page(2, 10), page(1)]}
    room.syncing.run(dry_run=True)
    assert room.told.seen == ["1", "10", "2"]
    room.syncing.run(streams=["campaigns"])
    room.told.script = {("品牌", "campaigns"): [page(2, 3)]}
    room.syncing.run(dry_run=True)
    assert room.told.seen == ["1", "10", "2", "3"]


def test_a_stream_is_not_pulled_before_those_that_bring_what_it_asks_about(room: Room) -> None:
    """Alone on a new connection it would find nothing to ask about, and say that all is well."""
    room.connect(platform="mall")
    room.told.script = {("品牌", "campaigns"): [page(1)]}
    assert [one.stream for one in room.syncing.run(streams=["orders"], dry_run=True)] == ["shops", "campaigns", "orders"]
    assert [one.stream for one in room.syncing.run(streams=["campaigns"])] == ["shops", "campaigns"]
    assert [one.stream for one in room.syncing.run(streams=["orders"])] == ["orders"]
    room.house.undo(room.house.operations("sync.")[0].id, Actor("某人"), NOW, Quiet())
    assert [one.stream for one in room.syncing.run(streams=["orders"])] == ["campaigns", "orders"]


def test_a_run_taken_back_while_it_runs_is_cancelled(room: Room) -> None:
    room.connect()

    def pages() -> Iterator[Step]:
        yield page(1, cursor="a")
        room.house.undo(room.house.operations("sync.")[0].id, Actor("某人"), NOW, Quiet())
        yield page(2, cursor="b")

    room.told.script = {("品牌", "campaigns"): pages()}  # type: ignore[dict-item]
    assert room.states(room.syncing.run()) == [("品牌", "campaigns", "cancelled", None)]
    assert room.house.info(with_hash=False).counts["campaigns"] == 0


def test_a_platform_that_this_program_no_longer_knows_has_no_streams(room: Room) -> None:
    room.connect()
    connection = room.syncing.connections()[0]
    room.store.add(replace(connection, name="旧", platform="gone"), Actor("某人"), NOW)
    assert {one.connection for one in room.syncing.run()} == {"品牌"}
    assert {one.connection for one in room.syncing.schedule()} == {"品牌"}


def test_a_conflict_is_decided_and_announced(room: Room) -> None:
    room.connect()
    room.told.script = {("品牌", "campaigns"): [page(1)]}
    room.syncing.run(streams=["campaigns"])
    with room.store.engine.begin() as connection:
        connection.exec_driver_sql("update campaign set name = '我们的'")
    room.told.script = {("品牌", "campaigns"): [Page("campaigns", [record(1, name="平台的")], "x", 1)]}
    room.syncing.run(streams=["campaigns"])
    found = room.syncing.conflicts()
    assert [(one.mine, one.theirs, one.subject) for one in found] == [("我们的", "平台的", "我们的")]
    room.heard.clear()
    assert room.syncing.resolve(found[0].id, mine=False)
    assert {OperationRecorded, SyncChanged} <= set(map(type, room.heard))
    assert room.syncing.conflicts() == []
    assert room.syncing.drift() == []
    assert code_of(lambda: room.syncing.resolve(found[0].id, mine=True)) == "unknown_conflict"


# ---------------------------------------------------------------- when


def test_what_is_due_is_pulled_and_then_not_due(room: Room) -> None:
    assert room.syncing.due() == []
    room.syncing.add("star", "品牌")
    assert room.syncing.due() == []  # nobody has signed in
    room.syncing.exchange("品牌", "code")
    assert [one.stream for one in room.syncing.due()] == list(STREAMS)
    assert len(room.syncing.run_due()) == 3
    assert room.syncing.due() == []
    room.tick(6 * HOUR + 60)
    assert [one.stream for one in room.syncing.due()] == list(STREAMS)


def test_an_interval_of_ones_own_goes_before_the_catalogues(room: Room) -> None:
    room.connect()
    room.syncing.run()
    room.syncing.set_schedule("品牌", None, HOUR)
    room.syncing.set_schedule("品牌", "orders", 0)
    assert [(one.stream, one.every_seconds) for one in room.syncing.schedule()] == [("campaigns", HOUR), ("orders", 0), ("info", HOUR)]
    room.tick(HOUR + 60)
    assert [one.stream for one in room.syncing.due()] == ["campaigns", "info"]
    assert [one.next_at for one in room.syncing.schedule() if one.stream == "orders"] == [None]


def test_being_offline_is_tried_again_after_a_while(room: Room) -> None:
    room.connect()
    room.told.script = {("品牌", "campaigns"): [PlatformError("offline")]}
    room.syncing.run_due()
    assert room.syncing.due() == []
    room.told.script = {}
    room.tick(5 * 60 + 60)
    assert [one.state for one in room.syncing.run_due()] == ["ok", "ok", "ok"]
    assert room.syncing.connections()[0].error is None


def test_a_connection_that_waits_for_a_sign_in_is_not_tried_by_itself(room: Room) -> None:
    room.connect()
    room.told.script = {("品牌", "campaigns"): [PlatformError("login_needed")]}
    room.syncing.run_due()
    room.tick(72 * HOUR)
    assert room.syncing.due() == []
    room.syncing.exchange("品牌", "code")
    assert len(room.syncing.due()) == 3
