"""Value lists written out as values, for tools that fill no placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, product
from typing import Any, TypeAlias

from collector.detect.lists import Lists
from collector.detect.lists.entries import Form
from collector.detect.predicates.literals import Unsupported

_MODIFIERS: Mapping[Form, str] = {
    "value": "",
    "cidr": "|cidr",
    "prefix": "|startswith",
    "contains": "|contains",
}
_SPECIAL = re.compile(r"[\\*?]")
_NOBODY = "(the list was empty)"
"""A value that nothing has: Sigma does not know empty lists."""

_Item: TypeAlias = tuple[str, Any]
"""A key (`field|modifier`) and its values."""


def written_out(definition: Any, lists: Lists, at: datetime) -> Any:
    """A selection with the entries of its lists in place of their names.

    Entries that are compared in different ways make it a choice of several sets of items.

    Raises SigmaError for what Sigma has no words for.
    """
    if isinstance(definition, list):
        parts = [written_out(each, lists, at) for each in definition]
        return [item for part in parts for item in (part if isinstance(part, list) else [part])]
    if not isinstance(definition, dict):
        return definition
    ways = [_ways(key, value, lists, at) for key, value in definition.items()]
    sets = [_together(chain(*items)) for items in product(*ways)]
    return sets[0] if len(sets) == 1 else sets


def _ways(key: str, value: Any, lists: Lists, at: datetime) -> list[Sequence[_Item]]:
    """The sets of items that say what one item says, of which one has to hold."""
    field, *modifiers = key.split("|")
    if "expand" not in modifiers:
        return [[(key, value)]]
    values = _listed(value)
    needed = [[each] for each in values] if "all" in modifiers else [values]
    parts = [_choice(field, each, lists, at) for each in needed]
    if "neq" in modifiers:
        return [[(f"{name}|neq", texts) for name, texts in part] for part in parts]
    return list(product(*parts))


def _choice(field: str, values: Sequence[Any], lists: Lists, at: datetime) -> list[_Item]:
    """The items that say that the field is one of the values, of which one has to hold."""
    by_form: dict[Form, list[str]] = {}
    for form, text in _entries(values, lists, at):
        by_form.setdefault(form, []).append(text)
    found = by_form or {"value": [_NOBODY]}
    return [(field + _MODIFIERS[form], texts) for form, texts in found.items()]


def _together(items: Iterable[_Item]) -> dict[str, Any]:
    """Items that all have to hold, as one mapping, in which each key can stand but once."""
    found: dict[str, Any] = {}
    for key, value in items:
        if key not in found:
            found[key] = value
            continue
        one, other = sorted((_listed(found[key]), _listed(value)), key=len)
        modifiers = key.split("|")[1:]
        if "neq" in modifiers or "all" in modifiers:
            found[key] = [*one, *other]
        elif len(one) == 1:
            found[key] = other
            found[f"{key}|all"] = [*_listed(found.get(f"{key}|all", [])), *one]
        else:
            raise Unsupported(f"Sigma has no words for {key} in two lists at once")
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


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
