"""How much is known of orgs' users, apps, reports and objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from collector.directory.fields import ENTRY_KINDS, SHOWN_NAMES
from collector.store import directory_entries

CERTAIN_KEYS = (
    *("name", "username", "email", "profile", "license", "is_active", "user_type", "created"),
    *("permission_sets", "high_risk_permissions"),
)
"""What every user has: where none has it, the org keeps it from us."""

SAMPLE_SIZE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryStatus:
    """How many entries of each kind an org has or had, and what is known of none of its users."""

    org: str
    entries: Mapping[str, int]
    unknown: tuple[str, ...]


def list_directory_statuses(
    connection: sa.Connection, orgs: Iterable[str]
) -> Iterator[DirectoryStatus]:
    """The directories of these orgs, as far as there are any."""
    for org in orgs:
        counts = directory_entries.count_entries(connection, org)
        if not counts:
            continue
        sample = directory_entries.list_newest_values(connection, org, "user", limit=SAMPLE_SIZE)
        known = {key for values in sample for key in values}
        yield DirectoryStatus(
            org=org,
            entries={kind: counts[kind] for kind in ENTRY_KINDS if kind in counts},
            unknown=tuple(SHOWN_NAMES[key] for key in CERTAIN_KEYS if sample and key not in known),
        )
