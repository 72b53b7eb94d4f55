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
from collector.assembly import Workbench, workbench
from collector.detect import RuleSet
from collector.model import Batch, Stream
from collector.segments import Cutter, Segments

NOMINAL = datetime(2026, 11, 10, tzinfo=UTC)

Run = dict[str, float]
Part = Callable[[Path], Run]


def measure(script: str, part: str, path: Path) -> Run:
    """What a part says of itself, run alone: `script --part part --csv path`."""
    command = [sys.executable, script, "--part", part, "--csv", str(path)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def best(script: str, part: str, path: Path, *, runs: int = 3) -> Run:
    """The fastest of several runs."""
    return min((measure(script, part, path) for _ in range(runs)), key=lambda run: run["seconds"])


def tell(parts: Mapping[str, Part], part: str, path: Path) -> None:
    """Run a part here and print what it says, for `measure`."""
    print(json.dumps(parts[part](path)))


def whole_path(path: Path, rules: RuleSet) -> Run:
    """A log file to the committed batch: cut as a download is cut, normalize, archive, detect."""
    with quiet_workbench(rules) as bench:
        begun = time.perf_counter()
        segments = cut(path, bench.places.spool, "bench")
        done = bench.pipeline.ingest(batch("whole", "RestApi", segments.paths, segments.columns))
        seconds = time.perf_counter() - begun
    return {"seconds": seconds, "peak": peak(), "rows": done.rows, "alerts": len(done.told)}


def cut(path: Path, spool: Path, name: str) -> Segments:
    """A file in segments, as a download is cut."""
    cutter = Cutter(spool, name)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            cutter.feed(chunk)
    return cutter.finish()


def quiet_workbench(rules: RuleSet) -> AbstractContextManager[Workbench]:
    """The path in a directory of its own, without log lines."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return workbench(rules)


def batch(key: str, event_type: str, paths: tuple[Path, ...], columns: tuple[str, ...]) -> Batch:
    """Segments as a batch of the day that the benches make up."""
    return Batch(
        key=key,
        stream=Stream(org="acme", source="bench", name="*"),
        event_type=event_type,
        nominal=NOMINAL,
        received=clock.now(),
        segments=paths,
        columns=columns,
        record_prefix="0AT5f0000000001AAA",
        dedupe=event_type == "ApiEvent",
        cursor=None,
    )


def peak() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
