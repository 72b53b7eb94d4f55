"""Value lists written out as values, for tools that fill no placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, product
from typing import Any, TypeAlias

from collector.detect.lists import ValueLists
from collector.detect.lists.value_list import EntryForm
from collector.detect.predicates.sql_literals import UnsupportedSigmaError

_MODIFIERS: Mapping[EntryForm, str] = {
    "value": "",
    "cidr": "|cidr",
    "prefix": "|startswith",
    "contains": "|contains",
}
_SPECIAL = re.compile(r"[\\*?]")
_NO_VALUE = "(the list was empty)"
"""A value that nothing has: Sigma does not know empty lists."""

_KeyedValues: TypeAlias = tuple[str, Any]
"""A key (`field|modifier`) and its values."""


def inline_lists(definition: Any, lists: ValueLists, at: datetime) -> Any:
    """A selection with the entries of its lists in place of their names.

    Entries that are compared in different ways make it a choice of several sets of items.

    Raises SigmaError for what Sigma has no words for.
    """
    if isinstance(definition, list):
        parts = [inline_lists(each, lists, at) for each in definition]
        return [item for part in parts for item in (part if isinstance(part, list) else [part])]
    if not isinstance(definition, dict):
        return definition
    ways = [_expand_item(key, value, lists, at) for key, value in definition.items()]
    sets = [_combine_items(chain(*items)) for items in product(*ways)]
    return sets[0] if len(sets) == 1 else sets


def _expand_item(
    key: str, value: Any, lists: ValueLists, at: datetime
) -> list[Sequence[_KeyedValues]]:
    """The sets of items that say what one item says, of which one has to hold."""
    field, *modifiers = key.split("|")
    if "expand" not in modifiers:
        return [[(key, value)]]
    values = _as_list(value)
    needed = [[each] for each in values] if "all" in modifiers else [values]
    parts = [_group_by_form(field, each, lists, at) for each in needed]
    if "neq" in modifiers:
        return [[(f"{name}|neq", texts) for name, texts in part] for part in parts]
    return list(product(*parts))


def _group_by_form(
    field: str, values: Sequence[Any], lists: ValueLists, at: datetime
) -> list[_KeyedValues]:
    """The items that say that the field is one of the values, of which one has to hold."""
    by_form: dict[EntryForm, list[str]] = {}
    for form, text in _list_entries(values, lists, at):
        by_form.setdefault(form, []).append(text)
    found = by_form or {"value": [_NO_VALUE]}
    return [(field + _MODIFIERS[form], texts) for form, texts in found.items()]


def _combine_items(items: Iterable[_KeyedValues]) -> dict[str, Any]:
    """Items that all have to hold, as one mapping, in which each key can stand but once."""
    found: dict[str, Any] = {}
    for key, value in items:
        if key not in found:
            found[key] = value
            continue
        one, other = sorted((_as_list(found[key]), _as_list(value)), key=len)
        modifiers = key.split("|")[1:]
        if "neq" in modifiers or "all" in modifiers:
            found[key] = [*one, *other]
        elif len(one) == 1:
            found[key] = other
            found[f"{key}|all"] = [*_as_list(found.get(f"{key}|all", [])), *one]
        else:
            raise UnsupportedSigmaError(f"Sigma has no words for {key} in two lists at once")
    return found


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _list_entries(
    values: Sequence[Any], lists: ValueLists, at: datetime
) -> Iterator[tuple[EntryForm, str]]:
    for value in values:
        name = str(value).strip("%")
        if name == value:
            yield "value", value
            continue
        for entry in lists[name].entries:
            if entry.expiry_time is None or at < entry.expiry_time:
                text = entry.text if entry.form == "cidr" else _SPECIAL.sub(r"\\\g<0>", entry.text)
                yield entry.form, text
