"""What a year of a large org does to one machine: a table of month 1, 6 and 12.

    python tests/bench/year.py [--rows-per-day 1000000] [--months 1,6,12] [--minutes 60]

Time is compressed: what lies between the measuring points is written as the daemon leaves it
(`year_history.py`). At each point a collector that has just started lives through an hour of minute
polls of an embedded org on loopback, with log files, the shipped rules and two correlations over 24
hours, compaction and pruning as the daemon does them. Then the commands are asked, each in a
process of its own, at the simulated time. The default is a tenth of the rows of a large org, in as
many files; --rows-per-day 1000000 takes 25 GB of disk while it runs.

Seconds are wall time, and in brackets CPU time, which other work on the machine changes less.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from year_history import (
    DAY,
    MINUTE,
    POLLED_TYPES,
    HistoryWriter,
    count_rows,
    floor_to_day,
    list_types,
    record_days,
    record_files,
)

from collector import clock, engine
from collector.ingest.archive_claim import claim_archive
from collector.ingest.state_paths import StatePaths
from collector.store import ledger, tables
from collector.store.database import DATABASE_FILE_NAME, open_database

DAYS_AT_ONCE = 30
RUNS = 2

COMMANDS: dict[str, tuple[str, ...]] = {
    "status": ("status",),
    "alerts list": ("alerts", "list"),
    "archive status": ("archive", "status"),
    "hunt, a day": ("hunt", "--since", "24h", "SELECT count(*) FROM events"),
    "hunt, a day in SQL": ("hunt", "SELECT count(*) FROM events WHERE time >= '{day}'"),
    "hunt, one type": ("hunt", "SELECT user_name, count(*) FROM LoginEvent GROUP BY 1 LIMIT 9"),
    "hunt, everything": ("hunt", "--seconds", "600", "SELECT count(*) FROM events"),
}

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """The state that grows, and how."""

    paths: StatePaths
    types: list[str]
    rows_a_day: int
    minutes: int

    def write_history(self, first_day: datetime, end: datetime) -> None:
        """All that happened from one day on; on the last one the polled objects by the hour."""
        database = open_database(self.paths.state_dir)
        claim_archive(database, self.paths.archive)
        with engine.open_engine(self.paths.spool) as connection:
            writer = HistoryWriter(
                engine=connection,
                archive=self.paths.archive,
                types=self.types,
                rows_a_day=self.rows_a_day,
            )
            day = first_day
            while day < end:
                days = min(DAYS_AT_ONCE, (end - day).days)
                is_last = day + days * DAY == end
                for event_type in self.types:
                    is_split = is_last and event_type in POLLED_TYPES
                    with database.begin() as state:
                        if days > is_split:
                            record_files(
                                state, writer.write_files(event_type, day, days - is_split)
                            )
                        if is_split:
                            record_files(state, writer.write_hours(event_type, end, 24))
                with database.begin() as state:
                    record_days(state, self.types, day, days, point=end)
                day += days * DAY
                print(f"  {day:%Y-%m-%d}", file=sys.stderr, flush=True)
        database.close()

    def live(self, moment: datetime) -> dict[str, Any]:
        """An hour of polls in a process of its own."""
        events = [count_rows(self.types, name, self.rows_a_day) // 1440 for name in POLLED_TYPES]
        command = [
            *(sys.executable, str(FOLDER / "year_clock.py"), moment.isoformat()),
            *(str(FOLDER / "year_hour.py"), str(self.paths.state_dir.parent), str(self.minutes)),
            *(str(max(1, count)) for count in events),
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def measure_size(self) -> dict[str, str]:
        """The archive and the state, and what is in them."""
        database = open_database(self.paths.state_dir)
        with database.read() as state:
            files = ledger.list_archive_files(state)
            counts = {table.name: count_rows_of(state, table) for table in list_tables()}
        database.close()
        state_bytes = (self.paths.state_dir / DATABASE_FILE_NAME).stat().st_size
        return {
            "events": f"{sum(file.rows for file in files):,}",
            "files": f"{len(files):,}",
            "archive, MB": f"{sum(file.bytes for file in files) >> 20:,}",
            "state, MB": f"{state_bytes >> 20:,}",
            **{f"  rows of {name}": f"{count:,}" for name, count in counts.items() if count},
        }


def list_tables() -> list[sa.Table]:
    """The tables of the state, the largest of which ought to be explained."""
    return tables.metadata.sorted_tables


def count_rows_of(state: sa.Connection, table: sa.Table) -> int:
    """How many rows a table has."""
    return int(state.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def ask_commands(config: Path, moment: datetime) -> Iterator[tuple[str, str]]:
    """How long each command takes at a time, at best."""
    day = f"{moment - DAY:%Y-%m-%d %H:%M:%S}"
    for name, words in COMMANDS.items():
        asked = [word.format(day=day) for word in words]
        clock_words = (str(FOLDER / "year_clock.py"), moment.isoformat(), "collector")
        command = [sys.executable, *clock_words, *asked]
        yield name, _measure_command(command, {**os.environ, "COLLECTOR_CONFIG": str(config)})


def _measure_command(command: Sequence[str], environment: dict[str, str]) -> str:
    figures = []
    for _ in range(RUNS):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        wall = time.perf_counter() - begun
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        figures.append((wall, cpu))
        if done.returncode == 2:
            return "none yet"
        if done.returncode:
            return f"failed: {done.stderr.strip().splitlines()[-1][:40]}"
    wall, cpu = min(figures)
    return f"{wall:.2f} ({cpu:.2f})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows-per-day", type=int, default=100_000)
    parser.add_argument("--types", type=int, default=60)
    parser.add_argument("--months", default="1,6,12")
    parser.add_argument("--minutes", type=int, default=60)
    chosen = parser.parse_args()
    months = [int(month) for month in chosen.months.split(",")]
    with tempfile.TemporaryDirectory(prefix="collector-year-") as directory:
        paths = StatePaths(state_dir=Path(directory) / "state")
        paths.create_folders()
        year = Year(
            paths=paths,
            types=list_types(chosen.types),
            rows_a_day=chosen.rows_per_day,
            minutes=chosen.minutes,
        )
        columns = {f"month {month}": column for month, column in _measure_months(year, months)}
    print(f"{chosen.rows_per_day:,} events a day of {chosen.types} types")
    print_table(columns)


def _measure_months(year: Year, months: Sequence[int]) -> Iterator[tuple[int, dict[str, str]]]:
    """What is to be told of each measuring point, as soon as it is reached."""
    start = day = floor_to_day(clock.now()) - 366 * DAY
    for month in months:
        end = start + round(month * 365 / 12) * DAY
        print(f"month {month}", file=sys.stderr, flush=True)
        year.write_history(day, end)
        lived = year.live(end)
        moment = end + year.minutes * MINUTE
        asked = dict(ask_commands(year.paths.state_dir.parent / "collector.yaml", moment))
        column = {**year.measure_size(), **lived, **asked}
        print(json.dumps(column), file=sys.stderr, flush=True)
        yield month, column
        day = end + DAY


def print_table(columns: dict[str, dict[str, str]]) -> None:
    """A row for each figure that any month has, a column for each month."""
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    width = max(map(len, names))
    print(" " * width, *(f"{name:>18}" for name in columns))
    for name in names:
        print(f"{name:<{width}}", *(f"{column.get(name, '-'):>18}" for column in columns.values()))


if __name__ == "__main__":
    main()
