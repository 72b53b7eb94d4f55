"""Literals and names for the SOQL that we send, and the times that come back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_IDENTIFIER_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")
_ESCAPES = str.maketrans(
    {
        "\\": r"\\",
        "'": r"\'",
        '"': r"\"",
        "\n": r"\n",
        "\r": r"\r",
        "\t": r"\t",
        "\b": r"\b",
        "\f": r"\f",
    }
)
_CONTROL_PATTERN = re.compile(r"[\0-\x07\x0b\x0e-\x1f\x7f\ud800-\udfff]")


def render_literal(value: str | int | bool | datetime | None) -> str:  # noqa: FBT001 - a value, no flag
    """A value as SOQL.

    A time becomes `2026-10-01T12:34:56.123Z`: SOQL knows milliseconds, so what is finer is cut off.
    Where `>` must not skip anything that is right (a record may come twice); where `<=` must not
    miss anything, pass a time of whole milliseconds.

    Raises:
        ValueError: a time without a zone, or text with control characters that SOQL cannot say.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return _render_time(value)
    if _CONTROL_PATTERN.search(value):
        raise ValueError("SOQL has no words for control characters")
    return f"'{value.translate(_ESCAPES)}'"


def check_identifier(name: str) -> str:
    """The name of an object or field, relationships with dots. Raises ValueError for any other."""
    if _IDENTIFIER_PATTERN.fullmatch(name) is None:
        raise ValueError(f"{name[:80]!r} is no name of a Salesforce object or field")
    return name


def parse_datetime(text: str) -> datetime:
    """A time as Salesforce writes it, in UTC: `…T12:34:56.000+0000`, `…Z` or `…+00:00`.

    Raises:
        ValueError: it cannot be read, or says no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text[:40]!r} says no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text[:40]!r} is out of range") from None


def _render_time(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
