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
    """How the cells of one column are meant. ``fraction``: bare numbers are shares of one, 0.0139 for 1.39%."""

    field: Field
    zone: str
    yuan: bool = False
    percent: bool = False
    fraction: bool = False
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
_DIGITS: Final = (
    r"\d{1,3}(?:[,'’]\d{3})+(?:\.\d*)?|\d{1,3}(?: \d{3})+(?:[.,]\d*)?|\d{1,3}(?:\.\d{3})+,\d*|\d{1,3}(?:\.\d{3}){2,}|\d+,\d{1,2}|\d+(?:\.\d*)?|\.\d+"
)
"""Groups of three by comma, blank or apostrophe; by point only where a decimal comma or a second point leaves no other reading."""
_NUMBER: Final = re.compile(
    rf"(?P<sign>[+\-−])?(?P<digits>{_DIGITS})(?P<power>e[+\-]?\d+)?"
    r"\s*(?P<unit>万亿|千万|百万|十亿|[万亿千]|mn|bn|mio|[kwmbt])?(?P<more>\s*\+|多|余)?",
    re.IGNORECASE,
)
_RANGE: Final = re.compile(
    r"[\d.,]+\s*(?:[万亿千wkmb]|百万)?\s*\+?\s*(?:[~～\-－—–]|至|到|to)\s*[\d.,]+\s*(?:[万亿千wkmb]|百万)?\+?|"
    r".*\d.*(?:以上|以下|以内|及以上|及以下)|(?:不足|超过|大于|小于|少于|不到|[<>≥≤＞＜])=?\s*[\d.,]+\s*(?:[万亿千wkmb]|百万)?",
    re.IGNORECASE,
)
_AFFIX: Final = re.compile(
    r"^(?:rmb|cny|usd|us\$|hk\$|nt\$)\s*|^[¥￥$€£₩]\s*|\s*(?:元/条|元/篇|元|人民币|人|位|个|粉丝|粉|次|篇|条|赞|rmb|cny|usd|€)$", re.IGNORECASE
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_OVERRIDE: Final = re.compile("[\u202d\u202e]")
"""Makes a name read other than it is; copied numbers carry it too, there it is taken off."""
_BREAKS: Final = re.compile(r"[\t\r\n\u2028\u2029]+")
_LARGEST: Final = Decimal(2**63 - 1)
_MOST_DIGITS: Final = 40
_LONGEST_NUMBER: Final = 200
_LONGEST_CELL: Final = 32_767
_EXACT_FLOAT: Final = 2**53


def folded(text: str) -> str:
    """Text with full-width forms made plain, without blanks around it."""
    return unicodedata.normalize("NFKC", text).strip()


def is_empty(text: str) -> bool:
    """Whether a cell says nothing."""
    return len(text) < _LONGEST_NUMBER and (text.strip().lower() in EMPTY or folded(text).lower() in EMPTY)


def parse(reading: Reading, text: str) -> Parsed:
    """Value of a cell in its column; BadCellError says why not."""
    if len(text) > _LONGEST_CELL:
        raise BadCellError("too_long")
    if _CONTROL.search(text):
        raise BadCellError("control_character")
    return _PARSERS[reading.field.kind](reading, text)


# ---------------------------------------------------------------- numbers


def number(text: str) -> tuple[Decimal | None, str | None]:
    """Exact number of a text, with a note where it stands for more (``at_least``) or is no number (``range``)."""
    value, note, _ = _measured(text)
    return value, note


def _measured(text: str) -> tuple[Decimal | None, str | None, bool]:
    """Exact number, note, and whether the text names a unit of its own."""
    if len(text) > _LONGEST_NUMBER:
        raise BadCellError("bad_number")
    plain = folded(_UNSEEN.sub("", text))
    if plain.lower() in EMPTY:
        return None, None, False
    negative = plain.startswith("(") and plain.endswith(")")
    plain = plain[1:-1] if negative else plain
    plain = _AFFIX.sub("", _AFFIX.sub("", plain.lstrip("'`"))).strip()
    percent = plain.endswith("%")
    match = _NUMBER.fullmatch(plain.removesuffix("%").strip())
    if match is None:
        if _RANGE.fullmatch(plain.replace("%", "")):
            return None, "range", False
        raise BadCellError("bad_number")
    if len(match["digits"]) > _MOST_DIGITS or len(match["power"] or "") > len("e-999") or abs(int((match["power"] or "e0")[1:])) > _MOST_DIGITS:
        raise BadCellError("too_large")
    value = Decimal(_point(match["digits"])).scaleb(int((match["power"] or "e0")[1:])) * _FACTORS[(match["unit"] or "").lower()]
    if match["sign"] in {"-", "−"} or negative:
        value = -value
    if abs(value) > _LARGEST:
        raise BadCellError("too_large")
    return value, "at_least" if match["more"] else ("percent" if percent else None), bool(match["unit"])


def _point(digits: str) -> str:
    """Digits with a decimal point at most: groups taken together, a decimal comma turned."""
    digits = digits.replace(" ", "").replace("'", "").replace("’", "")
    if digits.count(".") > 1 or ("," in digits and digits.rfind(",") > digits.rfind(".") >= 0):
        return digits.replace(".", "").replace(",", ".")
    if _DECIMAL_COMMA.fullmatch(digits):
        return digits.replace(",", ".")
    return digits.replace(",", "")


_DECIMAL_COMMA: Final = re.compile(r"\d+,\d{0,2}")


def _scaled(reading: Reading, text: str) -> tuple[Decimal | None, str | None]:
    """Number of a cell; below a header in 万 a bare number counts ten thousands, in a column of shares hundredths."""
    value, note, has_unit = _measured(text)
    if value is not None and reading.ten_thousands and not has_unit:
        value *= 10_000
    if value is not None and reading.fraction and note != "percent":
        value *= 100
    if value is not None and abs(value) > _LARGEST:
        raise BadCellError("too_large")
    return value, note


def _positive(reading: Reading, text: str) -> tuple[Decimal | None, str | None]:
    value, note = _scaled(reading, text)
    if value is not None and value < 0 and not reading.field.signed:
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


def minor_units(reading: Reading, text: str) -> tuple[Decimal | None, str | None]:
    """Exact amount of a cell in fen or basis points, before it is rounded."""
    value, note = _positive(reading, text)
    if value is None:
        return None, note
    if reading.field.kind is Kind.FEN:
        return (value * 100 if reading.yuan else value), note
    return (value * 100 if note == "percent" or reading.percent or reading.fraction else value), note


def _fen(reading: Reading, text: str) -> Parsed:
    fen, note = minor_units(reading, text)
    if fen is None:
        return None, note
    whole = int(fen.quantize(Decimal(1), rounding=ROUND_HALF_UP)) if fen <= _LARGEST else _LARGEST + 1
    if whole > _LARGEST:
        raise BadCellError("too_large")
    return whole, "rounded" if whole != fen else (note if note == "at_least" else None)


def _basis_points(reading: Reading, text: str) -> Parsed:
    points, note = minor_units(reading, text)
    if points is None:
        return None, note
    if points > 10_000:  # noqa: PLR2004 (all of it)
        raise BadCellError("over_hundred_percent")
    whole = int(points.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return whole, "rounded" if whole != points else (note if note == "at_least" else None)


# ---------------------------------------------------------------- words


def parse_text(text: str) -> str | None:
    """Words of a cell: composed, blanks around and line breaks within made plain; BadCellError for control characters."""
    if _CONTROL.search(text) or _OVERRIDE.search(text):
        raise BadCellError("control_character")
    plain = _composed(text)
    return None if plain.lower() in EMPTY else plain


def _composed(text: str) -> str:
    return _BREAKS.sub(" ", unicodedata.normalize("NFC", text)).strip().strip("\ufeff").strip()


_NOBODY: Final = frozenset(word for word in EMPTY if not any(map(str.isalpha, word))) | {"n/a", "n/a'", "#n/a", "#value!", "#valor!", "#ref!"}
_ANYBODY: Final = frozenset({"#name?"})
_LONG: Final = {"notes": 32_767, "url": 4_096, "name": 1_000, "handle": 1_000, "shop": 200}
_USUAL_LENGTH: Final = 2_000


def empty_words(field: Field) -> frozenset[str]:
    """Words, in lower case, that say nothing in a field: somebody may be called ``none`` or ``#NAME?``, a handle is never ``nan``."""
    if field.name == "name":
        return _NOBODY
    return EMPTY - _ANYBODY if field.name == "handle" else EMPTY


def most_characters(field: Field) -> int:
    """Longest text that a field takes."""
    return _LONG.get(field.name, _USUAL_LENGTH)


def _text(reading: Reading, text: str) -> Parsed:
    if len(text) > most_characters(reading.field):
        raise BadCellError("too_long")
    if _OVERRIDE.search(text):
        raise BadCellError("control_character")
    plain = _composed(text)
    all_wide = all("\uff01" <= char <= "\uff5e" for char in plain)
    return (None if (folded(plain) if all_wide else plain).lower() in empty_words(reading.field) else plain), None


_SCIENTIFIC: Final = re.compile(r"[+-]?\d+(?:\.\d+)?e[+-]\d{1,3}|[+-]?\d\.\d+e\d{1,3}", re.IGNORECASE)
"""What a spreadsheet or a program makes of a number; ``5e0001`` is somebody's id: without a sign it takes a point to be a number."""
_FLOAT_ID: Final = re.compile(r"(\d+)\.0+")
_LONGEST_ID: Final = 500
_UNSEEN: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0e\ufe0f\ufeff]")
"""Characters that nobody sees: two spellings that differ in them alone are the same."""


def ident(text: str) -> str | None:
    """An id as text, digit for digit; BadCellError ``rounded_id`` where a spreadsheet has rounded it."""
    plain = "".join(_UNSEEN.sub("", folded(text)).lstrip("'`").splitlines()).replace("\t", "").strip()
    if plain.lower() in EMPTY:
        return None
    if len(plain) > _LONGEST_ID:
        raise BadCellError("too_long")
    if _SCIENTIFIC.fullmatch(plain):
        raise BadCellError("rounded_id")
    if match := _FLOAT_ID.fullmatch(plain):
        if int(match[1]) >= _EXACT_FLOAT:
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


_YES: Final = frozenset(
    {
        "是",
        "新",
        "新客",
        "新客户",
        "新用户",
        "新顾客",
        "新会员",
        "首单",
        "首购",
        "首次购买",
        "yes",
        "y",
        "true",
        "t",
        "1",
        "new",
        "first",
        "√",
        "✓",
        "通过",
        "合格",
        "passed",
        "pass",
    }
)
_NO: Final = frozenset(
    {
        "否",
        "老",
        "老客",
        "老客户",
        "老用户",
        "老顾客",
        "老会员",
        "复购",
        "回购",
        "no",
        "n",
        "false",
        "f",
        "0",
        "returning",
        "repeat",
        "old",
        "×",
        "未通过",
        "不通过",
        "不合格",
        "failed",
        "fail",
    }
)


def _flag(_reading: Reading, text: str) -> Parsed:
    word = folded(text).lower()
    if word in EMPTY:
        return None, None
    if word not in _YES and word not in _NO:
        raise BadCellError("unknown_value")
    return word in _YES, None


_LINK: Final = re.compile(
    r"(?:https?://)?(?:[\w-]+\.)+[a-z]{2,}/(?:#?/)?(?:@|user/profile/|user/|profile/|channel/|c/|u/|n/|p/)?([^/?#\s]+)/?(?:(?:videos|shorts|live|about|featured|reels?|posts)/?)?(?:[?#].*)?",
    re.IGNORECASE,
)


def handle_key(handle: str) -> str:
    """What makes two spellings of a handle the same: width, case, a leading @, blanks, the form of a link."""
    plain = _UNSEEN.sub("", folded(handle))
    if "/" in plain and (match := _LINK.fullmatch(plain)):
        plain = match[1]
    return "".join(plain.split()).removeprefix("@").casefold() or handle.strip().casefold()


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
EARLIEST: Final = 0
"""Moments before 1970 and from 2200 on are slips of the pen."""
LATEST: Final = moment(datetime(2200, 1, 1, tzinfo=UTC))
_NAMED_MONTH: Final = re.compile(
    r"(?:(?P<day>\d{1,2})(?:st|nd|rd|th)?[\s\-/.]+(?P<month>[a-z]{3,9})\.?|(?P<month2>[a-z]{3,9})\.?[\s\-/.]+(?P<day2>\d{1,2})(?:st|nd|rd|th)?),?[\s\-/.]+(?P<year>\d{4})",
    re.IGNORECASE,
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def when(text: str, zone: str, *, day_first: bool | None = None, from_1904: bool = False) -> int | None:
    """Moment of a date or time as people and spreadsheets write it; BadCellError ``bad_date`` or ``date_order``.

    Without a zone it is the workspace's; a day is its 00:00. ``day_first`` settles 01/02/2024.
    """
    if len(text) > _LONGEST_NUMBER:
        raise BadCellError("bad_date")
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
    if match := _NAMED_MONTH.fullmatch(plain):
        number = _MONTHS.index((match["month"] or match["month2"])[:3].lower()) + 1
        return _checked(day_start(date(int(match["year"]), number, int(match["day"] or match["day2"])), zone))
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
    settled: set[bool] = set()
    for text in texts:
        match = _XXY.fullmatch(folded(text)) if len(text) < _LONGEST_NUMBER else None
        if match and max(int(match[1]), int(match[2])) > 12:  # noqa: PLR2004 (months)
            settled.add(int(match[1]) > 12)  # noqa: PLR2004
    return settled.pop() if len(settled) == 1 else None


def _checked(micros: int) -> int:
    if not EARLIEST <= micros < LATEST:
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
    Kind.FLAG: _flag,
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
