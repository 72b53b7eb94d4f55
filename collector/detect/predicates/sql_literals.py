"""The texts and patterns of Sigma as SQL literals."""

from __future__ import annotations

from collections.abc import Callable

from sigma.exceptions import SigmaFeatureNotSupportedByBackendError
from sigma.types import SigmaRegularExpression, SigmaString, SigmaType, SpecialChars

from collector.escaping import quote_literal

WILDCARD = SpecialChars.WILDCARD_MULTI

_ESCAPE_CHARACTER = "!"  # not a backslash, which some engines escape with and others do not


class UnsupportedSigmaError(SigmaFeatureNotSupportedByBackendError):
    """A feature of Sigma that the collector does not support."""


def is_plain_text(value: SigmaString) -> bool:
    """Whether it is some text without wildcards."""
    return bool(extract_text(value)) and not value.contains_special()


def extract_text(value: SigmaType) -> str:
    """The text of a string, without its wildcards. Raises SigmaError for what no event can hold."""
    if not isinstance(value, SigmaString):
        raise UnsupportedSigmaError(f"{type(value).__name__} is no text")
    if value.contains_placeholder():
        raise UnsupportedSigmaError(
            "a list (%name%) needs `field|expand`, and stands by itself there"
        )
    return _refuse_impossible_text("".join(part for part in value.s if isinstance(part, str)))


def quote_exact(text: str) -> str:
    """The literal to compare a column with."""
    return quote_literal(text)


def quote_folded(text: str) -> str:
    """The literal to compare a lower-cased column with."""
    if text.isascii():
        return quote_literal(text.lower())
    return f"lower({quote_literal(text)})"  # engines and Python differ on letters such as İ


def match_wildcards(subject: str, value: SigmaString, literal: Callable[[str], str]) -> str:
    """Whether the subject fits a string with wildcards."""
    extract_text(value)
    return _build_like(subject, "".join(map(_escape_pattern, value.s)), literal)


def match_prefix(subject: str, text: str, literal: Callable[[str], str]) -> str:
    """Whether the subject begins with a text."""
    return _build_like(subject, f"{_escape_pattern(text)}%", literal)


def match_substring(subject: str, text: str, literal: Callable[[str], str]) -> str:
    """Whether the subject holds a text anywhere."""
    return _build_like(subject, f"%{_escape_pattern(text)}%", literal)


def _build_like(subject: str, pattern: str, literal: Callable[[str], str]) -> str:
    needs_escape = _ESCAPE_CHARACTER in pattern or "\\" in pattern
    return f"{subject} LIKE {literal(pattern)}" + (
        f" ESCAPE '{_ESCAPE_CHARACTER}'" if needs_escape else ""
    )


def quote_regex(value: SigmaRegularExpression) -> str:
    """The literal of a regular expression, flags included."""
    flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
    return quote_literal(
        (f"(?{flags})" if flags else "") + _refuse_impossible_text(str(value.regexp))
    )


def _escape_pattern(part: object) -> str:
    if isinstance(part, str):
        return "".join(
            _ESCAPE_CHARACTER + each if each in {"%", "_", _ESCAPE_CHARACTER} else each
            for each in part
        )
    return "%" if part is WILDCARD else "_"


def _refuse_impossible_text(text: str) -> str:
    if "\0" in text:
        raise UnsupportedSigmaError(
            "no event holds NUL characters; wide and utf16 need base64offset after them"
        )
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UnsupportedSigmaError("half a surrogate pair is no character")
    return text
