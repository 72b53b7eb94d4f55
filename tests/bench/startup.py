"""What each command that reads takes of a core from its start to its end, and what it loads.

By hand, beside a configuration with a state in which something was collected:

    python tests/bench/startup.py -c collector.yaml [--against OTHER_CHECKOUT]

The fastest of several runs counts, so that compiling and other people's work do not. SQLAlchemy
alone, which no state is read without, is measured in between: on a machine that is busy, compare
with it.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path

COMMANDS = (
    "--help",
    "alerts list",
    "deliveries list",
    "quarantine list",
    "status",
    "rules list",
    "rules lint",
    "rules coverage",
    "hunt SELECT 1",
)

WITHOUT_CONFIGURATION = ("--help", "rules list", "rules lint")

COUNT_MODULES = """
import sys
from collector.cli import main
try:
    main()
finally:
    print(len(sys.modules), file=sys.stderr)
"""


def main() -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config", required=True)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    here = Path(__file__).parents[2]
    folders = [here, *([chosen.against] if chosen.against else [])]
    print(f"{'command':20}" + "".join(f"{'CPU s':>9} {'modules':>8}" for _ in folders) + "  unit")
    for line in COMMANDS:
        words = line.split(" ", 1) if line.startswith("hunt") else line.split()
        if line not in WITHOUT_CONFIGURATION:
            words += ["-c", chosen.config]
        cells, unit = "", float("inf")
        for folder in folders:
            seconds = float("inf")
            for _ in range(chosen.runs):
                seconds = min(seconds, measure_process(folder, ["-m", "collector", *words]))
                unit = min(unit, measure_process(folder, ["-c", "import sqlalchemy"]))
            cells += f"{seconds:9.3f} {count_modules(folder, words):8}"
        print(f"{line:20}{cells}  {unit:.3f}", flush=True)


def measure_process(folder: Path, words: list[str]) -> float:
    """The processor's seconds that Python takes for this, with the package of a folder."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run_python(folder, words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def count_modules(folder: Path, words: list[str]) -> int:
    """How many modules a command has at its end."""
    return int(run_python(folder, ["-c", COUNT_MODULES, *words]).split()[-1])


def run_python(folder: Path, words: list[str]) -> str:
    """What Python says on stderr; it may keep what it compiles, as it does for users."""
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        [sys.executable, *words],
        env={**environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    ).stderr


if __name__ == "__main__":
    main()
