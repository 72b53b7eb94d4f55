"""The entry on a line of a plain text file, as the feeds of others write them.

What stands beside an address or a network is a comment or another column. Other texts may hold
blanks, commas and signs: of these only what comes after a tab, or after `#` or `;` between blanks,
is none of them, and quotes keep all that is inside.
"""

from __future__ import annotations

import re

from collector.detect.predicates.cidr import parse_address
from collector.settings.values import parse_network

_COMMENT_LINE = re.compile(r"\s*(?:[#;].*)?", re.DOTALL)
_QUOTED = re.compile(r"""(["'])(.*?)\1\s*(?:[#;,|\t].*)?""", re.DOTALL)
_FIRST_WORD = re.compile(r"[^\s,;#|]+")
_END_OF_TEXT = re.compile(r"\t|\s[#;](?=\s|$)")


def read_line_entry(line: str) -> str:
    """The entry on a line; empty where there is none."""
    if _COMMENT_LINE.fullmatch(line):
        return ""
    line = line.strip()
    if quoted := _QUOTED.fullmatch(line):
        return quoted[2].strip()
    word = _FIRST_WORD.match(line)
    if word and _is_address(word[0]):
        return word[0].strip("\"'")
    return _END_OF_TEXT.split(line, maxsplit=1)[0].strip()


def _is_address(text: str) -> bool:
    """Whether it is an address or a network, or was meant to be one."""
    try:
        return parse_address(text) is not None or parse_network(text.strip("\"'")) is not None
    except ValueError:  # no network, which whoever takes it for an entry says
        return True
