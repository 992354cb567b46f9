# SPDX-License-Identifier: Apache-2.0
"""Filters in words: what a part of a filter says, which operators a field has, and a filter's text from what was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app import filters
from app.errors import UsageError
from app.rules import cells
from app.rules.fields import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from app.rules.fields import Field
    from app.values import Ranked
    from widgets.labels import Labels

EMPTY: Final = "empty"
FILLED: Final = "filled"
ANY: Final = ("in", "not in")
"""Operators that take several values."""

_NUMBERS: Final = (">=", "<=", "=", ">", "<", EMPTY, FILLED)
_OPERATORS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.TEXT: ("~", "=", "!=", EMPTY, FILLED),
    Kind.IDENT: ("=", "~", "!=", EMPTY, FILLED),
    Kind.PLATFORM: ANY,
    Kind.COUNT: _NUMBERS,
    Kind.NUMBER: _NUMBERS,
    Kind.FEN: _NUMBERS,
    Kind.BASIS_POINTS: _NUMBERS,
    Kind.MOMENT: (">=", "<=", "=", EMPTY, FILLED),
    Kind.RANK: (*ANY, ">=", "<=", EMPTY, FILLED),
    Kind.TAGS: (*ANY, "~", EMPTY, FILLED),
}


@dataclass(frozen=True, slots=True)
class Language:
    """The filter language of a table: its fields, and what parses a text."""

    fields: Mapping[str, Field]
    parse: Callable[[str], filters.Node | None]

    def text(self, nodes: Iterable[filters.Node]) -> str:
        """Text whose parts all must hold."""
        ranks: dict[str, type[Ranked]] = {name: one.ranks for name, one in self.fields.items() if one.ranks is not None}
        moments = frozenset(name for name, one in self.fields.items() if one.kind is Kind.MOMENT)
        parts = tuple(nodes)
        if not parts:
            return ""
        return filters.text(parts[0] if len(parts) == 1 else filters.And(parts), ranks, moments)


def operators(field: Field, *, choices: bool) -> tuple[str, ...]:
    """Operators that make sense for a field; text with known values can be one of several."""
    own = _OPERATORS[field.kind]
    return (*ANY, *own) if choices and field.kind is Kind.TEXT else own


def composed(field: Field, operator: str, values: Sequence[str]) -> str:
    """Text of one comparison from what was chosen or typed; UsageError where a value does not fit."""
    if operator in {EMPTY, FILLED}:
        return f'{field.name} {"=" if operator == EMPTY else "!="} ""'
    if not any(value.strip() for value in values):
        raise UsageError("value_missing", field=field.name)
    words = [_quoted(stored(field, value) if operator != "~" else value) for value in values]
    return f"{field.name} {operator} " + (f"({', '.join(words)})" if operator in ANY else words[0])


def typed(field: Field, value: object) -> str:
    """How a value of a filter is typed: yuan, per cent, days, codes."""
    if isinstance(value, filters.Span):
        return value.day
    if value is None or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if field.kind in {Kind.FEN, Kind.BASIS_POINTS}:
        return f"{value / 100:.2f}".rstrip("0").rstrip(".")
    if field.kind is Kind.RANK and field.ranks is not None:
        return field.ranks(int(value)).code
    return str(value)


def stored(field: Field, text: str) -> str:
    """Text that the services take: amounts are typed in yuan and per cent, and kept in fen and basis points."""
    if not text.strip():
        return ""
    if field.kind not in {Kind.FEN, Kind.BASIS_POINTS}:
        return text.replace(",", "").replace("，", "") if field.kind in {Kind.COUNT, Kind.NUMBER} else text
    try:
        number, _ = cells.number(text)
    except cells.BadCellError as error:
        raise UsageError("bad_value", field=field.name, value=text, reason=error.code) from error
    if number is None:
        raise UsageError("bad_value", field=field.name, value=text, reason="bad_number")
    return str(round(number * 100))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# ---------------------------------------------------------------- words


_MANY: Final = 8
"""Values that a part of a filter names; of more it names the first and says how many."""
_NAMED: Final = 2


def said(node: filters.Node, labels: Labels) -> str:
    """What a part of a filter says, in the reader's language."""
    if isinstance(node, filters.Not):
        return labels("filter.not", what=_inside(node.part, labels))
    if isinstance(node, filters.And | filters.Or):
        joint = labels("filter.and" if isinstance(node, filters.And) else "filter.or")
        return joint.join(_inside(part, labels) for part in node.parts)
    title = labels.field(node.field)
    if node.values == (None,):
        return labels(f"filter.op.{EMPTY if node.op in {'=', 'in'} else FILLED}.said", field=title)
    values = labels("filter.comma").join(_value(node.field, value, labels) for value in node.values[: _NAMED if len(node.values) > _MANY else None])
    if len(node.values) > _MANY:
        values = labels("filter.several", first=values, count=labels.exact(len(node.values)))
    return labels("filter.said", field=title, op=labels(f"filter.op.{NAMES[node.op]}"), value=values)


def _inside(node: filters.Node, labels: Labels) -> str:
    inner = said(node, labels)
    return f"({inner})" if isinstance(node, filters.And | filters.Or) else inner


def _value(name: str, value: Any, labels: Labels) -> str:  # noqa: ANN401 (by kind)
    if value is None:
        return labels("filter.nothing")
    return value.day if isinstance(value, filters.Span) else labels.value(name, value)


NAMES: Final = {
    "=": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
    "~": "contains",
    "in": "in",
    "not in": "not_in",
    EMPTY: "empty",
    FILLED: "filled",
}
"""Names of operators in keys of sentences."""
