"""Runs `collector` or a script at a simulated time: before anything has asked for the time.

python tests/bench/year_clock.py MOMENT collector|SCRIPT ARGUMENTS...
"""

from __future__ import annotations

import runpy
import sys
from datetime import datetime
from pathlib import Path

from collector import clock

sys.path.append(str(Path(__file__).parents[1]))
from fakes.manual_clock import ManualClock


def main() -> None:
    """Run it; `clock.now` is a `ManualClock`."""
    _, moment, program, *arguments = sys.argv
    clock.now = ManualClock(datetime.fromisoformat(moment))
    sys.argv = [program, *arguments]
    if program == "collector":
        runpy.run_module("collector", run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
