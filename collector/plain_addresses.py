"""The plain form of texts with addresses in them: the characters that an address is written with.

Both sides of a comparison have it: the addresses of events, by the same steps in SQL
(`normalize/ip_address_sql.py`), and those of rules and value lists. Escapes are read one by one
where an address has such a character: `fe80::1%25` may be on the link 25.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

WIDE_CHARACTERS = "０１２３４５６７８９ＡＢＣＤＥＦａｂｃｄｅｆ．。｡：［］％，"
NARROW_CHARACTERS = "0123456789ABCDEFabcdef...:[]%,"
"""What stands for each of WIDE_CHARACTERS."""

ESCAPES: Mapping[str, str] = {
    "(?i)%(?:25)*2e": ".",
    "(?i)%(?:25)*3a": ":",
    "(?i)%(?:25)*5b": "[",
    "(?i)%(?:25)*5d": "]",
    "(?i)%(?:25)*2c": ",",
    "(?i)%(?:25)*(?:20|22)": " ",
}
"""Regular expressions of escapes, escaped once more or not, and what they stand for."""

PORT_PATTERN = r"((?:[0-9A-Fa-f:]*:)?[0-9]+\.[0-9.]+):[0-9]{1,5}"
"""An IPv4 address, or an IPv6 one that ends like it, and a port."""

_NARROW_BY_WIDE = str.maketrans(WIDE_CHARACTERS, NARROW_CHARACTERS)


def simplify_addresses(text: str) -> str:
    """The text with wide characters narrow, and the escapes of an address's characters read."""
    text = text.translate(_NARROW_BY_WIDE)
    if "%" not in text:
        return text
    for pattern, character in ESCAPES.items():
        text = re.sub(pattern, character, text)
    return text
