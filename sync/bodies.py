# SPDX-License-Identifier: Apache-2.0
"""What the body of an answer holds: decoded of its compression no further than somebody wants it, and read as JSON exactly."""

from __future__ import annotations

import json
import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ENCODINGS: Final = "gzip, deflate"
"""What a request asks for."""
_PIECE: Final = 65_536


def parse_json(content: bytes) -> Any:  # noqa: ANN401 (whatever JSON holds)
    """JSON in UTF-8: whole numbers however long, others exact as Decimal; ValueError for what is none, NaN, or two values for one name."""
    try:
        return json.loads(content.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_once_each)
    except RecursionError:
        raise ValueError("depth") from None


def _no_number(name: str) -> object:
    raise ValueError(name)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; the same value told twice is harmless, two values for one name leave open which one holds."""
    found = dict(pairs)
    if len(found) != len(pairs) and any(found[name] != value for name, value in pairs):
        raise ValueError("name")
    return found


class Identity:
    """A body as it is."""

    is_done = True

    def parts(self, piece: bytes, limit: int) -> Iterator[bytes]:  # noqa: ARG002 (it does not grow)
        """The piece."""
        yield piece


class Inflate:
    """A compressed body, decoded no further than somebody wants it."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._decoder: zlib._Decompress | None = None

    @property
    def is_done(self) -> bool:
        """Whether it came to its end; an empty body never began."""
        return self._decoder is None or self._decoder.eof

    def parts(self, piece: bytes, limit: int) -> Iterator[bytes]:
        """Decoded parts of a piece, each no larger than one piece of the line; ``limit`` bounds nothing but a loop without end."""
        rest = piece
        while rest:
            decoder = self._for(rest)
            if decoder is None:
                return
            yield decoder.decompress(rest, min(_PIECE, limit + 1))
            rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail

    def _for(self, start: bytes) -> zlib._Decompress | None:
        """Who decodes on: a gzip body may be several in a row, anything else after its end is of no meaning."""
        if self._decoder is None or (self._gzip and self._decoder.eof):
            self._decoder = zlib.decompressobj(self._window(start))
        return None if self._decoder.eof else self._decoder

    def _window(self, start: bytes) -> int:
        """How the body is wrapped: ``deflate`` is meant with the header of zlib, and sent without it as well."""
        if self._gzip:
            return 31
        return 15 if start[0] & 0x0F == zlib.DEFLATED else -15


def decoder(encoding: str) -> Identity | Inflate | None:
    """What undoes an encoding; None for one that nobody asked for."""
    match encoding.strip().lower():
        case "" | "identity":
            return Identity()
        case "gzip" | "x-gzip":
            return Inflate(gzip=True)
        case "deflate":
            return Inflate(gzip=False)
    return None
