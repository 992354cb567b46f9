# SPDX-License-Identifier: Apache-2.0
"""Walks of the paging families: page and total, has_more, page token, and the answer that is all there is.

A walker is a value; its walk is a generator that keeps nothing beyond itself. A mark says from where an answer was
asked, as text, so that a cursor can hold it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from app.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Ask = Callable[[Mapping[str, object]], Mapping[str, Any]]
    """Asks for one answer by the parameters of its page; gives what the envelope holds."""

MOST_REPEATS: Final = 2
"""As often an answer or a token may come again before the walk is given up: items shift, a loop goes on."""
_MOST_PAGES: Final = 10_000
"""The highest page number that the contracts name."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One answer: its rows, the mark it was asked by, the next one's (None: it was the last), and the rows counted in all."""

    rows: Sequence[Any]
    data: Mapping[str, Any]
    mark: str | None
    following: str | None
    total: int | None = None
    before: int = 0
    """Rows on the pages before it."""


NOTHING: Final = Leaf((), {}, None, None)
"""The answer of a walk that never began."""


class Walker(Protocol):
    """Walks all answers of one address."""

    def __call__(self, ask: Ask, mark: str | None = None) -> Iterator[Leaf]:
        """From a mark, or from the first answer; PlatformError ``endless_paging`` where it goes round in circles."""


@dataclass(frozen=True, slots=True)
class Once:
    """The one answer of an address without pages."""

    rows: str

    def __call__(self, ask: Ask, mark: str | None = None) -> Iterator[Leaf]:
        """One leaf."""
        data = ask({})
        yield Leaf(_rows(data, self.rows), data, mark, None)


@dataclass(frozen=True, slots=True)
class Numbered:
    """Pages by number, with or without a count of all rows: both families of the Ocean Engine."""

    rows: str
    size: int
    size_name: str = "page_size"
    total_name: str = "total_number"

    def __call__(self, ask: Ask, mark: str | None = None) -> Iterator[Leaf]:
        """Until the pages reach the count, or bring nothing more where there is none.

        A platform that gives fewer rows a page than were asked for, and does not say so, is asked on until it gives none.
        """
        circle, page, widest = _Circle(), int(mark or 1), 0
        while True:
            data = ask({"page": page, self.size_name: self.size})
            rows = _rows(data, self.rows)
            info = data.get("page_info")
            info = info if isinstance(info, dict) else {}
            total, step = _whole(info.get(self.total_name)), _whole(info.get(self.size_name)) or self.size
            more = info.get("has_more", data.get("has_more"))
            # How many rows pages have is known by the platform's word only on the page that a walk begins with: an exact fit bears it out.
            exact = total == (page - 1) * step + min(len(rows), step)
            fits = exact if not widest else total is not None and page * min(step, widest) >= total
            done, widest = not more if isinstance(more, bool) else fits or not rows, max(widest, len(rows))
            if not done:
                circle.check(_fingerprint(rows), page)
            yield Leaf(rows, data, str(page), None if done else str(page + 1), total, (page - 1) * step)
            if done:
                return
            page += 1


@dataclass(frozen=True, slots=True)
class Tokens:
    """Pages by the token that the answer before gave."""

    rows: str
    size: int
    size_name: str = "maxResults"
    token_name: str = "pageToken"  # noqa: S105 (a parameter's name)
    next_name: str = "nextPageToken"

    def __call__(self, ask: Ask, mark: str | None = None) -> Iterator[Leaf]:
        """Until an answer gives no token."""
        circle, token, number = _Circle(), mark, 0
        while True:
            number += 1
            data = ask({self.size_name: self.size} | ({self.token_name: token} if token else {}))
            following = data.get(self.next_name)
            following = following if isinstance(following, str) and following else None
            if following is not None:
                circle.check(following, number)
            yield Leaf(_rows(data, self.rows), data, token, following)
            if following is None:
                return
            token = following


class _Circle:
    """Notices a walk that goes round: ``MOST_REPEATS`` answers may come again, one more may not."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._repeats = 0

    def check(self, sign: str, number: int) -> None:
        """Note what tells an answer from others."""
        if sign in self._seen:
            self._repeats += 1
        self._seen.add(sign)
        if self._repeats > MOST_REPEATS or number >= _MOST_PAGES:
            raise PlatformError("endless_paging", pages=number)


def _fingerprint(rows: Sequence[Any]) -> str:
    """What tells a page from another without reading it whole."""
    return f"{len(rows)}:{rows[0]!r}:{rows[-1]!r}" if rows else ""


def _rows(data: Mapping[str, Any], name: str) -> Sequence[Any]:
    """Rows of an answer; none where the list is absent, PlatformError where there is something else in its place."""
    rows = data.get(name)
    if rows is None:
        return ()
    if not isinstance(rows, list):
        raise PlatformError("unexpected_answer", found=f"{name}: {type(rows).__name__}")
    return rows


def _whole(value: object) -> int | None:
    """A count, also where it comes as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
