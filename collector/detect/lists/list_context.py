"""The entries of value lists that an event matches, for the alert to show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collector.detect.lists import ValueLists
from collector.detect.lists.value_list import ListEntry
from collector.detect.predicates.cidr import parse_address_key
from collector.escaping import truncate_text
from collector.model import Event, Rule
from collector.model.event_columns import ADDRESS_KEYS

MAX_VALUE_LENGTH = 200
"""The most characters of a value that an alert shows."""


def collect_list_context(
    rule: Rule, event: Event, lists: ValueLists
) -> tuple[Mapping[str, Any], ...]:
    """For each list of the rule, an entry that one of the event's values matches."""
    return tuple(_find_entries(rule, event, lists))


def _find_entries(rule: Rule, event: Event, lists: ValueLists) -> Iterator[Mapping[str, Any]]:
    for name in sorted(rule.lists):
        for field in sorted(rule.fields):
            value, entry = _find_entry(name, field, event, lists)
            if entry is not None:
                yield {
                    "kind": "list",
                    "list": name,
                    "field": field,
                    "value": truncate_text(value, MAX_VALUE_LENGTH),
                    "entry": entry.text,
                    "form": entry.form,
                    "source": entry.source,
                    "campaign": entry.campaign,
                    "first_seen": entry.first_seen and entry.first_seen.isoformat(),
                    "last_seen": entry.last_seen and entry.last_seen.isoformat(),
                    "confidence": entry.confidence,
                    "note": entry.note,
                }
                break


def _find_entry(
    name: str, field: str, event: Event, lists: ValueLists
) -> tuple[str, ListEntry | None]:
    """The first of an event's values in a field that a list holds, with the entry that does."""
    for value in _list_values(field, event):
        entry = lists.find_entry(name, value, event["time"], field=field)
        if entry is not None:
            return value, entry
    return "", None


def _list_values(field: str, event: Event) -> Iterator[str]:
    """The value of a field; of addresses also the others that the record has."""
    value = event.get(field)
    if isinstance(value, str):
        yield value
    further_keys = str(event.get(ADDRESS_KEYS.get(field, "")) or "").split()[1:]
    yield from map(parse_address_key, further_keys)
