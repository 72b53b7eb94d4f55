"""The plain form of names and user agents: what a person would call the same is one text in it.

Both sides of a comparison have it: the columns of names in the event table, by the same steps in
SQL (`normalize/plain_name_sql.py`), and the texts of rules and value lists.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from urllib.parse import unquote

TRIMMED_CHARACTERS = " \"'`´‘’‚‛“”„‟‹›«»"
"""Blanks and quotes, which are no part of a name at its beginning and its end."""

WHITE_SPACE = (
    "\t-\r\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # without the blank
)
"""White space that looks like a blank or like nothing, as ranges of a regular expression."""

INVISIBLE_CHARACTERS = (
    # The categories Cc and Cf of Unicode 15,
    "\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    "\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
    # letters and signs that are blank, and selectors of variants.
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\uffa0\ufe00-\ufe0f"
    "\U000e0100-\U000e01ef"
)
"""What nobody sees, as ranges of a regular expression; NUL, which no column holds, is left out."""

DASHES = "\u2010-\u2015\u2043\u2212"
"""What is written as a hyphen in a plain name, as ranges of a regular expression: NFKC keeps it."""

REPEATED_ESCAPE = "%(?:25)+([0-9A-Fa-f]{2})"
"""An escape whose `%` was escaped, once or more often: `%252D`."""

_DASH_PATTERN = re.compile(f"[{DASHES}]")
_REPEATED_ESCAPE_PATTERN = re.compile(REPEATED_ESCAPE)
_WHITE_SPACE_PATTERN = re.compile(f"[{WHITE_SPACE}]")
_INVISIBLE_PATTERN = re.compile(f"[\0{INVISIBLE_CHARACTERS}]")


def simplify_name(text: str) -> str:
    """The plain form of a whole name: in NFKC, without escapes, quotes and what nobody sees.

    Every dash is a hyphen. Text of which nothing is left is its own.
    """
    return simplify_part(text).strip(TRIMMED_CHARACTERS) or text


def simplify_beginning(text: str) -> str:
    """The plain form of what a name begins with."""
    return simplify_part(text).lstrip(TRIMMED_CHARACTERS) or text


def simplify_end(text: str) -> str:
    """The plain form of what a name ends with."""
    return simplify_part(text).rstrip(TRIMMED_CHARACTERS) or text


def simplify_part(text: str) -> str:
    """The plain form of any part of a name, at the ends of which nothing is trimmed."""
    text = _read_escapes(text)
    if text.isascii() and text.isprintable():
        return text
    visible = _INVISIBLE_PATTERN.sub("", _WHITE_SPACE_PATTERN.sub(" ", text))
    return _DASH_PATTERN.sub("-", unicodedata.normalize("NFKC", visible)) or text


def _read_escapes(text: str) -> str:
    """The text without escapes, and without those of escapes, as far as they are text."""
    for escaped in (_REPEATED_ESCAPE_PATTERN.sub(r"%\1", text), text):
        with suppress(UnicodeDecodeError):
            return unquote(escaped, errors="strict")
    return text
