# SPDX-License-Identifier: Apache-2.0
"""What one cell of a stranger's sheet says: exact numbers, dates, ids and words, or why it says nothing good.

Numbers are decimal throughout, so ``475.8m`` is exactly 475,800,000.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from app.errors import UsageError
from app.rules.fields import Field, Kind, platform_code
from app.values import Group, Ranked, Stage, Tier, day_start, moment

if TYPE_CHECKING:
    from collections.abc import Callable


class BadCellError(ValueError):
    """A cell that cannot be taken; ``code`` has words under ``reject.<code>``."""

    def __init__(self, code: str) -> None:
        """Keep the code."""
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Reading:
    """How the cells of one column are meant."""

    field: Field
    zone: str
    yuan: bool = False
    percent: bool = False
    day_first: bool | None = None
    from_1904: bool = False
    ten_thousands: bool = False


Parsed = tuple[Any, str | None]
"""Value (None for an empty cell) and the code of a note, as ``at_least``."""

EMPTY: Final = frozenset(
    {"", "-", "--", "---", "—", "——", "–", "/", "\\", "n/a", "n/a'", "na", "#n/a", "nan", "nan%", "null", "none", "nil"}
    | {"#value!", "#valor!", "#ref!", "#div/0!", "#name?", "#num!", "#null!", "#wert!", "#valeur!", "#¡valor!"}
    | {"未知", "暂无", "无", "空", "(空)", "暂无数据", "未公开", "保密", "unknown", "?", "？"}
)
_FACTORS: Final = {
    "": 1, "k": 10**3, "千": 10**3, "w": 10**4, "万": 10**4, "m": 10**6, "百万": 10**6, "mn": 10**6, "千万": 10**7,
    "亿": 10**8, "b": 10**9, "bn": 10**9, "十亿": 10**9, "万亿": 10**12, "t": 10**12,
}  # fmt: skip
_NUMBER: Final = re.compile(
    r"(?P<sign>[+\-−])?(?P<digits>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?P<power>e[+\-]?\d+)?"
    r"\s*(?P<unit>万亿|千万|百万|十亿|[万亿千]|mn|bn|[kwmbt])?(?P<more>\+)?",
    re.IGNORECASE,
)
_RANGE: Final = re.compile(
    r"[\d.,]+\s*(?:[万亿千wkmb]|百万)?\s*(?:[~～\-－—–]|至|到)\s*[\d.,]+\s*(?:[万亿千wkmb]|百万)?|"
    r".*(?:以上|以下|以内|及以上|及以下|不足|超过|大于|小于)|[<>≥≤＞＜]\s*[\d.,]+\s*[万亿千wkmb]?",
    re.IGNORECASE,
)
_AFFIX: Final = re.compile(r"^[¥￥$€£]\s*|^(?:rmb|cny|usd)\s*|\s*(?:元|人|个|粉丝|粉|次|篇|条|rmb|cny)$", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_BREAKS: Final = re.compile(r"[\t\r\n\u2028\u2029]+")
_LARGEST: Final = Decimal(2**63 - 1)
_MOST_DIGITS: Final = 40
_EXACT_FLOAT: Final = 2**53


def folded(text: str) -> str:
    """Text with full-width forms made plain, without blanks around it."""
    return unicodedata.normalize("NFKC", text).strip()


def is_empty(text: str) -> bool:
    """Whether a cell says nothing."""
    return text.strip().lower() in EMPTY or folded(text).lower() in EMPTY


def parse(reading: Reading, text: str) -> Parsed:
    """Value of a cell in its column; BadCellError says why not."""
    if _CONTROL.search(text):
        raise BadCellError("control_character")
    return _PARSERS[reading.field.kind](reading, text)


# ---------------------------------------------------------------- numbers


def number(text: str) -> tuple[Decimal | None, str | None]:
    """Exact number of a text, with a note where it stands for more (``at_least``) or is no number (``range``)."""
    plain = folded(text)
    if plain.lower() in EMPTY:
        return None, None
    negative = plain.startswith("(") and plain.endswith(")")
    plain = plain.strip("()") if negative else plain
    plain = _AFFIX.sub("", _AFFIX.sub("", plain.lstrip("'`"))).strip()
    percent = plain.endswith("%")
    match = _NUMBER.fullmatch(plain.rstrip("%").strip())
    if match is None:
        if _RANGE.fullmatch(plain.replace("%", "")):
            return None, "range"
        raise BadCellError("bad_number")
    power = int((match["power"] or "e0")[1:])
    if abs(power) > _MOST_DIGITS or len(match["digits"]) > _MOST_DIGITS:
        raise BadCellError("too_large")
    value = Decimal(match["digits"].replace(",", "")).scaleb(power) * _FACTORS[(match["unit"] or "").lower()]
    if match["sign"] in {"-", "−"} or negative:
        value = -value
    if abs(value) > _LARGEST:
        raise BadCellError("too_large")
    return value, "at_least" if match["more"] else ("percent" if percent else None)


def _scaled(reading: Reading, text: str) -> tuple[Decimal | None, str | None]:
    """Number of a cell; below a header in 万 a bare number counts ten thousands."""
    value, note = number(text)
    if value is not None and reading.ten_thousands and not _UNITS.search(text):
        value *= 10_000
    return value, note


_UNITS: Final = re.compile(r"[万亿千百kwmb]", re.IGNORECASE)


def _positive(reading: Reading, text: str) -> tuple[Decimal | None, str | None]:
    value, note = _scaled(reading, text)
    if value is not None and value < 0:
        raise BadCellError("negative")
    return value, note


def _count(reading: Reading, text: str) -> Parsed:
    value, note = _positive(reading, text)
    if value is None:
        return None, note
    if value != value.to_integral_value():
        raise BadCellError("not_whole")
    return int(value), note if note == "at_least" else None


def _amount(reading: Reading, text: str) -> Parsed:
    value, note = _scaled(reading, text)
    return (None if value is None else float(value)), None if note == "percent" else note


def _fen(reading: Reading, text: str) -> Parsed:
    value, note = _positive(reading, text)
    if value is None:
        return None, note
    fen = value * 100 if reading.yuan else value
    whole = int(fen.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    if whole > _LARGEST:
        raise BadCellError("too_large")
    return whole, "rounded" if whole != fen else (note if note == "at_least" else None)


def _basis_points(reading: Reading, text: str) -> Parsed:
    value, note = _positive(reading, text)
    if value is None:
        return None, note
    points = value * 100 if note == "percent" or reading.percent else value
    whole = int(points.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    if whole > 10_000:  # noqa: PLR2004 (all of it)
        raise BadCellError("over_hundred_percent")
    return whole, "rounded" if whole != points else None


# ---------------------------------------------------------------- words


def parse_text(text: str) -> str | None:
    """Words of a cell: composed, blanks around and line breaks within made plain; BadCellError for control characters."""
    if _CONTROL.search(text):
        raise BadCellError("control_character")
    plain = _composed(text)
    return None if plain.lower() in EMPTY else plain


def _composed(text: str) -> str:
    return _BREAKS.sub(" ", unicodedata.normalize("NFC", text)).strip().strip("\ufeff").strip()


IDENTITY: Final = frozenset({"name", "handle"})
"""Fields in which any word is meant: somebody is called ``#NAME?``."""


def _text(reading: Reading, text: str) -> Parsed:
    return _composed(text) or None if reading.field.name in IDENTITY else parse_text(text), None


_SCIENTIFIC: Final = re.compile(r"[+-]?\d+(?:\.\d+)?e[+-]?\d+", re.IGNORECASE)
_FLOAT_ID: Final = re.compile(r"(\d+)\.0+")


def ident(text: str) -> str | None:
    """An id as text, digit for digit; BadCellError ``rounded_id`` where a spreadsheet has rounded it."""
    plain = folded(text).lstrip("'`").replace("\t", "").strip()
    if plain.lower() in EMPTY:
        return None
    if _SCIENTIFIC.fullmatch(plain):
        raise BadCellError("rounded_id")
    if match := _FLOAT_ID.fullmatch(plain):
        if int(match[1]) > _EXACT_FLOAT:
            raise BadCellError("rounded_id")
        plain = match[1]
    return plain


def _ident(_reading: Reading, text: str) -> Parsed:
    return ident(text), None


def _platform(_reading: Reading, text: str) -> Parsed:
    plain = parse_text(folded(text))
    return (None if plain is None else platform_code(plain)), None


_TAG_BREAK: Final = re.compile(r"[,，;；|、\n]+|\s+#")


def _tags(_reading: Reading, text: str) -> Parsed:
    words = (parse_text(word) for word in _TAG_BREAK.split(text))
    found = tuple(dict.fromkeys(word.lstrip("#") for word in words if word and word != "#"))
    return found or None, None


RANK_WORDS: Final[dict[type[Ranked], dict[str, Ranked]]] = {
    Stage: {
        "线索": Stage.LEAD, "已建联": Stage.CONTACTED, "建联": Stage.CONTACTED, "洽谈中": Stage.NEGOTIATING,
        "洽谈": Stage.NEGOTIATING, "试合作": Stage.TRIAL, "已签约": Stage.CONTRACTED, "签约": Stage.CONTRACTED,
        "合作中": Stage.ACTIVE, "暂停": Stage.PAUSED, "已终止": Stage.ENDED, "终止": Stage.ENDED,
    },
    Tier: {
        "未入级": Tier.UNRANKED, "素人": Tier.NANO, "尾部": Tier.TAIL, "腰部": Tier.MID, "头部": Tier.HEAD,
        "超头": Tier.TOP,
    },
    Group: {"素人koc": Group.NANO_KOC, "腰部koc": Group.MID_KOC},
}  # fmt: skip
"""Words that people write for ranks, beside the codes."""


def _rank(reading: Reading, text: str) -> Parsed:
    word = folded(text).lower().replace(" ", "_")
    if word in EMPTY or reading.field.ranks is None:
        return None, None
    known = RANK_WORDS.get(reading.field.ranks, {}).get(word)
    if known is None:
        try:
            known = reading.field.ranks.of(word)
        except KeyError as error:
            raise BadCellError("unknown_value") from error
    return int(known), None


_LINK: Final = re.compile(r"https?://(?:www\.|m\.)?[^/\s]+/(?:@|user/|channel/|c/)?([^/?#\s]+)/?(?:[?#].*)?", re.IGNORECASE)


def handle_key(handle: str) -> str:
    """What makes two spellings of a handle the same: width, case, a leading @, blanks, the form of a link."""
    plain = folded(handle)
    if match := _LINK.fullmatch(plain):
        plain = match[1]
    return "".join(plain.split()).removeprefix("@").casefold()


# ---------------------------------------------------------------- dates

_YMD: Final = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[T\s]*(\d{1,2})[:：时](\d{1,2})(?:[:：分](\d{1,2})(?:\.(\d{1,6})\d*)?秒?)?分?)?\s*(Z|[+\-]\d{2}:?\d{2})?"
)
_XXY: Final = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})(?:\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SERIAL: Final = re.compile(r"\d{5}(?:\.\d+)?")
_EPOCH: Final = re.compile(r"\d{10}(?:\d{3})?")
_SERIAL_1900: Final = date(1899, 12, 30)
_SERIAL_1904: Final = date(1904, 1, 1)
_YEARS: Final = (1970, 2200)


def when(text: str, zone: str, *, day_first: bool | None = None, from_1904: bool = False) -> int | None:
    """Moment of a date or time as people and spreadsheets write it; BadCellError ``bad_date`` or ``date_order``.

    Without a zone it is the workspace's; a day is its 00:00. ``day_first`` settles 01/02/2024.
    """
    plain = folded(text).lstrip("'`")
    if plain.lower() in EMPTY:
        return None
    try:
        return _when(plain, zone, day_first, from_1904)
    except (ValueError, OverflowError) as error:
        if isinstance(error, BadCellError):
            raise
        raise BadCellError("bad_date") from error


def _when(plain: str, zone: str, day_first: bool | None, from_1904: bool) -> int:  # noqa: FBT001
    if match := _YMD.fullmatch(plain):
        year, month, day, hour, minute, second, part, offset = match.groups()
        local = datetime(  # noqa: DTZ001 (its zone follows)
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            int((part or "0").ljust(6, "0")),
        )  # fmt: skip
        return _checked(moment(local.replace(tzinfo=_offset(offset) if offset else ZoneInfo(zone))))
    if match := _XXY.fullmatch(plain):
        return _checked(_either_order(match, zone, day_first))
    if match := _COMPACT.fullmatch(plain):
        return _checked(day_start(date(*map(int, match.groups())), zone))
    if _SERIAL.fullmatch(plain):
        start = _SERIAL_1904 if from_1904 else _SERIAL_1900
        seconds = round(float(plain) % 1 * 86400)
        midnight = datetime.combine(start + timedelta(days=int(float(plain))), datetime.min.time())
        return _checked(moment((midnight + timedelta(seconds=seconds)).replace(tzinfo=ZoneInfo(zone))))
    if _EPOCH.fullmatch(plain):
        return _checked(int(plain) * (10**6 if len(plain) == 10 else 10**3))  # noqa: PLR2004 (seconds, else milliseconds)
    raise BadCellError("bad_date")


def _offset(text: str) -> Any:  # noqa: ANN401 (a tzinfo)
    return UTC if text == "Z" else datetime.strptime(text.replace(":", ""), "%z").tzinfo


def _either_order(match: re.Match[str], zone: str, day_first: bool | None) -> int:  # noqa: FBT001
    one, two, year = int(match[1]), int(match[2]), int(match[3])
    if day_first is None and one <= 12 and two <= 12 and one != two:  # noqa: PLR2004 (months)
        raise BadCellError("date_order")
    first_is_day = one > 12 if day_first is None else day_first  # noqa: PLR2004
    day, month = (one, two) if first_is_day else (two, one)
    hour, minute, second = (int(part or 0) for part in match.groups()[3:6])
    return moment(datetime(year, month, day, hour, minute, second, tzinfo=ZoneInfo(zone)))


def day_order(texts: list[str]) -> bool | None:
    """Whether a column's dates like 13/02/2024 put the day first; None where no value settles it."""
    settled = set()
    for text in texts:
        if match := _XXY.fullmatch(folded(text)):
            if int(match[1]) > 12:  # noqa: PLR2004
                settled.add(True)
            elif int(match[2]) > 12:  # noqa: PLR2004
                settled.add(False)
    return settled.pop() if len(settled) == 1 else None


def _checked(micros: int) -> int:
    year = 1970 + micros // 31_557_600_000_000
    if not _YEARS[0] <= year <= _YEARS[1]:
        raise BadCellError("bad_date")
    return micros


def _moment(reading: Reading, text: str) -> Parsed:
    return when(text, reading.zone, day_first=reading.day_first, from_1904=reading.from_1904), None


_PARSERS: Final[dict[Kind, Callable[[Reading, str], Parsed]]] = {
    Kind.TEXT: _text,
    Kind.IDENT: _ident,
    Kind.PLATFORM: _platform,
    Kind.COUNT: _count,
    Kind.NUMBER: _amount,
    Kind.FEN: _fen,
    Kind.BASIS_POINTS: _basis_points,
    Kind.MOMENT: _moment,
    Kind.RANK: _rank,
    Kind.TAGS: _tags,
}


def typed(field: Field, text: str, zone: str) -> Any:  # noqa: ANN401 (by kind)
    """Value that somebody typed for a field, None for an empty text; UsageError names field and value."""
    if not text.strip():
        return None
    try:
        value, note = parse(Reading(field, zone), text)
    except BadCellError as error:
        raise UsageError("bad_value", field=field.name, value=text, reason=error.code) from error
    if note == "range" or (value is None and field.kind is not Kind.TEXT):
        raise UsageError("bad_value", field=field.name, value=text, reason=note or "bad_number")
    return value
