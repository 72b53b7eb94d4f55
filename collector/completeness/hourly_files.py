"""Gaps in the sequence numbers of hourly files, and hours without any file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from collector.clock import EARLIEST_TIME, LATEST_TIME
from collector.model import LogFileFacts
from collector.store.batch_inventory import InventoryItem

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceGap:
    """An hour of which some files were never listed. `explained` says why that is no loss."""

    org: str
    event_type: str
    hour: datetime
    present: Sequence[int]
    missing: Sequence[int]
    explained: str = ""

    def list_problems(self) -> Iterator[str]:
        """The gap in a sentence, unless it is explained."""
        if not self.explained:
            hour = f"the hour {self.hour:%Y-%m-%d %H:%M}Z"
            present, missing = (", ".join(map(str, part)) for part in (self.present, self.missing))
            yield f"{self.org}/{self.event_type}: {hour} has the files {present}, not {missing}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Hours without a file, of a type that has one in most hours.

    An hour without events has no file: this is for information, and no gap.
    """

    org: str
    event_type: str
    hours: Sequence[datetime]


def find_sequence_gaps(
    items: Iterable[InventoryItem], *, listing_start: datetime
) -> Iterator[SequenceGap]:
    """Hours with a gap in Sequence. `listing_start`: files created since then were listed."""
    for group in _group_hourly_files(items):
        for hour, hour_items in groupby(group, key=lambda item: item.log_time):
            present = sorted({_read_sequence(item) for item in hour_items})
            missing = sorted(set(range(1, present[-1])) - set(present))
            if missing:
                yield SequenceGap(
                    org=group[0].stream.org,
                    event_type=group[0].event_type,
                    hour=hour,
                    present=present,
                    missing=missing,
                    explained=_explain_gap(hour, listing_start),
                )


def find_quiet_hours(items: Iterable[InventoryItem]) -> Iterator[QuietHours]:
    """The hours without a file of the types that have one in most hours."""
    for group in _group_hourly_files(items):
        busy_hours = {item.log_time for item in group}
        first = min(busy_hours)
        hours = [first + number * HOUR for number in range((max(busy_hours) - first) // HOUR + 1)]
        quiet_hours = [hour for hour in hours if hour not in busy_hours]
        if quiet_hours and len(busy_hours) > len(hours) / 2:
            org, event_type = group[0].stream.org, group[0].event_type
            yield QuietHours(org=org, event_type=event_type, hours=quiet_hours)


def _group_hourly_files(items: Iterable[InventoryItem]) -> Iterator[list[InventoryItem]]:
    """The hourly files of each event type, the oldest first."""

    def build_group_key(item: InventoryItem) -> tuple[str, str]:
        return item.stream.org, item.event_type

    hourly = [
        item
        for item in items
        if _read_sequence(item) >= 1 and EARLIEST_TIME <= item.log_time <= LATEST_TIME
    ]
    ordered = sorted(hourly, key=lambda item: (*build_group_key(item), item.log_time, item.key))
    for _, group in groupby(ordered, key=build_group_key):
        yield list(group)


def _read_sequence(item: InventoryItem) -> int:
    """1 and more for an hourly file, 0 for everything else."""
    return item.facts.sequence if isinstance(item.facts, LogFileFacts) else 0


def _explain_gap(hour: datetime, listing_start: datetime) -> str:
    if hour + HOUR > listing_start:
        return ""
    return "it may have been made before collecting began: `collector backfill` finds it"
