# SPDX-License-Identifier: Apache-2.0
"""A workbook of Excel 97 to 2003 byte by byte, after [MS-XLS] and [MS-CFB]: nothing on Debian writes one any more."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECTOR = 512
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_SMALLEST = 4096
"""A shorter stream would live in the mini stream."""


def xls(rows: Sequence[Sequence[str | float | None]], *, dates: Sequence[int] = (), from_1904: bool = False) -> bytes:
    """A workbook of one sheet; texts go through the shared string table, numbers of the columns ``dates`` are shown as days."""
    texts = list(dict.fromkeys(cell for row in rows for cell in row if isinstance(cell, str)))
    total = sum(isinstance(cell, str) for row in rows for cell in row)
    sheet = _begin(0x0010) + b"".join(_cells(rows, texts, dates)) + _record(0x000A)
    head = _begin(0x0005) + _record(0x0042, struct.pack("<H", 1200)) + _record(0x0022, struct.pack("<H", from_1904))
    head += b"".join(_record(0x00E0, struct.pack("<HHHBBBBIIH", 0, number, 1, 0, 0, 0, 0, 0, 0, 0)) for number in (0, 14))
    strings = _record(0x00FC, struct.pack("<II", total, len(texts)) + b"".join(map(_unicode, texts)))
    name = "名单"
    bound = 4 + len(struct.pack("<IBBBB", 0, 0, 0, 0, 0)) + 2 * len(name)
    start = len(head) + bound + len(strings) + 4
    named = _record(0x0085, struct.pack("<IBBBB", start, 0, 0, len(name), 1) + name.encode("utf-16-le"))
    return _compound(head + named + strings + _record(0x000A) + sheet)


def _record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _begin(kind: int) -> bytes:
    """BOF of the workbook's globals (5) or of a sheet (16), version 8."""
    return _record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0x0DBB, 0x07CC, 0, 6))


def _unicode(text: str) -> bytes:
    return struct.pack("<HB", len(text.encode("utf-16-le")) // 2, 1) + text.encode("utf-16-le")


def _cells(rows: Sequence[Sequence[str | float | None]], texts: Sequence[str], dates: Sequence[int]) -> list[bytes]:
    width = max(map(len, rows))
    out = [_record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))]
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            if isinstance(cell, str):
                out.append(_record(0x00FD, struct.pack("<HHHI", y, x, 0, texts.index(cell))))
            elif isinstance(cell, int) and x not in dates and -(1 << 29) <= cell < 1 << 29:
                out.append(_record(0x027E, struct.pack("<HHHi", y, x, 0, cell << 2 | 2)))
            elif cell is not None:
                out.append(_record(0x0203, struct.pack("<HHHd", y, x, 1 if x in dates else 0, cell)))
    return out


def _compound(stream: bytes) -> bytes:
    """An OLE file whose only stream is the workbook: header, one sector of allocations, one of directory, the stream."""
    stream = stream.ljust(_SMALLEST, b"\x00")
    stream += bytes(-len(stream) % _SECTOR)
    count = len(stream) // _SECTOR
    chain = [_FAT, _END, *range(3, count + 2), _END]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, _SMALLEST, _END, 0, _END, 0) + struct.pack("<109I", 0, *[_FREE] * 108)
    table = struct.pack("<128I", *chain, *[_FREE] * (128 - len(chain)))
    directory = _entry("Root Entry", 5, 1, _END, 0) + _entry("Workbook", 2, _FREE, 2, len(stream)) + _entry("", 0, _FREE, 0, 0) * 2
    return head + table + directory + stream


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    title = name.encode("utf-16-le")
    words = struct.pack("<HBBIII", len(title) + 2 if name else 0, kind, 1, _FREE, _FREE, child)
    return title.ljust(64, b"\x00") + words + bytes(36) + struct.pack("<IQ", start, size)
