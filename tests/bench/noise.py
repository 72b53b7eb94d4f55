"""How often the shipped rules would tell somebody on an ordinary month of 300 people.

    python tests/bench/noise.py [--days 28]

Four weeks to learn from, then four that are counted: integrations, nightly extracts, a weekly
backup, report exports and a month's end, administrators at work, travel, phones, forgotten
passwords, a leaver's mail client, joiners, a new administrator, the rollout of an app. Nobody does
wrong. `tests/fakes/month` has it. With the shipped rules and default settings, on the real path.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import structlog

from collector.model import Severity

sys.path.append(str(Path(__file__).parents[1]))
from fakes.month.calendar import LEARNING_DAYS, MONTH_DAYS, OrdinaryMonth
from fakes.month.life import MonthOfAlerts, live_through

FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=MONTH_DAYS)
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    month = OrdinaryMonth(FIRST_DAY)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="collector-noise-") as folder:
        lived = live_through(month, Path(folder), learning_days=LEARNING_DAYS, days=chosen.days)
    print_table(lived)
    print(f"{time.perf_counter() - begun:.0f} s", file=sys.stderr)


def print_table(lived: MonthOfAlerts) -> None:
    """A row for each rule and severity, then what the whole pack tells a week."""
    print(f"{'rule':<36}{'severity':<16}{'alerts a week':>14}{'told a week':>14}")
    for (rule, severity), (raised, told) in lived.count_rules().items():
        row = f"{raised / lived.weeks:>14.1f}{told / lived.weeks:>14.1f}"
        print(f"{rule:<36}{severity!s:<16}{row}")
    high = lived.count_told_a_week(Severity.HIGH)
    told = lived.count_told_a_week(Severity.INFORMATIONAL)
    print(f"told a week: {told:.1f}, of which high or critical: {high:.1f}")


if __name__ == "__main__":
    main()
