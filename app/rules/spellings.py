# SPDX-License-Identifier: Apache-2.0
"""Names and numbers without what spellings differ in, so that two of them can be told to be the same."""

from __future__ import annotations

import unicodedata
from typing import Final

_SHORTEST_PHONE: Final = 5


def plain_name(text: str) -> str:
    """A name without what decorates it: width, case, blanks, punctuation, pictures."""
    if text.isascii() and text.isalnum():
        return text.lower()
    return "".join([one for one in unicodedata.normalize("NFKC", text).casefold() if one.isalnum()])


def plain_phone(text: str) -> str:
    """Digits of a phone number; of a Chinese one without the country. Empty where that is no number."""
    digits = text if text.isascii() and text.isdigit() else "".join([one for one in unicodedata.normalize("NFKC", text) if "0" <= one <= "9"])
    if len(digits) in {13, 15} and digits.startswith(("86", "0086")):
        digits = digits[-11:]
    return digits if len(digits) >= _SHORTEST_PHONE else ""
