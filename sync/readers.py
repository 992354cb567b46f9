# SPDX-License-Identifier: Apache-2.0
"""What one value of a platform's answer says: JSON as it came, and a reader for each unit a contract names."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from app.rules import cells
from app.rules.cells import BadCellError
from app.values import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SECOND: Final = 1_000_000
_LARGEST: Final = 2**63 - 1


# ---------------------------------------------------------------- JSON as it came


class Number(str):
    """A JSON number with a point or an exponent, or one that is none (NaN): digit for digit, never a float."""

    __slots__ = ()


def decoded(content: bytes) -> Any:  # noqa: ANN401 (whatever JSON holds)
    """JSON of an answer: ids whole however long, other numbers digit for digit; ValueError for what is none."""
    try:
        return json.loads(content.decode("utf-8-sig"), parse_float=Number, parse_constant=Number)
    except RecursionError as error:
        raise ValueError("too deep") from error


_JSON: Final = {type(None): "null", bool: "boolean", int: "integer", Number: "number", str: "string", list: "array", dict: "object"}


def json_type(value: object) -> str:
    """What JSON calls the type of a value."""
    return _JSON[type(value)]


# ---------------------------------------------------------------- readers: one for each unit

UNSAID: Final = object()
"""What a reader gives for a value that says nothing, as ``--``: the field stays as it was."""


class OddError(ValueError):
    """A value that is not exactly as the contract says; the patient reader looks at it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes a source's value the product's.

    ``quick`` takes what the contract says and raises for the rest; ``patient`` takes what still has one meaning, BadCellError for
    the rest. ``types``: the JSON types of the contract.
    """

    quick: Callable[[Any], Any]
    patient: Callable[[Any], Any]
    types: frozenset[str]


def _quick_ident(value: Any) -> str:  # noqa: ANN401 (whatever came)
    if type(value) is int and 0 < value <= _LARGEST:
        return str(value)
    raise OddError


def _patient_ident(value: Any) -> str | None:  # noqa: ANN401
    if isinstance(value, (bool, list, dict)):
        raise BadCellError("bad_id")
    plain = cells.ident(str(value))
    if plain is not None and (plain.startswith("-") or not plain.isprintable()):
        raise BadCellError("bad_id")
    return None if plain == "0" else plain


def _patient_number(value: Any) -> str | None:  # noqa: ANN401
    plain = _patient_ident(value)
    if plain is not None and not (plain.isascii() and plain.isdigit() and int(plain) <= _LARGEST):
        raise BadCellError("bad_id")
    return plain


def _quick_code(value: Any) -> str:  # noqa: ANN401
    if type(value) is int:
        return str(value)
    raise OddError


def _quick_flag(value: Any) -> bool:  # noqa: ANN401
    if type(value) is bool:
        return value
    raise OddError


def _patient_flag(value: Any) -> bool:  # noqa: ANN401
    word = str(value).strip().lower()
    if isinstance(value, (list, dict)) or word not in _FLAGS:
        raise BadCellError("unknown_value")
    return _FLAGS[word]


_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


def _quick_text(value: Any) -> str | None:  # noqa: ANN401
    if type(value) is str and value.isprintable() and len(value) <= _USUAL and value == value.strip() and unicodedata.is_normalized("NFC", value):
        return value or None
    raise OddError


_USUAL: Final = 500
_LONGEST: Final = 2_000
_UNFIT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u202d\u202e]")
"""Control characters, halves of a pair and overrides of direction: nobody meant them, and no column holds them."""


def _patient_text(value: Any) -> str | None:  # noqa: ANN401
    if isinstance(value, (list, dict)):
        return UNSAID  # type: ignore[return-value] # a text that became a list says nothing that a text could hold
    plain = unicodedata.normalize("NFC", _UNFIT.sub("", str(value)))
    return " ".join(plain.split())[:_LONGEST] or None


def _quick_count(value: Any) -> int:  # noqa: ANN401
    if type(value) is int and 0 <= value <= _LARGEST:
        return value
    raise OddError


def _quick_count_text(value: Any) -> int:  # noqa: ANN401
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < len(str(_LARGEST)):
        return int(value)
    raise OddError


def _exact(value: Any) -> Decimal | None:  # noqa: ANN401
    """Exact number of whatever came, None where it says nothing; BadCellError for what is no number or below zero."""
    if isinstance(value, (bool, list, dict)):
        raise BadCellError("bad_number")
    if isinstance(value, Number):
        try:
            exact: Decimal | None = Decimal(value)
        except InvalidOperation as error:
            raise BadCellError("bad_number") from error
        if exact is None or not exact.is_finite():
            raise BadCellError("bad_number")
    else:
        exact, note = cells.number(str(value))
        if note == "range":
            raise BadCellError("bad_number")
    if exact is not None and exact < 0:
        raise BadCellError("negative")
    if exact is not None and exact > _LARGEST:
        raise BadCellError("too_large")
    return exact


def _patient_count(value: Any) -> Any:  # noqa: ANN401
    exact = _exact(value)
    if exact is None:
        return UNSAID
    if exact != exact.to_integral_value():
        raise BadCellError("not_whole")
    return int(exact)


def _quick_yuan(value: Any) -> int:  # noqa: ANN401
    if type(value) is int and 0 <= value <= _MOST_YUAN:
        return value * 100
    if type(value) is Number:
        return _fen(value, 100)
    raise OddError


def _fen(value: Any, times: int) -> int:  # noqa: ANN401
    exact = _exact(value)
    if exact is None:
        raise BadCellError("bad_number")
    fen = (exact * times).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    if fen > _LARGEST:
        raise BadCellError("too_large")
    return int(fen)


_MOST_YUAN: Final = _LARGEST // 100


def _quick_seconds(value: Any) -> int | None:  # noqa: ANN401
    if type(value) is int and 0 <= value <= cells.LATEST // SECOND:
        return value * SECOND or None
    raise OddError


def _patient_seconds(value: Any) -> int | None:  # noqa: ANN401
    exact = _exact(value)
    if exact is None or not exact:
        return None
    micros = int(exact * (SECOND if exact < _MILLISECONDS else 1000))
    if micros >= cells.LATEST:
        raise BadCellError("bad_date")
    return micros


_MILLISECONDS: Final = 10**11
_NO_TIME: Final = ("", "0", "0000-00-00 00:00:00")


def _local(zone: str) -> Callable[[Any], int | None]:
    place = ZoneInfo(zone)

    def read(value: Any) -> int | None:  # noqa: ANN401
        if type(value) is not str:
            raise OddError
        if value in _NO_TIME:
            return None
        when = datetime.fromisoformat(value)
        return moment(when if when.tzinfo else when.replace(tzinfo=place))

    return read


def _patient_local(zone: str) -> Callable[[Any], int | None]:
    def read(value: Any) -> int | None:  # noqa: ANN401
        if isinstance(value, (bool, list, dict)):
            raise BadCellError("bad_date")
        text = str(value).strip()
        return None if text in _NO_TIME else cells.when(text, zone)

    return read


def _types(*names: str) -> frozenset[str]:
    return frozenset(names)


IDENT: Final = Reader(_quick_ident, _patient_number, _types("integer"))
"""A 64-bit id as text; 0 means none."""
WORD: Final = Reader(_quick_text, _patient_ident, _types("string"))
"""An id that is text."""
INT_TEXT: Final = Reader(_quick_code, _patient_text, _types("integer"))
"""A code that is a number, as text."""
TEXT: Final = Reader(_quick_text, _patient_text, _types("string"))
COUNT: Final = Reader(_quick_count, _patient_count, _types("integer"))
COUNT_TEXT: Final = Reader(_quick_count_text, _patient_count, _types("string"))
"""A count that comes as text."""
YUAN: Final = Reader(_quick_yuan, lambda value: _fen(value, 100), _types("integer", "number"))
"""Yuan, with decimals or without, as fen: half a fen is rounded up."""
WHOLE_YUAN: Final = Reader(_quick_yuan, lambda value: _fen(value, 100), _types("integer"))
FLAG: Final = Reader(_quick_flag, _patient_flag, _types("boolean"))
FEN: Final = Reader(_quick_count, lambda value: _fen(value, 1), _types("integer"))
SECONDS: Final = Reader(_quick_seconds, _patient_seconds, _types("integer"))
"""Unix seconds as micros; 0 means never."""


def local_time(zone: str) -> Reader:
    """A date or time as text, of a zone where it names none."""
    return Reader(_local(zone), _patient_local(zone), _types("string"))


ISO: Final = local_time("UTC")


class UnknownWordError(BadCellError):
    """A word of a list that the contract does not name."""

    def __init__(self) -> None:
        """It has one code."""
        super().__init__("unknown_value")


def codes(words: Mapping[Any, str], *types: str) -> Reader:
    """One of a few words as the product's code; an unknown one is drift, and the field stays as it was."""

    def quick(value: Any) -> str:  # noqa: ANN401
        try:
            return words[value]
        except (KeyError, TypeError) as error:
            raise OddError from error

    def patient(value: Any) -> str:  # noqa: ANN401
        found = None if isinstance(value, (bool, list, dict)) else {str(word): code for word, code in words.items()}.get(str(value))
        if found is None:
            raise UnknownWordError
        return found

    return Reader(quick, patient, _types(*types))
