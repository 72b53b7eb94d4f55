"""Entries of tuning that ask for what no event has: `only` would silence its rules for ever."""

from __future__ import annotations

from collections.abc import Iterator

from collector.detect.event_schema import EventSchema
from collector.detect.language.possible_values import list_impossible_values
from collector.detect.tuning.entries import TuningEntry
from collector.errors import Problem


def find_impossible_conditions(entry: TuningEntry, schema: EventSchema) -> Iterator[Problem]:
    """A problem for each value in `only` and `exclude` that no event can have."""
    for key in ("only", "exclude"):
        for number, mapping in enumerate(getattr(entry.settings, key) or ()):
            for item, value in mapping.items():
                place = entry.locate_condition(key, number, item)
                for message in list_impossible_values(item, value, schema):
                    yield entry.build_problem(place, message)
