# SPDX-License-Identifier: Apache-2.0
"""A person's data: everything in one file, and out of every corner of the workspace; what the law keeps stays without the person."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Text

from app.errors import UsageError
from app.events import Events
from app.files import ImportRequest
from app.jobs import Quiet
from app.rules.rights import Rights
from app.usecases.privacy import Look, Privacy
from app.values import DAY, Stage
from db import attachments, bulk, maintenance
from db.engine import reading, writing
from db.models import Base
from db.stores.facts import FactStore
from db.stores.identity import IdentityStore
from db.stores.privacy import PrivacyStore
from db.writers import audit, erasing, merging
from tests.conftest import ROOT
from tests.db.conftest import NOON, File, Shop, koc
from tests.db.test_returns import sale, sums, take

if TYPE_CHECKING:
    from collections.abc import Iterator

PHONE, EMAIL, WECHAT, NAME, HANDLE, UID = "13912345678", "canary@example.com", "wxcanary99", "金丝雀探店王", "canary_handle", "7788990011"
NOTE, ADDRESS, REASON = "爱吃荔枝的金丝雀", "杭州市西湖区文三路九十九号", "家里有事的金丝雀"
CANARIES = (PHONE, EMAIL, WECHAT, NAME, HANDLE, UID, NOTE, ADDRESS, REASON, "canary-proof", "CANARYRECORD")


def person(shop: Shop) -> int:
    """Somebody of whom something stands in every corner."""
    shop.take(
        koc(1, phone="13800000001", name="别人"),
        {
            **koc(0, "xiaohongshu"),
            "platform_uid": UID,
            "name": NAME,
            "handle": HANDLE,
            "phone": PHONE,
            "email": EMAIL,
            "tags": ("金丝雀的标签",),
            "city": "杭州",
        },
    )
    creator = shop.ids("", NAME)[0]
    shop.creators.edit([creator], {"wechat": WECHAT, "notes": NOTE}, shop.actor, shop.tick(), None)
    shop.creators.edit([creator], {"notes": NOTE + "二"}, shop.actor, shop.tick(), None)
    shop.pipeline.move([creator], Stage.TRIAL, REASON, shop.actor, shop.tick())
    take(shop, "contents", {"platform": "xiaohongshu", "platform_uid": UID, "content_id": "CANARYRECORD1", "published_at": NOON, "title": NAME, "likes": 3})
    take(shop, "sales", sale(1, 1_000, platform="xiaohongshu", platform_uid=UID, content_id="CANARYRECORD1"))
    take(
        shop, "costs", {"cost_id": "k", "platform": "xiaohongshu", "platform_uid": UID, "kind": "fee", "amount_fen": 50, "incurred_at": NOON, "currency": "CNY"}
    )
    event = {"event_id": "e", "platform": "xiaohongshu", "platform_uid": UID, "type": "praised", "happened_at": NOON, "confirmed_at": NOON, "evidence": NOTE}
    take(shop, "events", event)
    with writing(shop.engine) as connection:
        rejected = [(1, 2, "phone", PHONE, "bad_number"), (1, 3, "name", NAME, "too_long")]
        bulk.insert(connection, "rejected", ("operation_id", "row", "field", "value", "code"), rejected)
    return creator


def erase(shop: Shop, creator: int) -> Any:
    return PrivacyStore(shop.engine).erase(creator, "本人要求", shop.actor, shop.tick())


def everything_written(shop: Shop) -> Iterator[tuple[str, bytes]]:
    """All bytes of a workspace: the file with its log, its evidence; of a server every text of every table."""
    if shop.engine.dialect.name == "postgresql":
        with reading(shop.engine) as connection:
            tables = [row[0] for row in connection.exec_driver_sql("select tablename from pg_tables where schemaname = 'public'")]
            for table in tables:
                for row in connection.exec_driver_sql(f'select t::text from "{table}" t'):
                    yield table, str(row[0]).encode()
        return
    path = Path(shop.ref.address)
    for one in [*path.parent.glob(f"{path.name}*")]:
        for file in [one] if one.is_file() else one.rglob("*"):
            yield file.name, file.read_bytes()


def found_in(shop: Shop) -> set[tuple[str, str]]:
    return {(where, canary) for where, content in everything_written(shop) for canary in CANARIES if canary.encode() in content}


# ---------------------------------------------------------------- erasure


def test_nothing_of_an_erased_person_is_found_in_the_workspace(shop: Shop) -> None:
    creator = person(shop)
    if shop.engine.dialect.name == "sqlite":
        proof = Path(shop.ref.address).with_name("canary-proof.txt")
        proof.write_text(NOTE, "utf-8")
        shop.ratings.add_event(creator, "praised", NOON, proof, shop.actor, shop.tick())
        proof.unlink()
        assert len(list(attachments.folder_of(shop.engine).iterdir())) == 1
    before = sums(shop)
    assert found_in(shop)
    done = erase(shop, creator)
    assert done.swept
    assert found_in(shop) == set()
    assert shop.ids("", NAME) == shop.ids("", HANDLE) == []
    row = shop.row(creator)
    assert (row.name, row.phone, row.wechat, row.email, row.city, row.tags, row.stage) == (f"#{creator}", None, None, None, None, (), Stage.ENDED)
    assert sums(shop) == before
    assert {one.table for one in done.kept} == {"sale", "cost_entry", "credit_event"}
    assert done.files == (1 if shop.engine.dialect.name == "sqlite" else 0)
    assert shop.faults() == []
    assert [check.ok for check in shop.house.verify_audit()] == [True]
    assert [row.name for row in shop.creators.rows(shop.ids("", "别人"))] == ["别人"]
    assert shop.row(shop.ids("", "别人")[0]).phone == "13800000001"


def test_an_erasure_is_not_taken_back_and_earlier_work_brings_nothing_back(shop: Shop) -> None:
    creator = person(shop)
    erase(shop, creator)
    operations = shop.house.operations()
    assert operations[0].kind == "person.erase"
    with pytest.raises(UsageError) as error:
        shop.undo(operations[0].id)
    assert error.value.code == "erasure_stays"
    for one in operations[1:]:
        shop.undo(one.id)
    assert shop.faults() == []
    for one in reversed(operations[1:]):
        shop.redo(one.id)
    assert shop.faults() == []
    PrivacyStore(shop.engine).sweep(shop.now)
    assert found_in(shop) == set()


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"platform": "xiaohongshu", "platform_uid": UID, "name": "新名字"}, "platform_uid"),
        ({"platform": "xiaohongshu", "platform_uid": "555", "handle": f"@{HANDLE.upper()}", "name": "x"}, "platform_uid"),
        ({"platform": "douyin", "platform_uid": "556", "name": "x", "phone": f"+86 {PHONE}"}, "phone"),
        ({"platform": "douyin", "platform_uid": "557", "name": "x", "wechat": WECHAT.upper()}, "wechat"),
        ({"platform": "douyin", "platform_uid": "558", "name": "x", "email": EMAIL}, "email"),
    ],
)
def test_no_file_brings_an_erased_person_back(file: Shop, row: dict[str, Any], column: str) -> None:
    creator = person(file)
    erase(file, creator)
    done = file.take(row, koc(9))
    assert [(one.code, one.column) for one in done.rejects] == [("erased", column)]
    assert done.inserted == 1
    if "phone" not in row:
        facts = FactStore(file.engine).take(File([sale(8, 5, **row)]), ImportRequest(Path("s.csv"), kind="sales"), file.actor, file.tick(), Quiet())
        assert facts.inserted <= 1
        assert len(file.ids()) == 3
    with pytest.raises(UsageError) as error:
        file.creators.add(row, file.actor, file.tick())
    assert error.value.code == "person_erased"


def test_who_went_into_an_erased_person_goes_with_him_and_who_was_parted_stays(shop: Shop) -> None:
    creator = person(shop)
    other = shop.ids("", "别人")[0]
    store = IdentityStore(shop.engine)
    apart = store.merge(other, creator, {"name": "b", "notes": "b"}, None, shop.actor, shop.tick())
    store.split(apart.id, shop.actor, shop.tick(), Quiet())
    shop.take({**koc(77, "weibo"), "name": "金丝雀小号", "phone": "13700001111"})
    second = shop.ids("", "金丝雀小号")[0]
    store.merge(creator, second, {}, None, shop.actor, shop.tick())
    erase(shop, creator)
    left = {canary for _, content in everything_written(shop) for canary in (*CANARIES, "金丝雀小号", "13700001111") if canary.encode() in content}
    assert left == set()
    assert shop.row(other).name == "别人"
    assert shop.faults() == []


def test_every_text_that_hangs_on_creators_is_known_to_be_personal_or_not() -> None:
    """A new column of words must be looked at: whether it can tell of a person."""
    plain = {
        "category", "coupon", "owner", "platform", "source", "name", "filed_by", "decided_by", "source_account", "source_id", "task_key", "state", "form",
        "source_state", "code", "previous", "by", "purpose", "text_version", "channel", "withdrawn_by", "direction", "who", "outcome", "voided_by", "cost_id",
        "campaign", "kind", "currency", "event_id", "type", "confirmed_by", "format", "task_code", "cancelled_by", "causes", "anomaly", "step", "submitted_by",
        "decision", "value", "brand", "checked_by", "valid_from", "valid_to", "shop", "order_id", "line_id", "product", "proposed_by", "event_ids", "order_no",
        "sku", "variant", "batch", "carrier", "key_hash", "lifted_by", "mark", "starts_on", "ends_on", "handle_key", "raw",
    }  # fmt: skip
    tables, waiting = {"creator"}, ["creator"]
    while waiting:
        for pointer in merging.pointers(waiting.pop()):
            if pointer.table.name not in tables:
                tables.add(pointer.table.name)
                waiting.append(pointer.table.name)
    unknown = {
        (table, column.name)
        for table in tables
        for column in Base.metadata.tables[table].columns
        if isinstance(column.type, Text) and column.name not in erasing.PERSONAL.get(table, ()) and column.name not in plain
    }
    assert unknown == set()


# ---------------------------------------------------------------- everything in one file


def privacy(shop: Shop, role: str | None = None) -> Privacy:
    return Privacy(PrivacyStore(shop.engine), lambda: Rights("tester", role), shop.actor, shop.tick, Events(), lambda one: {"credit": one})


def test_everything_about_a_person_stands_in_one_file(shop: Shop, tmp_path: Path) -> None:
    creator = person(shop)
    privacy(shop).agree([creator], "contact", "wechat")
    privacy(shop).contact(creator)
    path = tmp_path / "person.json"
    told = privacy(shop).export(creator, path)
    document = json.loads(path.read_text("utf-8"))
    text = path.read_text("utf-8")
    for canary in (PHONE, EMAIL, WECHAT, NAME, HANDLE, UID, NOTE, REASON, "CANARYRECORD1"):
        assert canary in text
    assert "13800000001" not in text
    assert told["rows"] == sum(len(rows) for rows in document["tables"].values())
    assert {"creator", "account", "sale", "cost_entry", "content", "content_metric", "credit_event", "consent", "stage_step"} <= set(document["tables"])
    assert document["tables"]["consent"][0]["purpose"] == "contact"
    assert [one["action"] for one in document["looks"]] == ["open"]
    assert any(one["kind"] == "import.creators" and one["file"] == "strangers.csv" for one in document["sources"])
    assert any(one["after"] == {"notes": NOTE} or one["after"].get("notes") == NOTE for one in document["history"] if one["after"])
    assert {one["field"]: one["purpose"] for one in document["purposes"]}["phone"] == "contact"
    assert [one.action for one in privacy(shop).looks(creator)] == ["export", "open"]


def test_a_zip_carries_the_files_of_evidence(file: Shop, tmp_path: Path) -> None:
    creator = person(file)
    proof = tmp_path / "shot.png"
    proof.write_bytes(b"picture")
    file.ratings.add_event(creator, "praised", NOON, proof, file.actor, file.tick())
    told = privacy(file).export(creator, tmp_path / "person.zip")
    assert told["attachments"] == 1
    with closing(zipfile.ZipFile(tmp_path / "person.zip")) as archive:
        names = archive.namelist()
        assert archive.read(next(name for name in names if name.startswith("files/"))) == b"picture"
        assert json.loads(archive.read("person.json"))["creator_id"] == creator
    with pytest.raises(UsageError) as error:
        privacy(file).export(creator, tmp_path / "person.doc")
    assert error.value.code == "export_ending"


# ---------------------------------------------------------------- consents, looks, how long


def test_consents_are_given_withdrawn_and_taken_back(shop: Shop) -> None:
    creator = person(shop)
    start = shop.hash()
    card = privacy(shop).contact(creator)
    assert (card.whole, card.consent, card.fields["phone"]) == (True, False, PHONE)
    given = privacy(shop).agree([creator], "contact", "wechat", evidence="截图")
    assert privacy(shop).contact(creator).consent
    assert shop.hash() != start
    ended = privacy(shop).withdraw(creator, "contact")
    assert not privacy(shop).contact(creator).consent
    assert privacy(shop).withdraw(creator, "contact") == 0
    assert privacy(shop).heads().withdrawn == 1
    shop.undo(ended)
    assert privacy(shop).contact(creator).consent
    assert privacy(shop).heads().consent == 1
    shop.undo(given)
    assert shop.hash() == start
    with pytest.raises(UsageError):
        privacy(shop).agree([creator], "fun", "wechat")


def test_roles_see_masked_what_is_not_theirs_and_every_look_is_kept(shop: Shop) -> None:
    creator = person(shop)
    card = privacy(shop, "auditor").contact(creator)
    assert (card.fields["phone"], card.fields["email"], card.whole) == ("139****5678", "c****@example.com", False)
    assert privacy(shop, "operator").contact(creator).fields["phone"] == PHONE
    assert privacy(shop, "operator").contact(creator, action="copy").fields["phone"] == "139****5678"
    looks = privacy(shop).looks(creator)
    assert [one.action for one in looks] == ["copy", "open", "open"]
    assert "phone" not in looks[-1].fields
    assert "phone" in looks[-2].fields


def test_what_is_past_its_time_is_listed(shop: Shop) -> None:
    creator = person(shop)
    assert {one.kind: one.count for one in privacy(shop).due()}["contact"] == 0
    later = NOON + 731 * DAY
    due = {one.kind: one for one in PrivacyStore(shop.engine).due(later + 60 * DAY, 1)}
    assert due["contact"].count == 2
    assert len(due["contact"].rows) == 1
    PrivacyStore(shop.engine).note(Look(creator, NOON, "x", "y", "open", ("phone",), 1))
    assert {one.kind: one.count for one in PrivacyStore(shop.engine).due(NOON + 1_096 * DAY, 5)}["looks"] == 1


def test_a_field_that_is_off_is_neither_taken_in_nor_shown(shop: Shop) -> None:
    policy = next(row for row in shop.ratings.policies("privacy"))
    body = json.loads(json.dumps(policy.body))
    body["fields"]["phone"]["on"] = False
    shop.ratings.set_policy("privacy", body, "少收一点", shop.actor, shop.tick())
    creator = person(shop)
    assert shop.row(creator).phone is None
    assert shop.row(creator).email == EMAIL
    assert privacy(shop).contact(creator).fields["phone"] is None
    with pytest.raises(UsageError) as error:
        shop.creators.edit([creator], {"phone": PHONE}, shop.actor, shop.tick(), None)
    assert error.value.code == "field_off"
    shop.creators.edit([creator], {"phone": None}, shop.actor, shop.tick(), None)


def test_a_backup_that_is_put_back_brings_nobody_back(file: Shop, tmp_path: Path) -> None:
    creator = person(file)
    path = Path(file.ref.address)
    file.house.backup(tmp_path / "before.kocbackup", file.tick(), Quiet())
    erase(file, creator)
    file.house.close()
    maintenance.restore(tmp_path / "before.kocbackup", file.ref, file.tick(), force=True)
    engine, _ = maintenance.open_engine(file.ref)
    restored = Shop(engine, file.ref, file.now)
    assert restored.row(creator).phone == PHONE
    store = PrivacyStore(engine)
    assert store.erase_again(restored.actor, restored.tick()) == 1
    assert restored.row(creator).phone is None
    assert restored.ids("", NAME) == []
    left = {canary for canary in CANARIES for file_ in (path, path.with_name(f"{path.name}-wal")) if file_.exists() and canary.encode() in file_.read_bytes()}
    assert left == set()
    assert [one.code for one in restored.take({"platform": "xiaohongshu", "platform_uid": UID, "name": "x"}).rejects] == ["erased"]
    assert store.erase_again(restored.actor, restored.tick()) == 0
    assert restored.faults() == []
    restored.house.close()


# ---------------------------------------------------------------- whole or not at all

_KILLED = """
import os, signal, sys
from db import maintenance
from app.values import Actor, WorkspaceRef
from db.stores.privacy import PrivacyStore
from db.writers import erasing
engine, _ = maintenance.open_engine(WorkspaceRef(sys.argv[1]))
whole = getattr(erasing, sys.argv[2])
def dying(*words, **named):
    whole(*words, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(erasing, sys.argv[2], dying)
PrivacyStore(engine).erase(int(sys.argv[3]), "x", Actor("tester"), int(sys.argv[4]))
"""


@pytest.mark.parametrize("at", ["_redact_log", "_forget_told", "erase"])
def test_an_erasure_that_is_killed_never_happened(file: Shop, at: str) -> None:
    creator = person(file)
    before = file.hash()
    words = [sys.executable, "-c", _KILLED, file.ref.address, at, str(creator), str(file.now)]
    done = subprocess.run(words, check=False, cwd=ROOT, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert file.hash() == before
    assert file.faults() == []
    assert erase(file, creator).swept
    assert found_in(file) == set()


def test_the_trail_holds_references_not_words(shop: Shop) -> None:
    creator = person(shop)
    shop.creators.edit([creator], {"phone": "13811112222"}, shop.actor, shop.tick(), REASON)
    with reading(shop.engine) as connection:
        rows = bulk.fetch(connection, "select reason from audit where reason is not null")
        summary = json.loads(bulk.fetch(connection, "select summary from operation order by id desc limit 1")[0][0])
        assert summary["reason"] == REASON
        assert rows[-1][0] == audit.reference(connection, REASON)
        assert rows[-1][0] != audit.reference(connection, REASON + "x")
    assert all(one[0].startswith("ref:") for one in rows)
