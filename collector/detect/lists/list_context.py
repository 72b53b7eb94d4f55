"""The entries of value lists that an event matches, for the alert to show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from collector.detect.lists import ValueLists
from collector.detect.lists.value_list import ListEntry
from collector.detect.predicates.cidr import parse_address_key
from collector.escaping import truncate_text
from collector.model import Event, Rule
from collector.model.event_columns import ADDRESS_KEYS
from collector.model.member_columns import split_members

MAX_VALUE_LENGTH = 200
"""The most characters of a value that an alert shows."""


def collect_list_context(
    rule: Rule, event: Event, lists: ValueLists
) -> tuple[Mapping[str, Any], ...]:
    """For each list of the rule, an entry that one of the event's values matches."""
    return tuple(_find_entries(rule, event, lists))


def _find_entries(rule: Rule, event: Event, lists: ValueLists) -> Iterator[Mapping[str, Any]]:
    for name in sorted(rule.lists):
        found = _find_in_fields(rule, event, partial(lists.find_entry, name))
        if found is None and rule.unexpired is not None:
            found = _find_in_fields(rule, event, partial(lists.find_expired_entry, name))
        if found is not None:
            field, value, entry = found
            yield _describe_entry(name, field, value, entry, event)


def _find_in_fields(
    rule: Rule, event: Event, find_entry: Callable[..., ListEntry | None]
) -> tuple[str, str, ListEntry] | None:
    """The first of the rule's fields with a value that is an entry, that value and the entry."""
    for field in sorted(rule.fields):
        for value in _list_values(field, event):
            entry = find_entry(value, event["time"], field=field)
            if entry is not None:
                return field, value, entry
    return None


def _describe_entry(
    name: str, field: str, value: str, entry: ListEntry, event: Event
) -> Mapping[str, Any]:
    has_expired = entry.has_expired(event["time"])
    return {
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
        **({"expired": entry.expires and entry.expires.isoformat()} if has_expired else {}),
    }


def _list_values(field: str, event: Event) -> Iterator[str]:
    """The value of a field, or each member of it; of addresses also the others of the record."""
    value = event.get(field)
    if isinstance(value, str):
        yield from split_members(field, value)
    further_keys = str(event.get(ADDRESS_KEYS.get(field, "")) or "").split()[1:]
    yield from map(parse_address_key, further_keys)
