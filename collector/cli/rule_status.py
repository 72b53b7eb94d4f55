"""How the rules go, for `collector status`: how loading them went, and which fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

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
from collector.store.rule_status import RuleFault, RuleLoadStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStatusReport:
    """The rules that are at work, and those of the files.

    Attributes:
        loading: how the daemon's last loading went; None where none has run yet.
        faults: rules that fail while they run.
        problems: what is wrong with the files now, sentences that begin with file:line:column.
    """

    last_loading: RuleLoadStatus | None
    faults: tuple[RuleFault, ...]
    problems: tuple[str, ...]


def list_rule_objects(state: RuleStatusReport) -> Iterator[dict[str, Any]]:
    """The same as objects for scripts."""
    if state.last_loading is not None:
        yield {"kind": "rules", **asdict(state.last_loading)}
    for problem in state.problems:
        yield {"kind": "rule_problem", "problem": problem}
    for fault in state.faults:
        yield {"kind": "rule_fault", **asdict(fault)}


def print_rule_problems(state: RuleStatusReport, *, now: datetime) -> None:
    """What is wrong with rules; nothing where nothing is."""
    if state.problems:
        stay = (
            f"; the {state.last_loading.rules} rules of before stay at work"
            if state.last_loading
            else ""
        )
        print_line(f"Rule files are broken{stay}:")
        for problem in state.problems:
            print_line(f"  {to_safe_text(problem)}")
    rows = build_table(
        build_fixed_column("rule"),
        "org",
        build_number_column("failures"),
        build_number_column("last"),
        "reason",
        title="Rules that fail while they run",
    )
    for fault in state.faults:
        last = f"{format_duration(now - fault.last)} ago"
        rows.add_row(*to_cells((fault.rule, fault.org, f"{fault.count:,}", last, fault.reason)))
    if state.faults:
        print_table(rows)
