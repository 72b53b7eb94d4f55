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
_PLACEMENTS: Mapping[str, EntryForm] = {"contains": "contains", "startswith": "prefix"}
_SPECIAL = re.compile(r"[\\*?]")
_NO_VALUE = "(the list was empty)"
"""A value that no field has, since Sigma has no empty lists."""

_KeyedValues: TypeAlias = tuple[str, Any]
"""A key (`field|modifier`) and its values."""


def inline_lists(definition: Any, lists: ValueLists, at: datetime) -> Any:
    """A selection with the entries of its lists in place of their names.

    Entries of different forms make it a list of alternative mappings.

    Raises SigmaError for what Sigma cannot express.
    """
    if isinstance(definition, list):
        parts = [inline_lists(each, lists, at) for each in definition]
        return [item for part in parts for item in (part if isinstance(part, list) else [part])]
    if not isinstance(definition, dict):
        return definition
    alternatives = [_expand_item(key, value, lists, at) for key, value in definition.items()]
    mappings = [_combine_items(chain(*items)) for items in product(*alternatives)]
    return mappings[0] if len(mappings) == 1 else mappings


def _expand_item(
    key: str, value: Any, lists: ValueLists, at: datetime
) -> list[Sequence[_KeyedValues]]:
    """The alternative sets of items that replace an item."""
    field, *modifiers = key.split("|")
    if "expand" not in modifiers:
        return [[(key, value)]]
    values = _as_list(value)
    groups = [[each] for each in values] if "all" in modifiers else [values]
    placements = [_PLACEMENTS[each] for each in modifiers if each in _PLACEMENTS]
    values_as: EntryForm = placements[0] if placements else "value"
    parts = [_group_by_form(field, each, lists, at, values_as) for each in groups]
    if "neq" in modifiers:
        return [[(f"{name}|neq", texts) for name, texts in part] for part in parts]
    return list(product(*parts))


def _group_by_form(
    field: str, values: Sequence[Any], lists: ValueLists, at: datetime, values_as: EntryForm
) -> list[_KeyedValues]:
    """The alternative items, one for each form, that match any of the values.

    Whole values are compared as `values_as`.
    """
    by_form: dict[EntryForm, list[str]] = {}
    for form, text in _list_entries(values, lists, at):
        by_form.setdefault(values_as if form == "value" else form, []).append(text)
    texts_by_form = by_form or {"value": [_NO_VALUE]}
    return [(field + _MODIFIERS[form], texts) for form, texts in texts_by_form.items()]


def _combine_items(items: Iterable[_KeyedValues]) -> dict[str, Any]:
    """Items that all have to hold, as one mapping, in which each key is unique."""
    combined: dict[str, Any] = {}
    for key, value in items:
        if key not in combined:
            combined[key] = value
            continue
        shorter, longer = sorted((_as_list(combined[key]), _as_list(value)), key=len)
        modifiers = key.split("|")[1:]
        if "neq" in modifiers or "all" in modifiers:
            combined[key] = [*shorter, *longer]
        elif len(shorter) == 1:
            combined[key] = longer
            combined[f"{key}|all"] = [*_as_list(combined.get(f"{key}|all", [])), *shorter]
        else:
            raise UnsupportedSigmaError(f"Sigma has no words for {key} in two lists at once")
    return combined


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
