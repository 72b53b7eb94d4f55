"""What every bench needs: a part in a process of its own, the file as a batch, the peak."""

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import structlog

from collector import clock
from collector.csv_segments import CsvSegmenter, CsvSegments
from collector.detect import RuleSet
from collector.ingest.temporary_pipeline import TemporaryPipeline, open_temporary_pipeline
from collector.model import Batch, Stream

LOG_TIME = datetime(2026, 11, 10, tzinfo=UTC)

RunFigures = dict[str, float]
MeasuredPart = Callable[[Path], RunFigures]


def measure_part(script: str, part: str, path: Path) -> RunFigures:
    """What a part says of itself, run alone: `script --part part --csv path`."""
    command = [sys.executable, script, "--part", part, "--csv", str(path)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def measure_best(script: str, part: str, path: Path, *, runs: int = 3) -> RunFigures:
    """The fastest of several runs."""
    return min(
        (measure_part(script, part, path) for _ in range(runs)), key=lambda run: run["seconds"]
    )


def print_figures(parts: Mapping[str, MeasuredPart], part: str, path: Path) -> None:
    """Run a part here and print what it says, for `measure`."""
    print(json.dumps(parts[part](path)))


def measure_whole_path(path: Path, rules: RuleSet) -> RunFigures:
    """A log file to the committed batch: cut as a download is cut, normalize, archive, detect."""
    with open_quiet_workbench(rules) as bench:
        begun = time.perf_counter()
        segments = cut_segments(path, bench.paths.spool, "bench")
        done = bench.pipeline.ingest(
            build_batch("whole", "RestApi", segments.paths, segments.columns)
        )
        seconds = time.perf_counter() - begun
    return {
        "seconds": seconds,
        "peak": measure_peak_memory(),
        "rows": done.rows,
        "alerts": len(done.notified_alerts),
    }


def cut_segments(path: Path, spool: Path, name: str) -> CsvSegments:
    """A file in segments, as a download is cut."""
    cutter = CsvSegmenter(spool, name)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            cutter.feed_chunk(chunk)
    return cutter.finish_segments()


def open_quiet_workbench(rules: RuleSet) -> AbstractContextManager[TemporaryPipeline]:
    """The path in a directory of its own, without log lines."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return open_temporary_pipeline(rules)


def build_batch(
    key: str, event_type: str, paths: tuple[Path, ...], columns: tuple[str, ...]
) -> Batch:
    """Segments as a batch of the day that the benches make up."""
    return Batch(
        key=key,
        stream=Stream(org="acme", source="bench", name="*"),
        event_type=event_type,
        log_time=LOG_TIME,
        received=clock.now(),
        segments=paths,
        columns=columns,
        record_prefix=key,  # no two events of a bench have one uid
        dedupe=event_type == "ApiEvent",
        cursor=None,
    )


def measure_peak_memory() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
