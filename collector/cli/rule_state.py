"""How the rules go, for `collector status`: how loading them went, and which fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from collector.cli.common import cells, number, print_table, say, shown, span, table, whole
from collector.store.rules import Fault, Loading


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleState:
    """The rules that are at work, and those of the files.

    Attributes:
        loading: how the daemon's last loading went; None where none has run yet.
        faults: rules that fail while they run.
        problems: what is wrong with the files now, sentences that begin with file:line:column.
    """

    loading: Loading | None
    faults: tuple[Fault, ...]
    problems: tuple[str, ...]


def rule_lines(state: RuleState) -> Iterator[dict[str, Any]]:
    """The same as objects for scripts."""
    if state.loading is not None:
        yield {"kind": "rules", **asdict(state.loading)}
    for problem in state.problems:
        yield {"kind": "rule_problem", "problem": problem}
    for fault in state.faults:
        yield {"kind": "rule_fault", **asdict(fault)}


def print_rules(state: RuleState, *, now: datetime) -> None:
    """What is wrong with rules; nothing where nothing is."""
    if state.problems:
        stay = f"; the {state.loading.rules} rules of before stay at work" if state.loading else ""
        say(f"Rule files are broken{stay}:")
        for problem in state.problems:
            say(f"  {shown(problem)}")
    rows = table(
        whole("rule"),
        "org",
        number("failures"),
        number("last"),
        "reason",
        title="Rules that fail while they run",
    )
    for fault in state.faults:
        last = f"{span(now - fault.last)} ago"
        rows.add_row(*cells((fault.rule, fault.org, f"{fault.count:,}", last, fault.reason)))
    if state.faults:
        print_table(rows)
