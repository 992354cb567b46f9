# SPDX-License-Identifier: Apache-2.0
"""What a connector is made of: feeds of addresses, walkers and tables; and the walk over one, page by page with its cursor."""

from __future__ import annotations

import json
import zlib
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from app.errors import PlatformError
from app.usecases.syncing import Page
from app.values import aware, day_end, day_start
from sync.pagination import NOTHING
from sync.readers import SECOND, decoded
from sync.tables import Parser, Read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from app.usecases.syncing import Look, Record
    from sync.http import Answer, Pace, Request
    from sync.pagination import Ask, Leaf, Walker
    from sync.signins import SignIn
    from sync.tables import Table

    Fetch = Callable[[Request], Mapping[str, Any]]

DAY: Final = 86_400 * SECOND


# ---------------------------------------------------------------- feeds and connectors


@dataclass(frozen=True, slots=True)
class Span:
    """What a walk covers: changes since a moment (None: all), as of now; ``full`` where somebody asked for all again."""

    since: int | None
    now: int
    full: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """One thing to ask about: an account, a task, an order. ``group`` holds those that may be asked together."""

    group: str
    key: str = ""
    about: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.group, self.key


def plain_rows(leaf: Leaf, batch: Sequence[Unit], span: Span) -> Iterator[tuple[Any, Mapping[str, object]]]:  # noqa: ARG001 (as others)
    """Rows as they stand in the answer."""
    return ((row, _NOTHING) for row in leaf.rows)


_NOTHING: Final[Mapping[str, object]] = {}


@dataclass(frozen=True, slots=True)
class Feed:
    """A stream of a platform: what to ask about, the address of a few of them, the walk over its answers, and its table.

    ``look_back``: how long before the last complete run a walk begins, for what changes late. ``batch``: most units of a group
    that one address takes. ``whole``: field values under which the answers about a unit are all there is; they come as one page.
    ``rows``: the rows of an answer, each with what its address already says. ``shape``: the records of a page, made of those read.
    ``counted``: whether distinct records must reach the total that the platform counts. ``conditional``: whether an answer has an etag and may be asked for only if it changed.
    ``after``: streams that bring what this one asks about.
    """

    name: str
    table: Table
    every_seconds: int
    units: Callable[[Look, Span], Iterable[Unit]]
    ask: Callable[[Sequence[Unit], Span], Request]
    walker: Walker
    look_back: int = DAY
    batch: int = 1
    rows: Callable[[Leaf, Sequence[Unit], Span], Iterable[tuple[Any, Mapping[str, object]]]] = plain_rows
    shape: Callable[[Read, Sequence[Unit], Span], Sequence[Record]] | None = None
    whole: Callable[[Unit], Mapping[str, object]] | None = None
    counted: bool = True
    conditional: bool = False
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quota:
    """Most requests of a day, and where the day ends at midnight."""

    units: int
    zone: str

    def day(self, now: int) -> tuple[int, int]:
        """When the day of a moment began, and when the next one begins."""
        today = aware(now).astimezone(ZoneInfo(self.zone)).date()
        return day_start(today, self.zone), day_end(today, self.zone)


@dataclass(frozen=True, slots=True)
class Connector:
    """A platform as a value: how to sign in, how fast to ask, what to ask for, and what its envelope means.

    Requests name paths under ``base``; another base replaces every host of the platform. ``open`` gives what an answer's envelope
    holds, or raises what it says went wrong. ``probe``: the cheapest signed question. ``quota``: most requests of a day.
    """

    name: str
    base: str
    sign_in: SignIn
    pace: Pace
    feeds: tuple[Feed, ...]
    probe: Request
    open: Callable[[Answer], Mapping[str, Any]]
    scopes: tuple[str, ...] = ()
    leaves_mainland: bool = False
    quota: Quota | None = None

    def feed(self, name: str) -> Feed:
        """A stream by its name."""
        return next(one for one in self.feeds if one.name == name)


def document(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer, whatever its status; PlatformError by its status, or for what is no such thing."""
    try:
        told = decoded(answer.content)
    except ValueError:
        told = None
    if isinstance(told, dict):
        return told
    answer.check()
    raise answer.unexpected()


# ---------------------------------------------------------------- cursors


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a stream goes on: since when, and inside a walk which unit and which page is next."""

    since: int | None = None
    started: int | None = None
    unit: tuple[str, str] | None = None
    of: str = ""
    """Sign of the batch that the page counts in: other units, other pages."""
    mark: str | None = None
    total: int | None = None
    """Rows that the platform counted when the walk over the unit began."""
    etags: Mapping[str, str] = field(default_factory=dict)
    """Of the answers to conditional questions, by batch."""
    owed: frozenset[tuple[str, str]] = frozenset()
    """Units of which something is missing: they are asked for all they have, whenever it changed."""

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """Of its text; one that makes no sense begins at the beginning."""
        try:
            told = json.loads(text or "{}")
            unit = told.get("part")
            return cls(
                told.get("since"), told.get("started"), None if unit is None else (str(unit[0]), str(unit[1])), told.get("of", ""), told.get("page"),
                told.get("total"), dict(told.get("etags", {})), frozenset((str(group), str(key)) for group, key in told.get("owed", ())),
            )  # fmt: skip
        except (ValueError, AttributeError, IndexError, TypeError):
            return cls()

    def text(self) -> str:
        """As it is kept."""
        told = {
            "since": self.since, "started": self.started, "part": self.unit, "of": self.of, "page": self.mark, "total": self.total, "etags": self.etags,
            "owed": sorted(self.owed),
        }  # fmt: skip
        return json.dumps({name: value for name, value in told.items() if value or value == 0}, ensure_ascii=False, separators=(",", ":"))


# ---------------------------------------------------------------- the walk

PART_ONLY: Final = frozenset({"not_granted", "refused"})
"""What a platform may say of one account or task while the others go on."""
UNCHANGED: Final[Mapping[str, Any]] = {}
"""What the envelope of an answer holds that is as it was: nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A walk before it begins: what it covers and in which steps."""

    feed: Feed
    span: Span
    cursor: Cursor
    batches: tuple[tuple[Unit, ...], ...]


def plan(feed: Feed, cursor: str | None, look: Look, now: int, *, full: bool) -> Plan:
    """Where a walk goes: on from its cursor, or from the beginning where everything is asked for again."""
    at = Cursor() if full else Cursor.read(cursor)
    started = at.started if at.unit is not None and at.started is not None else now
    span = Span(None if at.since is None else at.since - feed.look_back, now, full)
    found = {one.name: one for one in feed.units(look, span)}
    if at.owed and span.since is not None:
        found |= {one.name: one for one in feed.units(look, replace(span, since=None)) if one.name in at.owed}
    units = sorted(one for one in found.values() if at.unit is None or one.name >= at.unit)
    batches = [
        tuple(group[first : first + feed.batch])
        for group in (list(members) for _, members in groupby(units, key=lambda one: one.group))
        for first in range(0, len(group), feed.batch)
    ]
    return Plan(feed, span, replace(at, started=started), tuple(batches))


def walk(steps: Plan, fetch: Fetch, note: Callable[..., None]) -> Iterator[Page]:
    """Every page of a plan in order; the last one closes the walk.

    A unit that the platform refuses for itself is noted and counts as missing; where it refuses all, its word ends the walk.
    Whatever lacks something is owed: it is asked for again next time, with all it has.
    """
    parser, kind, so_far = Parser(steps.feed.table), steps.feed.table.kind, _SoFar(steps.cursor)
    left = deque(steps.batches)
    untold = 0
    heard, word = not steps.batches, None
    while left:
        batch = left.popleft()
        try:
            for page in _walk_batch(steps, batch, parser, fetch, so_far):
                heard = True
                if page.cursor:
                    yield page
                    continue
                so_far.note(batch, lacking=page.missing > 0)
                yield replace(page, cursor=so_far.before(left[0][0]) if left else so_far.end(), missing=page.missing + untold)
                if not left:
                    return
                untold = 0
        except PlatformError as error:
            if error.code not in PART_ONLY:
                raise
            if len(batch) > 1:  # one of them may be at fault
                middle = len(batch) // 2
                left.extendleft((batch[middle:], batch[:middle]))
                continue
            note("part_refused", error=error.code, unit=batch[0].key or batch[0].group)
            so_far.note(batch, lacking=True)
            untold, word = untold + 1, error
    if word is not None and not heard:
        raise word
    yield Page(kind, (), so_far.end(), 0, missing=untold)


_MOST_OWED: Final = 500


class _SoFar:
    """What a walk has to remember beyond the unit it is at: etags of answers, and the units that lack something."""

    def __init__(self, at: Cursor) -> None:
        self._at = at
        self.etags: dict[str, str] = {}
        self._lacking = {name for name in at.owed if at.unit is not None and name < at.unit}
        self._waiting = set(at.owed) - self._lacking

    def note(self, batch: Sequence[Unit], *, lacking: bool) -> None:
        """Units were asked about to their end."""
        names = {one.name for one in batch}
        self._waiting -= names
        if lacking:
            self._lacking |= names

    def at(self, cursor: Cursor) -> str:
        """A cursor within the walk, with what is remembered."""
        return replace(cursor, etags={**self._at.etags, **self.etags}, owed=frozenset(self._lacking | self._waiting)).text()

    def before(self, unit: Unit) -> str:
        """The cursor of a walk that comes to a unit next."""
        return self.at(Cursor(self._at.since, self._at.started, unit.name))

    def end(self) -> str:
        """The cursor of a walk that is over; etags are those of what was asked for, older ones go. Where very much is owed, all is read again."""
        etags = self.etags if self._at.unit is None else {**self._at.etags, **self.etags}
        if len(self._lacking) > _MOST_OWED:
            return Cursor(self._at.since, etags=etags).text()
        return Cursor(self._at.started, etags=etags, owed=frozenset(self._lacking)).text()


_MOST_TOGETHER: Final = 40
_PART: Final = 16


def together(pages: Iterator[Page]) -> Iterator[Page]:
    """The same pages, of a long walk several as one: each that is taken in has a price of its own.

    The first ones stay as they are, then they grow with the walk, to some answers at most: whoever is interrupted asks again for
    a small part of what was asked for. What came before a failure is given before it.
    """
    held: list[Page] = []
    given = 0
    try:
        for page in pages:
            if page.whole is not None:
                if held:
                    yield _joined(held)
                    held = []
                yield page
                continue
            held.append(page)
            if len(held) >= min(given // _PART + 1, _MOST_TOGETHER):
                one, held, given = _joined(held), [], given + len(held)
                yield one
    except PlatformError:
        if held:
            yield _joined(held)
        raise
    if held:
        yield _joined(held)


def _joined(pages: Sequence[Page]) -> Page:
    """Pages as one, with the cursor of the last; of records that came twice the last one."""
    if len(pages) == 1:
        return pages[0]
    records = {(one.kind, one.key): one for page in pages for one in page.records}
    return replace(
        pages[-1],
        records=list(records.values()),
        received=sum(page.received for page in pages),
        rejected=[one for page in pages for one in page.rejected],
        drift=[one for page in pages for one in page.drift],
        missing=sum(page.missing for page in pages),
    )


def _walk_batch(steps: Plan, batch: Sequence[Unit], parser: Parser, fetch: Fetch, so_far: _SoFar) -> Iterator[Page]:
    """Pages of one address; the last one has no cursor.

    Where fewer distinct records came than the platform counts, or the count changed on the way, it is walked once more.
    """
    feed = steps.feed
    span = replace(steps.span, since=None) if any(one.name in steps.cursor.owed for one in batch) else steps.span
    asked, sign = feed.ask(batch, span), _sign(batch)

    def ask(page: Mapping[str, object]) -> Mapping[str, Any]:
        etag = steps.cursor.etags.get(sign) if feed.conditional and not span.full else None
        headers = {**asked.headers, "If-None-Match": etag} if etag else asked.headers
        data = fetch(replace(asked, params=[*asked.pairs, *page.items()], headers=headers))
        if feed.conditional and isinstance(found := data.get("etag") or etag, str):
            so_far.etags.setdefault(sign, found)
        return data

    if feed.whole is not None:
        yield _gathered(steps, batch, parser, ask)
        return
    here = replace(steps.cursor, unit=batch[0].name, of=sign, mark=None, total=None)
    resumed = steps.cursor.mark is not None and steps.cursor.of == sign
    mark, first_total = (steps.cursor.mark, steps.cursor.total) if resumed else (None, None)
    seen: set[str] = set()
    before: int | None = None
    again = False
    while True:
        read, leaf, following = Read(), NOTHING, mark
        for leaf in feed.walker(ask, mark):
            before = leaf.before if before is None else before
            first_total = leaf.total if first_total is None else first_total
            read = parser.read(feed.rows(leaf, batch, span))
            if not seen.issuperset(read.keys):  # otherwise the answer came again: whatever stands there is still to be read
                following = leaf.following
            seen.update(read.keys)
            if leaf.following is not None:
                cursor = so_far.at(replace(here, mark=following, total=first_total))
                yield _page(steps, batch, read, cursor)
        short = leaf.total - len(seen) - before if feed.counted and leaf.total is not None and before is not None else 0
        moved = feed.counted and leaf.total != first_total and (resumed or (leaf.total or 0) < (first_total or 0))
        if again or not (short > 0 or moved):
            yield _page(steps, batch, read, "", missing=max(0, short))
            return
        yield _page(steps, batch, read, so_far.at(here))
        mark, before, first_total, resumed, again = None, None, None, False, True


def _gathered(steps: Plan, batch: Sequence[Unit], parser: Parser, ask: Ask) -> Page:
    """All answers about one unit as one page, so that what is not among them is over. Rows that moved on the way are read anew."""
    feed, leaves = steps.feed, list(steps.feed.walker(ask))
    if len(leaves) > 1 and next(iter(feed.walker(ask))).rows != leaves[0].rows:
        leaves = list(feed.walker(ask))
    rows = [row for leaf in leaves for row in leaf.rows]
    read = parser.read(feed.rows(replace(leaves[-1], rows=rows), batch, steps.span))
    page = _page(steps, batch, read, "")
    return page if read.refused or feed.whole is None else replace(page, whole=feed.whole(batch[0]))


def _page(steps: Plan, batch: Sequence[Unit], read: Read, cursor: str, *, missing: int = 0) -> Page:
    """A page of what was read; of records that came twice the last one."""
    feed = steps.feed
    records = read.records if feed.shape is None else feed.shape(read, batch, steps.span)
    single = list({(one.kind, one.key): one for one in records}.values())
    return Page(feed.table.kind, single, cursor, read.rows, read.refused, read.drift, missing=missing)


def _sign(batch: Sequence[Unit]) -> str:
    """What tells a batch from one of other units."""
    return f"{zlib.crc32(chr(10).join(f'{one.group}/{one.key}' for one in batch).encode()):08x}"
