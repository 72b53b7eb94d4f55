"""What the hourly files say of themselves: gaps in their numbers, and hours without any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from collector.store.account import Item

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

    def problems(self) -> Iterator[str]:
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


def sequence_gaps(items: Iterable[Item], *, began: datetime) -> Iterator[SequenceGap]:
    """Hours with a gap in Sequence. `began` is from which creation time on files were listed."""
    for group in _hourly(items):
        for hour, of_hour in groupby(group, key=lambda item: item.nominal):
            present = sorted({_sequence(item) for item in of_hour})
            missing = sorted(set(range(1, present[-1])) - set(present))
            if missing:
                yield SequenceGap(
                    org=group[0].stream.org,
                    event_type=group[0].event_type,
                    hour=hour,
                    present=present,
                    missing=missing,
                    explained=_explained(hour, began),
                )


def quiet_hours(items: Iterable[Item]) -> Iterator[QuietHours]:
    """The hours without a file of the types that have one in most hours."""
    for group in _hourly(items):
        busy = {item.nominal for item in group}
        first = min(busy)
        hours = [first + number * HOUR for number in range((max(busy) - first) // HOUR + 1)]
        quiet = [hour for hour in hours if hour not in busy]
        if quiet and len(busy) > len(hours) / 2:
            org, event_type = group[0].stream.org, group[0].event_type
            yield QuietHours(org=org, event_type=event_type, hours=quiet)


def _hourly(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The hourly files of each event type, the oldest first."""

    def kind(item: Item) -> tuple[str, str]:
        return item.stream.org, item.event_type

    hourly = [item for item in items if _sequence(item) >= 1]
    ordered = sorted(hourly, key=lambda item: (*kind(item), item.nominal, item.key))
    for _, group in groupby(ordered, key=kind):
        yield list(group)


def _sequence(item: Item) -> int:
    """1 and more for an hourly file, 0 for everything else."""
    return int(item.facts.get("sequence", 0)) if "file" in item.facts else 0


def _explained(hour: datetime, began: datetime) -> str:
    if hour + HOUR > began:
        return ""
    return "it may have been made before collecting began: `collector backfill` finds it"
