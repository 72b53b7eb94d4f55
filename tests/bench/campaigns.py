"""Which alerts each of the thefts of 2024 to 2026 causes, and how many minutes after its begin.

    python tests/bench/campaigns.py [--learning-days 24]

Some weeks of an ordinary small company, then a day with every campaign of
`tests/fakes/month/campaigns.py`, each against a user of its own, with log files that come hours
late. With the shipped rules and default settings, on the real path, in a pass each half hour.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

sys.path.append(str(Path(__file__).parents[1]))
from fakes.month.calendar import OrdinaryMonth
from fakes.month.life import live_through_campaigns

FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC)


def main() -> None:
    """Print the alerts of each campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learning-days", type=int, default=24)
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    month = OrdinaryMonth(FIRST_DAY, staff_count=30, rarer_calls=40)
    with tempfile.TemporaryDirectory(prefix="collector-campaigns-") as folder:
        found = live_through_campaigns(month, Path(folder), learning_days=chosen.learning_days)
    for name, alerts in found.items():
        print(name)
        for alert, delay in sorted(alerts, key=lambda each: (-each[0].severity, each[1])):
            minutes = delay // timedelta(minutes=1)
            print(f"  {minutes:>5} min  {alert.severity!s:<14}{alert.rule:<32}{alert.title[:110]}")


if __name__ == "__main__":
    main()
