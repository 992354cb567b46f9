# SPDX-License-Identifier: Apache-2.0
"""Opens the files that people have: text tables, workbooks, web tables and archives of parts, as columns of text.

The content decides what a file is, never its ending.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from app.errors import InputRefusedError, UsageError
from sync import texts, webtables, workbooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync.frames import Table

MOST_BYTES: Final = 3 << 29
MOST_UNPACKED: Final = 1 << 30
_MOST_PART: Final = 1 << 28
_SUSPICIOUS_UNPACKED: Final = 50 << 20
_MOST_RATIO: Final = 120
_MOST_PARTS: Final = 500
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHERS: Final = (
    (b"%PDF", "pdf"), (b"\x89PNG", "image"), (b"\xff\xd8\xff", "image"), (b"GIF8", "image"), (b"RIFF", "image"), (b"MZ", "program"),
    (b"\x7fELF", "program"), (b"Rar!", "archive"), (b"7z\xbc\xaf", "archive"), (b"\x1f\x8b", "archive"), (b"BZh", "archive"),
    (b"\xfd7zXZ", "archive"), (b"SQLite format 3", "database"), (b"{\\rtf", "document"), (b"PAR1", "database"),
)  # fmt: skip
_TABLES: Final = frozenset({".csv", ".tsv", ".txt", ".tab", ".xls", ".xlsx", ".xlsm", ".xlsb", ".ods", ".htm", ".html", ""})
_WORKBOOK_PARTS: Final = frozenset({"[Content_Types].xml", "mimetype", "content.xml", "xl/workbook.xml"})


def read_file(path: Path) -> bytes:
    """A file's bytes; UsageError where there is none, InputRefusedError for one that is too large."""
    try:
        if not path.is_file():
            raise UsageError("no_file", path=str(path))
        if path.stat().st_size > MOST_BYTES:
            raise InputRefusedError("file_too_large", path=str(path))
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError("file_unreadable", path=str(path), reason=getattr(error, "strerror", None) or "") from error


def digest(data: bytes) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()


def _go_on() -> None:
    """Nobody asks to stop."""


def open_tables(data: bytes, name: str, sheet: str | None = None, encoding: str | None = None, check: Callable[[], None] = _go_on) -> list[Table]:
    """The table of a file's bytes, of an archive those of its parts; ``name`` is for messages only."""
    if not data.strip(b"\x00 \r\n\t\xef\xbb\xbf"):
        raise InputRefusedError("empty_file", path=name)
    if data.startswith(_ZIP):
        return _zipped(data, name, sheet, encoding, check)
    return [_single(data, name, sheet, encoding, check)]


def _single(data: bytes, name: str, sheet: str | None, encoding: str | None, check: Callable[[], None]) -> Table:
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise InputRefusedError("password", path=name)
        return workbooks.workbook(data, name, sheet, check)
    for magic, kind in _OTHERS:
        if data.startswith(magic) and not _is_plain_text(data[:400]):
            raise InputRefusedError("not_a_table", path=name, kind=kind)
    named = webtables.stated_encoding(data) if b"<" in data[:400] and not encoding else None
    text, used = texts.decode(data, encoding or named, name)
    head = text[:4096].lstrip("\ufeff \r\n\t").lower()
    if head.startswith("<?xml"):
        head = head[head.find("?>") + 2 :].lstrip() if "?>" in head else head
        if not webtables.is_web(head):
            raise InputRefusedError("xml_bomb" if "<!entity" in head else "xml_not_read", path=name)
    if webtables.is_web(head):
        return webtables.web_table(text, used, name)
    if head.startswith("<!doctype"):
        raise InputRefusedError("xml_bomb" if "<!entity" in head else "xml_not_read", path=name)
    return texts.text_table(text, used, name)


def _is_plain_text(head: bytes) -> bool:
    """Whether a file that begins like another kind is a text all the same: its first header may be ``MZ``."""
    return b"\x00" not in head and b"," in head.split(b"\n")[0] and head[:4] not in {b"%PDF", b"{\\rt"}


# ---------------------------------------------------------------- archives


def _zipped(data: bytes, name: str, sheet: str | None, encoding: str | None, check: Callable[[], None]) -> list[Table]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = [member for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise InputRefusedError("broken_archive", path=name) from error
    with archive:
        _weigh(members, len(data), name)
        if {member.filename for member in members} & _WORKBOOK_PARTS:
            _look_for_bombs(archive, members, name)
            return [workbooks.workbook(data, name, sheet, check)]
        return _parts(archive, members, name, sheet, encoding, check)


def _weigh(members: list[zipfile.ZipInfo], packed: int, name: str) -> None:
    if any(member.flag_bits & 1 for member in members):
        raise InputRefusedError("password", path=name)
    unpacked = sum(member.file_size for member in members)
    if unpacked > MOST_UNPACKED or (unpacked > _SUSPICIOUS_UNPACKED and unpacked > packed * _MOST_RATIO):
        raise InputRefusedError("zip_bomb", path=name, megabytes=unpacked >> 20)
    if any(member.filename.startswith(("/", "\\")) or ".." in member.filename.replace("\\", "/").split("/") for member in members):
        raise InputRefusedError("unsafe_archive", path=name)


def _look_for_bombs(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], name: str) -> None:
    for member in members:
        if member.filename.lower().endswith((".xml", ".rels")):
            head = _unpacked(archive, member, name, 8192).replace(b"\x00", b"").lower()
            if b"<!doctype" in head or b"<!entity" in head:
                raise InputRefusedError("xml_bomb", path=name)


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, most: int = _MOST_PART) -> bytes:
    """A member's bytes, however it may have been packed; no more than ``most``."""
    try:
        with archive.open(member) as part:
            return part.read(most)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InputRefusedError("broken_archive", path=name) from error


def _parts(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], name: str, sheet: str | None, encoding: str | None, check: Callable[[], None]
) -> list[Table]:
    """The tables of an archive in the order of their names; what is no table is left out and named."""
    tables: list[Table] = []
    left: list[str] = []
    for label, member in sorted(((_label(member), member) for member in members), key=lambda one: one[0]):
        check()
        path = PurePosixPath(label)
        if "__MACOSX" in path.parts or path.name.startswith((".", "~$")) or path.name.lower() in {"thumbs.db", "desktop.ini"}:
            continue
        if path.suffix.lower() not in _TABLES:
            if path.suffix.lower() == ".zip":
                raise InputRefusedError("nested_archive", path=f"{name}/{label}")
            left.append(label)
            continue
        if member.file_size > _MOST_PART:
            raise InputRefusedError("file_too_large", path=f"{name}/{label}")
        inner = _unpacked(archive, member, name)
        if inner.strip(b"\x00 \r\n\t\xef\xbb\xbf"):
            if len(tables) >= _MOST_PARTS:
                raise InputRefusedError("too_many_parts", path=name, most=_MOST_PARTS)
            tables.append(replace(_part(inner, f"{name}/{label}", sheet, encoding, check), part=label))
    if not tables:
        raise InputRefusedError("empty_file", path=name)
    return [replace(tables[0], left_out=(*tables[0].left_out, *left)), *tables[1:]]


def _part(data: bytes, name: str, sheet: str | None, encoding: str | None, check: Callable[[], None]) -> Table:
    """One table in an archive; an archive in an archive is refused, a workbook is none."""
    if data.startswith(_ZIP):
        tables = _zipped(data, name, sheet, encoding, check) if _is_workbook(data) else []
        if not tables:
            raise InputRefusedError("nested_archive", path=name)
        return tables[0]
    return _single(data, name, sheet, encoding, check)


def _is_workbook(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return bool(set(archive.namelist()) & _WORKBOOK_PARTS)
    except (zipfile.BadZipFile, ValueError, OSError):
        return False


def _label(member: zipfile.ZipInfo) -> str:
    """A member's name; without the mark of UTF-8 it is what a Chinese system writes."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        raw = member.filename.encode("cp437")
    except UnicodeEncodeError:
        return member.filename
    for codec in ("utf-8", "gb18030"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return member.filename
