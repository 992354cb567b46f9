# SPDX-License-Identifier: Apache-2.0
"""Short codes that people read aloud and type: what they name follows from what a thing is, so that every engine gives the same.

Crockford's base 32 (no I, L, O, U); the last sign is a check, so that a slip is told from another code.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SIGNS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS: Final = str.maketrans("ILOU", "110V")
_CHECKED_BY: Final = 31


@dataclass(frozen=True, slots=True)
class Kind:
    """Codes of one kind: two letters, then ``size`` signs, of which the last is the check."""

    prefix: str
    size: int

    def make(self, words: Sequence[object], attempt: int = 0) -> str:
        """The code of what these words are."""
        digest = hashlib.sha256("\x1f".join(map(str, (self.prefix, *words, attempt))).encode()).digest()
        number = int.from_bytes(digest[:8], "big")
        signs = "".join(_SIGNS[(number >> (5 * at)) & 31] for at in range(self.size - 1))
        return self.prefix + signs + _check(signs)

    def fresh(self, words: Sequence[Sequence[object]], taken: Callable[[Sequence[str]], set[str]]) -> list[str]:
        """Codes of many things, none of them taken."""
        codes, wrong, used = [""] * len(words), list(range(len(words))), set[str]()
        for attempt in range(64):
            for at in wrong:
                codes[at] = self.make(words[at], attempt)
            there = taken([codes[at] for at in wrong]) | used
            again = []
            for at in wrong:
                if codes[at] in there or codes[at] in used:
                    again.append(at)
                else:
                    used.add(codes[at])
            if not again:
                return codes
            wrong = again
        raise ValueError("no code left")

    def find(self, text: str) -> Iterator[str]:
        """Codes in a text, however they are written."""
        return (code for code, right in self._like(text) if right)

    def slips(self, text: str) -> Iterator[str]:
        """What looks like a code and is none: somebody mistyped it."""
        return (code for code, right in self._like(text) if not right and any(sign.isdecimal() for sign in code))

    def _like(self, text: str) -> Iterator[tuple[str, bool]]:
        pattern = rf"(?<![0-9A-Za-z]){self.prefix}[-_ ]?([0-9A-Za-z]{{{self.size}}})(?![0-9A-Za-z])"
        for match in re.finditer(pattern, text, re.IGNORECASE):
            signs = match[1].upper().translate(_READ_AS)
            yield self.prefix + signs, _check(signs[:-1]) == signs[-1]


def _check(signs: str) -> str:
    return _SIGNS[sum((at + 1) * _SIGNS.index(sign) for at, sign in enumerate(signs)) % _CHECKED_BY]


task_code: Final = Kind("KD", 7)
"""Of a due post (任务码)."""
deal_code: Final = Kind("HZ", 7)
"""Of a collaboration."""
order_no: Final = Kind("YP", 9)
"""Of a shipment: what the warehouse calls it by."""
