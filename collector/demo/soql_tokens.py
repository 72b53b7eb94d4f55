"""SOQL's tokens, and the values of its literals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from collector.demo.api_errors import build_malformed_query
from collector.soql.tokens import iterate_tokens

MAX_STRING_LENGTH = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class SoqlToken:
    """A piece of the text: a string, datetime, date, number, word or symbol."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DateLiteral:
    """`TODAY`, `LAST_N_DAYS:7`: a span of time that depends on when it is read."""

    name: str
    count: int = 0


SoqlLiteral = str | int | float | bool | None | date | datetime | DateLiteral

DATE_LITERALS = (
    *("YESTERDAY", "TODAY", "TOMORROW", "LAST_WEEK", "THIS_WEEK"),
    *("LAST_MONTH", "THIS_MONTH", "LAST_90_DAYS"),
)
COUNTED_DATE_LITERALS = ("LAST_N_DAYS", "NEXT_N_DAYS", "N_DAYS_AGO")

_NO_TOKENS = frozenset({"cut", "comment", "other"})
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPES = {
    **dict(zip("nrtbfNRTBF", "\n\r\t\b\f" * 2, strict=True)),
    **dict(zip("'\"\\", "'\"\\", strict=True)),
    **{wild: "\\" + wild for wild in "_%"},
}


def split_tokens(text: str) -> list[SoqlToken]:
    """The tokens of a query. Raises ApiError for text that is no token."""
    tokens = []
    for found in iterate_tokens(text):
        if found.lastgroup is None or found.lastgroup in _NO_TOKENS:
            rest = text[found.start() :].strip()[:20]
            raise build_malformed_query(f"unexpected token: '{rest}'")
        tokens.append(SoqlToken(kind=found.lastgroup, text=found[0]))
    return tokens


def parse_literal(token: SoqlToken) -> SoqlLiteral:
    """The value of a literal. Raises ApiError for another token, or a value out of range."""
    match token.kind:
        case "string":
            return _parse_string(token.text)
        case "number":
            return float(token.text) if "." in token.text else int(token.text[:20])
        case "date" | "datetime":
            return _parse_moment(token)
        case "word":
            return _parse_word(token.text.upper())
    raise build_malformed_query(f"unexpected token: '{token.text}'")


def _parse_string(quoted: str) -> str:
    if len(quoted) > MAX_STRING_LENGTH + 2:
        raise build_malformed_query(f"string literals cannot exceed {MAX_STRING_LENGTH} characters")
    return _ESCAPE.sub(_unescape_match, quoted[1:-1])


def _unescape_match(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    if match[2] not in _ESCAPES:
        raise build_malformed_query(f"Illegal character sequence '{match[0]}' in string literal")
    return _ESCAPES[match[2]]


def _parse_moment(token: SoqlToken) -> date | datetime:
    try:
        if token.kind == "date":
            return date.fromisoformat(token.text)
        return datetime.fromisoformat(token.text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise build_malformed_query(f"Invalid datetime: {token.text}") from None


def _parse_word(word: str) -> SoqlLiteral:
    if word in ("TRUE", "FALSE"):
        return word == "TRUE"
    if word == "NULL":
        return None
    if word in DATE_LITERALS:
        return DateLiteral(name=word)
    name, _, count = word.partition(":")
    if name in COUNTED_DATE_LITERALS and 0 < len(count) < 6:
        return DateLiteral(name=name, count=int(count))
    raise build_malformed_query(f"unexpected token: '{word}'")
