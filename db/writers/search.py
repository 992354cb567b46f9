# SPDX-License-Identifier: Apache-2.0
"""The search index: literal, case-insensitive, any substring from one character on, in milliseconds.

Text is cut into overlapping pairs of characters. On SQLite the pairs are the tokens of an FTS5 table whose
``ascii`` tokenizer takes every character beyond ASCII as part of a word, so emoji, combining marks and all
scripts need no table of categories; for the ASCII characters that it would cut at stand characters that the
reading of cells refuses. A word of two characters or more is then a phrase, one character a prefix.
On PostgreSQL the same pairs are an array under a GIN index, checked against the text.
"""

from __future__ import annotations

import itertools
import operator
import re
from typing import TYPE_CHECKING, Final

from db import bulk
from db.writers.letters import of_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

TABLE: Final = "creator_search"
BETWEEN: Final = "\x1f"
"""Stands between the parts of a document; the tokenizer cuts there, so no phrase runs across."""

_CUTTING: Final = [chr(code) for code in range(128) if not chr(code).isalnum() and chr(code) != BETWEEN]
_STAND_INS: Final = [*map(chr, range(0x80, 0xA0)), *map(chr, range(0xFDD0, 0xFDF0)), "\ufffe"]
_SAFE: Final = str.maketrans(dict(zip(_CUTTING, _STAND_INS, strict=True)))
_NOWHERE: Final = re.compile(f"[{BETWEEN}\x00\ud800-\udfff\uffff{''.join(_STAND_INS)}]")


def findable(needle: str) -> bool:
    """Whether any text can contain this: some characters are refused wherever text comes in."""
    return not _NOWHERE.search(needle)


def document(parts: Iterable[str | None]) -> str:
    """The searchable text of a creator from its name, handles, uids, tags and notes, folded."""
    return BETWEEN.join([part for part in parts if part]).casefold()


def pairs(document_text: str) -> str:
    """Tokens of a folded text for the FTS table; the last character of each part stands alone."""
    safe = document_text.translate(_SAFE)
    return " ".join(map(operator.add, safe, safe[1:] + " "))


def phrase(needle: str) -> str:
    """FTS5 query that finds a literal text; empty for an empty one."""
    safe = needle.casefold().translate(_SAFE)
    if len(safe) < 2:  # noqa: PLR2004 (a pair)
        return f'"{safe}"*' if safe else ""
    return '"' + " ".join([a + b for a, b in itertools.pairwise(safe)]) + '"'


def grams(document_text: str) -> list[str]:
    """Distinct pairs and characters of a folded text, for the GIN index."""
    return list({*document_text, *(a + b for a, b in itertools.pairwise(document_text))})


def wanted_grams(needle: str) -> list[str]:
    """Grams that a text must have to contain the needle."""
    needle = needle.casefold()
    return grams(needle) if len(needle) == 1 else [a + b for a, b in itertools.pairwise(needle)]


def add(connection: Connection, documents: Iterable[tuple[int, str]]) -> None:
    """Index new creators: ids with their documents."""
    if connection.dialect.name == "postgresql":
        rows: Iterable[tuple[object, ...]] = ((row_id, text, grams(text)) for row_id, text in documents)
        bulk.insert(connection, TABLE, ("creator_id", "text", "grams"), rows)
    else:
        bulk.insert(connection, TABLE, ("rowid", "pairs"), ((row_id, pairs(text)) for row_id, text in documents))


def remove(connection: Connection, ids: Iterable[int]) -> None:
    """Take creators out of the index."""
    if connection.dialect.name == "postgresql":
        cursor = bulk.driver_cursor(connection)
        cursor.executemany(f"delete from {TABLE} where creator_id = %s", ((row_id,) for row_id in ids))  # noqa: S608
    else:
        cursor = bulk.driver_cursor(connection)
        cursor.executemany(f"delete from {TABLE} where rowid = ?", ((row_id,) for row_id in ids))  # noqa: S608


_DOCUMENTS: Final = """
select c.id, c.name, c.notes,
  (select {concat}(coalesce(a.handle, '') || {between} || coalesce(a.platform_uid, ''), {between}) from account a where a.creator_id = c.id),
  (select {concat}(t.tag, {between}) from creator_tag t where t.creator_id = c.id), c.initials
from creator c join wanted w on w.id = c.id
"""


def refresh(connection: Connection, creator_ids: Iterable[int]) -> None:
    """Index creators anew from what is stored, their initials too; those that are gone leave the index."""
    ids = list(dict.fromkeys(creator_ids))
    if not ids:
        return
    bulk.keep_ids(connection, ids)
    concat, between = ("string_agg", "chr(31)") if connection.dialect.name == "postgresql" else ("group_concat", "char(31)")
    rows = connection.exec_driver_sql(_DOCUMENTS.format(concat=concat, between=between)).all()
    remove(connection, ids)
    add(connection, [(row[0], document((row[1], row[3], row[4], row[2]))) for row in rows])
    spelled = [(letters, row[0], row[5]) for letters, row in zip(of_all([row[1] for row in rows]), rows, strict=True)]
    bulk.update(connection, "creator", ("initials",), [(now, one) for now, one, before in spelled if now != before])
