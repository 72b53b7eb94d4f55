"""Committed events that are judged again, since the directory says something else of their time."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from collector.directory.fields import ENTRY_KINDS
from collector.evaluation.event_directory import EventDirectory, render_event_keys
from collector.evaluation.file_memory import TimeSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class RejudgedEvents:
    """Which events are judged again.

    Attributes:
        event_types: the types that are looked at, derived ones among them.
        span: the times of all these events.
        former_directory: what the directory said of them before.
        changes_table: `kind`, `entry_key`, `since` and `until` (microseconds, the latter excluded)
            of what it says otherwise now; an event is judged again where one of these fits.
        uids_table: a table with the only events (`event_uid`) that are looked at; empty for all.
    """

    event_types: tuple[str, ...]
    span: TimeSpan
    former_directory: EventDirectory
    changes_table: str
    uids_table: str = ""

    def restrict_events(self, relation: str, columns: AbstractSet[str]) -> str | None:
        """A FROM item with those of a relation's events; None where it can have none of them."""
        fitting = [
            f"EXISTS (SELECT 1 FROM {self.changes_table} AS c WHERE c.kind = '{kind}'"
            f' AND c.entry_key = {key} AND c.since <= epoch_us(e."time")'
            ' AND epoch_us(e."time") < c.until)'
            for kind in ENTRY_KINDS
            for key in render_event_keys(columns, kind, "e")
        ]
        if not fitting:
            return None
        named = (
            f" AND e.event_uid IN (SELECT event_uid FROM {self.uids_table})"
            if self.uids_table
            else ""
        )
        return f"(SELECT * FROM {relation} AS e WHERE ({' OR '.join(fitting)}){named})"
