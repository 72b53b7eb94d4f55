"""`collector archive status`: the files of the archive, by org and type."""

from __future__ import annotations

from pathlib import Path

import click

from collector.api.archive_status import ArchiveStatus, read_archive_status, to_json
from collector.cli.options import config_option, json_option, load_settings
from collector.cli.output import (
    add_row,
    build_fixed_column,
    build_number_column,
    build_table,
    format_count,
    print_json,
    print_pairs,
    print_table,
)
from collector.disk_space import format_bytes


@click.command("status")
@config_option
@json_option
def command(config: Path, *, as_json: bool) -> None:
    """Tell how many files there are of each event type, their events, bytes and days.

    Small files become few while the daemon works; what they were is deleted an hour later. Beside
    them: what is damaged, set aside as strays, in quarantine, and the room on the disk.
    """
    status = read_archive_status(load_settings(config))
    if as_json:
        print_json(to_json(status))
    else:
        _print_status(status)


def _print_status(status: ArchiveStatus) -> None:
    rows = build_table(
        build_fixed_column("org"),
        build_fixed_column("type"),
        build_number_column("files"),
        build_number_column("small"),
        build_number_column("events"),
        build_number_column("size"),
        build_fixed_column("first day"),
        build_fixed_column("last day"),
        title=status.place,
    )
    for total in status.totals:
        add_row(
            rows,
            total.org,
            total.event_type,
            f"{total.files:,}",
            f"{total.small_files:,}",
            f"{total.rows:,}",
            format_bytes(total.bytes),
            total.first_day,
            total.last_day,
        )
    print_table(rows)
    counts = {
        "retired, deleted after an hour": status.retired,
        "damaged": status.damaged,
        "strays": status.strays,
        "quarantine": status.quarantined,
    }
    pairs = [
        (name, f"{format_count(each.files, 'file')}, {format_bytes(each.bytes)}")
        for name, each in counts.items()
    ]
    free, total_bytes = status.disk.free_bytes, status.disk.total_bytes
    room = f"{format_bytes(free)} free of {format_bytes(total_bytes)}"
    print_pairs("Beside it", [*pairs, ("disk", room)])
