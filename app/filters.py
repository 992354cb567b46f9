# SPDX-License-Identifier: Apache-2.0
"""The ``--where`` language: parser with positions, syntax tree, canonical text.

``tier in (nano, mid) and followers >= 10000 and name ~ "茶"``. It is parsed, never pasted into SQL.

Meaning: an empty value holds only for ``= ""`` and ``!=``; ``=`` on text is exact, ``~`` is "contains" whatever
the case; ranks order by rank; a day stands for its whole span in the workspace's zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from app.errors import UsageError
from app.values import Ranked, day_end, day_start, iso, moment


class FieldLike(Protocol):
    """What the language needs to know of a field; ``kind.value`` is one of the kinds below."""

    @property
    def name(self) -> str:
        """Its one name."""

    @property
    def kind(self) -> Any:  # noqa: ANN401 (an enum of the floor above)
        """How its values compare."""

    @property
    def ranks(self) -> type[Ranked] | None:
        """Ordered set of a rank."""


@dataclass(frozen=True, slots=True)
class Span:
    """A day: from its start to the next, in moments."""

    start: int
    end: int
    day: str


@dataclass(frozen=True, slots=True)
class Compare:
    """``field op value``. A value None is the empty one; ``in`` and ``not in`` have several."""

    field: str
    op: str
    values: tuple[Any, ...]
    position: int = 0


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Node


Node = And | Or | Not | Compare
Lookup = Callable[[str], "FieldLike | None"]
Rank = Callable[[type[Ranked], str], Ranked]

_QUOTES: Final = {'"': '"', "'": "'", "“": "”"}
_SYMBOLS: Final = re.compile(r"(?P<op>!=|<>|<=|>=|==|=|<|>|~|≠|≤|≥)|(?P<open>[(（])|(?P<close>[)）])|(?P<comma>[,，])")
_WORD: Final = re.compile(r"[^\s()（）,，=<>!~≠≤≥\"“”']+")
_SAME: Final = {"==": "=", "<>": "!=", "≠": "!=", "≤": "<=", "≥": ">="}
_KEYWORDS: Final = {"and": "and", "or": "or", "not": "not", "in": "in", "且": "and", "或": "or", "非": "not"}
_FACTORS: Final = {"万": 10_000, "w": 10_000, "千": 1_000, "k": 1_000, "m": 1_000_000, "百万": 1_000_000, "亿": 10**8, "b": 10**9}
_DEEPEST: Final = 60
_WORDY: Final = frozenset({"text", "ident", "platform", "tags"})
"""Kinds in which ``~`` looks for a text."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int
    quoted: bool = False


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        if text[at] in _QUOTES:
            value, end = _quoted(text, at)
            yield _Token("word", value, at, quoted=True)
            at = end
            continue
        match = _SYMBOLS.match(text, at) or _WORD.match(text, at)
        if match is None:
            raise UsageError("filter_syntax", position=at, token=text[at])
        kind = match.lastgroup or "word"
        yield _Token(kind, match.group(), at)
        at = match.end()
    yield _Token("end", "", len(text))


def _quoted(text: str, start: int) -> tuple[str, int]:
    closing, out, at = _QUOTES[text[start]], [], start + 1
    while at < len(text) and text[at] != closing:
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        out.append(text[at])
        at += 1
    if at >= len(text):
        raise UsageError("filter_syntax", position=start, token=text[start])
    return "".join(out), at + 1


def parse(text: str, lookup: Lookup, zone: str, platform: Callable[[str], str], rank: Rank | None = None) -> Node | None:
    """Syntax tree of a filter, None for a blank one; UsageError names position and token. ``rank`` knows ranks by more words than their codes."""
    if not text.strip():
        return None
    parser = _Parser(list(_tokens(text)), lookup, zone, platform, rank or (lambda ranks, word: ranks.of(word)))
    tree = parser.either()
    parser.expect("end")
    return tree


class _Parser:
    def __init__(self, tokens: list[_Token], lookup: Lookup, zone: str, platform: Callable[[str], str], rank: Rank) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0
        self._lookup, self._zone, self._platform, self._rank = lookup, zone, platform, rank

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def expect(self, kind: str) -> _Token:
        token = self._next
        if token.kind != kind:
            raise UsageError("filter_syntax", position=token.position, token=token.text)
        self._at += kind != "end"
        return token

    def _keyword(self, word: str) -> bool:
        token = self._next
        if token.kind == "word" and not token.quoted and _KEYWORDS.get(token.text.lower()) == word:
            self._at += 1
            return True
        return False

    def either(self) -> Node:
        parts = [self._both()]
        while self._keyword("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Node:
        parts = [self._single()]
        while self._keyword("and"):
            parts.append(self._single())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _single(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise UsageError("filter_syntax", position=self._next.position, token=self._next.text)
        node = self._inner()
        self._depth -= 1
        return node

    def _inner(self) -> Node:
        if self._keyword("not"):
            return Not(self._single())
        if self._next.kind == "open":
            self._at += 1
            node = self.either()
            self.expect("close")
            return node
        return self._comparison()

    def _comparison(self) -> Node:
        named = self.expect("word")
        field = None if named.quoted else self._lookup(named.text)
        if field is None:
            raise UsageError("unknown_field", field=named.text, position=named.position)
        if self._keyword("not"):
            if not self._keyword("in"):
                raise UsageError("filter_syntax", position=self._next.position, token=self._next.text)
            return Compare(field.name, "not in", self._list(field), named.position)
        if self._keyword("in"):
            return Compare(field.name, "in", self._list(field), named.position)
        op = _SAME.get(self._next.text, self._next.text)
        if op == "~" and field.kind.value not in _WORDY:
            raise UsageError("filter_value", field=field.name, token=op, position=self._next.position)
        self.expect("op")
        return Compare(field.name, op, (self._value(field, op),), named.position)

    def _list(self, field: FieldLike) -> tuple[Any, ...]:
        self.expect("open")
        values = [self._value(field, "in")]
        while self._next.kind == "comma":
            self._at += 1
            values.append(self._value(field, "in"))
        self.expect("close")
        return tuple(values)

    def _value(self, field: FieldLike, op: str) -> Any:  # noqa: ANN401 (by kind)
        token = self.expect("word")
        if not token.text:
            return None
        kind = "text" if op == "~" else field.kind.value
        try:
            return self._typed(kind, field, token)
        except (ValueError, KeyError, InvalidOperation, OverflowError) as error:
            raise UsageError("filter_value", field=field.name, token=token.text, position=token.position) from error

    def _typed(self, kind: str, field: FieldLike, token: _Token) -> Any:  # noqa: ANN401
        text = token.text
        if kind in {"count", "fen", "basis_points"}:
            value = _number(text)
            return int(value) if value == int(value) else float(value)
        if kind == "number":
            return float(_number(text))
        if kind == "rank" and field.ranks is not None:
            return int(self._rank(field.ranks, text))
        if kind == "moment":
            return _when(text, self._zone)
        return self._platform(text) if kind == "platform" else text


_NUMBER: Final = re.compile(r"([+-]?\d[\d_]*(?:\.\d+)?(?:e[+-]?\d{1,2})?)\s*(百万|[万w千km亿b])?%?", re.IGNORECASE)


def _number(text: str) -> Decimal:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(text)
    value = Decimal(match[1].replace("_", "")) * _FACTORS.get((match[2] or "").lower(), 1)
    if abs(value) >= 2**63:
        raise ValueError(text)
    return value


def _when(text: str, zone: str) -> int | Span:
    text = text.replace("/", "-")
    if len(text) <= len("2024-01-05"):
        day = date(*map(int, text.split("-")))
        return Span(day_start(day, zone), day_end(day, zone), day.isoformat())
    when = datetime.fromisoformat(text)
    return moment(when if when.tzinfo else when.replace(tzinfo=ZoneInfo(zone)))


# ---------------------------------------------------------------- text and meaning


def text(node: Node, ranks: Mapping[str, type[Ranked]] | None = None, moments: frozenset[str] = frozenset()) -> str:
    """Canonical text of a tree; parsing it gives the tree again."""
    if isinstance(node, Not):
        return f"not {_inside(node.part, ranks, moments)}"
    if isinstance(node, And | Or):
        return (" and " if isinstance(node, And) else " or ").join(_inside(part, ranks, moments) for part in node.parts)
    words = [_word(value, (ranks or {}).get(node.field), node.field in moments, node.op) for value in node.values]
    return f"{node.field} {node.op} " + (f"({', '.join(words)})" if node.op in {"in", "not in"} else words[0])


def _inside(node: Node, ranks: Mapping[str, type[Ranked]] | None, moments: frozenset[str]) -> str:
    inner = text(node, ranks, moments)
    return f"({inner})" if isinstance(node, And | Or) else inner


def _word(value: object, ranks: type[Ranked] | None, is_moment: bool, op: str) -> str:  # noqa: FBT001
    if value is None:
        return '""'
    if isinstance(value, Span):
        return value.day
    if ranks is not None and isinstance(value, int) and op != "~":
        return ranks(value).code
    if is_moment and isinstance(value, int):
        return f'"{iso(value)}"'
    word = str(value)
    if _WORD.fullmatch(word) and word.lower() not in _KEYWORDS:
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def conjuncts(node: Node | None) -> tuple[Node, ...]:
    """Parts that all must hold, for the chips of a filter bar."""
    if node is None:
        return ()
    return node.parts if isinstance(node, And) else (node,)


def matches(node: Node, values: Mapping[str, object]) -> bool:
    """Whether a row's values hold; several values of a field come as a tuple. The plain meaning of the language."""
    if isinstance(node, And):
        return all(matches(part, values) for part in node.parts)
    if isinstance(node, Or):
        return any(matches(part, values) for part in node.parts)
    if isinstance(node, Not):
        return not matches(node.part, values)
    if node.op in {"!=", "not in"}:
        return not matches(Compare(node.field, "=" if node.op == "!=" else "in", node.values), values)
    held = values.get(node.field)
    filled = [one for one in (held if isinstance(held, tuple) else (held,)) if one is not None]
    if not filled:
        return node.op in {"=", "in"} and None in node.values
    return any(_holds(node.op, one, value) for one in filled for value in node.values if value is not None)


def _holds(op: str, held: Any, value: Any) -> bool:  # noqa: ANN401
    if op == "~":
        return str(value).casefold() in str(held).casefold()
    if isinstance(value, Span):
        inside: dict[str, bool] = {
            "=": value.start <= held < value.end, "in": value.start <= held < value.end, "<": held < value.start,
            "<=": held < value.end, ">": held >= value.end, ">=": held >= value.start,
        }  # fmt: skip
        return inside[op]
    if op in {"=", "in"}:
        return bool(held == value)
    return bool({"<": held < value, "<=": held <= value, ">": held > value, ">=": held >= value}[op])
