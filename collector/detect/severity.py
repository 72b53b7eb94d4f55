"""How grave an event or a window is, as SQL: the first case that holds, then every step."""

from __future__ import annotations

from collector.model import Rule, Severity, SeverityStep


def severity(rule: Rule) -> str:
    """The severity of a row, 0 to 4, by the cases and then the steps of a rule."""
    cases = "".join(f" WHEN {case.predicate} THEN {int(case.level)}" for case in rule.cases)
    found = f"CASE{cases} ELSE {int(rule.level)} END" if cases else str(int(rule.level))
    for step in rule.steps:
        found = _raised(found, step)
    return found


def _raised(found: str, step: SeverityStep) -> str:
    # One line per level, because the text of what was found must not double with every step.
    levels = " ".join(
        f"WHEN {int(level)} THEN CASE WHEN {step.predicate} THEN {_more(level, step)}"
        f" ELSE {int(level)} END"
        for level in Severity
    )
    return f"CASE {found} {levels} END"


def _more(level: Severity, step: SeverityStep) -> int:
    return max(int(level), min(level + step.add, int(step.most)))
