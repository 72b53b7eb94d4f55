"""Titles of alerts: `{user_name|user_id|somebody} read {record_count:,|an unknown number of}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from collector.detect.language import computed
from collector.model import Event, Rule
from collector.text import cut

LIMIT = 300
VALUE_LIMIT = 120
"""One long value must not push the others out of the title."""

LONGEST_NUMBER = 24
"""Digits; `1e999999` is text that anybody can send, and would be written out."""

NOTHING = "unknown"
"""What a slot without a fallback says of an event that has none of its fields."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Braces of a template: the first field with a value is shown, else `fallback`.

    Each field stands with its format: `","` groups thousands, `""` shows the value as it is.
    """

    fields: tuple[tuple[str, str], ...]
    fallback: str | None

    def __str__(self) -> str:
        shown = [f"{name}:{form}" if form else name for name, form in self.fields]
        return "{" + "|".join(shown if self.fallback is None else [*shown, self.fallback]) + "}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A title that is still to be filled in; `str` gives its text."""

    parts: tuple[str | Slot, ...]

    def __str__(self) -> str:
        return "".join(escaped(part) if isinstance(part, str) else str(part) for part in self.parts)

    @property
    def fields(self) -> frozenset[str]:
        """Every field that may be shown."""
        return frozenset(
            name for part in self.parts if isinstance(part, Slot) for name, _ in part.fields
        )

    def renamed(self, rename: Callable[[str], str]) -> Template:
        """The same title over other names of its fields."""
        return Template(parts=tuple(_renamed(part, rename) for part in self.parts))

    def render(self, event: Event) -> str:
        """The title of an event, at most `LIMIT` characters."""
        return cut("".join(_filled(part, event) for part in self.parts), LIMIT)


def parse(text: str, is_field: Callable[[str], bool]) -> Template:
    """The template of a text. Raises ValueError for braces that do not fit and unknown fields.

    The last alternative of several is literal text where it is no field; `{{` is a brace.
    """
    return Template(parts=tuple(_parts(text, is_field)))


def of(rule: Rule) -> Template:
    """The title of a rule of `RuleSet.rules`, over the columns of its events and of its windows.

    Of one that tells of single events, a variant's as well.
    """
    windows = computed.columns(rule)
    names = {*rule.fields, *windows, *(computed.MOMENTS if windows else ())}
    return parse(rule.title, names.__contains__)


def escaped(text: str) -> str:
    """Plain text as a template that shows just that."""
    return text.replace("{", "{{").replace("}", "}}")


def _parts(text: str, is_field: Callable[[str], bool]) -> Iterator[str | Slot]:
    end = 0
    for token in _TOKEN.finditer(text):
        yield text[end : token.start()]
        end = token.end()
        if token[1] is not None:
            yield _slot(token[1], is_field)
        elif len(token[0]) == 2:
            yield token[0][0]
        else:
            raise ValueError(f"a {token[0]!r} without its other half; write it twice to show it")
    yield text[end:]


def _slot(body: str, is_field: Callable[[str], bool]) -> Slot:
    *others, last = body.split("|")
    if is_field(last.partition(":")[0]) or not others:
        return Slot(fields=tuple(_field(each, is_field) for each in (*others, last)), fallback=None)
    return Slot(fields=tuple(_field(each, is_field) for each in others), fallback=last)


def _field(alternative: str, is_field: Callable[[str], bool]) -> tuple[str, str]:
    name, _, form = alternative.partition(":")
    if not is_field(name):
        raise ValueError(f"unknown field {name!r}")
    if form not in {"", ","}:
        raise ValueError(f"unknown format {form!r} of {name!r}; ',' groups thousands")
    return name, form


def _renamed(part: str | Slot, rename: Callable[[str], str]) -> str | Slot:
    if isinstance(part, str):
        return part
    return replace(part, fields=tuple((rename(name), form) for name, form in part.fields))


def _filled(part: str | Slot, event: Event) -> str:
    if isinstance(part, str):
        return part
    for name, form in part.fields:
        shown = _grouped(event.get(name)) if form else _plain(event.get(name))
        if shown:
            return cut(shown, VALUE_LIMIT)
    return NOTHING if part.fallback is None else part.fallback


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return _trimmed(f"{value:.2f}")
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return str(value).strip()


def _grouped(value: Any) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return ""
    readable = number.is_finite() and number.adjusted() < LONGEST_NUMBER
    return _trimmed(f"{number:,.2f}") if readable else ""


def _trimmed(number: str) -> str:
    return number.rstrip("0").rstrip(".")
