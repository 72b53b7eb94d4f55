"""`collector status --completeness`: the proof of what was collected."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from collector import clock, daily, sources
from collector.cli.common import (
    cells,
    counted,
    number,
    print_json,
    print_table,
    say,
    table,
    whole,
)
from collector.cli.options import duration, reading
from collector.completeness import Proof, prove
from collector.daily import Twins
from collector.errors import CollectorError
from collector.pipeline import Places
from collector.salesforce.client import Client
from collector.settings import Org, Settings
from collector.store import account, listing

Command = Callable[..., Any]

SHOWN = 20
"""Lines of a kind that are shown to a person; --json has all."""


def completeness_options(command: Command) -> Command:
    """Add the options of the proof: `show_completeness` takes them."""
    for option in (
        click.option(
            "--verify-daily",
            "verified",
            metavar="TYPE",
            multiple=True,
            help="As --daily, and count the rows of the daily files of this event type (a glob;"
            " may be repeated): one API call a file.",
        ),
        click.option(
            "--daily",
            "compares",
            is_flag=True,
            help="Hold the hourly files against the org's daily ones, by type and day.",
        ),
        click.option(
            "--since",
            default="7d",
            callback=duration,
            metavar="DURATION",
            show_default=True,
            help="How far back the proof reaches.",
        ),
        click.option(
            "--completeness",
            is_flag=True,
            help="Prove what was collected: listed, stored, quarantined, lost, pending, and gaps."
            " Exit code 1 when something is missing.",
        ),
    ):
        command = option(command)
    return command


def show_completeness(
    settings: Settings,
    *,
    since: timedelta,
    compares: bool,
    verified: Sequence[str],
    as_json: bool,
) -> None:
    """Print the proof of every org. Exits with 1 when something is missing.

    Raises CollectorError where nothing has been collected yet.
    """
    until = clock.now()
    complete = True
    for org in settings.orgs:
        proof = _proof(settings, org, since=until - since, until=until)
        twins = _twins(settings, org, proof, verified) if compares or verified else []
        problems = [*proof.problems, *_short(twins, until)]
        complete = complete and not problems
        if as_json:
            _print_json(proof, twins, problems)
        else:
            _print(proof, twins, problems)
    if not complete:
        raise click.exceptions.Exit(1)


def _proof(settings: Settings, org: Org, *, since: datetime, until: datetime) -> Proof:
    archive = Places(state_dir=settings.state_dir).archive
    with reading(settings) as connection:
        return prove(connection, org=org.name, since=since, until=until, archive=archive)


# ---- daily files


def _twins(settings: Settings, org: Org, proof: Proof, verified: Sequence[str]) -> list[Twins]:
    source = org.sources.event_log_file
    if source is None:
        return []
    with reading(settings) as connection:
        items = account.items(connection, org=org.name, since=proof.since, until=proof.until)
    mine = daily.hourly(items)
    if not mine:
        return []
    first = min(item.nominal for item in items if item.facts.get("sequence"))
    with closing(Client(org, stop=threading.Event())) as client, TemporaryDirectory() as spool:
        context = _context(org, client, Path(spool))
        try:
            return list(
                daily.compare(
                    context,
                    mine,
                    since=max(proof.since, first),
                    until=proof.until,
                    collected=lambda name: _fits(name, source.event_types),
                    counted=lambda name: _fits(name, verified),
                )
            )
        except CollectorError as error:
            raise CollectorError(f"the daily files could not be compared: {error}") from error


def _context(org: Org, client: Client, spool: Path) -> sources.Context:
    return sources.Context(
        org=org.name,
        client=client,
        catalog=sources.Catalog(client),
        spool=spool,
        known=lambda _keys: frozenset(),
        newest=lambda _stream: None,
    )


def _fits(name: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _short(twins: Sequence[Twins], now: datetime) -> Iterator[str]:
    for one in twins:
        if one.is_short(now):
            yield f"{one.org}/{one.event_type}: on {one.day} {one.verdict} against the daily file"


# ---- for scripts


def _print_json(proof: Proof, twins: Sequence[Twins], problems: Sequence[str]) -> None:
    parts: Mapping[str, Sequence[Any]] = {
        "count": proof.counts,
        "sequence_gap": proof.sequence_gaps,
        "quiet_hours": proof.quiet_hours,
        "windows": proof.windows,
        "archived": proof.archived,
    }
    for kind, group in parts.items():
        for one in group:
            print_json({"kind": kind, **asdict(one)})
    for twin in twins:
        print_json({"kind": "daily", **asdict(twin), "verdict": twin.verdict})
    print_json(
        {
            "kind": "proof",
            "org": proof.org,
            "since": proof.since,
            "until": proof.until,
            "complete": not problems,
            "pending": sum(count.pending for count in proof.counts),
            "problems": problems,
        }
    )


# ---- for people


def _print(proof: Proof, twins: Sequence[Twins], problems: Sequence[str]) -> None:
    _print_counts(proof)
    _print_windows(proof)
    _print_twins(twins)
    _print_information(proof)
    for problem in problems[:SHOWN]:
        say(f"missing: {problem}")
    if len(problems) > SHOWN:
        say(f"and {len(problems) - SHOWN:,} more: --json has all of them")
    if not problems:
        pending = sum(count.pending for count in proof.counts)
        rest = f"; {counted(pending, 'file')} pending until the next polls" if pending else ""
        say(f"{proof.org}: nothing is missing of what was listed or served{rest}")


def _print_counts(proof: Proof) -> None:
    """What nobody wants to see is shown only where there is some."""
    names = ("duplicates", "quarantined", "lost", "pending")
    some = [name for name in names if any(getattr(count, name) for count in proof.counts)]
    rows = table(
        "event type",
        number("listed"),
        number("stored"),
        number("events"),
        *map(number, some),
        title=f"What {proof.org} has listed since {_moment(proof.since)}",
    )
    for one in proof.counts:
        numbers = [f"{getattr(one, name):,}" for name in ("stored", "rows", *some)]
        rows.add_row(*cells((one.event_type, f"{one.listed:,} {one.unit}", *numbers)))
    if proof.counts:
        print_table(rows)


def _print_windows(proof: Proof) -> None:
    rows = table(
        "stream", whole("from"), whole("until"), number("gaps"), title="Time that was read"
    )
    for one in proof.windows:
        name = one.stream.replace(listing.SUFFIX, " (files by creation)")
        rows.add_row(*cells((name, _moment(one.start), _moment(one.until), len(one.gaps))))
    if proof.windows:
        print_table(rows)


def _print_twins(twins: Sequence[Twins]) -> None:
    rows = table(
        whole("day"),
        "event type",
        number("hourly"),
        number("daily"),
        "verdict",
        title="Hourly files against daily ones",
    )
    for one in twins:
        told = counted(one.hourly_rows, "event"), counted(one.daily_rows or 0, "event")
        if one.daily_rows is None:
            told = counted(one.hourly_bytes, "byte"), counted(one.daily_bytes or 0, "byte")
        rows.add_row(*cells((one.day, one.event_type, *told, one.trouble or one.verdict)))
    if twins:
        print_table(rows)


def _print_information(proof: Proof) -> None:
    """What looks like a gap and is none."""
    for one in proof.quiet_hours[:SHOWN]:
        hours = counted(len(one.hours), "hour")
        say(f"{one.event_type}: {hours} without a file, which is no gap: without events is none")
    for gap in [gap for gap in proof.sequence_gaps if gap.explained][:SHOWN]:
        missing = ", ".join(map(str, gap.missing))
        say(f"{gap.event_type}: file {missing} of {_moment(gap.hour)} is unknown: {gap.explained}")


def _moment(value: datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%SZ")
