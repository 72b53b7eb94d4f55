"""How the rules go, for `collector status`: how loading them went, and which fail."""

from __future__ import annotations

from datetime import datetime

from collector.api.status import RuleStatusReport
from collector.cli.output import (
    build_fixed_column,
    build_number_column,
    build_table,
    format_duration,
    print_line,
    print_table,
    to_cells,
    to_safe_text,
)


def print_rule_problems(report: RuleStatusReport, *, now: datetime) -> None:
    """What is wrong with rules; nothing where nothing is."""
    if report.problems:
        stay = (
            f"; the {report.last_loading.rules} rules of before stay at work"
            if report.last_loading
            else ""
        )
        print_line(f"Rule files are broken{stay}:")
        for problem in report.problems:
            print_line(f"  {to_safe_text(problem)}")
    rows = build_table(
        build_fixed_column("rule"),
        "org",
        build_number_column("failures"),
        build_number_column("last"),
        "reason",
        title="Rules that fail while they run",
    )
    for fault in report.faults:
        last = f"{format_duration(now - fault.last)} ago"
        rows.add_row(*to_cells((fault.rule, fault.org, f"{fault.count:,}", last, fault.reason)))
    if report.faults:
        print_table(rows)
