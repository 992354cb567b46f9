# SPDX-License-Identifier: Apache-2.0
"""Every code, number, date and amount as words in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from app.rules.facts import FACTS
from app.rules.fields import DATE_PREFIX, METRIC_PREFIX, Field, Kind, field_of
from app.values import Ranked, local

if TYPE_CHECKING:
    from app.words import Words

NOTHING: Final = "—"
"""What stands where there is no value: never a zero, never an empty cell in a sentence."""

_STEPS: Final = {
    "zh_CN": ((100_000_000, "亿"), (10_000, "万")),
    "en": ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K")),
}
_EXACT_BELOW: Final = 10_000
_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400
_DAYS_SAID: Final = 30


class Labels:
    """Turns values into text. ``labels("key", name=value)`` is a sentence of the catalogue."""

    def __init__(self, words: Words, zone: str) -> None:
        """Speak a language and show times of a zone."""
        self.words = words
        self.zone = zone

    def __call__(self, key: str, /, **values: object) -> str:
        """Sentence of a key with its placeholders filled."""
        return self.words(key, **values)

    def plural(self, key: str, count: int, /, **values: object) -> str:
        """Sentence of a key whose form depends on a count, also given as ``{n}``."""
        return self.words.plural(key, count, **values)

    # ------------------------------------------------------------ numbers

    def count(self, number: float | None) -> str:
        """A count as people say it: ``12.3万``, ``123K``; exact below ten thousand."""
        if number is None:
            return NOTHING
        if abs(number) < _EXACT_BELOW:
            return self.exact(number)
        steps = _STEPS[self.words.language]
        for at, (size, name) in enumerate(steps):
            if abs(number) >= size:
                text = _short(number / size)
                if at and float(text.replace(",", "")) * size >= steps[at - 1][0]:  # rounding reached the next step
                    return _short(number / steps[at - 1][0]) + steps[at - 1][1]
                return text + name
        return self.exact(number)

    def exact(self, number: float | None) -> str:
        """A number with every digit and separators of thousands."""
        if number is None:
            return NOTHING
        if isinstance(number, int) or number.is_integer():
            return f"{int(number):,}"
        return f"{number:,.2f}".rstrip("0").rstrip(".")

    def money(self, fen: int | None) -> str:
        """An amount of fen in yuan, to the fen."""
        if fen is None:
            return NOTHING
        whole, part = divmod(abs(fen), 100)
        return f"{'-' if fen < 0 else ''}¥{whole:,}.{part:02d}"

    def percent(self, share: float | None) -> str:
        """A share of one as a percentage."""
        return NOTHING if share is None else f"{share * 100:.1f}".rstrip("0").rstrip(".") + "%"

    def bp(self, basis_points: int | None) -> str:
        """Basis points as a percentage."""
        return NOTHING if basis_points is None else f"{basis_points / 100:.2f}".rstrip("0").rstrip(".") + "%"

    # ------------------------------------------------------------ time

    def day(self, micros: int | None) -> str:
        """Day of a moment in the workspace's zone."""
        return NOTHING if micros is None else local(micros, self.zone).strftime("%Y-%m-%d")

    def time(self, micros: int | None) -> str:
        """Day and minute of a moment in the workspace's zone."""
        return NOTHING if micros is None else local(micros, self.zone).strftime("%Y-%m-%d %H:%M")

    def ago(self, micros: int | None, now: int) -> str:
        """How long ago a moment was; its day when that is long."""
        if micros is None:
            return NOTHING
        seconds = (now - micros) // 1_000_000
        if seconds < _MINUTE:
            return self("ago.now")
        if seconds < _HOUR:
            return self.plural("ago.minutes", seconds // _MINUTE)
        if seconds < _DAY:
            return self.plural("ago.hours", seconds // _HOUR)
        if seconds < _DAYS_SAID * _DAY:
            return self.plural("ago.days", seconds // _DAY)
        return self.day(micros)

    # ------------------------------------------------------------ codes

    def rank(self, rank: Ranked | None) -> str:
        """Word of a stage, tier or group."""
        return NOTHING if rank is None else self(f"{type(rank).__name__.lower()}.{rank.code}")

    def platform(self, code: str | None) -> str:
        """Name of a platform; one that nobody knows stands for itself."""
        if not code:
            return NOTHING
        key = f"platform.{code}"
        return self(key) if self.words.has(key) else code

    def field(self, name: str) -> str:
        """Title of a creator's field."""
        key = f"field.{name}"
        return self.words.field(name) if self.words.has(key) or name.startswith(DATE_PREFIX) else name.removeprefix(METRIC_PREFIX)

    def operation(self, kind: str, summary: Mapping[str, object]) -> str:
        """What somebody did to data, in a few words: ``导入 roster.csv``."""
        if kind.startswith("sync."):
            stream = f"stream.{summary.get('stream')}"
            return self("operation.sync", name=summary.get("connection", ""), stream=self(stream) if self.words.has(stream) else summary.get("stream", ""))
        key = f"operation.{kind}"
        fields = summary.get("fields")
        known: dict[str, object] = {
            "file": summary.get("file", ""),
            "fields": self("list.separator").join(self.field(str(name)) for name in fields) if isinstance(fields, list | tuple) else "",
            "version": summary.get("version", ""),
        }
        said = self(key, **known) if self.words.has(key) else kind
        return self("operation.self_decided", what=said) if summary.get("self_decided") else said

    def value(self, name: str, value: object) -> str:
        """Text of a field of creators or facts, as chips, history and previews show it."""
        if value is None or value in ("", ()):
            return NOTHING
        one = field_of(name) or next((kind.fields[name] for kind in FACTS.values() if name in kind.fields), None)
        if one is None:
            return str(value)
        try:
            return self._typed(one, value)
        except (TypeError, ValueError, KeyError):
            return str(value)  # a source's own word

    def _typed(self, one: Field, value: object) -> str:
        if one.kind is Kind.TAGS and isinstance(value, Iterable) and not isinstance(value, str):
            return self("list.separator").join(map(str, value))
        if one.kind is Kind.PLATFORM:
            return self.platform(str(value))
        if one.kind is Kind.RANK and one.ranks is not None:
            return self.rank(one.ranks.of(value) if isinstance(value, str) else one.ranks(int(str(value))))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(one.kind, value)
        return str(value)

    def _number(self, kind: Kind, value: float) -> str:
        ways: dict[Kind, Callable[[int], str]] = {Kind.FEN: self.money, Kind.BASIS_POINTS: self.bp, Kind.MOMENT: self.day, Kind.IDENT: str}
        return ways[kind](int(value)) if kind in ways else self.exact(value)


def _short(number: float) -> str:
    """One decimal below a thousand of the unit, none where it would be zero."""
    return f"{number:,.1f}".removesuffix(".0")


def tsv(cell: str) -> str:
    """A cell as a spreadsheet takes it from the clipboard, never as a formula."""
    if cell.startswith(_OPENING) or (cell.startswith("'") and cell[1:].startswith((*_OPENING, "'"))):
        cell = f"'{cell}"
    if any(sign in cell for sign in '\t\n\r"'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


_OPENING: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
