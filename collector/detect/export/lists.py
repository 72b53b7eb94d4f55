"""Value lists written out as values, for tools that fill no placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any

from collector.detect.lists import Lists
from collector.detect.lists.entries import Form

_MODIFIERS: Mapping[Form, str] = {
    "value": "",
    "cidr": "|cidr",
    "prefix": "|startswith",
    "contains": "|contains",
}
_SPECIAL = re.compile(r"[\\*?]")
_NOBODY = "(the list was empty)"
"""A value that nothing has: Sigma does not know empty lists."""


def written_out(definition: Any, lists: Lists, at: datetime) -> Any:
    """A selection with the entries of its lists in place of their names.

    Entries that are compared in different ways make it a choice of several sets of items.
    """
    if isinstance(definition, list):
        parts = [written_out(each, lists, at) for each in definition]
        return [item for part in parts for item in (part if isinstance(part, list) else [part])]
    if not isinstance(definition, dict):
        return definition
    ways = [list(_ways(key, value, lists, at)) for key, value in definition.items()]
    sets = [dict(items) for items in product(*ways)]
    return sets[0] if len(sets) == 1 else sets


def _ways(key: str, value: Any, lists: Lists, at: datetime) -> Iterator[tuple[str, Any]]:
    """The items that say what one item says, of which one has to hold."""
    field, *modifiers = key.split("|")
    if "expand" not in modifiers:
        yield key, value
        return
    by_form: dict[Form, list[str]] = {}
    for form, text in _entries(value if isinstance(value, list) else [value], lists, at):
        by_form.setdefault(form, []).append(text)
    for form, texts in (by_form or {"value": [_NOBODY]}).items():
        yield field + _MODIFIERS[form], texts


def _entries(values: Sequence[Any], lists: Lists, at: datetime) -> Iterator[tuple[Form, str]]:
    for value in values:
        name = str(value).strip("%")
        if name == value:
            yield "value", value
            continue
        for entry in lists[name].entries:
            if entry.end is None or at < entry.end:
                text = entry.text if entry.form == "cidr" else _SPECIAL.sub(r"\\\g<0>", entry.text)
                yield entry.form, text
