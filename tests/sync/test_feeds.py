# SPDX-License-Identifier: Apache-2.0
"""Tables and walks: units once, drift once, nothing stored by accident, nothing lost or doubled."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from app.errors import PlatformError
from sync.feeds import DAY, Cursor, Feed, Unit, plan, together, walk
from sync.http import Request
from sync.pagination import Numbered, Once
from sync.readers import COUNT, COUNT_TEXT, FEN, FLAG, IDENT, INT_TEXT, ISO, SECONDS, TEXT, WORD, YUAN, codes, decoded, local_time
from sync.tables import Parser, Table, figure, identity, money, told
from tests.sync.remembered import Remembered, Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from app.usecases.syncing import Look, Page
    from sync.feeds import Span
    from sync.readers import Reader
    from sync.tables import Read

BIG = 7_400_000_000_000_000_001
TABLE = Table(
    "collaborations",
    (
        identity("id", "key"),
        told("name", "name"),
        figure("fans", "followers"),
        money("pay.precise", "fee_fen", twin="pay.whole"),
        told("state", "state", codes({1: "running", 3: "done"}, "integer")),
        told("at", "ordered_at", SECONDS, optional=True),
    ),
    frozenset({"avatar"}),
)


def row(number: int = 0, **other: Any) -> dict[str, Any]:
    """A row as the contract has it."""
    return {"id": BIG + number, "name": "小暖", "fans": 12_000, "pay": {"precise": 12.5, "whole": 12}, "state": 3, "at": 1_700_000_000, "avatar": "a"} | other


def read(*rows: Any, parser: Parser | None = None) -> Read:
    """Rows on their way through JSON."""
    return (parser or Parser(TABLE)).read((one, {}) for one in decoded(json.dumps(rows).encode()))


# ---------------------------------------------------------------- readers


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        (IDENT, "7400000000000000001", "7400000000000000001"),
        (IDENT, '"7400000000000000001"', "7400000000000000001"),
        (IDENT, "0", None),
        (WORD, '"UC_x5XG1OV2P6uZZ5FSM9Ttw"', "UC_x5XG1OV2P6uZZ5FSM9Ttw"),
        (TEXT, '"  a\\u0000b\\n c "', "ab c"),
        (TEXT, '"\\ud800"', None),
        (TEXT, '"👩‍🍳"', "👩‍🍳"),
        (TEXT, "5", "5"),
        (COUNT, "12", 12),
        (COUNT, '"1.2w"', 12_000),
        (COUNT, '"10万+"', 100_000),
        (COUNT_TEXT, '"123"', 123),
        (COUNT_TEXT, "123", 123),
        (YUAN, "12", 1200),
        (YUAN, "12.34", 1234),
        (YUAN, "0.285", 29),
        (YUAN, "0.30000000000000004", 30),
        (YUAN, "90071992547409.93", 9_007_199_254_740_993),
        (FEN, "12", 12),
        (SECONDS, "1700000000", 1_700_000_000_000_000),
        (SECONDS, "1700000000000", 1_700_000_000_000_000),
        (SECONDS, "0", None),
        (ISO, '"2026-11-04T08:00:00Z"', 1_793_779_200_000_000),
        (local_time("Asia/Shanghai"), '"2026-11-04 08:00:00"', 1_793_750_400_000_000),
        (local_time("Asia/Shanghai"), '"2026/11/04"', 1_793_721_600_000_000),
        (local_time("Asia/Shanghai"), '"0"', None),
        (FLAG, "true", True),
        (FLAG, '"false"', False),
        (INT_TEXT, "-1", "-1"),
    ],
)
def test_what_has_one_meaning_is_taken(reader: Reader, text: str, value: object) -> None:
    came = decoded(text.encode())
    try:
        quickly = reader.quick(came)
    except (ValueError, TypeError):
        quickly = reader.patient(came)
    assert quickly == value
    assert reader.patient(came) == value


@pytest.mark.parametrize(
    ("reader", "text", "code"),
    [
        (COUNT, "NaN", "bad_number"),
        (COUNT, "Infinity", "bad_number"),
        (COUNT, "1e400", "too_large"),
        (COUNT, "-1", "negative"),
        (COUNT, "true", "bad_number"),
        (COUNT, '"many"', "bad_number"),
        (COUNT, '"1万-2万"', "bad_number"),
        (COUNT, "1.5", "not_whole"),
        (COUNT, str(10**30), "too_large"),
        (YUAN, "-0.01", "negative"),
        (YUAN, str(2**63), "too_large"),
        (IDENT, "7.4e18", "rounded_id"),
        (IDENT, "-5", "bad_id"),
        (IDENT, "[1]", "bad_id"),
        (SECONDS, "99999999999999999", "bad_date"),
        (ISO, '"30/30/30"', "bad_date"),
        (FLAG, '"maybe"', "unknown_value"),
    ],
)
def test_what_has_no_meaning_is_refused_by_its_reason(reader: Reader, text: str, code: str) -> None:
    """D08: never 0 or empty by accident."""
    came = decoded(text.encode())
    with pytest.raises((ValueError, TypeError)):
        reader.quick(came)
    with pytest.raises(ValueError, match=code) as caught:
        reader.patient(came)
    assert getattr(caught.value, "code", None) == code


@pytest.mark.parametrize("content", [b"", b"<html>", "登录".encode("gbk"), b'{"a":', b"[" * 100_000])
def test_what_is_no_json_is_not_read(content: bytes) -> None:
    """D04, D07."""
    with pytest.raises(ValueError):  # noqa: PT011 (whatever the decoder says)
        decoded(content)


# ---------------------------------------------------------------- tables


def test_a_record_has_the_products_names_and_units_and_the_sources_raw_values() -> None:
    done = read(row(0))
    assert not done.drift
    assert not done.refused
    (one,) = done.records
    assert (one.kind, one.key) == ("collaborations", str(BIG))
    assert one.fields == {"name": "小暖", "followers": 12_000, "fee_fen": 1250, "state": "done", "ordered_at": 1_700_000_000_000_000}
    assert one.raw == {"id": BIG, "name": "小暖", "fans": 12_000, "pay.precise": "12.5", "pay.whole": 12, "state": 3, "at": 1_700_000_000}
    assert json.loads(json.dumps(one.raw)) == one.raw


def test_a_field_that_is_missing_here_and_there_is_told_once() -> None:
    """E01: the rows are kept, and the field is not said to be empty."""
    lacking = {name: value for name, value in row(1).items() if name != "fans"}
    done = read(row(0), lacking, {**lacking, "id": BIG + 2}, row(3, fans=None))
    assert [(one.field, one.kind) for one in done.drift] == [("fans", "missing")]
    assert ["followers" in one.fields for one in done.records] == [True, False, False, False]


def test_a_renamed_field_is_told_with_both_names_and_overwrites_nothing() -> None:
    """E02."""
    renamed = {("follower_num" if name == "fans" else name): value for name, value in row(0).items()}
    done = read(renamed)
    assert [(one.field, one.kind, one.other) for one in done.drift] == [("fans", "renamed", "follower_num")]
    assert "followers" not in done.records[0].fields


def test_an_optional_field_is_renamed_only_where_the_names_are_alike() -> None:
    without = {name: value for name, value in row(0).items() if name != "at"}
    assert read(without).drift == []
    assert [(one.field, one.kind) for one in read({**without, "something": 5}).drift] == [("something", "new")]


def test_new_fields_and_words_are_told_once() -> None:
    done = read(row(0, colour="red", state=77), row(1, colour="blue", state=78))
    assert [(one.field, one.kind, one.other) for one in done.drift] == [("colour", "new", ""), ("state", "new", "77")]
    assert all("state" not in one.fields for one in done.records)


def test_a_field_within_a_known_object_is_not_news() -> None:
    table = Table("creators", (identity("id", "key"),), frozenset({"info", "more.phone"}))
    done = read({"id": 1, "info": {"anything": 1}, "more": {"phone": 1}}, parser=Parser(table))
    assert [one.field for one in done.drift] == ["more"]


@pytest.mark.parametrize("value", ["1200", {"amount": 1}, [1], True])
def test_money_of_another_type_is_refused_with_its_text(value: Any) -> None:
    """E03: frozen."""
    done = read(row(0), row(1, pay={"precise": value, "whole": 12}))
    assert len(done.records) == 1
    assert [(one.key, one.field, one.reason) for one in done.refused] == [(str(BIG + 1), "pay.precise", "type_changed")]
    assert json.loads(done.refused[0].raw)["pay.precise"] == value
    assert [(one.field, one.kind) for one in done.drift] == [("pay.precise", "type")]


@pytest.mark.parametrize(("value", "kept"), [(5, "5"), ({"zh": "小暖"}, None), (["小暖"], None), (True, "True")])
def test_a_descriptive_field_of_another_type_is_kept_as_text_or_left_as_it_was(value: Any, kept: str | None) -> None:
    """E03: evolves."""
    done = read(row(0, name=value))
    assert [(one.field, one.kind) for one in done.drift] == [("name", "type")]
    assert done.records[0].fields.get("name") == kept
    assert ("name" in done.records[0].fields) is (kept is not None)


@pytest.mark.parametrize("value", [None, 0, "", [], {"id": 1}, 7.4e18])
def test_without_its_id_a_record_is_refused(value: Any) -> None:
    """S2 for identity fields only."""
    done = read(row(0, id=value), row(1))
    assert [one.key for one in done.records] == [str(BIG + 1)]
    assert [(one.field, one.reason in {"no_id", "bad_id", "rounded_id"}) for one in done.refused] == [("id", True)]


@pytest.mark.parametrize("value", ["many", float("nan"), float("inf"), -1, 10**30, True, [5]])
def test_a_figure_without_meaning_is_refused_with_its_text(value: Any) -> None:
    """D08."""
    done = read(row(0, fans=value))
    assert not done.records
    assert done.refused[0].field == "fans"
    assert json.dumps(value).strip('"') in done.refused[0].raw


@pytest.mark.parametrize(("value", "kept"), [("1.2w", 12_000), ("10万+", 100_000), ("12", 12)])
def test_a_figure_in_peoples_spelling_is_read_by_the_rules_of_sheets(value: str, kept: int) -> None:
    """D08."""
    done = read(row(0, fans=value))
    assert done.records[0].fields["followers"] == kept
    assert [(one.field, one.kind, one.other) for one in done.drift] == [("fans", "type", "string")]


@pytest.mark.parametrize("value", ["--", "", "N/A"])
def test_a_figure_that_says_nothing_changes_nothing(value: str) -> None:
    """D08."""
    assert "followers" not in read(row(0, fans=value)).records[0].fields


def test_the_text_of_a_number_is_kept_digit_for_digit() -> None:
    done = Parser(TABLE).read([(decoded(b'{"id": 5, "fans": 1e400}'), {})])
    assert '"1e400"' in done.refused[0].raw


def test_twins_must_agree() -> None:
    done = read(
        row(0, pay={"precise": 12.99, "whole": 12}),
        row(1, pay={"precise": 13.01, "whole": 12}),
        row(2, pay={"whole": 7}),
        row(3, pay={"precise": 5.5}),
        row(4, pay={"precise": 5.5, "whole": "5"}),
    )
    assert [one.fields["fee_fen"] for one in done.records] == [1299, 700, 550]
    assert [(one.field, one.reason) for one in done.refused] == [("pay.whole", "twins_differ"), ("pay.whole", "type_changed")]


def test_a_whole_object_that_is_missing_is_told_once() -> None:
    done = read({name: value for name, value in row(0).items() if name != "pay"})
    assert [(one.field, one.kind) for one in done.drift] == [("pay", "missing")]
    assert "fee_fen" not in done.records[0].fields


def test_what_is_no_record_is_refused() -> None:
    assert [one.reason for one in read(5, "text", [1], row(0)).refused] == ["not_a_record"] * 3


def test_text_that_no_column_holds_is_written_out() -> None:
    """K06."""
    done = Parser(TABLE).read([(decoded(b'{"id": 5, "name": "a\\ud800b", "fans": "\\ud800"}'), {})])
    done.refused[0].raw.encode()
    done = Parser(TABLE).read([(decoded(b'{"id": 5, "name": "a\\ud800b", "fans": 1}'), {})])
    json.dumps(done.records[0].raw, ensure_ascii=False).encode()
    assert done.records[0].fields["name"] == "ab"


# ---------------------------------------------------------------- walks

SIMPLE = Table("collaborations", (identity("id", "key"), told("n", "position", COUNT)))
NOW = 1_790_000_000_000_000


@dataclass
class Platform:
    """Rows of some accounts, newest first, in pages of five; ``before`` is called before each answer with its number."""

    rows: dict[str, list[dict[str, Any]]]
    before: Callable[[int], None] = lambda _number: None
    told_total: int | None = None
    refuses: frozenset[str] = frozenset()
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def fetch(self, request: Request) -> Mapping[str, Any]:
        """One answer."""
        words = dict(request.pairs)
        self.asked.append((words["of"], words.get("page", "")))
        self.headers.append(request.headers)
        self.before(len(self.asked))
        if set(words["of"].split(",")) & self.refuses:
            raise PlatformError("refused", answer=40000)
        rows = [one for name in words["of"].split(",") for one in self.rows[name]]
        page = int(words["page"])
        total = len(rows) if self.told_total is None else self.told_total
        return {"list": rows[(page - 1) * 5 : page * 5], "page_info": {"page_size": 5, "total_number": total}}


def many(count: int, start: int = 1) -> list[dict[str, Any]]:
    """Rows with ids."""
    return [{"id": start + number, "n": number} for number in range(count)]


def feed(names: Sequence[str], **other: Any) -> Feed:
    """A feed over accounts of such names."""
    usual: dict[str, Any] = {
        "units": lambda _look, _span: [Unit("", name) for name in names],
        "ask": lambda batch, _span: Request("GET", "/orders", params={"of": ",".join(one.key for one in batch)}),
        "walker": Numbered("list", 5),
    }
    return Feed("orders", SIMPLE, 60, **{**usual, **other})


def walked(one: Feed, platform: Platform, cursor: str | None = None, *, full: bool = False, watch: Watched | None = None) -> Iterator[Page]:
    """Pages of a feed from a cursor."""
    return walk(plan(one, cursor, Remembered(), NOW, full=full), platform.fetch, (watch or Watched()).line)


def keys(pages: Sequence[Page]) -> list[str]:
    """Keys in the order of their coming."""
    return [record.key for page in pages for record in page.records]


def test_every_unit_and_page_in_order_and_the_cursor_of_the_end() -> None:
    platform = Platform({"b": many(7, 100), "a": many(12)})
    pages = list(walked(feed("ba"), platform))
    assert platform.asked == [("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"), ("b", "2")]
    assert [page.received for page in pages] == [5, 5, 2, 5, 2]
    assert len(set(keys(pages))) == 19
    assert Cursor.read(pages[-1].cursor) == Cursor(since=NOW)
    assert not any(page.missing for page in pages)


@pytest.mark.parametrize("batch", [1, 2])
def test_goes_on_after_every_page(batch: int) -> None:
    """E11: what was accepted is not asked for again, what was not is."""
    rows = {"a": many(12), "b": many(7, 100), "c": [], "d": many(5, 200)}
    one = feed("abcd", batch=batch)
    undisturbed = keys(list(walked(one, Platform(rows))))
    count = len(list(walked(one, Platform(rows))))
    for killed in range(count):
        walking = walked(one, Platform(rows))
        first = [next(walking) for _ in range(killed)]
        rest = list(walked(one, Platform(rows), first[-1].cursor if first else None))
        assert keys(first) + keys(rest) == undisturbed
        assert Cursor.read(rest[-1].cursor).since == NOW


def test_a_walk_that_went_on_keeps_the_moment_it_began() -> None:
    begun = next(walked(feed("a"), Platform({"a": many(12)}))).cursor
    later = list(walk(plan(feed("a"), begun, Remembered(), NOW + DAY, full=False), Platform({"a": many(12)}).fetch, Watched().line))
    assert Cursor.read(later[-1].cursor).since == NOW


def test_a_batch_of_other_units_begins_at_its_first_page() -> None:
    """A page counts within the units that were asked together."""
    rows = {"a": many(12), "b": many(7, 100), "c": many(3, 200)}
    begun = next(walked(feed("ac", batch=2), Platform(rows))).cursor
    assert Cursor.read(begun).mark == "2"
    pages = list(walked(feed("abc", batch=3), Platform(rows), begun))
    assert len(set(keys(pages))) == 22


def test_changes_are_read_since_the_last_complete_walk_with_an_overlap() -> None:
    spans: list[Span] = []

    def units(_look: Look, span: Span) -> list[Unit]:
        spans.append(span)
        return [Unit("", "a")]

    one = feed("a", units=units, look_back=3 * DAY)
    list(walked(one, Platform({"a": []}), Cursor(since=NOW - DAY).text()))
    list(walked(one, Platform({"a": []}), Cursor(since=NOW - DAY).text(), full=True))
    assert [(span.since, span.full) for span in spans] == [(NOW - 4 * DAY, False), (None, True)]


def test_a_row_that_came_in_on_the_way_loses_none() -> None:
    """E05: what moves from page one to page two is seen twice, what is new on page one is missed at first."""
    platform = Platform({"a": many(12)})
    platform.before = lambda number: platform.rows["a"].insert(0, {"id": 999, "n": 0}) if number == 2 else None
    pages = list(walked(feed("a"), platform))
    assert set(keys(pages)) == {str(one["id"]) for one in platform.rows["a"]}
    assert not any(page.missing for page in pages)
    assert Cursor.read(pages[-1].cursor).since == NOW


def test_a_row_that_went_on_the_way_hides_none() -> None:
    """E05: what moves from page two to page one is not skipped, though the count fits."""
    platform = Platform({"a": many(12)})
    platform.before = lambda number: platform.rows["a"].__delitem__(0) if number == 2 else None
    assert {str(one["id"]) for one in platform.rows["a"]} <= set(keys(list(walked(feed("a"), platform))))


def test_a_row_that_came_in_between_two_runs_of_a_walk_loses_none() -> None:
    platform = Platform({"a": many(12)})
    begun = next(walked(feed("a"), platform))
    platform.rows["a"].insert(0, {"id": 999, "n": 0})
    pages = [begun, *walked(feed("a"), platform, begun.cursor)]
    assert set(keys(pages)) == {str(one["id"]) for one in platform.rows["a"]}


def test_what_comes_twice_counts_once() -> None:
    """E07: within a page and between pages."""
    rows = many(12)
    platform = Platform({"a": [*rows[:3], rows[0], *rows[3:], rows[1]]}, told_total=14)
    pages = list(walked(feed("a"), platform))
    assert all(len(keys([page])) == len(set(keys([page]))) for page in pages)
    assert set(keys(pages)) == {str(one["id"]) for one in rows}


def test_a_thousand_rows_of_one_second() -> None:
    """E10: the key tells them apart, not their time."""
    table = Table("collaborations", (identity("id", "key"), told("at", "ordered_at", SECONDS)))
    rows = [{"id": 1 + number, "at": 1_700_000_000} for number in range(1000)]
    one = replace(feed("a"), table=table)
    for cursor in (None, Cursor(since=1_700_000_000_000_000).text()):
        assert len(set(keys(list(walked(one, Platform({"a": rows}), cursor))))) == 1000


def test_fewer_rows_than_counted_are_walked_once_more_and_told() -> None:
    platform = Platform({"a": many(12)}, told_total=15)
    pages = list(walked(feed("a"), platform))
    assert [page for _, page in platform.asked] == ["1", "2", "3"] * 2
    assert [page.missing for page in pages] == [0, 0, 0, 0, 0, 3]
    assert Cursor.read(pages[-1].cursor) == Cursor(since=NOW, owed=frozenset({("", "a")})), "what is missing is asked for again"


def test_a_unit_that_is_refused_does_not_stop_the_others() -> None:
    watch = Watched()
    platform = Platform({"a": many(3), "b": many(3, 100), "c": many(3, 200)}, refuses=frozenset("b"))
    pages = list(walked(feed("abc"), platform, Cursor(since=5).text(), watch=watch))
    assert keys(pages) == ["1", "2", "3", "200", "201", "202"]
    assert sum(page.missing for page in pages) == 1
    assert watch.lines == [("part_refused", {"error": "refused", "unit": "b"})]
    assert Cursor.read(pages[-1].cursor) == Cursor(since=NOW, owed=frozenset({("", "b")}))


def test_what_is_owed_is_asked_for_with_all_it_has_until_it_comes() -> None:
    spans: list[tuple[str, int | None]] = []

    def units(_look: Look, span: Span) -> list[Unit]:
        return [Unit("", name) for name in ("abc" if span.since is None else "c")]

    def ask(batch: Sequence[Unit], span: Span) -> Request:
        spans.append((batch[0].key, span.since))
        return Request("GET", "/orders", params={"of": batch[0].key})

    one = feed("", units=units, ask=ask)
    rows = {name: many(7, 100 * number + 1) for number, name in enumerate("abc")}
    first = list(walked(one, Platform(rows, refuses=frozenset("b"))))
    again = list(walked(one, Platform(rows, refuses=frozenset("b")), first[-1].cursor))
    assert spans[3:] == [("b", None), ("c", NOW - DAY)]
    assert Cursor.read(again[-1].cursor).owed == {("", "b")}
    walking = walked(one, Platform(rows), again[-1].cursor)
    stopped = next(walking).cursor
    spans.clear()
    rest = list(walked(one, Platform(rows), stopped))
    assert spans == [("b", None), ("c", NOW - DAY)]
    assert Cursor.read(rest[-1].cursor) == Cursor(since=NOW)


@pytest.mark.parametrize("refused", ["a", "d", "c"])
def test_one_refused_unit_is_found_among_those_asked_together(refused: str) -> None:
    rows = {name: many(3, 100 * number + 1) for number, name in enumerate("abcd")}
    pages = list(walked(feed("abcd", batch=4), Platform(rows, refuses=frozenset(refused))))
    assert len(set(keys(pages))) == 9
    assert sum(page.missing for page in pages) == 1
    assert Cursor.read(pages[-1].cursor).unit is None


def test_where_all_is_refused_the_walk_ends_with_the_word() -> None:
    with pytest.raises(PlatformError) as caught:
        list(walked(feed("ab"), Platform({"a": [], "b": []}, refuses=frozenset("ab"))))
    assert caught.value.code == "refused"


def test_another_failure_ends_the_walk_and_what_was_given_stands() -> None:
    platform = Platform({"a": many(12)})

    def fail(number: int) -> None:
        if number == 3:
            raise PlatformError("offline")

    platform.before = fail
    walking = walked(feed("a"), platform)
    first = [next(walking), next(walking)]
    with pytest.raises(PlatformError):
        next(walking)
    platform.before = lambda _number: None
    assert keys([*first, *walked(feed("a"), platform, first[-1].cursor)]) == [str(one["id"]) for one in many(12)]


def test_nothing_to_ask_about_is_a_complete_walk() -> None:
    pages = list(walked(feed(""), Platform({})))
    assert [(page.records, Cursor.read(page.cursor).since) for page in pages] == [((), NOW)]


def test_all_answers_about_a_unit_as_one_page() -> None:
    one = feed("a", whole=lambda unit: {"task_key": unit.key}, walker=Numbered("list", 5, total_name="none"))
    (page,) = walked(one, Platform({"a": many(12)}))
    assert (len(page.records), page.whole) == (12, {"task_key": "a"})


def test_a_part_with_a_refused_row_does_not_say_it_is_whole() -> None:
    """Else what was refused would count as over."""
    one = feed("a", whole=lambda unit: {"task_key": unit.key})
    (page,) = walked(one, Platform({"a": [*many(3), {"n": 5}]}))
    assert (len(page.records), len(page.rejected), page.whole) == (3, 1, None)


def test_rows_that_moved_while_a_whole_was_read_are_read_anew() -> None:
    platform = Platform({"a": many(12)})
    platform.before = lambda number: platform.rows["a"].insert(0, {"id": 999, "n": 0}) if number == 2 else None
    (page,) = walked(feed("a", whole=lambda _unit: {}), platform)
    assert {record.key for record in page.records} == {str(one["id"]) for one in platform.rows["a"]}


def test_what_has_not_changed_is_not_sent_again() -> None:
    one = feed("ab", conditional=True, walker=Once("list"))
    seen: list[str | None] = []

    def fetch(request: Request) -> Mapping[str, Any]:
        seen.append(request.headers.get("If-None-Match"))
        name = dict(request.pairs)["of"]
        return {} if seen[-1] == f'"{name}"' else {"list": many(2), "etag": f'"{name}"'}

    def pull(cursor: str | None, *, full: bool = False) -> list[Page]:
        return list(walk(plan(one, cursor, Remembered(), NOW, full=full), fetch, Watched().line))

    first = pull(None)
    again = pull(first[-1].cursor)
    third = pull(again[-1].cursor)
    assert seen == [None, None, '"a"', '"b"', '"a"', '"b"']
    assert [len(keys(pages)) for pages in (first, again, third)] == [4, 0, 0]
    assert len(keys(pull(third[-1].cursor, full=True))) == 4


def test_a_long_walk_is_taken_in_by_more_at_a_time_and_loses_nothing() -> None:
    rows = many(2_003)
    pages = list(together(walked(feed("a"), Platform({"a": rows}))))
    assert [page.received for page in pages[:18]] == [5] * 16 + [10] * 2
    assert max(page.received for page in pages) == 115
    assert max(page.received for page in together(walked(feed("a"), Platform({"a": many(4_003)})))) == 200
    assert sum(page.received for page in pages) == len(rows)
    assert len(set(keys(pages))) == len(rows)
    later = list(walked(feed("a"), Platform({"a": rows}), pages[40].cursor))
    assert keys(pages[:41]) + keys(later) == [str(one["id"]) for one in rows]


def test_what_came_before_a_failure_is_given_before_it() -> None:
    platform = Platform({"a": many(2_000)})

    def fail(number: int) -> None:
        if number == 100:
            raise PlatformError("offline")

    platform.before = fail
    taken: list[Page] = []
    with pytest.raises(PlatformError):
        taken.extend(together(walked(feed("a"), platform)))
    assert sum(page.received for page in taken) == 99 * 5


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '{"part": 5}', '{"part": ["a"]}', "null"])
def test_a_cursor_that_makes_no_sense_begins_at_the_beginning(text: str) -> None:
    assert Cursor.read(text) == Cursor()
