# SPDX-License-Identifier: Apache-2.0
"""Text tables of any encoding and separator: comma, tab, semicolon, bar, columns set out with blanks; quoted or not; with or without a mark."""

from __future__ import annotations

import csv
import io
import re
from typing import Final

import numpy as np
import polars as pl

from app.errors import InputRefusedError, UsageError
from sync.frames import MOST_COLUMNS, ROW, Table, frame_of, names

_SNIFFED: Final = 64 << 10
_SEPARATORS: Final = (",", "\t", ";", "|", "，")
_MOST_CELL: Final = 1 << 20
_MOST_LINE: Final = 8 << 20
_END: Final = "\x1c\x1cend"
_BY_NAME: Final = {"gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030", "ansi": "gb18030"}
_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\x00\x00", "utf-32-le"), (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"),
)  # fmt: skip
_EVERYDAY: Final = 0.7
_MOST_BROKEN: Final = 0.02
_KNOWN: Final = "utf-8, utf-16, gb18030 (gbk), big5, cp1252, shift_jis"


# ---------------------------------------------------------------- encodings


def decode(data: bytes, encoding: str | None, name: str) -> tuple[str, str]:
    """Text and encoding of bytes; by its mark, by trying, at last by what the characters look like.

    Single broken bytes stand as lone surrogates: the cell they are in is rejected, the rest is read.
    """
    if encoding:
        return _stated(data, encoding), encoding
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], codec, name), codec
    if (wide := _unmarked_wide(data[:_SNIFFED])) is not None:
        return _decoded(data, wide, name), wide
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return _legacy(data, name)


def _stated(data: bytes, encoding: str) -> str:
    try:
        return data.decode(_BY_NAME.get(encoding.lower(), encoding)).removeprefix("\ufeff")
    except (LookupError, TypeError, ValueError) as error:
        if isinstance(error, UnicodeError):
            raise UsageError("wrong_encoding", encoding=encoding, position=getattr(error, "start", 0)) from error
        raise UsageError("unknown_encoding", encoding=encoding, known=_KNOWN) from error


def _decoded(data: bytes, codec: str, name: str) -> str:
    """Text of bytes whose code is known; what is broken in it stands as lone surrogates."""
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        if codec == "utf-8" and _broken_share(data) <= _MOST_BROKEN:
            return data.decode(codec, "surrogateescape")
        try:
            return data.decode(codec, "surrogatepass")
        except UnicodeDecodeError:
            raise InputRefusedError("broken_text", path=name, encoding=codec, position=error.start) from error


def _unmarked_wide(sample: bytes) -> str | None:
    """UTF-16 without its mark: digits, separators and line ends have a zero byte, all on the same side."""
    zeros = sample.count(0)
    if zeros * 50 < len(sample) or len(sample) < 4:  # noqa: PLR2004 (two characters)
        return None
    for codec, high in (("utf-16-le", 1), ("utf-16-be", 0)):
        if sample[high::2].count(0) >= zeros * 0.98:
            text = sample[: len(sample) & ~1].decode(codec, "replace")
            if "\x00" not in text and text.count("\ufffd") < 2 and any(end in text for end in "\n,\t;"):  # noqa: PLR2004
                return codec
    return None


def _broken_share(data: bytes) -> float:
    """Share of the bytes beyond ASCII that are no UTF-8."""
    text = data.decode("utf-8", "surrogateescape")
    broken = sum("\udc80" <= char <= "\udcff" for char in text)
    foreign = len(data) - sum(char < "\x80" for char in text)
    return broken / max(foreign, 1)


def _legacy(data: bytes, name: str) -> tuple[str, str]:
    """UTF-8 with a few broken bytes, else the Chinese code whose characters are everyday ones, else Western."""
    sample = data[: _SNIFFED * 4]
    if _broken_share(sample) <= _MOST_BROKEN:
        return data.decode("utf-8", "surrogateescape"), "utf-8"
    shares = {codec: _everyday_share(sample, codec) for codec in ("gb18030", "big5")}
    best = max(shares, key=lambda codec: shares[codec])
    if shares[best] >= _EVERYDAY:
        return data.decode(best, "surrogateescape"), best
    from charset_normalizer import from_bytes  # noqa: PLC0415 (only for files that nothing else explains)

    foreign = sum(byte > 127 for byte in sample)  # noqa: PLR2004 (ASCII)
    if foreign < len(sample) * 0.2:
        try:
            return data.decode("cp1252"), "cp1252"
        except UnicodeDecodeError:
            pass
    found = from_bytes(sample).best()
    if found is None:
        raise InputRefusedError("broken_text", path=name, encoding="?", position=0)
    return data.decode(found.encoding, "replace"), found.encoding


def _everyday_share(sample: bytes, codec: str) -> float:
    """How much of the text beyond ASCII is of a code's everyday characters; 0 where it is broken text."""
    text = sample.decode(codec, "surrogateescape")
    foreign = [char for char in text if char > "\x7f"]
    broken = sum("\ud800" <= char <= "\udfff" for char in foreign)
    if not foreign or broken > max(2, len(foreign) * _MOST_BROKEN):
        return 0.0
    usual = _usual_gb if codec == "gb18030" else _usual_big5
    return sum(usual(char) for char in foreign) / len(foreign)


def _usual_gb(char: str) -> bool:
    """Whether a character is of the first level of GB 2312, or Chinese punctuation, or beyond it in four bytes."""
    if "\ud800" <= char <= "\udfff":
        return False
    code = char.encode("gb18030")
    return len(code) == 4 or (code[-1] >= 0xA1 and (0xB0 <= code[0] <= 0xD7 or code[0] in {0xA1, 0xA3}))  # noqa: PLR2004


def _usual_big5(char: str) -> bool:
    """Whether a character is of the first level of Big5 or Chinese punctuation."""
    return not "\ud800" <= char <= "\udfff" and 0xA1 <= char.encode("big5", "replace")[0] <= 0xC6  # noqa: PLR2004


# ---------------------------------------------------------------- tables


def text_table(text: str, encoding: str, name: str) -> Table:
    """The table of a text."""
    sample = text[:_SNIFFED]
    if sample.count("\x00") > len(sample) // 4:
        raise InputRefusedError("not_a_table", path=name, kind="binary")
    _refuse_endless_lines(text, name)
    hint = _HINT.match(text)
    separator = hint[1] if hint else _separator(sample)
    text = text[hint.end() :] if hint else text
    if not hint and (cut := _set_out(text, sample)) is not None:
        text, separator = cut, " "
    frame = _fast(text, separator, name)
    return Table(_plain(text, separator, name) if frame is None else frame, encoding=encoding)


_HINT: Final = re.compile(r"\"?sep=([^\"\r\n])\"?\r?\n", re.IGNORECASE)
"""The line that tells a spreadsheet the separator; a spreadsheet does not show it."""


def _separator(sample: str) -> str:
    """The separator that cuts the first lines into the same number of cells most often, quotes respected."""
    text = sample[: sample.rfind("\n") + 1] or sample
    best, most = ",", 0.0
    for separator in _SEPARATORS:
        try:
            rows = [row for row, _ in zip(csv.reader(io.StringIO(text, newline=""), delimiter=separator), range(200), strict=False)]
        except csv.Error:
            continue
        widths = [len(row) for row in rows if any(row)]
        wide = [width for width in widths if width > 1]
        if wide:
            usual = max(set(wide), key=wide.count)
            score = wide.count(usual) / len(widths) * min(usual, 12) ** 0.5
            if score > most:
                best, most = separator, score
    return best


def _set_out(text: str, sample: str) -> str | None:
    """A text whose columns are set out with blanks, now with one blank between them; None for any other.

    It is such a text where no separator stands in it, every line has the same number of words, and half of the words
    below the first line are numbers: a list of names has as many words in every line, too.
    """
    if '"' in sample or any(separator in sample for separator in _SEPARATORS):
        return None
    lines = [line.split() for line in io.StringIO(text, newline=None)]
    full = [words for words in lines if words]
    width = len(full[0]) if len(full) > 1 else 0
    if width < _LEAST_SET_OUT or any(len(words) != width for words in full):
        return None
    below = full[1:_SAMPLED_LINES]
    numbers = sum(bool(_NUMBER.fullmatch(word)) for words in below for word in words)
    return "\n".join(map(" ".join, lines)) + "\n" if 2 * numbers >= width * len(below) else None


_LEAST_SET_OUT: Final = 3
_SAMPLED_LINES: Final = 1_000
_NUMBER: Final = re.compile(r"[-+]?\d+(\.\d+)?")

_NEW_LINE: Final = ord("\n")
_BLANKS: Final = np.frombuffer(b"\n\r \t,;|", dtype=np.uint8)
_BLANK_LINE: Final = re.compile(r"\n[ \t,;|]*\r?(?=\n)|\A\s*\n|\r(?!\n)")


def _has_blank_line(text: str) -> bool:
    """Whether a line is blank or ends in a lone CR; the pattern looks only where a line begins like one."""
    returns = text.count("\r")
    if not text[:1].isspace() and (not returns or returns == text.count("\r\n")):
        codes = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
        if not np.isin(codes[np.flatnonzero(codes[:-1] == _NEW_LINE) + 1], _BLANKS).any():
            return False
    return _BLANK_LINE.search(text) is not None


def _fast(text: str, separator: str, name: str) -> pl.DataFrame | None:
    """Columnar reading where it is sure to mean the same as the plain one: no quotes, no blank or ragged lines."""
    if '"' in text or not separator.isascii() or "\x00" in text or _has_blank_line(text):
        return None
    body = text if text.endswith("\n") else text + "\n"
    cut = body.count(separator)
    lines = body.count("\n")
    if cut % lines:
        return None
    if cut // lines >= MOST_COLUMNS:
        raise InputRefusedError("too_many_columns", path=name, most=MOST_COLUMNS)
    try:
        frame = pl.read_csv(
            body.encode(),
            has_header=False,
            separator=separator,
            quote_char=None,
            infer_schema=False,
        )
    except (pl.exceptions.PolarsError, UnicodeEncodeError):
        return None
    if frame.height != lines or frame.width != cut // lines + 1:
        return None
    frame.columns = names(frame.width)
    frame = frame.fill_null("")
    return frame.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64))


def _plain(text: str, separator: str, name: str) -> pl.DataFrame:
    """Reading by the rules of CSV; a quote that is never closed is no quote where the lines agree without it."""
    csv.field_size_limit(_MOST_CELL)
    ended = text if text.endswith(("\n", "\r")) else text + "\r\n"
    rows: list[list[str]] = []
    try:
        rows.extend(csv.reader(io.StringIO(ended + _END, newline=""), delimiter=separator))
    except csv.Error as error:
        if "field limit" not in str(error):
            raise InputRefusedError("broken_table", path=name, reason=str(error)) from error
        rows.append([])
    if rows[-1] == [_END]:
        return frame_of(rows[:-1], name)
    unquoted = _without_quotes(text, separator)
    if unquoted is None:
        raise InputRefusedError("open_quote", path=name, row=len(rows))
    return frame_of(unquoted, name)


def _refuse_endless_lines(text: str, name: str) -> None:
    """Refuse a line that no table has before anything looks at it closely."""
    at = 0
    while at + _MOST_LINE < len(text):
        end = max(text.rfind("\n", at, at + _MOST_LINE), text.rfind("\r", at, at + _MOST_LINE))
        if end < 0:
            raise InputRefusedError("cell_too_large", path=name)
        at = end + 1


def _without_quotes(text: str, separator: str) -> list[list[str]] | None:
    """Rows of a text whose quotes are no quotes: all lines have the same number of cells. None where they do not."""
    rows, width = [], 0
    for line in io.StringIO(text, newline=None):
        row = line.rstrip("\n").split(separator)
        if any(row):
            if width not in {0, len(row)}:
                return None
            width = len(row)
        rows.append(row)
    return rows
