"""What a poll costs in an org that is polled each minute, with rules that look a day back.

    python tests/bench/windows.py [--hours 1,3,5,11] [--whole]

A stored object brings some events a minute; minutes are simulated, each is a batch of the real
path. Measured is what taking one in takes after some hours, with the shipped rules and two
correlations over 24 hours, with the archive as it was written and compacted as the daemon does it,
each in a process of its own. `--whole` runs the rules over every minute and tells how memory grows;
without it the hours before are only written.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from measuring import measure_peak_memory

from collector import clock
from collector.csv_segments import CsvSegmenter
from collector.detect import RuleSet, lists
from collector.detect.loader import load_rule_set
from collector.ingest.temporary_pipeline import TemporaryPipeline, open_temporary_pipeline
from collector.model import Batch, Cursor, Stream, WindowFacts
from collector.rules.rule_files import EVENT_SCHEMA
from collector.settings.shipped_files import find_shipped_folder
from collector.sources.spec import Lane
from collector.store import ledger

sys.path.append(str(Path(__file__).parents[1]))
from fakes.pipeline_bench import render_elf_csv

MINUTE = timedelta(minutes=1)
EVENTS_A_MINUTE = 20
MEASURED_POLLS = 9
STREAM = Stream(org="acme", source="stored_events", name="LoginEvent")

LONG_RULES = """\
title: Sign-in
id: 5d0f6e52-7a0e-4a39-9f59-3a1c5d2e0b01
name: signed-in
level: low
logsource: {product: salesforce, service: LoginEvent}
detection: {s: {outcome: success}, condition: s}
---
title: Many sign-ins
id: 5d0f6e52-7a0e-4a39-9f59-3a1c5d2e0b02
name: many
level: low
correlation:
  type: event_count
  rules: [signed-in]
  group-by: [user_id]
  timespan: 24h
  condition: {gte: 90000}
---
title: Many addresses
id: 5d0f6e52-7a0e-4a39-9f59-3a1c5d2e0b03
name: addresses
level: low
correlation:
  type: value_count
  rules: [signed-in]
  group-by: [user_id]
  timespan: 24h
  condition: {field: source_ip, gte: 90000}
"""


def build_minute(bench: TemporaryPipeline, start: datetime, number: int) -> Batch:
    """The batch of a minute."""
    end = start + (number + 1) * MINUTE
    rows = [
        {
            "EventIdentifier": f"{number:08}-{row:04}",
            "EventDate": f"{end - timedelta(seconds=row):%Y-%m-%dT%H:%M:%S}.000Z",
            "UserId": f"0050000000{(number * 7 + row) % 300:05}AAA",
            "Username": f"user{(number * 7 + row) % 300}@example.com",
            "SourceIp": f"203.0.113.{row}",
            "Status": "Success",
            "Browser": "Chrome 130",
            "Platform": "Windows 11",
            "LoginType": "Application",
            "LoginKey": f"k{number:08}{row:04}",
            "Application": "Browser",
        }
        for row in range(EVENTS_A_MINUTE)
    ]
    cutter = CsvSegmenter(bench.paths.spool, f"m{number}")
    cutter.feed_chunk(render_elf_csv(rows))
    segments = cutter.finish_segments()
    return Batch(
        key=f"{number:032}",
        stream=STREAM,
        event_type="LoginEvent",
        log_time=end,
        received=end + timedelta(seconds=20),
        segments=segments.paths,
        columns=segments.columns,
        record_prefix="",
        dedupe=True,
        cursor=Cursor(time=end),
        facts=WindowFacts(start=end - MINUTE, until=end, rows=EVENTS_A_MINUTE, is_truncated=False),
    )


def load_rules(folder: Path) -> RuleSet:
    """The shipped rules, and those over a day."""
    path = folder / "long.yml"
    path.write_text(LONG_RULES)
    folders = [find_shipped_folder("rules"), path]
    return load_rule_set(folders, schema=EVENT_SCHEMA, lists=lists.load_lists(folders))


def measure_hours(hours: int, *, is_compacted: bool, is_whole: bool) -> dict[str, Any]:
    """What a poll takes after so many hours, in milliseconds, and what memory there is by then."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=hours)
    with open_temporary_pipeline(RuleSet(rules=())) as bench:
        rules = load_rules(bench.paths.spool)
        if is_whole:
            bench.pipeline.set_rules(rules)
        grown: list[int] = []
        compacting = 0.0
        for number in range(hours * 60):
            bench.pipeline.ingest(build_minute(bench, start, number), lane=Lane.URGENT)
            if is_compacted:
                begun = time.perf_counter()
                bench.pipeline.compactor.compact_recent_days()
                compacting += time.perf_counter() - begun
            if number % 60 == 59:
                grown.append(read_resident_memory())
        bench.pipeline.set_rules(rules)
        seconds = [
            measure_poll(bench, build_minute(bench, start, hours * 60 + number))
            for number in range(MEASURED_POLLS)
        ]
        with bench.database.read() as connection:
            files = len(ledger.list_archive_files(connection))
    return {
        "milliseconds": round(statistics.median(seconds[2:]) * 1000),
        "slowest": round(max(seconds[2:]) * 1000),
        "files": files,
        "compacting": round(compacting / (hours * 60) * 1000),
        "memory": grown,
        "peak": round(measure_peak_memory()),
    }


def measure_poll(bench: TemporaryPipeline, batch: Batch) -> float:
    """Seconds that taking a batch in takes."""
    begun = clock.monotonic()
    bench.pipeline.ingest(replace(batch), lane=Lane.URGENT)
    return clock.monotonic() - begun


def read_resident_memory() -> int:
    """What this process holds now, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 >> 20


def run_part(hours: int, *extra: str) -> dict[str, Any]:
    """A measurement in a process of its own."""
    command = [sys.executable, __file__, "--part", str(hours), *extra]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", default="1,3,5,11")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--part", type=int)
    parser.add_argument("--compacted", action="store_true")
    options = parser.parse_args()
    if options.part is not None:
        part = measure_hours(options.part, is_compacted=options.compacted, is_whole=options.whole)
        print(json.dumps(part))
        return
    extra = ["--whole"] if options.whole else []
    print("hours  as written: files, ms a poll    compacted: files, ms a poll   ratio")
    for hours in map(int, options.hours.split(",")):
        plain, compacted = run_part(hours, *extra), run_part(hours, "--compacted", *extra)
        ratio = plain["milliseconds"] / max(1, compacted["milliseconds"])
        print(
            f"{hours:>5}  {plain['files']:>17,} {plain['milliseconds']:>11,}"
            f" {compacted['files']:>24,} {compacted['milliseconds']:>10,} {ratio:>10.1f}"
            f"   ({compacted['compacting']} ms of compacting a minute)"
        )
        if options.whole:
            print(f"       memory by hour, MB: {plain['memory']}, peak {plain['peak']}")
            print(f"       the same compacted: {compacted['memory']}, peak {compacted['peak']}")


if __name__ == "__main__":
    main()
