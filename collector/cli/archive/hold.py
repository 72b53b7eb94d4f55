"""`collector archive hold`: what must not be pruned."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from collector.api.holds import (
    Hold,
    HoldScope,
    list_holds,
    place_hold,
    release_hold,
    to_json,
)
from collector.cli.options import config_option, json_option, load_settings, refuse_empty
from collector.cli.output import (
    add_row,
    build_number_column,
    build_table,
    build_wrapping_column,
    format_count,
    print_json,
    print_json_lines,
    print_line,
    print_table,
)

_MAX_ID = 2**63 - 1
"""Of what a database counts."""

_DAY_FORMAT = "%Y-%m-%d"
_TIME = click.DateTime([_DAY_FORMAT, "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
_TIME_METAVAR = "2026-10-01[T12:30]"


@click.group("hold")
def command() -> None:
    """Keep events and alerts for longer than the configuration says."""


def _find_user_name() -> str:
    """Who runs the command; its uid where nobody has given that a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _parse_begin(
    _context: click.Context, _parameter: click.Parameter, value: datetime | None
) -> datetime | None:
    return None if value is None else value.replace(tzinfo=UTC)


def _parse_end(
    _context: click.Context, _parameter: click.Parameter, value: datetime | None
) -> datetime | None:
    """A time that is a whole day means all of it."""
    if value is None:
        return None
    is_day = value.time() == datetime.min.time()
    return value.replace(tzinfo=UTC) + (timedelta(days=1) if is_day else timedelta())


@command.command("add")
@config_option
@json_option
@click.option("--reason", required=True, help="Why: an incident, a case, who asked for it.")
@click.option("--org", callback=refuse_empty, help="Only of this org.")
@click.option("--event-type", callback=refuse_empty, help="Only events of this type, or glob.")
@click.option(
    "--from", "start", type=_TIME, callback=_parse_begin, metavar=_TIME_METAVAR, help="From then."
)
@click.option(
    "--until", type=_TIME, callback=_parse_end, metavar=_TIME_METAVAR, help="Up to then (UTC)."
)
@click.option("--by", "placed_by", default=_find_user_name, help="Who asks for it; else you.")
def add_hold(
    config: Path,
    *,
    as_json: bool,
    reason: str,
    org: str | None,
    event_type: str | None,
    start: datetime | None,
    until: datetime | None,
    placed_by: str,
) -> None:
    """Keep the events that it covers, and the alerts of that time, until it is released.

    Without options, all there is. The daemon heeds it from its next transaction on.
    """
    scope = HoldScope(org=org or "", event_type=event_type or "", start=start, until=until)
    placed = place_hold(load_settings(config), scope, reason=reason, placed_by=placed_by)
    if as_json:
        print_json({**to_json(placed.hold), "files": placed.files, "rows": placed.rows})
        return
    hold = placed.hold
    print_line(f"hold {hold.id} keeps {_describe_scope(hold)}, until it is released")
    if placed.files:
        rows, files = format_count(placed.rows, "event"), format_count(placed.files, "file")
        print_line(f"as things are, that is {rows} in {files}")
    else:
        print_line("as things are, that is nothing: are org, type and time as they are meant?")


@command.command("list")
@config_option
@json_option
@click.option("--all", "everything", is_flag=True, help="Also those that are released.")
def list_placed_holds(config: Path, *, as_json: bool, everything: bool) -> None:
    """The holds: what each keeps, who placed it, and why."""
    holds = list_holds(load_settings(config), include_released=everything)
    if as_json:
        print_json_lines(map(to_json, holds))
    elif holds:
        _print_holds(holds)
    else:
        print_line("there is no hold: all goes when it is older than the configuration says")


@command.command("release")
@config_option
@json_option
@click.argument("hold_id", metavar="ID", type=click.IntRange(min=1, max=_MAX_ID))
@click.option("--by", "released_by", default=_find_user_name, help="Who asks for it; else you.")
def release_placed_hold(config: Path, *, as_json: bool, hold_id: int, released_by: str) -> None:
    """Release a hold: what only it kept goes with the next pruning."""
    hold = release_hold(load_settings(config), hold_id, released_by=released_by)
    if as_json:
        print_json(to_json(hold))
        return
    print_line(f"hold {hold_id} is released: {_describe_scope(hold)} may go when it is too old")


def _print_holds(holds: Sequence[Hold]) -> None:
    table = build_table(
        build_number_column("id"),
        build_wrapping_column("keeps"),
        "placed",
        "by",
        build_wrapping_column("why"),
        "released",
    )
    for hold in holds:
        released = (
            "" if hold.released is None else f"{hold.released:%Y-%m-%d} by {hold.released_by}"
        )
        row = (f"{hold.placed:%Y-%m-%d}", hold.placed_by, hold.reason, released)
        add_row(table, hold.id, _describe_scope(hold), *row)
    print_table(table)


def _describe_scope(hold: Hold) -> str:
    scope = hold.scope
    words = [
        f"events of type {scope.event_type}" if scope.event_type else "all events",
        f"of {scope.org}" if scope.org else "",
        f"from {scope.start:%Y-%m-%d %H:%M}Z" if scope.start else "",
        f"to {scope.until:%Y-%m-%d %H:%M}Z" if scope.until else "",
    ]
    return " ".join(filter(None, words))
