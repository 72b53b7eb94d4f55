"""Titles of alerts: `{user_name|user_id|somebody} read {record_count:,|an unknown number of}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from collector.detect.language import window_columns
from collector.escaping import truncate_text
from collector.model import Event, Rule

MAX_TITLE_LENGTH = 300
MAX_VALUE_LENGTH = 120
"""Characters of a value, so that one cannot push the others out of the title."""

MAX_NUMBER_DIGITS = 24
"""Digits; larger numbers, such as `1e999999`, are not written out."""

EMPTY_SLOT_TEXT = "unknown"
"""The text of a slot without a fallback for an event that has none of its fields."""

_TOKEN_PATTERN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleSlot:
    """Braces of a template: the first field with a value is shown, else `fallback`.

    Each field stands with its format: `","` groups thousands, `""` shows the value as it is.
    """

    fields: tuple[tuple[str, str], ...]
    fallback: str | None

    def __str__(self) -> str:
        alternatives = [f"{name}:{form}" if form else name for name, form in self.fields]
        return (
            "{"
            + "|".join(alternatives if self.fallback is None else [*alternatives, self.fallback])
            + "}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleTemplate:
    """A title with slots for fields; `str` returns its source text."""

    parts: tuple[str | TitleSlot, ...]

    def __str__(self) -> str:
        return "".join(
            escape_braces(part) if isinstance(part, str) else str(part) for part in self.parts
        )

    @property
    def fields(self) -> frozenset[str]:
        """Every field that may be shown."""
        return frozenset(
            name for part in self.parts if isinstance(part, TitleSlot) for name, _ in part.fields
        )

    def rename_fields(self, rename: Callable[[str], str]) -> TitleTemplate:
        """The same title over other names of its fields."""
        return TitleTemplate(parts=tuple(_rename_part(part, rename) for part in self.parts))

    def render_title(self, event: Event) -> str:
        """The title of an event, at most `MAX_TITLE_LENGTH` characters."""
        return truncate_text(
            "".join(_fill_part(part, event) for part in self.parts), MAX_TITLE_LENGTH
        )


def parse_template(text: str, is_field: Callable[[str], bool]) -> TitleTemplate:
    """The template of a text. Raises ValueError for braces that do not fit and unknown fields.

    The last alternative of several is literal text where it is no field; `{{` is a brace.
    """
    return TitleTemplate(parts=tuple(_parse_parts(text, is_field)))


def parse_rule_title(rule: Rule) -> TitleTemplate:
    """The title of a rule, over the columns of its events and of its windows.

    A rule over windows is one of `RuleSet.rules`; of single events, it may be a variant.
    """
    windows = window_columns.list_window_columns(rule)
    names = {*rule.fields, *windows, *(window_columns.WINDOW_BOUNDS if windows else ())}
    return parse_template(rule.title, names.__contains__)


def escape_braces(text: str) -> str:
    """Plain text as a template that shows just that."""
    return text.replace("{", "{{").replace("}", "}}")


def _parse_parts(text: str, is_field: Callable[[str], bool]) -> Iterator[str | TitleSlot]:
    end = 0
    for token in _TOKEN_PATTERN.finditer(text):
        yield text[end : token.start()]
        end = token.end()
        if token[1] is not None:
            yield _parse_slot(token[1], is_field)
        elif len(token[0]) == 2:
            yield token[0][0]
        else:
            raise ValueError(f"a {token[0]!r} without its other half; write it twice to show it")
    yield text[end:]


def _parse_slot(body: str, is_field: Callable[[str], bool]) -> TitleSlot:
    *others, last = body.split("|")
    if is_field(last.partition(":")[0]) or not others:
        return TitleSlot(
            fields=tuple(_parse_field(each, is_field) for each in (*others, last)), fallback=None
        )
    return TitleSlot(fields=tuple(_parse_field(each, is_field) for each in others), fallback=last)


def _parse_field(alternative: str, is_field: Callable[[str], bool]) -> tuple[str, str]:
    name, _, form = alternative.partition(":")
    if not is_field(name):
        raise ValueError(f"unknown field {name!r}")
    if form not in {"", ","}:
        raise ValueError(f"unknown format {form!r} of {name!r}; ',' groups thousands")
    return name, form


def _rename_part(part: str | TitleSlot, rename: Callable[[str], str]) -> str | TitleSlot:
    if isinstance(part, str):
        return part
    return replace(part, fields=tuple((rename(name), form) for name, form in part.fields))


def _fill_part(part: str | TitleSlot, event: Event) -> str:
    if isinstance(part, str):
        return part
    for name, form in part.fields:
        text = _format_grouped(event.get(name)) if form else _format_plain(event.get(name))
        if text:
            return truncate_text(text, MAX_VALUE_LENGTH)
    return EMPTY_SLOT_TEXT if part.fallback is None else part.fallback


def _format_plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return _trim_zeros(f"{value:.2f}")
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return str(value).strip()


def _format_grouped(value: Any) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return ""
    is_readable = number.is_finite() and number.adjusted() < MAX_NUMBER_DIGITS
    return _trim_zeros(f"{number:,.2f}") if is_readable else ""


def _trim_zeros(number: str) -> str:
    return number.rstrip("0").rstrip(".")
