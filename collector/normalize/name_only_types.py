"""Event types that say who did it by a login name alone."""

from __future__ import annotations

from functools import cache

from collector.normalize.column_mappings import resolve_mapping
from collector.normalize.derived_types import list_affected_types
from collector.normalize.type_mappings import MAPPINGS_BY_TYPE


@cache
def list_name_only_types() -> frozenset[str]:
    """The types that have the actor's login name and no id, and those derived from them.

    LoginAsEvent is one: its UserId is of the user as whom somebody logged in. Derived events have
    the id where another of their sources tells of the same.
    """
    return frozenset(
        affected
        for event_type in MAPPINGS_BY_TYPE
        if _has_name_alone(event_type)
        for affected in list_affected_types(event_type)
    )


def _has_name_alone(event_type: str) -> bool:
    mapping = resolve_mapping(event_type)
    return bool(mapping["user_name"]) and not mapping["user_id"]
