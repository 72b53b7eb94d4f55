"""The severity of an event or a window as SQL: the first case that holds, then every step."""

from __future__ import annotations

from collector.model import Rule, Severity, SeverityStep


def build_severity_sql(rule: Rule) -> str:
    """The severity of a row, 0 to 4, by the cases and then the steps of a rule."""
    cases = "".join(
        f" WHEN {case.predicate} THEN {int(case.level)}" for case in rule.severity_cases
    )
    severity = f"CASE{cases} ELSE {int(rule.level)} END" if cases else str(int(rule.level))
    for step in rule.severity_steps:
        severity = _apply_step(severity, step)
    return severity


def _apply_step(severity: str, step: SeverityStep) -> str:
    # One WHEN per level, so that the text of the severity does not double with every step.
    levels = " ".join(
        f"WHEN {int(level)} THEN CASE WHEN {step.predicate} THEN {_raise_level(level, step)}"
        f" ELSE {int(level)} END"
        for level in Severity
    )
    return f"CASE {severity} {levels} END"


def _raise_level(level: Severity, step: SeverityStep) -> int:
    return int(level.raise_by(step.increment, maximum=step.max_severity))
