"""What rules may name of events: their columns, and what the directory knows of who and what."""

from __future__ import annotations

from functools import cache

from collector import normalize
from collector.directory.display_names import COMPLETED_COLUMNS, LOOKED_UP_COLUMNS, NAMED_FIELDS
from collector.directory.fields import DirectoryRole
from collector.model.event_columns import CANONICAL_COLUMNS


@cache
def list_named_fields(event_type: str) -> frozenset[str] | None:
    """Every name that a rule may use on events of this type; None if the type is undocumented.

    Fields of the directory, and names that it completes, are among them where events of the type
    have the id that leads to them.
    """
    stored = normalize.list_fields(event_type)
    if stored is None:
        return None
    looked_up = {
        name
        for name, source in LOOKED_UP_COLUMNS.items()
        if source in stored and name in CANONICAL_COLUMNS
    }
    fields = stored | looked_up
    completed = {
        name
        for name, (role, _) in COMPLETED_COLUMNS.items()
        if name in CANONICAL_COLUMNS and _is_found(role, fields)
    }
    joined = {name for name, (role, _, _) in NAMED_FIELDS.items() if _is_found(role, fields)}
    return fields | completed | joined


def _is_found(role: DirectoryRole, fields: frozenset[str]) -> bool:
    return not fields.isdisjoint(role.event_columns)
