"""The tokens of SOQL and SOSL, of any text: what is no token is one of the kind `other`."""

from __future__ import annotations

import re
from collections.abc import Iterator

CUT_LENGTH = 10_000
"""Of longer queries Salesforce keeps so many characters. Source: Object
Reference, BulkApiResultEventStore.Query.

`LIMIT 10` at the end of these may have been `LIMIT 100`.
"""

_TOKEN = re.compile(
    r"""
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<cut>'(?:[^'\\]|\\.)*\\?)
    | (?P<comment>/\*.*?(?:\*/|\Z)|--[^\n]*)
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)(?![\w:.]))
    | (?P<date>\d{4}-\d\d-\d\d(?![\w:.-]))
    | (?P<number>[+-]?\d+(?:\.\d+)?(?![\w:.-]))
    | (?P<word>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?::\d+)?)
    | (?P<symbol><=|>=|!=|<>|[=<>(),])
    | (?P<other>\S)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


def iterate_tokens(text: str, start: int = 0) -> Iterator[re.Match[str]]:
    """The tokens of a text from a place on; `lastgroup` is the kind.

    A kind is string, cut (a string without its end), comment, datetime, date, number, word (a name
    or path, a word of the language, `LAST_N_DAYS:7`), symbol or other. The time that it takes grows
    with the length of the text alone.
    """
    return _TOKEN.finditer(text, start)


def list_tokens(text: str, start: int = 0) -> list[re.Match[str]]:
    """The same without comments, and without the name or number that a text was cut off in."""
    tokens = [found for found in iterate_tokens(text, start) if found.lastgroup != "comment"]
    if len(text) == CUT_LENGTH and tokens and _may_be_cut(tokens[-1]):
        tokens.pop()
    return tokens


def _may_be_cut(token: re.Match[str]) -> bool:
    return token.end() == len(token.string) and token.lastgroup in {"word", "number"}
