# SPDX-License-Identifier: Apache-2.0
"""Pages that platforms tell, taken in with their cursors, merged with local edits, taken back; on both engines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app.errors import CancelledError, PlatformError, UsageError
from app.files import ImportRequest
from app.jobs import Quiet
from app.usecases.syncing import Connection, Counted, Drift, Line, Page, Record, Refused, Run
from app.values import WorkspaceRef
from db import bulk, maintenance
from db.engine import reading, writing
from db.stores.facts import FactStore
from db.stores.syncing import SyncingStore
from db.writers import edits
from db.writers.operations import Log
from tests.db.conftest import ACTOR, NOON, File, Shop, koc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[2]
BIG = 7_000_000_000_000_000_000
"""Beyond what a float holds."""


def campaign(number: int, **fields: Any) -> Record:
    told = {"account": "88", "name": f"活动{number}", "status": "running", "source_kind": "campaign", "started_at": NOON, **fields}
    return Record("campaigns", str(number), told, {"campaign_id": number})


def order(number: int, **fields: Any) -> Record:
    told = {
        "account": "88", "campaign_key": "1", "platform": "douyin", "platform_uid": str(BIG + number), "name": f"达人{number}", "state": "running",
        "source_state": "10", "ordered_at": NOON - number, **fields,
    }  # fmt: skip
    return Record("collaborations", str(BIG * 2 + number), told, {"order_id": str(number), "author_name": f"达人{number}"})


def page(*records: Record, cursor: str = "c", kind: str | None = None, **more: Any) -> Page:
    return Page(kind or records[0].kind, records, cursor, more.pop("received", len(records)), **more)


@dataclass
class Desk:
    """A workspace with a connection, and pages told to it."""

    shop: Shop
    platform: str = "oceanengine"
    named: str = "星图"
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = SyncingStore(self.shop.engine, self.shop.ref)
        self.connection = self.store.add(Connection(0, self.named, self.platform, "new"), ACTOR, self.shop.tick())

    def begin(self, stream: str = "orders", *, full: bool = False) -> Run:
        return self.store.begin(self.connection, stream, full=full, now=self.shop.tick())

    def pull(self, *pages: Page, stream: str = "orders", state: str = "ok", full: bool = False) -> list[Counted]:
        run = self.begin(stream, full=full)
        counted = [self.store.accept(run, one, ACTOR, self.shop.tick()) for one in pages]
        received = sum(one.received for one in pages)
        self.runs.append(self.store.end(replace(run, state=state, received=received), (), self.shop.tick()))
        return counted

    @property
    def last(self) -> Run:
        return self.runs[-1]

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with reading(self.shop.engine) as connection:
            return [tuple(row) for row in bulk.fetch(connection, statement, *values)]

    def edit(self, table: str, row: int, **values: Any) -> int:
        """A person changes something here."""
        with writing(self.shop.engine) as connection:
            log = Log(connection, "creator.set", ACTOR, self.shop.tick())
            edits.set_fields(log, table, [row], values)
            return log.finish({"fields": list(values)})

    def known(self, kind: str) -> dict[str, Any]:
        return {one.key: dict(one.fields) for one in self.store.look(self.connection).known(kind)}

    def cursor(self, stream: str = "orders") -> str | None:
        return self.store.cursor(self.connection, stream)


@pytest.fixture
def desk(shop: Shop) -> Desk:
    return Desk(shop)


@pytest.fixture
def here(file: Shop) -> Desk:
    """On a file."""
    return Desk(file)


# ---------------------------------------------------------------- taking in


def test_orders_bring_campaigns_creators_and_collaborations(desk: Desk) -> None:
    assert desk.pull(page(campaign(1), campaign(2)), stream="campaigns") == [Counted(inserted=2)]
    assert desk.pull(page(order(1), order(2, campaign_key="2"), order(3))) == [Counted(inserted=3)]
    counts = desk.shop.house.info(with_hash=False).counts
    assert (counts["campaigns"], counts["collaborations"], counts["creators"]) == (2, 3, 3)
    rows = desk.rows("select t.source_id, k.name, c.name, a.platform_uid, t.state from collaboration t join campaign k on k.id = t.campaign_id"
                     " join creator c on c.id = t.creator_id join account a on a.id = t.account_id order by t.id")  # fmt: skip
    assert rows[0] == (str(BIG * 2 + 1), "活动1", "达人1", str(BIG + 1), "running")
    assert rows[1][1] == "活动2"
    assert desk.shop.ids(search="达人3") == [3]
    assert desk.cursor() == "c"
    assert (desk.last.inserted, desk.last.pages, desk.last.state) == (3, 1, "ok")
    assert desk.shop.faults() == []


def test_the_same_page_again_changes_nothing_and_makes_no_operation(desk: Desk) -> None:
    desk.pull(page(*map(order, range(1, 50)), cursor="a"))
    before, audited = desk.shop.hash(), desk.rows("select count(*) from audit")
    assert desk.pull(page(*map(order, range(1, 50)), cursor="b")) == [Counted(unchanged=49)]
    assert desk.shop.hash() == before
    assert desk.last.operation_id is None
    assert desk.rows("select count(*) from audit") == audited
    assert desk.cursor() == "b"


def test_one_operation_for_a_run_with_each_page_sealed(desk: Desk) -> None:
    audited = desk.rows("select count(*) from audit")[0][0]
    desk.pull(*(page(*(order(first + at) for at in range(5)), cursor=str(first)) for first in (1, 11, 21)))
    operations = desk.shop.house.operations("sync.")
    assert [one.kind for one in operations] == ["sync.oceanengine.orders"]
    assert operations[0].summary == {
        "connection": "星图", "stream": "orders", "records": "collaborations", "pages": 3, "read": 15, "inserted": 15, "updated": 0, "unchanged": 0, "rejected": 0,
    }  # fmt: skip
    assert desk.rows("select count(*) from audit")[0][0] == audited + 3
    # Rows of many pages stay few ranges.
    assert desk.rows("select count(*) from inserted where table_name = 'collaboration'") == [(1,)]
    assert all(check.ok for check in desk.shop.house.verify_audit())


def test_a_remote_change_is_taken_and_only_that(desk: Desk) -> None:
    desk.pull(page(*map(order, range(1, 5))))
    assert desk.pull(page(order(1, state="done"), order(2), order(3, source_state="11"), order(5))) == [Counted(inserted=1, updated=2, unchanged=1)]
    assert desk.rows("select state, source_state from collaboration order by id") == [
        ("done", "10"),
        ("running", "10"),
        ("running", "11"),
        ("running", "10"),
        ("running", "10"),
    ]


def test_streams_of_one_kind_add_up_in_what_is_known(desk: Desk) -> None:
    desk.pull(page(order(1)))
    told = Record(
        "collaborations", str(BIG * 2 + 1), {"platform": "douyin", "platform_uid": str(BIG + 1), "total_fen": 500, "fee_fen": 450}, {"precise_total": "5.00"}
    )
    assert desk.pull(page(told), stream="order_info") == [Counted(updated=1)]
    assert desk.known("collaborations")[str(BIG * 2 + 1)]["total_fen"] == 500
    assert desk.known("collaborations")[str(BIG * 2 + 1)]["state"] == "running"
    raw = json.loads(desk.rows("select raw from remote_record where kind = 'collaborations'")[0][0])
    assert raw == {"orders": {"order_id": "1", "author_name": "达人1"}, "order_info": {"precise_total": "5.00"}}
    assert desk.rows("select total_fen, state from collaboration") == [(500, "running")]


def test_what_came_before_what_it_hangs_on_gives_the_same_workspace(shops: Callable[[str], Shop]) -> None:
    one, other = Desk(shops("sqlite")), Desk(shops("sqlite"))
    one.pull(page(campaign(1)), stream="campaigns")
    one.pull(page(order(1), order(2)))
    other.pull(page(order(2), order(1)))
    assert one.shop.hash() != other.shop.hash()
    assert other.pull(page(campaign(1)), stream="campaigns") == [Counted(updated=1)]
    assert one.shop.hash() == other.shop.hash()


def test_everything_a_platform_tells_has_one_hash_on_both_engines(shops: Callable[[str], Shop]) -> None:
    hashes = set()
    for engine in ("sqlite", "postgresql"):
        desk = Desk(shops(engine))
        desk.pull(*_world())
        assert desk.shop.faults() == []
        hashes.add(desk.shop.hash())
    assert len(hashes) == 1


def _world() -> list[Page]:
    """A page of every kind."""
    post = {"content_id": "v1", "platform": "douyin", "platform_uid": str(BIG + 1)}
    return [
        page(Record("granted", "88", {"name": "品牌", "role": "STAR", "valid": True}), whole={}),
        page(campaign(1), campaign(2, status="done")),
        page(order(1), order(2), order(3, campaign_key="2", name="改名")),
        page(order(1, content_id="v1"), Record("contents", "v1", {**post, "name": "达人1", "title": "新品", "published_at": NOON, "url": "https://v/1"})),
        page(
            Record("collaborations", str(BIG * 2 + 1), {"platform": "douyin", "platform_uid": str(BIG + 1), "total_fen": 1050, "paid_fen": 1050}),
            _cost(1, "fee", 1000), _cost(1, "platform_fee", 50),
        ),
        page(Record("metrics", "v1:1", {**post, "as_of": NOON, "views": 100, "likes": 3}), Record("metrics", "v1:2", {**post, "as_of": NOON + 9, "views": 120})),
        page(_sale("v1", 1, 99), _sale("v1", 2, 1), whole={"task_key": "T"}),
        page(_bill(1, 5), _bill(2, 6), whole={"account": "88"}),
    ]  # fmt: skip


def _cost(number: int, kind: str, fen: int, **more: Any) -> Record:
    key = f"oceanengine:{BIG * 2 + number}:{kind}"
    told = {"cost_id": key, "kind": kind, "amount_fen": fen, "platform": "douyin", "platform_uid": str(BIG + number), "currency": "CNY", "incurred_at": NOON}
    return Record("costs", key, {**told, "content_id": "v1", "campaign": "活动1", **more})


def _sale(content: str, position: int, fen: int) -> Record:
    told = {"task_key": "T", "content_id": content, "bill_time": NOON, "position": position, "amount_fen": fen}
    return Record("cps", f"T:{content}:{NOON}:{position}", told)


def _bill(number: int, fen: int) -> Record:
    told = {"account": "88", "order_key": str(BIG * 2 + number), "total_fen": fen, "fee_fen": fen, "platform_fee_fen": 0, "remaining_fen": fen}
    return Record("bills", str(BIG * 2 + number), told)


def test_costs_and_figures_of_orders_are_facts_like_those_of_files(desk: Desk) -> None:
    desk.pull(*_world())
    assert desk.rows("select kind, amount_fen, campaign from cost_entry order by id") == [("fee", 1000, "活动1"), ("platform_fee", 50, "活动1")]
    assert desk.rows("select sum(fixed_fen) from creator_return where month = 0 and creator_id = 1") == [(1050,)]
    assert desk.rows("select views, likes from content_metric order by as_of") == [(100, 3), (120, None)]
    assert desk.pull(page(_cost(1, "fee", 700))) == [Counted(updated=1)]
    assert desk.rows("select sum(fixed_fen) from creator_return where month = 0 and creator_id = 1") == [(750,)]
    before = desk.shop.hash()
    desk.pull(*_world()[:4])
    assert desk.shop.hash() == before
    assert desk.shop.faults() == []


def test_a_creator_that_the_roster_knows_keeps_the_name_it_has_there(desk: Desk) -> None:
    desk.shop.take({"platform": "douyin", "platform_uid": str(BIG + 1), "name": "老王"})
    desk.pull(page(order(1)))
    assert [row.name for row in desk.shop.creators.rows(desk.shop.ids())] == ["老王"]
    assert desk.rows("select creator_id from collaboration") == [(1,)]
    assert desk.store.conflicts() == []


def test_two_connections_that_see_one_order_keep_one_row(desk: Desk) -> None:
    desk.pull(page(order(1)))
    other = Desk(desk.shop, named="星图二号")
    assert other.pull(page(order(1))) == [Counted(unchanged=1)]
    assert desk.rows("select count(*) from collaboration") == [(1,)]


def test_a_platform_connected_anew_goes_on_from_what_was_told_before(desk: Desk) -> None:
    desk.pull(page(order(1)))
    desk.edit("collaboration", 1, title="我们的题目")
    desk.store.remove(desk.connection, ACTOR, desk.shop.tick())
    assert desk.store.connections() == []
    again = Desk(desk.shop)
    assert again.connection.id != desk.connection.id
    assert again.cursor() is None
    assert again.pull(page(order(1, state="done"))) == [Counted(updated=1)]
    assert desk.rows("select state, title from collaboration") == [("done", "我们的题目")]


# ---------------------------------------------------------------- rows and cursor


def test_rows_and_cursor_stand_together_or_not_at_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.pull(page(order(1), cursor="one"))
    before = desk.shop.hash()
    run = desk.begin()
    monkeypatch.setattr("db.stores.syncing.runs.count", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        desk.store.accept(run, page(order(2), cursor="two"), ACTOR, desk.shop.tick())
    assert desk.cursor() == "one"
    assert desk.shop.hash() == before
    assert desk.known("collaborations").keys() == {str(BIG * 2 + 1)}


_KILLED = """
import os, signal, sys
from tests.db.test_syncing import *
ref = WorkspaceRef(sys.argv[1])
engine, _ = maintenance.open_engine(ref)
store, done = SyncingStore(engine, ref), int(sys.argv[2])
connection = store.connections()[0]
with store.exclusive(connection):
    at = int(store.cursor(connection, "orders") or 0)
    run = store.begin(connection, "orders", full=False, now=NOON + 10 + at)
    for step in range(at, 6):
        store.accept(run, page(*(order(step * 10 + one) for one in range(1, 11)), cursor=str(step + 1)), ACTOR, NOON + 100 + step)
        if step + 1 == done:
            os.kill(os.getpid(), signal.SIGKILL)
    store.end(replace(run, state="ok"), (), NOON + 1000)
engine.dispose()
"""


def test_a_run_killed_after_any_page_goes_on_there_and_ends_alike(tmp_path: Path) -> None:
    hashes = set()
    for killed in (0, 1, 3, 6):
        path = tmp_path / f"{killed}.koc"
        ref = WorkspaceRef(str(path))
        desk = Desk(Shop(maintenance.create(ref, NOON), ref))
        for done in (killed, 0) if killed else (0,):
            ended = subprocess.run(
                [sys.executable, "-c", textwrap.dedent(_KILLED), str(path), str(done)], cwd=ROOT, check=False, capture_output=True, text=True
            )
            assert ended.returncode == (-signal.SIGKILL if done else 0), ended.stderr
            if done:
                assert desk.cursor() == str(done)
                assert desk.rows("select count(*) from collaboration") == [(done * 10,)]
                assert desk.store.runs()[0].state == "running"
        runs = desk.store.runs()
        assert runs[0].state == "ok"
        assert [one.error for one in runs[1:]] == (["interrupted"] if killed else [])
        assert desk.shop.faults() == []
        hashes.add(desk.shop.hash())
        desk.shop.house.close()
    assert len(hashes) == 1


def test_a_connection_is_pulled_by_one_at_a_time(desk: Desk) -> None:
    other = Desk(desk.shop, named="另一个")
    with desk.store.exclusive(desk.connection):
        with pytest.raises(PlatformError) as error, desk.store.exclusive(desk.connection):
            pass
        assert error.value.code == "sync_running"
        with other.store.exclusive(other.connection):
            pass
    with desk.store.exclusive(desk.connection):
        pass


def test_a_run_is_under_way_while_somebody_holds_its_connection(desk: Desk) -> None:
    """After a kill the status said 同步中 until somebody pulled again."""
    desk.begin()
    with desk.store.exclusive(desk.connection):
        desk.store.mend(desk.shop.tick())
        assert [one.state for one in desk.store.runs()] == ["running"]
    desk.store.mend(desk.shop.tick())
    assert [(one.state, one.error) for one in desk.store.runs()] == [("failed", "interrupted")]


def test_a_process_that_dies_frees_its_connection(here: Desk) -> None:
    script = """
    import os, signal, sys
    from tests.db.test_syncing import *
    ref = WorkspaceRef(sys.argv[1])
    engine, _ = maintenance.open_engine(ref)
    store = SyncingStore(engine, ref)
    with store.exclusive(store.connections()[0]):
        print("held", flush=True)
        sys.stdin.read()
    """
    words = [sys.executable, "-c", textwrap.dedent(script), here.shop.ref.address]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(PlatformError), here.store.exclusive(here.connection):
            pass
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    with here.store.exclusive(here.connection):
        pass


# ---------------------------------------------------------------- conflicts


def test_a_local_edit_lives_on_while_the_source_says_nothing_new(desk: Desk) -> None:
    desk.pull(page(order(1, title="题目")))
    desk.edit("collaboration", 1, title="我们的题目")
    assert desk.pull(page(order(1, title="题目", state="done"))) == [Counted(updated=1)]
    assert desk.rows("select title, state from collaboration") == [("我们的题目", "done")]
    assert desk.store.conflicts() == []


def _conflict(desk: Desk) -> int:
    desk.pull(page(order(1, title="题目")))
    desk.edit("collaboration", 1, title="我们的题目")
    assert desk.pull(page(order(1, title="平台的题目", state="done"))) == [Counted(updated=1, conflicts=1)]
    found = desk.store.conflicts()
    assert [(one.field, one.base, one.mine, one.theirs, one.connection) for one in found] == [("title", "题目", "我们的题目", "平台的题目", "星图")]
    return found[0].id


def test_what_both_sides_changed_waits_for_a_decision_and_ours_stays_meanwhile(desk: Desk) -> None:
    _conflict(desk)
    assert desk.rows("select title, state from collaboration") == [("我们的题目", "done")]
    assert desk.pull(page(order(1, title="平台的题目", state="done"))) == [Counted(unchanged=1)]
    assert len(desk.store.conflicts()) == 1


def test_a_decision_for_ours_holds_until_the_source_changes_again(desk: Desk) -> None:
    assert desk.store.resolve(_conflict(desk), mine=True, actor=ACTOR, now=desk.shop.tick()) == 0
    assert desk.store.conflicts() == []
    desk.pull(page(order(1, title="平台的题目", state="cancelled")))
    assert desk.rows("select title from collaboration") == [("我们的题目",)]
    assert desk.store.conflicts() == []
    assert desk.pull(page(order(1, title="又一个"))) == [Counted(updated=1, conflicts=1)]
    assert [(one.base, one.mine, one.theirs) for one in desk.store.conflicts()] == [("平台的题目", "我们的题目", "又一个")]


def test_a_decision_for_theirs_is_an_operation_that_can_be_taken_back(desk: Desk) -> None:
    number = _conflict(desk)
    before = desk.shop.hash()
    operation = desk.store.resolve(number, mine=False, actor=ACTOR, now=desk.shop.tick())
    assert desk.rows("select title from collaboration") == [("平台的题目",)]
    assert desk.store.conflicts() == []
    desk.shop.undo(operation)
    assert desk.rows("select title from collaboration") == [("我们的题目",)]
    assert [one.id for one in desk.store.conflicts()] == [number]
    assert desk.shop.hash() == before
    desk.shop.redo(operation)
    assert desk.store.conflicts() == []
    with pytest.raises(UsageError):
        desk.store.resolve(number, mine=True, actor=ACTOR, now=desk.shop.tick())


@pytest.mark.parametrize("told", ["我们的题目", "题目"], ids=["as ours", "as before"])
def test_a_source_that_comes_round_ends_the_conflict(desk: Desk, told: str) -> None:
    _conflict(desk)
    desk.pull(page(order(1, title=told, state="done")))
    assert desk.store.conflicts() == []
    assert desk.rows("select title from collaboration") == [("我们的题目",)]
    assert desk.rows("select resolution from conflict") == [("agreed",)]


def test_a_conflict_follows_what_the_source_says_next(desk: Desk) -> None:
    number = _conflict(desk)
    desk.pull(page(order(1, title="第三个", state="done")))
    assert [(one.id, one.base, one.theirs) for one in desk.store.conflicts()] == [(number, "题目", "第三个")]


def test_ours_that_comes_to_say_what_theirs_says_needs_no_decision(desk: Desk) -> None:
    _conflict(desk)
    desk.edit("collaboration", 1, title="平台的题目")
    assert desk.store.conflicts() == []


def test_the_name_of_a_creator_changed_here_and_there(desk: Desk) -> None:
    desk.pull(page(order(1)))
    desk.shop.creators.edit([1], {"name": "王老师"}, ACTOR, desk.shop.tick(), None)
    assert desk.pull(page(order(1, name="小王探店"))) == [Counted(unchanged=1, conflicts=1)]
    one = desk.store.conflicts()[0]
    assert (one.kind, one.field, one.base, one.mine, one.theirs, one.subject) == ("creators", "name", "达人1", "王老师", "小王探店", "王老师")
    operation = desk.store.resolve(one.id, mine=False, actor=ACTOR, now=desk.shop.tick())
    assert desk.shop.row(1).name == "小王探店"
    assert desk.shop.ids(search="小王探") == [1]
    desk.shop.undo(operation)
    assert desk.shop.ids(search="王老师") == [1]
    assert desk.shop.faults() == []


def test_an_amount_corrected_here_and_there(desk: Desk) -> None:
    desk.pull(page(order(1)), page(_cost(1, "fee", 1000)))
    desk.edit("cost_entry", 1, amount_fen=900)
    assert desk.pull(page(_cost(1, "fee", 1100))) == [Counted(unchanged=1, conflicts=1)]
    assert desk.rows("select amount_fen from cost_entry") == [(900,)]
    number = desk.store.conflicts()[0].id
    desk.store.resolve(number, mine=False, actor=ACTOR, now=desk.shop.tick())
    assert desk.rows("select fixed_fen from creator_return where month = 0") == [(1100,)]
    assert desk.shop.faults() == []


def test_a_campaign_that_was_chosen_here_and_there(desk: Desk) -> None:
    desk.pull(page(campaign(1), campaign(2), campaign(3)), page(order(1)))
    desk.edit("collaboration", 1, campaign_id=2)
    desk.pull(page(order(1, campaign_key="3")))
    one = desk.store.conflicts()[0]
    assert (one.field, one.base, one.mine, one.theirs) == ("campaign_key", "1", "2", "3")
    desk.store.resolve(one.id, mine=False, actor=ACTOR, now=desk.shop.tick())
    assert desk.rows("select campaign_id from collaboration") == [(3,)]


def test_what_was_deleted_here_comes_back_only_if_the_source_changes_it(desk: Desk) -> None:
    desk.pull(page(order(1), order(2)))
    with writing(desk.shop.engine) as connection:
        bulk.delete(connection, "collaboration", [1, 2])
    assert desk.pull(page(order(1), order(2, state="done"))) == [Counted(inserted=1, unchanged=1)]
    assert desk.rows("select source_id, state, ordered_at from collaboration") == [(str(BIG * 2 + 2), "done", NOON - 2)]


# ---------------------------------------------------------------- taking back


def test_taking_back_a_run_leaves_what_was_before_and_reads_again(desk: Desk) -> None:
    empty = desk.shop.hash()
    desk.pull(page(campaign(1)), stream="campaigns")
    desk.pull(page(order(1), order(2), cursor="one"))
    first, before = desk.last, desk.shop.hash()
    desk.pull(page(order(2, state="done"), order(3), cursor="two"))
    second, after = desk.last, desk.shop.hash()
    done = desk.shop.undo(second.operation_id)
    assert (done.inserted_removed, done.updates_reverted, done.kept) == (1, 1, ())
    assert desk.shop.hash() == before
    assert desk.cursor() == "one"
    assert desk.pull(page(order(2, state="done"), order(3), cursor="two")) == [Counted(inserted=1, updated=1)]
    assert desk.shop.hash() == after
    for one in desk.shop.house.operations("sync."):
        if one.undone_at is None:
            desk.shop.undo(one.id)
    assert desk.shop.hash() == empty
    assert desk.cursor() is None
    assert desk.known("collaborations") == {}
    assert first.operation_id
    assert desk.shop.faults() == []


def test_everything_is_taken_back_in_any_order(desk: Desk) -> None:
    empty = desk.shop.hash()
    for one in _world():
        desk.pull(one, stream=one.kind)
    desk.pull(*_world()[3:6], stream="again")
    desk.pull(page(_bill(2, 6), whole={"account": "88"}), page(_sale("v1", 1, 98), whole={"task_key": "T"}), stream="bills")
    whole = desk.shop.hash()
    operations = [one.id for one in desk.shop.house.operations("sync.")]
    for number in operations[::2] + operations[1::2]:
        desk.shop.undo(number)
    assert desk.shop.hash() == empty
    assert desk.shop.faults() == []
    for one in _world():
        desk.pull(one, stream=one.kind)
    desk.pull(page(_bill(2, 6), whole={"account": "88"}), page(_sale("v1", 1, 98), whole={"task_key": "T"}), stream="bills")
    assert desk.shop.hash() == whole
    assert desk.shop.faults() == []


def test_done_again_it_stands_again(desk: Desk) -> None:
    desk.pull(page(order(1), order(2)))
    before = desk.shop.hash()
    desk.shop.undo(desk.last.operation_id)
    desk.shop.redo(desk.last.operation_id)
    assert desk.shop.hash() == before
    assert desk.pull(page(order(1), order(2))) == [Counted(unchanged=2)]


def test_a_run_that_is_taken_back_meanwhile_stops(desk: Desk) -> None:
    run = desk.begin()
    desk.store.accept(run, page(order(1), cursor="one"), ACTOR, desk.shop.tick())
    desk.shop.undo(desk.shop.house.operations("sync.")[0].id)
    with pytest.raises(CancelledError):
        desk.store.accept(run, page(order(2), cursor="two"), ACTOR, desk.shop.tick())
    assert desk.cursor() is None
    assert desk.rows("select count(*) from collaboration") == [(0,)]


def test_a_full_run_taken_back_is_read_whole_again(desk: Desk) -> None:
    desk.pull(page(order(1), cursor="one"))
    desk.pull(page(order(1, state="done"), cursor="two"), full=True)
    desk.shop.undo(desk.last.operation_id)
    assert desk.cursor() is None


def test_what_a_file_brought_comes_back_by_sync_after_the_file_is_taken_back(desk: Desk) -> None:
    taken = desk.shop.take({"platform": "douyin", "platform_uid": str(BIG + 1), "name": "达人1"}).operation_id
    creator = Record("creators", f"douyin:{BIG + 1}", {"platform": "douyin", "platform_uid": str(BIG + 1), "name": "达人1", "followers": 5000})
    assert desk.pull(page(creator), stream="channels") == [Counted(updated=1)]
    desk.shop.undo(desk.last.operation_id)
    desk.shop.undo(taken)
    assert desk.shop.ids() == []
    assert desk.pull(page(creator), stream="channels") == [Counted(inserted=1)]
    assert desk.shop.row(2).followers == 5000


def test_a_dry_run_counts_and_keeps_nothing(desk: Desk) -> None:
    desk.pull(page(order(1)))
    before, operations = desk.shop.hash(), len(desk.shop.house.operations())
    assert desk.store.attempt(desk.connection, "orders", page(order(1, state="done"), order(2), cursor="x"), ACTOR, desk.shop.tick()) == Counted(
        inserted=1, updated=1
    )
    assert desk.shop.hash() == before
    assert len(desk.shop.house.operations()) == operations
    assert desk.cursor() == "c"


# ---------------------------------------------------------------- whole answers


def test_a_bill_that_is_not_in_the_answer_is_closed_and_may_come_again(desk: Desk) -> None:
    other = replace(_bill(9, 9), fields={**_bill(9, 9).fields, "account": "99"})
    desk.pull(page(_bill(1, 5), _bill(2, 6), whole={"account": "88"}), page(other, whole={"account": "99"}), stream="bills")
    three = desk.shop.hash()
    desk.pull(page(_bill(2, 6), whole={"account": "88"}), stream="bills")
    assert desk.rows("select source_id, closed_at is null from pending_bill order by id") == [
        (str(BIG * 2 + 1), False), (str(BIG * 2 + 2), True), (str(BIG * 2 + 9), True),
    ]  # fmt: skip
    assert desk.known("bills").keys() == {str(BIG * 2 + 2), str(BIG * 2 + 9)}
    closed = desk.last.operation_id
    desk.shop.undo(closed)
    assert desk.shop.hash() == three
    desk.pull(page(_bill(2, 6), whole={"account": "88"}), stream="bills")
    assert desk.pull(page(_bill(1, 5), _bill(2, 6), whole={"account": "88"}), stream="bills") == [Counted(updated=1, unchanged=1)]
    assert desk.shop.hash() == three
    desk.pull(page(kind="bills", whole={"account": "88"}), stream="bills")
    assert desk.rows("select count(*) from pending_bill where closed_at is null") == [(1,)]


def test_an_answer_that_is_not_whole_closes_nothing(desk: Desk) -> None:
    desk.pull(page(_bill(1, 5), _bill(2, 6), whole={"account": "88"}), stream="bills")
    desk.pull(page(_bill(2, 6)), stream="bills")
    assert desk.rows("select count(*) from pending_bill where closed_at is null") == [(2,)]


def test_sales_on_commission_of_a_task_are_what_the_last_answer_says(desk: Desk) -> None:
    desk.pull(page(_sale("v1", 1, 10), _sale("v1", 2, 20), _sale("v2", 1, 5), whole={"task_key": "T"}), stream="cps")
    assert desk.rows("select content_id, sum(amount_fen) from cps_sale group by content_id order by content_id") == [("v1", 30), ("v2", 5)]
    assert desk.pull(page(_sale("v1", 1, 20), whole={"task_key": "T"}), stream="cps") == [Counted(updated=1)]
    assert desk.rows("select content_id, sum(amount_fen) from cps_sale group by content_id") == [("v1", 20)]
    assert desk.rows("select count(*) from sale") == [(0,)]


def test_grants_are_known_while_they_are_granted_and_are_no_facts(desk: Desk) -> None:
    empty = desk.shop.hash()
    desk.pull(page(*(Record("granted", key, {"name": key, "role": "STAR", "valid": True}) for key in ("1", "2")), whole={}), stream="accounts")
    assert desk.known("granted").keys() == {"1", "2"}
    desk.pull(page(Record("granted", "2", {"name": "2", "role": "STAR", "valid": False}), whole={}), stream="accounts")
    assert {key: one["valid"] for key, one in desk.known("granted").items()} == {"2": False}
    assert desk.shop.hash() == empty
    assert desk.shop.house.operations("sync.") == []


# ---------------------------------------------------------------- what was not taken, drift, the log


def test_records_that_were_not_taken_are_kept_as_they_came_until_they_are(desk: Desk) -> None:
    bad = Refused(str(BIG * 2 + 7), "total", "bad_number", '{"total": "1.2万万"}')
    assert desk.pull(page(order(1), rejected=(bad,), received=2)) == [Counted(inserted=1, rejected=1)]
    kept = desk.store.rejected()
    assert [(one.refused, one.stream, one.connection, one.run_id) for one in kept] == [(bad, "orders", "星图", desk.last.id)]
    assert desk.last.rejected == 1
    desk.pull(page(order(1), rejected=(bad,), received=2))
    assert len(desk.store.rejected()) == 1
    desk.pull(page(order(7)), stream="order_info")
    assert len(desk.store.rejected()) == 1  # another stream
    desk.pull(page(order(1), order(7)))
    assert desk.store.rejected() == []


def test_what_the_store_cannot_take_is_rejected_and_the_page_goes_on(desk: Desk) -> None:
    nobody = Record("collaborations", "5", {"campaign_key": "1", "state": "running"}, {"order_id": 5})
    assert desk.pull(page(order(1), nobody)) == [Counted(inserted=1, rejected=1)]
    assert [(one.refused.key, one.refused.reason, one.refused.raw) for one in desk.store.rejected()] == [("5", "no_key", '{"order_id":5}')]
    assert "5" not in desk.known("collaborations")
    lost = Record("metrics", "v9:1", {"content_id": "v9", "as_of": NOON, "views": 1})
    assert desk.pull(page(lost), stream="reports") == [Counted(rejected=1)]


def test_drift_is_told_once_per_field_until_it_is_over(desk: Desk) -> None:
    renamed = Drift("fans", "renamed", "follower_num")
    desk.pull(page(order(1), drift=(renamed,)), page(order(2), drift=(renamed, Drift("age", "new"))))
    seen = {(one.drift.field, one.drift.kind, one.drift.other): one.at for one in desk.store.drift()}
    assert seen.keys() == {("fans", "renamed", "follower_num"), ("age", "new", "")}
    desk.pull(page(order(3), drift=(renamed,)))
    assert {(one.drift.field, one.drift.kind, one.drift.other): one.at for one in desk.store.drift()} == seen
    desk.pull(page(order(1), drift=(renamed,)), full=True)
    assert [one.drift for one in desk.store.drift()] == [renamed]


def test_a_run_keeps_its_log_and_why_it_failed(desk: Desk) -> None:
    run = desk.begin()
    ended = desk.store.end(
        replace(run, state="failed", error="offline", details={"host": "api.example"}, requests=4, retries=3),
        [Line(NOON, "retry", {"attempt": 2})],
        desk.shop.tick(),
    )
    assert (ended.state, ended.error, ended.details, ended.requests, ended.retries) == ("failed", "offline", {"host": "api.example"}, 4, 3)
    assert desk.store.lines(run.id) == [Line(NOON, "retry", {"attempt": 2})]
    assert desk.store.runs()[0] == ended
    assert desk.store.look(desk.connection).spent(NOON) == 4
    past = desk.store.pasts()[desk.connection.id, "orders"]
    assert (past.every, past.done_at, past.failures) == (-1, None, 1)
    desk.pull(page(order(1)))
    assert desk.store.pasts()[desk.connection.id, "orders"].failures == 0


def test_the_schedule_of_a_stream_goes_before_that_of_the_connection(desk: Desk) -> None:
    desk.store.set_schedule(desk.connection, None, 3600, NOON)
    desk.store.set_schedule(desk.connection, "orders", 0, NOON)
    assert {stream: past.every for (_, stream), past in desk.store.pasts().items()} == {"": 3600, "orders": 0}
    desk.store.set_schedule(desk.connection, "orders", None, NOON)
    assert {stream: past.every for (_, stream), past in desk.store.pasts().items()} == {"": 3600}
    desk.store.set_schedule(desk.connection, None, 7200, NOON)
    assert {stream: past.every for (_, stream), past in desk.store.pasts().items()} == {"": 7200}


def test_many_records_are_known_page_by_page_in_order(here: Desk) -> None:
    here.pull(*(page(*(order(first + at) for at in range(500)), cursor=str(first)) for first in range(0, 4500, 500)))
    keys = [one.key for one in here.store.look(here.connection).known("collaborations")]
    assert keys == sorted(keys)
    assert len(keys) == 4500
    here.shop.take(koc(7), koc(3))
    assert here.store.look(here.connection).accounts("douyin")[-2:] == sorted(here.store.look(here.connection).accounts("douyin"))[-2:]


# ---------------------------------------------------------------- the workspace as a whole


def test_a_name_is_taken_while_its_connection_stands(desk: Desk) -> None:
    with pytest.raises(UsageError) as error:
        Desk(desk.shop)
    assert error.value.code == "connection_exists"
    changed = replace(desk.connection, state="ok", expires_at=NOON, scopes=("report",), error=None)
    desk.store.change(changed, ACTOR, desk.shop.tick())
    found = desk.store.connections()[0]
    assert (found.state, found.expires_at, found.scopes) == ("ok", NOON, ("report",))


def test_a_backup_holds_what_platforms_told_and_pulls_nothing_by_itself_when_put_back(desk: Desk, tmp_path: Path) -> None:
    desk.pull(*_world())
    desk.store.set_schedule(desk.connection, None, 3600, NOON)
    before = desk.shop.hash()
    archive, target = tmp_path / "b.kocbackup", WorkspaceRef(str(tmp_path / "again.koc"))
    maintenance.backup(desk.shop.engine, desk.shop.ref, archive, NOON, Quiet())
    told = maintenance.restore(archive, target, NOON)
    assert told["paused"] == ["星图"]
    engine, _ = maintenance.open_engine(target)
    again = Shop(engine, target)
    assert again.hash() == before
    assert again.faults() == []
    store = SyncingStore(engine, target)
    assert {key: past.every for key, past in store.pasts().items() if key[1] == ""} == {(desk.connection.id, ""): 0}
    assert store.cursor(desk.connection, "orders") == "c"
    again.house.close()


def test_the_doctor_finds_a_collaboration_that_is_nobodys(here: Desk) -> None:
    here.pull(page(order(1)))
    with writing(here.shop.engine) as connection:
        bulk.run(connection, "update collaboration set account_id = 99")
    assert here.shop.faults() == ["sync"]


def test_a_content_of_a_file_told_by_a_platform_keeps_its_title_and_gets_the_figures(here: Desk) -> None:
    here.shop.take({"platform": "douyin", "platform_uid": str(BIG + 1), "name": "达人1"})
    rows = File([{"platform": "douyin", "platform_uid": str(BIG + 1), "content_id": "v1", "title": "我们的"}])
    FactStore(here.shop.engine).take(rows, ImportRequest(Path("x.csv"), kind="contents"), ACTOR, here.shop.tick(), Quiet())
    post = {"content_id": "v1", "platform": "douyin", "platform_uid": str(BIG + 1)}
    told = page(Record("contents", "v1", {**post, "title": "平台的", "url": "https://v/1", "views": 7}))
    assert here.pull(told) == [Counted(updated=1)]
    assert here.rows("select title, url from content") == [("我们的", "https://v/1")]
    assert here.rows("select views from content_metric") == [(7,)]


def numbers(found: Sequence[Run]) -> list[int]:
    return [one.id for one in found]


def test_runs_are_listed_newest_first(here: Desk) -> None:
    other = Desk(here.shop, named="二")
    here.pull(page(order(1)))
    other.pull(page(order(1)))
    here.pull(page(order(1)))
    assert numbers(here.store.runs()) == [3, 2, 1]
    assert numbers(here.store.runs(other.connection.id)) == [2]
    assert numbers(here.store.runs(limit=1)) == [3]
