"""What `collector status` says of what is kept: how long, and what is known of users and apps."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from collector.api.directory_status import DirectoryStatus
from collector.api.retention_status import RetentionStatus
from collector.cli.output import format_count, format_duration, print_paragraph


def print_retention(kept: RetentionStatus | None, now: datetime) -> None:
    """How long events and alerts are kept."""
    if kept is None:
        return
    by_type = "".join(f", {name} {days} d" for name, days in kept.by_type_days.items())
    last = (
        f"last pruned {format_duration(now - kept.last_run.finished)} ago"
        if kept.last_run
        else "not pruned yet"
    )
    holds = f"; {format_count(kept.holds, 'hold')}" if kept.holds else ""
    print_paragraph(
        f"kept: events {kept.retention_days} d{by_type}; alerts {kept.alert_days} d; {last}{holds}"
    )


def print_directories(directories: Iterable[DirectoryStatus]) -> None:
    """What is known of each org, and what the org keeps from us."""
    for directory in directories:
        counts = [format_count(number, kind) for kind, number in directory.entries.items()]
        unknown = (
            f"; of none of its users is known: {', '.join(directory.unknown)} (`collector check`"
            " says which permission is missing)"
            if directory.unknown
            else ""
        )
        print_paragraph(f"directory of {directory.org}: {', '.join(counts)}{unknown}")
