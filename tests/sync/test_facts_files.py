# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import itertools
import json
import random
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from app.errors import UsageError
from app.files import ImportReport, ImportRequest
from app.rules.facts import FACTS
from app.rules.fields import Kind
from app.usecases.creators import Question
from app.usecases.roi import Asked, Span
from app.values import Actor, WorkspaceRef, day_start
from sync.compose import opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHARED = Path(__file__).parents[3] / "shared"
REAL = SHARED / "data" / "real"
CREATORS = "platform,platform_uid,handle,name,coupon\ndouyin,6001,a1,云朵,YD10\nxiaohongshu,6002,b2,鹿鹿,LL20\nkuaishou,6001,c3,重名,\n"


class Books:
    """A workspace that takes files of facts. Every import is checked to add up."""

    def __init__(self, folder: Path, name: str = "brand") -> None:
        self.folder = folder
        self.services = opener().create(WorkspaceRef(str(folder / f"{name}.koc")), Actor("tester"))
        self._numbers = itertools.count()

    @property
    def hash(self) -> str | None:
        return self.services.workspace.info(with_hash=True).content_hash

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.services.workspace.info().counts)

    def take(self, kind: str, source: str | Path, **options: Any) -> ImportReport:
        path = source if isinstance(source, Path) else self.folder / f"{kind}{next(self._numbers)}.csv"
        if isinstance(source, str):
            path.write_text(source, "utf-8")
        report = (self.services.creators if kind == "creators" else self.services.facts).import_file(ImportRequest(path, kind=kind, **options))
        assert report.read == report.inserted + report.updated + report.unchanged + report.rejected + report.duplicates
        return report

    def prove(self, kind: str, path: Path, **options: Any) -> ImportReport:
        """What an import would do."""
        return self.take(kind, path, dry_run=True, **options)

    def rows(self, kind: str, where: str = "") -> list[dict[str, str]]:
        """What an export says."""
        path = self.folder / f"out{next(self._numbers)}.csv"
        self.services.facts.export(kind, where, (), path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def undo(self, report: ImportReport) -> Any:
        assert report.import_id
        return self.services.workspace.undo(report.import_id)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[[str], Books]]:
    books: list[Books] = []

    def make(name: str) -> Books:
        books.append(Books(tmp_path, name))
        return books[-1]

    yield make
    for one in books:
        one.services.close()


@pytest.fixture
def books(made: Callable[[str], Books]) -> Books:
    """A workspace with three creators, two of them under one uid on different platforms."""
    one = made("brand")
    one.take("creators", CREATORS)
    return one


def real(*parts: str) -> Path:
    found = sorted(REAL.glob("/".join(parts)))
    if not found:
        pytest.skip("the real files are not beside the project")
    return found[0]


def codes(report: ImportReport) -> list[str]:
    return [reject.code for reject in report.errors]


def warned(report: ImportReport) -> list[str]:
    return [warn.code for warn in report.warnings]


# ---------------------------------------------------------------- sales


def test_a_chinese_shop_export_is_read(books: Books) -> None:
    text = (
        "订单编号,子订单编号,店铺名称,宝贝标题,宝贝总数量,买家实际支付金额,退款金额,订单付款时间,优惠码,达人平台,达人ID,佣金支出,是否新客\n"
        "'E2026001,1,天猫店,面霜,2,￥199.00,0,2026-03-01 12:00:00,YD10,抖音,6001,19.9元,是\n"
        "E2026001,2,天猫店,精华,1,1.2万,,2026/3/1 12:00,,抖音,6001,,老客\n"
        "E2026002,1,天猫店,=cmd,1,0.99,0.99,2026年3月2日 08:30:00,,,,,\n"
        "合计,,,,,12199.99,,,,,,,\n"
    )
    report = books.take("sales", text)
    assert (report.inserted, codes(report)) == (3, ["totals_row"])
    assert report.sums == {"quantity": 4, "amount_fen": 1219999, "refund_fen": 99, "commission_fen": 1990}
    first, second, third = books.rows("sales")
    assert first["order_id"] == "E2026001"
    assert first["paid_at"] == "2026-03-01T04:00:00Z"
    assert (first["platform"], first["platform_uid"], first["commission_fen"], first["new_customer"]) == ("douyin", "6001", "1990", "yes")
    assert (second["amount_fen"], second["refund_fen"], second["currency"], second["new_customer"]) == ("1200000", "0", "CNY", "no")
    assert (third["platform_uid"], third["product"]) == ("", "'=cmd")


def test_without_an_amount_it_is_quantity_times_price_and_below_zero_a_refund(books: Books) -> None:
    text = "Order ID,Quantity,Unit price,Order date\nA,3,1.005,2026-01-01\nB,-2,10.00,2026-01-02\nC,5,,2026-01-03\n"
    report = books.take("sales", text)
    assert codes(report) == ["value_missing"]
    assert report.sums["amount_fen"] == 301.5, "finer than a fen: rounded by row, exact in the sum"
    assert "rounded" in warned(report)
    amounts = [(row["order_id"], row["amount_fen"], row["refund_fen"]) for row in books.rows("sales")]
    assert amounts == [("A", "302", "0"), ("B", "0", "2000")]


def test_a_refund_is_money_back_whatever_its_sign(books: Books) -> None:
    books.take("sales", "order_id,paid_at,amount_fen,refund_fen\nA,2026-01-01,1000,-400\nB,2026-01-01,-700,\n")
    assert [(row["amount_fen"], row["refund_fen"]) for row in books.rows("sales")] == [("1000", "400"), ("0", "700")]


def test_lines_of_an_order_are_numbered_and_exact_repeats_are_duplicates(books: Books) -> None:
    text = "order_id,product,paid_at,amount_fen\nA,x,2026-01-01,100\nB,x,2026-01-01,5\nA,y,2026-01-01,200\nA,x,2026-01-01,100\nA,x,2026-01-02,100\n"
    report = books.take("sales", text)
    assert (report.inserted, report.duplicates, report.sums["amount_fen"]) == (4, 1, 505)
    lines = [(row["order_id"], row["line_id"], row["product"]) for row in books.rows("sales")]
    assert lines == [("A", "1", "x"), ("B", "1", "x"), ("A", "2", "y"), ("A", "3", "x")]
    again = books.take("sales", text + "\n")
    assert (again.unchanged, again.duplicates, again.inserted) == (4, 1, 0)


def test_a_sale_from_two_sources_is_one_and_later_refunds_change_it(books: Books) -> None:
    books.take("sales", "shop,order_id,line_id,paid_at,amount_fen\n旗舰店,A,1,2026-01-01,1000\n旗舰店,A,2,2026-01-01,500\n专卖店,A,1,2026-01-01,7\n")
    before = books.hash
    report = books.take("sales", "店铺,订单号,行号,退款金额,付款时间,实付金额,达人平台,达人id\n旗舰店,A,1,2.5,2026-01-01,10,抖音,6001\n")
    assert (report.inserted, report.updated) == (0, 1)
    assert {(change.field, change.before, change.after) for change in report.changes} == {("refund_fen", 0, 250), ("platform_uid", None, "douyin:6001")}
    assert books.counts["sales"] == 3
    books.undo(report)
    assert books.hash == before


def test_times_without_a_zone_are_the_workspaces(books: Books) -> None:
    books.take("sales", "order_id,paid_at,amount_fen\nA,2026-01-01,1\nB,2026-01-01T00:00:00Z,1\nC,2026-01-01 00:00:00+02:00,1\n")
    assert [row["paid_at"] for row in books.rows("sales")] == ["2025-12-31T16:00:00Z", "2026-01-01T00:00:00Z", "2025-12-31T22:00:00Z"]


def test_rounded_ids_and_rows_without_key_are_refused(books: Books) -> None:
    text = "order_id,paid_at,amount_fen,currency\n7.2E+18,2026-01-01,1,\n,2026-01-01,1,\nA,,1,\nB,2026-01-01,abc,\nC,2026-01-01,1,贝壳\n"
    report = books.take("sales", text)
    assert codes(report) == ["rounded_id", "no_fact_key", "value_missing", "bad_number", "unknown_value"]
    assert report.inserted == 0


def test_two_rows_of_one_order_in_a_tab_separated_gb18030_file(books: Books) -> None:
    path = books.folder / "订单.txt"
    path.write_bytes("订单号\t商品名称\t实付金额\t支付时间\n甲1\t霜\t10\t2026-01-01\n甲1\t水\t20\t2026-01-01\n".encode("gb18030"))
    report = books.take("sales", path)
    assert (report.inserted, report.sums["amount_fen"]) == (2, 3000)


# ---------------------------------------------------------------- whom rows name


def test_unknown_creators_are_listed_and_added_only_when_asked(books: Books) -> None:
    text = "order_id,paid_at,amount_fen,platform,platform_uid\nA,2026-01-01,1,douyin,6001\nB,2026-01-01,2,douyin,9\nC,2026-01-01,3,douyin,9\nD,2026-01-01,4,,\n"
    report = books.take("sales", text)
    assert codes(report) == ["unknown_creator"] * 2
    assert report.unknown_creators == ("douyin:9",)
    assert [(warn.details["count"], warn.details["rows"]) for warn in report.warnings if warn.code == "unknown_creators"] == [(1, 2)]
    assert (books.counts["creators"], report.sums["amount_fen"]) == (3, 5)
    told = books.take("sales", text, create_leads=True, dry_run=True)
    assert (told.inserted, told.unchanged, books.counts["creators"]) == (2, 2, 3)
    before = books.hash
    added = books.take("sales", text, create_leads=True)
    assert (added.inserted, added.unchanged, added.rejected) == (2, 2, 0)
    assert books.counts["creators"] == 4
    assert "leads_created" in warned(added)
    row = books.services.creators.page(Question(where="platform_uid = 9"))[0]
    assert row.stage.code == "lead"
    books.undo(added)
    assert books.hash == before


def test_a_uid_alone_names_a_creator_where_it_is_unique(books: Books) -> None:
    report = books.take("events", "platform_uid,type,happened_at\n6002,posted_on_time,2026-01-01\n6001,posted_on_time,2026-01-01\n")
    assert (report.inserted, codes(report)) == (1, ["ambiguous_uid"])


def test_creators_are_found_by_handle_and_where_asked_by_name(books: Books) -> None:
    by_handle = books.take("costs", "平台,达人账号,费用类型,金额,日期\n抖音,@A1,合作费,100,2026-01-01\n小红书,b2,样品,20.5,2026-01-01\n")
    assert by_handle.inserted == 2
    text = "平台,达人昵称,费用类型,金额,日期\n抖音,云朵,运费,12,2026-01-02\n抖音,谁也不是,运费,12,2026-01-02\n"
    assert codes(books.take("costs", text)) == ["no_key", "no_key"]
    by_name = books.take("costs", text, key=("nickname",))
    assert (by_name.inserted, codes(by_name)) == (1, ["unknown_creator"])
    assert [row["kind"] for row in books.rows("costs")] == ["fee", "sample", "freight"]


def test_the_rejected_rows_come_back_as_a_workbook(books: Books) -> None:
    target = books.folder / "bad.xlsx"
    text = "订单号,支付时间,实付金额,达人平台,达人ID\nA,2026-01-01,1,抖音,404\nB,昨天,1,,\n"
    books.take("sales", text, errors_to=target)
    rows = list(openpyxl.load_workbook(target).active.values)  # type: ignore[union-attr]
    assert [row[0] for row in rows] == ["订单号", "A", "B"]
    books.take("creators", "platform,platform_uid,name\n抖音,404,后来的\n")
    assert books.take("sales", target).inserted == 1


# ---------------------------------------------------------------- costs, events, touchpoints, paths


def test_a_positive_rebate_is_turned_with_a_warning(books: Books) -> None:
    report = books.take(
        "costs",
        "费用编号,平台,uid,费用类别,金额,发生日期\n1,抖音,6001,返点,50,2026-01-01\n2,抖音,6001,返点,-30,2026-01-01\n3,抖音,6001,合作费,200,2026-01-01\n",
    )
    assert [row["amount_fen"] for row in books.rows("costs")] == ["-5000", "-3000", "20000"]
    assert report.sums["amount_fen"] == 12000
    assert "rebate_turned" in warned(report)


def test_costs_without_a_number_are_told_apart_by_what_they_say(books: Books) -> None:
    text = "platform,platform_uid,kind,amount_fen,incurred_at,campaign\ndouyin,6001,fee,100,2026-01-01,春\ndouyin,6001,fee,100,2026-01-01,夏\ndouyin,6001,fee,100,2026-01-01,春\n"
    report = books.take("costs", text)
    assert (report.inserted, report.duplicates) == (2, 1)
    other = books.take("costs", text.replace("platform_uid", "uid"))
    assert (other.unchanged, other.duplicates, other.inserted) == (2, 1, 0)


def test_events_without_clocks_are_recorded_when_they_happened_and_confirmed(books: Books) -> None:
    books.take("events", "event_id,platform,platform_uid,type,happened_at\n1,douyin,6001,按时发布,2026-01-01 10:00\n")
    books.take(
        "events",
        "event_id,platform,platform_uid,type,happened_at,recorded_at,confirmed_at\n2,douyin,6001,no_show,2026-01-02,2026-01-03,\n3,douyin,6001,no_show,2026-01-02,,2026-01-05\n",
    )
    rows = {row["event_id"]: row for row in books.rows("events")}
    assert rows["1"]["recorded_at"] == rows["1"]["confirmed_at"] == rows["1"]["happened_at"] == "2026-01-01T02:00:00Z"
    assert (rows["2"]["recorded_at"], rows["2"]["confirmed_at"]) == ("2026-01-02T16:00:00Z", "")
    assert (rows["3"]["recorded_at"], rows["3"]["confirmed_at"]) == ("2026-01-01T16:00:00Z", "2026-01-04T16:00:00Z")


def test_an_event_is_not_recorded_before_it_happens_and_its_type_is_known(books: Books) -> None:
    text = "platform,platform_uid,type,happened_at,recorded_at\ndouyin,6001,no_show,2026-01-02,2026-01-01\ndouyin,6001,stood_up,2026-01-02,2026-01-03\n"
    assert codes(books.take("events", text)) == ["recorded_early", "unknown_value"]


def test_touchpoints_are_kept_once(books: Books) -> None:
    text = "shop,order_id,platform,platform_uid,kind,happened_at\nS,A,douyin,6001,优惠码,2026-01-01\nS,A,xiaohongshu,6002,link,2026-01-01 10:00\n"
    assert books.take("touchpoints", text).inserted == 2
    books.take("touchpoints", "order_id,platform,platform_uid,kind,happened_at\nB,douyin,6001,tv,2026-01-01\nB,douyin,6001,content,2026-01-01\n")
    assert [row["kind"] for row in books.rows("touchpoints")] == ["coupon", "link", "content"]
    assert books.take("touchpoints", text).unchanged == 2


def test_journeys_along_one_path_add_up(books: Books) -> None:
    text = "path,conversions,null_paths\ngoogle ads,2,0\nmailing,1,0\ngoogle ads > mailing,1,0\ngoogle ads,0,1\n"
    report = books.take("paths", text)
    assert (report.inserted, report.duplicates, report.sums) == (3, 1, {"conversions": 4, "nulls": 1})
    assert books.take("paths", text).unchanged == 3
    assert books.rows("paths")[0] == {"path": "google ads", "conversions": "2", "nulls": "1"}


# ---------------------------------------------------------------- contents and figures


def test_figures_without_a_date_are_new_only_where_they_differ(books: Books) -> None:
    text = "content_id,platform,platform_uid,published_at,likes,views\nn1,douyin,6001,2026-01-01,10,100\n"
    books.take("contents", text)
    before = books.hash
    assert books.take("contents", text.replace("10,100", "10,")).unchanged == 1
    assert books.hash == before
    grown = books.take("contents", text.replace("10,100", "12,100"))
    assert (grown.updated, [(change.field, change.before, change.after) for change in grown.changes]) == (1, [("likes", 10, 12)])
    assert books.rows("contents")[0]["likes"] == "12"
    books.undo(grown)
    assert books.hash == before


def test_dated_figures_stand_beside_each_other_and_can_be_corrected(books: Books) -> None:
    head = "content_id,platform,platform_uid,as_of,likes\n"
    report = books.take("metrics", head + "n1,douyin,6001,2026-01-01,5\nn1,douyin,6001,2026-01-08,9\n")
    assert (report.inserted, books.counts["contents"]) == (2, 1)
    after = books.take("metrics", "content_id,as_of,likes,shares\nn1,2026-01-08,8,1\nn1,2026-01-15,11,\nn404,2026-01-15,1,\n")
    assert (after.inserted, after.updated, codes(after)) == (1, 1, ["unknown_content"])
    assert [(row["as_of"][:10], row["likes"]) for row in books.rows("metrics")] == [("2025-12-31", "5"), ("2026-01-07", "8"), ("2026-01-14", "11")]


def test_sales_wait_for_their_content_and_undo_lets_them_wait_again(books: Books) -> None:
    sold = books.take("sales", "order_id,paid_at,amount_fen,platform,platform_uid,content_id\nA,2026-01-02,1,douyin,6001,n1\n")
    assert "unknown_contents" in warned(sold)
    before = books.hash
    posted = books.take("contents", "content_id,platform,platform_uid,published_at\nn1,douyin,6001,2026-01-01\n")
    assert books.rows("sales")[0]["content_id"] == "n1"
    undone = books.undo(posted)
    assert (undone.inserted_removed, books.hash) == (1, before)
    assert books.rows("sales")[0]["content_id"] == "n1"


def test_a_content_on_which_later_sales_hang_stays(books: Books) -> None:
    posted = books.take("contents", "content_id,platform,platform_uid\nn1,douyin,6001\nn2,douyin,6001\n")
    books.take("sales", "order_id,paid_at,amount_fen,content_id\nA,2026-01-02,1,n1\n")
    undone = books.undo(posted)
    assert (books.counts["contents"], [kept.why for kept in undone.kept]) == (1, ["used_later"])


# ---------------------------------------------------------------- out and back


def test_every_kind_comes_back_without_loss(books: Books, made: Callable[[str], Books]) -> None:
    books.take("contents", "content_id,platform,platform_uid,published_at,title,url,likes\n007,douyin,6001,2026-01-01,=标题,https://example.com/007,3\n")
    books.take("metrics", "content_id,as_of,likes\n007,2026-01-08,9\n")
    books.take("sales", "order_id,shop,paid_at,amount_fen,refund_fen,commission_fen,platform,platform_uid,content_id,coupon,product,quantity,new_customer,currency\n"
               "0012,店,2026-01-01,100,10,5,douyin,6001,007,YD10,霜,2,是,USD\n0013,,2026-01-01,100,,,,,,,,,,\n")  # fmt: skip
    books.take(
        "costs",
        "cost_id,platform,platform_uid,kind,amount_fen,incurred_at,campaign\n1,douyin,6001,fee,5,2026-01-01,春\n,xiaohongshu,6002,rebate,-5,2026-01-01,\n",
    )
    books.take(
        "events", "event_id,platform,platform_uid,type,happened_at,evidence\n1,douyin,6001,praised,2026-01-01,+好\n,xiaohongshu,6002,no_show,2026-01-01,\n"
    )
    books.take("touchpoints", "order_id,platform,platform_uid,kind,happened_at\n0012,xiaohongshu,6002,link,2026-01-01\n")
    books.take("paths", "path,conversions,nulls\na > b,3,1\n")
    other = made("other")
    books.services.creators.export(Question(), (), books.folder / "creators.csv")
    other.take("creators", books.folder / "creators.csv")
    for kind, ending in zip(("contents", "metrics", "sales", "costs", "events", "touchpoints", "paths"), itertools.cycle((".csv", ".xlsx")), strict=False):
        path = books.folder / f"{kind}{ending}"
        written = books.services.facts.export(kind, "", (), path)
        assert (other.take(kind, path).rejected, other.take(kind, path).inserted, written > 0) == (0, 0, True)
        back = books.take(kind, path)
        assert (back.inserted, back.updated, back.rejected) == (0, 0, 0), kind
    assert other.hash == books.hash


def test_an_export_takes_a_filter_and_columns(books: Books) -> None:
    books.take(
        "sales", "order_id,paid_at,amount_fen,new_customer,platform,platform_uid\nA,2026-01-01,100,是,douyin,6001\nB,2026-02-01,200,否,,\nC,2026-03-01,300,,,\n"
    )
    assert [row["order_id"] for row in books.rows("sales", "amount_fen >= 200 and paid_at < 2026-03-01")] == ["B"]
    assert [row["order_id"] for row in books.rows("sales", 'platform = 抖音 or new_customer = "no"')] == ["A", "B"]
    assert [row["order_id"] for row in books.rows("sales", 'platform_uid = ""')] == ["B", "C"]
    for where, columns in (("followers > 1", ()), ("", ("tier",))):
        with pytest.raises(UsageError, match="unknown_field"):
            books.services.facts.export("sales", where, columns, books.folder / "x.csv")


# ---------------------------------------------------------------- real files


def test_real_order_lines_have_the_sums_that_others_found(books: Books) -> None:
    report = books.take("sales", real("g12*", "*.csv"))
    assert (report.read, report.duplicates, report.rejected) == (20_000, 7, 0)
    assert (report.sums["amount_fen"], report.sums["refund_fen"]) == (38_027_122, 1_262_631)
    again = books.take("sales", real("g12*", "*.csv"))
    assert (again.unchanged, again.inserted, again.updated) == (19_993, 0, 0)


def test_real_order_lines_of_a_customer_or_a_month_have_their_sums(books: Books) -> None:
    path = real("g12*", "*.csv")
    report = books.prove("sales", path, mapping={"order_id": "CustomerID"})
    assert (report.rejected, codes(report)[0], report.sums["amount_fen"] - report.sums["refund_fen"]) == (5_078, "no_fact_key", 30_630_606)
    books.take("sales", path)
    net = [2_465_400, 2_046_556, 2_212_490, 2_791_139, 1_821_819, 2_945_893, 2_380_147, 2_462_686, 2_971_254, 3_390_314, 4_421_673, 5_137_189, 1_717_931]
    starts = [day_start(date(2010 + (11 + at) // 12, (11 + at) % 12 + 1, 1), books.services.roi.zone) for at in range(len(net) + 1)]
    found = [books.services.roi.attribute(Span(*pair)).net_fen for pair in itertools.pairwise(starts)]
    assert [one + again for one, again in zip(found, repeated_by_month(path), strict=True)] == net, "the published sums count repeated lines"


def repeated_by_month(path: Path) -> list[int]:
    """Net fen of exact repeats of a line, from December 2010 on."""
    seen, out = set(), [0] * 13
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            line = tuple(row.values())
            if line in seen:
                year, month = map(int, row["InvoiceDate"].split("-")[:2])
                out[(year - 2010) * 12 + month - 12] += round(int(row["Quantity"]) * float(row["UnitPrice"]) * 100)
            seen.add(line)
    return out


@pytest.mark.parametrize(
    ("name", "mapping", "read", "units", "fen"),
    [
        ("CDNOW_sample.txt", {"order_id": "1", "paid_at": "3", "quantity": "4", "amount_fen": "5"}, 6_919, 16_479, 24_409_194),
        (
            "CDNOW_master.txt",
            {"order_id": "customer_id", "paid_at": "date", "quantity": "number_of_cds", "amount_fen": "dollar_value"},
            69_659, 167_881, 250_031_563,
        ),
    ],
)  # fmt: skip
def test_real_purchases_set_out_with_blanks(books: Books, name: str, mapping: dict[str, str], read: int, units: int, fen: int) -> None:
    report = books.take("sales", real("g10*", name), mapping=mapping)
    assert (report.read, report.rejected, report.sums) == (read, 0, {"quantity": units, "amount_fen": fen})
    if name == "CDNOW_sample.txt":
        rows, zone = books.rows("sales"), ZoneInfo(books.services.roi.zone)
        days = [datetime.fromisoformat(row["paid_at"]).astimezone(zone).date() for row in rows]
        assert (min(days), max(days), len({row["order_id"] for row in rows})) == (date(1997, 1, 1), date(1998, 6, 30), 2_357)
        again = books.take("sales", real("g10*", name), mapping=mapping)
        assert (again.inserted, again.updated) == (0, 0)


def test_real_leads_have_american_dates(books: Books) -> None:
    report = books.take("creators", real("g11*", "*qualified*"), platform="olist", mapping={"platform_uid": "mql_id", "joined_at": "first_contact_date"})
    assert (report.read, report.inserted) == (8_000, 8_000)
    creators = books.services.creators
    for where, count in (("joined_at < 2017-06-14", 0), ("joined_at < 2017-06-15", 2), ("joined_at >= 2018-06-01", 0), ("joined_at >= 2018-05-31", 26)):
        assert creators.count(Question(where=f"platform = olist and {where}")) == count, where


def test_real_journeys_of_single_customers_add_up_by_channel(books: Books) -> None:
    report = books.take("paths", real("g15*", "*recoded.csv"), mapping={"path": "channel_acq", "conversions": "trans_after"})
    assert (report.read, report.inserted, report.sums) == (5_000, 5, {"conversions": 694})
    credit = {one.channel: one.credit for one in books.services.roi.paths("shapley")[0].channels}
    assert sum(credit.values()) == pytest.approx(694)
    assert {channel: round(one) for channel, one in credit.items()} == {"instagram": 272, "facebook": 202, "google": 140, "referral": 51, "other": 29}


def test_real_campaigns_of_four_influencers_give_their_returns(books: Books) -> None:
    told = books.take("creators", real("g25*", "influencers.csv"), mapping={"platform_uid": "id"})
    assert told.inserted == 4
    posts = books.take("contents", real("g25*", "posts.csv"))
    assert (posts.inserted, posts.sums) == (4, {"impressions": 99_500, "likes": 4_410, "comments": 417})
    sold = books.take("sales", real("g25*", "tracking_data.csv"), mapping={"order_id": "user_id"})
    assert (sold.inserted, sold.sums["amount_fen"]) == (4, 828_000)
    bare = books.take("costs", real("g25*", "payouts.csv"))
    assert (set(codes(bare)), [warn.details for warn in bare.warnings if warn.code == "column_needed"]) == ({"value_missing"}, [{"field": "incurred_at"}])
    with real("g25*", "payouts.csv").open(encoding="utf-8", newline="") as file:
        lines = [{**row, "date": "2025-06-05"} for row in csv.DictReader(file)]
    dated = "\n".join(",".join(row) for row in ([*lines[0]], *(line.values() for line in lines)))
    paid = books.take("costs", dated)
    assert (paid.inserted, paid.sums["amount_fen"]) == (4, 1_686_000)
    report = books.services.roi.report(Asked())
    names = {"AlexFit": 0.5, "VitaG": 0.444444, "RishiRun": 1.055556}
    assert {row.label: row.figures.roas for row in report.rows if row.label in names} == pytest.approx(names, abs=5e-7)
    assert report.total.roas == pytest.approx(0.491103, abs=5e-7)
    assert [(row.figures.fixed_fen, row.figures.variable_fen) for row in report.rows if row.label == "RishiRun"] == [(0, 36_000)], "paid by the order"


def test_real_advertisements_name_nobody_and_say_what_they_lack(books: Books) -> None:
    report = books.take("costs", real("g13*", "*.csv"))
    assert (report.read, report.rejected) == (625, 625)
    assert [warn.details["field"] for warn in report.warnings if warn.code == "column_needed"] == ["kind", "incurred_at"]
    books.take("creators", "platform,platform_uid\nfacebook,1178\n")
    shown = books.take(
        "contents",
        real("g13*", "*.csv"),
        platform="facebook",
        mapping={"content_id": "ad_id", "platform_uid": "xyz_campaign_id", "orders": "Approved_Conversion"},
    )
    assert (shown.inserted, shown.sums) == (625, {"impressions": 204_823_716, "clicks": 36_068, "orders": 872})


def test_real_notes_bring_their_creators_when_asked(books: Books) -> None:
    first, second = real("g04*", "xiaohongshu.xlsx"), real("g04*", "小学资料.xlsx")
    assert len(books.take("contents", first).unknown_creators) == 40
    report = books.take("contents", first, create_leads=True)
    assert (report.inserted, books.counts["creators"]) == (50, 43)
    assert report.sums == {"views": 44_220, "likes": 3_596, "saves": 3_587, "comments": 615, "shares": 399}
    before = books.hash
    again = books.take("contents", second, create_leads=True)
    assert (again.unchanged, books.counts["contents"], books.counts["creators"], books.hash) == (50, 50, 43, before)


def test_real_boards_list_a_video_twice_but_keep_it_once(books: Books) -> None:
    report = books.take("contents", real("g06*", "*.csv"), key=("nickname",), create_leads=True)
    assert (report.read, report.inserted, report.duplicates, report.sums["views"]) == (1_300, 1_200, 100, 2_971_074_154)
    assert sum(int(row["views"]) for row in books.rows("contents")) == 2_428_725_908


def test_real_notes_in_ten_thousands(books: Books) -> None:
    report = books.take("contents", real("g03*", "*.csv"), create_leads=True)
    assert (report.inserted, report.sums) == (1_939, {"likes": 869_867, "comments": 113_153, "saves": 723_694})


def test_real_paths(books: Books) -> None:
    told = json.loads(real("g16*", "paths.json").read_text("utf-8"))["puzyrov"]
    lines = [",".join(told["columns"]), *(",".join(map(str, row)) for row in told["paths"])]
    assert books.take("paths", "\n".join(lines) + "\n").sums == {"conversions": 4, "nulls": 1}


# ---------------------------------------------------------------- a generated brand


def test_a_generated_brand_goes_in_comes_again_and_goes_out_in_any_order(made: Callable[[str], Books], tmp_path: Path) -> None:
    if not (SHARED / "perf" / "gen.py").exists():
        pytest.skip("the generator is not beside the project")
    arguments = ["--scale", "T", "--seed", "11", "--out", str(tmp_path), "--delta", "50"]
    subprocess.run([sys.executable, str(SHARED / "perf" / "gen.py"), *arguments], check=True, stdout=subprocess.DEVNULL)
    files = {"creators": "creators", "contents": "contents", "sales": "orders", "events": "events", "costs": "costs"}
    first = made("first")
    hashes, done = [first.hash], []
    for kind, name in files.items():
        report = first.take(kind, tmp_path / f"{name}.csv")
        assert report.rejected == 0
        done.append(report)
        hashes.append(first.hash)
    for kind, name in files.items():
        again = first.take(kind, tmp_path / f"{name}.csv")
        assert (again.unchanged, again.inserted, again.updated) == (again.read, 0, 0)
    delta = first.take("sales", tmp_path / "orders_delta.csv")
    assert delta.inserted == 50
    first.undo(delta)
    assert first.hash == hashes[-1]

    second = made("second")
    for kind in ("creators", "sales", "costs", "events", "contents"):
        second.take(kind, shuffled(tmp_path / f"{files[kind]}.csv"))
    assert second.hash == hashes[-1], "neither the order of rows nor that of files counts"

    for report, before in zip(reversed(done), reversed(hashes[:-1]), strict=True):
        assert first.undo(report).kept == ()
        assert first.hash == before


def shuffled(path: Path) -> Path:
    head, *rows = path.read_text("utf-8").splitlines(keepends=True)
    random.Random(5).shuffle(rows)  # noqa: S311 (tests, not secrets)
    out = path.with_name(f"shuffled-{path.name}")
    out.write_text(head + "".join(rows), "utf-8")
    return out


# ---------------------------------------------------------------- ranges and filters

DATED = "platform,platform_uid,content_id,views,likes,as_of\n"


def test_a_range_leaves_the_number_of_a_fact_empty_and_is_told_in_its_own_words(books: Books) -> None:
    books.take("creators", "platform,platform_uid\ndouyin,1\n")
    report = books.take("metrics", DATED + "douyin,1,77,50万～100万,12,2026-05-01\ndouyin,1,78,7,100-200,2026-05-01\ndouyin,1,79,3-5,8,2026-05-01\n")
    assert [(row["content_id"], row["views"], row["likes"]) for row in books.rows("metrics")] == [("77", "", "12"), ("78", "7", ""), ("79", "", "8")]
    told = [(one.code, one.details["column"], one.details["count"], one.details["cells"]) for one in report.warnings]
    assert told == [("range_empty", "views", 2, "2: 50万～100万, 4: 3-5"), ("range_empty", "likes", 1, "3: 100-200")]
    report = books.take("metrics", DATED + "douyin,1,78,5-9,300,2026-05-01\n")
    assert [(row["views"], row["likes"]) for row in books.rows("metrics", "content_id = 78")] == [("7", "300")], "a known number stays"
    many = books.take("metrics", DATED + "".join(f"douyin,1,{at},1-2,,2026-05-02\n" for at in range(100, 130)))
    assert [(one.details["count"], str(one.details["cells"]).count("1-2")) for one in many.warnings] == [(30, 20)]
    assert str(many.warnings[0].details["cells"]).endswith("…")


def test_a_range_where_a_fact_needs_a_number_refuses_the_row_with_what_it_says(books: Books) -> None:
    report = books.take("sales", "order_id,paid_at,amount_fen,quantity\nA,2026-01-01,100-200,1\nB,2026-01-01,5,1-3\n")
    assert [(one.row, one.value, one.code) for one in report.errors] == [(2, "100-200", "value_missing")]
    assert [(row["order_id"], row["quantity"]) for row in books.rows("sales")] == [("B", "")]


def test_every_field_of_every_kind_can_be_asked_for(books: Books) -> None:
    books.take("creators", "platform,platform_uid\ndouyin,1\n")
    books.take("metrics", DATED + "douyin,1,77,5,1,2026-05-01\ndouyin,1,77,6,1,2026-05-02\n")
    for kind, one in FACTS.items():
        for name, field in one.fields.items():
            value = {Kind.COUNT: "0", Kind.FEN: "0", Kind.NUMBER: "0", Kind.MOMENT: "2026-01-01"}.get(field.kind, "无")
            books.rows(kind, f"{name} = {value}")
    for kind in ("metrics", "contents"):
        assert [row["views"] for row in books.rows(kind, "as_of >= 2026-05-02")] == ["6"], kind
        assert books.rows(kind, "as_of > 2026-05-02") == books.rows(kind, "as_of < 2026-05-01") == [], kind
