"""The texts and patterns of Sigma as SQL literals."""

from __future__ import annotations

from collections.abc import Callable

from sigma.exceptions import SigmaFeatureNotSupportedByBackendError
from sigma.types import SigmaRegularExpression, SigmaString, SigmaType, SpecialChars

from collector.text import sql_literal

MANY = SpecialChars.WILDCARD_MULTI

_ESCAPE = "!"  # not a backslash, which some engines escape with and others do not


class Unsupported(SigmaFeatureNotSupportedByBackendError):
    """Something that Sigma can say and the collector does not serve."""


def is_plain(value: SigmaString) -> bool:
    """Whether it is some text without wildcards."""
    return bool(plain(value)) and not value.contains_special()


def plain(value: SigmaType) -> str:
    """The text of a string, without its wildcards. Raises SigmaError for what no event can hold."""
    if not isinstance(value, SigmaString):
        raise Unsupported(f"{type(value).__name__} is no text")
    if value.contains_placeholder():
        raise Unsupported("a list (%name%) needs `field|expand`, and stands by itself there")
    return _possible("".join(part for part in value.s if isinstance(part, str)))


def exact(text: str) -> str:
    """The literal to compare a column with."""
    return sql_literal(text)


def folded(text: str) -> str:
    """The literal to compare a lower-cased column with."""
    if text.isascii():
        return sql_literal(text.lower())
    return f"lower({sql_literal(text)})"  # engines and Python differ on letters such as İ


def fold(text: str) -> str:
    """The text as engines lower it: every character by itself, never two for one."""
    if text.isascii():
        return text.lower()
    return "".join(character.lower()[0] for character in text)


def like(subject: str, value: SigmaString, literal: Callable[[str], str]) -> str:
    """Whether the subject fits a string with wildcards."""
    plain(value)
    return _like(subject, "".join(map(_pattern, value.s)), literal)


def begins(subject: str, text: str, literal: Callable[[str], str]) -> str:
    """Whether the subject begins with a text."""
    return _like(subject, f"{_pattern(text)}%", literal)


def holds(subject: str, text: str, literal: Callable[[str], str]) -> str:
    """Whether the subject holds a text anywhere."""
    return _like(subject, f"%{_pattern(text)}%", literal)


def _like(subject: str, pattern: str, literal: Callable[[str], str]) -> str:
    needs_escape = _ESCAPE in pattern or "\\" in pattern
    return f"{subject} LIKE {literal(pattern)}" + (f" ESCAPE '{_ESCAPE}'" if needs_escape else "")


def regex(value: SigmaRegularExpression) -> str:
    """The literal of a regular expression, flags included."""
    flags = "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))
    return sql_literal((f"(?{flags})" if flags else "") + _possible(str(value.regexp)))


def _pattern(part: object) -> str:
    if isinstance(part, str):
        return "".join(_ESCAPE + each if each in {"%", "_", _ESCAPE} else each for each in part)
    return "%" if part is MANY else "_"


def _possible(text: str) -> str:
    if "\0" in text:
        raise Unsupported(
            "no event holds NUL characters; wide and utf16 need base64offset after them"
        )
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Unsupported("half a surrogate pair is no character")
    return text
